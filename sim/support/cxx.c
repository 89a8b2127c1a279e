/* SPDX-License-Identifier: MIT */
/*
 * What C++ code asks for behind the programmer's back. Destructors of static objects are never run:
 * a run ends by restoring the module's data, and a driver has no C library to run them.
 */
#include "sim/support/support.h"

int __cxa_atexit(void (*destroy)(void *), void *object, void *module);
void __cxa_pure_virtual(void);
void __cxa_deleted_virtual(void);
int __cxa_guard_acquire(uint64_t *guard);
void __cxa_guard_release(uint64_t *guard);

SUPPORT_HIDDEN void *__dso_handle = &__dso_handle;

SUPPORT_WEAK int __cxa_atexit(void (*destroy)(void *), void *object, void *module)
{
    (void)destroy;
    (void)object;
    (void)module;
    return 0;
}

SUPPORT_WEAK void __cxa_pure_virtual(void)
{
    sim_module_undefined("call of a pure virtual function", "", 0, SUPPORT_PC, SUPPORT_FRAME);
}

SUPPORT_WEAK void __cxa_deleted_virtual(void)
{
    sim_module_undefined("call of a deleted virtual function", "", 0, SUPPORT_PC, SUPPORT_FRAME);
}

/* Static locals, if the driver asked for guards. The first byte says "initialised". */
SUPPORT_WEAK int __cxa_guard_acquire(uint64_t *guard)
{
    return *(const uint8_t *)guard == 0;
}

SUPPORT_WEAK void __cxa_guard_release(uint64_t *guard)
{
    *(uint8_t *)guard = 1;
}

/*
 * operator delete, asked for by every virtual destructor. The kernel has no such function either: a
 * driver that deletes for real brings its own; reaching this one is its mistake.
 */
#define DELETE(symbol)                                                                             \
    void symbol(void *p);                                                                          \
    SUPPORT_WEAK void symbol(void *p)                                                              \
    {                                                                                              \
        (void)p;                                                                                   \
        sim_module_undefined("operator delete, which the driver does not define", "", 0,           \
                             SUPPORT_PC, SUPPORT_FRAME);                                           \
    }

DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm)
DELETE(_ZdaPvm)
DELETE(_ZdlPvmSt11align_val_t)
DELETE(_ZdaPvmSt11align_val_t)
DELETE(_ZdlPvSt11align_val_t)
DELETE(_ZdaPvSt11align_val_t)
