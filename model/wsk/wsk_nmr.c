/* SPDX-License-Identifier: MIT */
/*
 * The older way to the provider: the Network Module Registrar. One client registration attaches to
 * the one provider there is; the attachment is a wsk_registration with one capture.
 *
 *   REGISTERED --provider ready--> attach callback -> (NmrClientAttachProvider) ATTACHED
 *   ATTACHED --NmrDeregisterClient--> detach callback: SUCCESS, or PENDING and
 *       NmrClientDetachProviderComplete
 *   detached, all sockets closed --> cleanup callback --> GONE
 *
 * A deregistration that comes while the attach callback runs pends until it has returned.
 *
 * The provider never leaves by itself, so that the client is always the one who starts the
 * detaching.
 */
#include "model/wsk/wsk_internal.h"

#include <netioddk.h>
#include <string.h>

enum { NMR_CLIENTS_MAX = 16, NMR_HANDLE = 0x4E4D0000 };

enum nmr_phase { NMR_REGISTERED, NMR_ATTACHED, NMR_DETACHING, NMR_DETACHED, NMR_GONE };

struct nmr_client {
    uint8_t phase;      /* enum nmr_phase */
    bool is_wsk;        /* asks for the interface of WSK */
    bool is_attaching;  /* inside the attach callback */
    bool is_leaving;    /* NmrDeregisterClient was called */
    const NPI_CLIENT_CHARACTERISTICS *characteristics;
    NPI_CLIENT_CHARACTERISTICS copy; /* REG-031 */
    PVOID context, binding;
    NPI_REGISTRATION_INSTANCE *provider; /* arena: what the attach callback is shown */
    struct wsk_registration *registration;
    struct sim_where registered, left;
};

struct wsk_nmr_state {
    struct nmr_client client[NMR_CLIENTS_MAX];
    uint32_t count;
};

static struct wsk_nmr_state nmr;

struct wsk_nmr_state *wsk_nmr_create(void)
{
    return &nmr;
}

void wsk_nmr_reset(struct sim *s)
{
    wsk_of(s)->nmr->count = 0; /* a slot is cleaned when it is taken */
}

static HANDLE handle_of(struct sim *s, const struct nmr_client *c)
{
    return (HANDLE)(ULONG_PTR)(NMR_HANDLE + (uint32_t)(c - wsk_of(s)->nmr->client) * 4);
}

static struct nmr_client *client_of(struct sim *s, HANDLE handle, enum model_rule rule,
                                    enum model_routine routine)
{
    struct wsk_nmr_state *n = wsk_of(s)->nmr;
    ULONG_PTR index = ((ULONG_PTR)handle - NMR_HANDLE) / 4;
    if (index >= n->count) {
        model_fail(s, rule, 0, NULL, "%s is given an unknown handle", model_routine_name(routine));
    }
    return &n->client[index];
}

/* ---- what must stay as it is (REG-031) ---- */

static void check_characteristics(struct sim *s, const struct nmr_client *c)
{
    model_touch(s, c->characteristics, sizeof c->copy, "NPI_CLIENT_CHARACTERISTICS");
    if (memcmp(c->characteristics, &c->copy, sizeof c->copy) != 0) {
        model_fail(s, RULE_REG_031, 0, &c->registered,
                   "NPI_CLIENT_CHARACTERISTICS has been changed while registered");
    }
    model_exercised(s, RULE_REG_031);
}

static bool holds(const void *p, size_t size, const void *part, size_t part_size)
{
    return part != NULL && (uintptr_t)part < (uintptr_t)p + size &&
           (uintptr_t)p < (uintptr_t)part + part_size;
}

void wsk_nmr_memory_freed(struct sim *s, const void *p, size_t size)
{
    struct wsk_nmr_state *n = wsk_of(s)->nmr;
    for (uint32_t i = 0; i < n->count; i++) {
        const struct nmr_client *c = &n->client[i];
        const NPI_REGISTRATION_INSTANCE *instance = &c->copy.ClientRegistrationInstance;
        if (c->phase != NMR_GONE && (holds(p, size, c->characteristics, sizeof c->copy) ||
                                     holds(p, size, instance->ModuleId, sizeof(NPI_MODULEID)))) {
            model_fail(s, RULE_REG_031, 0, &c->registered,
                       "memory is freed that holds the characteristics or the module id of an NMR "
                       "registration in use");
        }
    }
}

/* ---- attaching ---- */

static NPI_REGISTRATION_INSTANCE *make_instance(struct sim *s, PNPIID id)
{
    NPI_REGISTRATION_INSTANCE *instance =
        ex_alloc(s, sizeof *instance, BLOCK_SUBSYSTEM, 0, true, false, NULL);
    WSK_PROVIDER_CHARACTERISTICS *versions =
        ex_alloc(s, sizeof *versions, BLOCK_SUBSYSTEM, 0, true, false, NULL);
    versions->HighestVersion = versions->LowestVersion = MAKE_WSK_VERSION(1, 0);
    instance->Size = sizeof *instance;
    instance->NpiId = id;
    instance->NpiSpecificCharacteristics = versions;
    return instance;
}

static void attach(struct sim *s, struct nmr_client *c)
{
    const NPI_CLIENT_CHARACTERISTICS *ch = c->characteristics;
    check_characteristics(s, c);
    c->provider = make_instance(s, ch->ClientRegistrationInstance.NpiId);
    model_code(s, (const void *)ch->ClientAttachProvider, "ClientAttachProvider");
    c->is_attaching = true;
    ke_window_open(s, KE_WINDOW_OTHER, 0);
    ch->ClientAttachProvider(handle_of(s, c), c->context, c->provider);
    ke_window_close(s);
    if (model_mutated(nmr_attaches_twice)) {
        ch->ClientAttachProvider(handle_of(s, c), c->context, c->provider);
    }
    c->is_attaching = false;
    model_exercised(s, RULE_REG_032);
    ke_poke(s);
}

static void attach_later(struct sim *s, void *argument)
{
    struct nmr_client *c = argument;
    if (c->phase == NMR_REGISTERED && !c->is_leaving) {
        attach(s, c);
    }
}

void wsk_nmr_provider_ready(struct sim *s)
{
    struct wsk_nmr_state *n = wsk_of(s)->nmr;
    for (uint32_t i = 0; i < n->count; i++) {
        if (n->client[i].is_wsk && n->client[i].phase == NMR_REGISTERED) {
            ke_system_call(s, NULL, PASSIVE_LEVEL, attach_later, &n->client[i], "attach");
        }
    }
}

NTSTATUS NTAPI NmrRegisterClient(PNPI_CLIENT_CHARACTERISTICS ClientCharacteristics,
                                 PVOID ClientContext, PHANDLE NmrClientHandle)
{
    struct sim *s = model_enter(ROUTINE_NmrRegisterClient);
    struct wsk_nmr_state *n = wsk_of(s)->nmr;
    model_touch(s, ClientCharacteristics, sizeof *ClientCharacteristics,
                "NPI_CLIENT_CHARACTERISTICS");
    model_touch(s, NmrClientHandle, sizeof *NmrClientHandle, "NmrClientHandle");
    if (n->count == NMR_CLIENTS_MAX) {
        sim_limit(s, "NMR_CLIENTS_MAX: too many NMR registrations in one run");
    }
    struct nmr_client *c = &n->client[n->count++];
    memset(c, 0, sizeof *c);
    c->characteristics = ClientCharacteristics;
    c->copy = *ClientCharacteristics;
    c->context = ClientContext;
    c->registered = sim_here(s);
    c->is_wsk = wsk_is_wsk_npi(s, ClientCharacteristics->ClientRegistrationInstance.NpiId);
    *NmrClientHandle = handle_of(s, c);
    if (c->is_wsk && wsk_provider_ready(s)) {
        attach(s, c);
    }
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS NTAPI NmrClientAttachProvider(HANDLE NmrBindingHandle, PVOID ClientBindingContext,
                                       const VOID *ClientDispatch, PVOID *ProviderBindingContext,
                                       const VOID **ProviderDispatch)
{
    struct sim *s = model_enter(ROUTINE_NmrClientAttachProvider);
    struct nmr_client *c = client_of(s, NmrBindingHandle, RULE_REG_031,
                                     ROUTINE_NmrClientAttachProvider);
    const WSK_CLIENT_DISPATCH *dispatch = ClientDispatch;
    model_touch(s, dispatch, sizeof *dispatch, "WSK_CLIENT_DISPATCH");
    model_touch(s, ProviderBindingContext, sizeof *ProviderBindingContext,
                "ProviderBindingContext");
    model_touch(s, ProviderDispatch, sizeof *ProviderDispatch, "ProviderDispatch");
    const WSK_PROVIDER_DISPATCH *table = wsk_provider_dispatch(s, dispatch->Version);
    if (table == NULL) {
        return model_leave_status(s, STATUS_NOINTERFACE); /* REG-032 */
    }
    if (!c->is_attaching || c->phase != NMR_REGISTERED) {
        return model_leave_status(s, STATUS_INVALID_DEVICE_STATE);
    }
    struct wsk_registration *r = wsk_registration_new(s);
    r->is_nmr = true;
    r->dispatch = dispatch;
    r->dispatch_copy = *dispatch;
    r->context = ClientBindingContext;
    r->provider = table;
    r->captures = 1;
    r->captured = sim_here(s);
    c->registration = r;
    c->binding = ClientBindingContext;
    c->phase = NMR_ATTACHED;
    *ProviderBindingContext = r->client;
    *ProviderDispatch = table;
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- detaching ---- */

static bool is_detached(struct sim *s, void *argument)
{
    struct nmr_client *c = argument;
    return c->phase == NMR_DETACHED && wsk_registration_is_idle(s, c->registration);
}

/* The rest of a deregistration, on a thread of the system. */
static void finish_leaving(struct sim *s, void *argument)
{
    struct nmr_client *c = argument;
    const NPI_CLIENT_CHARACTERISTICS *ch = c->characteristics;
    if (!model_mutated(nmr_cleans_up_early)) {
        ke_wait_until(s, is_detached, c, SIM_TIME_NEVER, "the NMR client to close its sockets");
    }
    model_exercised(s, RULE_REG_036);
    if (ch->ClientCleanupBindingContext != NULL) {
        model_code(s, (const void *)ch->ClientCleanupBindingContext,
                   "ClientCleanupBindingContext");
        ke_window_open(s, KE_WINDOW_OTHER, 0);
        ch->ClientCleanupBindingContext(c->binding);
        ke_window_close(s);
    }
    c->registration->state = WSK_REG_GONE;
    c->registration->left = sim_here(s);
    c->phase = NMR_GONE;
    ke_poke(s);
}

static void mark_detached(struct sim *s, struct nmr_client *c)
{
    c->phase = NMR_DETACHED;
    c->registration->captures = 0;
    c->registration->released = sim_here(s);
    ke_poke(s);
}

static void detach(struct sim *s, struct nmr_client *c)
{
    const NPI_CLIENT_CHARACTERISTICS *ch = c->characteristics;
    check_characteristics(s, c);
    c->phase = NMR_DETACHING;
    c->registration->state = WSK_REG_LEAVING;
    wsk_control_leave(s, c->registration);
    model_code(s, (const void *)ch->ClientDetachProvider, "ClientDetachProvider");
    ke_window_open(s, KE_WINDOW_OTHER, 0);
    NTSTATUS status = ch->ClientDetachProvider(c->binding);
    if (model_mutated(nmr_detaches_twice)) {
        (void)ch->ClientDetachProvider(c->binding);
    }
    model_exercised(s, RULE_REG_033);
    model_exercised(s, RULE_REG_034);
    ke_window_close(s);
    if (status == STATUS_PENDING) {
        return;
    }
    if (c->phase != NMR_DETACHING || c->registration->calls != 0) {
        model_fail(s, RULE_REG_034, c->registration->object, &c->left,
                   c->phase != NMR_DETACHING
                       ? "the detach callback answers that it is done, and so did "
                         "NmrClientDetachProviderComplete"
                       : "the detach callback answers that it is done while calls to the provider "
                         "are in progress");
    }
    mark_detached(s, c);
}

static bool is_settled(struct sim *s, void *argument)
{
    (void)s;
    return !((struct nmr_client *)argument)->is_attaching;
}

/* A deregistration that met the attach callback: the two never overlap. */
static void leave_after_attach(struct sim *s, void *argument)
{
    struct nmr_client *c = argument;
    ke_wait_until(s, is_settled, c, SIM_TIME_NEVER, "the attach callback to return");
    if (c->phase == NMR_REGISTERED) {
        c->phase = NMR_GONE;
        ke_poke(s);
        return;
    }
    detach(s, c);
    finish_leaving(s, c);
}

NTSTATUS NTAPI NmrDeregisterClient(HANDLE NmrClientHandle)
{
    struct sim *s = model_enter(ROUTINE_NmrDeregisterClient);
    struct nmr_client *c =
        client_of(s, NmrClientHandle, RULE_REG_031, ROUTINE_NmrDeregisterClient);
    if (c->is_leaving) {
        model_fail(s, RULE_REG_031, 0, &c->left,
                   "NmrDeregisterClient is called a second time on one handle");
    }
    c->is_leaving = true;
    c->left = sim_here(s);
    if (c->is_attaching) {
        ke_system_call(s, NULL, PASSIVE_LEVEL, leave_after_attach, c, "detach");
        return model_leave_status(s, STATUS_PENDING);
    }
    if (c->phase == NMR_REGISTERED) {
        c->phase = NMR_GONE;
        return model_leave_status(s, STATUS_SUCCESS);
    }
    detach(s, c);
    ke_system_call(s, NULL, PASSIVE_LEVEL, finish_leaving, c, "detach");
    return model_leave_status(s, STATUS_PENDING);
}

VOID NTAPI NmrClientDetachProviderComplete(HANDLE NmrBindingHandle)
{
    struct sim *s = model_enter(ROUTINE_NmrClientDetachProviderComplete);
    struct nmr_client *c = client_of(s, NmrBindingHandle, RULE_REG_034,
                                     ROUTINE_NmrClientDetachProviderComplete);
    if (c->phase != NMR_DETACHING) {
        model_fail(s, RULE_REG_034, 0, &c->left,
                   "NmrClientDetachProviderComplete is called without a detach that pends");
    }
    if (c->registration->calls != 0) {
        model_fail(s, RULE_REG_034, c->registration->object, &c->left,
                   "NmrClientDetachProviderComplete is called while %u calls to the provider are "
                   "in progress",
                   c->registration->calls);
    }
    mark_detached(s, c);
    model_leave(s);
}

static bool is_gone(struct sim *s, void *argument)
{
    (void)s;
    return ((struct nmr_client *)argument)->phase == NMR_GONE;
}

NTSTATUS NTAPI NmrWaitForClientDeregisterComplete(HANDLE NmrClientHandle)
{
    struct sim *s = model_enter(ROUTINE_NmrWaitForClientDeregisterComplete);
    struct nmr_client *c =
        client_of(s, NmrClientHandle, RULE_REG_037, ROUTINE_NmrWaitForClientDeregisterComplete);
    if (!is_gone(s, c)) {
        ke_wait_until(s, is_gone, c, SIM_TIME_NEVER, "the NMR client to be deregistered");
    }
    return model_leave_status(s, STATUS_SUCCESS);
}

void wsk_nmr_check_unload(struct sim *s)
{
    struct wsk_nmr_state *n = wsk_of(s)->nmr;
    for (uint32_t i = 0; i < n->count; i++) {
        if (n->client[i].phase != NMR_GONE) {
            model_fail(s, RULE_REG_037, 0, &n->client[i].registered,
                       "an NMR registration is left when the driver goes away");
        }
    }
}
