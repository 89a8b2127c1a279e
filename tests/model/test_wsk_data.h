/* SPDX-License-Identifier: MIT */
/*
 * A careful client in this process, for the tests of the data path: it keeps every request until it
 * has completed, waits with a limit, and closes what does not come to an end. So it is right under
 * every reading of the contract; what fails under it is ours.
 */
#ifndef TESTS_MODEL_TEST_WSK_DATA_H
#define TESTS_MODEL_TEST_WSK_DATA_H

#include "test_ke.h"

#include "model/world/run.h"
#include "model/wsk/wsk_internal.h"

#include <wsk.h>

enum { REQUESTS_MAX = 256, LONG_MS = 30000 };

struct request {
    PIRP irp;
    KEVENT done;
    bool is_done;
    PMDL mdl;
    uint8_t *bytes;
    WSK_BUF buffer;
    NTSTATUS status;
    ULONG_PTR information;
    SOCKADDR_IN address;
    ULONG control_length, control_flags;
};

static struct {
    WSK_REGISTRATION *registration;
    WSK_PROVIDER_NPI *npi;
    /* what happened in all runs of a body */
    uint32_t received, sent, accepted, indicated, finished;
} t;

/* ---- requests ---- */

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct request *r = context;
    (void)device;
    SIM_ASSERT(!r->is_done);
    r->is_done = true;
    r->status = irp->IoStatus.Status;
    r->information = irp->IoStatus.Information;
    KeSetEvent(&r->done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* With a buffer of `size` bytes, or none. NULL when memory is short. */
static inline struct request *new_request(SIZE_T size)
{
    struct request *r = ke_test_alloc(sizeof *r);
    memset(r, 0, sizeof *r);
    r->irp = IoAllocateIrp(1, FALSE);
    if (r->irp == NULL) {
        return NULL;
    }
    if (size != 0) {
        r->bytes = ke_test_alloc(size);
        memset(r->bytes, 'x', size);
        r->mdl = IoAllocateMdl(r->bytes, (ULONG)size, FALSE, FALSE, NULL);
        if (r->mdl == NULL) {
            IoFreeIrp(r->irp);
            return NULL;
        }
        MmBuildMdlForNonPagedPool(r->mdl);
    }
    r->buffer = (WSK_BUF){r->mdl, 0, size};
    KeInitializeEvent(&r->done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(r->irp, completed, r, TRUE, TRUE, TRUE);
    return r;
}

/* True if it has completed within the limit. */
static inline bool wait_ms(struct request *r, LONGLONG ms)
{
    LARGE_INTEGER limit = ke_test_ms(ms);
    return KeWaitForSingleObject(&r->done, Executive, KernelMode, FALSE, &limit) != STATUS_TIMEOUT;
}

/* Waits for good, gives everything back, returns the status. */
static inline NTSTATUS end_request(struct request *r, ULONG_PTR *information)
{
    KeWaitForSingleObject(&r->done, Executive, KernelMode, FALSE, NULL);
    SIM_ASSERT(r->is_done);
    if (r->mdl != NULL) {
        IoFreeMdl(r->mdl);
    }
    IoFreeIrp(r->irp);
    if (information != NULL) {
        *information = r->information;
    }
    return r->status;
}

/* ---- client and sockets ---- */

static inline bool open_client(void)
{
    WSK_CLIENT_DISPATCH *dispatch = ke_test_alloc(sizeof *dispatch);
    WSK_CLIENT_NPI *client = ke_test_alloc(sizeof *client);
    t.registration = ke_test_alloc(sizeof *t.registration);
    t.npi = ke_test_alloc(sizeof *t.npi);
    *dispatch = (WSK_CLIENT_DISPATCH){MAKE_WSK_VERSION(1, 0), 0, NULL};
    *client = (WSK_CLIENT_NPI){NULL, dispatch};
    if (!NT_SUCCESS(WskRegister(client, t.registration))) {
        return false;
    }
    if (NT_SUCCESS(WskCaptureProviderNPI(t.registration, WSK_INFINITE_WAIT, t.npi))) {
        return true;
    }
    WskDeregister(t.registration);
    return false;
}

static inline void close_client(void)
{
    WskReleaseProviderNPI(t.registration);
    WskDeregister(t.registration);
    wsk_check_unload(sim_current);
    io_check_unload(sim_current);
    mm_check_unload(sim_current);
}

static inline PWSK_SOCKET open_socket(ULONG category, const VOID *dispatch)
{
    bool is_udp = category == WSK_FLAG_DATAGRAM_SOCKET;
    struct request *r = new_request(0);
    ULONG_PTR socket = 0;
    if (r == NULL) {
        return NULL;
    }
    (void)!t.npi->Dispatch->WskSocket(t.npi->Client, AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM,
                                      is_udp ? IPPROTO_UDP : IPPROTO_TCP, category, NULL, dispatch,
                                      NULL, NULL, NULL, r->irp);
    return NT_SUCCESS(end_request(r, &socket)) ? (PWSK_SOCKET)socket : NULL;
}

static inline const WSK_PROVIDER_CONNECTION_DISPATCH *connection(PWSK_SOCKET socket)
{
    return socket->Dispatch;
}
static inline const WSK_PROVIDER_LISTEN_DISPATCH *listening(PWSK_SOCKET socket)
{
    return socket->Dispatch;
}
static inline const WSK_PROVIDER_DATAGRAM_DISPATCH *datagram(PWSK_SOCKET socket)
{
    return socket->Dispatch;
}
static inline const WSK_PROVIDER_STREAM_DISPATCH *stream(PWSK_SOCKET socket)
{
    return socket->Dispatch;
}

static inline void close_socket(PWSK_SOCKET socket)
{
    struct request *r;
    do {
        r = new_request(0);
    } while (r == NULL);
    (void)!connection(socket)->WskCloseSocket(socket, r->irp);
    NTSTATUS status = end_request(r, NULL);
    SIM_ASSERT_OP(status, ==, STATUS_SUCCESS);
}

static inline SOCKADDR_IN *address(uint32_t ip, uint16_t port)
{
    SOCKADDR_IN *a = ke_test_alloc(sizeof *a);
    memset(a, 0, sizeof *a);
    a->sin_family = AF_INET;
    a->sin_port = RtlUshortByteSwap(port);
    a->sin_addr.s_addr = RtlUlongByteSwap(ip);
    return a;
}

static inline NTSTATUS bind_socket(PWSK_SOCKET socket, uint16_t port)
{
    struct request *r = new_request(0);
    if (r == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    (void)!listening(socket)->WskBind(socket, (PSOCKADDR)address(0, port), 0, r->irp);
    return end_request(r, NULL);
}

static inline NTSTATUS enable(PWSK_SOCKET socket, ULONG mask)
{
    WSK_EVENT_CALLBACK_CONTROL *in = ke_test_alloc(sizeof *in);
    *in = (WSK_EVENT_CALLBACK_CONTROL){(PNPIID)(ULONG_PTR)&NPI_WSK_INTERFACE_ID, mask};
    return connection(socket)->WskControlSocket(socket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                                SOL_SOCKET, sizeof *in, in, 0, NULL, NULL, NULL);
}

static inline NTSTATUS set_ulong(PWSK_SOCKET socket, ULONG code, ULONG value)
{
    struct request *r = new_request(0);
    ULONG *in = ke_test_alloc(sizeof *in);
    *in = value;
    if (r == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    (void)!connection(socket)->WskControlSocket(socket, WskSetOption, code, SOL_SOCKET, sizeof *in,
                                                in, 0, NULL, NULL, r->irp);
    return end_request(r, NULL);
}

static inline void sleep_ms(LONGLONG ms)
{
    LARGE_INTEGER time = ke_test_ms(ms);
    KeDelayExecutionThread(KernelMode, FALSE, &time);
}

static inline void data_test_run(void (*body)(void), const uint32_t *counter, bool with_faults)
{
    struct choice_source source = {.kind = CHOICE_TAME};
    memset(&t, 0, sizeof t);
    for (uint64_t seed = 0; seed < 400; seed++) {
        if (ke_test_run(body, &source) != SIM_VERDICT_OK) {
            print_error("seed %llu ", (unsigned long long)seed);
            ke_test_describe("unexpected");
            fail();
        }
        source = (struct choice_source){.kind = CHOICE_RANDOM,
                                        .seed = 0x9E3779B97F4A7C15ull * (seed + 1),
                                        .switch_one_in = 1 + (uint32_t)(seed % 5),
                                        .world_one_in = 1 + (uint16_t)(seed % 7),
                                        .faults_one_in = with_faults && seed % 3 == 0 ? 40 : 0,
                                        .knob_one_in = 6};
    }
    assert_true(*counter > 100); /* what the body is about does happen */
}

/* As ke_test_good, with failing calls and dying sockets in every third run. */
static inline void data_test_good(void (*body)(void), const uint32_t *counter)
{
    data_test_run(body, counter, true);
}

/* Without them. */
static inline void data_test_calm(void (*body)(void), const uint32_t *counter)
{
    data_test_run(body, counter, false);
}

#endif
