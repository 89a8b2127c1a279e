/* SPDX-License-Identifier: MIT */
/* Locks of the executive: KRN-119, KRN-123, KRN-125 to KRN-128. */
#include "test_ke.h"

struct shared {
    EX_SPIN_LOCK spin;
    EX_PUSH_LOCK push;
    FAST_MUTEX fast;
    KGUARDED_MUTEX guarded;
    ERESOURCE resource;
    int readers, writers, value;
};

static struct shared *shared_new(void)
{
    struct shared *x = ke_test_alloc(sizeof *x);
    memset(x, 0, sizeof *x);
    ExInitializePushLock(&x->push);
    ExInitializeFastMutex(&x->fast);
    KeInitializeGuardedMutex(&x->guarded);
    SIM_ASSERT(ExInitializeResourceLite(&x->resource) == STATUS_SUCCESS);
    return x;
}

static void write_inside(struct shared *x)
{
    SIM_ASSERT(x->readers == 0 && x->writers == 0);
    x->writers++;
    KeMemoryBarrier();
    x->value++;
    x->writers--;
}

static void read_inside(struct shared *x)
{
    SIM_ASSERT(x->writers == 0);
    x->readers++;
    KeMemoryBarrier();
    x->readers--;
}

/* ---- executive spin locks ---- */

static void spin_user(PVOID argument)
{
    struct shared *x = argument;
    KIRQL old = ExAcquireSpinLockExclusive(&x->spin);
    write_inside(x);
    ExReleaseSpinLockExclusive(&x->spin, old);
    old = ExAcquireSpinLockShared(&x->spin);
    read_inside(x);
    if (ExTryConvertSharedSpinLockExclusive(&x->spin)) {
        write_inside(x);
        ExReleaseSpinLockExclusive(&x->spin, old);
        x->value--;
    } else {
        ExReleaseSpinLockShared(&x->spin, old);
    }
    SIM_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
}

static void spin_excludes(void)
{
    struct shared *x = shared_new();
    PKTHREAD a = ke_test_thread(spin_user, x);
    PKTHREAD b = ke_test_thread(spin_user, x);
    KIRQL old = KeRaiseIrqlToDpcLevel();
    ExAcquireSpinLockExclusiveAtDpcLevel(&x->spin);
    write_inside(x);
    ExReleaseSpinLockExclusiveFromDpcLevel(&x->spin);
    ExAcquireSpinLockSharedAtDpcLevel(&x->spin);
    read_inside(x);
    ExReleaseSpinLockSharedFromDpcLevel(&x->spin);
    KeLowerIrql(old);
    ke_test_join(a);
    ke_test_join(b);
    SIM_ASSERT(x->value == 3 && x->spin == 0);
}

static void spin_garbage(void)
{
    struct shared *x = shared_new();
    x->spin = (LONG)0xCDCDCDCD;
    ExAcquireSpinLockShared(&x->spin);
}

static void spin_shared_twice(void)
{
    struct shared *x = shared_new();
    ExAcquireSpinLockShared(&x->spin);
    ExAcquireSpinLockSharedAtDpcLevel(&x->spin);
}

static void spin_wrong_mode(void)
{
    struct shared *x = shared_new();
    KIRQL old = ExAcquireSpinLockShared(&x->spin);
    ExReleaseSpinLockExclusive(&x->spin, old);
}

static void spin_wrong_irql(void)
{
    struct shared *x = shared_new();
    ExAcquireSpinLockShared(&x->spin);
    ExReleaseSpinLockShared(&x->spin, APC_LEVEL);
}

static void spin_not_held(void)
{
    struct shared *x = shared_new();
    KIRQL old = KeRaiseIrqlToDpcLevel();
    ExReleaseSpinLockShared(&x->spin, old);
}

/* Two locks in opposite order on two processors. */
static void spin_crossed_user(PVOID argument)
{
    EX_SPIN_LOCK *lock = argument;
    KIRQL old = ExAcquireSpinLockExclusive(&lock[1]);
    ExAcquireSpinLockExclusiveAtDpcLevel(&lock[0]);
    ExReleaseSpinLockExclusiveFromDpcLevel(&lock[0]);
    ExReleaseSpinLockExclusive(&lock[1], old);
}

static void spin_crossed(void)
{
    EX_SPIN_LOCK *lock = ke_test_alloc(2 * sizeof *lock);
    KIRQL old;
    PKTHREAD other;
    lock[0] = lock[1] = 0;
    other = ke_test_thread(spin_crossed_user, lock);
    old = ExAcquireSpinLockExclusive(&lock[0]);
    ExAcquireSpinLockExclusiveAtDpcLevel(&lock[1]);
    ExReleaseSpinLockExclusiveFromDpcLevel(&lock[1]);
    ExReleaseSpinLockExclusive(&lock[0], old);
    ke_test_join(other);
}

static void test_spin(void **state)
{
    (void)state;
    ke_test_good(spin_excludes);
    ke_test_bad(spin_garbage, RULE_KRN_110);
    ke_test_bad(spin_shared_twice, RULE_KRN_119);
    ke_test_bad(spin_wrong_mode, RULE_KRN_119);
    ke_test_bad(spin_wrong_irql, RULE_KRN_112);
    ke_test_bad(spin_not_held, RULE_KRN_115);
    assert_true(ke_test_found(spin_crossed, RULE_KRN_121) > 20);
}

/* ---- fast and guarded mutexes ---- */

static void mutex_user(PVOID argument)
{
    struct shared *x = argument;
    ExAcquireFastMutex(&x->fast);
    SIM_ASSERT(KeGetCurrentIrql() == APC_LEVEL);
    write_inside(x);
    ExReleaseFastMutex(&x->fast);
    SIM_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&x->fast);
    write_inside(x);
    ExReleaseFastMutexUnsafe(&x->fast);
    KeLeaveCriticalRegion();
}

static void mutex_excludes(void)
{
    struct shared *x = shared_new();
    PKTHREAD a = ke_test_thread(mutex_user, x);
    PKTHREAD b = ke_test_thread(mutex_user, x);
    if (ExTryToAcquireFastMutex(&x->fast)) {
        write_inside(x);
        x->value--;
        ExReleaseFastMutex(&x->fast);
    }
    ke_test_join(a);
    ke_test_join(b);
    SIM_ASSERT(x->value == 4);
}

static void guarded_user(PVOID argument)
{
    struct shared *x = argument;
    KeAcquireGuardedMutex(&x->guarded);
    SIM_ASSERT(KeAreAllApcsDisabled());
    write_inside(x);
    KeReleaseGuardedMutex(&x->guarded);
    SIM_ASSERT(!KeAreAllApcsDisabled());
}

static void guarded_excludes(void)
{
    struct shared *x = shared_new();
    PKTHREAD a = ke_test_thread(guarded_user, x);
    guarded_user(x);
    ke_test_join(a);
    SIM_ASSERT(x->value == 2);
}

static void mutex_twice(void)
{
    struct shared *x = shared_new();
    ExAcquireFastMutex(&x->fast);
    ExAcquireFastMutex(&x->fast);
}

static void mutex_uninitialised(void)
{
    ExAcquireFastMutex(ke_test_alloc(sizeof(FAST_MUTEX)));
}

static void mutex_at_dispatch(void)
{
    struct shared *x = shared_new();
    KeRaiseIrqlToDpcLevel();
    ExAcquireFastMutex(&x->fast);
}

static void mutex_crossed_routines(void)
{
    struct shared *x = shared_new();
    ExAcquireFastMutex(&x->fast);
    ExReleaseFastMutexUnsafe(&x->fast);
}

static void mutex_unsafe_outside(void)
{
    ExAcquireFastMutexUnsafe(&shared_new()->fast);
}

static void mutex_not_held(void)
{
    struct shared *x = shared_new();
    KIRQL old;
    KeRaiseIrql(APC_LEVEL, &old);
    ExReleaseFastMutex(&x->fast);
}

static void test_mutex(void **state)
{
    (void)state;
    ke_test_good(mutex_excludes);
    ke_test_good(guarded_excludes);
    ke_test_bad(mutex_twice, RULE_KRN_125);
    ke_test_bad(mutex_uninitialised, RULE_KRN_125);
    ke_test_bad(mutex_at_dispatch, RULE_KRN_125);
    ke_test_bad(mutex_crossed_routines, RULE_KRN_125);
    ke_test_bad(mutex_unsafe_outside, RULE_KRN_125);
    ke_test_bad(mutex_not_held, RULE_KRN_123);
}

/* ---- push locks ---- */

static void push_user(PVOID argument)
{
    struct shared *x = argument;
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&x->push);
    write_inside(x);
    ExReleasePushLockExclusive(&x->push);
    ExAcquirePushLockShared(&x->push);
    read_inside(x);
    ExReleasePushLockShared(&x->push);
    KeLeaveCriticalRegion();
}

static void push_excludes(void)
{
    struct shared *x = shared_new();
    PKTHREAD a = ke_test_thread(push_user, x);
    PKTHREAD b = ke_test_thread(push_user, x);
    push_user(x);
    ke_test_join(a);
    ke_test_join(b);
    SIM_ASSERT(x->value == 3);
}

static void push_outside_region(void)
{
    ExAcquirePushLockShared(&shared_new()->push);
}

static void push_shared_twice(void)
{
    struct shared *x = shared_new();
    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&x->push);
    ExAcquirePushLockShared(&x->push);
}

static void push_wrong_mode(void)
{
    struct shared *x = shared_new();
    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&x->push);
    ExReleasePushLockExclusive(&x->push);
}

static void test_push(void **state)
{
    (void)state;
    ke_test_good(push_excludes);
    ke_test_bad(push_outside_region, RULE_KRN_127);
    ke_test_bad(push_shared_twice, RULE_KRN_127);
    ke_test_bad(push_wrong_mode, RULE_KRN_127);
}

/* ---- resources ---- */

static void resource_user(PVOID argument)
{
    struct shared *x = argument;
    ExEnterCriticalRegionAndAcquireResourceExclusive(&x->resource);
    SIM_ASSERT(ExAcquireResourceExclusiveLite(&x->resource, TRUE)); /* recursive */
    write_inside(x);
    ExReleaseResourceLite(&x->resource);
    SIM_ASSERT(ExIsResourceAcquiredExclusiveLite(&x->resource));
    ExConvertExclusiveToSharedLite(&x->resource);
    read_inside(x);
    SIM_ASSERT(!ExAcquireResourceExclusiveLite(&x->resource, FALSE));
    ExReleaseResourceAndLeaveCriticalRegion(&x->resource);
}

static void resource_excludes(void)
{
    struct shared *x = shared_new();
    PKTHREAD a = ke_test_thread(resource_user, x);
    PKTHREAD b = ke_test_thread(resource_user, x);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&x->resource, TRUE);
    read_inside(x);
    ExAcquireResourceSharedLite(&x->resource, TRUE);
    SIM_ASSERT(ExIsResourceAcquiredSharedLite(&x->resource) == 2);
    ExReleaseResourceLite(&x->resource);
    ExReleaseResourceLite(&x->resource);
    KeLeaveCriticalRegion();
    ke_test_join(a);
    ke_test_join(b);
    SIM_ASSERT(x->value == 2);
    SIM_ASSERT(ExDeleteResourceLite(&x->resource) == STATUS_SUCCESS);
    ex_check_unload(sim_current);
}

static void resource_upgrade(void)
{
    struct shared *x = shared_new();
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&x->resource, TRUE);
    ExAcquireResourceExclusiveLite(&x->resource, TRUE);
}

static void resource_outside_region(void)
{
    ExAcquireResourceSharedLite(&shared_new()->resource, TRUE);
}

static void resource_deleted(void)
{
    struct shared *x = shared_new();
    ExDeleteResourceLite(&x->resource);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&x->resource, TRUE);
}

static void resource_not_deleted(void)
{
    shared_new();
    ex_check_unload(sim_current);
}

static void resource_not_held(void)
{
    struct shared *x = shared_new();
    KeEnterCriticalRegion();
    ExReleaseResourceLite(&x->resource);
}

static void test_resource(void **state)
{
    (void)state;
    ke_test_good(resource_excludes);
    ke_test_bad(resource_upgrade, RULE_KRN_128);
    ke_test_bad(resource_outside_region, RULE_KRN_128);
    ke_test_bad(resource_deleted, RULE_KRN_128);
    ke_test_bad(resource_not_deleted, RULE_KRN_284);
    ke_test_bad(resource_not_held, RULE_KRN_123);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spin),
        cmocka_unit_test(test_mutex),
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_resource),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
