/* SPDX-License-Identifier: MIT */
/*
 * Which mutants of the system (model/mutants.def) the properties kill, by what, and after how many
 * runs of the generated client.
 *
 *     property_mutants [-all] [runs]
 *
 * Without -all only those that say they break a property. Each mutant has a process of its own:
 * some end in an assertion of the model's, which is a kill, too. A mutant is killed when a monitor
 * says so, or when a run of a client that keeps the rules does not end well. The exit status is 0
 * if every one of property_mutants.def is killed, 2 if this build has no mutants.
 */
#include "tests/spec/property_bed.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS = 250 };

/* Shared with the child. */
struct outcome {
    uint32_t runs;
    char killer[REPORT_MESSAGE];
};

static const char *const expected[] = {
#define KILLED(name) #name,
#include "tests/spec/property_mutants.def"
#undef KILLED
};

static bool is_expected(const char *name)
{
    for (size_t i = 0; i < SIM_COUNT(expected); i++) {
        if (strcmp(expected[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* True when it is killed. */
static bool try_once(struct outcome *o, uint64_t number)
{
    static struct trace_report report;
    struct bed_run run = bed_plan(number);
    o->runs++;
    if (!bed_run(&run, &report)) {
        snprintf(o->killer, sizeof o->killer, "a finding: %s",
                 bed_sim->verdict == SIM_VERDICT_VIOLATION ? model_rules[bed_sim->violation.rule].id
                                                           : "-");
        return true;
    }
    if (trace_has_failed(&report)) {
        memcpy(o->killer, report.message, sizeof report.message);
        return true;
    }
    return false;
}

static void child(uint32_t mutant, uint32_t runs, struct outcome *o)
{
    (void)!freopen("/dev/null", "w", stderr);
    bed_open("wsk_program");
    model_mutant_on = (uint16_t)(mutant + 1);
    for (uint64_t number = 0; number < runs; number++) {
        if (try_once(o, number)) {
            _exit(1);
        }
    }
    _exit(0);
}

static bool is_killed(uint32_t mutant, uint32_t runs, struct outcome *o)
{
    int status = 0;
    memset(o, 0, sizeof *o);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        child(mutant, runs, o);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return false;
    }
    bool is_normal = WIFEXITED(status) && WEXITSTATUS(status) <= 1;
    if (!is_normal) {
        snprintf(o->killer, sizeof o->killer, "an assertion of the model");
    }
    if (is_normal && WEXITSTATUS(status) == 1 && o->killer[0] == '\0') {
        snprintf(o->killer, sizeof o->killer, "a sanitizer");
    }
    return !is_normal || WEXITSTATUS(status) == 1;
}

/* False: there is nothing to try, and the reason has been printed. */
static bool can_try(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        printf("usage: property_mutants [-all] [runs]\n"
               "Which mutants of the system the properties kill; -all: also those not expected.\n");
        return false;
    }
    if (!WSKSIM_MUTANTS) {
        printf("this build has no mutants: they are in the presets dev and gcc\n");
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!can_try(argc, argv)) {
        return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    bool is_all = argc > 1 && strcmp(argv[1], "-all") == 0;
    uint32_t runs = argc > 1 + is_all ? (uint32_t)atoi(argv[1 + is_all]) : RUNS;
    uint32_t tried = 0, killed = 0, missed = 0;
    struct outcome *o =
        mmap(NULL, sizeof *o, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (o == MAP_FAILED) {
        return 2;
    }
    for (uint32_t m = 0; m < MODEL_MUTANT_COUNT; m++) {
        const struct model_mutant_info *info = &model_mutants[m];
        bool is_wanted = is_expected(info->name);
        if (!is_wanted && !(is_all && strstr(info->proves, "PROP") != NULL)) {
            continue;
        }
        bool is_dead = is_killed(m, runs, o);
        tried++;
        killed += is_dead;
        missed += is_wanted && !is_dead;
        printf("%-34s %s %4u runs  %s\n", info->name, is_dead ? "killed  " : "survives", o->runs,
               o->killer);
    }
    printf("%u of %u mutants killed\n", killed, tried);
    return missed == 0 && killed != 0 ? 0 : 1;
}
