/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.1: IRPs. */
#include "case.h"

MISTAKE(irp_freed_twice, "KRN-006")
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    if (Irp == NULL) {
        return;
    }
    IoFreeIrp(Irp);
    if (Mistaken) {
        IoFreeIrp(Irp);
    }
}
