/*
 * What the tests of the stages share: a tiny world made by hand (a vocabulary of 24 one-word
 * tokens; to summarise is to repeat the word behind "say"), learners of it, copies of a state.
 */
#ifndef RLAIF_TESTS_TRAIN_FIXTURE_H
#define RLAIF_TESTS_TRAIN_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/train/policy.h"
#include "src/train/sft.h"

enum tiny_token { TINY_BEGIN, TINY_END, TINY_SAY, TINY_SEP, TINY_WORDS, TINY_VOCAB = 24 };

static const struct tf_config tiny_config = {
    .arch = "llama",
    .n_layers = 2,
    .width = 16,
    .n_heads = 2,
    .n_kv_heads = 1,
    .head_dim = 8,
    .ffn = 32,
    .vocab = TINY_VOCAB,
    .context = 48,
    .rope_base = 10000,
    .norm_eps = 1e-5,
    .tied = true,
};

static inline void must(int status, const struct error *err)
{
    if (status != 0)
        fail_msg("%s", err->text);
}

static inline struct learner *tiny_learner(enum learn_head head, struct pool *pool, uint64_t seed)
{
    struct learner_options options = {.head = head, .real = BLAS_F32};
    struct error err = {0};
    struct learner *learner = learner_new(&tiny_config, &options, pool, &err);

    if (!learner)
        fail_msg("%s", err.text);
    learner_init(learner, seed, 0.1);
    return learner;
}

static inline int32_t tiny_word(uint64_t seed, uint64_t i)
{
    return TINY_WORDS + (int32_t)rng_below(rng_key(seed, "tiny", ""), i, TINY_VOCAB - TINY_WORDS);
}

/* begin noise say WORD noise sep; returns WORD. */
static inline int32_t tiny_prompt(uint64_t seed, int32_t ids[6])
{
    ids[0] = TINY_BEGIN;
    ids[1] = tiny_word(seed, 0);
    ids[2] = TINY_SAY;
    ids[3] = tiny_word(seed, 1);
    ids[4] = tiny_word(seed, 2);
    ids[5] = TINY_SEP;
    return ids[3];
}

/* n texts "prompt -> WORD end", every third one with the word twice. end -1: prompts alone. */
static inline void tiny_texts(struct train_texts *texts, size_t n, uint64_t seed, bool alone)
{
    for (size_t i = 0; i < n; i++) {
        int32_t prompt[6], word = tiny_prompt(seed + i, prompt), answer[2] = {word, word};

        assert_true(train_texts_add(texts, prompt, 6, answer, i % 3 == 2 ? 2 : 1,
                                    alone ? -1 : TINY_END, 0, 0));
    }
}

static inline void tiny_decode(const void *arg, int32_t id, struct buf *out)
{
    (void)arg;
    if (id == TINY_VOCAB - 1)
        buf_add(out, "", 1); /* a token that is a NUL byte */
    else if (id >= TINY_WORDS)
        buf_addf(out, "%sw%d", out->len ? " " : "", id);
}

/* "w7" by blanks; anything else is "say". */
static inline int tiny_encode(const void *arg, const char *text, size_t len, struct tokens *out,
                              struct error *err)
{
    (void)arg;
    (void)err;
    for (size_t i = 0; i < len;) {
        size_t n = strcspn(text + i, " \n");

        if (i + n > len)
            n = len - i;
        if (n > 0)
            tokens_add(out, text[i] == 'w' ? (int32_t)strtol(text + i + 1, NULL, 10) : TINY_SAY);
        i += n + 1;
    }
    return 0;
}

static const struct train_codec tiny_codec = {
    .encode = tiny_encode, .decode = tiny_decode, .begin = TINY_BEGIN, .end = TINY_END};

/* A state's bytes, to be compared with another's or put into one. */
static inline void *state_take(const struct train_state *state, size_t *n)
{
    char *copy, *to;

    *n = 0;
    for (size_t i = 0; i < state->n; i++)
        *n += state_part_bytes(&state->parts[i]);
    copy = to = xmalloc(*n + 1);
    for (size_t i = 0; i < state->n; i++) {
        memcpy(to, state->parts[i].data, state_part_bytes(&state->parts[i]));
        to += state_part_bytes(&state->parts[i]);
    }
    return copy;
}

static inline void state_give(const struct train_state *state, const void *copy)
{
    const char *from = copy;

    for (size_t i = 0; i < state->n; i++) {
        memcpy(state->parts[i].data, from, state_part_bytes(&state->parts[i]));
        from += state_part_bytes(&state->parts[i]);
    }
}

#endif
