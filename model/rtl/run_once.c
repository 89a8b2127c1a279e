/* SPDX-License-Identifier: MIT */
/*
 * One-time initialisation (KRN-322).
 *
 * The word in the driver's memory: 0 = not begun, 1 = going on, low bits 2 = done with the context
 * above them. Which thread runs the initialisation stands in the table of objects.
 *
 *     0 --(begin)--> 1 --(complete)--> done
 *     ^              |
 *     +---(failed)---+
 */
#include "model/ex/objects.h"
#include "model/rtl/rtl.h"

#include <stdio.h>

enum { WORD_FREE = 0, WORD_RUNNING = 1, WORD_DONE = 2, WORD_BITS = 3 };

static ULONG_PTR word(const RTL_RUN_ONCE *once)
{
    return (ULONG_PTR)once->Ptr;
}

static struct ex_object *find(struct sim *s, PRTL_RUN_ONCE once)
{
    struct ex_object *o;
    model_touch(s, once, sizeof(*once), "RunOnce");
    o = ex_object_find(s, once, EX_RUN_ONCE);
    if ((word(once) & WORD_BITS) == WORD_BITS || (o == NULL && (word(once) & WORD_RUNNING) != 0)) {
        model_fail(s, RULE_KRN_322, 0, NULL, "%s: the structure was not initialised",
                   model_routine_name(s->current->routine));
    }
    return o != NULL ? o : ex_object_new(s, once, sizeof(*once), EX_RUN_ONCE);
}

static bool is_not_running(struct sim *s, void *object)
{
    const RTL_RUN_ONCE *once = (const RTL_RUN_ONCE *)((const struct ex_object *)object)->address;
    (void)s;
    return word(once) != WORD_RUNNING;
}

static void give_context(struct sim *s, const RTL_RUN_ONCE *once, PVOID *context)
{
    sim_hb_acquire(s, once);
    if (context != NULL) {
        model_touch(s, context, sizeof(*context), "Context");
        *context = (PVOID)(word(once) & ~(ULONG_PTR)WORD_BITS);
    }
}

/* Waits while another thread initialises. True if it is done, false if the caller is to do it. */
static bool is_done_after_wait(struct sim *s, PRTL_RUN_ONCE once, struct ex_object *o)
{
    while (word(once) == WORD_RUNNING) {
        if (o->run_once.runner == s->current) {
            model_fail(s, RULE_KRN_322, 0, &o->born,
                       "%s: called again by the initialisation that is going on here",
                       model_routine_name(s->current->routine));
        }
        snprintf(o->waiting, sizeof(o->waiting), "a one-time initialisation by another thread");
        ke_wait_until(s, is_not_running, o, SIM_TIME_NEVER, o->waiting);
    }
    return (word(once) & WORD_BITS) == WORD_DONE;
}

static void begin(struct sim *s, PRTL_RUN_ONCE once, struct ex_object *o)
{
    once->Ptr = (PVOID)(ULONG_PTR)WORD_RUNNING;
    o->run_once.runner = s->current;
    o->born = sim_here(s);
}

static void complete(struct sim *s, PRTL_RUN_ONCE once, struct ex_object *o, ULONG_PTR value)
{
    sim_hb_release(s, once);
    once->Ptr = (PVOID)value;
    o->run_once.runner = NULL;
    ke_poke(s);
}

void RtlRunOnceInitialize(PRTL_RUN_ONCE RunOnce)
{
    struct sim *s = model_enter(ROUTINE_RtlRunOnceInitialize);
    model_touch(s, RunOnce, sizeof(*RunOnce), "RunOnce");
    ex_object_new(s, RunOnce, sizeof(*RunOnce), EX_RUN_ONCE);
    RunOnce->Ptr = NULL;
    model_leave(s);
}

static ULONG call(struct sim *s, PRTL_RUN_ONCE once, PRTL_RUN_ONCE_INIT_FN function,
                  PVOID parameter, PVOID *context)
{
    ULONG result;
    struct model_call saved;
    model_code(s, (const void *)function, "InitFn");
    ke_window_open(s, KE_WINDOW_OTHER, 0);
    saved = model_call_save(s);
    result = function(once, parameter, context);
    model_call_restore(s, saved);
    ke_window_close(s);
    return result;
}

NTSTATUS RtlRunOnceExecuteOnce(PRTL_RUN_ONCE RunOnce, PRTL_RUN_ONCE_INIT_FN InitFn, PVOID Parameter,
                               PVOID *Context)
{
    struct sim *s = model_enter_object(ROUTINE_RtlRunOnceExecuteOnce, SIM_OP_WRITE, RunOnce);
    struct ex_object *o = find(s, RunOnce);
    if (!is_done_after_wait(s, RunOnce, o)) {
        PVOID context = NULL;
        begin(s, RunOnce, o);
        if (!call(s, RunOnce, InitFn, Parameter, Context != NULL ? Context : &context)) {
            complete(s, RunOnce, o, WORD_FREE);
            return model_leave_status(s, STATUS_UNSUCCESSFUL);
        }
        if (Context != NULL) {
            model_touch(s, Context, sizeof(*Context), "Context");
            context = *Context;
        }
        complete(s, RunOnce, o, ((ULONG_PTR)context & ~(ULONG_PTR)WORD_BITS) | WORD_DONE);
    }
    give_context(s, RunOnce, Context);
    model_exercised(s, RULE_KRN_322);
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS RtlRunOnceBeginInitialize(PRTL_RUN_ONCE RunOnce, ULONG Flags, PVOID *Context)
{
    struct sim *s = model_enter_object(ROUTINE_RtlRunOnceBeginInitialize, SIM_OP_WRITE, RunOnce);
    struct ex_object *o = find(s, RunOnce);
    if ((Flags & RTL_RUN_ONCE_CHECK_ONLY) != 0) {
        if ((word(RunOnce) & WORD_BITS) != WORD_DONE) {
            return model_leave_status(s, STATUS_UNSUCCESSFUL);
        }
        give_context(s, RunOnce, Context);
        return model_leave_status(s, STATUS_SUCCESS);
    }
    if ((Flags & RTL_RUN_ONCE_ASYNC) != 0) {
        if ((word(RunOnce) & WORD_BITS) != WORD_DONE) {
            RunOnce->Ptr = (PVOID)(ULONG_PTR)WORD_RUNNING; /* several may run; the first one wins */
            return model_leave_status(s, STATUS_PENDING);
        }
    } else if (!is_done_after_wait(s, RunOnce, o)) {
        begin(s, RunOnce, o);
        return model_leave_status(s, STATUS_PENDING);
    }
    give_context(s, RunOnce, Context);
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS RtlRunOnceComplete(PRTL_RUN_ONCE RunOnce, ULONG Flags, PVOID Context)
{
    struct sim *s = model_enter_object(ROUTINE_RtlRunOnceComplete, SIM_OP_WRITE, RunOnce);
    struct ex_object *o = find(s, RunOnce);
    if (((ULONG_PTR)Context & WORD_BITS) != 0) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    if (word(RunOnce) != WORD_RUNNING) {
        bool is_async = (Flags & RTL_RUN_ONCE_ASYNC) != 0;
        return model_leave_status(s, is_async ? STATUS_OBJECT_NAME_COLLISION : STATUS_UNSUCCESSFUL);
    }
    complete(s, RunOnce, o,
             (Flags & RTL_RUN_ONCE_INIT_FAILED) != 0 ? WORD_FREE : (ULONG_PTR)Context | WORD_DONE);
    return model_leave_status(s, STATUS_SUCCESS);
}
