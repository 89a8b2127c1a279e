/* SPDX-License-Identifier: MIT */
/* wsksim show CASE: report, interleaving and wsk1: line, from a run made now. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/case_text.h"
#include "replay/command.h"
#include "replay/minimise.h"
#include "replay/runner.h"

static void print_facts(const struct command_case *c)
{
    const struct store_record *r = &c->record;
    char size[128], options[REPLAY_OPTIONS_TEXT_MAX];
    struct minimise_size measured = minimise_measure(&r->replay);
    minimise_size_text(&measured, size, sizeof size);
    replay_options_text(&r->replay.options, options, sizeof options);
    printf("%s of %s-%s: %s", c->origin, r->replay.module, r->replay.identity, size);
    if (options[0] != '\0') {
        printf(", options %s", options);
    }
    if (r->id != 0 && r->minimised_from == 0) {
        printf("\nfound by %s, seed %llu, run %llu; fingerprint %016llx", r->strategy,
               (unsigned long long)r->seed, (unsigned long long)r->run,
               (unsigned long long)r->replay.fingerprint);
    }
    if (r->minimised_from != 0) {
        printf("\nmade smaller from case %lld; fingerprint %016llx", (long long)r->minimised_from,
               (unsigned long long)r->replay.fingerprint);
    }
    printf("\n\n");
}

/* The module is gone: what was written down when it was found is all there is. */
static int show_stored(const struct command_case *c)
{
    if (c->record.report == NULL || c->record.report[0] == '\0') {
        return command_refuse("%s: no such module; name it after the case", c->module_path);
    }
    printf("(the module %s is not there: this is the report of the day it was found)\n\n",
           c->module_path);
    printf("SUMMARY: wsksim: %s\n\n%s", c->record.title, c->record.report);
    return EXIT_CODE_CLEAN;
}

static void print_line(const struct command_case *c)
{
    char *line = replay_case_text(&c->record.replay);
    if (line != NULL && !c->is_input) {
        printf("\n%s\n", line);
    }
    free(line);
}

static int keep_events(const struct flags *flags, const struct command_case *c,
                       const struct explanation *e)
{
    struct store *store;
    if (c->record.id == 0) {
        return command_refuse("-store_events=1 needs a case of the database");
    }
    if (store_open(&store, flags->db, STORE_WRITE) != STORE_OK) {
        return command_refuse("%s", store_error(NULL));
    }
    int code = EXIT_CODE_CLEAN;
    if (store_put_events(store, c->record.id, e->events != NULL ? e->events : "") != STORE_OK) {
        code = command_refuse("%s", store_error(store));
    }
    store_close(store);
    return code;
}

static int show(const struct flags *flags, const struct command_case *c)
{
    struct explanation e;
    const struct explain_style style = command_style(flags);
    bool is_json = strcmp(flags->trace, "json") == 0;
    enum explain_result result = explain_case(c->module_path, &c->record.replay, &style, &e);
    if (result == EXPLAIN_FAILED) {
        int code = command_refuse("%s", e.report != NULL ? e.report : "no process for the driver");
        explanation_free(&e);
        return code;
    }
    int code = EXIT_CODE_CLEAN;
    if (is_json) {
        fputs(e.events != NULL ? e.events : "", stdout);
    } else {
        print_facts(c);
        if (c->record.id != 0 && e.fingerprint != c->record.replay.fingerprint) {
            printf("(this run is not the recorded one: 'wsksim replay' says where it differs)\n\n");
        }
        command_print_explanation(&e);
        print_line(c);
    }
    if (flags->store_events == 1) {
        code = keep_events(flags, c, &e);
    }
    explanation_free(&e);
    return code;
}

/* A fuzz input is shown as the case it makes. */
static int take_input(const struct flags *flags, struct command_case *c)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    static struct worker_finding out;
    struct replay_case *r = &c->record.replay;
    struct runner *runner =
        runner_open(c->module_path, (uint32_t)flags->timeout, message, sizeof message);
    if (runner == NULL) {
        return command_refuse("%s", message);
    }
    enum worker_event event = runner_bytes(runner, &r->options, r->choices, r->choices_size, &out);
    runner_close(runner);
    if (event != WORKER_ANSWER && event != WORKER_CRASHED && event != WORKER_TIMEOUT) {
        return command_refuse("%s", out.message);
    }
    replay_case_free(r);
    *r = out.replay;
    c->is_input = false;
    return EXIT_CODE_CLEAN;
}

int command_show(const struct flags *flags)
{
    struct command_case c;
    int code = EXIT_CODE_CLEAN;
    if (!command_case_find(flags, &c)) {
        return EXIT_CODE_USAGE;
    }
    if (access(c.module_path, R_OK) != 0) {
        code = show_stored(&c);
    } else {
        if (c.is_input) {
            code = take_input(flags, &c);
        }
        if (code == EXIT_CODE_CLEAN) {
            code = show(flags, &c);
        }
    }
    command_case_free(&c);
    return code;
}
