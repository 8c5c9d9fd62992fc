/*
 * A labeler: something that is asked which of two responses is better, or how good one is. The
 * interface is asynchronous, so that a local model, the simulated labeler and later an HTTP
 * endpoint fill it alike: prepare a question (which gives its key), submit a batch, collect
 * answers in any order. A verdict is one of three things and never guessed: a choice, a tie, or
 * invalid with the reason.
 *
 * One thread at a time may use a labeler; cancel tokens may be set from any thread.
 */
#ifndef RLAIF_LABEL_LABELER_H
#define RLAIF_LABEL_LABELER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/lm.h"
#include "src/base/cancel.h"
#include "src/base/error.h"
#include "src/base/pool.h"
#include "src/data/pair.h"
#include "src/label/label.h"
#include "src/label/prompt.h"
#include "src/label/render.h"

enum answer_kind {
    ANSWER_VERDICT, /* label.slot is 1 or 2, or label.score is set */
    ANSWER_TIE,     /* label.slot is SLOT_TIE, or both options have the same bits */
    ANSWER_INVALID, /* label.error says why; kept and shown, never counted */
};
/* Why a batch failed as a whole: the questions may be asked again, or not, or the budget
 * is spent. */
enum labeler_failure { LABELER_OK, LABELER_RETRY, LABELER_STOP, LABELER_BUDGET, LABELER_CANCELLED };

struct labeler_caps {
    bool logprobs;   /* false: text only, verdicts are parsed */
    bool generates;  /* writes a rationale before each answer */
    bool pointwise;  /* rows are per response, not per order */
    bool simulated;
    bool counts_tokens;
    size_t batch;    /* questions in one call that it likes best */
    size_t max_generated; /* tokens written for a question, at most */
    size_t in_flight; /* calls at once; 1 for a local model */
};

/* One thing to ask: a pair in one order (pointwise: one response), one repeat. */
struct question {
    const struct pair *pair; /* outlives the question */
    enum order order;
    int repeat;
    uint8_t key[32];         /* set by labeler_prepare; contract 5 */
    struct rendered rendered; /* the (first) prompt; empty for sim */
    size_t n_tokens;         /* tokens to be read, the answer not counted */
    char *problem;           /* why it cannot be asked (too long, ...): answered as invalid */
};
void question_release(struct question *question);

struct answer {
    const struct question *question; /* as submitted */
    enum answer_kind kind;
    struct label label; /* complete but for id; released or taken over by the caller */
};

struct labeler; /* made by one of the functions below */

const char *labeler_name(
    const struct labeler
        *labeler); /* "model:SmolLM2-135M-Instruct", "sim:gap=1.6": shown, stored */
const struct labeler_caps *labeler_caps(const struct labeler *labeler);
/* Questions for a pair: 2 orders (or responses) x repeats. */
int labeler_repeats(const struct labeler *labeler);
void labeler_free(struct labeler *labeler); /* NULL is fine */

/* Renders and keys one question. Fails only for reasons that would fail every question. */
int labeler_prepare(struct labeler *labeler, const struct pair *pair, enum order order, int repeat,
                    struct question *out, struct error *err);
/* Tokens of a question that would not be computed now. */
size_t labeler_cached(struct labeler *labeler, const struct question *question);
/* Hands over n questions, which must stay until answered or dropped. Does not wait. */
int labeler_submit(struct labeler *labeler, const struct question *const *questions, size_t n,
                   struct error *err);
/*
 * Waits until something is answered; fills at most max answers and returns how many, 0
 * when nothing is outstanding, -1 with *failure when a batch failed: its questions are
 * dropped and may be submitted again after LABELER_RETRY. A local model computes here, in
 * the caller's thread. Cancelled within 50 ms.
 */
int labeler_collect(struct labeler *labeler, struct answer *answers, size_t max,
                    const struct cancel *cancel, enum labeler_failure *failure, struct error *err);
/* Forgets what is outstanding. */
void labeler_drop(struct labeler *labeler);

/* ---- the labelers ---- */

struct labeler_options {
    uint64_t seed;               /* 0: 1 */
    enum pool_priority priority;
    const char *chat_format;     /* NULL: the model's own */
    const char *precision;       /* "int8" becomes part of the id; NULL: f32 */
};
/*
 * The open model with a prompt. A prompt that shows one response gives the pointwise
 * labeler "direct" (expected score over the options, mapped to [-1, 1]), others
 * "model:NAME". prompt is owned by the labeler from now on, also on failure.
 */
struct labeler *labeler_model_new(struct engine *engine, struct model *model, struct prompt *prompt,
                                  const struct labeler_options *options, struct error *err);
/* The name under which a model labels: "model:NAME", sanitised, no blanks. Owned by the caller. */
char *model_labeler_name(const struct model *model);
/* "direct:NAME", "likelihood:NAME": scores of two models never stand under one name. */
char *pointwise_labeler_name(const char *kind, const struct model *model);
/*
 * "likelihood": log-prob of a response behind a template. template holds {{context}} (and
 * {{title}}, {{group}}), the response follows it with one blank unless it ends in white
 * space; NULL: LIKELIHOOD_TEMPLATE. prompt_id of rows is 0.
 */
#define LIKELIHOOD_TEMPLATE "{{context}}\n\nTL;DR:"
struct labeler *labeler_likelihood_new(struct engine *engine, struct model *model,
                                       const char *template,
                                       const struct labeler_options *options,
                                       struct error *err);
/* "sim:gap=1.6,pos=.3,len=0,noise=.5": known truth, for tests and teaching. Spec errors
 * name the part. */
struct labeler *labeler_sim_new(const char *spec, const struct labeler_options *options,
                                struct error *err);

/* ---- shared by the labelers ---- */

/* Expected score over options whose log-probs are given, options[i] worth i+1, mapped to
 * [-1, 1]. An option that begins another one ("1", "10") counts without the mass of the
 * longer. *outside: 1 - the sum. */
double score_expected(const double *logprobs, const struct tokens *options, size_t n,
                      double *outside);
/* Text verdict, strict: exactly one of the options stands alone in the text (after white
 * space and quotes are off). Fills slot or the reason. For labelers without log-probs. */
enum answer_kind verdict_parse(const char *text, size_t len, char *const *options, size_t n,
                               enum slot *slot, char *reason, size_t reason_size);

/* ---- null test ---- */

/* What a labeler says when there is nothing to say: P(slot 1) over four kinds of empty question. */
enum null_kind { NULL_SAME_A, NULL_SAME_B, NULL_NO_CONTEXT, NULL_NOTHING, NULL_KINDS };
const char *null_kind_name(enum null_kind kind); /* "same a", "same b", "no context", "nothing" */
struct null_row {
    const struct pair *pair; /* NULL for NULL_NOTHING */
    enum null_kind kind;
    double p_first[2];       /* by order; same responses: [1] equals [0] */
    double outside[2];
    bool invalid;
};
struct null_summary {
    size_t n, invalid;
    double p_first;    /* mean over rows and orders */
    double first_rate; /* share with P(slot 1) > 1/2 */
    double outside;
};
struct null_test {
    struct null_row *rows;
    size_t n;
    struct null_summary by[NULL_KINDS];
};
/* Pairwise labelers only. Nothing is stored. Rows in order of pairs. */
int null_test_run(struct labeler *labeler, const struct pair *const *pairs, size_t n,
                  struct null_test *out, const struct cancel *cancel, struct error *err);
void null_test_release(struct null_test *test);

#endif
