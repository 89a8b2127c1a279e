/* SPDX-License-Identifier: MIT */
/* See guard.h. */
#define _GNU_SOURCE
#include "replay/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { GROUPS_MAX = 64 };

static int to_guard = -1;

static bool read_number(int from, pid_t *number)
{
    ssize_t got;
    do {
        got = read(from, number, sizeof *number);
    } while (got < 0 && errno == EINTR);
    return got == sizeof *number; /* so short a message comes whole or not at all */
}

__attribute__((noreturn)) static void watch(int from)
{
    pid_t group[GROUPS_MAX], number;
    unsigned count = 0;
    setsid(); /* Ctrl-C and the end of a terminal are not for us */
    while (read_number(from, &number)) {
        if (number == 0) {
            count = 0;
        } else if (count < GROUPS_MAX) {
            group[count++] = number;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        kill(-group[i], SIGKILL);
    }
    _exit(0);
}

static void start(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        for (int fd = 0; fd <= STDERR_FILENO; fd++) {
            close(fd); /* or whoever reads our output would wait for the guard too */
        }
        watch(ends[0]);
    }
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return;
    }
    to_guard = ends[1];
}

static void tell(pid_t number)
{
    if (to_guard >= 0 && write(to_guard, &number, sizeof number) != sizeof number) {
        close(to_guard);
        to_guard = -1;
    }
}

void guard_add(pid_t group)
{
    if (to_guard < 0) {
        start();
    }
    tell(group);
}

void guard_forget(void)
{
    tell(0);
}
