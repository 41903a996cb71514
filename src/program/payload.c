#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "program/payload.h"
#include "program/wire.h"

static const uint8_t MAGIC[8] = {'T', 'G', 'L', 'S', '\r', '\n', 0x1a, '\n'};
enum { VERSION = 1, HEADER = 32, DIGEST = 32 };

static tgl_status copy_slot(tgl_payload *payload, uint32_t i, const tgl_slot *slot,
                            const int64_t *codes, tgl_error *err)
{
    tgl_slot *own = &payload->slots[i];
    *own = *slot;
    own->name = tgl__arena_strdup(&payload->arena, slot->name);
    payload->codes[i] =
        tgl__arena_alloc(&payload->arena, slot->count, sizeof **payload->codes);
    if (own->name == NULL || payload->codes[i] == NULL)
        return tgl__fail_nomem(err);
    memcpy(payload->codes[i], codes, slot->count * sizeof *codes);
    return TGL_OK;
}

tgl_status tgl_payload_new(tgl_payload **out, const tgl_program *program,
                           const uint8_t program_digest[32], tgl_error *err)
{
    tgl_payload *payload = tgl__calloc(1, sizeof *payload);
    if (payload == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    uint32_t n = tgl_program_n_slot(program);
    payload->n_slot = n;
    memcpy(payload->program_digest, program_digest, DIGEST);
    payload->slots = tgl__arena_alloc(&payload->arena, n + 1u, sizeof *payload->slots);
    payload->codes = tgl__arena_alloc(&payload->arena, n + 1u, sizeof *payload->codes);
    if (payload->slots == NULL || payload->codes == NULL)
        status = tgl__fail_nomem(err);
    for (uint32_t i = 0; i < n && status == TGL_OK; i++)
        status = copy_slot(payload, i, tgl_program_slot(program, i),
                           tgl_program_slot_default(program, i), err);
    if (status != TGL_OK) {
        tgl_payload_free(payload);
        return status;
    }
    *out = payload;
    return TGL_OK;
}

void tgl_payload_free(tgl_payload *payload)
{
    if (payload == NULL)
        return;
    tgl__arena_release(&payload->arena);
    tgl__free(payload);
}

static tgl_status check_bounds(const tgl_slot *slot, uint32_t first, uint32_t count,
                               const int64_t *codes, tgl_error *err)
{
    for (uint32_t i = 0; i < count; i++)
        if (codes[i] < slot->lo || codes[i] > slot->hi)
            return tgl__fail(err, TGL_ELIMIT,
                             "slot '%s', element %u: expected a code in [%lld, %lld], "
                             "found %lld",
                             slot->name, first + i, (long long)slot->lo,
                             (long long)slot->hi, (long long)codes[i]);
    return TGL_OK;
}

tgl_status tgl_payload_set(tgl_payload *payload, const char *slot, uint32_t first,
                           uint32_t count, const int64_t *codes, tgl_error *err)
{
    for (uint32_t i = 0; i < payload->n_slot; i++) {
        const tgl_slot *s = &payload->slots[i];
        if (strcmp(s->name, slot) != 0)
            continue;
        if (first > s->count || count > s->count - first)
            return tgl__fail(err, TGL_ELIMIT,
                             "slot '%s' has %u elements, found %u from element %u on",
                             slot, s->count, count, first);
        TGL_TRY(check_bounds(s, first, count, codes, err));
        memcpy(payload->codes[i] + first, codes, count * sizeof *codes);
        return TGL_OK;
    }
    return tgl__fail(err, TGL_ENOTFOUND, "the payload has no slot '%s'", slot);
}

const int64_t *tgl_payload_get(const tgl_payload *payload, uint32_t slot)
{
    return slot < payload->n_slot ? payload->codes[slot] : NULL;
}

const uint8_t *tgl_payload_program_digest(const tgl_payload *payload)
{
    return payload->program_digest;
}

static bool same_slot(const tgl_slot *a, const tgl_slot *b)
{
    return strcmp(a->name, b->name) == 0 && a->kind == b->kind &&
           tgl_type_equal(a->type, b->type) && a->lo == b->lo && a->hi == b->hi &&
           a->count == b->count;
}

tgl_status tgl__payload_fits(const tgl_payload *payload, const tgl_program *program,
                             tgl_error *err)
{
    if (payload->n_slot != tgl_program_n_slot(program))
        return tgl__fail(err, TGL_EMISMATCH,
                         "the payload has %u slots, program '%s' has %u", payload->n_slot,
                         tgl_program_name(program), tgl_program_n_slot(program));
    for (uint32_t i = 0; i < payload->n_slot; i++)
        if (!same_slot(&payload->slots[i], tgl_program_slot(program, i)))
            return tgl__fail(err, TGL_EMISMATCH,
                             "slot %u: the payload has '%s', which is not the program's "
                             "'%s' with its type, bounds and count",
                             i, payload->slots[i].name,
                             tgl_program_slot(program, i)->name);
    return TGL_OK;
}

/* ---- binary form; docs/payload.md ---- */

tgl_status tgl_payload_encode(uint8_t **out, size_t *size, const tgl_payload *payload,
                              tgl_error *err)
{
    tgl_buffer buffer = TGL_BUFFER_INIT;
    tgl__buffer_append(&buffer, MAGIC, sizeof MAGIC);
    tgl__write_u16(&buffer, VERSION);
    tgl__write_u16(&buffer, 0);
    tgl__write_u32(&buffer, 0); /* checksum, below */
    tgl__write_u64(&buffer, 0); /* size, below */
    tgl__write_u32(&buffer, payload->n_slot);
    tgl__write_u32(&buffer, 0);
    tgl__buffer_append(&buffer, payload->program_digest, DIGEST);
    for (uint32_t i = 0; i < payload->n_slot; i++) {
        const tgl_slot *slot = &payload->slots[i];
        size_t n = strlen(slot->name);
        tgl__write_u16(&buffer, (unsigned)n);
        tgl__buffer_append(&buffer, slot->name, n);
        tgl__write_u8(&buffer, (unsigned)slot->kind);
        tgl__write_type(&buffer, slot->type);
        tgl__write_u64(&buffer, (uint64_t)slot->lo);
        tgl__write_u64(&buffer, (uint64_t)slot->hi);
        tgl__write_u32(&buffer, slot->count);
        tgl__write_codes(&buffer, payload->codes[i], slot->count);
    }
    char *bytes;
    TGL_TRY(tgl__buffer_finish(&buffer, &bytes, size, err));
    tgl__put_le64(bytes + 16, *size);
    tgl__put_le32(bytes + 12, tgl__crc32(bytes + 16, *size - 16));
    *out = (uint8_t *)bytes;
    return TGL_OK;
}

static tgl_status broken(const tgl__reader *reader, tgl_error *err, const char *why)
{
    return tgl__fail_at(err, TGL_EFORMAT, reader->at, "payload, byte %zu: %s", reader->at,
                        why);
}

static tgl_status read_header(tgl__reader *reader, const tgl_payload *payload,
                              tgl_error *err)
{
    const uint8_t *magic = tgl__read_bytes(reader, sizeof MAGIC);
    if (magic == NULL || memcmp(magic, MAGIC, sizeof MAGIC) != 0)
        return broken(reader, err, "not a payload: its first 8 bytes are not 'TGLS'…");
    uint16_t version = tgl__read_u16(reader);
    uint16_t zero = tgl__read_u16(reader);
    uint32_t crc = tgl__read_u32(reader);
    uint64_t size = tgl__read_u64(reader);
    uint32_t n_slot = tgl__read_u32(reader);
    uint32_t zero_too = tgl__read_u32(reader);
    if (reader->failed || size != reader->size)
        return broken(reader, err, "truncated, or longer than its header says");
    if (version != VERSION)
        return tgl__fail(err, TGL_EUNSUPPORTED, "payload: expected version %d, found %u",
                         VERSION, version);
    if (zero != 0 || zero_too != 0)
        return broken(reader, err, "reserved fields are not zero");
    if (tgl__crc32(reader->bytes + 16, reader->size - 16) != crc)
        return broken(reader, err, "the checksum does not match");
    if (n_slot != payload->n_slot)
        return tgl__fail(err, TGL_EMISMATCH,
                         "payload: expected the program's %u slots, found %u",
                         payload->n_slot, n_slot);
    return TGL_OK;
}

static tgl_status read_slot(tgl__reader *reader, tgl_payload *payload, uint32_t i,
                            tgl_error *err)
{
    const tgl_slot *want = &payload->slots[i];
    uint16_t n = tgl__read_u16(reader);
    const char *name = (const char *)tgl__read_bytes(reader, n);
    tgl_slot found = *want;
    found.kind = (tgl_slot_kind)tgl__read_u8(reader);
    found.type = tgl__read_type(reader);
    found.lo = (int64_t)tgl__read_u64(reader);
    found.hi = (int64_t)tgl__read_u64(reader);
    found.count = tgl__read_u32(reader);
    if (reader->failed)
        return broken(reader, err, "truncated");
    if (n != strlen(want->name) || memcmp(name, want->name, n) != 0 ||
        !same_slot(&found, want))
        return tgl__fail(err, TGL_EMISMATCH,
                         "payload: slot %u is not the program's '%s' with its type, "
                         "bounds and count",
                         i, want->name);
    int64_t *codes = tgl__read_codes(reader, found.count);
    if (codes == NULL)
        return reader->failed ? broken(reader, err, "truncated") : tgl__fail_nomem(err);
    tgl_status status = tgl_payload_set(payload, want->name, 0, want->count, codes, err);
    tgl__free(codes);
    return status;
}

tgl_status tgl_payload_decode(tgl_payload **out, const tgl_program *program,
                              const uint8_t *bytes, size_t size, tgl_error *err)
{
    static const uint8_t no_digest[DIGEST] = {0};
    tgl_payload *payload = NULL;
    TGL_TRY(tgl_payload_new(&payload, program, no_digest, err));
    tgl__reader reader = {bytes, size, 0, false};
    tgl_status status = read_header(&reader, payload, err);
    const uint8_t *digest = status == TGL_OK ? tgl__read_bytes(&reader, DIGEST) : NULL;
    if (status == TGL_OK && digest == NULL)
        status = broken(&reader, err, "truncated");
    if (digest != NULL)
        memcpy(payload->program_digest, digest, DIGEST);
    for (uint32_t i = 0; i < payload->n_slot && status == TGL_OK; i++)
        status = read_slot(&reader, payload, i, err);
    if (status == TGL_OK && reader.at != size)
        status = broken(&reader, err, "bytes left over after the last slot");
    if (status != TGL_OK) {
        tgl_payload_free(payload);
        return status;
    }
    *out = payload;
    return TGL_OK;
}
