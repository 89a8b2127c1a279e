/* SPDX-License-Identifier: MIT */
/* The regions, the validity map, the registry of blocks. See memory.h for the invariants. */
#define _GNU_SOURCE
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim.h"

enum {
    ALLOWED_MAX = 16,
    QUICK_BYTES = 1024,     /* sim_memory_ok */
    SHADOW_PAGE = 8 * 4096, /* what a page of the validity map speaks of */
};

__attribute__((weak)) bool sim_memory_is_sparse(void)
{
    return false;
}

static struct {
    bool ready;
    uintptr_t top;        /* arena: next free byte */
    uintptr_t frames_top; /* frames: next free byte */
    size_t block_count;
    struct sim_block block[SIM_BLOCKS_MAX];
    struct sim_block *pageable[SIM_PAGEABLE_MAX]; /* sim.pageable of them */
    struct {
        uintptr_t base, end;
    } allowed[ALLOWED_MAX];
    unsigned allowed_count;
    uintptr_t image, image_end; /* the first image */
} memory;

/*
 * Present only in a process that has the real AddressSanitizer runtime: then the shadow is its own.
 */
extern int __asan_address_is_poisoned(void const volatile *p) __attribute__((weak));

static uint8_t *shadow_of(uintptr_t address)
{
    return (uint8_t *)((address >> 3) + SIM_SHADOW_OFFSET);
}

static void map_or_die(uintptr_t base, size_t size, int protection, const char *what)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    void *p = mmap((void *)base, size, protection, flags, -1, 0);
    if (p != (void *)base) {
        fprintf(stderr,
                "wsksim: cannot map %s (%zu MiB of address space at %#llx): %m; lift "
                "'ulimit -v', and do not run under valgrind\n",
                what, size >> 20, (unsigned long long)base);
        _exit(1);
    }
}

/* The part of the validity map that speaks of [base, base + size). */
static void map_shadow_of(uintptr_t base, size_t size)
{
    const uintptr_t first = (uintptr_t)shadow_of(base);
    map_or_die(first, size >> 3, PROT_READ | PROT_WRITE, "the validity map");
    madvise((void *)first, size >> 3, MADV_DONTDUMP);
}

static void map_shadow(void)
{
    if (!sim_memory_is_sparse()) {
        map_shadow_of(0, 1ull << 47); /* what a user can address */
        return;
    }
    map_shadow_of(SIM_ARENA_BASE, SIM_ARENA_BYTES);
    map_shadow_of(SIM_STACK_BASE, (size_t)SIM_STACKS_MAX * SIM_STACK_STRIDE);
    map_shadow_of(SIM_FRAMES_BASE, SIM_FRAMES_BYTES);
    map_shadow_of(SIM_MODULE_BASE, SIM_MODULE_BYTES);
    /* What the executable lends to drivers. */
    extern char __executable_start[], _end[];
    uintptr_t first = (uintptr_t)__executable_start & ~(uintptr_t)(SHADOW_PAGE - 1);
    uintptr_t end = ((uintptr_t)_end + SHADOW_PAGE) & ~(uintptr_t)(SHADOW_PAGE - 1);
    map_shadow_of(first, end - first);
}

static void map_stacks(void)
{
    map_or_die(SIM_STACK_BASE, (size_t)SIM_STACKS_MAX * SIM_STACK_STRIDE, PROT_NONE, "stacks");
    for (unsigned i = 0; i < SIM_STACKS_MAX; i++) {
        uintptr_t low = SIM_STACK_BASE + (uintptr_t)i * SIM_STACK_STRIDE +
                        (SIM_STACK_STRIDE - SIM_STACK_BYTES);
        mprotect((void *)low, SIM_STACK_BYTES, PROT_READ | PROT_WRITE);
    }
}

/* 16 bytes at a time, the last ones overlapping; volatile, or the compiler makes a memset of it. */
SIM_NO_ASAN static inline void fill_short(uint8_t *p, size_t count, uint8_t value)
{
    typedef uint64_t pair __attribute__((vector_size(16), aligned(1), may_alias));
    typedef volatile uint64_t __attribute__((aligned(1), may_alias)) word;
    const uint64_t all = 0x0101010101010101ull * value;
    const pair both = {all, all};
    if (count < 8) {
        for (size_t i = 0; i < count; i++) {
            ((volatile uint8_t *)p)[i] = value;
        }
        return;
    }
    if (count < 16) {
        *(word *)p = all;
        *(word *)(p + count - 8) = all;
        return;
    }
    for (size_t i = 0; i < count - 16; i += 16) {
        *(volatile pair *)(p + i) = both;
    }
    *(volatile pair *)(p + count - 16) = both;
}

SIM_NO_ASAN static void shadow_fill(uintptr_t base, size_t size, uint8_t value)
{
    uint8_t *p = shadow_of(base);
    size_t count = size >> 3;
    if (count <= 128) { /* starting up rep stosb takes longer than this */
        fill_short(p, count, value);
        return;
    }
    /* Not memset: with the real runtime that would be intercepted and refused. */
    __asm__ volatile("rep stosb" : "+D"(p), "+c"(count) : "a"(value) : "memory");
}

void sim_memory_init(void)
{
    if (memory.ready) {
        return;
    }
    memory.ready = true;
    if (__asan_address_is_poisoned == NULL) {
        map_shadow();
    }
    map_or_die(SIM_ARENA_BASE, SIM_ARENA_BYTES, PROT_READ | PROT_WRITE, "the arena");
    map_or_die(SIM_FRAMES_BASE, SIM_FRAMES_BYTES, PROT_READ | PROT_WRITE, "frames");
    map_stacks();
    shadow_fill(SIM_ARENA_BASE, SIM_ARENA_BYTES, SIM_SHADOW_RED_ZONE);
    memory.top = SIM_ARENA_BASE;
    memory.frames_top = SIM_FRAMES_BASE;
}

void sim_memory_reset(struct sim *s)
{
    s->pageable = 0;
    s->is_hidden = false;
    if (memory.block_count != 0) {
        shadow_fill(SIM_ARENA_BASE, memory.top - SIM_ARENA_BASE, SIM_SHADOW_RED_ZONE);
        memory.top = SIM_ARENA_BASE;
        memory.block_count = 0;
    }
    if (memory.frames_top != SIM_FRAMES_BASE) {
        sim_frames_reset();
    }
}

SIM_NO_ASAN void sim_shadow_valid(uintptr_t base, size_t size)
{
    SIM_ASSERT((base & 7) == 0);
    shadow_fill(base, size, SIM_SHADOW_VALID);
    if ((size & 7) != 0) {
        *shadow_of(base + size) = (uint8_t)(size & 7);
    }
}

SIM_NO_ASAN void sim_shadow_poison(uintptr_t base, size_t size, enum sim_shadow why)
{
    SIM_ASSERT((base & 7) == 0);
    shadow_fill(base, (size + 7) & ~(size_t)7, (uint8_t)why);
}

SIM_NO_ASAN static void fill_bytes(void *p, size_t size, uint8_t value)
{
    if (size <= 256) {
        fill_short(p, size, value);
        return;
    }
    __asm__ volatile("rep stosb" : "+D"(p), "+c"(size) : "a"(value) : "memory");
}

void *sim_block_alloc(struct sim *s, size_t size, size_t align, uint8_t kind, uint32_t tag,
                      uint8_t fill, struct sim_block **out)
{
    SIM_ASSERT(align >= 16 && (align & (align - 1)) == 0);
    uintptr_t base = (memory.top + SIM_RED_ZONE + align - 1) & ~(uintptr_t)(align - 1);
    if (memory.block_count == SIM_BLOCKS_MAX || size > SIM_ARENA_BYTES ||
        base + size + SIM_RED_ZONE + 8 > SIM_ARENA_BASE + SIM_ARENA_BYTES) {
        return NULL;
    }
    memory.top = (base + size + SIM_RED_ZONE + 15) & ~(uintptr_t)15;
    struct sim_block *block = &memory.block[memory.block_count++];
    block->base = base;
    block->size = (uint32_t)size;
    block->tag = tag;
    block->object = 0;
    block->kind = kind;
    block->state = SIM_BLOCK_LIVE;
    block->pins = 0;
    block->born = sim_here(s);
    block->died.seq = 0;
    sim_shadow_valid(base, size);
    fill_bytes((void *)base, size, fill);
    if (out != NULL) {
        *out = block;
    }
    return (void *)base;
}

static void pageable_remove(struct sim *s, const struct sim_block *block)
{
    for (uint32_t i = 0; i < s->pageable; i++) {
        if (memory.pageable[i] == block) {
            memory.pageable[i] = memory.pageable[--s->pageable];
            return;
        }
    }
}

void sim_block_free(struct sim *s, struct sim_block *block)
{
    SIM_ASSERT(block->state == SIM_BLOCK_LIVE);
    block->state = SIM_BLOCK_FREED;
    block->died = sim_here(s);
    sim_shadow_poison(block->base, block->size, SIM_SHADOW_FREED);
    if (s->pageable != 0) {
        pageable_remove(s, block);
    }
}

/* ---- pageable blocks ---- */

void sim_block_pageable(struct sim *s, struct sim_block *block)
{
    if (s->pageable < SIM_PAGEABLE_MAX) {
        memory.pageable[s->pageable++] = block;
        block->pins = 0;
        sim_pageable_update(s);
    }
}

void sim_block_pin(struct sim *s, struct sim_block *block, int by)
{
    SIM_ASSERT(by > 0 || block->pins > 0 || block->state == SIM_BLOCK_FREED);
    block->pins = (uint16_t)(block->pins + by);
    if (s->is_hidden) {
        sim_pageable_reveal(s);
    }
    if (s->pageable != 0) {
        sim_pageable_update(s);
    }
}

void sim_pageable_reveal(struct sim *s)
{
    for (uint32_t i = 0; i < s->pageable; i++) {
        sim_shadow_valid(memory.pageable[i]->base, memory.pageable[i]->size);
    }
    s->is_hidden = false;
}

void sim_pageable_update(struct sim *s)
{
    bool hide = s->current->level >= SIM_LEVEL_NO_SWITCH;
    if (hide == s->is_hidden) {
        return;
    }
    if (!hide) {
        sim_pageable_reveal(s);
        return;
    }
    for (uint32_t i = 0; i < s->pageable; i++) {
        const struct sim_block *block = memory.pageable[i];
        if (block->pins == 0) {
            sim_shadow_poison(block->base, block->size, SIM_SHADOW_HIDDEN);
        }
    }
    s->is_hidden = true;
}

struct sim_block *sim_block_find(struct sim *s, uintptr_t address)
{
    (void)s;
    if (!sim_memory_is_arena(address) || memory.block_count == 0) {
        return NULL;
    }
    size_t low = 0, high = memory.block_count; /* block[low].base <= address < block[high].base */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (memory.block[middle].base <= address) {
            low = middle;
        } else {
            high = middle;
        }
    }
    struct sim_block *block = &memory.block[low];
    if (low + 1 < memory.block_count && address >= block->base + block->size &&
        block[1].base - address < address - (block->base + block->size)) {
        return block + 1;
    }
    return block;
}

struct sim_block *sim_blocks(struct sim *s, size_t *count)
{
    (void)s;
    *count = memory.block_count;
    return memory.block;
}

void sim_memory_allow(uintptr_t base, size_t size)
{
    SIM_ASSERT(memory.allowed_count < ALLOWED_MAX);
    if (sim_memory_is_module(base) && memory.image == 0) {
        memory.image = base;
        memory.image_end = base + size;
    }
    memory.allowed[memory.allowed_count].base = base;
    memory.allowed[memory.allowed_count].end = base + size;
    memory.allowed_count++;
}

bool sim_memory_is_arena(uintptr_t address)
{
    return address - SIM_ARENA_BASE < SIM_ARENA_BYTES;
}

bool sim_memory_is_module(uintptr_t address)
{
    return address - SIM_MODULE_BASE < SIM_MODULE_BYTES;
}

static bool is_fiber_stack(uintptr_t address)
{
    uintptr_t offset = address - SIM_STACK_BASE;
    return offset < (uintptr_t)SIM_STACKS_MAX * SIM_STACK_STRIDE &&
           offset % SIM_STACK_STRIDE >= SIM_STACK_STRIDE - SIM_STACK_BYTES;
}

static bool is_frame(uintptr_t address)
{
    return address - SIM_FRAMES_BASE < memory.frames_top - SIM_FRAMES_BASE;
}

bool sim_memory_is_stack(uintptr_t address)
{
    return is_fiber_stack(address) || is_frame(address);
}

static bool is_allowed(uintptr_t first, uintptr_t last)
{
    for (unsigned i = 0; i < memory.allowed_count; i++) {
        if (first >= memory.allowed[i].base && last < memory.allowed[i].end) {
            return true;
        }
    }
    return false;
}

/* first <= last. The regions are told apart by the bits above their 1 TiB. */
static inline bool is_mapped(uintptr_t first, uintptr_t last)
{
    enum { REGION_BITS = 40 };
    switch (first >> REGION_BITS) {
    case SIM_ARENA_BASE >> REGION_BITS:
        return last - SIM_ARENA_BASE < SIM_ARENA_BYTES;
    case SIM_STACK_BASE >> REGION_BITS:
        return is_fiber_stack(first) && is_fiber_stack(last) && last - first < SIM_STACK_BYTES;
    case SIM_FRAMES_BASE >> REGION_BITS:
        return is_frame(first) && is_frame(last) && last - first < SIM_STACK_BYTES;
    default:
        return is_allowed(first, last);
    }
}

SIM_NO_ASAN uint8_t sim_shadow_at(uintptr_t address)
{
    return *shadow_of(address);
}

/* All of [address, end), which is not empty, is valid: whole words of the map at a time. */
SIM_NO_ASAN static inline bool is_valid(uintptr_t address, uintptr_t end)
{
    typedef uint64_t __attribute__((aligned(1), may_alias)) word;
    const uint8_t *at = shadow_of(address), *last = shadow_of(end - 1);
    for (; last - at >= 8; at += 8) {
        if (*(const word *)at != 0) {
            return false;
        }
    }
    uint64_t rest = *(const word *)at & ~(UINT64_MAX << 8 * (last - at));
    return rest == 0 && (*last == 0 || (*last < 8 && (end - 1) % 8 < *last));
}

/* The first bad byte of [address, end), which are mapped. */
SIM_NO_ASAN static uintptr_t first_bad(uintptr_t address, uintptr_t end)
{
    for (uintptr_t granule = address & ~(uintptr_t)7; granule < end; granule += 8) {
        uint8_t value = *shadow_of(granule);
        uintptr_t from = granule < address ? address : granule;
        uintptr_t to = granule + 8 < end ? granule + 8 : end;
        if (value >= 8) {
            return from;
        }
        if (value != 0 && to > granule + value) {
            return from > granule + value ? from : granule + value;
        }
    }
    return end;
}

/* What a quick look cannot tell. */
SIM_NOINLINE static bool is_ok(uintptr_t address, size_t size, uintptr_t *bad)
{
    uintptr_t end = address + size;
    if (size == 0) {
        return true;
    }
    bool mapped = end > address && is_mapped(address, end - 1);
    if (SIM_LIKELY(mapped && is_valid(address, end))) {
        return true;
    }
    if (bad != NULL) {
        *bad = mapped ? first_bad(address, end) : address;
    }
    return false;
}

void sim_memory_map(uintptr_t base, size_t size, const char *what)
{
    map_or_die(base, size, PROT_READ | PROT_WRITE, what);
}

/* Both lie in the arena, in one fiber stack, or in the first image; they are near each other. */
SIM_INLINE bool is_usual(uintptr_t first, uintptr_t last)
{
    _Static_assert(SIM_STACK_STRIDE == 2 * SIM_STACK_BYTES, "a stack is the upper half of a slot");
    if (first - SIM_ARENA_BASE < SIM_ARENA_BYTES) {
        return true; /* above its last block all is invalid */
    }
    if (first - SIM_STACK_BASE < (uintptr_t)SIM_STACKS_MAX * SIM_STACK_STRIDE) {
        return (first & last & SIM_STACK_BYTES) != 0;
    }
    return first >= memory.image && last < memory.image_end;
}

/* A quick look at what drivers usually pass: all granules valid. is_ok does the rest. */
SIM_NO_ASAN bool sim_memory_ok(const void *p, size_t size, uintptr_t *bad)
{
    typedef uint64_t __attribute__((aligned(1), may_alias)) word;
    uintptr_t address = (uintptr_t)p, last = address + size - 1;
    if (SIM_LIKELY(size - 1 < QUICK_BYTES && is_usual(address, last))) {
        const uint8_t *at = shadow_of(address);
        size_t more = (last >> 3) - (address >> 3); /* granules after the first */
        for (; more >= 8 && *(const word *)at == 0; more -= 8) {
            at += 8;
        }
        if (SIM_LIKELY(more < 8 && *(const word *)at << (56 - 8 * more) == 0)) {
            return true;
        }
    }
    return is_ok(address, size, bad);
}

/* ---- frames ---- */

/* Who a frame belongs to, and its class, by its first 64 bytes. */
static struct {
    uint32_t owner;
    uint8_t class_index;
} frame_table[SIM_FRAMES_BYTES / 64];

static size_t frame_number(uintptr_t frame)
{
    return (frame - SIM_FRAMES_BASE) / 64;
}

uintptr_t sim_frame_alloc(size_t class_index)
{
    size_t size = (size_t)64 << class_index;
    if (!memory.ready || memory.frames_top + size > SIM_FRAMES_BASE + SIM_FRAMES_BYTES) {
        return 0; /* the caller falls back to its real stack */
    }
    uintptr_t frame = memory.frames_top;
    memory.frames_top += size;
    frame_table[frame_number(frame)].owner = /* constructors run before the first run */
        sim_current != NULL && sim_current->current != NULL ? sim_current->current->id : 0;
    frame_table[frame_number(frame)].class_index = (uint8_t)class_index;
    return frame;
}

void sim_frame_free(uintptr_t frame, size_t class_index)
{
    sim_shadow_poison(frame, (size_t)64 << class_index, SIM_SHADOW_RETURNED);
}

void sim_frames_retire(uint32_t owner)
{
    size_t size;
    for (uintptr_t frame = SIM_FRAMES_BASE; frame < memory.frames_top; frame += size) {
        size_t number = frame_number(frame);
        size = (size_t)64 << frame_table[number].class_index;
        if (frame_table[number].owner == owner) {
            sim_frame_free(frame, frame_table[number].class_index);
        }
    }
}

void sim_frames_reset(void)
{
    sim_shadow_valid(SIM_FRAMES_BASE, memory.frames_top - SIM_FRAMES_BASE);
    memory.frames_top = SIM_FRAMES_BASE;
}
