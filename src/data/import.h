/*
 * Import: published preference files into pairs. A format is one row of a const table,
 * found by the content of the file's first records; gzip is read transparently; memory is
 * bounded by the longest record (64 MiB), not by the file. Side A is the first response
 * in the file (the chosen one where the format has no sides), nothing is shuffled, white
 * space is kept, no key or label is guessed. A bad record is reported with file and line,
 * counted, and the others go on. No state of its own: any thread may import, each with
 * its own report.
 */
#ifndef RLAIF_DATA_IMPORT_H
#define RLAIF_DATA_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/cancel.h"
#include "src/base/error.h"
#include "src/data/pair.h"

struct import_options {
    const char *format; /* NULL: recognised by content */
    /* Column mapping of CSV, TSV and JSONL; all NULL: the format's own names. choice may
     * be NULL (unlabelled). */
    const char *context, *a, *b, *choice;
    const char *title, *group, *id; /* optional columns of a mapped file */
    const char *kind; /* "human", "ai", "gold": kind of the file's raters; NULL: what the
                         format says */
    const struct cancel *cancel; /* NULL: none */
    /* Bytes of the file(s) read so far, about once a MiB and at the end; NULL: nobody
     * wants to know. */
    void (*progress)(void *ctx, int64_t done, int64_t total);
    void *progress_ctx;
};

#define IMPORT_ERRORS_KEPT 100

/* What an import did; the fields of contract 3. Filled as far as it came also when the
 * import fails. */
struct import_report {
    const char *format; /* static; NULL: not recognised */
    int64_t rows; /* records in the file, bad ones too; a record may be a vote, so pairs
                     may be fewer or more */
    int64_t imported;         /* pairs (posts, verdicts) handed to the sink */
    int64_t bad;              /* rejected records */
    int64_t ties;             /* the reference is a tie, identical pairs too */
    int64_t unlabelled;       /* no vote */
    int64_t no_majority;      /* votes, but no class leads */
    int64_t identical, blank; /* pairs flagged so */
    int64_t votes;
    int raters;                 /* most votes on one pair */
    bool has_votes;             /* else rater_kind means nothing */
    enum rater_kind rater_kind; /* of the first vote */
    char rater[64]; /* name of the first vote's rater ("gpt-4", a worker's id), "" when
                       none */
    struct error *errors; /* the first IMPORT_ERRORS_KEPT bad records, in file order */
    size_t n_errors, errors_cap;
};
void import_report_release(struct import_report *report); /* also right on a zeroed one */
/* "FILE:LINE:COL: why" of the first bad record into out; false and "" when there is none.
 */
bool import_first_bad(const struct import_report *report, char *out, size_t out_size);

/*
 * Reads pairs from files. Several files are parts of one data set where the format is
 * published so (FairEval: question, two answers, review; SQuALITY: responses, stories -
 * the other parts are found beside the first when only that is named), else files of one
 * format read one after another. sink gets finished pairs (pair_finish done, num and ids
 * 0) in file order in chunks; it copies what it keeps; -1 from it ends the import. -1:
 * unknown format (the error names what was looked for), a file without pairs (posts,
 * judges' answers: says which command takes it), unreadable file, no good record at all,
 * cancelled. What the sink has got by then must be thrown away by the caller.
 */
int import_pairs(const char *const *files, size_t n_files,
                 const struct import_options *options,
                 int (*sink)(void *ctx, struct pair *pairs, size_t n, struct error *err),
                 void *ctx, struct import_report *report, struct error *err);

/* Name and one line about each format, for help and completion; false past the last. */
bool import_format_info(size_t i, const char **name, const char **what);

/* Set name for a file: its base name without known endings, odd characters as '-'. Owned
 * by the caller. */
char *import_set_name(const char *path);

#endif
