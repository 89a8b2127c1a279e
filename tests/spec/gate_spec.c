/* SPDX-License-Identifier: MIT */
/*
 * The matrix of 3.4.1, the guards that choose between two rows of one cell, and the effects of a
 * row on the variables of 3.1. See gate_spec.h.
 */
#include "gate_spec.h"

/* ---- the rows ---- */

enum row {
#define ROW(name, id, from, to, result, effects) name,
#include "gate_rows.def"
#undef ROW
    ROWS,
    NP = ROWS /* "not possible" */
};

enum effect {
    ADMIT = 1, DENY = 2, JOIN = 4, APPEND = 8, FINISH = 0x10, REJECT = 0x20, START = 0x40,
    LEAVE = 0x80, NULLED = 0x100, SHUT = 0x200, OPEN = 0x400, BIT = 0x800, FORCE = 0x1000,
    SHUTDOWN = 0x2000, END = 0x4000
};

#define A(state) (1u << GATE_##state)
#define ANY ((1u << GATE_STATES) - 1)
#define SAME 0u
const struct gate_row gate_rows[] = {
#define ROW(name, id, from, to, result, effects) {id, from, to, GATE_##result, effects},
#include "gate_rows.def"
#undef ROW
};
const uint32_t gate_row_count = ROWS;

/* ---- 3.4.1 ---- */

enum column { EN, DIS0, DIS1, OCCUR, RET_SOME, RET_LAST, REFUSED, CANCEL, COLUMNS };

/* Two rows where a guard decides: the first if the guard below holds. */
static const uint8_t matrix[GATE_STATES][COLUMNS][2] = {
    [GATE_D] = {{T_01, NP}, {T_02, NP}, {T_02, NP}, {T_44, NP}, {NP, NP}, {NP, NP}, {NP, NP},
                {NP, NP}},
    [GATE_EI] = {{T_03, NP}, {T_04, NP}, {T_04, NP}, {T_05, T_45}, {NP, NP}, {NP, NP}, {NP, NP},
                 {NP, NP}},
    [GATE_EP] = {{T_03, NP}, {T_09, NP}, {T_10, NP}, {T_06, T_46}, {T_07, NP}, {T_08, NP},
                 {T_22, NP}, {NP, NP}},
    [GATE_XN] = {{T_20, NP}, {T_15, NP}, {T_16, NP}, {T_19, NP}, {T_11, NP}, {T_12, NP},
                 {T_26, NP}, {NP, NP}},
    [GATE_XI] = {{T_20, NP}, {T_17, NP}, {T_18, NP}, {T_19, NP}, {T_13, NP}, {T_14, NP},
                 {T_26, NP}, {T_27, NP}},
    [GATE_RX] = {{T_48, NP}, {T_21A0, NP}, {T_21A1, NP}, {T_49, T_46}, {T_50, T_21}, {T_21, NP},
                 {T_51, NP}, {T_27, NP}},
    [GATE_AD] = {{T_24, NP}, {T_25_0, NP}, {T_25_1, NP}, {T_44, NP}, {T_52, NP}, {T_23, NP},
                 {T_52, T_23}, {NP, NP}},
    [GATE_SI] = {{T_32, NP}, {T_32, NP}, {T_32, NP}, {T_30, T_45}, {NP, NP}, {NP, NP}, {NP, NP},
                 {NP, NP}},
    [GATE_SP] = {{T_32, NP}, {T_32, NP}, {T_32, NP}, {T_53, T_46}, {T_31, NP}, {T_31, NP},
                 {T_31, NP}, {NP, NP}},
    [GATE_FORCED] = {{T_41, NP}, {T_41, NP}, {T_41, NP}, {T_54, T_54X}, {T_55, NP}, {T_55, NP},
                     {T_55, NP}, {T_27, NP}},
    [GATE_CLOSING] = {{T_63, NP}, {T_63, NP}, {T_63, NP}, {T_57, NP}, {T_58, NP}, {T_58, NP},
                      {T_58, NP}, {T_27, NP}},
    [GATE_CLOSED] = {{T_63, NP}, {T_63, NP}, {T_63, NP}, {NP, NP}, {NP, NP}, {NP, NP}, {NP, NP},
                     {NP, NP}},
};

/* The two columns that are about the socket. */
static const uint8_t on_forced[GATE_STATES] = {
    [GATE_D] = T_40, [GATE_EI] = T_40, [GATE_EP] = T_40, [GATE_XN] = T_40, [GATE_XI] = T_40,
    [GATE_RX] = T_40, [GATE_AD] = T_40, [GATE_SI] = T_40, [GATE_SP] = T_40, [GATE_FORCED] = T_56,
    [GATE_CLOSING] = T_56, [GATE_CLOSED] = NP,
};
static const uint8_t on_close[GATE_STATES] = {
    [GATE_D] = T_42, [GATE_EI] = T_42, [GATE_EP] = T_42, [GATE_XN] = T_42, [GATE_XI] = T_42,
    [GATE_RX] = T_42, [GATE_AD] = T_42, [GATE_SI] = T_42, [GATE_SP] = T_42, [GATE_FORCED] = T_42,
    [GATE_CLOSING] = T_63, [GATE_CLOSED] = T_63,
};

/* ---- facts about events ---- */

const uint32_t gate_flag[GATE_EVENTS] = {
    [GATE_RECEIVE] = 0x40, [GATE_DISCONNECT] = 0x80, [GATE_SEND_BACKLOG] = 0x10,
    [GATE_RECEIVE_FROM] = 0x100, [GATE_ACCEPT] = 0x200,
};

/* CTL-185: these tell of a forced close by a NULL indication. */
static bool has_null_form(enum gate_event event)
{
    return event == GATE_ACCEPT || event == GATE_INSPECT || event == GATE_RECEIVE ||
           event == GATE_RECEIVE_FROM;
}

static bool is_connection_event(enum gate_event event)
{
    return event == GATE_RECEIVE || event == GATE_DISCONNECT || event == GATE_SEND_BACKLOG;
}

uint32_t gate_limit(enum gate_event event)
{
    return event == GATE_RECEIVE ? 1 : 2;
}

/* 7.7 */
static bool is_listed(enum gate_event event, uint32_t status)
{
    switch (event) {
    case GATE_RECEIVE:
    case GATE_RECEIVE_FROM:
        return status == GATE_STATUS_SUCCESS || status == GATE_STATUS_PENDING ||
               status == GATE_STATUS_NOT_ACCEPTED;
    case GATE_ACCEPT:
        return status == GATE_STATUS_SUCCESS || status == GATE_STATUS_REJECTED;
    case GATE_INSPECT:
        return status <= 2;
    case GATE_DISCONNECT:
    case GATE_SEND_BACKLOG:
    case GATE_ABORT:
    case GATE_EVENTS:
        break;
    }
    return status == GATE_STATUS_SUCCESS;
}

/* ---- states ---- */

uint32_t gate_count(const struct gate_machine *m)
{
    return (uint32_t)__builtin_popcount(m->running);
}

enum gate_state gate_state(const struct gate_socket *s, enum gate_event event)
{
    static const enum gate_state overlay[] = {
        [GATE_IS_FORCED] = GATE_FORCED, [GATE_IS_CLOSING] = GATE_CLOSING,
        [GATE_IS_CLOSED] = GATE_CLOSED,
    };
    const struct gate_machine *m = &s->machine[event];
    if (s->overlay != GATE_ALIVE) {
        return overlay[s->overlay];
    }
    if (m->source == GATE_STATIC || m->source == GATE_CONDITIONAL) {
        return m->running == 0 ? GATE_SI : GATE_SP;
    }
    if (m->running == 0) {
        return m->adm ? GATE_EI : GATE_D;
    }
    if (m->waiters == 0 && m->quiet == 0) {
        return m->adm ? GATE_EP : GATE_AD;
    }
    if (m->adm) {
        return GATE_RX;
    }
    return m->waiters != 0 ? GATE_XI : GATE_XN;
}

const char *gate_state_name(enum gate_state state)
{
    static const char *const names[GATE_STATES] = {"D",  "EI", "EP", "XN",     "XI",      "RX",
                                                   "AD", "SI", "SP", "Forced", "Closing", "Closed"};
    return names[state];
}

static bool is_machine_sound(const struct gate_socket *s, const struct gate_machine *m)
{
    for (uint32_t i = 0; i < m->waiters; i++) {
        if (m->waiter[i].set == 0 || (m->waiter[i].set & ~m->running) != 0) {
            return false;
        }
    }
    if ((m->quiet & ~m->running) != 0 || m->waiters > GATE_WAITERS_MAX) {
        return false;
    }
    bool is_fixed = m->source == GATE_STATIC || m->source == GATE_CONDITIONAL;
    if (is_fixed && (m->waiters != 0 || m->quiet != 0)) {
        return false;
    }
    if (s->overlay == GATE_IS_CLOSING || s->overlay == GATE_IS_CLOSED) {
        return !m->adm && !m->is_null_due && (s->overlay != GATE_IS_CLOSED || m->running == 0);
    }
    return m->adm || !is_fixed;
}

bool gate_is_sound(const struct gate_socket *s)
{
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        if (!is_machine_sound(s, &s->machine[e])) {
            return false;
        }
    }
    return true;
}

/* ---- which row ---- */

static bool may_start(const struct gate_machine *m, enum gate_event event)
{
    return gate_count(m) < gate_limit(event) && !m->is_shut;
}

/* The sets when this invocation has left: is one not empty? */
static bool some_set_stays(const struct gate_machine *m, uint32_t slot)
{
    uint32_t left = ~(1u << slot);
    bool stays = (m->quiet & left) != 0;
    for (uint32_t i = 0; i < m->waiters; i++) {
        stays = stays || (m->waiter[i].set & left) != 0;
    }
    return stays;
}

/* T-22: only the datagram event, and only if no other thing keeps it enabled (T-31). */
static bool is_refusal(const struct gate_machine *m, const struct gate_trigger *t)
{
    return t->event == GATE_RECEIVE_FROM && t->status == GATE_STATUS_NOT_ACCEPTED &&
           m->source != GATE_STATIC;
}

static enum column column_of_return(const struct gate_machine *m, const struct gate_trigger *t)
{
    if (is_refusal(m, t)) {
        return REFUSED;
    }
    return gate_count(m) > 1 ? RET_SOME : RET_LAST;
}

/* Whether the first row of a cell applies. */
static bool guard(const struct gate_socket *s, const struct gate_trigger *t, enum column column)
{
    const struct gate_machine *m = &s->machine[t->event];
    switch (column) {
    case OCCUR:
        if (gate_state(s, t->event) == GATE_FORCED) {
            return m->is_null_due && (gate_limit(t->event) > 1 || m->running == 0);
        }
        return may_start(m, t->event);
    case RET_SOME:
        return some_set_stays(m, t->slot);
    case REFUSED:
        return gate_count(m) > 1;
    case CANCEL:
        return m->waiters != 0;
    case EN:
    case DIS0:
    case DIS1:
    case RET_LAST:
    case COLUMNS:
        break;
    }
    return true;
}

static enum row cell(const struct gate_socket *s, const struct gate_trigger *t, enum column column)
{
    const uint8_t *rows = matrix[gate_state(s, t->event)][column];
    if (column == CANCEL) {
        return guard(s, t, column) ? (enum row)rows[0] : NP;
    }
    if (column >= RET_SOME && (s->machine[t->event].running >> t->slot & 1) == 0) {
        return NP; /* nobody is there to return */
    }
    return rows[1] == NP || guard(s, t, column) ? (enum row)rows[0] : (enum row)rows[1];
}

static enum row request_row(const struct gate_socket *s, const struct gate_trigger *t)
{
    bool is_enable = t->kind == GATE_ON_ENABLE;
    if (s->overlay == GATE_ALIVE) {
        if (s->is_listener && is_connection_event(t->event)) {
            return is_enable ? T_33 : T_34;
        }
        if (gate_flag[t->event] == 0 || (s->events >> t->event & 1) == 0) {
            return T_28;
        }
    }
    return cell(s, t, is_enable ? EN : t->irp == 0 ? DIS0 : DIS1);
}

static bool has_drained(const struct gate_socket *s)
{
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        if (s->machine[e].running != 0) {
            return false;
        }
    }
    return true;
}

static enum row row_of(const struct gate_socket *s, const struct gate_trigger *t)
{
    enum gate_state state = gate_state(s, t->event);
    switch (t->kind) {
    case GATE_ON_ENABLE:
    case GATE_ON_DISABLE:
        return request_row(s, t);
    case GATE_ON_EVENT:
        return cell(s, t, OCCUR);
    case GATE_ON_RETURN:
        return cell(s, t, column_of_return(&s->machine[t->event], t));
    case GATE_ON_CANCEL:
        return cell(s, t, CANCEL);
    case GATE_ON_FORCED:
        return (enum row)on_forced[state];
    case GATE_ON_CLOSE:
        return (enum row)on_close[state];
    case GATE_ON_CLOSED:
        return s->overlay == GATE_IS_CLOSING && has_drained(s) ? T_43 : NP;
    case GATE_ON_MALFORMED:
        return s->overlay == GATE_ALIVE ? T_28 : cell(s, t, EN);
    case GATE_ON_RECEIVE:
        return s->overlay == GATE_ALIVE ? T_59 : cell(s, t, EN);
    case GATE_ON_ENDED:
        return T_60;
    }
    return NP;
}

const struct gate_row *gate_row(const struct gate_socket *s, const struct gate_trigger *trigger)
{
    enum row row = row_of(s, trigger);
    return row == NP ? NULL : &gate_rows[row];
}

/* T-47 and T-62 refine the row of a return. */
static const struct gate_row *refinement(const struct gate_socket *s, const struct gate_trigger *t)
{
    uint32_t shutting = A(EP) | A(SP) | A(XN) | A(XI) | A(RX) | A(CLOSING);
    if (t->kind != GATE_ON_RETURN) {
        return NULL;
    }
    if (!is_listed(t->event, t->status)) {
        return &gate_rows[T_62];
    }
    bool is_shutting = t->event == GATE_RECEIVE && (shutting >> gate_state(s, t->event) & 1) != 0 &&
                       (t->status == GATE_STATUS_NOT_ACCEPTED || t->is_partial);
    return is_shutting ? &gate_rows[T_47] : NULL;
}

/* ---- effects ---- */

static void complete(struct gate_outcome *out, uint32_t irp, bool is_success)
{
    if (irp != 0) {
        out->completion[out->completions++] = (struct gate_completion){irp, is_success};
    }
}

static void start(struct gate_machine *m, struct gate_outcome *out)
{
    SIM_ASSERT(m->running != UINT32_MAX);
    out->is_started = true;
    out->slot = (uint32_t)__builtin_ctz(~m->running);
    m->running |= 1u << out->slot;
}

/* It leaves all sets; an IRP whose set is empty completes, first in first out. */
static void leave(struct gate_machine *m, uint32_t slot, struct gate_outcome *out)
{
    uint32_t kept = 0;
    SIM_ASSERT((m->running >> slot & 1) != 0);
    m->running &= ~(1u << slot);
    m->quiet &= ~(1u << slot);
    for (uint32_t i = 0; i < m->waiters; i++) {
        struct gate_waiter w = m->waiter[i];
        w.set &= ~(1u << slot);
        if (w.set == 0) {
            complete(out, w.irp, true);
        } else {
            m->waiter[kept++] = w;
        }
    }
    m->waiters = kept;
}

/* T-40: one NULL indication for whoever could have been called. */
static void force(struct gate_socket *s)
{
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        struct gate_machine *m = &s->machine[e];
        m->is_null_due = has_null_form((enum gate_event)e) && m->adm && !m->is_shut;
    }
    s->overlay = GATE_IS_FORCED;
}

static void shut_down(struct gate_socket *s, enum gate_overlay overlay)
{
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        s->machine[e].adm = false;
        s->machine[e].is_null_due = false;
    }
    s->overlay = overlay;
}

static void apply(struct gate_socket *s, const struct gate_row *row, const struct gate_trigger *t,
                  struct gate_outcome *out)
{
    struct gate_machine *m = &s->machine[t->event];
    uint32_t effects = row->effects;
    if ((effects & (ADMIT | DENY)) != 0) {
        m->adm = (effects & ADMIT) != 0;
    }
    if ((effects & JOIN) != 0) {
        m->quiet |= m->running;
    }
    if ((effects & APPEND) != 0) {
        SIM_ASSERT(t->irp != 0 && m->waiters < GATE_WAITERS_MAX);
        m->waiter[m->waiters++] = (struct gate_waiter){t->irp, m->running};
    }
    if ((effects & (FINISH | REJECT)) != 0) {
        complete(out, t->irp, (effects & FINISH) != 0);
    }
    if ((effects & LEAVE) != 0) {
        leave(m, t->slot, out);
    }
    if ((effects & START) != 0) {
        start(m, out);
        m->is_null_due = (effects & NULLED) != 0 ? false : m->is_null_due;
    }
    if ((effects & (SHUT | OPEN)) != 0) {
        m->is_shut = (effects & SHUT) != 0;
    }
    if ((effects & BIT) != 0) {
        m->tmpl = true;
    }
    if ((effects & FORCE) != 0) {
        force(s);
    }
    if ((effects & (SHUTDOWN | END)) != 0) {
        shut_down(s, (effects & END) != 0 ? GATE_IS_CLOSED : GATE_IS_CLOSING);
    }
}

struct gate_outcome gate_step(struct gate_socket *s, const struct gate_trigger *trigger)
{
    struct gate_outcome out = {.row = gate_row(s, trigger), .refined = refinement(s, trigger)};
    struct gate_trigger t = *trigger;
    SIM_ASSERT(out.row != NULL); /* n/p of 3.4.1 */
    if (t.kind == GATE_ON_RECEIVE) {
        t.event = GATE_RECEIVE;
    }
    enum gate_state from = gate_state(s, t.event);
    SIM_ASSERT((out.row->from >> from & 1) != 0);
    apply(s, out.row, &t, &out);
    if (out.refined != NULL) {
        apply(s, out.refined, &t, &out);
    }
    if (t.kind == GATE_ON_ENABLE || t.kind == GATE_ON_DISABLE) {
        s->machine[t.event].is_touched = true;
    }
    enum gate_state to = gate_state(s, t.event);
    SIM_ASSERT(out.row->to == SAME ? to == from : (out.row->to >> to & 1) != 0);
    SIM_ASSERT(gate_is_sound(s));
    out.result = out.row->result;
    return out;
}

/* ---- birth and accept ---- */

void gate_socket_init(struct gate_socket *s, uint32_t events, uint32_t static_events)
{
    *s = (struct gate_socket){.events = events};
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        if ((events & static_events) >> e & 1) {
            s->machine[e].adm = true;
            s->machine[e].source = GATE_STATIC;
        }
    }
    SIM_ASSERT(gate_is_sound(s));
}

void gate_socket_conditional(struct gate_socket *s)
{
    static const enum gate_event both[] = {GATE_INSPECT, GATE_ABORT};
    SIM_ASSERT(s->overlay == GATE_ALIVE);
    for (uint32_t i = 0; i < SIM_COUNT(both); i++) {
        s->machine[both[i]].adm = true;
        s->machine[both[i]].source = GATE_CONDITIONAL;
        s->events |= 1u << both[i];
    }
}

void gate_socket_inherit(struct gate_socket *accepted, const struct gate_socket *listener)
{
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        struct gate_machine *m = &accepted->machine[e];
        bool is_open = accepted->overlay == GATE_ALIVE || accepted->overlay == GATE_IS_FORCED;
        if (listener->machine[e].tmpl && !m->is_touched && m->source == GATE_DYNAMIC && is_open) {
            m->adm = true;
            m->source = GATE_INHERITED;
        }
    }
    SIM_ASSERT(gate_is_sound(accepted));
}

void gate_socket_vanish(struct gate_socket *accepted)
{
    gate_socket_init(accepted, accepted->events, 0);
    accepted->overlay = GATE_IS_CLOSED;
    SIM_ASSERT(gate_is_sound(accepted));
}
