/* SPDX-License-Identifier: MIT */
/* Connections: connect, send, receive, receive events, retained lists, disconnect. */
#include "test_wsk_data.h"

enum { CHUNK = 200, SERVER_IP = 0x0A000005, SERVER_PORT = 7 };

/* ---- calls that may fail; pending ones are kept ---- */

static struct request *start_send(PWSK_SOCKET socket, SIZE_T size)
{
    struct request *r = new_request(size);
    if (r != NULL) {
        (void)!connection(socket)->WskSend(socket, &r->buffer, 0, r->irp);
    }
    return r;
}

static struct request *start_receive(PWSK_SOCKET socket, SIZE_T size, ULONG flags)
{
    struct request *r = new_request(size);
    if (r != NULL) {
        (void)!connection(socket)->WskReceive(socket, &r->buffer, flags, r->irp);
    }
    return r;
}

static struct request *start_disconnect(PWSK_SOCKET socket, ULONG flags)
{
    struct request *r = new_request(0);
    if (r != NULL) {
        (void)!connection(socket)->WskDisconnect(socket, NULL, flags, r->irp);
    }
    return r;
}

static bool connect_socket(PWSK_SOCKET socket)
{
    struct request *r = new_request(0);
    if (r == NULL) {
        return false;
    }
    (void)!connection(socket)->WskConnect(socket, (PSOCKADDR)address(SERVER_IP, SERVER_PORT), 0,
                                          r->irp);
    return NT_SUCCESS(end_request(r, NULL));
}

static PWSK_SOCKET connected_socket(const WSK_CLIENT_CONNECTION_DISPATCH *dispatch)
{
    PWSK_SOCKET socket = open_socket(WSK_FLAG_CONNECTION_SOCKET, dispatch);
    if (socket == NULL) {
        return NULL;
    }
    if (NT_SUCCESS(bind_socket(socket, 0)) && connect_socket(socket)) {
        return socket;
    }
    close_socket(socket);
    return NULL;
}

static void end_all(struct request **r, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (r[i] != NULL) {
            end_request(r[i], NULL);
        }
    }
}

/* ---- correct clients ---- */

static void talk(PWSK_SOCKET socket)
{
    struct request *r[4] = {start_send(socket, CHUNK), start_receive(socket, 64, 0),
                            start_receive(socket, 32, WSK_FLAG_WAITALL), NULL};
    if (r[0] != NULL && wait_ms(r[0], LONG_MS) && NT_SUCCESS(r[0]->status)) {
        SIM_ASSERT_OP(r[0]->information, ==, CHUNK);
        t.sent++;
    }
    if (r[1] != NULL && wait_ms(r[1], LONG_MS) && NT_SUCCESS(r[1]->status)) {
        SIM_ASSERT(r[1]->information <= 64);
        t.received += r[1]->information != 0;
    }
    r[3] = start_disconnect(socket, 0);
    if (r[3] != NULL && wait_ms(r[3], LONG_MS) && NT_SUCCESS(r[3]->status)) {
        t.finished++;
    }
    close_socket(socket);
    end_all(r, 4);
}

static void echo_client(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = connected_socket(NULL);
    if (socket != NULL) {
        talk(socket);
    }
    close_client();
}

static void by_socket_connect(void)
{
    if (!open_client()) {
        return;
    }
    struct request *r = new_request(0);
    ULONG_PTR socket = 0;
    if (r != NULL) {
        (void)!t.npi->Dispatch->WskSocketConnect(
            t.npi->Client, SOCK_STREAM, IPPROTO_TCP, (PSOCKADDR)address(0, 0),
            (PSOCKADDR)address(SERVER_IP, SERVER_PORT), 0, NULL, NULL, NULL, NULL, NULL, r->irp);
        if (NT_SUCCESS(end_request(r, &socket))) {
            talk((PWSK_SOCKET)socket);
        }
    }
    close_client();
}

static void with_data_and_stream(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = open_socket(WSK_FLAG_STREAM_SOCKET, NULL);
    struct request *r = new_request(CHUNK);
    if (socket != NULL && r != NULL && NT_SUCCESS(bind_socket(socket, 0))) {
        (void)!stream(socket)->WskConnectEx(socket, (PSOCKADDR)address(SERVER_IP, SERVER_PORT),
                                            &r->buffer, 0, r->irp);
        bool is_open = NT_SUCCESS(end_request(r, NULL));
        if (is_open) {
            talk(socket);
        } else {
            close_socket(socket);
        }
    } else {
        if (socket != NULL) {
            close_socket(socket);
        }
        if (r != NULL) {
            IoFreeMdl(r->mdl);
            IoFreeIrp(r->irp);
        }
    }
    close_client();
}

static void cancel_and_abort(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = connected_socket(NULL);
    if (socket != NULL) {
        struct request *r[3] = {start_receive(socket, 64, 0), start_receive(socket, 64, 0), NULL};
        if (r[0] != NULL) {
            IoCancelIrp(r[0]->irp);
            wait_ms(r[0], LONG_MS);
            t.received += r[0]->is_done;
        }
        r[2] = start_disconnect(socket, WSK_FLAG_ABORTIVE);
        close_socket(socket);
        end_all(r, 3);
    }
    close_client();
}

/* ---- receive events: all answers ---- */

static struct {
    PWSK_SOCKET socket;
    PWSK_DATA_INDICATION held;
    KEVENT *event;
    uint32_t calls;
    bool is_dead;
} e;

static NTSTATUS on_receive(PVOID context, ULONG flags, PWSK_DATA_INDICATION data, SIZE_T indicated,
                           SIZE_T *accepted)
{
    (void)context;
    (void)flags;
    if (data == NULL) {
        e.is_dead = true;
        KeSetEvent(e.event, IO_NO_INCREMENT, FALSE);
        return STATUS_SUCCESS;
    }
    SIZE_T total = 0;
    for (PWSK_DATA_INDICATION at = data; at != NULL; at = at->Next) {
        uint8_t *base = MmGetSystemAddressForMdlSafe(at->Buffer.Mdl, NormalPagePriority);
        SIM_ASSERT(base != NULL);
        total += at->Buffer.Length;
    }
    SIM_ASSERT_OP(total, ==, indicated); /* RECV-015 */
    t.indicated++;
    switch (e.calls++ % 4) {
    case 0:
        if (e.held == NULL) {
            e.held = data;
            KeSetEvent(e.event, IO_NO_INCREMENT, FALSE);
            return STATUS_PENDING;
        }
        return STATUS_SUCCESS;
    case 1:
        return STATUS_DATA_NOT_ACCEPTED;
    case 2:
        *accepted = indicated / 2 + 1;
        return STATUS_SUCCESS;
    default:
        return STATUS_SUCCESS;
    }
}

static NTSTATUS on_disconnect(PVOID context, ULONG flags)
{
    (void)context;
    SIM_ASSERT((flags & ~(ULONG)(WSK_FLAG_ABORTIVE | WSK_FLAG_AT_DISPATCH_LEVEL)) == 0);
    t.finished++;
    return STATUS_SUCCESS;
}

static NTSTATUS on_backlog(PVOID context, SIZE_T size)
{
    (void)context;
    (void)size;
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH *events_table(void)
{
    WSK_CLIENT_CONNECTION_DISPATCH *table = ke_test_alloc(sizeof *table);
    *table = (WSK_CLIENT_CONNECTION_DISPATCH){on_receive, on_disconnect, on_backlog};
    return table;
}

static void begin_events(void)
{
    memset(&e, 0, sizeof e);
    e.event = ke_test_alloc(sizeof *e.event);
    KeInitializeEvent(e.event, SynchronizationEvent, FALSE);
}

static void disable_receive(PWSK_SOCKET socket)
{
    struct request *r;
    do {
        r = new_request(0);
    } while (r == NULL);
    WSK_EVENT_CALLBACK_CONTROL *in = ke_test_alloc(sizeof *in);
    *in = (WSK_EVENT_CALLBACK_CONTROL){(PNPIID)(ULONG_PTR)&NPI_WSK_INTERFACE_ID,
                                       WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE};
    (void)!connection(socket)->WskControlSocket(socket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                                SOL_SOCKET, sizeof *in, in, 0, NULL, NULL, r->irp);
    end_request(r, NULL);
}

static void give_back(PWSK_SOCKET socket)
{
    PWSK_DATA_INDICATION held = e.held;
    if (held != NULL) {
        SIM_ASSERT(connection(socket)->WskRelease(socket, held) == STATUS_SUCCESS);
        e.held = NULL;
    }
}

static void event_client(void)
{
    if (!open_client()) {
        return;
    }
    begin_events();
    PWSK_SOCKET socket = connected_socket(events_table());
    if (socket != NULL) {
        struct request *r[8] = {NULL};
        (void)!enable(socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT | WSK_EVENT_SEND_BACKLOG);
        for (uint32_t i = 0; i < 8; i += 2) {
            LARGE_INTEGER limit = ke_test_ms(200);
            r[i] = start_send(socket, CHUNK + i * 1000);
            KeWaitForSingleObject(e.event, Executive, KernelMode, FALSE, &limit);
            r[i + 1] = start_receive(socket, i % 4 == 0 ? 0 : 16, 0); /* resumes */
        }
        disable_receive(socket);
        /* A disable that fails (a dead socket) leaves a call that may still be running. */
        sleep_ms(100);
        give_back(socket);
        close_socket(socket);
        end_all(r, 8);
    }
    close_client();
}

/* ---- wrong ones ---- */

static void send_unconnected(void)
{
    open_client();
    PWSK_SOCKET socket = open_socket(WSK_FLAG_CONNECTION_SOCKET, NULL);
    bind_socket(socket, 0);
    start_send(socket, CHUNK);
}

static void connect_unbound(void)
{
    open_client();
    connect_socket(open_socket(WSK_FLAG_CONNECTION_SOCKET, NULL));
}

static void data_changed(void)
{
    open_client();
    PWSK_SOCKET socket = connected_socket(NULL);
    struct request *r = start_send(socket, CHUNK);
    r->bytes[3] ^= 1;
    end_request(r, NULL);
}

static void mdl_freed_early(void)
{
    open_client();
    PWSK_SOCKET socket = connected_socket(NULL);
    struct request *r = start_receive(socket, CHUNK, 0);
    IoFreeMdl(r->mdl);
}

static void waitall_and_drain(void)
{
    open_client();
    start_receive(connected_socket(NULL), 0, WSK_FLAG_WAITALL | WSK_FLAG_DRAIN);
}

static void abort_with_buffer(void)
{
    open_client();
    PWSK_SOCKET socket = connected_socket(NULL);
    struct request *r = new_request(CHUNK);
    (void)!connection(socket)->WskDisconnect(socket, &r->buffer, WSK_FLAG_ABORTIVE, r->irp);
}

static PWSK_SOCKET with_held_list(void)
{
    open_client();
    begin_events();
    PWSK_SOCKET socket = connected_socket(events_table());
    (void)!enable(socket, WSK_EVENT_RECEIVE);
    start_send(socket, CHUNK);
    KeWaitForSingleObject(e.event, Executive, KernelMode, FALSE, NULL);
    sleep_ms(1);
    SIM_ASSERT(e.held != NULL);
    return socket;
}

static void close_with_list(void)
{
    close_socket(with_held_list());
}

static void release_twice(void)
{
    PWSK_SOCKET socket = with_held_list();
    PWSK_DATA_INDICATION held = e.held;
    give_back(socket);
    (void)!connection(socket)->WskRelease(socket, held);
}

static void release_unknown(void)
{
    PWSK_SOCKET socket = with_held_list();
    (void)!connection(socket)->WskRelease(socket, ke_test_alloc(sizeof(WSK_DATA_INDICATION)));
}

static void release_elsewhere(void)
{
    with_held_list();
    PWSK_SOCKET other = connected_socket(NULL);
    (void)!connection(other)->WskRelease(other, e.held);
}

static void remote_address_unconnected(void)
{
    open_client();
    PWSK_SOCKET socket = open_socket(WSK_FLAG_CONNECTION_SOCKET, NULL);
    struct request *r = new_request(0);
    bind_socket(socket, 0);
    (void)!connection(socket)->WskGetRemoteAddress(socket, (PSOCKADDR)&r->address, r->irp);
}

static void wrong_family(void)
{
    open_client();
    PWSK_SOCKET socket = open_socket(WSK_FLAG_CONNECTION_SOCKET, NULL);
    struct request *r = new_request(0);
    SOCKADDR_IN *bad = address(0, 0);
    bad->sin_family = AF_INET6;
    (void)!connection(socket)->WskBind(socket, (PSOCKADDR)bad, 0, r->irp);
}

/* ---- */

static void test_correct(void **state)
{
    (void)state;
    data_test_good(echo_client, &t.received);
    data_test_good(by_socket_connect, &t.sent);
    data_test_good(with_data_and_stream, &t.finished);
    data_test_good(cancel_and_abort, &t.received);
    data_test_good(event_client, &t.indicated);
    assert_true(t.finished > 10);
}

static void test_wrong(void **state)
{
    (void)state;
    ke_test_bad(send_unconnected, RULE_SEND_001);
    ke_test_bad(connect_unbound, RULE_BIND_006);
    ke_test_bad(data_changed, RULE_SEND_004);
    ke_test_bad(mdl_freed_early, RULE_RECV_003);
    ke_test_bad(waitall_and_drain, RULE_RECV_004);
    ke_test_bad(abort_with_buffer, RULE_DISC_002);
    ke_test_bad(close_with_list, RULE_REL_005);
    ke_test_bad(release_twice, RULE_REL_003);
    ke_test_bad(release_unknown, RULE_REL_002);
    ke_test_bad(release_elsewhere, RULE_REL_004);
    ke_test_bad(remote_address_unconnected, RULE_ADDR_003);
    ke_test_bad(wrong_family, RULE_BIND_002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_correct),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
