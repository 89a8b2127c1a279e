/* SPDX-License-Identifier: MIT */
/*
 *   wsksim_races [--programs=PATTERN,...] [--strategies=NAME,...] [--seeds=N] [--limit=N]
 *                [--give-up=N] [--jobs=N] [--tame] [--fewest[=RUNS]] [--list]
 *                [--module=FILE]
 *
 * Worker processes take the next open trial until none is left; the parent starts a new one where
 * one has died, tells how far it is, and prints the table at the end or when it is interrupted.
 * Exit code: 0 bars reached, 1 one was missed, 2 a program did something unexpected or could not
 * run.
 */
#define _GNU_SOURCE
#include "races.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SEEDS = 20, LIMIT = 10000, GIVE_UP = 5, FEWEST_RUNS = 300000, JOBS_MAX = 64, DEATHS_MAX = 20,
};

static struct race_settings settings = {
    .module = RACES_MODULE, .programs = "", .seeds = SEEDS, .limit = LIMIT,
    .give_up = GIVE_UP};
static struct race_board *board;
static bool wants_tame, wants_list;
static uint32_t fewest_runs;

/* ---- options ---- */

__attribute__((noreturn)) static void refuse(const char *what, const char *value)
{
    fprintf(stderr, "wsksim_races: %s: '%s'\n", what, value);
    exit(2);
}

static uint32_t number(const char *text, uint32_t max)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value == 0 || value > max) {
        refuse("not a number it can take", text);
    }
    return (uint32_t)value;
}

/* Systematic searches count executions of another kind, and the tame schedule finds no race. */
static bool is_raced(enum replay_strategy strategy)
{
    return !replay_is_systematic(strategy) && strategy != REPLAY_TAME;
}

static void take_strategies(const char *list)
{
    settings.strategy_count = 0;
    for (const char *at = list; *at != '\0';) {
        size_t length = strcspn(at, ",");
        int i = 0;
        while (i < REPLAY_STRATEGIES && (strlen(replay_strategy_names[i]) != length ||
                                         strncmp(at, replay_strategy_names[i], length) != 0)) {
            i++;
        }
        if (i == REPLAY_STRATEGIES || settings.strategy_count == REPLAY_STRATEGIES ||
            !is_raced((enum replay_strategy)i)) {
            refuse("no strategy for this", at);
        }
        settings.strategy[settings.strategy_count++] = (enum replay_strategy)i;
        at += length + (at[length] == ',');
    }
}

static void take_all_strategies(void)
{
    for (int i = 0; i < REPLAY_STRATEGIES; i++) {
        if (is_raced((enum replay_strategy)i)) {
            settings.strategy[settings.strategy_count++] = (enum replay_strategy)i;
        }
    }
}

/* The value of --name=value; "" if there is none; NULL if it is another option. */
static const char *value_of(const char *argument, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(argument, name, length) != 0) {
        return NULL;
    }
    return argument[length] == '=' ? argument + length + 1 : argument[length] == '\0' ? "" : NULL;
}

static void take_option(const char *argument)
{
    const char *value;
    if ((value = value_of(argument, "--programs")) != NULL) {
        settings.programs = value;
    } else if ((value = value_of(argument, "--strategies")) != NULL) {
        take_strategies(value);
    } else if ((value = value_of(argument, "--seeds")) != NULL) {
        settings.seeds = number(value, RACES_SEEDS_MAX);
    } else if ((value = value_of(argument, "--limit")) != NULL) {
        settings.limit = number(value, 100000000);
    } else if ((value = value_of(argument, "--give-up")) != NULL) {
        settings.give_up = strcmp(value, "0") == 0 ? UINT32_MAX : number(value, RACES_SEEDS_MAX);
    } else if ((value = value_of(argument, "--jobs")) != NULL) {
        settings.jobs = number(value, JOBS_MAX);
    } else if ((value = value_of(argument, "--module")) != NULL) {
        settings.module = value;
    } else if ((value = value_of(argument, "--fewest")) != NULL) {
        fewest_runs = value[0] == '\0' ? FEWEST_RUNS : number(value, 1000000000);
    } else if (value_of(argument, "--tame") != NULL) {
        wants_tame = true;
    } else if (value_of(argument, "--list") != NULL) {
        wants_list = true;
    } else {
        refuse("unknown option", argument);
    }
}

/* ---- processes ---- */

/* Runs work in a child; true if it came back. The parent never opens the module. */
static bool in_child(void (*work)(void))
{
    int status;
    pid_t pid = fork();
    if (pid < 0) {
        refuse("no process", strerror(errno));
    }
    if (pid == 0) {
        work();
        fflush(stdout);
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void list(void)
{
    if (!races_open(board, &settings)) {
        fprintf(stderr, "wsksim_races: %s\n", board->message);
        _exit(2);
    }
    races_list(board, &settings);
}

static void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        refuse("no memory", strerror(errno));
    }
    return memory;
}

/* The first seeds of this program and strategy have found nothing; waits until that is known. */
static bool is_hopeless(uint32_t seed, uint32_t program, uint32_t strategy)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    if (seed < settings.give_up || settings.strategy[strategy] == REPLAY_PORTFOLIO) {
        return false;
    }
    for (uint32_t i = 0; i < settings.give_up; i++) {
        const volatile struct race_result *r =
            races_result(board, &settings, i, program, strategy);
        while (r->state <= RACE_RUNNING && board->must_stop == 0) {
            nanosleep(&pause, NULL);
        }
        if (r->state != RACE_NOT_FOUND) {
            return false;
        }
    }
    return true;
}

/* A worker: takes trials until none is left. */
__attribute__((noreturn)) static void serve(void)
{
    signal(SIGINT, SIG_IGN); /* the parent stops us */
    if (!races_open(board, &settings)) {
        fprintf(stderr, "wsksim_races: %s\n", board->message);
        _exit(2);
    }
    while (board->must_stop == 0) {
        uint32_t i = __atomic_fetch_add(&board->next, 1, __ATOMIC_RELAXED);
        if (i >= board->result_count) {
            break;
        }
        struct race_result *result = &board->result[i];
        uint32_t strategy = i % settings.strategy_count;
        uint32_t program = i / settings.strategy_count % board->program_count;
        uint32_t seed = i / settings.strategy_count / board->program_count;
        if (is_hopeless(seed, program, strategy)) {
            result->state = RACE_SKIPPED;
            continue;
        }
        result->worker = getpid();
        result->state = RACE_RUNNING;
        races_trial(board, &settings, &board->program[program], settings.strategy[strategy],
                    seed + 1, result);
    }
    _exit(0);
}

static void on_signal(int signal)
{
    (void)signal;
    board->must_stop = 1;
}

static pid_t start_worker(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        serve();
    }
    if (pid < 0) {
        refuse("no process", strerror(errno));
    }
    return pid;
}

static uint32_t done_count(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < board->result_count; i++) {
        count += board->result[i].state > RACE_RUNNING;
    }
    return count;
}

static void show_progress(double seconds, bool is_last)
{
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%u of %u trials, %.0f s %s", done_count(), board->result_count, seconds,
                is_last ? "\n" : "");
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The trials that a worker was making when it died. */
static void mark_broken(pid_t worker)
{
    for (uint32_t i = 0; i < board->result_count; i++) {
        if (board->result[i].state == RACE_RUNNING && board->result[i].worker == worker) {
            board->result[i].state = RACE_BROKEN;
        }
    }
}

/* True if all trials came to their end. */
static bool run_all(void)
{
    const struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};
    double start = now();
    uint32_t alive = 0, deaths = 0;
    while (alive < settings.jobs) {
        start_worker();
        alive++;
    }
    while (alive > 0) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid > 0) {
            alive--;
            mark_broken(pid);
            if ((!WIFEXITED(status) || WEXITSTATUS(status) != 0) && ++deaths < DEATHS_MAX &&
                board->must_stop == 0) {
                start_worker();
                alive++;
            }
            continue;
        }
        show_progress(now() - start, false);
        nanosleep(&pause, NULL);
    }
    show_progress(now() - start, true);
    printf("%u trials in %.0f s, %u processes\n", done_count(), now() - start, settings.jobs);
    return done_count() == board->result_count;
}

/* ---- other questions ---- */

/* In a child. */
static void tame(void)
{
    if (!races_open(board, &settings)) {
        _exit(2);
    }
    for (uint32_t i = 0; i < board->program_count; i++) {
        races_tame(&board->program[i], &board->result[i]);
    }
}

static int check_tame(void)
{
    bool is_back = in_child(tame);
    uint32_t silent = 0;
    for (uint32_t i = 0; i < board->program_count; i++) {
        const struct race_result *r = &board->result[i];
        silent += r->state == RACE_FOUND;
        if (r->state != RACE_FOUND) {
            printf("%s: not silent when tame: %s\n", board->program[i].name,
                   r->others > 0   ? r->other
                   : r->limits > 0 ? "a limit"
                                   : "it did not come back");
        }
    }
    printf("%u of %u programs are silent when tame\n", silent, board->program_count);
    return is_back && silent == board->program_count ? 0 : 2;
}

/* In a child. */
static void fewest(void)
{
    if (!races_open(board, &settings)) {
        _exit(2);
    }
    for (uint32_t i = 0; i < board->program_count; i++) {
        char text[64];
        races_fewest(&board->program[i], fewest_runs, text, sizeof text);
        printf("%-24s said to need %u, found with %s\n", board->program[i].name,
               board->program[i].preemptions, text);
        fflush(stdout);
    }
}

static int list_programs(void)
{
    for (uint32_t i = 0; i < board->program_count; i++) {
        const struct race_program *p = &board->program[i];
        printf("%-24s %-16s %u  %-28s %s\n", p->name, p->file, p->preemptions, p->fails,
               p->published);
    }
    printf("%u programs\n", board->program_count);
    return 0;
}

/* A run that is given up at a limit is said and no oddity: a loop that polls fills the log. */
static bool has_oddities(void)
{
    bool has = false;
    for (uint32_t i = 0; i < board->result_count; i++) {
        const struct race_result *r = &board->result[i];
        has = has || r->state == RACE_BROKEN || r->others > 0;
    }
    return has;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        take_option(argv[i]);
    }
    if (settings.strategy_count == 0) {
        take_all_strategies();
    }
    if (settings.jobs == 0) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        settings.jobs = online < 1 ? 1 : online > JOBS_MAX ? JOBS_MAX : (uint32_t)online;
    }
    size_t results = (size_t)RACES_PROGRAMS_MAX * settings.seeds * settings.strategy_count;
    board = shared(sizeof *board + results * sizeof board->result[0]);
    if (!in_child(list) || board->program_count == 0) {
        refuse("no such program", settings.programs);
    }
    if (wants_list) {
        return list_programs();
    }
    if (wants_tame) {
        return check_tame();
    }
    if (fewest_runs > 0) {
        return in_child(fewest) ? 0 : 2;
    }
    board->result_count = board->program_count * settings.seeds * settings.strategy_count;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    bool is_whole = run_all();
    races_print(board, &settings, is_whole);
    bool is_reached = races_print_bars(board, &settings);
    return has_oddities() ? 2 : is_reached && is_whole ? 0 : 1;
}
