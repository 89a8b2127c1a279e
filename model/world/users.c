/* SPDX-License-Identifier: MIT */
/*
 * User-mode clients of the driver's devices: threads with a process of their own that open a
 * device, send it some requests, and close it. No user code runs; the requests are drawn.
 *
 *   CREATE --success--> 1..4 requests, each awaited --> CLEANUP --> CLOSE
 *
 * A request that pends is awaited for a drawn time and then cancelled; with no time limit, the user
 * waits until the world heals (run.c heals it before unload) and is no hindrance to quiet
 * meanwhile.
 *
 * Control codes are those a driver writer picks first: CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800 + n,
 * ...), or four bytes of the program stream. A harness says which (include/wsksim/world.h).
 *
 * Invariants:
 *  1. After CREATE succeeded there is exactly one CLEANUP and one CLOSE, also when the run heals.
 *  2. A user has at most one IRP outstanding.
 */
#include "model/ex/ex.h"
#include "model/io/io.h"
#include "model/ke/ke.h"
#include "model/world/world_internal.h"

enum { REQUESTS_MAX = 4, CODE_FIRST = 0x222000 /* CTL_CODE(0x22, 0x800, METHOD_BUFFERED, 0) */ };

struct world_user {
    uint32_t number;
    PDEVICE_OBJECT device;
    PFILE_OBJECT file;
    struct sim_block *file_block;
    bool is_completed;
    IO_STATUS_BLOCK result;
    uint8_t buffer[WORLD_USER_BYTES_MAX];
};

struct world_user *users_create(void)
{
    static struct world_user users[WORLD_USERS_MAX];
    return users;
}

/* ---- waiting ---- */

static bool is_over(struct sim *s, void *argument)
{
    const struct world_user *user = argument;
    return user->is_completed || world_is_healed(s);
}

static bool is_completed(struct sim *s, void *argument)
{
    (void)s;
    return ((const struct world_user *)argument)->is_completed;
}

static bool is_healed(struct sim *s, void *argument)
{
    (void)argument;
    return world_is_healed(s);
}

/* Waiting for the driver does not keep the world from being quiet. */
static void await(struct sim *s, struct world_user *user)
{
    static const sim_time patience[] = {SIM_TIME_NEVER, 0, SIM_MS(1), SIM_MS(100), SIM_MS(5000)};
    if (user->is_completed) {
        return;
    }
    uint32_t which = world_pick(s, PICK_WORLD_USER_PATIENCE, SIM_COUNT(patience));
    world_of(s)->busy--;
    world_rest(s);
    (void)ke_wait_until(s, is_over, user, patience[which], "a request to the driver to complete");
    world_of(s)->busy++;
    world_activity(s);
    if (!user->is_completed) {
        (void)io_cancel_from_above(s, user->file);
        (void)ke_wait_until(s, is_completed, user, SIM_TIME_NEVER,
                            "a cancelled request to the driver to complete");
    }
}

/* ---- requests ---- */

static NTSTATUS send(struct sim *s, struct world_user *user, UCHAR major, ULONG code, ULONG in_size,
                     ULONG out_size)
{
    world_activity(s);
    user->is_completed = false;
    (void)io_send_from_above(s, user->device, major, code, user->buffer, in_size, out_size,
                             user->file, &user->is_completed, &user->result);
    await(s, user);
    return user->result.Status;
}

static ULONG draw_code(struct sim *s)
{
    enum { GUESSES = 64, METHODS = 4 };
    uint32_t guess = world_pick(s, PICK_WORLD_USER_CODE, GUESSES + 1);
    if (guess == GUESSES) {
        ULONG code = 0;
        return choice_bytes(s, &code, sizeof code) == sizeof code ? code : 0;
    }
    uint32_t method = guess / 16, function = guess % 16;
    return (ULONG)CODE_FIRST + (function << 2) + method % METHODS;
}

static ULONG draw_size(struct sim *s)
{
    static const ULONG size[] = {64, 0, 1, 4, 8, 16, 256, 1500, WORLD_USER_BYTES_MAX};
    return size[world_pick(s, PICK_WORLD_SIZE, SIM_COUNT(size))];
}

static void draw_request(struct sim *s, struct world_user *user)
{
    uint32_t operation = world_pick(s, PICK_WORLD_USER_OPERATION, 4);
    ULONG code = operation < 2 ? draw_code(s) : 0;
    ULONG in_size = draw_size(s);
    memcpy(user->buffer, world_content(s, in_size), in_size);
    switch (operation) {
    case 0:
        (void)send(s, user, IRP_MJ_DEVICE_CONTROL, code, in_size, in_size);
        break;
    case 1: {
        ULONG out_size = draw_size(s);
        (void)send(s, user, IRP_MJ_DEVICE_CONTROL, code, in_size, out_size);
        break;
    }
    case 2:
        (void)send(s, user, IRP_MJ_READ, 0, 0, in_size);
        break;
    default:
        (void)send(s, user, IRP_MJ_WRITE, 0, in_size, 0);
        break;
    }
}

/* ---- life of a user ---- */

static PDEVICE_OBJECT draw_device(struct sim *s)
{
    PDEVICE_OBJECT device = io_first_device(s);
    for (uint32_t skip = world_pick(s, PICK_WORLD_USER_DEVICE, 4); skip > 0 && device != NULL &&
                                                                   device->NextDevice != NULL;
         skip--) {
        device = device->NextDevice;
    }
    return device;
}

static void converse(struct sim *s, struct world_user *user)
{
    user->file = ex_alloc(s, sizeof *user->file, BLOCK_OTHER, 0, true, false, &user->file_block);
    user->file->Type = 5; /* IO_TYPE_FILE */
    user->file->Size = (CSHORT)sizeof *user->file;
    user->file->DeviceObject = user->device;
    sim_trace(s, TRACE_World, 0, 100 + user->number);
    NTSTATUS status = send(s, user, IRP_MJ_CREATE, 0, 0, 0);
    if (NT_SUCCESS(status)) {
        for (uint32_t i = 0; i < REQUESTS_MAX && !world_is_healed(s); i++) {
            draw_request(s, user);
            if (world_pick(s, PICK_WORLD_USER_OPERATION, 2) == 0) {
                break;
            }
        }
        (void)send(s, user, IRP_MJ_CLEANUP, 0, 0, 0);
        (void)send(s, user, IRP_MJ_CLOSE, 0, 0, 0);
    }
    ex_free(s, user->file_block);
}

static void user_main(struct sim *s, void *argument)
{
    struct world_user *user = argument;
    ke_current(s)->process = user->number;
    (void)ke_wait_until(s, is_healed, NULL, world_delay(s), "a user to begin");
    user->device = world_is_healed(s) ? NULL : draw_device(s);
    if (user->device != NULL) {
        converse(s, user);
    }
    struct world_state *w = world_of(s);
    w->busy--;
    w->users_alive--;
    world_rest(s);
    ke_poke(s); /* run.c waits for them before unload */
}

void users_start(struct sim *s)
{
    struct world_state *w = world_of(s);
    if (io_first_device(s) == NULL) {
        return;
    }
    uint32_t count = 1 + world_pick(s, PICK_WORLD_USERS, WORLD_USERS_MAX);
    for (w->user_count = 0; w->user_count < count && w->user_count < WORLD_USERS_MAX;) {
        struct world_user *user = &w->user[w->user_count++];
        user->number = w->user_count;
        w->busy++;
        w->users_alive++;
        (void)ke_system_call(s, NULL, PASSIVE_LEVEL, user_main, user, "user");
    }
}

bool world_has_users(struct sim *s)
{
    return world_of(s)->users_alive != 0;
}
