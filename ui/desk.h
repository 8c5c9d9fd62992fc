/*
 * What the screens look at: the current set, one prompt version's labels by one labeler,
 * a filter, the pair under the cursor. Pointers into the workbench are found again after
 * every command, since a command may have replaced what they point to. Main's thread.
 */
#ifndef RLAIF_UI_DESK_H
#define RLAIF_UI_DESK_H

#include "src/cmd/filter.h"
#include "src/cmd/workbench.h"

struct desk {
    struct workbench *wb;
    struct set_index *set;       /* NULL: there is none */
    struct judging *judging;     /* NULL: nothing is labelled */
    char *prompt_name, *labeler; /* of judging; NULL without */
    int64_t prompt_id;
    struct filter *filter; /* NULL: all */
    char *filter_text;
    size_t *shown,
        n_shown;   /* indices of the set's pairs; test pairs are not among them */
    size_t n_test; /* test pairs left out */
    size_t cursor; /* into shown */
    int pair_num; /* of the pair under the cursor: stays when the list changes; 0: none */
    char summary[200]; /* agreement and same position in one line */
    double looked_at;  /* when summary was made */
    bool summary_old;
};

void desk_init(struct desk *desk, struct workbench *wb);
void desk_release(struct desk *desk);
/* After a command: finds set, labels and list again. */
void desk_reload(struct desk *desk);
/* After label rows: list and summary; the summary at most twice a second. */
void desk_update(struct desk *desk);
/* 0, or -1 and the filter stays as it was. "" shows all. */
int desk_filter(struct desk *desk, const char *text, struct error *err);
void desk_move(struct desk *desk, long by);
/* The pair under the cursor, NULL: the list is empty. */
const struct pair *desk_pair(const struct desk *desk);
/* What was said of a pair; its reference and tags also without labels. */
struct judged desk_judged(const struct desk *desk, const struct pair *pair);
/* The label rows of a pair in an order: the first repeat, NULL: none. */
const struct label *desk_label(const struct desk *desk, const struct pair *pair,
                               enum order order);

#endif
