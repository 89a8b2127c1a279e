/* SPDX-License-Identifier: MIT */
/*
 * A case of the life cycle, 1.6: WskAcceptEvent stores its outputs and then refuses. They are used
 * after STATUS_SUCCESS alone (CTL-095): what they point to may go away before the return.
 */
#include "ends.h"

enum { TAG = 'fseR' };

static volatile LONG Calls;

struct promise {
    LONG Bytes;
};

static NTSTATUS WSKAPI CountsBytes(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data,
                                   SIZE_T Bytes, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(Accepted);
    ((struct promise *)Context)->Bytes += (LONG)Bytes;
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Counts = {CountsBytes, NULL, NULL};

static NTSTATUS WSKAPI ThinksBetter(PVOID Context, ULONG Flags, PSOCKADDR Local, PSOCKADDR Remote,
                                    PWSK_SOCKET Socket, PVOID *OutContext,
                                    const WSK_CLIENT_CONNECTION_DISPATCH **OutDispatch)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(Remote);
    struct promise *Promise =
        Socket != NULL ? ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Promise), TAG) : NULL;
    if (Promise != NULL) {
        *OutContext = Promise;
        *OutDispatch = &Counts;
        KeStallExecutionProcessor(50);
        ExFreePoolWithTag(Promise, TAG);
        InterlockedIncrement(&Calls);
    }
    return STATUS_REQUEST_NOT_ACCEPTED;
}

static const WSK_CLIENT_LISTEN_DISPATCH Refuses = {ThinksBetter, NULL, NULL};

static void Visitor(void)
{
    struct wsksim_peer *Peer = wsksim_connect(NULL, LIFE_PORT, 2000);
    if (Peer != NULL) {
        wsksim_send(Peer, "hello", 5);
        wsksim_close(Peer);
    }
}

DUTY(refused_with_the_outputs_stored, "CTL-095 ACPT-014 CTL-181", .world = Visitor, .is_silent = 1)
{
    PWSK_SOCKET Listening = ListenerOn(LIFE_PORT, &Refuses);
    if (Listening != NULL &&
        SocketEvents(Listening, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE) == STATUS_SUCCESS) {
        (void)Soon(&Calls, 3000);
    }
}
