/* SPDX-License-Identifier: MIT */
/*
 * Drivers that nobody should load, one per definition: what the tool must survive (bad_input.sh).
 * MISTAKE is the name of a function below; it is called in DriverEntry.
 */
#include <ntddk.h>

int getpid(void);
int socket(int domain, int type, int protocol);
__attribute__((noreturn)) void exit(int status);
__attribute__((noreturn)) void abort(void);
void KeNoSuchRoutine(void);
void ExNoSuchRoutine(void);
void WskNoSuchRoutine(void);

static volatile LONG Word;

/* Never returns, and asks the kernel for nothing while at it. */
static void spin_bare(void)
{
    for (;;) {
        Word++;
    }
}

/* The same without a memory access that a checked module would announce. */
static void spin_mute(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}

static void spin_call(void)
{
    for (;;) {
        (void)KeGetCurrentIrql();
    }
}

static void spin_sleep(void)
{
    for (;;) {
        LARGE_INTEGER tenth = {.QuadPart = -1000000};
        KeDelayExecutionThread(KernelMode, FALSE, &tenth);
    }
}

static __attribute__((noinline)) LONG deeper(LONG depth)
{
    volatile char room[256];
    room[depth & 255] = (char)depth;
    return deeper(depth + 1) + room[(depth + 1) & 255];
}

static void recurse(void)
{
    Word = deeper(Word);
}

static void free_foreign(void)
{
    ExFreePoolWithTag((PVOID)(ULONG_PTR)&Word, 'tseT');
}

static void free_wild(void)
{
    ExFreePoolWithTag((PVOID)(ULONG_PTR)0x1234567812345678ull, 'tseT');
}

static void free_middle(void)
{
    char *block = ExAllocatePoolWithTag(NonPagedPoolNx, 64, 'tseT');
    ExFreePoolWithTag(block + 16, 'tseT');
}

#if defined(WANTS_EXIT)
static void call_exit(void)
{
    exit(0);
}

static void call_abort(void)
{
    abort();
}
#endif

#if defined(WANTS_UNKNOWN)
static void call_unknown(void)
{
    KeNoSuchRoutine();
    ExNoSuchRoutine();
    WskNoSuchRoutine();
    Word = getpid() + socket(1, 2, 3);
}
#endif

/* `syscall; ret` as the operand of another instruction: a look at the code does not find it. */
__asm__(".text\n.type hidden_syscall, @function\nhidden_syscall:\n movl $0x00C3050F, %eax\n ret\n");
extern const char hidden_syscall[] __attribute__((visibility("hidden")));

/* Leaves the process by the machine's own way: nobody can refuse that at load. */
static void exit_machine(void)
{
    __asm__ volatile("call *%0" /* exit_group(0) */
                     :
                     : "r"(hidden_syscall + 1), "a"(231L), "D"(0L)
                     : "rcx", "r11", "memory");
}

/* Is deaf to every signal that could be caught, and never returns: only the parent can end it. */
static void deaf(void)
{
    static const ULONG64 all = ~0ull;
    __asm__ volatile("mov $8, %%r10; call *%0" /* rt_sigprocmask(SIG_BLOCK, &all, NULL, 8) */
                     :
                     : "r"(hidden_syscall + 1), "a"(14L), "D"(0L), "S"(&all), "d"(0L)
                     : "rcx", "r10", "r11", "memory");
    spin_mute();
}

/* Wrong in 40 functions: which one is left to the allocation that fails first. */
#define EACH_OF_40(X)                                                                              \
    X(0)                                                                                           \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17)   \
        X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32)  \
            X(33) X(34) X(35) X(36) X(37) X(38) X(39)
#define WRONG(number)                                                                              \
    static __attribute__((noinline)) void wrong_##number(void)                                     \
    {                                                                                              \
        if (ExAllocatePoolWithTag(NonPagedPoolNx, 64, 'tseT') == NULL) {                           \
            ExFreePoolWithTag((PVOID)(ULONG_PTR)&Word, 'tseT');                                    \
        }                                                                                          \
    }
#define CALL(number) wrong_##number();
EACH_OF_40(WRONG)

static void many(void)
{
    EACH_OF_40(CALL)
}

static void nothing(void)
{
}

static void Unload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    UNREFERENCED_PARAMETER(Path);
    Driver->DriverUnload = Unload;
    MISTAKE();
    return STATUS_SUCCESS;
}
