/* The store's rows: what goes in comes out, versions, keys, undo. */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/store_fixture.h"

struct fixture {
    char *dir;
    struct store *store;
};

static struct store *open_now(const char *dir, bool *fresh)
{
    struct error err = {0};
    struct store *store = store_open(dir, 0, fresh, &err);
    if (!store)
        fail_msg("%s (%s)", err.text, err.hint);
    return store;
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    f->dir = fixture_dir();
    f->store = open_now(f->dir, NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    fixture_remove(f->dir);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    bool fresh = true;
    store_close(f->store);
    f->store = open_now(f->dir, &fresh);
    assert_false(fresh);
}

/* Equal bits, or both unknown. */
static void same_real(double a, double b)
{
    if (isnan(a) || isnan(b))
        assert_true(isnan(a) && isnan(b));
    else
        assert_memory_equal(&a, &b, sizeof a);
}

static void same_text(const char *a, const char *b)
{
    if (!a || !b)
        assert_true(!a && !b);
    else
        assert_string_equal(a, b);
}

static void same_pair(const struct pair *a, const struct pair *b)
{
    same_text(a->key, b->key);
    same_text(a->title, b->title);
    same_text(a->context, b->context);
    same_text(a->a, b->a);
    same_text(a->b, b->b);
    same_text(a->group, b->group);
    assert_int_equal(a->split, b->split);
    assert_int_equal(a->split_given, b->split_given);
    assert_int_equal(a->origin_line, b->origin_line);
    same_real(a->gold_a, b->gold_a);
    same_real(a->gold_b, b->gold_b);
    assert_int_equal(a->flags, b->flags);
    assert_true(a->cluster == b->cluster);
    assert_int_equal(a->chars_a, b->chars_a);
    assert_int_equal(a->words_context, b->words_context);
    assert_int_equal(a->n_votes, b->n_votes);
    for (size_t i = 0; i < a->n_votes; i++) {
        same_text(a->votes[i].rater, b->votes[i].rater);
        assert_int_equal(a->votes[i].kind, b->votes[i].kind);
        assert_int_equal(a->votes[i].choice, b->votes[i].choice);
        same_real(a->votes[i].confidence, b->votes[i].confidence);
        same_real(a->votes[i].soft, b->votes[i].soft);
    }
    assert_int_equal(a->n_tags, b->n_tags);
    for (size_t i = 0; i < a->n_tags; i++)
        same_text(a->tags[i], b->tags[i]);
}

static void pairs_come_back(void **state)
{
    struct fixture *f = *state;
    struct pair_list in, out;
    int64_t id = 0;
    pair_list_init(&in);
    for (int i = 0; i < 40; i++)
        fixture_pair(&in, i);
    OK(store_import_begin(f->store, "x", "own", RATER_AI, "x.jsonl", &id, err));
    OK(store_import_add(f->store, in.pairs, 25, err));
    OK(store_import_add(f->store, in.pairs + 25, 15, err));
    OK(store_import_end(f->store, true, err));
    reopen(f);
    OK(store_load_pairs(f->store, id, &out, err));
    assert_int_equal(out.n, 40);
    for (size_t i = 0; i < out.n; i++) {
        assert_int_equal(out.pairs[i].num, i + 1);
        assert_int_equal(out.pairs[i].num, in.pairs[i].num);
        assert_int_equal(out.pairs[i].id, in.pairs[i].id);
        assert_int_equal(out.pairs[i].set_id, id);
        same_pair(&in.pairs[i], &out.pairs[i]);
    }
    pair_list_release(&in);
    pair_list_release(&out);
}

static void import_goes_on_from_the_last_number(void **state)
{
    struct fixture *f = *state;
    struct set_row row;
    struct set_rows rows;
    struct pair_list out;
    int64_t x = 0, y = 0, again = 0;
    OK(fixture_import(f->store, "x", 0, 10, &x, err));
    OK(fixture_import(f->store, "y", 0, 3, &y, err));
    OK(fixture_import(f->store, "x", 10, 5, &again, err));
    assert_int_equal(x, again);
    assert_int_not_equal(x, y);
    OK(store_find_set(f->store, "x", &row, err));
    assert_int_equal(row.n_pairs, 15);
    assert_string_equal(row.format, "own");
    assert_int_equal(row.rater_kind, RATER_HUMAN);
    set_row_release(&row);
    OK(store_sets(f->store, &rows, err));
    assert_int_equal(rows.n, 2);
    set_rows_release(&rows);
    OK(store_load_pairs(f->store, x, &out, err));
    assert_int_equal(out.n, 15);
    for (size_t i = 0; i < out.n; i++) {
        assert_int_equal(out.pairs[i].num, i + 1);
        assert_int_equal(out.pairs[i].origin_line, 10 + i);
        assert_int_equal(out.pairs[i].n_votes, 2);
    }
    pair_list_release(&out);
}

static void dropped_import_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct pair_list in;
    struct set_rows rows;
    struct error why = {0};
    int64_t id = 0;
    pair_list_init(&in);
    for (int i = 0; i < 10; i++)
        fixture_pair(&in, i);
    OK(store_import_begin(f->store, "x", "own", RATER_AI, "x.jsonl", &id, err));
    OK(store_import_add(f->store, in.pairs, in.n, err));
    assert_int_equal(store_import_begin(f->store, "y", "own", RATER_AI, "", &id, &why),
                     -1);
    assert_non_null(strstr(why.text, "open already"));
    OK(store_import_end(f->store, false, err));
    OK(store_sets(f->store, &rows, err));
    assert_int_equal(rows.n, 0);
    assert_int_equal(store_import_add(f->store, in.pairs, in.n, &why), -1);
    assert_non_null(strstr(why.text, "no import is open"));
    assert_int_equal(store_import_end(f->store, true, &why), -1);
    pair_list_release(&in);
}

static void import_left_open_is_dropped_at_close(void **state)
{
    struct fixture *f = *state;
    struct set_rows rows;
    int64_t id;
    OK(store_import_begin(f->store, "x", "own", RATER_AI, "x.jsonl", &id, err));
    reopen(f);
    OK(store_sets(f->store, &rows, err));
    assert_int_equal(rows.n, 0);
}

/* A failing write inside an import takes only itself back. */
static void writes_inside_an_import(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct journal_rows rows;
    struct set_row row;
    int64_t id, journal;
    OK(store_import_begin(f->store, "x", "own", RATER_AI, "x.jsonl", &id, err));
    OK(store_add_journal(f->store, "import pairs x.jsonl", NULL, &journal, err));
    assert_int_equal(store_add_tag(f->store, 4711, "odd", false, &why), -1);
    OK(store_import_end(f->store, true, err));
    reopen(f);
    OK(store_journal(f->store, 10, &rows, err));
    assert_int_equal(rows.n, 1);
    journal_rows_release(&rows);
    OK(store_find_set(f->store, "x", &row, err));
    assert_int_equal(row.n_pairs, 0);
    set_row_release(&row);
}

static void unknown_set_names_the_nearest(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct set_row row;
    int64_t id;
    OK(fixture_import(f->store, "tldr", 0, 1, &id, err));
    assert_int_equal(store_find_set(f->store, "tlrd", &row, &why), -1);
    assert_non_null(strstr(why.text, "tlrd"));
    assert_non_null(strstr(why.hint, "\"tldr\""));
}

static void tags_are_added_once_and_taken_away(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct pair_list out;
    int64_t id;
    OK(fixture_import(f->store, "x", 0, 2, &id, err));
    OK(store_load_pairs(f->store, id, &out, err));
    int64_t pair = out.pairs[1].id;
    pair_list_release(&out);
    OK(store_add_tag(f->store, pair, "odd", false, err));
    OK(store_add_tag(f->store, pair, "odd", false, err));
    OK(store_add_tag(f->store, pair, "zeta", true, err));
    OK(store_load_pairs(f->store, id, &out, err));
    assert_int_equal(out.pairs[0].n_tags, 2);
    assert_int_equal(out.pairs[1].n_tags, 2);
    assert_string_equal(out.pairs[1].tags[0], "alpha");
    assert_string_equal(out.pairs[1].tags[1], "odd");
    pair_list_release(&out);
    assert_int_equal(store_add_tag(f->store, 999, "odd", false, &why), -1);
}

static void posts_make_a_set(void **state)
{
    struct fixture *f = *state;
    char key[] = "k", text[] = "A post.", other[] = "Another.";
    char first[] = "Short.", second[] = "Shorter.";
    char *summaries[] = {first, second};
    struct post posts[2] = {{.key = key,
                             .context = text,
                             .summaries = summaries,
                             .n_summaries = 2,
                             .split = SPLIT_DEV,
                             .origin_line = 3},
                            {.context = other}};
    struct set_row row;
    struct error why = {0};
    OK(store_add_posts(f->store, "posts", "p.jsonl", posts, 2, err));
    OK(store_add_posts(f->store, "posts", "p.jsonl", posts, 2, err));
    OK(store_find_set(f->store, "posts", &row, err));
    assert_string_equal(row.origin, "p.jsonl");
    assert_int_equal(row.n_pairs, 0);
    OK(store_drop_set(f->store, row.id, err));
    set_row_release(&row);
    assert_int_equal(store_find_set(f->store, "posts", &row, &why), -1);
}

static void prompt_versions_do_not_change(void **state)
{
    struct fixture *f = *state;
    struct store *s = f->store;
    struct error why = {0};
    struct prompt_rows rows;
    int64_t id[4];
    int v[4];
    OK(store_add_prompt(s, "base", "name: base\n", 0, NULL, &id[0], &v[0], err));
    OK(store_add_prompt(s, "other", "name: other\n", 0, "n", &id[1], &v[1], err));
    OK(store_add_prompt(s, "base", "# 2\n", id[0], "shorter", &id[2], &v[2], err));
    OK(store_add_prompt(s, "base", "# 2\n", id[0], "again", &id[3], &v[3], err));
    assert_int_equal(v[0], 1);
    assert_int_equal(v[1], 1);
    assert_int_equal(v[2], 2);
    assert_int_equal(v[3], 2);
    assert_int_equal(id[2], id[3]);
    reopen(f);
    OK(store_prompts(f->store, &rows, err));
    assert_int_equal(rows.n, 3);
    assert_string_equal(rows.rows[2].name, "base");
    assert_string_equal(rows.rows[2].yaml, "# 2\n");
    assert_string_equal(rows.rows[2].note, "shorter");
    assert_int_equal(rows.rows[2].parent, id[0]);
    assert_int_equal(rows.rows[0].parent, 0);
    assert_null(rows.rows[0].note);
    prompt_rows_release(&rows);
    assert_int_equal(store_drop_prompt(f->store, id[0], &why), -1);
    assert_non_null(strstr(why.text, "made from it"));
    OK(store_drop_prompt(f->store, id[2], err));
    OK(store_drop_prompt(f->store, id[0], err));
    assert_int_equal(store_drop_prompt(f->store, id[0], &why), -1);
}

static void fill_label(struct label *label, int64_t pair_id)
{
    static const double odd[] = {-0.0,     INFINITY,    -INFINITY, NAN,   DBL_TRUE_MIN,
                                 -DBL_MAX, DBL_EPSILON, 1.0 / 3.0, -1e-7, 5.0};
    fixture_label(label, pair_id, 0, "direct", 77);
    label->n_options = 10;
    memcpy(label->logprobs, odd, sizeof odd);
    label->seed = UINT64_MAX - 4;
    label->repeat = 3;
    label->outside = 0.1 + 0.2;
    label->p_first = NAN;
    label->score = -1e300;
    label->score_sum = -431.03125;
    label->score_gain = DBL_TRUE_MIN;
    label->slot = SLOT_TIE;
    label->n_top = LABEL_TOP;
    for (int i = 0; i < LABEL_TOP; i++) {
        label->top[i].id = i * 7 - 1;
        snprintf(label->top[i].text, sizeof label->top[i].text, "\"\\%d\xc3\xa9", i);
        label->top[i].logprob = i == 3 ? NAN : -1.0 / (i + 3.0);
    }
    label->rationale = xstrdup("Because.\nIt is shorter.");
    label->raw = xstrdup("");
    label->cut_lines = 4;
    label->reused = 300;
    label->ms = 212.0625;
    label->created_at = 1700000000123;
}

static void same_label(const struct label *a, const struct label *b)
{
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->pair_id, b->pair_id);
    assert_int_equal(a->prompt_id, b->prompt_id);
    same_text(a->labeler, b->labeler);
    assert_int_equal(a->order, b->order);
    assert_memory_equal(a->key, b->key, 32);
    assert_true(a->seed == b->seed);
    assert_int_equal(a->repeat, b->repeat);
    assert_int_equal(a->n_options, b->n_options);
    for (int i = 0; i < a->n_options; i++)
        same_real(a->logprobs[i], b->logprobs[i]);
    same_real(a->outside, b->outside);
    same_real(a->p_first, b->p_first);
    same_real(a->score, b->score);
    same_real(a->score_sum, b->score_sum);
    same_real(a->score_gain, b->score_gain);
    assert_int_equal(a->slot, b->slot);
    assert_int_equal(a->n_top, b->n_top);
    for (int i = 0; i < a->n_top; i++) {
        assert_int_equal(a->top[i].id, b->top[i].id);
        same_text(a->top[i].text, b->top[i].text);
        same_real(a->top[i].logprob, b->top[i].logprob);
    }
    same_text(a->rationale, b->rationale);
    same_text(a->raw, b->raw);
    same_text(a->error, b->error);
    assert_int_equal(a->cut_lines, b->cut_lines);
    assert_int_equal(a->tokens, b->tokens);
    assert_int_equal(a->reused, b->reused);
    same_real(a->ms, b->ms);
    assert_int_equal(a->created_at, b->created_at);
}

static void labels_come_back_bit_for_bit(void **state)
{
    struct fixture *f = *state;
    struct pair_list pairs;
    struct label in, out;
    int64_t id;
    bool found = false;
    OK(fixture_import(f->store, "x", 0, 1, &id, err));
    OK(store_load_pairs(f->store, id, &pairs, err));
    fill_label(&in, pairs.pairs[0].id);
    pair_list_release(&pairs);
    OK(store_add_labels(f->store, &in, 1, err));
    assert_true(in.id > 0);
    reopen(f);
    OK(store_find_labels(f->store, &in.key, 1, &out, &found, err));
    assert_true(found);
    same_label(&in, &out);
    label_release(&in);
    label_release(&out);
}

/* Two pairs, two prompts, and labels of each kind. */
static int64_t some_labels(struct store *store, int64_t prompts[2])
{
    struct pair_list pairs;
    struct label labels[6];
    int64_t set;
    OK(fixture_import(store, "x", 0, 2, &set, err));
    OK(store_add_prompt(store, "p", "a", 0, NULL, &prompts[0], NULL, err));
    OK(store_add_prompt(store, "p", "b", 0, NULL, &prompts[1], NULL, err));
    OK(store_load_pairs(store, set, &pairs, err));
    int64_t one = pairs.pairs[0].id, two = pairs.pairs[1].id;
    fixture_label(&labels[0], two, prompts[0], "model:m", 1);
    fixture_label(&labels[1], one, prompts[0], "model:m", 2);
    fixture_label(&labels[2], one, prompts[0], "model:m", 3);
    fixture_label(&labels[3], one, prompts[1], "model:m", 4);
    fixture_label(&labels[4], one, prompts[0], "sim:gap=1", 5);
    fixture_label(&labels[5], two, 0, "direct", 6);
    OK(store_add_labels(store, labels, 6, err));
    for (int i = 0; i < 6; i++)
        label_release(&labels[i]);
    pair_list_release(&pairs);
    return set;
}

static void labels_by_prompt_and_labeler(void **state)
{
    struct fixture *f = *state;
    int64_t p[2];
    int64_t set = some_labels(f->store, p);
    const struct {
        int64_t prompt;
        const char *labeler;
        size_t n;
    } rows[] = {
        {-1, NULL, 6}, {p[0], NULL, 4},   {p[0], "model:m", 3}, {p[1], "model:m", 1},
        {0, NULL, 1},  {0, "model:m", 0}, {-1, "model:m", 4},   {-1, "nobody", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct label_list out;
        OK(store_load_labels(f->store, set, rows[i].prompt, rows[i].labeler, &out, err));
        assert_int_equal(out.n, rows[i].n);
        for (size_t k = 1; k < out.n; k++) /* by pair, then as they came */
            assert_true(out.labels[k - 1].pair_id <= out.labels[k].pair_id);
        label_list_release(&out);
    }
    struct labeler_rows who;
    OK(store_labelers(f->store, set, &who, err));
    assert_int_equal(who.n, 4);
    assert_string_equal(who.rows[0].labeler, "model:m");
    assert_int_equal(who.rows[0].prompt_id, p[0]);
    assert_int_equal(who.rows[0].n_rows, 3);
    assert_int_equal(who.rows[0].n_pairs, 2);
    assert_true(who.rows[0].last_at > 0);
    assert_string_equal(who.rows[3].labeler, "direct");
    assert_int_equal(who.rows[3].prompt_id, 0);
    labeler_rows_release(&who);
}

static int64_t first_pair(struct store *store, int64_t set)
{
    struct pair_list pairs;
    OK(store_load_pairs(store, set, &pairs, err));
    int64_t id = pairs.pairs[0].id;
    pair_list_release(&pairs);
    return id;
}

static void a_key_is_stored_once(void **state)
{
    struct fixture *f = *state;
    int64_t p[2];
    int64_t set = some_labels(f->store, p);
    struct label_list all;
    struct label again, out;
    bool found;
    fixture_label(&again, first_pair(f->store, set), p[0], "model:m", 2);
    again.logprobs[0] = -99;
    OK(store_add_labels(f->store, &again, 1, err));
    OK(store_find_labels(f->store, &again.key, 1, &out, &found, err));
    assert_true(found);
    assert_int_equal(out.id, again.id);
    assert_true(out.logprobs[0] != -99);
    label_release(&again);
    label_release(&out);
    OK(store_load_labels(f->store, set, -1, NULL, &all, err));
    assert_int_equal(all.n, 6);
    label_list_release(&all);
}

/* A failure gives way to an answer, an answer never to anything. */
static void a_failure_gives_way(void **state)
{
    struct fixture *f = *state;
    int64_t p[2];
    int64_t set = some_labels(f->store, p);
    int64_t pair = first_pair(f->store, set);
    struct label failed, good, out;
    bool found;
    fixture_label(&failed, pair, p[0], "model:m", 100);
    failed.n_options = 0;
    failed.slot = SLOT_NONE;
    failed.error = xstrdup("no verdict in the text");
    OK(store_add_labels(f->store, &failed, 1, err));
    fixture_label(&good, pair, p[0], "model:m", 100);
    OK(store_add_labels(f->store, &good, 1, err));
    assert_int_equal(good.id, failed.id);
    OK(store_add_labels(f->store, &failed, 1, err));
    OK(store_find_labels(f->store, &good.key, 1, &out, &found, err));
    assert_true(found);
    assert_null(out.error);
    assert_int_equal(out.slot, SLOT_1);
    label_release(&failed);
    label_release(&good);
    label_release(&out);
}

static void find_gives_what_is_there(void **state)
{
    struct fixture *f = *state;
    static const uint64_t number[3] = {5, 1000, 1};
    int64_t p[2];
    uint8_t keys[3][32];
    struct label out[3];
    bool found[3] = {true, true, true};
    some_labels(f->store, p);
    for (int i = 0; i < 3; i++)
        hash_bytes(&number[i], sizeof number[i], keys[i]);
    OK(store_find_labels(f->store, (const uint8_t(*)[32])keys, 3, out, found, err));
    assert_true(found[0]);
    assert_false(found[1]);
    assert_true(found[2]);
    assert_string_equal(out[0].labeler, "sim:gap=1");
    assert_string_equal(out[2].labeler, "model:m");
    label_release(&out[0]);
    label_release(&out[2]);
}

/* All rows of a call or none: the last has a pair that does not exist. */
static void one_bad_label_keeps_all_out(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct label labels[2];
    struct label_list all;
    int64_t p[2];
    int64_t set = some_labels(f->store, p);
    fixture_label(&labels[0], first_pair(f->store, set), 0, "direct", 200);
    fixture_label(&labels[1], 4711, 0, "direct", 201);
    assert_int_equal(store_add_labels(f->store, labels, 2, &why), -1);
    assert_int_equal(labels[0].id, 0);
    OK(store_load_labels(f->store, set, -1, NULL, &all, err));
    assert_int_equal(all.n, 6);
    label_list_release(&all);
    label_release(&labels[0]);
    label_release(&labels[1]);
}

static void undo_never_loses_labels(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct set_rows rows;
    int64_t p[2], y;
    int64_t set = some_labels(f->store, p);
    assert_int_equal(store_drop_set(f->store, set, &why), -1);
    assert_non_null(strstr(why.text, "6 labels"));
    assert_int_equal(store_drop_prompt(f->store, p[0], &why), -1);
    assert_non_null(strstr(why.text, "4 labels"));
    OK(fixture_import(f->store, "y", 0, 7, &y, err));
    OK(store_add_look(f->store, y, "test", 0, "show agreement", err));
    OK(store_drop_set(f->store, y, err));
    OK(store_sets(f->store, &rows, err));
    assert_int_equal(rows.n, 1);
    set_rows_release(&rows);
    assert_int_equal(store_drop_set(f->store, y, &why), -1);
}

static void the_journal_keeps_lines_in_order(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct journal_rows rows;
    int64_t ids[3];
    for (int i = 0; i < 3; i++) {
        char line[32];
        snprintf(line, sizeof line, "line %d", i);
        OK(store_add_journal(f->store, line, i == 1 ? "undo it" : NULL, &ids[i], err));
    }
    OK(store_mark_journal(f->store, ids[1], true, err));
    assert_int_equal(store_mark_journal(f->store, 99, true, &why), -1);
    OK(store_journal(f->store, 2, &rows, err));
    assert_int_equal(rows.n, 2);
    assert_string_equal(rows.rows[0].line, "line 1");
    assert_string_equal(rows.rows[0].undo, "undo it");
    assert_true(rows.rows[0].undone);
    assert_null(rows.rows[1].undo);
    assert_false(rows.rows[1].undone);
    assert_true(rows.rows[1].at > 1500000000000);
    journal_rows_release(&rows);
}

static void looks_jobs_settings(void **state)
{
    struct fixture *f = *state;
    int64_t set, n = 0, job;
    OK(fixture_import(f->store, "x", 0, 1, &set, err));
    OK(store_add_look(f->store, set, "test", 0, "agreement", err));
    OK(store_add_look(f->store, set, "all", 0, "agreement", err));
    OK(store_add_look(f->store, set, "test", 0, "bias", err));
    OK(store_count_looks(f->store, set, "agreement", &n, err));
    assert_int_equal(n, 2);
    OK(store_count_looks(f->store, set, NULL, &n, err));
    assert_int_equal(n, 3);

    OK(store_job_started(f->store, "label", "label base", &job, err));
    OK(store_job_ended(f->store, job, "done", NULL, err));
    OK(store_job_started(f->store, "label", "label base n=3", &job, err));

    assert_null(store_get_setting(f->store, "set"));
    OK(store_set_setting(f->store, "set", "x", err));
    OK(store_set_setting(f->store, "set", "y", err));
    reopen(f);
    char *value = store_get_setting(f->store, "set");
    assert_string_equal(value, "y");
    free(value);
    OK(store_set_setting(f->store, "set", NULL, err));
    assert_null(store_get_setting(f->store, "set"));
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROW(pairs_come_back),
        ROW(import_goes_on_from_the_last_number),
        ROW(dropped_import_leaves_nothing),
        ROW(import_left_open_is_dropped_at_close),
        ROW(writes_inside_an_import),
        ROW(unknown_set_names_the_nearest),
        ROW(tags_are_added_once_and_taken_away),
        ROW(posts_make_a_set),
        ROW(prompt_versions_do_not_change),
        ROW(labels_come_back_bit_for_bit),
        ROW(labels_by_prompt_and_labeler),
        ROW(a_key_is_stored_once),
        ROW(a_failure_gives_way),
        ROW(find_gives_what_is_there),
        ROW(one_bad_label_keeps_all_out),
        ROW(undo_never_loses_labels),
        ROW(the_journal_keeps_lines_in_order),
        ROW(looks_jobs_settings),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
