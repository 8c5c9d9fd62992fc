#include "src/label/report_pairs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/json.h"
#include "src/base/mem.h"

#define PAIRS_SHOWN 8
#define CONTEXT_CHARS 600
#define RESPONSE_CHARS 400

/* A row with what it is ranked by. */
struct contested {
    const struct judged *row;
    double weight;
    bool opposed; /* else torn between the orders */
};

static int contested_order(const void *a, const void *b)
{
    const struct contested *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return (x->row->pair->num > y->row->pair->num) - (x->row->pair->num < y->row->pair->num);
}

/* Surest first. A pointwise labeler is as sure as its scores are apart. */
static double opposition(const struct judged *row)
{
    if (judged_left_out(row) != USED || judged_hit(row) != 0)
        return NAN;
    double score = fabs(row->score[0] - row->score[1]);
    double margin = row->pointwise ? score : row->margin;
    /* Orders that agree with each other make the opposition worth more than any margin. */
    bool agree = !row->pointwise && row->slot[0] != row->slot[1];
    return margin + (agree ? 1 : 0);
}

static double tornness(const struct judged *row)
{
    double pull = judged_pull(row);
    bool flipped = row->slot[0] == row->slot[1] && row->slot[0] != SLOT_NONE;
    return flipped && judged_asked(row) && !(row->pair->flags & PAIR_IDENTICAL) ? fabs(pull) : NAN;
}

/* The best of all rows by a weight, at most max; returns how many. */
static size_t pick(const struct report_input *in, bool opposed, struct contested *out, size_t max)
{
    struct contested *all = xcalloc(in->n_rows + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < in->n_rows; i++) {
        double weight = opposed ? opposition(&in->rows[i]) : tornness(&in->rows[i]);
        if (!isnan(weight))
            all[n++] = (struct contested){ &in->rows[i], weight, opposed };
    }
    if (n > 0)
        qsort(all, n, sizeof *all, contested_order);
    n = n < max ? n : max;
    for (size_t i = 0; i < n; i++)
        out[i] = all[i];
    free(all);
    return n;
}

static bool is_listed(const struct contested *list, size_t n, const struct judged *row)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].row == row)
            return true;
    return false;
}

/* Half of the places for each list; what one leaves free the other takes. malloced. */
static struct contested *contested_make(const struct report_input *in, size_t *n)
{
    size_t places = in->contested > 0 ? in->contested : PAIRS_SHOWN;
    struct contested *out = xcalloc(2 * places, sizeof *out);
    struct contested *torn = out + places;
    size_t n_opposed = pick(in, true, out, places), n_torn = pick(in, false, torn, places);
    size_t half = (places + 1) / 2;
    if (n_opposed > half && n_opposed + n_torn > places)
        n_opposed = n_torn < places - half ? places - n_torn : half;
    *n = n_opposed;
    for (size_t i = 0; i < n_torn && *n < places; i++)
        if (!is_listed(out, n_opposed, torn[i].row))
            out[(*n)++] = torn[i];
    return out;
}

static const char *reference_name(const struct judged *row)
{
    return row->reference.no_majority ? "no majority" : choice_name(row->reference.choice);
}

static void describe(const struct judged *row, struct buf *text)
{
    const char *verdict = verdict_name(row->verdict);
    buf_addf(text, "Raters: %s. Labeler: %s", reference_name(row),
             verdict != NULL ? verdict : "no label");
    if (row->pointwise)
        buf_addf(text, ", scores %.3f for a and %.3f for b", row->score[0], row->score[1]);
    else if (!isnan(row->p_first[0]) && !isnan(row->p_first[1]))
        buf_addf(text, ", P(a) %.3f: %.3f with a first, %.3f with b first", row->p_a,
                 row->p_first[0], 1 - row->p_first[1]);
    buf_addc(text, '.');
}

static void add_pair(struct page *page, const struct report_input *in, const struct judged *row)
{
    const struct pair *pair = row->pair;
    struct buf text;
    buf_init(&text, 0);
    buf_addf(&text, "%s#%d", in->set != NULL ? in->set : "", pair->num);
    for (size_t i = 0; i < pair->n_tags; i++)
        buf_addf(&text, "%s%s", i == 0 ? " (" : ", ", pair->tags[i]);
    buf_adds(&text, pair->n_tags > 0 ? ")" : "");
    page_heading(page, 4, buf_str(&text));
    buf_clear(&text);
    describe(row, &text);
    page_text(page, buf_str(&text));
    buf_release(&text);
    if (pair->context != NULL && pair->context[0] != '\0')
        page_verbatim(page, pair->context, CONTEXT_CHARS);
    page_text(page, row->reference.choice == CHOICE_A ? "a (preferred by the raters)" : "a");
    page_verbatim(page, pair->a, RESPONSE_CHARS);
    page_text(page, row->reference.choice == CHOICE_B ? "b (preferred by the raters)" : "b");
    page_verbatim(page, pair->b, RESPONSE_CHARS);
}

void report_pairs(struct page *page, const struct report_input *in)
{
    size_t n;
    struct contested *list = contested_make(in, &n);
    if (n > 0)
        page_heading(page, 2, "Most contested pairs");
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || list[i].opposed != list[i - 1].opposed)
            page_heading(page, 3, list[i].opposed ? "Surest disagreements with the raters"
                                                  : "Torn between the two orders");
        add_pair(page, in, list[i].row);
    }
    free(list);
}

json_t *report_pairs_json(const struct report_input *in)
{
    size_t n;
    struct contested *list = contested_make(in, &n);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct judged *row = list[i].row;
        json_t *pair = json_object();
        struct buf ref;
        buf_init(&ref, 0);
        buf_addf(&ref, "%s#%d", in->set != NULL ? in->set : "", row->pair->num);
        json_object_set_new(pair, "pair", json_text(ref.data, ref.len));
        buf_release(&ref);
        json_object_set_new(pair, "why", json_string(list[i].opposed ? "opposed" : "torn"));
        json_object_set_new(pair, "p_a", json_number_or_null(row->p_a));
        json_object_set_new(pair, "verdict", json_text0(verdict_name(row->verdict)));
        json_object_set_new(pair, "reference", json_string(reference_name(row)));
        json_object_set_new(pair, "pull", json_number_or_null(judged_pull(row)));
        json_array_append_new(out, pair);
    }
    free(list);
    return out;
}
