/* Statistics in plain words, from the answer's object. */
#include "src/label/stats_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"
#include "src/label/stats_show.h"

#define NAME_COLUMNS 20

static void line_begin(struct buf *out, const char *name)
{
    buf_adds(out, "  ");
    buf_adds(out, name);
    int width = text_width(name, strlen(name));
    buf_fill(out, ' ', width < NAME_COLUMNS ? (size_t)(NAME_COLUMNS - width) : 1);
}

static void add_says(const json_t *answer, struct buf *out)
{
    buf_adds(out, "=> ");
    show_text(out, answer, "says");
    buf_addc(out, '\n');
}

/* "model:X with summary-base@1 on set x (simulated)" */
static void add_names(const json_t *answer, struct buf *out)
{
    const char *between[][2] = { { "labeler", "" }, { "prompt", " with " }, { "set", " on set " } };
    bool any = false;
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        if (!json_is_string(json_object_get(answer, between[i][0])))
            continue;
        buf_adds(out, any ? between[i][1] : "");
        show_text(out, answer, between[i][0]);
        any = true;
    }
    if (json_is_true(json_object_get(answer, "simulated")))
        buf_adds(out, " (simulated)");
    if (any)
        buf_addc(out, '\n');
}

static void add_warnings(const json_t *answer, struct buf *out)
{
    const json_t *warnings = json_object_get(answer, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        buf_adds(out, "  ! ");
        show_value(out, json_array_get(warnings, i));
        buf_addc(out, '\n');
    }
}

/* Agreement with its interval, same position with its direction, share without a label. */
static void add_trio(const json_t *answer, struct buf *out)
{
    struct buf with;
    buf_init(&with, 0);
    show_text(&with, answer, "with");
    line_begin(out, with.len > 0 ? buf_str(&with) : "agreement");
    buf_release(&with);
    show_percent(out, answer, "agreement");
    show_interval(out, answer, "clustered");
    buf_addf(out, ", %ld pairs", show_count(answer, "used"));
    if (json_is_true(json_object_get(answer, "provisional")))
        buf_adds(out, " so far");
    buf_addc(out, '\n');
    line_begin(out, "same position");
    show_percent(out, answer, "same_position_rate");
    buf_addf(out, " of %ld pairs decided in both orders: slot 1 in %ld, slot 2 in %ld\n",
             show_count(answer, "decisive"), show_count(answer, "first"),
             show_count(answer, "second"));
    line_begin(out, "no label");
    show_percent(out, answer, "no_label_rate");
    buf_addf(out, " (%ld of %ld pairs)\n", show_count(answer, "without_label"),
             show_count(answer, "judged"));
}

static void add_left_out(const json_t *answer, struct buf *out)
{
    static const char *const words[][2] = {
        { "tie", "tied by the raters" },   { "no_majority", "without a majority" },
        { "no_label", "without a label" }, { "identical", "with identical responses" },
        { "unlabelled", "never rated" },
    };
    const json_t *left_out = json_object_get(answer, "left_out");
    bool any = false;
    line_begin(out, "left out");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        long n = show_count(left_out, words[i][0]);
        if (n == 0)
            continue;
        buf_addf(out, "%s%ld %s", any ? ", " : "", n, words[i][1]);
        any = true;
    }
    buf_adds(out, any ? "\n" : "none\n");
}

static void add_intervals(const json_t *answer, struct buf *out)
{
    const json_t *boot = json_object_get(answer, "bootstrap");
    line_begin(out, "intervals 95 %");
    buf_adds(out, "Wilson");
    show_interval(out, answer, "wilson");
    buf_adds(out, "; by context");
    show_interval(out, answer, "clustered");
    buf_addf(out, " over %ld contexts", show_count(answer, "clusters"));
    if (show_count(boot, "draws") > 0) {
        buf_adds(out, "; bootstrap");
        show_interval(out, boot, "agreement");
        buf_addf(out, ", %ld draws, seed %ld", show_count(boot, "draws"),
                 show_count(boot, "seed"));
    }
    buf_addc(out, '\n');
}

static void add_baselines(const json_t *answer, struct buf *out)
{
    const json_t *base = json_object_get(answer, "baselines");
    line_begin(out, "costs nothing");
    buf_adds(out, "always a ");
    show_percent(out, base, "always_a");
    buf_adds(out, ", always slot 1 ");
    show_percent(out, base, "always_slot_1");
    buf_adds(out, ", the longer ");
    show_percent(out, base, "longer_chars");
    buf_adds(out, " by characters, ");
    show_percent(out, base, "longer_words");
    buf_adds(out, " by words\n");
    line_begin(out, "over the longer");
    show_points(out, answer, "over_longer");
    show_points_interval(out, answer, "over_longer_ci");
    buf_adds(out, ", paired\n");
}

static void add_calibration(const json_t *answer, struct buf *out)
{
    const json_t *c = json_object_get(answer, "calibration");
    const json_t *bins = json_object_get(c, "bins");
    line_begin(out, "calibration");
    if (show_count(c, "n") == 0) {
        buf_adds(out, "no probabilities to test\n");
        return;
    }
    buf_adds(out, "ECE ");
    show_real(out, c, "ece");
    buf_adds(out, ", Brier ");
    show_real(out, c, "brier");
    buf_adds(out, ", log loss ");
    show_real(out, c, "nll");
    double over = show_number(c, "overconfidence");
    buf_adds(out, fabs(over) < .05 ? "\n" : over > 0 ? "; too sure\n" : "; too timid\n");
    line_begin(out, "  says");
    for (size_t i = 0; i < json_array_size(bins); i++) {
        show_short_percent(out, json_array_get(bins, i), "p");
        buf_addc(out, ' ');
    }
    buf_adds(out, "%\n");
    line_begin(out, "  is right in");
    for (size_t i = 0; i < json_array_size(bins); i++) {
        show_short_percent(out, json_array_get(bins, i), "hit");
        buf_addc(out, ' ');
    }
    buf_adds(out, "%\n");
}

static void add_raters(const json_t *answer, struct buf *out)
{
    const json_t *raters = json_object_get(answer, "raters");
    if (show_count(raters, "max") < 2)
        return;
    line_begin(out, "raters");
    buf_addf(out, "%ld to %ld a pair; labels agree with each of them in ",
             show_count(raters, "min"), show_count(raters, "max"));
    show_percent(out, answer, "with_each_rater");
    buf_adds(out, "; a rater with the rest in ");
    show_percent(out, answer, "human_ceiling");
    buf_adds(out, " (ceiling)");
    if (!isnan(show_number(raters, "fleiss"))) {
        buf_adds(out, "; Fleiss kappa ");
        show_real(out, raters, "fleiss");
    }
    buf_addc(out, '\n');
}

void stats_agreement_print(const json_t *answer, struct buf *out)
{
    const json_t *boot = json_object_get(answer, "bootstrap");
    add_names(answer, out);
    add_trio(answer, out);
    add_says(answer, out);
    add_warnings(answer, out);
    buf_addc(out, '\n');
    add_left_out(answer, out);
    line_begin(out, "halves");
    buf_addf(out, "%ld with p exactly .5, counted .5\n", show_count(answer, "half"));
    add_intervals(answer, out);
    line_begin(out, "kappa");
    show_real(out, answer, "kappa");
    if (!isnan(show_number(answer, "kappa")) && show_count(boot, "draws") > 0)
        show_real_interval(out, boot, "kappa");
    buf_adds(out, ", PABAK ");
    show_real(out, answer, "pabak");
    buf_addc(out, '\n');
    line_begin(out, "one order alone");
    buf_adds(out, "a first ");
    show_percent(out, answer, "order_ab");
    buf_adds(out, ", b first ");
    show_percent(out, answer, "order_ba");
    buf_addc(out, '\n');
    add_raters(answer, out);
    add_baselines(answer, out);
    add_calibration(answer, out);
    line_begin(out, "detectable");
    buf_adds(out, "a difference of ");
    show_plain_points(out, answer, "mdd_80");
    buf_adds(out, " would be seen with 80 % power\n");
    line_begin(out, "test pairs");
    buf_addf(out, "looked at %ld times\n", show_count(answer, "test_looks"));
}

/* ---- bias ---- */

static void add_position(const json_t *answer, struct buf *out)
{
    line_begin(out, "same position");
    show_percent(out, answer, "same_position_rate");
    show_interval(out, answer, "wilson");
    buf_addf(out, ", %ld of %ld pairs decided in both orders\n",
             show_count(answer, "same_position"), show_count(answer, "decisive"));
    line_begin(out, "direction");
    buf_addf(out, "slot 1 in %ld, slot 2 in %ld, ", show_count(answer, "first"),
             show_count(answer, "second"));
    show_p_log10(out, show_number(answer, "primacy_p"), show_number(answer, "primacy_log10_p"));
    buf_adds(out, " against even\n");
    line_begin(out, "no label");
    show_percent(out, answer, "no_label_rate");
    buf_addf(out, " (%ld of %ld pairs)\n", show_count(answer, "no_label"),
             show_count(answer, "n"));
}

static void add_pull(const json_t *answer, struct buf *out)
{
    const json_t *histogram = json_object_get(answer, "pull_histogram");
    line_begin(out, "first pick");
    show_percent(out, answer, "first_pick_rate");
    buf_addf(out, " of %ld decided calls\n", show_count(answer, "decisive_calls"));
    line_begin(out, "pull of slot 1");
    buf_adds(out, "mean ");
    show_signed(out, answer, "pull_mean");
    buf_adds(out, ", median ");
    show_signed(out, answer, "pull_median");
    buf_adds(out, "; soft gap ");
    show_real(out, answer, "soft_gap");
    buf_addc(out, '\n');
    if (show_count(answer, "n_pull") == 0)
        return;
    line_begin(out, "  -1 .. 0 .. +1");
    show_histogram(out, histogram);
    buf_addc(out, '\n');
}

static void add_length(const json_t *answer, struct buf *out)
{
    const json_t *length = json_object_get(answer, "length");
    const json_t *words = json_object_get(length, "words");
    line_begin(out, "length");
    buf_adds(out, "takes the longer in ");
    show_percent(out, length, "prefers_longer");
    buf_adds(out, " (words ");
    show_percent(out, words, "prefers_longer");
    buf_adds(out, "), the raters in ");
    show_percent(out, length, "human_prefers_longer");
    buf_addc(out, '\n');
    line_begin(out, "verbosity gap");
    show_points(out, length, "verbosity_gap");
    buf_adds(out, ": right where the raters took the longer ");
    show_percent(out, length, "agreement_longer");
    buf_adds(out, ", the shorter ");
    show_percent(out, length, "agreement_shorter");
    buf_addc(out, '\n');
}

static void add_groups(const json_t *answer, struct buf *out)
{
    const json_t *by = json_object_get(answer, "by");
    const char *last = "";
    for (size_t i = 0; i < json_array_size(by); i++) {
        const json_t *row = json_array_get(by, i);
        const char *name = json_string_value(json_object_get(row, "by"));
        name = name != NULL ? name : "";
        if (strcmp(name, last) != 0) {
            buf_adds(out, "\n  ");
            show_padded(out, json_object_get(row, "by"), 24);
            buf_adds(out, "   pairs   agrees   same position     pull\n");
            last = name;
        }
        buf_adds(out, "  ");
        show_padded(out, json_object_get(row, "key"), 24);
        buf_addf(out, " %7ld", show_count(row, "n"));
        show_column(out, row, "agreement", 9);
        show_column(out, row, "same_position_rate", 16);
        double pull = show_number(row, "pull_mean");
        if (isnan(pull))
            buf_adds(out, "        -\n");
        else
            buf_addf(out, " %+8.2f\n", pull);
    }
}

static void add_orders(const json_t *answer, struct buf *out)
{
    const json_t *one = json_object_get(answer, "one_order");
    const json_t *published = json_object_get(answer, "published");
    line_begin(out, "one order alone");
    buf_adds(out, "a first ");
    show_percent(out, one, "ab");
    buf_adds(out, ", b first ");
    show_percent(out, one, "ba");
    buf_adds(out, ", both ");
    show_percent(out, one, "both");
    buf_addc(out, '\n');
    line_begin(out, "where orders agree");
    show_percent(out, answer, "agreement_same_winner");
    buf_addf(out, " right on %ld pairs; where they differ ", show_count(answer, "n_same_winner"));
    show_percent(out, answer, "agreement_flipped");
    buf_addf(out, " on %ld\n", show_count(answer, "n_flipped"));
    line_begin(out, "as published");
    buf_adds(out, "mean of orders ");
    show_percent(out, published, "average");
    buf_adds(out, ", both right ");
    show_percent(out, published, "both_rate");
    buf_adds(out, ", counter score ");
    show_percent(out, published, "counter_rate");
    buf_addf(out, ", neither %ld\n", show_count(published, "neither"));
    line_begin(out, "orders");
    buf_adds(out, "kappa ");
    show_real(out, answer, "kappa_orders");
    buf_adds(out, ", entropy (BPDE) ");
    show_real(out, answer, "bpde_mean");
    buf_addf(out, "; %ld ties and %ld failures among the calls\n", show_count(answer, "tie_calls"),
             show_count(answer, "failed_calls"));
}

void stats_bias_print(const json_t *answer, struct buf *out)
{
    add_names(answer, out);
    add_position(answer, out);
    add_says(answer, out);
    add_warnings(answer, out);
    buf_addc(out, '\n');
    add_pull(answer, out);
    add_orders(answer, out);
    add_length(answer, out);
    add_groups(answer, out);
}

/* ---- matrix, headline ---- */

static void add_table(struct buf *out, const json_t *table, const char *corner)
{
    bool head = true;
    const char *row_name;
    json_t *row;
    json_object_foreach((json_t *)table, row_name, row)
    {
        const char *col_name;
        json_t *cell;
        if (head) {
            buf_addf(out, "  %-20s", corner);
            json_object_foreach(row, col_name, cell)
                buf_addf(out, " %8s", col_name);
            buf_addc(out, '\n');
            head = false;
        }
        buf_addf(out, "  %-20s", row_name);
        json_object_foreach(row, col_name, cell)
            buf_addf(out, " %8ld", (long)json_integer_value(cell));
        buf_addc(out, '\n');
    }
}

void stats_matrix_print(const json_t *answer, struct buf *out)
{
    add_names(answer, out);
    buf_addf(out, "  %ld pairs; rows: ", show_count(answer, "n"));
    show_text(out, answer, "with");
    buf_adds(out, ", columns: the labeler\n");
    add_table(out, json_object_get(answer, "verdicts"), "rater \\ labeler");
    line_begin(out, "kappa");
    show_real(out, answer, "kappa");
    buf_adds(out, "\n\n  rows: slot chosen with a first, columns: with b first\n");
    add_table(out, json_object_get(answer, "slots"), "a first \\ b first");
}

void stats_headline_print(const json_t *headline, struct buf *out)
{
    if (json_is_true(json_object_get(headline, "simulated")))
        buf_adds(out, "simulated: ");
    show_text(out, headline, "with");
    buf_addc(out, ' ');
    show_percent(out, headline, "agreement");
    show_interval(out, headline, "clustered");
    buf_adds(out, " | same position ");
    show_percent(out, headline, "same_position_rate");
    buf_addf(out, " (%ld first, %ld second) | no label ", show_count(headline, "first"),
             show_count(headline, "second"));
    show_percent(out, headline, "no_label_rate");
    buf_addf(out, " | %ld pairs%s", show_count(headline, "n"),
             json_is_true(json_object_get(headline, "provisional")) ? " so far" : "");
}

/* ---- compare, null test ---- */

static void add_pair_list(const json_t *answer, const char *key, struct buf *out)
{
    const json_t *pairs = json_object_get(answer, key);
    size_t n = json_array_size(pairs), shown = n < 12 ? n : 12;
    for (size_t i = 0; i < shown; i++) {
        buf_adds(out, i > 0 ? " " : "");
        show_value(out, json_array_get(pairs, i));
    }
    if (shown < n)
        buf_addf(out, " and %zu more", n - shown);
    buf_addc(out, '\n');
}

void stats_compare_print(const json_t *answer, struct buf *out)
{
    show_text(out, answer, "from");
    buf_adds(out, " -> ");
    show_text(out, answer, "to");
    buf_addf(out, " on %ld pairs", show_count(answer, "n"));
    if (json_is_true(json_object_get(answer, "simulated")))
        buf_adds(out, " (simulated)");
    buf_addc(out, '\n');
    line_begin(out, "agreement");
    show_percent(out, answer, "agreement_from");
    buf_adds(out, " -> ");
    show_percent(out, answer, "agreement_to");
    buf_adds(out, " with ");
    show_text(out, answer, "with");
    buf_adds(out, ": ");
    show_points(out, answer, "diff");
    show_points_interval(out, answer, "diff_ci");
    buf_addc(out, '\n');
    line_begin(out, "same position");
    show_percent(out, answer, "same_position_from");
    buf_adds(out, " -> ");
    show_percent(out, answer, "same_position_to");
    buf_addf(out, " of %ld pairs\n", show_count(answer, "position_n"));
    add_says(answer, out);
    add_warnings(answer, out);
    buf_addc(out, '\n');
    char name[32];
    snprintf(name, sizeof name, "fixed %ld", show_count(answer, "fixed"));
    line_begin(out, name);
    add_pair_list(answer, "fixed_pairs", out);
    snprintf(name, sizeof name, "broke %ld", show_count(answer, "broke"));
    line_begin(out, name);
    add_pair_list(answer, "broke_pairs", out);
    line_begin(out, "McNemar");
    buf_addf(out, "%ld wrong to right, %ld right to wrong", show_count(answer, "mcnemar_c"),
             show_count(answer, "mcnemar_b"));
    if (show_count(answer, "mcnemar_left_out_half") > 0)
        buf_addf(out, ", %ld left out as half in one of them",
                 show_count(answer, "mcnemar_left_out_half"));
    buf_adds(out, "; exact ");
    show_p(out, show_number(answer, "mcnemar_exact"));
    buf_adds(out, ", mid-p: ");
    show_p(out, show_number(answer, "mcnemar_midp"));
    buf_addc(out, '\n');
    line_begin(out, "versions compared");
    buf_addf(out, "%ld on this set; Holm ", show_count(answer, "versions_compared"));
    show_p(out, show_number(answer, "holm"));
    buf_addc(out, '\n');
    line_begin(out, "detectable");
    buf_adds(out, "a difference of ");
    show_plain_points(out, answer, "mdd_80");
    buf_adds(out, " would be seen with 80 % power\n");
}

void stats_null_print(const json_t *answer, struct buf *out)
{
    const json_t *kinds = json_object_get(answer, "null");
    add_names(answer, out);
    buf_adds(out, "  What it says when there is nothing to say; 50 % would be fair.\n");
    for (size_t i = 0; i < json_array_size(kinds); i++) {
        const json_t *kind = json_array_get(kinds, i);
        struct buf name;
        buf_init(&name, 0);
        show_text(&name, kind, "kind");
        line_begin(out, buf_str(&name));
        buf_release(&name);
        buf_adds(out, "P(slot 1) ");
        show_percent(out, kind, "p_first_mean");
        buf_adds(out, " on average; slot 1 in ");
        show_percent(out, kind, "first_pick_rate");
        show_interval(out, kind, "wilson");
        buf_addf(out, " of %ld calls, ", show_count(kind, "decisive_calls"));
        show_p(out, show_number(kind, "first_pick_p"));
        if (show_count(kind, "invalid") > 0)
            buf_addf(out, "; %ld without an answer", show_count(kind, "invalid"));
        buf_addc(out, '\n');
    }
    add_warnings(answer, out);
}
