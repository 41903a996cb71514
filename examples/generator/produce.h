/* Making the files: clusters of crossings in parallel, written in order. */
#ifndef GENERATOR_PRODUCE_H
#define GENERATOR_PRODUCE_H

#include "root_writer.h"
#include "samples.h"

typedef struct production_plan {
    const char *directory;
    uint64_t seed;
    uint32_t events; /* of the held-out reference sample */
    unsigned n_thread;
    root_packing packing;
    const draw_tables *tables;
    const collision_set *minbias, *hard;
    const tgl_progress *progress;
} production_plan;

/* DIRECTORY/<sample>.root; `signal` is the sample's library or NULL. */
tgl_status produce_sample(const production_plan *production, size_t sample_index,
                          const collision_set *signal, tgl_error *err);

/* DIRECTORY/sections.root: one row per run and section of every zero-bias sample. */
tgl_status produce_sections(const production_plan *production, tgl_error *err);

#endif
