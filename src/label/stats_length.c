/* Does the labeler like the longer response, and more than its references do. */
#include <math.h>

#include "src/label/stats_position.h"

static bool longer_is_a(const struct pair *pair, bool words)
{
    return words ? pair->words_a > pair->words_b : pair->chars_a > pair->chars_b;
}

static bool is_equal_length(const struct pair *pair, bool words)
{
    return words ? pair->words_a == pair->words_b : pair->chars_a == pair->chars_b;
}

struct stats_length stats_length(const struct judged *rows, size_t n, bool words)
{
    struct stats_length out = { 0 };
    size_t longer_all = 0;
    for (size_t i = 0; i < n; i++) {
        const struct judged *row = &rows[i];
        bool decisive = row->verdict == VERDICT_A || row->verdict == VERDICT_B;
        bool equal = is_equal_length(row->pair, words);
        bool a_longer = longer_is_a(row->pair, words);
        bool labeler_longer = (row->verdict == VERDICT_A) == a_longer;
        if (decisive && !equal && !(row->pair->flags & PAIR_IDENTICAL)) {
            out.n_all++;
            longer_all += labeler_longer;
        }
        if (judged_left_out(row) != USED)
            continue;
        if (equal || !decisive) {
            out.equal_length += equal;
            out.half += !equal;
            continue;
        }
        bool people_longer = (row->reference.choice == CHOICE_A) == a_longer;
        out.n++;
        out.longer_longer += people_longer && labeler_longer;
        out.longer_shorter += people_longer && !labeler_longer;
        out.shorter_longer += !people_longer && labeler_longer;
        out.shorter_shorter += !people_longer && !labeler_longer;
    }
    size_t people_longer = out.longer_longer + out.longer_shorter;
    out.prefers_longer = stats_rate((double)(out.longer_longer + out.shorter_longer), out.n);
    out.human_prefers_longer = stats_rate((double)people_longer, out.n);
    out.agreement_longer = stats_rate((double)out.longer_longer, people_longer);
    out.agreement_shorter = stats_rate((double)out.shorter_shorter, out.n - people_longer);
    out.verbosity_gap = out.agreement_longer - out.agreement_shorter;
    out.prefers_longer_all = stats_rate((double)longer_all, out.n_all);
    return out;
}
