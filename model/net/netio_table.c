/* SPDX-License-Identifier: MIT */
/* See netio.h. Tables are arena blocks; how many are out is a number, which they are is looked up
 * in the registry of blocks when a driver has kept one. */
#include "model/net/netio.h"

#include "model/ex/ex.h"

static uint32_t tables_out; /* in this run */

void netio_reset(struct sim *s)
{
    tables_out = 0;
    netio_notices_reset(s);
}

void *netio_table_new(struct sim *s, size_t header, size_t row, uint32_t count)
{
    size_t size = header + row * (count > 0 ? count : 1);
    void *table = ex_alloc(s, size, BLOCK_SUBSYSTEM, NETIO_TAG_TABLE, true, true, NULL);
    tables_out += table != NULL;
    return table;
}

void FreeMibTable(PVOID Memory)
{
    struct sim *s = model_enter_object(ROUTINE_FreeMibTable, SIM_OP_WRITE, Memory);
    struct sim_block *block = sim_block_find(s, (uintptr_t)Memory);
    if (block == NULL || block->base != (uintptr_t)Memory || block->kind != BLOCK_SUBSYSTEM ||
        block->tag != NETIO_TAG_TABLE) {
        model_fail(s, RULE_KRN_196, 0, block != NULL ? &block->born : NULL,
                   "FreeMibTable: what is freed is no table of an IP Helper routine");
    }
    if (block->state == SIM_BLOCK_FREED) {
        model_fail(s, RULE_KRN_195, 0, &block->died, "FreeMibTable: a table is freed again");
    }
    tables_out--;
    ex_free(s, block);
    model_leave(s);
}

void netio_check_unload(struct sim *s)
{
    size_t count;
    netio_notices_check_unload(s);
    const struct sim_block *block = sim_blocks(s, &count);
    for (size_t i = 0; tables_out != 0 && i < count; i++) {
        if (block[i].kind == BLOCK_SUBSYSTEM && block[i].tag == NETIO_TAG_TABLE &&
            block[i].state == SIM_BLOCK_LIVE) {
            model_fail(s, RULE_KRN_284, 0, &block[i].born,
                       "a table of %s was never given to FreeMibTable",
                       model_routine_name(block[i].born.routine));
        }
    }
}
