/* The tree object: TTree, TBranch…, TLeaf…, walked by plans made from the streamer info.
 * Only the members a reader needs are kept; decoding stops behind the branches. */
#include <string.h>

#include "base/error.h"
#include "data/root/root.h"

enum {
    BYTE_COUNT = 0x40000000,
    MAP_OFFSET = 2,
    IS_REFERENCED = 1 << 4,
    MAX_DEPTH = 64,
    MAX_PLAN = 4096
};
#define CLASS_TAG 0x80000000u
#define NEW_CLASS 0xFFFFFFFFu

/* Members kept. One numbering serves every class: a name means the same in all. */
typedef enum slot {
    NOTHING,
    NAME,
    TITLE,
    ENTRIES,
    WRITE_BASKET,
    MAX_BASKETS,
    ENTRY_OFFSET_LEN,
    IO_BITS,
    FIRST_ENTRY,
    BASKET_BYTES,
    BASKET_ENTRY,
    BASKET_SEEK,
    BRANCHES,
    LEAVES,
    BASKETS,
    FILE_NAME,
    CLASS_NAME,
    PARENT_NAME,
    CLONES_NAME,
    CHECK_SUM,
    CLASS_VERSION,
    ID,
    TYPE,
    STREAMER_TYPE,
    BRANCH_COUNT,
    LEN,
    IS_UNSIGNED,
    LEAF_COUNT,
    CLUSTER_RANGE,
    N_SLOT
} slot;

static const char *const slot_names[N_SLOT] = {
    [NAME] = "fName",
    [TITLE] = "fTitle",
    [ENTRIES] = "fEntries",
    [WRITE_BASKET] = "fWriteBasket",
    [MAX_BASKETS] = "fMaxBaskets",
    [ENTRY_OFFSET_LEN] = "fEntryOffsetLen",
    [IO_BITS] = "fIOBits",
    [FIRST_ENTRY] = "fFirstEntry",
    [BASKET_BYTES] = "fBasketBytes",
    [BASKET_ENTRY] = "fBasketEntry",
    [BASKET_SEEK] = "fBasketSeek",
    [BRANCHES] = "fBranches",
    [LEAVES] = "fLeaves",
    [BASKETS] = "fBaskets",
    [FILE_NAME] = "fFileName",
    [CLASS_NAME] = "fClassName",
    [PARENT_NAME] = "fParentName",
    [CLONES_NAME] = "fClonesName",
    [CHECK_SUM] = "fCheckSum",
    [CLASS_VERSION] = "fClassVersion",
    [ID] = "fID",
    [TYPE] = "fType",
    [STREAMER_TYPE] = "fStreamerType",
    [BRANCH_COUNT] = "fBranchCount",
    [LEN] = "fLen",
    [IS_UNSIGNED] = "fIsUnsigned",
    [LEAF_COUNT] = "fLeafCount",
    [CLUSTER_RANGE] = "fNClusterRange",
};

typedef struct value {
    int64_t number;
    tgl_root_text text;
    tgl_root_array array;
    tgl_root_objects objects;
    tgl_root_object *object;
    bool is_set;
} value;

/* ---- plans --------------------------------------------------------------- */

typedef enum op_kind {
    OP_SKIP,   /* size bytes */
    OP_NUMBER, /* type, into slot */
    OP_TEXT,
    OP_TOBJECT,
    OP_BASE,    /* class `name`, its version in front */
    OP_OBJECT,  /* the same, in place */
    OP_ARRAY,   /* TObjArray in place */
    OP_POINTER, /* any object */
    OP_COUNTED, /* flag byte, then slot `count` numbers of `size` bytes */
    OP_SKIP_COUNTED,
    OP_STOP /* the plan knows no further: go to the object's end */
} op_kind;

typedef struct op {
    op_kind kind;
    slot slot, count;
    uint32_t size;
    int32_t type;
    tgl_root_text name;
} op;

struct tgl_root_plan {
    uint32_t n;
    op ops[];
};

static slot slot_of(tgl_root_text name)
{
    for (int i = 1; i < N_SLOT; i++)
        if (tgl__root_text_is(name, slot_names[i]))
            return (slot)i;
    return NOTHING;
}

/* Bytes on disk of a number of ROOT's type code, 0 for others. */
static uint32_t type_size(int32_t type)
{
    static const uint8_t sizes[20] = {0, 1, 2, 4, 8, 4, 4, 0, 8, 0,
                                      1, 1, 2, 4, 8, 4, 8, 8, 1, 0};
    return type > 0 && type < 20 ? sizes[type] : 0;
}

static op plan_basic(const tgl_root_element *e)
{
    op o = {.kind = OP_STOP};
    if (e->type > 20 && e->type < 40) {
        uint32_t size = type_size(e->type - 20);
        size_t bytes;
        if (size != 0 && e->array_size >= 0 &&
            tgl__mul_size(&bytes, size, (size_t)e->array_size) && bytes <= UINT32_MAX)
            o = (op){.kind = OP_SKIP, .size = (uint32_t)bytes};
        return o;
    }
    o.size = type_size(e->type);
    o.type = e->type;
    o.slot = slot_of(e->name);
    if (o.size != 0)
        o.kind = o.slot == NOTHING ? OP_SKIP : OP_NUMBER;
    return o;
}

static op plan_counted(const tgl_root_element *e)
{
    op o = {.kind = OP_STOP,
            .size = type_size(e->type - 40),
            .slot = slot_of(e->name),
            .count = slot_of(e->count_name)};
    if (o.size != 0 && o.count != NOTHING)
        o.kind = o.slot == NOTHING ? OP_SKIP_COUNTED : OP_COUNTED;
    return o;
}

static op plan_element(const tgl_root_element *e)
{
    op o = {.kind = OP_STOP, .slot = slot_of(e->name), .name = e->type_name};
    switch (e->kind) {
    case TGL_ROOT_E_BASE:
        o.name = e->name;
        o.kind = tgl__root_text_is(e->name, "TObject") ? OP_TOBJECT : OP_BASE;
        return o;
    case TGL_ROOT_E_BASIC:
        return plan_basic(e);
    case TGL_ROOT_E_COUNTED:
        return plan_counted(e);
    case TGL_ROOT_E_STRING:
        o.kind = OP_TEXT;
        return o;
    case TGL_ROOT_E_OBJECT:
        o.kind = tgl__root_text_is(e->type_name, "TObjArray") ? OP_ARRAY : OP_OBJECT;
        return o;
    case TGL_ROOT_E_POINTER:
        o.kind = OP_POINTER;
        return o;
    default:
        return o;
    }
}

static tgl_status make_plan(tgl_root_class *class, tgl_arena *arena, tgl_error *err)
{
    uint32_t n = class->n_element < MAX_PLAN ? class->n_element : MAX_PLAN;
    struct tgl_root_plan *plan =
        tgl__arena_alloc(arena, 1, sizeof *plan + n * sizeof plan->ops[0]);
    if (plan == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < n; i++) {
        op o = plan_element(&class->elements[i]);
        op *last = plan->n == 0 ? NULL : &plan->ops[plan->n - 1];
        if (o.kind == OP_SKIP && last != NULL && last->kind == OP_SKIP &&
            last->size <= UINT32_MAX - o.size)
            last->size += o.size;
        else
            plan->ops[plan->n++] = o;
        if (o.kind == OP_STOP)
            break;
    }
    class->plan = plan;
    return TGL_OK;
}

/* ---- walking ------------------------------------------------------------- */

/* Something a later reference may name: a class (first use of its name) or an object. */
typedef struct place {
    uint32_t at;
    bool is_class;
    tgl_root_text class_name;
    tgl_root_object *object;
} place;

typedef struct walk {
    tgl_root_cursor c;
    const uint8_t *begin;
    uint32_t key_size;
    tgl_root_schema *schema;
    tgl_arena *arena;
    place *places; /* ascending */
    size_t n_place, place_capacity;
    int depth;
    bool is_done; /* the tree's branches are in: the rest does not matter */
    tgl_error *err;
} walk;

static tgl_status cut_short(walk *w)
{
    return tgl__fail(w->err, TGL_EFORMAT,
                     "tree's metadata is malformed near byte %zu of the unpacked object",
                     (size_t)(w->c.at - w->begin));
}

static tgl_status add_place(walk *w, place p)
{
    if (w->n_place == w->place_capacity) {
        size_t capacity = w->place_capacity == 0 ? 1024 : w->place_capacity * 2;
        place *more = tgl__realloc(w->places, capacity, sizeof *more);
        if (more == NULL)
            return tgl__fail_nomem(w->err);
        w->places = more;
        w->place_capacity = capacity;
    }
    w->places[w->n_place++] = p;
    return TGL_OK;
}

/* Places are added in reading order, which is their order. */
static place *find_place(walk *w, uint32_t at, bool is_class)
{
    size_t low = 0, high = w->n_place;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w->places[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < w->n_place && w->places[low].at == at; low++)
        if (w->places[low].is_class == is_class)
            return &w->places[low];
    return NULL;
}

/* Byte count and version; `end` NULL when no count is given. */
static int32_t read_version(walk *w, const uint8_t **end)
{
    *end = NULL;
    if (tgl__root_left(&w->c) >= 6 && (tgl__be32(w->c.at) & BYTE_COUNT) != 0) {
        uint32_t n = tgl__root_u32(&w->c) & ~(uint32_t)BYTE_COUNT;
        if (n > tgl__root_left(&w->c))
            w->c.failed = true;
        else
            *end = w->c.at + n;
    }
    return (int16_t)tgl__root_u16(&w->c);
}

static void skip_tobject(walk *w)
{
    const uint8_t *end;
    (void)read_version(w, &end);
    (void)tgl__root_u32(&w->c);
    if ((tgl__root_u32(&w->c) & IS_REFERENCED) != 0)
        (void)tgl__root_u16(&w->c);
}

static tgl_status go_to_end(walk *w, const uint8_t *end)
{
    if (w->c.failed || (end != NULL && w->c.at > end))
        return cut_short(w);
    if (end != NULL)
        w->c.at = end;
    return TGL_OK;
}

static tgl_status read_any(walk *w, tgl_root_object **out);

static tgl_status read_array(walk *w, tgl_root_objects *out)
{
    const uint8_t *end;
    (void)read_version(w, &end);
    skip_tobject(w);
    (void)tgl__root_text(&w->c);
    uint32_t n = tgl__root_u32(&w->c);
    (void)tgl__root_u32(&w->c); /* lower bound */
    if (w->c.failed || n > tgl__root_left(&w->c) / 4)
        return cut_short(w);
    for (uint32_t i = 0; i < n; i++) {
        tgl_root_object *object = NULL;
        TGL_TRY(read_any(w, &object));
        if (object == NULL)
            continue;
        if (out->n == out->capacity) {
            uint32_t capacity = out->capacity == 0 ? 2 : out->capacity * 2;
            void *items = tgl__arena_alloc(w->arena, capacity, sizeof *out->items);
            uint32_t *places = tgl__arena_alloc(w->arena, capacity, sizeof *places);
            if (items == NULL || places == NULL)
                return tgl__fail_nomem(w->err);
            if (out->n > 0) {
                memcpy(items, out->items, out->n * sizeof *out->items);
                memcpy(places, out->places, out->n * sizeof *places);
            }
            out->items = items;
            out->places = places;
            out->capacity = capacity;
        }
        out->places[out->n] = i;
        out->items[out->n++] = object;
    }
    return go_to_end(w, end);
}

static int64_t number_at(const uint8_t *p, int32_t type)
{
    switch (type_size(type)) {
    case 1:
        return type == 1 ? (int64_t)(int8_t)*p : (int64_t)*p;
    case 2:
        return type == 12 ? (int64_t)tgl__be16(p) : (int64_t)(int16_t)tgl__be16(p);
    case 4:
        return type == 3 || type == 6 ? (int64_t)(int32_t)tgl__be32(p)
                                      : (int64_t)tgl__be32(p);
    default:
        break;
    }
    if (type != 8)
        return (int64_t)tgl__be64(p);
    uint64_t bits = tgl__be64(p); /* early trees count in doubles */
    double d;
    memcpy(&d, &bits, sizeof d);
    return d >= 0 && d < 9e15 ? (int64_t)d : -1;
}

static tgl_status read_counted(walk *w, const op *o, value *values)
{
    int64_t n = values[o->count].number;
    uint8_t present = tgl__root_u8(&w->c);
    if (n < 0 || n > INT32_MAX)
        return cut_short(w);
    if (present == 0)
        return TGL_OK;
    const uint8_t *p = tgl__root_take(&w->c, (size_t)n * o->size);
    if (p == NULL)
        return cut_short(w);
    if (o->kind == OP_COUNTED)
        values[o->slot].array = (tgl_root_array){p, (uint32_t)n, (uint8_t)o->size};
    return TGL_OK;
}

static tgl_status read_members(walk *w, const tgl_root_class *class, value *values);

/* An object in place: version in front, the members by its class. TArray… have neither
 * count nor version. */
static tgl_status read_inner(walk *w, tgl_root_text name, value *values, bool is_base)
{
    if (tgl__root_text_is(name, "TArrayD") || tgl__root_text_is(name, "TArrayI")) {
        uint32_t n = tgl__root_u32(&w->c);
        size_t width = name.text[6] == 'D' ? 8 : 4;
        (void)tgl__root_take(&w->c, n > INT32_MAX ? SIZE_MAX : n * width);
        return TGL_OK;
    }
    const uint8_t *end;
    int32_t version = read_version(w, &end);
    if (w->c.failed)
        return cut_short(w);
    bool is_kept = is_base || tgl__root_text_is(name, "ROOT::TIOFeatures");
    tgl_root_class *class =
        is_kept ? tgl__root_class_find(w->schema, name, version == 0 ? -1 : version)
                : NULL;
    if (class == NULL && end == NULL)
        return tgl__fail(w->err, TGL_EUNSUPPORTED,
                         "class '%.*s' version %d is not described in the file",
                         (int)name.size, name.text, version);
    if (class != NULL) {
        if (version == 0 && end != NULL && end - w->c.at >= 5)
            (void)tgl__root_u32(&w->c); /* a class without a version: its checksum */
        if (class->plan == NULL)
            TGL_TRY(make_plan(class, w->arena, w->err));
        TGL_TRY(read_members(w, class, values));
    }
    return w->is_done ? TGL_OK : go_to_end(w, end);
}

static tgl_status read_op(walk *w, const op *o, value *values)
{
    const uint8_t *p;
    switch (o->kind) {
    case OP_SKIP:
        (void)tgl__root_take(&w->c, o->size);
        return TGL_OK;
    case OP_NUMBER:
        p = tgl__root_take(&w->c, o->size);
        if (p != NULL)
            values[o->slot] = (value){.number = number_at(p, o->type), .is_set = true};
        return TGL_OK;
    case OP_TEXT:
        values[o->slot].text = tgl__root_text(&w->c);
        values[o->slot].is_set = true;
        return TGL_OK;
    case OP_TOBJECT:
        skip_tobject(w);
        return TGL_OK;
    case OP_BASE:
    case OP_OBJECT:
        return read_inner(w, o->name, values, o->kind == OP_BASE);
    case OP_ARRAY:
        values[o->slot].objects = (tgl_root_objects){0};
        return read_array(w, &values[o->slot].objects);
    case OP_POINTER:
        return read_any(w, &values[o->slot].object);
    case OP_COUNTED:
    case OP_SKIP_COUNTED:
        return read_counted(w, o, values);
    case OP_STOP:
        break;
    }
    return TGL_OK;
}

static tgl_status read_members(walk *w, const tgl_root_class *class, value *values)
{
    if (++w->depth > MAX_DEPTH)
        return tgl__fail(w->err, TGL_ELIMIT, "objects nest deeper than %d",
                         (int)MAX_DEPTH);
    bool is_tree = tgl__root_text_is(class->name, "TTree");
    for (uint32_t i = 0; i < class->plan->n && !w->c.failed && !w->is_done; i++) {
        const op *o = &class->plan->ops[i];
        TGL_TRY(read_op(w, o, values));
        if (is_tree && o->kind == OP_ARRAY && o->slot == BRANCHES)
            w->is_done = true;
    }
    w->depth--;
    return w->c.failed ? cut_short(w) : TGL_OK;
}

/* ---- objects ------------------------------------------------------------- */

static bool starts_with(tgl_root_text text, const char *with)
{
    size_t n = strlen(with);
    return text.size >= n && memcmp(text.text, with, n) == 0;
}

static tgl_root_kind kind_of(tgl_root_text name)
{
    if (tgl__root_text_is(name, "TBasket"))
        return TGL_ROOT_BASKET;
    if (starts_with(name, "TLeaf"))
        return TGL_ROOT_LEAF;
    if (tgl__root_text_is(name, "TBranch") || tgl__root_text_is(name, "TBranchElement") ||
        tgl__root_text_is(name, "TBranchObject") ||
        tgl__root_text_is(name, "TBranchSTL") || tgl__root_text_is(name, "TBranchClones"))
        return TGL_ROOT_BRANCH;
    return TGL_ROOT_OTHER;
}

static void fill_branch(tgl_root_branch *b, const value *v)
{
    b->name = v[NAME].text;
    b->class_name = v[CLASS_NAME].text;
    b->has_class_name = v[CLASS_NAME].is_set;
    b->clones_name = v[CLONES_NAME].text;
    b->parent_name = v[PARENT_NAME].text;
    b->file_name = v[FILE_NAME].text;
    b->n_basket = (int32_t)v[WRITE_BASKET].number;
    b->entry_offset_size = (int32_t)v[ENTRY_OFFSET_LEN].number;
    b->id = (int32_t)v[ID].number;
    b->type = (int32_t)v[TYPE].number;
    b->streamer_type = (int32_t)v[STREAMER_TYPE].number;
    b->class_version = (int32_t)v[CLASS_VERSION].number;
    b->checksum = (uint32_t)v[CHECK_SUM].number;
    b->io_bits = (uint8_t)v[IO_BITS].number;
    b->n_entry = (uint64_t)v[ENTRIES].number;
    b->first_entry = (uint64_t)v[FIRST_ENTRY].number;
    b->basket_bytes = v[BASKET_BYTES].array;
    b->basket_entry = v[BASKET_ENTRY].array;
    b->basket_seek = v[BASKET_SEEK].array;
    b->children = v[BRANCHES].objects;
    b->leaves = v[LEAVES].objects;
    b->baskets = v[BASKETS].objects;
    if (v[BRANCH_COUNT].object != NULL && v[BRANCH_COUNT].object->kind == TGL_ROOT_BRANCH)
        b->count = (tgl_root_branch *)v[BRANCH_COUNT].object;
}

static void fill_leaf(tgl_root_leaf *leaf, const value *v)
{
    leaf->name = v[NAME].text;
    leaf->title = v[TITLE].text;
    leaf->size = (int32_t)v[LEN].number;
    leaf->type = (int32_t)v[TYPE].number;
    leaf->is_unsigned = v[IS_UNSIGNED].number != 0;
    if (v[LEAF_COUNT].object != NULL && v[LEAF_COUNT].object->kind == TGL_ROOT_LEAF)
        leaf->count = (tgl_root_leaf *)v[LEAF_COUNT].object;
}

static size_t object_size(tgl_root_kind kind)
{
    switch (kind) {
    case TGL_ROOT_BRANCH:
        return sizeof(tgl_root_branch);
    case TGL_ROOT_LEAF:
        return sizeof(tgl_root_leaf);
    case TGL_ROOT_BASKET:
        return sizeof(tgl_root_basket);
    default:
        return sizeof(tgl_root_object);
    }
}

/* Members of a branch or leaf; a class the file does not describe is skipped, and its
 * branch later refused. */
static tgl_status read_described(walk *w, tgl_root_object *object, const uint8_t *end)
{
    const uint8_t *own_end;
    int32_t version = read_version(w, &own_end);
    tgl_root_class *class = tgl__root_class_find(w->schema, object->class_name, version);
    if (class == NULL || tgl__root_text_is(object->class_name, "TBranchClones")) {
        if (end == NULL && own_end == NULL)
            return tgl__fail(w->err, TGL_EUNSUPPORTED,
                             "class '%.*s' version %d is not described in the file",
                             (int)object->class_name.size, object->class_name.text,
                             version);
        return go_to_end(w, own_end);
    }
    if (class->plan == NULL)
        TGL_TRY(make_plan(class, w->arena, w->err));
    value values[N_SLOT] = {0};
    for (int i = 0; i < N_SLOT; i++)
        values[i].text.text = "";
    TGL_TRY(read_members(w, class, values));
    TGL_TRY(go_to_end(w, own_end));
    if (object->kind == TGL_ROOT_BRANCH)
        fill_branch((tgl_root_branch *)object, values);
    else
        fill_leaf((tgl_root_leaf *)object, values);
    return TGL_OK;
}

/* An embedded basket: its key, then the basket's fields, offsets and data. */
static tgl_status read_basket(walk *w, tgl_root_basket *basket)
{
    tgl_root_cursor *c = &w->c;
    (void)tgl__root_u32(c);
    uint16_t version = tgl__root_u16(c);
    basket->object_size = tgl__root_u32(c);
    (void)tgl__root_u32(c);
    basket->key_size = tgl__root_u16(c);
    (void)tgl__root_u16(c);
    (void)tgl__root_take(c, version > 1000 ? 16 : 8);
    (void)tgl__root_text(c);
    (void)tgl__root_text(c);
    (void)tgl__root_text(c);
    return tgl__root_basket_fields(basket, c, true, w->err);
}

/* `tag_at` not 0: this object is the first to name its class. */
static tgl_status read_new(walk *w, tgl_root_text name, uint32_t at, uint32_t tag_at,
                           const uint8_t *end, tgl_root_object **out)
{
    tgl_root_kind kind = kind_of(name);
    tgl_root_object *object = tgl__arena_alloc(w->arena, 1, object_size(kind));
    if (object == NULL)
        return tgl__fail_nomem(w->err);
    *object = (tgl_root_object){kind, name};
    value none[N_SLOT] = {0}; /* texts that are not read are empty, never NULL */
    for (int i = 0; i < N_SLOT; i++)
        none[i].text.text = "";
    if (kind == TGL_ROOT_BRANCH)
        fill_branch((tgl_root_branch *)object, none);
    else if (kind == TGL_ROOT_LEAF)
        fill_leaf((tgl_root_leaf *)object, none);
    TGL_TRY(add_place(w, (place){at, false, name, object}));
    if (tag_at != 0)
        TGL_TRY(add_place(w, (place){tag_at, true, name, NULL}));
    *out = object;
    if (++w->depth > MAX_DEPTH)
        return tgl__fail(w->err, TGL_ELIMIT, "objects nest deeper than %d",
                         (int)MAX_DEPTH);
    if (kind == TGL_ROOT_BRANCH || kind == TGL_ROOT_LEAF)
        TGL_TRY(read_described(w, object, end));
    else if (kind == TGL_ROOT_BASKET)
        TGL_TRY(read_basket(w, (tgl_root_basket *)object));
    else if (end == NULL)
        return tgl__fail(w->err, TGL_EUNSUPPORTED, "object of class '%.*s' has no size",
                         (int)name.size, name.text);
    w->depth--;
    return go_to_end(w, end);
}

/* "Any object": nothing, a reference to one met before, or a class and its bytes. */
static tgl_status read_any(walk *w, tgl_root_object **out)
{
    *out = NULL;
    uint32_t start = (uint32_t)(w->c.at - w->begin) + w->key_size + MAP_OFFSET;
    uint32_t first = tgl__root_u32(&w->c), tag = first, tag_at = start;
    const uint8_t *end = NULL;
    if ((first & BYTE_COUNT) != 0 && first != NEW_CLASS) {
        uint32_t n = first & ~(uint32_t)BYTE_COUNT;
        if (n > tgl__root_left(&w->c))
            return cut_short(w);
        end = w->c.at + n;
        tag_at = start + 4;
        tag = tgl__root_u32(&w->c);
    }
    if (w->c.failed)
        return cut_short(w);
    if ((tag & CLASS_TAG) == 0) {
        const place *p = tag == 0 ? NULL : find_place(w, tag, false);
        if (p != NULL)
            *out = p->object;
        return go_to_end(w, end);
    }
    if (tag == NEW_CLASS) {
        const uint8_t *zero = memchr(w->c.at, 0, tgl__root_left(&w->c));
        if (zero == NULL)
            return cut_short(w);
        tgl_root_text name = {(const char *)w->c.at, (uint32_t)(zero - w->c.at)};
        w->c.at = zero + 1;
        return read_new(w, name, start, tag_at, end, out);
    }
    const place *p = find_place(w, tag & ~CLASS_TAG, true);
    if (p == NULL)
        return cut_short(w);
    return read_new(w, p->class_name, start, 0, end, out);
}

/* ---- the tree ------------------------------------------------------------ */

static void link_leaves(const walk *w)
{
    for (size_t i = 0; i < w->n_place; i++) {
        tgl_root_object *object = w->places[i].object;
        if (object == NULL || object->kind != TGL_ROOT_BRANCH)
            continue;
        tgl_root_branch *branch = (tgl_root_branch *)object;
        for (uint32_t k = 0; k < branch->leaves.n; k++)
            if (branch->leaves.items[k]->kind == TGL_ROOT_LEAF)
                ((tgl_root_leaf *)branch->leaves.items[k])->branch = branch;
    }
}

/* A tree whose branches were filled one by one may count 0 entries itself: its rows are
 * then its longest branch's, and the shorter ones are refused. */
static uint64_t longest_branch(const tgl_root_objects *branches)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < branches->n; i++)
        if (branches->items[i]->kind == TGL_ROOT_BRANCH &&
            ((tgl_root_branch *)branches->items[i])->n_entry > most)
            most = ((tgl_root_branch *)branches->items[i])->n_entry;
    return most;
}

static tgl_status walk_tree(tgl_root_tree *out, walk *w, tgl_root_text class_name)
{
    value values[N_SLOT] = {0};
    TGL_TRY(read_inner(w, class_name, values, true));
    if (!w->is_done)
        return tgl__fail(w->err, TGL_EFORMAT, "tree has no list of branches");
    if (values[ENTRIES].number < 0)
        return tgl__fail(w->err, TGL_EFORMAT, "tree says it has %lld entries",
                         (long long)values[ENTRIES].number);
    out->name = values[NAME].text;
    out->n_entry = (uint64_t)values[ENTRIES].number;
    out->branches = values[BRANCHES].objects;
    if (out->n_entry == 0)
        out->n_entry = longest_branch(&out->branches);
    link_leaves(w);
    return TGL_OK;
}

tgl_status tgl__root_tree_read(tgl_root_tree *out, const tgl_root_file *file,
                               const tgl_root_key *listed, tgl_root_schema *schema,
                               tgl_arena *arena, tgl_error *err)
{
    *out = (tgl_root_tree){0};
    tgl_root_key key;
    TGL_TRY(tgl__root_key_at(&key, file, listed->seek, err));
    tgl_root_codec codec = {0};
    const uint8_t *bytes = NULL;
    tgl_status status =
        tgl__root_unpack(&bytes, &codec, file, key.at + key.key_size,
                         key.n_byte - key.key_size, key.object_size, NULL, err);
    if (status == TGL_OK) {
        if (bytes == codec.bytes) { /* names and arrays are views into it */
            out->bytes = codec.bytes;
            codec.bytes = NULL;
        }
        walk w = {.c = {bytes, bytes + key.object_size, false},
                  .begin = bytes,
                  .key_size = key.key_size,
                  .schema = schema,
                  .arena = arena,
                  .err = err};
        status = walk_tree(out, &w, key.class_name);
        tgl__free(w.places);
    }
    tgl__root_codec_release(&codec);
    return status;
}
