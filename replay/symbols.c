/* SPDX-License-Identifier: MIT */
/*
 * See symbols.h. A run of many steps asks for few addresses, again and again: what was found is
 * kept, by address, and replaced by what falls on the same place.
 */
#include "replay/symbols.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"

enum { KEPT_MAX = 1024 };

struct symbols {
    Dwfl *dwfl;
    Dwfl_Module *module;
    uintptr_t kept_for[KEPT_MAX]; /* 0 = nothing */
    struct symbol kept[KEPT_MAX];
};

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
};

struct symbols *symbols_open(const char *module_path)
{
    struct symbols *symbols = calloc(1, sizeof *symbols);
    if (symbols == NULL) {
        return NULL;
    }
    symbols->dwfl = dwfl_begin(&callbacks);
    if (symbols->dwfl != NULL) {
        dwfl_report_begin(symbols->dwfl);
        symbols->module = dwfl_report_elf(symbols->dwfl, module_path, module_path, -1, 0, true);
        dwfl_report_end(symbols->dwfl, NULL, NULL);
    }
    return symbols;
}

void symbols_close(struct symbols *symbols)
{
    if (symbols != NULL) {
        if (symbols->dwfl != NULL) {
            dwfl_end(symbols->dwfl);
        }
        free(symbols);
    }
}

/*
 * The compilation unit of an address. clang writes no table of address ranges (.debug_aranges) that
 * dwfl_module_addrdie and dwfl_module_getsrc could look it up in, so each unit is asked.
 */
static Dwarf_Die *find_unit(struct symbols *symbols, Dwarf_Addr address, Dwarf_Addr *bias)
{
    Dwarf_Die *unit = NULL;
    while ((unit = dwfl_module_nextcu(symbols->module, unit, bias)) != NULL) {
        if (dwarf_haspc(unit, address - *bias) > 0) {
            return unit;
        }
    }
    return NULL;
}

/* The concrete or inlined function whose code holds the address. */
static void find_function(struct symbols *symbols, Dwarf_Addr address, struct symbol *symbol)
{
    Dwarf_Addr bias;
    Dwarf_Die *unit = find_unit(symbols, address, &bias);
    Dwarf_Die *scopes = NULL;
    int count = unit != NULL ? dwarf_getscopes(unit, address - bias, &scopes) : 0;
    for (int i = 0; i < count; i++) {
        int tag = dwarf_tag(&scopes[i]);
        if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine) {
            const char *name = dwarf_diename(&scopes[i]);
            if (name != NULL) {
                snprintf(symbol->function, sizeof symbol->function, "%s", name);
                break;
            }
        }
    }
    free(scopes);
    if (symbol->function[0] == '\0') {
        const char *name = dwfl_module_addrname(symbols->module, address);
        snprintf(symbol->function, sizeof symbol->function, "%s", name != NULL ? name : "");
    }
}

/*
 * Rank of the line among the distinct lines of its function: survives edits elsewhere in the file.
 */
static unsigned line_rank(struct symbols *symbols, Dwarf_Addr address, unsigned line)
{
    Dwarf_Addr bias;
    Dwarf_Die *unit = find_unit(symbols, address, &bias);
    Dwarf_Die *scopes = NULL;
    int count = unit != NULL ? dwarf_getscopes(unit, address - bias, &scopes) : 0;
    Dwarf_Addr low = 0, high = 0;
    for (int i = 0; i < count; i++) {
        if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram && dwarf_lowpc(&scopes[i], &low) == 0 &&
            dwarf_highpc(&scopes[i], &high) == 0) {
            break;
        }
    }
    free(scopes);
    Dwarf_Lines *lines;
    size_t line_count;
    if (high == 0 || dwarf_getsrclines(unit, &lines, &line_count) != 0) {
        return 0;
    }
    unsigned seen[512], seen_count = 0, rank = 0;
    for (size_t i = 0; i < line_count && seen_count < SIM_COUNT(seen); i++) {
        Dwarf_Line *entry = dwarf_onesrcline(lines, i);
        Dwarf_Addr at;
        int number;
        if (dwarf_lineaddr(entry, &at) != 0 || at < low || at >= high ||
            dwarf_lineno(entry, &number) != 0 || (unsigned)number >= line) {
            continue;
        }
        bool known = false;
        for (unsigned k = 0; k < seen_count; k++) {
            known |= seen[k] == (unsigned)number;
        }
        if (!known) {
            seen[seen_count++] = (unsigned)number;
            rank++;
        }
    }
    return rank;
}

static struct symbol look_up(struct symbols *symbols, uintptr_t return_address)
{
    struct symbol symbol = {0};
    Dwarf_Addr address = return_address - 1; /* inside the call */
    find_function(symbols, address, &symbol);
    Dwarf_Addr bias;
    Dwarf_Die *unit = find_unit(symbols, address, &bias);
    Dwarf_Line *line = unit != NULL ? dwarf_getsrc_die(unit, address - bias) : NULL;
    if (line != NULL) {
        int number = 0;
        const char *file = dwarf_linesrc(line, NULL, NULL);
        dwarf_lineno(line, &number);
        snprintf(symbol.file, sizeof symbol.file, "%s", file != NULL ? file : "");
        symbol.line = (unsigned)number;
        symbol.ordinal = line_rank(symbols, address, symbol.line);
    }
    return symbol;
}

struct symbol symbols_find(struct symbols *symbols, uintptr_t return_address)
{
    if (symbols == NULL || symbols->module == NULL || return_address == 0) {
        return (struct symbol){0};
    }
    size_t at = (return_address ^ return_address >> 10) % KEPT_MAX;
    if (symbols->kept_for[at] != return_address) {
        symbols->kept_for[at] = return_address;
        symbols->kept[at] = look_up(symbols, return_address);
    }
    return symbols->kept[at];
}

void symbols_text(struct symbols *symbols, uintptr_t return_address, char *out, size_t size)
{
    struct symbol symbol = symbols_find(symbols, return_address);
    const char *slash = strrchr(symbol.file, '/');
    const char *file = slash != NULL ? slash + 1 : symbol.file;
    if (symbol.line != 0) {
        snprintf(out, size, "%s at %s:%u", symbol.function, file, symbol.line);
    } else if (symbol.function[0] != '\0') {
        snprintf(out, size, "%s", symbol.function);
    } else if (return_address == 0) {
        snprintf(out, size, "the system");
    } else {
        snprintf(out, size, "driver+%#llx", (unsigned long long)(return_address - SIM_MODULE_BASE));
    }
}

void symbols_source(const struct symbol *symbol, char *out, size_t size)
{
    out[0] = '\0';
    FILE *file = symbol->line != 0 ? fopen(symbol->file, "r") : NULL;
    if (file == NULL) {
        return;
    }
    char line[512];
    for (unsigned i = 0; i < symbol->line && fgets(line, sizeof line, file) != NULL; i++) {
        if (i + 1 == symbol->line) {
            size_t from = strspn(line, " \t");
            size_t length = strcspn(line + from, "\r\n");
            snprintf(out, size, "%.*s", (int)length, line + from);
        }
    }
    fclose(file);
}
