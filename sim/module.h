/* SPDX-License-Identifier: MIT */
/*
 * The driver: a shared object, linked at a fixed address by wsksim-cc, opened, checked and put back
 * into its first state between runs.
 *
 * A module is either opened by path (the wsksim executable) or linked into a fuzzer, which gives
 * the address of its DriverEntry. Both ways pass the same checks: the file is an ELF shared object
 * for x86-64 made by wsksim-cc, lies at its link address, defines DriverEntry, and every routine it
 * calls is one of ours. All that is missing is named in one message, and a name that would quietly
 * bind to the C library (rand, socket) counts as missing. Code that asks the processor what only it
 * knows (rdtsc, rdrand, cpuid) is refused, with the function that does.
 *
 * Invariants:
 *  1. One module per process: it owns the one enabled link slot (SIM_MODULE_BASE).
 *  2. After sim_module_restore every writable byte of the driver is as after its constructors;
 *     coverage counters are not touched.
 *  3. What a module is, it says itself (struct sim_module_info), never a flag of the command line.
 */
#ifndef SIM_MODULE_H
#define SIM_MODULE_H

#include "base.h"
#include "snapshot.h"

enum {
    SIM_MODULE_VERSION = 1,       /* of the interface between support archive and engine */
    SIM_MODULE_NAME_MAX = 64,
    SIM_MODULE_PATH_MAX = 4096,   /* PATH_MAX of Linux */
    SIM_MODULE_MESSAGE_MAX = 16384, /* some 500 names of missing routines */
};

#define SIM_MODULE_MAGIC "wsksim\1"

/* Exported by every module beside DriverEntry; a pointer is not NULL if the feature is there. */
struct sim_module_info {
    char magic[8];
    uint32_t version;
    uint32_t size;
    const void *checked;   /* AddressSanitizer instrumentation */
    const void *access;    /* access points */
    const void *undefined; /* at least one UndefinedBehaviorSanitizer check */
    const char *support_begin, *support_end; /* code of sim/support */
};

enum sim_module_flavour {
    SIM_MODULE_CHECKED = 1,
    SIM_MODULE_ACCESS = 2,
    SIM_MODULE_UNDEFINED = 4,
};

enum sim_module_error {
    SIM_MODULE_OK,
    SIM_MODULE_UNREADABLE,    /* cannot be opened or read */
    SIM_MODULE_NOT_ELF,       /* some other kind of file */
    SIM_MODULE_TRUNCATED,     /* tables point past its end */
    SIM_MODULE_WRONG_MACHINE, /* not x86-64 */
    SIM_MODULE_NOT_SHARED,    /* an executable or an object file */
    SIM_MODULE_NO_ENTRY,      /* no DriverEntry */
    SIM_MODULE_FOREIGN,       /* not made by wsksim-cc, or by one of another version */
    SIM_MODULE_NEEDS_LIBRARY, /* depends on another shared object */
    SIM_MODULE_HAS_TLS,       /* thread-local variables */
    SIM_MODULE_WRONG_ADDRESS, /* not in the module slot */
    SIM_MODULE_UNKNOWN_ROUTINES,
    SIM_MODULE_UNCONTROLLED, /* an instruction whose result no run could repeat */
    SIM_MODULE_CANNOT_LOAD, /* the dynamic loader said no, or one is open already */
};

struct sim_module {
    char name[SIM_MODULE_NAME_MAX]; /* file name without .so */
    char path[SIM_MODULE_PATH_MAX];
    char identity[17];   /* 16 hex digits: what is loaded, debug information left out */
    uint32_t flavour;    /* enum sim_module_flavour */
    uint32_t missing;    /* UNKNOWN_ROUTINES: how many */
    void *handle;        /* of dlopen, NULL if linked in */
    void *entry;         /* DriverEntry */
    uintptr_t base, end; /* image in memory */
    uintptr_t text, text_end;
    uintptr_t support, support_end; /* part of the text that is ours */
    uintptr_t init, init_end;       /* section INIT, which Windows discards after DriverEntry */
    struct sim_snapshot snapshot;
    char message[SIM_MODULE_MESSAGE_MAX]; /* one line, no newline; empty if all is well */
};

/* Opens the driver at path and takes its snapshot. On failure message says why, in one line. */
SIM_MUST_USE enum sim_module_error sim_module_open(struct sim_module *m, const char *path);

/* The same for a module that the executable is linked with; entry is the address of DriverEntry. */
SIM_MUST_USE enum sim_module_error sim_module_linked(struct sim_module *m, const void *entry);

/* Puts the writable data of the module back; called before every run. */
void sim_module_restore(struct sim_module *m);

/* Forgets the module; one opened by path is unmapped. */
void sim_module_close(struct sim_module *m);

/* True if the address is code of the driver itself; of the support archive inside the module. */
bool sim_module_is_text(const struct sim_module *m, uintptr_t address);
bool sim_module_is_support(const struct sim_module *m, uintptr_t address);

/* The module that is open, or NULL: fault handlers and the report functions need it. */
const struct sim_module *sim_module_current(void);

/* "checked, access points, undefined behaviour", or "plain". Static text. */
const char *sim_module_flavour_text(uint32_t flavour);

/*
 * Called by the support archive of the module; neither returns. pc is the return address in the
 * driver, frame the frame whose saved return address that is.
 */
SIM_EXPORT __attribute__((noreturn)) void sim_module_report(uintptr_t address, size_t size,
                                                            bool is_write, uintptr_t pc,
                                                            uintptr_t frame);
SIM_EXPORT __attribute__((noreturn)) void sim_module_undefined(const char *what, const char *file,
                                                               unsigned line, uintptr_t pc,
                                                               uintptr_t frame);

#endif
