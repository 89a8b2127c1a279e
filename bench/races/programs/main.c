/* SPDX-License-Identifier: MIT */
/*
 * The driver around the programs (race.h): runs the one that was selected, in DriverEntry.
 *
 * wsksim_races writes Selected before a run. A module for `wsksim check` has one program for good:
 *
 *     wsksim-cc -DRACE_CHOSEN='"reorder_3"' -o reorder_3.so bench/races/programs/FILE.c ...main.c
 */
#include "race.h"

#ifndef RACE_CHOSEN
#define RACE_CHOSEN ""
#endif

enum { THREADS_MAX = 128 };

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static KSTART_ROUTINE Thread;

extern const struct race __start_wsksim_races[], __stop_wsksim_races[];

static const struct race *Selected;
PDRIVER_OBJECT RaceDriver;

extern const struct races WskSimRaces;
const struct races WskSimRaces = {
    .version = RACES_VERSION,
    .size = sizeof(struct race),
    .begin = __start_wsksim_races,
    .end = __stop_wsksim_races,
    .selected = &Selected,
};

/* ---- threads ---- */

static struct {
    void (*Body)(LONG Argument);
    LONG Argument;
    HANDLE Handle;
} Threads[THREADS_MAX];
static ULONG ThreadCount;

FRAME static void Thread(PVOID Context)
{
    ULONG_PTR i = (ULONG_PTR)Context;
    Threads[i].Body(Threads[i].Argument);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

FRAME void Start(void (*Body)(LONG Argument), LONG Argument)
{
    OBJECT_ATTRIBUTES Attributes;
    ULONG i = ThreadCount++;
    Threads[i].Body = Body;
    Threads[i].Argument = Argument;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    if (!NT_SUCCESS(PsCreateSystemThread(&Threads[i].Handle, THREAD_ALL_ACCESS, &Attributes, NULL,
                                         NULL, Thread, (PVOID)(ULONG_PTR)i))) {
        ThreadCount--;
    }
}

FRAME void StartMany(void (*Body)(LONG Argument), LONG Count)
{
    for (LONG i = 0; i < Count; i++) {
        Start(Body, i);
    }
}

FRAME void Join(void)
{
    for (ULONG i = 0; i < ThreadCount; i++) {
        ZwWaitForSingleObject(Threads[i].Handle, FALSE, NULL);
        ZwClose(Threads[i].Handle);
    }
    ThreadCount = 0;
}

/* ---- the driver ---- */

FRAME static BOOLEAN IsEqual(const char *A, const char *B)
{
    while (*A != '\0' && *A == *B) {
        A++;
        B++;
    }
    return (BOOLEAN)(*A == *B);
}

FRAME static const struct race *Choose(void)
{
    static const char Chosen[] = RACE_CHOSEN;
    const struct race *Race = Selected;
    for (const struct race *r = __start_wsksim_races; r < __stop_wsksim_races; r++) {
        if (Chosen[0] != '\0' && IsEqual(r->name, Chosen)) {
            Race = r;
        }
    }
    return Race;
}

static void Unload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}

FRAME NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    const struct race *Race = Choose();
    UNREFERENCED_PARAMETER(Path);
    Driver->DriverUnload = Unload;
    RaceDriver = Driver;
    if (Race != NULL) {
        Race->body();
    }
    return STATUS_SUCCESS;
}
