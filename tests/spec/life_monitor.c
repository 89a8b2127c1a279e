/* SPDX-License-Identifier: MIT */
/*
 * Reads the trace of one run: keeps, for every context, the calls, callbacks and completion
 * routines it is in, and tells life_checks.c and life_data.c what happens.
 *
 * A routine without a value leaves no Return: its frame ends when the context is seen calling again
 * or leaving what is around it. That is exact, since a driver calls from callbacks and routines
 * only, and those have frames of their own.
 */
#include "life_monitor_internal.h"

#include <stdlib.h>
#include <string.h>

static struct life_frame *top(struct life_context *c)
{
    return c->depth > 0 ? &c->frame[c->depth - 1] : NULL;
}

/* A call that returned without a word. */
static void end_call(struct life *l, struct life_context *c)
{
    struct life_frame *f = top(c);
    if (f == NULL || f->kind != LIFE_CALL) {
        return;
    }
    struct life_socket *s = life_socket(l, f->object);
    struct life_registration *r = life_registration(l, f->object);
    if (f->is_counted && s != NULL) {
        s->inside--;
    } else if (f->is_counted && r != NULL) {
        r->calls--;
    }
    c->depth--;
}

static struct life_frame *push(struct life_context *c, enum life_frame_kind kind)
{
    if (c->depth == LIFE_FRAMES) {
        c->depth--; /* deeper than any client of ours goes */
    }
    struct life_frame *f = &c->frame[c->depth++];
    memset(f, 0, offsetof(struct life_frame, datagram));
    f->datagrams = 0;
    f->kind = kind;
    return f;
}

/* Takes frames off down to the innermost one of this kind; NULL if there is none. */
static struct life_frame *pop(struct life *l, struct life_context *c, enum life_frame_kind kind)
{
    while (c->depth > 0) {
        struct life_frame *f = top(c);
        if (f->kind == kind) {
            c->depth--;
            return f;
        }
        if (f->kind == LIFE_CALL) {
            end_call(l, c);
        } else {
            c->depth--;
        }
    }
    return NULL;
}

/* ---- calls ---- */

static void on_call(struct life *l, struct life_context *c, const struct sim_trace_event *e)
{
    static const uint8_t high[] = {
#define ROUTINE(name, low, high) high,
#include "model/routines.def"
#undef ROUTINE
    };
    uint32_t routine = (uint32_t)e->value;
    end_call(l, c);
    struct life_frame *f = push(c, LIFE_CALL);
    f->routine = routine;
    f->level = e->level;
    if (life_is_wsk(routine)) {
        life_check(l, PROP(40), e->level <= high[routine], "a call above its IRQL");
        life_check(l, LIFE(41), e->level <= high[routine], "a call above its IRQL");
        f->note = c->note;
        f->note_value = c->note_value;
        f->client = c->client;
        c->note = 0;
        c->client = 0;
    }
}

static void on_return(struct life *l, struct life_context *c, const struct sim_trace_event *e)
{
    struct life_frame *f = top(c);
    if (f == NULL || f->kind != LIFE_CALL || f->routine != e->object) {
        return;
    }
    struct life_frame done = *f;
    end_call(l, c);
    if (life_is_wsk(done.routine)) {
        life_on_return(l, &done, (uint32_t)e->value);
        life_data_return(l, &done, (uint32_t)e->value);
    }
}

static void on_submit(struct life *l, struct life_context *c, const struct sim_trace_event *e)
{
    struct life_frame *f = top(c);
    life_on_submit(l, f != NULL && f->kind == LIFE_CALL ? f : NULL, e->object, (uint32_t)e->value);
}

/* ---- one event ---- */

static void on_callback(struct life *l, struct life_context *c, const struct sim_trace_event *e)
{
    if (e->object >> 24 != LIFE_SOCKET) {
        return;
    }
    if (e->kind == TRACE_CallbackEnter) {
        struct life_frame *f = push(c, LIFE_CALLBACK);
        f->object = e->object;
        f->event = (uint32_t)(e->value >> 32) % LIFE_EVENTS;
        f->entered = e->seq;
        f->level = e->level;
        f->accepted = f->event == EVENT_ACCEPT ? c->accepted : 0;
        c->accepted = 0;
        life_on_enter(l, c, f);
        return;
    }
    static struct life_frame done; /* big */
    struct life_frame *f = pop(l, c, LIFE_CALLBACK);
    life_deny(l, LIFE(8), f == NULL || f->object != e->object, "a callback returns, not entered");
    if (f != NULL) {
        done = *f;
        life_check(l, LIFE(53), done.level == e->level, "a callback returns at another IRQL");
        life_on_leave(l, &done, (uint32_t)e->value);
        life_data_leave(l, &done, (uint32_t)e->value);
    }
}

static void on_routine(struct life *l, struct life_context *c, const struct sim_trace_event *e)
{
    if (e->kind == TRACE_IrpCompletionEnter) {
        struct life_frame *f = push(c, LIFE_COMPLETION);
        f->irp = e->object;
        f->level = e->level;
        life_on_routine(l, e->object, e->value != 0);
        return;
    }
    struct life_frame *f = pop(l, c, LIFE_COMPLETION);
    if (f != NULL) {
        life_check(l, LIFE(53), f->level == e->level, "a routine returns at another IRQL");
    }
    life_on_routine_left(l, e->object);
}

static void on_wsk_call(struct life *l, struct life_context *c, const struct sim_trace_event *e)
{
    struct life_frame *f = top(c);
    if (f != NULL && f->kind == LIFE_CALL && f->routine == (uint32_t)e->value) {
        f->object = e->object;
        life_on_wsk_call(l, c, f);
    }
}

static void on_birth(struct life *l, struct life_context *c, const struct sim_trace_event *e)
{
    struct life_registration *r = life_registration(l, e->object);
    struct life_socket *s = life_socket(l, e->object);
    if (e->kind == TRACE_Create && r != NULL) {
        r->is_known = true;
    } else if (s != NULL && e->kind == TRACE_AcceptedBy) {
        s->parent = (uint32_t)e->value;
        c->accepted = e->object;
        life_data_inherit(l, s);
        l->births--;
    } else if (s != NULL && e->kind == TRACE_SocketIs) {
        s->category = (uint32_t)e->value;
    } else if (s != NULL && e->kind == TRACE_Create) {
        life_deny(l, LIFE(20), s->is_born, "a socket is born twice");
        s->is_born = true;
        l->births++;
        l->registration[1].sockets++; /* the client has one */
    }
}

static void on_note_event(struct life *l, struct life_context *c, const struct sim_trace_event *e)
{
    uint32_t note = GATE_NOTE_SOCKET + (e->object >> 24);
    end_call(l, c); /* it is the driver that speaks */
    life_on_note(l, c, note, e->object & 0xffffffu, e->value);
}

static void on_world(struct life *l, const struct sim_trace_event *e)
{
    if (e->kind == TRACE_World) {
        l->addresses_changed += e->value == 1;
        l->transports_changed += e->value == 2;
        if (e->value == 1 || e->value == 2) { /* the families take turns */
            life_on_change(l, e->value == 2 ? 0 : 1 + (l->addresses_changed + 1) % 2);
        }
    } else if (e->kind == TRACE_NetFinish && e->object >> 24 == LIFE_PEER) {
        l->finishes++;
    }
}

static void on_event(struct life *l, const struct sim_trace_event *e)
{
    struct life_context *c = &l->context[e->slot % LIFE_CONTEXTS];
    l->now = e;
    switch (e->kind) {
    case TRACE_ContextStart:
        c->depth = 0;
        c->note = 0;
        c->accepted = 0;
        break;
    case TRACE_Call:
        on_call(l, c, e);
        break;
    case TRACE_Return:
        on_return(l, c, e);
        break;
    case TRACE_WskCall:
        on_wsk_call(l, c, e);
        break;
    case TRACE_IrpSubmit:
        on_submit(l, c, e);
        break;
    case TRACE_IrpInformation:
        life_irp(l, e->object)->information = e->value;
        break;
    case TRACE_IrpComplete:
        life_on_complete(l, c, e->object, (uint32_t)e->value);
        break;
    case TRACE_IrpCompletionEnter:
    case TRACE_IrpCompletionLeave:
        on_routine(l, c, e);
        break;
    case TRACE_IrpCancel:
        life_on_cancel(l, e->object);
        break;
    case TRACE_CallbackEnter:
    case TRACE_CallbackLeave:
        on_callback(l, c, e);
        break;
    case TRACE_Create:
    case TRACE_SocketIs:
    case TRACE_AcceptedBy:
        on_birth(l, c, e);
        break;
    case TRACE_Destroy:
        if (life_registration(l, e->object) != NULL) {
            end_call(l, c);
            life_on_gone(l, e->object);
        }
        life_on_socket(l, e);
        break;
    case TRACE_ForcedClose:
    case TRACE_CloseStart:
    case TRACE_CloseEnd:
    case TRACE_Retain:
    case TRACE_Release:
        life_on_socket(l, e);
        break;
    case TRACE_NetFinish:
    case TRACE_NetReset:
    case TRACE_World:
        on_world(l, e);
        break;
    case TRACE_Note:
        on_note_event(l, c, e);
        break;
    default:
        break;
    }
}

void life_monitor(const struct sim_trace_event *event, size_t count,
                  const struct trace_setting *setting, struct trace_report *report)
{
    static struct life *l; /* large, kept */
    if (l == NULL) {
        l = calloc(1, sizeof *l);
        SIM_ASSERT(l != NULL);
    }
    memset(report, 0, sizeof *report);
    for (size_t i = 0; i < count; i++) { /* what this trace will touch */
        l->context[event[i].slot % LIFE_CONTEXTS].depth = 0;
        l->context[event[i].slot % LIFE_CONTEXTS].note = 0;
        l->context[event[i].slot % LIFE_CONTEXTS].client = 0;
        l->context[event[i].slot % LIFE_CONTEXTS].accepted = 0;
    }
    memset(l->irp, 0, (l->irps < LIFE_IRPS ? l->irps : LIFE_IRPS) * sizeof l->irp[0]);
    memset(l->socket, 0, sizeof *l - offsetof(struct life, socket));
    l->irps = 0;
    l->setting = setting;
    l->report = report;
    for (size_t i = 0; i < count; i++) {
        on_event(l, &event[i]);
    }
    if (setting->is_stuck) {
        life_checks_stuck(l);
    }
    if (setting->is_finished) {
        life_checks_end(l);
        life_data_end(l);
    }
}
