/* SPDX-License-Identifier: MIT */
/* wdm_po.h - power states and the power callbacks a driver may register. */
#ifndef WDK_WDM_PO_H
#define WDK_WDM_PO_H

#include <ntdef.h>
#include <guiddef.h>

EXTERN_C_START

struct _DEVICE_OBJECT;
struct _IRP;

typedef enum _SYSTEM_POWER_STATE {
    PowerSystemUnspecified,
    PowerSystemWorking,
    PowerSystemSleeping1,
    PowerSystemSleeping2,
    PowerSystemSleeping3,
    PowerSystemHibernate,
    PowerSystemShutdown,
    PowerSystemMaximum
} SYSTEM_POWER_STATE, *PSYSTEM_POWER_STATE;

typedef enum _DEVICE_POWER_STATE {
    PowerDeviceUnspecified,
    PowerDeviceD0,
    PowerDeviceD1,
    PowerDeviceD2,
    PowerDeviceD3,
    PowerDeviceMaximum
} DEVICE_POWER_STATE, *PDEVICE_POWER_STATE;

typedef enum _POWER_ACTION {
    PowerActionNone,
    PowerActionReserved,
    PowerActionSleep,
    PowerActionHibernate,
    PowerActionShutdown,
    PowerActionShutdownReset,
    PowerActionShutdownOff,
    PowerActionWarmEject
} POWER_ACTION, *PPOWER_ACTION;

typedef enum _POWER_STATE_TYPE { SystemPowerState, DevicePowerState } POWER_STATE_TYPE;

typedef union _POWER_STATE {
    SYSTEM_POWER_STATE SystemState;
    DEVICE_POWER_STATE DeviceState;
} POWER_STATE, *PPOWER_STATE;

typedef NTSTATUS POWER_SETTING_CALLBACK(LPCGUID SettingGuid, PVOID Value, ULONG ValueLength,
                                        PVOID Context);
typedef POWER_SETTING_CALLBACK *PPOWER_SETTING_CALLBACK;

NTSTATUS PoRegisterPowerSettingCallback(struct _DEVICE_OBJECT *DeviceObject, LPCGUID SettingGuid,
                                        PPOWER_SETTING_CALLBACK Callback, PVOID Context,
                                        PVOID *Handle);
NTSTATUS PoUnregisterPowerSettingCallback(PVOID Handle);
void PoStartNextPowerIrp(struct _IRP *Irp);
POWER_STATE PoSetPowerState(struct _DEVICE_OBJECT *DeviceObject, POWER_STATE_TYPE Type,
                            POWER_STATE State);

EXTERN_C_END

#endif
