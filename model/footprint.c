/* SPDX-License-Identifier: MIT */
/*
 * What a step of a context may touch in the model: for searches that leave out equivalent orders
 * (sim/search.h). Everything that is not known to be narrow touches SIM_OBJECT_MODEL, and so
 * depends on every other such step.
 *
 * Narrow are: code of the driver (its accesses are seen), operations that name their object
 * (interlocked operations, locks, events, waits, MDLs, pool), and the routines listed here, which
 * have no effect on others, or none that the order changes. What a routine reads and writes in the
 * driver's memory is declared where it is checked (model_touch); the end of a call into the driver,
 * internal waits, the clock and the freeing of memory declare themselves.
 *
 * Limits: numbers of objects, addresses of new memory and numbers of processors follow the order of
 * steps that count as independent; a driver that decides by them may have more classes than are
 * seen. A routine that writes through an object that it checked in an earlier step (an IRP that
 * completes) is covered by SIM_OBJECT_MODEL alone: an unsynchronised access of the driver to such
 * memory is a breach of the contract, and not ordered against it here.
 */
#include "model/model.h"

#include <string.h>

/* Whether a routine that names no object is narrow. */
static bool is_narrow_routine(enum model_routine routine)
{
    switch ((unsigned)routine) {
    case ROUTINE_KeGetCurrentIrql:
    case ROUTINE_KeRaiseIrql:
    case ROUTINE_KeRaiseIrqlToDpcLevel:
    case ROUTINE_KeLowerIrql:
    case ROUTINE_KfRaiseIrql:
    case ROUTINE_KeInitializeSpinLock:
    case ROUTINE_KeMemoryBarrier:
    case ROUTINE_KeEnterCriticalRegion:
    case ROUTINE_KeLeaveCriticalRegion:
    case ROUTINE_KeGetCurrentProcessorNumberEx:
    case ROUTINE_KeGetCurrentThread:
    case ROUTINE_PsGetCurrentThread:
    case ROUTINE_PsGetCurrentThreadId:
    case ROUTINE_ExAllocatePool:
    case ROUTINE_ExAllocatePool2:
    case ROUTINE_ExAllocatePool3:
    case ROUTINE_ExAllocatePoolWithTag:
    case ROUTINE_ExAllocatePoolZero:
    case ROUTINE_ExAllocatePoolUninitialized:
    case ROUTINE_RtlCopyMemory:
    case ROUTINE_RtlMoveMemory:
    case ROUTINE_RtlZeroMemory:
    case ROUTINE_RtlFillMemory:
    case ROUTINE_RtlInitUnicodeString:
    case ROUTINE_DbgPrint:
    case ROUTINE_DbgPrintEx:
    /* Of the caller alone, or constants. */
    case ROUTINE_KeEnterGuardedRegion:
    case ROUTINE_KeLeaveGuardedRegion:
    case ROUTINE_KeAreApcsDisabled:
    case ROUTINE_KeAreAllApcsDisabled:
    case ROUTINE_KeGetPreviousMode:
    case ROUTINE_KeQueryTimeIncrement:
    case ROUTINE_KeQueryActiveProcessorCount:
    case ROUTINE_KeQueryActiveProcessorCountEx:
    case ROUTINE_KeQueryMaximumProcessorCount:
    case ROUTINE_KeQueryMaximumProcessorCountEx:
    case ROUTINE_PsGetCurrentProcess:
    case ROUTINE_PsGetCurrentProcessId:
    case ROUTINE_IoGetStackLimits:
    case ROUTINE_IoGetRemainingStackSize:
    case ROUTINE_IoSizeofWorkItem:
    case ROUTINE_MmSizeOfMdl:
    case ROUTINE_IoAllocateIrp: /* as of pool: nobody else knows it yet */
        return true;
    default:
        return false;
    }
}

/* They see how late it is, and nothing else. */
static bool reads_clock(const struct sim_ctx *c)
{
    if (c->op != SIM_OP_CALL) {
        return false;
    }
    switch ((unsigned)c->routine) {
    case ROUTINE_KeQuerySystemTime:
    case ROUTINE_KeQuerySystemTimePrecise:
    case ROUTINE_KeQueryTickCount:
    case ROUTINE_KeQueryInterruptTime:
        return true;
    default:
        return false;
    }
}

/* Named object or not, these reach further: queues of processors, the clock's deadlines. */
static bool is_wide_routine(enum model_routine routine)
{
    switch ((unsigned)routine) {
    case ROUTINE_KeInsertQueueDpc:
    case ROUTINE_KeRemoveQueueDpc:
    case ROUTINE_KeRemoveQueueDpcEx:
    case ROUTINE_KeSetTargetProcessorDpc:
    case ROUTINE_KeSetTargetProcessorDpcEx:
    case ROUTINE_KeSetTimer:
    case ROUTINE_KeSetTimerEx:
    case ROUTINE_KeSetCoalescableTimer:
    case ROUTINE_KeCancelTimer:
    case ROUTINE_ObDereferenceObject:
    case ROUTINE_ObDereferenceObjectWithTag:
    case ROUTINE_ObDereferenceObjectDeferDelete:
    case ROUTINE_CancelMibChangeNotify2:
        return true;
    default:
        return false;
    }
}

/* A thread of the driver: from its start to the first point nothing happens but its own code. */
static bool is_driver_thread(const struct sim_ctx *c)
{
    return c->kind == SIM_THREAD && c->name != NULL && strcmp(c->name, "thread") == 0;
}

static bool is_narrow(const struct sim_ctx *c)
{
    switch ((enum sim_op)c->op) {
    case SIM_OP_RETURN:
        return true;
    case SIM_OP_NONE:
        return is_driver_thread(c);
    case SIM_OP_CALL:
        return is_narrow_routine((enum model_routine)c->routine);
    case SIM_OP_READ:
    case SIM_OP_WRITE:
    case SIM_OP_LOCK:
    case SIM_OP_UNLOCK:
    case SIM_OP_WAIT:
    case SIM_OP_WAKE:
        return c->op_object != 0 && !is_wide_routine((enum model_routine)c->routine);
    }
    return false;
}

void model_touches(struct sim *s, const struct sim_ctx *c)
{
    if (c != &s->clock && reads_clock(c)) {
        sim_touch(s, SIM_OBJECT_CLOCK, 8, false);
    } else if (c == &s->clock || !is_narrow(c)) {
        sim_touch(s, SIM_OBJECT_MODEL, 8, true);
    }
}
