/* SPDX-License-Identifier: MIT */
/*
 * The event gate of the model, exhaustively: a small client on model/wsk under DPOR
 * (sim/search.h). Two disablers (one request each, with or without an IRP), an enabler, a closer, a
 * transport that forces the close, callbacks that take or refuse their datagram: the agents of
 * gate_explore.c. Every class of equivalent interleavings is run; the monitor (gate_monitor.c)
 * checks each trace against the specification and gives the abstract states that it passes.
 *
 *   gate_search [--enables=N] [--datagrams=N]  larger bounds
 *               [--small]                      one disabler of datagrams, no receiver (slow builds)
 *               [--large]                      two disablers and a receiver at once, too
 *               [--config=NAME] [--seconds=N]  one of them; so much processor time for each
 *               [--states=FILE]                the abstract states, as gate_explore --states
 *               [--dfs] [--mutant=NAME]        every interleaving; on a mutant of the model
 *   gate_search --list-mutants                 the mutants of the gate, all of which it must find
 *
 * What is one step and cannot be torn apart: a call's entry with the client's check before it that
 * the socket is still open (a legal client keeps the close away from its other calls, which is why
 * the close waits until those in progress have returned), and what the transport does by itself, an
 * event of the clock in the model: a forced close, the arrival of a datagram. Calls and callbacks
 * have the points that the model has: at their entry, at their return, where they wait. What a
 * callback answers and whether a disable has an IRP are choices of the program stream. What happens
 * before the agents start is not searched.
 */
#include "tests/spec/gate_monitor.h"
#include "tests/spec/gate_script.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model/net/net_internal.h"
#include "model/wsk/wsk_internal.h"
#include "sim/search.h"

enum {
    STATES_MAX = 1024, LINE_MAX_BYTES = 96, REQUESTS = 16, CALLERS = 4,
    PROGRAMS_MAX = 64 /* answers of a run: never reached */
};

/* Which of them are run. */
enum { SMALL = 1, NORMAL = 2, LARGE = 4, ALL = 7 };

static const struct config {
    const char *name;
    enum gate_event event;
    ULONG flag;
    bool is_static;
    uint32_t disablers, receivers;
    unsigned sizes;
    ULONG disabled; /* 0: flag; else what else is enabled, and the disablers disable */
} configs[] = {
    {"datagram", GATE_RECEIVE_FROM, WSK_EVENT_RECEIVE_FROM, false, 1, 0, SMALL, 0},
    {"datagram", GATE_RECEIVE_FROM, WSK_EVENT_RECEIVE_FROM, false, 2, 0, NORMAL | LARGE, 0},
    /* A request on a static event has no effect: one disabler is enough. */
    {"static-datagram", GATE_RECEIVE_FROM, WSK_EVENT_RECEIVE_FROM, true, 1, 0, ALL, 0},
    /* Two disablers and a receiver at once are too many for a test: in two parts. */
    {"receive", GATE_RECEIVE, WSK_EVENT_RECEIVE, false, 2, 0, ALL, 0},
    {"receive", GATE_RECEIVE, WSK_EVENT_RECEIVE, false, 1, 1, NORMAL | LARGE, 0},
    {"receive", GATE_RECEIVE, WSK_EVENT_RECEIVE, false, 2, 1, LARGE, 0},
    {"static-receive", GATE_RECEIVE, WSK_EVENT_RECEIVE, true, 1, 1, ALL, 0},
    /* One event is disabled while calls of another are in progress. */
    {"siblings", GATE_RECEIVE, WSK_EVENT_RECEIVE, false, 1, 0, ALL, WSK_EVENT_DISCONNECT},
};

static struct {
    const struct config *config;
    uint32_t enables, datagrams;
    double seconds; /* of processor time for each; 0 = to the end */
    enum search_kind kind;
    unsigned size;
    const char *only;
    FILE *states;
    uint64_t key[STATES_MAX];
    char line[STATES_MAX][LINE_MAX_BYTES];
    uint32_t lines;
} plan = {.enables = 1, .datagrams = 2, .kind = SEARCH_DPOR, .size = NORMAL};

/* ---- the run ---- */

/* An agent is in a call of the socket. The search tells words apart, not bytes. */
struct caller {
    alignas(8) bool is_inside;
};

static struct {
    struct client_socket *socket;
    uint32_t number; /* its number: the socket itself is gone when the run is over */
    struct client_request *request[REQUESTS];
    uint32_t requests;
    uint32_t left; /* agents at work and requests in flight */
    struct caller caller[CALLERS]; /* each agent that calls */
    struct caller *awaited; /* whose call the closer waits for, or NULL */
    struct sim_ctx *closer;
    struct client_request *receive;
    bool is_setup;
    struct sim_ctx *starter;
} bed;

static void one_less(void)
{
    if (--bed.left == 0) {
        sim_wake(sim_current, bed.starter);
    }
}

static NTSTATUS bed_completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct client_request *r = context;
    (void)device;
    if (r->is_option) {
        client_note(GATE_NOTE_INFORMATION, NULL, irp->IoStatus.Information);
    }
    r->is_done = true;
    one_less();
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* All of them are made beforehand. */
static struct client_request *bed_request(void)
{
    struct client_request *r = bed.request[--bed.requests];
    bed.left++;
    return r;
}

/* One byte. */
static struct client_request *receive_request(void)
{
    struct client_request *r = client_request(1);
    SIM_ASSERT(r != NULL);
    IoSetCompletionRoutine(r->irp, bed_completed, r, TRUE, TRUE, TRUE);
    return r;
}

static void fill_requests(uint32_t count)
{
    for (bed.requests = 0; bed.requests < count; bed.requests++) {
        struct client_request *r = ke_test_alloc(sizeof *r);
        memset(r, 0, sizeof *r);
        r->irp = IoAllocateIrp(1, FALSE);
        SIM_ASSERT(r->irp != NULL);
        IoSetCompletionRoutine(r->irp, bed_completed, r, TRUE, TRUE, TRUE);
        bed.request[bed.requests] = r;
    }
}

/* A callback is in progress, and returns. What comes before the search is refused and kept. */
static NTSTATUS bed_answer(bool is_null)
{
    sim_point(sim_current, SIM_OP_NONE, 0);
    if (is_null) {
        return STATUS_SUCCESS;
    }
    bool is_refused = bed.is_setup || choice_pick(sim_current, CHOICE_PROGRAM, 1, 2) != 0;
    return is_refused ? STATUS_DATA_NOT_ACCEPTED : STATUS_SUCCESS;
}

static NTSTATUS bed_accept(struct client_socket *s, enum gate_event e, bool is_null, SIZE_T bytes,
                           SIZE_T *accepted)
{
    (void)s;
    (void)e;
    (void)is_null;
    (void)bytes;
    (void)accepted;
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI bed_datagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION list)
{
    (void)flags;
    client_note(GATE_NOTE_CALLBACK, context, list == NULL ? GATE_CALLBACK_NULL : 0);
    return bed_answer(list == NULL);
}

static NTSTATUS WSKAPI bed_receive(PVOID context, ULONG flags, PWSK_DATA_INDICATION list,
                                   SIZE_T bytes, SIZE_T *accepted)
{
    (void)flags;
    (void)bytes;
    (void)accepted;
    client_note(GATE_NOTE_CALLBACK, context, list == NULL ? GATE_CALLBACK_NULL : 0);
    return bed_answer(list == NULL);
}

/* ---- agents ---- */

/* Its agent is done. The end of a thread touches the whole model, and is nobody's business here. */
static void park(void)
{
    one_less();
    sim_block(sim_current);
}

/* The client's own memory: what the search does not see by itself. */
static void touch_client(const void *what, bool is_write)
{
    sim_touch(sim_current, (uintptr_t)what, 1, is_write);
}

/*
 * True: a call may begin, and the close waits until it has returned (CLOSE-006). There is no point
 * between this and the call, so that both are one step; the call itself has more.
 */
static bool enter_call(struct caller *caller)
{
    touch_client(&bed.socket->is_closing, false);
    touch_client(caller, true);
    caller->is_inside = !bed.socket->is_closing;
    return caller->is_inside;
}

static void leave_call(struct caller *caller)
{
    touch_client(caller, true);
    SIM_ASSERT(caller->is_inside);
    caller->is_inside = false;
    if (bed.awaited == caller) {
        bed.awaited = NULL;
        sim_wake(sim_current, bed.closer);
    }
}

static void ask(struct caller *caller, ULONG mask, bool has_irp)
{
    if (enter_call(caller)) {
        (void)!client_event_option(bed.socket, mask, has_irp ? bed_request() : NULL);
        leave_call(caller);
    }
}

static VOID enabler(PVOID argument)
{
    for (uint32_t i = 0; i < plan.enables; i++) {
        if (i > 0) {
            sim_point(sim_current, SIM_OP_NONE, 0);
        }
        ask(argument, plan.config->flag | plan.config->disabled, false);
    }
    park();
}

static VOID disabler(PVOID argument)
{
    bool has_irp = choice_pick(sim_current, CHOICE_PROGRAM, 2, 2) != 0;
    ULONG flag = plan.config->disabled != 0 ? plan.config->disabled : plan.config->flag;
    ask(argument, flag | WSK_EVENT_DISABLE, has_irp);
    park();
}

static VOID transport(PVOID argument)
{
    struct wsk_socket *socket = argument;
    model_touches_all(sim_current);
    if (socket->life != WSK_CLOSED) {
        wsk_socket_die(sim_current, socket);
    }
    park();
}

static VOID closer(PVOID argument)
{
    (void)argument;
    touch_client(&bed.socket->is_closing, true);
    bed.socket->is_closing = true;
    bed.closer = sim_current->current;
    for (uint32_t i = 0; i < SIM_COUNT(bed.caller); i++) {
        touch_client(&bed.caller[i], false);
        if (bed.caller[i].is_inside) {
            bed.awaited = &bed.caller[i];
            sim_block(sim_current);
        }
        SIM_ASSERT(!bed.caller[i].is_inside && bed.awaited == NULL);
    }
    struct client_request *r = bed_request();
    client_note(GATE_NOTE_CALL, bed.socket, 0);
    (void)!client_connection(bed.socket)->WskCloseSocket(bed.socket->handle, r->irp);
    park();
}

/* Static events have taken what came before: here datagrams come in as the run goes. */
static VOID arrivals(PVOID argument)
{
    struct wsk_socket *socket = argument;
    static const uint8_t bytes[16];
    const struct net_datagram datagram = {
        .from = {.family = AF_INET, .port = SCRIPT_SENDER_PORT}, .to = socket->local,
        .size = sizeof bytes, .bytes = bytes};
    for (uint32_t i = 0; i < plan.datagrams; i++) {
        if (i > 0) {
            sim_point(sim_current, SIM_OP_NONE, 0);
        }
        model_touches_all(sim_current);
        if (socket->data.udp != NULL && socket->life != WSK_CLOSED) {
            socket->data.udp->ops->receive(sim_current, socket, &datagram);
        }
    }
    park();
}

/* Opens the gate that a refusal has closed, and takes one byte. */
static VOID receiver(PVOID argument)
{
    struct client_request *r = bed.receive;
    if (enter_call(argument)) {
        bed.left++;
        client_note(GATE_NOTE_CALL, bed.socket, 0);
        (void)!client_connection(bed.socket)->WskReceive(bed.socket->handle, &r->buffer, 0, r->irp);
        leave_call(argument);
    }
    park();
}

static void start(PKSTART_ROUTINE agent, void *argument)
{
    bed.left++;
    (void)ke_test_thread(agent, argument);
}

static void start_agents(struct wsk_socket *socket)
{
    struct caller *caller = bed.caller;
    memset(bed.caller, 0, sizeof bed.caller);
    bed.left = 0;
    bed.awaited = NULL;
    if (!plan.config->is_static) {
        start(enabler, caller++);
    }
    for (uint32_t i = 0; i < plan.config->disablers; i++) {
        start(disabler, caller++);
    }
    start(transport, socket);
    start(closer, NULL);
    if (plan.config->receivers > 0) {
        bed.receive = receive_request();
        start(receiver, caller++);
    }
    SIM_ASSERT(caller <= bed.caller + SIM_COUNT(bed.caller));
    if (plan.config->event == GATE_RECEIVE_FROM && plan.config->is_static) {
        start(arrivals, socket);
    }
}

static void open_client(void)
{
    client.plan = (struct client_plan){
        .static_mask = plan.config->is_static ? plan.config->flag : 0, .callback = bed_accept};
    client_reset();
    bool is_open = client_open();
    SIM_ASSERT(is_open);
    client.datagram->WskReceiveFromEvent = bed_datagram;
    client.connection->WskReceiveEvent = bed_receive;
}

/* The tame world sends one datagram to whoever is bound; a second socket of ours sends more. */
static struct wsk_socket *open_datagram(void)
{
    bool is_static = plan.config->is_static;
    bed.socket = client_open_socket(GATE_SOCKET_DATAGRAM);
    script.sender = client_open_socket(GATE_SOCKET_DATAGRAM);
    client_bind(bed.socket, CLIENT_PORT);
    client_bind(script.sender, SCRIPT_SENDER_PORT);
    script_settle();
    for (uint32_t i = 1; i < plan.datagrams && !is_static; i++) {
        script_send();
    }
    struct wsk_socket *socket = wsk_socket_find(sim_current, bed.socket->handle);
    SIM_ASSERT_OP(socket->data.packets, ==, is_static ? 0u : plan.datagrams);
    return socket;
}

/* The tame world connects, sends, and waits. */
static struct wsk_socket *open_connection(void)
{
    script.first = client_open_socket(GATE_SOCKET_LISTEN);
    client_bind(script.first, CLIENT_PORT);
    (void)!client_event_option(script.first, WSK_EVENT_ACCEPT, NULL);
    bed.socket = script_connection();
    script_settle();
    return wsk_socket_find(sim_current, bed.socket->handle);
}

static void body(void)
{
    struct sim *s = sim_current;
    search_scope(s, false);
    bed.is_setup = true;
    open_client();
    struct wsk_socket *socket =
        plan.config->event == GATE_RECEIVE ? open_connection() : open_datagram();
    bed.is_setup = false;
    bed.number = bed.socket->number;
    bed.starter = s->current;
    fill_requests(1 + plan.config->disablers);
    SIM_ASSERT(s->event_count == 0 && s->ready_count == 0); /* nothing else goes on */
    start_agents(socket);
    search_scope(s, true);
    sim_block(s);
    search_scope(s, false);
    sim_finish(s);
}

/* ---- what is seen ---- */

static uint64_t key_of(const struct gate_socket *spec, const struct gate_machine *m)
{
    enum { SLOTS = 4 };
    uint64_t key = (uint64_t)m->waiters << 5 | (uint64_t)spec->overlay << 3 |
                   (uint64_t)m->adm << 2 | (uint64_t)m->is_shut << 1 | m->is_null_due;
    SIM_ASSERT(m->running >> SLOTS == 0);
    key = (key << SLOTS | m->running) << SLOTS | m->quiet;
    for (uint32_t i = 0; i < m->waiters; i++) {
        key = key << SLOTS | m->waiter[i].set; /* never empty */
    }
    return key;
}

/* As gate_explore.c prints it. */
static void visit(uint32_t socket, const struct gate_socket *spec)
{
    const struct gate_machine *m = &spec->machine[plan.config->event];
    uint64_t key = key_of(spec, m);
    uint32_t n = 0;
    if (socket != bed.number) {
        return;
    }
    while (n < plan.lines && plan.key[n] != key) {
        n++;
    }
    if (n < plan.lines) {
        return;
    }
    SIM_ASSERT(n < STATES_MAX);
    char *line = plan.line[n];
    plan.key[plan.lines++] = key;
    int at = snprintf(line, LINE_MAX_BYTES, "%s %s adm=%d run=%u W=", plan.config->name,
                      gate_state_name(gate_state(spec, plan.config->event)), m->adm, m->running);
    for (uint32_t i = 0; i < m->waiters; i++) {
        at += snprintf(line + at, LINE_MAX_BYTES - (size_t)at, "%u.", m->waiter[i].set);
    }
    snprintf(line + at, LINE_MAX_BYTES - (size_t)at, " Q=%u shut=%d due=%d", m->quiet, m->is_shut,
             m->is_null_due);
}

/* False: the run broke a rule or the specification; it has been said. */
static bool check_run(enum sim_verdict verdict)
{
    static struct gate_report report;
    const struct gate_setting setting = {.static_mask = plan.config->is_static ? plan.config->flag
                                                                               : 0,
                                         .visit = visit};
    size_t count;
    if (verdict != SIM_VERDICT_OK) {
        const struct sim_violation *v = &ke_test_sim->violation;
        printf("FAIL %s: %s: %s\n", plan.config->name,
               verdict == SIM_VERDICT_LIMIT ? "limit" : model_rules[v->rule].id,
               verdict == SIM_VERDICT_LIMIT ? ke_test_sim->limit : v->text);
        return false;
    }
    const struct sim_trace_event *event = sim_trace_events(ke_test_sim, &count);
    gate_monitor(event, count, &setting, &report);
    if (gate_has_failed(&report)) {
        printf("FAIL %s: event %llu: %s\n", plan.config->name,
               (unsigned long long)report.message_seq, report.message);
        return false;
    }
    return true;
}

/* What was seen, how far, and within which bounds. */
static void print_result(const struct sim_search *q)
{
    const struct config *c = plan.config;
    struct search_report r;
    search_report(q, &r);
    printf("%-16s %llu classes, %llu runs cut short by sleep sets, %u abstract states; %s for "
           "%u enable(s), %u disable(s), %u receive(s), 1 close, 1 forced close",
           c->name, (unsigned long long)r.complete, (unsigned long long)r.redundant, plan.lines,
           r.is_complete ? "complete" : "NOT complete", c->is_static ? 0 : plan.enables,
           c->disablers, c->receivers);
    printf(", one step: check and entry of a call, forced close%s",
           c->event == GATE_RECEIVE_FROM && c->is_static ? ", arrival" : "");
    if (c->event == GATE_RECEIVE_FROM) {
        printf(", %u datagrams", plan.datagrams);
    }
    printf("; up to %u steps\n", r.steps_max);
    if (!r.is_exhausted) {
        printf("%-16s about %.3g %% of the tree seen, at least %.3g runs in all\n", c->name,
               100 * r.explored, r.estimate);
    }
    if (r.fallbacks + r.diverged + r.cut > 0) {
        printf("%-16s %llu guesses, %llu diverged, %llu cut\n", c->name,
               (unsigned long long)r.fallbacks, (unsigned long long)r.diverged,
               (unsigned long long)r.cut);
    }
}

static bool explore(struct sim_search *q)
{
    const struct choice_source source = {.kind = CHOICE_SEARCH, .search = q};
    const struct sim_options options = {.processors = SIM_PROCESSORS_MAX, .trace = true};
    void (*entry)(void) = body;
    void *argument;
    memcpy(&argument, &entry, sizeof argument);
    clock_t start = clock();
    while (plan.seconds <= 0 || (double)(clock() - start) / CLOCKS_PER_SEC < plan.seconds) {
        if (!search_next(q)) {
            break;
        }
        enum sim_verdict verdict =
            sim_run(ke_test_sim, ke_test_main, argument, &options, &source, NULL);
        if (!search_was_redundant(q) && !check_run(verdict)) {
            return false;
        }
    }
    print_result(q);
    return true;
}

/* ---- the command line ---- */

static bool switch_mutant_on(const char *name)
{
#if WSKSIM_MUTANTS
    for (uint32_t i = 0; i < MODEL_MUTANT_COUNT; i++) {
        if (strcmp(model_mutants[i].name, name) == 0) {
            model_mutant_on = (uint16_t)(i + 1);
            return true;
        }
    }
#endif
    printf("no mutant %s here\n", name);
    return false;
}

static void list_mutants(void)
{
#if WSKSIM_MUTANTS
    for (uint32_t i = 0; i < MODEL_MUTANT_COUNT; i++) {
        bool is_static = strcmp(model_mutants[i].name, "static_disable_works") == 0;
        if (is_static || strncmp(model_mutants[i].name, "gate_", 5) == 0) {
            puts(model_mutants[i].name);
        }
    }
#endif
}

static bool parse(const char *word)
{
    const char *value = strchr(word, '=');
    size_t length = value != NULL ? (size_t)(value++ - word) : strlen(word);
    bool is_known = true;
    if (value == NULL) {
        value = "";
    }
    if (length < 3) {
        is_known = false;
    } else if (strncmp(word, "--enables", length) == 0) {
        plan.enables = (uint32_t)atoi(value);
    } else if (strncmp(word, "--datagrams", length) == 0) {
        plan.datagrams = (uint32_t)atoi(value);
    } else if (strncmp(word, "--seconds", length) == 0) {
        plan.seconds = atoi(value);
    } else if (strncmp(word, "--states", length) == 0) {
        is_known = (plan.states = fopen(value, "w")) != NULL;
    } else if (strncmp(word, "--config", length) == 0) {
        plan.only = value;
    } else if (strncmp(word, "--mutant", length) == 0) {
        is_known = switch_mutant_on(value);
    } else if (strcmp(word, "--dfs") == 0) {
        plan.kind = SEARCH_DFS;
    } else if (strcmp(word, "--large") == 0) {
        plan.size = LARGE;
    } else if (strcmp(word, "--small") == 0) {
        plan.size = SMALL;
    } else {
        is_known = false;
    }
    if (!is_known) {
        fprintf(stderr, "gate_search: %s?\n", word);
    }
    return is_known;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list-mutants") == 0) {
        list_mutants();
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        if (!parse(argv[i])) {
            return 2;
        }
    }
    (void)ke_test_setup(NULL);
    void *memory = malloc(search_size());
    SIM_ASSERT(memory != NULL);
    bool is_good = true;
    for (size_t i = 0; i < SIM_COUNT(configs) && is_good; i++) {
        bool is_wanted = plan.only == NULL || strcmp(plan.only, configs[i].name) == 0;
        if (!is_wanted || (configs[i].sizes & plan.size) == 0) {
            continue;
        }
        const struct search_bounds bounds = {plan.kind, -1, -1, 0, PROGRAMS_MAX};
        plan.config = &configs[i];
        plan.lines = 0;
        memset(memory, 0, search_size());
        is_good = explore(search_init(memory, &bounds));
        fflush(stdout);
        for (uint32_t k = 0; plan.states != NULL && k < plan.lines; k++) {
            fprintf(plan.states, "%s\n", plan.line[k]);
        }
    }
    free(memory);
    if (plan.states != NULL) {
        fclose(plan.states);
    }
    return is_good ? 0 : 1;
}
