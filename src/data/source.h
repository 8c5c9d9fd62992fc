/*
 * A source: one file cut into records - lines, elements of a JSON array, or CSV records -
 * through a window that grows to the longest record only. gzip is read transparently. One
 * thread.
 */
#ifndef RLAIF_DATA_SOURCE_H
#define RLAIF_DATA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "src/base/buf.h"
#include "src/base/error.h"

#define RECORD_MAX ((size_t)64 << 20) /* bytes of one record */

enum source_shape { SOURCE_LINES, SOURCE_ARRAY, SOURCE_CSV };

struct source {
    const char *path;
    gzFile gz;
    int64_t size; /* of the file as it lies there, packed or not */
    enum source_shape shape;
    char delimiter; /* CSV: ',' or '\t' */
    char *data;     /* the window */
    size_t len, pos, cap;
    int64_t line,
        column; /* of data[pos], from 1; column in characters, kept for ARRAY only */
    bool eof, done;
    bool started; /* ARRAY: behind the '[' */
    bool comma;   /* ARRAY: a comma stands before the next element */
    int64_t n_records;
};

struct record {
    const char *text; /* in the window, valid until the next call; not NUL-terminated */
    size_t len;
    int64_t line, column; /* of its first byte */
    bool bad; /* not a record: `problem` says why, with file, line and column */
    struct error problem;
};

/* Opens a regular file, skips a byte order mark, finds shape and delimiter from the first
 * bytes. */
int source_open(struct source *s, const char *path, struct error *err);
int source_rewind(struct source *s, struct error *err);
void source_close(struct source *s);
int64_t source_done(const struct source *s); /* bytes of the file read so far */

/*
 * 1: *out is the next record or a bad one; 0: the end; -1: the file cannot be read. Blank
 * lines are no records. What a record promises: valid UTF-8, at most RECORD_MAX bytes, no
 * NUL.
 */
int source_next(struct source *s, struct record *out, struct error *err);

/* For the record finders of source_csv.c. Reads on; false at the end of the file; -1 goes
 * to err. */
int source_fill(struct source *s, bool *more, struct error *err);
void source_take(struct source *s, size_t len); /* moves pos and line on */
int record_bad(struct record *out, const struct source *s, int64_t line, int64_t column,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
int source_next_csv(struct source *s, struct record *out, struct error *err);

/* The cells of a CSV record that source_next gave, unescaped, each NUL-terminated. */
struct csv_cells {
    struct buf text;
    char **cells; /* into text */
    size_t n, cap;
    size_t *starts, starts_cap;
};
void csv_split(struct csv_cells *out, const char *text, size_t len, char delimiter);
void csv_cells_release(struct csv_cells *cells);

#endif
