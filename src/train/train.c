#include <trigline/train.h>

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "text/json.h"
#include "train/result.h"

struct tgl_training {
    tgl__train_config config;
    tgl__dataset data; /* codes and labels are given back after the fit */
    tgl__net net;
    tgl__fit fit;
    const tgl__train_kernels *kernels;
    tgl_graph *graph;
    char *history;
};

static tgl_status run(tgl_training *t, const tgl_train_options *o, tgl_error *err)
{
    TGL_TRY(tgl__train_config_parse(&t->config, o->config, err));
    TGL_TRY(tgl__train_kernels_get(&t->kernels, o->isa, err));
    TGL_TRY(tgl__progress(o->progress, "inputs", 0, 0, err));
    TGL_TRY(tgl__dataset_init(&t->data, &t->config, o->train, o->validation, o->n_thread,
                              o->progress, err));
    TGL_TRY(tgl__net_init(&t->net, &t->config, t->data.n_in, err));
    TGL_TRY(tgl__fit_run(&t->fit, &t->net, &t->config, &t->data, t->kernels, o->n_thread,
                         o->progress, err));
    tgl__result result = {
        .config = &t->config, .data = &t->data, .net = &t->net, .fit = &t->fit};
    TGL_TRY(tgl__result_measure(&result, t->kernels, o->n_thread, err));
    TGL_TRY(tgl__result_graph(&t->graph, &result, err));
    TGL_TRY(tgl__result_history(&t->history, &result, err));
    tgl__free(t->data.codes);
    tgl__free(t->data.label);
    t->data.codes = NULL;
    t->data.label = NULL;
    return TGL_OK;
}

tgl_status tgl_train(tgl_training **out, const tgl_train_options *options, tgl_error *err)
{
    if (options == NULL || options->struct_size < sizeof *options ||
        options->train == NULL)
        return tgl__fail(err, TGL_EUSAGE, "train: no options or no table");
    tgl_training *t = tgl__calloc(1, sizeof *t);
    if (t == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = run(t, options, err);
    if (status == TGL_OK)
        *out = t;
    else
        tgl_training_free(t);
    return status;
}

void tgl_training_free(tgl_training *training)
{
    if (training == NULL)
        return;
    tgl_graph_free(training->graph);
    tgl__free(training->history);
    tgl__fit_release(&training->fit);
    tgl__net_release(&training->net);
    tgl__dataset_release(&training->data);
    tgl__train_config_release(&training->config);
    tgl__free(training);
}

const tgl_graph *tgl_training_graph(const tgl_training *training)
{
    return training->graph;
}

const char *tgl_training_history(const tgl_training *training)
{
    return training->history;
}

tgl_status tgl_training_forward(int64_t *out, const tgl_training *training,
                                const int64_t *in, size_t n_event, tgl_error *err)
{
    const tgl__dataset *d = &training->data;
    size_t n = n_event * d->n_in;
    int16_t *codes = tgl__calloc(n_event, d->n_in * sizeof *codes);
    if (codes == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    for (size_t i = 0; i < n && status == TGL_OK; i++) {
        size_t j = i % d->n_in;
        tgl_type type = tgl_convention_rule(d->convention, (uint32_t)j)->quant.type;
        if (in[i] < tgl_type_min(type) || in[i] > tgl_type_max(type))
            status = tgl__fail_at(err, TGL_ELIMIT, i / d->n_in,
                                  "train: code %lld of input %zu leaves its type",
                                  (long long)in[i], j);
        else if (d->offset != NULL)
            codes[i] = (int16_t)tgl__scale_code(in[i], type.frac, d->offset[j],
                                                d->shift[j], &training->config.input);
        else
            codes[i] = (int16_t)in[i];
    }
    if (status == TGL_OK)
        status = tgl__fit_codes(out, &training->net, training->kernels, codes, n_event, 1,
                                err);
    tgl__free(codes);
    return status;
}

static tgl_status save_file(const char *directory, const char *name, const char *text,
                            size_t size, tgl_error *err)
{
    char *path = tgl__path_join(directory, name);
    if (path == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = tgl__file_write(path, text, size, err);
    tgl__free(path);
    return status;
}

tgl_status tgl_training_save(const tgl_training *training, const char *directory,
                             tgl_error *err)
{
    char *graph = NULL;
    size_t size;
    TGL_TRY(tgl__make_dirs(directory, err));
    TGL_TRY(tgl_graph_print(&graph, &size, training->graph, err));
    tgl_status status = save_file(directory, "graph.json", graph, size, err);
    tgl_free(graph);
    TGL_TRY(status);
    return save_file(directory, "history.json", training->history,
                     strlen(training->history), err);
}

tgl_status tgl_train_config_load(char **config, const char *path, tgl_error *err)
{
    tgl_json *root = NULL;
    size_t size;
    char *text = NULL;
    tgl__train_config checked;
    /* YAML's flow style contains JSON, but JSON's own reader gives better messages */
    const char *ending = strrchr(path, '.');
    bool json = ending != NULL && strcmp(ending, ".json") == 0;
    TGL_TRY(json ? tgl__json_read(&root, path, err) : tgl__yaml_read(&root, path, err));
    const tgl_json *section = tgl__json_get(root, "train");
    tgl_status status = tgl__json_dump(&text, &size, section ? section : root, err);
    tgl__json_free(root);
    TGL_TRY(status);
    status = tgl__train_config_parse(&checked, text, err);
    if (status != TGL_OK) {
        tgl__free(text);
        return tgl__fail_context(err, status, "%s", path);
    }
    tgl__train_config_release(&checked);
    *config = text;
    return TGL_OK;
}

tgl_status tgl_train_columns(const char *const **patterns, size_t *n, const char *config,
                             tgl_error *err)
{
    static const char *const objects[] = {"L1EtSum_*", "L1EG_*", "L1Mu_*", "L1Jet_*"};
    tgl__train_config parsed;
    TGL_TRY(tgl__train_config_parse(&parsed, config, err));
    *patterns = objects;
    *n = parsed.template == TGL__ANOMALY_TRIGGER ? sizeof objects / sizeof objects[0] : 0;
    tgl__train_config_release(&parsed);
    return TGL_OK;
}
