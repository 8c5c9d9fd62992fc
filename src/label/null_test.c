/* What a labeler says when there is nothing to say. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/label/labeler.h"

const char *null_kind_name(enum null_kind kind)
{
    static const char *const names[NULL_KINDS] = {"same a", "same b", "no context", "nothing"};
    return names[kind];
}

void null_test_release(struct null_test *test)
{
    free(test->rows);
    memset(test, 0, sizeof *test);
}

/* A pair made empty in one way; points to the texts of the real one. */
static struct pair null_pair(const struct pair *pair, enum null_kind kind)
{
    static char empty[] = "";
    struct pair out = *pair;
    if (kind == NULL_SAME_A)
        out.b = out.a;
    else if (kind == NULL_SAME_B)
        out.a = out.b;
    else {
        out.context = empty;
        out.title = out.group = NULL;
        if (kind == NULL_NOTHING)
            out.a = out.b = empty;
    }
    return out;
}

/* One batch: the questions of a few rows. */
static int ask_rows(struct labeler *labeler, struct null_row *rows,
                    const struct pair *pairs, size_t n, const struct cancel *cancel,
                    struct error *err)
{
    struct question *questions = xcalloc(2 * n, sizeof *questions);
    const struct question **list = xcalloc(2 * n, sizeof *list);
    struct answer *answers = xcalloc(2 * n, sizeof *answers);
    size_t n_asked = 0, got = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        bool once = rows[i].kind != NULL_NO_CONTEXT; /* both orders are the same text */
        for (int order = 0; order < (once ? 1 : 2) && rc == 0; order++) {
            rc = labeler_prepare(labeler, &pairs[i], (enum order)order, 0,
                                 &questions[n_asked], err);
            list[n_asked] = &questions[n_asked];
            n_asked += rc == 0;
        }
    }
    if (rc == 0)
        rc = labeler_submit(labeler, list, n_asked, err);
    while (rc == 0 && got < n_asked) {
        enum labeler_failure failure;
        int k = labeler_collect(labeler, answers + got, n_asked - got, cancel, &failure, err);
        if (k <= 0)
            rc = k < 0 ? -1
                       : error_set(err, ERROR_FAILED,
                                   "the labeler left questions without an answer");
        else
            got += (size_t)k;
    }
    for (size_t i = 0; i < got; i++) {
        struct null_row *row = &rows[answers[i].question->pair - pairs];
        const struct label *label = &answers[i].label;
        int order = answers[i].question->order;
        row->p_first[order] = label->p_first;
        row->outside[order] = label->outside;
        if (answers[i].kind == ANSWER_INVALID)
            row->invalid = true;
        if (row->kind != NULL_NO_CONTEXT) {
            row->p_first[1] = row->p_first[0];
            row->outside[1] = row->outside[0];
        }
        label_release(&answers[i].label);
    }
    for (size_t i = 0; i < n_asked; i++)
        question_release(&questions[i]);
    if (rc)
        labeler_drop(labeler);
    free(questions);
    free(list);
    free(answers);
    return rc;
}

static void summarise(struct null_test *test)
{
    for (size_t i = 0; i < test->n; i++) {
        const struct null_row *row = &test->rows[i];
        struct null_summary *s = &test->by[row->kind];
        s->n++;
        if (row->invalid) {
            s->invalid++;
            continue;
        }
        for (int order = 0; order < 2; order++) {
            s->p_first += row->p_first[order];
            s->outside += row->outside[order];
            s->first_rate += row->p_first[order] > 0.5 ? 1 : row->p_first[order] == 0.5 ? 0.5 : 0;
        }
    }
    for (int kind = 0; kind < NULL_KINDS; kind++) {
        struct null_summary *s = &test->by[kind];
        double orders = 2 * (double)(s->n - s->invalid);
        s->p_first = orders > 0 ? s->p_first / orders : NAN;
        s->outside = orders > 0 ? s->outside / orders : NAN;
        s->first_rate = orders > 0 ? s->first_rate / orders : NAN;
    }
}

int null_test_run(struct labeler *labeler, const struct pair *const *pairs, size_t n,
                  struct null_test *out, const struct cancel *cancel, struct error *err)
{
    memset(out, 0, sizeof *out);
    if (labeler_caps(labeler)->pointwise)
        return error_set(err, ERROR_USAGE,
                         "the null test is for labelers that compare two responses");
    if (labeler_caps(labeler)->simulated)
        return error_set(err, ERROR_USAGE,
                         "the simulated labeler reads no text: it has no null test");
    size_t total = 3 * n + (n > 0);
    struct pair *made = xcalloc(total + 1, sizeof *made);
    out->rows = xcalloc(total + 1, sizeof *out->rows);
    out->n = total;
    for (size_t i = 0; i < total; i++) {
        struct null_row *row = &out->rows[i];
        row->kind = i < 3 * n ? (enum null_kind)(i % 3) : NULL_NOTHING;
        row->pair = i < 3 * n ? pairs[i / 3] : NULL;
        made[i] = null_pair(row->pair ? row->pair : pairs[0], row->kind);
        row->p_first[0] = row->p_first[1] = row->outside[0] = row->outside[1] = NAN;
    }
    int rc = 0;
    /* A few pairs a call: the engine shares what their prompts have in common. */
    for (size_t at = 0; at < total && rc == 0; at += 12) {
        size_t k = total - at < 12 ? total - at : 12;
        rc = ask_rows(labeler, out->rows + at, made + at, k, cancel, err);
    }
    free(made);
    if (rc)
        null_test_release(out);
    else
        summarise(out);
    return rc;
}
