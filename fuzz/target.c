/* SPDX-License-Identifier: MIT */
/* See target.h. */
#include "fuzz/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/case_text.h"
#include "replay/explain.h"
#include "replay/session.h"

extern NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path); /* the module's */

struct fuzz_shape fuzz_shape;

static struct {
    struct replay_session session;
    struct replay_options options;
    struct choice_log log, again;
    bool is_open, ignore_findings;
} target;

static void die(const char *format, const char *what)
{
    fprintf(stderr, "wsksim: ");
    fprintf(stderr, format, what);
    fprintf(stderr, "\n");
    exit(1);
}

/* ---- options: --name=value; libFuzzer and AFL++ leave double dashes to us ---- */

static void set_knob(const char *text)
{
    char copy[512];
    struct replay_options knobs;
    snprintf(copy, sizeof copy, "k.%s", text);
    if (!replay_options_parse(&knobs, copy) || knobs.knob_count != 1 ||
        target.options.knob_count == REPLAY_FORCED_KNOBS_MAX) {
        die("--knob=%s: unknown knob or value; 'wsksim rules -knobs=1' lists them", text);
    }
    target.options.knob[target.options.knob_count++] = knobs.knob[0];
}

static unsigned long number(const char *name, const char *value, unsigned long low,
                            unsigned long high)
{
    char *end;
    unsigned long n = strtoul(value, &end, 10);
    if (*value == '\0' || *end != '\0' || n < low || n > high) {
        die("%s: not a number in its range; see --help=1", name);
    }
    return n;
}

static void print_help(void)
{
    puts("Options of wsksim (beside those of the fuzzing engine):\n"
         "  --processors=N   virtual processors, 1..8 (default 2)\n"
         "  --max_steps=N    scheduling points before a livelock is suspected (default 200000)\n"
         "  --access=1       memory accesses are scheduling points too\n"
         "  --races=1        look for data races\n"
         "  --knob=NAME=N    forces a reading of the contract; may be repeated\n"
         "  --findings=0     go on after a finding (for corpus work); default 1\n"
         "  --help=1         this text");
}

static void set_option(const char *name, const char *value)
{
    if (strcmp(name, "--processors") == 0) {
        target.options.sim.processors = (uint32_t)number(name, value, 1, SIM_PROCESSORS_MAX);
    } else if (strcmp(name, "--max_steps") == 0) {
        target.options.sim.steps_max = number(name, value, 1, 1000000000);
    } else if (strcmp(name, "--races") == 0) {
        target.options.sim.races = number(name, value, 0, 1) != 0;
    } else if (strcmp(name, "--access") == 0) {
        target.options.access_points = number(name, value, 0, 1) != 0;
    } else if (strcmp(name, "--findings") == 0) {
        target.ignore_findings = number(name, value, 0, 1) == 0;
    } else if (strcmp(name, "--knob") == 0) {
        set_knob(value);
    } else if (strcmp(name, "--help") == 0) {
        print_help();
    } else {
        die("unknown option %s; --help=1 lists ours, -help=1 the engine's", name);
    }
}

static void read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char name[32];
        const char *equals = strchr(argv[i], '=');
        if (strncmp(argv[i], "--", 2) != 0) {
            continue;
        }
        if (equals == NULL || (size_t)(equals - argv[i]) >= sizeof name) {
            die("%s: options are written --name=value; --help=1 lists them", argv[i]);
        }
        memcpy(name, argv[i], (size_t)(equals - argv[i]));
        name[equals - argv[i]] = '\0';
        set_option(name, equals + 1);
    }
}

static void open_session(void)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    if (!replay_session_linked(&target.session, (const void *)DriverEntry, message,
                               sizeof message)) {
        die("%s", message);
    }
    sim_features_into(fuzz_features);
    target.is_open = true;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    read_options(*argc, *argv);
    open_session();
    return 0;
}

/* ---- one input ---- */

/* The finding in words, from a second run with the trace on. */
static void print_finding(const struct replay_case *c)
{
    struct replay_result result;
    const struct explain_style style = {0};
    replay_session_case(&target.session, c, false, 0, &target.again, &result);
    uint64_t prior = replay_capture_of(&result.violation);
    replay_session_case(&target.session, c, true, prior, &target.again, &result);
    if (result.verdict != SIM_VERDICT_VIOLATION) {
        fprintf(stderr, "wsksim: the finding does not repeat: the driver is not deterministic\n");
        return;
    }
    struct symbols *symbols = symbols_open(target.session.module.path);
    char *title = explain_title(symbols, &result.violation);
    char *report = explain_report(&target.session, symbols, &result);
    char *table = render_table(&target.session, symbols, &result, &style);
    char *text = replay_case_text(c);
    fprintf(stderr, "\nSUMMARY: wsksim: %s\n%s\n%s\n%s\n", title, report, table, text);
    free(title);
    free(report);
    free(table);
    free(text);
    symbols_close(symbols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replay_result result;
    if (!target.is_open) {
        open_session(); /* an engine that does not call LLVMFuzzerInitialize */
    }
    const struct choice_source source = {.kind = CHOICE_BYTES,
                                         .bytes = data,
                                         .size = size,
                                         .access_points = target.options.access_points};
    fuzz_before_run();
    replay_session_run(&target.session, &target.options, &source, &target.log, &result);
    fuzz_shape.count = sim_context_points(target.session.sim, fuzz_shape.context,
                                          fuzz_shape.points, FUZZ_CONTEXTS_MAX);
    fuzz_after_run();
    if (result.verdict == SIM_VERDICT_VIOLATION && !target.ignore_findings) {
        struct replay_case c =
            replay_case_of(&target.session, &target.options, &target.log, &result);
        print_finding(&c);
        abort();
    }
    return 0;
}
