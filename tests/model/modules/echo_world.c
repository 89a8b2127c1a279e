/* SPDX-License-Identifier: MIT */
/*
 * The echo driver with a world of its own: one conversation by script, one beside it, then unload.
 */
#include "../../../drivers/tcp_echo/tcp_echo.c"

#include <wsksim/world.h>

static int answers;

/* The test looks for what a script found out in the trace: a process name it can see. */
static void Note(int ok)
{
    DbgPrint(ok ? "script: yes\n" : "script: no\n");
}

static void Second(void *context)
{
    struct wsksim_peer *peer = wsksim_connect(NULL, 7000, 1000);
    char answer[8];
    int fine = peer != NULL && context == &answers;
    fine = fine && wsksim_send(peer, "abc", 3);
    fine = fine && wsksim_receive(peer, answer, sizeof answer, 1000) > 0;
    answers += fine;
    if (peer != NULL) {
        wsksim_reset(peer);
    }
}

static void Script(void)
{
    char answer[16];
    unsigned size = 1 + wsksim_choose(16);
    wsksim_start(Second, &answers);
    Note(wsksim_connect(NULL, 9999, 5) == NULL); /* nobody listens there */
    struct wsksim_peer *peer = wsksim_connect("10.0.0.1", 7000, 1000);
    Note(peer != NULL);
    if (peer == NULL) {
        return;
    }
    Note(wsksim_receive(peer, answer, sizeof answer, 20) == WSKSIM_TIMEOUT);
    wsksim_bytes(answer, sizeof answer);
    Note(wsksim_send(peer, answer, size));
    for (unsigned got = 0; got < size;) {
        char back[16];
        long count = wsksim_receive(peer, back, sizeof back, 1000);
        Note(count > 0 && memcmp(back, answer + got, (size_t)count) == 0);
        if (count <= 0) {
            return;
        }
        got += (unsigned)count;
    }
    wsksim_finish(peer);
    Note(wsksim_receive(peer, answer, sizeof answer, 1000) == WSKSIM_FINISHED);
    wsksim_close(peer);
    wsksim_sleep(5000);
    Note(answers == 1);
    Note(!wsksim_is_over());
}

WSKSIM_WORLD(Script, 0)
