/* SPDX-License-Identifier: MIT */
/* The database: what is stored comes back, bad files are refused in one line, a kill loses nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay/store.h"

static char path[128];

static int fresh_path(void **state)
{
    (void)state;
    char also[160];
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    snprintf(path, sizeof path, "test_store_%d.db", (int)getpid());
    for (int i = 0; i < 4; i++) {
        snprintf(also, sizeof also, "%s%s", path, endings[i]);
        unlink(also);
    }
    return 0;
}

static struct store *open_or_fail(enum store_mode mode)
{
    struct store *store;
    if (store_open(&store, path, mode) != STORE_OK) {
        fail_msg("%s", store_error(NULL));
    }
    return store;
}

static struct store_record make_record(uint8_t *choices, size_t size, uint64_t number)
{
    for (size_t i = 0; i < size; i++) {
        choices[i] = (uint8_t)(number >> (8 * (i % 8)));
    }
    struct store_record r = {.replay = {.module = "echo",
                                        .identity = "0123456789abcdef",
                                        .flavour = 3,
                                        .choices = choices,
                                        .choices_size = size,
                                        .verdict = SIM_VERDICT_VIOLATION,
                                        .fingerprint = 0xfedcba9876543210ull + number,
                                        .signature = 0x8000000000000000ull + number},
                             .strategy = "portfolio",
                             .seed = 7,
                             .run = number,
                             .steps = 100,
                             .switches = 5};
    snprintf(r.rule, sizeof r.rule, "MEM-UAF");
    r.title = "a title";
    r.report = "a report\nof two lines";
    return r;
}

static int64_t put(struct store *store, uint64_t number)
{
    uint8_t choices[16];
    bool was_new;
    struct store_record r = make_record(choices, sizeof choices, number);
    return store_put(store, &r, "echo.so", &was_new) == STORE_OK ? r.id : 0;
}

static void test_round_trip(void **state)
{
    (void)state;
    uint8_t choices[100];
    uint32_t checks[3] = {1, 0xffffffff, 3};
    bool was_new;
    int64_t found;
    struct store_record r = make_record(choices, sizeof choices, 1), back;
    r.replay.checks = checks;
    r.replay.check_count = 3;
    r.replay.options.sim.processors = 4;
    r.replay.options.access_points = true;
    r.minimised_from = 9;
    struct store *store = open_or_fail(STORE_CREATE);
    assert_int_equal(store_put(store, &r, "/x/echo.so", &was_new), STORE_OK);
    assert_true(was_new && r.id > 0);
    store_close(store);
    store = open_or_fail(STORE_READ);
    assert_int_equal(store_get(store, r.id, &back), STORE_OK);
    assert_memory_equal(back.replay.choices, choices, sizeof choices);
    assert_memory_equal(back.replay.checks, checks, sizeof checks);
    assert_int_equal(back.replay.check_count, 3);
    assert_int_equal(back.replay.fingerprint, r.replay.fingerprint);
    assert_int_equal(back.replay.signature, r.replay.signature);
    assert_int_equal(back.replay.options.sim.processors, 4);
    assert_true(back.replay.options.access_points);
    assert_int_equal(back.replay.rule, RULE_MEM_UAF);
    assert_string_equal(back.title, r.title);
    assert_string_equal(back.report, r.report);
    assert_int_equal(back.minimised_from, 9);
    assert_int_equal(back.run, 1);
    store_record_free(&back);
    assert_int_equal(store_find_signature(store, "0123456789abcdef", r.replay.signature, &found),
                     STORE_OK);
    assert_int_equal(found, r.id);
    assert_int_equal(store_find_signature(store, "ffffffffffffffff", r.replay.signature, &found),
                     STORE_NOT_FOUND);
    assert_int_equal(store_get(store, 77, &back), STORE_NOT_FOUND);
    store_close(store);
}

static void test_stored_once(void **state)
{
    (void)state;
    struct store *store = open_or_fail(STORE_CREATE);
    int64_t first = put(store, 5), again = put(store, 5), other = put(store, 6), id = 0;
    assert_true(first > 0 && first == again && other != first);
    assert_int_equal(store_next(store, 0, NULL, &id), STORE_OK);
    assert_int_equal(store_next(store, id, "MEM%", &id), STORE_OK);
    assert_int_equal(id, other);
    assert_int_equal(store_next(store, id, "MEM%", &id), STORE_NOT_FOUND);
    assert_int_equal(store_next(store, 0, "CTL%", &id), STORE_NOT_FOUND);
    store_close(store);
}

static void test_events(void **state)
{
    (void)state;
    struct store *store = open_or_fail(STORE_CREATE);
    int64_t id = put(store, 5);
    assert_int_equal(store_put_events(store, id, "{\"a\":1}\n{\"a\":2}\n"), STORE_OK);
    assert_int_equal(store_put_events(store, id, "{\"a\":1}\n{\"a\":2}\n"), STORE_OK);
    store_close(store);
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void assert_integrity(void)
{
    sqlite3 *db;
    sqlite3_stmt *check;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &check, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(check), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(check, 0), "ok");
    sqlite3_finalize(check);
    sqlite3_close(db);
}

static void assert_refused(enum store_mode mode, enum store_result expected, const char *part)
{
    struct store *store;
    assert_int_equal(store_open(&store, path, mode), expected);
    assert_null(store);
    assert_null(strchr(store_error(NULL), '\n'));
    if (strstr(store_error(NULL), part) == NULL) {
        fail_msg("'%s' does not say '%s'", store_error(NULL), part);
    }
}

static void test_missing(void **state)
{
    (void)state;
    assert_refused(STORE_READ, STORE_IO, "No such file");
    assert_refused(STORE_WRITE, STORE_IO, "No such file");
}

static void test_foreign(void **state)
{
    (void)state;
    run_sql("CREATE TABLE somebody(elses INTEGER)");
    assert_refused(STORE_READ, STORE_FOREIGN, "another program");
    assert_refused(STORE_CREATE, STORE_FOREIGN, "another program");
}

static void test_not_a_database(void **state)
{
    (void)state;
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 500; i++) {
        fputs("this is not a database\n", file);
    }
    fclose(file);
    assert_refused(STORE_CREATE, STORE_FOREIGN, "not a wsksim database");
}

static void test_newer(void **state)
{
    (void)state;
    store_close(open_or_fail(STORE_CREATE));
    run_sql("PRAGMA user_version=99");
    assert_refused(STORE_READ, STORE_NEWER, "newer");
    assert_refused(STORE_CREATE, STORE_NEWER, "update wsksim");
}

/* Version 0 of our own: what an interrupted creation could leave; the migrations complete it. */
static void test_migration(void **state)
{
    (void)state;
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d", STORE_APPLICATION_ID);
    run_sql(sql);
    struct store *store = open_or_fail(STORE_WRITE);
    assert_true(put(store, 1) > 0);
    store_close(store);
}

static void test_truncated(void **state)
{
    (void)state;
    struct stat facts;
    struct store *store = open_or_fail(STORE_CREATE);
    for (uint64_t i = 0; i < 50; i++) {
        assert_true(put(store, i) > 0);
    }
    store_close(store);
    assert_int_equal(stat(path, &facts), 0);
    for (off_t size = 100; size < facts.st_size; size += facts.st_size / 7) {
        char copy[512];
        snprintf(copy, sizeof copy, "cp %s %s.cut", path, path);
        assert_int_equal(system(copy), 0);
        snprintf(copy, sizeof copy, "%s.cut", path);
        assert_int_equal(truncate(copy, size), 0);
        assert_int_equal(store_open(&store, copy, STORE_READ), STORE_FOREIGN);
        assert_null(strchr(store_error(NULL), '\n'));
        unlink(copy);
        snprintf(copy, sizeof copy, "%s.cut-wal", path);
        unlink(copy);
        snprintf(copy, sizeof copy, "%s.cut-shm", path);
        unlink(copy);
    }
}

/* A limit on the size of files stands for a full disk: it makes write() fail in the same place. */
static void test_full(void **state)
{
    (void)state;
    struct store *store = open_or_fail(STORE_CREATE);
    struct rlimit before, limit;
    int64_t id = put(store, 0);
    assert_true(id > 0);
    store_close(store);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 96 << 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    store = open_or_fail(STORE_CREATE);
    uint64_t stored = 1, number = 1;
    while (number < 5000 && put(store, number) > 0) {
        stored++;
        number++;
    }
    assert_true(number < 5000); /* it did become full */
    assert_true(store_error(store)[0] != '\0' && strchr(store_error(store), '\n') == NULL);
    store_close(store);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    store = open_or_fail(STORE_READ);
    uint64_t found = 0;
    for (int64_t at = 0; store_next(store, at, NULL, &at) == STORE_OK;) {
        found++;
    }
    assert_int_equal(found, stored); /* nothing that was stored is lost */
    store_close(store);
}

/* Writes, and says each id after it was committed, until somebody kills it. */
static void write_for_ever(int pipe)
{
    for (uint64_t number = 0;; number++) {
        struct store *store;
        if (store_open(&store, path, STORE_CREATE) != STORE_OK) {
            _exit(1);
        }
        for (int i = 0; i < 3; i++) {
            int64_t id = put(store, number * 3 + (uint64_t)i + 1000000 * (uint64_t)getpid());
            if (id == 0 || write(pipe, &id, sizeof id) != sizeof id) {
                _exit(1);
            }
        }
        store_close(store);
    }
}

static void test_killed(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        int ends[2];
        int64_t id;
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(ends[0]);
            write_for_ever(ends[1]);
        }
        close(ends[1]);
        usleep((useconds_t)(3000 + 5003 * round));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        struct store *store = open_or_fail(STORE_CREATE); /* checks its pages, too */
        while (read(ends[0], &id, sizeof id) == sizeof id) {
            struct store_record r;
            assert_int_equal(store_get(store, id, &r), STORE_OK);
            store_record_free(&r);
        }
        close(ends[0]);
        store_close(store);
        assert_integrity();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, fresh_path, fresh_path),
        cmocka_unit_test_setup_teardown(test_stored_once, fresh_path, fresh_path),
        cmocka_unit_test_setup_teardown(test_events, fresh_path, fresh_path),
        cmocka_unit_test_setup_teardown(test_missing, fresh_path, fresh_path),
        cmocka_unit_test_setup_teardown(test_foreign, fresh_path, fresh_path),
        cmocka_unit_test_setup_teardown(test_not_a_database, fresh_path, fresh_path),
        cmocka_unit_test_setup_teardown(test_newer, fresh_path, fresh_path),
        cmocka_unit_test_setup_teardown(test_migration, fresh_path, fresh_path),
        cmocka_unit_test_setup_teardown(test_truncated, fresh_path, fresh_path),
        cmocka_unit_test_setup_teardown(test_full, fresh_path, fresh_path),
        cmocka_unit_test_setup_teardown(test_killed, fresh_path, fresh_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
