#include "models/cpu.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/pool.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>

unsigned cpu_flush_denormals(void)
{
    unsigned state = _mm_getcsr();

    pool_flush_denormals();
    return state;
}

void cpu_restore(unsigned state)
{
    _mm_setcsr(state);
}

void cpu_get(struct cpu *out)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    char vendor[13] = "unknown";

    if (__get_cpuid(0, &a, &b, &c, &d)) {
        memcpy(vendor, &b, 4);
        memcpy(vendor + 4, &d, 4);
        memcpy(vendor + 8, &c, 4);
    }
    if (!__get_cpuid(1, &a, &b, &c, &d))
        a = 0;
    __builtin_cpu_init();
    out->vnni = __builtin_cpu_supports("avx512vnni");
    out->ssse3 = __builtin_cpu_supports("ssse3");
    out->avx = __builtin_cpu_supports("avx");
    out->avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    out->avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    /* Leaf 1, EAX: stepping, model, family, extended model, extended family. */
    snprintf(out->id, sizeof(out->id), "%s-%08x-%d%d%d%d", vendor, a, out->ssse3, out->avx,
             out->avx2_fma, out->avx512);
}
#else
unsigned cpu_flush_denormals(void)
{
    pool_flush_denormals();
    return 0;
}

void cpu_restore(unsigned state)
{
    (void)state;
}

void cpu_get(struct cpu *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->id, sizeof(out->id), "other");
}
#endif

enum simd simd_choose(void)
{
    const char *want = getenv("RLAIF_SIMD");
    struct cpu cpu;

    cpu_get(&cpu);
    if (!cpu.avx2_fma || (want && strcmp(want, "none") == 0))
        return SIMD_NONE;
    return SIMD_AVX2;
}

const char *simd_name(enum simd simd)
{
    return simd == SIMD_AVX2 ? "avx2" : "none";
}
