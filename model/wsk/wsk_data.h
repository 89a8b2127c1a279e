/* SPDX-License-Identifier: MIT */
/*
 * What the data path keeps per socket. Included by wsk.h inside its body; owned by the files of the
 * data path (wsk_bind, wsk_accept, wsk_stream, wsk_datagram, wsk_release, wsk_address).
 */
#ifndef MODEL_WSK_WSK_DATA_H
#define MODEL_WSK_WSK_DATA_H

struct wsk_data {
    struct net_tcp *tcp;
    struct net_udp *udp;
    struct net_listener *listener;
    struct wsk_queue sends, receives, accepts, disconnects;
    struct wsk_request *connect; /* WskConnect, WskConnectEx or WskSocketConnect in progress */
};

#endif
