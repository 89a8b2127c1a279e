/* SPDX-License-Identifier: MIT */
/* See twin.h. The twin lies in memory of the parent; children open it as a file of /proc. */
#define _GNU_SOURCE
#include "replay/twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "replay/explain.h"
#include "sim/image.h"

struct twin {
    struct runner *runner;
    int file;
    char path[32];
    char module_path[SIM_MODULE_PATH_MAX];
};

/* ---- opening ---- */

/* The section's bytes as a file without a name, -1 if there are none. */
static int extract(const char *module_path)
{
    struct sim_image image;
    char reason[256];
    int file = -1;
    if (sim_image_open(&image, module_path, reason, sizeof reason) != SIM_MODULE_OK) {
        return -1; /* whoever opens the module itself says why */
    }
    for (size_t i = 0; i < image.section_count && file < 0; i++) {
        const Elf64_Shdr *s = &image.section[i];
        if (strcmp(sim_image_section_name(&image, i), ".wsksim_twin") != 0 ||
            s->sh_type == SHT_NOBITS) {
            continue;
        }
        file = memfd_create("wsksim-twin", 0);
        if (file >= 0 && write(file, image.bytes + s->sh_offset, s->sh_size) !=
                             (ssize_t)s->sh_size) {
            close(file);
            break;
        }
    }
    sim_image_close(&image);
    return file;
}

struct twin *twin_open(const char *module_path, uint32_t timeout_s)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    struct twin *twin = calloc(1, sizeof *twin);
    if (twin == NULL) {
        return NULL;
    }
    twin->file = extract(module_path);
    if (twin->file >= 0) {
        snprintf(twin->path, sizeof twin->path, "/proc/self/fd/%d", twin->file);
        snprintf(twin->module_path, sizeof twin->module_path, "%s", module_path);
        twin->runner = runner_open(twin->path, timeout_s, message, sizeof message);
    }
    if (twin->runner == NULL) {
        twin_close(twin);
        return NULL;
    }
    return twin;
}

void twin_close(struct twin *twin)
{
    if (twin == NULL) {
        return;
    }
    runner_close(twin->runner);
    if (twin->file >= 0) {
        close(twin->file);
    }
    free(twin);
}

/* ---- comparing ---- */

static const char *site_of(const char *line)
{
    return strstr(line, ",\"site\":\"");
}

/* Two lines of events, places left out: the twin has no debug information. */
static bool is_same_event(const char *a, size_t a_size, const char *b, size_t b_size)
{
    const char *a_site = site_of(a), *b_site = site_of(b);
    size_t a_used = a_site != NULL && a_site < a + a_size ? (size_t)(a_site - a) : a_size;
    size_t b_used = b_site != NULL && b_site < b + b_size ? (size_t)(b_site - b) : b_size;
    return a_used == b_used && memcmp(a, b, a_used) == 0;
}

/* The first line of a that is not in b; the last one if b only goes on. Not terminated. */
static const char *first_difference(const char *a, const char *b, size_t *size)
{
    const char *last = a;
    *size = 0;
    while (*a != '\0') {
        size_t a_size = strcspn(a, "\n"), b_size = strcspn(b, "\n");
        last = a;
        *size = a_size;
        if (!is_same_event(a, a_size, b, b_size)) {
            break;
        }
        a += a_size + (a[a_size] == '\n');
        b += b_size + (b[b_size] == '\n');
    }
    return last;
}

/* The value of a field of a line of events; the texts in there have no quotes. */
static void field(const char *line, size_t size, const char *name, char *out, size_t out_size)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = memmem(line, size, key, strlen(key));
    out[0] = '\0';
    if (at != NULL) {
        at += strlen(key);
        snprintf(out, out_size, "%.*s", (int)strcspn(at, "\""), at);
    }
}

static void describe(const struct twin *twin, const struct replay_case *c, char *message,
                     size_t size)
{
    const struct explain_style style = {.wants_events = true};
    struct explanation own = {0}, other = {0};
    char text[128] = "", site[256] = "";
    if (explain_case(twin->module_path, c, &style, &own) == EXPLAIN_OK && own.events != NULL &&
        explain_case(twin->path, c, &style, &other) == EXPLAIN_OK && other.events != NULL) {
        size_t line_size;
        const char *line = first_difference(own.events, other.events, &line_size);
        field(line, line_size, "text", text, sizeof text);
        field(line, line_size, "site", site, sizeof site);
    }
    snprintf(message, size,
             "the run depends on what an uninitialised local holds, or on where one lies: with "
             "zeroes in them it is another one from '%s' in %s on",
             text, site);
    explanation_free(&own);
    explanation_free(&other);
}

bool twin_differs(struct twin *twin, const struct worker_finding *run, char *message, size_t size)
{
    static struct worker_finding again;
    if (runner_case(twin->runner, &run->replay, &again) != WORKER_ANSWER) {
        return false;
    }
    replay_case_free(&again.replay);
    if (again.result.fingerprint == run->replay.fingerprint &&
        again.result.verdict == (enum sim_verdict)run->replay.verdict && !again.result.diverged) {
        return false;
    }
    describe(twin, &run->replay, message, size);
    return true;
}
