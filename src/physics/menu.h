/* Plain cuts on trigger objects: the seeds of a menu, and the single-variable cuts a
 * network must beat. */
#ifndef TGL_PHYSICS_MENU_H
#define TGL_PHYSICS_MENU_H

#include <trigline/table.h>

#include "text/json.h"

enum { TGL_MAX_LEG = 4, TGL_MAX_OBJECT = 8, TGL_MAX_SEED = 64, TGL_MAX_PRESCALE = 16 };

/* At least `n` objects of one kind, the k-th (by pt) at or above cut[k], all within |eta|
 * <= max_eta. */
typedef struct tgl_leg {
    char object[8]; /* "Mu", "EG", "Tau", "Jet", or a sum: "ETT", "HTT", "ETM", "HTM",
                       "ETMHF" */
    uint32_t n;
    int64_t cut[TGL_MAX_OBJECT]; /* hardware units */
    int64_t max_eta;             /* hardware units; -1: none */
} tgl_leg;

typedef struct tgl_seed {
    char name[48];
    uint32_t n_leg;
    tgl_leg leg[TGL_MAX_LEG];
    uint32_t n_prescale; /* columns; a section beyond them uses the last */
    double
        prescale[TGL_MAX_PRESCALE]; /* by prescale column: keep one in so many; 0: off */
} tgl_seed;

typedef struct tgl_menu {
    uint32_t n_seed;
    tgl_seed seed[TGL_MAX_SEED];
} tgl_menu;

/* From the configuration's "menu": [{name, prescale (number, or list by column), legs:
 * [{object, gev: [..], max_eta}]}]; NULL: the built-in ten. */
tgl_status tgl__menu_parse(tgl_menu *out, const tgl_json *menu, tgl_error *err);

/* pass[i] = 1 where row i fulfils every leg. @param pass (n_row) */
tgl_status tgl__seed_apply(uint8_t *pass, const tgl_seed *seed, const tgl_table *table,
                           tgl_error *err);

/* The variables of single cuts: objects by rank and sums; NULL past the last. */
const char *tgl__variable_name(size_t index);
/* value[i]: the variable in hardware units, 0 when absent. @param value (n_row) */
tgl_status tgl__variable_values(int64_t *value, size_t index, const tgl_table *table,
                                tgl_error *err);
/* A cut in hardware units as GeV (muons: (hw - 1) / 2, others hw / 2). */
double tgl__variable_gev(size_t index, int64_t hardware);

#endif
