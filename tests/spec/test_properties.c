/* SPDX-License-Identifier: MIT */
/*
 * The properties of the three documents over runs of the generated client (tests/spec/client),
 * which is loaded like any driver: legal programs under random schedules, worlds, faults and
 * readings.
 */
#include "tests/spec/property_bed.h"

enum { PROGRAMS = 4000 };

static struct trace_report total;

static void test_legal(void **state)
{
    static struct trace_report report;
    (void)state;
    bed_open("wsk_program");
    for (uint64_t number = 0; number < PROGRAMS; number++) {
        struct bed_run run = bed_plan(number);
        if (!bed_run(&run, &report)) {
            print_error("program %llu\n", (unsigned long long)number);
            fail();
        }
        bed_assert(&report, number);
        trace_report_add(&total, &report);
    }
}

static void test_reach(void **state)
{
    char name[16];
    (void)state;
    for (uint32_t p = 0; p < REPORT_PROPERTIES; p++) {
        if (total.checked[p] != 0) {
            print_message("%s looked at %llu times\n", trace_property_name(p, name),
                          (unsigned long long)total.checked[p]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legal),
        cmocka_unit_test(test_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
