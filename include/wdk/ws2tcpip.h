/* SPDX-License-Identifier: MIT */
/* Alias for drivers that name the user-mode header: the kernel-usable part only, no functions. */
#ifndef WDK_WS2TCPIP_H
#define WDK_WS2TCPIP_H

#include "ws2def.h"
#include "ws2ipdef.h"
#include "mstcpip.h"

#endif /* WDK_WS2TCPIP_H */
