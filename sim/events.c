/* SPDX-License-Identifier: MIT */
/*
 * The event queue: a binary heap ordered by time, then by order of creation. An event that is
 * cancelled stays in the heap as an empty shell and is dropped when it comes to the top.
 *
 * Invariants: event_count counts events that will fire; a slot is in the heap exactly if it is in
 * use; a handle is (slot, creation number), so a stale handle is recognised.
 */
#include "race.h"
#include "sim_internal.h"

struct event {
    sim_time time;
    uint64_t seq;
    void (*fire)(struct sim *s, void *argument, uint64_t value); /* NULL = cancelled */
    void *argument;
    uint64_t value;
};

static struct {
    struct event pool[SIM_EVENTS_MAX];
    uint16_t heap[SIM_EVENTS_MAX];
    uint16_t free[SIM_EVENTS_MAX];
    uint32_t heap_count, free_count, pool_used;
} events;

static bool is_before(uint16_t a, uint16_t b)
{
    const struct event *x = &events.pool[a], *y = &events.pool[b];
    return x->time != y->time ? x->time < y->time : x->seq < y->seq;
}

static void sift_up(uint32_t at)
{
    uint16_t slot = events.heap[at];
    while (at > 0 && is_before(slot, events.heap[(at - 1) / 2])) {
        events.heap[at] = events.heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    events.heap[at] = slot;
}

static void sift_down(uint32_t at)
{
    uint16_t slot = events.heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= events.heap_count) {
            break;
        }
        if (child + 1 < events.heap_count &&
            is_before(events.heap[child + 1], events.heap[child])) {
            child++;
        }
        if (!is_before(events.heap[child], slot)) {
            break;
        }
        events.heap[at] = events.heap[child];
        at = child;
    }
    events.heap[at] = slot;
}

static uint16_t pop(void)
{
    uint16_t slot = events.heap[0];
    events.heap[0] = events.heap[--events.heap_count];
    if (events.heap_count > 0) {
        sift_down(0);
    }
    events.free[events.free_count++] = slot;
    return slot;
}

void events_reset(struct sim *s)
{
    events.heap_count = 0;
    events.free_count = 0;
    events.pool_used = 0;
    s->event_count = 0;
    s->event_seq = 0;
}

uint64_t sim_event_add(struct sim *s, sim_time time,
                       void (*fire)(struct sim *s, void *argument, uint64_t value), void *argument,
                       uint64_t value)
{
    SIM_ASSERT(fire != NULL);
    sim_touch(s, SIM_OBJECT_CLOCK, 8, true);
    if (events.free_count == 0 && events.pool_used == SIM_EVENTS_MAX) {
        sim_limit(s, "SIM_EVENTS_MAX: too many events pending");
    }
    uint16_t slot = events.free_count > 0 ? events.free[--events.free_count]
                                          : (uint16_t)events.pool_used++;
    events.pool[slot] = (struct event){.time = time > s->now ? time : s->now,
                                       .seq = ++s->event_seq,
                                       .fire = fire,
                                       .argument = argument,
                                       .value = value};
    if (SIM_UNLIKELY(s->is_racing)) {
        race_event_added(s, slot);
    }
    events.heap[events.heap_count++] = slot;
    sift_up(events.heap_count - 1);
    if (s->event_count++ == 0) {
        sched_enables(s, &s->clock);
    }
    if (!s->clock_listed && events_next_time(s) >= events.pool[slot].time) {
        sched_dirty(s); /* the clock may have become an alternative */
    }
    return events.pool[slot].seq << 16 | slot;
}

bool sim_event_cancel(struct sim *s, uint64_t handle)
{
    struct event *event = &events.pool[handle & 0xffff];
    if (handle == 0 || event->seq != handle >> 16 || event->fire == NULL) {
        return false;
    }
    sim_touch(s, SIM_OBJECT_CLOCK, 8, true);
    event->fire = NULL;
    s->event_count--;
    if (s->clock_listed && events.heap[0] == (uint16_t)(handle & 0xffff)) {
        s->enabled_state = SIM_ENABLED_DIRTY; /* the next event may be too far away, or none */
    }
    return true;
}

sim_time events_next_time(struct sim *s)
{
    SIM_ASSERT(s->event_count > 0);
    while (events.pool[events.heap[0]].fire == NULL) {
        (void)pop(); /* the shell of a cancelled event */
    }
    return events.pool[events.heap[0]].time;
}

bool events_fire_next(struct sim *s)
{
    while (events.heap_count > 0) {
        uint16_t slot = events.heap[0];
        struct event event = events.pool[slot];
        events.pool[pop()].fire = NULL;
        if (event.fire == NULL) {
            continue;
        }
        SIM_ASSERT(event.time >= s->now); /* time never runs backwards */
        s->now = event.time;
        s->event_count--;
        if (SIM_UNLIKELY(s->is_racing)) {
            race_event_begin(s, slot);
        }
        event.fire(s, event.argument, event.value);
        if (SIM_UNLIKELY(s->is_racing)) {
            race_event_end(s);
        }
        return true;
    }
    SIM_ASSERT_OP(s->event_count, ==, 0);
    return false;
}
