/* Seeded tables for tests and benchmarks: Level-1-like crossings and jets in classes. */
#ifndef TGL_TRAIN_SAMPLES_H
#define TGL_TRAIN_SAMPLES_H

#include <stdio.h>
#include <string.h>
#include <trigline/table.h>

#include "base/memory.h"
#include "train/random.h"

static inline int tgl__sample_int(uint64_t key, uint64_t n, int lo, int hi)
{
    return lo + (int)(tgl__random_bits(key, n) % (uint64_t)(hi - lo + 1));
}

/* Falling like 1/u: a few large values. */
static inline int tgl__sample_falling(uint64_t key, uint64_t n, int lo, int hi)
{
    float u = tgl__random_uniform(key, n) + 1e-4f;
    float x = (float)lo / u;
    return x > (float)hi ? hi : (int)x;
}

static inline tgl_status tgl__sample_flat(tgl_table *table, const char *name,
                                          tgl_dtype dtype, const void *values)
{
    tgl_column column = {.name = name,
                         .dtype = dtype,
                         .n_row = tgl_table_n_row(table),
                         .n_value = tgl_table_n_row(table),
                         .values = values};
    return tgl_table_copy_column(table, &column, NULL);
}

/* pt, eta and phi of up to `most` objects an event, as int16 in the hardware's units. */
static inline tgl_status tgl__sample_objects(tgl_table *table, const char *prefix,
                                             int most, int pt_hi, int eta_hi, int phi_hi,
                                             uint64_t key)
{
    uint64_t n = tgl_table_n_row(table), n_value = 0;
    int64_t *offsets = tgl__calloc((size_t)n + 1, sizeof *offsets);
    int16_t *parts[3] = {NULL, NULL, NULL};
    static const char *const names[] = {"hwPt", "hwEta", "hwPhi"};
    tgl_status status = TGL_ENOMEM;
    for (int p = 0; p < 3; p++)
        parts[p] = tgl__calloc((size_t)n * (size_t)most + 1, sizeof(int16_t));
    if (offsets == NULL || !parts[0] || !parts[1] || !parts[2])
        goto out;
    for (uint64_t i = 0; i < n; i++) {
        int count = tgl__sample_int(key, i * 64, 0, most);
        int pt = pt_hi;
        for (int k = 0; k < count; k++, n_value++) {
            uint64_t at = i * 64 + 1 + (uint64_t)k * 3;
            pt = tgl__sample_falling(key, at, 4, pt);
            parts[0][n_value] = (int16_t)pt;
            parts[1][n_value] = (int16_t)tgl__sample_int(key, at + 1, -eta_hi, eta_hi);
            parts[2][n_value] = (int16_t)tgl__sample_int(key, at + 2, 0, phi_hi);
        }
        offsets[i + 1] = (int64_t)n_value;
    }
    status = TGL_OK;
    for (int p = 0; p < 3 && status == TGL_OK; p++) {
        char name[32];
        snprintf(name, sizeof name, "%s_%s", prefix, names[p]);
        tgl_column column = {.name = name,
                             .dtype = TGL_I16,
                             .is_jagged = 1,
                             .n_row = n,
                             .n_value = n_value,
                             .offsets = offsets,
                             .values = parts[p]};
        status = tgl_table_copy_column(table, &column, NULL);
    }
out:
    for (int p = 0; p < 3; p++)
        tgl__free(parts[p]);
    tgl__free(offsets);
    return status;
}

/* Three sums an event: ETT, ETM and HTT. */
static inline tgl_status tgl__sample_sums(tgl_table *table, uint64_t key)
{
    uint64_t n = tgl_table_n_row(table);
    int64_t *offsets = tgl__calloc((size_t)n + 1, sizeof *offsets);
    int16_t *pt = tgl__calloc((size_t)n * 3 + 1, 2),
            *phi = tgl__calloc((size_t)n * 3 + 1, 2),
            *type = tgl__calloc((size_t)n * 3 + 1, 2);
    static const int16_t types[] = {0, 2, 1};
    tgl_status status = TGL_ENOMEM;
    if (!offsets || !pt || !phi || !type)
        goto out;
    for (uint64_t i = 0; i < 3 * n; i++) {
        pt[i] = (int16_t)tgl__sample_falling(key, 2 * i, 12, 2047);
        phi[i] = (int16_t)tgl__sample_int(key, 2 * i + 1, 0, 143);
        type[i] = types[i % 3];
        offsets[i / 3 + 1] = (int64_t)(i - i % 3 + 3);
    }
    const struct {
        const char *name;
        const int16_t *values;
    } parts[] = {
        {"L1EtSum_hwPt", pt}, {"L1EtSum_hwPhi", phi}, {"L1EtSum_etSumType", type}};
    status = TGL_OK;
    for (int p = 0; p < 3 && status == TGL_OK; p++) {
        tgl_column column = {.name = parts[p].name,
                             .dtype = TGL_I16,
                             .is_jagged = 1,
                             .n_row = n,
                             .n_value = 3 * n,
                             .offsets = offsets,
                             .values = parts[p].values};
        status = tgl_table_copy_column(table, &column, NULL);
    }
out:
    tgl__free(offsets);
    tgl__free(pt);
    tgl__free(phi);
    tgl__free(type);
    return status;
}

static inline tgl_table *tgl__sample_crossings(uint64_t n, uint64_t seed)
{
    tgl_table *table = NULL;
    if (tgl_table_new(&table, n, NULL) != TGL_OK)
        return NULL;
    if (tgl__sample_sums(table, tgl__random_key(seed, 50, 0)) == TGL_OK &&
        tgl__sample_objects(table, "L1EG", 6, 511, 69, 143,
                            tgl__random_key(seed, 50, 1)) == TGL_OK &&
        tgl__sample_objects(table, "L1Mu", 3, 511, 225, 575,
                            tgl__random_key(seed, 50, 2)) == TGL_OK &&
        tgl__sample_objects(table, "L1Jet", 12, 2047, 114, 143,
                            tgl__random_key(seed, 50, 3)) == TGL_OK)
        return table;
    tgl_table_free(table);
    return NULL;
}

/* 16 features "f00" … and an int32 "label" of 5 classes: shifted normals, not separable.
 */
static inline tgl_table *tgl__sample_jets(uint64_t n, uint64_t seed)
{
    tgl_table *table = NULL;
    static const int n_feature = 16, n_class = 5;
    float *pool = tgl__calloc(TGL__NORMAL_POOL, sizeof *pool);
    float *x = tgl__calloc((size_t)n + 1, sizeof *x);
    int32_t *label = tgl__calloc((size_t)n + 1, sizeof *label);
    tgl_status status = tgl_table_new(&table, n, NULL);
    if (!pool || !x || !label || status != TGL_OK)
        goto out;
    tgl__random_normals(pool, seed);
    uint64_t key = tgl__random_key(seed, 51, 0);
    for (uint64_t i = 0; i < n; i++)
        label[i] = tgl__sample_int(key, i, 0, n_class - 1);
    for (int f = 0; f < n_feature && status == TGL_OK; f++) {
        uint64_t column = tgl__random_key(seed, 52, (uint64_t)f);
        uint64_t centres = tgl__random_key(12345, 53, (uint64_t)f);
        for (uint64_t i = 0; i < n; i++) {
            float centre = 2.0f * tgl__random_uniform(centres, (uint64_t)label[i]) - 1.0f;
            x[i] = 10.0f * (float)f +
                   (centre + pool[tgl__random_bits(column, i) >> 48]) * (float)(f + 1);
        }
        char name[16];
        snprintf(name, sizeof name, "f%02d", f);
        status = tgl__sample_flat(table, name, TGL_F32, x);
    }
    if (status == TGL_OK)
        status = tgl__sample_flat(table, "label", TGL_I32, label);
out:
    tgl__free(pool);
    tgl__free(x);
    tgl__free(label);
    if (status == TGL_OK)
        return table;
    tgl_table_free(table);
    return NULL;
}

#endif
