/* SPDX-License-Identifier: MIT */
/*
 * Status codes of the NT kernel.
 *
 * The table itself is data and lives in ntstatus.def. NTSTATUS comes from ntdef.h; as on Windows
 * this header may be included before or after it: macros need the type only where they are used.
 */
#ifndef WDK_NTSTATUS_H
#define WDK_NTSTATUS_H

#define STATUS_SEVERITY_SUCCESS 0x0
#define STATUS_SEVERITY_INFORMATIONAL 0x1
#define STATUS_SEVERITY_WARNING 0x2
#define STATUS_SEVERITY_ERROR 0x3

#define FACILITY_DEBUGGER 0x1
#define FACILITY_RPC_RUNTIME 0x2
#define FACILITY_RPC_STUBS 0x3
#define FACILITY_IO_ERROR_CODE 0x4
#define FACILITY_NTWIN32 0x7
#define FACILITY_NTSSPI 0x9
#define FACILITY_TERMINAL_SERVER 0xA
#define FACILITY_TRANSACTION 0x19
#define FACILITY_FILTER_MANAGER 0x1C
#define FACILITY_FWP_ERROR_CODE 0x22
#define FACILITY_NDIS_ERROR_CODE 0x23
#define FACILITY_IPSEC_ERROR_CODE 0x36

#include "ntstatus.def"

#endif /* WDK_NTSTATUS_H */
