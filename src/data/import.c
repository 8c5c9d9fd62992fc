#include "src/data/import.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/data/format.h"

/* Pairs go to the sink in chunks of so many, or sooner when their texts are long. */
#define CHUNK_PAIRS 256
#define CHUNK_BYTES ((size_t)8 << 20)

struct import {
    struct rows rows;
    const struct format *format;
    int (*sink)(void *ctx, struct pair *pairs, size_t n, struct error *err);
    void *ctx;
    struct pair_list chunk;
    size_t chunk_bytes;
    struct seen_keys seen;
    bool several; /* files of one format, read one after another */
    bool kind_given;
    enum rater_kind kind;
};

struct rows *import_rows(struct import *im)
{
    return &im->rows;
}

static int import_flush(struct import *im, struct error *err)
{
    int bad = im->chunk.n ? im->sink(im->ctx, im->chunk.pairs, im->chunk.n, err) : 0;
    for (size_t i = 0; i < im->chunk.n; i++)
        pair_release(&im->chunk.pairs[i]);
    im->chunk.n = 0;
    im->chunk_bytes = 0;
    if (bad)
        im->rows.stopped = true;
    return bad ? -1 : 0;
}

static void report_pair(struct import_report *report, const struct pair *pair)
{
    struct reference reference = pair_reference(pair);
    report->imported++;
    report->ties += reference.choice == CHOICE_TIE;
    report->unlabelled += reference.n_votes == 0;
    report->no_majority += reference.no_majority;
    report->identical += (pair->flags & PAIR_IDENTICAL) != 0;
    report->blank += (pair->flags & PAIR_BLANK) != 0;
    report->votes += (int64_t)reference.n_votes;
    if ((int)reference.n_votes > report->raters)
        report->raters = (int)reference.n_votes;
    if (reference.n_votes && !report->has_votes) {
        report->has_votes = true;
        report->rater_kind = reference.kind;
        size_t len = strnlen(pair->votes[0].rater, sizeof report->rater - 1);
        memcpy(report->rater, pair->votes[0].rater, len);
        report->rater[len] = 0;
    }
}

/* "" is what a CSV cell says of nothing: no id, title or group. */
static void drop_empty(char **text)
{
    if (*text && !**text) {
        free(*text);
        *text = NULL;
    }
}

int import_keep(struct import *im, const struct row *row, struct pair *pair,
                struct error *err)
{
    drop_empty(&pair->key);
    drop_empty(&pair->title);
    drop_empty(&pair->group);
    if (pair->key && seen_add(&im->seen, row, pair->key, err)) {
        pair_release(pair);
        return -1;
    }
    for (size_t i = 0; im->kind_given && i < pair->n_votes; i++)
        pair->votes[i].kind = im->kind;
    pair->origin_line = row->line;
    pair_finish(pair);
    report_pair(im->rows.report, pair);
    im->chunk_bytes += strlen(pair->context) + strlen(pair->a) + strlen(pair->b);
    *pair_list_add(&im->chunk) = *pair;
    pair_init(pair);
    if (im->chunk.n < CHUNK_PAIRS && im->chunk_bytes < CHUNK_BYTES)
        return 0;
    return import_flush(im, err);
}

static int take_row(void *ctx, const struct row *row, struct error *err)
{
    struct import *im = ctx;
    struct pair pair;
    pair_init(&pair);
    if (im->format->read(row, im->rows.options, &pair, err)) {
        pair_release(&pair);
        return -1;
    }
    if (im->several && im->format->place_ids) {
        free(pair.key);
        pair.key = NULL;
    }
    return import_keep(im, row, &pair, err);
}

static int import_read(struct import *im, const char *const *files, size_t n_files,
                       struct error *err)
{
    const struct format *format = im->format;
    if (format->refuse) {
        error_set(err, ERROR_DATA, "%s is %s: %s", files[0], format->known.name,
                  format->refuse);
        return format->instead ? error_hint(err, "%s", format->instead) : -1;
    }
    if (format->read_files)
        return format->read_files(im, files, n_files, err);
    for (size_t i = 0; i < n_files; i++) {
        seen_clear(&im->seen);
        if (rows_each(&im->rows, files[i], format->known.as, false, take_row, im, err))
            return -1;
    }
    return 0;
}

static int import_format(struct import *im, const char *const *files, size_t n_files,
                         struct error *err)
{
    const struct recognisers table = {&pair_formats[0].known, n_pair_formats,
                                      sizeof *pair_formats, "pairs"};
    struct import_options mapped = *im->rows.options;
    const struct import_options *o = im->rows.options;
    struct rows rows = im->rows;
    size_t index;
    enum rows_as as;
    if (!o->format &&
        (o->context || o->a || o->b)) { // columns are named: no format is looked for
        if (rows_sniff(files[0], &as, err))
            return -1;
        mapped.format = as == ROWS_JSON ? "jsonl" : "csv";
        rows.options = &mapped;
    }
    if (rows_recognise_all(&rows, &table, files, n_files, &index, err))
        return -1;
    im->format = &pair_formats[index];
    im->rows.report->format = im->format->known.name;
    return 0;
}

int import_pairs(const char *const *files, size_t n_files,
                 const struct import_options *options,
                 int (*sink)(void *ctx, struct pair *pairs, size_t n, struct error *err),
                 void *ctx, struct import_report *report, struct error *err)
{
    struct import im = {.sink = sink, .ctx = ctx, .several = n_files > 1};
    if (rows_begin(&im.rows, files, n_files, options, report, err))
        return -1;
    const char *kind = im.rows.options->kind;
    im.kind_given = kind != NULL;
    if (kind && !rater_kind_parse(kind, &im.kind))
        return error_set(err, ERROR_USAGE,
                         "kind must be human, ai, gold or sim, not %.40s", kind);
    int bad = import_format(&im, files, n_files, err) ||
              import_read(&im, files, n_files, err) || import_flush(&im, err) ||
              report_end(report, "pairs", files[0], err);
    pair_list_release(&im.chunk);
    seen_release(&im.seen);
    return bad ? -1 : 0;
}

char *import_set_name(const char *path)
{
    static const char *const endings[] = {".gz",  ".jsonl", ".json",
                                          ".csv", ".tsv",   ".txt"};
    char *name = xstrdup(path_base(path));
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        if (len > n && !strcmp(name + len - n, endings[i])) {
            len -= n;
            name[len] = 0;
        }
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            name[i] = '-';
    }
    if (len > 64)
        name[64] = 0;
    if (len == 0) {
        free(name);
        name = xstrdup("set");
    }
    return name;
}
