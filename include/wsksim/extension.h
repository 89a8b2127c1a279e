/* SPDX-License-Identifier: MIT */
/*
 * The one extension interface that the simulator knows, and only if it is asked for
 * (-knob=extension=ping): Windows defines none today, so that by default every registration is
 * answered STATUS_NOT_SUPPORTED. It lets a driver show that it keeps the rules of extension
 * interfaces. Include it after wsk.h.
 *
 *     SIO_WSK_REGISTER_EXTENSION with WskSimExtensionNpi, a wsksim_extension_client and a context
 *     SO_WSK_EVENT_CALLBACK with WskSimExtensionNpi: WSKSIM_EXTENSION_PONG
 *     Ping(provider context, value) -> Pong(client context, value), if that event is enabled
 */
#ifndef WSKSIM_EXTENSION_H
#define WSKSIM_EXTENSION_H

#include <wsk.h>

static const NPIID WskSimExtensionNpi = {
    0x77736b73, 0x696d, 0x4578, {0x70, 0x69, 0x6e, 0x67, 0x70, 0x6f, 0x6e, 0x67}};

/* The event; on purpose the bit that WSK itself uses for datagrams. */
#define WSKSIM_EXTENSION_PONG WSK_EVENT_RECEIVE_FROM

struct wsksim_extension_client {
    VOID(WSKAPI *Pong)(PVOID ClientContext, ULONG Value);
};

struct wsksim_extension_provider {
    /* STATUS_SUCCESS, whether the event is enabled or not; <= DISPATCH_LEVEL. */
    NTSTATUS(WSKAPI *Ping)(PVOID ProviderContext, ULONG Value);
};

#endif
