/* Labels that a statistic is about: a set, a prompt version, a labeler, a scope. */
#ifndef RLAIF_CMD_SELECTION_H
#define RLAIF_CMD_SELECTION_H

#include "src/cmd/scope.h"
#include "src/label/stats.h"

struct selection {
    struct set_index *set;
    struct judging *judging;
    struct scope scope;
    int64_t prompt_id;
    char *prompt_name, *labeler;
    struct judged *rows; /* asked pairs of the scope, in set order */
    size_t n;
    struct stats_options options; /* names point into this struct */
};

/* By the call's own labeler=, set=, n=, split= and where; counts a look at test pairs as
 * `what`. Release after use. */
int selection_make(const struct call *call, const char *prompt_ref, const char *what,
                   struct selection *out, struct error *err);
/* The same for another labeler than the call's. */
int selection_of(const struct call *call, const char *prompt_ref, const char *labeler_ref,
                 const char *what, struct selection *out, struct error *err);
void selection_release(struct selection *selection);

#endif
