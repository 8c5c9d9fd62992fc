#include "src/base/reader.h"

#include <string.h>

void reader_init(struct reader *r, const void *data, size_t size, const char *file)
{
    r->data = data;
    r->size = size;
    r->pos = 0;
    r->file = file;
}

int reader_bytes(struct reader *r, size_t len, const uint8_t **out, const char *what,
                 struct error *err)
{
    size_t left = reader_left(r);

    if (len > left) {
        error_at_byte(err, r->file, (int64_t)r->pos,
                      "the file ends inside %s (needs %zu byte%s, %zu left)", what, len,
                      len == 1 ? "" : "s", left);
        return -1;
    }
    *out = r->data + r->pos;
    r->pos += len;
    return 0;
}

/* Byte by byte, so that neither alignment nor the machine's order matters. */
static int read_le(struct reader *r, size_t len, uint64_t *out, const char *what,
                   struct error *err)
{
    const uint8_t *bytes;
    uint64_t value = 0;

    if (reader_bytes(r, len, &bytes, what, err) < 0)
        return -1;
    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    *out = value;
    return 0;
}

int reader_u8(struct reader *r, uint8_t *out, const char *what, struct error *err)
{
    uint64_t value;

    if (read_le(r, 1, &value, what, err) < 0)
        return -1;
    *out = (uint8_t)value;
    return 0;
}

int reader_u16(struct reader *r, uint16_t *out, const char *what, struct error *err)
{
    uint64_t value;

    if (read_le(r, 2, &value, what, err) < 0)
        return -1;
    *out = (uint16_t)value;
    return 0;
}

int reader_u32(struct reader *r, uint32_t *out, const char *what, struct error *err)
{
    uint64_t value;

    if (read_le(r, 4, &value, what, err) < 0)
        return -1;
    *out = (uint32_t)value;
    return 0;
}

int reader_u64(struct reader *r, uint64_t *out, const char *what, struct error *err)
{
    return read_le(r, 8, out, what, err);
}

int reader_f32(struct reader *r, float *out, const char *what, struct error *err)
{
    uint64_t value;
    uint32_t bits;

    if (read_le(r, 4, &value, what, err) < 0)
        return -1;
    bits = (uint32_t)value;
    memcpy(out, &bits, sizeof(bits));
    return 0;
}
