/* SPDX-License-Identifier: MIT */
/*
 * Bytes, datagrams, inspections, options: what the client and its peers note, put side by side.
 *
 * Streams. What a socket received is two sequences: queued IRPs in the order of their calls
 * (RECV-012) and callbacks in the order of their returns. The subsystem may have taken turns
 * between them in any way; there must be one way that makes both together the beginning of a peer's
 * stream.
 */
#include "life_monitor_internal.h"

#include <string.h>

/* ---- the streams ---- */

/* The digest of the bytes [at, at + length) of a stream, as a piece. */
static uint64_t piece_at(unsigned key, uint64_t at, unsigned length)
{
    unsigned long long digest = 0;
    for (unsigned i = 0; i < length; i++) {
        digest = life_digest(digest, life_byte(key, at + i));
    }
    return life_piece(length, digest);
}

static void add_piece(struct life_client *c, struct life_list *list, uint64_t piece, uint64_t order)
{
    if (life_piece_length(piece) == 0) {
        return;
    }
    if (list->count == LIFE_PIECES || life_piece_digest(piece) == 0xffffffffffffull) {
        c->is_unknown = true;
        return;
    }
    uint32_t at = list->count++;
    while (at > 0 && list->order[at - 1] > order) {
        list->piece[at] = list->piece[at - 1];
        list->order[at] = list->order[at - 1];
        at--;
    }
    list->piece[at] = piece;
    list->order[at] = order;
}

static uint64_t total_of(const struct life_list *list)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        total += life_piece_length(list->piece[i]);
    }
    return total;
}

/* reach[i][j]: the first i of one and the first j of the other are a beginning of the stream. */
static bool is_merge(const struct life_list *a, const struct life_list *b, unsigned key)
{
    static bool reach[LIFE_PIECES + 1][LIFE_PIECES + 1];
    static uint64_t before_a[LIFE_PIECES + 1], before_b[LIFE_PIECES + 1];
    for (uint32_t i = 0; i < a->count; i++) {
        before_a[i + 1] = before_a[i] + life_piece_length(a->piece[i]);
    }
    for (uint32_t j = 0; j < b->count; j++) {
        before_b[j + 1] = before_b[j] + life_piece_length(b->piece[j]);
    }
    for (uint32_t i = 0; i <= a->count; i++) {
        for (uint32_t j = 0; j <= b->count; j++) {
            bool is_start = i == 0 && j == 0;
            reach[i][j] = is_start;
            if (i > 0 && reach[i - 1][j]) {
                uint64_t piece = a->piece[i - 1];
                reach[i][j] =
                    piece == piece_at(key, before_a[i - 1] + before_b[j], life_piece_length(piece));
            }
            if (!reach[i][j] && j > 0 && reach[i][j - 1]) {
                uint64_t piece = b->piece[j - 1];
                reach[i][j] =
                    piece == piece_at(key, before_a[i] + before_b[j - 1], life_piece_length(piece));
            }
        }
    }
    return reach[a->count][b->count];
}

/* PROP-LIFE-12 and, where something was cancelled, -51. */
static void check_received(struct life *l, const struct life_client *c)
{
    uint64_t total = total_of(&c->received) + total_of(&c->taken);
    bool is_found = false;
    if (c->is_unknown || total == 0) {
        return;
    }
    for (uint32_t p = 1; p < LIFE_PEERS && !is_found; p++) {
        is_found = l->peer[p].sent_bytes >= total && is_merge(&c->received, &c->taken, 128 + p);
    }
    life_check(l, LIFE(12), is_found, "what was received is not the beginning of what was sent");
    if (c->has_cancelled) {
        life_check(l, LIFE(51), is_found, "a cancelled receive changes what is received");
    }
}

/* ---- what goes out ---- */

/* The client whose stream this is, though not from its beginning; 0 = none. */
static uint32_t stream_without_beginning(uint64_t piece)
{
    enum { LOST_MAX = 64, SURE = 4 }; /* fewer bytes are somewhere in any stream */
    unsigned length = life_piece_length(piece);
    for (uint32_t n = 1; n < LIFE_CLIENTS && length >= SURE; n++) {
        for (uint64_t at = 1; at < LOST_MAX; at++) {
            if (piece == piece_at(n, at, length)) {
                return n;
            }
        }
    }
    return 0;
}

static void on_peer_got(struct life *l, struct life_peer *p, uint64_t piece)
{
    unsigned length = life_piece_length(piece);
    if (p->client == 0 && p->got_bytes == 0) {
        for (uint32_t n = 1; n < LIFE_CLIENTS; n++) {
            if (piece == piece_at(n, 0, length)) {
                p->client = n;
            }
        }
    }
    const struct life_client *c = life_client(l, p->client);
    uint64_t end = p->got_bytes + length;
    if (c == NULL) {
        p->is_unknown = true; /* the first send failed and was lost, and later ones follow */
        p->suspect = p->got_bytes == 0 ? stream_without_beginning(piece) : p->suspect;
    } else if (!p->is_unknown && (!c->has_gap || end <= c->sure_bytes)) {
        life_check(l, LIFE(13),
                   piece == piece_at(p->client, p->got_bytes, length) && end <= c->sent_bytes,
                   "a peer gets what was not sent, or in another order");
    }
    p->got_bytes = end;
}

static void on_peer_end(struct life *l, struct life_peer *p, uint64_t how)
{
    const struct life_client *c = life_client(l, p->client);
    p->has_ended = true;
    if (c == NULL) {
        return;
    }
    if (how == 0) {
        life_check(l, LIFE(14), c->has_disconnected, "an end of stream without a disconnect");
        if (!c->has_gap && !p->is_unknown && c->has_finished_well) {
            life_check(l, LIFE(15), p->got_bytes == c->sent_bytes,
                       "the end of stream comes before all bytes");
        }
        life_check(l, LIFE(13), p->is_unknown || c->has_gap || p->got_bytes >= c->good_bytes,
                   "bytes of a send that succeeded are missing");
    } else if (how == 1 && !p->has_reset && !p->has_closed) {
        bool has_cause = c->has_aborted || c->has_closed || c->is_dead || c->has_gap;
        life_check(l, LIFE(14), has_cause, "an abort that nobody asked for");
    }
}

void life_data_complete(struct life *l, struct life_irp *i)
{
    struct life_client *c = life_client(l, i->client);
    bool sends = is_send(i->routine) || i->routine == ROUTINE_WskDisconnect ||
                 i->routine == ROUTINE_WskConnectEx;
    if (c == NULL) {
        return;
    }
    if (sends && i->piece != 0) {
        uint64_t end = i->at + life_piece_length(i->piece);
        if (life_success(i->status)) {
            c->good_bytes = c->good_bytes > end ? c->good_bytes : end;
        } else if (!c->has_gap || i->at < c->sure_bytes) {
            c->has_gap = true;
            c->sure_bytes = i->at;
        }
    }
    if (i->routine == ROUTINE_WskDisconnect && (i->flags & 1) == 0 && life_success(i->status)) {
        c->has_finished_well = true;
    }
}

/* ---- datagrams ---- */

/* The upper half is for those of the peers, whose numbers begin at 0x800000. */
static uint32_t datagram_slot(uint32_t number)
{
    return number % (LIFE_DATAGRAMS / 2) + (number >= 0x800000u ? LIFE_DATAGRAMS / 2 : 0);
}

static struct life_datagram *datagram(struct life *l, uint32_t number)
{
    struct life_datagram *d = &l->datagram[datagram_slot(number)];
    return d->number == number && number != 0 ? d : NULL;
}

/* The network may double a datagram; when it does not, nobody else may. */
static void on_delivery(struct life *l, struct life_datagram *d)
{
    d->deliveries++;
    if (l->setting->is_calm) {
        life_check(l, LIFE(36), d->deliveries == 1, "a datagram is delivered twice");
    }
}

static void on_datagram(struct life *l, struct life_context *c, uint32_t socket, uint64_t value)
{
    bool is_cut = value >> 63 != 0;
    uint32_t number = (uint32_t)(value >> 16), length = (uint32_t)(value & 0xffff);
    struct life_datagram *d = datagram(l, number);
    if (value == 0) {
        return;
    }
    life_check(l, LIFE(36), d != NULL && (is_cut ? length < d->length : length == d->length),
               "a datagram that nobody sent, or in part without a word");
    struct life_client *client = life_client(l, socket);
    if (d == NULL || client == NULL) {
        return;
    }
    if (client->fixed != 0 && client->fixed_seq < d->sent_seq) {
        life_check(l, LIFE(35), c->note_value == client->fixed, "a datagram from another address");
    }
    struct life_frame *f = c->depth > 0 ? &c->frame[c->depth - 1] : NULL;
    if (f != NULL && f->kind == LIFE_CALLBACK && f->datagrams < 64) {
        f->datagram[f->datagrams++] = number; /* counts when it is not refused */
    } else {
        on_delivery(l, d);
    }
}

void life_data_leave(struct life *l, const struct life_frame *f, uint32_t status)
{
    for (uint32_t i = 0; i < f->datagrams && life_success(status); i++) {
        struct life_datagram *d = datagram(l, (uint32_t)f->datagram[i]);
        if (d != NULL) {
            on_delivery(l, d);
        }
    }
}

static void on_sent_datagram(struct life *l, uint64_t value)
{
    uint32_t number = (uint32_t)(value >> 16);
    l->datagram[datagram_slot(number)] = (struct life_datagram){
        .sent_seq = l->now->seq, .number = number, .length = (uint32_t)(value & 0xffff)};
}

/* ---- inspections: a word of PROP-LIFE-23 ---- */

static struct life_inspection *inspection(struct life *l, uint32_t socket, uint32_t id)
{
    for (uint32_t i = l->inspections; i-- > 0;) {
        if (l->inspection[i].socket == socket && l->inspection[i].id == id) {
            return &l->inspection[i];
        }
    }
    return NULL;
}

static void on_inspected(struct life *l, uint32_t socket, uint64_t value)
{
    uint32_t id = (uint32_t)(value >> 8);
    life_check(l, LIFE(23), inspection(l, socket, id) == NULL, "a request is inspected twice");
    if (l->inspections < LIFE_INSPECTIONS) {
        l->inspection[l->inspections++] = (struct life_inspection){
            .socket = socket, .id = id, .action = (uint32_t)(value & 0xff)};
    }
}

static void on_abort(struct life *l, const struct life_context *c, uint32_t socket, uint32_t id)
{
    struct life_inspection *i = inspection(l, socket, id);
    uint64_t entered = c->depth > 0 ? c->frame[c->depth - 1].entered : 0;
    bool was_rejected = i != NULL && i->rejected != 0 && i->rejected < entered;
    life_check(l, LIFE(23), i != NULL && !i->is_aborted && i->action != 0 && !was_rejected,
               "an abort of what was not inspected, was rejected, or was aborted");
    if (i != NULL) {
        i->is_aborted = true;
    }
}

static void on_inspect_done(struct life *l, uint32_t socket, uint32_t id)
{
    struct life_inspection *i = inspection(l, socket, id);
    life_check(l, LIFE(24), i != NULL && i->action == 2 && !i->is_done,
               "WskInspectComplete for what does not pend");
    if (i != NULL) {
        i->is_done = true;
    }
}

void life_data_return(struct life *l, const struct life_frame *f, uint32_t status)
{
    bool is_reject = f->routine == ROUTINE_WskInspectComplete &&
                     f->note == LIFE_NOTE_INSPECT_DONE && (f->note_value & 0xff) == 0;
    struct life_inspection *i =
        is_reject ? inspection(l, f->client, (uint32_t)(f->note_value >> 8)) : NULL;
    if (i != NULL && life_success(status)) {
        i->rejected = l->now->seq; /* until here an abort may be faster (LSTN-020) */
    }
}

/* ---- options and queries ---- */

enum { OPTION_KEEPALIVE = 8, OPTION_BROADCAST = 0x20, OPTION_CONDITIONAL = 0x3002 };

static uint32_t option_slot(uint32_t option)
{
    return option == OPTION_KEEPALIVE ? 0u : option == OPTION_BROADCAST ? 1u : 2u;
}

/* An accepted socket that was never told otherwise. */
static void check_inherited(struct life *l, uint32_t client, uint32_t value)
{
    for (uint32_t n = 1; n < LIFE_SOCKETS && l->setting->is_default; n++) {
        const struct life_socket *s = &l->socket[n];
        if (s->client == client && s->parent != 0 && s->keep_alive < 2) {
            life_check(l, PROP(43), value == s->keep_alive, "an option is not as inherited");
        }
    }
}

/* Known if the listener's was set, and nobody is just setting it (a failed set leaves it open). */
void life_data_inherit(struct life *l, struct life_socket *s)
{
    const struct life_socket *parent = life_socket(l, s->parent);
    const struct life_client *c = parent != NULL ? life_client(l, parent->client) : NULL;
    bool is_known = c != NULL && (c->option_known & 1) != 0 && (c->option_setting & 1) == 0;
    s->keep_alive = is_known ? c->option[0] : 2;
}

static void on_option(struct life *l, uint32_t socket, uint64_t value, bool is_set)
{
    struct life_client *c = life_client(l, socket);
    bool is_begun = value >> 63 != 0;
    uint32_t option = (uint32_t)(value >> 32) & 0x7fffffffu, slot = option_slot(option);
    bool is_known =
        option == OPTION_KEEPALIVE || option == OPTION_BROADCAST || option == OPTION_CONDITIONAL;
    if (c == NULL || !is_known) {
        return;
    }
    if (is_set && is_begun) {
        c->option_setting |= 1u << slot;
    } else if (is_set) {
        c->option[slot] = (uint32_t)value;
        c->option_known |= 1u << slot;
        c->option_setting &= ~(1u << slot);
    } else if ((c->option_known >> slot & 1) != 0) {
        life_check(l, PROP(43), (uint32_t)value == c->option[slot], "an option is not as set");
    } else {
        life_check(l, PROP(43), (uint32_t)value <= 1, "an on/off option is neither");
        if (slot == 0) {
            check_inherited(l, socket, (uint32_t)value);
        }
    }
}

enum { QUERY_TRANSPORTS = 1, QUERY_ADDRESSES, QUERY_EXTENSION, QUERY_TRANSPORTS_SIZE = 5,
       QUERY_ADDRESSES_SIZE, QUERY_BIND };

/* PROP-44: told of those that were inspected and let in, and of nobody else. */
static void on_inspect_id(struct life *l, uint32_t socket, uint64_t value)
{
    uint32_t status = (uint32_t)value, id = (uint32_t)(value >> 32);
    bool is_inspected = false;
    for (uint32_t n = 0; n < l->inspections; n++) {
        is_inspected = is_inspected || (l->inspection[n].id == id && l->inspection[n].action != 0);
    }
    struct life_client *c = life_client(l, socket);
    if (c == NULL || l->inspections == LIFE_INSPECTIONS) {
        return;
    }
    if (status == 0) {
        life_check(l, PROP(44), is_inspected, "an inspect id that no inspection has had");
        life_check(l, PROP(44), c->inspect_id == 0 || c->inspect_id == id + 1,
                   "an inspect id has changed");
        c->inspect_id = id + 1;
        for (uint32_t n = 1; n < LIFE_CLIENTS; n++) {
            life_check(l, PROP(44), n == socket || l->client[n].inspect_id != id + 1,
                       "two sockets have one inspect id");
        }
    } else {
        bool may_fail = !l->setting->is_faultless || status == LIFE_FORCED_CLOSED;
        life_check(l, PROP(44), status == 0xC0000010u || may_fail,
                   "an inspect id is neither told nor refused");
        life_check(l, PROP(44), c->inspect_id == 0 || may_fail, "an inspect id is told only once");
    }
}

static void on_query(struct life *l, uint32_t which, uint64_t value)
{
    uint32_t status = (uint32_t)value;
    bool may_fail = !l->setting->is_faultless || status == LIFE_FORCED_CLOSED ||
                    l->addresses_changed + l->transports_changed != 0;
    switch (which) {
    case QUERY_TRANSPORTS:
    case QUERY_ADDRESSES:
        life_check(l, PROP(41), status == 0 || may_fail, "a retry with the size told fails");
        break;
    case QUERY_EXTENSION:
        life_check(l, PROP(47), (status == 0xC00000BBu || may_fail) && value >> 32 == 0,
                   "an unknown extension is not refused, or its output is written");
        break;
    case QUERY_BIND:
        life_check(l, LIFE(44), status == 0 || may_fail, "after a failed bind a good one fails");
        break;
    case QUERY_TRANSPORTS_SIZE:
    case QUERY_ADDRESSES_SIZE:
        if (l->setting->is_default && l->setting->is_faultless && status != LIFE_FORCED_CLOSED) {
            life_check(l, PROP(41), status == 0x80000005u && value >> 32 != 0,
                       "a list query without room does not say how much it needs");
        }
        break;
    default:
        break;
    }
}

/* ---- notes ---- */

static void on_stream_note(struct life *l, struct life_context *c, uint32_t note, uint32_t number,
                           uint64_t value)
{
    struct life_client *client = life_client(l, number);
    struct life_frame *f = c->depth > 0 ? &c->frame[c->depth - 1] : NULL;
    if (client == NULL) {
        return;
    }
    if (note == LIFE_NOTE_TAKEN) {
        add_piece(client, &client->taken, value, ++l->orders);
    } else if (f != NULL && f->kind == LIFE_COMPLETION) {
        const struct life_irp *i = life_irp(l, f->irp);
        client->is_unknown = client->is_unknown || (i->flags & 4) != 0;
        add_piece(client, &client->received, value, i->order);
    }
}

static void on_peer_note(struct life *l, uint32_t note, uint32_t number, uint64_t value)
{
    if (number >= LIFE_PEERS) {
        return;
    }
    struct life_peer *p = &l->peer[number];
    switch (note) {
    case LIFE_NOTE_PEER_SENT:
        p->sent_bytes += life_piece_length(value);
        break;
    case LIFE_NOTE_PEER_GOT:
        on_peer_got(l, p, value);
        break;
    case LIFE_NOTE_PEER_END:
        on_peer_end(l, p, value);
        break;
    default:
        p->has_finished = p->has_finished || value == 0;
        p->has_reset = p->has_reset || value == 1;
        p->has_closed = p->has_closed || value == 2;
        break;
    }
}

/* A note that stands before a call goes with it. */
static void before_call(struct life *l, struct life_context *c, uint32_t note, uint32_t number,
                        uint64_t value)
{
    struct life_client *client = life_client(l, number);
    c->client = number;
    if (note == LIFE_NOTE_SEND && client != NULL) {
        client->sent_bytes += life_piece_length(value);
    }
    if (note == LIFE_NOTE_DISCONNECT && client != NULL) {
        client->has_disconnected = client->has_disconnected || value >> 32 == 0;
        client->has_aborted = client->has_aborted || value >> 32 != 0;
        if (c->note == LIFE_NOTE_SEND) {
            return; /* its last bytes */
        }
    }
    c->note = note;
    c->note_value = value;
}

static void on_fixed(struct life *l, uint32_t number, uint64_t value)
{
    struct life_client *client = life_client(l, number);
    if (client != NULL) {
        client->fixed = value;
        client->fixed_seq = l->now->seq;
    }
}

/* What a client says that looks at itself. */
static void on_self_note(struct life *l, uint32_t note, uint32_t number, uint64_t value)
{
    switch (note) {
    case LIFE_NOTE_GUARD:
        if (number != 0) { /* of a request */
            life_check(l, LIFE(32), false, "bytes beyond what was reported are written");
        }
        life_check(l, PROP(36), false, "bytes beyond what was reported are written");
        break;
    case LIFE_NOTE_STATUS:
        life_check(l, PROP(36), true, ""); /* the guards were looked at: LIFE_NOTE_GUARD */
        life_check(l, PROP(32), number >= LIFE_REQUESTS || l->told[number]++ == 0,
                   "the completion routine of a request runs again");
        break;
    case LIFE_NOTE_CHANGED:
        life_check(l, LIFE(11), value != 0, "a retained list has changed");
        break;
    case LIFE_NOTE_OPTION:
    case LIFE_NOTE_OPTION_SET:
        on_option(l, number, value, note == LIFE_NOTE_OPTION_SET);
        break;
    case LIFE_NOTE_QUERY:
        on_query(l, number, value);
        break;
    case LIFE_NOTE_INSPECT_ID:
        on_inspect_id(l, number, value);
        break;
    case LIFE_NOTE_DPC:
        life_check(l, KPROP(16), value != 0, "a DPC runs, removed or not so queued");
        break;
    default:
        break;
    }
}

void life_on_note(struct life *l, struct life_context *c, uint32_t note, uint32_t number,
                  uint64_t value)
{
    switch (note) {
    case GATE_NOTE_CALL:
    case GATE_NOTE_REQUEST:
        c->client = number;
        break;
    case LIFE_NOTE_SEND:
        if (number == 0) { /* a datagram */
            on_sent_datagram(l, value);
            break;
        }
        before_call(l, c, note, number, value);
        break;
    case LIFE_NOTE_RECEIVE:
    case LIFE_NOTE_DISCONNECT:
    case LIFE_NOTE_WATCH:
        before_call(l, c, note, number, value);
        break;
    case LIFE_NOTE_RECEIVED:
    case LIFE_NOTE_TAKEN:
        on_stream_note(l, c, note, number, value);
        break;
    case LIFE_NOTE_PEER_SENT:
    case LIFE_NOTE_PEER_GOT:
    case LIFE_NOTE_PEER_END:
    case LIFE_NOTE_PEER_ACT:
        on_peer_note(l, note, number, value);
        break;
    case LIFE_NOTE_PEER_DATAGRAM:
        on_sent_datagram(l, value);
        break;
    case LIFE_NOTE_FROM:
        c->note_value = value;
        break;
    case LIFE_NOTE_DATAGRAM_IN:
        on_datagram(l, c, number, value);
        break;
    case LIFE_NOTE_FIXED:
        on_fixed(l, number, value);
        break;
    case LIFE_NOTE_INSPECTED:
        on_inspected(l, number, value);
        break;
    case LIFE_NOTE_INSPECT_DONE:
        on_inspect_done(l, number, (uint32_t)(value >> 8));
        before_call(l, c, note, number, value);
        break;
    case LIFE_NOTE_ABORTED:
        on_abort(l, c, number, (uint32_t)value);
        break;
    default:
        on_self_note(l, note, number, value);
        break;
    }
}

void life_data_end(struct life *l)
{
    for (uint32_t n = 1; n < LIFE_CLIENTS; n++) {
        check_received(l, &l->client[n]);
    }
    for (uint32_t n = 1; n < LIFE_PEERS; n++) {
        const struct life_client *c = life_client(l, l->peer[n].suspect);
        life_check(l, LIFE(13), c == NULL || c->has_gap, "a peer does not get the first bytes");
    }
}
