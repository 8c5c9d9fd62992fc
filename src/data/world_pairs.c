#include "src/data/world_pairs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/data/world_draw.h"

#define RATERS 64 /* the option's maximum */

void world_sides_release(struct world_sides_list *list)
{
    free(list->rows);
    *list = (struct world_sides_list){0};
}

/* The first `votes` raters of a drawn order. */
static void add_votes(const struct world_options *options,
                      const struct world_sides *sides, struct pair *pair)
{
    struct rng_key key = rng_key((uint64_t)options->seed, "world vote", pair->key);
    struct draw draw = draw_from(rng_sub(key, RATERS));
    int n = (int)options->raters, order[RATERS];
    for (int i = 0; i < n; i++)
        order[i] = i;
    for (int i = 0; i < n && i < (int)options->votes; i++) {
        int k = i + draw_below(&draw, n - i), number = order[k];
        struct world_rater rater;
        double confidence;
        order[k] = order[i];
        world_rater(options, number, &rater);
        enum choice choice = world_vote(&rater, &sides->a.parts, &sides->b.parts,
                                        rng_sub(key, (uint64_t)number), &confidence);
        pair_add_vote(pair, rater.name, RATER_HUMAN, choice, confidence);
    }
}

/* What is wrong with either, in the words of the built-in set. */
static void add_tags(const struct world_sides *sides, struct pair *pair)
{
    const struct world_parts *a = &sides->a.parts, *b = &sides->b.parts;
    const struct {
        bool on;
        const char *tag;
    } tags[] = {
        {!a->problem || !b->problem, "misses-the-point"},
        {!a->question || !b->question, "drops-the-question"},
        {a->wrong || b->wrong, "wrong-fact"},
        {a->detail || b->detail, "adds-detail"},
        {a->repeated || b->repeated, "repeats"},
        {a->broken || b->broken, "bad-grammar"},
    };
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (tags[i].on)
            pair_add_tag(pair, tags[i].tag);
}

static char *copy_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

/* Takes a and b over. */
static void add_pair(const struct world_options *options, const struct post *post,
                     char *a, char *b, const char *key, struct world_sides row,
                     struct pair_list *out, struct world_sides_list *sides)
{
    struct pair *pair = pair_list_add(out);
    pair->key = xstrdup(key);
    pair->title = copy_or_null(post->title);
    pair->context = xstrdup(post->context);
    pair->group = copy_or_null(post->group);
    pair->a = a;
    pair->b = b;
    pair->split = post->split;
    pair->split_given = true;
    pair->gold_a = row.a.total;
    pair->gold_b = row.b.total;
    add_votes(options, &row, pair);
    add_tags(&row, pair);
    pair_finish(pair);
    if (sides) {
        sides->rows = array_grow(sides->rows, sides->n, &sides->cap, sizeof *sides->rows);
        sides->rows[sides->n++] = row;
    }
}

/* A post without a key of its own is told apart by its text. */
static char *pair_key(const struct post *post, const char *id)
{
    char hex[65];
    uint8_t hash[32];
    if (post->key)
        return xasprintf("%s/%s", post->key, id);
    hash_bytes(post->context, strlen(post->context), hash);
    hash_hex(hash, hex);
    return xasprintf("post-%.16s/%s", hex, id);
}

bool world_make_pair(const struct world_options *options, const struct post *post,
                     const char *a, const char *b, const char *id, struct pair_list *out,
                     struct world_sides_list *sides)
{
    struct world_story story;
    struct world_sides row = {.author_a = -1, .author_b = -1};
    if (!world_read(post->context, &story))
        return false;
    world_score_story(&story, a, &row.a);
    world_score_story(&story, b, &row.b);
    char *key = pair_key(post, id);
    add_pair(options, post, xstrdup(a), xstrdup(b), key, row, out, sides);
    free(key);
    return true;
}

/* ---- pairs of two authors ---- */

static char *write_by(const struct world_options *options,
                      const struct world_story *story, int number, const char *id)
{
    struct world_author author;
    struct world_plan plan;
    struct world_parts parts;
    struct buf text;
    buf_init(&text, 0);
    world_author(options, number, &author);
    world_plan(options, story, &author, id, &plan);
    world_write(options, story, &author, &plan, id, &text, &parts);
    return buf_take(&text);
}

static void add_authors_pair(const struct world_options *options, const struct post *post,
                             const struct world_story *story, const char *key,
                             struct pair_list *out, struct world_sides_list *sides)
{
    struct world_sides row = {.author_a = world_author_of(options, key, 0)};
    char *a = write_by(options, story, row.author_a, key), *b = NULL;
    /* Two who write the same leave nothing to choose: another is asked, three times at
     * most. */
    for (int i = 1; i <= 3 && (!b || !strcmp(a, b)); i++) {
        free(b);
        row.author_b = world_author_of(options, key, i);
        b = write_by(options, story, row.author_b, key);
    }
    world_score_story(story, a, &row.a);
    world_score_story(story, b, &row.b);
    add_pair(options, post, a, b, key, row, out, sides);
}

size_t world_make_pairs(const struct world_options *options, const struct post *posts,
                        size_t n, struct pair_list *out, struct world_sides_list *sides)
{
    size_t before = out->n;
    for (size_t i = 0; i < n; i++) {
        struct world_story story;
        if (!world_read(posts[i].context, &story))
            continue;
        for (int64_t k = 0; k < options->pairs; k++) {
            char id[24];
            snprintf(id, sizeof id, "%lld", (long long)k);
            char *key = pair_key(&posts[i], id);
            add_authors_pair(options, &posts[i], &story, key, out, sides);
            free(key);
        }
    }
    return out->n - before;
}

/* ---- two axes that disagree ---- */

/* Makes a plan bad in one axis. The other plan's turn is to be good there, which the
 * start is. */
static void spoil(struct draw *draw, enum world_axis axis, struct world_plan *plan)
{
    switch (axis) {
    case WORLD_COVERAGE:
        plan->point[draw_chance(draw, .5) ? WORLD_PROBLEM : WORLD_CONSEQUENCE] =
            WORLD_NOT;
        break;
    case WORLD_ASKED:
        plan->point[WORLD_QUESTION] = WORLD_NOT;
        break;
    case WORLD_ACCURACY:
        plan->false_details += 1;
        break;
    case WORLD_COHERENCE:
        if (draw_chance(draw, .5))
            plan->repeats += 1;
        else
            plan->broken_details += 1;
        break;
    default:
        plan->details += 1 + draw_below(draw, 2);
        break;
    }
}

/* The axes besides `up` and `down`: how far they lie apart. */
static double besides(const struct world_sides *row, enum world_axis up,
                      enum world_axis down)
{
    double sum = 0;
    for (int i = 0; i < WORLD_AXES; i++) {
        double gap = world_score_axis(&row->a, (enum world_axis)i) -
                     world_score_axis(&row->b, (enum world_axis)i);
        if (i != (int)up && i != (int)down)
            sum += i == WORLD_LENGTH && gap > -.15 && gap < .15 ? 0
                   : gap < 0                                    ? -gap
                                                                : gap;
    }
    return sum;
}

static double gap_of(const struct world_sides *row, enum world_axis axis)
{
    return world_score_axis(&row->a, axis) - world_score_axis(&row->b, axis);
}

/* One try: two summaries of one author. True: `up` is for a, and `down`, if another, for
 * b. */
static bool try_contrast(const struct world_options *options,
                         const struct world_story *story, enum world_axis up,
                         enum world_axis down, const char *key, int try,
                         struct buf texts[2], struct world_sides *row)
{
    struct draw draw = draw_from(
        rng_sub(rng_key((uint64_t)options->seed, "world contrast", key), (uint64_t)try));
    struct world_plan plans[2] = {{.point = {WORLD_RIGHT, WORLD_NOT, WORLD_NOT}}};
    struct world_author author;
    struct world_parts parts;
    char id[160];
    for (int i = WORLD_CONSEQUENCE; i <= WORLD_QUESTION; i++)
        plans[0].point[i] = draw_chance(&draw, .6) ? WORLD_RIGHT : WORLD_NOT;
    if (up == WORLD_COVERAGE || down == WORLD_COVERAGE)
        plans[0].point[WORLD_CONSEQUENCE] = WORLD_RIGHT;
    if (up == WORLD_ASKED || down == WORLD_ASKED)
        plans[0].point[WORLD_QUESTION] = WORLD_RIGHT;
    plans[1] = plans[0];
    spoil(&draw, up, &plans[1]);
    if (down != up)
        spoil(&draw, down, &plans[0]);
    /* A false detail is told by its truth and not by being there: the other side has a
     * true one. */
    if (up == WORLD_ACCURACY || down == WORLD_ACCURACY)
        plans[up == WORLD_ACCURACY ? 0 : 1].details += 1;
    row->author_a = row->author_b = world_author_of(options, key, try);
    world_author(options, row->author_a, &author);
    for (int i = 0; i < 2; i++) {
        snprintf(id, sizeof id, "%.100s contrast %d %d", key, try, i);
        world_write(options, story, &author, &plans[i], id, &texts[i], &parts);
    }
    world_score_story(story, buf_str(&texts[0]), &row->a);
    world_score_story(story, buf_str(&texts[1]), &row->b);
    return gap_of(row, up) > .05 && (down == up || gap_of(row, down) < -.05);
}

#define TRIES 24

bool world_make_contrast(const struct world_options *options, const struct post *post,
                         enum world_axis up, enum world_axis down, const char *id,
                         struct pair_list *out, struct world_sides_list *sides)
{
    struct world_story story;
    struct world_sides row, best_row = {.author_a = -1};
    struct buf texts[2];
    char *best[2] = {NULL, NULL}, *key = pair_key(post, id);
    double least = 1e9;
    bool readable = world_read(post->context, &story);
    buf_init(&texts[0], 0);
    buf_init(&texts[1], 0);
    for (int try = 0; readable && try < TRIES && least > 0; try++) {
        if (!try_contrast(options, &story, up, down, key, try, texts, &row) ||
            besides(&row, up, down) >= least)
            continue;
        least = besides(&row, up, down);
        best_row = row;
        for (int i = 0; i < 2; i++) {
            free(best[i]);
            best[i] = buf_take(&texts[i]);
        }
    }
    if (best[0]) {
        bool swap = rng_bits(rng_key((uint64_t)options->seed, "world side", key), 0) & 1;
        if (swap)
            best_row = (struct world_sides){best_row.b, best_row.a, best_row.author_b,
                                            best_row.author_a};
        add_pair(options, post, best[swap], best[!swap], key, best_row, out, sides);
    }
    buf_release(&texts[0]);
    buf_release(&texts[1]);
    free(key);
    return best[0] != NULL;
}
