/* SPDX-License-Identifier: MIT */
/* What the two ends of a worker share: the page and the form of a message. */
#ifndef REPLAY_WORKER_INTERNAL_H
#define REPLAY_WORKER_INTERNAL_H

#include "replay/worker.h"

/* Memory shared by parent and worker. The worker writes, the parent reads. */
struct worker_page {
    struct choice_log log; /* of the run in progress */
    struct worker_counters counters;
    struct replay_options options; /* of the run in progress */
    pid_t parent;
    char module[64];
    char identity[17];
    uint32_t flavour;
    volatile uint64_t run;     /* its number */
    volatile uint64_t started; /* runs begun, confirmations included: progress */
    volatile bool is_running;  /* between begin and end of a run */
};

/* On the socket from the worker: this, then choices, then checks, then text. */
struct worker_message {
    uint32_t event; /* enum worker_event */
    uint32_t choices_size, check_count, text_size;
    uint64_t run;
    struct replay_case replay; /* pointers meaningless */
    struct replay_result result;
};

/* To the worker: this, then the bytes of the source, then its checks. */
struct worker_question {
    struct worker_request request; /* pointers meaningless */
};

/* What a dead worker was doing, from its page. */
enum worker_event worker_post_mortem(struct worker *w, struct worker_finding *finding);

/* Body of the child; never returns. job->runs == 0: serve requests. */
__attribute__((noreturn)) void worker_child(const struct worker_job *job, struct worker_page *page,
                                            int socket);

#endif
