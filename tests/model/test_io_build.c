/* SPDX-License-Identifier: MIT */
/* Requests that a driver has the I/O manager build, and sends to a device (KRN-031). */
#include "test_ke.h"

#include "model/io/io.h"
#include "model/mm/mm.h"

#define IOCTL_ECHO CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)

static PDEVICE_OBJECT target;
static unsigned calls;

static void driver_new(PDRIVER_DISPATCH dispatch)
{
    PDRIVER_OBJECT driver = ke_test_alloc(sizeof *driver);
    memset(driver, 0, sizeof *driver);
    driver->Type = IO_TYPE_DRIVER;
    for (unsigned i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        driver->MajorFunction[i] = dispatch;
    }
    calls = 0;
    NTSTATUS status = IoCreateDevice(driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &target);
    SIM_ASSERT(status == STATUS_SUCCESS);
}

static NTSTATUS finish(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS built_status;
static ULONG_PTR built_information;

/* Fills the larger of the two buffers, as a driver may with METHOD_BUFFERED. */
static NTSTATUS fill_sixteen(PDEVICE_OBJECT device, PIRP irp)
{
    const char *in = irp->AssociatedIrp.SystemBuffer;
    (void)device;
    SIM_ASSERT(irp->MdlAddress == NULL && in[0] == 1 && in[3] == 4);
    memset(irp->AssociatedIrp.SystemBuffer, 'o', 16);
    return finish(irp, built_status, built_information);
}

static IO_STATUS_BLOCK send_built(ULONG code, char *in, ULONG in_size, char *out, ULONG out_size)
{
    IO_STATUS_BLOCK block = {.Status = STATUS_PENDING};
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp = IoBuildDeviceIoControlRequest(code, target, in, in_size, out, out_size, FALSE,
                                             &event, &block);
    if (irp == NULL) {
        block.Status = STATUS_INSUFFICIENT_RESOURCES;
        return block;
    }
    if (IoCallDriver(target, irp) == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    }
    return block;
}

static void built_buffered(void)
{
    char in[4] = {1, 2, 3, 4}, out[16] = {0};
    driver_new(fill_sixteen);
    built_status = STATUS_SUCCESS;
    built_information = 10;
    IO_STATUS_BLOCK block = send_built(IOCTL_ECHO, in, 4, out, 16);
    if (block.Status == STATUS_INSUFFICIENT_RESOURCES) {
        return;
    }
    SIM_ASSERT(block.Status == STATUS_SUCCESS && block.Information == 10);
    SIM_ASSERT(out[0] == 'o' && out[9] == 'o' && out[10] == 0 && in[0] == 1);
}

static void built_buffered_failed(void)
{
    char in[4] = {1, 2, 3, 4}, out[16] = {0};
    driver_new(fill_sixteen);
    built_status = STATUS_UNSUCCESSFUL;
    built_information = 16;
    send_built(IOCTL_ECHO, in, 4, out, 16);
    SIM_ASSERT(out[0] == 0);
}

static void built_buffered_too_much(void)
{
    char in[4] = {1, 2, 3, 4}, out[16] = {0};
    driver_new(fill_sixteen);
    built_status = STATUS_SUCCESS;
    built_information = 17;
    send_built(IOCTL_ECHO, in, 4, out, 16);
}

static char *neither_in, *neither_out;

static NTSTATUS neither(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(irp);
    (void)device;
    SIM_ASSERT(irp->MdlAddress == NULL && irp->AssociatedIrp.SystemBuffer == NULL);
    SIM_ASSERT(location->Parameters.DeviceIoControl.Type3InputBuffer == neither_in);
    SIM_ASSERT(irp->UserBuffer == neither_out);
    calls++;
    return finish(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS direct(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    SIM_ASSERT(irp->MdlAddress != NULL && MmGetMdlByteCount(irp->MdlAddress) == 16);
    SIM_ASSERT(((const char *)irp->AssociatedIrp.SystemBuffer)[0] == 1);
    memset(MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority), 'd', 16);
    calls++;
    return finish(irp, STATUS_SUCCESS, 16);
}

static void built_neither(void)
{
    char in[4] = {1, 2, 3, 4}, out[16] = {0};
    neither_in = in;
    neither_out = out;
    driver_new(neither);
    IO_STATUS_BLOCK block = send_built((IOCTL_ECHO & ~3u) | METHOD_NEITHER, in, 4, out, 16);
    SIM_ASSERT(calls == 1 || block.Status == STATUS_INSUFFICIENT_RESOURCES);
}

static void built_direct(void)
{
    char in[4] = {1, 2, 3, 4}, out[16] = {0};
    driver_new(direct);
    IO_STATUS_BLOCK block = send_built((IOCTL_ECHO & ~3u) | METHOD_OUT_DIRECT, in, 4, out, 16);
    SIM_ASSERT(out[15] == 'd' || block.Status == STATUS_INSUFFICIENT_RESOURCES);
}

/* The I/O manager unlocks and frees what the driver attached, and its own MDL that went missing. */
static NTSTATUS own_mdl(PDEVICE_OBJECT device, PIRP irp)
{
    static char memory[64];
    (void)device;
    irp->MdlAddress = IoAllocateMdl(memory, sizeof memory, FALSE, FALSE, NULL);
    return finish(irp, STATUS_SUCCESS, 0);
}

static void built_own_mdl(void)
{
    char in[4] = {1, 2, 3, 4}, out[16] = {0};
    driver_new(own_mdl);
    send_built((IOCTL_ECHO & ~3u) | METHOD_OUT_DIRECT, in, 4, out, 16);
    mm_check_unload(sim_current);
}

static NTSTATUS freed_mdl(PDEVICE_OBJECT device, PIRP irp)
{
    static char memory[64];
    (void)device;
    irp->MdlAddress = IoAllocateMdl(memory, sizeof memory, FALSE, FALSE, NULL);
    IoFreeMdl(irp->MdlAddress);
    return finish(irp, STATUS_SUCCESS, 0);
}

static void built_freed_mdl(void)
{
    char in[4] = {1, 2, 3, 4}, out[16] = {0};
    driver_new(freed_mdl);
    send_built((IOCTL_ECHO & ~3u) | METHOD_OUT_DIRECT, in, 4, out, 16);
}

static NTSTATUS untouched(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    return finish(irp, STATUS_SUCCESS, 0);
}

static void built_moved(void)
{
    PIRP irp;
    driver_new(untouched);
    irp = IoBuildDeviceIoControlRequest(IOCTL_ECHO, target, NULL, 0, NULL, 0, FALSE, NULL, NULL);
    irp->Tail.Overlay.CurrentStackLocation++;
    IoCallDriver(target, irp);
}

static void test_built(void **state)
{
    (void)state;
    ke_test_bad(built_moved, RULE_KRN_002);
    ke_test_good(built_own_mdl);
    ke_test_bad(built_freed_mdl, RULE_KRN_228);
    ke_test_good(built_buffered);
    ke_test_good(built_buffered_failed);
    ke_test_good(built_neither);
    ke_test_good(built_direct);
    ke_test_bad(built_buffered_too_much, RULE_KRN_198);
}

/* The globals and constants of this executable are those of a driver. */
static int setup(void **state)
{
    extern char __executable_start[], _end[];
    ke_test_setup(state);
    sim_memory_allow((uintptr_t)__executable_start, (size_t)(_end - __executable_start));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_built, setup),
    };
    return cmocka_run_group_tests_name("io_build", tests, NULL, NULL);
}
