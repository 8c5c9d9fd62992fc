/*
 * Training byte-level BPE. The texts are cut into words, each kept once with its count; the pair
 * of neighbours that is there most often becomes a token, and only the words that hold it change.
 * A heap gives the next pair; its counts may be old, so a pair that comes out with another count
 * than it has now goes back in.
 */
#include <stdlib.h>
#include <string.h>

#include "models/vocab_build.h"
#include "src/base/mem.h"

struct word {
    const char *text; /* in the texts */
    uint32_t len;
    uint64_t count;
    uint32_t *ids; /* in one array of all words */
    uint32_t n_ids;
};

struct pair {
    uint64_t ids; /* left << 32 | right */
    uint64_t count;
    uint32_t *words; /* that held it when it was made; a word may be there twice */
    size_t n_words, cap_words;
};

struct trainer {
    struct vocab *v;
    struct vocab_index index;
    struct word *words;
    size_t n_words, cap_words;
    uint32_t *word_slots; /* word + 1 */
    size_t n_word_slots;
    uint32_t *ids;
    struct pair *pairs;
    size_t n_pairs, cap_pairs;
    uint32_t *pair_slots; /* pair + 1 */
    size_t n_pair_slots;
    struct entry {
        uint64_t count, ids;
        uint32_t pair;
    } *heap;
    size_t n_heap, cap_heap;
    size_t cap_merges;
};

/* ---- words ---- */

static uint64_t hash_word(const char *text, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)text[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

static size_t word_slot(const struct trainer *t, const char *text, size_t len)
{
    size_t i = hash_word(text, len) & (t->n_word_slots - 1);
    while (t->word_slots[i]) {
        const struct word *w = &t->words[t->word_slots[i] - 1];
        if (w->len == len && memcmp(w->text, text, len) == 0)
            break;
        i = (i + 1) & (t->n_word_slots - 1);
    }
    return i;
}

static void count_word(struct trainer *t, const char *text, size_t len)
{
    if (t->n_word_slots <= 2 * (t->n_words + 1)) {
        t->n_word_slots = t->n_word_slots ? 2 * t->n_word_slots : 4096;
        free(t->word_slots);
        t->word_slots = xcalloc(t->n_word_slots, sizeof *t->word_slots);
        for (size_t i = 0; i < t->n_words; i++)
            t->word_slots[word_slot(t, t->words[i].text, t->words[i].len)] = (uint32_t)i + 1;
    }
    const size_t slot = word_slot(t, text, len);
    if (!t->word_slots[slot]) {
        t->words = array_grow(t->words, t->n_words, &t->cap_words, sizeof *t->words);
        t->words[t->n_words++] = (struct word){.text = text, .len = (uint32_t)len};
        t->word_slots[slot] = (uint32_t)t->n_words;
    }
    t->words[t->word_slots[slot] - 1].count++;
}

static int count_texts(struct trainer *t, const struct vocab_text *texts, size_t n,
                       const struct vocab_options *options, struct error *err)
{
    const struct splitter *splitter = splitter_find((struct gguf_string){"gpt-2", 5});
    for (size_t i = 0; i < n; i++) {
        if (cancel_asked(options->cancel))
            return error_set(err, ERROR_CANCELLED, "cancelled while counting words");
        for (size_t at = 0; at < texts[i].len;) {
            const size_t len = splitter->next(texts[i].text + at, texts[i].len - at);
            if (len > UINT32_MAX)
                return error_set(err, ERROR_DATA, "a word of %zu bytes in text %zu", len, i);
            count_word(t, texts[i].text + at, len);
            at += len;
        }
    }
    return 0;
}

static int spell_words(struct trainer *t, struct error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < t->n_words; i++)
        total += t->words[i].len;
    t->ids = mem_try((total + 1) * sizeof *t->ids, "the words of the texts", err);
    if (!t->ids)
        return -1;
    uint32_t of_byte[256], *at = t->ids;
    for (int b = 0; b < 256; b++) {
        struct buf letter;
        const char byte = (char)b;
        buf_init(&letter, 0);
        vocab_letters(&byte, 1, &letter);
        of_byte[b] = (uint32_t)vocab_index_find(&t->index, t->v, letter.data, letter.len);
        buf_release(&letter);
    }
    for (size_t i = 0; i < t->n_words; i++) {
        struct word *w = &t->words[i];
        w->ids = at;
        w->n_ids = w->len;
        for (uint32_t j = 0; j < w->len; j++)
            *at++ = of_byte[(uint8_t)w->text[j]];
    }
    return 0;
}

/* ---- pairs ---- */

static size_t pair_slot(const struct trainer *t, uint64_t ids)
{
    const unsigned __int128 product = (unsigned __int128)(ids ^ 0x51ab) * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)((uint64_t)product ^ (uint64_t)(product >> 64)) & (t->n_pair_slots - 1);
    while (t->pair_slots[i] && t->pairs[t->pair_slots[i] - 1].ids != ids)
        i = (i + 1) & (t->n_pair_slots - 1);
    return i;
}

static struct pair *find_pair(struct trainer *t, uint32_t left, uint32_t right)
{
    const uint64_t ids = (uint64_t)left << 32 | right;
    if (t->n_pair_slots <= 2 * (t->n_pairs + 1)) {
        t->n_pair_slots = t->n_pair_slots ? 2 * t->n_pair_slots : 4096;
        free(t->pair_slots);
        t->pair_slots = xcalloc(t->n_pair_slots, sizeof *t->pair_slots);
        for (size_t i = 0; i < t->n_pairs; i++)
            t->pair_slots[pair_slot(t, t->pairs[i].ids)] = (uint32_t)i + 1;
    }
    const size_t slot = pair_slot(t, ids);
    if (!t->pair_slots[slot]) {
        t->pairs = array_grow(t->pairs, t->n_pairs, &t->cap_pairs, sizeof *t->pairs);
        t->pairs[t->n_pairs++] = (struct pair){.ids = ids};
        t->pair_slots[slot] = (uint32_t)t->n_pairs;
    }
    return &t->pairs[t->pair_slots[slot] - 1];
}

static void count_pair(struct trainer *t, uint32_t left, uint32_t right, uint32_t word)
{
    struct pair *p = find_pair(t, left, right);
    p->count += t->words[word].count;
    if (p->n_words && p->words[p->n_words - 1] == word)
        return;
    p->words = array_grow(p->words, p->n_words, &p->cap_words, sizeof *p->words);
    p->words[p->n_words++] = word;
}

static void uncount_pair(struct trainer *t, uint32_t left, uint32_t right, uint32_t word)
{
    struct pair *p = find_pair(t, left, right);
    const uint64_t count = t->words[word].count;
    p->count = p->count > count ? p->count - count : 0;
}

/* ---- the heap ---- */

/* More often first, then the smaller pair. */
static bool is_before(const struct entry *a, const struct entry *b)
{
    return a->count != b->count ? a->count > b->count : a->ids < b->ids;
}

static void push(struct trainer *t, uint32_t pair)
{
    const struct entry e = {t->pairs[pair].count, t->pairs[pair].ids, pair};
    if (e.count == 0)
        return;
    t->heap = array_grow(t->heap, t->n_heap, &t->cap_heap, sizeof *t->heap);
    size_t i = t->n_heap++;
    for (; i > 0 && is_before(&e, &t->heap[(i - 1) / 2]); i = (i - 1) / 2)
        t->heap[i] = t->heap[(i - 1) / 2];
    t->heap[i] = e;
}

static struct entry pop(struct trainer *t)
{
    const struct entry top = t->heap[0], last = t->heap[--t->n_heap];
    size_t i = 0;
    for (size_t child = 1; child < t->n_heap; child = 2 * i + 1) {
        if (child + 1 < t->n_heap && is_before(&t->heap[child + 1], &t->heap[child]))
            child++;
        if (!is_before(&t->heap[child], &last))
            break;
        t->heap[i] = t->heap[child];
        i = child;
    }
    t->heap[i] = last;
    return top;
}

/* ---- merging ---- */

/* The token that the pair makes; another pair may have made the same text before. */
static uint32_t join(struct trainer *t, uint32_t left, uint32_t right)
{
    const struct piece *a = &t->v->pieces[left], *b = &t->v->pieces[right];
    char *text = xmalloc((size_t)a->len + b->len + 1);
    memcpy(text, a->text, a->len);
    memcpy(text + a->len, b->text, b->len);
    const int32_t there = vocab_index_find(&t->index, t->v, text, (size_t)a->len + b->len);
    const uint32_t id = there >= 0 ? (uint32_t)there
                                   : vocab_add(t->v, &t->index, text, (size_t)a->len + b->len,
                                               PIECE_NORMAL);
    free(text);
    return id;
}

/* Pairs that are new, and, when the token is not, those with it: their counts may have grown. */
static void push_changed(struct trainer *t, size_t before, uint32_t id, bool is_new)
{
    for (size_t i = is_new ? before : 0; i < t->n_pairs; i++)
        if (i >= before || t->pairs[i].ids >> 32 == id || (uint32_t)t->pairs[i].ids == id)
            push(t, (uint32_t)i);
}

static void merge_in_word(struct trainer *t, uint32_t word, uint32_t left, uint32_t right,
                          uint32_t id)
{
    struct word *w = &t->words[word];
    for (uint32_t i = 0; i + 1 < w->n_ids; i++) {
        if (w->ids[i] != left || w->ids[i + 1] != right)
            continue;
        if (i > 0) {
            uncount_pair(t, w->ids[i - 1], left, word);
            count_pair(t, w->ids[i - 1], id, word);
        }
        if (i + 2 < w->n_ids) {
            uncount_pair(t, right, w->ids[i + 2], word);
            count_pair(t, id, w->ids[i + 2], word);
        }
        w->ids[i] = id;
        memmove(w->ids + i + 1, w->ids + i + 2, (w->n_ids - i - 2) * sizeof *w->ids);
        w->n_ids--;
    }
}

static void merge_pair(struct trainer *t, uint32_t number)
{
    const uint32_t left = (uint32_t)(t->pairs[number].ids >> 32);
    const uint32_t right = (uint32_t)t->pairs[number].ids;
    struct vocab *v = t->v;
    const uint32_t n_pieces = v->n_pieces, id = join(t, left, right);
    const size_t before = t->n_pairs;
    if (v->pieces[id].type != PIECE_NORMAL) { /* no text makes a control token */
        t->pairs[number].count = 0;
        return;
    }
    v->merges = array_grow(v->merges, v->n_merges, &t->cap_merges, sizeof *v->merges);
    v->merges[v->n_merges++] = (struct vocab_merge){left, right};
    for (size_t i = 0; i < t->pairs[number].n_words; i++)
        merge_in_word(t, t->pairs[number].words[i], left, right, id);
    struct pair *done = &t->pairs[number];
    free(done->words);
    *done = (struct pair){.ids = done->ids};
    push_changed(t, before, id, v->n_pieces > n_pieces);
}

static int train(struct trainer *t, const struct vocab_text *texts, size_t n,
                 const struct vocab_options *options, struct error *err)
{
    const uint64_t least = options->min_count ? options->min_count : 1;
    if (vocab_begin(t->v, &t->index, "gpt-2", options, err) ||
        count_texts(t, texts, n, options, err) || spell_words(t, err))
        return -1;
    for (size_t i = 0; i < t->n_words; i++)
        for (uint32_t j = 0; j + 1 < t->words[i].n_ids; j++)
            count_pair(t, t->words[i].ids[j], t->words[i].ids[j + 1], (uint32_t)i);
    for (size_t i = 0; i < t->n_pairs; i++)
        push(t, (uint32_t)i);
    while (t->v->n_pieces < options->size && t->n_heap > 0) {
        const struct entry top = pop(t);
        if (top.count != t->pairs[top.pair].count)
            push(t, top.pair);
        else if (top.count < least)
            break;
        else
            merge_pair(t, top.pair);
        if (cancel_asked(options->cancel))
            return error_set(err, ERROR_CANCELLED, "cancelled while training a vocabulary");
    }
    return 0;
}

int vocab_train_bpe(struct vocab *out, const struct vocab_text *texts, size_t n,
                    const struct vocab_options *options, struct error *err)
{
    struct trainer t = {.v = out};
    const int status = train(&t, texts, n, options, err);
    vocab_index_release(&t.index);
    free(t.words);
    free(t.word_slots);
    free(t.ids);
    for (size_t i = 0; i < t.n_pairs; i++)
        free(t.pairs[i].words);
    free(t.pairs);
    free(t.pair_slots);
    free(t.heap);
    if (status)
        vocab_release(out);
    return status;
}
