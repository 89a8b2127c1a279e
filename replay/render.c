/* SPDX-License-Identifier: MIT */
/*
 * The interleaving as a table: a column per context, IRQL beside each row, the two decisive events
 * marked
 * (1) and (2) with file and line.
 *
 * A run has hundreds of events. Unless all are asked for, the table keeps those of the contexts and
 * objects that the finding names and what happens right around the decisive events; the rest is
 * folded into lines that say how many events were left out.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/explain.h"

enum { COLUMNS_MAX = 6, AROUND = 6, TEXT_MAX = 160 };

struct table {
    struct replay_session *session;
    struct symbols *symbols;
    const struct replay_result *result; /* NULL rule if clean */
    const struct sim_trace_event *event;
    size_t count;
    uint16_t column[COLUMNS_MAX]; /* context slots */
    unsigned column_count;
    unsigned width; /* of one column */
    FILE *out;
};

/* ---- one event ---- */

static const char *const trace_text[] = {
#define TRACE(name, text, shown) text,
#include "model/trace_kinds.def"
#undef TRACE
};
static const bool trace_shown[] = {
#define TRACE(name, text, shown) (shown) != 0,
#include "model/trace_kinds.def"
#undef TRACE
};

static const char *const event_names[] = {"RECEIVE", "DISCONNECT", "SEND_BACKLOG", "RECEIVE_FROM",
                                          "ACCEPT", "INSPECT", "ABORT", "CLIENT"};

static void put_status(FILE *out, uint64_t value)
{
    const char *name = model_status_name((uint32_t)value);
    if (name != NULL) {
        fputs(name, out);
    } else {
        fprintf(out, "%#llx", (unsigned long long)value);
    }
}

static void put_field(FILE *out, char field, const struct sim_trace_event *event)
{
    char name[48];
    switch (field) {
    case 'o':
        fputs(model_object_name(event->object, name, sizeof name), out);
        break;
    case 'r':
        fputs(model_routine_name(event->kind == TRACE_Call     ? (unsigned)event->value
                                 : event->kind == TRACE_Return ? event->object
                                                               : event->routine),
              out);
        break;
    case 's':
        put_status(out, event->value);
        break;
    case 'd':
        fprintf(out, "%lld", (long long)event->value);
        break;
    case 'e':
        fputs(event_names[(event->value >> 32) % SIM_COUNT(event_names)], out);
        break;
    default:
        fprintf(out, "%#llx", (unsigned long long)event->value);
        break;
    }
}

void render_event_text(const struct sim_trace_event *event, char *out, size_t size)
{
    FILE *stream = fmemopen(out, size, "w");
    out[0] = '\0';
    if (stream == NULL) {
        return;
    }
    for (const char *p = trace_text[event->kind]; *p != '\0'; p++) {
        if (*p == '%' && p[1] != '\0') {
            put_field(stream, *++p, event);
        } else {
            fputc(*p, stream);
        }
    }
    fclose(stream);
    out[size - 1] = '\0';
}

/* ---- which events, which columns ---- */

static bool is_violation(const struct table *t)
{
    return t->result->verdict == SIM_VERDICT_VIOLATION;
}

/* 1 = the offending event, 2 = the one that made it illegal, else 0. */
static int mark_of(const struct table *t, size_t i)
{
    if (!is_violation(t)) {
        return 0;
    }
    if (i + 1 == t->count) {
        return 1;
    }
    return t->event[i].seq == t->result->violation.prior.seq ? 2 : 0;
}

static bool concerns_finding(const struct table *t, const struct sim_trace_event *event)
{
    const struct sim_violation *v = &t->result->violation;
    return (event->object != 0 && (event->object == v->object[0] || event->object == v->object[1]));
}

/* What a reader wants to see of any run: where it stands. */
static bool is_landmark(uint16_t kind)
{
    static const uint16_t landmark[] = {
        TRACE_CallbackEnter, TRACE_CallbackLeave, TRACE_CloseStart,  TRACE_CloseEnd,
        TRACE_ForcedClose,   TRACE_EventDisable,  TRACE_EventOff,    TRACE_Unload,
        TRACE_DriverEntry,   TRACE_AllocFail,     TRACE_IrpCancel,   TRACE_Peer,
    };
    for (size_t i = 0; i < SIM_COUNT(landmark); i++) {
        if (landmark[i] == kind) {
            return true;
        }
    }
    return false;
}

static bool is_kept(const struct table *t, size_t i, bool is_full)
{
    const struct sim_trace_event *event = &t->event[i];
    if (mark_of(t, i) != 0) {
        return true;
    }
    if (!trace_shown[event->kind]) {
        return false;
    }
    if (is_full || !is_violation(t) || concerns_finding(t, event)) {
        return true;
    }
    for (size_t k = i >= AROUND ? i - AROUND : 0; k <= i + AROUND && k < t->count; k++) {
        if (mark_of(t, k) != 0) {
            return true;
        }
    }
    return is_landmark(event->kind);
}

static void choose_columns(struct table *t, bool is_full)
{
    for (size_t i = t->count; i-- > 0 && t->column_count < COLUMNS_MAX;) {
        if (!is_kept(t, i, is_full)) {
            continue;
        }
        bool known = false;
        for (unsigned k = 0; k < t->column_count; k++) {
            known |= t->column[k] == t->event[i].slot;
        }
        if (!known) {
            t->column[t->column_count++] = t->event[i].slot;
        }
    }
    for (unsigned i = 1; i < t->column_count; i++) { /* by age: stable from run to run */
        uint16_t slot = t->column[i];
        unsigned at = i;
        while (at > 0 && t->column[at - 1] > slot) {
            t->column[at] = t->column[at - 1];
            at--;
        }
        t->column[at] = slot;
    }
}

/* ---- printing ---- */

static unsigned column_of(const struct table *t, uint16_t slot)
{
    for (unsigned k = 0; k < t->column_count; k++) {
        if (t->column[k] == slot) {
            return k;
        }
    }
    return t->column_count; /* "others" */
}

static void print_head(const struct table *t, bool has_others)
{
    fprintf(t->out, "%11s  L ", "time ms");
    for (unsigned k = 0; k < t->column_count; k++) {
        char name[48];
        replay_context_name(t->session, t->column[k], name, sizeof name);
        fprintf(t->out, "|%-*.*s", (int)t->width, (int)t->width, name);
    }
    fprintf(t->out, "%s\n", has_others ? "|others" : "");
    for (unsigned k = 0; k < 15 + (t->width + 1) * t->column_count; k++) {
        fputc('-', t->out);
    }
    fputc('\n', t->out);
}

static void print_row(const struct table *t, size_t i)
{
    const struct sim_trace_event *event = &t->event[i];
    unsigned column = column_of(t, event->slot);
    int mark = mark_of(t, i);
    char text[TEXT_MAX], label[TEXT_MAX + 8];
    render_event_text(event, text, sizeof text);
    snprintf(label, sizeof label, "%s%s", mark == 1 ? "(1) " : mark == 2 ? "(2) " : "", text);
    fprintf(t->out, "%11.4f  %u ", (double)event->time / 10000, event->level);
    for (unsigned k = 0; k < column; k++) {
        fprintf(t->out, "|%-*s", (int)t->width, "");
    }
    fprintf(t->out, "|%s", label);
    if (mark != 0 || event->kind == TRACE_Call) {
        struct symbol symbol = symbols_find(t->symbols, event->site);
        const char *slash = strrchr(symbol.file, '/');
        if (symbol.line != 0) {
            fprintf(t->out, "  %s%s:%u", mark != 0 ? "<== " : "",
                    slash != NULL ? slash + 1 : symbol.file, symbol.line);
        }
    }
    fputc('\n', t->out);
}

static void print_rows(struct table *t, bool is_full)
{
    size_t folded = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (!is_kept(t, i, is_full)) {
            folded += trace_shown[t->event[i].kind];
            continue;
        }
        if (folded > 0) {
            fprintf(t->out, "%11s    : %zu events\n", "", folded);
            folded = 0;
        }
        print_row(t, i);
    }
}

char *render_table(struct replay_session *session, struct symbols *symbols,
                   const struct replay_result *result, const struct explain_style *style)
{
    char *text = NULL;
    size_t size;
    struct table t = {.session = session, .symbols = symbols, .result = result};
    t.out = open_memstream(&text, &size);
    if (t.out == NULL) {
        return NULL;
    }
    t.event = sim_trace_events(session->sim, &t.count);
    choose_columns(&t, style->is_full);
    unsigned total = style->width != 0 ? style->width : 110;
    unsigned room = total > 15 ? total - 15 : 60;
    t.width = t.column_count > 0 ? room / (t.column_count + 1) : room;
    t.width = t.width < 10 ? 10 : t.width;
    print_head(&t, t.column_count == COLUMNS_MAX);
    print_rows(&t, style->is_full);
    fclose(t.out);
    return text;
}

/* ---- JSON lines ---- */

static void put_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', out);
        }
        if ((unsigned char)*text >= 0x20) {
            fputc(*text, out);
        }
    }
    fputc('"', out);
}

char *render_events(struct replay_session *session, struct symbols *symbols)
{
    char *text = NULL;
    size_t size, count;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    const struct sim_trace_event *event = sim_trace_events(session->sim, &count);
    for (size_t i = 0; i < count; i++) {
        char words[TEXT_MAX], name[48], place[384];
        render_event_text(&event[i], words, sizeof words);
        replay_context_name(session, event[i].slot, name, sizeof name);
        symbols_text(symbols, event[i].site, place, sizeof place);
        fprintf(out, "{\"seq\":%llu,\"time\":%llu,\"context\":\"%s\",\"processor\":%d,\"irql\":%u,",
                (unsigned long long)event[i].seq, (unsigned long long)event[i].time, name,
                event[i].processor, event[i].level);
        fputs("\"text\":", out);
        put_json_string(out, words);
        fputs(",\"site\":", out);
        put_json_string(out, place);
        fputs("}\n", out);
    }
    fclose(out);
    return text;
}
