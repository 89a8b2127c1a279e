/* SPDX-License-Identifier: MIT */
/*
 * Streams, encoding, divergence: what is asked is what is recorded, and what is recorded replays.
 */
#include "tests/sim/engine.h"

#include <string.h>

static uint32_t answers[400];
static uint32_t asked;

static void ask(struct sim *s, void *argument)
{
    uint32_t count = argument != NULL ? *(const uint32_t *)argument : 300;
    for (asked = 0; asked < count; asked++) {
        enum choice_stream stream = asked % 3 == 0 ? CHOICE_FAULTS
                                    : asked % 3 == 1 ? CHOICE_WORLD : CHOICE_PROGRAM;
        answers[asked] = choice_pick(s, stream, CHOICE_KIND_MODEL + asked % 5, 2 + asked % 300);
        sim_point(s, SIM_OP_NONE, 0);
    }
}

static void zero_is_tame(void **state)
{
    (void)state;
    const struct choice_source empty = {.kind = CHOICE_BYTES, .bytes = (const uint8_t *)"",
                                        .size = 0};
    engine_run(ask, NULL, &empty);
    for (uint32_t i = 0; i < asked; i++) {
        assert_int_equal(answers[i], 0);
    }
    uint8_t bytes[64];
    size_t size = choice_encode(&engine_log, bytes, sizeof bytes);
    assert_int_equal(size, 3); /* three empty streams; trailing zeros are dropped */
}

static void any_bytes_are_an_input(void **state)
{
    (void)state;
    uint64_t random = 99;
    for (int run = 0; run < 2000; run++) {
        uint8_t bytes[64];
        size_t size = sim_random_below(&random, sizeof bytes);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)sim_random(&random);
        }
        const struct choice_source source = {.kind = CHOICE_BYTES, .bytes = bytes, .size = size};
        assert_int_equal(engine_run(ask, NULL, &source), SIM_VERDICT_OK);
        for (uint32_t i = 0; i < asked; i++) {
            assert_true(answers[i] < 2 + i % 300);
        }
    }
}

static void recorded_answers_come_back(void **state)
{
    static uint8_t bytes[8192], again[8192];
    uint32_t first[400];
    (void)state;
    for (uint64_t seed = 1; seed < 300; seed++) {
        struct choice_source source = {.kind = CHOICE_RANDOM, .switch_one_in = 3, .seed = seed,
                                       .world_one_in = 2, .faults_one_in = 5, .program_one_in = 1};
        engine_run(ask, NULL, &source);
        memcpy(first, answers, sizeof first);
        uint32_t checks[64];
        size_t check_count = engine_log.check_count;
        memcpy(checks, engine_log.check, check_count * sizeof checks[0]);
        size_t size = choice_encode(&engine_log, bytes, sizeof bytes);
        source = (struct choice_source){.kind = CHOICE_RECORDING, .bytes = bytes, .size = size,
                                        .checks = checks, .check_count = check_count};
        engine_run(ask, NULL, &source);
        assert_memory_equal(first, answers, asked * sizeof first[0]);
        assert_false(sim_create(&engine_hooks)->diverged);
        assert_int_equal(choice_encode(&engine_log, again, sizeof again), size);
        assert_memory_equal(bytes, again, size);
    }
}

/*
 * A program that asks something else than the recording is noticed at the latest 64 requests later.
 */
static void leaving_the_recording_is_noticed(void **state)
{
    static uint8_t bytes[8192];
    uint32_t checks[64];
    (void)state;
    struct choice_source source = {.kind = CHOICE_RANDOM, .switch_one_in = 3, .seed = 5,
                                   .world_one_in = 2};
    engine_run(ask, NULL, &source);
    size_t check_count = engine_log.check_count;
    memcpy(checks, engine_log.check, check_count * sizeof checks[0]);
    checks[1] ^= 1; /* as if the second block of requests had been others */
    size_t size = choice_encode(&engine_log, bytes, sizeof bytes);
    source = (struct choice_source){.kind = CHOICE_RECORDING, .bytes = bytes, .size = size,
                                    .checks = checks, .check_count = check_count};
    engine_run(ask, NULL, &source);
    struct sim *s = sim_create(&engine_hooks);
    assert_true(s->diverged);
    assert_int_equal(s->diverged_request, 2 * CHOICE_CHECK_EVERY);
}

static void a_deviation_left_over_is_a_divergence(void **state)
{
    (void)state;
    /* context 1, after 9999999 points, to context 5: never reached */
    const uint8_t bytes[] = {6, 1, 0xff, 0xac, 0xe2, 0x04, 5, 0, 0};
    const struct choice_source source = {.kind = CHOICE_RECORDING, .bytes = bytes,
                                         .size = sizeof bytes};
    engine_run(ask, NULL, &source);
    assert_true(sim_create(&engine_hooks)->diverged);
}

static void varints_round_trip(void **state)
{
    (void)state;
    const uint32_t values[] = {0, 1, 127, 128, 16383, 16384, 0xffffff, UINT32_MAX};
    for (size_t i = 0; i < SIM_COUNT(values); i++) {
        uint8_t bytes[8];
        size_t at = 0, size = choice_varint_put(bytes, sizeof bytes, values[i]);
        assert_true(size > 0);
        assert_int_equal(choice_varint_get(bytes, size, &at), values[i]);
        assert_int_equal(at, size);
        assert_int_equal(choice_varint_put(bytes, size - 1, values[i]), 0);
    }
}

static void encode_refuses_a_small_buffer(void **state)
{
    uint8_t bytes[8192];
    (void)state;
    const struct choice_source source = {.kind = CHOICE_RANDOM, .switch_one_in = 1, .seed = 3,
                                         .world_one_in = 1, .faults_one_in = 1,
                                         .program_one_in = 1};
    engine_run(ask, NULL, &source);
    size_t size = choice_encode(&engine_log, bytes, sizeof bytes);
    assert_true(size > 100);
    assert_int_equal(choice_encode(&engine_log, bytes, size / 2), 0);
    assert_int_equal(choice_encode(&engine_log, bytes, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_is_tame),
        cmocka_unit_test(any_bytes_are_an_input),
        cmocka_unit_test(recorded_answers_come_back),
        cmocka_unit_test(leaving_the_recording_is_noticed),
        cmocka_unit_test(a_deviation_left_over_is_a_divergence),
        cmocka_unit_test(varints_round_trip),
        cmocka_unit_test(encode_refuses_a_small_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
