/* SPDX-License-Identifier: MIT */
/*
 * See watchdog.h. The handler leaves the run as the fault handler does: straight to the main
 * context.
 */
#define _GNU_SOURCE
#include "replay/watchdog.h"

#include <signal.h>
#include <sys/time.h>

enum { STUCK_TICKS = 3, TICK_US = 100000 };

static struct {
    struct sim *sim;
    uint64_t seq;
    int64_t countdown, accesses;
    int stuck;
} watched;

static void on_tick(int signal)
{
    (void)signal;
    struct sim *s = watched.sim;
    if (!s->is_running || s->seq != watched.seq || s->countdown != watched.countdown ||
        sim_access_countdown != watched.accesses) {
        watched.seq = s->seq;
        watched.countdown = s->countdown;
        watched.accesses = sim_access_countdown;
        watched.stuck = 0;
        return;
    }
    if (++watched.stuck >= STUCK_TICKS) {
        watched.stuck = 0;
        s->hooks->livelock(s);
    }
}

void watchdog_start(struct replay_session *session)
{
    watched.sim = session->sim;
    /* NODEFER: the handler may not return. ONSTACK: the stack below may be used up. */
    const struct sigaction action = {.sa_handler = on_tick,
                                     .sa_flags = SA_NODEFER | SA_ONSTACK | SA_RESTART};
    sigaction(SIGVTALRM, &action, NULL);
    const struct itimerval every = {.it_interval = {.tv_usec = TICK_US},
                                    .it_value = {.tv_usec = TICK_US}};
    setitimer(ITIMER_VIRTUAL, &every, NULL);
}
