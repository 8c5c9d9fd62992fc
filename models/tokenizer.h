/*
 * Text to token ids and back: byte-level BPE (merges by rank inside words that a pre-tokenizer
 * cuts) and SentencePiece's BPE (merges by score over the whole text, bytes for what is not in
 * the vocabulary). Both merge by a heap over a linked list: O(n log n) for any text.
 *
 * Plain text can give tokens of type normal and byte only. Control, user-defined and unused
 * tokens are not in the tables that encoding looks into, so no spelling in a text reaches them.
 *
 * A text is taken as the bytes it is: no Unicode normalisation (Qwen's published tokenizer puts
 * a text into NFC first, so there ids differ where letters are written with combining marks).
 * SentencePiece's leading blank stays in what decoding gives, and U+2581 in a text comes back
 * as a blank; all else decodes to the bytes that were encoded, but that a byte without a token
 * becomes U+FFFD.
 *
 * Pieces point into the model file. Immutable after tokenizer_new, any thread may encode.
 */
#ifndef RLAIF_MODELS_TOKENIZER_H
#define RLAIF_MODELS_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/gguf.h"
#include "models/lm.h"
#include "src/base/buf.h"
#include "src/base/error.h"

enum piece_type {
    PIECE_NORMAL = 1,
    PIECE_UNKNOWN = 2,
    PIECE_CONTROL = 3,
    PIECE_USER = 4, /* an added token: text of its own, never made from data */
    PIECE_UNUSED = 5,
    PIECE_BYTE = 6,
};

struct piece {
    const char *text; /* as in the file: byte-level alphabet, or with U+2581 for a blank */
    uint32_t len;
    uint8_t type;
};

/* Text to id: slots of id + 1, 0: free. */
struct piece_index {
    uint32_t *slots;
    size_t n_slots;
    uint32_t max_len; /* bytes of the longest piece in it */
};

enum tokenizer_kind { TOKENIZER_BPE, TOKENIZER_SPM };

/* A row of the table of pre-tokenizers (tokenizer_split.c). */
struct splitter {
    const char *name;    /* "smollm" */
    const char *aliases; /* other values of tokenizer.ggml.pre, separated by blanks */
    bool whole_words;    /* a word that is a token is that token, whatever the merges say */
    bool bos;            /* whether a text begins with BOS when the file does not say */
    bool blank;          /* a text that does not begin with a blank gets one in front (models/vocab.h, words) */
    /* Bytes of the first word of text[0..len), len > 0; at least 1. */
    size_t (*next)(const char *text, size_t len);
};
const struct splitter *splitter_find(struct gguf_string name);
/* "smollm, gpt-2, ..." for messages. */
void splitter_names(char *out, size_t out_size);

struct merge {
    uint64_t pair; /* left id << 32 | right id */
    uint32_t rank; /* lower merges first */
    uint32_t result;
};

struct tokenizer {
    enum tokenizer_kind kind;
    const struct splitter *splitter; /* BPE */
    char name[32];
    struct piece *pieces;
    uint32_t n_pieces;
    struct piece_index normal, special; /* special: control and user-defined */
    struct merge *merges; /* by hash of the pair; result UINT32_MAX: free */
    size_t n_merge_slots;
    const uint8_t *scores; /* SPM: n_pieces f32, little-endian, perhaps not aligned */
    uint64_t seed;         /* of the hash tables: nobody can prepare collisions */
    int32_t byte_ids[256]; /* -1: none */
    int32_t bos, eos, eot, eom, unknown, padding; /* -1: none */
    bool add_bos, add_space;
    int32_t ends[16];
    int n_ends;
    void *owned; /* the bytes that the pieces point into, when they are not a model file's */
};

/* Checks arrays, lengths, types, merges and special ids; n_vocab: rows of the embedding. Errors name key and offset. */
struct tokenizer *tokenizer_new(const struct gguf *gguf, uint32_t n_vocab, struct error *err);
void tokenizer_free(struct tokenizer *t); /* NULL is fine */

int tokenizer_encode(const struct tokenizer *t, const char *text, size_t len, struct tokens *out,
                     struct error *err);
void tokenizer_decode(const struct tokenizer *t, int32_t id, bool special, struct buf *out);
/* The control or user-defined piece of exactly this text, or -1. Only the program's own markers are looked up. */
int32_t tokenizer_special(const struct tokenizer *t, const char *text, size_t len);

/* Inside the folder. The id of a normal piece, or -1. */
int32_t tokenizer_find(const struct tokenizer *t, const char *text, size_t len);
/* NULL when the pair does not merge. */
const struct merge *tokenizer_merge(const struct tokenizer *t, uint32_t left, uint32_t right);
float tokenizer_score(const struct tokenizer *t, uint32_t id);
/* GPT-2's alphabet: the printable character that stands for a byte, and back (-1: none). */
uint32_t byte_to_letter(uint8_t byte);
int letter_to_byte(uint32_t code);

#endif
