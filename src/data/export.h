/*
 * Export: pairs as JSONL (the round-trip form: importing it again gives the same rows) or
 * CSV. Both append to a buffer and keep no state; any thread.
 *
 * JSONL keys, in this order, absent when there is nothing to say: id, title, group,
 * context, a, b, choices [{rater, kind, choice, confidence, soft}], tags, split, gold_a,
 * gold_b.
 */
#ifndef RLAIF_DATA_EXPORT_H
#define RLAIF_DATA_EXPORT_H

#include "src/base/buf.h"
#include "src/data/pair.h"

enum export_flags {
    /*
     * CSV: cells that a spreadsheet would take for a formula (they begin with = + - @ TAB
     * or CR, or with the guard ' itself) get a ' in front, and the column "guard" is
     * added so that an import takes it off again.
     */
    EXPORT_GUARD = 1 << 0,
};

void export_pair_jsonl(struct buf *out,
                       const struct pair *pair); /* one line with its newline */
/* Columns id,title,group,context,a,b,choice,choices,tags,split,gold_a,gold_b[,guard];
 * choice is the reference for a reader, choices the votes as JSON for the import. Records
 * end in LF. */
void export_csv_head(struct buf *out, enum export_flags flags);
void export_pair_csv(struct buf *out, const struct pair *pair, enum export_flags flags);

#endif
