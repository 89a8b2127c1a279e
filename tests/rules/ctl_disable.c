/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.7: disabling events. */
#include "case.h"

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Data);
    CaseSleep(0);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Dispatch = {OnDatagram};

static PWSK_SOCKET Bound(USHORT Port)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Dispatch) : NULL;
    return Socket != NULL && NT_SUCCESS(SocketBind(Socket, Port)) ? Socket : NULL;
}

DUTY(idle_disable_succeeds, "CTL-082")
{
    PWSK_SOCKET Socket = Bound(7000);
    if (Socket == NULL || SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM) != STATUS_SUCCESS) {
        return;
    }
    NTSTATUS Status = SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE);
    Check(Status == STATUS_SUCCESS || !NT_SUCCESS(Status));
}
