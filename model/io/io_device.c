/* SPDX-License-Identifier: MIT */
/*
 * Device objects: creating, naming, stacking, deleting (KRN-166, KRN-171, KRN-284, KRN-285).
 *
 * A device object is one block: the object, then the driver's extension. IRPs from above and work
 * items hold references; IoDeleteDevice takes the device out of the driver's list at once and its
 * memory goes when the last reference does, as on Windows. What must not be live in the extension
 * is checked at the deletion (KRN-285).
 *
 * Limits: IO_DEVICES_MAX devices in one run.
 */
#include "model/io/io_internal.h"
#include "model/ps/ps.h"

#include <string.h>

void io_devices_reset(struct sim *s)
{
    struct io_state *io = io_of(s);
    for (uint32_t i = 0; i < io->device_count; i++) {
        io->device[i].device = NULL;
    }
    for (uint32_t i = 0; i < io->link_count; i++) {
        io->link[i].is_used = false;
    }
    io->device_count = io->link_count = 0;
}

struct io_device *io_device_find(struct sim *s, const DEVICE_OBJECT *device)
{
    struct io_state *io = io_of(s);
    for (uint32_t i = 0; i < io->device_count; i++) {
        if (io->device[i].device == device) {
            return &io->device[i];
        }
    }
    return NULL;
}

struct io_device *io_device_argument(struct sim *s, const DEVICE_OBJECT *device)
{
    struct io_device *d = io_device_find(s, device);
    if (SIM_LIKELY(d != NULL && (!d->is_deleted || d->references > 0))) {
        return d;
    }
    if (d != NULL) {
        model_fail(s, RULE_KRN_285, d->object, &d->deleted, "%s on a device that was deleted",
                   model_routine_name(s->current->routine));
    }
    model_touch(s, device, sizeof(*device), "the device object");
    model_fail(s, RULE_KRN_166, 0, NULL, "%s: the object given is no device object",
               model_routine_name(s->current->routine));
}

void io_device_reference(struct io_device *device)
{
    device->references++;
}

void io_device_dereference(struct sim *s, struct io_device *device)
{
    SIM_ASSERT(device->references > 0);
    if (--device->references == 0 && device->is_deleted) {
        ex_free(s, device->block);
    }
}

PDEVICE_OBJECT io_first_device(struct sim *s)
{
    struct io_state *io = io_of(s);
    for (uint32_t i = 0; i < io->device_count; i++) {
        if (!io->device[i].is_deleted) {
            return io->device[i].driver->DeviceObject;
        }
    }
    return NULL;
}

/* ---- names ---- */

static const struct {
    WCHAR text[16];
    uint16_t length;
} dos_prefix[] = {{L"\\DosDevices\\", 12}, {L"\\GLOBAL??\\", 10}, {L"\\??\\", 4}};

static WCHAR fold(WCHAR c)
{
    return c >= L'a' && c <= L'z' ? (WCHAR)(c - 32) : c;
}

static bool same(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length)
{
    if (a_length != b_length) {
        return false;
    }
    for (size_t i = 0; i < a_length; i++) {
        if (fold(a[i]) != fold(b[i])) {
            return false;
        }
    }
    return true;
}

/* Copies a name; the three spellings of the directory of links become one. Returns its length. */
static uint16_t normalize(const WCHAR *name, size_t length, WCHAR out[IO_NAME_MAX])
{
    uint16_t at = 0;
    for (unsigned i = 0; i < SIM_COUNT(dos_prefix); i++) {
        size_t prefix = dos_prefix[i].length;
        if (length >= prefix && same(name, prefix, dos_prefix[i].text, prefix)) {
            memcpy(out, dos_prefix[2].text, dos_prefix[2].length * sizeof(WCHAR));
            at = dos_prefix[2].length;
            name += prefix;
            length -= prefix;
            break;
        }
    }
    for (size_t i = 0; i < length && at < IO_NAME_MAX; i++) {
        out[at++] = name[i];
    }
    return at;
}

/* A name from the driver. 0 if it is missing, empty or too long. */
static uint16_t take_name(struct sim *s, const UNICODE_STRING *name, WCHAR out[IO_NAME_MAX])
{
    if (name == NULL) {
        return 0;
    }
    model_touch(s, name, sizeof(*name), "the name");
    model_touch(s, name->Buffer, name->Length, "the characters of the name");
    size_t length = name->Length / sizeof(WCHAR);
    return length > IO_NAME_MAX ? 0 : normalize(name->Buffer, length, out);
}

static struct io_device *device_named(struct sim *s, const WCHAR *name, size_t length)
{
    struct io_state *io = io_of(s);
    for (uint32_t i = 0; i < io->device_count; i++) {
        struct io_device *d = &io->device[i];
        if (d->device != NULL && !d->is_deleted && d->name_length != 0 &&
            same(d->name, d->name_length, name, length)) {
            return d;
        }
    }
    return NULL;
}

static struct io_link *link_named(struct sim *s, const WCHAR *name, size_t length)
{
    struct io_state *io = io_of(s);
    for (uint32_t i = 0; i < io->link_count; i++) {
        struct io_link *link = &io->link[i];
        if (link->is_used && same(link->name, link->name_length, name, length)) {
            return link;
        }
    }
    return NULL;
}

PDEVICE_OBJECT io_device_by_name(struct sim *s, const WCHAR *name, size_t characters)
{
    WCHAR text[IO_NAME_MAX];
    uint16_t length = normalize(name, characters, text);
    const struct io_link *link = link_named(s, text, length);
    const struct io_device *d = link != NULL ? device_named(s, link->target, link->target_length)
                                             : device_named(s, text, length);
    return d != NULL ? d->device : NULL;
}

/* ---- creating ---- */

static struct io_device *slot_new(struct sim *s)
{
    struct io_state *io = io_of(s);
    if (io->device_count == IO_DEVICES_MAX) {
        sim_limit(s, "IO_DEVICES_MAX: too many device objects in one run");
    }
    struct io_device *d = &io->device[io->device_count++];
    memset(d, 0, sizeof(*d));
    return d;
}

static void fill_device(PDEVICE_OBJECT device, PDRIVER_OBJECT driver, ULONG extension_size,
                        DEVICE_TYPE type, ULONG characteristics, BOOLEAN exclusive)
{
    device->Type = IO_TYPE_DEVICE;
    device->Size = (USHORT)(sizeof(*device) + extension_size);
    device->DriverObject = driver;
    device->DeviceType = type;
    device->Characteristics = characteristics;
    device->Flags = DO_DEVICE_INITIALIZING | (exclusive ? DO_EXCLUSIVE : 0u);
    device->DeviceExtension = extension_size != 0 ? device + 1 : NULL;
    device->StackSize = 1;
    device->NextDevice = driver->DeviceObject;
    driver->DeviceObject = device;
}

static NTSTATUS create(struct sim *s, PDRIVER_OBJECT driver, ULONG extension_size,
                       const UNICODE_STRING *name, DEVICE_TYPE type, ULONG characteristics,
                       BOOLEAN exclusive, PDEVICE_OBJECT *out)
{
    WCHAR text[IO_NAME_MAX];
    struct sim_block *block;
    model_touch(s, driver, sizeof(*driver), "the driver object");
    model_touch(s, out, sizeof(*out), "DeviceObject");
    *out = NULL;
    uint16_t length = take_name(s, name, text);
    if (name != NULL && length == 0 && name->Length != 0) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    if (length != 0 && (device_named(s, text, length) || link_named(s, text, length))) {
        return STATUS_OBJECT_NAME_COLLISION;
    }
    size_t size = sizeof(DEVICE_OBJECT) + extension_size;
    PDEVICE_OBJECT device = ex_alloc(s, size, BLOCK_DEVICE, 0, true, true, &block);
    if (device == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    struct io_device *d = slot_new(s);
    d->device = device;
    d->driver = driver;
    d->block = block;
    d->object = block->object = model_object_new(s, OBJECT_DEVICE);
    d->born = sim_here(s);
    d->name_length = length;
    memcpy(d->name, text, length * sizeof(WCHAR));
    fill_device(device, driver, extension_size, type, characteristics, exclusive);
    sim_trace(s, TRACE_Create, d->object, extension_size);
    *out = device;
    return STATUS_SUCCESS;
}

NTSTATUS IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                        PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType,
                        ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                        PDEVICE_OBJECT *DeviceObject)
{
    struct sim *s = model_enter(ROUTINE_IoCreateDevice);
    NTSTATUS status = create(s, DriverObject, DeviceExtensionSize, DeviceName, DeviceType,
                             DeviceCharacteristics, Exclusive, DeviceObject);
    return model_leave_status(s, status);
}

/* Security descriptors are not modelled: whoever opens the device in this world may. */
NTSTATUS IoCreateDeviceSecure(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                              PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType,
                              ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                              PCUNICODE_STRING DefaultSDDLString, LPCGUID DeviceClassGuid,
                              PDEVICE_OBJECT *DeviceObject)
{
    struct sim *s = model_enter(ROUTINE_IoCreateDeviceSecure);
    (void)DeviceClassGuid;
    model_touch(s, DefaultSDDLString, sizeof(*DefaultSDDLString), "DefaultSDDLString");
    NTSTATUS status = create(s, DriverObject, DeviceExtensionSize, DeviceName, DeviceType,
                             DeviceCharacteristics, Exclusive, DeviceObject);
    return model_leave_status(s, status);
}

/* ---- deleting ---- */

static void unlink_device(struct sim *s, struct io_device *d)
{
    PDEVICE_OBJECT *at = &d->driver->DeviceObject;
    while (*at != NULL && *at != d->device) {
        model_touch(s, *at, sizeof(**at), "a device object in the driver's list");
        at = &(*at)->NextDevice;
    }
    if (*at != NULL) {
        *at = d->device->NextDevice;
    }
}

static void delete_device(struct sim *s, PDEVICE_OBJECT device)
{
    struct io_device *d = io_device_find(s, device);
    if (d != NULL && d->is_deleted) {
        model_fail(s, RULE_KRN_285, d->object, &d->deleted, "a device object is deleted again");
    }
    d = io_device_argument(s, device);
    unlink_device(s, d);
    d->is_deleted = true;
    d->is_timer_running = false;
    d->deleted = sim_here(s);
    model_exercised(s, RULE_KRN_285);
    sim_trace(s, TRACE_Destroy, d->object, 0);
    if (d->references == 0) {
        ex_free(s, d->block);
        return;
    }
    /* The memory stays until the last reference is gone; the driver is done with it now. */
    if (device->DeviceExtension != NULL) {
        size_t size = d->block->size - sizeof(*device);
        ke_memory_freed(s, device->DeviceExtension, size);
        io_memory_freed(s, device->DeviceExtension, size);
        mm_memory_freed(s, device->DeviceExtension, size);
    }
}

void IoDeleteDevice(PDEVICE_OBJECT DeviceObject)
{
    struct sim *s = model_enter_object(ROUTINE_IoDeleteDevice, SIM_OP_WRITE, DeviceObject);
    delete_device(s, DeviceObject);
    model_leave(s);
}

void io_devices_check_unload(struct sim *s)
{
    const struct io_state *io = io_of(s);
    for (uint32_t i = 0; i < io->device_count; i++) {
        const struct io_device *d = &io->device[i];
        if (!d->is_deleted) {
            model_fail(s, RULE_KRN_284, d->object, &d->born, "a device object was never deleted");
        }
    }
    for (uint32_t i = 0; i < io->link_count; i++) {
        const struct io_link *link = &io->link[i];
        if (link->is_used) {
            model_fail(s, RULE_KRN_284, 0, &link->born, "a symbolic link was never deleted");
        }
    }
    model_exercised(s, RULE_KRN_284);
}

/* ---- symbolic links ---- */

static NTSTATUS create_link(struct sim *s, const UNICODE_STRING *name, const UNICODE_STRING *target)
{
    struct io_state *io = io_of(s);
    struct io_link link = {.is_used = true, .born = sim_here(s)};
    link.name_length = take_name(s, name, link.name);
    link.target_length = take_name(s, target, link.target);
    if (link.name_length == 0 || link.target_length == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (link_named(s, link.name, link.name_length) ||
        device_named(s, link.name, link.name_length)) {
        return STATUS_OBJECT_NAME_COLLISION;
    }
    if (ex_should_fail(s)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (io->link_count == IO_LINKS_MAX) {
        sim_limit(s, "IO_LINKS_MAX: too many symbolic links in one run");
    }
    io->link[io->link_count++] = link;
    return STATUS_SUCCESS;
}

NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    struct sim *s = model_enter(ROUTINE_IoCreateSymbolicLink);
    NTSTATUS status = create_link(s, SymbolicLinkName, DeviceName);
    return model_leave_status(s, status);
}

NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    struct sim *s = model_enter(ROUTINE_IoDeleteSymbolicLink);
    WCHAR text[IO_NAME_MAX];
    uint16_t length = take_name(s, SymbolicLinkName, text);
    struct io_link *link = link_named(s, text, length);
    if (link == NULL) {
        return model_leave_status(s, STATUS_OBJECT_NAME_NOT_FOUND);
    }
    link->is_used = false;
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- stacks of devices ---- */

static PDEVICE_OBJECT top_of(PDEVICE_OBJECT device)
{
    while (device->AttachedDevice != NULL) {
        device = device->AttachedDevice;
    }
    return device;
}

PDEVICE_OBJECT IoAttachDeviceToDeviceStack(PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice)
{
    struct sim *s = model_enter(ROUTINE_IoAttachDeviceToDeviceStack);
    io_device_argument(s, SourceDevice);
    io_device_argument(s, TargetDevice);
    PDEVICE_OBJECT top = top_of(TargetDevice);
    if (top == SourceDevice) {
        model_leave(s);
        return NULL;
    }
    top->AttachedDevice = SourceDevice;
    SourceDevice->StackSize = (CCHAR)(top->StackSize + 1);
    SourceDevice->AlignmentRequirement = top->AlignmentRequirement;
    model_leave(s);
    return top;
}

PDEVICE_OBJECT IoGetAttachedDeviceReference(PDEVICE_OBJECT DeviceObject)
{
    struct sim *s = model_enter(ROUTINE_IoGetAttachedDeviceReference);
    io_device_argument(s, DeviceObject);
    PDEVICE_OBJECT top = top_of(DeviceObject);
    ps_object_give_body(s, top); /* KRN-261 */
    model_exercised(s, RULE_KRN_261);
    model_leave(s);
    return top;
}

void IoDetachDevice(PDEVICE_OBJECT TargetDevice)
{
    struct sim *s = model_enter(ROUTINE_IoDetachDevice);
    io_device_argument(s, TargetDevice);
    TargetDevice->AttachedDevice = NULL;
    model_leave(s);
}

/* Of all devices only the driver's own exist here; those are reached by pointer, not by name. */
NTSTATUS IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess,
                                  PFILE_OBJECT *FileObject, PDEVICE_OBJECT *DeviceObject)
{
    struct sim *s = model_enter(ROUTINE_IoGetDeviceObjectPointer);
    WCHAR text[IO_NAME_MAX];
    (void)DesiredAccess;
    (void)take_name(s, ObjectName, text);
    model_touch(s, FileObject, sizeof(*FileObject), "FileObject");
    model_touch(s, DeviceObject, sizeof(*DeviceObject), "DeviceObject");
    return model_leave_status(s, STATUS_OBJECT_NAME_NOT_FOUND);
}

PDEVICE_OBJECT IoGetRelatedDeviceObject(PFILE_OBJECT FileObject)
{
    struct sim *s = model_enter(ROUTINE_IoGetRelatedDeviceObject);
    model_touch(s, FileObject, sizeof(*FileObject), "the file object");
    io_device_argument(s, FileObject->DeviceObject);
    PDEVICE_OBJECT top = top_of(FileObject->DeviceObject);
    model_leave(s);
    return top;
}
