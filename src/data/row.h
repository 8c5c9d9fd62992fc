/*
 * One record of a file with its fields, as the formats' readers see it: a JSON object,
 * the cells of a CSV record, or a line of text. Every accessor that can fail says field,
 * file and line. Private to src/data.
 */
#ifndef RLAIF_DATA_ROW_H
#define RLAIF_DATA_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/error.h"
#include "src/data/pair.h"
#include "src/data/source.h"

struct row {
    const char *file;
    int64_t line;                 /* of its first byte */
    int64_t place;                /* in the file from 1, bad records counted */
    json_t *object;               /* JSON, else NULL */
    const struct csv_cells *head; /* CSV, else NULL */
    const struct csv_cells *cells;
    bool guarded;     /* CSV written by us with EXPORT_GUARD */
    const char *text; /* a line of text, else NULL */
    size_t text_len;
};

int row_error(const struct row *row, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Is there such a key or column? */
bool row_has(const struct row *row, const char *key);
/* The value; NULL when absent or a CSV row. */
json_t *row_value(const struct row *row, const char *key);
/* Like row_value, but absent is an error. */
int row_need(const struct row *row, const char *key, json_t **out, struct error *err);

/* A string that must be there; the row's own memory. */
int row_string(const struct row *row, const char *key, const char **out,
               struct error *err);
/* NULL when absent, null, not a string or an empty cell. */
const char *row_string_or_null(const struct row *row, const char *key);
/* Copies: a text, and a response, which must not be "" either. Owned by the caller. */
int row_text(const struct row *row, const char *key, char **out, struct error *err);
int row_response(const struct row *row, const char *key, char **out, struct error *err);
/* The same of a value deep in the row; path names it in the message; value NULL: absent.
 */
int value_text(const struct row *row, const json_t *value, const char *path, char **out,
               struct error *err);
int value_response(const struct row *row, const json_t *value, const char *path,
                   char **out, struct error *err);

/* What a label value means. Types are exact: true is no number and "1" is not 1. Ends
 * with {0}. */
enum side_type { SIDE_END, SIDE_INT, SIDE_TEXT, SIDE_TRUE, SIDE_FALSE };
struct side {
    enum side_type type;
    int number;
    const char *text;
    int means; /* enum choice, or a slot */
};
/* null gives *given = false; absent, and what is not in the table, are errors ("unknown
 * label"). */
int value_side(const struct row *row, const json_t *value, const char *path,
               const struct side *sides, int *means, bool *given, struct error *err);
/* Votes by one label field of the row: no vote when it is null. */
int row_vote(const struct row *row, const char *key, const struct side *sides,
             const char *rater, enum rater_kind kind, struct pair *pair,
             struct error *err);

/* "17" or "x17": an id that is a string or an integer, as text. Owned by the caller. */
int row_id(const struct row *row, const char *key, char **out, struct error *err);
int row_place_id(const struct row *row, int64_t first,
                 char **out); /* place counted from `first`; 0 */

/*
 * Messages [{role, content}] 0..n-1 as text: a lone user turn as it is, else "Human:
 * ...", "Assistant:
 * ..." with blank lines between. Owned by the caller.
 */
int messages_text(const struct row *row, const json_t *list, size_t n, const char *path,
                  char **out, struct error *err);
/*
 * Transcripts: the longest common prefix, cut back to the last whole "\n\nAssistant:", is
 * the context; the rests are the responses.
 */
int transcripts_split(const struct row *row, const char *x, const char *y, char **context,
                      char **rest_x, char **rest_y, struct error *err);

#endif
