/*
 * Who has the workspace: a lock on DIR/rlaif.lock that dies with its process, and in the
 * file the owner's pid and start time for the message that others get. Inside src/store
 * only.
 */
#ifndef RLAIF_STORE_LOCK_H
#define RLAIF_STORE_LOCK_H

#include <stdbool.h>

#include "src/base/error.h"

struct lock {
    int fd; /* -1: none */
    bool shared;
};

enum lock_result { LOCK_TAKEN, LOCK_FORBIDDEN, LOCK_FAILED };
/*
 * Takes the lock at once or fails with "DIR is in use by pid N since HH:MM". shared:
 * readers among themselves; where the file cannot be opened for reading, none is taken
 * (LOCK_TAKEN with fd -1). LOCK_FORBIDDEN: not shared, and the folder may not be written
 * (*err says why).
 */
enum lock_result lock_take(struct lock *lock, const char *dir, bool shared,
                           struct error *err);
void lock_release(struct lock *lock);

#endif
