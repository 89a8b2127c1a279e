/* SPDX-License-Identifier: MIT */
/*
 * wdm_interlocked.h - interlocked operations, unordered and ordered reads and writes, barriers.
 *
 * Every read-modify-write is a function of the engine: each one is a scheduling point and is
 * checked (KRN-300 to KRN-302). The NoFence, Acquire and Release forms are the same function,
 * because the model is sequentially consistent. Plain ordered reads and writes are inline
 * volatile accesses.
 *
 * Engine side: for a suffix S and a type T, WDK_INTERLOCKED names the eight functions of a width.
 */
#ifndef WDK_WDM_INTERLOCKED_H
#define WDK_WDM_INTERLOCKED_H

#include <ntdef.h>

EXTERN_C_START

/* Increment, Decrement and Add return the new value, all others the old one. */
#define WDK_INTERLOCKED(S, T)                                                               \
    T InterlockedIncrement##S(T volatile *Addend);                                          \
    T InterlockedDecrement##S(T volatile *Addend);                                          \
    T InterlockedExchange##S(T volatile *Target, T Value);                                  \
    T InterlockedExchangeAdd##S(T volatile *Addend, T Value);                               \
    T InterlockedCompareExchange##S(T volatile *Destination, T ExChange, T Comparand);      \
    T InterlockedAnd##S(T volatile *Destination, T Value);                                  \
    T InterlockedOr##S(T volatile *Destination, T Value);                                   \
    T InterlockedXor##S(T volatile *Destination, T Value)

WDK_INTERLOCKED(, LONG);
WDK_INTERLOCKED(8, CHAR);
WDK_INTERLOCKED(16, SHORT);
WDK_INTERLOCKED(64, LONG64);

LONG InterlockedAdd(LONG volatile *Addend, LONG Value);
LONG64 InterlockedAdd64(LONG64 volatile *Addend, LONG64 Value);
PVOID InterlockedExchangePointer(PVOID volatile *Target, PVOID Value);
PVOID InterlockedCompareExchangePointer(PVOID volatile *Destination, PVOID ExChange,
                                        PVOID Comparand);
UCHAR InterlockedCompareExchange128(LONG64 volatile *Destination, LONG64 ExchangeHigh,
                                    LONG64 ExchangeLow, LONG64 *ComparandResult);
UCHAR InterlockedBitTestAndSet(LONG volatile *Base, LONG Bit);
UCHAR InterlockedBitTestAndReset(LONG volatile *Base, LONG Bit);
UCHAR InterlockedBitTestAndComplement(LONG volatile *Base, LONG Bit);
UCHAR InterlockedBitTestAndSet64(LONG64 volatile *Base, LONG64 Bit);
UCHAR InterlockedBitTestAndReset64(LONG64 volatile *Base, LONG64 Bit);

#define InterlockedExchangeAddSizeT(p, v) \
    ((SIZE_T)InterlockedExchangeAdd64((LONG64 volatile *)(p), (LONG64)(v)))
#define InterlockedIncrementSizeT(p) ((SIZE_T)InterlockedIncrement64((LONG64 volatile *)(p)))
#define InterlockedDecrementSizeT(p) ((SIZE_T)InterlockedDecrement64((LONG64 volatile *)(p)))
#define InterlockedExchangeSubtract(p, v) \
    ((ULONG)InterlockedExchangeAdd((LONG volatile *)(p), -(LONG)(v)))
#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedIncrementRelease InterlockedIncrement
#define InterlockedIncrementNoFence InterlockedIncrement
#define InterlockedIncrementAcquire64 InterlockedIncrement64
#define InterlockedIncrementRelease64 InterlockedIncrement64
#define InterlockedIncrementNoFence64 InterlockedIncrement64
#define InterlockedDecrementAcquire InterlockedDecrement
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedDecrementNoFence InterlockedDecrement
#define InterlockedDecrementAcquire64 InterlockedDecrement64
#define InterlockedDecrementRelease64 InterlockedDecrement64
#define InterlockedDecrementNoFence64 InterlockedDecrement64
#define InterlockedAddAcquire InterlockedAdd
#define InterlockedAddRelease InterlockedAdd
#define InterlockedAddNoFence InterlockedAdd
#define InterlockedAddAcquire64 InterlockedAdd64
#define InterlockedAddRelease64 InterlockedAdd64
#define InterlockedAddNoFence64 InterlockedAdd64
#define InterlockedExchangeAcquire InterlockedExchange
#define InterlockedExchangeRelease InterlockedExchange
#define InterlockedExchangeNoFence InterlockedExchange
#define InterlockedExchangeAcquire64 InterlockedExchange64
#define InterlockedExchangeNoFence64 InterlockedExchange64
#define InterlockedExchangeAddAcquire InterlockedExchangeAdd
#define InterlockedExchangeAddRelease InterlockedExchangeAdd
#define InterlockedExchangeAddNoFence InterlockedExchangeAdd
#define InterlockedExchangeAddAcquire64 InterlockedExchangeAdd64
#define InterlockedExchangeAddRelease64 InterlockedExchangeAdd64
#define InterlockedExchangeAddNoFence64 InterlockedExchangeAdd64
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define InterlockedCompareExchangeNoFence InterlockedCompareExchange
#define InterlockedCompareExchangeAcquire16 InterlockedCompareExchange16
#define InterlockedCompareExchangeRelease16 InterlockedCompareExchange16
#define InterlockedCompareExchangeNoFence16 InterlockedCompareExchange16
#define InterlockedCompareExchangeAcquire64 InterlockedCompareExchange64
#define InterlockedCompareExchangeRelease64 InterlockedCompareExchange64
#define InterlockedCompareExchangeNoFence64 InterlockedCompareExchange64
#define InterlockedExchangePointerAcquire InterlockedExchangePointer
#define InterlockedExchangePointerRelease InterlockedExchangePointer
#define InterlockedExchangePointerNoFence InterlockedExchangePointer
#define InterlockedCompareExchangePointerAcquire InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerRelease InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerNoFence InterlockedCompareExchangePointer
#define InterlockedAndAcquire InterlockedAnd
#define InterlockedAndRelease InterlockedAnd
#define InterlockedAndNoFence InterlockedAnd
#define InterlockedAndAcquire64 InterlockedAnd64
#define InterlockedAndRelease64 InterlockedAnd64
#define InterlockedAnd64Acquire InterlockedAnd64
#define InterlockedAnd64Release InterlockedAnd64
#define InterlockedAnd64NoFence InterlockedAnd64
#define InterlockedOrAcquire InterlockedOr
#define InterlockedOrRelease InterlockedOr
#define InterlockedOrNoFence InterlockedOr
#define InterlockedOr64Acquire InterlockedOr64
#define InterlockedOr64Release InterlockedOr64
#define InterlockedOr64NoFence InterlockedOr64
#define InterlockedXorAcquire InterlockedXor
#define InterlockedXorRelease InterlockedXor
#define InterlockedXorNoFence InterlockedXor
#define InterlockedBitTestAndSetAcquire InterlockedBitTestAndSet
#define InterlockedBitTestAndSetRelease InterlockedBitTestAndSet
#define InterlockedBitTestAndSetNoFence InterlockedBitTestAndSet
#define InterlockedBitTestAndResetAcquire InterlockedBitTestAndReset
#define InterlockedBitTestAndResetRelease InterlockedBitTestAndReset
#define InterlockedBitTestAndResetNoFence InterlockedBitTestAndReset

/* The compiler's spelling of the same operations. */
#define _InterlockedIncrement InterlockedIncrement
#define _InterlockedDecrement InterlockedDecrement
#define _InterlockedExchange InterlockedExchange
#define _InterlockedExchangeAdd InterlockedExchangeAdd
#define _InterlockedCompareExchange InterlockedCompareExchange
#define _InterlockedAnd InterlockedAnd
#define _InterlockedOr InterlockedOr
#define _InterlockedXor InterlockedXor
#define _InterlockedIncrement8 InterlockedIncrement8
#define _InterlockedExchange8 InterlockedExchange8
#define _InterlockedAnd8 InterlockedAnd8
#define _InterlockedOr8 InterlockedOr8
#define _InterlockedXor8 InterlockedXor8
#define _InterlockedCompareExchange8 InterlockedCompareExchange8
#define _InterlockedIncrement16 InterlockedIncrement16
#define _InterlockedDecrement16 InterlockedDecrement16
#define _InterlockedExchange16 InterlockedExchange16
#define _InterlockedAnd16 InterlockedAnd16
#define _InterlockedOr16 InterlockedOr16
#define _InterlockedCompareExchange16 InterlockedCompareExchange16
#define _InterlockedIncrement64 InterlockedIncrement64
#define _InterlockedDecrement64 InterlockedDecrement64
#define _InterlockedExchange64 InterlockedExchange64
#define _InterlockedExchangeAdd64 InterlockedExchangeAdd64
#define _InterlockedCompareExchange64 InterlockedCompareExchange64
#define _InterlockedCompareExchange128 InterlockedCompareExchange128
#define _InterlockedAnd64 InterlockedAnd64
#define _InterlockedOr64 InterlockedOr64
#define _InterlockedXor64 InterlockedXor64
#define _InterlockedExchangePointer InterlockedExchangePointer
#define _InterlockedCompareExchangePointer InterlockedCompareExchangePointer
#define _interlockedbittestandset InterlockedBitTestAndSet
#define _interlockedbittestandreset InterlockedBitTestAndReset
#define _interlockedbittestandset64 InterlockedBitTestAndSet64
#define _interlockedbittestandreset64 InterlockedBitTestAndReset64

/* ---- ordered reads and writes: ReadAcquire8, ReadNoFence, WriteULongRelease, ... ------------- */

#define WDK_READ(name, T) \
    WDK_INLINE T name(T const volatile *Source) { return *Source; }
#define WDK_WRITE(name, T) \
    WDK_INLINE void name(T volatile *Destination, T Value) { *Destination = Value; }
/* P before and S after the order word: Read P Order S. */
#define WDK_READ_WRITE(P, S, T)       \
    WDK_READ(Read##P##Acquire##S, T)  \
    WDK_READ(Read##P##NoFence##S, T)  \
    WDK_READ(Read##P##Raw##S, T)      \
    WDK_WRITE(Write##P##Release##S, T) \
    WDK_WRITE(Write##P##NoFence##S, T) \
    WDK_WRITE(Write##P##Raw##S, T)

WDK_READ_WRITE(, 8, CHAR)
WDK_READ_WRITE(, 16, SHORT)
WDK_READ_WRITE(, , LONG)
WDK_READ_WRITE(, 64, LONG64)
WDK_READ_WRITE(Boolean, , BOOLEAN)
WDK_READ_WRITE(UChar, , UCHAR)
WDK_READ_WRITE(UShort, , USHORT)
WDK_READ_WRITE(ULong, , ULONG)
WDK_READ_WRITE(ULong64, , ULONG64)
WDK_READ_WRITE(Int32, , INT32)
WDK_READ_WRITE(UInt32, , UINT32)
WDK_READ_WRITE(ULongPtr, , ULONG_PTR)
WDK_READ_WRITE(LongPtr, , LONG_PTR)
WDK_READ_WRITE(SizeT, , SIZE_T)

#define WDK_READ_POINTER(name) \
    WDK_INLINE PVOID name(PVOID const volatile *Source) { return (PVOID)*Source; }
#define WDK_WRITE_POINTER(name) \
    WDK_INLINE void name(PVOID volatile *Destination, PVOID Value) { *Destination = Value; }
WDK_READ_POINTER(ReadPointerAcquire)
WDK_READ_POINTER(ReadPointerNoFence)
WDK_READ_POINTER(ReadPointerRaw)
WDK_WRITE_POINTER(WritePointerRelease)
WDK_WRITE_POINTER(WritePointerNoFence)
WDK_WRITE_POINTER(WritePointerRaw)

/* ---- barriers and pauses: scheduling points of the engine ------------------------------------ */

void KeMemoryBarrier(void);
void YieldProcessor(void);
#define MemoryBarrier() KeMemoryBarrier()
#define KeMemoryBarrierWithoutFence() __asm__ __volatile__("" ::: "memory")
#define BarrierAfterRead() KeMemoryBarrierWithoutFence()
#define _mm_pause() YieldProcessor()
#define _mm_mfence() KeMemoryBarrier()
#define _mm_lfence() KeMemoryBarrier()
#define _mm_sfence() KeMemoryBarrier()
#define _ReadWriteBarrier() KeMemoryBarrierWithoutFence()
#define _ReadBarrier() KeMemoryBarrierWithoutFence()
#define _WriteBarrier() KeMemoryBarrierWithoutFence()

/* ---- sequenced singly linked lists ----------------------------------------------------------- */

void InitializeSListHead(PSLIST_HEADER SListHead);
PSLIST_ENTRY InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry);
PSLIST_ENTRY InterlockedPopEntrySList(PSLIST_HEADER ListHead);
PSLIST_ENTRY InterlockedFlushSList(PSLIST_HEADER ListHead);
USHORT ExQueryDepthSList(PSLIST_HEADER SListHead);
#define ExInitializeSListHead(h) InitializeSListHead(h)
#define ExInterlockedPushEntrySList(h, e, lock) InterlockedPushEntrySList(h, e)
#define ExInterlockedPopEntrySList(h, lock) InterlockedPopEntrySList(h)
#define ExInterlockedFlushSList(h) InterlockedFlushSList(h)
#define QueryDepthSList(h) ExQueryDepthSList(h)
#define RtlInitializeSListHead(h) InitializeSListHead(h)
#define FirstEntrySList(h) ((PSLIST_ENTRY)(ULONG_PTR)((h)->HeaderX64.NextEntry << 4))

/* ---- lists under a spin lock (KRN-307: one lock per list) ------------------------------------ */

PLIST_ENTRY ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                        PKSPIN_LOCK Lock);
PLIST_ENTRY ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                        PKSPIN_LOCK Lock);
PLIST_ENTRY ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock);
PSINGLE_LIST_ENTRY ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead,
                                              PSINGLE_LIST_ENTRY ListEntry, PKSPIN_LOCK Lock);
PSINGLE_LIST_ENTRY ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock);
ULONG ExInterlockedAddUlong(PULONG Addend, ULONG Increment, PKSPIN_LOCK Lock);
LARGE_INTEGER ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment,
                                           PKSPIN_LOCK Lock);
void ExInterlockedAddLargeStatistic(PLARGE_INTEGER Addend, ULONG Increment);

EXTERN_C_END

#endif
