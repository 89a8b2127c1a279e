/* SPDX-License-Identifier: MIT */
/*
 * Remove locks (KRN-289): a count of users, a flag that turns new ones away, and one who waits.
 *
 * Count and flag stand in the lock as on Windows; who holds it with which tag stands here, as on
 * a checked build, so that a release without acquisition or with another tag is found.
 */
#include "model/io/io_internal.h"

static struct io_remove_lock *find(struct sim *s, const IO_REMOVE_LOCK *lock)
{
    struct io_state *io = io_of(s);
    for (uint32_t i = io->remove_lock_count; i-- > 0;) {
        if (io->remove_lock[i].lock == lock) {
            return &io->remove_lock[i];
        }
    }
    return NULL;
}

static struct io_remove_lock *argument(struct sim *s, PIO_REMOVE_LOCK lock)
{
    model_touch(s, lock, sizeof(*lock), "the remove lock");
    model_exercised(s, RULE_KRN_289);
    struct io_remove_lock *l = find(s, lock);
    if (l == NULL) {
        model_fail(s, RULE_KRN_289, 0, NULL, "%s on a remove lock that was not initialised",
                   model_routine_name(s->current->routine));
    }
    return l;
}

void IoInitializeRemoveLockEx(PIO_REMOVE_LOCK Lock, ULONG AllocateTag, ULONG MaxLockedMinutes,
                              ULONG HighWatermark, ULONG RemlockSize)
{
    struct sim *s = model_enter_object(ROUTINE_IoInitializeRemoveLock, SIM_OP_WRITE, Lock);
    struct io_state *io = io_of(s);
    (void)AllocateTag;
    (void)MaxLockedMinutes;
    (void)HighWatermark;
    model_touch(s, Lock, RemlockSize, "the remove lock");
    struct io_remove_lock *l = find(s, Lock);
    if (l != NULL && l->count > 0) {
        model_fail(s, RULE_KRN_289, l->object, &l->born,
                   "a remove lock in use is initialised again");
    }
    if (l == NULL) {
        if (io->remove_lock_count == IO_REMOVE_LOCKS_MAX) {
            sim_limit(s, "IO_REMOVE_LOCKS_MAX: too many remove locks in one run");
        }
        l = &io->remove_lock[io->remove_lock_count++];
    }
    *l = (struct io_remove_lock){.lock = Lock, .born = sim_here(s)};
    l->object = model_object_new(s, OBJECT_REMOVE_LOCK);
    sim_hb_release(s, sim_hb_other(l));
    Lock->Common.Removed = FALSE;
    Lock->Common.IoCount = 1;
    ke_event_init(s, &Lock->Common.RemoveEvent, SynchronizationEvent, FALSE);
    model_leave(s);
}

NTSTATUS IoAcquireRemoveLockEx(PIO_REMOVE_LOCK Lock, PVOID Tag, PCSTR File, ULONG Line,
                               ULONG RemlockSize)
{
    struct sim *s = model_enter_object(ROUTINE_IoAcquireRemoveLock, SIM_OP_WRITE, Lock);
    struct io_state *io = io_of(s);
    (void)File;
    (void)Line;
    (void)RemlockSize;
    struct io_remove_lock *l = argument(s, Lock);
    if (Lock->Common.Removed) {
        return model_leave_status(s, STATUS_DELETE_PENDING);
    }
    if (io->remove_tag_count == IO_REMOVE_TAGS_MAX) {
        sim_limit(s, "IO_REMOVE_TAGS_MAX: too many acquisitions of remove locks");
    }
    io->remove_tag[io->remove_tag_count++] =
        (struct io_remove_tag){.lock = l, .tag = Tag, .acquired = sim_here(s)};
    l->count++;
    sim_hb_acquire(s, sim_hb_other(l));
    Lock->Common.IoCount++;
    return model_leave_status(s, STATUS_SUCCESS);
}

static void release(struct sim *s, struct io_remove_lock *l, PVOID tag)
{
    struct io_state *io = io_of(s);
    uint32_t i = io->remove_tag_count;
    while (i-- > 0 && (io->remove_tag[i].lock != l || io->remove_tag[i].tag != tag)) {
    }
    if (i >= io->remove_tag_count) {
        model_fail(s, RULE_KRN_289, l->object, l->is_draining ? &l->drained : &l->born,
                   "%s without an acquisition that had this tag",
                   model_routine_name(s->current->routine));
    }
    io->remove_tag[i] = io->remove_tag[--io->remove_tag_count];
    l->count--;
    sim_hb_release(s, l);
    if (--l->lock->Common.IoCount == 0) {
        ke_event_set(s, &l->lock->Common.RemoveEvent);
    }
}

void IoReleaseRemoveLockEx(PIO_REMOVE_LOCK Lock, PVOID Tag, ULONG RemlockSize)
{
    struct sim *s = model_enter_object(ROUTINE_IoReleaseRemoveLock, SIM_OP_WRITE, Lock);
    (void)RemlockSize;
    release(s, argument(s, Lock), Tag);
    model_leave(s);
}

void IoReleaseRemoveLockAndWaitEx(PIO_REMOVE_LOCK Lock, PVOID Tag, ULONG RemlockSize)
{
    struct sim *s = model_enter_object(ROUTINE_IoReleaseRemoveLockAndWait, SIM_OP_WAIT, Lock);
    (void)RemlockSize;
    struct io_remove_lock *l = argument(s, Lock);
    if (l->is_draining) {
        model_fail(s, RULE_KRN_289, l->object, &l->drained,
                   "IoReleaseRemoveLockAndWait on a remove lock that was drained already");
    }
    l->is_draining = true;
    l->drained = sim_here(s);
    Lock->Common.Removed = TRUE;
    release(s, l, Tag);
    if (--Lock->Common.IoCount > 0) {
        (void)ke_wait(s, &Lock->Common.RemoveEvent, FALSE, NULL);
    }
    sim_hb_acquire(s, l);
    model_leave(s);
}

void io_remove_locks_check_unload(struct sim *s)
{
    const struct io_state *io = io_of(s);
    if (io->remove_tag_count != 0) {
        const struct io_remove_tag *tag = &io->remove_tag[0];
        model_fail(s, RULE_KRN_289, tag->lock->object, &tag->acquired,
                   "a remove lock was acquired and never released");
    }
}
