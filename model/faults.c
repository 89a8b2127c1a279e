/* SPDX-License-Identifier: MIT */
/*
 * How a breach by the driver becomes a finding: the violation record, the choice of the memory rule
 * that fits a bad address, and the hooks through which the engine reports what it noticed by
 * itself.
 *
 * A bad address is judged by where it lies: near zero, in a block of the arena (freed, or live:
 * then outside its bytes), in a stack frame that has returned, in a gap below a stack, or nowhere.
 * The text names the block by pool tag, size and offset and says by which routines it was allocated
 * and freed; source lines are added when the report is shown.
 *
 * Invariants:
 *  1. Nothing here returns to the driver; everything ends in sim_fail.
 *  2. Texts contain numbers, tags and names, never an address.
 */
#include "model/io/io.h"
#include "model/ke/ke.h"
#include "model/model.h"
#include "model/world/run.h"
#include "model/wsk/wsk.h"
#include "sim/module.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Windows never maps the first 64 KiB; no structure that a callback is given is as large. */
enum { NULL_PAGES = 0x10000, INDICATION_BYTES = 128 };

/* Shadow values of AddressSanitizer that only its instrumentation writes. */
enum { SHADOW_SCOPE_LEFT = 0xf8, SHADOW_GLOBAL = 0xf9 };

struct bad_memory {
    enum model_rule rule;
    uint32_t object;
    uint32_t socket; /* whose context it held, 0 = none */
    struct sim_where prior;
    char text[320];
};

/* ---- the record ---- */

static void fill_violation(struct sim *s, struct sim_violation *v, enum model_rule rule,
                           uint32_t object, const struct sim_where *prior)
{
    memset(v, 0, sizeof(*v));
    v->rule = (uint32_t)rule;
    v->object[0] = object;
    v->here = sim_here(s);
    if (prior != NULL) {
        v->prior = *prior;
    }
    v->time = s->now;
    v->level = s->current->level;
    v->stack_depth = sim_stack(s, v->stack);
}

/* is_damaging: nobody checked what the driver wrote before. */
static _Noreturn void fail(struct sim *s, enum model_rule rule, uint32_t object,
                           const struct sim_where *prior, bool is_damaging, const char *format,
                           va_list arguments)
{
    static struct sim_violation violation; /* large; a run has at most one */
    SIM_ASSERT_OP((unsigned)rule, <, MODEL_RULE_COUNT);
    wsk_report_given_up(s);
    if (rule + 1u == model_rule_off) {
        model_rule_off_hits++;
        sim_limit(s, "the monitor of a broken rule is switched off");
    }
    fill_violation(s, &violation, rule, object, prior);
    violation.memory_damaged = is_damaging;
    vsnprintf(violation.text, sizeof(violation.text), format, arguments);
    sim_fail(s, &violation);
}

#if WSKSIM_MONITORS
void model_fail(struct sim *s, enum model_rule rule, uint32_t object, const struct sim_where *prior,
                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail(s, rule, object, prior, false, format, arguments);
}

void model_fail_with(struct sim *s, struct sim_violation *violation)
{
    wsk_report_given_up(s);
    if (violation->rule + 1u == model_rule_off) {
        model_rule_off_hits++;
        sim_limit(s, "the monitor of a broken rule is switched off");
    }
    sim_fail(s, violation);
}

void model_breach(struct sim *s, enum model_rule rule, uint32_t object,
                  const struct sim_where *prior, const char *format, ...)
{
    va_list arguments;
    if (rule + 1u == model_rule_off) {
        model_rule_off_hits++;
        return;
    }
    va_start(arguments, format);
    fail(s, rule, object, prior, false, format, arguments);
}
#endif

/* A fault of the machine: in an unchecked module there may have been wild writes before it. */
__attribute__((noreturn, format(printf, 4, 5))) static void
fail_machine(struct sim *s, enum model_rule rule, const struct bad_memory *bad, const char *format,
             ...)
{
    const struct sim_module *module = sim_module_current();
    bool is_checked = module != NULL && (module->flavour & SIM_MODULE_CHECKED) != 0;
    va_list arguments;
    va_start(arguments, format);
    fail(s, rule, bad != NULL ? bad->object : 0, bad != NULL ? &bad->prior : NULL, !is_checked,
         format, arguments);
}

void model_irql_breach(struct sim *s, enum model_routine routine)
{
    const char *name = model_routine_name(routine);
    enum model_rule rule = ke_irql_rule(s, routine);
    uint8_t level = s->current->level;
    uint8_t low = model_irql_low[routine];
    uint8_t high = model_irql_high[routine];
    if (low == high) {
        model_fail(s, rule, 0, NULL, "%s called at IRQL %u; only IRQL %u is allowed", name, level,
                   low);
    }
    model_fail(s, rule, 0, NULL, "%s called at IRQL %u; the %s allowed is %u", name, level,
               level > high ? "highest" : "lowest", level > high ? high : low);
}

/* ---- which memory rule ---- */

static const char *block_kind(uint8_t kind)
{
    static const char *const names[BLOCK_KINDS] = {
        [BLOCK_OTHER] = "system block",
        [BLOCK_NONPAGED] = "non-paged pool",
        [BLOCK_PAGED] = "paged pool",
        [BLOCK_IRP] = "IRP",
        [BLOCK_MDL] = "MDL",
        [BLOCK_SOCKET] = "socket",
        [BLOCK_INDICATION] = "indication",
        [BLOCK_WORK_ITEM] = "work item",
        [BLOCK_DEVICE] = "device object",
        [BLOCK_THREAD] = "thread object",
        [BLOCK_SUBSYSTEM] = "WSK memory",
        [BLOCK_BUFFER] = "data buffer",
    };
    return kind < BLOCK_KINDS && names[kind] != NULL ? names[kind] : "block";
}

/* Outside every routine it was the system's own doing. */
static const char *maker(uint16_t routine)
{
    return routine != 0 ? model_routine_name(routine) : "the system";
}

/* What a touch of a freed block breaks; a block of an indication carries its rule in the tag. */
static enum model_rule freed_rule(struct sim *s, const struct sim_block *block, uint32_t *socket)
{
    if (block->kind == BLOCK_INDICATION && block->tag != 0) {
        return (enum model_rule)block->tag;
    }
    return block->kind == BLOCK_SOCKET ? RULE_CTL_183 : wsk_freed_context_rule(s, block, socket);
}

/* "non-paged pool 'Echo', 128 bytes, allocated by ExAllocatePool2" */
static void describe_block(const struct sim_block *block, char *out, size_t size)
{
    char tag[7];
    if (block->tag != 0 && block->kind != BLOCK_INDICATION) {
        snprintf(out, size, "%s %s, %u bytes, allocated by %s", block_kind(block->kind),
                 model_tag_text(block->tag, tag), block->size,
                 model_routine_name(block->born.routine));
    } else {
        snprintf(out, size, "%s, %u bytes, made by %s", block_kind(block->kind), block->size,
                 maker(block->born.routine));
    }
}

/*
 * IRPs and what lies beside them in the driver's memory are lent (IRP-019), the rest was given
 * back.
 */
static enum model_rule owned_rule(uint8_t kind)
{
    bool lent = kind == BLOCK_IRP || kind == BLOCK_NONPAGED || kind == BLOCK_PAGED ||
                kind == BLOCK_DEVICE || kind == BLOCK_BUFFER;
    return lent ? RULE_IRP_019 : RULE_MEM_UAF;
}

/* The freed block was the context of the socket whose callback is running. */
static void add_socket(struct bad_memory *bad)
{
    char name[48];
    size_t used = strlen(bad->text);
    snprintf(bad->text + used, sizeof(bad->text) - used, ", the context of %s, whose callback %s",
             model_object_name(bad->socket, name, sizeof(name)),
             bad->rule == RULE_CTL_025 ? "was still running when STATUS_EVENT_PENDING was taken "
                                         "for success"
                                       : "runs until its close has completed");
}

/* The block was freed by the thread that a signal of this context had woken (KRN-089). */
static bool is_freed_by_woken(struct sim *s, const struct sim_block *block)
{
    const struct ke_context *c = s->current->user;
    return c != NULL && c->woke != 0 && block->died.context == c->woke &&
           block->died.seq > c->woke_seq;
}

/* Paged memory at DISPATCH_LEVEL: because of a spin lock (KRN-120), or else (KRN-051). */
static void judge_paged(struct sim *s, struct bad_memory *bad)
{
    const struct ke_held_lock *lock = s->current->user != NULL ? ke_spin_lock_held(s) : NULL;
    bad->rule = lock != NULL ? RULE_KRN_120 : RULE_KRN_051;
    if (lock != NULL) {
        bad->prior = lock->taken;
    }
}

static void judge_arena(struct sim *s, uintptr_t address, struct bad_memory *bad)
{
    char where[128];
    struct sim_block *block = sim_block_find(s, address);
    if (block == NULL) {
        bad->rule = RULE_MEM_WILD;
        snprintf(bad->text, sizeof(bad->text), "an address that belongs to no allocation");
        return;
    }
    describe_block(block, where, sizeof(where));
    bad->object = block->object;
    if (block->state == SIM_BLOCK_FREED) {
        bad->rule = freed_rule(s, block, &bad->socket);
        if (bad->rule == RULE_MEM_UAF && is_freed_by_woken(s, block)) {
            bad->rule = RULE_KRN_089;
        }
        bad->prior = block->died;
        snprintf(bad->text, sizeof(bad->text), "offset %lld of a freed block (%s, freed by %s)",
                 (long long)(address - block->base), where,
                 maker(block->died.routine));
        if (bad->socket != 0) {
            add_socket(bad);
        }
    } else if (sim_shadow_at(address) == SIM_SHADOW_HIDDEN) {
        judge_paged(s, bad);
        snprintf(bad->text, sizeof(bad->text), "offset %lld of paged memory at %s%s (%s)",
                 (long long)(address - block->base), ke_irql_name(s->current->level),
                 bad->rule == RULE_KRN_120 ? " with a spin lock held" : "", where);
    } else if (sim_shadow_at(address) == SIM_SHADOW_OWNED) {
        bad->rule = owned_rule(block->kind);
        bad->prior = block->born;
        snprintf(bad->text, sizeof(bad->text),
                 "offset %lld of memory that is the system's at this moment (%s)",
                 (long long)(address - block->base), where);
    } else {
        /* Behind a table of WSK: a member that it does not have (REG-015, SOCK-021). */
        bool is_table = block->kind == BLOCK_SUBSYSTEM && block->tag != 0;
        bad->rule = is_table ? (enum model_rule)block->tag : RULE_MEM_OVERFLOW;
        bad->prior = block->born;
        snprintf(bad->text, sizeof(bad->text), "offset %lld, outside a block (%s)",
                 (long long)(address - block->base), where);
    }
}

static void judge_stack(uintptr_t address, struct bad_memory *bad)
{
    uint8_t shadow = sim_shadow_at(address);
    if (shadow == SIM_SHADOW_RETURNED) {
        bad->rule = RULE_MEM_STACK_RETURNED;
        snprintf(bad->text, sizeof(bad->text), "a local variable of a function that has returned");
    } else if (shadow == SIM_SHADOW_OWNED) {
        bad->rule = RULE_IRP_019;
        snprintf(bad->text, sizeof(bad->text),
                 "memory on the stack that is the system's at this moment");
    } else if (shadow == SHADOW_SCOPE_LEFT) {
        bad->rule = RULE_MEM_STACK_RETURNED;
        snprintf(bad->text, sizeof(bad->text), "a local variable whose scope has been left");
    } else {
        bad->rule = RULE_MEM_OVERFLOW;
        snprintf(bad->text, sizeof(bad->text), "bytes outside a local variable");
    }
}

/* The status of a request in flight, wherever the IRP lies (IRP-030). */
static bool judge_status(struct sim *s, uintptr_t address, struct bad_memory *bad)
{
    const struct io_irp *irp = io_irp_owning(s, address);
    if (irp == NULL || sim_shadow_at(address) != SIM_SHADOW_OWNED) {
        return false;
    }
    bad->rule = RULE_IRP_030;
    bad->object = irp->object;
    bad->prior = irp->submitted;
    snprintf(bad->text, sizeof(bad->text),
             "the IoStatus of an IRP that was passed to %s and is not completed yet",
             model_routine_name(irp->submitted_to));
    return true;
}

/* KRN-201: an address that was read from pool nobody has written, or one near it. */
static bool judge_pattern(const struct sim *s, uintptr_t address, struct bad_memory *bad)
{
    uint64_t pattern = 0x0101010101010101ull * (s->options.fill != 0 ? s->options.fill : 0xCD);
    if ((address ^ pattern) >> 16 != 0) {
        return false;
    }
    bad->rule = RULE_KRN_201;
    snprintf(bad->text, sizeof(bad->text),
             "an address that was read from memory nobody had written");
    return true;
}

static void judge_wild(struct sim *s, uintptr_t address, struct bad_memory *bad)
{
    const struct sim_where *refused = wsk_extension_refused(s, address);
    bad->rule = refused != NULL ? RULE_CTL_174 : RULE_MEM_WILD;
    if (refused != NULL) {
        bad->prior = *refused;
    }
    snprintf(bad->text, sizeof(bad->text), "an address that is no memory of the driver%s",
             refused != NULL ? "; the output of a SIO_WSK_REGISTER_EXTENSION that failed led there"
                             : "");
}

static void judge(struct sim *s, uintptr_t address, struct bad_memory *bad)
{
    memset(bad, 0, sizeof(*bad));
    if (judge_pattern(s, address, bad)) {
        return;
    }
    if (judge_status(s, address, bad)) {
        return;
    }
    if (address < NULL_PAGES) {
        const char *event = address < INDICATION_BYTES ? wsk_event_told_nothing(s) : NULL;
        bad->rule = event != NULL ? RULE_CTL_187 : RULE_MEM_NULL;
        snprintf(bad->text, sizeof(bad->text), "offset %llu of a NULL pointer%s%s",
                 (unsigned long long)address,
                 event != NULL ? ", and a NULL indication is all that was given to " : "",
                 event != NULL ? event : "");
    } else if (sim_memory_is_arena(address)) {
        judge_arena(s, address, bad);
    } else if (sim_memory_is_stack(address)) {
        judge_stack(address, bad);
    } else if (sim_memory_is_module(address)) {
        bool global = sim_shadow_at(address) == SHADOW_GLOBAL;
        bad->rule = global ? RULE_MEM_OVERFLOW : RULE_MEM_WILD;
        snprintf(bad->text, sizeof(bad->text), "%s",
                 global ? "bytes outside a global variable" : "an invalid address of the driver");
    } else {
        judge_wild(s, address, bad);
    }
}

/*
 * A pageable block, hidden because of the IRQL, is touched by a routine. That is the driver's fault
 * if the IRQL is its own: a routine of WSK works at an IRQL of its choice, as does what completes
 * a request.
 */
static bool is_ours_to_touch(struct sim *s, uintptr_t address)
{
    const struct model *m = model_of(s);
    unsigned routine = s->current->routine;
    return s->is_hidden && sim_memory_is_arena(address) &&
           sim_shadow_at(address) == SIM_SHADOW_HIDDEN &&
           (routine == 0 || m->writes_for != NULL ||
            strncmp(model_routine_name(routine), "Wsk", 3) == 0);
}

/* A buffer of a control request that is gone before the completion (CTL-040, CTL-041). */
static void name_lifetime(const struct model *m, struct bad_memory *bad)
{
    bool is_control = m->writes_for != NULL && (m->writes_routine == ROUTINE_WskControlSocket ||
                                                m->writes_routine == ROUTINE_WskControlClient);
    if (is_control && bad->rule == RULE_MEM_UAF) {
        bad->rule = RULE_CTL_040;
    } else if (is_control && bad->rule == RULE_MEM_STACK_RETURNED) {
        bad->rule = RULE_CTL_041;
    }
}

void model_touch_breach(struct sim *s, const void *p, size_t size, uintptr_t bad_address,
                        const char *what)
{
    struct bad_memory bad;
    if (is_ours_to_touch(s, bad_address)) {
        sim_pageable_reveal(s);
        if (sim_memory_ok(p, size, &bad_address)) {
            return;
        }
    }
    const struct model *m = model_of(s);
    judge(s, bad_address, &bad);
    name_lifetime(m, &bad);
    unsigned routine = m->writes_for != NULL ? m->writes_routine : s->current->routine;
    const struct sim_where *prior =
        m->writes_for != NULL && bad.prior.seq == 0 ? m->writes_for : &bad.prior;
    bool reaches_out = strncmp(bad.text, "bytes ", 6) == 0; /* "is outside a local variable" */
    model_fail(s, bad.rule, bad.object, prior, "%s: %s (%zu bytes, bad from byte %lld) is %s",
               model_routine_name(routine), what, size,
               (long long)(bad_address - (uintptr_t)p), bad.text + (reaches_out ? 6 : 0));
}

void model_resident(struct sim *s, const void *p, size_t size, enum model_rule rule,
                    const char *what)
{
    struct sim_block *block;
    (void)size; /* a block is paged as a whole */
    if (!WSKSIM_MONITORS || !sim_memory_is_arena((uintptr_t)p)) {
        return;
    }
    block = sim_block_find(s, (uintptr_t)p);
    if (block != NULL && block->kind == BLOCK_PAGED && block->state == SIM_BLOCK_LIVE) {
        char where[128];
        describe_block(block, where, sizeof(where));
        model_fail(s, rule, block->object, &block->born, "%s: %s lies in paged memory (%s)",
                   model_routine_name(s->current->routine), what, where);
    }
}

bool model_is_driver(const void *at)
{
    /* Tests play the driver from the executable itself. */
    extern const char __executable_start[], etext[];
    uintptr_t address = (uintptr_t)at;
    return sim_memory_is_module(address) ||
           (address >= (uintptr_t)__executable_start && address < (uintptr_t)etext);
}

/* KRN-286. Only calls by the system are seen, not those of the driver's own functions. */
static void check_discarded(struct sim *s, uintptr_t address, const char *what)
{
    const struct sim_module *module = sim_module_current();
    model_exercised(s, RULE_KRN_286);
    if (module != NULL && address - module->init < module->init_end - module->init &&
        run_phase(s) != PHASE_ENTRY) {
        model_fail(s, RULE_KRN_286, 0, NULL,
                   "%s lies in section INIT, which is gone once DriverEntry has returned", what);
    }
}

void model_code(struct sim *s, const void *function, const char *what)
{
    uintptr_t address = (uintptr_t)function;
    if (!WSKSIM_MONITORS) {
        return;
    }
    if (model_is_driver(function)) {
        check_discarded(s, address, what);
        return;
    }
    if (address < NULL_PAGES) {
        model_fail(s, RULE_MEM_NULL, 0, NULL, "%s: %s is a NULL pointer",
                   model_routine_name(s->current->routine), what);
    }
    model_fail(s, RULE_MEM_WILD, 0, NULL, "%s: %s does not point into the driver's code",
               model_routine_name(s->current->routine), what);
}

/* ---- what the engine noticed ---- */

/* An invalid address inside try/except, which does not help against it (KRN-062). */
static void judge_handled(struct sim *s, struct bad_memory *bad)
{
    const struct ke_context *c = s->current->user;
    model_exercised(s, RULE_KRN_062);
    if (bad->rule == RULE_MEM_WILD && c != NULL && c->seh != NULL) {
        bad->rule = RULE_KRN_062;
    }
}

static void on_memory_fault(struct sim *s, uintptr_t address, size_t size, bool is_write,
                            uintptr_t pc)
{
    struct bad_memory bad;
    (void)pc; /* the engine has charged it to the context already */
    judge(s, address, &bad);
    judge_handled(s, &bad);
    model_fail(s, bad.rule, bad.object, &bad.prior, "the driver %s %zu bytes at %s",
               is_write ? "writes" : "reads", size, bad.text);
}

static bool in_stack_region(uintptr_t address)
{
    return address >= SIM_STACK_BASE &&
           address < SIM_STACK_BASE + (uint64_t)SIM_STACKS_MAX * SIM_STACK_STRIDE;
}

static void on_signal_fault(struct sim *s, int signal_number, uintptr_t address, uintptr_t pc)
{
    struct bad_memory bad;
    (void)pc;
    if (signal_number == SIGFPE) {
        fail_machine(s, RULE_MEM_DIVIDE, NULL, "the driver divides by zero or overflows");
    }
    if (signal_number == SIGILL || signal_number == SIGTRAP) {
        fail_machine(s, RULE_MEM_ILLEGAL, NULL, "the driver executes an illegal instruction");
    }
    if (in_stack_region(address) && !sim_memory_ok((const void *)address, 1, NULL)) {
        fail_machine(s, RULE_MEM_STACK_OVERFLOW, NULL,
                     "the kernel stack of this context is used up (%u KiB)", SIM_STACK_BYTES >> 10);
    }
    judge(s, address, &bad);
    judge_handled(s, &bad);
    fail_machine(s, bad.rule, &bad, "the driver touches %s", bad.text);
}

static void on_deadlock(struct sim *s)
{
    char text[SIM_TEXT_MAX - 64];
    uint32_t event;
    struct sim_where cleared;
    /* A silent peer is no fault of the driver: first the world gives up, then we judge. */
    if (!world_is_healed(s)) {
        world_heal(s);
        if (sim_events_pending(s) > 0) {
            return;
        }
    }
    if (wsk_relieve(s)) {
        return;
    }
    ke_describe_blocked(s, text, sizeof(text));
    /* As long as a request waits, its completion may be the signal that is missing. */
    if (!wsk_any_request_waits(s) && ke_lost_wakeup(s, &event, &cleared)) {
        model_fail(s, RULE_SYS_LOST_WAKEUP, event, &cleared,
                   "a signal was cleared before anybody had seen it, and now: %s", text);
    }
    wsk_check_lock_cycle(s);
    if (wsk_check_deadlock(s)) {
        return;
    }
    ke_check_deadlock(s, text);
    model_fail(s, RULE_SYS_DEADLOCK, 0, NULL, "nothing can run any more: %s", text);
}

static void on_livelock(struct sim *s)
{
    char text[SIM_TEXT_MAX - 96];
    ke_describe_blocked(s, text, sizeof(text));
    model_fail(s, RULE_SYS_LIVELOCK, 0, NULL, "no end after %llu steps and %llu ms: %s",
               (unsigned long long)s->steps, (unsigned long long)(s->now / SIM_MS(1)), text);
}

/*
 * A driver may sleep for hours, but not while it is being unloaded. Who has passed many points in
 * that time does not sleep, it polls.
 */
static void on_late(struct sim *s)
{
    enum { POLLING_POINTS = 10000 };
    if (run_phase(s) != PHASE_UNLOAD && s->steps < POLLING_POINTS) {
        sim_limit(s, "options.time_max: long waits need more virtual time (-max_time)");
    }
}

static void on_undefined(struct sim *s, const char *what, const char *file, unsigned line,
                         uintptr_t pc)
{
    (void)pc; /* the engine has charged it to the context */
    model_fail(s, RULE_SYS_UBSAN, 0, NULL, "undefined behaviour: %s at %s:%u", what, file, line);
}

/* Ke gives the record of a context back at its end (ke_context_release); nothing must be left. */
static void on_context_done(struct sim *s, struct sim_ctx *ctx)
{
    (void)s;
    SIM_ASSERT(ctx->user == NULL);
}

const struct sim_hooks model_hooks = {
    .memory_fault = on_memory_fault,
    .signal_fault = on_signal_fault,
    .deadlock = on_deadlock,
    .livelock = on_livelock,
    .late = on_late,
    .undefined = on_undefined,
    .context_done = on_context_done,
    .touches = model_touches,
    .race = model_race,
};
