/* SPDX-License-Identifier: MIT */
/*
 * Checks that need one file: its measures, its head, its includes, its words.
 *
 * Exempt: tables (.def) have lines and lengths as their rows demand; include/wdk may be written
 * without header comments where a file only forwards to another; tests/tidy names the words it
 * looks for.
 */
#include "tidy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORWARDER_LINES_MAX = 5 /* so short a file needs no explanation beside its one line */ };

/* ---- measures ---- */

static size_t line_count(const struct file *f)
{
    return source_line(f, f->size) - (f->size > 0 && f->text[f->size - 1] == '\n');
}

/* Characters, not bytes: the continuation bytes of UTF-8 do not count. */
static size_t columns(const char *line, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += ((unsigned char)line[i] & 0xC0) != 0x80;
    }
    return count;
}

static void check_widths(const struct file *f, struct findings *out)
{
    size_t line = 1;
    size_t wide = 0;
    size_t first = 0;
    for (const char *p = f->text; *p != '\0'; line++) {
        size_t size = strcspn(p, "\n");
        if (columns(p, size) > LINE_COLUMNS_MAX) {
            first = wide++ == 0 ? line : first;
        }
        p += size + (p[size] == '\n');
    }
    if (wide > 0) {
        report(out, CHECK_LINE_WIDTH, f, first, "", "%zu over %d columns, this is the first", wide,
               LINE_COLUMNS_MAX);
    }
}

static void check_measures(const struct file *f, struct findings *out)
{
    struct function function;
    if (f->kind == FILE_TABLE) {
        return;
    }
    check_widths(f, out);
    if (line_count(f) > FILE_LINES_MAX) {
        report(out, CHECK_FILE_LINES, f, FILE_LINES_MAX + 1, "", "%zu lines, at most %d",
               line_count(f), FILE_LINES_MAX);
    }
    for (size_t at = 0; f->kind == FILE_C && source_function(f, &at, &function);) {
        size_t lines = function.last_line - function.first_line + 1;
        if (lines > FUNCTION_LINES_MAX) {
            report(out, CHECK_FUNCTION_LINES, f, function.first_line, function.name,
                   "%s has %zu lines, at most %d", function.name, lines, FUNCTION_LINES_MAX);
        }
    }
}

/* ---- the head of a file ---- */

static const char *next_line(const char *p)
{
    p += strcspn(p, "\n");
    return *p == '\n' ? p + 1 : p;
}

static bool is_comment(const struct file *f, const char *line)
{
    if (f->kind == FILE_C || f->kind == FILE_TABLE) {
        return strncmp(line, "/*", 2) == 0 || strncmp(line, "//", 2) == 0;
    }
    return strncmp(line, "# ", 2) == 0 || strncmp(line, "\"\"\"", 3) == 0;
}

static void check_head(const struct file *f, struct findings *out)
{
    const char *line = strncmp(f->text, "#!", 2) == 0 ? next_line(f->text) : f->text;
    const char *tag = strstr(line, "SPDX-License-Identifier: MIT");
    if (tag == NULL || tag >= next_line(line) || !is_comment(f, line)) {
        report(out, CHECK_SPDX, f, 1, "", "begins without \"SPDX-License-Identifier: MIT\"");
        return;
    }
    line = next_line(line);
    while (*line == '\n' || strncmp(line, "#\n", 2) == 0) {
        line = next_line(line);
    }
    if (!is_comment(f, line) && line_count(f) > FORWARDER_LINES_MAX) {
        report(out, CHECK_HEADER_COMMENT, f, 2, "", "no comment that says what this file is");
    }
}

/* ---- includes: sim <- model <- replay <- fuzz ---- */

struct layer {
    const char *folder;
    const char *may_include; /* top folders with a blank behind each; "" = anything */
    bool sees_windows;       /* <wdm.h> and the like */
    bool sees_system;        /* <stdio.h> and the like */
};

static const struct layer layers[] = {
    {"sim", "sim ", false, true},
    {"model", "sim model include ", true, true},
    {"replay", "sim model include replay ", true, true},
    {"fuzz", "sim model replay fuzz ", true, true},
    {"drivers", "drivers ", true, false},
    {"docs", "docs ", true, false},
    {"include", "include ", true, false},
};

/*
 * Windows headers of a freestanding compiler: they are the compiler's, wherever a driver is built.
 */
static const char *const freestanding[] = {"stdarg.h", "stddef.h", "stdint.h", "stdbool.h"};

static bool is_windows(const struct tree *t, const char *name)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof path, "include/wdk/%s", name);
    return tree_find(t, path) != NULL;
}

static bool is_driver_header(const struct tree *t, const char *name)
{
    char path[PATH_MAX_BYTES];
    for (size_t i = 0; i < sizeof freestanding / sizeof freestanding[0]; i++) {
        if (strcmp(name, freestanding[i]) == 0) {
            return true;
        }
    }
    snprintf(path, sizeof path, "include/wdk/crt/%s", name);
    return is_windows(t, name) || tree_find(t, path) != NULL;
}

/* Turns the name in quotes into a path of the tree: beside the file first, then from the root. */
static void resolve(const struct tree *t, const struct file *f, const char *name, char *path)
{
    char folder[PATH_MAX_BYTES];
    const char *rest = name;
    snprintf(folder, sizeof folder, "%s", f->path);
    *(strrchr(folder, '/') != NULL ? strrchr(folder, '/') : folder) = '\0';
    for (; strncmp(rest, "../", 3) == 0; rest += 3) {
        *(strrchr(folder, '/') != NULL ? strrchr(folder, '/') : folder) = '\0';
    }
    int length = snprintf(path, PATH_MAX_BYTES, "%s/%s", folder, rest);
    if (length >= PATH_MAX_BYTES || tree_find(t, path) == NULL) {
        snprintf(path, PATH_MAX_BYTES, "%s", name);
    }
}

static bool may_include(const struct tree *t, const struct layer *layer, const struct file *f,
                        char quote, const char *name)
{
    if (quote == '<') {
        bool is_fine = is_windows(t, name) ? layer->sees_windows : layer->sees_system;
        return is_fine || (layer->sees_windows && is_driver_header(t, name));
    }
    char path[PATH_MAX_BYTES];
    char top[PATH_MAX_BYTES];
    resolve(t, f, name, path);
    snprintf(top, sizeof top, "%.*s ", (int)strcspn(path, "/"), path);
    return strstr(layer->may_include, top) != NULL ||
           (!layer->sees_system && is_driver_header(t, name));
}

/* The name after #include on the line at p, with its opening quote. False: no include. */
static bool read_include(const char *p, char *quote, char *name)
{
    p += strspn(p, " ");
    if (*p != '#') {
        return false;
    }
    p += 1 + strspn(p + 1, " ");
    if (strncmp(p, "include", 7) != 0) {
        return false;
    }
    p += 7 + strspn(p + 7, " ");
    *quote = *p;
    size_t length = strcspn(p + 1, "\">\n");
    snprintf(name, NAME_MAX_BYTES, "%.*s", (int)length, p + 1);
    return *quote == '<' || *quote == '"';
}

static void check_includes(const struct tree *t, const struct file *f, struct findings *out)
{
    const struct layer *layer = NULL;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        layer = tree_is_under(f->path, layers[i].folder) ? &layers[i] : layer;
    }
    if (layer == NULL || f->kind != FILE_C) {
        return;
    }
    size_t line = 1;
    for (const char *p = f->strings; *p != '\0'; p = next_line(p), line++) {
        char quote;
        char name[NAME_MAX_BYTES];
        if (read_include(p, &quote, name) && !may_include(t, layer, f, quote, name)) {
            report(out, CHECK_INCLUDE, f, line, name, "%s must not include %s", layer->folder,
                   name);
        }
    }
}

/* ---- words ---- */

enum where { IN_CODE, IN_STRINGS, ANYWHERE };

struct banned {
    const char *word;
    enum where where;
    const char *allowed; /* folders or files with a blank behind each */
    const char *why;
};

static const struct banned banned_words[] = {
    {"rand(", IN_CODE, "tests/sim/modules ", "every choice is choice_pick's"},
    {"srand(", IN_CODE, "", "every choice is choice_pick's"},
    {"random(", IN_CODE, "", "every choice is choice_pick's"},
    {"time(", IN_CODE, "bench replay ", "a run has virtual time only"},
    {"gettimeofday", IN_CODE, "bench replay ", "a run has virtual time only"},
    {"clock_gettime", IN_CODE, "bench replay ", "a run has virtual time only"},
    {"getenv", IN_CODE, "replay/engine.c fuzz/afl.c ", "nothing reads the environment"},
    {"setlocale", IN_CODE, "", "nothing depends on a locale"},
    {"%p", IN_STRINGS, "include/wdk model/rtl drivers tests ",
     "no address reaches a text"},
    {"TODO", ANYWHERE, "", "say which issue: TODO(#12)"},
    {"FIXME", ANYWHERE, "", "say which issue: FIXME(#12)"},
    {"XXX", ANYWHERE, "", "say which issue: XXX(#12)"},
    {"/home/", ANYWHERE, "", "a path of one machine"},
    {"/tmp/", ANYWHERE, "", "a path of one machine"},
};

static bool is_allowed(const struct file *f, const char *folders)
{
    for (const char *p = folders; *p != '\0';) {
        char folder[PATH_MAX_BYTES];
        size_t length = strcspn(p, " ");
        snprintf(folder, sizeof folder, "%.*s", (int)length, p);
        if (tree_is_under(f->path, folder)) {
            return true;
        }
        p += length + (p[length] == ' ');
    }
    return false;
}

/* TODO(#12), TODO #12: a word that names its issue is a promise someone can look up. */
static bool names_issue(const char *at)
{
    const char *number = strchr(at, '#');
    return number != NULL && number < at + strcspn(at, "\n") && number[1] >= '0' &&
           number[1] <= '9';
}

static void check_word(const struct file *f, const struct banned *banned, struct findings *out)
{
    const char *text = banned->where == IN_CODE      ? f->code
                       : banned->where == IN_STRINGS ? f->strings
                                                     : f->text;
    bool is_upper = banned->word[0] >= 'A' && banned->word[0] <= 'Z';
    const char *at = source_word(text, 0, banned->word);
    while (at != NULL) {
        size_t offset = (size_t)(at - text);
        if (!is_upper || !names_issue(at)) {
            report(out, CHECK_WORD, f, source_line(f, offset), banned->word, "\"%s\": %s",
                   banned->word, banned->why);
            return; /* one is enough to name the file */
        }
        at = source_word(text, offset + 1, banned->word);
    }
}

static void check_words(const struct file *f, struct findings *out)
{
    for (size_t i = 0; i < sizeof banned_words / sizeof banned_words[0]; i++) {
        const struct banned *banned = &banned_words[i];
        bool applies = banned->where == ANYWHERE || f->kind == FILE_C;
        if (applies && !is_allowed(f, banned->allowed)) {
            check_word(f, banned, out);
        }
    }
}

/* ---- all of them ---- */

void check_file(const struct tree *t, const struct file *f, struct findings *out)
{
    if (f->kind == FILE_RATCHET) {
        return;
    }
    if (f->kind == FILE_STRAY) {
        report(out, CHECK_STRAY, f, 1, "", "no file of the repository's root (tests/tidy/tree.c)");
        return;
    }
    check_measures(f, out);
    check_head(f, out);
    check_includes(t, f, out);
    if (!tree_is_under(f->path, "tests/tidy")) {
        check_words(f, out);
    }
}
