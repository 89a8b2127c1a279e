/* SPDX-License-Identifier: MIT */
/*
 * A case: everything that is needed to run one run again. Canonical choices (sim/choice.h), the
 * options that are not default, the module it belongs to, and what came out: verdict, rule,
 * fingerprint.
 *
 * Copy-paste form, one line:
 *
 *   wsk1:<module>:<flavour>:<options>:<choices>:<crc32c>
 *
 *   module   name-identity, e.g. tcp_echo-0123456789abcdef
 *   flavour  letters c (checked), a (access points), u (undefined behaviour), p (plain)
 *   options  non-default ones as key=value joined by ',' (p=processors, s=steps, t=time in ms,
 *            f=fill, a=1 access points are scheduling points, r=1 data races are looked for,
 *            k.NAME=value forced knobs); may be empty
 *   choices  base64url of the canonical byte form, no padding
 *   crc32c   8 hex digits over everything before the last ':'
 *
 * Strategy and seed are not part of a case: what they chose is.
 */
#ifndef REPLAY_CASE_H
#define REPLAY_CASE_H

#include "model/model.h"

enum {
    REPLAY_CHOICES_MAX = (1 << 20) + 64, /* the fullest choice_log, encoded, with its lengths */
    REPLAY_FORCED_KNOBS_MAX = 16,
};

struct replay_options {
    struct sim_options sim;
    bool access_points;
    uint16_t strict_lint; /* a rule + 1: this lint counts as a finding; 0 = none */
    uint32_t knob_count; /* knobs forced by a person; drawn ones are in the choices */
    struct {
        uint16_t knob, value;
    } knob[REPLAY_FORCED_KNOBS_MAX];
};

/* Owned bytes; free with replay_case_free. */
struct replay_case {
    char module[64];
    char identity[17];
    uint32_t flavour; /* enum sim_module_flavour */
    struct replay_options options;
    uint8_t *choices;
    size_t choices_size;
    uint32_t *checks; /* rolling hashes, may be NULL */
    size_t check_count;
    /* What came out. */
    uint8_t verdict; /* enum sim_verdict */
    uint32_t rule;   /* enum model_rule; meaningless if clean */
    uint64_t fingerprint;
    uint64_t signature; /* replay/explain.h; 0 = not computed */
};

void replay_case_free(struct replay_case *c);
/* Deep copy. */
struct replay_case replay_case_clone(const struct replay_case *c);

#endif
