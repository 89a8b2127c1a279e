/* SPDX-License-Identifier: MIT */
/* Reading from the database. */
#include "replay/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/case_text.h"

static char *column_text(sqlite3_stmt *statement, int at)
{
    const unsigned char *text = sqlite3_column_text(statement, at);
    char *copy = strdup(text != NULL ? (const char *)text : "");
    return copy;
}

static void *column_blob(sqlite3_stmt *statement, int at, size_t *size)
{
    *size = (size_t)sqlite3_column_bytes(statement, at);
    void *copy = malloc(*size + 1);
    if (copy != NULL && *size > 0) {
        memcpy(copy, sqlite3_column_blob(statement, at), *size);
    }
    return copy;
}

/* False if the options are not understood. */
static bool read_columns(sqlite3_stmt *q, struct store_record *r)
{
    struct replay_case *c = &r->replay;
    size_t checks_size;
    snprintf(c->module, sizeof c->module, "%s", (const char *)sqlite3_column_text(q, 0));
    snprintf(c->identity, sizeof c->identity, "%s", (const char *)sqlite3_column_text(q, 1));
    c->flavour = (uint32_t)sqlite3_column_int64(q, 2);
    bool is_known = replay_options_parse(&c->options, (const char *)sqlite3_column_text(q, 3));
    c->choices = column_blob(q, 4, &c->choices_size);
    c->checks = column_blob(q, 5, &checks_size);
    c->check_count = checks_size / sizeof(uint32_t);
    c->verdict = (uint8_t)sqlite3_column_int(q, 6);
    snprintf(r->rule, sizeof r->rule, "%s", (const char *)sqlite3_column_text(q, 7));
    c->rule = r->rule[0] != '\0' ? (uint32_t)model_rule_find(r->rule) : 0;
    c->signature = (uint64_t)sqlite3_column_int64(q, 8);
    c->fingerprint = (uint64_t)sqlite3_column_int64(q, 9);
    r->minimised_from = sqlite3_column_int64(q, 10);
    r->title = column_text(q, 11);
    r->report = column_text(q, 12);
    snprintf(r->strategy, sizeof r->strategy, "%s",
             sqlite3_column_text(q, 13) != NULL ? (const char *)sqlite3_column_text(q, 13) : "");
    r->seed = (uint64_t)sqlite3_column_int64(q, 14);
    r->run = (uint64_t)sqlite3_column_int64(q, 15);
    r->steps = (uint64_t)sqlite3_column_int64(q, 16);
    r->switches = (uint64_t)sqlite3_column_int64(q, 17);
    return is_known;
}

enum store_result store_get(struct store *store, int64_t id, struct store_record *record)
{
    memset(record, 0, sizeof *record);
    sqlite3_stmt *q = store_prepare(
        store,
        "SELECT t.name, t.identity, t.flavour, c.options, c.choices, c.checks, c.verdict, c.rule,"
        " c.signature, c.fingerprint, c.minimised_from, v.title, v.report, r.what, r.seed,"
        " r.number, r.steps, r.switches FROM \"case\" c JOIN target t ON t.id=c.target"
        " LEFT JOIN violation v ON v.\"case\"=c.id LEFT JOIN run r ON r.\"case\"=c.id AND"
        " r.outcome='found' WHERE c.id=? LIMIT 1");
    if (q == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(q, 1, id);
    int code = sqlite3_step(q);
    enum store_result result = STORE_OK;
    if (code == SQLITE_ROW) {
        record->id = id;
        if (!read_columns(q, record)) {
            snprintf(store->error, sizeof store->error,
                     "case %lld has options that this wsksim does not know: '%s'", (long long)id,
                     (const char *)sqlite3_column_text(q, 3));
            result = STORE_NEWER;
        }
    } else if (code == SQLITE_DONE) {
        snprintf(store->error, sizeof store->error,
                 "no case %lld in the database; 'wsksim list' shows what there is", (long long)id);
        result = STORE_NOT_FOUND;
    } else {
        result = store_fail(store, STORE_IO, "the database");
    }
    sqlite3_finalize(q);
    return result;
}

enum store_result store_find_signature(struct store *store, const char *identity,
                                       uint64_t signature, int64_t *id)
{
    sqlite3_stmt *q =
        store_prepare(store, "SELECT c.id FROM \"case\" c JOIN target t ON t.id=c.target "
                             "WHERE c.signature=? AND t.identity=? ORDER BY c.id LIMIT 1");
    if (q == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(q, 1, (int64_t)signature);
    store_bind_text(q, 2, identity);
    return store_finish(store, q, id);
}

enum store_result store_newest(struct store *store, int64_t *id)
{
    return store_finish(
        store, store_prepare(store, "SELECT id FROM \"case\" ORDER BY id DESC LIMIT 1"), id);
}

enum store_result store_find_minimised(struct store *store, int64_t from, int64_t *id)
{
    sqlite3_stmt *q = store_prepare(
        store, "SELECT id FROM \"case\" WHERE minimised_from=? ORDER BY id DESC LIMIT 1");
    if (q == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(q, 1, from);
    return store_finish(store, q, id);
}

enum store_result store_next(struct store *store, int64_t after, const char *rule_like, int64_t *id)
{
    sqlite3_stmt *q =
        store_prepare(store, "SELECT id FROM \"case\" WHERE id>? AND (?='' OR rule LIKE ?) "
                             "ORDER BY id LIMIT 1");
    if (q == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(q, 1, after);
    store_bind_text(q, 2, rule_like);
    store_bind_text(q, 3, rule_like);
    return store_finish(store, q, id);
}

/* One row of one text. */
static enum store_result finish_text(sqlite3_stmt *q, char *out, size_t size)
{
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        snprintf(out, size, "%s", (const char *)sqlite3_column_text(q, 0));
    }
    sqlite3_finalize(q);
    return code == SQLITE_ROW ? STORE_OK : STORE_NOT_FOUND;
}

enum store_result store_module_path(struct store *store, int64_t id, char *out, size_t size)
{
    sqlite3_stmt *q = store_prepare(
        store, "SELECT t.path FROM \"case\" c JOIN target t ON t.id=c.target WHERE c.id=?");
    if (q == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(q, 1, id);
    return finish_text(q, out, size);
}

enum store_result store_find_module(struct store *store, const char *identity, const char *name,
                                    char *out, size_t size)
{
    sqlite3_stmt *q = store_prepare(store, "SELECT path FROM target WHERE identity=?1 OR name=?2 "
                                           "ORDER BY identity=?1 DESC, id DESC LIMIT 1");
    if (q == NULL) {
        return STORE_IO;
    }
    store_bind_text(q, 1, identity);
    store_bind_text(q, 2, name);
    return finish_text(q, out, size);
}

void store_record_free(struct store_record *record)
{
    replay_case_free(&record->replay);
    free(record->title);
    free(record->report);
    record->title = record->report = NULL;
}
