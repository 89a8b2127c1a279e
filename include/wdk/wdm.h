/* SPDX-License-Identifier: MIT */
/*
 * wdm.h - the interface of the kernel that a driver includes; the parts are in wdm_*.h.
 *
 * A driver includes wdm.h, ntddk.h or ntifs.h; here all three give the same names.
 */
#ifndef WDK_WDM_H
#define WDK_WDM_H

#define _WDMDDK_

#include <ntdef.h>
#include <ntstatus.h>
#include <guiddef.h>
#include <seh.h>
#include <intrin.h>
#include <wdm_interlocked.h>
#include <wdm_rtl.h>
#include <wdm_ke.h>
#include <wdm_ex.h>
#include <wdm_mm.h>
#include <wdm_ob.h>
#include <wdm_io.h>
#include <wdm_bugcodes.h>
#include <evntprov.h>

#endif
