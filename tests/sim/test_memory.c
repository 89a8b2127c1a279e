/* SPDX-License-Identifier: MIT */
/* Blocks, red zones, the validity map. */
#include "tests/sim/engine.h"

#include <string.h>

static void body(struct sim *s, void *argument)
{
    struct sim_block *block, *other;
    uintptr_t bad = 0;
    (void)argument;
    char *p = sim_block_alloc(s, 20, 16, 1, 0x20676174, 0xCD, &block);
    assert_non_null(p);
    assert_int_equal((unsigned char)p[19], 0xCD);
    assert_true(sim_memory_ok(p, 20, NULL));
    assert_false(sim_memory_ok(p, 21, &bad)); /* one byte too far, inside an 8-byte unit */
    assert_ptr_equal(bad, p + 20);
    assert_false(sim_memory_ok(p - 1, 1, NULL));
    assert_ptr_equal(sim_block_find(s, (uintptr_t)p + 25), block);
    assert_ptr_equal(sim_block_find(s, (uintptr_t)p - 1), block);
    char *q = sim_block_alloc(s, 0, 16, 1, 0, 0, &other);
    assert_non_null(q);
    assert_false(sim_memory_ok(q, 1, NULL)); /* a block of no bytes has no bytes */
    assert_true(sim_memory_ok(q, 0, NULL));
    sim_block_free(s, block);
    assert_false(sim_memory_ok(p, 1, &bad));
    assert_int_equal(sim_shadow_at((uintptr_t)p), SIM_SHADOW_FREED);
    assert_ptr_equal(sim_block_find(s, (uintptr_t)p), block);
    assert_int_equal(block->state, SIM_BLOCK_FREED);
    char *r = sim_block_alloc(s, 20, 16, 1, 0, 0, NULL);
    assert_true(r > p); /* nothing is reused within a run */
    char local;
    assert_true(sim_memory_ok(&local, 1, NULL)); /* a fiber stack */
    assert_false(sim_memory_ok(NULL, 1, NULL));
    assert_false(sim_memory_ok((void *)8, 8, NULL));
    assert_false(sim_memory_ok((void *)UINTPTR_MAX, 8, NULL)); /* wraps */
    assert_false(sim_memory_ok((const void *)(uintptr_t)body, 8, NULL)); /* ours, not theirs */
}

static void test_blocks(void **state)
{
    (void)state;
    const struct choice_source tame = {.kind = CHOICE_TAME};
    for (int i = 0; i < 3; i++) { /* the same addresses every time */
        assert_int_equal(engine_run(body, NULL, &tame), SIM_VERDICT_OK);
    }
}

static void hog(struct sim *s, void *argument)
{
    size_t count = 0;
    while (sim_block_alloc(s, 1 << 20, 16, 1, 0, 0, NULL) != NULL) {
        count++;
    }
    assert_true(count >= SIM_ARENA_BYTES / (1 << 20) - 2);
    *(size_t *)argument = count;
}

static void test_arena_fills_up_and_empties(void **state)
{
    size_t first = 0, second = 0;
    (void)state;
    const struct choice_source tame = {.kind = CHOICE_TAME};
    engine_run(hog, &first, &tame);
    engine_run(hog, &second, &tame);
    assert_int_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_arena_fills_up_and_empties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
