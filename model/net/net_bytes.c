/* SPDX-License-Identifier: MIT */
/*
 * Byte queues: chains of chunks from one pool. A chunk goes back to the pool as soon as all its
 * bytes are gone, last in first out, so that a run of small transfers keeps using the same cache
 * lines.
 */
#include "model/net/net_internal.h"

static struct net_chunk *chunk_new(struct sim *s)
{
    struct net_state *net = net_of(s);
    struct net_chunk *chunk = net->chunk_free;
    if (chunk != NULL) {
        net->chunk_free = chunk->next;
    } else {
        if (net->chunk_used == NET_CHUNKS_MAX) {
            sim_limit(s, "NET_CHUNKS_MAX: too many bytes in the network");
        }
        chunk = &net->chunk_pool[net->chunk_used++];
    }
    chunk->next = NULL;
    return chunk;
}

void net_bytes_append(struct sim *s, struct net_bytes *queue, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    queue->size += size;
    while (size > 0) {
        if (queue->last == NULL) {
            queue->first = queue->last = chunk_new(s);
            queue->head = queue->tail = 0;
        } else if (queue->tail == NET_CHUNK_BYTES) {
            queue->last->next = chunk_new(s);
            queue->last = queue->last->next;
            queue->tail = 0;
        }
        size_t room = NET_CHUNK_BYTES - queue->tail;
        size_t part = size < room ? size : room;
        memcpy(queue->last->bytes + queue->tail, from, part);
        queue->tail += (uint32_t)part;
        from += part;
        size -= part;
    }
}

void net_bytes_read(const struct net_bytes *queue, size_t at, void *out, size_t size)
{
    SIM_ASSERT(at <= queue->size && size <= queue->size - at);
    uint8_t *to = out;
    const struct net_chunk *chunk = queue->first;
    at += queue->head;
    while (size > 0) {
        if (at >= NET_CHUNK_BYTES) {
            at -= NET_CHUNK_BYTES;
        } else {
            size_t part = NET_CHUNK_BYTES - at < size ? NET_CHUNK_BYTES - at : size;
            memcpy(to, chunk->bytes + at, part);
            to += part;
            size -= part;
            at = 0;
        }
        chunk = chunk->next;
    }
}

void net_bytes_drop(struct sim *s, struct net_bytes *queue, size_t size)
{
    struct net_state *net = net_of(s);
    SIM_ASSERT(size <= queue->size);
    queue->size -= size;
    size += queue->head;
    while (queue->first != NULL && (size >= NET_CHUNK_BYTES || queue->size == 0)) {
        struct net_chunk *chunk = queue->first;
        queue->first = chunk->next;
        chunk->next = net->chunk_free;
        net->chunk_free = chunk;
        size = size < NET_CHUNK_BYTES ? 0 : size - NET_CHUNK_BYTES;
    }
    queue->head = (uint32_t)size;
    if (queue->first == NULL) {
        queue->last = NULL;
    }
}

const uint8_t *net_bytes_flat(const struct net_bytes *queue, uint8_t *scratch)
{
    if (queue->first == queue->last) {
        return queue->first == NULL ? scratch : queue->first->bytes + queue->head;
    }
    net_bytes_read(queue, 0, scratch, queue->size);
    return scratch;
}
