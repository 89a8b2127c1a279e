/* SPDX-License-Identifier: MIT */
/* See store.h. One prepared statement per operation, made where it is used: none is hot. */
#include "replay/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/case_text.h"

enum { CHECK_BYTES_MAX = 64 << 20 }; /* larger files are not read whole at every start */

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

static const char schema_2[] =
    "CREATE TABLE campaign(id INTEGER PRIMARY KEY, module TEXT NOT NULL, seed INTEGER NOT NULL,"
    "  runs INTEGER NOT NULL);"
    "CREATE TABLE exercised(campaign INTEGER NOT NULL REFERENCES campaign, rule TEXT NOT NULL,"
    "  checked INTEGER NOT NULL, lints INTEGER NOT NULL, PRIMARY KEY(campaign, rule))"
    "  WITHOUT ROWID;";

enum store_result store_fail(struct store *store, enum store_result result, const char *what)
{
    int code = sqlite3_errcode(store->db) & 0xff;
    int host = sqlite3_system_errno(store->db);
    const char *why = sqlite3_errmsg(store->db);
    int which = sqlite3_extended_errcode(store->db);
    /* The host's error may be that of a later clean-up; a write fails for little else than room. */
    bool is_full = code == SQLITE_FULL ||
                   (code == SQLITE_IOERR && (host == ENOSPC || host == EFBIG || host == EDQUOT)) ||
                   (host != EIO && (which == SQLITE_IOERR_WRITE || which == SQLITE_IOERR_SHMSIZE));
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
static const char *const migration[STORE_VERSION] = {schema, schema_2};

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
        enum store_result result = store_fail(store, STORE_IO, path);
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return result;
    }
    return STORE_OK;
}

static uint32_t big_endian(const uint8_t *at, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes-- > 0) {
        value = value << 8 | *at++;
    }
    return value;
}

/*
 * Shorter than its header says: SQLite does not mind when what is lost was free. A file with a log
 * beside it may be short for good reasons.
 */
static bool is_cut(const char *path, int64_t size)
{
    enum { PAGE_SIZE_AT = 16, PAGES_AT = 28, HEADER = 100 };
    uint8_t header[HEADER];
    char log[4096 + 8];
    struct stat facts;
    snprintf(log, sizeof log, "%.4095s-wal", path);
    if (stat(log, &facts) == 0 && facts.st_size > 0) {
        return false;
    }
    FILE *file = fopen(path, "rb");
    bool is_read = file != NULL && fread(header, sizeof header, 1, file) == 1;
    if (file != NULL) {
        fclose(file);
    }
    int64_t page_size = is_read ? big_endian(header + PAGE_SIZE_AT, 2) : 0;
    return is_read &&
           size < big_endian(header + PAGES_AT, 4) * (page_size == 1 ? 65536 : page_size);
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
    if (is_cut(path, facts.st_size)) {
        snprintf(store->error, sizeof store->error,
                 "%s: a damaged or truncated database; name another file with -db=", path);
        return STORE_FOREIGN;
    }
    int64_t good = pragma(store, "SELECT quick_check='ok' FROM pragma_quick_check(1)", &ok);
    if (!ok) {
        return store_fail(store, STORE_FOREIGN, path);
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
        return store_fail(store, STORE_FOREIGN, path);
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
        return store_fail(store, STORE_IO, path);
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
        result = store_fail(store, STORE_IO, path);
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

/* ---- statements ---- */

/* Prepares; on failure the error is set and NULL comes back. */
sqlite3_stmt *store_prepare(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        store_fail(store, STORE_IO, "the database");
        return NULL;
    }
    return statement;
}

/* Runs a statement that returns no row or one number. */
enum store_result store_finish(struct store *store, sqlite3_stmt *statement, int64_t *number)
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
        result = store_fail(store, STORE_IO, "the database");
    } else if (number != NULL) {
        result = STORE_NOT_FOUND;
    }
    sqlite3_finalize(statement);
    return result;
}

void store_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text != NULL ? text : "", -1, SQLITE_TRANSIENT);
}
