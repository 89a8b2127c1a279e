/* SPDX-License-Identifier: MIT */
/*
 * Deferred procedure calls. A queueing is an entry of a table and an interrupt bound to a
 * processor: the one the DPC is targeted at, or the one that queued it. The object leaves the queue
 * before its routine starts (KRN-152). A threaded DPC runs as an interrupt or as a thread at
 * PASSIVE_LEVEL (KRN-174).
 *
 *     FREE -> QUEUED [ke_dpc_queue] -> RUNNING [dpc_main] -> FREE
 *                    -> FREE or, for a thread that cannot be withdrawn, REMOVED [KeRemoveQueueDpc]
 *
 * Invariants:
 *  1. KDPC.DpcData is index + 1 of the entry while the object is queued, else NULL.
 *  2. The memory of a queued DPC is not freed (KRN-153), so that dpc_main may read it.
 *
 * Limits: KE_DPCS_MAX queued or running at once.
 */
#include "model/ke/ke_internal.h"

enum { DPC_TYPE_ORDINARY = 0x13, DPC_TYPE_THREADED = 0x18, TARGET_BASE = 0x500 };
#define DPC_MARK 0x4470ull
#define DPC_KEY 0x3c6ef372ull

static bool dpc_is_ours(const KDPC *dpc)
{
    return (uintptr_t)dpc->DpcListEntry.Next == ((uintptr_t)dpc ^ DPC_KEY) &&
           dpc->ProcessorHistory >> 48 == DPC_MARK;
}

/* The entry of a queued DPC, or NULL. */
static struct ke_dpc *dpc_entry(struct sim *s, const KDPC *dpc)
{
    struct ke_state *ke = ke_of(s);
    uintptr_t index = (uintptr_t)dpc->DpcData;
    if (index == 0 || index > ke->dpc_count) {
        return NULL;
    }
    struct ke_dpc *entry = &ke->dpc[index - 1];
    return entry->state == KE_DPC_QUEUED && entry->dpc == dpc ? entry : NULL;
}

uint32_t ke_dpc_check(struct sim *s, PRKDPC dpc)
{
    model_touch(s, dpc, sizeof *dpc, "Dpc");
    if (!dpc_is_ours(dpc)) {
        model_fail(s, RULE_KRN_150, 0, NULL, "the DPC was never initialised");
    }
    model_exercised(s, RULE_KRN_150);
    return (uint32_t)dpc->ProcessorHistory;
}

/* ---- running ---- */

static void dpc_run(struct sim *s, struct ke_dpc *entry)
{
    PRKDPC dpc = entry->dpc;
    PKDEFERRED_ROUTINE routine = dpc->DeferredRoutine;
    PVOID context = dpc->DeferredContext;
    PVOID first = dpc->SystemArgument1;
    PVOID second = dpc->SystemArgument2;
    dpc->DpcData = NULL; /* from here on it can be queued again */
    sim_hb_acquire(s, dpc); /* what was done before it was queued, though in vain */
    sim_hb_acquire(s, sim_hb_other(dpc)); /* runs of one DPC race only if they overlap */
    entry->state = KE_DPC_RUNNING;
    ke_window_open(s, KE_WINDOW_DPC, entry->object);
    model_code(s, (const void *)routine, "DeferredRoutine");
    ke_window_code(s, (const void *)routine);
    sim_trace(s, TRACE_CallbackEnter, entry->object, 0);
    routine(dpc, context, first, second);
    sim_trace(s, TRACE_CallbackLeave, entry->object, 0);
    ke_window_close(s);
    model_exercised(s, RULE_KRN_156);
}

static void dpc_main(struct sim *s, void *argument)
{
    struct ke_dpc *entry = argument;
    if (entry->state == KE_DPC_QUEUED) {
        dpc_run(s, entry);
    }
    entry->state = KE_DPC_FREE;
    sim_hb_release(s, sim_hb_other(entry->dpc));
    sim_hb_release(s, ke_of(s)->dpc); /* KeFlushQueuedDpcs */
    ke_poke(s);
}

static struct ke_dpc *entry_take(struct sim *s)
{
    struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->dpc_count; i++) {
        if (ke->dpc[i].state == KE_DPC_FREE) {
            return &ke->dpc[i];
        }
    }
    if (ke->dpc_count == KE_DPCS_MAX) {
        sim_limit(s, "KE_DPCS_MAX: too many DPCs at once");
    }
    return &ke->dpc[ke->dpc_count++];
}

/* The processor on which it will run. */
static int8_t dpc_processor(struct sim *s, const KDPC *dpc, int8_t otherwise)
{
    if (dpc->Number >= TARGET_BASE) {
        return (int8_t)((uint32_t)(dpc->Number - TARGET_BASE) % s->processor_count);
    }
    return otherwise >= 0 ? otherwise : 0;
}

bool ke_dpc_queue(struct sim *s, PRKDPC dpc, PVOID first, PVOID second,
                  const struct ke_dpc_origin *origin)
{
    struct ke_state *ke = ke_of(s);
    sim_hb_release(s, dpc);
    if (dpc_entry(s, dpc) != NULL) {
        if (model_mutated(dpc_queued_again)) {
            dpc->SystemArgument1 = first;
        }
        return false;
    }
    struct ke_dpc *entry = entry_take(s);
    bool is_thread =
        dpc->Type == DPC_TYPE_THREADED && !choice_flag(s, CHOICE_WORLD, KE_PICK_THREADED);
    *entry = (struct ke_dpc){.dpc = dpc,
                             .state = KE_DPC_QUEUED,
                             .object = (uint32_t)dpc->ProcessorHistory,
                             .seq = ++ke->seq,
                             .queued = origin->where};
    dpc->SystemArgument1 = first;
    dpc->SystemArgument2 = second;
    dpc->DpcData = (PVOID)(uintptr_t)(entry - ke->dpc + 1);
    const struct ke_spawn spawn = {
        .parent = origin->parent,
        .kind = is_thread ? SIM_THREAD : SIM_INTERRUPT,
        .irql = is_thread ? PASSIVE_LEVEL : DISPATCH_LEVEL,
        .bound = is_thread ? (int8_t)-1 : dpc_processor(s, dpc, origin->processor),
        .name = is_thread ? "threaded dpc" : "dpc",
        .function = dpc_main,
        .argument = entry,
    };
    entry->context = ke_spawn(s, &spawn);
    sim_trace(s, TRACE_Queue, entry->object, 0);
    return true;
}

/* ---- pending ---- */

uint32_t ke_dpcs_pending(struct sim *s)
{
    const struct ke_state *ke = ke_of(s);
    uint32_t count = 0;
    for (uint32_t i = 0; i < ke->dpc_count; i++) {
        count += ke->dpc[i].state == KE_DPC_QUEUED || ke->dpc[i].state == KE_DPC_RUNNING;
    }
    return count;
}

void ke_dpcs_freed(struct sim *s, uintptr_t base, size_t size)
{
    const struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->dpc_count; i++) {
        const struct ke_dpc *entry = &ke->dpc[i];
        if (entry->state == KE_DPC_QUEUED && ke_is_in(entry->dpc, base, size)) {
            model_fail(s, RULE_KRN_153, entry->object, &entry->queued,
                       "memory is freed with a DPC in it that is queued");
        }
    }
}

/* Argument: the newest queueing that counts. */
static bool are_flushed(struct sim *s, void *argument)
{
    const struct ke_state *ke = ke_of(s);
    uint64_t last = *(const uint64_t *)argument;
    for (uint32_t i = 0; i < ke->dpc_count; i++) {
        const struct ke_dpc *entry = &ke->dpc[i];
        bool is_pending = entry->state == KE_DPC_QUEUED || entry->state == KE_DPC_RUNNING;
        if (is_pending && entry->seq <= last) {
            return false;
        }
    }
    return true;
}

/* ---- routines ---- */

static void dpc_init(struct sim *s, PRKDPC dpc, PKDEFERRED_ROUTINE routine, PVOID context,
                     UCHAR type)
{
    model_touch(s, dpc, sizeof *dpc, "Dpc");
    model_resident(s, dpc, sizeof *dpc, RULE_KRN_150, "Dpc");
    if (dpc_is_ours(dpc)) {
        const struct ke_dpc *entry = dpc_entry(s, dpc);
        if (entry != NULL) {
            model_fail(s, RULE_KRN_150, entry->object, &entry->queued,
                       "a DPC is initialised again while it is queued");
        }
    }
    dpc->TargetInfoAsUlong = 0;
    dpc->Type = type;
    dpc->Importance = MediumImportance;
    dpc->DpcListEntry.Next = (PSINGLE_LIST_ENTRY)((uintptr_t)dpc ^ DPC_KEY);
    dpc->ProcessorHistory = DPC_MARK << 48 | model_object_new(s, OBJECT_DPC);
    dpc->DeferredRoutine = routine;
    dpc->DeferredContext = context;
    dpc->SystemArgument1 = NULL;
    dpc->SystemArgument2 = NULL;
    dpc->DpcData = NULL;
}

void KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    struct sim *s = model_enter_object(ROUTINE_KeInitializeDpc, SIM_OP_WRITE, Dpc);
    dpc_init(s, Dpc, DeferredRoutine, DeferredContext, DPC_TYPE_ORDINARY);
    model_leave(s);
}

void KeInitializeThreadedDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    struct sim *s = model_enter_object(ROUTINE_KeInitializeThreadedDpc, SIM_OP_WRITE, Dpc);
    dpc_init(s, Dpc, DeferredRoutine, DeferredContext, DPC_TYPE_THREADED);
    model_leave(s);
}

BOOLEAN KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    struct sim *s = model_enter_object(ROUTINE_KeInsertQueueDpc, SIM_OP_WAKE, Dpc);
    ke_dpc_check(s, Dpc);
    if (model_mutated(dpc_at_once)) {
        struct ke_dpc now = {.dpc = Dpc, .object = (uint32_t)Dpc->ProcessorHistory};
        dpc_run(s, &now);
        return TRUE;
    }
    const struct ke_dpc_origin origin = {
        .parent = NULL, .processor = s->current->processor, .where = sim_here(s)};
    bool queued = ke_dpc_queue(s, Dpc, SystemArgument1, SystemArgument2, &origin);
    model_leave(s);
    return queued;
}

/* Takes it out of the queue; false if it was not there. */
static bool dpc_remove(struct sim *s, PRKDPC dpc)
{
    struct ke_dpc *entry = dpc_entry(s, dpc);
    if (entry == NULL) {
        return false;
    }
    if (model_mutated(removed_dpc_runs)) {
        return true;
    }
    struct ke_context *c = entry->context;
    sim_hb_acquire(s, dpc); /* whoever queued it knows that it will not run */
    sim_trace(s, TRACE_Unqueue, entry->object, 0);
    dpc->DpcData = NULL;
    if (c->ctx->kind == SIM_INTERRUPT && sim_interrupt_withdraw(s, c->ctx)) {
        ke_context_release(s, c);
        entry->state = KE_DPC_FREE;
    } else {
        entry->state = KE_DPC_REMOVED; /* its context will find nothing to do */
    }
    ke_poke(s);
    return true;
}

BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc)
{
    struct sim *s = model_enter_object(ROUTINE_KeRemoveQueueDpc, SIM_OP_WRITE, Dpc);
    ke_dpc_check(s, Dpc);
    bool removed = dpc_remove(s, Dpc);
    model_leave(s);
    return removed;
}

/* Argument: a DPC object whose routine may be running. */
static bool is_not_running(struct sim *s, void *argument)
{
    const struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->dpc_count; i++) {
        if (ke->dpc[i].state == KE_DPC_RUNNING && ke->dpc[i].dpc == argument) {
            return false;
        }
    }
    return true;
}

BOOLEAN KeRemoveQueueDpcEx(PRKDPC Dpc, BOOLEAN WaitIfActive)
{
    struct sim *s = model_enter_object(ROUTINE_KeRemoveQueueDpcEx, SIM_OP_WRITE, Dpc);
    ke_dpc_check(s, Dpc);
    bool removed = dpc_remove(s, Dpc);
    if (WaitIfActive) {
        ke_check_may_block(s, 0);
        (void)ke_wait_until(s, is_not_running, Dpc, SIM_TIME_NEVER, "a DPC that is running");
        sim_hb_acquire(s, sim_hb_other(Dpc));
    }
    model_leave(s);
    return removed;
}

void KeFlushQueuedDpcs(void)
{
    struct sim *s = model_enter_object(ROUTINE_KeFlushQueuedDpcs, SIM_OP_WAIT, 0);
    ke_check_may_block(s, 0);
    uint64_t last = model_mutated(flush_returns_early) ? 0 : ke_of(s)->seq;
    model_exercised(s, RULE_KRN_155);
    (void)ke_wait_until(s, are_flushed, &last, SIM_TIME_NEVER, "the queued DPCs to run");
    sim_hb_acquire(s, ke_of(s)->dpc);
    model_leave(s);
}

void KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number)
{
    struct sim *s = model_enter_object(ROUTINE_KeSetTargetProcessorDpc, SIM_OP_WRITE, Dpc);
    uint32_t object = ke_dpc_check(s, Dpc);
    if ((UCHAR)Number >= s->processor_count) {
        model_fail(s, RULE_KRN_150, object, NULL,
                   "KeSetTargetProcessorDpc names processor %u; there are %u", (UCHAR)Number,
                   (unsigned)s->processor_count);
    }
    Dpc->Number = (USHORT)(TARGET_BASE + (UCHAR)Number);
    model_leave(s);
}

NTSTATUS KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber)
{
    struct sim *s = model_enter_object(ROUTINE_KeSetTargetProcessorDpcEx, SIM_OP_WRITE, Dpc);
    ke_dpc_check(s, Dpc);
    model_touch(s, ProcNumber, sizeof *ProcNumber, "ProcNumber");
    if (ProcNumber->Group != 0 || ProcNumber->Number >= s->processor_count) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    Dpc->Number = (USHORT)(TARGET_BASE + ProcNumber->Number);
    return model_leave_status(s, STATUS_SUCCESS);
}

void KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance)
{
    struct sim *s = model_enter_object(ROUTINE_KeSetImportanceDpc, SIM_OP_WRITE, Dpc);
    ke_dpc_check(s, Dpc);
    Dpc->Importance = (UCHAR)Importance;
    model_leave(s);
}
