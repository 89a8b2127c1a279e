/* SPDX-License-Identifier: MIT */
/* What the files of the control plane share with each other and with nobody else. */
#ifndef MODEL_WSK_WSK_INTERNAL_H
#define MODEL_WSK_WSK_INTERNAL_H

#include "model/wsk/wsk.h"

/* wsk_request.c */
struct wsk_request *wsk_request_new(struct wsk_call *call, enum wsk_request_kind kind,
                                    struct io_irp *irp);
/* Completes inline with this result (or right after the return: irp.nonpending_completion). */
void wsk_request_inline(struct wsk_call *call, NTSTATUS status, ULONG_PTR information);
/* The IRP is never given back (readings on request: amb.06, amb.15 ignore). */
void wsk_request_abandon(struct wsk_call *call);
/* Answers inline, whatever the status (the style is no choice here). */
static inline void wsk_inline(struct wsk_call *call, NTSTATUS status, ULONG_PTR information)
{
    call->decided = true;
    call->status = status;
    if (call->request != NULL) {
        wsk_request_inline(call, status, information);
    }
}
/* Pends with a known result; a context is on its way. */
void wsk_request_later(struct wsk_call *call, NTSTATUS status, ULONG_PTR information);
/* Pends, waiting. */
void wsk_request_wait(struct wsk_call *call);
/* Creates the context that completes a request whose result is set. */
void wsk_request_launch(struct sim *s, struct wsk_request *request);
/*
 * wsk_complete for a disable whose set is empty: those of one gate go back one after the other, on
 * one context, in the order of the calls (T-14).
 */
void wsk_request_drained(struct sim *s, struct wsk_gate *gate, struct wsk_request *request,
                         NTSTATUS status);
/* Takes out and completes every waiting request of the socket; order by the reading at a close. */
void wsk_request_fail_all(struct sim *s, struct wsk_socket *socket, NTSTATUS status,
                          bool in_any_order);
/* A completion routine at PICK_WSK_COMPLETION_IRQL. */
KIRQL wsk_pick_irql(struct sim *s, uint32_t kind);

/* wsk_stage.c; AMBIGUOUS-LIFE-12: lifetime.inputs=all-needed wants them unchanged at the end. */
void wsk_input_keep(struct wsk_request *r, const void *p, SIZE_T size, enum model_rule rule);
void wsk_inputs_kept(struct sim *s, const struct wsk_request *r);

/* wsk_call.c */
void wsk_call_check_close(struct wsk_call *call);

/* wsk_socket.c */
const char *wsk_category_name(unsigned category);
const char *wsk_event_name(unsigned event);
const void *wsk_provider_table(struct sim *s, enum wsk_category category);
/* SOCK-008, REG-027: what the client may not write, at the end. */
void wsk_socket_check_tables(struct sim *s);
void wsk_registration_check_table(struct sim *s);

/* wsk_registration.c */
struct wsk_registration *wsk_registration_of(struct sim *s, PWSK_CLIENT client);
struct wsk_registration *wsk_registration_new(struct sim *s);
const WSK_PROVIDER_DISPATCH *wsk_provider_dispatch(struct sim *s, USHORT version);
bool wsk_provider_ready(struct sim *s);
/* REG-024: the registration's WskDeregister waits for what is done now. */
void wsk_check_given_up(struct sim *s, const struct wsk_registration *registration);
bool wsk_registration_is_idle(struct sim *s, void *registration);
void wsk_registration_check_unload(struct sim *s);

/* wsk_client_event.c: the provider has just been captured (CTL-099). */
void wsk_client_event(struct sim *s, struct wsk_registration *registration);

/* wsk_nmr.c */
struct wsk_nmr_state *wsk_nmr_create(void);
void wsk_nmr_reset(struct sim *s);
void wsk_nmr_provider_ready(struct sim *s);
void wsk_nmr_check_unload(struct sim *s);
void wsk_nmr_memory_freed(struct sim *s, const void *p, size_t size);

/* wsk_gate users: wsk_callback.c */
void wsk_event_nulls(struct sim *s, struct wsk_socket *socket);
/* The driver calls us: how much stack has its callback used so far (EVT-017)? */
void wsk_event_check_stack(struct sim *s);
bool wsk_event_drain(struct sim *s, struct wsk_socket *socket, enum wsk_event event);
uint32_t wsk_event_limit(struct sim *s, enum wsk_event event);

/* wsk_answer.c: the client's half of a callback. */
struct wsk_out {
    PVOID context;
    const WSK_CLIENT_CONNECTION_DISPATCH *dispatch;
    SIZE_T accepted;
};
#define WSK_UNWRITTEN ((PVOID)(ULONG_PTR)0xBADBADBADBADBAD0ull) /* out-parameters before the call */
/* The client's function, after its table has been checked (SOCK-010). */
const void *wsk_event_checked_target(struct sim *s, const struct wsk_socket *socket,
                                     enum wsk_event event);
NTSTATUS wsk_event_call(struct sim *s, struct wsk_invocation *inv, const void *target,
                        struct wsk_out *out);
void wsk_event_judge(struct sim *s, struct wsk_invocation *inv, const struct wsk_out *out);

/* Value of a trace event about a callback: %e is the upper half, %s the lower. */
static inline uint64_t wsk_event_value(uint32_t event, NTSTATUS status)
{
    return (uint64_t)event << 32 | (uint32_t)status;
}

/* wsk_event_option.c: SO_WSK_EVENT_CALLBACK; the call is entered, the request (if any) is made. */
struct wsk_control {
    WSK_CONTROL_SOCKET_TYPE type;
    ULONG code, level;
    SIZE_T in_size, out_size;
    PVOID in, out;
    SIZE_T *returned;
};
void wsk_event_option(struct wsk_call *call, const struct wsk_control *control);
void wsk_option(struct wsk_call *call, const struct wsk_control *control);
void wsk_ioctl(struct wsk_call *call, const struct wsk_control *control);
/* The code is that of an option of table 2.1, an IOCTL of table 2.2. */
bool wsk_is_option(ULONG code);
bool wsk_is_ioctl(ULONG code);
/* The event flag of an enum wsk_event, 0 for inspect and abort; the flags of a category. */
ULONG wsk_event_flag(enum wsk_event event);
ULONG wsk_category_flags(enum wsk_category category);
bool wsk_is_wsk_npi(struct sim *s, PNPIID id);

/* wsk_extension.c: SIO_WSK_REGISTER_EXTENSION; is this SO_WSK_EVENT_CALLBACK the extension's? */
void wsk_extension_register(struct wsk_call *call, const struct wsk_control *control);
bool wsk_extension_takes(struct wsk_call *call, const struct wsk_control *control);
void wsk_extension_event(struct wsk_call *call, const struct wsk_control *control);
void wsk_extension_inherit(struct wsk_socket *accepted, const struct wsk_socket *listener);

/* wsk_control.c */
NTSTATUS wsk_unknown_status(struct sim *s);
/* CTL-012: the operation needs an IRP. False: the call is decided. */
bool wsk_control_needs_irp(struct wsk_call *call, const char *operation, bool can_inline);
/* The operation takes none: lint, and the knob's reaction; false: the call is decided. */
bool wsk_control_wants_none(struct wsk_call *call);
void wsk_control_no_input(struct sim *s, const struct wsk_control *control);
void wsk_control_no_output(struct sim *s, const struct wsk_control *control);
void wsk_control_returned(struct sim *s, SIZE_T *returned, SIZE_T value);
/* CTL-010. */
void wsk_control_buffers(struct wsk_call *call, const struct wsk_control *control);
/* Output of a control operation: written inline, or by deliver at completion (CTL-040). */
void wsk_control_output(struct wsk_call *call, const struct wsk_control *control,
                        const void *bytes, SIZE_T size);

/* wsk_client_control.c */
struct wsk_control_state *wsk_control_create(void);
void wsk_control_reset(struct sim *s);
void wsk_control_leave(struct sim *s, struct wsk_registration *registration);
void wsk_control_check_unload(struct sim *s);
/* A cached descriptor: its trace id, or 0. Reports CTL-114, CTL-120 by itself if `rule` asks. */
uint32_t wsk_sd_check(struct sim *s, PSECURITY_DESCRIPTOR sd, enum model_rule rule,
                      const char *what);
/* One more reference of the client's (CTL-118), handed out in `variable`. */
void wsk_sd_reference(struct sim *s, uint32_t object, const void *variable);
/* A copy made for a get. */
void wsk_sd_got(struct sim *s, PSECURITY_DESCRIPTOR sd, const void *variable);
PSECURITY_DESCRIPTOR wsk_sd_new(struct sim *s, struct wsk_registration *registration);
/* A socket or a request begins (+1) or ends (-1) to use it. */
void wsk_sd_use(struct sim *s, uint32_t object, int delta);
/* wsk_ioctl.c: the watcher of local addresses (SIO_ADDRESS_LIST_CHANGE). */
void wsk_ioctl_reset(struct sim *s);

#endif
