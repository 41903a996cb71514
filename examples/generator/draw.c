#include "draw.h"

#include <math.h>

/* e^x = (e^(x / 1024))^1024; the small power by its series. */
double draw_exp(double x)
{
    double y = x / 1024, term = 1, sum = 1;
    for (int i = 1; i < 12; i++) {
        term = term * y / i;
        sum += term;
    }
    for (int i = 0; i < 10; i++)
        sum *= sum;
    return sum;
}

/* Halve to [1/2, 1), then log(m) = 2 artanh((m-1)/(m+1)). */
double draw_log(double x)
{
    int exponent = 0;
    double m = frexp(x, &exponent), z = (m - 1) / (m + 1), power = z, sum = 0;
    for (int i = 1; i < 40; i += 2) {
        sum += power / i;
        power *= z * z;
    }
    return 2 * sum + exponent * 0.693147180559945309417;
}

uint32_t draw_poisson(draw *d, double mean)
{
    double u = draw_unit(d), p = draw_exp(-mean), sum = p;
    uint32_t k = 0;
    while (u >= sum && k < 1000) {
        k++;
        p *= mean / k;
        sum += p;
    }
    return k;
}

double draw_exponential(draw *d, double mean)
{
    return -mean * draw_log(1.0 - draw_unit(d));
}

/* The cumulative normal is integrated in steps of 1/4096 and inverted at the centres of
 * equal probabilities. */
static void gauss_init(int16_t *gauss)
{
    const double step = 1.0 / 4096, norm = 0.398942280401432677940;
    double x = 0, cumulative = 0.5, density = norm;
    for (int i = GAUSS_SIZE / 2; i < GAUSS_SIZE; i++) {
        double target = (i + 0.5) / GAUSS_SIZE;
        while (cumulative < target) {
            double next = x + step, at_next = norm * draw_exp(-0.5 * next * next);
            cumulative += 0.5 * step * (density + at_next);
            density = at_next;
            x = next;
        }
        gauss[i] = (int16_t)(x * GAUSS_ONE + 0.5);
        gauss[GAUSS_SIZE - 1 - i] = (int16_t)-gauss[i];
    }
}

void draw_tables_init(draw_tables *tables)
{
    gauss_init(tables->gauss);
    const double angle = 2 * 3.14159265358979323846 / N_SECTOR;
    for (int k = 0; k < N_SECTOR; k++) {
        double x = angle * (k <= N_SECTOR / 2 ? k : k - N_SECTOR), term = 1, c = 1, s = 0;
        for (int i = 1; i < 30; i++) {
            term = term * x / i;
            if (i % 2 == 1)
                s += i % 4 == 1 ? term : -term;
            else
                c += i % 4 == 0 ? term : -term;
        }
        tables->cosine[k] = c;
        tables->sine[k] = s;
    }
}
