/* SPDX-License-Identifier: MIT */
/*
 * Ps and Ob: system threads, processes, handles, references. A thread object is what
 * PsCreateSystemThread makes: it is referenced by its handle, by ObReferenceObjectByHandle, and by
 * itself while it runs.
 *
 * An object that a driver may reference has a record here; other parts register theirs (device,
 * file, driver objects). The record outlives the object, so that a late touch can name it.
 */
#ifndef MODEL_PS_PS_H
#define MODEL_PS_PS_H

#include "model/model.h"

struct ps_thread;
struct ke_context;

enum ps_kind {
    PS_THREAD,
    PS_PROCESS,
    PS_EVENT,
    PS_SEMAPHORE,
    PS_FILE,
    PS_DEVICE,
    PS_DRIVER,
    PS_TOKEN,
    PS_KEY,
    PS_KINDS
};

struct ps_object {
    void *body;        /* what the driver sees */
    uint8_t kind;      /* enum ps_kind */
    bool is_permanent; /* never goes, whatever the count */
    bool is_gone;
    uint32_t object;    /* trace id */
    int32_t references; /* all of them: handles, the system's own, the driver's */
    int32_t client;     /* of these: taken by the driver and not given back */
    int32_t handles;
    /* The last reference is gone (may be NULL). Runs on the dereferencing context. */
    void (*gone)(struct sim *s, struct ps_object *o);
    /* The last handle was closed (may be NULL). */
    void (*closed)(struct sim *s, struct ps_object *o);
    void *owner;
    uint64_t name; /* named events: hash of the name, 0 = none */
    struct sim_where born, dropped;
};

/* A new object with one reference, the creator's. */
struct ps_object *ps_object_new(struct sim *s, void *body, enum ps_kind kind, uint32_t object);
/* The record of an object, gone or not; NULL if this address never was one. */
struct ps_object *ps_object_find(struct sim *s, const void *body);
/* References of the system; the driver's go through Ob. */
void ps_object_hold(struct sim *s, struct ps_object *o);
void ps_object_drop(struct sim *s, struct ps_object *o);
/* A routine hands a reference to the driver (IoGetDeviceObjectPointer, KRN-261): it must drop it.
 */
void ps_object_give(struct sim *s, struct ps_object *o);
/* ObDereferenceObject: how many references are left. */
LONG_PTR ps_object_dereference(struct sim *s, void *body);
/* Does the current thread act for somebody else (PsImpersonateClient)? */
bool ps_is_impersonating(struct sim *s);
/* The same for any object by its address, a device too. */
void ps_object_give_body(struct sim *s, const void *body);

/* A handle to o, which it references. Kernel handles are valid everywhere (KRN-250). */
HANDLE ps_handle_open(struct sim *s, struct ps_object *o, bool is_kernel);
/* The object of an open handle, or NULL. No checks of the driver's conduct. */
struct ps_object *ps_handle_object(struct sim *s, HANDLE handle);

/* The object type of a kind, as *PsThreadType would say. */
POBJECT_TYPE ps_type(enum ps_kind kind);

/* PEPROCESS of a process number of the world (ke_context.process); 0 = the system process. */
PEPROCESS ps_process(struct sim *s, uint32_t process);

/* KRN-059: Zw routines run with special kernel APCs enabled. */
void ps_zw_check(struct sim *s);

struct ps_state *ps_create(void);
void ps_reset(struct sim *s);
/* Leaks: open handles, references, threads still alive (KRN-252, KRN-254, KRN-283, KRN-284). */
void ps_check_unload(struct sim *s);
/* Called by ke when a context ends for which somebody asked for a thread object. */
void ps_context_ended(struct sim *s, struct ke_context *c);

#endif
