/*
 * Every figure a person can ask for by name: `explain METRIC`, `list metrics`, `assert METRIC OP
 * NUMBER` and the report read this one table.
 */
#ifndef RLAIF_LABEL_METRICS_H
#define RLAIF_LABEL_METRICS_H

#include <jansson.h>
#include <stddef.h>

#include "src/base/buf.h"
#include "src/base/error.h"
#include "src/label/stats.h"
#include "src/label/stats_compare.h"
#include "src/label/stats_position.h"

enum metric_of { METRIC_AGREEMENT, METRIC_BIAS, METRIC_COMPARE };
enum metric_type { METRIC_REAL, METRIC_COUNT };
enum metric_better { BETTER_NEITHER, BETTER_HIGHER, BETTER_LOWER, BETTER_ZERO };

struct metric {
    const char *name;     /* as typed: "agreement", "baseline.longer_chars" */
    enum metric_of of;    /* which struct, and so which command shows it */
    enum metric_type type;
    size_t offset;
    const char *unit;     /* "share", "pairs", "nats", "p" */
    enum metric_better better;
    const char *formula;  /* one line */
    const char *text;     /* a few sentences: what it tells, what misleads */
};
extern const struct metric metric_table[]; /* ends with a row whose name is NULL */
const char *metric_better_name(enum metric_better better);
const char *metric_of_command(enum metric_of of); /* "show agreement", "show bias", "compare" */

/* NULL and an error with the nearest name. */
const struct metric *metric_find(const char *name, struct error *err);
/* From the struct that the metric is of; the others may be NULL. NaN: cannot be said. */
double metric_value(const struct metric *metric, const struct stats_agreement *agreement,
                    const struct stats_bias *bias, const struct stats_compare *compare);
/* op: < <= > >= = == !=. 1 true, 0 false (a NaN is never true), -1 with an error for another op. */
int metric_test(double value, const char *op, double number, struct error *err);

json_t *metric_json(const struct metric *metric);  /* answer of `explain METRIC` */
json_t *metric_list_json(void);                    /* {"command":"list metrics","metrics":[..]} */
void metric_print(const json_t *answer, struct buf *out);
void metric_list_print(const json_t *answer, struct buf *out);

#endif
