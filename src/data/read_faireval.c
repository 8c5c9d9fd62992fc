/* FairEval: questions, the answers of two models and the human review lie in four files.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/data/format.h"

struct faireval {
    struct import *im;
    json_t *answers[2]; /* by id: of gpt-3.5, of vicuna */
    json_t *into;       /* the one that is being read */
    json_t *review;     /* words by line */
};

static const struct {
    const char *word;
    enum choice choice;
} review_words[] = {{"CHATGPT", CHOICE_A}, {"VICUNA13B", CHOICE_B}, {"TIE", CHOICE_TIE}};

static enum choice review_choice(const char *word, size_t len)
{
    for (size_t i = 0; i < 3; i++) {
        if (strlen(review_words[i].word) == len &&
            !memcmp(review_words[i].word, word, len))
            return review_words[i].choice;
    }
    return CHOICE_NONE;
}

bool check_review(const struct row *row)
{
    const char *word = row->head->cells[0];
    return row->head->n == 1 && review_choice(word, strlen(word)) != CHOICE_NONE;
}

static int faireval_answer(void *ctx, const struct row *row, struct error *err)
{
    struct faireval *fe = ctx;
    char *id = NULL, *text = NULL;
    int bad = row_id(row, "question_id", &id, err) ||
              row_response(row, "text", &text, err) ||
              rows_keep_by_id(fe->into, row, id, row_value(row, "text"), err);
    free(id);
    free(text);
    return bad ? -1 : 0;
}

static int faireval_review(void *ctx, const struct row *row, struct error *err)
{
    struct faireval *fe = ctx;
    enum choice choice = review_choice(row->text, row->text_len);
    if (choice == CHOICE_NONE)
        return row_error(row, err, "unknown label (must be CHATGPT, VICUNA13B or TIE)");
    return json_array_append_new(fe->review, json_integer(choice));
}

static int faireval_question(void *ctx, const struct row *row, struct error *err)
{
    struct faireval *fe = ctx;
    struct pair pair;
    pair_init(&pair);
    const json_t *choice = json_array_get(fe->review, (size_t)row->place - 1);
    const char *group = row_string_or_null(row, "category");
    int bad = row_id(row, "question_id", &pair.key, err) ||
              row_text(row, "text", &pair.context, err) ||
              value_response(row, json_object_get(fe->answers[0], pair.key),
                             "answer of gpt-3.5", &pair.a, err) ||
              value_response(row, json_object_get(fe->answers[1], pair.key),
                             "answer of vicuna", &pair.b, err);
    if (!bad && !choice)
        bad = row_error(row, err, "the review file has no line %lld",
                        (long long)row->place);
    if (bad) {
        pair_release(&pair);
        return -1;
    }
    if (group)
        pair.group = xstrdup(group);
    pair_add_vote(&pair, "human", RATER_HUMAN, (enum choice)json_integer_value(choice),
                  NAN);
    return import_keep(fe->im, row, &pair, err);
}

enum faireval_part { PART_QUESTION, PART_GPT, PART_VICUNA, PART_REVIEW, N_PARTS };

static void find_part(void *ctx, const struct row *row)
{
    const char *model = row_string_or_null(row, "model_id");
    enum faireval_part *part = ctx;
    if (!model)
        *part = PART_QUESTION;
    else if (!strncmp(model, "gpt-3.5", 7))
        *part = PART_GPT;
    else if (!strncmp(model, "vicuna", 6))
        *part = PART_VICUNA;
    else
        *part = N_PARTS;
}

/* Where each part lies, with those that were not named looked for beside the questions.
 */
static int find_parts(const char *const *files, size_t n, char *parts[N_PARTS],
                      struct error *err)
{
    static const char *const places[N_PARTS] = {
        NULL, "answer/answer_gpt35.jsonl", "answer/answer_vicuna-13b.jsonl",
        "review/review_gpt35_vicuna-13b_human.txt"};
    static const char *const names[N_PARTS] = {"the questions", "the answers of gpt-3.5",
                                               "the answers of vicuna",
                                               "the human review"};
    for (size_t i = 0; i < n; i++) {
        enum faireval_part part = PART_REVIEW; // no JSON in it: find_part is not called
        if (rows_first(files[i], find_part, &part, err))
            return -1;
        if (part == N_PARTS || parts[part]) {
            error_set(err, ERROR_DATA,
                      "%s is no part of FairEval's gpt-3.5 against vicuna, or one "
                      "that was named already",
                      files[i]);
            return -1;
        }
        parts[part] = xstrdup(files[i]);
    }
    for (int i = 0; i < N_PARTS; i++) {
        if (!parts[i] && parts[PART_QUESTION] && places[i])
            parts[i] = rows_beside(parts[PART_QUESTION], places[i]);
        if (!parts[i]) {
            error_set(err, ERROR_DATA, "FairEval is four files: %s are missing",
                      names[i]);
            return error_hint(
                err, "name question.jsonl, both answer files and the review file");
        }
    }
    return 0;
}

int read_faireval_files(struct import *im, const char *const *files, size_t n,
                        struct error *err)
{
    struct faireval fe = {.im = im, .answers = {json_object(), json_object()}};
    struct rows *rows = import_rows(im);
    char *parts[N_PARTS] = {NULL};
    fe.review = json_array();
    int bad = find_parts(files, n, parts, err);
    for (int i = 0; i < 2 && !bad; i++) {
        fe.into = fe.answers[i];
        bad = rows_each(rows, parts[PART_GPT + i], ROWS_JSON, true, faireval_answer, &fe,
                        err);
    }
    bad =
        bad ||
        rows_each(rows, parts[PART_REVIEW], ROWS_TEXT, true, faireval_review, &fe, err) ||
        rows_each(rows, parts[PART_QUESTION], ROWS_JSON, false, faireval_question, &fe,
                  err);
    for (int i = 0; i < N_PARTS; i++)
        free(parts[i]);
    json_decref(fe.answers[0]);
    json_decref(fe.answers[1]);
    json_decref(fe.review);
    return bad ? -1 : 0;
}
