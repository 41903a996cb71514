/* The per-section table of an experiment, joined on run and luminosity section. */
#ifndef TGL_PHYSICS_SECTIONS_H
#define TGL_PHYSICS_SECTIONS_H

#include <trigline/table.h>

/* What an event inherits from its section. */
typedef struct tgl_section {
    uint64_t key;     /* run << 32 | section */
    double colliding; /* bunches per orbit */
    uint32_t prescale_column;
} tgl_section;

/* section[i]: that of row i. `sections` NULL: `colliding` for all (refused when not
 * positive). An event without a section, or a section without colliding bunches, is an
 * error that names it. */
tgl_status tgl__sections_join(tgl_section *section, const tgl_table *events,
                              const tgl_table *sections, double colliding,
                              tgl_error *err);

#endif
