/* SPDX-License-Identifier: MIT */
/* Runs of the gate's client, each a function of its number, as property_mutants.c wants them. */
#ifndef TESTS_SPEC_PROPERTY_GATE_H
#define TESTS_SPEC_PROPERTY_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void property_gate_open(void);
/* True if a property does not hold in run `number`; `killer` says which. */
bool property_gate_kills(uint64_t number, char *killer, size_t size);

#endif
