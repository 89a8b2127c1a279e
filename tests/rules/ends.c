/* SPDX-License-Identifier: MIT */
/* See ends.h. One request serves all calls that are waited for. */
#include "ends.h"

static struct request Call, Accepting;

PIRP LifeIrp(void)
{
    return Call.Irp != NULL || RequestNew(&Call) ? Fresh(&Call) : NULL;
}

NTSTATUS LifeFinish(ULONG_PTR *Information)
{
    NTSTATUS Status = Finish(&Call);
    if (Information != NULL) {
        *Information = Call.Information;
    }
    return Status;
}

/* ---- waited for ---- */

static SOCKADDR_IN Address; /* until the request completes: BIND-015 */

NTSTATUS BindTo(PWSK_SOCKET Socket, const char *Text, USHORT Port)
{
    PIRP Irp = LifeIrp();
    if (Irp == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Address = Address4(Text, Port);
    Connection(Socket)->WskBind(Socket, (PSOCKADDR)&Address, 0, Irp);
    return LifeFinish(NULL);
}

NTSTATUS ConnectTo(PWSK_SOCKET Socket, const char *Text, USHORT Port)
{
    PIRP Irp = LifeIrp();
    if (Irp == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Address = Address4(Text, Port);
    Connection(Socket)->WskConnect(Socket, (PSOCKADDR)&Address, 0, Irp);
    return LifeFinish(NULL);
}

NTSTATUS Disconnect(PWSK_SOCKET Socket, ULONG Flags)
{
    PIRP Irp = LifeIrp();
    if (Irp == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Connection(Socket)->WskDisconnect(Socket, NULL, Flags, Irp);
    return LifeFinish(NULL);
}

static SOCKADDR_STORAGE Told;

NTSTATUS LocalOf(PWSK_SOCKET Socket, PFN_WSK_GET_LOCAL_ADDRESS Get, SOCKADDR_STORAGE *Out)
{
    PIRP Irp = LifeIrp();
    if (Irp == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(&Told, sizeof Told);
    Get(Socket, (PSOCKADDR)&Told, Irp);
    NTSTATUS Status = LifeFinish(NULL);
    *Out = Told;
    return Status;
}

NTSTATUS SetOption(PWSK_SOCKET Socket, ULONG Option, ULONG Value)
{
    static ULONG In;
    In = Value;
    return SocketControl(Socket, WskSetOption, Option, SOL_SOCKET, sizeof In, &In, 0, NULL, NULL);
}

/* ---- data ---- */

static WSK_BUF Sent, Received;

static BOOLEAN Room(WSK_BUF *Buffer, SIZE_T Size)
{
    if (Buffer->Mdl == NULL) {
        *Buffer = BufferNew(4096);
    }
    Buffer->Length = Size;
    return Buffer->Mdl != NULL;
}

NTSTATUS SendBytes(PWSK_SOCKET Socket, UCHAR Value, SIZE_T Size)
{
    PIRP Irp = Room(&Sent, Size) ? LifeIrp() : NULL;
    if (Irp == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlFillMemory(BufferBytes(&Sent), Size, Value);
    Connection(Socket)->WskSend(Socket, &Sent, 0, Irp);
    return LifeFinish(NULL);
}

static struct request Receiving;

NTSTATUS ReceiveBytes(PWSK_SOCKET Socket, PVOID Bytes, SIZE_T Size, SIZE_T *Got, ULONG Milliseconds)
{
    *Got = 0;
    if (!Room(&Received, Size) || (Receiving.Irp == NULL && !RequestNew(&Receiving))) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Connection(Socket)->WskReceive(Socket, &Received, 0, Fresh(&Receiving));
    NTSTATUS Status = FinishIn(&Receiving, Milliseconds);
    if (NT_SUCCESS(Status)) {
        *Got = Receiving.Information;
        RtlCopyMemory(Bytes, BufferBytes(&Received), *Got);
    }
    return Status;
}

BOOLEAN FinishedIn(struct request *Request, ULONG Milliseconds)
{
    LARGE_INTEGER Limit = {.QuadPart = -(LONGLONG)Milliseconds * 10000};
    return KeWaitForSingleObject(&Request->Done, Executive, KernelMode, FALSE, &Limit) !=
           STATUS_TIMEOUT;
}

NTSTATUS FinishIn(struct request *Request, ULONG Milliseconds)
{
    if (!FinishedIn(Request, Milliseconds)) {
        IoCancelIrp(Request->Irp);
    }
    return Finish(Request);
}

BOOLEAN Soon(const volatile LONG *Flag, ULONG Milliseconds)
{
    ULONG Pause = 1;
    for (ULONG i = 0; *Flag == 0 && i < Milliseconds; i += Pause) {
        Pause = Pause < 1000 ? Pause * 2 : Pause;
        CaseSleep(Pause);
    }
    return *Flag != 0;
}

/* ---- sockets ---- */

PWSK_SOCKET BoundConnection(void)
{
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL) : NULL;
    return Socket != NULL && NT_SUCCESS(SocketBind(Socket, 0)) ? Socket : NULL;
}

PWSK_SOCKET ListenerOn(USHORT Port, const WSK_CLIENT_LISTEN_DISPATCH *Dispatch)
{
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketNew(WSK_FLAG_LISTEN_SOCKET, NULL, Dispatch) : NULL;
    return Socket != NULL && NT_SUCCESS(SocketBind(Socket, Port)) ? Socket : NULL;
}

BOOLEAN AcceptClosed;

PWSK_SOCKET AcceptOne(PWSK_SOCKET Listening, PVOID Context,
                      const WSK_CLIENT_CONNECTION_DISPATCH *Dispatch, ULONG Milliseconds)
{
    if (Accepting.Irp == NULL && !RequestNew(&Accepting)) {
        return NULL;
    }
    Listener(Listening)->WskAccept(Listening, 0, Context, Dispatch, NULL, NULL, Fresh(&Accepting));
    if (!FinishedIn(&Accepting, Milliseconds)) {
        AcceptClosed = TRUE;
        (void)SocketClose(Listening); /* a cancel need not be honoured */
    }
    if (!NT_SUCCESS(Finish(&Accepting))) {
        return NULL;
    }
    SocketAdopt((PWSK_SOCKET)Accepting.Information);
    return (PWSK_SOCKET)Accepting.Information;
}

BOOLEAN PairNew(struct pair *Pair, USHORT Port)
{
    Pair->Listener = ListenerOn(Port, NULL);
    Pair->Client =
        Pair->Listener != NULL ? SocketConnected("127.0.0.1", Port, NULL, NULL) : NULL;
    Pair->Accepted =
        Pair->Client != NULL ? AcceptOne(Pair->Listener, NULL, NULL, 60000) : NULL;
    return Pair->Accepted != NULL;
}
