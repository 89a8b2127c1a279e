/* SPDX-License-Identifier: MIT */
/* See case_text.h. */
#include "replay/case_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/module.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint32_t replay_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *byte = bytes;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= byte[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78u : 0); /* Castagnoli, reflected */
        }
    }
    return ~crc;
}

/* ---- options ---- */

__attribute__((format(printf, 4, 5))) static void append(char *out, size_t size, size_t *at,
                                                         const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = *at < size ? vsnprintf(out + *at, size - *at, format, list) : 0;
    va_end(list);
    *at += length > 0 ? (size_t)length : 0;
}

void replay_options_text(const struct replay_options *options, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    const struct sim_options *sim = &options->sim;
    if (sim->processors != 0 && sim->processors != 2) {
        append(out, size, &at, ",p=%u", sim->processors);
    }
    if (sim->steps_max != 0) {
        append(out, size, &at, ",s=%llu", (unsigned long long)sim->steps_max);
    }
    if (sim->time_max != 0) {
        append(out, size, &at, ",t=%llu", (unsigned long long)(sim->time_max / SIM_MS(1)));
    }
    if (sim->fill != 0) {
        append(out, size, &at, ",f=%u", sim->fill);
    }
    if (options->access_points) {
        append(out, size, &at, ",a=1");
    }
    if (sim->races) {
        append(out, size, &at, ",r=1");
    }
    if (options->strict_lint != 0) {
        append(out, size, &at, ",l.%s=1", model_rules[options->strict_lint - 1].id);
    }
    for (uint32_t i = 0; i < options->knob_count; i++) {
        append(out, size, &at, ",k.%s=%u", model_knobs[options->knob[i].knob].name,
               options->knob[i].value);
    }
    if (at > 0) {
        memmove(out, out + 1, strlen(out)); /* the leading comma */
    }
}

static bool parse_knob(struct replay_options *options, const char *name, size_t length,
                       unsigned long value)
{
    char copy[64];
    if (length >= sizeof copy || options->knob_count == REPLAY_FORCED_KNOBS_MAX) {
        return false;
    }
    memcpy(copy, name, length);
    copy[length] = '\0';
    enum model_knob knob = model_knob_find(copy);
    if (knob >= MODEL_KNOB_COUNT || value >= model_knobs[knob].values) {
        return false;
    }
    options->knob[options->knob_count].knob = (uint16_t)knob;
    options->knob[options->knob_count++].value = (uint16_t)value;
    return true;
}

static bool parse_lint(struct replay_options *options, const char *id, size_t length)
{
    char copy[32];
    if (length >= sizeof copy) {
        return false;
    }
    memcpy(copy, id, length);
    copy[length] = '\0';
    enum model_rule rule = model_rule_find(copy);
    options->strict_lint = (uint16_t)(rule + 1);
    return rule != MODEL_RULE_COUNT;
}

static bool parse_option(struct replay_options *options, const char *key, size_t length,
                         unsigned long value)
{
    struct sim_options *sim = &options->sim;
    if (length > 2 && key[0] == 'k' && key[1] == '.') {
        return parse_knob(options, key + 2, length - 2, value);
    }
    if (length > 2 && key[0] == 'l' && key[1] == '.') {
        return parse_lint(options, key + 2, length - 2);
    }
    if (length != 1) {
        return false;
    }
    switch (key[0]) {
    case 'p':
        sim->processors = (uint32_t)value;
        return value >= 1 && value <= SIM_PROCESSORS_MAX;
    case 's':
        sim->steps_max = value;
        return value > 0;
    case 't':
        sim->time_max = SIM_MS(value);
        return value > 0;
    case 'f':
        sim->fill = (uint8_t)value;
        return value > 0 && value < 256;
    case 'a':
        options->access_points = value != 0;
        return value <= 1;
    case 'r':
        sim->races = value != 0;
        return value <= 1;
    default:
        return false;
    }
}

bool replay_options_parse(struct replay_options *options, const char *text)
{
    memset(options, 0, sizeof *options);
    while (*text != '\0') {
        const char *equals = strchr(text, '=');
        if (equals == NULL) {
            return false;
        }
        size_t digits = strspn(equals + 1, "0123456789");
        const char *end = equals + 1 + digits;
        if (digits == 0 || digits > 15 || (*end != ',' && *end != '\0') ||
            !parse_option(options, text, (size_t)(equals - text), strtoul(equals + 1, NULL, 10))) {
            return false;
        }
        text = *end == ',' ? end + 1 : end;
    }
    return true;
}

/* ---- base64url ---- */

static size_t base64_put(char *out, const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t word = (uint32_t)bytes[i] << 16;
        word |= i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0;
        word |= i + 2 < size ? bytes[i + 2] : 0;
        size_t digits = size - i >= 3 ? 4 : size - i + 1;
        for (size_t k = 0; k < digits; k++) {
            out[at++] = alphabet[word >> (18 - 6 * k) & 63];
        }
    }
    out[at] = '\0';
    return at;
}

static bool base64_get(uint8_t *out, const char *text, size_t length, size_t *size)
{
    uint32_t word = 0;
    unsigned bits = 0;
    *size = 0;
    for (size_t i = 0; i < length; i++) {
        const char *digit = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;
        if (digit == NULL) {
            return false;
        }
        word = word << 6 | (uint32_t)(digit - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[(*size)++] = (uint8_t)(word >> bits);
        }
    }
    return bits < 6 && (word & ((1u << bits) - 1)) == 0;
}

/* ---- the line ---- */

static void flavour_text(uint32_t flavour, char out[5])
{
    size_t at = 0;
    if ((flavour & SIM_MODULE_CHECKED) != 0) {
        out[at++] = 'c';
    }
    if ((flavour & SIM_MODULE_ACCESS) != 0) {
        out[at++] = 'a';
    }
    if ((flavour & SIM_MODULE_UNDEFINED) != 0) {
        out[at++] = 'u';
    }
    if (at == 0) {
        out[at++] = 'p';
    }
    out[at] = '\0';
}

char *replay_case_text(const struct replay_case *c)
{
    char options[REPLAY_OPTIONS_TEXT_MAX], flavour[5];
    replay_options_text(&c->options, options, sizeof options);
    flavour_text(c->flavour, flavour);
    size_t size = 192 + strlen(options) + c->choices_size * 4 / 3 + 8;
    char *text = malloc(size);
    if (text == NULL) {
        return NULL;
    }
    int at = snprintf(text, size, "wsk1:%s", c->module);
    for (char *p = text + 5; *p != '\0'; p++) { /* a file name may hold what separates fields */
        *p = *p == ':' || isspace((unsigned char)*p) ? '_' : *p;
    }
    at += snprintf(text + at, size - (size_t)at, "-%s:%s:%s:", c->identity, flavour, options);
    size_t end = (size_t)at + base64_put(text + at, c->choices, c->choices_size);
    snprintf(text + end, size - end, ":%08x", replay_crc32c(0, text, end));
    return text;
}

/* The five fields between the colons; false if there are not exactly so many. */
static bool split_line(const char *text, size_t length, const char *field[5], size_t size[5])
{
    size_t at = 0, count = 0, start = 0;
    for (; at <= length; at++) {
        if (at == length || text[at] == ':') {
            if (count == 6) {
                return false;
            }
            if (count > 0) {
                field[count - 1] = text + start;
                size[count - 1] = at - start;
            }
            count++;
            start = at + 1;
        }
    }
    return count == 6;
}

static bool parse_module(struct replay_case *c, const char *text, size_t length)
{
    size_t dash = length;
    while (dash > 0 && text[dash - 1] != '-') {
        dash--;
    }
    if (dash < 2 || length - dash != 16 || dash - 1 >= sizeof c->module) {
        return false;
    }
    memcpy(c->module, text, dash - 1);
    memcpy(c->identity, text + dash, 16);
    return strspn(c->identity, "0123456789abcdef") == 16;
}

static bool parse_flavour(struct replay_case *c, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case 'c':
            c->flavour |= SIM_MODULE_CHECKED;
            break;
        case 'a':
            c->flavour |= SIM_MODULE_ACCESS;
            break;
        case 'u':
            c->flavour |= SIM_MODULE_UNDEFINED;
            break;
        case 'p':
            break;
        default:
            return false;
        }
    }
    return length > 0;
}

static bool parse_options_field(struct replay_case *c, const char *text, size_t length)
{
    char copy[REPLAY_OPTIONS_TEXT_MAX];
    if (length >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return replay_options_parse(&c->options, copy);
}

bool replay_case_parse(struct replay_case *c, const char *text, char *message, size_t size)
{
    const char *field[5];
    size_t length[5];
    memset(c, 0, sizeof *c);
    size_t total = strcspn(text, " \t\r\n");
    const char *wrong = NULL;
    if (strncmp(text, "wsk", 3) != 0) {
        wrong = "does not begin with 'wsk1:'";
    } else if (strncmp(text, "wsk1:", 5) != 0) {
        wrong = "is of another version than 'wsk1:'; update wsksim";
    } else if (!split_line(text, total, field, length)) {
        wrong = "is not whole: six fields between colons are expected; copy all of it";
    } else if (length[4] != 8 || strspn(field[4], "0123456789abcdef") < 8 ||
               strtoul(field[4], NULL, 16) !=
                   replay_crc32c(0, text, (size_t)(field[4] - 1 - text))) {
        wrong = "is damaged: its checksum does not fit; copy it again";
    } else if (!parse_module(c, field[0], length[0])) {
        wrong = "names its module badly (name-identity)";
    } else if (!parse_flavour(c, field[1], length[1])) {
        wrong = "has an unknown flavour";
    } else if (!parse_options_field(c, field[2], length[2])) {
        wrong = "has an option this wsksim does not know";
    } else {
        c->choices = malloc(length[3] + 1);
        if (c->choices == NULL || !base64_get(c->choices, field[3], length[3], &c->choices_size)) {
            wrong = "has choices that are not base64url";
        }
    }
    if (wrong != NULL) {
        snprintf(message, size, "the case string %s", wrong);
        replay_case_free(c);
        return false;
    }
    return true;
}
