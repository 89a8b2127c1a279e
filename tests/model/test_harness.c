/* SPDX-License-Identifier: MIT */
/*
 * Worlds by script (include/wsksim/world.h): the modules of tests/model/modules carry a driver and
 * its script. The script says "script: yes" for each thing that is as it should be, and "script:
 * no" if not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "model/rtl/rtl.h"
#include "model/world/run.h"
#include "sim/fault.h"
#include "sim/module.h"

static struct sim *s;
static struct sim_module module;
static struct choice_log choices, again;

static void open_module(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.so", MODULE_FOLDER, name);
    if (s == NULL) {
        s = sim_create(&model_hooks);
        s->model = model_create();
        sim_fault_install();
    }
    enum sim_module_error error = sim_module_open(&module, path);
    if (error != SIM_MODULE_OK) {
        print_message("%s\n", module.message);
    }
    assert_int_equal(error, SIM_MODULE_OK);
}

static void run(const struct choice_source *source, struct choice_log *log)
{
    const struct sim_options options = {.trace = true};
    sim_module_restore(&module);
    enum sim_verdict verdict =
        model_run(s, (PDRIVER_INITIALIZE)(uintptr_t)module.entry, &options, source, log);
    if (verdict != SIM_VERDICT_OK) {
        print_message("%s\n", verdict == SIM_VERDICT_LIMIT ? s->limit : s->violation.text);
    }
    assert_int_equal(verdict, SIM_VERDICT_OK);
}

/* What the script said. */
static void count(uint32_t *yes, uint32_t *no)
{
    size_t lines;
    const struct rtl_debug_line *line = rtl_debug_lines(s, &lines);
    *yes = *no = 0;
    for (size_t i = 0; i < lines; i++) {
        *yes += strstr(line[i].text, "script: yes") != NULL;
        *no += strstr(line[i].text, "script: no") != NULL;
    }
}

/* In the tame run all is as the script expects; other schedules may let its time limits pass. */
static void check_module(const char *name, uint32_t expected)
{
    uint32_t yes, no, as_expected = 0;
    open_module(name);
    const struct choice_source tame = {.kind = CHOICE_TAME};
    run(&tame, &choices);
    count(&yes, &no);
    assert_int_equal(no, 0);
    assert_int_equal(yes, expected);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        const struct choice_source source = {.kind = CHOICE_RANDOM,
                                             .seed = seed,
                                             .switch_one_in = 20,
                                             .program_one_in = 2};
        run(&source, &choices);
        count(&yes, &no);
        assert_true(yes > 0);
        as_expected += no == 0;
    }
    assert_true(as_expected > 50);
    sim_module_close(&module);
}

static void test_connections(void **state)
{
    (void)state;
    check_module("test_echo_world", 8);
}

static void test_user_mode(void **state)
{
    (void)state;
    check_module("test_device_world", 11);
}

/* Under a hostile network the script may be told anything, but the run ends well, and replays. */
static void test_hostile(void **state)
{
    static uint8_t bytes[1 << 16];
    (void)state;
    open_module("test_echo_world");
    for (uint64_t seed = 1; seed <= 300; seed++) {
        const struct choice_source source = {.kind = CHOICE_RANDOM,
                                             .seed = seed,
                                             .switch_one_in = 4,
                                             .world_one_in = 6,
                                             .program_one_in = 2,
                                             .faults_one_in = 40};
        run(&source, &choices);
        uint64_t fingerprint = sim_fingerprint(s);
        size_t size = choice_encode(&choices, bytes, sizeof bytes);
        const struct choice_source replay = {
            .kind = CHOICE_RECORDING, .bytes = bytes, .size = size};
        run(&replay, &again);
        assert_false(s->diverged);
        assert_true(sim_fingerprint(s) == fingerprint);
    }
    sim_module_close(&module);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_user_mode),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
