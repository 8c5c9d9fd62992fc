/*
 * The simulated labeler's mathematics: a labeler with a known truth, so that a planted bias must be
 * found by the statistics. Pure, from any thread; a labeler in labeler.h calls it. Contract 4:
 * logit P(slot 1) = gap * truth * sign + pos + len * ln(chars of slot 1 / chars of slot 2)
 *                   + noise * N(0,1), the noise keyed by (seed, pair, order, repeat)
 *                   + taste * N(0,1) * sign, keyed by (seed, pair): an opinion of its own, which
 *                     both orders share and averaging them does not take away.
 */
#ifndef RLAIF_LABEL_SIM_H
#define RLAIF_LABEL_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/error.h"
#include "src/data/pair.h"
#include "src/label/label.h"

struct sim {
    double gap, pos, len, noise, taste;
};
/*
 * "sim", "sim:gap=1.6,pos=.3": the parts that are not named keep gap=1 and 0. "sim:L",
 * "sim:S", "sim:XS" stand for three strengths, made so that on pairs of the pocket world
 * agreement with people and same position are near the paper's (78, 74, 63 %; 18, 21, 56
 * %); parts behind one change it ("sim:L,pos=0"). Error names the bad part.
 */
int sim_parse(const char *name, struct sim *out, struct error *err);
/* The strength whose parts these are, "L", "S" or "XS"; NULL: none. */
const char *sim_preset(const struct sim *sim);
/* Canonical name: the first four parts and taste if it has any, shortest decimals.
 * sim_parse of it gives the same values. */
void sim_name(const struct sim *sim, struct buf *out);
/* gold_a - gold_b where the set has gold, else the reference's gap; 0 for identical
 * responses. False: the pair has neither. */
bool sim_truth(const struct pair *pair, double *gap);
/* False: no truth known, no label can be given. */
bool sim_logit(const struct sim *sim, const struct pair *pair, enum order order, uint64_t seed,
               int repeat, double *logit);
/* Fills logprobs, outside, p_first, slot of an initialised label (order, seed, repeat are
 * read from it); error when there is no truth. */
void sim_label(const struct sim *sim, const struct pair *pair, struct label *label);

#endif
