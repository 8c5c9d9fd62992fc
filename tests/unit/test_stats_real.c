/*
 * Statistics of published judges on the shared data against golden/statistics.json, read by our
 * own importer. Every test is skipped, and counted, where the data is not there. p values 1e-9,
 * other figures 1e-12, counts equal.
 */
#include <stdio.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/data/import.h"
#include "src/data/verdicts.h"
#include "src/label/stats.h"
#include "src/label/stats_compare.h"
#include "src/label/stats_position.h"
#include "tests/unit/test_stats_fixture.h"

static json_t *root;

static char *data_path(const char *name)
{
    static const char *const places[] = { "../shared/data", "../../shared/data" };
    const char *shared = getenv("RLAIF_SHARED"), *src = getenv("RLAIF_SRC");
    if (shared != NULL)
        return xasprintf("%s/data/%s", shared, name);
    for (int i = 0; i < 2; i++) { /* a worktree may lie one folder deeper */
        char *path = xasprintf("%s/%s/%s", src != NULL ? src : ".", places[i], name);
        if (i == 1 || file_exists(path))
            return path;
        free(path);
    }
    return NULL;
}

static void skip_without(const char *name)
{
    char *path = data_path(name);
    bool there = file_exists(path);
    free(path);
    if (!there)
        skip();
}

/* ---- pairs and verdicts ---- */

static int take_pairs(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    struct pair_list *list = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        struct pair *to = pair_list_add(list);
        *to = pairs[i];
        to->num = (int)list->n;
        to->key = pairs[i].key != NULL ? xstrdup(pairs[i].key) : NULL;
        to->title = NULL;
        to->group = NULL;
        to->tags = NULL;
        to->n_tags = 0;
        to->votes = NULL;
        to->n_votes = 0;
        to->context = xstrdup(pairs[i].context);
        to->a = xstrdup(pairs[i].a);
        to->b = xstrdup(pairs[i].b);
        for (size_t k = 0; k < pairs[i].n_votes; k++)
            pair_add_vote(to, pairs[i].votes[k].rater, pairs[i].votes[k].kind,
                          pairs[i].votes[k].choice, pairs[i].votes[k].confidence);
    }
    return 0;
}

static void read_pairs(const char *const *names, size_t n, struct pair_list *out)
{
    char *paths[16];
    struct import_report report;
    struct error err = { 0 };
    assert_true(n <= 16);
    for (size_t i = 0; i < n; i++)
        paths[i] = data_path(names[i]);
    pair_list_init(out);
    if (import_pairs((const char *const *)paths, n, NULL, take_pairs, out, &report, &err) != 0)
        fail_msg("%s: %s", err.file, err.text);
    import_report_release(&report);
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
}

struct verdicts {
    const struct pair_list *pairs;
    struct label_list labels;
    size_t unmatched;
};

static int take_verdicts(void *ctx, const struct verdict_row *rows, size_t n, struct error *err)
{
    struct verdicts *to = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const struct pair *pair = NULL;
        for (size_t k = 0; k < to->pairs->n && pair == NULL; k++)
            if (strcmp(to->pairs->pairs[k].key, rows[i].key) == 0)
                pair = &to->pairs->pairs[k];
        if (pair == NULL) {
            to->unmatched++;
            continue;
        }
        struct label *label = label_list_add(&to->labels);
        label->pair_id = pair->num;
        label->order = (enum order)rows[i].order;
        label->slot = (enum slot)rows[i].slot;
        label->p_first = rows[i].p_first;
        if (rows[i].slot == SLOT_NONE)
            label->error = xstrdup("the published answer could not be read");
    }
    return 0;
}

/* Judged rows of all pairs. malloced. Returns the verdicts that had no pair. */
static size_t read_verdicts(const char *const *names, size_t n, const struct pair_list *pairs,
                            bool one_order, struct judged **rows)
{
    char *paths[32];
    struct verdicts verdicts = { .pairs = pairs };
    struct verdict_report report;
    struct error err = { 0 };
    assert_true(n <= 32);
    for (size_t i = 0; i < n; i++)
        paths[i] = data_path(names[i]);
    if (import_verdicts((const char *const *)paths, n, NULL, take_verdicts, &verdicts, &report,
                        &err) != 0)
        fail_msg("%s: %s", err.file, err.text);
    verdict_report_release(&report);
    *rows = xcalloc(pairs->n + 1, sizeof **rows);
    for (size_t i = 0; i < pairs->n; i++) {
        const struct label *mine[2];
        size_t k = 0;
        for (size_t j = 0; j < verdicts.labels.n && k < 2; j++)
            if (verdicts.labels.labels[j].pair_id == pairs->pairs[i].num)
                mine[k++] = &verdicts.labels.labels[j];
        judged_make(&(*rows)[i], &pairs->pairs[i], mine, k, one_order);
    }
    label_list_release(&verdicts.labels);
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
    return verdicts.unmatched;
}

/* ---- against the golden figures ---- */

static const char *where; /* what is being checked, for the message */

static void count(const json_t *want, const char *path, size_t is)
{
    if ((double)is != golden(want, path))
        fail_msg("%s: %s is %zu, not %g", where, path, is, golden(want, path));
}

static void near_to(const json_t *want, const char *path, double is)
{
    char what[300];
    snprintf(what, sizeof what, "%s: %s", where, path);
    assert_near(is, golden(want, path), what);
}

static void p_value(const json_t *want, const char *path, double is)
{
    char what[300];
    snprintf(what, sizeof what, "%s: %s", where, path);
    assert_p(is, golden(want, path), what);
}

static int winner(const struct judged *row, int order)
{
    if (row->slot[order] == SLOT_NONE)
        return 3;
    if (row->slot[order] == SLOT_TIE)
        return 2;
    return (row->slot[order] == SLOT_1) == (order == 0) ? 0 : 1;
}

/* Counts and kappas that the program does not show: ties and failures as classes of their own. */
static void check_orders(const json_t *want, const struct judged *rows, size_t n)
{
    size_t null[2] = { 0, 0 }, tie[2] = { 0, 0 }, kappa[2][16] = { { 0 } };
    for (size_t i = 0; i < n; i++) {
        for (int o = 0; o < 2; o++) {
            if (rows[i].pair->flags & PAIR_IDENTICAL)
                continue;
            null[o] += winner(&rows[i], o) == 3;
            tie[o] += winner(&rows[i], o) == 2;
            enum choice choice = rows[i].reference.choice;
            if (choice == CHOICE_A || choice == CHOICE_B)
                kappa[o][4 * winner(&rows[i], o) + (choice == CHOICE_B)]++;
        }
    }
    count(want, "null/order1", null[0]);
    count(want, "null/order2", null[1]);
    count(want, "tie/order1", tie[0]);
    count(want, "tie/order2", tie[1]);
    near_to(want, "kappa_reference_order1", stats_kappa(kappa[0], 4));
    near_to(want, "kappa_reference_order2", stats_kappa(kappa[1], 4));
}

static void check_run(const json_t *want, const struct judged *rows, size_t n)
{
    struct stats_agreement a = stats_agreement(rows, n, NULL);
    struct stats_bias b = stats_bias(rows, n, NULL, 0, NULL);
    const struct stats_position *p = &b.position;
    const struct stats_published *s = &b.published;
    count(want, "n", p->n);
    count(want, "reference_ties", a.left_out.tie);
    count(want, "n_reference", s->n);
    count(want, "correct_order1", s->correct[0]);
    count(want, "correct_order2", s->correct[1]);
    count(want, "both", s->both);
    count(want, "neither", s->neither);
    near_to(want, "average", s->average);
    near_to(want, "average_se", s->average_se);
    near_to(want, "average_se_clustered", s->average_se_clustered);
    count(want, "clusters", s->clusters);
    count(want, "counter/correct", s->counter_correct);
    count(want, "counter/wrong", s->counter_wrong);
    count(want, "counter/undecided", s->counter_undecided);
    count(want, "two_order_label/used", a.used);
    count(want, "two_order_label/no_label", a.left_out.no_label);
    count(want, "two_order_label/half", a.half);
    near_to(want, "two_order_label/agreement", a.agreement);
    near_to(want, "two_order_label/wilson/0", a.wilson.low);
    near_to(want, "two_order_label/wilson/1", a.wilson.high);
    count(want, "PP", p->first);
    count(want, "SS", p->second);
    count(want, "null/pairs", p->no_label);
    count(want, "decisive_both", p->decisive);
    near_to(want, "same_position_rate", p->same_position_rate);
    near_to(want, "same_position_wilson/0", p->wilson.low);
    near_to(want, "same_position_wilson/1", p->wilson.high);
    p_value(want, "primacy_p", p->primacy_p);
    count(want, "decisive_calls", p->decisive_calls);
    count(want, "first_picks", p->first_picks);
    near_to(want, "first_pick_rate", p->first_pick_rate);
    near_to(want, "pull_mean", p->pull_mean);
    count(want, "same_winner", p->same_winner);
    near_to(want, "kappa_orders", p->kappa_orders_all);
    check_orders(want, rows, n);
    stats_bias_release(&b);
}

static void check_mcnemar(const json_t *want, const char *name, struct mcnemar m)
{
    const json_t *one = json_object_get(want, name);
    count(one, "b", m.b);
    count(one, "c", m.c);
    p_value(one, "exact_p", m.exact_p);
    p_value(one, "mid_p", m.mid_p);
}

static void check_comparison(const json_t *want, const struct judged *from, const struct judged *to,
                             size_t n)
{
    struct stats_compare c = stats_compare(from, n, to, n, NULL);
    count(want, "n", c.published.n);
    check_mcnemar(want, "order1", c.published.order[0]);
    check_mcnemar(want, "order2", c.published.order[1]);
    count(want, "two_order/used", c.n - c.mcnemar_left_out_half);
    check_mcnemar(want, "two_order", c.mcnemar);
    near_to(want, "mean_diff", c.published.mean_diff);
    near_to(want, "se", c.published.se);
    near_to(want, "se_clustered", c.published.se_clustered);
    count(want, "clusters", c.published.clusters);
    near_to(want, "mdd_80", c.published.mdd_80);
    stats_compare_release(&c);
}

static void check_raters(const json_t *want, const struct stats_raters *r)
{
    count(want, "rater_pairs", r->rater_pairs);
    count(want, "equal", r->equal);
    near_to(want, "share", r->share);
    count(want, "rater_pairs_no_tie", r->rater_pairs_no_tie);
    count(want, "equal_no_tie", r->equal_no_tie);
    near_to(want, "share_no_tie", r->share_no_tie);
    count(want, "ceiling_votes", r->ceiling_votes);
    count(want, "ceiling_equal", r->ceiling_equal);
    near_to(want, "ceiling", r->ceiling);
    count(want, "ceiling_votes_no_tie", r->ceiling_votes_no_tie);
    near_to(want, "ceiling_no_tie", r->ceiling_no_tie);
}

static struct stats_raters raters_of(const struct pair_list *list)
{
    const struct pair **pairs = xcalloc(list->n + 1, sizeof(const struct pair *));
    for (size_t i = 0; i < list->n; i++)
        pairs[i] = &list->pairs[i];
    struct stats_raters out = stats_raters(pairs, list->n);
    free(pairs);
    return out;
}

/* ---- LLMBar ---- */

static const struct {
    const char *name, *folder;
} llmbar_sets[] = {
    { "Natural", "llmbar/LLMBar/Natural" },
    { "Neighbor", "llmbar/LLMBar/Adversarial/Neighbor" },
    { "GPTInst", "llmbar/LLMBar/Adversarial/GPTInst" },
    { "FairEval", "llmbar/Processed/FairEval" },
    { "MT-Bench", "llmbar/Processed/MT-Bench" },
};
#define LLMBAR_SETS 5
#define LLMBAR_POOLED 3 /* the first three, together */

static struct pair_list llmbar_pairs[LLMBAR_SETS];

static void llmbar_read(void)
{
    for (int s = 0; s < LLMBAR_SETS; s++) {
        char *name = xasprintf("%s/dataset.json", llmbar_sets[s].folder);
        read_pairs((const char *const[]){ name }, 1, &llmbar_pairs[s]);
        for (size_t i = 0; i < llmbar_pairs[s].n; i++)
            llmbar_pairs[s].pairs[i].set_id = s + 1;
        free(name);
    }
}

static void llmbar_release(void)
{
    for (int s = 0; s < LLMBAR_SETS; s++)
        pair_list_release(&llmbar_pairs[s]);
}

/* Rows of "SET" or of the pool, by "JUDGE/STRATEGY". malloced. */
static struct judged *llmbar_rows(const char *set, size_t set_len, const char *run, size_t *n)
{
    bool pool = memchr(set, '+', set_len) != NULL;
    struct judged *all = NULL;
    *n = 0;
    for (int s = 0; s < LLMBAR_SETS; s++) {
        bool mine = pool ? s < LLMBAR_POOLED
                         : strlen(llmbar_sets[s].name) == set_len &&
                               memcmp(llmbar_sets[s].name, set, set_len) == 0;
        if (!mine)
            continue;
        char *name = xasprintf("%s/evaluators/%s/result.json", llmbar_sets[s].folder, run);
        struct judged *rows;
        assert_int_equal(read_verdicts((const char *const[]){ name }, 1, &llmbar_pairs[s], false,
                                       &rows), 0);
        all = xrealloc(all, (*n + llmbar_pairs[s].n) * sizeof *all);
        memcpy(all + *n, rows, llmbar_pairs[s].n * sizeof *all);
        *n += llmbar_pairs[s].n;
        free(rows);
        free(name);
    }
    return all;
}

static void test_llmbar(void **state)
{
    (void)state;
    skip_without("llmbar/LLMBar/Natural/dataset.json");
    llmbar_read();
    const char *name;
    json_t *want;
    size_t runs = 0;
    json_object_foreach(json_object_get(root, "llmbar"), name, want)
    {
        const char *run = strchr(name, '/') + 1;
        size_t n;
        struct judged *rows = llmbar_rows(name, (size_t)(run - 1 - name), run, &n);
        where = name;
        check_run(want, rows, n);
        free(rows);
        runs++;
    }
    assert_int_equal(runs, 68);
    llmbar_release();
}

/* "SET/JUDGE/OLD -> NEW" */
static void test_llmbar_comparisons(void **state)
{
    (void)state;
    skip_without("llmbar/LLMBar/Natural/dataset.json");
    llmbar_read();
    const char *name;
    json_t *want;
    size_t done = 0;
    json_object_foreach(json_object_get(root, "llmbar_comparisons"), name, want)
    {
        const char *judge = strchr(name, '/') + 1, *old = strchr(judge, '/') + 1;
        const char *arrow = strstr(old, " -> ");
        char *from = xasprintf("%.*s", (int)(arrow - judge), judge);
        char *to = xasprintf("%.*s/%s", (int)(old - 1 - judge), judge, arrow + 4);
        size_t n, n_to;
        struct judged *before = llmbar_rows(name, (size_t)(judge - 1 - name), from, &n);
        struct judged *after = llmbar_rows(name, (size_t)(judge - 1 - name), to, &n_to);
        assert_int_equal(n, n_to);
        where = name;
        check_comparison(want, before, after, n);
        free(before);
        free(after);
        free(from);
        free(to);
        done++;
    }
    assert_int_equal(done, 84);
    llmbar_release();
}

/* ---- judges asked in both orders ---- */

static void test_summeval(void **state)
{
    static const char *const systems[] = { "M8-M9",   "M9-M10",  "M10-M20", "M12-M13",
                                           "M13-M15", "M14-M8",  "M15-M14", "M17-M12",
                                           "M20-M11", "M22-M23", "M23-M17" };
    (void)state;
    skip_without("summeval_h2h/comp_data/M8-M9_coherence.txt");
    const char *axis;
    json_t *want;
    size_t axes = 0;
    json_object_foreach(json_object_get(root, "summeval"), axis, want)
    {
        char *pairs[11], *verdicts[22], *path;
        for (int i = 0; i < 11; i++) {
            pairs[i] = xasprintf("summeval_h2h/comp_data/%s_%s.txt", systems[i], axis);
            for (int toggle = 0; toggle < 2; toggle++)
                verdicts[2 * i + toggle] =
                    xasprintf("summeval_h2h/comp_res/gpt-3.5-turbo-0301/%s_%s%s.result", systems[i],
                              axis, toggle ? "_toggle" : "");
        }
        path = data_path(pairs[0]);
        bool there = file_exists(path); /* pairs are published for two of the four axes */
        free(path);
        if (there) {
            struct pair_list list;
            struct judged *rows;
            read_pairs((const char *const *)pairs, 11, &list);
            assert_int_equal(read_verdicts((const char *const *)verdicts, 22, &list, false, &rows),
                             0);
            where = axis;
            check_run(json_object_get(want, "without_identical"), rows, list.n);
            struct stats_agreement a = stats_agreement(rows, list.n, NULL);
            count(want, "identical", a.left_out.identical);
            free(rows);
            pair_list_release(&list);
            axes++;
        }
        for (int i = 0; i < 11; i++) {
            free(pairs[i]);
            free(verdicts[2 * i]);
            free(verdicts[2 * i + 1]);
        }
    }
    assert_true(axes >= 2);
}

static void test_judgebench(void **state)
{
    static const char *const name[] = { "judgebench/dataset=judgebench,response_model=gpt-4o-2024-"
                                        "05-13,judge_name=arena_hard,judge_model=o1-mini-2024-09-"
                                        "12.jsonl" };
    (void)state;
    skip_without(name[0]);
    struct pair_list list;
    struct judged *rows;
    read_pairs(name, 1, &list);
    assert_int_equal(read_verdicts(name, 1, &list, false, &rows), 0);
    where = "o1-mini";
    check_run(json_object_get(json_object_get(root, "judgebench"), "o1-mini"), rows, list.n);
    free(rows);
    pair_list_release(&list);
}

/* ---- judges asked in one order ---- */

static void check_one_order(const json_t *want, const struct judged *rows, size_t n)
{
    struct stats_position p = stats_position(rows, n);
    count(want, "n", p.n);
    count(want, "null", p.failed_calls);
    count(want, "tie", p.tie_calls);
    count(want, "decisive_calls", p.decisive_calls);
    count(want, "first_picks", p.first_picks);
    near_to(want, "first_pick_rate", p.first_pick_rate);
    near_to(want, "first_pick_wilson/0", p.first_pick_wilson.low);
    near_to(want, "first_pick_wilson/1", p.first_pick_wilson.high);
    p_value(want, "first_pick_p", p.first_pick_p);
    assert_int_equal(p.decisive, 0);
}

static void test_hh(void **state)
{
    (void)state;
    skip_without("hh_chatgpt100/1.rlhf.jsonl");
    struct pair_list list;
    struct judged *rows;
    const json_t *want = json_object_get(root, "hh_chatgpt100");
    read_pairs((const char *const[]){ "hh_chatgpt100/1.rlhf.jsonl" }, 1, &list);
    assert_int_equal(read_verdicts((const char *const[]){ "hh_chatgpt100/3.rlhf_aftgpt.jsonl" }, 1,
                                   &list, true, &rows), 0);
    where = "hh";
    check_one_order(want, rows, list.n);
    struct stats_agreement a = stats_agreement(rows, list.n, NULL);
    count(want, "n_reference", a.used);
    count(want, "correct", (size_t)(a.agreement * (double)a.used + .5));
    near_to(want, "agreement", a.agreement);
    near_to(want, "wilson/0", a.wilson.low);
    near_to(want, "wilson/1", a.wilson.high);
    near_to(want, "kappa", a.kappa);
    free(rows);
    pair_list_release(&list);
}

static void test_tldr(void **state)
{
    static const char *const name[] = { "tldr_gpt4_judged/oai1b.csv_judged.csv" };
    (void)state;
    skip_without(name[0]);
    struct pair_list list;
    struct judged *rows;
    const json_t *want = json_object_get(root, "tldr_gpt4");
    read_pairs(name, 1, &list);
    assert_int_equal(read_verdicts(name, 1, &list, true, &rows), 0);
    where = "tldr";
    check_one_order(want, rows, list.n);
    size_t prefers_a = 0, n[2] = { 0, 0 }, slot1[2] = { 0, 0 };
    for (size_t i = 0; i < list.n; i++) {
        prefers_a += rows[i].verdict == VERDICT_A;
        for (int o = 0; o < 2; o++) {
            n[o] += rows[i].asked[o];
            slot1[o] += rows[i].slot[o] == SLOT_1;
        }
    }
    count(want, "prefers_a", prefers_a);
    count(want, "order1/n", n[0]);
    count(want, "order2/n", n[1]);
    count(want, "order1/slot1", slot1[0]);
    count(want, "order2/slot1", slot1[1]);
    /* The reference is the same judge: it agrees with itself, and 589 pairs were not asked. */
    struct stats_agreement a = stats_agreement(rows, list.n, NULL);
    assert_int_equal(a.n, 627);
    assert_int_equal(a.not_asked, 589);
    assert_near(a.agreement, 1, "agreement with itself");
    assert_string_equal(a.with, "gpt-4 labels (AI)");
    free(rows);
    pair_list_release(&list);
}

static void test_pandalm(void **state)
{
    static const struct {
        const char *judge, *file;
    } judges[] = { { "gpt-3.5-turbo", "pandalm/gpt-3.5-turbo-testset-v1.json" },
                   { "pandalm-7b", "pandalm/pandalm-7b-testset-v1.json" } };
    (void)state;
    skip_without("pandalm/testset-v1.json");
    struct pair_list list;
    const json_t *want = json_object_get(json_object_get(root, "pandalm"), "imported");
    read_pairs((const char *const[]){ "pandalm/testset-v1.json" }, 1, &list);
    struct stats_raters raters = raters_of(&list);
    where = "pandalm";
    count(want, "n", list.n);
    near_to(want, "fleiss", raters.fleiss);
    check_raters(json_object_get(want, "raters"), &raters);
    for (int j = 0; j < 2; j++) {
        struct judged *rows;
        where = judges[j].judge;
        assert_int_equal(read_verdicts((const char *const[]){ judges[j].file }, 1, &list, true,
                                       &rows), 31); /* whose pairs an import rejects */
        const json_t *one = json_object_get(json_object_get(want, "judges"), judges[j].judge);
        check_one_order(one, rows, list.n);
        struct stats_agreement a = stats_agreement(rows, list.n, NULL);
        count(one, "reference_ties", a.left_out.tie);
        count(one, "label/used", a.used);
        count(one, "label/no_label", a.left_out.no_label);
        count(one, "label/half", a.half);
        near_to(one, "label/agreement", a.agreement);
        near_to(one, "label/wilson/0", a.wilson.low);
        near_to(one, "label/wilson/1", a.wilson.high);
        free(rows);
    }
    pair_list_release(&list);
}

/* ---- several raters, soft labels ---- */

static void test_raters(void **state)
{
    static const char *const squality[] = { "squality/human-eval/all-responses.jsonl",
                                            "squality/v1-3/txt/test.jsonl" };
    (void)state;
    skip_without("news_pairwise/pairwise_evaluation_results.json");
    skip_without(squality[0]);
    struct pair_list list;
    read_pairs((const char *const[]){ "news_pairwise/pairwise_evaluation_results.json" }, 1, &list);
    struct stats_raters raters = raters_of(&list);
    where = "news";
    check_raters(json_object_get(json_object_get(root, "raters"), "news_pairwise"), &raters);
    pair_list_release(&list);
    read_pairs(squality, 2, &list);
    raters = raters_of(&list);
    where = "squality";
    check_raters(json_object_get(json_object_get(root, "raters"), "squality"), &raters);
    pair_list_release(&list);
}

static void test_alpaca(void **state)
{
    static const char *const name[] = {
        "alpaca_eval_soft/claude-2.1/weighted_alpaca_eval_gpt4_turbo/annotations.json"
    };
    (void)state;
    skip_without(name[0]);
    struct pair_list list;
    struct judged *rows;
    const json_t *want = json_object_get(root, "alpaca_eval_soft");
    read_pairs(name, 1, &list);
    read_verdicts(name, 1, &list, true, &rows);
    where = "alpaca";
    double p_first[300], by_order[2][300];
    size_t n = 0, n_order[2] = { 0, 0 };
    for (size_t i = 0; i < list.n; i++) {
        for (int o = 0; o < 2; o++) {
            if (isnan(rows[i].p_first[o]))
                continue;
            assert_true(n < 300);
            p_first[n++] = rows[i].p_first[o];
            by_order[o][n_order[o]++] = rows[i].p_first[o];
        }
    }
    count(want, "logprob_rows", n);
    count(want, "shown_output_1_first", n_order[0]);
    count(want, "shown_output_2_first", n_order[1]);
    near_to(want, "mean_p_first_shown", stats_mean(p_first, n));
    near_to(want, "mean_p_first_shown_se", stats_standard_error(p_first, n));
    near_to(want, "mean_p_first_output_1_first", stats_mean(by_order[0], n_order[0]));
    near_to(want, "mean_p_first_output_2_first", stats_mean(by_order[1], n_order[1]));
    struct stats_position p = stats_position(rows, list.n);
    count(want, "first_picks", p.first_picks);
    near_to(want, "first_pick_rate", p.first_pick_rate);
    p_value(want, "first_pick_p", p.first_pick_p);
    free(rows);
    pair_list_release(&list);
}

static int setup(void **state)
{
    (void)state;
    root = fixture_golden("tests/golden/statistics.json");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(root);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_llmbar),    cmocka_unit_test(test_llmbar_comparisons),
        cmocka_unit_test(test_summeval),  cmocka_unit_test(test_judgebench),
        cmocka_unit_test(test_hh),        cmocka_unit_test(test_tldr),
        cmocka_unit_test(test_pandalm),   cmocka_unit_test(test_raters),
        cmocka_unit_test(test_alpaca),
    };
    return cmocka_run_group_tests_name("statistics of published judges", tests, setup, teardown);
}
