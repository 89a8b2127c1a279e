/* SPDX-License-Identifier: MIT */
/*
 * The switch between two contexts, inline: each call level between a point and the jump costs a
 * mispredicted return when the context comes back, because another one has returned meanwhile.
 */
#ifndef SIM_FIBER_H
#define SIM_FIBER_H

#include "sim_internal.h"

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif

struct fiber_transfer {
    void *context; /* where the one that jumped here can be resumed */
    void *data;    /* its sim_ctx; NULL = the main stack */
};
extern struct fiber_transfer jump_fcontext(void *to, void *data);
extern void *make_fcontext(void *stack_top, size_t size, void (*entry)(struct fiber_transfer));

/* Slots of stacks: a set bit is a slot taken. */
extern uint64_t fiber_used[SIM_STACKS_MAX / 64];
/* The slot that is free once its stack is left: a bit of a word of fiber_used, or no bit. */
extern struct fiber_pending {
    uint64_t bit;
    unsigned word;
} fiber_pending;

/* After a jump: remembers where the context left can be resumed; frees the stack it gave back. */
SIM_INLINE void fiber_arrived(struct fiber_transfer from)
{
    ((struct sim_ctx *)from.data)->fiber = from.context;
    fiber_used[fiber_pending.word] &= ~fiber_pending.bit;
    fiber_pending.bit = 0;
}

#ifdef FIBER_ASAN
void fiber_switch(struct sim_ctx *from, struct sim_ctx *to);
void fiber_enter(struct sim_ctx *to);
#else
SIM_INLINE void fiber_switch(struct sim_ctx *from, struct sim_ctx *to)
{
    fiber_arrived(jump_fcontext(to->fiber, from));
}
/* From the main stack; returns at the end. */
SIM_INLINE void fiber_enter(struct sim_ctx *to)
{
    jump_fcontext(to->fiber, NULL);
}
#endif

#endif
