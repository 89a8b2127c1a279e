/* SPDX-License-Identifier: MIT */
/*
 * Checks that need the whole tree: every part has a test, every routine has an implementation.
 *
 * A part is a file of sim or a folder of model. Its test is tests/sim/test_PART.c or
 * tests/model/test_PART*.c, or any test whose header comment names it ("sim/events.c", "model/ps").
 *
 * A routine of model/routines.def is implemented when one of these holds:
 *   1. a file of model defines a function of its name, as text, as an argument of a macro, or as
 *      NAME##
 *   2. a function of model enters under its name (ROUTINE_NAME)
 *   3. include/wdk defines it as a macro or inline, in terms of others
 */
#include "tidy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tests ---- */

/* True when the comment that opens a test names the part. */
static bool head_names(const struct file *f, const char *part)
{
    const char *end = f->code; /* comments are blank there: the first character left is code */
    end += strspn(end, " \n");
    const char *at = source_word(f->text, 0, part);
    return at != NULL && (size_t)(at - f->text) < (size_t)(end - f->code);
}

static bool has_test(const struct tree *t, const char *stem, const char *part)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct file *f = &t->file[i];
        if (f->kind != FILE_C || !tree_is_under(f->path, "tests") ||
            tree_is_under(f->path, "tests/tidy")) {
            continue;
        }
        size_t length = strlen(stem);
        bool is_namesake = strncmp(f->path, stem, length) == 0 && !source_is_name(f->path[length]);
        bool is_family = strncmp(f->path, stem, length) == 0 && f->path[length] == '_' &&
                         tree_is_under(f->path, "tests/model");
        if (is_namesake || is_family || head_names(f, part)) {
            return true;
        }
    }
    return false;
}

/*
 * The part a file belongs to: itself in sim, its folder in model; with the beginning of its test.
 */
static bool part_of(const struct file *f, char *part, char *stem)
{
    if (f->kind != FILE_C || strstr(f->path, ".c") == NULL) {
        return false;
    }
    const char *name = strchr(f->path, '/') + 1;
    if (tree_is_under(f->path, "sim") && strchr(name, '/') == NULL) {
        snprintf(part, PATH_MAX_BYTES, "%s", f->path);
        snprintf(stem, PATH_MAX_BYTES, "tests/sim/test_%.*s", (int)strcspn(name, "."), name);
        return true;
    }
    if (tree_is_under(f->path, "model") && strchr(name, '/') != NULL) {
        int length = (int)strcspn(name, "/");
        snprintf(part, PATH_MAX_BYTES, "model/%.*s", length, name);
        snprintf(stem, PATH_MAX_BYTES, "tests/model/test_%.*s", length, name);
        return true;
    }
    return false;
}

static void check_tests(const struct tree *t, struct findings *out)
{
    char last[PATH_MAX_BYTES] = "";
    for (size_t i = 0; i < t->count; i++) {
        char part[PATH_MAX_BYTES];
        char stem[PATH_MAX_BYTES];
        if (strchr(t->file[i].path, '/') == NULL || !part_of(&t->file[i], part, stem)) {
            continue;
        }
        if (strcmp(part, last) != 0 && !has_test(t, stem, part)) {
            char name[NAME_MAX_BYTES];
            snprintf(name, sizeof name, "%.*s", (int)sizeof name - 1, part);
            report(out, CHECK_TEST_FILE, &t->file[i], 1, name,
                   "no %s.c, and no test whose header comment names %s", stem, part);
        }
        memcpy(last, part, sizeof last);
    }
}

/* ---- routines ---- */

/* True when a macro in capitals that begins in the first column is given "type NAME(". */
static bool is_argument_of_macro(const struct file *f, const char *name)
{
    char call[NAME_MAX_BYTES + 2];
    snprintf(call, sizeof call, "%s(", name);
    for (const char *at = f->code; (at = source_word(at, 0, call)) != NULL; at++) {
        const char *line = at; /* back to the line that is not indented */
        while (line > f->code && (line[-1] != '\n' || *line == ' ')) {
            line--;
        }
        size_t capitals = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (capitals > 1 && line[capitals] == '(') {
            return true;
        }
    }
    return false;
}

static bool defines(const struct file *f, const char *name)
{
    struct function function;
    char pasted[NAME_MAX_BYTES + 4];
    if (strstr(f->code, name) == NULL) {
        return false;
    }
    for (size_t at = 0; source_function(f, &at, &function);) {
        if (strcmp(function.name, name) == 0) {
            return true;
        }
    }
    snprintf(pasted, sizeof pasted, "%s##", name);
    return source_word(f->code, 0, pasted) != NULL || is_argument_of_macro(f, name);
}

static bool enters_as(const struct file *f, const char *name)
{
    char constant[NAME_MAX_BYTES + 10];
    snprintf(constant, sizeof constant, "ROUTINE_%s", name);
    return source_word(f->code, 0, constant) != NULL;
}

/* #define NAME, or a body behind NAME(...) in place of a semicolon. */
static bool is_inline(const struct file *f, const char *name)
{
    char macro[NAME_MAX_BYTES + 10];
    struct function function;
    if (strstr(f->code, name) == NULL) {
        return false;
    }
    snprintf(macro, sizeof macro, "#define %s", name);
    if (source_word(f->code, 0, macro) != NULL) {
        return true;
    }
    for (size_t at = 0; source_function(f, &at, &function);) {
        if (strcmp(function.name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_implemented(const struct tree *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct file *f = &t->file[i];
        if (f->kind != FILE_C) {
            continue;
        }
        if (tree_is_under(f->path, "model") && (defines(f, name) || enters_as(f, name))) {
            return true;
        }
        if (tree_is_under(f->path, "include/wdk") && is_inline(f, name)) {
            return true;
        }
    }
    return false;
}

static void check_routines(const struct tree *t, struct findings *out)
{
    const struct file *table = tree_find(t, "model/routines.def");
    const char *at = table != NULL ? table->code : NULL;
    while (at != NULL && (at = source_word(at, 0, "ROUTINE(")) != NULL) {
        char name[NAME_MAX_BYTES];
        size_t offset = (size_t)(at - table->code);
        at += strlen("ROUTINE(");
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at, ","), at);
        if (strcmp(name, "None") != 0 && !is_implemented(t, name)) {
            report(out, CHECK_ROUTINE, table, source_line(table, offset), name,
                   "%s has no implementation in model", name);
        }
    }
}

void check_tree(const struct tree *t, struct findings *out)
{
    check_tests(t, out);
    check_routines(t, out);
}
