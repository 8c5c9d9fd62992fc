#include "src/data/row.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/mem.h"

int row_error(const struct row *row, struct error *err, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_at_line(err, row->file, row->line, 0, "%s", text);
}

/* The cell under a column's name, NULL when there is no such column. */
static const char *row_cell(const struct row *row, const char *key)
{
    for (size_t i = 0; row->head && i < row->head->n && i < row->cells->n; i++) {
        if (strcmp(row->head->cells[i], key))
            continue;
        const char *cell = row->cells->cells[i];
        return row->guarded && *cell == '\'' ? cell + 1 : cell;
    }
    return NULL;
}

bool row_has(const struct row *row, const char *key)
{
    return row->object ? json_object_get(row->object, key) != NULL
                       : row_cell(row, key) != NULL;
}

json_t *row_value(const struct row *row, const char *key)
{
    return row->object ? json_object_get(row->object, key) : NULL;
}

int row_need(const struct row *row, const char *key, json_t **out, struct error *err)
{
    *out = row_value(row, key);
    return *out ? 0 : row_error(row, err, "no key \"%s\"", key);
}

static bool has_nul(const json_t *string)
{
    return strlen(json_string_value(string)) != json_string_length(string);
}

static int check_string(const struct row *row, const json_t *value, const char *path,
                        const char *what, struct error *err)
{
    if (!value)
        return row_error(row, err, "no key \"%s\"", path);
    if (!json_is_string(value))
        return row_error(row, err, "%s is not a string (%s)", what, path);
    if (has_nul(value))
        return row_error(row, err, "a NUL character in %s", path);
    return 0;
}

int row_string(const struct row *row, const char *key, const char **out,
               struct error *err)
{
    if (!row->object) {
        *out = row_cell(row, key);
        return *out ? 0 : row_error(row, err, "no column \"%s\"", key);
    }
    const json_t *value = json_object_get(row->object, key);
    if (check_string(row, value, key, "the value", err))
        return -1;
    *out = json_string_value(value);
    return 0;
}

const char *row_string_or_null(const struct row *row, const char *key)
{
    if (!row->object) {
        const char *cell = row_cell(row, key);
        return cell && *cell ? cell : NULL;
    }
    const json_t *value = json_object_get(row->object, key);
    return json_is_string(value) && !has_nul(value) ? json_string_value(value) : NULL;
}

int value_text(const struct row *row, const json_t *value, const char *path, char **out,
               struct error *err)
{
    if (check_string(row, value, path, "the text", err))
        return -1;
    *out = xstrdup(json_string_value(value));
    return 0;
}

int value_response(const struct row *row, const json_t *value, const char *path,
                   char **out, struct error *err)
{
    if (check_string(row, value, path, "response", err))
        return -1;
    if (json_string_length(value) == 0)
        return row_error(row, err, "empty response (%s)", path);
    *out = xstrdup(json_string_value(value));
    return 0;
}

int row_text(const struct row *row, const char *key, char **out, struct error *err)
{
    const char *text;
    if (row->object)
        return value_text(row, json_object_get(row->object, key), key, out, err);
    if (row_string(row, key, &text, err))
        return -1;
    *out = xstrdup(text);
    return 0;
}

int row_response(const struct row *row, const char *key, char **out, struct error *err)
{
    const char *text;
    if (row->object)
        return value_response(row, json_object_get(row->object, key), key, out, err);
    if (row_string(row, key, &text, err))
        return -1;
    if (*text == 0)
        return row_error(row, err, "empty response (%s)", key);
    *out = xstrdup(text);
    return 0;
}

static bool side_is(const struct side *side, const json_t *value)
{
    switch (side->type) {
    case SIDE_INT:
        return json_is_integer(value) && json_integer_value(value) == side->number;
    case SIDE_TEXT:
        return json_is_string(value) && !has_nul(value) &&
               !strcmp(json_string_value(value), side->text);
    case SIDE_TRUE:
        return json_is_true(value);
    case SIDE_FALSE:
        return json_is_false(value);
    case SIDE_END:
        break;
    }
    return false;
}

/* "0, 1 or "tie"", for the message. */
static void sides_list(const struct side *sides, char *out, size_t size)
{
    size_t len = 0;
    out[0] = 0;
    for (const struct side *s = sides; s->type != SIDE_END && len < size; s++) {
        const char *sep = s == sides ? "" : s[1].type == SIDE_END ? " or " : ", ";
        if (s->type == SIDE_INT)
            len += (size_t)snprintf(out + len, size - len, "%s%d", sep, s->number);
        else if (s->type == SIDE_TEXT)
            len += (size_t)snprintf(out + len, size - len, "%s\"%s\"", sep, s->text);
        else
            len += (size_t)snprintf(out + len, size - len, "%s%s", sep,
                                    s->type == SIDE_TRUE ? "true" : "false");
    }
}

int value_side(const struct row *row, const json_t *value, const char *path,
               const struct side *sides, int *means, bool *given, struct error *err)
{
    if (!value)
        return row_error(row, err, "no key \"%s\"", path);
    *given = !json_is_null(value);
    if (!*given)
        return 0;
    for (const struct side *s = sides; s->type != SIDE_END; s++) {
        if (side_is(s, value)) {
            *means = s->means;
            return 0;
        }
    }
    char list[160];
    sides_list(sides, list, sizeof list);
    return row_error(row, err, "unknown label (%s must be %s)", path, list);
}

int row_vote(const struct row *row, const char *key, const struct side *sides,
             const char *rater, enum rater_kind kind, struct pair *pair,
             struct error *err)
{
    int means;
    bool given;
    if (value_side(row, row_value(row, key), key, sides, &means, &given, err))
        return -1;
    if (given)
        pair_add_vote(pair, rater, kind, (enum choice)means, __builtin_nan(""));
    return 0;
}

int row_id(const struct row *row, const char *key, char **out, struct error *err)
{
    const json_t *value = row_value(row, key);
    if (!row->object || json_is_string(value)) {
        const char *text;
        if (row_string(row, key, &text, err))
            return -1;
        *out = xstrdup(text);
        return 0;
    }
    if (json_is_integer(value)) {
        *out = xasprintf("%lld", (long long)json_integer_value(value));
        return 0;
    }
    if (!value)
        return row_error(row, err, "no key \"%s\"", key);
    return row_error(row, err, "the id is neither text nor an integer (%s)", key);
}

int row_place_id(const struct row *row, int64_t first, char **out)
{
    *out = xasprintf("%lld", (long long)(row->place - 1 + first));
    return 0;
}

static const char *speaker_name(const char *role)
{
    if (!strcmp(role, "user"))
        return "Human";
    if (!strcmp(role, "assistant"))
        return "Assistant";
    return strcmp(role, "system") ? role : "System";
}

int messages_text(const struct row *row, const json_t *list, size_t n, const char *path,
                  char **out, struct error *err)
{
    struct buf text;
    buf_init(&text, RECORD_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *message = json_array_get(list, i);
        const json_t *role = json_object_get(message, "role");
        const json_t *content = json_object_get(message, "content");
        if (!json_is_string(role) || !json_is_string(content) || has_nul(role) ||
            has_nul(content)) {
            buf_release(&text);
            return row_error(row, err, "%s[%zu] is not a message with role and content",
                             path, i);
        }
        const char *name = speaker_name(json_string_value(role));
        if (n > 1 || strcmp(name, "Human"))
            buf_addf(&text, "%s%s: ", i ? "\n\n" : "", name);
        buf_add(&text, json_string_value(content), json_string_length(content));
    }
    *out = buf_take(&text);
    return 0;
}

int transcripts_split(const struct row *row, const char *x, const char *y, char **context,
                      char **rest_x, char **rest_y, struct error *err)
{
    static const char turn[] = "\n\nAssistant:";
    const size_t turn_len = sizeof turn - 1;
    size_t common = 0, cut = 0;
    while (x[common] && x[common] == y[common])
        common++;
    for (size_t i = common; i >= turn_len; i--) {
        if (!memcmp(x + i - turn_len, turn, turn_len)) {
            cut = i;
            break;
        }
    }
    if (cut == 0)
        return row_error(
            row, err, "no common turn start (\"\\n\\nAssistant:\" in both transcripts)");
    if (x[cut] == 0 || y[cut] == 0)
        return row_error(row, err, "empty response");
    *context = xstrndup(x, cut);
    *rest_x = xstrdup(x + cut);
    *rest_y = xstrdup(y + cut);
    return 0;
}
