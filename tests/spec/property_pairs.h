/* SPDX-License-Identifier: MIT */
/*
 * Properties that compare runs: the same run again, the same run with one choice of the system
 * turned, the same program with a number that must not matter, the example drivers under any
 * reading.
 */
#ifndef TESTS_SPEC_PROPERTY_PAIRS_H
#define TESTS_SPEC_PROPERTY_PAIRS_H

#include "tests/spec/property_bed.h"

enum { PAIR_BYTES_MAX = 1 << 18, OPTIONS_LEVEL = 16 /* Options of the program: IOCTLs' Level */ };

/* The run that was made last, as bytes. */
static inline size_t pair_encode(uint8_t *out)
{
    size_t size = choice_encode(&bed_log, out, PAIR_BYTES_MAX);
    assert_true(size != 0);
    return size;
}

static inline struct bed_run pair_of(const struct bed_run *run, const uint8_t *bytes, size_t size)
{
    struct bed_run other = *run;
    other.source.kind = CHOICE_BYTES;
    other.source.bytes = bytes;
    other.source.size = size;
    other.source.world_one_in = 1; /* says nothing to such a source, but that the run is not calm */
    return other;
}

/*
 * Value `index` of a stream is replaced. Returns the new size; 0 if there is no such value. Streams
 * are <length, values>, the last one without its length.
 */
static inline size_t pair_replace(const uint8_t *in, size_t size, enum choice_stream stream,
                                  uint32_t index, uint32_t (*turn)(uint32_t value), uint8_t *out)
{
    size_t offset[CHOICE_STREAMS], length[CHOICE_STREAMS], put = 0;
    choice_split(in, size, offset, length);
    for (uint32_t s = 0; s < CHOICE_STREAMS; s++) {
        static uint8_t body[PAIR_BYTES_MAX];
        size_t at = 0, filled = 0;
        bool is_found = false;
        const uint8_t *from = in + offset[s];
        if (s != (uint32_t)stream) {
            memcpy(body, from, length[s]);
            filled = length[s];
            is_found = true;
        }
        for (uint32_t n = 0; s == (uint32_t)stream && at < length[s]; n++) {
            uint32_t value = choice_varint_get(from, length[s], &at);
            is_found = is_found || n == index;
            filled += choice_varint_put(body + filled, sizeof body - filled,
                                        n == index ? turn(value) : value);
        }
        if (!is_found) {
            return 0;
        }
        if (s + 1 < CHOICE_STREAMS) {
            put += choice_varint_put(out + put, PAIR_BYTES_MAX - put, (uint32_t)filled);
        }
        memcpy(out + put, body, filled);
        put += filled;
    }
    return put;
}

static inline uint32_t pair_turn(uint32_t value)
{
    return value == 0;
}
static inline uint32_t pair_turn_level(uint32_t value)
{
    return value ^ OPTIONS_LEVEL;
}

static inline void pair_must(bool is_alike, const char *what, uint64_t number)
{
    if (!is_alike) {
        print_error("%s: program %llu differs\n", what, (unsigned long long)number);
        fail();
    }
}

/* PROP-LIFE-38, KPROP-33: twice the same; KPROP-34: a second life after another one. */
static inline void pair_again(uint64_t number, struct trace_report *total)
{
    static struct sim_trace_event first[BED_TRACE_MAX];
    struct bed_run run = bed_plan(number), other = bed_plan(number + 1);
    (void)bed_only_run(&run);
    bed_copy();
    size_t count = bed_events;
    uint64_t fingerprint = sim_fingerprint(bed_sim);
    memcpy(first, bed_event, count * sizeof first[0]);
    (void)bed_only_run(&run);
    bed_copy();
    bool is_same = bed_events == count && memcmp(first, bed_event, count * sizeof first[0]) == 0;
    pair_must(is_same, "PROP-LIFE-38", number);
    (void)bed_only_run(&other);
    pair_must(number == 0 || sim_fingerprint(bed_sim) != fingerprint, "another program", number);
    (void)bed_only_run(&run);
    pair_must(sim_fingerprint(bed_sim) == fingerprint, "KPROP-34", number);
    total->checked[LIFE(38)]++;
    total->checked[KPROP(33)]++;
    total->checked[KPROP(34)]++;
}

/* PROP-39: Level means nothing to an IOCTL. True if the two runs differ. */
static inline bool pair_levels_differ(uint64_t number, struct trace_report *total)
{
    static uint8_t bytes[PAIR_BYTES_MAX], turned[PAIR_BYTES_MAX];
    struct bed_run run = bed_plan(number);
    (void)bed_only_run(&run);
    size_t size = pair_encode(bytes);
    size_t turned_size = pair_replace(bytes, size, CHOICE_PROGRAM, 1, pair_turn_level, turned);
    if (turned_size == 0) {
        return false;
    }
    struct bed_run one = pair_of(&run, bytes, size), two = pair_of(&run, turned, turned_size);
    (void)bed_only_run(&one);
    uint64_t fingerprint = sim_fingerprint(bed_sim);
    (void)bed_only_run(&two);
    if (total != NULL) {
        total->checked[PROP(39)]++;
    }
    return sim_fingerprint(bed_sim) != fingerprint;
}

static inline void pair_level(uint64_t number, struct trace_report *total)
{
    pair_must(!pair_levels_differ(number, total), "PROP-39", number);
}

/*
 * PROP-LIFE-39: whatever the system chooses in one place (completes now or later, tells
 * of a cancel or not), a client that keeps the rules keeps them.
 */
static inline void pair_turned(uint64_t number, struct trace_report *total)
{
    static uint8_t bytes[PAIR_BYTES_MAX], turned[PAIR_BYTES_MAX];
    static struct trace_report report;
    struct bed_run run = bed_plan(number);
    (void)bed_only_run(&run);
    size_t size = pair_encode(bytes);
    uint32_t values = bed_log.value_count[CHOICE_WORLD];
    uint32_t index = values != 0 ? (uint32_t)(sim_mix(5, number) % values) : 0;
    size_t turned_size = pair_replace(bytes, size, CHOICE_WORLD, index, pair_turn, turned);
    if (turned_size == 0) {
        return;
    }
    struct bed_run other = pair_of(&run, turned, turned_size);
    other.is_default = false;
    pair_must(bed_run(&other, &report), "PROP-LIFE-39", number);
    bed_assert(&report, number);
    total->checked[LIFE(39)]++;
}

/* PROP-LIFE-40, KPROP-31: callbacks at DISPATCH_LEVEL, four processors, waiters as drawn. */
static inline void pair_raised(uint64_t number, struct trace_report *total)
{
    static struct trace_report report;
    struct bed_run run = bed_plan(number);
    run.options.processors = 4;
    model_knob_force(KNOB_EVENT_IRQL, 1);
    bool is_good = bed_run(&run, &report);
    model_knob_force(KNOB_EVENT_IRQL, -1);
    pair_must(is_good, "PROP-LIFE-40", number);
    bed_assert(&report, number);
    total->checked[LIFE(40)]++;
    total->checked[KPROP(31)]++;
}

/* PROP-LIFE-52: drivers as they ship, under any reading that may be drawn. */
static inline void pair_driver(const char *path, uint64_t number, struct trace_report *total)
{
    static struct trace_report report;
    struct bed_run run = bed_plan(number);
    run.is_default = false;
    run.source.knob_one_in = 3;
    (void)path;
    pair_must(bed_run(&run, &report), "PROP-LIFE-52", number);
    bed_assert(&report, number);
    total->checked[LIFE(52)]++;
}

#endif
