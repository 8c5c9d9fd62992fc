/*
 * A label row: one call to a labeler, as it is stored. A pairwise labeler gives a row an
 * order and repeat; a pointwise one (direct, likelihood) a row a response. Append-only;
 * the same key is never computed twice.
 */
#ifndef RLAIF_LABEL_LABEL_H
#define RLAIF_LABEL_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LABEL_OPTIONS_MAX 16
#define LABEL_TOP 10

enum order { ORDER_AB = 0, ORDER_BA = 1 }; /* pointwise: response a, response b */
enum slot { SLOT_NONE = 0, SLOT_1 = 1, SLOT_2 = 2, SLOT_TIE = 3 };

struct label_top {
    int32_t id;
    char text[24]; /* the token's bytes, sanitised and cut */
    double logprob;
};

struct label {
    int64_t id, pair_id, prompt_id;
    char *labeler; /* "model:SmolLM2-135M-Instruct", "sim:gap=1.6,pos=.3", "direct", an
                      imported judge's name */
    enum order order;
    uint8_t key[32];  /* contract 5 */
    uint64_t seed;
    int repeat;       /* 0..samples-1 */
    int n_options;
    double logprobs[LABEL_OPTIONS_MAX]; /* of each option as it follows the actual ending;
                                           NaN: not known */
    double outside;   /* probability mass outside the options; NaN: not known */
    double p_first;   /* P(slot 1) = softmax over the two options; NaN for pointwise rows
                         and imported verdicts without it */
    double score; /* pointwise: expected score in [-1, 1], or log-prob a token; NaN for
                     pairwise rows */
    double score_sum,
        score_gain; /* likelihood: summed log-prob; gain a token over no post; else NaN */
    enum slot slot;   /* the verdict of this order; SLOT_NONE: no label (error says why) */
    struct label_top top[LABEL_TOP];
    int n_top;
    char *rationale;  /* CoT, NULL: none */
    char *raw;        /* text that was generated or published, NULL: none */
    char *error;      /* why there is no label, NULL: there is one */
    int cut_lines;    /* lines cut from the end of the post to fit the context */
    int64_t tokens, reused;
    double ms;
    int64_t created_at; /* wall clock, ms */
};

void label_init(struct label *label); /* all unknown */
void label_release(struct label *label);
void label_copy(struct label *to, const struct label *from);

struct label_list {
    struct label *labels;
    size_t n, cap;
};
struct label *label_list_add(struct label_list *list); /* initialised */
void label_list_release(struct label_list *list);

#endif
