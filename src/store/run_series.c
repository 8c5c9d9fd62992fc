/* Metrics of runs: appended in batches, read back as series. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/store/owner.h"
#include "src/store/runs.h"

struct add_call {
    int64_t run_id;
    const struct metric_point *points;
    size_t n;
};

static int run_add_metrics(struct db *db, void *arg, struct error *err)
{
    struct add_call *call = arg;
    for (size_t i = 0; i < call->n; i++)
        if (db_run(db, err,
                   "INSERT INTO metrics(run_id, name, step, value) VALUES(?1, ?2, ?3, ?4)"
                   " ON CONFLICT(run_id, name, step) DO UPDATE SET value=?4",
                   "itir", call->run_id, call->points[i].name, call->points[i].step,
                   call->points[i].value))
            return -1;
    return 0;
}

int store_add_metrics(struct store *store, int64_t run_id, const struct metric_point *points,
                      size_t n, struct error *err)
{
    struct add_call call = {run_id, points, n};
    if (!n)
        return 0;
    return owner_call(store, REQUEST_WRITE, run_add_metrics, &call, 48 * n, err);
}

void series_release(struct series *series)
{
    free(series->steps);
    free(series->values);
    *series = (struct series){0};
}

struct series_call {
    int64_t run_id, after;
    const char *name;
    struct series *out;
};

static void series_add(struct series *series, int64_t step, double value)
{
    size_t cap = series->cap;
    series->steps = array_grow(series->steps, series->n, &cap, sizeof *series->steps);
    series->values = array_grow(series->values, series->n, &series->cap, sizeof *series->values);
    series->steps[series->n] = step;
    series->values[series->n++] = value;
}

static int run_load_series(struct db *db, void *arg, struct error *err)
{
    struct series_call *call = arg;
    sqlite3_stmt *stmt = db_query(db,
                                  "SELECT step, value FROM metrics"
                                  " WHERE run_id=?1 AND name=?2 AND step>?3 ORDER BY step",
                                  err);
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "iti", call->run_id, call->name, call->after);
    while ((row = db_step(db, stmt, err)) > 0)
        series_add(call->out, sqlite3_column_int64(stmt, 0), db_real(stmt, 1));
    return row;
}

int store_load_series(struct store *store, int64_t run_id, const char *name, int64_t after,
                      struct series *out, struct error *err)
{
    struct series_call call = {run_id, after, name, out};
    *out = (struct series){0};
    if (owner_call(store, REQUEST_READ, run_load_series, &call, 0, err) == 0)
        return 0;
    series_release(out);
    return -1;
}

void metric_lasts_release(struct metric_lasts *lasts)
{
    for (size_t i = 0; i < lasts->n; i++)
        free(lasts->rows[i].name);
    free(lasts->rows);
    *lasts = (struct metric_lasts){0};
}

struct lasts_call {
    int64_t run_id;
    struct metric_lasts *out;
};

static int run_last_metrics(struct db *db, void *arg, struct error *err)
{
    struct lasts_call *call = arg;
    /* With max() SQLite takes the other columns from the row that has the maximum. */
    sqlite3_stmt *stmt = db_query(db,
                                  "SELECT name, count(*), max(step), value FROM metrics"
                                  " WHERE run_id=?1 GROUP BY name ORDER BY name",
                                  err);
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "i", call->run_id);
    while ((row = db_step(db, stmt, err)) > 0) {
        struct metric_lasts *out = call->out;
        out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
        struct metric_last *last = &out->rows[out->n++];
        *last = (struct metric_last){.name = db_text(stmt, 0),
                                     .n = sqlite3_column_int64(stmt, 1),
                                     .step = sqlite3_column_int64(stmt, 2),
                                     .value = db_real(stmt, 3)};
        if (!last->name) {
            sqlite3_reset(stmt);
            return db_damaged(db, "metrics", err);
        }
    }
    return row;
}

int store_last_metrics(struct store *store, int64_t run_id, struct metric_lasts *out,
                       struct error *err)
{
    struct lasts_call call = {run_id, out};
    *out = (struct metric_lasts){0};
    if (owner_call(store, REQUEST_READ, run_last_metrics, &call, 0, err) == 0)
        return 0;
    metric_lasts_release(out);
    return -1;
}
