/*
 * The small operations between the products, one table of functions for each kind of number
 * and each instruction set; plain C stands beside SIMD and agrees within 1e-5. Each works on
 * one row (or six queries), so that its result cannot depend on other rows. Any thread.
 */
#ifndef RLAIF_MODELS_OPS_H
#define RLAIF_MODELS_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "models/cpu.h"

#define KV_PAGE 16        /* tokens of a page of keys and values */
#define EXPAND_GROUP 32   /* weights of a row that share a scale */
#define ATTEND_ROWS 6     /* queries at a time: with 16 keys they fill the registers */
#define ATTEND_KEYS 64    /* keys between two looks at the maximum; whole pages */
#define ATTEND_STRIDE 256 /* elements from query to query; the widest head */

#define REAL_BITS 32
#include "models/real.h"
#include "models/ops_real.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "models/real.h"
#include "models/ops_real.h"
#undef REAL_BITS

extern const struct ops_f32 ops_plain_f32;
extern const struct ops_f64 ops_plain_f64;
#if defined(__x86_64__)
extern const struct ops_f32 ops_avx2_f32;
#endif

/* What `simd` names; in double there is plain C only. */
const struct ops_f32 *ops_choose_f32(enum simd simd);
const struct ops_f64 *ops_choose_f64(enum simd simd);

#endif
