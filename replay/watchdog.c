/* SPDX-License-Identifier: MIT */
/*
 * See watchdog.h. The handler leaves the run as the fault handler does: straight to the main
 * context.
 */
#define _GNU_SOURCE
#include "replay/watchdog.h"

#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

enum { STUCK_TICKS = 3, TICK_US = 100000 };

static struct {
    struct replay_session *session;
    uint64_t seq;
    int64_t countdown, accesses, accesses_left;
    int stuck;
} watched;

/* The loop it is caught in, if that is the driver's: no call has left its mark there. */
static void charge(struct sim *s, const ucontext_t *machine)
{
    uintptr_t pc = (uintptr_t)machine->uc_mcontext.gregs[REG_RIP];
    if (sim_module_is_text(&watched.session->module, pc)) {
        s->current->site = pc + 1; /* all other sites are return addresses */
        s->current->frame = (uintptr_t)machine->uc_mcontext.gregs[REG_RBP];
        s->current->routine = 0;
    }
}

static void on_tick(int signal, siginfo_t *info, void *context)
{
    struct sim *s = watched.session->sim;
    (void)signal;
    (void)info;
    if (!s->is_running || s->seq != watched.seq || s->countdown != watched.countdown ||
        sim_access_countdown != watched.accesses || s->accesses_left != watched.accesses_left) {
        watched.seq = s->seq;
        watched.countdown = s->countdown;
        watched.accesses = sim_access_countdown;
        watched.accesses_left = s->accesses_left;
        watched.stuck = 0;
        return;
    }
    if (++watched.stuck >= STUCK_TICKS) {
        watched.stuck = 0;
        charge(s, context);
        s->hooks->livelock(s);
    }
}

void watchdog_start(struct replay_session *session)
{
    watched.session = session;
    /* NODEFER: the handler may not return. ONSTACK: the stack below may be used up. */
    const struct sigaction action = {.sa_sigaction = on_tick,
                                     .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK | SA_RESTART};
    sigaction(SIGVTALRM, &action, NULL);
    const struct itimerval every = {.it_interval = {.tv_usec = TICK_US},
                                    .it_value = {.tv_usec = TICK_US}};
    setitimer(ITIMER_VIRTUAL, &every, NULL);
}
