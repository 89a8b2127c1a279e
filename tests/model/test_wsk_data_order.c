/* SPDX-License-Identifier: MIT */
/*
 * RECV-012, SEND-011, DISC-004: over receives and callbacks, refusals, partial acceptance, retained
 * lists and drains, each byte comes once and in order. Both ends are sockets of this client,
 * connected through the loopback address, so that the content is known.
 */
#include "test_wsk_data.h"

enum { PORT = 2000, SENDS = 6, SEND_BYTES = 700, HELD_MAX = 64, RECEIVES_MAX = 64 };

static struct {
    PWSK_SOCKET accepted;
    PWSK_DATA_INDICATION held[HELD_MAX];
    uint32_t held_count, calls, answers;
    uint64_t position; /* of the stream: what the callback has been given */
    bool is_finished, is_aborted, is_out_of_order, only_callback;
    KEVENT *event;
} e;

static uint8_t pattern(uint64_t position)
{
    return (uint8_t)(position * 7 + (position >> 8));
}

static uint64_t check(uint64_t position, const uint8_t *bytes, SIZE_T size)
{
    for (SIZE_T i = 0; i < size; i++) {
        e.is_out_of_order |= bytes[i] != pattern(position + i);
    }
    return position + size;
}

/* Walks lists and chains as a client does; the position after `limit` bytes. */
static uint64_t check_list(uint64_t position, const WSK_DATA_INDICATION *list, SIZE_T limit)
{
    for (; list != NULL; list = list->Next) {
        ULONG offset = list->Buffer.Offset;
        SIZE_T left = list->Buffer.Length;
        for (PMDL mdl = list->Buffer.Mdl; left != 0; mdl = mdl->Next) {
            const uint8_t *base = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
            SIZE_T size = MmGetMdlByteCount(mdl) - offset;
            size = size < left ? size : left;
            SIZE_T taken = size < limit ? size : limit;
            position = check(position, base + offset, taken);
            limit -= taken;
            left -= size;
            offset = 0;
        }
    }
    return position;
}

static NTSTATUS on_receive(PVOID context, ULONG flags, PWSK_DATA_INDICATION data, SIZE_T indicated,
                           SIZE_T *accepted)
{
    (void)context;
    (void)flags;
    if (data == NULL) {
        return STATUS_SUCCESS;
    }
    t.indicated++;
    uint32_t answer = e.answers == 0 ? 0 : e.calls++ % e.answers;
    switch (answer) {
    case 1:
        if (e.held_count < HELD_MAX) {
            e.held[e.held_count++] = data;
            e.position = check_list(e.position, data, indicated);
            return STATUS_PENDING;
        }
        break;
    case 2:
        KeSetEvent(e.event, IO_NO_INCREMENT, FALSE);
        return STATUS_DATA_NOT_ACCEPTED;
    case 3:
        *accepted = indicated / 2 + 1;
        e.position = check_list(e.position, data, *accepted);
        KeSetEvent(e.event, IO_NO_INCREMENT, FALSE);
        return STATUS_SUCCESS;
    default:
        break;
    }
    e.position = check_list(e.position, data, indicated);
    return STATUS_SUCCESS;
}

static NTSTATUS on_disconnect(PVOID context, ULONG flags)
{
    (void)context;
    e.is_aborted |= (flags & WSK_FLAG_ABORTIVE) != 0;
    e.is_finished = true;
    KeSetEvent(e.event, IO_NO_INCREMENT, FALSE);
    return STATUS_SUCCESS;
}

static NTSTATUS on_accept(PVOID context, ULONG flags, PSOCKADDR local, PSOCKADDR remote,
                          PWSK_SOCKET socket, PVOID *out_context,
                          const WSK_CLIENT_CONNECTION_DISPATCH **out_dispatch)
{
    (void)flags;
    (void)local;
    bool is_ours =
        socket != NULL && ((PSOCKADDR_IN)remote)->sin_addr.s_addr == RtlUlongByteSwap(0x7F000001);
    if (!is_ours || e.accepted != NULL) {
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    *out_context = NULL;
    *out_dispatch = context; /* the table is all the context there is */
    e.accepted = socket;
    t.accepted++;
    KeSetEvent(e.event, IO_NO_INCREMENT, FALSE);
    return STATUS_SUCCESS;
}

/* ---- */

static PWSK_SOCKET open_with_context(ULONG category, PVOID context, const VOID *dispatch)
{
    struct request *r = new_request(0);
    ULONG_PTR socket = 0;
    (void)!t.npi->Dispatch->WskSocket(t.npi->Client, AF_INET, SOCK_STREAM, IPPROTO_TCP, category,
                                      context, dispatch, NULL, NULL, NULL, r->irp);
    return NT_SUCCESS(end_request(r, &socket)) ? (PWSK_SOCKET)socket : NULL;
}

static PWSK_SOCKET open_listener(void)
{
    WSK_CLIENT_LISTEN_DISPATCH *table = ke_test_alloc(sizeof *table);
    WSK_CLIENT_CONNECTION_DISPATCH *events = ke_test_alloc(sizeof *events);
    *table = (WSK_CLIENT_LISTEN_DISPATCH){on_accept, NULL, NULL};
    *events = (WSK_CLIENT_CONNECTION_DISPATCH){on_receive, on_disconnect, NULL};
    PWSK_SOCKET listener = open_with_context(WSK_FLAG_LISTEN_SOCKET, events, table);
    bind_socket(listener, PORT);
    return listener;
}

static PWSK_SOCKET open_sender(void)
{
    PWSK_SOCKET socket = open_socket(WSK_FLAG_CONNECTION_SOCKET, NULL);
    struct request *r = new_request(0);
    bind_socket(socket, 0);
    (void)!connection(socket)->WskConnect(socket, (PSOCKADDR)address(0x7F000001, PORT), 0, r->irp);
    if (NT_SUCCESS(end_request(r, NULL))) {
        return socket;
    }
    close_socket(socket);
    return NULL;
}

static void send_all(PWSK_SOCKET socket, struct request *r[SENDS + 1])
{
    for (uint32_t i = 0; i < SENDS; i++) {
        r[i] = new_request(SEND_BYTES);
        for (uint32_t k = 0; k < SEND_BYTES; k++) {
            r[i]->bytes[k] = pattern((uint64_t)i * SEND_BYTES + k);
        }
        (void)!connection(socket)->WskSend(socket, &r[i]->buffer, 0, r[i]->irp);
    }
    r[SENDS] = new_request(0);
    (void)!connection(socket)->WskDisconnect(socket, NULL, 0, r[SENDS]->irp);
}

/*
 * The receiver: whenever a callback refuses, one zero-length receive resumes it (so that all bytes
 * go through the callback), until the end of the stream.
 */
static void take_by_callback(struct request *r[RECEIVES_MAX])
{
    for (uint32_t i = 0; i < RECEIVES_MAX && !e.is_finished; i++) {
        LARGE_INTEGER limit = ke_test_ms(500);
        KeWaitForSingleObject(e.event, Executive, KernelMode, FALSE, &limit);
        if (!e.is_finished) {
            r[i] = new_request(0);
            (void)!connection(e.accepted)->WskReceive(e.accepted, &r[i]->buffer, 0, r[i]->irp);
        }
    }
}

/* The receiver: nothing but receives, several at a time. */
static void take_by_irps(struct request *r[RECEIVES_MAX])
{
    uint32_t made = 0, ended = 0;
    uint64_t position = 0;
    bool is_over = false;
    while (!is_over && ended < RECEIVES_MAX) {
        while (made < RECEIVES_MAX && made < ended + 3) {
            ULONG flags = made % 4 == 3 ? WSK_FLAG_WAITALL : 0;
            r[made] = new_request(100 + made * 40);
            (void)!connection(e.accepted)
                ->WskReceive(e.accepted, &r[made]->buffer, flags, r[made]->irp);
            made++;
        }
        if (!wait_ms(r[ended], LONG_MS) || !NT_SUCCESS(r[ended]->status)) {
            break;
        }
        is_over = r[ended]->information == 0;
        position = check(position, r[ended]->bytes, r[ended]->information);
        ended++;
    }
    SIM_ASSERT(!is_over || position == SENDS * SEND_BYTES || e.is_aborted);
    t.received += is_over && position == SENDS * SEND_BYTES;
}

static void run(bool by_callback)
{
    struct request *sent[SENDS + 1] = {NULL}, *got[RECEIVES_MAX] = {NULL};
    memset(&e.accepted, 0, sizeof e - offsetof(__typeof__(e), accepted));
    e.answers = by_callback ? 4 : 0;
    e.event = ke_test_alloc(sizeof *e.event);
    KeInitializeEvent(e.event, SynchronizationEvent, FALSE);
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET listener = open_listener();
    ULONG mask = by_callback ? WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT : 0;
    SIM_ASSERT(NT_SUCCESS(enable(listener, WSK_EVENT_ACCEPT | mask)));
    PWSK_SOCKET sender = open_sender();
    if (sender != NULL) {
        LARGE_INTEGER limit = ke_test_ms(5000);
        send_all(sender, sent);
        KeWaitForSingleObject(e.event, Executive, KernelMode, FALSE, &limit);
        if (e.accepted != NULL && by_callback) {
            take_by_callback(got);
        } else if (e.accepted != NULL) {
            take_by_irps(got);
        }
        wait_ms(sent[SENDS], 2000);
    }
    sleep_ms(100);
    close_socket(listener);
    SIM_ASSERT(!e.is_out_of_order);
    SIM_ASSERT(e.position <= SENDS * SEND_BYTES);
    t.finished += by_callback && e.position == SENDS * SEND_BYTES;
    for (uint32_t i = 0; i < e.held_count; i++) {
        (void)!connection(e.accepted)->WskRelease(e.accepted, e.held[i]);
    }
    if (e.accepted != NULL) {
        close_socket(e.accepted);
    }
    if (sender != NULL) {
        close_socket(sender);
    }
    for (uint32_t i = 0; i <= SENDS; i++) {
        if (sent[i] != NULL) {
            end_request(sent[i], NULL);
        }
    }
    for (uint32_t i = 0; i < RECEIVES_MAX; i++) {
        if (got[i] != NULL) {
            end_request(got[i], NULL);
        }
    }
    close_client();
}

static void by_callback(void)
{
    run(true);
}

static void by_irps(void)
{
    run(false);
}

static void test_order(void **state)
{
    (void)state;
    data_test_calm(by_callback, &t.finished);
    data_test_calm(by_irps, &t.received);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
