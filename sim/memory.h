/* SPDX-License-Identifier: MIT */
/*
 * The memory a driver can see, and the map that says which of its bytes are valid.
 *
 * Four regions at fixed addresses, so that a driver that hashes pointers still replays:
 *
 *   arena   0x200000000000  pool, IRPs, MDLs, sockets: whatever the model hands to the driver
 *   stacks  0x210000000000  fiber stacks, 64 KiB each with an unmapped gap below
 *   frames  0x220000000000  frames of checked functions (a returned frame stays recognisable)
 *   module  0x230000000000  the driver itself, linked there (sim/module.h)
 *
 * The validity map is the shadow that AddressSanitizer instrumentation reads: one byte for eight,
 * at (address >> 3) + 0x7fff8000; 0 = all valid, 1..7 = only the first n, else invalid, and why.
 * The engine maps it itself (an engine built with the real runtime uses that runtime's). Plain
 * modules do not look at it, but the engine does before it touches anything of the driver, in all
 * builds.
 *
 * Invariants:
 *  1. Blocks are cut upward and never reused within a run; the registry is sorted by address.
 *  2. Between runs everything up to the high-water mark is invalid again; cost follows use.
 *  3. A freed block stays registered (state FREED) until the run ends, so that a touch can name it.
 *  4. A pageable block is marked HIDDEN exactly while the context that runs is at a level that
 *     permits no switch, unless it is pinned or was revealed since; costs nothing without such
 *     blocks.
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "base.h"

#define SIM_ARENA_BASE 0x200000000000ull
#define SIM_ARENA_BYTES (64ull << 20) /* a run of a driver uses KiB; 64 MiB is a leak storm */
#define SIM_STACK_BASE 0x210000000000ull
#define SIM_STACK_BYTES (64u << 10)
#define SIM_STACK_STRIDE (128u << 10)
#define SIM_STACKS_MAX 256u /* threads and interrupts alive at once */
#define SIM_FRAMES_BASE 0x220000000000ull
#define SIM_FRAMES_BYTES (64ull << 20)
#define SIM_MODULE_BASE 0x230000000000ull
#define SIM_MODULE_BYTES (4ull << 30)
#define SIM_SHADOW_OFFSET 0x7fff8000ull
#define SIM_BLOCKS_MAX 65536u
#define SIM_RED_ZONE 16u
#define SIM_PAGEABLE_MAX 256u

/* Shadow values; the numbers are those of AddressSanitizer where it has one. */
enum sim_shadow {
    SIM_SHADOW_VALID = 0x00,
    SIM_SHADOW_RED_ZONE = 0xfa,
    SIM_SHADOW_FREED = 0xfd,
    SIM_SHADOW_RETURNED = 0xf5, /* frame of a function that has returned */
    SIM_SHADOW_HIDDEN = 0xf6,   /* a pageable block while the current level is too high for it */
    SIM_SHADOW_OWNED = 0xf7,    /* valid memory that the client may not touch at this moment */
};

enum sim_block_state { SIM_BLOCK_LIVE, SIM_BLOCK_FREED };

/* Where something happened: enough to find the event again when the run is repeated. */
struct sim_where {
    uint64_t seq;     /* number of the trace event, 1.. ; 0 = nowhere */
    uint32_t context; /* sim_ctx.id */
    uint16_t routine; /* caller's numbering (model/routines.h); 0 = none */
    uintptr_t site;   /* return address in the driver, 0 if none */
};

struct sim_block {
    uintptr_t base;
    uint32_t size;
    uint32_t tag;    /* pool tag, or 0 */
    uint32_t object; /* trace id of the object it holds, or 0 */
    uint8_t kind;    /* caller's numbering: which allocator, which pool */
    uint8_t state;   /* enum sim_block_state */
    uint16_t pins;   /* pageable: locked in memory so many times */
    struct sim_where born, died;
};

struct sim;

/*
 * An executable that defines this to return true gets only those parts of the validity map that
 * speak of the four regions, so that valgrind finds room for itself (bench/phases.c). A checked
 * driver that follows a wild pointer then faults in its check.
 */
bool sim_memory_is_sparse(void);

/* Maps the regions and the shadow, once per process, before any module is loaded. */
void sim_memory_init(void);

/* Address space at a fixed address, filled as it is used; ends the process if it is not free. */
void sim_memory_map(uintptr_t base, size_t size, const char *what);

/* Forgets all blocks of the run before; cost follows what that run used. */
void sim_memory_reset(struct sim *s);

/*
 * Cuts a block of size bytes (0 allowed), aligned to align (a power of two, at least 16), with red
 * zones around it. The content is the byte `fill`. Returns NULL when the arena or the registry is
 * full; the caller decides what that means. The block is named by *out if out is not NULL.
 */
void *sim_block_alloc(struct sim *s, size_t size, size_t align, uint8_t kind, uint32_t tag,
                      uint8_t fill, struct sim_block **out);

/* Invalidates a live block; its contents stay for the report. */
void sim_block_free(struct sim *s, struct sim_block *block);

/* The block that holds the address (red zones belong to the nearer block), or NULL. */
struct sim_block *sim_block_find(struct sim *s, uintptr_t address);

/* A live block is pageable until it is freed. Blocks beyond SIM_PAGEABLE_MAX are not watched. */
void sim_block_pageable(struct sim *s, struct sim_block *block);
/* Locked in memory (+1), or unlocked (-1); other blocks do not care. */
void sim_block_pin(struct sim *s, struct sim_block *block, int by);
/* The level of the current context changed, or another context goes on. */
void sim_pageable_update(struct sim *s);
/* Makes them accessible until the next update: the engine itself is at work. */
void sim_pageable_reveal(struct sim *s);

/* All blocks in order of birth, for leak reports. */
struct sim_block *sim_blocks(struct sim *s, size_t *count);

/* Marks [base, base+size) valid, or invalid with the given reason. base is 8-aligned. */
void sim_shadow_valid(uintptr_t base, size_t size);
void sim_shadow_poison(uintptr_t base, size_t size, enum sim_shadow why);

/*
 * True if every byte of [p, p+size) lies in one of the regions (or in what sim_memory_allow
 * named) and is valid. If not, *bad (may be NULL) is the first bad address.
 */
SIM_MUST_USE bool sim_memory_ok(const void *p, size_t size, uintptr_t *bad);

/* The shadow byte of an address in one of the regions. */
uint8_t sim_shadow_at(uintptr_t address);

/*
 * Adds a range (the module's image, constants of ours that a driver may pass back) to the valid
 * ones.
 */
void sim_memory_allow(uintptr_t base, size_t size);

/* True if the address lies in a fiber stack or frame; in the module's image. */
bool sim_memory_is_stack(uintptr_t address);
bool sim_memory_is_module(uintptr_t address);
bool sim_memory_is_arena(uintptr_t address);

/* Frames of checked functions, for sim/support: size class 0..10 (64 << class bytes). */
uintptr_t sim_frame_alloc(size_t class_index);
void sim_frame_free(uintptr_t frame, size_t class_index);
/* The context has ended without returning: its frames are left. */
void sim_frames_retire(uint32_t owner);
void sim_frames_reset(void);

#endif
