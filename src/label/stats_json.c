/* Statistics as JSON: the keys of contract 3 in its order, then what stands beside them. */
#include "src/label/stats_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/json.h"

static void set_count(json_t *object, const char *key, size_t n)
{
    json_object_set_new(object, key, json_integer((json_int_t)n));
}

static void set_real(json_t *object, const char *key, double x)
{
    json_object_set_new(object, key, json_number_or_null(x));
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_text0(text));
}

static void set_interval(json_t *object, const char *key, struct interval interval)
{
    json_object_set_new(object, key,
                        isnan(interval.low) || isnan(interval.high)
                            ? json_null()
                            : json_interval(interval.low, interval.high));
}

static void set_warnings(json_t *object, bool few_clusters, size_t clusters, bool simulated)
{
    json_t *warnings = json_array();
    char text[160];
    if (few_clusters && clusters > 0) {
        snprintf(text, sizeof text,
                 "%zu contexts only: with fewer than %d the clustered interval is too narrow",
                 clusters, STATS_CLUSTERS_MIN);
        json_array_append_new(warnings, json_string(text));
    }
    if (simulated)
        json_array_append_new(
            warnings,
            json_string("simulated labeler: these figures are planted, not found"));
    json_object_set_new(object, "warnings", warnings);
}

static json_t *bootstrap_json(size_t draws, uint64_t seed)
{
    json_t *out = json_object();
    set_count(out, "draws", draws);
    json_object_set_new(out, "seed", json_integer((json_int_t)seed));
    return out;
}

static void set_names(json_t *out, const struct stats_options *options)
{
    set_text(out, "set", options->set);
    set_text(out, "prompt", options->prompt);
    set_text(out, "labeler", options->labeler);
    json_object_set_new(out, "simulated", json_boolean(labeler_is_simulated(options->labeler)));
}

static json_t *calibration_json(const struct stats_calibration *c)
{
    json_t *out = json_object(), *bins = json_array();
    set_real(out, "ece", c->ece);
    set_real(out, "brier", c->brier);
    for (size_t i = 0; i < c->n_bins; i++) {
        json_t *bin = json_object();
        set_count(bin, "n", c->bins[i].n);
        set_real(bin, "p", c->bins[i].p);
        set_real(bin, "hit", c->bins[i].hit);
        json_array_append_new(bins, bin);
    }
    json_object_set_new(out, "bins", bins);
    set_real(out, "nll", c->nll);
    set_real(out, "brier_logit_mean", c->brier_logit_mean);
    set_real(out, "overconfidence", c->overconfidence);
    set_count(out, "n", c->n);
    return out;
}

static json_t *raters_json(const struct stats_raters *r)
{
    json_t *out = json_object();
    set_count(out, "min", r->raters_min);
    set_count(out, "max", r->raters_max);
    set_count(out, "rater_pairs", r->rater_pairs);
    set_count(out, "equal", r->equal);
    set_real(out, "share", r->share);
    set_count(out, "rater_pairs_no_tie", r->rater_pairs_no_tie);
    set_count(out, "equal_no_tie", r->equal_no_tie);
    set_real(out, "share_no_tie", r->share_no_tie);
    set_count(out, "ceiling_votes", r->ceiling_votes);
    set_count(out, "ceiling_equal", r->ceiling_equal);
    set_count(out, "ceiling_votes_no_tie", r->ceiling_votes_no_tie);
    set_real(out, "ceiling_no_tie", r->ceiling_no_tie);
    set_real(out, "fleiss", r->fleiss);
    return out;
}

static void set_headline(json_t *out, const struct stats_agreement *a)
{
    set_count(out, "judged", a->judged);
    set_count(out, "decisive", a->decisive);
    set_real(out, "same_position_rate", a->same_position_rate);
    set_count(out, "first", a->first);
    set_count(out, "second", a->second);
    set_count(out, "without_label", a->without_label);
    set_real(out, "no_label_rate", stats_rate((double)a->without_label, a->judged));
}

static void agreement_details(json_t *out, const struct stats_agreement *a)
{
    char text[200];
    snprintf(text, sizeof text, "agreement with %.160s", a->with);
    set_text(out, "with", text);
    set_count(out, "not_asked", a->not_asked);
    set_real(out, "plain_se", a->plain_se);
    set_count(out, "kappa_n", a->kappa_n);
    set_real(out, "pabak", a->pabak);
    set_real(out, "with_each_rater", a->with_each_rater);
    json_object_set_new(out, "raters", raters_json(&a->raters));
    json_t *orders = json_object();
    for (int o = 0; o < 2; o++) {
        json_t *order = json_object();
        set_real(order, "hits", a->order[o].hits);
        set_count(order, "n", a->order[o].n);
        set_real(order, "agreement", a->order[o].agreement);
        set_count(order, "n_all", a->order[o].n_all);
        set_real(order, "agreement_all", a->order[o].agreement_all);
        json_object_set_new(orders, o == ORDER_AB ? "ab" : "ba", order);
    }
    json_object_set_new(out, "orders", orders);
    set_real(out, "over_longer", a->over_longer);
    set_interval(out, "over_longer_ci", a->over_longer_ci);
    json_t *boot = bootstrap_json(a->draws, a->seed);
    set_interval(boot, "agreement", a->agreement_boot);
    set_interval(boot, "kappa", a->kappa_boot);
    set_interval(boot, "ece", a->ece_boot);
    json_object_set_new(out, "bootstrap", boot);
    json_object_set_new(out, "provisional", json_boolean(a->provisional));
}

json_t *stats_agreement_json(const struct stats_agreement *a, const struct stats_options *options)
{
    static const struct stats_options none;
    options = options != NULL ? options : &none;
    json_t *out = json_object();
    set_text(out, "command", "show agreement");
    set_names(out, options);
    set_text(out, "rater_kind", rater_kind_name(a->rater_kind));
    set_count(out, "n", a->n);
    set_count(out, "used", a->used);
    json_t *left_out = json_object();
    set_count(left_out, "tie", a->left_out.tie);
    set_count(left_out, "no_majority", a->left_out.no_majority);
    set_count(left_out, "no_label", a->left_out.no_label);
    set_count(left_out, "identical", a->left_out.identical);
    set_count(left_out, "unlabelled", a->left_out.unlabelled);
    json_object_set_new(out, "left_out", left_out);
    set_count(out, "half", a->half);
    set_real(out, "agreement", a->agreement);
    set_interval(out, "wilson", a->wilson);
    set_real(out, "cluster_se", a->cluster_se);
    set_interval(out, "clustered", a->clustered);
    set_count(out, "clusters", a->clusters);
    set_real(out, "kappa", a->kappa);
    set_real(out, "order_ab", a->order[ORDER_AB].agreement);
    set_real(out, "order_ba", a->order[ORDER_BA].agreement);
    set_real(out, "human_ceiling", a->human_ceiling);
    json_t *baselines = json_object();
    set_real(baselines, "always_a", a->baselines.always_a);
    set_real(baselines, "always_slot_1", a->baselines.always_slot_1);
    set_real(baselines, "longer_chars", a->baselines.longer_chars);
    set_real(baselines, "longer_words", a->baselines.longer_words);
    json_object_set_new(out, "baselines", baselines);
    json_object_set_new(out, "calibration", calibration_json(&a->calibration));
    json_object_set_new(out, "test_looks", json_integer((json_int_t)a->test_looks));
    set_real(out, "mdd_80", a->mdd_80);
    set_text(out, "says", a->says);
    set_headline(out, a);
    agreement_details(out, a);
    set_warnings(out, a->few_clusters, a->clusters, labeler_is_simulated(options->labeler));
    return out;
}

static json_t *length_json(const struct stats_length *l, const struct stats_length *words)
{
    json_t *out = json_object(), *table = json_object();
    set_real(out, "prefers_longer", l->prefers_longer);
    set_real(out, "human_prefers_longer", l->human_prefers_longer);
    set_real(out, "verbosity_gap", l->verbosity_gap);
    set_count(out, "n", l->n);
    set_count(out, "equal_length", l->equal_length);
    set_count(out, "half", l->half);
    set_real(out, "agreement_longer", l->agreement_longer);
    set_real(out, "agreement_shorter", l->agreement_shorter);
    set_count(table, "people_longer_ai_longer", l->longer_longer);
    set_count(table, "people_longer_ai_shorter", l->longer_shorter);
    set_count(table, "people_shorter_ai_longer", l->shorter_longer);
    set_count(table, "people_shorter_ai_shorter", l->shorter_shorter);
    json_object_set_new(out, "table", table);
    set_real(out, "prefers_longer_all", l->prefers_longer_all);
    set_count(out, "n_all", l->n_all);
    if (words != NULL)
        json_object_set_new(out, "words", length_json(words, NULL));
    return out;
}

static json_t *group_json(const struct stats_group *g)
{
    json_t *out = json_object();
    set_text(out, "by", g->by->name);
    set_text(out, "key", g->key);
    set_count(out, "n", g->n);
    set_real(out, "same_position_rate", g->same_position_rate);
    set_real(out, "pull_mean", g->pull_mean);
    set_real(out, "agreement", g->agreement);
    set_count(out, "used", g->used);
    set_count(out, "decisive", g->decisive);
    set_count(out, "no_label", g->no_label);
    set_interval(out, "agreement_wilson", g->agreement_wilson);
    set_interval(out, "same_position_wilson", g->same_position_wilson);
    return out;
}

static json_t *published_json(const struct stats_published *p)
{
    json_t *out = json_object();
    set_count(out, "n", p->n);
    set_count(out, "correct_ab", p->correct[0]);
    set_count(out, "correct_ba", p->correct[1]);
    set_count(out, "both", p->both);
    set_count(out, "neither", p->neither);
    set_real(out, "average", p->average);
    set_real(out, "average_se", p->average_se);
    set_real(out, "average_se_clustered", p->average_se_clustered);
    set_real(out, "both_rate", stats_rate((double)p->both, p->n));
    set_count(out, "counter_correct", p->counter_correct);
    set_count(out, "counter_wrong", p->counter_wrong);
    set_count(out, "counter_undecided", p->counter_undecided);
    set_real(out, "counter_rate", stats_rate((double)p->counter_correct, p->n));
    return out;
}

static void bias_details(json_t *out, const struct stats_bias *b)
{
    const struct stats_position *p = &b->position;
    set_text(out, "says", b->says);
    set_text(out, "with", b->with);
    set_real(out, "no_label_rate", stats_rate((double)p->no_label, p->n));
    set_count(out, "no_label", p->no_label);
    set_count(out, "pointwise", p->pointwise);
    set_real(out, "primacy_log10_p", p->primacy_log10_p);
    set_count(out, "decisive_calls", p->decisive_calls);
    set_count(out, "first_picks", p->first_picks);
    set_count(out, "tie_calls", p->tie_calls);
    set_count(out, "failed_calls", p->failed_calls);
    set_interval(out, "first_pick_wilson", p->first_pick_wilson);
    set_real(out, "first_pick_p", p->first_pick_p);
    set_real(out, "first_pick_rate_both_orders", p->first_pick_rate_both_orders);
    set_count(out, "n_pull", p->n_pull);
    set_real(out, "pull_se", p->pull_se);
    set_real(out, "soft_direction", p->soft_direction);
    json_t *histogram = json_array();
    for (int i = 0; i < STATS_PULL_BINS; i++)
        json_array_append_new(histogram, json_integer((json_int_t)p->pull_histogram[i]));
    json_object_set_new(out, "pull_histogram", histogram);
    set_count(out, "same_winner", p->same_winner);
    set_real(out, "kappa_orders", p->kappa_orders);
    set_real(out, "kappa_orders_all", p->kappa_orders_all);
    set_real(out, "bpde_mean", p->bpde_mean);
    set_real(out, "pabak", b->pabak);
    json_object_set_new(out, "published", published_json(&b->published));
    set_count(out, "n_same_winner", b->n_same_winner);
    set_real(out, "agreement_same_winner", b->agreement_same_winner);
    set_count(out, "n_flipped", b->n_flipped);
    set_real(out, "agreement_flipped", b->agreement_flipped);
    json_t *boot = bootstrap_json(b->draws, b->seed);
    set_interval(boot, "same_position_rate", b->same_position_boot);
    set_interval(boot, "pull_mean", b->pull_boot);
    json_object_set_new(out, "bootstrap", boot);
}

json_t *stats_bias_json(const struct stats_bias *b, const struct stats_options *options)
{
    static const struct stats_options none;
    options = options != NULL ? options : &none;
    const struct stats_position *p = &b->position;
    json_t *out = json_object();
    set_text(out, "command", "show bias");
    set_names(out, options);
    set_count(out, "n", p->n);
    set_count(out, "decisive", p->decisive);
    set_count(out, "same_position", p->same_position);
    set_real(out, "same_position_rate", p->same_position_rate);
    set_interval(out, "wilson", p->wilson);
    set_count(out, "first", p->first);
    set_count(out, "second", p->second);
    set_real(out, "primacy_p", p->primacy_p);
    set_real(out, "first_pick_rate", p->first_pick_rate);
    set_real(out, "pull_mean", p->pull_mean);
    set_real(out, "pull_median", p->pull_median);
    set_real(out, "soft_gap", p->soft_gap);
    json_t *one_order = json_object();
    set_real(one_order, "ab", b->one_order.ab);
    set_real(one_order, "ba", b->one_order.ba);
    set_real(one_order, "both", b->one_order.both);
    json_object_set_new(out, "one_order", one_order);
    json_object_set_new(out, "length", length_json(&b->length, &b->length_words));
    json_t *by = json_array();
    for (size_t i = 0; i < b->n_by; i++)
        json_array_append_new(by, group_json(&b->by[i]));
    json_object_set_new(out, "by", by);
    bias_details(out, b);
    set_warnings(out, false, 0, labeler_is_simulated(options->labeler));
    return out;
}

static json_t *pairs_json(const struct pair *const *pairs, size_t n, const char *set)
{
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) {
        struct buf ref;
        buf_init(&ref, 0);
        buf_addf(&ref, "%s#%d", set != NULL ? set : "", pairs[i]->num);
        json_array_append_new(out, json_text(ref.data, ref.len));
        buf_release(&ref);
    }
    return out;
}

json_t *stats_compare_json(const struct stats_compare *c, const struct compare_options *options)
{
    static const struct compare_options none;
    options = options != NULL ? options : &none;
    json_t *out = json_object();
    set_text(out, "command", "compare");
    set_text(out, "from", options->from);
    set_text(out, "to", options->to);
    set_text(out, "set", options->set);
    set_text(out, "labeler", options->labeler);
    json_object_set_new(out, "simulated", json_boolean(labeler_is_simulated(options->labeler)));
    set_count(out, "n", c->n);
    set_count(out, "fixed", c->n_fixed);
    set_count(out, "broke", c->n_broke);
    set_real(out, "diff", c->diff);
    set_interval(out, "diff_ci", c->diff_ci);
    set_real(out, "se", c->se);
    set_real(out, "mcnemar_exact", c->mcnemar.exact_p);
    set_real(out, "mcnemar_midp", c->mcnemar.mid_p);
    set_count(out, "versions_compared", c->versions_compared);
    set_real(out, "holm", c->holm);
    set_real(out, "mdd_80", c->mdd_80);
    set_text(out, "says", c->says);
    set_text(out, "with", c->with);
    json_object_set_new(out, "fixed_pairs", pairs_json(c->fixed, c->n_fixed, options->set));
    json_object_set_new(out, "broke_pairs", pairs_json(c->broke, c->n_broke, options->set));
    set_real(out, "agreement_from", c->agreement_from);
    set_real(out, "agreement_to", c->agreement_to);
    set_count(out, "position_n", c->position_n);
    set_real(out, "same_position_from", c->same_position_from);
    set_real(out, "same_position_to", c->same_position_to);
    set_count(out, "only_from", c->only_from);
    set_count(out, "only_to", c->only_to);
    set_real(out, "plain_se", c->plain_se);
    set_count(out, "clusters", c->clusters);
    set_count(out, "mcnemar_b", c->mcnemar.b);
    set_count(out, "mcnemar_c", c->mcnemar.c);
    set_count(out, "mcnemar_left_out_half", c->mcnemar_left_out_half);
    set_real(out, "single_order_diff", c->single_order_diff);
    set_real(out, "single_order_se", c->single_order_se);
    json_t *boot = bootstrap_json(c->draws, c->seed);
    set_interval(boot, "diff", c->diff_boot);
    json_object_set_new(out, "bootstrap", boot);
    set_warnings(out, c->few_clusters, c->clusters, labeler_is_simulated(options->labeler));
    return out;
}

static json_t *table_json(const size_t table[4][4], const char *const rows[4],
                          const char *const cols[4])
{
    json_t *out = json_object();
    for (int i = 0; i < 4; i++) {
        json_t *row = json_object();
        for (int j = 0; j < 4; j++)
            set_count(row, cols[j], table[i][j]);
        json_object_set_new(out, rows[i], row);
    }
    return out;
}

json_t *stats_matrix_json(const struct stats_matrix *m, const struct stats_options *options)
{
    static const struct stats_options none;
    options = options != NULL ? options : &none;
    json_t *out = json_object();
    set_text(out, "command", "show matrix");
    set_names(out, options);
    set_count(out, "n", m->n);
    set_text(out, "with", m->with);
    json_object_set_new(out, "verdicts",
                        table_json(m->verdicts, stats_matrix_rows, stats_matrix_cols));
    json_object_set_new(out, "slots",
                        table_json(m->slots, stats_matrix_slots, stats_matrix_slots));
    set_real(out, "kappa", m->kappa);
    return out;
}

json_t *stats_null_json(const struct stats_null null[NULL_KINDS],
                        const struct stats_options *options)
{
    static const struct stats_options none;
    options = options != NULL ? options : &none;
    json_t *out = json_object(), *kinds = json_array();
    set_text(out, "command", "probe");
    set_names(out, options);
    set_text(out, "n", "null");
    for (int k = 0; k < NULL_KINDS; k++) {
        const struct stats_null *s = &null[k];
        if (s->n == 0)
            continue;
        json_t *kind = json_object();
        set_text(kind, "kind", null_kind_name((enum null_kind)k));
        set_count(kind, "n", s->n);
        set_count(kind, "invalid", s->invalid);
        set_count(kind, "calls", s->calls);
        set_count(kind, "decisive_calls", s->decisive_calls);
        set_count(kind, "first_picks", s->first_picks);
        set_real(kind, "first_pick_rate", s->first_pick_rate);
        set_interval(kind, "wilson", s->wilson);
        set_real(kind, "first_pick_p", s->first_pick_p);
        set_real(kind, "p_first_mean", s->p_first_mean);
        set_real(kind, "unevenness", s->unevenness);
        set_real(kind, "outside", s->outside);
        json_array_append_new(kinds, kind);
    }
    json_object_set_new(out, "null", kinds);
    set_warnings(out, false, 0, labeler_is_simulated(options->labeler));
    return out;
}

json_t *stats_headline_json(const struct judged *rows, size_t n,
                            const struct stats_options *options)
{
    static const struct stats_options none;
    struct stats_options quick = options != NULL ? *options : none;
    quick.draws = 0; /* a status line is drawn often */
    struct stats_agreement a = stats_agreement(rows, n, &quick);
    json_t *out = json_object();
    set_names(out, &quick);
    set_count(out, "n", a.judged);
    set_count(out, "used", a.used);
    set_real(out, "agreement", a.agreement);
    set_interval(out, "clustered", a.clustered);
    char text[200];
    snprintf(text, sizeof text, "agreement with %.160s", a.with);
    set_text(out, "with", text);
    set_headline(out, &a);
    json_object_set_new(out, "provisional", json_boolean(a.provisional));
    set_text(out, "says", a.says);
    return out;
}
