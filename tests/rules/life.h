/* SPDX-License-Identifier: MIT */
/*
 * For cases of the life cycle that register and create without the frame of case.h, because the
 * registration or the socket is what they are about.
 */
#ifndef TESTS_RULES_LIFE_H
#define TESTS_RULES_LIFE_H

#include "case.h"

enum { TAG = 'esaC', LONG_WAIT_MS = 20000 };

static WSK_REGISTRATION Block;
static WSK_PROVIDER_NPI Npi;
static WSK_CLIENT_DISPATCH Client = {MAKE_WSK_VERSION(1, 0), 0, NULL};
static WSK_CLIENT_NPI ClientNpi = {NULL, &Client};
static struct request First, Second;

static inline BOOLEAN Register(PWSK_REGISTRATION Where)
{
    return (BOOLEAN)NT_SUCCESS(WskRegister(&ClientNpi, Where));
}

static inline BOOLEAN Capture(PWSK_REGISTRATION Where)
{
    return (BOOLEAN)NT_SUCCESS(WskCaptureProviderNPI(Where, LONG_WAIT_MS, &Npi));
}

/* A datagram socket that the frame knows nothing of. */
static inline PWSK_SOCKET Create(PWSK_CLIENT Who, struct request *Request)
{
    Npi.Dispatch->WskSocket(Who, AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL,
                            NULL, NULL, NULL, NULL, Fresh(Request));
    return NT_SUCCESS(Finish(Request)) ? (PWSK_SOCKET)Request->Information : NULL;
}

static inline void Close(PWSK_SOCKET Socket)
{
    if (Socket != NULL) {
        Basic(Socket)->WskCloseSocket(Socket, Fresh(&Second));
        (void)Finish(&Second);
    }
}

/* Milliseconds. */
static inline ULONGLONG Now(void)
{
    LARGE_INTEGER Time;
    KeQuerySystemTime(&Time);
    return (ULONGLONG)Time.QuadPart / 10000;
}

#endif
