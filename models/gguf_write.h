/*
 * Writes GGUF version 3: keys into memory, then a whole file through a temporary one. The
 * export holds F32 weights and the tokenizer; llama's Q and K rows go back to interleaved pairs.
 */
#ifndef RLAIF_MODELS_GGUF_WRITE_H
#define RLAIF_MODELS_GGUF_WRITE_H

#include "models/vocab.h"
#include "models/weights.h"
#include "src/base/buf.h"
#include "src/base/error.h"

struct gguf_export {
    const struct tf_config *config;
    const struct tf_weights *weights;
    const struct vocab *vocab;
    const char *name; /* general.name, NULL: none */
};
/* llama.cpp knows no word vocabularies: such a file says "llama-bpe" to it, which gives
 * the same ids for a text that begins with a blank and has no numbers; we read it back as
 * what it is. */
int gguf_write(const char *path, const struct gguf_export *what, struct error *err);

/* Inside the folder. Header and tokenizer.* keys alone, as gguf_parse and tokenizer_new
 * read them. */
void gguf_write_vocab(const struct vocab *vocab, struct buf *out);

#endif
