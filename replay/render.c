/* SPDX-License-Identifier: MIT */
/*
 * The interleaving as a table: a column per context, IRQL beside each row, the two decisive events
 * marked
 * (1) and (2) with file and line.
 *
 * A run has hundreds of events. Unless all are asked for, the table keeps those of the contexts and
 * objects that the finding names and what happens right around the decisive events; the rest is
 * folded into lines that say how many events were left out.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/explain.h"

enum {
    COLUMNS_MAX = 6,
    AROUND = 3, /* events kept on both sides of a decisive one */
    BEFORE = 4, /* and of its own context before it */
    OBJECTS_MAX = 64,
    REACH = 24, /* events of a context whose objects matter */
    FAILURES = 4, /* requests that failed, whatever they were for */
    TEXT_MAX = 160,
};

/* Column of what the network and the peers do, whoever was running when the clock moved on. */
#define SLOT_NETWORK UINT16_MAX

struct table {
    struct replay_session *session;
    struct symbols *symbols;
    const struct replay_result *result; /* NULL rule if clean */
    const struct sim_trace_event *event;
    size_t count;
    size_t prior;                 /* index of event (2); count = none */
    bool *is_near;                /* events that explain a decisive one */
    uint32_t object[OBJECTS_MAX]; /* what the two contexts dealt with last */
    unsigned object_count;
    uint16_t column[COLUMNS_MAX]; /* context slots */
    unsigned column_count;
    unsigned width; /* of one column */
    bool is_full;
    FILE *out;
};

static const bool trace_shown[] = {
#define TRACE(name, text, shown) (shown) != 0,
#include "model/trace_kinds.def"
#undef TRACE
};

/* ---- which events, which columns ---- */

static uint16_t slot_of(const struct sim_trace_event *event)
{
    switch (event->kind) {
    case TRACE_NetSend:
    case TRACE_NetDeliver:
    case TRACE_NetDrop:
    case TRACE_Peer:
    case TRACE_World:
        return SLOT_NETWORK;
    default:
        return event->slot;
    }
}

static bool is_violation(const struct table *t)
{
    return t->result->verdict == SIM_VERDICT_VIOLATION;
}

static bool is_object(const struct table *t, uint32_t object)
{
    unsigned i = 0;
    while (i < t->object_count && t->object[i] != object) {
        i++;
    }
    return i < t->object_count;
}

static void add_object(struct table *t, uint32_t object)
{
    uint32_t kind = object >> 24;
    if ((kind == OBJECT_SOCKET || kind == OBJECT_INDICATION) && t->object_count < OBJECTS_MAX &&
        !is_object(t, object)) {
        t->object[t->object_count++] = object;
    }
}

/* What a context did last before `end`: a few events to show, and more objects to remember. */
static void mark_before(struct table *t, size_t end, uint16_t slot)
{
    unsigned seen = 0;
    for (size_t i = end; i-- > 0 && seen < REACH;) {
        if (t->event[i].slot == slot && trace_shown[t->event[i].kind]) {
            t->is_near[i] |= seen++ < BEFORE;
            add_object(t, t->event[i].object);
        }
    }
}

static void mark_around(struct table *t, size_t at)
{
    size_t first = at >= AROUND ? at - AROUND : 0;
    for (size_t i = first; i <= at + AROUND && i < t->count; i++) {
        t->is_near[i] = true;
    }
}

/* A deadlock: the call in which each context waits that does not go on. */
static void mark_waits(struct table *t)
{
    bool is_done[SIM_CONTEXTS_MAX] = {false};
    for (size_t i = t->count; i-- > 0;) {
        const struct sim_trace_event *e = &t->event[i];
        if (!trace_shown[e->kind] || e->slot >= SIM_CONTEXTS_MAX || is_done[e->slot]) {
            continue;
        }
        bool is_wait = e->kind == TRACE_WaitStart || e->kind == TRACE_LockSpin;
        is_done[e->slot] = !is_wait; /* with a wait, on to the call that it belongs to */
        t->is_near[i] |= is_wait || (e->kind == TRACE_Call && i + 1 < t->count);
    }
}

/* The requests that failed last, and what they were. */
static void mark_failures(struct table *t)
{
    unsigned seen = 0;
    for (size_t i = t->count; i-- > 0 && seen < FAILURES;) {
        const struct sim_trace_event *e = &t->event[i];
        if (e->kind != TRACE_IrpComplete || (int32_t)e->value >= 0 ||
            (NTSTATUS)e->value == STATUS_CANCELLED) {
            continue;
        }
        size_t k = i; /* an IRP that the driver has passed, not one that it was given */
        while (k > 0 && (t->event[k].kind != TRACE_IrpSubmit || t->event[k].object != e->object)) {
            k--;
        }
        if (k > 0) {
            t->is_near[i] = t->is_near[k] = true;
            seen++;
        }
    }
}

static void find_decisive(struct table *t)
{
    t->prior = t->count;
    t->is_near = calloc(t->count + 1, sizeof *t->is_near);
    if (!is_violation(t) || t->is_near == NULL) {
        return;
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct sim_violation *v = &t->result->violation;
        bool is_it = v->prior_access == 0 /* else an access: after the last event of its context */
                         ? t->event[i].seq == v->prior.seq
                         : t->event[i].seq <= v->prior.seq && t->event[i].slot == v->prior_slot;
        if (is_it) {
            t->prior = i;
        }
    }
    mark_failures(t);
    if (t->result->violation.rule == RULE_SYS_DEADLOCK) {
        mark_waits(t);
    }
    mark_around(t, t->count);
    mark_before(t, t->count, t->result->context_slot);
    if (t->prior < t->count) {
        mark_around(t, t->prior);
        mark_before(t, t->prior, t->event[t->prior].slot);
    }
}

static bool concerns_finding(const struct table *t, const struct sim_trace_event *event)
{
    const struct sim_violation *v = &t->result->violation;
    return event->object != 0 && (event->object == v->object[0] || event->object == v->object[1]);
}

/* What a reader wants to see of the objects involved, and of any run. */
static bool is_landmark(const struct table *t, const struct sim_trace_event *event)
{
    static const uint16_t landmark[] = {
        TRACE_CallbackEnter, TRACE_CallbackLeave, TRACE_CloseStart, TRACE_CloseEnd,
        TRACE_ForcedClose,   TRACE_EventDisable,  TRACE_EventOff,
    };
    if (event->kind == TRACE_Unload || event->kind == TRACE_AllocFail) {
        return true;
    }
    for (size_t i = 0; i < SIM_COUNT(landmark); i++) {
        if (landmark[i] == event->kind) {
            return is_object(t, event->object);
        }
    }
    return false;
}

static bool is_kept(const struct table *t, size_t i, bool is_full)
{
    const struct sim_trace_event *event = &t->event[i];
    if (i == t->prior) {
        return true;
    }
    if (!trace_shown[event->kind]) {
        return false;
    }
    return is_full || !is_violation(t) || concerns_finding(t, event) ||
           (t->is_near != NULL && t->is_near[i]) || is_landmark(t, event);
}

static bool has_column(const struct table *t, uint16_t slot)
{
    for (unsigned k = 0; k < t->column_count; k++) {
        if (t->column[k] == slot) {
            return true;
        }
    }
    return false;
}

static void choose_columns(struct table *t, bool is_full)
{
    if (is_violation(t)) {
        t->column[t->column_count++] = t->result->context_slot;
    }
    for (size_t i = t->count; i-- > 0 && t->column_count < COLUMNS_MAX;) {
        if (is_kept(t, i, is_full) && !has_column(t, slot_of(&t->event[i]))) {
            t->column[t->column_count++] = slot_of(&t->event[i]);
        }
    }
    for (unsigned i = 1; i < t->column_count; i++) { /* by age: stable from run to run */
        uint16_t slot = t->column[i];
        unsigned at = i;
        while (at > 0 && t->column[at - 1] > slot) {
            t->column[at] = t->column[at - 1];
            at--;
        }
        t->column[at] = slot;
    }
}

/* ---- printing ---- */

static unsigned column_of(const struct table *t, uint16_t slot)
{
    unsigned k = 0;
    while (k < t->column_count && t->column[k] != slot) {
        k++;
    }
    return k; /* column_count = "others" */
}

static void print_head(const struct table *t, bool has_others)
{
    fprintf(t->out, "%11s IRQL", "time ms");
    for (unsigned k = 0; k < t->column_count; k++) {
        char name[48];
        snprintf(name, sizeof name, "network");
        if (t->column[k] != SLOT_NETWORK) {
            replay_context_name(t->session, t->column[k], name, sizeof name);
        }
        fprintf(t->out, "|%-*.*s", (int)t->width, (int)t->width, name);
    }
    fprintf(t->out, "%s\n", has_others ? "|others" : "");
    for (unsigned k = 0; k < 16 + (t->width + 1) * t->column_count; k++) {
        fputc('-', t->out);
    }
    fputc('\n', t->out);
}

/* "  <== file.c:12": where in the driver. */
static void print_place(const struct table *t, uintptr_t site, const char *arrow)
{
    struct symbol symbol = symbols_find(t->symbols, site);
    const char *slash = strrchr(symbol.file, '/');
    if (symbol.line != 0) {
        fprintf(t->out, "  %s%s:%u", arrow, slash != NULL ? slash + 1 : symbol.file, symbol.line);
    }
}

static void print_cell(const struct table *t, sim_time time, unsigned level, uint16_t slot)
{
    fprintf(t->out, "%11.4f %3u ", (double)time / 10000, level);
    for (unsigned k = column_of(t, slot); k > 0; k--) {
        fprintf(t->out, "|%-*s", (int)t->width, "");
    }
    fputc('|', t->out);
}

/* The row above names the call already. */
static bool is_call_above(const struct table *t, size_t i)
{
    const struct sim_trace_event *above = &t->event[i - 1];
    return above->kind == TRACE_Call && above->slot == t->event[i].slot &&
           is_kept(t, i - 1, t->is_full);
}

static void print_row(const struct table *t, size_t i)
{
    const struct sim_trace_event *event = &t->event[i];
    bool is_prior = i == t->prior;
    char text[TEXT_MAX];
    render_event_text(event, text, sizeof text);
    print_cell(t, event->time, event->level, slot_of(event));
    fprintf(t->out, "%s%s", is_prior ? "(2) " : "", text);
    if (is_prior || event->kind == TRACE_Call || event->kind == TRACE_EventDisable ||
        event->kind == TRACE_IrpCompletionEnter || event->kind == TRACE_CallbackEnter ||
        (event->kind == TRACE_IrpSubmit && i > 0 && !is_call_above(t, i))) {
        print_place(t, event->site, is_prior ? "<== " : "");
    }
    fputc('\n', t->out);
}

/* The breach: where the run ended. */
static void print_breach(const struct table *t)
{
    const struct sim_violation *v = &t->result->violation;
    print_cell(t, v->time, v->level, t->result->context_slot);
    fprintf(t->out, "(1) %s%s%s", model_rules[v->rule].id, v->here.routine != 0 ? " in " : "",
            v->here.routine != 0 ? model_routine_name(v->here.routine) : "");
    print_place(t, v->stack_depth > 0 ? v->stack[0] : v->here.site, "<== ");
    fputc('\n', t->out);
}

static void print_rows(struct table *t, bool is_full)
{
    size_t folded = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (!is_kept(t, i, is_full)) {
            folded += trace_shown[t->event[i].kind];
            continue;
        }
        if (folded > 0) {
            fprintf(t->out, "%11s     : %zu more\n", "", folded);
            folded = 0;
        }
        print_row(t, i);
    }
    if (folded > 0) {
        fprintf(t->out, "%11s     : %zu more\n", "", folded);
    }
    if (is_violation(t)) {
        print_breach(t);
    }
}

char *render_table(struct replay_session *session, struct symbols *symbols,
                   const struct replay_result *result, const struct explain_style *style)
{
    char *text = NULL;
    size_t size;
    struct table t = {.session = session,
                      .symbols = symbols,
                      .result = result,
                      .is_full = style->is_full};
    t.out = open_memstream(&text, &size);
    if (t.out == NULL) {
        return NULL;
    }
    t.event = sim_trace_events(session->sim, &t.count);
    find_decisive(&t);
    choose_columns(&t, style->is_full);
    unsigned total = style->width != 0 ? style->width : 110;
    unsigned room = total > 16 ? total - 16 : 60;
    t.width = t.column_count > 0 ? room / (t.column_count + 1) : room;
    t.width = t.width < 10 ? 10 : t.width;
    print_head(&t, t.column_count == COLUMNS_MAX);
    print_rows(&t, style->is_full);
    free(t.is_near);
    fclose(t.out);
    return text;
}
