/* Inside the vocabulary's files: how each pre-tokenizer stands in tokenizer.json. Constant. */
#ifndef RLAIF_MODELS_VOCAB_JSON_H
#define RLAIF_MODELS_VOCAB_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct vocab_form {
    const char *pre;   /* our name */
    const char *words; /* the expression of a Split before ByteLevel, or NULL */
    bool digits;       /* a Digits before ByteLevel */
    bool blank;        /* ByteLevel's add_prefix_space */
    bool byte_words;   /* ByteLevel's use_regex: GPT-2's words */
    bool whole_words;  /* the model's ignore_merges */
};
extern const struct vocab_form vocab_forms[];
extern const size_t n_vocab_forms;

#endif
