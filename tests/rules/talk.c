/* SPDX-License-Identifier: MIT */
/* See talk.h. What is shared by body and script is written by one of them only, or grows. */
#include "talk.h"

static volatile LONG Step;
static volatile LONG IsListening;
static UCHAR Bytes[TALK_BYTES];

const UCHAR *TalkBytes(void)
{
    BOOLEAN IsFilled = Bytes[1] != 0;
    for (ULONG i = 0; !IsFilled && i < TALK_BYTES; i++) {
        Bytes[i] = TalkByte(i);
    }
    return Bytes;
}

void TalkStep(LONG Reached)
{
    if (Step < Reached) {
        Step = Reached;
    }
}

/* Who looks again and again looks less and less often: what a run can choose is limited. */
static unsigned Longer(unsigned Pause, unsigned Most)
{
    return Pause * 2 < Most ? Pause * 2 : Most;
}

/* ---- the script's side ---- */

struct wsksim_peer *TalkPeer(void)
{
    struct wsksim_server *Server = wsksim_listen(NULL, TALK_PORT);
    IsListening = 1;
    return Server != NULL ? wsksim_accept(Server, 30000) : NULL;
}

BOOLEAN TalkReached(LONG Wanted)
{
    unsigned Pause = 500;
    while (Step < Wanted && !CaseOver && !wsksim_is_over()) {
        wsksim_sleep(Pause);
        Pause = Longer(Pause, 100000);
    }
    return Step >= Wanted;
}

void TalkHold(void)
{
    unsigned Pause = 5000;
    while (!CaseOver && !wsksim_is_over()) {
        wsksim_sleep(Pause);
        Pause = Longer(Pause, 1000000);
    }
}

void TalkSilent(void)
{
    if (TalkPeer() != NULL) {
        TalkHold();
    }
}

void TalkSink(void)
{
    static UCHAR Taken[4096];
    struct wsksim_peer *Peer = TalkPeer();
    SIZE_T Position = 0;
    unsigned Pause = 5;
    while (Peer != NULL && !CaseOver && !wsksim_is_over()) {
        long Count = wsksim_receive(Peer, Taken, sizeof Taken, Pause);
        Pause = Longer(Pause, 1000);
        if (Count == WSKSIM_FINISHED || Count == WSKSIM_RESET) {
            break;
        }
        for (long i = 0; i < Count; i++) {
            Check(Taken[i] == TalkByte(Position));
            Position++;
        }
    }
    TalkHold();
}

void TalkSource(SIZE_T Size)
{
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer != NULL) {
        wsksim_send(Peer, TalkBytes(), Size);
        wsksim_finish(Peer);
        TalkHold();
    }
}

/* ---- the body's side ---- */

PWSK_SOCKET TalkConnected(PVOID Context, const WSK_CLIENT_CONNECTION_DISPATCH *Dispatch)
{
    if (!CaseWsk() || !TalkSoon(&IsListening, 100)) {
        return NULL;
    }
    return SocketConnected("10.0.0.2", TALK_PORT, Context, Dispatch);
}

PWSK_SOCKET TalkBound(PVOID Context, const WSK_CLIENT_DATAGRAM_DISPATCH *Dispatch)
{
    if (!CaseWsk()) {
        return NULL;
    }
    PWSK_SOCKET Socket = SocketNew(WSK_FLAG_DATAGRAM_SOCKET, Context, Dispatch);
    if (Socket == NULL || !NT_SUCCESS(SocketBind(Socket, TALK_PORT))) {
        return NULL;
    }
    TalkStep(1);
    return Socket;
}

BOOLEAN TalkAwait(LONG Wanted, ULONG Milliseconds)
{
    ULONG Pause = 1;
    for (ULONG i = 0; Step < Wanted && i < Milliseconds; i += Pause) {
        Pause = i == 0 ? 1 : Longer(Pause, 100);
        CaseSleep(Pause);
    }
    return Step >= Wanted;
}

BOOLEAN TalkSoon(const volatile LONG *Variable, ULONG Milliseconds)
{
    ULONG Pause = 1;
    for (ULONG i = 0; *Variable == 0 && i < Milliseconds; i += Pause) {
        Pause = i == 0 ? 1 : Longer(Pause, 100);
        CaseSleep(Pause);
    }
    return *Variable != 0;
}

WSK_BUF TalkBuffer(SIZE_T Size)
{
    WSK_BUF Buffer = BufferNew(Size);
    PUCHAR To = Buffer.Mdl != NULL ? BufferBytes(&Buffer) : NULL;
    if (To == NULL) {
        Buffer.Mdl = NULL;
        return Buffer;
    }
    for (SIZE_T i = 0; i < Size; i++) {
        To[i] = TalkByte(i);
    }
    return Buffer;
}

BOOLEAN TalkHolds(const WSK_BUF *Buffer, SIZE_T From)
{
    SIZE_T Offset = Buffer->Offset, Left = Buffer->Length, At = From;
    for (PMDL Mdl = Buffer->Mdl; Left != 0; Mdl = Mdl->Next, Offset = 0) {
        Check(Mdl != NULL);
        const UCHAR *Bytes = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
        SIZE_T Count = MmGetMdlByteCount(Mdl) - Offset;
        Count = Count < Left ? Count : Left;
        for (SIZE_T i = 0; Bytes != NULL && i < Count; i++) {
            if (Bytes[Offset + i] != TalkByte(At + i)) {
                return FALSE;
            }
        }
        At += Count;
        Left -= Count;
    }
    return TRUE;
}

SIZE_T TalkTotal(PWSK_DATA_INDICATION List, SIZE_T From)
{
    SIZE_T Total = 0;
    for (; List != NULL; List = List->Next) {
        Check(List->Buffer.Length != 0);
        Check(TalkHolds(&List->Buffer, From + Total));
        Total += List->Buffer.Length;
    }
    return Total;
}

BOOLEAN TalkIsLate(void)
{
    return KeQueryInterruptTime() > 50ull * 10000000;
}

BOOLEAN TalkExcuse(NTSTATUS Status)
{
    return !NT_SUCCESS(Status) && Status != STATUS_CANCELLED && Status != STATUS_NOT_SUPPORTED &&
           Status != STATUS_INVALID_PARAMETER && Status != STATUS_UNSUCCESSFUL;
}
