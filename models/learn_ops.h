/*
 * The small operations of training, beside those of models/ops.h: one table for each kind of
 * number and instruction set, plain C beside SIMD. Any thread; no state.
 */
#ifndef RLAIF_MODELS_LEARN_OPS_H
#define RLAIF_MODELS_LEARN_OPS_H

#include <stdbool.h>
#include <stddef.h>

#include "models/cpu.h"

#define LEARN_LANES 16 /* columns that `mul` may read behind its last */

#define REAL_BITS 32
#include "models/real.h"
#include "models/learn_ops_real.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "models/real.h"
#include "models/learn_ops_real.h"
#undef REAL_BITS

extern const struct learn_ops_f32 learn_ops_plain_f32;
extern const struct learn_ops_f64 learn_ops_plain_f64;
#if defined(__x86_64__)
extern const struct learn_ops_f32 learn_ops_avx2_f32;
#endif

/* What `simd` names; in double there is plain C only. */
const struct learn_ops_f32 *learn_ops_choose_f32(enum simd simd);
const struct learn_ops_f64 *learn_ops_choose_f64(enum simd simd);

#endif
