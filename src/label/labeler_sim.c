/* The simulated labeler: a known truth with a planted bias (src/label/sim.h). */
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/label/labeler_impl.h"
#include "src/label/sim.h"

struct sim_labeler {
    struct labeler base;
    struct sim sim;
};

static int prepare(struct labeler *base, struct question *q, struct error *err)
{
    struct hash hash;
    double gap = 0;
    (void)err;
    bool known = sim_truth(q->pair, &gap);
    key_begin(&hash, base, base->name, q);
    key_text(&hash, q->pair->context);
    key_text(&hash, q->pair->a);
    key_text(&hash, q->pair->b);
    /* What the draw depends on besides the texts. */
    hash_u64(&hash, (uint64_t)q->pair->set_id);
    hash_u64(&hash, (uint64_t)q->pair->num);
    hash_u64(&hash, known);
    key_real(&hash, gap);
    hash_end(&hash, q->key);
    return 0;
}

static int answer(struct labeler *base, struct answer *answers, size_t n,
                  const struct cancel *cancel, enum labeler_failure *failure,
                  struct error *err)
{
    struct sim_labeler *l = (struct sim_labeler *)base;
    (void)cancel;
    (void)failure;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        sim_label(&l->sim, answers[i].question->pair, &answers[i].label);
        if (answers[i].label.error)
            answers[i].kind = ANSWER_INVALID;
        else if (answers[i].label.slot == SLOT_TIE)
            answers[i].kind = ANSWER_TIE;
    }
    return 0;
}

static void sim_labeler_free(struct labeler *base)
{
    free(base);
}

struct labeler *labeler_sim_new(const char *spec, const struct labeler_options *options,
                                struct error *err)
{
    static const struct labeler_ops ops = {
        .prepare = prepare, .answer = answer, .free = sim_labeler_free};
    struct sim sim;
    struct buf name;
    if (sim_parse(spec, &sim, err))
        return NULL;
    struct sim_labeler *l = xcalloc(1, sizeof *l);
    buf_init(&name, 0);
    sim_name(&sim, &name);
    labeler_init(&l->base, &ops, buf_take(&name), options ? options->seed : 1);
    l->sim = sim;
    l->base.caps.simulated = true;
    l->base.caps.batch = 1024;
    return &l->base;
}
