/* SPDX-License-Identifier: MIT */
/* Cases of the control plane: the readings of section 4.1, as a disabling client sees them. */
#include "ctl.h"

static struct request First, Second;
static LONG Asked;
static volatile LONG Go;

static BOOLEAN IsFirst(void)
{
    return InterlockedExchange(&Asked, 1) == 0;
}

/* Runs the callback once in a world that sends; true if it has been called. */
static BOOLEAN Once(NTSTATUS (*Inside)(PWSK_DATAGRAM_INDICATION Data))
{
    return RequestNew(&First) && RequestNew(&Second) && PortEnabled(Inside) && PortWait(1);
}

static NTSTATUS Hold(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (PortEntered <= 2) {
        PortHold(&Go);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS Answers[2];

static NTSTATUS DisableTwice(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst()) {
        Answers[0] = PortDisable(&First);
        Answers[1] = PortDisable(&Second);
        Go = 1;
    }
    return STATUS_SUCCESS;
}

/* Both disables have been made from inside, and have come back. */
static BOOLEAN BothDone(void)
{
    BOOLEAN IsMade = Once(DisableTwice);
    PortEnd();
    if (!IsMade || !Go) {
        return FALSE;
    }
    (void)Finish(&First);
    (void)Finish(&Second);
    return Answers[0] == STATUS_PENDING;
}

FREEDOM(amb_02_pend_again, "CTL-083 amb.02 amb.02.irps", .world = PortWorld,
        .knobs = "amb.02=pend-again amb.02.irps=all-complete")
{
    if (BothDone() && First.Status == STATUS_SUCCESS && Second.Status == STATUS_SUCCESS) {
        Witness();
    }
}

FREEDOM(amb_02_fail, "CTL-083 amb.02", .world = PortWorld, .knobs = "amb.02=fail")
{
    if (BothDone() && Answers[1] == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(amb_02_only_last, "CTL-083 amb.02.irps", .world = PortWorld,
        .knobs = "amb.02.irps=only-last")
{
    if (BothDone() && First.Status == STATUS_CANCELLED && Second.Status == STATUS_SUCCESS) {
        Witness();
    }
}

static NTSTATUS DisableThenEnable(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst()) {
        Answers[0] = PortDisable(&First);
        Answers[1] = SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
        Go = 1;
    }
    return STATUS_SUCCESS;
}

static BOOLEAN EnabledAgain(void)
{
    BOOLEAN IsMade = Once(DisableThenEnable);
    CaseSleep(10);
    PortEnd();
    if (!IsMade || !Go) {
        return FALSE;
    }
    (void)Finish(&First);
    return Answers[0] == STATUS_PENDING;
}

FREEDOM(amb_03_new_epoch, "CTL-083 amb.03", .world = PortWorld, .knobs = "amb.03=new-epoch")
{
    if (EnabledAgain() && Answers[1] == STATUS_SUCCESS && First.Status == STATUS_SUCCESS &&
        PortEntered > 1) {
        Witness();
    }
}

FREEDOM(amb_03_cancel, "CTL-083 amb.03", .world = PortWorld, .knobs = "amb.03=cancel")
{
    if (EnabledAgain() && Answers[1] == STATUS_SUCCESS && First.Status == STATUS_CANCELLED) {
        Witness();
    }
}

FREEDOM(amb_03_queue, "CTL-083 amb.03", .world = PortWorld,
        .knobs = "amb.03=queue event.concurrency=two-at-a-time")
{
    if (EnabledAgain() && Answers[1] == STATUS_SUCCESS && First.Status == STATUS_SUCCESS &&
        PortEntered > 1) {
        Witness();
    }
}

FREEDOM(amb_03_fail, "CTL-083 amb.03", .world = PortWorld, .knobs = "amb.03=fail")
{
    if (EnabledAgain() && Answers[1] == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(amb_04_fail, "CTL-082 amb.04", .knobs = "amb.04=fail")
{
    if (PortOpen() && PortDisable(NULL) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
    PortEnd();
}

FREEDOM(amb_22_two_at_a_time, "CTL-083 event.concurrency", .world = PortWorld,
        .knobs = "event.concurrency=two-at-a-time")
{
    if (PortEnabled(Hold) && PortWait(2) && PortEntered - PortLeft == 2) {
        Witness();
    }
    Go = 1;
    PortEnd();
}

static NTSTATUS CancelIt(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst()) {
        Answers[0] = PortDisable(&First);
        (void)IoCancelIrp(First.Irp);
        Go = 1;
    }
    return STATUS_SUCCESS;
}

static BOOLEAN Cancelled(void)
{
    BOOLEAN IsMade = Once(CancelIt);
    CaseSleep(10);
    PortEnd();
    return IsMade && Go && Finish(&First) == STATUS_CANCELLED;
}

FREEDOM(amb_39_cancelled_disabled, "CTL-083 amb.39", .world = PortWorld,
        .knobs = "amb.39=cancelled-disabled event.concurrency=serial")
{
    if (Cancelled() && PortEntered == 1) {
        Witness();
    }
}

FREEDOM(amb_39_cancelled_enabled, "CTL-083 amb.39", .world = PortWorld,
        .knobs = "amb.39=cancelled-enabled event.concurrency=serial")
{
    if (Cancelled() && PortEntered > 1) {
        Witness();
    }
}

static NTSTATUS NotReady(PWSK_DATA_INDICATION Data, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(Accepted);
    return TcpReceives < 4 ? STATUS_DEVICE_NOT_READY : STATUS_SUCCESS;
}

static BOOLEAN NotReadyOnce(void)
{
    TcpInside = NotReady;
    if (!TcpOpen() || !NT_SUCCESS(SocketEvents(Tcp, WSK_EVENT_RECEIVE)) || !TcpWait(&TcpReceives)) {
        return FALSE;
    }
    CaseSleep(30);
    return TRUE;
}

FREEDOM(amb_62_receive_kept, "CTL-058 amb.62.receive", .world = TcpWorld,
        .knobs = "amb.62.receive=kept")
{
    if (NotReadyOnce() && TcpReceives > 1) {
        Witness();
    }
    TcpEnd();
}

DUTY(amb_62_receive_as_refusal, "CTL-058 amb.62.receive", .world = TcpWorld,
     .knobs = "amb.62.receive=as-refusal")
{
    if (NotReadyOnce()) {
        Check(TcpReceives == 1);
    }
    TcpEnd();
}

static ULONG Value;

FREEDOM(nonpending_completion_after_return, "CTL-021 irp.nonpending_completion amb.13",
        .knobs = "irp.nonpending_completion=after-return")
{
    if (PortOpen() && RequestNew(&First)) {
        NTSTATUS Status = Basic(Port)->WskControlSocket(Port, WskGetOption, SO_BROADCAST,
                                                        SOL_SOCKET, 0, NULL, sizeof Value, &Value,
                                                        NULL, Fresh(&First));
        if (Status == STATUS_SUCCESS && !IsDone(&First)) {
            Witness();
        }
        (void)Finish(&First);
    }
    PortEnd();
}
