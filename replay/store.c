/* SPDX-License-Identifier: MIT */
/* See store.h. One prepared statement per operation, made where it is used: none is hot. */
#include "replay/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/case_text.h"

enum { CHECK_BYTES_MAX = 64 << 20 }; /* larger files are not read whole at every start */

struct store {
    sqlite3 *db;
    char error[512];
    bool in_batch;
};

static struct store failed_open; /* holds the message when there is no store to hold it */

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS target(id INTEGER PRIMARY KEY, name TEXT NOT NULL, identity TEXT "
    "NOT NULL,"
    "  path TEXT NOT NULL, flavour INTEGER NOT NULL, UNIQUE(identity, path));"
    "CREATE TABLE IF NOT EXISTS \"case\"(id INTEGER PRIMARY KEY, target INTEGER NOT NULL "
    "REFERENCES target,"
    "  options TEXT NOT NULL, choices BLOB NOT NULL, checks BLOB NOT NULL,"
    "  verdict INTEGER NOT NULL, rule TEXT NOT NULL, signature INTEGER NOT NULL,"
    "  fingerprint INTEGER NOT NULL, minimised_from INTEGER NOT NULL DEFAULT 0);"
    "CREATE UNIQUE INDEX IF NOT EXISTS case_once ON \"case\"(target, options, choices);"
    "CREATE INDEX IF NOT EXISTS case_signature ON \"case\"(signature);"
    "CREATE TABLE IF NOT EXISTS violation(\"case\" INTEGER PRIMARY KEY REFERENCES \"case\", rule "
    "TEXT NOT NULL,"
    "  title TEXT NOT NULL, report TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS run(id INTEGER PRIMARY KEY, \"case\" INTEGER NOT NULL REFERENCES "
    "\"case\","
    "  what TEXT NOT NULL, seed INTEGER NOT NULL, number INTEGER NOT NULL,"
    "  fingerprint INTEGER NOT NULL, steps INTEGER NOT NULL, switches INTEGER NOT NULL,"
    "  outcome TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS event(\"case\" INTEGER NOT NULL REFERENCES \"case\","
    "  seq INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY(\"case\", seq)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS readme(text TEXT NOT NULL);"
    "INSERT INTO readme VALUES('Findings of wsksim. List them: wsksim list -db=FILE. "
    "Replay one: wsksim replay -db=FILE ID. The schema is described in docs/database.md.');";

static enum store_result fail(struct store *store, enum store_result result, const char *what)
{
    int code = sqlite3_errcode(store->db) & 0xff;
    int host = sqlite3_system_errno(store->db);
    const char *why = sqlite3_errmsg(store->db);
    bool is_full = code == SQLITE_FULL ||
                   (code == SQLITE_IOERR && (host == ENOSPC || host == EFBIG || host == EDQUOT));
    if (is_full) {
        snprintf(store->error, sizeof store->error,
                 "%s: the disk is full; nothing stored so far is lost, free some space and go on",
                 what);
    } else if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
        snprintf(store->error, sizeof store->error,
                 "%s: not a wsksim database, or a damaged one (%s); name another file with -db=",
                 what, why);
        return STORE_FOREIGN;
    } else if (code == SQLITE_BUSY) {
        snprintf(store->error, sizeof store->error,
                 "%s: another process is writing to the database; try again", what);
    } else {
        snprintf(store->error, sizeof store->error, "%s: %s", what, why);
    }
    return result;
}

/* ---- opening ---- */

static int64_t pragma(struct store *store, const char *sql, bool *ok)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = 0;
    *ok = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK &&
          sqlite3_step(statement) == SQLITE_ROW;
    if (*ok) {
        value = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return value;
}

/* migration[v] makes a database of version v one of version v + 1; an empty file has version 0. */
static const char *const migration[STORE_VERSION] = {schema};

static enum store_result migrate(struct store *store, const char *path, int64_t version)
{
    char sql[128];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;",
             STORE_APPLICATION_ID, STORE_VERSION);
    bool ok = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    for (int64_t v = version; ok && v < STORE_VERSION; v++) {
        ok = sqlite3_exec(store->db, migration[v], NULL, NULL, NULL) == SQLITE_OK;
    }
    if (!ok || sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        enum store_result result = fail(store, STORE_IO, path);
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return result;
    }
    return STORE_OK;
}

/*
 * Damage shows when somebody reads the page in question; better now than in the middle of a
 * campaign.
 */
static enum store_result check_pages(struct store *store, const char *path)
{
    bool ok;
    struct stat facts;
    if (stat(path, &facts) != 0 || facts.st_size > CHECK_BYTES_MAX) {
        return STORE_OK;
    }
    int64_t good = pragma(store, "SELECT quick_check='ok' FROM pragma_quick_check(1)", &ok);
    if (!ok) {
        return fail(store, STORE_FOREIGN, path);
    }
    if (!good) {
        snprintf(store->error, sizeof store->error,
                 "%s: a damaged or truncated database; name another file with -db=", path);
        return STORE_FOREIGN;
    }
    return STORE_OK;
}

/* Ours, of this version, whole. */
static enum store_result check_schema(struct store *store, const char *path, enum store_mode mode)
{
    bool ok;
    int64_t application = pragma(store, "PRAGMA application_id", &ok);
    int64_t version = ok ? pragma(store, "PRAGMA user_version", &ok) : 0;
    int64_t tables = ok ? pragma(store, "SELECT count(*) FROM sqlite_master", &ok) : 0;
    if (!ok) {
        return fail(store, STORE_FOREIGN, path);
    }
    bool is_empty = application == 0 && version == 0 && tables == 0;
    if (is_empty && mode == STORE_CREATE) {
        return migrate(store, path, 0);
    }
    if (application != STORE_APPLICATION_ID) {
        snprintf(store->error, sizeof store->error, "%s: %s; name another file with -db=", path,
                 is_empty ? "an empty file, not a wsksim database"
                          : "a database of another program");
        return STORE_FOREIGN;
    }
    if (version > STORE_VERSION) {
        snprintf(store->error, sizeof store->error,
                 "%s: written by a newer wsksim (version %lld, this one knows %d); update wsksim",
                 path, (long long)version, STORE_VERSION);
        return STORE_NEWER;
    }
    enum store_result result = check_pages(store, path);
    if (result == STORE_OK && version < STORE_VERSION && mode != STORE_READ) {
        result = migrate(store, path, version);
    }
    return result;
}

static enum store_result configure(struct store *store, const char *path, enum store_mode mode)
{
    sqlite3_busy_timeout(store->db, 5000);
    enum store_result result = check_schema(store, path, mode);
    if (result != STORE_OK || mode == STORE_READ) {
        return result;
    }
    if (sqlite3_exec(store->db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                     "PRAGMA foreign_keys=ON;",
                     NULL, NULL, NULL) != SQLITE_OK) {
        return fail(store, STORE_IO, path);
    }
    return STORE_OK;
}

enum store_result store_open(struct store **out, const char *path, enum store_mode mode)
{
    *out = NULL;
    if (mode != STORE_CREATE && access(path, R_OK) != 0) {
        snprintf(failed_open.error, sizeof failed_open.error,
                 "%s: %s; findings are written by 'wsksim check' and 'wsksim fuzz'", path,
                 strerror(errno));
        return STORE_IO;
    }
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return STORE_IO;
    }
    int flags = mode == STORE_CREATE  ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                : mode == STORE_WRITE ? SQLITE_OPEN_READWRITE
                                      : SQLITE_OPEN_READONLY;
    enum store_result result = STORE_OK;
    if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK) {
        result = fail(store, STORE_IO, path);
    } else {
        result = configure(store, path, mode);
    }
    if (result != STORE_OK) {
        memcpy(failed_open.error, store->error, sizeof failed_open.error);
        sqlite3_close(store->db);
        free(store);
        return result;
    }
    *out = store;
    return STORE_OK;
}

void store_close(struct store *store)
{
    if (store != NULL) {
        sqlite3_close(store->db);
        free(store);
    }
}

const char *store_error(const struct store *store)
{
    return store != NULL ? store->error : failed_open.error;
}

/* ---- writing ---- */

enum store_result store_begin(struct store *store)
{
    if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
        return fail(store, STORE_IO, "begin");
    }
    store->in_batch = true;
    return STORE_OK;
}

enum store_result store_end(struct store *store)
{
    store->in_batch = false;
    if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        enum store_result result = fail(store, STORE_IO, "commit");
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return result;
    }
    return STORE_OK;
}

/* Prepares; on failure the error is set and NULL comes back. */
static sqlite3_stmt *prepare(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail(store, STORE_IO, "the database");
        return NULL;
    }
    return statement;
}

/* Runs a statement that returns no row or one number. */
static enum store_result finish(struct store *store, sqlite3_stmt *statement, int64_t *number)
{
    if (statement == NULL) {
        return STORE_IO;
    }
    int code = sqlite3_step(statement);
    enum store_result result = STORE_OK;
    if (code == SQLITE_ROW) {
        if (number != NULL) {
            *number = sqlite3_column_int64(statement, 0);
        }
    } else if (code != SQLITE_DONE) {
        result = fail(store, STORE_IO, "the database");
    } else if (number != NULL) {
        result = STORE_NOT_FOUND;
    }
    sqlite3_finalize(statement);
    return result;
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text != NULL ? text : "", -1, SQLITE_TRANSIENT);
}

static enum store_result put_target(struct store *store, const struct replay_case *c,
                                    const char *path, int64_t *id)
{
    sqlite3_stmt *insert =
        prepare(store, "INSERT OR IGNORE INTO target(name, identity, path, flavour) "
                       "VALUES(?,?,?,?)");
    if (insert == NULL) {
        return STORE_IO;
    }
    bind_text(insert, 1, c->module);
    bind_text(insert, 2, c->identity);
    bind_text(insert, 3, path);
    sqlite3_bind_int64(insert, 4, c->flavour);
    enum store_result result = finish(store, insert, NULL);
    if (result != STORE_OK) {
        return result;
    }
    sqlite3_stmt *select = prepare(store, "SELECT id FROM target WHERE identity=? AND path=?");
    if (select == NULL) {
        return STORE_IO;
    }
    bind_text(select, 1, c->identity);
    bind_text(select, 2, path);
    return finish(store, select, id);
}

static enum store_result find_same(struct store *store, int64_t target, const char *options,
                                   const struct replay_case *c, int64_t *id)
{
    sqlite3_stmt *select =
        prepare(store, "SELECT id FROM \"case\" WHERE target=? AND options=? AND choices=?");
    if (select == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(select, 1, target);
    bind_text(select, 2, options);
    sqlite3_bind_blob64(select, 3, c->choices, c->choices_size, SQLITE_STATIC);
    return finish(store, select, id);
}

static enum store_result put_case(struct store *store, struct store_record *r, int64_t target,
                                  const char *options)
{
    const struct replay_case *c = &r->replay;
    sqlite3_stmt *insert = prepare(
        store, "INSERT INTO \"case\"(target, options, choices, checks, verdict, rule, signature,"
               " fingerprint, minimised_from) VALUES(?,?,?,?,?,?,?,?,?)");
    if (insert == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(insert, 1, target);
    bind_text(insert, 2, options);
    sqlite3_bind_blob64(insert, 3, c->choices, c->choices_size, SQLITE_STATIC);
    sqlite3_bind_blob64(insert, 4, c->checks != NULL ? (const void *)c->checks : "",
                        c->check_count * sizeof(uint32_t), SQLITE_STATIC);
    sqlite3_bind_int(insert, 5, c->verdict);
    bind_text(insert, 6, r->rule);
    sqlite3_bind_int64(insert, 7, (int64_t)c->signature);
    sqlite3_bind_int64(insert, 8, (int64_t)c->fingerprint);
    sqlite3_bind_int64(insert, 9, r->minimised_from);
    enum store_result result = finish(store, insert, NULL);
    r->id = sqlite3_last_insert_rowid(store->db);
    return result;
}

static enum store_result put_violation(struct store *store, const struct store_record *r)
{
    if (r->rule[0] == '\0' && r->title == NULL) {
        return STORE_OK;
    }
    sqlite3_stmt *insert =
        prepare(store, "INSERT INTO violation(\"case\", rule, title, report) VALUES(?,?,?,?)");
    if (insert == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(insert, 1, r->id);
    bind_text(insert, 2, r->rule);
    bind_text(insert, 3, r->title);
    bind_text(insert, 4, r->report);
    return finish(store, insert, NULL);
}

static enum store_result insert_run(struct store *store, int64_t id, const char *what,
                                    const uint64_t number[5], const char *outcome)
{
    sqlite3_stmt *insert = prepare(
        store,
        "INSERT INTO run(\"case\", what, seed, number, fingerprint, steps, switches, outcome)"
        " VALUES(?,?,?,?,?,?,?,?)");
    if (insert == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(insert, 1, id);
    bind_text(insert, 2, what);
    for (int i = 0; i < 5; i++) {
        sqlite3_bind_int64(insert, 3 + i, (int64_t)number[i]);
    }
    bind_text(insert, 8, outcome);
    return finish(store, insert, NULL);
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
            prepare(store, "INSERT OR REPLACE INTO event(\"case\", seq, json) VALUES(?,?,?)");
        if (insert == NULL) {
            result = STORE_IO;
            break;
        }
        sqlite3_bind_int64(insert, 1, case_id);
        sqlite3_bind_int64(insert, 2, seq);
        sqlite3_bind_text(insert, 3, lines, (int)length, SQLITE_STATIC);
        result = finish(store, insert, NULL);
        lines += length + (lines[length] == '\n');
    }
    if (result != STORE_OK) {
        store->in_batch = false;
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return result;
    }
    return store_end(store);
}

/* ---- reading ---- */

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
    sqlite3_stmt *q = prepare(
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
        result = fail(store, STORE_IO, "the database");
    }
    sqlite3_finalize(q);
    return result;
}

enum store_result store_find_signature(struct store *store, const char *identity,
                                       uint64_t signature, int64_t *id)
{
    sqlite3_stmt *q = prepare(store, "SELECT c.id FROM \"case\" c JOIN target t ON t.id=c.target "
                                     "WHERE c.signature=? AND t.identity=? ORDER BY c.id LIMIT 1");
    if (q == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(q, 1, (int64_t)signature);
    bind_text(q, 2, identity);
    return finish(store, q, id);
}

enum store_result store_newest(struct store *store, int64_t *id)
{
    return finish(store, prepare(store, "SELECT id FROM \"case\" ORDER BY id DESC LIMIT 1"), id);
}

enum store_result store_find_minimised(struct store *store, int64_t from, int64_t *id)
{
    sqlite3_stmt *q =
        prepare(store, "SELECT id FROM \"case\" WHERE minimised_from=? ORDER BY id DESC LIMIT 1");
    if (q == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(q, 1, from);
    return finish(store, q, id);
}

enum store_result store_next(struct store *store, int64_t after, const char *rule_like, int64_t *id)
{
    sqlite3_stmt *q = prepare(store, "SELECT id FROM \"case\" WHERE id>? AND (?='' OR rule LIKE ?) "
                                     "ORDER BY id LIMIT 1");
    if (q == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(q, 1, after);
    bind_text(q, 2, rule_like);
    bind_text(q, 3, rule_like);
    return finish(store, q, id);
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
    sqlite3_stmt *q =
        prepare(store, "SELECT t.path FROM \"case\" c JOIN target t ON t.id=c.target WHERE c.id=?");
    if (q == NULL) {
        return STORE_IO;
    }
    sqlite3_bind_int64(q, 1, id);
    return finish_text(q, out, size);
}

enum store_result store_find_module(struct store *store, const char *identity, const char *name,
                                    char *out, size_t size)
{
    sqlite3_stmt *q = prepare(store, "SELECT path FROM target WHERE identity=?1 OR name=?2 "
                                     "ORDER BY identity=?1 DESC, id DESC LIMIT 1");
    if (q == NULL) {
        return STORE_IO;
    }
    bind_text(q, 1, identity);
    bind_text(q, 2, name);
    return finish_text(q, out, size);
}

void store_record_free(struct store_record *record)
{
    replay_case_free(&record->replay);
    free(record->title);
    free(record->report);
    record->title = record->report = NULL;
}
