/* SPDX-License-Identifier: MIT */
/* See artifact.h. */
#include "replay/artifact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/case_text.h"
#include "replay/command.h"
#include "replay/sha1.h"

enum { PATH_BYTES = 4096 };

const char *artifact_kind(uint32_t rule)
{
    switch (rule) {
    case RULE_SYS_DEADLOCK:
        return "deadlock";
    case RULE_SYS_LIVELOCK:
        return "livelock";
    case RULE_KRN_199:
    case RULE_KRN_280:
    case RULE_KRN_284:
        return "leak";
    default:
        return "crash";
    }
}

void artifact_name(const char *kind, const struct replay_case *c, char *out, size_t size)
{
    char hash[41];
    sha1_text(c->choices, c->choices_size, hash);
    snprintf(out, size, "%s-%s", kind, hash);
}

bool artifact_write_file(const char *path, const void *bytes, size_t size)
{
    char temporary[PATH_BYTES];
    snprintf(temporary, sizeof temporary, "%s.part", path);
    FILE *file = fopen(temporary, "wb");
    if (file == NULL) {
        return false;
    }
    bool ok = fwrite(bytes, 1, size, file) == size;
    ok = fclose(file) == 0 && ok;
    if (!ok || rename(temporary, path) != 0) {
        int error = errno;
        unlink(temporary);
        errno = error;
        return false;
    }
    return true;
}

static bool write_beside(const char *base, const char *extension, const void *bytes, size_t size)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s%s", base, extension);
    if (!artifact_write_file(path, bytes, size)) {
        command_refuse("%s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static char *report_text(const struct explanation *e, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (out != NULL) {
        fprintf(out, "%s\n\n%s\n%s", e->title != NULL ? e->title : "",
                e->report != NULL ? e->report : "", e->table != NULL ? e->table : "");
        fclose(out);
    }
    return text;
}

bool artifact_write(const char *prefix, const char *name, const struct replay_case *c,
                    const struct explanation *report)
{
    char base[PATH_BYTES - 16];
    size_t size = 0;
    snprintf(base, sizeof base, "%s%s", prefix, name);
    char *line = replay_case_text(c);
    char *text = report != NULL ? report_text(report, &size) : NULL;
    bool ok = line != NULL && write_beside(base, "", c->choices, c->choices_size) &&
              write_beside(base, ".schedule", line, strlen(line)) &&
              (text == NULL || write_beside(base, ".txt", text, size));
    free(line);
    free(text);
    return ok;
}
