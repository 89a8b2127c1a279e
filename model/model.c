/* SPDX-License-Identifier: MIT */
/*
 * The glue of the model: its one instance, the order in which parts are created and reset, the IRQL
 * table of the routines, and the knobs.
 *
 * A knob is a reading of a silence of the documentation. It is drawn from the world stream at its
 * first use in a run, unless it was forced before the run; readings that are "on request" are never
 * drawn.
 *
 * A knob of scope EVENT is drawn at each use.
 *
 * Invariants:
 *  1. model_reset leaves every part as model_create left it; what it costs follows what the run
 *     used.
 *  2. Forced knobs belong to the process, not to the run: they are part of the options of a case.
 */
#include "model/ex/ex.h"
#include "model/io/io.h"
#include "model/ke/ke.h"
#include "model/mm/mm.h"
#include "model/net/net.h"
#include "model/ps/ps.h"
#include "model/world/run.h"
#include "model/wsk/wsk.h"

#include <string.h>

const uint8_t model_irql_low[ROUTINE_COUNT] = {
#define ROUTINE(name, low, high) low,
#include "model/routines.def"
#undef ROUTINE
};

const uint8_t model_irql_high[ROUTINE_COUNT] = {
#define ROUTINE(name, low, high) high,
#include "model/routines.def"
#undef ROUTINE
};

static struct model model;
static uint16_t knob_forced[MODEL_KNOB_COUNT]; /* value + 1; 0 = drawn */

struct model *model_create(void)
{
    SIM_ASSERT(model.ke == NULL);
    model.ke = ke_create();
    model.ps = ps_create();
    model.io = io_create();
    model.ex = ex_create();
    model.mm = mm_create();
    model.net = net_create();
    model.wsk = wsk_create();
    model.world = world_create();
    return &model;
}

void model_reset(struct sim *s)
{
    s->model = &model;
    memset(model.object_count, 0, sizeof(model.object_count));
    memset(model.knob_value, 0, sizeof(model.knob_value));
    model.writes_for = NULL;
    ke_reset(s);
    ps_reset(s);
    io_reset(s);
    ex_reset(s);
    mm_reset(s);
    net_reset(s);
    wsk_reset(s);
    world_reset(s);
}

uint16_t model_rule_off;
uint64_t model_rule_off_hits;
uint16_t model_lint_strict;
uint16_t model_mutant_on;

const struct model_mutant_info model_mutants[MODEL_MUTANT_COUNT] = {
#define MUTANT(name, proves, text) {#name, proves, text},
#include "model/mutants.def"
#undef MUTANT
};

/* ---- knobs ---- */

void model_knob_force(enum model_knob knob, int value)
{
    SIM_ASSERT_OP((int)knob, <, MODEL_KNOB_COUNT);
    SIM_ASSERT_OP(value, <, (int)model_knobs[knob].values);
    knob_forced[knob] = (uint16_t)(value < 0 ? 0 : value + 1);
}

/* The n-th value that may be drawn (bit v of on_request set: v may not). */
static uint32_t knob_value(const struct model_knob_info *knob, uint32_t n)
{
    uint32_t value = 0;
    if (SIM_LIKELY(knob->on_request == 0)) {
        return n;
    }
    while ((knob->on_request >> value & 1) != 0 || n-- != 0) {
        value++;
    }
    SIM_ASSERT_OP(value, <, knob->values);
    return value;
}

uint16_t model_knob_draw(struct sim *s, enum model_knob knob)
{
    const struct model_knob_info *info = &model_knobs[knob];
    uint32_t value;
    if (knob_forced[knob] != 0) {
        value = knob_forced[knob] - 1u;
    } else {
        uint32_t drawable = info->values - (uint32_t)__builtin_popcount(info->on_request);
        uint32_t n = choice_pick(s, CHOICE_WORLD, CHOICE_KIND_KNOB + (uint32_t)knob, drawable);
        value = knob_value(info, n);
    }
    if (info->scope == MODEL_KNOB_RUN) {
        model_of(s)->knob_value[knob] = (uint16_t)(value + 1);
    }
    return (uint16_t)value;
}
