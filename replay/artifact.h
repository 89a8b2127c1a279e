/* SPDX-License-Identifier: MIT */
/*
 * Findings as files, for tools that know directories only: PREFIX KIND-SHA1 holds the choices (a
 * fuzz input of NAME_fuzzer), beside it .txt (the report) and .schedule (the wsk1: line).
 */
#ifndef REPLAY_ARTIFACT_H
#define REPLAY_ARTIFACT_H

#include "replay/explain.h"

/* crash, leak, deadlock, livelock, timeout, nondet: the kind of file a rule makes. */
const char *artifact_kind(uint32_t rule);

/* "crash-da39a3ee..." for these choices. */
void artifact_name(const char *kind, const struct replay_case *c, char *out, size_t size);

/* Writes the three files PREFIX NAME. False after one line on stderr. report may be NULL. */
SIM_MUST_USE bool artifact_write(const char *prefix, const char *name, const struct replay_case *c,
                                 const struct explanation *report);

/* Writes one file whole or not at all (through a temporary name). False with errno. */
SIM_MUST_USE bool artifact_write_file(const char *path, const void *bytes, size_t size);

#endif
