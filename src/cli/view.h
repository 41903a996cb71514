/* Looking into the JSON that the library's calls answer, and printing tables from it. The
 * text is the library's own, so it is well-formed; a broken one ends every loop early. */
#ifndef TGL_CLI_VIEW_H
#define TGL_CLI_VIEW_H

#include <stdbool.h>
#include <stddef.h>

/* A value is the place in the text where it begins. NULL is accepted and gives NULL. */
const char *view_get(const char *object, const char *key);
/* "a.b.c" through nested objects. */
const char *view_path(const char *object, const char *path);
/* The first item (after NULL) or the one after `item`; NULL past the last. */
const char *view_next(const char *array, const char *item);
/* The same over an object's members; `key` receives the name. */
const char *view_next_member(const char *object, const char *value, char *key,
                             size_t room);
size_t view_count(const char *array_or_object);
/* The text of a string (unescaped), number or literal, cut to `room`; "" for null, NULL
 * and containers. Returns `out`. */
const char *view_text(const char *value, char *out, size_t room);
double view_number(const char *value, double fallback);
bool view_true(const char *value);

/* A table: add cells row by row, then print with columns aligned. Cells are copied. */
typedef struct view_table view_table;
view_table *view_table_new(const char *const *headings, size_t n_column);
/* `right` aligns the cell's column to the right (numbers). */
void view_table_cell(view_table *table, const char *text);
void view_table_right(view_table *table, size_t column);
void view_table_print(view_table *table); /* to stdout; frees it */

/* "12.3 kB" */
const char *view_bytes(double bytes, char *out, size_t room);

#endif
