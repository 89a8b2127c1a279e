/* SPDX-License-Identifier: MIT */
/* See explain.h. The child writes its answer as lengths and bytes into a pipe and ends. */
#define _GNU_SOURCE
#include "replay/explain.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay/watchdog.h"
#include "replay/worker.h"

enum { EXPLAIN_TIMEOUT_S = 30, PARTS = 4, PART_BYTES_MAX = 1 << 30 };

struct answer {
    struct explanation e; /* pointers meaningless */
    size_t size[PARTS];   /* title, report, table, events; 0 = absent, else with its NUL */
    bool opened;
};

static struct choice_log explain_log; /* of the child */

/* ---- words ---- */

uint64_t explain_signature(struct symbols *symbols, const struct sim_violation *v)
{
    const uintptr_t site[2] = {v->stack_depth > 0 ? v->stack[0] : v->here.site, v->prior.site};
    uint64_t hash = sim_mix(0x7369676eull, v->rule);
    for (int i = 0; i < 2; i++) {
        struct symbol symbol = symbols_find(symbols, site[i]);
        for (const char *p = symbol.function; *p != '\0'; p++) {
            hash = sim_mix(hash, (uint8_t)*p);
        }
        hash = sim_mix(hash,
                       v->rule == RULE_SYS_LIVELOCK ? 0 : symbol.ordinal); /* anywhere in a loop */
        hash = sim_mix(hash, v->object[i] >> 24);
    }
    return hash == 0 ? 1 : hash;
}

char *explain_title(struct symbols *symbols, const struct sim_violation *v)
{
    char place[384], *text = NULL;
    symbols_text(symbols, v->stack_depth > 0 ? v->stack[0] : v->here.site, place, sizeof place);
    if (asprintf(&text, "%s: %s, in %s", model_rules[v->rule].id, v->text, place) < 0) {
        return NULL;
    }
    return text;
}

static void print_stack(FILE *out, struct symbols *symbols, const uintptr_t *stack, uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++) {
        char place[384], source[256];
        struct symbol symbol = symbols_find(symbols, stack[i]);
        symbols_text(symbols, stack[i], place, sizeof place);
        symbols_source(&symbol, source, sizeof source);
        fprintf(out, "    #%u %s\n", i, place);
        if (i == 0 && source[0] != '\0') {
            fprintf(out, "         > %s\n", source);
        }
    }
}

static const struct sim_trace_event *find_event(struct replay_session *session, uint64_t seq)
{
    size_t count;
    const struct sim_trace_event *event = sim_trace_events(session->sim, &count);
    for (size_t i = 0; i < count; i++) {
        if (event[i].seq == seq) {
            return &event[i];
        }
    }
    return NULL;
}

static void print_prior(FILE *out, struct replay_session *session, struct symbols *symbols,
                        const struct sim_violation *v)
{
    const struct sim_trace_event *event = find_event(session, v->prior.seq);
    char name[48] = "", text[128] = "";
    if (v->prior_access != 0) {
        snprintf(text, sizeof text, "another access");
        if (v->prior_slot == UINT16_MAX) {
            snprintf(name, sizeof name, "the system");
        } else {
            replay_context_name(session, v->prior_slot, name, sizeof name);
        }
    } else if (event != NULL) {
        replay_context_name(session, event->slot, name, sizeof name);
        render_event_text(event, text, sizeof text);
    }
    fprintf(out, "  because of (2), earlier in %s%s%s:\n", name, text[0] != '\0' ? ", " : "", text);
    if (v->prior_stack_depth > 0) {
        print_stack(out, symbols, v->prior_stack, v->prior_stack_depth);
    } else {
        print_stack(out, symbols, &v->prior.site, v->prior.site != 0 ? 1 : 0);
    }
}

/* Source pages and codes of the rule. */
static void print_rule(FILE *out, const struct model_rule_info *rule)
{
    fprintf(out, "  rule %s: %s\n", rule->id, rule->text);
    if (rule->codes[0] != '\0') {
        fprintf(out, "  on Windows: %s\n", rule->codes);
    }
    if (rule->source[0] != '\0') {
        fprintf(out, "  source: %s\n", rule->source);
    }
}

/* The readings of silent documentation that this finding needs. */
static void print_knobs(FILE *out, struct replay_session *session)
{
    const struct model *model = session->sim->model;
    bool any = false;
    for (int i = 0; i < MODEL_KNOB_COUNT; i++) {
        if (model->knob_value[i] > 1) {
            fprintf(out, "%s %s=%u",
                    any ? "," : "  readings that are not the default:", model_knobs[i].name,
                    model->knob_value[i] - 1u);
            any = true;
        }
    }
    fprintf(out, "%s", any ? "\n" : "");
}

char *explain_report(struct replay_session *session, struct symbols *symbols,
                     const struct replay_result *result)
{
    const struct sim_violation *v = &result->violation;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    print_rule(out, &model_rules[v->rule]);
    fprintf(out, "  (1) %s at IRQL %u, virtual time %.4f ms", result->context_name, v->level,
            (double)v->time / 10000);
    for (int i = 0; i < 2; i++) {
        char name[48];
        if (v->object[i] != 0) {
            fprintf(out, ", %s", model_object_name(v->object[i], name, sizeof name));
        }
    }
    fprintf(out, ":\n");
    print_stack(out, symbols, v->stack, v->stack_depth);
    if (v->prior.seq != 0) {
        print_prior(out, session, symbols, v);
    }
    print_knobs(out, session);
    fclose(out);
    return text;
}

/* ---- the child ---- */

static void write_all(int pipe, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t written = write(pipe, at, size);
        if (written <= 0) {
            _exit(1);
        }
        at += written;
        size -= (size_t)written;
    }
}

static void send_answer(int pipe, struct answer *answer, char *part[PARTS])
{
    for (int i = 0; i < PARTS; i++) {
        answer->size[i] = part[i] != NULL ? strlen(part[i]) + 1 : 0;
    }
    write_all(pipe, answer, sizeof *answer);
    for (int i = 0; i < PARTS; i++) {
        write_all(pipe, part[i], answer->size[i]);
    }
}

static void explain_here(const char *module_path, const struct replay_case *c,
                         const struct explain_style *style, int pipe)
{
    static struct replay_session session;
    static struct replay_result result;
    char message[SIM_MODULE_MESSAGE_MAX];
    struct answer answer = {0};
    char *part[PARTS] = {NULL};
    answer.opened = replay_session_open(&session, module_path, message, sizeof message);
    if (!answer.opened) {
        part[1] = message;
        send_answer(pipe, &answer, part);
        return;
    }
    watchdog_start(&session);
    replay_session_case(&session, c, false, 0, &explain_log, &result);
    uint64_t prior =
        result.verdict == SIM_VERDICT_VIOLATION ? replay_capture_of(&result.violation) : 0;
    replay_session_case(&session, c, true, prior, &explain_log, &result);
    struct symbols *symbols = symbols_open(module_path);
    answer.e.verdict = (uint8_t)result.verdict;
    answer.e.fingerprint = result.fingerprint;
    answer.e.diverged = result.diverged;
    answer.e.diverged_request = result.diverged_request;
    answer.e.steps = result.steps;
    answer.e.switches = result.switches;
    if (result.verdict == SIM_VERDICT_VIOLATION) {
        answer.e.rule = result.violation.rule;
        answer.e.signature = explain_signature(symbols, &result.violation);
        part[0] = explain_title(symbols, &result.violation);
        part[1] = explain_report(&session, symbols, &result);
    }
    part[2] = render_table(&session, symbols, &result, style);
    part[3] = style->wants_events ? render_events(&session, symbols) : NULL;
    send_answer(pipe, &answer, part);
}

/* ---- the parent ---- */

struct reader {
    int pipe;
    double deadline; /* the child may be deaf to signals: the clock is ours */
    bool is_late;
};

static bool wait_for_more(struct reader *reader)
{
    struct pollfd fd = {.fd = reader->pipe, .events = POLLIN};
    double left = reader->deadline - worker_now();
    if (left <= 0 || poll(&fd, 1, (int)(left * 1000) + 1) == 0) {
        reader->is_late = true;
    }
    return !reader->is_late;
}

static bool read_all(struct reader *reader, void *bytes, size_t size)
{
    char *at = bytes;
    while (size > 0 && wait_for_more(reader)) {
        ssize_t got = read(reader->pipe, at, size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return size == 0;
}

static bool read_answer(struct reader *reader, struct explanation *out, bool *opened)
{
    struct answer answer;
    char *part[PARTS] = {NULL};
    if (!read_all(reader, &answer, sizeof answer) || answer.e.rule >= MODEL_RULE_COUNT) {
        return false;
    }
    bool whole = true;
    for (int i = 0; i < PARTS && whole; i++) {
        size_t size = answer.size[i];
        part[i] = size > 0 && size <= PART_BYTES_MAX ? malloc(size) : NULL;
        whole = size == 0 || (part[i] != NULL && read_all(reader, part[i], size));
        if (whole && size > 0) {
            part[i][size - 1] = '\0';
        }
    }
    *out = answer.e;
    *opened = answer.opened;
    out->title = part[0];
    out->report = part[1];
    out->table = part[2];
    out->events = part[3];
    if (!whole) {
        explanation_free(out);
    }
    return whole;
}

/* The driver took the child with it, or never came back: that is the finding. */
static void describe_crash(bool is_stuck, int status, struct explanation *out)
{
    memset(out, 0, sizeof *out);
    out->verdict = SIM_VERDICT_VIOLATION;
    out->rule = is_stuck ? RULE_SYS_LIVELOCK : WIFEXITED(status) ? RULE_SYS_EXIT : RULE_MEM_WILD;
    out->signature = sim_mix(sim_mix(0x63726173ull, out->rule), (uint64_t)status);
    const char *id = model_rules[out->rule].id;
    int length = is_stuck ? asprintf(&out->title, "%s: the driver did not come back within %d s",
                                     id, EXPLAIN_TIMEOUT_S)
                 : WIFSIGNALED(status)
                     ? asprintf(&out->title, "%s: the driver killed its process (%s)", id,
                                strsignal(WTERMSIG(status)))
                     : asprintf(&out->title, "%s: the driver ended its process (exit code %d)", id,
                                WEXITSTATUS(status));
    if (length < 0) {
        out->title = NULL;
    }
    out->report = out->title != NULL ? strdup(out->title) : NULL;
}

enum explain_result explain_case(const char *module_path, const struct replay_case *c,
                                 const struct explain_style *style, struct explanation *out)
{
    int ends[2];
    memset(out, 0, sizeof *out);
    if (pipe(ends) != 0) {
        return EXPLAIN_FAILED;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_DFL);
        close(ends[0]);
        explain_here(module_path, c, style, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    bool opened = false;
    struct reader reader = {.pipe = ends[0], .deadline = worker_now() + EXPLAIN_TIMEOUT_S};
    bool whole = pid > 0 && read_answer(&reader, out, &opened);
    int status = 0;
    close(ends[0]);
    if (pid > 0) {
        if (reader.is_late) {
            kill(pid, SIGKILL);
        }
        waitpid(pid, &status, 0);
    }
    if (whole) {
        return opened ? EXPLAIN_OK : EXPLAIN_FAILED;
    }
    if (pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 3)) {
        return EXPLAIN_FAILED;
    }
    describe_crash(reader.is_late, status, out);
    return EXPLAIN_CRASHED;
}

void explanation_free(struct explanation *e)
{
    free(e->title);
    free(e->report);
    free(e->table);
    free(e->events);
    memset(e, 0, sizeof *e);
}
