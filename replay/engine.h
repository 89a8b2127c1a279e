/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer executables as child processes: which file to run, with which arguments, where its
 * findings appear, how it is going. Each is started in a process group of its own, so that it and
 * what it starts can be told to stop together; it dies with us.
 */
#ifndef REPLAY_ENGINE_H
#define REPLAY_ENGINE_H

#include <sys/types.h>

#include "replay/flags.h"

enum { ENGINE_PROCESSES_MAX = 64, ENGINE_PATH_MAX = 4096 };

struct engine {
    const struct flags *flags;
    bool is_afl;
    char executable[ENGINE_PATH_MAX];
    char module_path[ENGINE_PATH_MAX];
    char work[ENGINE_PATH_MAX - 64]; /* directory for everything it writes */
    unsigned process_count;
    struct {
        pid_t pid; /* 0 = has ended */
        int status;
    } process[ENGINE_PROCESSES_MAX];
};

/*
 * Finds executable and module from the first argument: the module (NAME_fuzzer lies beside it), or
 * the executable itself (NAME.so lies beside it). False after one line that says how to build what
 * is missing.
 */
SIM_MUST_USE bool engine_find(struct engine *engine, const struct flags *flags);

/* Makes the directories and starts `workers` processes. False after one line on stderr. */
SIM_MUST_USE bool engine_start(struct engine *engine, unsigned workers, int64_t seconds);

/* Directories in which findings appear: calls visit for each. */
void engine_finding_folders(const struct engine *engine,
                            void (*visit)(void *context, const char *path), void *context);

/* One line on stderr on how it goes; libFuzzer talks itself. */
void engine_print_progress(const struct engine *engine);

/* Reaps what has ended. True while one is left. */
bool engine_is_running(struct engine *engine);
/* Asks all to stop, waits, and kills those that do not listen. */
void engine_stop(struct engine *engine);

#endif
