/* SPDX-License-Identifier: MIT */
/*
 * Sources and log of choices. See choice.h for the forms.
 *
 * Invariants:
 *  1. The log is written value first, count second.
 *  2. Encoding the log of a run and driving a run by the result gives the same run.
 *  3. A seeded strategy's answers depend on its seed, on what was asked and on what the source says
 *     was learned, on nothing else.
 */
#include "learned.h"
#include "places.h"
#include "strategy.h"

#include <string.h>

/* Whoever is not here is decoded, walks, or has no opinion. */
static const struct sim_strategy strategy_search = {.pick = search_decide, .sees_all = true};
static const struct sim_strategy *const strategies[CHOICE_SOURCES] = {
    [CHOICE_PCT] = &strategy_pct,   [CHOICE_SEARCH] = &strategy_search,
    [CHOICE_POS] = &strategy_pos,   [CHOICE_DELAY] = &strategy_delay,
    [CHOICE_URW] = &strategy_urw,   [CHOICE_SURW] = &strategy_surw,
    [CHOICE_RFF] = &strategy_rff,
};

static struct {
    const uint8_t *bytes;
    size_t at[CHOICE_STREAMS], end[CHOICE_STREAMS]; /* unread part of each stream */
    uint32_t entry_count;
    struct choice_deviation entry[CHOICE_DEVIATIONS_MAX];
    uint32_t next_sibling[CHOICE_DEVIATIONS_MAX]; /* next entry of the same context */
    uint32_t used;                                /* entries that were applied */
    bool has_failed;                              /* the place of this run (sim/places.h) */
} source;

/* ---- varints and splitting ---- */

uint32_t choice_varint_get(const uint8_t *bytes, size_t size, size_t *at)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 32 && *at < size; shift += 7) {
        uint8_t byte = bytes[(*at)++];
        value |= (uint32_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            break;
        }
    }
    return value;
}

size_t choice_varint_put(uint8_t *out, size_t capacity, uint32_t value)
{
    size_t count = 0;
    do {
        if (count == capacity) {
            return 0;
        }
        out[count++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value != 0);
    return count;
}

void choice_split(const uint8_t *bytes, size_t size, size_t offset[CHOICE_STREAMS],
                  size_t length[CHOICE_STREAMS])
{
    size_t at = 0;
    for (int stream = CHOICE_SCHEDULE; stream < CHOICE_PROGRAM; stream++) {
        size_t want = choice_varint_get(bytes, size, &at);
        size_t have = size - at;
        offset[stream] = at;
        length[stream] = want < have ? want : have;
        at += length[stream];
    }
    offset[CHOICE_PROGRAM] = at;
    length[CHOICE_PROGRAM] = size - at;
}

/* ---- decoding ---- */

static void decode_schedule(void)
{
    size_t at = source.at[CHOICE_SCHEDULE], end = source.end[CHOICE_SCHEDULE];
    while (at < end && source.entry_count < CHOICE_DEVIATIONS_MAX) {
        struct choice_deviation *d = &source.entry[source.entry_count++];
        d->context = choice_varint_get(source.bytes, end, &at);
        d->points = choice_varint_get(source.bytes, end, &at);
        d->alternative = choice_varint_get(source.bytes, end, &at);
        d->points &= 0xffffff;
    }
}

/* The first entry of a context at or after `from`. */
static uint32_t find_entry(uint32_t context, uint32_t from)
{
    for (uint32_t i = from; i < source.entry_count; i++) {
        if (source.entry[i].context == context) {
            return i;
        }
    }
    return SIM_DEVIATION_NONE;
}

static bool is_decoded(const struct sim *s)
{
    return s->source->kind == CHOICE_BYTES || s->source->kind == CHOICE_RECORDING;
}

static void reset_log(struct choice_log *log)
{
    log->deviation_count = 0;
    memset(log->value_count, 0, sizeof log->value_count);
    log->check_count = 0;
    log->request_count = 0;
    log->overflow = 0;
}

static void reset_odds(struct sim *s)
{
    const struct choice_source *from = s->source;
    bool is_asked = is_decoded(s) || from->kind == CHOICE_SEARCH;
    bool is_seeded = !is_asked && from->kind != CHOICE_TAME;
    uint32_t other = is_asked ? CHOICE_ASKED : 0;
    s->one_in[CHOICE_WORLD] = is_seeded ? from->world_one_in : other;
    s->one_in[CHOICE_FAULTS] = is_seeded ? from->faults_one_in : other;
    s->one_in[CHOICE_PROGRAM] = is_seeded ? from->program_one_in : other;
    s->one_in[CHOICE_KNOBS] = is_seeded ? from->knob_one_in : other;
    s->picks_left = 0;
}

void choice_reset(struct sim *s)
{
    source.entry_count = 0;
    source.used = 0;
    source.has_failed = false;
    s->random = s->source->seed * 0x9E3779B97F4A7C15ull + 0x1234567u;
    s->random = s->random == 0 ? 1 : s->random;
    sim_random(&s->random);
    s->drawn = sim_random(&s->random);
    reset_odds(s);
    if (is_decoded(s)) {
        size_t length[CHOICE_STREAMS];
        size_t size = s->source->size < CHOICE_INPUT_MAX ? s->source->size : CHOICE_INPUT_MAX;
        source.bytes = s->source->bytes;
        choice_split(source.bytes, size, source.at, length);
        for (int i = 0; i < CHOICE_STREAMS; i++) {
            source.end[i] = source.at[i] + length[i];
        }
        decode_schedule();
    }
    const struct sim_strategy *strategy = strategies[s->source->kind];
    s->sees_all = strategy != NULL && strategy->sees_all;
    if (strategy != NULL && strategy->reset != NULL) {
        strategy->reset(s);
    }
    if (s->log != NULL) {
        reset_log(s->log);
    }
}

void choice_place(struct sim *s, struct sim_ctx *c)
{
    if (is_decoded(s) && source.entry_count > 0) {
        c->next_entry = find_entry(c->id, 0);
        if (c->next_entry != SIM_DEVIATION_NONE) {
            uint32_t points = source.entry[c->next_entry].points;
            c->next_at = points == 0 ? 1 : points;
        }
    }
    const struct sim_strategy *strategy = strategies[s->source->kind];
    if (strategy != NULL && strategy->place != NULL) {
        strategy->place(s, c);
    }
}

void choice_finish(struct sim *s)
{
    if (s->source->kind == CHOICE_RECORDING && source.used < source.entry_count) {
        s->diverged = true;
    }
    const struct sim_strategy *strategy = strategies[s->source->kind];
    if (strategy != NULL && strategy->finish != NULL) {
        strategy->finish(s);
    }
    if (s->source->learned != NULL) {
        learned_count(s, s->source->learned);
    }
}

void choice_demote(struct sim *s, struct sim_ctx *c)
{
    const struct sim_strategy *strategy = strategies[s->source->kind];
    if (strategy != NULL && strategy->demote != NULL) {
        strategy->demote(s, c);
    }
}

uint32_t strategy_length(const struct sim *s)
{
    enum { LENGTH_GUESS = 256 };
    uint32_t length = s->source->length;
    if (length == 0 && s->source->learned != NULL) {
        length = learned_steps(s->source->learned);
    }
    return length == 0 ? LENGTH_GUESS : length;
}

/* ---- the log ---- */

/* Every 64 requests the rolling hash is kept, and compared with the recording if there is one. */
SIM_NOINLINE static void log_check(struct sim *s)
{
    struct choice_log *log = s->log;
    uint64_t nth = log->request_count / CHOICE_CHECK_EVERY - 1;
    if (log->check_count < CHOICE_CHECKS_MAX) {
        log->check[log->check_count++] = s->check;
    }
    if (s->source->kind == CHOICE_RECORDING && s->source->checks != NULL && !s->diverged &&
        nth < s->source->check_count && s->source->checks[nth] != s->check) {
        s->diverged = true;
        s->diverged_request = log->request_count;
    }
}

/* ---- scheduling ---- */

static struct sim_ctx *pick_decoded(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal)
{
    if (from->next_entry == SIM_DEVIATION_NONE || from->points < from->next_at) {
        return normal;
    }
    const struct choice_deviation *d = &source.entry[from->next_entry];
    from->next_entry = find_entry(from->id, from->next_entry + 1);
    if (from->next_entry != SIM_DEVIATION_NONE) {
        uint32_t points = source.entry[from->next_entry].points;
        bool is_same_point = points == 0 && d->alternative == 0; /* after a jump of the clock */
        from->next_at = from->points + (points == 0 && !is_same_point ? 1 : points);
    }
    source.used++;
    for (uint32_t i = 0; i < s->enabled_count; i++) {
        if (s->enabled[i]->id == d->alternative) {
            return s->enabled[i];
        }
    }
    if (s->source->kind == CHOICE_RECORDING) {
        if (!s->diverged) {
            s->diverged = true;
            s->diverged_request = s->log != NULL ? s->log->request_count : 0;
        }
        return normal;
    }
    return s->enabled[d->alternative % s->enabled_count];
}

struct sim_ctx *choice_ask(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal)
{
    if (is_decoded(s)) {
        return pick_decoded(s, from, normal);
    }
    const struct sim_strategy *strategy = strategies[s->source->kind];
    return strategy != NULL ? strategy->pick(s, from, normal) : normal;
}

bool choice_asks_again(const struct sim *s, const struct sim_ctx *from)
{
    return s->sees_all || (is_decoded(s) && from->next_entry != SIM_DEVIATION_NONE &&
                           from->points >= from->next_at);
}

int64_t choice_horizon(struct sim *s, const struct sim_ctx *c)
{
    const struct sim_strategy *strategy = strategies[s->source->kind];
    if (strategy != NULL) {
        return strategy->horizon != NULL ? strategy->horizon(s, c) : 0;
    }
    if (is_decoded(s) && c->next_entry != SIM_DEVIATION_NONE) {
        return (int64_t)c->next_at - (int64_t)c->points - 1;
    }
    if (s->source->kind == CHOICE_RANDOM) {
        return s->source->switch_one_in <= 1
                   ? 0
                   : (int64_t)choice_draw_below(s, 2 * s->source->switch_one_in - 1);
    }
    return INT64_MAX / 2;
}

/* ---- values ---- */

uint32_t choice_pick_seeded(struct sim *s, uint32_t one_in, uint32_t count)
{
    if (one_in > 1 && choice_draw_below(s, one_in) != 0) {
        return 0;
    }
    return 1 + choice_draw_below(s, count - 1);
}

/* Sources that have an answer of their own. */
static uint32_t pick_elsewhere(struct sim *s, enum choice_stream stream, uint32_t count)
{
    if (s->source->kind == CHOICE_SEARCH) {
        return search_value(s, stream, count);
    }
    if (source.at[stream] < source.end[stream]) {
        return choice_varint_get(source.bytes, source.end[stream], &source.at[stream]) % count;
    }
    return 0;
}

static void log_value(struct choice_log *log, enum choice_stream stream, uint32_t value)
{
    uint32_t at = log->value_count[stream];
    log->request_count++;
    if (at == CHOICE_VALUES_MAX) {
        log->overflow = 1;
        return;
    }
    log->value[stream][at] = (uint16_t)value;
    __atomic_signal_fence(__ATOMIC_RELEASE);
    log->value_count[stream] = at + 1;
}

/* How many requests the quick way may take: up to the next hash, while each stream has room. */
static void arm_picks(struct sim *s)
{
    bool is_quick = s->log != NULL && s->one_in[CHOICE_WORLD] != CHOICE_ASKED &&
                    s->log->request_count < CHOICE_VALUES_MAX - CHOICE_CHECK_EVERY;
    s->picks_left =
        is_quick ? CHOICE_CHECK_EVERY - 1 - (int32_t)(s->log->request_count % CHOICE_CHECK_EVERY)
                 : 0;
}

static uint32_t answer(struct sim *s, enum choice_stream stream, uint32_t kind, uint32_t count)
{
    uint32_t one_in = choice_one_in(s, stream, kind);
    uint32_t value = 0;
    if (one_in == CHOICE_ASKED) {
        value = pick_elsewhere(s, stream, count);
    } else if (one_in != 0) {
        value = choice_pick_seeded(s, one_in, count);
    }
    return value;
}

static uint32_t logged(struct sim *s, enum choice_stream stream, uint32_t kind, uint32_t count,
                       uint32_t value)
{
    choice_check(s, kind, count);
    if (s->log != NULL) {
        log_value(s->log, stream, value);
        if (s->log->request_count % CHOICE_CHECK_EVERY == 0) {
            log_check(s);
        }
    }
    arm_picks(s);
    return value;
}

uint32_t choice_pick_slow(struct sim *s, enum choice_stream stream, uint32_t kind, uint32_t count)
{
    return logged(s, stream, kind, count, answer(s, stream, kind, count));
}

uint32_t choice_fault_at_place(struct sim *s, uint32_t kind, uint32_t count)
{
    uint32_t value = answer(s, CHOICE_FAULTS, kind, count);
    if (!is_decoded(s)) {
        bool fails = sim_place_fails(s->source->places, s, kind, !source.has_failed);
        source.has_failed |= fails;
        value = fails ? 1 : value;
    }
    return logged(s, CHOICE_FAULTS, kind, count, value);
}

size_t choice_bytes(struct sim *s, void *out, size_t size)
{
    uint8_t *byte = out;
    if (is_decoded(s) && source.at[CHOICE_PROGRAM] >= source.end[CHOICE_PROGRAM]) {
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        byte[i] = (uint8_t)choice_pick(s, CHOICE_PROGRAM, 0, 256);
    }
    return size;
}

/* ---- encoding ---- */

static size_t put_stream(uint8_t *out, size_t capacity, const uint8_t *body, size_t size)
{
    size_t head = choice_varint_put(out, capacity, (uint32_t)size);
    if (head == 0 || capacity - head < size) {
        return 0;
    }
    memmove(out + head, body, size);
    return head + size;
}

static size_t encode_schedule(const struct choice_log *log, uint8_t *out, size_t capacity)
{
    size_t at = 0;
    for (uint32_t i = 0; i < log->deviation_count; i++) {
        const struct choice_deviation *d = &log->deviation[i];
        const uint32_t part[3] = {d->context, d->points, d->alternative};
        for (int k = 0; k < 3; k++) {
            size_t used = choice_varint_put(out + at, capacity - at, part[k]);
            if (used == 0) {
                return SIZE_MAX;
            }
            at += used;
        }
    }
    return at;
}

static size_t encode_values(const struct choice_log *log, int stream, uint8_t *out, size_t capacity)
{
    uint32_t count = log->value_count[stream];
    size_t at = 0;
    while (count > 0 && log->value[stream][count - 1] == 0) {
        count--;
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t used = choice_varint_put(out + at, capacity - at, log->value[stream][i]);
        if (used == 0) {
            return SIZE_MAX;
        }
        at += used;
    }
    return at;
}

size_t choice_encode(const struct choice_log *log, uint8_t *out, size_t capacity)
{
    enum { HEAD_MAX = 5 };
    size_t at = 0;
    for (int stream = CHOICE_SCHEDULE; stream < CHOICE_STREAMS; stream++) {
        if (capacity - at < HEAD_MAX) {
            return 0;
        }
        uint8_t *body = out + at + HEAD_MAX; /* moved down once its size is known */
        size_t room = capacity - at - HEAD_MAX;
        size_t size = stream == CHOICE_SCHEDULE ? encode_schedule(log, body, room)
                                                : encode_values(log, stream, body, room);
        if (size == SIZE_MAX) {
            return 0;
        }
        if (stream == CHOICE_PROGRAM) {
            memmove(out + at, body, size);
            return at + size;
        }
        size_t used = put_stream(out + at, capacity - at, body, size);
        if (used == 0) {
            return 0;
        }
        at += used;
    }
    return at;
}
