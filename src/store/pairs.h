/* What the files of src/store that write sets share. Owner thread only. */
#ifndef RLAIF_STORE_PAIRS_H
#define RLAIF_STORE_PAIRS_H

#include "src/data/pair.h"
#include "src/store/db.h"

/* The id of the set of this name; made when there is none, else its date is set to now.
 */
int set_ensure(struct db *db, const char *name, const char *format, enum rater_kind kind,
               const char *origin, int64_t *id, struct error *err);

#endif
