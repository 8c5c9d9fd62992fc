/* Formats of judges' answers: a row of the table and a reader. Private to src/data. */
#ifndef RLAIF_DATA_VERDICT_FORMATS_H
#define RLAIF_DATA_VERDICT_FORMATS_H

#include "src/data/rows.h"

/* Orders and slots are numbered as in verdicts.h. */
enum { SHOWN_AB = 0, SHOWN_BA = 1 };
enum { PICKED_NONE = 0, PICKED_1 = 1, PICKED_2 = 2, PICKED_TIE = 3 };

struct verdict_name {
    char systems[64]; /* "M8-M9" */
    int order;
};

/* What a record says: n answers (0 when the judge was not asked). */
struct verdict_found {
    char *key;
    int n;
    int order[2], slot[2];
    double p_first[2];
    char *raw[2];
    char *judge; /* where the judge's name goes, when the file has it */
    size_t judge_size;
};

struct verdict_format {
    struct recogniser known;
    /* From a file's base name, where it says more than the records do; -1: it does not.
     */
    int (*name)(const char *base, struct verdict_name *out);
    int (*read)(const struct row *row, const struct verdict_name *name,
                struct verdict_found *out, struct error *err);
};
extern const struct verdict_format verdict_formats[];
extern const size_t n_verdict_formats;

#endif
