/* One bunch crossing: overlay of library collisions, detector response, and the objects a
 * simple Level-1 sends. Formulas and numbers: docs/example-data.md. */
#ifndef GENERATOR_CROSSING_H
#define GENERATOR_CROSSING_H

#include "draw.h"
#include "library.h"

enum { MAX_MUON = 8, MAX_EG = 12, MAX_TAU = 12, MAX_JET = 12, N_SUM = 5 };

/* The detector of a sample: what the drift ranges change. */
typedef struct detector_state {
    float scale[N_RING];         /* response relative to the reference */
    float noise[N_RING];         /* width of the noise of a tower, GeV */
    uint8_t dead[N_RING][N_PHI]; /* 1: the tower sends nothing */
    int any_dead;
    int hot_ring, hot_phi;      /* ring -1: none */
    float hot_chance, hot_mean; /* chance per crossing, mean of the exponential, GeV */
} detector_state;

/* An object in hardware units; unused fields are zero. */
typedef struct object {
    int16_t pt, eta, phi, qual, iso, charge;
} object;

typedef struct crossing {
    object muon[MAX_MUON], eg[MAX_EG], tau[MAX_TAU], jet[MAX_JET], sum[N_SUM];
    uint32_t n_muon, n_eg, n_tau, n_jet;
    collision_truth truth;
} crossing;

/* What a sample overlays. */
typedef struct overlay_plan {
    const collision_set *minbias;
    const collision_set *hard;   /* hard collisions, by weight */
    const collision_set *signal; /* NULL: zero bias */
    const detector_state *detector;
    const draw_tables *tables;
} overlay_plan;

typedef struct candidate {
    int32_t pt; /* 0.25 GeV (e/gamma), 1/16 GeV (muons) */
    int16_t eta, phi;
    int8_t charge;
    uint8_t dxy;
} candidate;

enum { MAX_CANDIDATE = 256, HALO = 4 };

/* Scratch of one thread. `raw` has two turns in phi: a rotated collision needs no modulo.
 */
typedef struct work_space {
    uint16_t raw[N_RING][GRID_WIDTH];
    /* After response, 0.5 GeV: ring r, column p at [r + HALO][p + HALO]. The rim of HALO
     * repeats the other side in phi and is empty in eta: windows need no modulo. */
    int32_t tower[N_RING + 2 * HALO][N_PHI + 2 * HALO];
    int32_t density; /* mean central tower, 1/256 of 0.5 GeV */
    candidate eg[MAX_CANDIDATE], muon[MAX_CANDIDATE];
    uint32_t n_eg, n_muon;
    uint16_t sigma[N_RING][1024]; /* resolution by tower ET, 0.5 GeV / 256 */
} work_space;

void work_init(work_space *w, const detector_state *detector);

/* Make a crossing with Poisson(`pileup`) minimum-bias collisions, and signal collision
 * `signal_index` when the overlay has a signal. */
void crossing_make(crossing *out, work_space *w, const overlay_plan *overlay, draw *d,
                   double pileup, uint32_t signal_index);

/* From towers and candidates to objects (objects.c). */
void build_objects(crossing *out, work_space *w, const overlay_plan *overlay, draw *d);

#endif
