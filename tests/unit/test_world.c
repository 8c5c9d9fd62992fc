/* The pocket world: posts, summaries, their gold score by reading, people who compare,
 * splits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/text.h"
#include "src/data/world_pairs.h"
#include "src/data/world_words.h"

static struct world_options options_of(int64_t seed, enum world_size size)
{
    struct world_options options;
    options_init(world_option_table, &options);
    options.seed = seed;
    options.size = size;
    return options;
}

static size_t words_of(const char *text)
{
    return text_words(text, strlen(text));
}

/* ---- words ---- */

static bool known(const struct world_words *words, const char *word, size_t len)
{
    for (size_t i = 0; i < words->n; i++)
        if (strlen(words->words[i]) == len && !memcmp(words->words[i], word, len))
            return true;
    return false;
}

static void assert_words_known(const struct world_words *words, const char *text)
{
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, " ");
        if (!known(words, at, len))
            fail_msg("\"%.*s\" is not in the word list: %s", (int)len, at, text);
        at += len + (at[len] == ' ');
    }
}

static void test_words(void **state)
{
    static const size_t sizes[] = {201, 252, 347};
    (void)state;
    for (int size = WORLD_SMALL; size <= WORLD_LARGE; size++) {
        struct world_options o = options_of(5, (enum world_size)size);
        struct world_words words, framed, again;
        world_vocabulary((enum world_size)size, false, &words);
        world_vocabulary((enum world_size)size, true, &framed);
        world_vocabulary((enum world_size)size, true, &again);
        assert_int_equal(words.n, sizes[size]);
        assert_true(words.n >= 200 && framed.n <= 600);
        assert_string_equal(words.words[0], ".");
        assert_string_equal(words.words[1], "?");
        for (size_t i = 0; i < framed.n; i++) {
            assert_string_equal(framed.words[i], again.words[i]);
            if (i < words.n)
                assert_string_equal(framed.words[i], words.words[i]);
            for (size_t k = 0; k < i; k++)
                assert_string_not_equal(framed.words[i], framed.words[k]);
        }
        for (uint64_t i = 0; i < 150; i++) {
            struct post_list list = {0};
            world_make_posts(&o, (enum world_split)(i % WORLD_SPLITS), i, 1, &list);
            assert_words_known(&words, list.posts[0].context);
            assert_words_known(&words, list.posts[0].title);
            for (size_t k = 0; k < list.posts[0].n_summaries; k++)
                assert_words_known(&words, list.posts[0].summaries[k]);
            post_list_release(&list);
        }
        world_words_release(&words);
        world_words_release(&framed);
        world_words_release(&again);
    }
}

/* No word may stand for two things of one kind, or reading could not tell them apart. */
static void test_terms_differ(void **state)
{
    (void)state;
    for (int slot = 0; slot < WORLD_SLOTS; slot++) {
        const struct world_list *list = world_slot_list((enum world_slot)slot);
        const char *seen[128];
        size_t n = 0;
        assert_true(list->n[0] >= 2 && list->n[0] <= list->n[1] &&
                    list->n[1] <= list->n[2]);
        assert_true(list->n[2] <= 64 &&
                    (slot != WORLD_NAME ||
                     list->n[0] % 2 + list->n[1] % 2 + list->n[2] % 2 == 0));
        for (int i = 0; i < list->n[2]; i++)
            for (int other = 0; other < 2; other++) {
                const char *word = other ? list->terms[i].other : list->terms[i].word;
                for (size_t k = 0; word && k < n; k++)
                    assert_string_not_equal(seen[k], word);
                if (word)
                    seen[n++] = word;
            }
    }
}

/* ---- posts ---- */

static void test_posts(void **state)
{
    enum { N = 1500 };
    struct world_options o = options_of(1, WORLD_MEDIUM);
    struct post_list list = {0}, part = {0};
    double words = 0, summary_words = 0;
    size_t summaries = 0, apart = 0, last = 0;
    (void)state;
    world_make_posts(&o, WORLD_SFT, 0, N, &list);
    world_make_posts(&o, WORLD_SFT, 1000, 3, &part);
    for (size_t i = 0; i < 3; i++) { /* a post is itself wherever the list begins */
        assert_string_equal(part.posts[i].context, list.posts[1000 + i].context);
        assert_string_equal(part.posts[i].summaries[2],
                            list.posts[1000 + i].summaries[2]);
        assert_string_equal(part.posts[i].key, list.posts[1000 + i].key);
    }
    for (size_t i = 0; i < N; i++) {
        const struct post *post = &list.posts[i];
        struct world_story story;
        assert_true(world_read(post->context, &story));
        assert_true(story.n >= 4 && story.n <= 9);
        assert_non_null(world_find(&story, WORLD_CONSEQUENCE));
        assert_non_null(world_find(&story, WORLD_QUESTION));
        assert_int_equal(post->split, SPLIT_TRAIN);
        assert_null(strstr(post->context, "  "));
        words += (double)words_of(post->context);
        last += story.facts[story.n - 1].kind == WORLD_QUESTION;
        apart += world_find(&story, WORLD_PERSON) != NULL;
        for (size_t k = 0; k < post->n_summaries; k++, summaries++)
            summary_words += (double)words_of(post->summaries[k]);
    }
    assert_true(words / N > 38 && words / N < 43);
    assert_true(summary_words / (double)summaries > 14 &&
                summary_words / (double)summaries < 17);
    assert_true(last > .78 * N && last < .88 * N);
    assert_true(apart > .22 * N && apart < .28 * N);
    post_list_release(&list);
    post_list_release(&part);
}

static void test_read_is_write(void **state)
{
    (void)state;
    for (int size = WORLD_SMALL; size <= WORLD_LARGE; size++) {
        struct world_options o = options_of(3, (enum world_size)size);
        for (uint64_t i = 0; i < 700; i++) {
            struct world_story story, read;
            struct buf text;
            buf_init(&text, 0);
            world_story(&o, (enum world_split)(i % WORLD_SPLITS), i, &story);
            world_story_text(&story, &text);
            assert_true(world_read(buf_str(&text), &read));
            assert_int_equal(read.n, story.n);
            for (size_t k = 0; k < story.n; k++) {
                assert_int_equal(read.facts[k].kind, story.facts[k].kind);
                assert_int_equal(read.facts[k].wording, story.facts[k].wording);
                assert_int_equal(read.facts[k].other, story.facts[k].other);
                assert_int_equal(read.facts[k].time_first, story.facts[k].time_first);
                if (memcmp(read.facts[k].value, story.facts[k].value,
                           sizeof read.facts[k].value) != 0)
                    fail_msg("fact %zu of: %s", k, buf_str(&text));
            }
            buf_release(&text);
        }
    }
}

/* ---- the gold score ---- */

#define POST                                                                             \
    "i am a nurse in leeds . anna is my sister . on monday anna smashed my phone at "    \
    "work . "                                                                            \
    "my boss tom lost a watch . now i cannot sleep . my lamp is red . should i call "    \
    "the police ?"

static const struct {
    const char *text;
    int problem, consequence, question, wrong, detail, broken, repeated;
    int64_t words;
} scores[] = {
    {"my sister anna smashed my phone . i cannot sleep . should i call the police ?", 1,
     1, 1, 0, 0, 0, 0, 17},
    {"anna cracked my mobile . now i lie awake . i ask whether to call the police .", 1,
     1, 1, 0, 0, 0, 0, 18},
    {"is it wise to call the police ? my phone was smashed by my sister .", 1, 0, 1, 0, 0,
     0, 0, 16},
    {"Anna smashed my phone. Should I call the police?", 1, 0, 1, 0, 0, 0, 0, 11},
    {"on monday anna smashed my phone .", 1, 0, 0, 0, 0, 0, 0, 7},
    {"anna smashed my phone at work on monday .", 1, 0, 0, 0, 0, 0, 0, 9},
    {"on monday anna smashed my phone on monday .", 0, 0, 0, 0, 0, 1, 0, 9},
    {"on friday anna smashed my phone .", 0, 0, 0, 1, 0, 0, 0, 7},
    {"my boss tom smashed my phone .", 0, 0, 0, 1, 0, 0, 0, 7},
    {"tom smashed my phone .", 0, 0, 0, 1, 0, 0, 0, 5},
    {"my sister tom smashed my phone .", 0, 0, 0, 1, 0, 0, 0, 7},
    {"anna lost my watch .", 0, 0, 0, 1, 0, 0, 0, 5},
    {"my boss tom lost a watch .", 0, 0, 0, 0, 1, 0, 0, 7},
    {"my boss tom mislaid my watch .", 0, 0, 0, 1, 0, 0, 0, 7},
    {"anna is my sister . tom is my boss . tom is my sister .", 0, 0, 0, 1, 2, 0, 0, 15},
    {"anna smashed my phone so i cannot sleep .", 1, 1, 0, 0, 0, 0, 0, 9},
    {"anna smashed my phone and now i cannot sleep .", 1, 1, 0, 0, 0, 0, 0, 10},
    {"anna smashed my phone and my lamp is red and i lie awake .", 1, 1, 0, 0, 1, 0, 0,
     14},
    {"anna smashed my phone now i cannot sleep .", 0, 0, 0, 0, 0, 1, 0, 9},
    {"anna smashed my phone and .", 0, 0, 0, 0, 0, 1, 0, 6},
    {"and anna smashed my phone .", 0, 0, 0, 0, 0, 1, 0, 6},
    {"anna smashed my phone and should i call the police ?", 1, 0, 1, 0, 0, 0, 0, 11},
    {"should i call the police and anna smashed my phone .", 0, 0, 0, 0, 0, 2, 0, 11},
    {"anna smashed my phone . my sister cracked my mobile .", 1, 0, 0, 0, 0, 0, 1, 11},
    {"my lamp is red . my lamp is red . my lamp is blue .", 0, 0, 0, 1, 1, 0, 1, 15},
    {"should i call the police .", 0, 0, 0, 0, 0, 1, 0, 6},
    {"anna smashed my phone ?", 0, 0, 0, 0, 0, 1, 0, 5},
    {"anna smashed my phone", 0, 0, 0, 0, 0, 1, 0, 4},
    {"anna smashed my phone .. ", 1, 0, 0, 0, 0, 1, 0, 6},
    {"i am a nurse in york .", 0, 0, 0, 1, 0, 0, 0, 7},
    {"the weather is cold .", 0, 0, 0, 1, 0, 0, 0, 5},
    {"should i move out ? should i call the police ?", 0, 0, 1, 1, 0, 0, 0, 11},
    {"anna anna anna anna anna anna anna anna", 0, 0, 0, 0, 0, 1, 0, 8},
    {"anna anna anna anna anna anna anna anna anna", 0, 0, 0, 0, 0, 2, 0, 9},
    {"", 0, 0, 0, 0, 0, 1, 0, 0},
    {" \t\n", 0, 0, 0, 0, 0, 1, 0, 0},
};

static void test_scores(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
        struct world_score s;
        const struct world_parts *p = &s.parts;
        assert_true(world_score_text(POST, scores[i].text, &s));
        if (p->problem != scores[i].problem || p->consequence != scores[i].consequence ||
            p->question != scores[i].question || p->wrong != scores[i].wrong ||
            p->detail != scores[i].detail || p->broken != scores[i].broken ||
            p->repeated != scores[i].repeated || p->words != scores[i].words)
            fail_msg("%s: %d %d %d %d %d %d %d %d", scores[i].text, p->problem,
                     p->consequence, p->question, p->wrong, p->detail, p->broken,
                     p->repeated, (int)p->words);
        double want = 1.2 * p->problem + .8 * p->consequence + .8 * p->question -
                      p->wrong - p->broken - .8 * p->repeated - .4 * p->detail -
                      .02 * (double)p->words;
        assert_true(fabs(s.total - want) < 1e-12);
        double sum = 0;
        for (int axis = 0; axis < WORLD_AXES; axis++) {
            enum world_axis same;
            assert_true(world_axis_parse(world_axis_name((enum world_axis)axis), &same));
            assert_int_equal(same, axis);
            sum += world_score_axis(&s, (enum world_axis)axis);
        }
        assert_true(fabs(sum - s.total) < 1e-12);
    }
    struct world_score none;
    assert_false(
        world_score_text("a post of another kind .", "anna smashed my phone .", &none));
    assert_true(none.total == 0);
}

/* What the reader finds is what the author planned, for every kind of fault. */
static void test_planned_parts(void **state)
{
    size_t n = 0, faults[4] = {0};
    (void)state;
    for (int size = WORLD_SMALL; size <= WORLD_LARGE; size++) {
        struct world_options o = options_of(11 + size, (enum world_size)size);
        o.skill_max = .7;
        for (uint64_t i = 0; i < 400; i++) {
            struct world_story story, read;
            struct buf text, post;
            buf_init(&text, 0);
            buf_init(&post, 0);
            world_story(&o, WORLD_DEV, i, &story);
            world_story_text(&story, &post);
            assert_true(world_read(buf_str(&post), &read));
            for (int a = 0; a < (int)o.authors; a++, n++) {
                struct world_author author;
                struct world_plan plan;
                struct world_parts planned;
                struct world_score score;
                char id[32];
                snprintf(id, sizeof id, "%d", (int)i);
                world_author(&o, a, &author);
                world_plan(&o, &story, &author, id, &plan);
                if (a % 3 == 0)
                    plan.broken_details = 1;
                if (a % 4 == 0)
                    plan.repeats += 2;
                world_write(&o, &story, &author, &plan, id, &text, &planned);
                world_score_story(&read, buf_str(&text), &score);
                if (memcmp(&planned, &score.parts, sizeof planned) != 0)
                    fail_msg("%s\n%s\nplanned %d %d %d wrong %d detail %d broken %d "
                             "repeated %d; "
                             "read %d %d %d wrong %d detail %d broken %d repeated %d",
                             buf_str(&post), buf_str(&text), planned.problem,
                             planned.consequence, planned.question, planned.wrong,
                             planned.detail, planned.broken, planned.repeated,
                             score.parts.problem, score.parts.consequence,
                             score.parts.question, score.parts.wrong, score.parts.detail,
                             score.parts.broken, score.parts.repeated);
                faults[0] += planned.wrong > 0;
                faults[1] += planned.detail > 0;
                faults[2] += planned.broken > 0;
                faults[3] += planned.repeated > 0;
            }
            buf_release(&text);
            buf_release(&post);
        }
    }
    for (int i = 0; i < 4; i++)
        assert_true(faults[i] > n / 20);
}

/* Sentences may come in any order. */
static void test_order(void **state)
{
    static const char *const sentences[] = {"my sister cracked my mobile on monday .",
                                            "i lie awake .",
                                            "do i have to call the police ?",
                                            "my lamp is red .",
                                            "anna anna .",
                                            "my boss tom lost a watch ."};
    enum { N = sizeof sentences / sizeof *sentences };
    struct world_score first;
    (void)state;
    for (uint64_t round = 0; round < 100; round++) {
        struct rng_key key = rng_key(round, "order", "");
        struct buf text;
        bool used[N] = {false};
        buf_init(&text, 0);
        for (uint64_t i = 0; i < N; i++) {
            uint64_t k = rng_below(key, i, N);
            while (used[k])
                k = (k + 1) % N;
            used[k] = true;
            buf_addf(&text, "%s ", sentences[k]);
        }
        struct world_score score;
        world_score_text(POST, buf_str(&text), &score);
        if (round == 0)
            first = score;
        assert_memory_equal(&score, &first, sizeof score);
        buf_release(&text);
    }
    assert_true(first.parts.problem && first.parts.question && first.parts.detail == 2);
}

static void assert_low(const char *text, double most)
{
    struct world_score score;
    assert_true(world_score_text(POST, text, &score));
    assert_true(isfinite(score.total));
    if (score.total > most)
        fail_msg("%g for %.60s", score.total, text);
}

static void test_garbage(void **state)
{
    struct world_words words;
    struct buf text;
    (void)state;
    buf_init(&text, 0);
    world_vocabulary(WORLD_MEDIUM, true, &words);
    for (uint64_t round = 0; round < 300; round++) {
        struct rng_key key = rng_key(round, "garbage", "");
        uint64_t n = round == 0 ? 10000 : 4 + rng_below(key, 0, 40);
        buf_clear(&text);
        for (uint64_t i = 1; i <= n; i++)
            buf_addf(&text, "%s ", words.words[rng_below(key, i, words.n)]);
        assert_low(buf_str(&text), -1);
        buf_clear(&text); /* any bytes but the one that ends a string */
        for (uint64_t i = 1; i <= n; i++)
            buf_addc(&text, (char)(1 + rng_below(key, i, 255)));
        assert_low(buf_str(&text), -1);
    }
    static const char *const loops[] = {
        "anna smashed my phone . ",    "i cannot sleep and ", "so ", ". ",
        "should i call the police ? ", "my lamp is red and ", "on ", "?"};
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        buf_clear(&text);
        for (int k = 0; k < 10000; k++)
            buf_adds(&text, loops[i]);
        assert_low(buf_str(&text), -1000);
    }
    assert_low("", -1);
    assert_low("yes", -1);
    assert_low("it is a problem .", -1);
    world_words_release(&words);
    buf_release(&text);
}

/* ---- splits ---- */

static int compare_rows(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void point_of(const struct world_story *story, struct buf *out)
{
    const struct world_fact *p = world_find(story, WORLD_PROBLEM);
    buf_addf(out, "%d %d %d %d %d", p->value[WORLD_RELATION], p->value[WORLD_ACT],
             p->value[WORLD_OBJECT],
             world_find(story, WORLD_CONSEQUENCE)->value[WORLD_RESULT],
             world_find(story, WORLD_QUESTION)->value[WORLD_ACTION]);
}

static void test_splits(void **state)
{
    enum { N = 400, SEEDS = 3 };
    char *rows[WORLD_SPLITS * N * SEEDS * 2];
    size_t n = 0;
    (void)state;
    for (int split = 0; split < WORLD_SPLITS; split++) {
        enum world_split same;
        assert_true(world_split_parse(world_split_name((enum world_split)split), &same));
        assert_int_equal(same, split);
        for (uint64_t i = 0; i < N * SEEDS; i++) {
            struct world_options o = options_of((int64_t)(i % SEEDS), WORLD_SMALL);
            struct world_story story;
            struct buf row;
            buf_init(&row, 0);
            world_story(&o, (enum world_split)split, i / SEEDS, &story);
            world_story_text(&story, &row);
            buf_addf(&row, "\t%d", split);
            rows[n++] = buf_take(&row);
            point_of(&story, &row);
            buf_addf(&row, "\t%d", split);
            rows[n++] = buf_take(&row);
        }
    }
    qsort(rows, n, sizeof *rows, compare_rows);
    for (size_t i = 0; i + 1 < n; i++) {
        size_t len = strcspn(rows[i], "\t");
        if (len == strcspn(rows[i + 1], "\t") && !memcmp(rows[i], rows[i + 1], len))
            assert_string_equal(rows[i],
                                rows[i + 1]); /* same text or point, same split */
    }
    for (size_t i = 0; i < n; i++)
        free(rows[i]);
    int64_t sizes[WORLD_SPLITS];
    world_split_sizes(20007, sizes);
    assert_int_equal(sizes[WORLD_SFT] + sizes[WORLD_PAIRS] + sizes[WORLD_RL] +
                         sizes[WORLD_DEV] + sizes[WORLD_TEST],
                     20007);
    assert_int_equal(sizes[WORLD_TEST], 1000);
    enum world_split of;
    assert_true(world_split_of_key("pairs-3/1", &of));
    assert_int_equal(of, WORLD_PAIRS);
    assert_false(world_split_of_key("b001", &of));
    assert_false(world_split_of_key(NULL, &of));
}

/* ---- people ---- */

static void make(const struct world_options *o, enum world_split split, size_t n,
                 struct pair_list *pairs, struct world_sides_list *sides)
{
    struct post_list posts = {0};
    struct world_options quick = *o;
    quick.references = 0;
    world_make_posts(&quick, split, 0, n, &posts);
    assert_int_equal(world_make_pairs(o, posts.posts, n, pairs, sides),
                     n * (size_t)o->pairs);
    post_list_release(&posts);
}

static void test_raters_agree(void **state)
{
    double sum = 0, gold = 0;
    (void)state;
    for (int64_t seed = 1; seed <= 6; seed++) {
        struct world_options o = options_of(seed, (enum world_size)(seed % 3));
        struct pair_list pairs = {0};
        o.votes = o.raters; /* all of them, for a surer figure */
        make(&o, WORLD_DEV, 500, &pairs, NULL);
        struct world_agreement agreement = world_agreement(pairs.pairs, pairs.n);
        assert_int_equal(agreement.n_raters, 500 * 8 * 7 / 2);
        if (agreement.raters < .73 || agreement.raters > .77)
            fail_msg("seed %d: two raters agree in %g", (int)seed, agreement.raters);
        sum += agreement.raters / 6;
        gold += agreement.gold / 6;
        pair_list_release(&pairs);
    }
    assert_true(sum > .74 && sum < .765);
    assert_true(gold > .80 && gold < .85);
}

static void test_votes(void **state)
{
    struct world_options o = options_of(4, WORLD_MEDIUM);
    struct pair_list pairs = {0}, again = {0};
    struct world_sides_list sides = {0};
    size_t level[10] = {0};
    double surer[2] = {0};
    size_t n_surer[2] = {0};
    (void)state;
    o.pairs = 2;
    make(&o, WORLD_PAIRS, 400, &pairs, &sides);
    make(&o, WORLD_PAIRS, 7, &again, NULL);
    assert_int_equal(sides.n, pairs.n);
    for (size_t i = 0; i < again.n; i++) { /* whatever else is made */
        assert_string_equal(again.pairs[i].a, pairs.pairs[i].a);
        assert_string_equal(again.pairs[i].votes[2].rater, pairs.pairs[i].votes[2].rater);
        assert_true(again.pairs[i].votes[2].confidence ==
                    pairs.pairs[i].votes[2].confidence);
    }
    for (size_t i = 0; i < pairs.n; i++) {
        const struct pair *pair = &pairs.pairs[i];
        struct world_score a;
        assert_true(world_score_text(pair->context, pair->a, &a));
        assert_memory_equal(&a, &sides.rows[i].a, sizeof a);
        assert_true(pair->gold_a == a.total && pair->gold_b == sides.rows[i].b.total);
        assert_int_not_equal(sides.rows[i].author_a, sides.rows[i].author_b);
        assert_int_equal(pair->split, SPLIT_TRAIN);
        assert_int_equal(pair->n_votes, 3);
        for (size_t k = 0; k < 3; k++) {
            const struct vote *vote = &pair->votes[k];
            assert_int_equal(vote->kind, RATER_HUMAN);
            assert_true(strncmp(vote->rater, "rater-", 6) == 0);
            assert_string_not_equal(vote->rater, pair->votes[(k + 1) % 3].rater);
            assert_true((vote->choice == CHOICE_A && vote->confidence > 5) ||
                        (vote->choice == CHOICE_B && vote->confidence < 5));
            assert_true(vote->confidence >= 1 && vote->confidence <= 9);
            level[(int)vote->confidence]++;
            bool sure = fabs(vote->confidence - 5) >= 3;
            surer[sure] += (pair->gold_a > pair->gold_b) == (vote->choice == CHOICE_A);
            n_surer[sure]++;
        }
    }
    for (int c = 1; c <= 9; c++)
        assert_true(c == 5 ? level[c] == 0 : level[c] > 100);
    assert_true(surer[1] / (double)n_surer[1] > surer[0] / (double)n_surer[0] + .1);
    pair_list_release(&pairs);
    pair_list_release(&again);
    world_sides_release(&sides);
}

/* Better authors write better summaries, about as in the trial of the design: -.03,
 * .88, 2.16 at skill 0, .5, 1. */
static void test_authors(void **state)
{
    static const struct {
        double skill, gold;
    } want[] = {{0, -.03}, {.5, .88}, {1, 2.16}};
    double before = -9;
    (void)state;
    for (size_t w = 0; w < 3; w++) {
        struct world_options o = options_of(2, WORLD_MEDIUM);
        struct pair_list pairs = {0};
        double sum = 0;
        o.skill_min = o.skill_max = want[w].skill;
        make(&o, WORLD_DEV, 500, &pairs, NULL);
        for (size_t i = 0; i < pairs.n; i++)
            sum += pairs.pairs[i].gold_a + pairs.pairs[i].gold_b;
        sum /= 2 * (double)pairs.n;
        assert_true(fabs(sum - want[w].gold) < .3);
        assert_true(sum > before + .4);
        before = sum;
        pair_list_release(&pairs);
    }
}

static void test_given_texts(void **state)
{
    struct world_options o = options_of(1, WORLD_MEDIUM);
    struct post post = {.context = xstrdup(POST), .split = SPLIT_TEST},
                other = {.context = xstrdup("hello")};
    struct pair_list pairs = {0};
    struct world_sides_list sides = {0};
    (void)state;
    assert_true(world_make_pair(&o, &post, "anna smashed my phone .", "anna", "x", &pairs,
                                &sides));
    assert_true(world_make_pair(&o, &post, "same", "same", "y", &pairs, &sides));
    assert_false(world_make_pair(&o, &other, "a", "b", "x", &pairs, &sides));
    assert_int_equal(world_make_pairs(&o, &other, 1, &pairs, &sides), 0);
    assert_false(
        world_make_contrast(&o, &other, WORLD_ASKED, WORLD_LENGTH, "x", &pairs, &sides));
    assert_int_equal(pairs.n, 2);
    assert_int_equal(sides.n, 2);
    assert_true(fabs(pairs.pairs[0].gold_a - 1.1) < 1e-12);
    assert_true(fabs(pairs.pairs[0].gold_b + 1.02) < 1e-12);
    assert_int_equal(sides.rows[0].author_a, -1);
    assert_int_equal(pairs.pairs[0].split, SPLIT_TEST);
    assert_true(pairs.pairs[1].flags & PAIR_IDENTICAL);
    assert_string_not_equal(pairs.pairs[0].key, pairs.pairs[1].key);
    pair_list_release(&pairs);
    world_sides_release(&sides);
    free(post.context);
    free(other.context);
}

static void test_contrasts(void **state)
{
    enum { N = 40 };
    struct world_options o = options_of(6, WORLD_MEDIUM);
    struct post_list posts = {0};
    size_t first = 0, all = 0, alone = 0, n_alone = 0;
    (void)state;
    o.references = 0;
    world_make_posts(&o, WORLD_PAIRS, 0, N, &posts);
    for (int up = 0; up < WORLD_AXES; up++)
        for (int down = 0; down < WORLD_AXES; down++) {
            struct pair_list pairs = {0};
            struct world_sides_list sides = {0};
            for (size_t i = 0; i < N; i++)
                world_make_contrast(&o, &posts.posts[i], (enum world_axis)up,
                                    (enum world_axis)down, "0", &pairs, &sides);
            if (pairs.n < N * 9 / 10)
                fail_msg("%s against %s: %zu of %d posts",
                         world_axis_name((enum world_axis)up),
                         world_axis_name((enum world_axis)down), pairs.n, N);
            for (size_t i = 0; i < pairs.n; i++, all++) {
                const struct world_sides *row = &sides.rows[i];
                double gap[WORLD_AXES];
                bool others = true;
                for (int axis = 0; axis < WORLD_AXES; axis++) {
                    gap[axis] = world_score_axis(&row->a, (enum world_axis)axis) -
                                world_score_axis(&row->b, (enum world_axis)axis);
                    others &= axis == up || axis == WORLD_LENGTH || gap[axis] == 0;
                }
                if (up != down)
                    assert_true(gap[up] * gap[down] < 0);
                first += gap[up] > 0;
                if (up == down && up != WORLD_LENGTH) {
                    alone += others;
                    n_alone++;
                }
            }
            pair_list_release(&pairs);
            world_sides_release(&sides);
        }
    assert_true(first > .42 * (double)all && first < .58 * (double)all);
    assert_true((double)alone > .95 * (double)n_alone);
    post_list_release(&posts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),       cmocka_unit_test(test_terms_differ),
        cmocka_unit_test(test_posts),       cmocka_unit_test(test_read_is_write),
        cmocka_unit_test(test_scores),      cmocka_unit_test(test_planned_parts),
        cmocka_unit_test(test_order),       cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_splits),      cmocka_unit_test(test_raters_agree),
        cmocka_unit_test(test_votes),       cmocka_unit_test(test_authors),
        cmocka_unit_test(test_given_texts), cmocka_unit_test(test_contrasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
