/*
 * A YAML document as a small tree that remembers where every value stands in the source, read
 * with libyaml's event API under limits: 1 MiB, depth 64, one document, no anchors, aliases,
 * tags or directives, no duplicate keys, valid UTF-8 without NUL. BOM and CRLF are accepted.
 * libyaml counts marks in characters; here they are byte offsets of the source.
 */
#ifndef RLAIF_BASE_YAML_TREE_H
#define RLAIF_BASE_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/error.h"

#define YAML_SIZE_MAX ((size_t)1 << 20)
#define YAML_DEPTH_MAX 64

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };
enum yaml_look {
    LOOK_PLAIN,
    LOOK_QUOTED,
    LOOK_BLOCK,
    LOOK_FLOW
}; /* lists and maps: BLOCK or FLOW */

struct yaml_value {
    enum yaml_kind kind;
    enum yaml_look look;
    size_t begin,
        end; /* bytes of the source; a block list or map ends with its last child */
    char *text;                 /* TEXT; NUL-terminated, holds no NUL */
    size_t len;
    struct yaml_value **keys;   /* MAP: n of them */
    struct yaml_value **items;  /* LIST, MAP: n values */
    size_t n, cap;
};

/* NULL with FILE:LINE:COL in err. An empty document is an error: "no WHAT found". */
struct yaml_value *yaml_tree_parse(const char *text, size_t len, const char *file, const char *what,
                                   struct error *err);
void yaml_tree_free(struct yaml_value *value);
/* Value of a key, NULL when there is none; *key, when not NULL, gets the key itself. */
struct yaml_value *yaml_find(const struct yaml_value *map, const char *key,
                             struct yaml_value **key_out);

/* What YAML makes of an unquoted scalar. */
enum yaml_reading { READ_TEXT, READ_NULL, READ_BOOL, READ_INT, READ_REAL, READ_DATE };
enum yaml_reading yaml_read_plain(const char *text);
const char *yaml_reading_name(enum yaml_reading reading); /* "a truth value" */

/* Line and column (characters), 1-based, of a byte. */
void yaml_place(const char *text, size_t len, size_t byte, int64_t *line, int64_t *column);
/* Appends text as a double-quoted scalar that reads back the same. */
void yaml_quote(struct buf *out, const char *text, size_t len);

#endif
