/* What other rooms may know of tables beyond the public header. */
#ifndef TGL_TABLE_TABLE_H
#define TGL_TABLE_TABLE_H

#include <stdbool.h>
#include <trigline/table.h>

/* Numbers in one item: the product of the dims (1 without dims); false on overflow. */
bool tgl__column_item(uint64_t *out, const tgl_column *column);

/* The dtype of a name as tgl_dtype_name writes it, or 0. */
tgl_dtype tgl__dtype_of_name(const char *name);

/* Does every rule of tgl_column hold (dims, counts, offsets in order, string shape)? */
tgl_status tgl__column_check(const tgl_column *column, tgl_error *err);

/* The index-th metadata entry in the order set, or false past the end. */
bool tgl__table_meta_at(const tgl_table *table, size_t index, const char **key,
                        const char **value);

/* Forget the metadata entry `key`, if there. */
void tgl__table_drop_meta(tgl_table *table, const char *key);

/* Append a jagged column whose offsets are those of the table's column `owner`, shared:
 * column->offsets is not looked at. The table takes over `values` on success and
 * failure. */
tgl_status tgl__table_take_sharing(tgl_table *table, const tgl_column *column,
                                   size_t owner, tgl_error *err);

/* Append a column that lies in memory of another kind, never written to: `release` with
 * `memory` gives its offsets and values back. The table takes over `memory` on success
 * and failure. */
tgl_status tgl__table_take_foreign(tgl_table *table, const tgl_column *column,
                                   void (*release)(void *memory), void *memory,
                                   tgl_error *err);

/* One more owner of table's column `index` in an Arrow array; see export.c. */
typedef struct tgl_block tgl_block;
tgl_block *tgl__table_block(const tgl_table *table, size_t index);
tgl_block *tgl__block_share(tgl_block *block);
void tgl__block_free(tgl_block *block);

#endif
