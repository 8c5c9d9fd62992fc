#include "src/data/pair.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/text.h"

static const char *const choice_names[] = {"none", "a", "b", "tie"};
static const char *const rater_kind_names[] = {"human", "ai", "gold", "sim"};
static const char *const split_names[] = {"train", "dev", "test"};

static bool name_find(const char *const *names, size_t n, const char *name, int *out)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(names[i], name)) {
            *out = (int)i;
            return true;
        }
    }
    return false;
}

const char *choice_name(enum choice choice)
{
    return choice_names[choice];
}

bool choice_parse(const char *name, enum choice *out)
{
    int i;
    if (!name_find(choice_names, 4, name, &i))
        return false;
    *out = (enum choice)i;
    return true;
}

const char *rater_kind_name(enum rater_kind kind)
{
    return rater_kind_names[kind];
}

bool rater_kind_parse(const char *name, enum rater_kind *out)
{
    int i;
    if (!name_find(rater_kind_names, 4, name, &i))
        return false;
    *out = (enum rater_kind)i;
    return true;
}

const char *split_name(enum split split)
{
    return split_names[split];
}

bool split_parse(const char *name, enum split *out)
{
    static const struct {
        const char *prefix;
        enum split split;
    } words[] = {{"train", SPLIT_TRAIN},
                 {"dev", SPLIT_DEV},
                 {"valid", SPLIT_DEV},
                 {"eval", SPLIT_DEV},
                 {"test", SPLIT_TEST}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strncmp(name, words[i].prefix, strlen(words[i].prefix))) {
            *out = words[i].split;
            return true;
        }
    }
    return false;
}

void pair_init(struct pair *pair)
{
    *pair = (struct pair){.gold_a = NAN, .gold_b = NAN};
}

void pair_release(struct pair *pair)
{
    free(pair->key);
    free(pair->title);
    free(pair->context);
    free(pair->a);
    free(pair->b);
    free(pair->group);
    for (size_t i = 0; i < pair->n_votes; i++)
        free(pair->votes[i].rater);
    free(pair->votes);
    for (size_t i = 0; i < pair->n_tags; i++)
        free(pair->tags[i]);
    free(pair->tags);
    pair_init(pair);
}

void pair_list_init(struct pair_list *list)
{
    *list = (struct pair_list){0};
}

void pair_list_release(struct pair_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        pair_release(&list->pairs[i]);
    free(list->pairs);
    pair_list_init(list);
}

struct pair *pair_list_add(struct pair_list *list)
{
    list->pairs = array_grow(list->pairs, list->n, &list->cap, sizeof *list->pairs);
    struct pair *pair = &list->pairs[list->n++];
    pair_init(pair);
    return pair;
}

/* Votes and tags are few and read often: exact arrays, no capacity kept. */
void pair_add_vote(struct pair *pair, const char *rater, enum rater_kind kind,
                   enum choice choice, double confidence)
{
    pair->votes = xrealloc(pair->votes, (pair->n_votes + 1) * sizeof *pair->votes);
    pair->votes[pair->n_votes++] = (struct vote){.rater = xstrdup(rater),
                                                 .kind = kind,
                                                 .choice = choice,
                                                 .confidence = confidence,
                                                 .soft = NAN};
}

void pair_add_tag(struct pair *pair, const char *tag)
{
    for (size_t i = 0; i < pair->n_tags; i++) {
        if (!strcmp(pair->tags[i], tag))
            return;
    }
    pair->tags = xrealloc(pair->tags, (pair->n_tags + 1) * sizeof *pair->tags);
    pair->tags[pair->n_tags++] = xstrdup(tag);
}

static bool is_blank_text(const char *text, size_t len)
{
    uint32_t code;
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_decode(text + i, len - i, &code);
        if (n == 0 || !unicode_is_space(code))
            return false;
    }
    return true;
}

/* Characters and words in one pass; only what is not ASCII has to be decoded. */
static void measure(const char *text, size_t len, size_t *chars, size_t *words)
{
    bool inside = false;
    *chars = *words = 0;
    for (size_t i = 0, n; i < len; i += n, ++*chars) {
        unsigned char c = (unsigned char)text[i];
        uint32_t code = c;
        n = 1;
        if (c >= 0x80) {
            code = 0xFFFD;
            n = utf8_decode(text + i, len - i, &code);
            n += n == 0;
        }
        bool space = c > 0x20 && c < 0x80 ? false : unicode_is_space(code);
        *words += !space && !inside;
        inside = !space;
    }
}

static uint32_t fit_u32(size_t n)
{
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

void pair_finish(struct pair *pair)
{
    const char *context = pair->context ? pair->context : "";
    const char *a = pair->a ? pair->a : "", *b = pair->b ? pair->b : "";
    size_t len = strlen(context), len_a = strlen(a), len_b = strlen(b);
    uint8_t hash[32];
    hash_bytes(context, len, hash);
    pair->cluster = 0;
    for (int i = 0; i < 8; i++)
        pair->cluster = pair->cluster << 8 | hash[i];
    if (!pair->split_given) {
        unsigned bucket = (uint32_t)(pair->cluster >> 32) % 100;
        pair->split = bucket < 60 ? SPLIT_TRAIN : bucket < 80 ? SPLIT_DEV : SPLIT_TEST;
    }
    pair->flags &= ~(unsigned)(PAIR_IDENTICAL | PAIR_BLANK);
    if (len_a == len_b && !memcmp(a, b, len_a))
        pair->flags |= PAIR_IDENTICAL;
    if (is_blank_text(a, len_a) || is_blank_text(b, len_b))
        pair->flags |= PAIR_BLANK;
    size_t chars, words;
    measure(a, len_a, &chars, &words);
    pair->chars_a = fit_u32(chars);
    pair->words_a = fit_u32(words);
    measure(b, len_b, &chars, &words);
    pair->chars_b = fit_u32(chars);
    pair->words_b = fit_u32(words);
    measure(context, len, &chars, &words);
    pair->words_context = fit_u32(words);
}

struct reference pair_reference(const struct pair *pair)
{
    struct reference ref = {.choice = CHOICE_NONE};
    size_t count[4] = {0};
    double sum = 0;
    for (size_t i = 0; i < pair->n_votes; i++) {
        const struct vote *vote = &pair->votes[i];
        if (vote->choice == CHOICE_NONE)
            continue;
        if (ref.n_votes++ == 0)
            ref.kind = vote->kind;
        count[vote->choice]++;
        if (vote->choice != CHOICE_TIE && !isnan(vote->confidence))
            sum += (vote->confidence - 5) / 2;
        else if (vote->choice != CHOICE_TIE)
            sum += vote->choice == CHOICE_A ? 1 : -1;
    }
    if (ref.n_votes == 0)
        return ref;
    ref.gap = sum / (double)ref.n_votes;
    size_t most = 0;
    for (int c = CHOICE_A; c <= CHOICE_TIE; c++) {
        if (count[c] > most) {
            most = count[c];
            ref.choice = (enum choice)c;
            ref.no_majority = false;
        } else if (count[c] == most) {
            ref.no_majority = true;
        }
    }
    if (ref.no_majority)
        ref.choice = CHOICE_NONE;
    return ref;
}

struct place {
    uint8_t hash[32];
    size_t index;
};

static int place_compare(const void *x, const void *y)
{
    const struct place *a = x, *b = y;
    int by = memcmp(a->hash, b->hash, sizeof a->hash);
    return by ? by : (a->index > b->index) - (a->index < b->index);
}

void pair_order(const struct pair *const *pairs, size_t n, const char *set_name,
                uint64_t seed, size_t *order)
{
    struct place *places = xcalloc(n ? n : 1, sizeof *places);
    for (size_t i = 0; i < n; i++) {
        struct hash hash;
        hash_init(&hash);
        hash_u64(&hash, seed);
        hash_field(&hash, set_name, strlen(set_name));
        hash_u64(&hash, (uint64_t)pairs[i]->num);
        hash_end(&hash, places[i].hash);
        places[i].index = i;
    }
    qsort(places, n, sizeof *places, place_compare);
    for (size_t i = 0; i < n; i++)
        order[i] = places[i].index;
    free(places);
}
