/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer rows: an empty target and the scenario under the same engine, one after the other,
 * bound to one core. Both are wrapped (times.c), so that the CPU time of a run can be told from
 * that of the loop around it.
 *
 *   extra = (time per execution of ours - time per execution of the empty target - time of our run)
 *           / (time per execution of the empty target + time of our run)
 *
 * is what our target costs the engine beyond its run: counters to look at, inputs that are larger.
 * All times are CPU times of fuzzer and target together; executions per second are by the clock.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/times.h"

struct outcome {
    double wall, cpu; /* seconds in all */
    struct bench_times times;
};

static char folder[64];

/* ---- a folder for the fuzzers to work in ---- */

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *f)
{
    (void)s;
    (void)type;
    (void)f;
    return remove(path);
}

static bool make_folder(struct bench_report *r)
{
    snprintf(folder, sizeof folder, P_tmpdir "/wsksim-bench.XXXXXX");
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        bench_error(r, "cannot make a folder in " P_tmpdir);
        return false;
    }
    mkdir("in", 0755);
    FILE *file = fopen("in/seed", "w");
    if (file == NULL || fwrite("\0\0\0", 1, 4, file) != 4 || fclose(file) != 0) {
        bench_error(r, "cannot write in %s", folder);
        return false;
    }
    return true;
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct bench_times *map_times(void)
{
    int file = open(BENCH_TIMES_FILE, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || ftruncate(file, sizeof(struct bench_times)) != 0) {
        return NULL;
    }
    void *p = mmap(NULL, sizeof(struct bench_times), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return p == MAP_FAILED ? NULL : p;
}

/* ---- one session of a fuzzer ---- */

static double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* CPU seconds of a process itself, without its children; 0 once it is gone. */
static double cpu_of(pid_t process)
{
    char path[64];
    unsigned long long ns = 0;
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)process);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        if (fscanf(file, "%llu", &ns) != 1) {
            ns = 0;
        }
        fclose(file);
    }
    return (double)ns * 1e-9;
}

static pid_t start(char *const arguments[])
{
    pid_t child = fork();
    if (child == 0) {
        int file = open("log", O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (file >= 0) {
            dup2(file, STDOUT_FILENO);
            dup2(file, STDERR_FILENO);
        }
        execvp(arguments[0], arguments);
        _exit(127);
    }
    return child;
}

/* Runs the command to its end; false if it is not to be had or takes far too long. */
static bool session(char *const arguments[], double seconds, struct outcome *out)
{
    struct bench_times *shared = map_times();
    if (shared == NULL) {
        return false;
    }
    double begin = clock_now();
    pid_t child = start(arguments);
    double own = 0;
    int status = 0;
    while (child > 0 && waitpid(child, &status, WNOHANG) == 0) {
        double now = cpu_of(child);
        own = now > own ? now : own;
        if (clock_now() - begin > 4 * seconds + 60) {
            kill(child, SIGKILL);
        }
        usleep(20000);
    }
    out->wall = clock_now() - begin;
    out->times = *shared;
    out->cpu = own;
    munmap(shared, sizeof *shared);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && out->times.runs > 0;
}

static bool libfuzzer(const struct bench_settings *settings, const char *target,
                      struct outcome *out)
{
    char path[4096], time[64];
    snprintf(path, sizeof path, "%s/%s_fuzzer", settings->folder, target);
    snprintf(time, sizeof time, "-max_total_time=%.0f", settings->seconds + 0.5);
    char *arguments[] = {path, time, "-seed=1", NULL};
    return session(arguments, settings->seconds, out);
}

static bool afl(const struct bench_settings *settings, const char *target, struct outcome *out)
{
    char path[4096], time[32], to[96];
    snprintf(path, sizeof path, "%s/%s_afl", settings->folder, target);
    snprintf(time, sizeof time, "%.0f", settings->seconds + 0.5);
    snprintf(to, sizeof to, "out-%s", target);
    setenv("AFL_NO_UI", "1", 1);
    setenv("AFL_NO_AFFINITY", "1", 1); /* the binding of this process is inherited */
    setenv("AFL_SKIP_CPUFREQ", "1", 1);
    setenv("AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES", "1", 1);
    char *arguments[] = {"afl-fuzz", "-i", "in", "-o", to, "-V", time, "-s", "1", "--", path, NULL};
    bool ok = session(arguments, settings->seconds, out);
    out->cpu += out->times.cpu_seconds; /* the fuzzer's own and its target's */
    return ok;
}

/* ---- the rows ---- */

typedef bool (*engine)(const struct bench_settings *settings, const char *target,
                       struct outcome *out);

static void compare(struct bench_report *r, const struct bench_settings *settings,
                    const char *name, engine run, const char *bar)
{
    struct outcome empty, ours;
    if (!make_folder(r)) {
        return;
    }
    bool ok = run(settings, "bench_empty", &empty) && run(settings, "bench_scenario", &ours);
    remove_folder();
    if (!ok) {
        bench_error(r, "%s: not installed, or its targets were not built", name);
        return;
    }
    double loop = empty.cpu / (double)empty.times.runs, all = ours.cpu / (double)ours.times.runs;
    double run_time = ours.times.run_seconds / (double)ours.times.runs;
    double extra = (all - loop - run_time) / (loop + run_time);
    /* The bar is on the whole: 1.05 times (loop + run) allowed, 1 + extra needed. */
    bench_add(r, name, 1.05 / (1 + extra), bar, "%+.1f %% over empty loop + our run", 100 * extra);
    double rate = (double)ours.times.runs / ours.wall / 1e3;
    double empty_rate = (double)empty.times.runs / empty.wall / 1e3;
    bench_add(r, "  executions per second", 0, "", "%.1f k (empty target %.1f k)", rate,
              empty_rate);
    bench_note(r, "  CPU time per execution: empty %.2f us; ours %.2f us, of it our run %.2f us\n",
               loop * 1e6, all * 1e6, run_time * 1e6);
}

void bench_row_libfuzzer(struct bench_report *r, const struct bench_settings *settings)
{
    compare(r, settings, "libFuzzer", libfuzzer, "");
}

void bench_row_afl(struct bench_report *r, const struct bench_settings *settings)
{
    compare(r, settings, "AFL++ persistent mode", afl, "<= +5 %");
}
