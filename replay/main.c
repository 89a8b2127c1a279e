/* SPDX-License-Identifier: MIT */
/*
 * wsksim: one executable, a command per use. This file knows the commands by name and nothing of
 * what they do; options are in flags.def, exit codes in command.h, all of it in docs/cli.md.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "replay/command.h"

struct command {
    const char *name;
    enum flags_command flag;
    int (*run)(const struct flags *flags);
    const char *usage; /* after "wsksim NAME [options] " */
    const char *summary;
    const char *more; /* for --help of the command */
};

static const struct command commands[] = {
    {"check", FLAGS_CHECK, command_check, "DRIVER.so",
     "look for findings with the built-in strategies",
     "Runs the driver in many processes until a finding or, without options, for 60 seconds. The\n"
     "first finding ends the campaign; it is stored, made smaller and shown as an interleaving.\n"
     "Exit: 0 nothing found, 77 a finding, 79 not deterministic, 72 interrupted, 70 a run was\n"
     "killed by the wall clock, 71 memory, 1 usage or files, 3 internal error.\n"},
    {"fuzz", FLAGS_FUZZ, command_fuzz, "DRIVER.so [CORPUS...] [-- FUZZER OPTIONS]",
     "run NAME_fuzzer or NAME_afl and import what it finds",
     "Starts the fuzzer executable that lies beside the module (or is named instead of it), shows\n"
     "how it goes, and stores each finding before it is announced. The corpus directories are\n"
     "given to the fuzzer; the first one receives new inputs. What follows \"--\" goes to the "
     "fuzzer.\n"},
    {"replay", FLAGS_REPLAY, command_replay, "CASE [DRIVER.so]",
     "run a case again, twice, and compare",
     "CASE is an id of the database, a wsk1: line, @FILE with such a line, or a fuzz input.\n"
     "Exit: 77 the finding recurs, 0 it is gone, 76 the run left the recording (where is said),\n"
     "79 the two runs differ.\n"},
    {"list", FLAGS_LIST, command_list, "", "list the cases of the database", ""},
    {"show", FLAGS_SHOW, command_show, "CASE [DRIVER.so]",
     "report, interleaving and wsk1: line of a case", "CASE: see 'wsksim replay --help'.\n"},
    {"minimize", FLAGS_MINIMIZE, command_minimize, "CASE [DRIVER.so]",
     "make a finding smaller and store the result",
     "Leaves out switches, faults and choices as long as the finding stays, for 60 seconds or\n"
     "until nothing more can be left out. Ctrl-C keeps what was reached. CASE: see replay.\n"
     "Exit: 0 stored or nothing to leave out, 76 the case shows no finding.\n"},
    {"import", FLAGS_IMPORT, command_import, "DRIVER.so PATH...",
     "store crash files and corpora of libFuzzer and AFL++",
     "PATH is a file or a directory: a libFuzzer corpus or its crash-* files, an AFL++ output\n"
     "directory, files with wsk1: lines. Each input is run; findings are stored once per "
     "signature,\n"
     "others as cases without a finding. Exit: 77 with findings, else 0.\n"},
    {"export", FLAGS_EXPORT, command_export, "ID|all [DIRECTORY|FILE]",
     "write cases as fuzz inputs or wsk1: lines",
     "Without a place to write to, wsk1: lines go to the screen.\n"},
    {"rules", FLAGS_RULES, command_rules, "[RULE...]",
     "the rules of the contract, or with -knobs=1 its readings", ""},
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < SIM_COUNT(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static void print_usage(FILE *out)
{
    fputs("usage: wsksim COMMAND [options] ...\n\n", out);
    for (size_t i = 0; i < SIM_COUNT(commands); i++) {
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("  version   print the version\n"
          "  help      this text; 'wsksim COMMAND --help' for one command\n\n"
          "Options are written -name=value or --name=value. Findings are kept in wsksim.db.\n"
          "Exit codes: 0 nothing found, 1 usage or files, 3 internal error, 70 wall clock, 71 "
          "memory,\n"
          "72 interrupted, 76 replay diverged, 77 finding, 79 not deterministic.\n",
          out);
}

static void print_command_help(const struct command *command)
{
    printf("usage: wsksim %s [options] %s\n\n%c%s.\n%s\noptions:\n", command->name, command->usage,
           command->summary[0] - ('a' - 'A'), command->summary + 1, command->more);
    flags_help(stdout, command->flag);
}

static int refuse_command(const char *name)
{
    const char *names[SIM_COUNT(commands)];
    for (size_t i = 0; i < SIM_COUNT(commands); i++) {
        names[i] = commands[i].name;
    }
    const char *nearest = flags_nearest(name, names, SIM_COUNT(commands));
    if (nearest != NULL) {
        return command_refuse("unknown command '%.60s'; did you mean %s?", name, nearest);
    }
    return command_refuse("unknown command '%.60s'; 'wsksim help' lists them", name);
}

static int run_command(const struct command *command, int count, char **words)
{
    static struct flags flags;
    char message[512];
    if (!flags_parse(&flags, command->flag, count, words, message, sizeof message)) {
        return command_refuse("%s: %s", command->name, message);
    }
    if (flags.help == 1) {
        print_command_help(command);
        return EXIT_CODE_CLEAN;
    }
    return command->run(&flags);
}

static bool is_word(const char *word, const char *name)
{
    return strcmp(word, name) == 0 || (word[0] == '-' && strcmp(word + 1, name) == 0) ||
           (word[0] == '-' && word[1] == '-' && strcmp(word + 2, name) == 0);
}

int main(int count, char **words)
{
    signal(SIGXFSZ, SIG_IGN);         /* a file-size limit is an error of write, said in one line */
    setvbuf(stdout, NULL, _IOLBF, 0); /* findings and progress stay in order */
    if (count < 2) {
        print_usage(stderr);
        return EXIT_CODE_USAGE;
    }
    const char *name = words[1];
    if (is_word(name, "version") || strcmp(name, "-V") == 0) {
        printf("wsksim %s\n", WSKSIM_VERSION);
        return EXIT_CODE_CLEAN;
    }
    if (is_word(name, "help") || is_word(name, "help=1") || strcmp(name, "-h") == 0) {
        const struct command *about = count > 2 ? find(words[2]) : NULL;
        if (about != NULL) {
            print_command_help(about);
        } else {
            print_usage(stdout);
        }
        return EXIT_CODE_CLEAN;
    }
    const struct command *command = find(name);
    return command != NULL ? run_command(command, count - 2, words + 2) : refuse_command(name);
}
