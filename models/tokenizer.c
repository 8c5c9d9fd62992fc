/* The vocabulary: loading, checking, looking up, and from ids back to bytes. */
#include "models/tokenizer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "models/quant.h"
#include "src/base/mem.h"
#include "src/base/text.h"

/* The longest real pieces are runs of some hundred blanks. */
enum { MAX_PIECE = 16384 };

/* ---- lists of ids ---- */

void tokens_add(struct tokens *list, int32_t id)
{
    list->ids = array_grow(list->ids, list->n, &list->cap, sizeof *list->ids);
    list->ids[list->n++] = id;
}

void tokens_release(struct tokens *list)
{
    free(list->ids);
    *list = (struct tokens){0};
}

/* ---- GPT-2's alphabet ---- */

/* Bytes that print stand for themselves; the 68 others are U+0100 and up, in their order. */
static bool byte_prints(uint32_t b)
{
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
}

uint32_t byte_to_letter(uint8_t byte)
{
    if (byte_prints(byte))
        return byte;
    if (byte <= 32)
        return 256u + byte;
    return byte <= 160 ? 256u + 33 + (byte - 127u) : 256u + 67; /* 127..160, then 173 */
}

int letter_to_byte(uint32_t code)
{
    if (code < 256)
        return byte_prints(code) ? (int)code : -1;
    code -= 256;
    if (code <= 32)
        return (int)code;
    if (code < 67)
        return (int)(code - 33 + 127);
    return code == 67 ? 173 : -1;
}

/* ---- hash tables ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_text(uint64_t seed, const char *text, size_t len)
{
    uint64_t h = seed ^ len, word;
    for (; len > 8; len -= 8, text += 8) {
        memcpy(&word, text, 8);
        h = mix(h ^ word, 0x9e3779b97f4a7c15u);
    }
    word = 0;
    memcpy(&word, text, len);
    return mix(mix(h ^ word, 0x9e3779b97f4a7c15u), seed | 1);
}

static uint64_t hash_pair(uint64_t seed, uint64_t pair)
{
    return mix(mix(pair ^ seed, 0x9e3779b97f4a7c15u), seed | 1);
}

/* h scaled to 0..n-1, so that a table need not be a power of two. */
static size_t scale(uint64_t h, size_t n)
{
    return (size_t)(((unsigned __int128)h * n) >> 64);
}

static size_t table_size(size_t n)
{
    return n + n / 2 + 16;
}

/* The slot that holds the text, or the free one where it belongs. */
static size_t find_slot(const struct tokenizer *t, const struct piece_index *index,
                        const char *text, size_t len)
{
    size_t i = scale(hash_text(t->seed, text, len), index->n_slots);
    while (index->slots[i]) {
        const struct piece *p = &t->pieces[index->slots[i] - 1];
        if (p->len == len && memcmp(p->text, text, len) == 0)
            break;
        i = i + 1 == index->n_slots ? 0 : i + 1;
    }
    return i;
}

static int32_t find_piece(const struct tokenizer *t, const struct piece_index *index,
                          const char *text, size_t len)
{
    if (len > index->max_len)
        return -1;
    return (int32_t)index->slots[find_slot(t, index, text, len)] - 1;
}

int32_t tokenizer_find(const struct tokenizer *t, const char *text, size_t len)
{
    return find_piece(t, &t->normal, text, len);
}

int32_t tokenizer_special(const struct tokenizer *t, const char *text, size_t len)
{
    return find_piece(t, &t->special, text, len);
}

/* The first of two equal pieces stays. */
static void add_piece(struct tokenizer *t, struct piece_index *index, uint32_t id)
{
    const struct piece *p = &t->pieces[id];
    const size_t i = find_slot(t, index, p->text, p->len);
    if (!index->slots[i])
        index->slots[i] = id + 1;
    if (p->len > index->max_len)
        index->max_len = p->len;
}

const struct merge *tokenizer_merge(const struct tokenizer *t, uint32_t left, uint32_t right)
{
    const uint64_t pair = (uint64_t)left << 32 | right;
    size_t i = scale(hash_pair(t->seed, pair), t->n_merge_slots);
    while (t->merges[i].result != UINT32_MAX) {
        if (t->merges[i].pair == pair)
            return &t->merges[i];
        i = i + 1 == t->n_merge_slots ? 0 : i + 1;
    }
    return NULL;
}

static void add_merge(struct tokenizer *t, uint32_t left, uint32_t right, uint32_t rank,
                      uint32_t result)
{
    const uint64_t pair = (uint64_t)left << 32 | right;
    size_t i = scale(hash_pair(t->seed, pair), t->n_merge_slots);
    while (t->merges[i].result != UINT32_MAX) {
        if (t->merges[i].pair == pair)
            return;
        i = i + 1 == t->n_merge_slots ? 0 : i + 1;
    }
    t->merges[i] = (struct merge){pair, rank, result};
}

float tokenizer_score(const struct tokenizer *t, uint32_t id)
{
    return float_from_bits(load_u32(t->scores + 4 * (size_t)id));
}

/* ---- pieces ---- */

static int64_t value_at(const struct gguf *g, const char *key)
{
    const struct gguf_value *v = gguf_find(g, key);
    return v ? (int64_t)v->at : 0;
}

/* An array that must have one element a token; 1 found, 0 absent. */
static int get_per_piece(const struct tokenizer *t, const struct gguf *g, const char *key,
                         enum gguf_type element, const uint8_t **out, struct error *err)
{
    const struct gguf_value *v;
    const int got = gguf_get_array(g, key, element, &v, err);
    if (got <= 0)
        return got;
    if (v->count != t->n_pieces)
        return error_at_byte(err, g->file, (int64_t)v->at,
                             "%s has %" PRIu64 " elements, but the vocabulary %" PRIu32 " tokens",
                             key, v->count, t->n_pieces);
    *out = g->data + v->data_at;
    return 1;
}

static int load_pieces(struct tokenizer *t, const struct gguf *g, uint32_t n_vocab,
                       struct error *err)
{
    const char *key = "tokenizer.ggml.tokens";
    const struct gguf_value *v;
    const int got = gguf_get_array(g, key, GGUF_STRING, &v, err);
    if (got < 0)
        return -1;
    if (got == 0)
        return error_at_byte(err, g->file, (int64_t)g->header_bytes, "the key %s is missing", key);
    if (v->count != n_vocab)
        return error_at_byte(err, g->file, (int64_t)v->at,
                             "the vocabulary has %" PRIu64
                             " tokens, but token_embd.weight has %" PRIu32 " rows",
                             v->count, n_vocab);
    t->n_pieces = n_vocab;
    const uint8_t *types = NULL;
    if (get_per_piece(t, g, "tokenizer.ggml.token_type", GGUF_I32, &types, err) < 0)
        return -1;
    t->pieces = mem_try((size_t)n_vocab * sizeof *t->pieces, "the vocabulary", err);
    if (!t->pieces)
        return -1;
    size_t at = v->data_at;
    for (uint32_t i = 0; i < n_vocab; i++) {
        const size_t start = at;
        const struct gguf_string s = gguf_next_string(g, &at);
        const uint32_t type = types ? load_u32(types + 4 * (size_t)i) : PIECE_NORMAL;
        if (type > PIECE_BYTE)
            return error_at_byte(err, g->file, (int64_t)(types - g->data) + 4 * (int64_t)i,
                                 "token %" PRIu32 " has type %" PRIu32 " (allowed 0..%d)", i, type,
                                 PIECE_BYTE);
        if (s.len > MAX_PIECE)
            return error_at_byte(err, g->file, (int64_t)start,
                                 "token %" PRIu32 " is %zu bytes long (allowed %d)", i, s.len,
                                 MAX_PIECE);
        t->pieces[i] = (struct piece){s.data, (uint32_t)s.len,
                                      type == 0 ? PIECE_NORMAL : (uint8_t)type};
    }
    return 0;
}

static struct piece_index *index_of(struct tokenizer *t, const struct piece *p)
{
    if (p->type == PIECE_NORMAL && p->len > 0)
        return &t->normal;
    return p->type == PIECE_CONTROL || p->type == PIECE_USER ? &t->special : NULL;
}

static int index_pieces(struct tokenizer *t, struct error *err)
{
    size_t n_normal = 0, n_special = 0;
    for (uint32_t i = 0; i < t->n_pieces; i++) {
        const struct piece_index *index = index_of(t, &t->pieces[i]);
        n_normal += index == &t->normal;
        n_special += index == &t->special;
    }
    t->normal.n_slots = table_size(n_normal);
    t->special.n_slots = table_size(n_special);
    const char *what = "the vocabulary's index";
    t->normal.slots = mem_try(t->normal.n_slots * sizeof *t->normal.slots, what, err);
    t->special.slots = mem_try(t->special.n_slots * sizeof *t->special.slots, what, err);
    if (!t->normal.slots || !t->special.slots)
        return -1;
    for (uint32_t i = 0; i < t->n_pieces; i++) {
        struct piece_index *index = index_of(t, &t->pieces[i]);
        if (index)
            add_piece(t, index, i);
    }
    return 0;
}

/* ---- merges ---- */

static int merge_error(const struct gguf *g, size_t at, uint64_t number, const char *what,
                       struct gguf_string s, struct error *err)
{
    return error_at_byte(err, g->file, (int64_t)at, "merge %" PRIu64 " ('%s') %s", number, SHOW(s),
                         what);
}

/* "LEFT RIGHT": both and their sum must be tokens. One that would make a control token is left out. */
static int load_merge(struct tokenizer *t, const struct gguf *g, size_t at, struct gguf_string s,
                      uint32_t number, struct error *err)
{
    char joined[2 * MAX_PIECE];
    const char *space = s.len > 1 ? memchr(s.data + 1, ' ', s.len - 1) : NULL;
    if (s.len > sizeof joined)
        return merge_error(g, at, number, "is too long", s, err);
    if (!space)
        return merge_error(g, at, number, "is not two tokens with a blank between", s, err);
    const size_t left_len = (size_t)(space - s.data), right_len = s.len - left_len - 1;
    if (right_len == 0 || s.data[0] == ' ')
        return merge_error(g, at, number, "has an empty side: it would make a token of itself", s,
                           err);
    const int32_t left = tokenizer_find(t, s.data, left_len);
    const int32_t right = tokenizer_find(t, space + 1, right_len);
    if (left < 0 || right < 0)
        return merge_error(g, at, number, "names an unknown token", s, err);
    memcpy(joined, s.data, left_len);
    memcpy(joined + left_len, space + 1, right_len);
    const int32_t result = tokenizer_find(t, joined, left_len + right_len);
    if (result >= 0)
        add_merge(t, (uint32_t)left, (uint32_t)right, number, (uint32_t)result);
    else if (tokenizer_special(t, joined, left_len + right_len) < 0)
        return merge_error(g, at, number, "makes an unknown token", s, err);
    return 0;
}

static int load_merges(struct tokenizer *t, const struct gguf *g, struct error *err)
{
    const struct gguf_value *v;
    const int got = gguf_get_array(g, "tokenizer.ggml.merges", GGUF_STRING, &v, err);
    if (got < 0)
        return -1;
    if (got == 0)
        return error_at_byte(err, g->file, (int64_t)g->header_bytes,
                             "the key tokenizer.ggml.merges is missing");
    if (v->count > UINT32_MAX - 1)
        return error_at_byte(err, g->file, (int64_t)v->at, "too many merges (%" PRIu64 ")",
                             v->count);
    t->n_merge_slots = table_size((size_t)v->count);
    t->merges = mem_try(t->n_merge_slots * sizeof *t->merges, "the merges", err);
    if (!t->merges)
        return -1;
    for (size_t i = 0; i < t->n_merge_slots; i++)
        t->merges[i].result = UINT32_MAX;
    size_t at = v->data_at;
    for (uint32_t i = 0; i < v->count; i++) {
        const size_t start = at;
        const struct gguf_string s = gguf_next_string(g, &at);
        if (load_merge(t, g, start, s, i, err))
            return -1;
    }
    return 0;
}

/* ---- the two kinds ---- */

static int load_bpe(struct tokenizer *t, const struct gguf *g, struct error *err)
{
    struct gguf_string pre = {"default", 7};
    /* Files of ours name one that others do not know (models/gguf_write.h). */
    const int own = gguf_get_string(g, "rlaif.tokenizer.pre", &pre, err);
    if (own < 0 || (own == 0 && gguf_get_string(g, "tokenizer.ggml.pre", &pre, err) < 0))
        return -1;
    t->splitter = splitter_find(pre);
    if (!t->splitter) {
        char names[128];
        splitter_names(names, sizeof names);
        return error_at_byte(err, g->file, value_at(g, "tokenizer.ggml.pre"),
                             "the pre-tokenizer '%s' is not known (allowed: %s)", SHOW(pre), names);
    }
    snprintf(t->name, sizeof t->name, "%s", t->splitter->name);
    t->add_bos = t->splitter->bos;
    for (uint32_t b = 0; b < 256; b++) {
        char letter[4];
        t->byte_ids[b] = tokenizer_find(t, letter, utf8_encode(byte_to_letter((uint8_t)b), letter));
    }
    return load_merges(t, g, err);
}

/* "<0x0A>" is the token of a byte. */
static int byte_of_name(const struct piece *p)
{
    unsigned byte;
    int end = 0;
    char name[8];
    if (p->len != 6)
        return -1;
    memcpy(name, p->text, 6);
    name[6] = 0;
    return sscanf(name, "<0x%2X>%n", &byte, &end) == 1 && end == 6 ? (int)byte : -1;
}

static int load_spm(struct tokenizer *t, const struct gguf *g, struct error *err)
{
    snprintf(t->name, sizeof t->name, "llama-spm");
    t->add_bos = true;
    t->add_space = true;
    const int got = get_per_piece(t, g, "tokenizer.ggml.scores", GGUF_F32, &t->scores, err);
    if (got < 0)
        return -1;
    if (got == 0)
        return error_at_byte(err, g->file, (int64_t)g->header_bytes,
                             "the key tokenizer.ggml.scores is missing");
    for (uint32_t i = 0; i < t->n_pieces; i++) {
        if (isnan(tokenizer_score(t, i)))
            return error_at_byte(err, g->file, (int64_t)(t->scores - g->data) + 4 * (int64_t)i,
                                 "the score of token %" PRIu32 " is NaN", i);
        const int byte = t->pieces[i].type == PIECE_BYTE ? byte_of_name(&t->pieces[i]) : -1;
        if (byte >= 0)
            t->byte_ids[byte] = (int32_t)i;
    }
    return 0;
}

/* ---- special ids ---- */

static int get_id(const struct tokenizer *t, const struct gguf *g, const char *key, int32_t *out,
                  struct error *err)
{
    uint32_t id;
    *out = -1;
    const struct gguf_value *v = gguf_find(g, key);
    /* -1 means none, and some writers store it as 2^32 - 1. */
    if (v && v->type == GGUF_I32 && load_u32(g->data + v->data_at) == UINT32_MAX)
        return 0;
    const int got = gguf_get_u32(g, key, &id, err);
    if (got <= 0)
        return got;
    if (id == UINT32_MAX)
        return 0;
    if (id >= t->n_pieces)
        return error_at_byte(err, g->file, (int64_t)v->at,
                             "%s is %" PRIu32 ", but the vocabulary has %" PRIu32 " tokens", key,
                             id, t->n_pieces);
    *out = (int32_t)id;
    return 0;
}

static void add_end(struct tokenizer *t, int32_t id)
{
    if (id < 0 || t->n_ends == sizeof t->ends / sizeof t->ends[0])
        return;
    for (int i = 0; i < t->n_ends; i++)
        if (t->ends[i] == id)
            return;
    t->ends[t->n_ends++] = id;
}

/* Models often name one end only, but were trained with the others of their chat format too. */
static void find_ends(struct tokenizer *t)
{
    static const char *const names[] = {"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>",
                                        "<|end_of_text|>", "<end_of_turn>"};
    add_end(t, t->eos);
    add_end(t, t->eot);
    add_end(t, t->eom);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const int32_t id = tokenizer_special(t, names[i], strlen(names[i]));
        if (id >= 0 && t->pieces[id].type == PIECE_CONTROL)
            add_end(t, id);
    }
}

static int load_specials(struct tokenizer *t, const struct gguf *g, struct error *err)
{
    if (get_id(t, g, "tokenizer.ggml.bos_token_id", &t->bos, err) ||
        get_id(t, g, "tokenizer.ggml.eos_token_id", &t->eos, err) ||
        get_id(t, g, "tokenizer.ggml.eot_token_id", &t->eot, err) ||
        get_id(t, g, "tokenizer.ggml.eom_token_id", &t->eom, err) ||
        get_id(t, g, "tokenizer.ggml.padding_token_id", &t->padding, err) ||
        get_id(t, g, "tokenizer.ggml.unknown_token_id", &t->unknown, err) ||
        gguf_get_bool(g, "tokenizer.ggml.add_bos_token", &t->add_bos, err) < 0 ||
        gguf_get_bool(g, "tokenizer.ggml.add_space_prefix", &t->add_space, err) < 0)
        return -1;
    if (t->unknown >= 0 && t->pieces[t->unknown].type != PIECE_UNKNOWN)
        t->unknown = -1; /* a control token must not come from text */
    find_ends(t);
    return 0;
}

static int load(struct tokenizer *t, const struct gguf *g, uint32_t n_vocab, struct error *err)
{
    struct gguf_string model;
    const int got = gguf_get_string(g, "tokenizer.ggml.model", &model, err);
    if (got < 0)
        return -1;
    if (got == 0)
        return error_at_byte(err, g->file, (int64_t)g->header_bytes,
                             "the key tokenizer.ggml.model is missing");
    if (load_pieces(t, g, n_vocab, err) || index_pieces(t, err))
        return -1;
    if (model.len == 4 && memcmp(model.data, "gpt2", 4) == 0)
        t->kind = TOKENIZER_BPE;
    else if (model.len == 5 && memcmp(model.data, "llama", 5) == 0)
        t->kind = TOKENIZER_SPM;
    else
        return error_at_byte(err, g->file, value_at(g, "tokenizer.ggml.model"),
                             "the tokenizer '%s' is not read (allowed: gpt2, llama)", SHOW(model));
    if ((t->kind == TOKENIZER_BPE ? load_bpe : load_spm)(t, g, err))
        return -1;
    return load_specials(t, g, err);
}

struct tokenizer *tokenizer_new(const struct gguf *gguf, uint32_t n_vocab, struct error *err)
{
    struct tokenizer *t = xcalloc(1, sizeof *t);
    memset(t->byte_ids, 0xff, sizeof t->byte_ids);
    if (getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK) != sizeof t->seed)
        t->seed = (uint64_t)(uintptr_t)t;
    if (load(t, gguf, n_vocab, err)) {
        tokenizer_free(t);
        return NULL;
    }
    return t;
}

void tokenizer_free(struct tokenizer *t)
{
    if (!t)
        return;
    free(t->pieces);
    free(t->normal.slots);
    free(t->special.slots);
    free(t->merges);
    free(t->owned);
    free(t);
}

/* ---- decoding ---- */

static void decode_bpe(const struct piece *p, struct buf *out)
{
    for (size_t at = 0; at < p->len;) {
        uint32_t code;
        size_t n = utf8_decode(p->text + at, p->len - at, &code);
        const int byte = n ? letter_to_byte(code) : -1;
        if (byte >= 0)
            buf_addc(out, (char)byte);
        else
            buf_add(out, p->text + at, n ? n : 1);
        at += n ? n : 1;
    }
}

static void decode_spm(const struct piece *p, struct buf *out)
{
    for (size_t at = 0; at < p->len;) {
        if (p->len - at >= 3 && memcmp(p->text + at, "\xe2\x96\x81", 3) == 0) {
            buf_addc(out, ' ');
            at += 3;
        } else {
            buf_addc(out, p->text[at++]);
        }
    }
}

void tokenizer_decode(const struct tokenizer *t, int32_t id, bool special, struct buf *out)
{
    if (id < 0 || (uint32_t)id >= t->n_pieces)
        return;
    const struct piece *p = &t->pieces[id];
    switch (p->type) {
    case PIECE_CONTROL:
    case PIECE_UNKNOWN:
        if (special)
            buf_add(out, p->text, p->len);
        return;
    case PIECE_BYTE: {
        const int byte = byte_of_name(p);
        if (byte >= 0)
            buf_addc(out, (char)byte);
        return;
    }
    case PIECE_USER:
        buf_add(out, p->text, p->len);
        return;
    default:
        (t->kind == TOKENIZER_BPE ? decode_bpe : decode_spm)(p, out);
    }
}
