/* The people of the pocket world: weights, votes, agreement. */
#include <math.h>
#include <stdio.h>

#include "src/data/world_pairs.h"

/* Gold's own weights, in the order of WORLD_WEIGHTS. */
static const double gold_weights[WORLD_WEIGHTS] = {1.2, .8, .8, -1, -1, -.8, -.4, -.02};

void world_rater(const struct world_options *options, int number, struct world_rater *out)
{
    char id[16];
    snprintf(id, sizeof id, "%d", number);
    struct rng_key key = rng_key((uint64_t)options->seed, "world rater", id);
    snprintf(out->name, sizeof out->name, "rater-%d", number + 1);
    for (int i = 0; i < WORLD_WEIGHTS; i++)
        out->weights[i] =
            gold_weights[i] * exp(options->spread * rng_normal(key, (uint64_t)i));
    out->temperature = options->temperature;
}

double world_rater_score(const struct world_rater *rater, const struct world_parts *p)
{
    const double parts[WORLD_WEIGHTS] = {p->problem, p->consequence,  p->question,
                                         p->wrong,   p->broken,       p->repeated,
                                         p->detail,  (double)p->words};
    double sum = 0;
    for (int i = 0; i < WORLD_WEIGHTS; i++)
        sum += rater->weights[i] * parts[i];
    return sum;
}

enum choice world_vote(const struct world_rater *rater, const struct world_parts *a,
                       const struct world_parts *b, struct rng_key key,
                       double *confidence)
{
    /* Above this log-odds: slightly, clearly, much, surely better. */
    static const double steps[] = {.8, 1.8, 3.2};
    double u = rng_uniform(key, 0);
    double felt =
        (world_rater_score(rater, a) - world_rater_score(rater, b)) / rater->temperature +
        log(u / (1 - u)); /* so that P(felt > 0) is the logistic of the difference */
    int level = 1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        level += fabs(felt) > steps[i];
    *confidence = felt > 0 ? 5 + level : 5 - level;
    return felt > 0 ? CHOICE_A : CHOICE_B;
}

struct world_agreement world_agreement(const struct pair *pairs, size_t n)
{
    struct world_agreement out = {0};
    size_t raters = 0, gold = 0;
    for (size_t k = 0; k < n; k++) {
        const struct pair *pair = &pairs[k];
        for (size_t i = 0; i < pair->n_votes; i++) {
            enum choice choice = pair->votes[i].choice;
            if (choice != CHOICE_A && choice != CHOICE_B)
                continue;
            for (size_t j = 0; j < i; j++) {
                if (pair->votes[j].choice != CHOICE_A &&
                    pair->votes[j].choice != CHOICE_B)
                    continue;
                out.n_raters++;
                raters += pair->votes[j].choice == choice;
            }
            if (pair->gold_a > pair->gold_b || pair->gold_a < pair->gold_b) {
                out.n_gold++;
                gold += (pair->gold_a > pair->gold_b) == (choice == CHOICE_A);
            }
        }
    }
    out.raters = out.n_raters ? (double)raters / (double)out.n_raters : NAN;
    out.gold = out.n_gold ? (double)gold / (double)out.n_gold : NAN;
    return out;
}
