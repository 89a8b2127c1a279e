/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.7: disabling events. */
#include "ctl.h"

DUTY(idle_disable_succeeds, "CTL-082 PROP-01 PROP-04")
{
    if (PortEnabled(NULL)) {
        NTSTATUS Status = PortDisable(NULL);
        Check(Status == STATUS_SUCCESS || !NT_SUCCESS(Status));
    }
    PortEnd();
}
