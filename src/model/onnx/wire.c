/* Protocol Buffers' wire format (protobuf.dev, "Encoding"), in place: nothing is copied,
 * nothing recurses, a length never leaves its message. */
#include <string.h>

#include "model/onnx/onnx.h"

bool onnx_varint(uint64_t *out, onnx_bytes *rest)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && rest->size > 0; shift += 7) {
        uint8_t byte = *rest->at++;
        rest->size--;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool skip(onnx_bytes *rest, size_t n)
{
    if (n > rest->size)
        return false;
    rest->at += n;
    rest->size -= n;
    return true;
}

bool onnx_next(onnx_field *field, onnx_bytes *rest, bool *broken)
{
    enum { VARINT, FIXED64, BYTES, FIXED32 = 5 };
    uint64_t tag, length;
    const uint8_t *at;
    if (rest->size == 0)
        return false;
    *broken = true;
    if (!onnx_varint(&tag, rest) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX)
        return false;
    *field = (onnx_field){.number = (uint32_t)(tag >> 3), .wire = (uint32_t)(tag & 7)};
    at = rest->at;
    switch (field->wire) {
    case VARINT:
        if (!onnx_varint(&field->value, rest))
            return false;
        break;
    case FIXED64:
        if (!skip(rest, 8))
            return false;
        memcpy(&field->value, at, 8);
        break;
    case FIXED32:
        if (!skip(rest, 4))
            return false;
        memcpy(&field->value, at, 4);
        break;
    case BYTES:
        if (!onnx_varint(&length, rest))
            return false;
        field->bytes = (onnx_bytes){rest->at, (size_t)length};
        if (!skip(rest, (size_t)length))
            return false;
        break;
    default: /* groups are not in proto3 */
        return false;
    }
    *broken = false;
    return true;
}
