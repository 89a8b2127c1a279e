/* SPDX-License-Identifier: MIT */
/*
 * Socket options: table 2.1 of the control plane as data, the option of the security descriptor,
 * and the options of the protocols that are stored and given back (2.4).
 */
#include "model/wsk/wsk_internal.h"

#include <string.h>

#define ON(category) (1u << (category))
#define ON_L ON(WSK_LISTEN)
#define ON_D ON(WSK_DATAGRAM)
#define ON_C ON(WSK_CONNECTION)
#define ON_S ON(WSK_STREAM) /* AMBIGUOUS-30: as the role it may still take */

struct row {
    ULONG code;
    const char *name;
    unsigned categories;
    bool is_switch;   /* on/off: 0 and 1 */
    bool before_bind;
    bool may_lack;    /* not every transport has it (CTL-132) */
    uint16_t offset;  /* of the ULONG in struct wsk_socket */
};

#define FIELD(name) (uint16_t)offsetof(struct wsk_socket, name)

static const struct row rows[] = {
    {SO_BROADCAST, "SO_BROADCAST", ON_D, true, false, false, FIELD(broadcast)},
    {SO_CONDITIONAL_ACCEPT, "SO_CONDITIONAL_ACCEPT", ON_L | ON_S, true, true, true,
     FIELD(conditional_accept)},
    {(ULONG)SO_EXCLUSIVEADDRUSE, "SO_EXCLUSIVEADDRUSE", ON_L | ON_D | ON_C | ON_S, true, true,
     false, FIELD(exclusive_address)},
    {SO_REUSEADDR, "SO_REUSEADDR", ON_L | ON_D | ON_C | ON_S, true, true, false,
     FIELD(reuse_address)},
    {SO_KEEPALIVE, "SO_KEEPALIVE", ON_L | ON_C | ON_S, true, false, true, FIELD(keep_alive)},
    {SO_RCVBUF, "SO_RCVBUF", ON_L | ON_D | ON_C | ON_S, false, false, true,
     FIELD(receive_buffer)},
};

static ULONG *field_of(struct wsk_socket *socket, const struct row *row)
{
    return (ULONG *)((uint8_t *)socket + row->offset);
}

/* ---- checks that several options share ---- */

/* AMBIGUOUS-47: what a set that comes too late is answered. */
static bool refuse_late(struct wsk_call *call)
{
    if (model_knob(call->s, KNOB_AMB_47) == 1) {
        wsk_finish(call, WSK_PEND, STATUS_SUCCESS, 0);
    } else {
        wsk_refuse(call, STATUS_INVALID_DEVICE_STATE);
    }
    return false;
}

/* CTL-111, CTL-129, CTL-130. False: the call is decided. */
static bool check_before_bind(struct wsk_call *call, const char *name, enum model_rule rule)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    if (socket->from_connect) {
        model_breach(s, RULE_CTL_130, socket->object, &socket->created,
                     "%s belongs before bind and is set on a socket of WskSocketConnect", name);
        return refuse_late(call);
    }
    bool is_bind_entered = socket->state != WSK_UNBOUND && !socket->is_accepted;
    if (socket->is_accepted || socket->seen != WSK_UNBOUND || is_bind_entered) {
        model_breach(s, rule, socket->object, &socket->seen_where,
                     "%s is set after the socket has been passed to WskBind", name);
        return refuse_late(call);
    }
    model_exercised(s, rule);
    model_exercised(s, RULE_CTL_130);
    return true;
}

static void check_category(struct wsk_call *call, const struct row *row)
{
    model_exercised(call->s, RULE_CTL_128);
    if ((row->categories & ON(call->socket->category)) == 0) {
        model_fail(call->s, RULE_CTL_128, call->socket->object, NULL,
                   "%s does not apply to a %s socket", row->name,
                   wsk_category_name(call->socket->category));
    }
}

/*
 * CTL-125: four bytes; one byte is tolerated for an on/off option. *used: bytes to use. False: the
 * call is decided (AMBIGUOUS-46).
 */
static bool check_size(struct wsk_call *call, const struct row *row, const void *buffer,
                       SIZE_T size, SIZE_T *used)
{
    struct sim *s = call->s;
    bool is_short = row->is_switch && size == 1;
    bool is_wrong = buffer == NULL || (size != sizeof(ULONG) && !is_short);
    if (is_wrong) {
        model_breach(s, RULE_CTL_125, call->socket->object, NULL,
                     "%s is given %u bytes instead of 4", row->name,
                     buffer == NULL ? 0 : (unsigned)size);
    }
    if (is_short) {
        model_lint(s, RULE_CTL_125);
    }
    model_exercised(s, RULE_CTL_125);
    bool is_large = size > sizeof(ULONG) && model_knob(s, KNOB_AMB_46_LARGE) == 1;
    bool is_small = size < sizeof(ULONG) && (!row->is_switch || model_knob(s, KNOB_AMB_46) == 1);
    if (buffer == NULL || size == 0 || is_large || is_small) {
        wsk_refuse(call, STATUS_INVALID_PARAMETER);
        return false;
    }
    *used = size < sizeof(ULONG) ? size : sizeof(ULONG);
    return true;
}

/* ---- the ULONG options ---- */

static ULONG read_value(struct sim *s, const void *in, SIZE_T size)
{
    ULONG value = 0;
    model_touch(s, in, size, "InputBuffer");
    memcpy(&value, in, size);
    return value;
}

static void apply(struct sim *s, struct wsk_socket *socket, const struct row *row, ULONG value)
{
    if (model_mutated(option_set_lost)) {
        return;
    }
    *field_of(socket, row) = row->is_switch ? value != 0 : value;
    if (row->code == SO_KEEPALIVE || row->code == SO_RCVBUF) {
        if (socket->category == WSK_CONNECTION || socket->committed_connect) {
            wsk_stream_options_changed(s, socket);
        }
    }
}

static void deliver_set(struct sim *s, struct wsk_request *r)
{
    if (NT_SUCCESS(r->status)) {
        ULONG value = read_value(s, r->out[0], r->out_size[0]); /* CTL-040, CTL-041 */
        apply(s, r->socket, &rows[r->mark], value);
    }
}

/* AMBIGUOUS-49: reuse and exclusive use exclude each other. */
static bool is_excluded(struct sim *s, struct wsk_socket *socket, const struct row *row)
{
    bool other = row->code == SO_REUSEADDR ? socket->exclusive_address != 0
                 : row->code == (ULONG)SO_EXCLUSIVEADDRUSE ? socket->reuse_address != 0
                                                           : false;
    if (!other) {
        return false;
    }
    if (model_knob(s, KNOB_AMB_49) == 0) {
        return true;
    }
    socket->exclusive_address = socket->reuse_address = 0; /* the last one wins */
    return false;
}

static NTSTATUS judge_value(struct wsk_call *call, const struct row *row, ULONG value)
{
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES, STATUS_NOT_SUPPORTED};
    struct sim *s = call->s;
    NTSTATUS status = STATUS_SUCCESS;
    model_exercised(s, RULE_CTL_126);
    if (row->is_switch && value > 1) {
        model_lint(s, RULE_CTL_126);
        if (model_knob(s, KNOB_AMB_46_VALUES) == 1) {
            return STATUS_INVALID_PARAMETER;
        }
    }
    if (value != 0 && is_excluded(s, call->socket, row)) {
        return STATUS_INVALID_PARAMETER;
    }
    bool may_lack = row->may_lack && (row->code != SO_CONDITIONAL_ACCEPT || /* LSTN-022 */
                                      !model_mutated(conditional_accept_everywhere));
    (void)wsk_fault(s, faults, may_lack ? 2 : 1, &status); /* CTL-027, CTL-132 */
    return status;
}

static void set_value(struct wsk_call *call, const struct row *row, const struct wsk_control *c)
{
    struct sim *s = call->s;
    wsk_control_no_output(s, c);
    SIZE_T size;
    if (!check_size(call, row, c->in, c->in_size, &size)) {
        return;
    }
    ULONG value = read_value(s, c->in, size);
    if (row->before_bind && !check_before_bind(call, row->name, RULE_CTL_129)) {
        return;
    }
    NTSTATUS status = judge_value(call, row, value);
    struct wsk_request *r = call->request;
    if (r == NULL) { /* irp.null_status=executes-inline */
        if (NT_SUCCESS(status)) {
            apply(s, call->socket, row, value);
        }
        wsk_inline(call, status, 0);
        return;
    }
    r->out[0] = c->in;
    r->out_size[0] = size;
    r->mark = (uint64_t)(row - rows);
    r->deliver = deliver_set;
    wsk_finish(call, WSK_PEND, status, 0);
}

static void get_value(struct wsk_call *call, const struct row *row, const struct wsk_control *c)
{
    wsk_control_no_input(call->s, c);
    if (c->returned != NULL) {
        model_lint(call->s, RULE_CTL_044);
    }
    SIZE_T size;
    if (!check_size(call, row, c->out, c->out_size, &size)) {
        return;
    }
    if (row->is_switch && model_knob(call->s, KNOB_AMB_46_GET) == 1) {
        size = 1;
    }
    wsk_control_output(call, c, field_of(call->socket, row), size);
}

/* ---- SO_WSK_SECURITY ---- */

static void check_security(struct wsk_call *call, const void *buffer, SIZE_T size)
{
    unsigned category = call->socket->category;
    if (category == WSK_BASIC) {
        model_fail(call->s, RULE_CTL_110, call->socket->object, NULL,
                   "SO_WSK_SECURITY does not apply to a basic socket");
    }
    if (call->request == NULL) {
        model_fail(call->s, RULE_CTL_112, call->socket->object, NULL,
                   "SO_WSK_SECURITY is called without an IRP");
    }
    if (buffer == NULL || size != sizeof(PSECURITY_DESCRIPTOR)) {
        model_fail(call->s, RULE_CTL_113, call->socket->object, NULL,
                   "SO_WSK_SECURITY is given %u bytes instead of a pointer variable",
                   buffer == NULL ? 0 : (unsigned)size);
    }
    model_touch(call->s, buffer, sizeof(PSECURITY_DESCRIPTOR), "security descriptor variable");
    model_exercised(call->s, RULE_CTL_110);
    model_exercised(call->s, RULE_CTL_112);
    model_exercised(call->s, RULE_CTL_113);
}

static void deliver_security(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    if (!NT_SUCCESS(r->status)) {
        return;
    }
    if (socket->sd_object != 0) {
        if (model_mutated(sd_first_wins)) {
            return;
        }
        wsk_sd_use(s, socket->sd_object, -1);
    }
    socket->sd = r->item;
    socket->sd_object = r->sd_object;
    wsk_sd_use(s, socket->sd_object, 1);
}

static void set_security(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    wsk_control_no_output(s, c);
    check_security(call, c->in, c->in_size);
    if (!check_before_bind(call, "SO_WSK_SECURITY", RULE_CTL_111)) {
        return;
    }
    struct wsk_request *r = call->request;
    memcpy(&r->item, c->in, sizeof r->item);
    r->sd_object = wsk_sd_check(s, r->item, RULE_CTL_114, "SO_WSK_SECURITY");
    wsk_sd_use(s, r->sd_object, 1);
    r->deliver = deliver_security;
    wsk_finish(call, WSK_PEND, STATUS_SUCCESS, 0);
}

static void get_security(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    wsk_control_no_input(s, c);
    check_security(call, c->out, c->out_size);
    PSECURITY_DESCRIPTOR sd = call->socket->sd;
    if (sd != NULL) {
        wsk_sd_reference(s, call->socket->sd_object, c->out);
    } else if (model_knob(s, KNOB_AMB_51) == 0) {
        sd = wsk_sd_new(s, call->registration);
        wsk_sd_got(s, sd, c->out);
    } else if (model_knob(s, KNOB_AMB_51) == 2) {
        wsk_refuse(call, STATUS_NOT_FOUND);
        return;
    }
    wsk_control_output(call, c, &sd, sizeof sd);
}

/* ---- options of the protocols ---- */

enum { TCP_KEEPIDLE_CODE = 3, TCP_FASTOPEN_CODE = 15, TCP_KEEPCNT_CODE = 16,
       TCP_KEEPINTVL_CODE = 17 };

ULONG wsk_option_value(const struct wsk_socket *socket, ULONG level, ULONG code)
{
    for (uint32_t i = 0; i < socket->pass_count; i++) {
        if (socket->pass[i].level == level && socket->pass[i].code == code) {
            return socket->pass[i].value;
        }
    }
    if (level == IPPROTO_IPV6 && code == IPV6_V6ONLY) {
        return socket->v6only;
    }
    return 0;
}

static bool is_passed(struct sim *s, ULONG level, ULONG code)
{
    if (level == IPPROTO_IP || level == IPPROTO_IPV6) {
        return true;
    }
    bool is_probe = level == IPPROTO_UDP || (level == IPPROTO_TCP && code == TCP_NODELAY);
    if (is_probe && model_knob(s, KNOB_PASS_PROBES) == 1) {
        return true;
    }
    return level == IPPROTO_TCP && (code == TCP_KEEPIDLE_CODE || code == TCP_KEEPCNT_CODE ||
                                    code == TCP_KEEPINTVL_CODE || code == TCP_FASTOPEN_CODE);
}

static void store(struct sim *s, struct wsk_socket *socket, ULONG level, ULONG code, ULONG value)
{
    struct wsk_pass_option *at = socket->pass;
    while (at < socket->pass + socket->pass_count && (at->level != level || at->code != code)) {
        at++;
    }
    if (model_mutated(pass_option_lost)) {
        return;
    }
    if (at == socket->pass + socket->pass_count) {
        if (socket->pass_count == WSK_PASS_OPTIONS_MAX) {
            sim_limit(s, "WSK_PASS_OPTIONS_MAX: too many protocol options on one socket");
        }
        socket->pass_count++;
    }
    *at = (struct wsk_pass_option){level, code, value};
    if (level == IPPROTO_TCP && code == TCP_FASTOPEN_CODE) {
        socket->fast_open = value != 0;
    }
    if (level == IPPROTO_IPV6 && code == IPV6_V6ONLY) {
        socket->v6only = value != 0;
    }
}

static void deliver_pass(struct sim *s, struct wsk_request *r)
{
    if (NT_SUCCESS(r->status)) {
        ULONG value = read_value(s, r->out[0], r->out_size[0]);
        store(s, r->socket, r->flags, (ULONG)r->mark, value);
    }
}

/* CTL-011: served with an IRP; nobody is blamed for a probe. */
static void pass_option(struct wsk_call *call, const struct wsk_control *c)
{
    bool is_set = c->type == WskSetOption;
    const void *buffer = is_set ? c->in : c->out;
    SIZE_T size = is_set ? c->in_size : c->out_size;
    if (!is_passed(call->s, c->level, c->code)) {
        wsk_refuse(call, wsk_unknown_status(call->s));
        return;
    }
    if (call->request == NULL || buffer == NULL || size == 0) {
        model_lint(call->s, RULE_CTL_012);
        wsk_refuse(call, STATUS_INVALID_PARAMETER);
        return;
    }
    size = size < sizeof(ULONG) ? size : sizeof(ULONG);
    if (!is_set) {
        ULONG value = wsk_option_value(call->socket, c->level, c->code);
        wsk_control_output(call, c, &value, size);
        return;
    }
    struct wsk_request *r = call->request;
    r->out[0] = c->in;
    r->out_size[0] = size;
    r->flags = c->level;
    r->mark = c->code;
    r->deliver = deliver_pass;
    model_touch(call->s, c->in, c->in_size, "InputBuffer");
    wsk_finish(call, WSK_PEND, STATUS_SUCCESS, 0);
}

/* ---- all ---- */

bool wsk_is_option(ULONG code)
{
    if (code == SO_WSK_EVENT_CALLBACK || code == SO_WSK_SECURITY) {
        return true;
    }
    for (size_t i = 0; i < SIM_COUNT(rows); i++) {
        if (rows[i].code == code) {
            return true;
        }
    }
    return false;
}

static void socket_option(struct wsk_call *call, const struct wsk_control *c)
{
    for (size_t i = 0; i < SIM_COUNT(rows); i++) {
        if (rows[i].code != c->code) {
            continue;
        }
        check_category(call, &rows[i]);
        if (!wsk_control_needs_irp(call, rows[i].name, true)) {
            return;
        }
        if (c->type == WskSetOption) {
            set_value(call, &rows[i], c);
        } else {
            get_value(call, &rows[i], c);
        }
        return;
    }
    wsk_refuse(call, wsk_unknown_status(call->s));
}

void wsk_option(struct wsk_call *call, const struct wsk_control *c)
{
    if (c->code == SO_WSK_EVENT_CALLBACK) {
        wsk_event_option(call, c);
        return;
    }
    if (c->level == SOL_SOCKET) {
        if (c->code != SO_WSK_SECURITY) {
            socket_option(call, c);
        } else if (c->type == WskSetOption) {
            set_security(call, c);
        } else {
            get_security(call, c);
        }
        return;
    }
    /* The protocols number theirs from 1: what is below 0x1000 may be one of theirs. */
    bool is_protocol = is_passed(call->s, c->level, c->code) || c->level == IPPROTO_TCP ||
                       c->level == IPPROTO_UDP;
    bool is_small = c->code < 0x1000 && is_protocol;
    if (wsk_is_option(c->code) && !is_small) {
        model_fail(call->s, RULE_CTL_006, call->socket->object, NULL,
                   "socket option 0x%x is given level %u instead of SOL_SOCKET", c->code, c->level);
    }
    pass_option(call, c);
}
