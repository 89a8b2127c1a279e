/* SPDX-License-Identifier: MIT */
/* wsk1: lines: what goes out comes in again, and no garbage gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay/case_text.h"
#include "replay/sha1.h"
#include "sim/module.h"

static struct replay_case make_case(size_t size, uint64_t seed)
{
    struct replay_case c = {.module = "tcp_echo", .identity = "0123456789abcdef"};
    c.flavour = SIM_MODULE_CHECKED | SIM_MODULE_ACCESS;
    c.choices = malloc(size + 1);
    c.choices_size = size;
    for (size_t i = 0; i < size; i++) {
        c.choices[i] = (uint8_t)sim_random(&seed);
    }
    return c;
}

static void assert_same(const struct replay_case *a, const struct replay_case *b)
{
    assert_string_equal(a->module, b->module);
    assert_string_equal(a->identity, b->identity);
    assert_int_equal(a->flavour, b->flavour);
    assert_int_equal(a->choices_size, b->choices_size);
    assert_memory_equal(a->choices, b->choices, a->choices_size);
    assert_memory_equal(&a->options.sim, &b->options.sim, sizeof a->options.sim);
    assert_int_equal(a->options.access_points, b->options.access_points);
    assert_int_equal(a->options.knob_count, b->options.knob_count);
    assert_memory_equal(a->options.knob, b->options.knob, sizeof a->options.knob);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t size = 0; size < 70; size++) {
        char message[256];
        struct replay_case c = make_case(size, size + 1), back;
        c.options.sim.processors = (uint32_t)(size % 9);
        c.options.sim.processors = c.options.sim.processors == 2 ? 0 : c.options.sim.processors;
        c.options.sim.steps_max = size * 1000;
        c.options.sim.time_max = SIM_MS(size * 3);
        c.options.sim.fill = (uint8_t)size;
        c.options.access_points = size % 2 != 0;
        c.options.knob_count = (uint32_t)(size % (REPLAY_FORCED_KNOBS_MAX + 1));
        for (uint32_t i = 0; i < c.options.knob_count; i++) {
            c.options.knob[i].knob = (uint16_t)(i % MODEL_KNOB_COUNT);
            c.options.knob[i].value = (uint16_t)(model_knobs[i % MODEL_KNOB_COUNT].values - 1);
        }
        char *text = replay_case_text(&c);
        assert_non_null(text);
        assert_null(strpbrk(text, " \n'\"$"));
        assert_true(replay_case_parse(&back, text, message, sizeof message));
        assert_same(&c, &back);
        free(text);
        replay_case_free(&c);
        replay_case_free(&back);
    }
}

/* What stands before or after in a mail or a terminal does no harm. */
static void test_trailing_blanks(void **state)
{
    (void)state;
    char message[256], line[512];
    struct replay_case c = make_case(20, 7), back;
    char *text = replay_case_text(&c);
    snprintf(line, sizeof line, "%s  \r\nand more", text);
    assert_true(replay_case_parse(&back, line, message, sizeof message));
    assert_same(&c, &back);
    free(text);
    replay_case_free(&c);
    replay_case_free(&back);
}

static void test_module_name_with_separators(void **state)
{
    (void)state;
    char message[256];
    struct replay_case c = make_case(5, 9), back;
    snprintf(c.module, sizeof c.module, "my:odd driver-2");
    char *text = replay_case_text(&c);
    assert_true(replay_case_parse(&back, text, message, sizeof message));
    assert_string_equal(back.module, "my_odd_driver-2");
    free(text);
    replay_case_free(&c);
    replay_case_free(&back);
}

/* Every change of one character is noticed. */
static void test_damage(void **state)
{
    (void)state;
    char message[256];
    struct replay_case c = make_case(24, 3), back;
    char *text = replay_case_text(&c);
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        char was = text[i];
        for (int change = 1; change < 4; change++) {
            text[i] = (char)(was ^ change);
            if (replay_case_parse(&back, text, message, sizeof message)) {
                fail_msg("damage at %zu was not noticed: %s", i, text);
            }
            assert_null(back.choices);
            assert_true(message[0] != '\0' && strchr(message, '\n') == NULL);
        }
        text[i] = was;
    }
    for (size_t cut = 0; cut < length; cut++) {
        char *part = strndup(text, cut);
        assert_false(replay_case_parse(&back, part, message, sizeof message));
        free(part);
    }
    free(text);
    replay_case_free(&c);
}

/* A line of which only the checksum is right. */
static bool parses(const char *body)
{
    char line[512], message[256];
    struct replay_case c;
    snprintf(line, sizeof line, "%s:%08x", body, replay_crc32c(0, body, strlen(body)));
    bool ok = replay_case_parse(&c, line, message, sizeof message);
    if (ok) {
        replay_case_free(&c);
    }
    return ok;
}

static void test_bad_fields(void **state)
{
    (void)state;
    assert_true(parses("wsk1:echo-0123456789abcdef:ca::AAAA"));
    assert_true(parses("wsk1:echo-0123456789abcdef:p:p=1,s=5,a=1:"));
    assert_false(parses("wsk2:echo-0123456789abcdef:ca::AAAA"));
    assert_false(parses("wsk1:echo-0123456789abcdeg:ca::AAAA"));
    assert_false(parses("wsk1:echo-0123456789abcde:ca::AAAA"));
    assert_false(parses("wsk1:0123456789abcdef:ca::AAAA"));
    assert_false(parses("wsk1:-0123456789abcdef:ca::AAAA"));
    assert_false(parses("wsk1:echo-0123456789abcdef:cz::AAAA"));
    assert_false(parses("wsk1:echo-0123456789abcdef:::AAAA"));
    assert_false(parses("wsk1:echo-0123456789abcdef:ca:p=9:AAAA"));
    assert_false(parses("wsk1:echo-0123456789abcdef:ca:p=-1:AAAA"));
    assert_false(parses("wsk1:echo-0123456789abcdef:ca:p= 1:AAAA"));
    assert_false(parses("wsk1:echo-0123456789abcdef:ca:q=1:AAAA"));
    assert_false(parses("wsk1:echo-0123456789abcdef:ca:k.nonsense=1:AAAA"));
    assert_false(parses("wsk1:echo-0123456789abcdef:ca::AA*A"));
    assert_false(parses("wsk1:echo-0123456789abcdef:ca::AAAAA"));
    assert_false(parses("wsk1:echo-0123456789abcdef:ca:AAAA"));
}

static void test_garbage(void **state)
{
    (void)state;
    uint64_t random = 42;
    for (int n = 0; n < 20000; n++) {
        char text[80] = "wsk1:", message[128];
        struct replay_case c;
        size_t from = n % 2 == 0 ? 0 : 5;
        for (size_t i = from; i < sizeof text - 1; i++) {
            text[i] = (char)(1 + sim_random_below(&random, 126));
        }
        assert_false(replay_case_parse(&c, text, message, sizeof message));
    }
}

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(replay_crc32c(0, "123456789", 9),
                     0xE3069283u); /* the check value of CRC-32C */
    assert_int_equal(replay_crc32c(replay_crc32c(0, "1234", 4), "56789", 5), 0xE3069283u);
}

static void test_sha1(void **state)
{
    (void)state;
    char out[41], a[200];
    sha1_text("abc", 3, out); /* FIPS 180 examples */
    assert_string_equal(out, "a9993e364706816aba3e25717850c26c9cd0d89d");
    sha1_text("", 0, out);
    assert_string_equal(out, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    sha1_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, out);
    assert_string_equal(out, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    memset(a, 'a', sizeof a);
    sha1_text(a, sizeof a, out);
    assert_string_equal(out, "e61cfffe0d9195a525fc6cf06ca2d77119c24a40");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_trailing_blanks),
        cmocka_unit_test(test_module_name_with_separators),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_bad_fields),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_crc),
        cmocka_unit_test(test_sha1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
