/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom, in words, for the report of a deadlock (KRN-102, KRN-121, SYS_DEADLOCK):
 *
 *     thread 1 waits for thread#2 (KeWaitForSingleObject); thread 2 waits for mutex#1
 *     (KeWaitForSingleObject), which thread 1 owns
 *
 * Contexts come in order of age. The text never holds an address.
 */
#include <stdarg.h>
#include <stdio.h>

#include "model/ke/ke_internal.h"

struct text {
    char *out;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    if (t->used + 1 >= t->size) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(t->out + t->used, t->size - t->used, format, arguments);
    va_end(arguments);
    if (n > 0) {
        t->used += (size_t)n;
        t->used = t->used < t->size ? t->used : t->size - 1;
    }
}

/* ", which thread 1 owns" for locks that have an owner. */
static void add_owner(struct sim *s, struct text *t, const void *lock)
{
    const struct ke_context *owner = ke_lock_owner(s, lock);
    if (owner != NULL) {
        add(t, ", which %s %u holds", owner->ctx->name, owner->ctx->number);
    }
}

static void add_wait(struct sim *s, struct text *t, const struct ke_context *c)
{
    char name[64];
    if (c->wait_ready != NULL) {
        add(t, " waits for %s", c->wait_what != NULL ? c->wait_what : "something internal");
    }
    for (uint32_t i = 0; i < c->wait_count; i++) {
        uint32_t object = ke_dispatcher_object(c->wait_object[i]);
        add(t, "%s%s",
            i == 0        ? " waits for "
            : c->wait_all ? " and "
                          : " or ",
            model_object_name(object, name, sizeof name));
        add_owner(s, t, c->wait_object[i]);
    }
    if (c->wait_where.routine != 0) {
        add(t, " (%s)", model_routine_name(c->wait_where.routine));
    }
}

static void add_context(struct sim *s, struct text *t, const struct ke_context *c)
{
    const struct sim_ctx *ctx = c->ctx;
    if (c->spinning == NULL && c->wait_seq == 0) {
        return;
    }
    add(t, "%s%s %u", t->used == 0 ? "" : "; ", ctx->name, ctx->number);
    if (c->spinning != NULL) {
        add(t, " spins for a spin lock");
        add_owner(s, t, c->spinning);
    } else {
        add_wait(s, t, c);
    }
}

static bool is_joining(const struct ke_context *c)
{
    const DISPATCHER_HEADER *header = c->wait_count == 1 ? c->wait_object[0] : NULL;
    return header != NULL && header->Type == KE_TYPE_THREAD;
}

uint32_t ke_blocked_but_joining(struct sim *s)
{
    const struct ke_state *ke = ke_of(s);
    uint32_t count = 0;
    for (uint32_t i = 0; i < ke->waiter_count; i++) {
        count += !is_joining(ke->waiter[i]);
    }
    return count;
}

uint32_t ke_blocked(struct sim *s)
{
    return ke_of(s)->waiter_count;
}

/* ---- why ---- */

/* Who owns the lock for which this context waits, or NULL. */
static struct ke_context *awaited_owner(struct sim *s, const struct ke_context *c)
{
    if (c->wait_seq == 0) {
        return NULL;
    }
    if (c->wait_ready != NULL) {
        const struct sim_ctx *owner = c->wait_owner != NULL ? *c->wait_owner : NULL;
        return owner != NULL ? ke_record(owner) : NULL;
    }
    return c->wait_count == 1 ? ke_lock_owner(s, c->wait_object[0]) : NULL;
}

static bool is_ring(struct sim *s, struct ke_context *first)
{
    struct ke_context *c = first;
    for (uint32_t i = 0; i < s->live_count && c != NULL; i++) {
        c = awaited_owner(s, c);
        if (c == first) {
            return true;
        }
    }
    return false;
}

/* Only the waiter itself has ever set the event. */
static bool is_own_event(struct sim *s, const struct ke_context *c)
{
    if (c->wait_seq == 0 || c->wait_count != 1) {
        return false;
    }
    uint32_t object = ke_dispatcher_object(c->wait_object[0]);
    const struct ke_setter *setter = &ke_of(s)->setter[object % KE_SETTERS_MAX];
    return setter->object == object && !setter->are_several && setter->context == c->ctx->id;
}

void ke_check_deadlock(struct sim *s, const char *text)
{
    model_exercised(s, RULE_KRN_102);
    for (uint32_t i = 0; i < s->live_count; i++) {
        struct ke_context *c = ke_record(s->live[i]);
        if (c != NULL && is_ring(s, c)) {
            model_fail(s, RULE_KRN_121, 0, &c->wait_where,
                       "threads wait for each other's locks: %s", text);
        }
        if (c != NULL && is_own_event(s, c)) {
            model_fail(s, RULE_KRN_102, ke_dispatcher_object(c->wait_object[0]), &c->wait_where,
                       "a thread waits for an event that only it has ever set: %s", text);
        }
    }
}

void ke_describe_blocked(struct sim *s, char *out, size_t size)
{
    struct text t = {.out = out, .size = size, .used = 0};
    SIM_ASSERT_OP(size, >, 0);
    out[0] = '\0';
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct ke_context *c = ke_record(s->live[i]);
        if (c != NULL) {
            add_context(s, &t, c);
        }
    }
    if (t.used == 0) {
        add(&t, "nobody waits for anything that the model knows");
    }
}
