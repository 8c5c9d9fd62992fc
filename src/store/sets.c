/* The list of sets, the set by name, and taking a set back. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/store/owner.h"

void set_row_release(struct set_row *row)
{
    free(row->name);
    free(row->format);
    free(row->origin);
    *row = (struct set_row){0};
}

void set_rows_release(struct set_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        set_row_release(&rows->rows[i]);
    free(rows->rows);
    *rows = (struct set_rows){0};
}

static int run_sets(struct db *db, void *arg, struct error *err)
{
    struct set_rows *out = arg;
    /* Pairs are numbered without gaps, so the last number is their count. */
    sqlite3_stmt *stmt = db_query(
        db,
        "SELECT id, name, format, origin, rater_kind, imported_at,"
        " (SELECT max(num) FROM pairs WHERE set_id=sets.id) FROM sets ORDER BY id",
        err);
    int row;
    if (!stmt)
        return -1;
    while ((row = db_step(db, stmt, err)) > 0) {
        const char *kind = (const char *)sqlite3_column_text(stmt, 4);
        out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
        struct set_row *set = &out->rows[out->n++];
        *set = (struct set_row){.id = sqlite3_column_int64(stmt, 0),
                                .name = db_text(stmt, 1),
                                .format = db_text(stmt, 2),
                                .origin = db_text(stmt, 3),
                                .imported_at = sqlite3_column_int64(stmt, 5),
                                .n_pairs = sqlite3_column_int64(stmt, 6)};
        if (!set->name || !set->format || !set->origin || !kind ||
            !rater_kind_parse(kind, &set->rater_kind)) {
            sqlite3_reset(stmt);
            return db_damaged(db, "sets", err);
        }
    }
    return row;
}

int store_sets(struct store *store, struct set_rows *out, struct error *err)
{
    *out = (struct set_rows){0};
    if (owner_call(store, REQUEST_READ, run_sets, out, 0, err)) {
        set_rows_release(out);
        return -1;
    }
    return 0;
}

static int error_no_set(const struct set_rows *sets, const char *name, struct error *err)
{
    const char **names = xcalloc(sets->n + 1, sizeof *names);
    for (size_t i = 0; i < sets->n; i++)
        names[i] = sets->rows[i].name;
    const char *near = text_nearest(name, names, sets->n);
    error_set(err, ERROR_FAILED, "there is no set \"%s\"", name);
    if (near)
        error_hint(err, "did you mean \"%s\"?", near);
    else
        error_hint(err, "`list sets` shows all");
    free(names);
    return -1;
}

int store_find_set(struct store *store, const char *name, struct set_row *out,
                   struct error *err)
{
    struct set_rows sets;
    int rc = -1;
    if (store_sets(store, &sets, err))
        return -1;
    for (size_t i = 0; i < sets.n && rc; i++)
        if (strcmp(sets.rows[i].name, name) == 0) {
            *out = sets.rows[i];
            sets.rows[i] = (struct set_row){0};
            rc = 0;
        }
    if (rc)
        error_no_set(&sets, name, err);
    set_rows_release(&sets);
    return rc;
}

/* What people or a labeler made of the set's pairs is never thrown away. */
static int refuse_drop(struct db *db, int64_t set_id, struct error *err)
{
    int64_t labels = 0, ratings = 0, samples = 0;
    if (db_number(db, err, &labels,
                  "SELECT count(*) FROM pairs p CROSS JOIN labels l ON l.pair_id=p.id"
                  " WHERE p.set_id=?1",
                  "i", set_id) ||
        db_number(db, err, &ratings,
                  "SELECT count(*) FROM ratings WHERE"
                  " pair_id IN (SELECT id FROM pairs WHERE set_id=?1) OR"
                  " post_id IN (SELECT id FROM posts WHERE set_id=?1)",
                  "i", set_id) ||
        db_number(db, err, &samples,
                  "SELECT count(*) FROM samples WHERE"
                  " pair_id IN (SELECT id FROM pairs WHERE set_id=?1) OR"
                  " post_id IN (SELECT id FROM posts WHERE set_id=?1)",
                  "i", set_id))
        return -1;
    if (!labels && !ratings && !samples)
        return 0;
    error_set(err, ERROR_FAILED,
              "the set cannot be taken back: its pairs have %" PRId64 " labels, %" PRId64
              " ratings and %" PRId64 " samples",
              labels, ratings, samples);
    return error_hint(err, "labels and ratings are never thrown away; the set stays");
}

static int run_drop_set(struct db *db, void *arg, struct error *err)
{
    int64_t set_id = *(int64_t *)arg;
    if (refuse_drop(db, set_id, err))
        return -1;
    if (db_run(
            db, err,
            "DELETE FROM choices WHERE pair_id IN (SELECT id FROM pairs WHERE set_id=?1)",
            "i", set_id) ||
        db_run(db, err,
               "DELETE FROM tags WHERE pair_id IN (SELECT id FROM pairs WHERE set_id=?1)",
               "i", set_id) ||
        db_run(db, err,
               "DELETE FROM summaries WHERE post_id IN (SELECT id FROM posts WHERE "
               "set_id=?1)",
               "i", set_id) ||
        db_run(db, err, "DELETE FROM posts WHERE set_id=?1", "i", set_id) ||
        db_run(db, err, "DELETE FROM pairs WHERE set_id=?1", "i", set_id) ||
        db_run(db, err, "DELETE FROM looks WHERE set_id=?1", "i", set_id) ||
        db_run(db, err, "DELETE FROM sets WHERE id=?1", "i", set_id))
        return -1;
    if (sqlite3_changes(db->handle) == 0)
        return error_set(err, ERROR_FAILED, "there is no such set");
    return 0;
}

int store_drop_set(struct store *store, int64_t set_id, struct error *err)
{
    return owner_call(store, REQUEST_WRITE, run_drop_set, &set_id, 0, err);
}
