/* Inside the vocabulary's files: how one is put together. The vocabulary is its maker's
 * until it is done. */
#ifndef RLAIF_MODELS_VOCAB_BUILD_H
#define RLAIF_MODELS_VOCAB_BUILD_H

#include "models/vocab.h"

/* Text to id while a vocabulary grows. */
struct vocab_index {
    uint32_t *slots; /* id + 1, 0: free */
    size_t n_slots;
};
void vocab_index_release(struct vocab_index *index);
/* The id of the piece with this text, or -1. */
int32_t vocab_index_find(const struct vocab_index *index, const struct vocab *vocab,
                         const char *text, size_t len);
/* The piece's id; its text is copied. It must not be there yet. */
uint32_t vocab_add(struct vocab *vocab, struct vocab_index *index, const char *text, size_t len,
                   enum piece_type type);

/* <bos> <eos> <pad>, further control tokens, then the 256 bytes by the number of their letter. */
int vocab_begin(struct vocab *vocab, struct vocab_index *index, const char *pre,
                const struct vocab_options *options, struct error *err);
/* Bytes in GPT-2's alphabet. */
void vocab_letters(const char *bytes, size_t len, struct buf *out);

#endif
