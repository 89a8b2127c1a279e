/* SPDX-License-Identifier: MIT */
/* See refill.h. Blocks are numbered in the order of their allocation. */
#include "replay/refill.h"

#include <ctype.h>
#include <stdio.h>

#include "model/ex/ex.h"
#include "replay/symbols.h"

struct experiment {
    struct replay_session *session;
    const struct replay_case *c;
    const struct replay_result *first;
    struct choice_log *log;
};

/* True if nothing changes when the first `count` blocks hold the other pattern. */
static bool is_same(const struct experiment *e, uint32_t count)
{
    struct replay_case altered = *e->c; /* borrows: not freed */
    struct replay_result again;
    altered.options.sim.refill = count;
    replay_session_case(e->session, &altered, false, 0, e->log, &again);
    return again.verdict == e->first->verdict && again.fingerprint == e->first->fingerprint &&
           !again.diverged;
}

/* How many of the first blocks have to hold the other pattern: the last of them is to blame. */
static uint32_t bisect(const struct experiment *e, uint32_t differs)
{
    uint32_t same = 0;
    while (differs - same > 1) {
        uint32_t middle = same + (differs - same) / 2;
        if (is_same(e, middle)) {
            same = middle;
        } else {
            differs = middle;
        }
    }
    return differs;
}

static void tag_text(uint32_t tag, char out[5])
{
    for (int i = 0; i < 4; i++) {
        char letter = (char)(tag >> (8 * i));
        out[i] = (char)(isprint((unsigned char)letter) ? letter : '.');
    }
    out[4] = '\0';
}

static void describe(const struct experiment *e, const struct sim_block *block, char *message,
                     size_t size)
{
    char where[256], tag[5];
    struct symbols *symbols = symbols_open(e->session->module.path);
    symbols_text(symbols, block->born.site, where, sizeof where);
    symbols_close(symbols);
    tag_text(block->tag, tag);
    snprintf(message, size,
             "the run depends on what uninitialised memory holds: %u bytes with tag '%s', "
             "allocated in %s; 'wsksim replay -fill=%u' shows the other run",
             block->size, tag, where, (uint8_t)~e->session->sim->options.fill);
}

bool refill_differs(struct replay_session *session, const struct replay_case *c,
                    const struct replay_result *first, struct choice_log *log, char *message,
                    size_t size)
{
    const struct experiment e = {session, c, first, log};
    uint32_t count;
    if (is_same(&e, UINT32_MAX)) {
        return false;
    }
    (void)ex_refilled(session->sim, &count); /* blocks of the run that was led astray */
    if (is_same(&e, count)) {
        snprintf(message, size, "two runs of the same choices differ");
        return true;
    }
    uint32_t last = bisect(&e, count);
    (void)is_same(&e, last);
    describe(&e, ex_refilled(session->sim, &count), message, size);
    return true;
}
