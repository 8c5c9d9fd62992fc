#include "src/label/render.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/label/prompt.h"

#define RENDER_MAX ((size_t)64 << 20)
/* Tokens a chat format may put behind what is counted here. */
#define RENDER_SLACK 8

const char *render_part_name(enum render_part part)
{
    static const char *const names[] = {
        "marker", "system", "preamble", "exemplar",   "sample",    "context", "first",
        "second", "title",  "group",    "cot.ending", "rationale", "ending"};
    return names[part];
}

void rendered_release(struct rendered *r)
{
    buf_release(&r->text);
    free(r->ranges);
    tokens_release(&r->tokens);
    memset(r, 0, sizeof *r);
}

/* ---- text with ranges ---- */

static void range_add(struct rendered *r, size_t begin, size_t end, enum render_part part,
                      int exemplar)
{
    if (begin == end)
        return;
    struct render_range *last = r->n_ranges ? &r->ranges[r->n_ranges - 1] : NULL;
    if (last && last->part == part && last->exemplar == exemplar && last->end == begin) {
        last->end = end;
        return;
    }
    r->ranges = array_grow(r->ranges, r->n_ranges, &r->ranges_cap, sizeof *r->ranges);
    r->ranges[r->n_ranges++] = (struct render_range){begin, end, part, exemplar};
}

static void part_add(struct rendered *r, enum render_part part, int exemplar,
                     const char *bytes, size_t len)
{
    size_t begin = r->text.len;
    buf_add(&r->text, bytes, len);
    range_add(r, begin, r->text.len, part, exemplar);
}

/* What comes next begins on its own line. */
static void end_line(struct rendered *r, enum render_part part, int exemplar)
{
    if (r->text.len && r->text.data[r->text.len - 1] != '\n')
        part_add(r, part, exemplar, "\n", 1);
}

/* Braces may be escaped in every section, so all go through the walk. */
struct section {
    struct rendered *out;
    enum render_part part;
    int exemplar;
    const char *fill[PROMPT_SLOTS];
    size_t fill_len[PROMPT_SLOTS];
};

static void section_literal(void *ctx, const char *bytes, size_t len)
{
    struct section *s = ctx;
    part_add(s->out, s->exemplar >= 0 ? PART_EXEMPLAR : s->part, s->exemplar, bytes, len);
}

static void section_slot(void *ctx, enum prompt_slot which)
{
    static const enum render_part parts[PROMPT_SLOTS] = {
        PART_CONTEXT, PART_FIRST, PART_SECOND, PART_TITLE, PART_GROUP};
    struct section *s = ctx;
    if (s->fill[which])
        part_add(s->out, s->exemplar >= 0 ? PART_EXEMPLAR : parts[which], s->exemplar,
                 s->fill[which], s->fill_len[which]);
}

/* The prompt's texts were checked when it was parsed: the walk cannot fail. */
static void section_add(struct section *s, const char *text)
{
    size_t at;
    prompt_walk(text, strlen(text), section_literal, section_slot, s, &at, NULL);
}

static void text_part(struct rendered *r, enum render_part part, int exemplar, const char *text)
{
    struct section s = {.out = r, .part = part, .exemplar = exemplar};
    section_add(&s, text);
}

static void fill_set(struct section *s, enum prompt_slot which, const char *text, bool strip)
{
    size_t len = text ? strlen(text) : 0;
    if (strip) {
        while (len && strchr(" \t\r\n\v\f", *text)) {
            text++;
            len--;
        }
        while (len && strchr(" \t\r\n\v\f", text[len - 1]))
            len--;
    }
    s->fill[which] = text;
    s->fill_len[which] = len;
}

const char *prompt_option_gap(const struct prompt *prompt)
{
    size_t n = strlen(prompt->ending);
    for (size_t i = 0; i < prompt->n_options; i++)
        if (strchr(" \t\n", prompt->options[i][0]))
            return "";
    if (n == 0)
        return "";
    unsigned char last = (unsigned char)prompt->ending[n - 1];
    return isalnum(last) || last >= 0x80 || strchr(":;,.?!)", last) ? " " : "";
}

static void add_exemplars(struct rendered *r, const struct prompt *p)
{
    for (size_t i = 0; i < p->exemplars.n; i++) {
        const struct exemplar *row = &p->exemplars.rows[i];
        int e = (int)i;
        struct section s = {.out = r, .part = PART_EXEMPLAR, .exemplar = e};
        fill_set(&s, PROMPT_SLOT_CONTEXT, row->context, false);
        fill_set(&s, PROMPT_SLOT_FIRST, row->a, true);
        fill_set(&s, PROMPT_SLOT_SECOND, row->b, true);
        fill_set(&s, PROMPT_SLOT_TITLE, row->title, false);
        fill_set(&s, PROMPT_SLOT_GROUP, row->group, false);
        section_add(&s, p->sample);
        end_line(r, PART_EXEMPLAR, e);
        if (p->cot_on && row->rationale) {
            text_part(r, PART_EXEMPLAR, e, p->cot_ending);
            if (r->text.len && !strchr(" \n\t", r->text.data[r->text.len - 1]))
                part_add(r, PART_EXEMPLAR, e, " ", 1);
            part_add(r, PART_EXEMPLAR, e, row->rationale, strlen(row->rationale));
            end_line(r, PART_EXEMPLAR, e);
        }
        text_part(r, PART_EXEMPLAR, e, p->ending);
        text_part(r, PART_EXEMPLAR, e, prompt_option_gap(p));
        part_add(r, PART_EXEMPLAR, e, p->options[row->label - 1],
                 strlen(p->options[row->label - 1]));
        part_add(r, PART_EXEMPLAR, e, "\n\n", 2);
    }
}

/* Everything up to the ending. */
static void add_body(struct rendered *r, const struct prompt *p, const struct render_call *call,
                     size_t context_len)
{
    const struct pair *pair = call->pair;
    bool swap = call->order == ORDER_BA;
    struct section s = {.out = r, .part = PART_SAMPLE, .exemplar = -1};
    text_part(r, PART_PREAMBLE, -1, p->preamble);
    end_line(r, PART_PREAMBLE, -1);
    add_exemplars(r, p);
    if (!call->no_context) {
        fill_set(&s, PROMPT_SLOT_CONTEXT, pair->context, false);
        s.fill_len[PROMPT_SLOT_CONTEXT] = context_len;
        fill_set(&s, PROMPT_SLOT_TITLE, pair->title, false);
        fill_set(&s, PROMPT_SLOT_GROUP, pair->group, false);
    }
    fill_set(&s, PROMPT_SLOT_FIRST, swap ? pair->b : pair->a, true);
    fill_set(&s, PROMPT_SLOT_SECOND, swap ? pair->a : pair->b, true);
    section_add(&s, p->sample);
}

/* What opens the answer: the ending, or cot's ending, rationale, ending. */
static void add_answer(struct rendered *r, const struct prompt *p, const struct render_call *call)
{
    if (p->cot_on) {
        text_part(r, PART_COT_ENDING, -1, p->cot_ending);
        if (!call->rationale)
            return;
        part_add(r, PART_RATIONALE, -1, call->rationale, call->rationale_len);
        end_line(r, PART_RATIONALE, -1);
    }
    text_part(r, PART_ENDING, -1, p->ending);
}

/* ---- tokens ---- */

static int encode(const struct renderer *rr, struct rendered *r, struct error *err)
{
    r->last_text = 0;
    int32_t bos = model_bos(rr->model);
    if (bos >= 0)
        tokens_add(&r->tokens, bos);
    r->last_token = r->tokens.n;
    return model_encode(rr->model, buf_str(&r->text), r->text.len, &r->tokens, err);
}

static const char *find_bytes(const char *hay, size_t hay_len, const char *needle, size_t len)
{
    if (len == 0 || len > hay_len)
        return NULL;
    for (size_t i = hay_len - len + 1; i-- > 0;)
        if (hay[i] == needle[0] && memcmp(hay + i, needle, len) == 0)
            return hay + i;
    return NULL;
}

/* body's ranges, moved to where the body stands in the conversation. */
static void copy_ranges(struct rendered *r, const struct rendered *body, size_t at, size_t body_len)
{
    for (size_t i = 0; i < body->n_ranges; i++) {
        struct render_range g = body->ranges[i];
        size_t end = g.end < body_len ? g.end : body_len;
        if (g.begin < end)
            range_add(r, at + g.begin, at + end, g.part, g.exemplar);
    }
}

static int render_chat(const struct renderer *rr, const struct render_call *call,
                       struct rendered *body, struct rendered *r, struct error *err)
{
    const struct prompt *p = rr->prompt;
    struct chat_message messages[2];
    size_t n = 0, user = body->text.len;
    while (user && strchr(" \t\r\n", body->text.data[user - 1]))
        user--;
    if (p->system[0])
        messages[n++] = (struct chat_message){"system", p->system, strlen(p->system)};
    messages[n++] = (struct chat_message){"user", buf_str(&body->text), user};
    if (!rr->model) {
        part_add(r, PART_SYSTEM, -1, p->system, strlen(p->system));
        part_add(r, PART_MARKER, -1, "\n\n", p->system[0] ? 2 : 0);
        size_t at = r->text.len;
        buf_add(&r->text, buf_str(&body->text), user);
        copy_ranges(r, body, at, user);
        part_add(r, PART_MARKER, -1, "\n\n", 2);
    } else {
        if (model_chat(rr->model, rr->chat_format, messages, n, true, &r->tokens, &r->text, err))
            return -1;
        const char *text = buf_str(&r->text),
                   *at = find_bytes(text, r->text.len, buf_str(&body->text), user);
        size_t begin = at ? (size_t)(at - text) : r->text.len, len = strlen(p->system);
        const char *system = find_bytes(text, begin, p->system, len);
        size_t sys = system ? (size_t)(system - text) : begin, sys_end = system ? sys + len : begin;
        range_add(r, 0, sys, PART_MARKER, -1);
        range_add(r, sys, sys_end, PART_SYSTEM, -1);
        range_add(r, sys_end, begin, PART_MARKER, -1);
        if (at)
            copy_ranges(r, body, begin, user);
        range_add(r, at ? begin + user : begin, r->text.len, PART_MARKER, -1);
    }
    r->last_text = r->text.len;
    r->last_token = r->tokens.n;
    add_answer(r, p, call);
    if (!rr->model)
        return 0;
    return model_encode(rr->model, buf_str(&r->text) + r->last_text,
                        r->text.len - r->last_text, &r->tokens, err);
}

static int render_with(const struct renderer *rr, const struct render_call *call,
                       size_t context_len, struct rendered *out, struct error *err)
{
    memset(out, 0, sizeof *out);
    buf_init(&out->text, RENDER_MAX);
    int rc = 0;
    if (rr->prompt->style == PROMPT_CHAT) {
        struct rendered body = {0};
        buf_init(&body.text, RENDER_MAX);
        add_body(&body, rr->prompt, call, context_len);
        rc = render_chat(rr, call, &body, out, err);
        rendered_release(&body);
    } else {
        add_body(out, rr->prompt, call, context_len);
        if (rr->prompt->cot_on || rr->prompt->ending[0])
            end_line(out, PART_SAMPLE, -1);
        add_answer(out, rr->prompt, call);
        if (rr->model)
            rc = encode(rr, out, err);
    }
    if (rc == 0 && out->text.full)
        rc = error_set(err, ERROR_DATA, "the prompt is larger than 64 MiB");
    if (rc)
        rendered_release(out);
    return rc;
}

/* ---- fitting ---- */

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p; n++) {
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    return n;
}

/* Bytes of the first `lines` lines, without the last one's newline. */
static size_t lines_len(const char *text, size_t lines)
{
    const char *p = text;
    for (size_t i = 0; i < lines; i++) {
        if (i)
            p++;
        p += strcspn(p, "\n");
    }
    return (size_t)(p - text);
}

/* The most lines that fit, by halving: tokens grow with the text. */
static int render_cut(const struct renderer *rr, const struct render_call *call,
                      struct rendered *out, struct error *err)
{
    const char *context = call->pair->context;
    size_t lines = count_lines(context), low = 0, high = lines; /* low fits, high does not */
    rendered_release(out);
    if (render_with(rr, call, 0, out, err))
        return -1;
    if (out->tokens.n > rr->context) {
        error_set(
            err, ERROR_DATA,
            "longer than the model's context even without the post: %zu tokens of %zu",
            out->tokens.n, rr->context);
        rendered_release(out);
        return -1;
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        struct rendered trial;
        if (render_with(rr, call, lines_len(context, middle), &trial, err)) {
            rendered_release(out);
            return -1;
        }
        if (trial.tokens.n <= rr->context) {
            rendered_release(out);
            *out = trial;
            low = middle;
        } else {
            rendered_release(&trial);
            high = middle;
        }
    }
    out->cut_lines = (int)(lines - low);
    return 0;
}

int render(const struct renderer *rr, const struct render_call *call,
           struct rendered *out, struct error *err)
{
    const char *context = call->no_context ? "" : call->pair->context;
    size_t len = strlen(context);
    if (call->first && call->first->cut_lines)
        len = lines_len(context, count_lines(context) - (size_t)call->first->cut_lines);
    if (render_with(rr, call, len, out, err))
        return -1;
    if (call->first) {
        out->cut_lines = call->first->cut_lines;
        return 0;
    }
    if (!rr->model || out->tokens.n <= rr->context)
        return 0;
    if (!len) {
        error_set(
            err, ERROR_DATA,
            "longer than the model's context even without the post: %zu tokens of %zu",
            out->tokens.n, rr->context);
        rendered_release(out);
        return -1;
    }
    return render_cut(rr, call, out, err);
}

/* ---- options ---- */

static void options_free(struct tokens *options, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tokens_release(&options[i]);
}

/* options[i] holds the ids of text + option i. Returns how many ids all have in common
 * with `base`, leaving every option at least one; what is common is taken off the
 * options. */
static size_t split_common(struct tokens *options, size_t n, const int32_t *base, size_t n_base)
{
    size_t common = n_base;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < common && k + 1 < options[i].n && options[i].ids[k] == base[k])
            k++;
        common = k;
    }
    for (size_t i = 0; i < n; i++) {
        memmove(options[i].ids, options[i].ids + common,
                (options[i].n - common) * sizeof *options[i].ids);
        options[i].n -= common;
    }
    return common;
}

static int encode_options(const struct renderer *rr, const char *text, size_t len,
                          struct tokens *options, struct error *err)
{
    const struct prompt *p = rr->prompt;
    for (size_t i = 0; i < p->n_options; i++) {
        struct buf both;
        buf_init(&both, RENDER_MAX);
        buf_add(&both, text, len);
        buf_adds(&both, prompt_option_gap(p));
        buf_adds(&both, p->options[i]);
        int rc = model_encode(rr->model, buf_str(&both), both.len, &options[i], err);
        buf_release(&both);
        if (rc)
            return -1;
        if (options[i].n == 0)
            return error_set(err, ERROR_DATA, "the option \"%s\" has no token of its own",
                             p->options[i]);
    }
    return 0;
}

static int check_distinct(const struct renderer *rr, const struct tokens *options,
                          struct error *err)
{
    for (size_t i = 0; i < rr->prompt->n_options; i++)
        for (size_t k = 0; k < i; k++)
            if (options[i].n == options[k].n &&
                memcmp(options[i].ids, options[k].ids, options[i].n * sizeof *options[i].ids) == 0)
                return error_set(err, ERROR_DATA,
                                 "this model's tokenizer cannot tell the options \"%s\" "
                                 "and \"%s\" apart",
                                 rr->prompt->options[k], rr->prompt->options[i]);
    return 0;
}

int renderer_init(struct renderer *rr, const struct prompt *prompt, const struct model *model,
                  struct error *err)
{
    memset(rr, 0, sizeof *rr);
    rr->prompt = prompt;
    rr->model = model;
    rr->context = SIZE_MAX;
    if (!model)
        return 0;
    struct rendered ending = {0};
    buf_init(&ending.text, 0);
    text_part(&ending, PART_ENDING, -1, prompt->ending);
    rr->n_options = prompt->n_options;
    rr->options = xcalloc(rr->n_options, sizeof *rr->options);
    int rc = model_encode(model, buf_str(&ending.text), ending.text.len, &rr->ending, err);
    if (rc == 0)
        rc = encode_options(rr, buf_str(&ending.text), ending.text.len, rr->options, err);
    rendered_release(&ending);
    if (rc == 0) {
        size_t common = split_common(rr->options, rr->n_options, rr->ending.ids, rr->ending.n);
        rr->exact = common == rr->ending.n && common > 0;
        rc = check_distinct(rr, rr->options, err);
    }
    if (rc) {
        renderer_release(rr);
        return -1;
    }
    size_t room = RENDER_SLACK, longest = 0, context = (size_t)model_info(model)->context;
    for (size_t i = 0; i < rr->n_options; i++)
        longest = rr->options[i].n > longest ? rr->options[i].n : longest;
    room += longest;
    if (prompt->cot_on)
        room += (size_t)prompt->cot_max_tokens + rr->ending.n;
    rr->context = context > room ? context - room : 0;
    return 0;
}

void renderer_release(struct renderer *rr)
{
    if (rr->options)
        options_free(rr->options, rr->n_options);
    free(rr->options);
    tokens_release(&rr->ending);
    memset(rr, 0, sizeof *rr);
}

static void tokens_copy(struct tokens *to, const struct tokens *from)
{
    to->n = 0;
    for (size_t i = 0; i < from->n; i++)
        tokens_add(to, from->ids[i]);
}

int render_options(const struct renderer *rr, struct rendered *r, struct tokens *options,
                   struct error *err)
{
    size_t tail = r->tokens.n - r->last_token;
    if (rr->exact && tail >= rr->ending.n &&
        memcmp(r->tokens.ids + r->tokens.n - rr->ending.n, rr->ending.ids,
               rr->ending.n * sizeof *rr->ending.ids) == 0) {
        for (size_t i = 0; i < rr->n_options; i++)
            tokens_copy(&options[i], &rr->options[i]);
        return 0;
    }
    for (size_t i = 0; i < rr->n_options; i++)
        options[i].n = 0;
    if (encode_options(rr, buf_str(&r->text) + r->last_text, r->text.len - r->last_text,
                       options, err))
        return -1;
    size_t common = split_common(options, rr->n_options, r->tokens.ids + r->last_token, tail);
    r->tokens.n = r->last_token + common;
    if (r->tokens.n == 0)
        return error_set(err, ERROR_DATA, "the prompt has no token in front of the options");
    return check_distinct(rr, options, err);
}
