/*
 * A pass over the records of one or several files: recognises the format, reads record
 * after record, keeps count of bad ones, tells the progress, looks at the cancel token.
 * Shared by the readers of pairs, posts and verdicts. Private to src/data.
 */
#ifndef RLAIF_DATA_ROWS_H
#define RLAIF_DATA_ROWS_H

#include "src/data/import.h"
#include "src/data/row.h"

enum rows_as { ROWS_JSON, ROWS_CSV, ROWS_TEXT };

#define FORMAT_KEYS_MAX 6

/* How a format is known: all keys are there, and check (when not NULL) agrees; most keys
 * win, then the first. Without both it is taken only when it is named. First member of
 * every format table. */
struct recogniser {
    const char *name;
    enum rows_as as;
    const char *keys[FORMAT_KEYS_MAX];
    bool (*check)(const struct row *row);
};

struct rows {
    const struct import_options *options;
    struct import_report *report;
    int64_t total, before,
        next;     /* bytes: of all files, of the files read, when to tell next */
    bool stopped; /* the error ends the import */
};

/* Opens nothing; options and report stay the caller's. */
int rows_begin(struct rows *rows, const char *const *files, size_t n_files,
               const struct import_options *options, struct import_report *report,
               struct error *err);

typedef int row_taker(void *ctx, const struct row *row, struct error *err);
/*
 * Calls take() for every record. -1 from it is a bad record, unless rows->stopped was
 * set. `strict`: a side file, whose records are not counted and in which a bad one ends
 * the import.
 */
int rows_each(struct rows *rows, const char *file, enum rows_as as, bool strict,
              row_taker *take, void *ctx, struct error *err);

/* A table of n rows, stride bytes each, every one beginning with a struct recogniser. */
struct recognisers {
    const struct recogniser *first;
    size_t n, stride;
    const char *what; /* "pairs", for messages */
};
const struct recogniser *recogniser_at(const struct recognisers *table, size_t i);
/* The row of the table for one file, by options->format or by content. */
int rows_recognise(const struct rows *rows, const struct recognisers *table,
                   const char *file, size_t *out, struct error *err);
/* For all files, which must be of one format (by name); *out is the first file's row. */
int rows_recognise_all(const struct rows *rows, const struct recognisers *table,
                       const char *const *files, size_t n_files, size_t *out,
                       struct error *err);
/* What a file's first byte says: JSON, or CSV (which plain text is taken for, too). */
int rows_sniff(const char *file, enum rows_as *as, struct error *err);
/* Shows the first record of a JSON file that parses; not called when there is none, or no
 * JSON. */
int rows_first(const char *file, void (*look)(void *ctx, const struct row *row),
               void *ctx, struct error *err);
/* "rest" in the folder of a file, when it is there; owned by the caller. */
char *rows_beside(const char *file, const char *rest);
/* Keeps a value of a side file under an id that stands once. */
int rows_keep_by_id(json_t *map, const struct row *row, const char *id, json_t *value,
                    struct error *err);

void report_bad(struct import_report *report, const struct error *problem);
/* Ends an import: nothing good among the records is an error. */
int report_end(const struct import_report *report, const char *what, const char *file,
               struct error *err);

/* Keys seen in a file, so that an id stands once. */
struct seen_keys {
    struct seen_key *slots;
    size_t n, cap;
};
/* 0, or -1 "the id "x" stands on line N already". */
int seen_add(struct seen_keys *seen, const struct row *row, const char *key,
             struct error *err);
void seen_clear(struct seen_keys *seen);
void seen_release(struct seen_keys *seen);

#endif
