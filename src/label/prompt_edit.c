/*
 * Changing a prompt: one value's bytes in the source are replaced, all others stay. What was
 * written is parsed again and must say what was asked for, else it is written more plainly (in
 * double quotes), else the edit fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/label/prompt_fields.h"

static void get_words(char *const *words, size_t n, struct buf *out)
{
    buf_addc(out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_adds(out, i ? ", " : "");
        yaml_quote(out, words[i], strlen(words[i]));
    }
    buf_addc(out, ']');
}

static void get_exemplars(const struct prompt *p, struct buf *out)
{
    if (p->exemplar_set) {
        buf_addf(out, "{set: %s, shots: %lld}", p->exemplar_set, (long long)p->shots);
        return;
    }
    buf_addc(out, '[');
    for (size_t i = 0; i < p->exemplars.n; i++) {
        const struct exemplar *row = &p->exemplars.rows[i];
        const char *const names[] = {"id", "title", "group", "context", "a", "b", "rationale"};
        const char *const texts[] = {row->id, row->title, row->group, row->context, row->a, row->b,
                                     row->rationale};
        buf_adds(out, i ? ", {" : "{");
        for (size_t k = 0; k < 7; k++)
            if (texts[k]) {
                buf_addf(out, "%s: ", names[k]);
                yaml_quote(out, texts[k], strlen(texts[k]));
                buf_adds(out, ", ");
            }
        buf_addf(out, "label: %d}", row->label);
    }
    buf_addc(out, ']');
}

void prompt_get(const struct prompt *p, const struct prompt_field *field, struct buf *out)
{
    const void *at = (const char *)p + field->offset;
    switch (field->type) {
    case PROMPT_WORD:
    case PROMPT_TEXT:
        buf_adds(out, *(char *const *)at ? *(char *const *)at : "");
        break;
    case PROMPT_INT:
        buf_addf(out, "%lld", (long long)*(const int64_t *)at);
        break;
    case PROMPT_REAL:
        json_write_real(out, *(const double *)at);
        break;
    case PROMPT_BOOL:
        buf_adds(out, *(const bool *)at ? "true" : "false");
        break;
    case PROMPT_CHOICE: {
        const char *c = field->choices;
        for (int k = *(const int *)at; k > 0; k--)
            c = strchr(c, '|') + 1;
        buf_add(out, c, strcspn(c, "|"));
        break;
    }
    case PROMPT_WORDS:
        if (at == &p->options)
            get_words(p->options, p->n_options, out);
        else
            get_words(p->cot_stop, p->n_cot_stop, out);
        break;
    case PROMPT_EXEMPLARS:
        get_exemplars(p, out);
        break;
    }
}

static bool field_equal(const struct prompt *a, const struct prompt *b,
                        const struct prompt_field *row)
{
    struct buf x, y;
    buf_init(&x, 0);
    buf_init(&y, 0);
    prompt_get(a, row, &x);
    prompt_get(b, row, &y);
    bool same = x.len == y.len && memcmp(buf_str(&x), buf_str(&y), x.len) == 0;
    buf_release(&x);
    buf_release(&y);
    return same;
}

bool prompt_equal(const struct prompt *a, const struct prompt *b)
{
    for (const struct prompt_field *row = prompt_fields; row->name; row++)
        if (!field_equal(a, b, row))
            return false;
    return true;
}

/* ---- writing a value ---- */

/* Where a value goes and how: filled by find_place. */
struct place {
    size_t begin, end;   /* bytes of the source that are replaced */
    char before[96];     /* "\ncot: {" */
    char after[16];
    bool flow;           /* inside { } or [ ]: no block texts */
    bool block;          /* was written under | */
    size_t indent;       /* of the key, for block texts */
    const char *newline;
};

static size_t line_start(const struct prompt *p, size_t byte)
{
    while (byte > 0 && p->yaml[byte - 1] != '\n')
        byte--;
    return byte == 0 && p->yaml_len >= 3 && memcmp(p->yaml, "\xEF\xBB\xBF", 3) == 0 ? 3 : byte;
}

static size_t line_end(const struct prompt *p, size_t byte)
{
    while (byte < p->yaml_len && p->yaml[byte] != '\n')
        byte++;
    return byte < p->yaml_len ? byte + 1 : byte;
}

/* A line behind the value that ends at `end`, for a new key below it. */
static size_t next_line(const struct prompt *p, size_t end)
{
    return end > 0 && p->yaml[end - 1] == '\n' ? end : line_end(p, end);
}

static void place_new_line(const struct prompt *p, struct place *at, size_t byte, size_t indent,
                           const char *key)
{
    at->begin = at->end = byte;
    bool open = byte > 0 && p->yaml[byte - 1] != '\n' && line_start(p, byte) != byte;
    snprintf(at->before, sizeof at->before, "%s%*s%s: ", open ? at->newline : "",
             (int)indent, "", key);
    snprintf(at->after, sizeof at->after, "%s", at->newline);
    at->indent = indent;
}

/* A key that is not there yet, in a mapping that is. */
static void place_in_map(const struct prompt *p, struct place *at, const struct yaml_value *map,
                         const char *key)
{
    if (map->look == LOOK_FLOW) {
        size_t last = map->n ? map->items[map->n - 1]->end : map->begin + 1;
        at->begin = at->end = last;
        at->flow = true;
        snprintf(at->before, sizeof at->before, "%s%s: ", map->n ? ", " : "", key);
        return;
    }
    size_t start = line_start(p, map->begin), column = map->begin - start;
    const struct yaml_value *last = map;
    while (last->kind != YAML_TEXT && last->n)
        last = last->items[last->n - 1];
    /* A text under | that the file's end cuts off would get a newline from a line behind it. */
    if (last->look == LOOK_BLOCK && last->end == p->yaml_len && p->yaml[p->yaml_len - 1] != '\n')
        place_new_line(p, at, start, column, key);
    else
        place_new_line(p, at, next_line(p, map->end), column, key);
}

/* The field's first half as a new key at the end of the document: "cot: {max_tokens: 5}". */
static void place_group(const struct prompt *p, struct place *at, const char *group,
                        const char *key)
{
    char both[64];
    snprintf(both, sizeof both, "%s: {%s", group, key);
    place_in_map(p, at, p->spans->root, both);
    at->flow = true;
    char tail[16];
    snprintf(tail, sizeof tail, "}%.8s", at->after);
    memcpy(at->after, tail, sizeof at->after);
}

static void place_value(const struct prompt *p, struct place *at, const struct yaml_value *key,
                        const struct yaml_value *v, const struct yaml_value *map)
{
    at->begin = v->begin;
    at->end = v->end;
    at->flow = map->look == LOOK_FLOW;
    at->indent = map->begin - line_start(p, map->begin);
    if (v->kind == YAML_TEXT && v->look == LOOK_BLOCK) {
        at->block = true;
        return;
    }
    if (v->kind != YAML_TEXT && v->look == LOOK_BLOCK) {
        /* Written over several lines: from behind the key's colon to the end of its last child. */
        size_t colon = key->end;
        while (colon < p->yaml_len && p->yaml[colon] != ':')
            colon++;
        at->begin = colon + 1;
        snprintf(at->before, sizeof at->before, " ");
        if (at->end > 0 && p->yaml[at->end - 1] == '\n')
            snprintf(at->after, sizeof at->after, "%s", at->newline);
    }
    if (v->begin == v->end && v->begin > 0 && p->yaml[v->begin - 1] == ':')
        snprintf(at->before, sizeof at->before, " ");
}

static void find_place(const struct prompt *p, const char *field, struct place *at)
{
    const struct yaml_value *root = p->spans->root, *map = root;
    memset(at, 0, sizeof *at);
    const char *lf = memchr(p->yaml, '\n', p->yaml_len);
    at->newline = lf && lf > p->yaml && lf[-1] == '\r' ? "\r\n" : "\n";
    const char *dot = strchr(field, '.'), *key = field;
    char group[32] = "";
    if (dot) {
        snprintf(group, sizeof group, "%.*s", (int)(dot - field), field);
        key = dot + 1;
        map = yaml_find(root, group, NULL);
    }
    struct yaml_value *found_key = NULL;
    const struct yaml_value *v = map ? yaml_find(map, key, &found_key) : NULL;
    if (v)
        place_value(p, at, found_key, v, map);
    else if (map)
        place_in_map(p, at, map, key);
    else
        place_group(p, at, group, key);
}

/* Under |: lines that stand as they are. False when the text cannot be written so. */
static bool write_block(const struct place *at, const char *text, size_t len, struct buf *out)
{
    if (len == 0 || text[strspn(text, "\n")] == 0 || strpbrk(text, "\r") ||
        strstr(text, "\xC2\x85") || strstr(text, "\xE2\x80\xA8") ||
        strstr(text, "\xE2\x80\xA9") || strstr(text, "\xEF\xBB\xBF"))
        return false;
    size_t newlines = 0;
    while (newlines < len && text[len - 1 - newlines] == '\n')
        newlines++;
    buf_addc(out, '|');
    if (text[0] == ' ' || text[0] == '\n')
        buf_addc(out, '2');
    buf_adds(out, newlines == 0 ? "-" : newlines > 1 ? "+" : "");
    buf_adds(out, at->newline);
    for (size_t i = 0; i < len;) {
        size_t n = strcspn(text + i, "\n");
        if (n)
            buf_fill(out, ' ', at->indent + 2);
        buf_add(out, text + i, n);
        buf_adds(out, at->newline);
        i += n + 1;
    }
    return true;
}

static bool plain_safe(const char *text)
{
    return text[0] &&
           text[strspn(
               text,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] ==
               0 &&
           text[0] != '-' && text[0] != '.' && yaml_read_plain(text) == READ_TEXT;
}

/* The new source. plain: no block text, whatever stood there. */
static char *splice(const struct prompt *p, const struct prompt_field *row, const struct place *at,
                    const char *value, bool plain, size_t *len)
{
    struct buf out;
    size_t end = at->end;
    buf_init(&out, PROMPT_SIZE_MAX * 8);
    buf_add(&out, p->yaml, at->begin);
    buf_adds(&out, at->before);
    bool text = row->type == PROMPT_TEXT || row->type == PROMPT_WORD || row->type == PROMPT_CHOICE;
    bool under = text && !plain && !at->flow && (at->block || strchr(value, '\n')) &&
                 row->type == PROMPT_TEXT && write_block(at, value, strlen(value), &out);
    if (under) {
        /* A block text brings its own end of line; what is left of the old line (blanks,
         * comment) goes on its own. */
        if (at->block || at->after[0]) {
            buf_add(&out, p->yaml + end, p->yaml_len - end);
        } else {
            size_t rest = end;
            while (rest < p->yaml_len && (p->yaml[rest] == ' ' || p->yaml[rest] == '\t'))
                rest++;
            if (rest < p->yaml_len && p->yaml[rest] == '#')
                buf_fill(&out, ' ', at->indent);
            else
                rest = line_end(p, rest);
            buf_add(&out, p->yaml + rest, p->yaml_len - rest);
        }
        *len = out.len;
        return buf_take(&out);
    }
    if (!text)
        buf_adds(&out, value);
    else if (row->type != PROMPT_TEXT && plain_safe(value))
        buf_adds(&out, value);
    else
        yaml_quote(&out, value, strlen(value));
    buf_adds(&out, at->after);
    if (at->block) {
        /* The old block ended its line itself; keep the empty lines that stood behind it. */
        size_t last = end;
        while (last > at->begin && strchr(" \t\r\n", p->yaml[last - 1]))
            last--;
        end = last < end ? last : end;
        if (end == p->yaml_len || (p->yaml[end] != '\n' && p->yaml[end] != '\r'))
            buf_adds(&out, at->newline);
    }
    buf_add(&out, p->yaml + end, p->yaml_len - end);
    *len = out.len;
    return buf_take(&out);
}

/* A block that keeps no blank lines leaves them to the file: only its own lines are replaced. */
static void trim_block(const struct prompt *p, struct place *at, const char *value)
{
    if (!at->block)
        return;
    size_t n = strlen(value), head = at->begin;
    bool keeps = n > 1 && value[n - 1] == '\n' && value[n - 2] == '\n';
    while (head < at->end && p->yaml[head] != '\n' && p->yaml[head] != '+')
        head++;
    if (keeps || (head < at->end && p->yaml[head] == '+'))
        return;
    size_t last = at->end;
    while (last > at->begin && strchr(" \t\r\n", p->yaml[last - 1]))
        last--;
    if (last < at->end)
        at->end = line_end(p, last) < at->end ? line_end(p, last) : at->end;
}

static int copy_exemplars(struct prompt *to, const struct prompt *from)
{
    if (!to->exemplar_set || !from->exemplar_set ||
        strcmp(to->exemplar_set, from->exemplar_set) != 0 ||
        (int64_t)from->exemplars.n < to->shots || to->exemplars.n)
        return 0;
    struct exemplars *list = &to->exemplars;
    list->cap = list->n = (size_t)to->shots;
    if (list->n)
        list->rows = xcalloc(list->n, sizeof *list->rows);
    for (size_t i = 0; i < list->n; i++) {
        struct exemplar *row = &list->rows[i];
        const struct exemplar *old = &from->exemplars.rows[i];
        *row = *old;
        char **mine[] = {&row->id, &row->title, &row->group, &row->context, &row->a, &row->b,
                         &row->rationale};
        for (size_t k = 0; k < 7; k++)
            *mine[k] = *mine[k] ? xstrdup(*mine[k]) : NULL;
    }
    return 0;
}

/* `shots` where no set is named yet: the built-in one. */
static const struct prompt_field *adapt_shots(const struct prompt *p,
                                              const struct prompt_field *row,
                                              const char **value, char buffer[96],
                                              struct error *err)
{
    const struct yaml_value *list = prompt_value(p, "exemplars", NULL);
    if (strcmp(row->name, "exemplars.shots") != 0 || (list && list->kind == YAML_MAP))
        return row;
    if (list && list->n) {
        error_set(err, ERROR_USAGE,
                  "the exemplars of %s are written out, shots cannot be chosen", p->name);
        error_hint(err, "set exemplars to {set: builtin-exemplars, shots: 2} first");
        return NULL;
    }
    snprintf(buffer, 96, "{set: builtin-exemplars, shots: %.20s}", *value);
    *value = buffer;
    return prompt_field_find("exemplars", NULL);
}

/* A list written over several lines ("- a\n- b") as one line. NULL: it is no list, or one
 * line already. */
static char *flat_list(const struct prompt_field *row, const char *value)
{
    const char *first = value + strspn(value, " \t\n");
    bool list = row->type == PROMPT_WORDS || row->type == PROMPT_EXEMPLARS;
    const char *dot = strchr(row->name, '.');
    if (!list || !*first || *first == '[' || *first == '{')
        return NULL;
    struct buf yaml, out;
    buf_init(&yaml, PROMPT_SIZE_MAX * 2);
    buf_init(&out, PROMPT_SIZE_MAX * 2);
    buf_adds(&yaml, "name: list\nsample: \"{{context}} {{first}} {{second}}\"\n");
    if (dot)
        buf_addf(&yaml, "%.*s:\n", (int)(dot - row->name), row->name);
    buf_addf(&yaml, "%s%s:\n", dot ? " " : "", dot ? dot + 1 : row->name);
    for (const char *line = value; *line;) {
        size_t n = strcspn(line, "\n");
        buf_addf(&yaml, "  %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    struct prompt *p = yaml.full ? NULL : prompt_parse(buf_str(&yaml), yaml.len, "", NULL);
    if (p)
        prompt_get(p, row, &out);
    prompt_free(p);
    buf_release(&yaml);
    char *flat = out.len ? buf_take(&out) : NULL;
    buf_release(&out);
    return flat;
}

static struct prompt *set_value(const struct prompt *p, const struct prompt_field *row,
                                const char *value, struct error *err)
{
    struct place at;
    struct error why;
    find_place(p, row->name, &at);
    trim_block(p, &at, value);
    memset(&why, 0, sizeof why);
    for (int plain = 0; plain < 2; plain++) {
        size_t len;
        char *yaml = splice(p, row, &at, value, plain, &len);
        struct error *e = plain ? &why : NULL;
        struct prompt *made = prompt_parse(yaml, len, p->file, e);
        free(yaml);
        if (!made)
            continue;
        copy_exemplars(made, p);
        bool same = true;
        for (const struct prompt_field *r = prompt_fields; r->name; r++)
            if (r != row && strncmp(r->name, "exemplars", 9) != 0 && !field_equal(p, made, r))
                same = false;
        struct buf now;
        buf_init(&now, 0);
        prompt_get(made, row, &now);
        bool text = row->type == PROMPT_TEXT || row->type == PROMPT_WORD ||
                    row->type == PROMPT_CHOICE;
        if (text && strcmp(buf_str(&now), value) != 0)
            same = false;
        buf_release(&now);
        if (same)
            return made;
        prompt_free(made);
        error_set(&why, ERROR_DATA, "%s cannot be set to this text", row->name);
    }
    if (err)
        *err = why;
    return NULL;
}

struct prompt *prompt_set(const struct prompt *p, const char *field, const char *value,
                          struct error *err)
{
    char buffer[96];
    const struct prompt_field *row = prompt_field_find(field, err);
    if (row)
        row = adapt_shots(p, row, &value, buffer, err);
    if (!row)
        return NULL;
    char *flat = flat_list(row, value);
    struct prompt *made = set_value(p, row, flat ? flat : value, err);
    free(flat);
    return made;
}
