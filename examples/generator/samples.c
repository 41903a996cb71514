#include "samples.h"

#include <string.h>

static void scale_all(detector_state *d)
{
    for (int ring = 0; ring < N_RING; ring++)
        d->scale[ring] = 1.05F;
}

/* Dead: eta 0.87 to 1.57 (4 rings) x 60 degrees. Hot: one tower at eta -1.65. */
static void dead_and_hot(detector_state *d)
{
    for (int ring = N_SIDE + 5; ring < N_SIDE + 9; ring++)
        for (int phi = 10; phi < 16; phi++)
            d->dead[ring][phi] = 1;
    d->any_dead = 1;
    d->hot_ring = N_SIDE - 10;
    d->hot_phi = 30;
    d->hot_chance = 0.2F;
    d->hot_mean = 15.0F;
}

/* Rings 15 to 17 of both sides (2.44 < |eta| < 2.96): 25% too high, twice the noise. */
static void ring_and_noise(detector_state *d)
{
    for (int i = 14; i < 17; i++) {
        d->scale[N_SIDE + i] = d->scale[N_SIDE - 1 - i] = 1.25F;
        d->noise[N_SIDE + i] *= 2;
        d->noise[N_SIDE - 1 - i] *= 2;
    }
}

/* Signals are simulated on the reference conditions, run 1. */
const sample_kind samples[] = {
    {"zerobias_train", NULL, 0.4, 390100, 1, 10100, 54.0, NULL},
    {"zerobias_test", NULL, 1.0, 390101, 2, 10101, 54.0, NULL},
    {"signal_ttbar", "ttbar", 0.02, 1, 1, 0, 54.0, NULL},
    {"signal_higgs4l", "higgs4l", 0.02, 1, 1, 0, 54.0, NULL},
    {"signal_higgs4b", "higgs4b", 0.02, 1, 1, 0, 54.0, NULL},
    {"signal_softjets", "softjets", 0.02, 1, 1, 0, 54.0, NULL},
    {"signal_displaced", "displaced", 0.02, 1, 1, 0, 54.0, NULL},
    {"drift_continuation", NULL, 0.2, 390110, 1, 10110, 54.0, NULL},
    {"drift_pileup", NULL, 0.2, 390120, 1, 10120, 65.0, NULL},
    {"drift_scale", NULL, 0.2, 390130, 1, 10130, 54.0, scale_all},
    {"drift_deadhot", NULL, 0.2, 390140, 1, 10140, 54.0, dead_and_hot},
    {"drift_ring", NULL, 0.2, 390150, 1, 10150, 54.0, ring_and_noise},
};
const size_t n_samples = sizeof samples / sizeof *samples;

void sample_detector(detector_state *out, const sample_kind *sample)
{
    memset(out, 0, sizeof *out);
    for (int ring = 0; ring < N_RING; ring++) {
        int forward = ring < N_SIDE - N_CENTRAL || ring >= N_SIDE + N_CENTRAL;
        out->scale[ring] = 1.0F;
        out->noise[ring] = forward ? 0.5F : 0.35F;
    }
    out->hot_ring = -1;
    if (sample->change != NULL)
        sample->change(out);
}

uint32_t sample_crossings(const sample_kind *sample, uint32_t events)
{
    uint32_t n = (uint32_t)(sample->share * events + 0.5);
    return n > 0 ? n : 1;
}

uint32_t sample_sections(const sample_kind *sample, uint32_t events)
{
    uint32_t n = sample_crossings(sample, events) / CROSSING_PER_SECTION;
    return n > sample->n_run ? n : sample->n_run;
}

/* Levelled for 40% of a fill, then falling as e^(-0.45 x): from 54 to 41, mean 50. */
static double fill_profile(double level, double x)
{
    return x < 0.4 ? level : level * draw_exp(-0.45 * (x - 0.4));
}

section_row sample_section(const sample_kind *sample, uint32_t index, uint32_t n)
{
    uint32_t run = (uint32_t)((uint64_t)index * sample->n_run / n);
    uint32_t first = (run * n + sample->n_run - 1) / sample->n_run;
    uint32_t last = ((run + 1) * n + sample->n_run - 1) / sample->n_run;
    double pileup =
        fill_profile(sample->level, (index - first + 0.5) / (double)(last - first));
    return (section_row){.run = sample->first_run + run,
                         .luminosity_block = index - first + 1,
                         .fill = sample->fill + run,
                         .n_colliding = N_BUNCH,
                         .prescale_column = pileup > 52   ? 1
                                            : pileup > 46 ? 2
                                                          : 3,
                         .pileup = (float)pileup};
}

int32_t bunch_number(uint32_t index)
{
    return (int32_t)(1 + 72 * (index / 48) + index % 48); /* 49 trains of 48 */
}

double bunch_factor(uint32_t index, const draw_tables *tables)
{
    draw d = draw_start(0, UINT64_C(0xB0C4), index);
    return 1 + 0.04 * draw_gauss(&d, tables);
}
