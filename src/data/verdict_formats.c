#include "src/data/verdict_formats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

static void add(struct verdict_found *out, int order, int slot, double p_first,
                const char *raw)
{
    out->order[out->n] = order;
    out->slot[out->n] = slot;
    out->p_first[out->n] = p_first;
    out->raw[out->n] = raw ? xstrdup(raw) : NULL;
    out->n++;
}

static void set_judge(struct verdict_found *out, const char *name)
{
    if (!name || out->judge[0])
        return;
    size_t len = strnlen(name, out->judge_size - 1);
    memcpy(out->judge, name, len);
    out->judge[len] = 0;
}

/* A winning candidate (PICKED_1 is A) as the slot it was shown in. */
static int shown_slot(int candidate, int order)
{
    if (order == SHOWN_AB || (candidate != PICKED_1 && candidate != PICKED_2))
        return candidate;
    return candidate == PICKED_1 ? PICKED_2 : PICKED_1;
}

/* ---- LLMBar: the last element of results has the verdict, as a candidate in both orders
 * ---- */

/* completion is [text, finish reason], or a list of such (Rating asks once for each
 * output). */
static const char *completion_text(const json_t *verdict)
{
    const json_t *completion = json_object_get(verdict, "completion");
    const json_t *first = json_array_get(completion, 0);
    return json_string_value(json_is_array(first) ? json_array_get(first, 0) : first);
}

static int read_llmbar(const struct row *row, const struct verdict_name *name,
                       struct verdict_found *out, struct error *err)
{
    static const struct side sides[] = {
        {SIDE_TEXT, 0, "1", PICKED_1}, {SIDE_TEXT, 0, "2", PICKED_2}, {0}};
    static const char *const swaps[] = {"swap = False", "swap = True"};
    (void)name;
    json_t *results;
    if (row_need(row, "results", &results, err))
        return -1;
    const json_t *last = json_array_size(results)
                             ? json_array_get(results, json_array_size(results) - 1)
                             : NULL;
    if (!last)
        return row_error(row, err, "results is no list, or an empty one");
    row_place_id(row, 1, &out->key);
    for (int order = 0; order < 2; order++) {
        const json_t *verdict = json_object_get(last, swaps[order]);
        int winner = PICKED_NONE;
        bool given;
        if (value_side(row, json_object_get(verdict, "winner"), "winner", sides, &winner,
                       &given, err))
            return -1;
        add(out, order, shown_slot(winner, order), NAN, completion_text(verdict));
    }
    return 0;
}

/* ---- SummEval: the file's name says the systems and the order ---- */

static int name_summeval(const char *base, struct verdict_name *out)
{
    const char *bar = strchr(base, '_');
    if (!bar || bar == base || (size_t)(bar - base) >= sizeof out->systems ||
        !memchr(base, '-', (size_t)(bar - base)))
        return -1;
    memcpy(out->systems, base, (size_t)(bar - base));
    out->systems[bar - base] = 0;
    out->order = strstr(bar, "_toggle") ? SHOWN_BA : SHOWN_AB;
    return 0;
}

static int read_summeval(const struct row *row, const struct verdict_name *name,
                         struct verdict_found *out, struct error *err)
{
    const char *id, *answer;
    if (row_string(row, "id", &id, err) || row_string(row, "resp", &answer, err))
        return -1;
    out->key = xasprintf("%s/%s", name->systems, id);
    int slot = *answer == 'A'   ? PICKED_1
               : *answer == 'B' ? PICKED_2
               : *answer == 'C' ? PICKED_TIE
                                : PICKED_NONE;
    add(out, name->order, slot, NAN, answer);
    return 0;
}

/* ---- JudgeBench: decisions name slots in both orders ---- */

static int read_judgebench(const struct row *row, const struct verdict_name *name,
                           struct verdict_found *out, struct error *err)
{
    static const struct side sides[] = {{SIDE_TEXT, 0, "A>B", PICKED_1},
                                        {SIDE_TEXT, 0, "B>A", PICKED_2},
                                        {SIDE_TEXT, 0, "A=B", PICKED_TIE},
                                        {0}};
    (void)name;
    json_t *judgments;
    if (row_id(row, "pair_id", &out->key, err) ||
        row_need(row, "judgments", &judgments, err))
        return -1;
    size_t n = json_array_size(judgments);
    if (n < 1 || n > 2)
        return row_error(row, err, "judgments must be a list of one or two");
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(judgments, i);
        const json_t *judgment = json_object_get(one, "judgment");
        int slot = PICKED_NONE;
        bool given;
        if (value_side(row, json_object_get(one, "decision"), "decision", sides, &slot,
                       &given, err))
            return -1;
        set_judge(out, json_string_value(json_object_get(judgment, "judge_model")));
        add(out, (int)i, slot, NAN,
            json_string_value(json_object_get(judgment, "response")));
    }
    return 0;
}

/* ---- PandaLM: one order ---- */

static int read_pandalm_gpt(const struct row *row, const struct verdict_name *name,
                            struct verdict_found *out, struct error *err)
{
    static const struct side sides[] = {{SIDE_TEXT, 0, "1", PICKED_1},
                                        {SIDE_TEXT, 0, "2", PICKED_2},
                                        {SIDE_TEXT, 0, "Tie", PICKED_TIE},
                                        {SIDE_TEXT, 0, "garbage", PICKED_NONE},
                                        {0}};
    (void)name;
    int slot = PICKED_NONE;
    bool given;
    if (row_id(row, "idx", &out->key, err) ||
        value_side(row, row_value(row, "gpt_result"), "gpt_result", sides, &slot, &given,
                   err))
        return -1;
    add(out, SHOWN_AB, slot, NAN, row_string_or_null(row, "gpt_reason"));
    return 0;
}

static int read_pandalm_own(const struct row *row, const struct verdict_name *name,
                            struct verdict_found *out, struct error *err)
{
    static const struct side sides[] = {{SIDE_INT, 0, NULL, PICKED_TIE},
                                        {SIDE_INT, 1, NULL, PICKED_1},
                                        {SIDE_INT, 2, NULL, PICKED_2},
                                        {0}};
    (void)name;
    int slot = PICKED_NONE;
    bool given;
    if (row_id(row, "idx", &out->key, err) ||
        value_side(row, row_value(row, "pandalm_result"), "pandalm_result", sides, &slot,
                   &given, err))
        return -1;
    add(out, SHOWN_AB, slot, NAN, row_string_or_null(row, "pandalm_reason"));
    return 0;
}

/* ---- HH with ChatGPT: one order ---- */

static int read_hh(const struct row *row, const struct verdict_name *name,
                   struct verdict_found *out, struct error *err)
{
    (void)name;
    const char *answer;
    if (row_id(row, "id", &out->key, err))
        return -1;
    if (!row_has(row, "model_answer"))
        return row_error(row, err, "no key \"model_answer\"");
    answer = row_string_or_null(row, "model_answer");
    int slot = !answer                      ? PICKED_NONE
               : !strcmp(answer, "Answer1") ? PICKED_1
               : !strcmp(answer, "Answer2") ? PICKED_2
                                            : PICKED_NONE;
    add(out, SHOWN_AB, slot, NAN, answer);
    return 0;
}

/* ---- TL;DR by GPT-4: one random order a row; preferred names a candidate ---- */

static int read_tldr(const struct row *row, const struct verdict_name *name,
                     struct verdict_found *out, struct error *err)
{
    (void)name;
    const char *preferred, *shuffled;
    if (row_text(row, "", &out->key, err) ||
        row_string(row, "preferred", &preferred, err) ||
        row_string(row, "shuffled_index", &shuffled, err))
        return -1;
    if (*preferred == 0)
        return 0;
    bool ours = !strcmp(preferred, "ours");
    if (!ours && strcmp(preferred, "reference"))
        return row_error(row, err, "unknown label (preferred must be ours or reference)");
    if (strcmp(shuffled, "0") && strcmp(shuffled, "1"))
        return row_error(row, err, "unknown shuffled_index (must be 0 or 1)");
    int order = *shuffled == '0' ? SHOWN_AB : SHOWN_BA;
    set_judge(out, "gpt-4");
    add(out, order, shown_slot(ours ? PICKED_1 : PICKED_2, order), NAN,
        row_string_or_null(row, "explanation"));
    return 0;
}

/* ---- AlpacaEval: log-probabilities of "m" (the first shown) and "M" ---- */

static double token_logprob(const json_t *top, const char *token)
{
    size_t i;
    json_t *item;
    json_array_foreach(top, i, item)
    {
        const char *is = json_string_value(json_object_get(item, "token"));
        if (is && !strcmp(is, token))
            return json_number_value(json_object_get(item, "logprob"));
    }
    return NAN;
}

/*
 * The file does not say which output was shown first; preference is 2 - P(first) if it
 * was output_1 and 1 + P(first) if not, and only one of the two fits.
 */
static int read_alpaca(const struct row *row, const struct verdict_name *name,
                       struct verdict_found *out, struct error *err)
{
    (void)name;
    json_t *completion, *preference;
    if (row_need(row, "raw_completion", &completion, err) ||
        row_need(row, "preference", &preference, err))
        return -1;
    row_place_id(row, 1, &out->key);
    set_judge(out, row_string_or_null(row, "annotator"));
    if (json_is_null(completion) || json_is_null(preference))
        return 0;
    const json_t *content =
        json_object_get(json_object_get(completion, "logprobs"), "content");
    const json_t *top = json_object_get(json_array_get(content, 0), "top_logprobs");
    double first = token_logprob(top, "m"), second = token_logprob(top, "M");
    if (isnan(first) || isnan(second) || !json_is_number(preference))
        return row_error(row, err, "no log-probabilities of m and M");
    double p = 1 / (1 + exp(second - first)), is = json_number_value(preference);
    double as_ab = fabs(2 - p - is), as_ba = fabs(1 + p - is);
    if (fmin(as_ab, as_ba) > 1e-6)
        return row_error(
            row, err, "preference %.10g fits its log-probabilities in neither order", is);
    add(out, as_ab < as_ba ? SHOWN_AB : SHOWN_BA,
        p > .5   ? PICKED_1
        : p < .5 ? PICKED_2
                 : PICKED_TIE,
        p, NULL);
    return 0;
}

const struct verdict_format verdict_formats[] = {
    {{"llmbar", ROWS_JSON, {"results", "output_1", "output_2"}, NULL}, NULL, read_llmbar},
    {{"summeval", ROWS_JSON, {"id", "resp"}, NULL}, name_summeval, read_summeval},
    {{"judgebench", ROWS_JSON, {"pair_id", "judgments"}, NULL}, NULL, read_judgebench},
    {{"pandalm", ROWS_JSON, {"idx", "gpt_result"}, NULL}, NULL, read_pandalm_gpt},
    {{"pandalm_7b", ROWS_JSON, {"idx", "pandalm_result"}, NULL}, NULL, read_pandalm_own},
    {{"hh_answers", ROWS_JSON, {"id", "model_answer"}, NULL}, NULL, read_hh},
    {{"tldr_judged_csv", ROWS_CSV, {"query", "preferred", "shuffled_index"}, NULL},
     NULL,
     read_tldr},
    {{"alpaca_eval", ROWS_JSON, {"instruction", "raw_completion", "preference"}, NULL},
     NULL,
     read_alpaca},
};
const size_t n_verdict_formats = sizeof verdict_formats / sizeof *verdict_formats;
