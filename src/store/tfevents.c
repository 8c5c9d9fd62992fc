/* Event files as TensorBoard reads them: TFRecord framing and the protobuf messages by hand. */
#include "src/store/tfevents.h"

#include <string.h>

/* Reflected polynomial of CRC-32C; a bit at a time is fast enough for some kB a second. */
#define POLYNOMIAL 0x82f63b78u

uint32_t crc32c(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
    }
    return ~crc;
}

uint32_t crc32c_masked(const void *bytes, size_t len)
{
    uint32_t crc = crc32c(bytes, len);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void put_little(struct buf *out, uint64_t value, int n)
{
    for (int i = 0; i < n; i++)
        buf_addc(out, (char)(uint8_t)(value >> (8 * i)));
}

static void put_record(struct buf *out, const struct buf *event)
{
    uint8_t len[8];
    for (int i = 0; i < 8; i++)
        len[i] = (uint8_t)((uint64_t)event->len >> (8 * i));
    buf_add(out, len, 8);
    put_little(out, crc32c_masked(len, 8), 4);
    buf_add(out, event->data, event->len);
    put_little(out, crc32c_masked(event->data, event->len), 4);
}

/* ---- protobuf ---- */

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static void put_varint(struct buf *out, uint64_t value)
{
    while (value >= 0x80) {
        buf_addc(out, (char)(uint8_t)(value | 0x80));
        value >>= 7;
    }
    buf_addc(out, (char)(uint8_t)value);
}

static void put_tag(struct buf *out, unsigned field, enum wire wire)
{
    put_varint(out, field << 3 | (unsigned)wire);
}

static void put_bytes(struct buf *out, unsigned field, const void *bytes, size_t len)
{
    put_tag(out, field, WIRE_BYTES);
    put_varint(out, len);
    buf_add(out, bytes, len);
}

/* Event.wall_time = 1, Event.step = 2; as proto3 has it a zero is not written. */
static void put_event_head(struct buf *out, double wall, int64_t step)
{
    uint64_t bits;
    memcpy(&bits, &wall, 8);
    if (bits) {
        put_tag(out, 1, WIRE_64);
        put_little(out, bits, 8);
    }
    if (step) {
        put_tag(out, 2, WIRE_VARINT);
        put_varint(out, (uint64_t)step);
    }
}

/* Summary.Value: tag = 1, simple_value = 2; one of a choice, so a zero is written. */
static void put_scalar(struct buf *out, const struct tfevents_scalar *scalar)
{
    float value = (float)scalar->value;
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if (scalar->tag[0])
        put_bytes(out, 1, scalar->tag, strlen(scalar->tag));
    put_tag(out, 2, WIRE_32);
    put_little(out, bits, 4);
}

void tfevents_begin(struct buf *out, double wall)
{
    static const char version[] = "brain.Event:2";
    struct buf event;
    buf_init(&event, 0);
    put_event_head(&event, wall, 0);
    put_bytes(&event, 3, version, sizeof version - 1);
    put_record(out, &event);
    buf_release(&event);
}

void tfevents_add(struct buf *out, double wall, int64_t step,
                  const struct tfevents_scalar *scalars, size_t n)
{
    struct buf event, summary, value;
    buf_init(&event, 0);
    buf_init(&summary, 0);
    buf_init(&value, 0);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&value);
        put_scalar(&value, &scalars[i]);
        put_bytes(&summary, 1, value.data, value.len);
    }
    put_event_head(&event, wall, step);
    put_bytes(&event, 5, summary.data, summary.len);
    put_record(out, &event);
    buf_release(&value);
    buf_release(&summary);
    buf_release(&event);
}
