/* What the screens look at. */
#include "config.h"

#include "ui/desk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/label/stats.h"
#include "src/label/stats_position.h"

#define SUMMARY_SECONDS .5

void desk_init(struct desk *desk, struct workbench *wb)
{
    *desk = (struct desk){.wb = wb, .filter_text = xstrdup("")};
}

static void forget_labels(struct desk *desk)
{
    free(desk->prompt_name);
    free(desk->labeler);
    desk->prompt_name = desk->labeler = NULL;
    desk->judging = NULL;
    desk->prompt_id = 0;
}

void desk_release(struct desk *desk)
{
    forget_labels(desk);
    filter_free(desk->filter);
    free(desk->filter_text);
    free(desk->shown);
    *desk = (struct desk){0};
}

/* ---- list ---- */

struct judged desk_judged(const struct desk *desk, const struct pair *pair)
{
    struct judged bare;
    if (desk->judging)
        return desk->judging->rows[pair - desk->set->list.pairs];
    judged_make(&bare, pair, NULL, 0, false);
    return bare;
}

static void list_pairs(struct desk *desk)
{
    size_t n = desk->set ? desk->set->list.n : 0;

    free(desk->shown);
    desk->shown = xcalloc(n ? n : 1, sizeof *desk->shown);
    desk->n_shown = desk->n_test = 0;
    for (size_t i = 0; i < n; i++) {
        const struct pair *pair = &desk->set->list.pairs[i];
        if (pair->split == SPLIT_TEST) {
            desk->n_test++;
            continue;
        }
        if (desk->filter) {
            struct judged row = desk_judged(desk, pair);
            if (!filter_holds(desk->filter, &row))
                continue;
        }
        desk->shown[desk->n_shown++] = i;
    }
    /* The pair under the cursor stays there; when it is gone, the next one comes. */
    size_t cursor = 0;
    while (cursor + 1 < desk->n_shown &&
           desk->set->list.pairs[desk->shown[cursor]].num < desk->pair_num)
        cursor++;
    desk->cursor = cursor;
}

void desk_move(struct desk *desk, long by)
{
    long to = (long)desk->cursor + by, last = (long)desk->n_shown - 1;

    if (last < 0)
        return;
    desk->cursor = (size_t)(to < 0 ? 0 : to > last ? last : to);
    desk->pair_num = desk->set->list.pairs[desk->shown[desk->cursor]].num;
}

const struct pair *desk_pair(const struct desk *desk)
{
    return desk->n_shown ? &desk->set->list.pairs[desk->shown[desk->cursor]] : NULL;
}

int desk_filter(struct desk *desk, const char *text, struct error *err)
{
    struct filter *filter = NULL;

    if (*text) {
        filter = filter_compile(text, err);
        if (!filter)
            return -1;
    }
    filter_free(desk->filter);
    desk->filter = filter;
    char *copy = xstrdup(text);
    free(desk->filter_text);
    desk->filter_text = copy;
    list_pairs(desk);
    return 0;
}

/* ---- summary ---- */

static void summarise(struct desk *desk)
{
    size_t n = 0;

    desk->looked_at = clock_seconds();
    desk->summary_old = false;
    if (!desk->set || !desk->judging || desk->judging->n_asked == 0) {
        snprintf(desk->summary, sizeof desk->summary, "no labels yet: l labels this set");
        return;
    }
    struct judged *rows = xcalloc(desk->set->list.n, sizeof *rows);
    for (size_t i = 0; i < desk->set->list.n; i++) {
        const struct judged *row = &desk->judging->rows[i];
        if (row->pair->split != SPLIT_TEST && (row->asked[0] || row->asked[1]))
            rows[n++] = *row;
    }
    struct stats_options options = {.set = desk->set->row.name};
    struct stats_agreement a = stats_agreement(rows, n, &options);
    struct stats_position p = stats_position(rows, n);
    int len;
    if (isnan(a.agreement))
        len = snprintf(desk->summary, sizeof desk->summary,
                       "n=%zu, nothing to agree with", n);
    else
        len = snprintf(desk->summary, sizeof desk->summary,
                       "agree %.1f%% (95%% %.1f..%.1f, n=%zu, with %.60s)",
                       100 * a.agreement, 100 * a.wilson.low, 100 * a.wilson.high, a.used,
                       a.with);
    if (!isnan(p.same_position_rate) && len > 0 && (size_t)len < sizeof desk->summary)
        snprintf(desk->summary + len, sizeof desk->summary - (size_t)len,
                 "  same-pos %.0f%%", 100 * p.same_position_rate);
    free(rows);
}

/* ---- reload ---- */

void desk_reload(struct desk *desk)
{
    char *labeler = NULL;
    int64_t prompt_id = 0;

    desk->set = workbench_set(desk->wb, NULL, NULL);
    forget_labels(desk);
    if (desk->set && (workbench_find_labels(desk->wb, desk->set, desk->wb->last_prompt,
                                            NULL, &prompt_id, &labeler, NULL) == 0 ||
                      workbench_find_labels(desk->wb, desk->set, NULL, NULL, &prompt_id,
                                            &labeler, NULL) == 0)) {
        desk->judging = workbench_judging(desk->wb, desk->set, prompt_id, labeler, NULL);
        desk->labeler = labeler;
        desk->prompt_id = prompt_id;
        desk->prompt_name = workbench_prompt_name(desk->wb, prompt_id);
    }
    list_pairs(desk);
    if (desk->pair_num == 0)
        desk_move(desk, 0);
    summarise(desk);
}

void desk_update(struct desk *desk)
{
    if (!desk->judging) {
        /* The first rows of a run: now there is something to find. */
        if (clock_seconds() - desk->looked_at > SUMMARY_SECONDS)
            desk_reload(desk);
        else
            desk->summary_old = true;
        return;
    }
    if (desk->filter)
        list_pairs(desk);
    if (clock_seconds() - desk->looked_at > SUMMARY_SECONDS)
        summarise(desk);
    else
        desk->summary_old = true;
}

const struct label *desk_label(const struct desk *desk, const struct pair *pair,
                               enum order order)
{
    const struct label *found = NULL;

    if (!desk->judging)
        return NULL;
    for (int32_t k = desk->judging->first[pair - desk->set->list.pairs]; k >= 0;
         k = desk->judging->next[k]) {
        const struct label *row = &desk->judging->labels.labels[k];
        if (row->order == order && (!found || row->repeat < found->repeat))
            found = row;
    }
    return found;
}
