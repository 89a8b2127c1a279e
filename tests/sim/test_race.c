/* SPDX-License-Identifier: MIT */
/*
 * The race detector on a bare engine (sim/race.c, sim/race_shadow.c, sim/race_clock.h,
 * sim/access.c): clocks, each kind of pair, what orders and what does not, words of different
 * widths, readers, memory with a new life.
 */
#include "tests/sim/engine.h"

#include <string.h>

#include "sim/race.h"
#include "sim/race_clock.h"

enum { NONE = -1, SITE = 0x1000 };

static struct {
    int idiom; /* of the last race; NONE = there was none */
    unsigned count;
    struct sim_race race;
    uint8_t *memory;
} seen;

static void on_race(struct sim *s, const struct sim_race *race)
{
    (void)s;
    seen.idiom = (int)race->idiom;
    seen.race = *race;
    seen.count++;
}

static const struct sim_hooks race_hooks = {.deadlock = engine_deadlock,
                                            .livelock = engine_livelock,
                                            .context_done = engine_done,
                                            .race = on_race};

static void run(void (*main)(struct sim *s, void *argument), void *argument)
{
    static const struct sim_options options = {.races = true};
    static const struct choice_source tame;
    seen.idiom = NONE;
    seen.count = 0;
    struct sim *s = sim_create(&race_hooks);
    assert_int_equal(sim_run(s, main, argument, &options, &tame, &engine_log), SIM_VERDICT_OK);
}

/* An access as a module reports it, and then does it. */
static void access_at(struct sim *s, size_t offset, size_t size, unsigned how, uint32_t value)
{
    static uintptr_t site = SIM_MODULE_BASE + SITE;
    race_access(s, (uintptr_t)seen.memory + offset, size, how, site++, 0);
    if ((how & SIM_ACCESS_WRITE) != 0) {
        memcpy(seen.memory + offset, &value, size < sizeof value ? size : sizeof value);
    }
}

static void memory_new(struct sim *s)
{
    seen.memory = sim_block_alloc(s, 256, 16, 0, 0, 0, NULL);
}

/* ---- clocks ---- */

static void clocks(void **state)
{
    static struct race_clock a, b;
    (void)state;
    a.count = b.count = 0;
    race_clock_set(&a, 2, 7, 5);
    assert_int_equal(race_clock_at(&a, 0, 5), 5);
    assert_int_equal(race_clock_at(&a, 2, 5), 7);
    assert_int_equal(race_clock_at(&a, 9, 5), 5);
    race_clock_set(&b, 0, 9, 5);
    race_clock_join(&b, &a);
    assert_int_equal(b.count, 3);
    assert_int_equal(race_clock_at(&b, 0, 5), 9);
    assert_int_equal(race_clock_at(&b, 2, 5), 7);
    race_clock_join(&a, &b);
    assert_int_equal(race_clock_at(&a, 0, 5), 9);
    race_clock_copy(&a, &b);
    assert_memory_equal(a.at, b.at, 3 * sizeof a.at[0]);
}

/* ---- pairs ---- */

#define R 0u
#define W ((unsigned)SIM_ACCESS_WRITE)
#define VR ((unsigned)SIM_ACCESS_VOLATILE | SIM_ACCESS_ACQUIRE)
#define VW (W | SIM_ACCESS_VOLATILE | SIM_ACCESS_RELEASE)
#define AT (W | SIM_ACCESS_ATOMIC | SIM_ACCESS_ACQUIRE | SIM_ACCESS_RELEASE)
#define FREE (W | SIM_ACCESS_FREE)
#define UPDATE 0x100u /* read, then write */

struct pair {
    const char *name;
    unsigned first, second;
    uint32_t value[3]; /* before, written by the first, by the second */
    int idiom;
};

static const struct pair *pair;
static bool is_ordered;
static int key;

static void one_side(struct sim *s, unsigned how, uint32_t value)
{
    if ((how & UPDATE) != 0) {
        bool is_volatile = (how & SIM_ACCESS_VOLATILE) != 0;
        access_at(s, 0, 4, is_volatile ? VR : R, 0);
        how &= ~UPDATE;
    }
    access_at(s, 0, 4, how, value);
}

static void first(struct sim *s, void *argument)
{
    (void)argument;
    one_side(s, pair->first, pair->value[1]);
    if (is_ordered) {
        sim_hb_release(s, &key);
    }
}

static void second(struct sim *s, void *argument)
{
    (void)argument;
    if (is_ordered) {
        sim_hb_acquire(s, &key);
    }
    one_side(s, pair->second, pair->value[2]);
}

static void wake(struct sim *s, void *argument, uint64_t value)
{
    (void)value;
    sim_wake(s, argument);
}

static void wait_for_all(struct sim *s)
{
    sim_event_add(s, SIM_MS(1), wake, s->current, 0);
    sim_block(s);
}

static void in_two(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    memcpy(seen.memory, &pair->value[0], sizeof pair->value[0]);
    engine_thread(s, first, NULL);
    engine_thread(s, second, NULL);
    wait_for_all(s);
}

static void kinds_of_pairs(void **state)
{
    static const struct pair pairs[] = {
        {"two reads", R, R, {5, 5, 5}, NONE},
        {"write and read", W, R, {5, 6, 6}, SIM_RACE_PLAIN},
        {"read and write", R, W, {5, 5, 6}, SIM_RACE_PLAIN},
        {"two writes", W, W, {5, 6, 7}, SIM_RACE_PLAIN},
        {"two updates", W | UPDATE, W | UPDATE, {0, 1, 2}, SIM_RACE_PLAIN},
        {"a flag is set", W, R, {0, 1, 1}, SIM_RACE_FLAG},
        {"a flag is cleared behind a look", R, W, {1, 1, 0}, SIM_RACE_FLAG},
        {"an update makes no flag", R, W | UPDATE, {0, 0, 1}, SIM_RACE_PLAIN},
        {"the first write changes nothing", W, R, {5, 5, 5}, SIM_RACE_SAME_VALUE},
        {"the second write changes nothing", W, W, {5, 6, 6}, SIM_RACE_SAME_VALUE},
        {"two volatile", VW, VR, {5, 6, 6}, NONE},
        {"two blind volatile writes", VW, VW, {5, 6, 7}, NONE},
        {"volatile beside plain", VW, R, {5, 6, 6}, SIM_RACE_VOLATILE},
        {"two interlocked", AT, AT, {5, 6, 7}, NONE},
        {"interlocked beside a load", AT, R, {5, 6, 6}, SIM_RACE_INTERLOCKED},
        {"interlocked beside a store", W, AT, {5, 6, 7}, SIM_RACE_INTERLOCKED},
        {"interlocked beside an update", AT, W | UPDATE, {5, 6, 7}, SIM_RACE_MIXED_UPDATE},
        {"freed after a read", R, FREE, {5, 5, 5}, SIM_RACE_FREED},
        {"freed after an interlocked operation", AT, FREE, {5, 6, 6}, SIM_RACE_FREED},
    };
    (void)state;
    for (size_t i = 0; i < SIM_COUNT(pairs); i++) {
        pair = &pairs[i];
        is_ordered = false;
        run(in_two, NULL);
        if (seen.idiom != pair->idiom) {
            fail_msg("%s: %d instead of %d", pair->name, seen.idiom, pair->idiom);
        }
        is_ordered = true;
        run(in_two, NULL);
        if (seen.idiom != NONE) {
            fail_msg("%s, ordered: %d", pair->name, seen.idiom);
        }
    }
}

/* ---- a volatile update that loses another one ---- */

static void reads_early(struct sim *s, void *argument)
{
    access_at(s, 0, 4, VR, 0);
    sim_event_add(s, s->now + 1, wake, s->current, 0);
    sim_block(s);
    (void)argument;
    access_at(s, 0, 4, VW, 1);
}

static void updates(struct sim *s, void *argument)
{
    (void)argument;
    access_at(s, 0, 4, VR, 0);
    access_at(s, 0, 4, VW, 1);
}

static void overlapping(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    engine_thread(s, reads_early, NULL);
    engine_thread(s, updates, NULL);
    wait_for_all(s);
}

static void apart(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    engine_thread(s, updates, NULL);
    engine_thread(s, updates, NULL);
    wait_for_all(s);
}

static void lost_update(void **state)
{
    (void)state;
    run(overlapping, NULL);
    assert_int_equal(seen.idiom, SIM_RACE_LOST_UPDATE);
    run(apart, NULL);
    assert_int_equal(seen.idiom, NONE);
}

/* ---- what the engine orders by itself ---- */

static void writes(struct sim *s, void *argument)
{
    (void)argument;
    access_at(s, 0, 4, W, 7);
}

static void fires(struct sim *s, void *argument, uint64_t value)
{
    (void)argument;
    (void)value;
    engine_thread(s, writes, NULL); /* after what came before the event was made */
}

static void by_spawn_and_event(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    access_at(s, 0, 4, W, 5);
    sim_event_add(s, SIM_MS(1), fires, NULL, 0);
    sim_event_add(s, SIM_MS(2), wake, s->current, 0);
    sim_block(s);
}

static void after_the_event_was_made(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    sim_event_add(s, SIM_MS(1), fires, NULL, 0);
    sim_event_add(s, SIM_MS(2), wake, s->current, 0);
    access_at(s, 0, 4, W, 5);
    sim_block(s);
}

static struct sim_ctx *sleeper;

static void wakes(struct sim *s, void *argument)
{
    access_at(s, 0, 4, W, 5);
    sim_wake(s, sleeper);
    (void)argument;
}

static void by_wake(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    sleeper = s->current;
    engine_thread(s, wakes, NULL);
    sim_block(s);
    access_at(s, 0, 4, W, 6);
}

static void life_of_contexts(void **state)
{
    (void)state;
    run(by_spawn_and_event, NULL);
    assert_int_equal(seen.idiom, NONE);
    run(after_the_event_was_made, NULL);
    assert_int_equal(seen.idiom, SIM_RACE_PLAIN);
    run(by_wake, NULL);
    assert_int_equal(seen.idiom, NONE);
}

/* ---- fences ---- */

static bool has_fences;

static void publishes(struct sim *s, void *argument)
{
    (void)argument;
    access_at(s, 0, 4, W, 7);
    if (has_fences) {
        sim_hb_fence(s);
    }
    access_at(s, 4, 4, W | SIM_ACCESS_ATOMIC, 1);
}

static void looks(struct sim *s, void *argument)
{
    (void)argument;
    access_at(s, 4, 4, SIM_ACCESS_ATOMIC, 0);
    if (has_fences) {
        sim_hb_fence(s);
    }
    access_at(s, 0, 4, R, 0);
}

static void published(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    engine_thread(s, publishes, NULL);
    engine_thread(s, looks, NULL);
    wait_for_all(s);
}

static void fences(void **state)
{
    (void)state;
    has_fences = true;
    run(published, NULL);
    assert_int_equal(seen.idiom, NONE);
    has_fences = false;
    run(published, NULL);
    assert_int_equal(seen.idiom, SIM_RACE_PLAIN);
}

/* ---- words ---- */

struct touch {
    size_t offset, size;
};
static struct touch touches[2];

static void touch(struct sim *s, void *argument)
{
    const struct touch *t = argument;
    access_at(s, t->offset, t->size, W, 77);
}

static void two_touches(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    access_at(s, 0, 64, W, 0); /* a structure is cleared first */
    engine_thread(s, touch, &touches[0]);
    engine_thread(s, touch, &touches[1]);
    wait_for_all(s);
}

static void widths(void **state)
{
    static const struct {
        struct touch touch[2];
        bool meet;
    } table[] = {
        {{{0, 1}, {1, 1}}, false}, {{{0, 1}, {0, 1}}, true},   {{{0, 4}, {3, 1}}, true},
        {{{0, 4}, {4, 4}}, false}, {{{0, 8}, {4, 4}}, true},   {{{2, 4}, {4, 1}}, true},
        {{{2, 4}, {6, 1}}, false}, {{{0, 64}, {63, 1}}, true}, {{{8, 16}, {0, 8}}, false},
    };
    (void)state;
    for (size_t i = 0; i < SIM_COUNT(table); i++) {
        memcpy(touches, table[i].touch, sizeof touches);
        run(two_touches, NULL);
        if ((seen.idiom != NONE) != table[i].meet) {
            fail_msg("row %zu: %d", i, seen.idiom);
        }
    }
}

/* ---- readers ---- */

enum { READERS = 5 };

static void reads(struct sim *s, void *argument)
{
    access_at(s, 0, 4, R, 0);
    if ((uintptr_t)argument != 2) {
        sim_hb_release(s, &key);
    }
}

static void knows_all_but_one(struct sim *s, void *argument)
{
    (void)argument;
    sim_hb_acquire(s, &key);
    access_at(s, 0, 4, W, 9);
}

static void many_readers(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    for (uintptr_t i = 0; i < READERS; i++) {
        engine_thread(s, reads, (void *)i);
    }
    engine_thread(s, knows_all_but_one, NULL);
    wait_for_all(s);
}

static void readers(void **state)
{
    (void)state;
    run(many_readers, NULL);
    assert_int_equal(seen.idiom, SIM_RACE_PLAIN);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.race.first.how, 0);
    assert_int_equal(seen.race.first.context, 3); /* the third thread beside the first */
}

/* ---- a new life; locks ---- */

static void recycles(struct sim *s, void *argument)
{
    (void)argument;
    sim_race_forget(s, seen.memory, 256);
    access_at(s, 0, 4, W, 9);
}

static void new_life(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    engine_thread(s, writes, NULL);
    engine_thread(s, recycles, NULL);
    wait_for_all(s);
}

static void holds(struct sim *s, void *argument)
{
    sim_race_lock(s, s->current, (uint32_t)(uintptr_t)argument, true);
    sim_race_lock(s, s->current, 99, true);
    sim_race_lock(s, s->current, 99, false);
    access_at(s, 0, 4, W, (uint32_t)(uintptr_t)argument);
}

static void two_holders(struct sim *s, void *argument)
{
    (void)argument;
    memory_new(s);
    engine_thread(s, holds, (void *)11);
    engine_thread(s, holds, (void *)12);
    wait_for_all(s);
}

static void lives_and_locks(void **state)
{
    (void)state;
    run(new_life, NULL);
    assert_int_equal(seen.idiom, NONE);
    run(two_holders, NULL);
    assert_int_equal(seen.idiom, SIM_RACE_PLAIN);
    assert_int_equal(seen.race.first.locks->count, 1);
    assert_int_equal(seen.race.first.locks->object[0], 11);
    assert_int_equal(seen.race.second.locks->object[0], 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks),           cmocka_unit_test(kinds_of_pairs),
        cmocka_unit_test(lost_update),      cmocka_unit_test(life_of_contexts),
        cmocka_unit_test(fences),           cmocka_unit_test(widths),
        cmocka_unit_test(readers),          cmocka_unit_test(lives_and_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
