/* ROUGE by the published definition: clipped n-gram overlap, longest common subsequence. */
#include "src/train/rouge.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

/* Tokens are numbered in the order in which both texts bring new ones. */
struct words {
    uint32_t *ids;
    size_t n, cap;
};
struct names {
    char **list;
    size_t n, cap;
    uint32_t *table; /* open addressing: number + 1 of a name, 0: free */
    size_t size;     /* a power of 2 */
};

static uint64_t name_hash(const char *text)
{
    uint64_t hash = 1469598103934665603u;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

static void names_insert(struct names *names, uint32_t number)
{
    size_t at = name_hash(names->list[number]) & (names->size - 1);

    while (names->table[at])
        at = (at + 1) & (names->size - 1);
    names->table[at] = number + 1;
}

static void names_widen(struct names *names)
{
    free(names->table);
    names->size = names->size ? 2 * names->size : 64;
    names->table = xcalloc(names->size, sizeof(*names->table));
    for (size_t i = 0; i < names->n; i++)
        names_insert(names, (uint32_t)i);
}

static uint32_t name_number(struct names *names, const char *text, size_t len)
{
    char *name = xstrndup(text, len);
    size_t at;

    if (2 * (names->n + 1) > names->size)
        names_widen(names);
    at = name_hash(name) & (names->size - 1);
    for (; names->table[at]; at = (at + 1) & (names->size - 1)) {
        if (strcmp(names->list[names->table[at] - 1], name) == 0) {
            free(name);
            return names->table[at] - 1;
        }
    }
    names->list = array_grow(names->list, names->n, &names->cap, sizeof(*names->list));
    names->list[names->n] = name;
    names->table[at] = (uint32_t)++names->n;
    return (uint32_t)names->n - 1;
}

static char token_byte(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '\0';
}

static void split(const char *text, struct names *names, struct words *out)
{
    size_t cap = strlen(text) + 1, len = 0;
    char *word = xmalloc(cap);

    for (const char *at = text;; at++) {
        char c = token_byte(*at);

        if (c) {
            word[len++] = c;
        } else if (len) {
            out->ids = array_grow(out->ids, out->n, &out->cap, sizeof(*out->ids));
            out->ids[out->n++] = name_number(names, word, len);
            len = 0;
        }
        if (!*at)
            break;
    }
    free(word);
}

/* ---- overlap ---- */

static int compare_grams(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t *grams(const struct words *words, size_t order, size_t *n)
{
    uint64_t *list;

    *n = words->n >= order ? words->n - order + 1 : 0;
    list = xmalloc((*n + 1) * sizeof(*list));
    for (size_t i = 0; i < *n; i++)
        list[i] = order == 1 ? words->ids[i] : (uint64_t)words->ids[i] << 32 | words->ids[i + 1];
    qsort(list, *n, sizeof(*list), compare_grams);
    return list;
}

static struct rouge_score score_of(size_t common, size_t n_reference, size_t n_candidate)
{
    struct rouge_score score = {0};

    if (n_candidate)
        score.precision = (double)common / (double)n_candidate;
    if (n_reference)
        score.recall = (double)common / (double)n_reference;
    if (score.precision + score.recall > 0)
        score.f = 2 * score.precision * score.recall / (score.precision + score.recall);
    return score;
}

static struct rouge_score score_grams(const struct words *reference, const struct words *candidate,
                                      size_t order)
{
    size_t n, m, common = 0;
    uint64_t *a = grams(reference, order, &n), *b = grams(candidate, order, &m);

    for (size_t i = 0, j = 0; i < n && j < m;) {
        if (a[i] == b[j]) {
            common++;
            i++;
            j++;
        } else if (a[i] < b[j]) {
            i++;
        } else {
            j++;
        }
    }
    free(a);
    free(b);
    return score_of(common, n, m);
}

static struct rouge_score score_lcs(const struct words *reference, const struct words *candidate)
{
    size_t *best = xcalloc(candidate->n + 1, sizeof(*best)), common;

    for (size_t i = 0; i < reference->n; i++) {
        size_t corner = 0;

        for (size_t j = 0; j < candidate->n; j++) {
            size_t above = best[j + 1];

            if (reference->ids[i] == candidate->ids[j])
                best[j + 1] = corner + 1;
            else if (best[j] > above)
                best[j + 1] = best[j];
            corner = above;
        }
    }
    common = best[candidate->n];
    free(best);
    return score_of(common, reference->n, candidate->n);
}

void rouge_score(const char *reference, const char *candidate, struct rouge *out)
{
    struct names names = {0};
    struct words a = {0}, b = {0};

    split(reference, &names, &a);
    split(candidate, &names, &b);
    out->one = score_grams(&a, &b, 1);
    out->two = score_grams(&a, &b, 2);
    out->l = score_lcs(&a, &b);
    for (size_t i = 0; i < names.n; i++)
        free(names.list[i]);
    free(names.list);
    free(names.table);
    free(a.ids);
    free(b.ids);
}

static void keep_best(struct rouge_score *best, const struct rouge_score *other)
{
    if (other->f > best->f)
        *best = *other;
}

void rouge_score_best(const char *const *references, size_t n, const char *candidate,
                      struct rouge *out)
{
    *out = (struct rouge){0};
    for (size_t i = 0; i < n; i++) {
        struct rouge one;

        rouge_score(references[i], candidate, &one);
        if (i == 0)
            *out = one;
        keep_best(&out->one, &one.one);
        keep_best(&out->two, &one.two);
        keep_best(&out->l, &one.l);
    }
}
