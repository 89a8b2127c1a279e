/* SPDX-License-Identifier: MIT */
/*
 * Runs the race suite: every program under every strategy, many times.
 *
 *   races.c   options, worker processes, bars
 *   trial.c   one trial: runs of one program under one strategy until the first failure
 *   report.c  the table
 *
 * A trial is a campaign of its own (plan.seed = number of the trial), as `wsksim check -faults=0
 * -drawn_knobs=0 -races=0` would make it, in this process instead of a worker. Strategies by name
 * see every access point in every run (-access=1); the portfolio decides for itself, as by default.
 * Results lie in memory that the workers share with the parent, so that an interrupted suite prints
 * what it knows. A trial depends on its number alone, not on who runs it.
 */
#ifndef BENCH_RACES_RACES_H
#define BENCH_RACES_RACES_H

#include "replay/portfolio.h"
#include "replay/session.h"

#include "table.h"

enum { RACES_PROGRAMS_MAX = 128, RACES_SEEDS_MAX = 100, RACES_RULE_MAX = 32 };

enum race_state {
    RACE_OPEN, RACE_RUNNING, RACE_FOUND, RACE_NOT_FOUND, RACE_BROKEN,
    RACE_SKIPPED, /* its first seeds found nothing */
};

struct race_result {
    uint8_t state;           /* enum race_state */
    int32_t worker;          /* process that makes it, or made it */
    uint32_t schedules;      /* up to the first failure, or in all */
    uint32_t others, limits; /* runs that broke another rule than expected, or hit a limit */
    uint32_t steps;          /* of a usual run, with access points */
    char other[RACES_RULE_MAX];
};

/* What is known of a program before it is run, copied out of the module. */
struct race_program {
    char name[48], fails[64], published[64], file[32];
    uint32_t preemptions;
};

struct race_settings {
    const char *module;
    const char *programs;   /* patterns of names, separated by commas; "" = all */
    uint32_t seeds, limit, jobs;
    uint32_t give_up; /* a strategy that found nothing with so many seeds is not asked again */
    uint32_t strategy_count;
    enum replay_strategy strategy[REPLAY_STRATEGIES];
};

/* Shared between the processes. */
struct race_board {
    uint32_t program_count, result_count;
    uint32_t next; /* result that nobody has taken yet */
    uint32_t must_stop;
    char message[SIM_MODULE_MESSAGE_MAX];
    struct race_program program[RACES_PROGRAMS_MAX];
    struct race_result result[]; /* seed by seed, program by program, strategy by strategy */
};

static inline struct race_result *races_result(struct race_board *board,
                                               const struct race_settings *settings, uint32_t seed,
                                               uint32_t program, uint32_t strategy)
{
    return &board->result[(seed * board->program_count + program) * settings->strategy_count +
                          strategy];
}

/* ---- trial.c: in a worker process ---- */

/* Opens the module. False: board->message says why. */
SIM_MUST_USE bool races_open(struct race_board *board, const struct race_settings *settings);
/* Fills board->program with those that are wanted. */
void races_list(struct race_board *board, const struct race_settings *settings);
/* One trial. */
void races_trial(struct race_board *board, const struct race_settings *settings,
                 const struct race_program *program, enum replay_strategy strategy, uint64_t seed,
                 struct race_result *result);
/* Runs of the tame schedule and of schedules that change nothing but the number of processors. */
void races_tame(const struct race_program *program, struct race_result *result);
/* The fewest preemptions that lead to a failure, by searching: a line of text. */
void races_fewest(const struct race_program *program, uint32_t runs_max, char *out, size_t size);

/* ---- report.c ---- */

void races_print(struct race_board *board, const struct race_settings *settings, bool is_whole);
/* Bars; true if all that could be judged are reached. */
SIM_MUST_USE bool races_print_bars(struct race_board *board, const struct race_settings *settings);

#endif
