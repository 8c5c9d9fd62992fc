/* Sets, pairs with their votes and tags, posts: bulk in and bulk out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/store/owner.h"
#include "src/store/pairs.h"

/* ---- import ---- */

struct import_begin {
    const char *set, *format, *origin;
    enum rater_kind kind;
    int64_t set_id;
};

/* The set by name, made when there is none. */
int set_ensure(struct db *db, const char *name, const char *format, enum rater_kind kind,
               const char *origin, int64_t *id, struct error *err)
{
    int64_t now = clock_wall_ms();
    if (db_run(db, err,
               "INSERT INTO sets(name, format, rater_kind, origin, imported_at)"
               " VALUES(?1, ?2, ?3, ?4, ?5)"
               " ON CONFLICT(name) DO UPDATE SET imported_at=?5",
               "tttti", name, format ? format : "", rater_kind_name(kind),
               origin ? origin : "", now))
        return -1;
    return db_number(db, err, id, "SELECT id FROM sets WHERE name=?1", "t", name);
}

static int run_import_begin(struct db *db, void *arg, struct error *err)
{
    struct import_begin *call = arg;
    int64_t last = 0;
    if (set_ensure(db, call->set, call->format, call->kind, call->origin, &call->set_id,
                   err) ||
        db_number(db, err, &last, "SELECT max(num) FROM pairs WHERE set_id=?1", "i",
                  call->set_id))
        return -1;
    db->import_set = call->set_id;
    db->import_next = (int)last + 1;
    return 0;
}

int store_import_begin(struct store *store, const char *set, const char *format,
                       enum rater_kind kind, const char *origin, int64_t *set_id,
                       struct error *err)
{
    struct import_begin call = {
        .set = set, .format = format, .origin = origin, .kind = kind};
    if (owner_call(store, REQUEST_IMPORT_BEGIN, run_import_begin, &call, 512, err))
        return -1;
    if (set_id)
        *set_id = call.set_id;
    return 0;
}

static int add_votes(struct db *db, const struct pair *pair, struct error *err)
{
    for (size_t i = 0; i < pair->n_votes; i++) {
        const struct vote *vote = &pair->votes[i];
        if (db_run(
                db, err,
                "INSERT INTO choices(pair_id, num, rater, kind, choice, confidence, soft)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                "iitttrr", pair->id, (int64_t)i, vote->rater ? vote->rater : "",
                rater_kind_name(vote->kind), choice_name(vote->choice), vote->confidence,
                vote->soft))
            return -1;
    }
    for (size_t i = 0; i < pair->n_tags; i++)
        if (db_run(db, err, "INSERT INTO tags(pair_id, num, tag) VALUES(?1, ?2, ?3)",
                   "iit", pair->id, (int64_t)i, pair->tags[i]))
            return -1;
    return 0;
}

static int add_pair(struct db *db, struct pair *pair, struct error *err)
{
    if (db_run(db, err,
               "INSERT INTO pairs(set_id, num, key, title, context, a, b, split,"
               " split_given, grp, origin_line, gold_a, gold_b, flags, cluster, chars_a,"
               " chars_b, words_a, words_b, words_context)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
               " ?16, ?17, ?18, ?19, ?20)",
               "iittttttitirriiiiiii", db->import_set, (int64_t)db->import_next,
               pair->key, pair->title, pair->context ? pair->context : "",
               pair->a ? pair->a : "", pair->b ? pair->b : "", split_name(pair->split),
               (int64_t)pair->split_given, pair->group, pair->origin_line, pair->gold_a,
               pair->gold_b, (int64_t)pair->flags, (int64_t)pair->cluster,
               (int64_t)pair->chars_a, (int64_t)pair->chars_b, (int64_t)pair->words_a,
               (int64_t)pair->words_b, (int64_t)pair->words_context))
        return -1;
    pair->id = sqlite3_last_insert_rowid(db->handle);
    pair->set_id = db->import_set;
    pair->num = db->import_next++;
    return add_votes(db, pair, err);
}

struct import_add {
    struct pair *pairs;
    size_t n;
};

static int run_import_add(struct db *db, void *arg, struct error *err)
{
    struct import_add *call = arg;
    for (size_t i = 0; i < call->n; i++)
        if (add_pair(db, &call->pairs[i], err))
            return -1;
    return 0;
}

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) : 0;
}

int store_import_add(struct store *store, struct pair *pairs, size_t n, struct error *err)
{
    struct import_add call = {pairs, n};
    size_t bytes = 128 * n;
    for (size_t i = 0; i < n; i++)
        bytes += text_bytes(pairs[i].context) + text_bytes(pairs[i].a) +
                 text_bytes(pairs[i].b);
    return owner_call(store, REQUEST_IMPORT_ADD, run_import_add, &call, bytes, err);
}

int store_import_end(struct store *store, bool keep, struct error *err)
{
    return owner_call(store, keep ? REQUEST_IMPORT_KEEP : REQUEST_IMPORT_DROP, NULL, NULL,
                      0, err);
}

/* ---- pairs out ---- */

struct load_pairs {
    int64_t set_id;
    struct pair_list *out;
};

static int read_pair(struct db *db, sqlite3_stmt *stmt, struct pair *pair,
                     struct error *err)
{
    const char *split = (const char *)sqlite3_column_text(stmt, 7);
    pair->id = sqlite3_column_int64(stmt, 0);
    pair->num = sqlite3_column_int(stmt, 1);
    pair->key = db_text(stmt, 2);
    pair->title = db_text(stmt, 3);
    pair->context = db_text(stmt, 4);
    pair->a = db_text(stmt, 5);
    pair->b = db_text(stmt, 6);
    pair->split_given = sqlite3_column_int(stmt, 8);
    pair->group = db_text(stmt, 9);
    pair->origin_line = sqlite3_column_int64(stmt, 10);
    pair->gold_a = db_real(stmt, 11);
    pair->gold_b = db_real(stmt, 12);
    pair->flags = (unsigned)sqlite3_column_int64(stmt, 13);
    pair->cluster = (uint64_t)sqlite3_column_int64(stmt, 14);
    pair->chars_a = (uint32_t)sqlite3_column_int64(stmt, 15);
    pair->chars_b = (uint32_t)sqlite3_column_int64(stmt, 16);
    pair->words_a = (uint32_t)sqlite3_column_int64(stmt, 17);
    pair->words_b = (uint32_t)sqlite3_column_int64(stmt, 18);
    pair->words_context = (uint32_t)sqlite3_column_int64(stmt, 19);
    if (!split || !split_parse(split, &pair->split) || !pair->context || !pair->a ||
        !pair->b)
        return db_damaged(db, "pairs", err);
    return 0;
}

/* Votes and tags come in the order of the pairs: *at is the first pair they can belong
 * to. */
static struct pair *pair_at(struct pair_list *list, size_t *at, int64_t id)
{
    while (*at < list->n && list->pairs[*at].id != id)
        ++*at;
    return *at < list->n ? &list->pairs[*at] : NULL;
}

static int load_votes(struct db *db, const struct load_pairs *call, struct error *err)
{
    sqlite3_stmt *stmt = db_query(
        db,
        "SELECT c.pair_id, c.rater, c.kind, c.choice, c.confidence, c.soft FROM pairs p"
        " CROSS JOIN choices c ON c.pair_id=p.id WHERE p.set_id=?1 ORDER BY p.num, c.num",
        err);
    size_t at = 0;
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "i", call->set_id);
    while ((row = db_step(db, stmt, err)) > 0) {
        struct pair *pair = pair_at(call->out, &at, sqlite3_column_int64(stmt, 0));
        const char *rater = (const char *)sqlite3_column_text(stmt, 1);
        const char *kind_name = (const char *)sqlite3_column_text(stmt, 2);
        const char *name = (const char *)sqlite3_column_text(stmt, 3);
        enum rater_kind kind;
        enum choice choice;
        if (!pair || !rater || !kind_name || !name ||
            !rater_kind_parse(kind_name, &kind) || !choice_parse(name, &choice)) {
            sqlite3_reset(stmt);
            return db_damaged(db, "choices", err);
        }
        pair_add_vote(pair, rater, kind, choice, db_real(stmt, 4));
        pair->votes[pair->n_votes - 1].soft = db_real(stmt, 5);
    }
    return row;
}

static int load_tags(struct db *db, const struct load_pairs *call, struct error *err)
{
    sqlite3_stmt *stmt = db_query(
        db,
        "SELECT t.pair_id, t.tag FROM pairs p CROSS JOIN tags t ON t.pair_id=p.id"
        " WHERE p.set_id=?1 ORDER BY p.num, t.num",
        err);
    size_t at = 0;
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "i", call->set_id);
    while ((row = db_step(db, stmt, err)) > 0) {
        struct pair *pair = pair_at(call->out, &at, sqlite3_column_int64(stmt, 0));
        const char *tag = (const char *)sqlite3_column_text(stmt, 1);
        if (!pair || !tag) {
            sqlite3_reset(stmt);
            return db_damaged(db, "tags", err);
        }
        pair_add_tag(pair, tag);
    }
    return row;
}

static int run_load_pairs(struct db *db, void *arg, struct error *err)
{
    struct load_pairs *call = arg;
    sqlite3_stmt *stmt = db_query(
        db,
        "SELECT id, num, key, title, context, a, b, split, split_given, grp, origin_line,"
        " gold_a, gold_b, flags, cluster, chars_a, chars_b, words_a, words_b, words_context"
        " FROM pairs WHERE set_id=?1 ORDER BY num",
        err);
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "i", call->set_id);
    while ((row = db_step(db, stmt, err)) > 0) {
        struct pair *pair = pair_list_add(call->out);
        pair->set_id = call->set_id;
        if (read_pair(db, stmt, pair, err)) {
            sqlite3_reset(stmt);
            return -1;
        }
    }
    if (row < 0 || load_votes(db, call, err) || load_tags(db, call, err))
        return -1;
    return 0;
}

int store_load_pairs(struct store *store, int64_t set_id, struct pair_list *out,
                     struct error *err)
{
    struct load_pairs call = {set_id, out};
    pair_list_init(out);
    if (owner_call(store, REQUEST_READ, run_load_pairs, &call, 0, err) == 0)
        return 0;
    pair_list_release(out);
    pair_list_init(out);
    return -1;
}

/* ---- tags ---- */

struct tag_call {
    int64_t pair_id;
    const char *tag;
    bool remove;
};

static int run_tag(struct db *db, void *arg, struct error *err)
{
    struct tag_call *call = arg;
    int64_t n = 0;
    if (call->remove)
        return db_run(db, err, "DELETE FROM tags WHERE pair_id=?1 AND tag=?2", "it",
                      call->pair_id, call->tag);
    if (db_number(db, err, &n, "SELECT count(*) FROM pairs WHERE id=?1", "i",
                  call->pair_id))
        return -1;
    if (!n)
        return error_set(err, ERROR_FAILED, "there is no such pair to tag");
    return db_run(
        db, err,
        "INSERT INTO tags(pair_id, num, tag)"
        " SELECT ?1, (SELECT coalesce(max(num), -1) + 1 FROM tags WHERE pair_id=?1), ?2"
        " WHERE NOT EXISTS (SELECT 1 FROM tags WHERE pair_id=?1 AND tag=?2)",
        "it", call->pair_id, call->tag);
}

int store_add_tag(struct store *store, int64_t pair_id, const char *tag, bool remove,
                  struct error *err)
{
    struct tag_call call = {pair_id, tag, remove};
    return owner_call(store, REQUEST_WRITE, run_tag, &call, strlen(tag), err);
}

/* ---- posts ---- */

struct posts_call {
    const char *set, *origin;
    const struct post *posts;
    size_t n;
};

static int add_post(struct db *db, int64_t set_id, int64_t num, const struct post *post,
                    struct error *err)
{
    if (db_run(
            db, err,
            "INSERT INTO posts(set_id, num, key, title, context, split, grp, origin_line)"
            " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            "iittttti", set_id, num, post->key, post->title,
            post->context ? post->context : "", split_name(post->split), post->group,
            post->origin_line))
        return -1;
    int64_t id = sqlite3_last_insert_rowid(db->handle);
    for (size_t i = 0; i < post->n_summaries; i++)
        if (db_run(db, err,
                   "INSERT INTO summaries(post_id, num, text) VALUES(?1, ?2, ?3)", "iit",
                   id, (int64_t)i, post->summaries[i]))
            return -1;
    return 0;
}

static int run_add_posts(struct db *db, void *arg, struct error *err)
{
    struct posts_call *call = arg;
    int64_t set_id = 0, last = 0;
    if (set_ensure(db, call->set, "posts", RATER_HUMAN, call->origin, &set_id, err) ||
        db_number(db, err, &last, "SELECT max(num) FROM posts WHERE set_id=?1", "i",
                  set_id))
        return -1;
    for (size_t i = 0; i < call->n; i++)
        if (add_post(db, set_id, last + 1 + (int64_t)i, &call->posts[i], err))
            return -1;
    return 0;
}

int store_add_posts(struct store *store, const char *set, const char *origin,
                    const struct post *posts, size_t n, struct error *err)
{
    struct posts_call call = {set, origin, posts, n};
    size_t bytes = 128 * n;
    for (size_t i = 0; i < n; i++)
        bytes += text_bytes(posts[i].context);
    return owner_call(store, REQUEST_WRITE, run_add_posts, &call, bytes, err);
}

struct load_posts {
    int64_t set_id;
    const char *split; /* NULL: all */
    struct post_list *out;
};

static int read_post(struct db *db, sqlite3_stmt *stmt, struct post *post,
                     struct error *err)
{
    const char *split = (const char *)sqlite3_column_text(stmt, 5);
    post->id = sqlite3_column_int64(stmt, 0);
    post->key = db_text(stmt, 1);
    post->title = db_text(stmt, 2);
    post->context = db_text(stmt, 3);
    post->group = db_text(stmt, 4);
    post->origin_line = sqlite3_column_int64(stmt, 6);
    if (!post->context || !split || !split_parse(split, &post->split))
        return db_damaged(db, "posts", err);
    return 0;
}

static int load_summaries(struct db *db, const struct load_posts *call, struct error *err)
{
    sqlite3_stmt *stmt = db_query(
        db,
        "SELECT s.post_id, s.text FROM posts p CROSS JOIN summaries s ON s.post_id=p.id"
        " WHERE p.set_id=?1 AND (?2 IS NULL OR p.split=?2) ORDER BY p.num, s.num",
        err);
    size_t at = 0;
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "it", call->set_id, call->split);
    while ((row = db_step(db, stmt, err)) > 0) {
        int64_t id = sqlite3_column_int64(stmt, 0);
        while (at < call->out->n && call->out->posts[at].id != id)
            at++;
        char *text = db_text(stmt, 1);
        if (at == call->out->n || !text) {
            free(text);
            sqlite3_reset(stmt);
            return db_damaged(db, "summaries", err);
        }
        struct post *post = &call->out->posts[at];
        post->summaries = xrealloc(post->summaries,
                                   (post->n_summaries + 1) * sizeof *post->summaries);
        post->summaries[post->n_summaries++] = text;
    }
    return row;
}

static int run_load_posts(struct db *db, void *arg, struct error *err)
{
    struct load_posts *call = arg;
    sqlite3_stmt *stmt =
        db_query(db,
                 "SELECT id, key, title, context, grp, split, origin_line FROM posts"
                 " WHERE set_id=?1 AND (?2 IS NULL OR split=?2) ORDER BY num",
                 err);
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "it", call->set_id, call->split);
    while ((row = db_step(db, stmt, err)) > 0)
        if (read_post(db, stmt, post_list_add(call->out), err)) {
            sqlite3_reset(stmt);
            return -1;
        }
    return row < 0 ? -1 : load_summaries(db, call, err);
}

int store_load_posts(struct store *store, int64_t set_id, int split,
                     struct post_list *out, struct error *err)
{
    struct load_posts call = {set_id, split < 0 ? NULL : split_name((enum split)split),
                              out};
    *out = (struct post_list){0};
    if (owner_call(store, REQUEST_READ, run_load_posts, &call, 0, err) == 0)
        return 0;
    post_list_release(out);
    *out = (struct post_list){0};
    return -1;
}
