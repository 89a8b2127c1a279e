/* SPDX-License-Identifier: MIT */
/*
 * wsksim export ID|all [DIRECTORY|FILE]: cases for tools that know files only. In a directory each
 * case is a file named as libFuzzer would name it; a file gets one case, or with -format=text a
 * line each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "replay/artifact.h"
#include "replay/case_text.h"
#include "replay/command.h"

struct export_job {
    const struct flags *flags;
    struct store *store;
    const char *place; /* NULL = the screen */
    bool is_directory, is_text;
    FILE *lines; /* text form into one file or to the screen */
    unsigned count;
};

static bool is_directory(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static bool write_line(struct export_job *job, const struct replay_case *c)
{
    char *line = replay_case_text(c);
    bool ok = line != NULL && fprintf(job->lines, "%s\n", line) > 0;
    free(line);
    return ok;
}

static bool write_file(const struct export_job *job, const struct store_record *r)
{
    const struct replay_case *c = &r->replay;
    char name[96], path[4096];
    bool is_finding = c->verdict == SIM_VERDICT_VIOLATION;
    snprintf(path, sizeof path, "%s", job->place);
    if (job->is_directory) {
        artifact_name(is_finding ? artifact_kind(c->rule) : "input", c, name, sizeof name);
        const char *hash = strchr(name, '-') + 1; /* a corpus has bare hashes */
        snprintf(path, sizeof path, "%s/%s%s", job->place, is_finding ? name : hash,
                 job->is_text ? ".schedule" : "");
    }
    char *line = job->is_text ? replay_case_text(c) : NULL;
    bool ok = job->is_text ? line != NULL && artifact_write_file(path, line, strlen(line))
                           : artifact_write_file(path, c->choices, c->choices_size);
    if (!ok) {
        command_refuse("%s: %s", path, strerror(errno));
    }
    free(line);
    return ok;
}

/* A fuzz input holds choices only: who made them with other options has to be told. */
static void note_options(const struct store_record *r)
{
    char options[REPLAY_OPTIONS_TEXT_MAX];
    replay_options_text(&r->replay.options, options, sizeof options);
    if (options[0] != '\0') {
        fprintf(stderr,
                "wsksim: case %lld was made with options (%s); as a fuzz input it needs them "
                "too, as -format=text it keeps them\n",
                (long long)r->id, options);
    }
}

static bool export_one(struct export_job *job, int64_t id)
{
    struct store_record record;
    if (store_get(job->store, id, &record) != STORE_OK) {
        command_refuse("%s", store_error(job->store));
        store_record_free(&record);
        return false;
    }
    bool ok = job->lines != NULL ? write_line(job, &record.replay) : write_file(job, &record);
    if (ok && !job->is_text) {
        note_options(&record);
    }
    store_record_free(&record);
    job->count += ok;
    return ok;
}

static int export_all(struct export_job *job)
{
    char like[64];
    int64_t id = 0;
    snprintf(like, sizeof like, "%s%s", job->flags->rule, job->flags->rule[0] != '\0' ? "%" : "");
    if (!job->is_directory && job->lines == NULL) {
        return command_refuse("many cases need a directory, or a file with -format=text");
    }
    enum store_result result;
    while ((result = store_next(job->store, id, like, &id)) == STORE_OK) {
        if (!export_one(job, id)) {
            return EXIT_CODE_USAGE;
        }
    }
    return result == STORE_NOT_FOUND ? EXIT_CODE_CLEAN
                                     : command_refuse("%s", store_error(job->store));
}

static int export_cases(struct export_job *job, const char *which)
{
    if (strcmp(which, "all") == 0) {
        return export_all(job);
    }
    char *end;
    int64_t id = strtoll(which, &end, 10);
    if (end == which || *end != '\0') {
        return command_refuse("'%.60s' is no id; 'wsksim list' shows them, or say all", which);
    }
    return export_one(job, id) ? EXIT_CODE_CLEAN : EXIT_CODE_USAGE;
}

int command_export(const struct flags *flags)
{
    struct export_job job = {.flags = flags};
    if (flags->argument_count < 1 || flags->argument_count > 2) {
        return command_refuse("export takes an id or all, and a directory or file to write to");
    }
    job.place = flags->argument_count == 2 ? flags->argument[1] : NULL;
    job.is_text = job.place == NULL || strcmp(flags->format, "text") == 0;
    job.is_directory = job.place != NULL && is_directory(job.place);
    if (store_open(&job.store, flags->db, STORE_READ) != STORE_OK) {
        return command_refuse("%s", store_error(NULL));
    }
    int code = EXIT_CODE_CLEAN;
    if (job.is_text && !job.is_directory) {
        job.lines = job.place != NULL ? fopen(job.place, "w") : stdout;
        if (job.lines == NULL) {
            code = command_refuse("%s: %s", job.place, strerror(errno));
        }
    }
    if (code == EXIT_CODE_CLEAN) {
        code = export_cases(&job, flags->argument[0]);
    }
    if (job.lines != NULL && job.lines != stdout && fclose(job.lines) != 0) {
        code = command_refuse("%s: %s", job.place, strerror(errno));
    }
    store_close(job.store);
    if (job.place != NULL) {
        printf("%u case%s written to %s\n", job.count, job.count == 1 ? "" : "s", job.place);
    }
    return code;
}
