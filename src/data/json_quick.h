/*
 * JSON for big files: several times as quick as the parser behind json_parse on records
 * that are mostly text. It knows no errors: what it does not take for certain is NULL,
 * and json_parse then says what is wrong, or reads it after all. Private to src/data.
 */
#ifndef RLAIF_DATA_JSON_QUICK_H
#define RLAIF_DATA_JSON_QUICK_H

#include <jansson.h>
#include <stddef.h>

#include "src/base/buf.h"

/* text[0..len) must be valid UTF-8. scratch is an initialised buffer that is used over
 * and over. */
json_t *json_quick(const char *text, size_t len, struct buf *scratch);

#endif
