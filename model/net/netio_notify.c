/* SPDX-License-Identifier: MIT */
/*
 * See netio.h. A notice is one registration of NotifyRouteChange2 and its like.
 *
 *   REGISTERED --change--> pending --(thread of the system)--> callback, until nothing is pending
 *       |
 *       +--CancelMibChangeNotify2: nothing more is told; waits for a callback in progress--> gone
 *
 * The handle is the address of a small block of its own: what the driver does with it after the
 * cancel is a touch of freed memory.
 *
 * Whether the callback with InitialNotification runs before the registration has returned is left
 * to the scheduler, as on a machine with more than one processor.
 */
#include "model/net/netio.h"

#include "model/ex/ex.h"
#include "model/ke/ke.h"

enum notice_kind { NOTICE_INTERFACE, NOTICE_ADDRESS, NOTICE_ROUTE };

union notice_row {
    MIB_IPINTERFACE_ROW interface;
    MIB_UNICASTIPADDRESS_ROW address;
    MIB_IPFORWARD_ROW2 route;
};

struct change {
    MIB_NOTIFICATION_TYPE type;
    struct net_address address;
    uint8_t which; /* of the routes of the address */
};

struct notice {
    uint8_t kind; /* enum notice_kind */
    bool is_scheduled, is_cancelled;
    enum net_family family; /* NET_FAMILY_NONE: both */
    struct sim_block *handle;
    const void *callback;
    PVOID context;
    struct sim_ctx *parent;  /* who registered it: creator of its threads */
    struct sim_ctx *running; /* the thread that is in the callback, or NULL */
    uint32_t first, count;
    struct change pending[NETIO_PENDING_MAX];
    struct sim_where registered, entered, cancelled;
};

static struct notice notices[NETIO_NOTICES_MAX];
static uint32_t notice_count;

void netio_notices_reset(struct sim *s)
{
    (void)s;
    notice_count = 0;
}

void netio_notices_check_unload(struct sim *s)
{
    for (uint32_t i = 0; i < notice_count; i++) {
        if (!notices[i].is_cancelled) {
            model_fail(s, RULE_KRN_283, 0, &notices[i].registered,
                       "what %s registered is not cancelled when the driver is unloaded",
                       model_routine_name(notices[i].registered.routine));
        }
    }
}

/* ---- telling ---- */

/* A row of which the driver may rely on what names the thing that has changed. */
static void *make_row(struct sim *s, const struct notice *n, const struct change *change,
                      struct sim_block **block)
{
    union notice_row *row =
        ex_alloc(s, sizeof *row, BLOCK_SUBSYSTEM, NETIO_TAG_NOTICE, true, false, block);
    if (n->kind == NOTICE_ADDRESS) {
        netio_address_row(&change->address, &row->address);
    } else {
        struct netio_route route[2];
        uint32_t count = netio_routes_of(&change->address, route);
        SIM_ASSERT_OP(n->kind, ==, NOTICE_ROUTE);
        SIM_ASSERT_OP(change->which, <, count);
        netio_route_row(&route[change->which], &row->route);
    }
    return row;
}

static void tell(struct sim *s, struct notice *n, const struct change *change)
{
    struct sim_block *block = NULL;
    void *row = NULL;
    if (change->type != MibInitialNotification) {
        row = make_row(s, n, change, &block);
    }
    model_code(s, n->callback, "Callback");
    n->running = s->current;
    ke_window_open(s, KE_WINDOW_OTHER, 0);
    n->entered = sim_here(s);
    switch ((enum notice_kind)n->kind) {
    case NOTICE_INTERFACE:
        ((PIPINTERFACE_CHANGE_CALLBACK)n->callback)(n->context, row, change->type);
        break;
    case NOTICE_ADDRESS:
        ((PUNICAST_IPADDRESS_CHANGE_CALLBACK)n->callback)(n->context, row, change->type);
        break;
    case NOTICE_ROUTE:
        ((PIPFORWARD_CHANGE_CALLBACK)n->callback)(n->context, row, change->type);
        break;
    }
    ke_window_close(s);
    n->running = NULL;
    if (block != NULL) {
        ex_free(s, block);
    }
}

static void tell_all(struct sim *s, void *argument)
{
    struct notice *n = argument;
    while (n->count != 0) {
        const struct change change = n->pending[n->first];
        n->first = (n->first + 1) % NETIO_PENDING_MAX;
        n->count--;
        tell(s, n, &change);
        ke_poke(s); /* a cancel may wait */
        sim_point(s, SIM_OP_CALL, 0);
    }
    n->is_scheduled = false;
}

static void add(struct sim *s, struct notice *n, const struct change *change)
{
    if (n->count == NETIO_PENDING_MAX) {
        sim_limit(s, "NETIO_PENDING_MAX: changes that a callback has not been told");
    }
    n->pending[(n->first + n->count++) % NETIO_PENDING_MAX] = *change;
    if (!n->is_scheduled) {
        n->is_scheduled = true;
        ke_system_call(s, n->parent, PASSIVE_LEVEL, tell_all, n, "notification");
    }
}

void netio_address_changed(struct sim *s, const struct net_address *address, bool is_there)
{
    struct netio_route unused[2];
    struct change change = {.type = is_there ? MibAddInstance : MibDeleteInstance,
                            .address = *address};
    for (uint32_t i = 0; i < notice_count; i++) {
        struct notice *n = &notices[i];
        bool is_wanted = n->family == NET_FAMILY_NONE || n->family == address->family;
        if (n->is_cancelled || !is_wanted || n->kind == NOTICE_INTERFACE) {
            continue;
        }
        uint32_t count = n->kind == NOTICE_ROUTE ? netio_routes_of(address, unused) : 1;
        for (change.which = 0; change.which < count; change.which++) {
            add(s, n, &change);
        }
    }
}

/* ---- registering ---- */

static NTSTATUS enlist(struct sim *s, enum notice_kind kind, unsigned family, const void *callback,
                       PVOID context, BOOLEAN is_initial, HANDLE *handle)
{
    struct sim_block *block;
    model_touch(s, handle, sizeof *handle, "NotificationHandle");
    model_code(s, callback, "Callback");
    *handle = NULL;
    if (family != AF_UNSPEC && netio_family(family) == NET_FAMILY_NONE) {
        return STATUS_INVALID_PARAMETER;
    }
    if (notice_count == NETIO_NOTICES_MAX) {
        sim_limit(s, "NETIO_NOTICES_MAX: too many change notifications in one run");
    }
    *handle = ex_alloc(s, sizeof(uint64_t), BLOCK_SUBSYSTEM, NETIO_TAG_NOTICE, true, true, &block);
    if (*handle == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    struct notice *n = &notices[notice_count++];
    n->kind = (uint8_t)kind;
    n->is_scheduled = n->is_cancelled = false;
    n->family = netio_family(family);
    n->handle = block;
    n->callback = callback;
    n->context = context;
    n->parent = s->current;
    n->running = NULL;
    n->first = n->count = 0;
    n->registered = sim_here(s);
    if (is_initial) {
        add(s, n, &(struct change){.type = MibInitialNotification});
    }
    return STATUS_SUCCESS;
}

NTSTATUS NotifyIpInterfaceChange(ADDRESS_FAMILY Family, PIPINTERFACE_CHANGE_CALLBACK Callback,
                                 PVOID CallerContext, BOOLEAN InitialNotification,
                                 HANDLE *NotificationHandle)
{
    struct sim *s = model_enter(ROUTINE_NotifyIpInterfaceChange);
    return model_leave_status(s, enlist(s, NOTICE_INTERFACE, Family, (const void *)Callback,
                                        CallerContext, InitialNotification, NotificationHandle));
}

NTSTATUS NotifyUnicastIpAddressChange(ADDRESS_FAMILY Family,
                                      PUNICAST_IPADDRESS_CHANGE_CALLBACK Callback,
                                      PVOID CallerContext, BOOLEAN InitialNotification,
                                      HANDLE *NotificationHandle)
{
    struct sim *s = model_enter(ROUTINE_NotifyUnicastIpAddressChange);
    return model_leave_status(s, enlist(s, NOTICE_ADDRESS, Family, (const void *)Callback,
                                        CallerContext, InitialNotification, NotificationHandle));
}

NTSTATUS NotifyRouteChange2(ADDRESS_FAMILY AddressFamily, PIPFORWARD_CHANGE_CALLBACK Callback,
                            PVOID CallerContext, BOOLEAN InitialNotification,
                            HANDLE *NotificationHandle)
{
    struct sim *s = model_enter(ROUTINE_NotifyRouteChange2);
    return model_leave_status(s, enlist(s, NOTICE_ROUTE, AddressFamily, (const void *)Callback,
                                        CallerContext, InitialNotification, NotificationHandle));
}

/* ---- cancelling ---- */

static struct notice *find(HANDLE handle)
{
    for (uint32_t i = 0; i < notice_count; i++) {
        if (notices[i].handle->base == (uintptr_t)handle) {
            return &notices[i];
        }
    }
    return NULL;
}

static bool is_out(struct sim *s, void *argument)
{
    (void)s;
    return ((const struct notice *)argument)->running == NULL;
}

NTSTATUS CancelMibChangeNotify2(HANDLE NotificationHandle)
{
    struct sim *s = model_enter_object(ROUTINE_CancelMibChangeNotify2, SIM_OP_WRITE,
                                       NotificationHandle);
    if (NotificationHandle == NULL) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    struct notice *n = find(NotificationHandle);
    model_touch(s, NotificationHandle, sizeof(uint64_t), "NotificationHandle");
    if (n == NULL) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    if (n->is_cancelled) {
        model_fail(s, RULE_KRN_195, 0, &n->cancelled,
                   "CancelMibChangeNotify2: the notification is being cancelled already");
    }
    n->is_cancelled = true;
    n->cancelled = sim_here(s);
    n->count = 0;
    if (n->running == s->current) {
        model_fail(s, RULE_SYS_DEADLOCK, 0, &n->entered,
                   "CancelMibChangeNotify2 waits for the callback from which it is called");
    }
    ke_wait_until(s, is_out, n, SIM_TIME_NEVER, "a change notification to return");
    ex_free(s, n->handle);
    return model_leave_status(s, STATUS_SUCCESS);
}
