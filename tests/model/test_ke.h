/* SPDX-License-Identifier: MIT */
/*
 * What the tests of Ke and Ps share: a run whose body plays the driver, in one process with one
 * engine.
 *
 * The body runs in the first thread at PASSIVE_LEVEL. Objects of the body lie on its stack or come
 * from ke_test_alloc: those are the places in which a driver's objects lie.
 */
#ifndef TESTS_MODEL_TEST_KE_H
#define TESTS_MODEL_TEST_KE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/ex/ex.h"
#include "model/ke/ke.h"
#include "model/model.h"
#include "model/ps/ps.h"

extern const struct sim_hooks model_hooks;

static struct sim *ke_test_sim;

static inline int ke_test_setup(void **state)
{
    (void)state;
    if (ke_test_sim == NULL) {
        ke_test_sim = sim_create(&model_hooks);
        ke_test_sim->model = model_create();
    }
    return 0;
}

static void ke_test_main(struct sim *s, void *argument)
{
    void (*body)(void);
    memcpy(&body, &argument, sizeof body);
    model_reset(s);
    ke_context_attach(s);
    body();
}

/* For the few tests that need another number. */
static uint32_t ke_test_processors = 2;

static inline enum sim_verdict ke_test_run(void (*body)(void), const struct choice_source *source)
{
    const struct sim_options options = {.processors = ke_test_processors, .steps_max = 100000};
    void *argument;
    memcpy(&argument, &body, sizeof argument);
    return sim_run(ke_test_sim, ke_test_main, argument, &options, source, NULL);
}

static inline void ke_test_describe(const char *what)
{
    const struct sim_violation *v = &ke_test_sim->violation;
    print_error("%s: verdict %d, rule %s: %s\n", what, (int)ke_test_sim->verdict,
                ke_test_sim->verdict == SIM_VERDICT_VIOLATION ? model_rules[v->rule].id : "-",
                ke_test_sim->verdict == SIM_VERDICT_LIMIT ? ke_test_sim->limit : v->text);
}

/* The body keeps the rules under the tame schedule and under many others. */
static inline void ke_test_good(void (*body)(void))
{
    struct choice_source source = {.kind = CHOICE_TAME};
    for (uint64_t seed = 0; seed < 300; seed++) {
        if (ke_test_run(body, &source) != SIM_VERDICT_OK) {
            ke_test_describe("unexpected");
            fail();
        }
        source = (struct choice_source){.kind = CHOICE_RANDOM,
                                        .seed = 0x9E3779B97F4A7C15ull * (seed + 1),
                                        .switch_one_in = 1 + (uint32_t)(seed % 5),
                                        .world_one_in = 4,
                                        .knob_one_in = 8};
    }
}

/* The body breaks this rule under the tame schedule. */
static inline void ke_test_bad(void (*body)(void), enum model_rule rule)
{
    const struct choice_source source = {.kind = CHOICE_TAME};
    enum sim_verdict verdict = ke_test_run(body, &source);
    if (verdict != SIM_VERDICT_VIOLATION || ke_test_sim->violation.rule != rule) {
        ke_test_describe("another outcome");
        print_error("wanted: %s\n", model_rules[rule].id);
        fail();
    }
}

/* Some schedule shows a breach of this rule, none another one. Returns how many of 2000 do. */
static inline unsigned ke_test_found(void (*body)(void), enum model_rule rule)
{
    unsigned found = 0;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        const struct choice_source source = {.kind = CHOICE_RANDOM,
                                             .seed = 0x9E3779B97F4A7C15ull * seed,
                                             .switch_one_in = 2,
                                             .world_one_in = 4};
        if (ke_test_run(body, &source) == SIM_VERDICT_OK) {
            continue;
        }
        if (ke_test_sim->verdict != SIM_VERDICT_VIOLATION || ke_test_sim->violation.rule != rule) {
            ke_test_describe("another outcome");
            fail();
        }
        found++;
    }
    return found;
}

/* Non-paged memory that lives until the run ends. */
static inline void *ke_test_alloc(size_t size)
{
    return ex_alloc(sim_current, size, BLOCK_OTHER, 0, false, false, NULL);
}

static inline LARGE_INTEGER ke_test_ms(LONGLONG ms)
{
    LARGE_INTEGER time = {.QuadPart = -ms * 10000};
    return time;
}

/* Starts a thread and gives its object, referenced; the handle is closed. */
static inline PKTHREAD ke_test_thread(PKSTART_ROUTINE routine, void *argument)
{
    HANDLE handle;
    PVOID object;
    NTSTATUS status =
        PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, routine, argument);
    SIM_ASSERT(status == STATUS_SUCCESS);
    status = ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode,
                                       &object, NULL);
    SIM_ASSERT(status == STATUS_SUCCESS);
    ZwClose(handle);
    return object;
}

static inline void ke_test_join(PKTHREAD thread)
{
    NTSTATUS status = KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
    SIM_ASSERT(status == STATUS_SUCCESS);
    ObDereferenceObject(thread);
}

#endif
