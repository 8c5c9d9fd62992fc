/*
 * Matrix products on BLIS's micro-kernels: Y (+)= X W^T with both sides packed into panels.
 * The only user of <blis.h>. BLIS's own drivers and threads are not used: their bits depend
 * on shapes. Here each element of Y is the sum over blocks of the depth whose size is a
 * function of the depth alone, added in order, so a row of Y has the same bits whatever
 * stands in the other rows, whatever the number of threads.
 *
 * Panels. Weights: `wide` rows of W, element (row r, depth k) at k * wide + r, the panels one
 * after another. Activations: the same with `tall` rows of X. Rows past the end are zeros.
 * Any matrix or its transpose can stand on either side (blas_pack takes two strides), so
 * X W^T, dY W and X^T dY are all this one product.
 *
 * Everything here is a value of the caller's and may be used from any thread.
 */
#ifndef RLAIF_MODELS_BLAS_H
#define RLAIF_MODELS_BLAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/cancel.h"
#include "src/base/error.h"
#include "src/base/pool.h"

enum blas_real { BLAS_F32, BLAS_F64 };
static inline size_t blas_real_size(enum blas_real real)
{
    return real == BLAS_F64 ? sizeof(double) : sizeof(float);
}

struct blas_micro {
    void (*call)(void); /* BLIS's function, as blas.c knows it */
    size_t wide, tall;
    bool columns; /* writes its C by columns: the weights are its A */
};
struct blas_kernel {
    char name[16]; /* BLIS's name of the family */
    struct blas_micro micro[2];
    void *context; /* BLIS's, static */
};

#define BLAS_KERNELS_MAX 8
#define BLAS_WIDE_MAX 32
#define BLAS_TALL_MAX 32
#define BLAS_KC_MAX 320
#define BLAS_SLACK 1024 /* bytes behind packed data that a micro-kernel may read */

const char *blas_version(void);
/* The families in this BLIS that this CPU can run, BLIS's own choice first. Returns how many. */
size_t blas_kernels(struct blas_kernel out[BLAS_KERNELS_MAX]);
/* By name ("zen2") or by BLIS's number (BLIS_ARCH_TYPE). Fails when this CPU cannot run it. */
int blas_kernel_named(const char *name, struct blas_kernel *out, struct error *err);

/* Depth of a block: at most BLAS_KC_MAX, a multiple of 32, of 256 when the depth is one. */
size_t blas_kc(size_t depth);

/* The weights' side. `data` NULL: `fill` makes one block of one panel when it is needed. */
struct blas_panels {
    enum blas_real real;
    size_t rows, depth;
    void *data;
    /* Writes depth k0 .. k0 + kn of panel `panel` to out; k0 is a multiple of blas_kc. */
    void (*fill)(const struct blas_panels *panels, size_t panel, size_t k0, size_t kn,
                 void *out);
    const void *fill_arg;
    size_t wide;
    uint64_t version; /* of the weights that were packed; the owner compares and packs again */
};

/* Bytes of `rows` x `depth` packed with `width` rows a panel, slack included. 0: too large. */
size_t blas_packed_size(enum blas_real real, size_t rows, size_t depth, size_t width);
/* Packs element (r, k) = src[r * row_stride + k * depth_stride]; panels first .. first + n only. */
void blas_pack(enum blas_real real, void *dst, const void *src, size_t rows, size_t depth,
               size_t row_stride, size_t depth_stride, size_t width, size_t first, size_t n);

struct blas_gemm {
    const struct blas_kernel *kernel;
    const struct blas_panels *weights;
    const void *x; /* packed, `tall` rows a panel, 64-byte aligned */
    size_t m;      /* rows of x that count */
    void *y;       /* m rows of weights->rows elements */
    size_t ldy;
    bool add;                    /* y += instead of y = */
    const struct cancel *cancel; /* asked: returns early, y is then worth nothing */
};
/* On the pool; pool NULL: in the calling thread. */
void blas_gemm(const struct blas_gemm *gemm, struct pool *pool, enum pool_priority priority);

/* f32 rate of the micro-kernel alone on panels in cache, all threads of the pool at once. */
double blas_peak_gflops(const struct blas_kernel *kernel, struct pool *pool);

#endif
