/* Prompt versions: immutable once written. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/store/owner.h"

void prompt_row_release(struct prompt_row *row)
{
    free(row->name);
    free(row->yaml);
    free(row->note);
    *row = (struct prompt_row){0};
}

void prompt_rows_release(struct prompt_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        prompt_row_release(&rows->rows[i]);
    free(rows->rows);
    *rows = (struct prompt_rows){0};
}

struct add_prompt {
    const char *name, *yaml, *note;
    int64_t parent, id;
    int version;
};

static int run_add_prompt(struct db *db, void *arg, struct error *err)
{
    struct add_prompt *call = arg;
    sqlite3_stmt *stmt = db_query(db,
                                  "SELECT id, version, yaml=?2 FROM prompts WHERE name=?1"
                                  " ORDER BY version DESC LIMIT 1",
                                  err);
    if (!stmt)
        return -1;
    db_bind(stmt, "tt", call->name, call->yaml);
    int row = db_step(db, stmt, err);
    if (row < 0)
        return -1;
    call->id = row ? sqlite3_column_int64(stmt, 0) : 0;
    call->version = row ? sqlite3_column_int(stmt, 1) : 0;
    bool same = row && sqlite3_column_int(stmt, 2);
    sqlite3_reset(stmt);
    if (same)
        return 0;
    call->version++;
    if (db_run(db, err,
               "INSERT INTO prompts(name, version, parent, yaml, note, created_at)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
               "tizttz", call->name, (int64_t)call->version, call->parent, call->yaml,
               call->note, clock_wall_ms()))
        return -1;
    call->id = sqlite3_last_insert_rowid(db->handle);
    return 0;
}

int store_add_prompt(struct store *store, const char *name, const char *yaml,
                     int64_t parent, const char *note, int64_t *id, int *version,
                     struct error *err)
{
    struct add_prompt call = {.name = name, .yaml = yaml, .note = note, .parent = parent};
    if (owner_call(store, REQUEST_WRITE, run_add_prompt, &call, strlen(yaml), err))
        return -1;
    if (id)
        *id = call.id;
    if (version)
        *version = call.version;
    return 0;
}

static int run_prompts(struct db *db, void *arg, struct error *err)
{
    struct prompt_rows *out = arg;
    sqlite3_stmt *stmt =
        db_query(db,
                 "SELECT id, name, yaml, note, version, parent, created_at"
                 " FROM prompts ORDER BY id",
                 err);
    int row;
    if (!stmt)
        return -1;
    while ((row = db_step(db, stmt, err)) > 0) {
        out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
        struct prompt_row *prompt = &out->rows[out->n++];
        *prompt = (struct prompt_row){.id = sqlite3_column_int64(stmt, 0),
                                      .name = db_text(stmt, 1),
                                      .yaml = db_text(stmt, 2),
                                      .note = db_text(stmt, 3),
                                      .version = sqlite3_column_int(stmt, 4),
                                      .parent = sqlite3_column_int64(stmt, 5),
                                      .created_at = sqlite3_column_int64(stmt, 6)};
        if (!prompt->name || !prompt->yaml) {
            sqlite3_reset(stmt);
            return db_damaged(db, "prompts", err);
        }
    }
    return row;
}

int store_prompts(struct store *store, struct prompt_rows *out, struct error *err)
{
    *out = (struct prompt_rows){0};
    if (owner_call(store, REQUEST_READ, run_prompts, out, 0, err)) {
        prompt_rows_release(out);
        return -1;
    }
    return 0;
}

static int run_drop_prompt(struct db *db, void *arg, struct error *err)
{
    int64_t id = *(int64_t *)arg;
    int64_t labels = 0, children = 0;
    if (db_number(db, err, &labels, "SELECT count(*) FROM labels WHERE prompt_id=?1", "i",
                  id) ||
        db_number(db, err, &children, "SELECT count(*) FROM prompts WHERE parent=?1", "i",
                  id))
        return -1;
    if (labels) {
        error_set(err, ERROR_FAILED,
                  "the prompt version cannot be taken back: it has %" PRId64 " labels",
                  labels);
        return error_hint(err, "labels are never thrown away; the version stays");
    }
    if (children) {
        error_set(err, ERROR_FAILED,
                  "the prompt version cannot be taken back: %" PRId64
                  " others were made from it",
                  children);
        return error_hint(err, "take those back first");
    }
    if (db_run(db, err, "DELETE FROM prompts WHERE id=?1", "i", id))
        return -1;
    if (sqlite3_changes(db->handle) == 0)
        return error_set(err, ERROR_FAILED, "there is no such prompt version");
    return 0;
}

int store_drop_prompt(struct store *store, int64_t id, struct error *err)
{
    return owner_call(store, REQUEST_WRITE, run_drop_prompt, &id, 0, err);
}
