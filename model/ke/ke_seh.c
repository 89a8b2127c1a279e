/* SPDX-License-Identifier: MIT */
/*
 * Structured exceptions: the chain of frames that include/wdk/seh.h registers, and raising. A raise
 * writes the code into the innermost frame of the calling context and jumps back into the driver,
 * over our own frames: no routine that raises may hold anything of ours.
 *
 * Invariants:
 *  1. A frame belongs to one context and one window: an exception does not pass through the system
 *     (KRN-061).
 *  2. Nothing is raised at DISPATCH_LEVEL (KRN-061).
 */
#include <seh.h>
#include <stdio.h>

#include "model/ke/ke_internal.h"

void WdkSehPush(struct wdk_seh_frame *Frame)
{
    struct ke_context *c = ke_current(sim_current);
    Frame->previous = c->seh;
    c->seh = Frame;
}

void WdkSehPop(struct wdk_seh_frame *Frame)
{
    struct ke_context *c = ke_current(sim_current);
    struct wdk_seh_frame *top = c->seh;
    while (top != NULL && top != Frame) {
        top = top->previous; /* frames inside it that were left by a jump over them */
    }
    if (top != NULL) {
        c->seh = Frame->previous;
    }
    if (Frame->code != 0) {
        c->seh_code = Frame->code;
    }
}

NTSTATUS WdkSehCode(void)
{
    return ke_current(sim_current)->seh_code;
}

void WdkSehSetCode(NTSTATUS Code)
{
    ke_current(sim_current)->seh_code = Code;
}

void WdkSehUnsupported(const char *What)
{
    struct sim *s = sim_current;
    struct ke_state *ke = ke_of(s); /* sim_limit keeps the pointer, and What lies in the module */
    snprintf(ke->limit_text, sizeof ke->limit_text, "not supported by the headers: %s", What);
    sim_limit(s, ke->limit_text);
}

/*
 * __builtin_longjmp in three instructions, the same whatever compiler made the buffer: frame
 * pointer, address, stack pointer.
 */
__attribute__((noreturn, noinline)) static void jump(void *const buffer[5])
{
    __asm__ volatile("movq 0(%0), %%rbp\n\t"
                     "movq 8(%0), %%rcx\n\t"
                     "movq 16(%0), %%rsp\n\t"
                     "jmp *%%rcx"
                     :
                     : "a"(buffer)
                     : "rcx", "memory");
    __builtin_unreachable();
}

/*
 * The frames that are skipped leave their red zones behind (the driver's; ours in a sanitised
 * engine): clear them up to the frame that handles the exception, or a later call would trip over
 * them.
 */
static void clear_skipped(const struct wdk_seh_frame *frame)
{
    uintptr_t low = ((uintptr_t)__builtin_frame_address(0) - 1024) & ~(uintptr_t)7;
    uintptr_t high = (uintptr_t)frame->jump[2] & ~(uintptr_t)7;
    if (high > low && high - low < SIM_STACK_BYTES) {
        sim_shadow_valid(low, high - low);
    }
}

void ke_raise(struct sim *s, NTSTATUS status)
{
    struct ke_context *c = ke_current(s);
    struct wdk_seh_frame *frame = c->seh;
    const char *name = model_status_name((uint32_t)status);
    if (ke_irql(s) >= DISPATCH_LEVEL) {
        model_fail(s, RULE_KRN_061, 0, NULL, "exception 0x%08X %s is raised at %s",
                   (unsigned)status, name != NULL ? name : "", ke_irql_name(ke_irql(s)));
    }
    if (frame == NULL) {
        const struct ke_window_mark *mark =
            c->window_count > 0 ? &c->window[c->window_count - 1] : NULL;
        model_fail(s, RULE_KRN_061, 0, mark != NULL ? &mark->entered : NULL,
                   "exception 0x%08X %s is raised and nobody handles it", (unsigned)status,
                   name != NULL ? name : "");
    }
    model_exercised(s, RULE_KRN_061);
    frame->code = status;
    s->current->routine = 0;
    clear_skipped(frame);
    jump(frame->jump);
}

void ExRaiseStatus(NTSTATUS Status)
{
    struct sim *s = model_enter(ROUTINE_ExRaiseStatus);
    ke_raise(s, Status);
}

void ExRaiseAccessViolation(void)
{
    struct sim *s = model_enter(ROUTINE_ExRaiseAccessViolation);
    ke_raise(s, STATUS_ACCESS_VIOLATION);
}

void ExRaiseDatatypeMisalignment(void)
{
    struct sim *s = model_enter(ROUTINE_ExRaiseDatatypeMisalignment);
    ke_raise(s, STATUS_DATATYPE_MISALIGNMENT);
}
