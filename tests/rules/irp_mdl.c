/* SPDX-License-Identifier: MIT */
/* MDLs that a driver leaves on an IRP go with the IRP: no leak of the driver's. */
#include "device.h"

static NTSTATUS AddsAnMdl(PDEVICE_OBJECT Device, PIRP Irp)
{
    static UCHAR Bytes[64];
    UNREFERENCED_PARAMETER(Device);
    PMDL Mdl = IoAllocateMdl(Bytes, sizeof Bytes, FALSE, FALSE, Irp);
    if (Mdl != NULL) {
        MmBuildMdlForNonPagedPool(Mdl);
    }
    return Complete(Irp, STATUS_SUCCESS);
}

DUTY(mdl_on_an_irp_from_above_goes_with_it, "KRN-007", .world = User, .is_silent = 1)
{
    Serve(AddsAnMdl, NULL);
}
