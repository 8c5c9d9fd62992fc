/*
 * One file as rows: a source, cut and parsed. Private to src/data.
 */
#ifndef RLAIF_DATA_ROW_FILE_H
#define RLAIF_DATA_ROW_FILE_H

#include "src/data/row.h"
#include "src/data/rows.h"
#include "src/data/source.h"

struct row_file {
    struct source source;
    enum rows_as as;
    struct record record;
    struct csv_cells head, cells;
    struct buf scratch;
    struct row row; /* of the last row_file_next; valid until the next one */
};

/* Nothing to close when it fails. */
int row_file_open(struct row_file *f, const char *path, enum rows_as as,
                  struct error *err);
/* 1: the row is filled or f->record.bad says why not; 0: the end; -1: the file cannot be
 * read. */
int row_file_next(struct row_file *f, struct error *err);
void row_file_close(struct row_file *f);

#endif
