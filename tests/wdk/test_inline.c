/* SPDX-License-Identifier: MIT */
/*
 * What the headers implement themselves: lists, safe integers, page arithmetic, bit scans, string
 * constants, GUIDs, the walk over an IRP's stack. No engine is linked: a corrupt list ends in the
 * RtlFailFast below.
 */
#include <initguid.h>
#include <ntddk.h>
#include <ntintsafe.h>
#include <intrin.h>

int printf(const char *format, ...);

DEFINE_GUID(test_guid, 0x11223344, 0x5566, 0x7788, 1, 2, 3, 4, 5, 6, 7, 8);
DECLARE_CONST_UNICODE_STRING(test_name, L"\\Device\\x");

static int passed;
static int failed;
static void *fail_fast_jump[5];
static ULONG fail_fast_code;

static void check(int ok, const char *what)
{
    if (ok) {
        passed++;
    } else {
        failed++;
        printf("FAILED: %s\n", what);
    }
}

void RtlFailFast(ULONG Code)
{
    fail_fast_code = Code;
    __builtin_longjmp(fail_fast_jump, 1);
}

SIZE_T RtlCompareMemory(const VOID *Source1, const VOID *Source2, SIZE_T Length)
{
    return __builtin_memcmp(Source1, Source2, Length) == 0 ? Length : 0;
}

static void lists(void)
{
    struct item {
        int value;
        LIST_ENTRY link;
    } items[3] = {{1, {NULL, NULL}}, {2, {NULL, NULL}}, {3, {NULL, NULL}}};
    LIST_ENTRY head;
    LIST_ENTRY other;

    InitializeListHead(&head);
    InitializeListHead(&other);
    check(IsListEmpty(&head), "a new list is empty");
    InsertTailList(&head, &items[0].link);
    InsertTailList(&head, &items[1].link);
    InsertHeadList(&head, &items[2].link);
    check(CONTAINING_RECORD(head.Flink, struct item, link)->value == 3, "head insertion");
    check(CONTAINING_RECORD(head.Blink, struct item, link)->value == 2, "tail insertion");
    check(!RemoveEntryList(&items[0].link), "list not empty after removal");
    check(RemoveHeadList(&head) == &items[2].link, "remove head");
    check(RemoveTailList(&head) == &items[1].link && IsListEmpty(&head), "remove tail");
    check(RemoveHeadList(&head) == &head, "an empty list yields its head (KRN-309)");
    InsertTailList(&head, &items[0].link);
    if (__builtin_setjmp(fail_fast_jump) == 0) {
        items[0].link.Flink = &other;
        RemoveEntryList(&items[0].link);
        check(0, "corruption passed unnoticed");
    } else {
        check(fail_fast_code == FAST_FAIL_CORRUPT_LIST_ENTRY, "corruption fails fast (KRN-306)");
    }
}

static void integers(void)
{
    ULONG ulong_result;
    USHORT ushort_result;
    LONG long_result;
    SIZE_T size_result;

    check(RtlULongAdd(0xfffffffeu, 1, &ulong_result) == STATUS_SUCCESS &&
              ulong_result == 0xffffffffu, "ULong add fits");
    check(RtlULongAdd(0xffffffffu, 1, &ulong_result) == STATUS_INTEGER_OVERFLOW, "ULong add");
    check(RtlULongSub(1, 2, &ulong_result) == STATUS_INTEGER_OVERFLOW, "ULong sub");
    check(RtlLongMult(0x10000, 0x8000, &long_result) == STATUS_INTEGER_OVERFLOW, "Long mult");
    check(RtlSizeTMult(~(SIZE_T)0, 2, &size_result) == STATUS_INTEGER_OVERFLOW, "SizeT mult");
    check(RtlSIZETToULong((SIZE_T)1 << 32, &ulong_result) == STATUS_INTEGER_OVERFLOW &&
              ulong_result == MAXULONG, "SIZE_T to ULONG");
    check(RtlSIZETToULong(7, &ulong_result) == STATUS_SUCCESS && ulong_result == 7, "it fits");
    check(RtlULongToUShort(0x10000, &ushort_result) == STATUS_INTEGER_OVERFLOW, "ULong to UShort");
    check(RtlLongToULong(-1, &ulong_result) == STATUS_INTEGER_OVERFLOW, "negative to unsigned");
}

static void pages_and_bits(void)
{
    ULONG index = 99;
    MDL mdl = {NULL, 0, 0, 0, 0, NULL, NULL, (PVOID)0x5000, 10, 0x10};

    check(ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)0x1fff, 2) == 2, "two bytes over a page border");
    check(ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)0x1000, 0x1000) == 1, "one whole page");
    check(ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)0x1000, 0) == 0, "nothing");
    check(BYTES_TO_PAGES(4097) == 2 && ROUND_TO_PAGES(1) == 4096, "pages");
    check(MmGetMdlVirtualAddress(&mdl) == (PVOID)0x5010, "address of an MDL");
    check(_BitScanForward(&index, 0x50) == 1 && index == 4, "lowest bit");
    check(_BitScanReverse64(&index, 0x50ULL) == 1 && index == 6, "highest bit");
    check(_BitScanForward(&index, 0) == 0 && index == 6, "no bit");
    check(_rotl(0x80000001u, 1) == 3 && _rotr64(1, 1) == 1ULL << 63, "rotations");
    check(RtlUshortByteSwap(0x1234) == 0x3412, "byte swap");
}

static void names_and_stack(void)
{
    struct {
        IRP irp;
        IO_STACK_LOCATION stack[2];
    } request = {.irp = {.StackCount = 2, .CurrentLocation = 2}};
    GUID copy = test_guid;
    PIRP irp = &request.irp;

    check(test_name.Length == 18 && test_name.MaximumLength == 20, "lengths of a constant string");
    check(IsEqualGUID(&copy, &test_guid) && test_guid.Data4[7] == 8, "GUID");
    check(IoSizeOfIrp(2) == sizeof(request), "size of an IRP with two locations");
    irp->Tail.Overlay.CurrentStackLocation = &request.stack[1];
    request.stack[1].MajorFunction = IRP_MJ_READ;
    request.stack[1].Context = &copy;
    IoCopyCurrentIrpStackLocationToNext(irp);
    check(request.stack[0].MajorFunction == IRP_MJ_READ && request.stack[0].Context == NULL,
          "a copied location carries no completion routine (KRN-030)");
    check(IoGetNextIrpStackLocation(irp) == &request.stack[0], "next location");
    IoSetNextIrpStackLocation(irp);
    IoSkipCurrentIrpStackLocation(irp);
    check(IoGetCurrentIrpStackLocation(irp) == &request.stack[1] && irp->CurrentLocation == 2,
          "set next and skip are inverse");
}

int main(void)
{
    lists();
    integers();
    pages_and_bits();
    names_and_stack();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
