/* A typed line becomes a struct call: words, references, key=value, where, by, as, > FILE. */
#include "src/cmd/command.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/workbench.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)

/* One word of a line: its text without quotes, and where it stood. */
struct word {
    char *text;
    size_t start, end;
    bool quoted; /* some of it was in quotes: never a keyword */
};

struct words {
    struct word *items;
    size_t n, cap;
};

static void words_release(struct words *words)
{
    for (size_t i = 0; i < words->n; i++)
        free(words->items[i].text);
    free(words->items);
    *words = (struct words){0};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* A command ends at `;` or with its line. */
static bool is_end(char c)
{
    return c == '\0' || c == ';' || c == '\n';
}

/* Reads one word at *pos; the caller has skipped blanks. */
static int read_word(const char *text, size_t *pos, struct word *out, struct error *err)
{
    struct buf word;
    size_t i = *pos;

    buf_init(&word, LINE_MAX_BYTES);
    buf_adds(&word, "");
    *out = (struct word){.start = i};
    while (!is_blank(text[i]) && !is_end(text[i])) {
        char quote = text[i];
        if (quote == '\'' || quote == '"') {
            size_t open = i++;
            out->quoted = true;
            while (text[i] && text[i] != quote) {
                if (quote == '"' && text[i] == '\\' && text[i + 1])
                    i++;
                buf_addc(&word, text[i++]);
            }
            if (!text[i]) {
                buf_release(&word);
                error_at_line(err, "", 1, (int64_t)open + 1, "a quote %c is opened and not closed",
                              quote);
                err->kind = ERROR_USAGE;
                return -1;
            }
            i++;
        } else if (quote == '\\' && text[i + 1]) {
            out->quoted = true;
            buf_addc(&word, text[i + 1]);
            i += 2;
        } else {
            buf_addc(&word, text[i++]);
        }
    }
    out->end = *pos = i;
    out->text = buf_take(&word);
    return 0;
}

/* All words of one command; *end is behind its `;` or newline. */
static int read_words(const char *text, size_t *end, struct words *out, struct error *err)
{
    size_t i = 0;
    for (;;) {
        while (is_blank(text[i]))
            i++;
        if (is_end(text[i]))
            break;
        out->items = array_grow(out->items, out->n, &out->cap, sizeof *out->items);
        if (read_word(text, &i, &out->items[out->n], err) < 0)
            return -1;
        out->n++;
    }
    *end = text[i] ? i + 1 : i;
    return 0;
}

static bool word_is(const struct words *words, size_t i, const char *keyword)
{
    return i < words->n && !words->items[i].quoted && strcmp(words->items[i].text, keyword) == 0;
}

static const struct command *find_command(const char *verb, const char *noun)
{
    for (size_t i = 0; i < command_count(); i++) {
        const struct command *row = command_at(i);
        if (strcmp(row->verb, verb) == 0 && (noun ? row->noun && strcmp(row->noun, noun) == 0
                                                  : row->noun == NULL))
            return row;
    }
    return NULL;
}

/* Verbs, or the nouns of one verb, as a list of names without doubles. */
static size_t collect_names(const char *verb, const char **names)
{
    size_t n = 0;
    for (size_t i = 0; i < command_count(); i++) {
        const struct command *row = command_at(i);
        const char *name = verb ? row->noun : row->verb;
        bool seen = name == NULL || (verb && strcmp(row->verb, verb) != 0);
        for (size_t k = 0; k < n && !seen; k++)
            seen = strcmp(names[k], name) == 0;
        if (!seen)
            names[n++] = name;
    }
    return n;
}

static int unknown_word(const char *what, const char *word, const char *verb, struct error *err)
{
    const char **names = xcalloc(command_count(), sizeof *names);
    size_t n = collect_names(verb, names);
    const char *near = text_nearest(word, names, n);

    error_set(err, ERROR_USAGE, "there is no %s \"%s\"%s%s", what, word, verb ? " behind " : "",
              verb ? verb : "");
    if (near) {
        const struct command *row =
            verb ? find_command(verb, near) : find_command(near, NULL);
        for (size_t i = 0; i < command_count() && !row; i++)
            if (strcmp(command_at(i)->verb, near) == 0)
                row = command_at(i);
        error_hint(err, "did you mean %s? example: %s", near,
                   row && row->example ? row->example : near);
    } else if (verb) {
        struct buf list;
        buf_init(&list, 200);
        for (size_t i = 0; i < n; i++)
            buf_addf(&list, "%s%s", i ? ", " : "", names[i]);
        error_hint(err, "%s takes: %s", verb, buf_str(&list));
        buf_release(&list);
    } else {
        error_hint(err, "help lists all commands");
    }
    free(names);
    return -1;
}

/* Verb and noun; *next is the first word behind them. */
static int parse_verb(const struct words *words, const struct command **out, size_t *next,
                      struct error *err)
{
    const char *verb = words->items[0].text;
    const char *noun = words->n > 1 && !words->items[1].quoted ? words->items[1].text : NULL;
    const struct command *row = noun ? find_command(verb, noun) : NULL;
    const char *names[64];

    *next = 2;
    if (!row) {
        row = find_command(verb, NULL);
        *next = 1;
    }
    if (row) {
        *out = row;
        return 0;
    }
    if (collect_names(verb, names) == 0)
        return unknown_word("command", verb, NULL, err);
    if (!noun) {
        struct buf list;
        size_t n = collect_names(verb, names);
        buf_init(&list, 200);
        for (size_t i = 0; i < n; i++)
            buf_addf(&list, "%s%s", i ? ", " : "", names[i]);
        error_set(err, ERROR_USAGE, "%s wants a noun", verb);
        error_hint(err, "one of: %s", buf_str(&list));
        buf_release(&list);
        return -1;
    }
    return unknown_word("noun", noun, verb, err);
}

static int parse_format(const char *name, enum output_format *out, struct error *err)
{
    static const char *const names[] = {"text", "json", "jsonl", "tsv", "md"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (enum output_format)i;
            return 0;
        }
    return error_set(err, ERROR_USAGE, "as takes text, json, jsonl, tsv or md, not \"%s\"", name);
}

static int add_key(struct call *call, const char *word, size_t equals, struct error *err)
{
    const struct command *row = call->command;
    char *key = xstrndup(word, equals);
    const char *names[64];
    size_t n = 0;

    for (const struct command_key *k = row->keys; k && k->name && n < 64; k++)
        names[n++] = k->name;
    bool known = row->flags & COMMAND_ANY_KEY;
    for (size_t i = 0; i < n; i++)
        known = known || strcmp(names[i], key) == 0;
    if (!known) {
        const char *near = text_nearest(key, names, n);
        struct buf usage;
        buf_init(&usage, 200);
        command_usage(row, &usage);
        error_set(err, ERROR_USAGE, "%s%s%s takes no key \"%s=\"", row->verb, row->noun ? " " : "",
                  row->noun ? row->noun : "", key);
        if (near)
            error_hint(err, "did you mean %s=?", near);
        else
            error_hint(err, "usage: %s", buf_str(&usage));
        buf_release(&usage);
        free(key);
        return -1;
    }
    call->pairs = xrealloc(call->pairs, (call->n_pairs + 1) * sizeof *call->pairs);
    call->pairs[call->n_pairs].key = key;
    call->pairs[call->n_pairs++].value = xstrdup(word + equals + 1);
    return 0;
}

/* A name, letters first, then `=`: the length of the name, else 0. Paths and filters are
 * not keys. */
static size_t key_length(const char *word)
{
    size_t i = 0;
    while ((word[i] >= 'a' && word[i] <= 'z') || (i > 0 && (word[i] == '_' || word[i] == '.' ||
           (word[i] >= '0' && word[i] <= '9'))))
        i++;
    return i > 0 && word[i] == '=' ? i : 0;
}

static bool ends_clause(const struct words *words, size_t i)
{
    return word_is(words, i, "by") || word_is(words, i, "as") ||
           (i < words->n && !words->items[i].quoted &&
            (words->items[i].text[0] == '>' || strcmp(words->items[i].text, "where") == 0));
}

static int usage_error(const struct call *call, const char *what, struct error *err)
{
    struct buf usage;
    buf_init(&usage, 230);
    command_usage(call->command, &usage);
    error_set(err, ERROR_USAGE, "%s%s%s: %s", call->command->verb, call->command->noun ? " " : "",
              call->command->noun ? call->command->noun : "", what);
    error_hint(err, "usage: %s", buf_str(&usage));
    buf_release(&usage);
    return -1;
}

/* The clauses that begin with a keyword; *i is moved behind the clause. 1: it was none. */
static int parse_clause(const char *text, const struct words *words, size_t *i, struct call *call,
                        struct error *err)
{
    if (word_is(words, *i, "where")) {
        size_t first = ++*i;
        while (*i < words->n && !ends_clause(words, *i))
            ++*i;
        if (first == *i)
            return usage_error(call, "where wants a filter", err);
        if (!(call->command->flags & COMMAND_WHERE))
            return usage_error(call, "it takes no where", err);
        size_t from = words->items[first].start, to = words->items[*i - 1].end;
        free(call->where);
        call->where = xstrndup(text + from, to - from);
        return 0;
    }
    if (word_is(words, *i, "by") && call->command->flags & COMMAND_BY) {
        if (*i + 1 >= words->n)
            return usage_error(call, "by wants a key", err);
        free(call->by);
        call->by = xstrdup(words->items[*i + 1].text);
        *i += 2;
        return 0;
    }
    if (word_is(words, *i, "as") && *i + 1 < words->n) {
        if (parse_format(words->items[*i + 1].text, &call->format, err) < 0)
            return -1;
        call->format_given = true;
        *i += 2;
        return 0;
    }
    if (!words->items[*i].quoted && words->items[*i].text[0] == '>' &&
        !(call->command->flags & COMMAND_COMPARES)) {
        const char *name = words->items[*i].text + 1;
        if (!*name && *i + 1 < words->n)
            name = words->items[++*i].text;
        if (!*name)
            return usage_error(call, "> wants a file", err);
        free(call->to);
        call->to = xstrdup(name);
        ++*i;
        return 0;
    }
    return 1;
}

static int parse_arguments(const char *text, const struct words *words, size_t i, struct call *call,
                           struct error *err)
{
    const struct command *row = call->command;
    while (i < words->n) {
        int done = parse_clause(text, words, &i, call, err);
        if (done < 0)
            return -1;
        if (done == 0)
            continue;
        size_t equals = key_length(words->items[i].text);
        if (equals > 0 && (row->keys || row->flags & COMMAND_ANY_KEY)) {
            if (add_key(call, words->items[i].text, equals, err) < 0)
                return -1;
        } else {
            call->refs = xrealloc(call->refs, (call->n_refs + 1) * sizeof *call->refs);
            call->refs[call->n_refs++] = xstrdup(words->items[i].text);
        }
        i++;
    }
    if (call->n_refs < (size_t)row->min_refs)
        return usage_error(call, "too little is named", err);
    if (row->max_refs >= 0 && call->n_refs > (size_t)row->max_refs) {
        struct buf what;
        buf_init(&what, 200);
        buf_addf(&what, "\"%.100s\" is one thing too many", call->refs[row->max_refs]);
        usage_error(call, buf_str(&what), err);
        buf_release(&what);
        return -1;
    }
    return 0;
}

/* The error answers in the format that the failing line asked for, wherever `as json` stood. */
static void guess_format(const struct words *words, struct call *call)
{
    for (size_t i = 1; i + 1 < words->n; i++)
        if (word_is(words, i, "as"))
            parse_format(words->items[i + 1].text, &call->format, NULL);
}

int call_parse(struct workbench *wb, const char **text, struct call *out, struct error *err)
{
    struct words words = {0};
    const char *start = *text, *at = *text;
    size_t end = 0, next = 0;
    struct error own;
    int status = -1;

    *out = (struct call){
        .wb = wb, .format = wb ? (enum output_format)wb->default_format : OUTPUT_TEXT};
    while (*at && (is_blank(*at) || is_end(*at) || *at == '#'))
        at += *at == '#' ? strcspn(at, "\n") : 1;
    if (!*at) {
        *text = at;
        return 1;
    }
    if (strlen(at) > LINE_MAX_BYTES) {
        *text = at + strlen(at);
        return error_set(err, ERROR_USAGE, "the line is longer than 1 MiB");
    }
    if (read_words(at, &end, &words, &own) < 0) {
        *text = at + strlen(at);
        own.column += at - start;
        goto out;
    }
    *text = at + end;
    guess_format(&words, out);
    out->line = xstrndup(at, words.items[words.n - 1].end);
    if (parse_verb(&words, &out->command, &next, &own) < 0)
        goto out;
    status = parse_arguments(at, &words, next, out, &own);
out:
    if (status < 0 && err)
        *err = own;
    words_release(&words);
    return status;
}

void call_release(struct call *call)
{
    for (size_t i = 0; i < call->n_refs; i++)
        free(call->refs[i]);
    free(call->refs);
    for (size_t i = 0; i < call->n_pairs; i++) {
        free(call->pairs[i].key);
        free(call->pairs[i].value);
    }
    free(call->pairs);
    free(call->where);
    free(call->by);
    free(call->to);
    free(call->line);
    free(call->undo);
    json_decref(call->answer);
    *call = (struct call){0};
}

const char *call_get(const struct call *call, const char *key)
{
    for (size_t i = call->n_pairs; i-- > 0;)
        if (strcmp(call->pairs[i].key, key) == 0)
            return call->pairs[i].value;
    return NULL;
}

int call_get_int(const struct call *call, const char *key, long min, long max, long *out,
                 struct error *err)
{
    const char *value = call_get(call, key);
    char *end;
    if (!value)
        return 0;
    errno = 0;
    long n = strtol(value, &end, 10);
    if (errno || end == value || *end || n < min || n > max)
        return error_set(err, ERROR_USAGE, "%s must be a whole number from %ld to %ld, not \"%s\"",
                         key, min, max, value);
    *out = n;
    return 0;
}

int call_get_real(const struct call *call, const char *key, double min, double max, double *out,
                  struct error *err)
{
    const char *value = call_get(call, key);
    char *end;
    if (!value)
        return 0;
    double x = strtod(value, &end);
    if (end == value || *end || !isfinite(x) || x < min || x > max)
        return error_set(err, ERROR_USAGE, "%s must be a number from %g to %g, not \"%s\"", key,
                         min, max, value);
    *out = x;
    return 0;
}

void command_usage(const struct command *command, struct buf *out)
{
    buf_adds(out, command->verb);
    if (command->noun)
        buf_addf(out, " %s", command->noun);
    if (command->refs && *command->refs)
        buf_addf(out, " %s", command->refs);
    for (const struct command_key *k = command->keys; k && k->name; k++)
        buf_addf(out, k->required ? " %s=%s" : " [%s=%s]", k->name, k->value);
    if (command->flags & COMMAND_WHERE)
        buf_adds(out, " [where FILTER]");
    if (command->flags & COMMAND_BY)
        buf_adds(out, " [by KEY,..]");
}
