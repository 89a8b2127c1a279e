/* SPDX-License-Identifier: MIT */
/*
 * The files of the repository, sorted by path. Only folders and kinds listed here are looked at:
 * what a build makes, data and prose are not. At the root itself a file must be known, or be one
 * that .gitignore names.
 */
#include "tidy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const roots[] = {
    ".ci",  "CMakeLists.txt", "bench", "cmake",  "docs",    "drivers", "fuzz",
    "include", "model",       "replay", "scripts", "sim",   "tests",
};

/* Trees of their own, broken on purpose. */
static const char *const skipped[] = {"tests/tidy/cases"};

/* Files of the root that need no look, and ends of those that no commit takes (.gitignore). */
static const char *const root_files[] = {"CMakeLists.txt", "CMakePresets.json", "LICENSE",
                                         "README.md", "compile_commands.json"};
static const char *const ignored[] = {".db", ".db-wal", ".db-shm"};

bool tree_is_under(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool ends_with(const char *path, const char *end)
{
    size_t length = strlen(path);
    size_t want = strlen(end);
    return length >= want && strcmp(path + length - want, end) == 0;
}

static bool is_stray(const char *path)
{
    for (size_t i = 0; i < sizeof root_files / sizeof root_files[0]; i++) {
        if (strcmp(path, root_files[i]) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        if (ends_with(path, ignored[i])) {
            return false;
        }
    }
    return strchr(path, '/') == NULL && path[0] != '.';
}

bool tree_kind(const char *path, const char *text, enum file_kind *kind)
{
    static const struct {
        const char *end;
        enum file_kind kind;
    } kinds[] = {
        {".c", FILE_C},         {".h", FILE_C},         {".cc", FILE_C},
        {".inc", FILE_C},       {".def", FILE_TABLE},   {".sh", FILE_SHELL},
        {".cmake", FILE_CMAKE}, {".py", FILE_PYTHON},   {"CMakeLists.txt", FILE_CMAKE},
        {RATCHET_PATH, FILE_RATCHET},
    };
    if (is_stray(path)) {
        *kind = FILE_STRAY;
        return true;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (ends_with(path, kinds[i].end)) {
            *kind = kinds[i].kind;
            return true;
        }
    }
    *kind = strstr(text, "python") != NULL ? FILE_PYTHON : FILE_SHELL;
    return strncmp(text, "#!", 2) == 0; /* a script whose name has no ending */
}

void tree_add(struct tree *t, struct file f)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity == 0 ? 64 : 2 * t->capacity;
        t->file = realloc(t->file, t->capacity * sizeof *t->file);
        if (t->file == NULL) {
            abort();
        }
    }
    t->file[t->count++] = f;
}

void tree_free(struct tree *t)
{
    for (size_t i = 0; i < t->count; i++) {
        source_free(&t->file[i]);
    }
    free(t->file);
    *t = (struct tree){0};
}

const struct file *tree_find(const struct tree *t, const char *path)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->file[i].path, path) == 0) {
            return &t->file[i];
        }
    }
    return NULL;
}

/* ---- the disk ---- */

static char *read_text(const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        return NULL;
    }
    size_t size = 0;
    size_t capacity = 1 << 16;
    char *text = malloc(capacity);
    while (text != NULL && !feof(stream) && !ferror(stream)) {
        size += fread(text + size, 1, capacity - size - 1, stream);
        if (size + 1 == capacity) {
            capacity *= 2;
            text = realloc(text, capacity);
        }
    }
    fclose(stream);
    if (text == NULL) {
        abort();
    }
    text[size] = '\0';
    return text;
}

static bool read_path(struct tree *t, const char *root, const char *path);

static bool read_folder(struct tree *t, const char *root, const char *path, const char *full)
{
    DIR *folder = opendir(full);
    bool is_fine = folder != NULL;
    for (struct dirent *entry; is_fine && (entry = readdir(folder)) != NULL;) {
        char child[PATH_MAX_BYTES];
        if (entry->d_name[0] != '.') {
            int length = snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
            is_fine = length > 0 && (size_t)length < sizeof child && read_path(t, root, child);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return is_fine;
}

static bool read_path(struct tree *t, const char *root, const char *path)
{
    char full[2 * PATH_MAX_BYTES];
    struct stat status;
    enum file_kind kind;
    for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++) {
        if (tree_is_under(path, skipped[i])) {
            return true;
        }
    }
    snprintf(full, sizeof full, "%s/%s", root, path);
    if (stat(full, &status) != 0) {
        return errno == ENOENT; /* an editor's temporary file, or a folder not yet begun */
    }
    if (S_ISDIR(status.st_mode)) {
        return read_folder(t, root, path, full);
    }
    char *text = read_text(full);
    if (text != NULL && tree_kind(path, text, &kind)) {
        tree_add(t, source_make(path, kind, text));
        return true;
    }
    free(text);
    return text != NULL;
}

/* The files of the root that nobody knows; its folders may be anybody's. */
static bool read_strays(struct tree *t, const char *root)
{
    DIR *folder = opendir(root);
    bool is_fine = folder != NULL;
    for (struct dirent *entry; is_fine && (entry = readdir(folder)) != NULL;) {
        char full[2 * PATH_MAX_BYTES];
        struct stat status;
        int length = snprintf(full, sizeof full, "%s/%s", root, entry->d_name);
        is_fine = length > 0 && (size_t)length < sizeof full;
        bool is_file = is_fine && stat(full, &status) == 0 && S_ISREG(status.st_mode);
        if (is_file && is_stray(entry->d_name)) {
            tree_add(t, source_make(entry->d_name, FILE_STRAY, strdup("")));
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return is_fine;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

bool tree_read(struct tree *t, const char *root)
{
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        if (!read_path(t, root, roots[i])) {
            fprintf(stderr, "tidy: cannot read %s/%s\n", root, roots[i]);
            return false;
        }
    }
    if (!read_strays(t, root)) {
        fprintf(stderr, "tidy: cannot read %s\n", root);
        return false;
    }
    if (t->count == 0) {
        fprintf(stderr, "tidy: %s is not a checkout of wsksim\n", root);
        return false;
    }
    qsort(t->file, t->count, sizeof *t->file, by_path);
    return true;
}
