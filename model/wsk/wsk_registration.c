/* SPDX-License-Identifier: MIT */
/*
 * WskRegister to WskDeregister: registration blocks, the provider becoming ready, captures.
 *
 *   ACTIVE --WskDeregister--> LEAVING --captures, calls, requests, sockets all 0--> GONE
 *
 * The block is the client's memory and ours to write: a copy tells whether somebody else wrote it
 * (REG-005). The dispatch table is the client's; a copy tells whether it stayed as it was
 * (REG-003).
 */
#include "model/wsk/wsk_data_internal.h"
#include "model/wsk/wsk_internal.h"

#include "model/world/run.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_MARK = 0x57534B00, CAPTURE_LONG_MS = 1000 };

/* ---- the provider ---- */

static void provider_arrives(struct sim *s, void *argument, uint64_t value)
{
    (void)argument;
    (void)value;
    wsk_of(s)->is_ready = true;
    wsk_nmr_provider_ready(s);
    ke_poke(s);
}

bool wsk_provider_ready(struct sim *s)
{
    static const sim_time delay[] = {0, SIM_MS(5), SIM_MS(500), SIM_MS(10000)};
    struct wsk_state *w = wsk_of(s);
    if (!w->ready_drawn) {
        w->ready_drawn = true;
        uint32_t pick = choice_pick(s, CHOICE_WORLD, PICK_WSK_READY, SIM_COUNT(delay));
        w->is_ready = pick == 0;
        w->ready_at = s->now + delay[pick];
        if (pick != 0) {
            sim_event_add(s, w->ready_at, provider_arrives, NULL, 0);
        }
    }
    return w->is_ready;
}

const WSK_PROVIDER_DISPATCH *wsk_provider_dispatch(struct sim *s, USHORT version)
{
    struct wsk_state *w = wsk_of(s);
    if (WSK_MAJOR_VERSION(version) != 1 || WSK_MINOR_VERSION(version) != 0) {
        return NULL;
    }
    if (w->provider == NULL) {
        WSK_PROVIDER_DISPATCH table = {
            .Version = MAKE_WSK_VERSION(1, 0),
            .WskSocket = WskSocket,
            .WskSocketConnect = WskSocketConnect,
            .WskControlClient = WskControlClient,
            .WskGetAddressInfo = WskGetAddressInfo,
            .WskFreeAddressInfo = WskFreeAddressInfo,
            .WskGetNameInfo = WskGetNameInfo,
        };
        /* REG-014: a later minor version serves an earlier one. */
        table.Version = (USHORT)(table.Version + model_knob(s, KNOB_PROVIDER_MINOR_VERSION));
        if (model_mutated(provider_of_other_version)) {
            table.Version = MAKE_WSK_VERSION(2, 0);
        }
        bool is_short = model_knob(s, KNOB_PROVIDER_TABLE) == 1; /* REG-015 */
        size_t size = is_short ? offsetof(WSK_PROVIDER_DISPATCH, WskGetAddressInfo) : sizeof table;
        void *copy = ex_alloc(s, size, BLOCK_SUBSYSTEM, RULE_REG_015, true, false, NULL);
        memcpy(copy, &table, size);
        w->provider = copy;
        w->provider_copy = table;
        w->provider_size = size;
    }
    return w->provider;
}

void wsk_registration_check_table(struct sim *s)
{
    const struct wsk_state *w = wsk_of(s);
    if (w->provider != NULL && memcmp(w->provider, &w->provider_copy, w->provider_size) != 0) {
        model_fail(s, RULE_REG_027, 0, NULL,
                   "the client has written into the WSK_PROVIDER_DISPATCH of the provider");
    }
}

/* ---- records ---- */

struct wsk_registration *wsk_registration_of(struct sim *s, PWSK_CLIENT client)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = w->registration_count; client != NULL && i-- > 0;) {
        if (w->registration[i].client == client) {
            return &w->registration[i];
        }
    }
    return NULL;
}

struct wsk_registration *wsk_registration_new(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    if (w->registration_count == WSK_REGISTRATIONS_MAX) {
        sim_limit(s, "WSK_REGISTRATIONS_MAX: too many registrations in one run");
    }
    struct wsk_registration *r = &w->registration[w->registration_count++];
    memset(r, 0, sizeof *r);
    r->object = model_object_new(s, OBJECT_REGISTRATION);
    r->state = WSK_REG_ACTIVE;
    struct sim_block *block;
    r->client = ex_alloc(s, 16, BLOCK_SUBSYSTEM, 0, true, false, &block);
    block->object = r->object;
    r->registered = sim_here(s);
    sim_trace(s, TRACE_Create, r->object, 0);
    return r;
}

static struct wsk_registration *find_block(struct sim *s, const WSK_REGISTRATION *block)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = w->registration_count; i-- > 0;) {
        if (w->registration[i].block == block) {
            return &w->registration[i];
        }
    }
    return NULL;
}

/*
 * The record of a block that must be registered; `rule` is what an unregistered one breaks. A
 * capture or a query that comes after the deregistration is answered, not blamed (REG-022,
 * REG-041): that is how a worker thread learns that it is too late.
 */
static struct wsk_registration *known_block(struct sim *s, const WSK_REGISTRATION *block,
                                            enum model_routine routine, enum model_rule rule)
{
    struct wsk_registration *r = find_block(s, block);
    bool may_be_late = routine == ROUTINE_WskCaptureProviderNPI ||
                       routine == ROUTINE_WskQueryProviderCharacteristics;
    model_touch(s, block, sizeof *block, "WskRegistration");
    if (r != NULL && r->state == WSK_REG_GONE && may_be_late) {
        return r;
    }
    if (r == NULL || r->state == WSK_REG_GONE) {
        model_fail(s, rule, r != NULL ? r->object : 0, r != NULL ? &r->left : NULL,
                   "%s is called with a block that is not registered",
                   model_routine_name(routine));
    }
    sim_trace(s, TRACE_WskCall, r->object, (uint64_t)routine);
    if (memcmp(block, &r->block_copy, sizeof *block) != 0) {
        model_fail(s, RULE_REG_005, r->object, &r->registered,
                   "the WSK_REGISTRATION block has been written by the client");
    }
    model_exercised(s, RULE_REG_005);
    return r;
}

static void check_dispatch(struct sim *s, const struct wsk_registration *r)
{
    model_touch(s, r->dispatch, sizeof *r->dispatch, "WSK_CLIENT_DISPATCH");
    if (memcmp(r->dispatch, &r->dispatch_copy, sizeof *r->dispatch) != 0) {
        model_fail(s, RULE_REG_003, r->object, &r->registered,
                   "WSK_CLIENT_DISPATCH has been changed while registered");
    }
    model_exercised(s, RULE_REG_003);
}

/* ---- WskRegister ---- */

static void check_members(struct sim *s, const WSK_CLIENT_DISPATCH *dispatch)
{
    if (dispatch->Reserved != 0) {
        model_breach(s, RULE_REG_002, 0, NULL, "WSK_CLIENT_DISPATCH.Reserved is %u, not 0",
                     dispatch->Reserved);
    }
    if (dispatch->Version >> 8 == 0) { /* versions begin with 1.0: 1 instead of MAKE_WSK_VERSION */
        model_fail(s, RULE_REG_002, 0, NULL,
                   "WSK_CLIENT_DISPATCH.Version is 0x%04x, not (major << 8) + minor",
                   dispatch->Version);
    }
    if (dispatch->WskClientEvent != NULL) {
        PFN_WSK_CLIENT_EVENT event = dispatch->WskClientEvent;
        const void *target;
        memcpy(&target, &event, sizeof target);
        model_code(s, target, "WskClientEvent");
    }
    model_exercised(s, RULE_REG_002);
}

NTSTATUS WskRegister(PWSK_CLIENT_NPI WskClientNpi, PWSK_REGISTRATION WskRegistration)
{
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES};
    struct sim *s = model_enter(ROUTINE_WskRegister);
    model_touch(s, WskClientNpi, sizeof *WskClientNpi, "WSK_CLIENT_NPI");
    model_touch(s, WskRegistration, sizeof *WskRegistration, "WskRegistration");
    const WSK_CLIENT_DISPATCH *dispatch = WskClientNpi->Dispatch;
    model_touch(s, dispatch, sizeof *dispatch, "WSK_CLIENT_DISPATCH");
    model_resident(s, dispatch, sizeof *dispatch, RULE_REG_003, "WSK_CLIENT_DISPATCH");
    model_exercised(s, RULE_REG_009); /* in DriverEntry or anywhere at PASSIVE_LEVEL */
    struct wsk_registration *old = find_block(s, WskRegistration);
    if (old != NULL && old->state != WSK_REG_GONE) {
        model_fail(s, RULE_REG_007, old->object, &old->registered,
                   "WskRegister is called on a block that is still registered");
    }
    check_members(s, dispatch);
    NTSTATUS status = STATUS_SUCCESS;
    if ((dispatch->Reserved != 0 && model_knob(s, KNOB_REGISTER_RESERVED) == 1) ||
        (model_mutated(register_checks_version) && dispatch->Version != MAKE_WSK_VERSION(1, 0))) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER); /* REG-040 */
    }
    if (wsk_fault(s, faults, SIM_COUNT(faults), &status) &&
        !model_mutated(register_fails_registered)) {
        return model_leave_status(s, status);
    }
    struct wsk_registration *r = wsk_registration_new(s);
    r->context = WskClientNpi->ClientContext;
    r->dispatch = dispatch;
    r->dispatch_copy = *dispatch;
    r->block = WskRegistration;
    memset(WskRegistration, 0, sizeof *WskRegistration);
    WskRegistration->ReservedRegistrationState = BLOCK_MARK;
    WskRegistration->ReservedRegistrationContext = r->client;
    r->block_copy = *WskRegistration;
    if (model_mutated(register_keeps_npi)) {
        r->npi = WskClientNpi;
    }
    model_exercised(s, RULE_REG_008);
    status = model_mutated(register_fails_registered) ? status : STATUS_SUCCESS;
    return model_leave_status(s, status);
}

/* ---- capture and release ---- */

static bool capture_ready(struct sim *s, void *argument)
{
    const struct wsk_registration *r = argument;
    bool is_over = r->state != WSK_REG_ACTIVE && !model_mutated(capture_sleeps_on);
    return wsk_of(s)->is_ready || is_over;
}

/* STATUS_SUCCESS when the provider is there. */
static NTSTATUS wait_for_provider(struct sim *s, struct wsk_registration *r, ULONG timeout)
{
    if (r->state != WSK_REG_ACTIVE && !model_mutated(capture_ignores_deregister)) {
        model_exercised(s, RULE_REG_022);
        return STATUS_DEVICE_NOT_READY; /* REG-022 */
    }
    if (wsk_provider_ready(s)) {
        return STATUS_SUCCESS;
    }
    model_exercised(s, RULE_REG_012);
    if (timeout == WSK_NO_WAIT && !model_mutated(capture_no_wait_waits)) {
        return STATUS_DEVICE_NOT_READY;
    }
    sim_time limit = timeout == WSK_INFINITE_WAIT ? SIM_TIME_NEVER : SIM_MS(timeout);
    if (model_mutated(capture_no_wait_waits) || model_mutated(capture_waits_for_ever)) {
        ke_check_may_block(s, r->object);
        limit = SIM_TIME_NEVER;
    }
    ke_wait_until(s, capture_ready, r, limit, "the WSK provider to become available");
    bool is_there = wsk_of(s)->is_ready && r->state == WSK_REG_ACTIVE;
    return is_there ? STATUS_SUCCESS : STATUS_DEVICE_NOT_READY;
}

static NTSTATUS capture(struct sim *s, struct wsk_registration *r, ULONG timeout,
                        PWSK_PROVIDER_NPI npi)
{
    static const NTSTATUS faults[] = {STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES};
    NTSTATUS status = wait_for_provider(s, r, timeout);
    if (!NT_SUCCESS(status) || wsk_fault(s, faults, SIM_COUNT(faults), &status)) {
        if (model_mutated(capture_writes_on_failure)) {
            npi->Client = NULL;
        }
        return status;
    }
    if (model_mutated(register_keeps_npi)) {
        model_touch(s, r->npi, sizeof *r->npi, "WSK_CLIENT_NPI");
        r->dispatch = r->npi->Dispatch;
    }
    check_dispatch(s, r);
    r->provider = wsk_provider_dispatch(s, r->dispatch_copy.Version);
    r->has_asked = true;
    if (r->provider == NULL || (model_mutated(nointerface_sticks) && wsk_of(s)->has_refused)) {
        wsk_of(s)->has_refused = true;
        return model_mutated(nointerface_other_status) ? STATUS_INVALID_PARAMETER
                                                       : STATUS_NOINTERFACE;
    }
    model_touch(s, npi, sizeof *npi, "WSK_PROVIDER_NPI");
    r->captures++;
    r->captured = sim_here(s);
    npi->Client = model_mutated(capture_null_client) ? NULL : r->client;
    npi->Dispatch = r->provider;
    wsk_client_event(s, r);
    model_exercised(s, RULE_REG_011);
    model_exercised(s, RULE_REG_014);
    return STATUS_SUCCESS;
}

NTSTATUS WskCaptureProviderNPI(PWSK_REGISTRATION WskRegistration, ULONG WaitTimeout,
                               PWSK_PROVIDER_NPI WskProviderNpi)
{
    struct sim *s = model_enter(ROUTINE_WskCaptureProviderNPI);
    struct wsk_registration *r =
        known_block(s, WskRegistration, ROUTINE_WskCaptureProviderNPI, RULE_REG_006);
    model_touch(s, WskProviderNpi, sizeof *WskProviderNpi, "WSK_PROVIDER_NPI");
    if (WaitTimeout != WSK_NO_WAIT && ke_irql(s) != PASSIVE_LEVEL) {
        model_fail(s, RULE_REG_010, r->object, NULL,
                   "WskCaptureProviderNPI with a timeout of %u is called at IRQL %u", WaitTimeout,
                   ke_irql(s));
    }
    model_exercised(s, RULE_REG_010);
    if (WaitTimeout > CAPTURE_LONG_MS && ke_in_window(s, KE_WINDOW_DRIVER_ENTRY)) {
        model_lint(s, RULE_REG_013);
    }
    return model_leave_status(s, capture(s, r, WaitTimeout, WskProviderNpi));
}

VOID WskReleaseProviderNPI(PWSK_REGISTRATION WskRegistration)
{
    struct sim *s = model_enter(ROUTINE_WskReleaseProviderNPI);
    struct wsk_registration *r =
        known_block(s, WskRegistration, ROUTINE_WskReleaseProviderNPI, RULE_REG_018);
    wsk_check_given_up(s, r);
    if (r->captures == 0) {
        model_fail(s, RULE_REG_018, r->object, &r->released,
                   "WskReleaseProviderNPI is called with no capture to release");
    }
    model_exercised(s, RULE_REG_018);
    r->captures--;
    r->has_released = r->captures != 0;
    r->released = sim_here(s);
    if (r->captures == 0 && r->requests != 0 && model_knob(s, KNOB_NPI_RELEASE_WITH_PENDING) == 1) {
        model_lint(s, RULE_REG_018);
    }
    if (model_mutated(release_waits)) {
        ke_check_may_block(s, r->object);
    }
    if (model_mutated(release_frees_tables) && wsk_of(s)->table[WSK_DATAGRAM] != NULL) {
        ex_free(s, sim_block_find(s, (uintptr_t)wsk_of(s)->table[WSK_DATAGRAM]));
    }
    model_exercised(s, RULE_REG_038);
    ke_poke(s);
    model_leave(s);
}

NTSTATUS WskQueryProviderCharacteristics(PWSK_REGISTRATION WskRegistration,
                                         PWSK_PROVIDER_CHARACTERISTICS WskProviderCharacteristics)
{
    struct sim *s = model_enter(ROUTINE_WskQueryProviderCharacteristics);
    struct wsk_registration *r =
        known_block(s, WskRegistration, ROUTINE_WskQueryProviderCharacteristics, RULE_REG_006);
    model_touch(s, WskProviderCharacteristics, sizeof *WskProviderCharacteristics,
                "WSK_PROVIDER_CHARACTERISTICS");
    if (!r->has_asked) {
        model_lint(s, RULE_REG_017);
    }
    model_exercised(s, RULE_REG_017);
    if ((r->state != WSK_REG_ACTIVE && !model_mutated(query_ignores_deregister)) ||
        !wsk_provider_ready(s)) {
        return model_leave_status(s, STATUS_DEVICE_NOT_READY); /* REG-041 */
    }
    bool is_wrong = model_mutated(query_without_versions);
    WskProviderCharacteristics->HighestVersion = is_wrong ? 0 : MAKE_WSK_VERSION(1, 0);
    WskProviderCharacteristics->LowestVersion = MAKE_WSK_VERSION(1, 0);
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- WskDeregister ---- */

/* The four conditions of REG-021; keeps the sentence for a deadlock report up to date. */
bool wsk_registration_is_idle(struct sim *s, void *argument)
{
    struct wsk_registration *r = argument;
    uint32_t requests = model_knob(s, KNOB_AMB_53) == 1 ? 0 : r->requests;
    bool captures = r->captures != 0 && !model_mutated(deregister_ignores_captures);
    bool sockets = r->sockets != 0 && !model_mutated(deregister_ignores_sockets);
    requests = model_mutated(deregister_ignores_requests) ? 0 : requests;
    bool calls = r->calls != 0 && !model_mutated(deregister_ignores_calls);
    if (r->is_given_up || (!captures && !calls && requests == 0 && !sockets)) {
        return true;
    }
    snprintf(r->what, sizeof r->what,
             "registration#%u to end: %u captures, %u calls, %u requests, %u sockets left",
             r->object & 0xffffffu, r->captures, r->calls, requests, r->sockets);
    return false;
}

VOID WskDeregister(PWSK_REGISTRATION WskRegistration)
{
    struct sim *s = model_enter(ROUTINE_WskDeregister);
    struct wsk_registration *r =
        known_block(s, WskRegistration, ROUTINE_WskDeregister, RULE_REG_006);
    if (r->state == WSK_REG_LEAVING) {
        model_fail(s, RULE_REG_006, r->object, &r->left,
                   "WskDeregister is called a second time on the same registration");
    }
    if (ke_in_arbitrary_context(s)) {
        model_fail(s, RULE_REG_025, r->object, NULL,
                   "WskDeregister is called from a callback or completion routine");
    }
    check_dispatch(s, r);
    model_exercised(s, RULE_KRN_287);
    if (ke_timer_is_set(s)) {
        model_lint(s, RULE_KRN_287); /* sources of work are stopped before */
    }
    r->state = WSK_REG_LEAVING;
    r->left = sim_here(s);
    if (!model_mutated(deregister_keeps_list_change)) {
        wsk_control_leave(s, r);
    }
    ke_poke(s);
    if (!wsk_registration_is_idle(s, r)) {
        ke_wait_until(s, wsk_registration_is_idle, r, SIM_TIME_NEVER, r->what);
    }
    if (r->is_given_up) {
        model_leave(s); /* on Windows it would not return: see wsk_check_deadlock */
        return;
    }
    sim_hb_acquire(s, sim_hb_other(r));
    model_exercised(s, RULE_REG_021);
    check_dispatch(s, r);
    r->state = WSK_REG_GONE;
    ex_free(s, sim_block_find(s, (uintptr_t)r->client));
    memset(WskRegistration, 0, sizeof *WskRegistration);
    sim_trace(s, TRACE_Destroy, r->object, 0);
    model_leave(s);
}

/* ---- what must not go away, what must be given back ---- */

static bool overlaps(const void *a, size_t a_size, const void *b, size_t b_size)
{
    return a != NULL && (uintptr_t)a < (uintptr_t)b + b_size &&
           (uintptr_t)b < (uintptr_t)a + a_size;
}

void wsk_memory_freed(struct sim *s, const void *p, size_t size)
{
    struct wsk_state *w = wsk_of(s);
    wsk_nmr_memory_freed(s, p, size);
    for (uint32_t i = 0; i < w->registration_count; i++) {
        const struct wsk_registration *r = &w->registration[i];
        if (r->state == WSK_REG_GONE) {
            continue;
        }
        if (overlaps(r->block, sizeof *r->block, p, size)) {
            model_fail(s, RULE_REG_005, r->object, &r->registered,
                       "memory is freed that holds a WSK_REGISTRATION block in use");
        }
        if (overlaps(r->dispatch, sizeof *r->dispatch, p, size)) {
            model_fail(s, RULE_REG_003, r->object, &r->registered,
                       "memory is freed that holds a WSK_CLIENT_DISPATCH in use");
        }
    }
}

static bool is_open(const struct wsk_socket *socket)
{
    return socket->life != WSK_CREATING && !socket->close_started && socket->life != WSK_CLOSED;
}

/* CTL-026, CLOSE-032: the client was told and did nothing. */
static void check_dead(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->socket_count; i++) {
        const struct wsk_socket *socket = &w->socket[i];
        if (is_open(socket) && socket->seen_dead) {
            model_fail(s, RULE_CLOSE_032, socket->object, &socket->told_where,
                       "a %s socket that is known to be dead has never been closed",
                       wsk_category_name(socket->category));
        }
    }
}

static void check_sockets(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    check_dead(s);
    for (uint32_t i = 0; i < w->socket_count; i++) {
        const struct wsk_socket *socket = &w->socket[i];
        if (!is_open(socket)) {
            continue;
        }
        model_fail(s, RULE_SOCK_020, socket->object, &socket->created,
                   "a %s socket has never been closed", wsk_category_name(socket->category));
    }
}

static void check_captures(struct sim *s, const struct wsk_registration *r)
{
    if (r->captures != 0) {
        model_fail(s, RULE_REG_018, r->object, &r->captured,
                   "%u captures of the provider NPI have never been released", r->captures);
    }
}

static bool holds_open(const struct wsk_state *w, const struct wsk_registration *r)
{
    bool open = r->captures != 0;
    for (uint32_t i = 0; i < w->socket_count; i++) {
        const struct wsk_socket *socket = &w->socket[i];
        open |= socket->registration == r && !socket->close_started &&
                (socket->life == WSK_LIVE || socket->life == WSK_DEAD);
    }
    return open;
}

/*
 * Only the thread inside WskDeregister is left. Was the rest forgotten (SOCK-020, REG-018), or does
 * this very thread do it afterwards (REG-024)? The routine returns, although it never would on
 * Windows, and what the thread does next tells. No callback comes in the meantime, and whatever
 * else is found then has its cause here (wsk_report_given_up).
 */
bool wsk_check_deadlock(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->registration_count; i++) {
        struct wsk_registration *r = &w->registration[i];
        if (r->state == WSK_REG_LEAVING && !r->is_nmr) {
            check_dead(s);
        }
        if (r->state != WSK_REG_LEAVING || r->is_nmr || r->is_given_up ||
            ke_blocked_but_joining(s) != 1 || !holds_open(w, r)) {
            continue;
        }
        for (uint32_t n = 0; n < w->socket_count; n++) {
            w->socket[n].hold_events |= w->socket[n].registration == r;
        }
        r->is_given_up = true;
        w->given_up = r;
        ke_poke(s);
        return true;
    }
    return false;
}

void wsk_check_given_up(struct sim *s, const struct wsk_registration *r)
{
    if (!r->is_given_up) {
        return;
    }
    wsk_of(s)->given_up = NULL;
    model_fail(s, RULE_REG_024, r->object, &r->left,
               "WskDeregister was waiting for %s, which comes only after it on the same thread",
               model_routine_name(s->current->routine));
}

void wsk_report_given_up(struct sim *s)
{
    struct wsk_registration *r = wsk_of(s)->given_up;
    if (r != NULL) {
        wsk_of(s)->given_up = NULL;
        check_sockets(s);
        check_captures(s, r);
    }
}

/* Before the checks of threads: it is one that is still inside WskDeregister. */
void wsk_check_leaving(struct sim *s)
{
    const struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->registration_count; i++) {
        const struct wsk_registration *r = &w->registration[i];
        if (r->state == WSK_REG_LEAVING && !r->is_nmr && !r->is_given_up) {
            model_fail(s, RULE_REG_023, r->object, &r->left,
                       "WskDeregister has not returned when the driver goes away");
        }
    }
    model_exercised(s, RULE_REG_023);
}

void wsk_registration_check_unload(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    check_sockets(s);
    for (uint32_t i = 0; i < w->registration_count; i++) {
        const struct wsk_registration *r = &w->registration[i];
        if (r->state == WSK_REG_GONE || r->is_nmr) {
            continue;
        }
        check_captures(s, r);
        model_fail(s, RULE_REG_006, r->object, &r->registered,
                   "a registration is left when the driver goes away");
    }
    model_exercised(s, RULE_REG_006);
}
