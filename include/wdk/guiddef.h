/* SPDX-License-Identifier: MIT */
/*
 * guiddef.h - GUID declaration and comparison.
 *
 * DEFINE_GUID declares; in a translation unit that includes initguid.h first it defines.
 * Definitions are weak, so that two files may both define one (the "select any" of the original).
 */
#ifndef WDK_GUIDDEF_H
#define WDK_GUIDDEF_H

#include <ntdef.h>

EXTERN_C_START
SIZE_T RtlCompareMemory(const VOID *Source1, const VOID *Source2, SIZE_T Length);
EXTERN_C_END

#ifdef __cplusplus
#define REFGUID const GUID &
#define REFIID const GUID &
#define REFCLSID const GUID &
#else
#define REFGUID const GUID *
#define REFIID const GUID *
#define REFCLSID const GUID *
#endif
typedef GUID IID, CLSID, FMTID, UUID;
#define GUID_NULL_INIT {0, 0, 0, {0, 0, 0, 0, 0, 0, 0, 0}}

#ifdef __cplusplus
inline int InlineIsEqualGUID(REFGUID a, REFGUID b)
{
    return RtlCompareMemory(&a, &b, sizeof(GUID)) == sizeof(GUID);
}
#define IsEqualGUID(a, b) InlineIsEqualGUID(a, b)
inline bool operator==(const GUID &a, const GUID &b) { return InlineIsEqualGUID(a, b) != 0; }
inline bool operator!=(const GUID &a, const GUID &b) { return InlineIsEqualGUID(a, b) == 0; }
#else
#define IsEqualGUID(a, b) (RtlCompareMemory(a, b, sizeof(GUID)) == sizeof(GUID))
#define InlineIsEqualGUID(a, b) IsEqualGUID(a, b)
#endif
#define IsEqualIID(a, b) IsEqualGUID(a, b)
#define IsEqualCLSID(a, b) IsEqualGUID(a, b)

#endif

/* Outside the guard on purpose: initguid.h may come after a first inclusion. */
#undef DEFINE_GUID
#ifdef INITGUID
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                        \
    EXTERN_C const GUID name __attribute__((weak));                                         \
    EXTERN_C_START const GUID name __attribute__((weak)) =                                  \
        {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}; EXTERN_C_END                         \
    WDK_STATIC_ASSERT(1, "")
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) EXTERN_C const GUID name
#endif
