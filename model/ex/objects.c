/* SPDX-License-Identifier: MIT */
/* The table of objects.h: a list in order of birth, and an open hash of addresses into it. */
#include "model/ex/objects.h"

#include "model/ex/ex_internal.h"

#include <stdio.h>
#include <string.h>

static uint32_t first_slot(uintptr_t address)
{
    return (uint32_t)((address >> 2) * 0x9E3779B97F4A7C15ull >> 50) % EX_SLOTS;
}

/* The slot of this address: its own, or the free one where it belongs. */
static uint32_t slot_of(const struct ex_state *ex, uintptr_t address)
{
    uint32_t slot = first_slot(address);
    while (ex->slot[slot] != 0 && ex->object[ex->slot[slot] - 1].address != address) {
        slot = (slot + 1) % EX_SLOTS;
    }
    return slot;
}

struct ex_object *ex_object_at(struct sim *s, const void *address)
{
    struct ex_state *ex = model_of(s)->ex;
    uint16_t index = ex->slot[slot_of(ex, (uintptr_t)address)];
    return index == 0 ? NULL : &ex->object[index - 1];
}

static enum model_object kind_of(enum ex_type type)
{
    switch (type) {
    case EX_SPIN:
        return OBJECT_SPIN_LOCK;
    case EX_FAST_MUTEX:
    case EX_GUARDED_MUTEX:
        return OBJECT_FAST_MUTEX;
    case EX_PUSH:
        return OBJECT_PUSH_LOCK;
    case EX_RESOURCE:
        return OBJECT_RESOURCE;
    case EX_RUNDOWN:
    case EX_RUNDOWN_CACHE_AWARE:
        return OBJECT_RUNDOWN;
    case EX_LOOKASIDE:
        return OBJECT_LOOKASIDE;
    case EX_LIST:
    case EX_RUN_ONCE:
    case EX_NOTHING:
        break;
    }
    return OBJECT_NONE;
}

struct ex_object *ex_object_new(struct sim *s, const void *address, size_t size, enum ex_type type)
{
    struct ex_state *ex = model_of(s)->ex;
    uint32_t slot = slot_of(ex, (uintptr_t)address);
    enum model_object kind = kind_of(type);
    struct ex_object *o;
    if (ex->slot[slot] == 0) {
        if (ex->object_count == EX_OBJECTS_MAX) {
            sim_limit(s, "EX_OBJECTS_MAX: too many locks, lists and rundown references");
        }
        ex->slot[slot] = (uint16_t)++ex->object_count;
    }
    o = &ex->object[ex->slot[slot] - 1];
    memset(o, 0, sizeof(*o));
    o->address = (uintptr_t)address;
    o->size = (uint32_t)size;
    o->type = (uint8_t)type;
    o->slot = (uint16_t)slot;
    o->is_live = true;
    o->born = sim_here(s);
    if (kind != OBJECT_NONE) {
        o->object = model_object_new(s, kind);
        sim_trace(s, TRACE_Create, o->object, size);
    }
    return o;
}

void ex_object_end(struct sim *s, struct ex_object *o)
{
    SIM_ASSERT(o->is_live);
    o->is_live = false;
    o->died = sim_here(s);
    if (o->object != 0) {
        sim_trace(s, TRACE_Destroy, o->object, 0);
    }
}

struct ex_object *ex_objects(struct sim *s, uint32_t *count)
{
    struct ex_state *ex = model_of(s)->ex;
    *count = ex->object_count;
    return ex->object;
}

void ex_objects_reset(struct sim *s)
{
    struct ex_state *ex = model_of(s)->ex;
    for (uint32_t i = 0; i < ex->object_count; i++) {
        ex->slot[ex->object[i].slot] = 0;
    }
    ex->object_count = 0;
}

/* Locks that are held, or spun for, are Ke's to report (ke_memory_freed). */
static void check_freed(struct sim *s, const struct ex_object *o)
{
    char name[32];
    if (o->type == EX_LOOKASIDE) {
        model_fail(s, RULE_KRN_317, o->object, &o->born,
                   "memory is freed that holds %s, which was not deleted",
                   model_object_name(o->object, name, sizeof(name)));
    }
    if (o->type == EX_RESOURCE) {
        model_fail(s, RULE_KRN_200, o->object, &o->born,
                   "memory is freed that holds %s, which was not deleted",
                   model_object_name(o->object, name, sizeof(name)));
    }
    if (o->type == EX_RUNDOWN && o->rundown.count != 0) {
        model_fail(s, RULE_KRN_315, o->object, &o->born,
                   "memory is freed that holds %s, on which %llu references are held",
                   model_object_name(o->object, name, sizeof(name)),
                   (unsigned long long)o->rundown.count);
    }
    if (o->type == EX_RUNDOWN && o->rundown.is_running_down && !o->rundown.is_completed) {
        model_fail(s, RULE_KRN_315, o->object, &o->rundown.wait,
                   "memory is freed that holds %s, whose wait for release is going on",
                   model_object_name(o->object, name, sizeof(name)));
    }
}

void ex_objects_freed(struct sim *s, uintptr_t base, size_t size)
{
    struct ex_state *ex = model_of(s)->ex;
    for (uint32_t i = 0; i < ex->object_count; i++) {
        struct ex_object *o = &ex->object[i];
        if (o->is_live && o->address - base < size) {
            check_freed(s, o);
            ex_object_end(s, o);
        }
    }
}
