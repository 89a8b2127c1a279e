/* SPDX-License-Identifier: MIT */
/*
 * What the model makes of a race that the detector has seen (sim/race.h): which rule it breaks, in
 * words, or a lint if it may well be meant so.
 *
 *   KRN-301        a read-modify-write in two steps beside an interlocked operation
 *   KRN-133        one side holds a lock that the other, at DISPATCH_LEVEL, could not have taken
 *   SYS-RACE       any other two accesses that nothing orders
 *   lints          KRN-301 interlocked on one side; KRN-323 a flag, volatile on one side;
 *                  SYS-RACE-SAME a write that changes nothing
 *
 * Blame follows knowledge: memory of the system inside objects that the driver only hands around is
 * not the driver's to order, and its accesses are not looked at.
 */
#include "model/ke/ke.h"
#include "model/model.h"
#include "sim/module.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
    size_t at;
    char bytes[SIM_TEXT_MAX];
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = vsnprintf(t->bytes + t->at, sizeof t->bytes - t->at, format, list);
    va_end(list);
    t->at += length > 0 ? (size_t)length : 0;
    t->at = t->at < sizeof t->bytes ? t->at : sizeof t->bytes - 1;
}

static const char *access_name(uint32_t how)
{
    bool is_write = (how & SIM_ACCESS_WRITE) != 0;
    if ((how & SIM_ACCESS_FREE) != 0) {
        return "freeing";
    }
    if ((how & SIM_ACCESS_ATOMIC) != 0) {
        return is_write ? "an interlocked operation" : "an atomic read";
    }
    if ((how & SIM_ACCESS_VOLATILE) != 0) {
        return is_write ? "a volatile write" : "a volatile read";
    }
    return is_write ? "a write" : "a read";
}

/* "a write by thread#2 at DISPATCH_LEVEL holding spinlock#1" */
static void add_side(struct text *t, const struct sim_race_side *side)
{
    char name[48] = "the system";
    if (side->context != UINT16_MAX) {
        sim_context_label(side->context, name, sizeof name);
    }
    add(t, "%s by %s at %s", access_name(side->how), name, ke_irql_name(side->level));
    for (uint32_t i = 0; i < side->locks->count && i < RACE_LOCKS_MAX; i++) {
        add(t, "%s%s", i == 0 ? " holding " : ", ",
            model_object_name(side->locks->object[i], name, sizeof name));
    }
    if (side->locks->count == 0) {
        add(t, " holding no lock");
    }
}

/* "16 bytes into non-paged pool 'Echo' (64 bytes)" */
static void add_place(struct text *t, struct sim *s, uintptr_t address, uint32_t *object)
{
    const struct sim_block *block = sim_block_find(s, address);
    char tag[7];
    if (block != NULL) {
        *object = block->object;
        add(t, "%llu bytes into a block of %u bytes", (unsigned long long)(address - block->base),
            block->size);
        if (block->tag != 0 && block->kind <= BLOCK_PAGED) {
            add(t, " (pool %s, allocated by %s)", model_tag_text(block->tag, tag),
                model_routine_name(block->born.routine));
        }
    } else if (sim_memory_is_stack(address)) {
        add(t, "a local variable");
    } else {
        add(t, "a global variable");
    }
}

/* A lock that can be taken below DISPATCH_LEVEL only. */
static bool has_passive_lock(const struct sim_race_locks *locks)
{
    for (uint32_t i = 0; i < locks->count && i < RACE_LOCKS_MAX; i++) {
        switch (locks->object[i] >> 24) {
        case OBJECT_FAST_MUTEX:
        case OBJECT_MUTEX:
        case OBJECT_RESOURCE:
        case OBJECT_PUSH_LOCK:
            return true;
        default:
            break;
        }
    }
    return false;
}

static enum model_rule rule_of(const struct sim_race *race)
{
    const struct sim_race_side *a = &race->first, *b = &race->second;
    bool misses_lock = (a->level >= DISPATCH_LEVEL && has_passive_lock(b->locks)) ||
                       (b->level >= DISPATCH_LEVEL && has_passive_lock(a->locks));
    switch (race->idiom) {
    case SIM_RACE_MIXED_UPDATE:
    case SIM_RACE_INTERLOCKED:
        return RULE_KRN_301;
    case SIM_RACE_VOLATILE:
    case SIM_RACE_FLAG:
        return RULE_KRN_323;
    case SIM_RACE_SAME_VALUE:
        return RULE_SYS_RACE_SAME;
    case SIM_RACE_PLAIN:
    case SIM_RACE_LOST_UPDATE:
    case SIM_RACE_FREED:
    case SIM_RACE_IDIOMS:
        break;
    }
    return misses_lock ? RULE_KRN_133 : RULE_SYS_RACE;
}

static void fail(struct sim *s, enum model_rule rule, const struct sim_race *race)
{
    static struct sim_violation v; /* large; a run has at most one */
    static struct text text;
    const bool is_benign = sim_race_is_benign(race->idiom);
    memset(&v, 0, sizeof v);
    text.at = 0;
    add(&text, "data race%s%s%s: ", is_benign ? " (benign idiom: " : "",
        is_benign ? sim_race_idiom_name(race->idiom) : "", is_benign ? ")" : "");
    add_side(&text, &race->second);
    add(&text, " and, before it, ");
    add_side(&text, &race->first);
    add(&text, ", with nothing that orders them: ");
    add_place(&text, s, race->address, &v.object[0]);
    memcpy(v.text, text.bytes, sizeof v.text);
    v.rule = (uint32_t)rule;
    v.here = race->here;
    v.prior = (struct sim_where){.seq = race->captured_seq != 0 ? race->captured_seq : 1,
                                 .context = race->first.id, .site = race->first.site};
    v.prior_access = race->first.number;
    v.prior_slot = race->first.context;
    memcpy(v.stack, race->stack, sizeof v.stack);
    v.stack_depth = race->stack_depth;
    model_fail_with(s, &v);
}

void model_race(struct sim *s, const struct sim_race *race)
{
    enum model_rule rule = rule_of(race);
    bool is_benign = sim_race_is_benign(race->idiom);
    if (!WSKSIM_MONITORS) {
        return;
    }
    if (!is_benign || rule + 1u == model_lint_strict) {
        fail(s, rule, race);
    }
    model_lint(s, rule);
}
