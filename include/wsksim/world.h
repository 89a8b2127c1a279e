/* SPDX-License-Identifier: MIT */
/*
 * A world of your own around a driver: peers, servers, datagrams, user-mode requests, in plain C.
 *
 *     #include <wsksim/world.h>
 *
 *     static void Script(void)
 *     {
 *         struct wsksim_peer *peer = wsksim_connect(0, 7000, 1000);
 *         char answer[5];
 *         if (peer) {
 *             wsksim_send(peer, "hello", 5);
 *             wsksim_receive(peer, answer, sizeof answer, 1000);
 *             wsksim_close(peer);
 *         }
 *     }
 *     WSKSIM_WORLD(Script, 0)
 *
 * Put it beside the driver: wsksim-cc -o echo.so echo.c world.c. The script takes the place of the
 * default world (WSKSIM_KEEP_... leaves parts of that in place). It begins when DriverEntry has
 * succeeded and runs on a thread of its own, scheduled like the driver's; the driver is unloaded
 * when it returns, or when it calls wsksim_unload.
 *
 * Rules. Call these functions from scripts only, never from the driver (wsksim_note excepted).
 * Draw what may vary with wsksim_choose: 0 should be the harmless answer. Use nothing else that
 * varies. When the run comes to its end (wsksim_is_over), every wait returns at once, what is still
 * open is finished by the simulator, and the script must return. Objects stay valid until the run
 * ends, also after they have been closed.
 */
#ifndef WSKSIM_WORLD_H
#define WSKSIM_WORLD_H

#ifdef __cplusplus
extern "C" {
#endif

#define WSKSIM_WORLD_VERSION 1u
#define WSKSIM_FOREVER 0xffffffffu /* as milliseconds: until it happens or the run is over */

/* Parts of the default world that act as well. */
enum {
    WSKSIM_KEEP_PEERS = 1,     /* peers for every listener */
    WSKSIM_KEEP_SERVERS = 2,   /* servers where the driver connects to */
    WSKSIM_KEEP_DATAGRAMS = 4, /* datagrams for every bound socket, responders */
    WSKSIM_KEEP_USERS = 8,     /* clients for every device */
};

struct wsksim_world {
    unsigned version;
    unsigned keep;
    void (*script)(void);
};

/* Declares the world of this module. */
#define WSKSIM_WORLD(script, keep)                                                                 \
    extern const struct wsksim_world WskSimWorld __attribute__((visibility("default")));           \
    const struct wsksim_world WskSimWorld = {WSKSIM_WORLD_VERSION, (keep), (script)};

/* What the functions that receive answer when there are no bytes. */
enum { WSKSIM_FINISHED = 0, WSKSIM_RESET = -1, WSKSIM_TIMEOUT = -2 };

struct wsksim_peer;   /* one end of a TCP connection */
struct wsksim_server; /* a listener of a peer */
struct wsksim_port;   /* a datagram socket of a peer */
struct wsksim_file;   /* an open handle to a device of the driver */

/* ---- the run ---- */

/* One of 0..count-1, drawn from the program stream. count is 1 to 65536. */
unsigned wsksim_choose(unsigned count);
/* Bytes of the program stream; what it does not hold is zero. Returns how many it held. */
__SIZE_TYPE__ wsksim_bytes(void *out, __SIZE_TYPE__ size);
void wsksim_sleep(unsigned long long microseconds);
/* True when the script should return. */
int wsksim_is_over(void);
/* One more thread; at most 16 in a run. */
void wsksim_start(void (*script)(void *context), void *context);
/*
 * Writes a line into the trace of the run, for whoever reads it: two numbers. The only function of
 * this file that a driver may call, too. Not a scheduling point.
 */
void wsksim_note(unsigned number, unsigned long long value);
/* Lets the driver be unloaded now, while the scripts go on. */
void wsksim_unload(void);

/* ---- TCP ---- */

/*
 * Connects a new peer. address: "10.0.0.1", "fd00::1", a name, or NULL for the driver's host. Tries
 * again while nobody listens there, for so many milliseconds. NULL if that fails.
 */
struct wsksim_peer *wsksim_connect(const char *address, unsigned short port,
                                   unsigned milliseconds);
/* Listens on a peer's address: an address or name, NULL for 10.0.0.2. */
struct wsksim_server *wsksim_listen(const char *address, unsigned short port);
/* The next connection, or NULL. */
struct wsksim_peer *wsksim_accept(struct wsksim_server *server, unsigned milliseconds);
void wsksim_close_server(struct wsksim_server *server);
/* True if the bytes are on their way; false on a connection that is reset or finished. */
int wsksim_send(struct wsksim_peer *peer, const void *bytes, __SIZE_TYPE__ size);
/* Waits for at least one byte. The count, or WSKSIM_FINISHED, _RESET, _TIMEOUT. */
long wsksim_receive(struct wsksim_peer *peer, void *out, __SIZE_TYPE__ size,
                    unsigned milliseconds);
/* Ends the own direction (FIN). */
void wsksim_finish(struct wsksim_peer *peer);
/* Gives the connection up: gracefully if both directions are finished, else with a reset. */
void wsksim_close(struct wsksim_peer *peer);
void wsksim_reset(struct wsksim_peer *peer);

/* ---- UDP ---- */

/* A datagram socket of a peer; address as for wsksim_listen; port 0 = any. */
struct wsksim_port *wsksim_bind(const char *address, unsigned short port);
/* address as for wsksim_connect. */
int wsksim_send_to(struct wsksim_port *from, const char *address, unsigned short port,
                   const void *bytes, __SIZE_TYPE__ size);
/* Waits for a datagram, cut to size. Its size, or WSKSIM_TIMEOUT. */
long wsksim_receive_from(struct wsksim_port *port, void *out, __SIZE_TYPE__ size,
                         unsigned milliseconds);
/* To the sender of the datagram received last. */
int wsksim_reply(struct wsksim_port *port, const void *bytes, __SIZE_TYPE__ size);
void wsksim_close_port(struct wsksim_port *port);

/* ---- user mode: a thread is a process with handles of its own ---- */

/*
 * Opens "\\Device\\Name" or "\\??\\Name"; NULL = the first device. NULL if there is none or it
 * refuses.
 */
struct wsksim_file *wsksim_open(const char *name);
/*
 * IRP_MJ_DEVICE_CONTROL, at most 65536 bytes each way. Cancelled when the time has passed. Returns
 * the NTSTATUS; *returned (may be NULL) = Information.
 */
int wsksim_control(struct wsksim_file *file, unsigned code, const void *in, unsigned in_size,
                   void *out, unsigned out_size, unsigned *returned, unsigned milliseconds);
int wsksim_read(struct wsksim_file *file, void *out, unsigned size, unsigned *returned,
                unsigned milliseconds);
int wsksim_write(struct wsksim_file *file, const void *bytes, unsigned size,
                 unsigned milliseconds);
/* Cleanup and close; a script that returns leaves no handle open either. */
void wsksim_close_file(struct wsksim_file *file);

#ifdef __cplusplus
}
#endif
#endif
