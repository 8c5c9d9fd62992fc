/*
 * Numbers of an answer's object in words, for stats_text.c and the report. A key that is missing
 * or null is shown as "-". Texts are sanitised: they come from files.
 */
#ifndef RLAIF_LABEL_STATS_SHOW_H
#define RLAIF_LABEL_STATS_SHOW_H

#include <jansson.h>

#include "src/base/buf.h"

double show_number(const json_t *object, const char *key); /* NaN when null or missing */
long show_count(const json_t *object, const char *key);    /* 0 when missing */
void show_value(struct buf *out, const json_t *text);
void show_text(struct buf *out, const json_t *object, const char *key);
void show_percent(struct buf *out, const json_t *object, const char *key);       /* "71.2 %" */
void show_short_percent(struct buf *out, const json_t *object, const char *key); /* " 71" */
void show_points(struct buf *out, const json_t *object, const char *key);        /* "+3.2 points" */
void show_plain_points(struct buf *out, const json_t *object, const char *key);  /* "3.2 points" */
void show_real(struct buf *out, const json_t *object, const char *key);          /* "0.312" */
void show_signed(struct buf *out, const json_t *object, const char *key);        /* "+0.44" */
void show_interval(struct buf *out, const json_t *object,
                   const char *key); /* " (66.0 to 76.4)", percent, clipped */
void show_points_interval(struct buf *out, const json_t *object,
                          const char *key); /* " (-0.4 to +4.0)" */
void show_real_interval(struct buf *out, const json_t *object, const char *key);
void show_p(struct buf *out, double p); /* "p = 0.021", "p = 3e-12", "p < 1e-300" */
void show_p_log10(struct buf *out, double p, double log10_p);
/* Left-aligned and cut to `columns`. */
void show_padded(struct buf *out, const json_t *text, int columns);
void show_column(struct buf *out, const json_t *object, const char *key,
                 int columns);                              /* percent, right-aligned */
void show_histogram(struct buf *out, const json_t *counts); /* a row of blocks */

#endif
