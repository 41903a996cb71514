/* XGBoost's JSON model (gbtree and dart; xgboost.readthedocs.io, "Introduction to Model
 * IO") as tensors: every split of every tree is decided at once, then the trees are
 * folded from their leaves up, all subtrees of one height together.
 *
 * What the file leaves open, the user names: the inputs' type and the score's. XGBoost
 * goes left where x < t in float32. On the inputs' grid that is x < ceil(t), so the
 * decisions are XGBoost's own for every input of up to 24 bits. Leaves and the base
 * margin are converted to the score's type, and summed in it in the order of the trees.
 * Inputs have no missing values: default directions are not kept. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/format.h"

enum {
    MAX_TREE = 65536,
    MAX_NODE = 1 << 19, /* of all trees: a graph's node holds 2^20 elements */
    MAX_HEIGHT = 256,
    MAX_FEATURE = 65536,
    MAX_CLASS = 1024,
    NO_HEIGHT = UINT16_MAX
};

/* One node of any tree. Leaves and splits are numbered apart, through all trees; splits
 * in the order of their heights. */
typedef struct split_node {
    uint32_t left, right; /* nodes of the same tree; 0: a leaf */
    uint32_t feature;
    double value;    /* threshold or leaf */
    uint16_t height; /* 0: a leaf */
    uint32_t place;  /* among the leaves, or among the splits of its height */
} split_node;

typedef struct reader {
    const tgl_json *model; /* learner.gradient_booster.model */
    const char *source;
    tgl_quant input, score;
    tgl_arena arena;
    uint32_t n_feature, n_class, n_tree;
    int64_t version;         /* 100 * major + minor */
    split_node *nodes;       /* of all trees */
    uint32_t n_node, n_leaf; /* in all */
    uint32_t *roots;         /* (n_tree) */
    uint32_t *classes;       /* (n_tree) */
    uint32_t per_height[MAX_HEIGHT + 1];
    uint32_t height;        /* of the highest tree */
    double base[MAX_CLASS]; /* margins */
    tgl_graph *graph;
    uint32_t levels[MAX_HEIGHT + 1]; /* graph nodes: leaves, then the splits by height */
    tgl_error *err;
} reader;

static void *get(reader *r, size_t n, size_t size)
{
    return tgl__arena_alloc(&r->arena, n ? n : 1, size);
}

/* ---- reading ---- */

static tgl_status need_numbers(const tgl_json **out, const reader *r,
                               const tgl_json *tree, const char *key, size_t n,
                               size_t number)
{
    *out = tgl__json_get(tree, key);
    if (tgl__json_kind(*out) == TGL_JSON_ARRAY && tgl__json_size(*out) == n)
        return TGL_OK;
    return tgl__fail(r->err, TGL_EFORMAT,
                     "%s: tree %zu: '%s': expected %zu numbers, found %s of %zu",
                     r->source, number, key, n, tgl__json_kind_name(tgl__json_kind(*out)),
                     tgl__json_size(*out));
}

typedef struct tree_lists {
    const tgl_json *left, *right, *feature, *value, *type;
} tree_lists;

static tgl_status read_lists(tree_lists *lists, const reader *r, const tgl_json *tree,
                             size_t *n, size_t number)
{
    *n = tgl__json_size(tgl__json_get(tree, "left_children"));
    if (*n < 1 || *n > MAX_NODE - r->n_node)
        return tgl__fail(r->err, TGL_ELIMIT,
                         "%s: tree %zu: expected 1 to %u nodes, found %zu", r->source,
                         number, MAX_NODE - r->n_node, *n);
    TGL_TRY(need_numbers(&lists->left, r, tree, "left_children", *n, number));
    TGL_TRY(need_numbers(&lists->right, r, tree, "right_children", *n, number));
    TGL_TRY(need_numbers(&lists->feature, r, tree, "split_indices", *n, number));
    TGL_TRY(need_numbers(&lists->value, r, tree, "split_conditions", *n, number));
    lists->type = tgl__json_get(tree, "split_type"); /* since 1.5 */
    return TGL_OK;
}

static tgl_status read_node(split_node *node, const reader *r, const tree_lists *lists,
                            size_t i, size_t n, size_t number)
{
    int64_t left = tgl__json_int(tgl__json_at(lists->left, i), -2);
    int64_t right = tgl__json_int(tgl__json_at(lists->right, i), -2);
    int64_t feature = tgl__json_int(tgl__json_at(lists->feature, i), -1);
    double value = tgl__json_real(tgl__json_at(lists->value, i), NAN);
    bool leaf = left == -1 && right == -1;
    if (!leaf && (left < 1 || right < 1 || left >= (int64_t)n || right >= (int64_t)n))
        return tgl__fail(
            r->err, TGL_EFORMAT,
            "%s: tree %zu, node %zu: expected children within 1 to %zu, found "
            "%" PRId64 " and %" PRId64,
            r->source, number, i, n - 1, left, right);
    if (!leaf && tgl__json_int(tgl__json_at(lists->type, i), 0) != 0)
        return tgl__fail(r->err, TGL_EUNSUPPORTED,
                         "%s: tree %zu, node %zu: a split by categories is not supported",
                         r->source, number, i);
    if (!isfinite(value))
        return tgl__fail(r->err, TGL_EFORMAT,
                         "%s: tree %zu, node %zu: expected a finite threshold or leaf",
                         r->source, number, i);
    if (!leaf && (feature < 0 || feature >= (int64_t)r->n_feature))
        return tgl__fail(
            r->err, TGL_EFORMAT,
            "%s: tree %zu, node %zu: expected a feature below %u, found %" PRId64,
            r->source, number, i, r->n_feature, feature);
    *node = (split_node){leaf ? 0 : (uint32_t)left,
                         leaf ? 0 : (uint32_t)right,
                         leaf ? 0 : (uint32_t)feature,
                         value,
                         NO_HEIGHT,
                         0};
    return TGL_OK;
}

/* Heights from the leaves up without recursion: a child may stand anywhere, so rounds go
 * on until nothing changes; each round settles at least one height. */
static tgl_status find_heights(reader *r, split_node *tree, size_t n, size_t number)
{
    bool *seen = get(r, n, sizeof *seen); /* each node is one node's child */
    if (!seen)
        return tgl__fail_nomem(r->err);
    for (size_t i = 0; i < n; i++) {
        const split_node *s = &tree[i];
        if (s->left == 0)
            continue;
        if (seen[s->left] || seen[s->right] || s->left == s->right)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: tree %zu: node %zu: a child has two parents", r->source,
                             number, i);
        seen[s->left] = seen[s->right] = true;
    }
    for (unsigned h = 0; h <= MAX_HEIGHT; h++) {
        for (size_t i = 0; i < n; i++) {
            split_node *s = &tree[i];
            if (s->height != NO_HEIGHT)
                continue;
            unsigned a = s->left == 0 ? 0 : tree[s->left].height,
                     b = s->left == 0 ? 0 : tree[s->right].height;
            if (s->left == 0 ? h == 0 : h > 0 && a < h && b < h)
                s->height = (uint16_t)h;
        }
        if (tree[0].height != NO_HEIGHT)
            return TGL_OK;
    }
    return tgl__fail(r->err, TGL_EFORMAT,
                     "%s: tree %zu: deeper than %d, or a node is its own descendant",
                     r->source, number, MAX_HEIGHT);
}

/* Places for what hangs on the root; deleted nodes of pruned trees are left out. */
static void number_nodes(reader *r, split_node *tree, uint32_t *stack)
{
    uint32_t n = 1;
    stack[0] = 0;
    while (n > 0) {
        split_node *s = &tree[stack[--n]];
        if (s->left == 0) {
            s->place = r->n_leaf++;
            continue;
        }
        s->place = r->per_height[s->height]++;
        stack[n++] = s->right;
        stack[n++] = s->left;
    }
    r->height = tree[0].height > r->height ? tree[0].height : r->height;
}

static tgl_status read_tree(reader *r, const tgl_json *json, size_t number)
{
    tree_lists lists;
    size_t n;
    TGL_TRY(read_lists(&lists, r, json, &n, number));
    split_node *tree = r->nodes + r->n_node;
    for (size_t i = 0; i < n; i++)
        TGL_TRY(read_node(&tree[i], r, &lists, i, n, number));
    TGL_TRY(find_heights(r, tree, n, number));
    uint32_t *stack = get(r, n + 2, sizeof *stack);
    if (!stack)
        return tgl__fail_nomem(r->err);
    number_nodes(r, tree, stack);
    r->roots[number] = r->n_node;
    r->n_node += (uint32_t)n;
    return TGL_OK;
}

static tgl_status read_trees(reader *r)
{
    const tgl_json *trees = tgl__json_get(r->model, "trees"),
                   *info = tgl__json_get(r->model, "tree_info");
    size_t n = tgl__json_size(trees), total = 0;
    if (n < 1 || n > MAX_TREE || tgl__json_size(info) != n)
        return tgl__fail(
            r->err, TGL_EFORMAT,
            "%s: expected 1 to %d trees with a class each, found %zu and %zu", r->source,
            MAX_TREE, n, tgl__json_size(info));
    for (size_t i = 0; i < n; i++)
        total += tgl__json_size(tgl__json_get(tgl__json_at(trees, i), "left_children"));
    if (total > MAX_NODE)
        return tgl__fail(r->err, TGL_ELIMIT, "%s: expected at most %d nodes, found %zu",
                         r->source, MAX_NODE, total);
    r->n_tree = (uint32_t)n;
    r->nodes = get(r, total, sizeof *r->nodes);
    r->roots = get(r, n, sizeof *r->roots);
    r->classes = get(r, n, sizeof *r->classes);
    if (!r->nodes || !r->roots || !r->classes)
        return tgl__fail_nomem(r->err);
    for (size_t i = 0; i < n; i++) {
        int64_t class = tgl__json_int(tgl__json_at(info, i), -1);
        if (class < 0 || class >= (int64_t)r->n_class)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: tree %zu: expected a class below %u, found %" PRId64,
                             r->source, i, r->n_class, class);
        r->classes[i] = (uint32_t) class;
        TGL_TRY(read_tree(r, tgl__json_at(trees, i), i));
    }
    return TGL_OK;
}

/* A number that XGBoost writes as text: "5E-1", since 3.1 "[3E-1,2E-1]". */
static tgl_status read_text_numbers(double *out, size_t n, const reader *r,
                                    const tgl_json *object, const char *key)
{
    const char *text;
    char list[4096];
    tgl_json *json = NULL;
    TGL_TRY(tgl__json_need_string(&text, object, key, r->source, r->err));
    int size = snprintf(list, sizeof list, text[0] == '[' ? "%s" : "[%s]", text);
    if (size < 0 || (size_t)size >= sizeof list)
        return tgl__fail(r->err, TGL_ELIMIT, "%s: '%s' is too long", r->source, key);
    TGL_TRY(tgl__json_parse(&json, list, (size_t)size, r->source, r->err));
    size_t found = tgl__json_size(json);
    bool good = found == n || found == 1;
    for (size_t i = 0; i < n && good; i++) {
        out[i] = tgl__json_real(tgl__json_at(json, found == 1 ? 0 : i), NAN);
        good = isfinite(out[i]);
    }
    tgl__json_free(json);
    if (good)
        return TGL_OK;
    return tgl__fail(r->err, TGL_EFORMAT,
                     "%s: '%s': expected 1 or %zu numbers, found '%s'", r->source, key, n,
                     text);
}

/* How an objective's base score becomes a margin (src/objective/ of XGBoost). */
typedef enum link_kind { IDENTITY, LOGIT, LOGARITHM } link_kind;
static const struct {
    const char *objective;
    link_kind link;
} links[] = {{"binary:logistic", LOGIT},
             {"binary:logitraw", IDENTITY},
             {"reg:logistic", LOGIT},
             {"binary:hinge", IDENTITY},
             {"multi:softprob", IDENTITY},
             {"multi:softmax", IDENTITY},
             {"reg:squarederror", IDENTITY},
             {"reg:linear", IDENTITY},
             {"reg:squaredlogerror", IDENTITY},
             {"reg:absoluteerror", IDENTITY},
             {"reg:pseudohubererror", IDENTITY},
             {"reg:quantileerror", IDENTITY},
             {"rank:pairwise", IDENTITY},
             {"rank:ndcg", IDENTITY},
             {"rank:map", IDENTITY},
             {"count:poisson", LOGARITHM},
             {"reg:gamma", LOGARITHM},
             {"reg:tweedie", LOGARITHM}};

static tgl_status read_base(reader *r, const tgl_json *learner, const tgl_json *param)
{
    const char *objective =
        tgl__json_string(tgl__json_get(tgl__json_get(learner, "objective"), "name"), "");
    size_t k = 0, n = sizeof links / sizeof links[0];
    while (k < n && strcmp(links[k].objective, objective) != 0)
        k++;
    if (k == n)
        return tgl__fail(
            r->err, TGL_EUNSUPPORTED,
            "%s: objective '%s' is not supported (binary:, multi:, reg:, rank: "
            "and count: ones are)",
            r->source, objective);
    if (strcmp(objective, "binary:logitraw") == 0 && r->version < 302)
        return tgl__fail(
            r->err, TGL_EUNSUPPORTED,
            "%s: what base_score means with '%s' depends on XGBoost's version: "
            "save the model again with 3.2 or newer",
            r->source, objective);
    TGL_TRY(read_text_numbers(r->base, r->n_class, r, param, "base_score"));
    for (uint32_t c = 0; c < r->n_class; c++) { /* in float32, as XGBoost does */
        float score = (float)r->base[c];
        if ((links[k].link == LOGIT && !(score > 0 && score < 1)) ||
            (links[k].link == LOGARITHM && !(score > 0)))
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: base_score %g has no margin for objective '%s'",
                             r->source, r->base[c], objective);
        if (links[k].link == LOGIT)
            r->base[c] = (double)-logf(1.0f / score - 1.0f);
        else if (links[k].link == LOGARITHM)
            r->base[c] = (double)logf(score);
    }
    return TGL_OK;
}

static tgl_status need_count(uint32_t *out, const reader *r, const tgl_json *param,
                             const char *key, uint32_t most)
{
    double number;
    TGL_TRY(read_text_numbers(&number, 1, r, param, key));
    if (number < 0 || number > most || number != floor(number))
        return tgl__fail(r->err, TGL_ELIMIT, "%s: '%s': expected 0 to %u, found %g",
                         r->source, key, most, number);
    *out = (uint32_t)number;
    return TGL_OK;
}

static tgl_status read_learner(reader *r, const tgl_json *json)
{
    const tgl_json *learner = tgl__json_get(json, "learner"),
                   *booster = tgl__json_get(learner, "gradient_booster"),
                   *param = tgl__json_get(learner, "learner_model_param");
    const char *name = tgl__json_string(tgl__json_get(booster, "name"), "");
    uint32_t n_target = 1;
    if (strcmp(name, "gbtree") != 0)
        return tgl__fail(r->err, TGL_EUNSUPPORTED,
                         "%s: expected booster 'gbtree', found '%s'", r->source, name);
    r->model = tgl__json_get(booster, "model");
    TGL_TRY(need_count(&r->n_feature, r, param, "num_feature", MAX_FEATURE));
    TGL_TRY(need_count(&r->n_class, r, param, "num_class", MAX_CLASS));
    if (tgl__json_get(param, "num_target"))
        TGL_TRY(need_count(&n_target, r, param, "num_target", MAX_CLASS));
    r->n_class = r->n_class > n_target ? r->n_class : n_target;
    const tgl_json *version = tgl__json_get(json, "version");
    int64_t major = tgl__json_int(tgl__json_at(version, 0), 0),
            minor = tgl__json_int(tgl__json_at(version, 1), 0);
    r->version =
        major < 0 || major > 1000 || minor < 0 || minor > 99 ? 0 : 100 * major + minor;
    if (r->n_feature < 1 || r->n_class < 1)
        return tgl__fail(r->err, TGL_EFORMAT, "%s: expected features and an output",
                         r->source);
    TGL_TRY(read_base(r, learner, param));
    return read_trees(r);
}

/* ---- the graph ---- */

static tgl_status add(reader *r, uint32_t *number, tgl_node node)
{
    return tgl_graph_add(r->graph, &node, number, r->err);
}

static tgl_status add_inputs(reader *r, const tgl_json *json)
{
    const tgl_json *names =
        tgl__json_get(tgl__json_get(json, "learner"), "feature_names");
    const char **labels = NULL;
    if (tgl__json_size(names) == r->n_feature) {
        labels = get(r, r->n_feature, sizeof *labels);
        for (uint32_t i = 0; labels && i < r->n_feature; i++)
            labels[i] = tgl__json_string(tgl__json_at(names, i), "");
    }
    return add(r, NULL,
               (tgl_node){.name = "features",
                          .op = TGL_GRAPH_INPUT,
                          .n_element = r->n_feature,
                          .out = &r->input,
                          .n_out = 1,
                          .labels = labels});
}

static tgl_status add_leaves(reader *r)
{
    int64_t *codes = get(r, r->n_leaf, sizeof *codes);
    const tgl_quant plain = {r->score.type, TGL_TRN, TGL_WRAP};
    if (!codes)
        return tgl__fail_nomem(r->err);
    for (uint32_t i = 0; i < r->n_node; i++) {
        const split_node *s = &r->nodes[i];
        if (s->height == 0 && s->left == 0)
            TGL_TRY(tgl_quantise_double(&codes[s->place], s->value, &r->score, r->err));
    }
    return add(r, &r->levels[0],
               (tgl_node){.name = "leaves",
                          .op = TGL_GRAPH_CONSTANT,
                          .n_element = r->n_leaf,
                          .codes = codes,
                          .out = &plain,
                          .n_out = 1});
}

/* x < t on the grid of x: x < ceil(t), held within one beyond the type's codes. */
static int64_t threshold_code(const reader *r, double t)
{
    double code = ceil(ldexp(t, r->input.type.frac));
    double lo = (double)tgl_type_min(r->input.type),
           hi = (double)tgl_type_max(r->input.type) + 1;
    return (int64_t)(code < lo ? lo : code > hi ? hi : code);
}

/* Decisions of all splits of height h: x < t. */
static tgl_status add_decisions(reader *r, uint32_t h, uint32_t *number)
{
    uint32_t n = r->per_height[h], gathered, thresholds;
    char names[3][32];
    const tgl_quant bit = {{0, 1, 0}, TGL_TRN, TGL_WRAP};
    const tgl_quant plain = {
        {1, (uint8_t)(r->input.type.width + 2), r->input.type.frac}, TGL_TRN, TGL_WRAP};
    uint32_t *indices = get(r, n, sizeof *indices);
    int64_t *codes = get(r, n, sizeof *codes);
    if (!indices || !codes)
        return tgl__fail_nomem(r->err);
    for (uint32_t i = 0; i < r->n_node; i++) {
        const split_node *s = &r->nodes[i];
        if (s->left == 0 || s->height != h)
            continue;
        indices[s->place] = s->feature;
        codes[s->place] = threshold_code(r, s->value);
    }
    snprintf(names[0], sizeof names[0], "features_%u", h);
    snprintf(names[1], sizeof names[1], "thresholds_%u", h);
    snprintf(names[2], sizeof names[2], "decisions_%u", h);
    TGL_TRY(add(r, &gathered,
                (tgl_node){.name = names[0],
                           .op = TGL_GRAPH_REARRANGE,
                           .n_input = 1,
                           .inputs = (const uint32_t[]){0},
                           .n_element = n,
                           .indices = indices,
                           .out = &r->input,
                           .n_out = 1}));
    TGL_TRY(add(r, &thresholds,
                (tgl_node){.name = names[1],
                           .op = TGL_GRAPH_CONSTANT,
                           .n_element = n,
                           .codes = codes,
                           .out = &plain,
                           .n_out = 1}));
    return add(r, number,
               (tgl_node){.name = names[2],
                          .op = TGL_GRAPH_COMPARE,
                          .relation = 2, /* < */
                          .n_input = 2,
                          .inputs = (const uint32_t[]){gathered, thresholds},
                          .n_element = n,
                          .out = &bit,
                          .n_out = 1});
}

/* Where a node's value stands among leaves and the splits below height h. */
static uint32_t place_of(const reader *r, const split_node *s)
{
    uint32_t at = s->left == 0 ? 0 : r->n_leaf;
    for (uint32_t h = 1; s->left != 0 && h < s->height; h++)
        at += r->per_height[h];
    return at + s->place;
}

/* The values that the children on one side of height h's splits have. */
static tgl_status add_side(reader *r, uint32_t h, bool left, uint32_t *number)
{
    uint32_t *indices = get(r, r->per_height[h], sizeof *indices);
    char name[32];
    if (!indices)
        return tgl__fail_nomem(r->err);
    for (uint32_t t = 0; t < r->n_tree; t++) {
        split_node *tree = r->nodes + r->roots[t];
        uint32_t end = t + 1 < r->n_tree ? r->roots[t + 1] : r->n_node;
        for (uint32_t i = 0; i < end - r->roots[t]; i++)
            if (tree[i].left != 0 && tree[i].height == h)
                indices[tree[i].place] =
                    place_of(r, &tree[left ? tree[i].left : tree[i].right]);
    }
    snprintf(name, sizeof name, "%s_%u", left ? "left" : "right", h);
    const tgl_quant plain = {r->score.type, TGL_TRN, TGL_WRAP};
    return add(r, number,
               (tgl_node){.name = name,
                          .op = TGL_GRAPH_REARRANGE,
                          .n_input = h,
                          .inputs = r->levels,
                          .n_element = r->per_height[h],
                          .indices = indices,
                          .out = &plain,
                          .n_out = 1});
}

static tgl_status add_level(reader *r, uint32_t h)
{
    uint32_t decisions, left, right;
    char name[32];
    const tgl_quant plain = {r->score.type, TGL_TRN, TGL_WRAP};
    TGL_TRY(add_decisions(r, h, &decisions));
    TGL_TRY(add_side(r, h, true, &left));
    TGL_TRY(add_side(r, h, false, &right));
    snprintf(name, sizeof name, "subtrees_%u", h);
    return add(r, &r->levels[h],
               (tgl_node){.name = name,
                          .op = TGL_GRAPH_SELECT,
                          .n_input = 3,
                          .inputs = (const uint32_t[]){decisions, left, right},
                          .n_element = r->per_height[h],
                          .out = &plain,
                          .n_out = 1});
}

/* Base margins and trees by class, in the order of the trees; shorter classes are filled
 * with zeros, which change no sum. */
static tgl_status add_scores(reader *r)
{
    uint32_t group = 1, base, ordered, score;
    uint32_t *count = get(r, r->n_class, sizeof *count);
    int64_t *codes = get(r, r->n_class, sizeof *codes);
    const tgl_quant plain = {r->score.type, TGL_TRN, TGL_WRAP};
    if (!count || !codes)
        return tgl__fail_nomem(r->err);
    for (uint32_t t = 0; t < r->n_tree; t++)
        if (++count[r->classes[t]] >= group)
            group = count[r->classes[t]] + 1;
    uint32_t *indices = get(r, (size_t)r->n_class * group, sizeof *indices);
    uint32_t *inputs = get(r, r->height + 2, sizeof *inputs);
    if (!indices || !inputs)
        return tgl__fail_nomem(r->err);
    for (uint32_t c = 0; c < r->n_class; c++)
        TGL_TRY(tgl_quantise_double(&codes[c], r->base[c], &r->score, r->err));
    TGL_TRY(add(r, &base,
                (tgl_node){.name = "base_margin",
                           .op = TGL_GRAPH_CONSTANT,
                           .n_element = r->n_class,
                           .codes = codes,
                           .out = &plain,
                           .n_out = 1}));
    memset(indices, 0xff, (size_t)r->n_class * group * sizeof *indices); /* zeros */
    memset(count, 0, r->n_class * sizeof *count);
    inputs[0] = base;
    memcpy(inputs + 1, r->levels, (r->height + 1) * sizeof *inputs);
    for (uint32_t c = 0; c < r->n_class; c++)
        indices[c * group + count[c]++] = c;
    for (uint32_t t = 0; t < r->n_tree; t++) {
        uint32_t c = r->classes[t];
        indices[c * group + count[c]++] =
            r->n_class + place_of(r, &r->nodes[r->roots[t]]);
    }
    TGL_TRY(add(r, &ordered,
                (tgl_node){.name = "trees",
                           .op = TGL_GRAPH_REARRANGE,
                           .n_input = r->height + 2,
                           .inputs = inputs,
                           .n_element = r->n_class * group,
                           .indices = indices,
                           .out = &plain,
                           .n_out = 1}));
    TGL_TRY(
        add(r, &score,
            (tgl_node){.name = "margin",
                       .op = TGL_GRAPH_REDUCE_SUM,
                       .kind = 1,
                       .group = group,
                       .n_input = 1,
                       .inputs = &ordered,
                       .n_element = r->n_class,
                       .acc = r->score,
                       .out = &plain,
                       .n_out = 1,
                       .note = "sum of the trees in their order, base margin first; no "
                               "sigmoid or softmax; inputs have no missing values"}));
    return tgl_graph_add_output(r->graph, "margin", score, r->err);
}

static tgl_status build(reader *r, const tgl_json *json)
{
    if (r->input.type.width + 2 > TGL_MAX_WIDTH || r->input.type.width > 50)
        return tgl__fail(r->err, TGL_ELIMIT,
                         "%s: expected an input type of at most 50 bits, found %u",
                         r->source, r->input.type.width);
    TGL_TRY(tgl_graph_new(&r->graph, "xgboost", r->err));
    TGL_TRY(add_inputs(r, json));
    TGL_TRY(add_leaves(r));
    for (uint32_t h = 1; h <= r->height; h++)
        TGL_TRY(add_level(r, h));
    TGL_TRY(add_scores(r));
    return tgl_graph_verify(r->graph, r->err);
}

static bool sniff(const tgl_model_source *source)
{
    const tgl_json *learner = tgl__json_get(source->json, "learner");
    return tgl__json_get(learner, "gradient_booster") &&
           tgl__json_get(learner, "learner_model_param");
}

static void report(tgl_import *import)
{
    tgl__import_choice(import, "inputs",
                       "%s each, never missing: default directions are not kept",
                       import->options->input_type);
    tgl__import_choice(import, "margin",
                       "leaves and base margin converted to %s and summed in the order "
                       "of the trees; no sigmoid or softmax",
                       import->options->score_type);
}

static tgl_status import(tgl_graph **out, tgl_import *import)
{
    const tgl_json *json = import->source->json;
    tgl_error *err = import->err;
    reader *r = tgl__calloc(1, sizeof *r);
    if (!r)
        return tgl__fail_nomem(err);
    r->source = import->source->path;
    r->err = err;
    tgl_status status = tgl_quant_parse(&r->input, import->options->input_type, err);
    if (status == TGL_OK)
        status = tgl_quant_parse(&r->score, import->options->score_type, err);
    r->input.round = TGL_TRN;
    r->input.overflow = TGL_WRAP;
    if (status == TGL_OK)
        status = read_learner(r, json);
    if (status == TGL_OK)
        status = build(r, json);
    if (status == TGL_OK) {
        report(import);
        *out = r->graph;
    } else
        tgl_graph_free(r->graph);
    tgl__arena_release(&r->arena);
    tgl__free(r);
    return status;
}

extern const tgl_importer tgl__importer_xgboost;
const tgl_importer tgl__importer_xgboost = {
    .name = "xgboost",
    .summary = "XGBoost's JSON model: boosted trees",
    .traits = TGL__IS_JSON | TGL__NEEDS_TYPES,
    .sniff = sniff,
    .import = import,
};
