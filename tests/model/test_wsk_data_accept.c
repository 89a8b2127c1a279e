/* SPDX-License-Identifier: MIT */
/* Listeners: accept by IRP and by callback, inspection, stream sockets that listen. */
#include "test_wsk_data.h"

enum { PORT = 7 };

struct accepted {
    PWSK_SOCKET socket;
    struct request *receive;
};

static struct {
    PWSK_SOCKET listener, by_event[16];
    uint32_t count;
    WSK_INSPECT_ID pended[16];
    uint32_t pended_count, inspections, aborts;
    WSK_INSPECT_ACTION action;
    uint32_t refuse_one_in;
    WSK_CLIENT_CONNECTION_DISPATCH *table;
    PSOCKADDR kept;
} e;

/* ---- events ---- */

static NTSTATUS on_receive(PVOID context, ULONG flags, PWSK_DATA_INDICATION data, SIZE_T indicated,
                           SIZE_T *accepted)
{
    (void)context;
    (void)flags;
    (void)accepted;
    t.indicated += data != NULL && indicated != 0;
    return STATUS_SUCCESS;
}

static NTSTATUS on_accept(PVOID context, ULONG flags, PSOCKADDR local, PSOCKADDR remote,
                          PWSK_SOCKET socket, PVOID *out_context,
                          const WSK_CLIENT_CONNECTION_DISPATCH **out_dispatch)
{
    (void)context;
    (void)flags;
    if (socket == NULL) {
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    SIM_ASSERT(local->sa_family == AF_INET && remote->sa_family == AF_INET);
    if (e.count == SIM_COUNT(e.by_event) ||
        (e.refuse_one_in != 0 && e.count % e.refuse_one_in == 1)) {
        e.refuse_one_in = 0;
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    e.by_event[e.count++] = socket;
    *out_context = NULL;
    *out_dispatch = e.table;
    t.accepted++;
    e.kept = remote;
    return STATUS_SUCCESS;
}

static WSK_INSPECT_ACTION on_inspect(PVOID context, PSOCKADDR local, PSOCKADDR remote,
                                     PWSK_INSPECT_ID id)
{
    (void)context;
    if (id == NULL) {
        return WskInspectReject;
    }
    SIM_ASSERT(local->sa_family == AF_INET && remote->sa_family == AF_INET);
    e.inspections++;
    WSK_INSPECT_ACTION action = e.action;
    if (action == WskInspectPend) {
        if (e.pended_count == SIM_COUNT(e.pended)) {
            return WskInspectReject;
        }
        e.pended[e.pended_count++] = *id;
    }
    return action;
}

static NTSTATUS on_abort(PVOID context, PWSK_INSPECT_ID id)
{
    (void)context;
    (void)id;
    e.aborts++;
    return STATUS_SUCCESS;
}

static PWSK_SOCKET open_listener(ULONG category, bool is_conditional)
{
    WSK_CLIENT_LISTEN_DISPATCH *table = ke_test_alloc(sizeof *table);
    memset(&e, 0, sizeof e);
    *table = (WSK_CLIENT_LISTEN_DISPATCH){on_accept, on_inspect, on_abort};
    e.table = ke_test_alloc(sizeof *e.table);
    *e.table = (WSK_CLIENT_CONNECTION_DISPATCH){on_receive, NULL, NULL};
    const VOID *dispatch = table;
    if (category == WSK_FLAG_STREAM_SOCKET) {
        WSK_CLIENT_STREAM_DISPATCH *both = ke_test_alloc(sizeof *both);
        *both = (WSK_CLIENT_STREAM_DISPATCH){table, e.table};
        dispatch = both;
    }
    e.listener = open_socket(category, dispatch);
    if (e.listener == NULL) {
        return NULL;
    }
    if ((!is_conditional || NT_SUCCESS(set_ulong(e.listener, SO_CONDITIONAL_ACCEPT, 1))) &&
        NT_SUCCESS(bind_socket(e.listener, PORT))) {
        return e.listener;
    }
    close_socket(e.listener);
    e.listener = NULL;
    return NULL;
}

static void close_accepted(void)
{
    for (uint32_t i = 0; i < e.count; i++) {
        close_socket(e.by_event[i]);
    }
}

/* ---- correct clients ---- */

static struct request *start_accept(PWSK_SOCKET listener)
{
    struct request *r = new_request(0);
    if (r != NULL) {
        (void)!listening(listener)->WskAccept(listener, 0, NULL, NULL, (PSOCKADDR)&r->address, NULL,
                                              r->irp);
    }
    return r;
}

/* Closes what the accept has brought, IRP-034 included. */
static void end_accept(struct request *r)
{
    ULONG_PTR socket = 0;
    if (r != NULL && NT_SUCCESS(end_request(r, &socket))) {
        SIM_ASSERT(socket != 0);
        t.accepted++;
        close_socket((PWSK_SOCKET)socket);
    }
}

static void accept_by_irp(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET listener = open_listener(WSK_FLAG_LISTEN_SOCKET, false);
    if (listener != NULL) {
        struct request *r[3] = {start_accept(listener), start_accept(listener), NULL};
        sleep_ms(100);
        r[2] = start_accept(listener);
        sleep_ms(100);
        if (r[1] != NULL) {
            IoCancelIrp(r[1]->irp);
        }
        close_socket(listener);
        for (int i = 0; i < 3; i++) {
            end_accept(r[i]);
        }
    }
    close_client();
}

static void accept_by_event(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET listener = open_listener(WSK_FLAG_LISTEN_SOCKET, false);
    if (listener != NULL) {
        e.refuse_one_in = 2;
        (void)!enable(listener, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE);
        struct request *r = start_accept(listener);
        sleep_ms(300);
        close_socket(listener);
        end_accept(r);
        close_accepted();
    }
    close_client();
}

static void stream_listener(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET listener = open_listener(WSK_FLAG_STREAM_SOCKET, false);
    struct request *r = listener != NULL ? new_request(0) : NULL;
    if (r != NULL) {
        (void)!stream(listener)->WskListen(listener, r->irp);
        bool is_done = wait_ms(r, 1000);
        struct request *a = NULL;
        if (is_done && NT_SUCCESS(r->status)) {
            a = start_accept(listener);
            sleep_ms(200);
        }
        close_socket(listener);
        end_accept(a);
        end_request(r, NULL);
    } else if (listener != NULL) {
        close_socket(listener);
    }
    close_client();
}

static void complete_one(WSK_INSPECT_ID *id, WSK_INSPECT_ACTION action)
{
    struct request *r = new_request(0);
    WSK_INSPECT_ID *copy = ke_test_alloc(sizeof *copy);
    *copy = *id;
    if (r != NULL) {
        (void)!listening(e.listener)->WskInspectComplete(e.listener, copy, action, r->irp);
        end_request(r, NULL);
    }
}

static void inspected(WSK_INSPECT_ACTION action)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET listener = open_listener(WSK_FLAG_LISTEN_SOCKET, true);
    if (listener != NULL) {
        e.action = action;
        struct request *r = start_accept(listener);
        sleep_ms(50);
        uint32_t done = 0;
        for (int round = 0; round < 4; round++) {
            while (done < e.pended_count) {
                complete_one(&e.pended[done], done % 3 == 1 ? WskInspectReject : WskInspectAccept);
                done++;
            }
            sleep_ms(50);
        }
        close_socket(listener);
        SIM_ASSERT(action != WskInspectReject || r == NULL || r->is_done);
        end_accept(r);
        t.indicated += e.inspections;
    }
    close_client();
}

static void inspect_accept(void)
{
    inspected(WskInspectAccept);
}
static void inspect_reject(void)
{
    inspected(WskInspectReject);
}
static void inspect_pend(void)
{
    inspected(WskInspectPend);
}

/* ---- wrong ones ---- */

static void accept_unbound(void)
{
    open_client();
    start_accept(open_socket(WSK_FLAG_LISTEN_SOCKET, NULL));
}

static PWSK_SOCKET one_by_event(void)
{
    open_client();
    PWSK_SOCKET listener = open_listener(WSK_FLAG_LISTEN_SOCKET, false);
    (void)!enable(listener, WSK_EVENT_ACCEPT);
    while (e.count == 0) {
        sleep_ms(10);
    }
    return listener;
}

static void accepted_not_closed(void)
{
    close_socket(one_by_event());
    close_client();
}

static void address_kept(void)
{
    one_by_event();
    sleep_ms(1);
    SIM_ASSERT(!sim_memory_ok(e.kept, sizeof(SOCKADDR_IN), NULL)); /* ACPT-015 */
    PWSK_SOCKET socket = open_socket(WSK_FLAG_LISTEN_SOCKET, NULL);
    struct request *r = new_request(0);
    (void)!listening(socket)->WskBind(socket, e.kept, 0, r->irp);
}

static void inspect_twice(void)
{
    open_client();
    open_listener(WSK_FLAG_LISTEN_SOCKET, true);
    e.action = WskInspectPend;
    while (e.pended_count == 0) {
        sleep_ms(10);
    }
    complete_one(&e.pended[0], WskInspectAccept);
    complete_one(&e.pended[0], WskInspectAccept);
}

static void inspect_unknown(void)
{
    open_client();
    open_listener(WSK_FLAG_LISTEN_SOCKET, true);
    WSK_INSPECT_ID id = {1, 1};
    complete_one(&id, WskInspectAccept);
}

static void inspect_with_pend(void)
{
    open_client();
    open_listener(WSK_FLAG_LISTEN_SOCKET, true);
    e.action = WskInspectPend;
    while (e.pended_count == 0) {
        sleep_ms(10);
    }
    complete_one(&e.pended[0], WskInspectPend);
}

static void bad_action(void)
{
    open_client();
    open_listener(WSK_FLAG_LISTEN_SOCKET, true);
    e.action = (WSK_INSPECT_ACTION)7;
    sleep_ms(1000);
}

static void listen_twice(void)
{
    open_client();
    PWSK_SOCKET listener = open_listener(WSK_FLAG_STREAM_SOCKET, false);
    for (int i = 0; i < 2; i++) {
        struct request *r = new_request(0);
        (void)!stream(listener)->WskListen(listener, r->irp);
        end_request(r, NULL);
    }
}

static void listen_unbound(void)
{
    open_client();
    PWSK_SOCKET socket = open_socket(WSK_FLAG_STREAM_SOCKET, NULL);
    struct request *r = new_request(0);
    (void)!stream(socket)->WskListen(socket, r->irp);
}

static void connect_a_listener(void)
{
    open_client();
    PWSK_SOCKET listener = open_listener(WSK_FLAG_STREAM_SOCKET, false);
    struct request *r = new_request(0);
    (void)!stream(listener)->WskListen(listener, r->irp);
    end_request(r, NULL);
    r = new_request(0);
    (void)!stream(listener)->WskConnect(listener, (PSOCKADDR)address(0x0A000005, PORT), 0, r->irp);
}

/* ---- */

static void test_correct(void **state)
{
    (void)state;
    data_test_good(accept_by_irp, &t.accepted);
    data_test_good(accept_by_event, &t.accepted);
    assert_true(t.indicated > 100);
    data_test_good(stream_listener, &t.accepted);
    data_test_good(inspect_accept, &t.accepted);
    data_test_good(inspect_reject, &t.indicated);
    assert_int_equal(t.accepted, 0);
    data_test_good(inspect_pend, &t.accepted);
}

static void test_wrong(void **state)
{
    (void)state;
    ke_test_bad(accept_unbound, RULE_ACPT_001);
    ke_test_bad(accepted_not_closed, RULE_SOCK_020);
    ke_test_bad(address_kept, RULE_ACPT_015);
    ke_test_bad(inspect_twice, RULE_LSTN_009);
    ke_test_bad(inspect_unknown, RULE_LSTN_014);
    ke_test_bad(inspect_with_pend, RULE_LSTN_014);
    ke_test_bad(bad_action, RULE_LSTN_006);
    ke_test_bad(listen_twice, RULE_STRM_001);
    ke_test_bad(listen_unbound, RULE_STRM_003);
    ke_test_bad(connect_a_listener, RULE_STRM_004);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_correct),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
