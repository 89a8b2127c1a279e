/* SPDX-License-Identifier: MIT */
/*
 * The table of the race suite and its bars. A cell is the mean of the schedules up to and with the
 * first failure over the seeds that found it, then the largest in brackets; seeds that did not are
 * counted in front ("17/20 4377 (9120)"), and are no part of the mean, as in the published tables.
 */
#include "races.h"

#include <stdio.h>
#include <string.h>

enum { CELL_MAX = 40, NAME_WIDTH = 22, CELL_WIDTH = 17 };

#define SHARE_BAR 0.95 /* of the programs the portfolio must find, in every seed */
#define MEAN_BAR 60    /* schedules, of the best strategy on the two largest families */

struct published {
    const char *name, *rff, *period, *pos, *pct3;
};

static const struct published published[] = {
#define PUBLISHED(name, rff, period, pos, pct3) {name, rff, period, pos, pct3},
#include "published.def"
#undef PUBLISHED
};

/* What the seeds made of one program under one strategy. */
struct summary {
    uint32_t trials, found, max;
    double mean; /* over those found */
};

static struct summary sum_up(struct race_board *board, const struct race_settings *settings,
                             uint32_t program, uint32_t strategy)
{
    struct summary s = {0};
    for (uint32_t seed = 0; seed < settings->seeds; seed++) {
        const struct race_result *r = races_result(board, settings, seed, program, strategy);
        s.trials += r->state == RACE_FOUND || r->state == RACE_NOT_FOUND || r->state == RACE_BROKEN;
        if (r->state == RACE_FOUND) {
            s.found++;
            s.mean += r->schedules;
            s.max = r->schedules > s.max ? r->schedules : s.max;
        }
    }
    s.mean = s.found > 0 ? s.mean / s.found : 0;
    return s;
}

static void print_cell(const struct summary *s)
{
    char text[CELL_MAX] = "";
    if (s->trials == 0) {
        snprintf(text, sizeof text, "not run");
    } else if (s->found == 0) {
        snprintf(text, sizeof text, "0/%u", s->trials);
    } else if (s->found < s->trials) {
        snprintf(text, sizeof text, "%u/%u %.0f (%u)", s->found, s->trials, s->mean, s->max);
    } else {
        snprintf(text, sizeof text, "%.*f (%u)", s->mean < 100 ? 1 : 0, s->mean, s->max);
    }
    printf(" %*s", CELL_WIDTH, text);
}

static void print_published(const char *name)
{
    struct published p = {name, "-", "-", "-", "-"};
    for (size_t i = 0; i < SIM_COUNT(published); i++) {
        if (strcmp(published[i].name, name) == 0) {
            p = published[i];
        }
    }
    printf(" | %8s %9s %12s %12s  %s\n", p.rff, p.period, p.pos, p.pct3, name);
}

static void print_head(const struct race_settings *settings)
{
    printf("%-*s  pre steps", NAME_WIDTH, "program");
    for (uint32_t i = 0; i < settings->strategy_count; i++) {
        printf(" %*s", CELL_WIDTH, replay_strategy_names[settings->strategy[i]]);
    }
    printf(" | %8s %9s %12s %12s\n", "RFF", "PERIOD", "POS", "PCT3");
}

/* What should not be: one line for each program and strategy. */
static void print_oddity(struct race_board *board, const struct race_settings *settings,
                         uint32_t program, uint32_t strategy)
{
    const char *name = board->program[program].name;
    const char *with = replay_strategy_names[settings->strategy[strategy]];
    uint32_t others = 0, limits = 0;
    const char *other = "";
    for (uint32_t seed = 0; seed < settings->seeds; seed++) {
        const struct race_result *r = races_result(board, settings, seed, program, strategy);
        if (r->state == RACE_BROKEN) {
            printf("BROKEN: %s, %s, seed %u: the process ended\n", name, with, seed + 1);
        }
        other = r->others > 0 ? r->other : other;
        others += r->others;
        limits += r->limits;
    }
    if (others > 0) {
        printf("UNEXPECTED: %s, %s: %u runs broke another rule, as %s\n", name, with, others,
               other);
    }
    if (limits > 0) {
        printf("LIMIT: %s, %s: %u runs were given up at a limit\n", name, with, limits);
    }
}

void races_print(struct race_board *board, const struct race_settings *settings, bool is_whole)
{
    printf("\nSchedules to the first failure: mean (maximum) over %u seeds, limit %u; right of the "
           "bar: published.\npre: fewest preemptions; steps: of a usual run with access points.\n",
           settings->seeds, settings->limit);
    if (!is_whole) {
        printf("Interrupted: cells may stand for fewer seeds.\n");
    }
    printf("\n");
    print_head(settings);
    for (uint32_t p = 0; p < board->program_count; p++) {
        printf("%-*s  %3u %5u", NAME_WIDTH, board->program[p].name, board->program[p].preemptions,
               races_result(board, settings, 0, p, 0)->steps);
        for (uint32_t i = 0; i < settings->strategy_count; i++) {
            struct summary s = sum_up(board, settings, p, i);
            print_cell(&s);
        }
        print_published(board->program[p].published);
    }
    printf("%-*s           ", NAME_WIDTH, "found in every seed");
    for (uint32_t i = 0; i < settings->strategy_count; i++) {
        uint32_t always = 0;
        char text[CELL_MAX];
        for (uint32_t p = 0; p < board->program_count; p++) {
            struct summary s = sum_up(board, settings, p, i);
            always += s.trials > 0 && s.found == s.trials;
        }
        snprintf(text, sizeof text, "%u/%u", always, board->program_count);
        printf(" %*s", CELL_WIDTH, text);
    }
    printf("\n\n");
    for (uint32_t i = 0; i < board->program_count * settings->strategy_count; i++) {
        print_oddity(board, settings, i / settings->strategy_count, i % settings->strategy_count);
    }
}

/* ---- bars ---- */

static bool print_share(struct race_board *board, const struct race_settings *settings)
{
    uint32_t i = 0, always = 0;
    while (i < settings->strategy_count && settings->strategy[i] != REPLAY_PORTFOLIO) {
        i++;
    }
    if (i == settings->strategy_count) {
        return true;
    }
    for (uint32_t p = 0; p < board->program_count; p++) {
        struct summary s = sum_up(board, settings, p, i);
        always += s.trials > 0 && s.found == s.trials;
    }
    double share = (double)always / (double)board->program_count;
    bool is_reached = share >= SHARE_BAR;
    printf("portfolio finds in every seed: %u of %u programs, %.1f %% (bar: %.0f %%): %s\n", always,
           board->program_count, 100 * share, 100 * SHARE_BAR, is_reached ? "reached" : "MISSED");
    return is_reached;
}

static bool print_best(struct race_board *board, const struct race_settings *settings,
                       const char *program)
{
    uint32_t p = 0, best = settings->strategy_count;
    struct summary best_summary = {0};
    while (p < board->program_count && strcmp(board->program[p].name, program) != 0) {
        p++;
    }
    if (p == board->program_count) {
        return true;
    }
    for (uint32_t i = 0; i < settings->strategy_count; i++) {
        struct summary s = sum_up(board, settings, p, i);
        if (s.found > best_summary.found ||
            (s.found > 0 && s.found == best_summary.found && s.mean < best_summary.mean)) {
            best = i;
            best_summary = s;
        }
    }
    bool is_reached = best < settings->strategy_count &&
                      best_summary.found == best_summary.trials && best_summary.mean <= MEAN_BAR;
    printf("best on %s: %s, %u/%u, mean %.1f (bar: every seed, mean <= %d): %s\n", program,
           best < settings->strategy_count ? replay_strategy_names[settings->strategy[best]]
                                           : "none",
           best_summary.found, best_summary.trials, best_summary.mean, MEAN_BAR,
           is_reached ? "reached" : "MISSED");
    return is_reached;
}

bool races_print_bars(struct race_board *board, const struct race_settings *settings)
{
    bool share = print_share(board, settings);
    bool reorder = print_best(board, settings, "reorder_100");
    bool twostage = print_best(board, settings, "twostage_100");
    return share && reorder && twostage;
}
