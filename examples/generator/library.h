/* The collision library in memory: towers, e/gamma and muon candidates and the truth of
 * single collisions, as examples/library/make_library.py stores them. */
#ifndef GENERATOR_LIBRARY_H
#define GENERATOR_LIBRARY_H

#include <trigline/data.h>

/* Towers of 0.174 x 2 pi / 36: ring 0 is eta -5.046, ring 57 ends at +5.046. The forward
 * calorimeter (18 rings away from the centre and more) fills even phi only. */
enum { N_SIDE = 29, N_RING = 2 * N_SIDE, N_CENTRAL = 17, N_PHI = 36, GRID_WIDTH = 72 };

typedef struct tower_entry {
    uint16_t at;     /* ring * GRID_WIDTH + phi */
    uint16_t mirror; /* the same with eta reversed */
} tower_entry;

typedef struct collision_truth {
    float ht, met, jet, muon, eg; /* GeV */
} collision_truth;

/* A minimum-bias collision with a jet above this (GeV) is replaced by one of the hard
 * sample, which holds such collisions only, with weights. */
#define HARD_JET 25.0F

typedef struct collision_set {
    uint32_t n;
    uint32_t *tower_begin; /* (n + 1) */
    tower_entry *towers;
    uint8_t *tower_et; /* 0.5 GeV */
    collision_truth *truth;
    double *cumulative; /* (n) running sum of weights; NULL without weights */
    const int64_t *eg_begin, *muon_begin; /* (n + 1), borrowed from `table` */
    const uint16_t *eg_pt;                /* 0.25 GeV */
    const int8_t *eg_ieta;                /* 0.087 */
    const uint8_t *eg_iphi;               /* 2 pi / 72 */
    const uint16_t *muon_pt;              /* 1/16 GeV */
    const int16_t *muon_eta;              /* 0.010875 */
    const uint16_t *muon_phi;             /* 2 pi / 576 */
    const int8_t *muon_charge;
    const uint8_t *muon_dxy; /* cm */
    tgl_table *table;
} collision_set;

tgl_status library_load(collision_set *out, const char *directory, const char *name,
                        const tgl_progress *progress, tgl_error *err);
void library_release(collision_set *set);

#endif
