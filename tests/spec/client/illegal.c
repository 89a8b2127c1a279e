/* SPDX-License-Identifier: MIT */
/*
 * Steps that break a rule on purpose (illegal.def): each prepares what it needs, says so in the
 * trace, and does it. When the system refuses what it needs, it does nothing and says nothing.
 */
#include "client.h"

/* ---- what a step needs ---- */

static void now(ULONG number)
{
    client_note(LIFE_NOTE_ILLEGAL, number, 0);
}

/* A socket of this category, made now; NULL if that fails. what: as for client_open. */
static struct client_socket *fresh(ULONG what)
{
    ULONG sockets = Client.Sockets;
    client_open(what);
    if (Client.Sockets == sockets) {
        return NULL;
    }
    struct client_socket *s = &Client.Socket[sockets];
    return s->Handle != NULL && s->State == UNBOUND ? s : NULL;
}

enum { FRESH_LISTENER = 0, FRESH_DATAGRAM = 1, FRESH_CONNECTION = 2, FRESH_STREAM_LISTENER = 14 };

static struct client_socket *fresh_bound(ULONG what)
{
    struct client_socket *s = fresh(what);
    if (s != NULL) {
        client_bind(s, 0);
    }
    return s != NULL && (s->State == BOUND || s->State == LISTENS) ? s : NULL;
}

static const WSK_PROVIDER_DATAGRAM_DISPATCH *datagram(const struct client_socket *s)
{
    return s->Handle->Dispatch;
}

/* A WskReceiveFrom that stays pending: nobody sends any more. */
static struct client_request *pending(struct client_socket *s)
{
    struct client_request *r = client_request(REQUEST_RECEIVE_FROM, s);
    if (r == NULL || !client_request_buffer(r, 32)) {
        return NULL;
    }
    NTSTATUS status =
        datagram(s)->WskReceiveFrom(s->Handle, &r->Buffer, 0, NULL, NULL, NULL, NULL, r->Irp);
    return status == STATUS_PENDING && r->IsDone == 0 ? r : NULL;
}

static NTSTATUS plain_routine(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device;
    (void)irp;
    KeSetEvent(context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* ---- IRPs ---- */

static void no_irp(ULONG number)
{
    now(number);
    (void)!Client.Npi.Dispatch->WskSocket(Client.Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                          WSK_FLAG_DATAGRAM_SOCKET, NULL, &ClientDatagram, NULL,
                                          NULL, NULL, NULL);
}

static void no_routine(ULONG number)
{
    struct client_socket *s = fresh_bound(FRESH_DATAGRAM);
    struct client_request *r = s != NULL ? client_request(REQUEST_OTHER, s) : NULL;
    if (r != NULL) {
        IoReuseIrp(r->Irp, STATUS_SUCCESS);
        now(number);
        (void)!datagram(s)->WskGetLocalAddress(s->Handle, (PSOCKADDR)&r->Local, r->Irp);
    }
}

static void no_reinit(ULONG number)
{
    struct client_socket *s = fresh_bound(FRESH_DATAGRAM);
    struct client_request *r = s != NULL ? client_request(REQUEST_OTHER, s) : NULL;
    if (r != NULL) {
        (void)!datagram(s)->WskGetLocalAddress(s->Handle, (PSOCKADDR)&r->Local, r->Irp);
        (void)client_wait(r, 0);
        IoSetCompletionRoutine(r->Irp, plain_routine, &r->Done, TRUE, TRUE, TRUE);
        now(number);
        (void)!datagram(s)->WskGetLocalAddress(s->Handle, (PSOCKADDR)&r->Local, r->Irp);
    }
}

static void irp_in_flight(ULONG number)
{
    struct client_socket *s = fresh_bound(FRESH_DATAGRAM);
    struct client_request *r = s != NULL ? pending(s) : NULL;
    if (r != NULL) {
        now(number);
        (void)!datagram(s)->WskGetLocalAddress(s->Handle, (PSOCKADDR)&r->Local, r->Irp);
    }
}

static void irp_freed_in_flight(ULONG number)
{
    struct client_socket *s = fresh_bound(FRESH_DATAGRAM);
    struct client_request *r = s != NULL ? pending(s) : NULL;
    if (r != NULL) {
        now(number);
        IoFreeIrp(r->Irp);
    }
}

static void irp_freed_twice(ULONG number)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    if (irp != NULL) {
        IoFreeIrp(irp);
        now(number);
        IoFreeIrp(irp);
    }
}

static void irp_leaked(ULONG number)
{
    if (IoAllocateIrp(1, FALSE) != NULL) {
        now(number);
    }
}

static void cancel_freed(ULONG number)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    if (irp != NULL) {
        IoFreeIrp(irp);
        now(number);
        (void)IoCancelIrp(irp);
    }
}

/* ---- buffers ---- */

static void mdl_freed_in_flight(ULONG number)
{
    struct client_socket *s = fresh_bound(FRESH_DATAGRAM);
    struct client_request *r = s != NULL ? pending(s) : NULL;
    if (r != NULL) {
        now(number);
        IoFreeMdl(r->Mdl);
    }
}

static void mdl_leaked(ULONG number)
{
    static UCHAR bytes[16];
    if (IoAllocateMdl(bytes, sizeof bytes, FALSE, FALSE, NULL) != NULL) {
        now(number);
    }
}

/* ---- sockets ---- */

static NTSTATUS close(struct client_socket *s)
{
    struct client_request *r = client_request(REQUEST_CLOSE, s);
    if (r == NULL) {
        return STATUS_UNSUCCESSFUL;
    }
    return ((const WSK_PROVIDER_BASIC_DISPATCH *)s->Handle->Dispatch)
        ->WskCloseSocket(s->Handle, r->Irp);
}

static void close_twice(ULONG number)
{
    struct client_socket *s = fresh_bound(FRESH_DATAGRAM);
    if (s != NULL && NT_SUCCESS(close(s))) {
        now(number);
        (void)close(s);
    }
}

static void call_after_close(ULONG number)
{
    struct client_socket *s = fresh_bound(FRESH_DATAGRAM);
    const WSK_PROVIDER_DATAGRAM_DISPATCH *dispatch = s != NULL ? datagram(s) : NULL;
    struct client_request *r = s != NULL ? client_request(REQUEST_OTHER, s) : NULL;
    if (r != NULL && NT_SUCCESS(close(s))) {
        now(number);
        (void)!dispatch->WskGetLocalAddress(s->Handle, (PSOCKADDR)&r->Local, r->Irp);
    } else if (r != NULL) {
        client_request_drop(r);
    }
}

static void socket_leaked(ULONG number)
{
    if (fresh(FRESH_DATAGRAM) != NULL) {
        now(number);
    }
}

static void connect_unbound(ULONG number)
{
    struct client_socket *s = fresh(FRESH_CONNECTION);
    struct client_request *r = s != NULL ? client_request(REQUEST_OTHER, s) : NULL;
    if (r != NULL) {
        client_address(&r->Remote, 2, CLIENT_SERVER_PORT);
        now(number);
        (void)!((const WSK_PROVIDER_CONNECTION_DISPATCH *)s->Handle->Dispatch)
            ->WskConnect(s->Handle, (PSOCKADDR)&r->Remote, 0, r->Irp);
    }
}

static void send_unconnected(ULONG number)
{
    struct client_socket *s = fresh_bound(FRESH_CONNECTION);
    struct client_request *r = s != NULL ? client_request(REQUEST_OTHER, s) : NULL;
    if (r != NULL && client_request_buffer(r, 8)) {
        now(number);
        (void)!((const WSK_PROVIDER_CONNECTION_DISPATCH *)s->Handle->Dispatch)
            ->WskSend(s->Handle, &r->Buffer, 0, r->Irp);
    }
}

static void enable_unbound(ULONG number)
{
    struct client_socket *s = fresh(FRESH_DATAGRAM);
    if (s != NULL) {
        now(number);
        (void)!client_event_option(s, WSK_EVENT_RECEIVE_FROM, NULL);
    }
}

static void wrong_category(ULONG number)
{
    struct client_socket *s = fresh(FRESH_CONNECTION), *other = fresh_bound(FRESH_DATAGRAM);
    struct client_request *r =
        s != NULL && other != NULL ? client_request(REQUEST_OTHER, other) : NULL;
    if (r != NULL) {
        now(number);
        (void)!((const WSK_PROVIDER_CONNECTION_DISPATCH *)s->Handle->Dispatch)
            ->WskGetRemoteAddress(other->Handle, (PSOCKADDR)&r->Local, r->Irp);
    }
}

static void listens_twice(ULONG number)
{
    struct client_socket *s = fresh_bound(FRESH_STREAM_LISTENER);
    if (s == NULL) {
        return;
    }
    client_listen(s);
    struct client_request *r = s->State == LISTENS ? client_request(REQUEST_OTHER, s) : NULL;
    if (r != NULL) {
        client_address(&r->Remote, 2, CLIENT_SERVER_PORT);
        now(number);
        (void)!((const WSK_PROVIDER_STREAM_DISPATCH *)s->Handle->Dispatch)
            ->WskConnect(s->Handle, (PSOCKADDR)&r->Remote, 0, r->Irp);
    }
}

/* ---- the registration ---- */

static void above_irql(ULONG number)
{
    KIRQL irql;
    WSK_PROVIDER_NPI npi;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    now(number);
    (void)!WskCaptureProviderNPI(&Client.Registration, WSK_INFINITE_WAIT, &npi);
    KeLowerIrql(irql);
}

static void static_late(ULONG number)
{
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_DISCONNECT};
    if (fresh(FRESH_DATAGRAM) != NULL) {
        now(number);
        (void)!Client.Npi.Dispatch->WskControlClient(Client.Npi.Client,
                                                     WSK_SET_STATIC_EVENT_CALLBACKS, sizeof control,
                                                     &control, 0, NULL, NULL, NULL);
    }
}

static void npi_released_twice(ULONG number)
{
    WskReleaseProviderNPI(&Client.Registration);
    now(number);
    WskReleaseProviderNPI(&Client.Registration);
}

static void call_without_npi(ULONG number)
{
    now(number);
    (void)!Client.Npi.Dispatch->WskControlClient(Client.Npi.Client, WSK_TRANSPORT_LIST_QUERY, 0,
                                                 NULL, 0, NULL, NULL, NULL);
}

static void deregistered_twice(ULONG number)
{
    now(number);
    WskDeregister(&Client.Registration);
}

static void descriptor_leaked(ULONG number)
{
    client_control(2);
    if (Client.Descriptor != NULL) {
        Client.Descriptor = NULL;
        now(number);
    }
}

static void result_leaked(ULONG number)
{
    ULONG requests = Client.Requests;
    client_resolve(1);
    struct client_request *r = Client.Requests != requests ? Client.Request[requests] : NULL;
    if (r != NULL && r->IsPassed && NT_SUCCESS(client_wait(r, 0)) && r->Found != NULL) {
        r->Found = NULL;
        now(number);
    }
}

/* ---- the kernel ---- */

static PVOID pool(ULONG size)
{
    return ExAllocatePoolWithTag(NonPagedPoolNx, size, CLIENT_TAG);
}

static void pool_leaked(ULONG number)
{
    if (pool(64) != NULL) {
        now(number);
    }
}

static void pool_freed_twice(ULONG number)
{
    PVOID block = pool(64);
    if (block != NULL) {
        ExFreePoolWithTag(block, CLIENT_TAG);
        now(number);
        ExFreePoolWithTag(block, CLIENT_TAG);
    }
}

static void pool_after_free(ULONG number)
{
    ULONG volatile *block = pool(64);
    if (block != NULL) {
        ExFreePoolWithTag((PVOID)(ULONG_PTR)block, CLIENT_TAG);
        now(number);
        block[1] = 1;
    }
}

static void wait_at_dispatch(ULONG number)
{
    KIRQL irql;
    LARGE_INTEGER time = {.QuadPart = -10000};
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    now(number);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &time);
    KeLowerIrql(irql);
}

static void lock_not_released(ULONG number)
{
    KIRQL irql;
    static KSPIN_LOCK lock;
    KeInitializeSpinLock(&lock);
    KeAcquireSpinLock(&lock, &irql);
    now(number);
    (void)PsTerminateSystemThread(STATUS_SUCCESS);
}

struct timed {
    KTIMER Timer;
    KDPC Dpc;
};

static void nothing_dpc(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    (void)dpc;
    (void)context;
    (void)one;
    (void)two;
}

static void dpc_in_freed(ULONG number)
{
    struct timed *t = pool(sizeof *t);
    LARGE_INTEGER due = {.QuadPart = -10000000};
    if (t != NULL) {
        KeInitializeDpc(&t->Dpc, nothing_dpc, NULL);
        KeInitializeTimer(&t->Timer);
        (void)KeSetTimer(&t->Timer, due, &t->Dpc);
        now(number);
        ExFreePoolWithTag(t, CLIENT_TAG);
    }
}

static void nothing_work(PDEVICE_OBJECT device, PVOID context)
{
    (void)device;
    (void)context;
}

static void work_queued_twice(ULONG number)
{
    KIRQL irql;
    PIO_WORKITEM item = IoAllocateWorkItem(Client.Device);
    if (item != NULL) {
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        IoQueueWorkItem(item, nothing_work, DelayedWorkQueue, NULL);
        now(number);
        IoQueueWorkItem(item, nothing_work, DelayedWorkQueue, NULL);
        KeLowerIrql(irql);
    }
}

static void work_freed_queued(ULONG number)
{
    KIRQL irql;
    PIO_WORKITEM item = IoAllocateWorkItem(Client.Device);
    if (item != NULL) {
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        IoQueueWorkItem(item, nothing_work, DelayedWorkQueue, NULL);
        now(number);
        IoFreeWorkItem(item);
        KeLowerIrql(irql);
    }
}

static void rundown_released_twice(ULONG number)
{
    static EX_RUNDOWN_REF rundown;
    ExInitializeRundownProtection(&rundown);
    now(number);
    ExReleaseRundownProtection(&rundown);
}

static void lookaside_entry_leaked(ULONG number)
{
    static NPAGED_LOOKASIDE_LIST list;
    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 64, CLIENT_TAG, 0);
    if (ExAllocateFromNPagedLookasideList(&list) != NULL) {
        now(number);
    }
    ExDeleteNPagedLookasideList(&list);
}

static void handle_leaked(ULONG number)
{
    HANDLE handle;
    if (NT_SUCCESS(ObOpenObjectByPointer(PsGetCurrentThread(), OBJ_KERNEL_HANDLE, NULL,
                                         THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &handle))) {
        now(number);
    }
}

static void sleeper(PVOID context)
{
    (void)context;
    client_sleep(100000);
    (void)PsTerminateSystemThread(STATUS_SUCCESS);
}

static void thread_left(ULONG number)
{
    HANDLE handle;
    if (NT_SUCCESS(
            PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, sleeper, NULL))) {
        now(number);
        ZwClose(handle);
    }
}

static void waits_for_ever(ULONG number)
{
    static KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    now(number);
    (void)KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
}

static void list_broken(ULONG number)
{
    static LIST_ENTRY head, one, two;
    InitializeListHead(&head);
    InsertTailList(&head, &one);
    InsertTailList(&head, &two);
    one.Flink = &head;
    now(number);
    (void)RemoveEntryList(&two);
}

static void paged_at_dispatch(ULONG number)
{
    KIRQL irql;
    ULONG volatile *block = ExAllocatePoolWithTag(PagedPool, 64, CLIENT_TAG);
    if (block != NULL) {
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        now(number);
        block[1] = 1;
        KeLowerIrql(irql);
        ExFreePoolWithTag((PVOID)(ULONG_PTR)block, CLIENT_TAG);
    }
}

/* ---- completion routines ---- */

static ULONG routine_number;
static KEVENT routine_event;

static NTSTATUS raising_routine(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    KIRQL irql;
    (void)device;
    (void)irp;
    KeSetEvent(context, IO_NO_INCREMENT, FALSE);
    KeRaiseIrql(DISPATCH_LEVEL + 1, &irql);
    now(routine_number);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS waiting_routine(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device;
    (void)irp;
    now(routine_number);
    (void)KeWaitForSingleObject(&routine_event, Executive, KernelMode, FALSE, NULL);
    KeSetEvent(context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Asks for something with this routine instead of ours. */
static void with_routine(ULONG number, PIO_COMPLETION_ROUTINE routine)
{
    struct client_socket *s = fresh_bound(FRESH_DATAGRAM);
    struct client_request *r = s != NULL ? client_request(REQUEST_OTHER, s) : NULL;
    if (r != NULL) {
        routine_number = number;
        KeInitializeEvent(&routine_event, NotificationEvent, FALSE);
        IoSetCompletionRoutine(r->Irp, routine, &r->Done, TRUE, TRUE, TRUE);
        (void)!datagram(s)->WskGetLocalAddress(s->Handle, (PSOCKADDR)&r->Local, r->Irp);
        (void)client_wait(r, 0);
    }
}

static void routine_at_irql(ULONG number)
{
    with_routine(number, raising_routine);
}

static void waits_in_routine(ULONG number)
{
    with_routine(number, waiting_routine);
}

/* ---- a lock that a callback needs ---- */

static struct {
    KMUTEX Mutex;
    LONG volatile IsWanted, IsInside;
    ULONG Number;
} needed;

#if CLIENT_ILLEGAL
void client_inside(void)
{
    if (needed.IsWanted != 0 && KeGetCurrentIrql() == PASSIVE_LEVEL) {
        InterlockedExchange(&needed.IsInside, 1);
        now(needed.Number);
        (void)KeWaitForSingleObject(&needed.Mutex, Executive, KernelMode, FALSE, NULL);
        (void)KeReleaseMutex(&needed.Mutex, FALSE);
    }
}
#endif

/* Sends itself a datagram, and disables while the callback wants what is held here. */
static void disables_with_lock(ULONG number)
{
    struct client_socket *s = fresh_bound(FRESH_DATAGRAM);
    struct client_request *r = s != NULL ? client_request(REQUEST_CANCELLABLE, s) : NULL;
    if (r == NULL || !client_request_buffer(r, 8)) {
        return;
    }
    needed.Number = number;
    KeInitializeMutex(&needed.Mutex, 0);
    (void)KeWaitForSingleObject(&needed.Mutex, Executive, KernelMode, FALSE, NULL);
    InterlockedExchange(&needed.IsWanted, 1);
    client_enable(s, 0);
    client_address(&r->Remote, 1, s->Port);
    (void)!datagram(s)->WskSendTo(s->Handle, &r->Buffer, 0, (PSOCKADDR)&r->Remote, 0, NULL, r->Irp);
    for (ULONG i = 0; i < 20 && needed.IsInside == 0; i++) {
        client_sleep(1);
    }
    struct client_request *disable =
        needed.IsInside != 0 ? client_request(REQUEST_DISABLE, s) : NULL;
    if (disable != NULL) {
        (void)!client_event_option(s, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE, disable);
        (void)client_wait(disable, 0);
    }
    InterlockedExchange(&needed.IsWanted, 0);
    (void)KeReleaseMutex(&needed.Mutex, FALSE);
}

/* ---- which ---- */

void client_illegal(ULONG number, ULONG phase)
{
    static const struct {
        void (*Do)(ULONG number);
        ULONG Phase;
    } steps[] = {
#define ILLEGAL(name, phase_, rules, properties) {name, phase_},
#include "illegal.def"
#undef ILLEGAL
    };
    number %= sizeof steps / sizeof steps[0];
    if (steps[number].Phase == phase) {
        steps[number].Do(number);
    }
}
