#include "crossing.h"

#include <math.h>

enum {
    JET_SEED = 8,      /* 4 GeV; all in 0.5 GeV */
    JET_MIN = 20,      /* 10 GeV */
    TAU_SEED = 10,     /* 5 GeV */
    TAU_MIN = 20,      /* 10 GeV */
    EG_MIN = 4,        /* 2 GeV */
    HT_MIN = 60,       /* jets of 30 GeV enter HTT and HTM */
    JET_MAX_PT = 2047, /* largest code of the field */
    SMALL_MAX_PT = 511,
    SUM_MAX_PT = 4095,
    CENTRAL_ETA = 57 /* |eta| < 2.5 in units of 0.0435 */
};

/* Insert by falling pt; equal ones keep their order. */
static void insert(object *list, uint32_t *n, uint32_t room, object new_one)
{
    uint32_t at = *n;
    while (at > 0 && list[at - 1].pt < new_one.pt)
        at--;
    if (at >= room)
        return;
    uint32_t last = *n < room ? (*n)++ : room - 1;
    for (uint32_t i = last; i > at; i--)
        list[i] = list[i - 1];
    list[at] = new_one;
}

/* Tower (ring, phi); up to HALO outside is allowed. */
static int32_t tower_at(const work_space *w, int ring, int phi)
{
    return w->tower[ring + HALO][phi + HALO];
}

/* Sum of the towers within `de` rings and `dp` columns, at most HALO. */
static int32_t window(const work_space *w, int ring, int phi, int de, int dp)
{
    int32_t sum = 0;
    for (int e = ring - de; e <= ring + de; e++)
        for (int p = phi - dp; p <= phi + dp; p++)
            sum += tower_at(w, e, p);
    return sum;
}

/* Highest within `reach`; of equal ones the first in (ring, phi) order around the seed.
 */
static int is_peak(const work_space *w, int ring, int phi, int reach)
{
    int32_t seed = tower_at(w, ring, phi);
    for (int e = -reach; e <= reach; e++)
        for (int p = -reach; p <= reach; p++) {
            int earlier = e < 0 || (e == 0 && p < 0);
            if (tower_at(w, ring + e, phi + p) + earlier > seed)
                return 0;
        }
    return 1;
}

/* Pile-up under a 5 x 5 window: of the four 2 x 5 (eta x phi) or 5 x 2 strips around it
 * the three lowest, scaled from 30 towers (fewer at the edge) to 25. */
static int32_t pileup_under(const work_space *w, int ring, int phi)
{
    int32_t strip[4], n = 0;
    for (int side = -1; side <= 1; side += 2) {
        int32_t eta_sum = 0, phi_sum = 0;
        int e0 = ring + 3 * side, e1 = ring + 4 * side;
        for (int p = -2; p <= 2; p++)
            if (e1 >= 0 && e1 < N_RING)
                eta_sum += tower_at(w, e0, phi + p) + tower_at(w, e1, phi + p);
        if (e1 >= 0 && e1 < N_RING)
            strip[n++] = eta_sum;
        for (int e = ring - 2; e <= ring + 2; e++)
            if (e >= 0 && e < N_RING)
                phi_sum +=
                    tower_at(w, e, phi + 3 * side) + tower_at(w, e, phi + 4 * side);
        strip[n++] = phi_sum;
    }
    int32_t sum = 0, most = 0;
    for (int i = 0; i < n; i++) {
        sum += strip[i];
        most = strip[i] > most ? strip[i] : most;
    }
    return n == 4 ? (sum - most) * 25 / 30 : sum * 25 / (10 * n);
}

/* Centre of the 3 x 3 towers around a seed, in units of 0.0435 x 2 pi / 144 (a tower is
 * 4 x 4 of them). */
static void centre(const work_space *w, int ring, int phi, int16_t *eta, int16_t *out_phi)
{
    int32_t sum = 0, de = 0, dp = 0;
    for (int e = -1; e <= 1; e++)
        for (int p = -1; p <= 1 && ring + e >= 0 && ring + e < N_RING; p++) {
            int32_t et = tower_at(w, ring + e, phi + p);
            sum += et;
            de += e * et;
            dp += p * et;
        }
    int code = 4 * phi + 2 + 4 * dp / (sum + 1);
    *eta = (int16_t)(4 * (ring - N_SIDE) + 2 + 4 * de / (sum + 1));
    *out_phi = (int16_t)((code + N_SECTOR) % N_SECTOR);
}

/* The strips around a seed hold less than the window under it, which is chosen for being
 * high: 3 GeV on the average at a pile-up of 50. */
static int32_t calibrate_jet(int32_t pt)
{
    return pt - 6;
}

static void build_jet(crossing *out, const work_space *w, int ring, int phi)
{
    int32_t pt = window(w, ring, phi, 2, 2) - pileup_under(w, ring, phi);
    pt = calibrate_jet(pt);
    if (pt < JET_MIN)
        return;
    object jet = {.pt = (int16_t)(pt > JET_MAX_PT ? JET_MAX_PT : pt)};
    centre(w, ring, phi, &jet.eta, &jet.phi);
    insert(out->jet, &out->n_jet, MAX_JET, jet);
}

/* A tau is the seed with its higher neighbour in phi and in eta: narrow and central. */
static void build_tau(crossing *out, const work_space *w, int ring, int phi)
{
    int32_t seed = tower_at(w, ring, phi);
    int32_t left = tower_at(w, ring, phi - 1), right = tower_at(w, ring, phi + 1);
    int32_t low = tower_at(w, ring - 1, phi), high = tower_at(w, ring + 1, phi);
    int32_t core = seed + (left > right ? left : right) + (low > high ? low : high);
    int32_t pt = core - (3 * w->density) / 256;
    if (pt < TAU_MIN)
        return;
    int32_t around = window(w, ring, phi, 2, 2) - core - (22 * w->density) / 256;
    object tau = {.pt = (int16_t)(pt > SMALL_MAX_PT ? SMALL_MAX_PT : pt),
                  .iso = around < pt / 8 + 6};
    centre(w, ring, phi, &tau.eta, &tau.phi);
    insert(out->tau, &out->n_tau, MAX_TAU, tau);
}

static void jets_and_taus(crossing *out, const work_space *w)
{
    for (int ring = 0; ring < N_RING; ring++)
        for (int phi = 0; phi < N_PHI; phi++) {
            int32_t et = tower_at(w, ring, phi);
            if (et < JET_SEED)
                continue;
            if (!is_peak(w, ring, phi, 1))
                continue;
            if (is_peak(w, ring, phi, 2))
                build_jet(out, w, ring, phi);
            if (et >= TAU_SEED && ring >= N_SIDE - 12 && ring < N_SIDE + 12)
                build_tau(out, w, ring, phi);
        }
}

/* e/gamma candidates within one fine tower (0.087) of a higher one join it. */
static void merge_eg(work_space *w)
{
    for (uint32_t i = 0; i < w->n_eg; i++)
        for (uint32_t j = 0; j < w->n_eg; j++) {
            candidate *a = &w->eg[i], *b = &w->eg[j];
            if (i == j || a->pt == 0 || b->pt == 0 || b->pt > a->pt)
                continue;
            int de = a->eta - b->eta, dp = (a->phi - b->phi + 72) % 72;
            if (de >= -1 && de <= 1 && (dp <= 1 || dp == 71)) {
                a->pt += b->pt;
                b->pt = 0;
            }
        }
}

static void build_eg(crossing *out, const work_space *w, const overlay_plan *overlay,
                     draw *d, const candidate *c)
{
    int ring = N_SIDE + (c->eta >= 0 ? c->eta / 2 : (c->eta - 1) / 2), phi = c->phi / 2;
    double et = 0.25 * c->pt, noise = 0.3;
    double sigma = sqrt(noise * noise + 0.1 * 0.1 * et + 0.02 * 0.02 * et * et);
    double g = draw_gauss(d, overlay->tables);
    et = et * (double)overlay->detector->scale[ring] + sigma * g;
    int32_t pt = (int32_t)(2 * et);
    if (et < 0 || pt < EG_MIN || overlay->detector->dead[ring][phi])
        return;
    int32_t around = window(w, ring, phi, 1, 1) - (9 * w->density) / 256;
    if (around > 2 * pt + 10 && pt < 127) /* mostly hadrons */
        return;
    int32_t beside = around - pt;
    int iso = (beside < pt / 8 + 4 ? 1 : 0) | (beside < pt / 3 + 8 ? 2 : 0);
    object eg = {.pt = (int16_t)(pt > SMALL_MAX_PT ? SMALL_MAX_PT : pt),
                 .eta = (int16_t)(2 * c->eta + 1),
                 .phi = (int16_t)(2 * c->phi + 1),
                 .iso = (int16_t)iso};
    insert(out->eg, &out->n_eg, MAX_EG, eg);
}

/* Chance that the muon system makes a track: momentum to reach it, then its coverage; a
 * displaced muon is lost more and more until 3.5 m. */
static double muon_efficiency(double pt, int eta, int dxy)
{
    double reach = eta < 0 ? -eta : eta;
    double threshold = reach < 110 ? 3.5 : 2.5; /* |eta| 1.2 */
    double rise = (pt - threshold) / 2;
    double chance = rise <= 0 ? 0.02 : rise >= 1 ? 0.95 : 0.02 + 0.93 * rise;
    return dxy < 10 ? chance : chance * (1 - dxy / 350.0);
}

static void build_muon(crossing *out, const work_space *w, const overlay_plan *overlay,
                       draw *d, const candidate *c)
{
    double pt = c->pt / 16.0, u = draw_unit(d), g = draw_gauss(d, overlay->tables);
    uint32_t luck = draw_below(d, 1000);
    if (u > muon_efficiency(pt, c->eta, c->dxy))
        return;
    /* The curvature is smeared by 18%; the vertex constraint pulls displaced muons down.
     */
    double curve = (1 + 0.18 * g) * (1 + c->dxy / 60.0) / pt;
    int flip = curve < 0 || luck < 5;
    pt = 1 / (curve < 0 ? -curve : curve);
    int code = pt >= 255 ? SMALL_MAX_PT : (int)(2 * pt) + 1;
    int ring = N_SIDE + (c->eta >= 0 ? c->eta / 16 : -1 + (c->eta + 1) / 16);
    int32_t beside = window(w, ring, c->phi / 16, 1, 1) - (9 * w->density) / 256;
    object muon = {.pt = (int16_t)code,
                   .eta = (int16_t)(c->eta + (int)draw_below(d, 3) - 1),
                   .phi = (int16_t)((c->phi + (int)draw_below(d, 5) + 574) % 576),
                   .qual = luck < 880   ? 12
                           : luck < 960 ? 8
                                        : 4,
                   .iso = (int16_t)((beside < 12) + 2 * (beside < 24)),
                   .charge = (int16_t)((c->charge < 0) != flip)};
    insert(out->muon, &out->n_muon, MAX_MUON, muon);
}

/* The sector of 2 pi / 144 of a vector: by quadrant, then by halving on cross products.
 */
static int sector(const draw_tables *t, double x, double y)
{
    int base = y >= 0 ? 0 : N_SECTOR / 2, low = 0, high = N_SECTOR / 2;
    if (y < 0) {
        x = -x;
        y = -y;
    }
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (t->cosine[middle] * y - t->sine[middle] * x >= 0)
            low = middle;
        else
            high = middle;
    }
    return base + low;
}

static object vector_sum(const draw_tables *t, double x, double y, int type)
{
    double pt = sqrt(x * x + y * y); /* missing: against what is seen */
    return (object){.pt = (int16_t)(pt > SUM_MAX_PT ? SUM_MAX_PT : pt),
                    .phi = (int16_t)(pt > 0 ? sector(t, -x, -y) : 0),
                    .qual = (int16_t)type};
}

/* Towers enter missing ET above a threshold that rises with |eta| and with pile-up. */
static int32_t met_threshold(const work_space *w, int ring)
{
    int side = ring < N_SIDE ? N_SIDE - 1 - ring : ring - N_SIDE;
    return 4 + (w->density * (12 + side)) / (6 * 256);
}

/* Sums over the rings of the towers above threshold: column[0] central, [1] forward. */
static int32_t sum_columns(int32_t column[2][N_PHI], const work_space *w)
{
    int32_t total = 0;
    for (int ring = 0; ring < N_RING; ring++) {
        int forward = ring < N_SIDE - N_CENTRAL || ring >= N_SIDE + N_CENTRAL;
        int32_t threshold = met_threshold(w, ring);
        const int32_t *towers = &w->tower[ring + HALO][HALO];
        for (int phi = 0; phi < N_PHI; phi++) {
            int32_t et = towers[phi];
            total += forward ? 0 : et;
            column[forward][phi] += et >= threshold ? et : 0;
        }
    }
    return total;
}

static void sums(crossing *out, const work_space *w, const draw_tables *t)
{
    int32_t column[2][N_PHI] = {{0}}, total = sum_columns(column, w), ht = 0;
    double x[2] = {0, 0}, y[2] = {0, 0}, hx = 0, hy = 0;
    for (int part = 0; part < 2; part++)
        for (int phi = 0; phi < N_PHI; phi++) {
            x[part] += column[part][phi] * t->cosine[4 * phi + 2];
            y[part] += column[part][phi] * t->sine[4 * phi + 2];
        }
    for (uint32_t i = 0; i < out->n_jet; i++) {
        const object *jet = &out->jet[i];
        if (jet->pt < HT_MIN || jet->eta > CENTRAL_ETA || jet->eta < -CENTRAL_ETA)
            continue;
        ht += jet->pt;
        hx += jet->pt * t->cosine[jet->phi];
        hy += jet->pt * t->sine[jet->phi];
    }
    out->sum[0] = (object){.pt = (int16_t)(total > SUM_MAX_PT ? SUM_MAX_PT : total)};
    out->sum[1] = (object){.pt = (int16_t)(ht > SUM_MAX_PT ? SUM_MAX_PT : ht), .qual = 1};
    out->sum[2] = vector_sum(t, x[0], y[0], 2);
    out->sum[3] = vector_sum(t, hx, hy, 3);
    out->sum[4] = vector_sum(t, x[0] + x[1], y[0] + y[1], 8);
}

void build_objects(crossing *out, work_space *w, const overlay_plan *overlay, draw *d)
{
    jets_and_taus(out, w);
    merge_eg(w);
    for (uint32_t i = 0; i < w->n_eg; i++)
        if (w->eg[i].pt > 0)
            build_eg(out, w, overlay, d, &w->eg[i]);
    for (uint32_t i = 0; i < w->n_muon; i++)
        build_muon(out, w, overlay, d, &w->muon[i]);
    sums(out, w, overlay->tables);
}
