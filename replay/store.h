/* SPDX-License-Identifier: MIT */
/*
 * The database: findings and cases in one SQLite file, so that they can be queried, copied and
 * mailed.
 *
 * WAL, synchronous=NORMAL, one transaction per stored case: a process killed at any moment loses at
 * most the case in flight, and whatever was announced on the screen was committed before. Only the
 * parent process opens it. application_id is "wsks", user_version the version of the schema
 * (docs/database.md).
 *
 * Every function that can fail returns a store_result; store_error gives the reason in one line
 * that says what to do.
 */
#ifndef REPLAY_STORE_H
#define REPLAY_STORE_H

#include "replay/case.h"
#include "sim/module.h"

enum { STORE_APPLICATION_ID = 0x77736b73, STORE_VERSION = 2 };

enum store_result {
    STORE_OK,
    STORE_NOT_FOUND, /* no such case, or no more rows */
    STORE_FOREIGN,   /* not a database of ours, or damaged */
    STORE_NEWER,     /* written by a newer wsksim */
    STORE_IO,        /* disk full, no permission, cannot open */
};

enum store_mode { STORE_READ, STORE_WRITE, STORE_CREATE };

/* A stored case with what was told about it. Strings are owned; free with store_record_free. */
struct store_record {
    int64_t id;
    struct replay_case replay;
    int64_t minimised_from; /* 0 = as found */
    char rule[32];          /* "CTL-083"; "" if clean */
    char *title;            /* one line */
    char *report;           /* the text shown when it was found */
    char strategy[24];
    uint64_t seed, run; /* what drove it when it was found */
    uint64_t steps, switches;
};

struct store;

SIM_MUST_USE enum store_result store_open(struct store **out, const char *path,
                                          enum store_mode mode);
void store_close(struct store *store);
/* The reason of the last failure (also of store_open, then with store NULL). One line. */
const char *store_error(const struct store *store);

/*
 * Stores a case in one transaction; record->id is filled in. The same choices of the same module
 * are stored once: then the id is that of the row that is there, and *was_new is false.
 */
SIM_MUST_USE enum store_result store_put(struct store *store, struct store_record *record,
                                         const char *module_path, bool *was_new);
/* id of a case of that module and signature, or STORE_NOT_FOUND. */
enum store_result store_find_signature(struct store *store, const char *identity,
                                       uint64_t signature, int64_t *id);
SIM_MUST_USE enum store_result store_get(struct store *store, int64_t id,
                                         struct store_record *record);
/* Id of the newest case; of the newest one that was made from another by minimising. */
enum store_result store_newest(struct store *store, int64_t *id);
enum store_result store_find_minimised(struct store *store, int64_t from, int64_t *id);
/* Ids after `after` in order; STORE_NOT_FOUND at the end. rule_like may be NULL. */
enum store_result store_next(struct store *store, int64_t after, const char *rule_like,
                             int64_t *id);
/* Path of the module the case was found in, as it was given. */
enum store_result store_module_path(struct store *store, int64_t id, char *out, size_t size);
/* Path of a module with that identity, or else with that name. */
enum store_result store_find_module(struct store *store, const char *identity, const char *name,
                                    char *out, size_t size);
/* Remembers that a run of the case was made: for statistics of replays. */
enum store_result store_put_run(struct store *store, int64_t case_id, const char *what,
                                uint64_t fingerprint, uint64_t steps, const char *outcome);
/* Keeps the events of a case: JSON, a line each. */
enum store_result store_put_events(struct store *store, int64_t case_id, const char *lines);
void store_record_free(struct store_record *record);

/* What a campaign looked at: by rule, how often it was checked, and its lints. */
struct store_campaign {
    char module[SIM_MODULE_PATH_MAX]; /* path, as it was given */
    uint64_t runs;
    uint64_t checked[MODEL_RULE_COUNT], lints[MODEL_RULE_COUNT];
};

/* Takes the place of the last campaign of the same module. Arrays of MODEL_RULE_COUNT. */
SIM_MUST_USE enum store_result store_put_campaign(struct store *store, const char *module,
                                                  uint64_t seed, uint64_t runs,
                                                  const uint64_t *checked, const uint64_t *lints);
/* The newest one; STORE_NOT_FOUND if there is none. */
enum store_result store_last_campaign(struct store *store, struct store_campaign *out);

/* Batches for imports: everything between begin and end is one transaction. */
enum store_result store_begin(struct store *store);
enum store_result store_end(struct store *store);

#endif
