/* Chosen against rejected: TRL and Hugging Face, Anthropic's transcripts, HHH items, RMB.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/data/format.h"

bool check_messages(const struct row *row)
{
    return json_is_array(row_value(row, "chosen")) &&
           json_is_array(row_value(row, "rejected"));
}

bool check_transcripts(const struct row *row)
{
    return !row_has(row, "prompt") && (json_is_string(row_value(row, "chosen")) ||
                                       json_is_string(row_value(row, "rejected")));
}

/* The one message behind the first `skip`, which must be the assistant's. */
static int last_message(const struct row *row, const json_t *list, size_t skip,
                        const char *path, char **out, struct error *err)
{
    if (json_array_size(list) != skip + 1)
        return row_error(
            row, err, "not one message of response (%s has %zu messages, %zu in common)",
            path, json_array_size(list), skip);
    const json_t *message = json_array_get(list, skip);
    const char *role = json_string_value(json_object_get(message, "role"));
    if (!role || strcmp(role, "assistant"))
        return row_error(row, err, "the last message is not the assistant's (%s)", path);
    return value_response(row, json_object_get(message, "content"), path, out, err);
}

static size_t common_messages(const json_t *x, const json_t *y)
{
    size_t n = 0, max = json_array_size(x) < json_array_size(y) ? json_array_size(x)
                                                                : json_array_size(y);
    while (n + 1 < max && json_equal(json_array_get(x, n), json_array_get(y, n)))
        n++;
    return n;
}

/* Message lists: the prompt's own messages, or what both lists begin with. */
static int read_message_lists(const struct row *row, const json_t *prompt,
                              const json_t *x, const json_t *y, struct pair *out,
                              struct error *err)
{
    size_t skip = 0;
    if (json_array_size(x) > 1 || !prompt) {
        skip = common_messages(x, y);
        if (skip == 0)
            return row_error(row, err, "chosen and rejected have no message in common");
        if (messages_text(row, x, skip, "chosen", &out->context, err))
            return -1;
    } else if (json_is_array(prompt)) {
        if (messages_text(row, prompt, json_array_size(prompt), "prompt", &out->context,
                          err))
            return -1;
    } else if (value_text(row, prompt, "prompt", &out->context, err)) {
        return -1;
    }
    if (last_message(row, x, skip, "chosen", &out->a, err))
        return -1;
    return last_message(row, y, skip, "rejected", &out->b, err);
}

int read_trl(const struct row *row, const struct import_options *options,
             struct pair *out, struct error *err)
{
    (void)options;
    json_t *x, *y, *prompt = row_value(row, "prompt");
    if (row_need(row, "chosen", &x, err) || row_need(row, "rejected", &y, err))
        return -1;
    if (json_is_array(x) && json_is_array(y)) {
        if (read_message_lists(row, prompt, x, y, out, err))
            return -1;
    } else {
        int bad = json_is_array(prompt)
                      ? messages_text(row, prompt, json_array_size(prompt), "prompt",
                                      &out->context, err)
                      : row_text(row, "prompt", &out->context, err);
        if (bad || row_response(row, "chosen", &out->a, err) ||
            row_response(row, "rejected", &out->b, err))
            return -1;
    }
    pair_add_vote(out, "human", RATER_HUMAN, CHOICE_A, NAN);
    return 0;
}

int read_hh(const struct row *row, const struct import_options *options, struct pair *out,
            struct error *err)
{
    (void)options;
    char *x = NULL, *y = NULL;
    int bad = row_response(row, "chosen", &x, err) ||
              row_response(row, "rejected", &y, err) ||
              transcripts_split(row, x, y, &out->context, &out->a, &out->b, err);
    free(x);
    free(y);
    if (bad)
        return -1;
    pair_add_vote(out, "human", RATER_HUMAN, CHOICE_A, NAN);
    return 0;
}

int read_hh_answers(const struct row *row, const struct import_options *options,
                    struct pair *out, struct error *err)
{
    static const struct side sides[] = {
        {SIDE_TEXT, 0, "Answer1", CHOICE_A}, {SIDE_TEXT, 0, "Answer2", CHOICE_B}, {0}};
    (void)options;
    row_place_id(row, 0, &out->key); // the judge's file counts from 0
    if (row_text(row, "Question", &out->context, err) ||
        row_response(row, "Answer1", &out->a, err) ||
        row_response(row, "Answer2", &out->b, err))
        return -1;
    return row_vote(row, "Preference", sides, "human", RATER_HUMAN, out, err);
}

/* The letter of the one correct option: " (A)" or " (B)". */
static enum choice hhh_correct(const struct row *row)
{
    const json_t *list = row_value(row, "corrects");
    const char *text = json_string_value(json_array_get(list, 0));
    if (json_array_size(list) != 1 || !text)
        return CHOICE_NONE;
    return !strcmp(text, " (A)")   ? CHOICE_A
           : !strcmp(text, " (B)") ? CHOICE_B
                                   : CHOICE_NONE;
}

int read_hhh(const struct row *row, const struct import_options *options,
             struct pair *out, struct error *err)
{
    (void)options;
    json_t *corrects;
    const char *good, *bad;
    if (row_need(row, "corrects", &corrects, err) ||
        row_string(row, "text_correct", &good, err) ||
        row_string(row, "text_incorrect", &bad, err))
        return -1;
    enum choice choice = hhh_correct(row);
    if (choice == CHOICE_NONE)
        return row_error(row, err,
                         "unknown label (corrects must be [\" (A)\"] or [\" (B)\"])");
    bool a = choice == CHOICE_A;
    if (transcripts_split(row, good, bad, &out->context, a ? &out->a : &out->b,
                          a ? &out->b : &out->a, err))
        return -1;
    pair_add_vote(out, "gold", RATER_GOLD, choice, NAN);
    return 0;
}

int read_rmb(const struct row *row, const struct import_options *options,
             struct pair *out, struct error *err)
{
    (void)options;
    json_t *turns, *chosen, *reject;
    if (row_need(row, "conversation_input", &turns, err) ||
        row_need(row, "chosen", &chosen, err) || row_need(row, "reject", &reject, err) ||
        row_id(row, "pair_uid", &out->key, err))
        return -1;
    if (!json_is_array(turns) || json_array_size(turns) == 0)
        return row_error(row, err, "conversation_input is not a list of turns");
    if (messages_text(row, turns, json_array_size(turns), "conversation_input",
                      &out->context, err) ||
        value_response(row, json_object_get(chosen, "answer"), "chosen.answer", &out->a,
                       err) ||
        value_response(row, json_object_get(reject, "answer"), "reject.answer", &out->b,
                       err))
        return -1;
    const char *category = row_string_or_null(row, "category_path");
    if (category) {
        const char *slash = strrchr(category, '/');
        out->group = xstrdup(slash ? slash + 1 : category);
    }
    pair_add_vote(out, "gpt-4", RATER_AI, CHOICE_A, NAN);
    return 0;
}
