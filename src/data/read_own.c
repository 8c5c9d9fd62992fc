/* Our own JSONL, and files whose columns are named by the user or are our own (CSV, TSV,
 * JSON). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/data/format.h"

static int read_number(const struct row *row, const json_t *value, const char *path,
                       double min, double max, double *out, struct error *err)
{
    *out = NAN;
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_number(value))
        return row_error(row, err, "%s is not a number", path);
    double x = json_number_value(value);
    if (!(x >= min && x <= max))
        return row_error(row, err, "%s must be %g to %g, not %g", path, min, max, x);
    *out = x;
    return 0;
}

static int read_choice(const struct row *row, const json_t *item, struct pair *out,
                       struct error *err)
{
    const char *rater = json_string_value(json_object_get(item, "rater"));
    const char *choice = json_string_value(json_object_get(item, "choice"));
    const json_t *kind_value = json_object_get(item, "kind");
    const char *kind_text = kind_value ? json_string_value(kind_value) : "human";
    enum rater_kind kind;
    enum choice means;
    double confidence, soft;
    if (!rater)
        return row_error(row, err, "choices: no text \"rater\"");
    if (!kind_text || !rater_kind_parse(kind_text, &kind))
        return row_error(row, err, "choices: kind must be human, ai, gold or sim");
    if (!choice || !choice_parse(choice, &means))
        return row_error(row, err, "unknown label (choice must be a, b, tie or none)");
    if (read_number(row, json_object_get(item, "confidence"), "confidence", 1, 9,
                    &confidence, err) ||
        read_number(row, json_object_get(item, "soft"), "soft", 0, 1, &soft, err))
        return -1;
    pair_add_vote(out, rater, kind, means, confidence);
    out->votes[out->n_votes - 1].soft = soft;
    return 0;
}

static int read_choices(const struct row *row, const json_t *list, struct pair *out,
                        struct error *err)
{
    if (!list || json_is_null(list))
        return 0;
    if (!json_is_array(list))
        return row_error(row, err, "choices is not a list");
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (read_choice(row, item, out, err))
            return -1;
    }
    return 0;
}

static int read_tags(const struct row *row, const json_t *list, struct pair *out,
                     struct error *err)
{
    if (!list || json_is_null(list))
        return 0;
    if (!json_is_array(list))
        return row_error(row, err, "tags is not a list");
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        char *tag;
        if (value_text(row, item, "tags", &tag, err))
            return -1;
        pair_add_tag(out, tag);
        free(tag);
    }
    return 0;
}

static int read_split(const struct row *row, const char *split, struct pair *out,
                      struct error *err)
{
    if (!split)
        return 0;
    out->split_given = split_parse(split, &out->split);
    return out->split_given ? 0 : row_error(row, err, "split must be train, dev or test");
}

/* The parts that stay away when there is nothing to say. */
static void read_names(const struct row *row, const char *title, const char *group,
                       struct pair *out)
{
    title = row_string_or_null(row, title);
    group = row_string_or_null(row, group);
    if (title)
        out->title = xstrdup(title);
    if (group)
        out->group = xstrdup(group);
}

int read_own(const struct row *row, const struct import_options *options,
             struct pair *out, struct error *err)
{
    (void)options;
    const json_t *id = row_value(row, "id");
    if (id && !json_is_null(id) && row_id(row, "id", &out->key, err))
        return -1;
    read_names(row, "title", "group", out);
    if (row_text(row, "context", &out->context, err) ||
        row_response(row, "a", &out->a, err) || row_response(row, "b", &out->b, err) ||
        read_choices(row, row_value(row, "choices"), out, err) ||
        read_tags(row, row_value(row, "tags"), out, err) ||
        read_split(row, row_string_or_null(row, "split"), out, err) ||
        read_number(row, row_value(row, "gold_a"), "gold_a", -INFINITY, INFINITY,
                    &out->gold_a, err))
        return -1;
    return read_number(row, row_value(row, "gold_b"), "gold_b", -INFINITY, INFINITY,
                       &out->gold_b, err);
}

/* ---- columns ---- */

bool check_own_columns(const struct row *row)
{
    return row_has(row, "context") && row_has(row, "a") && row_has(row, "b");
}

/* A cell that holds JSON, as we write it; NULL in *out when there is none. */
static int json_cell(const struct row *row, const char *column, json_t **out,
                     struct error *err)
{
    const char *cell = row_string_or_null(row, column);
    struct error problem = {0};
    *out = NULL;
    if (!cell || row->object)
        return 0;
    *out = json_parse(cell, strlen(cell), row->file, row->line, &problem);
    return *out ? 0 : row_error(row, err, "%s is not JSON: %s", column, problem.text);
}

static int number_cell(const struct row *row, const char *column, double *out,
                       struct error *err)
{
    const char *cell = row_string_or_null(row, column);
    char *end;
    if (!cell || row->object)
        return 0;
    *out = strtod(cell, &end);
    return *end == 0 && isfinite(*out)
               ? 0
               : row_error(row, err, "%s is not a number", column);
}

/* a, b, tie in any case, nothing, or the name of the column that holds the better
 * response. */
static int read_choice_word(const struct row *row, const struct import_options *o,
                            struct pair *out, struct error *err)
{
    const char *column = o->choice ? o->choice : "choice";
    if (!row_has(row, column))
        return o->choice ? row_error(row, err, "no column \"%s\"", column) : 0;
    if (row->object && json_is_null(row_value(row, column)))
        return 0;
    const char *word;
    enum choice choice;
    if (row_string(row, column, &word, err))
        return -1;
    if (!*word || !strcasecmp(word, "none"))
        return 0;
    if (!strcasecmp(word, "a") || (o->a && !strcmp(word, o->a)))
        choice = CHOICE_A;
    else if (!strcasecmp(word, "b") || (o->b && !strcmp(word, o->b)))
        choice = CHOICE_B;
    else if (!strcasecmp(word, "tie"))
        choice = CHOICE_TIE;
    else
        return row_error(row, err,
                         "unknown label (%s must be a, b, tie, empty or a column's name)",
                         column);
    pair_add_vote(out, "human", RATER_HUMAN, choice, NAN);
    return 0;
}

/* Columns that only our own export has. */
static int read_own_cells(const struct row *row, const struct import_options *o,
                          struct pair *out, struct error *err)
{
    json_t *choices = NULL, *tags = NULL;
    int bad = json_cell(row, "choices", &choices, err) ||
              read_choices(row, choices, out, err) ||
              json_cell(row, "tags", &tags, err) || read_tags(row, tags, out, err) ||
              number_cell(row, "gold_a", &out->gold_a, err) ||
              number_cell(row, "gold_b", &out->gold_b, err);
    if (!bad && !choices)
        bad = read_choice_word(row, o, out, err);
    json_decref(choices);
    json_decref(tags);
    return bad ? -1 : 0;
}

int read_columns(const struct row *row, const struct import_options *o, struct pair *out,
                 struct error *err)
{
    const char *id = row_string_or_null(row, o->id ? o->id : "id");
    if (id)
        out->key = xstrdup(id);
    read_names(row, o->title ? o->title : "title", o->group ? o->group : "group", out);
    if (row_text(row, o->context ? o->context : "context", &out->context, err) ||
        row_response(row, o->a ? o->a : "a", &out->a, err) ||
        row_response(row, o->b ? o->b : "b", &out->b, err))
        return -1;
    bool mapped =
        o->context || o->a || o->b; // then the other columns are somebody else's
    if (mapped)
        return read_choice_word(row, o, out, err);
    if (read_split(row, row_string_or_null(row, "split"), out, err))
        return -1;
    return read_own_cells(row, o, out, err);
}
