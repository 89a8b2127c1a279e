/* SPDX-License-Identifier: MIT */
/*
 * How a thread waits for a fast mutex, guarded mutex, push lock or resource: one internal wait of
 * Ke whose condition looks at the lock, and a sentence that names lock and owner for deadlock
 * reports.
 *
 * Invariant: the condition is tested again after the wait, since somebody else may have come first
 * (KRN-134: any order); between the last test and taking the lock there is no scheduling point.
 */
#include "model/ex/ex_internal.h"

#include <stdio.h>

static void describe(struct ex_object *o, const char *mode)
{
    char name[32];
    model_object_name(o->object, name, sizeof(name));
    if (o->lock.owner != NULL) {
        snprintf(o->waiting, sizeof(o->waiting), "%s (%s; held by %s %u)", name, mode,
                 o->lock.owner->name, o->lock.owner->number);
    } else {
        snprintf(o->waiting, sizeof(o->waiting), "%s (%s; shared by %u)", name, mode,
                 o->lock.shared);
    }
}

void ex_lock_wait(struct sim *s, struct ex_object *o, bool (*can_take)(struct sim *s, void *object),
                  uint32_t *waiters, const char *mode)
{
    if (can_take(s, o)) {
        return;
    }
    describe(o, mode);
    sim_trace(s, TRACE_WaitStart, o->object, 0);
    ++*waiters;
    ke_current(s)->wait_owner = &o->lock.owner;
    do {
        ke_wait_until(s, can_take, o, SIM_TIME_NEVER, o->waiting);
    } while (!can_take(s, o));
    ke_current(s)->wait_owner = NULL;
    --*waiters;
    sim_trace(s, TRACE_WaitEnd, o->object, 0);
}
