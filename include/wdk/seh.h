/* SPDX-License-Identifier: MIT */
/*
 * seh.h - structured exception handling by macros.
 *
 * A __try block owns a frame on the stack and registers it with the engine; a raise (ExRaiseStatus,
 * MmProbeAndLockPages, ProbeForRead, ...) stores the code in the top frame and jumps back into it
 * with __builtin_longjmp. The block, its filter and its handler form one if/else statement
 * without a loop:
 *
 *     __try { A } __except (F) { B }
 *
 *     if (1) { frame; push; if (!setjmp) { A } else { pop; filter F; goto handler; } }
 *     else handler: { B }
 *
 * Invariants
 *  1. The frame leaves the engine's chain on every way out of A: end, goto, return, break, continue
 *     (cleanup attribute), raise (explicit pop before the filter is evaluated).
 *  2. break and continue in A or B act on the driver's own loop; a following `else` belongs to
 *     the driver.
 *  3. EXCEPTION_CONTINUE_SEARCH (0) raises the same code in the next outer frame.
 *  4. GetExceptionCode is exact in the filter and at the start of B: it is the code caught last in
 *     this context.
 *
 * Limits: sources that use __try are compiled with -O0 (a raise changes control flow behind the
 * compiler's back). Two forms cannot be expressed, so the engine is told and stops:
 * EXCEPTION_CONTINUE_EXECUTION (-1), and leaving A of a try/finally by goto, return, break or
 * continue. The goto labels are made from line numbers: one handler per line.
 */
#ifndef WDK_SEH_H
#define WDK_SEH_H

#include <ntdef.h>

struct wdk_seh_frame {
    struct wdk_seh_frame *previous; /* the engine's chain, innermost first */
    void *jump[5];                  /* for __builtin_setjmp / __builtin_longjmp */
    NTSTATUS code;                  /* written by the raise, 0 until then */
    int popped;                     /* header side: left the chain already */
    int is_finally;                 /* header side: the handler is a __finally */
};

EXTERN_C_START
/* Engine side. The frame becomes (ceases to be) the top one of the calling context. */
void WdkSehPush(struct wdk_seh_frame *Frame);
void WdkSehPop(struct wdk_seh_frame *Frame);
/* The code of the exception caught last in the calling context. The moment of catching is WdkSehPop
 * of a frame whose code is not zero. */
NTSTATUS WdkSehCode(void);
void WdkSehSetCode(NTSTATUS Code);
/* The driver used a form of structured exception handling that these macros cannot express. */
DECLSPEC_NORETURN void WdkSehUnsupported(const char *What);
DECLSPEC_NORETURN void ExRaiseStatus(NTSTATUS Status);
EXTERN_C_END

#define EXCEPTION_EXECUTE_HANDLER 1
#define EXCEPTION_CONTINUE_SEARCH 0
#define EXCEPTION_CONTINUE_EXECUTION (-1)

WDK_INLINE void WdkSehEnter(struct wdk_seh_frame *frame)
{
    frame->previous = NULL;
    frame->code = 0;
    frame->popped = 0;
    frame->is_finally = 0;
    WdkSehPush(frame);
}

WDK_INLINE void WdkSehLeave(struct wdk_seh_frame *frame)
{
    if (!frame->popped) {
        frame->popped = 1;
        WdkSehPop(frame);
    }
}

/* Runs when the frame goes out of scope, whatever the way. */
WDK_INLINE void WdkSehCleanup(struct wdk_seh_frame *frame)
{
    if (!frame->popped && frame->is_finally) {
        WdkSehUnsupported("a jump out of a __try block that has a __finally");
    }
    WdkSehLeave(frame);
}

WDK_INLINE NTSTATUS WdkSehCatch(struct wdk_seh_frame *frame)
{
    WdkSehLeave(frame);
    return frame->code;
}

WDK_INLINE void WdkSehFilter(struct wdk_seh_frame *frame, int disposition)
{
    if (disposition == EXCEPTION_CONTINUE_SEARCH) {
        ExRaiseStatus(frame->code);
    }
    if (disposition < 0) {
        WdkSehUnsupported("an exception filter that asks to continue execution");
    }
}

WDK_INLINE NTSTATUS WdkSehResume(NTSTATUS code)
{
    if (code != 0) {
        ExRaiseStatus(code);
    }
    return 0;
}

#define WDK_SEH_JOIN2(a, b) a##b
#define WDK_SEH_JOIN(a, b) WDK_SEH_JOIN2(a, b)

#define GetExceptionCode() WdkSehCode()
#define exception_code() WdkSehCode()
#define _exception_code() WdkSehCode()
#define GetExceptionInformation() ((struct _EXCEPTION_POINTERS *)NULL)
#define AbnormalTermination() (wdk_seh_pending != 0)
#define abnormal_termination() AbnormalTermination()

#undef __try
#undef __except
#undef __finally
#undef __leave

#define __try                                                                                \
    if (1) {                                                                                 \
        __label__ wdk_seh_kind, wdk_seh_start;                                               \
        struct wdk_seh_frame wdk_seh __attribute__((cleanup(WdkSehCleanup)));                \
        WdkSehEnter(&wdk_seh);                                                               \
        goto wdk_seh_kind;                                                                   \
    wdk_seh_start:                                                                           \
        if (__builtin_setjmp(wdk_seh.jump) == 0) {                                           \
            __label__ wdk_seh_end;

#define WDK_SEH_END                                                                          \
            goto wdk_seh_end;                                                                \
        wdk_seh_end:                                                                         \
            WdkSehLeave(&wdk_seh);                                                           \
        }

#define __except(filter)                                                                     \
    WDK_SEH_END                                                                              \
        else {                                                                               \
            (void)WdkSehCatch(&wdk_seh);                                                     \
            WdkSehFilter(&wdk_seh, (filter));                                                \
            goto WDK_SEH_JOIN(wdk_seh_handler_, __LINE__);                                   \
        }                                                                                    \
        if (0) {                                                                             \
        wdk_seh_kind:                                                                        \
            goto wdk_seh_start;                                                              \
        }                                                                                    \
    } else                                                                                   \
        WDK_SEH_JOIN(wdk_seh_handler_, __LINE__) :

/* The pending code passes through the engine, because the frame is gone when the handler runs. */
#define __finally                                                                            \
    WDK_SEH_END                                                                              \
        else {                                                                               \
            (void)WdkSehCatch(&wdk_seh);                                                     \
            goto WDK_SEH_JOIN(wdk_seh_handler_, __LINE__);                                   \
        }                                                                                    \
        WdkSehSetCode(0);                                                                    \
        goto WDK_SEH_JOIN(wdk_seh_handler_, __LINE__);                                       \
        if (0) {                                                                             \
        wdk_seh_kind:                                                                        \
            wdk_seh.is_finally = 1;                                                          \
            goto wdk_seh_start;                                                              \
        }                                                                                    \
    } else                                                                                   \
        WDK_SEH_JOIN(wdk_seh_handler_, __LINE__) :                                           \
        for (NTSTATUS wdk_seh_pending = WdkSehCode(), wdk_seh_once = 1; wdk_seh_once;        \
             wdk_seh_once = WdkSehResume(wdk_seh_pending))

#define __leave goto wdk_seh_end

/* The old lower-case words, in C drivers only (-fms-compatibility hides __GNUC__; the engine
   keeps them). */
#if !defined(__cplusplus) && !defined(__GNUC__) && !defined(WDK_NO_LOWER_CASE_SEH)
#define try __try
#define except __except
#define finally __finally
#define leave __leave
#endif

#endif
