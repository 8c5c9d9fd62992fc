#include "src/store/db.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "src/base/mem.h"

#define SAFE "everything acknowledged before is safe and nothing of this step was kept"

void db_init(struct db *db, char *path, bool readonly)
{
    size_t len = strlen(path), size = sizeof db->shown;
    *db = (struct db){.path = path, .readonly = readonly};
    /* A sentence of errors must keep its end: a long path loses its front. */
    if (len < size)
        memcpy(db->shown, path, len + 1);
    else
        snprintf(db->shown, size, "...%s", path + len - (size - 4));
}

sqlite3_stmt *db_query(struct db *db, const char *sql, struct error *err)
{
    for (size_t i = 0; i < db->n_queries; i++)
        if (db->queries[i].sql == sql) {
            sqlite3_reset(db->queries[i].stmt);
            return db->queries[i].stmt;
        }
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL)) {
        db_error(db, sql, err);
        return NULL;
    }
    db->queries =
        array_grow(db->queries, db->n_queries, &db->queries_cap, sizeof *db->queries);
    db->queries[db->n_queries++] = (struct db_query){.sql = sql, .stmt = stmt};
    return stmt;
}

static void bind_list(sqlite3_stmt *stmt, const char *format, va_list args)
{
    for (int i = 1; *format; format++, i++) {
        switch (*format) {
        case 'i':
            sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
            break;
        case 'z': {
            int64_t value = va_arg(args, int64_t);
            value ? sqlite3_bind_int64(stmt, i, value) : sqlite3_bind_null(stmt, i);
            break;
        }
        case 't':
            sqlite3_bind_text(stmt, i, va_arg(args, const char *), -1, SQLITE_STATIC);
            break;
        case 'r':
            sqlite3_bind_double(stmt, i, va_arg(args, double)); /* takes NaN as NULL */
            break;
        case 'k':
            sqlite3_bind_blob(stmt, i, va_arg(args, const uint8_t *), 32, SQLITE_STATIC);
            break;
        case 'b': {
            const void *bytes = va_arg(args, const void *);
            sqlite3_bind_blob64(stmt, i, bytes, va_arg(args, size_t), SQLITE_STATIC);
            break;
        }
        }
    }
}

void db_bind(sqlite3_stmt *stmt, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bind_list(stmt, format, args);
    va_end(args);
}

int db_step(struct db *db, sqlite3_stmt *stmt, struct error *err)
{
    errno = 0;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE) {
        sqlite3_reset(stmt);
        return 0;
    }
    db_error(db, sqlite3_sql(stmt), err);
    sqlite3_reset(stmt);
    return -1;
}

int db_run(struct db *db, struct error *err, const char *sql, const char *format, ...)
{
    sqlite3_stmt *stmt = db_query(db, sql, err);
    if (!stmt)
        return -1;
    va_list args;
    va_start(args, format);
    bind_list(stmt, format, args);
    va_end(args);
    int rc;
    while ((rc = db_step(db, stmt, err)) > 0)
        ;
    return rc;
}

int db_number(struct db *db, struct error *err, int64_t *out, const char *sql,
              const char *format, ...)
{
    sqlite3_stmt *stmt = db_query(db, sql, err);
    if (!stmt)
        return -1;
    va_list args;
    va_start(args, format);
    bind_list(stmt, format, args);
    va_end(args);
    int rc = db_step(db, stmt, err);
    if (rc < 0)
        return -1;
    *out = rc ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return 0;
}

int db_script(struct db *db, const char *sql, struct error *err)
{
    errno = 0;
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_error(db, sql, err);
    return 0;
}

char *db_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    if (!text)
        return NULL;
    size_t len = (size_t)sqlite3_column_bytes(stmt, column);
    char *copy = xmalloc(len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

double db_real(sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
        return NAN;
    return sqlite3_column_double(stmt, column);
}

/* The table a statement is about: the word behind the first FROM, INTO, UPDATE or TABLE.
 */
static void query_table(const char *sql, char out[32])
{
    static const char *const before[] = {"FROM ", "INTO ", "UPDATE ", "TABLE "};
    out[0] = '\0';
    const char *at = NULL;
    for (size_t i = 0; sql && i < sizeof before / sizeof *before; i++) {
        const char *hit = strstr(sql, before[i]);
        if (hit && (!at || hit + strlen(before[i]) < at))
            at = hit + strlen(before[i]);
    }
    if (at)
        snprintf(out, 32, "%.*s", (int)strspn(at, "abcdefghijklmnopqrstuvwxyz_"), at);
}

/* Bytes as "12 KiB" or "3.4 MiB". */
static void format_bytes(double bytes, char out[32])
{
    if (bytes < 1024.0 * 1024.0)
        snprintf(out, 32, "%.0f KiB", ceil(bytes / 1024.0));
    else
        snprintf(out, 32, "%.1f MiB", bytes / (1024.0 * 1024.0));
}

/* The step's own bytes twice (rows and indices), and pages and journal that any change
 * needs. */
static int error_no_room(struct db *db, const char *why, struct error *err)
{
    char need[32], left[32] = "";
    format_bytes(2.0 * (double)db->bytes + 128.0 * 1024.0, need);
    struct statvfs fs;
    if (statvfs(db->path, &fs) == 0)
        format_bytes((double)fs.f_bavail * (double)fs.f_frsize, left);
    error_set(err, ERROR_FAILED, "%s: no room to write (%s; about %s needed%s%s%s)",
              db->shown, why, need, left[0] ? ", " : "", left, left[0] ? " free" : "");
    return error_hint(err, SAFE "; make room and repeat the command");
}

int db_damaged(struct db *db, const char *table, struct error *err)
{
    error_set(err, ERROR_DATA, "%s: the workspace file is damaged%s%s", db->shown,
              table[0] ? " in table " : "", table);
    return error_hint(
        err, "nothing was changed; copy the folder first, then `sqlite3 rlaif.db "
             ".recover` saves what can still be read");
}

static int error_io(struct db *db, int system, struct error *err)
{
    if (system == ENOSPC || system == EDQUOT || system == EFBIG)
        return error_no_room(db, strerror(system), err);
    error_set(err, ERROR_FAILED, "%s: cannot read or write: %s (%s)", db->shown,
              system ? strerror(system) : "disk I/O error", sqlite3_errmsg(db->handle));
    return error_hint(err, SAFE "; look at the disk, then repeat the command");
}

/* SQLite keeps the number for reads and writes, but not for what a commit does. */
static int system_number(struct db *db, int last)
{
    int kept = sqlite3_system_errno(db->handle);
    /* A file that was looked for in vain is no reason. */
    return kept ? kept : last == ENOENT ? 0 : last;
}

int db_error(struct db *db, const char *sql, struct error *err)
{
    int system = system_number(db, errno);
    int rc = sqlite3_extended_errcode(db->handle);
    char table[32];
    query_table(sql, table);
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return error_no_room(db, "the disk is full", err);
    case SQLITE_IOERR:
        return error_io(db, system, err);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_ERROR: /* a statement of ours that does not compile: the schema is not
                          ours */
        return db_damaged(db, table, err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        error_set(err, ERROR_FAILED, "%s is in use by another program", db->shown);
        return error_hint(err, "close it there and try again");
    case SQLITE_READONLY:
        if (rc == SQLITE_READONLY_ROLLBACK) {
            error_set(err, ERROR_FAILED, "%s was left in the middle of a change",
                      db->shown);
            return error_hint(
                err, "open it once with write access: that takes the change back");
        }
        error_set(err, ERROR_FAILED, "%s: read-only workspace", db->shown);
        return error_hint(err, "open it with write access, or another one with -w DIR");
    case SQLITE_CANTOPEN:
        error_set(err, ERROR_FAILED, "%s: cannot open: %s", db->shown,
                  system ? strerror(system) : sqlite3_errmsg(db->handle));
        return error_hint(err, "look at the folder's permissions and the disk");
    case SQLITE_NOMEM:
        return error_set(err, ERROR_FAILED, "%s: out of memory", db->shown);
    case SQLITE_TOOBIG:
        return error_set(err, ERROR_DATA,
                         "%s: a text is longer than the store takes (64 MiB)", db->shown);
    default:
        return error_set(err, ERROR_FAILED, "%s: %s%s%s", db->shown,
                         sqlite3_errmsg(db->handle), table[0] ? ", table " : "", table);
    }
}

int db_begin(struct db *db, struct error *err)
{
    return db_run(db, err, "BEGIN IMMEDIATE", "");
}

int db_commit(struct db *db, struct error *err)
{
    if (db_run(db, err, "COMMIT", "") == 0)
        return 0;
    db_rollback(db);
    return -1;
}

void db_rollback(struct db *db)
{
    /* A full disk or an I/O error has often rolled back already. */
    if (!sqlite3_get_autocommit(db->handle))
        db_run(db, NULL, "ROLLBACK", "");
}

void db_close(struct db *db)
{
    for (size_t i = 0; i < db->n_queries; i++)
        sqlite3_finalize(db->queries[i].stmt);
    free(db->queries);
    db->queries = NULL;
    db->n_queries = db->queries_cap = 0;
    sqlite3_close(db->handle);
    db->handle = NULL;
}
