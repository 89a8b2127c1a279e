/* SPDX-License-Identifier: MIT */
/*
 * What is known of each rule: kind, severity, text and pages (model/rules), the files that enforce
 * it (found in the sources when wsksim was built), the cases that prove it (tests/rules), how often
 * the last campaign looked at it (the database).
 */
#ifndef REPLAY_RULE_LIST_H
#define REPLAY_RULE_LIST_H

#include "replay/selftest.h"
#include "replay/store.h"

struct rule_evidence {
    const struct wsksim_cases *cases;      /* NULL = not installed */
    const struct store_campaign *campaign; /* NULL = no database, or none in it */
};

/* A rule's id or a mutant's name, and a file that knows it; made by the build. */
struct rule_place {
    const char *id, *file; /* NULL, NULL at the end */
};
extern const struct rule_place rule_places[];

/* One line: id, kind, severity, text. */
void rule_print_line(const struct model_rule_info *rule);
/* All of it. */
void rule_print(enum model_rule rule, const struct rule_evidence *evidence);

/*
 * The rows of the gate's transition table (T-01...) whose id begins with prefix, and what proves
 * them; how many there are. They are no rules: nobody breaks them.
 */
unsigned rule_print_rows(const char *prefix, bool is_brief, const struct wsksim_cases *cases);

/*
 * A line for each case and each test elsewhere that the prefix selects, and for each mutant that
 * breaks what it selects; how many lines.
 */
unsigned rule_print_cases(const char *prefix, const struct wsksim_cases *cases);

/*
 * The rule under which a mistake against this one is found: itself, or a consequence; NULL if no
 * case makes such a mistake. The text is valid until the next call.
 */
const char *rule_found_as(const char *id, const struct wsksim_cases *cases);

/* True if a case, or a test named in tests/rules/elsewhere.def, proves it. */
bool rule_is_proven(const char *id, const struct wsksim_cases *cases);

#endif
