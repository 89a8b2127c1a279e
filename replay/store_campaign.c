/* SPDX-License-Identifier: MIT */
/* What the last campaign of each module looked at: how often each rule was checked, and its lints.
 */
#include "replay/store_internal.h"

#include <stdio.h>
#include <string.h>

static enum store_result put_campaign(struct store *store, const char *module, uint64_t seed,
                                      uint64_t runs, int64_t *id)
{
    sqlite3_stmt *insert =
        store_prepare(store, "INSERT INTO campaign(module, seed, runs) VALUES(?,?,?)");
    if (insert == NULL) {
        return STORE_IO;
    }
    store_bind_text(insert, 1, module);
    sqlite3_bind_int64(insert, 2, (int64_t)seed);
    sqlite3_bind_int64(insert, 3, (int64_t)runs);
    enum store_result result = store_finish(store, insert, NULL);
    *id = sqlite3_last_insert_rowid(store->db);
    return result;
}

static enum store_result put_rule(struct store *store, int64_t campaign, const char *rule,
                                  uint64_t checked, uint64_t lints)
{
    sqlite3_stmt *insert = store_prepare(
        store, "INSERT INTO exercised(campaign, rule, checked, lints) VALUES(?,?,?,?)");
    if (insert == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(insert, 1, campaign);
    store_bind_text(insert, 2, rule);
    sqlite3_bind_int64(insert, 3, (int64_t)checked);
    sqlite3_bind_int64(insert, 4, (int64_t)lints);
    return store_finish(store, insert, NULL);
}

/* The campaigns before this one of the same module. */
static enum store_result drop_older(struct store *store, const char *module, int64_t id)
{
    static const char *const sql[] = {
        "DELETE FROM exercised WHERE campaign IN (SELECT id FROM campaign WHERE module=? AND id<?)",
        "DELETE FROM campaign WHERE module=? AND id<?",
    };
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
        sqlite3_stmt *drop = store_prepare(store, sql[i]);
        if (drop == NULL) {
            return STORE_IO;
        }
        store_bind_text(drop, 1, module);
        sqlite3_bind_int64(drop, 2, id);
        enum store_result result = store_finish(store, drop, NULL);
        if (result != STORE_OK) {
            return result;
        }
    }
    return STORE_OK;
}

enum store_result store_put_campaign(struct store *store, const char *module, uint64_t seed,
                                     uint64_t runs, const uint64_t *checked, const uint64_t *lints)
{
    int64_t id = 0;
    enum store_result result = store_begin(store);
    if (result != STORE_OK) {
        return result;
    }
    result = put_campaign(store, module, seed, runs, &id);
    for (int i = 0; result == STORE_OK && i < MODEL_RULE_COUNT; i++) {
        if (checked[i] > 0 || lints[i] > 0) {
            result = put_rule(store, id, model_rules[i].id, checked[i], lints[i]);
        }
    }
    if (result == STORE_OK) {
        result = drop_older(store, module, id);
    }
    enum store_result end = store_end(store);
    return result != STORE_OK ? result : end;
}

/* The newest campaign. */
static enum store_result get_campaign(struct store *store, struct store_campaign *out, int64_t *id)
{
    sqlite3_stmt *q =
        store_prepare(store, "SELECT id, module, runs FROM campaign ORDER BY id DESC LIMIT 1");
    if (q == NULL) {
        return STORE_IO;
    }
    enum store_result result = STORE_NOT_FOUND;
    if (sqlite3_step(q) == SQLITE_ROW) {
        *id = sqlite3_column_int64(q, 0);
        snprintf(out->module, sizeof out->module, "%s", (const char *)sqlite3_column_text(q, 1));
        out->runs = (uint64_t)sqlite3_column_int64(q, 2);
        result = STORE_OK;
    }
    sqlite3_finalize(q);
    return result;
}

enum store_result store_last_campaign(struct store *store, struct store_campaign *out)
{
    int64_t id = 0;
    memset(out, 0, sizeof *out);
    enum store_result result = get_campaign(store, out, &id);
    if (result != STORE_OK) {
        return result;
    }
    sqlite3_stmt *q =
        store_prepare(store, "SELECT rule, checked, lints FROM exercised WHERE campaign=?");
    if (q == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(q, 1, id);
    while (sqlite3_step(q) == SQLITE_ROW) {
        enum model_rule rule = model_rule_find((const char *)sqlite3_column_text(q, 0));
        if (rule < MODEL_RULE_COUNT) { /* another version of wsksim may have had more */
            out->checked[rule] = (uint64_t)sqlite3_column_int64(q, 1);
            out->lints[rule] = (uint64_t)sqlite3_column_int64(q, 2);
        }
    }
    sqlite3_finalize(q);
    return STORE_OK;
}
