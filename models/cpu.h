/*
 * What this CPU can do, asked once and handed around as a value. Any thread.
 */
#ifndef RLAIF_MODELS_CPU_H
#define RLAIF_MODELS_CPU_H

#include <stdbool.h>

struct cpu {
    bool ssse3, avx, avx2_fma, avx512; /* avx512: F, DQ, BW and VL */
    bool vnni;
    char id[80]; /* vendor, family, model, stepping and the above: the key of what was timed */
};
void cpu_get(struct cpu *out);

enum simd { SIMD_NONE, SIMD_AVX2 };
/* The best for this CPU; SIMD_NONE when the environment says RLAIF_SIMD=none. */
enum simd simd_choose(void);
const char *simd_name(enum simd simd);

/* Flushes denormals in this thread (pool.h); what it was before, for cpu_restore. */
unsigned cpu_flush_denormals(void);
void cpu_restore(unsigned state);

#endif
