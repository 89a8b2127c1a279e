/* SPDX-License-Identifier: MIT */
/* Alias for drivers that name the user-mode header: the kernel-usable part only, no functions. */
#ifndef WDK_WINSOCK2_H
#define WDK_WINSOCK2_H

#include "ws2def.h"

#endif /* WDK_WINSOCK2_H */
