/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.14: extension interfaces. */
#include "ctl_tcp.h"

#include <wsksim/extension.h>

static const NPIID Unknown = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
static WSK_EXTENSION_CONTROL_OUT Out;
static volatile LONG Pongs, WrongContexts, Datagrams, Replaced;
static LONG Mine;

static VOID WSKAPI OnPong(PVOID Context, ULONG Value)
{
    UNREFERENCED_PARAMETER(Value);
    InterlockedIncrement(&Pongs);
    InterlockedAdd(&WrongContexts, Context != &Mine);
}

static VOID WSKAPI OnOtherPong(PVOID Context, ULONG Value)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Value);
    InterlockedIncrement(&Replaced);
}

static const struct wsksim_extension_client Client = {OnPong}, OtherClient = {OnOtherPong};

static NTSTATUS Register(PWSK_SOCKET Socket, const NPIID *Npi,
                         const struct wsksim_extension_client *Dispatch, SIZE_T InputSize)
{
    WSK_EXTENSION_CONTROL_IN In = {Npi, &Mine, Dispatch};
    return Basic(Socket)->WskControlSocket(Socket, WskIoctl, SIO_WSK_REGISTER_EXTENSION, 0,
                                           InputSize, &In, sizeof Out, &Out, NULL, NULL);
}

static NTSTATUS RegisterPing(PWSK_SOCKET Socket)
{
    return Register(Socket, &WskSimExtensionNpi, &Client, sizeof(WSK_EXTENSION_CONTROL_IN));
}

static NTSTATUS Ping(PVOID Context)
{
    return ((const struct wsksim_extension_provider *)Out.ProviderDispatch)->Ping(Context, 7);
}

static NTSTATUS Events(PWSK_SOCKET Socket, const NPIID *Npi, ULONG Mask)
{
    WSK_EVENT_CALLBACK_CONTROL Control = {Npi, Mask};
    return Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                           sizeof Control, &Control, 0, NULL, NULL, NULL);
}

static PWSK_SOCKET New(ULONG Flags, const void *Dispatch)
{
    return CaseWsk() ? SocketNew(Flags, NULL, Dispatch) : NULL;
}

/* ---- without one, as in Windows ---- */

MISTAKE(extension_of_wrong_size, "CTL-170")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET, NULL);
    if (Socket != NULL) {
        (void)Register(Socket, &Unknown, &Client,
                       Mistaken ? sizeof(PVOID) : sizeof(WSK_EXTENSION_CONTROL_IN));
    }
}

DUTY(extensions_do_not_exist, "CTL-171 extension", .knobs = "extension=none")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET, NULL);
    Check(Socket == NULL || !NT_SUCCESS(RegisterPing(Socket)));
}

FREEDOM(extension_for_tests, "CTL-171 extension", .knobs = "extension=ping")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET, NULL);
    if (Socket != NULL && NT_SUCCESS(RegisterPing(Socket))) {
        Witness();
    }
}

DUTY(unknown_extension_is_refused, "CTL-171 CTL-174 PROP-47")
{
    static const ULONG Flags[] = {WSK_FLAG_BASIC_SOCKET, WSK_FLAG_LISTEN_SOCKET,
                                  WSK_FLAG_DATAGRAM_SOCKET, WSK_FLAG_CONNECTION_SOCKET};
    for (ULONG i = 0; i < ARRAYSIZE(Flags); i++) {
        PWSK_SOCKET Socket = New(Flags[i], NULL);
        if (Socket == NULL) {
            continue;
        }
        Out.ProviderContext = &Mine;
        Out.ProviderDispatch = &Client;
        NTSTATUS Status = Register(Socket, &Unknown, &Client, sizeof(WSK_EXTENSION_CONTROL_IN));
        Check(Status == STATUS_NOT_SUPPORTED || Status == STATUS_FILE_FORCED_CLOSED);
        Check(Out.ProviderContext == &Mine && Out.ProviderDispatch == &Client);
    }
}

/* Counts on an extension instead of asking for the version of the provider. */
MISTAKE(extension_taken_for_granted, "SYS-ASSERT CTL-173")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET, NULL);
    if (Socket != NULL) {
        NTSTATUS Status = RegisterPing(Socket);
        NT_ASSERT(!Mistaken || NT_SUCCESS(Status));
    }
}

/* Uses the output although the registration has failed. */
MISTAKE(extension_output_after_failure, "MEM-NULL CTL-174")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET, NULL);
    if (Socket != NULL) {
        NTSTATUS Status = RegisterPing(Socket);
        if (Mistaken || NT_SUCCESS(Status)) {
            (void)Ping(Out.ProviderContext);
        }
    }
}

/* The same with an output that was never initialised: whatever is in it is taken for a table. */
MISTAKE(extension_output_of_nobody_used, "CTL-174")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET, NULL);
    if (Socket != NULL) {
        Out.ProviderDispatch = (const void *)(ULONG_PTR)0x123456789000;
        NTSTATUS Status = RegisterPing(Socket);
        if (NT_SUCCESS(Status) || (Mistaken && Out.ProviderDispatch != NULL)) {
            (void)Ping(Out.ProviderContext);
        }
    }
}

/* ---- with the one of the simulator ---- */

#define PING .knobs = "extension=ping"

DUTY(extension_calls_back, "CTL-174 CTL-176", PING)
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET, NULL);
    if (Socket == NULL || RegisterPing(Socket) != STATUS_SUCCESS) {
        return;
    }
    (void)Ping(Out.ProviderContext);
    Check(Pongs == 0);
    if (Events(Socket, &WskSimExtensionNpi, WSKSIM_EXTENSION_PONG) == STATUS_SUCCESS &&
        Ping(Out.ProviderContext) == STATUS_SUCCESS) {
        Check(Pongs == 1 && WrongContexts == 0);
    }
    if (Events(Socket, &WskSimExtensionNpi, WSKSIM_EXTENSION_PONG | WSK_EVENT_DISABLE) ==
        STATUS_SUCCESS) {
        LONG Before = Pongs;
        (void)Ping(Out.ProviderContext);
        Check(Pongs == Before);
    }
}

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    InterlockedAdd(&Datagrams, Data != NULL);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Counting = {OnDatagram};

static void Sends(void)
{
    WaitForGo(&WorldMayBegin);
    struct wsksim_port *Port = wsksim_bind(0, 0);
    for (int i = 0; Port != NULL && i < 20 && !wsksim_is_over(); i++) {
        (void)wsksim_send_to(Port, 0, TCP_PORT, "datagram", 8);
        wsksim_sleep(100000);
    }
}

/* The same bit, but another interface's. */
DUTY(extension_bits_are_its_own, "CTL-176", .world = Sends, PING)
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET, &Counting);
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, TCP_PORT)) &&
        RegisterPing(Socket) == STATUS_SUCCESS &&
        Events(Socket, &WskSimExtensionNpi, WSKSIM_EXTENSION_PONG) == STATUS_SUCCESS) {
        WorldMayBegin = 1;
        CaseSleep(3000);
        Check(Datagrams == 0);
    }
}

MISTAKE(extension_of_another_socket, "CTL-066 CTL-172", PING)
{
    PWSK_SOCKET First = New(WSK_FLAG_BASIC_SOCKET, NULL), Second = New(WSK_FLAG_BASIC_SOCKET, NULL);
    if (First != NULL && Second != NULL && RegisterPing(First) == STATUS_SUCCESS) {
        (void)Events(Mistaken ? Second : First, &WskSimExtensionNpi, WSKSIM_EXTENSION_PONG);
    }
}

/* An accepted socket has none: so it takes a registration, as if its listener had none either. */
DUTY(extension_is_not_inherited, "CTL-172", .world = PeerSends,
     .knobs = "extension=ping amb.56=second-fails")
{
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT)) {
        return;
    }
    if (RegisterPing(TcpListener) == STATUS_SUCCESS) {
        WorldMayBegin = 1;
        if (Until(&AcceptedCount, 5000)) {
            NTSTATUS Status = RegisterPing(Accepted[0].Socket);
            Check(Status == STATUS_SUCCESS || Status == STATUS_FILE_FORCED_CLOSED);
        }
    }
    TcpEnd();
}

MISTAKE(extension_given_the_client_context, "CTL-174", PING)
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET, NULL);
    if (Socket != NULL && RegisterPing(Socket) == STATUS_SUCCESS) {
        (void)Ping(Mistaken ? &Mine : Out.ProviderContext);
    }
}

MISTAKE(extension_called_after_the_close, "CTL-175 PROP-56", PING)
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET, NULL);
    if (Socket != NULL && RegisterPing(Socket) == STATUS_SUCCESS) {
        if (Mistaken) {
            (void)SocketClose(Socket);
        }
        (void)Ping(Out.ProviderContext);
    }
}

static NTSTATUS RegisterTwice(PWSK_SOCKET *Socket)
{
    *Socket = New(WSK_FLAG_BASIC_SOCKET, NULL);
    return *Socket != NULL && RegisterPing(*Socket) == STATUS_SUCCESS
               ? Register(*Socket, &WskSimExtensionNpi, &OtherClient,
                          sizeof(WSK_EXTENSION_CONTROL_IN))
               : STATUS_UNSUCCESSFUL;
}

FREEDOM(amb_56_second_fails, "CTL-170 amb.56", .knobs = "extension=ping amb.56=second-fails")
{
    PWSK_SOCKET Socket;
    if (RegisterTwice(&Socket) == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(amb_56_replaces, "CTL-170 amb.56", .knobs = "extension=ping amb.56=replaces")
{
    PWSK_SOCKET Socket;
    if (RegisterTwice(&Socket) == STATUS_SUCCESS &&
        Events(Socket, &WskSimExtensionNpi, WSKSIM_EXTENSION_PONG) == STATUS_SUCCESS) {
        (void)Ping(Out.ProviderContext);
        if (Replaced == 1 && Pongs == 0) {
            Witness();
        }
    }
}
