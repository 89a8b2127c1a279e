/* SPDX-License-Identifier: MIT */
/*
 * Rtl and the rest: run-once, tables, time, bits, registry, security, tracing, assertions, names.
 */
#include "test_ke.h"

#include "model/rtl/rtl.h"

#include <evntprov.h>

#define TAG 0x74736554u

static int setup(void **state)
{
    extern const char __executable_start[], _end[];
    ke_test_setup(state);
    sim_memory_allow((uintptr_t)__executable_start, (size_t)(_end - __executable_start));
    return 0;
}

/* ---- one-time initialisation ---- */

struct once {
    RTL_RUN_ONCE once;
    LONG calls;
};

static ULONG once_function(PRTL_RUN_ONCE once, PVOID parameter, PVOID *context)
{
    struct once *x = parameter;
    SIM_ASSERT(once == &x->once);
    KeMemoryBarrier();
    x->calls++;
    *context = (PVOID)(ULONG_PTR)0x40;
    return TRUE;
}

static void once_user(PVOID argument)
{
    struct once *x = argument;
    PVOID context = NULL;
    SIM_ASSERT(RtlRunOnceExecuteOnce(&x->once, once_function, x, &context) == STATUS_SUCCESS);
    SIM_ASSERT(x->calls == 1 && context == (PVOID)(ULONG_PTR)0x40);
}

static void once_only(void)
{
    struct once *x = ke_test_alloc(sizeof *x);
    PKTHREAD a;
    PVOID context;
    x->calls = 0;
    RtlRunOnceInitialize(&x->once);
    SIM_ASSERT(RtlRunOnceBeginInitialize(&x->once, RTL_RUN_ONCE_CHECK_ONLY, &context) ==
               STATUS_UNSUCCESSFUL);
    a = ke_test_thread(once_user, x);
    once_user(x);
    ke_test_join(a);
    RtlRunOnceInitialize(&x->once);
    SIM_ASSERT(RtlRunOnceBeginInitialize(&x->once, 0, NULL) == STATUS_PENDING);
    SIM_ASSERT(RtlRunOnceComplete(&x->once, RTL_RUN_ONCE_INIT_FAILED, NULL) == STATUS_SUCCESS);
    SIM_ASSERT(RtlRunOnceBeginInitialize(&x->once, 0, NULL) == STATUS_PENDING);
    SIM_ASSERT(RtlRunOnceComplete(&x->once, 0, (PVOID)(ULONG_PTR)8) == STATUS_SUCCESS);
    SIM_ASSERT(RtlRunOnceBeginInitialize(&x->once, 0, &context) == STATUS_SUCCESS);
    SIM_ASSERT(context == (PVOID)(ULONG_PTR)8);
}

static ULONG once_again(PRTL_RUN_ONCE once, PVOID parameter, PVOID *context)
{
    (void)parameter;
    (void)context;
    return RtlRunOnceExecuteOnce(once, once_again, NULL, NULL) == STATUS_SUCCESS;
}

static void once_recursive(void)
{
    RTL_RUN_ONCE *once = ke_test_alloc(sizeof *once);
    RtlRunOnceInitialize(once);
    RtlRunOnceExecuteOnce(once, once_again, NULL, NULL);
}

/* ---- tables ---- */

static RTL_GENERIC_COMPARE_RESULTS compare(PRTL_AVL_TABLE table, PVOID first, PVOID second)
{
    int a = *(int *)first, b = *(int *)second;
    (void)table;
    return a < b ? GenericLessThan : a > b ? GenericGreaterThan : GenericEqual;
}

static PVOID allocate(PRTL_AVL_TABLE table, ULONG size)
{
    (void)table;
    return ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG);
}

static void release(PRTL_AVL_TABLE table, PVOID element)
{
    (void)table;
    ExFreePoolWithTag(element, TAG);
}

static void check_order(PRTL_AVL_TABLE table, unsigned wanted)
{
    int last = -1;
    unsigned count = 0;
    PVOID key = NULL;
    for (int *e = RtlEnumerateGenericTableWithoutSplayingAvl(table, &key); e != NULL;
         e = RtlEnumerateGenericTableWithoutSplayingAvl(table, &key)) {
        SIM_ASSERT(*e > last);
        last = *e;
        count++;
    }
    SIM_ASSERT(count == wanted && RtlNumberGenericTableElementsAvl(table) == wanted);
}

static void tables(void)
{
    PRTL_AVL_TABLE table = ke_test_alloc(sizeof *table);
    BOOLEAN is_new;
    unsigned count = 0;
    RtlInitializeGenericTableAvl(table, compare, allocate, release, NULL);
    for (int i = 0; i < 20; i++) {
        int value = i * 7 % 20;
        int *element = RtlInsertElementGenericTableAvl(table, &value, sizeof value, &is_new);
        SIM_ASSERT(element != NULL && *element == value && is_new);
    }
    check_order(table, 20);
    for (int i = 0; i < 20; i += 2) {
        int value = i * 3 % 20;
        SIM_ASSERT(RtlDeleteElementGenericTableAvl(table, &value));
        SIM_ASSERT(!RtlDeleteElementGenericTableAvl(table, &value));
        SIM_ASSERT(RtlLookupElementGenericTableAvl(table, &value) == NULL);
        check_order(table, 19 - (unsigned)i / 2);
    }
    SIM_ASSERT(*(int *)RtlGetElementGenericTableAvl(table, 0) == 1);
    for (int *e = RtlEnumerateGenericTableAvl(table, TRUE); e != NULL;
         e = RtlEnumerateGenericTableAvl(table, TRUE)) {
        RtlDeleteElementGenericTableAvl(table, e);
        count++;
    }
    SIM_ASSERT(count == 10 && RtlIsGenericTableEmptyAvl(table));
    ex_check_unload(sim_current);
}

/* ---- time, bits, blocks ---- */

static void calendar(void)
{
    LARGE_INTEGER time, back;
    TIME_FIELDS f;
    ULONG seconds;
    RtlSecondsSince1970ToTime(951782399, &time); /* 2000-02-28 23:59:59, a Monday */
    time.QuadPart += 5 * 10000;
    RtlTimeToTimeFields(&time, &f);
    SIM_ASSERT(f.Year == 2000 && f.Month == 2 && f.Day == 28 && f.Weekday == 1);
    SIM_ASSERT(f.Hour == 23 && f.Minute == 59 && f.Second == 59 && f.Milliseconds == 5);
    SIM_ASSERT(RtlTimeFieldsToTime(&f, &back) && back.QuadPart == time.QuadPart);
    f.Day = 29;
    SIM_ASSERT(RtlTimeFieldsToTime(&f, &back));
    SIM_ASSERT(back.QuadPart - time.QuadPart == 864000000000ll);
    f.Day = 30;
    SIM_ASSERT(!RtlTimeFieldsToTime(&f, &back));
    SIM_ASSERT(RtlTimeToSecondsSince1970(&time, &seconds) && seconds == 951782399);
}

static void bits(void)
{
    ULONG word[2], pattern[4];
    RTL_BITMAP map;
    RtlInitializeBitMap(&map, word, 40);
    RtlClearAllBits(&map);
    RtlSetBit(&map, 3);
    SIM_ASSERT(RtlTestBit(&map, 3) && !RtlTestBit(&map, 4) && word[0] == 8);
    SIM_ASSERT(RtlFindClearBitsAndSet(&map, 5, 0) == 4);
    SIM_ASSERT(RtlFindClearBitsAndSet(&map, 4, 38) == 9);
    SIM_ASSERT(RtlFindClearBitsAndSet(&map, 40, 0) == MAXULONG);
    SIM_ASSERT(RtlFindMostSignificantBit(0x8001) == 15 && RtlFindLeastSignificantBit(0x8000) == 15);
    SIM_ASSERT(RtlFindLeastSignificantBit(0) == -1 && RtlNumberOfSetBitsUlongPtr(0x70f) == 7);
    SIM_ASSERT(RtlCompareMemory("abcd", "abxd", 4) == 2);
    SIM_ASSERT(RtlCrc32("123456789", 9, 0) == 0xcbf43926);
    RtlFillMemoryUlong(pattern, 16, 0x01020304);
    SIM_ASSERT(pattern[3] == 0x01020304);
}

static void repeatable(void)
{
    ULONG a = 1, b = 1;
    UUID x, y;
    SIM_ASSERT(RtlRandomEx(&a) == RtlRandomEx(&b) && a < 0x7fffffff && a != 1);
    SIM_ASSERT(ExUuidCreate(&x) == STATUS_SUCCESS && ExUuidCreate(&y) == STATUS_SUCCESS);
    SIM_ASSERT(memcmp(&x, &y, sizeof x) != 0 && x.Data3 >> 12 == 4);
}

/* ---- system ---- */

static void registry(void)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Registry\\Machine\\Nothing");
    OBJECT_ATTRIBUTES attributes;
    HANDLE key;
    ULONG value = 1, standard = 42;
    RTL_QUERY_REGISTRY_TABLE table[2] = {
        {NULL, RTL_QUERY_REGISTRY_DIRECT, L"Port", &value, REG_DWORD, &standard, sizeof standard}};
    RTL_OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    SIM_ASSERT(ZwOpenKey(&key, KEY_READ, &attributes) == STATUS_OBJECT_NAME_NOT_FOUND);
    SIM_ASSERT(RtlQueryRegistryValues(RTL_REGISTRY_ABSOLUTE, L"x", table, NULL, NULL) ==
               STATUS_OBJECT_NAME_NOT_FOUND);
    SIM_ASSERT(value == 1);
    SIM_ASSERT(RtlQueryRegistryValues(RTL_REGISTRY_OPTIONAL, L"x", table, NULL, NULL) ==
               STATUS_SUCCESS);
    SIM_ASSERT(value == 42);
    SIM_ASSERT(RtlGetVersion(&version) == STATUS_SUCCESS && version.dwMajorVersion == 10);
}

static void security(void)
{
    SECURITY_DESCRIPTOR d;
    UCHAR memory[64] __attribute__((aligned(8)));
    UCHAR sid[12] = {1, 1, 0, 0, 0, 0, 0, 1};
    PACL acl = (PACL)(void *)memory;
    GENERIC_MAPPING map = {1, 2, 4, 7};
    ACCESS_MASK granted;
    NTSTATUS status;
    SIM_ASSERT(RtlCreateSecurityDescriptor(&d, SECURITY_DESCRIPTOR_REVISION) == STATUS_SUCCESS);
    SIM_ASSERT(RtlCreateAcl(acl, sizeof memory, ACL_REVISION) == STATUS_SUCCESS);
    SIM_ASSERT(RtlAddAccessAllowedAce(acl, ACL_REVISION, GENERIC_READ, sid) == STATUS_SUCCESS);
    SIM_ASSERT(RtlSetDaclSecurityDescriptor(&d, TRUE, acl, FALSE) == STATUS_SUCCESS);
    SIM_ASSERT(SeAccessCheck(&d, NULL, FALSE, 1, 0, NULL, &map, UserMode, &granted, &status));
    SIM_ASSERT(granted == 1);
    SIM_ASSERT(!SeAccessCheck(&d, NULL, FALSE, 2, 0, NULL, &map, UserMode, &granted, &status));
    SIM_ASSERT(status == STATUS_ACCESS_DENIED);
    SIM_ASSERT(SeAccessCheck(&d, NULL, FALSE, 2, 0, NULL, &map, KernelMode, &granted, &status));
    while (NT_SUCCESS(RtlAddAccessAllowedAce(acl, ACL_REVISION, 2, sid))) {
    }
    SIM_ASSERT(acl->AceCount == 2); /* 8 of header, 20 each: a third does not fit in 64 */
}

static void tracing_leak(void)
{
    static const GUID id = {1, 2, 3, {4}};
    REGHANDLE a, b;
    SIM_ASSERT(EtwRegister(&id, NULL, NULL, &a) == STATUS_SUCCESS);
    SIM_ASSERT(EtwRegister(&id, NULL, NULL, &b) == STATUS_SUCCESS && a != b);
    SIM_ASSERT(EtwUnregister(a) == STATUS_SUCCESS && EtwUnregister(a) == STATUS_INVALID_HANDLE);
    SIM_ASSERT(!EtwProviderEnabled(b, 1, 1));
    ex_check_unload(sim_current);
}

/* ---- findings ---- */

static void asserts(void)
{
    ASSERT(1 + 1 == 3);
}

static void paged_code(void)
{
    PAGED_CODE();
    KeRaiseIrqlToDpcLevel();
    PAGED_CODE();
}

static void breaks(void)
{
    DbgBreakPoint();
}

static void prints(void)
{
    UNICODE_STRING u = RTL_CONSTANT_STRING(L"name");
    SIM_ASSERT(DbgPrint("n %d %wZ\n", 5, &u) == STATUS_SUCCESS);
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "%s", (char *)(uintptr_t)0x1234560000);
}

static void test_good(void **state)
{
    (void)state;
    ke_test_good(once_only);
    ke_test_good(tables);
    ke_test_good(calendar);
    ke_test_good(bits);
    ke_test_good(repeatable);
    ke_test_good(registry);
    ke_test_good(security);
    ke_test_good(prints);
}

static void test_breaches(void **state)
{
    (void)state;
    ke_test_bad(once_recursive, RULE_KRN_322);
    ke_test_bad(tracing_leak, RULE_KRN_284);
    ke_test_bad(paged_code, RULE_KRN_052);
    ke_test_bad(breaks, RULE_SYS_BUGCHECK);
    ke_test_bad(asserts, RULE_SYS_ASSERT);
    assert_non_null(strstr(ke_test_sim->violation.text, "1 + 1 == 3 (test_rtl_misc.c:"));
}

/* The text is there when the trace is kept, and keeping it changes nothing. */
static void test_debug_output(void **state)
{
    const struct sim_options traced = {.trace = true};
    const struct sim_options plain = {.trace = false};
    const struct choice_source tame = {.kind = CHOICE_TAME};
    void (*body)(void) = prints;
    void *argument;
    uint64_t fingerprint;
    size_t count;
    (void)state;
    memcpy(&argument, &body, sizeof argument);
    assert_int_equal(sim_run(ke_test_sim, ke_test_main, argument, &traced, &tame, NULL),
                     SIM_VERDICT_OK);
    fingerprint = sim_fingerprint(ke_test_sim);
    rtl_debug_lines(ke_test_sim, &count);
    assert_int_equal(count, 2);
    assert_string_equal(rtl_debug_lines(ke_test_sim, &count)[0].text, "n 5 name\n");
    assert_string_equal(rtl_debug_lines(ke_test_sim, &count)[1].text, "(bad pointer)");
    assert_int_equal(sim_run(ke_test_sim, ke_test_main, argument, &plain, &tame, NULL),
                     SIM_VERDICT_OK);
    assert_true(sim_fingerprint(ke_test_sim) == fingerprint);
    rtl_debug_lines(ke_test_sim, &count);
    assert_int_equal(count, 0);
}

static void test_names(void **state)
{
    char name[32];
    (void)state;
    assert_string_equal(model_object_name(sim_object_id(OBJECT_IRP, 3), name, sizeof name),
                        "irp#3");
    assert_string_equal(model_object_name(0, name, sizeof name), "nothing");
    assert_string_equal(model_routine_name(ROUTINE_KeSetEvent), "KeSetEvent");
    assert_string_equal(model_status_name((uint32_t)STATUS_SUCCESS), "STATUS_SUCCESS");
    assert_string_equal(model_status_name((uint32_t)STATUS_PENDING), "STATUS_PENDING");
    assert_string_equal(model_status_name((uint32_t)STATUS_CANCELLED), "STATUS_CANCELLED");
    assert_string_equal(model_status_name((uint32_t)STATUS_ACCESS_DENIED), "STATUS_ACCESS_DENIED");
    assert_null(model_status_name(0x12345678));
}

/* Every name of the table is found, so the table is sorted; it covers include/wdk/ntstatus.def. */
static void test_status_names(void **state)
{
    static const struct {
        uint32_t value;
        const char *name;
    } all[] = {
#define STATUS_NAME(name) {(uint32_t)(name), #name},
#include "model/status_names.def"
#undef STATUS_NAME
    };
    (void)state;
    for (size_t i = 0; i < SIM_COUNT(all); i++) {
        assert_string_equal(model_status_name(all[i].value), all[i].name);
    }
    assert_string_equal(model_status_name((uint32_t)STATUS_WAIT_0), "STATUS_SUCCESS");
    assert_string_equal(model_status_name((uint32_t)STATUS_FWP_CALLOUT_NOT_FOUND),
                        "STATUS_FWP_CALLOUT_NOT_FOUND");
}

/* Readings on request are never drawn, all others are. */
static uint16_t drawn;

static void draws_knob(void)
{
    drawn = model_knob(sim_current, KNOB_KERNEL_WAIT_TIE);
    SIM_ASSERT(model_knob(sim_current, KNOB_KERNEL_WAIT_TIE) == drawn);
    SIM_ASSERT(model_knob(sim_current, KNOB_KERNEL_LOCK_ORDER) == 0);
}

static void reads_forced_knob(void)
{
    SIM_ASSERT(model_knob(sim_current, KNOB_KERNEL_LOCK_ORDER) == 1);
}

static void test_knobs(void **state)
{
    const struct choice_source tame = {.kind = CHOICE_TAME};
    unsigned seen = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        const struct choice_source source = {.kind = CHOICE_RANDOM,
                                             .seed = seed * 0x9E3779B97F4A7C15ull,
                                             .switch_one_in = 8,
                                             .knob_one_in = 2};
        assert_int_equal(ke_test_run(draws_knob, &source), SIM_VERDICT_OK);
        seen |= 1u << drawn;
    }
    assert_int_equal(seen, 7);
    model_knob_force(KNOB_KERNEL_LOCK_ORDER, 1);
    assert_int_equal(ke_test_run(reads_forced_knob, &tame), SIM_VERDICT_OK);
    model_knob_force(KNOB_KERNEL_LOCK_ORDER, -1);
    assert_int_equal(ke_test_run(draws_knob, &tame), SIM_VERDICT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),         cmocka_unit_test(test_breaches),
        cmocka_unit_test(test_debug_output), cmocka_unit_test(test_names),
        cmocka_unit_test(test_status_names), cmocka_unit_test(test_knobs),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
