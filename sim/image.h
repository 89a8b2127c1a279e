/* SPDX-License-Identifier: MIT */
/*
 * The file of a driver module, read before anything of it is loaded: is it one of ours, what does
 * it define, what does it want from us, which of its bytes identify it.
 *
 * Every offset in the file is checked before it is followed, so a truncated or hostile file gives
 * an error, never a fault.
 */
#ifndef SIM_IMAGE_H
#define SIM_IMAGE_H

#include "module.h"

#include <elf.h>

struct sim_image {
    const uint8_t *bytes; /* the whole file, mapped */
    size_t size;
    const Elf64_Phdr *program;
    size_t program_count;
    const Elf64_Shdr *section;
    size_t section_count;
    const char *section_names;
    size_t section_names_size;
    const Elf64_Sym *symbol; /* dynamic symbols */
    size_t symbol_count;
    const char *names;
    size_t names_size;
    uintptr_t base, end; /* link addresses of what is loaded */
    uintptr_t text, text_end;
};

/*
 * Maps the file and checks all that can be seen in it. On failure writes the reason (without the
 * file's name) into reason and unmaps. Undefined routines are not judged here.
 */
SIM_MUST_USE enum sim_module_error sim_image_open(struct sim_image *image, const char *path,
                                                  char *reason, size_t reason_size);
void sim_image_close(struct sim_image *image);

/* Name of section or dynamic symbol i; "" if the file gives none that ends inside its table. */
const char *sim_image_section_name(const struct sim_image *image, size_t i);
const char *sim_image_symbol_name(const struct sim_image *image, size_t i);

/* True if the driver writes to section i: its data, not coverage counters or the loader's tables.
 * */
bool sim_image_is_data(const struct sim_image *image, size_t i);

/* 16 hex digits over all that is loaded (not build ids, not debug information). */
void sim_image_identity(const struct sim_image *image, char out[17]);

#endif
