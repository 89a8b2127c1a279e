/* SPDX-License-Identifier: MIT */
/*
 * From a case to words: runs it again in a child process with the trace kept, finds the event that
 * made the offending one illegal, looks up functions and lines, and writes title, report and table.
 *
 * The signature tells bugs apart: a hash of the rule, of function and line rank of both decisive
 * events, and of the kinds of the objects involved; never of addresses or line numbers, so that an
 * edit elsewhere in the file does not make a new bug of an old one.
 */
#ifndef REPLAY_EXPLAIN_H
#define REPLAY_EXPLAIN_H

#include "replay/session.h"
#include "replay/symbols.h"

struct explanation {
    char *title;  /* one line: rule and place */
    char *report; /* what a person reads first; ends without the table */
    char *table;  /* the interleaving */
    char *events; /* JSON lines, one per event (export, event table) */
    uint64_t signature;
    uint64_t fingerprint;
    uint32_t rule;
    uint8_t verdict; /* enum sim_verdict */
    bool diverged;
    uint64_t diverged_request;
    uint64_t steps, switches;
};

enum explain_result {
    EXPLAIN_OK,      /* the case ran; see verdict */
    EXPLAIN_CRASHED, /* it took its process with it; title and report say how */
    EXPLAIN_FAILED,  /* no child, or the module cannot be opened: report says why */
};

struct explain_style {
    bool is_full;      /* the table shows every event, not only what concerns the finding */
    bool wants_events; /* fill `events` */
    unsigned width;    /* columns of the terminal; 0 = 110 */
};

enum explain_result explain_case(const char *module_path, const struct replay_case *c,
                                 const struct explain_style *style, struct explanation *out);
void explanation_free(struct explanation *e);

/* ---- parts, on a session that has just run the case with trace ---- */

uint64_t explain_signature(struct symbols *symbols, const struct sim_violation *v);
char *explain_title(struct symbols *symbols, const struct sim_violation *v);
char *explain_report(struct replay_session *session, struct symbols *symbols,
                     const struct replay_result *result);
/* render.c */
char *render_table(struct replay_session *session, struct symbols *symbols,
                   const struct replay_result *result, const struct explain_style *style);
char *render_events(struct replay_session *session, struct symbols *symbols);
/* Text of one event: "KeSetEvent(event#3)". */
void render_event_text(const struct sim_trace_event *event, char *out, size_t size);

#endif
