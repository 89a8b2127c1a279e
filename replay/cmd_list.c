/* SPDX-License-Identifier: MIT */
/* wsksim list: the cases of the database, a line each. */
#include <stdlib.h>
#include <string.h>

#include "replay/command.h"
#include "replay/minimise.h"

static void print_case(const struct store_record *r)
{
    char from[32] = "";
    struct minimise_size size = minimise_measure(&r->replay);
    if (r->minimised_from != 0) {
        snprintf(from, sizeof from, "(from %lld) ", (long long)r->minimised_from);
    }
    const char *title = r->title[0] != '\0' ? r->title : "no finding";
    const char *colon = strstr(title, ": "); /* the rule has a column of its own */
    printf("%5lld  %-20.20s %-16s %4u %4u %4u  %s%s\n", (long long)r->id, r->replay.module,
           r->rule[0] != '\0' ? r->rule : "-", size.switches, size.world + size.program,
           size.faults, from, colon != NULL && r->rule[0] != '\0' ? colon + 2 : title);
}

int command_list(const struct flags *flags)
{
    struct store *store;
    char like[64];
    int64_t id = 0;
    unsigned count = 0;
    if (flags->argument_count > 0) {
        return command_refuse("list takes options only; 'wsksim show %s' shows one case",
                              flags->argument[0]);
    }
    if (store_open(&store, flags->db, STORE_READ) != STORE_OK) {
        return command_refuse("%s", store_error(NULL));
    }
    snprintf(like, sizeof like, "%s%s", flags->rule, flags->rule[0] != '\0' ? "%" : "");
    enum store_result result;
    while ((result = store_next(store, id, like, &id)) == STORE_OK) {
        struct store_record record;
        result = store_get(store, id, &record);
        if (result != STORE_OK) {
            break;
        }
        if (count++ == 0) {
            printf("%5s  %-20s %-16s %4s %4s %4s  %s\n", "id", "module", "rule", "sw", "ch", "flt",
                   "what");
        }
        print_case(&record);
        store_record_free(&record);
    }
    int code = EXIT_CODE_CLEAN;
    if (result != STORE_NOT_FOUND) {
        code = command_refuse("%s", store_error(store));
    } else if (count == 0) {
        printf("no cases in %s\n", flags->db);
    }
    store_close(store);
    return code;
}
