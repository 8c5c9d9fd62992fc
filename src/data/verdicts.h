/*
 * Verdicts: a judge's published answers as plain rows; the label layer makes label rows
 * of them. Rows are matched with a set's pairs by key alone: the readers of pairs give
 * every pair that has no id of its own in the file the key that its judges' files use
 * (LLMBar: the place in the file from 1; HH with ChatGPT: from 0; AlpacaEval: from 1; no
 * key when several files of these were read into one set, for a place says nothing then).
 * Same rules and errors as import.h.
 */
#ifndef RLAIF_DATA_VERDICTS_H
#define RLAIF_DATA_VERDICTS_H

#include <stddef.h>
#include <stdint.h>

#include "src/data/import.h"

struct verdict_row {
    char *key;      /* struct pair's key */
    int order;      /* enum order of src/label/label.h: 0 A in slot 1, 1 B in slot 1 */
    int slot;       /* enum slot: 1, 2, 3 tie, 0 the answer could not be read */
    double p_first; /* published probability of slot 1; NaN: none */
    char *raw;      /* what the judge wrote, NULL: not published */
    int64_t line;   /* of the record */
};

struct verdict_report {
    struct import_report rows; /* format, rows, imported (verdict rows), bad, errors */
    int64_t counts[2][4];      /* [order][slot] */
    char judge[96]; /* the file's own word for the judge, "" when it has none */
};
void verdict_report_release(struct verdict_report *report);

/*
 * Reads verdict rows: LLMBar result.json, SummEval *.result and *_toggle.result (the name
 * says systems and order), JudgeBench judgments, PandaLM judges, HH with ChatGPT, TL;DR
 * by GPT-4 (in the CSV of the pairs), AlpacaEval's token log-probabilities. A pair that
 * was not asked in an order gives no row for it. sink gets rows in file order and copies
 * what it keeps. Two rows for one key and order are an error of the second row.
 */
int import_verdicts(const char *const *files, size_t n_files,
                    const struct import_options *options,
                    int (*sink)(void *ctx, const struct verdict_row *rows, size_t n,
                                struct error *err),
                    void *ctx, struct verdict_report *report, struct error *err);

#endif
