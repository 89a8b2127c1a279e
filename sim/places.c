/* SPDX-License-Identifier: MIT */
/* See places.h. Slots are claimed by compare-and-swap and never given back. */
#include "places.h"

#include "sim.h"

static uint64_t hash_of(struct sim *s, uint32_t kind)
{
    uintptr_t frame[SIM_STACK_DEPTH_MAX];
    uint32_t depth = sim_stack(s, frame);
    uint64_t hash = sim_mix(1, kind);
    for (uint32_t i = 0; i < depth; i++) {
        hash = sim_mix(hash, frame[i]);
    }
    return hash == 0 ? 1 : hash;
}

/* The slot of the hash, which is claimed if it is new; SIM_PLACES_MAX if there is no room. */
static uint32_t slot_of(struct sim_places *places, uint64_t hash)
{
    for (uint32_t probe = 0; probe < SIM_PLACES_MAX; probe++) {
        uint32_t at = (uint32_t)(hash + probe) % SIM_PLACES_MAX;
        uint64_t found = 0;
        if (__atomic_compare_exchange_n(&places->stack[at], &found, hash, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED) ||
            found == hash) {
            return at;
        }
    }
    return SIM_PLACES_MAX;
}

bool sim_place_fails(struct sim_places *places, struct sim *s, uint32_t kind, bool may_fail)
{
    uint32_t at = slot_of(places, hash_of(s, kind));
    return at != SIM_PLACES_MAX && may_fail &&
           __atomic_exchange_n(&places->has_failed[at], 1, __ATOMIC_RELAXED) == 0;
}

void sim_places_count(const struct sim_places *places, uint32_t *seen, uint32_t *failed)
{
    *seen = *failed = 0;
    for (uint32_t i = 0; i < SIM_PLACES_MAX; i++) {
        *seen += __atomic_load_n(&places->stack[i], __ATOMIC_RELAXED) != 0;
        *failed += __atomic_load_n(&places->has_failed[i], __ATOMIC_RELAXED);
    }
}
