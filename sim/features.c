/* SPDX-License-Identifier: MIT */
/*
 * See features.h. The table of last events is direct-mapped and stamped, so that a reset is one
 * step.
 */
#include "features.h"

#include "memory.h"
#include "sim.h"

enum { LAST_COUNT = 1024 };

struct last_event {
    uint32_t run, object, context;
    uint32_t what; /* kind, value class and role of the context */
};

/* The last write and the last read of a word; context 0 = none. */
struct last_access {
    uint32_t run;
    uint64_t word;
    struct {
        uint32_t context, what;
    } by[2]; /* read, write */
};

static struct {
    uint8_t *counters;
    uint32_t run;
    struct last_event last[LAST_COUNT];
    struct last_access access[LAST_COUNT];
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

/* Of a driver that is linked in only the place within its page is the same in each process. */
static uint64_t place_of(uintptr_t pc)
{
    return sim_memory_is_module(pc) ? pc : pc & 0xfff;
}

void sim_features_access(struct sim *s, uintptr_t address, bool is_write, uintptr_t pc)
{
    const struct sim_ctx *c = s->current;
    uint64_t word = address / 8;
    struct last_access *last = &features.access[(sim_mix(2, word) >> 20) % LAST_COUNT];
    uint32_t what = (uint32_t)sim_mix(sim_mix(place_of(pc), is_write), role_of(c));
    if (last->run != features.run || last->word != word) {
        *last = (struct last_access){.run = features.run, .word = word};
    }
    for (int kind = 0; kind < 2; kind++) {
        bool is_conflict = (kind != 0 || is_write) && last->by[kind].context != 0 &&
                           last->by[kind].context != c->id;
        if (is_conflict) {
            light(sim_mix(sim_mix(3, last->by[kind].what), what));
        }
    }
    last->by[is_write].context = c->id;
    last->by[is_write].what = what;
}
