/* What rows can be grouped by, and the figures of each group. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/label/stats_groups.h"

#define LABEL_SIZE 128

static bool one(size_t i, char *label, size_t size, int *rank, const char *text, int place)
{
    snprintf(label, size, "%s", text);
    *rank = place;
    return i == 0;
}

static bool by_split(const struct judged *row, size_t i, char *label, size_t size, int *rank)
{
    return one(i, label, size, rank, split_name(row->pair->split), (int)row->pair->split);
}

static bool by_group(const struct judged *row, size_t i, char *label, size_t size, int *rank)
{
    const char *group = row->pair->group;
    bool named = group != NULL && group[0] != '\0';
    snprintf(label, size, "%s", named ? group : "none");
    *rank = named ? 0 : 1;
    return i == 0;
}

static bool by_tag(const struct judged *row, size_t i, char *label, size_t size, int *rank)
{
    if (row->pair->n_tags == 0)
        return one(i, label, size, rank, "none", 1);
    if (i >= row->pair->n_tags)
        return false;
    snprintf(label, size, "%s", row->pair->tags[i]);
    *rank = 0;
    return true;
}

/* The step of `x` among n upper edges; past the last: n. */
static int step_of(double x, const double *edges, int n)
{
    int i = 0;
    while (i < n && x >= edges[i])
        i++;
    return i;
}

static bool by_length_difference(const struct judged *row, size_t i, char *label, size_t size,
                                 int *rank)
{
    static const double edges[] = { 1.1, 1.25, 1.5, 2 };
    static const char *const names[] = { "under 10 %", "10 to 25 %", "25 to 50 %", "50 to 100 %",
                                         "over twice" };
    double a = row->pair->chars_a, b = row->pair->chars_b;
    double longer = fmax(a, b), shorter = fmin(a, b);
    int step = shorter > 0 ? step_of(longer / shorter, edges, 4) : longer > 0 ? 4 : 0;
    return one(i, label, size, rank, names[step], step);
}

static bool by_text_length(const struct judged *row, size_t i, char *label, size_t size, int *rank)
{
    static const double edges[] = { 50, 100, 200, 400, 800 };
    static const char *const names[] = { "under 50 words", "50 to 99 words", "100 to 199 words",
                                         "200 to 399 words", "400 to 799 words",
                                         "800 words and more" };
    int step = step_of(row->pair->words_context, edges, 5);
    return one(i, label, size, rank, names[step], step);
}

/* How sure the raters were: distance of the mean confidence from 5, the middle of the scale. */
static bool by_confidence(const struct judged *row, size_t i, char *label, size_t size, int *rank)
{
    static const double edges[] = { 1.5, 2.5, 3.5 };
    static const char *const names[] = { "slight (1)", "some (2)", "clear (3)", "sure (4)" };
    double sum = 0;
    size_t n = 0;
    for (size_t k = 0; k < row->pair->n_votes; k++) {
        if (isnan(row->pair->votes[k].confidence))
            continue;
        sum += row->pair->votes[k].confidence;
        n++;
    }
    if (n == 0)
        return one(i, label, size, rank, "none given", 4);
    int step = step_of(fabs(sum / (double)n - 5), edges, 3);
    return one(i, label, size, rank, names[step], step);
}

static bool by_margin(const struct judged *row, size_t i, char *label, size_t size, int *rank)
{
    static const double edges[] = { .1, .25, .5, .75 };
    static const char *const names[] = { "margin under .1", "margin .1 to .25",
                                         "margin .25 to .5", "margin .5 to .75",
                                         "margin .75 to 1" };
    if (isnan(row->margin))
        return one(i, label, size, rank, "no label", 5);
    int step = step_of(row->margin, edges, 4);
    return one(i, label, size, rank, names[step], step);
}

static bool by_reference(const struct judged *row, size_t i, char *label, size_t size, int *rank)
{
    if (row->reference.no_majority)
        return one(i, label, size, rank, "no majority", 3);
    return one(i, label, size, rank, choice_name(row->reference.choice),
               row->reference.choice == CHOICE_NONE ? 4 : (int)row->reference.choice);
}

static bool by_preferred_length(const struct judged *row, size_t i, char *label, size_t size,
                                int *rank)
{
    enum choice choice = row->reference.choice;
    if (choice != CHOICE_A && choice != CHOICE_B)
        return one(i, label, size, rank, "no preference", 3);
    uint32_t a = row->pair->chars_a, b = row->pair->chars_b;
    if (a == b)
        return one(i, label, size, rank, "equal lengths", 2);
    bool longer = (a > b) == (choice == CHOICE_A);
    return one(i, label, size, rank, longer ? "longer preferred" : "shorter preferred",
               longer ? 0 : 1);
}

static bool by_orders(const struct judged *row, size_t i, char *label, size_t size, int *rank)
{
    if (row->slot[0] == SLOT_NONE || row->slot[1] == SLOT_NONE)
        return one(i, label, size, rank, "not both orders", 3);
    if (row->slot[0] == SLOT_TIE || row->slot[1] == SLOT_TIE)
        return one(i, label, size, rank, "a tie in one order", 2);
    bool same_slot = row->slot[0] == row->slot[1];
    return one(i, label, size, rank, same_slot ? "same slot" : "same response", same_slot);
}

static bool by_raters(const struct judged *row, size_t i, char *label, size_t size, int *rank)
{
    size_t n = 0;
    enum choice first = CHOICE_NONE;
    bool differ = false;
    for (size_t k = 0; k < row->pair->n_votes; k++) {
        enum choice choice = row->pair->votes[k].choice;
        if (choice == CHOICE_NONE)
            continue;
        differ = differ || (n > 0 && choice != first);
        first = choice;
        n++;
    }
    if (n < 2)
        return one(i, label, size, rank, n == 1 ? "one rater" : "no rater", n == 1 ? 2 : 3);
    return one(i, label, size, rank, differ ? "raters differ" : "raters agree", differ);
}

const struct group_key group_keys[] = {
    { "split", "train, dev or test", by_split },
    { "group", "the file's own group: forum, scenario, category", by_group },
    { "tag", "tags of the pair; a pair with two tags counts in both", by_tag },
    { "length_difference", "how much longer the longer response is, in characters",
      by_length_difference },
    { "text_length", "words of the context", by_text_length },
    { "confidence", "how sure the raters were on a 9-point scale", by_confidence },
    { "margin", "how sure the labeler is: |2 p_a - 1|", by_margin },
    { "reference", "what the raters chose", by_reference },
    { "preferred_length", "whether the raters chose the longer response", by_preferred_length },
    { "orders", "whether both orders name the same response or the same slot", by_orders },
    { "raters", "whether the raters agree among themselves", by_raters },
    { NULL, NULL, NULL },
};

const struct group_key *group_key_find(const char *name)
{
    for (const struct group_key *key = group_keys; key->name != NULL; key++)
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

static int unknown_key(const char *name, struct error *err)
{
    const char *names[sizeof group_keys / sizeof *group_keys];
    size_t n = 0;
    for (const struct group_key *key = group_keys; key->name != NULL; key++)
        names[n++] = key->name;
    const char *nearest = text_nearest(name, names, n);
    error_set(err, ERROR_USAGE, "there is no group key \"%.60s\"", name);
    if (nearest != NULL)
        return error_hint(err, "did you mean %s?", nearest);
    struct buf list;
    buf_init(&list, 0);
    for (size_t i = 0; i < n; i++)
        buf_addf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    error_hint(err, "keys are %s", buf_str(&list));
    buf_release(&list);
    return -1;
}

int group_keys_parse(const char *text, const struct group_key **out, size_t max, struct error *err)
{
    char *copy = xstrdup(text), *rest = copy;
    int n = 0;
    while (rest != NULL) {
        const char *name = strsep(&rest, ",");
        const struct group_key *key = group_key_find(name);
        if (key == NULL) {
            n = unknown_key(name, err);
            break;
        }
        if ((size_t)n == max) {
            n = error_set(err, ERROR_USAGE, "too many group keys, at most %zu", max);
            break;
        }
        out[n++] = key;
    }
    free(copy);
    return n;
}

/* ---- tables ---- */

struct entry {
    char label[LABEL_SIZE];
    int rank;
    size_t row;
};

static int entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    int text = strcmp(x->label, y->label);
    return text != 0 ? text : (x->row > y->row) - (x->row < y->row);
}

static struct stats_group group_make(const struct group_key *by, const char *label,
                                     const struct judged *rows, size_t n)
{
    struct stats_group out = { .by = by, .key = xstrdup(label) };
    struct stats_position position = stats_position(rows, n);
    struct sum hits = { 0, 0 };
    for (size_t i = 0; i < n; i++) {
        if (judged_left_out(&rows[i]) != USED)
            continue;
        sum_add(&hits, judged_hit(&rows[i]));
        out.used++;
    }
    out.n = position.n;
    out.no_label = position.no_label;
    out.decisive = position.decisive;
    out.same_position_rate = position.same_position_rate;
    out.same_position_wilson = position.wilson;
    out.pull_mean = position.pull_mean;
    out.agreement = stats_rate(sum_value(&hits), out.used);
    out.agreement_wilson = stats_wilson(out.agreement, out.used);
    return out;
}

void stats_groups_add(const struct judged *rows, size_t n, const struct group_key *by,
                      struct stats_group **list, size_t *n_list)
{
    struct entry *entries = NULL;
    size_t n_entries = 0, cap = 0, cap_list = *n_list;
    for (size_t r = 0; r < n; r++) {
        if (!judged_asked(&rows[r]) || (rows[r].pair->flags & PAIR_IDENTICAL))
            continue;
        struct entry entry = { .row = r };
        for (size_t i = 0; by->value(&rows[r], i, entry.label, LABEL_SIZE, &entry.rank); i++) {
            if (n_entries == cap)
                entries = array_grow(entries, n_entries, &cap, sizeof *entries);
            entries[n_entries++] = entry;
        }
    }
    if (n_entries > 0)
        qsort(entries, n_entries, sizeof *entries, entry_order);
    struct judged *members = xmalloc((n_entries + 1) * sizeof *members);
    for (size_t from = 0, to; from < n_entries; from = to) {
        for (to = from; to < n_entries && strcmp(entries[to].label, entries[from].label) == 0; to++)
            members[to - from] = rows[entries[to].row];
        if (*n_list == cap_list)
            *list = array_grow(*list, *n_list, &cap_list, sizeof **list);
        (*list)[(*n_list)++] = group_make(by, entries[from].label, members, to - from);
    }
    free(members);
    free(entries);
}
