/* SPDX-License-Identifier: MIT */
/*
 * The ratchet: known offenders, one a line, as "check path" or "check path name"; "check name" for
 * what belongs to the whole tree. A finding that is listed passes; a line that no finding needs
 * fails, so that what was mended stays mended.
 */
#include "tidy.h"

#include <stdio.h>
#include <string.h>

void ratchet_key(const struct finding *finding, char *key)
{
    bool is_global = finding->check == CHECK_TEST_FILE || finding->check == CHECK_ROUTINE;
    snprintf(key, RATCHET_KEY_BYTES, "%s %s%s%s", check_name(finding->check),
             is_global ? "" : finding->path, is_global || finding->name[0] == '\0' ? "" : " ",
             finding->name);
}

/* Marks every finding of this key; false when there is none. */
static bool mark(struct findings *out, size_t count, const char *line, size_t length)
{
    bool is_needed = false;
    for (size_t i = 0; i < count; i++) {
        char key[RATCHET_KEY_BYTES];
        ratchet_key(&out->finding[i], key);
        if (strlen(key) == length && memcmp(key, line, length) == 0) {
            out->finding[i].is_known = true;
            is_needed = true;
        }
    }
    return is_needed;
}

void ratchet_apply(const struct tree *t, struct findings *out)
{
    const struct file *ratchet = tree_find(t, RATCHET_PATH);
    size_t count = out->count; /* complaints about the ratchet itself cannot be listed in it */
    size_t line = 1;
    for (const char *p = ratchet != NULL ? ratchet->text : ""; *p != '\0'; line++) {
        size_t length = strcspn(p, "\n");
        if (length > 0 && *p != '#' && !mark(out, count, p, length)) {
            char name[NAME_MAX_BYTES];
            snprintf(name, sizeof name, "%.*s", (int)length, p);
            report(out, CHECK_RATCHET, ratchet, line, name, "mended, delete this line: %s", name);
        }
        p += length + (p[length] == '\n');
    }
}
