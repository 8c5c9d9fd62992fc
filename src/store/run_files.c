/* CSV and event files of runs. */
#include "src/store/run_files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/store/tfevents.h"

/* All metrics of a run, and the place that was read up to in each. */
struct table {
    struct metric_lasts names;
    struct series *series;
    size_t *at;
};

static void table_release(struct table *table)
{
    for (size_t i = 0; table->series && i < table->names.n; i++)
        series_release(&table->series[i]);
    free(table->series);
    free(table->at);
    metric_lasts_release(&table->names);
}

static int table_load(struct store *store, int64_t run_id, struct table *out, struct error *err)
{
    *out = (struct table){0};
    if (store_last_metrics(store, run_id, &out->names, err))
        return -1;
    out->series = xcalloc(out->names.n + 1, sizeof *out->series);
    out->at = xcalloc(out->names.n + 1, sizeof *out->at);
    for (size_t i = 0; i < out->names.n; i++)
        if (store_load_series(store, run_id, out->names.rows[i].name, -1, &out->series[i], err)) {
            table_release(out);
            return -1;
        }
    return 0;
}

/* The least step that was not read yet; false: all were. */
static bool table_next(const struct table *table, int64_t *step)
{
    bool any = false;
    for (size_t i = 0; i < table->names.n; i++)
        if (table->at[i] < table->series[i].n &&
            (!any || table->series[i].steps[table->at[i]] < *step)) {
            *step = table->series[i].steps[table->at[i]];
            any = true;
        }
    return any;
}

/* Takes the value of metric i at this step when it has one. */
static bool table_take(struct table *table, size_t i, int64_t step, double *value)
{
    size_t at = table->at[i];
    if (at >= table->series[i].n || table->series[i].steps[at] != step)
        return false;
    *value = table->series[i].values[at];
    table->at[i]++;
    return true;
}

/* ---- CSV ---- */

static void add_number(struct buf *out, double value)
{
    if (isfinite(value))
        json_write_real(out, value);
    else
        buf_adds(out, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
}

static void add_name(struct buf *out, const char *name)
{
    if (!strpbrk(name, ",\"\r\n")) {
        buf_adds(out, name);
        return;
    }
    buf_addc(out, '"');
    for (const char *c = name; *c; c++) {
        if (*c == '"')
            buf_addc(out, '"');
        buf_addc(out, *c);
    }
    buf_addc(out, '"');
}

static void csv_of(struct table *table, struct buf *out)
{
    int64_t step = 0;
    buf_adds(out, "step");
    for (size_t i = 0; i < table->names.n; i++) {
        buf_addc(out, ',');
        add_name(out, table->names.rows[i].name);
    }
    buf_addc(out, '\n');
    while (table_next(table, &step)) {
        buf_addf(out, "%" PRId64, step);
        for (size_t i = 0; i < table->names.n; i++) {
            double value;
            buf_addc(out, ',');
            if (table_take(table, i, step, &value))
                add_number(out, value);
        }
        buf_addc(out, '\n');
    }
}

int run_csv(struct store *store, int64_t run_id, struct buf *out, struct error *err)
{
    struct table table;
    if (table_load(store, run_id, &table, err))
        return -1;
    csv_of(&table, out);
    table_release(&table);
    return 0;
}

/* ---- event files ---- */

char *run_tfevents_name(const struct run_row *run)
{
    return xasprintf("events.out.tfevents.%010" PRId64 ".rlaif", run->started / 1000);
}

static void tfevents_of(struct table *table, const struct run_row *run, struct buf *out)
{
    struct tfevents_scalar *scalars = xcalloc(table->names.n + 1, sizeof *scalars);
    double start = (double)run->started / 1000;
    double end = (double)(run->ended ? run->ended : clock_wall_ms()) / 1000;
    int64_t step = 0, last = 0;

    for (size_t i = 0; i < table->names.n; i++)
        if (table->names.rows[i].step > last)
            last = table->names.rows[i].step;
    tfevents_begin(out, start);
    while (table_next(table, &step)) {
        size_t n = 0;
        for (size_t i = 0; i < table->names.n; i++)
            if (table_take(table, i, step, &scalars[n].value))
                scalars[n++].tag = table->names.rows[i].name;
        double share = last > 0 ? (double)step / (double)last : 1;
        tfevents_add(out, start + (end > start ? share * (end - start) : 0), step, scalars, n);
    }
    free(scalars);
}

int run_tfevents(struct store *store, const struct run_row *run, struct buf *out,
                 struct error *err)
{
    struct table table;
    if (table_load(store, run->id, &table, err))
        return -1;
    tfevents_of(&table, run, out);
    table_release(&table);
    return 0;
}

/* ---- while the run goes on ---- */

struct run_log {
    struct store *store;
    int64_t run_id;
    char *csv, *events;          /* paths */
    struct metric_lasts columns; /* of the CSV */
};

static int write_whole(const char *path, struct buf *bytes, int rc, struct error *err)
{
    if (rc == 0)
        rc = file_put(path, buf_str(bytes), bytes->len, err);
    buf_release(bytes);
    return rc;
}

static int write_csv(struct run_log *log, struct error *err)
{
    struct buf bytes;
    buf_init(&bytes, (size_t)1 << 30);
    metric_lasts_release(&log->columns);
    int rc = store_last_metrics(log->store, log->run_id, &log->columns, err);
    if (rc == 0)
        rc = run_csv(log->store, log->run_id, &bytes, err);
    return write_whole(log->csv, &bytes, rc, err);
}

struct run_log *run_log_open(struct store *store, const struct run_row *run, const char *dir,
                             struct error *err)
{
    struct run_log *log = xcalloc(1, sizeof *log);
    char *name = run_tfevents_name(run);
    struct buf bytes;
    log->store = store;
    log->run_id = run->id;
    log->csv = path_join(dir, "metrics.csv");
    log->events = path_join(dir, name);
    free(name);
    buf_init(&bytes, (size_t)1 << 30);
    int rc = file_make_dirs(dir, err);
    if (rc == 0)
        rc = run_tfevents(store, run, &bytes, err);
    rc = write_whole(log->events, &bytes, rc, err);
    if (rc || write_csv(log, err)) {
        run_log_close(log);
        return NULL;
    }
    return log;
}

/* One write, so that no reader sees a part of it; a file that was taken away is not made again. */
static int append(const char *path, const struct buf *bytes, struct error *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, path, "cannot open");
    ssize_t n = write(fd, buf_str(bytes), bytes->len);
    int rc = 0;
    if (n < 0)
        rc = error_errno(err, path, "cannot write");
    else if ((size_t)n != bytes->len)
        rc = error_set(err, ERROR_FAILED, "%s: only %zd of %zu bytes were written", path, n,
                       bytes->len);
    close(fd);
    return rc;
}

static const struct metric_point *point_of(const struct metric_point *points, size_t n,
                                           const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(points[i].name, name) == 0)
            return &points[i];
    return NULL;
}

static bool has_column(const struct run_log *log, const char *name)
{
    for (size_t i = 0; i < log->columns.n; i++)
        if (strcmp(log->columns.rows[i].name, name) == 0)
            return true;
    return false;
}

static int add_line(struct run_log *log, const struct metric_point *points, size_t n,
                    struct error *err)
{
    struct buf line;
    for (size_t i = 0; i < n; i++)
        if (!has_column(log, points[i].name))
            return write_csv(log, err);
    buf_init(&line, 0);
    buf_addf(&line, "%" PRId64, points[0].step);
    for (size_t i = 0; i < log->columns.n; i++) {
        const struct metric_point *point = point_of(points, n, log->columns.rows[i].name);
        buf_addc(&line, ',');
        if (point)
            add_number(&line, point->value);
    }
    buf_addc(&line, '\n');
    int rc = append(log->csv, &line, err);
    buf_release(&line);
    return rc;
}

int run_log_add(struct run_log *log, const struct metric_point *points, size_t n,
                struct error *err)
{
    if (n == 0)
        return 0;
    struct tfevents_scalar *scalars = xcalloc(n, sizeof *scalars);
    struct buf record;
    for (size_t i = 0; i < n; i++)
        scalars[i] = (struct tfevents_scalar){points[i].name, points[i].value};
    buf_init(&record, 0);
    tfevents_add(&record, (double)clock_wall_ms() / 1000, points[0].step, scalars, n);
    free(scalars);
    int rc = append(log->events, &record, err);
    buf_release(&record);
    return rc ? rc : add_line(log, points, n, err);
}

void run_log_close(struct run_log *log)
{
    if (!log)
        return;
    metric_lasts_release(&log->columns);
    free(log->csv);
    free(log->events);
    free(log);
}
