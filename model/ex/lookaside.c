/* SPDX-License-Identifier: MIT */
/*
 * Lookaside lists of all three kinds (KRN-317 to KRN-321).
 *
 * A list with the system's storage gives each entry a block of its own, which carries the list's
 * trace id, and frees it when it comes back, so that a later touch is noticed; now and then (a
 * choice) the next allocation gets the entry freed last instead, with its old contents (KRN-320). A
 * list with the driver's own routines calls them, and now and then keeps an entry.
 *
 * Invariants:
 *  1. outstanding counts the entries the driver has; it is 0 when the list is deleted (KRN-319).
 *  2. kept holds freed blocks (system storage) or live memory of the driver (own routines).
 */
#include "model/ex/ex_internal.h"

#include <string.h>

enum { ENTRY_MIN = 8 }; /* a free entry holds a link */

/* The three list types differ only in how the driver's own routines are called. */
enum storage { STORAGE_SYSTEM, STORAGE_OWN, STORAGE_OWN_EX };

static enum storage storage_of(const GENERAL_LOOKASIDE_POOL *list, bool is_ex)
{
    if (list->Allocate == NULL) {
        return STORAGE_SYSTEM;
    }
    return is_ex ? STORAGE_OWN_EX : STORAGE_OWN;
}

/* ---- life ---- */

struct parameters {
    void *allocate, *free;
    POOL_TYPE type;
    ULONG flags;
    SIZE_T size;
    ULONG tag;
};

static void check_new(struct sim *s, void *list, const struct parameters *p)
{
    const char *name = model_routine_name(s->current->routine);
    const struct ex_object *o = ex_object_find(s, list, EX_LOOKASIDE);
    model_resident(s, list, sizeof(GENERAL_LOOKASIDE_POOL), RULE_KRN_317, "the lookaside list");
    if (((uintptr_t)list & 15) != 0) {
        model_fail(s, RULE_KRN_317, 0, NULL, "%s: the list is not aligned to 16 bytes", name);
    }
    if (o != NULL) {
        model_fail(s, RULE_KRN_317, o->object, &o->born, "%s: the list is initialised already",
                   name);
    }
    if (p->size < ENTRY_MIN) {
        model_fail(s, RULE_KRN_321, 0, NULL, "%s: entries of %zu bytes; %d are needed", name,
                   (size_t)p->size, ENTRY_MIN);
    }
    if (p->allocate != NULL) {
        model_code(s, p->allocate, "the Allocate routine");
    }
    if (p->free != NULL) {
        model_code(s, p->free, "the Free routine");
    }
}

static void initialize(struct sim *s, GENERAL_LOOKASIDE_POOL *list, size_t list_size,
                       const struct parameters *p)
{
    struct ex_object *o;
    bool is_paged = ((ULONG)p->type & PagedPool) != 0;
    model_touch(s, list, list_size, "the lookaside list");
    check_new(s, list, p);
    o = ex_object_new(s, list, list_size, EX_LOOKASIDE);
    o->lookaside.size = (uint32_t)p->size;
    o->lookaside.tag = p->tag;
    o->lookaside.block_kind = is_paged ? BLOCK_PAGED : BLOCK_NONPAGED;
    o->lookaside.is_raising = (p->flags & EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL) != 0 ||
                              (p->flags & POOL_RAISE_IF_ALLOCATION_FAILURE) != 0;
    memset(list, 0, list_size);
    list->Depth = 4;
    list->MaximumDepth = EX_MAXIMUM_LOOKASIDE_DEPTH_BASE;
    list->Type = p->type;
    list->Tag = p->tag;
    list->Size = (ULONG)p->size;
    memcpy(&list->Allocate, &p->allocate, sizeof(list->Allocate));
    memcpy(&list->Free, &p->free, sizeof(list->Free));
}

static struct ex_object *find(struct sim *s, GENERAL_LOOKASIDE_POOL *list)
{
    const char *name = model_routine_name(s->current->routine);
    struct ex_object *o;
    model_touch(s, list, sizeof(*list), "the lookaside list");
    o = ex_object_at(s, list);
    if (o == NULL || o->type != EX_LOOKASIDE) {
        model_fail(s, RULE_KRN_317, 0, NULL, "%s: the list was not initialised", name);
    }
    if (!o->is_live) {
        model_fail(s, RULE_KRN_317, o->object, &o->died, "%s: the list was deleted", name);
    }
    if (o->lookaside.block_kind == BLOCK_PAGED && ke_irql(s) > APC_LEVEL) {
        model_fail(s, RULE_KRN_321, o->object, &o->born, "%s: a paged list is used at IRQL %u",
                   name, ke_irql(s));
    }
    return o;
}

/* ---- the driver's own routines ---- */

static void *call_allocate(struct sim *s, struct ex_object *o, GENERAL_LOOKASIDE_POOL *list,
                           enum storage storage)
{
    void *entry;
    struct model_call call;
    ke_window_open(s, KE_WINDOW_OTHER, o->object);
    call = model_call_save(s);
    if (storage == STORAGE_OWN_EX) {
        entry = list->AllocateEx(list->Type, list->Size, list->Tag, (PLOOKASIDE_LIST_EX)list);
    } else {
        entry = list->Allocate(list->Type, list->Size, list->Tag);
    }
    model_call_restore(s, call);
    ke_window_close(s);
    return entry;
}

static void call_free(struct sim *s, struct ex_object *o, GENERAL_LOOKASIDE_POOL *list,
                      enum storage storage, void *entry)
{
    struct model_call call;
    if (list->Free == NULL) { /* own allocation, pool to free */
        struct sim_block *block = sim_block_find(s, (uintptr_t)entry);
        if (block == NULL || block->state != SIM_BLOCK_LIVE || block->base != (uintptr_t)entry) {
            model_fail(s, RULE_KRN_196, o->object, &o->born,
                       "%s: an entry goes to the pool that does not come from there",
                       model_routine_name(s->current->routine));
        }
        ex_free(s, block);
        return;
    }
    ke_window_open(s, KE_WINDOW_OTHER, o->object);
    call = model_call_save(s);
    if (storage == STORAGE_OWN_EX) {
        list->FreeEx(entry, (PLOOKASIDE_LIST_EX)list);
    } else {
        list->Free(entry);
    }
    model_call_restore(s, call);
    ke_window_close(s);
}

/* ---- entries of the system's storage ---- */

static void keep(struct ex_lookaside *l, void *entry)
{
    if (l->kept_count == EX_KEPT_MAX) {
        memmove(l->kept, l->kept + 1, sizeof(l->kept) - sizeof(l->kept[0]));
        l->kept_count--;
    }
    l->kept[l->kept_count++] = entry;
}

static void *system_allocate(struct sim *s, struct ex_object *o)
{
    struct ex_lookaside *l = &o->lookaside;
    struct sim_block *block;
    if (l->kept_count != 0 && choice_flag(s, CHOICE_WORLD, EX_PICK_LOOKASIDE)) {
        block = sim_block_find(s, (uintptr_t)l->kept[--l->kept_count]);
        SIM_ASSERT(block != NULL);
        sim_trace(s, TRACE_Alloc, o->object, l->size);
        return ex_block_revive(s, block);
    }
    return ex_alloc_entry(s, l->size, (enum model_block)l->block_kind, l->tag, o->object);
}

static void system_free(struct sim *s, struct ex_object *o, void *entry)
{
    const char *name = model_routine_name(s->current->routine);
    struct sim_block *block = sim_block_find(s, (uintptr_t)entry);
    if (block == NULL || block->base != (uintptr_t)entry || block->object != o->object) {
        model_fail(s, RULE_KRN_319, o->object, &o->born,
                   "%s: the entry does not come from this list", name);
    }
    if (block->state != SIM_BLOCK_LIVE) {
        model_fail(s, RULE_KRN_319, o->object, &block->died,
                   "%s: the entry was given back to the list before", name);
    }
    ex_free(s, block);
    keep(&o->lookaside, entry);
}

/* ---- entries ---- */

static void *allocate_entry(struct sim *s, struct ex_object *o, GENERAL_LOOKASIDE_POOL *list)
{
    struct ex_lookaside *l = &o->lookaside;
    bool is_ex = s->current->routine == ROUTINE_ExAllocateFromLookasideListEx;
    enum storage storage = storage_of(list, is_ex);
    void *entry;
    list->TotalAllocates++;
    if (storage == STORAGE_SYSTEM) {
        entry = system_allocate(s, o);
    } else if (l->kept_count != 0) {
        entry = l->kept[--l->kept_count];
    } else {
        entry = call_allocate(s, o, list, storage);
    }
    if (entry != NULL) {
        l->outstanding++;
    } else if (l->is_raising) {
        ke_raise(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    return entry;
}

static void free_entry(struct sim *s, struct ex_object *o, GENERAL_LOOKASIDE_POOL *list,
                       void *entry)
{
    struct ex_lookaside *l = &o->lookaside;
    bool is_ex = s->current->routine == ROUTINE_ExFreeToLookasideListEx;
    enum storage storage = storage_of(list, is_ex);
    model_exercised(s, RULE_KRN_319);
    list->TotalFrees++;
    if (storage == STORAGE_SYSTEM) {
        system_free(s, o, entry);
        l->outstanding--;
        return;
    }
    model_touch(s, entry, l->size, "the entry");
    if (l->outstanding == 0) {
        model_fail(s, RULE_KRN_319, o->object, &o->born,
                   "%s: more entries are given back than were handed out",
                   model_routine_name(s->current->routine));
    }
    l->outstanding--;
    if (l->kept_count < EX_KEPT_MAX && choice_flag(s, CHOICE_WORLD, EX_PICK_KEEP)) {
        keep(l, entry);
    } else {
        call_free(s, o, list, storage, entry);
    }
}

/*
 * Entries that the list keeps go back to the driver's Free routine; system storage is free already.
 */
static void flush(struct sim *s, struct ex_object *o, GENERAL_LOOKASIDE_POOL *list, bool is_ex)
{
    enum storage storage = storage_of(list, is_ex);
    while (o->lookaside.kept_count != 0) {
        void *entry = o->lookaside.kept[--o->lookaside.kept_count];
        if (storage != STORAGE_SYSTEM) {
            call_free(s, o, list, storage, entry);
        }
    }
}

static void destroy(struct sim *s, GENERAL_LOOKASIDE_POOL *list, bool is_ex)
{
    struct ex_object *o = find(s, list);
    if (o->lookaside.outstanding != 0) {
        model_fail(s, RULE_KRN_319, o->object, &o->born,
                   "%s: %u entries were not given back before",
                   model_routine_name(s->current->routine), o->lookaside.outstanding);
    }
    flush(s, o, list, is_ex);
    ex_object_end(s, o);
}

/* ---- LOOKASIDE_LIST_EX ---- */

NTSTATUS ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PALLOCATE_FUNCTION_EX Allocate,
                                     PFREE_FUNCTION_EX Free, POOL_TYPE PoolType, ULONG Flags,
                                     SIZE_T Size, ULONG Tag, USHORT Depth)
{
    struct sim *s = model_enter(ROUTINE_ExInitializeLookasideListEx);
    (void)Depth; /* reserved */
    const ULONG both =
        EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL | EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE;
    const struct parameters p = {.allocate = (void *)Allocate,
                                 .free = (void *)Free,
                                 .type = PoolType,
                                 .flags = Flags,
                                 .size = Size,
                                 .tag = Tag};
    if ((Flags & ~both) != 0 || Flags == both) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    initialize(s, &Lookaside->L, sizeof(*Lookaside), &p);
    return model_leave_status(s, STATUS_SUCCESS);
}

PVOID ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    struct sim *s = model_enter(ROUTINE_ExAllocateFromLookasideListEx);
    void *entry = allocate_entry(s, find(s, &Lookaside->L), &Lookaside->L);
    model_leave(s);
    return entry;
}

void ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry)
{
    struct sim *s = model_enter_object(ROUTINE_ExFreeToLookasideListEx, SIM_OP_WRITE, Entry);
    free_entry(s, find(s, &Lookaside->L), &Lookaside->L, Entry);
    model_leave(s);
}

void ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    struct sim *s = model_enter(ROUTINE_ExFlushLookasideListEx);
    flush(s, find(s, &Lookaside->L), &Lookaside->L, true);
    model_leave(s);
}

void ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    struct sim *s = model_enter(ROUTINE_ExDeleteLookasideListEx);
    destroy(s, &Lookaside->L, true);
    model_leave(s);
}

/* ---- NPAGED_LOOKASIDE_LIST, PAGED_LOOKASIDE_LIST ---- */

/* The two layouts agree but for their alignment. */
static GENERAL_LOOKASIDE_POOL *general(GENERAL_LOOKASIDE *list)
{
    return (GENERAL_LOOKASIDE_POOL *)list;
}

void ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                     PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag,
                                     USHORT Depth)
{
    struct sim *s = model_enter(ROUTINE_ExInitializeNPagedLookasideList);
    const struct parameters p = {.allocate = (void *)Allocate,
                                 .free = (void *)Free,
                                 .type = NonPagedPoolNx,
                                 .flags = Flags,
                                 .size = Size,
                                 .tag = Tag};
    (void)Depth;
    initialize(s, general(&Lookaside->L), sizeof(*Lookaside), &p);
    model_leave(s);
}

PVOID ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
    struct sim *s = model_enter(ROUTINE_ExAllocateFromNPagedLookasideList);
    GENERAL_LOOKASIDE_POOL *list = general(&Lookaside->L);
    void *entry = allocate_entry(s, find(s, list), list);
    model_leave(s);
    return entry;
}

void ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry)
{
    struct sim *s = model_enter_object(ROUTINE_ExFreeToNPagedLookasideList, SIM_OP_WRITE, Entry);
    GENERAL_LOOKASIDE_POOL *list = general(&Lookaside->L);
    free_entry(s, find(s, list), list, Entry);
    model_leave(s);
}

void ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
    struct sim *s = model_enter(ROUTINE_ExDeleteNPagedLookasideList);
    destroy(s, general(&Lookaside->L), false);
    model_leave(s);
}

void ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                    PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag,
                                    USHORT Depth)
{
    struct sim *s = model_enter(ROUTINE_ExInitializePagedLookasideList);
    const struct parameters p = {.allocate = (void *)Allocate,
                                 .free = (void *)Free,
                                 .type = PagedPool,
                                 .flags = Flags,
                                 .size = Size,
                                 .tag = Tag};
    (void)Depth;
    initialize(s, general(&Lookaside->L), sizeof(*Lookaside), &p);
    model_leave(s);
}

PVOID ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside)
{
    struct sim *s = model_enter(ROUTINE_ExAllocateFromPagedLookasideList);
    GENERAL_LOOKASIDE_POOL *list = general(&Lookaside->L);
    void *entry = allocate_entry(s, find(s, list), list);
    model_leave(s);
    return entry;
}

void ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry)
{
    struct sim *s = model_enter_object(ROUTINE_ExFreeToPagedLookasideList, SIM_OP_WRITE, Entry);
    GENERAL_LOOKASIDE_POOL *list = general(&Lookaside->L);
    free_entry(s, find(s, list), list, Entry);
    model_leave(s);
}

void ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside)
{
    struct sim *s = model_enter(ROUTINE_ExDeletePagedLookasideList);
    destroy(s, general(&Lookaside->L), false);
    model_leave(s);
}
