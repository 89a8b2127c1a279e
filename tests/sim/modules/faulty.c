/* SPDX-License-Identifier: MIT */
/* One misdeed per action number; tests/sim/test_module.c knows what each must be reported as. */
#include "host.h"

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
size_t strlen(const char *text);
size_t wcslen(const wchar_t *text);

static volatile int global[5];
static volatile int zero;
static int *kept;

/* Never called: gives the compiler a reason to keep addresses. */
int (*volatile hidden)(int);

static __attribute__((noinline)) void keep_local(void)
{
    int local = 3;
    kept = &local;
    HostValue(*kept);
}

static __attribute__((noinline)) int recurse(int depth)
{
    volatile char room[200];
    room[depth % 200] = (char)depth;
    return recurse(depth + 1) + room[depth % 100];
}

static __attribute__((noinline)) void divide(int by)
{
    volatile int result = 7;
    result %= by;
}

static void misuse_block(int action)
{
    char *block = HostBlock(20);
    char *other = HostBlock(40);
    switch (action) {
    case 1: block[20] = 1; break;
    case 2: HostValue(block[-1]); break;
    case 3: HostFree(block); HostValue(block[4]); break;
    case 4: memcpy(block, other, (size_t)HostAction() + 17); break; /* 21 bytes */
    case 5:
        for (int i = 0; i < 20; i++) {
            block[i] = 'x';
        }
        HostValue((int)strlen(block));
        break;
    default: __atomic_fetch_add((int *)(block + 20), 1, __ATOMIC_SEQ_CST); break;
    }
}

static void misuse_pointer(int action)
{
    switch (action) {
    case 7: *(volatile int *)(size_t)zero = 1; break;
    case 8: HostValue(*(volatile int *)0xABAB1234ABABABABull); break;
    case 9: HostValue(recurse(zero)); break;
    case 10: __builtin_trap();
    case 11: keep_local(); *kept = 4; break;
    default: {
        wchar_t *text = HostBlock(6);
        text[0] = text[1] = text[2] = L'x';
        HostValue((int)wcslen(text));
        break;
    }
    }
}

int DriverEntry(void *driver, void *path)
{
    (void)driver;
    (void)path;
    int action = HostAction();
    if (action <= 6 && action > 0) {
        misuse_block(action);
    } else if (action <= 12 && action > 0) {
        misuse_pointer(action);
    } else if (action == 13) {
        global[zero + 5] = 1; /* one past the end: index check first, red zone without it */
    } else if (action == 14) {
        divide(zero);
    } else if (action == 15) {
        HostValue(1 << (action * 3)); /* 45 */
    }
    HostValue(action);
    return 0;
}
