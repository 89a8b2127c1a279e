/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.14: addresses of sockets, and name resolution. */
#include "ends.h"

#include "talk.h"

enum { TAG = 'rddA' };

static struct request Own;
static PADDRINFOEXW Result;
static WCHAR Text[32];
static UNICODE_STRING Name;

/* ---- ADDR-001 to -005: the socket's own addresses ---- */

static PWSK_SOCKET Fresh4(void)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL) : NULL;
    return Socket != NULL && RequestNew(&Own) ? Socket : NULL;
}

MISTAKE(local_address_before_bind, "ADDR-001")
{
    SOCKADDR_STORAGE Where;
    PWSK_SOCKET Socket = Fresh4();
    if (Socket != NULL && (Mistaken || NT_SUCCESS(SocketBind(Socket, 0)))) {
        (void)LocalOf(Socket, Connection(Socket)->WskGetLocalAddress, &Where);
    }
}

DUTY(local_address_of_nothing, "ADDR-002", Calm, .off = "ADDR-001")
{
    static SOCKADDR_IN Where;
    PWSK_SOCKET Socket = Fresh4();
    if (Socket != NULL) {
        Check(Connection(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)&Where, Fresh(&Own)) ==
              STATUS_INVALID_DEVICE_STATE);
        Check(!NT_SUCCESS(Finish(&Own)));
    }
}

DUTY(address_outcome, "ADDR-002 ADDR-006")
{
    static SOCKADDR_IN Where;
    PWSK_SOCKET Socket = BoundConnection();
    if (Socket != NULL && RequestNew(&Own)) {
        NTSTATUS Status =
            Connection(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)&Where, Fresh(&Own));
        NTSTATUS Final = Finish(&Own);
        Check(Own.Completions == 1 && Final != STATUS_PENDING);
        Check(Status == STATUS_PENDING || Status == Final);
        Check(!NT_SUCCESS(Final) || Where.sin_family == AF_INET);
    }
}

MISTAKE(remote_address_unconnected, "ADDR-003")
{
    SOCKADDR_STORAGE Where;
    PWSK_SOCKET Socket = BoundConnection();
    if (Socket != NULL && Mistaken) {
        (void)LocalOf(Socket, Connection(Socket)->WskGetRemoteAddress, &Where);
    }
}

DUTY(remote_address_of_nothing, "ADDR-004", Calm, .off = "ADDR-003")
{
    static SOCKADDR_IN Where;
    PWSK_SOCKET Socket = BoundConnection();
    if (Socket != NULL && RequestNew(&Own)) {
        Check(Connection(Socket)->WskGetRemoteAddress(Socket, (PSOCKADDR)&Where, Fresh(&Own)) ==
              STATUS_INVALID_DEVICE_STATE);
        Check(!NT_SUCCESS(Finish(&Own)));
    }
}

/* The remote address of a connection that is over: AMBIGUOUS-LIFE-10. */
static NTSTATUS RemoteAfterAbort(void)
{
    struct pair Pair;
    SOCKADDR_STORAGE Where;
    if (!PairNew(&Pair, LIFE_PORT) || !NT_SUCCESS(Disconnect(Pair.Client, WSK_FLAG_ABORTIVE))) {
        return STATUS_PENDING;
    }
    return LocalOf(Pair.Client, Connection(Pair.Client)->WskGetRemoteAddress, &Where);
}

FREEDOM(remote_address_survives, "ADDR-004 state.wrong_state_status AMBIGUOUS-LIFE-10", Calm,
        .knobs = "listen.backlog=128 state.wrong_state_status=invalid-device-state")
{
    if (RemoteAfterAbort() == STATUS_SUCCESS) {
        Witness();
    }
}

FREEDOM(remote_address_is_gone, "ADDR-004 state.wrong_state_status", Calm,
        .knobs = "listen.backlog=128 state.wrong_state_status=invalid-connection")
{
    if (RemoteAfterAbort() == STATUS_INVALID_CONNECTION) {
        Witness();
    }
}

MISTAKE(address_buffer_freed, "ADDR-005 BUG-LIFE-31 PROP-LIFE-31")
{
    PWSK_SOCKET Socket = BoundConnection();
    PSOCKADDR Where = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(SOCKADDR_IN), TAG);
    if (Socket != NULL && Where != NULL && RequestNew(&Own)) {
        NTSTATUS Status = Connection(Socket)->WskGetLocalAddress(Socket, Where, Fresh(&Own));
        if (Mistaken && Status == STATUS_PENDING) {
            ExFreePoolWithTag(Where, TAG);
            Where = NULL;
        }
        (void)Finish(&Own);
    }
    if (Where != NULL) {
        ExFreePoolWithTag(Where, TAG);
    }
}

MISTAKE(address_buffer_too_small, "MEM-OVERFLOW ADDR-005")
{
    PWSK_SOCKET Socket = BoundConnection();
    PSOCKADDR Where = ExAllocatePoolWithTag(NonPagedPoolNx, Mistaken ? 8 : 16, TAG);
    if (Socket != NULL && Where != NULL && RequestNew(&Own)) {
        (void)Connection(Socket)->WskGetLocalAddress(Socket, Where, Fresh(&Own));
        (void)Finish(&Own);
    }
    if (Where != NULL) {
        ExFreePoolWithTag(Where, TAG);
    }
}

/* ---- resolvers ---- */

static void SetName(const char *Of)
{
    USHORT Length = 0;
    for (; Of[Length] != 0; Length++) {
        Text[Length] = (WCHAR)Of[Length];
    }
    Text[Length] = 0;
    Name.Buffer = Text;
    Name.Length = (USHORT)(Length * sizeof(WCHAR));
    Name.MaximumLength = (USHORT)(Name.Length + sizeof(WCHAR));
}

static BOOLEAN Resolver(void)
{
    return CaseWsk() && RequestNew(&Own);
}

static NTSTATUS Ask(PUNICODE_STRING Node, PEPROCESS Process, PETHREAD Thread)
{
    Result = NULL;
    return CaseNpi.Dispatch->WskGetAddressInfo(CaseNpi.Client, Node, NULL, NS_ALL, NULL, NULL,
                                               &Result, Process, Thread, Fresh(&Own));
}

static NTSTATUS Resolve(const char *Of)
{
    SetName(Of);
    (void)Ask(&Name, NULL, NULL);
    return Finish(&Own);
}

static void Free(void)
{
    CaseNpi.Dispatch->WskFreeAddressInfo(CaseNpi.Client, Result);
}

MISTAKE(resolver_above_passive, "ADDR-010 BUG-LIFE-53 PROP-LIFE-41")
{
    if (!Resolver()) {
        return;
    }
    KIRQL Old = PASSIVE_LEVEL;
    SetName("10.0.0.2");
    PIRP Irp = Fresh(&Own);
    if (Mistaken) {
        KeRaiseIrql(DISPATCH_LEVEL, &Old);
    }
    CaseNpi.Dispatch->WskGetAddressInfo(CaseNpi.Client, &Name, NULL, NS_ALL, NULL, NULL, &Result,
                                        NULL, NULL, Irp);
    if (Mistaken) {
        KeLowerIrql(Old);
    }
    if (NT_SUCCESS(Finish(&Own))) {
        Free();
    }
}

DUTY(resolver_outcome, "ADDR-011 PROP-LIFE-42")
{
    if (!Resolver()) {
        return;
    }
    SetName("10.0.0.2");
    NTSTATUS Status = Ask(&Name, NULL, NULL);
    NTSTATUS Final = Finish(&Own);
    Check(Own.Completions == 1 && Final != STATUS_PENDING);
    Check(Status == STATUS_PENDING || Status == Final);
    if (NT_SUCCESS(Final)) {
        Free();
    }
}

DUTY(numeric_address_resolves, "ADDR-011", Calm)
{
    if (Resolver()) {
        Check(Resolve("10.0.0.2") == STATUS_SUCCESS);
        Check(Result->ai_family == AF_INET && Result->ai_addrlen >= sizeof(SOCKADDR_IN));
        Check(((SOCKADDR_IN *)Result->ai_addr)->sin_addr.s_addr ==
              Address4("10.0.0.2", 0).sin_addr.s_addr);
        Free();
    }
}

DUTY(unknown_name_is_not_found, "ADDR-012", Calm)
{
    if (Resolver()) {
        NTSTATUS Status = Resolve("nobody.invalid");
        Check(Status == STATUS_NOT_FOUND || Status == STATUS_NO_MATCH);
    }
}

FREEDOM(not_found_status, "ADDR-012 addr.not_found_status AMBIGUOUS-LIFE-39", Calm,
        .knobs = "addr.not_found_status=not-found")
{
    if (Resolver() && Resolve("nobody.invalid") == STATUS_NOT_FOUND) {
        Witness();
    }
}

FREEDOM(no_match_status, "ADDR-012 addr.not_found_status", Calm,
        .knobs = "addr.not_found_status=no-match")
{
    if (Resolver() && Resolve("nobody.invalid") == STATUS_NO_MATCH) {
        Witness();
    }
}

FREEDOM(resolver_information_zero, "ADDR-012 addr.information AMBIGUOUS-LIFE-40", Calm,
        .knobs = "addr.information=zero")
{
    if (Resolver() && !NT_SUCCESS(Resolve("nobody.invalid")) && Own.Information == 0) {
        Witness();
    }
}

FREEDOM(resolver_information_status, "ADDR-012 addr.information", Calm,
        .knobs = "addr.information=status")
{
    if (Resolver() && !NT_SUCCESS(Resolve("nobody.invalid")) && Own.Information != 0) {
        Witness();
    }
}

MISTAKE(resolver_asked_nothing, "ADDR-013")
{
    if (Resolver()) {
        SetName(Mistaken ? "" : "10.0.0.2");
        (void)Ask(&Name, NULL, NULL);
        if (NT_SUCCESS(Finish(&Own))) {
            Free();
        }
    }
}

MISTAKE(name_info_without_output, "ADDR-013")
{
    static SOCKADDR_IN Whose;
    if (Resolver()) {
        SetName("................");
        Whose = Address4("10.0.0.2", 80);
        CaseNpi.Dispatch->WskGetNameInfo(CaseNpi.Client, (PSOCKADDR)&Whose, sizeof Whose,
                                         Mistaken ? NULL : &Name, NULL, NI_NUMERICHOST, NULL, NULL,
                                         Fresh(&Own));
        (void)Finish(&Own);
    }
}

MISTAKE(name_info_of_a_long_address, "ADDR-013", .is_lint = 1)
{
    static SOCKADDR_STORAGE Whose[2];
    if (Resolver()) {
        SetName("................");
        *(SOCKADDR_IN *)&Whose[0] = Address4("10.0.0.2", 80);
        CaseNpi.Dispatch->WskGetNameInfo(CaseNpi.Client, (PSOCKADDR)&Whose[0],
                                         Mistaken ? sizeof Whose : sizeof Whose[0], &Name, NULL,
                                         NI_NUMERICHOST, NULL, NULL, Fresh(&Own));
        (void)Finish(&Own);
    }
}

DUTY(name_info_tells_the_text, "ADDR-011 ADDR-013", Calm)
{
    static SOCKADDR_IN Whose;
    if (Resolver()) {
        SetName("................");
        Whose = Address4("10.0.0.2", 80);
        CaseNpi.Dispatch->WskGetNameInfo(CaseNpi.Client, (PSOCKADDR)&Whose, sizeof Whose, &Name,
                                         NULL, NI_NUMERICHOST, NULL, NULL, Fresh(&Own));
        Check(Finish(&Own) == STATUS_SUCCESS);
        Check(Name.Length == 8 * sizeof(WCHAR) && Text[0] == L'1' && Text[7] == L'2');
    }
}

/* A thread whose process is not given: AMBIGUOUS-LIFE-58. */
static NTSTATUS ThreadAlone(void)
{
    SetName("10.0.0.2");
    (void)Ask(&Name, NULL, KeGetCurrentThread());
    NTSTATUS Status = Finish(&Own);
    if (NT_SUCCESS(Status)) {
        Free();
    }
    return Status;
}

DUTY(thread_without_process, "ADDR-014 addr.context", Calm, .knobs = "addr.context=page")
{
    if (Resolver()) {
        Check(ThreadAlone() == STATUS_INVALID_PARAMETER);
    }
}

FREEDOM(thread_of_the_current_process, "ADDR-014 addr.context AMBIGUOUS-LIFE-58", Calm,
        .knobs = "addr.context=header")
{
    if (Resolver() && ThreadAlone() == STATUS_SUCCESS) {
        Witness();
    }
}

/* Impersonates; the status of a request that names this process, or nobody. */
static NTSTATUS AskAsAnother(PEPROCESS Owner)
{
    PACCESS_TOKEN Token = PsReferencePrimaryToken(PsInitialSystemProcess);
    (void)PsImpersonateClient(PsGetCurrentThread(), Token, FALSE, FALSE, SecurityImpersonation);
    SetName("10.0.0.2");
    (void)CaseNpi.Dispatch->WskGetAddressInfo(CaseNpi.Client, &Name, NULL, 0, NULL, NULL, &Result,
                                              Owner, NULL, Fresh(&Own));
    NTSTATUS Status = Finish(&Own);
    PsRevertToSelf();
    PsDereferencePrimaryToken(Token);
    if (NT_SUCCESS(Status)) {
        Free();
    }
    return Status;
}

DUTY(impersonator_names_nobody, "ADDR-014", Calm)
{
    if (Resolver()) {
        Check(AskAsAnother(PsInitialSystemProcess) == STATUS_INVALID_PARAMETER);
        Check(NT_SUCCESS(AskAsAnother(NULL)));
    }
}

MISTAKE(resolver_name_freed, "ADDR-015")
{
    static UNICODE_STRING Short;
    Short.Buffer = Resolver() ? ExAllocatePoolWithTag(NonPagedPoolNx, 16, TAG) : NULL;
    if (Short.Buffer == NULL) {
        return;
    }
    SetName("10.0.0.2");
    RtlCopyMemory(Short.Buffer, Text, 16);
    Short.Length = Short.MaximumLength = 16;
    NTSTATUS Status = Ask(&Short, NULL, NULL);
    PVOID Buffer = Short.Buffer;
    if (Mistaken && Status == STATUS_PENDING) {
        ExFreePoolWithTag(Buffer, TAG);
        Buffer = NULL;
    }
    if (NT_SUCCESS(Finish(&Own))) {
        Free();
    }
    if (Buffer != NULL) {
        ExFreePoolWithTag(Buffer, TAG);
    }
}

MISTAKE(address_to_name_freed, "ADDR-015 lifetime.inputs", .knobs = "lifetime.inputs=mixed")
{
    static UNICODE_STRING Short;
    static WCHAR Room[64];
    PSOCKADDR_IN Whose =
        Resolver() ? ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Whose), TAG) : NULL;
    if (Whose == NULL) {
        return;
    }
    *Whose = Address4("10.0.0.2", LIFE_PORT);
    Short.Buffer = Room;
    Short.MaximumLength = sizeof Room;
    (void)CaseNpi.Dispatch->WskGetNameInfo(CaseNpi.Client, (PSOCKADDR)Whose, sizeof *Whose, &Short,
                                           NULL, NI_NUMERICHOST, NULL, NULL, Fresh(&Own));
    if (Mistaken) {
        ExFreePoolWithTag(Whose, TAG);
    }
    (void)Finish(&Own);
    if (!Mistaken) {
        ExFreePoolWithTag(Whose, TAG);
    }
}

/* The name changes as soon as the call has returned. */
static NTSTATUS ResolveChanged(void)
{
    if (!Resolver()) {
        return STATUS_UNSUCCESSFUL;
    }
    SetName("10.0.0.2");
    (void)Ask(&Name, NULL, NULL);
    SetName("nobody");
    NTSTATUS Status = Finish(&Own);
    if (NT_SUCCESS(Status)) {
        Free();
    }
    return Status;
}

DUTY(resolver_captures_the_name, "ADDR-015 lifetime.inputs", Calm,
     .knobs = "lifetime.inputs=all-captured")
{
    NTSTATUS Status = ResolveChanged();
    Check(Status != STATUS_NOT_FOUND && Status != STATUS_NO_MATCH);
}

/* Refused at once, in a row of the page that says nothing of the IRP: has it completed? */
static LONG CompletionsOfRefused(void)
{
    if (!Resolver()) {
        return -1;
    }
    NTSTATUS Status = Ask(NULL, NULL, NULL);
    CaseSleep(100);
    Own.InFlight = FALSE;
    return Status == STATUS_INVALID_PARAMETER ? Own.Completions : -1;
}

FREEDOM(refused_irp_is_completed, "ADDR-011 irp.status_without_irp_text", .off = "ADDR-013",
        .knobs = "irp.status_without_irp_text=completed")
{
    if (CompletionsOfRefused() == 1) {
        Witness();
    }
}

FREEDOM(refused_irp_is_left_alone, "ADDR-011 irp.status_without_irp_text AMBIGUOUS-LIFE-66",
        .off = "ADDR-013", .knobs = "irp.status_without_irp_text=not-completed")
{
    if (CompletionsOfRefused() == 0) {
        Witness();
    }
}

MISTAKE(resolver_result_leaked, "ADDR-016 BUG-LIFE-53 PROP-LIFE-42")
{
    if (Resolver() && NT_SUCCESS(Resolve("10.0.0.2")) && !Mistaken) {
        Free();
    }
}

MISTAKE(resolver_result_freed_twice, "ADDR-016 PROP-LIFE-42")
{
    if (Resolver() && NT_SUCCESS(Resolve("10.0.0.2"))) {
        Free();
        if (Mistaken) {
            Free();
        }
    }
}

MISTAKE(resolver_result_used_after, "ADDR-016")
{
    if (Resolver() && NT_SUCCESS(Resolve("10.0.0.2"))) {
        Free();
        if (Mistaken && Result->ai_family == AF_INET6) {
            DbgPrint("not here\n");
        }
    }
}

MISTAKE(failed_result_freed, "ADDR-017 BUG-LIFE-53")
{
    if (Resolver()) {
        NTSTATUS Status = Resolve("nobody.invalid");
        if (Mistaken ? !NT_SUCCESS(Status) : NT_SUCCESS(Status)) {
            Free();
        }
    }
}
