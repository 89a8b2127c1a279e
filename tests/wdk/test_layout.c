/* SPDX-License-Identifier: MIT */
/*
 * The kernel structures have the sizes and field offsets of x64 Windows, because drivers embed,
 * copy and read them. Each row is a static assertion (a wrong figure does not compile); main
 * reports their number.
 *
 * The figures are public layout facts, written down independently of the headers.
 */
#include <wdm.h>

int printf(const char *format, ...);

/* kind, value expected, expression */
#define LAYOUT(SIZE, AT)                                                                     \
    SIZE(LONG, 4) SIZE(ULONG, 4) SIZE(LONGLONG, 8) SIZE(ULONG_PTR, 8) SIZE(SIZE_T, 8)        \
    SIZE(WCHAR, 2) SIZE(BOOLEAN, 1) SIZE(NTSTATUS, 4) SIZE(HANDLE, 8) SIZE(POOL_TYPE, 4)     \
    SIZE(LARGE_INTEGER, 8) SIZE(GUID, 16) SIZE(UNICODE_STRING, 16) SIZE(LIST_ENTRY, 16)      \
    SIZE(SLIST_ENTRY, 16) SIZE(SLIST_HEADER, 16) SIZE(OBJECT_ATTRIBUTES, 48)                 \
    SIZE(CLIENT_ID, 16) SIZE(PROCESSOR_NUMBER, 4) SIZE(GROUP_AFFINITY, 16)                   \
    SIZE(RTL_OSVERSIONINFOW, 276) SIZE(RTL_OSVERSIONINFOEXW, 284) SIZE(RTL_RUN_ONCE, 8)      \
    SIZE(DISPATCHER_HEADER, 24) SIZE(KEVENT, 24) SIZE(KSEMAPHORE, 32) SIZE(KMUTANT, 56)      \
    SIZE(KTIMER, 64) SIZE(KDPC, 64) SIZE(KAPC, 88) SIZE(KAPC_STATE, 48)                      \
    SIZE(KWAIT_BLOCK, 48) SIZE(KSPIN_LOCK, 8) SIZE(KLOCK_QUEUE_HANDLE, 24)                   \
    SIZE(FAST_MUTEX, 56) SIZE(KGUARDED_MUTEX, 56) SIZE(ERESOURCE, 104)                       \
    SIZE(EX_PUSH_LOCK, 8) SIZE(EX_SPIN_LOCK, 4) SIZE(EX_RUNDOWN_REF, 8)                      \
    SIZE(WORK_QUEUE_ITEM, 32) SIZE(GENERAL_LOOKASIDE, 128) SIZE(LOOKASIDE_LIST_EX, 96)       \
    SIZE(NPAGED_LOOKASIDE_LIST, 128) SIZE(PAGED_LOOKASIDE_LIST, 128)                         \
    SIZE(POOL_EXTENDED_PARAMETER, 16) SIZE(MDL, 48) SIZE(IO_STATUS_BLOCK, 16)                \
    SIZE(KDEVICE_QUEUE, 40) SIZE(KDEVICE_QUEUE_ENTRY, 24) SIZE(WAIT_CONTEXT_BLOCK, 72)       \
    SIZE(DEVICE_OBJECT, 336) SIZE(DRIVER_OBJECT, 336) SIZE(DRIVER_EXTENSION, 40)             \
    SIZE(FILE_OBJECT, 216) SIZE(IRP, 208) SIZE(IO_STACK_LOCATION, 72) SIZE(IO_CSQ, 64)       \
    SIZE(IO_CSQ_IRP_CONTEXT, 24) SIZE(IO_REMOVE_LOCK, 32) SIZE(SECURITY_DESCRIPTOR, 40)      \
    AT(DISPATCHER_HEADER, SignalState, 4) AT(DISPATCHER_HEADER, WaitListHead, 8)             \
    AT(KSEMAPHORE, Limit, 24) AT(KMUTANT, OwnerThread, 40) AT(KMUTANT, Abandoned, 48)        \
    AT(KTIMER, DueTime, 24) AT(KTIMER, TimerListEntry, 32) AT(KTIMER, Dpc, 48)               \
    AT(KTIMER, Period, 60)                                                                   \
    AT(KDPC, Importance, 1) AT(KDPC, Number, 2) AT(KDPC, DpcListEntry, 8)                    \
    AT(KDPC, ProcessorHistory, 16) AT(KDPC, DeferredRoutine, 24)                             \
    AT(KDPC, DeferredContext, 32) AT(KDPC, SystemArgument1, 40) AT(KDPC, DpcData, 56)        \
    AT(FAST_MUTEX, Owner, 8) AT(FAST_MUTEX, Event, 24) AT(FAST_MUTEX, OldIrql, 48)           \
    AT(ERESOURCE, OwnerTable, 16) AT(ERESOURCE, ActiveCount, 24) AT(ERESOURCE, Flag, 26)     \
    AT(ERESOURCE, OwnerEntry, 48) AT(ERESOURCE, ActiveEntries, 64) AT(ERESOURCE, SpinLock, 96) \
    AT(GENERAL_LOOKASIDE, Depth, 16) AT(GENERAL_LOOKASIDE, TotalAllocates, 20)               \
    AT(GENERAL_LOOKASIDE, Type, 36) AT(GENERAL_LOOKASIDE, Tag, 40)                           \
    AT(GENERAL_LOOKASIDE, Size, 44) AT(GENERAL_LOOKASIDE, Allocate, 48)                      \
    AT(GENERAL_LOOKASIDE, Free, 56) AT(GENERAL_LOOKASIDE, ListEntry, 64)                     \
    AT(KLOCK_QUEUE_HANDLE, OldIrql, 16) AT(WORK_QUEUE_ITEM, WorkerRoutine, 16)               \
    AT(MDL, Size, 8) AT(MDL, MdlFlags, 10) AT(MDL, Process, 16) AT(MDL, MappedSystemVa, 24)  \
    AT(MDL, StartVa, 32) AT(MDL, ByteCount, 40) AT(MDL, ByteOffset, 44)                      \
    AT(IO_STATUS_BLOCK, Information, 8)                                                      \
    AT(IRP, Size, 2) AT(IRP, MdlAddress, 8) AT(IRP, Flags, 16) AT(IRP, AssociatedIrp, 24)    \
    AT(IRP, ThreadListEntry, 32) AT(IRP, IoStatus, 48) AT(IRP, RequestorMode, 64)            \
    AT(IRP, PendingReturned, 65) AT(IRP, StackCount, 66) AT(IRP, CurrentLocation, 67)        \
    AT(IRP, Cancel, 68) AT(IRP, CancelIrql, 69) AT(IRP, AllocationFlags, 71)                 \
    AT(IRP, UserIosb, 72) AT(IRP, UserEvent, 80) AT(IRP, Overlay, 88)                        \
    AT(IRP, CancelRoutine, 104) AT(IRP, UserBuffer, 112) AT(IRP, Tail, 120)                  \
    AT(IRP, Tail.Overlay.Thread, 152) AT(IRP, Tail.Overlay.ListEntry, 168)                   \
    AT(IRP, Tail.Overlay.CurrentStackLocation, 184)                                          \
    AT(IRP, Tail.Overlay.OriginalFileObject, 192)                                            \
    AT(IO_STACK_LOCATION, Control, 3) AT(IO_STACK_LOCATION, Parameters, 8)                   \
    AT(IO_STACK_LOCATION, Parameters.DeviceIoControl.InputBufferLength, 16)                  \
    AT(IO_STACK_LOCATION, Parameters.DeviceIoControl.IoControlCode, 24)                      \
    AT(IO_STACK_LOCATION, Parameters.DeviceIoControl.Type3InputBuffer, 32)                   \
    AT(IO_STACK_LOCATION, Parameters.Read.Key, 16)                                           \
    AT(IO_STACK_LOCATION, Parameters.Read.ByteOffset, 24)                                    \
    AT(IO_STACK_LOCATION, Parameters.Create.Options, 16)                                     \
    AT(IO_STACK_LOCATION, Parameters.Create.FileAttributes, 24)                              \
    AT(IO_STACK_LOCATION, Parameters.Create.ShareAccess, 26)                                 \
    AT(IO_STACK_LOCATION, Parameters.Create.EaLength, 32)                                    \
    AT(IO_STACK_LOCATION, Parameters.Others.Argument4, 32)                                   \
    AT(IO_STACK_LOCATION, DeviceObject, 40) AT(IO_STACK_LOCATION, FileObject, 48)            \
    AT(IO_STACK_LOCATION, CompletionRoutine, 56) AT(IO_STACK_LOCATION, Context, 64)          \
    AT(DEVICE_OBJECT, DriverObject, 8) AT(DEVICE_OBJECT, NextDevice, 16)                     \
    AT(DEVICE_OBJECT, AttachedDevice, 24) AT(DEVICE_OBJECT, CurrentIrp, 32)                  \
    AT(DEVICE_OBJECT, Flags, 48) AT(DEVICE_OBJECT, Characteristics, 52)                      \
    AT(DEVICE_OBJECT, Vpb, 56) AT(DEVICE_OBJECT, DeviceExtension, 64)                        \
    AT(DEVICE_OBJECT, DeviceType, 72) AT(DEVICE_OBJECT, StackSize, 76)                       \
    AT(DEVICE_OBJECT, Queue, 80) AT(DEVICE_OBJECT, AlignmentRequirement, 152)                \
    AT(DEVICE_OBJECT, DeviceQueue, 160) AT(DEVICE_OBJECT, Dpc, 200)                          \
    AT(DEVICE_OBJECT, SecurityDescriptor, 272) AT(DEVICE_OBJECT, DeviceLock, 280)            \
    AT(DEVICE_OBJECT, DeviceObjectExtension, 312)                                            \
    AT(DRIVER_OBJECT, DeviceObject, 8) AT(DRIVER_OBJECT, DriverStart, 24)                    \
    AT(DRIVER_OBJECT, DriverExtension, 48) AT(DRIVER_OBJECT, DriverName, 56)                 \
    AT(DRIVER_OBJECT, FastIoDispatch, 80) AT(DRIVER_OBJECT, DriverInit, 88)                  \
    AT(DRIVER_OBJECT, DriverUnload, 104) AT(DRIVER_OBJECT, MajorFunction, 112)               \
    AT(FILE_OBJECT, DeviceObject, 8) AT(FILE_OBJECT, FsContext, 24)                          \
    AT(FILE_OBJECT, FinalStatus, 56) AT(FILE_OBJECT, LockOperation, 72)                      \
    AT(FILE_OBJECT, Flags, 80) AT(FILE_OBJECT, FileName, 88) AT(FILE_OBJECT, Lock, 128)      \
    AT(FILE_OBJECT, Event, 152) AT(FILE_OBJECT, CompletionContext, 176)                      \
    AT(FILE_OBJECT, IrpList, 192)

#define ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type);
#define ASSERT_AT(type, field, offset) \
    _Static_assert(offsetof(type, field) == (offset), #type "." #field);
LAYOUT(ASSERT_SIZE, ASSERT_AT)

_Static_assert(_Alignof(SLIST_ENTRY) == 16 && _Alignof(SLIST_HEADER) == 16, "SLIST alignment");
_Static_assert(_Alignof(DEVICE_OBJECT) == 16, "DEVICE_OBJECT alignment");
_Static_assert(_Alignof(NPAGED_LOOKASIDE_LIST) == 64, "lookaside alignment");
_Static_assert((LONG)-1 < 0 && (ULONG)-1 > 0 && (BOOLEAN)-1 == 255, "signs");
_Static_assert(CTL_CODE(FILE_DEVICE_NETWORK, 0x801, METHOD_NEITHER, FILE_WRITE_ACCESS) == 0x12a007,
               "CTL_CODE");
_Static_assert(RTL_NUMBER_OF(L"ab") == 3 && sizeof(L"ab") == 6, "wide literals");

int main(void)
{
#define COUNT_SIZE(type, bytes) +1
#define COUNT_AT(type, field, offset) +1
    int checks = 0 LAYOUT(COUNT_SIZE, COUNT_AT);

    printf("%d passed, 0 failed\n", checks);
    return 0;
}
