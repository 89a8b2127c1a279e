/* SPDX-License-Identifier: MIT */
/*
 * What came of a set of runs, one line each: for comparing engines and flavours of a module.
 *
 *   fingerprints write MODULE COUNT calls|accesses   runs 0 to COUNT - 1 of the portfolio
 *   fingerprints corpus MODULE FILE...               fuzz inputs
 *   fingerprints read MODULE <CASES                  the same cases, as recordings
 *
 * write and corpus print "wsk1:... outcome", read takes such lines and prints them with its own
 * outcome; so the second file equals the first if, and only if, same choices gave same runs. A case
 * is canonical choices only: strategies, which might ask engines different things, play no part in
 * read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/case_text.h"
#include "replay/portfolio.h"
#include "replay/session.h"

enum { SEED = 20, TYPICAL_STEPS = 600, LINE_MAX_BYTES = 1 << 22 };

static struct replay_session session;
static struct choice_log log_of_run;

static const char *const verdict_name[] = {
    [SIM_VERDICT_OK] = "ok", [SIM_VERDICT_VIOLATION] = "violation", [SIM_VERDICT_LIMIT] = "limit",
};

static void print_run(const char *line, const struct replay_result *r)
{
    bool is_breach = r->verdict == SIM_VERDICT_VIOLATION;
    const char *rule = is_breach ? model_rules[r->violation.rule].id : "-";
    printf("%s %s %s %016llx steps %llu%s\n", line, verdict_name[r->verdict], rule,
           (unsigned long long)r->fingerprint, (unsigned long long)r->steps,
           r->diverged ? " diverged" : "");
}

static void print_case(const struct replay_options *options, const struct replay_result *result)
{
    struct replay_case c = replay_case_of(&session, options, &log_of_run, result);
    char *line = replay_case_text(&c);
    SIM_ASSERT(line != NULL);
    print_run(line, result);
    free(line);
    replay_case_free(&c);
}

static void write_cases(uint64_t count, bool with_accesses)
{
    const struct replay_plan plan = {.seed = SEED,
                                     .typical_steps = {TYPICAL_STEPS, TYPICAL_STEPS},
                                     .no_access = true};
    const struct replay_options base = {.access_points = with_accesses};
    for (uint64_t n = 0; n < count; n++) {
        struct choice_source source;
        struct replay_options options;
        struct replay_result result;
        replay_portfolio(&plan, n, &base, &source, &options);
        source.access_points = options.access_points = with_accesses;
        replay_session_run(&session, &options, &source, &log_of_run, &result);
        print_case(&options, &result);
    }
}

static int write_input(const char *path)
{
    static uint8_t bytes[REPLAY_CHOICES_MAX];
    const struct replay_options options = {0};
    struct replay_result result;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "fingerprints: %s: cannot open\n", path);
        return 1;
    }
    const struct choice_source source = {
        .kind = CHOICE_BYTES, .bytes = bytes, .size = fread(bytes, 1, sizeof bytes, file)};
    fclose(file);
    replay_session_run(&session, &options, &source, &log_of_run, &result);
    print_case(&options, &result);
    return 0;
}

static int read_cases(void)
{
    static char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct replay_case c;
        struct replay_result result;
        char message[256];
        line[strcspn(line, " \n")] = '\0';
        if (!replay_case_parse(&c, line, message, sizeof message)) {
            fprintf(stderr, "fingerprints: %s: %s\n", line, message);
            return 1;
        }
        replay_session_case(&session, &c, false, 0, &log_of_run, &result);
        print_run(line, &result);
        replay_case_free(&c);
    }
    return 0;
}

int main(int count, char **words)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    bool is_write = count == 5 && strcmp(words[1], "write") == 0;
    bool is_corpus = count > 3 && strcmp(words[1], "corpus") == 0;
    if (!is_write && !is_corpus && !(count == 3 && strcmp(words[1], "read") == 0)) {
        fprintf(stderr, "usage: fingerprints write MODULE COUNT calls|accesses | "
                        "corpus MODULE FILE... | read MODULE\n");
        return 1;
    }
    if (!replay_session_open(&session, words[2], message, sizeof message)) {
        fprintf(stderr, "fingerprints: %s\n", message);
        return 1;
    }
    if (is_write) {
        write_cases(strtoull(words[3], NULL, 10), strcmp(words[4], "accesses") == 0);
        return 0;
    }
    int status = is_corpus ? 0 : read_cases();
    for (int i = 3; is_corpus && i < count; i++) {
        status |= write_input(words[i]);
    }
    return status;
}
