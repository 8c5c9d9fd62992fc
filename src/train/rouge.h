/*
 * ROUGE-1, -2 and -L (Lin 2004) as the rouge-score package computes them without
 * stemming: lower-case runs of a-z and 0-9 are tokens, everything else separates. Pure;
 * any thread.
 */
#ifndef RLAIF_TRAIN_ROUGE_H
#define RLAIF_TRAIN_ROUGE_H

#include <stddef.h>

struct rouge_score {
    double precision, recall, f; /* 0 when a side is empty */
};
struct rouge {
    struct rouge_score one, two, l;
};
void rouge_score(const char *reference, const char *candidate, struct rouge *out);
/* Several references: for each of the three the one with the largest f, as rouge-score's
 * score_multi. */
void rouge_score_best(const char *const *references, size_t n, const char *candidate,
                      struct rouge *out);

#endif
