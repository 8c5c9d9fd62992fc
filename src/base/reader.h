/*
 * A bounded reader over bytes that somebody else wrote: every read is checked against
 * what is left, every failure names the file and the offset. Little-endian.
 */
#ifndef RLAIF_BASE_READER_H
#define RLAIF_BASE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

struct reader {
    const uint8_t *data;
    size_t size;
    size_t pos;
    const char *file; /* for messages */
};

void reader_init(struct reader *r, const void *data, size_t size, const char *file);
static inline size_t reader_left(const struct reader *r)
{
    return r->size - r->pos;
}
/*
 * `what` names the field: "FILE: byte 0x18: the file ends inside WHAT (needs 8 bytes, 3
 * left)".
 */
int reader_bytes(struct reader *r, size_t len, const uint8_t **out, const char *what,
                 struct error *err);
int reader_u8(struct reader *r, uint8_t *out, const char *what, struct error *err);
int reader_u16(struct reader *r, uint16_t *out, const char *what, struct error *err);
int reader_u32(struct reader *r, uint32_t *out, const char *what, struct error *err);
int reader_u64(struct reader *r, uint64_t *out, const char *what, struct error *err);
int reader_f32(struct reader *r, float *out, const char *what, struct error *err);

#endif
