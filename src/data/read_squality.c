/* SQuALITY: a record is a story with three answers to each question, ranked by three
 * raters. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/data/format.h"

static const char *const squality_systems[] = {"bart", "bart-dpr", "human"};

struct squality {
    struct import *im;
    json_t *stories; /* passage id -> story */
};

static int squality_story(void *ctx, const struct row *row, struct error *err)
{
    struct squality *sq = ctx;
    const char *id =
        json_string_value(json_object_get(row_value(row, "metadata"), "passage_id"));
    if (!id)
        return row_error(row, err, "no key \"metadata.passage_id\"");
    return rows_keep_by_id(sq->stories, row, id, row->object, err);
}

/* The rank that this rater gave; -1: none. */
static json_int_t rank_by(const json_t *system, const char *rater)
{
    size_t i;
    json_t *review;
    json_array_foreach(json_object_get(system, "reviews"), i, review)
    {
        const char *worker = json_string_value(json_object_get(review, "worker_id"));
        const json_t *rank = json_object_get(review, "overall-rank");
        if (worker && !strcmp(worker, rater) && json_is_integer(rank))
            return json_integer_value(rank);
    }
    return -1;
}

static int squality_votes(const struct row *row, const json_t *x, const json_t *y,
                          struct pair *pair, struct error *err)
{
    size_t i;
    json_t *review;
    json_array_foreach(json_object_get(x, "reviews"), i, review)
    {
        const char *rater = json_string_value(json_object_get(review, "worker_id"));
        json_int_t first = rater ? rank_by(x, rater) : -1,
                   second = rater ? rank_by(y, rater) : -1;
        if (first < 0 || second < 0)
            return row_error(row, err, "unknown label (a rater without overall-rank)");
        pair_add_vote(pair, rater, RATER_HUMAN,
                      first == second  ? CHOICE_TIE
                      : first < second ? CHOICE_A
                                       : CHOICE_B,
                      NAN);
    }
    return 0;
}

/* question_text of question_number k + 1 for key "k", and the story. */
static char *squality_context(const json_t *story, const char *key)
{
    char *end;
    long number = strtol(key, &end, 10);
    const char *document = json_string_value(json_object_get(story, "document"));
    size_t i;
    json_t *question;
    json_array_foreach(json_object_get(story, "questions"), i, question)
    {
        const json_t *is = json_object_get(question, "question_number");
        const char *text = json_string_value(json_object_get(question, "question_text"));
        if (*key && !*end && json_is_integer(is) &&
            json_integer_value(is) == number + 1 && text && document)
            return xasprintf("%s\n\n%s", text, document);
    }
    return NULL;
}

static int squality_pair(const struct row *row, const char *passage, const char *key,
                         const json_t *systems, const char *x, const char *y,
                         struct pair_list *list, struct error *err)
{
    struct pair *pair = pair_list_add(list);
    const json_t *sx = json_object_get(systems, x), *sy = json_object_get(systems, y);
    pair->key = xasprintf("%s/%s/%s/%s", passage, key, x, y);
    pair->group = xstrdup(passage);
    if (value_response(row, json_object_get(sx, "response"), x, &pair->a, err) ||
        value_response(row, json_object_get(sy, "response"), y, &pair->b, err))
        return -1;
    return squality_votes(row, sx, sy, pair, err);
}

static int squality_question(const struct row *row, const json_t *story,
                             const char *passage, const char *key, const json_t *systems,
                             struct pair_list *list, struct error *err)
{
    for (int i = 0; i < 3; i++) {
        for (int k = i + 1; k < 3; k++) {
            if (squality_pair(row, passage, key, systems, squality_systems[i],
                              squality_systems[k], list, err))
                return -1;
            struct pair *pair = &list->pairs[list->n - 1];
            pair->context = squality_context(story, key);
            if (!pair->context)
                return row_error(row, err, "the story has no question %.20s + 1", key);
        }
    }
    return 0;
}

static int squality_responses(void *ctx, const struct row *row, struct error *err)
{
    struct squality *sq = ctx;
    const char *passage, *key;
    json_t *questions, *systems;
    struct pair_list list = {0};
    if (row_string(row, "passage-id", &passage, err) ||
        row_need(row, "questions", &questions, err))
        return -1;
    const json_t *story = json_object_get(sq->stories, passage);
    int bad = story ? 0 : row_error(row, err, "no story with the id \"%.60s\"", passage);
    json_object_foreach(questions, key, systems)
    {
        bad = bad || squality_question(row, story, passage, key, systems, &list, err);
    }
    for (size_t i = 0; i < list.n && !bad; i++)
        bad = import_keep(sq->im, row, &list.pairs[i], err);
    pair_list_release(&list);
    return bad ? -1 : 0;
}

static void squality_is_stories(void *ctx, const struct row *row)
{
    *(bool *)ctx = row_has(row, "document");
}

int read_squality_files(struct import *im, const char *const *files, size_t n,
                        struct error *err)
{
    const char *found[2] = {NULL, NULL};
    struct squality sq = {.im = im, .stories = json_object()};
    char *beside = NULL;
    int bad = 0;
    for (size_t i = 0; i < n && !bad; i++) {
        bool stories = false;
        bad = rows_first(files[i], squality_is_stories, &stories, err);
        found[stories] = files[i];
    }
    if (!bad && found[0] && !found[1])
        found[1] = beside = rows_beside(found[0], "../v1-3/txt/test.jsonl");
    if (!bad && (!found[0] || !found[1])) {
        error_set(err, ERROR_DATA, "SQuALITY is two files: %s is missing",
                  found[0] ? "the stories (test.jsonl)"
                           : "the responses (all-responses.jsonl)");
        bad = error_hint(err, "name both files");
    }
    bad =
        bad ||
        rows_each(import_rows(im), found[1], ROWS_JSON, true, squality_story, &sq, err) ||
        rows_each(import_rows(im), found[0], ROWS_JSON, false, squality_responses, &sq,
                  err);
    free(beside);
    json_decref(sq.stories);
    return bad ? -1 : 0;
}
