/* SPDX-License-Identifier: MIT */
/*
 * KRN-050, row by row: model/routines.def agrees with the table of the contract, and every routine
 * with a limit looks at the IRQL before anything else: it is called without arguments, one level
 * above its highest and one below its lowest, and must end the run with the rule for that.
 */
#include "test_ke.h"

#include <ntddk.h>
#include <netioddk.h>

typedef void routine(void);

static const struct row {
    const char *name;
    enum model_routine number;
    uint8_t low, high;
    routine *call; /* NULL: only the limits are compared */
} rows[] = {
#define CALL(name, low, high) {#name, ROUTINE_##name, low, high, (routine *)name},
#define ROW(name, low, high) {#name, ROUTINE_##name, low, high, NULL},
#include "irql_table.def"
#undef CALL
#undef ROW
};

static void test_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIM_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        if (model_irql_low[row->number] != row->low || model_irql_high[row->number] != row->high) {
            fail_msg("%s: %u..%u, the contract says %u..%u", row->name,
                     model_irql_low[row->number], model_irql_high[row->number], row->low,
                     row->high);
        }
    }
}

static const struct row *current;
static uint8_t level;
static enum model_rule expected;

static void body(void)
{
    ke_set_irql(sim_current, level);
    expected = ke_irql_rule(sim_current, current->number);
    current->call();
}

/* The routine at this level ends the run, and the report names it. */
static void refuse(const struct row *row, uint8_t at)
{
    const struct choice_source source = {.kind = CHOICE_TAME};
    current = row;
    level = at;
    enum sim_verdict verdict = ke_test_run(body, &source);
    if (verdict != SIM_VERDICT_VIOLATION || ke_test_sim->violation.rule != (uint32_t)expected ||
        strstr(ke_test_sim->violation.text, "called at IRQL") == NULL) {
        ke_test_describe(row->name);
        fail();
    }
}

static void test_breaches(void **state)
{
    unsigned calls = 0;
    (void)state;
    for (size_t i = 0; i < SIM_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        if (row->call != NULL && row->high < HIGH_LEVEL) {
            refuse(row, (uint8_t)(row->high + 1));
            calls++;
        }
        if (row->call != NULL && row->low > PASSIVE_LEVEL) {
            refuse(row, (uint8_t)(row->low - 1));
            calls++;
        }
    }
    assert_true(calls > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_breaches),
    };
    ke_test_setup(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
