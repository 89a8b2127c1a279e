/* SPDX-License-Identifier: MIT */
/*
 * Takes files of other tools into the database: fuzz inputs (libFuzzer's corpora and crash-* files,
 * AFL++'s queue and crashes) and text with wsk1: lines. Each is run in a worker; a finding is
 * settled as one of a campaign is, everything else becomes a case without a finding.
 */
#ifndef REPLAY_IMPORT_H
#define REPLAY_IMPORT_H

#include "replay/finding.h"
#include "replay/runner.h"

enum { IMPORT_KEYS_MAX = 4096, IMPORT_BATCH = 128 };

struct import {
    struct finding_context context;
    struct replay_options options; /* of the runs that made the inputs */
    struct runner *runner;
    bool wants_clean; /* store cases without a finding too */
    uint64_t files, clean, new_count, known, repeated, flaky, unreadable, unstored;
    bool is_broken; /* an assertion of ours, or the module is gone */
    bool has_first;
    struct finding first;                   /* the first finding, owned */
    struct replay_case batch[IMPORT_BATCH]; /* clean ones, waiting for one transaction */
    unsigned batch_count;
    uint64_t key[IMPORT_KEYS_MAX];
    unsigned key_count;
    struct worker_finding found;
};

/* Opens the module. False after one line on stderr. */
SIM_MUST_USE bool import_open(struct import *import, uint32_t timeout_s);
/* Runs and stores one file. */
void import_file(struct import *import, const char *path);
/* A file, or all files below a directory in the order of their names. False if there is no such
 * path. */
bool import_path(struct import *import, const char *path);
/* Stores what is waiting. */
void import_flush(struct import *import);
void import_close(struct import *import);

#endif
