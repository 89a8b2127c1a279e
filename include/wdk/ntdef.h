/* SPDX-License-Identifier: MIT */
/*
 * ntdef.h - the basic types, macros and list functions of the driver dialect.
 *
 * Everything a driver sees is freestanding: only the compiler's own stddef and stdarg are used. The
 * host is LP64 Linux, the driver believes in LLP64 Windows; the widths below reconcile the two.
 *
 * Invariants
 *  1. LONG and ULONG are 32 bit (int), WCHAR is 16 bit (the compiler runs with -fshort-wchar).
 *  2. Pointer-sized integers are `long`, so that SIZE_T* and size_t* mix; the 64-bit kinds that
 *     Windows spells __int64 are `long long`.
 *  3. Calling conventions and import attributes expand to nothing: one ABI for driver and engine.
 *  4. Lists are plain inline functions of the driver; corruption fails fast as on Windows
 *     (KRN-306, bug check 0x139). Sequenced lists (SLIST) belong to the engine.
 *
 * Limits: a driver that passes a raw `long *` where a LONG * is wanted gets a warning here and none
 * on Windows.
 */
#ifndef WDK_NTDEF_H
#define WDK_NTDEF_H

#define _NTDEF_

#include <stdarg.h>
#include <stddef.h>

#include <sdkddkver.h>

/* ---- compiler dialect ------------------------------------------------------------------------ */

#ifdef __cplusplus
#define EXTERN_C extern "C"
#define EXTERN_C_START extern "C" {
#define EXTERN_C_END }
#define WDK_INLINE inline
#define FORCEINLINE inline __attribute__((always_inline))
#define WDK_STATIC_ASSERT(e, text) static_assert(e, text)
#else
#define EXTERN_C extern
#define EXTERN_C_START
#define EXTERN_C_END
#define WDK_INLINE static inline __attribute__((unused))
#define FORCEINLINE static __inline __attribute__((always_inline, unused))
#define WDK_STATIC_ASSERT(e, text) _Static_assert(e, text)
#ifndef static_assert
#define static_assert _Static_assert
#endif
#endif
#define CFORCEINLINE FORCEINLINE
#define FORCENOINLINE __attribute__((noinline))

/* clang knows these words under -fms-extensions, gcc (which builds the engine) does not. */
#if !defined(__clang__) && defined(__GNUC__)
#define __int8 char
#define __int16 short
#define __int32 int
#define __int64 long long
#define __forceinline inline __attribute__((always_inline))
#define __declspec(x)
#define __cdecl
#define __stdcall
#define __fastcall
#define __unaligned
#define __ptr64
#define __ptr32
#define __assume(e) ((void)0)
#define __noop(...) ((void)0)
#define __debugbreak() __builtin_trap()
#endif

#if defined(__clang__)
#undef __cdecl
#undef __stdcall
#undef __fastcall
#undef __vectorcall
#define __cdecl
#define __stdcall
#define __fastcall
#define __vectorcall
#endif
#define __export
#define _cdecl
#define _stdcall

/* A driver's translation unit (-fms-compatibility hides __GNUC__) may ask what it runs on. */
#if !defined(__GNUC__)
#ifndef _KERNEL_MODE
#define _KERNEL_MODE 1
#endif
#ifndef _WIN64
#define _WIN64 1
#endif
#ifndef _WIN32
#define _WIN32 1
#endif
#ifndef _AMD64_
#define _AMD64_ 1
#endif
#ifndef _M_AMD64
#define _M_AMD64 100
#endif
#ifndef _M_X64
#define _M_X64 100
#endif
#endif

#define NTAPI
#define NTAPI_INLINE
#define APIENTRY
#define WINAPI
#define CALLBACK
#define FASTCALL
#define NTSYSAPI
#define NTSYSCALLAPI
#define NTKERNELAPI
#define NTHALAPI
#define NTAPI_EXPORT
#define DECLSPEC_IMPORT
#define DECLSPEC_EXPORT
#define DECLSPEC_NORETURN __attribute__((noreturn))
#define DECLSPEC_NOINLINE __attribute__((noinline))
#define DECLSPEC_NOTHROW
#define DECLSPEC_NOVTABLE
#define DECLSPEC_SELECTANY __attribute__((weak))
#define DECLSPEC_RESTRICT
#define DECLSPEC_NOALIAS
#define DECLSPEC_DEPRECATED
#define DECLSPEC_DEPRECATED_DDK
#define DECLSPEC_DEPRECATED_DDK_WINXP
#define DECLSPEC_UUID(x)
#define DECLSPEC_ALIGN(n) __attribute__((aligned(n)))
#define DECLSPEC_CACHEALIGN DECLSPEC_ALIGN(SYSTEM_CACHE_ALIGNMENT_SIZE)
#define POINTER_ALIGNMENT DECLSPEC_ALIGN(8)
#define SYSTEM_CACHE_ALIGNMENT_SIZE 64
#define LOOKASIDE_ALIGN DECLSPEC_CACHEALIGN
#define MEMORY_ALLOCATION_ALIGNMENT 16
#define MAX_NATURAL_ALIGNMENT 8
#define RESTRICTED_POINTER
#define UNALIGNED
#define UNALIGNED64
#define NOTHING
#define CONST const
#define CRITICAL
#define DUMMYUNIONNAME
#define DUMMYUNIONNAME2
#define DUMMYUNIONNAME3
#define DUMMYUNIONNAME4
#define DUMMYSTRUCTNAME
#define DUMMYSTRUCTNAME2
#define STDAPICALLTYPE
#define STDMETHODCALLTYPE
#ifndef DBG
#define DBG 1
#endif

#include <sal.h>

#ifndef IN
#define IN
#endif
#ifndef OUT
#define OUT
#endif
#ifndef OPTIONAL
#define OPTIONAL
#endif

EXTERN_C_START

/* ---- scalar types ---------------------------------------------------------------------------- */

#ifndef VOID
#define VOID void
#endif
typedef void *PVOID, *LPVOID;
typedef void *PVOID64;
typedef const void *LPCVOID, *PCVOID;
typedef PVOID HANDLE;
typedef HANDLE *PHANDLE, *LPHANDLE;
#define DECLARE_HANDLE(name) typedef struct name##__ { int unused; } *name

typedef char CHAR, CCHAR;
typedef unsigned char UCHAR, BYTE, BOOLEAN;
typedef short SHORT, CSHORT;
typedef unsigned short USHORT, WORD;
typedef int INT, BOOL, LONG, HRESULT;
typedef unsigned int UINT, ULONG, CLONG, DWORD, LOGICAL;
typedef long long LONGLONG, LONG64, INT64;
typedef unsigned long long ULONGLONG, ULONG64, UINT64, DWORD64, DWORDLONG, QUAD_ULONG;
typedef signed char INT8;
typedef unsigned char UINT8;
typedef short INT16;
typedef unsigned short UINT16;
typedef int INT32, LONG32;
typedef unsigned int UINT32, ULONG32, DWORD32;
typedef float FLOAT;
typedef double DOUBLE;

typedef long INT_PTR, LONG_PTR, SSIZE_T;
typedef unsigned long UINT_PTR, ULONG_PTR, DWORD_PTR, SIZE_T;
typedef ULONG_PTR KSPIN_LOCK, KAFFINITY;

typedef CHAR *PCHAR, *LPCH, *PCH, *PNZCH;
typedef CCHAR *PCCHAR;
typedef CHAR *PSTR, *LPSTR, *NPSTR;
typedef const CHAR *PCSTR, *LPCSTR, *LPCCH, *PCCH;
typedef UCHAR *PUCHAR, *PBYTE, *LPBYTE;
typedef const UCHAR *PCUCHAR;
typedef BOOLEAN *PBOOLEAN;
typedef SHORT *PSHORT;
typedef CSHORT *PCSHORT;
typedef USHORT *PUSHORT, *PWORD;
typedef INT *PINT, *LPINT;
typedef BOOL *PBOOL, *LPBOOL;
typedef LONG *PLONG, *LPLONG;
typedef UINT *PUINT;
typedef ULONG *PULONG, *PCLONG;
typedef DWORD *PDWORD, *LPDWORD;
typedef LOGICAL *PLOGICAL;
typedef LONGLONG *PLONGLONG;
typedef LONG64 *PLONG64;
typedef INT64 *PINT64;
typedef ULONGLONG *PULONGLONG;
typedef ULONG64 *PULONG64;
typedef UINT64 *PUINT64;
typedef DWORD64 *PDWORD64;
typedef INT8 *PINT8;
typedef UINT8 *PUINT8;
typedef INT16 *PINT16;
typedef UINT16 *PUINT16;
typedef INT32 *PINT32;
typedef LONG32 *PLONG32;
typedef UINT32 *PUINT32;
typedef ULONG32 *PULONG32;
typedef INT_PTR *PINT_PTR;
typedef LONG_PTR *PLONG_PTR;
typedef UINT_PTR *PUINT_PTR;
typedef ULONG_PTR *PULONG_PTR;
typedef DWORD_PTR *PDWORD_PTR;
typedef SIZE_T *PSIZE_T;
typedef SSIZE_T *PSSIZE_T;
typedef KSPIN_LOCK *PKSPIN_LOCK;
typedef KAFFINITY *PKAFFINITY;
typedef LONG_PTR LPARAM, LRESULT;
typedef UINT_PTR WPARAM;

typedef wchar_t WCHAR;
typedef WCHAR *PWCHAR, *LPWCH, *PWCH, *PNZWCH;
typedef const WCHAR *PCWCH, *LPCWCH, *LPCWCHAR, *PCWCHAR;
typedef WCHAR *PWSTR, *LPWSTR, *NWPSTR, *PZPWSTR;
typedef const WCHAR *PCWSTR, *LPCWSTR, *PCZZWSTR, *PCNZWCH;
typedef WCHAR *PZZWSTR;
WDK_STATIC_ASSERT(sizeof(WCHAR) == 2, "compile with -fshort-wchar");

#ifndef _UINTPTR_T_DEFINED
#define _UINTPTR_T_DEFINED
typedef unsigned long uintptr_t;
#endif
#ifndef _INTPTR_T_DEFINED
#define _INTPTR_T_DEFINED
typedef long intptr_t;
#endif

typedef UCHAR KIRQL, *PKIRQL;
typedef CHAR KPROCESSOR_MODE;
typedef LONG KPRIORITY;
typedef ULONG ACCESS_MASK, *PACCESS_MASK;
typedef USHORT LANGID;
typedef ULONG LCID;
typedef UCHAR FCHAR;
typedef USHORT FSHORT;
typedef ULONG FLONG;
typedef SHORT *PRTL_ATOM_SHORT;
typedef ULONG EXECUTION_STATE;
typedef ULONG_PTR KGROUP_AFFINITY_MASK;

#ifndef NULL
#ifdef __cplusplus
#define NULL 0
#else
#define NULL ((void *)0)
#endif
#endif
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#define NULL64 NULL
#define ANYSIZE_ARRAY 1
#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)

#define MINCHAR 0x80
#define MAXCHAR 0x7f
#define MINSHORT 0x8000
#define MAXSHORT 0x7fff
#define MINLONG 0x80000000
#define MAXLONG 0x7fffffff
#define MAXUCHAR 0xff
#define MAXUSHORT 0xffff
#define MAXULONG 0xffffffffu
#define MAXLONGLONG 0x7fffffffffffffffLL
#define MAXULONGLONG 0xffffffffffffffffULL
#define MAXULONG64 MAXULONGLONG
#define MAXLONG64 MAXLONGLONG
#define MAXULONG32 MAXULONG
#define MAXUINT8 ((UINT8)0xff)
#define MAXUINT16 ((UINT16)0xffff)
#define MAXUINT32 ((UINT32)0xffffffffu)
#define MAXUINT64 ((UINT64)0xffffffffffffffffULL)
#define MAXINT8 ((INT8)0x7f)
#define MAXINT16 ((INT16)0x7fff)
#define MAXINT32 ((INT32)0x7fffffff)
#define MAXINT64 ((INT64)0x7fffffffffffffffLL)
#define MAXUINT ((UINT)0xffffffffu)
#define MAXINT ((INT)0x7fffffff)
#define MAXDWORD 0xffffffffu
#define MAXWORD 0xffff
#define MAXBYTE 0xff
#define MAXULONG_PTR ((ULONG_PTR)~(ULONG_PTR)0)
#define MAXLONG_PTR ((LONG_PTR)(MAXULONG_PTR >> 1))
#define MAXSIZE_T ((SIZE_T)~(SIZE_T)0)
#define MAXUINT_PTR ((UINT_PTR)~(UINT_PTR)0)
#define UNICODE_NULL ((WCHAR)0)
#define ANSI_NULL ((CHAR)0)
#define UNICODE_STRING_MAX_BYTES ((USHORT)65534)
#define UNICODE_STRING_MAX_CHARS 32767
#define MAX_PATH 260

/* ---- macros ---------------------------------------------------------------------------------- */

#define FIELD_OFFSET(type, field) ((LONG)offsetof(type, field))
#define UFIELD_OFFSET(type, field) ((ULONG)offsetof(type, field))
#define CONTAINING_RECORD(address, type, field) \
    ((type *)((PCHAR)(address) - (ULONG_PTR)offsetof(type, field)))
#define RTL_FIELD_TYPE(type, field) (((type *)0)->field)
#define RTL_FIELD_SIZE(type, field) (sizeof(((type *)0)->field))
#ifndef FIELD_SIZE
#define FIELD_SIZE(type, field) RTL_FIELD_SIZE(type, field)
#endif
#define RTL_SIZEOF_THROUGH_FIELD(type, field) \
    (offsetof(type, field) + RTL_FIELD_SIZE(type, field))
#define RTL_CONTAINS_FIELD(record, size, field) \
    ((PCHAR)(&(record)->field) + sizeof((record)->field) <= (PCHAR)(record) + (size))
#define RTL_NUMBER_OF(array) (sizeof(array) / sizeof((array)[0]))
#define RTL_NUMBER_OF_V1(array) RTL_NUMBER_OF(array)
#define RTL_NUMBER_OF_V2(array) RTL_NUMBER_OF(array)
#define RTL_NUMBER_OF_FIELD(type, field) (RTL_NUMBER_OF(RTL_FIELD_TYPE(type, field)))
#define ARRAYSIZE(array) RTL_NUMBER_OF(array)
#ifndef _countof
#define _countof(array) RTL_NUMBER_OF(array)
#endif
#define ARGUMENT_PRESENT(p) ((p) != NULL)
#define UNREFERENCED_PARAMETER(p) ((void)(p))
#define DBG_UNREFERENCED_PARAMETER(p) ((void)(p))
#define DBG_UNREFERENCED_LOCAL_VARIABLE(v) ((void)(v))
#define DEFAULT_UNREACHABLE default: __builtin_unreachable()
#define C_ASSERT(e) WDK_STATIC_ASSERT(e, #e)
#define TEXT(s) L##s
#define __TEXT(s) L##s
#define WDK_WIDEN2(s) L##s
#define WDK_WIDEN(s) WDK_WIDEN2(s)
#define PtrToUlong(p) ((ULONG)(ULONG_PTR)(p))
#define PtrToLong(p) ((LONG)(LONG_PTR)(p))
#define PtrToUint(p) ((UINT)(UINT_PTR)(p))
#define PtrToInt(p) ((INT)(INT_PTR)(p))
#define PtrToUlong64(p) ((ULONG64)(ULONG_PTR)(p))
#define UlongToPtr(v) ((PVOID)(ULONG_PTR)(ULONG)(v))
#define ULongToPtr(v) UlongToPtr(v)
#define LongToPtr(v) ((PVOID)(LONG_PTR)(LONG)(v))
#define UlongToHandle(v) ((HANDLE)(ULONG_PTR)(ULONG)(v))
#define ULongToHandle(v) UlongToHandle(v)
#define LongToHandle(v) ((HANDLE)(LONG_PTR)(LONG)(v))
#define HandleToUlong(h) ((ULONG)(ULONG_PTR)(h))
#define HandleToULong(h) HandleToUlong(h)
#define HandleToLong(h) ((LONG)(LONG_PTR)(h))
#define Int32x32To64(a, b) ((LONGLONG)(LONG)(a) * (LONGLONG)(LONG)(b))
#define UInt32x32To64(a, b) ((ULONGLONG)(ULONG)(a) * (ULONGLONG)(ULONG)(b))
#define Int64ShllMod32(a, b) ((ULONGLONG)(a) << ((b) & 31))
#define Int64ShraMod32(a, b) ((LONGLONG)(a) >> ((b) & 31))
#define Int64ShrlMod32(a, b) ((ULONGLONG)(a) >> ((b) & 31))
#define ROUND_TO_SIZE(length, alignment) \
    ((((ULONG_PTR)(length)) + ((alignment) - 1)) & ~(ULONG_PTR)((alignment) - 1))
#define IS_ALIGNED(p, alignment) ((((ULONG_PTR)(p)) & ((alignment) - 1)) == 0)
#define ALIGN_DOWN_BY(v, a) ((ULONG_PTR)(v) & ~((ULONG_PTR)(a) - 1))
#define ALIGN_UP_BY(v, a) (ALIGN_DOWN_BY(((ULONG_PTR)(v) + (a) - 1), a))
#define ALIGN_DOWN(v, type) ALIGN_DOWN_BY(v, sizeof(type))
#define ALIGN_UP(v, type) ALIGN_UP_BY(v, sizeof(type))
#define ALIGN_DOWN_POINTER_BY(p, a) ((PVOID)ALIGN_DOWN_BY(p, a))
#define ALIGN_UP_POINTER_BY(p, a) ((PVOID)ALIGN_UP_BY(p, a))
#ifndef LOWORD
#define LOWORD(v) ((USHORT)((ULONG_PTR)(v) & 0xffff))
#define HIWORD(v) ((USHORT)(((ULONG_PTR)(v) >> 16) & 0xffff))
#define LOBYTE(v) ((UCHAR)((ULONG_PTR)(v) & 0xff))
#define HIBYTE(v) ((UCHAR)(((ULONG_PTR)(v) >> 8) & 0xff))
#endif
#ifndef __cplusplus
#ifndef min
#define min(a, b) (((a) < (b)) ? (a) : (b))
#endif
#ifndef max
#define max(a, b) (((a) > (b)) ? (a) : (b))
#endif
#endif

#ifdef __cplusplus
#define DEFINE_ENUM_FLAG_OPERATORS(T)                                                        \
    extern "C++" {                                                                           \
    inline constexpr T operator|(T a, T b) { return T(((int)a) | ((int)b)); }                \
    inline constexpr T operator&(T a, T b) { return T(((int)a) & ((int)b)); }                \
    inline constexpr T operator^(T a, T b) { return T(((int)a) ^ ((int)b)); }                \
    inline constexpr T operator~(T a) { return T(~((int)a)); }                               \
    inline T &operator|=(T &a, T b) { return a = a | b; }                                    \
    inline T &operator&=(T &a, T b) { return a = a & b; }                                    \
    inline T &operator^=(T &a, T b) { return a = a ^ b; }                                    \
    }
#else
#define DEFINE_ENUM_FLAG_OPERATORS(T)
#endif

#define FlagOn(value, flags) ((value) & (flags))
#define BooleanFlagOn(value, flags) ((BOOLEAN)(((value) & (flags)) != 0))
#define SetFlag(value, flags) ((value) |= (flags))
#define ClearFlag(value, flags) ((value) &= ~(flags))

/* ---- status ---------------------------------------------------------------------------------- */

typedef LONG NTSTATUS, *PNTSTATUS;
#define _NTSTATUS_DEFINED
#define NT_SUCCESS(status) (((NTSTATUS)(status)) >= 0)
#define NT_INFORMATION(status) ((((ULONG)(status)) >> 30) == 1)
#define NT_WARNING(status) ((((ULONG)(status)) >> 30) == 2)
#define NT_ERROR(status) ((((ULONG)(status)) >> 30) == 3)
#define APPLICATION_ERROR_MASK 0x20000000
#define ERROR_SEVERITY_SUCCESS 0x00000000
#define ERROR_SEVERITY_INFORMATIONAL 0x40000000
#define ERROR_SEVERITY_WARNING 0x80000000
#define ERROR_SEVERITY_ERROR 0xC0000000

/* ---- compound types -------------------------------------------------------------------------- */

typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    struct {
        ULONG LowPart;
        ULONG HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

typedef struct _LUID {
    ULONG LowPart;
    LONG HighPart;
} LUID, *PLUID;

#ifndef GUID_DEFINED
#define GUID_DEFINED
typedef struct _GUID {
    ULONG Data1;
    USHORT Data2;
    USHORT Data3;
    UCHAR Data4[8];
} GUID;
#endif
typedef GUID *PGUID, *LPGUID;
typedef const GUID *LPCGUID;

typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    PCHAR Buffer;
} STRING, *PSTRING, ANSI_STRING, *PANSI_STRING, OEM_STRING, *POEM_STRING;
typedef STRING UTF8_STRING, *PUTF8_STRING;
typedef const STRING *PCSTRING, *PCANSI_STRING, *PCOEM_STRING;

typedef struct _UNICODE_STRING {
    USHORT Length;
    USHORT MaximumLength;
    PWCH Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;

/* Counted strings have no const characters; C++ wants the cast to name the type. */
#ifdef __cplusplus
extern "C++" {
constexpr char *WdkStringBuffer(const char *text) { return const_cast<char *>(text); }
constexpr wchar_t *WdkStringBuffer(const wchar_t *text) { return const_cast<wchar_t *>(text); }
}
#else
#define WdkStringBuffer(text) ((PVOID)(text))
#endif
#define RTL_CONSTANT_STRING(s) {sizeof(s) - sizeof((s)[0]), sizeof(s), WdkStringBuffer(s)}
#define DECLARE_CONST_UNICODE_STRING(name, text)                                     \
    static const WCHAR name##_buffer[] = text;                                       \
    static const UNICODE_STRING name = {sizeof(text) - sizeof(WCHAR), sizeof(text),  \
                                        (PWCH)name##_buffer}
#define DECLARE_GLOBAL_CONST_UNICODE_STRING(name, text)                              \
    static const UNICODE_STRING name = {sizeof(text) - sizeof(WCHAR), sizeof(text), (PWCH)(text)}
#define DECLARE_UNICODE_STRING_SIZE(name, size)                                      \
    WCHAR name##_buffer[size];                                                       \
    UNICODE_STRING name = {0, (size) * sizeof(WCHAR), name##_buffer}

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY, *RESTRICTED_PRLIST_ENTRY, *PRLIST_ENTRY;

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY *Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

typedef struct DECLSPEC_ALIGN(16) _SLIST_ENTRY {
    struct _SLIST_ENTRY *Next;
} SLIST_ENTRY, *PSLIST_ENTRY;

typedef union DECLSPEC_ALIGN(16) _SLIST_HEADER {
    struct {
        ULONGLONG Alignment;
        ULONGLONG Region;
    };
    struct {
        ULONGLONG Depth : 16;
        ULONGLONG Sequence : 48;
        ULONGLONG Reserved : 4;
        ULONGLONG NextEntry : 60;
    } HeaderX64;
} SLIST_HEADER, *PSLIST_HEADER;

typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes;
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;
typedef const OBJECT_ATTRIBUTES *PCOBJECT_ATTRIBUTES;

#define OBJ_INHERIT 0x00000002
#define OBJ_PERMANENT 0x00000010
#define OBJ_EXCLUSIVE 0x00000020
#define OBJ_CASE_INSENSITIVE 0x00000040
#define OBJ_OPENIF 0x00000080
#define OBJ_OPENLINK 0x00000100
#define OBJ_KERNEL_HANDLE 0x00000200
#define OBJ_FORCE_ACCESS_CHECK 0x00000400
#define OBJ_DONT_REPARSE 0x00001000
#define OBJ_VALID_ATTRIBUTES 0x00001FF2

WDK_INLINE void WdkInitializeObjectAttributes(POBJECT_ATTRIBUTES p, PCUNICODE_STRING name,
                                              ULONG attributes, HANDLE root, PVOID security)
{
    p->Length = sizeof(OBJECT_ATTRIBUTES);
    p->RootDirectory = root;
    p->Attributes = attributes;
    p->ObjectName = (PUNICODE_STRING)name;
    p->SecurityDescriptor = security;
    p->SecurityQualityOfService = NULL;
}
#define InitializeObjectAttributes(p, name, attributes, root, security) \
    WdkInitializeObjectAttributes(p, name, attributes, root, security)
#define RTL_CONSTANT_OBJECT_ATTRIBUTES(name, attributes) \
    {sizeof(OBJECT_ATTRIBUTES), NULL, (PUNICODE_STRING)(name), attributes, NULL, NULL}

typedef struct _CLIENT_ID {
    HANDLE UniqueProcess;
    HANDLE UniqueThread;
} CLIENT_ID, *PCLIENT_ID;

typedef struct _PROCESSOR_NUMBER {
    USHORT Group;
    UCHAR Number;
    UCHAR Reserved;
} PROCESSOR_NUMBER, *PPROCESSOR_NUMBER;

typedef struct _GROUP_AFFINITY {
    KAFFINITY Mask;
    USHORT Group;
    USHORT Reserved[3];
} GROUP_AFFINITY, *PGROUP_AFFINITY;

typedef struct _TIME_FIELDS {
    CSHORT Year;
    CSHORT Month;
    CSHORT Day;
    CSHORT Hour;
    CSHORT Minute;
    CSHORT Second;
    CSHORT Milliseconds;
    CSHORT Weekday;
} TIME_FIELDS, *PTIME_FIELDS;

typedef enum _EVENT_TYPE { NotificationEvent, SynchronizationEvent } EVENT_TYPE;
typedef enum _TIMER_TYPE { NotificationTimer, SynchronizationTimer } TIMER_TYPE;
typedef enum _WAIT_TYPE { WaitAll, WaitAny, WaitNotification, WaitDequeue, WaitDpc } WAIT_TYPE;
typedef enum _NT_PRODUCT_TYPE {
    NtProductWinNt = 1,
    NtProductLanManNt,
    NtProductServer
} NT_PRODUCT_TYPE;

/* ---- doubly and singly linked lists ---------------------------------------------------------- */

#define FAST_FAIL_CORRUPT_LIST_ENTRY 3
#define FAST_FAIL_INVALID_ARG 5
#define FAST_FAIL_FATAL_APP_EXIT 7
#define FAST_FAIL_RANGE_CHECK_FAILURE 8
DECLSPEC_NORETURN void RtlFailFast(ULONG Code);
#define __fastfail(code) RtlFailFast(code)

WDK_INLINE void InitializeListHead(PLIST_ENTRY ListHead)
{
    ListHead->Flink = ListHead->Blink = ListHead;
}

WDK_INLINE BOOLEAN IsListEmpty(const LIST_ENTRY *ListHead)
{
    return (BOOLEAN)(ListHead->Flink == ListHead);
}

/* Neighbours must point back, else the list was damaged earlier (bug check 0x139, 3). */
WDK_INLINE void RtlpCheckListEntry(PLIST_ENTRY Entry)
{
    if (Entry->Flink->Blink != Entry || Entry->Blink->Flink != Entry) {
        RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
    }
}

WDK_INLINE BOOLEAN RemoveEntryList(PLIST_ENTRY Entry)
{
    PLIST_ENTRY next = Entry->Flink;
    PLIST_ENTRY previous = Entry->Blink;

    if (next->Blink != Entry || previous->Flink != Entry) {
        RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
    }
    previous->Flink = next;
    next->Blink = previous;
    return (BOOLEAN)(next == previous);
}

WDK_INLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY ListHead)
{
    PLIST_ENTRY entry = ListHead->Flink;
    PLIST_ENTRY next = entry->Flink;

    if (entry->Blink != ListHead || next->Blink != entry) {
        RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
    }
    ListHead->Flink = next;
    next->Blink = ListHead;
    return entry;
}

WDK_INLINE PLIST_ENTRY RemoveTailList(PLIST_ENTRY ListHead)
{
    PLIST_ENTRY entry = ListHead->Blink;
    PLIST_ENTRY previous = entry->Blink;

    if (entry->Flink != ListHead || previous->Flink != entry) {
        RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
    }
    ListHead->Blink = previous;
    previous->Flink = ListHead;
    return entry;
}

WDK_INLINE void InsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry)
{
    PLIST_ENTRY previous = ListHead->Blink;

    if (previous->Flink != ListHead) {
        RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
    }
    Entry->Flink = ListHead;
    Entry->Blink = previous;
    previous->Flink = Entry;
    ListHead->Blink = Entry;
}

WDK_INLINE void InsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry)
{
    PLIST_ENTRY next = ListHead->Flink;

    if (next->Blink != ListHead) {
        RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
    }
    Entry->Flink = next;
    Entry->Blink = ListHead;
    next->Blink = Entry;
    ListHead->Flink = Entry;
}

WDK_INLINE void AppendTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListToAppend)
{
    PLIST_ENTRY end = ListHead->Blink;

    RtlpCheckListEntry(ListHead);
    RtlpCheckListEntry(ListToAppend);
    ListHead->Blink->Flink = ListToAppend;
    ListHead->Blink = ListToAppend->Blink;
    ListToAppend->Blink->Flink = ListHead;
    ListToAppend->Blink = end;
}

WDK_INLINE PSINGLE_LIST_ENTRY PopEntryList(PSINGLE_LIST_ENTRY ListHead)
{
    PSINGLE_LIST_ENTRY first = ListHead->Next;

    if (first != NULL) {
        ListHead->Next = first->Next;
    }
    return first;
}

WDK_INLINE void PushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY Entry)
{
    Entry->Next = ListHead->Next;
    ListHead->Next = Entry;
}

EXTERN_C_END

#endif
