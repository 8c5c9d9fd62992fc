#include "src/data/export.h"

#include <math.h>
#include <string.h>

#include "src/base/json.h"

/* ---- JSON ---- */

/* `"key":` with a comma before all but the first. */
static void put_key(struct buf *out, const char *key)
{
    char last = out->len ? out->data[out->len - 1] : 0;
    buf_addf(out, "%s\"%s\":", last == '{' ? "" : ",", key);
}

static void put_string(struct buf *out, const char *text)
{
    json_t *value = json_text0(text);
    json_write(out, value);
    json_decref(value);
}

static void put_text(struct buf *out, const char *key, const char *text)
{
    if (!text)
        return;
    put_key(out, key);
    put_string(out, text);
}

static void put_real(struct buf *out, const char *key, double x)
{
    if (isnan(x))
        return;
    put_key(out, key);
    json_write_real(out, x);
}

static void put_choices(struct buf *out, const struct pair *pair)
{
    buf_addc(out, '[');
    for (size_t i = 0; i < pair->n_votes; i++) {
        const struct vote *vote = &pair->votes[i];
        buf_adds(out, i ? ",{" : "{");
        put_text(out, "rater", vote->rater);
        put_text(out, "kind", rater_kind_name(vote->kind));
        put_text(out, "choice", choice_name(vote->choice));
        put_real(out, "confidence", vote->confidence);
        put_real(out, "soft", vote->soft);
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

static void put_tags(struct buf *out, const struct pair *pair)
{
    buf_addc(out, '[');
    for (size_t i = 0; i < pair->n_tags; i++) {
        buf_adds(out, i ? "," : "");
        put_string(out, pair->tags[i]);
    }
    buf_addc(out, ']');
}

void export_pair_jsonl(struct buf *out, const struct pair *pair)
{
    buf_addc(out, '{');
    put_text(out, "id", pair->key);
    put_text(out, "title", pair->title);
    put_text(out, "group", pair->group);
    put_text(out, "context", pair->context);
    put_text(out, "a", pair->a);
    put_text(out, "b", pair->b);
    if (pair->n_votes) {
        put_key(out, "choices");
        put_choices(out, pair);
    }
    if (pair->n_tags) {
        put_key(out, "tags");
        put_tags(out, pair);
    }
    put_text(out, "split", split_name(pair->split));
    put_real(out, "gold_a", pair->gold_a);
    put_real(out, "gold_b", pair->gold_b);
    buf_adds(out, "}\n");
}

/* ---- CSV ---- */

void export_csv_head(struct buf *out, enum export_flags flags)
{
    buf_addf(out,
             "id,title,group,context,a,b,choice,choices,tags,split,gold_a,gold_b%s\n",
             flags & EXPORT_GUARD ? ",guard" : "");
}

static void put_cell(struct buf *out, const char *text, enum export_flags flags)
{
    bool guard = (flags & EXPORT_GUARD) && *text && strchr("=+-@\t\r'", *text);
    if (!guard && !text[strcspn(text, ",\"\r\n\t")]) {
        buf_adds(out, text);
        return;
    }
    buf_adds(out, guard ? "\"'" : "\"");
    for (;;) {
        size_t n = strcspn(text, "\"");
        buf_add(out, text, n);
        if (!text[n])
            break;
        buf_adds(out, "\"\"");
        text += n + 1;
    }
    buf_addc(out, '"');
}

static void put_real_cell(struct buf *out, double x, enum export_flags flags)
{
    struct buf text;
    buf_init(&text, 0);
    if (!isnan(x))
        json_write_real(&text, x);
    put_cell(out, buf_str(&text), flags);
    buf_release(&text);
}

void export_pair_csv(struct buf *out, const struct pair *pair, enum export_flags flags)
{
    const char *const texts[] = {pair->key,     pair->title, pair->group,
                                 pair->context, pair->a,     pair->b};
    struct buf json;
    buf_init(&json, 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put_cell(out, texts[i] ? texts[i] : "", flags);
        buf_addc(out, ',');
    }
    struct reference reference = pair_reference(pair);
    buf_addf(out, "%s,",
             reference.choice == CHOICE_NONE ? "" : choice_name(reference.choice));
    if (pair->n_votes)
        put_choices(&json, pair);
    put_cell(out, buf_str(&json), flags);
    buf_addc(out, ',');
    buf_clear(&json);
    if (pair->n_tags)
        put_tags(&json, pair);
    put_cell(out, buf_str(&json), flags);
    buf_addf(out, ",%s,", split_name(pair->split));
    put_real_cell(out, pair->gold_a, flags);
    buf_addc(out, ',');
    put_real_cell(out, pair->gold_b, flags);
    buf_adds(out, flags & EXPORT_GUARD ? ",1\n" : "\n");
    buf_release(&json);
}
