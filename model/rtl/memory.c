/* SPDX-License-Identifier: MIT */
/*
 * Blocks of memory, bits, checksums and pseudo-random numbers: plain functions that a driver could
 * have inside, so most of them are no scheduling points. Their memory is checked all the same.
 */
#include "model/rtl/rtl.h"

/* ---- blocks ---- */

SIZE_T RtlCompareMemory(const VOID *Source1, const VOID *Source2, SIZE_T Length)
{
    struct sim *s = rtl_enter_quiet(ROUTINE_RtlCompareMemory);
    const UCHAR *left = Source1;
    const UCHAR *right = Source2;
    SIZE_T equal = 0;
    model_touch(s, Source1, Length, "Source1");
    model_touch(s, Source2, Length, "Source2");
    sim_race_touch(s, Source1, Length, 0);
    sim_race_touch(s, Source2, Length, 0);
    while (equal < Length && left[equal] == right[equal]) {
        equal++;
    }
    rtl_leave_quiet(s);
    return equal;
}

void RtlFillMemoryUlong(PVOID Destination, SIZE_T Length, ULONG Pattern)
{
    struct sim *s = rtl_enter_quiet(ROUTINE_RtlFillMemoryUlong);
    ULONG *word = Destination;
    model_touch(s, Destination, Length & ~(SIZE_T)3, "Destination");
    sim_race_touch(s, Destination, Length & ~(SIZE_T)3, SIM_ACCESS_WRITE);
    for (SIZE_T i = 0; i < Length / sizeof(ULONG); i++) {
        word[i] = Pattern;
    }
    rtl_leave_quiet(s);
}

/* The usual reflected CRC-32 with the polynomial 0x04c11db7. */
ULONG RtlCrc32(const VOID *Buffer, SIZE_T Size, ULONG InitialCrc)
{
    struct sim *s = rtl_enter_quiet(ROUTINE_RtlCompareMemory);
    const UCHAR *byte = Buffer;
    ULONG crc = ~InitialCrc;
    model_touch(s, Buffer, Size, "Buffer");
    sim_race_touch(s, Buffer, Size, 0);
    for (SIZE_T i = 0; i < Size; i++) {
        crc ^= byte[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
        }
    }
    rtl_leave_quiet(s);
    return ~crc;
}

/* ---- bits ---- */

ULONG RtlNumberOfSetBitsUlongPtr(ULONG_PTR Target)
{
    return (ULONG)__builtin_popcountl(Target);
}

CCHAR RtlFindMostSignificantBit(ULONGLONG Set)
{
    return (CCHAR)(Set == 0 ? -1 : 63 - __builtin_clzll(Set));
}

CCHAR RtlFindLeastSignificantBit(ULONGLONG Set)
{
    return (CCHAR)(Set == 0 ? -1 : __builtin_ctzll(Set));
}

static struct sim *enter_bitmap_at(PRTL_BITMAP map, uintptr_t site, uintptr_t frame)
{
    struct sim *s = rtl_enter_quiet_at(ROUTINE_RtlFillMemoryUlong, site, frame);
    model_touch(s, map, sizeof(*map), "BitMapHeader");
    return s;
}
#define enter_bitmap(map)                                                                          \
    enter_bitmap_at((map), (uintptr_t)__builtin_return_address(0),                                 \
                    (uintptr_t)__builtin_frame_address(0))

static ULONG *bitmap_word(struct sim *s, PRTL_BITMAP map, ULONG bit)
{
    ULONG *word = map->Buffer + bit / 32;
    model_touch(s, word, sizeof(*word), "the bitmap");
    return word;
}

void RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, PULONG BitMapBuffer, ULONG SizeOfBitMap)
{
    struct sim *s = enter_bitmap(BitMapHeader);
    BitMapHeader->SizeOfBitMap = SizeOfBitMap;
    BitMapHeader->Buffer = BitMapBuffer;
    rtl_leave_quiet(s);
}

static void fill_bitmap(struct sim *s, PRTL_BITMAP map, ULONG value)
{
    for (ULONG bit = 0; bit < map->SizeOfBitMap; bit += 32) {
        *bitmap_word(s, map, bit) = value;
    }
    rtl_leave_quiet(s);
}

void RtlClearAllBits(PRTL_BITMAP BitMapHeader)
{
    struct sim *s = enter_bitmap(BitMapHeader);
    fill_bitmap(s, BitMapHeader, 0);
}

void RtlSetAllBits(PRTL_BITMAP BitMapHeader)
{
    struct sim *s = enter_bitmap(BitMapHeader);
    fill_bitmap(s, BitMapHeader, MAXULONG);
}

void RtlSetBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    struct sim *s = enter_bitmap(BitMapHeader);
    *bitmap_word(s, BitMapHeader, BitNumber) |= 1u << BitNumber % 32;
    rtl_leave_quiet(s);
}

void RtlClearBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    struct sim *s = enter_bitmap(BitMapHeader);
    *bitmap_word(s, BitMapHeader, BitNumber) &= ~(1u << BitNumber % 32);
    rtl_leave_quiet(s);
}

BOOLEAN RtlTestBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    struct sim *s = enter_bitmap(BitMapHeader);
    BOOLEAN is_set = (*bitmap_word(s, BitMapHeader, BitNumber) >> BitNumber % 32 & 1) != 0;
    rtl_leave_quiet(s);
    return is_set;
}

/* First run of clear bits at or behind from and below end; MAXULONG if there is none. */
static ULONG find_clear(struct sim *s, PRTL_BITMAP map, ULONG count, ULONG from, ULONG end)
{
    ULONG run = 0;
    for (ULONG bit = from; bit < end; bit++) {
        bool is_set = (*bitmap_word(s, map, bit) >> bit % 32 & 1) != 0;
        run = is_set ? 0 : run + 1;
        if (run == count) {
            return bit + 1 - count;
        }
    }
    return MAXULONG;
}

ULONG RtlFindClearBitsAndSet(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    struct sim *s = enter_bitmap(BitMapHeader);
    ULONG size = BitMapHeader->SizeOfBitMap;
    ULONG hint = HintIndex < size ? HintIndex : 0;
    ULONG found = NumberToFind == 0 ? hint : find_clear(s, BitMapHeader, NumberToFind, hint, size);
    if (found == MAXULONG && hint != 0) {
        ULONG end = hint + NumberToFind - 1 < size ? hint + NumberToFind - 1 : size;
        found = find_clear(s, BitMapHeader, NumberToFind, 0, end);
    }
    for (ULONG bit = found; found != MAXULONG && bit < found + NumberToFind; bit++) {
        *bitmap_word(s, BitMapHeader, bit) |= 1u << bit % 32;
    }
    rtl_leave_quiet(s);
    return found;
}

/* ---- pseudo-random numbers: the documented generator, everything comes from the seed ---- */

static ULONG next_random(struct sim *s, PULONG seed)
{
    model_touch(s, seed, sizeof(*seed), "Seed");
    *seed = (ULONG)((0x7fffffedull * *seed + 0x7fffffc3ull) % 0x7fffffffull);
    return *seed;
}

ULONG RtlRandomEx(PULONG Seed)
{
    struct sim *s = model_enter(ROUTINE_RtlRandomEx);
    ULONG value = next_random(s, Seed);
    model_leave(s);
    return value;
}

ULONG RtlRandom(PULONG Seed)
{
    struct sim *s = model_enter(ROUTINE_RtlRandom);
    ULONG value = next_random(s, Seed);
    model_leave(s);
    return value;
}

ULONG RtlUniform(PULONG Seed)
{
    struct sim *s = model_enter(ROUTINE_RtlUniform);
    ULONG value = next_random(s, Seed);
    model_leave(s);
    return value;
}
