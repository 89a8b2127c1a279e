/* SPDX-License-Identifier: MIT */
/*
 * Threads. A thread that the driver creates has a record, an object in memory of ours, and a
 * handle. It starts at PASSIVE_LEVEL inside a critical region, at any time from the next scheduling
 * point on (KRN-251, KRN-262). Threads of the system get an object when somebody asks who they are.
 *
 *     created [PsCreateSystemThread] -> running [thread_main] -> ended [thread_end]
 *
 * Invariants:
 *  1. A thread runs code of the driver until its window is closed; then its object is signalled.
 *  2. The object lives while it runs, while a handle is open, or while somebody holds a reference.
 *
 * Limits: PS_THREADS_MAX per run. Priorities are remembered and nothing else: any ready thread may
 * run.
 */
#include "model/ex/ex.h"
#include "model/ps/ps_internal.h"

enum { THREAD_ID_BASE = 0x1000 };

/* ---- objects ---- */

static void body_gone(struct sim *s, struct ps_object *o)
{
    ex_free(s, o->owner);
}

/* A thread object, with one reference: that of the thread itself. */
static struct ps_object *body_new(struct sim *s, uint32_t number)
{
    struct sim_block *block;
    struct ps_body *body = ex_alloc(s, sizeof *body, BLOCK_THREAD, 0, true, false, &block);
    uint32_t object = model_object_new(s, OBJECT_THREAD);
    ke_dispatcher_init(s, &body->header, KE_TYPE_THREAD, object, 0);
    body->id = THREAD_ID_BASE + 4 * (ULONG_PTR)number;
    body->priority = PS_PRIORITY_NORMAL;
    block->object = object;
    struct ps_object *o = ps_object_new(s, body, PS_THREAD, object);
    o->owner = block;
    o->gone = body_gone;
    return o;
}

void *ps_thread_body(struct sim *s, struct ke_context *c)
{
    if (c->thread_object == NULL) {
        c->thread_object = body_new(s, c->ctx->number)->body;
    }
    return c->thread_object;
}

void ps_context_ended(struct sim *s, struct ke_context *c)
{
    struct ps_body *body = c->thread_object;
    struct ps_object *o = ps_object_find(s, body);
    SIM_ASSERT(o != NULL && !o->is_gone);
    sim_hb_release(s, body);
    body->header.SignalState = 1;
    sim_trace(s, TRACE_Signal, o->object, 0);
    ke_wake_waiters(s, body);
    if (c->thread != NULL) {
        c->thread->context = NULL;
    }
    c->thread_object = NULL;
    ps_object_drop(s, o);
}

/* ---- the life of a thread ---- */

/* KRN-259: nothing that others use may lie on the stack that goes. */
static void stack_check(struct sim *s)
{
    int stack = s->current->stack;
    if (stack >= 0) {
        uintptr_t base = SIM_STACK_BASE + (uintptr_t)stack * SIM_STACK_STRIDE;
        ke_memory_freed(s, (const void *)base, SIM_STACK_STRIDE);
    }
}

static void thread_main(struct sim *s, void *argument)
{
    struct ps_thread *t = argument;
    struct ke_context *c = t->context;
    c->critical = c->apc_disable = model_mutated(thread_without_region) ? 0 : 1; /* KRN-251 */
    ke_window_open(s, KE_WINDOW_THREAD, t->o->object);
    model_code(s, (const void *)t->routine, "StartRoutine");
    t->routine(t->argument);
    ke_window_close(s);
    if (model_knob(s, KNOB_KERNEL_THREAD_RETURN) != 0) {
        model_fail(s, RULE_KRN_257, t->o->object, &t->created,
                   "a system thread returns from its routine");
    }
    model_lint(s, RULE_KRN_257); /* works in practice (KAMB-04) */
    stack_check(s);
}

/* A handle in another process than the system's must be a kernel handle (KRN-250). */
static bool attributes_check(struct sim *s, POBJECT_ATTRIBUTES attributes)
{
    ULONG flags = 0;
    if (attributes != NULL) {
        model_touch(s, attributes, sizeof *attributes, "ObjectAttributes");
        flags = attributes->Attributes;
    }
    if ((flags & OBJ_KERNEL_HANDLE) == 0 && ke_current(s)->process != 0) {
        model_fail(s, RULE_KRN_250, 0, NULL,
                   "a system thread is created in a user process without OBJ_KERNEL_HANDLE");
    }
    model_exercised(s, RULE_KRN_250);
    return true;
}

static struct ps_thread *thread_new(struct sim *s, PKSTART_ROUTINE routine, PVOID argument)
{
    struct ps_state *ps = ps_of(s);
    if (ps->thread_count == PS_THREADS_MAX) {
        sim_limit(s, "PS_THREADS_MAX: too many threads in one run");
    }
    struct ps_thread *t = &ps->thread[ps->thread_count++];
    *t = (struct ps_thread){.routine = routine, .argument = argument, .created = sim_here(s)};
    const struct ke_spawn spawn = {.kind = SIM_THREAD,
                                   .irql = PASSIVE_LEVEL,
                                   .bound = -1,
                                   .name = "thread",
                                   .function = thread_main,
                                   .argument = t};
    t->context = ke_spawn(s, &spawn);
    t->context->thread = t;
    t->o = body_new(s, t->context->ctx->number);
    t->context->thread_object = t->o->body;
    sim_trace(s, TRACE_Create, t->o->object, t->context->ctx->id);
    return t;
}

NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess,
                              POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle,
                              PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    (void)DesiredAccess;
    (void)ProcessHandle; /* threads of a driver live in the system process whatever it says */
    struct sim *s = model_enter(ROUTINE_PsCreateSystemThread);
    model_touch(s, ThreadHandle, sizeof *ThreadHandle, "ThreadHandle");
    model_code(s, (const void *)StartRoutine, "StartRoutine");
    (void)attributes_check(s, ObjectAttributes);
    if (ex_should_fail(s)) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    struct ps_thread *t = thread_new(s, StartRoutine, StartContext);
    *ThreadHandle = ps_handle_open(s, t->o, true);
    if (ClientId != NULL) {
        model_touch(s, ClientId, sizeof *ClientId, "ClientId");
        ClientId->UniqueProcess = (HANDLE)4;
        ClientId->UniqueThread = (HANDLE)((struct ps_body *)t->o->body)->id;
    }
    return model_leave_status(s, STATUS_SUCCESS);
}

/* KRN-256: who may end, and with what in hand. */
static void terminate_check(struct sim *s, struct ke_context *c)
{
    if (c->thread == NULL || c->window_count != 1) {
        model_fail(s, RULE_KRN_256, 0, NULL, "PsTerminateSystemThread is called %s",
                   c->thread == NULL ? "in a thread that the driver did not create"
                                     : "inside a callback or completion routine");
    }
    if (c->lock_count > 0) {
        const struct ke_held_lock *lock = &c->lock[c->lock_count - 1];
        model_fail(s, RULE_KRN_256, lock->object, &lock->taken, "a thread ends with a lock held");
    }
    if (c->guarded > 0 || c->critical > 1) {
        model_fail(s, RULE_KRN_256, c->thread->o->object, &c->thread->created,
                   "a thread ends inside a critical or guarded region that it entered");
    }
    if (c->impersonates) {
        model_fail(s, RULE_KRN_256, c->thread->o->object, &c->thread->created,
                   "a thread ends while it impersonates");
    }
    model_exercised(s, RULE_KRN_256);
}

NTSTATUS PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    struct sim *s = model_enter(ROUTINE_PsTerminateSystemThread);
    struct ke_context *c = ke_current(s);
    terminate_check(s, c);
    sim_trace(s, TRACE_Return, s->current->routine, (uint64_t)(uint32_t)ExitStatus);
    ke_window_close(s);
    stack_check(s);
    ke_context_exit(s);
}

void ps_threads_check_unload(struct sim *s)
{
    const struct ps_state *ps = ps_of(s);
    for (uint32_t i = 0; i < ps->thread_count; i++) {
        const struct ps_thread *t = &ps->thread[i];
        if (t->context != NULL) {
            model_fail(s, RULE_KRN_283, t->o->object, &t->created,
                       "a system thread is still alive when the driver is unloaded");
        }
    }
    model_exercised(s, RULE_KRN_283);
}

/* ---- who am I ---- */

/* The thread on which the current context runs: an interrupt borrows the one below it. */
static struct ke_context *borrowed(struct sim *s)
{
    struct sim_ctx *c = s->current;
    while (c->kind != SIM_THREAD && c->below != NULL) {
        c = c->below;
    }
    return ke_record(
        c); /* above an idle processor: the interrupt itself stands for the idle thread */
}

PKTHREAD KeGetCurrentThread(void)
{
    struct sim *s = model_enter(ROUTINE_KeGetCurrentThread);
    PKTHREAD thread = ps_thread_body(s, borrowed(s));
    s->current->routine = 0;
    return thread;
}

HANDLE PsGetCurrentThreadId(void)
{
    struct sim *s = model_enter(ROUTINE_PsGetCurrentThreadId);
    uint32_t number = borrowed(s)->ctx->number;
    s->current->routine = 0;
    return (HANDLE)(THREAD_ID_BASE + 4 * (ULONG_PTR)number);
}

/* The body of a thread that the driver names. */
static struct ps_body *thread_check(struct sim *s, PKTHREAD thread)
{
    ke_dispatcher_check(s, thread, 1u << KE_TYPE_THREAD, "Thread");
    return (struct ps_body *)(void *)thread;
}

HANDLE PsGetThreadId(PETHREAD Thread)
{
    struct sim *s = model_enter(ROUTINE_PsGetThreadId);
    HANDLE id = (HANDLE)thread_check(s, Thread)->id;
    model_leave(s);
    return id;
}

BOOLEAN PsIsThreadTerminating(PETHREAD Thread)
{
    struct sim *s = model_enter(ROUTINE_PsIsThreadTerminating);
    BOOLEAN is_ended = thread_check(s, Thread)->header.SignalState != 0;
    model_leave(s);
    return is_ended;
}

BOOLEAN PsIsSystemThread(PETHREAD Thread)
{
    struct sim *s = model_enter(ROUTINE_PsIsSystemThread);
    thread_check(s, Thread);
    BOOLEAN is_system = TRUE;
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct ke_context *c = ke_record(s->live[i]);
        if (c != NULL && c->thread_object == (void *)Thread && c->process != 0) {
            is_system = FALSE;
        }
    }
    model_leave(s);
    return is_system;
}

/* ---- priorities ---- */

KPRIORITY KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)
{
    struct sim *s = model_enter(ROUTINE_KeSetPriorityThread);
    struct ps_body *body = thread_check(s, Thread);
    KPRIORITY old = body->priority;
    body->priority = Priority;
    model_leave(s);
    return old;
}

KPRIORITY KeQueryPriorityThread(PKTHREAD Thread)
{
    struct sim *s = model_enter(ROUTINE_KeQueryPriorityThread);
    KPRIORITY priority = thread_check(s, Thread)->priority;
    model_leave(s);
    return priority;
}

LONG KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment)
{
    struct sim *s = model_enter(ROUTINE_KeSetBasePriorityThread);
    struct ps_body *body = thread_check(s, Thread);
    LONG old = body->increment;
    body->increment = Increment;
    model_leave(s);
    return old;
}
