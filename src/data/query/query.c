/* SQL over every format through DuckDB. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "data/format.h"
#include "data/provenance.h"
#include "data/query/collect.h"
#include "data/query/scan.h"

/* No network: extensions are neither fetched nor loaded by themselves. */
static const char *const settings[][2] = {{"autoinstall_known_extensions", "false"},
                                          {"autoload_known_extensions", "false"}};

typedef struct session {
    duck database, connection;
} session;

static void close_session(const tgl_duckdb *d, session *s)
{
    if (s->connection != NULL)
        d->disconnect(&s->connection);
    if (s->database != NULL)
        d->close(&s->database);
}

static tgl_status open_session(const tgl_duckdb *d, session *s, int stored,
                               tgl_error *err)
{
    duck config = NULL;
    char *message = NULL;
    bool good = d->create_config(&config) == 0;
    for (size_t i = 0; good && i < sizeof settings / sizeof settings[0]; i++)
        good = d->set_config(config, settings[i][0], settings[i][1]) == 0;
    if (good && stored) /* the one setting under which rows keep their order */
        good = d->set_config(config, "threads", "1") == 0;
    good = good && d->open_ext(NULL, &s->database, config, &message) == 0 &&
           d->connect(s->database, &s->connection) == 0;
    d->destroy_config(&config);
    tgl_status status =
        good ? TGL_OK
             : tgl__fail(err, TGL_EUNSUPPORTED, "DuckDB does not start: %s",
                         message == NULL ? "no reason given" : message);
    d->free(message);
    return status;
}

/* DuckDB's messages run over several lines. */
static tgl_status query_failure(tgl_query *query, const char *message, tgl_error *err)
{
    if (query->status != TGL_OK) {
        if (err != NULL)
            *err = query->error;
        return query->status;
    }
    char line[480];
    size_t n = 0;
    for (const char *p = message == NULL ? "no reason given" : message;
         *p != '\0' && n + 3 < sizeof line; p++) {
        if (*p != '\n') {
            if (*p != ' ' || n == 0 || line[n - 1] != ' ')
                line[n++] = *p;
        } else if (n > 0 && line[n - 1] != ';' && line[n - 1] != ' ') {
            line[n++] = ';';
            line[n++] = ' ';
        }
    }
    line[n] = '\0';
    return tgl__fail(err, TGL_EUSAGE, "%s", line);
}

/* The files the query read, in the order of their names in it, and the SQL. */
static tgl_status set_provenance(tgl_table *table, const tgl_query *query,
                                 const char *sql, tgl_error *err)
{
    tgl_json *sources = tgl__json_array(), *extra = tgl__json_object();
    tgl_status status = TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < query->n_path; i++) {
        tgl_source *source = NULL;
        tgl_json *entry = NULL;
        status = tgl_source_open(&source, query->paths[i], NULL, err);
        if (status == TGL_OK)
            status =
                tgl__provenance_source(&entry, source, 0, tgl_source_n_row(source), err);
        tgl_source_close(source);
        if (status == TGL_OK && !tgl__json_append(sources, entry))
            status = tgl__fail_nomem(err);
    }
    if (status == TGL_OK && !tgl__json_put(extra, "sql", tgl__json_new_string(sql)))
        status = tgl__fail(err, TGL_EUSAGE, "the query is not UTF-8");
    if (status == TGL_OK)
        status = tgl__provenance_set(table, sources, extra, err);
    else
        tgl__json_free(sources);
    tgl__json_free(extra);
    return status;
}

static tgl_status run(tgl_table **out, tgl_query *query, session *s, const char *sql,
                      int stored, tgl_error *err)
{
    const tgl_duckdb *d = query->duck;
    duck_result result = {0};
    tgl_table *table = NULL;
    tgl_status status;
    if (d->query(s->connection, sql, &result) != 0)
        status = query_failure(query, d->result_error(&result), err);
    else
        status = tgl__query_collect(&table, d, &result, query->progress, err);
    d->destroy_result(&result);
    if (status == TGL_OK && stored)
        status = set_provenance(table, query, sql, err);
    if (status == TGL_OK)
        *out = table;
    else
        tgl_table_free(table);
    return status;
}

tgl_status tgl_data_query(tgl_table **out, const char *sql, int stored,
                          const tgl_progress *progress, tgl_error *err)
{
    tgl_duckdb duckdb;
    TGL_TRY(tgl__duckdb_load(&duckdb, err));
    tgl_query query = {.duck = &duckdb, .progress = progress};
    session s = {NULL, NULL};
    pthread_mutex_init(&query.lock, NULL);
    tgl_status status = open_session(&duckdb, &s, stored, err);
    if (status == TGL_OK)
        status = tgl__query_register(&query, s.database, s.connection, err);
    if (status == TGL_OK)
        status = run(out, &query, &s, sql, stored, err);
    close_session(&duckdb, &s);
    for (size_t i = 0; i < query.n_path; i++)
        tgl__free(query.paths[i]);
    pthread_mutex_destroy(&query.lock);
    return status;
}
