/* SPDX-License-Identifier: MIT */
/* Pool: KRN-190 to KRN-206, allocation failures, what a block must not hold when it is freed. */
#include "test_ke.h"

#define TAG 0x74736554u /* 'Test' */

/* Runs a body with a source of failures: one in n allocations. */
static enum sim_verdict run_faults(void (*body)(void), uint64_t seed, uint16_t one_in)
{
    const struct choice_source source = {.kind = CHOICE_RANDOM,
                                         .seed = seed * 0x9E3779B97F4A7C15ull,
                                         .switch_one_in = 8,
                                         .faults_one_in = one_in};
    return ke_test_run(body, &source);
}

/* ---- what must work ---- */

static void kinds(void)
{
    UCHAR *zeroed = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
    UCHAR *garbage = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, 100, TAG);
    UCHAR *old = ExAllocatePoolWithTag(NonPagedPoolNx, 33, TAG);
    UCHAR *page = ExAllocatePoolZero(PagedPool, 5000, TAG);
    SIM_ASSERT(zeroed[0] == 0 && zeroed[99] == 0);
    SIM_ASSERT(garbage[0] == 0xCD && garbage[99] == 0xCD && old[32] == 0xCD);
    SIM_ASSERT(page[4999] == 0);
    SIM_ASSERT(((uintptr_t)zeroed & 15) == 0 && ((uintptr_t)page & 4095) == 0);
    zeroed[99] = 1;
    ExFreePoolWithTag(zeroed, TAG);
    ExFreePool(garbage);
    ExFreePoolWithTag(old, 0); /* KAMB-12 */
    ExFreePool(page);
    ex_check_unload(sim_current);
}

static void survives_failure(void)
{
    void *p[4];
    for (int i = 0; i < 4; i++) {
        p[i] = ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, TAG);
    }
    for (int i = 0; i < 4; i++) {
        if (p[i] != NULL) {
            ExFreePool(p[i]);
        }
    }
    ex_check_unload(sim_current);
}

static void uses_result(void)
{
    PRKEVENT event = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(KEVENT), TAG);
    KeInitializeEvent(event, NotificationEvent, FALSE);
    ExFreePool(event);
}

static void raises(void)
{
    void *p = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_RAISE_ON_FAILURE, 16, TAG);
    SIM_ASSERT(p != NULL);
    ExFreePool(p);
}

static void too_large_fails(void)
{
    SIM_ASSERT(ExAllocatePool2(POOL_FLAG_NON_PAGED, 1ull << 40, TAG) == NULL);
}

static void recycles(void)
{
    void *first = ExAllocatePool2(POOL_FLAG_NON_PAGED, 48, TAG);
    void *other;
    ExFreePool(first);
    other = ExAllocatePool2(POOL_FLAG_NON_PAGED, 48, TAG);
    SIM_ASSERT(other == first);
    SIM_ASSERT(((UCHAR *)other)[0] == 0);
    ExFreePool(other);
}

/* ---- what must be noticed ---- */

static void frees_twice(void)
{
    void *p = ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, TAG);
    ExFreePool(p);
    ExFreePoolWithTag(p, TAG);
}

static void frees_null(void)
{
    ExFreePool(NULL);
}

static void frees_inside(void)
{
    char *p = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, TAG);
    ExFreePool(p + 16);
}

static void frees_stack(void)
{
    char local[32];
    ExFreePool(local);
}

static void frees_with_other_tag(void)
{
    ExFreePoolWithTag(ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, TAG), 0x41414141);
}

static void frees_system_memory(void)
{
    ExFreePool(ke_test_alloc(16));
}

static void allocates_nothing(void)
{
    ExAllocatePool2(POOL_FLAG_NON_PAGED, 0, TAG);
}

static void allocates_without_tag(void)
{
    ExAllocatePoolWithTag(NonPagedPoolNx, 16, 0);
}

static void allocates_without_kind(void)
{
    ExAllocatePool2(0, 16, TAG);
}

static void allocates_paged_at_dispatch(void)
{
    KeRaiseIrqlToDpcLevel();
    ExAllocatePool2(POOL_FLAG_PAGED, 16, TAG);
}

static void frees_paged_at_dispatch(void)
{
    void *p = ExAllocatePool2(POOL_FLAG_PAGED, 16, TAG);
    KeRaiseIrqlToDpcLevel();
    ExFreePool(p);
}

static void allocates_too_high(void)
{
    KIRQL old;
    KeRaiseIrql(CLOCK_LEVEL, &old);
    ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, TAG);
}

static void leaks(void)
{
    ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, TAG);
    ExAllocatePool2(POOL_FLAG_PAGED, 24, TAG);
    ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, 0x32746354);
    ex_check_unload(sim_current);
}

static void touches_freed(void)
{
    PRKEVENT event = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(KEVENT), TAG);
    KeInitializeEvent(event, NotificationEvent, FALSE);
    ExFreePool(event);
    KeSetEvent(event, 0, FALSE);
}

static void touches_behind(void)
{
    char *p = ExAllocatePool2(POOL_FLAG_NON_PAGED, 20, TAG);
    KeInitializeEvent((PRKEVENT)(uintptr_t)p, NotificationEvent, FALSE);
}

static void frees_set_timer(void)
{
    PKTIMER timer = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(KTIMER), TAG);
    KeInitializeTimer(timer);
    KeSetTimer(timer, ke_test_ms(10), NULL);
    ExFreePool(timer);
}

static void frees_held_lock(void)
{
    PKSPIN_LOCK lock = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(KSPIN_LOCK), TAG);
    KIRQL old;
    KeAcquireSpinLock(lock, &old);
    ExFreePool(lock);
}

static void frees_resource(void)
{
    PERESOURCE resource = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(ERESOURCE), TAG);
    ExInitializeResourceLite(resource);
    ExFreePool(resource);
}

/* ---- the tests ---- */

static void test_good(void **state)
{
    (void)state;
    ke_test_good(kinds);
    ke_test_good(too_large_fails);
}

static void test_failures(void **state)
{
    unsigned failed = 0, nulls = 0, raised = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        assert_int_equal(run_faults(survives_failure, seed, 2), SIM_VERDICT_OK);
        failed += model_of(ke_test_sim)->object_count[OBJECT_POOL] < 4;
        if (run_faults(uses_result, seed, 2) != SIM_VERDICT_OK) {
            assert_int_equal(ke_test_sim->violation.rule, RULE_MEM_NULL);
            nulls++;
        }
        if (run_faults(raises, seed, 2) != SIM_VERDICT_OK) {
            assert_int_equal(ke_test_sim->violation.rule, RULE_KRN_061);
            raised++;
        }
    }
    assert_true(failed > 50 && nulls > 50 && raised > 50);
}

static void test_recycling(void **state)
{
    const struct choice_source tame = {.kind = CHOICE_TAME};
    (void)state;
    model_knob_force(KNOB_KERNEL_POOL_RECYCLE, 1);
    assert_int_equal(ke_test_run(recycles, &tame), SIM_VERDICT_OK);
    model_knob_force(KNOB_KERNEL_POOL_RECYCLE, -1);
}

static void test_breaches(void **state)
{
    (void)state;
    ke_test_bad(frees_twice, RULE_KRN_195);
    ke_test_bad(frees_null, RULE_KRN_196);
    ke_test_bad(frees_inside, RULE_KRN_196);
    ke_test_bad(frees_stack, RULE_KRN_196);
    ke_test_bad(frees_with_other_tag, RULE_KRN_194);
    ke_test_bad(frees_system_memory, RULE_KRN_196);
    ke_test_bad(allocates_nothing, RULE_KRN_192);
    ke_test_bad(allocates_without_tag, RULE_KRN_193);
    ke_test_bad(allocates_without_kind, RULE_KRN_193);
    ke_test_bad(allocates_paged_at_dispatch, RULE_KRN_191);
    ke_test_bad(frees_paged_at_dispatch, RULE_KRN_191);
    ke_test_bad(allocates_too_high, RULE_KRN_050);
    ke_test_bad(frees_set_timer, RULE_KRN_161);
    ke_test_bad(frees_held_lock, RULE_KRN_110);
    ke_test_bad(frees_resource, RULE_KRN_200);
}

static void test_leaks(void **state)
{
    (void)state;
    ke_test_bad(leaks, RULE_KRN_199);
    assert_string_equal(ke_test_sim->violation.text,
                        "pool not freed when the driver is gone: 3 blocks, 48 bytes; by tag: "
                        "'Test' 2 (40 bytes), 'Tct2' 1 (8 bytes)");
    assert_int_equal(ke_test_sim->violation.prior.routine, ROUTINE_ExAllocatePool2);
}

static void test_memory(void **state)
{
    (void)state;
    ke_test_bad(touches_freed, RULE_MEM_UAF);
    assert_non_null(strstr(ke_test_sim->violation.text,
                           "a freed block (non-paged pool 'Test', 24 bytes, allocated by "
                           "ExAllocatePool2, freed by ExFreePool)"));
    ke_test_bad(touches_behind, RULE_MEM_OVERFLOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_failures),
        cmocka_unit_test(test_recycling), cmocka_unit_test(test_breaches),
        cmocka_unit_test(test_leaks),     cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
