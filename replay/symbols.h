/* SPDX-License-Identifier: MIT */
/*
 * Addresses of the driver as functions and lines, by libdw, after the run and outside of it. The
 * module is linked at a fixed address, so an address in a report is an address in the file.
 */
#ifndef REPLAY_SYMBOLS_H
#define REPLAY_SYMBOLS_H

#include "sim/base.h"

struct symbols;

struct symbol {
    char function[96]; /* "" if unknown */
    char file[256];    /* as the compiler was given it */
    unsigned line;     /* 0 = unknown */
    unsigned ordinal;  /* rank of the line among the lines of the function that have code */
};

/* NULL if the file has no usable debug information; all look-ups then answer offsets. */
struct symbols *symbols_open(const char *module_path);
void symbols_close(struct symbols *symbols);

/* Looks up a return address (the call before it). Never fails: unknown parts stay empty. */
struct symbol symbols_find(struct symbols *symbols, uintptr_t return_address);

/* "OnReceive at echo.c:120", or "echo.so+0x1234". */
void symbols_text(struct symbols *symbols, uintptr_t return_address, char *out, size_t size);

/* One line of source, trimmed, if the file can be read; else "". */
void symbols_source(const struct symbol *symbol, char *out, size_t size);

#endif
