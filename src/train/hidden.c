/* The frozen lower layers of a network, and what they said of each example. */
#include "src/train/hidden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/cpu.h"
#include "models/kernel.h"
#include "models/transformer.h"
#include "src/base/mem.h"

struct entry {
    uint64_t key;
    size_t n_rows; /* 0: free */
    float *rows;   /* NULL: in the file */
    off_t at;
};
struct hidden_cache {
    struct tf_config config;
    struct tf_weights weights;
    struct tf_net_f32 net;
    struct tf_scratch_f32 scratch;
    struct pool *pool;
    bool ready;
    void **pages;
    size_t n_pages, cap_pages;
    struct entry *table; /* open addressing, a power of 2 */
    size_t size, n;
    char *dir;
    int file; /* -1: none yet */
    off_t file_end;
    float *buffer; /* rows read from the file */
    size_t buffer_reals;
    uint64_t limit;
    struct hidden_info info;
};

struct hidden_cache *hidden_new(const struct tf_config *config, const struct tf_weights *weights,
                                int layers, struct pool *pool,
                                const struct hidden_options *options, struct error *err)
{
    struct hidden_cache *cache;
    struct blas_kernel kernel;
    char chosen_by[16];

    if (layers < 1 || layers >= config->n_layers) {
        error_set(err, ERROR_USAGE, "of %d layers 1..%d can be frozen, not %d", config->n_layers,
                  config->n_layers - 1, layers);
        return NULL;
    }
    if (kernel_choose(options->cache_dir, &kernel, chosen_by, err) != 0)
        return NULL;
    cache = xcalloc(1, sizeof(*cache));
    cache->config = *config;
    cache->config.n_layers = layers;
    cache->weights = *weights;
    /* Nobody asks for logits: one row stands in for the head, so that it is not packed. */
    cache->weights.head = weights->embed;
    cache->weights.head.rows = 1;
    cache->pool = pool;
    cache->file = -1;
    cache->limit = options->memory;
    cache->dir = xstrdup(options->dir ? options->dir : "/tmp");
    if (tf_net_init_f32(&cache->net, &cache->config, &cache->weights, &kernel, simd_choose(),
                        err) != 0) {
        hidden_free(cache);
        return NULL;
    }
    return cache;
}

void hidden_free(struct hidden_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->size; i++)
        free(cache->table[i].rows);
    for (size_t i = 0; i < cache->cap_pages; i++)
        free(cache->pages[i]);
    if (cache->file >= 0)
        close(cache->file);
    tf_scratch_free_f32(&cache->scratch);
    tf_net_free_f32(&cache->net);
    free(cache->table);
    free(cache->pages);
    free(cache->buffer);
    free(cache->dir);
    free(cache);
}

void hidden_get_info(const struct hidden_cache *cache, struct hidden_info *out)
{
    *out = cache->info;
}

/* ---- computing ---- */

/* A page that no segment of this batch has. */
static void *take_page(struct hidden_cache *cache, struct error *err)
{
    if (cache->n_pages == cache->cap_pages) {
        size_t cap = cache->cap_pages ? 2 * cache->cap_pages : 16;

        cache->pages = xrealloc(cache->pages, cap * sizeof(*cache->pages));
        memset(cache->pages + cache->cap_pages, 0,
               (cap - cache->cap_pages) * sizeof(*cache->pages));
        cache->cap_pages = cap;
    }
    if (!cache->pages[cache->n_pages])
        cache->pages[cache->n_pages] = mem_try(tf_page_reals(&cache->config) * sizeof(float),
                                               "keys and values of the frozen layers", err);
    return cache->pages[cache->n_pages] ? cache->pages[cache->n_pages++] : NULL;
}

/* A batch as the transformer wants it. */
struct layout {
    struct tf_segment *segments;
    void ***pages; /* by segment, each an array of its own */
    struct tf_copy *copies;
    size_t n, n_copies;
    uint32_t *wanted;
};

static void layout_release(struct layout *layout)
{
    for (size_t s = 0; s < layout->n; s++)
        free(layout->pages[s]);
    free(layout->pages);
    free(layout->segments);
    free(layout->copies);
    free(layout->wanted);
}

/* Whole pages of the parent's path are shared; a half one is copied, for its other half
 * is this segment's own. */
static int lay_segment(struct hidden_cache *cache, const struct learn_segment *from, size_t s,
                       struct layout *layout, struct error *err)
{
    size_t end = from->first_pos + from->n_rows, n_pages = (end + KV_PAGE - 1) / KV_PAGE;
    size_t whole = from->first_pos / KV_PAGE, half = from->first_pos % KV_PAGE;
    void **pages = layout->pages[s] = xcalloc(n_pages, sizeof(*pages));

    for (size_t p = 0; p < n_pages; p++) {
        if (p < whole) {
            pages[p] = layout->pages[from->parent][p];
            continue;
        }
        pages[p] = take_page(cache, err);
        if (!pages[p])
            return -1;
        if (p == whole && half > 0)
            layout->copies[layout->n_copies++] =
                (struct tf_copy){layout->pages[from->parent][p], pages[p], (int)half};
    }
    layout->segments[s] = (struct tf_segment){.first_row = from->first_row,
                                              .n_rows = from->n_rows,
                                              .first_pos = from->first_pos,
                                              .pages = pages,
                                              .parent = from->parent,
                                              .store = true};
    return 0;
}

static int lay_out(struct hidden_cache *cache, const struct learn_batch *batch,
                   struct layout *layout, struct error *err)
{
    layout->n = batch->n_segments;
    layout->segments = xcalloc(layout->n + 1, sizeof(*layout->segments));
    layout->pages = xcalloc(layout->n + 1, sizeof(*layout->pages));
    layout->copies = xcalloc(layout->n + 1, sizeof(*layout->copies));
    layout->wanted = xcalloc(batch->n_rows + 1, sizeof(*layout->wanted));
    cache->n_pages = 0;
    for (size_t i = 0; i < batch->n_rows; i++)
        layout->wanted[i] = (uint32_t)i;
    for (size_t s = 0; s < layout->n; s++)
        if (lay_segment(cache, &batch->segments[s], s, layout, err) != 0)
            return -1;
    return 0;
}

static int make_ready(struct hidden_cache *cache, size_t n_rows, struct error *err)
{
    if (!cache->ready) {
        /* Without room for a packed copy the weights are decoded as they are needed. */
        tf_net_pack_f32(&cache->net, cache->pool, POOL_BACKGROUND, NULL, NULL);
        cache->ready = true;
    }
    if (cache->scratch.max_rows >= n_rows)
        return 0;
    tf_scratch_free_f32(&cache->scratch);
    memset(&cache->scratch, 0, sizeof(cache->scratch));
    return tf_scratch_init_f32(&cache->scratch, &cache->net, n_rows, pool_threads(cache->pool),
                               err);
}

/* The forward leaves the wanted rows behind the last layer, before the norm, in
 * scratch.last: these are the rows. */
static int compute(struct hidden_cache *cache, const struct learn_batch *batch,
                   const struct cancel *cancel, struct error *err)
{
    size_t width = (size_t)cache->config.width;
    struct layout layout = {0};
    float *normed = mem_try(batch->n_rows * width * sizeof(*normed), "a batch's rows", err);
    int status = normed ? make_ready(cache, batch->n_rows, err) : -1;

    if (status == 0)
        status = lay_out(cache, batch, &layout, err);
    if (status == 0) {
        struct tf_batch_f32 forward = {
            .ids = batch->ids,
            .n_rows = batch->n_rows,
            .segments = layout.segments,
            .n_segments = layout.n,
            .copies = layout.copies,
            .n_copies = layout.n_copies,
            .wanted = layout.wanted,
            .n_wanted = batch->n_rows,
        };
        unsigned state = cpu_flush_denormals();

        status = tf_forward_f32(&cache->net, &cache->scratch, &forward, cache->pool,
                                POOL_BACKGROUND, cancel, normed, err);
        cpu_restore(state);
    }
    layout_release(&layout);
    free(normed);
    return status;
}

/* ---- keeping ---- */

static struct entry *find(struct hidden_cache *cache, uint64_t key)
{
    size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 32) & (cache->size - 1);

    while (cache->table[at].n_rows && cache->table[at].key != key)
        at = (at + 1) & (cache->size - 1);
    return &cache->table[at];
}

static void widen(struct hidden_cache *cache)
{
    struct entry *old = cache->table;
    size_t size = cache->size;

    cache->size = size ? 2 * size : 256;
    cache->table = xcalloc(cache->size, sizeof(*cache->table));
    for (size_t i = 0; i < size; i++)
        if (old[i].n_rows)
            *find(cache, old[i].key) = old[i];
    free(old);
}

static int open_file(struct hidden_cache *cache, struct error *err)
{
    char *path;

    if (cache->file >= 0)
        return 0;
    path = xasprintf("%s/rlaif-hidden-XXXXXX", cache->dir);
    cache->file = mkstemp(path);
    if (cache->file >= 0)
        unlink(path);
    else
        error_errno(err, path, "cannot make a file for the frozen layers' output");
    free(path);
    return cache->file >= 0 ? 0 : -1;
}

/* All bytes, or -1 with errno's reason. */
static int transfer(struct hidden_cache *cache, float *rows, size_t bytes, off_t at, bool writing,
                    struct error *err)
{
    char *data = (char *)rows;

    while (bytes > 0) {
        ssize_t n = writing ? pwrite(cache->file, data, bytes, at)
                            : pread(cache->file, data, bytes, at);

        if (n <= 0)
            return error_errno(err, cache->dir,
                               "the frozen layers' output cannot be kept in a file of");
        data += n;
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

static int keep(struct hidden_cache *cache, uint64_t key, size_t n_rows, struct error *err)
{
    size_t bytes = n_rows * (size_t)cache->config.width * sizeof(float);
    struct entry entry = {.key = key, .n_rows = n_rows};

    if (cache->info.memory + bytes <= cache->limit) {
        entry.rows = mem_try(bytes, "the frozen layers' output", err);
        if (!entry.rows)
            return -1;
        memcpy(entry.rows, cache->scratch.last, bytes);
        cache->info.memory += bytes;
    } else {
        entry.at = cache->file_end;
        if (open_file(cache, err) != 0 ||
            transfer(cache, cache->scratch.last, bytes, entry.at, true, err) != 0)
            return -1;
        cache->file_end += (off_t)bytes;
        cache->info.file += bytes;
    }
    if (2 * (cache->n + 1) > cache->size)
        widen(cache);
    *find(cache, key) = entry;
    cache->n++;
    return 0;
}

static int read_back(struct hidden_cache *cache, const struct entry *entry, const float **rows,
                     struct error *err)
{
    size_t reals = entry->n_rows * (size_t)cache->config.width;

    if (entry->rows) {
        *rows = entry->rows;
        return 0;
    }
    if (reals > cache->buffer_reals) {
        free(cache->buffer);
        cache->buffer_reals = 0;
        cache->buffer = mem_try(reals * sizeof(float), "rows of the frozen layers", err);
        if (!cache->buffer)
            return -1;
        cache->buffer_reals = reals;
    }
    *rows = cache->buffer;
    return transfer(cache, cache->buffer, reals * sizeof(float), entry->at, false, err);
}

int hidden_rows(struct hidden_cache *cache, uint64_t key, const struct learn_batch *batch,
                const float **rows, const struct cancel *cancel, struct error *err)
{
    if (key != HIDDEN_NOT_KEPT && cache->size) {
        const struct entry *entry = find(cache, key);

        if (entry->n_rows && entry->n_rows != batch->n_rows)
            return error_set(err, ERROR_FAILED, "example %llu was kept with %zu tokens, not %zu",
                             (unsigned long long)key, entry->n_rows, batch->n_rows);
        if (entry->n_rows) {
            cache->info.reused += batch->n_rows;
            return read_back(cache, entry, rows, err);
        }
    }
    if (compute(cache, batch, cancel, err) != 0)
        return -1;
    cache->info.computed += batch->n_rows;
    *rows = cache->scratch.last;
    return key == HIDDEN_NOT_KEPT ? 0 : keep(cache, key, batch->n_rows, err);
}
