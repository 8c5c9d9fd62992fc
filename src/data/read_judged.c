/* Test sets for judges, one record a pair: LLMBar, Auto-J, PandaLM, JudgeBench,
 * AlpacaEval, SummEval. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/data/format.h"

static void copy_group(const struct row *row, const char *key, struct pair *out)
{
    const char *group = row_string_or_null(row, key);
    if (group)
        out->group = xstrdup(group);
}

static int read_three(const struct row *row, const char *context, const char *a,
                      const char *b, struct pair *out, struct error *err)
{
    if (row_text(row, context, &out->context, err) || row_response(row, a, &out->a, err))
        return -1;
    return row_response(row, b, &out->b, err);
}

int read_llmbar(const struct row *row, const struct import_options *options,
                struct pair *out, struct error *err)
{
    static const struct side sides[] = {
        {SIDE_INT, 1, NULL, CHOICE_A}, {SIDE_INT, 2, NULL, CHOICE_B}, {0}};
    (void)options;
    row_place_id(row, 1, &out->key);
    if (read_three(row, "input", "output_1", "output_2", out, err))
        return -1;
    return row_vote(row, "label", sides, "gold", RATER_GOLD, out, err);
}

int read_autoj(const struct row *row, const struct import_options *options,
               struct pair *out, struct error *err)
{
    static const struct side sides[] = {{SIDE_INT, 0, NULL, CHOICE_A},
                                        {SIDE_INT, 1, NULL, CHOICE_B},
                                        {SIDE_INT, 2, NULL, CHOICE_TIE},
                                        {0}};
    (void)options;
    if (read_three(row, "prompt", "response 1", "response 2", out, err))
        return -1;
    copy_group(row, "scenario", out);
    return row_vote(row, "label", sides, "human", RATER_HUMAN, out, err);
}

int read_pandalm(const struct row *row, const struct import_options *options,
                 struct pair *out, struct error *err)
{
    static const struct side sides[] = {{SIDE_INT, 0, NULL, CHOICE_TIE},
                                        {SIDE_INT, 1, NULL, CHOICE_A},
                                        {SIDE_INT, 2, NULL, CHOICE_B},
                                        {0}};
    static const char *const raters[] = {"annotator1", "annotator2", "annotator3"};
    (void)options;
    const char *instruction, *input;
    if (row_id(row, "idx", &out->key, err) ||
        row_string(row, "instruction", &instruction, err) ||
        row_string(row, "input", &input, err) ||
        row_response(row, "response1", &out->a, err) ||
        row_response(row, "response2", &out->b, err))
        return -1;
    out->context = xasprintf("%s%s%s", instruction, *input ? "\n\n" : "", input);
    copy_group(row, "motivation_app", out);
    for (int i = 0; i < 3; i++) {
        if (row_vote(row, raters[i], sides, raters[i], RATER_HUMAN, out, err))
            return -1;
    }
    return 0;
}

int read_judgebench(const struct row *row, const struct import_options *options,
                    struct pair *out, struct error *err)
{
    static const struct side sides[] = {
        {SIDE_TEXT, 0, "A>B", CHOICE_A}, {SIDE_TEXT, 0, "B>A", CHOICE_B}, {0}};
    (void)options;
    if (row_id(row, "pair_id", &out->key, err) ||
        read_three(row, "question", "response_A", "response_B", out, err))
        return -1;
    copy_group(row, "source", out);
    return row_vote(row, "label", sides, "gold", RATER_GOLD, out, err);
}

int read_alpaca(const struct row *row, const struct import_options *options,
                struct pair *out, struct error *err)
{
    (void)options;
    json_t *preference;
    row_place_id(row, 1, &out->key);
    if (read_three(row, "instruction", "output_1", "output_2", out, err) ||
        row_need(row, "preference", &preference, err))
        return -1;
    copy_group(row, "dataset", out);
    if (json_is_null(preference))
        return 0;
    double v = json_number_value(preference); // 0 for what is no number
    if (!(v >= 1 && v <= 2))
        return row_error(row, err,
                         "unknown label (preference must be a number from 1 to 2)");
    const char *rater = row_string_or_null(row, "annotator");
    pair_add_vote(out, rater ? rater : "ai", RATER_AI,
                  v < 1.5   ? CHOICE_A
                  : v > 1.5 ? CHOICE_B
                            : CHOICE_TIE,
                  NAN);
    out->votes[0].soft = 2 - v;
    return 0;
}

int read_summeval(const struct row *row, const struct import_options *options,
                  struct pair *out, struct error *err)
{
    (void)options;
    const char *id, *model_1, *model_2;
    json_t *x, *y;
    if (row_string(row, "id", &id, err) || row_string(row, "model_1", &model_1, err) ||
        row_string(row, "model_2", &model_2, err) ||
        read_three(row, "src", "summary_1", "summary_2", out, err) ||
        row_need(row, "human_score_1", &x, err) ||
        row_need(row, "human_score_2", &y, err))
        return -1;
    out->key = xasprintf("%s-%s/%s", model_1, model_2, id);
    if (json_is_null(x) || json_is_null(y))
        return 0;
    if (!json_is_number(x) || !json_is_number(y))
        return row_error(
            row, err, "unknown label (human_score_1 and human_score_2 must be numbers)");
    double d = json_number_value(x) - json_number_value(y);
    enum choice choice = fabs(d) < 1e-9 ? CHOICE_TIE : d > 0 ? CHOICE_A : CHOICE_B;
    pair_add_vote(out, "experts", RATER_HUMAN, choice, NAN);
    return 0;
}
