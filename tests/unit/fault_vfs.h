/*
 * An SQLite VFS over the default one that fails the n-th write, sync, truncate or delete,
 * or kills the process there. Registered as the default, so that the store under test
 * opens its files through it. One program, one set of counters.
 */
#ifndef TESTS_FAULT_VFS_H
#define TESTS_FAULT_VFS_H

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_FULL,
    FAULT_EIO,
    FAULT_KILL_BEFORE,
    FAULT_KILL_AFTER
};

struct fault_plan {
    atomic_int kind;   /* enum fault_kind */
    atomic_int at;     /* the n-th counted call from now */
    atomic_bool stays; /* all later calls fail too */
    atomic_int calls;  /* counted so far */
    atomic_bool hit;
};
static struct fault_plan fault_plan;
static sqlite3_vfs fault_vfs;
static sqlite3_vfs *fault_real;

/* A call that changes a file, as it is made. file 0: the database, 1: its journal. */
enum fault_op { FAULT_WRITE, FAULT_TRUNCATE, FAULT_SYNC };
static void (*fault_record)(int file, enum fault_op op, const void *bytes,
                            sqlite3_int64 n, sqlite3_int64 at);

struct fault_file {
    sqlite3_file base;
    int file;
    sqlite3_file *real; /* behind this struct in the same memory */
};

static inline void fault_arm(enum fault_kind kind, int at, bool stays)
{
    atomic_store(&fault_plan.at, at);
    atomic_store(&fault_plan.stays, stays);
    atomic_store(&fault_plan.calls, 0);
    atomic_store(&fault_plan.hit, false);
    atomic_store(&fault_plan.kind, (int)kind);
}

/* Was the planned call reached? */
static inline bool fault_disarm(void)
{
    atomic_store(&fault_plan.kind, FAULT_NONE);
    return atomic_load(&fault_plan.hit);
}

/* Counts one call: 0 or the result it must give. */
static inline int fault_now(int eio)
{
    int kind = atomic_load(&fault_plan.kind);
    if (kind == FAULT_NONE)
        return 0;
    int call = atomic_fetch_add(&fault_plan.calls, 1) + 1;
    int at = atomic_load(&fault_plan.at);
    if (call < at || (call > at && !atomic_load(&fault_plan.stays)))
        return 0;
    atomic_store(&fault_plan.hit, true);
    if (kind == FAULT_KILL_BEFORE)
        raise(SIGKILL);
    if (kind == FAULT_KILL_AFTER)
        return 0;
    errno = kind == FAULT_FULL ? ENOSPC : EIO;
    return kind == FAULT_FULL && eio == SQLITE_IOERR_WRITE ? SQLITE_FULL : eio;
}

/* After the real call. */
static inline int fault_after(int rc)
{
    if (atomic_load(&fault_plan.kind) == FAULT_KILL_AFTER && atomic_load(&fault_plan.hit))
        raise(SIGKILL);
    return rc;
}

static inline sqlite3_file *fault_inner(sqlite3_file *file)
{
    return ((struct fault_file *)file)->real;
}
static int fault_close(sqlite3_file *f)
{
    sqlite3_file *real = fault_inner(f);
    return real->pMethods->xClose(real);
}
static int fault_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
    return fault_inner(f)->pMethods->xRead(fault_inner(f), out, n, at);
}
static inline void fault_tell(sqlite3_file *f, enum fault_op op, const void *bytes,
                              sqlite3_int64 n, sqlite3_int64 at)
{
    if (fault_record)
        fault_record(((struct fault_file *)f)->file, op, bytes, n, at);
}
static int fault_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    fault_tell(f, FAULT_WRITE, bytes, n, at);
    int rc = fault_now(SQLITE_IOERR_WRITE);
    if (rc) {
        /* As a real disk does: half of it may have arrived. */
        fault_inner(f)->pMethods->xWrite(fault_inner(f), bytes, n / 2, at);
        return rc;
    }
    return fault_after(fault_inner(f)->pMethods->xWrite(fault_inner(f), bytes, n, at));
}
static int fault_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    fault_tell(f, FAULT_TRUNCATE, NULL, 0, size);
    int rc = fault_now(SQLITE_IOERR_TRUNCATE);
    return rc ? rc
              : fault_after(fault_inner(f)->pMethods->xTruncate(fault_inner(f), size));
}
static int fault_sync(sqlite3_file *f, int flags)
{
    fault_tell(f, FAULT_SYNC, NULL, 0, 0);
    int rc = fault_now(SQLITE_IOERR_FSYNC);
    return rc ? rc : fault_after(fault_inner(f)->pMethods->xSync(fault_inner(f), flags));
}
static int fault_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return fault_inner(f)->pMethods->xFileSize(fault_inner(f), size);
}
static int fault_lock(sqlite3_file *f, int level)
{
    return fault_inner(f)->pMethods->xLock(fault_inner(f), level);
}
static int fault_unlock(sqlite3_file *f, int level)
{
    return fault_inner(f)->pMethods->xUnlock(fault_inner(f), level);
}
static int fault_reserved(sqlite3_file *f, int *out)
{
    return fault_inner(f)->pMethods->xCheckReservedLock(fault_inner(f), out);
}
static int fault_control(sqlite3_file *f, int op, void *arg)
{
    return fault_inner(f)->pMethods->xFileControl(fault_inner(f), op, arg);
}
static int fault_sector(sqlite3_file *f)
{
    return fault_inner(f)->pMethods->xSectorSize(fault_inner(f));
}
static int fault_device(sqlite3_file *f)
{
    return fault_inner(f)->pMethods->xDeviceCharacteristics(fault_inner(f));
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 1,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_reserved,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector,
    .xDeviceCharacteristics = fault_device,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
                      int *out)
{
    struct fault_file *file = (struct fault_file *)f;
    (void)vfs;
    file->real = (sqlite3_file *)(file + 1);
    file->file = name && strstr(name, "-journal") != NULL;
    int rc = fault_real->xOpen(fault_real, name, file->real, flags, out);
    file->base.pMethods = rc == SQLITE_OK ? &fault_methods : NULL;
    return rc;
}
static int fault_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    int rc = fault_now(SQLITE_IOERR_DELETE);
    return rc ? rc : fault_after(fault_real->xDelete(fault_real, name, sync));
}

static inline void fault_install(void)
{
    sqlite3_initialize();
    fault_real = sqlite3_vfs_find(NULL);
    fault_vfs = *fault_real;
    fault_vfs.zName = "fault";
    fault_vfs.szOsFile = (int)sizeof(struct fault_file) + fault_real->szOsFile;
    fault_vfs.xOpen = fault_open;
    fault_vfs.xDelete = fault_delete;
    sqlite3_vfs_register(&fault_vfs, 1);
}

#endif
