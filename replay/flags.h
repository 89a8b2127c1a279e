/* SPDX-License-Identifier: MIT */
/*
 * Options of the command line, in libFuzzer's spelling: -name=value, with one dash or two; what is
 * not an option is an argument, and after "--" everything is.
 *
 * The table is in flags.c: name, kind, range, default, the commands it belongs to, one line of
 * help. An option that does not exist, does not belong to the command, or has a bad value is
 * refused in one line; the nearest name is suggested. Nothing is read from the environment.
 */
#ifndef REPLAY_FLAGS_H
#define REPLAY_FLAGS_H

#include <stdio.h>

#include "replay/case.h"

/* Bits: which commands know an option. */
enum flags_command {
    FLAGS_CHECK = 1 << 0,
    FLAGS_FUZZ = 1 << 1,
    FLAGS_REPLAY = 1 << 2,
    FLAGS_LIST = 1 << 3,
    FLAGS_SHOW = 1 << 4,
    FLAGS_MINIMIZE = 1 << 5,
    FLAGS_IMPORT = 1 << 6,
    FLAGS_EXPORT = 1 << 7,
    FLAGS_RULES = 1 << 8,
};

enum { FLAGS_ARGUMENTS_MAX = 256 };

struct flags {
    /* Numbers: -1 = not given, unless the table has a default. */
    int64_t runs, seed, max_total_time, timeout, workers, depth, max_steps, max_time, processors,
        fill;
    int64_t preemptions, delays, answers;
    int64_t verbosity, rss_limit_mb, minimize_time, width, error_exitcode, timeout_exitcode;
    /* Switches. */
    int64_t access, races, faults, drawn_knobs;
    int64_t minimize, keep_going, print_final_stats, exit_detail, full;
    int64_t knobs, brief, unproven, selftest, twins, mutants, store_events, help;
    /* Texts; never NULL. */
    const char *db, *strategy, *artifact_prefix, *stop_file, *lint, *trace, *rule, *engine;
    const char *format, *work, *cases;
    /* -knob=, gathered. */
    struct replay_options forced; /* only its knobs are used */
    unsigned argument_count;
    const char *argument[FLAGS_ARGUMENTS_MAX];
};

/* False: *message says what is wrong, in one line without the name of the command. */
SIM_MUST_USE bool flags_parse(struct flags *flags, enum flags_command command, int count,
                              char *const *words, char *message, size_t size);

/* The options a person gave that belong to a run. */
struct replay_options flags_options(const struct flags *flags);

/* Lines of help for the options of a command. */
void flags_help(FILE *out, enum flags_command command);

/* The one of `count` names that is nearest to `name`, or NULL if none is near. */
const char *flags_nearest(const char *name, const char *const *names, size_t count);

#endif
