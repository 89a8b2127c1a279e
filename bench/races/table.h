/* SPDX-License-Identifier: MIT */
/*
 * The table of the race suite: what a module of programs (programs/) shows to whoever runs them
 * (races.c). Plain C, included by both sides.
 */
#ifndef BENCH_RACES_TABLE_H
#define BENCH_RACES_TABLE_H

#define RACES_VERSION 1u

struct race {
    const char *name;
    const char *fails;     /* ids of rules separated by blanks: found as one of them */
    const char *published; /* name in the tables of published suites, "" = none */
    const char *file;
    void (*body)(void);
    unsigned preemptions; /* the fewest that lead to the failure */
};

struct races {
    unsigned version, size;   /* size of struct race */
    const struct race *begin, *end;
    const struct race **selected; /* before a run */
};

#endif
