/* SPDX-License-Identifier: MIT */
/*
 * Indication lists: the memory that WskReceiveEvent and WskReceiveFromEvent show to the client.
 *
 *   RUNNING (the callback is in the driver) --PENDING--> RETAINED --last element released--> GONE
 *        +------------any other answer: memory goes back------------------------------------^
 *
 * Each element is made of separate blocks of the arena (structure, data of each MDL, address,
 * control data), so that a step over the edge of any of them is seen. A block is poisoned when the
 * element is released, or when the callback has returned without retaining (RECV-025, DGRM-022,
 * REL-008).
 *
 * Invariants:
 *  1. A list is on the socket's chain exactly while it is RUNNING or RETAINED.
 *  2. The sum of `left` of the socket's RETAINED lists is socket->retained.
 *  3. An element is in the table for the rest of the run: a late or second release is recognised.
 */
#include "model/wsk/wsk_data_internal.h"

#include <string.h>

struct wsk_shape wsk_pick_shape(struct sim *s)
{
    static const ULONG offsets[] = {0, 1, 14};
    uint32_t v = choice_pick(s, CHOICE_WORLD, PICK_WSK_SHAPE, 18);
    return (struct wsk_shape){
        .elements = (uint8_t)(1 + v % 3),
        .pieces = (uint8_t)(1 + v / 3 % WSK_PIECES_MAX),
        .offset = offsets[v / 6],
    };
}

/* ---- birth ---- */

struct wsk_list *wsk_list_new(struct sim *s, struct wsk_socket *socket, ULONG flags)
{
    struct wsk_list *list = wsk_record(s, &wsk_data_of(s)->list, "too many indications in one run");
    list->socket = socket;
    list->flags = flags;
    list->state = WSK_LIST_RUNNING;
    list->next = socket->data.list_first;
    if (list->next != NULL) {
        list->next->prev = list;
        if (model_mutated(retained_list_is_reused) && list->next->state == WSK_LIST_RETAINED &&
            list->next->first->pieces != 0) {
            list->next->first->piece[0].bytes[0] ^= 0x55;
        }
    }
    socket->data.list_first = list;
    return list;
}

/* What a touch of its memory breaks once it has gone back. */
static enum model_rule touch_rule(const struct wsk_list *list)
{
    return list->socket->category == WSK_DATAGRAM ? RULE_DGRM_022 : RULE_RECV_025;
}

static void add_piece(struct sim *s, struct wsk_element *element, ULONG offset, SIZE_T size)
{
    struct wsk_piece *piece = &element->piece[element->pieces];
    ULONG rule = (ULONG)touch_rule(element->list);
    uint8_t *base = ex_alloc(s, offset + size, BLOCK_INDICATION, rule, false, false, &piece->block);
    piece->bytes = base + offset;
    piece->size = size;
    piece->mdl = mm_subsystem_mdl(s, base, offset + size);
    piece->mdl->Next = NULL;
    if (element->pieces != 0) {
        element->piece[element->pieces - 1].mdl->Next = piece->mdl;
    }
    element->pieces++;
}

/* AMBIGUOUS-LIFE-53. */
static void add_empty(struct sim *s, struct wsk_element *element, WSK_BUF *buffer)
{
    enum { EMPTY_BYTES = 16 };
    if (model_knob(s, KNOB_DGRM_EMPTY_SHAPE) == 1) {
        buffer->Offset = 0xDBDB;
        return;
    }
    add_piece(s, element, 0, EMPTY_BYTES);
    buffer->Mdl = element->piece[0].mdl;
}

struct wsk_element *wsk_list_add(struct sim *s, struct wsk_list *list, SIZE_T size,
                                 struct wsk_shape shape, bool is_datagram)
{
    struct wsk_data_state *d = wsk_data_of(s);
    uint32_t index = d->element.count;
    struct wsk_element *element = wsk_record(s, &d->element, "too many indications in one run");
    SIZE_T bytes = is_datagram ? sizeof(WSK_DATAGRAM_INDICATION) : sizeof(WSK_DATA_INDICATION);
    void *memory =
        ex_alloc(s, bytes, BLOCK_INDICATION, (ULONG)touch_rule(list), true, false, &element->block);
    element->list = list;
    element->address = (uintptr_t)memory;
    address_table_put(&d->elements, element->address, index);
    WSK_DATA_INDICATION *visible = memory; /* Next and Buffer stand first in both structures */
    visible->Buffer.Length = size;
    if (size == 0) {
        add_empty(s, element, &visible->Buffer);
    } else {
        SIZE_T first = shape.pieces > 1 && size > 1 ? size / 2 : size;
        add_piece(s, element, shape.offset, first);
        if (first != size) {
            add_piece(s, element, 0, size - first);
        }
        visible->Buffer.Mdl = element->piece[0].mdl;
        visible->Buffer.Offset = shape.offset;
    }
    if (list->last != NULL) {
        ((WSK_DATA_INDICATION *)list->last->address)->Next = visible;
        list->last->next = element;
    } else {
        list->first = element;
    }
    list->last = element;
    list->left++;
    return element;
}

struct wsk_element *wsk_element_find(struct sim *s, uintptr_t address)
{
    struct wsk_data_state *d = wsk_data_of(s);
    uint32_t index = address_table_get(&d->elements, address);
    return index == ADDRESS_TABLE_NONE ? NULL : record_pool_at(&d->element, index);
}

/* ---- the end ---- */

static uint64_t content_hash(const struct wsk_element *element)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < element->pieces; i++) {
        const struct wsk_piece *piece = &element->piece[i];
        for (SIZE_T at = 0; at < piece->size; at += sizeof hash) {
            uint64_t word = 0;
            SIZE_T left = piece->size - at;
            memcpy(&word, piece->bytes + at, left < sizeof word ? left : sizeof word);
            hash = sim_mix(hash, word);
        }
    }
    return hash;
}

void wsk_element_seal(struct wsk_element *element)
{
    element->hash = content_hash(element);
}

/* AMBIGUOUS-LIFE-64: has the client written into what was shown to it? */
static void check_content(struct sim *s, const struct wsk_element *element)
{
    uint16_t reading = model_knob(s, KNOB_RECV_CLIENT_WRITES);
    if (reading == 2 || element->is_empty || content_hash(element) == element->hash) {
        return;
    }
    if (reading == 1) {
        model_fail(s, touch_rule(element->list), element->list->socket->object,
                   &element->list->entered, "the client has written into an indicated buffer");
    }
    model_lint(s, touch_rule(element->list));
}

static void free_argument(struct sim *s, void *p, ULONG rule)
{
    if (p != NULL) {
        sim_block_find(s, (uintptr_t)p)->tag = rule;
        wsk_argument_free(s, p);
    }
}

void wsk_element_free(struct sim *s, struct wsk_element *element, bool by_client)
{
    SIM_ASSERT(!element->is_released && element->list->left != 0);
    ULONG rule = (ULONG)(by_client ? RULE_REL_008 : touch_rule(element->list));
    check_content(s, element);
    element->is_released = true;
    element->released = sim_here(s);
    for (uint32_t i = 0; i < element->pieces; i++) {
        mm_subsystem_mdl_free(s, element->piece[i].mdl);
        element->piece[i].block->tag = rule;
        ex_free_shown(s, element->piece[i].block);
    }
    free_argument(s, element->remote, rule);
    free_argument(s, element->control, rule);
    element->block->tag = rule;
    ex_free_shown(s, element->block);
    element->list->left--;
    if (element->list->state == WSK_LIST_RETAINED) {
        element->list->socket->retained--;
        sim_trace(s, TRACE_Release, element->list->object, element->list->socket->object);
    }
}

void wsk_list_end(struct sim *s, struct wsk_list *list)
{
    SIM_ASSERT(list->state != WSK_LIST_GONE && list->left == 0);
    list->state = WSK_LIST_GONE;
    list->ended = sim_here(s);
    if (list->prev != NULL) {
        list->prev->next = list->next;
    } else {
        list->socket->data.list_first = list->next;
    }
    if (list->next != NULL) {
        list->next->prev = list->prev;
    }
}

static void free_rest(struct sim *s, struct wsk_list *list)
{
    for (struct wsk_element *e = list->first; e != NULL; e = e->next) {
        if (!e->is_released) {
            wsk_element_free(s, e, false);
        }
    }
    wsk_list_end(s, list);
}

void wsk_lists_take_back(struct sim *s, struct wsk_socket *socket)
{
    while (socket->data.list_first != NULL) {
        free_rest(s, socket->data.list_first);
    }
}

/* REL-002: released inside, and then not retained after all. */
static void check_not_released(struct sim *s, const struct wsk_list *list,
                               const struct wsk_invocation *inv)
{
    for (const struct wsk_element *e = list->first; e != NULL; e = e->next) {
        if (e->is_released) {
            model_fail(s, RULE_REL_002, list->socket->object, &e->released,
                       "an indication is released by WskRelease, but its callback answers 0x%08x "
                       "and not STATUS_PENDING",
                       (unsigned)inv->answer);
        }
    }
    model_exercised(s, RULE_REL_002);
}

void wsk_list_returned(struct sim *s, struct wsk_list *list, const struct wsk_invocation *inv,
                       bool is_retained)
{
    struct wsk_socket *socket = list->socket;
    list->object = inv->object;
    list->entered = inv->entered;
    if (model_mutated(answer_lost_when_disabled) && !socket->gate[inv->event].adm) {
        is_retained = false;
    }
    if (!is_retained) {
        check_not_released(s, list, inv);
        free_rest(s, list);
        return;
    }
    list->was_retained = true;
    for (uint32_t i = 0; i < list->left; i++) {
        sim_trace(s, TRACE_Retain, list->object, socket->object);
    }
    list->retained = sim_here(s);
    list->retained_at = s->now;
    if (list->left == 0) {
        wsk_list_end(s, list); /* REL-011 */
        return;
    }
    if (socket->close_started && model_knob(s, KNOB_CLOSE_CALLBACK_RETAINS) == 2) {
        free_rest(s, list); /* AMBIGUOUS-LIFE-73: the subsystem takes it back */
        return;
    }
    list->is_overlap = socket->close_started;
    list->state = WSK_LIST_RETAINED;
    socket->retained += list->left;
}
