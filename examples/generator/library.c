#include "library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tgl_status fail(tgl_error *err, tgl_status code, const char *message,
                       const char *name)
{
    if (err != NULL) {
        err->code = code;
        err->offset = TGL_NO_OFFSET;
        snprintf(err->message, sizeof err->message, "%s: '%.300s'", message, name);
    }
    return code;
}

static tgl_status column(const tgl_column **out, const tgl_table *table, const char *name,
                         tgl_dtype dtype, int is_jagged, tgl_error *err)
{
    tgl_status status = tgl_table_find(out, table, name, err);
    if (status != TGL_OK)
        return status;
    if ((*out)->dtype != dtype || (*out)->is_jagged != is_jagged || (*out)->n_dim != 0)
        return fail(err, TGL_EFORMAT, "library column has another type", name);
    return TGL_OK;
}

/* Jagged columns of one object: `n` of them, the same counts in all. */
static tgl_status jagged(const int64_t **begin, const tgl_table *table,
                         const char *const *names, const tgl_dtype *dtypes,
                         const void **values, size_t n, tgl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const tgl_column *c;
        tgl_status status = column(&c, table, names[i], dtypes[i], 1, err);
        if (status != TGL_OK)
            return status;
        if (i == 0)
            *begin = c->offsets;
        else if (memcmp(*begin, c->offsets, (c->n_row + 1) * sizeof **begin) != 0)
            return fail(err, TGL_EFORMAT, "library column has other counts", names[i]);
        values[i] = c->values;
    }
    return TGL_OK;
}

/* Gaps to positions; entries without energy only move on. */
static tgl_status towers(collision_set *set, const int64_t *begin, const uint8_t *gap,
                         const uint8_t *et, tgl_error *err)
{
    size_t n_entry = (size_t)begin[set->n], n = 0;
    if (n_entry > UINT32_MAX)
        return fail(err, TGL_ELIMIT, "library too large", "Tower_gap");
    set->tower_begin = malloc((set->n + (size_t)1) * sizeof *set->tower_begin);
    set->towers = malloc((n_entry + 1) * sizeof *set->towers);
    set->tower_et = malloc(n_entry + 1);
    if (set->tower_begin == NULL || set->towers == NULL || set->tower_et == NULL)
        return fail(err, TGL_ENOMEM, "out of memory for the library", "Tower_gap");
    for (uint32_t i = 0; i < set->n; i++) {
        unsigned index = 0;
        set->tower_begin[i] = (uint32_t)n;
        for (int64_t k = begin[i]; k < begin[i + 1]; k++) {
            index += gap[k];
            if (index >= N_RING * N_PHI)
                return fail(err, TGL_EFORMAT, "library tower outside the calorimeter",
                            "Tower_gap");
            if (et[k] == 0)
                continue;
            unsigned ring = index / N_PHI, phi = index % N_PHI;
            set->towers[n].at = (uint16_t)(ring * GRID_WIDTH + phi);
            set->towers[n].mirror = (uint16_t)((N_RING - 1 - ring) * GRID_WIDTH + phi);
            set->tower_et[n++] = et[k];
        }
    }
    set->tower_begin[set->n] = (uint32_t)n;
    return TGL_OK;
}

static tgl_status truths(collision_set *set, tgl_error *err)
{
    static const char *const names[] = {"Gen_ht", "Gen_met", "Gen_leadJetPt",
                                        "Gen_leadMuPt", "Gen_leadEGPt"};
    const tgl_column *c[5];
    for (int i = 0; i < 5; i++) {
        tgl_status status = column(&c[i], set->table, names[i], TGL_F32, 0, err);
        if (status != TGL_OK)
            return status;
    }
    set->truth = malloc((set->n + (size_t)1) * sizeof *set->truth);
    if (set->truth == NULL)
        return fail(err, TGL_ENOMEM, "out of memory for the library", "Gen_ht");
    for (uint32_t i = 0; i < set->n; i++)
        set->truth[i] = (collision_truth){
            ((const float *)c[0]->values)[i], ((const float *)c[1]->values)[i],
            ((const float *)c[2]->values)[i], ((const float *)c[3]->values)[i],
            ((const float *)c[4]->values)[i]};
    return TGL_OK;
}

static tgl_status extras(collision_set *set, tgl_error *err)
{
    const tgl_column *c;
    if (tgl_table_find(&c, set->table, "weight", NULL) != TGL_OK)
        return TGL_OK;
    tgl_status status = column(&c, set->table, "weight", TGL_F32, 0, err);
    if (status != TGL_OK)
        return status;
    set->cumulative = malloc((set->n + (size_t)1) * sizeof *set->cumulative);
    if (set->cumulative == NULL)
        return fail(err, TGL_ENOMEM, "out of memory for the library", "weight");
    double sum = 0;
    for (uint32_t i = 0; i < set->n; i++) {
        float w = ((const float *)c->values)[i];
        sum += w > 0 ? w : 0;
        set->cumulative[i] = sum;
    }
    return sum > 0 ? TGL_OK : fail(err, TGL_EFORMAT, "library has no weight", "weight");
}

static tgl_status objects(collision_set *set, tgl_error *err)
{
    static const char *const tower_names[] = {"Tower_gap", "Tower_et"};
    static const char *const eg_names[] = {"EG_pt", "EG_ieta", "EG_iphi"};
    static const char *const muon_names[] = {"Muon_pt", "Muon_eta", "Muon_phi",
                                             "Muon_charge", "Muon_dxy"};
    static const tgl_dtype tower_types[] = {TGL_U8, TGL_U8};
    static const tgl_dtype eg_types[] = {TGL_U16, TGL_I8, TGL_U8};
    static const tgl_dtype muon_types[] = {TGL_U16, TGL_I16, TGL_U16, TGL_I8, TGL_U8};
    const void *v[5];
    const int64_t *begin = NULL;
    tgl_status status = jagged(&begin, set->table, tower_names, tower_types, v, 2, err);
    if (status == TGL_OK)
        status = towers(set, begin, v[0], v[1], err);
    if (status == TGL_OK)
        status = jagged(&set->eg_begin, set->table, eg_names, eg_types, v, 3, err);
    if (status != TGL_OK)
        return status;
    set->eg_pt = v[0];
    set->eg_ieta = v[1];
    set->eg_iphi = v[2];
    status = jagged(&set->muon_begin, set->table, muon_names, muon_types, v, 5, err);
    if (status != TGL_OK)
        return status;
    set->muon_pt = v[0];
    set->muon_eta = v[1];
    set->muon_phi = v[2];
    set->muon_charge = v[3];
    set->muon_dxy = v[4];
    return TGL_OK;
}

tgl_status library_load(collision_set *out, const char *directory, const char *name,
                        const tgl_progress *progress, tgl_error *err)
{
    char path[4096];
    memset(out, 0, sizeof *out);
    if (snprintf(path, sizeof path, "%s/%s.root", directory, name) >= (int)sizeof path)
        return fail(err, TGL_EUSAGE, "path too long", directory);
    tgl_status status = tgl_data_load(&out->table, path, NULL, 0, progress, err);
    if (status == TGL_OK &&
        (tgl_table_n_row(out->table) == 0 || tgl_table_n_row(out->table) > UINT32_MAX))
        status = fail(err, TGL_EFORMAT, "library without collisions", path);
    if (status == TGL_OK) {
        out->n = (uint32_t)tgl_table_n_row(out->table);
        status = objects(out, err);
    }
    if (status == TGL_OK)
        status = truths(out, err);
    if (status == TGL_OK)
        status = extras(out, err);
    if (status != TGL_OK)
        library_release(out);
    return status;
}

void library_release(collision_set *set)
{
    free(set->tower_begin);
    free(set->towers);
    free(set->tower_et);
    free(set->truth);
    free(set->cumulative);
    tgl_table_free(set->table);
    memset(set, 0, sizeof *set);
}
