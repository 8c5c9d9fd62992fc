/*
 * Encoding. The symbols of a word (bytes) or of a text (characters) form a linked list; pairs
 * that merge wait in a heap ordered by rank, then by place. A pair taken from the heap counts
 * only if its two symbols still have the lengths they had when it was put there.
 */
#include <stdlib.h>
#include <string.h>

#include "models/tokenizer.h"
#include "src/base/mem.h"
#include "src/base/text.h"

/* More than any context holds by far; symbols and offsets are 32 bits wide. */
enum { MAX_TEXT = 256 << 20 };
/* Words up to this many symbols are merged by looking for the best pair each time: no heap is as fast. */
enum { SHORT_WORD = 24 };

struct symbol {
    uint32_t at, len; /* bytes of the text; len 0: merged away */
    int32_t id;       /* -1: not a piece (SPM: bytes stand for it) */
    uint32_t prev, next; /* NONE at the ends */
};
#define NONE UINT32_MAX

struct candidate {
    uint64_t order; /* rank << 32 | place */
    uint32_t right, left_len, right_len;
    int32_t result;
};

struct merger {
    const struct tokenizer *t;
    const char *text;
    struct symbol *symbols;
    size_t n_symbols, cap_symbols;
    struct candidate *heap;
    size_t n_heap, cap_heap;
};

/* ---- the heap ---- */

static void heap_push(struct merger *m, struct candidate c)
{
    m->heap = array_grow(m->heap, m->n_heap, &m->cap_heap, sizeof *m->heap);
    size_t i = m->n_heap++;
    for (; i > 0 && m->heap[(i - 1) / 2].order > c.order; i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = c;
}

static struct candidate heap_pop(struct merger *m)
{
    const struct candidate top = m->heap[0], last = m->heap[--m->n_heap];
    size_t i = 0;
    for (size_t child = 1; child < m->n_heap; child = 2 * i + 1) {
        if (child + 1 < m->n_heap && m->heap[child + 1].order < m->heap[child].order)
            child++;
        if (m->heap[child].order >= last.order)
            break;
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = last;
    return top;
}

/* ---- merging ---- */

/* A higher score merges first: scores as unsigned numbers in falling order. */
static uint32_t score_rank(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    const uint32_t rising = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return ~rising;
}

static bool find_pair(const struct merger *m, const struct symbol *a, const struct symbol *b,
                      uint32_t *rank, int32_t *result)
{
    if (m->t->kind == TOKENIZER_BPE) {
        const struct merge *merge = tokenizer_merge(m->t, (uint32_t)a->id, (uint32_t)b->id);
        if (!merge)
            return false;
        *rank = merge->rank;
        *result = (int32_t)merge->result;
        return true;
    }
    if (a->len + b->len > m->t->normal.max_len)
        return false;
    *result = tokenizer_find(m->t, m->text + a->at, a->len + b->len);
    if (*result < 0)
        return false;
    *rank = score_rank(tokenizer_score(m->t, (uint32_t)*result));
    return true;
}

static void offer_pair(struct merger *m, uint32_t left, uint32_t right)
{
    if (left == NONE || right == NONE)
        return;
    const struct symbol *a = &m->symbols[left], *b = &m->symbols[right];
    struct candidate c = {.right = right, .left_len = a->len, .right_len = b->len};
    uint32_t rank;
    if (!find_pair(m, a, b, &rank, &c.result))
        return;
    c.order = (uint64_t)rank << 32 | left;
    heap_push(m, c);
}

static void merge_by_heap(struct merger *m)
{
    m->n_heap = 0;
    for (size_t i = 0; i + 1 < m->n_symbols; i++)
        offer_pair(m, (uint32_t)i, (uint32_t)i + 1);
    while (m->n_heap > 0) {
        const struct candidate c = heap_pop(m);
        const uint32_t left = (uint32_t)c.order;
        struct symbol *a = &m->symbols[left], *b = &m->symbols[c.right];
        if (a->len != c.left_len || b->len != c.right_len || a->next != c.right)
            continue;
        a->len += b->len;
        a->id = c.result;
        a->next = b->next;
        b->len = 0;
        if (a->next != NONE)
            m->symbols[a->next].prev = left;
        offer_pair(m, a->prev, left);
        offer_pair(m, left, a->next);
    }
}

/* BPE on a few symbols in place: the best of at most SHORT_WORD ranks, again and again. */
static size_t merge_short(const struct tokenizer *t, int32_t *ids, size_t n)
{
    const struct merge *pairs[SHORT_WORD];
    for (size_t i = 0; i + 1 < n; i++)
        pairs[i] = tokenizer_merge(t, (uint32_t)ids[i], (uint32_t)ids[i + 1]);
    while (n > 1) {
        size_t best = n;
        uint32_t rank = UINT32_MAX;
        for (size_t i = 0; i + 1 < n; i++) {
            if (pairs[i] && pairs[i]->rank < rank) {
                rank = pairs[i]->rank;
                best = i;
            }
        }
        if (best == n)
            break;
        ids[best] = (int32_t)pairs[best]->result;
        n--;
        memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof *ids);
        if (n > 1)
            memmove(pairs + best, pairs + best + 1, (n - 1 - best) * sizeof *pairs);
        if (best > 0)
            pairs[best - 1] = tokenizer_merge(t, (uint32_t)ids[best - 1], (uint32_t)ids[best]);
        if (best + 1 < n)
            pairs[best] = tokenizer_merge(t, (uint32_t)ids[best], (uint32_t)ids[best + 1]);
    }
    return n;
}

static void add_symbol(struct merger *m, size_t at, size_t len, int32_t id)
{
    m->symbols = array_grow(m->symbols, m->n_symbols, &m->cap_symbols, sizeof *m->symbols);
    const uint32_t i = (uint32_t)m->n_symbols++;
    m->symbols[i] = (struct symbol){(uint32_t)at, (uint32_t)len, id, i ? i - 1 : NONE, NONE};
    if (i)
        m->symbols[i - 1].next = i;
}

/* ---- byte-level BPE ---- */

/* The piece that is the word in GPT-2's alphabet, or -1. */
static int32_t whole_word(const struct tokenizer *t, const char *word, size_t len)
{
    char text[512];
    size_t n = 0;
    if (len > t->normal.max_len || len > sizeof text / 2)
        return -1;
    for (size_t i = 0; i < len; i++)
        n += utf8_encode(byte_to_letter((uint8_t)word[i]), text + n);
    return tokenizer_find(t, text, n);
}

/*
 * Adds the ids of a byte: its own, or the three of U+FFFD when the vocabulary has no token for it
 * (SmolLM2 lacks some control characters). Dropping it would hide that something stood there.
 */
static int add_byte(const struct tokenizer *t, uint8_t byte, size_t at, struct tokens *out,
                    struct error *err)
{
    static const uint8_t replacement[3] = {0xef, 0xbf, 0xbd};
    if (t->byte_ids[byte] >= 0) {
        tokens_add(out, t->byte_ids[byte]);
        return 0;
    }
    for (int i = 0; i < 3; i++) {
        if (t->byte_ids[replacement[i]] < 0)
            return error_set(err, ERROR_DATA,
                             "byte %zu of the text, 0x%02X, has no token in this vocabulary", at,
                             byte);
        tokens_add(out, t->byte_ids[replacement[i]]);
    }
    return 0;
}

/* The ids of the bytes go to the end of *out and are merged there. */
static int encode_word(struct merger *m, size_t at, size_t len, struct tokens *out,
                       struct error *err)
{
    const struct tokenizer *t = m->t;
    if (t->splitter->whole_words) {
        const int32_t id = whole_word(t, m->text + at, len);
        if (id >= 0) {
            tokens_add(out, id);
            return 0;
        }
    }
    const size_t start = out->n;
    for (size_t i = at; i < at + len; i++)
        if (add_byte(t, (uint8_t)m->text[i], i, out, err))
            return -1;
    const size_t n = out->n - start;
    if (n <= SHORT_WORD) {
        out->n = start + merge_short(t, out->ids + start, n);
        return 0;
    }
    m->n_symbols = 0;
    for (size_t i = 0; i < n; i++)
        add_symbol(m, i, 1, out->ids[start + i]);
    merge_by_heap(m);
    out->n = start;
    for (uint32_t i = 0; i != NONE; i = m->symbols[i].next)
        tokens_add(out, m->symbols[i].id);
    return 0;
}

static int encode_bpe(struct merger *m, size_t len, struct tokens *out, struct error *err)
{
    for (size_t at = 0; at < len;) {
        const size_t n = m->t->splitter->next(m->text + at, len - at);
        if (encode_word(m, at, n, out, err))
            return -1;
        at += n;
    }
    return 0;
}

/* The same for a text that gets a blank in front. */
static int encode_after_blank(struct merger *m, size_t len, struct tokens *out, struct error *err)
{
    char *text = mem_try(len + 1, "a text", err);
    if (!text)
        return -1;
    text[0] = ' ';
    memcpy(text + 1, m->text, len);
    m->text = text;
    const int status = encode_bpe(m, len + 1, out, err);
    free(text);
    return status;
}

/* ---- SentencePiece ---- */

/* Blanks become U+2581, and one stands before the text when the model was trained so. */
static void spm_text(const struct tokenizer *t, const char *text, size_t len, struct buf *out)
{
    static const char blank[] = "\xe2\x96\x81";
    if (t->add_space)
        buf_add(out, blank, 3);
    for (size_t at = 0; at < len;) {
        const char *space = memchr(text + at, ' ', len - at);
        const size_t end = space ? (size_t)(space - text) : len;
        buf_add(out, text + at, end - at);
        if (space)
            buf_add(out, blank, 3);
        at = end + (space != NULL);
    }
}

static int add_spm_symbol(const struct merger *m, const struct symbol *s, struct tokens *out,
                          struct error *err)
{
    if (s->id >= 0) {
        tokens_add(out, s->id);
        return 0;
    }
    for (uint32_t i = 0; i < s->len; i++) {
        const uint8_t byte = (uint8_t)m->text[s->at + i];
        if (m->t->byte_ids[byte] >= 0) {
            tokens_add(out, m->t->byte_ids[byte]);
        } else if (m->t->unknown >= 0) {
            tokens_add(out, m->t->unknown);
            return 0;
        } else {
            return error_set(err, ERROR_DATA,
                             "the byte 0x%02X has no token in this vocabulary", byte);
        }
    }
    return 0;
}

static int encode_spm(struct merger *m, const char *text, size_t len, struct tokens *out,
                      struct error *err)
{
    struct buf plain;
    buf_init(&plain, (size_t)3 * MAX_TEXT + 4);
    spm_text(m->t, text, len, &plain);
    m->text = buf_str(&plain);
    for (size_t at = 0; at < plain.len;) {
        uint32_t code;
        size_t n = utf8_decode(m->text + at, plain.len - at, &code);
        n = n ? n : 1;
        add_symbol(m, at, n, tokenizer_find(m->t, m->text + at, n));
        at += n;
    }
    merge_by_heap(m);
    int status = 0;
    for (uint32_t i = 0; i != NONE && !status; i = m->symbols[i].next)
        status = add_spm_symbol(m, &m->symbols[i], out, err);
    buf_release(&plain);
    return status;
}

int tokenizer_encode(const struct tokenizer *t, const char *text, size_t len, struct tokens *out,
                     struct error *err)
{
    if (len > MAX_TEXT)
        return error_set(err, ERROR_DATA, "a text of %zu bytes is too long (allowed %d)", len,
                         MAX_TEXT);
    if (len == 0)
        return 0;
    struct merger m = {.t = t, .text = text};
    const size_t before = out->n;
    const bool blank = t->kind == TOKENIZER_BPE && t->splitter->blank && text[0] != ' ';
    const int status = t->kind == TOKENIZER_SPM ? encode_spm(&m, text, len, out, err)
                       : blank                  ? encode_after_blank(&m, len, out, err)
                                                : encode_bpe(&m, len, out, err);
    if (status)
        out->n = before;
    free(m.symbols);
    free(m.heap);
    return status;
}
