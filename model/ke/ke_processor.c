/* SPDX-License-Identifier: MIT */
/*
 * Processors: numbers and counts, and the callbacks for processors that are added. All are in group
 * 0, node 0, and active from the start; none is added later.
 *
 * Limits: KE_CALLBACKS_MAX registrations. A thread cannot be bound to a processor: the affinity
 * routines are not there, and a driver that needs them is refused when it is loaded.
 */
#include "model/ke/ke_internal.h"

static KAFFINITY all_processors(const struct sim *s)
{
    return (KAFFINITY)((1ull << s->processor_count) - 1);
}

ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber)
{
    struct sim *s = model_enter(ROUTINE_KeGetCurrentProcessorNumberEx);
    ULONG number = (ULONG)s->current->processor;
    if (s->current->level >= DISPATCH_LEVEL) {
        sim_race_processor(s); /* data of this processor need no lock at this level */
    }
    if (ProcNumber != NULL) {
        model_touch(s, ProcNumber, sizeof *ProcNumber, "ProcNumber");
        *ProcNumber = (PROCESSOR_NUMBER){.Group = 0, .Number = (UCHAR)number, .Reserved = 0};
    }
    model_leave(s); /* below DISPATCH_LEVEL the answer may be stale now */
    return number;
}

/* The answers below do not change during a run: one point is enough. */

static ULONG constant(struct sim *s, ULONG value)
{
    s->current->routine = 0;
    return value;
}

ULONG KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors)
{
    struct sim *s = model_enter(ROUTINE_KeQueryActiveProcessorCount);
    if (ActiveProcessors != NULL) {
        model_touch(s, ActiveProcessors, sizeof *ActiveProcessors, "ActiveProcessors");
        *ActiveProcessors = all_processors(s);
    }
    return constant(s, s->processor_count);
}

ULONG KeQueryActiveProcessorCountEx(USHORT GroupNumber)
{
    struct sim *s = model_enter(ROUTINE_KeQueryActiveProcessorCountEx);
    bool is_known = GroupNumber == 0 || GroupNumber == ALL_PROCESSOR_GROUPS;
    return constant(s, is_known ? s->processor_count : 0);
}

ULONG KeQueryMaximumProcessorCount(void)
{
    struct sim *s = model_enter(ROUTINE_KeQueryMaximumProcessorCount);
    return constant(s, s->processor_count);
}

ULONG KeQueryMaximumProcessorCountEx(USHORT GroupNumber)
{
    struct sim *s = model_enter(ROUTINE_KeQueryMaximumProcessorCountEx);
    bool is_known = GroupNumber == 0 || GroupNumber == ALL_PROCESSOR_GROUPS;
    return constant(s, is_known ? s->processor_count : 0);
}

USHORT KeQueryActiveGroupCount(void)
{
    struct sim *s = model_enter(ROUTINE_KeQueryActiveGroupCount);
    return (USHORT)constant(s, 1);
}

USHORT KeQueryMaximumGroupCount(void)
{
    struct sim *s = model_enter(ROUTINE_KeQueryMaximumGroupCount);
    return (USHORT)constant(s, 1);
}

KAFFINITY KeQueryActiveProcessors(void)
{
    struct sim *s = model_enter(ROUTINE_KeQueryActiveProcessors);
    return constant(s, (ULONG)all_processors(s));
}

KAFFINITY KeQueryGroupAffinity(USHORT GroupNumber)
{
    struct sim *s = model_enter(ROUTINE_KeQueryGroupAffinity);
    return constant(s, GroupNumber == 0 ? (ULONG)all_processors(s) : 0);
}

USHORT KeQueryHighestNodeNumber(void)
{
    struct sim *s = model_enter(ROUTINE_KeQueryHighestNodeNumber);
    return (USHORT)constant(s, 0);
}

USHORT KeGetCurrentNodeNumber(void)
{
    struct sim *s = model_enter(ROUTINE_KeGetCurrentNodeNumber);
    return (USHORT)constant(s, 0);
}

NTSTATUS KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber)
{
    struct sim *s = model_enter(ROUTINE_KeGetProcessorNumberFromIndex);
    model_touch(s, ProcNumber, sizeof *ProcNumber, "ProcNumber");
    if (ProcIndex >= s->processor_count) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    *ProcNumber = (PROCESSOR_NUMBER){.Group = 0, .Number = (UCHAR)ProcIndex, .Reserved = 0};
    return model_leave_status(s, STATUS_SUCCESS);
}

ULONG KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber)
{
    struct sim *s = model_enter(ROUTINE_KeGetProcessorIndexFromNumber);
    model_touch(s, ProcNumber, sizeof *ProcNumber, "ProcNumber");
    bool is_known = ProcNumber->Group == 0 && ProcNumber->Number < s->processor_count;
    return constant(s, is_known ? ProcNumber->Number : INVALID_PROCESSOR_INDEX);
}

/* The model keeps no floating-point state apart: there is nothing to save, and it cannot fail. */

NTSTATUS KeSaveExtendedProcessorState(ULONG64 Mask, PXSTATE_SAVE XStateSave)
{
    (void)Mask;
    struct sim *s = model_enter(ROUTINE_KeSaveExtendedProcessorState);
    model_touch(s, XStateSave, sizeof *XStateSave, "XStateSave");
    return model_leave_status(s, STATUS_SUCCESS);
}

void KeRestoreExtendedProcessorState(PXSTATE_SAVE XStateSave)
{
    struct sim *s = model_enter(ROUTINE_KeRestoreExtendedProcessorState);
    model_touch(s, XStateSave, sizeof *XStateSave, "XStateSave");
    model_leave(s);
}

/* ---- callbacks for added processors ---- */

/* Calls it once for each processor that is there, in two steps; a failing status undoes the rest.
 */
static NTSTATUS callback_announce(struct sim *s, const struct ke_callback *callback)
{
    NTSTATUS status = STATUS_SUCCESS;
    ke_window_open(s, KE_WINDOW_OTHER, callback->object);
    for (uint32_t step = 0; step < 2 && NT_SUCCESS(status); step++) {
        for (uint32_t i = 0; i < s->processor_count && NT_SUCCESS(status); i++) {
            KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT change = {
                .State = step == 0 ? KeProcessorAddStartNotify : KeProcessorAddCompleteNotify,
                .NtNumber = i,
                .Status = STATUS_SUCCESS,
                .ProcNumber = {.Group = 0, .Number = (UCHAR)i, .Reserved = 0},
            };
            callback->function(callback->context, &change, &status);
        }
    }
    ke_window_close(s);
    return status;
}

PVOID KeRegisterProcessorChangeCallback(PPROCESSOR_CALLBACK_FUNCTION CallbackFunction,
                                        PVOID CallbackContext, ULONG Flags)
{
    struct sim *s = model_enter(ROUTINE_KeRegisterProcessorChangeCallback);
    struct ke_state *ke = ke_of(s);
    model_code(s, (const void *)CallbackFunction, "CallbackFunction");
    uint32_t i = 0;
    while (i < KE_CALLBACKS_MAX && ke->callback[i].function != NULL) {
        i++;
    }
    if (i == KE_CALLBACKS_MAX) {
        sim_limit(s, "KE_CALLBACKS_MAX: too many processor callbacks");
    }
    ke->callback[i] = (struct ke_callback){
        .function = CallbackFunction,
        .context = CallbackContext,
        .object = model_object_new(s, OBJECT_REGISTRATION),
        .registered = sim_here(s),
    };
    PVOID handle = (PVOID)(uintptr_t)(ke->callback[i].object);
    if ((Flags & KE_PROCESSOR_CHANGE_ADD_EXISTING) != 0 &&
        !NT_SUCCESS(callback_announce(s, &ke->callback[i]))) {
        ke->callback[i].function = NULL;
        handle = NULL;
    }
    model_leave(s);
    return handle;
}

void KeDeregisterProcessorChangeCallback(PVOID CallbackHandle)
{
    struct sim *s = model_enter(ROUTINE_KeDeregisterProcessorChangeCallback);
    struct ke_state *ke = ke_of(s);
    uint32_t i = 0;
    while (i < KE_CALLBACKS_MAX && (ke->callback[i].function == NULL ||
                                    ke->callback[i].object != (uintptr_t)CallbackHandle)) {
        i++;
    }
    if (i == KE_CALLBACKS_MAX) {
        model_fail(s, RULE_KRN_284, 0, NULL,
                   "a processor callback is deregistered that is not registered");
    }
    ke->callback[i].function = NULL;
    model_leave(s);
}

void ke_callbacks_check_unload(struct sim *s)
{
    const struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < KE_CALLBACKS_MAX; i++) {
        if (ke->callback[i].function != NULL) {
            model_fail(s, RULE_KRN_283, ke->callback[i].object, &ke->callback[i].registered,
                       "a processor callback is still registered when the driver is unloaded");
        }
    }
}
