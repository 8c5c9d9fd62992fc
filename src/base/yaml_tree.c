#include "src/base/yaml_tree.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "src/base/mem.h"
#include "src/base/text.h"

/* One parse: the source, libyaml's state, and the way down to the value that is being filled. */
struct tree_reader {
    const char *text, *file, *what;
    size_t len;
    size_t base;        /* bytes of the BOM */
    size_t *byte_at;    /* of character i behind the BOM */
    size_t n_chars;
    yaml_parser_t parser;
    struct yaml_value *stack[YAML_DEPTH_MAX];
    struct yaml_value *key[YAML_DEPTH_MAX]; /* a key that waits for its value */
    size_t depth;
    struct yaml_value *root;
    int documents;
};

void yaml_place(const char *text, size_t len, size_t byte, int64_t *line, int64_t *column)
{
    size_t start = 0;
    *line = 1;
    if (byte > len)
        byte = len;
    for (size_t i = 0; i < byte; i++)
        if (text[i] == '\n') {
            ++*line;
            start = i + 1;
        }
    if (start == 0 && len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        start = byte < 3 ? byte : 3;
    *column = (int64_t)utf8_count(text + start, byte - start) + 1;
}

static int fail_at(const struct tree_reader *r, size_t byte, struct error *err, const char *text)
{
    int64_t line, column;
    yaml_place(r->text, r->len, byte, &line, &column);
    return error_at_line(err, r->file, line, column, "%s", text);
}

static size_t byte_of(const struct tree_reader *r, const yaml_mark_t *mark)
{
    return r->byte_at[mark->index < r->n_chars ? mark->index : r->n_chars];
}

void yaml_tree_free(struct yaml_value *value)
{
    /* As deep as the tree: 64 at most. */
    if (!value)
        return;
    for (size_t i = 0; i < value->n; i++) {
        yaml_tree_free(value->items[i]);
        if (value->keys)
            yaml_tree_free(value->keys[i]);
    }
    free(value->items);
    free(value->keys);
    free(value->text);
    free(value);
}

struct yaml_value *yaml_find(const struct yaml_value *map, const char *key,
                             struct yaml_value **key_out)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) == 0) {
            if (key_out)
                *key_out = map->keys[i];
            return map->items[i];
        }
    return NULL;
}

/* Size, encoding and the table from characters to bytes. */
static int check_bytes(struct tree_reader *r, struct error *err)
{
    const unsigned char *t = (const unsigned char *)r->text;
    if (r->len > YAML_SIZE_MAX)
        return error_at_line(err, r->file, 0, 0,
                             "the file is larger than 1 MiB (%zu bytes)", r->len);
    if (r->len >= 2 && ((t[0] == 0xFF && t[1] == 0xFE) || (t[0] == 0xFE && t[1] == 0xFF))) {
        error_at_byte(err, r->file, 0, "the file is UTF-16, UTF-8 is due");
        return error_hint(err, "save it as UTF-8");
    }
    size_t bad;
    const char *nul = memchr(r->text, 0, r->len);
    if (!utf8_valid(r->text, r->len, &bad) && (!nul || bad < (size_t)(nul - r->text))) {
        fail_at(r, bad, err, "bad UTF-8");
        if (err)
            err->byte = (int64_t)bad;
        return -1;
    }
    if (nul) {
        fail_at(r, (size_t)(nul - r->text), err, "a NUL byte");
        if (err)
            err->byte = nul - r->text;
        return -1;
    }
    if (r->len >= 3 && memcmp(r->text, "\xEF\xBB\xBF", 3) == 0)
        r->base = 3;
    r->n_chars = utf8_count(r->text + r->base, r->len - r->base);
    r->byte_at = xmalloc((r->n_chars + 1) * sizeof *r->byte_at);
    size_t at = r->base;
    for (size_t i = 0; i < r->n_chars; i++) {
        uint32_t code;
        r->byte_at[i] = at;
        at += utf8_decode(r->text + at, r->len - at, &code);
        if (code == 0x85 || code == 0x2028 || code == 0x2029) {
            /* libyaml ends a line here, YAML 1.2 and every editor do not. */
            char text[100];
            snprintf(text, sizeof text,
                     "a line separator (U+%04X), which readers of YAML disagree about",
                     code);
            fail_at(r, r->byte_at[i], err, text);
            return error_hint(err, "write \\u%04x in double quotes", code);
        }
    }
    r->byte_at[r->n_chars] = r->len;
    return 0;
}

static int fail_parser(const struct tree_reader *r, struct error *err)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_READER_ERROR) {
        size_t byte = r->base + p->problem_offset;
        fail_at(r, byte, err, "a control character, which YAML does not allow");
        if (err)
            err->byte = (int64_t)byte;
        return error_hint(err, "write it as an escape in double quotes, such as \"\\x07\"");
    }
    size_t byte = byte_of(r, &p->problem_mark);
    if (byte < r->len && r->text[byte] == '\t') {
        fail_at(r, byte, err, "a tab where YAML wants blanks");
        return error_hint(err, "indent with blanks");
    }
    int64_t line, column;
    yaml_place(r->text, r->len, byte, &line, &column);
    error_at_line(err, r->file, line, column, "this is not YAML: %s%s%s",
                  p->problem ? p->problem : "cannot be read", p->context ? ", " : "",
                  p->context ? p->context : "");
    if (byte < r->len && (r->text[byte] == '{' || r->text[byte] == '}'))
        error_hint(err, "put texts with braces in quotes or under |");
    return -1;
}

/* Hangs a finished or just opened value below the innermost open list or map. */
static int attach(struct tree_reader *r, struct yaml_value *value, struct error *err)
{
    if (r->depth == 0) {
        r->root = value;
        return 0;
    }
    struct yaml_value *parent = r->stack[r->depth - 1];
    struct yaml_value **waiting = &r->key[r->depth - 1];
    if (parent->kind == YAML_MAP && !*waiting) {
        int rc = 0;
        struct yaml_value *first = NULL;
        if (value->kind != YAML_TEXT) {
            fail_at(r, value->begin, err, "a list or mapping cannot be a key");
            rc = error_hint(err, "put texts with braces in quotes or under |");
        } else if (yaml_find(parent, value->text, &first)) {
            int64_t line, column;
            char text[200];
            yaml_place(r->text, r->len, first->begin, &line, &column);
            snprintf(text, sizeof text,
                     "the key %.80s stands here a second time (first in line %lld)",
                     value->text, (long long)line);
            rc = fail_at(r, value->begin, err, text);
        }
        if (rc)
            yaml_tree_free(value);
        else
            *waiting = value;
        return rc;
    }
    if (parent->n == parent->cap) {
        parent->cap = parent->cap ? parent->cap * 2 : 8;
        parent->items = xrealloc(parent->items, parent->cap * sizeof *parent->items);
        if (parent->kind == YAML_MAP)
            parent->keys = xrealloc(parent->keys, parent->cap * sizeof *parent->keys);
    }
    if (parent->kind == YAML_MAP) {
        parent->keys[parent->n] = *waiting;
        *waiting = NULL;
    }
    parent->items[parent->n++] = value;
    return 0;
}

static struct yaml_value *value_new(struct tree_reader *r, enum yaml_kind kind, enum yaml_look look,
                                    const yaml_event_t *event)
{
    struct yaml_value *value = xcalloc(1, sizeof *value);
    value->kind = kind;
    value->look = look;
    value->begin = byte_of(r, &event->start_mark);
    value->end = byte_of(r, &event->end_mark);
    return value;
}

static int open_value(struct tree_reader *r, struct yaml_value *value, struct error *err)
{
    if (r->depth == YAML_DEPTH_MAX) {
        fail_at(r, value->begin, err, "lists and mappings are nested deeper than 64");
        yaml_tree_free(value);
        return -1;
    }
    if (attach(r, value, err))
        return -1;
    r->key[r->depth] = NULL;
    r->stack[r->depth++] = value;
    return 0;
}

static void close_value(struct tree_reader *r, const yaml_event_t *event)
{
    struct yaml_value *value = r->stack[--r->depth];
    if (value->look == LOOK_FLOW)
        value->end = byte_of(r, &event->end_mark);
    else if (value->n)
        value->end = value->items[value->n - 1]->end;
}

static int check_properties(struct tree_reader *r, const yaml_event_t *event, const void *anchor,
                            const void *tag, struct error *err)
{
    size_t at = byte_of(r, &event->start_mark);
    if (anchor)
        return fail_at(r, at, err, "anchors are not allowed");
    if (tag)
        return fail_at(r, at, err, "tags are not allowed");
    return 0;
}

static int read_scalar(struct tree_reader *r, const yaml_event_t *event, struct error *err)
{
    enum yaml_look look = LOOK_QUOTED;
    if (check_properties(r, event, event->data.scalar.anchor, event->data.scalar.tag, err))
        return -1;
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        look = LOOK_PLAIN;
    else if (event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
             event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE)
        look = LOOK_BLOCK;
    if (memchr(event->data.scalar.value, 0, event->data.scalar.length))
        return fail_at(r, byte_of(r, &event->start_mark), err, "a text with a NUL in it (\\0)");
    struct yaml_value *value = value_new(r, YAML_TEXT, look, event);
    value->len = event->data.scalar.length;
    value->text = xstrndup((const char *)event->data.scalar.value, value->len);
    return attach(r, value, err);
}

static int read_event(struct tree_reader *r, const yaml_event_t *event, struct error *err)
{
    size_t at = byte_of(r, &event->start_mark);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (event->data.document_start.version_directive ||
            event->data.document_start.tag_directives.start !=
                event->data.document_start.tag_directives.end)
            return fail_at(r, at, err, "directives (%) are not allowed");
        if (r->documents++)
            return fail_at(r, at, err, "a second document begins here; one is allowed");
        return 0;
    case YAML_ALIAS_EVENT:
        return fail_at(r, at, err, "aliases are not allowed");
    case YAML_SCALAR_EVENT:
        return read_scalar(r, event, err);
    case YAML_SEQUENCE_START_EVENT:
        if (check_properties(r, event, event->data.sequence_start.anchor,
                             event->data.sequence_start.tag, err))
            return -1;
        return open_value(r, value_new(r, YAML_LIST,
                                       event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
                                           ? LOOK_FLOW : LOOK_BLOCK, event), err);
    case YAML_MAPPING_START_EVENT:
        if (check_properties(r, event, event->data.mapping_start.anchor,
                             event->data.mapping_start.tag, err))
            return -1;
        return open_value(r, value_new(r, YAML_MAP,
                                       event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                                           ? LOOK_FLOW : LOOK_BLOCK, event), err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_value(r, event);
        return 0;
    default:
        return 0;
    }
}

static int read_all(struct tree_reader *r, struct error *err)
{
    for (bool end = false; !end;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->parser, &event))
            return fail_parser(r, err);
        int rc = read_event(r, &event, err);
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (rc)
            return -1;
    }
    if (!r->root || (r->root->kind == YAML_TEXT && r->root->len == 0)) {
        error_at_line(err, r->file, 0, 0,
                      "no %s found: the file is empty or has only comments", r->what);
        return -1;
    }
    return 0;
}

struct yaml_value *yaml_tree_parse(const char *text, size_t len, const char *file, const char *what,
                                   struct error *err)
{
    struct tree_reader r = {.text = text, .len = len, .file = file ? file : "", .what = what};
    int rc = check_bytes(&r, err);
    if (rc == 0) {
        if (!yaml_parser_initialize(&r.parser)) {
            error_set(err, ERROR_FAILED, "no memory for reading YAML");
            rc = -1;
        } else {
            yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
            yaml_parser_set_input_string(&r.parser, (const unsigned char *)text + r.base,
                                         len - r.base);
            rc = read_all(&r, err);
            yaml_parser_delete(&r.parser);
        }
    }
    if (rc) {
        for (size_t i = 0; i < r.depth; i++)
            yaml_tree_free(r.key[i]);
        yaml_tree_free(r.root);
        r.root = NULL;
    }
    free(r.byte_at);
    return r.root;
}

static bool word_in(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool is_date(const char *t)
{
    static const char shape[] = "dddd-dd-dd";
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'd' ? !isdigit((unsigned char)t[i]) : t[i] != shape[i])
            return false;
    return t[10] == 0 || t[10] == 'T' || t[10] == 't' || t[10] == ' ';
}

/* Decimal, 0x, 0o, 0b and sexagesimal integers; decimals with point or exponent. */
static enum yaml_reading read_number(const char *t)
{
    if (*t == '+' || *t == '-')
        t++;
    if (t[0] == '0' && (t[1] == 'x' || t[1] == 'o' || t[1] == 'b'))
        return t[2] && strspn(t + 2, "0123456789abcdefABCDEF_") == strlen(t + 2)
                   ? READ_INT
                   : READ_TEXT;
    if (word_in(t, (const char *const[]){".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL}))
        return READ_REAL;
    size_t digits = strspn(t, "0123456789_");
    if (t[0] == '_')
        return READ_TEXT;
    if (digits && !t[digits])
        return READ_INT;
    if (digits && t[digits] == ':' && isdigit((unsigned char)t[digits + 1]) &&
        strspn(t, "0123456789:._") == strlen(t))
        return READ_INT;
    const char *p = t + digits;
    size_t fraction = 0;
    if (*p == '.') {
        fraction = strspn(p + 1, "0123456789_");
        p += 1 + fraction;
    }
    if (!digits && !fraction)
        return READ_TEXT;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-')
            p++;
        size_t exponent = strspn(p, "0123456789");
        if (!exponent)
            return READ_TEXT;
        p += exponent;
    }
    return *p ? READ_TEXT : READ_REAL;
}

enum yaml_reading yaml_read_plain(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", "yes",
                                        "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off",
                                        "Off", "OFF", NULL};
    if (word_in(text, nulls))
        return READ_NULL;
    if (word_in(text, bools))
        return READ_BOOL;
    if (is_date(text))
        return READ_DATE;
    return read_number(text);
}

const char *yaml_reading_name(enum yaml_reading reading)
{
    static const char *const names[] = {"text", "null", "a truth value", "an integer", "a number",
                                        "a date"};
    return names[reading];
}

void yaml_quote(struct buf *out, const char *text, size_t len)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t n = utf8_decode(text + i, len - i, &code);
        if (n == 0) {
            n = 1;
            code = 0xFFFD;
        }
        if (code == '\n')
            buf_adds(out, "\\n");
        else if (code == '\t')
            buf_adds(out, "\\t");
        else if (code == '\r')
            buf_adds(out, "\\r");
        else if (code == '"' || code == '\\')
            buf_addf(out, "\\%c", (char)code);
        else if (code < 0x20 || (code >= 0x7F && code < 0xA0))
            buf_addf(out, "\\x%02x", (unsigned)code);
        else if (code == 0x2028 || code == 0x2029 || code == 0xFEFF || code == 0xFFFE ||
                 code == 0xFFFF || code == 0xFFFD)
            buf_addf(out, "\\u%04x", (unsigned)code);
        else
            buf_add(out, text + i, n);
        i += n;
    }
    buf_addc(out, '"');
}
