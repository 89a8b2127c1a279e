/* SPDX-License-Identifier: MIT */
/*
 * Ex: pool, lookaside lists, rundown, fast mutexes, push locks, resources, executive spin locks,
 * interlocked operations and lists. Internal interface.
 */
#ifndef MODEL_EX_EX_H
#define MODEL_EX_EX_H

#include "model/model.h"

/*
 * Driver-visible memory of a kind (enum model_block), filled with the run's pattern (or zero),
 * 16-byte aligned. Asks the fault stream whether to fail if may_fail. NULL on such a failure. The
 * arena being full is a LIMIT, not a failure. *block may be NULL.
 */
void *ex_alloc(struct sim *s, SIZE_T size, enum model_block kind, ULONG tag, bool zero,
               bool may_fail, struct sim_block **block);
/* Frees a block of ours; runs the checks of KRN-200 (ke_, io_, mm_memory_freed) first. */
void ex_free(struct sim *s, struct sim_block *block);
/*
 * The same for memory of ours that the driver was only shown (indications, their MDLs): nothing of
 * the driver's can live in it, so that there is nothing to check.
 */
void ex_free_shown(struct sim *s, struct sim_block *block);

/*
 * One question to the fault stream: should this allocation-like call fail? (IoAllocateIrp, MDL,
 * ...)
 */
bool ex_should_fail(struct sim *s);

/*
 * After a run: how many blocks began with the pattern of uninitialised memory, and the last of them
 * that options.refill changed (NULL: none).
 */
const struct sim_block *ex_refilled(const struct sim *s, uint32_t *count);

struct ex_state *ex_create(void);
void ex_reset(struct sim *s);
/* Pool leaks by tag, lookaside lists not deleted, resources alive (KRN-199, KRN-284, V 0x62). */
void ex_check_unload(struct sim *s);

#endif
