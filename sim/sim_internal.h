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
/* The answer of every source but the walk. */
struct sim_ctx *choice_ask(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal);
/* The clock has jumped at a point at which the context may go on: is there more to say there? */
bool choice_asks_again(const struct sim *s, const struct sim_ctx *from);
/* Points until choice_schedule must be asked again for this context (>= 0). */
int64_t choice_horizon(struct sim *s, const struct sim_ctx *c);
/* The run has ended: a recording that was not used up has diverged. */
void choice_finish(struct sim *s);
/* The current context gave way of its own accord: PCT lowers it. */
void choice_demote(struct sim *s, struct sim_ctx *c);
/* A context was created: gives it its place in the source (priority, deviation list). */
void choice_place(struct sim *s, struct sim_ctx *c);
SIM_INLINE void choice_context(struct sim *s, struct sim_ctx *c)
{
    c->next_entry = SIM_DEVIATION_NONE;
    if (s->source->kind != CHOICE_RANDOM && s->source->kind != CHOICE_TAME) {
        choice_place(s, c);
    }
}

/*
 * The next number of the seeded source. It was made when the one before was taken: a decision that
 * hangs on it should not have to wait.
 */
SIM_INLINE uint64_t choice_draw(struct sim *s)
{
    uint64_t drawn = s->drawn;
    s->drawn = sim_random(&s->random);
    return drawn;
}
SIM_INLINE uint32_t choice_draw_below(struct sim *s, uint32_t count)
{
    return (uint32_t)(((choice_draw(s) >> 32) * (uint64_t)count) >> 32);
}

/* The walk: any of them alike, but the clock less often. */
SIM_INLINE struct sim_ctx *choice_walk(struct sim *s)
{
    enum { CLOCK_DAMPING = 8 };
    uint32_t at = choice_draw_below(s, s->enabled_count);
    if (s->enabled[at] == &s->clock && s->enabled_count > 1 &&
        choice_draw_below(s, CLOCK_DAMPING) != 0) {
        at = choice_draw_below(s, s->enabled_count - 1); /* the clock is the last one */
    }
    return s->enabled[at];
}

SIM_INLINE void choice_log_deviation(struct sim *s, struct sim_ctx *from,
                                        const struct sim_ctx *next)
{
    struct choice_log *log = s->log;
    uint32_t points = from->points - from->last_deviation;
    from->last_deviation = from->points;
    if (log == NULL) {
        return;
    }
    if (log->deviation_count == CHOICE_DEVIATIONS_MAX) {
        log->overflow = 1;
        return;
    }
    log->deviation[log->deviation_count] =
        (struct choice_deviation){.context = from->id, .points = points, .alternative = next->id};
    __atomic_signal_fence(__ATOMIC_RELEASE);
    log->deviation_count++;
}

/*
 * The context to run next, among s->enabled (two or more). `from` is the context on which the
 * decision counts, `normal` the default answer. Records a deviation if the answer is another one.
 */
SIM_INLINE struct sim_ctx *choice_schedule(struct sim *s, struct sim_ctx *from,
                                              struct sim_ctx *normal)
{
    struct sim_ctx *next = s->source->kind == CHOICE_RANDOM ? choice_walk(s)
                                                            : choice_ask(s, from, normal);
    if (next != normal) {
        choice_log_deviation(s, from, next);
    }
    return next;
}

/* search_walk.c: source CHOICE_SEARCH. Asked at every decision, with one alternative, too. */
struct sim_ctx *search_decide(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal);
uint32_t search_value(struct sim *s, enum choice_stream stream, uint32_t count);
/* The step in progress lets this context run. */
void search_enables(struct sim *s, const struct sim_ctx *c);
/* c, whose first step has just begun, interrupts `below`: it comes after what that has done. */
void search_follows(struct sim *s, const struct sim_ctx *c, const struct sim_ctx *below);
SIM_INLINE void sched_enables(struct sim *s, const struct sim_ctx *c)
{
    if (SIM_UNLIKELY(s->source->kind == CHOICE_SEARCH)) {
        search_enables(s, c);
    }
}

/* fiber.c: machine contexts on pooled stacks; the switch itself is in fiber.h. */
void fiber_start(struct sim *s, struct sim_ctx *c);   /* at the first switch to it, not before */
void fiber_release(struct sim *s, struct sim_ctx *c); /* gives the stack back */
__attribute__((noreturn)) void fiber_leave(void);     /* back to the main stack, for good */
void fiber_reset(struct sim *s);

/* events.c */
void events_reset(struct sim *s);
bool events_fire_next(struct sim *s); /* moves the clock; false if none is pending */
sim_time events_next_time(struct sim *s); /* at least one is pending */

/* sched.c */
void sched_ask_soon(struct sim *s); /* the next point of the current context asks */
/* What is enabled has changed; somebody to whom the source may switch may have appeared. */
SIM_INLINE void sched_dirty(struct sim *s)
{
    s->enabled_state = SIM_ENABLED_DIRTY;
    if (s->is_alone) {
        sched_ask_soon(s);
    }
}
/* Body of a context; never returns. */
__attribute__((noreturn)) void sched_context_main(struct sim *s, struct sim_ctx *c);

/* sched.c: all contexts of a run by age, and the first one, placed and ready to be entered. */
enum { SIM_ID_IDLE = 2 /* + processor */ };
extern struct sim_ctx sim_contexts[SIM_CONTEXTS_MAX];
void sched_reset(struct sim *s);
struct sim_ctx *sched_first(struct sim *s, const struct sim_ctx_params *params);
void sched_account(struct sim *s); /* the points of the current context, at the end of a run */

#endif
