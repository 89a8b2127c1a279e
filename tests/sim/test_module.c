/* SPDX-License-Identifier: MIT */
/*
 * Driver modules: what the loader refuses and with which words, what restoring restores, and that
 * each kind of memory fault of a module becomes a violation of its run and leaves the process
 * unharmed.
 *
 * Covers sim/module.c, sim/image.c, sim/decode.c, sim/snapshot.c, sim/fault.c, and sim/coverage.c,
 * without which no module with counters would load.
 *
 * The modules are in tests/sim/modules; their "kernel" is the few Host functions below.
 */
#define _GNU_SOURCE
#include "sim/fault.h"
#include "sim/image.h"
#include "sim/module.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { RULE_MEMORY = 1, RULE_SIGNAL, RULE_UNDEFINED, RULE_OTHER };

static struct sim *engine;
static struct sim_module module;
static struct choice_log choices;
static int action;
static int values[8];
static unsigned value_count;
static unsigned undefined_line;

/* ---- the modules' kernel ---- */

SIM_EXPORT void HostValue(int value);
SIM_EXPORT int HostAction(void);
SIM_EXPORT void *HostBlock(int size);
SIM_EXPORT void HostFree(void *block);

void HostValue(int value)
{
    values[value_count++ % SIM_COUNT(values)] = value;
}

int HostAction(void)
{
    return action;
}

void *HostBlock(int size)
{
    return sim_block_alloc(sim_current, (size_t)size, 16, 0, 0, 0xCD, NULL);
}

void HostFree(void *block)
{
    sim_block_free(sim_current, sim_block_find(sim_current, (uintptr_t)block));
}

/* ---- hooks ---- */

static __attribute__((noreturn)) void fail_with(struct sim *s, uint32_t rule, uintptr_t address)
{
    struct sim_violation violation = {.rule = rule};
    snprintf(violation.text, sizeof violation.text, "%llx", (unsigned long long)address);
    sim_fail(s, &violation);
}

static void on_memory(struct sim *s, uintptr_t address, size_t size, bool is_write, uintptr_t pc)
{
    (void)size;
    (void)is_write;
    assert_true(sim_module_is_text(&module, pc));
    fail_with(s, RULE_MEMORY, address);
}

static void on_signal(struct sim *s, int signal_number, uintptr_t address, uintptr_t pc)
{
    (void)signal_number;
    assert_true(sim_module_is_text(&module, pc));
    fail_with(s, RULE_SIGNAL, address);
}

static void on_undefined(struct sim *s, const char *what, const char *file, unsigned line,
                         uintptr_t pc)
{
    assert_true(what[0] != '\0' && strstr(file, "faulty.c") != NULL);
    assert_true(sim_module_is_text(&module, pc));
    undefined_line = line;
    fail_with(s, RULE_UNDEFINED, 0);
}

static void on_stuck(struct sim *s)
{
    fail_with(s, RULE_OTHER, 0);
}

static void on_done(struct sim *s, struct sim_ctx *ctx)
{
    (void)s;
    (void)ctx;
}

static const struct sim_hooks hooks = {.memory_fault = on_memory, .signal_fault = on_signal,
                                       .undefined = on_undefined, .deadlock = on_stuck,
                                       .livelock = on_stuck, .context_done = on_done};

/* ---- helpers ---- */

static const char *module_path(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", MODULE_FOLDER, name);
    return path;
}

static void run_entry(struct sim *s, void *argument)
{
    (void)s;
    int (*entry)(void *, void *) = (int (*)(void *, void *))argument;
    entry(NULL, NULL);
}

static enum sim_verdict run(int what)
{
    static const struct choice_source tame = {.kind = CHOICE_TAME};
    action = what;
    value_count = 0;
    sim_module_restore(&module);
    return sim_run(engine, run_entry, module.entry, NULL, &tame, &choices);
}

static void open_module(const char *name)
{
    action = 0;
    enum sim_module_error error = sim_module_open(&module, module_path(name));
    if (error != SIM_MODULE_OK) {
        fail_msg("%s", module.message);
    }
    assert_string_equal(module.message, "");
}

static void assert_one_line(const char *text)
{
    assert_true(text[0] != '\0');
    assert_null(strchr(text, '\n'));
}

/* Writes size bytes to a scratch file and returns its path. */
static const char *scratch(const void *bytes, size_t size)
{
    static char path[64];
    snprintf(path, sizeof path, "scratch-module-%d", (int)getpid());
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    return path;
}

static uint8_t *contents(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static enum sim_module_error open_bytes(const void *bytes, size_t size)
{
    const char *path = scratch(bytes, size);
    enum sim_module_error error = sim_module_open(&module, path);
    unlink(path);
    if (error != SIM_MODULE_OK) {
        assert_one_line(module.message);
    }
    return error;
}

/* ---- refusals ---- */

static void test_not_a_module(void **state)
{
    (void)state;
    assert_int_equal(sim_module_open(&module, "/nonexistent/x.so"), SIM_MODULE_UNREADABLE);
    assert_non_null(strstr(module.message, "/nonexistent/x.so: cannot open"));
    assert_int_equal(sim_module_open(&module, "/"), SIM_MODULE_UNREADABLE);
    assert_int_equal(open_bytes("", 0), SIM_MODULE_NOT_ELF);
    assert_int_equal(open_bytes("#!/bin/sh\n", 10), SIM_MODULE_NOT_ELF);
    assert_int_equal(open_bytes("\177ELF", 4), SIM_MODULE_TRUNCATED);
    assert_int_equal(sim_module_open(&module, "/proc/self/exe"), SIM_MODULE_NO_ENTRY);
}

static void test_truncated(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = contents(module_path("test_state.so"), &size);
    for (size_t length = 64; length < size; length += 61) {
        assert_int_equal(open_bytes(bytes, length), SIM_MODULE_TRUNCATED);
    }
    free(bytes);
}

/* Damaged tables give an error or a readable image, never a fault. */
static void test_damaged(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = contents(module_path("test_state.so"), &size);
    uint64_t random = 1;
    for (int i = 0; i < 3000; i++) {
        uint8_t *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, bytes, size);
        /* The header, the tables behind it, or the section headers at the end. */
        size_t at = i % 2 == 0 ? sim_random_below(&random, 4096)
                               : size - 1 - sim_random_below(&random, 2300);
        copy[at] = (uint8_t)sim_random(&random);
        struct sim_image image;
        char reason[256] = "", identity[17];
        const char *path = scratch(copy, size);
        if (sim_image_open(&image, path, reason, sizeof reason) == SIM_MODULE_OK) {
            sim_image_identity(&image, identity);
            for (size_t n = 0; n < image.section_count; n++) {
                (void)sim_image_is_data(&image, n);
            }
            sim_image_close(&image);
        } else {
            assert_one_line(reason);
        }
        unlink(path);
        free(copy);
    }
    free(bytes);
}

static void test_foreign(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = contents(module_path("test_state.so"), &size);
    ((Elf64_Ehdr *)bytes)->e_machine = EM_AARCH64;
    assert_int_equal(open_bytes(bytes, size), SIM_MODULE_WRONG_MACHINE);
    ((Elf64_Ehdr *)bytes)->e_machine = EM_X86_64;
    ((Elf64_Ehdr *)bytes)->e_type = ET_REL;
    assert_int_equal(open_bytes(bytes, size), SIM_MODULE_NOT_SHARED);
    ((Elf64_Ehdr *)bytes)->e_type = ET_DYN;
    /* Rename what it defines: same length, so nothing else moves. */
    for (size_t i = 0; i + 11 < size; i++) {
        if (memcmp(bytes + i, "DriverEntry", 12) == 0) {
            bytes[i] = 'X';
        }
    }
    assert_int_equal(open_bytes(bytes, size), SIM_MODULE_NO_ENTRY);
    free(bytes);
    assert_int_equal(sim_module_open(&module, module_path("test_tls.so")), SIM_MODULE_HAS_TLS);
    assert_one_line(module.message);
}

static void test_unknown_routines(void **state)
{
    (void)state;
    assert_int_equal(sim_module_open(&module, module_path("test_unknown.so")),
                     SIM_MODULE_UNKNOWN_ROUTINES);
    assert_one_line(module.message);
    assert_int_equal(module.missing, 4);
    assert_non_null(strstr(module.message,
                           "calls 4 routines that wsksim does not have: ExNoSuchRoutine, "
                           "KeNoSuchRoutine, rand (the host's, not the kernel's), "
                           "socket (the host's, not the kernel's)"));
}

static void test_uncontrolled(void **state)
{
    (void)state;
    assert_int_equal(sim_module_open(&module, module_path("test_uncontrolled.so")),
                     SIM_MODULE_UNCONTROLLED);
    assert_one_line(module.message);
    assert_non_null(strstr(module.message, "rdtsc in ReadClock"));
    assert_non_null(strstr(module.message, "rdrand in Draw"));
    assert_null(strstr(module.message, "cpuid"));
    assert_null(strstr(module.message, "Constant"));
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    static struct sim_module second;
    open_module("test_state.so");
    assert_int_equal(sim_module_open(&second, module_path("test_big.so")), SIM_MODULE_CANNOT_LOAD);
    assert_one_line(second.message);
    sim_module_close(&module);
    open_module("test_big.so");
    sim_module_close(&module);
}

/* ---- description ---- */

static void test_description(void **state)
{
    (void)state;
    char identity[17];
    open_module("test_state.so");
    assert_string_equal(module.name, "test_state");
    assert_int_equal(strlen(module.identity), 16);
    memcpy(identity, module.identity, sizeof identity);
    assert_int_equal(module.base, SIM_MODULE_BASE);
    assert_int_equal(module.flavour & (SIM_MODULE_CHECKED | SIM_MODULE_ACCESS),
                     SIM_MODULE_CHECKED | SIM_MODULE_ACCESS);
    assert_true(sim_module_is_text(&module, (uintptr_t)module.entry));
    assert_false(sim_module_is_text(&module, module.base));
    assert_ptr_equal(sim_module_current(), &module);
    sim_module_close(&module);
    assert_null(sim_module_current());

    open_module("test_state.so");
    assert_string_equal(module.identity, identity);
    sim_module_close(&module);
    open_module("test_state_plain.so");
    assert_int_equal(module.flavour, 0);
    assert_string_not_equal(module.identity, identity);
    sim_module_close(&module);
    open_module("test_state_no_access.so");
    assert_int_equal(module.flavour & (SIM_MODULE_CHECKED | SIM_MODULE_ACCESS),
                     SIM_MODULE_CHECKED);
    sim_module_close(&module);
}

/* ---- restoring ---- */

static void check_restore(const char *name, int expected)
{
    open_module(name);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run(0), SIM_VERDICT_OK);
        assert_int_equal(values[0], expected);
    }
    /* And it is the restoring that does it. */
    static const struct choice_source tame = {.kind = CHOICE_TAME};
    value_count = 0;
    sim_run(engine, run_entry, module.entry, NULL, &tame, &choices);
    assert_int_not_equal(values[0], expected);
    sim_module_close(&module);
}

static void test_restore(void **state)
{
    (void)state;
    check_restore("test_state.so", 94740);
    check_restore("test_state_plain.so", 94740);
    check_restore("test_state_no_access.so", 94740);
    check_restore("test_big.so", 1000);
    check_restore("test_big_plain.so", 1000);
}

static void test_objects(void **state)
{
    (void)state;
    open_module("test_object.so");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(1), SIM_VERDICT_OK);
        assert_int_equal(values[0], 37);
        assert_int_equal(values[1], 9);
    }
    sim_module_close(&module);
}

/* ---- the C library inside ---- */

static void check_text(const char *name)
{
    open_module(name);
    assert_int_equal(run(0), SIM_VERDICT_OK);
    assert_int_equal(values[0], 0); /* else the line of tests/sim/modules/text.c */
    assert_int_equal(value_count, 1);
    sim_module_close(&module);
}

static void test_text(void **state)
{
    (void)state;
    check_text("test_text.so");
    check_text("test_text_plain.so");
}

/* ---- faults ---- */

static uintptr_t fault_address(void)
{
    return strtoull(engine->violation.text, NULL, 16);
}

static void check_fault(int what, uint32_t rule)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(what), SIM_VERDICT_VIOLATION);
        assert_int_equal(engine->violation.rule, rule);
        assert_true(engine->violation.stack_depth > 0);
        assert_true(sim_module_is_text(&module, engine->violation.stack[0]));
    }
    assert_int_equal(run(0), SIM_VERDICT_OK);
}

static void check_common_faults(void)
{
    for (int what = 4; what <= 6; what++) {
        check_fault(what, RULE_MEMORY);
    }
    check_fault(7, RULE_SIGNAL);
    assert_int_equal(fault_address(), 0);
    check_fault(8, RULE_SIGNAL);
    assert_int_equal(fault_address(), 0xABAB1234ABABABABull);
    check_fault(9, RULE_SIGNAL);
    check_fault(10, RULE_SIGNAL);
    check_fault(12, RULE_MEMORY);
}

static void test_faults_checked(void **state)
{
    (void)state;
    open_module("test_faulty.so");
    sim_fault_install();
    for (int what = 1; what <= 3; what++) {
        check_fault(what, RULE_MEMORY);
    }
    check_common_faults();
    check_fault(11, RULE_MEMORY);
    assert_in_range(fault_address(), SIM_FRAMES_BASE, SIM_FRAMES_BASE + SIM_FRAMES_BYTES);
    check_fault(13, RULE_UNDEFINED);
    assert_true(undefined_line > 0);
    check_fault(14, RULE_UNDEFINED);
    check_fault(15, RULE_UNDEFINED);
    sim_module_close(&module);
}

static void test_faults_no_undefined(void **state)
{
    (void)state;
    open_module("test_faulty_no_access.so");
    assert_int_equal(module.flavour, SIM_MODULE_CHECKED);
    sim_fault_install();
    for (int what = 1; what <= 3; what++) {
        check_fault(what, RULE_MEMORY);
    }
    check_fault(4, RULE_MEMORY);
    check_fault(11, RULE_MEMORY);
    check_fault(13, RULE_MEMORY);
    assert_true(sim_memory_is_module(fault_address()));
    check_fault(14, RULE_SIGNAL);
    sim_module_close(&module);
}

static int open_engine(void **state)
{
    (void)state;
    engine = sim_create(&hooks);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_a_module),    cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_damaged),         cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_unknown_routines), cmocka_unit_test(test_uncontrolled),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_description),     cmocka_unit_test(test_restore),
        cmocka_unit_test(test_objects),         cmocka_unit_test(test_text),
        cmocka_unit_test(test_faults_checked),
        cmocka_unit_test(test_faults_no_undefined),
    };
    return cmocka_run_group_tests(tests, open_engine, NULL);
}
