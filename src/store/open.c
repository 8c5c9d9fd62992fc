#include "src/store/open.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/store/schema.h"

/* Files up to this size are checked page by page at every start (a few ms). */
#define QUICK_CHECK_MAX (2 << 20)

static uint32_t be32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
           bytes[3];
}

static int check_header(const char *path, const unsigned char *header, size_t len,
                        int *version, struct error *err)
{
    static const char magic[16] = "SQLite format 3";
    if (len < 100) {
        error_at_byte(err, path, (int64_t)len,
                      "the file ends inside its header (100 bytes wanted)");
        return error_hint(
            err, "nothing was changed; put a copy of the file back, or move it away");
    }
    if (memcmp(header, magic, sizeof magic)) {
        error_at_byte(err, path, 0, "this is not a workspace file (no SQLite header)");
        return error_hint(
            err, "nothing was changed; move the file away or choose another -w DIR");
    }
    uint32_t application = be32(header + 68);
    if (application != SCHEMA_APPLICATION) {
        error_at_byte(
            err, path, 68,
            "this database belongs to another program (application id 0x%08" PRIx32
            ", ours is 0x%08x)",
            application, SCHEMA_APPLICATION);
        return error_hint(err,
                          "nothing was changed; choose another workspace with -w DIR");
    }
    uint32_t found = be32(header + 60);
    if (found > SCHEMA_VERSION && found < 10000) {
        error_set(err, ERROR_DATA,
                  "%s was written by a newer rlaif (schema %" PRIu32
                  "; this program knows schemas up to %d)",
                  path, found, SCHEMA_VERSION);
        return error_hint(
            err, "nothing was changed; use the newer program, or another -w DIR");
    }
    if (found < 1 || found > SCHEMA_VERSION) {
        error_at_byte(err, path, 60,
                      "the file is damaged: schema %" PRIu32 " does not exist", found);
        return error_hint(
            err, "nothing was changed; put a copy of the file back, or move it away");
    }
    *version = (int)found;
    return 0;
}

/* Its descriptor is closed before SQLite opens the file: later, that would drop SQLite's
 * locks. */
int open_look(const char *path, int *version, struct error *err)
{
    unsigned char header[100];
    struct stat st;
    if (stat(path, &st) < 0) {
        if (errno == ENOENT)
            return 1;
        return error_errno(err, path, "cannot open");
    }
    if (!S_ISREG(st.st_mode)) {
        error_set(err, ERROR_DATA, "%s is not a regular file", path);
        return error_hint(err, "move it away or choose another workspace with -w DIR");
    }
    if (st.st_size == 0)
        return 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_errno(err, path, "cannot open");
    ssize_t len = pread(fd, header, sizeof header, 0);
    int number = errno;
    close(fd);
    errno = number;
    if (len < 0)
        return error_errno(err, path, "cannot read");
    return check_header(path, header, (size_t)len, version, err);
}

static int sync_folder(const char *path, struct error *err)
{
    char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    int rc = 0;
    if (slash)
        slash[slash == dir] = '\0';
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        rc = error_errno(err, dir, "cannot sync");
    if (fd >= 0)
        close(fd);
    free(dir);
    return rc;
}

static int open_handle(struct db *db, const char *file, int flags, struct error *err)
{
    /* xmalloc'd paths with ? or # are no URIs here: SQLITE_OPEN_URI is not given. */
    if (sqlite3_open_v2(file, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        if (!db->handle)
            return error_set(err, ERROR_FAILED, "%s: out of memory", file);
        return db_error(db, "", err);
    }
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, 64 << 20);
    /* What a hostile file could bring along: triggers, views, functions in its schema. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return 0;
}

/*
 * A rollback journal, not WAL. With one connection both survive kill -9, and a commit's
 * three more syncs do not matter beside a labeler's seconds; but the rollback journal
 * writes a bulk import once instead of twice, leaves more room on a disk that fills up,
 * keeps the workspace one file that can be copied while the program is not running, opens
 * on read-only media, and has no part in the WAL-reset race of the SQLite versions that
 * are still about.
 */
static const char pragmas_first[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA mmap_size=0;"
                                    "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;"
                                    "PRAGMA cache_size=-32768; PRAGMA synchronous=FULL;"
                                    "PRAGMA foreign_keys=ON;";
static const char pragmas_write[] = "PRAGMA journal_mode=TRUNCATE;";
/* Takes the journal file away when the workspace is closed. */
static const char pragmas_close[] = "PRAGMA journal_mode=DELETE;";

int open_make(const char *path, struct error *err)
{
    char *temp = xasprintf("%s.new", path);
    char *journal = xasprintf("%s.new-journal", path);
    struct db db;
    int rc = -1;
    db_init(&db, temp, false);
    /* Left by a process that was killed here; we hold the lock, so nobody uses them. */
    if ((unlink(temp) < 0 && errno != ENOENT) ||
        (unlink(journal) < 0 && errno != ENOENT)) {
        error_errno(err, temp, "cannot remove");
        goto out;
    }
    if (open_handle(&db, temp, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err) ||
        db_script(&db, pragmas_first, err) || schema_migrate(&db, 0, err))
        goto out;
    db_close(&db);
    if (rename(temp, path) < 0) {
        error_errno(err, path, "cannot make");
        goto out;
    }
    rc = sync_folder(path, err);
out:
    db_close(&db);
    if (rc)
        unlink(temp);
    free(temp);
    free(journal);
    return rc;
}

/* A file that was cut reads well until the first missing page: compare sizes now. */
static int check_size(struct db *db, int64_t *bytes, struct error *err)
{
    int64_t pages = 0, page_size = 0;
    struct stat st;
    if (db_number(db, err, &pages, "PRAGMA page_count", "") ||
        db_number(db, err, &page_size, "PRAGMA page_size", ""))
        return -1;
    if (stat(db->path, &st) < 0)
        return error_errno(err, db->path, "cannot open");
    *bytes = pages * page_size;
    if (st.st_size >= *bytes)
        return 0;
    error_at_byte(err, db->path, st.st_size,
                  "the file is cut: %" PRId64 " of %" PRId64 " bytes are missing",
                  *bytes - (int64_t)st.st_size, *bytes);
    return error_hint(
        err, "nothing was changed; put a copy of the file back, or copy the folder "
             "and try `sqlite3 rlaif.db .recover`");
}

/* What quick_check found, as a damaged table or the text itself. */
static int check_pages(struct db *db, const char *sql, const char *table,
                       struct error *err)
{
    sqlite3_stmt *stmt = db_query(db, sql, err);
    int rc = stmt ? db_step(db, stmt, err) : -1;
    if (rc < 0)
        return -1;
    const char *text = rc ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (!text || strcmp(text, "ok") == 0) {
        sqlite3_reset(stmt);
        return 0;
    }
    char said[160];
    snprintf(said, sizeof said, "%.159s", text);
    sqlite3_reset(stmt);
    for (char *c = said; *c; c++)
        if (*c == '\n')
            *c = ' ';
    error_set(err, ERROR_DATA, "%s: the workspace file is damaged%s%s (%s)", db->shown,
              table[0] ? " in table " : "", table, said);
    return error_hint(
        err, "nothing was changed; copy the folder first, then `sqlite3 rlaif.db "
             ".recover` saves what can still be read");
}

static int check_content(struct db *db, int64_t bytes, struct error *err)
{
    if (bytes <= QUICK_CHECK_MAX)
        return check_pages(db, "PRAGMA quick_check(1)", "", err);
    if (check_pages(db, "PRAGMA quick_check(sets)", "sets", err) ||
        check_pages(db, "PRAGMA quick_check(prompts)", "prompts", err) ||
        check_pages(db, "PRAGMA quick_check(settings)", "settings", err))
        return -1;
    return 0;
}

int open_connect(struct db *db, int version, struct error *err)
{
    int64_t bytes = 0;
    int flags = db->readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (open_handle(db, db->path, flags, err) || db_script(db, pragmas_first, err) ||
        check_size(db, &bytes, err))
        return -1;
    if (version < SCHEMA_VERSION) {
        if (db->readonly) {
            error_set(err, ERROR_FAILED, "%s has the older schema %d", db->shown,
                      version);
            return error_hint(
                err, "open it once with write access: that brings it up to date");
        }
        if (schema_migrate(db, version, err))
            return -1;
    }
    if (schema_check(db, err) || check_content(db, bytes, err))
        return -1;
    if (db->readonly)
        return 0;
    if (db_script(db, pragmas_write, err) ||
        db_script(db, "BEGIN EXCLUSIVE; COMMIT;", err))
        return -1;
    /* Jobs and runs of a process that was killed. */
    if (db_run(
            db, err,
            "UPDATE jobs SET state='interrupted', ended=started WHERE ended IS NULL", ""))
        return -1;
    return db_run(db, err,
                  "UPDATE runs SET state='interrupted' WHERE"
                  " state IN ('queued', 'running', 'paused')",
                  "");
}

void open_disconnect(struct db *db)
{
    if (db->handle && !db->readonly)
        sqlite3_exec(db->handle, pragmas_close, NULL, NULL, NULL);
    db_close(db);
}
