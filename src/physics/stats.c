#include "physics/stats.h"

#include <math.h>
#include <trigline/physics.h>

/* Continued fraction of the incomplete beta function by Lentz's method
 * (Abramowitz and Stegun 26.5.8; converges fast for x < (a + 1) / (a + b + 2)). */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m <= 100000; m++) {
        double terms[2] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                           -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))};
        for (int i = 0; i < 2; i++) {
            d = 1 + terms[i] * d;
            c = 1 + terms[i] / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            h *= d * c;
        }
        if (fabs(d * c - 1) < 1e-15)
            break;
    }
    return h;
}

double tgl__beta_cdf(double x, double a, double b)
{
    int sign;
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    double front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) +
                       a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(x, a, b) / a;
    return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double tgl__beta_inverse(double p, double a, double b)
{
    double lo = 0, hi = 1;
    for (int i = 0; i < 200 && hi - lo > 1e-17 + 1e-15 * lo; i++) {
        double middle = lo + (hi - lo) / 2;
        if (tgl__beta_cdf(middle, a, b) < p)
            lo = middle;
        else
            hi = middle;
    }
    return lo + (hi - lo) / 2;
}

tgl_fraction tgl_clopper_pearson(uint64_t k, uint64_t n, double alpha)
{
    tgl_fraction f = {k, n, n > 0 ? (double)k / (double)n : 0, 0, 1};
    if (n == 0)
        return f;
    if (k > 0)
        f.lo = tgl__beta_inverse(alpha / 2, (double)k, (double)(n - k) + 1);
    if (k < n)
        f.hi = tgl__beta_inverse(1 - alpha / 2, (double)k + 1, (double)(n - k));
    return f;
}
