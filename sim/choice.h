/* SPDX-License-Identifier: MIT */
/*
 * Every decision of a run, where it comes from and how it is remembered.
 *
 * Four streams: schedule (who runs), world (network, peers, timing, completion style, knobs),
 * faults (allocation failure, forced close) and program (harnesses). 0 is always the tame answer.
 *
 * The schedule stream is sparse: it lists deviations (context id, that context's points since its
 * last deviation, id of the alternative). After a jump of the clock a
 * deviation of 0 points stands for one more at the same point. What is not listed follows the
 * default, so an empty input is a legal, boring run, and work added to one context does not shift
 * the deviations of another. The other streams are plain sequences of values; a stream that runs
 * out answers 0 for ever.
 *
 * Sources of a run: the tame run, bytes (a fuzzer), a recording (a replay), random walk, the other
 * strategies (sim/strategy.h), a systematic search.
 * Whatever drove it, the run is written to a choice_log as it is made, value first, then the count,
 * so that a parent process can read an exact prefix however the worker dies.
 *
 * Byte form (a fuzz input and the body of a stored case are the same thing):
 *   varint n1, n1 bytes schedule | varint n2, n2 bytes world | varint n3, n3 bytes faults | program
 *   schedule = triples of varints; world, faults, program = one varint per value.
 * Any byte string is valid: lengths are clipped, an alternative that is not enabled is taken
 * modulo.
 */
#ifndef SIM_CHOICE_H
#define SIM_CHOICE_H

#include "base.h"

struct sim;
struct sim_ctx;
struct sim_learned;
struct sim_places;
struct sim_search;

enum choice_stream { CHOICE_SCHEDULE, CHOICE_WORLD, CHOICE_FAULTS, CHOICE_PROGRAM,
                     CHOICE_STREAMS };

enum choice_source_kind {
    CHOICE_TAME,      /* 0 for ever */
    CHOICE_BYTES,     /* decode an input; anything goes */
    CHOICE_RECORDING, /* decode a stored case; leaving it is a divergence */
    CHOICE_RANDOM,    /* random walk */
    CHOICE_PCT,       /* probabilistic concurrency testing, depth d */
    CHOICE_SEARCH,    /* follows the stack of a systematic search */
    CHOICE_POS,       /* partial order sampling */
    CHOICE_DELAY,     /* the default with depth - 1 delays at random points */
    CHOICE_URW,       /* uniform over interleavings: weighed by the events contexts have left */
    CHOICE_SURW,      /* the same for the events on one or two objects */
    CHOICE_RFF,       /* under random constraints on who reads from whom */
    CHOICE_SOURCES
};

enum {
    CHOICE_DEVIATIONS_MAX = 32768, /* per run; more is a run no one could read */
    CHOICE_VALUES_MAX = 65536,     /* per stream and run */
    CHOICE_CHECKS_MAX = 4096,      /* one per 64 requests */
    CHOICE_CHECK_EVERY = 64,
    CHOICE_INPUT_MAX = 1 << 20,    /* bytes of an input that are looked at */
};

struct choice_deviation {
    uint32_t context;     /* id of the context that was running, or of an idle processor */
    uint32_t points;      /* its points since its last deviation */
    uint32_t alternative; /* id of the context chosen; 0 = the clock */
};

/* What a run asked and was answered. Lives in memory that a parent may share. */
struct choice_log {
    uint32_t deviation_count;
    uint32_t value_count[CHOICE_STREAMS]; /* index CHOICE_SCHEDULE unused */
    uint32_t check_count;
    uint64_t request_count;
    uint32_t overflow; /* a limit was hit: the log is not complete */
    struct choice_deviation deviation[CHOICE_DEVIATIONS_MAX];
    uint16_t value[CHOICE_STREAMS][CHOICE_VALUES_MAX];
    uint32_t check[CHOICE_CHECKS_MAX];
};

/* What drives a run. Plain data; zero is the tame run. Bytes are borrowed for the run. */
struct choice_source {
    enum choice_source_kind kind;
    const uint8_t *bytes; /* BYTES, RECORDING */
    size_t size;
    const uint32_t *checks; /* RECORDING: rolling hashes to compare, or NULL */
    size_t check_count;
    uint64_t seed;             /* of all that draw */
    /* RANDOM: 1 = uniform at every point; n = mean stretch of n points */
    uint32_t switch_one_in;
    uint32_t depth;            /* PCT: bug depth d >= 1; DELAY: d - 1 delays */
    uint32_t length;           /* PCT, DELAY: expected number of points k; 0 = as learned */
    bool is_fair;              /* PCT: a uniform walk from point `length` on */
    bool has_feedback;         /* RFF: constraints that led to something new are used again */
    struct sim_learned *learned; /* of earlier runs: sim/learned.h; changed by the run; or NULL */
    uint16_t world_one_in;     /* drawn: one in n world requests is not 0; 0 = never */
    uint16_t faults_one_in;    /* the same for faults */
    uint16_t program_one_in;   /* the same for program */
    uint16_t knob_one_in;      /* the same for knobs (kinds from CHOICE_KIND_KNOB on) */
    struct sim_places *places; /* TAME, RANDOM, PCT: one place that never failed fails; or NULL */
    struct sim_search *search; /* SEARCH: sim/search.h */
    bool access_points;        /* memory accesses are scheduling points (module permitting) */
};

/* Kinds of requests; the model has its own list above CHOICE_KIND_MODEL. */
enum { CHOICE_KIND_MODEL = 16, CHOICE_KIND_KNOB = 0x4000 };

/* Answers to requests, choice_pick, choice_flag and choice_fault, are in sim.h. */
enum {
    CHOICE_KNOBS = CHOICE_SCHEDULE, /* sim.one_in: the slot of requests for knobs */
    CHOICE_ASKED = 1 << 16,         /* sim.one_in: the source answers by itself */
};

/* Up to size raw bytes of the program stream; returns how many there were. */
size_t choice_bytes(struct sim *s, void *out, size_t size);

/*
 * Writes the log in canonical byte form (trailing zeros dropped). Returns the number of bytes, or 0
 * if capacity is too small (8 * CHOICE_DEVIATIONS_MAX is always enough for schedules of usual
 * size).
 */
size_t choice_encode(const struct choice_log *log, uint8_t *out, size_t capacity);

/*
 * Splits an input into its streams: offset[i], size[i] for each. Never fails. Used by the mutator,
 * the minimiser and the decoder alike.
 */
void choice_split(const uint8_t *bytes, size_t size, size_t offset[CHOICE_STREAMS],
                  size_t length[CHOICE_STREAMS]);

/* LEB128 helpers shared with the mutator and the minimiser. get advances *at, clips at end. */
uint32_t choice_varint_get(const uint8_t *bytes, size_t size, size_t *at);
size_t choice_varint_put(uint8_t *out, size_t capacity, uint32_t value);

#endif
