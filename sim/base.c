/* SPDX-License-Identifier: MIT */
/* The end of a process whose own invariants broke. Nothing is unwound, nothing is flushed twice. */
#include "base.h"

#include <stdio.h>
#include <unistd.h>

#include "sim.h"

void sim_assert_failed(const char *expression, const char *file, int line, long long left,
                       long long right)
{
    char text[SIM_TEXT_MAX];
    unsigned long long now = sim_current != NULL ? sim_current->now : 0;
    unsigned long long seq = sim_current != NULL ? sim_current->seq : 0;
    int length = snprintf(text, sizeof text,
                          "wsksim: internal error: %s (%lld, %lld) at %s:%d, event %llu, "
                          "time %llu: this is a bug of wsksim, please report it\n",
                          expression, left, right, file, line, seq, now);
    if (length > 0) {
        size_t size = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
        ssize_t written = write(STDERR_FILENO, text, size);
        (void)written;
    }
    _exit(3);
}
