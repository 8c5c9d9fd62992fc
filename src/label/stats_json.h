/*
 * Statistics as the JSON objects of contract 3: every key of `show agreement`, `show
 * bias`, `compare`, `show matrix` and the null part of `probe`, and some more. New
 * references; the caller owns them. stats_text.h makes the text form from these objects.
 */
#ifndef RLAIF_LABEL_STATS_JSON_H
#define RLAIF_LABEL_STATS_JSON_H

#include <jansson.h>

#include "src/label/stats.h"
#include "src/label/stats_compare.h"
#include "src/label/stats_null.h"
#include "src/label/stats_position.h"

json_t *stats_agreement_json(const struct stats_agreement *a, const struct stats_options *options);
json_t *stats_bias_json(const struct stats_bias *b, const struct stats_options *options);
json_t *stats_compare_json(const struct stats_compare *c, const struct compare_options *options);
json_t *stats_matrix_json(const struct stats_matrix *m, const struct stats_options *options);
/* The null test: kinds that were not run (n = 0) are left out. */
json_t *stats_null_json(const struct stats_null null[NULL_KINDS],
                        const struct stats_options *options);
/* The headline trio alone, without a bootstrap, for a running job and the status line: n,
 * used, agreement, clustered, with, same_position_rate, first, second, no_label_rate,
 * provisional, says. */
json_t *stats_headline_json(const struct judged *rows, size_t n,
                            const struct stats_options *options);

#endif
