/*
 * JSON by jansson, with what it lacks: numbers as the shortest decimal that reads back as
 * the same double, and errors that name file, line and column.
 */
#ifndef RLAIF_BASE_JSON_H
#define RLAIF_BASE_JSON_H

#include <jansson.h>

#include "src/base/buf.h"
#include "src/base/error.h"

/*
 * One value from text[0..len); duplicate keys and anything behind the value are errors.
 * first_line: the line of the file at which the text begins.
 */
json_t *json_parse(const char *text, size_t len, const char *file, int64_t first_line,
                   struct error *err);
/*
 * Compact, on one line, keys in the order they were set, non-ASCII as it is; controls and
 * hidden characters escaped, so that it may be printed on a terminal. Deeper than 256
 * levels sets out->full.
 */
void json_write(struct buf *out, const json_t *value);
/* Shortest decimal that reads back as `x`; NaN and infinities become null. */
void json_write_real(struct buf *out, double x);

/* json_real that takes NaN and infinities as null. */
json_t *json_number_or_null(double x);
/* A string from bytes that may not be UTF-8: bad bytes become U+FFFD. */
json_t *json_text(const char *s, size_t len);
json_t *json_text0(const char *s); /* NULL gives null */
/* [low, high] */
json_t *json_interval(double low, double high);

#endif
