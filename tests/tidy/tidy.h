/* SPDX-License-Identifier: MIT */
/*
 * The tidy test: the house rules that a machine can check, as a test like any other.
 *
 * A tree is a list of files held in memory, read from the disk (tree.c) or written out in a
 * self-test case (self_test.c); the checks cannot tell. A check looks at one file (check_file.c) or
 * at the whole tree (check_tree.c) and reports findings. Findings listed in tests/tidy/ratchet.txt
 * are known and tolerated; a line of that list that matches nothing fails the test too, so the list
 * only shrinks.
 *
 * Limits: this is a reader of text, no compiler. It knows comments, strings and functions whose
 * braces stand in the first column, which is how the house style writes them.
 */
#ifndef TIDY_H
#define TIDY_H

#include <stdbool.h>
#include <stddef.h>

enum {
    LINE_COLUMNS_MAX = 100,
    FUNCTION_LINES_MAX = 70,
    FILE_LINES_MAX = 800,
    PATH_MAX_BYTES = 512,
    NAME_MAX_BYTES = 128,
    MESSAGE_MAX_BYTES = 256,
    RATCHET_KEY_BYTES = PATH_MAX_BYTES + 2 * NAME_MAX_BYTES,
};

enum file_kind { FILE_C, FILE_TABLE /* .def */, FILE_SHELL, FILE_CMAKE, FILE_PYTHON, FILE_RATCHET,
                 FILE_STRAY /* at the root, and nobody knows it */ };

/* All three texts have the same length and the same line ends. */
struct file {
    char *path;    /* relative to the root, with slashes */
    char *text;    /* as it is */
    char *strings; /* C: comments blanked; else the same as text */
    char *code;    /* C: comments and the insides of strings blanked; else the same as text */
    size_t size;
    enum file_kind kind;
};

struct tree {
    struct file *file;
    size_t count, capacity;
};

enum check {
    CHECK_LINE_WIDTH,
    CHECK_FUNCTION_LINES,
    CHECK_FILE_LINES,
    CHECK_SPDX,
    CHECK_HEADER_COMMENT,
    CHECK_INCLUDE,
    CHECK_WORD,
    CHECK_TEST_FILE,
    CHECK_ROUTINE,
    CHECK_RATCHET,
    CHECK_STRAY,
    CHECK_COUNT
};

struct finding {
    enum check check;
    const char *path;
    size_t line;
    char name[NAME_MAX_BYTES]; /* what tells two findings of a file apart; never a line number */
    char message[MESSAGE_MAX_BYTES];
    bool is_known; /* listed in the ratchet */
};

struct findings {
    struct finding *finding;
    size_t count, capacity;
};

struct function {
    char name[NAME_MAX_BYTES];
    size_t first_line, last_line;
};

/* ---- source.c: one text ---- */

/* Takes over text, which malloc made and which ends in a zero. */
struct file source_make(const char *path, enum file_kind kind, char *text);
void source_free(struct file *f);
/* The next function at or after *at, which is moved behind it. False: there is none. */
bool source_function(const struct file *f, size_t *at, struct function *function);
/*
 * The next whole word at or after `at`, or NULL; an end that is no letter needs no word boundary.
 */
const char *source_word(const char *text, size_t at, const char *word);
size_t source_line(const struct file *f, size_t offset);
bool source_is_name(char c);

/* ---- tree.c ---- */

/* False: the root cannot be read; a message was printed. */
bool tree_read(struct tree *t, const char *root);
void tree_add(struct tree *t, struct file f);
void tree_free(struct tree *t);
const struct file *tree_find(const struct tree *t, const char *path);
/* What kind a file of this name is. False: none that is checked. */
bool tree_kind(const char *path, const char *text, enum file_kind *kind);
bool tree_is_under(const char *path, const char *folder);

/* ---- checks ---- */

void check_file(const struct tree *t, const struct file *f, struct findings *out);
void check_tree(const struct tree *t, struct findings *out);
/* Everything, sorted, with the ratchet applied. Returns how many findings are not known. */
size_t check_all(const struct tree *t, struct findings *out);
__attribute__((format(printf, 6, 7))) void
report(struct findings *out, enum check check, const struct file *f, size_t line, const char *name,
       const char *format, ...);
const char *check_name(enum check check);

/* ---- ratchet.c ---- */

#define RATCHET_PATH "tests/tidy/ratchet.txt"
/* Marks what the ratchet lists as known; reports the lines of the ratchet that match nothing. */
void ratchet_apply(const struct tree *t, struct findings *out);
/* The line that would make the finding known; key has RATCHET_KEY_BYTES. */
void ratchet_key(const struct finding *finding, char *key);

/* ---- self_test.c ---- */

/* Runs every case in a folder. Returns the exit code. */
int self_test(const char *folder);

#endif
