/* SPDX-License-Identifier: MIT */
/*
 * wdmsec.h - secure device creation (declared in wdm_io.h) and the security strings drivers name.
 *
 * The strings are constants of the translation unit (the original has them in a library).
 */
#ifndef WDK_WDMSEC_H
#define WDK_WDMSEC_H

#include <wdm.h>

#define WdmlibIoCreateDeviceSecure IoCreateDeviceSecure

#define WDK_SDDL(name, text) static const UNICODE_STRING name __attribute__((unused)) = \
    {sizeof(text) - sizeof(WCHAR), sizeof(text), (PWCH)(text)}
WDK_SDDL(SDDL_DEVOBJ_KERNEL_ONLY, L"D:P");
WDK_SDDL(SDDL_DEVOBJ_SYS_ALL, L"D:P(A;;GA;;;SY)");
WDK_SDDL(SDDL_DEVOBJ_SYS_ALL_ADM_ALL, L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
WDK_SDDL(SDDL_DEVOBJ_SYS_ALL_ADM_RX, L"D:P(A;;GA;;;SY)(A;;GRGX;;;BA)");
WDK_SDDL(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R, L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)");
WDK_SDDL(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R,
         L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGW;;;WD)(A;;GR;;;RC)");

#endif
