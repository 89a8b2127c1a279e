/* SPDX-License-Identifier: MIT */
/*
 * Handles. Kernel handles have the upper half set and are valid everywhere; user handles belong to
 * the process in which they were opened. A number is not used twice in a run, so that a handle that
 * is used after closing is recognised (KRN-258).
 *
 * Limits: PS_HANDLES_MAX per run.
 */
#include "model/ps/ps_internal.h"

#define KERNEL_HANDLE_BASE 0xffffffff80000000ull

HANDLE ps_handle_open(struct sim *s, struct ps_object *o, bool is_kernel)
{
    struct ps_state *ps = ps_of(s);
    if (ps->handle_count == PS_HANDLES_MAX) {
        sim_limit(s, "PS_HANDLES_MAX: too many handles in one run");
    }
    ps_object_hold(s, o);
    o->handles++;
    const struct ke_context *c = ke_current(s);
    struct ps_handle *h = &ps->handle[ps->handle_count++];
    *h = (struct ps_handle){.o = o,
                            .is_open = true,
                            .is_kernel = is_kernel,
                            .process = is_kernel ? 0 : c->process,
                            .opened = sim_here(s)};
    uintptr_t number = (uintptr_t)ps->handle_count * 4;
    return (HANDLE)(is_kernel ? KERNEL_HANDLE_BASE + number : number);
}

struct ps_handle *ps_handle_find(struct sim *s, HANDLE handle)
{
    struct ps_state *ps = ps_of(s);
    uintptr_t value = (uintptr_t)handle;
    bool is_kernel = value >= KERNEL_HANDLE_BASE;
    uintptr_t number = is_kernel ? value - KERNEL_HANDLE_BASE : value;
    if (number == 0 || number % 4 != 0 || number / 4 > ps->handle_count) {
        return NULL;
    }
    struct ps_handle *h = &ps->handle[number / 4 - 1];
    return h->is_kernel == is_kernel ? h : NULL;
}

struct ps_object *ps_handle_object(struct sim *s, HANDLE handle)
{
    const struct ps_handle *h = ps_handle_find(s, handle);
    return h != NULL && h->is_open ? h->o : NULL;
}

void ps_zw_check(struct sim *s)
{
    struct ke_context *c = ke_current(s);
    if (c->guarded > 0) {
        model_fail(s, RULE_KRN_059, 0, NULL, "a Zw routine is called inside a guarded region");
    }
    for (uint32_t i = 0; i < c->lock_count; i++) {
        const struct ke_held_lock *lock = &c->lock[i];
        if (lock->kind == KE_LOCK_FAST_MUTEX || lock->kind == KE_LOCK_GUARDED_MUTEX) {
            model_fail(s, RULE_KRN_059, lock->object, &lock->taken,
                       "a Zw routine is called with a fast or guarded mutex held");
        }
    }
    model_exercised(s, RULE_KRN_059);
}

/* A handle that the driver must know to be good: `rule` if it is not. */
static struct ps_handle *handle_check(struct sim *s, HANDLE handle, enum model_rule rule)
{
    struct ps_handle *h = ps_handle_find(s, handle);
    if (h == NULL) {
        model_fail(s, rule, 0, NULL, "the handle given was never opened");
    }
    if (!h->is_open) {
        model_fail(s, RULE_KRN_258, h->o->object, &h->closed, "the handle given was closed");
    }
    if (!h->is_kernel && h->process != ke_current(s)->process) {
        model_fail(s, RULE_KRN_258, h->o->object, &h->opened,
                   "a handle of one process is used in another");
    }
    model_exercised(s, RULE_KRN_258);
    return h;
}

/* ---- closing ---- */

static void handle_close(struct sim *s, HANDLE handle)
{
    struct ps_handle *h = handle_check(s, handle, RULE_KRN_258);
    struct ps_object *o = h->o;
    h->is_open = false;
    h->closed = sim_here(s);
    if (--o->handles == 0 && o->closed != NULL) {
        o->closed(s, o);
    }
    o->dropped = h->closed;
    ps_object_drop(s, o);
}

NTSTATUS ZwClose(HANDLE Handle)
{
    struct sim *s = model_enter(ROUTINE_ZwClose);
    ps_zw_check(s);
    handle_close(s, Handle);
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode)
{
    struct sim *s = model_enter(ROUTINE_ObCloseHandle);
    if (PreviousMode != KernelMode && ps_handle_object(s, Handle) == NULL) {
        return model_leave_status(s, STATUS_INVALID_HANDLE); /* a user's mistake */
    }
    handle_close(s, Handle);
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- using ---- */

/* The object that a handle means to ObReferenceObjectByHandle, or the status that says why not. */
static NTSTATUS handle_resolve(struct sim *s, HANDLE handle, KPROCESSOR_MODE mode,
                               struct ps_object **o)
{
    if (handle == NtCurrentProcess()) {
        *o = ps_object_check(s, ps_process(s, ke_current(s)->process));
        return STATUS_SUCCESS;
    }
    if (handle == NtCurrentThread()) {
        *o = ps_object_check(s, ps_thread_body(s, ke_current(s)));
        return STATUS_SUCCESS;
    }
    if (mode != KernelMode) {
        const struct ps_handle *h = ps_handle_find(s, handle);
        if (h != NULL && h->is_open && h->is_kernel) {
            model_fail(s, RULE_KRN_253, h->o->object, &h->opened,
                       "a kernel handle is referenced with user mode");
        }
        *o = ps_handle_object(s, handle);
        return *o != NULL ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
    }
    *o = handle_check(s, handle, RULE_KRN_253)->o;
    return STATUS_SUCCESS;
}

static NTSTATUS handle_reference(struct sim *s, HANDLE handle, POBJECT_TYPE type,
                                 KPROCESSOR_MODE mode, PVOID *object,
                                 POBJECT_HANDLE_INFORMATION information)
{
    model_touch(s, object, sizeof *object, "Object");
    *object = NULL;
    struct ps_object *o = NULL;
    NTSTATUS status = handle_resolve(s, handle, mode, &o);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (type != ps_type((enum ps_kind)o->kind) && (type != NULL || mode != KernelMode)) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    if (information != NULL) {
        model_touch(s, information, sizeof *information, "HandleInformation");
        *information = (OBJECT_HANDLE_INFORMATION){
            .HandleAttributes = 0, .GrantedAccess = STANDARD_RIGHTS_ALL | SPECIFIC_RIGHTS_ALL};
    }
    ps_object_give(s, o);
    *object = o->body;
    model_exercised(s, RULE_KRN_253);
    return STATUS_SUCCESS;
}

NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess,
                                   POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                   PVOID *Object, POBJECT_HANDLE_INFORMATION HandleInformation)
{
    (void)DesiredAccess; /* the driver's own handles grant everything */
    struct sim *s = model_enter(ROUTINE_ObReferenceObjectByHandle);
    NTSTATUS status =
        handle_reference(s, Handle, ObjectType, AccessMode, Object, HandleInformation);
    return model_leave_status(s, status);
}

NTSTATUS ObReferenceObjectByHandleWithTag(HANDLE Handle, ACCESS_MASK DesiredAccess,
                                          POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                          ULONG Tag, PVOID *Object,
                                          POBJECT_HANDLE_INFORMATION HandleInformation)
{
    (void)DesiredAccess;
    (void)Tag;
    struct sim *s = model_enter(ROUTINE_ObReferenceObjectByHandleWithTag);
    NTSTATUS status =
        handle_reference(s, Handle, ObjectType, AccessMode, Object, HandleInformation);
    return model_leave_status(s, status);
}

NTSTATUS ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PVOID PassedAccessState,
                               ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                               KPROCESSOR_MODE AccessMode, PHANDLE Handle)
{
    (void)PassedAccessState;
    (void)DesiredAccess;
    struct sim *s = model_enter(ROUTINE_ObOpenObjectByPointer);
    model_touch(s, Handle, sizeof *Handle, "Handle");
    struct ps_object *o = ps_object_check(s, Object);
    if (ObjectType != ps_type((enum ps_kind)o->kind) &&
        (ObjectType != NULL || AccessMode != KernelMode)) {
        return model_leave_status(s, STATUS_OBJECT_TYPE_MISMATCH);
    }
    bool is_kernel = (HandleAttributes & OBJ_KERNEL_HANDLE) != 0 || ke_current(s)->process == 0;
    *Handle = ps_handle_open(s, o, is_kernel);
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS ZwWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    struct sim *s = model_enter_object(ROUTINE_ZwWaitForSingleObject, SIM_OP_WAIT, 0);
    ps_zw_check(s);
    struct ps_object *o = handle_check(s, Handle, RULE_KRN_258)->o;
    if (o->kind != PS_THREAD && o->kind != PS_PROCESS && o->kind != PS_EVENT &&
        o->kind != PS_SEMAPHORE) {
        return model_leave_status(s, STATUS_OBJECT_TYPE_MISMATCH);
    }
    if (Timeout != NULL) {
        model_touch(s, Timeout, sizeof *Timeout, "Timeout");
    }
    if (Timeout == NULL || Timeout->QuadPart != 0) {
        ke_check_may_block(s, o->object);
        if (o->body == ke_current(s)->thread_object) {
            model_fail(s, RULE_KRN_260, o->object, NULL, "a thread waits for its own end");
        }
    }
    ps_object_hold(s, o); /* the handle may be closed meanwhile */
    NTSTATUS status = ke_wait(s, o->body, Alertable, Timeout);
    ps_object_drop(s, o);
    return model_leave_status(s, status);
}
