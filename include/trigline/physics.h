/** @file
 * Rates, thresholds, efficiencies, ROC and turn-on curves, the menu of plain cuts, and
 * the choice in two stages. Formulas: the trigger-domain reference, section 5 (rates) and
 * the sources it names.
 */
#ifndef TRIGLINE_PHYSICS_H
#define TRIGLINE_PHYSICS_H

#include <trigline/table.h>

#ifdef __cplusplus
extern "C" {
#endif

/** LHC revolution frequency in Hz. */
#define TGL_ORBIT_HZ 11245.5

/** k successes in n trials with its Clopper-Pearson interval. */
typedef struct tgl_fraction {
    uint64_t k, n;
    double value, lo, hi; /**< value = k/n (0 for n = 0); interval at 1 - alpha */
} tgl_fraction;

/** Clopper-Pearson at 1 - alpha (0.32 gives 68 %): lo = BetaInv(a/2; k, n-k+1), hi =
 * BetaInv(1-a/2; k+1, n-k). */
TGL_API tgl_fraction tgl_clopper_pearson(uint64_t k, uint64_t n, double alpha);

/** A rate in Hz with its statistical error; `n_pass` raw events. */
typedef struct tgl_rate {
    double hz, error_hz;
    uint64_t n_pass, n_total;
} tgl_rate;

/**
 * R = f_orbit * n_colliding * sum(w_pass) / sum(w_all), error f n sqrt(sum w_pass^2) /
 * sum w_all.
 * @param pass (n_event) 0 or 1; @param weight (n_event) or NULL for 1; @param colliding
 * bunches per orbit, > 0
 */
TGL_API TGL_NODISCARD tgl_status tgl_physics_rate(tgl_rate *out, const uint8_t *pass,
                                                  const double *weight, size_t n_event,
                                                  double colliding, tgl_error *err);

/**
 * Smallest integer threshold whose rate (score >= threshold) is at most the target.
 * @param score (n_event) codes; @return TGL_ELIMIT when fewer than `minimum` events would
 * pass
 */
TGL_API TGL_NODISCARD tgl_status tgl_physics_threshold(
    int64_t *threshold, tgl_rate *rate, const int64_t *score, const double *weight,
    size_t n_event, double colliding, double target_hz, uint64_t minimum, tgl_error *err);

/**
 * The whole study as JSON (release with tgl_free): see docs/physics.md for the members.
 * The configuration (JSON text: target rates, menu seeds, signals, gates) and the
 * datasets come in, everything the report shows goes out; nothing in it depends on time
 * or machine.
 */
typedef struct tgl_physics_sample {
    const char *name;       /**< "zero_bias", "ttbar" … */
    const tgl_table *table; /**< trigger objects, run, section, truth */
    const int64_t *score;   /**< (n_row) the network's score codes */
} tgl_physics_sample;

TGL_API TGL_NODISCARD tgl_status tgl_physics_study(char **json, const char *config,
                                                   const tgl_physics_sample *zero_bias,
                                                   const tgl_physics_sample *signals,
                                                   size_t n_signal,
                                                   const tgl_table *sections,
                                                   tgl_error *err);

/**
 * A classifier's figures of merit as JSON (tgl_free): accuracy and confusion with
 * intervals, and for each class AUC and ROC of that class's code against all other
 * classes.
 *
 * @param codes (n_event, n_class) scores or logits; the first maximum decides
 * @param label (n_event) true class, 0 … n_class - 1
 * @param names (n_class) class names
 */
TGL_API TGL_NODISCARD tgl_status tgl_physics_classify(char **json, const int64_t *codes,
                                                      const int64_t *label,
                                                      size_t n_event,
                                                      const char *const *names,
                                                      size_t n_class, tgl_error *err);

/**
 * Choose among candidates (JSON array of {name, physics:{…}, resources:{…}}) by `gates`
 * (JSON): physics first, then resources, latency and power. The answer as JSON (tgl_free)
 * names what refused whom.
 */
TGL_API TGL_NODISCARD tgl_status tgl_physics_select(char **json, const char *candidates,
                                                    const char *gates, tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
