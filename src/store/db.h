/*
 * The connection: prepared statements, binding by format string, and SQLite's result
 * codes as sentences. Inside src/store only; every call is made by the owner thread.
 */
#ifndef RLAIF_STORE_DB_H
#define RLAIF_STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

struct db_query {
    const char *sql; /* the literal's address is the key */
    sqlite3_stmt *stmt;
};

struct db {
    sqlite3 *handle;
    char *path;
    char shown[208]; /* the path, or its end, for messages */
    bool readonly;
    size_t bytes; /* payload of the transaction, for the message when the disk is full */
    struct db_query *queries;
    size_t n_queries, queries_cap;
    /* The import that is open. */
    int64_t import_set;
    int import_next; /* number of its next pair */
};

/* Opens nothing yet; the path must stay. */
void db_init(struct db *db, char *path, bool readonly);
/* The prepared statement of a string literal, reset; kept until db_close. NULL on error.
 */
sqlite3_stmt *db_query(struct db *db, const char *sql, struct error *err);
/*
 * Binds 1.. in order: i int64_t, z int64_t where 0 is NULL, t text or NULL, r double
 * where NaN is NULL, k a 32-byte hash, b bytes and their size_t. The memory must live
 * until the reset.
 */
void db_bind(sqlite3_stmt *stmt, const char *format, ...);
/* 1: a row, 0: done, -1: error. Done and error reset the statement. */
int db_step(struct db *db, sqlite3_stmt *stmt, struct error *err);
/* Prepares, binds and steps to the end. */
int db_run(struct db *db, struct error *err, const char *sql, const char *format, ...);
/* The first column of the first row; 0 when there is none. */
int db_number(struct db *db, struct error *err, int64_t *out, const char *sql,
              const char *format, ...);
/* Several statements without values, not kept. */
int db_script(struct db *db, const char *sql, struct error *err);

/* A malloced copy; NULL for NULL. */
char *db_text(sqlite3_stmt *stmt, int column);
/* NaN for NULL. */
double db_real(sqlite3_stmt *stmt, int column);

/* The handle's last error as a sentence: what failed, what is safe, what to do. Returns
 * -1. */
int db_error(struct db *db, const char *sql, struct error *err);
/* The same for rows that cannot have been written by us. Returns -1. */
int db_damaged(struct db *db, const char *table, struct error *err);

int db_begin(struct db *db, struct error *err);
/* Rolls back when it fails. */
int db_commit(struct db *db, struct error *err);
void db_rollback(struct db *db);
/* Finalizes the statements and closes. */
void db_close(struct db *db);

#endif
