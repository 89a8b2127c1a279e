/* SPDX-License-Identifier: MIT */
/*
 * The golden traces of the control plane (3.6): SO_WSK_EVENT_CALLBACK driven through
 * WskControlSocket and WskCloseSocket by a client in this process, on sockets whose data path is
 * replaced by a counter of things to indicate. Callbacks run at PASSIVE_LEVEL and wait in the
 * middle until the trace lets them return, so that every step of a trace is in our hand.
 */
#include "test_ke.h"

#include "model/wsk/wsk_gate.h"
#include "model/wsk/wsk_internal.h"

#include <wsk.h>

void model_knob_force(enum model_knob knob, int value);

enum { SLOTS = 4 };

static struct {
    struct wsk_socket *socket;
    PWSK_SOCKET handle;
    uint32_t available[WSK_EVENTS];  /* things to indicate */
    uint32_t entered[WSK_EVENTS], left[WSK_EVENTS];
    uint32_t nulls;
    NTSTATUS answer[SLOTS];          /* by order of entry, over all events */
    KEVENT *go[SLOTS];
    bool hold;                       /* callbacks wait for go[] */
    void (*inside)(void);            /* runs inside the first callback */
    WSK_REGISTRATION *registration;
    WSK_PROVIDER_NPI npi;
    PIRP last_irp;
    uint32_t completions;
} t;

/* ---- the replaced data path ---- */

static uint32_t fake_ready(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    (void)s;
    (void)socket;
    return t.available[event];
}

static bool fake_take(struct sim *s, struct wsk_invocation *inv)
{
    (void)s;
    if (t.available[inv->event] == 0) {
        return false;
    }
    t.available[inv->event]--;
    inv->bytes_indicated = inv->bytes_accepted = 1;
    inv->data = (PWSK_DATA_INDICATION)(uintptr_t)16;
    inv->datagram = (PWSK_DATAGRAM_INDICATION)(uintptr_t)16;
    return true;
}

static void fake_returned(struct sim *s, struct wsk_invocation *inv)
{
    if (inv->answer != STATUS_DATA_NOT_ACCEPTED) {
        return;
    }
    t.available[inv->event]++;
    if (inv->event == WSK_EV_RECEIVE_FROM) {
        wsk_event_refused(s, inv->socket);
    } else {
        wsk_event_suspend(s, inv->socket);
    }
}

static void fake_change(struct sim *s, struct wsk_socket *socket)
{
    (void)s;
    (void)socket;
}

static const struct wsk_category_ops fake_ops = {
    .ready = fake_ready,
    .take = fake_take,
    .returned = fake_returned,
    .died = fake_change,
    .closing = fake_change,
    .closed = fake_change,
};

/* ---- the client ---- */

static NTSTATUS in_callback(enum wsk_event event, const void *indication)
{
    uint32_t order = 0;
    for (int e = 0; e < WSK_EVENTS; e++) {
        order += t.entered[e];
    }
    t.entered[event]++;
    if (indication == NULL && event != WSK_EV_DISCONNECT) {
        t.nulls++;
    }
    if (t.inside != NULL && order == 0) {
        t.inside();
    }
    if (t.hold && order < SLOTS) {
        ke_wait(sim_current, t.go[order], FALSE, NULL);
    }
    t.left[event]++;
    return order < SLOTS ? t.answer[order] : STATUS_SUCCESS;
}

static NTSTATUS WSKAPI receive_event(PVOID context, ULONG flags, PWSK_DATA_INDICATION data,
                                     SIZE_T indicated, SIZE_T *accepted)
{
    (void)context;
    (void)flags;
    (void)indicated;
    (void)accepted;
    return in_callback(WSK_EV_RECEIVE, data);
}

static NTSTATUS WSKAPI disconnect_event(PVOID context, ULONG flags)
{
    (void)context;
    (void)flags;
    return in_callback(WSK_EV_DISCONNECT, NULL);
}

static NTSTATUS WSKAPI receive_from_event(PVOID context, ULONG flags,
                                          PWSK_DATAGRAM_INDICATION data)
{
    (void)context;
    (void)flags;
    return in_callback(WSK_EV_RECEIVE_FROM, data);
}

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device;
    (void)irp;
    ++*(uint32_t *)context;
    return STATUS_MORE_PROCESSING_REQUIRED;
}

struct request {
    PIRP irp;
    uint32_t done; /* completions */
};

static struct request *new_request(void)
{
    struct request *r = ke_test_alloc(sizeof *r);
    r->irp = IoAllocateIrp(1, FALSE);
    r->done = 0;
    SIM_ASSERT(r->irp != NULL);
    IoSetCompletionRoutine(r->irp, completed, &r->done, TRUE, TRUE, TRUE);
    return r;
}

static NTSTATUS option(ULONG mask, struct request *r)
{
    WSK_EVENT_CALLBACK_CONTROL *control = ke_test_alloc(sizeof *control);
    control->NpiId = &NPI_WSK_INTERFACE_ID;
    control->EventMask = mask;
    return WskControlSocket(t.handle, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                            sizeof *control, control, 0, NULL, NULL, r != NULL ? r->irp : NULL);
}

static NTSTATUS off(ULONG flag, struct request *r)
{
    return option(flag | WSK_EVENT_DISABLE, r);
}

/* ---- time ---- */

static bool never(struct sim *s, void *argument)
{
    (void)s;
    (void)argument;
    return false;
}

/* Lets everything happen that can. */
static void settle(void)
{
    ke_wait_until(sim_current, never, NULL, SIM_MS(500), "everything to settle");
}

static void data(enum wsk_event event)
{
    t.available[event]++;
    wsk_event_due(sim_current, t.socket, event);
    settle();
}

static void let_return(uint32_t order)
{
    ke_event_set(sim_current, t.go[order]);
    settle();
}

/* ---- set up ---- */

static ULONG static_mask;

static void begin(enum wsk_category category)
{
    struct sim *s = sim_current;
    void (*inside)(void) = t.inside;
    memset(&t, 0, sizeof t);
    t.inside = inside;
    t.hold = true;
    for (int i = 0; i < SLOTS; i++) {
        t.go[i] = ke_test_alloc(sizeof *t.go[i]);
        ke_event_init(s, t.go[i], NotificationEvent, FALSE);
    }
    WSK_CLIENT_DISPATCH *dispatch = ke_test_alloc(sizeof *dispatch);
    WSK_CLIENT_NPI *npi = ke_test_alloc(sizeof *npi);
    WSK_PROVIDER_NPI *provider = ke_test_alloc(sizeof *provider);
    t.registration = ke_test_alloc(sizeof *t.registration);
    *dispatch = (WSK_CLIENT_DISPATCH){MAKE_WSK_VERSION(1, 0), 0, NULL};
    *npi = (WSK_CLIENT_NPI){NULL, dispatch};
    SIM_ASSERT(WskRegister(npi, t.registration) == STATUS_SUCCESS);
    SIM_ASSERT(WskCaptureProviderNPI(t.registration, WSK_INFINITE_WAIT, provider) ==
               STATUS_SUCCESS);
    t.npi = *provider;
    struct wsk_registration *r = wsk_registration_of(s, provider->Client);
    r->static_mask = static_mask;
    t.socket = wsk_socket_new(s, r, category, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    t.socket->ops = &fake_ops;
    void *table;
    if (category == WSK_DATAGRAM) {
        WSK_CLIENT_DATAGRAM_DISPATCH *d = table = ke_test_alloc(sizeof *d);
        *d = (WSK_CLIENT_DATAGRAM_DISPATCH){receive_from_event};
    } else {
        WSK_CLIENT_CONNECTION_DISPATCH *d = table = ke_test_alloc(sizeof *d);
        *d = (WSK_CLIENT_CONNECTION_DISPATCH){receive_event, disconnect_event, NULL};
    }
    t.handle = wsk_socket_publish(s, t.socket, NULL, table);
    enum wsk_phase state = category == WSK_DATAGRAM ? WSK_BOUND : WSK_CONNECTED;
    wsk_socket_state(s, t.socket, state);
    wsk_socket_see(s, t.socket, state);
}

static struct request *start_close(NTSTATUS expected)
{
    struct request *r = new_request();
    NTSTATUS status = WskCloseSocket(t.handle, r->irp);
    SIM_ASSERT_OP(status, ==, expected);
    return r;
}

static void end(void)
{
    settle();
    struct request *r = start_close(STATUS_PENDING);
    settle();
    SIM_ASSERT_OP(r->done, ==, 1);
    SIM_ASSERT_OP(t.socket->life, ==, WSK_CLOSED);
    WskReleaseProviderNPI(t.registration);
    WskDeregister(t.registration);
}

/* The number of entries so far; the state of the machine. */
#define IS(event, count, name)                                                                     \
    do {                                                                                           \
        SIM_ASSERT_OP(t.entered[event], ==, count);                                                \
        SIM_ASSERT_OP(wsk_gate_state(&t.socket->gate[event]), ==, name);                           \
    } while (0)
#define GIVES(call, status) SIM_ASSERT_OP((NTSTATUS)(call), ==, (NTSTATUS)(status))

/* ---- the traces ---- */

static void g01(void)
{
    begin(WSK_CONNECTION);
    IS(WSK_EV_RECEIVE, 0, GATE_D);
    GIVES(option(WSK_EVENT_RECEIVE, NULL), STATUS_SUCCESS);
    IS(WSK_EV_RECEIVE, 0, GATE_EI);
    data(WSK_EV_RECEIVE);
    IS(WSK_EV_RECEIVE, 1, GATE_EP);
    let_return(0);
    IS(WSK_EV_RECEIVE, 1, GATE_EI);
    GIVES(off(WSK_EVENT_RECEIVE, NULL), STATUS_SUCCESS);
    data(WSK_EV_RECEIVE);
    IS(WSK_EV_RECEIVE, 1, GATE_D);
    end();
}

static void g02(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE, NULL);
    data(WSK_EV_RECEIVE);
    GIVES(off(WSK_EVENT_RECEIVE, NULL), STATUS_EVENT_PENDING);
    IS(WSK_EV_RECEIVE, 1, GATE_XN);
    let_return(0);
    IS(WSK_EV_RECEIVE, 1, GATE_D);
    GIVES(off(WSK_EVENT_RECEIVE, NULL), STATUS_SUCCESS);
    end();
}

static void g03(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE, NULL);
    data(WSK_EV_RECEIVE);
    struct request *r = new_request();
    GIVES(off(WSK_EVENT_RECEIVE, r), STATUS_PENDING);
    settle();
    SIM_ASSERT_OP(r->done, ==, 0);
    IS(WSK_EV_RECEIVE, 1, GATE_XI);
    let_return(0);
    SIM_ASSERT_OP(r->done, ==, 1);
    GIVES(r->irp->IoStatus.Status, STATUS_SUCCESS);
    SIM_ASSERT_OP(r->irp->IoStatus.Information, ==, 0);
    IS(WSK_EV_RECEIVE, 1, GATE_D);
    IoFreeIrp(r->irp);
    end();
}

static void disable_inside(void)
{
    GIVES(off(WSK_EVENT_RECEIVE, NULL), STATUS_EVENT_PENDING);
}

static void g04(void)
{
    t.inside = disable_inside;
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE, NULL);
    data(WSK_EV_RECEIVE);
    IS(WSK_EV_RECEIVE, 1, GATE_XN);
    let_return(0);
    data(WSK_EV_RECEIVE);
    IS(WSK_EV_RECEIVE, 1, GATE_D);
    end();
}

static void g06(void)
{
    begin(WSK_DATAGRAM); /* two at a time, as accepts are */
    option(WSK_EVENT_RECEIVE_FROM, NULL);
    data(WSK_EV_RECEIVE_FROM);
    data(WSK_EV_RECEIVE_FROM);
    IS(WSK_EV_RECEIVE_FROM, 2, GATE_EP);
    struct request *r = new_request();
    GIVES(off(WSK_EVENT_RECEIVE_FROM, r), STATUS_PENDING);
    let_return(1);
    SIM_ASSERT_OP(r->done, ==, 0);
    IS(WSK_EV_RECEIVE_FROM, 2, GATE_XI);
    let_return(0);
    SIM_ASSERT_OP(r->done, ==, 1);
    IS(WSK_EV_RECEIVE_FROM, 2, GATE_D);
    IoFreeIrp(r->irp);
    end();
}

static void g07(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT, NULL);
    data(WSK_EV_RECEIVE);
    IS(WSK_EV_RECEIVE, 1, GATE_EP);
    GIVES(off(WSK_EVENT_DISCONNECT, NULL), STATUS_SUCCESS);
    let_return(0);
    end();
}

static void g08(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE, NULL);
    data(WSK_EV_RECEIVE);
    struct request *r = new_request();
    GIVES(off(WSK_EVENT_RECEIVE, NULL), STATUS_EVENT_PENDING);
    GIVES(off(WSK_EVENT_RECEIVE, r), STATUS_PENDING);
    let_return(0);
    SIM_ASSERT_OP(r->done, ==, 1);
    GIVES(r->irp->IoStatus.Status, STATUS_SUCCESS);
    IoFreeIrp(r->irp);
    end();
}

static void g09(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE, NULL);
    struct request *r = new_request();
    GIVES(off(WSK_EVENT_RECEIVE, r), STATUS_SUCCESS);
    SIM_ASSERT_OP(r->done, ==, 1);
    GIVES(r->irp->IoStatus.Status, STATUS_SUCCESS);
    settle();
    SIM_ASSERT_OP(r->done, ==, 1);
    IoFreeIrp(r->irp);
    end();
}

static void g10(void)
{
    static_mask = WSK_EVENT_RECEIVE_FROM;
    begin(WSK_DATAGRAM);
    static_mask = 0;
    data(WSK_EV_RECEIVE_FROM);
    IS(WSK_EV_RECEIVE_FROM, 1, GATE_EP);
    GIVES(off(WSK_EVENT_RECEIVE_FROM, NULL), STATUS_INVALID_DEVICE_REQUEST);
    let_return(0);
    data(WSK_EV_RECEIVE_FROM);
    IS(WSK_EV_RECEIVE_FROM, 2, GATE_EP);
    let_return(1);
    end();
}

static void g11(void)
{
    begin(WSK_DATAGRAM);
    t.answer[0] = STATUS_DATA_NOT_ACCEPTED;
    option(WSK_EVENT_RECEIVE_FROM, NULL);
    data(WSK_EV_RECEIVE_FROM);
    let_return(0);
    IS(WSK_EV_RECEIVE_FROM, 1, GATE_D);
    data(WSK_EV_RECEIVE_FROM);
    IS(WSK_EV_RECEIVE_FROM, 1, GATE_D);
    GIVES(option(WSK_EVENT_RECEIVE_FROM, NULL), STATUS_SUCCESS);
    settle();
    IS(WSK_EV_RECEIVE_FROM, 3, GATE_EP);
    let_return(1);
    let_return(2);
    end();
}

static void g12(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT, NULL);
    off(WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT, NULL); /* CTL-080 */
}

static void g14(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE, NULL);
    data(WSK_EV_RECEIVE);
    wsk_socket_die(sim_current, t.socket);
    GIVES(off(WSK_EVENT_RECEIVE, NULL), STATUS_FILE_FORCED_CLOSED);
    struct request *r = start_close(STATUS_PENDING);
    settle();
    SIM_ASSERT_OP(r->done, ==, 0);
    let_return(0);
    SIM_ASSERT_OP(r->done, ==, 1);
    SIM_ASSERT_OP(t.nulls, ==, 0); /* serial, and the close came first */
    WskReleaseProviderNPI(t.registration);
    WskDeregister(t.registration);
}

static void g15(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE, NULL);
    data(WSK_EV_RECEIVE);
    struct request *r = new_request();
    GIVES(off(WSK_EVENT_RECEIVE, r), STATUS_PENDING);
    struct request *close = start_close(STATUS_PENDING);
    settle();
    SIM_ASSERT_OP(r->done + close->done, ==, 0);
    let_return(0);
    SIM_ASSERT_OP(r->done, ==, 1);
    GIVES(r->irp->IoStatus.Status, STATUS_SUCCESS);
    SIM_ASSERT_OP(close->done, ==, 1);
    WskReleaseProviderNPI(t.registration);
    WskDeregister(t.registration);
}

static void g17_connection(void)
{
    begin(WSK_CONNECTION);
    t.socket->once_connected_seen = false;
    option(WSK_EVENT_RECEIVE, NULL); /* CTL-062 */
}

static void g17_datagram(void)
{
    begin(WSK_DATAGRAM);
    wsk_socket_see(sim_current, t.socket, WSK_UNBOUND);
    option(WSK_EVENT_RECEIVE_FROM, NULL); /* CTL-061 */
}

static void g18(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE, NULL);
    data(WSK_EV_RECEIVE);
    GIVES(off(WSK_EVENT_RECEIVE, NULL), STATUS_EVENT_PENDING);
    GIVES(option(WSK_EVENT_RECEIVE, NULL), STATUS_SUCCESS);
    IS(WSK_EV_RECEIVE, 1, GATE_RX);
    let_return(0);
    IS(WSK_EV_RECEIVE, 1, GATE_EI);
    data(WSK_EV_RECEIVE);
    IS(WSK_EV_RECEIVE, 2, GATE_EP);
    let_return(1);
    end();
}

static void g19(void)
{
    begin(WSK_DATAGRAM);
    option(WSK_EVENT_RECEIVE_FROM, NULL);
    data(WSK_EV_RECEIVE_FROM);
    struct request *first = new_request(), *second = new_request();
    GIVES(off(WSK_EVENT_RECEIVE_FROM, first), STATUS_PENDING);
    GIVES(option(WSK_EVENT_RECEIVE_FROM, NULL), STATUS_SUCCESS);
    data(WSK_EV_RECEIVE_FROM);
    IS(WSK_EV_RECEIVE_FROM, 2, GATE_RX);
    GIVES(off(WSK_EVENT_RECEIVE_FROM, second), STATUS_PENDING);
    let_return(0);
    SIM_ASSERT_OP(first->done, ==, 1);
    SIM_ASSERT_OP(second->done, ==, 0);
    let_return(1);
    SIM_ASSERT_OP(second->done, ==, 1);
    IS(WSK_EV_RECEIVE_FROM, 2, GATE_D);
    IoFreeIrp(first->irp);
    IoFreeIrp(second->irp);
    end();
}

static void g20(void)
{
    begin(WSK_CONNECTION);
    t.answer[0] = STATUS_DATA_NOT_ACCEPTED;
    option(WSK_EVENT_RECEIVE, NULL);
    data(WSK_EV_RECEIVE);
    let_return(0);
    SIM_ASSERT(t.socket->gate[WSK_EV_RECEIVE].suspended);
    wsk_socket_die(sim_current, t.socket);
    settle();
    SIM_ASSERT_OP(t.nulls, ==, 0);
    end();
}

/* Death with an open gate: one NULL indication, and no other callback after it. */
static void null_indication(void)
{
    begin(WSK_CONNECTION);
    t.hold = false;
    option(WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT, NULL);
    wsk_socket_die(sim_current, t.socket);
    data(WSK_EV_RECEIVE);
    data(WSK_EV_DISCONNECT);
    SIM_ASSERT_OP(t.nulls, ==, 1);
    IS(WSK_EV_RECEIVE, 1, GATE_EI);
    IS(WSK_EV_DISCONNECT, 0, GATE_EI);
    end();
}

/* The receive event is serial, the datagram event runs twice at a time (AMBIGUOUS-22). */
static void overlap(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_RECEIVE, NULL);
    data(WSK_EV_RECEIVE);
    data(WSK_EV_RECEIVE);
    IS(WSK_EV_RECEIVE, 1, GATE_EP);
    let_return(0);
    IS(WSK_EV_RECEIVE, 2, GATE_EP);
    let_return(1);
    end();
    begin(WSK_DATAGRAM);
    option(WSK_EVENT_RECEIVE_FROM, NULL);
    for (int i = 0; i < 3; i++) {
        data(WSK_EV_RECEIVE_FROM);
    }
    IS(WSK_EV_RECEIVE_FROM, 2, GATE_EP);
    let_return(0);
    IS(WSK_EV_RECEIVE_FROM, 3, GATE_EP);
    let_return(1);
    let_return(2);
    end();
}

static void template_bits(void)
{
    begin(WSK_CONNECTION);
    struct wsk_registration *r = t.socket->registration;
    struct wsk_socket *listener = wsk_socket_new(sim_current, r, WSK_LISTEN, AF_INET, 1, 6);
    listener->gate[WSK_EV_RECEIVE].tmpl = true;
    wsk_socket_inherit(sim_current, t.socket, listener);
    IS(WSK_EV_RECEIVE, 0, GATE_EI);
    IS(WSK_EV_DISCONNECT, 0, GATE_D);
    SIM_ASSERT_OP(t.socket->gate[WSK_EV_RECEIVE].src, ==, WSK_SRC_INHERITED);
    GIVES(off(WSK_EVENT_RECEIVE, NULL), STATUS_SUCCESS); /* CTL-098a */
    IS(WSK_EV_RECEIVE, 0, GATE_D);
    end();
}

/* A second close, and any call after the close. */
static void close_twice(void)
{
    begin(WSK_CONNECTION);
    start_close(STATUS_PENDING);
    start_close(STATUS_PENDING);
}

static void control_after_close(void)
{
    begin(WSK_CONNECTION);
    start_close(STATUS_PENDING);
    settle();
    option(WSK_EVENT_RECEIVE, NULL);
}

static void null_target(void)
{
    begin(WSK_CONNECTION);
    option(WSK_EVENT_SEND_BACKLOG, NULL);
}

static void wrong_category(void)
{
    begin(WSK_DATAGRAM);
    option(WSK_EVENT_RECEIVE, NULL);
}

static void good(void (*body)(void))
{
    const struct choice_source source = {.kind = CHOICE_TAME};
    t.inside = NULL;
    if (ke_test_run(body, &source) != SIM_VERDICT_OK) {
        ke_test_describe("unexpected");
        fail();
    }
}

static int setup(void **state)
{
    model_knob_force(KNOB_EVENT_IRQL, 2); /* callbacks of these tests wait */
    return ke_test_setup(state);
}

static void test_traces(void **state)
{
    (void)state;
    good(g01);
    good(g02);
    good(g03);
    good(g04);
    good(g06);
    good(g07);
    good(g08);
    good(g09);
    good(g10);
    good(g11);
    good(g14);
    good(g15);
    good(g18);
    good(g19);
    good(g20);
}

static void test_more(void **state)
{
    (void)state;
    good(null_indication);
    good(overlap);
    good(template_bits);
}

static void test_breaches(void **state)
{
    (void)state;
    ke_test_bad(g12, RULE_CTL_080);
    ke_test_bad(g17_connection, RULE_CTL_062);
    ke_test_bad(g17_datagram, RULE_CTL_061);
    ke_test_bad(close_twice, RULE_CLOSE_007);
    ke_test_bad(control_after_close, RULE_CTL_182);
    ke_test_bad(null_target, RULE_CTL_071);
    ke_test_bad(wrong_category, RULE_CTL_067);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traces),
        cmocka_unit_test(test_more),
        cmocka_unit_test(test_breaches),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
