/* SPDX-License-Identifier: MIT */
/*
 * The event gate of one event of one socket (control plane, section 3, default knobs), for SPIN.
 * Written from that section, not from gate_spec.c: sets and overlay are its variables, each
 * statement names its row. Agents and bounds are those of gate_explore.c (a cancel of a waiting
 * disable changes nothing, T-27, and is left out).
 *
 * One of DATAGRAM, RECEIVE, PLAIN says which event (PLAIN: not serial, without a NULL form);
 * STATIC: enabled for ever. MUTANT n plants a mistake that the checks must find.
 *
 * Checked: the invariants of 3.1 (assertions), that no agent is stuck (end states), that every
 * waiting disable completes, every Q drains and every close ends if callbacks return (the ltl
 * formulas, under weak fairness). Each new abstract state is printed once: "STATE ...".
 */
c_decl {
\#include <stdio.h>
    static unsigned char seen_state[1 << 19];
    static void seen(int overlay, int adm, int run, int wcount, int w0, int w1, int q, int shut,
                     int due, int is_static)
    {
        unsigned n = (run & 1) + (run >> 1 & 1) + (run >> 2);
        const char *name;
        unsigned key = overlay | adm << 2 | run << 3 | wcount << 6 | w0 << 8 | w1 << 11 | q << 14 |
                       shut << 17 | due << 18;
        if (seen_state[key] != 0) {
            return;
        }
        seen_state[key] = 1;
        if (overlay != 0) {
            name = overlay == 1 ? "Forced" : overlay == 2 ? "Closing" : "Closed";
        } else if (is_static) {
            name = n == 0 ? "SI" : "SP";
        } else if (n == 0) {
            name = adm ? "EI" : "D";
        } else if (wcount == 0 && q == 0) {
            name = adm ? "EP" : "AD";
        } else {
            name = adm ? "RX" : wcount > 0 ? "XI" : "XN";
        }
        printf("STATE %s adm=%d run=%d W=", name, adm, run);
        if (wcount > 0) {
            printf("%d.", w0);
        }
        if (wcount > 1) {
            printf("%d.", w1);
        }
        printf(" Q=%d shut=%d due=%d\n", q, shut, due);
    }
}

#define ALIVE 0
#define FORCED 1
#define CLOSING 2
#define CLOSED 3
#ifndef ENABLES
#define ENABLES 3
#endif

#ifndef MUTANT
#define MUTANT 0
#endif
#ifdef STATIC
#define IS_STATIC 1
#else
#define IS_STATIC 0
#endif
#ifdef RECEIVE
#define LIMIT 1
#else
#define LIMIT 2
#endif
#ifdef PLAIN
#define HAS_NULL 0
#else
#define HAS_NULL 1
#endif

byte overlay = ALIVE;
bool adm = IS_STATIC;
bool shut, due;
byte busy;        /* invocations in progress, one bit each */
byte q;           /* Q */
byte wcount;      /* W: sets of the waiting IRPs, first in first out */
byte w0, w1;
byte pended, completed;

#define N ((busy & 1) + ((busy >> 1) & 1) + (busy >> 2))
/* The lowest free bit is taken. */
#define MY_TURN(mine) ((busy & mine) == 0 && (busy & (mine - 1)) == mine - 1)
#define MAY_START(mine) (N < LIMIT && MY_TURN(mine))
/* T-54: the NULL indication is one more, but for a serial event. */
#define MAY_START_NULL(mine) (MY_TURN(mine) && (LIMIT > 1 || busy == 0))
#define MAY_CALL (overlay == ALIVE || overlay == FORCED)

inline check()
{
    assert((q & ~busy) == 0 && (w0 & ~busy) == 0 && (w1 & ~busy) == 0);
    assert(wcount <= 2 && (wcount < 1 || w0 != 0) && (wcount < 2 || w1 != 0));
    assert(wcount > 0 || w0 == 0);
    assert(wcount > 1 || w1 == 0);
    assert(N <= LIMIT || (LIMIT > 1 && overlay != ALIVE && N == LIMIT + 1));
    assert(!IS_STATIC || overlay >= CLOSING || adm);
    assert(!IS_STATIC || (wcount == 0 && q == 0));
    assert(overlay < CLOSING || (!adm && !due));
    assert(overlay < CLOSED || busy == 0);
    assert(pended == completed + wcount);
    c_code {
        seen(now.overlay, now.adm, now.busy, now.wcount, now.w0, now.w1, now.q, now.shut, now.due,
             IS_STATIC);
    }
}

/* An IRP whose set is empty completes: the second never before the first, see check. */
inline complete_empty()
{
    if
    :: wcount > 0 && w0 == 0 ->
        w0 = w1;
        w1 = 0;
        wcount--;
        completed++;
    :: else
    fi;
    if
    :: wcount > 0 && w0 == 0 ->
        wcount--;
        completed++;
    :: else
    fi
}

inline leave(mine)
{
    busy = busy & ~mine;
    q = q & busy;
    w0 = w0 & busy;
    w1 = w1 & busy;
#if MUTANT == 1 /* the first return completes them all */
    w0 = 0;
    w1 = 0;
#endif
    complete_empty()
}

proctype invocation(byte mine)
{
end_idle:
    do
    :: atomic {
            /* T-05, T-06, T-30, T-49, T-53; else T-19, T-44 to T-46 */
            overlay == ALIVE && (adm || MUTANT == 2) && !shut && MAY_START(mine) ->
            busy = busy | mine;
            check()
       }
       goto running
    :: atomic {
            /* T-54 */
            overlay == FORCED && due && MAY_START_NULL(mine) ->
            busy = busy | mine;
            due = false;
            check()
       }
       goto running
    od;
running:
    if
    :: atomic {
            /* success: T-07, T-08, T-11 to T-14, T-21, T-23, T-31, T-50, T-52, T-55, T-58 */
            leave(mine);
            check()
       }
    :: atomic {
            /* data not accepted */
            if
#ifdef DATAGRAM
            :: overlay == ALIVE && !IS_STATIC -> adm = false /* T-22, T-51; nothing new in T-26 */
#endif
#ifdef RECEIVE
            :: overlay == ALIVE || overlay == CLOSING -> shut = true /* T-47 */
#endif
            :: else
            fi;
            leave(mine);
            check()
       }
    fi;
    goto end_idle
}

proctype enabler()
{
    byte left = ENABLES;
end_wait:
    do
    :: atomic {
            MAY_CALL && left > 0 ->
            left--;
            if
            :: overlay == ALIVE && !IS_STATIC -> adm = true /* T-01, T-03, T-20, T-24, T-48 */
            :: else /* T-32, T-41 */
            fi;
            check()
       }
    :: left == 0 -> break
    od
}

proctype disabler()
{
    bool has_irp;
end_wait:
    atomic {
        MAY_CALL ->
        if
        :: has_irp = true
        :: has_irp = false
        fi;
        if
        :: overlay == ALIVE && !IS_STATIC ->
            adm = (MUTANT == 3 && busy != 0);
            if
            :: busy == 0 /* T-02, T-04 */
            :: busy != 0 && !has_irp -> q = q | busy /* T-09, T-15, T-17, T-21a, T-25 */
            :: busy != 0 && has_irp && wcount == 0 -> w0 = busy; wcount = 1; pended++
            :: busy != 0 && has_irp && wcount == 1 -> w1 = busy; wcount = 2; pended++
               /* T-10, T-16, T-18, T-21a, T-25 */
            fi
        :: else /* T-32, T-41 */
        fi;
        check()
    }
}

#ifdef RECEIVE
proctype receiver()
{
end_wait:
    do
    :: atomic {
            MAY_CALL ->
            shut = (overlay == FORCED && shut); /* T-59; T-41 */
            check()
       }
    od
}
#endif

proctype transport()
{
end_wait:
    atomic {
        overlay != CLOSED ->
        if
        :: overlay == ALIVE -> /* T-40 */
            overlay = FORCED;
            due = (HAS_NULL && adm && !shut)
        :: else /* T-56 */
        fi;
        check()
    }
}

proctype closer()
{
end_wait:
    atomic {
        MAY_CALL -> /* T-42 */
        overlay = CLOSING;
        adm = false;
        due = (MUTANT == 4 && due);
        check()
    }
    atomic {
        busy == 0 -> /* T-43 */
        overlay = CLOSED;
        check()
    }
}

init
{
    atomic {
        check();
        run invocation(1);
        run invocation(2);
#ifdef DATAGRAM
        run invocation(4); /* of the other events no third one runs */
#endif
        run enabler();
        run disabler();
        run disabler();
#ifdef RECEIVE
        run receiver();
#endif
        run transport();
        run closer()
    }
}

ltl waiting_completes { [] ((wcount > 0) -> <> (wcount == 0)) }
ltl quiet_drains { [] ((q != 0) -> <> (q == 0)) }
ltl close_ends { [] ((overlay == CLOSING) -> <> (overlay == CLOSED)) }
