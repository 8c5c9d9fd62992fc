/* `show pair`: texts, choices, both orders. */
#include "src/cmd/cmd_pair.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/workbench.h"
#include "src/label/prompt.h"
#include "src/label/render.h"

static json_t *choices_json(const struct pair *pair)
{
    json_t *choices = json_array();
    for (size_t i = 0; i < pair->n_votes; i++) {
        const struct vote *vote = &pair->votes[i];
        json_t *one = json_pack("{so ss so so so}", "rater", json_text0(vote->rater),
                                "kind", rater_kind_name(vote->kind), "choice",
                                vote->choice == CHOICE_NONE
                                    ? json_null()
                                    : json_string(choice_name(vote->choice)),
                                "confidence", json_number_or_null(vote->confidence),
                                "soft", json_number_or_null(vote->soft));
        json_array_append_new(choices, one);
    }
    return choices;
}

static json_t *slot_json(enum slot slot)
{
    return slot == SLOT_1 || slot == SLOT_2 ? json_integer(slot)
           : slot == SLOT_TIE              ? json_string("tie")
                                           : json_null();
}

static json_t *top_json(const struct label *label)
{
    json_t *top = json_array();
    for (int i = 0; i < label->n_top; i++)
        json_array_append_new(top, json_pack("{si so so}", "id", (int)label->top[i].id, "text",
                                             json_text0(label->top[i].text), "logprob",
                                             json_number_or_null(label->top[i].logprob)));
    return top;
}

static json_t *order_json(const struct label *label, const struct prompt *prompt)
{
    json_t *logprobs = json_array(), *options = json_array();
    for (int i = 0; i < label->n_options; i++)
        json_array_append_new(logprobs, json_number_or_null(label->logprobs[i]));
    for (size_t i = 0; prompt && i < prompt->n_options; i++)
        json_array_append_new(options, json_text0(prompt->options[i]));
    return json_pack("{ss si so so so so so so so so sI sI so si so so}", "order",
                     label->order == ORDER_BA ? "ba" : "ab", "repeat", label->repeat, "options",
                     options, "logprobs", logprobs, "outside", json_number_or_null(label->outside),
                     "p_first", json_number_or_null(label->p_first), "score",
                     json_number_or_null(label->score), "verdict_slot", slot_json(label->slot),
                     "rationale", json_text0(label->rationale), "raw", json_text0(label->raw),
                     "tokens", (json_int_t)label->tokens, "reused", (json_int_t)label->reused, "ms",
                     json_number_or_null(label->ms), "cut_lines", label->cut_lines, "error",
                     json_text0(label->error), "top_tokens", top_json(label));
}

/* Rows of one pair, order ab first, repeats in turn. */
static json_t *orders_json(const struct judging *judging, size_t i, const struct prompt *prompt,
                           const struct label **first)
{
    json_t *orders = json_array();
    for (int order = 0; order < 2; order++)
        for (int repeat = 0; repeat < 256; repeat++) {
            const struct label *found = NULL;
            for (int32_t k = judging->first[i]; k >= 0; k = judging->next[k]) {
                const struct label *row = &judging->labels.labels[k];
                if ((int)row->order == order && row->repeat == repeat)
                    found = row;
            }
            if (!found)
                break;
            if (!*first)
                *first = found;
            json_array_append_new(orders, order_json(found, prompt));
        }
    return orders;
}

static void set_verdict(json_t *answer, const struct judged *row, const struct label *first)
{
    bool decisive = (row->slot[0] == SLOT_1 || row->slot[0] == SLOT_2) &&
                    (row->slot[1] == SLOT_1 || row->slot[1] == SLOT_2);
    bool same = decisive && row->slot[0] == row->slot[1];

    json_object_set_new(answer, "p_a", json_number_or_null(row->p_a));
    json_object_set_new(answer, "p_a_logit_mean", json_number_or_null(row->p_a_logit));
    json_object_set_new(answer, "verdict", json_text0(verdict_name(row->verdict)));
    json_object_set_new(answer, "same_position", decisive ? json_boolean(same) : json_null());
    json_object_set_new(answer, "slot", same ? json_integer(row->slot[0]) : json_null());
    json_object_set_new(answer, "margin", json_number_or_null(row->margin));
    json_object_set_new(answer, "outside", json_number_or_null(row->outside));
    if (row->pointwise) {
        json_object_set_new(answer, "score_a", json_number_or_null(row->score[0]));
        json_object_set_new(answer, "score_b", json_number_or_null(row->score[1]));
    }
    json_object_set_new(answer, "top_tokens", first ? top_json(first) : json_array());
}

static json_t *texts_json(const struct pair *pair, const char *ref)
{
    json_t *tags = json_array();
    for (size_t i = 0; i < pair->n_tags; i++)
        json_array_append_new(tags, json_text0(pair->tags[i]));
    json_t *answer = json_pack("{ss so so so so so so so so so}", "command", "show pair", "pair",
                               json_text0(ref), "key", json_text0(pair->key), "title",
                               json_text0(pair->title), "group", json_text0(pair->group), "context",
                               json_text0(pair->context), "a", json_text0(pair->a), "b",
                               json_text0(pair->b), "tags", tags, "choices", choices_json(pair));
    json_object_set_new(answer, "split", json_string(split_name(pair->split)));
    json_object_set_new(answer, "line", json_integer(pair->origin_line));
    json_object_set_new(answer, "words_a", json_integer(pair->words_a));
    json_object_set_new(answer, "words_b", json_integer(pair->words_b));
    return answer;
}

int run_show_pair(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    struct set_index *set;
    const struct pair *pair = workbench_pair(wb, call->refs[0], &set, err);
    const char *prompt_ref = call_get(call, "prompt"), *labeler_ref = call_get(call, "labeler");
    int64_t prompt_id;
    char *labeler = NULL;

    if (!pair)
        return -1;
    char *ref = xasprintf("%s#%d", set->row.name, pair->num);
    call->answer = texts_json(pair, ref);
    free(ref);
    bool named = prompt_ref || labeler_ref;
    if (workbench_find_labels(wb, set, prompt_ref, labeler_ref, &prompt_id, &labeler,
                              named ? err : NULL) < 0) {
        json_object_set_new(call->answer, "prompt", json_null());
        json_object_set_new(call->answer, "labeler", json_null());
        json_object_set_new(call->answer, "orders", json_array());
        struct judged bare;
        judged_make(&bare, pair, NULL, 0, false);
        set_verdict(call->answer, &bare, NULL);
        return named ? -1 : 0;
    }
    struct judging *judging = workbench_judging(wb, set, prompt_id, labeler, err);
    if (judging) {
        const struct label *first = NULL;
        struct prompt_row row = {0};
        char *name = workbench_prompt_name(wb, prompt_id);
        struct prompt *prompt = NULL;
        if (prompt_id > 0 && workbench_prompt(wb, name, &row, NULL) == 0)
            prompt = prompt_parse(row.yaml, strlen(row.yaml), name, NULL);
        size_t i = (size_t)(pair - set->list.pairs);
        json_object_set_new(call->answer, "prompt", prompt_id > 0 ? json_text0(name) : json_null());
        json_object_set_new(call->answer, "labeler", json_text0(labeler));
        json_object_set_new(call->answer, "orders", orders_json(judging, i, prompt, &first));
        set_verdict(call->answer, &judging->rows[i], first);
        char why[200];
        json_object_set_new(call->answer, "suspect",
                            pair_suspect(pair, prompt, why, sizeof why) ? json_text0(why)
                                                                        : json_null());
        prompt_free(prompt);
        prompt_row_release(&row);
        free(name);
    }
    free(labeler);
    return judging ? 0 : -1;
}

/* ---- text ---- */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void add_block(struct buf *out, const char *head, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || json_string_length(value) == 0)
        return;
    buf_addf(out, "%s\n", head);
    text_sanitise(out, json_string_value(value), json_string_length(value), TEXT_LINES);
    if (out->data[out->len - 1] != '\n')
        buf_addc(out, '\n');
}

static void add_bar(struct buf *out, double p)
{
    int full = (int)lround(p * 20);
    buf_fill(out, '#', (size_t)full);
    buf_fill(out, '.', (size_t)(20 - full));
}

static void print_order(const json_t *order, struct buf *out)
{
    json_t *p = json_object_get(order, "p_first"), *score = json_object_get(order, "score");
    bool ba = strcmp(text_of(order, "order"), "ba") == 0;

    if (json_is_number(score)) {
        buf_addf(out, "  response %s  score %.4f", ba ? "B" : "A", json_number_value(score));
    } else {
        buf_addf(out, "  order %s  ", ba ? "B-A" : "A-B");
        if (json_is_number(p)) {
            buf_addf(out, "P(1) %.3f ", json_number_value(p));
            add_bar(out, json_number_value(p));
        }
        json_t *slot = json_object_get(order, "verdict_slot");
        if (json_is_integer(slot))
            buf_addf(out, "  takes slot %lld (%s)", json_integer_value(slot),
                     (json_integer_value(slot) == 1) != ba ? "A" : "B");
        else if (json_is_string(slot))
            buf_adds(out, "  says tie");
    }
    json_t *outside = json_object_get(order, "outside");
    if (json_is_number(outside))
        buf_addf(out, "  outside %.3f", json_number_value(outside));
    buf_addf(out, "  %lld tokens, %lld reused",
             json_integer_value(json_object_get(order, "tokens")),
             json_integer_value(json_object_get(order, "reused")));
    if (json_integer_value(json_object_get(order, "cut_lines")) > 0)
        buf_addf(out, ", %lld lines of the text cut",
                 json_integer_value(json_object_get(order, "cut_lines")));
    buf_addc(out, '\n');
    add_block(out, "    rationale:", order, "rationale");
    add_block(out, "    no label:", order, "error");
}

static void print_choices(const json_t *answer, struct buf *out)
{
    json_t *choice;
    size_t i;

    json_array_foreach(json_object_get(answer, "choices"), i, choice) {
        json_t *confidence = json_object_get(choice, "confidence");
        buf_adds(out, i ? ", " : "chosen: ");
        buf_addf(out, "%s by ", text_of(choice, "choice") ? text_of(choice, "choice") : "nothing");
        const char *rater = text_of(choice, "rater");
        text_sanitise(out, rater ? rater : "-", strlen(rater ? rater : "-"), 0);
        buf_addf(out, " (%s", text_of(choice, "kind"));
        if (json_is_number(confidence))
            buf_addf(out, ", %g of 9", json_number_value(confidence));
        buf_addc(out, ')');
    }
    if (i > 0)
        buf_addc(out, '\n');
}

static void print_top(const json_t *answer, struct buf *out)
{
    json_t *token;
    size_t i;

    json_array_foreach(json_object_get(answer, "top_tokens"), i, token) {
        const char *text = text_of(token, "text");
        buf_adds(out, i ? "  \"" : "  next tokens: \"");
        text_sanitise(out, text ? text : "", strlen(text ? text : ""), 0);
        buf_addf(out, "\" %.3f", exp(json_number_value(json_object_get(token, "logprob"))));
    }
    if (i > 0)
        buf_addc(out, '\n');
}

void print_pair(const json_t *answer, struct buf *out)
{
    json_t *order, *tag;
    size_t i;
    const char *labeler = text_of(answer, "labeler"), *verdict = text_of(answer, "verdict");

    const char *ref = text_of(answer, "pair"), *group = text_of(answer, "group");
    text_sanitise(out, ref, strlen(ref), 0);
    if (group) {
        buf_adds(out, "  ");
        text_sanitise(out, group, strlen(group), 0);
    }
    buf_addf(out, "  %s", text_of(answer, "split"));
    json_array_foreach(json_object_get(answer, "tags"), i, tag) {
        buf_adds(out, "  +");
        text_sanitise(out, json_string_value(tag), json_string_length(tag), 0);
    }
    buf_addc(out, '\n');
    add_block(out, "--- title", answer, "title");
    add_block(out, "--- context", answer, "context");
    add_block(out, "--- A", answer, "a");
    add_block(out, "--- B", answer, "b");
    buf_adds(out, "---\n");
    print_choices(answer, out);
    add_block(out, "note: a response may speak to the labeler:", answer, "suspect");
    if (!labeler) {
        buf_adds(out, "not judged yet: label summary-base\n");
        return;
    }
    text_sanitise(out, labeler, strlen(labeler), 0);
    if (text_of(answer, "prompt")) {
        buf_adds(out, " with ");
        text_sanitise(out, text_of(answer, "prompt"), strlen(text_of(answer, "prompt")), 0);
    }
    buf_adds(out, json_array_size(json_object_get(answer, "orders")) ? ":\n" : ": not asked\n");
    json_array_foreach(json_object_get(answer, "orders"), i, order)
        print_order(order, out);
    if (json_is_number(json_object_get(answer, "p_a")))
        buf_addf(out, "  average    P(A) %.3f  margin %.3f\n",
                 json_number_value(json_object_get(answer, "p_a")),
                 json_number_value(json_object_get(answer, "margin")));
    print_top(answer, out);
    if (i > 0)
        buf_addf(out, "verdict: %s%s\n", verdict ? verdict : "no label",
                 json_is_true(json_object_get(answer, "same_position"))
                     ? " (the same slot in both orders: it follows the position here)"
                     : "");
}
