#include "models/learn_ops.h"

#include <math.h>

/* exp(-INFINITY) is exactly 0, which masking relies on. */
static float exponential_f32(float x)
{
    return expf(x);
}

static double exponential_f64(double x)
{
    return exp(x);
}

static float root_f32(float x)
{
    return sqrtf(x);
}

static double root_f64(double x)
{
    return sqrt(x);
}

#define REAL_BITS 32
#include "models/learn_ops_template.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "models/learn_ops_template.h"
#undef REAL_BITS

const struct learn_ops_f32 *learn_ops_choose_f32(enum simd simd)
{
#if defined(__x86_64__)
    if (simd == SIMD_AVX2)
        return &learn_ops_avx2_f32;
#endif
    (void)simd;
    return &learn_ops_plain_f32;
}

const struct learn_ops_f64 *learn_ops_choose_f64(enum simd simd)
{
    (void)simd;
    return &learn_ops_plain_f64;
}
