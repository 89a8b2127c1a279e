/* SPDX-License-Identifier: MIT */
/*
 * What the files that implement include/wsksim/world.h share: threads of scripts, waiting, and the
 * objects.
 */
#ifndef MODEL_WORLD_HARNESS_H
#define MODEL_WORLD_HARNESS_H

#include "include/wsksim/world.h"
#include "model/io/io.h"
#include "model/ke/ke.h"
#include "model/world/world_internal.h"

enum {
    HARNESS_PROCESS = 100,      /* number of the first script's process */
    HARNESS_THREADS_MAX = 16,
    HARNESS_PEERS_MAX = 256,    /* per run */
    HARNESS_SERVERS_MAX = 32,
    HARNESS_PORTS_MAX = 64,
    HARNESS_FILES_MAX = 16,
    HARNESS_BACKLOG_MAX = 16,
    HARNESS_QUEUE_MAX = 16,     /* datagrams waiting on a port; more are lost */
    HARNESS_FILE_BYTES = 65536,
    HARNESS_DATAGRAM_BYTES = 2048, /* kept of a datagram that waits */
};

struct wsksim_peer {
    struct net_tcp *tcp; /* NULL: closed */
    bool is_connected, has_failed, is_finished;
};

struct wsksim_server {
    struct net_listener *listener; /* NULL: closed */
    uint32_t count;
    struct wsksim_peer *waiting[HARNESS_BACKLOG_MAX];
};

struct harness_datagram {
    struct net_address from;
    uint32_t size;
    uint8_t bytes[HARNESS_DATAGRAM_BYTES];
};

struct wsksim_port {
    struct net_udp *udp; /* NULL: closed */
    uint32_t host, first, count;
    struct net_address last; /* sender of the datagram received last */
    struct harness_datagram queue[HARNESS_QUEUE_MAX];
};

struct wsksim_file {
    bool is_open, is_completed;
    uint32_t process;
    PDEVICE_OBJECT device;
    PFILE_OBJECT object;
    struct sim_block *block;
    IO_STATUS_BLOCK result;
    uint8_t buffer[HARNESS_FILE_BYTES];
};

struct harness_state {
    const struct wsksim_world *world; /* NULL: none in this module */
    bool may_unload;
    uint32_t thread_count, peer_count, server_count, port_count, file_count;
    struct {
        void (*script)(void *context);
        void *context;
    } thread[HARNESS_THREADS_MAX];
    struct wsksim_peer peer[HARNESS_PEERS_MAX];
    struct wsksim_server server[HARNESS_SERVERS_MAX];
    struct wsksim_port port[HARNESS_PORTS_MAX];
    struct wsksim_file file[HARNESS_FILES_MAX];
};

extern struct harness_state harness;

/* First statement of every function of world.h: a scheduling point, on a script's thread only. */
#define harness_enter() harness_enter_at((uintptr_t)__builtin_return_address(0))
struct sim *harness_enter_at(uintptr_t site);
/*
 * Waits for a condition, the time limit, or the end of the run. A wait without limit counts as
 * quiet.
 */
void harness_wait(struct sim *s, bool (*ready)(struct sim *s, void *argument), void *argument,
                  unsigned milliseconds, const char *what);
/* The text as an address; NULL = first address of `host`. False if the name is unknown. */
bool harness_address(struct sim *s, const char *text, uint32_t host, uint16_t port,
                     struct net_address *out);
/* The peer's host that has, or gets, this address. False if it is the driver's. */
bool harness_host(struct sim *s, const struct net_address *address, uint32_t *host);
/* Memory of a script. */
void harness_touch(struct sim *s, const void *p, size_t size);

void harness_tcp_heal(struct sim *s);
void harness_udp_heal(struct sim *s);
void harness_close_files(struct sim *s, uint32_t process);

/* What world.c calls. */
void harness_reset(struct sim *s);
void harness_start(struct sim *s);
void harness_heal(struct sim *s);
/* Does this part (WSKSIM_KEEP_...) of the default world act in this run? */
bool harness_keeps(struct sim *s, unsigned part);

#endif
