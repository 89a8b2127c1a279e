/* SPDX-License-Identifier: MIT */
/* SHA-1 (FIPS 180-4), because libFuzzer names its files by it: the same input has the same name. */
#ifndef REPLAY_SHA1_H
#define REPLAY_SHA1_H

#include "sim/base.h"

/* 40 hex digits and a NUL. */
void sha1_text(const void *bytes, size_t size, char out[41]);

#endif
