/*
 * Statistics for people to read, made from the answer's JSON object alone, so that they have the
 * signature of struct command's print. Headline trio first (agreement with its interval, same
 * position with its direction, share without a label), then the details, in plain words.
 */
#ifndef RLAIF_LABEL_STATS_TEXT_H
#define RLAIF_LABEL_STATS_TEXT_H

#include <jansson.h>

#include "src/base/buf.h"

void stats_agreement_print(const json_t *answer, struct buf *out);
void stats_bias_print(const json_t *answer, struct buf *out);
void stats_compare_print(const json_t *answer, struct buf *out);
void stats_matrix_print(const json_t *answer, struct buf *out);
void stats_null_print(const json_t *answer, struct buf *out);
/* One line for a status line or a job: "agreement 71 % (66 to 76) with people | same
 * position ..". */
void stats_headline_print(const json_t *headline, struct buf *out);

#endif
