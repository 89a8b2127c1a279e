/* SPDX-License-Identifier: MIT */
/*
 * The numbered rules of the contract as data: who is bound, how grave a breach is, what to print.
 *
 * rules.def is the only list; the enumeration and the table are both generated from it, so they
 * cannot disagree. The order of the enumeration is no interface: stored cases name rules by id.
 */
#ifndef MODEL_RULES_RULES_H
#define MODEL_RULES_RULES_H

enum model_rule {
#define RULE(name, id, kind, severity, text, source, codes) RULE_##name,
#include "model/rules/rules.def"
#undef RULE
    MODEL_RULE_COUNT
};

enum model_rule_kind {
    MODEL_KIND_CLIENT,     /* the driver must */
    MODEL_KIND_LINT,       /* advice to the driver, or what shipped drivers do otherwise */
    MODEL_KIND_BOTH,       /* a duty for the driver and one for us */
    MODEL_KIND_SUBSYSTEM,  /* our own duty */
    MODEL_KIND_PERMISSION, /* we may, so a correct driver survives it */
    MODEL_KIND_ENGINE      /* no number in the contract: memory, liveness, the host */
};

enum model_severity { MODEL_SEVERITY_NONE, MODEL_SEVERITY_WARNING, MODEL_SEVERITY_ERROR };

struct model_rule_info {
    const char *id;               /* "KRN-018" */
    enum model_rule_kind kind;
    enum model_severity severity; /* the harsher grade, where parts of a rule differ */
    const char *text;             /* one statement, plain ASCII, at most 300 characters */
    const char *source;           /* pages of the public documentation, or the evidence */
    const char *codes;            /* bug checks and tool rules of Windows; "" = nothing notices */
};

extern const struct model_rule_info model_rules[MODEL_RULE_COUNT];

/* MODEL_RULE_COUNT if no rule has this id. */
enum model_rule model_rule_find(const char *id);

/* What a lint of the rule has seen: one clause of it (lints.def), or the whole statement. */
const char *model_lint_text(enum model_rule rule);

#endif
