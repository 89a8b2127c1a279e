/* SPDX-License-Identifier: MIT */
/*
 * Registration, creation, options, IOCTLs, client control and close, by a client in this process.
 * The correct clients run under several hundred seeded worlds and schedules: no reading of a
 * silence may make them fail. The wrong ones break one rule each.
 */
#include "test_ke.h"

#include "model/wsk/wsk_internal.h"

#include <wsk.h>

static struct {
    WSK_REGISTRATION *registration;
    WSK_PROVIDER_NPI *npi;
} t;

/* ---- a synchronous client ---- */

struct request {
    PIRP irp;
    KEVENT done;
    uint32_t completions;
};

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct request *r = context;
    (void)device;
    (void)irp;
    r->completions++;
    KeSetEvent(&r->done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static struct request *new_request(void)
{
    struct request *r = ke_test_alloc(sizeof *r);
    r->irp = IoAllocateIrp(1, FALSE);
    r->completions = 0;
    if (r->irp == NULL) {
        return NULL;
    }
    KeInitializeEvent(&r->done, SynchronizationEvent, FALSE);
    IoSetCompletionRoutine(r->irp, completed, r, TRUE, TRUE, TRUE);
    return r;
}

/* Waits, frees the IRP, gives the result. */
static NTSTATUS finish(struct request *r, NTSTATUS status, ULONG_PTR *information)
{
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&r->done, Executive, KernelMode, FALSE, NULL);
    }
    SIM_ASSERT_OP(r->completions, ==, 1);
    status = r->irp->IoStatus.Status;
    if (information != NULL) {
        *information = r->irp->IoStatus.Information;
    }
    IoFreeIrp(r->irp);
    return status;
}

static bool register_client(void)
{
    WSK_CLIENT_DISPATCH *dispatch = ke_test_alloc(sizeof *dispatch);
    WSK_CLIENT_NPI *client = ke_test_alloc(sizeof *client);
    t.registration = ke_test_alloc(sizeof *t.registration);
    t.npi = ke_test_alloc(sizeof *t.npi);
    *dispatch = (WSK_CLIENT_DISPATCH){MAKE_WSK_VERSION(1, 0), 0, NULL};
    *client = (WSK_CLIENT_NPI){NULL, dispatch};
    return NT_SUCCESS(WskRegister(client, t.registration));
}

static bool open_client(void)
{
    if (!register_client()) {
        return false;
    }
    if (NT_SUCCESS(WskCaptureProviderNPI(t.registration, WSK_INFINITE_WAIT, t.npi))) {
        return true;
    }
    WskDeregister(t.registration);
    return false;
}

static void close_client(void)
{
    WskReleaseProviderNPI(t.registration);
    WskDeregister(t.registration);
}

static PWSK_SOCKET open_socket(ULONG category, USHORT type, ULONG protocol)
{
    struct request *r = new_request();
    ULONG_PTR socket = 0;
    if (r == NULL) {
        return NULL;
    }
    NTSTATUS status = t.npi->Dispatch->WskSocket(t.npi->Client, AF_INET, type, protocol, category,
                                                 NULL, NULL, NULL, NULL, NULL, r->irp);
    status = finish(r, status, &socket);
    return NT_SUCCESS(status) ? (PWSK_SOCKET)socket : NULL;
}

static PWSK_SOCKET open_datagram(void)
{
    return open_socket(WSK_FLAG_DATAGRAM_SOCKET, SOCK_DGRAM, IPPROTO_UDP);
}

static const WSK_PROVIDER_BASIC_DISPATCH *basic(PWSK_SOCKET socket)
{
    return socket->Dispatch;
}

static void close_socket(PWSK_SOCKET socket)
{
    struct request *r = new_request();
    SIM_ASSERT(r != NULL);
    NTSTATUS status = finish(r, basic(socket)->WskCloseSocket(socket, r->irp), NULL);
    SIM_ASSERT_OP(status, ==, STATUS_SUCCESS);
}

static NTSTATUS set_ulong(PWSK_SOCKET socket, ULONG code, ULONG value)
{
    struct request *r = new_request();
    ULONG *in = ke_test_alloc(sizeof *in);
    *in = value;
    SIM_ASSERT(r != NULL);
    return finish(r, basic(socket)->WskControlSocket(socket, WskSetOption, code, SOL_SOCKET,
                                                     sizeof *in, in, 0, NULL, NULL, r->irp),
                  NULL);
}

static ULONG get_ulong(PWSK_SOCKET socket, ULONG code)
{
    struct request *r = new_request();
    ULONG *out = ke_test_alloc(sizeof *out);
    ULONG_PTR size = 0;
    SIM_ASSERT(r != NULL);
    NTSTATUS status =
        finish(r, basic(socket)->WskControlSocket(socket, WskGetOption, code, SOL_SOCKET, 0, NULL,
                                                  sizeof *out, out, NULL, r->irp),
               &size);
    SIM_ASSERT_OP(status, ==, STATUS_SUCCESS);
    SIM_ASSERT_OP(size, ==, sizeof *out);
    return *out;
}

/* ---- correct clients ---- */

static void life(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = open_socket(WSK_FLAG_BASIC_SOCKET, SOCK_STREAM, IPPROTO_TCP);
    if (socket != NULL) {
        close_socket(socket);
    }
    close_client();
    wsk_check_unload(sim_current);
}

static void options(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = open_datagram();
    if (socket != NULL) {
        if (NT_SUCCESS(set_ulong(socket, SO_BROADCAST, 1))) {
            SIM_ASSERT_OP(get_ulong(socket, SO_BROADCAST), ==, 1);
        }
        if (NT_SUCCESS(set_ulong(socket, SO_RCVBUF, 100000))) {
            SIM_ASSERT_OP(get_ulong(socket, SO_RCVBUF), ==, 100000);
        }
        close_socket(socket);
    }
    close_client();
    wsk_check_unload(sim_current);
}

static void descriptors(void)
{
    if (!open_client()) {
        return;
    }
    PSECURITY_DESCRIPTOR *in = ke_test_alloc(sizeof *in), *out = ke_test_alloc(sizeof *out);
    *in = ke_test_alloc(64);
    NTSTATUS status = t.npi->Dispatch->WskControlClient(t.npi->Client, WSK_CACHE_SD, sizeof *in, in,
                                                        sizeof *out, out, NULL, NULL);
    PWSK_SOCKET socket = NT_SUCCESS(status) ? open_datagram() : NULL;
    if (socket != NULL) {
        struct request *r = new_request();
        finish(r, basic(socket)->WskControlSocket(socket, WskSetOption, SO_WSK_SECURITY,
                                                  SOL_SOCKET, sizeof *out, out, 0, NULL, NULL,
                                                  r->irp),
               NULL);
        close_socket(socket);
    }
    if (NT_SUCCESS(status)) {
        t.npi->Dispatch->WskControlClient(t.npi->Client, WSK_RELEASE_SD, sizeof *out, out, 0, NULL,
                                          NULL, NULL);
    }
    close_client();
    wsk_check_unload(sim_current);
}

/* Cancels the creation: whatever comes of it, a socket that is there is closed (IRP-034). */
static void cancelled_creation(void)
{
    if (!open_client()) {
        return;
    }
    struct request *r = new_request();
    ULONG_PTR socket = 0;
    NTSTATUS status = t.npi->Dispatch->WskSocket(t.npi->Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                                 WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL,
                                                 NULL, r->irp);
    if (status == STATUS_PENDING) {
        IoCancelIrp(r->irp);
    }
    if (NT_SUCCESS(finish(r, status, &socket))) {
        close_socket((PWSK_SOCKET)socket);
    }
    close_client();
    wsk_check_unload(sim_current);
}

static void closer(PVOID context)
{
    close_socket(context);
    WskReleaseProviderNPI(t.registration);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* WskDeregister waits for what another thread still holds. */
static void deregister_waits(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = open_datagram();
    if (socket == NULL) {
        close_client();
        return;
    }
    PKTHREAD thread = ke_test_thread(closer, socket);
    WskDeregister(t.registration);
    SIM_ASSERT_OP(wsk_socket_find(sim_current, socket)->life, ==, WSK_CLOSED);
    ke_test_join(thread);
    wsk_check_unload(sim_current);
}

static void list_change(void)
{
    if (!open_client()) {
        return;
    }
    struct request *r = new_request();
    NTSTATUS status = t.npi->Dispatch->WskControlClient(
        t.npi->Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, r->irp);
    SIM_ASSERT_OP(status, ==, STATUS_PENDING);
    close_client();
    SIM_ASSERT_OP(finish(r, status, NULL), ==, STATUS_CANCELLED);
    wsk_check_unload(sim_current);
}

static void address_change(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = open_datagram();
    if (socket != NULL) {
        struct request *r = new_request();
        NTSTATUS status = basic(socket)->WskControlSocket(
            socket, WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0, 0, NULL, 0, NULL, NULL, r->irp);
        close_socket(socket);
        SIM_ASSERT_OP(finish(r, status, NULL), ==, STATUS_CANCELLED);
    }
    close_client();
    wsk_check_unload(sim_current);
}

static void address_list(void)
{
    if (!open_client()) {
        return;
    }
    PWSK_SOCKET socket = open_datagram();
    if (socket != NULL) {
        SIZE_T *size = ke_test_alloc(sizeof *size);
        NTSTATUS status = basic(socket)->WskControlSocket(
            socket, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, NULL, 0, NULL, size, NULL);
        SIM_ASSERT_OP(status, ==, STATUS_BUFFER_OVERFLOW);
        SOCKET_ADDRESS_LIST *list = ke_test_alloc(*size);
        status = basic(socket)->WskControlSocket(socket, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0,
                                                 NULL, *size, list, size, NULL);
        SIM_ASSERT_OP(status, ==, STATUS_SUCCESS);
        SIM_ASSERT_OP(list->iAddressCount, >=, 1);
        SIM_ASSERT_OP(list->Address[0].lpSockaddr->sa_family, ==, AF_INET);
        close_socket(socket);
    }
    close_client();
}

/* A reader of the provider at DISPATCH_LEVEL: no wait, no blame. */
static void capture_at_dispatch(void)
{
    KIRQL old;
    if (!register_client()) {
        return;
    }
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    NTSTATUS status = WskCaptureProviderNPI(t.registration, WSK_NO_WAIT, t.npi);
    KeLowerIrql(old);
    if (NT_SUCCESS(status)) {
        WskReleaseProviderNPI(t.registration);
    }
    WskDeregister(t.registration);
}

static ULONG attaching; /* callbacks that have not returned */

static NTSTATUS NTAPI attach(HANDLE binding, PVOID context,
                             const NPI_REGISTRATION_INSTANCE *instance)
{
    static WSK_CLIENT_DISPATCH *dispatch;
    PVOID *client = ke_test_alloc(sizeof *client);
    const VOID **table = ke_test_alloc(sizeof *table);
    (void)context;
    attaching++;
    SIM_ASSERT(instance->NpiId != NULL);
    dispatch = ke_test_alloc(sizeof *dispatch);
    *dispatch = (WSK_CLIENT_DISPATCH){MAKE_WSK_VERSION(1, 0), 0, NULL};
    NTSTATUS status = NmrClientAttachProvider(binding, NULL, dispatch, client, table);
    if (NT_SUCCESS(status)) {
        t.npi->Client = *client;
        t.npi->Dispatch = *table;
        *(ULONG *)context = 1;
    }
    attaching--;
    return status;
}

static NTSTATUS NTAPI detach(PVOID binding)
{
    (void)binding;
    SIM_ASSERT_OP(attaching, ==, 0);
    return STATUS_SUCCESS;
}

static HANDLE *nmr_register(ULONG *attached)
{
    NPI_MODULEID *module = ke_test_alloc(sizeof *module);
    NPI_CLIENT_CHARACTERISTICS *c = ke_test_alloc(sizeof *c);
    HANDLE *handle = ke_test_alloc(sizeof *handle);
    memset(module, 0, sizeof *module);
    memset(c, 0, sizeof *c);
    attaching = 0;
    t.npi = ke_test_alloc(sizeof *t.npi);
    c->Length = sizeof *c;
    c->ClientAttachProvider = attach;
    c->ClientDetachProvider = detach;
    c->ClientRegistrationInstance.Size = sizeof c->ClientRegistrationInstance;
    c->ClientRegistrationInstance.NpiId = &NPI_WSK_INTERFACE_ID;
    c->ClientRegistrationInstance.ModuleId = module;
    SIM_ASSERT(NmrRegisterClient(c, attached, handle) == STATUS_SUCCESS);
    return handle;
}

static void nmr_deregister(HANDLE *handle)
{
    if (NmrDeregisterClient(*handle) == STATUS_PENDING) {
        NmrWaitForClientDeregisterComplete(*handle);
    }
    SIM_ASSERT_OP(attaching, ==, 0);
    wsk_check_unload(sim_current);
}

/* REG-037: no callback runs once the deregistration has been said to be complete. */
static void nmr_early(void)
{
    ULONG *attached = ke_test_alloc(sizeof *attached);
    LARGE_INTEGER tick = ke_test_ms(1);
    *attached = 0;
    HANDLE *handle = nmr_register(attached);
    for (int i = 0; i < 2000 && attaching == 0 && *attached == 0; i++) {
        KeDelayExecutionThread(KernelMode, FALSE, &tick);
    }
    nmr_deregister(handle);
}

static void nmr(void)
{
    ULONG *attached = ke_test_alloc(sizeof *attached);
    *attached = 0;
    HANDLE *handle = nmr_register(attached);
    for (int i = 0; i < 20 && *attached == 0; i++) {
        LARGE_INTEGER second = ke_test_ms(1000);
        KeDelayExecutionThread(KernelMode, FALSE, &second);
    }
    SIM_ASSERT_OP(*attached, ==, 1);
    PWSK_SOCKET socket = open_datagram();
    if (socket != NULL) {
        close_socket(socket);
    }
    nmr_deregister(handle);
}

static unsigned grown; /* queries with the size asked for that were too small all the same */

/* CTL-147 to CTL-149: asking for the size and asking again until it fits comes to an end. */
static void transports(void)
{
    open_client();
    WSK_TRANSPORT *list = ke_test_alloc(16 * sizeof *list);
    SIZE_T *size = ke_test_alloc(sizeof *size);
    NTSTATUS status = t.npi->Dispatch->WskControlClient(t.npi->Client, WSK_TRANSPORT_LIST_QUERY, 0,
                                                        NULL, 0, NULL, size, NULL);
    SIM_ASSERT(status == STATUS_BUFFER_OVERFLOW);
    do {
        SIM_ASSERT_OP(*size % sizeof *list, ==, 0);
        SIM_ASSERT_OP(*size, <=, 16 * sizeof *list);
        SIZE_T room = *size;
        status = t.npi->Dispatch->WskControlClient(t.npi->Client, WSK_TRANSPORT_LIST_QUERY, 0, NULL,
                                                   room, list, size, NULL);
        grown += status == STATUS_BUFFER_OVERFLOW;
    } while (status == STATUS_BUFFER_OVERFLOW);
    SIM_ASSERT(status == STATUS_SUCCESS);
    close_client();
}

/* ---- wrong clients ---- */

static void release_twice(void)
{
    open_client();
    WskReleaseProviderNPI(t.registration);
    WskReleaseProviderNPI(t.registration);
}

static void deregister_twice(void)
{
    open_client();
    close_client();
    WskDeregister(t.registration);
}

static void register_twice(void)
{
    open_client();
    WSK_REGISTRATION *block = t.registration;
    WSK_CLIENT_DISPATCH *dispatch = ke_test_alloc(sizeof *dispatch);
    WSK_CLIENT_NPI *client = ke_test_alloc(sizeof *client);
    *dispatch = (WSK_CLIENT_DISPATCH){MAKE_WSK_VERSION(1, 0), 0, NULL};
    *client = (WSK_CLIENT_NPI){NULL, dispatch};
    (void)!WskRegister(client, block);
}

static void block_written(void)
{
    open_client();
    t.registration->ReservedRegistrationState++;
    WskReleaseProviderNPI(t.registration);
}

static void socket_after_release(void)
{
    open_client();
    WskReleaseProviderNPI(t.registration);
    open_datagram();
}

static void unknown_client(void)
{
    open_client();
    t.npi->Client = (PUCHAR)t.npi->Client + 16;
    open_datagram();
}

static void no_irp(void)
{
    open_client();
    (void)!t.npi->Dispatch->WskSocket(t.npi->Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                      WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL, NULL);
}

static void capture_waits_at_dispatch(void)
{
    KIRQL old;
    register_client();
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    (void)!WskCaptureProviderNPI(t.registration, 10, t.npi);
}

static void two_categories(void)
{
    open_client();
    open_socket(WSK_FLAG_DATAGRAM_SOCKET | WSK_FLAG_LISTEN_SOCKET, SOCK_DGRAM, IPPROTO_UDP);
}

static void wrong_protocol(void)
{
    open_client();
    open_socket(WSK_FLAG_LISTEN_SOCKET, SOCK_DGRAM, IPPROTO_UDP);
}

static void never_closed(void)
{
    open_client();
    open_datagram();
    wsk_check_unload(sim_current);
}

static void never_deregistered(void)
{
    open_client();
    WskReleaseProviderNPI(t.registration);
    wsk_check_unload(sim_current);
}

static void deregister_blocks(void)
{
    open_client();
    WskDeregister(t.registration);
    WskReleaseProviderNPI(t.registration); /* it comes too late */
}

static void short_option(void)
{
    open_client();
    PWSK_SOCKET socket = open_datagram();
    struct request *r = new_request();
    USHORT *in = ke_test_alloc(sizeof *in);
    (void)!basic(socket)->WskControlSocket(socket, WskSetOption, SO_BROADCAST, SOL_SOCKET,
                                           sizeof *in, in, 0, NULL, NULL, r->irp);
}

static void option_of_another_category(void)
{
    open_client();
    set_ulong(open_datagram(), SO_CONDITIONAL_ACCEPT, 1);
}

static void static_too_late(void)
{
    open_client();
    open_datagram();
    WSK_EVENT_CALLBACK_CONTROL *c = ke_test_alloc(sizeof *c);
    *c = (WSK_EVENT_CALLBACK_CONTROL){&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM};
    (void)!t.npi->Dispatch->WskControlClient(t.npi->Client, WSK_SET_STATIC_EVENT_CALLBACKS,
                                             sizeof *c, c, 0, NULL, NULL, NULL);
}

static void descriptor_not_cached(void)
{
    open_client();
    PSECURITY_DESCRIPTOR *in = ke_test_alloc(sizeof *in);
    *in = ke_test_alloc(64);
    (void)!t.npi->Dispatch->WskControlClient(t.npi->Client, WSK_RELEASE_SD, sizeof *in, in, 0, NULL,
                                             NULL, NULL);
}

static void list_query_at_dispatch(void)
{
    KIRQL old;
    open_client();
    PWSK_SOCKET socket = open_datagram();
    SIZE_T *size = ke_test_alloc(sizeof *size);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    (void)!basic(socket)->WskControlSocket(socket, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, NULL, 0,
                                           NULL, size, NULL);
}

static void control_without_irp(void)
{
    open_client();
    PWSK_SOCKET socket = open_datagram();
    ULONG *in = ke_test_alloc(sizeof *in);
    *in = 1;
    (void)!basic(socket)->WskControlSocket(socket, WskSetOption, SO_BROADCAST, SOL_SOCKET,
                                           sizeof *in, in, 0, NULL, NULL, NULL);
}

/* ---- */

static void test_correct(void **state)
{
    (void)state;
    ke_test_good(life);
    ke_test_good(options);
    ke_test_good(descriptors);
    ke_test_good(cancelled_creation);
    ke_test_good(deregister_waits);
    ke_test_good(list_change);
    ke_test_good(address_change);
    ke_test_good(address_list);
    ke_test_good(capture_at_dispatch);
    ke_test_good(nmr);
    ke_test_good(nmr_early);
    ke_test_good(transports);
    assert_int_not_equal(grown, 0);
}

static void test_wrong(void **state)
{
    (void)state;
    ke_test_bad(release_twice, RULE_REG_018);
    ke_test_bad(deregister_twice, RULE_REG_006);
    ke_test_bad(register_twice, RULE_REG_007);
    ke_test_bad(block_written, RULE_REG_005);
    ke_test_bad(socket_after_release, RULE_REG_019);
    ke_test_bad(unknown_client, RULE_REG_027);
    ke_test_bad(no_irp, RULE_IRP_001);
    ke_test_bad(capture_waits_at_dispatch, RULE_REG_010);
    ke_test_bad(two_categories, RULE_SOCK_002);
    ke_test_bad(wrong_protocol, RULE_SOCK_003);
    ke_test_bad(never_closed, RULE_SOCK_020);
    ke_test_bad(never_deregistered, RULE_REG_006);
    ke_test_bad(deregister_blocks, RULE_REG_024);
    ke_test_bad(short_option, RULE_CTL_125);
    ke_test_bad(option_of_another_category, RULE_CTL_128);
    ke_test_bad(static_too_late, RULE_CTL_101);
    ke_test_bad(descriptor_not_cached, RULE_CTL_120);
    ke_test_bad(list_query_at_dispatch, RULE_CTL_051);
    ke_test_bad(control_without_irp, RULE_CTL_012);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_correct),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
