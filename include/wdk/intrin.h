/* SPDX-License-Identifier: MIT */
/*
 * intrin.h - compiler intrinsics that drivers use beyond the interlocked ones.
 *
 * Written with builtins that gcc and clang share, under names of our own where the compiler
 * reserves the spelling.
 */
#ifndef WDK_INTRIN_H
#define WDK_INTRIN_H

#include <ntdef.h>
#include <wdm_interlocked.h>

WDK_INLINE UCHAR WdkBitScanForward(ULONG *Index, ULONG64 Mask)
{
    if (Mask == 0) {
        return 0;
    }
    *Index = (ULONG)__builtin_ctzll(Mask);
    return 1;
}

WDK_INLINE UCHAR WdkBitScanReverse(ULONG *Index, ULONG64 Mask)
{
    if (Mask == 0) {
        return 0;
    }
    *Index = 63u - (ULONG)__builtin_clzll(Mask);
    return 1;
}

WDK_INLINE ULONG64 WdkMultiplyHigh(ULONG64 A, ULONG64 B)
{
    return (ULONG64)(((unsigned __int128)A * B) >> 64);
}

WDK_INLINE ULONG WdkRotateLeft32(ULONG Value, int Shift)
{
    return (Value << (Shift & 31)) | (Value >> ((32 - Shift) & 31));
}

WDK_INLINE ULONG64 WdkRotateLeft64(ULONG64 Value, int Shift)
{
    return (Value << (Shift & 63)) | (Value >> ((64 - Shift) & 63));
}

/* Bit tests without interlock: plain accesses. */
WDK_INLINE UCHAR WdkBitTest(const LONG *Base, LONG Bit)
{
    return (UCHAR)(((ULONG)Base[Bit >> 5] >> (Bit & 31)) & 1);
}

WDK_INLINE UCHAR WdkBitTestAndAssign(LONG *Base, LONG Bit, ULONG Value)
{
    UCHAR old = WdkBitTest(Base, Bit);
    ULONG mask = 1u << (Bit & 31);

    Base[Bit >> 5] = (LONG)(((ULONG)Base[Bit >> 5] & ~mask) | (Value ? mask : 0));
    return old;
}

#define _bittest(base, bit) WdkBitTest((const LONG *)(base), bit)
#define _bittestandset(base, bit) WdkBitTestAndAssign((LONG *)(base), bit, 1)
#define _bittestandreset(base, bit) WdkBitTestAndAssign((LONG *)(base), bit, 0)
#define BitTest(base, bit) _bittest(base, bit)
#define BitTestAndSet(base, bit) _bittestandset(base, bit)
#define BitTestAndReset(base, bit) _bittestandreset(base, bit)

#define _BitScanForward(index, mask) WdkBitScanForward((ULONG *)(index), (ULONG)(mask))
#define _BitScanReverse(index, mask) WdkBitScanReverse((ULONG *)(index), (ULONG)(mask))
#define _BitScanForward64(index, mask) WdkBitScanForward((ULONG *)(index), mask)
#define _BitScanReverse64(index, mask) WdkBitScanReverse((ULONG *)(index), mask)
#define BitScanForward(index, mask) _BitScanForward(index, mask)
#define BitScanReverse(index, mask) _BitScanReverse(index, mask)
#define BitScanForward64(index, mask) _BitScanForward64(index, mask)
#define BitScanReverse64(index, mask) _BitScanReverse64(index, mask)
#define _byteswap_ushort(v) __builtin_bswap16(v)
#define _byteswap_ulong(v) __builtin_bswap32(v)
#define _byteswap_uint64(v) __builtin_bswap64(v)
#define __popcnt(v) ((ULONG)__builtin_popcount(v))
#define __popcnt64(v) ((ULONG64)__builtin_popcountll(v))
#define _rotl(v, n) WdkRotateLeft32(v, n)
#define _rotr(v, n) WdkRotateLeft32(v, 32 - (n))
#define _rotl64(v, n) WdkRotateLeft64(v, n)
#define _rotr64(v, n) WdkRotateLeft64(v, 64 - (n))
#define RotateLeft32(v, n) _rotl(v, n)
#define RotateRight32(v, n) _rotr(v, n)
#define RotateLeft64(v, n) _rotl64(v, n)
#define RotateRight64(v, n) _rotr64(v, n)
#define __umulh(a, b) WdkMultiplyHigh(a, b)
#define UnsignedMultiplyHigh(a, b) WdkMultiplyHigh(a, b)
#define _ReturnAddress() __builtin_return_address(0)
#define _AddressOfReturnAddress() \
    ((PVOID)((ULONG_PTR)__builtin_frame_address(0) + sizeof(PVOID)))

#endif
