#include "models/transformer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

/* How rows become the activations' side of a product. */
enum tf_pack { TF_PACK_PLAIN, TF_PACK_NORM, TF_PACK_SWIGLU };

/* Query rows that one thread attends for at a time: keys and values stay in its cache meanwhile. */
#define TF_ATTEND_ROWS 48
#define TF_ATTEND_MAX (4096 + ATTEND_ROWS)

/* Positions an item of attention takes; all heads of a kv head go with each. */
static size_t tf_attend_queries(const struct tf_config *config)
{
    size_t share = (size_t)(config->n_heads / config->n_kv_heads);

    return share >= TF_ATTEND_ROWS ? 1 : TF_ATTEND_ROWS / share;
}

static size_t tf_attend_rows(const struct tf_config *config)
{
    size_t share = (size_t)(config->n_heads / config->n_kv_heads);

    return (tf_attend_queries(config) * share + ATTEND_ROWS - 1) / ATTEND_ROWS * ATTEND_ROWS;
}

/* Enough rows for the products to be quick, within TF_LOGIT_BYTES. */
static size_t tf_logit_rows(const struct tf_config *config, size_t real)
{
    size_t rows = TF_LOGIT_BYTES / ((size_t)config->vocab * real);

    return rows < 12 ? 12 : rows > 144 ? 144 : rows;
}

#define REAL_BITS 32
#include "models/transformer_template.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "models/transformer_template.h"
#undef REAL_BITS
