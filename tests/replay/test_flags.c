/* SPDX-License-Identifier: MIT */
/* The command line: both spellings, defaults, and one clear line for everything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay/case_text.h"
#include "replay/flags.h"

static struct flags flags;
static char message[512];

static bool parse(enum flags_command command, const char *words)
{
    static char copy[1024];
    char *word[64];
    int count = 0;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *p = strtok(copy, " "); p != NULL && count < 64; p = strtok(NULL, " ")) {
        word[count++] = p;
    }
    message[0] = '\0';
    return flags_parse(&flags, command, count, word, message, sizeof message);
}

static void assert_refused(enum flags_command command, const char *words, const char *part)
{
    assert_false(parse(command, words));
    assert_null(strchr(message, '\n'));
    if (strstr(message, part) == NULL) {
        fail_msg("'%s' does not say '%s'", message, part);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    assert_true(parse(FLAGS_CHECK, "a.so"));
    assert_string_equal(flags.db, "wsksim.db");
    assert_string_equal(flags.strategy, "portfolio");
    assert_int_equal(flags.runs, -1);
    assert_int_equal(flags.error_exitcode, 77);
    assert_int_equal(flags.timeout_exitcode, 70);
    assert_int_equal(flags.keep_going, 0);
    assert_int_equal(flags.argument_count, 1);
    assert_string_equal(flags.argument[0], "a.so");
    char text[256];
    struct replay_options options = flags_options(&flags);
    replay_options_text(&options, text, sizeof text);
    assert_string_equal(text, ""); /* nothing that is not default */
    assert_false(options.sim.trace);
}

static void test_spellings(void **state)
{
    (void)state;
    assert_true(parse(FLAGS_CHECK, "-runs=5 --seed=7 -db=x.db a.so --strategy=pct -keep_going"));
    assert_int_equal(flags.runs, 5);
    assert_int_equal(flags.seed, 7);
    assert_string_equal(flags.db, "x.db");
    assert_string_equal(flags.strategy, "pct");
    assert_int_equal(flags.keep_going, 1);
    assert_true(parse(FLAGS_CHECK, "--help"));
    assert_int_equal(flags.help, 1);
    assert_true(parse(FLAGS_LIST, "-h"));
    assert_int_equal(flags.help, 1);
    assert_true(parse(FLAGS_CHECK, "-runs=-1"));
    assert_int_equal(flags.runs, -1);
}

static void test_arguments(void **state)
{
    (void)state;
    assert_true(parse(FLAGS_FUZZ, "a.so corpus -- -dict=x -rss"));
    assert_int_equal(flags.argument_count, 4);
    assert_string_equal(flags.argument[2], "-dict=x");
    assert_true(parse(FLAGS_REPLAY, "-"));
    assert_string_equal(flags.argument[0], "-");
}

static void test_options_of_a_run(void **state)
{
    (void)state;
    assert_true(parse(FLAGS_CHECK, "-processors=3 -max_steps=500 -max_time=20 -fill=1 -access=1"));
    struct replay_options options = flags_options(&flags);
    assert_int_equal(options.sim.processors, 3);
    assert_int_equal(options.sim.steps_max, 500);
    assert_int_equal(options.sim.time_max, SIM_MS(20));
    assert_int_equal(options.sim.fill, 1);
    assert_true(options.access_points);
    assert_true(parse(FLAGS_CHECK, "-access=0"));
    assert_false(flags_options(&flags).access_points);
}

static void test_knobs(void **state)
{
    (void)state;
    char words[256], name[64];
    model_knob_value_name((enum model_knob)1, 1, name, sizeof name);
    snprintf(words, sizeof words, "-knob=%s=1 --knob=%s=%s", model_knobs[0].name,
             model_knobs[1].name, name);
    assert_true(parse(FLAGS_CHECK, words));
    struct replay_options options = flags_options(&flags);
    assert_int_equal(options.knob_count, 2);
    assert_int_equal(options.knob[0].knob, 0);
    assert_int_equal(options.knob[0].value, 1);
    assert_int_equal(options.knob[1].knob, 1);
    assert_int_equal(options.knob[1].value, 1);
    assert_refused(FLAGS_CHECK, "-knob=nonsense=1", "no such knob");
    assert_refused(FLAGS_CHECK, "-knob=amb.01", "NAME=VALUE");
    assert_refused(FLAGS_CHECK, "-knob=amb.01=99", "expected one of");
    assert_refused(FLAGS_CHECK, "-knob=amb.1=1", "amb.01");
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refused(FLAGS_CHECK, "-rnus=5", "did you mean -runs?");
    assert_refused(FLAGS_CHECK, "-quite_unlike_anything=5", "--help");
    assert_refused(FLAGS_LIST, "-runs=5", "does not belong");
    assert_refused(FLAGS_CHECK, "-runs", "number");
    assert_refused(FLAGS_CHECK, "-runs=", "number");
    assert_refused(FLAGS_CHECK, "-runs=5x", "number");
    assert_refused(FLAGS_CHECK, "-runs=99999999999999999999", "number");
    assert_refused(FLAGS_CHECK, "-processors=9", "from 1 to 8");
    assert_refused(FLAGS_CHECK, "-keep_going=2", "from 0 to 1");
    assert_refused(FLAGS_CHECK, "-db=", "value");
    assert_refused(FLAGS_CHECK, "-strategy=best", "portfolio|random|pct|fair-pct");
    assert_refused(FLAGS_CHECK, "-strategy=portfolio|random", "expected one of");
}

static void test_help_names_every_option(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    flags_help(out, FLAGS_CHECK);
    fclose(out);
    assert_non_null(strstr(text, "-runs="));
    assert_non_null(strstr(text, "-knob="));
    assert_null(strstr(text, "-engine="));
    free(text);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"check", "replay", "list"};
    assert_string_equal(flags_nearest("chek", names, 3), "check");
    assert_string_equal(flags_nearest("lsit", names, 3), "list");
    assert_null(flags_nearest("zebra", names, 3));
    assert_null(flags_nearest("", names, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_options_of_a_run),
        cmocka_unit_test(test_knobs),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_help_names_every_option),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
