/* SPDX-License-Identifier: MIT */
/*
 * One step of a program: three bytes. The first says what, the second on which of the sockets that
 * exist, the third how. A step that makes no sense on its socket does nothing; 0 is nothing at all.
 */
#include "client.h"

enum step {
    STEP_NOTHING,
    STEP_OPEN,
    STEP_BIND,
    STEP_LISTEN,
    STEP_ACCEPT,
    STEP_CONNECT,
    STEP_SOCKET_CONNECT,
    STEP_ENABLE,
    STEP_DISABLE,
    STEP_SEND,
    STEP_RECEIVE,
    STEP_DISCONNECT,
    STEP_RELEASE,
    STEP_SEND_TO,
    STEP_RECEIVE_FROM,
    STEP_ADDRESS,
    STEP_OPTION,
    STEP_IOCTL,
    STEP_CONTROL,
    STEP_CANCEL,
    STEP_CLOSE,
    STEP_INSPECT,
    STEP_RESOLVE,
    STEP_KERNEL,
    STEP_SLEEP,
    STEP_READY,
    STEP_TALK,
    STEP_COUNT
};

/* Brings the socket to where something can happen on it. */
static void ready(struct client_socket *s, ULONG how)
{
    client_bind(s, how & 1);
    if (client_listens(s)) {
        client_listen(s);
        client_enable(s, how >> 1);
        if ((how & 128) != 0) {
            client_accept(s);
        }
    } else if (s->Category == DATAGRAM) {
        client_enable(s, how >> 1);
    } else {
        client_connect(s, how >> 1 & 23);
        client_enable(s, how >> 4);
    }
}

/* What is most of the life of a socket. */
static void talk(struct client_socket *s, ULONG how)
{
    if (s->Category == DATAGRAM) {
        client_receive_from(s, how);
        client_send_to(s, how);
    } else {
        client_receive(s, how & 31);
        client_send(s, how);
    }
}

static void step_on(enum step step, struct client_socket *s, ULONG how)
{
    switch (step) {
    case STEP_BIND:
        client_bind(s, how);
        break;
    case STEP_LISTEN:
        client_listen(s);
        break;
    case STEP_ACCEPT:
        client_accept(s);
        break;
    case STEP_CONNECT:
        client_connect(s, how);
        break;
    case STEP_ENABLE:
        client_enable(s, how);
        break;
    case STEP_DISABLE:
        client_disable(s, how, (how >> 2) % 3);
        break;
    case STEP_SEND:
        client_send(s, how);
        break;
    case STEP_RECEIVE:
        client_receive(s, how);
        break;
    case STEP_DISCONNECT:
        client_disconnect(s, how);
        break;
    case STEP_RELEASE:
        client_release(s);
        break;
    case STEP_SEND_TO:
        client_send_to(s, how);
        break;
    case STEP_RECEIVE_FROM:
        client_receive_from(s, how);
        break;
    case STEP_ADDRESS:
        client_get_address(s, (how & 1) != 0);
        if ((how & 2) != 0) {
            client_ioctl(s, 7); /* and who inspected it */
        }
        break;
    case STEP_OPTION:
        client_option(s, how);
        break;
    case STEP_IOCTL:
        client_ioctl(s, how);
        break;
    case STEP_CLOSE:
        if ((how & 3) == 0) {
            client_close(s);
        }
        break;
    case STEP_READY:
        ready(s, how);
        break;
    case STEP_TALK:
        talk(s, how);
        break;
    default:
        break;
    }
}

void client_step(const UCHAR *bytes)
{
    enum step step = (enum step)(bytes[0] % (STEP_COUNT + 12));
    ULONG how = bytes[2];
    if (step >= STEP_COUNT) { /* the beginnings and the talk, more often than the rest */
        static const UCHAR often[12] = {STEP_READY, STEP_READY,   STEP_READY, STEP_READY,
                                        STEP_OPEN,  STEP_RECEIVE, STEP_SEND,  STEP_TALK,
                                        STEP_TALK,  STEP_DISABLE, STEP_OPEN,  STEP_SLEEP};
        step = (enum step)often[step - STEP_COUNT];
    }
    switch (step) {
    case STEP_NOTHING:
    case STEP_COUNT:
        return;
    case STEP_OPEN:
        client_open(how);
        return;
    case STEP_SOCKET_CONNECT:
        client_socket_connect(how);
        return;
    case STEP_CONTROL:
        client_control(how);
        return;
    case STEP_CANCEL:
        client_cancel(how);
        return;
    case STEP_INSPECT:
        client_inspect_complete(how);
        return;
    case STEP_RESOLVE:
        client_resolve(how);
        return;
    case STEP_KERNEL:
        client_kernel(how);
        return;
    case STEP_SLEEP:
        client_sleep(how % 64);
        return;
    default:
        break;
    }
    ULONG sockets = Client.Sockets;
    if (sockets == 0) {
        client_open(bytes[1]);
        return;
    }
    step_on(step, &Client.Socket[bytes[1] % sockets], how);
}
