/* SPDX-License-Identifier: MIT */
/*
 * See snapshot.h. The copy is inline assembly: in an engine with the real AddressSanitizer every
 * memcpy is intercepted and would stop at the first red zone between two globals of the driver.
 */
#define _GNU_SOURCE
#include "snapshot.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

static inline void copy_bytes(void *to, const void *from, size_t size)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

/* Replaces the whole pages of the range by a private mapping of their contents. */
static bool map_pages(struct sim_snapshot_range *range)
{
    uintptr_t first = ((uintptr_t)range->base + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    uintptr_t end = ((uintptr_t)range->base + range->size) & ~(uintptr_t)(PAGE - 1);
    size_t size = end - first;
    int file = memfd_create("wsksim-snapshot", MFD_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool is_done = ftruncate(file, (off_t)size) == 0;
    for (size_t done = 0; is_done && done < size;) {
        ssize_t n = write(file, range->saved + (first - (uintptr_t)range->base) + done,
                          size - done);
        is_done = n > 0;
        done += is_done ? (size_t)n : 0;
    }
    is_done = is_done && mmap((void *)first, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_FIXED, file, 0) == (void *)first;
    close(file);
    if (is_done) {
        range->pages = (uint8_t *)first;
        range->pages_size = size;
    }
    return is_done;
}

bool sim_snapshot_add(struct sim_snapshot *snapshot, uintptr_t base, size_t size)
{
    if (snapshot->count == SIM_SNAPSHOT_RANGES) {
        return false;
    }
    struct sim_snapshot_range *range = &snapshot->range[snapshot->count];
    *range = (struct sim_snapshot_range){.base = (uint8_t *)base, .size = size};
    range->saved = malloc(size);
    if (range->saved == NULL) {
        return false;
    }
    copy_bytes(range->saved, range->base, size);
    snapshot->count++;
    return size <= SIM_SNAPSHOT_MAPPED_FROM || map_pages(range);
}

void sim_snapshot_restore(const struct sim_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const struct sim_snapshot_range *range = &snapshot->range[i];
        if (SIM_LIKELY(range->pages == NULL)) {
            copy_bytes(range->base, range->saved, range->size);
            continue;
        }
        size_t before = (size_t)(range->pages - range->base);
        size_t after = before + range->pages_size;
        copy_bytes(range->base, range->saved, before);
        int rc = madvise(range->pages, range->pages_size, MADV_DONTNEED);
        SIM_ASSERT(rc == 0);
        copy_bytes(range->base + after, range->saved + after, range->size - after);
    }
}

void sim_snapshot_free(struct sim_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->count; i++) {
        free(snapshot->range[i].saved);
    }
    snapshot->count = 0;
}
