/* SPDX-License-Identifier: MIT */
/*
 * Objects and references: the records, the Ob routines, the object types, and what must be balanced
 * when the driver is unloaded (KRN-252, KRN-254, KRN-284).
 *
 * Invariants:
 *  1. references >= client + handles while an object lives.
 *  2. A driver drops only references that it took (client): the others are not its own.
 *  3. Records are kept until the run ends; the newest record of an address is the one that counts.
 *
 * Limits: PS_OBJECTS_MAX per run. Deleting an object runs no code of the driver here, so that
 * whether it is deferred (KAMB-10) makes no difference that a driver could see.
 */
#include "model/ex/ex.h"
#include "model/ps/ps_internal.h"

static struct ps_state ps_only;

struct ps_state *ps_create(void)
{
    return &ps_only;
}

void ps_reset(struct sim *s)
{
    struct ps_state *ps = ps_of(s);
    ps->object_count = 0;
    ps->handle_count = 0;
    ps->thread_count = 0;
    for (uint32_t i = 0; i < ps->process_count; i++) {
        ps->process[i] = NULL;
    }
    ps->process_count = 0;
}

/* ---- object types: opaque, at addresses that nobody may touch ---- */

#define TYPE_ADDRESS(kind) ((POBJECT_TYPE)(0x1f0000001000ull + 0x100ull * (kind)))

static POBJECT_TYPE types[PS_KINDS] = {
    [PS_THREAD] = TYPE_ADDRESS(PS_THREAD), [PS_PROCESS] = TYPE_ADDRESS(PS_PROCESS),
    [PS_EVENT] = TYPE_ADDRESS(PS_EVENT),   [PS_SEMAPHORE] = TYPE_ADDRESS(PS_SEMAPHORE),
    [PS_FILE] = TYPE_ADDRESS(PS_FILE),     [PS_DEVICE] = TYPE_ADDRESS(PS_DEVICE),
    [PS_DRIVER] = TYPE_ADDRESS(PS_DRIVER), [PS_TOKEN] = TYPE_ADDRESS(PS_TOKEN),
    [PS_KEY] = TYPE_ADDRESS(PS_KEY),
};

POBJECT_TYPE *PsThreadType = &types[PS_THREAD];
POBJECT_TYPE *PsProcessType = &types[PS_PROCESS];
POBJECT_TYPE *ExEventObjectType = &types[PS_EVENT];
POBJECT_TYPE *ExSemaphoreObjectType = &types[PS_SEMAPHORE];
POBJECT_TYPE *IoFileObjectType = &types[PS_FILE];
POBJECT_TYPE *IoDeviceObjectType = &types[PS_DEVICE];
POBJECT_TYPE *IoDriverObjectType = &types[PS_DRIVER];
POBJECT_TYPE *SeTokenObjectType = &types[PS_TOKEN];

POBJECT_TYPE ps_type(enum ps_kind kind)
{
    return TYPE_ADDRESS(kind);
}

/* ---- records ---- */

struct ps_object *ps_object_new(struct sim *s, void *body, enum ps_kind kind, uint32_t object)
{
    struct ps_state *ps = ps_of(s);
    if (ps->object_count == PS_OBJECTS_MAX) {
        sim_limit(s, "PS_OBJECTS_MAX: too many objects in one run");
    }
    struct ps_object *o = &ps->object[ps->object_count++];
    *o = (struct ps_object){.body = body,
                            .kind = (uint8_t)kind,
                            .object = object,
                            .references = 1,
                            .born = sim_here(s)};
    return o;
}

struct ps_object *ps_object_find(struct sim *s, const void *body)
{
    struct ps_state *ps = ps_of(s);
    for (uint32_t i = ps->object_count; i-- > 0;) {
        if (ps->object[i].body == body) {
            return &ps->object[i];
        }
    }
    return NULL;
}

void ps_object_hold(struct sim *s, struct ps_object *o)
{
    (void)s;
    SIM_ASSERT(!o->is_gone);
    o->references++;
}

static void delete_main(struct sim *s, void *argument)
{
    struct ps_object *o = argument;
    o->gone(s, o);
}

/* KAMB-10: in the calling thread at PASSIVE_LEVEL, else (or always) by a thread of the system. */
static void delete_object(struct sim *s, struct ps_object *o)
{
    const struct ke_context *c = s->current->user;
    bool is_passive = c == NULL || ke_irql(s) == PASSIVE_LEVEL;
    if (is_passive && model_knob(s, KNOB_KERNEL_OBJECT_DELETE) == 0) {
        o->gone(s, o);
    } else {
        ke_system_call(s, s->current, PASSIVE_LEVEL, delete_main, o, "object delete");
    }
}

void ps_object_drop(struct sim *s, struct ps_object *o)
{
    SIM_ASSERT_OP(o->references, >, 0);
    if (--o->references > 0 || o->is_permanent) {
        return;
    }
    SIM_ASSERT_OP(o->client, ==, 0);
    SIM_ASSERT_OP(o->handles, ==, 0);
    o->is_gone = true;
    sim_trace(s, TRACE_Destroy, o->object, 0);
    if (o->gone != NULL) {
        delete_object(s, o);
    }
}

void ps_object_give(struct sim *s, struct ps_object *o)
{
    ps_object_hold(s, o);
    o->client++;
}

/* Objects of other parts that nobody registered: devices, drivers, files. They live as their
 * memory. */
SIM_NOINLINE static struct ps_object *object_adopt(struct sim *s, const void *body)
{
    const struct sim_block *block = sim_block_find(s, (uintptr_t)body);
    if (block == NULL || block->state != SIM_BLOCK_LIVE || block->base != (uintptr_t)body ||
        (block->kind != BLOCK_DEVICE && block->kind != BLOCK_OTHER)) {
        return NULL;
    }
    enum ps_kind kind = block->kind == BLOCK_DEVICE ? PS_DEVICE : PS_FILE;
    struct ps_object *o = ps_object_new(s, (void *)block->base, kind, block->object);
    o->is_permanent = true;
    return o;
}

struct ps_object *ps_object_check(struct sim *s, const void *body)
{
    struct ps_object *o = ps_object_find(s, body);
    if (o == NULL) {
        o = object_adopt(s, body);
    }
    if (o == NULL) {
        model_touch(s, body, 1, "Object");
        model_fail(s, RULE_KRN_254, 0, NULL, "the pointer given leads to no object of the system");
    }
    if (o->is_gone) {
        model_fail(s, RULE_KRN_254, o->object, &o->dropped,
                   "an object is used whose last reference is gone");
    }
    model_exercised(s, RULE_KRN_254);
    return o;
}

/* ---- Ob routines ---- */

void ps_object_give_body(struct sim *s, const void *body)
{
    ps_object_give(s, ps_object_check(s, body));
}

static LONG_PTR object_reference(struct sim *s, void *body)
{
    struct ps_object *o = ps_object_check(s, body);
    ps_object_give(s, o);
    return o->references;
}

LONG_PTR ObfReferenceObject(PVOID Object)
{
    struct sim *s = model_enter_object(ROUTINE_ObReferenceObject, SIM_OP_WRITE, Object);
    LONG_PTR references = object_reference(s, Object);
    model_leave(s);
    return references;
}

LONG_PTR ObfReferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    (void)Tag;
    struct sim *s = model_enter_object(ROUTINE_ObReferenceObjectWithTag, SIM_OP_WRITE, Object);
    LONG_PTR references = object_reference(s, Object);
    model_leave(s);
    return references;
}

NTSTATUS ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess,
                                    POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode)
{
    (void)DesiredAccess;
    struct sim *s = model_enter_object(ROUTINE_ObReferenceObjectByPointer, SIM_OP_WRITE, Object);
    struct ps_object *o = ps_object_check(s, Object);
    if (ObjectType != ps_type((enum ps_kind)o->kind) &&
        (ObjectType != NULL || AccessMode != KernelMode)) {
        return model_leave_status(s, STATUS_OBJECT_TYPE_MISMATCH);
    }
    ps_object_give(s, o);
    return model_leave_status(s, STATUS_SUCCESS);
}

/* KRN-254: one of the driver's own references goes. */
LONG_PTR ps_object_dereference(struct sim *s, void *body)
{
    struct ps_object *o = ps_object_check(s, body);
    if (o->client <= 0) {
        model_fail(s, RULE_KRN_254, o->object, o->dropped.seq != 0 ? &o->dropped : &o->born,
                   "a reference is dropped that the driver does not hold");
    }
    LONG_PTR left = o->references - 1;
    o->client--;
    o->dropped = sim_here(s);
    ps_object_drop(s, o);
    return left;
}

LONG_PTR ObfDereferenceObject(PVOID Object)
{
    struct sim *s = model_enter_object(ROUTINE_ObDereferenceObject, SIM_OP_WRITE, Object);
    LONG_PTR references = ps_object_dereference(s, Object);
    model_leave(s);
    return references;
}

LONG_PTR ObfDereferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    (void)Tag;
    struct sim *s = model_enter_object(ROUTINE_ObDereferenceObjectWithTag, SIM_OP_WRITE, Object);
    LONG_PTR references = ps_object_dereference(s, Object);
    model_leave(s);
    return references;
}

void ObDereferenceObjectDeferDelete(PVOID Object)
{
    struct sim *s =
        model_enter_object(ROUTINE_ObDereferenceObjectDeferDelete, SIM_OP_WRITE, Object);
    (void)ps_object_dereference(s, Object);
    model_leave(s);
}

/* ---- what must be balanced ---- */

static void handles_check_unload(struct sim *s)
{
    const struct ps_state *ps = ps_of(s);
    for (uint32_t i = 0; i < ps->handle_count; i++) {
        const struct ps_handle *h = &ps->handle[i];
        if (!h->is_open || !h->is_kernel) {
            continue;
        }
        enum model_rule rule = h->o->kind == PS_THREAD ? RULE_KRN_252 : RULE_KRN_284;
        model_fail(s, rule, h->o->object, &h->opened,
                   "a handle is still open when the driver is unloaded");
    }
    model_exercised(s, RULE_KRN_252);
}

void ps_check_unload(struct sim *s)
{
    const struct ps_state *ps = ps_of(s);
    ps_threads_check_unload(s);
    handles_check_unload(s);
    for (uint32_t i = 0; i < ps->object_count; i++) {
        const struct ps_object *o = &ps->object[i];
        if (!o->is_gone && o->client > 0) {
            model_fail(s, RULE_KRN_254, o->object, &o->born,
                       "%d references to an object are left when the driver is unloaded",
                       (int)o->client);
        }
    }
    model_exercised(s, RULE_KRN_254);
}
