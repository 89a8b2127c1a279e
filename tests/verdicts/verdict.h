/* SPDX-License-Identifier: MIT */
/*
 * Frame of the verdict cases: each file is a driver with one mistake, named in its first comment
 * (EXPECT: rule). Compiled with -DFIXED it is the same driver without the mistake and must stay
 * silent.
 */
#ifndef TESTS_VERDICT_H
#define TESTS_VERDICT_H

#include <ntddk.h>
#include <wsk.h>

DRIVER_INITIALIZE DriverEntry;

static DRIVER_UNLOAD Unload;

/* A case defines these two. */
static NTSTATUS Begin(PDRIVER_OBJECT Driver);
static void End(void);

static void Unload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    End();
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    UNREFERENCED_PARAMETER(Path);
    Driver->DriverUnload = Unload;
    return Begin(Driver);
}

#define TAG 'tdrV'

/* A system thread that can be waited for; NULL if there is none to be had. */
static inline PVOID StartThread(PKSTART_ROUTINE Routine, PVOID Context)
{
    HANDLE Handle;
    PVOID Thread = NULL;
    OBJECT_ATTRIBUTES Attributes;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    if (NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL,
                                        Routine, Context))) {
        if (!NT_SUCCESS(ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType,
                                                  KernelMode, &Thread, NULL))) {
            ZwWaitForSingleObject(Handle, FALSE, NULL);
        }
        ZwClose(Handle);
    }
    return Thread;
}

static inline void JoinThread(PVOID Thread)
{
    if (Thread != NULL) {
        KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Thread);
    }
}

#endif
