#include "models/transformer.h"

#include <stdlib.h>
#include <string.h>

#include "models/compact.h"
#include "src/base/mem.h"

size_t tf_qkv_width(const struct tf_config *config)
{
    return (size_t)(config->n_heads + 2 * config->n_kv_heads) * (size_t)config->head_dim;
}

size_t tf_page_reals(const struct tf_config *config)
{
    size_t head = (size_t)config->head_dim, padded = (head + 7) / 8 * 8;

    return (size_t)config->n_layers * (size_t)config->n_kv_heads * KV_PAGE * (head + padded);
}

int tf_config_check(const struct tf_config *config, struct error *err)
{
    static const int most = 1 << 24;

    if (config->n_layers < 1 || config->n_layers > 4096 || config->width < 1 ||
        config->width > most || config->ffn < 1 || config->ffn > most || config->vocab < 1 ||
        config->vocab > most || config->context < 1)
        return error_set(err, ERROR_DATA, "the network's sizes are out of range");
    if (config->head_dim < 2 || config->head_dim % 2 != 0 || config->head_dim > ATTEND_STRIDE)
        return error_set(err, ERROR_DATA, "a head of %d is not supported (even, at most %d)",
                         config->head_dim, ATTEND_STRIDE);
    if (config->n_kv_heads < 1 || config->n_heads < config->n_kv_heads ||
        config->n_heads > 4096 || config->n_heads % config->n_kv_heads != 0)
        return error_set(err, ERROR_DATA, "%d heads cannot share %d key heads", config->n_heads,
                         config->n_kv_heads);
    return 0;
}

#define REAL_BITS 32
#include "models/net_template.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "models/net_template.h"
#undef REAL_BITS
