/* SPDX-License-Identifier: MIT */
/*
 * Memory accesses of a module with access points, when somebody wants to know of them: the
 * scheduler (before the access), a search, the race detector. Without any of them only a loop that
 * never calls the engine comes here, when its budget of accesses is used up.
 */
#include "features.h"
#include "race.h"
#include "race_fast.h"

void sim_access_slow(uintptr_t address, size_t size, unsigned how, uintptr_t pc)
{
    struct sim *s = sim_current;
    if (s == NULL || !s->is_running) {
        sim_access_countdown = INT64_MAX;
        return;
    }
    uintptr_t site = s->current->site;
    s->current->site = pc;
    bool sees_all = s->source->kind == CHOICE_SEARCH || s->is_racing;
    bool is_write = (how & SIM_ACCESS_WRITE) != 0;
    if (!s->source->access_points) {
        s->accesses_left += sim_access_countdown; /* this one, and those passed over */
        if (!sees_all || s->accesses_left < 0) {
            s->hooks->livelock(s); /* SIM_ACCESS_BUDGET used up */
        }
    }
    sim_access_countdown = 0;
    if (s->source->access_points) {
        s->current->op_size = (uint8_t)(size < 8 ? size : 0);
        sim_point(s, is_write ? SIM_OP_WRITE : SIM_OP_READ, address);
        s->current->op_size = 0;
        if (SIM_UNLIKELY(sim_features_on)) {
            sim_features_access(s, address, is_write, pc);
        }
    }
    sim_touch(s, address, size, is_write);
    if (SIM_UNLIKELY(s->is_racing) && !race_is_known(address, size, how, sim_race_hot.key)) {
        race_access(s, address, size, how, pc, *(uintptr_t *)__builtin_frame_address(0));
    }
    s->current->site = site;
}

void sim_access_fence(void)
{
    struct sim *s = sim_current;
    if (s != NULL && s->is_running) {
        sim_hb_fence(s);
    }
}
