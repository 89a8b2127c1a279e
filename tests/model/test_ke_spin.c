/* SPDX-License-Identifier: MIT */
/* Spin locks: KRN-110 to KRN-118, KRN-121, KRN-124, KRN-134. */
#include "test_ke.h"

#include "model/ke/ke_internal.h"

struct shared {
    KSPIN_LOCK lock, other;
    int inside, value;
    PKLOCK_QUEUE_HANDLE handle;
};

static struct shared *shared_new(void)
{
    struct shared *x = ke_test_alloc(sizeof *x);
    x->inside = 0;
    x->value = 0;
    KeInitializeSpinLock(&x->lock);
    KeInitializeSpinLock(&x->other);
    return x;
}

static void enter(struct shared *x)
{
    SIM_ASSERT(KeGetCurrentIrql() == DISPATCH_LEVEL);
    SIM_ASSERT(++x->inside == 1);
    KeMemoryBarrier();
    x->value++;
    x->inside--;
}

/* ---- exclusion ---- */

static void ordinary(PVOID argument)
{
    struct shared *x = argument;
    KIRQL old;
    for (int i = 0; i < 4; i++) {
        KeAcquireSpinLock(&x->lock, &old);
        SIM_ASSERT(old == PASSIVE_LEVEL);
        enter(x);
        KeReleaseSpinLock(&x->lock, old);
        SIM_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
    }
}

static void ordinary_excludes(void)
{
    struct shared *x = shared_new();
    PKTHREAD a = ke_test_thread(ordinary, x);
    PKTHREAD b = ke_test_thread(ordinary, x);
    KIRQL old = KeRaiseIrqlToDpcLevel();
    KeAcquireSpinLockAtDpcLevel(&x->lock);
    enter(x);
    KeReleaseSpinLockFromDpcLevel(&x->lock);
    KeLowerIrql(old);
    ke_test_join(a);
    ke_test_join(b);
    SIM_ASSERT(x->value == 9);
}

static void queued(PVOID argument)
{
    struct shared *x = argument;
    KLOCK_QUEUE_HANDLE handle;
    for (int i = 0; i < 4; i++) {
        KeAcquireInStackQueuedSpinLock(&x->other, &handle);
        enter(x);
        KeReleaseInStackQueuedSpinLock(&handle);
    }
}

static void queued_excludes(void)
{
    struct shared *x = shared_new();
    PKTHREAD a = ke_test_thread(queued, x);
    PKTHREAD b = ke_test_thread(queued, x);
    queued(x);
    ke_test_join(a);
    ke_test_join(b);
    SIM_ASSERT(x->value == 12);
}

/* Queued locks are granted in the order of arrival (KRN-134): two wait, the third holds. */
struct row {
    struct shared *x;
    int number;
};
static volatile int turn; /* who may ask */
static int served[2], served_count;

static void waits_in_row(PVOID argument)
{
    const struct row *row = argument;
    KLOCK_QUEUE_HANDLE handle;
    while (turn < row->number) {
        KeStallExecutionProcessor(1);
    }
    KeAcquireInStackQueuedSpinLock(&row->x->other, &handle);
    served[served_count++] = row->number;
    KeReleaseInStackQueuedSpinLock(&handle);
}

static void wait_for_waiters(uint32_t wanted)
{
    uint32_t count;
    do {
        KeStallExecutionProcessor(1);
        count = 0;
        for (uint32_t i = 0; i < sim_current->live_count; i++) {
            const struct sim_ctx *ctx = sim_current->live[i];
            count += ke_record(ctx) != NULL && ke_record(ctx)->spin_queue != NULL;
        }
    } while (count < wanted);
}

static void first_come_first_served(void)
{
    struct shared *x = shared_new();
    struct row row[2] = {{x, 1}, {x, 2}};
    KLOCK_QUEUE_HANDLE handle;
    turn = served_count = 0;
    PKTHREAD second = ke_test_thread(waits_in_row, &row[1]);
    PKTHREAD first = ke_test_thread(waits_in_row, &row[0]);
    KeAcquireInStackQueuedSpinLock(&x->other, &handle);
    turn = 1;
    wait_for_waiters(1);
    turn = 2;
    wait_for_waiters(2);
    KeReleaseInStackQueuedSpinLock(&handle);
    ke_test_join(first);
    ke_test_join(second);
    SIM_ASSERT(served[0] == 1 && served[1] == 2);
}

static void test_exclusion(void **state)
{
    (void)state;
    ke_test_good(ordinary_excludes);
    ke_test_good(queued_excludes);
    ke_test_processors = 3;
    ke_test_good(first_come_first_served);
    ke_test_processors = 2;
}

static void try_and_hand_over_hand(void)
{
    KSPIN_LOCK zero = 0; /* a static lock starts so */
    KSPIN_LOCK a, b;
    KIRQL outer, inner;
    KeInitializeSpinLock(&a);
    KeInitializeSpinLock(&b);
    KeAcquireSpinLock(&a, &outer);
    KeAcquireSpinLock(&b, &inner);
    SIM_ASSERT(!KeTryToAcquireSpinLockAtDpcLevel(&a));
    SIM_ASSERT(KeTryToAcquireSpinLockAtDpcLevel(&zero));
    KeReleaseSpinLockFromDpcLevel(&zero);
    KeReleaseSpinLock(&a, inner); /* the IRQL stays right: lint (KAMB-14) */
    SIM_ASSERT(KeGetCurrentIrql() == DISPATCH_LEVEL);
    KeReleaseSpinLock(&b, outer);
    SIM_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
}

static void test_forms(void **state)
{
    (void)state;
    ke_test_good(try_and_hand_over_hand);
}

/* ---- breaches ---- */

static void garbage(void)
{
    struct shared *x = ke_test_alloc(sizeof *x);
    KIRQL old;
    KeAcquireSpinLock(&x->lock, &old);
}

static void initialised_while_held(void)
{
    struct shared *x = shared_new();
    KIRQL old;
    KeAcquireSpinLock(&x->lock, &old);
    KeInitializeSpinLock(&x->lock);
}

static void copied_while_held(void)
{
    struct shared *x = shared_new();
    KIRQL old;
    KeAcquireSpinLock(&x->lock, &old);
    x->other = x->lock;
    KeAcquireSpinLockAtDpcLevel(&x->other);
}

static void freed_while_held(void)
{
    struct shared *x = shared_new();
    KIRQL old;
    KeAcquireSpinLock(&x->lock, &old);
    ke_memory_freed(sim_current, x, sizeof *x);
}

static void wrong_irql(void)
{
    KSPIN_LOCK lock = 0;
    KIRQL old;
    KeAcquireSpinLock(&lock, &old);
    KeReleaseSpinLock(&lock, APC_LEVEL);
}

static void taken_twice(void)
{
    KSPIN_LOCK lock = 0;
    KIRQL old;
    KeAcquireSpinLock(&lock, &old);
    KeAcquireSpinLock(&lock, &old);
}

static void at_dpc_level_below(void)
{
    KSPIN_LOCK lock = 0;
    KeAcquireSpinLockAtDpcLevel(&lock);
}

static void forms_crossed(void)
{
    KSPIN_LOCK lock = 0;
    KIRQL old;
    KeAcquireSpinLock(&lock, &old);
    KeReleaseSpinLockFromDpcLevel(&lock);
}

static void released_free(void)
{
    KSPIN_LOCK lock = 0;
    KeRaiseIrqlToDpcLevel();
    KeReleaseSpinLock(&lock, PASSIVE_LEVEL);
}

static void kept(void)
{
    KSPIN_LOCK lock = 0;
    KIRQL old;
    ke_window_open(sim_current, KE_WINDOW_DISPATCH, 0);
    KeAcquireSpinLock(&lock, &old);
    ke_window_close(sim_current);
}

static void kept_in_callback(void)
{
    KSPIN_LOCK lock = 0;
    KIRQL old;
    ke_window_open(sim_current, KE_WINDOW_WSK_CALLBACK, 0);
    KeAcquireSpinLock(&lock, &old);
    ke_window_close(sim_current);
}

static void handle_used_twice(void)
{
    struct shared *x = shared_new();
    KLOCK_QUEUE_HANDLE handle;
    KeAcquireInStackQueuedSpinLock(&x->lock, &handle);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&x->other, &handle);
}

/* The handle lies where two contexts get at it. */
static void shares_handle(PVOID argument)
{
    struct shared *x = argument;
    KeAcquireInStackQueuedSpinLock(&x->other, x->handle);
    enter(x);
    KeReleaseInStackQueuedSpinLock(x->handle);
}

static void handle_shared(void)
{
    struct shared *x = shared_new();
    x->handle = ke_test_alloc(sizeof *x->handle);
    PKTHREAD a = ke_test_thread(shares_handle, x);
    shares_handle(x);
    ke_test_join(a);
}

static void kinds_mixed(void)
{
    KSPIN_LOCK lock = 0;
    KLOCK_QUEUE_HANDLE handle;
    KIRQL old;
    KeAcquireInStackQueuedSpinLock(&lock, &handle);
    KeReleaseInStackQueuedSpinLock(&handle);
    KeAcquireSpinLock(&lock, &old);
}

static void lowered_with_lock(void)
{
    KSPIN_LOCK lock = 0;
    KIRQL old = KeRaiseIrqlToDpcLevel();
    KeAcquireSpinLockAtDpcLevel(&lock);
    KeLowerIrql(old);
}

static void test_breaches(void **state)
{
    (void)state;
    ke_test_bad(garbage, RULE_KRN_110);
    ke_test_bad(initialised_while_held, RULE_KRN_110);
    ke_test_bad(copied_while_held, RULE_KRN_110);
    ke_test_bad(freed_while_held, RULE_KRN_110);
    ke_test_bad(wrong_irql, RULE_KRN_112);
    ke_test_bad(taken_twice, RULE_KRN_113);
    ke_test_bad(at_dpc_level_below, RULE_KRN_114);
    ke_test_bad(forms_crossed, RULE_KRN_114);
    ke_test_bad(released_free, RULE_KRN_115);
    ke_test_bad(kept, RULE_KRN_115);
    ke_test_bad(kept_in_callback, RULE_EVT_018);
    ke_test_bad(handle_used_twice, RULE_KRN_116);
    ke_test_bad(kinds_mixed, RULE_KRN_117);
    ke_test_bad(lowered_with_lock, RULE_KRN_118);
}

/* ---- order ---- */

static void other_then_lock(PVOID argument)
{
    struct shared *x = argument;
    KIRQL old;
    KeAcquireSpinLock(&x->other, &old);
    KeAcquireSpinLockAtDpcLevel(&x->lock);
    KeReleaseSpinLockFromDpcLevel(&x->lock);
    KeReleaseSpinLock(&x->other, old);
}

static void crossing(void)
{
    struct shared *x = shared_new();
    KIRQL old;
    PKTHREAD thread = ke_test_thread(other_then_lock, x);
    KeAcquireSpinLock(&x->lock, &old);
    KeAcquireSpinLockAtDpcLevel(&x->other);
    KeReleaseSpinLockFromDpcLevel(&x->other);
    KeReleaseSpinLock(&x->lock, old);
    ke_test_join(thread);
}

static void test_order(void **state)
{
    (void)state;
    const uint64_t *lints = &model_of(ke_test_sim)->rule_lints[RULE_KRN_121];
    const struct choice_source tame = {.kind = CHOICE_TAME};
    uint64_t before = *lints;
    assert_int_equal(ke_test_run(crossing, &tame), SIM_VERDICT_OK);
    assert_true(*lints > before); /* KAMB-07 */
    assert_true(ke_test_found(crossing, RULE_KRN_121) > 20);
    assert_true(ke_test_found(handle_shared, RULE_KRN_116) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exclusion),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_breaches),
        cmocka_unit_test(test_order),
    };
    ke_test_setup(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
