/* SPDX-License-Identifier: MIT */
/*
 * Ordered tables (RTL_AVL_TABLE). An element is a header of links followed by the driver's bytes;
 * the driver allocates it, frees it and compares.
 *
 * As on Windows the tree hangs from the right link of a root that holds no element. Unlike there
 * the tree is not kept balanced: what a driver sees (order, pointers, calls of allocate and free)
 * is the same, only the number of comparisons may differ.
 *
 * Invariants:
 *  1. Elements keep their address until they are deleted.
 *  2. The driver's routines run with routine and site of the call put aside; nothing of the table
 *     is remembered across them but the element they were asked about.
 */
#include "model/rtl/rtl.h"

#include <string.h>

static void *data_of(PRTL_BALANCED_LINKS node)
{
    return node + 1;
}

static PRTL_BALANCED_LINKS root_of(PRTL_AVL_TABLE table)
{
    return table->BalancedRoot.RightChild;
}

static void check_table(struct sim *s, PRTL_AVL_TABLE table)
{
    model_touch(s, table, sizeof(*table), "the table");
}

static RTL_GENERIC_COMPARE_RESULTS compare(struct sim *s, PRTL_AVL_TABLE table, void *first,
                                           void *second)
{
    struct model_call call = model_call_save(s);
    RTL_GENERIC_COMPARE_RESULTS result = table->CompareRoutine(table, first, second);
    model_call_restore(s, call);
    return result;
}

/* The node equal to buffer, or NULL; *parent is where it hangs, or where it would be put. */
static PRTL_BALANCED_LINKS find(struct sim *s, PRTL_AVL_TABLE table, void *buffer,
                                PRTL_BALANCED_LINKS *parent, bool *is_left)
{
    PRTL_BALANCED_LINKS node = root_of(table);
    *parent = &table->BalancedRoot;
    *is_left = false;
    while (node != NULL) {
        RTL_GENERIC_COMPARE_RESULTS order;
        model_touch(s, node, sizeof(*node), "an element of the table");
        order = compare(s, table, buffer, data_of(node));
        if (order == GenericEqual) {
            return node;
        }
        *parent = node;
        *is_left = order == GenericLessThan;
        node = *is_left ? node->LeftChild : node->RightChild;
    }
    return NULL;
}

/* Links are the driver's memory: looked at before they are followed. May be NULL. */
static PRTL_BALANCED_LINKS node_at(struct sim *s, PRTL_BALANCED_LINKS node)
{
    if (node != NULL) {
        model_touch(s, node, sizeof(*node), "an element of the table");
    }
    return node;
}

static PRTL_BALANCED_LINKS leftmost(struct sim *s, PRTL_BALANCED_LINKS node)
{
    node_at(s, node);
    while (node != NULL && node->LeftChild != NULL) {
        node = node_at(s, node->LeftChild);
    }
    return node;
}

static PRTL_BALANCED_LINKS next(struct sim *s, PRTL_AVL_TABLE table, PRTL_BALANCED_LINKS node)
{
    if (node->RightChild != NULL) {
        return leftmost(s, node->RightChild);
    }
    model_touch(s, node->Parent, sizeof(*node), "an element of the table");
    while (node->Parent != &table->BalancedRoot && node->Parent->RightChild == node) {
        node = node->Parent;
        model_touch(s, node->Parent, sizeof(*node), "an element of the table");
    }
    return node->Parent == &table->BalancedRoot ? NULL : node->Parent;
}

/* Puts `by` (may be NULL) in the place of node. */
static void replace(struct sim *s, PRTL_BALANCED_LINKS node, PRTL_BALANCED_LINKS by)
{
    model_touch(s, node->Parent, sizeof(*node), "an element of the table");
    node_at(s, by);
    if (node->Parent->LeftChild == node) {
        node->Parent->LeftChild = by;
    } else {
        node->Parent->RightChild = by;
    }
    if (by != NULL) {
        by->Parent = node->Parent;
    }
}

static void unlink_node(struct sim *s, PRTL_BALANCED_LINKS node)
{
    PRTL_BALANCED_LINKS heir;
    if (node->LeftChild == NULL || node->RightChild == NULL) {
        replace(s, node, node->LeftChild != NULL ? node->LeftChild : node->RightChild);
        return;
    }
    heir = leftmost(s, node->RightChild);
    node_at(s, node->LeftChild);
    if (heir->Parent != node) {
        replace(s, heir, heir->RightChild);
        heir->RightChild = node->RightChild;
        heir->RightChild->Parent = heir;
    }
    replace(s, node, heir);
    heir->LeftChild = node->LeftChild;
    heir->LeftChild->Parent = heir;
}

void RtlInitializeGenericTableAvl(PRTL_AVL_TABLE Table, PRTL_AVL_COMPARE_ROUTINE CompareRoutine,
                                  PRTL_AVL_ALLOCATE_ROUTINE AllocateRoutine,
                                  PRTL_AVL_FREE_ROUTINE FreeRoutine, PVOID TableContext)
{
    struct sim *s = model_enter(ROUTINE_RtlInitializeGenericTableAvl);
    check_table(s, Table);
    model_code(s, (const void *)CompareRoutine, "CompareRoutine");
    model_code(s, (const void *)AllocateRoutine, "AllocateRoutine");
    model_code(s, (const void *)FreeRoutine, "FreeRoutine");
    memset(Table, 0, sizeof(*Table));
    Table->BalancedRoot.Parent = &Table->BalancedRoot;
    Table->CompareRoutine = CompareRoutine;
    Table->AllocateRoutine = AllocateRoutine;
    Table->FreeRoutine = FreeRoutine;
    Table->TableContext = TableContext;
    model_leave(s);
}

static PRTL_BALANCED_LINKS allocate_node(struct sim *s, PRTL_AVL_TABLE table, ULONG size)
{
    struct model_call call = model_call_save(s);
    PRTL_BALANCED_LINKS node = table->AllocateRoutine(table, size);
    model_call_restore(s, call);
    return node;
}

PVOID RtlInsertElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer, ULONG BufferSize,
                                      PBOOLEAN NewElement)
{
    struct sim *s = model_enter(ROUTINE_RtlInsertElementGenericTableAvl);
    PRTL_BALANCED_LINKS parent, node;
    bool is_left, is_new = false;
    check_table(s, Table);
    model_touch(s, Buffer, BufferSize, "Buffer");
    node = find(s, Table, Buffer, &parent, &is_left);
    if (node == NULL) {
        node = allocate_node(s, Table, BufferSize + (ULONG)sizeof(*node));
        if (node != NULL) {
            model_touch(s, node, sizeof(*node) + BufferSize, "the new element");
            memset(node, 0, sizeof(*node));
            memcpy(data_of(node), Buffer, BufferSize);
            node->Parent = parent;
            *(is_left ? &parent->LeftChild : &parent->RightChild) = node;
            Table->NumberGenericTableElements++;
            is_new = true;
        }
    }
    if (NewElement != NULL) {
        model_touch(s, NewElement, sizeof(*NewElement), "NewElement");
        *NewElement = is_new;
    }
    model_leave(s);
    return node != NULL ? data_of(node) : NULL;
}

BOOLEAN RtlDeleteElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer)
{
    struct sim *s = model_enter(ROUTINE_RtlDeleteElementGenericTableAvl);
    PRTL_BALANCED_LINKS parent, node;
    bool is_left;
    check_table(s, Table);
    node = find(s, Table, Buffer, &parent, &is_left);
    if (node != NULL) {
        struct model_call call;
        if (Table->RestartKey == node) {
            Table->RestartKey = NULL;
        }
        unlink_node(s, node);
        Table->NumberGenericTableElements--;
        Table->DeleteCount++;
        call = model_call_save(s);
        Table->FreeRoutine(Table, node);
        model_call_restore(s, call);
    }
    model_leave(s);
    return node != NULL;
}

PVOID RtlLookupElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer)
{
    struct sim *s = model_enter(ROUTINE_RtlLookupElementGenericTableAvl);
    PRTL_BALANCED_LINKS parent, node;
    bool is_left;
    check_table(s, Table);
    node = find(s, Table, Buffer, &parent, &is_left);
    model_leave(s);
    return node != NULL ? data_of(node) : NULL;
}

/* The element after *key (the first one if it is NULL); *key moves to it. */
static PVOID enumerate(struct sim *s, PRTL_AVL_TABLE table, PRTL_BALANCED_LINKS *key)
{
    PRTL_BALANCED_LINKS node = *key;
    if (node == NULL) {
        node = leftmost(s, root_of(table));
    } else {
        model_touch(s, node, sizeof(*node), "the element enumerated last");
        node = next(s, table, node);
    }
    if (node != NULL) {
        *key = node;
    }
    model_leave(s);
    return node != NULL ? data_of(node) : NULL;
}

PVOID RtlEnumerateGenericTableAvl(PRTL_AVL_TABLE Table, BOOLEAN Restart)
{
    struct sim *s = model_enter(ROUTINE_RtlEnumerateGenericTableAvl);
    check_table(s, Table);
    if (Restart) {
        Table->RestartKey = NULL;
    }
    return enumerate(s, Table, &Table->RestartKey);
}

PVOID RtlEnumerateGenericTableWithoutSplayingAvl(PRTL_AVL_TABLE Table, PVOID *RestartKey)
{
    struct sim *s = model_enter(ROUTINE_RtlEnumerateGenericTableAvl);
    check_table(s, Table);
    model_touch(s, RestartKey, sizeof(*RestartKey), "RestartKey");
    return enumerate(s, Table, (PRTL_BALANCED_LINKS *)RestartKey);
}

PVOID RtlGetElementGenericTableAvl(PRTL_AVL_TABLE Table, ULONG I)
{
    struct sim *s = model_enter(ROUTINE_RtlGetElementGenericTableAvl);
    PRTL_BALANCED_LINKS node;
    check_table(s, Table);
    node = leftmost(s, root_of(Table));
    while (node != NULL && I-- != 0) {
        node = next(s, Table, node);
    }
    model_leave(s);
    return node != NULL ? data_of(node) : NULL;
}

ULONG RtlNumberGenericTableElementsAvl(PRTL_AVL_TABLE Table)
{
    struct sim *s = rtl_enter_quiet(ROUTINE_RtlGetElementGenericTableAvl);
    ULONG count;
    check_table(s, Table);
    count = Table->NumberGenericTableElements;
    rtl_leave_quiet(s);
    return count;
}

BOOLEAN RtlIsGenericTableEmptyAvl(PRTL_AVL_TABLE Table)
{
    struct sim *s = rtl_enter_quiet(ROUTINE_RtlGetElementGenericTableAvl);
    BOOLEAN is_empty;
    check_table(s, Table);
    is_empty = Table->NumberGenericTableElements == 0;
    rtl_leave_quiet(s);
    return is_empty;
}
