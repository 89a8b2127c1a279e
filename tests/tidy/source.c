/* SPDX-License-Identifier: MIT */
/*
 * One text: blanking comments and strings, finding words and functions.
 *
 * A function, as the house style writes it, is a '{' in the first column up to the next '}' in the
 * first column; its name is the last identifier before a top-level '(' in front of the brace.
 */
#include "tidy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- blanking ---- */

static char *copy_text(const char *text, size_t size)
{
    char *copy = malloc(size + 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, text, size + 1);
    return copy;
}

static void blank(char *text, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (text[i] != '\n') {
            text[i] = ' ';
        }
    }
}

/* The end of the comment that begins at `at`. */
static size_t comment_end(const char *text, size_t at)
{
    const char *end;
    if (text[at + 1] == '/') {
        end = strchr(text + at, '\n');
        return end != NULL ? (size_t)(end - text) : strlen(text);
    }
    end = strstr(text + at + 2, "*/");
    return end != NULL ? (size_t)(end - text) + 2 : strlen(text);
}

/*
 * The offset of the quote that closes the one at `at`; a string ends with its line at the latest.
 */
static size_t quote_end(const char *text, size_t at)
{
    size_t i = at + 1;
    while (text[i] != '\0' && text[i] != text[at] && text[i] != '\n') {
        i += text[i] == '\\' && text[i + 1] != '\0' ? 2 : 1;
    }
    return i;
}

static void blank_c(struct file *f)
{
    const char *text = f->text;
    for (size_t i = 0; i < f->size;) {
        if (text[i] == '/' && (text[i + 1] == '*' || text[i + 1] == '/')) {
            size_t end = comment_end(text, i);
            blank(f->strings, i, end);
            blank(f->code, i, end);
            i = end;
        } else if (text[i] == '"' || text[i] == '\'') {
            size_t end = quote_end(text, i);
            blank(f->code, i + 1, end);
            i = end < f->size ? end + 1 : end;
        } else {
            i++;
        }
    }
}

struct file source_make(const char *path, enum file_kind kind, char *text)
{
    struct file f = {.text = text, .size = strlen(text), .kind = kind};
    f.path = copy_text(path, strlen(path));
    f.strings = copy_text(text, f.size);
    f.code = copy_text(text, f.size);
    if (kind == FILE_C || kind == FILE_TABLE) {
        blank_c(&f);
    }
    return f;
}

void source_free(struct file *f)
{
    free(f->path);
    free(f->text);
    free(f->strings);
    free(f->code);
}

/* ---- words and lines ---- */

bool source_is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

const char *source_word(const char *text, size_t at, const char *word)
{
    size_t length = strlen(word);
    for (const char *p = text + at; (p = strstr(p, word)) != NULL; p++) {
        bool starts = p == text || !source_is_name(p[-1]) || !source_is_name(word[0]);
        bool ends = !source_is_name(word[length - 1]) || !source_is_name(p[length]);
        if (starts && ends) {
            return p;
        }
    }
    return NULL;
}

size_t source_line(const struct file *f, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < f->size; i++) {
        line += f->text[i] == '\n';
    }
    return line;
}

/* ---- functions ---- */

/* The first c that stands in the first column, at or after `at`. */
static const char *first_column(const char *text, size_t at, char c)
{
    char want[3] = {'\n', c, '\0'};
    if (at == 0 && text[0] == c) {
        return text;
    }
    const char *p = strstr(text + (at > 0 ? at - 1 : 0), want);
    return p != NULL ? p + 1 : NULL;
}

/* Where the declaration in front of a body begins: after the last ';', '}' or directive. */
static size_t declaration_start(const char *code, size_t brace)
{
    size_t start = brace;
    while (start > 0 && code[start - 1] != ';' && code[start - 1] != '}') {
        start--;
    }
    for (size_t i = start; i < brace; i++) {
        bool at_line = i == 0 || code[i - 1] == '\n';
        bool continues = i >= 2 && code[i - 2] == '\\';
        if (at_line && (code[i] == '#' || continues)) {
            const char *end = strchr(code + i, '\n');
            start = end != NULL && (size_t)(end - code) < brace ? (size_t)(end - code) + 1 : brace;
        }
    }
    return start;
}

/* Writes the identifier that ends just before `end`; returns its offset. */
static size_t identifier_before(const char *code, size_t start, size_t end, char *name)
{
    while (end > start && (code[end - 1] == ' ' || code[end - 1] == '\n')) {
        end--;
    }
    size_t first = end;
    while (first > start && source_is_name(code[first - 1])) {
        first--;
    }
    snprintf(name, NAME_MAX_BYTES, "%.*s", (int)(end - first), code + first);
    return first;
}

static size_t find_name(const char *code, size_t start, size_t brace, char *name)
{
    size_t found = start;
    int depth = 0;
    name[0] = '\0';
    for (size_t i = start; i < brace; i++) {
        if (code[i] == '(' && depth++ == 0) {
            char candidate[NAME_MAX_BYTES];
            size_t first = identifier_before(code, start, i, candidate);
            if (candidate[0] != '\0' && strcmp(candidate, "__attribute__") != 0) {
                memcpy(name, candidate, sizeof candidate);
                found = first;
            }
        } else if (code[i] == ')') {
            depth--;
        }
    }
    return found;
}

bool source_function(const struct file *f, size_t *at, struct function *function)
{
    const char *brace;
    while ((brace = first_column(f->code, *at, '{')) != NULL) {
        size_t offset = (size_t)(brace - f->code);
        const char *close = first_column(f->code, offset + 1, '}');
        size_t end = close != NULL ? (size_t)(close - f->code) : f->size;
        size_t start = declaration_start(f->code, offset);
        size_t name = find_name(f->code, start, offset, function->name);
        *at = end < f->size ? end + 1 : end;
        if (function->name[0] != '\0') {
            function->first_line = source_line(f, name);
            function->last_line = source_line(f, end);
            return true;
        }
    }
    return false;
}
