/*
 * The figures of training by name (learning.md 4), as src/label/metrics.h has those of
 * labels: `explain METRIC`, `list metrics`, plots and `compare runs` read this table.
 * Const data, any thread.
 */
#ifndef RLAIF_STORE_RUN_METRICS_H
#define RLAIF_STORE_RUN_METRICS_H

#include <jansson.h>

#include "src/label/metrics.h"

struct run_metric {
    const char *name; /* "objective/kl" */
    const char *unit; /* "nats", "share", "tokens", "" */
    enum metric_better better;
    const char *formula; /* one line */
    const char *text;    /* what it tells, what misleads; NULL: the formula says it all */
};
extern const struct run_metric run_metric_table[]; /* ends with a row whose name is NULL */
/* NULL when there is none. */
const struct run_metric *run_metric_find(const char *name);
json_t *run_metric_json(const struct run_metric *metric); /* the keys of metric_json */

#endif
