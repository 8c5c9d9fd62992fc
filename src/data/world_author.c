/* Who writes summaries, and how: plans by skill, wordings by habit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/data/world.h"
#include "src/data/world_draw.h"
#include "src/data/world_words.h"

#define AUTHORS 64 /* the option's maximum */

void world_author(const struct world_options *options, int number,
                  struct world_author *out)
{
    char id[16];
    snprintf(id, sizeof id, "%d", number);
    double at = ((double)number + .5) / (double)options->authors;
    out->number = number;
    out->skill = options->skill_min + (options->skill_max - options->skill_min) * at;
    out->style = rng_key((uint64_t)options->seed, "world author", id);
}

int world_author_of(const struct world_options *options, const char *id, int which)
{
    struct draw draw = draw_from(rng_key((uint64_t)options->seed, "world writer", id));
    int n = (int)options->authors, order[AUTHORS];
    for (int i = 0; i < n; i++)
        order[i] = i;
    which %= n;
    for (int i = 0; i <= which; i++) {
        int k = i + draw_below(&draw, n - i), other = order[k];
        order[k] = order[i];
        order[i] = other;
    }
    return order[which];
}

void world_plan(const struct world_options *options, const struct world_story *story,
                const struct world_author *author, const char *id, struct world_plan *out)
{
    static const double said[WORLD_POINTS][2] = {{.55, .4}, {.35, .5}, {.3, .5}};
    struct draw draw = draw_from(rng_sub(
        rng_key((uint64_t)options->seed, "world plan", id), (uint64_t)author->number));
    double q = author->skill, poor = 1 - q;
    (void)story;
    *out = (struct world_plan){0};
    for (int i = 0; i < WORLD_POINTS; i++)
        if (draw_chance(&draw, said[i][0] + said[i][1] * q))
            out->point[i] = WORLD_RIGHT;
    if (!out->point[0] && !out->point[1] && !out->point[2])
        out->point[WORLD_PROBLEM] = WORLD_RIGHT;
    for (int i = 0; i < WORLD_POINTS; i++) {
        bool wrong = draw_chance(&draw, .32 * poor),
             broken = draw_chance(&draw, .05 * poor);
        if (out->point[i])
            out->point[i] = broken ? WORLD_BROKEN : wrong ? WORLD_WRONG : WORLD_RIGHT;
    }
    out->details = draw_chance(&draw, .45 * poor) + draw_chance(&draw, .1 * poor);
    out->false_details = draw_chance(&draw, .05 * poor);
    out->repeats = draw_chance(&draw, .08 * poor);
    out->no_end = draw_chance(&draw, .03 * poor);
}

/* ---- writing ---- */

#define CLAUSES 32
struct clause {
    struct world_fact fact;
    enum world_say state;
    bool joined; /* to the next one, in one sentence */
};
struct writer {
    const struct world_options *options;
    const struct world_story *story;
    const struct world_author *author;
    struct draw draw;
    struct clause clauses[CLAUSES];
    int n;
};

/* A habit of the author's: 0..n-1, the same in all that he writes. */
static int habit(const struct writer *w, int what, int n)
{
    return (int)rng_below(w->author->style, (uint64_t)what, (uint64_t)n);
}

/* His habit in seven of ten cases. */
static int choose(struct writer *w, int what, int n)
{
    return draw_chance(&w->draw, .7) ? habit(w, what, n) : draw_below(&w->draw, n);
}

enum {
    HABIT_BY,
    HABIT_PASSIVE,
    HABIT_ASK,
    HABIT_LEAD,
    HABIT_FIRST,
    HABIT_JOIN,
    HABIT_TIME,
    HABIT_WORDS
};

static void set_synonyms(struct writer *w, struct world_fact *fact)
{
    unsigned own = (unsigned)rng_bits(w->author->style, HABIT_WORDS), bits = 0;
    for (int slot = 0; slot < WORLD_SLOTS; slot++) {
        bool mine = draw_chance(&w->draw, w->options->paraphrase);
        bits |= ((mine ? own : fact->other) >> slot & 1U) << slot;
    }
    fact->other = world_synonyms(fact, bits);
}

static void set_wording(struct writer *w, struct world_fact *fact)
{
    if (fact->kind == WORLD_PROBLEM) {
        bool passive = draw_chance(&w->draw, habit(w, HABIT_PASSIVE, 3) == 0 ? .4 : .05);
        int by = choose(w, HABIT_BY, 3);
        if (fact->value[WORLD_RELATION] < 0)
            by = WORLD_BY_NAME;
        else if (fact->value[WORLD_NAME] < 0)
            by = WORLD_BY_RELATION;
        fact->wording = by + (passive ? WORLD_PASSIVE : 0);
        bool when = draw_chance(&w->draw, habit(w, HABIT_TIME, 2) ? .35 : .1);
        bool where = draw_chance(&w->draw, .12);
        if (!when)
            fact->value[WORLD_TIME] = -1;
        if (!where)
            fact->value[WORLD_PLACE] = -1;
        fact->time_first = fact->value[WORLD_TIME] >= 0 && draw_chance(&w->draw, .3);
    } else if (fact->kind == WORLD_QUESTION) {
        fact->wording = choose(w, HABIT_ASK, 4);
    } else if (fact->kind == WORLD_CONSEQUENCE) {
        fact->value[WORLD_LEAD] = (int8_t)(choose(w, HABIT_LEAD, 3) - 1);
    }
}

/* Another value than the true one: in half of the cases one that stands elsewhere in the
 * post. */
static int wrong_value(struct writer *w, enum world_slot slot, int truth)
{
    if (draw_chance(&w->draw, .5))
        for (size_t i = 0; i < w->story->n; i++) {
            int value = w->story->facts[i].value[slot];
            if (value >= 0 && value != truth)
                return value;
        }
    return draw_other(&w->draw, world_slot_list(slot)->n[w->options->size], truth);
}

/* Changes one thing that is said, so that the clause is false. */
static void make_wrong(struct writer *w, struct world_fact *fact)
{
    enum world_slot said[WORLD_SLOTS];
    int n = 0;
    for (int slot = 0; slot < WORLD_SLOTS; slot++)
        if (slot != WORLD_LEAD && world_says(fact, (enum world_slot)slot))
            said[n++] = (enum world_slot)slot;
    enum world_slot slot = said[draw_below(&w->draw, n)];
    int truth = fact->value[slot];
    bool both = world_says(fact, WORLD_RELATION) && world_says(fact, WORLD_NAME);
    /* A name that cannot be this relation's would show the fault without the post. */
    for (int tries = 0; tries < 16; tries++) {
        fact->value[slot] = (int8_t)wrong_value(w, slot, truth);
        if (!both ||
            world_person_fits(fact->value[WORLD_RELATION], fact->value[WORLD_NAME]))
            break;
    }
}

static void insert_clause(struct writer *w, int at, struct world_fact fact,
                          enum world_say state)
{
    if (w->n == CLAUSES)
        return;
    memmove(&w->clauses[at + 1], &w->clauses[at],
            (size_t)(w->n - at) * sizeof *w->clauses);
    w->clauses[at] = (struct clause){.fact = fact, .state = state};
    w->n++;
}

static void insert_somewhere(struct writer *w, struct world_fact fact,
                             enum world_say state)
{
    insert_clause(w, draw_below(&w->draw, w->n + 1), fact, state);
}

static void add_point(struct writer *w, enum world_kind kind, enum world_say state)
{
    const struct world_fact *told = world_find(w->story, kind);
    if (state == WORLD_NOT || !told)
        return;
    struct world_fact fact = *told;
    set_wording(w, &fact);
    if (state == WORLD_WRONG)
        make_wrong(w, &fact);
    set_synonyms(w, &fact);
    bool first = kind == WORLD_QUESTION &&
                 draw_chance(&w->draw, habit(w, HABIT_FIRST, 4) ? .05 : .4);
    insert_clause(w, first ? 0 : w->n, fact, state);
}

/* The post's details in a drawn order; returns how many. */
static int shuffle_details(struct writer *w,
                           const struct world_fact *details[WORLD_FACTS])
{
    int n = 0;
    for (size_t i = 0; i < w->story->n; i++)
        if (w->story->facts[i].kind >= WORLD_POINTS)
            details[n++] = &w->story->facts[i];
    for (int i = 0; i + 1 < n; i++) {
        int k = i + draw_below(&w->draw, n - i);
        const struct world_fact *other = details[k];
        details[k] = details[i];
        details[i] = other;
    }
    return n;
}

/* Something that the post does not say, of a kind that it does not speak of. */
static struct world_fact invented(struct writer *w)
{
    static const enum world_kind kinds[] = {WORLD_JOB,  WORLD_WEATHER, WORLD_FOOD,
                                            WORLD_NEAR, WORLD_COLOUR,  WORLD_PET,
                                            WORLD_EVENT};
    int n = (int)(sizeof kinds / sizeof *kinds), k = draw_below(&w->draw, n);
    /* Our posts have five details at most; one from elsewhere may have all kinds. */
    for (int tries = 1; world_find(w->story, kinds[k]); k = (k + 1) % n)
        if (tries++ == n) {
            struct world_fact told = *world_find(w->story, kinds[k]);
            make_wrong(w, &told);
            return told;
        }
    struct world_fact fact = world_fact(kinds[k]);
    for (int slot = 0; slot < WORLD_SLOTS; slot++) {
        fact.value[slot] = 0;
        if (world_says(&fact, (enum world_slot)slot))
            fact.value[slot] = (int8_t)draw_below(
                &w->draw, world_slot_list((enum world_slot)slot)->n[w->options->size]);
        else
            fact.value[slot] = -1;
    }
    if (fact.value[WORLD_NAME] >= 0 &&
        !world_person_fits(fact.value[WORLD_RELATION], fact.value[WORLD_NAME]))
        fact.value[WORLD_NAME] ^= 1;
    return fact;
}

static void add_details(struct writer *w, const struct world_plan *plan)
{
    const struct world_fact *details[WORLD_FACTS];
    int have = shuffle_details(w, details), next = 0;
    for (int i = 0; i < plan->details + plan->broken_details && next < have; i++) {
        struct world_fact fact = *details[next++];
        set_synonyms(w, &fact);
        insert_somewhere(w, fact, i < plan->details ? WORLD_RIGHT : WORLD_BROKEN);
    }
    for (int i = 0; i < plan->false_details; i++) {
        struct world_fact fact;
        if (next < have && draw_chance(&w->draw, .6)) {
            fact = *details[next++];
            make_wrong(w, &fact);
        } else {
            fact = invented(w);
        }
        set_synonyms(w, &fact);
        insert_somewhere(w, fact, WORLD_WRONG);
    }
}

static void add_repeats(struct writer *w, int repeats)
{
    for (int i = 0; i < repeats; i++) {
        int right = 0;
        for (int k = 0; k < w->n; k++)
            right += w->clauses[k].state == WORLD_RIGHT;
        if (right == 0)
            return;
        int skip = draw_below(&w->draw, right), k = 0;
        while (w->clauses[k].state != WORLD_RIGHT || skip-- > 0)
            k++;
        struct world_fact again = w->clauses[k].fact;
        if (draw_chance(&w->draw, .5)) {
            again = *world_find(w->story, again.kind);
            set_wording(w, &again);
            set_synonyms(w, &again);
        }
        insert_clause(w, k + 1 + draw_below(&w->draw, w->n - k), again, WORLD_RIGHT);
    }
}

/* One sentence of two: a problem and what came of it, or two things with "and". */
static void join_clauses(struct writer *w)
{
    for (int i = 0; i + 1 < w->n; i++) {
        struct clause *a = &w->clauses[i], *b = a + 1;
        if (a->state == WORLD_BROKEN || b->state == WORLD_BROKEN ||
            (i > 0 && a[-1].joined) || a->fact.kind == WORLD_QUESTION ||
            b->fact.kind == WORLD_QUESTION)
            continue;
        a->joined = draw_chance(&w->draw, habit(w, HABIT_JOIN, 2) ? .6 : .1);
    }
    for (int i = 0; i < w->n; i++) {
        struct clause *c = &w->clauses[i];
        bool after = i > 0 && c[-1].fact.kind == WORLD_PROBLEM;
        if (c->fact.kind == WORLD_CONSEQUENCE && c->fact.value[WORLD_LEAD] == 1 && !after)
            c->fact.value[WORLD_LEAD] = 0;
    }
}

/* ---- the text and what it holds ---- */

/* A clause that is none: the first two words change places, or the last is missing. */
static void say_broken(struct writer *w, const struct world_fact *said, struct buf *out)
{
    struct world_fact fact = *said;
    struct buf text;
    fact.value[WORLD_LEAD] = -1;
    fact.time_first = false;
    buf_init(&text, 0);
    world_say_fact(&fact, &text);
    const char *all = buf_str(&text), *last = strrchr(all, ' ');
    size_t one = strcspn(all, " "), two = strcspn(all + one + 1, " ");
    /* A problem may end with a time or a place and would stand without. */
    if (fact.kind != WORLD_PROBLEM && draw_chance(&w->draw, .5))
        buf_add(out, all, (size_t)(last - all));
    else
        buf_addf(out, "%.*s %.*s%s", (int)two, all + one + 1, (int)one, all,
                 all + one + 1 + two);
    buf_release(&text);
}

static int count_words(const char *text)
{
    int n = *text != '\0';
    for (; *text; text++)
        n += *text == ' ';
    return n;
}

static void count_right(const struct world_fact *fact, bool said[WORLD_KINDS],
                        struct world_parts *parts)
{
    if (said[fact->kind])
        parts->repeated++;
    else if (fact->kind >= WORLD_POINTS)
        parts->detail++;
    said[fact->kind] = true;
    parts->problem = said[WORLD_PROBLEM];
    parts->consequence = said[WORLD_CONSEQUENCE];
    parts->question = said[WORLD_QUESTION];
}

/* The sentence that begins with clause *i, and *i behind it. */
static void say_sentence(struct writer *w, int *i, bool no_end, bool said[WORLD_KINDS],
                         struct buf *out, struct world_parts *parts)
{
    int first = *i;
    size_t start = out->len;
    bool broken = no_end;
    for (;;) {
        const struct clause *c = &w->clauses[*i];
        broken |= c->state == WORLD_BROKEN;
        if (c->state == WORLD_BROKEN)
            say_broken(w, &c->fact, out);
        else
            world_say_fact(&c->fact, out);
        ++*i;
        if (!c->joined)
            break;
        buf_adds(out, c[1].fact.value[WORLD_LEAD] == 1 ? " " : " and ");
    }
    if (broken) {
        parts->broken += (count_words(out->data + start) + 7) / 8;
    } else {
        for (int k = first; k < *i; k++) {
            if (w->clauses[k].state == WORLD_WRONG)
                parts->wrong++;
            else
                count_right(&w->clauses[k].fact, said, parts);
        }
    }
    if (!no_end)
        buf_addf(out, " %c", world_fact_mark(&w->clauses[*i - 1].fact));
}

void world_write(const struct world_options *options, const struct world_story *story,
                 const struct world_author *author, const struct world_plan *plan,
                 const char *id, struct buf *out, struct world_parts *parts)
{
    struct writer w = {.options = options, .story = story, .author = author};
    bool said[WORLD_KINDS] = {false};
    w.draw = draw_from(rng_sub(rng_key((uint64_t)options->seed, "world text", id),
                               (uint64_t)author->number));
    for (int i = 0; i < WORLD_POINTS; i++)
        add_point(&w, (enum world_kind)i, plan->point[i]);
    add_details(&w, plan);
    add_repeats(&w, plan->repeats);
    join_clauses(&w);
    *parts = (struct world_parts){0};
    buf_clear(out);
    for (int i = 0; i < w.n;) {
        if (i > 0)
            buf_addc(out, ' ');
        int last = i;
        while (w.clauses[last].joined)
            last++;
        say_sentence(&w, &i, plan->no_end && last + 1 == w.n, said, out, parts);
    }
    parts->words = count_words(buf_str(out));
    if (w.n == 0)
        parts->broken = 1;
}
