/*
 * A stand-in for the language model: models/lm.h with scripted answers, linked in place of the
 * library. Tokens are bytes (id = byte + FAKE_BYTE), control tokens are 0..2, and " 1" to " 9"
 * are one token each when merge_digits is set, as with tokenizers that keep a blank and a digit
 * together.
 */
#ifndef RLAIF_TESTS_FAKE_LM_H
#define RLAIF_TESTS_FAKE_LM_H

#include "models/lm.h"

#define FAKE_BYTE 3
#define FAKE_MERGED 260 /* " 0" */
#define FAKE_VOCAB 270

struct model {
    struct model_info info;
    bool merge_digits;
    int32_t bos;
};
struct engine {
    struct model *model;
    /* Log-prob of `next` behind ids; NULL: from a hash of ids, normalised. */
    double (*logprob)(void *ctx, const int32_t *ids, size_t n, int32_t next);
    void *ctx;
    /* Text of the rationale for a prompt; NULL: " because". */
    const char *(*write)(void *ctx, const int32_t *ids, size_t n, struct rng_key key);
    int fail_after;      /* calls until one fails; < 0: never */
    size_t score_calls, scored, generated, largest;
};
void fake_model_init(struct model *model, int context);
void fake_engine_init(struct engine *engine, struct model *model);

#endif
