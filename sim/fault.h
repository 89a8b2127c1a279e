/* SPDX-License-Identifier: MIT */
/*
 * Processor faults of a driver as data: null and wild pointers, division by zero, trap
 * instructions, stack overflow.
 *
 * A handler on a stack of its own looks where the interrupted code ran. On a fiber stack, the fault
 * is charged to the run: hooks->signal_fault records a violation and leaves for the main context
 * straight out of the handler. Anywhere else it is a fault of ours, and the handler that was there
 * before gets it.
 *
 * libFuzzer puts its own handlers in front after LLVMFuzzerInitialize: a fuzzer installs these in
 * its first run, not earlier.
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "base.h"

/* Installs the handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP; again after a fork is
 * harmless. */
void sim_fault_install(void);

#endif
