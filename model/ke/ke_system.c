/* SPDX-License-Identifier: MIT */
/*
 * Odds and ends of the kernel proper: bug checks, the memory barrier, running on an extended stack.
 *
 * Limits: memory is sequentially consistent, so that a barrier is a scheduling point and nothing
 * else.
 */
#include "model/ke/ke_internal.h"

void KeMemoryBarrier(void)
{
    struct sim *s = model_enter(ROUTINE_KeMemoryBarrier);
    s->current->routine = 0;
}

/* ---- bug checks ---- */

void KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR Parameter1, ULONG_PTR Parameter2,
                  ULONG_PTR Parameter3, ULONG_PTR Parameter4)
{
    (void)Parameter1; /* often addresses, which a report must not hold */
    (void)Parameter2;
    (void)Parameter3;
    (void)Parameter4;
    struct sim *s = model_enter(ROUTINE_KeBugCheckEx);
    model_fail(s, RULE_SYS_BUGCHECK, 0, NULL, "the driver calls KeBugCheckEx with code 0x%X",
               (unsigned)BugCheckCode);
}

void KeBugCheck(ULONG BugCheckCode)
{
    struct sim *s = model_enter(ROUTINE_KeBugCheckEx);
    model_fail(s, RULE_SYS_BUGCHECK, 0, NULL, "the driver calls KeBugCheck with code 0x%X",
               (unsigned)BugCheckCode);
}

/* ---- extended stacks ---- */

/* Our stacks are larger than an extended one of Windows: the callout runs where it is. */
static NTSTATUS callout_run(struct sim *s, PEXPAND_STACK_CALLOUT callout, PVOID parameter,
                            SIZE_T size)
{
    model_code(s, (const void *)callout, "Callout");
    if (size > MAXIMUM_EXPANSION_SIZE) {
        return STATUS_INVALID_PARAMETER_3;
    }
    model_exercised(s, RULE_KRN_058);
    ke_window_open(s, KE_WINDOW_OTHER, 0);
    callout(parameter);
    ke_window_close(s);
    return STATUS_SUCCESS;
}

NTSTATUS KeExpandKernelStackAndCallout(PEXPAND_STACK_CALLOUT Callout, PVOID Parameter, SIZE_T Size)
{
    struct sim *s = model_enter(ROUTINE_KeExpandKernelStackAndCallout);
    NTSTATUS status = callout_run(s, Callout, Parameter, Size);
    return model_leave_status(s, status);
}

NTSTATUS KeExpandKernelStackAndCalloutEx(PEXPAND_STACK_CALLOUT Callout, PVOID Parameter,
                                         SIZE_T Size, BOOLEAN Wait, PVOID Context)
{
    (void)Context;
    struct sim *s = model_enter(ROUTINE_KeExpandKernelStackAndCalloutEx);
    if (Wait && ke_irql(s) > APC_LEVEL) {
        model_fail(s, RULE_KRN_058, 0, NULL,
                   "KeExpandKernelStackAndCalloutEx is asked to wait for a stack at %s",
                   ke_irql_name(ke_irql(s)));
    }
    NTSTATUS status = callout_run(s, Callout, Parameter, Size);
    return model_leave_status(s, status);
}
