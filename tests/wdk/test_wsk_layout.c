/* SPDX-License-Identifier: MIT */
/*
 * Layouts and numbers of the WSK headers against the contract.
 *
 * Every structure of control.md 7.5 and sockets.md 7.4, every slot of the dispatch tables, and the
 * constants of control.md 7.1 to 7.4 and sockets.md 7.1 to 7.3, all listed in wsk_layout.def. Each
 * is a static assertion, so that a wrong header does not compile; the run repeats and counts them,
 * and adds what only a run can show.
 */
#include <wsk.h>
#include <ntstatus.h>

int printf(const char *format, ...);

struct check {
    const char *text;
    unsigned long long got, wanted;
};

#define SIZE(type, size)                                                                           \
    _Static_assert(sizeof(type) == (size), #type);
#define OFFSET(type, member, at)                                                                   \
    _Static_assert(offsetof(type, member) == (at), #type "." #member);
#define VALUE(name, value)                                                                         \
    _Static_assert((ULONG)(name) == (ULONG)(value), #name);
#include "wsk_layout.def"
#undef SIZE
#undef OFFSET
#undef VALUE

static const struct check checks[] = {
#define SIZE(type, size) {"sizeof " #type, sizeof(type), (size)},
#define OFFSET(type, member, at) {#type "." #member, offsetof(type, member), (at)},
#define VALUE(name, value) {#name, (ULONG)(name), (ULONG)(value)},
#include "wsk_layout.def"
#undef SIZE
#undef OFFSET
#undef VALUE
};

/* Both ways into the basic table reach the same slot, whatever the category. */
static unsigned basic_is_shared(void)
{
    static const char filler[2];
    WSK_PROVIDER_LISTEN_DISPATCH listen = {0};
    WSK_PROVIDER_DATAGRAM_DISPATCH datagram = {0};
    WSK_PROVIDER_CONNECTION_DISPATCH connection = {0};
    WSK_PROVIDER_STREAM_DISPATCH stream = {0};
    PFN_WSK_CLOSE_SOCKET close = (PFN_WSK_CLOSE_SOCKET)(ULONG_PTR)&filler[1];

    listen.WskCloseSocket = close;
    datagram.WskCloseSocket = close;
    connection.WskCloseSocket = close;
    stream.WskCloseSocket = close;
    const BOOLEAN same[] = {
        listen.Basic.WskCloseSocket == close, datagram.Basic.WskCloseSocket == close,
        connection.Basic.WskCloseSocket == close, stream.Basic.WskCloseSocket == close};
    unsigned shared = 0;
    for (unsigned i = 0; i < sizeof same; i++) {
        shared += same[i];
    }
    return shared;
}

int main(void)
{
    unsigned passed = 0;
    unsigned failed = 0;
    unsigned shared = basic_is_shared();

    for (unsigned i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (checks[i].got == checks[i].wanted) {
            passed++;
        } else {
            failed++;
            printf("%s: %#llx, wanted %#llx\n", checks[i].text, checks[i].got, checks[i].wanted);
        }
    }
    passed += shared;
    failed += 4 - shared;
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
