/* SPDX-License-Identifier: MIT */
/*
 * Structured exception handling by macros (seh.h): which way out of a block runs which handler,
 * with which code, and what is left in the chain of frames.
 *
 * Built with -O0 like any source that uses __try. The engine's side is played by the few
 * functions below.
 */
#include <wdm.h>

int printf(const char *format, ...);

static struct wdk_seh_frame *top;
static NTSTATUS caught;
static int unsupported;
static int passed;
static int failed;

static void check(int ok, const char *what);

void WdkSehPush(struct wdk_seh_frame *Frame)
{
    Frame->previous = top;
    top = Frame;
}

void WdkSehPop(struct wdk_seh_frame *Frame)
{
    check(top == Frame, "frames leave innermost first");
    top = Frame->previous;
    if (Frame->code != 0) {
        caught = Frame->code;
    }
}

NTSTATUS WdkSehCode(void) { return caught; }
void WdkSehSetCode(NTSTATUS Code) { caught = Code; }

void ExRaiseStatus(NTSTATUS Status)
{
    top->code = Status;
    __builtin_longjmp(top->jump, 1);
}

/* Leaves the faulty function through an outer frame, as the engine would leave the run. */
void WdkSehUnsupported(const char *What)
{
    (void)What;
    unsupported++;
    top = top->previous;
    ExRaiseStatus(STATUS_NOT_SUPPORTED);
}

static void check(int ok, const char *what)
{
    if (ok) {
        passed++;
    } else {
        failed++;
        printf("FAILED: %s\n", what);
    }
}

static int simple(NTSTATUS raise)
{
    int value = 1;

    __try {
        value = 2;
        if (raise != 0) {
            ExRaiseStatus(raise);
        }
        value = 3;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        value = (GetExceptionCode() == raise) ? value * 10 : -1;
    }
    return value;
}

static int loops(void)
{
    int turns = 0;
    int handled = 0;

    for (;;) {
        turns++;
        __try {
            if (turns == 2) {
                continue;
            }
            if (turns == 5) {
                break;
            }
            if (turns == 3) {
                ExRaiseStatus(STATUS_ACCESS_VIOLATION);
            }
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            handled++;
            continue;
        }
    }
    return turns * 10 + handled;
}

static int returns(void)
{
    __try {
        return 7;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return 8;
    }
    return 9;
}

static int nested(void)
{
    int trail = 0;

    __try {
        __try {
            ExRaiseStatus(STATUS_INVALID_PARAMETER);
        } __except (GetExceptionCode() == STATUS_ACCESS_VIOLATION ? EXCEPTION_EXECUTE_HANDLER
                                                                  : EXCEPTION_CONTINUE_SEARCH) {
            trail = 100;
        }
        trail += 1;
    } __except (GetExceptionCode() == STATUS_INVALID_PARAMETER) {
        trail += 10;
    }
    return trail;
}

static int finally_runs(NTSTATUS raise)
{
    int trail = 0;

    __try {
        __try {
            trail = 1;
            if (raise != 0) {
                ExRaiseStatus(raise);
            }
            __leave;
            trail = 1000;
        } __finally {
            trail += AbnormalTermination() ? 20 : 10;
        }
        trail += 100;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        trail += 200;
    }
    return trail;
}

static int dangling(int outer)
{
    int value = 0;

    if (outer)
        __try {
            value = 1;
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            value = 2;
        }
    else
        value = 3;
    return value;
}

static int bad_finally(void)
{
    __try {
        return 1;
    } __finally {
    }
    return 2;
}

static int stops_bad_finally(void)
{
    __try {
        return bad_finally();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return (GetExceptionCode() == STATUS_NOT_SUPPORTED) ? 3 : 4;
    }
    return 5;
}

int main(void)
{
    check(simple(0) == 3, "no raise, no handler");
    check(simple(STATUS_ACCESS_VIOLATION) == 20, "handler sees code and locals");
    check(loops() == 51, "break and continue act on the driver's loop");
    check(returns() == 7, "return out of the block");
    check(top == NULL, "return leaves no frame");
    check(nested() == 10, "continue search reaches the outer handler");
    check(finally_runs(0) == 111, "finally after the end");
    check(finally_runs(STATUS_ACCESS_VIOLATION) == 221, "finally on the way out of a raise");
    check(dangling(1) == 1 && dangling(0) == 3, "else belongs to the driver");
    check(top == NULL, "no frame is left");
    check(stops_bad_finally() == 3 && unsupported == 1, "return past a finally is not silent");
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
