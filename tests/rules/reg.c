/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.1: registration, provider NPI, client object, unregistration. */
#include "life.h"

static WSK_REGISTRATION Other;

/* ---- WskRegister (REG-001 to REG-009, REG-040) ---- */

MISTAKE(registers_at_dispatch, "REG-001 PROP-LIFE-41")
{
    KIRQL Old = PASSIVE_LEVEL;
    if (Mistaken) {
        KeRaiseIrql(DISPATCH_LEVEL, &Old);
    }
    BOOLEAN Is = Register(&Block);
    if (Mistaken) {
        KeLowerIrql(Old);
    }
    if (Is) {
        WskDeregister(&Block);
    }
}

MISTAKE(deregisters_at_apc_level, "REG-001")
{
    KIRQL Old = PASSIVE_LEVEL;
    if (!Register(&Block)) {
        return;
    }
    if (Mistaken) {
        KeRaiseIrql(APC_LEVEL, &Old);
    }
    WskDeregister(&Block);
    if (Mistaken) {
        KeLowerIrql(Old);
    }
}

MISTAKE(version_is_a_plain_number, "REG-002")
{
    CaseClient.Version = Mistaken ? 1 : MAKE_WSK_VERSION(1, 0);
    (void)CaseWsk();
}

MISTAKE(reserved_is_not_zero, "REG-002")
{
    CaseClient.Reserved = Mistaken ? 1 : 0;
    (void)CaseWsk();
}

/* The answer to it is a reading. */
FREEDOM(register_reserved_refused, "REG-040 register.reserved", .off = "REG-002",
        .knobs = "register.reserved=invalid-parameter")
{
    CaseClient.Reserved = 1;
    if (WskRegister(&(WSK_CLIENT_NPI){NULL, &CaseClient}, &Block) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(register_reserved_accepted, "REG-040 register.reserved", .off = "REG-002",
        .knobs = "register.reserved=accepted")
{
    CaseClient.Reserved = 1;
    if (WskRegister(&(WSK_CLIENT_NPI){NULL, &CaseClient}, &Block) == STATUS_SUCCESS) {
        WskDeregister(&Block);
        Witness();
    }
}

MISTAKE(client_dispatch_freed_early, "REG-003 BUG-LIFE-51")
{
    WSK_CLIENT_DISPATCH *Dispatch = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Dispatch, TAG);
    if (Dispatch == NULL) {
        return;
    }
    *Dispatch = Client;
    WSK_CLIENT_NPI Mine = {NULL, Dispatch};
    BOOLEAN Is = (BOOLEAN)NT_SUCCESS(WskRegister(&Mine, &Block));
    if (Mistaken) {
        ExFreePoolWithTag(Dispatch, TAG);
    }
    if (Is) {
        WskDeregister(&Block);
    }
    if (!Mistaken) {
        ExFreePoolWithTag(Dispatch, TAG);
    }
}

MISTAKE(client_dispatch_changed, "REG-003")
{
    if (!Register(&Block)) {
        return;
    }
    if (Mistaken) {
        Client.Version = MAKE_WSK_VERSION(1, 1);
    }
    WskDeregister(&Block);
}

/* The WSK_CLIENT_NPI is a local of a function that has returned long before the capture. */
static NTSTATUS RegisterFromLocal(PVOID Context)
{
    WSK_CLIENT_NPI Local = {Context, &Client};
    NTSTATUS Status = WskRegister(&Local, &Block);
    RtlFillMemory(&Local, sizeof Local, 0xEE);
    return Status;
}

DUTY(client_npi_is_copied, "REG-004", .is_silent = 1)
{
    if (NT_SUCCESS(RegisterFromLocal(&Block))) {
        if (Capture(&Block)) {
            WskReleaseProviderNPI(&Block);
        }
        WskDeregister(&Block);
    }
}

MISTAKE(registration_block_written, "REG-005")
{
    if (!Register(&Block)) {
        return;
    }
    if (Mistaken) {
        Block.ReservedRegistrationState ^= 1;
    }
    WskDeregister(&Block);
}

MISTAKE(registration_block_freed, "REG-005 BUG-LIFE-51")
{
    WSK_REGISTRATION *Mine = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Mine, TAG);
    if (Mine == NULL) {
        return;
    }
    BOOLEAN Is = Register(Mine);
    if (Mistaken) {
        ExFreePoolWithTag(Mine, TAG);
        return;
    }
    if (Is) {
        WskDeregister(Mine);
    }
    ExFreePoolWithTag(Mine, TAG);
}

MISTAKE(never_deregisters, "REG-006 BUG-LIFE-46 PROP-LIFE-26")
{
    if (Register(&Block) && !Mistaken) {
        WskDeregister(&Block);
    }
}

MISTAKE(deregisters_after_failure, "REG-006 BUG-LIFE-46")
{
    if (Register(&Block) || Mistaken) {
        WskDeregister(&Block);
    }
}

MISTAKE(deregisters_twice, "REG-006")
{
    if (Register(&Block)) {
        WskDeregister(&Block);
        if (Mistaken) {
            WskDeregister(&Block);
        }
    }
}

MISTAKE(one_block_for_two_registrations, "REG-007")
{
    if (!Register(&Block)) {
        return;
    }
    if (Register(Mistaken ? &Block : &Other)) {
        WskDeregister(&Other);
    }
    WskDeregister(&Block);
}

DUTY(register_succeeds_or_leaves_nothing, "REG-008")
{
    NTSTATUS Status = WskRegister(&ClientNpi, &Block);
    Check(Status != STATUS_PENDING);
    if (NT_SUCCESS(Status)) {
        Check(Status == STATUS_SUCCESS);
        WskDeregister(&Block);
    }
}

FREEDOM(registers_in_driver_entry, "REG-009", .place = WSKSIM_CASE_ENTRY)
{
    if (Register(&Block)) {
        Witness();
        WskDeregister(&Block);
    }
    CaseEntryStatus = STATUS_UNSUCCESSFUL;
}

FREEDOM(registers_on_a_thread, "REG-009")
{
    if (Register(&Block)) {
        Witness();
        WskDeregister(&Block);
    }
}

/* ---- WskCaptureProviderNPI (REG-010 to REG-016, REG-040) ---- */

MISTAKE(captures_with_a_timeout_at_dispatch, "REG-010")
{
    KIRQL Old;
    if (!Register(&Block)) {
        return;
    }
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    NTSTATUS Status = WskCaptureProviderNPI(&Block, Mistaken ? 10 : WSK_NO_WAIT, &Npi);
    KeLowerIrql(Old);
    if (NT_SUCCESS(Status)) {
        WskReleaseProviderNPI(&Block);
    }
    WskDeregister(&Block);
}

DUTY(capture_outcomes, "REG-011 REG-014")
{
    if (!Register(&Block)) {
        return;
    }
    RtlFillMemory(&Npi, sizeof Npi, 0xEE);
    WSK_PROVIDER_NPI Before = Npi;
    NTSTATUS Status = WskCaptureProviderNPI(&Block, 100, &Npi);
    Check(Status != STATUS_PENDING && Status != STATUS_NOINTERFACE);
    if (NT_SUCCESS(Status)) {
        Check(Status == STATUS_SUCCESS && Npi.Client != NULL && Npi.Dispatch != NULL);
        Check(WSK_MAJOR_VERSION(Npi.Dispatch->Version) == 1);
        Check(Npi.Dispatch->WskSocket != NULL && Npi.Dispatch->WskControlClient != NULL);
        WskReleaseProviderNPI(&Block);
    } else {
        Check(RtlCompareMemory(&Npi, &Before, sizeof Npi) == sizeof Npi);
    }
    WskDeregister(&Block);
}

FREEDOM(provider_minor_version_higher, "REG-014 provider.minor_version",
        .knobs = "provider.minor_version=higher")
{
    if (CaseWsk() && CaseNpi.Dispatch->Version > MAKE_WSK_VERSION(1, 0)) {
        Witness();
    }
}

DUTY(provider_minor_version_as_requested, "REG-014 provider.minor_version",
     .knobs = "provider.minor_version=as-requested")
{
    Check(!CaseWsk() || CaseNpi.Dispatch->Version == MAKE_WSK_VERSION(1, 0));
}

DUTY(capture_waits_no_longer_than_asked, "REG-012 REG-038")
{
    KIRQL Old;
    if (!Register(&Block)) {
        return;
    }
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    NTSTATUS Status = WskCaptureProviderNPI(&Block, WSK_NO_WAIT, &Npi);
    KeLowerIrql(Old);
    if (NT_SUCCESS(Status)) {
        WskReleaseProviderNPI(&Block);
    }
    ULONGLONG Start = Now();
    if (NT_SUCCESS(WskCaptureProviderNPI(&Block, 1, &Npi))) {
        Check(Now() - Start < 9000); /* ready, or not: the provider needs 10 s */
        WskReleaseProviderNPI(&Block);
    }
    WskDeregister(&Block);
}

MISTAKE(infinite_capture_in_driver_entry, "REG-013 BUG-LIFE-50", .place = WSKSIM_CASE_ENTRY)
{
    if (Register(&Block)) {
        NTSTATUS Status =
            WskCaptureProviderNPI(&Block, Mistaken ? WSK_INFINITE_WAIT : WSK_NO_WAIT, &Npi);
        if (NT_SUCCESS(Status)) {
            WskReleaseProviderNPI(&Block);
        }
        WskDeregister(&Block);
    }
    CaseEntryStatus = STATUS_UNSUCCESSFUL;
}

MISTAKE(reads_beyond_the_provider_table, "REG-015")
{
    if (!CaseWsk()) {
        return;
    }
    const WSK_PROVIDER_DISPATCH *Table = CaseNpi.Dispatch;
    volatile PVOID Member = *(PVOID const *)(const void *)(Mistaken ? Table + 1 : Table);
    UNREFERENCED_PARAMETER(Member);
}

MISTAKE(resolver_before_windows_7, "REG-015 provider.table",
        .knobs = "provider.table=before-windows-7")
{
    if (CaseWsk() && Mistaken) {
        CaseNpi.Dispatch->WskFreeAddressInfo(CaseNpi.Client, NULL);
    }
}

DUTY(resolver_is_there, "REG-015 provider.table", .knobs = "provider.table=full", .is_silent = 1)
{
    if (CaseWsk() && RequestNew(&First)) {
        static UNICODE_STRING Name;
        static PADDRINFOEXW Found;
        RtlInitUnicodeString(&Name, L"10.0.0.2");
        (void)CaseNpi.Dispatch->WskGetAddressInfo(CaseNpi.Client, &Name, NULL, 0, NULL, NULL,
                                                  &Found, NULL, NULL, Fresh(&First));
        if (NT_SUCCESS(Finish(&First))) {
            CaseNpi.Dispatch->WskFreeAddressInfo(CaseNpi.Client, Found);
        }
    }
}

/* A version from the future is refused at the capture, and the client comes back with another. */
DUTY(refused_version_can_be_replaced, "REG-016 REG-011 REG-040")
{
    static const WSK_CLIENT_DISPATCH Future = {MAKE_WSK_VERSION(9, 0), 0, NULL};
    WSK_CLIENT_NPI FutureNpi = {NULL, &Future};
    WSK_PROVIDER_CHARACTERISTICS Versions;
    NTSTATUS Status = WskRegister(&FutureNpi, &Block);
    Check(Status != STATUS_INVALID_PARAMETER);
    if (!NT_SUCCESS(Status)) {
        return;
    }
    Status = WskCaptureProviderNPI(&Block, WSK_INFINITE_WAIT, &Npi);
    Check(!NT_SUCCESS(Status));
    Check(Status == STATUS_NOINTERFACE || Status == STATUS_DEVICE_NOT_READY ||
          Status == STATUS_INSUFFICIENT_RESOURCES);
    if (Status == STATUS_NOINTERFACE) {
        Status = WskQueryProviderCharacteristics(&Block, &Versions);
        Check(!NT_SUCCESS(Status) || Versions.HighestVersion < MAKE_WSK_VERSION(9, 0));
    }
    WskDeregister(&Block);
    if (Register(&Block)) {
        Status = WskCaptureProviderNPI(&Block, WSK_INFINITE_WAIT, &Npi);
        Check(Status != STATUS_NOINTERFACE);
        if (NT_SUCCESS(Status)) {
            WskReleaseProviderNPI(&Block);
        }
        WskDeregister(&Block);
    }
}

/* Without injected failures there is one answer. */
FREEDOM(refused_version_is_nointerface, "REG-011")
{
    static const WSK_CLIENT_DISPATCH Future = {MAKE_WSK_VERSION(9, 0), 0, NULL};
    WSK_CLIENT_NPI FutureNpi = {NULL, &Future};
    if (NT_SUCCESS(WskRegister(&FutureNpi, &Block))) {
        if (WskCaptureProviderNPI(&Block, WSK_INFINITE_WAIT, &Npi) == STATUS_NOINTERFACE) {
            Witness();
        }
        WskDeregister(&Block);
    }
}

/* ---- query and release (REG-017 to REG-020, REG-027, REG-028) ---- */

MISTAKE(queries_at_high_level, "REG-017")
{
    KIRQL Old;
    WSK_PROVIDER_CHARACTERISTICS Versions;
    if (!CaseWsk()) {
        return;
    }
    KeRaiseIrql(Mistaken ? HIGH_LEVEL : DISPATCH_LEVEL, &Old);
    (void)WskQueryProviderCharacteristics(&CaseRegistration, &Versions);
    KeLowerIrql(Old);
}

DUTY(query_tells_the_versions, "REG-017 REG-041")
{
    WSK_PROVIDER_CHARACTERISTICS Versions = {0, 0};
    if (!CaseWsk()) {
        return;
    }
    NTSTATUS Status = WskQueryProviderCharacteristics(&CaseRegistration, &Versions);
    Check(Status == STATUS_SUCCESS);
    Check(Versions.LowestVersion != 0 && Versions.HighestVersion >= Versions.LowestVersion);
    CaseWskEnd();
    Status = WskQueryProviderCharacteristics(&CaseRegistration, &Versions);
    Check(Status == STATUS_DEVICE_NOT_READY);
}

MISTAKE(never_releases_the_npi, "REG-018 BUG-LIFE-46 BUG-LIFE-62 PROP-LIFE-26")
{
    if (Register(&Block)) {
        if (Capture(&Block) && !Mistaken) {
            WskReleaseProviderNPI(&Block);
        }
        WskDeregister(&Block);
    }
}

MISTAKE(releases_after_a_failed_capture, "REG-018 BUG-LIFE-46")
{
    if (Register(&Block)) {
        if (Capture(&Block) || Mistaken) {
            WskReleaseProviderNPI(&Block);
        }
        WskDeregister(&Block);
    }
}

MISTAKE(creates_after_release, "REG-019 BUG-LIFE-47")
{
    if (!RequestNew(&First) || !RequestNew(&Second) || !Register(&Block)) {
        return;
    }
    if (Capture(&Block)) {
        if (Mistaken) {
            WskReleaseProviderNPI(&Block);
        }
        Close(Create(Npi.Client, &First));
        WskReleaseProviderNPI(&Block);
    }
    WskDeregister(&Block);
}

MISTAKE(calls_after_one_of_two_releases, "REG-019 npi.calls_after_partial_release",
        .is_lint = 1, .knobs = "npi.calls_after_partial_release=none-after-first")
{
    if (!RequestNew(&First) || !RequestNew(&Second) || !Register(&Block)) {
        return;
    }
    if (Capture(&Block)) {
        if (Mistaken && Capture(&Block)) {
            WskReleaseProviderNPI(&Block);
        }
        Close(Create(Npi.Client, &First));
        WskReleaseProviderNPI(&Block);
    }
    WskDeregister(&Block);
}

DUTY(calls_while_captures_are_left, "REG-019 npi.calls_after_partial_release", .is_lint = 1,
     .knobs = "npi.calls_after_partial_release=while-counted", .is_silent = 1)
{
    if (!RequestNew(&First) || !RequestNew(&Second) || !Register(&Block)) {
        return;
    }
    if (Capture(&Block)) {
        if (Capture(&Block)) {
            WskReleaseProviderNPI(&Block);
        }
        Close(Create(Npi.Client, &First));
        WskReleaseProviderNPI(&Block);
    }
    WskDeregister(&Block);
}

DUTY(sockets_outlive_the_release, "REG-020")
{
    if (!RequestNew(&First) || !RequestNew(&Second) || !Register(&Block)) {
        return;
    }
    PWSK_SOCKET Socket = Capture(&Block) ? Create(Npi.Client, &First) : NULL;
    if (Npi.Client != NULL) {
        WskReleaseProviderNPI(&Block);
        Npi.Client = NULL;
    }
    if (Socket != NULL) {
        ULONG Value = 0;
        NTSTATUS Status = Basic(Socket)->WskControlSocket(
            Socket, WskGetOption, SO_TYPE, SOL_SOCKET, 0, NULL, sizeof Value, &Value, NULL,
            Fresh(&First));
        Check(Status == STATUS_PENDING || Status == First.Status);
        Check(!NT_SUCCESS(Finish(&First)) || Value == SOCK_DGRAM);
        Close(Socket);
    }
    WskDeregister(&Block);
}

MISTAKE(foreign_client_object, "REG-027")
{
    if (!RequestNew(&First) || !RequestNew(&Second) || !Register(&Block)) {
        return;
    }
    if (Capture(&Block)) {
        Close(Create(Mistaken ? (PWSK_CLIENT)&Npi : Npi.Client, &First));
        WskReleaseProviderNPI(&Block);
    }
    WskDeregister(&Block);
}

DUTY(null_client_is_an_invalid_handle, "REG-028 socket.null_client_completes_irp",
     .knobs = "socket.null_client_completes_irp=no")
{
    if (!CaseWsk() || !RequestNew(&First)) {
        return;
    }
    NTSTATUS Status = CaseNpi.Dispatch->WskSocket(
        NULL, AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL,
        NULL, Fresh(&First));
    First.InFlight = FALSE;
    Check(Status == STATUS_INVALID_HANDLE);
    Check(First.Completions == 0);
}

FREEDOM(null_client_completes_irp_yes, "REG-028 socket.null_client_completes_irp",
        .knobs = "socket.null_client_completes_irp=yes")
{
    if (CaseWsk() && RequestNew(&First)) {
        (void)CaseNpi.Dispatch->WskSocket(NULL, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                          WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL,
                                          Fresh(&First));
        First.InFlight = FALSE;
        if (First.Completions == 1 && First.Status == STATUS_INVALID_HANDLE) {
            Witness();
        }
    }
}

DUTY(release_and_query_never_block, "REG-038", .is_silent = 1)
{
    KIRQL Old;
    WSK_PROVIDER_CHARACTERISTICS Versions;
    if (Register(&Block)) {
        if (Capture(&Block)) {
            KeRaiseIrql(DISPATCH_LEVEL, &Old);
            (void)WskQueryProviderCharacteristics(&Block, &Versions);
            WskReleaseProviderNPI(&Block);
            KeLowerIrql(Old);
        }
        WskDeregister(&Block);
    }
}

/* Released while an IRP of a provider-level function is pending. */
MISTAKE(npi_release_with_pending_lint, "REG-018 npi.release_with_pending", .is_lint = 1,
        .knobs = "npi.release_with_pending=lint")
{
    if (!RequestNew(&First) || !Register(&Block)) {
        return;
    }
    if (Capture(&Block)) {
        if (Mistaken) {
            (void)Npi.Dispatch->WskControlClient(Npi.Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0,
                                                 NULL, NULL, Fresh(&First));
        }
        WskReleaseProviderNPI(&Block);
    }
    WskDeregister(&Block);
}

DUTY(npi_release_with_pending, "REG-018 npi.release_with_pending", .is_lint = 1,
     .knobs = "npi.release_with_pending=allowed", .is_silent = 1)
{
    if (!RequestNew(&First) || !Register(&Block)) {
        return;
    }
    if (Capture(&Block)) {
        (void)Npi.Dispatch->WskControlClient(Npi.Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0,
                                             NULL, NULL, Fresh(&First));
        WskReleaseProviderNPI(&Block);
    }
    WskDeregister(&Block);
}
