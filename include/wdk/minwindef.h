/* SPDX-License-Identifier: MIT */
/* minwindef.h - alias of ntdef.h: the basic names of user mode are already there. */
#include <ntdef.h>
