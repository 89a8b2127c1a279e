/* SPDX-License-Identifier: MIT */
/* See command.h. */
#define _GNU_SOURCE
#include "replay/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/case_text.h"

volatile sig_atomic_t command_stop;

int command_refuse(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fflush(stdout);
    fputs("wsksim: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    return EXIT_CODE_USAGE;
}

int command_finding_code(const struct flags *flags, uint32_t rule)
{
    enum { DEADLOCK = 11, SAFETY = 12, LIVENESS = 13 }; /* TLC's numbers */
    if (!flags->exit_detail) {
        return (int)flags->error_exitcode;
    }
    switch (rule) {
    case RULE_SYS_DEADLOCK:
        return DEADLOCK;
    case RULE_SYS_LIVELOCK:
    case RULE_SYS_LOST_WAKEUP:
        return LIVENESS;
    default:
        return SAFETY;
    }
}

struct explain_style command_style(const struct flags *flags)
{
    return (struct explain_style){.is_full = flags->full == 1,
                                  .wants_events =
                                      strcmp(flags->trace, "json") == 0 || flags->store_events == 1,
                                  .width = (unsigned)flags->width};
}

static void on_signal(int signal)
{
    (void)signal;
    command_stop = 1;
}

void command_catch_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- files ---- */

uint8_t *command_read_file(const char *path, size_t most, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    uint8_t *bytes = malloc(most + 1);
    if (bytes != NULL) {
        *size = fread(bytes, 1, most, file);
        bytes[*size] = '\0';
        if (ferror(file)) {
            int error = errno;
            free(bytes);
            bytes = NULL;
            errno = error;
        }
    }
    fclose(file);
    return bytes;
}

bool command_database_is_ready(const char *path)
{
    struct store *store;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
        close(fd);
        unlink(path);
        return true;
    }
    if (errno != EEXIST) {
        command_refuse("%s: %s; name another place with -db=", path, strerror(errno));
        return false;
    }
    if (store_open(&store, path, STORE_CREATE) != STORE_OK) {
        command_refuse("%s", store_error(NULL));
        return false;
    }
    store_close(store);
    return true;
}

void command_whole_path(const char *path, char *out, size_t size)
{
    char *whole = realpath(path, NULL);
    snprintf(out, size, "%s", whole != NULL ? whole : path);
    free(whole);
}

bool command_is_module(const char *path)
{
    char magic[4] = "";
    size_t length = strlen(path);
    if (length > 3 && strcmp(path + length - 3, ".so") == 0) {
        return true;
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    bool is_elf = fread(magic, 1, 4, file) == 4 && memcmp(magic, "\177ELF", 4) == 0;
    fclose(file);
    return is_elf;
}

/* ---- cases ---- */

static bool from_database(const struct flags *flags, const char *text, struct command_case *c)
{
    struct store *store;
    if (store_open(&store, flags->db, STORE_READ) != STORE_OK) {
        command_refuse("%s", store_error(NULL));
        return false;
    }
    int64_t id = strtoll(text, NULL, 10);
    bool ok = store_get(store, id, &c->record) == STORE_OK;
    if (!ok) {
        command_refuse("%s", store_error(store));
    } else if (c->module_path[0] == '\0' &&
               store_module_path(store, id, c->module_path, sizeof c->module_path) != STORE_OK) {
        command_refuse("case %s names no module; name it after the case", text);
        ok = false;
    }
    snprintf(c->origin, sizeof c->origin, "case %s", text);
    store_close(store);
    return ok;
}

/* A wsk1 line knows name and identity of its module; where it lies, the database may know. */
static void guess_module(const struct flags *flags, struct command_case *c)
{
    struct store *store;
    const struct replay_case *r = &c->record.replay;
    if (access(flags->db, R_OK) == 0 && store_open(&store, flags->db, STORE_READ) == STORE_OK) {
        store_find_module(store, r->identity, r->module, c->module_path, sizeof c->module_path);
        store_close(store);
    }
    if (c->module_path[0] == '\0') {
        snprintf(c->module_path, sizeof c->module_path, "%s.so", r->module);
    }
}

static bool from_text(const struct flags *flags, const char *text, struct command_case *c)
{
    char message[256];
    if (!replay_case_parse(&c->record.replay, text, message, sizeof message)) {
        command_refuse("%s", message);
        return false;
    }
    snprintf(c->origin, sizeof c->origin, "the case string");
    if (c->module_path[0] == '\0') {
        guess_module(flags, c);
    }
    if (access(c->module_path, R_OK) != 0) {
        command_refuse(
            "the module %s-%s is not at hand; name it: wsksim replay 'wsk1:...' PATH/%s.so",
            c->record.replay.module, c->record.replay.identity, c->record.replay.module);
        return false;
    }
    return true;
}

/* A file: a wsk1 line somewhere in it (a report), or else the bytes of a fuzz input. */
static bool from_file(const struct flags *flags, const char *path, bool must_be_text,
                      struct command_case *c)
{
    size_t size;
    uint8_t *bytes = command_read_file(path, REPLAY_CHOICES_MAX * 2, &size);
    if (bytes == NULL) {
        command_refuse("%s: %s", path, strerror(errno));
        return false;
    }
    const char *line = memmem(bytes, size, "wsk1:", 5);
    if (line != NULL || must_be_text) {
        bool ok = line != NULL && from_text(flags, line, c);
        if (line == NULL) {
            command_refuse("%s: no wsk1: line in this file", path);
        }
        free(bytes);
        return ok;
    }
    snprintf(c->origin, sizeof c->origin, "%s", path);
    c->is_input = true;
    c->record.replay.options = flags_options(flags);
    c->record.replay.choices = bytes;
    c->record.replay.choices_size = size < CHOICE_INPUT_MAX ? size : CHOICE_INPUT_MAX;
    if (c->module_path[0] == '\0') {
        command_refuse("%s: a fuzz input does not know its driver; name the module too", path);
        return false;
    }
    return true;
}

static bool find_argument(const struct flags *flags, const char *text, struct command_case *c)
{
    if (strspn(text, "0123456789") == strlen(text) && strlen(text) < 19) {
        return from_database(flags, text, c);
    }
    if (text[0] == '@') {
        return from_file(flags, text + 1, true, c);
    }
    if (access(text, F_OK) == 0) {
        return from_file(flags, text, false, c);
    }
    if (strncmp(text, "wsk", 3) == 0) {
        return from_text(flags, text, c);
    }
    command_refuse("'%.60s' is no case: expected an id, a wsk1: line, @FILE or a file", text);
    return false;
}

bool command_case_find(const struct flags *flags, struct command_case *c)
{
    const char *text = NULL;
    memset(c, 0, sizeof *c);
    for (unsigned i = 0; i < flags->argument_count; i++) {
        const char *word = flags->argument[i];
        if (strncmp(word, "wsk1:", 5) != 0 && word[0] != '@' && command_is_module(word)) {
            snprintf(c->module_path, sizeof c->module_path, "%s", word);
        } else if (text == NULL) {
            text = word;
        } else {
            command_refuse("one case at a time: '%.60s' is too much", word);
            return false;
        }
    }
    if (text == NULL) {
        command_refuse("no case given: an id ('wsksim list' shows them), a wsk1: line, or a file");
        return false;
    }
    if (!find_argument(flags, text, c)) {
        command_case_free(c);
        return false;
    }
    return true;
}

void command_case_free(struct command_case *c)
{
    store_record_free(&c->record);
}

/* ---- printing ---- */

void command_print_explanation(const struct explanation *e)
{
    printf("SUMMARY: wsksim: %s\n", e->title != NULL ? e->title : "nothing found");
    if (e->report != NULL && (e->title == NULL || strcmp(e->report, e->title) != 0)) {
        printf("\n%s", e->report);
    }
    if (e->table != NULL) {
        printf("\n%s", e->table);
    }
}

void command_print_replay_line(const struct flags *flags, int64_t id)
{
    bool is_default = strcmp(flags->db, "wsksim.db") == 0;
    printf("\nreplay it:  wsksim replay %s%s%s%lld\n",
           is_default ? "" : "-db=", is_default ? "" : flags->db, is_default ? "" : " ",
           (long long)id);
}
