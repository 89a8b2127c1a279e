/* SPDX-License-Identifier: MIT */
/*
 * What a module says about itself; always linked, exported beside DriverEntry.
 */
#include "sim/support/support.h"

extern SUPPORT_HIDDEN const char __start_wsksim_support[], __stop_wsksim_support[];

SIM_EXPORT extern const struct sim_module_info wsksim_module_info;

const struct sim_module_info wsksim_module_info = {
    .magic = SIM_MODULE_MAGIC,
    .version = SIM_MODULE_VERSION,
    .size = sizeof(struct sim_module_info),
    .checked = &support_has_asan,
    .access = &support_has_tsan,
    .undefined = &support_has_ubsan,
    .support_begin = __start_wsksim_support,
    .support_end = __stop_wsksim_support,
};

/* So that the section exists, and its bounds with it, in a module that needs nothing else. */
SUPPORT_HIDDEN void support_anchor(void);

void support_anchor(void)
{
}
