/* SPDX-License-Identifier: MIT */
/*
 * Which mutants of the system (model/mutants.def) the properties kill, by which, and after how many
 * runs of the generated client or, where that kills it not, of the gate's.
 *
 *     property_mutants [-all] [runs] [name]
 *
 * Every mutant that says it breaks a property is tried, in a process of its own. It is killed when
 * a monitor names a property that does not hold in the trace of a run. A finding of the model, or
 * an assertion of it, is no kill: it is noted, the trace up to it is read, and the runs go on.
 *
 * The exit status is 0 if every one is killed but those of property_mutants.def, which says why
 * not; 1 if not, if the system without a mutant is killed, too, if that file names what does not
 * exist, or if fewer than REQUIRED_MIN are left; 2 if this build has no mutants. -all: the excused
 * ones are tried, too.
 */
#include "tests/spec/property_bed.h"
#include "tests/spec/property_gate.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS = 2500, GATE_RUNS = 8000, REQUIRED_MIN = 60, FINDINGS_MAX = 250, CRASHES_MAX = 10 };

/* Shared with the child. */
struct outcome {
    uint32_t runs, findings, crashes;
    bool is_killed, is_of_gate;
    uint32_t gate_runs;
    char killer[REPORT_MESSAGE];
    char finding[REPORT_MESSAGE]; /* the first */
};

static const struct excuse {
    const char *name, *reason;
} excuses[] = {
#define EXCUSED(name, reason) {#name, reason},
#include "tests/spec/property_mutants.def"
#undef EXCUSED
};

static const struct excuse *excuse_of(const char *name)
{
    for (size_t i = 0; i < SIM_COUNT(excuses); i++) {
        if (strcmp(excuses[i].name, name) == 0) {
            return &excuses[i];
        }
    }
    return NULL;
}

/* "PROP-nn", "PROP-LIFE-nn", "KPROP-nn". */
static bool names_property(const struct model_mutant_info *info)
{
    return strstr(info->proves, "PROP-") != NULL;
}

/* How many names of the list are no mutant that names a property. */
static uint32_t bad_excuses(void)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < SIM_COUNT(excuses); i++) {
        bool is_there = false;
        for (uint32_t m = 0; m < MODEL_MUTANT_COUNT; m++) {
            is_there = is_there || (strcmp(model_mutants[m].name, excuses[i].name) == 0 &&
                                    names_property(&model_mutants[m]));
        }
        if (!is_there) {
            printf("%s: no mutant that names a property, but excused\n", excuses[i].name);
            bad++;
        }
    }
    return bad;
}

static void note_finding(struct outcome *o)
{
    if (o->findings++ == 0) {
        snprintf(o->finding, sizeof o->finding, "%s",
                 bed_sim->verdict == SIM_VERDICT_VIOLATION ? model_rules[bed_sim->violation.rule].id
                                                           : "the end of the run");
    }
}

/* True when it is killed. */
static bool try_once(struct outcome *o)
{
    static struct trace_report report;
    struct bed_run run = bed_plan(o->runs++);
    if (!bed_run(&run, &report)) {
        note_finding(o);
        bed_read_broken(&run, &report);
    }
    if (trace_has_failed(&report)) {
        memcpy(o->killer, report.message, sizeof report.message);
        o->is_killed = true;
    }
    return o->is_killed;
}

/* What the generated client does not kill. */
static void try_gate(struct outcome *o)
{
    property_gate_open();
    while (!o->is_killed && o->gate_runs < GATE_RUNS) {
        o->is_killed = property_gate_kills(o->gate_runs++, o->killer, sizeof o->killer);
    }
    _exit(0);
}

static void child(uint32_t mutant, uint32_t runs, struct outcome *o)
{
    (void)!freopen("/dev/null", "w", stderr);
    if (o->is_of_gate) {
        model_mutant_on = (uint16_t)(mutant + 1);
        try_gate(o);
    }
    bed_open("wsk_program");
    model_mutant_on = (uint16_t)(mutant + 1);
    while (o->runs < runs && o->findings < FINDINGS_MAX && !try_once(o)) {
    }
    _exit(0);
}

/* After an assertion of the model the runs go on in another process. */
static bool run_children(uint32_t mutant, uint32_t runs, struct outcome *o)
{
    int status = 1;
    fflush(stdout);
    while (status != 0 && o->crashes < CRASHES_MAX) {
        pid_t pid = fork();
        if (pid == 0) {
            child(mutant, runs, o);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            return false;
        }
        o->crashes += status != 0;
    }
    return o->is_killed;
}

static bool is_killed(uint32_t mutant, uint32_t runs, struct outcome *o)
{
    memset(o, 0, sizeof *o);
    if (run_children(mutant, runs, o)) {
        return true;
    }
    o->is_of_gate = true;
    return run_children(mutant, runs, o);
}

/* False: there is nothing to try, and the reason has been printed. */
static bool can_try(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        printf("usage: property_mutants [-all] [runs] [name]\n"
               "Which mutants of the system the properties kill. -all: also the excused ones;\n"
               "runs: at most so many each; name: only this one.\n");
        return false;
    }
    if (!WSKSIM_MUTANTS) {
        printf("this build has no mutants: they are in the presets dev and gcc\n");
        return false;
    }
    return true;
}

static void print_row(const char *name, const struct outcome *o, const struct excuse *excuse)
{
    bool is_of_gate = o->is_of_gate && o->is_killed;
    printf("%-34s %s %4u runs  %s%s\n", name, o->is_killed ? "killed  " : "survives",
           is_of_gate ? o->gate_runs : o->runs, o->killer, is_of_gate ? " (gate's client)" : "");
    if (!o->is_killed && (o->findings != 0 || o->crashes != 0)) {
        printf("    no kill: the model finds %s (%u runs), %u assertions\n",
               o->findings != 0 ? o->finding : "nothing", o->findings, o->crashes);
    }
    if (excuse != NULL) {
        printf("    excused: %s\n", excuse->reason);
    }
}

/* The same runs without any mutant: nothing may be found. */
static bool is_clean(uint32_t runs, struct outcome *o)
{
    bool is_dirty = is_killed(UINT32_MAX, runs, o) || o->findings != 0 || o->crashes != 0;
    print_row("(none)", o, NULL);
    return !is_dirty;
}

int main(int argc, char **argv)
{
    if (!can_try(argc, argv)) {
        return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    int is_all = argc > 1 && strcmp(argv[1], "-all") == 0;
    uint32_t runs = argc > 1 + is_all ? (uint32_t)atoi(argv[1 + is_all]) : RUNS;
    const char *only = argc > 2 + is_all ? argv[2 + is_all] : NULL;
    uint32_t tried = 0, killed = 0, required = 0, missed = 0;
    struct outcome *o =
        mmap(NULL, sizeof *o, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (o == MAP_FAILED) {
        return 2;
    }
    for (uint32_t m = 0; m < MODEL_MUTANT_COUNT; m++) {
        const struct model_mutant_info *info = &model_mutants[m];
        const struct excuse *excuse = excuse_of(info->name);
        bool is_wanted = only != NULL ? strcmp(info->name, only) == 0 : is_all || excuse == NULL;
        if (!names_property(info) || !is_wanted) {
            continue;
        }
        bool is_dead = is_killed(m, runs, o);
        tried++;
        killed += is_dead;
        required += excuse == NULL;
        missed += excuse == NULL && !is_dead;
        print_row(info->name, o, excuse);
    }
    uint32_t bad = bad_excuses() + (only == NULL && !is_clean(runs, o));
    printf("%u of %u mutants killed by a property; %u are required, %u of them survive; %zu are "
           "excused\n",
           killed, tried, required, missed, SIM_COUNT(excuses));
    return missed == 0 && bad == 0 && (only != NULL || required >= REQUIRED_MIN) ? 0 : 1;
}
