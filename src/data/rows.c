#include "src/data/rows.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/data/row_file.h"

#define PROGRESS_STEP ((int64_t)1 << 20)

/* ---- the report ---- */

void report_bad(struct import_report *report, const struct error *problem)
{
    report->bad++;
    if (report->n_errors == IMPORT_ERRORS_KEPT)
        return;
    report->errors = array_grow(report->errors, report->n_errors, &report->errors_cap,
                                sizeof *report->errors);
    report->errors[report->n_errors++] = *problem;
}

void import_report_release(struct import_report *report)
{
    free(report->errors);
    *report = (struct import_report){0};
}

bool import_first_bad(const struct import_report *report, char *out, size_t out_size)
{
    if (out_size)
        out[0] = 0;
    if (report->n_errors == 0)
        return false;
    error_format(&report->errors[0], out, out_size);
    return true;
}

int report_end(const struct import_report *report, const char *what, const char *file,
               struct error *err)
{
    if (report->imported > 0)
        return 0;
    if (report->rows == 0)
        return error_set(err, ERROR_DATA, "%s holds no records", file);
    if (report->n_errors == 0)
        return error_set(err, ERROR_DATA, "%s holds no %s (read as %s)", file, what,
                         report->format);
    const struct error *first = &report->errors[0];
    return error_at_line(err, first->file, first->line, first->column,
                         "none of %lld records gives %s (read as %s); the first: %.300s",
                         (long long)report->rows, what, report->format, first->text);
}

/* ---- a pass ---- */

int rows_begin(struct rows *rows, const char *const *files, size_t n_files,
               const struct import_options *options, struct import_report *report,
               struct error *err)
{
    static const struct import_options none = {0};
    *rows = (struct rows){.options = options ? options : &none, .report = report};
    *report = (struct import_report){0};
    if (n_files == 0)
        return error_set(err, ERROR_USAGE, "no file to import");
    for (size_t i = 0; i < n_files; i++) {
        struct stat st;
        if (stat(files[i], &st) == 0)
            rows->total += st.st_size;
    }
    return 0;
}

static int rows_tick(struct rows *rows, const struct source *source, bool end,
                     struct error *err)
{
    const struct import_options *o = rows->options;
    if (cancel_asked(o->cancel))
        return error_set(err, ERROR_CANCELLED, "the import was cancelled");
    int64_t done = rows->before + (end ? source->size : source_done(source));
    if (o->progress && (end || done >= rows->next)) {
        o->progress(o->progress_ctx, done, rows->total);
        rows->next = done + PROGRESS_STEP;
    }
    if (end)
        rows->before = done;
    return 0;
}

/* What becomes of the row that row_file_next has read. */
static int rows_take(struct rows *rows, struct row_file *f, bool strict, row_taker *take,
                     void *ctx, struct error *err)
{
    struct error problem = {0};
    if (f->record.bad)
        problem = f->record.problem;
    else if (take(ctx, &f->row, &problem) == 0)
        return 0;
    if (strict || rows->stopped) {
        if (err)
            *err = problem;
        return -1;
    }
    report_bad(rows->report, &problem);
    return 0;
}

int rows_each(struct rows *rows, const char *file, enum rows_as as, bool strict,
              row_taker *take, void *ctx, struct error *err)
{
    struct row_file f;
    if (row_file_open(&f, file, as, err))
        return -1;
    int got;
    while ((got = row_file_next(&f, err)) > 0) {
        rows->report->rows += !strict;
        if (rows_take(rows, &f, strict, take, ctx, err) ||
            rows_tick(rows, &f.source, false, err)) {
            got = -1;
            break;
        }
    }
    if (got == 0)
        got = rows_tick(rows, &f.source, true, err);
    row_file_close(&f);
    return got;
}

/* ---- keys seen ---- */

struct seen_key {
    uint64_t hash; /* 0: free */
    int64_t line;
};

static struct seen_key *seen_slot(const struct seen_keys *seen, uint64_t hash)
{
    size_t i = hash & (seen->cap - 1);
    while (seen->slots[i].hash && seen->slots[i].hash != hash)
        i = (i + 1) & (seen->cap - 1);
    return &seen->slots[i];
}

static void seen_grow(struct seen_keys *seen)
{
    struct seen_keys old = *seen;
    seen->cap = old.cap ? 2 * old.cap : 1024;
    seen->slots = xcalloc(seen->cap, sizeof *seen->slots);
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].hash)
            *seen_slot(seen, old.slots[i].hash) = old.slots[i];
    }
    free(old.slots);
}

int seen_add(struct seen_keys *seen, const struct row *row, const char *key,
             struct error *err)
{
    uint8_t bytes[32];
    uint64_t hash = 0;
    hash_bytes(key, strlen(key), bytes);
    for (int i = 0; i < 8; i++)
        hash = hash << 8 | bytes[i];
    hash += hash == 0;
    if (2 * seen->n >= seen->cap)
        seen_grow(seen);
    struct seen_key *slot = seen_slot(seen, hash);
    if (slot->hash) {
        struct buf shown;
        buf_init(&shown, 0);
        text_sanitise(&shown, key, strnlen(key, 60), 0);
        row_error(row, err, "the id \"%s\" stands on line %lld already", buf_str(&shown),
                  (long long)slot->line);
        buf_release(&shown);
        return -1;
    }
    *slot = (struct seen_key){.hash = hash, .line = row->line};
    seen->n++;
    return 0;
}

void seen_clear(struct seen_keys *seen)
{
    if (seen->n)
        memset(seen->slots, 0, seen->cap * sizeof *seen->slots);
    seen->n = 0;
}

void seen_release(struct seen_keys *seen)
{
    free(seen->slots);
    *seen = (struct seen_keys){0};
}
