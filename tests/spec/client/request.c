/* SPDX-License-Identifier: MIT */
/*
 * IRPs as requests: each with a buffer of its own, an event, and all that a call may want to keep
 * until it completes. A completion routine notes what it was told and gives the request back.
 */
#include "client.h"

static NTSTATUS client_completed(PDEVICE_OBJECT device, PIRP irp, PVOID context);

struct client_request *client_request(enum client_kind kind, struct client_socket *s)
{
    struct client_request *r = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *r, CLIENT_TAG);
    if (r == NULL) {
        return NULL;
    }
    RtlZeroMemory(r, sizeof *r);
    r->Irp = IoAllocateIrp(1, FALSE);
    if (r->Irp == NULL) {
        ExFreePoolWithTag(r, CLIENT_TAG);
        return NULL;
    }
    r->Kind = kind;
    r->Socket = s;
    KeInitializeEvent(&r->Done, NotificationEvent, FALSE);
    RtlFillMemory(r->Bytes, sizeof r->Bytes, 0xA5);
    RtlFillMemory(r->ValueGuard, sizeof r->ValueGuard, 0xA5);
    RtlFillMemory(r->SizeGuard, sizeof r->SizeGuard, 0xA5);
    KIRQL irql = client_lock();
    BOOLEAN is_needed = kind == REQUEST_CLOSE || kind == REQUEST_DRAIN;
    BOOLEAN has_room = Client.Requests < CLIENT_REQUESTS - (is_needed ? 0 : CLIENT_RESERVED);
    if (has_room) {
        r->Number = Client.Requests + 1;
        Client.Request[Client.Requests++] = r;
    }
    client_unlock(irql);
    if (!has_room) {
        IoFreeIrp(r->Irp);
        ExFreePoolWithTag(r, CLIENT_TAG);
        return NULL;
    }
    IoSetCompletionRoutine(r->Irp, client_completed, r, TRUE, TRUE, TRUE);
    r->IsPassed = TRUE;
    return r;
}

void client_request_drop(struct client_request *r)
{
    r->IsPassed = FALSE;
    InterlockedExchange(&r->IsDone, 1);
    KeSetEvent(&r->Done, IO_NO_INCREMENT, FALSE);
}

BOOLEAN client_request_buffer(struct client_request *r, ULONG length)
{
    r->Mdl = IoAllocateMdl(r->Bytes, CLIENT_BYTES, FALSE, FALSE, NULL);
    if (r->Mdl == NULL) {
        client_request_drop(r);
        return FALSE;
    }
    MmBuildMdlForNonPagedPool(r->Mdl);
    r->Buffer.Mdl = r->Mdl;
    r->Buffer.Offset = 0;
    r->Buffer.Length = length;
    return TRUE;
}

/* ---- completion ---- */

static void client_created(struct client_request *r)
{
    struct client_socket *s = r->Accepted;
    if (!NT_SUCCESS(r->Status)) {
        return;
    }
    KIRQL irql = client_lock();
    s->Handle = (PWSK_SOCKET)r->Information;
    s->State = r->Kind == REQUEST_SOCKET ? UNBOUND : CONNECTED;
    client_unlock(irql);
    if (r->Kind != REQUEST_SOCKET) {
        client_note(LIFE_NOTE_CONNECTED, s->Number, 0);
    }
}

/* Bind, connect, listen: what the client asked for counts from here. */
static void client_moved(struct client_request *r, enum client_state good, enum client_state bad)
{
    client_set_state(r->Socket, NT_SUCCESS(r->Status) ? good : bad);
    if (good == CONNECTED && NT_SUCCESS(r->Status)) {
        client_note(LIFE_NOTE_CONNECTED, r->Socket->Number, 0);
    }
}

static void client_check_guard(const struct client_request *r)
{
    ULONG from = CLIENT_BYTES;
    if (r->ValueGuard[0] != 0xA5 || r->SizeGuard[0] != 0xA5) {
        client_note(LIFE_NOTE_GUARD, r->Number, 0);
    }
    if (r->Kind == REQUEST_RECEIVE || r->Kind == REQUEST_RECEIVE_FROM) {
        from = (ULONG)r->Information; /* a failure may tell what it had: AMBIGUOUS-LIFE-28 */
    }
    for (ULONG i = from; r->Mdl != NULL && i < sizeof r->Bytes; i++) {
        BOOLEAN is_ours =
            i < CLIENT_BYTES && r->Kind != REQUEST_RECEIVE && r->Kind != REQUEST_RECEIVE_FROM;
        if (!is_ours && r->Bytes[i] != 0xA5) {
            client_note(LIFE_NOTE_GUARD, r->Number, i);
            return;
        }
    }
}

static NTSTATUS client_completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct client_request *r = context;
    (void)device;
    r->Status = irp->IoStatus.Status;
    r->Information = irp->IoStatus.Information;
    client_note(LIFE_NOTE_STATUS, r->Number, (ULONG)r->Status);
    client_note(LIFE_NOTE_PENDING_RETURNED, r->Number, irp->PendingReturned);
    if (r->Kind == REQUEST_DISABLE || r->Kind == REQUEST_DRAIN) {
        client_note(GATE_NOTE_INFORMATION, 0, r->Information);
    }
    client_check_guard(r);
    if (r->Socket != NULL) {
        client_look(r->Socket, r->Status);
    }
    if (r->Accepted != NULL) {
        client_created(r);
    }
    switch (r->Kind) {
    case REQUEST_BIND:
        client_moved(r, r->Socket->Category == LISTENING ? LISTENS : BOUND, UNBOUND);
        break;
    case REQUEST_LISTEN:
        client_moved(r, LISTENS, BOUND);
        break;
    case REQUEST_CONNECT:
        if (r->Accepted == NULL) {
            client_moved(r, CONNECTED, FAILED); /* CONN-011 */
        }
        break;
    case REQUEST_RECEIVE:
        client_received(r);
        break;
    case REQUEST_RECEIVE_FROM:
        client_received_from(r);
        break;
    case REQUEST_OTHER:
    case REQUEST_SOCKET:
    case REQUEST_DISABLE:
    case REQUEST_CLOSE:
    case REQUEST_CANCELLABLE:
    case REQUEST_DRAIN:
        break;
    }
    InterlockedExchange(&r->IsDone, 1);
    KeSetEvent(&r->Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

NTSTATUS client_wait(struct client_request *r, ULONG milliseconds)
{
    LARGE_INTEGER time;
    time.QuadPart = -10000LL * milliseconds;
    NTSTATUS status = KeWaitForSingleObject(&r->Done, Executive, KernelMode, FALSE,
                                            milliseconds != 0 ? &time : NULL);
    return status == STATUS_TIMEOUT ? STATUS_TIMEOUT : r->Status;
}

/* ---- cancelling ---- */

void client_cancel(ULONG which)
{
    KIRQL irql = client_lock();
    struct client_request *r = NULL;
    for (ULONG i = 0; i < Client.Requests && (r == NULL || r->IsDone != 0); i++) {
        r = Client.Request[(which + i) % Client.Requests]; /* the next that is still there */
    }
    /* What it leaves of a stream is known only if it was a plain receive (table 2.3). */
    BOOLEAN is_fit = r != NULL && r->IsPassed && r->IsDone == 0 && r->Kind != REQUEST_CLOSE;
    client_unlock(irql);
    if (is_fit) {
        client_note(LIFE_NOTE_CANCEL, r->Socket != NULL ? r->Socket->Number : 0, r->Number);
        (void)IoCancelIrp(r->Irp);
        if ((which & 3) == 0) {
            (void)client_wait(r, 1500); /* longer than it may take */
        }
    }
}

/* What needs the provider. */
void client_free_results(void)
{
    for (ULONG i = 0; i < Client.Requests; i++) {
        struct client_request *r = Client.Request[i];
        if (r->Kind == REQUEST_OTHER && NT_SUCCESS(client_wait(r, 0)) && r->Found != NULL) {
            Client.Npi.Dispatch->WskFreeAddressInfo(Client.Npi.Client, r->Found);
        }
    }
}

void client_free_requests(void)
{
    for (ULONG i = 0; i < Client.Requests; i++) {
        struct client_request *r = Client.Request[i];
        (void)client_wait(r, 0);
        if (r->Mdl != NULL) {
            IoFreeMdl(r->Mdl);
        }
        IoFreeIrp(r->Irp);
        ExFreePoolWithTag(r, CLIENT_TAG);
    }
    Client.Requests = 0;
}
