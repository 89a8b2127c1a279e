/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.10: SO_WSK_SECURITY and cached security descriptors. */
#include "case.h"

static SECURITY_DESCRIPTOR Plain;
static PSECURITY_DESCRIPTOR Variable; /* what options and operations read and write */
static struct request Request;

/* A cached copy, or NULL. */
static PSECURITY_DESCRIPTOR Cached(void)
{
    PSECURITY_DESCRIPTOR Source = &Plain, Copy = NULL;
    if (!CaseWsk() || !NT_SUCCESS(RtlCreateSecurityDescriptor(&Plain, 1)) ||
        !NT_SUCCESS(CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, WSK_CACHE_SD, sizeof Source,
                                                       &Source, sizeof Copy, &Copy, NULL, NULL))) {
        return NULL;
    }
    return Copy;
}

static NTSTATUS Release(PSECURITY_DESCRIPTOR Copy)
{
    return CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, WSK_RELEASE_SD, sizeof Copy, &Copy,
                                              0, NULL, NULL, NULL);
}

static NTSTATUS Set(PWSK_SOCKET Socket, PSECURITY_DESCRIPTOR Copy)
{
    Variable = Copy;
    return SocketControl(Socket, WskSetOption, SO_WSK_SECURITY, SOL_SOCKET, sizeof Variable,
                         &Variable, 0, NULL, NULL);
}

/* STATUS_SUCCESS: *Copy is the client's. */
static NTSTATUS Get(PWSK_SOCKET Socket, PSECURITY_DESCRIPTOR *Copy)
{
    Variable = NULL;
    NTSTATUS Status = SocketControl(Socket, WskGetOption, SO_WSK_SECURITY, SOL_SOCKET, 0, NULL,
                                    sizeof Variable, &Variable, NULL);
    *Copy = Variable;
    return Status;
}

/* A connection socket that is not bound; needs CaseWsk. */
static PWSK_SOCKET Unbound(void)
{
    return SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL);
}

/* ---- shape ---- */

MISTAKE(security_of_a_basic_socket, "CTL-110")
{
    PSECURITY_DESCRIPTOR Copy;
    if (CaseWsk()) {
        PWSK_SOCKET Socket =
            SocketNew(Mistaken ? WSK_FLAG_BASIC_SOCKET : WSK_FLAG_CONNECTION_SOCKET, NULL, NULL);
        if (Socket != NULL && NT_SUCCESS(Get(Socket, &Copy)) && Copy != NULL) {
            (void)Release(Copy);
        }
    }
}

MISTAKE(security_after_bind, "CTL-111 BUG-32")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    PWSK_SOCKET Socket = Copy != NULL ? Unbound() : NULL;
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 0)) && Mistaken) {
        (void)Set(Socket, Copy);
    }
    if (Copy != NULL) {
        (void)Release(Copy);
    }
}

MISTAKE(security_without_irp, "CTL-112")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    PWSK_SOCKET Socket = Copy != NULL ? Unbound() : NULL;
    if (Socket != NULL && Mistaken) {
        (void)Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_WSK_SECURITY, SOL_SOCKET,
                                              sizeof Copy, &Copy, 0, NULL, NULL, NULL);
    }
    if (Copy != NULL) {
        (void)Release(Copy);
    }
}

/* BUG-35: the descriptor itself, and its size. */
MISTAKE(security_by_value, "CTL-113 BUG-35")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    PWSK_SOCKET Socket = Copy != NULL ? Unbound() : NULL;
    if (Socket != NULL) {
        if (Mistaken) {
            (void)SocketControl(Socket, WskSetOption, SO_WSK_SECURITY, SOL_SOCKET, sizeof Plain,
                                &Plain, 0, NULL, NULL);
        } else {
            (void)Set(Socket, Copy);
        }
    }
    if (Copy != NULL) {
        (void)Release(Copy);
    }
}

MISTAKE(security_not_cached, "CTL-114 BUG-34")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    PWSK_SOCKET Socket = Copy != NULL ? Unbound() : NULL;
    if (Socket != NULL) {
        (void)Set(Socket, Mistaken ? &Plain : Copy);
    }
    if (Copy != NULL) {
        (void)Release(Copy);
    }
}

/* ---- how long a copy lives ---- */

MISTAKE(released_before_the_set_completed, "CTL-115 BUG-34 PROP-45")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    PWSK_SOCKET Socket = Copy != NULL ? Unbound() : NULL;
    if (Socket != NULL && RequestNew(&Request)) {
        Variable = Copy;
        (void)Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_WSK_SECURITY, SOL_SOCKET,
                                              sizeof Variable, &Variable, 0, NULL, NULL,
                                              Fresh(&Request));
        if (!Mistaken) {
            (void)Finish(&Request);
        }
    }
    if (Copy != NULL) {
        (void)Release(Copy);
    }
}

MISTAKE(released_before_the_socket_is_there, "CTL-115 PROP-45")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    if (Copy == NULL) {
        return;
    }
    if (RequestNew(&Request)) {
        CaseNpi.Dispatch->WskSocket(CaseNpi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                    WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, Copy,
                                    Fresh(&Request));
        if (!Mistaken) {
            (void)Finish(&Request);
        }
    }
    (void)Release(Copy);
    if (Request.Irp != NULL && NT_SUCCESS(Finish(&Request))) {
        SocketAdopt((PWSK_SOCKET)Request.Information);
    }
}

DUTY(last_descriptor_counts, "CTL-116")
{
    PSECURITY_DESCRIPTOR First = Cached(), Second = First != NULL ? Cached() : NULL, Got;
    PWSK_SOCKET Socket = Second != NULL ? Unbound() : NULL;
    if (Socket != NULL && NT_SUCCESS(Set(Socket, First)) && NT_SUCCESS(Set(Socket, Second)) &&
        NT_SUCCESS(Get(Socket, &Got))) {
        Check(Got == Second);
        (void)Release(Got);
    }
    if (First != NULL) {
        (void)Release(First);
    }
    if (Second != NULL) {
        (void)Release(Second);
    }
}

DUTY(default_descriptor_shares_nothing, "CTL-117")
{
    static SOCKADDR_IN Local;
    PWSK_SOCKET First = CaseWsk() ? Unbound() : NULL, Second = First != NULL ? Unbound() : NULL;
    Local = Address4("127.0.0.1", 7000);
    if (Second != NULL && NT_SUCCESS(SocketBind(First, 7000)) && RequestNew(&Request)) {
        Datagram(Second)->WskBind(Second, (PSOCKADDR)&Local, 0, Fresh(&Request));
        Check(!NT_SUCCESS(Finish(&Request)));
    }
}

FREEDOM(applied_descriptor_may_share, "CTL-117")
{
    static SOCKADDR_IN Local;
    PSECURITY_DESCRIPTOR Copy = Cached();
    PWSK_SOCKET First = Copy != NULL ? Unbound() : NULL, Second = First != NULL ? Unbound() : NULL;
    Local = Address4("127.0.0.1", 7000);
    if (Second != NULL && NT_SUCCESS(Set(First, Copy)) && NT_SUCCESS(SocketBind(First, 7000)) &&
        RequestNew(&Request)) {
        Datagram(Second)->WskBind(Second, (PSOCKADDR)&Local, 0, Fresh(&Request));
        if (NT_SUCCESS(Finish(&Request))) {
            Witness();
        }
    }
    if (Copy != NULL) {
        (void)Release(Copy);
    }
}

MISTAKE(copy_of_a_get_leaks, "CTL-118 BUG-34 PROP-45")
{
    PSECURITY_DESCRIPTOR Copy;
    PWSK_SOCKET Socket = CaseWsk() ? Unbound() : NULL;
    if (Socket != NULL && NT_SUCCESS(Get(Socket, &Copy)) && Copy != NULL && !Mistaken) {
        (void)Release(Copy);
    }
}

MISTAKE(close_thought_to_release, "CTL-119 PROP-45")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    PWSK_SOCKET Socket = Copy != NULL ? Unbound() : NULL;
    BOOLEAN IsSet = Socket != NULL && NT_SUCCESS(Set(Socket, Copy));
    if (Socket != NULL) {
        (void)SocketClose(Socket);
    }
    if (Copy != NULL && (!Mistaken || !IsSet)) {
        (void)Release(Copy);
    }
}

MISTAKE(copy_leaks, "CTL-120 PROP-45")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    if (Copy != NULL && !Mistaken) {
        (void)Release(Copy);
    }
}

/* Cached, got from the socket as well, and given back but once: either may be the one forgotten. */
MISTAKE(copy_leaks_beside_a_get, "CTL-120 BUG-34 PROP-45")
{
    PSECURITY_DESCRIPTOR Copy = Cached(), Got;
    PWSK_SOCKET Socket = Copy != NULL ? Unbound() : NULL;
    BOOLEAN IsGot = Socket != NULL && NT_SUCCESS(Set(Socket, Copy)) &&
                    NT_SUCCESS(Get(Socket, &Got));
    if (IsGot) {
        (void)Release(Got);
    }
    if (Copy != NULL && (!Mistaken || !IsGot)) {
        (void)Release(Copy);
    }
}

/* The get is answered twice; the release of what was cached is then one too many. */
MISTAKE(copy_of_a_get_released_twice, "CTL-120 BUG-34 PROP-45")
{
    PSECURITY_DESCRIPTOR Copy = Cached(), Got;
    PWSK_SOCKET Socket = Copy != NULL ? Unbound() : NULL;
    if (Socket != NULL && NT_SUCCESS(Set(Socket, Copy)) && NT_SUCCESS(Get(Socket, &Got))) {
        (void)Release(Got);
        if (Mistaken) {
            (void)Release(Got);
        }
    }
    if (Copy != NULL) {
        (void)Release(Copy);
    }
}

MISTAKE(copy_released_twice, "CTL-120 BUG-34 PROP-45")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    if (Copy != NULL) {
        (void)Release(Copy);
        if (Mistaken) {
            (void)Release(Copy);
        }
    }
}

MISTAKE(original_released, "CTL-120 BUG-34 CTL-114")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    if (Copy != NULL) {
        if (Mistaken) {
            (void)Release(&Plain);
        }
        (void)Release(Copy);
    }
}

MISTAKE(copy_used_after_release, "CTL-120 PROP-45")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    PWSK_SOCKET Socket = Copy != NULL ? Unbound() : NULL;
    if (Copy != NULL && Mistaken) {
        (void)Release(Copy);
    }
    if (Socket != NULL) {
        (void)Set(Socket, Copy);
    }
    if (Copy != NULL && !Mistaken) {
        (void)Release(Copy);
    }
}

MISTAKE(release_given_the_descriptor, "CTL-121")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    if (Copy != NULL) {
        if (Mistaken) {
            (void)CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, WSK_RELEASE_SD,
                                                     sizeof(SECURITY_DESCRIPTOR), Copy, 0, NULL,
                                                     NULL, NULL);
        }
        (void)Release(Copy);
    }
}

/* BUG-36: the provider NPI is given back first. */
MISTAKE(release_after_the_npi, "REG-019 CTL-121 CTL-141 BUG-36")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    if (Copy != NULL) {
        if (Mistaken) {
            WSK_PROVIDER_NPI Npi = CaseNpi;
            WskReleaseProviderNPI(&CaseRegistration);
            (void)Npi.Dispatch->WskControlClient(Npi.Client, WSK_RELEASE_SD, sizeof Copy, &Copy, 0,
                                                 NULL, NULL, NULL);
        }
        (void)Release(Copy);
    }
}

/* ---- silences ---- */

static void GetOfNone(BOOLEAN IsFailure, BOOLEAN IsNull)
{
    PSECURITY_DESCRIPTOR Copy;
    PWSK_SOCKET Socket = CaseWsk() ? Unbound() : NULL;
    if (Socket == NULL) {
        return;
    }
    NTSTATUS Status = Get(Socket, &Copy);
    if (NT_SUCCESS(Status) && Copy != NULL) {
        (void)Release(Copy);
    }
    if (Status == (IsFailure ? STATUS_NOT_FOUND : STATUS_SUCCESS) && IsNull == (Copy == NULL)) {
        Witness();
    }
}

FREEDOM(amb_51_default_copy, "CTL-118 amb.51", .knobs = "amb.51=default-copy")
{
    GetOfNone(FALSE, FALSE);
}

FREEDOM(amb_51_null, "CTL-118 amb.51", .knobs = "amb.51=null")
{
    GetOfNone(FALSE, TRUE);
}

FREEDOM(amb_51_failure, "CTL-118 amb.51", .knobs = "amb.51=failure")
{
    GetOfNone(TRUE, TRUE);
}

/* Each caching is one reference, and a copy may go while the socket uses it. */
DUTY(amb_52_counted, "CTL-120 amb.52", .knobs = "amb.52=counted")
{
    PSECURITY_DESCRIPTOR First = Cached(), Second = First != NULL ? Cached() : NULL, Got;
    PWSK_SOCKET Socket = Second != NULL ? Unbound() : NULL;
    if (Socket != NULL && NT_SUCCESS(Set(Socket, First))) {
        Check(Release(First) == STATUS_SUCCESS);
        First = NULL;
        if (NT_SUCCESS(Get(Socket, &Got))) {
            Check(Release(Got) == STATUS_SUCCESS);
        }
    }
    if (First != NULL) {
        (void)Release(First);
    }
    if (Second != NULL) {
        Check(Release(Second) == STATUS_SUCCESS);
    }
}

MISTAKE(amb_52_error_before_bind, "CTL-120 amb.52", .knobs = "amb.52=error-before-bind")
{
    PSECURITY_DESCRIPTOR Copy = Cached();
    PWSK_SOCKET Socket = Copy != NULL ? Unbound() : NULL;
    if (Socket != NULL && NT_SUCCESS(Set(Socket, Copy)) && !Mistaken) {
        (void)SocketClose(Socket);
    }
    if (Copy != NULL) {
        (void)Release(Copy);
    }
}
