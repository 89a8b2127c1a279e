/* SPDX-License-Identifier: MIT */
/*
 * What the commands of wsksim share: exit codes, the way an argument becomes a case, how a finding
 * is printed, and how Ctrl-C is noticed.
 */
#ifndef REPLAY_COMMAND_H
#define REPLAY_COMMAND_H

#include <signal.h>

#include "replay/explain.h"
#include "replay/flags.h"
#include "replay/store.h"

#define WSKSIM_VERSION "0.1.0"

enum command_exit {
    EXIT_CODE_CLEAN = 0,
    EXIT_CODE_USAGE = 1,    /* usage, set-up, files, a full disk */
    EXIT_CODE_INTERNAL = 3, /* our own fault */
    EXIT_CODE_TIMEOUT = 70, /* a run was killed by the wall clock */
    EXIT_CODE_MEMORY = 71,
    EXIT_CODE_INTERRUPTED = 72, /* Ctrl-C, and nothing found */
    EXIT_CODE_DIVERGED = 76,    /* a replay left its recording */
    EXIT_CODE_FINDING = 77,
    EXIT_CODE_FLAKY = 79, /* two runs of one case differ */
};

int command_check(const struct flags *flags);
int command_fuzz(const struct flags *flags);
int command_replay(const struct flags *flags);
int command_list(const struct flags *flags);
int command_show(const struct flags *flags);
int command_minimize(const struct flags *flags);
int command_import(const struct flags *flags);
int command_export(const struct flags *flags);
int command_rules(const struct flags *flags);

/* One line on stderr; returns EXIT_CODE_USAGE. */
__attribute__((format(printf, 1, 2))) int command_refuse(const char *format, ...);

/* Exit code for a finding of this rule, as -error_exitcode and -exit_detail have it. */
int command_finding_code(const struct flags *flags, uint32_t rule);

struct explain_style command_style(const struct flags *flags);

/* SIGINT and SIGTERM set command_stop; nothing else happens. */
extern volatile sig_atomic_t command_stop;
void command_catch_signals(void);

/* ---- arguments ---- */

struct command_case {
    struct store_record record; /* id 0 = not from the database; replay is always filled in */
    bool is_input;              /* a fuzz input: replay.choices are its bytes, not yet canonical */
    char module_path[SIM_MODULE_PATH_MAX];
    char origin[320]; /* "case 3", "crash-0123..": for messages */
};

/*
 * Turns the arguments (a case: ID, wsk1: line, @FILE or file; and perhaps a module) into a case.
 * False after one line on stderr. Free with command_case_free.
 */
SIM_MUST_USE bool command_case_find(const struct flags *flags, struct command_case *c);
void command_case_free(struct command_case *c);

/* Reads a file, at most `most` bytes; NULL with errno. */
uint8_t *command_read_file(const char *path, size_t most, size_t *size);

/*
 * A database that cannot be written is better found out before the work than after it. False after
 * one line on stderr. Leaves no file behind where there was none.
 */
SIM_MUST_USE bool command_database_is_ready(const char *path);

/* The path from the root, for the database; the path as it is if there is no such file. */
void command_whole_path(const char *path, char *out, size_t size);

/* True if the argument names a driver module. */
bool command_is_module(const char *path);

/* ---- printing ---- */

/* SUMMARY, report, table. title and report may be NULL. */
void command_print_explanation(const struct explanation *e);
/* The line a person copies to run it again. */
void command_print_replay_line(const struct flags *flags, int64_t id);

#endif
