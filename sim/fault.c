/* SPDX-License-Identifier: MIT */
/*
 * See fault.h. Nothing here may use the stack of the fiber (it may have overflowed) or be
 * instrumented (that costs 0.1 ms per fault).
 *
 * Limit: the processor does not say which non-canonical address was used. It is then guessed from
 * the registers: a value that is no address and whose shadow index another register holds, else the
 * largest value that is no address.
 */
#define _GNU_SOURCE
#include "fault.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "module.h"
#include "sim.h"

enum { HANDLER_STACK_BYTES = 256 << 10 }; /* the hook formats text and walks stacks */

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
static struct sigaction previous[SIM_COUNT(signals)];
static bool is_installed;

static void on_fault(int number, siginfo_t *info, void *context);

void sim_fault_install(void)
{
    if (!is_installed) {
        void *p = mmap(NULL, HANDLER_STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        SIM_ASSERT(p != MAP_FAILED);
        stack_t stack = {.ss_sp = p, .ss_size = HANDLER_STACK_BYTES};
        int rc = sigaltstack(&stack, NULL);
        SIM_ASSERT_OP(rc, ==, 0);
    }
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SIM_COUNT(signals); i++) {
        struct sigaction before;
        int rc = sigaction(signals[i], &action, &before);
        SIM_ASSERT_OP(rc, ==, 0);
        if ((before.sa_flags & SA_SIGINFO) == 0 || before.sa_sigaction != on_fault) {
            previous[i] = before;
        }
    }
    is_installed = true;
}

static const int general[] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_R8,
                              REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

SIM_NO_ASAN static bool has_shadow(const greg_t *registers, uintptr_t value)
{
    for (size_t i = 0; i < SIM_COUNT(general); i++) {
        uintptr_t other = (uintptr_t)registers[general[i]];
        if (other == value >> 3 || other == (value >> 3) + SIM_SHADOW_OFFSET) {
            return true;
        }
    }
    return false;
}

SIM_NO_ASAN static uintptr_t guess_address(const greg_t *registers)
{
    uintptr_t best = 0, checked = 0;
    for (size_t i = 0; i < SIM_COUNT(general); i++) {
        uintptr_t value = (uintptr_t)registers[general[i]];
        bool is_address = value < 0x800000000000ull;
        if (!is_address && value > best) {
            best = value;
        }
        if (!is_address && value > checked && has_shadow(registers, value)) {
            checked = value;
        }
    }
    return checked != 0 ? checked : best;
}

SIM_NO_ASAN static bool is_fiber(uintptr_t stack_pointer)
{
    return stack_pointer - SIM_STACK_BASE < (uintptr_t)SIM_STACKS_MAX * SIM_STACK_STRIDE;
}

/*
 * Names the driver's instruction, not the support archive's or, below that, the engine's: then the
 * caller is found through frame pointers, which both keep. A fault inside a WDK routine stays with
 * its call.
 */
SIM_NO_ASAN static uintptr_t charge(struct sim *s, uintptr_t pc, uintptr_t frame_pointer)
{
    const struct sim_module *m = sim_module_current();
    uintptr_t site = pc + 1; /* all other sites are return addresses */
    if (m == NULL || (s->current->routine != 0 && !sim_module_is_text(m, pc))) {
        return pc;
    }
    for (int depth = 0; depth < 8 && !sim_module_is_text(m, site); depth++) {
        if ((frame_pointer & 7) != 0 || !sim_memory_is_stack(frame_pointer) ||
            !sim_memory_is_stack(frame_pointer + 8)) {
            return pc;
        }
        const uintptr_t *frame = (const uintptr_t *)frame_pointer;
        site = frame[1];
        frame_pointer = frame[0];
    }
    s->current->site = site;
    s->current->frame = frame_pointer;
    s->current->routine = 0;
    return site;
}

static void pass_on(int number)
{
    for (size_t i = 0; i < SIM_COUNT(signals); i++) {
        if (signals[i] == number) {
            sigaction(number, &previous[i], NULL);
        }
    }
    /* The instruction is executed again and meets the previous handler. */
}

SIM_NO_ASAN static void on_fault(int number, siginfo_t *info, void *context)
{
    const ucontext_t *machine = context;
    const greg_t *registers = machine->uc_mcontext.gregs;
    struct sim *s = sim_current;
    if (info->si_code <= 0 || s == NULL || !s->is_running ||
        !is_fiber((uintptr_t)registers[REG_RSP])) {
        pass_on(number);
        return;
    }
    uintptr_t pc = charge(s, (uintptr_t)registers[REG_RIP], (uintptr_t)registers[REG_RBP]);
    uintptr_t address = (uintptr_t)info->si_addr;
    if (number == SIGSEGV && info->si_code == SI_KERNEL) {
        address = guess_address(registers);
    }
    s->hooks->signal_fault(s, number, address, pc);
    sim_assert_failed("signal_fault returned", __FILE__, __LINE__, 0, 0);
}
