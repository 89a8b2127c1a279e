/* SPDX-License-Identifier: MIT */
/*
 * A campaign: N workers make runs, the parent looks after them, settles what they find and says how
 * it goes. It ends at the first finding unless told otherwise, at its limits, or on Ctrl-C.
 *
 * Run n of a campaign depends on its seed and on the module alone: any run can be named by its
 * number.
 */
#ifndef REPLAY_CAMPAIGN_H
#define REPLAY_CAMPAIGN_H

#include "replay/finding.h"

enum { CAMPAIGN_WORKERS_MAX = 256, CAMPAIGN_FINDINGS_MAX = 64 };

struct campaign_plan {
    struct finding_context finding; /* module, database, how findings are told */
    struct replay_options options;
    struct replay_plan plan; /* typical steps and access flavour are filled in */
    uint32_t workers;        /* 0 = processors online */
    uint64_t runs;           /* UINT64_MAX = no limit */
    double seconds;          /* 0 = no limit */
    uint32_t timeout_s;
    unsigned rss_limit_mb; /* 0 = no limit */
    const char *stop_file; /* "" = none */
    bool keep_going, is_quiet;
};

enum campaign_end {
    CAMPAIGN_DONE,  /* runs or time used up, or a stop file */
    CAMPAIGN_FOUND, /* stopped at a finding */
    CAMPAIGN_INTERRUPTED,
    CAMPAIGN_MEMORY, /* a worker passed the limit, or workers were killed from outside */
    CAMPAIGN_BROKEN, /* an assertion of ours */
    CAMPAIGN_FAILED, /* the module cannot be opened, no processes */
};

struct campaign_result {
    enum campaign_end end;
    double seconds;
    unsigned peak_rss_mb;
    double distinct;              /* estimate of distinct fingerprints */
    struct worker_counters total; /* bits not merged */
    uint64_t flaky, timeouts, unstored, new_count, known_count;
    uint32_t places, places_failed; /* call stacks at which something can fail; that did so alone */
    bool was_searched; /* systematically: */
    struct search_report search;
    struct replay_options search_options;
    unsigned finding_count; /* settled, new or known, each signature once */
    struct finding finding[CAMPAIGN_FINDINGS_MAX];
};

void campaign_run(const struct campaign_plan *plan, struct campaign_result *result);
void campaign_result_free(struct campaign_result *result);

/* ---- campaign_report.c ---- */

/* "+contract +irql +memory ... -access": what the runs of a module look at. */
void campaign_print_checks(uint32_t flavour, const struct campaign_plan *plan);
/* The end of it in words; stat:: lines if wanted. */
void campaign_print_report(const struct campaign_result *result, bool wants_stats);
/* A systematic search: how far it came, and one sentence about its bounds. */
void campaign_print_search(const struct campaign_plan *plan, const struct campaign_result *result);
/* "12.3M". */
void campaign_amount(double value, char *out, size_t size);

#endif
