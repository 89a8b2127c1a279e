/* SPDX-License-Identifier: MIT */
/*
 * Addresses of routines by name, for MmGetSystemRoutineAddress.
 *
 * This file knows names only: it includes no Windows header, so that each routine can be declared
 * as a weak symbol without its type. A name in the table that the engine does not define, or that
 * is a macro on Windows too, is not found.
 */
#include "sim/base.h"

#include <string.h>

void *mm_routine_address(const char *name);

#define ROUTINE(name, low, high) extern char name[] __attribute__((weak));
#include "model/routines.def"
#undef ROUTINE

static const struct {
    const char *name;
    char *address;
} routines[] = {
#define ROUTINE(name, low, high) {#name, name},
#include "model/routines.def"
#undef ROUTINE
};

void *mm_routine_address(const char *name)
{
    for (unsigned i = 0; i < SIM_COUNT(routines); i++) {
        if (strcmp(routines[i].name, name) == 0) {
            return routines[i].address;
        }
    }
    return NULL;
}
