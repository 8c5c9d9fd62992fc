/*
 * What stands in the workspace file: tables, version, and the steps from an older
 * version. Inside src/store only.
 */
#ifndef RLAIF_STORE_SCHEMA_H
#define RLAIF_STORE_SCHEMA_H

#include "src/store/db.h"

#define SCHEMA_APPLICATION 0x524c4146 /* "RLAF" */
#define SCHEMA_VERSION 2

/* Brings an empty or older file to SCHEMA_VERSION in one transaction. */
int schema_migrate(struct db *db, int from, struct error *err);
/* Compares every table and index with what the migrations make; names the first that
 * differs. */
int schema_check(struct db *db, struct error *err);

#endif
