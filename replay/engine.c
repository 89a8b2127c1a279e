/* SPDX-License-Identifier: MIT */
/* See engine.h. Variables set for AFL++ are printed: nothing is decided in silence. */
#define _GNU_SOURCE
#include "replay/engine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay/artifact.h"
#include "replay/command.h"
#include "replay/guard.h"

enum { ARGUMENTS_MAX = 320, STOP_SECONDS = 10, OPTION_BYTES = 4200 };

/* ---- which executable ---- */

/* dir/NAME.so -> dir/NAME; dir/NAME_fuzzer -> dir/NAME. */
static void strip(char *path, const char *ending)
{
    size_t length = strlen(path), end = strlen(ending);
    if (length > end && strcmp(path + length - end, ending) == 0) {
        path[length - end] = '\0';
    }
}

static bool refuse_missing(const struct engine *engine, const char *stem)
{
    const char *slash = strrchr(stem, '/');
    const char *name = slash != NULL ? slash + 1 : stem;
    if (engine->is_afl) {
        command_refuse(
            "no %s; build it: cmake --build BUILD --target %s_afl, or wsksim-cc --afl -o "
            "%s_afl SOURCE.c",
            engine->executable, name, name);
    } else {
        command_refuse("no %s; build it: cmake --build BUILD --target %s_fuzzer, or wsksim-cc "
                       "-fsanitize=fuzzer -o %s_fuzzer SOURCE.c",
                       engine->executable, name, name);
    }
    return false;
}

bool engine_find(struct engine *engine, const struct flags *flags)
{
    char stem[ENGINE_PATH_MAX - 64];
    memset(engine, 0, sizeof *engine);
    engine->flags = flags;
    engine->is_afl = strcmp(flags->engine, "afl") == 0;
    const char *argument = flags->argument[0];
    size_t length = strlen(argument);
    bool is_module = length > 3 && strcmp(argument + length - 3, ".so") == 0;
    command_whole_path(argument, stem, sizeof stem);
    snprintf(engine->executable, sizeof engine->executable, "%s", stem);
    strip(stem, is_module ? ".so" : engine->is_afl ? "_afl" : "_fuzzer");
    if (is_module) {
        snprintf(engine->executable, sizeof engine->executable, "%s%s", stem,
                 engine->is_afl ? "_afl" : "_fuzzer");
    }
    snprintf(engine->module_path, sizeof engine->module_path, "%s.so", stem);
    if (access(engine->executable, X_OK) != 0) {
        return refuse_missing(engine, stem);
    }
    if (access(engine->module_path, R_OK) !=
        0) { /* wsksim-cc -o NAME_fuzzer makes NAME_fuzzer.so */
        snprintf(engine->module_path, sizeof engine->module_path, "%.4000s.so", engine->executable);
    }
    const char *slash = strrchr(stem, '/');
    snprintf(engine->work, sizeof engine->work, "%s%s",
             flags->work[0] != '\0' ? flags->work
             : slash != NULL        ? slash + 1
                                    : stem,
             flags->work[0] != '\0' ? "" : ".fuzz");
    return true;
}

/* ---- arguments ---- */

struct arguments {
    char *word[ARGUMENTS_MAX + 1];
    unsigned count;
};

__attribute__((format(printf, 2, 3))) static void add(struct arguments *a, const char *format, ...)
{
    char text[OPTION_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (a->count < ARGUMENTS_MAX) {
        a->word[a->count++] = strdup(text);
    }
}

static void free_arguments(struct arguments *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        free(a->word[i]);
    }
    a->count = 0;
}

/* Ours, with two dashes: the same for both engines. */
static void add_options(struct arguments *a, const struct flags *flags)
{
    struct replay_options options = flags_options(flags);
    if (options.sim.processors != 0) {
        add(a, "--processors=%u", options.sim.processors);
    }
    if (options.sim.steps_max != 0) {
        add(a, "--max_steps=%llu", (unsigned long long)options.sim.steps_max);
    }
    if (options.access_points) {
        add(a, "--access=1");
    }
    if (options.sim.races) {
        add(a, "--races=1");
    }
    for (uint32_t i = 0; i < options.knob_count; i++) {
        add(a, "--knob=%s=%u", model_knobs[options.knob[i].knob].name, options.knob[i].value);
    }
}

/* Corpus directories and what stands after "--". */
static void add_words(struct arguments *a, const struct flags *flags, bool wants_options)
{
    for (unsigned i = 1; i < flags->argument_count; i++) {
        if ((flags->argument[i][0] == '-') == wants_options) {
            add(a, "%s", flags->argument[i]);
        }
    }
}

static bool has_corpus(const struct flags *flags)
{
    for (unsigned i = 1; i < flags->argument_count; i++) {
        if (flags->argument[i][0] != '-') {
            return true;
        }
    }
    return false;
}

static bool is_plain(const char *path)
{
    return strspn(path, "/._-+,:@%0123456789abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(path);
}

/* With -fork libFuzzer pastes its argv[0] into commands for a shell: it gets one that survives. */
static void add_for_shell(struct arguments *a, const char *path)
{
    char quoted[ENGINE_PATH_MAX];
    size_t length = 0;
    quoted[length++] = '\'';
    for (const char *p = path; *p != '\0' && length < sizeof quoted - 8; p++) {
        length += (size_t)sprintf(quoted + length, *p == '\'' ? "'\\''" : "%c", *p);
    }
    quoted[length++] = '\'';
    quoted[length] = '\0';
    add(a, "%s", is_plain(path) ? path : quoted);
}

static void libfuzzer_arguments(const struct engine *engine, struct arguments *a, unsigned workers,
                                int64_t seconds)
{
    const struct flags *flags = engine->flags;
    add_for_shell(a, engine->executable);
    add(a, "-fork=%u", workers);
    add(a, "-ignore_crashes=%d", flags->keep_going == 1);
    add(a, "-artifact_prefix=%s/artifacts/", engine->work);
    add(a, "-timeout=%lld", (long long)flags->timeout);
    add(a, "-rss_limit_mb=%lld", (long long)flags->rss_limit_mb);
    if (seconds > 0) {
        add(a, "-max_total_time=%lld", (long long)seconds);
    }
    if (flags->runs >= 0) {
        add(a, "-runs=%lld", (long long)flags->runs);
    }
    if (flags->seed > 0) {
        add(a, "-seed=%lld", (long long)(flags->seed & 0xffffffff));
    }
    if (flags->print_final_stats == 1) {
        add(a, "-print_final_stats=1");
    }
    add_options(a, flags);
    add_words(a, flags, true);
    if (has_corpus(flags)) {
        add_words(a, flags, false);
    } else {
        add(a, "%s/corpus", engine->work);
    }
}

static void afl_arguments(const struct engine *engine, struct arguments *a, unsigned number,
                          int64_t seconds)
{
    const struct flags *flags = engine->flags;
    add(a, "afl-fuzz");
    add(a, number == 0 ? "-M" : "-S");
    add(a, number == 0 ? "main" : "secondary%u", number);
    add(a, "-i");
    add(a, "%s/seeds", engine->work);
    for (unsigned i = 1; i < flags->argument_count; i++) {
        if (flags->argument[i][0] != '-') { /* afl-fuzz takes one directory: the first named */
            free(a->word[a->count - 1]);
            a->word[a->count - 1] = strdup(flags->argument[i]);
            break;
        }
    }
    add(a, "-o");
    add(a, "%s/afl", engine->work);
    add(a, "-t");
    add(a, "%lld", (long long)flags->timeout * 1000);
    if (seconds > 0) {
        add(a, "-V");
        add(a, "%lld", (long long)seconds);
    }
    if (flags->seed > 0) {
        add(a, "-s");
        add(a, "%lld", (long long)((flags->seed + number) & 0x7fffffff));
    }
    add_words(a, flags, true);
    add(a, "--");
    add(a, "%s", engine->executable);
    add_options(a, flags);
}

/* ---- starting ---- */

static bool make_folder(const char *format, const char *work)
{
    char path[ENGINE_PATH_MAX];
    snprintf(path, sizeof path, format, work);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        command_refuse("%s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

/* AFL++ wants at least one seed that is not empty; "0" is the tame run. */
static bool make_seed(const struct engine *engine)
{
    char path[ENGINE_PATH_MAX];
    snprintf(path, sizeof path, "%s/seeds/tame", engine->work);
    if (!artifact_write_file(path, "\0\0\0", 3)) {
        command_refuse("%s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static const char *const afl_environment[][2] = {
    {"AFL_NO_UI", "1"},
    {"AFL_SKIP_CPUFREQ", "1"},
    {"AFL_TRY_AFFINITY", "1"},
    {"AFL_AUTORESUME", "1"},
    {"AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES", "1"},
};
static const char afl_mutator[] = "AFL_CUSTOM_MUTATOR_LIBRARY";

/* Our mutator lies beside wsksim, in the build tree as in the installed one. One that is set
 * already stays. */
static void set_mutator(void)
{
    char path[ENGINE_PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 64);
    if (length <= 0 || getenv(afl_mutator) != NULL) {
        return;
    }
    path[length] = '\0';
    for (int i = 0; i < 2; i++) { /* bin/wsksim -> . */
        char *slash = strrchr(path, '/');
        *(slash != NULL ? slash : path) = '\0';
    }
    strcat(path, "/lib/wsksim/libwsksim_afl_mutator.so");
    if (access(path, R_OK) == 0) {
        setenv(afl_mutator, path, 1);
    }
}

static void enter_child(const struct engine *engine, const char *log)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (engine->is_afl) {
        for (size_t i = 0; i < SIM_COUNT(afl_environment); i++) {
            setenv(afl_environment[i][0], afl_environment[i][1], 1);
        }
    }
    if (!engine->is_afl) {
        char path[ENGINE_PATH_MAX];
        snprintf(path, sizeof path, "%s/tmp", engine->work);
        setenv("TMPDIR", path, 1);
    }
    int fd = log != NULL ? open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
    }
}

static bool start_process(struct engine *engine, struct arguments *a, const char *log)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        enter_child(engine, log);
        const char *program = engine->is_afl ? a->word[0] : engine->executable;
        execvp(program, a->word);
        fprintf(stderr, "wsksim: %s: %s\n", program, strerror(errno));
        _exit(127);
    }
    if (pid < 0) {
        command_refuse("no process for %s: %s", a->word[0], strerror(errno));
        return false;
    }
    setpgid(pid, pid); /* as the child does: whoever comes first */
    guard_add(pid);
    engine->process[engine->process_count++].pid = pid;
    return true;
}

static void print_command(const struct arguments *a)
{
    fprintf(stderr, "+");
    for (unsigned i = 0; i < a->count; i++) {
        fprintf(stderr, " %s", a->word[i]);
    }
    fprintf(stderr, "\n");
}

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts;
    (void)kind;
    (void)place;
    return remove(path) != 0;
}

/* libFuzzer keeps a folder per campaign in TMPDIR and leaves it there when it is stopped. */
static void remove_tmp(const struct engine *engine)
{
    char path[ENGINE_PATH_MAX];
    snprintf(path, sizeof path, "%s/tmp", engine->work);
    if (!engine->is_afl) {
        nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static bool start_libfuzzer(struct engine *engine, unsigned workers, int64_t seconds)
{
    struct arguments a = {0};
    char log[ENGINE_PATH_MAX];
    snprintf(log, sizeof log, "%s/log", engine->work);
    if (!is_plain(engine->work)) {
        fprintf(stderr,
                "wsksim: libFuzzer hands '%s' to a shell: name a directory of letters, "
                "digits and /._-+,:@%% with -work=\n",
                engine->work);
        return false;
    }
    remove_tmp(engine); /* what a campaign that was killed left behind */
    if (!make_folder("%s/artifacts", engine->work) || !make_folder("%s/corpus", engine->work) ||
        !make_folder("%s/tmp", engine->work)) {
        return false;
    }
    libfuzzer_arguments(engine, &a, workers, seconds);
    fprintf(stderr, "+ TMPDIR=%s/tmp\n", engine->work);
    print_command(&a);
    bool ok = start_process(engine, &a, engine->flags->verbosity == 0 ? log : NULL);
    free_arguments(&a);
    return ok;
}

static bool start_afl(struct engine *engine, unsigned workers, int64_t seconds)
{
    if (!make_folder("%s/seeds", engine->work) || !make_seed(engine)) {
        return false;
    }
    for (size_t i = 0; i < SIM_COUNT(afl_environment); i++) {
        fprintf(stderr, "%s%s=%s", i == 0 ? "+ " : " ", afl_environment[i][0],
                afl_environment[i][1]);
    }
    set_mutator();
    if (getenv(afl_mutator) != NULL) {
        fprintf(stderr, " %s=%s", afl_mutator, getenv(afl_mutator));
    }
    fprintf(stderr, "\n");
    for (unsigned i = 0; i < workers; i++) {
        struct arguments a = {0};
        char log[ENGINE_PATH_MAX];
        snprintf(log, sizeof log, "%s/log-%u", engine->work, i);
        afl_arguments(engine, &a, i, seconds);
        print_command(&a);
        bool ok = start_process(engine, &a, log);
        free_arguments(&a);
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool engine_start(struct engine *engine, unsigned workers, int64_t seconds)
{
    workers = workers < ENGINE_PROCESSES_MAX ? workers : ENGINE_PROCESSES_MAX;
    if (!make_folder("%s", engine->work)) {
        return false;
    }
    return engine->is_afl ? start_afl(engine, workers, seconds)
                          : start_libfuzzer(engine, workers, seconds);
}

/* ---- looking ---- */

void engine_finding_folders(const struct engine *engine,
                            void (*visit)(void *context, const char *path), void *context)
{
    char path[ENGINE_PATH_MAX];
    if (!engine->is_afl) {
        snprintf(path, sizeof path, "%s/artifacts", engine->work);
        visit(context, path);
        return;
    }
    for (unsigned i = 0; i < engine->process_count; i++) {
        char name[32];
        snprintf(name, sizeof name, i == 0 ? "main" : "secondary%u", i);
        snprintf(path, sizeof path, "%s/afl/%s/crashes", engine->work, name);
        visit(context, path);
    }
}

static unsigned count_files(const char *folder)
{
    unsigned count = 0;
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        count += strncmp(entry->d_name, "id:", 3) == 0;
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return count;
}

/* "262 (1614 total": which input is being worked on; afl-fuzz says so in its log. */
static void find_position(const struct engine *engine, char *out, size_t size)
{
    char path[ENGINE_PATH_MAX], tail[4097] = "";
    snprintf(path, sizeof path, "%s/log-0", engine->work);
    FILE *log = fopen(path, "rb");
    if (log != NULL) {
        if (fseek(log, -4096, SEEK_END) != 0) {
            rewind(log);
        }
        size_t length = fread(tail, 1, sizeof tail - 1, log);
        tail[length] = '\0';
        fclose(log);
    }
    const char *last = NULL;
    for (const char *p = tail; (p = strstr(p, "test case #")) != NULL; p++) {
        last = p + strlen("test case #");
    }
    snprintf(out, size, "%.*s", last != NULL ? (int)strspn(last, "0123456789") : 1,
             last != NULL ? last : "0");
}

/* afl-fuzz writes its statistics once a minute: the files tell more. */
void engine_print_progress(const struct engine *engine)
{
    char path[ENGINE_PATH_MAX], position[32];
    unsigned corpus = 0, crashes = 0;
    if (!engine->is_afl || engine->flags->verbosity == 0) {
        return;
    }
    for (unsigned i = 0; i < engine->process_count; i++) {
        char name[32];
        snprintf(name, sizeof name, i == 0 ? "main" : "secondary%u", i);
        snprintf(path, sizeof path, "%s/afl/%s/queue", engine->work, name);
        corpus += i == 0 ? count_files(path) : 0;
        snprintf(path, sizeof path, "%s/afl/%s/crashes", engine->work, name);
        crashes += count_files(path);
    }
    find_position(engine, position, sizeof position);
    fprintf(stderr, "#%s AFL++ corp: %u crashes: %u processes: %u (log: %s/log-0)\n", position,
            corpus, crashes, engine->process_count, engine->work);
}

/* ---- ending ---- */

bool engine_is_running(struct engine *engine)
{
    bool is_running = false;
    for (unsigned i = 0; i < engine->process_count; i++) {
        if (engine->process[i].pid != 0 &&
            waitpid(engine->process[i].pid, &engine->process[i].status, WNOHANG) != 0) {
            engine->process[i].pid = 0;
        }
        is_running |= engine->process[i].pid != 0;
    }
    if (!is_running) {
        guard_forget();
    }
    return is_running;
}

/* The whole group: libFuzzer's jobs run below a shell of its own. */
static void signal_all(const struct engine *engine, int signal)
{
    for (unsigned i = 0; i < engine->process_count; i++) {
        if (engine->process[i].pid != 0) {
            kill(-engine->process[i].pid, signal);
        }
    }
}

void engine_stop(struct engine *engine)
{
    signal_all(engine, SIGINT);
    for (int i = 0; i < STOP_SECONDS * 10 && engine_is_running(engine); i++) {
        usleep(100000);
    }
    signal_all(engine, SIGKILL);
    while (engine_is_running(engine)) {
        usleep(10000);
    }
    remove_tmp(engine);
}
