/* SPDX-License-Identifier: MIT */
/* What the engine's own files share with each other and with nobody else. */
#ifndef SIM_SIM_INTERNAL_H
#define SIM_SIM_INTERNAL_H

#include "sim.h"

enum { SIM_DEVIATION_NONE = UINT32_MAX };

/* trace.c */
void trace_reset(void);

/* choice.c: prepares the source of a run; decodes bytes. */
void choice_reset(struct sim *s);
/*
 * The context to run next, among s->enabled (not empty). `from` is the context on which the
 * decision counts, `normal` the default answer. Records a deviation if the answer is another one.
 */
struct sim_ctx *choice_schedule(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal);
/* Points until choice_schedule must be asked again for this context (>= 0). */
int64_t choice_horizon(struct sim *s, const struct sim_ctx *c);
/* The run has ended: a recording that was not used up has diverged. */
void choice_finish(struct sim *s);
/* The current context gave way of its own accord: PCT lowers it. */
void choice_demote(struct sim *s, struct sim_ctx *c);
/* A context was created: gives it its place in the source (priority, deviation list). */
void choice_context(struct sim *s, struct sim_ctx *c);

/* fiber.c: machine contexts on pooled stacks. */
void fiber_start(struct sim *s, struct sim_ctx *c);   /* at the first switch to it, not before */
void fiber_release(struct sim *s, struct sim_ctx *c); /* gives the stack back */
void fiber_switch(struct sim_ctx *from, struct sim_ctx *to);
void fiber_enter(struct sim_ctx *to);                 /* from the main stack; returns at the end */
__attribute__((noreturn)) void fiber_leave(void);     /* back to the main stack, for good */
void fiber_reset(struct sim *s);

/* events.c */
void events_reset(struct sim *s);
bool events_fire_next(struct sim *s); /* moves the clock; false if none is pending */

/* sched.c: body of a context; never returns. */
__attribute__((noreturn)) void sched_context_main(struct sim *s, struct sim_ctx *c);

#endif
