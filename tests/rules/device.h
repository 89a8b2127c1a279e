/* SPDX-License-Identifier: MIT */
/*
 * Devices of the driver for cases about IRPs: a lower layer that completes or keeps what it is
 * given, and a device that user mode opens.
 *
 * Limits: one device of each kind at a time; the body deletes what it made.
 */
#ifndef TESTS_RULES_DEVICE_H
#define TESTS_RULES_DEVICE_H

#include "case.h"

/* What the lower layer does with the next request: completes it, or marks it pending and keeps it.
 */
struct lower {
    NTSTATUS Status;
    ULONG_PTR Information;
    BOOLEAN Pends;
    BOOLEAN IsStuck; /* never completes what it keeps unless LowerComplete is called */
    PIRP Held;
};
extern struct lower Lower;

/* A device whose requests the lower layer gets; NULL if that fails. */
PDEVICE_OBJECT LowerNew(void);
/* Completes the request that is held at this IRQL. */
void LowerComplete(NTSTATUS Status, KIRQL Irql);
/* One more pass of an own IRP (or one built by the I/O manager): routine set, passed down. */
NTSTATUS Pass(PDEVICE_OBJECT Device, PIRP Irp, PIO_COMPLETION_ROUTINE Routine, PVOID Context);

/*
 * A device that user mode (User, as .world) opens, sends one control request and closes. The
 * request goes to Control; the body waits here until it was closed, or user mode has given up.
 */
void Serve(PDRIVER_DISPATCH Control, PDEVICE_OBJECT Below);
void User(void);          /* waits for the answer */
void ImpatientUser(void); /* cancels the request after 1 ms */

NTSTATUS Complete(PIRP Irp, NTSTATUS Status);

#endif
