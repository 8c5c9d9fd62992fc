#include "src/base/option.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"

#define SHOWN_COLUMNS 60

static void *field_of(const struct option *option, void *fields)
{
    return (char *)fields + option->offset;
}

static bool has_range(const struct option *option)
{
    return option->min != 0 || option->max != 0;
}

static bool in_range(const struct option *option, double x)
{
    return !has_range(option) || (x >= option->min && x <= option->max);
}

/* "0..1", "at least 0" or "at most 1". */
static void describe_range(const struct option *option, struct buf *out)
{
    if (isinf(option->max)) {
        buf_adds(out, "at least ");
        json_write_real(out, option->min);
    } else if (isinf(option->min)) {
        buf_adds(out, "at most ");
        json_write_real(out, option->max);
    } else {
        json_write_real(out, option->min);
        buf_adds(out, "..");
        json_write_real(out, option->max);
    }
}

/* "f32, int8 or int4" */
static void describe_choices(const char *choices, struct buf *out)
{
    for (const char *word = choices; *word;) {
        size_t len = strcspn(word, "|");
        const char *next = word + len + (word[len] == '|');

        if (word != choices)
            buf_adds(out, *next ? ", " : " or ");
        buf_add(out, word, len);
        word = next;
    }
}

/* What a value must be; `number` when it was one of the right kind. */
static void describe(const struct option *option, bool number, struct buf *out)
{
    switch (option->type) {
    case OPTION_INT:
    case OPTION_REAL:
        if (!number)
            buf_adds(out, option->type == OPTION_INT ? "a whole number" : "a number");
        if (has_range(option)) {
            if (!number)
                buf_addc(out, ' ');
            describe_range(option, out);
        } else if (number) {
            buf_adds(out, "a smaller number");
        }
        break;
    case OPTION_BOOL:
        buf_adds(out, "true or false");
        break;
    case OPTION_TEXT:
        buf_adds(out, "UTF-8 text");
        break;
    case OPTION_CHOICE:
        describe_choices(option->choices, out);
        break;
    }
}

/* The value as a person can read it: no controls, not too long, blanks in quotes. */
static void describe_value(const char *value, struct buf *out)
{
    struct buf clean;
    size_t fits;

    buf_init(&clean, 0);
    text_sanitise(&clean, value, strlen(value), 0);
    fits = text_fit(buf_str(&clean), clean.len, SHOWN_COLUMNS);
    if (clean.len == 0 || strchr(buf_str(&clean), ' '))
        buf_addf(out, "\"%.*s%s\"", (int)fits, buf_str(&clean),
                 fits < clean.len ? "..." : "");
    else
        buf_addf(out, "%.*s%s", (int)fits, buf_str(&clean),
                 fits < clean.len ? "..." : "");
    buf_release(&clean);
}

static int refuse(const struct option *option, const char *value, bool number,
                  struct error *err)
{
    struct buf must, not ;

    buf_init(&must, 0);
    buf_init(&not, 0);
    describe(option, number, &must);
    describe_value(value, &not );
    error_set(err, ERROR_USAGE, "%s must be %s, not %s", option->name, buf_str(&must),
              buf_str(&not ));
    buf_release(&must);
    buf_release(&not );
    return -1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* -?[0-9]+ */
static bool is_whole(const char *text)
{
    text += *text == '-';
    if (!is_digit(*text))
        return false;
    while (is_digit(*text))
        text++;
    return *text == '\0';
}

/* Decimal only: strtod alone would also take blanks, "inf", "nan" and hexadecimal. */
static bool is_decimal(const char *text)
{
    const char *start;
    size_t digits = 0;

    text += *text == '-' || *text == '+';
    for (start = text; is_digit(*text); text++)
        ;
    digits += (size_t)(text - start);
    if (*text == '.') {
        for (start = ++text; is_digit(*text); text++)
            ;
        digits += (size_t)(text - start);
    }
    if (digits == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        if (!is_digit(*text))
            return false;
        while (is_digit(*text))
            text++;
    }
    return *text == '\0';
}

static int set_int(const struct option *option, void *field, const char *value,
                   struct error *err)
{
    long long x;

    if (!is_whole(value))
        return refuse(option, value, false, err);
    errno = 0;
    x = strtoll(value, NULL, 10);
    if (errno || !in_range(option, (double)x))
        return refuse(option, value, true, err);
    *(int64_t *)field = x;
    return 0;
}

static int set_real(const struct option *option, void *field, const char *value,
                    struct error *err)
{
    double x;

    if (!is_decimal(value))
        return refuse(option, value, false, err);
    x = strtod(value, NULL);
    if (!isfinite(x) || !in_range(option, x))
        return refuse(option, value, true, err);
    *(double *)field = x;
    return 0;
}

static int set_bool(const struct option *option, void *field, const char *value,
                    struct error *err)
{
    static const char *const words[2][4] = {
        {"false", "no", "off", "0"},
        {"true", "yes", "on", "1"},
    };

    for (int which = 0; which < 2; which++)
        for (int i = 0; i < 4; i++)
            if (strcmp(value, words[which][i]) == 0) {
                *(bool *)field = which;
                return 0;
            }
    return refuse(option, value, false, err);
}

static int set_text(const struct option *option, void *field, const char *value,
                    struct error *err)
{
    char *copy;
    size_t bad;

    if (!utf8_valid(value, strlen(value), &bad))
        return refuse(option, value, false, err);
    /* Copied first: the value may be the field itself. */
    copy = xstrdup(value);
    free(*(char **)field);
    *(char **)field = copy;
    return 0;
}

/* The word at `index` of "a|b|c" and its length, or NULL behind the last. */
static const char *choice_word(const char *choices, int index, size_t *len)
{
    const char *word = choices;

    for (;; word += *len + 1) {
        *len = strcspn(word, "|");
        if (index-- == 0)
            return word;
        if (word[*len] == '\0')
            return NULL;
    }
}

static void choice_hint(const char *choices, const char *value, struct error *err)
{
    const char *names[64];
    char *copy = xstrdup(choices);
    char *rest = copy;
    const char *near;
    size_t n = 0;

    while (rest && n < sizeof(names) / sizeof(names[0])) {
        char *bar = strchr(rest, '|');

        if (bar)
            *bar = '\0';
        names[n++] = rest;
        rest = bar ? bar + 1 : NULL;
    }
    near = text_nearest(value, names, n);
    if (near)
        error_hint(err, "did you mean %s?", near);
    free(copy);
}

static int set_choice(const struct option *option, void *field, const char *value,
                      struct error *err)
{
    const char *word;
    size_t len;

    for (int i = 0; (word = choice_word(option->choices, i, &len)); i++)
        if (strlen(value) == len && memcmp(word, value, len) == 0) {
            *(int *)field = i;
            return 0;
        }
    refuse(option, value, false, err);
    choice_hint(option->choices, value, err);
    return -1;
}

static int set_field(const struct option *option, void *fields, const char *value,
                     struct error *err)
{
    void *field = field_of(option, fields);

    switch (option->type) {
    case OPTION_INT:
        return set_int(option, field, value, err);
    case OPTION_REAL:
        return set_real(option, field, value, err);
    case OPTION_BOOL:
        return set_bool(option, field, value, err);
    case OPTION_TEXT:
        return set_text(option, field, value, err);
    case OPTION_CHOICE:
        return set_choice(option, field, value, err);
    }
    return -1;
}

static void clear_field(const struct option *option, void *fields)
{
    void *field = field_of(option, fields);

    switch (option->type) {
    case OPTION_INT:
        *(int64_t *)field = 0;
        break;
    case OPTION_REAL:
        *(double *)field = 0;
        break;
    case OPTION_BOOL:
        *(bool *)field = false;
        break;
    case OPTION_TEXT:
        *(char **)field = NULL;
        break;
    case OPTION_CHOICE:
        *(int *)field = 0;
        break;
    }
}

void options_init(const struct option *table, void *fields)
{
    for (const struct option *o = table; o->name; o++) {
        const char *value = o->value ? o->value : o->type == OPTION_TEXT ? "" : NULL;

        clear_field(o, fields);
        /* A default outside its own range is a mistake in the table. */
        if (value && set_field(o, fields, value, NULL) < 0)
            abort();
    }
}

void options_release(const struct option *table, void *fields)
{
    for (const struct option *o = table; o->name; o++) {
        if (o->type != OPTION_TEXT)
            continue;
        free(*(char **)field_of(o, fields));
        *(char **)field_of(o, fields) = NULL;
    }
}

const struct option *option_find(const struct option *table, const char *name)
{
    for (const struct option *o = table; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static int unknown(const struct option *table, const char *name, struct error *err)
{
    const char **names;
    const char *near;
    struct buf shown;
    size_t n = 0;

    while (table[n].name)
        n++;
    names = xcalloc(n, sizeof(names[0]));
    for (size_t i = 0; i < n; i++)
        names[i] = table[i].name;
    buf_init(&shown, 0);
    describe_value(name, &shown);
    error_set(err, ERROR_USAGE, "there is no option %s", buf_str(&shown));
    near = text_nearest(name, names, n);
    if (near)
        error_hint(err, "did you mean %s?", near);
    buf_release(&shown);
    free(names);
    return -1;
}

int option_set(const struct option *table, void *fields, const char *name,
               const char *value, struct error *err)
{
    const struct option *option = option_find(table, name);

    if (!option)
        return unknown(table, name, err);
    return set_field(option, fields, value, err);
}

void option_get(const struct option *option, const void *fields, struct buf *out)
{
    const void *field = (const char *)fields + option->offset;
    const char *word;
    size_t len;

    switch (option->type) {
    case OPTION_INT:
        buf_addf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case OPTION_REAL:
        json_write_real(out, *(const double *)field);
        break;
    case OPTION_BOOL:
        buf_adds(out, *(const bool *)field ? "true" : "false");
        break;
    case OPTION_TEXT:
        if (*(char *const *)field)
            buf_adds(out, *(char *const *)field);
        break;
    case OPTION_CHOICE:
        word = choice_word(option->choices, *(const int *)field, &len);
        if (word)
            buf_add(out, word, len);
        break;
    }
}
