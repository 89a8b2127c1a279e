/* SPDX-License-Identifier: MIT */
/*
 * Partial-order reduction: what a step touched, what happens before it, and the races that ask for
 * another order.
 *
 * When step n is over, the steps that touched the same bytes are looked up (each word knows its
 * last access, each access the one before). A race is a pair (c, n) of different processes that
 * depend on each other with nothing in between. For the order n before c some process must run at
 * c's place that can begin v, the steps after c that do not depend on c, followed by n: an initial
 * of v. If none is wanted there or asleep, one becomes wanted (a source set).
 *
 * Invariant: clock rows of a prefix stay right, since a run repeats its prefix.
 */
#include "search_internal.h"

#include <string.h>

static uint64_t bloom_of(uint64_t word)
{
    return 1ull << (sim_mix(2, word) & 63);
}

/* ---- what a step touched ---- */

static size_t slot_of(const struct sim_search *q, uint64_t word)
{
    size_t at = (size_t)(sim_mix(1, word) % WORDS);
    while (q->word[at].key != 0 && q->word[at].key != word + 1) {
        at = (at + 1) % WORDS;
    }
    return at;
}

void search_add_access(struct sim_search *q, uint64_t word, uint8_t read, uint8_t write)
{
    struct search_event *e = &q->event[q->at - 1];
    size_t slot = slot_of(q, word);
    uint32_t head = q->word[slot].head;
    if (head != 0 && q->access[head - 1].event == q->at - 1) {
        q->access[head - 1].touch.read |= read;
        q->access[head - 1].touch.write |= write;
        return;
    }
    if (q->accesses == ACCESSES_MAX) {
        e->is_wild = true;
        return;
    }
    q->access[q->accesses++] = (struct search_access){
        .touch = {.word = word, .read = read, .write = write}, .event = q->at - 1, .prev = head};
    q->word[slot].key = word + 1;
    q->word[slot].head = q->accesses;
    e->accesses++;
    e->bloom |= bloom_of(word);
}

static bool conflict(const struct search_touch *a, const struct search_touch *b)
{
    return ((a->write & (b->read | b->write)) | (b->write & a->read)) != 0;
}

bool search_independent(const struct sim_search *q, const struct search_alternative *a,
                        const struct search_event *e)
{
    if (a->is_wild || e->is_wild) {
        return false;
    }
    if ((a->bloom & e->bloom) == 0) {
        return true;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        const struct search_touch *t = &q->touched[a->first + i];
        for (uint32_t k = 0; (bloom_of(t->word) & e->bloom) != 0 && k < e->accesses; k++) {
            const struct search_touch *other = &q->access[e->access + k].touch;
            if (other->word == t->word && conflict(t, other)) {
                return false;
            }
        }
    }
    return true;
}

/* ---- what is to be explored ---- */

void search_want_all(struct sim_search *q, struct search_event *e)
{
    for (uint16_t k = 0; k < e->alternatives; k++) {
        q->alternative[e->first + k].state |= ALTERNATIVE_WANTED;
    }
}

void search_want(struct sim_search *q, struct search_event *e, uint16_t process)
{
    for (uint16_t k = 0; k < e->alternatives; k++) {
        if (q->alternative[e->first + k].process == process) {
            q->alternative[e->first + k].state |= ALTERNATIVE_WANTED;
            return;
        }
    }
    q->report.fallbacks++; /* it could not run there: our order of events is too weak */
    search_want_all(q, e);
}

/* ---- races ---- */

static bool is_before(const struct sim_search *q, uint32_t a, uint32_t b)
{
    const struct search_event *e = &q->event[a];
    return q->clock[b][e->process] >= e->nth;
}

/* The processes that can begin v. */
struct initials {
    uint16_t first[SEARCH_PROCESSES_MAX]; /* nth of the first step in v; 0 = none */
    uint16_t process[SEARCH_PROCESSES_MAX];
    uint32_t processes;
    uint16_t initial[SEARCH_PROCESSES_MAX];
    uint32_t initials;
};

static void add_to_v(const struct sim_search *q, struct initials *v, uint32_t number)
{
    const struct search_event *e = &q->event[number];
    if (v->first[e->process] != 0) {
        return;
    }
    bool is_initial = true;
    for (uint32_t i = 0; is_initial && i < v->processes; i++) {
        uint16_t p = v->process[i];
        is_initial = q->clock[number][p] < v->first[p];
    }
    v->first[e->process] = e->nth;
    v->process[v->processes++] = e->process;
    if (is_initial) {
        v->initial[v->initials++] = e->process;
    }
}

/* Is one of the initials wanted at e, or explored already? */
static bool is_provided(const struct sim_search *q, const struct search_event *e,
                        const struct initials *v)
{
    for (uint16_t k = 0; k < e->alternatives; k++) {
        const struct search_alternative *a = &q->alternative[e->first + k];
        bool is_taken = (a->state & (ALTERNATIVE_WANTED | ALTERNATIVE_ASLEEP)) != 0;
        for (uint32_t i = 0; is_taken && i < v->initials; i++) {
            if (v->initial[i] == a->process) {
                return true;
            }
        }
    }
    return false;
}

/* c and n race: somebody must be able to bring n before c. */
static void reverse(struct sim_search *q, uint32_t c, uint32_t n)
{
    static struct initials v; /* first[] is zero between calls */
    struct search_event *e = &q->event[c];
    v.processes = v.initials = 0;
    for (uint32_t x = c + 1; x < n; x++) {
        if (!is_before(q, c, x)) {
            add_to_v(q, &v, x);
        }
    }
    add_to_v(q, &v, n);
    if (!is_provided(q, e, &v)) {
        uint16_t process = v.initial[0];
        for (uint32_t i = 0; i < v.initials; i++) {
            process = v.initial[i] == q->event[n].process ? v.initial[i] : process;
        }
        search_want(q, e, process);
    }
    for (uint32_t i = 0; i < v.processes; i++) {
        v.first[v.process[i]] = 0;
    }
}

/* ---- a step is over ---- */

/* The steps directly before one: of its process, its enablers, and those it conflicts with. */
struct predecessors {
    uint32_t event[SEARCH_PROCESSES_MAX + ENABLERS_MAX + 1];
    uint32_t count, fixed; /* the first `fixed` cannot come after it */
};

/* The last step of each other process that conflicts. */
static void find_conflicts(struct sim_search *q, uint32_t n, struct predecessors *pred)
{
    static uint32_t latest[SEARCH_PROCESSES_MAX]; /* step + 1; zero between calls */
    const struct search_event *e = &q->event[n];
    for (uint32_t i = 0; i < e->accesses; i++) {
        const struct search_access *a = &q->access[e->access + i];
        uint8_t left = a->touch.read | a->touch.write;
        for (uint32_t at = a->prev; at != 0 && left != 0; at = q->access[at - 1].prev) {
            const struct search_access *b = &q->access[at - 1];
            uint8_t hit = (uint8_t)((b->touch.write | (b->touch.read & a->touch.write)) & left);
            left &= (uint8_t)~b->touch.write; /* what came before it happens before it */
            uint16_t p = q->event[b->event].process;
            if (hit != 0 && p != e->process && latest[p] < b->event + 1) {
                latest[p] = b->event + 1;
            }
        }
    }
    for (uint32_t p = 0; p < q->processes; p++) {
        if (latest[p] != 0) {
            pred->event[pred->count++] = latest[p] - 1;
            latest[p] = 0;
        }
    }
}

static void set_clock(struct sim_search *q, uint32_t n, const struct predecessors *pred)
{
    uint16_t *row = q->clock[n];
    memset(row, 0, q->processes * sizeof *row);
    for (uint32_t i = 0; i < pred->count; i++) {
        const uint16_t *other = q->clock[pred->event[i]];
        for (uint32_t p = 0; p < q->processes; p++) {
            row[p] = other[p] > row[p] ? other[p] : row[p];
        }
    }
    row[q->event[n].process] = q->event[n].nth;
}

/* Nothing stands between the two. */
static bool is_race(const struct sim_search *q, const struct predecessors *pred, uint32_t i)
{
    for (uint32_t k = 0; k < pred->count; k++) {
        if (k != i && is_before(q, pred->event[i], pred->event[k])) {
            return false;
        }
    }
    return true;
}

void search_finish_event(struct sim_search *q, uint32_t n)
{
    struct search_event *e = &q->event[n];
    struct predecessors pred = {.count = 0};
    if (e->before != NO_EVENT) {
        pred.event[pred.count++] = e->before;
    }
    for (uint32_t i = 0; i < e->enablers; i++) {
        pred.event[pred.count++] = e->enabler[i];
    }
    pred.fixed = pred.count;
    find_conflicts(q, n, &pred);
    set_clock(q, n, &pred);
    for (uint32_t i = pred.fixed; i < pred.count; i++) {
        if (is_race(q, &pred, i)) {
            reverse(q, pred.event[i], n);
        }
    }
}
