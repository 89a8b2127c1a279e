/* SPDX-License-Identifier: MIT */
/*
 * The bluetooth model through the engine: the accesses and points of bench/bare_loop.c, but each
 * fiber is a thread of the engine, each access enters like a routine of the WDK (call site, level
 * against the table of limits), who runs is drawn by the random walk, and start and end of a thread
 * are the engine's. The first thread of the run creates the second and is the stopper. No log, no
 * trace.
 *
 * The model is small enough to know the truth: of these two fibers, a random pick before the first
 * starts and before each access, 15 runs in 512 break the assertion (by enumeration; with both
 * threads started it would be 10 in 256). A bench that measures another model would not show that
 * rate, so the row checks it.
 */
#include <math.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "sim/sim.h"

enum routine { ROUTINE_READ, ROUTINE_WRITE, ROUTINE_SET_EVENT, ROUTINES };
static const uint8_t level_low[ROUTINES] = {0, 0, 0};
static const uint8_t level_high[ROUTINES] = {2, 2, 2};

static struct {
    struct sim_ctx *stopper;
    bool adding;
    int pending_io, stopping_flag, stopping_event, stopped, failed;
    uint64_t failures;
} device;

static void unexpected(struct sim *s)
{
    sim_limit(s, "the bluetooth model cannot come here");
}

/* What model_enter does, less the entry in the trace. */
static inline void enter(enum routine routine, const int *object)
{
    struct sim *s = sim_current;
    struct sim_ctx *c = s->current;
    c->site = (uintptr_t)__builtin_return_address(0);
    c->frame = (uintptr_t)__builtin_frame_address(0);
    c->routine = (uint16_t)routine;
    if (SIM_UNLIKELY(c->level > level_high[routine] || c->level < level_low[routine])) {
        unexpected(s);
    }
    sim_point(s, SIM_OP_CALL, (uintptr_t)object);
}

static void release(void)
{
    enter(ROUTINE_WRITE, &device.pending_io);
    int left = --device.pending_io;
    if (left == 0) {
        enter(ROUTINE_SET_EVENT, &device.stopping_event);
        device.stopping_event = 1;
    }
}

static void adder(struct sim *s, void *argument)
{
    (void)s;
    (void)argument;
    enter(ROUTINE_READ, &device.stopping_flag);
    if (!device.stopping_flag) {
        enter(ROUTINE_WRITE, &device.pending_io);
        device.pending_io++;
        enter(ROUTINE_READ, &device.stopped);
        device.failed |= device.stopped;
    }
    release();
}

static void stopper(struct sim *s, void *argument)
{
    (void)s;
    (void)argument;
    enter(ROUTINE_WRITE, &device.stopping_flag);
    device.stopping_flag = 1;
    release();
    enter(ROUTINE_READ, &device.stopping_event);
    if (device.stopping_event) {
        enter(ROUTINE_WRITE, &device.stopped);
        device.stopped = 1;
    }
}

static void adder_done(struct sim *s, struct sim_ctx *c)
{
    (void)c;
    device.adding = false;
    if (device.stopper->state == SIM_BLOCKED) {
        sim_finish(s); /* both are done */
    }
}

/* The first thread makes the second, is the stopper itself, and waits for the other. */
static void first(struct sim *s, void *argument)
{
    const struct sim_ctx_params add = {.kind = SIM_THREAD, .entry = adder, .name = "adder",
                                       .bound = -1};
    device.stopper = s->current;
    device.adding = true;
    sim_spawn(s, NULL, &add);
    sim_point(s, SIM_OP_CALL, 0); /* who starts */
    stopper(s, argument);
    if (device.adding) {
        sim_block(s);
    }
}

static const struct sim_hooks hooks = {
    .deadlock = unexpected,
    .livelock = unexpected,
    .context_done = adder_done,
};

static void run_once(struct sim *s, struct choice_source *source)
{
    device.pending_io = 1;
    device.stopping_flag = device.stopping_event = device.stopped = device.failed = 0;
    source->seed++;
    enum sim_verdict verdict = sim_run(s, first, NULL, NULL, source, NULL);
    SIM_ASSERT(verdict == SIM_VERDICT_OK);
    device.failures += (uint64_t)device.failed;
}

struct bench_rate bench_bluetooth(double seconds)
{
    static uint64_t seed;
    struct bench_rate rate = {0};
    struct choice_source source = {.kind = CHOICE_RANDOM, .switch_one_in = 1};
    struct sim *s = sim_create(&hooks);
    source.seed = seed;
    device.failures = 0;
    double start = bench_now(), now = start;
    while (now - start < seconds) {
        for (int i = 0; i < 10000; i++) {
            run_once(s, &source);
            rate.points += s->steps;
        }
        rate.runs += 10000;
        now = bench_now();
    }
    seed = source.seed;
    rate.seconds = now - start;
    return rate;
}

double bench_bluetooth_failed(const struct bench_rate *rate)
{
    return (double)device.failures / (double)rate->runs;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/*
 * The two loops take turns in slices of 50 ms, and the median of the ratios counts: a machine that
 * changes its speed changes both.
 */
void bench_row_bluetooth(struct bench_report *r, const struct bench_settings *settings)
{
    enum { SLICES_MAX = 1000 };
    static double bare[SLICES_MAX], engine[SLICES_MAX], ratio[SLICES_MAX];
    int slices = (int)(settings->seconds * 10);
    slices = slices < 5 ? 5 : slices > SLICES_MAX ? SLICES_MAX : slices;
    double failed = 0, runs = 0;
    for (int i = 0; i < slices; i++) {
        struct bench_rate a = bench_bare_loop(0.05), b = bench_bluetooth(0.05);
        bare[i] = (double)a.runs / a.seconds;
        engine[i] = (double)b.runs / b.seconds;
        ratio[i] = engine[i] / bare[i];
        failed += bench_bluetooth_failed(&b) * (double)b.runs;
        runs += (double)b.runs;
    }
    qsort(bare, (size_t)slices, sizeof *bare, by_value);
    qsort(engine, (size_t)slices, sizeof *engine, by_value);
    qsort(ratio, (size_t)slices, sizeof *ratio, by_value);
    const double truth = 15.0 / 512;
    if (fabs(failed / runs - truth) > 6 * sqrt(truth / runs)) {
        bench_error(r, "the model fails in %.4f of its runs, not in %.4f", failed / runs, truth);
        return;
    }
    bench_add(r, "bluetooth / bare loop", ratio[slices / 2] / 0.6, ">= 0.60", "%.2f",
              ratio[slices / 2]);
    bench_add(r, "  schedules per second", 0, "", "%.2f M (bare loop %.2f M)",
              engine[slices / 2] / 1e6, bare[slices / 2] / 1e6);
}
