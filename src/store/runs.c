/* Runs: their names, states, configurations and results. */
#include "src/store/runs.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/store/owner.h"

static size_t bytes_of(const char *text)
{
    return text ? strlen(text) : 0;
}

void run_row_release(struct run_row *row)
{
    free(row->name);
    free(row->kind);
    free(row->parent);
    free(row->config);
    free(row->result);
    free(row->state);
    free(row->error);
    *row = (struct run_row){0};
}

void run_rows_release(struct run_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        run_row_release(&rows->rows[i]);
    free(rows->rows);
    *rows = (struct run_rows){0};
}

/* ---- a new run ---- */

struct run_call {
    const char *kind, *config, *text, *error;
    int64_t parent_id, id;
    uint64_t seed;
    char *name;
};

static int run_add_run(struct db *db, void *arg, struct error *err)
{
    struct run_call *call = arg;
    int64_t last = 0, prefix = (int64_t)strlen(call->kind) + 2;
    /* Names of a kind are KIND-N; the number begins behind the dash. */
    if (db_number(db, err, &last,
                  "SELECT max(CAST(substr(name, ?2) AS INTEGER)) FROM runs WHERE kind=?1", "ti",
                  call->kind, prefix))
        return -1;
    /* A transaction that is repeated makes the name again. */
    free(call->name);
    call->name = xasprintf("%s-%" PRId64, call->kind, last + 1);
    if (db_run(db, err,
               "INSERT INTO runs(name, kind, parent, config, state, seed, started)"
               " VALUES(?1, ?2, ?3, ?4, 'queued', ?5, ?6)",
               "ttztii", call->name, call->kind, call->parent_id, call->config,
               (int64_t)call->seed, clock_wall_ms()))
        return -1;
    call->id = sqlite3_last_insert_rowid(db->handle);
    return 0;
}

int store_add_run(struct store *store, const char *kind, int64_t parent_id, const char *config,
                  uint64_t seed, int64_t *id, char **name, struct error *err)
{
    struct run_call call = {
        .kind = kind, .parent_id = parent_id, .config = config ? config : "{}", .seed = seed};
    for (const char *c = kind; *c; c++)
        if (!islower((unsigned char)*c))
            return error_set(err, ERROR_USAGE, "a kind of runs has small letters only, not \"%s\"",
                             kind);
    if (!*kind)
        return error_set(err, ERROR_USAGE, "a run has a kind");
    if (owner_call(store, REQUEST_WRITE, run_add_run, &call, bytes_of(config) + 64, err)) {
        free(call.name);
        return -1;
    }
    *id = call.id;
    if (name)
        *name = call.name;
    else
        free(call.name);
    return 0;
}

/* ---- changes ---- */

static int changed_one(struct db *db, int rc, struct error *err)
{
    if (rc)
        return -1;
    if (sqlite3_changes(db->handle) == 0)
        return error_set(err, ERROR_FAILED, "there is no such run");
    return 0;
}

static const char *const states[] = {"queued", "running", "paused", "done",
                                     "failed", "cancelled", "interrupted"};
#define FIRST_ENDED 3

static int run_set_state(struct db *db, void *arg, struct error *err)
{
    struct run_call *call = arg;
    return changed_one(db,
                       db_run(db, err, "UPDATE runs SET state=?2, error=?3, ended=?4 WHERE id=?1",
                              "ittz", call->id, call->text, call->error,
                              call->parent_id ? clock_wall_ms() : (int64_t)0),
                       err);
}

int store_set_run_state(struct store *store, int64_t id, const char *state, const char *error,
                        struct error *err)
{
    struct run_call call = {.id = id, .text = state, .error = error};
    size_t i = 0;
    while (i < sizeof states / sizeof *states && strcmp(states[i], state) != 0)
        i++;
    if (i == sizeof states / sizeof *states)
        return error_set(err, ERROR_USAGE, "a run cannot be in state \"%s\"", state);
    call.parent_id = i >= FIRST_ENDED;
    return owner_call(store, REQUEST_WRITE, run_set_state, &call, bytes_of(error) + 64, err);
}

static int run_set_config(struct db *db, void *arg, struct error *err)
{
    struct run_call *call = arg;
    return changed_one(
        db,
        db_run(db, err, "UPDATE runs SET config=?2 WHERE id=?1", "it", call->id, call->text), err);
}

int store_set_run_config(struct store *store, int64_t id, const char *config, struct error *err)
{
    struct run_call call = {.id = id, .text = config};
    return owner_call(store, REQUEST_WRITE, run_set_config, &call, bytes_of(config), err);
}

static int run_set_result(struct db *db, void *arg, struct error *err)
{
    struct run_call *call = arg;
    return changed_one(
        db,
        db_run(db, err, "UPDATE runs SET result=?2 WHERE id=?1", "it", call->id, call->text), err);
}

int store_set_run_result(struct store *store, int64_t id, const char *result, struct error *err)
{
    struct run_call call = {.id = id, .text = result};
    return owner_call(store, REQUEST_WRITE, run_set_result, &call, bytes_of(result), err);
}

/* ---- out ---- */

static int run_runs(struct db *db, void *arg, struct error *err)
{
    struct run_rows *out = arg;
    sqlite3_stmt *stmt =
        db_query(db,
                 "SELECT r.id, r.name, r.kind, p.name, r.config, r.result, r.state, r.error,"
                 " r.seed, r.started, r.ended, r.parent"
                 " FROM runs r LEFT JOIN runs p ON p.id=r.parent ORDER BY r.id",
                 err);
    int row;
    if (!stmt)
        return -1;
    while ((row = db_step(db, stmt, err)) > 0) {
        out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
        struct run_row *run = &out->rows[out->n++];
        *run = (struct run_row){.id = sqlite3_column_int64(stmt, 0),
                                .name = db_text(stmt, 1),
                                .kind = db_text(stmt, 2),
                                .parent = db_text(stmt, 3),
                                .config = db_text(stmt, 4),
                                .result = db_text(stmt, 5),
                                .state = db_text(stmt, 6),
                                .error = db_text(stmt, 7),
                                .seed = (uint64_t)sqlite3_column_int64(stmt, 8),
                                .started = sqlite3_column_int64(stmt, 9),
                                .ended = sqlite3_column_int64(stmt, 10),
                                .parent_id = sqlite3_column_int64(stmt, 11)};
        if (!run->name || !run->kind || !run->config || !run->state) {
            sqlite3_reset(stmt);
            return db_damaged(db, "runs", err);
        }
    }
    return row;
}

int store_runs(struct store *store, struct run_rows *out, struct error *err)
{
    *out = (struct run_rows){0};
    if (owner_call(store, REQUEST_READ, run_runs, out, 0, err) == 0)
        return 0;
    run_rows_release(out);
    return -1;
}

static int error_no_run(const struct run_rows *runs, const char *name, const char *kind,
                        struct error *err)
{
    if (strcmp(name, "last") == 0) {
        error_set(err, ERROR_FAILED, "there is no run yet%s%s", kind ? " of kind " : "",
                  kind ? kind : "");
        return error_hint(err, "`train sft` begins one");
    }
    const char **names = xcalloc(runs->n + 1, sizeof *names);
    for (size_t i = 0; i < runs->n; i++)
        names[i] = runs->rows[i].name;
    const char *near = text_nearest(name, names, runs->n);
    error_set(err, ERROR_FAILED, "there is no run \"%s\"", name);
    if (near)
        error_hint(err, "did you mean \"%s\"?", near);
    else
        error_hint(err, "`list runs` shows all");
    free(names);
    return -1;
}

int store_find_run(struct store *store, const char *name, const char *kind, struct run_row *out,
                   struct error *err)
{
    struct run_rows runs;
    bool last = strcmp(name, "last") == 0;
    struct run_row *found = NULL;
    if (store_runs(store, &runs, err))
        return -1;
    for (size_t i = 0; i < runs.n; i++) {
        struct run_row *run = &runs.rows[i];
        if (last ? !kind || strcmp(run->kind, kind) == 0 : strcmp(run->name, name) == 0)
            found = run;
    }
    if (found) {
        *out = *found;
        *found = (struct run_row){0};
    } else {
        error_no_run(&runs, name, kind, err);
    }
    run_rows_release(&runs);
    return found ? 0 : -1;
}

/* ---- back to a checkpoint ---- */

struct rewind_call {
    int64_t run_id, step;
};

static int run_rewind(struct db *db, void *arg, struct error *err)
{
    struct rewind_call *call = arg;
    if (db_run(db, err, "DELETE FROM metrics WHERE run_id=?1 AND step>?2", "ii", call->run_id,
               call->step) ||
        db_run(db, err, "DELETE FROM samples WHERE run_id=?1 AND step>?2", "ii", call->run_id,
               call->step))
        return -1;
    return db_run(db, err, "DELETE FROM checkpoints WHERE run_id=?1 AND step>?2", "ii",
                  call->run_id, call->step);
}

int store_rewind_run(struct store *store, int64_t run_id, int64_t step, struct error *err)
{
    struct rewind_call call = {run_id, step};
    return owner_call(store, REQUEST_WRITE, run_rewind, &call, 0, err);
}
