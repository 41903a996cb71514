/* Small statistics shared by the files of this room. */
#ifndef TGL_PHYSICS_STATS_H
#define TGL_PHYSICS_STATS_H

/* Regularised incomplete beta function I_x(a, b), a, b > 0, 0 <= x <= 1. */
double tgl__beta_cdf(double x, double a, double b);
/* x with I_x(a, b) = p, by bisection to the last bit that matters. */
double tgl__beta_inverse(double p, double a, double b);

#endif
