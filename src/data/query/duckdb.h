/* The part of DuckDB's C API (duckdb.org/docs/stable/clients/c/api) that queries use,
 * opened at run time through declarations of our own: the library is optional. */
#ifndef TGL_DATA_QUERY_DUCKDB_H
#define TGL_DATA_QUERY_DUCKDB_H

#include <stdbool.h>
#include <trigline/base.h>

/* Handles are pointers to opaque structs. */
typedef void *duck;
typedef void (*duck_delete)(void *);
typedef void (*duck_callback)(duck info);
typedef void (*duck_function)(duck info, duck chunk);
typedef void (*duck_replacement)(duck info, const char *name, void *user);

/* Passed by value, so its size must be right; all but the calls below is deprecated. */
typedef struct duck_result {
    uint64_t n_column, n_row, n_changed;
    void *columns;
    char *message;
    void *internal;
} duck_result;

typedef struct duck_list_entry {
    uint64_t offset, length;
} duck_list_entry;

/* duckdb_string_t: up to 12 bytes in place, else a pointer behind a 4-byte prefix. */
typedef struct duck_string {
    uint32_t length;
    char prefix[4];
    char *pointer; /* bytes 4 … 11 of a short one */
} duck_string;

enum {
    DUCK_BOOLEAN = 1,
    DUCK_TINYINT = 2,
    DUCK_SMALLINT = 3,
    DUCK_INTEGER = 4,
    DUCK_BIGINT = 5,
    DUCK_UTINYINT = 6,
    DUCK_USMALLINT = 7,
    DUCK_UINTEGER = 8,
    DUCK_UBIGINT = 9,
    DUCK_FLOAT = 10,
    DUCK_DOUBLE = 11,
    DUCK_HUGEINT = 16,
    DUCK_VARCHAR = 17,
    DUCK_BLOB = 18,
    DUCK_LIST = 24,
    DUCK_ARRAY = 33
};

/* result, name without "duckdb_", arguments */
#define TGL_DUCK_CALLS(X)                                                                \
    X(int, create_config, (duck *))                                                      \
    X(int, set_config, (duck, const char *, const char *))                               \
    X(void, destroy_config, (duck *))                                                    \
    X(int, open_ext, (const char *, duck *, duck, char **))                              \
    X(void, close, (duck *))                                                             \
    X(int, connect, (duck, duck *))                                                      \
    X(void, disconnect, (duck *))                                                        \
    X(void, free, (void *))                                                              \
    X(int, query, (duck, const char *, duck_result *))                                   \
    X(void, destroy_result, (duck_result *))                                             \
    X(const char *, result_error, (duck_result *))                                       \
    X(uint64_t, column_count, (duck_result *))                                           \
    X(const char *, column_name, (duck_result *, uint64_t))                              \
    X(duck, column_logical_type, (duck_result *, uint64_t))                              \
    X(duck, fetch_chunk, (duck_result))                                                  \
    X(void, destroy_data_chunk, (duck *))                                                \
    X(uint64_t, data_chunk_get_size, (duck))                                             \
    X(void, data_chunk_set_size, (duck, uint64_t))                                       \
    X(duck, data_chunk_get_vector, (duck, uint64_t))                                     \
    X(void *, vector_get_data, (duck))                                                   \
    X(uint64_t *, vector_get_validity, (duck))                                           \
    X(void, vector_assign_string_element_len, (duck, uint64_t, const char *, uint64_t))  \
    X(uint64_t, vector_size, (void))                                                     \
    X(duck, list_vector_get_child, (duck))                                               \
    X(int, list_vector_reserve, (duck, uint64_t))                                        \
    X(int, list_vector_set_size, (duck, uint64_t))                                       \
    X(duck, array_vector_get_child, (duck))                                              \
    X(int, get_type_id, (duck))                                                          \
    X(duck, list_type_child_type, (duck))                                                \
    X(duck, array_type_child_type, (duck))                                               \
    X(uint64_t, array_type_array_size, (duck))                                           \
    X(duck, create_logical_type, (int))                                                  \
    X(duck, create_list_type, (duck))                                                    \
    X(duck, create_array_type, (duck, uint64_t))                                         \
    X(void, destroy_logical_type, (duck *))                                              \
    X(duck, create_table_function, (void))                                               \
    X(void, destroy_table_function, (duck *))                                            \
    X(void, table_function_set_name, (duck, const char *))                               \
    X(void, table_function_add_parameter, (duck, duck))                                  \
    X(void, table_function_set_extra_info, (duck, void *, duck_delete))                  \
    X(void, table_function_set_bind, (duck, duck_callback))                              \
    X(void, table_function_set_init, (duck, duck_callback))                              \
    X(void, table_function_set_function, (duck, duck_function))                          \
    X(void, table_function_supports_projection_pushdown, (duck, bool))                   \
    X(int, register_table_function, (duck, duck))                                        \
    X(void *, bind_get_extra_info, (duck))                                               \
    X(duck, bind_get_parameter, (duck, uint64_t))                                        \
    X(void, bind_add_result_column, (duck, const char *, duck))                          \
    X(void, bind_set_bind_data, (duck, void *, duck_delete))                             \
    X(void, bind_set_cardinality, (duck, uint64_t, bool))                                \
    X(void, bind_set_error, (duck, const char *))                                        \
    X(void *, init_get_bind_data, (duck))                                                \
    X(void, init_set_init_data, (duck, void *, duck_delete))                             \
    X(uint64_t, init_get_column_count, (duck))                                           \
    X(uint64_t, init_get_column_index, (duck, uint64_t))                                 \
    X(void, init_set_max_threads, (duck, uint64_t))                                      \
    X(void, init_set_error, (duck, const char *))                                        \
    X(void *, function_get_init_data, (duck))                                            \
    X(void, function_set_error, (duck, const char *))                                    \
    X(char *, get_varchar, (duck))                                                       \
    X(duck, create_varchar, (const char *))                                              \
    X(void, destroy_value, (duck *))                                                     \
    X(void, add_replacement_scan, (duck, duck_replacement, void *, duck_delete))         \
    X(void, replacement_scan_set_function_name, (duck, const char *))                    \
    X(void, replacement_scan_add_parameter, (duck, duck))

typedef struct tgl_duckdb {
    void *library;
#define TGL_DUCK_MEMBER(result, name, arguments) result(*name) arguments;
    TGL_DUCK_CALLS(TGL_DUCK_MEMBER)
#undef TGL_DUCK_MEMBER
} tgl_duckdb;

/* Looks at $TGL_DUCKDB, then beside the running program (../duckdb, ../lib/trigline),
 * then where the system looks. TGL_EMISSING says how to get it. The library stays loaded
 * for the life of the process. */
tgl_status tgl__duckdb_load(tgl_duckdb *out, tgl_error *err);

/* What DuckDB's callbacks use to find their own data: they get a handle and no pointer of
 * ours, and this house keeps no global table. `name` is one of the *_get_* calls. */
void *tgl__duckdb_data(const char *name, duck info);

#endif
