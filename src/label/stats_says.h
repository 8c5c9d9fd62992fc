/* One plain sentence for each answer, by fixed rules that stand in stats_says.c. Internal
 * to the statistics. */
#ifndef RLAIF_LABEL_STATS_SAYS_H
#define RLAIF_LABEL_STATS_SAYS_H

#include "src/label/stats.h"
#include "src/label/stats_compare.h"
#include "src/label/stats_position.h"

void agreement_says(struct stats_agreement *a, const struct stats_position *position);
void bias_says(struct stats_bias *bias);
void compare_says(struct stats_compare *compare);

#endif
