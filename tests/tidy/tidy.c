/* SPDX-License-Identifier: MIT */
/*
 *   tidy ROOT               checks the repository at ROOT; exit code 1 and a line per finding
 *   tidy --ratchet ROOT     prints the findings as lines for the ratchet
 *   tidy --self-test FOLDER shows that each check fires and stays silent, by the cases in FOLDER
 *
 * What is checked and why is in tidy.h; docs/architecture.md has the rules in words.
 */
#include "tidy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_repository(const char *root, bool as_ratchet);

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--self-test") == 0) {
        return self_test(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "--ratchet") == 0) {
        return check_repository(argv[2], true);
    }
    if (argc == 2 && argv[1][0] != '-') {
        return check_repository(argv[1], false);
    }
    fprintf(stderr, "usage: tidy [--ratchet] ROOT | tidy --self-test FOLDER\n");
    return 2;
}

/* ---- findings ---- */

const char *check_name(enum check check)
{
    static const char *const names[CHECK_COUNT] = {
        [CHECK_LINE_WIDTH] = "line-width",
        [CHECK_FUNCTION_LINES] = "function-lines",
        [CHECK_FILE_LINES] = "file-lines",
        [CHECK_SPDX] = "spdx",
        [CHECK_HEADER_COMMENT] = "header-comment",
        [CHECK_INCLUDE] = "include",
        [CHECK_WORD] = "word",
        [CHECK_TEST_FILE] = "test-file",
        [CHECK_ROUTINE] = "routine",
        [CHECK_RATCHET] = "ratchet",
        [CHECK_STRAY] = "stray",
    };
    return names[check];
}

void report(struct findings *out, enum check check, const struct file *f, size_t line,
            const char *name, const char *format, ...)
{
    if (out->count == out->capacity) {
        out->capacity = out->capacity == 0 ? 64 : 2 * out->capacity;
        out->finding = realloc(out->finding, out->capacity * sizeof *out->finding);
        if (out->finding == NULL) {
            abort();
        }
    }
    struct finding *finding = &out->finding[out->count++];
    *finding = (struct finding){.check = check, .path = f->path, .line = line};
    snprintf(finding->name, sizeof finding->name, "%s", name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->message, sizeof finding->message, format, arguments);
    va_end(arguments);
}

static int by_place(const void *a, const void *b)
{
    const struct finding *x = a;
    const struct finding *y = b;
    int order = strcmp(x->path, y->path);
    if (order == 0) {
        order = (x->line > y->line) - (x->line < y->line);
    }
    if (order == 0) {
        order = (x->check > y->check) - (x->check < y->check);
    }
    return order != 0 ? order : strcmp(x->name, y->name);
}

size_t check_all(const struct tree *t, struct findings *out)
{
    size_t unknown = 0;
    for (size_t i = 0; i < t->count; i++) {
        check_file(t, &t->file[i], out);
    }
    check_tree(t, out);
    ratchet_apply(t, out);
    qsort(out->finding, out->count, sizeof *out->finding, by_place);
    for (size_t i = 0; i < out->count; i++) {
        unknown += !out->finding[i].is_known;
    }
    return unknown;
}

/* ---- the repository ---- */

static void print_finding(const struct finding *finding, bool as_ratchet)
{
    char key[RATCHET_KEY_BYTES];
    if (as_ratchet && finding->check != CHECK_RATCHET) {
        ratchet_key(finding, key);
        puts(key);
    } else if (!as_ratchet && !finding->is_known) {
        printf("%s:%zu: %s: %s\n", finding->path, finding->line, check_name(finding->check),
               finding->message);
    }
}

static int check_repository(const char *root, bool as_ratchet)
{
    struct tree t = {0};
    struct findings out = {0};
    if (!tree_read(&t, root)) {
        return 2;
    }
    size_t unknown = check_all(&t, &out);
    for (size_t i = 0; i < out.count; i++) {
        print_finding(&out.finding[i], as_ratchet);
    }
    if (!as_ratchet) {
        printf("tidy: %zu files, %zu findings, %zu of them known\n", t.count, out.count,
               out.count - unknown);
    }
    free(out.finding);
    tree_free(&t);
    return unknown > 0 && !as_ratchet;
}
