/* TStreamerInfo: the file's own description of its classes, and a built-in one of the few
 * classes a tree is made of, for files that carry none. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/root/root.h"

enum {
    BYTE_COUNT = 0x40000000,
    CLASS_TAG = (int)0x80000000,
    MAP_OFFSET = 2, /* ROOT counts tag positions from 2 */
    IS_REFERENCED = 1 << 4,
    MAX_CLASS = 65536
};
#define NEW_CLASS 0xFFFFFFFFu

/* ---- built in ------------------------------------------------------------ */

/* One class a line: name, version, members in order. Types: b bool, c int8, u uint8,
 * s int16, i int32, I uint32, l int64, d double, S string, O in-place object, P pointer,
 * <Name:version base; "i*fMax name" counted array. */
static const char *const built_in[] = {
    "TNamed 1 <TObject:1 SfName SfTitle",
    "TAttLine 2 sfLineColor sfLineStyle sfLineWidth",
    "TAttLine 1 sfLineColor sfLineStyle sfLineWidth",
    "TAttFill 2 sfFillColor sfFillStyle",
    "TAttFill 1 sfFillColor sfFillStyle",
    "TAttMarker 2 sfMarkerColor sfMarkerStyle ffMarkerSize",
    "ROOT::TIOFeatures 1 ufIOBits",
    "TTree 20 <TNamed:1 <TAttLine:2 <TAttFill:2 <TAttMarker:2 lfEntries lfTotBytes "
    "lfZipBytes lfSavedBytes lfFlushedBytes dfWeight ifTimerInterval ifScanField "
    "ifUpdate ifDefaultEntryOffsetLen ifNClusterRange lfMaxEntries lfMaxEntryLoop "
    "lfMaxVirtualSize lfAutoSave lfAutoFlush lfEstimate "
    "l*fNClusterRange:fClusterRangeEnd "
    "l*fNClusterRange:fClusterSize OROOT::TIOFeatures:fIOFeatures OTObjArray:fBranches",
    "TTree 19 <TNamed:1 <TAttLine:2 <TAttFill:2 <TAttMarker:2 lfEntries lfTotBytes "
    "lfZipBytes lfSavedBytes lfFlushedBytes dfWeight ifTimerInterval ifScanField "
    "ifUpdate ifDefaultEntryOffsetLen ifNClusterRange lfMaxEntries lfMaxEntryLoop "
    "lfMaxVirtualSize lfAutoSave lfAutoFlush lfEstimate "
    "l*fNClusterRange:fClusterRangeEnd "
    "l*fNClusterRange:fClusterSize OTObjArray:fBranches",
    "TTree 18 <TNamed:1 <TAttLine:1 <TAttFill:1 <TAttMarker:2 lfEntries lfTotBytes "
    "lfZipBytes lfSavedBytes lfFlushedBytes dfWeight ifTimerInterval ifScanField "
    "ifUpdate ifDefaultEntryOffsetLen lfMaxEntries lfMaxEntryLoop lfMaxVirtualSize "
    "lfAutoSave lfAutoFlush lfEstimate OTObjArray:fBranches",
    "TTree 17 <TNamed:1 <TAttLine:1 <TAttFill:1 <TAttMarker:2 lfEntries lfTotBytes "
    "lfZipBytes lfSavedBytes dfWeight ifTimerInterval ifScanField ifUpdate "
    "ifDefaultEntryOffsetLen lfMaxEntries lfMaxEntryLoop lfMaxVirtualSize lfAutoSave "
    "lfEstimate OTObjArray:fBranches",
    "TTree 16 <TNamed:1 <TAttLine:1 <TAttFill:1 <TAttMarker:2 lfEntries lfTotBytes "
    "lfZipBytes lfSavedBytes dfWeight ifTimerInterval ifScanField ifUpdate lfMaxEntries "
    "lfMaxEntryLoop lfMaxVirtualSize lfAutoSave lfEstimate OTObjArray:fBranches",
    "TNtuple 2 <TTree:20 ifNvar",
    "TNtupleD 1 <TTree:20 ifNvar",
    "TBranch 13 <TNamed:1 <TAttFill:2 ifCompress ifBasketSize ifEntryOffsetLen "
    "ifWriteBasket lfEntryNumber OROOT::TIOFeatures:fIOFeatures ifOffset ifMaxBaskets "
    "ifSplitLevel lfEntries lfFirstEntry lfTotBytes lfZipBytes OTObjArray:fBranches "
    "OTObjArray:fLeaves OTObjArray:fBaskets i*fMaxBaskets:fBasketBytes "
    "l*fMaxBaskets:fBasketEntry l*fMaxBaskets:fBasketSeek SfFileName",
    "TBranch 12 <TNamed:1 <TAttFill:2 ifCompress ifBasketSize ifEntryOffsetLen "
    "ifWriteBasket lfEntryNumber ifOffset ifMaxBaskets ifSplitLevel lfEntries "
    "lfFirstEntry lfTotBytes lfZipBytes OTObjArray:fBranches OTObjArray:fLeaves "
    "OTObjArray:fBaskets i*fMaxBaskets:fBasketBytes l*fMaxBaskets:fBasketEntry "
    "l*fMaxBaskets:fBasketSeek SfFileName",
    "TBranch 11 <TNamed:1 <TAttFill:1 ifCompress ifBasketSize ifEntryOffsetLen "
    "ifWriteBasket lfEntryNumber ifOffset ifMaxBaskets ifSplitLevel lfEntries "
    "lfFirstEntry lfTotBytes lfZipBytes OTObjArray:fBranches OTObjArray:fLeaves "
    "OTObjArray:fBaskets i*fMaxBaskets:fBasketBytes l*fMaxBaskets:fBasketEntry "
    "l*fMaxBaskets:fBasketSeek SfFileName",
    "TBranchElement 10 <TBranch:12 SfClassName SfParentName SfClonesName IfCheckSum "
    "sfClassVersion ifID ifType ifStreamerType ifMaximum PfBranchCount PfBranchCount2",
    "TBranchElement 9 <TBranch:12 SfClassName SfParentName SfClonesName IfCheckSum "
    "ifClassVersion ifID ifType ifStreamerType ifMaximum PfBranchCount PfBranchCount2",
    "TBranchElement 8 <TBranch:12 SfClassName SfParentName SfClonesName IfCheckSum "
    "ifClassVersion ifID ifType ifStreamerType ifMaximum PfBranchCount PfBranchCount2",
    "TBranchObject 1 <TBranch:12 SfClassName",
    "TLeaf 2 <TNamed:1 ifLen ifLenType ifOffset bfIsRange bfIsUnsigned PfLeafCount",
    "TLeafO 1 <TLeaf:2 bfMinimum bfMaximum",
    "TLeafB 1 <TLeaf:2 cfMinimum cfMaximum",
    "TLeafS 1 <TLeaf:2 sfMinimum sfMaximum",
    "TLeafI 1 <TLeaf:2 ifMinimum ifMaximum",
    "TLeafL 1 <TLeaf:2 lfMinimum lfMaximum",
    "TLeafG 1 <TLeaf:2 lfMinimum lfMaximum",
    "TLeafF 1 <TLeaf:2 ffMinimum ffMaximum",
    "TLeafD 1 <TLeaf:2 dfMinimum dfMaximum",
    "TLeafC 1 <TLeaf:2 ifMinimum ifMaximum",
    "TLeafElement 1 <TLeaf:2 ifID ifType",
    "TLeafObject 4 <TLeaf:2 bfVirtual",
    NULL};

/* ---- the list of classes ------------------------------------------------- */

static tgl_status add_class(tgl_root_schema *schema, const tgl_root_class *class,
                            tgl_error *err)
{
    if (schema->n >= MAX_CLASS)
        return tgl__fail(err, TGL_ELIMIT, "more than %d classes in the streamer info",
                         (int)MAX_CLASS);
    if (schema->n == schema->capacity) {
        size_t capacity = schema->capacity == 0 ? 64 : schema->capacity * 2;
        tgl_root_class **more = tgl__realloc(schema->classes, capacity, sizeof *more);
        if (more == NULL)
            return tgl__fail_nomem(err);
        schema->classes = more;
        schema->capacity = capacity;
    }
    tgl_root_class *copy = tgl__arena_alloc(schema->arena, 1, sizeof *copy);
    if (copy == NULL)
        return tgl__fail_nomem(err);
    *copy = *class;
    schema->classes[schema->n++] = copy;
    return TGL_OK;
}

static tgl_root_text view(const char *text, size_t n)
{
    return (tgl_root_text){text, (uint32_t)n};
}

static void built_in_type(tgl_root_element *element, char letter)
{
    static const struct {
        char letter;
        int8_t type;
    } codes[] = {{'b', 18}, {'c', 1},  {'u', 11}, {'s', 2}, {'i', 3},
                 {'I', 13}, {'l', 16}, {'f', 5},  {'d', 8}};
    element->kind = TGL_ROOT_E_BASIC;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].letter == letter)
            element->type = codes[i].type;
}

static void built_in_element(tgl_root_element *element, const char *word, size_t n)
{
    const char *colon = NULL; /* the last single one: class names hold "::" */
    for (size_t i = n; i-- > 1 && colon == NULL;)
        if (word[i] == ':' && word[i - 1] != ':')
            colon = word + i;
    size_t head = colon == NULL ? n : (size_t)(colon - word);
    if (word[0] == '<') {
        element->kind = TGL_ROOT_E_BASE;
        element->name = view(word + 1, head - 1);
        element->base_version = (int32_t)strtol(colon + 1, NULL, 10);
    } else if (word[0] == 'S' || word[0] == 'P') {
        element->kind = word[0] == 'S' ? TGL_ROOT_E_STRING : TGL_ROOT_E_POINTER;
        element->name = view(word + 1, n - 1);
    } else if (word[0] == 'O') {
        element->kind = TGL_ROOT_E_OBJECT;
        element->type_name = view(word + 1, head - 1);
        element->name = view(colon + 1, n - head - 1);
    } else if (word[1] == '*') {
        built_in_type(element, word[0]);
        element->kind = TGL_ROOT_E_COUNTED;
        element->type += 40;
        element->count_name = view(word + 2, head - 2);
        element->name = view(colon + 1, n - head - 1);
    } else {
        built_in_type(element, word[0]);
        element->name = view(word + 1, n - 1);
    }
}

static size_t count_words(const char *line)
{
    size_t n = 0;
    for (const char *p = line; *p != '\0'; p++)
        n += *p == ' ';
    return n + 1;
}

static tgl_root_class *build_in(tgl_root_schema *schema, const char *line)
{
    size_t n_word = count_words(line);
    const char *space = strchr(line, ' ');
    char *after;
    tgl_root_class class = {.name = view(line, (size_t)(space - line)),
                            .version = (int32_t)strtol(space + 1, &after, 10)};
    class.elements = tgl__arena_alloc(schema->arena, n_word, sizeof *class.elements);
    if (class.elements == NULL)
        return NULL;
    while (*after == ' ') {
        const char *word = after + 1;
        size_t n = strcspn(word, " ");
        built_in_element(&class.elements[class.n_element++], word, n);
        after = (char *)(uintptr_t)(word + n);
    }
    if (add_class(schema, &class, NULL) != TGL_OK)
        return NULL;
    return schema->classes[schema->n - 1];
}

tgl_root_class *tgl__root_class_find(tgl_root_schema *schema, tgl_root_text name,
                                     int32_t version)
{
    tgl_root_class *best = NULL;
    for (size_t i = 0; i < schema->n; i++) {
        tgl_root_class *class = schema->classes[i];
        if (!tgl__root_text_same(class->name, name))
            continue;
        if (class->version == version)
            return class;
        if (version < 0 && (best == NULL || class->version > best->version))
            best = class;
    }
    if (best != NULL)
        return best;
    for (size_t i = 0; built_in[i] != NULL; i++) {
        const char *line = built_in[i];
        if (name.size > 0 && name.size < strlen(line) &&
            memcmp(line, name.text, name.size) == 0 && line[name.size] == ' ' &&
            (version < 0 || strtol(line + name.size, NULL, 10) == version))
            return build_in(schema, line);
    }
    return NULL;
}

/* ---- reading ------------------------------------------------------------- */

typedef struct parse {
    tgl_root_schema *schema;
    const uint8_t *begin;
    size_t key_size; /* references count from the key's first byte */
    struct tag {
        uint32_t place;
        tgl_root_text name;
    } * tags;
    size_t n_tag, tag_capacity;
} parse;

/* Byte count and version in front of an object; `end` is where the object stops, or the
 * cursor's end when none is given. */
static uint16_t read_version(tgl_root_cursor *c, const uint8_t **end)
{
    *end = c->end;
    if (tgl__root_left(c) >= 6 && (tgl__be32(c->at) & BYTE_COUNT) != 0) {
        uint32_t n = tgl__root_u32(c) & ~(uint32_t)BYTE_COUNT;
        if (n > tgl__root_left(c))
            c->failed = true;
        else
            *end = c->at + n;
    }
    return tgl__root_u16(c);
}

static void skip_tobject(tgl_root_cursor *c)
{
    const uint8_t *end;
    (void)read_version(c, &end);
    (void)tgl__root_u32(c);
    if ((tgl__root_u32(c) & IS_REFERENCED) != 0)
        (void)tgl__root_u16(c);
}

static void read_named(tgl_root_cursor *c, tgl_root_text *name, tgl_root_text *title)
{
    const uint8_t *end;
    (void)read_version(c, &end);
    skip_tobject(c);
    *name = tgl__root_text(c);
    *title = tgl__root_text(c);
    if (!c->failed && end != c->end)
        c->at = end;
}

static tgl_status add_tag(parse *p, uint32_t place, tgl_root_text name, tgl_error *err)
{
    if (p->n_tag == p->tag_capacity) {
        size_t capacity = p->tag_capacity == 0 ? 32 : p->tag_capacity * 2;
        struct tag *more = tgl__realloc(p->tags, capacity, sizeof *more);
        if (more == NULL)
            return tgl__fail_nomem(err);
        p->tags = more;
        p->tag_capacity = capacity;
    }
    p->tags[p->n_tag++] = (struct tag){place, name};
    return TGL_OK;
}

/* Head of "any object": its class and where it ends; size 0 class name: none, or one met
 * before (streamer info never needs those). */
static tgl_status read_head(parse *p, tgl_root_cursor *c, tgl_root_text *class_name,
                            const uint8_t **end, tgl_error *err)
{
    *class_name = view("", 0);
    *end = c->end;
    uint32_t first = tgl__root_u32(c), tag = first;
    size_t tag_at = (size_t)(c->at - p->begin) - 4;
    if ((first & BYTE_COUNT) != 0 && first != NEW_CLASS) {
        uint32_t n = first & ~(uint32_t)BYTE_COUNT;
        if (n > tgl__root_left(c))
            c->failed = true;
        else
            *end = c->at + n;
        tag_at += 4;
        tag = tgl__root_u32(c);
    }
    if (c->failed || (tag & (uint32_t)CLASS_TAG) == 0)
        return TGL_OK;
    if (tag == NEW_CLASS) {
        const uint8_t *zero = memchr(c->at, 0, tgl__root_left(c));
        if (zero == NULL) {
            c->failed = true;
            return TGL_OK;
        }
        *class_name = view((const char *)c->at, (size_t)(zero - c->at));
        c->at = zero + 1;
        return add_tag(p, (uint32_t)(tag_at + p->key_size + MAP_OFFSET), *class_name,
                       err);
    }
    uint32_t place = tag & ~(uint32_t)CLASS_TAG;
    for (size_t i = 0; i < p->n_tag; i++)
        if (p->tags[i].place == place)
            *class_name = p->tags[i].name;
    return TGL_OK;
}

static uint8_t element_kind(tgl_root_text class_name)
{
    static const struct {
        const char *name;
        uint8_t kind;
    } kinds[] = {{"TStreamerBase", TGL_ROOT_E_BASE},
                 {"TStreamerBasicType", TGL_ROOT_E_BASIC},
                 {"TStreamerBasicPointer", TGL_ROOT_E_COUNTED},
                 {"TStreamerString", TGL_ROOT_E_STRING},
                 {"TStreamerObject", TGL_ROOT_E_OBJECT},
                 {"TStreamerObjectAny", TGL_ROOT_E_OBJECT},
                 {"TStreamerObjectPointer", TGL_ROOT_E_POINTER},
                 {"TStreamerObjectAnyPointer", TGL_ROOT_E_POINTER},
                 {"TStreamerSTL", TGL_ROOT_E_STL},
                 {"TStreamerSTLstring", TGL_ROOT_E_STL}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (tgl__root_text_is(class_name, kinds[i].name))
            return kinds[i].kind;
    return TGL_ROOT_E_OTHER;
}

static void read_element(tgl_root_element *out, tgl_root_cursor *c,
                         tgl_root_text class_name)
{
    const uint8_t *end, *base_end;
    out->kind = element_kind(class_name);
    (void)read_version(c, &end);
    if (tgl__root_text_is(class_name, "TStreamerSTLstring"))
        (void)read_version(c, &base_end); /* it derives from TStreamerSTL */
    uint16_t version = read_version(c, &base_end);
    read_named(c, &out->name, &out->title);
    out->type = (int32_t)tgl__root_u32(c);
    (void)tgl__root_u32(c); /* size in memory */
    out->array_size = (int32_t)tgl__root_u32(c);
    (void)tgl__root_u32(c); /* number of dimensions */
    uint32_t n_max = version == 1 ? tgl__root_u32(c) : 5;
    (void)tgl__root_take(c, (size_t)n_max * 4);
    out->type_name = tgl__root_text(c);
    if (out->type == 11 && (tgl__root_text_is(out->type_name, "Bool_t") ||
                            tgl__root_text_is(out->type_name, "bool")))
        out->type = 18; /* early files call a bool an unsigned char */
    if (!c->failed && base_end != c->end)
        c->at = base_end;
    if (out->kind == TGL_ROOT_E_BASE)
        out->base_version = (int32_t)tgl__root_u32(c);
    if (out->kind == TGL_ROOT_E_COUNTED) {
        (void)tgl__root_u32(c); /* version of the class that holds the count */
        out->count_name = tgl__root_text(c);
    }
}

static tgl_status read_elements(parse *p, tgl_root_class *class, tgl_root_cursor *c,
                                tgl_error *err)
{
    tgl_root_text array_class;
    const uint8_t *end, *inner;
    TGL_TRY(read_head(p, c, &array_class, &end, err));
    if (!tgl__root_text_is(array_class, "TObjArray"))
        return TGL_OK;
    (void)read_version(c, &inner);
    skip_tobject(c);
    (void)tgl__root_text(c);
    uint32_t n = tgl__root_u32(c);
    (void)tgl__root_u32(c); /* lower bound */
    if (c->failed || n > tgl__root_left(c) / 4)
        return tgl__fail(err, TGL_EFORMAT, "streamer info of '%.*s' is cut short",
                         (int)class->name.size, class->name.text);
    class->elements = tgl__arena_alloc(p->schema->arena, n, sizeof *class->elements);
    if (class->elements == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < n && !c->failed; i++) {
        tgl_root_text name;
        TGL_TRY(read_head(p, c, &name, &end, err));
        if (name.size == 0)
            continue;
        read_element(&class->elements[class->n_element++], c, name);
        if (!c->failed && end != c->end)
            c->at = end;
    }
    return TGL_OK;
}

static tgl_status read_info(parse *p, tgl_root_cursor *c, tgl_error *err)
{
    tgl_root_class class = {0};
    tgl_root_text title;
    const uint8_t *end;
    (void)read_version(c, &end);
    read_named(c, &class.name, &title);
    class.checksum = tgl__root_u32(c);
    class.version = (int32_t)tgl__root_u32(c);
    TGL_TRY(read_elements(p, &class, c, err));
    return c->failed ? TGL_OK : add_class(p->schema, &class, err);
}

static tgl_status parse_list(parse *p, tgl_root_cursor *c, tgl_error *err)
{
    const uint8_t *end;
    (void)read_version(c, &end);
    skip_tobject(c);
    (void)tgl__root_text(c);
    uint32_t n = tgl__root_u32(c);
    for (uint32_t i = 0; i < n && !c->failed; i++) {
        tgl_root_text name;
        TGL_TRY(read_head(p, c, &name, &end, err));
        if (tgl__root_text_is(name, "TStreamerInfo"))
            TGL_TRY(read_info(p, c, err));
        if (!c->failed && end != c->end)
            c->at = end;
        (void)tgl__root_text(c); /* the list's option for this item */
    }
    if (c->failed)
        return tgl__fail(err, TGL_EFORMAT, "streamer info is cut short or malformed");
    return TGL_OK;
}

static tgl_status parse_bytes(tgl_root_schema *out, const uint8_t *bytes, size_t n,
                              size_t key_size, tgl_error *err)
{
    parse p = {.schema = out, .begin = bytes, .key_size = key_size};
    tgl_root_cursor c = {bytes, bytes + n, false};
    tgl_status status = parse_list(&p, &c, err);
    tgl__free(p.tags);
    return status;
}

tgl_status tgl__root_schema_parse(tgl_root_schema *out, const uint8_t *bytes, size_t n,
                                  tgl_error *err)
{
    return parse_bytes(out, bytes, n, 64, err);
}

tgl_status tgl__root_schema_read(tgl_root_schema *out, const tgl_root_file *file,
                                 tgl_arena *arena, tgl_error *err)
{
    *out = (tgl_root_schema){.arena = arena, .file = file};
    if (file->info_at == 0)
        return TGL_OK;
    tgl_root_key key;
    TGL_TRY(tgl__root_key_at(&key, file, file->info_at, err));
    tgl_root_codec codec = {0};
    const uint8_t *bytes = NULL;
    tgl_status status =
        tgl__root_unpack(&bytes, &codec, file, key.at + key.key_size,
                         key.n_byte - key.key_size, key.object_size, NULL, err);
    if (status == TGL_OK) {
        if (bytes == codec.bytes) { /* names are views into it */
            out->bytes = codec.bytes;
            codec.bytes = NULL;
        }
        status = parse_bytes(out, bytes, key.object_size, key.key_size, err);
    }
    tgl__root_codec_release(&codec);
    if (status != TGL_OK && err != NULL && err->offset == TGL_NO_OFFSET)
        err->offset = file->info_at;
    return status;
}

void tgl__root_schema_release(tgl_root_schema *schema)
{
    tgl__free(schema->classes);
    tgl__free(schema->bytes);
    schema->classes = NULL;
    schema->bytes = NULL;
    schema->n = schema->capacity = 0;
}
