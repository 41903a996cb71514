#include <math.h>
#include <stdlib.h>
#include <trigline/physics.h>

#include "base/error.h"
#include "base/memory.h"

static tgl_status check_colliding(double colliding, tgl_error *err)
{
    if (!(colliding > 0) || colliding > 3564)
        return tgl__fail(err, TGL_EUSAGE,
                         "a rate in Hz needs the number of colliding bunches: expected 1 "
                         "to 3564, found %g",
                         colliding);
    return TGL_OK;
}

tgl_status tgl_physics_rate(tgl_rate *out, const uint8_t *pass, const double *weight,
                            size_t n_event, double colliding, tgl_error *err)
{
    TGL_TRY(check_colliding(colliding, err));
    if (n_event == 0)
        return tgl__fail(err, TGL_EUSAGE, "a rate needs at least one zero-bias event");
    double all = 0, passed = 0, squares = 0;
    uint64_t n_pass = 0;
    for (size_t i = 0; i < n_event; i++) {
        double w = weight != NULL ? weight[i] : 1;
        all += w;
        if (pass[i]) {
            passed += w;
            squares += w * w;
            n_pass++;
        }
    }
    if (!(all > 0))
        return tgl__fail(err, TGL_EUSAGE,
                         "the zero-bias weights sum to %g, expected a positive number",
                         all);
    double scale = TGL_ORBIT_HZ * colliding / all;
    *out = (tgl_rate){scale * passed, scale * sqrt(squares), n_pass, n_event};
    return TGL_OK;
}

typedef struct scored {
    int64_t score;
    double weight;
} scored;

static int by_score_down(const void *a, const void *b)
{
    int64_t x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Lower the cut score by score (ties move together) while the rate stays at or below the
 * target. */
static int64_t lowest_cut(tgl_rate *best, const scored *events, size_t n, double scale,
                          double target_hz)
{
    double passed = 0, squares = 0;
    int64_t cut = n > 0 && events[0].score < INT64_MAX ? events[0].score + 1 : INT64_MAX;
    *best = (tgl_rate){0, 0, 0, n};
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && events[j].score == events[i].score; j++) {
            passed += events[j].weight;
            squares += events[j].weight * events[j].weight;
        }
        if (scale * passed > target_hz)
            break;
        cut = events[i].score;
        *best = (tgl_rate){scale * passed, scale * sqrt(squares), j, n};
    }
    return cut;
}

tgl_status tgl_physics_threshold(int64_t *threshold, tgl_rate *rate, const int64_t *score,
                                 const double *weight, size_t n_event, double colliding,
                                 double target_hz, uint64_t minimum, tgl_error *err)
{
    TGL_TRY(check_colliding(colliding, err));
    scored *events = tgl__calloc(n_event, sizeof *events);
    if (events == NULL)
        return tgl__fail_nomem(err);
    double all = 0;
    for (size_t i = 0; i < n_event; i++) {
        events[i] = (scored){score[i], weight != NULL ? weight[i] : 1};
        all += events[i].weight;
    }
    qsort(events, n_event, sizeof *events, by_score_down);
    tgl_rate best;
    int64_t cut = lowest_cut(&best, events, n_event,
                             all > 0 ? TGL_ORBIT_HZ * colliding / all : 0, target_hz);
    tgl__free(events);
    if (best.n_pass < minimum)
        return tgl__fail(
            err, TGL_ELIMIT,
            "a target of %g Hz keeps %llu of %zu events, fewer than the %llu asked for",
            target_hz, (unsigned long long)best.n_pass, n_event,
            (unsigned long long)minimum);
    *threshold = cut;
    *rate = best;
    return TGL_OK;
}
