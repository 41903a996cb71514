/* Matching names the way users mean them: globs, and the near name of a misspelt one. */
#ifndef TGL_BASE_NAMES_H
#define TGL_BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* The candidate closest to `name` (edit distance, case-blind first), or NULL if none is
 * close. */
const char *tgl__near_name(const char *name, const char *const *candidates, size_t n);

/* Shell-style match of a whole name: `*`, `?`, `[...]`. */
bool tgl__glob_match(const char *pattern, const char *name);

#endif
