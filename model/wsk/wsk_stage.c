/* SPDX-License-Identifier: MIT */
/*
 * Memory of the data path, ours and the client's.
 *
 * Bytes between network and client (what a receive has been given but not yet told, buffered
 * datagrams) are staged: cut from one area upward, which is empty again when nobody uses any of it.
 * Arguments of callbacks lie in the arena and are poisoned when the callback has returned; the tag
 * of such a block is the rule that a later touch breaks.
 *
 * A client buffer in a request is checked when it comes (SEND-002, SEND-003) and when it goes:
 * bytes to be sent are the same then as before (SEND-004).
 */
#include "model/wsk/wsk_data_internal.h"
#include "model/wsk/wsk_internal.h"

#include <string.h>

static struct wsk_data_state *create(void)
{
    struct wsk_data_state *d = calloc(1, sizeof *d);
    SIM_ASSERT(d != NULL);
    d->stage = malloc(WSK_STAGE_BYTES); /* touched as far as it is used */
    d->scratch = malloc(WSK_SCRATCH_BYTES);
    SIM_ASSERT(d->stage != NULL && d->scratch != NULL);
    address_table_init(&d->elements, 256);
    d->incoming.record_size = sizeof(struct wsk_incoming);
    d->list.record_size = sizeof(struct wsk_list);
    d->element.record_size = sizeof(struct wsk_element);
    d->packet.record_size = sizeof(struct wsk_packet);
    d->message.record_size = sizeof(struct wsk_message);
    d->info.record_size = sizeof(struct wsk_info);
    return d;
}

void wsk_data_reset(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    if (w->data == NULL) {
        w->data = create();
    }
    struct wsk_data_state *d = w->data;
    d->incoming.count = d->packet.count = d->list.count = 0;
    d->element.count = d->message.count = d->info.count = 0;
    address_table_reset(&d->elements);
    d->stage_used = 0;
    d->stage_live = 0;
    d->inspect_serial = 0;
}

void *wsk_record(struct sim *s, struct record_pool *pool, const char *what)
{
    void *record = record_pool_new(pool);
    if (record == NULL) {
        sim_limit(s, what);
    }
    return record;
}

/* ---- staging ---- */

void *wsk_stage_alloc(struct sim *s, size_t size)
{
    struct wsk_data_state *d = wsk_data_of(s);
    size_t room = (size + 15) & ~(size_t)15;
    if (room > WSK_STAGE_BYTES - d->stage_used) {
        sim_limit(s, "WSK_STAGE_BYTES: too many bytes on their way to the client");
    }
    void *p = d->stage + d->stage_used;
    d->stage_used += room;
    d->stage_live++;
    return p;
}

void wsk_stage_free(struct sim *s, const void *p)
{
    struct wsk_data_state *d = wsk_data_of(s);
    if (p == NULL) {
        return;
    }
    SIM_ASSERT(d->stage_live != 0);
    if (--d->stage_live == 0) {
        d->stage_used = 0;
    }
}

/* ---- arguments ---- */

void *wsk_argument(struct sim *s, size_t size, enum model_rule rule)
{
    return ex_alloc(s, size, BLOCK_INDICATION, (ULONG)rule, true, false, NULL);
}

void wsk_argument_free(struct sim *s, const void *p)
{
    if (p == NULL) {
        return;
    }
    struct sim_block *block = sim_block_find(s, (uintptr_t)p);
    SIM_ASSERT(block != NULL && block->kind == BLOCK_INDICATION);
    ex_free_shown(s, block);
}

PSOCKADDR wsk_argument_address(struct sim *s, const struct net_address *address,
                               enum model_rule rule)
{
    bool is_v6 = address->family == NET_IPV6;
    PSOCKADDR out = wsk_argument(s, is_v6 ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_IN), rule);
    wsk_address_out(s, address, out, "address");
    return out;
}

/* ---- buffers of the client ---- */

bool wsk_buffer_map(struct wsk_call *call, const WSK_BUF *buffer, enum mm_access access,
                    enum model_rule rule)
{
    struct sim *s = call->s;
    if (mm_chain_use(s, buffer->Mdl, buffer->Offset, buffer->Length, access,
                     call->request->object)) {
        return true;
    }
    model_breach(s, rule, call->socket->object, NULL, "a buffer of %s has a length and no MDL",
                 model_routine_name(call->routine));
    if (model_knob(s, KNOB_BUF_NULL_MDL) == 1) {
        model_fail(s, RULE_MEM_NULL, call->socket->object, NULL, "%s reads the MDL at NULL",
                   model_routine_name(call->routine));
    }
    wsk_refuse(call, STATUS_INVALID_PARAMETER);
    return false;
}

bool wsk_buffer_use(struct wsk_call *call, const WSK_BUF *buffer, enum mm_access access,
                    enum model_rule rule)
{
    struct sim *s = call->s;
    struct wsk_request *r = call->request;
    model_touch(s, buffer, sizeof *buffer, "Buffer");
    wsk_input_keep(r, buffer, sizeof *buffer, RULE_SEND_005);
    r->offset = buffer->Offset;
    r->length = buffer->Length;
    if (buffer->Length == 0 && buffer->Mdl == NULL) {
        return true; /* RECV-002 */
    }
    if (!wsk_buffer_map(call, buffer, access, rule)) {
        return false;
    }
    model_exercised(s, rule);
    r->mdl = buffer->Mdl;
    if (access == MM_READ) {
        r->hash = mm_chain_hash(s, r->mdl, r->offset, r->length);
    }
    return true;
}

void wsk_buffer_release(struct sim *s, struct wsk_request *r, enum mm_access access,
                        enum model_rule rule)
{
    if (r->mdl == NULL) {
        return;
    }
    if (access == MM_READ && mm_chain_hash(s, r->mdl, r->offset, r->length) != r->hash) {
        model_fail(s, rule, r->socket != NULL ? r->socket->object : 0, &r->submitted,
                   "the data passed to %s is changed before its IRP completes",
                   model_routine_name(r->routine));
    }
    mm_chain_release(s, r->mdl, r->object);
    r->mdl = NULL;
}

/* ---- inputs that one reading wants until the completion ---- */

static uint64_t input_hash(const void *p, SIZE_T size)
{
    const uint8_t *byte = p;
    uint64_t hash = size;
    for (SIZE_T i = 0; i < size; i++) {
        hash = sim_mix(hash, byte[i]);
    }
    return hash;
}

void wsk_input_keep(struct wsk_request *r, const void *p, SIZE_T size, enum model_rule rule)
{
    for (size_t i = 0; i < SIM_COUNT(r->kept); i++) {
        if (r->kept[i].memory == NULL) {
            r->kept[i].memory = p;
            r->kept[i].size = (uint16_t)size;
            r->kept[i].rule = (uint16_t)rule;
            r->kept[i].hash = input_hash(p, size);
            return;
        }
    }
}

void wsk_inputs_kept(struct sim *s, const struct wsk_request *r)
{
    if (!r->was_pended || model_knob(s, KNOB_LIFETIME_INPUTS) != 2) {
        return;
    }
    for (size_t i = 0; i < SIM_COUNT(r->kept) && r->kept[i].memory != NULL; i++) {
        uintptr_t bad;
        if (!sim_memory_ok(r->kept[i].memory, r->kept[i].size, &bad) ||
            input_hash(r->kept[i].memory, r->kept[i].size) != r->kept[i].hash) {
            model_lint(s, (enum model_rule)r->kept[i].rule);
        }
    }
}

void wsk_output_kept(struct sim *s, const struct wsk_request *r, const void *p, SIZE_T size,
                     enum model_rule rule, const char *what)
{
    uintptr_t bad;
    if (!sim_memory_ok(p, size, &bad)) {
        model_fail(s, rule, r->socket != NULL ? r->socket->object : r->registration->object,
                   &r->submitted, "the %s passed to %s is gone before the IRP completes", what,
                   model_routine_name(r->routine));
    }
    model_exercised(s, rule);
}

/* ---- small questions ---- */

bool wsk_any_callback(const struct wsk_socket *socket)
{
    for (int e = 0; e < WSK_EVENTS; e++) {
        if (socket->gate[e].entered.seq != 0) {
            return true;
        }
    }
    return false;
}

bool wsk_pick_race(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    struct wsk_data *d = &socket->data;
    if (d->receives.first == NULL || d->is_racing || d->is_indicating ||
        !wsk_event_on(s, socket, event)) {
        return false;
    }
    if (model_mutated(callback_goes_first)) {
        d->is_racing = true;
        return true;
    }
    if (d->overtaken >= WSK_RACES_MAX || !choice_flag(s, CHOICE_WORLD, PICK_WSK_RACE)) {
        return false;
    }
    d->overtaken++;
    d->is_racing = true;
    return true;
}

SIZE_T wsk_pick_amount(struct sim *s, SIZE_T available)
{
    SIM_ASSERT(available != 0);
    if (available == 1) {
        return 1;
    }
    switch (choice_pick(s, CHOICE_WORLD, PICK_WSK_AMOUNT, 4)) {
    case 0:
        return available;
    case 1:
        return 1;
    case 2:
        return available / 2;
    default:
        return available - 1;
    }
}
