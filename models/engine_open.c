/* An engine on a model file: the only part that needs the readers. */
#include "models/engine.h"

#include <string.h>

static bool is_end(const void *arg, int32_t id)
{
    return model_is_end(arg, id);
}

static void decode(const void *arg, int32_t id, struct buf *out)
{
    model_decode(arg, id, false, out);
}

struct engine *engine_new(struct model *model, struct pool *pool,
                          const struct engine_options *options, struct error *err)
{
    struct engine_text text = {is_end, decode, model};

    /* Touches the whole file, which packing it needs next anyway. */
    if (model_check_weights(model, err) != 0)
        return NULL;
    struct engine *engine =
        engine_create(model_config(model), model_weights(model), text, pool, options, err);

    if (engine)
        engine_test_kernel(&engine->net.kernel, engine->simd, engine->self_test);
    return engine;
}
