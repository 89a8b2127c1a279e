/* SPDX-License-Identifier: MIT */
/*
 * Processes: the system process, and one for each user process of the world (ke_context.process).
 * No user code runs; a process is an identity in which threads run and handles are valid.
 *
 * The system process has an address that is the same in every run and that nobody may touch, since
 * PsInitialSystemProcess is data. The others get theirs when somebody asks.
 */
#include "model/ex/ex.h"
#include "model/ps/ps_internal.h"

#define SYSTEM_PROCESS ((PEPROCESS)0x1f0000010000ull)
enum { SYSTEM_PROCESS_ID = 4, PROCESS_ID_BASE = 0x100 };

PEPROCESS PsInitialSystemProcess = SYSTEM_PROCESS;

PEPROCESS ps_process(struct sim *s, uint32_t process)
{
    struct ps_state *ps = ps_of(s);
    SIM_ASSERT_OP(process, <, PS_PROCESSES_MAX);
    struct ps_object *o = ps->process[process];
    if (o != NULL) {
        return o->body;
    }
    void *body = SYSTEM_PROCESS;
    uint32_t object = model_object_new(s, OBJECT_HANDLE);
    if (process != 0) {
        struct sim_block *block;
        struct ps_body *b = ex_alloc(s, sizeof *b, BLOCK_THREAD, 0, true, false, &block);
        ke_dispatcher_init(s, &b->header, KE_TYPE_PROCESS, object, 0);
        body = b;
    }
    o = ps_object_new(s, body, PS_PROCESS, object);
    o->is_permanent = true;
    ps->process[process] = o;
    ps->process_count = process >= ps->process_count ? process + 1 : ps->process_count;
    return body;
}

/* The number of a process that the driver names. */
static uint32_t process_number(struct sim *s, const void *body)
{
    const struct ps_state *ps = ps_of(s);
    (void)ps_process(s, 0);
    for (uint32_t i = 0; i < ps->process_count; i++) {
        if (ps->process[i] != NULL && ps->process[i]->body == body) {
            return i;
        }
    }
    model_touch(s, body, 1, "Process");
    model_fail(s, RULE_KRN_254, 0, NULL, "the pointer given leads to no process");
}

static HANDLE process_id(uint32_t process)
{
    uintptr_t id = process == 0 ? SYSTEM_PROCESS_ID : PROCESS_ID_BASE + 4 * (uintptr_t)process;
    return (HANDLE)id;
}

PEPROCESS PsGetCurrentProcess(void)
{
    struct sim *s = model_enter(ROUTINE_PsGetCurrentProcess);
    PEPROCESS process = ps_process(s, ke_current(s)->process);
    s->current->routine = 0;
    return process;
}

HANDLE PsGetCurrentProcessId(void)
{
    struct sim *s = model_enter(ROUTINE_PsGetCurrentProcessId);
    HANDLE id = process_id(ke_current(s)->process);
    s->current->routine = 0;
    return id;
}

HANDLE PsGetProcessId(PEPROCESS Process)
{
    struct sim *s = model_enter(ROUTINE_PsGetProcessId);
    HANDLE id = process_id(process_number(s, Process));
    model_leave(s);
    return id;
}

KPROCESSOR_MODE KeGetPreviousMode(void)
{
    struct sim *s = model_enter(ROUTINE_KeGetPreviousMode);
    bool is_user = ke_current(s)->process != 0 && ke_in_window(s, KE_WINDOW_DISPATCH);
    s->current->routine = 0;
    return is_user ? UserMode : KernelMode;
}

/* ---- attaching ---- */

void KeStackAttachProcess(PRKPROCESS Process, PRKAPC_STATE ApcState)
{
    struct sim *s = model_enter(ROUTINE_KeStackAttachProcess);
    model_touch(s, ApcState, sizeof *ApcState, "ApcState");
    struct ke_context *c = ke_current(s);
    uint32_t process = process_number(s, Process);
    ApcState->Process = ps_process(s, c->process);
    c->process = process;
    model_leave(s);
}

void KeUnstackDetachProcess(PRKAPC_STATE ApcState)
{
    struct sim *s = model_enter(ROUTINE_KeUnstackDetachProcess);
    model_touch(s, ApcState, sizeof *ApcState, "ApcState");
    ke_current(s)->process = process_number(s, ApcState->Process);
    model_leave(s);
}

/* The older pair: one process deep, which the attached context remembers. */

void KeAttachProcess(PRKPROCESS Process)
{
    struct sim *s = model_enter(ROUTINE_KeAttachProcess);
    struct ke_context *c = ke_current(s);
    uint32_t process = process_number(s, Process);
    c->attached_from = c->process;
    c->process = process;
    model_leave(s);
}

void KeDetachProcess(void)
{
    struct sim *s = model_enter(ROUTINE_KeDetachProcess);
    struct ke_context *c = ke_current(s);
    c->process = c->attached_from;
    model_leave(s);
}

NTSTATUS PsLookupProcessByProcessId(HANDLE ProcessId, PEPROCESS *Process)
{
    struct sim *s = model_enter(ROUTINE_PsLookupProcessByProcessId);
    model_touch(s, Process, sizeof *Process, "Process");
    const struct ps_state *ps = ps_of(s);
    (void)ps_process(s, 0);
    for (uint32_t i = 0; i < ps->process_count; i++) {
        if (ps->process[i] != NULL && process_id(i) == ProcessId) {
            ps_object_give(s, ps->process[i]);
            *Process = ps->process[i]->body;
            return model_leave_status(s, STATUS_SUCCESS);
        }
    }
    return model_leave_status(s, STATUS_INVALID_PARAMETER);
}
