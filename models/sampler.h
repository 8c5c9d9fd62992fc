/* Choosing a next token from logits: pure functions of their arguments. */
#ifndef RLAIF_MODELS_SAMPLER_H
#define RLAIF_MODELS_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "models/lm.h"

/*
 * temperature <= 0: the largest logit (of equals the smallest id). Else softmax(logits / temperature)
 * over the top_k largest (0: all), of these the fewest whose probabilities sum to top_p; drawn by
 * number `index` of the key.
 */
int32_t sample_token(const float *logits, size_t vocab, const struct sampling *sampling,
                     struct rng_key key, uint64_t index);

#endif
