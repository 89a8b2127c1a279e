/* SPDX-License-Identifier: MIT */
/*
 * ntstrsafe.h - bounded string routines. Cb forms count bytes, Cch forms count characters; W is
 * WCHAR.
 *
 * All of them are routines of the engine (formatting is PASSIVE only, and the formats are
 * Windows' own: %wZ, %I64u, %S). The plain names follow the character set as usual: drivers are
 * Unicode when UNICODE is defined.
 */
#ifndef WDK_NTSTRSAFE_H
#define WDK_NTSTRSAFE_H

#include <ntdef.h>
#include <ntstatus.h>

EXTERN_C_START

#define NTSTRSAFE_MAX_CCH 2147483647
#define NTSTRSAFE_UNICODE_STRING_MAX_CCH (0xffff / sizeof(WCHAR))
#define STRSAFE_MAX_CCH NTSTRSAFE_MAX_CCH
#define STRSAFE_IGNORE_NULLS 0x00000100
#define STRSAFE_FILL_BEHIND_NULL 0x00000200
#define STRSAFE_FILL_ON_FAILURE 0x00000400
#define STRSAFE_NULL_ON_FAILURE 0x00000800
#define STRSAFE_NO_TRUNCATION 0x00001000

typedef char *NTSTRSAFE_PSTR, *STRSAFE_LPSTR;
typedef const char *NTSTRSAFE_PCSTR, *STRSAFE_PCSTR, *STRSAFE_LPCSTR;
typedef wchar_t *NTSTRSAFE_PWSTR, *STRSAFE_LPWSTR;
typedef const wchar_t *NTSTRSAFE_PCWSTR, *STRSAFE_PCWSTR, *STRSAFE_LPCWSTR;

NTSTATUS RtlStringCbPrintfA(PSTR Dest, SIZE_T CbDest, PCSTR Format, ...);
NTSTATUS RtlStringCbPrintfW(PWSTR Dest, SIZE_T CbDest, PCWSTR Format, ...);
NTSTATUS RtlStringCchPrintfA(PSTR Dest, SIZE_T CchDest, PCSTR Format, ...);
NTSTATUS RtlStringCchPrintfW(PWSTR Dest, SIZE_T CchDest, PCWSTR Format, ...);
NTSTATUS RtlStringCbVPrintfA(PSTR Dest, SIZE_T CbDest, PCSTR Format, va_list Arguments);
NTSTATUS RtlStringCbVPrintfW(PWSTR Dest, SIZE_T CbDest, PCWSTR Format, va_list Arguments);
NTSTATUS RtlStringCchVPrintfA(PSTR Dest, SIZE_T CchDest, PCSTR Format, va_list Arguments);
NTSTATUS RtlStringCchVPrintfW(PWSTR Dest, SIZE_T CchDest, PCWSTR Format, va_list Arguments);
NTSTATUS RtlStringCbPrintfExA(PSTR Dest, SIZE_T CbDest, PSTR *DestEnd, SIZE_T *Remaining,
                              ULONG Flags, PCSTR Format, ...);
NTSTATUS RtlStringCbPrintfExW(PWSTR Dest, SIZE_T CbDest, PWSTR *DestEnd, SIZE_T *Remaining,
                              ULONG Flags, PCWSTR Format, ...);
NTSTATUS RtlStringCchPrintfExA(PSTR Dest, SIZE_T CchDest, PSTR *DestEnd, SIZE_T *Remaining,
                               ULONG Flags, PCSTR Format, ...);
NTSTATUS RtlStringCchPrintfExW(PWSTR Dest, SIZE_T CchDest, PWSTR *DestEnd, SIZE_T *Remaining,
                               ULONG Flags, PCWSTR Format, ...);

NTSTATUS RtlStringCbCopyA(PSTR Dest, SIZE_T CbDest, PCSTR Source);
NTSTATUS RtlStringCbCopyW(PWSTR Dest, SIZE_T CbDest, PCWSTR Source);
NTSTATUS RtlStringCchCopyA(PSTR Dest, SIZE_T CchDest, PCSTR Source);
NTSTATUS RtlStringCchCopyW(PWSTR Dest, SIZE_T CchDest, PCWSTR Source);
NTSTATUS RtlStringCbCopyNA(PSTR Dest, SIZE_T CbDest, PCSTR Source, SIZE_T CbSource);
NTSTATUS RtlStringCbCopyNW(PWSTR Dest, SIZE_T CbDest, PCWSTR Source, SIZE_T CbSource);
NTSTATUS RtlStringCchCopyNA(PSTR Dest, SIZE_T CchDest, PCSTR Source, SIZE_T CchSource);
NTSTATUS RtlStringCchCopyNW(PWSTR Dest, SIZE_T CchDest, PCWSTR Source, SIZE_T CchSource);
NTSTATUS RtlStringCbCatA(PSTR Dest, SIZE_T CbDest, PCSTR Source);
NTSTATUS RtlStringCbCatW(PWSTR Dest, SIZE_T CbDest, PCWSTR Source);
NTSTATUS RtlStringCchCatA(PSTR Dest, SIZE_T CchDest, PCSTR Source);
NTSTATUS RtlStringCchCatW(PWSTR Dest, SIZE_T CchDest, PCWSTR Source);
NTSTATUS RtlStringCbLengthA(PCSTR Text, SIZE_T CbMax, SIZE_T *CbLength);
NTSTATUS RtlStringCbLengthW(PCWSTR Text, SIZE_T CbMax, SIZE_T *CbLength);
NTSTATUS RtlStringCchLengthA(PCSTR Text, SIZE_T CchMax, SIZE_T *CchLength);
NTSTATUS RtlStringCchLengthW(PCWSTR Text, SIZE_T CchMax, SIZE_T *CchLength);

NTSTATUS RtlUnicodeStringInit(PUNICODE_STRING Dest, PCWSTR Source);
NTSTATUS RtlUnicodeStringCopy(PUNICODE_STRING Dest, PCUNICODE_STRING Source);
NTSTATUS RtlUnicodeStringCopyString(PUNICODE_STRING Dest, PCWSTR Source);
NTSTATUS RtlUnicodeStringCat(PUNICODE_STRING Dest, PCUNICODE_STRING Source);
NTSTATUS RtlUnicodeStringCatString(PUNICODE_STRING Dest, PCWSTR Source);
NTSTATUS RtlUnicodeStringPrintf(PUNICODE_STRING Dest, PCWSTR Format, ...);
NTSTATUS RtlUnicodeStringVPrintf(PUNICODE_STRING Dest, PCWSTR Format, va_list Arguments);
NTSTATUS RtlUnicodeStringValidate(PCUNICODE_STRING Source);

EXTERN_C_END

#ifdef UNICODE
#define RtlStringCbPrintf RtlStringCbPrintfW
#define RtlStringCchPrintf RtlStringCchPrintfW
#define RtlStringCbVPrintf RtlStringCbVPrintfW
#define RtlStringCchVPrintf RtlStringCchVPrintfW
#define RtlStringCbCopy RtlStringCbCopyW
#define RtlStringCchCopy RtlStringCchCopyW
#define RtlStringCbCat RtlStringCbCatW
#define RtlStringCchCat RtlStringCchCatW
#define RtlStringCbLength RtlStringCbLengthW
#define RtlStringCchLength RtlStringCchLengthW
#else
#define RtlStringCbPrintf RtlStringCbPrintfA
#define RtlStringCchPrintf RtlStringCchPrintfA
#define RtlStringCbVPrintf RtlStringCbVPrintfA
#define RtlStringCchVPrintf RtlStringCchVPrintfA
#define RtlStringCbCopy RtlStringCbCopyA
#define RtlStringCchCopy RtlStringCchCopyA
#define RtlStringCbCat RtlStringCbCatA
#define RtlStringCchCat RtlStringCchCatA
#define RtlStringCbLength RtlStringCbLengthA
#define RtlStringCchLength RtlStringCchLengthA
#endif

#endif
