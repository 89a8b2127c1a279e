/* SPDX-License-Identifier: MIT */
/* What the files of Io share. */
#ifndef MODEL_IO_IO_INTERNAL_H
#define MODEL_IO_IO_INTERNAL_H

#include "model/address_table.h"
#include "model/ex/ex.h"
#include "model/io/io.h"
#include "model/ke/ke.h"
#include "model/mm/mm.h"
#include "model/record_pool.h"

enum {
    IO_DEVICES_MAX = 64,             /* device objects alive at once, and created in one run */
    IO_LINKS_MAX = 64,               /* symbolic links */
    IO_NAME_MAX = 128,               /* characters of a device or link name */
    IO_CANCELS_MAX = SIM_STACKS_MAX, /* IoCancelIrp calls in progress: one per context */
    IO_REMOVE_LOCKS_MAX = 64,
    IO_REMOVE_TAGS_MAX = 256, /* acquisitions held at once */
    IO_EXTENSIONS_MAX = 16,   /* driver object extensions */
};

/* The cancel spin lock has no address that a driver sees; this one is no memory. */
#define IO_CANCEL_LOCK ((const void *)0x10)

/* ---- IRPs from above ---- */

struct io_above {
    struct io_irp *record;
    struct io_device *device;
    bool is_completed;
    bool is_stopped; /* a completion routine stopped completion: the driver owes one (KRN-035) */
    bool is_cancelled;
    UCHAR major;
    uint8_t method;   /* METHOD_BUFFERED, ... */
    uint32_t process; /* who asked */
    NTSTATUS final_status;
    ULONG out_size;
    void *caller_buffer; /* the world's */
    bool *caller_completed;
    IO_STATUS_BLOCK *caller_result;
    struct sim_block *system_buffer, *user_buffer;
    PMDL mdl;
    PFILE_OBJECT file;
    sim_time cancelled_at;
    struct io_above *next, *previous;
};

/* ---- devices ---- */

struct io_device {
    PDEVICE_OBJECT device; /* NULL = free slot */
    PDRIVER_OBJECT driver;
    struct sim_block *block;
    uint32_t object;
    uint32_t references; /* IRPs from above and work items */
    bool is_deleted;
    bool is_shutdown_registered;
    uint16_t name_length;
    WCHAR name[IO_NAME_MAX];
    struct sim_where born, deleted;
    PIO_TIMER_ROUTINE timer_routine;
    PVOID timer_context;
    bool is_timer_running;
    uint32_t timer_number; /* of IoStartTimer: ticks of an earlier start do nothing */
};

struct io_link {
    bool is_used;
    uint32_t object;
    uint16_t name_length, target_length;
    WCHAR name[IO_NAME_MAX], target[IO_NAME_MAX];
    struct sim_where born;
};

/* ---- work items ---- */

enum io_work_state { IO_WORK_IDLE, IO_WORK_QUEUED, IO_WORK_FREED };
enum io_work_kind { IO_WORK_ALLOCATED, IO_WORK_INITIALIZED, IO_WORK_EXECUTIVE };

struct io_work {
    uintptr_t address;
    uint32_t object;
    uint8_t state;    /* enum io_work_state */
    uint8_t kind;     /* enum io_work_kind */
    bool is_extended; /* IoQueueWorkItemEx */
    uint32_t running; /* routines in progress */
    PVOID io_object;
    struct io_device *device; /* NULL: a driver object, or an executive item */
    PIO_WORKITEM_ROUTINE routine;
    PIO_WORKITEM_ROUTINE_EX routine_ex;
    PWORKER_THREAD_ROUTINE routine_executive;
    PVOID context;
    struct sim_block *block;
    struct sim_where born, queued, freed;
    struct io_work *next, *previous; /* queued */
};

/* ---- everything else ---- */

struct io_cancel_call {
    struct io_irp *record;
    struct sim_ctx *context;
    struct sim_where where;
};

struct io_remove_lock {
    PIO_REMOVE_LOCK lock;
    uint32_t object;
    uint32_t count;   /* acquisitions held */
    bool is_draining; /* IoReleaseRemoveLockAndWait was called */
    struct sim_where born, drained;
};

struct io_remove_tag {
    struct io_remove_lock *lock;
    PVOID tag;
    struct sim_where acquired;
};

struct io_extension {
    PVOID id;
    PVOID memory;
    struct sim_block *block;
};

struct io_state {
    struct record_pool irps;
    struct address_table irp_table;
    struct io_irp *irp_last; /* the one asked for last: drivers call for one IRP in a row */
    struct io_irp *flight_first, *flight_last;
    uint32_t flight_count;
    uint32_t allocated_live; /* IRPs of IoAllocateIrp not freed yet */

    struct record_pool aboves;
    struct io_above *above_first, *above_last; /* not completed */
    uint32_t above_count;

    struct record_pool works;
    struct address_table work_table;
    struct io_work *work_first, *work_last; /* queued */
    uint32_t io_works;                      /* queued or running, of IoQueueWorkItem */
    uint32_t executive_works;               /* queued or running, of ExQueueWorkItem */
    uint32_t work_live;                     /* items not freed or uninitialised yet */
    uint32_t work_initialized;              /* of these: in memory of the driver (KRN-169) */

    struct io_device device[IO_DEVICES_MAX];
    uint32_t device_count; /* slots ever used in this run */
    struct io_link link[IO_LINKS_MAX];
    uint32_t link_count;

    struct io_cancel_call cancel_call[IO_CANCELS_MAX];
    uint32_t cancel_call_count;

    struct io_remove_lock remove_lock[IO_REMOVE_LOCKS_MAX];
    uint32_t remove_lock_count;
    struct io_remove_tag remove_tag[IO_REMOVE_TAGS_MAX];
    uint32_t remove_tag_count;

    struct io_extension extension[IO_EXTENSIONS_MAX];
    uint32_t extension_count;
};

static inline struct io_state *io_of(struct sim *s)
{
    return model_of(s)->io;
}

static inline bool io_is_in(const void *p, const void *base, size_t size)
{
    return (uintptr_t)p - (uintptr_t)base < size;
}

/* ---- io_record.c ---- */

/* A new record for this address; replaces an older one (raw memory is initialised again). */
struct io_irp *io_irp_new(struct sim *s, PIRP irp, enum io_irp_origin origin, uint16_t stack_count);
/* The record of an argument: it must be an IRP that is not freed (IRP-009, KRN-019). */
struct io_irp *io_irp_argument(struct sim *s, const IRP *irp);
/* Ends the run if the IRP belongs to WSK at this moment (IRP-008). `what` = "IoFreeIrp", ... */
void io_irp_not_in_flight(struct sim *s, const struct io_irp *record, const char *what);
static inline bool io_irp_in_flight(const struct io_irp *record)
{
    return record->state == IO_IRP_SUBMITTED || record->state == IO_IRP_PENDING;
}
static inline bool io_irp_is_own(const struct io_irp *record)
{
    return record->origin == IO_IRP_ALLOCATED || record->origin == IO_IRP_RAW;
}
void io_flight_add(struct sim *s, struct io_irp *record);
void io_flight_remove(struct sim *s, struct io_irp *record);
/* KRN-029: the IRP lies in a frame of a fiber stack that has certainly been left. */
bool io_frame_is_left(struct sim *s, const void *p);

/* ---- io_irp.c ---- */

/* The contents of a new or reinitialised IRP. */
void io_irp_fill(PIRP irp, uint16_t size, unsigned stack_count);
/* Allocates memory and record; NULL on a drawn failure. */
struct io_irp *io_irp_allocate(struct sim *s, enum io_irp_origin origin, unsigned stack_count,
                               bool may_fail);
/* Gives memory of ours back; the record stays, freed. */
void io_irp_release(struct sim *s, struct io_irp *record);

/* ---- io_stack.c ---- */

/* Ends the run if the driver overwrote what says where in its stack the IRP is. */
void io_check_position(struct sim *s, const struct io_irp *record, enum model_rule rule,
                       const char *name);

/* ---- io_complete.c ---- */

/*
 * Runs completion routines from the current stack location upward (KRN-037). Afterwards the IRP
 * may be gone. True if nothing stopped it before the top.
 */
bool io_walk(struct sim *s, struct io_irp *record);
/* As IofCompleteRequest, after its checks: walks, and at the top does what the origin asks for. */
void io_complete_request(struct sim *s, struct io_irp *record);

/* ---- io_cancel.c ---- */

void io_cancel_lock(struct sim *s, KIRQL *old);
void io_cancel_unlock(struct sim *s, KIRQL irql);
/* Sets the cancel bit and calls whoever is responsible (KRN-021). */
BOOLEAN io_cancel(struct sim *s, struct io_irp *record);
/* IRP-026: a free while IoCancelIrp is at work on another context. */
void io_cancel_check_free(struct sim *s, const struct io_irp *record);

/* ---- io_csq.c ---- */

/* The cancel routine of an IRP in a cancel-safe queue. */
void io_csq_cancel(PDEVICE_OBJECT device, PIRP irp);

/* ---- io_device.c ---- */

struct io_device *io_device_find(struct sim *s, const DEVICE_OBJECT *device);
struct io_device *io_device_argument(struct sim *s, const DEVICE_OBJECT *device);
void io_device_reference(struct io_device *device);
void io_device_dereference(struct sim *s, struct io_device *device);
void io_devices_reset(struct sim *s);
void io_devices_check_unload(struct sim *s);

/* ---- io_dispatch.c ---- */

void io_above_finished(struct sim *s, struct io_irp *record);
/* Calls the dispatch routine of a device for the current stack location; no checks of the result.
 */
NTSTATUS io_dispatch(struct sim *s, struct io_device *device, struct io_irp *record);

/* ---- io_work.c ---- */

void io_works_check_unload(struct sim *s);
/* KRN-170: a routine that never returns holds the driver. */
void io_works_check_idle(struct sim *s);
void io_works_freed(struct sim *s, const void *p, size_t size);

/* ---- io_remove_lock.c ---- */

void io_remove_locks_check_unload(struct sim *s);

#endif
