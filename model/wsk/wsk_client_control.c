/* SPDX-License-Identifier: MIT */
/*
 * WskControlClient: table 2.3 of the control plane; the cache of security descriptors; static event
 * callbacks.
 *
 * A cached descriptor is an opaque block of ours. The client owns references to it (one per
 * WSK_CACHE_SD and per get of SO_WSK_SECURITY) and gives each back once; sockets and requests
 * merely use it.
 */
#include "model/wsk/wsk_internal.h"

#include <string.h>

enum { SD_MAX = 256, SD_BYTES = 64, TRANSPORTS_MIN = 6, TRANSPORTS_MAX = 8 };

struct sd {
    PSECURITY_DESCRIPTOR pointer;
    uint32_t object;
    uint32_t references; /* of the client */
    uint32_t users;      /* requests in flight and sockets */
    uint32_t caches;     /* of WSK_CACHE_SD: one, or none */
    uint32_t gets;       /* of SO_WSK_SECURITY that handed it out (CTL-118) */
    uint32_t releases;
    bool was_applied;    /* a socket has had it (CTL-119) */
    /* The variable that the latest get filled, and the releases by that very variable since. */
    const void *variable;
    uint32_t by_variable;
    struct sim_where born, got, released, suspect;
};

struct wsk_control_state {
    struct sd sd[SD_MAX];
    uint32_t sd_count;
    uint32_t transports; /* how many there are now (CTL-149, CTL-150) */
};

static struct wsk_control_state state;

struct wsk_control_state *wsk_control_create(void)
{
    return &state;
}

void wsk_control_reset(struct sim *s)
{
    wsk_of(s)->control->sd_count = 0; /* a slot is cleaned when it is taken */
    wsk_of(s)->control->transports = TRANSPORTS_MIN;
}

/* ---- security descriptors ---- */

static struct sd *find_sd(struct sim *s, PSECURITY_DESCRIPTOR pointer)
{
    struct wsk_control_state *c = wsk_of(s)->control;
    for (uint32_t i = 0; i < c->sd_count; i++) {
        if (c->sd[i].pointer == pointer) {
            return &c->sd[i];
        }
    }
    return NULL;
}

static struct sd *sd_of(struct sim *s, uint32_t object)
{
    struct wsk_control_state *c = wsk_of(s)->control;
    uint32_t number = object & 0xffffffu;
    SIM_ASSERT(number >= 1 && number <= c->sd_count);
    return &c->sd[number - 1];
}

PSECURITY_DESCRIPTOR wsk_sd_new(struct sim *s, struct wsk_registration *registration)
{
    struct wsk_control_state *c = wsk_of(s)->control;
    (void)registration;
    if (c->sd_count == SD_MAX) {
        sim_limit(s, "SD_MAX: too many cached security descriptors in one run");
    }
    struct sd *sd = &c->sd[c->sd_count++];
    struct sim_block *block;
    memset(sd, 0, sizeof *sd);
    sd->pointer = ex_alloc(s, SD_BYTES, BLOCK_SUBSYSTEM, 0, true, false, &block);
    sd->object = model_object_new(s, OBJECT_SD);
    sd->references = 1;
    sd->born = sim_here(s);
    block->object = sd->object;
    return sd->pointer;
}

/*
 * References to one descriptor look alike, so that it is the release too many at which the breach
 * is sure; what is named as its cause is a release that was the second by the variable of one get.
 */
__attribute__((noreturn)) static void fail_released(struct sim *s, const struct sd *sd,
                                                    const char *what)
{
    bool is_suspect = sd->suspect.seq != 0;
    if (sd->caches + sd->gets == 1) {
        model_fail(s, RULE_CTL_120, sd->object, &sd->released,
                   "%s is a cached security descriptor that has been released", what);
    }
    model_fail(s, RULE_CTL_120, sd->object, is_suspect ? &sd->suspect : &sd->released,
               "%s is a cached security descriptor that has been released%s: handed out by %u "
               "WSK_CACHE_SD and %u SO_WSK_SECURITY, released %u times before this",
               what, is_suspect ? ", twice by the variable of one get" : "", sd->caches, sd->gets,
               sd->releases);
}

uint32_t wsk_sd_check(struct sim *s, PSECURITY_DESCRIPTOR pointer, enum model_rule rule,
                      const char *what)
{
    const struct sd *sd = find_sd(s, pointer);
    if (sd == NULL) {
        model_fail(s, rule, 0, NULL, "%s is no cached security descriptor", what);
    }
    if (sd->references == 0) {
        fail_released(s, sd, what);
    }
    model_exercised(s, rule);
    return sd->object;
}

static void note_get(struct sim *s, struct sd *sd, const void *variable)
{
    sd->gets++;
    sd->got = sim_here(s);
    sd->variable = variable;
    sd->by_variable = 0;
}

void wsk_sd_reference(struct sim *s, uint32_t object, const void *variable)
{
    sd_of(s, object)->references++;
    note_get(s, sd_of(s, object), variable);
}

void wsk_sd_got(struct sim *s, PSECURITY_DESCRIPTOR pointer, const void *variable)
{
    note_get(s, find_sd(s, pointer), variable);
}

static void note_release(struct sim *s, struct sd *sd, const void *variable)
{
    sd->references--;
    sd->releases++;
    sd->released = sim_here(s);
    if (variable == sd->variable && ++sd->by_variable == 2) {
        sd->suspect = sd->released;
    }
}

static void free_if_unused(struct sim *s, struct sd *sd)
{
    if (sd->references == 0 && sd->users == 0) {
        ex_free(s, sim_block_find(s, (uintptr_t)sd->pointer));
    }
}

void wsk_sd_use(struct sim *s, uint32_t object, int delta)
{
    struct sd *sd = sd_of(s, object);
    sd->users = (uint32_t)((int)sd->users + delta);
    sd->was_applied = true;
    free_if_unused(s, sd);
}

/* AMBIGUOUS-52, second reading: a socket has it applied and is not bound. */
static void check_unbound(struct sim *s, const struct sd *sd)
{
    const struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->socket_count; i++) {
        const struct wsk_socket *socket = &w->socket[i];
        if (socket->sd_object == sd->object && socket->seen == WSK_UNBOUND &&
            !socket->close_started) {
            model_fail(s, RULE_CTL_120, sd->object, &socket->created,
                       "a cached security descriptor is released while a socket that is not bound "
                       "uses it");
        }
    }
}

/* A request that still needs the descriptor, or NULL. */
static const struct wsk_request *sd_request(struct sim *s, uint32_t object)
{
    const struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->request_count; i++) {
        if (w->request[i].sd_object == object && w->request[i].phase != WSK_REQ_DONE) {
            return &w->request[i];
        }
    }
    return NULL;
}

/* ---- buffers ---- */

static void *input_variable(struct wsk_call *call, const struct wsk_control *c, SIZE_T size,
                            enum model_rule rule, const char *name)
{
    if (c->in == NULL || c->in_size != size) {
        model_fail(call->s, rule, call->registration->object, NULL,
                   "%s is given %u bytes of input instead of %u", name,
                   c->in == NULL ? 0 : (unsigned)c->in_size, (unsigned)size);
    }
    model_touch(call->s, c->in, size, "InputBuffer");
    return c->in;
}

static void must_have_no_irp(struct wsk_call *call)
{
    if (call->request != NULL) {
        model_fail(call->s, RULE_CTL_146, call->registration->object, NULL,
                   "WskControlClient is given an IRP for an operation that takes none");
    }
    model_exercised(call->s, RULE_CTL_146);
}

/* CTL-101, CTL-152: no socket has been created and none is being created. */
static bool is_early(struct wsk_call *call)
{
    return !call->registration->had_sockets && call->registration->requests == 0;
}

/* ---- operations ---- */

static void cache_sd(struct wsk_call *call, const struct wsk_control *c)
{
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES};
    struct sim *s = call->s;
    PSECURITY_DESCRIPTOR source, cached;
    memcpy(&source, input_variable(call, c, sizeof source, RULE_CTL_142, "WSK_CACHE_SD"),
           sizeof source);
    model_touch(s, source, 1, "SecurityDescriptor");
    if (c->out == NULL || c->out_size != sizeof cached) {
        model_fail(s, RULE_CTL_142, call->registration->object, NULL,
                   "WSK_CACHE_SD is given no pointer variable as output");
    }
    model_touch(s, c->out, sizeof cached, "OutputBuffer");
    NTSTATUS status;
    if (wsk_fault(s, faults, SIM_COUNT(faults), &status)) {
        wsk_inline(call, status, 0);
        return;
    }
    cached = wsk_sd_new(s, call->registration);
    find_sd(s, cached)->caches = 1;
    memcpy(c->out, &cached, sizeof cached);
    wsk_inline(call, STATUS_SUCCESS, 0);
}

static void release_sd(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    PSECURITY_DESCRIPTOR pointer;
    memcpy(&pointer, input_variable(call, c, sizeof pointer, RULE_CTL_121, "WSK_RELEASE_SD"),
           sizeof pointer);
    wsk_control_no_output(s, c);
    uint32_t object = wsk_sd_check(s, pointer, RULE_CTL_120, "the input of WSK_RELEASE_SD");
    struct sd *sd = sd_of(s, object);
    const struct wsk_request *user = sd_request(s, object);
    if (user != NULL && sd->references == 1) {
        model_fail(s, RULE_CTL_115, object, &user->submitted,
                   "a cached security descriptor is released before the IRP of %s has completed",
                   model_routine_name(user->routine));
    }
    model_exercised(s, RULE_CTL_115);
    if (sd->references == 1 && model_knob(s, KNOB_AMB_52) == 1) {
        check_unbound(s, sd);
    }
    note_release(s, sd, c->in);
    free_if_unused(s, sd);
    wsk_inline(call, model_mutated(release_answers_pending) ? STATUS_EVENT_PENDING : STATUS_SUCCESS,
               0);
}

static NTSTATUS set_static(struct wsk_call *call, ULONG mask)
{
    struct sim *s = call->s;
    struct wsk_registration *r = call->registration;
    if (r->static_mask == 0) {
        r->static_mask = mask;
        return STATUS_SUCCESS;
    }
    switch (model_knob(s, KNOB_AMB_28_SECOND)) {
    case 1:
        r->static_mask |= mask;
        return STATUS_SUCCESS;
    case 2:
        return STATUS_INVALID_DEVICE_STATE;
    default:
        r->static_mask = mask;
        return STATUS_SUCCESS;
    }
}

static void static_events(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    uint32_t object = call->registration->object;
    const WSK_EVENT_CALLBACK_CONTROL *control =
        input_variable(call, c, sizeof *control, RULE_CTL_100, "WSK_SET_STATIC_EVENT_CALLBACKS");
    wsk_control_no_output(s, c);
    ULONG all = wsk_category_flags(WSK_STREAM) | wsk_category_flags(WSK_DATAGRAM);
    model_exercised(s, RULE_CTL_100);
    if (!wsk_is_wsk_npi(s, control->NpiId) || (control->EventMask & ~all) != 0) {
        model_fail(s, RULE_CTL_100, object, NULL,
                   "static event callbacks are asked for with mask 0x%08x or a foreign NPI",
                   control->EventMask);
    }
    if (!is_early(call)) {
        model_breach(s, RULE_CTL_101, object, NULL,
                     "static event callbacks are asked for after a socket has been created");
        if (model_knob(s, KNOB_AMB_28) == 0) {
            wsk_inline(call, STATUS_INVALID_DEVICE_STATE, 0);
            return;
        }
    }
    model_exercised(s, RULE_CTL_101);
    wsk_inline(call, set_static(call, control->EventMask), 0);
}

static void tdi(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    bool is_map = c->code == WSK_TDI_DEVICENAME_MAPPING;
    SIZE_T size = is_map ? sizeof(WSK_TDI_MAP_INFO) : sizeof(ULONG);
    input_variable(call, c, size, RULE_CTL_153,
                   is_map ? "WSK_TDI_DEVICENAME_MAPPING" : "WSK_TDI_BEHAVIOR");
    wsk_control_no_output(s, c);
    if (!is_early(call)) {
        model_fail(s, RULE_CTL_152, call->registration->object, NULL,
                   "a TDI setting is changed after a socket has been created");
    }
    bool refuses = model_knob(s, KNOB_AMB_55) == 1;
    wsk_inline(call, refuses ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS, 0);
}

/* TCP, UDP and raw over both families, and what a change has added: one more TCP. */
static uint32_t fill_transports(struct sim *s, WSK_TRANSPORT out[TRANSPORTS_MAX])
{
    static const struct {
        USHORT type;
        ULONG protocol;
    } kind[TRANSPORTS_MAX / 2] = {{SOCK_STREAM, IPPROTO_TCP},
                                  {SOCK_DGRAM, IPPROTO_UDP},
                                  {SOCK_RAW, 0},
                                  {SOCK_STREAM, IPPROTO_TCP}};
    uint32_t count = wsk_of(s)->control->transports;
    for (uint32_t i = 0; i < count; i++) {
        memset(&out[i], 0, sizeof out[i]);
        out[i].Version = MAKE_WSK_VERSION(1, 0);
        out[i].SocketType = kind[i / 2].type;
        out[i].Protocol = kind[i / 2].protocol;
        out[i].AddressFamily = i % 2 == 0 ? AF_INET : AF_INET6;
        out[i].ProviderId.Data1 = 0x57534B00u + i;
    }
    return count;
}

/* A mutant: the list is written once more when the call has long returned. */
static void write_late(struct sim *s, void *argument, uint64_t value)
{
    (void)s;
    (void)value;
    memset(argument, 0, 1);
}

static void transport_list(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    wsk_control_no_input(s, c);
    if (c->returned == NULL) {
        model_fail(s, RULE_CTL_147, call->registration->object, NULL,
                   "WSK_TRANSPORT_LIST_QUERY is called without OutputSizeReturned");
    }
    WSK_TRANSPORT list[TRANSPORTS_MAX];
    SIZE_T size = fill_transports(s, list) * sizeof list[0];
    size -= model_mutated(list_query_cuts) ? 1 : 0;
    wsk_control_returned(s, c->returned, size);
    SIZE_T fits = c->out == NULL ? 0 : c->out_size / sizeof list[0] * sizeof list[0];
    if (fits >= size) {
        model_touch(s, c->out, size, "OutputBuffer");
        memcpy(c->out, list, size);
        if (model_mutated(list_written_late)) {
            sim_event_add(s, s->now + SIM_MS(1), write_late, c->out, 0);
        }
        wsk_inline(call, STATUS_SUCCESS, size);
        return;
    }
    if (fits > 0 && model_knob(s, KNOB_AMB_54) == 1) {
        model_touch(s, c->out, fits, "OutputBuffer");
        memcpy(c->out, list, fits);
    }
    bool is_quiet = c->out_size == 0 && model_mutated(list_sizing_succeeds);
    wsk_inline(call, is_quiet ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW, 0);
    model_exercised(s, RULE_CTL_149);
    /* CTL-149: before the client comes back with a larger buffer the list may have grown. */
    if (wsk_of(s)->control->transports < TRANSPORTS_MAX &&
        choice_flag(s, CHOICE_WORLD, PICK_WSK_RACE)) {
        wsk_transports_changed(s);
    }
}

static void withdraw_list_change(struct sim *s, struct wsk_request *r)
{
    (void)s;
    wsk_queue_remove(&r->registration->list_changes, r);
}

static void transport_change(struct wsk_call *call, const struct wsk_control *c)
{
    wsk_control_no_input(call->s, c);
    wsk_control_no_output(call->s, c);
    if (!wsk_control_needs_irp(call, "WSK_TRANSPORT_LIST_CHANGE", false)) {
        return;
    }
    model_exercised(call->s, RULE_CTL_150);
    if (model_mutated(list_change_at_once)) {
        wsk_finish(call, WSK_PEND, STATUS_SUCCESS, 0);
        return;
    }
    if (call->registration->state != WSK_REG_ACTIVE) {
        wsk_refuse(call, STATUS_CANCELLED); /* deregistration has begun: REG-026 */
        return;
    }
    call->request->withdraw = withdraw_list_change;
    wsk_queue_push(&call->registration->list_changes, call->request);
    wsk_pend(call);
}

void wsk_transports_changed(struct sim *s)
{
    struct wsk_state *wsk = wsk_of(s);
    struct wsk_control_state *control = wsk->control;
    control->transports = control->transports == TRANSPORTS_MAX ? TRANSPORTS_MIN
                                                                : control->transports + 1;
    sim_trace(s, TRACE_World, 0, 2);
    if (model_mutated(list_change_lost)) {
        return;
    }
    for (uint32_t i = 0; i < wsk->registration_count; i++) {
        struct wsk_request *r;
        while ((r = wsk_queue_first(&wsk->registration[i].list_changes)) != NULL) {
            withdraw_list_change(s, r);
            wsk_complete(s, r, STATUS_SUCCESS, 0);
        }
    }
}

void wsk_control_leave(struct sim *s, struct wsk_registration *registration)
{
    struct wsk_request *r;
    model_exercised(s, RULE_CTL_151);
    while (!model_mutated(list_change_outlives) &&
           (r = wsk_queue_first(&registration->list_changes)) != NULL) {
        withdraw_list_change(s, r);
        wsk_complete(s, r, STATUS_CANCELLED, 0);
    }
}

static void control(struct wsk_call *call, const struct wsk_control *c)
{
    if (c->code != WSK_TRANSPORT_LIST_CHANGE) {
        must_have_no_irp(call);
    }
    if (c->code != WSK_TRANSPORT_LIST_QUERY && c->returned != NULL) {
        model_lint(call->s, RULE_CTL_145);
    }
    model_exercised(call->s, RULE_CTL_142);
    model_exercised(call->s, RULE_CTL_145);
    switch (c->code) {
    case WSK_TRANSPORT_LIST_QUERY:
        transport_list(call, c);
        break;
    case WSK_TRANSPORT_LIST_CHANGE:
        transport_change(call, c);
        break;
    case WSK_CACHE_SD:
        cache_sd(call, c);
        break;
    case WSK_RELEASE_SD:
        release_sd(call, c);
        break;
    case WSK_SET_STATIC_EVENT_CALLBACKS:
        static_events(call, c);
        break;
    case WSK_TDI_DEVICENAME_MAPPING:
    case WSK_TDI_BEHAVIOR:
        tdi(call, c);
        break;
    default:
        model_breach(call->s, RULE_CTL_142, call->registration->object, NULL,
                     "WskControlClient is given the unknown code %u", c->code);
        wsk_refuse(call, wsk_unknown_status(call->s));
        break;
    }
}

NTSTATUS WSKAPI WskControlClient(PWSK_CLIENT Client, ULONG ControlCode, SIZE_T InputSize,
                                 PVOID InputBuffer, SIZE_T OutputSize, PVOID OutputBuffer,
                                 SIZE_T *OutputSizeReturned, PIRP Irp)
{
    struct wsk_call call;
    const struct wsk_control c = {
        .code = ControlCode,
        .in_size = InputSize,
        .out_size = OutputSize,
        .in = InputBuffer,
        .out = OutputBuffer,
        .returned = OutputSizeReturned,
    };
    if (WSK_ENTER_CLIENT(&call, WskControlClient, Client, Irp, WSK_REQ_CLIENT,
                         WSK_ENTER_OPTIONAL_IRP)) {
        wsk_control_buffers(&call, &c);
        control(&call, &c);
    }
    return wsk_leave(&call);
}

/*
 * What the client has forgotten about the copy. What a get handed out is missing for sure if more
 * is missing than was cached; if both are possible, it is the rule of both.
 */
static enum model_rule leak_rule(const struct sd *sd)
{
    if (sd->gets != 0) {
        return sd->references > sd->caches ? RULE_CTL_118 : RULE_CTL_120;
    }
    return sd->was_applied ? RULE_CTL_119 : RULE_CTL_120;
}

static void fail_leak(struct sim *s, const struct sd *sd)
{
    enum model_rule rule = leak_rule(sd);
    if (sd->caches + sd->gets > 1) {
        model_fail(s, rule, sd->object, rule == RULE_CTL_118 ? &sd->got : &sd->born,
                   "a cached security descriptor, handed out by %u WSK_CACHE_SD and %u "
                   "SO_WSK_SECURITY, has been released only %u times",
                   sd->caches, sd->gets, sd->releases);
    }
    model_fail(s, rule, sd->object, &sd->born,
               "a cached security descriptor%s has never been released",
               sd->gets != 0     ? ", got from a socket,"
               : sd->was_applied ? ", used by a socket that is closed,"
                                 : "");
}

void wsk_control_check_unload(struct sim *s)
{
    const struct wsk_control_state *c = wsk_of(s)->control;
    for (uint32_t i = 0; i < c->sd_count; i++) {
        if (c->sd[i].references != 0) {
            fail_leak(s, &c->sd[i]);
        }
        model_exercised(s, leak_rule(&c->sd[i]));
    }
    model_exercised(s, RULE_CTL_120);
}
