/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.5: work items (KRN-166 to KRN-173). */
#include "device.h"

enum { TAG = 'esaC' };

static volatile LONG Runs, Running, Order[2];
static KEVENT Event;
static PIO_WORKITEM Item;

static void Work(PDEVICE_OBJECT Device, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    InterlockedIncrement(&Runs);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
}

static void Await(void)
{
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
}

/* A device with a work item; NULL if one cannot be had. */
static PDEVICE_OBJECT Begin(void)
{
    PDEVICE_OBJECT Device = LowerNew();
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    Item = Device != NULL ? IoAllocateWorkItem(Device) : NULL;
    if (Device != NULL && Item == NULL) {
        IoDeleteDevice(Device);
        Device = NULL;
    }
    return Device;
}

static void End(PDEVICE_OBJECT Device)
{
    IoFreeWorkItem(Item);
    IoDeleteDevice(Device);
}

/* ---- objects (KRN-166, KRN-169) ---- */

FREEDOM(work_item_cannot_be_had, "KRN-166 KPROP-22")
{
    PDEVICE_OBJECT Device = LowerNew();
    Item = Device != NULL ? IoAllocateWorkItem(Device) : NULL;
    if (Device != NULL && Item == NULL) {
        Witness();
    }
    if (Item != NULL) {
        IoFreeWorkItem(Item);
    }
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}

MISTAKE(work_item_of_no_object, "KRN-166")
{
    static ULONG_PTR Nothing[64];
    PDEVICE_OBJECT Device = LowerNew();
    if (Device != NULL) {
        Item = IoAllocateWorkItem(Mistaken ? (PDEVICE_OBJECT)(PVOID)Nothing : Device);
        if (Item != NULL) {
            IoFreeWorkItem(Item);
        }
        IoDeleteDevice(Device);
    }
}

MISTAKE(driver_object_with_the_plain_form, "KRN-166")
{
    PDEVICE_OBJECT Device = Begin();
    PIO_WORKITEM Other = NULL;
    if (Device == NULL) {
        return;
    }
    Other = IoAllocateWorkItem(Mistaken ? (PDEVICE_OBJECT)(PVOID)CaseDriver : Device);
    if (Other != NULL) {
        IoQueueWorkItem(Other, Work, DelayedWorkQueue, NULL);
        Await();
        IoFreeWorkItem(Other);
    }
    End(Device);
}

MISTAKE(work_item_memory_freed_with_it, "KRN-169")
{
    PDEVICE_OBJECT Device = Begin();
    if (Device == NULL) {
        return;
    }
    PIO_WORKITEM Own = ExAllocatePoolWithTag(NonPagedPoolNx, IoSizeofWorkItem(), TAG);
    if (Own != NULL) {
        IoInitializeWorkItem(Device, Own);
        if (!Mistaken) {
            IoUninitializeWorkItem(Own);
        }
        ExFreePoolWithTag(Own, TAG);
    }
    End(Device);
}

MISTAKE(allocated_item_initialised, "KRN-169")
{
    PDEVICE_OBJECT Device = Begin();
    if (Device != NULL) {
        if (Mistaken) {
            IoInitializeWorkItem(Device, Item);
        }
        End(Device);
    }
}

/* ---- queueing (KRN-167, KRN-168) ---- */

MISTAKE(work_item_queued_twice, "KRN-167 KPROP-19")
{
    PDEVICE_OBJECT Device = Begin();
    if (Device == NULL) {
        return;
    }
    IoQueueWorkItem(Item, Work, DelayedWorkQueue, NULL);
    if (!Mistaken) {
        Await();
    }
    IoQueueWorkItem(Item, Work, DelayedWorkQueue, NULL);
    while (Runs < 2) {
        Await();
    }
    End(Device);
}

static LONG IsQueued;

static void Drain(PDEVICE_OBJECT Device, PVOID Context)
{
    InterlockedExchange(&IsQueued, 0);
    Work(Device, Context);
}

/* Every datagram queues the same item. */
static NTSTATUS NTAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Data);
    if (InterlockedExchange(&IsQueued, 1) == 0 || Mistaken) {
        IoQueueWorkItem(Item, Drain, DelayedWorkQueue, NULL);
    }
    return STATUS_SUCCESS;
}

static void SendMany(void)
{
    struct wsksim_port *Port = wsksim_bind(NULL, 0);
    for (int i = 0; i < 30 && Port != NULL && !wsksim_is_over(); i++) {
        (void)wsksim_send_to(Port, NULL, 7000, "hello", 5);
        wsksim_sleep(wsksim_choose(1000));
    }
}

MISTAKE(callback_queues_the_same_item, "KRN-167 KBUG-33 KPROP-19", .world = SendMany)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Dispatch = {OnDatagram};
    PDEVICE_OBJECT Device = Begin();
    if (Device == NULL) {
        return;
    }
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Dispatch) : NULL;
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 7000))) {
        (void)SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM);
        CaseSleep(50);
    }
    if (Socket != NULL) {
        (void)SocketClose(Socket); /* no callback from now on */
    }
    for (ULONG i = 1; InterlockedCompareExchange(&IsQueued, 0, 0) != 0; i += i < 4000 ? i : 0) {
        CaseSleep(i);
    }
    End(Device);
}

MISTAKE(queued_work_item_freed, "KRN-168 KBUG-34 KPROP-15")
{
    PDEVICE_OBJECT Device = Begin();
    if (Device != NULL) {
        IoQueueWorkItem(Item, Work, DelayedWorkQueue, NULL);
        if (!Mistaken) {
            Await();
        }
        End(Device);
        Device = NULL;
    }
}

static void UsesContext(PDEVICE_OBJECT Device, PVOID Context)
{
    (*(volatile LONG *)Context)++;
    Work(Device, NULL);
}

MISTAKE(context_freed_before_the_routine_ran, "MEM-UAF KBUG-34 KRN-168")
{
    PDEVICE_OBJECT Device = Begin();
    if (Device == NULL) {
        return;
    }
    LONG *Context = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Context, TAG);
    if (Context != NULL) {
        *Context = 0;
        IoQueueWorkItem(Item, UsesContext, DelayedWorkQueue, Context);
        if (!Mistaken) {
            Await();
        }
        ExFreePoolWithTag(Context, TAG);
        if (Mistaken) {
            Await();
        }
    }
    End(Device);
}

static void FreesItself(PDEVICE_OBJECT Device, PVOID Context)
{
    IoFreeWorkItem(Context);
    Witness();
    Work(Device, NULL);
}

FREEDOM(work_item_freed_by_its_routine, "KRN-168")
{
    PDEVICE_OBJECT Device = Begin();
    if (Device != NULL) {
        IoQueueWorkItem(Item, FreesItself, DelayedWorkQueue, Item);
        Await();
        IoDeleteDevice(Device);
    }
}

static void QueuesAgain(PDEVICE_OBJECT Device, PVOID Context)
{
    if (InterlockedIncrement(&Running) == 1) {
        IoQueueWorkItem(Item, QueuesAgain, DelayedWorkQueue, NULL);
    }
    Work(Device, Context);
}

DUTY(each_queueing_runs_once, "KRN-167 KPROP-19")
{
    PDEVICE_OBJECT Device = Begin();
    if (Device != NULL) {
        IoQueueWorkItem(Item, QueuesAgain, DelayedWorkQueue, NULL);
        while (Runs < 2) {
            Await();
        }
        CaseSleep(50);
        Check(Runs == 2);
        End(Device);
    }
}

/* ---- in the routine (KRN-170) ---- */

static void Raises(PDEVICE_OBJECT Device, PVOID Context)
{
    KIRQL Old;
    Work(Device, Context);
    KeRaiseIrql(APC_LEVEL, &Old);
    if (!Mistaken) {
        KeLowerIrql(Old);
    }
}

MISTAKE(work_routine_returns_raised, "KRN-170 KPROP-08")
{
    PDEVICE_OBJECT Device = Begin();
    if (Device != NULL) {
        IoQueueWorkItem(Item, Raises, DelayedWorkQueue, NULL);
        Await();
        End(Device);
    }
}

MISTAKE(work_on_the_critical_queue, "KRN-170", .is_lint = TRUE)
{
    PDEVICE_OBJECT Device = Begin();
    if (Device != NULL) {
        IoQueueWorkItem(Item, Work, Mistaken ? CriticalWorkQueue : DelayedWorkQueue, NULL);
        Await();
        End(Device);
    }
}

/* Waits in a worker thread for a datagram that may never come. */
static void WaitsForRequest(PDEVICE_OBJECT Device, PVOID Context)
{
    static UCHAR Remote[64];
    static struct request Request;
    WSK_BUF Buffer = BufferNew(64);
    if (Buffer.Mdl != NULL && RequestNew(&Request)) {
        (void)Datagram(Context)->WskReceiveFrom(Context, &Buffer, 0, (PSOCKADDR)Remote, NULL, NULL,
                                                NULL, Fresh(&Request));
        if (!Mistaken) {
            (void)IoCancelIrp(Request.Irp);
        }
        (void)Finish(&Request);
    }
    Work(Device, NULL);
}

static void RunWaiter(void)
{
    PDEVICE_OBJECT Device = Begin();
    if (Device == NULL) {
        return;
    }
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 7000))) {
        IoQueueWorkItem(Item, WaitsForRequest, DelayedWorkQueue, Socket);
        Await();
    }
    End(Device);
}

MISTAKE(work_item_waits_for_ever, "KRN-170 KBUG-35")
{
    RunWaiter();
}

static void WaitsForEver(PDEVICE_OBJECT Device, PVOID Context)
{
    static KEVENT Set;
    LARGE_INTEGER Limit;
    Limit.QuadPart = -10000;
    KeInitializeEvent(&Set, NotificationEvent, TRUE);
    (void)KeWaitForSingleObject(&Set, Executive, KernelMode, FALSE, Mistaken ? NULL : &Limit);
    Work(Device, Context);
}

MISTAKE(work_item_waits_without_limit, "KRN-170", .is_lint = TRUE)
{
    PDEVICE_OBJECT Device = Begin();
    if (Device != NULL) {
        IoQueueWorkItem(Item, WaitsForEver, DelayedWorkQueue, NULL);
        Await();
        End(Device);
    }
}

/* ---- work items and unload (KRN-171, KRN-172) ---- */

/* The routine holds the device, and the driver with it: nothing is awaited. */
static void DeletesAtOnce(PDEVICE_OBJECT Device, PVOID Context)
{
    IoFreeWorkItem(Context);
    CaseSleep(20);
    Check(Device->DriverObject == CaseDriver);
}

DUTY(work_item_keeps_the_driver_loaded, "KRN-171")
{
    PDEVICE_OBJECT Device = Begin();
    if (Device != NULL) {
        IoQueueWorkItem(Item, DeletesAtOnce, DelayedWorkQueue, Item);
        IoDeleteDevice(Device);
    }
}

static WORK_QUEUE_ITEM Plain;

static void PlainWork(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE); /* the last act: instructions are left to run */
}

static void Nothing(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(unloads_while_a_work_routine_returns, "KRN-172 KBUG-36 KRN-283 KPROP-26",
        .place = WSKSIM_CASE_UNLOAD)
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    if (Mistaken) {
        ExInitializeWorkItem(&Plain, PlainWork, NULL);
        ExQueueWorkItem(&Plain, DelayedWorkQueue);
        Await();
    } else {
        CaseJoin(CaseThread(Nothing, NULL)); /* a thread can be awaited */
    }
}

/* ---- order (KRN-173) ---- */

static BOOLEAN AreTogether;

static void Notes(PDEVICE_OBJECT Device, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    Order[InterlockedIncrement(&Runs) - 1] = (LONG)(LONG_PTR)Context;
    if (InterlockedIncrement(&Running) == 2) {
        AreTogether = TRUE;
    }
    CaseSleep(1);
    InterlockedDecrement(&Running);
}

/* Two items; true if the second began first. */
static BOOLEAN IsOvertaken(void)
{
    PDEVICE_OBJECT Device = Begin();
    PIO_WORKITEM Other = Device != NULL ? IoAllocateWorkItem(Device) : NULL;
    if (Other != NULL) {
        IoQueueWorkItem(Item, Notes, DelayedWorkQueue, (PVOID)1);
        IoQueueWorkItem(Other, Notes, DelayedWorkQueue, (PVOID)2);
        for (ULONG i = 1; Runs < 2 || Running > 0; i += i < 4000 ? i : 0) {
            CaseSleep(i);
        }
        IoFreeWorkItem(Other);
    }
    if (Device != NULL) {
        End(Device);
    }
    return (BOOLEAN)(Other != NULL && Order[0] == 2);
}

FREEDOM(work_items_run_together, "KRN-173")
{
    (void)IsOvertaken();
    if (AreTogether) {
        Witness();
    }
}

FREEDOM(later_work_item_runs_first, "KRN-173")
{
    if (IsOvertaken()) {
        Witness();
    }
}
