/* SPDX-License-Identifier: MIT */
/*
 * Work items of the I/O manager and of the executive (KRN-166 to KRN-173).
 *
 *   idle --queue--> queued --a system thread takes it--> idle, its routine running
 *                                (queued again from here on is legal, so is freeing)
 *
 * Each queueing becomes a system thread of its own, so that two items run in any order and at the
 * same time (KRN-173). Items of IoQueueWorkItem hold a reference on their device object until the
 * routine has returned, and keep the driver loaded (KRN-171); items of ExQueueWorkItem do not
 * (KRN-172).
 *
 * Invariants:
 *  1. An item is in the list of queued items exactly while its state says so.
 *  2. What a thread needs is copied when it takes the item: the item's memory may go as soon as its
 *     routine runs.
 */
#include "model/io/io_internal.h"

#include <string.h>

/* What IoSizeofWorkItem answers: room for what Windows keeps there. */
enum { WORK_ITEM_BYTES = 88 };

static struct io_work *work_find(struct sim *s, const void *item)
{
    struct io_state *io = io_of(s);
    uint32_t index = address_table_get(&io->work_table, (uintptr_t)item);
    return index == ADDRESS_TABLE_NONE ? NULL : record_pool_at(&io->works, index);
}

static struct io_work *work_new(struct sim *s, const void *item, enum io_work_kind kind)
{
    struct io_state *io = io_of(s);
    uint32_t index = io->works.count;
    struct io_work *w = record_pool_new(&io->works);
    if (w == NULL) {
        sim_limit(s, "too many work items in one run");
    }
    address_table_put(&io->work_table, (uintptr_t)item, index);
    w->address = (uintptr_t)item;
    w->kind = (uint8_t)kind;
    w->object = model_object_new(s, OBJECT_WORK_ITEM);
    w->born = sim_here(s);
    sim_trace(s, TRACE_Create, w->object, 0);
    return w;
}

static size_t work_size(const struct io_work *w)
{
    return w->kind == IO_WORK_EXECUTIVE ? sizeof(WORK_QUEUE_ITEM) : WORK_ITEM_BYTES;
}

/* The record of an argument: an item that exists. */
static struct io_work *work_argument(struct sim *s, const void *item)
{
    const char *name = model_routine_name(s->current->routine);
    struct io_work *w = work_find(s, item);
    if (SIM_UNLIKELY(w == NULL)) {
        model_touch(s, item, sizeof(WORK_QUEUE_ITEM), "the work item");
        model_fail(s, RULE_KRN_169, 0, NULL, "%s: the memory given was never a work item", name);
    }
    if (SIM_UNLIKELY(w->state == IO_WORK_FREED)) {
        model_fail(s, RULE_KRN_168, w->object, &w->freed, "%s: the work item has been freed", name);
    }
    model_touch(s, item, work_size(w), "the work item");
    return w;
}

/* ---- the queue ---- */

static void queue_add(struct io_state *io, struct io_work *w)
{
    w->next = NULL;
    w->previous = io->work_last;
    if (io->work_last != NULL) {
        io->work_last->next = w;
    } else {
        io->work_first = w;
    }
    io->work_last = w;
}

static void queue_remove(struct io_state *io, struct io_work *w)
{
    if (w->previous != NULL) {
        w->previous->next = w->next;
    } else {
        io->work_first = w->next;
    }
    if (w->next != NULL) {
        w->next->previous = w->previous;
    } else {
        io->work_last = w->previous;
    }
    w->next = w->previous = NULL;
}

static void check_item_memory(struct sim *s, const struct io_work *w)
{
    if (!sim_memory_ok((const void *)w->address, work_size(w), NULL)) {
        model_fail(s, RULE_KRN_168, w->object, &w->queued,
                   "the memory of a queued work item is gone when its routine is to run");
    }
}

static void call_routine(struct sim *s, const struct io_work *taken)
{
    ke_window_open(s, KE_WINDOW_WORK_ITEM, taken->object);
    sim_trace(s, TRACE_CallbackEnter, taken->object, 0);
    if (taken->kind == IO_WORK_EXECUTIVE) {
        taken->routine_executive(taken->context);
    } else if (taken->is_extended) {
        taken->routine_ex(taken->io_object, taken->context, (PIO_WORKITEM)taken->address);
    } else {
        taken->routine((PDEVICE_OBJECT)taken->io_object, taken->context);
    }
    sim_trace(s, TRACE_CallbackLeave, taken->object, 0);
    ke_window_close(s);
}

static void work_main(struct sim *s, void *argument)
{
    struct io_state *io = io_of(s);
    struct io_work *w = argument;
    SIM_ASSERT(w->state == IO_WORK_QUEUED);
    check_item_memory(s, w);
    const struct io_work taken = *w;
    w->state = IO_WORK_IDLE;
    w->running++;
    queue_remove(io, w);
    sim_point(s, SIM_OP_CALL, taken.address); /* taken, and not running yet */
    call_routine(s, &taken);
    if (model_mutated(work_runs_twice) && taken.kind == IO_WORK_ALLOCATED) {
        call_routine(s, &taken);
    }
    w->running--;
    if (taken.kind == IO_WORK_EXECUTIVE) {
        io->executive_works--;
    } else {
        io->io_works--;
        if (taken.device != NULL && !model_mutated(work_does_not_hold)) {
            io_device_dereference(s, taken.device);
        }
    }
    ke_poke(s);
}

static void enqueue(struct sim *s, struct io_work *w, WORK_QUEUE_TYPE type)
{
    struct io_state *io = io_of(s);
    model_exercised(s, RULE_KRN_167);
    if (w->state == IO_WORK_QUEUED) {
        model_fail(s, RULE_KRN_167, w->object, &w->queued,
                   "%s on a work item that is queued already",
                   model_routine_name(s->current->routine));
    }
    if (type != DelayedWorkQueue && type < CustomPriorityWorkQueue) {
        model_lint(s, RULE_KRN_170);
    }
    w->state = IO_WORK_QUEUED;
    w->queued = sim_here(s);
    if (w->kind == IO_WORK_EXECUTIVE) {
        io->executive_works++;
    } else {
        io->io_works++;
        if (w->device != NULL && !model_mutated(work_does_not_hold)) {
            io_device_reference(w->device);
        }
    }
    queue_add(io, w);
    sim_trace(s, TRACE_Queue, w->object, 0);
    ke_system_call(s, NULL, PASSIVE_LEVEL, work_main, w, "work item");
}

/* ---- IoAllocateWorkItem and its like ---- */

static void set_object(struct sim *s, struct io_work *w, PVOID object)
{
    w->io_object = object;
    w->device = io_device_find(s, object);
    if (w->device != NULL) {
        return;
    }
    model_touch(s, object, sizeof(CSHORT), "the I/O object");
    if (*(const CSHORT *)object != IO_TYPE_DRIVER) {
        model_fail(s, RULE_KRN_166, w->object, NULL,
                   "%s: the object given is neither a device object nor a driver object",
                   model_routine_name(s->current->routine));
    }
}

PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)
{
    struct sim *s = model_enter(ROUTINE_IoAllocateWorkItem);
    struct sim_block *block;
    model_exercised(s, RULE_KRN_166);
    void *item = ex_alloc(s, WORK_ITEM_BYTES, BLOCK_WORK_ITEM, 0, false, true, &block);
    if (item != NULL) {
        struct io_work *w = work_new(s, item, IO_WORK_ALLOCATED);
        w->block = block;
        block->object = w->object;
        set_object(s, w, DeviceObject);
        io_of(s)->work_live++;
    }
    model_leave(s);
    return item;
}

static void check_not_queued(struct sim *s, const struct io_work *w)
{
    model_exercised(s, RULE_KRN_168);
    if (w->state == IO_WORK_QUEUED) {
        model_fail(s, RULE_KRN_168, w->object, &w->queued, "%s on a work item that is queued",
                   model_routine_name(s->current->routine));
    }
}

static void retire(struct sim *s, struct io_work *w)
{
    w->state = IO_WORK_FREED;
    w->freed = sim_here(s);
    io_of(s)->work_live--;
    sim_trace(s, TRACE_Destroy, w->object, 0);
}

void IoFreeWorkItem(PIO_WORKITEM IoWorkItem)
{
    struct sim *s = model_enter_object(ROUTINE_IoFreeWorkItem, SIM_OP_WRITE, IoWorkItem);
    struct io_work *w = work_argument(s, IoWorkItem);
    if (w->kind != IO_WORK_ALLOCATED) {
        model_fail(s, RULE_KRN_169, w->object, &w->born,
                   "IoFreeWorkItem on a work item that IoAllocateWorkItem did not make");
    }
    check_not_queued(s, w);
    retire(s, w);
    ex_free(s, w->block);
    model_leave(s);
}

ULONG IoSizeofWorkItem(void)
{
    struct sim *s = model_enter(ROUTINE_IoSizeofWorkItem);
    model_leave(s);
    return WORK_ITEM_BYTES;
}

void IoInitializeWorkItem(PVOID IoObject, PIO_WORKITEM IoWorkItem)
{
    struct sim *s = model_enter_object(ROUTINE_IoInitializeWorkItem, SIM_OP_WRITE, IoWorkItem);
    model_exercised(s, RULE_KRN_169);
    struct io_work *old = work_find(s, IoWorkItem);
    if (old != NULL && old->state != IO_WORK_FREED && old->kind != IO_WORK_EXECUTIVE) {
        model_fail(s, RULE_KRN_169, old->object, &old->born,
                   old->kind == IO_WORK_ALLOCATED
                       ? "IoInitializeWorkItem on a work item from IoAllocateWorkItem"
                       : "IoInitializeWorkItem on a work item that was not uninitialised");
    }
    model_touch(s, IoWorkItem, WORK_ITEM_BYTES, "the work item");
    model_resident(s, IoWorkItem, WORK_ITEM_BYTES, RULE_KRN_169, "the work item");
    struct io_work *w = work_new(s, IoWorkItem, IO_WORK_INITIALIZED);
    set_object(s, w, IoObject);
    memset(IoWorkItem, 0, WORK_ITEM_BYTES);
    io_of(s)->work_live++;
    io_of(s)->work_initialized++;
    model_leave(s);
}

void IoUninitializeWorkItem(PIO_WORKITEM IoWorkItem)
{
    struct sim *s = model_enter_object(ROUTINE_IoUninitializeWorkItem, SIM_OP_WRITE, IoWorkItem);
    struct io_work *w = work_argument(s, IoWorkItem);
    if (w->kind != IO_WORK_INITIALIZED) {
        model_fail(s, RULE_KRN_169, w->object, &w->born,
                   "IoUninitializeWorkItem on a work item that IoInitializeWorkItem did not make");
    }
    check_not_queued(s, w);
    retire(s, w);
    io_of(s)->work_initialized--;
    model_leave(s);
}

/* ---- queueing ---- */

static struct io_work *queue_argument(struct sim *s, PIO_WORKITEM item, const void *routine)
{
    struct io_work *w = work_argument(s, item);
    if (w->kind == IO_WORK_EXECUTIVE) {
        model_fail(s, RULE_KRN_169, w->object, &w->born, "%s on a WORK_QUEUE_ITEM",
                   model_routine_name(s->current->routine));
    }
    model_code(s, routine, "the work item routine");
    return w;
}

void IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine,
                     WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    struct sim *s = model_enter_object(ROUTINE_IoQueueWorkItem, SIM_OP_WAKE, IoWorkItem);
    struct io_work *w = queue_argument(s, IoWorkItem, (const void *)WorkerRoutine);
    if (w->device == NULL) {
        model_fail(
            s, RULE_KRN_166, w->object, &w->born,
            "IoQueueWorkItem on a work item of a driver object; that takes IoQueueWorkItemEx");
    }
    enqueue(s, w, QueueType);
    w->is_extended = false;
    w->routine = WorkerRoutine;
    w->context = Context;
    model_leave(s);
}

void IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine,
                       WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    struct sim *s = model_enter_object(ROUTINE_IoQueueWorkItemEx, SIM_OP_WAKE, IoWorkItem);
    struct io_work *w = queue_argument(s, IoWorkItem, (const void *)WorkerRoutine);
    enqueue(s, w, QueueType);
    w->is_extended = true;
    w->routine_ex = WorkerRoutine;
    w->context = Context;
    model_leave(s);
}

BOOLEAN IoTryQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine,
                           WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    struct sim *s = model_enter_object(ROUTINE_IoTryQueueWorkItem, SIM_OP_WAKE, IoWorkItem);
    struct io_work *w = queue_argument(s, IoWorkItem, (const void *)WorkerRoutine);
    BOOLEAN is_idle = w->state != IO_WORK_QUEUED;
    if (is_idle) {
        enqueue(s, w, QueueType);
        w->is_extended = true;
        w->routine_ex = WorkerRoutine;
        w->context = Context;
    }
    model_leave(s);
    return is_idle;
}

void ExInitializeWorkItem(PWORK_QUEUE_ITEM Item, PWORKER_THREAD_ROUTINE Routine, PVOID Context)
{
    struct sim *s = model_enter_object(ROUTINE_ExInitializeWorkItem, SIM_OP_WRITE, Item);
    struct io_work *old = work_find(s, Item);
    if (old != NULL && old->state == IO_WORK_QUEUED) {
        model_fail(s, RULE_KRN_167, old->object, &old->queued,
                   "ExInitializeWorkItem on a work item that is queued");
    }
    model_touch(s, Item, sizeof(*Item), "the work item");
    model_resident(s, Item, sizeof(*Item), RULE_KRN_169, "the work item");
    (void)work_new(s, Item, IO_WORK_EXECUTIVE);
    Item->List.Flink = NULL;
    Item->List.Blink = NULL;
    Item->WorkerRoutine = Routine;
    Item->Parameter = Context;
    model_leave(s);
}

void ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType)
{
    struct sim *s = model_enter_object(ROUTINE_ExQueueWorkItem, SIM_OP_WAKE, WorkItem);
    struct io_work *w = work_find(s, WorkItem);
    if (w == NULL) { /* initialised by hand, as the macro of the original does */
        model_touch(s, WorkItem, sizeof(*WorkItem), "the work item");
        w = work_new(s, WorkItem, IO_WORK_EXECUTIVE);
    }
    w = work_argument(s, WorkItem);
    if (w->kind != IO_WORK_EXECUTIVE) {
        model_fail(s, RULE_KRN_169, w->object, &w->born,
                   "ExQueueWorkItem on a work item of the I/O manager");
    }
    model_code(s, (const void *)WorkItem->WorkerRoutine, "the work item routine");
    enqueue(s, w, QueueType);
    w->routine_executive = WorkItem->WorkerRoutine;
    w->context = WorkItem->Parameter;
    model_leave(s);
}

/* ---- memory and unload ---- */

void io_works_freed(struct sim *s, const void *p, size_t size)
{
    for (const struct io_work *w = io_of(s)->work_first; w != NULL; w = w->next) {
        if (SIM_UNLIKELY(io_is_in((const void *)w->address, p, size))) {
            model_fail(s, RULE_KRN_200, w->object, &w->queued,
                       "the memory being freed holds a queued work item");
        }
    }
    if (SIM_LIKELY(io_of(s)->work_initialized == 0)) {
        return;
    }
    for (uint32_t i = 0; i < io_of(s)->works.count; i++) {
        const struct io_work *w = record_pool_at(&io_of(s)->works, i);
        if (w->kind == IO_WORK_INITIALIZED && w->state != IO_WORK_FREED &&
            io_is_in((const void *)w->address, p, size)) {
            model_fail(s, RULE_KRN_169, w->object, &w->born,
                       "the memory being freed holds a work item that was not uninitialised");
        }
    }
}

void io_works_check_idle(struct sim *s)
{
    const struct io_state *io = io_of(s);
    for (uint32_t i = 0; i < io->works.count; i++) {
        const struct io_work *w = record_pool_at(&io->works, i);
        if (w->running > 0 && w->kind != IO_WORK_EXECUTIVE) {
            model_fail(s, RULE_KRN_170, w->object, &w->queued,
                       "a work item routine waits without end; the driver can never be unloaded");
        }
    }
}

void io_works_check_unload(struct sim *s)
{
    const struct io_state *io = io_of(s);
    model_exercised(s, RULE_KRN_172);
    if (io->executive_works + io->io_works == 0 && io->work_live == 0) {
        return;
    }
    for (uint32_t i = 0; i < io->works.count; i++) {
        const struct io_work *w = record_pool_at(&io->works, i);
        if (w->state == IO_WORK_QUEUED || w->running > 0) {
            bool is_executive = w->kind == IO_WORK_EXECUTIVE;
            model_fail(s, is_executive ? RULE_KRN_172 : RULE_KRN_283, w->object, &w->queued,
                       "the driver is unloaded while a work item is %s",
                       w->running > 0 ? "running" : "queued");
        }
    }
    for (uint32_t i = 0; i < io->works.count; i++) {
        const struct io_work *w = record_pool_at(&io->works, i);
        if (w->kind == IO_WORK_ALLOCATED && w->state != IO_WORK_FREED) {
            model_fail(s, RULE_KRN_284, w->object, &w->born, "a work item was never freed");
        }
    }
}
