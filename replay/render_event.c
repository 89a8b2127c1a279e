/* SPDX-License-Identifier: MIT */
/* One event in words, after the texts of model/trace_kinds.def, and all of them as JSON lines. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/explain.h"

enum { TEXT_MAX = 160 };

/* ---- one event ---- */

static const char *const trace_text[] = {
#define TRACE(name, text, shown) text,
#include "model/trace_kinds.def"
#undef TRACE
};
static const char *const kind_names[] = {
#define TRACE(name, text, shown) #name,
#include "model/trace_kinds.def"
#undef TRACE
};

static const char *const event_names[] = {"RECEIVE", "DISCONNECT", "SEND_BACKLOG", "RECEIVE_FROM",
                                          "ACCEPT",  "INSPECT",    "ABORT",        "CLIENT"};

static const char *const action_names[] = {"WskInspectReject", "WskInspectAccept",
                                           "WskInspectPend", "no action"};
enum { INSPECT = 5 }; /* in event_names */

/* enum wsk_phase */
static const char *const phase_names[] = {"unbound",    "being bound",       "bound",
                                          "connecting", "connected",         "finished locally",
                                          "finished by the peer", "finished both ways", "aborted",
                                          "listening"};

static void put_status(FILE *out, uint64_t value)
{
    const char *name = model_status_name((uint32_t)value);
    if (name != NULL) {
        fputs(name, out);
    } else {
        fprintf(out, "%#llx", (unsigned long long)value);
    }
}

static void put_world(FILE *out, unsigned value)
{
    static const char *const names[] = {"the world heals: no more faults",
                                        "the local addresses change", "the transports change"};
    if (value < SIM_COUNT(names)) {
        fputs(names[value], out);
    } else {
        fprintf(out, "user %u acts", value - 100);
    }
}

/* A Return names a routine, or the IRP that a dispatch routine of the driver had. */
static void put_routine(FILE *out, const struct sim_trace_event *event)
{
    char name[48];
    if (event->kind == TRACE_Return && event->object >> 24 != 0) {
        fputs(model_object_name(event->object, name, sizeof name), out);
    } else {
        fputs(model_routine_name(event->kind == TRACE_Call     ? (unsigned)event->value
                                 : event->kind == TRACE_Return ? event->object
                                                               : event->routine),
              out);
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
        put_routine(out, event);
        break;
    case 's':
        if (event->kind == TRACE_CallbackLeave && event->value >> 32 == INSPECT) {
            fputs(action_names[(uint32_t)event->value % SIM_COUNT(action_names)], out);
        } else {
            put_status(out, event->value);
        }
        break;
    case 'w':
        put_world(out, (unsigned)event->value);
        break;
    case 'p':
        fputs(phase_names[event->value % SIM_COUNT(phase_names)], out);
        break;
    case 'x':
        fprintf(out, "%#x", event->object);
        break;
    case 'd':
        fprintf(out, "%lld", (long long)event->value);
        break;
    case 'e':
        if (event->object >> 24 != OBJECT_SOCKET) {
            fputs("routine", out);
        } else {
            fputs(event_names[(event->value >> 32) % SIM_COUNT(event_names)], out);
        }
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

static void put_json_event(FILE *out, struct replay_session *session, struct symbols *symbols,
                           const struct sim_trace_event *event)
{
    char words[TEXT_MAX], name[48], place[384], object[48];
    render_event_text(event, words, sizeof words);
    replay_context_name(session, event->slot, name, sizeof name);
    symbols_text(symbols, event->site, place, sizeof place);
    fprintf(out, "{\"seq\":%llu,\"time\":%llu,\"context\":\"%s\",\"processor\":%d,\"irql\":%u,",
            (unsigned long long)event->seq, (unsigned long long)event->time, name, event->processor,
            event->level);
    fprintf(out,
            "\"kind\":\"%s\",\"object\":\"%s\",\"value\":%llu,\"text\":", kind_names[event->kind],
            event->object >> 24 != 0 ? model_object_name(event->object, object, sizeof object) : "",
            (unsigned long long)event->value);
    put_json_string(out, words);
    fputs(",\"site\":", out);
    put_json_string(out, place);
    fputs("}\n", out);
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
        put_json_event(out, session, symbols, &event[i]);
    }
    fclose(out);
    return text;
}
