#include "src/data/verdicts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/data/rows.h"
#include "src/data/verdict_formats.h"

#define CHUNK_ROWS 512

struct verdicts {
    struct rows rows;
    struct verdict_report *report;
    const struct verdict_format *format;
    struct verdict_name name; /* what the file's name says */
    int (*sink)(void *ctx, const struct verdict_row *rows, size_t n, struct error *err);
    void *ctx;
    struct verdict_row *chunk;
    size_t n, cap;
    struct seen_keys seen[2]; /* by order */
};

void verdict_report_release(struct verdict_report *report)
{
    import_report_release(&report->rows);
}

static void clear(struct verdicts *v)
{
    for (size_t i = 0; i < v->n; i++) {
        free(v->chunk[i].key);
        free(v->chunk[i].raw);
    }
    v->n = 0;
}

static int flush(struct verdicts *v, struct error *err)
{
    int bad = v->n ? v->sink(v->ctx, v->chunk, v->n, err) : 0;
    clear(v);
    v->rows.stopped |= bad != 0;
    return bad ? -1 : 0;
}

/* Both orders of a record, or neither: a record whose second half is bad gives no row. */
static int take_record(void *ctx, const struct row *row, struct error *err)
{
    struct verdicts *v = ctx;
    struct verdict_found found = {.judge = v->report->judge,
                                  .judge_size = sizeof v->report->judge};
    int bad = v->format->read(row, &v->name, &found, err);
    for (int i = 0; i < found.n && !bad; i++)
        bad = seen_add(&v->seen[found.order[i]], row, found.key, err);
    for (int i = 0; i < found.n && !bad; i++) {
        v->chunk = array_grow(v->chunk, v->n, &v->cap, sizeof *v->chunk);
        v->chunk[v->n++] = (struct verdict_row){.key = xstrdup(found.key),
                                                .order = found.order[i],
                                                .slot = found.slot[i],
                                                .p_first = found.p_first[i],
                                                .raw = found.raw[i],
                                                .line = row->line};
        found.raw[i] = NULL;
        v->report->counts[found.order[i]][found.slot[i]]++;
        v->rows.report->imported++;
    }
    free(found.key);
    free(found.raw[0]);
    free(found.raw[1]);
    if (bad)
        return -1;
    return v->n < CHUNK_ROWS ? 0 : flush(v, err);
}

static int read_file(struct verdicts *v, const char *file, struct error *err)
{
    if (v->format->name && v->format->name(path_base(file), &v->name))
        return error_set(err, ERROR_DATA,
                         "the name of %s must say systems and order, as in "
                         "M8-M9_relevance.result or M8-M9_relevance_toggle.result",
                         file);
    return rows_each(&v->rows, file, v->format->known.as, false, take_record, v, err);
}

int import_verdicts(const char *const *files, size_t n_files,
                    const struct import_options *options,
                    int (*sink)(void *ctx, const struct verdict_row *rows, size_t n,
                                struct error *err),
                    void *ctx, struct verdict_report *report, struct error *err)
{
    const struct recognisers table = {&verdict_formats[0].known, n_verdict_formats,
                                      sizeof *verdict_formats, "verdicts"};
    struct verdicts v = {.report = report, .sink = sink, .ctx = ctx};
    size_t index;
    *report = (struct verdict_report){0};
    int bad = rows_begin(&v.rows, files, n_files, options, &report->rows, err) ||
              rows_recognise_all(&v.rows, &table, files, n_files, &index, err);
    if (!bad) {
        v.format = &verdict_formats[index];
        report->rows.format = v.format->known.name;
    }
    for (size_t i = 0; i < n_files && !bad; i++)
        bad = read_file(&v, files[i], err);
    bad = bad || flush(&v, err) || report_end(&report->rows, "verdicts", files[0], err);
    clear(&v);
    free(v.chunk);
    seen_release(&v.seen[0]);
    seen_release(&v.seen[1]);
    return bad ? -1 : 0;
}
