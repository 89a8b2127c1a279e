/* SPDX-License-Identifier: MIT */
/*
 * Event objects with handles: IoCreateNotificationEvent and its twin, ZwCreateEvent, ZwSetEvent.
 * Two events of one name are one object. The memory is ours and goes with the last reference.
 */
#include "model/ex/ex.h"
#include "model/ps/ps_internal.h"

static void event_gone(struct sim *s, struct ps_object *o)
{
    ex_free(s, o->owner);
}

static uint64_t name_hash(struct sim *s, PUNICODE_STRING name)
{
    if (name == NULL) {
        return 0;
    }
    model_touch(s, name, sizeof *name, "EventName");
    if (name->Length == 0) {
        return 0;
    }
    model_touch(s, name->Buffer, name->Length, "EventName");
    uint64_t hash = 0;
    for (uint32_t i = 0; i < name->Length / sizeof(WCHAR); i++) {
        hash = sim_mix(hash, name->Buffer[i]);
    }
    return hash | 1;
}

/* The event of that name, with a reference for the caller: an old one or a new one. */
static struct ps_object *event_open(struct sim *s, uint64_t name, EVENT_TYPE type, BOOLEAN state)
{
    struct ps_state *ps = ps_of(s);
    for (uint32_t i = 0; name != 0 && i < ps->object_count; i++) {
        struct ps_object *o = &ps->object[i];
        if (!o->is_gone && o->kind == PS_EVENT && o->name == name) {
            ps_object_hold(s, o);
            return o;
        }
    }
    struct sim_block *block;
    PKEVENT event = ex_alloc(s, sizeof *event, BLOCK_OTHER, 0, true, true, &block);
    if (event == NULL) {
        return NULL;
    }
    ke_event_init(s, event, type, state);
    block->object = ke_dispatcher_object(event);
    struct ps_object *o = ps_object_new(s, event, PS_EVENT, block->object);
    o->owner = block;
    o->gone = event_gone;
    o->name = name;
    return o;
}

static PKEVENT io_create_event(struct sim *s, PUNICODE_STRING name, PHANDLE handle, EVENT_TYPE type)
{
    model_touch(s, handle, sizeof *handle, "EventHandle");
    uint64_t hash = name_hash(s, name);
    struct ps_object *o = event_open(s, hash, type, TRUE);
    if (o == NULL) {
        return NULL;
    }
    *handle = ps_handle_open(s, o, true);
    ps_object_drop(s, o); /* the handle keeps it */
    return o->body;
}

PKEVENT IoCreateNotificationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    struct sim *s = model_enter(ROUTINE_IoCreateNotificationEvent);
    PKEVENT event = io_create_event(s, EventName, EventHandle, NotificationEvent);
    model_leave(s);
    return event;
}

PKEVENT IoCreateSynchronizationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    struct sim *s = model_enter(ROUTINE_IoCreateSynchronizationEvent);
    PKEVENT event = io_create_event(s, EventName, EventHandle, SynchronizationEvent);
    model_leave(s);
    return event;
}

NTSTATUS ZwCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess,
                       POBJECT_ATTRIBUTES ObjectAttributes, EVENT_TYPE EventType,
                       BOOLEAN InitialState)
{
    (void)DesiredAccess;
    struct sim *s = model_enter(ROUTINE_ZwCreateEvent);
    ps_zw_check(s);
    model_touch(s, EventHandle, sizeof *EventHandle, "EventHandle");
    uint64_t name = 0;
    ULONG flags = 0;
    if (ObjectAttributes != NULL) {
        model_touch(s, ObjectAttributes, sizeof *ObjectAttributes, "ObjectAttributes");
        name = name_hash(s, ObjectAttributes->ObjectName);
        flags = ObjectAttributes->Attributes;
    }
    struct ps_object *o = event_open(s, name, EventType, InitialState);
    if (o == NULL) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    bool is_kernel = (flags & OBJ_KERNEL_HANDLE) != 0 || ke_current(s)->process == 0;
    *EventHandle = ps_handle_open(s, o, is_kernel);
    ps_object_drop(s, o);
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS ZwSetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    struct sim *s = model_enter_object(ROUTINE_ZwSetEvent, SIM_OP_WAKE, 0);
    ps_zw_check(s);
    struct ps_object *o = ps_handle_object(s, EventHandle);
    if (o == NULL) {
        const struct ps_handle *h = ps_handle_find(s, EventHandle);
        model_fail(s, RULE_KRN_258, h != NULL ? h->o->object : 0, h != NULL ? &h->closed : NULL,
                   "the handle given is not open");
    }
    if (o->kind != PS_EVENT) {
        return model_leave_status(s, STATUS_OBJECT_TYPE_MISMATCH);
    }
    LONG previous = ke_event_set(s, o->body);
    if (PreviousState != NULL) {
        model_touch(s, PreviousState, sizeof *PreviousState, "PreviousState");
        *PreviousState = previous;
    }
    return model_leave_status(s, STATUS_SUCCESS);
}
