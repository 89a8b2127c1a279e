/* SPDX-License-Identifier: MIT */
/*
 * Worlds written by harness authors (include/wsksim/world.h): finding the one of the module, the
 * threads its scripts run on, time and choices.
 *
 * A script is a system thread at PASSIVE_LEVEL, so its code is scheduled, checked and replayed like
 * the driver's; it has a process of its own. While it runs, or waits with a time limit, the world
 * is not quiet.
 *
 * Invariants:
 *  1. No object is reused within a run.
 *  2. After world_heal every wait returns at once; before unload all scripts have returned.
 */
#include "model/world/harness.h"

#include <dlfcn.h>

#include "sim/module.h"

struct harness_state harness;

/* ---- the module's world ---- */

/* Looked up once per module. */
static const struct wsksim_world *find_world(void)
{
    static const struct sim_module *known;
    static void *known_entry;
    static const struct wsksim_world *world;
    const struct sim_module *module = sim_module_current();
    if (module == NULL) {
        return NULL;
    }
    if (module != known || module->entry != known_entry) {
        known = module;
        known_entry = module->entry;
        void *from = module->handle != NULL ? module->handle : RTLD_DEFAULT;
        world = dlsym(from, "WskSimWorld");
        if (world != NULL && world->version != WSKSIM_WORLD_VERSION) {
            world = NULL;
        }
    }
    return world;
}

void harness_reset(struct sim *s)
{
    (void)s;
    harness.world = find_world();
    harness.may_unload = false;
    harness.thread_count = harness.peer_count = harness.server_count = 0;
    harness.port_count = harness.file_count = 0;
}

bool harness_keeps(struct sim *s, unsigned part)
{
    (void)s;
    return harness.world == NULL || (harness.world->keep & part) != 0;
}

bool world_has_script(struct sim *s)
{
    (void)s;
    return harness.world != NULL;
}

/* ---- threads ---- */

static void thread_main(struct sim *s, void *argument)
{
    uint32_t index = (uint32_t)(uintptr_t)argument;
    struct world_state *w = world_of(s);
    ke_current(s)->process = HARNESS_PROCESS + index;
    if (harness.thread[index].script == NULL) {
        harness.world->script();
    } else {
        harness.thread[index].script(harness.thread[index].context);
    }
    harness_close_files(s, HARNESS_PROCESS + index);
    w->busy--;
    w->users_alive--;
    world_rest(s);
    ke_poke(s);
}

static void thread_start(struct sim *s, void (*script)(void *context), void *context)
{
    struct world_state *w = world_of(s);
    if (harness.thread_count == HARNESS_THREADS_MAX) {
        sim_limit(s, "HARNESS_THREADS_MAX: too many scripts");
    }
    uint32_t index = harness.thread_count++;
    harness.thread[index].script = script;
    harness.thread[index].context = context;
    w->busy++;
    w->users_alive++;
    (void)ke_system_call(s, NULL, PASSIVE_LEVEL, thread_main, (void *)(uintptr_t)index, "script");
}

void harness_start(struct sim *s)
{
    if (harness.world != NULL && harness.world->script != NULL) {
        model_code(s, (const void *)harness.world->script, "the script of WskSimWorld");
        thread_start(s, NULL, NULL);
    }
}

void harness_heal(struct sim *s)
{
    harness_tcp_heal(s);
    harness_udp_heal(s);
}

/* ---- shared ---- */

struct sim *harness_enter_at(uintptr_t site)
{
    struct sim *s = sim_current;
    if (s == NULL || ke_current(s)->process < HARNESS_PROCESS) {
        SIM_ASSERT(s != NULL);
        sim_limit(s, "a function of wsksim/world.h is called by the driver");
    }
    s->current->site = site;
    world_activity(s);
    sim_point(s, SIM_OP_CALL, 0);
    return s;
}

struct waiting {
    bool (*ready)(struct sim *s, void *argument);
    void *argument;
};

static bool is_ready(struct sim *s, void *argument)
{
    const struct waiting *w = argument;
    return world_is_healed(s) || w->ready(s, w->argument);
}

void harness_wait(struct sim *s, bool (*ready)(struct sim *s, void *argument), void *argument,
                  unsigned milliseconds, const char *what)
{
    struct waiting waiting = {ready, argument};
    bool is_endless = milliseconds == WSKSIM_FOREVER;
    if (is_ready(s, &waiting)) {
        return;
    }
    if (is_endless) {
        world_of(s)->busy--;
        world_rest(s);
    }
    (void)ke_wait_until(s, is_ready, &waiting, is_endless ? SIM_TIME_NEVER : SIM_MS(milliseconds),
                        what);
    if (is_endless) {
        world_of(s)->busy++;
    }
    world_activity(s);
}

bool harness_address(struct sim *s, const char *text, uint32_t host, uint16_t port,
                     struct net_address *out)
{
    if (text == NULL) {
        (void)net_host_address(s, host, NET_IPV4, 0, out);
    } else if (!net_name_to_address(s, text, NET_IPV4, 0, out) &&
               !net_name_to_address(s, text, NET_IPV6, 0, out)) {
        return false;
    }
    out->port = port;
    return true;
}

bool harness_host(struct sim *s, const struct net_address *address, uint32_t *host)
{
    if (net_host_of(s, NET_LOCAL, address, host)) {
        return *host != NET_LOCAL;
    }
    *host = net_host_named(address);
    if (*host < NET_HOSTS_MAX) {
        net_host_up(s, *host);
        return *host != NET_LOCAL;
    }
    *host = world_next_host(s);
    return net_host_add_address(s, *host, address);
}

void harness_touch(struct sim *s, const void *p, size_t size)
{
    if (size != 0) {
        model_touch(s, p, size, "memory of the script");
    }
}

/* ---- choices and time ---- */

unsigned wsksim_choose(unsigned count)
{
    struct sim *s = harness_enter();
    if (count < 1 || count > 0x10000) {
        sim_limit(s, "wsksim_choose: count is not 1 to 65536");
    }
    return world_is_healed(s) ? 0 : choice_pick(s, CHOICE_PROGRAM, 1, count);
}

__SIZE_TYPE__ wsksim_bytes(void *out, __SIZE_TYPE__ size)
{
    struct sim *s = harness_enter();
    harness_touch(s, out, size);
    size_t given = world_is_healed(s) ? 0 : choice_bytes(s, out, size);
    memset((uint8_t *)out + given, 0, size - given);
    return given;
}

static bool never(struct sim *s, void *argument)
{
    (void)s;
    (void)argument;
    return false;
}

void wsksim_sleep(unsigned long long microseconds)
{
    struct sim *s = harness_enter();
    struct waiting waiting = {never, NULL};
    if (microseconds != 0) {
        (void)ke_wait_until(s, is_ready, &waiting, (sim_time)microseconds * 10,
                            "a script to sleep");
    }
}

int wsksim_is_over(void)
{
    return world_is_healed(harness_enter());
}

void wsksim_start(void (*script)(void *context), void *context)
{
    struct sim *s = harness_enter();
    model_code(s, (const void *)script, "the script of wsksim_start");
    thread_start(s, script, context);
}

void wsksim_note(unsigned number, unsigned long long value)
{
    sim_trace(sim_current, TRACE_Note, number, value);
}

void wsksim_unload(void)
{
    struct sim *s = harness_enter();
    harness.may_unload = true;
    ke_poke(s);
}
