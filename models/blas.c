#include "models/blas.h"

#include <blis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/cpu.h"
#include "src/base/clock.h"
#include "src/base/mem.h"

/* In the archive, but not among a shared library's exported names: then only BLIS's own choice is to be had. */
#pragma weak bli_gks_lookup_nat_cntx

#define GROUP 4           /* weight panels a tile */
#define BLOCK_ROWS 144    /* rows a tile: with a block of the depth they stay in the second cache */
#define FILL_ROWS 288     /* the same when weights are decoded for each tile */
#define STREAM_PANELS 4   /* this few activation panels: read the weights straight through */

struct family {
    arch_t arch;
    const char *name;
    bool (*runs)(const struct cpu *cpu);
};

static bool runs_any(const struct cpu *cpu)
{
    (void)cpu;
    return true;
}
static bool runs_ssse3(const struct cpu *cpu)
{
    return cpu->ssse3;
}
static bool runs_avx(const struct cpu *cpu)
{
    return cpu->avx;
}
static bool runs_avx2(const struct cpu *cpu)
{
    return cpu->avx2_fma;
}
static bool runs_avx512(const struct cpu *cpu)
{
    return cpu->avx512;
}

/* Families we may choose. Left out: knl (other instructions), bulldozer to excavator (FMA4). */
static const struct family families[] = {
    {BLIS_ARCH_SKX, "skx", runs_avx512},      {BLIS_ARCH_ZEN3, "zen3", runs_avx2},
    {BLIS_ARCH_ZEN2, "zen2", runs_avx2},      {BLIS_ARCH_ZEN, "zen", runs_avx2},
    {BLIS_ARCH_HASWELL, "haswell", runs_avx2}, {BLIS_ARCH_SANDYBRIDGE, "sandybridge", runs_avx},
    {BLIS_ARCH_PENRYN, "penryn", runs_ssse3}, {BLIS_ARCH_GENERIC, "generic", runs_any},
};
#define N_FAMILIES (sizeof(families) / sizeof(families[0]))

const char *blas_version(void)
{
    return bli_info_get_version_str();
}

static bool read_context(cntx_t *context, const char *name, struct blas_kernel *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->name, sizeof(out->name), "%s", name);
    out->context = context;
    for (int real = BLAS_F32; real <= BLAS_F64; real++) {
        num_t type = real == BLAS_F64 ? BLIS_DOUBLE : BLIS_FLOAT;
        struct blas_micro *micro = &out->micro[real];
        size_t mr = (size_t)bli_cntx_get_blksz_def_dt(type, BLIS_MR, context);
        size_t nr = (size_t)bli_cntx_get_blksz_def_dt(type, BLIS_NR, context);

        micro->call = (void (*)(void))bli_cntx_get_l3_nat_ukr_dt(type, BLIS_GEMM_UKR, context);
        micro->columns = !bli_cntx_l3_nat_ukr_prefers_rows_dt(type, BLIS_GEMM_UKR, context);
        micro->wide = micro->columns ? mr : nr;
        micro->tall = micro->columns ? nr : mr;
        /* Some kernels want panels with room between columns: not ours to serve. */
        if ((size_t)bli_cntx_get_blksz_max_dt(type, BLIS_MR, context) != mr ||
            (size_t)bli_cntx_get_blksz_max_dt(type, BLIS_NR, context) != nr ||
            !micro->call || micro->wide > BLAS_WIDE_MAX || micro->tall > BLAS_TALL_MAX)
            return false;
    }
    return true;
}

static bool read_family(const struct family *family, const struct cpu *cpu,
                        struct blas_kernel *out)
{
    cntx_t *context;

    if (!family->runs(cpu) || !bli_gks_lookup_nat_cntx)
        return false;
    context = bli_gks_lookup_nat_cntx(family->arch);
    return context && read_context(context, family->name, out);
}

/* A number or name in the environment that BLIS would end the process for is not shown to it. */
static bool environment_is_sound(void)
{
    const char *type = getenv("BLIS_ARCH_TYPE");
    char *end;
    long number;

    if (!type)
        return true;
    number = strtol(type, &end, 10);
    if (end == type)
        return true; /* BLIS reads a name as 0, and nothing here asks which family that is */
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (number == (long)families[i].arch)
            return true;
    return false;
}

size_t blas_kernels(struct blas_kernel out[BLAS_KERNELS_MAX])
{
    struct cpu cpu;
    size_t n = 0;

    if (!environment_is_sound())
        return 0;
    bli_init();
    cpu_get(&cpu);
    if (!getenv("BLIS_ARCH_TYPE")) {
        arch_t own = bli_arch_query_id();

        if (read_context(bli_gks_query_nat_cntx(), bli_arch_string(own), &out[0]))
            n = 1;
    }
    for (size_t i = 0; i < N_FAMILIES && n < BLAS_KERNELS_MAX; i++)
        if ((n == 0 || strcmp(families[i].name, out[0].name) != 0) &&
            read_family(&families[i], &cpu, &out[n]))
            n++;
    return n;
}

int blas_kernel_named(const char *name, struct blas_kernel *out, struct error *err)
{
    char *end;
    long number = strtol(name, &end, 10);
    bool numeric = end != name && *end == '\0';
    struct cpu cpu;

    cpu_get(&cpu);
    for (size_t i = 0; i < N_FAMILIES; i++) {
        const struct family *family = &families[i];

        if (numeric ? number != (long)family->arch : strcmp(name, family->name) != 0)
            continue;
        if (environment_is_sound()) {
            bli_init();
            if (read_family(family, &cpu, out))
                return 0;
        }
        error_set(err, ERROR_USAGE, "BLIS's kernels for %s do not run on this CPU", family->name);
        return error_hint(err, "unset BLIS_ARCH_TYPE to have the fastest chosen");
    }
    error_set(err, ERROR_USAGE, "BLIS has no kernels called %.40s", name);
    return error_hint(err, "BLIS_ARCH_TYPE takes a number of BLIS's or a name such as haswell");
}

size_t blas_kc(size_t depth)
{
    size_t blocks;

    if (depth % 256 == 0)
        return 256;
    blocks = (depth + BLAS_KC_MAX - 1) / BLAS_KC_MAX;
    return ((depth + blocks - 1) / blocks + 31) / 32 * 32;
}

size_t blas_packed_size(enum blas_real real, size_t rows, size_t depth, size_t width)
{
    size_t panels = rows / width + (rows % width != 0), size;

    if (!size_mul(panels, width, &size) || !size_mul(size, depth, &size) ||
        !size_mul(size, blas_real_size(real), &size) || !size_add(size, BLAS_SLACK, &size))
        return 0;
    return size;
}

#define PACK(REAL)                                                                        \
    do {                                                                                  \
        REAL *to = (REAL *)dst + first * width * depth;                                   \
        for (size_t p = first; p < first + n; p++) {                                      \
            size_t r0 = p * width, have = rows - r0 < width ? rows - r0 : width;          \
            const REAL *from = (const REAL *)src + r0 * row_stride;                       \
            for (size_t k = 0; k < depth; k++, to += width) {                             \
                for (size_t r = 0; r < have; r++)                                         \
                    to[r] = from[r * row_stride + k * depth_stride];                      \
                for (size_t r = have; r < width; r++)                                     \
                    to[r] = 0;                                                            \
            }                                                                             \
        }                                                                                 \
    } while (0)

void blas_pack(enum blas_real real, void *dst, const void *src, size_t rows, size_t depth,
               size_t row_stride, size_t depth_stride, size_t width, size_t first, size_t n)
{
    if (real == BLAS_F64)
        PACK(double);
    else
        PACK(float);
}

/* ---- the product ---- */

struct gemm_run {
    const struct blas_gemm *gemm;
    const struct blas_micro *micro;
    enum blas_real real;
    size_t size, kc, depth;
    size_t x_panels, w_panels;     /* of the whole product */
    size_t block_panels, group;    /* of a tile */
    size_t groups;                 /* tiles across the weights */
};

/* One call of BLIS: y (tall x wide, row stride ldy) = or += x panel * w panel^T over kn. */
static void micro_call(const struct gemm_run *run, size_t kn, const void *x, const void *w,
                       bool add, void *y, size_t ldy)
{
    const struct blas_micro *micro = run->micro;
    const void *a = micro->columns ? w : x, *b = micro->columns ? x : w;
    dim_t m = (dim_t)(micro->columns ? micro->wide : micro->tall);
    dim_t n = (dim_t)(micro->columns ? micro->tall : micro->wide);
    inc_t rs = micro->columns ? 1 : (inc_t)ldy, cs = micro->columns ? (inc_t)ldy : 1;
    auxinfo_t aux;

    memset(&aux, 0, sizeof(aux));
    bli_auxinfo_set_next_ab((void *)a, (void *)b, &aux);
    if (run->real == BLAS_F64) {
        double one = 1, beta = add;

        ((dgemm_ukr_ft)micro->call)(m, n, (dim_t)kn, &one, (double *)a, (double *)b, &beta, y,
                                    rs, cs, &aux, run->gemm->kernel->context);
    } else {
        float one = 1, beta = add;

        ((sgemm_ukr_ft)micro->call)(m, n, (dim_t)kn, &one, (float *)a, (float *)b, &beta, y,
                                    rs, cs, &aux, run->gemm->kernel->context);
    }
}

/* A tile at an edge of Y goes through a whole one of its own. */
static void micro_edge(const struct gemm_run *run, size_t kn, const void *x, const void *w,
                       bool add, char *y, size_t rows, size_t columns)
{
    size_t wide = run->micro->wide, size = run->size, ldy = run->gemm->ldy;
    _Alignas(64) char tile[BLAS_WIDE_MAX * BLAS_TALL_MAX * sizeof(double)];

    if (add) {
        memset(tile, 0, run->micro->tall * wide * size);
        for (size_t r = 0; r < rows; r++)
            memcpy(tile + r * wide * size, y + r * ldy * size, columns * size);
    }
    micro_call(run, kn, x, w, add, tile, wide);
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * ldy * size, tile + r * wide * size, columns * size);
}

/* Where a block of the packed weights stands; past a panel's depth, the next panel's first. */
static const char *packed_block(const struct gemm_run *run, size_t panel, size_t k)
{
    const char *data = run->gemm->weights->data;

    if (k >= run->depth) {
        panel++;
        k = 0;
    }
    if (!data || panel >= run->w_panels)
        return NULL;
    return data + (panel * run->depth + k) * run->micro->wide * run->size;
}

/*
 * Asks for a part of the weights that are needed next: between two calls of the micro-kernel a
 * few lines, so that memory works while the CPU multiplies.
 */
static void fetch(const char *next, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(next + i, 0, 2);
}

/* One block of the depth of one weight panel against x panels first .. end; `next` as large, or NULL. */
static void gemm_block(const struct gemm_run *run, size_t panel, size_t k0, size_t kn,
                       const char *w, const char *next, size_t first, size_t end)
{
    const struct blas_gemm *gemm = run->gemm;
    size_t tall = run->micro->tall, wide = run->micro->wide, size = run->size;
    size_t column = panel * wide, columns = gemm->weights->rows - column;
    size_t part = (kn * wide * size / (end - first) + 63) / 64 * 64;
    bool add = k0 > 0 || gemm->add;

    for (size_t p = first; p < end; p++) {
        const char *x = (const char *)gemm->x + (p * run->depth + k0) * tall * size;
        char *y = (char *)gemm->y + (p * tall * gemm->ldy + column) * size;
        size_t rows = gemm->m - p * tall;

        if (next)
            fetch(next + (p - first) * part, part);
        if (rows >= tall && columns >= wide)
            micro_call(run, kn, x, w, add, y, gemm->ldy);
        else
            micro_edge(run, kn, x, w, add, y, rows < tall ? rows : tall,
                       columns < wide ? columns : wide);
    }
}

/* The block of a panel from depth k on, with what follows it in the tile's order. */
static void gemm_at(const struct gemm_run *run, size_t panel, size_t k, const char *next,
                    char *scratch, size_t first, size_t end)
{
    const struct blas_panels *weights = run->gemm->weights;
    size_t kn = run->depth - k < run->kc ? run->depth - k : run->kc;

    if (weights->data) {
        gemm_block(run, panel, k, kn, packed_block(run, panel, k), next, first, end);
        return;
    }
    weights->fill(weights, panel, k, kn, scratch);
    gemm_block(run, panel, k, kn, scratch, NULL, first, end);
}

static void gemm_tile(void *arg, size_t index, int worker)
{
    const struct gemm_run *run = arg;
    size_t first = index / run->groups * run->block_panels, end = first + run->block_panels;
    size_t panel0 = index % run->groups * run->group, panel1 = panel0 + run->group;
    _Alignas(64) char scratch[BLAS_KC_MAX * BLAS_WIDE_MAX * sizeof(double) + BLAS_SLACK];

    (void)worker;
    if (cancel_asked(run->gemm->cancel))
        return;
    if (end > run->x_panels)
        end = run->x_panels;
    if (panel1 > run->w_panels)
        panel1 = run->w_panels;
    if (end - first <= STREAM_PANELS) {
        for (size_t panel = panel0; panel < panel1; panel++)
            for (size_t k = 0; k < run->depth; k += run->kc)
                gemm_at(run, panel, k, packed_block(run, panel, k + run->kc), scratch, first, end);
        return;
    }
    for (size_t k = 0; k < run->depth; k += run->kc)
        for (size_t panel = panel0; panel < panel1; panel++) {
            bool ends = panel + 1 == panel1;
            const char *next = ends && k + run->kc < run->depth
                                   ? packed_block(run, panel0, k + run->kc)
                                   : packed_block(run, panel + 1, ends ? 0 : k);

            gemm_at(run, panel, k, next, scratch, first, end);
        }
}

void blas_gemm(const struct blas_gemm *gemm, struct pool *pool, enum pool_priority priority)
{
    const struct blas_panels *weights = gemm->weights;
    const struct blas_micro *micro = &gemm->kernel->micro[weights->real];
    size_t block_rows = weights->data ? BLOCK_ROWS : FILL_ROWS;
    struct gemm_run run = {
        .gemm = gemm,
        .micro = micro,
        .real = weights->real,
        .size = blas_real_size(weights->real),
        .kc = blas_kc(weights->depth),
        .depth = weights->depth,
        .x_panels = (gemm->m + micro->tall - 1) / micro->tall,
        .w_panels = (weights->rows + micro->wide - 1) / micro->wide,
        .block_panels = (block_rows + micro->tall - 1) / micro->tall,
        .group = GROUP,
    };
    size_t blocks = (run.x_panels + run.block_panels - 1) / run.block_panels;

    /* Few tiles: smaller ones, so that threads end together. No bit depends on it. */
    while (run.group > 1 && blocks * ((run.w_panels + run.group - 1) / run.group) < 32)
        run.group /= 2;
    run.groups = (run.w_panels + run.group - 1) / run.group;
    if (pool) {
        pool_run(pool, priority, blocks * run.groups, gemm_tile, &run);
        return;
    }
    for (size_t i = 0; i < blocks * run.groups; i++)
        gemm_tile(&run, i, 0);
}

/* ---- the rate of the micro-kernel alone ---- */

#define PEAK_DEPTH 256
#define PEAK_CALLS 2000
#define PEAK_ROUNDS 8

struct peak_run {
    struct gemm_run run;
    struct blas_gemm gemm;
};

static void peak_tile(void *arg, size_t index, int worker)
{
    const struct peak_run *peak = arg;
    _Alignas(64) static const char zeros[BLAS_TALL_MAX * PEAK_DEPTH * sizeof(float) + BLAS_SLACK];
    _Alignas(64) float y[BLAS_WIDE_MAX * BLAS_TALL_MAX];

    (void)index;
    (void)worker;
    for (int i = 0; i < PEAK_CALLS; i++)
        micro_call(&peak->run, PEAK_DEPTH, zeros, zeros, false, y, peak->run.micro->wide);
}

double blas_peak_gflops(const struct blas_kernel *kernel, struct pool *pool)
{
    const struct blas_micro *micro = &kernel->micro[BLAS_F32];
    struct peak_run peak = {.run = {.micro = micro, .real = BLAS_F32}, .gemm = {.kernel = kernel}};
    size_t tiles = pool ? (size_t)pool_threads(pool) : 1;
    double best = 0;

    peak.run.gemm = &peak.gemm;
    tiles *= 4;
    for (int round = 0; round < PEAK_ROUNDS; round++) {
        double start = clock_seconds(), rate;

        if (pool)
            pool_run(pool, POOL_BACKGROUND, tiles, peak_tile, &peak);
        else
            for (size_t i = 0; i < tiles; i++)
                peak_tile(&peak, i, 0);
        rate = 2.0 * (double)(micro->wide * micro->tall) * PEAK_DEPTH * PEAK_CALLS *
               (double)tiles / (clock_seconds() - start) * 1e-9;
        if (rate > best)
            best = rate;
    }
    return best;
}
