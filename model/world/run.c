/* SPDX-License-Identifier: MIT */
/* See run.h. The run itself is a system thread at PASSIVE_LEVEL, as the I/O manager's would be. */
#include "model/world/run.h"

#include <string.h>

#include "model/ex/ex.h"
#include "model/io/io.h"
#include "model/ke/ke.h"
#include "model/mm/mm.h"
#include "model/net/net.h"
#include "model/ps/ps.h"
#include "model/wsk/wsk.h"

enum { PICK_UNLOAD_MOMENT = PICK_WORLD, PICK_UNLOAD_DELAY };

/* When the driver is unloaded; 0 is the tame answer. */
enum unload_moment {
    UNLOAD_WHEN_QUIET, UNLOAD_EARLY, UNLOAD_LATER, UNLOAD_AT_ONCE, UNLOAD_MOMENTS
};

static struct {
    PDRIVER_INITIALIZE entry;
    PDRIVER_OBJECT driver;
    enum model_phase phase;
    bool entry_failed;
    struct sim_where entry_where;
} run;

static void run_main(struct sim *s, void *argument);
static NTSTATUS call_driver_entry(struct sim *s);
static void wait_for_unload_moment(struct sim *s);
static void unload(struct sim *s);
static void check_everything(struct sim *s);

enum sim_verdict model_run(struct sim *s, PDRIVER_INITIALIZE entry,
                           const struct sim_options *options, const struct choice_source *source,
                           struct choice_log *log)
{
    run.entry = entry;
    run.driver = NULL;
    run.phase = PHASE_ENTRY;
    run.entry_failed = false;
    return sim_run(s, run_main, NULL, options, source, log);
}

PDRIVER_OBJECT run_driver_object(struct sim *s)
{
    (void)s;
    return run.driver;
}

enum model_phase run_phase(struct sim *s)
{
    (void)s;
    return run.phase;
}

static void run_main(struct sim *s, void *argument)
{
    (void)argument;
    model_reset(s);
    ke_context_attach(s);
    NTSTATUS status = call_driver_entry(s);
    if (!NT_SUCCESS(status)) {
        run.entry_failed = true;
        run.phase = PHASE_UNLOADED; /* the image goes away without DriverUnload (KRN-280) */
        world_heal(s);
        check_everything(s);
        return;
    }
    run.phase = PHASE_WORLD;
    world_start(s);
    wait_for_unload_moment(s);
    if (run.driver->DriverUnload == NULL) {
        wsk_report_given_up(s);
        return; /* KRN-282: never unloaded */
    }
    unload(s);
    check_everything(s);
}

/* ---- DriverEntry ---- */

static UNICODE_STRING *make_registry_path(struct sim *s, struct sim_block *block[2])
{
    static const WCHAR text[] = L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\driver";
    UNICODE_STRING *path =
        ex_alloc(s, sizeof *path, BLOCK_OTHER, 0, true, false, &block[0]);
    path->Buffer = ex_alloc(s, sizeof text, BLOCK_OTHER, 0, true, false, &block[1]);
    memcpy(path->Buffer, text, sizeof text);
    path->Length = (USHORT)(sizeof text - sizeof text[0]);
    path->MaximumLength = (USHORT)sizeof text;
    return path;
}

static PDRIVER_OBJECT make_driver_object(struct sim *s)
{
    PDRIVER_OBJECT driver =
        ex_alloc(s, sizeof *driver, BLOCK_DEVICE, 0, true, false, NULL);
    driver->Type = 4; /* IO_TYPE_DRIVER */
    driver->Size = (CSHORT)sizeof *driver;
    driver->DriverExtension =
        ex_alloc(s, sizeof *driver->DriverExtension, BLOCK_DEVICE, 0, true, false, NULL);
    driver->DriverExtension->DriverObject = driver;
    driver->DriverInit = run.entry;
    return driver;
}

static NTSTATUS call_driver_entry(struct sim *s)
{
    struct sim_block *path_block[2];
    UNICODE_STRING *path = make_registry_path(s, path_block);
    run.driver = make_driver_object(s);
    ke_window_open(s, KE_WINDOW_DRIVER_ENTRY, 0);
    NTSTATUS status = run.entry(run.driver, path);
    ke_window_close(s);
    sim_trace(s, TRACE_DriverEntry, 0, (uint64_t)(uint32_t)status);
    ex_free(s, path_block[1]); /* KRN-281: the path is gone when DriverEntry has returned */
    ex_free(s, path_block[0]);
    model_exercised(s, RULE_KRN_281);
    return status;
}

/* ---- the world acts ---- */

static bool is_quiet(struct sim *s, void *argument)
{
    (void)argument;
    return world_is_quiet(s);
}

static bool never(struct sim *s, void *argument)
{
    (void)s;
    (void)argument;
    return false;
}

static void wait_for_unload_moment(struct sim *s)
{
    uint32_t moment = UNLOAD_WHEN_QUIET;
    if (run.driver->DriverUnload != NULL && !world_has_script(s)) {
        moment = choice_pick(s, CHOICE_WORLD, PICK_UNLOAD_MOMENT, UNLOAD_MOMENTS);
    }
    switch ((enum unload_moment)moment) {
    case UNLOAD_WHEN_QUIET:
        if (ke_wait_until(s, is_quiet, NULL, SIM_MS(RUN_QUIET_MAX_MS),
                          "the world to become quiet") &&
            world_is_settled(s)) {
            wsk_check_quiet(s);
        }
        break;
    case UNLOAD_EARLY: {
        uint32_t step = choice_pick(s, CHOICE_WORLD, PICK_UNLOAD_DELAY, 64);
        ke_wait_until(s, never, NULL, (sim_time)step * 1000, "the moment of unload");
        break; /* 0.1 ms steps: among the first packets */
    }
    case UNLOAD_LATER: {
        uint32_t step = choice_pick(s, CHOICE_WORLD, PICK_UNLOAD_DELAY, 64);
        ke_wait_until(s, never, NULL, SIM_MS(step), "the moment of unload");
        break;
    }
    case UNLOAD_AT_ONCE:
    case UNLOAD_MOMENTS:
        break;
    }
}

/* ---- DriverUnload ---- */

static bool is_idle(struct sim *s, void *argument)
{
    (void)argument;
    return io_outstanding(s) == 0 && !world_has_users(s);
}

static bool is_drained(struct sim *s, void *argument)
{
    (void)argument;
    return ke_windows_open(s) == 0;
}

static void unload(struct sim *s)
{
    world_heal(s);
    /* KRN-282, KRN-288: not while an IRP is outstanding on a device of the driver. */
    if (!ke_wait_until(s, is_idle, NULL, SIM_MS(RUN_UNLOAD_MAX_MS),
                       "the driver to complete its outstanding IRPs")) {
        if (io_outstanding(s) == 0) {
            sim_limit(s, "a script of the world does not return when the run is over");
        }
        io_check_never_idle(s); /* KRN-027, KRN-035 */
        model_fail(s, RULE_KRN_288, 0, NULL,
                   "the driver holds pending IRPs from above; it can never be unloaded");
    }
    run.phase = PHASE_UNLOAD;
    model_code(s, (const void *)run.driver->DriverUnload, "DriverUnload");
    sim_trace(s, TRACE_Unload, 0, 0);
    sim_hb_acquire(s, s->model); /* io_above_finished */
    sim_hb_acquire(s, model_of(s)->ke);
    ke_window_open(s, KE_WINDOW_UNLOAD, 0);
    if (model_mutated(unload_at_apc_level)) {
        sim_set_level(s, APC_LEVEL);
    }
    run.driver->DriverUnload(run.driver);
    ke_window_close(s);
    sim_trace(s, TRACE_Unloaded, 0, 0);
}

static bool works_have_run(struct sim *s, void *argument)
{
    (void)argument;
    return io_works_pending(s) == 0;
}

/*
 * What the driver left behind. Code first: a callback that is still running is worse than a leak,
 * and often its cause.
 */
static void check_everything(struct sim *s)
{
    /* KRN-171: an item of IoQueueWorkItem holds its device, and with it the image, until it ran. */
    ke_wait_until(s, works_have_run, NULL, SIM_MS(RUN_UNLOAD_MAX_MS),
                  "work items of IoQueueWorkItem to end");
    wsk_check_leaving(s);
    ke_check_unload(s);
    ps_check_unload(s);
    /* KRN-290: DPCs still queued run now, before the image goes. */
    ke_wait_until(s, is_drained, NULL, SIM_MS(1000), "queued DPCs to run");
    run.phase = PHASE_UNLOADED;
    if (run.entry_failed) {
        wsk_check_failed_entry(s); /* REG-039 */
    } else {
        wsk_check_unload(s);
    }
    netio_check_unload(s);
    io_check_unload(s);
    mm_check_unload(s);
    ex_check_unload(s);
}
