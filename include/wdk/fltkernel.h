/* SPDX-License-Identifier: MIT */
/*
 * fltkernel.h - thin: drivers include it for the kernel names (push locks above all) that it
 * brings along.
 *
 * Limit: no filter manager.
 */
#ifndef WDK_FLTKERNEL_H
#define WDK_FLTKERNEL_H

#include <ntifs.h>

#define FltInitializePushLock(l) ExInitializePushLock(l)
#define FltDeletePushLock(l) ((void)(l))
#define FltAcquirePushLockExclusive(l) (KeEnterCriticalRegion(), ExAcquirePushLockExclusive(l))
#define FltAcquirePushLockShared(l) (KeEnterCriticalRegion(), ExAcquirePushLockShared(l))
#define FltReleasePushLock(l) (ExReleasePushLock(l), KeLeaveCriticalRegion())

#endif
