/* SPDX-License-Identifier: MIT */
/*
 * Mm: MDLs and locked pages. An MDL is driver-visible memory (IoAllocateMdl, or the client's own by
 * MmInitializeMdl); its lock state and builder stand in a side table keyed by address.
 */
#ifndef MODEL_MM_MM_H
#define MODEL_MM_MM_H

#include "model/model.h"

enum mm_access { MM_READ, MM_WRITE };

/*
 * SEND-002, SEND-003, RECV-002, KRN-234, KRN-237: the chain of a WSK_BUF is well formed, built or
 * locked, for the right access, and holds offset + length bytes. Marks its MDLs as used by
 * `request` until mm_chain_release. Returns false if the chain is NULL with a length
 * (AMBIGUOUS-LIFE-57). Of a chain only the MDLs that hold the range are looked at; a length of 0
 * looks at none.
 */
bool mm_chain_use(struct sim *s, PMDL mdl, ULONG offset, SIZE_T length, enum mm_access access,
                  uint32_t request);
/* Ends that use; nothing happens if there is none. Never looks at the MDLs themselves. */
void mm_chain_release(struct sim *s, PMDL mdl, uint32_t request);

/* Copies between a chain and flat memory, starting `skip` bytes after offset. Checks validity. */
void mm_chain_read(struct sim *s, PMDL mdl, ULONG offset, SIZE_T skip, void *out, SIZE_T size);
void mm_chain_write(struct sim *s, PMDL mdl, ULONG offset, SIZE_T skip, const void *in,
                    SIZE_T size);
/* Hash of the contents, for SEND-004 (unchanged until completion). */
uint64_t mm_chain_hash(struct sim *s, PMDL mdl, ULONG offset, SIZE_T length);

/* Builds an MDL of the subsystem over arena memory (indications): owner tag, client may not change
 * it. */
PMDL mm_subsystem_mdl(struct sim *s, void *base, SIZE_T size);
void mm_subsystem_mdl_free(struct sim *s, PMDL mdl);
/*
 * The I/O manager finishes an IRP: unlocks and frees the MDLs of its chain, the driver's too.
 * `own` is what the I/O manager put there, or NULL; it goes back even if the driver took it out.
 */
void mm_irp_chain_free(struct sim *s, PMDL head, PMDL own);
/* KRN-007: an IRP is freed that holds this chain; the MDLs stay the client's. */
void mm_orphaned(struct sim *s, PMDL chain);

struct mm_state *mm_create(void);
void mm_reset(struct sim *s);
void mm_check_unload(
    struct sim *s); /* MDLs not freed, pages still locked (KRN-226, BC 0xCB, 0x76) */
void mm_memory_freed(struct sim *s, const void *p, size_t size); /* KRN-235 */

#endif
