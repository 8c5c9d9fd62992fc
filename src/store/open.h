/*
 * Opening the workspace file: looks before SQLite does, so that a file that is not ours
 * stays as it is. Inside src/store only.
 */
#ifndef RLAIF_STORE_OPEN_H
#define RLAIF_STORE_OPEN_H

#include "src/store/db.h"

/* Reads the header alone. 1: there is no file or an empty one, 0: it is ours, -1:
 * refused. */
int open_look(const char *path, int *version, struct error *err);
/* Makes the file whole under another name, then renames it: no half-made file ever stands
 * there. */
int open_make(const char *path, struct error *err);
/* Opens, checks cheaply, migrates. db->path and db->readonly are set. */
int open_connect(struct db *db, int version, struct error *err);
/* Takes the journal file away and closes. */
void open_disconnect(struct db *db);

#endif
