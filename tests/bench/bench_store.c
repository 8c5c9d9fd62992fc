/*
 * The store's figures beside those of plain SQLite with one table of the same texts, in
 * one run: import and load of N pairs, labels in and out, start of a workspace. Prints
 * one JSON line a figure; the ratio is ours over plain.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "tests/unit/store_fixture.h"

#define BATCH 1000

static void die(const char *what, const struct error *err)
{
    fprintf(stderr, "%s: %s\n", what, err ? err->text : "");
    exit(1);
}

/* About the sizes of a post and two summaries of the published sets. */
static void fill_pair(struct pair *pair, int i)
{
    static const char words[] =
        "the cake that my aunt wants back was never hers to begin with ";
    char *context = xmalloc(1300), *a = xmalloc(160), *b = xmalloc(160);
    int n = snprintf(context, 1300, "Post %d: ", i);
    while (n < 1200)
        n += snprintf(context + n, (size_t)(1300 - n), "%s", words);
    snprintf(a, 160, "Summary one of %d: %s%s", i, words, words + 12);
    snprintf(b, 160, "Summary two of %d: %s", i, words);
    pair->key = xasprintf("key-%d", i);
    pair->context = context;
    pair->a = a;
    pair->b = b;
    pair->group = xstrdup("advice");
    pair->origin_line = i;
    pair_add_vote(pair, "ann", RATER_HUMAN, i % 2 ? CHOICE_A : CHOICE_B, 7);
    pair_add_vote(pair, "bob", RATER_HUMAN, CHOICE_A, 3);
    pair_add_tag(pair, "adds-detail");
    pair_finish(pair);
}

static void print_row(const char *name, double value, double plain)
{
    printf("{\"name\":\"%s\",\"value\":%.4f,\"unit\":\"s\",\"peer\":\"plain sqlite3\","
           "\"peer_value\":%.4f,\"ratio\":%.2f}\n",
           name, value, plain, value / plain);
}

static void plain_exec(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
        exit(1);
    }
}

/* The same texts, votes and tags in three tables; default journal, one transaction. */
static double plain_import(const char *path, const struct pair_list *list)
{
    sqlite3 *db;
    sqlite3_stmt *stmt[3];
    double start = clock_seconds();
    if (sqlite3_open(path, &db))
        die(path, NULL);
    plain_exec(
        db, "CREATE TABLE p(id INTEGER PRIMARY KEY,num,key,context,a,b,grp,line);"
            "CREATE TABLE c(pair,rater,kind,choice,conf);CREATE TABLE t(pair,tag);BEGIN");
    sqlite3_prepare_v2(db, "INSERT INTO p VALUES(?,?,?,?,?,?,?,?)", -1, &stmt[0], NULL);
    sqlite3_prepare_v2(db, "INSERT INTO c VALUES(?,?,?,?,?)", -1, &stmt[1], NULL);
    sqlite3_prepare_v2(db, "INSERT INTO t VALUES(?,?)", -1, &stmt[2], NULL);
    for (size_t i = 0; i < list->n; i++) {
        const struct pair *p = &list->pairs[i];
        sqlite3_bind_int64(stmt[0], 2, (sqlite3_int64)i);
        sqlite3_bind_text(stmt[0], 3, p->key, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt[0], 4, p->context, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt[0], 5, p->a, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt[0], 6, p->b, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt[0], 7, p->group, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt[0], 8, p->origin_line);
        sqlite3_step(stmt[0]);
        sqlite3_reset(stmt[0]);
        sqlite3_int64 id = sqlite3_last_insert_rowid(db);
        for (size_t k = 0; k < p->n_votes; k++) {
            sqlite3_bind_int64(stmt[1], 1, id);
            sqlite3_bind_text(stmt[1], 2, p->votes[k].rater, -1, SQLITE_STATIC);
            sqlite3_bind_text(stmt[1], 3, "human", -1, SQLITE_STATIC);
            sqlite3_bind_text(stmt[1], 4, "a", -1, SQLITE_STATIC);
            sqlite3_bind_double(stmt[1], 5, p->votes[k].confidence);
            sqlite3_step(stmt[1]);
            sqlite3_reset(stmt[1]);
        }
        sqlite3_bind_int64(stmt[2], 1, id);
        sqlite3_bind_text(stmt[2], 2, p->tags[0], -1, SQLITE_STATIC);
        sqlite3_step(stmt[2]);
        sqlite3_reset(stmt[2]);
    }
    plain_exec(db, "COMMIT");
    for (int i = 0; i < 3; i++)
        sqlite3_finalize(stmt[i]);
    sqlite3_close(db);
    return clock_seconds() - start;
}

/* Every text read and copied. */
static double plain_load(const char *path)
{
    sqlite3 *db;
    double start = clock_seconds();
    size_t bytes = 0;
    if (sqlite3_open(path, &db))
        die(path, NULL);
    static const char *const sql[] = {"SELECT key,context,a,b,grp FROM p ORDER BY id",
                                      "SELECT rater,kind,choice FROM c",
                                      "SELECT tag FROM t"};
    for (int q = 0; q < 3; q++) {
        sqlite3_stmt *stmt;
        sqlite3_prepare_v2(db, sql[q], -1, &stmt, NULL);
        while (sqlite3_step(stmt) == SQLITE_ROW)
            for (int c = 0; c < sqlite3_column_count(stmt); c++) {
                char *copy = xstrdup((const char *)sqlite3_column_text(stmt, c));
                bytes += strlen(copy);
                free(copy);
            }
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
    return bytes ? clock_seconds() - start : 0.0;
}

static double our_import(struct store *store, struct pair_list *list, int64_t *set)
{
    struct error err = {0};
    double start = clock_seconds();
    if (store_import_begin(store, "bench", "own", RATER_HUMAN, "bench", set, &err))
        die("import", &err);
    for (size_t i = 0; i < list->n; i += BATCH)
        if (store_import_add(store, list->pairs + i,
                             list->n - i < BATCH ? list->n - i : BATCH, &err))
            die("import", &err);
    if (store_import_end(store, true, &err))
        die("import", &err);
    return clock_seconds() - start;
}

static void bench_labels(struct store *store, const struct pair_list *list, int64_t set)
{
    struct error err = {0};
    struct label *labels = xcalloc(list->n, sizeof *labels);
    for (size_t i = 0; i < list->n; i++)
        fixture_label(&labels[i], list->pairs[i].id, 0, "sim:gap=1", i);
    double start = clock_seconds();
    for (size_t i = 0; i < list->n; i += BATCH)
        if (store_add_labels(store, labels + i, list->n - i < BATCH ? list->n - i : BATCH,
                             &err))
            die("labels", &err);
    double in = clock_seconds() - start;
    printf("{\"name\":\"store_labels_in\",\"value\":%.4f,\"unit\":\"s\",\"n\":%zu}\n", in,
           list->n);
    start = clock_seconds();
    struct label_list out;
    if (store_load_labels(store, set, -1, NULL, &out, &err))
        die("labels", &err);
    printf("{\"name\":\"store_labels_out\",\"value\":%.4f,\"unit\":\"s\",\"n\":%zu}\n",
           clock_seconds() - start, out.n);
    label_list_release(&out);
    start = clock_seconds();
    struct labeler_rows who;
    if (store_labelers(store, set, &who, &err))
        die("labelers", &err);
    printf("{\"name\":\"store_labelers\",\"value\":%.4f,\"unit\":\"s\"}\n",
           clock_seconds() - start);
    labeler_rows_release(&who);
    start = clock_seconds();
    for (size_t i = 0; i < 50; i++) {
        uint64_t n = 1000000 + i;
        hash_bytes(&n, sizeof n, labels[i].key);
        if (store_add_labels(store, &labels[i], 1, &err))
            die("labels", &err);
    }
    printf("{\"name\":\"store_commit\",\"value\":%.5f,\"unit\":\"s\"}\n",
           (clock_seconds() - start) / 50);
    for (size_t i = 0; i < list->n; i++)
        label_release(&labels[i]);
    free(labels);
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100000;
    char *dir = fixture_dir();
    char *plain = xasprintf("%s/plain.db", dir);
    struct error err = {0};
    struct pair_list list, loaded;
    int64_t set;
    pair_list_init(&list);
    for (int i = 0; i < n; i++)
        fill_pair(pair_list_add(&list), i);
    struct store *store = store_open(dir, 0, NULL, &err);
    if (!store)
        die(dir, &err);
    double ours = our_import(store, &list, &set);
    print_row("store_import", ours, plain_import(plain, &list));
    store_close(store);
    double start = clock_seconds();
    if (!(store = store_open(dir, 0, NULL, &err)))
        die(dir, &err);
    printf("{\"name\":\"store_open\",\"value\":%.4f,\"unit\":\"s\"}\n",
           clock_seconds() - start);
    start = clock_seconds();
    if (store_load_pairs(store, set, &loaded, &err))
        die("load", &err);
    ours = clock_seconds() - start;
    print_row("store_load", ours, plain_load(plain));
    double finish = clock_seconds();
    for (size_t i = 0; i < loaded.n; i++)
        pair_finish(&loaded.pairs[i]);
    printf("{\"name\":\"pair_finish\",\"value\":%.4f,\"unit\":\"s\"}\n",
           clock_seconds() - finish);
    bench_labels(store, &list, set);
    store_close(store);
    pair_list_release(&loaded);
    pair_list_release(&list);
    free(plain);
    fixture_remove(dir);
    return 0;
}
