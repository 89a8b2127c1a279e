/* SPDX-License-Identifier: MIT */
/*
 * Cases as text: the wsk1: line of case.h and its options field. Parsing never trusts its input:
 * every error is one line that says what is wrong with the text.
 */
#ifndef REPLAY_CASE_TEXT_H
#define REPLAY_CASE_TEXT_H

#include "replay/case.h"

enum { REPLAY_OPTIONS_TEXT_MAX = 1024 }; /* 16 forced knobs and the rest */

/* Non-default options as key=value joined by ','. */
void replay_options_text(const struct replay_options *options, char *out, size_t size);
/* The inverse. False if a key or value is unknown; *options is then what was understood so far. */
bool replay_options_parse(struct replay_options *options, const char *text);

/* The wsk1: line, malloc'ed. */
char *replay_case_text(const struct replay_case *c);
/* Parses one; on failure false and *message (of size bytes) says why. checks stay empty. */
SIM_MUST_USE bool replay_case_parse(struct replay_case *c, const char *text, char *message,
                                    size_t size);

uint32_t replay_crc32c(uint32_t crc, const void *bytes, size_t size);

#endif
