#include "base/names.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

enum { LONGEST = 63 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance of two names, each cut to LONGEST characters, case-blind. */
static size_t distance(const char *a, const char *b)
{
    size_t n = smaller(strlen(a), LONGEST), m = smaller(strlen(b), LONGEST);
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            bool same =
                tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            row[j] = smaller(smaller(row[j], row[j - 1]) + 1, diagonal + (same ? 0 : 1));
            diagonal = above;
        }
    }
    return row[m];
}

const char *tgl__near_name(const char *name, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t best_distance = strlen(name) / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(name, candidates[i]);
        if (d < best_distance) {
            best_distance = d;
            best = candidates[i];
        }
    }
    return best;
}

bool tgl__glob_match(const char *pattern, const char *name)
{
    return fnmatch(pattern, name, 0) == 0;
}
