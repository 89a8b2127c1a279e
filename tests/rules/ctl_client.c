/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.12: WskControlClient. */
#include "case.h"

static struct request Request;
static SIZE_T Returned;

static NTSTATUS Control(ULONG Code, SIZE_T InputSize, PVOID Input, SIZE_T OutputSize, PVOID Output,
                        SIZE_T *Size, PIRP Irp)
{
    return CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, Code, InputSize, Input, OutputSize,
                                              Output, Size, Irp);
}

enum { MANY = 32 };
static WSK_TRANSPORT List[MANY];

/* Bytes of the list of transports. */
static SIZE_T ListSize(void)
{
    Returned = 0;
    (void)Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, sizeof List, List, &Returned, NULL);
    return Returned;
}

/* ---- client and window ---- */

MISTAKE(control_of_no_client, "REG-027 CTL-140")
{
    if (CaseWsk()) {
        PWSK_CLIENT Client = Mistaken ? (PWSK_CLIENT)&Request : CaseNpi.Client;
        (void)CaseNpi.Dispatch->WskControlClient(Client, WSK_TRANSPORT_LIST_QUERY, 0, NULL,
                                                 sizeof List, List, &Returned, NULL);
    }
}

MISTAKE(control_after_the_release, "REG-019 CTL-141 BUG-36")
{
    if (CaseWsk()) {
        WSK_PROVIDER_NPI Npi = CaseNpi;
        (void)ListSize();
        if (Mistaken) {
            WskReleaseProviderNPI(&CaseRegistration);
            (void)Npi.Dispatch->WskControlClient(Npi.Client, WSK_TRANSPORT_LIST_QUERY, 0, NULL,
                                                 sizeof List, List, &Returned, NULL);
        }
    }
}

MISTAKE(unknown_client_code, "CTL-142")
{
    if (CaseWsk()) {
        (void)Control(Mistaken ? 1 : WSK_TRANSPORT_LIST_QUERY, 0, NULL, Mistaken ? 0 : sizeof List,
                      Mistaken ? NULL : List, Mistaken ? NULL : &Returned, NULL);
    }
}

static void Unknown(NTSTATUS Expected)
{
    if (CaseWsk() && Control(99, 0, NULL, 0, NULL, NULL, NULL) == Expected) {
        Witness();
    }
}

FREEDOM(amb_45_client_not_supported, "CTL-142 amb.45", .knobs = "amb.45=0", .off = "CTL-142")
{
    Unknown(STATUS_NOT_SUPPORTED);
}

FREEDOM(amb_45_client_invalid_parameter, "CTL-142 amb.45", .knobs = "amb.45=1", .off = "CTL-142")
{
    Unknown(STATUS_INVALID_PARAMETER);
}

FREEDOM(amb_45_client_invalid_request, "CTL-142 amb.45", .knobs = "amb.45=2", .off = "CTL-142")
{
    Unknown(STATUS_INVALID_DEVICE_REQUEST);
}

/* ---- results ---- */

DUTY(client_control_answers_from_its_list, "CTL-143")
{
    SECURITY_DESCRIPTOR Plain;
    PSECURITY_DESCRIPTOR Source = &Plain, Copy = NULL;
    if (!CaseWsk() || !NT_SUCCESS(RtlCreateSecurityDescriptor(&Plain, 1))) {
        return;
    }
    NTSTATUS Status =
        Control(WSK_CACHE_SD, sizeof Source, &Source, sizeof Copy, &Copy, NULL, NULL);
    Check(Status == STATUS_SUCCESS || !NT_SUCCESS(Status));
    if (NT_SUCCESS(Status)) {
        Check(Control(WSK_RELEASE_SD, sizeof Copy, &Copy, 0, NULL, NULL, NULL) == STATUS_SUCCESS);
    }
    Returned = 0;
    Status = Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, 1, List, &Returned, NULL);
    Check(Status == STATUS_BUFFER_OVERFLOW && Returned > 1);
}

DUTY(transport_list_is_whole, "CTL-147 CTL-148 PROP-41")
{
    if (!CaseWsk()) {
        return;
    }
    Returned = 0;
    NTSTATUS Status = Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, 0, NULL, &Returned, NULL);
    Check(Status == STATUS_BUFFER_OVERFLOW && Returned != 0);
    Check(Returned % sizeof(WSK_TRANSPORT) == 0);
    Status = Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, sizeof List, List, &Returned, NULL);
    Check(Status == STATUS_SUCCESS && Returned != 0 && Returned % sizeof(WSK_TRANSPORT) == 0);
    for (ULONG i = 0; i < Returned / sizeof(WSK_TRANSPORT); i++) {
        Check(List[i].AddressFamily == AF_INET || List[i].AddressFamily == AF_INET6);
    }
}

/* CTL-144: what has been asked without an IRP is done with when the call returns. */
DUTY(client_buffers_are_free_after_the_return, "CTL-144 PROP-36")
{
    WSK_TRANSPORT *Pooled = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof List, 'snrT');
    if (Pooled != NULL && CaseWsk()) {
        (void)Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, sizeof List, Pooled, &Returned, NULL);
        RtlFillMemory(Pooled, sizeof List, 0x77);
        CaseSleep(500);
        for (ULONG i = 0; i < sizeof List; i++) {
            Check(((UCHAR *)Pooled)[i] == 0x77);
        }
    }
    if (Pooled != NULL) {
        ExFreePoolWithTag(Pooled, 'snrT');
    }
}

MISTAKE(size_asked_where_none_comes, "CTL-145")
{
    WSK_EVENT_CALLBACK_CONTROL Events = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_ACCEPT};
    if (CaseWsk()) {
        (void)Control(WSK_SET_STATIC_EVENT_CALLBACKS, sizeof Events, &Events, 0, NULL,
                      Mistaken ? &Returned : NULL, NULL);
    }
}

MISTAKE(irp_for_a_list_query, "CTL-146")
{
    if (CaseWsk() && RequestNew(&Request)) {
        (void)Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, sizeof List, List, &Returned,
                      Mistaken ? Fresh(&Request) : NULL);
    }
}

MISTAKE(list_change_without_irp, "CTL-146")
{
    if (CaseWsk() && Mistaken) {
        (void)Control(WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, NULL);
    }
}

/* BUG-24: asks for the size once, and takes what is above STATUS_SEVERITY_ERROR for a success. */
MISTAKE(transport_list_sized_once, "MEM-OVERFLOW CTL-149 BUG-24")
{
    SIZE_T Size = 0;
    WSK_TRANSPORT *Pooled = NULL;
    NTSTATUS Status = CaseWsk() ? Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, 0, NULL, &Size, NULL)
                                : STATUS_UNSUCCESSFUL;
    while (Status == STATUS_BUFFER_OVERFLOW) {
        Pooled = ExAllocatePoolWithTag(NonPagedPoolNx, Size, 'snrT');
        if (Pooled == NULL) {
            return;
        }
        Status = Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, Size, Pooled, &Size, NULL);
        if (Mistaken ? !NT_ERROR(Status) : NT_SUCCESS(Status)) {
            for (SIZE_T i = 0; i < Size / sizeof *Pooled; i++) {
                List[0] = Pooled[i];
            }
        }
        ExFreePoolWithTag(Pooled, 'snrT');
        if (Mistaken) {
            return;
        }
    }
}

FREEDOM(transport_list_grows_in_between, "CTL-149 PROP-41")
{
    SIZE_T Size = 0;
    if (CaseWsk() &&
        Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, 0, NULL, &Size, NULL) ==
            STATUS_BUFFER_OVERFLOW &&
        Size < sizeof List &&
        Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, Size, List, &Size, NULL) ==
            STATUS_BUFFER_OVERFLOW) {
        Witness();
    }
}

/* Short by less than all: amb.54. */
static BOOLEAN PrefixComes(BOOLEAN *IsMeant)
{
    RtlZeroMemory(List, sizeof List);
    *IsMeant = CaseWsk() && Control(WSK_TRANSPORT_LIST_QUERY, 0, NULL, 2 * sizeof List[0], List,
                                    &Returned, NULL) == STATUS_BUFFER_OVERFLOW;
    return List[0].Version != 0;
}

FREEDOM(amb_54_nothing_written, "CTL-147 amb.54", .knobs = "amb.54=nothing-written")
{
    BOOLEAN IsMeant, Comes = PrefixComes(&IsMeant);
    if (IsMeant && !Comes) {
        Witness();
    }
}

FREEDOM(amb_54_prefix_written, "CTL-147 amb.54", .knobs = "amb.54=prefix-written")
{
    BOOLEAN IsMeant, Comes = PrefixComes(&IsMeant);
    if (IsMeant && Comes) {
        Witness();
    }
}

/* ---- changes of the list ---- */

static NTSTATUS Arm(void)
{
    return Control(WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, Fresh(&Request));
}

DUTY(list_change_waits_for_a_change, "CTL-150 PROP-42")
{
    if (!CaseWsk() || !RequestNew(&Request)) {
        return;
    }
    SIZE_T Before = ListSize();
    Check(Arm() == STATUS_PENDING);
    CaseSleep(5000);
    if (IsDone(&Request)) {
        Check(Finish(&Request) == STATUS_SUCCESS && ListSize() != Before);
        Check(Request.Completions == 1);
    }
}

FREEDOM(list_change_completes, "CTL-150 PROP-42")
{
    if (CaseWsk() && RequestNew(&Request)) {
        (void)Arm();
        CaseSleep(5000);
        if (IsDone(&Request) && Finish(&Request) == STATUS_SUCCESS) {
            Witness();
        }
    }
}

/* A change completes the IRPs that wait; it does not go unnoticed. */
DUTY(list_change_is_not_lost, "CTL-150 PROP-42")
{
    if (!CaseWsk() || !RequestNew(&Request)) {
        return;
    }
    (void)Arm();
    SIZE_T Before = ListSize();
    for (int i = 0; i < 60 && !IsDone(&Request); i++) {
        CaseSleep(200);
        if (ListSize() != Before) {
            Check(Finish(&Request) == STATUS_SUCCESS); /* or waits for ever */
            break;
        }
    }
}

DUTY(deregistration_cancels_list_changes, "CTL-151 PROP-42 PROP-59", .knobs = "amb.53=all-awaited")
{
    if (CaseWsk() && RequestNew(&Request)) {
        (void)Arm();
        CaseWskEnd();
        Check(IsDone(&Request));
        Check(Request.Status == STATUS_CANCELLED || Request.Status == STATUS_SUCCESS);
    }
}

FREEDOM(amb_53_not_awaited, "CTL-151 amb.53", .knobs = "amb.53=irps-not-awaited")
{
    if (CaseWsk() && RequestNew(&Request)) {
        (void)Arm();
        CaseWskEnd();
        if (!IsDone(&Request)) {
            Witness();
        }
    }
}

/* BUG-37: arms it again from the completion that tells of the end. */
static NTSTATUS Rearm(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        IoReuseIrp(Irp, STATUS_UNSUCCESSFUL);
        IoSetCompletionRoutine(Irp, Rearm, NULL, TRUE, TRUE, TRUE);
        (void)Control(WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, Irp);
    } else {
        IoFreeIrp(Irp);
    }
    return STATUS_MORE_PROCESSING_REQUIRED;
}

MISTAKE(list_change_armed_for_ever, "REG-019 CTL-150 CTL-151 BUG-37")
{
    PIRP Irp = CaseWsk() ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, Rearm, NULL, TRUE, TRUE, TRUE);
        (void)Control(WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, Irp);
    }
}

/* BUG-38: what changed between the query and the arming is never noticed. */
MISTAKE(list_change_armed_after_the_query, "SYS-DEADLOCK CTL-150 BUG-38")
{
    if (!CaseWsk() || !RequestNew(&Request)) {
        return;
    }
    SIZE_T Known = ListSize();
    CaseSleep(10);
    (void)Arm();
    if (!Mistaken) {
        Known = ListSize();
    }
    for (int i = 0; i < 60 && !IsDone(&Request); i++) {
        if (ListSize() != Known) {
            (void)Finish(&Request); /* the notification is on its way, is it not? */
            break;
        }
        CaseSleep(200);
    }
}

/* ---- before the first socket ---- */

static NTSTATUS Tdi(SIZE_T Size)
{
    static ULONG Flags[2];
    Flags[0] = WSK_TDI_BEHAVIOR_BYPASS_TDI;
    return Control(WSK_TDI_BEHAVIOR, Size, Flags, 0, NULL, NULL, NULL);
}

MISTAKE(tdi_behaviour_after_a_socket, "CTL-152 PROP-46")
{
    if (CaseWsk() && (!Mistaken || SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) != NULL)) {
        (void)Tdi(sizeof(ULONG));
    }
}

MISTAKE(tdi_behaviour_of_one_byte, "CTL-153")
{
    if (CaseWsk()) {
        (void)Tdi(Mistaken ? 1 : sizeof(ULONG));
    }
}

MISTAKE(tdi_taken_for_granted, "SYS-ASSERT CTL-153 BUG-42")
{
    if (CaseWsk()) {
        NTSTATUS Status = Tdi(sizeof(ULONG));
        NT_ASSERT(!Mistaken || NT_SUCCESS(Status));
    }
}

FREEDOM(amb_55_success, "CTL-153 amb.55", .knobs = "amb.55=success")
{
    if (CaseWsk() && Tdi(sizeof(ULONG)) == STATUS_SUCCESS) {
        Witness();
    }
}

FREEDOM(amb_55_not_supported, "CTL-153 amb.55", .knobs = "amb.55=not-supported")
{
    WSK_TDI_MAP_INFO Map = {0};
    if (CaseWsk() && Control(WSK_TDI_DEVICENAME_MAPPING, sizeof Map, &Map, 0, NULL, NULL, NULL) ==
                         STATUS_NOT_SUPPORTED) {
        Witness();
    }
}
