/* Texts that are learned from: adding, shortening prompts, the order in which they come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/train/train.h"

static void add_ids(struct train_texts *texts, const int32_t *ids, size_t n)
{
    if (texts->n_ids + n > texts->cap_ids) {
        while (texts->n_ids + n > texts->cap_ids)
            texts->cap_ids = texts->cap_ids ? 2 * texts->cap_ids : 1024;
        texts->ids = xrealloc(texts->ids, texts->cap_ids * sizeof(*ids));
    }
    if (n)
        memcpy(texts->ids + texts->n_ids, ids, n * sizeof(*ids));
    texts->n_ids += n;
}

bool train_texts_add(struct train_texts *texts, const int32_t *prompt, size_t n_prompt,
                     const int32_t *completion, size_t n, int32_t end, size_t max_prompt,
                     size_t max_completion)
{
    struct train_text *text;
    bool cut = end >= 0 && max_completion && n + 1 > max_completion;

    if (n_prompt == 0 || (max_prompt && n_prompt > max_prompt)) {
        texts->dropped++;
        return false;
    }
    texts->list = array_grow(texts->list, texts->n, &texts->cap, sizeof(*text));
    text = &texts->list[texts->n++];
    text->first = texts->n_ids;
    text->n_prompt = n_prompt;
    add_ids(texts, prompt, n_prompt);
    if (end >= 0) {
        add_ids(texts, completion, cut ? max_completion : n);
        if (!cut)
            add_ids(texts, &end, 1);
    }
    texts->cut += cut;
    text->n = texts->n_ids - text->first;
    return true;
}

void train_texts_release(struct train_texts *texts)
{
    free(texts->ids);
    free(texts->list);
    *texts = (struct train_texts){0};
}

/* ---- prompts ---- */

static int encode_prompt(const struct train_codec *codec, const char *before, const char *context,
                         size_t len, const char *after, struct tokens *out, struct error *err)
{
    struct buf text;
    int status;

    buf_init(&text, 0);
    buf_adds(&text, before);
    buf_add(&text, context, len);
    buf_adds(&text, after);
    if (codec->begin >= 0)
        tokens_add(out, codec->begin);
    status = codec->encode(codec->arg, buf_str(&text), text.len, out, err);
    buf_release(&text);
    return status;
}

/* Length without the last line, or without the last word of a single line; 0 when nothing stays. */
static size_t shorten(const char *context, size_t len)
{
    size_t line = len, word = len;

    while (line > 0 && context[line - 1] != '\n')
        line--;
    if (line > 0)
        return line - 1;
    while (word > 0 && context[word - 1] == ' ')
        word--;
    while (word > 0 && context[word - 1] != ' ')
        word--;
    return word > 0 ? word - 1 : 0;
}

int train_prompt(const struct train_codec *codec, const char *before, const char *context,
                 const char *after, size_t max, struct tokens *out, size_t *cut,
                 struct error *err)
{
    size_t start = out->n, len = strlen(context);

    for (;;) {
        if (encode_prompt(codec, before, context, len, after, out, err) != 0)
            return -1;
        if (max == 0 || out->n - start <= max)
            return 0;
        if (len == 0)
            return error_set(err, ERROR_DATA,
                             "a prompt's fixed part alone is %zu tokens, more than the %zu allowed",
                             out->n - start, max);
        out->n = start;
        len = shorten(context, len);
        if (cut)
            ++*cut;
    }
}

/* ---- order ---- */

void train_order_init(struct train_order *order, uint64_t seed, const char *what, size_t n)
{
    *order = (struct train_order){.seed = seed, .what = what, .n = n, .epoch = -1};
    order->order = xmalloc((n ? n : 1) * sizeof(*order->order));
}

size_t train_order_at(struct train_order *order, int64_t at)
{
    int64_t epoch = at / (int64_t)order->n;

    if (epoch != order->epoch) {
        struct rng_key key = rng_sub(rng_key(order->seed, order->what, ""), (uint64_t)epoch);

        for (size_t i = 0; i < order->n; i++)
            order->order[i] = (uint32_t)i;
        for (size_t i = order->n; i > 1; i--) {
            size_t j = rng_below(key, i, i);
            uint32_t swap = order->order[i - 1];

            order->order[i - 1] = order->order[j];
            order->order[j] = swap;
        }
        order->epoch = epoch;
    }
    return order->order[(size_t)(at - epoch * (int64_t)order->n)];
}

void train_order_release(struct train_order *order)
{
    free(order->order);
    order->order = NULL;
}
