/* SPDX-License-Identifier: MIT */
/*
 * Names for reports: objects ("irp#3"), routines and status codes. Nothing here is looked at by a
 * run.
 *
 * Limits: a status that has several names is called by the first one of include/wdk/ntstatus.def.
 */
#include "model/model.h"

#include <ntstatus.h>

#include <stdio.h>

static const char *const object_names[OBJECT_KINDS] = {
    [OBJECT_NONE] = "nothing",
    [OBJECT_THREAD] = "thread",
    [OBJECT_EVENT] = "event",
    [OBJECT_MUTEX] = "mutex",
    [OBJECT_SEMAPHORE] = "semaphore",
    [OBJECT_TIMER] = "timer",
    [OBJECT_DPC] = "dpc",
    [OBJECT_SPIN_LOCK] = "spinlock",
    [OBJECT_FAST_MUTEX] = "fastmutex",
    [OBJECT_RESOURCE] = "resource",
    [OBJECT_PUSH_LOCK] = "pushlock",
    [OBJECT_RUNDOWN] = "rundown",
    [OBJECT_WORK_ITEM] = "workitem",
    [OBJECT_IRP] = "irp",
    [OBJECT_MDL] = "mdl",
    [OBJECT_POOL] = "pool",
    [OBJECT_LOOKASIDE] = "lookaside",
    [OBJECT_DEVICE] = "device",
    [OBJECT_HANDLE] = "handle",
    [OBJECT_REGISTRATION] = "registration",
    [OBJECT_SOCKET] = "sock",
    [OBJECT_INDICATION] = "indication",
    [OBJECT_PEER] = "peer",
    [OBJECT_CONNECTION] = "conn",
    [OBJECT_ADDRESS_INFO] = "addrinfo",
    [OBJECT_SD] = "sd",
    [OBJECT_DRIVER] = "driver",
    [OBJECT_REMOVE_LOCK] = "removelock",
    [OBJECT_FILE] = "file",
    [OBJECT_REQUEST] = "request",
};

static const char *const routine_names[ROUTINE_COUNT] = {
#define ROUTINE(name, low, high) #name,
#include "model/routines.def"
#undef ROUTINE
};

struct status_name {
    uint32_t value;
    const char *name;
};

static const struct status_name status_names[] = {
#define STATUS_NAME(name) {(uint32_t)(name), #name},
#include "model/status_names.def"
#undef STATUS_NAME
};

const char *model_object_name(uint32_t object, char *buffer, size_t size)
{
    uint32_t kind = object >> 24;
    if (kind == OBJECT_NONE || kind >= OBJECT_KINDS) {
        snprintf(buffer, size, "nothing");
    } else {
        snprintf(buffer, size, "%s#%u", object_names[kind], object & 0xffffffu);
    }
    return buffer;
}

const char *model_routine_name(unsigned routine)
{
    SIM_ASSERT_OP(routine, <, ROUTINE_COUNT);
    return routine == ROUTINE_None ? "driver code" : routine_names[routine];
}

const char *model_status_name(uint32_t status)
{
    size_t low = 0;
    size_t high = SIM_COUNT(status_names);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (status_names[middle].value == status) {
            return status_names[middle].name;
        }
        if (status_names[middle].value < status) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const char *model_tag_text(uint32_t tag, char out[7])
{
    out[0] = '\'';
    for (unsigned i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)(tag >> (8 * i));
        out[i + 1] = (char)(c >= 0x20 && c < 0x7f ? c : '.');
    }
    out[5] = '\'';
    out[6] = '\0';
    return out;
}
