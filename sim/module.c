/* SPDX-License-Identifier: MIT */
/*
 * See module.h. The order matters: everything that can be refused is refused before dlopen, because
 * dlopen runs the module's constructors and names only the first routine that is missing.
 */
#define _GNU_SOURCE
#include "module.h"

#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decode.h"
#include "image.h"
#include "memory.h"
#include "sim.h"

/* The one module of the process, for code that is reached without an argument. */
static const struct sim_module *current;

/*
 * A module that the executable is linked with has its constructors run before ours, and those of a
 * checked module write to the shadow: map it before any constructor.
 */
__attribute__((section(".preinit_array"), used)) static void (*const map_early)(void) =
    sim_memory_init;

static enum sim_module_error fail(struct sim_module *m, enum sim_module_error error,
                                  const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum sim_module_error fail(struct sim_module *m, enum sim_module_error error,
                                  const char *format, ...)
{
    int used = snprintf(m->message, sizeof m->message, "%s: ", m->path);
    va_list arguments;
    va_start(arguments, format);
    if (used > 0 && (size_t)used < sizeof m->message) {
        vsnprintf(m->message + used, sizeof m->message - (size_t)used, format, arguments);
    }
    va_end(arguments);
    return error;
}

static void set_path(struct sim_module *m, const char *path)
{
    const char *slash = strrchr(path, '/');
    snprintf(m->path, sizeof m->path, "%s", path);
    snprintf(m->name, sizeof m->name, "%s", slash != NULL ? slash + 1 : path);
    char *suffix = strrchr(m->name, '.');
    if (suffix != NULL && suffix != m->name) {
        *suffix = '\0';
    }
}

/* ---- routines ---- */

enum origin { ORIGIN_ENGINE, ORIGIN_UNKNOWN, ORIGIN_OUTSIDE };

/*
 * Where an undefined name would bind. A name that a shared library defines is not a kernel routine,
 * even if the engine has a definition too (the interceptors of a sanitised engine).
 */
static enum origin origin_of(const char *name)
{
    Dl_info engine, found;
    void *address = dlsym(RTLD_DEFAULT, name);
    if (address == NULL) {
        return ORIGIN_UNKNOWN;
    }
    int known = dladdr((const void *)(uintptr_t)sim_module_open, &engine);
    SIM_ASSERT(known != 0);
    if (dladdr(address, &found) == 0 || found.dli_fbase != engine.dli_fbase) {
        return ORIGIN_OUTSIDE;
    }
    bool is_instrumentation = strncmp(name, "__sanitizer_", 12) == 0;
    return dlsym(RTLD_NEXT, name) != NULL && !is_instrumentation ? ORIGIN_OUTSIDE : ORIGIN_ENGINE;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* "A, B (not a kernel routine), C": everything the module calls and we do not have. */
static enum sim_module_error check_routines(struct sim_module *m, const struct sim_image *image)
{
    const char **names = calloc(image->symbol_count + 1, sizeof *names);
    SIM_ASSERT(names != NULL);
    m->missing = 0;
    for (size_t i = 1; i < image->symbol_count; i++) {
        const Elf64_Sym *symbol = &image->symbol[i];
        const char *name = sim_image_symbol_name(image, i);
        if (symbol->st_shndx == SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL &&
            name[0] != '\0' && origin_of(name) != ORIGIN_ENGINE) {
            names[m->missing++] = name;
        }
    }
    if (m->missing == 0) {
        free(names);
        return SIM_MODULE_OK;
    }
    qsort(names, m->missing, sizeof *names, by_name);
    fail(m, SIM_MODULE_UNKNOWN_ROUTINES, "calls %u routine%s that wsksim does not have: ",
         m->missing, m->missing == 1 ? "" : "s");
    size_t used = strlen(m->message);
    for (uint32_t i = 0; i < m->missing; i++) {
        size_t room = sizeof m->message - used;
        if (room < strlen(names[i]) + 64) {
            snprintf(m->message + used, room, ", and %u more", m->missing - i);
            break;
        }
        used += (size_t)snprintf(
            m->message + used, room, "%s%s%s", i == 0 ? "" : ", ", names[i],
            origin_of(names[i]) == ORIGIN_OUTSIDE ? " (the host's, not the kernel's)" : "");
    }
    free(names);
    return SIM_MODULE_UNKNOWN_ROUTINES;
}

/* What the module's code asks the processor, which no run could repeat. */
static enum sim_module_error check_instructions(struct sim_module *m,
                                                const struct sim_image *image)
{
    char text[1024];
    if (sim_decode_uncontrolled(image, text, sizeof text) == 0) {
        return SIM_MODULE_OK;
    }
    return fail(m, SIM_MODULE_UNCONTROLLED,
                "executes what no run can repeat: %s; ask the kernel instead "
                "(KeQueryPerformanceCounter, RtlRandomEx)",
                text);
}

/* Everything that can be refused before the module is loaded. */
static enum sim_module_error check_code(struct sim_module *m, const struct sim_image *image)
{
    enum sim_module_error error = check_routines(m, image);
    return error == SIM_MODULE_OK ? check_instructions(m, image) : error;
}

/* ---- after loading ---- */

static enum sim_module_error check_info(struct sim_module *m, const struct sim_module_info *info)
{
    if (info == NULL || memcmp(info->magic, SIM_MODULE_MAGIC, sizeof info->magic) != 0 ||
        info->version != SIM_MODULE_VERSION || info->size != sizeof *info) {
        return fail(m, SIM_MODULE_FOREIGN,
                    "made by another version of wsksim-cc; build it again");
    }
    m->flavour = (info->checked != NULL ? SIM_MODULE_CHECKED : 0u) |
                 (info->access != NULL ? SIM_MODULE_ACCESS : 0u) |
                 (info->undefined != NULL ? SIM_MODULE_UNDEFINED : 0u);
    m->support = (uintptr_t)info->support_begin;
    m->support_end = (uintptr_t)info->support_end;
    return SIM_MODULE_OK;
}

static enum sim_module_error take_snapshot(struct sim_module *m, const struct sim_image *image)
{
    for (size_t i = 0; i < image->section_count; i++) {
        const Elf64_Shdr *s = &image->section[i];
        if (sim_image_is_data(image, i) &&
            !sim_snapshot_add(&m->snapshot, s->sh_addr, s->sh_size)) {
            return fail(m, SIM_MODULE_CANNOT_LOAD, "cannot save its data (%u writable sections)",
                        m->snapshot.count);
        }
    }
    return SIM_MODULE_OK;
}

/* The image is loaded: takes over what the engine needs to know of it. */
static void find_init(struct sim_module *m, const struct sim_image *image)
{
    for (size_t i = 0; i < image->section_count; i++) {
        if (strcmp(sim_image_section_name(image, i), "INIT") == 0) {
            m->init = image->section[i].sh_addr;
            m->init_end = m->init + image->section[i].sh_size;
        }
    }
}

static enum sim_module_error adopt(struct sim_module *m, const struct sim_image *image,
                                   const struct sim_module_info *info, const void *entry)
{
    enum sim_module_error error = check_info(m, info);
    if (error == SIM_MODULE_OK) {
        error = take_snapshot(m, image);
    }
    if (error != SIM_MODULE_OK) {
        return error;
    }
    m->entry = (void *)(uintptr_t)entry;
    m->base = image->base;
    m->end = image->end;
    m->text = image->text;
    m->text_end = image->text_end;
    find_init(m, image);
    sim_image_identity(image, m->identity);
    m->message[0] = '\0';
    sim_memory_allow(m->base, m->end - m->base);
    current = m;
    return SIM_MODULE_OK;
}

static enum sim_module_error load(struct sim_module *m, const struct sim_image *image)
{
    struct link_map *map = NULL;
    m->handle = dlopen(m->path, RTLD_NOW | RTLD_LOCAL);
    if (m->handle == NULL) {
        const char *why = dlerror();
        return fail(m, SIM_MODULE_CANNOT_LOAD, "%s", why != NULL ? why : "cannot be loaded");
    }
    if (dlinfo(m->handle, RTLD_DI_LINKMAP, &map) != 0 || map->l_addr != 0) {
        return fail(m, SIM_MODULE_WRONG_ADDRESS, "the module address is taken in this process");
    }
    return adopt(m, image, dlsym(m->handle, "wsksim_module_info"),
                 dlsym(m->handle, "DriverEntry"));
}

enum sim_module_error sim_module_open(struct sim_module *m, const char *path)
{
    char reason[256];
    struct sim_image image;
    *m = (struct sim_module){0};
    set_path(m, path);
    if (strchr(path, '/') == NULL) { /* dlopen would search the system's folders for it */
        snprintf(m->path, sizeof m->path, "./%s", path);
    }
    if (current != NULL) {
        return fail(m, SIM_MODULE_CANNOT_LOAD, "another module is open: %s", current->path);
    }
    sim_memory_init();
    enum sim_module_error error = sim_image_open(&image, m->path, reason, sizeof reason);
    if (error != SIM_MODULE_OK) {
        return fail(m, error, "%s", reason);
    }
    error = check_code(m, &image);
    if (error == SIM_MODULE_OK) {
        error = load(m, &image);
    }
    sim_image_close(&image);
    if (error != SIM_MODULE_OK) {
        sim_module_close(m);
    }
    return error;
}

struct search {
    uintptr_t address;
    const char *path;
    uintptr_t bias;
};

static int holds_address(struct dl_phdr_info *info, size_t size, void *argument)
{
    struct search *search = argument;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD &&
            search->address - (info->dlpi_addr + p->p_vaddr) < p->p_memsz) {
            search->path = info->dlpi_name;
            search->bias = info->dlpi_addr;
            return 1;
        }
    }
    return 0;
}

enum sim_module_error sim_module_linked(struct sim_module *m, const void *entry)
{
    char reason[256];
    struct sim_image image;
    struct search search = {.address = (uintptr_t)entry};
    *m = (struct sim_module){0};
    dl_iterate_phdr(holds_address, &search);
    set_path(m, search.path != NULL && search.path[0] != '\0' ? search.path : "(this executable)");
    if (current != NULL) {
        return fail(m, SIM_MODULE_CANNOT_LOAD, "another module is open: %s", current->path);
    }
    if (search.path == NULL || search.path[0] == '\0') {
        return fail(m, SIM_MODULE_NOT_SHARED, "DriverEntry is not in a module of its own");
    }
    if (search.bias != 0) {
        return fail(m, SIM_MODULE_WRONG_ADDRESS, "the module address is taken in this process");
    }
    enum sim_module_error error = sim_image_open(&image, m->path, reason, sizeof reason);
    if (error != SIM_MODULE_OK) {
        return fail(m, error, "%s", reason);
    }
    error = check_code(m, &image);
    if (error == SIM_MODULE_OK) {
        error = adopt(m, &image, dlsym(RTLD_DEFAULT, "wsksim_module_info"), entry);
    }
    sim_image_close(&image);
    return error;
}

void sim_module_restore(struct sim_module *m)
{
    SIM_ASSERT(current == m);
    sim_snapshot_restore(&m->snapshot);
}

void sim_module_close(struct sim_module *m)
{
    sim_snapshot_free(&m->snapshot);
    if (m->handle != NULL) {
        dlclose(m->handle);
        m->handle = NULL;
    }
    if (current == m) {
        current = NULL;
    }
}

bool sim_module_is_support(const struct sim_module *m, uintptr_t address)
{
    return address - m->support < m->support_end - m->support;
}

bool sim_module_is_text(const struct sim_module *m, uintptr_t address)
{
    return address - m->text < m->text_end - m->text && !sim_module_is_support(m, address);
}

const struct sim_module *sim_module_current(void)
{
    return current;
}

const char *sim_module_flavour_text(uint32_t flavour)
{
    static const char *const text[] = {
        "plain", "checked", "access points", "checked, access points", "undefined behaviour",
        "checked, undefined behaviour", "access points, undefined behaviour",
        "checked, access points, undefined behaviour"};
    SIM_ASSERT(flavour < SIM_COUNT(text));
    return text[flavour];
}

/* ---- called by the module ---- */

/* A constructor misbehaves: there is no run that could take the violation. */
static __attribute__((noreturn)) void fail_outside_run(const char *what)
{
    fprintf(stderr, "wsksim: the driver module is at fault before DriverEntry: %s\n", what);
    _exit(1);
}

static struct sim *charge(const char *what, uintptr_t pc, uintptr_t frame)
{
    struct sim *s = sim_current;
    if (s == NULL || !s->is_running) {
        fail_outside_run(what);
    }
    s->current->site = pc;
    s->current->frame = frame;
    s->current->routine = 0;
    return s;
}

void sim_module_report(uintptr_t address, size_t size, bool is_write, uintptr_t pc,
                       uintptr_t frame)
{
    struct sim *s = charge("invalid memory access in a constructor", pc, frame);
    s->hooks->memory_fault(s, address, size, is_write, pc);
    sim_assert_failed("memory_fault returned", __FILE__, __LINE__, 0, 0);
}

void sim_module_undefined(const char *what, const char *file, unsigned line, uintptr_t pc,
                          uintptr_t frame)
{
    struct sim *s = charge(what, pc, frame);
    s->hooks->undefined(s, what, file, line, pc);
    sim_assert_failed("undefined returned", __FILE__, __LINE__, 0, 0);
}
