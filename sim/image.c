/* SPDX-License-Identifier: MIT */
/* See image.h. */
#define _GNU_SOURCE
#include "image.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

struct reason {
    char *text;
    size_t size;
};

static enum sim_module_error fail(struct reason why, enum sim_module_error error, const char *text)
{
    snprintf(why.text, why.size, "%s", text);
    return error;
}

/* True if the file has room for count records of the size given at offset. */
static bool fits(const struct sim_image *image, uint64_t offset, uint64_t count, uint64_t record)
{
    return offset <= image->size && count <= (image->size - offset) / record;
}

static const void *at(const struct sim_image *image, uint64_t offset)
{
    return image->bytes + offset;
}

static bool find_sections(struct sim_image *image, const Elf64_Ehdr *header)
{
    if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shoff % 8 != 0 ||
        header->e_shstrndx >= header->e_shnum ||
        !fits(image, header->e_shoff, header->e_shnum, sizeof(Elf64_Shdr))) {
        return false;
    }
    image->section = at(image, header->e_shoff);
    image->section_count = header->e_shnum;
    for (size_t i = 0; i < image->section_count; i++) {
        const Elf64_Shdr *s = &image->section[i];
        if (s->sh_type != SHT_NOBITS && !fits(image, s->sh_offset, s->sh_size, 1)) {
            return false;
        }
    }
    const Elf64_Shdr *names = &image->section[header->e_shstrndx];
    if (names->sh_type != SHT_STRTAB) {
        return false;
    }
    image->section_names = at(image, names->sh_offset);
    image->section_names_size = names->sh_size;
    return true;
}

static bool find_symbols(struct sim_image *image)
{
    for (size_t i = 0; i < image->section_count; i++) {
        const Elf64_Shdr *s = &image->section[i];
        if (s->sh_type != SHT_DYNSYM) {
            continue;
        }
        if (s->sh_offset % 8 != 0 || s->sh_link >= image->section_count ||
            image->section[s->sh_link].sh_type != SHT_STRTAB) {
            return false;
        }
        const Elf64_Shdr *names = &image->section[s->sh_link];
        image->symbol = at(image, s->sh_offset);
        image->symbol_count = s->sh_size / sizeof(Elf64_Sym);
        image->names = at(image, names->sh_offset);
        image->names_size = names->sh_size;
        return true;
    }
    return true;
}

static bool find_program(struct sim_image *image, const Elf64_Ehdr *header)
{
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff % 8 != 0 ||
        !fits(image, header->e_phoff, header->e_phnum, sizeof(Elf64_Phdr))) {
        return false;
    }
    image->program = at(image, header->e_phoff);
    image->program_count = header->e_phnum;
    image->base = UINTPTR_MAX;
    for (size_t i = 0; i < image->program_count; i++) {
        const Elf64_Phdr *p = &image->program[i];
        if (p->p_type != PT_LOAD) {
            continue;
        }
        if (!fits(image, p->p_offset, p->p_filesz, 1) || p->p_vaddr + p->p_memsz < p->p_vaddr) {
            return false;
        }
        image->base = p->p_vaddr < image->base ? p->p_vaddr : image->base;
        image->end = p->p_vaddr + p->p_memsz > image->end ? p->p_vaddr + p->p_memsz : image->end;
        if ((p->p_flags & PF_X) != 0) {
            image->text = p->p_vaddr;
            image->text_end = p->p_vaddr + p->p_memsz;
        }
    }
    return image->base < image->end;
}

/* What kind of file it is, by its header alone. */
static enum sim_module_error check_header(const struct sim_image *image, struct reason why)
{
    const Elf64_Ehdr *header = at(image, 0);
    if (image->size < SELFMAG || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return fail(why, SIM_MODULE_NOT_ELF,
                    "not an ELF shared object; build the driver with wsksim-cc");
    }
    if (image->size < sizeof *header) {
        return fail(why, SIM_MODULE_TRUNCATED, "the file is truncated");
    }
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_machine != EM_X86_64) {
        return fail(why, SIM_MODULE_WRONG_MACHINE, "not for x86-64");
    }
    if (header->e_type != ET_DYN) {
        return fail(why, SIM_MODULE_NOT_SHARED,
                    "not a shared object; link the driver with wsksim-cc -o NAME.so");
    }
    return SIM_MODULE_OK;
}

static const Elf64_Sym *find_defined(const struct sim_image *image, const char *name)
{
    for (size_t i = 1; i < image->symbol_count; i++) {
        if (image->symbol[i].st_shndx != SHN_UNDEF &&
            strcmp(sim_image_symbol_name(image, i), name) == 0) {
            return &image->symbol[i];
        }
    }
    return NULL;
}

static bool needs_library(const struct sim_image *image)
{
    for (size_t i = 0; i < image->section_count; i++) {
        const Elf64_Shdr *s = &image->section[i];
        if (s->sh_type != SHT_DYNAMIC || s->sh_offset % 8 != 0) {
            continue;
        }
        const Elf64_Dyn *entry = at(image, s->sh_offset);
        for (size_t n = 0; n < s->sh_size / sizeof *entry; n++) {
            if (entry[n].d_tag == DT_NEEDED) {
                return true;
            }
        }
    }
    return false;
}

static bool has_segment(const struct sim_image *image, uint32_t type)
{
    for (size_t i = 0; i < image->program_count; i++) {
        if (image->program[i].p_type == type) {
            return true;
        }
    }
    return false;
}

static enum sim_module_error check_contents(const struct sim_image *image, struct reason why)
{
    const Elf64_Sym *entry = find_defined(image, "DriverEntry");
    if (entry == NULL || ELF64_ST_TYPE(entry->st_info) != STT_FUNC) {
        return fail(why, SIM_MODULE_NO_ENTRY,
                    "no function DriverEntry (in C++ it must be extern \"C\")");
    }
    if (find_defined(image, "wsksim_module_info") == NULL) {
        return fail(why, SIM_MODULE_FOREIGN, "not linked by wsksim-cc; build it again");
    }
    if (has_segment(image, PT_INTERP)) {
        return fail(why, SIM_MODULE_NOT_SHARED, "an executable, not a driver module");
    }
    if (needs_library(image)) {
        return fail(why, SIM_MODULE_NEEDS_LIBRARY,
                    "depends on another shared object; a driver has only the kernel");
    }
    if (has_segment(image, PT_TLS)) {
        return fail(why, SIM_MODULE_HAS_TLS,
                    "has thread-local variables, which a kernel driver cannot have");
    }
    if (image->base != SIM_MODULE_BASE || image->end > SIM_MODULE_BASE + SIM_MODULE_BYTES) {
        return fail(why, SIM_MODULE_WRONG_ADDRESS,
                    "not linked at the module address; link it with wsksim-cc");
    }
    return SIM_MODULE_OK;
}

static enum sim_module_error map_file(struct sim_image *image, const char *path, struct reason why)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not keep us waiting */
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) {
        snprintf(why.text, why.size, "cannot open: %m");
        if (file >= 0) {
            close(file);
        }
        return SIM_MODULE_UNREADABLE;
    }
    enum sim_module_error error = SIM_MODULE_OK;
    if (!S_ISREG(status.st_mode)) {
        error = fail(why, SIM_MODULE_UNREADABLE, "not a regular file");
    } else if (status.st_size == 0) {
        error = fail(why, SIM_MODULE_NOT_ELF, "the file is empty");
    } else {
        image->size = (size_t)status.st_size;
        void *p = mmap(NULL, image->size, PROT_READ, MAP_PRIVATE, file, 0);
        if (p == MAP_FAILED) {
            snprintf(why.text, why.size, "cannot read: %m");
            error = SIM_MODULE_UNREADABLE;
        } else {
            image->bytes = p;
        }
    }
    close(file);
    return error;
}

enum sim_module_error sim_image_open(struct sim_image *image, const char *path, char *reason,
                                     size_t reason_size)
{
    struct reason why = {reason, reason_size};
    *image = (struct sim_image){0};
    enum sim_module_error error = map_file(image, path, why);
    if (error == SIM_MODULE_OK) {
        error = check_header(image, why);
    }
    if (error == SIM_MODULE_OK) {
        const Elf64_Ehdr *header = at(image, 0);
        if (!find_program(image, header) || !find_sections(image, header) ||
            !find_symbols(image)) {
            error = fail(why, SIM_MODULE_TRUNCATED, "the file is truncated or damaged");
        }
    }
    if (error == SIM_MODULE_OK) {
        error = check_contents(image, why);
    }
    if (error != SIM_MODULE_OK) {
        sim_image_close(image);
    }
    return error;
}

void sim_image_close(struct sim_image *image)
{
    if (image->bytes != NULL) {
        munmap((void *)(uintptr_t)image->bytes, image->size);
    }
    *image = (struct sim_image){0};
}

static const char *string(const char *table, size_t size, size_t offset)
{
    if (offset >= size || memchr(table + offset, 0, size - offset) == NULL) {
        return "";
    }
    return table + offset;
}

const char *sim_image_section_name(const struct sim_image *image, size_t i)
{
    return string(image->section_names, image->section_names_size, image->section[i].sh_name);
}

const char *sim_image_symbol_name(const struct sim_image *image, size_t i)
{
    return string(image->names, image->names_size, image->symbol[i].st_name);
}

bool sim_image_is_data(const struct sim_image *image, size_t i)
{
    /* Written by the loader or by coverage, not by the driver. */
    static const char *const prefix[] = {".got", ".init_array", ".fini_array", ".dynamic",
                                         ".data.rel.ro", ".preinit_array", "__sancov_",
                                         "asan_globals", ".tm_clone_table"};
    const Elf64_Shdr *s = &image->section[i];
    if ((s->sh_flags & (SHF_ALLOC | SHF_WRITE)) != (SHF_ALLOC | SHF_WRITE) || s->sh_size == 0) {
        return false;
    }
    const char *name = sim_image_section_name(image, i);
    for (size_t n = 0; n < SIM_COUNT(prefix); n++) {
        if (strncmp(name, prefix[n], strlen(prefix[n])) == 0) {
            return false;
        }
    }
    return s->sh_addr >= image->base && s->sh_size <= image->end - s->sh_addr;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ p[i]) * 0x100000001B3ull;
    }
    return hash;
}

void sim_image_identity(const struct sim_image *image, char out[17])
{
    uint64_t hash = 0xCBF29CE484222325ull;
    for (size_t i = 0; i < image->section_count; i++) {
        const Elf64_Shdr *s = &image->section[i];
        if ((s->sh_flags & SHF_ALLOC) == 0 || s->sh_type == SHT_NOTE) {
            continue;
        }
        hash = hash_bytes(hash, &s->sh_addr, sizeof s->sh_addr);
        hash = hash_bytes(hash, &s->sh_size, sizeof s->sh_size);
        if (s->sh_type != SHT_NOBITS) {
            hash = hash_bytes(hash, at(image, s->sh_offset), s->sh_size);
        }
    }
    snprintf(out, 17, "%016llx", (unsigned long long)hash);
}
