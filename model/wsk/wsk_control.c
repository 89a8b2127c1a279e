/* SPDX-License-Identifier: MIT */
/*
 * WskControlSocket: dispatch, and what all control operations share: is the IRP due, where output
 * and sizes go, how long the buffers are used (CTL-040 to CTL-048).
 *
 * Input is judged at the call, and read again when the request completes; output is written when it
 * completes: the latest moments the contract allows. A buffer that is gone by then is a memory
 * finding.
 */
#include "model/wsk/wsk_internal.h"

#include <string.h>

NTSTATUS wsk_unknown_status(struct sim *s)
{
    static const NTSTATUS status[] = {STATUS_NOT_SUPPORTED, STATUS_INVALID_PARAMETER,
                                      STATUS_INVALID_DEVICE_REQUEST};
    return status[model_knob(s, KNOB_AMB_45)];
}

static uint32_t object_of(const struct wsk_call *call)
{
    return call->socket != NULL ? call->socket->object : call->registration->object;
}

/* The readings of a missing IRP (AMBIGUOUS-14); can_inline: the operation has such a form. */
static bool answer_null_irp(struct wsk_call *call, bool can_inline)
{
    switch (model_knob(call->s, KNOB_IRP_NULL_STATUS)) {
    case 1:
        model_touch(call->s, NULL, sizeof(IRP), "Irp");
        break;
    case 2:
        wsk_inline(call, model_mutated(request_not_accepted_lost) ? STATUS_INVALID_PARAMETER
                                                                  : STATUS_REQUEST_NOT_ACCEPTED,
                   0); /* CTL-032 */
        return false;
    case 3:
        if (can_inline) {
            return true;
        }
        break;
    default:
        break;
    }
    wsk_inline(call, STATUS_INVALID_PARAMETER, 0);
    return false;
}

bool wsk_control_needs_irp(struct wsk_call *call, const char *operation, bool can_inline)
{
    enum model_rule rule = call->socket != NULL ? RULE_CTL_012 : RULE_CTL_146;
    model_exercised(call->s, rule);
    if (SIM_LIKELY(call->request != NULL)) {
        return true;
    }
    model_breach(call->s, rule, object_of(call), NULL, "%s is called without an IRP",
                 operation);
    return answer_null_irp(call, can_inline);
}

bool wsk_control_wants_none(struct wsk_call *call)
{
    if (call->request == NULL) {
        return true;
    }
    model_lint(call->s, RULE_CTL_012);
    switch (model_knob(call->s, KNOB_AMB_15)) {
    case 1:
        wsk_inline(call, STATUS_INVALID_PARAMETER, 0);
        return false;
    case 2:
        wsk_request_abandon(call);
        return true;
    default:
        return true;
    }
}

void wsk_control_no_input(struct sim *s, const struct wsk_control *c)
{
    if (c->in != NULL || c->in_size != 0) {
        model_lint(s, RULE_CTL_008);
    }
}

void wsk_control_no_output(struct sim *s, const struct wsk_control *c)
{
    if (c->out != NULL || c->out_size != 0) {
        model_lint(s, RULE_CTL_009);
    }
    if (c->returned != NULL) {
        model_lint(s, RULE_CTL_044);
    }
}

void wsk_control_returned(struct sim *s, SIZE_T *returned, SIZE_T value)
{
    if (returned == NULL) {
        return;
    }
    if (model_knob(s, KNOB_AMB_16) == 1) {
        uint32_t half = (uint32_t)value;
        model_touch(s, returned, sizeof half, "OutputSizeReturned");
        memcpy(returned, &half, sizeof half);
    } else {
        if (!sim_memory_ok(returned, sizeof *returned, NULL) &&
            sim_memory_ok(returned, sizeof(ULONG), NULL)) {
            model_fail(s, RULE_CTL_047, 0, NULL,
                       "OutputSizeReturned points to a variable of fewer than %zu bytes: it is a "
                       "SIZE_T",
                       sizeof *returned);
        }
        model_exercised(s, RULE_CTL_047);
        model_touch(s, returned, sizeof *returned, "OutputSizeReturned");
        *returned = value;
    }
}

/* AMBIGUOUS-17: a return pointer that came with an IRP. */
static bool writes_returned(struct sim *s, const struct wsk_request *r)
{
    switch (model_knob(s, KNOB_AMB_17)) {
    case 0:
        return !r->was_pended;
    case 2:
        return true;
    default:
        return false;
    }
}

static void deliver_output(struct sim *s, struct wsk_request *r)
{
    if (!NT_SUCCESS(r->status)) {
        return;
    }
    model_touch(s, r->out[1], r->value_size, "OutputBuffer");
    memcpy(r->out[1], r->value, r->value_size);
    if (model_mutated(output_overrun) && sim_memory_ok(r->out[1], r->value_size + 1, NULL)) {
        ((uint8_t *)r->out[1])[r->value_size] = 0;
    }
    if (r->out[2] != NULL && writes_returned(s, r)) {
        wsk_control_returned(s, r->out[2], r->value_size);
    }
}

void wsk_control_output(struct wsk_call *call, const struct wsk_control *c, const void *bytes,
                        SIZE_T size)
{
    struct sim *s = call->s;
    model_touch(s, c->out, size, "OutputBuffer");
    if (call->request == NULL) {
        memcpy(c->out, bytes, size);
        wsk_control_returned(s, c->returned, size);
        wsk_finish(call, WSK_INLINE, STATUS_SUCCESS, 0);
        return;
    }
    struct wsk_request *r = call->request;
    SIM_ASSERT_OP(size, <=, sizeof r->value);
    memcpy(r->value, bytes, size);
    r->value_size = (uint32_t)size;
    r->out[1] = c->out;
    r->out[2] = c->returned;
    r->deliver = deliver_output;
    wsk_finish(call, WSK_PEND, STATUS_SUCCESS, size);
}

/* CTL-005: options and IOCTLs are numbered each for itself; these numbers are only the others'. */
static void check_code(struct wsk_call *call, const struct wsk_control *c)
{
    bool is_ioctl = c->type == WskIoctl;
    bool is_other = is_ioctl ? wsk_is_option(c->code)
                             : c->level == SOL_SOCKET && wsk_is_ioctl(c->code);
    if (is_other) {
        model_fail(call->s, RULE_CTL_005, call->socket->object, NULL,
                   "%s request is given 0x%x, the number of %s", is_ioctl ? "an I/O" : "an option",
                   c->code, is_ioctl ? "a socket option" : "an I/O control");
    }
    model_exercised(call->s, RULE_CTL_005);
}

/* CTL-010: the sizes are what the buffers have. One that is bad from its start is not for here. */
static void check_extent(struct sim *s, const struct wsk_call *call, const void *buffer,
                         SIZE_T size, const char *name)
{
    uintptr_t bad;
    if (buffer == NULL || size == 0 || SIM_LIKELY(sim_memory_ok(buffer, size, &bad))) {
        return;
    }
    if (bad != (uintptr_t)buffer) {
        model_fail(s, RULE_CTL_010, object_of(call), NULL,
                   "%s is said to have %llu bytes and has %llu", name, (unsigned long long)size,
                   (unsigned long long)(bad - (uintptr_t)buffer));
    }
}

void wsk_control_buffers(struct wsk_call *call, const struct wsk_control *c)
{
    check_extent(call->s, call, c->in, c->in_size, "InputBuffer");
    check_extent(call->s, call, c->out, c->out_size, "OutputBuffer");
    model_exercised(call->s, RULE_CTL_010);
}

static void control(struct wsk_call *call, const struct wsk_control *c)
{
    wsk_control_buffers(call, c);
    check_code(call, c);
    if (model_mutated(control_ignores_type) && wsk_is_ioctl(c->code)) {
        wsk_ioctl(call, c);
        return;
    }
    switch (c->type) {
    case WskSetOption:
    case WskGetOption:
        wsk_option(call, c);
        return;
    case WskIoctl:
        wsk_ioctl(call, c);
        return;
    case WskControlMax:
        break;
    }
    model_fail(call->s, RULE_CTL_004, call->socket->object, NULL,
               "WskControlSocket is given request type %d", (int)c->type);
}

/* AMBIGUOUS-32: under the second reading a dead socket still takes a disable. */
static unsigned enter_flags(WSK_CONTROL_SOCKET_TYPE type, ULONG code)
{
    unsigned flags = WSK_ENTER_OPTIONAL_IRP;
    if (type == WskSetOption && code == SO_WSK_EVENT_CALLBACK &&
        model_knob(sim_current, KNOB_AMB_32) == 1) {
        flags |= WSK_ENTER_DEAD_OK;
    }
    return flags;
}

NTSTATUS WSKAPI WskControlSocket(PWSK_SOCKET Socket, WSK_CONTROL_SOCKET_TYPE RequestType,
                                 ULONG ControlCode, ULONG Level, SIZE_T InputSize,
                                 PVOID InputBuffer, SIZE_T OutputSize, PVOID OutputBuffer,
                                 SIZE_T *OutputSizeReturned, PIRP Irp)
{
    struct wsk_call call;
    const struct wsk_control c = {
        .type = RequestType,
        .code = ControlCode,
        .level = Level,
        .in_size = InputSize,
        .out_size = OutputSize,
        .in = InputBuffer,
        .out = OutputBuffer,
        .returned = OutputSizeReturned,
    };
    if (WSK_ENTER_FLAGS(&call, WskControlSocket, Socket, Irp, WSK_REQ_CONTROL,
                        enter_flags(RequestType, ControlCode))) {
        control(&call, &c);
    }
    return wsk_leave(&call);
}
