/* What the child does: list datasets, read rows. Runs alone in its process, so a failure
 * needs no tidying beyond an answer. Links to other files, external storage and virtual
 * datasets are not followed. */
#include <hdf5.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "data/hdf5/h5_child.h"
#include "table/table.h"
#include "text/json.h"

enum {
    MAX_DATASET = 16384,
    MAX_LINK = 65536,
    MAX_DEPTH = 16,
    SLAB = 16 << 20, /* bytes read at a time */
    DOCUMENT_LIMIT = 64 << 20
};

typedef struct listing {
    tgl_json *arrays;
    size_t n_link;
    unsigned depth;
    haddr_t above[MAX_DEPTH + 1]; /* the groups around the current one: links may loop */
    const char *prefix;
    bool failed;
} listing;

/* ---- types ---- */

static bool is_h5_bool(hid_t type)
{
    /* an enumeration of FALSE = 0 and TRUE = 1 over one byte, as h5py writes it */
    int8_t value[2] = {-1, -1};
    return H5Tget_nmembers(type) == 2 && H5Tget_size(type) == 1 &&
           H5Tenum_valueof(type, "FALSE", &value[0]) >= 0 &&
           H5Tenum_valueof(type, "TRUE", &value[1]) >= 0 && value[0] == 0 &&
           value[1] == 1;
}

static tgl_dtype integer_dtype(size_t size, bool is_signed)
{
    switch (size) {
    case 1:
        return is_signed ? TGL_I8 : TGL_U8;
    case 2:
        return is_signed ? TGL_I16 : TGL_U16;
    case 4:
        return is_signed ? TGL_I32 : TGL_U32;
    case 8:
        return is_signed ? TGL_I64 : TGL_U64;
    default:
        return (tgl_dtype)0;
    }
}

/* The dtype of an HDF5 type, 0 when it is none of ours; `declared` receives its name. */
static tgl_dtype dtype_of(hid_t type, char declared[64])
{
    H5T_class_t class = H5Tget_class(type);
    size_t size = H5Tget_size(type);
    tgl_dtype dtype = (tgl_dtype)0;
    const char *order = H5Tget_order(type) == H5T_ORDER_BE ? ", big-endian" : "";
    snprintf(declared, 64, "class %d of %zu bytes", (int)class, size);
    if (class == H5T_INTEGER) {
        dtype = integer_dtype(size, H5Tget_sign(type) == H5T_SGN_2);
        snprintf(declared, 64, "integer of %zu bits%s", 8 * size, order);
    } else if (class == H5T_FLOAT) {
        dtype = size == 8 ? TGL_F64 : size == 4 || size == 2 ? TGL_F32 : (tgl_dtype)0;
        snprintf(declared, 64, "float of %zu bits%s", 8 * size, order);
    } else if (class == H5T_ENUM && is_h5_bool(type)) {
        dtype = TGL_BOOL;
        snprintf(declared, 64, "enumeration of FALSE and TRUE");
    } else if (class == H5T_ENUM) {
        hid_t base = H5Tget_super(type);
        dtype = integer_dtype(H5Tget_size(base), H5Tget_sign(base) == H5T_SGN_2);
        snprintf(declared, 64, "enumeration of %d names", H5Tget_nmembers(type));
        H5Tclose(base);
    } else if (class == H5T_STRING) {
        dtype = TGL_STRING;
        snprintf(declared, 64,
                 H5Tis_variable_str(type) > 0 ? "string" : "string of %zu bytes", size);
    } else if (class == H5T_VLEN) {
        snprintf(declared, 64, "variable-length sequence");
    } else if (class == H5T_COMPOUND) {
        snprintf(declared, 64, "compound of %d members", H5Tget_nmembers(type));
    }
    return dtype;
}

/* ---- listing ---- */

static bool put_text(tgl_json *object, const char *key, const char *text)
{
    return tgl__json_put(object, key, tgl__json_new_string(text));
}

/* Chunks never written give fill values, which cost nothing in the file: a dataset may
 * declare any size. Above 1 GiB its stored bytes must be able to unpack to it. */
static const char *size_refusal(hid_t dataset, char room[96])
{
    const uint64_t free_size = (uint64_t)1 << 30, deflate_ratio = 1032;
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    uint64_t stored = H5Dget_storage_size(dataset), bytes;
    if (n < 0 || __builtin_mul_overflow((uint64_t)n, H5Tget_size(type), &bytes))
        bytes = UINT64_MAX;
    H5Tclose(type);
    H5Sclose(space);
    if (bytes <= free_size || bytes / deflate_ratio <= stored)
        return NULL;
    snprintf(room, 96, "%" PRIu64 " stored bytes cannot unpack to its %" PRIu64, stored,
             bytes);
    return room;
}

/* Why a dataset's data cannot be had, whatever its type; `room` holds the text. */
static const char *storage_refusal(hid_t dataset, char room[96])
{
    hid_t plist = H5Dget_create_plist(dataset);
    const char *refusal = NULL;
    if (H5Pget_layout(plist) == H5D_VIRTUAL)
        refusal = "a virtual dataset (its data lie in other files)";
    else if (H5Pget_external_count(plist) > 0)
        refusal = "its data lie in other files";
    if (refusal == NULL)
        refusal = size_refusal(dataset, room);
    for (int i = 0; refusal == NULL && i < H5Pget_nfilters(plist); i++) {
        unsigned flags, setup;
        size_t n = 0;
        char name[48] = "";
        H5Z_filter_t id = H5Pget_filter2(plist, (unsigned)i, &flags, &n, NULL,
                                         sizeof name, name, &setup);
        if (id >= 0 && H5Zfilter_avail(id) > 0)
            continue;
        name[sizeof name - 1] = '\0';
        snprintf(room, 96, "its HDF5 filter %d (%s) is not installed", (int)id, name);
        refusal = room;
    }
    H5Pclose(plist);
    return refusal;
}

static void add_array(listing *l, const char *name, const char *member, hid_t type,
                      const hsize_t *dims, int rank, const char *refusal)
{
    char declared[64], full[1100];
    tgl_dtype dtype = dtype_of(type, declared);
    tgl_json *entry = tgl__json_object(), *list = tgl__json_array();
    bool good = true;
    snprintf(full, sizeof full, "%s%s%s", name, member ? "/" : "", member ? member : "");
    if (refusal == NULL && dtype == 0)
        refusal = "this HDF5 type is not supported";
    for (int d = 0; d < rank; d++) {
        if (dims[d] > INT64_MAX)
            refusal = "more rows than can be";
        good = tgl__json_append(list, tgl__json_new_int((int64_t)dims[d])) && good;
    }
    good = put_text(entry, "name", full) && good;
    good = put_text(entry, "dataset", name) && good;
    if (member != NULL)
        good = put_text(entry, "member", member) && good;
    good = put_text(entry, "declared", declared) && good;
    good = put_text(entry, "type", dtype == 0 ? "" : tgl_dtype_name(dtype)) && good;
    if (refusal != NULL)
        good = put_text(entry, "refusal", refusal) && good;
    good = tgl__json_put(entry, "dims", list) && good;
    if (!good)
        tgl__json_free(entry); /* a name that is not UTF-8: left out */
    else if (!tgl__json_append(l->arrays, entry))
        l->failed = true;
}

static void list_dataset(listing *l, hid_t dataset, const char *name)
{
    hsize_t dims[H5S_MAX_RANK] = {0};
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    char room[96];
    const char *refusal = rank < 0 ? "no simple shape" : storage_refusal(dataset, room);
    rank = rank < 0 ? 0 : rank;
    if (type >= 0 && H5Tget_class(type) == H5T_COMPOUND)
        for (int m = 0; m < H5Tget_nmembers(type) && m < MAX_DATASET; m++) {
            hid_t member = H5Tget_member_type(type, (unsigned)m);
            char *text = H5Tget_member_name(type, (unsigned)m);
            if (text != NULL && member >= 0)
                add_array(l, name, text, member, dims, rank, refusal);
            H5free_memory(text);
            H5Tclose(member);
        }
    else if (type >= 0)
        add_array(l, name, NULL, type, dims, rank, refusal);
    H5Tclose(type);
    H5Sclose(space);
}

/* Enter a group unless it is one of those around it. */
static bool enter(listing *l, hid_t group)
{
    H5O_info_t info;
    if (l->depth > MAX_DEPTH || H5Oget_info2(group, &info, H5O_INFO_BASIC) < 0)
        return false;
    for (unsigned i = 0; i < l->depth; i++)
        if (l->above[i] == info.addr)
            return false;
    l->above[l->depth++] = info.addr;
    return true;
}

static herr_t visit(hid_t group, const char *link, const H5L_info_t *info, void *user)
{
    listing *l = user;
    if (++l->n_link > MAX_LINK || tgl__json_size(l->arrays) >= MAX_DATASET)
        return -1;
    if (info->type != H5L_TYPE_HARD || strlen(link) > 512)
        return 0;
    if (l->prefix[0] == '\0' && strcmp(link, TGL_H5_DOCUMENT) == 0)
        return 0;
    char name[1024];
    int n =
        snprintf(name, sizeof name, "%s%s%s", l->prefix, l->prefix[0] ? "/" : "", link);
    hid_t object = H5Oopen(group, link, H5P_DEFAULT);
    if (object < 0)
        return -1;
    H5I_type_t kind = H5Iget_type(object);
    herr_t result = 0;
    if (kind == H5I_DATASET && n < (int)sizeof name) {
        list_dataset(l, object, name);
    } else if (kind == H5I_GROUP && n < (int)sizeof name && enter(l, object)) {
        const char *outer = l->prefix;
        l->prefix = name;
        result = H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, l);
        l->depth--;
        l->prefix = outer;
    }
    H5Oclose(object);
    return l->failed ? -1 : result;
}

/* The text of the dataset "trigline.json", or NULL when it is not there. */
static tgl_status read_document(char **out, hid_t group, const char *path, tgl_error *err)
{
    *out = NULL;
    if (H5Lexists(group, TGL_H5_DOCUMENT, H5P_DEFAULT) <= 0)
        return TGL_OK;
    hid_t dataset = H5Dopen2(group, TGL_H5_DOCUMENT, H5P_DEFAULT);
    hid_t type = dataset < 0 ? -1 : H5Dget_type(dataset);
    hid_t space = dataset < 0 ? -1 : H5Dget_space(dataset);
    size_t size = type < 0 ? 0 : H5Tget_size(type);
    if (type < 0 || H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) ||
        H5Sget_simple_extent_npoints(space) != 1 || size > DOCUMENT_LIMIT)
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s': %s is not the text trigline writes there", path,
                         TGL_H5_DOCUMENT);
    char *text = tgl__calloc(size + 1, 1);
    if (text == NULL)
        return tgl__fail_nomem(err);
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0)
        return tgl__fail(err, TGL_EFORMAT, "'%s': %s cannot be read", path,
                         TGL_H5_DOCUMENT);
    *out = text;
    return TGL_OK;
}

static tgl_status answer_list(int fd, hid_t group, const char *path, tgl_error *err)
{
    char *document, *text;
    TGL_TRY(read_document(&document, group, path, err));
    listing l = {.arrays = tgl__json_array(), .prefix = ""};
    tgl_json *root = tgl__json_object();
    if (!enter(&l, group) ||
        H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, &l) < 0)
        return tgl__fail(err, l.n_link > MAX_LINK ? TGL_ELIMIT : TGL_EFORMAT,
                         "'%s': its groups cannot be listed", path);
    bool good = document == NULL || put_text(root, "document", document);
    if (!tgl__json_put(root, "arrays", l.arrays) || !good)
        return tgl__fail(err, TGL_EFORMAT, "'%s': its groups cannot be described", path);
    size_t n;
    TGL_TRY(tgl__json_dump(&text, &n, root, err));
    return tgl__h5_send(fd, text, n, err);
}

/* ---- reading ---- */

typedef struct reading {
    int fd;
    const tgl_h5_request *request;
    hid_t dataset, memory_type; /* one element in memory */
    size_t size;                /* bytes of it */
    hid_t file_space;
    int rank;
    hsize_t dims[H5S_MAX_RANK];
    uint64_t item; /* elements per row */
} reading;

static tgl_status broken(const reading *r, tgl_error *err)
{
    return tgl__fail(err, TGL_EFORMAT,
                     "'%s': dataset '%s' cannot be read; it is broken or needs a filter "
                     "that is not installed",
                     r->request->path, r->request->dataset);
}

/* Rows [begin, end) into memory. */
static tgl_status read_slab(const reading *r, void *out, uint64_t begin, uint64_t end,
                            tgl_error *err)
{
    hsize_t start[H5S_MAX_RANK] = {begin}, count[H5S_MAX_RANK];
    memcpy(count, r->dims, sizeof count);
    count[0] = end - begin;
    hid_t space = H5Screate_simple(r->rank, count, NULL);
    bool good =
        space >= 0 &&
        H5Sselect_hyperslab(r->file_space, H5S_SELECT_SET, start, NULL, count, NULL) >=
            0 &&
        H5Dread(r->dataset, r->memory_type, space, r->file_space, H5P_DEFAULT, out) >= 0;
    H5Sclose(space);
    return good ? TGL_OK : broken(r, err);
}

static tgl_status send_numbers(const reading *r, tgl_error *err)
{
    uint64_t row = r->size * r->item, step = row == 0 || row > SLAB ? 1 : SLAB / row;
    void *slab = tgl__malloc(step * row);
    if (slab == NULL)
        return tgl__fail_nomem(err);
    for (uint64_t at = r->request->begin; at < r->request->end; at += step) {
        uint64_t end = r->request->end - at < step ? r->request->end : at + step;
        TGL_TRY(read_slab(r, slab, at, end, err));
        TGL_TRY(tgl__h5_send(r->fd, slab, (end - at) * row, err));
    }
    return TGL_OK;
}

/* The text of cell i of a slab. */
static const char *cell_text(size_t *n, const reading *r, const char *slab, uint64_t i,
                             bool variable, H5T_str_t padding)
{
    const char *text = slab + i * r->size;
    if (variable) {
        memcpy(&text, slab + i * r->size, sizeof text);
        *n = text == NULL ? 0 : strlen(text);
        return text;
    }
    const char *zero = memchr(text, '\0', r->size);
    *n = zero == NULL ? r->size : (size_t)(zero - text);
    while (padding == H5T_STR_SPACEPAD && *n > 0 && text[*n - 1] == ' ')
        --*n;
    return text;
}

static tgl_status send_strings(const reading *r, tgl_error *err)
{
    bool variable = H5Tis_variable_str(r->memory_type) > 0;
    H5T_str_t padding = variable ? H5T_STR_NULLTERM : H5Tget_strpad(r->memory_type);
    uint64_t step = r->size > SLAB / 16 ? 16 : SLAB / (r->size + 1);
    char *slab = tgl__malloc(step * r->size);
    uint64_t *head = tgl__calloc(step + 1, sizeof *head);
    if (slab == NULL || head == NULL)
        return tgl__fail_nomem(err);
    for (uint64_t at = r->request->begin; at < r->request->end; at += step) {
        uint64_t end = r->request->end - at < step ? r->request->end : at + step;
        tgl_buffer bytes = TGL_BUFFER_INIT;
        TGL_TRY(read_slab(r, slab, at, end, err));
        head[0] = end - at;
        for (uint64_t i = 0; i < end - at; i++) {
            const char *text = cell_text(&head[i + 1], r, slab, i, variable, padding);
            if (head[i + 1] > 0)
                tgl__buffer_append(&bytes, text, head[i + 1]);
        }
        if (bytes.failed)
            return tgl__fail_nomem(err);
        TGL_TRY(tgl__h5_send(r->fd, head, (end - at + 1) * sizeof *head, err));
        TGL_TRY(tgl__h5_send(r->fd, bytes.bytes, bytes.size, err));
        tgl__buffer_release(&bytes);
    }
    return TGL_OK;
}

/* The element in memory: this machine's form of the file's type, or of one member. */
static hid_t memory_type(hid_t dataset, const char *member, bool *text, size_t *size)
{
    hid_t type = H5Dget_type(dataset), leaf = type;
    if (type >= 0 && member != NULL) {
        int index =
            H5Tget_class(type) == H5T_COMPOUND ? H5Tget_member_index(type, member) : -1;
        leaf = index < 0 ? -1 : H5Tget_member_type(type, (unsigned)index);
    }
    if (leaf < 0)
        return -1;
    *text = H5Tget_class(leaf) == H5T_STRING;
    hid_t native = H5Tget_native_type(leaf, H5T_DIR_DEFAULT);
    *size = native < 0 ? 0 : H5Tget_size(native);
    if (member == NULL || native < 0)
        return native;
    hid_t one = H5Tcreate(H5T_COMPOUND, *size);
    return one < 0 || H5Tinsert(one, member, 0, native) < 0 ? -1 : one;
}

static tgl_status answer_rows(int fd, hid_t group, const tgl_h5_request *request,
                              tgl_error *err)
{
    reading r = {.fd = fd, .request = request, .item = 1};
    bool text = false;
    r.dataset = H5Dopen2(group, request->dataset, H5P_DEFAULT);
    char room[96];
    if (r.dataset < 0 || storage_refusal(r.dataset, room) != NULL)
        return broken(&r, err);
    r.memory_type = memory_type(r.dataset, request->member, &text, &r.size);
    r.file_space = H5Dget_space(r.dataset);
    r.rank = H5Sget_simple_extent_dims(r.file_space, r.dims, NULL);
    if (r.memory_type < 0 || r.size == 0 || r.rank < 1 || r.dims[0] < request->end ||
        (text && (request->member != NULL || r.rank != 1)))
        return broken(&r, err);
    for (int d = 1; d < r.rank; d++)
        if (__builtin_mul_overflow(r.item, r.dims[d], &r.item))
            return broken(&r, err);
    return text ? send_strings(&r, err) : send_numbers(&r, err);
}

tgl_status tgl__h5_answer(int fd, const tgl_h5_request *request, tgl_error *err)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = H5Fopen(request->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0)
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s' is not a readable HDF5 file; is it truncated?",
                         request->path);
    hid_t group = H5Gopen2(file, request->group, H5P_DEFAULT);
    if (group < 0)
        return tgl__fail(err, TGL_ENOTFOUND, "'%s': there is no group '%s'",
                         request->path, request->group);
    return request->dataset == NULL ? answer_list(fd, group, request->path, err)
                                    : answer_rows(fd, group, request, err);
}
