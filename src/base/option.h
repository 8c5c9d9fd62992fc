/*
 * Options as rows of a const table beside the struct they fill: name, type, range,
 * default and one line of text. YAML, `set`, `help` and completion read the same row.
 */
#ifndef RLAIF_BASE_OPTION_H
#define RLAIF_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/error.h"

enum option_type {
    OPTION_INT,    /* int64_t at offset */
    OPTION_REAL,   /* double */
    OPTION_BOOL,   /* bool */
    OPTION_TEXT,   /* char * owned by the struct */
    OPTION_CHOICE, /* int, index into `choices` (words separated by |) */
};

struct option {
    const char *name;
    enum option_type type;
    size_t offset;
    double min, max;     /* numbers; both 0: no range */
    const char *choices; /* "f32|int8" */
    const char *value;   /* the default, as text; NULL: "" or 0 */
    const char *text;    /* one line */
};

/* Fills every field with its default. A table ends with a row whose name is NULL. */
void options_init(const struct option *table, void *fields);
void options_release(const struct option *table, void *fields);
const struct option *option_find(const struct option *table, const char *name);
/* "beta must be 0..1, not 3" with the nearest known name when there is no such option. */
int option_set(const struct option *table, void *fields, const char *name,
               const char *value, struct error *err);
void option_get(const struct option *option, const void *fields, struct buf *out);

#endif
