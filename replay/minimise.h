/* SPDX-License-Identifier: MIT */
/*
 * Makes a finding small: fewer switches, fewer choices that are not 0, shorter streams, lower
 * numbers, fewer processors, no forced readings, until nothing more can be left out or the time is
 * up.
 *
 *   best --edit--> candidate --run as bytes--> same finding, and simpler? --> best
 *
 * A candidate is run as fuzz bytes, where anything goes; what the run really asked comes back as
 * its canonical case, and that is what is measured and kept. So the best is always a case that has
 * been run, and stopping at any moment is harmless.
 *
 * What can be left out depends on where one begins: a race found with many switches may need them
 * all, while another run shows it with two. So more runs with the same finding are looked for and
 * made small, too, and the smallest of all wins.
 *
 * Invariants:
 *  1. The measure of the best only goes down: the search ends.
 *  2. Leaving out a switch keeps the others of its context where they were (the schedule stream
 *     counts points since the last deviation; a plan counts them from the start).
 */
#ifndef REPLAY_MINIMISE_H
#define REPLAY_MINIMISE_H

#include "replay/case.h"
#include "replay/runner.h"

/* How much of it there is. Compared field by field, the first one weighs most. */
struct minimise_size {
    uint32_t access_points;          /* 1 = memory accesses are scheduling points */
    uint32_t switches;               /* deviations of the schedule */
    uint32_t faults, world, program; /* choices that are not 0 */
    uint32_t processors;
    uint32_t knobs;  /* forced readings */
    uint32_t length; /* values up to the last one that is not 0 */
    uint64_t sum;    /* of all values */
};

struct minimise_target {
    void *context;
    /*
     * Runs the choices. True if the finding is there; *canonical is then what the run asked, owned
     * by the caller.
     */
    bool (*shows)(void *context, const struct replay_options *options, const uint8_t *bytes,
                  size_t size, struct replay_case *canonical);
    bool (*is_over)(void *context); /* the time is up */
    /* Another case with the same finding, owned by the caller; false = no more. May be NULL. */
    bool (*another)(void *context, struct replay_case *c);
    void (*progress)(void *context, const struct minimise_size *best); /* may be NULL */
};

struct minimise_size minimise_measure(const struct replay_case *c);

/* Replaces *c by the simplest case found. Returns the number of candidates that were run. */
uint64_t minimise(const struct minimise_target *target, struct replay_case *c);

/* ---- a finding in its module ---- */

struct minimise_budget {
    double seconds;           /* 0 = no limit */
    uint64_t runs;            /* 0 = no limit */
    volatile const int *stop; /* not NULL: stop when it is not 0 */
    bool is_quiet;            /* no progress on stderr */
};

struct minimise_report {
    struct minimise_size before, after;
    uint64_t runs;
    double seconds;
};

enum minimise_result {
    MINIMISE_OK,       /* *out is simpler than before and has been run twice */
    MINIMISE_SAME,     /* nothing could be left out; *out is a copy */
    MINIMISE_GONE,     /* the case shows no finding */
    MINIMISE_UNSTABLE, /* the simplest case does not repeat: *out is a copy of the case */
    MINIMISE_FAILED,   /* the module cannot be run; message in *why (static) */
};

/*
 * The finding is known by its raw key: rule and frames. *out is owned by the caller unless GONE,
 * FAILED.
 */
enum minimise_result minimise_case(struct runner *runner, const struct replay_case *c,
                                   const struct minimise_budget *budget, struct replay_case *out,
                                   struct minimise_report *report, const char **why);

/* "3 switches, 2 choices that are not 0, 1 fault". */
void minimise_size_text(const struct minimise_size *size, char *out, size_t bytes);

#endif
