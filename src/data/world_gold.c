#include "src/data/world_gold.h"

#include <string.h>

#include "src/data/world_read.h"
#include "src/data/world_words.h"

static const char *const axis_names[WORLD_AXES] = {"coverage", "question", "accuracy",
                                                   "coherence", "length"};

const char *world_axis_name(enum world_axis axis)
{
    return axis_names[axis];
}

bool world_axis_parse(const char *name, enum world_axis *out)
{
    for (int i = 0; i < WORLD_AXES; i++)
        if (!strcmp(axis_names[i], name)) {
            *out = (enum world_axis)i;
            return true;
        }
    return false;
}

double world_score_axis(const struct world_score *score, enum world_axis axis)
{
    const double axes[WORLD_AXES] = {score->coverage, score->question, score->accuracy,
                                     score->coherence, score->length};
    return axes[axis];
}

/* ---- clause against post ---- */

static bool same_person(const struct world_fact *a, const struct world_fact *b)
{
    return a->value[WORLD_RELATION] == b->value[WORLD_RELATION] &&
           a->value[WORLD_NAME] == b->value[WORLD_NAME];
}

/* All that the clause says stands in this fact of the post. A lead says nothing. */
static bool borne_out(const struct world_fact *clause, const struct world_fact *fact)
{
    if (clause->kind == WORLD_PERSON)
        return same_person(clause, fact);
    if (clause->kind != fact->kind)
        return false;
    for (int slot = 0; slot < WORLD_SLOTS; slot++)
        if (slot != WORLD_LEAD && clause->value[slot] >= 0 &&
            clause->value[slot] != fact->value[slot])
            return false;
    return true;
}

static bool is_true(const struct world_fact *clause, const struct world_story *story)
{
    for (size_t i = 0; i < story->n; i++)
        if (borne_out(clause, &story->facts[i]))
            return true;
    return false;
}

/* True clauses said so far: the points by kind, details by what they say. More different
 * details than a post can bear out do not occur. */
struct said {
    bool point[WORLD_POINTS];
    struct world_fact details[2 * WORLD_FACTS];
    size_t n;
};

static bool say_again(struct said *said, const struct world_fact *clause)
{
    if (clause->kind < WORLD_POINTS) {
        bool again = said->point[clause->kind];
        said->point[clause->kind] = true;
        return again;
    }
    for (size_t i = 0; i < said->n; i++)
        if (said->details[i].kind == clause->kind &&
            !memcmp(said->details[i].value, clause->value, sizeof clause->value))
            return true;
    if (said->n < sizeof said->details / sizeof *said->details)
        said->details[said->n++] = *clause;
    return false;
}

static void count_clause(const struct world_story *story, const struct world_fact *clause,
                         struct said *said, struct world_parts *parts)
{
    if (!is_true(clause, story))
        parts->wrong++;
    else if (say_again(said, clause))
        parts->repeated++;
    else
        parts->detail += clause->kind >= WORLD_POINTS;
}

/* A sentence is read whole or not at all: half of one is no statement. */
static void count_sentence(const struct world_story *story,
                           const struct world_tokens *tokens, size_t start, size_t end,
                           struct said *said, struct world_parts *parts)
{
    struct world_fact clause;
    size_t at = start, next;
    bool whole = end > start;
    for (int pass = 0; pass < 2 && whole; pass++)
        for (at = start; at < end && whole; at = next) {
            whole = world_read_clause(tokens, at, end, &next, &clause);
            if (whole && pass == 1)
                count_clause(story, &clause, said, parts);
            /* "and" joins; "so" belongs to what it leads. */
            if (whole && next < end && tokens->rows[next].text[0] == 'a')
                whole = ++next < end;
        }
    if (!whole)
        parts->broken += end > start ? (int)((end - start + 7) / 8) : 1;
}

static void weigh(struct world_score *score)
{
    const struct world_parts *p = &score->parts;
    score->coverage = 1.2 * p->problem + .8 * p->consequence;
    score->question = .8 * p->question;
    /* Taken from 0, so that nothing is 0 and not -0. */
    score->accuracy = 0 - 1.0 * p->wrong;
    score->coherence = 0 - 1.0 * p->broken - .8 * p->repeated;
    score->length = 0 - .4 * p->detail - .02 * (double)p->words;
    score->total = score->coverage + score->question + score->accuracy +
                   score->coherence + score->length;
}

void world_score_story(const struct world_story *story, const char *summary,
                       struct world_score *out)
{
    struct world_tokens tokens;
    struct said said = {.n = 0};
    world_tokens_make(summary, &tokens);
    *out = (struct world_score){.parts.words = (int64_t)tokens.n};
    for (size_t at = 0, end; at < tokens.n; at = end + 1) {
        end = world_sentence_end(&tokens, at);
        count_sentence(story, &tokens, at, end, &said, &out->parts);
    }
    if (tokens.n == 0)
        out->parts.broken = 1;
    out->parts.problem = said.point[WORLD_PROBLEM];
    out->parts.consequence = said.point[WORLD_CONSEQUENCE];
    out->parts.question = said.point[WORLD_QUESTION];
    world_tokens_release(&tokens);
    weigh(out);
}

bool world_score_text(const char *context, const char *summary, struct world_score *out)
{
    struct world_story story;
    *out = (struct world_score){0};
    if (!world_read(context, &story))
        return false;
    world_score_story(&story, summary, out);
    return true;
}
