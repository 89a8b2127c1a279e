/* SPDX-License-Identifier: MIT */
/* What the files of Ps share. */
#ifndef MODEL_PS_PS_INTERNAL_H
#define MODEL_PS_PS_INTERNAL_H

#include "model/ke/ke_internal.h"
#include "model/ps/ps.h"

enum {
    PS_OBJECTS_MAX = 1024, /* registered in one run, gone ones included */
    PS_HANDLES_MAX = 1024, /* opened in one run: numbers are not used again */
    PS_THREADS_MAX = 512,  /* created by the driver in one run */
    PS_PROCESSES_MAX = 16, /* user processes of the world */
    PS_PRIORITY_NORMAL = 8,
};

struct ps_handle {
    struct ps_object *o;
    bool is_open, is_kernel;
    uint32_t process;
    struct sim_where opened, closed;
};

/* What the driver gets as PETHREAD or PEPROCESS; its contents are ours. */
struct ps_body {
    DISPATCHER_HEADER header;
    ULONG_PTR id;
    LONG priority;
    LONG increment;
};

/* A thread that the driver created. */
struct ps_thread {
    struct ps_object *o;
    struct ke_context *context; /* NULL once it has ended */
    PKSTART_ROUTINE routine;
    PVOID argument;
    struct sim_where created;
};

struct ps_state {
    struct ps_object object[PS_OBJECTS_MAX];
    uint32_t object_count;
    struct ps_handle handle[PS_HANDLES_MAX];
    uint32_t handle_count;
    struct ps_thread thread[PS_THREADS_MAX];
    uint32_t thread_count;
    struct ps_object *process[PS_PROCESSES_MAX];
    uint32_t process_count; /* highest number in use + 1 */
};

static inline struct ps_state *ps_of(struct sim *s)
{
    return model_of(s)->ps;
}

/* ps_object.c: the object a driver's pointer means; KRN-254 if it is none or gone. */
struct ps_object *ps_object_check(struct sim *s, const void *body);

/* ps_handle.c: the entry of a handle, or NULL. */
struct ps_handle *ps_handle_find(struct sim *s, HANDLE handle);

/* ps_thread.c */
void *ps_thread_body(struct sim *s, struct ke_context *c); /* made on demand */
void ps_threads_check_unload(struct sim *s);

#endif
