/* SPDX-License-Identifier: MIT */
/*
 * What a driver asks the system about: version, new identifiers, event tracing, registry.
 *
 * The system says it is Windows 10 22H2. Event tracing has no consumer: no provider is ever
 * enabled, and a provider that is still registered when the driver is gone is a leak (KRN-284). The
 * registry is empty and cannot be written; values that a driver declares optional take the defaults
 * it gives.
 *
 * Limits: the service key of the driver does not exist either; ETW callbacks are never called.
 */
#include "model/rtl/rtl.h"

#include "model/ke/ke.h"

#include <evntprov.h>

#include <string.h>

enum { VERSION_MAJOR = 10, VERSION_MINOR = 0, VERSION_BUILD = 19045, PLATFORM_NT = 2 };
enum { ETW_MAX = 16 }; /* providers of one driver; more is an error of Windows, too */

static struct {
    uint32_t uuids;
    bool is_registered[ETW_MAX];
    struct sim_where registered[ETW_MAX];
} state;

void rtl_system_reset(struct sim *s)
{
    (void)s;
    state.uuids = 0;
    memset(state.is_registered, 0, sizeof(state.is_registered));
}

void rtl_check_unload(struct sim *s)
{
    for (unsigned i = 0; i < ETW_MAX; i++) {
        if (state.is_registered[i]) {
            model_fail(s, RULE_KRN_284, 0, &state.registered[i],
                       "an event tracing provider is still registered when the driver is gone");
        }
    }
}

/* ---- version and identifiers ---- */

NTSTATUS RtlGetVersion(PRTL_OSVERSIONINFOW VersionInformation)
{
    struct sim *s = model_enter(ROUTINE_RtlGetVersion);
    PRTL_OSVERSIONINFOW v = VersionInformation;
    model_touch(s, v, sizeof(v->dwOSVersionInfoSize), "VersionInformation");
    model_touch(s, v,
                v->dwOSVersionInfoSize == sizeof(RTL_OSVERSIONINFOEXW)
                    ? sizeof(RTL_OSVERSIONINFOEXW)
                    : sizeof(*v),
                "VersionInformation");
    v->dwMajorVersion = VERSION_MAJOR;
    v->dwMinorVersion = VERSION_MINOR;
    v->dwBuildNumber = VERSION_BUILD;
    v->dwPlatformId = PLATFORM_NT;
    memset(v->szCSDVersion, 0, sizeof(v->szCSDVersion));
    if (v->dwOSVersionInfoSize == sizeof(RTL_OSVERSIONINFOEXW)) {
        PRTL_OSVERSIONINFOEXW extended = (PRTL_OSVERSIONINFOEXW)v;
        extended->wServicePackMajor = 0;
        extended->wServicePackMinor = 0;
        extended->wSuiteMask = 0x100; /* single-user terminal service */
        extended->wProductType = NtProductWinNt;
        extended->wReserved = 0;
    }
    return model_leave_status(s, STATUS_SUCCESS);
}

BOOLEAN RtlIsNtDdiVersionAvailable(ULONG Version)
{
    struct sim *s = model_enter(ROUTINE_RtlIsNtDdiVersionAvailable);
    model_leave(s);
    return Version <= 0x0A00000C; /* NTDDI_VERSION of 19041 and its updates */
}

/* Version 4 in form, but counted: a run is repeatable. */
NTSTATUS ExUuidCreate(UUID *Uuid)
{
    struct sim *s = model_enter(ROUTINE_ExUuidCreate);
    uint64_t seed;
    model_touch(s, Uuid, sizeof(*Uuid), "Uuid");
    seed = sim_mix(0x57534b53494du, ++state.uuids);
    Uuid->Data1 = (ULONG)seed;
    Uuid->Data2 = (USHORT)(seed >> 32);
    Uuid->Data3 = (USHORT)(0x4000 | (seed >> 48 & 0xfff));
    seed = sim_mix(seed, state.uuids);
    memcpy(Uuid->Data4, &seed, sizeof(Uuid->Data4));
    Uuid->Data4[0] = (UCHAR)(0x80 | (Uuid->Data4[0] & 0x3f));
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- event tracing ---- */

NTSTATUS EtwRegister(LPCGUID ProviderId, PETWENABLECALLBACK EnableCallback, PVOID CallbackContext,
                     PREGHANDLE RegHandle)
{
    struct sim *s = model_enter(ROUTINE_EtwRegister);
    unsigned i = 0;
    (void)CallbackContext;
    model_touch(s, ProviderId, sizeof(*ProviderId), "ProviderId");
    model_touch(s, RegHandle, sizeof(*RegHandle), "RegHandle");
    if (EnableCallback != NULL) {
        model_code(s, (const void *)EnableCallback, "EnableCallback");
    }
    while (i < ETW_MAX && state.is_registered[i]) {
        i++;
    }
    if (i == ETW_MAX) {
        *RegHandle = 0;
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    state.is_registered[i] = true;
    state.registered[i] = sim_here(s);
    *RegHandle = i + 1;
    return model_leave_status(s, STATUS_SUCCESS);
}

static bool is_provider(REGHANDLE handle)
{
    return handle >= 1 && handle <= ETW_MAX && state.is_registered[handle - 1];
}

NTSTATUS EtwUnregister(REGHANDLE RegHandle)
{
    struct sim *s = model_enter(ROUTINE_EtwUnregister);
    if (!is_provider(RegHandle)) {
        return model_leave_status(s, STATUS_INVALID_HANDLE);
    }
    state.is_registered[RegHandle - 1] = false;
    return model_leave_status(s, STATUS_SUCCESS);
}

BOOLEAN EtwEventEnabled(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor)
{
    struct sim *s = model_enter(ROUTINE_EtwEventEnabled);
    (void)RegHandle;
    model_touch(s, EventDescriptor, sizeof(*EventDescriptor), "EventDescriptor");
    model_leave(s);
    return FALSE;
}

BOOLEAN EtwProviderEnabled(REGHANDLE RegHandle, UCHAR Level, ULONGLONG Keyword)
{
    struct sim *s = model_enter(ROUTINE_EtwProviderEnabled);
    (void)RegHandle;
    (void)Level;
    (void)Keyword;
    model_leave(s);
    return FALSE;
}

NTSTATUS EtwWrite(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor, LPCGUID ActivityId,
                  ULONG UserDataCount, PEVENT_DATA_DESCRIPTOR UserData)
{
    struct sim *s = model_enter(ROUTINE_EtwWrite);
    (void)ActivityId;
    model_touch(s, EventDescriptor, sizeof(*EventDescriptor), "EventDescriptor");
    model_touch(s, UserData, UserDataCount * sizeof(*UserData), "UserData");
    return model_leave_status(s, is_provider(RegHandle) ? STATUS_SUCCESS : STATUS_INVALID_HANDLE);
}

/* ---- registry ---- */

/* KRN-059: Zw routines need special kernel APCs. */
static void check_zw(struct sim *s)
{
    if (ke_current(s)->guarded != 0) {
        model_fail(s, RULE_KRN_059, 0, NULL, "%s inside a guarded region",
                   model_routine_name(s->current->routine));
    }
    model_exercised(s, RULE_KRN_059);
}

static NTSTATUS open_key(struct sim *s, PHANDLE handle, POBJECT_ATTRIBUTES attributes,
                         NTSTATUS status)
{
    check_zw(s);
    model_touch(s, handle, sizeof(*handle), "KeyHandle");
    model_touch(s, attributes, sizeof(*attributes), "ObjectAttributes");
    rtl_check_unicode(s, attributes->ObjectName, "the name of the key");
    return model_leave_status(s, status);
}

NTSTATUS ZwOpenKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess,
                   POBJECT_ATTRIBUTES ObjectAttributes)
{
    struct sim *s = model_enter(ROUTINE_ZwOpenKey);
    (void)DesiredAccess;
    return open_key(s, KeyHandle, ObjectAttributes, STATUS_OBJECT_NAME_NOT_FOUND);
}

NTSTATUS ZwCreateKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess,
                     POBJECT_ATTRIBUTES ObjectAttributes, ULONG TitleIndex, PUNICODE_STRING Class,
                     ULONG CreateOptions, PULONG Disposition)
{
    struct sim *s = model_enter(ROUTINE_ZwCreateKey);
    (void)DesiredAccess;
    (void)TitleIndex;
    (void)Class;
    (void)CreateOptions;
    (void)Disposition;
    return open_key(s, KeyHandle, ObjectAttributes, STATUS_ACCESS_DENIED);
}

NTSTATUS ZwQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName,
                         KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass,
                         PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)
{
    struct sim *s = model_enter(ROUTINE_ZwQueryValueKey);
    (void)KeyHandle; /* no key was ever opened */
    (void)KeyValueInformationClass;
    (void)KeyValueInformation;
    (void)Length;
    (void)ResultLength;
    check_zw(s);
    rtl_check_unicode(s, ValueName, "ValueName");
    return model_leave_status(s, STATUS_INVALID_HANDLE);
}

NTSTATUS ZwSetValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG TitleIndex, ULONG Type,
                       PVOID Data, ULONG DataSize)
{
    struct sim *s = model_enter(ROUTINE_ZwSetValueKey);
    (void)KeyHandle;
    (void)TitleIndex;
    (void)Type;
    check_zw(s);
    rtl_check_unicode(s, ValueName, "ValueName");
    model_touch(s, Data, DataSize, "Data");
    return model_leave_status(s, STATUS_INVALID_HANDLE);
}

NTSTATUS RtlCheckRegistryKey(ULONG RelativeTo, PWSTR Path)
{
    struct sim *s = model_enter(ROUTINE_RtlCheckRegistryKey);
    (void)RelativeTo;
    (void)rtl_length_wide(s, Path, 32767, "Path");
    return model_leave_status(s, STATUS_OBJECT_NAME_NOT_FOUND);
}

NTSTATUS RtlCreateRegistryKey(ULONG RelativeTo, PWSTR Path)
{
    struct sim *s = model_enter(ROUTINE_RtlCreateRegistryKey);
    (void)RelativeTo;
    (void)rtl_length_wide(s, Path, 32767, "Path");
    return model_leave_status(s, STATUS_ACCESS_DENIED);
}

NTSTATUS RtlWriteRegistryValue(ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName, ULONG ValueType,
                               PVOID ValueData, ULONG ValueLength)
{
    struct sim *s = model_enter(ROUTINE_RtlWriteRegistryValue);
    (void)RelativeTo;
    (void)ValueType;
    (void)Path; /* may be a handle */
    (void)rtl_length_wide(s, ValueName, 16383, "ValueName");
    model_touch(s, ValueData, ValueLength, "ValueData");
    return model_leave_status(s, STATUS_OBJECT_NAME_NOT_FOUND);
}

NTSTATUS RtlDeleteRegistryValue(ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName)
{
    struct sim *s = model_enter(ROUTINE_RtlDeleteRegistryValue);
    (void)RelativeTo;
    (void)Path;
    (void)rtl_length_wide(s, ValueName, 16383, "ValueName");
    return model_leave_status(s, STATUS_OBJECT_NAME_NOT_FOUND);
}

/* An entry whose value is missing: its default is stored, or handed to the driver's routine. */
static NTSTATUS query_default(struct sim *s, const RTL_QUERY_REGISTRY_TABLE *entry, PVOID context)
{
    NTSTATUS status;
    struct model_call call;
    if ((entry->Flags & RTL_QUERY_REGISTRY_REQUIRED) != 0) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if ((entry->DefaultType & 0xff) == REG_NONE || entry->DefaultData == NULL) {
        return STATUS_SUCCESS;
    }
    if ((entry->Flags & RTL_QUERY_REGISTRY_DIRECT) != 0) {
        ULONG size = entry->DefaultLength != 0 ? entry->DefaultLength : (ULONG)sizeof(ULONG);
        if ((entry->DefaultType & 0xff) != REG_DWORD && (entry->DefaultType & 0xff) != REG_QWORD) {
            return STATUS_SUCCESS; /* texts and binary data keep what the driver put there */
        }
        model_touch(s, entry->DefaultData, size, "DefaultData");
        model_touch(s, entry->EntryContext, size, "EntryContext");
        memcpy(entry->EntryContext, entry->DefaultData, size);
        return STATUS_SUCCESS;
    }
    model_code(s, (const void *)entry->QueryRoutine, "QueryRoutine");
    call = model_call_save(s);
    status = entry->QueryRoutine(entry->Name, entry->DefaultType & 0xff, entry->DefaultData,
                                 entry->DefaultLength, context, entry->EntryContext);
    model_call_restore(s, call);
    return status;
}

NTSTATUS RtlQueryRegistryValues(ULONG RelativeTo, PCWSTR Path, PRTL_QUERY_REGISTRY_TABLE QueryTable,
                                PVOID Context, PVOID Environment)
{
    struct sim *s = model_enter(ROUTINE_RtlQueryRegistryValues);
    NTSTATUS status = STATUS_SUCCESS;
    (void)Path; /* may be a handle */
    (void)Environment;
    if ((RelativeTo & RTL_REGISTRY_OPTIONAL) == 0) {
        model_touch(s, QueryTable, sizeof(*QueryTable), "QueryTable");
        return model_leave_status(s, STATUS_OBJECT_NAME_NOT_FOUND);
    }
    for (PRTL_QUERY_REGISTRY_TABLE entry = QueryTable; NT_SUCCESS(status); entry++) {
        model_touch(s, entry, sizeof(*entry), "QueryTable");
        if (entry->QueryRoutine == NULL && entry->Name == NULL) {
            break;
        }
        if ((entry->Flags & RTL_QUERY_REGISTRY_SUBKEY) == 0) {
            status = query_default(s, entry, Context);
        }
    }
    return model_leave_status(s, status);
}
