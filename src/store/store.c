#include "src/store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/store/lock.h"
#include "src/store/open.h"
#include "src/store/owner.h"
#include "src/store/thread.h"

/* At most this many waiting writes share a transaction. */
#define GROUP_MAX 64

/* On the caller's stack; the owner lets go of it when it sets done. */
struct request {
    enum request_kind kind;
    int (*run)(struct db *db, void *arg, struct error *err);
    void *arg;
    size_t bytes;
    pthread_t caller;
    int result;
    struct error error;
    bool done;
    pthread_cond_t answered;
    struct request *next;
};

struct store {
    struct db db; /* the owner thread's alone */
    int version;  /* of the schema in the file, before it is opened */
    struct lock lock;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t wake;
    struct request *waiting; /* oldest first */
    bool importing;          /* a transaction is open for `importer` */
    pthread_t importer;
    /* The owner thread's alone: the import cannot be kept, and why. */
    bool broken;
    struct error broken_why;
};

/* ---- the owner thread ---- */

/* The next request to run, and behind a write all writes that wait right after it.
 * Unlinked. */
static struct request *take_batch(struct store *store)
{
    struct request **link = &store->waiting;
    if (store->importing)
        while (*link && (*link)->kind != REQUEST_STOP &&
               !pthread_equal((*link)->caller, store->importer))
            link = &(*link)->next;
    struct request *first = *link;
    if (!first)
        return NULL;
    struct request *last = first;
    if (first->kind == REQUEST_WRITE && !store->importing)
        for (int n = 1; n < GROUP_MAX && last->next && last->next->kind == REQUEST_WRITE;
             n++)
            last = last->next;
    *link = last->next;
    last->next = NULL;
    return first;
}

/* One transaction for the requests of the list; all of them or none. */
static int run_group(struct store *store, struct request *first, struct error *err)
{
    store->db.bytes = 0;
    for (struct request *r = first; r; r = r->next)
        store->db.bytes += r->bytes;
    if (db_begin(&store->db, err))
        return -1;
    for (struct request *r = first; r; r = r->next)
        if (r->run(&store->db, r->arg, err)) {
            db_rollback(&store->db);
            return -1;
        }
    return db_commit(&store->db, err);
}

static void run_writes(struct store *store, struct request *first)
{
    struct error err = {0};
    if (run_group(store, first, &err) == 0)
        return;
    if (!first->next) {
        first->result = -1;
        first->error = err;
        return;
    }
    /* One of them failed: each alone, so that the others get through. */
    for (struct request *r = first, *next; r; r = next) {
        next = r->next;
        r->next = NULL;
        r->result = run_group(store, r, &r->error);
        r->next = next;
    }
}

/* A write by the importing thread, inside its transaction. */
static int run_savepoint(struct store *store, struct request *r)
{
    struct db *db = &store->db;
    if (db_run(db, &r->error, "SAVEPOINT inside", ""))
        return -1;
    if (r->run(db, r->arg, &r->error) == 0)
        return db_run(db, &r->error, "RELEASE inside", "");
    if (!sqlite3_get_autocommit(db->handle)) {
        db_run(db, NULL, "ROLLBACK TO inside", "");
        db_run(db, NULL, "RELEASE inside", "");
    }
    return -1;
}

/* From here on the import can only be dropped. */
static void break_import(struct store *store, const struct error *why)
{
    db_rollback(&store->db);
    if (!store->broken)
        store->broken_why = *why;
    store->broken = true;
}

static int begin_import(struct store *store, struct request *r)
{
    store->db.bytes = r->bytes;
    if (db_begin(&store->db, &r->error))
        return -1;
    if (r->run(&store->db, r->arg, &r->error)) {
        db_rollback(&store->db);
        return -1;
    }
    store->broken = false;
    return 0;
}

static int add_import(struct store *store, struct request *r)
{
    store->db.bytes += r->bytes;
    if (store->broken) {
        r->error = store->broken_why;
        return -1;
    }
    if (r->run(&store->db, r->arg, &r->error) == 0)
        return 0;
    break_import(store, &r->error);
    return -1;
}

static int end_import(struct store *store, struct request *r)
{
    if (r->kind == REQUEST_IMPORT_DROP) {
        db_rollback(&store->db);
        return 0;
    }
    if (store->broken) {
        r->error = store->broken_why;
        return -1;
    }
    return db_commit(&store->db, &r->error);
}

static void run_batch(struct store *store, struct request *first, bool importing)
{
    bool is_import =
        first->kind >= REQUEST_IMPORT_ADD && first->kind <= REQUEST_IMPORT_DROP;
    if (importing ? first->kind == REQUEST_IMPORT_BEGIN : is_import) {
        first->result =
            error_set(&first->error, ERROR_FAILED,
                      importing ? "an import is open already" : "no import is open");
        return;
    }
    switch (first->kind) {
    case REQUEST_READ:
        first->result = first->run(&store->db, first->arg, &first->error);
        break;
    case REQUEST_WRITE:
        if (importing && !store->broken)
            first->result = run_savepoint(store, first);
        else
            run_writes(store, first);
        break;
    case REQUEST_IMPORT_BEGIN:
        first->result = begin_import(store, first);
        break;
    case REQUEST_IMPORT_ADD:
        first->result = add_import(store, first);
        break;
    case REQUEST_IMPORT_KEEP:
    case REQUEST_IMPORT_DROP:
        first->result = end_import(store, first);
        break;
    case REQUEST_STOP:
        db_rollback(&store->db);
        open_disconnect(&store->db);
        break;
    }
}

/* Under the mutex: what a finished batch means for the import, and answers to its
 * callers. */
static void answer_batch(struct store *store, struct request *first)
{
    if (first->kind == REQUEST_IMPORT_BEGIN && first->result == 0) {
        store->importing = true;
        store->importer = first->caller;
    }
    if (first->kind == REQUEST_IMPORT_KEEP || first->kind == REQUEST_IMPORT_DROP)
        store->importing = false;
    for (struct request *r = first, *next; r; r = next) {
        next = r->next; /* r is gone once its caller wakes */
        r->done = true;
        pthread_cond_signal(&r->answered);
    }
}

static void *owner_main(void *arg)
{
    struct store *store = arg;
    bool stop = false;
    pthread_mutex_lock(&store->mutex);
    while (!stop) {
        struct request *first = take_batch(store);
        if (!first) {
            pthread_cond_wait(&store->wake, &store->mutex);
            continue;
        }
        bool importing = store->importing;
        stop = first->kind == REQUEST_STOP;
        pthread_mutex_unlock(&store->mutex);
        run_batch(store, first, importing);
        pthread_mutex_lock(&store->mutex);
        answer_batch(store, first);
    }
    pthread_mutex_unlock(&store->mutex);
    return NULL;
}

int owner_call(struct store *store, enum request_kind kind,
               int (*run)(struct db *db, void *arg, struct error *err), void *arg,
               size_t bytes, struct error *err)
{
    struct request r = {
        .kind = kind, .run = run, .arg = arg, .bytes = bytes, .caller = pthread_self()};
    if (kind != REQUEST_READ && kind != REQUEST_STOP && store->db.readonly) {
        error_set(err, ERROR_FAILED, "%s: read-only workspace", store->db.shown);
        return error_hint(err, "open it with write access, or another one with -w DIR");
    }
    pthread_cond_init(&r.answered, NULL);
    pthread_mutex_lock(&store->mutex);
    struct request **link = &store->waiting;
    while (*link)
        link = &(*link)->next;
    *link = &r;
    pthread_cond_signal(&store->wake);
    while (!r.done)
        pthread_cond_wait(&r.answered, &store->mutex);
    pthread_mutex_unlock(&store->mutex);
    pthread_cond_destroy(&r.answered);
    if (r.result && err)
        *err = r.error;
    return r.result;
}

/* ---- open and close ---- */

static int connect_now(struct db *db, void *arg, struct error *err)
{
    return open_connect(db, *(int *)arg, err);
}

static int start_owner(struct store *store, struct error *err)
{
    pthread_mutex_init(&store->mutex, NULL);
    pthread_cond_init(&store->wake, NULL);
    if (thread_start(&store->thread, owner_main, store)) {
        pthread_mutex_destroy(&store->mutex);
        pthread_cond_destroy(&store->wake);
        return error_set(err, ERROR_FAILED, "cannot start the store's thread");
    }
    return 0;
}

static void stop_owner(struct store *store)
{
    owner_call(store, REQUEST_STOP, NULL, NULL, 0, NULL);
    pthread_join(store->thread, NULL);
    pthread_mutex_destroy(&store->mutex);
    pthread_cond_destroy(&store->wake);
}

/* The lock; where writing is forbidden but there is a workspace, it is opened read-only.
 */
static int lock_workspace(struct store *store, const char *dir, struct error *err)
{
    struct error why = {0};
    if (!store->db.readonly) {
        if (file_make_dirs(dir, err))
            return -1;
        switch (lock_take(&store->lock, dir, false, &why)) {
        case LOCK_TAKEN:
            return 0;
        case LOCK_FORBIDDEN:
            if (file_exists(store->db.path))
                break;
            /* fall through */
        case LOCK_FAILED:
            if (err)
                *err = why;
            return -1;
        }
        store->db.readonly = true;
    }
    return lock_take(&store->lock, dir, true, err) == LOCK_TAKEN ? 0 : -1;
}

static int find_file(struct store *store, const char *dir, bool *fresh, struct error *err)
{
    int found = open_look(store->db.path, &store->version, err);
    if (found <= 0)
        return found;
    if (store->db.readonly) {
        error_set(err, ERROR_FAILED, "there is no workspace in %s", dir);
        return error_hint(err, "open it with write access: that makes one");
    }
    if (open_make(store->db.path, err))
        return -1;
    *fresh = true;
    return open_look(store->db.path, &store->version, err);
}

struct store *store_open(const char *dir, enum store_flags flags, bool *fresh,
                         struct error *err)
{
    struct store *store = xcalloc(1, sizeof *store);
    bool made = false;
    store->lock.fd = -1;
    db_init(&store->db, path_join(dir, "rlaif.db"), flags & STORE_READONLY);
    if (lock_workspace(store, dir, err) || find_file(store, dir, &made, err) ||
        start_owner(store, err))
        goto fail;
    if (owner_call(store, REQUEST_READ, connect_now, &store->version, 0, err)) {
        stop_owner(store);
        goto fail;
    }
    if (fresh)
        *fresh = made;
    return store;
fail:
    lock_release(&store->lock);
    free(store->db.path);
    free(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    stop_owner(store);
    lock_release(&store->lock);
    free(store->db.path);
    free(store);
}

const char *store_path(const struct store *store)
{
    return store->db.path;
}

bool store_readonly(const struct store *store)
{
    return store->db.readonly;
}
