/*
 * TensorBoard event files: records of length, masked CRC-32C and a protobuf Event with scalars.
 * Bytes into a buffer; no file is touched. Any thread.
 */
#ifndef RLAIF_STORE_TFEVENTS_H
#define RLAIF_STORE_TFEVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"

/* CRC-32C (Castagnoli, RFC 3720 B.4), and as the format stores it: rotated by 15, plus
 * 0xa282ead8. */
uint32_t crc32c(const void *bytes, size_t len);
uint32_t crc32c_masked(const void *bytes, size_t len);

struct tfevents_scalar {
    const char *tag; /* "objective/kl" */
    double value;    /* written as float */
};
/* The record that begins a file: its version, "brain.Event:2". wall: seconds since 1970. */
void tfevents_begin(struct buf *out, double wall);
/* One event: all scalars of one step. */
void tfevents_add(struct buf *out, double wall, int64_t step,
                  const struct tfevents_scalar *scalars, size_t n);

#endif
