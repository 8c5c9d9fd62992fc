/* What must hold between the fields of a prompt: its slots, its options, its exemplars. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/label/prompt_fields.h"

struct yaml_value *prompt_value(const struct prompt *prompt, const char *field,
                                struct yaml_value **key)
{
    const struct yaml_value *map = prompt->spans->root;
    const char *dot = strchr(field, '.');
    if (dot) {
        char first[32];
        snprintf(first, sizeof first, "%.*s", (int)(dot - field), field);
        map = yaml_find(map, first, NULL);
        field = dot + 1;
    }
    return yaml_find(map, field, key);
}

static int fail_byte(const struct prompt *p, size_t byte, struct error *err, const char *text)
{
    int64_t line, column;
    yaml_place(p->yaml, p->yaml_len, byte, &line, &column);
    return error_at_line(err, p->file, line, column, "%s", text);
}

/* Where the value begins, or the whole prompt when it is not in the source. */
static size_t value_byte(const struct prompt *p, const char *field)
{
    const struct yaml_value *v = prompt_value(p, field, NULL);
    return v ? v->begin : p->spans->root->begin;
}

/* The source byte of the text's k-th `{{`: braces stand in the source as they stand in the text. */
static size_t brace_byte(const struct prompt *p, const char *field, const char *text, size_t at)
{
    const struct yaml_value *v = prompt_value(p, field, NULL);
    if (!v)
        return 0;
    size_t k = 0;
    for (size_t i = 0; i < at; i++)
        if (text[i] == '{' && text[i + 1] == '{') {
            k++;
            i++;
        }
    for (size_t i = v->begin; i + 1 < v->end; i++)
        if (p->yaml[i] == '{' && p->yaml[i + 1] == '{') {
            if (k-- == 0)
                return i;
            i++;
        }
    return v->begin;
}

int prompt_walk(const char *text, size_t len,
                void (*literal)(void *ctx, const char *bytes, size_t len),
                void (*slot)(void *ctx, enum prompt_slot which), void *ctx, size_t *at,
                struct error *err)
{
    size_t start = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' && len - i >= 3 && text[i + 1] == '{' && text[i + 2] == '{') {
            if (literal && i > start)
                literal(ctx, text + start, i - start);
            start = i + 1;
            i += 2;
            continue;
        }
        if (text[i] != '{' || i + 1 >= len || text[i + 1] != '{')
            continue;
        const char *name = text + i + 2, *end = text + i + 2;
        while (end < text + len && *end != '}' && *end != '\n' && *end != '{')
            end++;
        *at = i;
        if (end + 1 >= text + len || end[0] != '}' || end[1] != '}') {
            error_set(err, ERROR_DATA, "{{ opens a slot that is not closed by }}");
            return error_hint(err, "write \\{{ for braces as text");
        }
        size_t which = 0, n = (size_t)(end - name);
        while (which < PROMPT_SLOTS && (strlen(prompt_slot_names[which]) != n ||
                                        memcmp(prompt_slot_names[which], name, n) != 0))
            which++;
        if (which == PROMPT_SLOTS) {
            char word[40];
            snprintf(word, sizeof word, "%.*s", (int)(n < 38 ? n : 38), name);
            error_set(err, ERROR_DATA, "{{%s}} is not a slot", word);
            char *bare = word + strspn(word, " ");
            bare[strcspn(bare, " ")] = 0;
            const char *near = text_nearest(bare, prompt_slot_names, PROMPT_SLOTS);
            return near ? error_hint(err, "did you mean {{%s}}?", near)
                        : error_hint(err, "slots: {{context}} {{first}} {{second}} "
                                          "{{title}} {{group}}; "
                                          "write \\{{ for braces as text");
        }
        if (literal && i > start)
            literal(ctx, text + start, i - start);
        if (slot)
            slot(ctx, (enum prompt_slot)which);
        start = i + n + 4;
        i = start - 1;
    }
    if (literal && len > start)
        literal(ctx, text + start, len - start);
    return 0;
}

static void count_slot(void *ctx, enum prompt_slot which)
{
    ((int *)ctx)[which]++;
}

/* Offset of the k-th {{name}} that is not escaped; it is there. */
static size_t slot_at(const char *text, const char *name, int k)
{
    const char *at = text;
    for (;;) {
        at = strstr(at, name);
        if (!at)
            return 0;
        if ((at == text || at[-1] != '\\') && k-- == 0)
            return (size_t)(at - text);
        at++;
    }
}

static int check_slots(struct prompt *p, const char *field, const char *text,
                       int count[PROMPT_SLOTS], struct error *err)
{
    size_t at = 0;
    struct error inner;
    memset(&inner, 0, sizeof inner);
    if (prompt_walk(text, strlen(text), NULL, count_slot, count, &at, &inner)) {
        fail_byte(p, brace_byte(p, field, text, at), err, inner.text);
        return inner.hint[0] ? error_hint(err, "%s", inner.hint) : -1;
    }
    return 0;
}

/* A section other than the sample: no slots at all. */
static int check_no_slots(struct prompt *p, const char *field, const char *text, struct error *err)
{
    int count[PROMPT_SLOTS] = {0};
    if (check_slots(p, field, text, count, err))
        return -1;
    for (int i = 0; i < PROMPT_SLOTS; i++)
        if (count[i]) {
            char name[32], message[120];
            snprintf(name, sizeof name, "{{%s}}", prompt_slot_names[i]);
            snprintf(message, sizeof message,
                     "%s stands in %s; slots belong into the sample", name, field);
            fail_byte(p, brace_byte(p, field, text, slot_at(text, name, 0)), err, message);
            return error_hint(err, "write \\{{ for braces as text");
        }
    return 0;
}

static int check_sample(struct prompt *p, struct error *err)
{
    int count[PROMPT_SLOTS] = {0};
    char message[120];
    if (!p->sample) {
        fail_byte(p, p->spans->root->begin, err, "the prompt has no sample");
        return error_hint(
            err,
            "sample: says how a pair is shown, with {{context}} {{first}} {{second}}");
    }
    if (check_slots(p, "sample", p->sample, count, err))
        return -1;
    for (int i = 0; i < PROMPT_SLOTS; i++)
        if (count[i] > 1) {
            char name[32];
            snprintf(name, sizeof name, "{{%s}}", prompt_slot_names[i]);
            snprintf(message, sizeof message, "%s stands there %d times; once is allowed",
                     name, count[i]);
            return fail_byte(
                p, brace_byte(p, "sample", p->sample, slot_at(p->sample, name, 1)), err,
                message);
        }
    p->pointwise = !count[PROMPT_SLOT_SECOND] && p->n_options > 3;
    for (int i = PROMPT_SLOT_CONTEXT; i <= PROMPT_SLOT_SECOND; i++)
        if (!count[i] && !(i == PROMPT_SLOT_SECOND && p->pointwise)) {
            snprintf(message, sizeof message, "the sample lacks {{%s}}", prompt_slot_names[i]);
            return fail_byte(p, value_byte(p, "sample"), err, message);
        }
    if (!p->pointwise && p->n_options > 3) {
        fail_byte(p, value_byte(p, "options"), err,
                  "a choice between two has 2 options, or 3 with a tie");
        return error_hint(err, "a prompt without {{second}} scores one response and may have more");
    }
    return 0;
}

static int check_exemplars(struct prompt *p, struct error *err)
{
    const struct yaml_value *list = prompt_value(p, "exemplars", NULL);
    int most = p->pointwise ? (int)p->n_options : 2;
    for (size_t i = 0; i < p->exemplars.n; i++) {
        const struct exemplar *row = &p->exemplars.rows[i];
        size_t at = list && list->kind == YAML_LIST && i < list->n ? list->items[i]->begin : 0;
        char message[120];
        if (!row->b && !p->pointwise)
            return fail_byte(p, at, err, "an exemplar needs context, a, b and label");
        if (row->label < 1 || row->label > most) {
            snprintf(message, sizeof message, "an exemplar's label must be 1..%d, not %d",
                     most, row->label);
            return fail_byte(p, at, err, message);
        }
        if (p->cot_on && !row->rationale)
            return fail_byte(p, at, err, "cot is on, but this exemplar has no rationale");
    }
    return 0;
}

int prompt_check(struct prompt *p, struct error *err)
{
    if (!p->name) {
        fail_byte(p, p->spans->root->begin, err, "the prompt has no name");
        return error_hint(err, "name: summary-mine");
    }
    if (check_sample(p, err) || check_no_slots(p, "system", p->system, err) ||
        check_no_slots(p, "preamble", p->preamble, err) ||
        check_no_slots(p, "cot.ending", p->cot_ending, err) ||
        check_no_slots(p, "ending", p->ending, err))
        return -1;
    if (p->pointwise && p->cot_on)
        return fail_byte(p, value_byte(p, "cot.on"), err,
                         "a prompt that scores one response has no cot");
    return check_exemplars(p, err);
}
