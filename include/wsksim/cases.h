/* SPDX-License-Identifier: MIT */
/*
 * A module full of cases: one driver for many small proofs, of which a run makes one.
 *
 * `wsksim rules -selftest=1` opens such a module, sets *selected (and *is_mistaken), runs it, and
 * judges what came out by the kind of the case:
 *
 *   MISTAKE   with is_mistaken the run must break the first rule of `proves`, without it none
 *   DUTY      no run may break any rule; the body checks what it sees, in some run at least
 *   FREEDOM   something the system may do: some run must see it and raise *witnessed
 */
#ifndef WSKSIM_CASES_H
#define WSKSIM_CASES_H

#define WSKSIM_CASES_VERSION 3u

enum wsksim_case_kind { WSKSIM_CASE_MISTAKE, WSKSIM_CASE_DUTY, WSKSIM_CASE_FREEDOM };

/* Where a case runs. */
enum wsksim_case_place {
    WSKSIM_CASE_THREAD, /* on a thread of its own, which DriverUnload waits for */
    WSKSIM_CASE_ENTRY,  /* in DriverEntry */
    WSKSIM_CASE_UNLOAD, /* in DriverUnload */
};

struct wsksim_case {
    const char *name;
    const char *proves; /* ids separated by blanks: first the rule, then classes, properties... */
    const char *file;
    void (*body)(void);
    void (*entry)(void); /* in DriverEntry, before the case; or NULL */
    void (*world)(void); /* script of the world, or NULL */
    const char *knobs;   /* "name=value name=value": readings all its runs take; or NULL */
    const char *off;     /* a rule whose monitor is off in all its runs; or NULL */
    unsigned keep;       /* WSKSIM_KEEP_... */
    unsigned char kind, place;
    /* A mistake that is counted and no finding, whatever its rule says; a promise that not even
     * that much is counted. */
    unsigned char is_lint;
    unsigned char is_silent; /* a duty that checks nothing itself: a monitor would speak */
};

/* A rule that no driver can prove: by which test it is proven instead. */
struct wsksim_elsewhere {
    const char *id, *place, *what;
};

struct wsksim_cases {
    unsigned version;
    unsigned size; /* of struct wsksim_case */
    const struct wsksim_case *begin, *end;
    const struct wsksim_case **selected; /* before the run */
    unsigned char *is_mistaken;          /* before the run */
    unsigned *witnessed;                 /* after the run */
    unsigned *checked;                   /* after the run: checks that were reached */
    const struct wsksim_elsewhere *elsewhere;
    unsigned elsewhere_count;
};

#endif
