/* SPDX-License-Identifier: MIT */
/*
 * wsksim fuzz DRIVER.so: starts the fuzzer executables of the driver, watches the directories in
 * which their findings appear, and imports each as it comes: run again, explained, committed,
 * announced.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay/command.h"
#include "replay/engine.h"
#include "replay/import.h"

enum { LOOK_EVERY_US = 250000, SEEN_MAX = 65536 };

struct fuzz {
    const struct flags *flags;
    struct engine engine;
    struct import import;
    uint64_t seen[SEEN_MAX]; /* hashes of the names of files already taken */
    unsigned seen_count;
    double started, last_progress;
    bool was_stopped; /* by a limit or a person, not by the fuzzer */
};

/* ---- files that appear ---- */

static bool is_new_name(struct fuzz *fuzz, const char *name)
{
    uint64_t hash = 1;
    for (const char *p = name; *p != '\0'; p++) {
        hash = sim_mix(hash, (uint8_t)*p);
    }
    for (unsigned i = 0; i < fuzz->seen_count; i++) {
        if (fuzz->seen[i] == hash) {
            return false;
        }
    }
    if (fuzz->seen_count < SEEN_MAX) {
        fuzz->seen[fuzz->seen_count++] = hash;
    }
    return true;
}

/* libFuzzer: crash-, leak-, timeout-, oom-; AFL++: id:. The rest is talk. */
static bool is_finding(const char *name)
{
    static const char *const beginnings[] = {"crash-", "leak-", "timeout-", "oom-", "id:"};
    for (size_t i = 0; i < SIM_COUNT(beginnings); i++) {
        if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void take_folder(void *context, const char *path)
{
    struct fuzz *fuzz = context;
    struct dirent **entry;
    int count = scandir(path, &entry, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char file[ENGINE_PATH_MAX];
        snprintf(file, sizeof file, "%.3800s/%.255s", path, entry[i]->d_name);
        if (is_finding(entry[i]->d_name) && is_new_name(fuzz, file)) {
            import_file(&fuzz->import, file);
        }
        free(entry[i]);
    }
    if (count >= 0) {
        free(entry);
    }
}

/* Files of an earlier campaign in the same directory are imported too: they are findings all the
 * same. */
static void take_new_files(struct fuzz *fuzz)
{
    engine_finding_folders(&fuzz->engine, take_folder, fuzz);
}

/* ---- supervision ---- */

static bool has_reason_to_stop(const struct fuzz *fuzz, double now)
{
    const struct flags *flags = fuzz->flags;
    return command_stop || fuzz->import.is_broken ||
           (fuzz->import.has_first && flags->keep_going == 0) ||
           (flags->max_total_time > 0 && now - fuzz->started > (double)flags->max_total_time + 5) ||
           (flags->stop_file[0] != '\0' && access(flags->stop_file, F_OK) == 0);
}

static void supervise(struct fuzz *fuzz)
{
    fuzz->started = fuzz->last_progress = worker_now();
    while (engine_is_running(&fuzz->engine)) {
        usleep(LOOK_EVERY_US);
        double now = worker_now();
        take_new_files(fuzz);
        if (has_reason_to_stop(fuzz, now)) {
            fuzz->was_stopped = true;
            engine_stop(&fuzz->engine);
        }
        if (now - fuzz->last_progress >= 1) {
            engine_print_progress(&fuzz->engine);
            fuzz->last_progress = now;
        }
    }
    take_new_files(fuzz); /* what came with its last breath */
}

static int judge_engine(const struct fuzz *fuzz)
{
    if (fuzz->was_stopped) {
        return command_stop ? EXIT_CODE_INTERRUPTED : EXIT_CODE_CLEAN;
    }
    for (unsigned i = 0; i < fuzz->engine.process_count; i++) {
        int status = fuzz->engine.process[i].status;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            return command_refuse(
                "%s ended with %s %d and no finding; its output is above or in %s",
                fuzz->engine.executable, WIFEXITED(status) ? "exit code" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), fuzz->engine.work);
        }
    }
    return EXIT_CODE_CLEAN;
}

static int finish(struct fuzz *fuzz)
{
    struct import *import = &fuzz->import;
    if (import->has_first) {
        finding_show(fuzz->flags, &import->context, &import->first);
    }
    printf("\n%llu files of the fuzzer: %llu new findings, %llu known, %llu the same again, "
           "%llu that show nothing here, %llu that do not repeat; %.0f s; files in %s\n",
           (unsigned long long)import->files, (unsigned long long)import->new_count,
           (unsigned long long)import->known, (unsigned long long)import->repeated,
           (unsigned long long)import->clean, (unsigned long long)import->flaky,
           worker_now() - fuzz->started, fuzz->engine.work);
    if (import->is_broken) {
        return EXIT_CODE_INTERNAL;
    }
    if (import->unstored > 0) {
        return EXIT_CODE_USAGE;
    }
    if (import->has_first) {
        return command_finding_code(fuzz->flags, import->first.replay.rule);
    }
    if (import->flaky > 0) {
        return EXIT_CODE_FLAKY;
    }
    return judge_engine(fuzz);
}

static unsigned count_workers(const struct flags *flags)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return flags->workers > 0 ? (unsigned)flags->workers : online > 0 ? (unsigned)online : 1;
}

static void fill_context(struct fuzz *fuzz)
{
    const struct flags *flags = fuzz->flags;
    fuzz->import.context = (struct finding_context){.db = flags->db,
                                                    .module_path = fuzz->engine.module_path,
                                                    .strategy = flags->engine,
                                                    .seed = (uint64_t)flags->seed,
                                                    .artifact_prefix = flags->artifact_prefix,
                                                    .style = command_style(flags),
                                                    .is_quiet = flags->verbosity == 0};
    fuzz->import.options = flags_options(flags);
}

int command_fuzz(const struct flags *flags)
{
    static struct fuzz fuzz; /* large */
    fuzz.flags = flags;
    if (flags->argument_count < 1) {
        return command_refuse("fuzz takes a driver module or its fuzzer executable");
    }
    if (!engine_find(&fuzz.engine, flags) || !command_database_is_ready(flags->db)) {
        return EXIT_CODE_USAGE;
    }
    fill_context(&fuzz);
    command_catch_signals();
    if (!import_open(&fuzz.import, (uint32_t)flags->timeout)) {
        return EXIT_CODE_USAGE;
    }
    int code = EXIT_CODE_USAGE;
    int64_t seconds = flags->max_total_time > 0 ? flags->max_total_time : 0;
    if (engine_start(&fuzz.engine, count_workers(flags), seconds)) {
        supervise(&fuzz);
        code = finish(&fuzz);
    } else {
        engine_stop(&fuzz.engine);
    }
    import_close(&fuzz.import);
    return code;
}
