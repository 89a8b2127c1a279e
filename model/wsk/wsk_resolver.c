/* SPDX-License-Identifier: MIT */
/*
 * Name resolution: WskGetAddressInfo, WskGetNameInfo, WskFreeAddressInfo (ADDR-010 to ADDR-017),
 * against the name table of the network and texts of addresses.
 *
 * The answer is found when it is delivered: inputs are needed until then (AMBIGUOUS-LIFE-12), and a
 * result list exists only for a request that succeeds. Each list is a record: who got it, and
 * whether it was given back.
 */
#include "model/ps/ps.h"
#include "model/wsk/wsk_data_internal.h"

#include <string.h>

/* From the C library; its headers know another sockaddr than the driver's. */
extern int inet_pton(int family, const char *text, void *out);
extern const char *inet_ntop(int family, const void *in, char *text, unsigned size);
enum { HOST_AF_INET = 2, HOST_AF_INET6 = 10 };

enum {
    NAME_MAX_CHARS = 255,
    RESULTS_MAX = 8,
    SOCKADDR_LENGTH_MAX = 128, /* ADDR-013 */
    DELAY_MAX_MS = 50,
};

static const struct {
    const char *name;
    uint16_t port;
} services[] = {{"echo", 7},    {"discard", 9}, {"ftp", 21},  {"ssh", 22},   {"smtp", 25},
                {"domain", 53}, {"http", 80},   {"ntp", 123}, {"https", 443}};

struct lookup {
    struct net_address address[RESULTS_MAX];
    uint32_t count;
    int socktype, protocol;
};

/* What a request asks; `item` of the request. */
struct question {
    PUNICODE_STRING node, service;
    PADDRINFOEXW hints;
    const GUID *provider;
    bool is_captured; /* AMBIGUOUS-LIFE-12: nothing of it is read after the call */
    NTSTATUS status;
    struct lookup found; /* then */
};

/* ---- text ---- */

static bool is_empty(const UNICODE_STRING *text)
{
    return text == NULL || text->Length == 0;
}

/* The string as ASCII; false if it is none that can be a name. Reports bad memory. */
static bool read_text(struct sim *s, const UNICODE_STRING *text, char out[NAME_MAX_CHARS + 1],
                      const char *what)
{
    model_touch(s, text, sizeof *text, what);
    model_touch(s, text->Buffer, text->Length, what);
    unsigned count = text->Length / sizeof(WCHAR);
    if (count > NAME_MAX_CHARS) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (text->Buffer[i] == 0 || text->Buffer[i] > 0x7e) {
            return false;
        }
        out[i] = (char)text->Buffer[i];
    }
    out[count] = '\0';
    return true;
}

static bool parse_port(const char *text, uint16_t *port)
{
    uint32_t value = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9') {
            return false;
        }
        value = value * 10 + (uint32_t)(*c - '0');
        if (value > 65535) {
            return false;
        }
    }
    *port = (uint16_t)value;
    return true;
}

static bool find_service(const char *text, uint16_t *port)
{
    if (parse_port(text, port)) {
        return true;
    }
    for (size_t i = 0; i < SIM_COUNT(services); i++) {
        if (strcmp(text, services[i].name) == 0) {
            *port = services[i].port;
            return true;
        }
    }
    return false;
}

static bool parse_address(const char *text, enum net_family family, struct net_address *out)
{
    *out = (struct net_address){.family = (uint8_t)family};
    return inet_pton(family == NET_IPV4 ? HOST_AF_INET : HOST_AF_INET6, text, out->ip) == 1;
}

/* ---- answers ---- */

static NTSTATUS not_found(struct sim *s)
{
    return model_knob(s, KNOB_ADDR_NOT_FOUND_STATUS) == 1 ? STATUS_NO_MATCH : STATUS_NOT_FOUND;
}

static uint32_t addresses_of(struct sim *s, const char *name, enum net_family family,
                             struct net_address out[RESULTS_MAX], uint32_t count)
{
    struct net_address address;
    if (parse_address(name, family, &address)) {
        if (count < RESULTS_MAX) {
            out[count++] = address;
        }
        return count;
    }
    for (uint32_t i = 0; count < RESULTS_MAX && net_name_to_address(s, name, family, i, &address);
         i++) {
        out[count++] = address;
    }
    return count;
}

/* Without a name: the wildcard (AI_PASSIVE) or the loopback address. */
static uint32_t default_addresses(enum net_family family, bool is_passive,
                                  struct net_address out[RESULTS_MAX], uint32_t count)
{
    parse_address(family == NET_IPV4 ? (is_passive ? "0.0.0.0" : "127.0.0.1")
                                     : (is_passive ? "::" : "::1"),
                  family, &out[count]);
    return count + 1;
}

static NTSTATUS look_up(struct sim *s, const struct question *q, struct lookup *out)
{
    char name[NAME_MAX_CHARS + 1] = "", service[NAME_MAX_CHARS + 1] = "";
    int family = 0, flags = 0;
    uint16_t port = 0;
    *out = (struct lookup){.count = 0};
    if (q->hints != NULL) {
        model_touch(s, q->hints, sizeof *q->hints, "Hints");
        family = q->hints->ai_family;
        flags = q->hints->ai_flags;
        out->socktype = q->hints->ai_socktype;
        out->protocol = q->hints->ai_protocol;
    }
    if (!is_empty(q->service) &&
        (!read_text(s, q->service, service, "ServiceName") || !find_service(service, &port))) {
        return not_found(s);
    }
    if (!is_empty(q->node) && !read_text(s, q->node, name, "NodeName")) {
        return not_found(s);
    }
    for (enum net_family f = NET_IPV4; f <= NET_IPV6; f++) {
        if (family != 0 && family != (f == NET_IPV4 ? AF_INET : AF_INET6)) {
            continue;
        }
        out->count = is_empty(q->node)
                         ? default_addresses(f, (flags & AI_PASSIVE) != 0, out->address, out->count)
                         : addresses_of(s, name, f, out->address, out->count);
    }
    for (uint32_t i = 0; i < out->count; i++) {
        out->address[i].port = port;
    }
    if (out->count != 0 && model_mutated(resolver_finds_nothing)) {
        out->count = 0;
    }
    model_exercised(s, RULE_ADDR_011);
    model_exercised(s, RULE_ADDR_012);
    if (out->count == 0 && model_mutated(resolver_invents)) {
        out->address[out->count++] = (struct net_address){.family = NET_IPV4, .port = port};
    }
    return out->count != 0 ? STATUS_SUCCESS : not_found(s);
}

static PADDRINFOEXW make_list(struct sim *s, struct wsk_registration *registration,
                              const struct lookup *found)
{
    struct wsk_data_state *d = wsk_data_of(s);
    struct wsk_info *info = wsk_record(s, &d->info, "too many resolver results in one run");
    PADDRINFOEXW head = NULL, last = NULL;
    for (uint32_t i = 0; i < found->count; i++) {
        bool is_v6 = found->address[i].family == NET_IPV6;
        PADDRINFOEXW at = wsk_argument(s, sizeof *at, RULE_ADDR_016);
        at->ai_family = is_v6 ? AF_INET6 : AF_INET;
        at->ai_socktype = found->socktype;
        at->ai_protocol = found->protocol;
        at->ai_addrlen = is_v6 ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_IN);
        at->ai_addr = wsk_argument_address(s, &found->address[i], RULE_ADDR_016);
        if (last == NULL) {
            head = at;
        } else {
            last->ai_next = at;
        }
        last = at;
    }
    *info = (struct wsk_info){.registration = registration,
                              .head = (uintptr_t)head,
                              .object = model_object_new(s, OBJECT_ADDRESS_INFO),
                              .count = found->count,
                              .made = sim_here(s)};
    registration->info_lists++;
    sim_trace(s, TRACE_Create, info->object, found->count);
    return head;
}

/* AMBIGUOUS-LIFE-40. */
static ULONG_PTR information(struct sim *s, NTSTATUS status)
{
    return model_knob(s, KNOB_ADDR_INFORMATION) == 1 ? (ULONG_PTR)(ULONG)status : 0;
}

/* ADDR-015; AMBIGUOUS-LIFE-12: unless everything is captured in the call. */
static void check_kept(struct sim *s, const struct wsk_request *r, const struct question *q)
{
    const UNICODE_STRING *text[] = {q->node, q->service};
    if (!q->is_captured) {
        for (size_t i = 0; i < SIM_COUNT(text); i++) {
            if (text[i] != NULL) {
                wsk_output_kept(s, r, text[i], sizeof *text[i], RULE_ADDR_015, "name");
                wsk_output_kept(s, r, text[i]->Buffer, text[i]->Length, RULE_ADDR_015, "name");
            }
        }
        if (q->hints != NULL) {
            wsk_output_kept(s, r, q->hints, sizeof *q->hints, RULE_ADDR_015, "Hints");
        }
        if (q->provider != NULL) {
            wsk_output_kept(s, r, q->provider, sizeof *q->provider, RULE_ADDR_015, "Provider");
        }
    }
    wsk_output_kept(s, r, r->out[0], sizeof(PADDRINFOEXW), RULE_ADDR_015, "Result variable");
}

static void deliver_address_info(struct sim *s, struct wsk_request *r)
{
    struct question *q = r->item;
    check_kept(s, r, q);
    if (r->status == STATUS_SUCCESS) {
        r->status = q->is_captured ? q->status : look_up(s, q, &q->found);
        if (NT_SUCCESS(r->status)) {
            PADDRINFOEXW *result = r->out[0];
            model_touch(s, result, sizeof *result, "Result");
            *result = make_list(s, r->registration, &q->found);
        }
        r->information = information(s, r->status);
    }
    wsk_stage_free(s, q);
    r->item = NULL;
}

/* ---- time ---- */

static void withdraw_nothing(struct sim *s, struct wsk_request *r)
{
    (void)s;
    (void)r;
}

static void resolved(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_request *r = argument;
    (void)value;
    if (r->phase == WSK_REQ_WAITING) {
        wsk_complete(s, r, STATUS_SUCCESS, 0); /* or what deliver finds */
    }
}

static void start(struct wsk_call *call)
{
    struct sim *s = call->s;
    uint32_t ms = 1 + choice_pick(s, CHOICE_WORLD, PICK_WSK_RESOLVE_DELAY, DELAY_MAX_MS);
    call->request->withdraw = withdraw_nothing;
    sim_event_add(s, s->now + SIM_MS(ms), resolved, call->request, 0);
    wsk_pend(call);
}

static bool faults(struct wsk_call *call)
{
    static const NTSTATUS list[] = {STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_TIMEOUT};
    NTSTATUS status;
    if (!wsk_fault(call->s, list, SIM_COUNT(list), &status)) {
        return false;
    }
    wsk_finish(call, WSK_PEND, status, 0);
    return true;
}

/* ADDR-014; AMBIGUOUS-LIFE-58 for the process. */
static bool is_bad_context(struct sim *s, PEPROCESS process, PETHREAD thread)
{
    model_exercised(s, RULE_ADDR_014);
    if ((process != NULL || thread != NULL) && ps_is_impersonating(s) &&
        !model_mutated(resolver_takes_impersonators)) {
        return true;
    }
    return thread != NULL && process == NULL && model_knob(s, KNOB_ADDR_CONTEXT) == 0 &&
           !model_mutated(resolver_takes_any_thread);
}

/* ---- the calls ---- */

NTSTATUS WSKAPI WskGetAddressInfo(PWSK_CLIENT Client, PUNICODE_STRING NodeName,
                                  PUNICODE_STRING ServiceName, ULONG NameSpace, GUID *Provider,
                                  PADDRINFOEXW Hints, PADDRINFOEXW *Result, PEPROCESS OwningProcess,
                                  PETHREAD OwningThread, PIRP Irp)
{
    struct wsk_call call;
    (void)NameSpace;
    if (!WSK_ENTER_CLIENT(&call, WskGetAddressInfo, Client, Irp, WSK_REQ_RESOLVE, 0)) {
        return wsk_leave(&call);
    }
    struct sim *s = call.s;
    if (NodeName != NULL) {
        model_touch(s, NodeName, sizeof *NodeName, "NodeName");
    }
    if (ServiceName != NULL) {
        model_touch(s, ServiceName, sizeof *ServiceName, "ServiceName");
    }
    if (is_empty(NodeName) && is_empty(ServiceName)) {
        model_breach(s, RULE_ADDR_013, call.registration->object, NULL,
                     "WskGetAddressInfo is given neither a node nor a service");
        wsk_refuse(&call, STATUS_INVALID_PARAMETER); /* ADDR-011 */
        return wsk_leave(&call);
    }
    model_exercised(s, RULE_ADDR_013);
    model_touch(s, Result, sizeof *Result, "Result");
    if (is_bad_context(s, OwningProcess, OwningThread)) {
        wsk_refuse(&call, STATUS_INVALID_PARAMETER);
    } else if (!faults(&call)) {
        struct question *q = wsk_stage_alloc(s, sizeof *q);
        *q = (struct question){.node = NodeName, .service = ServiceName, .hints = Hints,
                               .provider = Provider};
        if (model_knob(s, KNOB_LIFETIME_INPUTS) == 1) {
            q->is_captured = true;
            q->status = look_up(s, q, &q->found);
        }
        call.request->item = q;
        call.request->out[0] = Result;
        call.request->deliver = deliver_address_info;
        start(&call);
    }
    return wsk_leave(&call);
}

static NTSTATUS write_text(struct sim *s, PUNICODE_STRING out, const char *text, const char *what)
{
    size_t count = strlen(text);
    SIZE_T bytes = count * sizeof(WCHAR);
    model_touch(s, out, sizeof *out, what);
    if (bytes > out->MaximumLength) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    model_touch(s, out->Buffer, bytes, what);
    for (size_t i = 0; i < count; i++) {
        out->Buffer[i] = (WCHAR)text[i];
    }
    out->Length = (USHORT)bytes;
    if (bytes + sizeof(WCHAR) <= out->MaximumLength) {
        model_touch(s, &out->Buffer[count], sizeof(WCHAR), what);
        out->Buffer[count] = 0;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS name_node(struct sim *s, const struct wsk_request *r)
{
    const struct net_address *address = &r->address[0];
    const char *name = (r->flags & NI_NUMERICHOST) != 0 ? NULL : net_address_to_name(s, address);
    char text[64];
    if (name == NULL) {
        if ((r->flags & NI_NAMEREQD) != 0) {
            return not_found(s);
        }
        name = inet_ntop(address->family == NET_IPV4 ? HOST_AF_INET : HOST_AF_INET6, address->ip,
                         text, sizeof text);
        SIM_ASSERT(name != NULL);
    }
    return write_text(s, r->out[0], name, "NodeName");
}

static NTSTATUS name_service(struct sim *s, const struct wsk_request *r)
{
    uint16_t port = r->address[0].port;
    char text[8];
    for (size_t i = 0; (r->flags & NI_NUMERICSERV) == 0 && i < SIM_COUNT(services); i++) {
        if (services[i].port == port) {
            return write_text(s, r->out[1], services[i].name, "ServiceName");
        }
    }
    char *at = text + sizeof text - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + port % 10);
        port = (uint16_t)(port / 10);
    } while (port != 0);
    return write_text(s, r->out[1], at, "ServiceName");
}

/* ADDR-015. Of a string that is to be filled both the header and the buffer. */
static void check_strings_kept(struct sim *s, const struct wsk_request *r)
{
    if (model_knob(s, KNOB_LIFETIME_INPUTS) != 1) { /* AMBIGUOUS-LIFE-12 */
        wsk_output_kept(s, r, r->item, r->length, RULE_ADDR_015, "SockAddr");
    }
    for (size_t i = 0; i < 2; i++) {
        const UNICODE_STRING *out = r->out[i];
        if (out != NULL) {
            wsk_output_kept(s, r, out, sizeof *out, RULE_ADDR_015, "string");
            wsk_output_kept(s, r, out->Buffer, out->MaximumLength, RULE_ADDR_015, "string");
        }
    }
}

static void deliver_name_info(struct sim *s, struct wsk_request *r)
{
    check_strings_kept(s, r);
    if (r->status != STATUS_SUCCESS) {
        return;
    }
    if (r->out[0] != NULL) {
        r->status = name_node(s, r);
    }
    if (NT_SUCCESS(r->status) && r->out[1] != NULL) {
        r->status = name_service(s, r);
    }
    r->information = information(s, r->status);
}

static bool read_address(struct sim *s, const SOCKADDR *address, ULONG length,
                         struct net_address *out)
{
    if (length < sizeof address->sa_family) {
        return false;
    }
    model_touch(s, address, length, "SockAddr");
    ADDRESS_FAMILY family = address->sa_family;
    return (family == AF_INET || family == AF_INET6) && length >= wsk_address_size(family) &&
           wsk_address_in(s, address, family, out, "SockAddr");
}

NTSTATUS WSKAPI WskGetNameInfo(PWSK_CLIENT Client, PSOCKADDR SockAddr, ULONG SockAddrLength,
                               PUNICODE_STRING NodeName, PUNICODE_STRING ServiceName, ULONG Flags,
                               PEPROCESS OwningProcess, PETHREAD OwningThread, PIRP Irp)
{
    struct wsk_call call;
    if (!WSK_ENTER_CLIENT(&call, WskGetNameInfo, Client, Irp, WSK_REQ_RESOLVE, 0)) {
        return wsk_leave(&call);
    }
    struct sim *s = call.s;
    struct wsk_request *r = call.request;
    if (NodeName == NULL && ServiceName == NULL) {
        model_breach(s, RULE_ADDR_013, call.registration->object, NULL,
                     "WskGetNameInfo is given no string to fill");
        wsk_refuse(&call, STATUS_INVALID_PARAMETER);
        return wsk_leave(&call);
    }
    if (SockAddrLength > SOCKADDR_LENGTH_MAX) {
        model_lint(s, RULE_ADDR_013);
    }
    model_exercised(s, RULE_ADDR_013);
    if (!read_address(s, SockAddr, SockAddrLength, &r->address[0]) ||
        is_bad_context(s, OwningProcess, OwningThread)) {
        wsk_refuse(&call, STATUS_INVALID_PARAMETER);
    } else if (!faults(&call)) {
        r->flags = Flags;
        r->out[0] = NodeName;
        r->out[1] = ServiceName;
        r->item = SockAddr;
        r->length = SockAddrLength;
        r->deliver = deliver_name_info;
        start(&call);
    }
    return wsk_leave(&call);
}

/* ---- giving back ---- */

static struct wsk_info *find_info(struct sim *s, uintptr_t head)
{
    struct wsk_data_state *d = wsk_data_of(s);
    for (uint32_t i = d->info.count; i-- != 0;) {
        struct wsk_info *info = record_pool_at(&d->info, i);
        if (info->head == head) {
            return info;
        }
    }
    return NULL;
}

static void free_list(struct wsk_call *call, PADDRINFOEXW list)
{
    struct sim *s = call->s;
    struct wsk_info *info = find_info(s, (uintptr_t)list);
    if (info == NULL) {
        model_fail(s, RULE_ADDR_017, call->registration->object, NULL,
                   "WskFreeAddressInfo is given %s",
                   list == NULL ? "NULL" : "a pointer that no resolution has returned");
    }
    if (info->is_freed) {
        model_fail(s, RULE_ADDR_016, info->object, &info->freed,
                   "WskFreeAddressInfo is called twice for one result");
    }
    if (info->registration != call->registration) {
        model_fail(s, RULE_ADDR_016, info->object, &info->made,
                   "WskFreeAddressInfo is given the result of another client");
    }
    model_exercised(s, RULE_ADDR_016);
    info->is_freed = true;
    info->freed = sim_here(s);
    info->registration->info_lists--;
    sim_trace(s, TRACE_Destroy, info->object, 0);
    for (uint32_t i = 0; i < info->count; i++) {
        PADDRINFOEXW next = list->ai_next;
        wsk_argument_free(s, list->ai_addr);
        wsk_argument_free(s, list);
        list = next;
    }
}

VOID WSKAPI WskFreeAddressInfo(PWSK_CLIENT Client, PADDRINFOEXW AddrInfo)
{
    struct wsk_call call;
    if (WSK_ENTER_CLIENT(&call, WskFreeAddressInfo, Client, NULL, WSK_REQ_KINDS,
                         WSK_ENTER_NO_IRP)) {
        free_list(&call, AddrInfo);
        call.decided = true;
        call.status = STATUS_SUCCESS;
    }
    (void)wsk_leave(&call);
}

void wsk_address_check_unload(struct sim *s)
{
    struct wsk_data_state *d = wsk_data_of(s);
    for (uint32_t i = 0; i < d->info.count; i++) {
        const struct wsk_info *info = record_pool_at(&d->info, i);
        if (!info->is_freed) {
            model_fail(s, RULE_ADDR_016, info->object, &info->made,
                       "a result of WskGetAddressInfo has not been freed");
        }
    }
}
