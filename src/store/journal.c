/* What was done: looks at test pairs, the journal of commands, jobs; and the settings. */
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/store/owner.h"

static int64_t row_added(struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

/* ---- looks ---- */

struct look_call {
    int64_t set_id, prompt_id, n;
    const char *split, *what;
};

static int run_add_look(struct db *db, void *arg, struct error *err)
{
    struct look_call *call = arg;
    return db_run(db, err,
                  "INSERT INTO looks(set_id, split, prompt_id, what, at) VALUES(?1, ?2, "
                  "?3, ?4, ?5)",
                  "itzti", call->set_id, call->split, call->prompt_id, call->what,
                  clock_wall_ms());
}

int store_add_look(struct store *store, int64_t set_id, const char *split,
                   int64_t prompt_id, const char *what, struct error *err)
{
    struct look_call call = {
        .set_id = set_id, .split = split, .prompt_id = prompt_id, .what = what};
    return owner_call(store, REQUEST_WRITE, run_add_look, &call, 64, err);
}

static int run_count_looks(struct db *db, void *arg, struct error *err)
{
    struct look_call *call = arg;
    return db_number(
        db, err, &call->n,
        "SELECT count(*) FROM looks WHERE set_id=?1 AND (?2 IS NULL OR what=?2)", "it",
        call->set_id, call->what);
}

int store_count_looks(struct store *store, int64_t set_id, const char *what, int64_t *n,
                      struct error *err)
{
    struct look_call call = {.set_id = set_id, .what = what};
    if (owner_call(store, REQUEST_READ, run_count_looks, &call, 0, err))
        return -1;
    *n = call.n;
    return 0;
}

/* ---- journal ---- */

struct journal_call {
    const char *line, *undo;
    int64_t id, undone;
    struct journal_rows *out;
};

static int run_add_journal(struct db *db, void *arg, struct error *err)
{
    struct journal_call *call = arg;
    /* What was undone before something new is done stays undone: 2. */
    if (db_run(db, err, "UPDATE journal SET undone=2 WHERE undone=1", "") ||
        db_run(db, err, "INSERT INTO journal(at, line, undo) VALUES(?1, ?2, ?3)", "itt",
               clock_wall_ms(), call->line, call->undo))
        return -1;
    call->id = row_added(db);
    return 0;
}

int store_add_journal(struct store *store, const char *line, const char *undo,
                      int64_t *id, struct error *err)
{
    struct journal_call call = {.line = line, .undo = undo};
    if (owner_call(store, REQUEST_WRITE, run_add_journal, &call, strlen(line), err))
        return -1;
    if (id)
        *id = call.id;
    return 0;
}

static int run_mark_journal(struct db *db, void *arg, struct error *err)
{
    struct journal_call *call = arg;
    if (db_run(db, err, "UPDATE journal SET undone=?2 WHERE id=?1", "ii", call->id,
               call->undone))
        return -1;
    if (sqlite3_changes(db->handle) == 0)
        return error_set(err, ERROR_FAILED, "there is no such line in the journal");
    return 0;
}

int store_mark_journal(struct store *store, int64_t id, bool undone, struct error *err)
{
    struct journal_call call = {.id = id, .undone = undone};
    return owner_call(store, REQUEST_WRITE, run_mark_journal, &call, 16, err);
}

void journal_rows_release(struct journal_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->rows[i].line);
        free(rows->rows[i].undo);
    }
    free(rows->rows);
    *rows = (struct journal_rows){0};
}

static int run_journal(struct db *db, void *arg, struct error *err)
{
    struct journal_call *call = arg;
    struct journal_rows *out = call->out;
    sqlite3_stmt *stmt =
        db_query(db,
                 "SELECT id, at, line, undo, undone FROM"
                 " (SELECT * FROM journal ORDER BY id DESC LIMIT ?1) ORDER BY id",
                 err);
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "i", call->id);
    while ((row = db_step(db, stmt, err)) > 0) {
        out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
        struct journal_row *line = &out->rows[out->n++];
        *line = (struct journal_row){.id = sqlite3_column_int64(stmt, 0),
                                     .at = sqlite3_column_int64(stmt, 1),
                                     .line = db_text(stmt, 2),
                                     .undo = db_text(stmt, 3),
                                     .undone = sqlite3_column_int(stmt, 4) != 0,
                                     .can_redo = sqlite3_column_int(stmt, 4) == 1};
        if (!line->line) {
            sqlite3_reset(stmt);
            return db_damaged(db, "journal", err);
        }
    }
    return row;
}

int store_journal(struct store *store, size_t last_n, struct journal_rows *out,
                  struct error *err)
{
    struct journal_call call = {.id = last_n > INT64_MAX ? INT64_MAX : (int64_t)last_n,
                                .out = out};
    *out = (struct journal_rows){0};
    if (owner_call(store, REQUEST_READ, run_journal, &call, 0, err) == 0)
        return 0;
    journal_rows_release(out);
    return -1;
}

/* ---- jobs ---- */

struct job_call {
    const char *kind, *line, *state, *error;
    int64_t id;
};

static int run_job_started(struct db *db, void *arg, struct error *err)
{
    struct job_call *call = arg;
    if (db_run(
            db, err,
            "INSERT INTO jobs(kind, line, state, started) VALUES(?1, ?2, 'running', ?3)",
            "tti", call->kind, call->line, clock_wall_ms()))
        return -1;
    call->id = row_added(db);
    return 0;
}

int store_job_started(struct store *store, const char *kind, const char *line,
                      int64_t *id, struct error *err)
{
    struct job_call call = {.kind = kind, .line = line};
    if (owner_call(store, REQUEST_WRITE, run_job_started, &call, strlen(line), err))
        return -1;
    *id = call.id;
    return 0;
}

static int run_job_ended(struct db *db, void *arg, struct error *err)
{
    struct job_call *call = arg;
    return db_run(db, err, "UPDATE jobs SET state=?2, ended=?3, error=?4 WHERE id=?1",
                  "itit", call->id, call->state, clock_wall_ms(), call->error);
}

int store_job_ended(struct store *store, int64_t id, const char *state, const char *error,
                    struct error *err)
{
    struct job_call call = {.id = id, .state = state, .error = error};
    return owner_call(store, REQUEST_WRITE, run_job_ended, &call, 64, err);
}

/* ---- settings ---- */

struct setting_call {
    const char *name, *value;
    char *found;
};

static int run_set_setting(struct db *db, void *arg, struct error *err)
{
    struct setting_call *call = arg;
    if (!call->value)
        return db_run(db, err, "DELETE FROM settings WHERE name=?1", "t", call->name);
    return db_run(db, err,
                  "INSERT INTO settings(name, value) VALUES(?1, ?2)"
                  " ON CONFLICT(name) DO UPDATE SET value=?2",
                  "tt", call->name, call->value);
}

int store_set_setting(struct store *store, const char *name, const char *value,
                      struct error *err)
{
    struct setting_call call = {.name = name, .value = value};
    return owner_call(store, REQUEST_WRITE, run_set_setting, &call, 64, err);
}

static int run_get_setting(struct db *db, void *arg, struct error *err)
{
    struct setting_call *call = arg;
    sqlite3_stmt *stmt = db_query(db, "SELECT value FROM settings WHERE name=?1", err);
    if (!stmt)
        return -1;
    db_bind(stmt, "t", call->name);
    int row = db_step(db, stmt, err);
    if (row > 0) {
        call->found = db_text(stmt, 0);
        sqlite3_reset(stmt);
    }
    return row < 0 ? -1 : 0;
}

char *store_get_setting(struct store *store, const char *name)
{
    struct setting_call call = {.name = name};
    owner_call(store, REQUEST_READ, run_get_setting, &call, 0, NULL);
    return call.found;
}
