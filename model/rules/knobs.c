/* SPDX-License-Identifier: MIT */
/* The table of knobs.h, filled from knobs.def, and the search by name. */
#include "model/rules/knobs.h"

#include <string.h>

const struct model_knob_info model_knobs[MODEL_KNOB_COUNT] = {
#define KNOB(name, id, scope, values, on_request, value_names, question)                           \
    {id, MODEL_KNOB_##scope, values, on_request, value_names, question},
#include "model/rules/knobs.def"
#undef KNOB
};

static const char *const silences[MODEL_KNOB_COUNT] = {
#define SILENCE(knob, ids) [KNOB_##knob] = ids,
#include "model/rules/silences.def"
#undef SILENCE
};

const char *model_knob_silences(enum model_knob knob)
{
    return silences[knob] != NULL ? silences[knob] : "";
}

enum model_knob model_knob_find(const char *name)
{
    unsigned knob = 0;

    while (knob < MODEL_KNOB_COUNT && strcmp(model_knobs[knob].name, name) != 0) {
        knob++;
    }
    return (enum model_knob)knob;
}

/* Start and length of the name of a value inside "a|b|c"; length 0 if there is no such value. */
static const char *value_span(enum model_knob knob, unsigned value, size_t *length)
{
    const char *name = model_knobs[knob].value_names;

    while (value != 0 && *name != '\0') {
        name += strcspn(name, "|");
        name += *name == '|';
        value--;
    }
    *length = strcspn(name, "|");
    return name;
}

/* A number of one or two digits, or -1. No knob has more values than that. */
static int small_number(const char *text)
{
    int number = 0;
    size_t length = strspn(text, "0123456789");

    if (length == 0 || length > 2 || text[length] != '\0') {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

int model_knob_value_find(enum model_knob knob, const char *value)
{
    int number = small_number(value);

    /* Names first: some values are named by a number (a backlog of 16). */
    for (unsigned i = 0; i < model_knobs[knob].values; i++) {
        size_t length;
        const char *name = value_span(knob, i, &length);
        if (strlen(value) == length && strncmp(value, name, length) == 0) {
            return (int)i;
        }
    }
    return number >= 0 && (unsigned)number < model_knobs[knob].values ? number : -1;
}

const char *model_knob_value_name(enum model_knob knob, unsigned value, char *buffer, size_t size)
{
    size_t length;
    const char *name = value_span(knob, value, &length);

    if (size != 0) {
        if (length >= size) {
            length = size - 1;
        }
        memcpy(buffer, name, length);
        buffer[length] = '\0';
    }
    return buffer;
}
