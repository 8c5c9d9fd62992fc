/* The sections of a report, from the statistics' JSON objects and the rows behind them. */
#include "src/label/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/label/metrics.h"
#include "src/label/report_page.h"
#include "src/label/report_pairs.h"
#include "src/label/stats_compare.h"
#include "src/label/stats_json.h"
#include "src/label/stats_show.h"

/* What a report shows, computed once. */
struct figures {
    json_t *agreement, *bias, *compare, *null; /* compare, null: NULL when there is none */
};

static struct figures figures_make(const struct report_input *in)
{
    static const char *const default_by[] = { "split", "group", "tag", "length_difference",
                                              "confidence" };
    struct stats_options options = {
        .set = in->set, .prompt = in->prompt, .labeler = in->labeler, .seed = in->seed,
        .draws = in->draws > 0 ? in->draws : STATS_DRAWS_REPORT, .test_looks = in->test_looks,
    };
    const struct group_key *keys[sizeof default_by / sizeof *default_by];
    const struct group_key *const *by = in->by;
    size_t n_by = in->n_by;
    if (by == NULL) {
        n_by = sizeof default_by / sizeof *default_by;
        for (size_t i = 0; i < n_by; i++)
            keys[i] = group_key_find(default_by[i]);
        by = keys;
    }
    struct figures out = { NULL, NULL, NULL, NULL };
    struct stats_agreement agreement = stats_agreement(in->rows, in->n_rows, &options);
    out.agreement = stats_agreement_json(&agreement, &options);
    struct stats_bias bias = stats_bias(in->rows, in->n_rows, by, n_by, &options);
    out.bias = stats_bias_json(&bias, &options);
    stats_bias_release(&bias);
    if (in->parent_rows != NULL) {
        struct compare_options names = {
            .from = in->parent_name, .to = in->prompt, .set = in->set, .labeler = in->labeler,
            .other_p = in->other_p, .n_other = in->n_other_p,
            .versions_compared = in->versions_compared, .seed = in->seed, .draws = options.draws,
        };
        struct stats_compare compare = stats_compare(in->parent_rows, in->n_parent_rows, in->rows,
                                                     in->n_rows, &names);
        out.compare = stats_compare_json(&compare, &names);
        stats_compare_release(&compare);
    }
    if (in->null != NULL)
        out.null = stats_null_json(in->null, &options);
    return out;
}

static void figures_release(struct figures *figures)
{
    json_decref(figures->agreement);
    json_decref(figures->bias);
    json_decref(figures->compare);
    json_decref(figures->null);
}

/* ---- rows of tables ---- */

/* A row in the making: cells of text, filled from the left. */
struct cells {
    struct buf text[8];
    size_t n;
};

static struct buf *cell(struct cells *cells)
{
    struct buf *text = &cells->text[cells->n++];
    buf_init(text, 0);
    return text;
}

static void cells_end(struct cells *cells, struct page *page, double share)
{
    const char *texts[8];
    for (size_t i = 0; i < cells->n; i++)
        texts[i] = buf_str(&cells->text[i]) + strspn(buf_str(&cells->text[i]), " ");
    page_row(page, texts, cells->n, share);
    for (size_t i = 0; i < cells->n; i++)
        buf_release(&cells->text[i]);
    cells->n = 0;
}

static void row(struct page *page, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void row(struct page *page, const char *name, const char *format, ...)
{
    struct cells cells = { .n = 0 };
    va_list args;
    buf_adds(cell(&cells), name);
    va_start(args, format);
    buf_vaddf(cell(&cells), format, args);
    va_end(args);
    cells_end(&cells, page, NAN);
}

static void row_text(struct page *page, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        row(page, name, "%s", text);
}

/* Name, percent, interval, note. */
static void row_share(struct page *page, const char *name, const json_t *object, const char *key,
                      const char *interval, const char *note)
{
    struct cells cells = { .n = 0 };
    buf_adds(cell(&cells), name);
    show_percent(cell(&cells), object, key);
    struct buf *text = cell(&cells);
    show_interval(text, object, interval);
    buf_adds(cell(&cells), note);
    cells_end(&cells, page, NAN);
}

static void item(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void item(struct page *page, const char *format, ...)
{
    struct buf text;
    va_list args;
    buf_init(&text, 0);
    va_start(args, format);
    buf_vaddf(&text, format, args);
    va_end(args);
    page_item(page, buf_str(&text));
    buf_release(&text);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* ---- sections ---- */

/* What a reader may conclude, and what not. */
static void plain_words(struct page *page, const struct report_input *in, const struct figures *f)
{
    const json_t *calibration = json_object_get(f->agreement, "calibration");
    page_heading(page, 2, "In plain words");
    page_list_begin(page);
    if (json_is_true(json_object_get(f->agreement, "simulated")))
        page_item(page, "The labeler is simulated: these figures are planted and say "
                        "nothing of a model.");
    item(page, "Labels: %s.", text_of(f->agreement, "says"));
    item(page, "Order: %s.", text_of(f->bias, "says"));
    if (f->compare != NULL)
        item(page, "Against %s: %s.",
             in->parent_name != NULL ? in->parent_name : "the other version",
             text_of(f->compare, "says"));
    double ece = show_number(calibration, "ece"), brier = show_number(calibration, "brier");
    if (brier > .25)
        page_item(page, "Its probabilities do harm: saying 50 % every time would have a "
                        "lower Brier score.");
    else if (ece > .1)
        item(page,
             "Its probabilities are off by %.0f points on average, %s: use the verdicts, "
             "not the margins.",
             100 * ece,
             show_number(calibration, "overconfidence") > 0 ? "mostly too sure"
                                                            : "mostly too timid");
    double gap = show_number(json_object_get(f->bias, "length"), "verbosity_gap");
    if (fabs(gap) >= .1)
        item(page, "It favours %s responses: %.0f points more agreement where the raters did too.",
             gap > 0 ? "long" : "short", 100 * fabs(gap));
    double smallest = show_number(f->agreement, "mdd_80");
    if (!isnan(smallest))
        item(page, "Differences below %.1f points cannot be told from chance on this many pairs.",
             100 * smallest);
    const char *kind = text_of(f->agreement, "rater_kind");
    if (strcmp(kind, "ai") == 0)
        page_item(page, "The reference labels come from another model: agreement with "
                        "them is not agreement with people.");
    if (in->test_looks > 0)
        item(page,
             "Test pairs of this set were looked at %" PRId64
             " times; with every look they are less of a test.",
             in->test_looks);
    const json_t *warnings = json_object_get(f->agreement, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++)
        if (strncmp(json_string_value(json_array_get(warnings, i)), "simulated", 9) != 0)
            item(page, "Note: %s.", json_string_value(json_array_get(warnings, i)));
    page_list_end(page);
}

static void headline(struct page *page, const struct figures *f)
{
    static const char *const heads[] = { "", "value", "95 % interval", "" };
    char note[160];
    page_table_begin(page, heads, 4);
    snprintf(note, sizeof note, "%ld pairs, %ld contexts", show_count(f->agreement, "used"),
             show_count(f->agreement, "clusters"));
    row_share(page, text_of(f->agreement, "with"), f->agreement, "agreement", "clustered", note);
    snprintf(note, sizeof note, "slot 1 in %ld, slot 2 in %ld of %ld pairs",
             show_count(f->bias, "first"), show_count(f->bias, "second"),
             show_count(f->bias, "decisive"));
    row_share(page, "same position", f->bias, "same_position_rate", "wilson", note);
    snprintf(note, sizeof note, "%ld of %ld pairs", show_count(f->bias, "no_label"),
             show_count(f->bias, "n"));
    row_share(page, "no label", f->bias, "no_label_rate", "", note);
    page_table_end(page);
}

static void what_was_run(struct page *page, const struct report_input *in)
{
    static const char *const heads[] = { "what was run", "" };
    page_heading(page, 2, "What was run");
    page_table_begin(page, heads, 2);
    row_text(page, "prompt", in->prompt);
    row_text(page, "made from", in->prompt_parent);
    row_text(page, "note", in->prompt_note);
    row_text(page, "set", in->set);
    row_text(page, "format", in->set_format);
    row_text(page, "origin", in->set_origin);
    row_text(page, "pairs taken", in->scope);
    row_text(page, "labeler", in->labeler);
    row_text(page, "model file", in->model_file);
    row_text(page, "model SHA-256", in->model_sha256);
    row_text(page, "architecture", in->model_arch);
    row_text(page, "precision", in->precision);
    row_text(page, "decoding", in->decoding);
    row(page, "seed", "%" PRIu64, in->seed);
    row(page, "looks at test pairs", "%" PRId64, in->test_looks);
    if (in->tokens > 0)
        row(page, "tokens", "%" PRId64 " computed, %" PRId64 " reused", in->tokens, in->reused);
    if (in->seconds > 0)
        row(page, "time", "%.1f s", in->seconds);
    row_text(page, "program", in->program);
    row_text(page, "made at", in->made_at);
    page_table_end(page);
}

static void agreement_section(struct page *page, const struct figures *f)
{
    static const char *const heads[] = { "agreement", "value", "95 % interval", "" };
    const json_t *a = f->agreement, *boot = json_object_get(a, "bootstrap");
    const json_t *base = json_object_get(a, "baselines"), *left = json_object_get(a, "left_out");
    char note[160];
    page_heading(page, 2, "Agreement");
    page_table_begin(page, heads, 4);
    row_share(page, "both orders", a, "agreement", "clustered", "clustered by context");
    row_share(page, "both orders", a, "agreement", "wilson", "Wilson");
    struct cells cells = { .n = 0 };
    buf_adds(cell(&cells), "both orders");
    show_percent(cell(&cells), a, "agreement");
    show_interval(cell(&cells), boot, "agreement");
    buf_addf(cell(&cells), "bootstrap over contexts, %ld draws, seed %ld",
             show_count(boot, "draws"), show_count(boot, "seed"));
    cells_end(&cells, page, NAN);
    row_share(page, "a first only", a, "order_ab", "", "what asking once would give");
    row_share(page, "b first only", a, "order_ba", "", "");
    row_share(page, "always a", base, "always_a", "", "costs nothing");
    row_share(page, "always slot 1", base, "always_slot_1", "", "costs nothing");
    row_share(page, "the longer, characters", base, "longer_chars", "", "costs nothing");
    row_share(page, "the longer, words", base, "longer_words", "", "costs nothing");
    if (!isnan(show_number(a, "human_ceiling"))) {
        row_share(page, "with each rater", a, "with_each_rater", "", "");
        row_share(page, "ceiling", a, "human_ceiling", "", "one rater against the others");
    }
    buf_adds(cell(&cells), "kappa");
    show_real(cell(&cells), a, "kappa");
    show_real_interval(cell(&cells), boot, "kappa");
    buf_adds(cell(&cells), "PABAK ");
    show_real(&cells.text[3], a, "pabak");
    cells_end(&cells, page, NAN);
    page_table_end(page);
    snprintf(note, sizeof note,
             "Left out: %ld tied, %ld without a majority, %ld without a label, %ld identical, %ld "
             "never rated. Halves, counted .5: %ld.",
             show_count(left, "tie"), show_count(left, "no_majority"),
             show_count(left, "no_label"), show_count(left, "identical"),
             show_count(left, "unlabelled"), show_count(a, "half"));
    page_text(page, note);
}

static void position_section(struct page *page, const struct figures *f)
{
    static const char *const heads[] = { "order", "value", "95 % interval", "" };
    const json_t *b = f->bias, *published = json_object_get(b, "published");
    struct buf note;
    buf_init(&note, 0);
    page_heading(page, 2, "Position");
    page_table_begin(page, heads, 4);
    show_p_log10(&note, show_number(b, "primacy_p"), show_number(b, "primacy_log10_p"));
    buf_adds(&note, " for one slot against the other");
    row_share(page, "same position", b, "same_position_rate", "wilson", buf_str(&note));
    row_share(page, "slot 1 of all calls", b, "first_pick_rate", "first_pick_wilson",
              "50 % is fair");
    struct cells cells = { .n = 0 };
    buf_adds(cell(&cells), "pull of slot 1");
    show_signed(cell(&cells), b, "pull_mean");
    cell(&cells);
    buf_adds(cell(&cells), "median ");
    show_signed(&cells.text[3], b, "pull_median");
    buf_adds(&cells.text[3], ", soft gap ");
    show_real(&cells.text[3], b, "soft_gap");
    cells_end(&cells, page, NAN);
    buf_clear(&note);
    buf_addf(&note, "%ld pairs", show_count(b, "n_same_winner"));
    row_share(page, "agreement where the orders agree", b, "agreement_same_winner", "",
              buf_str(&note));
    buf_clear(&note);
    buf_addf(&note, "%ld pairs", show_count(b, "n_flipped"));
    row_share(page, "agreement where they differ", b, "agreement_flipped", "", buf_str(&note));
    row_share(page, "mean of the orders", published, "average", "", "as most tables count");
    row_share(page, "right in both orders", published, "both_rate", "", "as strict tables count");
    page_table_end(page);
    buf_release(&note);
}

static void null_section(struct page *page, const struct figures *f)
{
    static const char *const heads[] = { "nothing to say", "P(slot 1)", "slot 1", "95 % interval",
                                         "calls" };
    const json_t *kinds = json_object_get(f->null, "null");
    if (json_array_size(kinds) == 0)
        return;
    page_heading(page, 2, "Null test");
    page_text(page, "What the labeler says when there is nothing to say. 50 % would be fair.");
    page_table_begin(page, heads, 5);
    for (size_t i = 0; i < json_array_size(kinds); i++) {
        const json_t *kind = json_array_get(kinds, i);
        struct cells cells = { .n = 0 };
        show_text(cell(&cells), kind, "kind");
        show_percent(cell(&cells), kind, "p_first_mean");
        show_percent(cell(&cells), kind, "first_pick_rate");
        show_interval(cell(&cells), kind, "wilson");
        buf_addf(cell(&cells), "%ld", show_count(kind, "calls"));
        cells_end(&cells, page, NAN);
    }
    page_table_end(page);
}

static void calibration_section(struct page *page, const struct figures *f)
{
    static const char *const heads[] = { "bin", "pairs", "says", "is right" };
    const json_t *c = json_object_get(f->agreement, "calibration");
    const json_t *bins = json_object_get(c, "bins");
    page_heading(page, 2, "Calibration");
    if (show_count(c, "n") == 0) {
        page_text(page, "The labeler gives no probabilities.");
        return;
    }
    struct buf text;
    buf_init(&text, 0);
    buf_adds(&text, "ECE ");
    show_real(&text, c, "ece");
    show_real_interval(&text, json_object_get(f->agreement, "bootstrap"), "ece");
    buf_adds(&text, ", Brier score ");
    show_real(&text, c, "brier");
    buf_adds(&text, " (.250 is saying 50 % every time), log loss ");
    show_real(&text, c, "nll");
    buf_adds(&text, " (.693).");
    page_text(page, buf_str(&text));
    buf_release(&text);
    page_table_begin(page, heads, 4);
    for (size_t i = 0; i < json_array_size(bins); i++) {
        const json_t *bin = json_array_get(bins, i);
        struct cells cells = { .n = 0 };
        buf_addf(cell(&cells), "%zu", i + 1);
        buf_addf(cell(&cells), "%ld", show_count(bin, "n"));
        show_percent(cell(&cells), bin, "p");
        show_percent(cell(&cells), bin, "hit");
        cells_end(&cells, page, show_number(bin, "hit"));
    }
    page_table_end(page);
}

static void length_section(struct page *page, const struct figures *f)
{
    static const char *const heads[] = { "length", "characters", "words" };
    static const char *const rows[][2] = {
        { "the labeler takes the longer", "prefers_longer" },
        { "the raters take the longer", "human_prefers_longer" },
        { "agreement where the raters took the longer", "agreement_longer" },
        { "agreement where they took the shorter", "agreement_shorter" },
    };
    const json_t *chars = json_object_get(f->bias, "length");
    const json_t *words = json_object_get(chars, "words");
    page_heading(page, 2, "Length");
    page_table_begin(page, heads, 3);
    struct cells cells = { .n = 0 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_adds(cell(&cells), rows[i][0]);
        show_percent(cell(&cells), chars, rows[i][1]);
        show_percent(cell(&cells), words, rows[i][1]);
        cells_end(&cells, page, NAN);
    }
    buf_adds(cell(&cells), "verbosity gap (0 is fair)");
    show_points(cell(&cells), chars, "verbosity_gap");
    show_points(cell(&cells), words, "verbosity_gap");
    cells_end(&cells, page, NAN);
    page_table_end(page);
}

static bool is_one_group(const json_t *by, size_t from)
{
    const char *name = text_of(json_array_get(by, from), "by");
    return from + 1 == json_array_size(by) ||
           strcmp(text_of(json_array_get(by, from + 1), "by"), name) != 0;
}

static void group_sections(struct page *page, const struct figures *f)
{
    const json_t *by = json_object_get(f->bias, "by");
    const char *last = "";
    bool open = false;
    for (size_t i = 0; i < json_array_size(by); i++) {
        const json_t *group = json_array_get(by, i);
        const char *name = text_of(group, "by");
        if (strcmp(name, last) != 0) {
            if (open)
                page_table_end(page);
            last = name;
            open = !is_one_group(by, i); /* one group says what the whole says */
            if (!open)
                continue;
            char title[64];
            snprintf(title, sizeof title, "By %s", name);
            page_heading(page, 2, title);
            const char *heads[] = { name, "pairs", "pull", "same position", "used", "agreement" };
            page_table_begin(page, heads, 6);
        }
        struct cells cells = { .n = 0 };
        show_text(cell(&cells), group, "key");
        buf_addf(cell(&cells), "%ld", show_count(group, "n"));
        show_signed(cell(&cells), group, "pull_mean");
        show_percent(cell(&cells), group, "same_position_rate");
        buf_addf(cell(&cells), "%ld", show_count(group, "used"));
        show_percent(cell(&cells), group, "agreement");
        show_interval(&cells.text[5], group, "agreement_wilson");
        cells_end(&cells, page, show_number(group, "agreement"));
    }
    if (open)
        page_table_end(page);
}

static void add_refs(struct buf *text, const json_t *pairs)
{
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        buf_addc(text, i > 0 ? ' ' : ':');
        buf_adds(text, i > 0 ? "" : " ");
        show_value(text, json_array_get(pairs, i));
    }
}

static void compare_section(struct page *page, const struct report_input *in,
                            const struct figures *f)
{
    const json_t *c = f->compare;
    char title[200];
    if (c == NULL)
        return;
    snprintf(title, sizeof title, "Against %s",
             in->parent_name != NULL ? in->parent_name : "the other version");
    page_heading(page, 2, title);
    struct buf text;
    buf_init(&text, 0);
    show_percent(&text, c, "agreement_from");
    buf_adds(&text, " -> ");
    show_percent(&text, c, "agreement_to");
    buf_addf(&text, " on %ld pairs judged by both: ", show_count(c, "n"));
    show_points(&text, c, "diff");
    show_points_interval(&text, c, "diff_ci");
    buf_adds(&text, ". McNemar exact ");
    show_p(&text, show_number(c, "mcnemar_exact"));
    buf_adds(&text, ", mid-p ");
    show_p(&text, show_number(c, "mcnemar_midp"));
    buf_addf(&text, "; %ld versions compared on this set, Holm ",
             show_count(c, "versions_compared"));
    show_p(&text, show_number(c, "holm"));
    buf_adds(&text, ". Same position ");
    show_percent(&text, c, "same_position_from");
    buf_adds(&text, " -> ");
    show_percent(&text, c, "same_position_to");
    buf_addc(&text, '.');
    page_text(page, buf_str(&text));
    page_list_begin(page);
    buf_clear(&text);
    buf_addf(&text, "fixed %ld", show_count(c, "fixed"));
    add_refs(&text, json_object_get(c, "fixed_pairs"));
    page_item(page, buf_str(&text));
    buf_clear(&text);
    buf_addf(&text, "broke %ld", show_count(c, "broke"));
    add_refs(&text, json_object_get(c, "broke_pairs"));
    page_item(page, buf_str(&text));
    page_list_end(page);
    buf_release(&text);
}

static void how_to_read(struct page *page)
{
    static const char *const names[] = { "agreement", "same_position_rate", "primacy_p",
                                         "pull_mean", "kappa", "ece", "brier", "verbosity_gap",
                                         "mcnemar_exact", "mdd_80" };
    page_heading(page, 2, "How the figures are made");
    page_list_begin(page);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct metric *metric = metric_find(names[i], NULL);
        item(page, "%s: %s.", metric->name, metric->formula);
    }
    page_list_end(page);
}

static void write_page(const struct report_input *in, const struct figures *f,
                       enum report_format format, struct buf *out)
{
    struct page page = { out, format };
    struct buf title;
    buf_init(&title, 0);
    buf_addf(&title, "%s on %s", in->prompt != NULL ? in->prompt : "Labels",
             in->set != NULL ? in->set : "a set");
    if (in->labeler != NULL)
        buf_addf(&title, ", labelled by %s%s", in->labeler,
                 labeler_is_simulated(in->labeler) ? " (simulated)" : "");
    page_begin(&page, buf_str(&title));
    buf_release(&title);
    headline(&page, f);
    plain_words(&page, in, f);
    what_was_run(&page, in);
    agreement_section(&page, f);
    position_section(&page, f);
    null_section(&page, f);
    calibration_section(&page, f);
    length_section(&page, f);
    group_sections(&page, f);
    compare_section(&page, in, f);
    report_pairs(&page, in);
    if (in->prompt_yaml != NULL) {
        page_heading(&page, 2, "The prompt");
        page_verbatim(&page, in->prompt_yaml, 0);
    }
    how_to_read(&page);
    page_end(&page);
}

void report_write(const struct report_input *input, enum report_format format, struct buf *out)
{
    struct figures figures = figures_make(input);
    write_page(input, &figures, format, out);
    figures_release(&figures);
}

json_t *report_json(const struct report_input *input)
{
    struct figures figures = figures_make(input);
    struct buf page;
    buf_init(&page, 0);
    write_page(input, &figures, REPORT_MD, &page);
    json_t *out = json_object();
    json_object_set_new(out, "command", json_string("show report"));
    json_object_set_new(out, "set", json_text0(input->set));
    json_object_set_new(out, "prompt", json_text0(input->prompt));
    json_object_set_new(out, "labeler", json_text0(input->labeler));
    json_object_set(out, "agreement", figures.agreement);
    json_object_set(out, "bias", figures.bias);
    json_object_set_new(out, "compare",
                        figures.compare != NULL ? json_incref(figures.compare)
                                                : json_null());
    json_object_set_new(out, "null",
                        figures.null != NULL ? json_incref(figures.null) : json_null());
    json_object_set_new(out, "contested", report_pairs_json(input));
    json_object_set_new(out, "markdown", json_text(buf_str(&page), page.len));
    buf_release(&page);
    figures_release(&figures);
    return out;
}

void report_print(const json_t *answer, struct buf *out)
{
    const json_t *page = json_object_get(answer, "markdown");
    if (json_is_string(page))
        buf_add(out, json_string_value(page), json_string_length(page));
}
