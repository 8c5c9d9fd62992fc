#include "src/store/schema.h"

#include <stdio.h>
#include <string.h>

/*
 * Schema 1. Times are ms since 1970, hashes 32-byte blobs, unknown numbers NULL. Labels,
 * ratings and journal are append-only. Numbers that must come back bit for bit are REAL
 * columns or blobs of little-endian doubles. The tables of training are made now, so that
 * no workspace needs a migration when training comes.
 */
static const char schema_1[] =
    "CREATE TABLE sets(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL"
    " UNIQUE, format TEXT NOT NULL, rater_kind TEXT NOT NULL, origin TEXT NOT NULL,"
    " imported_at INTEGER NOT NULL);"
    "CREATE TABLE pairs(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL REFERENCES"
    " sets(id), num INTEGER NOT NULL, key TEXT, title TEXT, context TEXT NOT NULL, a"
    " TEXT NOT NULL, b TEXT NOT NULL, split TEXT NOT NULL, split_given INTEGER NOT"
    " NULL, grp TEXT, origin_line INTEGER NOT NULL, gold_a REAL, gold_b REAL, flags"
    " INTEGER NOT NULL, cluster INTEGER NOT NULL, chars_a INTEGER NOT NULL, chars_b"
    " INTEGER NOT NULL, words_a INTEGER NOT NULL, words_b INTEGER NOT NULL,"
    " words_context INTEGER NOT NULL, UNIQUE(set_id, num));"
    "CREATE TABLE choices(pair_id INTEGER NOT NULL REFERENCES pairs(id), num INTEGER"
    " NOT NULL, rater TEXT NOT NULL, kind TEXT NOT NULL, choice TEXT NOT NULL,"
    " confidence REAL, soft REAL, PRIMARY KEY(pair_id, num)) WITHOUT ROWID;"
    "CREATE TABLE tags(pair_id INTEGER NOT NULL REFERENCES pairs(id), num INTEGER NOT"
    " NULL, tag TEXT NOT NULL, PRIMARY KEY(pair_id, num)) WITHOUT ROWID;"
    "CREATE TABLE posts(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL REFERENCES"
    " sets(id), num INTEGER NOT NULL, key TEXT, title TEXT, context TEXT NOT NULL,"
    " split TEXT NOT NULL, grp TEXT, origin_line INTEGER NOT NULL, UNIQUE(set_id,"
    " num));"
    "CREATE TABLE summaries(post_id INTEGER NOT NULL REFERENCES posts(id), num"
    " INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY(post_id, num)) WITHOUT ROWID;"
    "CREATE TABLE prompts(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
    " version INTEGER NOT NULL, parent INTEGER REFERENCES prompts(id), yaml TEXT NOT"
    " NULL, note TEXT, created_at INTEGER NOT NULL, UNIQUE(name, version));"
    "CREATE TABLE labels(id INTEGER PRIMARY KEY, pair_id INTEGER NOT NULL REFERENCES"
    " pairs(id), prompt_id INTEGER REFERENCES prompts(id), labeler TEXT NOT NULL, ord"
    " INTEGER NOT NULL, key_hash BLOB NOT NULL UNIQUE, seed INTEGER NOT NULL, repeat"
    " INTEGER NOT NULL, logprobs BLOB, outside REAL, p_first REAL, score REAL,"
    " score_sum REAL, score_gain REAL, slot INTEGER NOT NULL, top TEXT, rationale"
    " TEXT, raw TEXT, error TEXT, cut_lines INTEGER NOT NULL, tokens INTEGER NOT NULL,"
    " reused INTEGER NOT NULL, ms REAL, created_at INTEGER NOT NULL);"
    "CREATE INDEX labels_by_pair ON labels(pair_id, prompt_id, labeler);"
    "CREATE INDEX labels_by_prompt ON labels(prompt_id);"
    "CREATE TABLE looks(id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL REFERENCES"
    " sets(id), split TEXT NOT NULL, prompt_id INTEGER, what TEXT NOT NULL, at INTEGER"
    " NOT NULL);"
    "CREATE TABLE journal(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, line TEXT NOT"
    " NULL, undo TEXT, undone INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE jobs(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, line TEXT NOT"
    " NULL, state TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER, error TEXT);"
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE ratings(id INTEGER PRIMARY KEY, session TEXT NOT NULL, rater TEXT"
    " NOT NULL, pair_id INTEGER REFERENCES pairs(id), post_id INTEGER REFERENCES"
    " posts(id), left_run INTEGER, right_run INTEGER, left_text TEXT, right_text TEXT,"
    " choice TEXT NOT NULL, confidence REAL, note TEXT, ms REAL, at INTEGER NOT NULL);"
    "CREATE INDEX ratings_by_pair ON ratings(pair_id);"
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT"
    " NOT NULL, parent INTEGER REFERENCES runs(id), config TEXT NOT NULL, state TEXT"
    " NOT NULL, seed INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER, error"
    " TEXT);"
    "CREATE TABLE metrics(run_id INTEGER NOT NULL REFERENCES runs(id), name TEXT NOT"
    " NULL, step INTEGER NOT NULL, value REAL, PRIMARY KEY(run_id, name, step))"
    " WITHOUT ROWID;"
    "CREATE TABLE samples(id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES"
    " runs(id), step INTEGER NOT NULL, pair_id INTEGER REFERENCES pairs(id), post_id"
    " INTEGER REFERENCES posts(id), seed INTEGER NOT NULL, ids BLOB, text TEXT NOT"
    " NULL, score REAL, kl REAL, reward REAL, length INTEGER);"
    "CREATE INDEX samples_by_run ON samples(run_id, step);"
    "CREATE TABLE checkpoints(run_id INTEGER NOT NULL REFERENCES runs(id), step"
    " INTEGER NOT NULL, file TEXT NOT NULL, hash BLOB NOT NULL, bytes INTEGER NOT"
    " NULL, created_at INTEGER NOT NULL, PRIMARY KEY(run_id, step)) WITHOUT ROWID;";

/* Schema 2: what training found, what was changed or went wrong meanwhile, and whole samples. */
static const char schema_2[] =
    "ALTER TABLE runs ADD COLUMN result TEXT;"
    "ALTER TABLE samples ADD COLUMN kind TEXT NOT NULL DEFAULT 'rollout';"
    "ALTER TABLE samples ADD COLUMN prompt TEXT;"
    "ALTER TABLE samples ADD COLUMN advantages BLOB;"
    "CREATE TABLE events(id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES"
    " runs(id), step INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT,"
    " value REAL, text TEXT NOT NULL);"
    "CREATE INDEX events_by_run ON events(run_id);";

/* Row i takes a file from version i to i + 1. Rows are never changed, only added. */
static const char *const migrations[SCHEMA_VERSION] = {schema_1, schema_2};

static int run_migrations(struct db *db, int from, struct error *err)
{
    char pragmas[96];
    for (int i = from; i < SCHEMA_VERSION; i++)
        if (db_script(db, migrations[i], err))
            return -1;
    snprintf(pragmas, sizeof pragmas, "PRAGMA application_id=%d; PRAGMA user_version=%d;",
             SCHEMA_APPLICATION, SCHEMA_VERSION);
    return db_script(db, pragmas, err);
}

int schema_migrate(struct db *db, int from, struct error *err)
{
    if (db_begin(db, err))
        return -1;
    if (run_migrations(db, from, err)) {
        db_rollback(db);
        return -1;
    }
    return db_commit(db, err);
}

/* Is there the same object with the same text in the file? 1 yes, 0 no, -1 error. */
static int has_object(struct db *db, const char *type, const char *name, const char *text,
                      struct error *err)
{
    int64_t n = 0;
    if (db_number(
            db, err, &n,
            "SELECT count(*) FROM sqlite_schema WHERE type=?1 AND name=?2 AND sql=?3",
            "ttt", type, name, text))
        return -1;
    return n == 1;
}

int schema_check(struct db *db, struct error *err)
{
    struct db model;
    int rc = -1;
    db_init(&model, db->path, true);
    if (sqlite3_open_v2(":memory:", &model.handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL)) {
        db_error(&model, "", err);
        goto out;
    }
    if (run_migrations(&model, 0, err))
        goto out;
    sqlite3_stmt *stmt = db_query(
        &model,
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid",
        err);
    int row = stmt ? 1 : -1;
    while (row > 0 && (row = db_step(&model, stmt, err)) > 0) {
        const char *name = (const char *)sqlite3_column_text(stmt, 1);
        int has = has_object(db, (const char *)sqlite3_column_text(stmt, 0), name,
                             (const char *)sqlite3_column_text(stmt, 2), err);
        if (has == 0)
            db_damaged(db, name, err);
        if (has != 1)
            goto out;
    }
    rc = row;
out:
    db_close(&model);
    return rc;
}
