/* SPDX-License-Identifier: MIT */
/* See flags.h. */
#include "replay/flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum flag_kind { FLAG_SWITCH, FLAG_NUMBER, FLAG_TEXT, FLAG_WORD, FLAG_KNOB };

struct flag {
    const char *name;
    enum flag_kind kind;
    size_t offset; /* in struct flags */
    int64_t low, high, normal;
    const char *text;  /* TEXT, WORD: default */
    const char *words; /* WORD: "a|b|c" */
    unsigned commands;
    const char *help;
};

enum {
    RUNS = FLAGS_CHECK | FLAGS_FUZZ,                    /* make a campaign */
    CASES = FLAGS_REPLAY | FLAGS_SHOW | FLAGS_MINIMIZE, /* take a case */
    OPTIONS = RUNS | FLAGS_IMPORT | FLAGS_REPLAY | FLAGS_SHOW | FLAGS_MINIMIZE,
    STORE = RUNS | CASES | FLAGS_LIST | FLAGS_IMPORT | FLAGS_EXPORT | FLAGS_RULES,
};

#define AT(field) offsetof(struct flags, field)
#define ON_OFF(name, normal, commands, help)                                                       \
    {                                                                                              \
#name, FLAG_SWITCH, AT(name), 0, 1, normal, NULL, NULL, commands, help                     \
    }
#define AMOUNT(name, low, high, normal, commands, help)                                            \
    {                                                                                              \
#name, FLAG_NUMBER, AT(name), low, high, normal, NULL, NULL, commands, help                \
    }
#define STRING(name, normal, commands, help)                                                       \
    {                                                                                              \
#name, FLAG_TEXT, AT(name), 0, 0, 0, normal, NULL, commands, help                          \
    }
#define REPEATED(name, commands, help)                                                             \
    {                                                                                              \
#name, FLAG_KNOB, 0, 0, 0, 0, NULL, NULL, commands, help                                   \
    }
#define ONE_OF(name, normal, words, commands, help)                                                \
    {                                                                                              \
#name, FLAG_WORD, AT(name), 0, 0, 0, normal, words, commands, help                         \
    }

static const struct flag table[] = {
#include "replay/flags.def"
};

/* ---- nearest name ---- */

/* Edit distance, cut at names of 31 letters. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[32];
    size_t length = strlen(b);
    if (length > 31) {
        return 32;
    }
    for (unsigned k = 0; k <= length; k++) {
        row[k] = k;
    }
    for (unsigned i = 1; a[i - 1] != '\0'; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned k = 1; k <= length; k++) {
            unsigned change = corner + (a[i - 1] != b[k - 1]);
            corner = row[k];
            unsigned drop = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            row[k] = change < drop ? change : drop;
        }
    }
    return row[length];
}

const char *flags_nearest(const char *name, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t length = strlen(name);
    /* below this it is a typing error */
    unsigned best_distance = length <= 3 ? 2 : length <= 6 ? 3 : 4;
    for (size_t i = 0; i < count; i++) {
        unsigned d = distance(name, names[i]);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}

/* ---- parsing ---- */

static const struct flag *find(const char *name)
{
    for (size_t i = 0; i < SIM_COUNT(table); i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static bool refuse_unknown(const char *name, enum flags_command command, char *message, size_t size)
{
    const char *names[SIM_COUNT(table)];
    size_t count = 0;
    for (size_t i = 0; i < SIM_COUNT(table); i++) {
        if ((table[i].commands & command) != 0) {
            names[count++] = table[i].name;
        }
    }
    const char *nearest = flags_nearest(name, names, count);
    if (find(name) != NULL) {
        snprintf(message, size,
                 "option -%s does not belong to this command; --help lists those that do", name);
    } else if (nearest != NULL) {
        snprintf(message, size, "unknown option -%s; did you mean -%s?", name, nearest);
    } else {
        snprintf(message, size, "unknown option -%s; --help lists the options", name);
    }
    return false;
}

static bool set_number(struct flags *flags, const struct flag *flag, const char *value,
                       char *message, size_t size)
{
    char *end = NULL;
    errno = 0;
    long long number = value != NULL ? strtoll(value, &end, 10) : 0;
    if (value == NULL || end == value || *end != '\0' || errno != 0 || number < flag->low ||
        number > flag->high) {
        snprintf(message, size, "-%s=%s: a number from %lld to %lld is expected", flag->name,
                 value != NULL ? value : "", (long long)flag->low, (long long)flag->high);
        return false;
    }
    memcpy((char *)flags + flag->offset, &(int64_t){number}, sizeof(int64_t));
    return true;
}

static bool set_text(struct flags *flags, const struct flag *flag, const char *value, char *message,
                     size_t size)
{
    if (value == NULL || *value == '\0') {
        snprintf(message, size, "-%s= needs a value", flag->name);
        return false;
    }
    if (flag->offset == AT(lint) && model_rule_find(value) == MODEL_RULE_COUNT) {
        snprintf(message, size, "-lint=%s: no such rule; 'wsksim rules' lists them", value);
        return false;
    }
    memcpy((char *)flags + flag->offset, &value, sizeof value);
    return true;
}

static bool set_word(struct flags *flags, const struct flag *flag, const char *value, char *message,
                     size_t size)
{
    size_t length = value != NULL ? strlen(value) : 0;
    for (const char *p = flag->words; length > 0 && *p != '\0'; p += strspn(p, "|")) {
        size_t word = strcspn(p, "|");
        if (word == length && strncmp(p, value, length) == 0) {
            memcpy((char *)flags + flag->offset, &value, sizeof value);
            return true;
        }
        p += word;
    }
    snprintf(message, size, "-%s=%s: expected one of %s", flag->name, value != NULL ? value : "",
             flag->words);
    return false;
}

static const char *nearest_knob(const char *name)
{
    const char *names[MODEL_KNOB_COUNT];
    for (int i = 0; i < MODEL_KNOB_COUNT; i++) {
        names[i] = model_knobs[i].name;
    }
    return flags_nearest(name, names, MODEL_KNOB_COUNT);
}

static bool set_knob(struct flags *flags, const char *value, char *message, size_t size)
{
    char name[64] = "";
    const char *equals = value != NULL ? strchr(value, '=') : NULL;
    if (equals == NULL || (size_t)(equals - value) >= sizeof name) {
        snprintf(message, size, "-knob=NAME=VALUE is expected; 'wsksim rules -knobs=1' lists them");
        return false;
    }
    memcpy(name, value, (size_t)(equals - value));
    enum model_knob knob = model_knob_find(name);
    if (knob >= MODEL_KNOB_COUNT) {
        const char *nearest = nearest_knob(name);
        snprintf(message, size, "-knob=%s: no such knob%s%s%s", name,
                 nearest != NULL ? "; did you mean " : "; 'wsksim rules -knobs=1' lists them",
                 nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
        return false;
    }
    int number = model_knob_value_find(knob, equals + 1);
    if (number < 0) {
        snprintf(message, size, "-knob=%s=%s: expected one of %s", name, equals + 1,
                 model_knobs[knob].value_names);
        return false;
    }
    if (flags->forced.knob_count == REPLAY_FORCED_KNOBS_MAX) {
        snprintf(message, size, "-knob=: at most %d", REPLAY_FORCED_KNOBS_MAX);
        return false;
    }
    flags->forced.knob[flags->forced.knob_count].knob = (uint16_t)knob;
    flags->forced.knob[flags->forced.knob_count++].value = (uint16_t)number;
    return true;
}

static bool set_option(struct flags *flags, enum flags_command command, const char *word,
                       char *message, size_t size)
{
    char name[32];
    size_t length = strcspn(word, "=");
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    snprintf(name, sizeof name, "%.*s", length < 31 ? (int)length : 31, word);
    if (strcmp(name, "h") == 0) {
        snprintf(name, sizeof name, "help");
    }
    const struct flag *flag = find(name);
    if (flag == NULL || (flag->commands & command) == 0) {
        return refuse_unknown(name, command, message, size);
    }
    switch (flag->kind) {
    case FLAG_SWITCH:
        return set_number(flags, flag, value != NULL ? value : "1", message, size);
    case FLAG_NUMBER:
        return set_number(flags, flag, value, message, size);
    case FLAG_TEXT:
        return set_text(flags, flag, value, message, size);
    case FLAG_WORD:
        return set_word(flags, flag, value, message, size);
    case FLAG_KNOB:
        return set_knob(flags, value, message, size);
    }
    return false;
}

static void set_defaults(struct flags *flags)
{
    memset(flags, 0, sizeof *flags);
    for (size_t i = 0; i < SIM_COUNT(table); i++) {
        const struct flag *flag = &table[i];
        char *field = (char *)flags + flag->offset;
        switch (flag->kind) {
        case FLAG_SWITCH:
        case FLAG_NUMBER:
            memcpy(field, &flag->normal, sizeof flag->normal);
            break;
        case FLAG_TEXT:
        case FLAG_WORD:
            memcpy(field, &flag->text, sizeof flag->text);
            break;
        case FLAG_KNOB:
            break;
        }
    }
}

bool flags_parse(struct flags *flags, enum flags_command command, int count, char *const *words,
                 char *message, size_t size)
{
    bool options_end = false;
    set_defaults(flags);
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
        } else if (!options_end && word[0] == '-' && word[1] != '\0') {
            word += word[1] == '-' ? 2 : 1;
            if (!set_option(flags, command, word, message, size)) {
                return false;
            }
        } else if (flags->argument_count == FLAGS_ARGUMENTS_MAX) {
            snprintf(message, size, "more than %d arguments", FLAGS_ARGUMENTS_MAX);
            return false;
        } else {
            flags->argument[flags->argument_count++] = word;
        }
    }
    return true;
}

struct replay_options flags_options(const struct flags *flags)
{
    struct replay_options options = flags->forced;
    options.sim.processors = flags->processors > 0 ? (uint32_t)flags->processors : 0;
    options.sim.steps_max = flags->max_steps > 0 ? (uint64_t)flags->max_steps : 0;
    options.sim.time_max = flags->max_time > 0 ? SIM_MS((uint64_t)flags->max_time) : 0;
    options.sim.fill = flags->fill > 0 ? (uint8_t)flags->fill : 0;
    options.access_points = flags->access == 1;
    options.sim.races = flags->races == 1;
    options.strict_lint =
        flags->lint[0] != '\0' ? (uint16_t)(model_rule_find(flags->lint) + 1) : 0;
    return options;
}

void flags_help(FILE *out, enum flags_command command)
{
    for (size_t i = 0; i < SIM_COUNT(table); i++) {
        if ((table[i].commands & command) != 0) {
            char name[40];
            snprintf(name, sizeof name, "-%s%s", table[i].name,
                     table[i].kind == FLAG_SWITCH ? "" : "=");
            fprintf(out, "  %-20s %s\n", name, table[i].help);
        }
    }
}
