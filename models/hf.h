/*
 * Model directories as Hugging Face's transformers writes and opens them: config.json,
 * model.safetensors, tokenizer.json, tokenizer_config.json, generation_config.json. A
 * reward model is a ...ForSequenceClassification with one label: "score.weight", 1 x
 * width.
 *
 * model_open (models/lm.h) opens such a directory: Llama, Qwen2 and Qwen3 networks with
 * weights in F32, F16 or BF16 in one file, without scaled RoPE. Everything in it is
 * hostile; errors name file and field.
 */
#ifndef RLAIF_MODELS_HF_H
#define RLAIF_MODELS_HF_H

#include <stdbool.h>

#include "models/lm.h"
#include "models/safetensors.h"
#include "models/vocab.h"
#include "models/weights.h"
#include "src/base/error.h"

struct hf_export {
    const struct tf_config *config;
    const struct tf_weights
        *weights; /* any types; written as F32. head is left out when config->tied */
    const struct vocab *vocab;        /* as many tokens as config->vocab */
    const struct weight *score;       /* a reward model's head, 1 x width; NULL: a language model */
    const struct st_note *notes;      /* for __metadata__: "rlaif.run", "rlaif.step", .. */
    size_t n_notes;
};
/* Makes the directory when it is not there; refuses one that holds other things than such
 * files. Weights last: a directory without model.safetensors is one whose writing was
 * cut. */
int hf_write(const char *dir, const struct hf_export *what, struct error *err);

/* The vocabulary of an open model, for writing it elsewhere. Fails on SentencePiece. */
int model_vocab(const struct model *model, struct vocab *out, struct error *err);
/* The score head of a reward model's directory; NULL for language models. Valid as long
 * as the model. */
const struct weight *model_score(const struct model *model);
/* A note of the weights' __metadata__, or NULL: "rlaif.run", "rlaif.step",
 * "rlaif.tokenizer", "rlaif.score_bias". */
const char *model_note(const struct model *model, const char *key);

#endif
