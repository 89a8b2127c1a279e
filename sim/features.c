/* SPDX-License-Identifier: MIT */
/*
 * See features.h. The table of last events is direct-mapped and stamped, so that a reset is one
 * step.
 */
#include "features.h"

#include "sim.h"

enum { LAST_COUNT = 1024 };

struct last_event {
    uint32_t run, object, context;
    uint32_t what; /* kind, value class and role of the context */
};

static struct {
    uint8_t *counters;
    uint32_t run;
    struct last_event last[LAST_COUNT];
} features;

bool sim_features_on;

void sim_features_into(uint8_t *counters)
{
    features.counters = counters;
    sim_features_on = counters != NULL;
}

void sim_features_reset(void)
{
    features.run++;
}

/* The role of a context is its static name: "thread", "dpc", ...; its text, never its address. */
static uint32_t role_of(const struct sim_ctx *c)
{
    uint32_t hash = c->kind;
    for (const char *p = c->name; p != NULL && *p != '\0'; p++) {
        hash = hash * 31 + (uint8_t)*p;
    }
    return hash;
}

static void light(uint64_t feature)
{
    uint8_t *counter = &features.counters[(feature >> 20) % SIM_FEATURES];
    *counter = (uint8_t)(*counter == 255 ? 255 : *counter + 1);
}

void sim_features_event(struct sim *s, uint16_t kind, uint32_t object, uint64_t value)
{
    const struct sim_ctx *c = s->current;
    struct last_event *last = &features.last[object * 2654435761u >> 22];
    uint32_t what = (uint32_t)sim_mix(sim_mix(kind, value >> 28), role_of(c));
    if (last->run == features.run && last->object == object && last->context != c->id) {
        light(sim_mix(sim_mix(object >> 24, last->what), what));
    }
    *last = (struct last_event){.run = features.run, .object = object, .context = c->id,
                                .what = what};
}
