/* SPDX-License-Identifier: MIT */
/*
 * The life of the client: DriverEntry starts the main thread, which waits for the program,
 * registers, runs the workers and takes everything down in the order the contract asks for.
 * DriverUnload waits for it. Without memory or provider there is nothing to run, and the program is
 * over.
 */
#include "client.h"

struct client Client;
struct client_program Program;
KEVENT ProgramDrawn;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD client_unload;

/* ---- small things ---- */

void client_note(unsigned note, ULONG number, ULONGLONG value)
{
    wsksim_note((note - GATE_NOTE_SOCKET) << 24 | (number & 0xffffff), value);
}

void client_sleep(ULONG milliseconds)
{
    LARGE_INTEGER time;
    time.QuadPart = -10000LL * milliseconds;
    (void)KeDelayExecutionThread(KernelMode, FALSE, &time);
}

KIRQL client_lock(void)
{
    KIRQL irql;
    KeAcquireSpinLock(&Client.Lock, &irql);
    return irql;
}

void client_unlock(KIRQL irql)
{
    KeReleaseSpinLock(&Client.Lock, irql);
}

KIRQL client_rise(void)
{
    KIRQL irql = KeGetCurrentIrql();
    if (client_answer(3) == 0 && irql < DISPATCH_LEVEL) {
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
    }
    return irql;
}

void client_sink(KIRQL irql)
{
    if (KeGetCurrentIrql() != irql) {
        KeLowerIrql(irql);
    }
}

ULONG client_answer(ULONG count)
{
    ULONG n = (ULONG)InterlockedIncrement(&Client.Answers);
    return Program.Answer[n % CLIENT_ANSWERS] % count;
}

/* ---- the program ---- */

static NTSTATUS WSKAPI client_event(PVOID context, ULONG type, PVOID information, SIZE_T length)
{
    (void)context;
    (void)type;
    (void)information;
    (void)length;
    return STATUS_NOT_IMPLEMENTED;
}

static const WSK_CLIENT_DISPATCH client_dispatch = {MAKE_WSK_VERSION(1, 0), 0, client_event};

static BOOLEAN client_register(void)
{
    WSK_CLIENT_NPI npi = {&Client, &client_dispatch};
    WSK_PROVIDER_CHARACTERISTICS characteristics;
    if (!NT_SUCCESS(WskRegister(&npi, &Client.Registration))) {
        return FALSE;
    }
    NTSTATUS status = WskCaptureProviderNPI(&Client.Registration, 200, &Client.Npi);
    if (!NT_SUCCESS(status)) {
        WskDeregister(&Client.Registration);
        return FALSE;
    }
    if ((Program.Options & 1) != 0) {
        (void)!WskQueryProviderCharacteristics(&Client.Registration, &characteristics);
    }
    Client.IsRegistered = client_set_statics();
    if (!Client.IsRegistered) {
        WskReleaseProviderNPI(&Client.Registration);
        WskDeregister(&Client.Registration);
    }
    return Client.IsRegistered;
}

static void client_run(ULONG thread)
{
    for (ULONG i = 0; i < CLIENT_STEPS && Client.Stop == 0; i++) {
        client_step(Program.Step[thread][i]);
    }
}

static void client_worker(PVOID context)
{
    client_run((ULONG)(ULONG_PTR)context);
    (void)PsTerminateSystemThread(STATUS_SUCCESS);
}

/* NULL when the system refuses. */
static PKTHREAD client_start(PKSTART_ROUTINE routine, PVOID context)
{
    HANDLE handle;
    PVOID thread = NULL;
    if (!NT_SUCCESS(
            PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, routine, context))) {
        return NULL;
    }
    while (!NT_SUCCESS(ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType,
                                                 KernelMode, &thread, NULL))) {
        client_sleep(1);
    }
    ZwClose(handle);
    return thread;
}

static void client_join(PKTHREAD thread)
{
    if (thread != NULL) {
        (void)KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(thread);
    }
}

/* Sockets that are still on their way become known; nothing else is begun. */
static void client_settle(void)
{
    for (ULONG i = 0; i < Client.Requests; i++) {
        struct client_request *r = Client.Request[i];
        if (r->Accepted != NULL && r->IsPassed) {
            (void)client_wait(r, 0);
        }
    }
}

/* Listeners first: what they deliver until then is closed as well. */
void client_end(void)
{
    for (ULONG i = 0; i < Client.Requests; i++) { /* sockets by WskSocket */
        struct client_request *r = Client.Request[i];
        if (r->Kind == REQUEST_SOCKET && r->IsPassed) {
            (void)client_wait(r, 0);
        }
    }
    for (ULONG i = 0; i < Client.Sockets; i++) {
        if (client_listens(&Client.Socket[i])) {
            client_close(&Client.Socket[i]);
        }
    }
    client_settle();
    for (ULONG i = 0; i < Client.Sockets; i++) {
        struct client_socket *s = &Client.Socket[i];
        BOOLEAN may_spare = (Program.Threads & 64) != 0 && Client.Spared == NULL;
#if CLIENT_ILLEGAL
        may_spare = FALSE;
#endif
        if (may_spare && s->Handle != NULL && !s->IsClosing) {
            Client.Spared = s;
        } else {
            client_close(s);
        }
    }
}

/* WskDeregister waits for the socket that is closed here (REG-021). */
static void client_closer(PVOID context)
{
    (void)context;
    client_sleep(5);
    client_close(Client.Spared);
    (void)PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Captures while others deregister (REG-022). */
static void client_late(PVOID context)
{
    WSK_PROVIDER_NPI npi;
    (void)context;
    for (ULONG i = 0; i < 6; i++) {
        if (NT_SUCCESS(WskCaptureProviderNPI(&Client.Registration, WSK_NO_WAIT, &npi))) {
            client_sleep(1);
            WskReleaseProviderNPI(&Client.Registration);
        }
        client_sleep(1);
    }
    (void)PsTerminateSystemThread(STATUS_SUCCESS);
}

static void client_main(PVOID context)
{
    PKTHREAD worker[CLIENT_THREADS] = {0};
    (void)context;
    (void)KeWaitForSingleObject(&ProgramDrawn, Executive, KernelMode, FALSE, NULL);
    if (Client.Stop == 0 && client_register()) {
        ULONG threads = 1 + Program.Threads % CLIENT_THREADS;
        for (ULONG i = 1; i < threads; i++) {
            worker[i] = client_start(client_worker, (PVOID)(ULONG_PTR)i);
        }
        client_run(0);
        for (ULONG i = 1; i < threads; i++) {
            client_join(worker[i]);
        }
#if CLIENT_ILLEGAL
        client_illegal(Program.Illegal, 0);
#endif
        client_end();
#if CLIENT_ILLEGAL
        client_illegal(Program.Illegal, 1);
#endif
        client_free_results();
        client_control(3); /* gives a cached descriptor back */
        PKTHREAD closer = Client.Spared != NULL ? client_start(client_closer, NULL) : NULL;
        if (closer == NULL && Client.Spared != NULL) {
            client_close(Client.Spared);
        }
        PKTHREAD late = (Program.Options & 32) != 0 ? client_start(client_late, NULL) : NULL;
        WskReleaseProviderNPI(&Client.Registration);
        WskDeregister(&Client.Registration); /* ends a WSK_TRANSPORT_LIST_CHANGE (CTL-163) */
        client_join(late);
        client_join(closer);
#if CLIENT_ILLEGAL
        client_illegal(Program.Illegal, 2);
#endif
        client_free_requests();
    }
    (void)PsTerminateSystemThread(STATUS_SUCCESS);
}

/* ---- the driver ---- */

static void client_unload(PDRIVER_OBJECT driver)
{
    (void)driver;
    InterlockedExchange(&Client.Stop, 1);
    KeSetEvent(&ProgramDrawn, IO_NO_INCREMENT, FALSE);
    client_join(Client.Main);
    IoDeleteDevice(Client.Device);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    (void)path;
    KeInitializeSpinLock(&Client.Lock);
    KeInitializeEvent(&ProgramDrawn, NotificationEvent, FALSE);
    Client.Driver = driver;
    NTSTATUS status =
        IoCreateDevice(driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Client.Device);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Client.Main = client_start(client_main, NULL);
    if (Client.Main == NULL) {
        IoDeleteDevice(Client.Device);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    driver->DriverUnload = client_unload;
    return STATUS_SUCCESS;
}
