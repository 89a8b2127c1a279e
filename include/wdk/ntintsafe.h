/* SPDX-License-Identifier: MIT */
/*
 * ntintsafe.h - integer arithmetic and conversion that fails instead of wrapping.
 *
 * Each function stores the result and returns STATUS_SUCCESS, or stores the type's error value
 * (all ones, the largest value) and returns STATUS_INTEGER_OVERFLOW.
 *
 * Invariant: one definition per operation and type, generated from the two tables below.
 */
#ifndef WDK_NTINTSAFE_H
#define WDK_NTINTSAFE_H

#include <ntdef.h>
#include <ntstatus.h>

EXTERN_C_START

#define WDK_SAFE_OPERATION(name, T, builtin, error)          \
    WDK_INLINE NTSTATUS name(T Left, T Right, T *Result)     \
    {                                                        \
        if (builtin(Left, Right, Result)) {                  \
            *Result = (T)(error);                            \
            return STATUS_INTEGER_OVERFLOW;                  \
        }                                                    \
        return STATUS_SUCCESS;                               \
    }

/* The builtin adds zero in the wider of the two types and tells whether the result still fits. */
#define WDK_SAFE_CONVERT(name, From, To, error)              \
    WDK_INLINE NTSTATUS name(From Operand, To *Result)       \
    {                                                        \
        if (__builtin_add_overflow(Operand, (To)0, Result)) { \
            *Result = (To)(error);                           \
            return STATUS_INTEGER_OVERFLOW;                  \
        }                                                    \
        return STATUS_SUCCESS;                               \
    }

#define WDK_SAFE_ARITHMETIC(Name, T, error)                                \
    WDK_SAFE_OPERATION(Rtl##Name##Add, T, __builtin_add_overflow, error)   \
    WDK_SAFE_OPERATION(Rtl##Name##Sub, T, __builtin_sub_overflow, error)   \
    WDK_SAFE_OPERATION(Rtl##Name##Mult, T, __builtin_mul_overflow, error)

/* ---- arithmetic ------------------------------------------------------------------------------ */

WDK_SAFE_ARITHMETIC(Int8, INT8, -1)
WDK_SAFE_ARITHMETIC(UInt8, UINT8, 0xff)
WDK_SAFE_ARITHMETIC(Short, SHORT, -1)
WDK_SAFE_ARITHMETIC(UShort, USHORT, 0xffff)
WDK_SAFE_ARITHMETIC(Int, INT, -1)
WDK_SAFE_ARITHMETIC(UInt, UINT, 0xffffffffu)
WDK_SAFE_ARITHMETIC(Long, LONG, -1)
WDK_SAFE_ARITHMETIC(ULong, ULONG, 0xffffffffu)
WDK_SAFE_ARITHMETIC(LongLong, LONGLONG, -1)
WDK_SAFE_ARITHMETIC(ULongLong, ULONGLONG, ~0ULL)
WDK_SAFE_ARITHMETIC(LongPtr, LONG_PTR, -1)
WDK_SAFE_ARITHMETIC(ULongPtr, ULONG_PTR, ~0UL)
WDK_SAFE_ARITHMETIC(UIntPtr, UINT_PTR, ~0UL)
WDK_SAFE_ARITHMETIC(SIZET, SIZE_T, ~0UL)
WDK_SAFE_ARITHMETIC(SizeT, SIZE_T, ~0UL)
WDK_SAFE_ARITHMETIC(DWord, DWORD, 0xffffffffu)
WDK_SAFE_ARITHMETIC(UInt16, UINT16, 0xffff)
WDK_SAFE_ARITHMETIC(UInt32, UINT32, 0xffffffffu)
WDK_SAFE_ARITHMETIC(UInt64, UINT64, ~0ULL)
WDK_SAFE_ARITHMETIC(ULong64, ULONG64, ~0ULL)

/* ---- conversions ----------------------------------------------------------------------------- */

WDK_SAFE_CONVERT(RtlSIZETToULong, SIZE_T, ULONG, 0xffffffffu)
WDK_SAFE_CONVERT(RtlSizeTToULong, SIZE_T, ULONG, 0xffffffffu)
WDK_SAFE_CONVERT(RtlSIZETToUShort, SIZE_T, USHORT, 0xffff)
WDK_SAFE_CONVERT(RtlSizeTToUShort, SIZE_T, USHORT, 0xffff)
WDK_SAFE_CONVERT(RtlSizeTToUInt32, SIZE_T, UINT32, 0xffffffffu)
WDK_SAFE_CONVERT(RtlSizeTToLong, SIZE_T, LONG, -1)
WDK_SAFE_CONVERT(RtlULongToUShort, ULONG, USHORT, 0xffff)
WDK_SAFE_CONVERT(RtlULongToUInt16, ULONG, UINT16, 0xffff)
WDK_SAFE_CONVERT(RtlULongToUInt8, ULONG, UINT8, 0xff)
WDK_SAFE_CONVERT(RtlULongToUChar, ULONG, UCHAR, 0xff)
WDK_SAFE_CONVERT(RtlULongToShort, ULONG, SHORT, -1)
WDK_SAFE_CONVERT(RtlULongToLong, ULONG, LONG, -1)
WDK_SAFE_CONVERT(RtlUIntToUShort, UINT, USHORT, 0xffff)
WDK_SAFE_CONVERT(RtlULongPtrToULong, ULONG_PTR, ULONG, 0xffffffffu)
WDK_SAFE_CONVERT(RtlULongLongToULong, ULONGLONG, ULONG, 0xffffffffu)
WDK_SAFE_CONVERT(RtlULongLongToLongLong, ULONGLONG, LONGLONG, -1)
WDK_SAFE_CONVERT(RtlULongLongToSIZET, ULONGLONG, SIZE_T, ~0UL)
WDK_SAFE_CONVERT(RtlULongLongToSizeT, ULONGLONG, SIZE_T, ~0UL)
WDK_SAFE_CONVERT(RtlUInt64ToULong, UINT64, ULONG, 0xffffffffu)
WDK_SAFE_CONVERT(RtlLongToULong, LONG, ULONG, 0xffffffffu)
WDK_SAFE_CONVERT(RtlLongToUShort, LONG, USHORT, 0xffff)
WDK_SAFE_CONVERT(RtlIntToUShort, INT, USHORT, 0xffff)
WDK_SAFE_CONVERT(RtlIntToULong, INT, ULONG, 0xffffffffu)
WDK_SAFE_CONVERT(RtlLongLongToULong, LONGLONG, ULONG, 0xffffffffu)
WDK_SAFE_CONVERT(RtlLongLongToLong, LONGLONG, LONG, -1)
WDK_SAFE_CONVERT(RtlLongLongToULongLong, LONGLONG, ULONGLONG, ~0ULL)
WDK_SAFE_CONVERT(RtlUShortToUChar, USHORT, UCHAR, 0xff)
WDK_SAFE_CONVERT(RtlUShortToUInt8, USHORT, UINT8, 0xff)

EXTERN_C_END

#endif
