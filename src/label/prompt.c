#include "src/label/prompt.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/label/prompt_fields.h"

#define AT(member) offsetof(struct prompt, member)
const struct prompt_field prompt_fields[] = {
    {"name", PROMPT_WORD, AT(name), 0, 0, NULL, NULL, "what the prompt is called"},
    {"task", PROMPT_WORD, AT(task), 0, 0, NULL, "summary",
     "what is judged: summary, helpful, harmless or any word"},
    {"polarity", PROMPT_CHOICE, AT(polarity), 0, 0, "better|worse", "better",
     "worse: the model is asked for the worse one and the label is turned round"},
    {"style", PROMPT_CHOICE, AT(style), 0, 0, "completion|chat", "completion",
     "chat: all up to the ending is the user's turn, the ending opens the assistant's"},
    {"system", PROMPT_TEXT, AT(system), 0, 0, NULL, "",
     "the system message of a chat; empty: the format's own"},
    {"preamble", PROMPT_TEXT, AT(preamble), 0, 0, NULL, "",
     "what the labeler is told first"},
    {"exemplars", PROMPT_EXEMPLARS, AT(exemplars), 0, PROMPT_SHOTS_MAX, NULL, "[]",
     "solved examples: a list, or {set: builtin-exemplars, shots: 2}"},
    {"exemplars.set", PROMPT_WORD, AT(exemplar_set), 0, 0, NULL, NULL,
     "the set that examples are taken from"},
    {"exemplars.shots", PROMPT_INT, AT(shots), 0, PROMPT_SHOTS_MAX, NULL, "0",
     "how many examples are taken from the set"},
    {"sample", PROMPT_TEXT, AT(sample), 0, 0, NULL, NULL,
     "how a pair is shown: {{context}} {{first}} {{second}} {{title}} {{group}}"},
    {"cot.on", PROMPT_BOOL, AT(cot_on), 0, 0, NULL, "false",
     "the labeler writes its reasons first, then is asked again"},
    {"cot.ending", PROMPT_TEXT, AT(cot_ending), 0, 0, NULL,
     "Say which one is better and why.\nRationale:",
     "stands in place of the ending while reasons are written"},
    {"cot.max_tokens", PROMPT_INT, AT(cot_max_tokens), 1, 4096, NULL, "160",
     "the longest rationale"},
    {"cot.stop", PROMPT_WORDS, AT(cot_stop), 0, 8, NULL, "[\"\\n\\n\"]",
     "texts that end a rationale"},
    {"ending", PROMPT_TEXT, AT(ending), 0, 0, NULL, "",
     "what stands right before the answer"},
    {"options", PROMPT_WORDS, AT(options), 2, PROMPT_OPTIONS_MAX, NULL, "[\"1\", \"2\"]",
     "the answers; the first means {{first}}; a third means a tie"},
    {"decode.samples", PROMPT_INT, AT(samples), 1, 64, NULL, "1",
     "rationales for each order"},
    {"decode.temperature", PROMPT_REAL, AT(temperature), 0, 10, NULL, "0",
     "of sampled rationales; 0: always the likeliest token"},
    {"decode.top_k", PROMPT_INT, AT(top_k), 0, 1000000, NULL, "40",
     "only the k likeliest tokens are sampled; 0: all"},
    {"decode.top_p", PROMPT_REAL, AT(top_p), 0, 1, NULL, "1",
     "only the likeliest tokens that make up this mass are sampled"},
    {0},
};
const char *const prompt_slot_names[PROMPT_SLOTS] = {"context", "first", "second",
                                                     "title", "group"};
#define EXEMPLAR_KEYS {"id", "title", "group", "context", "a", "b", "rationale", "label"}

/* What is being filled, for messages. */
struct filler {
    struct prompt *p;
    struct error *err;
};

static int fail(const struct filler *f, const struct yaml_value *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int fail(const struct filler *f, const struct yaml_value *at, const char *format, ...)
{
    char text[400];
    int64_t line, column;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    yaml_place(f->p->yaml, f->p->yaml_len, at->begin, &line, &column);
    return error_at_line(f->err, f->p->file, line, column, "%s", text);
}

/* The part of a value that is worth quoting in a message. */
static const char *shown(const struct yaml_value *v, char out[64])
{
    struct buf b;
    buf_init(&b, 256);
    text_sanitise(&b, v->text ? v->text : "", v->len < 40 ? v->len : 40, 0);
    snprintf(out, 64, "%.50s%s", buf_str(&b), v->len > 40 ? ".." : "");
    buf_release(&b);
    return out;
}

/* A string is due. Unquoted words that YAML reads as something else are refused. */
static int want_text(const struct filler *f, const struct yaml_value *v, const char *name,
                     char **out)
{
    char word[64];
    if (v->kind != YAML_TEXT)
        return fail(f, v, "%s must be a text, not a %s", name,
                    v->kind == YAML_LIST ? "list" : "mapping");
    enum yaml_reading reading = v->look == LOOK_PLAIN ? yaml_read_plain(v->text) : READ_TEXT;
    if (reading == READ_NULL && v->len == 0) {
        fail(f, v, "%s has no value, which YAML reads as null; a text is due", name);
        return error_hint(f->err, "write \"\" for an empty text");
    }
    if (reading != READ_TEXT) {
        shown(v, word);
        fail(f, v, "%s: %s is read as %s; a text is due", name, word, yaml_reading_name(reading));
        return error_hint(f->err, "put it in quotes: \"%s\"", word);
    }
    free(*out);
    *out = xstrndup(v->text, v->len);
    return 0;
}

static int want_word(const struct filler *f, const struct yaml_value *v, const char *name,
                     char **out)
{
    if (want_text(f, v, name, out))
        return -1;
    size_t ok = strspn(*out, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    if (ok == 0 || (*out)[ok] || ok > 64 || (*out)[0] == '-' || (*out)[0] == '.')
        return fail(f, v, "%s must be one word of letters, digits, - _ and . (at most 64)", name);
    return 0;
}

/* A plain number is due; quotes make it a text. */
static int want_number(const struct filler *f, const struct yaml_value *v,
                       const struct prompt_field *row, double *out)
{
    char word[64];
    if (v->kind != YAML_TEXT)
        return fail(f, v, "%s must be a number, not a %s", row->name,
                    v->kind == YAML_LIST ? "list" : "mapping");
    bool whole = row->type == PROMPT_INT;
    enum yaml_reading reading = v->look == LOOK_PLAIN ? yaml_read_plain(v->text) : READ_TEXT;
    bool plain_digits = v->text[0] && v->text[strspn(v->text, "-0123456789.eE+")] == 0;
    if ((reading != READ_INT && (whole || reading != READ_REAL)) || !plain_digits) {
        const char *kind = yaml_reading_name(reading);
        if (reading == READ_NULL && v->len == 0)
            fail(f, v, "%s has no value; %s is due", row->name,
                 whole ? "a whole number" : "a number");
        else
            fail(f, v, "%s: %s is read as %s; %s is due", row->name, shown(v, word), kind,
                 whole ? "a whole number" : "a number");
        if (reading == READ_TEXT && v->look != LOOK_PLAIN)
            return error_hint(f->err, "leave the quotes away");
        return error_hint(f->err, "write it in digits%s", whole ? "" : ", such as 0.7");
    }
    char *end;
    errno = 0;
    *out = strtod(v->text, &end);
    if (*end || errno == ERANGE || !isfinite(*out))
        return fail(f, v, "%s: %s is not a number", row->name, shown(v, word));
    if (*out < row->min || *out > row->max)
        return fail(f, v, "%s must be %g..%g, not %s", row->name, row->min, row->max,
                    shown(v, word));
    return 0;
}

static int want_bool(const struct filler *f, const struct yaml_value *v, const char *name,
                     bool *out)
{
    char word[64];
    if (v->kind != YAML_TEXT || v->look != LOOK_PLAIN || yaml_read_plain(v->text) != READ_BOOL) {
        fail(f, v, "%s must be true or false%s%s", name, v->kind == YAML_TEXT ? ", not " : "",
             v->kind == YAML_TEXT ? shown(v, word) : "");
        return v->kind == YAML_TEXT && v->look != LOOK_PLAIN
                   ? error_hint(f->err, "leave the quotes away") : -1;
    }
    *out = strchr("tTyY", v->text[0]) != NULL || strcmp(v->text, "on") == 0 ||
           strcmp(v->text, "On") == 0 || strcmp(v->text, "ON") == 0;
    return 0;
}

static int want_choice(const struct filler *f, const struct yaml_value *v,
                       const struct prompt_field *row, int *out)
{
    char *text = NULL;
    if (want_text(f, v, row->name, &text))
        return -1;
    int index = 0, rc = -1;
    size_t len = strlen(text);
    for (const char *c = row->choices; c; index++) {
        const char *bar = strchr(c, '|');
        size_t n = bar ? (size_t)(bar - c) : strlen(c);
        if (n == len && strncmp(c, text, n) == 0) {
            *out = index;
            rc = 0;
        }
        c = bar ? bar + 1 : NULL;
    }
    char word[64];
    if (rc)
        fail(f, v, "%s must be one of %s, not %s", row->name, row->choices, shown(v, word));
    free(text);
    return rc;
}

static void words_free(char ***words, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        free((*words)[i]);
    free(*words);
    *words = NULL;
    *n = 0;
}

static int want_words(const struct filler *f, const struct yaml_value *v,
                      const struct prompt_field *row, char ***words, size_t *n)
{
    words_free(words, n);
    if (v->kind != YAML_LIST)
        return fail(f, v, "%s must be a list of texts, such as %s", row->name, row->value);
    if (v->n < (size_t)row->min || v->n > (size_t)row->max)
        return fail(f, v, "%s must have %g..%g entries, not %zu", row->name, row->min,
                    row->max, v->n);
    *words = xcalloc(v->n + 1, sizeof **words);
    for (size_t i = 0; i < v->n; i++) {
        *n = i + 1;
        if (want_text(f, v->items[i], row->name, &(*words)[i]))
            return -1;
        if (!(*words)[i][0])
            return fail(f, v->items[i], "%s: an entry is empty", row->name);
        for (size_t k = 0; k < i; k++)
            if (strcmp((*words)[k], (*words)[i]) == 0)
                return fail(f, v->items[i], "%s: an entry stands there twice", row->name);
    }
    return 0;
}

static int unknown_key(const struct filler *f, const struct yaml_value *key,
                       const char *const *names, size_t n, const char *where)
{
    char word[64];
    fail(f, key, "%s is not a key%s%s", shown(key, word), where[0] ? " of " : "", where);
    const char *near = text_nearest(key->text, names, n);
    if (near)
        return error_hint(f->err, "did you mean %s?", near);
    struct buf list;
    buf_init(&list, 0);
    for (size_t i = 0; i < n; i++)
        buf_addf(&list, "%s%s", i ? ", " : "", names[i]);
    error_hint(f->err, "keys: %s", buf_str(&list));
    buf_release(&list);
    return -1;
}

static struct exemplar *exemplar_add(struct exemplars *list)
{
    list->rows = array_grow(list->rows, list->n, &list->cap, sizeof *list->rows);
    struct exemplar *row = &list->rows[list->n++];
    memset(row, 0, sizeof *row);
    return row;
}

static int fill_exemplar(const struct filler *f, const struct yaml_value *v)
{
    static const char *const keys[] = EXEMPLAR_KEYS;
    static const struct prompt_field label = {
        "label", PROMPT_INT, 0, 1, PROMPT_OPTIONS_MAX, NULL, NULL, ""};
    if (v->kind != YAML_MAP)
        return fail(f, v, "an exemplar is a mapping {context:, a:, b:, rationale:, label:}");
    struct exemplar *row = exemplar_add(&f->p->exemplars);
    char **texts[] = {&row->id, &row->title, &row->group,    &row->context,
                      &row->a,  &row->b,     &row->rationale};
    int64_t column;
    yaml_place(f->p->yaml, f->p->yaml_len, v->begin, &row->line, &column);
    for (size_t i = 0; i < v->n; i++) {
        size_t k = 0;
        while (k < 8 && strcmp(keys[k], v->keys[i]->text) != 0)
            k++;
        if (k == 8)
            return unknown_key(f, v->keys[i], keys, 8, "an exemplar");
        double number;
        if (k < 7 && want_text(f, v->items[i], keys[k], texts[k]))
            return -1;
        if (k == 7) {
            if (want_number(f, v->items[i], &label, &number))
                return -1;
            row->label = (int)number;
        }
    }
    if (!row->context || !row->a || !row->label)
        return fail(f, v, "an exemplar needs context, a, b and label");
    return 0;
}

static int fill_exemplars(const struct filler *f, const struct yaml_value *v)
{
    static const char *const keys[] = {"set", "shots"};
    double shots = 0;
    if (v->kind == YAML_MAP) {
        for (size_t i = 0; i < v->n; i++) {
            const struct yaml_value *item = v->items[i];
            if (strcmp(v->keys[i]->text, "set") == 0) {
                if (want_word(f, item, "exemplars.set", &f->p->exemplar_set))
                    return -1;
            } else if (strcmp(v->keys[i]->text, "shots") == 0) {
                if (want_number(f, item, prompt_field_find("exemplars.shots", NULL), &shots))
                    return -1;
            } else {
                return unknown_key(f, v->keys[i], keys, 2, "exemplars");
            }
        }
        if (!f->p->exemplar_set)
            return fail(f, v, "exemplars must name their set: {set: builtin-exemplars, shots: 2}");
        f->p->shots = (int64_t)shots;
        return 0;
    }
    if (v->kind != YAML_LIST)
        return fail(f, v, "exemplars must be a list, or {set: builtin-exemplars, shots: 2}");
    if (v->n > PROMPT_SHOTS_MAX)
        return fail(f, v, "at most %d exemplars", PROMPT_SHOTS_MAX);
    for (size_t i = 0; i < v->n; i++)
        if (fill_exemplar(f, v->items[i]))
            return -1;
    return 0;
}

static int fill_field(const struct filler *f, const struct prompt_field *row,
                      const struct yaml_value *v)
{
    void *at = (char *)f->p + row->offset;
    double number;
    switch (row->type) {
    case PROMPT_WORD:
        return want_word(f, v, row->name, at);
    case PROMPT_TEXT:
        return want_text(f, v, row->name, at);
    case PROMPT_INT:
        if (want_number(f, v, row, &number))
            return -1;
        *(int64_t *)at = (int64_t)number;
        return 0;
    case PROMPT_REAL:
        return want_number(f, v, row, at);
    case PROMPT_BOOL:
        return want_bool(f, v, row->name, at);
    case PROMPT_CHOICE:
        return want_choice(f, v, row, at);
    case PROMPT_WORDS:
        if (at == &f->p->options)
            return want_words(f, v, row, &f->p->options, &f->p->n_options);
        return want_words(f, v, row, &f->p->cot_stop, &f->p->n_cot_stop);
    case PROMPT_EXEMPLARS:
        return fill_exemplars(f, v);
    }
    return 0;
}

/* Every key of a mapping; prefix "" or "cot.": rows whose name is prefix + key. */
static int fill_map(const struct filler *f, const struct yaml_value *map, const char *prefix)
{
    const char *names[32];
    size_t n = 0, plen = strlen(prefix);
    for (const struct prompt_field *row = prompt_fields; row->name; row++)
        if (strncmp(row->name, prefix, plen) == 0 && !strchr(row->name + plen, '.'))
            names[n++] = row->name + plen;
    if (!plen) {
        names[n++] = "cot";
        names[n++] = "decode";
    }
    for (size_t i = 0; i < map->n; i++) {
        const struct yaml_value *key = map->keys[i], *v = map->items[i];
        char full[128];
        snprintf(full, sizeof full, "%s%.90s", prefix, key->text);
        if (!plen && (strcmp(full, "cot") == 0 || strcmp(full, "decode") == 0)) {
            if (v->kind != YAML_MAP)
                return fail(f, v, "%s must be a mapping, such as {%s}", full,
                            full[0] == 'c' ? "on: true" : "temperature: 0.7");
            if (fill_map(f, v, full[0] == 'c' ? "cot." : "decode."))
                return -1;
            continue;
        }
        const struct prompt_field *row = prompt_fields;
        while (row->name && (strcmp(row->name, full) != 0 || strchr(row->name + plen, '.')))
            row++;
        if (!row->name)
            return unknown_key(f, key, names, n, plen ? (prefix[0] == 'c' ? "cot" : "decode") : "");
        if (fill_field(f, row, v))
            return -1;
    }
    return 0;
}

static void fill_defaults(struct prompt *p)
{
    p->task = xstrdup("summary");
    p->system = xstrdup("");
    p->preamble = xstrdup("");
    p->ending = xstrdup("");
    p->cot_ending = xstrdup(prompt_field_find("cot.ending", NULL)->value);
    p->cot_max_tokens = 160;
    p->cot_stop = xcalloc(2, sizeof *p->cot_stop);
    p->cot_stop[p->n_cot_stop++] = xstrdup("\n\n");
    p->options = xcalloc(3, sizeof *p->options);
    p->options[p->n_options++] = xstrdup("1");
    p->options[p->n_options++] = xstrdup("2");
    p->samples = 1;
    p->top_k = 40;
    p->top_p = 1;
}

void prompt_free(struct prompt *p)
{
    if (!p)
        return;
    char *texts[] = {p->file,     p->yaml,   p->name,   p->task,         p->system,
                     p->preamble, p->sample, p->ending, p->exemplar_set, p->cot_ending};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    exemplars_release(&p->exemplars);
    words_free(&p->cot_stop, &p->n_cot_stop);
    words_free(&p->options, &p->n_options);
    if (p->spans)
        yaml_tree_free(p->spans->root);
    free(p->spans);
    free(p);
}

struct prompt *prompt_parse(const char *yaml, size_t len, const char *file, struct error *err)
{
    struct yaml_value *root = yaml_tree_parse(yaml, len, file, "prompt", err);
    if (!root)
        return NULL;
    struct prompt *p = xcalloc(1, sizeof *p);
    struct filler f = {p, err};
    p->file = xstrdup(file ? file : "");
    p->yaml = xstrndup(yaml, len);
    p->yaml_len = len;
    p->spans = xcalloc(1, sizeof *p->spans);
    p->spans->root = root;
    fill_defaults(p);
    int rc = root->kind == YAML_MAP
                 ? fill_map(&f, root, "")
                 : fail(&f, root, "a prompt is a mapping: name:, sample:, ending: ..");
    if (rc == 0)
        rc = prompt_check(p, err);
    if (rc) {
        prompt_free(p);
        return NULL;
    }
    return p;
}

struct prompt *prompt_read(const char *path, struct error *err)
{
    struct buf text;
    buf_init(&text, 0);
    struct prompt *p = NULL;
    if (file_read(path, PROMPT_SIZE_MAX, 0, &text, err) == 0)
        p = prompt_parse(buf_str(&text), text.len, path, err);
    buf_release(&text);
    return p;
}

const struct prompt_field *prompt_field_find(const char *name, struct error *err)
{
    const char *names[32];
    size_t n = 0;
    if (strcmp(name, "shots") == 0)
        name = "exemplars.shots";
    for (const struct prompt_field *row = prompt_fields; row->name; row++) {
        if (strcmp(row->name, name) == 0)
            return row;
        names[n++] = row->name;
    }
    const char *near = text_nearest(name, names, n);
    error_set(err, ERROR_USAGE, "%.60s is not a field of a prompt", name);
    if (near)
        error_hint(err, "did you mean %s?", near);
    return NULL;
}
