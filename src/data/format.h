/*
 * Formats of preference files. Adding one is a row of the table in formats.c and a
 * reader; the reader turns a record into a pair and knows nothing of files, counts or
 * chunks. Private to src/data.
 */
#ifndef RLAIF_DATA_FORMAT_H
#define RLAIF_DATA_FORMAT_H

#include "src/data/import.h"
#include "src/data/row.h"
#include "src/data/rows.h"

struct import;

typedef int format_read(const struct row *row, const struct import_options *options,
                        struct pair *out, struct error *err);

struct format {
    struct recogniser known;
    const char *what; /* one line for help */
    /* A record into a pair that pair_init has made; what it holds is released by the
     * caller. */
    format_read *read;
    /* Where records and pairs are not one to one: reads all the files. */
    int (*read_files)(struct import *im, const char *const *files, size_t n,
                      struct error *err);
    /* Ids are places in the file: right for its judges' files, no ids where files are
     * read together. */
    bool place_ids;
    const char *refuse;  /* recognised, but holds no pairs: why, and ... */
    const char *instead; /* ... what to do */
};
extern const struct format pair_formats[];
extern const size_t n_pair_formats;

/* ---- what read_files may use (import.c) ---- */
struct rows *import_rows(struct import *im);
/* Takes the pair over, also when it fails: -1 is a bad record (an id that stands twice)
 * or a stop. */
int import_keep(struct import *im, const struct row *row, struct pair *pair,
                struct error *err);

/* ---- readers, by family (read_*.c) ---- */
format_read read_trl, read_hh, read_hh_answers, read_hhh;
format_read read_openai, read_tldr_csv;
format_read read_llmbar, read_autoj, read_pandalm, read_judgebench, read_alpaca, read_rmb,
    read_summeval;
format_read read_own, read_columns;
bool check_transcripts(const struct row *row);
bool check_messages(const struct row *row);
bool check_own_columns(const struct row *row);
bool check_review(const struct row *row);
int read_news_files(struct import *im, const char *const *files, size_t n,
                    struct error *err);
int read_squality_files(struct import *im, const char *const *files, size_t n,
                        struct error *err);
int read_faireval_files(struct import *im, const char *const *files, size_t n,
                        struct error *err);

#endif
