#include "tests/unit/test_stats_fixture.h"

#include <stdlib.h>
#include <stdio.h>

#include "src/base/buf.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

void fixture_init(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    pair_list_init(&fixture->pairs);
}

void fixture_release(struct fixture *fixture)
{
    free(fixture->rows);
    label_list_release(&fixture->labels);
    pair_list_release(&fixture->pairs);
    memset(fixture, 0, sizeof *fixture);
}

static char *repeated(char c, size_t n)
{
    char *text = xmalloc(n + 1);
    memset(text, c, n);
    text[n] = '\0';
    return text;
}

struct pair *fixture_pair(struct fixture *fixture, const char *context, size_t chars_a,
                          size_t chars_b, const char *votes, enum rater_kind kind)
{
    struct pair *pair = pair_list_add(&fixture->pairs);
    pair->num = (int)fixture->pairs.n;
    pair->set_id = 1;
    pair->context = xstrdup(context);
    pair->a = repeated('x', chars_a);
    pair->b = repeated('y', chars_b);
    for (size_t i = 0; votes[i] != '\0'; i++) {
        char rater[32];
        snprintf(rater, sizeof rater, "rater-%zu", i + 1);
        pair_add_vote(pair, kind == RATER_AI ? "gpt-4" : rater, kind,
                      votes[i] == 'a' ? CHOICE_A : votes[i] == 'b' ? CHOICE_B : CHOICE_TIE, NAN);
    }
    pair_finish(pair);
    return pair;
}

static struct label *label_add(struct fixture *fixture, enum order order)
{
    struct label *label = label_list_add(&fixture->labels);
    label->pair_id = (int64_t)fixture->pairs.n;
    label->order = order;
    return label;
}

void fixture_label(struct fixture *fixture, enum order order, double p_first)
{
    struct label *label = label_add(fixture, order);
    if (isnan(p_first)) {
        label->error = xstrdup("no verdict in the answer");
        return;
    }
    label->p_first = p_first;
    label->slot = p_first > .5 ? SLOT_1 : p_first < .5 ? SLOT_2 : SLOT_TIE;
}

void fixture_slot(struct fixture *fixture, enum order order, enum slot slot)
{
    label_add(fixture, order)->slot = slot;
}

void fixture_simulate(struct fixture *fixture, const char *labeler, uint64_t seed)
{
    struct sim sim;
    struct error err;
    assert_int_equal(sim_parse(labeler, &sim, &err), 0);
    for (size_t i = 0; i < fixture->pairs.n; i++) {
        for (int o = 0; o < 2; o++) {
            struct label *label = label_list_add(&fixture->labels);
            label->pair_id = fixture->pairs.pairs[i].num;
            label->order = (enum order)o;
            label->seed = seed;
            sim_label(&sim, &fixture->pairs.pairs[i], label);
        }
    }
}

void fixture_random(struct fixture *fixture, size_t n, uint64_t seed)
{
    struct rng_key key = rng_key(seed, "test", "fixture");
    for (size_t i = 0; i < n; i++) {
        char context[32];
        snprintf(context, sizeof context, "context %zu", i);
        size_t a = 40 + rng_below(key, 3 * i, 100), b = 40 + rng_below(key, 3 * i + 1, 100);
        fixture_pair(fixture, context, a, b, rng_below(key, 3 * i + 2, 2) ? "a" : "b",
                     RATER_HUMAN);
    }
}

void fixture_judge(struct fixture *fixture, bool one_order)
{
    free(fixture->rows);
    fixture->n = fixture->pairs.n;
    fixture->rows = xcalloc(fixture->n + 1, sizeof *fixture->rows);
    size_t at = 0;
    for (size_t i = 0; i < fixture->n; i++) {
        const struct label *rows[64];
        size_t n = 0;
        /* Labels lie in the order of pairs. */
        for (; at < fixture->labels.n &&
               fixture->labels.labels[at].pair_id == fixture->pairs.pairs[i].num; at++) {
            assert_true(n < 64);
            rows[n++] = &fixture->labels.labels[at];
        }
        judged_make(&fixture->rows[i], &fixture->pairs.pairs[i], rows, n, one_order);
    }
    assert_int_equal(at, fixture->labels.n);
}

json_t *fixture_golden(const char *name)
{
    const char *src = getenv("RLAIF_SRC");
    char path[4096];
    json_error_t fault;
    snprintf(path, sizeof path, "%s/%s", src != NULL ? src : ".", name);
    json_t *root = json_load_file(path, 0, &fault);
    if (root == NULL)
        fail_msg("%s: %s", path, fault.text);
    return root;
}

double golden(const json_t *root, const char *path)
{
    char *copy = xstrdup(path), *rest = copy;
    const json_t *value = root;
    while (rest != NULL && value != NULL) {
        const char *part = strsep(&rest, "/");
        value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
                                     : json_object_get(value, part);
    }
    free(copy);
    if (value == NULL)
        fail_msg("the golden file has no %s", path);
    return json_is_null(value) ? NAN : json_number_value(value);
}

void assert_within(double x, double value, double tolerance, const char *what)
{
    if (isnan(x) && isnan(value))
        return;
    if (!(fabs(x - value) <= tolerance))
        fail_msg("%s is %.17g, not %.17g", what, x, value);
}

void assert_near(double x, double value, const char *what)
{
    assert_within(x, value, 1e-12 * fmax(1, fabs(value)), what);
}

void assert_p(double x, double value, const char *what)
{
    assert_within(x, value, 1e-9 * fabs(value), what);
}
