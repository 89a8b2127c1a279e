/* SPDX-License-Identifier: MIT */
/* Datagram sockets, addresses in use, name resolution. */
#include "test_wsk_data.h"

enum { PORT = 7, PEER_IP = 0x0A000006 };

static struct {
    PWSK_SOCKET socket;
    PWSK_DATAGRAM_INDICATION held;
    KEVENT *event;
    uint32_t calls;
    bool has_static;
} e;

/* ---- parts ---- */

static struct request *start_receive(PWSK_SOCKET socket, SIZE_T size)
{
    struct request *r = new_request(size);
    if (r != NULL) {
        r->control_length = 64;
        (void)!datagram(socket)->WskReceiveFrom(socket, &r->buffer, 0, (PSOCKADDR)&r->address,
                                                &r->control_length, ke_test_alloc(64),
                                                &r->control_flags, r->irp);
    }
    return r;
}

static struct request *start_send(PWSK_SOCKET socket, SIZE_T size, const SOCKADDR_IN *to)
{
    struct request *r = new_request(size);
    if (r != NULL) {
        r->address = *to;
        (void)!datagram(socket)->WskSendTo(socket, &r->buffer, 0, (PSOCKADDR)&r->address, 0, NULL,
                                           r->irp);
    }
    return r;
}

static NTSTATUS on_datagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION list)
{
    (void)context;
    (void)flags;
    if (list == NULL) {
        return STATUS_SUCCESS;
    }
    for (PWSK_DATAGRAM_INDICATION at = list; at != NULL; at = at->Next) {
        SIM_ASSERT(at->RemoteAddress->sa_family == AF_INET);
        SIM_ASSERT((at->ControlInfo == NULL) == (at->ControlInfoLength == 0));
        if (at->Buffer.Length != 0) {
            const uint8_t *base = MmGetSystemAddressForMdlSafe(at->Buffer.Mdl, NormalPagePriority);
            SIM_ASSERT(sim_memory_ok(base, at->Buffer.Offset + 1, NULL));
        }
        t.indicated++;
    }
    switch (e.calls++ % 3) {
    case 0:
        if (e.held == NULL) {
            e.held = list;
            KeSetEvent(e.event, IO_NO_INCREMENT, FALSE);
            return STATUS_PENDING;
        }
        return STATUS_SUCCESS;
    case 1:
        return STATUS_DATA_NOT_ACCEPTED;
    default:
        return STATUS_SUCCESS;
    }
}

static PWSK_SOCKET open_datagram(uint16_t port)
{
    WSK_CLIENT_DATAGRAM_DISPATCH *table = ke_test_alloc(sizeof *table);
    *table = (WSK_CLIENT_DATAGRAM_DISPATCH){on_datagram};
    memset(&e, 0, sizeof e);
    e.event = ke_test_alloc(sizeof *e.event);
    KeInitializeEvent(e.event, SynchronizationEvent, FALSE);
    e.socket = open_socket(WSK_FLAG_DATAGRAM_SOCKET, table);
    if (e.socket != NULL && !NT_SUCCESS(bind_socket(e.socket, port))) {
        close_socket(e.socket);
        e.socket = NULL;
    }
    return e.socket;
}

/* Element by element, as shipped clients do. */
static void give_back(void)
{
    PWSK_DATAGRAM_INDICATION next;
    for (PWSK_DATAGRAM_INDICATION at = e.held; at != NULL; at = next) {
        next = at->Next;
        at->Next = NULL;
        SIM_ASSERT(datagram(e.socket)->WskRelease(e.socket, at) == STATUS_SUCCESS);
    }
    e.held = NULL;
}

/* ---- correct clients ---- */

static void by_irp(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = open_datagram(PORT);
    if (socket != NULL) {
        struct request *in[3], *out[3] = {NULL};
        for (int i = 0; i < 3; i++) {
            in[i] = start_receive(socket, i == 1 ? 4 : 2000);
        }
        for (int i = 0; i < 3; i++) {
            if (in[i] != NULL && wait_ms(in[i], 200) && NT_SUCCESS(in[i]->status)) {
                SIM_ASSERT(in[i]->address.sin_family == AF_INET);
                SIM_ASSERT(in[i]->information <= in[i]->buffer.Length);
                t.received++;
                out[i] = start_send(socket, 100, &in[i]->address);
            }
        }
        close_socket(socket);
        for (int i = 0; i < 3; i++) {
            if (in[i] != NULL) {
                end_request(in[i], NULL);
            }
            if (out[i] != NULL && NT_SUCCESS(end_request(out[i], NULL))) {
                SIM_ASSERT_OP(out[i]->information, ==, 100);
                t.sent++;
            }
        }
    }
    close_client();
}

static void by_event(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = open_datagram(PORT);
    if (socket != NULL) {
        for (int i = 0; i < 6; i++) {
            LARGE_INTEGER limit = ke_test_ms(50);
            (void)!enable(socket, WSK_EVENT_RECEIVE_FROM);
            KeWaitForSingleObject(e.event, Executive, KernelMode, FALSE, &limit);
        }
        NTSTATUS status = STATUS_PENDING;
        struct request *r = new_request(0);
        if (r != NULL) {
            WSK_EVENT_CALLBACK_CONTROL *in = ke_test_alloc(sizeof *in);
            *in = (WSK_EVENT_CALLBACK_CONTROL){(PNPIID)(ULONG_PTR)&NPI_WSK_INTERFACE_ID,
                                               WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};
            (void)!datagram(socket)->WskControlSocket(socket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                                      SOL_SOCKET, sizeof *in, in, 0, NULL, NULL,
                                                      r->irp);
            status = end_request(r, NULL);
        }
        if (!NT_SUCCESS(status)) {
            sleep_ms(1000); /* still on, or dead: calls in progress end */
        }
        give_back();
        close_socket(socket);
    }
    close_client();
}

static void messages(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = open_datagram(0);
    struct request *r = socket != NULL ? new_request(300) : NULL;
    if (r != NULL) {
        WSK_BUF_LIST *list = ke_test_alloc(3 * sizeof *list);
        for (ULONG i = 0; i < 3; i++) {
            list[i].Buffer = (WSK_BUF){r->mdl, i * 100, 100};
            list[i].Next = i < 2 ? &list[i + 1] : NULL;
        }
        (void)!datagram(socket)->WskSendMessages(socket, list, 0, (PSOCKADDR)address(PEER_IP, 9), 0,
                                                 NULL, r->irp);
        struct request *local = new_request(0);
        if (local != NULL) {
            (void)!datagram(socket)->WskGetLocalAddress(socket, (PSOCKADDR)&local->address,
                                                        local->irp);
            if (NT_SUCCESS(end_request(local, NULL))) {
                SIM_ASSERT(local->address.sin_port != 0);
            }
        }
        if (NT_SUCCESS(end_request(r, NULL))) {
            SIM_ASSERT_OP(r->information, ==, 300); /* DGRM-008 */
            t.sent++;
        }
    }
    if (socket != NULL) {
        close_socket(socket);
    }
    close_client();
}

static void addresses_in_use(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET first = open_datagram(53);
    PWSK_SOCKET second = open_datagram(0);
    PWSK_SOCKET third = first != NULL ? open_socket(WSK_FLAG_DATAGRAM_SOCKET, NULL) : NULL;
    if (third != NULL) {
        NTSTATUS status = bind_socket(third, 53);
        SIM_ASSERT(!NT_SUCCESS(status)); /* BIND-012 */
        (void)!bind_socket(third, 54);   /* BIND-010 */
        t.sent++;
        close_socket(third);
    }
    if (first != NULL) {
        close_socket(first);
    }
    if (second != NULL) {
        close_socket(second);
    }
    close_client();
}

static UNICODE_STRING *text(const WCHAR *characters, USHORT count)
{
    UNICODE_STRING *out = ke_test_alloc(sizeof *out);
    out->Length = out->MaximumLength = (USHORT)(count * sizeof(WCHAR));
    out->Buffer = ke_test_alloc(out->Length);
    memcpy(out->Buffer, characters, out->Length);
    return out;
}

static PADDRINFOEXW resolve(NTSTATUS *status)
{
    struct request *r = new_request(0);
    PADDRINFOEXW *result = ke_test_alloc(sizeof *result);
    *status = STATUS_INSUFFICIENT_RESOURCES;
    if (r == NULL) {
        return NULL;
    }
    *result = NULL;
    (void)!t.npi->Dispatch->WskGetAddressInfo(t.npi->Client, text(u"localhost", 9), text(u"80", 2),
                                              0, NULL, NULL, result, NULL, NULL, r->irp);
    *status = end_request(r, NULL);
    return NT_SUCCESS(*status) ? *result : NULL;
}

static void names(void)
{
    if (!open_client()) {
        return;
    }
    NTSTATUS status;
    PADDRINFOEXW list = resolve(&status);
    if (list != NULL) {
        for (PADDRINFOEXW at = list; at != NULL; at = at->ai_next) {
            SIM_ASSERT_OP(at->ai_family, ==, (int)at->ai_addr->sa_family);
            SIM_ASSERT_OP(((SOCKADDR_IN *)at->ai_addr)->sin_port, ==, RtlUshortByteSwap(80));
        }
        struct request *r = new_request(0);
        if (r != NULL) {
            UNICODE_STRING *node = text(u"................................................", 48);
            (void)!t.npi->Dispatch->WskGetNameInfo(t.npi->Client, list->ai_addr,
                                                   (ULONG)list->ai_addrlen, node, NULL,
                                                   NI_NUMERICHOST, NULL, NULL, r->irp);
            t.received += NT_SUCCESS(end_request(r, NULL));
        }
        t.npi->Dispatch->WskFreeAddressInfo(t.npi->Client, list);
    }
    close_client();
}

/* ---- wrong ones ---- */

static void send_unbound(void)
{
    open_client();
    start_send(open_socket(WSK_FLAG_DATAGRAM_SOCKET, NULL), 10, address(PEER_IP, 9));
}

static void send_nowhere(void)
{
    open_client();
    PWSK_SOCKET socket = open_datagram(0);
    struct request *r = new_request(10);
    (void)!datagram(socket)->WskSendTo(socket, &r->buffer, 0, NULL, 0, NULL, r->irp);
}

static void bad_control(void)
{
    open_client();
    PWSK_SOCKET socket = open_datagram(0);
    struct request *r = new_request(10);
    CMSGHDR *control = ke_test_alloc(64);
    *control = (CMSGHDR){.cmsg_len = 100};
    (void)!datagram(socket)->WskSendTo(socket, &r->buffer, 0, (PSOCKADDR)address(PEER_IP, 9), 64,
                                       control, r->irp);
}

static void too_long(void)
{
    open_client();
    PWSK_SOCKET socket = open_datagram(0);
    struct request *r = new_request(10);
    r->buffer.Length = 11;
    (void)!datagram(socket)->WskSendTo(socket, &r->buffer, 0, (PSOCKADDR)address(PEER_IP, 9), 0,
                                       NULL, r->irp);
}

static void ring_of_messages(void)
{
    open_client();
    PWSK_SOCKET socket = open_datagram(0);
    struct request *r = new_request(10);
    WSK_BUF_LIST *node = ke_test_alloc(sizeof *node);
    *node = (WSK_BUF_LIST){node, r->buffer};
    (void)!datagram(socket)->WskSendMessages(socket, node, 0, (PSOCKADDR)address(PEER_IP, 9), 0,
                                             NULL, r->irp);
}

static void flags_given(void)
{
    open_client();
    PWSK_SOCKET socket = open_datagram(0);
    struct request *r = new_request(10);
    (void)!datagram(socket)->WskSendTo(socket, &r->buffer, 1, (PSOCKADDR)address(PEER_IP, 9), 0,
                                       NULL, r->irp);
}

static void hold_list(void)
{
    open_client();
    open_datagram(PORT);
    (void)!enable(e.socket, WSK_EVENT_RECEIVE_FROM);
    KeWaitForSingleObject(e.event, Executive, KernelMode, FALSE, NULL);
    sleep_ms(1);
}

static void close_with_list(void)
{
    hold_list();
    close_socket(e.socket);
}

static void release_twice(void)
{
    hold_list();
    (void)!datagram(e.socket)->WskRelease(e.socket, e.held);
    (void)!datagram(e.socket)->WskRelease(e.socket, e.held);
}

static void result_leaked(void)
{
    NTSTATUS status;
    open_client();
    resolve(&status);
    close_client();
}

static void result_freed_twice(void)
{
    NTSTATUS status;
    open_client();
    PADDRINFOEXW list = resolve(&status);
    t.npi->Dispatch->WskFreeAddressInfo(t.npi->Client, list);
    t.npi->Dispatch->WskFreeAddressInfo(t.npi->Client, list);
}

static void nothing_asked(void)
{
    open_client();
    struct request *r = new_request(0);
    PADDRINFOEXW *result = ke_test_alloc(sizeof *result);
    (void)!t.npi->Dispatch->WskGetAddressInfo(t.npi->Client, NULL, NULL, 0, NULL, NULL, result,
                                              NULL, NULL, r->irp);
}

static void local_address_unbound(void)
{
    open_client();
    PWSK_SOCKET socket = open_socket(WSK_FLAG_DATAGRAM_SOCKET, NULL);
    struct request *r = new_request(0);
    (void)!datagram(socket)->WskGetLocalAddress(socket, (PSOCKADDR)&r->address, r->irp);
}

/* ---- */

static void test_correct(void **state)
{
    (void)state;
    data_test_good(by_irp, &t.received);
    assert_true(t.sent > 100);
    data_test_good(by_event, &t.indicated);
    data_test_good(messages, &t.sent);
    data_test_good(addresses_in_use, &t.sent);
    data_test_good(names, &t.received);
}

static void test_wrong(void **state)
{
    (void)state;
    ke_test_bad(send_unbound, RULE_DGRM_001);
    ke_test_bad(send_nowhere, RULE_DGRM_002);
    ke_test_bad(bad_control, RULE_DGRM_004);
    ke_test_bad(too_long, RULE_SEND_002);
    ke_test_bad(ring_of_messages, RULE_DGRM_008);
    ke_test_bad(flags_given, RULE_DGRM_001);
    ke_test_bad(close_with_list, RULE_REL_005);
    ke_test_bad(release_twice, RULE_REL_003);
    ke_test_bad(result_leaked, RULE_ADDR_016);
    ke_test_bad(result_freed_twice, RULE_ADDR_016);
    ke_test_bad(nothing_asked, RULE_ADDR_013);
    ke_test_bad(local_address_unbound, RULE_ADDR_001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_correct),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
