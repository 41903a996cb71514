/* From branches to columns: which layout each branch has, or why it is refused. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/root/root.h"

enum { MAX_BRANCH_DEPTH = 64, VECTOR_HEADER = 10, STRING_HEADER = 6, POINTER_HEADER = 1 };

/* ROOT's type codes (TVirtualStreamerInfo::EReadWrite). */
enum {
    TYPE_ARRAY = 20,
    TYPE_POINTER = 40,
    TYPE_END_POINTER = 60,
    TYPE_DOUBLE32 = 9,
    TYPE_FLOAT16 = 19,
    TYPE_CHAR_STAR = 7,
    TYPE_BITS = 15,
    TYPE_TSTRING = 65
};
/* TBranchElement::fType */
enum { BRANCH_CLONES = 3, BRANCH_STL = 4, MEMBER_OF_CLONES = 31, MEMBER_OF_STL = 41 };

typedef struct number_type {
    const char *name; /* C++ name */
    tgl_dtype dtype;
    uint8_t width;
} number_type;

static const number_type by_code[20] = {
    [1] = {"char", TGL_I8, 1},
    [2] = {"short", TGL_I16, 2},
    [3] = {"int", TGL_I32, 4},
    [4] = {"long", TGL_I64, 8},
    [5] = {"float", TGL_F32, 4},
    [6] = {"int", TGL_U32, 4},
    [8] = {"double", TGL_F64, 8},
    [11] = {"unsigned char", TGL_U8, 1},
    [12] = {"unsigned short", TGL_U16, 2},
    [13] = {"unsigned int", TGL_U32, 4},
    [14] = {"unsigned long", TGL_U64, 8},
    [15] = {"unsigned int", TGL_U32, 4},
    [16] = {"Long64_t", TGL_I64, 8},
    [17] = {"ULong64_t", TGL_U64, 8},
    [18] = {"bool", TGL_BOOL, 1},
};

static const number_type by_name[] = {
    {"bool", TGL_BOOL, 1},
    {"Bool_t", TGL_BOOL, 1},
    {"char", TGL_I8, 1},
    {"Char_t", TGL_I8, 1},
    {"signed char", TGL_I8, 1},
    {"int8_t", TGL_I8, 1},
    {"unsigned char", TGL_U8, 1},
    {"UChar_t", TGL_U8, 1},
    {"uint8_t", TGL_U8, 1},
    {"short", TGL_I16, 2},
    {"Short_t", TGL_I16, 2},
    {"int16_t", TGL_I16, 2},
    {"unsigned short", TGL_U16, 2},
    {"UShort_t", TGL_U16, 2},
    {"uint16_t", TGL_U16, 2},
    {"int", TGL_I32, 4},
    {"Int_t", TGL_I32, 4},
    {"int32_t", TGL_I32, 4},
    {"unsigned int", TGL_U32, 4},
    {"unsigned", TGL_U32, 4},
    {"UInt_t", TGL_U32, 4},
    {"uint32_t", TGL_U32, 4},
    {"long", TGL_I64, 8},
    {"Long_t", TGL_I64, 8},
    {"long long", TGL_I64, 8},
    {"Long64_t", TGL_I64, 8},
    {"int64_t", TGL_I64, 8},
    {"unsigned long", TGL_U64, 8},
    {"ULong_t", TGL_U64, 8},
    {"unsigned long long", TGL_U64, 8},
    {"ULong64_t", TGL_U64, 8},
    {"uint64_t", TGL_U64, 8},
    {"float", TGL_F32, 4},
    {"Float_t", TGL_F32, 4},
    {"double", TGL_F64, 8},
    {"Double_t", TGL_F64, 8},
};

/* ---- one branch on its way ----------------------------------------------- */

typedef struct build {
    tgl_root_columns *out;
    const tgl_root_tree *tree;
    tgl_root_schema *schema;
    tgl_arena *arena;
    const tgl_root_class *last_class; /* members come in runs of one class */
    tgl_error *err;
} build;

typedef struct draft {
    tgl_field field;
    tgl_root_layout layout;
    bool failed; /* out of memory */
} draft;

static void refuse(build *b, draft *d, const char *reason)
{
    d->field.refusal = tgl__arena_printf(b->arena, "%s: %s", d->field.declared, reason);
    d->failed |= d->field.refusal == NULL;
}

static tgl_root_text strip(tgl_root_text t)
{
    for (;;) {
        if (t.size > 0 && t.text[0] == ' ')
            t = (tgl_root_text){t.text + 1, t.size - 1};
        else if (t.size > 0 && t.text[t.size - 1] == ' ')
            t.size--;
        else if (t.size > 5 && memcmp(t.text, "std::", 5) == 0)
            t = (tgl_root_text){t.text + 5, t.size - 5};
        else if (t.size > 6 && memcmp(t.text, "const ", 6) == 0)
            t = (tgl_root_text){t.text + 6, t.size - 6};
        else
            return t;
    }
}

static const number_type *number_named(tgl_root_text name)
{
    name = strip(name);
    for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++)
        if (tgl__root_text_is(name, by_name[i].name))
            return &by_name[i];
    return NULL;
}

/* "vector<T>" or "RVec<T>" in their spellings: T, else size 0. */
static tgl_root_text vector_item(tgl_root_text name)
{
    static const char *const heads[] = {"vector<", "ROOT::VecOps::RVec<", "ROOT::RVec<",
                                        "RVec<"};
    tgl_root_text none = {"", 0};
    name = strip(name);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        uint32_t n = (uint32_t)strlen(heads[i]);
        if (name.size <= n || memcmp(name.text, heads[i], n) != 0 ||
            name.text[name.size - 1] != '>')
            continue;
        tgl_root_text item = {name.text + n, name.size - n - 1};
        int depth = 0; /* an allocator may follow the item */
        for (uint32_t k = 0; k < item.size; k++) {
            depth += (item.text[k] == '<') - (item.text[k] == '>');
            if (item.text[k] == ',' && depth == 0)
                item.size = k;
        }
        return item;
    }
    return none;
}

static const tgl_root_class *class_of(build *b, const tgl_root_branch *branch)
{
    const tgl_root_class *last = b->last_class;
    if (last != NULL && tgl__root_text_same(last->name, branch->class_name) &&
        (last->version == branch->class_version || last->checksum == branch->checksum))
        return last;
    const tgl_root_class *found = NULL;
    for (size_t i = 0; i < b->schema->n && branch->checksum != 0; i++)
        if (b->schema->classes[i]->checksum == branch->checksum &&
            tgl__root_text_same(b->schema->classes[i]->name, branch->class_name))
            found = b->schema->classes[i];
    if (found == NULL)
        found =
            tgl__root_class_find(b->schema, branch->class_name, branch->class_version);
    if (found == NULL)
        found = tgl__root_class_find(b->schema, branch->class_name, -1);
    b->last_class = found;
    return found;
}

/* The branch's own last name: behind the last dot, before any bracket. */
static tgl_root_text last_name(tgl_root_text name)
{
    for (uint32_t i = 0; i < name.size; i++)
        if (name.text[i] == '[')
            name.size = i;
    for (uint32_t i = name.size; i-- > 0;)
        if (name.text[i] == '.')
            return (tgl_root_text){name.text + i + 1, name.size - i - 1};
    return name;
}

/* The member of its class that a branch holds, or NULL. */
static const tgl_root_element *element_of(build *b, const tgl_root_branch *branch)
{
    if (!branch->has_class_name || branch->id < 0)
        return NULL;
    const tgl_root_class *class = class_of(b, branch);
    if (class == NULL)
        return NULL;
    tgl_root_text name = last_name(branch->name);
    if ((uint32_t)branch->id < class->n_element &&
        tgl__root_text_same(class->elements[branch->id].name, name))
        return &class->elements[branch->id];
    for (uint32_t i = 0; i < class->n_element; i++)
        if (tgl__root_text_same(class->elements[i].name, name))
            return &class->elements[i];
    return (uint32_t)branch->id < class->n_element ? &class->elements[branch->id] : NULL;
}

/* ---- dimensions ---------------------------------------------------------- */

/* The fixed dimensions in a leaf's title, "x[n][3]"; others ("[n]") are the count's. */
static void read_dims(build *b, draft *d, const tgl_root_leaf *leaf)
{
    uint64_t product = 1;
    const char *p = leaf->title.text, *end = p + leaf->title.size;
    bool too_many = false;
    while (p < end) {
        if (*p++ != '[')
            continue;
        uint64_t dim = 0;
        const char *digit = p;
        while (p < end && *p >= '0' && *p <= '9' && dim <= INT32_MAX)
            dim = dim * 10 + (uint64_t)(*p++ - '0');
        if (p == digit || p >= end || *p != ']' || dim == 0 || dim > INT32_MAX)
            continue;
        if (d->field.n_dim == TGL_MAX_DIM) {
            too_many = true;
            break;
        }
        d->field.dim[d->field.n_dim++] = (uint32_t)dim;
        product = product > INT32_MAX ? product : product * dim;
    }
    uint64_t size = leaf->size > 0 ? (uint64_t)leaf->size : 1;
    if (product != size) {
        d->field.n_dim = size > 1;
        d->field.dim[0] = (uint32_t)size;
    }
    d->layout.n_number = (uint32_t)size;
    if (too_many)
        refuse(b, d, "more than 4 dimensions");
}

/* "[lo,hi]" or "[lo,hi,bits]" of Double32_t and Float16_t in a title. Numbers only;
 * pi and twopi stand for themselves. */
static bool range_number(const char **at, const char *end, double *out)
{
    char text[64];
    size_t n = 0;
    const char *p = *at;
    while (p < end && *p == ' ')
        p++;
    while (p < end && *p != ',' && *p != ']' && *p != ' ' && n + 1 < sizeof text)
        text[n++] = *p++;
    text[n] = '\0';
    while (p < end && *p == ' ')
        p++;
    *at = p;
    char *word = text;
    double sign = 1;
    if (*word == '-' || *word == '+')
        sign = *word++ == '-' ? -1 : 1;
    char *stop;
    static const double pi = 3.14159265358979323846;
    double value = strtod(word, &stop);
    if (strcmp(word, "pi") == 0)
        value = pi;
    else if (strcmp(word, "twopi") == 0 || strcmp(word, "2pi") == 0 ||
             strcmp(word, "2*pi") == 0)
        value = 2 * pi;
    else if (strcmp(word, "pi/2") == 0)
        value = pi / 2;
    else if (strcmp(word, "pi/4") == 0)
        value = pi / 4;
    else if (stop == word || *stop != '\0')
        return false;
    *out = sign * value;
    return true;
}

/* 0: no range; 1: low, high and bits read; -1: brackets that are not a range. */
static int read_range(tgl_root_text title, double *low, double *high, double *bits)
{
    const char *p = memchr(title.text, '[', title.size), *end = title.text + title.size;
    if (p == NULL)
        return 0;
    p++;
    *bits = 32;
    if (!range_number(&p, end, low) || p >= end || *p != ',')
        return -1;
    p++;
    if (!range_number(&p, end, high) || p >= end)
        return -1;
    if (*p == ',') {
        p++;
        if (!range_number(&p, end, bits) || p >= end)
            return -1;
        if (*bits < 2 || *bits > 32)
            *bits = 32;
    }
    return *p == ']' ? 1 : -1;
}

static void truncated_number(build *b, draft *d, bool is_double, tgl_root_text title)
{
    double low = 0, high = 0, bits = 0;
    int found = read_range(title, &low, &high, &bits);
    d->field.dtype = is_double ? TGL_F64 : TGL_F32;
    if (found < 0) {
        refuse(b, d, "its range is not written as [low,high,bits] in plain numbers");
        return;
    }
    /* TStreamerElement's GetRange: without a range, more than 14 bits are no truncation
     */
    if (found == 1 && low == 0 && high == 0 && bits > 14)
        found = 0;
    if (found == 0 && is_double) {
        d->layout.coding = TGL_ROOT_FLOAT_UP;
        d->layout.width = 4;
    } else if (found == 0 || low >= high) {
        d->layout.coding = TGL_ROOT_CUT;
        d->layout.width = 3;
        d->layout.step = found == 0 ? 12 : bits;
        if (d->layout.step > 14)
            refuse(b, d, "truncated mantissa of more than 14 bits");
    } else {
        d->layout.coding = TGL_ROOT_SCALED;
        d->layout.width = 4;
        double top = bits < 32 ? (double)((uint64_t)1 << (unsigned)bits) : 4294967295.0;
        d->layout.low = low;
        d->layout.step = top / (high - low);
    }
}

/* ---- leaves -------------------------------------------------------------- */

static void set_number(draft *d, const number_type *type)
{
    d->field.dtype = type->dtype;
    d->layout.width = type->width;
}

/* Type code of a TLeafO … TLeafD, 0 for others. */
static int32_t leaf_code(const tgl_root_leaf *leaf)
{
    static const struct {
        const char *name;
        int32_t code, unsigned_code;
    } codes[] = {{"TLeafO", 18, 18}, {"TLeafB", 1, 11},  {"TLeafS", 2, 12},
                 {"TLeafI", 3, 13},  {"TLeafL", 16, 17}, {"TLeafG", 16, 17},
                 {"TLeafF", 5, 5},   {"TLeafD", 8, 8},   {"TLeafF16", 19, 19},
                 {"TLeafD32", 9, 9}};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (tgl__root_text_is(leaf->object.class_name, codes[i].name))
            return leaf->is_unsigned ? codes[i].unsigned_code : codes[i].code;
    return 0;
}

static void finish_fixed(draft *d)
{
    d->layout.shape = TGL_ROOT_FIXED;
    d->layout.stride = d->layout.width * d->layout.n_number;
}

static void make_jagged(build *b, draft *d, const tgl_root_branch *count)
{
    d->layout.shape = TGL_ROOT_JAGGED;
    d->field.is_jagged = 1;
    d->layout.count = count;
    if ((uint64_t)d->layout.width * d->layout.n_number > INT32_MAX)
        refuse(b, d, "items larger than 2 GiB");
}

static void declare(build *b, draft *d, const char *type, tgl_root_text title)
{
    const char *p = memchr(title.text, '[', title.size);
    size_t n = p == NULL ? 0 : title.size - (size_t)(p - title.text);
    d->field.declared =
        tgl__arena_printf(b->arena, "%s%.*s", type, (int)n, p == NULL ? "" : p);
    d->failed |= d->field.declared == NULL;
}

static void declare_text(build *b, draft *d, tgl_root_text text)
{
    d->field.declared =
        tgl__arena_strndup(b->arena, text.size == 0 ? "" : text.text, text.size);
    d->failed |= d->field.declared == NULL;
}

/* One leaf of a plain TBranch. */
static void plain_leaf(build *b, draft *d, const tgl_root_leaf *leaf)
{
    d->layout.n_number = 1;
    if (tgl__root_text_is(leaf->object.class_name, "TLeafC")) {
        declare(b, d, "char*", (tgl_root_text){"", 0});
        d->field.dtype = TGL_STRING;
        d->layout.shape = TGL_ROOT_STRING;
        return;
    }
    int32_t code = leaf_code(leaf);
    if (code == 0) {
        declare_text(b, d, leaf->object.class_name);
        refuse(b, d, "not a leaf type trigline reads");
        return;
    }
    bool cut = code == TYPE_DOUBLE32 || code == TYPE_FLOAT16;
    const char *name = code == TYPE_DOUBLE32  ? "Double32_t"
                       : code == TYPE_FLOAT16 ? "Float16_t"
                                              : by_code[code].name;
    declare(b, d, name, leaf->title);
    read_dims(b, d, leaf);
    if (cut)
        truncated_number(b, d, code == TYPE_DOUBLE32, leaf->title);
    else
        set_number(d, &by_code[code]);
    if (leaf->count != NULL)
        make_jagged(b, d, leaf->count->branch);
    else
        finish_fixed(d);
}

/* ---- branches of classes ------------------------------------------------- */

static void element_number(build *b, draft *d, const tgl_root_branch *branch,
                           const tgl_root_leaf *leaf, const tgl_root_element *e,
                           int32_t code)
{
    read_dims(b, d, leaf);
    if (code == TYPE_DOUBLE32 || code == TYPE_FLOAT16)
        truncated_number(b, d, code == TYPE_DOUBLE32,
                         e == NULL ? (tgl_root_text){"", 0} : e->title);
    else if (code > 0 && code < 20 && by_code[code].name != NULL) {
        set_number(d, &by_code[code]);
        if (code == TYPE_BITS)
            d->layout.coding = TGL_ROOT_BITS;
    } else {
        refuse(b, d, "not a number type trigline reads");
        return;
    }
    bool is_member = branch->type == MEMBER_OF_CLONES || branch->type == MEMBER_OF_STL;
    if (is_member || leaf->count != NULL)
        make_jagged(b, d,
                    branch->count != NULL ? branch->count
                    : leaf->count != NULL ? leaf->count->branch
                                          : NULL);
    else
        finish_fixed(d);
}

static void element_object(build *b, draft *d, const tgl_root_branch *branch,
                           tgl_root_text type_name, bool is_member)
{
    bool in_collection =
        branch->type == MEMBER_OF_CLONES || branch->type == MEMBER_OF_STL;
    bool is_tstring = branch->streamer_type == TYPE_TSTRING ||
                      tgl__root_text_is(strip(type_name), "TString");
    bool is_string = tgl__root_text_is(strip(type_name), "string");
    const number_type *item = number_named(vector_item(type_name));
    d->layout.n_number = 1;
    if (in_collection) {
        refuse(b, d,
               item != NULL || is_string || is_tstring
                   ? "one per item of a collection: a list of lists"
                   : "an object per item of a collection");
    } else if (is_string || is_tstring) {
        d->field.dtype = TGL_STRING;
        d->layout.shape = TGL_ROOT_STRING;
        d->layout.header = is_string && is_member ? STRING_HEADER : 0;
    } else if (item != NULL) {
        set_number(d, item);
        make_jagged(b, d, NULL);
        d->layout.header = VECTOR_HEADER;
    } else if (tgl__root_text_is(strip(type_name), "char*")) {
        d->field.dtype = TGL_STRING;
        d->layout.shape = TGL_ROOT_STRING;
        d->layout.long_text = 1;
    } else {
        refuse(b, d, "not a column layout trigline reads");
    }
}

/* Fixed arrays of strings or vectors look like one of them but for the dimensions. */
static bool has_fixed_dims(const tgl_root_leaf *leaf)
{
    return leaf->size > 1;
}

static void class_leaf(build *b, draft *d, const tgl_root_branch *branch,
                       const tgl_root_leaf *leaf)
{
    const tgl_root_element *e = element_of(b, branch);
    tgl_root_text type_name = e != NULL ? e->type_name : branch->class_name;
    int32_t type = leaf->type;
    bool is_element = tgl__root_text_is(leaf->object.class_name, "TLeafElement");
    bool is_number = is_element && type > 0 && type < TYPE_END_POINTER &&
                     type % TYPE_ARRAY != TYPE_CHAR_STAR && type % TYPE_ARRAY != 0;
    if (branch->type == BRANCH_CLONES || branch->type == BRANCH_STL) {
        tgl_root_text what = branch->class_name;
        d->field.declared =
            tgl__arena_printf(b->arena, "int (items of %.*s)", (int)what.size, what.text);
        d->failed |= d->field.declared == NULL;
        set_number(d, &by_code[3]);
        d->layout.n_number = 1;
        finish_fixed(d);
    } else if (!is_number) {
        declare_text(b, d, type_name);
        if (has_fixed_dims(leaf))
            refuse(b, d, "a fixed array of objects");
        else
            element_object(b, d, branch, type_name, e != NULL);
    } else {
        int32_t code = type % TYPE_ARRAY;
        const char *name = code == TYPE_DOUBLE32        ? "Double32_t"
                           : code == TYPE_FLOAT16       ? "Float16_t"
                           : by_code[code].name != NULL ? by_code[code].name
                                                        : "unknown type";
        declare(b, d, name, leaf->title);
        bool pointer = type > TYPE_POINTER;
        if (pointer &&
            (branch->type == MEMBER_OF_CLONES || branch->type == MEMBER_OF_STL)) {
            refuse(b, d, "one per item of a collection: a list of lists");
            return;
        }
        element_number(b, d, branch, leaf, e, code);
        if (pointer)
            d->layout.header = POINTER_HEADER;
    }
}

/* ---- the list ------------------------------------------------------------ */

static tgl_status append(build *b, draft *d)
{
    tgl_root_columns *out = b->out;
    if (d->failed || d->field.name == NULL || d->field.declared == NULL)
        return tgl__fail_nomem(b->err);
    if (out->n == out->capacity) {
        size_t capacity = out->capacity == 0 ? 64 : out->capacity * 2;
        tgl_field *fields = tgl__realloc(out->fields, capacity, sizeof *fields);
        if (fields == NULL)
            return tgl__fail_nomem(b->err);
        out->fields = fields;
        tgl_root_layout *layouts = tgl__realloc(out->layouts, capacity, sizeof *layouts);
        if (layouts == NULL)
            return tgl__fail_nomem(b->err);
        out->layouts = layouts;
        out->capacity = capacity;
    }
    d->layout.dtype = d->field.dtype;
    if (d->field.refusal != NULL) {
        d->field.dtype = (tgl_dtype)0;
        d->field.is_jagged = d->field.n_dim = 0;
    }
    out->fields[out->n] = d->field;
    out->layouts[out->n++] = d->layout;
    return TGL_OK;
}

/* What no layout can mend. */
static void refuse_by_branch(build *b, draft *d, const tgl_root_branch *branch)
{
    if (d->field.refusal != NULL)
        return;
    if (branch->file_name.size != 0)
        refuse(b, d, "its values live in another file");
    else if (branch->n_entry != b->tree->n_entry) {
        char reason[80];
        snprintf(reason, sizeof reason, "it has %" PRIu64 " entries, the tree %" PRIu64,
                 branch->n_entry, b->tree->n_entry);
        refuse(b, d, reason);
    }
}

static tgl_status refuse_branch(build *b, const char *name, tgl_root_text declared,
                                const char *reason)
{
    draft d = {.field.name = name};
    declare_text(b, &d, declared);
    if (!d.failed)
        refuse(b, &d, reason);
    return append(b, &d);
}

/* A plain TBranch of several leaves: one column each, "branch.leaf". */
static tgl_status leaf_list(build *b, const tgl_root_branch *branch, const char *name)
{
    bool varying = false;
    for (uint32_t i = 0; i < branch->leaves.n; i++)
        varying |= branch->leaves.items[i]->kind != TGL_ROOT_LEAF ||
                   ((tgl_root_leaf *)branch->leaves.items[i])->count != NULL;
    if (varying)
        return refuse_branch(b, name, (tgl_root_text){"leaf list", 9},
                             "leaves of varying size among several");
    uint64_t at = 0;
    size_t first = b->out->n;
    for (uint32_t i = 0; i < branch->leaves.n; i++) {
        const tgl_root_leaf *leaf = (tgl_root_leaf *)branch->leaves.items[i];
        draft d = {.layout.branch = branch};
        d.field.name = tgl__arena_printf(b->arena, "%s.%.*s", name, (int)leaf->name.size,
                                         leaf->name.text);
        plain_leaf(b, &d, leaf);
        if (d.layout.shape != TGL_ROOT_FIXED && d.field.refusal == NULL)
            refuse(b, &d, "text in a leaf list");
        refuse_by_branch(b, &d, branch);
        d.layout.skip = (uint32_t)at;
        at += (uint64_t)d.layout.width * d.layout.n_number;
        TGL_TRY(append(b, &d));
    }
    bool sound = at <= INT32_MAX; /* one leaf refused: the others' places are unknown */
    for (size_t i = first; i < b->out->n; i++) {
        sound &= b->out->fields[i].refusal == NULL;
        b->out->layouts[i].stride = (uint32_t)at;
    }
    for (size_t i = first; i < b->out->n && !sound; i++)
        if (b->out->fields[i].refusal == NULL)
            b->out->fields[i].refusal = "a leaf beside it cannot be read";
    return TGL_OK;
}

static tgl_status one_branch(build *b, const tgl_root_branch *branch, const char *name)
{
    bool is_collection = branch->type == BRANCH_CLONES || branch->type == BRANCH_STL;
    if (branch->children.n > 0 && !is_collection)
        return refuse_branch(b, name, branch->class_name, "holds sub-branches only");
    if (tgl__root_text_is(branch->object.class_name, "TBranchObject") ||
        tgl__root_text_is(branch->object.class_name, "TBranchClones"))
        return refuse_branch(b, name, branch->class_name,
                             "whole objects of this branch class are not read");
    if (branch->leaves.n == 0 || branch->leaves.items[0]->kind != TGL_ROOT_LEAF)
        return refuse_branch(b, name, branch->class_name, "no leaf holds values");
    if (branch->leaves.n > 1)
        return leaf_list(b, branch, name);
    const tgl_root_leaf *leaf = (tgl_root_leaf *)branch->leaves.items[0];
    draft d = {.field.name = name, .layout.branch = branch};
    if (branch->has_class_name)
        class_leaf(b, &d, branch, leaf);
    else
        plain_leaf(b, &d, leaf);
    if (!d.failed)
        refuse_by_branch(b, &d, branch);
    return append(b, &d);
}

static tgl_status add_branches(build *b, const tgl_root_objects *list, const char *prefix,
                               int depth)
{
    if (depth > MAX_BRANCH_DEPTH)
        return tgl__fail(b->err, TGL_ELIMIT, "branches nest deeper than %d",
                         (int)MAX_BRANCH_DEPTH);
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->items[i]->kind != TGL_ROOT_BRANCH)
            continue;
        tgl_root_branch *branch = (tgl_root_branch *)list->items[i];
        if (branch->is_seen)
            continue;
        branch->is_seen = true;
        char *name = tgl__arena_printf(b->arena, "%s%.*s", prefix, (int)branch->name.size,
                                       branch->name.text);
        if (name == NULL)
            return tgl__fail_nomem(b->err);
        TGL_TRY(one_branch(b, branch, name));
        if (branch->children.n == 0)
            continue;
        char *inner = tgl__arena_printf(b->arena, "%s/", name);
        if (inner == NULL)
            return tgl__fail_nomem(b->err);
        TGL_TRY(add_branches(b, &branch->children, inner, depth + 1));
    }
    return TGL_OK;
}

tgl_status tgl__root_columns(tgl_root_columns *out, const tgl_root_tree *tree,
                             tgl_root_schema *schema, tgl_arena *arena, tgl_error *err)
{
    build b = {.out = out, .tree = tree, .schema = schema, .arena = arena, .err = err};
    return add_branches(&b, &tree->branches, "", 0);
}

void tgl__root_columns_release(tgl_root_columns *columns)
{
    tgl__free(columns->fields);
    tgl__free(columns->layouts);
    *columns = (tgl_root_columns){0};
}
