/* SPDX-License-Identifier: MIT */
/*
 * Lists of the executive: sequenced lists (SLIST), and doubly and singly linked lists under a spin
 * lock.
 *
 * A sequenced list is kept in the driver's header in the layout of Windows: depth and sequence in
 * the first word, the first entry in the second. Since entries are ordinary memory of the driver,
 * each push walks the list to see whether the entry is on it already (KRN-306); lists are short
 * here.
 *
 * Invariants:
 *  1. An operation is atomic: no scheduling point inside.
 *  2. Everything of the driver that is read or written was checked before.
 */
#include "model/ex/ex_internal.h"

enum { WALK_MAX = 256 }; /* entries looked at for a double push */

/* ---- sequenced lists ---- */

static void check_aligned(struct sim *s, const void *p, const char *what)
{
    if (((uintptr_t)p & 15) != 0) {
        model_fail(s, RULE_KRN_304, 0, NULL, "%s: %s is not aligned to 16 bytes",
                   model_routine_name(s->current->routine), what);
    }
}

static void check_resident(struct sim *s, const void *p, size_t size, const char *what)
{
    if (ke_irql(s) >= DISPATCH_LEVEL && ex_of(s)->paged_blocks != 0) {
        model_resident(s, p, size, RULE_KRN_304, what);
    }
}

static PSLIST_ENTRY first(const SLIST_HEADER *header)
{
    return (PSLIST_ENTRY)(uintptr_t)(header->HeaderX64.NextEntry << 4);
}

static void set_first(PSLIST_HEADER header, PSLIST_ENTRY entry, unsigned depth)
{
    ULONGLONG sequence = (header->Alignment >> 16) + 1;
    header->Alignment = (depth & 0xffff) | sequence << 16;
    header->Region = (uintptr_t)entry;
}

/* A header full of garbage points nowhere, or counts entries that it does not have. */
static void check_header(struct sim *s, PSLIST_HEADER header)
{
    PSLIST_ENTRY entry;
    check_resident(s, header, sizeof(*header), "the list header");
    model_touch(s, header, sizeof(*header), "the list header");
    check_aligned(s, header, "the list header");
    entry = first(header);
    if ((entry == NULL) != (header->HeaderX64.Depth == 0) ||
        (entry != NULL && (uintptr_t)entry >> 47 != 0)) {
        model_fail(s, RULE_KRN_304, 0, NULL,
                   "%s: the list header was not initialised, or was overwritten",
                   model_routine_name(s->current->routine));
    }
    model_exercised(s, RULE_KRN_304);
}

void InitializeSListHead(PSLIST_HEADER SListHead)
{
    struct sim *s = model_enter(ROUTINE_InitializeSListHead);
    model_touch(s, SListHead, sizeof(*SListHead), "the list header");
    check_aligned(s, SListHead, "the list header");
    SListHead->Alignment = 0;
    SListHead->Region = 0;
    model_leave(s);
}

static void check_not_linked(struct sim *s, PSLIST_HEADER header, PSLIST_ENTRY entry)
{
    unsigned walked = 0;
    for (PSLIST_ENTRY e = first(header); e != NULL && walked < WALK_MAX; e = e->Next, walked++) {
        if (e == entry) {
            model_fail(s, RULE_KRN_306, 0, NULL, "%s: the entry is on the list already",
                       model_routine_name(s->current->routine));
        }
        model_touch(s, e, sizeof(e->Next), "an entry of the list");
    }
    model_exercised(s, RULE_KRN_306);
}

PSLIST_ENTRY InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry)
{
    struct sim *s = model_enter_object(ROUTINE_ExInterlockedPushEntrySList, SIM_OP_WRITE, ListHead);
    PSLIST_ENTRY old;
    check_header(s, ListHead);
    check_resident(s, ListEntry, sizeof(ListEntry->Next), "the entry");
    model_touch(s, ListEntry, sizeof(ListEntry->Next), "the entry");
    check_aligned(s, ListEntry, "the entry");
    check_not_linked(s, ListHead, ListEntry);
    sim_hb_exchange(s, ListHead);
    old = first(ListHead);
    ListEntry->Next = old;
    set_first(ListHead, ListEntry, ListHead->HeaderX64.Depth + 1u);
    model_leave(s);
    return old;
}

PSLIST_ENTRY InterlockedPopEntrySList(PSLIST_HEADER ListHead)
{
    struct sim *s = model_enter_object(ROUTINE_ExInterlockedPopEntrySList, SIM_OP_WRITE, ListHead);
    PSLIST_ENTRY entry;
    check_header(s, ListHead);
    sim_hb_exchange(s, ListHead);
    entry = first(ListHead);
    if (entry != NULL) {
        model_touch(s, entry, sizeof(entry->Next), "the first entry of the list");
        set_first(ListHead, entry->Next, ListHead->HeaderX64.Depth - 1u);
    }
    model_leave(s);
    return entry;
}

PSLIST_ENTRY InterlockedFlushSList(PSLIST_HEADER ListHead)
{
    struct sim *s = model_enter_object(ROUTINE_ExInterlockedFlushSList, SIM_OP_WRITE, ListHead);
    PSLIST_ENTRY entry;
    check_header(s, ListHead);
    sim_hb_exchange(s, ListHead);
    entry = first(ListHead);
    if (entry != NULL && !model_mutated(flush_keeps)) {
        set_first(ListHead, NULL, 0);
    }
    model_leave(s);
    return entry;
}

USHORT ExQueryDepthSList(PSLIST_HEADER SListHead)
{
    struct sim *s = model_enter_object(ROUTINE_ExQueryDepthSList, SIM_OP_READ, SListHead);
    USHORT depth;
    check_header(s, SListHead);
    depth = (USHORT)SListHead->HeaderX64.Depth;
    model_leave(s);
    return depth;
}

/* ---- lists under a lock ---- */

/* KRN-307: the lock is in order, and it is the one this list was used with before. */
static void check_list(struct sim *s, void *head, size_t size, PKSPIN_LOCK lock)
{
    struct ex_object *o;
    model_touch(s, head, size, "the list head");
    ke_list_lock_check(s, lock);
    o = ex_object_find(s, head, EX_LIST);
    if (o == NULL) {
        o = ex_object_new(s, head, size, EX_LIST);
        o->list_lock = (uintptr_t)lock;
    } else if (o->list_lock != (uintptr_t)lock) {
        if (!sim_memory_is_stack((uintptr_t)head)) {
            model_fail(s, RULE_KRN_307, 0, &o->born,
                       "%s: this list was used with another lock before",
                       model_routine_name(s->current->routine));
        }
        o->list_lock = (uintptr_t)lock;
    }
    model_exercised(s, RULE_KRN_307);
}

/* Neighbours must point at each other (KRN-306). */
static void check_link(struct sim *s, PLIST_ENTRY before, PLIST_ENTRY after)
{
    model_touch(s, before, sizeof(*before), "an entry of the list");
    model_touch(s, after, sizeof(*after), "an entry of the list");
    if (before->Flink != after || after->Blink != before) {
        model_fail(s, RULE_KRN_306, 0, NULL, "%s: the list is damaged",
                   model_routine_name(s->current->routine));
    }
    model_exercised(s, RULE_KRN_306);
}

static void link_between(PLIST_ENTRY before, PLIST_ENTRY entry, PLIST_ENTRY after)
{
    entry->Flink = after;
    entry->Blink = before;
    before->Flink = entry;
    after->Blink = entry;
}

PLIST_ENTRY ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                        PKSPIN_LOCK Lock)
{
    struct sim *s = model_enter_object(ROUTINE_ExInterlockedInsertHeadList, SIM_OP_WRITE, ListHead);
    PLIST_ENTRY old;
    check_list(s, ListHead, sizeof(*ListHead), Lock);
    model_touch(s, ListEntry, sizeof(*ListEntry), "the entry");
    old = ListHead->Flink;
    check_link(s, ListHead, old);
    link_between(ListHead, ListEntry, old);
    model_leave(s);
    return old == ListHead ? NULL : old;
}

PLIST_ENTRY ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                        PKSPIN_LOCK Lock)
{
    struct sim *s = model_enter_object(ROUTINE_ExInterlockedInsertTailList, SIM_OP_WRITE, ListHead);
    PLIST_ENTRY old;
    check_list(s, ListHead, sizeof(*ListHead), Lock);
    model_touch(s, ListEntry, sizeof(*ListEntry), "the entry");
    old = ListHead->Blink;
    check_link(s, old, ListHead);
    link_between(old, ListEntry, ListHead);
    model_leave(s);
    return old == ListHead ? NULL : old;
}

PLIST_ENTRY ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    struct sim *s = model_enter_object(ROUTINE_ExInterlockedRemoveHeadList, SIM_OP_WRITE, ListHead);
    PLIST_ENTRY entry;
    check_list(s, ListHead, sizeof(*ListHead), Lock);
    entry = ListHead->Flink;
    check_link(s, ListHead, entry);
    if (entry == ListHead) {
        entry = NULL;
    } else {
        PLIST_ENTRY next = entry->Flink;
        check_link(s, entry, next);
        ListHead->Flink = next;
        next->Blink = ListHead;
    }
    model_leave(s);
    return entry;
}

PSINGLE_LIST_ENTRY ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead,
                                              PSINGLE_LIST_ENTRY ListEntry, PKSPIN_LOCK Lock)
{
    struct sim *s = model_enter_object(ROUTINE_ExInterlockedPushEntryList, SIM_OP_WRITE, ListHead);
    PSINGLE_LIST_ENTRY old;
    check_list(s, ListHead, sizeof(*ListHead), Lock);
    model_touch(s, ListEntry, sizeof(*ListEntry), "the entry");
    old = ListHead->Next;
    if (old == ListEntry) {
        model_fail(s, RULE_KRN_306, 0, NULL,
                   "ExInterlockedPushEntryList: the entry is on the list already");
    }
    ListEntry->Next = old;
    ListHead->Next = ListEntry;
    model_leave(s);
    return old;
}

PSINGLE_LIST_ENTRY ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    struct sim *s = model_enter_object(ROUTINE_ExInterlockedPopEntryList, SIM_OP_WRITE, ListHead);
    PSINGLE_LIST_ENTRY entry;
    check_list(s, ListHead, sizeof(*ListHead), Lock);
    entry = ListHead->Next;
    if (entry != NULL) {
        model_touch(s, entry, sizeof(*entry), "the first entry of the list");
        ListHead->Next = entry->Next;
    }
    model_leave(s);
    return entry;
}
