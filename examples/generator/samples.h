/* The samples: which runs and sections they cover, under which pile-up, on which
 * detector. */
#ifndef GENERATOR_SAMPLES_H
#define GENERATOR_SAMPLES_H

#include "crossing.h"

enum { N_BUNCH = 2352, CROSSING_PER_SECTION = 1000 };

typedef struct sample_kind {
    const char *name;   /* of the file, without ".root" */
    const char *signal; /* library name; NULL: zero bias */
    double share;       /* crossings, as a share of the held-out reference sample */
    uint32_t first_run, n_run, fill;          /* a fill per run, counted from `fill` */
    double level;                             /* pile-up at the start of a fill */
    void (*change)(detector_state *detector); /* NULL: the reference detector */
} sample_kind;

typedef struct section_row {
    uint32_t run, luminosity_block, fill, n_colliding, prescale_column;
    float pileup;
} section_row;

extern const sample_kind samples[];
extern const size_t n_samples;

void sample_detector(detector_state *out, const sample_kind *sample);

/* Crossings and sections of a sample when the held-out reference has `events`. */
uint32_t sample_crossings(const sample_kind *sample, uint32_t events);
uint32_t sample_sections(const sample_kind *sample, uint32_t events);
/* Section `index` of `n`; they are spread evenly over the sample's runs. */
section_row sample_section(const sample_kind *sample, uint32_t index, uint32_t n);

/* The bunch crossing number of colliding bunch `index` (< N_BUNCH), and how its pile-up
 * compares with the mean of all (mean 1, width 4%). */
int32_t bunch_number(uint32_t index);
double bunch_factor(uint32_t index, const draw_tables *tables);

#endif
