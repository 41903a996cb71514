/* The batch emulator's public face: making one, running tiles, running on threads. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <trigline/emulate.h>

#include "base/pool.h"
#include "emulate/event.h"
#include "program/payload.h"

enum { CHUNK = 16 * TGL__TILE }; /* events a thread takes at a time */

/* ---- making ---- */

static bool machine_has(tgl_isa isa)
{
#if defined(__x86_64__)
    if (isa == TGL_ISA_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (isa == TGL_ISA_AVX2)
        return __builtin_cpu_supports("avx2");
#endif
    return isa == TGL_ISA_BASELINE;
}

static const tgl__kernels *kernels_for(tgl_isa isa)
{
#if defined(__x86_64__)
    if (isa == TGL_ISA_AVX512)
        return &tgl__kernels_avx512;
    if (isa == TGL_ISA_AVX2)
        return &tgl__kernels_avx2;
#endif
    return isa == TGL_ISA_BASELINE ? &tgl__kernels_baseline : NULL;
}

static tgl_status choose_kernels(const tgl__kernels **out, tgl_isa isa, tgl_error *err)
{
    if (isa == TGL_ISA_AUTO) {
        isa = TGL_ISA_AVX512;
        while (isa > TGL_ISA_BASELINE && !machine_has(isa))
            isa--;
    }
    if ((unsigned)isa > TGL_ISA_AVX512)
        return tgl__fail(err, TGL_EUSAGE, "unknown instruction set %d", (int)isa);
    if (!machine_has(isa))
        return tgl__fail(err, TGL_EMISSING, "this machine lacks %s",
                         isa == TGL_ISA_AVX512 ? "AVX-512 (F, BW, DQ, VL)" : "AVX2");
    *out = kernels_for(isa);
    return TGL_OK;
}

static tgl_status lane_index(uint32_t *out, int minimum_lane, tgl_error *err)
{
    if (minimum_lane != 0 && minimum_lane != 16 && minimum_lane != 32 &&
        minimum_lane != 64)
        return tgl__fail(err, TGL_EUSAGE, "lane: expected 0, 16, 32 or 64 bits, found %d",
                         minimum_lane);
    *out = minimum_lane == 64 ? 2 : minimum_lane == 32 ? 1 : 0;
    return TGL_OK;
}

static tgl_status copy_names(tgl_emulator *emulator, const tgl_program *program,
                             tgl_error *err)
{
    uint32_t n = tgl_program_n_input(program);
    emulator->input_names =
        tgl__arena_alloc(&emulator->arena, n + 1u, sizeof *emulator->input_names);
    if (emulator->input_names == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < n; i++) {
        emulator->input_names[i] =
            tgl__arena_strdup(&emulator->arena, tgl_program_input(program, i)->name);
        if (emulator->input_names[i] == NULL)
            return tgl__fail_nomem(err);
    }
    return TGL_OK;
}

static void describe(tgl_emulator *e)
{
    int n = snprintf(e->description, sizeof e->description, "%s", e->kernels->name);
    for (uint32_t lane = 0; lane < TGL__N_LANE; lane++)
        if (e->n_lane_value[lane] > 0)
            n += snprintf(e->description + n, sizeof e->description - (size_t)n,
                          ", %u values in %d-bit lanes", e->n_lane_value[lane],
                          tgl__lane_bits(lane));
    if (e->n_slow > 0)
        snprintf(e->description + n, sizeof e->description - (size_t)n,
                 ", %u operations in 128 bits", e->n_slow);
}

tgl_status tgl_emulator_new(tgl_emulator **out, const tgl_program *program,
                            const tgl_payload *payload,
                            const tgl_emulator_options *options, tgl_error *err)
{
    tgl_emulator_options o = TGL_EMULATOR_OPTIONS_INIT;
    if (options != NULL)
        memcpy(&o, options,
               options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (!program->verified)
        return tgl__fail(err, TGL_EUSAGE, "program '%s' is not verified",
                         tgl_program_name(program));
    if (payload != NULL)
        TGL_TRY(tgl__payload_fits(payload, program, err));
    const tgl__kernels *kernels = NULL;
    uint32_t minimum_lane = 0;
    TGL_TRY(choose_kernels(&kernels, o.isa, err));
    TGL_TRY(lane_index(&minimum_lane, o.minimum_lane, err));
    tgl_emulator *emulator = tgl__calloc(1, sizeof *emulator);
    if (emulator == NULL)
        return tgl__fail_nomem(err);
    emulator->kernels = kernels;
    tgl_status status = copy_names(emulator, program, err);
    if (status == TGL_OK)
        status = tgl__plan(emulator, program, payload, minimum_lane, err);
    if (status != TGL_OK) {
        tgl_emulator_free(emulator);
        return status;
    }
    describe(emulator);
    *out = emulator;
    return TGL_OK;
}

void tgl_emulator_free(tgl_emulator *emulator)
{
    if (emulator == NULL)
        return;
    tgl__free(emulator->steps);
    tgl__free(emulator->inputs);
    tgl__free(emulator->outputs);
    tgl__free(emulator->constants);
    tgl__event_free(emulator->event);
    tgl__arena_release(&emulator->arena);
    tgl__free(emulator);
}

size_t tgl_emulator_scratch_size(const tgl_emulator *emulator)
{
    return (size_t)emulator->scratch_size;
}

const char *tgl_emulator_describe(const tgl_emulator *emulator)
{
    return emulator->description;
}

/* ---- running ---- */

static void run_slow(const tgl__slow *slow, char *scratch, size_t n)
{
    const tgl_op *op = slow->exact.op;
    int64_t *args = (int64_t *)(void *)(scratch + slow->room),
            *results = args + op->n_arg;
    for (size_t e = 0; e < n; e++) {
        for (uint32_t i = 0; i < op->n_arg; i++)
            args[i] = ((const int64_t *)(const void *)(scratch + slow->args[i]))[e];
        tgl__exact_run(results, &slow->exact, args, 0);
        for (uint32_t i = 0; i < op->n_value; i++)
            if (slow->results[i] != TGL__NO_SLOT)
                ((int64_t *)(void *)(scratch + slow->results[i]))[e] = results[i];
    }
}

/* Some code left its port's type: name the first event and its first such input. */
static tgl_status bad_input(const tgl_emulator *emulator, const int64_t *in, size_t n,
                            uint64_t first_event, tgl_error *err)
{
    for (size_t e = 0; e < n; e++)
        for (uint32_t i = 0; i < emulator->n_input; i++) {
            const tgl__edge *edge = &emulator->inputs[i];
            int64_t code = in[e * emulator->n_input + i];
            if (code < edge->lo || code > edge->hi)
                return tgl__fail_at(err, TGL_ELIMIT, first_event + e,
                                    "event %llu: input '%s': expected a code in [%lld, "
                                    "%lld], found %lld",
                                    (unsigned long long)(first_event + e),
                                    emulator->input_names[i], (long long)edge->lo,
                                    (long long)edge->hi, (long long)code);
        }
    return TGL_OK;
}

/* Four inputs side by side in lanes of one width, loaded together; false: they are not.
 */
static bool load_four(uint64_t *bad, const tgl_emulator *emulator, uint32_t i,
                      const int64_t *in, size_t n, char *scratch)
{
    const tgl__edge *edges = emulator->inputs + i;
    int64_t lo[4], hi[4];
    char *dst[4];
    const tgl__lane_kernels *k = &emulator->kernels->lanes[edges->lane];
    if (i + 4 > emulator->n_input || k->load_four == NULL)
        return false;
    for (int c = 0; c < 4; c++) {
        if (edges[c].lane != edges->lane)
            return false;
        lo[c] = edges[c].lo;
        hi[c] = edges[c].hi;
        dst[c] = scratch + edges[c].slot;
    }
    *bad |= k->load_four(dst, in + i, emulator->n_input, n, lo, hi);
    return true;
}

/* The tile's codes into lanes; non-zero when one leaves its port's type. */
static uint64_t load_tile(const tgl_emulator *emulator, const int64_t *in, size_t n,
                          char *scratch)
{
    const tgl__lane_kernels *lanes = emulator->kernels->lanes;
    uint64_t bad = 0;
    for (uint32_t i = 0; i < emulator->n_input;) {
        const tgl__edge *edge = &emulator->inputs[i];
        if (load_four(&bad, emulator, i, in, n, scratch)) {
            i += 4;
            continue;
        }
        bad |= lanes[edge->lane].load(scratch + edge->slot, in + i, emulator->n_input, n,
                                      edge->lo, edge->hi);
        i++;
    }
    for (uint32_t i = 0; i < emulator->n_input && n % TGL__STRIP != 0; i++)
        lanes[emulator->inputs[i].lane].pad(scratch + emulator->inputs[i].slot, n);
    return bad;
}

static void store_tile(int64_t *out, const tgl_emulator *emulator, size_t n,
                       const char *scratch)
{
    uint32_t stride = emulator->n_output;
    for (uint32_t i = 0; i < stride;) {
        const tgl__edge *edges = emulator->outputs + i;
        const tgl__lane_kernels *k = &emulator->kernels->lanes[edges->lane];
        const char *src[4];
        uint32_t same = 0;
        for (; same < 4 && i + same < stride && edges[same].lane == edges->lane; same++)
            src[same] = scratch + edges[same].slot;
        if (same == 4 && k->store_four != NULL)
            k->store_four(out + i, stride, src, n);
        for (uint32_t c = 0; c < same && (same < 4 || k->store_four == NULL); c++)
            k->store(out + i + c, stride, src[c], n);
        i += same;
    }
}

static tgl_status run_tile(int64_t *out, const tgl_emulator *emulator, const int64_t *in,
                           size_t n, uint64_t first_event, char *scratch, tgl_error *err)
{
    if (load_tile(emulator, in, n, scratch) != 0)
        return bad_input(emulator, in, n, first_event, err);
    size_t strips = (n + TGL__STRIP - 1) / TGL__STRIP * TGL__STRIP;
    for (uint32_t i = 0; i < emulator->n_step; i++) {
        const tgl__step *step = &emulator->steps[i];
        if (step->run != NULL)
            step->run(step, scratch, strips);
        else
            run_slow(step->data, scratch, strips);
    }
    store_tile(out, emulator, n, scratch);
    return TGL_OK;
}

static tgl_status run_event(int64_t *out, const tgl_emulator *emulator, const int64_t *in,
                            uint64_t number, char *scratch, tgl_error *err)
{
    const tgl__lane_kernels *lanes = emulator->kernels->lanes;
    const tgl__event *event = emulator->event;
    uint64_t bad = 0;
    for (uint32_t i = 0; i < event->n_input; i++) {
        const tgl__span *s = &event->inputs[i];
        bad |=
            lanes[s->lane].take(scratch + s->offset, in + s->index, s->lo, s->hi, s->n);
    }
    if (bad != 0)
        return bad_input(emulator, in, 1, number, err);
    for (uint32_t i = 0; i < event->n_sweep; i++) {
        const tgl__sweep *sweep = &event->sweeps[i];
        if (sweep->step.run != NULL)
            sweep->step.run(&sweep->step, scratch, sweep->n);
        else
            run_slow(sweep->step.data, scratch, 1);
    }
    for (uint32_t i = 0; i < event->n_output; i++) {
        const tgl__span *s = &event->outputs[i];
        lanes[s->lane].store(out + s->index, 1, scratch + s->offset, s->n);
    }
    return TGL_OK;
}

/* A few events one by one: what a tile needs in its scratch memory is gone after it. */
static tgl_status run_few(int64_t *out, const tgl_emulator *emulator, const int64_t *in,
                          size_t n_event, uint64_t first_event, char *scratch,
                          tgl_error *err)
{
    const tgl__event *event = emulator->event;
    for (uint32_t i = 0; i < event->n_literal; i++) {
        const tgl__literal *literal = &event->literals[i];
        memcpy(scratch + literal->offset, literal->bytes, literal->size);
    }
    for (size_t e = 0; e < n_event; e++)
        TGL_TRY(run_event(out + e * emulator->n_output, emulator,
                          in + e * emulator->n_input, first_event + e, scratch, err));
    return TGL_OK;
}

static tgl_status run_events(int64_t *out, const tgl_emulator *emulator,
                             const int64_t *in, size_t n_event, uint64_t first_event,
                             char *scratch, tgl_error *err)
{
    if (n_event <= TGL__FEW_EVENTS && emulator->event != NULL)
        return run_few(out, emulator, in, n_event, first_event, scratch, err);
    for (uint32_t i = 0; i < emulator->n_constant; i++) {
        const tgl__constant *c = &emulator->constants[i];
        emulator->kernels->lanes[c->lane].fill(scratch + c->slot, c->code,
                                               emulator->tile);
    }
    for (size_t at = 0; at < n_event; at += emulator->tile) {
        size_t n = n_event - at < emulator->tile ? n_event - at : emulator->tile;
        TGL_TRY(run_tile(out + at * emulator->n_output, emulator,
                         in + at * emulator->n_input, n, first_event + at, scratch, err));
    }
    return TGL_OK;
}

tgl_status tgl_emulator_run(int64_t *out, const tgl_emulator *emulator, const int64_t *in,
                            size_t n_event, void *scratch, tgl_error *err)
{
    if ((uintptr_t)scratch % 64 != 0)
        return tgl__fail(err, TGL_EUSAGE, "scratch memory is not 64-byte aligned");
    return run_events(out, emulator, in, n_event, 0, scratch, err);
}

typedef struct parallel {
    int64_t *out;
    const tgl_emulator *emulator;
    const int64_t *in;
    size_t n_event, n_done, scratch_size;
    char *scratch;
    const tgl_progress *progress;
    pthread_mutex_t lock; /* progress is told by one thread at a time */
} parallel;

static tgl_status run_chunk(void *context, size_t index, size_t worker, tgl_error *err)
{
    parallel *p = context;
    size_t at = index * CHUNK;
    size_t n = p->n_event - at < CHUNK ? p->n_event - at : CHUNK;
    TGL_TRY(run_events(p->out + at * p->emulator->n_output, p->emulator,
                       p->in + at * p->emulator->n_input, n, at,
                       p->scratch + worker * p->scratch_size, err));
    if (p->progress == NULL)
        return TGL_OK;
    pthread_mutex_lock(&p->lock);
    p->n_done += n;
    tgl_status status = tgl__progress(p->progress, "emulate", p->n_done, p->n_event, err);
    pthread_mutex_unlock(&p->lock);
    return status;
}

tgl_status tgl_emulator_run_parallel(int64_t *out, const tgl_emulator *emulator,
                                     const int64_t *in, size_t n_event, size_t n_thread,
                                     const tgl_progress *progress, tgl_error *err)
{
    size_t n_chunk = n_event / CHUNK + (n_event % CHUNK != 0);
    n_thread = tgl__thread_count(n_thread);
    if (n_thread > n_chunk)
        n_thread = n_chunk == 0 ? 1 : n_chunk;
    parallel p = {out,     emulator, in,
                  n_event, 0,        (size_t)emulator->scratch_size + 64,
                  NULL,    progress, PTHREAD_MUTEX_INITIALIZER};
    p.scratch_size = p.scratch_size / 64 * 64;
    p.scratch = tgl__aligned(n_thread, p.scratch_size);
    if (p.scratch == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = tgl__parallel(n_chunk, n_thread, run_chunk, &p, err);
    tgl__free(p.scratch);
    pthread_mutex_destroy(&p.lock);
    return status;
}
