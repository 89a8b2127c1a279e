/* SPDX-License-Identifier: MIT */
/*
 * The code of a driver module, searched before it is loaded for instructions whose result comes
 * from outside the run: the processor's clock, its random numbers, its counters, its identity, a
 * system call. A run with one of them could not be repeated.
 *
 * Limit: code that is written while the driver runs is not seen.
 */
#ifndef SIM_DECODE_H
#define SIM_DECODE_H

#include "image.h"

/*
 * Writes "rdtsc in ReadClock, cpuid in Probe" into out, each once for a function, and returns how
 * many instructions of that kind there are; 0 leaves out empty. What does not fit is only counted.
 */
uint32_t sim_decode_uncontrolled(const struct sim_image *image, char *out, size_t size);

#endif
