/* SPDX-License-Identifier: MIT */
/* See session.h. */
#include "replay/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/world/run.h"
#include "sim/fault.h"

static bool finish_open(struct replay_session *session, enum sim_module_error error, char *message,
                        size_t size)
{
    if (error != SIM_MODULE_OK) {
        snprintf(message, size, "%s", session->module.message);
        return false;
    }
    return true;
}

static void create_engine(struct replay_session *session)
{
    memset(session, 0, sizeof *session);
    session->sim = sim_create(&model_hooks);
    session->sim->model = model_create();
}

bool replay_session_open(struct replay_session *session, const char *path, char *message,
                         size_t size)
{
    create_engine(session);
    return finish_open(session, sim_module_open(&session->module, path), message, size);
}

bool replay_session_linked(struct replay_session *session, const void *driver_entry, char *message,
                           size_t size)
{
    create_engine(session);
    return finish_open(session, sim_module_linked(&session->module, driver_entry), message, size);
}

/*
 * Rule and addresses: the same bug at the same place, before names are looked up. A loop without
 * end is caught at any of its instructions: there the innermost address says nothing.
 */
static uint64_t raw_key(const struct sim_violation *v)
{
    uint64_t key = sim_mix(1, v->rule);
    if (v->rule != RULE_SYS_LIVELOCK) {
        key = sim_mix(key, v->stack_depth > 0 ? v->stack[0] : v->here.site);
    }
    key = sim_mix(key, v->stack_depth > 1 ? v->stack[1] : 0);
    key = sim_mix(key, v->prior.site);
    return sim_mix(key, v->object[0] >> 24);
}

void replay_context_name(struct replay_session *session, uint16_t slot, char *out, size_t size)
{
    (void)session;
    sim_context_label(slot, out, size);
}

/* Forced knobs belong to the process: those of the run before are taken back first. */
static void apply_knobs(const struct replay_options *options)
{
    static bool any_forced;
    if (any_forced) {
        for (int i = 0; i < MODEL_KNOB_COUNT; i++) {
            model_knob_force((enum model_knob)i, -1);
        }
    }
    model_lint_strict = options->strict_lint;
    any_forced = options->knob_count > 0;
    for (uint32_t i = 0; i < options->knob_count; i++) {
        model_knob_force((enum model_knob)options->knob[i].knob, options->knob[i].value);
    }
}

void replay_session_run(struct replay_session *session, const struct replay_options *options,
                        const struct choice_source *source, struct choice_log *log,
                        struct replay_result *result)
{
    struct sim *s = session->sim;
    if (session->runs == 0) {
        sim_fault_install(); /* here and not earlier: libFuzzer puts its own in front before */
    }
    if (!model_mutated(globals_survive)) {
        sim_module_restore(&session->module);
    }
    if (session->prepare != NULL) {
        session->prepare(session->prepare_argument);
    }
    apply_knobs(options);
    PDRIVER_INITIALIZE entry = (PDRIVER_INITIALIZE)session->module.entry;
    enum sim_verdict verdict = model_run(s, entry, &options->sim, source, log);
    session->runs++;
    result->verdict = verdict;
    result->limit = s->limit;
    if (log->overflow != 0) { /* a violation too: its recording would be cut, and go elsewhere */
        result->verdict = SIM_VERDICT_LIMIT;
        result->limit = "the log of choices is full";
    }
    result->fingerprint = sim_fingerprint(s);
    result->steps = s->steps;
    result->switches = s->switches;
    result->decisions = s->decisions;
    result->time = s->now;
    result->diverged = s->diverged;
    result->diverged_request = s->diverged_request;
    result->violation.rule =
        0; /* nothing of a run before, and nothing undefined, is left to be read */
    result->violation.memory_damaged =
        verdict == SIM_VERDICT_VIOLATION && s->violation.memory_damaged;
    result->violation.stack_depth = result->violation.prior_stack_depth = 0;
    result->violation.text[0] = result->context_name[0] = '\0';
    result->raw_key = 0;
    if (result->verdict == SIM_VERDICT_VIOLATION) {
        result->violation = s->violation;
        result->raw_key = raw_key(&s->violation);
        result->context_slot = s->current->index;
        replay_context_name(session, s->current->index, result->context_name,
                            sizeof result->context_name);
    }
}

void replay_session_case(struct replay_session *session, const struct replay_case *c, bool trace,
                         uint64_t capture_seq, struct choice_log *log, struct replay_result *result)
{
    struct replay_options options = c->options;
    options.sim.trace = trace;
    options.sim.capture_seq = capture_seq;
    const struct choice_source source = {.kind = CHOICE_RECORDING,
                                         .bytes = c->choices,
                                         .size = c->choices_size,
                                         .checks = c->checks,
                                         .check_count = c->check_count,
                                         .access_points = c->options.access_points};
    replay_session_run(session, &options, &source, log, result);
}

/* ---- cases ---- */

static void *copy_of(const void *bytes, size_t size)
{
    void *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        fprintf(stderr, "wsksim: out of memory\n");
        exit(71);
    }
    memcpy(copy, bytes, size);
    return copy;
}

void replay_case_free(struct replay_case *c)
{
    free(c->choices);
    free(c->checks);
    c->choices = NULL;
    c->checks = NULL;
}

struct replay_case replay_case_clone(const struct replay_case *c)
{
    struct replay_case copy = *c;
    copy.choices = copy_of(c->choices, c->choices_size);
    copy.checks = c->checks == NULL ? NULL : copy_of(c->checks, c->check_count * sizeof *c->checks);
    return copy;
}

struct replay_case replay_case_of(const struct replay_session *session,
                                  const struct replay_options *options,
                                  const struct choice_log *log, const struct replay_result *result)
{
    static uint8_t buffer[REPLAY_CHOICES_MAX];
    struct replay_case c = {.flavour = session->module.flavour, .options = *options};
    snprintf(c.module, sizeof c.module, "%.63s", session->module.name);
    snprintf(c.identity, sizeof c.identity, "%s", session->module.identity);
    c.options.sim.trace = false;
    c.options.sim.capture_seq = 0;
    c.choices_size = choice_encode(log, buffer, sizeof buffer);
    SIM_ASSERT_OP(c.choices_size, >, 0); /* the buffer holds the fullest log there can be */
    c.choices = copy_of(buffer, c.choices_size);
    c.check_count = log->check_count;
    c.checks = copy_of(log->check, c.check_count * sizeof *c.checks);
    c.verdict = (uint8_t)result->verdict;
    c.rule = result->verdict == SIM_VERDICT_VIOLATION ? result->violation.rule : 0;
    c.fingerprint = result->fingerprint;
    return c;
}
