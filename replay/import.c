/* SPDX-License-Identifier: MIT */
/* See import.h. */
#define _GNU_SOURCE
#include "replay/import.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "replay/case_text.h"
#include "replay/command.h"

enum { DEPTH_MAX = 6 };

bool import_open(struct import *import, uint32_t timeout_s)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    import->runner = runner_open(import->context.module_path, timeout_s, message, sizeof message);
    if (import->runner == NULL) {
        command_refuse("%s", message);
    }
    return import->runner != NULL;
}

void import_close(struct import *import)
{
    import_flush(import);
    runner_close(import->runner);
    import->runner = NULL;
    if (import->has_first) {
        finding_free(&import->first);
        import->has_first = false;
    }
}

/* ---- cases without a finding ---- */

static bool store_batch(struct import *import, struct store *store)
{
    if (store_begin(store) != STORE_OK) {
        return false;
    }
    for (unsigned i = 0; i < import->batch_count; i++) {
        struct store_record record = {.replay = import->batch[i]};
        bool was_new;
        snprintf(record.strategy, sizeof record.strategy, "%s", import->context.strategy);
        if (store_put(store, &record, import->context.module_path, &was_new) != STORE_OK) {
            return false; /* closing the database takes the transaction back */
        }
        import->clean += was_new;
        import->repeated += !was_new;
    }
    return store_end(store) == STORE_OK;
}

void import_flush(struct import *import)
{
    struct store *store;
    if (import->batch_count == 0) {
        return;
    }
    if (store_open(&store, import->context.db, STORE_CREATE) != STORE_OK) {
        command_refuse("%s", store_error(NULL));
        import->unstored += import->batch_count;
    } else {
        if (!store_batch(import, store)) {
            command_refuse("%s", store_error(store));
            import->unstored += import->batch_count;
        }
        store_close(store);
    }
    for (unsigned i = 0; i < import->batch_count; i++) {
        replay_case_free(&import->batch[i]);
    }
    import->batch_count = 0;
}

static void take_clean(struct import *import)
{
    if (!import->wants_clean) {
        import->clean++;
        replay_case_free(&import->found.replay);
        return;
    }
    import->batch[import->batch_count++] = import->found.replay;
    if (import->batch_count == IMPORT_BATCH) {
        import_flush(import);
    }
}

/* ---- findings ---- */

static bool is_new_key(struct import *import, uint64_t key)
{
    for (unsigned i = 0; i < import->key_count; i++) {
        if (import->key[i] == key) {
            return false;
        }
    }
    if (import->key_count < IMPORT_KEYS_MAX) {
        import->key[import->key_count++] = key;
    }
    return true;
}

static void take_finding(struct import *import, enum worker_event event)
{
    if (!is_new_key(import, import->found.result.raw_key)) {
        import->repeated++;
        replay_case_free(&import->found.replay);
        return;
    }
    import->found.run = import->files;
    struct finding f = finding_settle(&import->context, event, &import->found);
    import->new_count += f.outcome == FINDING_NEW;
    import->known += f.outcome == FINDING_KNOWN;
    import->flaky += f.outcome == FINDING_FLAKY;
    import->unstored += f.outcome == FINDING_UNSTORED;
    import->is_broken |= f.outcome == FINDING_INTERNAL;
    bool is_finding =
        f.outcome == FINDING_NEW || f.outcome == FINDING_KNOWN || f.outcome == FINDING_UNSTORED;
    if (is_finding && !import->has_first) {
        import->first = f;
        import->has_first = true;
    } else {
        finding_free(&f);
    }
}

static void take_result(struct import *import, enum worker_event event, const char *path)
{
    switch (event) {
    case WORKER_ANSWER:
        if (import->found.result.verdict == SIM_VERDICT_VIOLATION) {
            take_finding(import, WORKER_FINDING);
        } else {
            take_clean(import);
        }
        break;
    case WORKER_CRASHED:
    case WORKER_TIMEOUT:
        take_finding(import, event);
        break;
    case WORKER_NOTHING:
    case WORKER_OPENED:
    case WORKER_FINDING:
    case WORKER_SAMPLE:
    case WORKER_FLAKY:
    case WORKER_KILLED:
    case WORKER_BROKEN:
    case WORKER_FAILED:
    case WORKER_RETIRED:
    case WORKER_DONE:
        command_refuse("%s: %s", path, import->found.message);
        import->is_broken = true;
        break;
    }
}

/* ---- files ---- */

static void import_line(struct import *import, const char *path, const char *line)
{
    struct replay_case c;
    char message[256];
    if (!replay_case_parse(&c, line, message, sizeof message)) {
        command_refuse("%s: %s", path, message);
        import->unreadable++;
        return;
    }
    /* As bytes: a line of another build of the module is worth a try, not a divergence. */
    take_result(import,
                runner_bytes(import->runner, &c.options, c.choices, c.choices_size, &import->found),
                path);
    replay_case_free(&c);
}

void import_file(struct import *import, const char *path)
{
    size_t size;
    uint8_t *bytes = command_read_file(path, REPLAY_CHOICES_MAX * 2, &size);
    if (bytes == NULL) {
        command_refuse("%s: %s", path, strerror(errno));
        import->unreadable++;
        return;
    }
    import->files++;
    if (size >= 5 && memcmp(bytes, "wsk1:", 5) == 0) {
        for (char *line = (char *)bytes; line != NULL && !import->is_broken;) {
            import_line(import, path, line);
            line = strstr(line, "\nwsk1:");
            line = line != NULL ? line + 1 : NULL;
        }
    } else {
        size = size < CHOICE_INPUT_MAX ? size : CHOICE_INPUT_MAX;
        take_result(import,
                    runner_bytes(import->runner, &import->options, bytes, size, &import->found),
                    path);
    }
    free(bytes);
}

/* What fuzzers leave lying beside their inputs. */
static bool is_foreign(const char *name)
{
    static const char *const names[] = {"README.txt",  "fuzzer_stats",  "fuzz_bitmap",
                                        "plot_data",   "cmdline",       "fuzzer_setup",
                                        "target_hash", "fastresume.bin"};
    static const char *const endings[] = {".txt", ".part", ".svg", ".log", ".db", ".dict"};
    size_t length = strlen(name);
    for (size_t i = 0; i < SIM_COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < SIM_COUNT(endings); i++) {
        size_t end = strlen(endings[i]);
        if (length > end && strcmp(name + length - end, endings[i]) == 0) {
            return true;
        }
    }
    return name[0] == '.';
}

static void import_directory(struct import *import, const char *path, unsigned depth);

static void import_entry(struct import *import, const char *folder, const char *name,
                         unsigned depth)
{
    char path[4096];
    struct stat facts;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (is_foreign(name) || lstat(path, &facts) != 0) {
        return;
    }
    if (S_ISDIR(facts.st_mode) && depth < DEPTH_MAX) {
        import_directory(import, path, depth + 1);
    } else if (S_ISREG(facts.st_mode)) {
        import_file(import, path);
    }
}

static void import_directory(struct import *import, const char *path, unsigned depth)
{
    struct dirent **entry;
    int count = scandir(path, &entry, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (!import->is_broken && !command_stop) {
            import_entry(import, path, entry[i]->d_name, depth);
        }
        free(entry[i]);
    }
    if (count >= 0) {
        free(entry);
    }
}

bool import_path(struct import *import, const char *path)
{
    struct stat facts;
    if (stat(path, &facts) != 0) {
        return false;
    }
    if (S_ISDIR(facts.st_mode)) {
        import_directory(import, path, 0);
    } else {
        import_file(import, path);
    }
    return true;
}
