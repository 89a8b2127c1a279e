/* SPDX-License-Identifier: MIT */
/* What the files of Mm share. */
#ifndef MODEL_MM_MM_INTERNAL_H
#define MODEL_MM_MM_INTERNAL_H

#include "model/address_table.h"
#include "model/ex/ex.h"
#include "model/ke/ke.h"
#include "model/mm/mm.h"
#include "model/record_pool.h"

enum { MM_CHAIN_MAX = 4096 }; /* MDLs of one request: a longer chain has a cycle, or should have */

/* Questions of Mm. Append only. */
enum {
    PICK_MM_RAISE = PICK_MM, /* which status a failing MmProbeAndLockPages raises */
};

enum mm_origin { MM_ALLOCATED, MM_CLIENT, MM_SUBSYSTEM, MM_PAGES };
enum mm_built {
    MM_BUILT_NOT,
    MM_BUILT_NONPAGED, /* MmBuildMdlForNonPagedPool */
    MM_BUILT_LOCKED,   /* MmProbeAndLockPages */
    MM_BUILT_PARTIAL,  /* IoBuildPartialMdl */
    MM_BUILT_PAGES,    /* MmAllocatePagesForMdl */
    MM_BUILT_SUBSYSTEM
};

struct mm_mdl {
    PMDL mdl;
    uint32_t object;
    uint8_t origin; /* enum mm_origin */
    uint8_t built;  /* enum mm_built */
    uint8_t access; /* LOCK_OPERATION, if locked */
    bool is_freed;
    bool is_mapped;      /* has a system address */
    bool is_active;      /* in the list of what pins memory */
    uint32_t generation; /* changes when what it describes stops being pinned */
    uintptr_t base;      /* of the range it describes */
    uint32_t bytes;
    uint32_t capacity;       /* pages it has room for */
    uint32_t uses;           /* requests in flight that use it */
    uint8_t use_access;      /* enum mm_access of the last one */
    uint32_t used_by;        /* trace id */
    uint32_t walk;           /* stamp of the last walk that saw it */
    void *hand_mapping;      /* of MmMapLockedPagesSpecifyCache */
    struct sim_ctx *mapping; /* is asking for the system address right now (KRN-231) */
    struct mm_mdl *source;   /* of a partial MDL */
    uint32_t source_generation;
    struct sim_block *block, *pages;
    struct sim_where born, built_at, used_at, freed, mapping_at;
    struct sim_where orphaned; /* the IRP that held it was freed */
    struct mm_mdl *next, *previous; /* active */
};

/* One MDL used by one request. */
struct mm_use {
    uint32_t request;
    struct mm_mdl *head, *mdl;
    struct mm_use *next;                        /* same chain; of the free list */
    struct mm_use *chain_next, *chain_previous; /* heads of chains */
};

struct mm_state {
    struct record_pool mdls;
    struct address_table table;
    struct record_pool uses;
    struct mm_use *use_free;
    struct mm_use *chain_first, *chain_last;
    struct mm_mdl *active_first, *active_last;
    uint32_t live;   /* MDLs of IoAllocateMdl and MmAllocatePagesForMdl not freed */
    uint32_t locked; /* MDLs locked by MmProbeAndLockPages */
    uint32_t walk;
    uint32_t contiguous_live;
};

static inline struct mm_state *mm_of(struct sim *s)
{
    return model_of(s)->mm;
}

static inline bool mm_overlaps(uintptr_t a, size_t a_size, uintptr_t b, size_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

/* ---- mm_record.c ---- */

struct mm_mdl *mm_find(struct sim *s, const MDL *mdl);
/* A new record for this address; replaces an older one. */
struct mm_mdl *mm_new(struct sim *s, PMDL mdl, enum mm_origin origin);
/* The record of an argument of the client: initialised, not freed, valid memory. */
struct mm_mdl *mm_argument(struct sim *s, const MDL *mdl);
/* As mm_argument, and not one of the subsystem's (KRN-238). */
struct mm_mdl *mm_client_argument(struct sim *s, const MDL *mdl);
/* Ends the run if a request uses the MDL (SEND-004, RECV-003). what = "freed", "unlocked", ... */
void mm_not_in_use(struct sim *s, const struct mm_mdl *m, const char *what);
void mm_active_add(struct sim *s, struct mm_mdl *m);
void mm_active_remove(struct sim *s, struct mm_mdl *m);
/* The range is no longer pinned: partial MDLs built from it become invalid. */
void mm_unpinned(struct sim *s, struct mm_mdl *m);
/* KRN-233: the source of a partial MDL is as it was when it was built. */
void mm_check_source(struct sim *s, const struct mm_mdl *m);

/* ---- mm_mdl.c ---- */

/* Header fields of an MDL over [base, base+bytes). */
void mm_fill(struct mm_mdl *m, uintptr_t base, size_t bytes);
size_t mm_mdl_size(uintptr_t base, size_t bytes);
struct mm_mdl *mm_allocate(struct sim *s, uintptr_t base, size_t bytes, enum mm_origin origin,
                           enum model_block kind, bool may_fail);
void mm_release(struct sim *s, struct mm_mdl *m);

/* ---- mm_routines.c ---- */

void *mm_routine_address(const char *name);

/* ---- mm_pages.c ---- */

void mm_contiguous_check_unload(struct sim *s);

#endif
