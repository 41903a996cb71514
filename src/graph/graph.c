#include <stdio.h>
#include <string.h>

#include "graph/member.h"
#include "graph/op.h"

/* Names become ports and origins of the program: printable ASCII, no quotes. */
static tgl_status check_name(const char *name, const char *what, tgl_error *err)
{
    size_t n = name ? strlen(name) : 0;
    if (n < 1 || n > TGL__GRAPH_MAX_NAME)
        return tgl__fail(err, TGL_EUSAGE,
                         "%s: expected a name of 1 to %d bytes, found %zu", what,
                         TGL__GRAPH_MAX_NAME, n);
    for (size_t i = 0; i < n; i++)
        if (name[i] < 0x20 || name[i] > 0x7e || name[i] == '"' || name[i] == '\\')
            return tgl__fail(
                err, TGL_EUSAGE,
                "%s: expected printable ASCII without quotes in a name, found "
                "byte 0x%02x at %zu",
                what, (unsigned)(unsigned char)name[i], i);
    return TGL_OK;
}

tgl_status tgl_graph_new(tgl_graph **out, const char *name, tgl_error *err)
{
    TGL_TRY(check_name(name, "graph", err));
    tgl_graph *graph = tgl__calloc(1, sizeof *graph);
    if (!graph)
        return tgl__fail_nomem(err);
    graph->name = tgl__arena_strdup(&graph->arena, name);
    graph->first = tgl__calloc(1, sizeof *graph->first);
    if (!graph->name || !graph->first) {
        tgl_graph_free(graph);
        return tgl__fail_nomem(err);
    }
    *out = graph;
    return TGL_OK;
}

void tgl_graph_free(tgl_graph *graph)
{
    if (!graph)
        return;
    tgl_convention_free(graph->convention);
    tgl__arena_release(&graph->arena);
    tgl__free(graph->nodes);
    tgl__free(graph->first);
    tgl__free(graph->outputs);
    tgl__free(graph);
}

/* ---- adding: structure is checked here, meaning in verify ---- */

/* An array or table that a member points at. */
static bool is_present(const tgl_node *node, const tgl__member *m)
{
    const void *field = tgl__const_field(node, m->field);
    if (m->kind == TGL__LOOKUP_TABLE) {
        const tgl_graph_table *table = field;
        return table->codes != NULL && table->count > 0;
    }
    if (m->kind == TGL__CODES || m->kind == TGL__MATRIX)
        return *(const int64_t *const *)field != NULL;
    return m->kind != TGL__INDICES || *(const uint32_t *const *)field != NULL;
}

static tgl_status check_members(const tgl_graph *graph, const tgl_node *node,
                                tgl_error *err)
{
    for (size_t i = 0; i < tgl__n_member; i++) {
        const tgl__member *m = &tgl__members[i];
        size_t size;
        if (!tgl__member_applies(node, m))
            continue;
        if (!is_present(node, m) && (!m->may_be_absent || tgl__is_slot(node, m)))
            return tgl__fail(err, TGL_EUSAGE, "node '%s': %s needs '%s', found none",
                             node->name, tgl_graph_op_name(node->op), m->key);
        if (!tgl__member_size(&size, graph, node, m))
            return tgl__fail(
                err, TGL_EUSAGE,
                "node '%s': expected input and result in %u rows of %u sets, "
                "found %u and %u elements",
                node->name, node->rows, node->sets, tgl__node_n_in(graph, node),
                node->n_element);
        const tgl_graph_table *table = tgl__const_field(node, m->field);
        if (m->kind == TGL__LOOKUP_TABLE && table->count > TGL__GRAPH_MAX_ELEMENT)
            return tgl__fail(err, TGL_ELIMIT,
                             "node '%s': expected tables of at most %d entries",
                             node->name, TGL__GRAPH_MAX_ELEMENT);
    }
    return TGL_OK;
}

static tgl_status check_shape(const tgl_node *node, tgl_error *err)
{
    uint64_t n = 1;
    if (!node->shape)
        return TGL_OK;
    if (node->rank < 1 || node->rank > TGL__GRAPH_MAX_RANK)
        return tgl__fail(err, TGL_ELIMIT,
                         "node '%s': expected a shape of 1 to %d dimensions, found %u",
                         node->name, TGL__GRAPH_MAX_RANK, node->rank);
    for (uint32_t i = 0; i < node->rank; i++)
        n = node->shape[i] == 0 || n > TGL__GRAPH_MAX_ELEMENT ? 0 : n * node->shape[i];
    if (n == node->n_element)
        return TGL_OK;
    return tgl__fail(err, TGL_EUSAGE, "node '%s': expected a shape of %u elements",
                     node->name, node->n_element);
}

/* A note is for people: any text without control characters. */
static tgl_status check_note(const tgl_node *node, tgl_error *err)
{
    size_t n = node->note ? strlen(node->note) : 0;
    bool good = n <= TGL__GRAPH_MAX_NOTE;
    for (size_t i = 0; i < n && good; i++)
        good = (unsigned char)node->note[i] >= 0x20;
    if (good)
        return TGL_OK;
    return tgl__fail(err, TGL_EUSAGE,
                     "node '%s': note: expected at most %d bytes without control "
                     "characters",
                     node->name, TGL__GRAPH_MAX_NOTE);
}

static tgl_status check_labels(const tgl_node *node, tgl_error *err)
{
    char what[TGL__GRAPH_MAX_NAME + 32];
    for (uint32_t i = 0; node->labels && i < node->n_element; i++) {
        snprintf(what, sizeof what, "node '%s': label %u", node->name, i);
        if (node->labels[i] && node->labels[i][0])
            TGL_TRY(check_name(node->labels[i], what, err));
    }
    return TGL_OK;
}

static tgl_status check_structure(const tgl_graph *graph, const tgl_node *node,
                                  tgl_error *err)
{
    if (graph->verified)
        return tgl__fail(err, TGL_EUSAGE,
                         "graph '%s' is verified: nothing may be added to it",
                         graph->name);
    const tgl__graph_op_info *info = tgl__graph_op_info_of(node->op);
    if (!info)
        return tgl__fail(err, TGL_EUNSUPPORTED, "node '%s': unknown operator %d",
                         node->name, (int)node->op);
    if (node->n_input < info->min_input || node->n_input > info->max_input ||
        (node->n_input && !node->inputs))
        return tgl__fail(err, TGL_EUSAGE,
                         "node '%s': %s expects %u to %u inputs, found %u", node->name,
                         info->name, info->min_input, info->max_input, node->n_input);
    for (uint32_t i = 0; i < node->n_input; i++)
        if (node->inputs[i] >= graph->n_node)
            return tgl__fail(err, TGL_EUSAGE,
                             "node '%s': input %u: expected a node before it (below %u), "
                             "found %u",
                             node->name, i, graph->n_node, node->inputs[i]);
    if (node->n_element < 1 || node->n_element > TGL__GRAPH_MAX_ELEMENT)
        return tgl__fail(err, TGL_ELIMIT,
                         "node '%s': expected 1 to %d elements, found %u", node->name,
                         TGL__GRAPH_MAX_ELEMENT, node->n_element);
    if (!node->out || (node->n_out != 1 && node->n_out != node->n_element))
        return tgl__fail(err, TGL_EUSAGE,
                         "node '%s': expected 1 or %u result types, found %u", node->name,
                         node->n_element, node->out ? node->n_out : 0);
    if (graph->n_node >= TGL__GRAPH_MAX_NODE ||
        graph->first[graph->n_node] + node->n_element > TGL__GRAPH_MAX_TOTAL)
        return tgl__fail(err, TGL_ELIMIT,
                         "graph '%s': more than %d nodes or %d elements in all",
                         graph->name, TGL__GRAPH_MAX_NODE, TGL__GRAPH_MAX_TOTAL);
    TGL_TRY(check_shape(node, err));
    TGL_TRY(check_note(node, err));
    return check_members(graph, node, err);
}

/* A copy in the arena; NULL stays NULL. */
static const void *copy(tgl_graph *graph, const void *data, size_t count, size_t size,
                        bool *ok)
{
    if (!data || !count)
        return NULL;
    void *mine = tgl__arena_alloc(&graph->arena, count, size);
    if (!mine) {
        *ok = false;
        return NULL;
    }
    memcpy(mine, data, count * size);
    return mine;
}

static bool copy_labels(tgl_graph *graph, tgl_node *mine, const tgl_node *node)
{
    if (!node->labels)
        return true;
    const char **labels =
        tgl__arena_alloc(&graph->arena, node->n_element, sizeof *labels);
    if (!labels)
        return false;
    for (uint32_t i = 0; i < node->n_element; i++) {
        labels[i] =
            tgl__arena_strdup(&graph->arena, node->labels[i] ? node->labels[i] : "");
        if (!labels[i])
            return false;
    }
    mine->labels = labels;
    return true;
}

static bool same_quant(const tgl_quant *a, const tgl_quant *b)
{
    return tgl_type_equal(a->type, b->type) && a->round == b->round &&
           a->overflow == b->overflow;
}

/* One form for one meaning: equal types per element are written as one. */
static uint32_t canonical_n_out(const tgl_node *node)
{
    for (uint32_t i = 1; i < node->n_out; i++)
        if (!same_quant(&node->out[i], &node->out[0]))
            return node->n_out;
    return 1;
}

static bool copy_member(tgl_graph *graph, tgl_node *mine, const tgl_node *node,
                        const tgl__member *m)
{
    bool ok = true;
    size_t n;
    const void *from = tgl__const_field(node, m->field);
    void *to = tgl__field(mine, m->field);
    if (!tgl__member_size(&n, graph, node, m))
        return false;
    switch (m->kind) {
    case TGL__CODES:
    case TGL__MATRIX: {
        const int64_t **codes = to;
        *codes = copy(graph, *(const int64_t *const *)from, n, sizeof **codes, &ok);
        break;
    }
    case TGL__INDICES: {
        const uint32_t **indices = to;
        *indices = copy(graph, *(const uint32_t *const *)from, n, sizeof **indices, &ok);
        break;
    }
    case TGL__TYPE:
        *(tgl_type *)to = *(const tgl_type *)from;
        break;
    case TGL__QUANT:
        *(tgl_quant *)to = *(const tgl_quant *)from;
        break;
    case TGL__FLAG:
        *(uint8_t *)to = *(const uint8_t *)from != 0;
        break;
    case TGL__NUMBER: { /* 0 rows are one row */
        uint32_t number = *(const uint32_t *)from;
        *(uint32_t *)to = number == 0 && m->may_be_absent ? m->absent : number;
        break;
    }
    case TGL__BOUNDS:
        memcpy(to, from, 2 * sizeof(int32_t));
        break;
    case TGL__LOOKUP_TABLE: {
        const tgl_graph_table *table = from;
        tgl_graph_table *own = to;
        *own = *table;
        own->codes = copy(graph, table->codes, table->count, sizeof *own->codes, &ok);
        break;
    }
    }
    return ok;
}

/* Only the members that the operator uses are kept, so that printing and comparing never
 * see the rest. */
static bool copy_node(tgl_graph *graph, tgl_node *mine, const tgl_node *node)
{
    bool ok = true;
    *mine = (tgl_node){
        .op = node->op, .n_input = node->n_input, .n_element = node->n_element};
    mine->name = tgl__arena_strdup(&graph->arena, node->name);
    mine->inputs = copy(graph, node->inputs, node->n_input, sizeof *node->inputs, &ok);
    mine->n_out = canonical_n_out(node);
    mine->out = copy(graph, node->out, mine->n_out, sizeof *node->out, &ok);
    mine->rank = node->shape ? node->rank : 0;
    mine->shape = copy(graph, node->shape, mine->rank, sizeof *node->shape, &ok);
    if (node->note && node->note[0])
        mine->note = tgl__arena_strdup(&graph->arena, node->note);
    ok = ok && mine->name && (mine->note || !node->note || !node->note[0]);
    ok = ok && copy_labels(graph, mine, node);
    for (size_t i = 0; i < tgl__n_member && ok; i++) {
        const tgl__member *m = &tgl__members[i];
        if (!tgl__has_member(node, m))
            continue;
        if (m->slot)
            *(uint8_t *)tgl__field(mine, m->slot) = tgl__is_slot(node, m);
        if (tgl__member_applies(node, m))
            ok = copy_member(graph, mine, node, m);
    }
    return ok;
}

static bool grow_nodes(tgl_graph *graph)
{
    if (graph->n_node < graph->capacity)
        return true;
    uint32_t capacity = graph->capacity ? 2 * graph->capacity : 16;
    tgl_node *nodes = tgl__realloc(graph->nodes, capacity, sizeof *nodes);
    if (!nodes)
        return false;
    graph->nodes = nodes;
    uint64_t *first =
        tgl__realloc(graph->first, (size_t)capacity + 1, sizeof *graph->first);
    if (!first)
        return false;
    graph->first = first;
    graph->capacity = capacity;
    return true;
}

tgl_status tgl_graph_add(tgl_graph *graph, const tgl_node *node, uint32_t *number,
                         tgl_error *err)
{
    TGL_TRY(check_name(node->name, "node", err));
    TGL_TRY(check_structure(graph, node, err));
    TGL_TRY(check_labels(node, err));
    tgl_node mine;
    if (!grow_nodes(graph) || !copy_node(graph, &mine, node))
        return tgl__fail_nomem(err);
    graph->nodes[graph->n_node] = mine;
    graph->first[graph->n_node + 1] = graph->first[graph->n_node] + node->n_element;
    if (number)
        *number = graph->n_node;
    graph->n_node++;
    return TGL_OK;
}

tgl_status tgl_graph_add_output(tgl_graph *graph, const char *name, uint32_t node,
                                tgl_error *err)
{
    if (graph->verified)
        return tgl__fail(err, TGL_EUSAGE,
                         "graph '%s' is verified: nothing may be added to it",
                         graph->name);
    TGL_TRY(check_name(name, "output", err));
    if (node >= graph->n_node)
        return tgl__fail(err, TGL_EUSAGE,
                         "graph '%s': output '%s': expected a node below %u, found %u",
                         graph->name, name, graph->n_node, node);
    for (uint32_t i = 0; i < graph->n_output; i++)
        if (strcmp(graph->outputs[i].name, name) == 0)
            return tgl__fail(err, TGL_EUSAGE, "graph '%s': two outputs are named '%s'",
                             graph->name, name);
    if (graph->n_output >= TGL__GRAPH_MAX_NODE)
        return tgl__fail(err, TGL_ELIMIT, "graph '%s': more than %d outputs", graph->name,
                         TGL__GRAPH_MAX_NODE);
    if (graph->n_output == graph->output_capacity) {
        uint32_t capacity = graph->output_capacity ? 2 * graph->output_capacity : 8;
        tgl__graph_output *outputs =
            tgl__realloc(graph->outputs, capacity, sizeof *outputs);
        if (!outputs)
            return tgl__fail_nomem(err);
        graph->outputs = outputs;
        graph->output_capacity = capacity;
    }
    const char *mine = tgl__arena_strdup(&graph->arena, name);
    if (!mine)
        return tgl__fail_nomem(err);
    graph->outputs[graph->n_output++] = (tgl__graph_output){mine, node};
    return TGL_OK;
}

tgl_status tgl_graph_set_convention(tgl_graph *graph, const tgl_convention *convention,
                                    tgl_error *err)
{
    if (graph->verified)
        return tgl__fail(err, TGL_EUSAGE,
                         "graph '%s' is verified: its convention may not change",
                         graph->name);
    tgl_convention *shared = (tgl_convention *)(uintptr_t)convention;
    if (shared)
        atomic_fetch_add(&shared->references, 1);
    tgl_convention_free(graph->convention);
    graph->convention = shared;
    return TGL_OK;
}

/* ---- reading ---- */

const char *tgl_graph_name(const tgl_graph *graph)
{
    return graph->name;
}

uint32_t tgl_graph_n_node(const tgl_graph *graph)
{
    return graph->n_node;
}

const tgl_node *tgl_graph_node(const tgl_graph *graph, uint32_t number)
{
    return number < graph->n_node ? &graph->nodes[number] : NULL;
}

uint32_t tgl_graph_n_output(const tgl_graph *graph)
{
    return graph->n_output;
}

const char *tgl_graph_output(const tgl_graph *graph, uint32_t index, uint32_t *node)
{
    if (index >= graph->n_output)
        return NULL;
    if (node)
        *node = graph->outputs[index].node;
    return graph->outputs[index].name;
}

const tgl_convention *tgl_graph_convention(const tgl_graph *graph)
{
    return graph->convention;
}

bool tgl__graph_is_verified(const tgl_graph *graph)
{
    return graph->verified;
}

uint64_t tgl__graph_first(const tgl_graph *graph, uint32_t number)
{
    return graph->first[number];
}

tgl_quant tgl__node_out(const tgl_node *node, uint32_t index)
{
    return node->out[node->n_out == 1 ? 0 : index];
}

uint32_t tgl__node_n_in(const tgl_graph *graph, const tgl_node *node)
{
    return node->n_input ? graph->nodes[node->inputs[0]].n_element : 0;
}

void tgl__node_source(uint32_t *which, uint32_t *element, const tgl_graph *graph,
                      const tgl_node *node, uint32_t place)
{
    uint32_t n;
    for (*which = 0; place >= (n = graph->nodes[node->inputs[*which]].n_element);
         ++*which)
        place -= n;
    *element = place;
}

bool tgl__dense_shape_of(tgl__dense_shape *out, const tgl_graph *graph,
                         const tgl_node *node)
{
    uint64_t rows = node->rows ? node->rows : 1, sets = node->sets ? node->sets : 1;
    uint64_t n_in = tgl__node_n_in(graph, node), n = node->n_element;
    if (rows > n || sets > n || n_in % (rows * sets) != 0 || n % (rows * sets) != 0 ||
        n_in < rows * sets)
        return false;
    *out = (tgl__dense_shape){(uint32_t)rows, (uint32_t)sets,
                              (uint32_t)(n_in / (rows * sets)),
                              (uint32_t)(n / (rows * sets))};
    return true;
}

void tgl__node_element_name(char *out, size_t size, const tgl_node *node,
                            const char *prefix, uint32_t index)
{
    const char *label = node->labels ? node->labels[index] : "";
    const char *name = *prefix ? prefix : node->name;
    if (*label && !(*prefix && node->n_element == 1))
        snprintf(out, size, "%s%s%s", prefix, *prefix ? "." : "", label);
    else if (node->n_element == 1)
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "%s[%u]", name, index);
}

int tgl__exact_log2(uint32_t n)
{
    if (n == 0 || (n & (n - 1)))
        return -1;
    int bits = 0;
    while (n >>= 1)
        bits++;
    return bits;
}
