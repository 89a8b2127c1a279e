/* SPDX-License-Identifier: MIT */
/* Rundown protection: KRN-310 to KRN-316. */
#include "test_ke.h"

#define TAG 0x74736554u

struct thing {
    EX_RUNDOWN_REF reference;
    LONG users;
    int dead;
};

static struct thing *thing_new(void)
{
    struct thing *x = ke_test_alloc(sizeof *x);
    x->users = 0;
    x->dead = 0;
    ExInitializeRundownProtection(&x->reference);
    return x;
}

/* KPROP-27: after the wait nobody is inside and nobody enters. */
static void user(PVOID argument)
{
    struct thing *x = argument;
    for (int i = 0; i < 3; i++) {
        if (ExAcquireRundownProtection(&x->reference)) {
            SIM_ASSERT(!x->dead);
            KeMemoryBarrier();
            SIM_ASSERT(!x->dead);
            InterlockedIncrement(&x->users);
            ExReleaseRundownProtection(&x->reference);
        }
    }
}

static void waits_for_users(void)
{
    struct thing *x = thing_new();
    PKTHREAD a = ke_test_thread(user, x);
    PKTHREAD b = ke_test_thread(user, x);
    ExWaitForRundownProtectionRelease(&x->reference);
    x->dead = 1;
    SIM_ASSERT(!ExAcquireRundownProtection(&x->reference));
    ExWaitForRundownProtectionRelease(&x->reference); /* returns at once */
    ExRundownCompleted(&x->reference);
    ke_test_join(a);
    ke_test_join(b);
    x->dead = 0;
    ExReInitializeRundownProtection(&x->reference);
    SIM_ASSERT(ExAcquireRundownProtectionEx(&x->reference, 3));
    ExReleaseRundownProtection(&x->reference);
    ExReleaseRundownProtectionEx(&x->reference, 2);
    SIM_ASSERT(x->reference.Count == 0);
}

static void cache_aware(void)
{
    PEX_RUNDOWN_REF_CACHE_AWARE r = ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, TAG);
    char *raw = ExAllocatePool2(POOL_FLAG_NON_PAGED, ExSizeOfRundownProtectionCacheAware(), TAG);
    ExInitializeRundownProtectionCacheAware((PEX_RUNDOWN_REF_CACHE_AWARE)raw,
                                            ExSizeOfRundownProtectionCacheAware());
    SIM_ASSERT(ExAcquireRundownProtectionCacheAware(r));
    ExReleaseRundownProtectionCacheAware(r);
    ExWaitForRundownProtectionReleaseCacheAware(r);
    SIM_ASSERT(!ExAcquireRundownProtectionCacheAware(r));
    ExFreeCacheAwareRundownProtection(r);
    ExFreePool(raw);
    ex_check_unload(sim_current);
}

static void uninitialised(void)
{
    ExAcquireRundownProtection(ke_test_alloc(sizeof(EX_RUNDOWN_REF)));
}

static void too_many_releases(void)
{
    struct thing *x = thing_new();
    ExAcquireRundownProtection(&x->reference);
    ExReleaseRundownProtection(&x->reference);
    ExReleaseRundownProtection(&x->reference);
}

static void waits_for_itself(void)
{
    struct thing *x = thing_new();
    ExAcquireRundownProtection(&x->reference);
    ExWaitForRundownProtectionRelease(&x->reference);
}

static void reinitialised_in_use(void)
{
    ExReInitializeRundownProtection(&thing_new()->reference);
}

static void wrong_kind(void)
{
    struct thing *x = thing_new();
    ExAcquireRundownProtectionCacheAware((PEX_RUNDOWN_REF_CACHE_AWARE)&x->reference);
}

static void freed_as_pool(void)
{
    ExFreePool(ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, TAG));
}

static void freed_while_held(void)
{
    PEX_RUNDOWN_REF r = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof *r, TAG);
    ExInitializeRundownProtection(r);
    ExAcquireRundownProtection(r);
    ExFreePool(r);
}

static void paged_at_dispatch(void)
{
    PEX_RUNDOWN_REF r = ExAllocatePool2(POOL_FLAG_PAGED, sizeof *r, TAG);
    ExInitializeRundownProtection(r);
    KeRaiseIrqlToDpcLevel();
    ExAcquireRundownProtection(r);
}

/* KBUG-49: releases what it did not get. */
static void careless_user(PVOID argument)
{
    struct thing *x = argument;
    ExAcquireRundownProtection(&x->reference);
    ExReleaseRundownProtection(&x->reference);
}

static void careless(void)
{
    struct thing *x = thing_new();
    PKTHREAD a = ke_test_thread(careless_user, x);
    ExWaitForRundownProtectionRelease(&x->reference);
    ke_test_join(a);
}

static void test_good(void **state)
{
    (void)state;
    ke_test_good(waits_for_users);
    ke_test_good(cache_aware);
}

static void test_breaches(void **state)
{
    (void)state;
    ke_test_bad(uninitialised, RULE_KRN_310);
    ke_test_bad(paged_at_dispatch, RULE_KRN_310);
    ke_test_bad(too_many_releases, RULE_KRN_312);
    ke_test_bad(reinitialised_in_use, RULE_KRN_315);
    ke_test_bad(freed_while_held, RULE_KRN_315);
    ke_test_bad(wrong_kind, RULE_KRN_316);
    ke_test_bad(freed_as_pool, RULE_KRN_316);
    ke_test_bad(waits_for_itself, RULE_SYS_DEADLOCK);
    assert_non_null(strstr(ke_test_sim->violation.text, "the release of rundown#1 (1 held)"));
}

static void test_race(void **state)
{
    (void)state;
    assert_true(ke_test_found(careless, RULE_KRN_312) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_breaches),
        cmocka_unit_test(test_race),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
