/* SPDX-License-Identifier: MIT */
/* A bare engine for tests: hooks that end the run with a named limit, and one log. */
#ifndef TESTS_SIM_ENGINE_H
#define TESTS_SIM_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/sim.h"

static inline void engine_deadlock(struct sim *s)
{
    sim_limit(s, "deadlock");
}
static inline void engine_livelock(struct sim *s)
{
    sim_limit(s, "livelock");
}
static inline void engine_done(struct sim *s, struct sim_ctx *c)
{
    (void)s;
    (void)c;
}
static const struct sim_hooks engine_hooks = {
    .deadlock = engine_deadlock, .livelock = engine_livelock, .context_done = engine_done};

static struct choice_log engine_log;

/* One run; the log is engine_log. */
static inline enum sim_verdict engine_run(void (*main)(struct sim *s, void *argument),
                                          void *argument, const struct choice_source *source)
{
    return sim_run(sim_create(&engine_hooks), main, argument, NULL, source, &engine_log);
}

static inline struct sim_ctx *engine_thread(struct sim *s, void (*entry)(struct sim *, void *),
                                            void *argument)
{
    const struct sim_ctx_params p = {.kind = SIM_THREAD, .entry = entry, .argument = argument,
                                     .name = "thread", .bound = -1};
    return sim_spawn(s, NULL, &p);
}

static inline struct sim_ctx *engine_interrupt(struct sim *s, int8_t processor,
                                               void (*entry)(struct sim *, void *), void *argument)
{
    const struct sim_ctx_params p = {.kind = SIM_INTERRUPT, .entry = entry, .argument = argument,
                                     .name = "interrupt", .level = SIM_LEVEL_NO_SWITCH,
                                     .bound = processor};
    return sim_spawn(s, NULL, &p);
}

#endif
