/* Compiles and applies filters. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "src/cmd/filter.h"

#include <math.h>
#include <pcre2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/buf.h"
#include "src/base/mem.h"
#include "src/base/text.h"

/* ---- the fields ---- */

static enum choice judged_choice(const struct judged *row)
{
    return row->verdict == VERDICT_A   ? CHOICE_A
           : row->verdict == VERDICT_B ? CHOICE_B
                                       : CHOICE_NONE;
}

static bool is_decided(const struct judged *row)
{
    return row->reference.choice == CHOICE_A || row->reference.choice == CHOICE_B;
}

static bool field_disagree(const struct judged *row)
{
    return is_decided(row) && judged_choice(row) != CHOICE_NONE &&
           judged_choice(row) != row->reference.choice;
}

static bool field_agree(const struct judged *row)
{
    return is_decided(row) && judged_choice(row) == row->reference.choice;
}

/* The candidate changes with the order: the same slot twice. */
static bool field_flip(const struct judged *row)
{
    return (row->slot[0] == SLOT_1 || row->slot[0] == SLOT_2) && row->slot[0] == row->slot[1];
}

static bool field_labelled(const struct judged *row)
{
    return row->verdict != VERDICT_NONE;
}

static bool field_half(const struct judged *row)
{
    return row->verdict == VERDICT_HALF;
}

static bool field_failed(const struct judged *row)
{
    return (row->asked[0] || row->asked[1]) && row->verdict == VERDICT_NONE;
}

static bool field_unlabelled(const struct judged *row)
{
    return row->reference.n_votes == 0;
}

static bool field_identical(const struct judged *row)
{
    return row->pair->flags & PAIR_IDENTICAL;
}

static double field_margin(const struct judged *row)
{
    return row->margin;
}

static double field_p(const struct judged *row)
{
    return row->p_a;
}

static double field_pull(const struct judged *row)
{
    return row->p_first[0] + row->p_first[1] - 1;
}

static double field_outside(const struct judged *row)
{
    return row->outside;
}

static double field_dlen(const struct judged *row)
{
    return fabs((double)row->pair->words_a - (double)row->pair->words_b);
}

static double field_words(const struct judged *row)
{
    return row->pair->words_context;
}

static double field_num(const struct judged *row)
{
    return row->pair->num;
}

/* Distance from even on the 9-point scale, 0..4. */
static double field_confidence(const struct judged *row)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < row->pair->n_votes; i++)
        if (!isnan(row->pair->votes[i].confidence)) {
            sum += row->pair->votes[i].confidence;
            n++;
        }
    return n ? fabs(sum / (double)n - 5) : NAN;
}

typedef bool match_fn(void *ctx, const char *text);

static bool match_choice(enum choice choice, match_fn *match, void *ctx)
{
    static const char *const slots[] = {NULL, "1", "2", NULL};
    return match(ctx, choice_name(choice)) || (slots[choice] && match(ctx, slots[choice]));
}

static bool field_reference(const struct judged *row, match_fn *match, void *ctx)
{
    return match_choice(row->reference.choice, match, ctx);
}

static bool field_ai(const struct judged *row, match_fn *match, void *ctx)
{
    return match_choice(judged_choice(row), match, ctx) ||
           (row->verdict == VERDICT_HALF && match(ctx, "half"));
}

static bool field_tag(const struct judged *row, match_fn *match, void *ctx)
{
    for (size_t i = 0; i < row->pair->n_tags; i++)
        if (match(ctx, row->pair->tags[i]))
            return true;
    return false;
}

static bool field_group(const struct judged *row, match_fn *match, void *ctx)
{
    return row->pair->group && match(ctx, row->pair->group);
}

static bool field_split(const struct judged *row, match_fn *match, void *ctx)
{
    return match(ctx, split_name(row->pair->split));
}

static bool field_key(const struct judged *row, match_fn *match, void *ctx)
{
    return row->pair->key && match(ctx, row->pair->key);
}

static bool field_post(const struct judged *row, match_fn *match, void *ctx)
{
    return (row->pair->title && match(ctx, row->pair->title)) || match(ctx, row->pair->context);
}

static bool field_a(const struct judged *row, match_fn *match, void *ctx)
{
    return match(ctx, row->pair->a);
}

static bool field_b(const struct judged *row, match_fn *match, void *ctx)
{
    return match(ctx, row->pair->b);
}

static bool field_text(const struct judged *row, match_fn *match, void *ctx)
{
    return field_post(row, match, ctx) || field_a(row, match, ctx) || field_b(row, match, ctx);
}

const struct filter_field filter_fields[] = {
    {.name = "disagree",
     .kind = FIELD_FLAG,
     .flag = field_disagree,
     .about = "the labeler chose the other one"},
    {.name = "agree",
     .kind = FIELD_FLAG,
     .flag = field_agree,
     .about = "the labeler chose the same one"},
    {.name = "flip",
     .kind = FIELD_FLAG,
     .flag = field_flip,
     .about = "both orders chose the same slot"},
    {.name = "labelled",
     .kind = FIELD_FLAG,
     .flag = field_labelled,
     .about = "there is a verdict"},
    {.name = "failed",
     .kind = FIELD_FLAG,
     .flag = field_failed,
     .about = "asked, but no label came"},
    {.name = "half",
     .kind = FIELD_FLAG,
     .flag = field_half,
     .about = "the verdict is exactly even"},
    {.name = "unlabelled",
     .kind = FIELD_FLAG,
     .flag = field_unlabelled,
     .about = "no rater has chosen"},
    {.name = "identical",
     .kind = FIELD_FLAG,
     .flag = field_identical,
     .about = "both responses are the same text"},
    {.name = "margin",
     .kind = FIELD_NUMBER,
     .number = field_margin,
     .about = "distance of the soft label from even, 0..1"},
    {.name = "p",
     .kind = FIELD_NUMBER,
     .number = field_p,
     .about = "the soft label: probability that A is better"},
    {.name = "pull",
     .kind = FIELD_NUMBER,
     .number = field_pull,
     .about = "pull towards the first slot, -1..1"},
    {.name = "outside",
     .kind = FIELD_NUMBER,
     .number = field_outside,
     .about = "probability outside the options"},
    {.name = "dlen",
     .kind = FIELD_NUMBER,
     .number = field_dlen,
     .about = "difference of the responses' lengths in words"},
    {.name = "words",
     .kind = FIELD_NUMBER,
     .number = field_words,
     .about = "words of the context"},
    {.name = "num",
     .kind = FIELD_NUMBER,
     .number = field_num,
     .about = "the pair's number in its set"},
    {.name = "confidence",
     .kind = FIELD_NUMBER,
     .number = field_confidence,
     .about = "how sure the raters were, 0..4"},
    {.name = "human",
     .kind = FIELD_TEXT,
     .text = field_reference,
     .about = "the reference choice: a, b, tie (or 1, 2)"},
    {.name = "ai",
     .kind = FIELD_TEXT,
     .text = field_ai,
     .about = "the labeler's choice: a, b, half (or 1, 2)"},
    {.name = "tag", .kind = FIELD_TEXT, .text = field_tag, .about = "one of its tags"},
    {.name = "group",
     .kind = FIELD_TEXT,
     .text = field_group,
     .about = "its group, such as the subreddit"},
    {.name = "split",
     .kind = FIELD_TEXT,
     .text = field_split,
     .about = "train, dev or test"},
    {.name = "key",
     .kind = FIELD_TEXT,
     .text = field_key,
     .about = "the id in its own file"},
    {.name = "post",
     .kind = FIELD_TEXT,
     .text = field_post,
     .about = "title and context"},
    {.name = "a", .kind = FIELD_TEXT, .text = field_a, .about = "response A"},
    {.name = "b", .kind = FIELD_TEXT, .text = field_b, .about = "response B"},
    {.name = "text", .kind = FIELD_TEXT, .text = field_text, .about = "any of its texts"},
    {.name = NULL},
};

/* ---- compiling ---- */

enum op { OP_LESS, OP_LESS_EQUAL, OP_MORE, OP_MORE_EQUAL, OP_EQUAL, OP_NOT_EQUAL, OP_MATCH };

struct term {
    const struct filter_field *field;
    bool negated;
    bool or_before; /* begins a new alternative */
    enum op op;
    double number;
    char *text;
    pcre2_code *pattern;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

struct filter {
    struct term *terms;
    size_t n;
};

void filter_free(struct filter *filter)
{
    if (!filter)
        return;
    for (size_t i = 0; i < filter->n; i++) {
        free(filter->terms[i].text);
        pcre2_match_data_free(filter->terms[i].match);
        pcre2_match_context_free(filter->terms[i].limits);
        pcre2_code_free(filter->terms[i].pattern);
    }
    free(filter->terms);
    free(filter);
}

__attribute__((format(printf, 3, 4))) static int filter_error(struct error *err, size_t at,
                                                              const char *format, ...)
{
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(err, ERROR_USAGE, "%s", text);
    if (err)
        err->column = (int64_t)at + 1;
    return -1;
}

static const struct filter_field *find_field(const char *name)
{
    for (const struct filter_field *f = filter_fields; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static int unknown_field(const char *name, size_t at, struct error *err)
{
    const char *names[64];
    size_t n = 0;
    for (const struct filter_field *f = filter_fields; f->name && n < 64; f++)
        names[n++] = f->name;
    const char *near = text_nearest(name, names, n);
    filter_error(err, at, "a filter knows no \"%s\"", name);
    if (near)
        error_hint(err, "did you mean %s?", near);
    else
        error_hint(err, "help filter lists what it knows");
    return -1;
}

static size_t read_op(const char *text, enum op *op)
{
    static const struct {
        const char *sign;
        enum op op;
    } signs[] = {{"<=", OP_LESS_EQUAL}, {">=", OP_MORE_EQUAL}, {"!=", OP_NOT_EQUAL},
                 {"<", OP_LESS},        {">", OP_MORE},        {"=", OP_EQUAL},
                 {":", OP_EQUAL},       {"~", OP_MATCH}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strncmp(text, signs[i].sign, strlen(signs[i].sign)) == 0) {
            *op = signs[i].op;
            return strlen(signs[i].sign);
        }
    return 0;
}

/* A value: quoted or up to the next blank or `|`. */
static int read_value(const char *text, size_t *pos, struct buf *out, struct error *err)
{
    size_t i = *pos;
    if (text[i] == '"' || text[i] == '\'') {
        char quote = text[i];
        size_t open = i++;
        while (text[i] && text[i] != quote) {
            if (text[i] == '\\' && text[i + 1] == quote)
                i++;
            buf_addc(out, text[i++]);
        }
        if (!text[i])
            return filter_error(err, open, "a quote is not closed");
        i++;
    } else {
        while (text[i] && text[i] != ' ' && text[i] != '\t' && text[i] != '|')
            buf_addc(out, text[i++]);
    }
    *pos = i;
    return 0;
}

static int compile_pattern(struct term *term, size_t at, struct error *err)
{
    int code;
    PCRE2_SIZE offset;
    term->pattern = pcre2_compile((PCRE2_SPTR)term->text, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_CASELESS | PCRE2_MATCH_INVALID_UTF, &code,
                                  &offset, NULL);
    if (!term->pattern) {
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(code, message, sizeof message);
        return filter_error(err, at + offset, "the pattern is wrong: %s", (const char *)message);
    }
    term->match = pcre2_match_data_create(1, NULL);
    term->limits = pcre2_match_context_create(NULL);
    /* A pattern from the keyboard may be of the exploding kind. */
    pcre2_set_match_limit(term->limits, 100000);
    return 0;
}

static int read_term(const char *text, size_t *pos, struct term *term, struct error *err)
{
    size_t i = *pos, start;
    char name[32];

    if (text[i] == '-') {
        term->negated = true;
        i++;
    }
    start = i;
    while ((text[i] >= 'a' && text[i] <= 'z') || text[i] == '_')
        i++;
    if (i == start || i - start >= sizeof name)
        return filter_error(err, start, "a filter term begins with a name, not \"%.20s\"",
                            text + start);
    memcpy(name, text + start, i - start);
    name[i - start] = '\0';
    term->field = find_field(name);
    if (!term->field)
        return unknown_field(name, start, err);
    size_t sign = read_op(text + i, &term->op);
    if (term->field->kind == FIELD_FLAG) {
        *pos = i;
        return sign ? filter_error(err, i, "%s stands alone and takes no value", name) : 0;
    }
    if (sign == 0)
        return filter_error(err, i, "%s wants %s", name,
                            term->field->kind == FIELD_NUMBER ? "a comparison such as <.2"
                                                              : "=value, :value or ~pattern");
    i += sign;
    struct buf value;
    size_t at = i;
    buf_init(&value, 4096);
    if (read_value(text, &i, &value, err) < 0) {
        buf_release(&value);
        return -1;
    }
    term->text = buf_take(&value);
    *pos = i;
    if (!*term->text)
        return filter_error(err, at, "%s wants a value", name);
    if (term->field->kind == FIELD_TEXT) {
        if (term->op == OP_MATCH)
            return compile_pattern(term, at, err);
        if (term->op != OP_EQUAL && term->op != OP_NOT_EQUAL)
            return filter_error(err, at, "%s is text: use =, !=, : or ~", name);
        return 0;
    }
    char *end;
    term->number = strtod(term->text, &end);
    if (*end || term->op == OP_MATCH || !isfinite(term->number))
        return filter_error(err, at, "%s is compared with a number", name);
    return 0;
}

struct filter *filter_compile(const char *text, struct error *err)
{
    struct filter *filter = xcalloc(1, sizeof *filter);
    size_t i = 0, cap = 0;
    bool or_before = false;

    for (;;) {
        while (text[i] == ' ' || text[i] == '\t')
            i++;
        if (!text[i])
            break;
        if (text[i] == '|') {
            if (filter->n == 0 || or_before) {
                filter_error(err, i, "there is nothing before this |");
                goto fail;
            }
            or_before = true;
            i++;
            continue;
        }
        filter->terms = array_grow(filter->terms, filter->n, &cap, sizeof *filter->terms);
        filter->terms[filter->n] = (struct term){.or_before = or_before};
        or_before = false;
        filter->n++;
        if (read_term(text, &i, &filter->terms[filter->n - 1], err) < 0)
            goto fail;
    }
    if (!or_before)
        return filter;
    filter_error(err, i, "there is nothing behind the last |");
fail:
    filter_free(filter);
    return NULL;
}

/* ---- applying ---- */

static bool match_equal(void *ctx, const char *text)
{
    const struct term *term = ctx;
    return strcasecmp(term->text, text) == 0;
}

static bool match_pattern(void *ctx, const char *text)
{
    struct term *term = ctx;
    return pcre2_match(term->pattern, (PCRE2_SPTR)text, strlen(text), 0, 0, term->match,
                       term->limits) >= 0;
}

static bool compare(enum op op, double x, double y)
{
    switch (op) {
    case OP_LESS:
        return x < y;
    case OP_LESS_EQUAL:
        return x <= y;
    case OP_MORE:
        return x > y;
    case OP_MORE_EQUAL:
        return x >= y;
    case OP_EQUAL:
        return x == y;
    case OP_NOT_EQUAL:
        return x < y || x > y;
    case OP_MATCH:
        break;
    }
    return false;
}

static bool term_holds(const struct term *term, const struct judged *row)
{
    bool holds = false;
    switch (term->field->kind) {
    case FIELD_FLAG:
        holds = term->field->flag(row);
        break;
    case FIELD_NUMBER:
        holds = compare(term->op, term->field->number(row), term->number);
        break;
    case FIELD_TEXT:
        holds = term->field->text(row, term->op == OP_MATCH ? match_pattern : match_equal,
                                  (void *)term);
        if (term->op == OP_NOT_EQUAL)
            holds = !holds;
        break;
    }
    return holds != term->negated;
}

bool filter_holds(const struct filter *filter, const struct judged *row)
{
    bool holds = true;
    for (size_t i = 0; i < filter->n; i++) {
        if (filter->terms[i].or_before) {
            if (holds)
                return true;
            holds = true;
        }
        holds = holds && term_holds(&filter->terms[i], row);
    }
    return holds;
}
