#include "crossing.h"

#include <math.h>
#include <string.h>

/* Tower resolution: sigma^2 = noise^2 + a^2 ET + (c ET)^2, all in GeV. */
static const float stochastic[2] = {0.60F, 0.90F}; /* central, forward */
static const float constant[2] = {0.05F, 0.08F};
enum { ZERO_SUPPRESSION = 2, TOWER_MAX = 1023 }; /* 1 GeV; 0.5 GeV units */

static int is_forward(int ring)
{
    return ring < N_SIDE - N_CENTRAL || ring >= N_SIDE + N_CENTRAL;
}

void work_init(work_space *w, const detector_state *detector)
{
    memset(w, 0, sizeof *w);
    for (int ring = 0; ring < N_RING; ring++) {
        int forward = is_forward(ring);
        float a = stochastic[forward], c = constant[forward], n = detector->noise[ring];
        for (int i = 0; i < 1024; i++) {
            float et = 0.5F * (float)i;
            float sigma = sqrtf(n * n + a * a * et + c * c * et * et);
            w->sigma[ring][i] = (uint16_t)(sigma * 2 * 256 + 0.5F);
        }
    }
}

static void add_towers(work_space *w, const collision_set *set, uint32_t index, int turn,
                       int mirror)
{
    uint16_t *grid = &w->raw[0][turn];
    const tower_entry *towers = set->towers;
    const uint8_t *et = set->tower_et;
    uint32_t begin = set->tower_begin[index], end = set->tower_begin[index + 1];
    if (mirror)
        for (uint32_t k = begin; k < end; k++)
            grid[towers[k].mirror] = (uint16_t)(grid[towers[k].mirror] + et[k]);
    else
        for (uint32_t k = begin; k < end; k++)
            grid[towers[k].at] = (uint16_t)(grid[towers[k].at] + et[k]);
}

static void add_candidates(work_space *w, const collision_set *set, uint32_t index,
                           int turn, int mirror)
{
    for (int64_t k = set->eg_begin[index]; k < set->eg_begin[index + 1]; k++) {
        if (w->n_eg == MAX_CANDIDATE)
            break;
        int eta = set->eg_ieta[k], phi = (set->eg_iphi[k] + 2 * turn) % 72;
        w->eg[w->n_eg++] = (candidate){.pt = set->eg_pt[k],
                                       .eta = (int16_t)(mirror ? -1 - eta : eta),
                                       .phi = (int16_t)phi};
    }
    for (int64_t k = set->muon_begin[index]; k < set->muon_begin[index + 1]; k++) {
        if (w->n_muon == MAX_CANDIDATE)
            break;
        int eta = set->muon_eta[k], phi = (set->muon_phi[k] + 16 * turn) % 576;
        w->muon[w->n_muon++] = (candidate){.pt = set->muon_pt[k],
                                           .eta = (int16_t)(mirror ? -eta : eta),
                                           .phi = (int16_t)phi,
                                           .charge = set->muon_charge[k],
                                           .dxy = set->muon_dxy[k]};
    }
}

/* A collision enters rotated by a multiple of 20 degrees and, half the time, mirrored. */
static void add_collision(crossing *out, work_space *w, const collision_set *set,
                          uint32_t index, uint32_t bits)
{
    int turn = 2 * (int)(((bits & 0xFFFF) * 18) >> 16), mirror = (bits >> 16) & 1;
    add_towers(w, set, index, turn, mirror);
    add_candidates(w, set, index, turn, mirror);
    const collision_truth *t = &set->truth[index];
    out->truth.ht += t->ht;
    if (t->jet >= out->truth.jet) {
        out->truth.jet = t->jet;
        out->truth.met = t->met;
    }
    out->truth.muon = t->muon > out->truth.muon ? t->muon : out->truth.muon;
    out->truth.eg = t->eg > out->truth.eg ? t->eg : out->truth.eg;
}

static uint32_t draw_weighted(draw *d, const collision_set *set)
{
    double target = draw_unit(d) * set->cumulative[set->n - 1];
    uint32_t low = 0, high = set->n - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->cumulative[middle] > target)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The indices are drawn first so that the collisions can be fetched ahead. Hard
 * collisions come from the weighted hard sample: the same share, a longer tail. */
static void add_pileup(crossing *out, work_space *w, const overlay_plan *overlay, draw *d,
                       double pileup)
{
    enum { MOST = 400, AHEAD = 4 };
    uint32_t index[MOST], bits[MOST];
    const collision_set *set = overlay->minbias;
    uint32_t n = draw_poisson(d, pileup);
    n = n < MOST ? n : MOST;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t r = draw_u64(d);
        index[i] = (uint32_t)(((r >> 32) * set->n) >> 32);
        bits[i] = (uint32_t)r;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (i + AHEAD < n) {
            uint32_t next = set->tower_begin[index[i + AHEAD]];
            __builtin_prefetch(&set->towers[next]);
            __builtin_prefetch(&set->towers[next + 16]);
            __builtin_prefetch(&set->towers[next + 32]);
            __builtin_prefetch(&set->tower_et[next]);
        }
        if (set->truth[index[i]].jet > HARD_JET)
            add_collision(out, w, overlay->hard, draw_weighted(d, overlay->hard),
                          bits[i]);
        else
            add_collision(out, w, set, index[i], bits[i]);
    }
}

/* Response, resolution and noise of the towers of a ring, then zero suppression. A
 * forward tower covers two columns: half to each. */
static void respond_ring(work_space *w, const overlay_plan *overlay, draw *d, int ring)
{
    const int16_t *gauss = overlay->tables->gauss;
    const uint16_t *sigma = w->sigma[ring];
    int32_t scale = (int32_t)(overlay->detector->scale[ring] * 256 + 0.5F);
    int32_t *to = &w->tower[ring + HALO][HALO];
    int step = is_forward(ring) ? 2 : 1, left = 0;
    uint64_t bits = 0;
    for (int phi = 0; phi < N_PHI; phi += step, left--) {
        if (left == 0) {
            bits = draw_u64(d);
            left = 5;
        }
        int32_t raw = w->raw[ring][phi] + w->raw[ring][phi + N_PHI];
        int32_t width = sigma[raw < TOWER_MAX ? raw : TOWER_MAX];
        int32_t et =
            (raw * scale + width * gauss[bits & (GAUSS_SIZE - 1)] / GAUSS_ONE + 128) /
            256;
        bits >>= GAUSS_BIT;
        et = et < ZERO_SUPPRESSION ? 0 : et;
        to[phi] = step == 1 ? et : (et + 1) / 2;
        if (step == 2)
            to[phi + 1] = et / 2;
    }
}

static void break_towers(work_space *w, const detector_state *detector, draw *d)
{
    for (int ring = 0; ring < N_RING && detector->any_dead; ring++)
        for (int phi = 0; phi < N_PHI; phi++)
            if (detector->dead[ring][phi])
                w->tower[ring + HALO][phi + HALO] = 0;
    if (detector->hot_ring >= 0 && draw_unit(d) < (double)detector->hot_chance)
        w->tower[detector->hot_ring + HALO][detector->hot_phi + HALO] +=
            (int32_t)(2 * draw_exponential(d, (double)detector->hot_mean));
}

/* Fill the rim and the mean of the central towers. */
static void finish_towers(work_space *w)
{
    int32_t sum = 0;
    for (int ring = HALO; ring < N_RING + HALO; ring++)
        for (int k = 0; k < HALO; k++) {
            w->tower[ring][k] = w->tower[ring][k + N_PHI];
            w->tower[ring][N_PHI + HALO + k] = w->tower[ring][HALO + k];
        }
    for (int ring = N_SIDE - N_CENTRAL; ring < N_SIDE + N_CENTRAL; ring++)
        for (int phi = 0; phi < N_PHI; phi++)
            sum += w->tower[ring + HALO][phi + HALO];
    w->density = (int32_t)((int64_t)sum * 256 / (2 * N_CENTRAL * N_PHI));
}

void crossing_make(crossing *out, work_space *w, const overlay_plan *overlay, draw *d,
                   double pileup, uint32_t signal_index)
{
    memset(out, 0, sizeof *out);
    memset(w->raw, 0, sizeof w->raw);
    w->n_eg = w->n_muon = 0;
    if (overlay->signal != NULL)
        add_collision(out, w, overlay->signal, signal_index, (uint32_t)draw_u64(d));
    collision_truth signal = out->truth;
    add_pileup(out, w, overlay, d, pileup);
    if (overlay->signal != NULL) /* truth of a signal crossing: the signal collision's */
        out->truth = signal;
    for (int ring = 0; ring < N_RING; ring++)
        respond_ring(w, overlay, d, ring);
    break_towers(w, overlay->detector, d);
    finish_towers(w);
    build_objects(out, w, overlay, d);
}
