/* The labelling run over a real store and a scripted model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/mem.h"
#include "src/job/label_run.h"
#include "src/job/label_run_impl.h"
#include "src/label/labeler_impl.h"
#include "tests/unit/fake_lm.h"

static const char yaml[] = "name: p\nsample: |\n  Text: {{context}}\n  One: {{first}}\n  "
                           "Two: {{second}}\nending: \"Better:\"\n";

#define N_PAIRS 12
struct bench {
    char dir[64];
    struct store *store;
    struct model model;
    struct engine engine;
    struct pair_list list;
    const struct pair *pairs[N_PAIRS];
    int64_t set_id;
};

/* Pairs 2, 7 and 9 share a post; 10 and 11 are the same pair. */
static void add_pairs(struct pair_list *list)
{
    for (int i = 0; i < N_PAIRS; i++) {
        struct pair *pair = pair_list_add(list);
        int n = i == 11 ? 10 : i;
        pair->context = xasprintf("post %d", i == 7 || i == 9 ? 2 : n);
        pair->a = xasprintf("first %d", n);
        pair->b = xasprintf("second %d", n);
        pair_add_vote(pair, "r", RATER_HUMAN, i % 2 ? CHOICE_A : CHOICE_B, NAN);
        pair_finish(pair);
    }
}

static void ok(int rc, const struct error *err)
{
    if (rc)
        fail_msg("%s", err->text);
}

static int setup(void **state)
{
    struct bench *t = xcalloc(1, sizeof *t);
    struct error err;
    struct pair_list list;
    snprintf(t->dir, sizeof t->dir, "%s", "/tmp/rlaif-run-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    t->store = store_open(t->dir, 0, NULL, &err);
    if (!t->store)
        fail_msg("%s", err.text);
    pair_list_init(&list);
    add_pairs(&list);
    ok(store_import_begin(t->store, "s", "test", RATER_HUMAN, "none", &t->set_id, &err), &err);
    ok(store_import_add(t->store, list.pairs, list.n, &err), &err);
    ok(store_import_end(t->store, true, &err), &err);
    pair_list_release(&list);
    pair_list_init(&t->list);
    ok(store_load_pairs(t->store, t->set_id, &t->list, &err), &err);
    assert_int_equal(t->list.n, N_PAIRS);
    for (size_t i = 0; i < N_PAIRS; i++)
        t->pairs[i] = &t->list.pairs[i];
    fake_model_init(&t->model, 100000);
    fake_engine_init(&t->engine, &t->model);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct bench *t = *state;
    char *command = xasprintf("rm -rf '%s'", t->dir);
    pair_list_release(&t->list);
    store_close(t->store);
    assert_int_equal(system(command), 0);
    free(command);
    free(t);
    return 0;
}

static int64_t add_prompt(struct bench *t, const char *text)
{
    struct error err;
    int64_t id = 0;
    int version;
    ok(store_add_prompt(t->store, "p", text, 0, NULL, &id, &version, &err), &err);
    return id;
}

static struct labeler *labeler_of(struct bench *t, const char *text)
{
    struct error err;
    struct prompt *p = prompt_parse(text, strlen(text), "p", &err);
    if (!p)
        fail_msg("%s", err.text);
    struct labeler *l = labeler_model_new(&t->engine, &t->model, p, NULL, &err);
    if (!l)
        fail_msg("%s", err.text);
    return l;
}

/* What was heard, and whether the store knew it before. */
struct heard {
    struct bench *t;
    struct cancel cancel;
    size_t pairs, rows, reused, stop_after;
    int order[2 * N_PAIRS];
    char note[200];
    uint64_t done, total;
    struct label_estimate estimate;
};

static void hear_labels(void *ctx, const struct label *labels, size_t n, bool reused)
{
    struct heard *h = ctx;
    struct error err;
    h->order[h->pairs++] = 0;
    for (size_t i = 0; i < h->t->list.n; i++)
        if (h->t->list.pairs[i].id == labels[0].pair_id)
            h->order[h->pairs - 1] = (int)i;
    h->reused += reused;
    for (size_t i = 0; i < n; i++, h->rows++) {
        struct label found;
        bool is = false;
        assert_int_equal(labels[i].pair_id, labels[0].pair_id);
        assert_int_equal(labels[i].order, i % 2);
        if (!h->t->store)
            continue;
        ok(store_find_labels(h->t->store, (const uint8_t(*)[32]) & labels[i].key, 1,
                             &found, &is, &err),
           &err);
        assert_true(is);
        assert_true(labels[i].id > 0);
        assert_int_equal(found.id, labels[i].id);
        assert_int_equal(found.pair_id, labels[i].pair_id);
        label_release(&found);
    }
    if (h->stop_after && h->pairs >= h->stop_after)
        cancel_ask(&h->cancel);
}

static void hear_progress(void *ctx, uint64_t done, uint64_t total, const char *note)
{
    struct heard *h = ctx;
    assert_true(done > h->done && done <= total);
    h->done = done;
    h->total = total;
    snprintf(h->note, sizeof h->note, "%s", note);
}

static void hear_estimate(void *ctx, const struct label_estimate *estimate)
{
    ((struct heard *)ctx)->estimate = *estimate;
}

static int run(struct bench *t, struct labeler *labeler, int64_t prompt_id, size_t n,
               struct heard *h, struct label_summary *sum, struct error *err)
{
    struct label_run_events events = {.estimate = hear_estimate, .labels = hear_labels,
                                      .progress = hear_progress, .ctx = h};
    struct label_run_config config = {.store = t->store,
                                      .labeler = labeler,
                                      .pairs = t->pairs,
                                      .n = n,
                                      .prompt_id = prompt_id};
    h->t = t;
    return label_run(&config, &events, &h->cancel, sum, err);
}

static void test_run(void **state)
{
    struct bench *t = *state;
    struct error err;
    struct heard h = {0}, again = {0};
    struct label_summary sum;
    struct labeler *l = labeler_of(t, yaml);
    int64_t p = add_prompt(t, yaml);
    ok(run(t, l, p, N_PAIRS, &h, &sum, &err), &err);
    assert_int_equal(h.pairs, N_PAIRS);
    assert_int_equal(h.rows, 2 * N_PAIRS);
    assert_int_equal(sum.pairs, N_PAIRS);
    assert_int_equal(sum.done, 2 * N_PAIRS);
    /* Pair 11 is pair 10 again: its answer is copied, not computed. */
    assert_int_equal(sum.asked, 2 * N_PAIRS - 2);
    assert_int_equal(t->engine.scored, 2 * N_PAIRS - 2);
    assert_int_equal(sum.decided, N_PAIRS);
    assert_int_equal(h.done, 2 * N_PAIRS);
    assert_non_null(strstr(h.note, "of 12"));
    assert_int_equal(h.estimate.calls, 2 * N_PAIRS);
    assert_true(h.estimate.tokens > 2 * N_PAIRS * 40);
    assert_true(h.estimate.cached > 0.2 && h.estimate.cached < 1);
    /* Scope order, but pairs of one post follow each other. */
    static const int want[N_PAIRS] = {0, 1, 2, 7, 9, 3, 4, 5, 6, 8, 10, 11};
    assert_memory_equal(h.order, want, sizeof want);
    /* Once more: nothing is asked, the same rows are told. */
    ok(run(t, l, p, N_PAIRS, &again, &sum, &err), &err);
    assert_int_equal(sum.asked, 0);
    assert_int_equal(sum.found, 2 * N_PAIRS);
    assert_int_equal(again.rows, 2 * N_PAIRS);
    assert_int_equal(again.reused, N_PAIRS);
    assert_int_equal(again.estimate.calls, 0);
    assert_int_equal(again.estimate.found, 2 * N_PAIRS);
    assert_string_equal(again.note, h.note);
    labeler_free(l);
}

static void test_resume(void **state)
{
    struct bench *t = *state;
    struct error err;
    struct label_summary sum;
    struct labeler *l = labeler_of(t, yaml);
    int64_t p = add_prompt(t, yaml);
    size_t asked = 0, stops = 0, before = 0;
    for (int rc = -1; rc; stops++) {
        /* Heard before are told again, so that every stop comes a little later. */
        struct heard h = {.stop_after = before / 2 + 1};
        struct label_list rows = {0};
        rc = run(t, l, p, N_PAIRS, &h, &sum, &err);
        asked += sum.asked;
        ok(store_load_labels(t->store, t->set_id, p, NULL, &rows, &err), &err);
        assert_true(rows.n > before || rc == 0);
        before = rows.n;
        label_list_release(&rows);
        if (rc) {
            assert_int_equal(err.kind, ERROR_CANCELLED);
            assert_true(before < 2 * N_PAIRS);
        }
        sum.asked = 0;
    }
    assert_true(stops >= 2);
    assert_int_equal(before, 2 * N_PAIRS);
    assert_int_equal(asked + sum.asked, 2 * N_PAIRS - 2);
    assert_int_equal(t->engine.scored, 2 * N_PAIRS - 2);
    labeler_free(l);
    /* A failing labeler: what was committed stays, the error comes through. */
    char *other = xasprintf("%soptions: [\"A\", \"B\"]\n", yaml);
    l = labeler_of(t, other);
    p = add_prompt(t, other);
    t->engine.fail_after = 2;
    struct heard f = {0};
    assert_int_equal(run(t, l, p, N_PAIRS, &f, &sum, &err), -1);
    assert_non_null(strstr(err.text, "fails"));
    assert_true(f.rows > 0 && f.rows < 2 * N_PAIRS);
    labeler_free(l);
    free(other);
}

/* A version that differs in a comment asks nothing, yet has rows of its own. */
static void test_copies(void **state)
{
    struct bench *t = *state;
    struct error err;
    struct label_summary sum;
    char *other = xasprintf("# a comment\n%s", yaml);
    struct labeler *l = labeler_of(t, yaml), *m = labeler_of(t, other);
    int64_t p = add_prompt(t, yaml), q = add_prompt(t, other);
    struct heard h = {0}, g = {0}, i = {0};
    assert_true(p != q);
    ok(run(t, l, p, N_PAIRS, &h, &sum, &err), &err);
    size_t scored = t->engine.scored;
    ok(run(t, m, q, N_PAIRS, &g, &sum, &err), &err);
    assert_int_equal(t->engine.scored, scored);
    assert_int_equal(sum.asked, 0);
    struct label_list rows = {0};
    ok(store_load_labels(t->store, t->set_id, q, NULL, &rows, &err), &err);
    assert_int_equal(rows.n, 2 * N_PAIRS);
    label_list_release(&rows);
    ok(run(t, m, q, N_PAIRS, &i, &sum, &err), &err);
    assert_int_equal(i.reused, N_PAIRS);
    labeler_free(l);
    labeler_free(m);
    free(other);
}

static void test_sim(void **state)
{
    struct bench *t = *state;
    struct error err;
    struct label_summary sum;
    struct heard h = {0};
    struct labeler *l = labeler_sim_new("sim:gap=9", NULL, &err);
    ok(run(t, l, 0, N_PAIRS, &h, &sum, &err), &err);
    assert_int_equal(sum.agreed_x2, 2 * N_PAIRS);
    assert_string_equal(h.note, "agree 100.0 % of 12");
    labeler_free(l);
}

static void test_no_store(void **state)
{
    struct bench *t = *state;
    struct error err;
    struct label_summary sum;
    struct labeler *l = labeler_of(t, yaml);
    struct store *store = t->store;
    struct heard h = {0};
    t->store = NULL;
    ok(run(t, l, 0, 4, &h, &sum, &err), &err);
    assert_int_equal(h.rows, 8);
    assert_int_equal(sum.asked, 8);
    t->store = store;
    labeler_free(l);
}

/* ---- a labeler that answers like an endpoint: later, in pieces, in any order, and not
 * always ---- */

struct remote {
    struct labeler base;
    const struct question *open[64];
    size_t n_open, submitted;
    int failures;                 /* batches that fail before one succeeds */
    enum labeler_failure failure;
};

static int remote_prepare(struct labeler *base, struct question *q, struct error *err)
{
    struct hash hash;
    (void)err;
    key_begin(&hash, base, "remote", q);
    key_text(&hash, q->pair->context);
    key_text(&hash, q->pair->a);
    hash_end(&hash, q->key);
    return 0;
}

static int remote_submit(struct labeler *base, const struct question *const *questions,
                         size_t n, struct error *err)
{
    struct remote *r = (struct remote *)base;
    (void)err;
    for (size_t i = 0; i < n; i++)
        r->open[r->n_open++] = questions[i];
    r->submitted += n;
    return 0;
}

static int remote_collect(struct labeler *base, struct answer *answers, size_t max,
                          const struct cancel *cancel, enum labeler_failure *failure,
                          struct error *err)
{
    struct remote *r = (struct remote *)base;
    (void)cancel;
    if (r->failures > 0) {
        r->failures--;
        *failure = r->failure;
        return error_set(err, ERROR_FAILED, "the endpoint is busy");
    }
    size_t n = r->n_open < max ? r->n_open : max;
    n = n > 3 ? 3 : n;
    for (size_t i = 0; i < n; i++) {
        const struct question *q = r->open[--r->n_open]; /* the last first */
        answers[i].question = q;
        answers[i].kind = ANSWER_VERDICT;
        label_init(&answers[i].label);
        answers[i].label.pair_id = q->pair->id;
        answers[i].label.order = q->order;
        answers[i].label.labeler = xstrdup("remote");
        memcpy(answers[i].label.key, q->key, 32);
        if (q->pair->num == 3)
            answer_invalid(&answers[i], "a refusal");
        else
            answers[i].label.slot = SLOT_1;
    }
    return (int)n;
}

static void remote_drop(struct labeler *base)
{
    ((struct remote *)base)->n_open = 0;
}

static void remote_free(struct labeler *base)
{
    (void)base;
}

static void test_remote(void **state)
{
    static const struct labeler_ops ops = {.prepare = remote_prepare,
                                           .submit = remote_submit,
                                           .collect = remote_collect,
                                           .drop = remote_drop,
                                           .free = remote_free};
    struct bench *t = *state;
    struct error err;
    struct label_summary sum;
    struct remote r = {.failures = 2, .failure = LABELER_RETRY};
    struct heard h = {0}, g = {0};
    labeler_init(&r.base, &ops, xstrdup("remote"), 1);
    /* Two failures are ridden out; what was refused is told and counted apart. */
    ok(run(t, &r.base, 0, 6, &h, &sum, &err), &err);
    assert_int_equal(sum.asked, 12);
    assert_true(r.submitted > 12);
    assert_int_equal(sum.invalid, 2);
    assert_int_equal(sum.decided, 5);
    assert_string_equal(h.note, "agree 50.0 % of 5, 2 without a label");
    /* A spent budget stops at once: what came before stays. */
    r.failures = 1;
    r.failure = LABELER_BUDGET;
    size_t before = r.submitted;
    assert_int_equal(run(t, &r.base, 0, N_PAIRS, &g, &sum, &err), -1);
    assert_string_equal(err.text, "the endpoint is busy");
    assert_true(g.pairs > 0 && g.pairs < N_PAIRS);
    assert_true(r.submitted > before && r.n_open == 0);
    /* An endless retry ends. */
    r.failures = 1000;
    r.failure = LABELER_RETRY;
    struct heard e = {0};
    assert_int_equal(run(t, &r.base, 0, N_PAIRS, &e, &sum, &err), -1);
    assert_true(r.failures > 990);
    labeler_free(&r.base);
}

static void test_format(void **state)
{
    (void)state;
    static const struct { struct label_estimate e; const char *text;
    } rows[] = {
        {{.calls = 1254,
          .tokens = 612000,
          .cached = 0.48,
          .seconds_low = 290,
          .seconds_high = 430,
          .found = 20},
         "1,254 calls, 612k tokens (48 % shared), about 5 to 7 min; 20 answered before"},
        {{.calls = 1,
          .tokens = 320,
          .cached = 0,
          .seconds_low = 0.2,
          .seconds_high = 0.3},
         "1 call, 320 tokens (0 % shared), under 1 s"},
        {{.calls = 64,
          .tokens = 32000,
          .cached = 0.5,
          .generated = 10240,
          .seconds_low = -1,
          .seconds_high = -1},
         "64 calls, 32k tokens (50 % shared), at most 10k written, time not known yet"},
        {{.calls = 0, .found = 64, .seconds_low = -1, .seconds_high = -1},
         "0 calls; 64 answered before"},
        {{.calls = 100000,
          .tokens = 5e7,
          .cached = 0.5,
          .seconds_low = 20000,
          .seconds_high = 30000},
         "100k calls, 50.0M tokens (50 % shared), about 6 to 8 h"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200];
        label_estimate_format(&rows[i].e, text, sizeof text);
        assert_string_equal(text, rows[i].text);
    }
}

/* ---- as a job ---- */

struct inbox {
    size_t rows, estimates, dones;
    struct label_summary summary;
};

static void take_message(void *ctx, int number, void *message)
{
    struct inbox *in = ctx;
    struct label_message *m = message;
    (void)number;
    assert_int_equal(m->magic, LABEL_MESSAGE_MAGIC);
    assert_ptr_equal(m->ctx, in);
    in->estimates += m->kind == LABEL_MESSAGE_ESTIMATE;
    in->dones += m->kind == LABEL_MESSAGE_DONE;
    in->rows += m->rows.n;
    if (m->kind == LABEL_MESSAGE_DONE)
        in->summary = m->summary;
    label_message_free(m);
}

static void test_job(void **state)
{
    struct bench *t = *state;
    struct error err;
    struct inbox in = {0};
    struct jobs *jobs = jobs_new();
    struct job_events events = {.message = take_message, .ctx = &in};
    jobs_set_events(jobs, &events);
    struct label_run_config config = {.store = t->store,
                                      .labeler = labeler_of(t, yaml),
                                      .pairs = t->pairs,
                                      .n = N_PAIRS,
                                      .prompt_id = add_prompt(t, yaml),
                                      .ctx = &in};
    int number = label_run_start(jobs, &config, "label p");
    ok(jobs_wait(jobs, number, NULL, &err), &err);
    jobs_poll(jobs);
    assert_int_equal(in.estimates, 1);
    assert_int_equal(in.dones, 1);
    assert_int_equal(in.rows, 2 * N_PAIRS);
    assert_int_equal(in.summary.done, 2 * N_PAIRS);
    struct job_snapshot snapshot;
    assert_true(jobs_snapshot(jobs, number, &snapshot));
    assert_string_equal(snapshot.kind, "label");
    assert_int_equal(snapshot.done, 2 * N_PAIRS);
    assert_non_null(strstr(snapshot.note, "agree"));
    jobs_free(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sim, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remote, setup, teardown),
        cmocka_unit_test(test_format),
        cmocka_unit_test_setup_teardown(test_job, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
