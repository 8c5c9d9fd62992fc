/*
 * The filter of `where` and `/`: terms with a blank between them must all hold, `|` is or
 * (it binds weaker),
 * `-` before a term is not. A term is a flag (disagree), a comparison (margin<.2,
 * human=a), or a match (tag:too-long, text~"regular expression"). The fields are rows of
 * filter_fields; immutable once compiled.
 */
#ifndef RLAIF_CMD_FILTER_H
#define RLAIF_CMD_FILTER_H

#include <stdbool.h>

#include "src/base/error.h"
#include "src/label/judged.h"

struct filter_field {
    const char *name;
    enum { FIELD_FLAG, FIELD_NUMBER, FIELD_TEXT } kind;
    double (*number)(const struct judged *row); /* NaN: not known, no comparison holds */
    bool (*flag)(const struct judged *row);
    bool (*text)(const struct judged *row, bool (*match)(void *ctx, const char *text),
                 void *ctx); /* any of its texts */
    const char *about;   /* one line for help */
};
extern const struct filter_field filter_fields[]; /* ends with a row whose name is NULL */

struct filter;
/* NULL with an error that names the column. An empty text is a filter that holds for every row. */
struct filter *filter_compile(const char *text, struct error *err);
void filter_free(struct filter *filter);
bool filter_holds(const struct filter *filter, const struct judged *row);

#endif
