/* Finds the labels that a statistic is about. */
#include "src/cmd/selection.h"

#include <stdlib.h>
#include <string.h>

int selection_of(const struct call *call, const char *prompt_ref, const char *labeler_ref,
                 const char *what, struct selection *out, struct error *err)
{
    struct workbench *wb = call->wb;
    int64_t looks = 0;

    *out = (struct selection){0};
    out->set = workbench_set(wb, call_get(call, "set"), err);
    if (!out->set || workbench_find_labels(wb, out->set, prompt_ref, labeler_ref, &out->prompt_id,
                                           &out->labeler, err) < 0)
        return -1;
    out->judging = workbench_judging(wb, out->set, out->prompt_id, out->labeler, err);
    if (!out->judging || scope_make(call, out->set, out->judging, &out->scope, err) < 0 ||
        scope_count_look(call, &out->scope, out->prompt_id, what, err) < 0 ||
        store_count_looks(wb->store, out->set->row.id, NULL, &looks, err) < 0) {
        selection_release(out);
        return -1;
    }
    out->prompt_name = workbench_prompt_name(wb, out->prompt_id);
    out->rows = scope_judged(&out->scope, out->judging, &out->n);
    out->options = (struct stats_options){.set = out->set->row.name,
                                          .prompt = out->prompt_id > 0 ? out->prompt_name : NULL,
                                          .labeler = out->labeler,
                                          .seed = 1,
                                          .draws = STATS_DRAWS_LIVE,
                                          .test_looks = looks};
    return 0;
}

int selection_make(const struct call *call, const char *prompt_ref, const char *what,
                   struct selection *out, struct error *err)
{
    return selection_of(call, prompt_ref, call_get(call, "labeler"), what, out, err);
}

void selection_release(struct selection *selection)
{
    scope_release(&selection->scope);
    free(selection->rows);
    free(selection->prompt_name);
    free(selection->labeler);
    *selection = (struct selection){0};
}
