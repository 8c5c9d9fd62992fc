/* What all vocabularies share, the one of words, and the way to a tokenizer and back. */
#include "models/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/gguf_write.h"
#include "models/vocab_build.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/text.h"

enum { FIRST_CONTROL = 3, N_BYTES = 256 };

/* ---- putting one together ---- */

static size_t hash_of(const char *text, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)text[i]) * 0x100000001b3u;
    return (size_t)(h ^ h >> 29);
}

static size_t slot_of(const struct vocab_index *index, const struct vocab *v, const char *text,
                      size_t len)
{
    size_t i = hash_of(text, len) & (index->n_slots - 1);
    while (index->slots[i]) {
        const struct piece *p = &v->pieces[index->slots[i] - 1];
        if (p->len == len && memcmp(p->text, text, len) == 0)
            break;
        i = (i + 1) & (index->n_slots - 1);
    }
    return i;
}

int32_t vocab_index_find(const struct vocab_index *index, const struct vocab *vocab,
                         const char *text, size_t len)
{
    return index->n_slots ? (int32_t)index->slots[slot_of(index, vocab, text, len)] - 1 : -1;
}

void vocab_index_release(struct vocab_index *index)
{
    free(index->slots);
    *index = (struct vocab_index){0};
}

/* Half full at most; a power of two. */
static void index_grow(struct vocab_index *index, const struct vocab *v)
{
    if (index->n_slots > 2 * ((size_t)v->n_pieces + 1))
        return;
    free(index->slots);
    index->n_slots = index->n_slots ? 2 * index->n_slots : 1024;
    while (index->n_slots <= 2 * ((size_t)v->n_pieces + 1))
        index->n_slots *= 2;
    index->slots = xcalloc(index->n_slots, sizeof *index->slots);
    for (uint32_t i = 0; i < v->n_pieces; i++)
        index->slots[slot_of(index, v, v->pieces[i].text, v->pieces[i].len)] = i + 1;
}

uint32_t vocab_add(struct vocab *vocab, struct vocab_index *index, const char *text, size_t len,
                   enum piece_type type)
{
    const uint32_t id = vocab->n_pieces;
    /* Room grows by powers of two; the number alone says how much there is. */
    if ((id & (id - 1)) == 0)
        vocab->pieces = xrealloc(vocab->pieces, (id ? 2 * (size_t)id : 1) * sizeof *vocab->pieces);
    index_grow(index, vocab);
    vocab->pieces[id] = (struct piece){xstrndup(text, len), (uint32_t)len, (uint8_t)type};
    index->slots[slot_of(index, vocab, text, len)] = id + 1;
    vocab->n_pieces++;
    return id;
}

void vocab_letters(const char *bytes, size_t len, struct buf *out)
{
    char letter[4];
    for (size_t i = 0; i < len; i++)
        buf_add(out, letter, utf8_encode(byte_to_letter((uint8_t)bytes[i]), letter));
}

static int add_control(struct vocab *v, struct vocab_index *index, const char *name,
                       struct error *err)
{
    const size_t len = strlen(name);
    size_t bad;
    if (len == 0 || len > 64 || !utf8_valid(name, len, &bad))
        return error_set(err, ERROR_USAGE, "a control token's name must be 1 to 64 bytes of UTF-8");
    if (vocab_index_find(index, v, name, len) >= 0)
        return error_set(err, ERROR_USAGE, "the control token %s is there twice", name);
    /* One letter is a byte's token; and a merge can only make what begins and ends as
     * letters do. */
    if (utf8_count(name, len) < 2)
        return error_set(err, ERROR_USAGE, "the control token %s is a byte's letter", name);
    vocab_add(v, index, name, len, PIECE_CONTROL);
    return 0;
}

int vocab_begin(struct vocab *vocab, struct vocab_index *index, const char *pre,
                const struct vocab_options *options, struct error *err)
{
    static const char *const first[FIRST_CONTROL] = {"<bos>", "<eos>", "<pad>"};
    *vocab = (struct vocab){.bos = 0, .eos = 1, .pad = 2, .add_bos = true};
    *index = (struct vocab_index){0};
    snprintf(vocab->pre, sizeof vocab->pre, "%s", pre);
    for (int i = 0; i < FIRST_CONTROL; i++)
        vocab_add(vocab, index, first[i], strlen(first[i]), PIECE_CONTROL);
    for (const char *const *name = options->control; name && *name; name++)
        if (add_control(vocab, index, *name, err))
            return -1;
    if (options->size && options->size < vocab->n_pieces + N_BYTES)
        return error_set(
            err, ERROR_USAGE,
            "a vocabulary of %u tokens has no room for %u control tokens and 256 bytes",
            (unsigned)options->size, (unsigned)vocab->n_pieces);
    /* Letters have numbers up to U+0143. */
    for (uint32_t code = 0; code <= 0x143; code++) {
        char letter[4];
        if (letter_to_byte(code) >= 0)
            vocab_add(vocab, index, letter, utf8_encode(code, letter), PIECE_NORMAL);
    }
    return 0;
}

void vocab_release(struct vocab *vocab)
{
    for (uint32_t i = 0; i < vocab->n_pieces; i++)
        free((char *)vocab->pieces[i].text);
    free(vocab->pieces);
    free(vocab->merges);
    free(vocab->chat_template);
    *vocab = (struct vocab){.bos = -1, .eos = -1, .pad = -1};
}

/* ---- words ---- */

/* " tl;dr" is cut into " tl", ";" and "dr": the parts go in, as far as they are not there. */
static uint32_t add_parts(struct vocab *v, struct vocab_index *index, const char *text, size_t len)
{
    const struct splitter *splitter = splitter_find((struct gguf_string){"words", 5});
    const uint32_t before = v->n_pieces;
    for (size_t at = 0, n; at < len; at += n) {
        struct buf letters;
        n = splitter->next(text + at, len - at);
        buf_init(&letters, 0);
        vocab_letters(text + at, n, &letters);
        if (vocab_index_find(index, v, letters.data, letters.len) < 0)
            vocab_add(v, index, letters.data, letters.len, PIECE_NORMAL);
        buf_release(&letters);
    }
    return v->n_pieces - before;
}

static int add_word(struct vocab *v, struct vocab_index *index, const char *word, uint32_t size,
                    struct error *err)
{
    const size_t len = strlen(word);
    size_t bad;
    if (len == 0 || len > 200 || !utf8_valid(word, len, &bad))
        return error_set(err, ERROR_USAGE,
                         "a word of %zu bytes in the vocabulary (allowed: 1..200, UTF-8)", len);
    for (size_t at = 0; at < len;) {
        uint32_t code;
        at += utf8_decode(word + at, len - at, &code);
        if (unicode_is_space(code)) {
            error_set(err, ERROR_USAGE, "the word '%s' has white space in it", word);
            return error_hint(err, "words stand between blanks: give its parts");
        }
    }
    char *text = xasprintf(" %s", word);
    const uint32_t added = add_parts(v, index, text, len + 1);
    free(text);
    if (added == 0)
        return error_set(err, ERROR_USAGE, "the word '%s' is in the vocabulary twice", word);
    if (size && v->n_pieces > size)
        return error_set(err, ERROR_USAGE,
                         "the words, control tokens and bytes are more than the %u tokens of the "
                         "vocabulary, from '%s' on",
                         (unsigned)size, word);
    return 0;
}

int vocab_from_words(struct vocab *out, const char *const *words, size_t n,
                     const struct vocab_options *options, struct error *err)
{
    struct vocab_index index;
    int status = vocab_begin(out, &index, "words", options, err);
    for (size_t i = 0; i < n && !status; i++)
        status = add_word(out, &index, words[i], options->size, err);
    vocab_index_release(&index);
    if (status)
        vocab_release(out);
    return status;
}

/* ---- tokenizers ---- */

struct tokenizer *vocab_tokenizer(const struct vocab *vocab, struct error *err)
{
    struct buf bytes;
    struct gguf gguf;
    struct tokenizer *t = NULL;
    buf_init(&bytes, (size_t)1 << 30);
    gguf_write_vocab(vocab, &bytes);
    if (bytes.full)
        error_set(err, ERROR_FAILED, "the vocabulary is too large");
    else if (gguf_parse(&gguf, bytes.data, bytes.len, "vocabulary", err) == 0) {
        t = tokenizer_new(&gguf, vocab->n_pieces, err);
        gguf_release(&gguf);
    }
    if (t) {
        for (int i = 0; i < vocab->n_ends && t->n_ends < 16; i++) {
            bool known = false;
            for (int j = 0; j < t->n_ends; j++)
                known = known || t->ends[j] == vocab->ends[i];
            if (!known)
                t->ends[t->n_ends++] = vocab->ends[i];
        }
        t->owned = buf_take(&bytes);
    }
    buf_release(&bytes);
    return t;
}

static int by_rank(const void *a, const void *b)
{
    const struct merge *x = a, *y = b;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

int vocab_of_tokenizer(struct vocab *out, const struct tokenizer *tokenizer, struct error *err)
{
    const struct tokenizer *t = tokenizer;
    *out = (struct vocab){.bos = t->bos, .eos = t->eos, .pad = t->padding, .add_bos = t->add_bos};
    if (t->kind != TOKENIZER_BPE)
        return error_set(err, ERROR_FAILED,
                         "a SentencePiece vocabulary cannot be taken from its model "
                         "(byte-level BPE can)");
    snprintf(out->pre, sizeof out->pre, "%s", t->splitter->name);
    out->pieces = xmalloc(((size_t)t->n_pieces + 1) * sizeof *out->pieces);
    for (; out->n_pieces < t->n_pieces; out->n_pieces++) {
        struct piece *p = &out->pieces[out->n_pieces];
        *p = t->pieces[out->n_pieces];
        p->text = xstrndup(p->text, p->len);
    }
    struct merge *merges = xmalloc((t->n_merge_slots + 1) * sizeof *merges);
    for (size_t i = 0; i < t->n_merge_slots; i++)
        if (t->merges[i].result != UINT32_MAX)
            merges[out->n_merges++] = t->merges[i];
    qsort(merges, out->n_merges, sizeof *merges, by_rank);
    out->merges = xmalloc((out->n_merges + 1) * sizeof *out->merges);
    for (size_t i = 0; i < out->n_merges; i++)
        out->merges[i] = (struct vocab_merge){(uint32_t)(merges[i].pair >> 32),
                                              (uint32_t)merges[i].pair};
    free(merges);
    for (int i = 0; i < t->n_ends; i++)
        if (t->ends[i] != t->eos)
            out->ends[out->n_ends++] = t->ends[i];
    return 0;
}

void vocab_hash(const struct vocab *vocab, uint8_t out[32])
{
    struct hash hash;
    hash_init(&hash);
    hash_field(&hash, vocab->pre, strlen(vocab->pre));
    hash_u64(&hash, vocab->n_pieces);
    for (uint32_t i = 0; i < vocab->n_pieces; i++) {
        hash_field(&hash, vocab->pieces[i].text, vocab->pieces[i].len);
        hash_u64(&hash, vocab->pieces[i].type);
    }
    hash_u64(&hash, vocab->n_merges);
    for (size_t i = 0; i < vocab->n_merges; i++) {
        hash_u64(&hash, vocab->merges[i].left);
        hash_u64(&hash, vocab->merges[i].right);
    }
    hash_u64(&hash, (uint64_t)(int64_t)vocab->bos);
    hash_u64(&hash, (uint64_t)(int64_t)vocab->eos);
    hash_u64(&hash, (uint64_t)(int64_t)vocab->pad);
    hash_u64(&hash, vocab->add_bos);
    hash_end(&hash, out);
}
