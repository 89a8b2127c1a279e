/* SPDX-License-Identifier: MIT */
/*
 * User mode for scripts: handles to the driver's devices, requests that are awaited. A thread that
 * returns closes what it has left open, as a process that ends does.
 */
#include "model/ex/ex.h"
#include "model/world/harness.h"

static bool is_completed(struct sim *s, void *argument)
{
    (void)s;
    return ((const struct wsksim_file *)argument)->is_completed;
}

/* Sends one request and waits for it; when the time is over it is cancelled and awaited. */
static NTSTATUS send(struct sim *s, struct wsksim_file *file, UCHAR major, ULONG code,
                     ULONG in_size, ULONG out_size, unsigned milliseconds)
{
    file->is_completed = false;
    (void)io_send_from_above(s, file->device, major, code, file->buffer, in_size, out_size,
                             file->object, &file->is_completed, &file->result);
    harness_wait(s, is_completed, file, milliseconds, "a request of a script to complete");
    if (!file->is_completed) {
        (void)io_cancel_from_above(s, file->object);
        (void)ke_wait_until(s, is_completed, file, SIM_TIME_NEVER,
                            "a cancelled request of a script to complete");
    }
    return file->result.Status;
}

static PDEVICE_OBJECT find_device(struct sim *s, const char *name)
{
    WCHAR wide[128];
    size_t length = 0;
    if (name == NULL) {
        return io_first_device(s);
    }
    for (; name[length] != '\0' && length < SIM_COUNT(wide); length++) {
        wide[length] = (WCHAR)(uint8_t)name[length];
    }
    return io_device_by_name(s, wide, length);
}

struct wsksim_file *wsksim_open(const char *name)
{
    struct sim *s = harness_enter();
    PDEVICE_OBJECT device = world_is_healed(s) ? NULL : find_device(s, name);
    if (device == NULL) {
        return NULL;
    }
    if (harness.file_count == HARNESS_FILES_MAX) {
        sim_limit(s, "HARNESS_FILES_MAX: too many handles of scripts");
    }
    struct wsksim_file *file = &harness.file[harness.file_count++];
    file->process = ke_current(s)->process;
    file->device = device;
    file->object = ex_alloc(s, sizeof *file->object, BLOCK_OTHER, 0, true, false, &file->block);
    file->object->Type = 5; /* IO_TYPE_FILE */
    file->object->Size = (CSHORT)sizeof *file->object;
    file->object->DeviceObject = device;
    file->is_open = NT_SUCCESS(send(s, file, IRP_MJ_CREATE, 0, 0, 0, WSKSIM_FOREVER));
    if (!file->is_open) {
        ex_free(s, file->block);
        return NULL;
    }
    return file;
}

static void file_close(struct sim *s, struct wsksim_file *file)
{
    if (file->is_open) {
        file->is_open = false;
        (void)send(s, file, IRP_MJ_CLEANUP, 0, 0, 0, WSKSIM_FOREVER);
        (void)send(s, file, IRP_MJ_CLOSE, 0, 0, 0, WSKSIM_FOREVER);
        ex_free(s, file->block);
    }
}

void harness_close_files(struct sim *s, uint32_t process)
{
    for (uint32_t i = 0; i < harness.file_count; i++) {
        if (harness.file[i].process == process) {
            file_close(s, &harness.file[i]);
        }
    }
}

void wsksim_close_file(struct wsksim_file *file)
{
    file_close(harness_enter(), file);
}

static int request(struct sim *s, struct wsksim_file *file, UCHAR major, unsigned code,
                   const void *in, unsigned in_size, void *out, unsigned out_size,
                   unsigned *returned, unsigned milliseconds)
{
    if (!file->is_open || in_size > HARNESS_FILE_BYTES || out_size > HARNESS_FILE_BYTES) {
        return STATUS_INVALID_PARAMETER;
    }
    harness_touch(s, in, in_size);
    harness_touch(s, out, out_size);
    if (in_size != 0) {
        memcpy(file->buffer, in, in_size);
    }
    NTSTATUS status = send(s, file, major, code, in_size, out_size, milliseconds);
    size_t size = file->result.Information < out_size ? file->result.Information : out_size;
    if (!NT_ERROR(status) && size != 0) {
        memcpy(out, file->buffer, size);
    }
    if (returned != NULL) {
        harness_touch(s, returned, sizeof *returned);
        *returned = (unsigned)file->result.Information;
    }
    return status;
}

int wsksim_control(struct wsksim_file *file, unsigned code, const void *in, unsigned in_size,
                   void *out, unsigned out_size, unsigned *returned, unsigned milliseconds)
{
    return request(harness_enter(), file, IRP_MJ_DEVICE_CONTROL, code, in, in_size, out, out_size,
                   returned, milliseconds);
}

int wsksim_read(struct wsksim_file *file, void *out, unsigned size, unsigned *returned,
                unsigned milliseconds)
{
    return request(harness_enter(), file, IRP_MJ_READ, 0, NULL, 0, out, size, returned,
                   milliseconds);
}

int wsksim_write(struct wsksim_file *file, const void *bytes, unsigned size,
                 unsigned milliseconds)
{
    return request(harness_enter(), file, IRP_MJ_WRITE, 0, bytes, size, NULL, 0, NULL,
                   milliseconds);
}
