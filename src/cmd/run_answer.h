/* Answers about runs, made from the store; and their text forms. Main's thread. */
#ifndef RLAIF_CMD_RUN_ANSWER_H
#define RLAIF_CMD_RUN_ANSWER_H

#include <jansson.h>

#include "src/cmd/workbench.h"
#include "src/store/runs.h"

/* The figure that a run of a kind is known by, NULL when it has none yet. */
const char *run_main_metric(const char *kind, const struct metric_lasts *lasts);
/* At work or from start to end; NaN for a run that was interrupted. */
double run_seconds(const struct run_row *run);
/* {"loss":1.2,..}: the last values. */
json_t *run_metrics_json(const struct metric_lasts *lasts);
/* What contract.md 3 has in `stages`: {"stage":"rm","run":"rm-1","accuracy":..}. */
json_t *run_stage_json(struct workbench *wb, const struct run_row *run, struct error *err);
/* `last` is the newest run; where that is a stage of a recipe ("stage_of":"recipe-1" in its
 * configuration) it is the recipe. Any other name as store_find_run has it. */
int run_find_whole(struct workbench *wb, const char *name, struct run_row *out,
                   struct error *err);
/* Answer of `show run`. */
json_t *run_show_json(struct workbench *wb, const struct run_row *run, struct error *err);
void run_show_print(const json_t *answer, struct buf *out);
/* Answer of `compare runs`; rows are n runs. */
json_t *run_compare_json(struct workbench *wb, const struct run_row *const *runs, size_t n,
                         struct error *err);
void run_compare_print(const json_t *answer, struct buf *out);

#endif
