/* SPDX-License-Identifier: MIT */
/*
 * qsort and bsearch. The order of equal elements depends on nothing but the input: heap sort.
 */
#include "sim/support/support.h"

typedef int (*comparison)(const void *left, const void *right);

void qsort(void *base, size_t count, size_t size, comparison compare);
void *bsearch(const void *key, const void *base, size_t count, size_t size, comparison compare);

static void swap(uint8_t *a, uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = a[i];
        a[i] = b[i];
        b[i] = byte;
    }
}

static void sift(uint8_t *base, size_t root, size_t count, size_t size, comparison compare)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && compare(base + child * size, base + (child + 1) * size) < 0) {
            child++;
        }
        if (compare(base + root * size, base + child * size) >= 0) {
            return;
        }
        swap(base + root * size, base + child * size, size);
        root = child;
    }
}

SUPPORT_WEAK void qsort(void *base, size_t count, size_t size, comparison compare)
{
    if (count < 2 || size == 0) {
        return;
    }
    support_check((uintptr_t)base, count * size, true, SUPPORT_CALLER);
    for (size_t i = count / 2; i-- > 0;) {
        sift(base, i, count, size, compare);
    }
    for (size_t end = count - 1; end > 0; end--) {
        swap(base, (uint8_t *)base + end * size, size);
        sift(base, 0, end, size, compare);
    }
}

SUPPORT_WEAK void *bsearch(const void *key, const void *base, size_t count, size_t size,
                           comparison compare)
{
    const uint8_t *at = base;
    while (count != 0) {
        const uint8_t *middle = at + count / 2 * size;
        int order = compare(key, middle);
        if (order == 0) {
            return (void *)(uintptr_t)middle;
        }
        if (order > 0) {
            at = middle + size;
            count--;
        }
        count /= 2;
    }
    return NULL;
}
