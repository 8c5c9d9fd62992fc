/* new world: the pocket world into the store, as ordinary pairs and posts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/rows.h"
#include "src/cmd/workbench.h"
#include "src/data/world_pairs.h"

#define CHUNK 512 /* posts between two looks at Ctrl-C */
#define AUTHORS 64

struct figures {
    int64_t posts, pairs, votes, summaries;
    double words_post, words_summary;
    double agree, agree_gold, longer, n_agree, n_gold, n_longer;
    double gold[AUTHORS], n_gold_of[AUTHORS];
};

/* ---- figures ---- */

static void count_pairs(const struct pair_list *pairs,
                        const struct world_sides_list *sides, struct figures *f)
{
    struct world_agreement agreement = world_agreement(pairs->pairs, pairs->n);
    if (agreement.n_raters) {
        f->agree += agreement.raters * (double)agreement.n_raters;
        f->n_agree += (double)agreement.n_raters;
    }
    if (agreement.n_gold) {
        f->agree_gold += agreement.gold * (double)agreement.n_gold;
        f->n_gold += (double)agreement.n_gold;
    }
    for (size_t i = 0; i < pairs->n; i++) {
        const struct pair *pair = &pairs->pairs[i];
        const struct world_sides *row = &sides->rows[i];
        enum choice choice = pair_reference(pair).choice;
        f->votes += (int64_t)pair->n_votes;
        f->gold[row->author_a] += row->a.total;
        f->gold[row->author_b] += row->b.total;
        f->n_gold_of[row->author_a]++;
        f->n_gold_of[row->author_b]++;
        if (choice != CHOICE_A && choice != CHOICE_B)
            continue;
        f->n_longer++;
        f->longer += pair->chars_a == pair->chars_b                            ? .5
                     : (pair->chars_a > pair->chars_b) == (choice == CHOICE_A) ? 1
                                                                               : 0;
    }
    f->pairs += (int64_t)pairs->n;
}

static void count_posts(const struct post_list *posts, struct figures *f)
{
    for (size_t i = 0; i < posts->n; i++) {
        const struct post *post = &posts->posts[i];
        f->words_post += (double)text_words(post->context, strlen(post->context));
        for (size_t k = 0; k < post->n_summaries; k++)
            f->words_summary +=
                (double)text_words(post->summaries[k], strlen(post->summaries[k]));
        f->summaries += (int64_t)post->n_summaries;
    }
    f->posts += (int64_t)posts->n;
}

/* ---- writing ---- */

struct writing {
    struct workbench *wb;
    const struct world_options *options;
    const char *posts_set, *origin;
    struct figures figures;
};

static int write_chunk(struct writing *w, enum world_split split, uint64_t first,
                       size_t n, struct error *err)
{
    struct post_list posts = {0};
    struct pair_list pairs;
    struct world_sides_list sides = {0};
    int status;
    pair_list_init(&pairs);
    world_make_posts(w->options, split, first, n, &posts);
    count_posts(&posts, &w->figures);
    status =
        store_add_posts(w->wb->store, w->posts_set, w->origin, posts.posts, posts.n, err);
    if (status == 0 &&
        (split == WORLD_PAIRS || split == WORLD_DEV || split == WORLD_TEST)) {
        world_make_pairs(w->options, posts.posts, posts.n, &pairs, &sides);
        count_pairs(&pairs, &sides, &w->figures);
        status = store_import_add(w->wb->store, pairs.pairs, pairs.n, err);
    }
    post_list_release(&posts);
    pair_list_release(&pairs);
    world_sides_release(&sides);
    return status;
}

static int write_all(struct writing *w, const int64_t sizes[WORLD_SPLITS],
                     struct error *err)
{
    for (int split = 0; split < WORLD_SPLITS; split++)
        for (int64_t first = 0; first < sizes[split]; first += CHUNK) {
            int64_t left = sizes[split] - first;
            if (cancel_asked(&w->wb->interrupt))
                return error_set(err, ERROR_CANCELLED, "interrupted; nothing was kept");
            if (write_chunk(w, (enum world_split)split, (uint64_t)first,
                            (size_t)(left < CHUNK ? left : CHUNK), err) < 0)
                return -1;
        }
    return 0;
}

static int check_free(struct workbench *wb, const char *name, struct error *err)
{
    struct set_row row;
    if (store_find_set(wb->store, name, &row, NULL) < 0)
        return 0;
    set_row_release(&row);
    error_set(err, ERROR_FAILED, "there is a set %s already", name);
    return error_hint(err, "give another name with set=NAME, or type drop set %s", name);
}

/* ---- the answer ---- */

static double ratio(double sum, double n)
{
    return n > 0 ? sum / n : NAN;
}

static json_t *authors_json(const struct world_options *options, const struct figures *f)
{
    json_t *rows = json_array();
    for (int i = 0; i < (int)options->authors; i++) {
        struct world_author author;
        world_author(options, i, &author);
        json_array_append_new(
            rows,
            json_pack("{si sf so sI}", "author", i + 1, "skill", author.skill, "gold",
                      json_number_or_null(ratio(f->gold[i], f->n_gold_of[i])),
                      "summaries", (json_int_t)f->n_gold_of[i]));
    }
    return rows;
}

static json_t *answer_json(const struct writing *w, const char *set,
                           const int64_t sizes[WORLD_SPLITS])
{
    const struct figures *f = &w->figures;
    const struct world_options *o = w->options;
    struct world_words words;
    json_t *splits = json_object();
    world_vocabulary((enum world_size)o->size, false, &words);
    for (int i = 0; i < WORLD_SPLITS; i++)
        json_object_set_new(splits, world_split_name((enum world_split)i),
                            json_integer(sizes[i]));
    json_t *answer = json_pack(
        "{ss so so sI si sI so sI sI sI sb so so so so so so}", "command", "new world",
        "set", json_text0(set), "posts_set", json_text0(w->posts_set), "seed",
        (json_int_t)o->seed, "vocabulary", (int)words.n, "posts", (json_int_t)f->posts,
        "splits", splits, "pairs", (json_int_t)f->pairs, "votes", (json_int_t)f->votes,
        "summaries", (json_int_t)f->summaries, "simulated", true, "words_post",
        json_number_or_null(ratio(f->words_post, (double)f->posts)), "words_summary",
        json_number_or_null(ratio(f->words_summary, (double)f->summaries)),
        "rater_agreement", json_number_or_null(ratio(f->agree, f->n_agree)),
        "gold_agreement", json_number_or_null(ratio(f->agree_gold, f->n_gold)),
        "longer_chars", json_number_or_null(ratio(f->longer, f->n_longer)), "authors",
        authors_json(o, f));
    world_words_release(&words);
    return answer;
}

static int set_options(const struct call *call, struct world_options *options,
                       struct error *err)
{
    options_init(world_option_table, options);
    for (size_t i = 0; i < call->n_pairs; i++)
        if (strcmp(call->pairs[i].key, "set") != 0 &&
            option_set(world_option_table, options, call->pairs[i].key,
                       call->pairs[i].value, err) < 0)
            return -1;
    if (options->skill_min > options->skill_max)
        return error_set(err, ERROR_USAGE, "skill_min is above skill_max: %g and %g",
                         options->skill_min, options->skill_max);
    if (options->details_min > options->details_max)
        return error_set(err, ERROR_USAGE, "details_min is above details_max: %d and %d",
                         (int)options->details_min, (int)options->details_max);
    return 0;
}

static int run_new_world(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    const char *set = call_get(call, "set") ? call_get(call, "set") : "pocket";
    struct world_options options;
    int64_t sizes[WORLD_SPLITS], set_id = 0;
    int status = -1;

    if (check_set_name(set, err) < 0 || set_options(call, &options, err) < 0)
        return -1;
    char *posts_set = xasprintf("%s-posts", set);
    char *origin = xasprintf("new world seed=%lld", (long long)options.seed);
    struct writing w = {
        .wb = wb, .options = &options, .posts_set = posts_set, .origin = origin};
    world_split_sizes(options.posts, sizes);
    if (check_free(wb, set, err) < 0 || check_free(wb, posts_set, err) < 0 ||
        store_import_begin(wb->store, set, WORLD_FORMAT, RATER_HUMAN, origin, &set_id,
                           err) < 0)
        goto out;
    status = write_all(&w, sizes, err);
    struct error end;
    if (store_import_end(wb->store, status == 0, &end) < 0 && status == 0) {
        if (err)
            *err = end;
        status = -1;
    }
    workbench_forget_set(wb, set_id);
    if (status == 0)
        status = workbench_use_set(wb, set, err);
    if (status == 0) {
        call->answer = answer_json(&w, set, sizes);
        call->undo = xasprintf("drop set %s; drop set %s", set, posts_set);
    }
out:
    free(posts_set);
    free(origin);
    return status;
}

static double real_of(const json_t *answer, const char *key)
{
    return json_number_value(json_object_get(answer, key));
}

static void print_new_world(const json_t *answer, struct buf *out)
{
    const json_t *author;
    size_t i;
    buf_addf(
        out,
        "%.0f posts into set %s, %.0f pairs with %.0f votes into set %s (simulated)\n",
        real_of(answer, "posts"), json_string_value(json_object_get(answer, "posts_set")),
        real_of(answer, "pairs"), real_of(answer, "votes"),
        json_string_value(json_object_get(answer, "set")));
    buf_addf(out, "%.0f different words, %.1f in a post, %.1f in a summary\n",
             real_of(answer, "vocabulary"), real_of(answer, "words_post"),
             real_of(answer, "words_summary"));
    buf_addf(out,
             "two raters agree in %.1f %%, a rater with gold in %.1f %%; the longer wins "
             "in %.1f %%\n",
             100 * real_of(answer, "rater_agreement"),
             100 * real_of(answer, "gold_agreement"),
             100 * real_of(answer, "longer_chars"));
    buf_adds(out, "gold by author, worst first:");
    json_array_foreach(json_object_get(answer, "authors"), i,
                       author) if (!json_is_null(json_object_get(author, "gold")))
        buf_addf(out, " %.2f", real_of(author, "gold"));
    buf_addc(out, '\n');
}

static const struct command_key world_keys[] = {
    {"seed", "N", "of everything; default 1", COMPLETE_NONE},
    {"posts", "N", "in all splits together; default 20000", COMPLETE_NONE},
    {"set", "NAME", "of the pairs; the posts go to NAME-posts; default pocket",
     COMPLETE_NONE},
    {"size", "small|medium|large",
     "vocabulary of about 200, 250 or 350 words; default medium", COMPLETE_NONE},
    {"pairs", "N", "of a post of the splits pairs, dev and test; default 1",
     COMPLETE_NONE},
    {"votes", "N", "on a pair; default 3", COMPLETE_NONE},
    {"raters", "N", "people who vote; default 8", COMPLETE_NONE},
    {"temperature", "X", "of their choice; default 0.65", COMPLETE_NONE},
    {"spread", "X", "of their weights; default 0.35", COMPLETE_NONE},
    {"references", "N", "summaries of a post; default 3", COMPLETE_NONE},
    {"authors", "N", "people who write; default 12", COMPLETE_NONE},
    {"skill_min", "X", "of the worst author; default 0", COMPLETE_NONE},
    {"skill_max", "X", "of the best author; default 1", COMPLETE_NONE},
    {"paraphrase", "X", "how often an author takes his own word; default 0.3",
     COMPLETE_NONE},
    {"distraction", "X", "share of details about another person or thing; default 0.4",
     COMPLETE_NONE},
    {"apart", "X", "share of posts that say elsewhere who the person is; default 0.25",
     COMPLETE_NONE},
    {"details_min", "N", "details of a post, at least; default 1", COMPLETE_NONE},
    {"details_max", "N", "details of a post, at most; default 4", COMPLETE_NONE},
    {0},
};

static const struct command table[] = {
    {.verb = "new",
     .noun = "world",
     .keys = world_keys,
     .flags = COMMAND_WRITES,
     .text = "Make the pocket world: posts, summaries and pairs with simulated people's "
             "votes",
     .example = "new world seed=7 posts=500",
     .run = run_new_world,
     .print = print_new_world},
};
const struct command_rows rows_world = COMMAND_ROWS(table);
