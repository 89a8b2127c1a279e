/* SPDX-License-Identifier: MIT */
/*
 * See decode.h. Bytes that could be such an instruction are searched first; only a function that
 * holds some is decoded, from its beginning, so that the operand of another instruction is not
 * taken for one.
 */
#include "decode.h"

#include <stdio.h>
#include <string.h>

#include <capstone/capstone.h>

struct function {
    const char *name;
    uint64_t start; /* link address */
};

static bool is_uncontrolled(const cs_insn *instruction)
{
    switch (instruction->id) {
    case X86_INS_RDTSC:
    case X86_INS_RDTSCP:
    case X86_INS_RDPMC:
    case X86_INS_RDRAND:
    case X86_INS_RDSEED:
    case X86_INS_CPUID:
    case X86_INS_XGETBV:
    case X86_INS_XBEGIN:
    case X86_INS_SYSCALL:
    case X86_INS_SYSENTER:
        return true;
    case X86_INS_INT: /* 0x80 is a system call; the others (0x29, 0x2C, ...) are faults */
        return instruction->bytes[instruction->size - 1] == 0x80;
    default:
        return false;
    }
}

/* True if the bytes may belong to one of these instructions. */
static bool is_suspect(const uint8_t *at, size_t left)
{
    if (left < 2) {
        return false;
    }
    if (at[0] == 0x0F) {
        return at[1] == 0x31 || at[1] == 0x01 || at[1] == 0x33 || at[1] == 0xC7 || at[1] == 0xA2 ||
               at[1] == 0x05 || at[1] == 0x34;
    }
    return (at[0] == 0xCD && at[1] == 0x80) || (at[0] == 0xC7 && at[1] == 0xF8);
}

static bool is_inside(const struct sim_image *image, const Elf64_Shdr *s)
{
    return s->sh_type != SHT_NOBITS && s->sh_offset <= image->size &&
           s->sh_size <= image->size - s->sh_offset;
}

/* The full symbol table, which a stripped module does not have. */
static const Elf64_Sym *find_table(const struct sim_image *image, size_t *count,
                                   const Elf64_Shdr **names)
{
    for (size_t i = 0; i < image->section_count; i++) {
        const Elf64_Shdr *s = &image->section[i];
        if (s->sh_type == SHT_SYMTAB && s->sh_offset % 8 == 0 &&
            s->sh_link < image->section_count && is_inside(image, s) &&
            is_inside(image, &image->section[s->sh_link])) {
            *count = s->sh_size / sizeof(Elf64_Sym);
            *names = &image->section[s->sh_link];
            return (const void *)(image->bytes + s->sh_offset);
        }
    }
    *count = 0;
    return NULL;
}

/* The function that begins last at or before the address; the section itself if none is known. */
static struct function function_at(const struct sim_image *image, const Elf64_Shdr *section,
                                   uint64_t address)
{
    struct function best = {NULL, section->sh_addr};
    const Elf64_Shdr *names = NULL;
    size_t count;
    const Elf64_Sym *symbol = find_table(image, &count, &names);
    for (size_t i = 0; i < count; i++) {
        uint64_t start = symbol[i].st_value;
        if (ELF64_ST_TYPE(symbol[i].st_info) != STT_FUNC || start > address ||
            start < best.start || symbol[i].st_name >= names->sh_size) {
            continue;
        }
        const char *name = (const char *)image->bytes + names->sh_offset + symbol[i].st_name;
        if (memchr(name, 0, names->sh_size - symbol[i].st_name) != NULL) {
            best = (struct function){name, start};
        }
    }
    return best;
}

/* The instruction that holds the address, if it is one of those; its mnemonic goes to name. */
static bool decode(csh handle, const struct sim_image *image, const Elf64_Shdr *section,
                   uint64_t start, uint64_t address, char name[CS_MNEMONIC_SIZE])
{
    const uint8_t *code = image->bytes + section->sh_offset + (start - section->sh_addr);
    size_t left = section->sh_size - (start - section->sh_addr);
    bool found = false;
    cs_insn *instruction = cs_malloc(handle);
    SIM_ASSERT(instruction != NULL);
    while (!found && start <= address && left > 0) {
        if (!cs_disasm_iter(handle, &code, &left, &start, instruction)) {
            code++, left--, start++; /* padding, or newer than the decoder */
            continue;
        }
        found = start > address && is_uncontrolled(instruction);
    }
    if (found) {
        snprintf(name, CS_MNEMONIC_SIZE, "%s", instruction->mnemonic);
    }
    cs_free(instruction, 1);
    return found;
}

struct list {
    char *text;
    size_t size, used;
    uint32_t count;
    uint64_t last; /* what was named last: in which function, */
    char mnemonic[CS_MNEMONIC_SIZE];
};

static void add(struct list *list, const char *mnemonic, struct function f)
{
    list->count++;
    if (list->count > 1 && f.start == list->last && strcmp(mnemonic, list->mnemonic) == 0) {
        return;
    }
    list->last = f.start;
    snprintf(list->mnemonic, sizeof list->mnemonic, "%s", mnemonic);
    int wanted = snprintf(list->text + list->used, list->size - list->used, "%s%s in %s",
                          list->used > 0 ? ", " : "", mnemonic,
                          f.name != NULL ? f.name : "a function without a name");
    if (wanted > 0 && (size_t)wanted < list->size - list->used) {
        list->used += (size_t)wanted;
    } else {
        list->text[list->used] = '\0';
    }
}

static void search(csh handle, const struct sim_image *image, const Elf64_Shdr *section,
                   struct list *list)
{
    const uint8_t *code = image->bytes + section->sh_offset;
    for (size_t i = 0; i < section->sh_size; i++) {
        char mnemonic[CS_MNEMONIC_SIZE];
        if (!is_suspect(code + i, section->sh_size - i)) {
            continue;
        }
        struct function f = function_at(image, section, section->sh_addr + i);
        if (decode(handle, image, section, f.start, section->sh_addr + i, mnemonic)) {
            add(list, mnemonic, f);
        }
    }
}

uint32_t sim_decode_uncontrolled(const struct sim_image *image, char *out, size_t size)
{
    struct list list = {.text = out, .size = size};
    csh handle;
    out[0] = '\0';
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) {
        sim_assert_failed("no x86-64 decoder", __FILE__, __LINE__, 0, 0);
    }
    for (size_t i = 0; i < image->section_count; i++) {
        const Elf64_Shdr *s = &image->section[i];
        if ((s->sh_flags & (SHF_ALLOC | SHF_EXECINSTR)) == (SHF_ALLOC | SHF_EXECINSTR) &&
            is_inside(image, s)) {
            search(handle, image, s, &list);
        }
    }
    cs_close(&handle);
    return list.count;
}
