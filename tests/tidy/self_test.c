/* SPDX-License-Identifier: MIT */
/*
 * The tidy test, tested. A case is one text file that holds a small tree and what must be said of
 * it:
 *
 *   what this case shows
 *   == sim/long.c           a file of the tree, up to the next ==
 *   @ 70 text               this line, as often as the number says
 *   == expected             one "path:line: check" each, sorted; nothing else may be found
 *
 * Each check must fire in at least one case.
 */
#include "tidy.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASE_BYTES_MAX = 1 << 18, CASES_MAX = 64 };

struct text {
    char bytes[CASE_BYTES_MAX];
    size_t size;
};

static bool was_seen[CHECK_COUNT];

static void append(struct text *text, const char *bytes, size_t size)
{
    if (size >= sizeof text->bytes - text->size) {
        fprintf(stderr, "tidy: a case is too long\n");
        exit(2);
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    text->bytes[text->size] = '\0';
}

/* Closes the file that was being collected, if it has a name. */
static void close_file(struct tree *t, char *path, struct text *body, struct text *expected)
{
    enum file_kind kind;
    if (strcmp(path, "expected") == 0) {
        append(expected, body->bytes, body->size);
    } else if (path[0] != '\0' && tree_kind(path, body->bytes, &kind)) {
        tree_add(t, source_make(path, kind, strdup(body->bytes)));
    } else if (path[0] != '\0') {
        fprintf(stderr, "tidy: %s in a case would not be looked at\n", path);
        exit(2);
    }
    body->size = 0;
    body->bytes[0] = '\0';
}

static void add_line(struct text *body, const char *line)
{
    int skip = 0;
    unsigned count = 1;
    if (sscanf(line, "@ %u %n", &count, &skip) < 1) {
        count = 1;
        skip = 0;
    }
    for (unsigned i = 0; i < count; i++) {
        append(body, line + skip, strlen(line + skip));
    }
}

static bool read_case(const char *full, struct tree *t, struct text *expected)
{
    static struct text body;
    char line[1024];
    char path[PATH_MAX_BYTES] = "";
    FILE *stream = fopen(full, "r");
    if (stream == NULL) {
        return false;
    }
    body.size = 0;
    while (fgets(line, sizeof line, stream) != NULL) {
        if (strncmp(line, "== ", 3) == 0) {
            close_file(t, path, &body, expected);
            snprintf(path, sizeof path, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
        } else if (path[0] != '\0') {
            add_line(&body, line);
        }
    }
    close_file(t, path, &body, expected);
    fclose(stream);
    return true;
}

static void print_found(const struct findings *out, struct text *found)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct finding *finding = &out->finding[i];
        char line[PATH_MAX_BYTES + NAME_MAX_BYTES];
        int size = snprintf(line, sizeof line, "%s:%zu: %s%s\n", finding->path, finding->line,
                            check_name(finding->check), finding->is_known ? " (known)" : "");
        append(found, line, (size_t)size);
        was_seen[finding->check] = true;
    }
}

static bool run_case(const char *folder, const char *name)
{
    static struct text expected, found;
    struct tree t = {0};
    struct findings out = {0};
    char full[2 * PATH_MAX_BYTES];
    snprintf(full, sizeof full, "%s/%s", folder, name);
    expected.size = found.size = 0;
    expected.bytes[0] = found.bytes[0] = '\0';
    if (!read_case(full, &t, &expected)) {
        fprintf(stderr, "tidy: cannot read %s\n", full);
        return false;
    }
    check_all(&t, &out);
    print_found(&out, &found);
    bool is_equal = strcmp(expected.bytes, found.bytes) == 0;
    if (!is_equal) {
        printf("%s: expected\n%sbut found\n%s", name, expected.bytes, found.bytes);
    }
    free(out.finding);
    tree_free(&t);
    return is_equal;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

int self_test(const char *folder)
{
    static char names[CASES_MAX][PATH_MAX_BYTES];
    size_t count = 0;
    size_t failed = 0;
    DIR *cases = opendir(folder);
    for (struct dirent *entry; cases != NULL && (entry = readdir(cases)) != NULL;) {
        if (entry->d_name[0] != '.' && count < CASES_MAX) {
            snprintf(names[count++], PATH_MAX_BYTES, "%s", entry->d_name);
        }
    }
    if (cases != NULL) {
        closedir(cases);
    }
    qsort(names, count, sizeof names[0], by_name);
    for (size_t i = 0; i < count; i++) {
        failed += !run_case(folder, names[i]);
    }
    for (size_t check = 0; check < CHECK_COUNT; check++) {
        if (!was_seen[check]) {
            printf("no case shows that %s fires\n", check_name((enum check)check));
            failed++;
        }
    }
    printf("tidy: %zu cases, %zu failed\n", count, failed);
    return failed > 0;
}
