/*
 * The store: one SQLite file in the workspace folder, one connection, one owner thread.
 * Every function may be called from any thread; it sends a message to the owner and waits
 * for the answer. What was written is committed when the function returns 0. A second
 * process gets "in use by pid N since HH:MM"; the lock dies with its process. While an
 * import is open (begin to end, by one thread) other threads wait. After a full disk or
 * an I/O error the failed call has changed nothing and the store goes on. Tables:
 * schema.c.
 */
#ifndef RLAIF_STORE_STORE_H
#define RLAIF_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"
#include "src/data/pair.h"
#include "src/data/post.h"
#include "src/label/label.h"

struct store;

enum store_flags { STORE_READONLY = 1 << 0 };
/*
 * Opens or makes DIR/rlaif.db. *fresh, when not NULL: it was made now. READONLY changes
 * no byte and makes nothing; a folder that may not be written is opened so by itself.
 * Refused, and left as they are: a newer schema, another program's file, a damaged one.
 */
struct store *store_open(const char *dir, enum store_flags flags, bool *fresh,
                         struct error *err);
void store_close(struct store *store);
const char *store_path(const struct store *store);
bool store_readonly(const struct store *store);

/* ---- sets and pairs ---- */
struct set_row {
    int64_t id;
    char *name, *format, *origin;
    enum rater_kind rater_kind;
    int64_t n_pairs, imported_at;
};
struct set_rows {
    struct set_row *rows;
    size_t n, cap;
};
void set_rows_release(struct set_rows *rows);
int store_sets(struct store *store, struct set_rows *out, struct error *err);
/* -1 when there is none, with the nearest name in the hint. */
int store_find_set(struct store *store, const char *name, struct set_row *out,
                   struct error *err);
void set_row_release(struct set_row *row);

/*
 * One import: all of it or nothing. Rows are numbered on from the set's last. add fills
 * id, set_id and num. After a failed add the import can only be ended, and nothing is
 * kept. Other writes of the same thread between begin and end belong to the import.
 */
int store_import_begin(struct store *store, const char *set, const char *format,
                       enum rater_kind kind, const char *origin, int64_t *set_id,
                       struct error *err);
int store_import_add(struct store *store, struct pair *pairs, size_t n,
                     struct error *err);
int store_import_end(struct store *store, bool keep, struct error *err);
/* All pairs of a set in order of num, with votes and tags, finished. */
int store_load_pairs(struct store *store, int64_t set_id, struct pair_list *out,
                     struct error *err);
int store_add_tag(struct store *store, int64_t pair_id, const char *tag, bool remove,
                  struct error *err);
/* Undo of an import; refused when pairs of it have labels, ratings or samples. */
int store_drop_set(struct store *store, int64_t set_id, struct error *err);

/* ---- posts (context alone, with reference summaries) ---- */
int store_add_posts(struct store *store, const char *set, const char *origin,
                    const struct post *posts, size_t n, struct error *err);
/* The posts of a set with their summaries, in order; split < 0: all, else an enum split. */
int store_load_posts(struct store *store, int64_t set_id, int split,
                     struct post_list *out, struct error *err);

/* ---- prompts ---- */
struct prompt_row {
    int64_t id;
    char *name, *yaml, *note;
    int version;
    int64_t parent; /* id, 0: none */
    int64_t created_at;
};
struct prompt_rows {
    struct prompt_row *rows;
    size_t n, cap;
};
void prompt_row_release(struct prompt_row *row);
void prompt_rows_release(struct prompt_rows *rows);
/* Next version of the name; when the newest version has the same yaml, that one. *id and
 * *version are set. */
int store_add_prompt(struct store *store, const char *name, const char *yaml,
                     int64_t parent, const char *note, int64_t *id, int *version,
                     struct error *err);
/* All versions in order of id: row i is p(i+1). */
int store_prompts(struct store *store, struct prompt_rows *out, struct error *err);
/* Undo; refused when it has labels or other versions were made from it. */
int store_drop_prompt(struct store *store, int64_t id, struct error *err);

/* ---- labels ---- */
/*
 * Commits all n in one transaction. A row whose key is there already is left out, but an
 * answer takes the place of a failure (error set) under its key. Fills id.
 */
int store_add_labels(struct store *store, struct label *labels, size_t n,
                     struct error *err);
/* Rows by key: out[i] filled and found[i] set where there is one. Release each found. */
int store_find_labels(struct store *store, const uint8_t (*keys)[32], size_t n,
                      struct label *out, bool *found, struct error *err);
/* Rows of a set; labeler NULL: any; prompt_id < 0: any, 0: rows without a prompt. */
int store_load_labels(struct store *store, int64_t set_id, int64_t prompt_id,
                      const char *labeler, struct label_list *out, struct error *err);
struct labeler_row {
    int64_t prompt_id;
    char *labeler;
    int64_t n_rows, n_pairs, last_at;
};
struct labeler_rows {
    struct labeler_row *rows;
    size_t n, cap;
};
void labeler_rows_release(struct labeler_rows *rows);
/* Who has labelled pairs of this set, newest last. */
int store_labelers(struct store *store, int64_t set_id, struct labeler_rows *out,
                   struct error *err);

/* ---- looks at test pairs, versions compared, journal, jobs, settings ---- */
int store_add_look(struct store *store, int64_t set_id, const char *split,
                   int64_t prompt_id, const char *what, struct error *err);
int store_count_looks(struct store *store, int64_t set_id, const char *what, int64_t *n,
                      struct error *err);
int store_add_journal(struct store *store, const char *line, const char *undo,
                      int64_t *id, struct error *err);
struct journal_row {
    int64_t id, at;
    char *line, *undo;
    bool undone;
    bool can_redo; /* undone, and nothing new was done since */
};
struct journal_rows {
    struct journal_row *rows;
    size_t n, cap;
};
void journal_rows_release(struct journal_rows *rows);
int store_journal(struct store *store, size_t last_n, struct journal_rows *out,
                  struct error *err);
int store_mark_journal(struct store *store, int64_t id, bool undone, struct error *err);
int store_job_started(struct store *store, const char *kind, const char *line,
                      int64_t *id, struct error *err);
int store_job_ended(struct store *store, int64_t id, const char *state, const char *error,
                    struct error *err);
/* The workspace's own settings; set NULL takes one away; get: NULL when not set, else
 * owned by the caller. */
int store_set_setting(struct store *store, const char *name, const char *value,
                      struct error *err);
char *store_get_setting(struct store *store, const char *name);

#endif
