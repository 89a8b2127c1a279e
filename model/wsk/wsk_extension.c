/* SPDX-License-Identifier: MIT */
/*
 * Extension interfaces (control plane 1.14). Windows defines none, so that a registration is
 * answered STATUS_NOT_SUPPORTED; under the knob `extension` there is one of the simulator's own
 * (include/wsksim/extension.h), by which the rules of extensions can be kept and broken.
 *
 * A registration belongs to one socket, and has a gate of its own: its event bit is none of WSK's.
 */
#include "model/wsk/wsk_gate.h"
#include "model/wsk/wsk_internal.h"

#include "include/wsksim/extension.h"

#include <string.h>

static bool is_ping_npi(struct sim *s, PNPIID id)
{
    model_touch(s, id, sizeof *id, "NpiId");
    return memcmp(id, &WskSimExtensionNpi, sizeof *id) == 0;
}

/* ---- the function of the provider ---- */

static struct wsk_socket *socket_of(struct sim *s, PVOID context)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->socket_count; i++) {
        if (w->socket[i].extension.context == context && context != NULL) {
            return &w->socket[i];
        }
    }
    model_fail(s, RULE_CTL_174, 0, NULL,
               "a function of an extension is not given the provider context of its registration");
}

static void pong(struct sim *s, struct wsk_socket *socket, ULONG value)
{
    struct wsk_extension *e = &socket->extension;
    const struct wsksim_extension_client *client = e->client_dispatch;
    model_touch(s, client, sizeof *client, "ClientDispatch");
    uint32_t slot = wsk_gate_enter(&e->gate);
    socket->invocations++;
    struct model_call outer = model_call_save(s);
    ke_window_open(s, KE_WINDOW_WSK_CALLBACK, socket->object);
    client->Pong(model_mutated(extension_swaps_contexts) ? e->context : e->client_context, value);
    ke_window_close(s);
    model_call_restore(s, outer);
    wsk_gate_leave(&e->gate, slot);
    for (struct wsk_request *r; (r = wsk_gate_drained(&e->gate)) != NULL;) {
        wsk_request_drained(s, &e->gate, r, STATUS_SUCCESS);
    }
    socket->invocations--;
    wsk_close_poke(s, socket);
}

static NTSTATUS WSKAPI ping(PVOID ProviderContext, ULONG Value)
{
    struct sim *s = model_enter(ROUTINE_WskExtension);
    struct wsk_socket *socket = socket_of(s, ProviderContext);
    model_exercised(s, RULE_CTL_174);
    if (socket->close_started) {
        model_fail(s, RULE_CTL_175, socket->object, &socket->closed,
                   "a function of an extension is called on a socket that has been passed to "
                   "WskCloseSocket");
    }
    model_exercised(s, RULE_CTL_175);
    socket->extension.calls++;
    NTSTATUS status = STATUS_SUCCESS;
    if (socket->life == WSK_DEAD) {
        wsk_socket_tell_death(s, socket);
        status = STATUS_FILE_FORCED_CLOSED;
    } else if (socket->extension.gate.adm) {
        pong(s, socket, Value);
    }
    socket->extension.calls--;
    return model_leave_status(s, status);
}

/* ---- registration ---- */

static void check_buffers(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    if (c->in == NULL || c->in_size != sizeof(WSK_EXTENSION_CONTROL_IN) || c->out == NULL ||
        c->out_size != sizeof(WSK_EXTENSION_CONTROL_OUT)) {
        model_fail(s, RULE_CTL_170, call->socket->object, NULL,
                   "SIO_WSK_REGISTER_EXTENSION is given buffers of wrong size");
    }
    model_touch(s, c->in, c->in_size, "InputBuffer");
    model_touch(s, c->out, c->out_size, "OutputBuffer");
    if (c->returned != NULL) {
        model_lint(s, RULE_CTL_044);
    }
    model_exercised(s, RULE_CTL_170);
}

static void *provider_table(struct sim *s)
{
    static const struct wsksim_extension_provider table = {ping};
    void *copy = ex_alloc(s, sizeof table, BLOCK_SUBSYSTEM, 0, true, false, NULL);
    memcpy(copy, &table, sizeof table);
    return copy;
}

/* The outputs stay as they are (CTL-171), so that only what they lead to tells of their use. */
static void note_refused(struct sim *s, const WSK_EXTENSION_CONTROL_OUT *out)
{
    struct wsk_state *w = wsk_of(s);
    w->refused_output[0] = (uintptr_t)out->ProviderContext;
    w->refused_output[1] = (uintptr_t)out->ProviderDispatch;
    w->refused = sim_here(s);
}

enum { REACH = 64 }; /* a table of functions, a context */

/* What lies there by chance was taken for a table, and one of its entries was called. */
static bool is_entry(uintptr_t table, uintptr_t address)
{
    for (uintptr_t at = table; at < table + REACH; at += sizeof address) {
        uintptr_t entry;
        if (at % sizeof entry != 0 || !sim_memory_ok((const void *)at, sizeof entry, NULL)) {
            return false;
        }
        memcpy(&entry, (const void *)at, sizeof entry);
        if (entry == address) {
            return true;
        }
    }
    return false;
}

const struct sim_where *wsk_extension_refused(struct sim *s, uintptr_t address)
{
    const struct wsk_state *w = wsk_of(s);
    for (size_t i = 0; i < SIM_COUNT(w->refused_output); i++) {
        uintptr_t base = w->refused_output[i];
        uintptr_t shadow = (base >> 3) + SIM_SHADOW_OFFSET; /* looked at before a far address */
        bool is_there = address - base < REACH || address - shadow < (REACH >> 3);
        if (base != 0 && (is_there || is_entry(base, address))) {
            return &w->refused;
        }
    }
    return NULL;
}

void wsk_extension_register(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    struct wsk_extension *e = &call->socket->extension;
    if (!wsk_control_wants_none(call)) {
        return;
    }
    check_buffers(call, c);
    const WSK_EXTENSION_CONTROL_IN *in = c->in;
    WSK_EXTENSION_CONTROL_OUT *out = c->out;
    model_exercised(s, RULE_CTL_171);
    if (model_knob(s, KNOB_EXTENSION) == 0 || !is_ping_npi(s, in->NpiId)) {
        if (model_mutated(extension_writes_on_failure)) {
            out->ProviderContext = NULL;
        }
        bool succeeds = model_mutated(extension_pretends);
        note_refused(s, out);
        wsk_inline(call, succeeds ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED, 0); /* CTL-171 */
        return;
    }
    if (e->context != NULL && model_knob(s, KNOB_AMB_56) == 0) {
        note_refused(s, out);
        wsk_inline(call, STATUS_INVALID_DEVICE_STATE, 0);
        return;
    }
    if (e->context == NULL) {
        e->context = ex_alloc(s, 16, BLOCK_SUBSYSTEM, 0, true, false, NULL);
        e->provider_dispatch = provider_table(s);
    }
    e->client_context = in->ClientContext;
    e->client_dispatch = in->ClientDispatch;
    out->ProviderContext = e->context;
    out->ProviderDispatch = e->provider_dispatch;
    wsk_inline(call, STATUS_SUCCESS, 0);
}

void wsk_extension_inherit(struct wsk_socket *accepted, const struct wsk_socket *listener)
{
    if (model_mutated(extension_inherited)) {
        accepted->extension = listener->extension;
    }
}

/* ---- SO_WSK_EVENT_CALLBACK ---- */

bool wsk_extension_takes(struct wsk_call *call, const struct wsk_control *c)
{
    const WSK_EVENT_CALLBACK_CONTROL *control = c->in;
    if (SIM_LIKELY(call->socket->extension.context == NULL) || control == NULL ||
        c->in_size != sizeof *control || c->level != SOL_SOCKET) {
        return false;
    }
    model_touch(call->s, control, sizeof *control, "InputBuffer");
    return is_ping_npi(call->s, control->NpiId);
}

/* CTL-060 to CTL-088 for the one event there is. */
void wsk_extension_event(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    struct wsk_gate *gate = &call->socket->extension.gate;
    ULONG mask = ((const WSK_EVENT_CALLBACK_CONTROL *)c->in)->EventMask;
    bool is_disable = (mask & WSK_EVENT_DISABLE) != 0;
    if ((mask & ~(ULONG)WSK_EVENT_DISABLE) != WSKSIM_EXTENSION_PONG) {
        model_fail(s, RULE_CTL_067, call->socket->object, NULL,
                   "event mask 0x%08x does not fit the extension", mask);
    }
    model_exercised(s, RULE_CTL_176);
    if (model_mutated(extension_shares_bits)) {
        gate = &call->socket->gate[WSK_EV_RECEIVE_FROM];
    }
    if (!is_disable) {
        if (call->request != NULL) {
            model_lint(s, RULE_CTL_074);
        }
        wsk_gate_enable(gate);
        wsk_inline(call, STATUS_SUCCESS, 0);
        return;
    }
    switch (wsk_gate_disable(gate, call->request)) {
    case GATE_DISABLED:
        wsk_inline(call, STATUS_SUCCESS, 0);
        break;
    case GATE_WAITS:
        call->request->kind = WSK_REQ_EVENT;
        wsk_pend(call);
        break;
    case GATE_EVENT_PENDING:
        call->status = STATUS_EVENT_PENDING;
        call->decided = true;
        break;
    }
}
