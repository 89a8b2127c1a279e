/* SPDX-License-Identifier: MIT */
/* Writing to the database: one transaction per case, or one for a batch. */
#include "replay/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/case_text.h"

enum store_result store_begin(struct store *store)
{
    if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
        return store_fail(store, STORE_IO, "begin");
    }
    store->in_batch = true;
    return STORE_OK;
}

enum store_result store_end(struct store *store)
{
    store->in_batch = false;
    if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        enum store_result result = store_fail(store, STORE_IO, "commit");
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return result;
    }
    return STORE_OK;
}

static enum store_result put_target(struct store *store, const struct replay_case *c,
                                    const char *path, int64_t *id)
{
    sqlite3_stmt *insert =
        store_prepare(store, "INSERT OR IGNORE INTO target(name, identity, path, flavour) "
                             "VALUES(?,?,?,?)");
    if (insert == NULL) {
        return STORE_IO;
    }
    store_bind_text(insert, 1, c->module);
    store_bind_text(insert, 2, c->identity);
    store_bind_text(insert, 3, path);
    sqlite3_bind_int64(insert, 4, c->flavour);
    enum store_result result = store_finish(store, insert, NULL);
    if (result != STORE_OK) {
        return result;
    }
    sqlite3_stmt *select =
        store_prepare(store, "SELECT id FROM target WHERE identity=? AND path=?");
    if (select == NULL) {
        return STORE_IO;
    }
    store_bind_text(select, 1, c->identity);
    store_bind_text(select, 2, path);
    return store_finish(store, select, id);
}

static enum store_result find_same(struct store *store, int64_t target, const char *options,
                                   const struct replay_case *c, int64_t *id)
{
    sqlite3_stmt *select =
        store_prepare(store, "SELECT id FROM \"case\" WHERE target=? AND options=? AND choices=?");
    if (select == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(select, 1, target);
    store_bind_text(select, 2, options);
    sqlite3_bind_blob64(select, 3, c->choices, c->choices_size, SQLITE_STATIC);
    return store_finish(store, select, id);
}

static enum store_result put_case(struct store *store, struct store_record *r, int64_t target,
                                  const char *options)
{
    const struct replay_case *c = &r->replay;
    sqlite3_stmt *insert = store_prepare(
        store, "INSERT INTO \"case\"(target, options, choices, checks, verdict, rule, signature,"
               " fingerprint, minimised_from) VALUES(?,?,?,?,?,?,?,?,?)");
    if (insert == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(insert, 1, target);
    store_bind_text(insert, 2, options);
    sqlite3_bind_blob64(insert, 3, c->choices, c->choices_size, SQLITE_STATIC);
    sqlite3_bind_blob64(insert, 4, c->checks != NULL ? (const void *)c->checks : "",
                        c->check_count * sizeof(uint32_t), SQLITE_STATIC);
    sqlite3_bind_int(insert, 5, c->verdict);
    store_bind_text(insert, 6, r->rule);
    sqlite3_bind_int64(insert, 7, (int64_t)c->signature);
    sqlite3_bind_int64(insert, 8, (int64_t)c->fingerprint);
    sqlite3_bind_int64(insert, 9, r->minimised_from);
    enum store_result result = store_finish(store, insert, NULL);
    r->id = sqlite3_last_insert_rowid(store->db);
    return result;
}

static enum store_result put_violation(struct store *store, const struct store_record *r)
{
    if (r->rule[0] == '\0' && r->title == NULL) {
        return STORE_OK;
    }
    sqlite3_stmt *insert = store_prepare(
        store, "INSERT INTO violation(\"case\", rule, title, report) VALUES(?,?,?,?)");
    if (insert == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(insert, 1, r->id);
    store_bind_text(insert, 2, r->rule);
    store_bind_text(insert, 3, r->title);
    store_bind_text(insert, 4, r->report);
    return store_finish(store, insert, NULL);
}

static enum store_result insert_run(struct store *store, int64_t id, const char *what,
                                    const uint64_t number[5], const char *outcome)
{
    sqlite3_stmt *insert = store_prepare(
        store,
        "INSERT INTO run(\"case\", what, seed, number, fingerprint, steps, switches, outcome)"
        " VALUES(?,?,?,?,?,?,?,?)");
    if (insert == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(insert, 1, id);
    store_bind_text(insert, 2, what);
    for (int i = 0; i < 5; i++) {
        sqlite3_bind_int64(insert, 3 + i, (int64_t)number[i]);
    }
    store_bind_text(insert, 8, outcome);
    return store_finish(store, insert, NULL);
}

static enum store_result put_all(struct store *store, struct store_record *r,
                                 const char *module_path, bool *was_new)
{
    char options[REPLAY_OPTIONS_TEXT_MAX];
    int64_t target = 0;
    replay_options_text(&r->replay.options, options, sizeof options);
    enum store_result result = put_target(store, &r->replay, module_path, &target);
    if (result != STORE_OK) {
        return result;
    }
    result = find_same(store, target, options, &r->replay, &r->id);
    *was_new = result == STORE_NOT_FOUND;
    if (result != STORE_NOT_FOUND) {
        return result;
    }
    result = put_case(store, r, target, options);
    if (result == STORE_OK) {
        result = put_violation(store, r);
    }
    if (result == STORE_OK) {
        const uint64_t number[5] = {r->seed, r->run, r->replay.fingerprint, r->steps, r->switches};
        result = insert_run(store, r->id, r->strategy, number, "found");
    }
    return result;
}

enum store_result store_put(struct store *store, struct store_record *record,
                            const char *module_path, bool *was_new)
{
    if (store->in_batch) {
        return put_all(store, record, module_path, was_new);
    }
    enum store_result result = store_begin(store);
    if (result != STORE_OK) {
        return result;
    }
    result = put_all(store, record, module_path, was_new);
    if (result != STORE_OK) {
        store->in_batch = false;
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return result;
    }
    return store_end(store);
}

enum store_result store_put_run(struct store *store, int64_t case_id, const char *what,
                                uint64_t fingerprint, uint64_t steps, const char *outcome)
{
    const uint64_t number[5] = {0, 0, fingerprint, steps, 0};
    return insert_run(store, case_id, what, number, outcome);
}

enum store_result store_put_events(struct store *store, int64_t case_id, const char *lines)
{
    enum store_result result = store_begin(store);
    for (int64_t seq = 1; result == STORE_OK && *lines != '\0'; seq++) {
        size_t length = strcspn(lines, "\n");
        sqlite3_stmt *insert =
            store_prepare(store, "INSERT OR REPLACE INTO event(\"case\", seq, json) VALUES(?,?,?)");
        if (insert == NULL) {
            result = STORE_IO;
            break;
        }
        sqlite3_bind_int64(insert, 1, case_id);
        sqlite3_bind_int64(insert, 2, seq);
        sqlite3_bind_text(insert, 3, lines, (int)length, SQLITE_STATIC);
        result = store_finish(store, insert, NULL);
        lines += length + (lines[length] == '\n');
    }
    if (result != STORE_OK) {
        store->in_batch = false;
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return result;
    }
    return store_end(store);
}
