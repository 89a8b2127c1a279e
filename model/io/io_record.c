/* SPDX-License-Identifier: MIT */
/*
 * The records of IRPs: a table by address, the list of what is in flight, and the life of Io as a
 * part of the model.
 *
 * IRPs in the client's memory get a new record each time they are initialised, so that the
 * numbers of objects do not depend on where a compiler puts a variable. Records of freed IRPs
 * stay until the run ends: a touch afterwards can be named.
 *
 * Invariants:
 *  1. A record is in the list of flight exactly while its state is SUBMITTED or PENDING.
 *  2. The table is never walked; lists are in order of submission.
 *  3. Resetting costs what the run used.
 */
#include "model/io/io_internal.h"

static struct io_state io;

struct io_state *io_create(void)
{
    io.irps.record_size = sizeof(struct io_irp);
    io.aboves.record_size = sizeof(struct io_above);
    io.works.record_size = sizeof(struct io_work);
    address_table_init(&io.irp_table, 128);
    address_table_init(&io.work_table, 32);
    return &io;
}

/* The validity map of stacks and of the module outlives a run: take our marks back. */
static void unpoison_left_over(void)
{
    for (struct io_irp *r = io.flight_first; r != NULL; r = r->next) {
        if (r->is_poisoned && !sim_memory_is_arena((uintptr_t)r->irp)) {
            sim_shadow_valid((uintptr_t)&r->irp->IoStatus, sizeof(r->irp->IoStatus));
        }
    }
}

void io_reset(struct sim *s)
{
    unpoison_left_over();
    address_table_reset(&io.irp_table);
    address_table_reset(&io.work_table);
    io.irps.count = 0;
    io.irp_last = NULL;
    io.aboves.count = 0;
    io.works.count = 0;
    io.flight_first = io.flight_last = NULL;
    io.flight_count = 0;
    io.allocated_live = 0;
    io.above_first = io.above_last = NULL;
    io.above_count = 0;
    io.work_first = io.work_last = NULL;
    io.io_works = io.executive_works = 0;
    io.work_live = io.work_initialized = 0;
    io.cancel_call_count = 0;
    io.remove_lock_count = io.remove_tag_count = 0;
    io.extension_count = 0;
    io_devices_reset(s);
}

struct io_irp *io_irp_find(struct sim *s, const IRP *irp)
{
    (void)s;
    if (SIM_LIKELY(io.irp_last != NULL && io.irp_last->irp == irp)) {
        return io.irp_last;
    }
    uint32_t index = address_table_get(&io.irp_table, (uintptr_t)irp);
    if (index == ADDRESS_TABLE_NONE) {
        return NULL;
    }
    io.irp_last = record_pool_at(&io.irps, index);
    return io.irp_last;
}

struct io_irp *io_irp_new(struct sim *s, PIRP irp, enum io_irp_origin origin, uint16_t stack_count)
{
    uint32_t index = io.irps.count;
    struct io_irp *record = record_pool_new(&io.irps);
    if (record == NULL) {
        sim_limit(s, "too many IRPs in one run");
    }
    address_table_put(&io.irp_table, (uintptr_t)irp, index);
    io.irp_last = record;
    record->irp = irp;
    record->object = model_object_new(s, OBJECT_IRP);
    record->origin = (uint8_t)origin;
    record->state = IO_IRP_FRESH;
    record->stack_count = stack_count;
    record->born = sim_here(s);
    sim_trace(s, TRACE_Create, record->object, 0);
    return record;
}

SIM_NOINLINE __attribute__((noreturn)) static void not_an_irp(struct sim *s, const IRP *irp,
                                                              const struct io_irp *record)
{
    const char *routine = model_routine_name(s->current->routine);
    if (irp == NULL) {
        model_fail(s, RULE_KRN_001, 0, NULL,
                   "%s is given NULL for the IRP: its allocation may have failed", routine);
    }
    if (record == NULL) {
        model_touch(s, irp, sizeof(*irp), "the IRP");
        model_fail(s, RULE_KRN_004, 0, NULL, "%s: the memory given was never initialised as an IRP",
                   routine);
    }
    if (record->origin == IO_IRP_FROM_ABOVE) {
        model_fail(s, RULE_KRN_019, record->object, &record->completed,
                   "%s: this IRP from above has been completed and no longer belongs to the driver",
                   routine);
    }
    model_fail(s, RULE_IRP_009, record->object, &record->freed, "%s: the IRP has been freed",
               routine);
}

struct io_irp *io_irp_argument(struct sim *s, const IRP *irp)
{
    struct io_irp *record = io_irp_find(s, irp);
    if (SIM_UNLIKELY(record == NULL || record->state == IO_IRP_FREED)) {
        not_an_irp(s, irp, record);
    }
    if (record->block == NULL && !io_irp_in_flight(record)) {
        model_touch(s, irp, record->size, "the IRP");
    }
    return record;
}

void io_irp_not_in_flight(struct sim *s, const struct io_irp *record, const char *what)
{
    model_exercised(s, RULE_IRP_008);
    if (SIM_LIKELY(!io_irp_in_flight(record))) {
        return;
    }
    model_fail(s, RULE_IRP_008, record->object, &record->submitted,
               "%s on an IRP that was passed to %s and is not completed yet", what,
               model_routine_name(record->submitted_to));
}

/* ---- in flight ---- */

void io_flight_add(struct sim *s, struct io_irp *record)
{
    (void)s;
    record->next = NULL;
    record->previous = io.flight_last;
    if (io.flight_last != NULL) {
        io.flight_last->next = record;
    } else {
        io.flight_first = record;
    }
    io.flight_last = record;
    io.flight_count++;
}

void io_flight_remove(struct sim *s, struct io_irp *record)
{
    (void)s;
    SIM_ASSERT(io.flight_count > 0);
    if (record->previous != NULL) {
        record->previous->next = record->next;
    } else {
        SIM_ASSERT(io.flight_first == record);
        io.flight_first = record->next;
    }
    if (record->next != NULL) {
        record->next->previous = record->previous;
    } else {
        SIM_ASSERT(io.flight_last == record);
        io.flight_last = record->previous;
    }
    record->next = record->previous = NULL;
    io.flight_count--;
}

struct io_irp *io_irp_owning(struct sim *s, uintptr_t address)
{
    (void)s;
    for (struct io_irp *r = io.flight_first; r != NULL; r = r->next) {
        if (r->is_poisoned &&
            io_is_in((const void *)address, &r->irp->IoStatus, sizeof(r->irp->IoStatus))) {
            return r;
        }
    }
    return NULL;
}

/* ---- events that completion routines set ---- */

void io_event_set_by(struct sim *s, uint32_t irp, uint32_t event)
{
    (void)s;
    uint32_t index = (irp & 0xffffff) - 1; /* IRPs are numbered as their records are made */
    if (irp >> 24 == OBJECT_IRP && index < io.irps.count) {
        struct io_irp *r = record_pool_at(&io.irps, index);
        SIM_ASSERT_OP(r->object, ==, irp);
        r->sets_event = event;
    }
}

const struct io_irp *io_flight_context(struct sim *s, const void *event)
{
    (void)s;
    for (const struct io_irp *r = io.flight_first; r != NULL; r = r->next) {
        if (r->context == event) {
            return r;
        }
    }
    return NULL;
}

const struct io_irp *io_flight_sets(struct sim *s, const void *event, uint32_t object)
{
    (void)s;
    for (const struct io_irp *r = io.flight_first; r != NULL; r = r->next) {
        if (r->context == event || r->sets_event == object) {
            return r;
        }
    }
    return NULL;
}

/* ---- memory that goes away ---- */

static bool overlaps(const void *p, size_t size, const void *q, size_t q_size)
{
    return io_is_in(q, p, size) || io_is_in(p, q, q_size);
}

void io_memory_freed(struct sim *s, const void *p, size_t size)
{
    for (struct io_irp *r = io.flight_first; r != NULL; r = r->next) {
        if (SIM_UNLIKELY(overlaps(p, size, r->irp, r->size))) {
            model_fail(s, RULE_KRN_200, r->object, &r->submitted,
                       "the memory being freed holds an IRP that was passed to %s and is not "
                       "completed yet",
                       model_routine_name(r->submitted_to));
        }
    }
    for (uint32_t i = 0; i < io.cancel_call_count; i++) {
        const struct io_cancel_call *call = &io.cancel_call[i];
        if (call->record->block == NULL && call->context != s->current &&
            overlaps(p, size, call->record->irp, call->record->size)) {
            model_fail(s, RULE_IRP_026, call->record->object, &call->where,
                       "the memory being freed holds an IRP on which IoCancelIrp is at work");
        }
    }
    io_works_freed(s, p, size);
}

/*
 * Frames of plain modules leave no mark. But a frame that is still entered lies above every
 * routine that its context has called since, so an IRP below the frame of the last such call is
 * in a frame that was left.
 */
bool io_frame_is_left(struct sim *s, const void *p)
{
    uintptr_t offset = (uintptr_t)p - SIM_STACK_BASE;
    if (offset >= (uintptr_t)SIM_STACKS_MAX * SIM_STACK_STRIDE) {
        return false;
    }
    int slot = (int)(offset / SIM_STACK_STRIDE);
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct sim_ctx *c = s->live[i];
        if (c->stack == slot) {
            return c->frame != 0 && (uintptr_t)p < c->frame;
        }
    }
    return true; /* the thread has ended */
}

/* ---- unload ---- */

static void check_flight(struct sim *s)
{
    const struct io_irp *r = io.flight_first;
    if (r != NULL) {
        model_fail(s, RULE_IRP_028, r->object, &r->submitted,
                   "the driver is unloaded while an IRP that it passed to %s is not completed",
                   model_routine_name(r->submitted_to));
    }
}

static void check_allocated(struct sim *s)
{
    if (io.allocated_live == 0) {
        return;
    }
    for (uint32_t i = 0; i < io.irps.count; i++) {
        const struct io_irp *r = record_pool_at(&io.irps, i);
        if (r->origin == IO_IRP_ALLOCATED && r->state != IO_IRP_FREED) {
            bool is_ex = r->is_ex_routine;
            model_fail(s, is_ex ? RULE_KRN_028 : RULE_IRP_009, r->object, &r->born,
                       is_ex ? "an IRP armed with IoSetCompletionRoutineEx was never passed down"
                             : "an IRP of IoAllocateIrp was never freed");
        }
    }
    SIM_ASSERT_OP(io.allocated_live, ==, 0);
}

static void check_above(struct sim *s)
{
    const struct io_above *above = io.above_first;
    if (above == NULL) {
        return;
    }
    model_fail(s, above->is_stopped ? RULE_KRN_035 : RULE_KRN_284, above->record->object,
               &above->record->born,
               "the driver is unloaded without having completed an IRP from above");
}

void io_check_unload(struct sim *s)
{
    check_flight(s);
    io_works_check_unload(s);
    check_above(s);
    check_allocated(s);
    io_remove_locks_check_unload(s);
    io_devices_check_unload(s);
    model_exercised(s, RULE_IRP_009);
    model_exercised(s, RULE_IRP_028);
}

uint32_t io_outstanding(struct sim *s)
{
    (void)s;
    return io.above_count + io.io_works;
}

uint32_t io_works_pending(struct sim *s)
{
    (void)s;
    return io.io_works;
}
