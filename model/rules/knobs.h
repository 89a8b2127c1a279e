/* SPDX-License-Identifier: MIT */
/*
 * The silences of the documentation as data: each knob has a default reading and others.
 *
 * knobs.def is the only list. Which value a run uses is a recorded choice (model_knob in
 * model/model.h); a report prints every value that was not the default.
 */
#ifndef MODEL_RULES_KNOBS_H
#define MODEL_RULES_KNOBS_H

#include <stddef.h>

enum model_knob {
#define KNOB(name, id, scope, values, on_request, value_names, question) KNOB_##name,
#include "model/rules/knobs.def"
#undef KNOB
    MODEL_KNOB_COUNT
};

enum model_knob_scope { MODEL_KNOB_RUN, MODEL_KNOB_EVENT };

struct model_knob_info {
    const char *name;        /* "amb.01", "close.irp_order" */
    enum model_knob_scope scope;
    unsigned values;         /* how many; value 0 is the default */
    unsigned on_request;     /* bit n set: no campaign draws value n by itself */
    const char *value_names; /* "default|second|..." */
    const char *question;
};

extern const struct model_knob_info model_knobs[MODEL_KNOB_COUNT];

/* The entries of the documents' lists of silences that it answers: "ID ID", or "". */
const char *model_knob_silences(enum model_knob knob);

/* MODEL_KNOB_COUNT if no knob has this name. */
enum model_knob model_knob_find(const char *name);

/* The number of a value given by its name or in digits; -1 if the knob has no such value. */
int model_knob_value_find(enum model_knob knob, const char *value);

/* The name of a value, cut to size; returns buffer. */
const char *model_knob_value_name(enum model_knob knob, unsigned value, char *buffer, size_t size);

#endif
