/* What labelers said of a set, in memory: loaded once, then fed by the jobs' messages. */
#include "src/cmd/judging.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"
#include "src/base/mem.h"
#include "src/label/sim.h"

static void judging_free(struct judging *judging)
{
    label_list_release(&judging->labels);
    free(judging->labeler);
    free(judging->first);
    free(judging->next);
    free(judging->rows);
    free(judging);
}

void judging_free_all(struct workbench *wb)
{
    for (size_t i = 0; i < wb->n_judgings; i++)
        judging_free(wb->judgings[i]);
    free(wb->judgings);
    wb->judgings = NULL;
    wb->n_judgings = 0;
}

void judging_forget_set(struct workbench *wb, int64_t set_id)
{
    for (size_t i = wb->n_judgings; i-- > 0;)
        if (wb->judgings[i]->set->row.id == set_id) {
            judging_free(wb->judgings[i]);
            wb->judgings[i] = wb->judgings[--wb->n_judgings];
        }
}

/* Index of a pair in its set by its id: ids of one import rise with num, so it can be
 * searched for. */
static size_t pair_index(const struct set_index *set, int64_t pair_id)
{
    size_t low = 0, high = set->list.n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set->list.pairs[middle].id < pair_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->list.n && set->list.pairs[low].id == pair_id ? low : SIZE_MAX;
}

static void judge_pair(struct judging *judging, size_t i)
{
    const struct label *rows[256];
    size_t n = 0;
    bool asked = judging->rows[i].asked[0] || judging->rows[i].asked[1];

    for (int32_t k = judging->first[i]; k >= 0 && n < 256; k = judging->next[k])
        rows[n++] = &judging->labels.labels[k];
    judged_make(&judging->rows[i], &judging->set->list.pairs[i], rows, n, judging->one_order);
    judging->n_asked += n > 0 && !asked;
}

static void link_row(struct judging *judging, size_t pair, size_t row)
{
    judging->next[row] = judging->first[pair];
    judging->first[pair] = (int32_t)row;
}

static bool has_row(const struct judging *judging, size_t pair, const struct label *row)
{
    for (int32_t k = judging->first[pair]; k >= 0; k = judging->next[k])
        if (memcmp(judging->labels.labels[k].key, row->key, sizeof row->key) == 0)
            return true;
    return false;
}

void judging_take_rows(struct workbench *wb, const struct label_list *rows)
{
    for (size_t j = 0; j < wb->n_judgings; j++) {
        struct judging *judging = wb->judgings[j];
        for (size_t i = 0; i < rows->n; i++) {
            const struct label *row = &rows->labels[i];
            if (row->prompt_id != judging->prompt_id || strcmp(row->labeler, judging->labeler) != 0)
                continue;
            size_t pair = pair_index(judging->set, row->pair_id);
            if (pair == SIZE_MAX || has_row(judging, pair, row))
                continue;
            label_copy(label_list_add(&judging->labels), row);
            judging->next =
                xrealloc(judging->next, judging->labels.cap * sizeof *judging->next);
            link_row(judging, pair, judging->labels.n - 1);
            judge_pair(judging, pair);
        }
    }
}

/* A judge that was asked in one order only, for no pair in both, and without a prompt of ours. */
static bool asked_once(const struct judging *judging)
{
    if (judging->prompt_id != 0)
        return false;
    for (size_t i = 0; i < judging->set->list.n; i++) {
        unsigned seen = 0;
        for (int32_t k = judging->first[i]; k >= 0; k = judging->next[k])
            seen |= 1u << judging->labels.labels[k].order;
        if (seen == 3)
            return false;
    }
    return true;
}

struct judging *workbench_judging(struct workbench *wb, struct set_index *set, int64_t prompt_id,
                                  const char *labeler, struct error *err)
{
    for (size_t i = 0; i < wb->n_judgings; i++)
        if (wb->judgings[i]->set == set && wb->judgings[i]->prompt_id == prompt_id &&
            strcmp(wb->judgings[i]->labeler, labeler) == 0)
            return wb->judgings[i];

    struct judging *judging = xcalloc(1, sizeof *judging);
    size_t n = set->list.n;
    judging->set = set;
    judging->prompt_id = prompt_id;
    judging->labeler = xstrdup(labeler);
    judging->first = xmalloc((n ? n : 1) * sizeof *judging->first);
    judging->rows = xcalloc(n ? n : 1, sizeof *judging->rows);
    if (store_load_labels(wb->store, set->row.id, prompt_id, labeler, &judging->labels, err) < 0) {
        judging_free(judging);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        judging->first[i] = -1;
    judging->next =
        xmalloc((judging->labels.cap ? judging->labels.cap : 1) * sizeof *judging->next);
    for (size_t k = 0; k < judging->labels.n; k++) {
        size_t pair = pair_index(set, judging->labels.labels[k].pair_id);
        if (pair != SIZE_MAX)
            link_row(judging, pair, k);
    }
    judging->one_order = asked_once(judging);
    for (size_t i = 0; i < n; i++)
        judge_pair(judging, i);
    wb->judgings = xrealloc(wb->judgings, (wb->n_judgings + 1) * sizeof *wb->judgings);
    wb->judgings[wb->n_judgings++] = judging;
    return judging;
}

/* "sim:L" and "sim:gap=1" are stored under their whole names. */
static bool simulated_matches(const char *name, const char *ref)
{
    struct sim sim;
    struct buf whole;
    bool same = strcmp(name, ref) == 0;
    if (same || sim_parse(ref, &sim, NULL) < 0)
        return same;
    buf_init(&whole, 0);
    sim_name(&sim, &whole);
    same = strcmp(name, buf_str(&whole)) == 0;
    buf_release(&whole);
    return same;
}

/* "model" means any model; else a name, or the kind of one. */
static bool labeler_matches(const char *name, const char *ref)
{
    if (!ref)
        return true;
    if (strcmp(ref, "model") == 0)
        return strncmp(name, "model:", 6) == 0;
    if (strcmp(ref, "sim") == 0 || strcmp(ref, "sim:") == 0)
        return strncmp(name, "sim:", 4) == 0;
    if (strncmp(ref, "sim:", 4) == 0)
        return simulated_matches(name, ref);
    return strcmp(name, ref) == 0;
}

static int no_labels(const struct labeler_rows *rows, const struct set_index *set,
                     const char *prompt_ref, const char *labeler_ref, struct error *err)
{
    error_set(err, ERROR_FAILED, "set %s has no labels%s%s%s%s", set->row.name,
              prompt_ref ? " with " : "", prompt_ref ? prompt_ref : "", labeler_ref ? " by " : "",
              labeler_ref ? labeler_ref : "");
    struct buf names;
    buf_init(&names, 160);
    for (size_t i = 0; i < rows->n; i++)
        buf_addf(&names, "%s%s", i ? ", " : "", rows->rows[i].labeler);
    if (labeler_ref && rows->n > 0)
        error_hint(err, "labelers of this set: %s", buf_str(&names));
    else
        error_hint(err, "type: label %s", prompt_ref ? prompt_ref : "summary-base");
    buf_release(&names);
    return -1;
}

int workbench_find_labels(struct workbench *wb, struct set_index *set, const char *prompt_ref,
                          const char *labeler_ref, int64_t *prompt_id, char **labeler,
                          struct error *err)
{
    struct labeler_rows rows = {0};
    struct prompt_row prompt = {0};
    struct buf sim_text;
    struct sim sim;
    int64_t wanted = -1;
    int status = -1;

    buf_init(&sim_text, 0);
    /* Rows have the whole name; a person may leave parts out. */
    if (labeler_ref && strncmp(labeler_ref, "sim:", 4) == 0 && labeler_ref[4]) {
        if (sim_parse(labeler_ref, &sim, err) < 0)
            goto out;
        sim_name(&sim, &sim_text);
        labeler_ref = buf_str(&sim_text);
    }
    if (prompt_ref || (!labeler_ref && wb->last_prompt)) {
        if (workbench_prompt(wb, prompt_ref, &prompt, err) < 0)
            goto out;
        wanted = prompt.id;
    }
    if (store_labelers(wb->store, set->row.id, &rows, err) < 0)
        goto out;
    for (size_t pass = 0; pass < 2 && status < 0; pass++) {
        for (size_t i = rows.n; i-- > 0;) {
            /* A prompt that was only remembered, not named, gives way to what there is. */
            bool fits = pass == 1 && !prompt_ref ? true
                        : wanted < 0             ? true
                                                 : rows.rows[i].prompt_id == wanted;
            if (!fits || !labeler_matches(rows.rows[i].labeler, labeler_ref))
                continue;
            *prompt_id = rows.rows[i].prompt_id;
            *labeler = xstrdup(rows.rows[i].labeler);
            status = 0;
            break;
        }
    }
    if (status < 0)
        no_labels(&rows, set, prompt_ref, labeler_ref, err);
out:
    labeler_rows_release(&rows);
    prompt_row_release(&prompt);
    buf_release(&sim_text);
    return status;
}
