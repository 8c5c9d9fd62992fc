/*
 * A vocabulary as a value of its own: made by training, read from tokenizer.json or taken from a
 * model, written to tokenizer.json and into GGUF, and turned into the tokenizer that encodes
 * (models/tokenizer.h). Two kinds of new ones:
 *
 * - byte-level BPE, trained from texts. The same tokens, merges and ids that the `tokenizers`
 *   library's trainer gives: control tokens, the 256 bytes, then merges by count, equal counts by
 *   the smaller pair of ids.
 * - words: control tokens, the 256 bytes, then the words given, each with a blank before it. A
 *   text gets a blank in front, so that every word of a text whose words stand between blanks is
 *   one token wherever it stands and texts may be encoded piece by piece. A word that is not in
 *   the list is spelled in bytes: nothing is lost and there is no <unk>. Decoding gives the
 *   blank in front back.
 *
 * Control tokens have ids, never texts: no text gives one. BOS, EOS and padding are three tokens.
 */
#ifndef RLAIF_MODELS_VOCAB_H
#define RLAIF_MODELS_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/tokenizer.h"
#include "src/base/buf.h"
#include "src/base/cancel.h"
#include "src/base/error.h"

struct vocab_merge {
    uint32_t left, right;
};
struct vocab {
    char pre[32];      /* a pre-tokenizer's name (tokenizer_split.c): "gpt-2", "words", .. */
    struct piece *pieces; /* texts owned; normal ones in GPT-2's alphabet */
    uint32_t n_pieces;
    struct vocab_merge *merges; /* in the order of their rank */
    size_t n_merges;
    int32_t bos, eos, pad; /* -1: none */
    int32_t ends[16];      /* what ends generation besides eos */
    int n_ends;
    bool add_bos;          /* texts begin with BOS */
    char *chat_template;   /* or NULL */
};

struct vocab_text {
    const char *text;
    size_t len;
};
struct vocab_options {
    uint32_t size; /* of the whole vocabulary; training stops earlier when nothing merges
                      any more */
    uint64_t min_count;   /* a pair merges when it is there as often; 0 is 1 */
    const char *const *control;  /* further control tokens behind <bos> <eos> <pad>,
                                    NULL-terminated; NULL: none */
    const struct cancel *cancel; /* or NULL */
};
/* <bos>, <eos>, <pad> are ids 0, 1, 2, further ones 3, .. Fails when size leaves no room
 * for the bytes. */
int vocab_train_bpe(struct vocab *out, const struct vocab_text *texts, size_t n,
                    const struct vocab_options *options, struct error *err);
/* The words in their order; options->size 0: no limit, else too many are an error. A word
 * that is empty, has white space in it or is there twice is an error that names it. What
 * the pre-tokenizer cuts ("tl;dr", "can't") goes in by its parts and is several tokens.
 */
int vocab_from_words(struct vocab *out, const char *const *words, size_t n,
                     const struct vocab_options *options, struct error *err);
void vocab_release(struct vocab *vocab);

/* What tokenizer.json is to say: text that the `tokenizers` library reads. Fails on
 * SentencePiece vocabularies. */
int vocab_write_json(const struct vocab *vocab, struct buf *out, struct error *err);
/* Refuses what would give other ids than the file's author has; the error names file and
 * field ("model.merges[3]"). Ids of BOS, EOS and padding come from names and the
 * post-processor; config.json may say otherwise (models/hf.h). */
int vocab_read_json(struct vocab *out, const char *text, size_t len, const char *file,
                    struct error *err);
/* A byte-level BPE tokenizer's vocabulary; the pieces are copied. */
int vocab_of_tokenizer(struct vocab *out, const struct tokenizer *tokenizer, struct error *err);

/* Owns its memory; the vocabulary may be released. */
struct tokenizer *vocab_tokenizer(const struct vocab *vocab, struct error *err);
/* SHA-256 of everything that decides about ids. */
void vocab_hash(const struct vocab *vocab, uint8_t out[32]);

#endif
