/* SPDX-License-Identifier: MIT */
/* What the files of the database share. */
#ifndef REPLAY_STORE_INTERNAL_H
#define REPLAY_STORE_INTERNAL_H

#include <sqlite3.h>

#include "replay/store.h"

struct store {
    sqlite3 *db;
    char error[512];
    bool in_batch;
};

/* Puts the reason of SQLite's last failure into store->error; FOREIGN for damage, else `result`. */
enum store_result store_fail(struct store *store, enum store_result result, const char *what);

/* Prepares; on failure the error is set and NULL comes back. */
sqlite3_stmt *store_prepare(struct store *store, const char *sql);
/* Runs a statement that returns no row or one number, and frees it. */
enum store_result store_finish(struct store *store, sqlite3_stmt *statement, int64_t *number);
void store_bind_text(sqlite3_stmt *statement, int at, const char *text);

#endif
