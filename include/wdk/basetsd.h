/* SPDX-License-Identifier: MIT */
/* basetsd.h - alias of ntdef.h: the sized integer types are already there. */
#include <ntdef.h>
