/*
 * The owner thread: the only one that touches the connection. A caller hands it a
 * function and waits. Writes that wait together are committed together; reads see what is
 * committed. Inside src/store only.
 */
#ifndef RLAIF_STORE_OWNER_H
#define RLAIF_STORE_OWNER_H

#include "src/store/db.h"
#include "src/store/store.h"

enum request_kind {
    REQUEST_READ,
    REQUEST_WRITE, /* in a transaction, committed before the answer; may be run twice */
    REQUEST_IMPORT_BEGIN, /* opens a transaction that stays open */
    REQUEST_IMPORT_ADD,
    REQUEST_IMPORT_KEEP,
    REQUEST_IMPORT_DROP,
    REQUEST_STOP,
};

/*
 * Runs run(db, arg, err) on the owner thread and returns its result. bytes: about how
 * much text is written, for the message when there is no room. While an import is open,
 * others wait.
 */
int owner_call(struct store *store, enum request_kind kind,
               int (*run)(struct db *db, void *arg, struct error *err), void *arg,
               size_t bytes, struct error *err);

#endif
