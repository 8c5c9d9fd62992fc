/*
 * Inside of the labelers only: what is common to them. A labeler embeds struct labeler as its
 * first member. Local ones (answers computed by the caller of labeler_collect) set ops->answer;
 * a remote one would set submit, collect and drop instead.
 */
#ifndef RLAIF_LABEL_LABELER_IMPL_H
#define RLAIF_LABEL_LABELER_IMPL_H

#include "src/base/hash.h"
#include "src/label/labeler.h"

struct labeler_ops {
    /* pair, order and repeat are set; fills key, rendered, n_tokens, problem. */
    int (*prepare)(struct labeler *labeler, struct question *question, struct error *err);
    size_t (*cached)(struct labeler *labeler, const struct question *question); /* NULL: 0 */
    /* Local: answers n questions as one batch; answers[i] has question set and label
     * initialised. */
    int (*answer)(struct labeler *labeler, struct answer *answers, size_t n,
                  const struct cancel *cancel, enum labeler_failure *failure,
                  struct error *err);
    int (*submit)(struct labeler *labeler, const struct question *const *questions, size_t n,
                  struct error *err);
    int (*collect)(struct labeler *labeler, struct answer *answers, size_t max,
                   const struct cancel *cancel, enum labeler_failure *failure, struct error *err);
    void (*drop)(struct labeler *labeler);
    void (*free)(struct labeler *labeler);
};

struct labeler {
    const struct labeler_ops *ops;
    struct labeler_caps caps;
    char *name;
    uint64_t seed;
    int repeats;
    const struct question **queue; /* local: submitted, not answered */
    size_t n_queue, queue_cap;
};

void labeler_init(struct labeler *labeler, const struct labeler_ops *ops, char *name,
                  uint64_t seed);

/* A key begins with what all have in common: a version, the labeler's identity, order,
 * seed, repeat. */
void key_begin(struct hash *hash, const struct labeler *labeler, const char *id,
               const struct question *question);
void key_text(struct hash *hash, const char *text); /* NULL differs from "" */
void key_real(struct hash *hash, double value);

int model_labeler_id(struct model *model, const char *precision, char out[80], struct error *err);
/* The ten best next tokens as the label keeps them. */
void label_set_top(struct label *label, const struct model *model,
                   const struct score_result *result, int n);
/* An answer that is none; the reason is copied. */
void answer_invalid(struct answer *answer, const char *reason);

#endif
