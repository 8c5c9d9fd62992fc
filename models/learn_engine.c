/* An inference engine on weights in training. */
#include <string.h>

#include "models/engine.h"
#include "models/learn_net.h"

struct engine *learner_engine(const struct learner *learner, const struct engine_text *text,
                              const struct engine_options *options, struct error *err)
{
    struct engine *engine;

    if (learner->options.real != BLAS_F32 || learner->options.head != LEARN_LM ||
        learner->options.first_layer > 0) {
        error_set(err, ERROR_USAGE, "only a whole language model in float generates");
        return NULL;
    }
    learner_sync((struct learner *)learner);
    engine = engine_create_with(&learner->config, &learner->view, *text, learner->pool, options,
                                &learner->kernel, learner->simd, err);
    if (engine)
        engine->version = learner->version;
    return engine;
}

int learner_engine_refresh(const struct learner *learner, struct engine *engine,
                           const struct cancel *cancel, struct error *err)
{
    struct engine_call call = {.priority = POOL_BACKGROUND, .cancel = cancel};
    bool empty;
    int status;

    if (engine->version == learner->version)
        return 0;
    learner_sync((struct learner *)learner);
    status = engine_enter(engine, &call, err);
    if (status == 0) {
        pthread_mutex_lock(&engine->tree_lock);
        empty = kv_empty(&engine->tree);
        pthread_mutex_unlock(&engine->tree_lock);
        if (!empty)
            status = error_set(err, ERROR_FAILED, "the engine is in use while its weights change");
    }
    if (status == 0)
        status = tf_net_refresh_f32(&engine->net, &learner->view, engine->pool, POOL_BACKGROUND,
                                    cancel, err);
    if (status == 0)
        engine->version = learner->version;
    engine_leave(engine, &call);
    return status;
}
