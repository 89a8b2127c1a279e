/* SPDX-License-Identifier: MIT */
/* wsksim import DRIVER.so PATH...: see import.h. */
#include <errno.h>
#include <string.h>

#include "replay/command.h"
#include "replay/import.h"

static void print_summary(const struct import *import)
{
    printf("%llu files: %llu new findings, %llu known, %llu cases without a finding, "
           "%llu already there",
           (unsigned long long)import->files, (unsigned long long)import->new_count,
           (unsigned long long)import->known, (unsigned long long)import->clean,
           (unsigned long long)import->repeated);
    if (import->flaky > 0) {
        printf(", %llu that do not repeat", (unsigned long long)import->flaky);
    }
    if (import->unreadable > 0) {
        printf(", %llu unreadable", (unsigned long long)import->unreadable);
    }
    printf("\n");
}

static int exit_code(const struct import *import)
{
    if (import->is_broken) {
        return EXIT_CODE_INTERNAL;
    }
    if (import->unstored > 0 || import->unreadable > 0) {
        return EXIT_CODE_USAGE;
    }
    return import->new_count + import->known > 0 ? EXIT_CODE_FINDING
           : import->flaky > 0                   ? EXIT_CODE_FLAKY
           : command_stop                        ? EXIT_CODE_INTERRUPTED
                                                 : EXIT_CODE_CLEAN;
}

int command_import(const struct flags *flags)
{
    static struct import import; /* large */
    char module_path[SIM_MODULE_PATH_MAX];
    if (flags->argument_count < 2) {
        return command_refuse("import takes a driver module and at least one file or directory");
    }
    if (!command_database_is_ready(flags->db)) {
        return EXIT_CODE_USAGE;
    }
    command_whole_path(flags->argument[0], module_path, sizeof module_path);
    import.context = (struct finding_context){.db = flags->db,
                                              .module_path = module_path,
                                              .strategy = "import",
                                              .artifact_prefix = flags->artifact_prefix,
                                              .style = command_style(flags),
                                              .is_quiet = flags->verbosity == 0};
    import.options = flags_options(flags);
    import.wants_clean = true;
    command_catch_signals();
    if (!import_open(&import, (uint32_t)flags->timeout)) {
        return EXIT_CODE_USAGE;
    }
    int code = 0;
    for (unsigned i = 1; i < flags->argument_count && code == 0 && !command_stop; i++) {
        if (!import_path(&import, flags->argument[i])) {
            code = command_refuse("%s: %s", flags->argument[i], strerror(errno));
        }
    }
    import_flush(&import);
    print_summary(&import);
    code = code != 0 ? code : exit_code(&import);
    import_close(&import);
    return code;
}
