#include "models/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "models/cpu.h"
#include "src/base/buf.h"
#include "src/base/file.h"
#include "src/base/mem.h"

#define CACHE_NAME "blis-kernel"
#define CACHE_MAX 4096
#define SIDE 512 /* rows and depth of the weights that are timed */
#define ROUNDS 5
#define CLEARLY 0.93 /* of the time of the one before: less is noise, and BLIS's own choice stays */

static const size_t timed_rows[] = {4, 48, 256};
#define N_ROWS (sizeof(timed_rows) / sizeof(timed_rows[0]))

/* Of this thread: what else the machine does must not choose the kernel. */
static double thread_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Seconds a product of M rows takes at best, in one thread. */
static double time_product(const struct blas_kernel *kernel, const struct blas_panels *weights,
                           const void *x, void *y, size_t m)
{
    struct blas_gemm gemm = {
        .kernel = kernel, .weights = weights, .x = x, .m = m, .y = y, .ldy = SIDE};
    int repeats = m < 16 ? 8 : 1;
    double best = 0;

    for (int round = 0; round < ROUNDS; round++) {
        double start = thread_seconds(), seconds;

        for (int i = 0; i < repeats; i++)
            blas_gemm(&gemm, NULL, POOL_BACKGROUND);
        seconds = (thread_seconds() - start) / repeats;
        if (round == 0 || seconds < best)
            best = seconds;
    }
    return best;
}

/* Small, middle and large products count alike: the sum of a row's times. Ends early when it passes `enough` (0: never). */
static double time_kernel(const struct blas_kernel *kernel, double enough)
{
    const struct blas_micro *micro = &kernel->micro[BLAS_F32];
    size_t m = timed_rows[N_ROWS - 1];
    size_t w_size = blas_packed_size(BLAS_F32, SIDE, SIDE, micro->wide);
    size_t x_size = blas_packed_size(BLAS_F32, m, SIDE, micro->tall);
    float *w = mem_try(w_size, "timing", NULL), *x = mem_try(x_size, "timing", NULL);
    float *y = mem_try(m * SIDE * sizeof(float), "timing", NULL);
    struct blas_panels weights = {
        .real = BLAS_F32, .rows = SIDE, .depth = SIDE, .data = w, .wide = micro->wide};
    double sum = 0;

    if (w && x && y)
        for (size_t i = 0; i < N_ROWS && (enough == 0 || sum < enough); i++)
            sum += time_product(kernel, &weights, x, y, timed_rows[i]) / (double)timed_rows[i];
    free(w);
    free(x);
    free(y);
    return sum;
}

static bool same_kernel(const struct blas_kernel *a, const struct blas_kernel *b)
{
    return a->micro[BLAS_F32].call == b->micro[BLAS_F32].call &&
           a->micro[BLAS_F64].call == b->micro[BLAS_F64].call;
}

static void choose_by_time(const struct blas_kernel *kernels, size_t n, struct blas_kernel *out)
{
    double best = 0;

    for (size_t i = 0; i < n; i++) {
        bool known = false;
        double seconds;

        /* Families that share their kernels are one; the slow ones are there for old CPUs. */
        for (size_t j = 0; j < i; j++)
            known = known || same_kernel(&kernels[i], &kernels[j]);
        if (known)
            continue;
        seconds = time_kernel(&kernels[i], best);
        if (i == 0 || seconds < CLEARLY * best) {
            best = seconds;
            *out = kernels[i];
        }
    }
}

static char *cache_key(void)
{
    struct cpu cpu;

    cpu_get(&cpu);
    return xasprintf("%s blis-%s ", cpu.id, blas_version());
}

static bool read_cache(const char *path, const char *key, struct blas_kernel *out)
{
    struct buf text;
    bool found = false;

    buf_init(&text, CACHE_MAX);
    if (file_read(path, CACHE_MAX, 0, &text, NULL) == 0 &&
        strncmp(buf_str(&text), key, strlen(key)) == 0) {
        char name[sizeof(out->name)];

        if (sscanf(buf_str(&text) + strlen(key), "%15[a-z0-9]", name) == 1)
            found = blas_kernel_named(name, out, NULL) == 0;
    }
    buf_release(&text);
    return found;
}

static void write_cache(const char *path, const char *key, const struct blas_kernel *kernel)
{
    char *line = xasprintf("%s%s\n", key, kernel->name);

    /* Not to have the file costs a few milliseconds the next time. */
    (void)file_put(path, line, strlen(line), NULL);
    free(line);
}

int kernel_choose(const char *cache_dir, struct blas_kernel *out, char chosen_by[16],
                  struct error *err)
{
    const char *type = getenv("BLIS_ARCH_TYPE"), *simd = getenv("RLAIF_SIMD");
    struct blas_kernel kernels[BLAS_KERNELS_MAX];
    char *key, *path;
    size_t n;

    if (simd && strcmp(simd, "none") == 0)
        type = "generic";
    snprintf(chosen_by, 16, "environment");
    if (type && *type)
        return blas_kernel_named(type, out, err);
    key = cache_key();
    path = cache_dir ? path_join(cache_dir, CACHE_NAME) : NULL;
    if (path && read_cache(path, key, out)) {
        snprintf(chosen_by, 16, "cached");
        n = 1;
    } else {
        n = blas_kernels(kernels);
        if (n > 0)
            choose_by_time(kernels, n, out);
        snprintf(chosen_by, 16, "timed");
        if (n > 0 && path && file_make_dirs(cache_dir, NULL) == 0)
            write_cache(path, key, out);
    }
    free(key);
    free(path);
    if (n == 0)
        return error_set(err, ERROR_FAILED, "BLIS has no kernels that run on this CPU");
    return 0;
}
