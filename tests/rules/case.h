/* SPDX-License-Identifier: MIT */
/*
 * The frame of the cases: what a file of cases includes. frame.c has DriverEntry and DriverUnload.
 *
 *     MISTAKE(completes_twice, "KRN-018 BUG-KRN-04")
 *     {
 *         ...                       // both twins
 *         if (Mistaken) {
 *             ...                   // the mistake
 *         }
 *     }
 *     DUTY(pends_until_the_last_returns, "CTL-083 PROP-02") { ... Check(Status == ...); }
 *     FREEDOM(completes_inline, "CTL-026") { ... if (saw it) { Witness(); } }
 *
 * A body runs on a system thread at PASSIVE_LEVEL, and may wait; DriverUnload waits for it. Names
 * of cases are unique. The first id is the rule; more ids (bug classes, properties, knobs, other
 * rules) follow. Options after the ids: .place = WSKSIM_CASE_ENTRY, .world = script,
 * .keep = WSKSIM_KEEP_PEERS, .is_lint = 1 (a mistake that is only lint, of a rule that has errors
 * too; a promise that its rule is not even linted), .is_silent = 1 (a promise without a Check, or
 * whose Checks are for what is wrong: a monitor would speak; all others are reached), .knobs =
 * "amb.23=0" (a promise that holds under one reading only; wsksim check knows nothing of it),
 * .off = "CTL-129" (what Windows answers to a breach whose monitor comes back, model_breach).
 *
 * A case shows a reading if it names the knob among its ids and pins the value in .knobs. Then
 * another value of the knob must change what comes out, or the self-test fails: a promise (or a
 * mistake) must break, a freedom must be seen no more. What only stays away is therefore a promise.
 * Each value of each knob is shown (test_replay_contract), or listed in elsewhere.def.
 *
 * A mistake that costs only the driver's own data breaks no rule that a system could enforce: such
 * a case asserts what its author expected (SYS-ASSERT); docs/checking.md lists these classes.
 *
 * Worlds are hostile: any allocation and any call may fail, timing varies, knobs vary. A body that
 * does not get what it needs returns; a Check must hold in every world, and a twin without the
 * mistake must be correct in every world. What was made through this frame and is not yet gone when
 * the body has returned is taken down by the frame: sockets closed, IRPs freed, the provider NPI
 * released, the registration undone.
 */
#ifndef TESTS_RULES_CASE_H
#define TESTS_RULES_CASE_H

#include <ntddk.h>
#include <wsk.h>

#include <wsksim/cases.h>
#include <wsksim/world.h>

/* True in the twin with the mistake. */
extern BOOLEAN Mistaken;

#define CASE_DEFINE(kind_, name_, proves_, ...)                                                    \
    static void name_(void);                                                                       \
    static const struct wsksim_case case_##name_                                                   \
        __attribute__((used, section("wsksim_cases"), aligned(8))) = {                             \
            .name = #name_, .proves = (proves_), .file = __FILE_NAME__, .body = name_,             \
            .kind = (kind_), __VA_ARGS__};                                                         \
    static void name_(void)

#define MISTAKE(name, ...) CASE_DEFINE(WSKSIM_CASE_MISTAKE, name, __VA_ARGS__)
#define DUTY(name, ...) CASE_DEFINE(WSKSIM_CASE_DUTY, name, __VA_ARGS__)
#define FREEDOM(name, ...) CASE_DEFINE(WSKSIM_CASE_FREEDOM, name, __VA_ARGS__)

/* A promise of the system; a breach ends the run as SYS-ASSERT with the words of the condition. */
#define Check(condition)                                                                           \
    (CaseReached(), (condition) ? (void)0                                                          \
                                : (void)RtlAssert((PVOID) #condition, (PVOID)__FILE__, __LINE__,   \
                                                  NULL))
void CaseReached(void);
void Witness(void);

/* Counts what several contexts count: atomic, and no scheduling point of its own. */
#define CountIf(variable, condition)                                                               \
    ((void)__atomic_fetch_add(&(variable), (condition) ? 1 : 0, __ATOMIC_SEQ_CST))

/* ---- the driver ---- */

extern PDRIVER_OBJECT CaseDriver;
extern PUNICODE_STRING CasePath; /* of the registry; valid in DriverEntry */
/* The body has returned; scripts of the world may look at it. */
extern volatile BOOLEAN CaseOver;
/* What DriverEntry returns; for cases in DriverEntry, and .entry functions. */
extern NTSTATUS CaseEntryStatus;

/* ---- threads ---- */

/* A system thread that can be joined, or NULL. Must be joined by the body. */
PVOID CaseThread(PKSTART_ROUTINE Routine, PVOID Context);
void CaseJoin(PVOID Thread);
/* Sleeps; PASSIVE_LEVEL or APC_LEVEL. */
void CaseSleep(ULONG Milliseconds);

/* ---- requests ---- */

/*
 * One IRP that is used again and again, with a completion routine that signals an event. A
 * request's memory is the module's: global or static. Status and Information are copies made by
 * the completion routine.
 */
struct request {
    PIRP Irp; /* NULL until RequestNew */
    KEVENT Done;
    NTSTATUS Status;
    ULONG_PTR Information;
    LONG Completions;
    BOOLEAN InFlight;
};

/* True if the IRP could be allocated. The frame frees it when the body has returned. */
BOOLEAN RequestNew(struct request *Request);
/* The IRP, fresh: reused, event cleared, completion routine set. NULL stays NULL. */
PIRP Fresh(struct request *Request);
/* Waits until the request that was handed over has completed; its final status. */
NTSTATUS Finish(struct request *Request);
/* True if it has completed. */
BOOLEAN IsDone(struct request *Request);
/* The IRP belongs to the body from now on. */
PIRP RequestForget(struct request *Request);

/* ---- WSK ---- */

extern WSK_REGISTRATION CaseRegistration;
extern WSK_PROVIDER_NPI CaseNpi; /* valid while CaseWsk() was true */
/* The dispatch of the client; WskClientEvent is NULL. Set before CaseWsk if a case needs others. */
extern WSK_CLIENT_DISPATCH CaseClient;

/* Registers and captures; true if CaseNpi is usable. */
BOOLEAN CaseWsk(void);
/* Gives both back early; otherwise the frame does. */
void CaseWskEnd(void);

/* What kind of socket: WSK_FLAG_... and the protocol follows. */
PWSK_SOCKET SocketNew(ULONG Flags, PVOID Context, const void *Dispatch);
/* The same for IPv6. */
PWSK_SOCKET SocketNew6(ULONG Flags, PVOID Context, const void *Dispatch);
/* The frame will not close this one (the body did, or the case is about that). */
void SocketForget(PWSK_SOCKET Socket);
/* The frame closes this one too (an accepted socket). */
void SocketAdopt(PWSK_SOCKET Socket);
/* Closes and waits; false if the close failed. */
BOOLEAN SocketClose(PWSK_SOCKET Socket);
/* 0.0.0.0 (or ::, by the socket) and this port; the final status. */
NTSTATUS SocketBind(PWSK_SOCKET Socket, USHORT Port);
/* A connection socket, bound and connected to this address; NULL if that fails. */
PWSK_SOCKET SocketConnected(const char *Address, USHORT Port, PVOID Context,
                            const WSK_CLIENT_CONNECTION_DISPATCH *Dispatch);
/* WskControlSocket with an IRP of the frame, waited for: final status; Output may be NULL. */
NTSTATUS SocketControl(PWSK_SOCKET Socket, WSK_CONTROL_SOCKET_TYPE Type, ULONG Code, ULONG Level,
                       SIZE_T InputSize, PVOID Input, SIZE_T OutputSize, PVOID Output,
                       SIZE_T *Returned);
/* SO_WSK_EVENT_CALLBACK without an IRP: enables or disables (WSK_EVENT_DISABLE). */
NTSTATUS SocketEvents(PWSK_SOCKET Socket, ULONG Mask);

/* "10.0.0.2", port in host order. */
SOCKADDR_IN Address4(const char *Text, USHORT Port);
/* A non-paged buffer and its MDL: { .Mdl, 0, Size }; Mdl NULL if that fails. Freed by the frame. */
WSK_BUF BufferNew(SIZE_T Size);
void *BufferBytes(const WSK_BUF *Buffer);

static inline const WSK_PROVIDER_BASIC_DISPATCH *Basic(PWSK_SOCKET Socket)
{
    return (const WSK_PROVIDER_BASIC_DISPATCH *)Socket->Dispatch;
}

static inline const WSK_PROVIDER_DATAGRAM_DISPATCH *Datagram(PWSK_SOCKET Socket)
{
    return (const WSK_PROVIDER_DATAGRAM_DISPATCH *)Socket->Dispatch;
}

static inline const WSK_PROVIDER_LISTEN_DISPATCH *Listener(PWSK_SOCKET Socket)
{
    return (const WSK_PROVIDER_LISTEN_DISPATCH *)Socket->Dispatch;
}

static inline const WSK_PROVIDER_CONNECTION_DISPATCH *Connection(PWSK_SOCKET Socket)
{
    return (const WSK_PROVIDER_CONNECTION_DISPATCH *)Socket->Dispatch;
}

static inline const WSK_PROVIDER_STREAM_DISPATCH *Stream(PWSK_SOCKET Socket)
{
    return (const WSK_PROVIDER_STREAM_DISPATCH *)Socket->Dispatch;
}

#endif
