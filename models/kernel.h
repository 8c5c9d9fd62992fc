/*
 * Which of BLIS's micro-kernels: the fastest that this CPU can run, by timing, for BLIS's own
 * guess is wrong on some machines. The result is kept in a small file by CPU and BLIS version.
 */
#ifndef RLAIF_MODELS_KERNEL_H
#define RLAIF_MODELS_KERNEL_H

#include "models/blas.h"

/*
 * In this order: RLAIF_SIMD=none takes plain C ("generic"); BLIS_ARCH_TYPE names one; the cache
 * file in cache_dir (NULL: none); timing. chosen_by becomes "environment", "cached" or "timed".
 * Fails when the environment names what this CPU cannot run.
 */
int kernel_choose(const char *cache_dir, struct blas_kernel *out, char chosen_by[16],
                  struct error *err);

#endif
