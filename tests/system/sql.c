/* SPDX-License-Identifier: MIT */
/*
 * sql FILE STATEMENT...: runs statements on a database and prints what they return, values joined
 * by '|'. Stands for sqlite3(1), which is not among the packages that wsksim needs.
 */
#include <sqlite3.h>
#include <stdio.h>

static int print_row(void *context, int count, char **values, char **names)
{
    (void)context;
    (void)names;
    for (int i = 0; i < count; i++) {
        printf("%s%s", i > 0 ? "|" : "", values[i] != NULL ? values[i] : "");
    }
    printf("\n");
    return 0;
}

int main(int count, char **words)
{
    sqlite3 *db;
    int status = 0;
    if (count < 3) {
        fprintf(stderr, "usage: sql FILE STATEMENT...\n");
        return 1;
    }
    int code = sqlite3_open(words[1], &db);
    sqlite3_busy_timeout(db, 5000);
    for (int i = 2; i < count && code == SQLITE_OK; i++) {
        code = sqlite3_exec(db, words[i], print_row, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        fprintf(stderr, "sql: %s: %s\n", words[1], sqlite3_errmsg(db));
        status = 1;
    }
    return sqlite3_close(db) == SQLITE_OK ? status : 1;
}
