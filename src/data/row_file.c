#include "src/data/row_file.h"

#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"
#include "src/data/json_quick.h"

void row_file_close(struct row_file *f)
{
    json_decref(f->row.object);
    buf_release(&f->scratch);
    csv_cells_release(&f->head);
    csv_cells_release(&f->cells);
    source_close(&f->source);
}

/* The header of a CSV file; the file's only record that is no row. */
static int read_head(struct row_file *f, struct error *err)
{
    int got = source_next(&f->source, &f->record, err);
    if (got < 0)
        return -1;
    if (got == 0)
        return error_set(err, ERROR_DATA, "%s is empty", f->source.path);
    if (f->record.bad) {
        if (err)
            *err = f->record.problem;
        return -1;
    }
    f->source.n_records = 0;
    csv_split(&f->head, f->record.text, f->record.len, f->source.delimiter);
    f->row.head = &f->head;
    return 0;
}

int row_file_open(struct row_file *f, const char *path, enum rows_as as,
                  struct error *err)
{
    *f = (struct row_file){.as = as};
    buf_init(&f->scratch, RECORD_MAX);
    if (source_open(&f->source, path, err))
        return -1;
    bool json = f->source.shape != SOURCE_CSV;
    if (as == ROWS_CSV)
        f->source.shape = SOURCE_CSV;
    else if (as == ROWS_TEXT || !json)
        f->source.shape = SOURCE_LINES;
    f->row.file = path;
    if (as == ROWS_CSV && read_head(f, err)) {
        row_file_close(f);
        return -1;
    }
    return 0;
}

static void parse_json(struct row_file *f)
{
    struct record *r = &f->record;
    struct error problem = {0};
    f->row.object = json_quick(r->text, r->len, &f->scratch);
    if (!f->row.object) // something is wrong, or odd
        f->row.object = json_parse(r->text, r->len, f->source.path, r->line, &problem);
    if (f->row.object && json_is_object(f->row.object))
        return;
    if (f->row.object) {
        record_bad(r, &f->source, r->line, r->column, "not a JSON object");
        return;
    }
    struct buf text;
    buf_init(&text, 0);
    text_sanitise(&text, problem.text, strlen(problem.text), 0);
    int64_t column =
        problem.line == r->line ? problem.column + r->column - 1 : problem.column;
    record_bad(r, &f->source, problem.line, column, "not JSON: %s", buf_str(&text));
    buf_release(&text);
}

int row_file_next(struct row_file *f, struct error *err)
{
    json_decref(f->row.object);
    f->row.object = NULL;
    int got = source_next(&f->source, &f->record, err);
    if (got <= 0)
        return got;
    struct record *r = &f->record;
    f->row.line = r->line;
    f->row.place = f->source.n_records;
    if (r->bad)
        return 1;
    if (f->as == ROWS_TEXT) {
        f->row.text = r->text;
        f->row.text_len = r->len;
    } else if (f->as == ROWS_JSON) {
        parse_json(f);
    } else {
        csv_split(&f->cells, r->text, r->len, f->source.delimiter);
        f->row.cells = &f->cells;
        if (f->cells.n != f->head.n)
            record_bad(r, &f->source, r->line, 0, "%zu cells, the header has %zu",
                       f->cells.n, f->head.n);
        f->row.guarded = false; // while the guard's own cell is looked for
        const char *guard = r->bad ? NULL : row_string_or_null(&f->row, "guard");
        f->row.guarded = guard && !strcmp(guard, "1");
    }
    return 1;
}
