#include "src/data/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/data/world_draw.h"
#include "src/data/world_words.h"

#define AT(field) offsetof(struct world_options, field)
const struct option world_option_table[] = {
    {"seed", OPTION_INT, AT(seed), 0, 1e15, NULL, "1",
     "of everything; the splits do not depend on it"},
    {"posts", OPTION_INT, AT(posts), 20, 1e6, NULL, "20000",
     "posts in all splits together"},
    {"size", OPTION_CHOICE, AT(size), 0, 0, "small|medium|large", "medium",
     "vocabulary: about 200, 250 or 350 words"},
    {"paraphrase", OPTION_REAL, AT(paraphrase), 0, 1, NULL, "0.3",
     "how often a summary takes its author's own word instead of the post's"},
    {"distraction", OPTION_REAL, AT(distraction), 0, 1, NULL, "0.4",
     "share of details about another person or thing"},
    {"apart", OPTION_REAL, AT(apart), 0, 1, NULL, "0.25",
     "share of posts that say who the person is in another sentence"},
    {"details_min", OPTION_INT, AT(details_min), 1, 4, NULL, "1",
     "details of a post, at least"},
    {"details_max", OPTION_INT, AT(details_max), 1, 4, NULL, "4",
     "details of a post, at most"},
    {"authors", OPTION_INT, AT(authors), 2, 64, NULL, "12", "people who write summaries"},
    {"references", OPTION_INT, AT(references), 0, 16, NULL, "3",
     "reference summaries of a post"},
    {"skill_min", OPTION_REAL, AT(skill_min), 0, 1, NULL, "0",
     "skill of the worst author"},
    {"skill_max", OPTION_REAL, AT(skill_max), 0, 1, NULL, "1",
     "skill of the best author"},
    {"raters", OPTION_INT, AT(raters), 1, 64, NULL, "8", "people who compare summaries"},
    {"votes", OPTION_INT, AT(votes), 1, 64, NULL, "3",
     "votes on a pair, each of another rater"},
    {"pairs", OPTION_INT, AT(pairs), 1, 64, NULL, "1", "pairs of a post"},
    {"temperature", OPTION_REAL, AT(temperature), 0.01, 100, NULL, "0.65",
     "of the raters' choice"},
    {"spread", OPTION_REAL, AT(spread), 0, 2, NULL, "0.35",
     "how far raters' weights lie apart: standard deviation of their logarithm"},
    {NULL, OPTION_INT, 0, 0, 0, NULL, NULL, NULL},
};

/* ---- splits ---- */

static const struct {
    const char *name;
    int content;  /* of 100 points of all, those up to here */
    int64_t part; /* of 20 posts */
    enum split split;
} splits[WORLD_SPLITS] = {
    [WORLD_SFT] = {"sft", 50, 10, SPLIT_TRAIN},
    [WORLD_PAIRS] = {"pairs", 70, 5, SPLIT_TRAIN},
    [WORLD_RL] = {"rl", 85, 3, SPLIT_TRAIN},
    [WORLD_DEV] = {"dev", 92, 1, SPLIT_DEV},
    [WORLD_TEST] = {"test", 100, 1, SPLIT_TEST},
};

const char *world_split_name(enum world_split split)
{
    return splits[split].name;
}

static bool split_of(const char *name, size_t len, enum world_split *out)
{
    for (int i = 0; i < WORLD_SPLITS; i++)
        if (strlen(splits[i].name) == len && !memcmp(splits[i].name, name, len)) {
            *out = (enum world_split)i;
            return true;
        }
    return false;
}

bool world_split_parse(const char *name, enum world_split *out)
{
    return split_of(name, strlen(name), out);
}

bool world_split_of_key(const char *key, enum world_split *out)
{
    return key && split_of(key, strcspn(key, "-"), out);
}

void world_split_sizes(int64_t posts, int64_t sizes[WORLD_SPLITS])
{
    int64_t left = posts;
    for (int i = WORLD_SPLITS - 1; i > WORLD_SFT; i--)
        left -= sizes[i] = posts * splits[i].part / 20;
    sizes[WORLD_SFT] = left;
}

/* The split to which a post's point belongs: by its words, so that neither seed nor size
 * moves it. */
static enum world_split split_of_point(const struct world_fact *problem, int result,
                                       int action)
{
    char text[256];
    snprintf(text, sizeof text, "%s/%s/%s/%s/%s",
             world_slot_list(WORLD_RELATION)->terms[problem->value[WORLD_RELATION]].word,
             world_slot_list(WORLD_ACT)->terms[problem->value[WORLD_ACT]].word,
             world_slot_list(WORLD_OBJECT)->terms[problem->value[WORLD_OBJECT]].word,
             world_slot_list(WORLD_RESULT)->terms[result].word,
             world_slot_list(WORLD_ACTION)->terms[action].word);
    int at = (int)rng_below(rng_key(0, "world point", text), 0, 100), i = 0;
    while (at >= splits[i].content)
        i++;
    return (enum world_split)i;
}

/* ---- stories ---- */

struct maker {
    const struct world_options *options;
    struct draw draw;
    struct world_story *story;
};

static int draw_value(struct maker *m, enum world_slot slot)
{
    return draw_below(&m->draw, world_slot_list(slot)->n[m->options->size]);
}

static void set_slot(struct world_fact *fact, enum world_slot slot, int value)
{
    fact->value[slot] = (int8_t)value;
}

static void insert(struct world_story *story, size_t at, struct world_fact fact)
{
    memmove(&story->facts[at + 1], &story->facts[at],
            (story->n - at) * sizeof *story->facts);
    story->facts[at] = fact;
    story->n++;
}

static void insert_anywhere(struct maker *m, struct world_fact fact)
{
    insert(m->story, (size_t)draw_below(&m->draw, (int)m->story->n + 1), fact);
}

static struct world_fact make_detail(struct maker *m, enum world_kind kind,
                                     const struct world_fact *problem,
                                     const int person[2])
{
    struct world_fact fact = world_fact(kind);
    const int object = problem->value[WORLD_OBJECT];
    const int n_objects = world_slot_list(WORLD_OBJECT)->n[m->options->size];
    switch (kind) {
    case WORLD_JOB:
        set_slot(&fact, WORLD_JOBS, draw_value(m, WORLD_JOBS));
        set_slot(&fact, WORLD_TOWN, draw_value(m, WORLD_TOWN));
        break;
    case WORLD_WEATHER:
        set_slot(&fact, WORLD_SKY, draw_value(m, WORLD_SKY));
        break;
    case WORLD_FOOD:
        set_slot(&fact, WORLD_DISH, draw_value(m, WORLD_DISH));
        break;
    case WORLD_NEAR:
        set_slot(&fact, WORLD_BUILDING, draw_value(m, WORLD_BUILDING));
        break;
    case WORLD_COLOUR:
        set_slot(&fact, WORLD_OBJECT,
                 draw_chance(&m->draw, .5) ? object
                                           : draw_other(&m->draw, n_objects, object));
        set_slot(&fact, WORLD_HUE, draw_value(m, WORLD_HUE));
        break;
    case WORLD_PET:
        set_slot(&fact, WORLD_RELATION, person[0]);
        set_slot(&fact, WORLD_NAME, person[1]);
        set_slot(&fact, WORLD_ANIMAL, draw_value(m, WORLD_ANIMAL));
        break;
    case WORLD_EVENT:
        set_slot(&fact, WORLD_RELATION, person[0]);
        set_slot(&fact, WORLD_NAME, person[1]);
        set_slot(&fact, WORLD_ACT, draw_value(m, WORLD_ACT));
        set_slot(&fact, WORLD_OBJECT, draw_other(&m->draw, n_objects, object));
        break;
    default:
        break;
    }
    return fact;
}

/* Kinds of details: about the teller, then those that may be taken for the point. */
#define PLAIN 3
static const enum world_kind detail_kinds[] = {WORLD_WEATHER, WORLD_FOOD, WORLD_NEAR,
                                               WORLD_COLOUR,  WORLD_PET,  WORLD_EVENT};
#define DETAILS (sizeof detail_kinds / sizeof *detail_kinds)

static void add_details(struct maker *m, const struct world_fact *problem)
{
    const struct world_options *o = m->options;
    const int relations = world_slot_list(WORLD_RELATION)->n[o->size];
    const int names = world_slot_list(WORLD_NAME)->n[o->size];
    int person[2]; /* another one than the problem's, who must not be taken for him */
    do {
        person[0] = draw_other(&m->draw, relations, problem->value[WORLD_RELATION]);
        person[1] = draw_other(&m->draw, names, problem->value[WORLD_NAME]);
    } while (!world_person_fits(person[0], person[1]));
    int most = (int)(o->details_max < o->details_min ? o->details_min : o->details_max);
    int n = (int)o->details_min + draw_below(&m->draw, most - (int)o->details_min + 1);
    bool used[DETAILS] = {false};
    int left[2] = {PLAIN, DETAILS - PLAIN};
    for (int i = 0; i < n; i++) {
        int class = draw_chance(&m->draw, o->distraction);
        if (left[class] == 0)
            class = !class;
        int skip = draw_below(&m->draw, left[class]--), k = class ? PLAIN : 0;
        while (used[k] || skip-- > 0)
            k++;
        used[k] = true;
        insert_anywhere(m, make_detail(m, detail_kinds[k], problem, person));
    }
}

/* "So" only says something right behind the problem. */
static void set_leads(struct maker *m)
{
    for (size_t i = 0; i < m->story->n; i++) {
        struct world_fact *fact = &m->story->facts[i];
        if (fact->kind == WORLD_CONSEQUENCE) {
            int lead = draw_below(&m->draw, 3) - 1;
            bool after = i > 0 && fact[-1].kind == WORLD_PROBLEM;
            set_slot(fact, WORLD_LEAD, lead == 1 && !after ? 0 : lead);
        }
    }
}

static void draw_point(struct maker *m, enum world_split split,
                       struct world_fact *problem, int *result, int *action)
{
    do {
        for (int slot = WORLD_RELATION; slot <= WORLD_OBJECT; slot++)
            set_slot(problem, (enum world_slot)slot,
                     draw_value(m, (enum world_slot)slot));
        if (!world_person_fits(problem->value[WORLD_RELATION],
                               problem->value[WORLD_NAME]))
            problem->value[WORLD_NAME] ^= 1; /* the neighbour in the list */
        *result = draw_value(m, WORLD_RESULT);
        *action = draw_value(m, WORLD_ACTION);
    } while (split_of_point(problem, *result, *action) != split);
}

void world_story(const struct world_options *options, enum world_split split,
                 uint64_t index, struct world_story *out)
{
    char id[32];
    snprintf(id, sizeof id, "%s-%" PRIu64, splits[split].name, index);
    struct maker m = {.options = options,
                      .story = out,
                      .draw =
                          draw_from(rng_key((uint64_t)options->seed, "world story", id))};
    struct world_fact problem = world_fact(WORLD_PROBLEM),
                      consequence = world_fact(WORLD_CONSEQUENCE),
                      question = world_fact(WORLD_QUESTION);
    int result, action;
    out->n = 0;
    draw_point(&m, split, &problem, &result, &action);
    if (draw_chance(&m.draw, .5))
        set_slot(&problem, WORLD_TIME, draw_value(&m, WORLD_TIME));
    if (draw_chance(&m.draw, .4))
        set_slot(&problem, WORLD_PLACE, draw_value(&m, WORLD_PLACE));
    problem.time_first = problem.value[WORLD_TIME] >= 0 && draw_chance(&m.draw, .5);
    bool apart = draw_chance(&m.draw, options->apart);
    problem.wording = (apart ? WORLD_BY_NAME : WORLD_BY_BOTH) +
                      (draw_chance(&m.draw, .25) ? WORLD_PASSIVE : 0);
    set_slot(&consequence, WORLD_RESULT, result);
    set_slot(&question, WORLD_ACTION, action);
    question.wording = draw_below(&m.draw, world_wordings(WORLD_QUESTION)->n_post);
    insert(out, 0, problem);
    insert(out, 1, consequence);
    if (apart) {
        struct world_fact who = world_fact(WORLD_PERSON);
        set_slot(&who, WORLD_RELATION, problem.value[WORLD_RELATION]);
        set_slot(&who, WORLD_NAME, problem.value[WORLD_NAME]);
        insert_anywhere(&m, who);
    }
    add_details(&m, &problem);
    if (draw_chance(&m.draw, .6))
        insert(out, 0, make_detail(&m, WORLD_JOB, &problem, NULL));
    if (draw_chance(&m.draw, .8))
        insert(out, out->n, question);
    else
        insert_anywhere(&m, question);
    set_leads(&m);
    for (size_t i = 0; i < out->n; i++)
        out->facts[i].other =
            world_synonyms(&out->facts[i], (unsigned)rng_bits(m.draw.key, m.draw.next++));
}

void world_story_text(const struct world_story *story, struct buf *out)
{
    for (size_t i = 0; i < story->n; i++) {
        if (i > 0)
            buf_addc(out, ' ');
        world_say_fact(&story->facts[i], out);
        buf_addf(out, " %c", world_fact_mark(&story->facts[i]));
    }
}

/* ---- posts ---- */

static const char *group_of(const struct world_fact *problem)
{
    const char *relation =
        world_slot_list(WORLD_RELATION)->terms[problem->value[WORLD_RELATION]].word;
    static const struct {
        const char *relations, *group;
    } groups[] = {{"|boss|colleague|", "work"},
                  {"|neighbour|landlord|roommate|", "home"},
                  {"|teacher|", "school"},
                  {"|friend|girlfriend|boyfriend|", "relationships"}};
    char mark[32];
    snprintf(mark, sizeof mark, "|%s|", relation);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strstr(groups[i].relations, mark))
            return groups[i].group;
    return "family";
}

static char *title_of(const struct world_fact *problem)
{
    const struct world_term *term =
        &world_slot_list(WORLD_OBJECT)->terms[problem->value[WORLD_OBJECT]];
    bool other = problem->other >> WORLD_OBJECT & 1 && term->other;
    return xasprintf("my %s", other ? term->other : term->word);
}

void world_make_post(const struct world_options *options, enum world_split split,
                     uint64_t index, struct post *out)
{
    struct world_story story;
    struct buf text;
    world_story(options, split, index, &story);
    const struct world_fact *problem = world_find(&story, WORLD_PROBLEM);
    buf_init(&text, 0);
    world_story_text(&story, &text);
    out->key = xasprintf("%s-%" PRIu64, splits[split].name, index);
    out->title = title_of(problem);
    out->context = buf_take(&text);
    out->group = xstrdup(group_of(problem));
    out->split = splits[split].split;
    out->n_summaries = (size_t)options->references;
    out->summaries =
        out->n_summaries ? xcalloc(out->n_summaries, sizeof *out->summaries) : NULL;
    for (size_t i = 0; i < out->n_summaries; i++) {
        struct world_author author;
        struct world_plan plan;
        struct world_parts parts;
        char id[64];
        snprintf(id, sizeof id, "%s reference %zu", out->key, i);
        world_author(options, world_author_of(options, out->key, (int)i), &author);
        world_plan(options, &story, &author, id, &plan);
        world_write(options, &story, &author, &plan, id, &text, &parts);
        out->summaries[i] = buf_take(&text);
    }
}

void world_make_posts(const struct world_options *options, enum world_split split,
                      uint64_t first, size_t n, struct post_list *out)
{
    for (size_t i = 0; i < n; i++)
        world_make_post(options, split, first + i, post_list_add(out));
}
