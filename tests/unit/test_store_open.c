/* Who may open a workspace, and what happens to files that are not sound. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "src/base/file.h"
#include "src/base/rng.h"
#include "tests/unit/store_fixture.h"

static char *new_workspace(void)
{
    char *dir = fixture_dir();
    struct error why = {0};
    struct store *store = store_open(dir, 0, NULL, &why);
    if (!store)
        fail_msg("%s (%s)", why.text, why.hint);
    int64_t set;
    OK(fixture_import(store, "x", 0, 8, &set, err));
    struct pair_list pairs;
    struct label label;
    OK(store_load_pairs(store, set, &pairs, err));
    for (uint64_t i = 0; i < pairs.n; i++) {
        fixture_label(&label, pairs.pairs[i].id, 0, "direct", i);
        OK(store_add_labels(store, &label, 1, err));
        label_release(&label);
    }
    pair_list_release(&pairs);
    OK(store_add_prompt(store, "base", "name: base\n", 0, NULL, NULL, NULL, err));
    OK(store_add_journal(store, "import pairs x", NULL, NULL, err));
    store_close(store);
    return dir;
}

static void read_all(const char *dir, const char *name, struct buf *out)
{
    char *path = path_join(dir, name);
    buf_init(out, 0);
    OK(file_read(path, 64 << 20, 0, out, err));
    free(path);
}

static void write_all(const char *dir, const char *name, const void *bytes, size_t len)
{
    char *path = path_join(dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    free(path);
}

/* Refused with both words in its sentence, and not a byte of the file changed. */
static void refused(const char *dir, enum store_flags flags, const char *word,
                    const char *hint)
{
    struct error err = {0};
    struct buf before, after;
    read_all(dir, "rlaif.db", &before);
    struct store *store = store_open(dir, flags, NULL, &err);
    assert_null(store);
    read_all(dir, "rlaif.db", &after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    char all[1200];
    error_format(&err, all, sizeof all);
    if (!strstr(all, word) || !strstr(all, hint))
        fail_msg("wanted \"%s\" and \"%s\" in: %s", word, hint, all);
    buf_release(&before);
    buf_release(&after);
}

static void plain_sql(const char *dir, const char *name, const char *sql)
{
    char *path = path_join(dir, name);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    free(path);
}

static void a_folder_is_made_with_its_parents(void **state)
{
    (void)state;
    char *dir = fixture_dir();
    char *deep = path_join(dir, "a");
    bool fresh = false;
    struct store *store = store_open(deep, 0, &fresh, NULL);
    assert_non_null(store);
    assert_true(fresh);
    assert_false(store_readonly(store));
    assert_non_null(strstr(store_path(store), "/a/rlaif.db"));
    store_close(store);
    char *journal = path_join(deep, "rlaif.db-journal");
    assert_false(file_exists(journal)); /* a closed workspace is one file, and the lock */
    free(journal);
    fixture_remove(deep);
    fixture_remove(dir);
}

static void leftovers_of_a_first_start_do_not_matter(void **state)
{
    (void)state;
    char *dir = fixture_dir();
    bool fresh = false;
    write_all(dir, "rlaif.db.new", "half", 4);
    write_all(dir, "rlaif.db.new-journal", "half", 4);
    write_all(dir, "rlaif.db", "", 0);
    struct store *store = store_open(dir, 0, &fresh, NULL);
    assert_non_null(store);
    assert_true(fresh);
    store_close(store);
    fixture_remove(dir);
}

static void a_second_open_says_who(void **state)
{
    (void)state;
    char *dir = new_workspace();
    struct store *store = store_open(dir, 0, NULL, NULL);
    struct error err = {0};
    char word[64];
    assert_non_null(store);
    assert_null(store_open(dir, 0, NULL, &err));
    snprintf(word, sizeof word, "in use by pid %ld since ", (long)getpid());
    const char *since = strstr(err.text, word);
    assert_non_null(since);
    int hour, minute;
    assert_int_equal(sscanf(since + strlen(word), "%d:%d", &hour, &minute), 2);
    assert_non_null(strstr(err.hint, "close"));
    assert_null(store_open(dir, STORE_READONLY, NULL, &err));
    assert_non_null(strstr(err.text, word));
    store_close(store);
    store = store_open(dir, 0, NULL, NULL);
    assert_non_null(store);
    store_close(store);
    fixture_remove(dir);
}

/* The child holds the workspace until it is killed. */
static void the_lock_dies_with_its_process(void **state)
{
    (void)state;
    char *dir = new_workspace();
    struct error err = {0};
    char word[64], byte = 0;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *store = store_open(dir, 0, NULL, NULL);
        (void)!write(ready[1], store ? "y" : "n", 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_null(store_open(dir, 0, NULL, &err));
    snprintf(word, sizeof word, "in use by pid %ld since ", (long)child);
    assert_non_null(strstr(err.text, word));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct store *store = store_open(dir, 0, NULL, &err);
    if (!store)
        fail_msg("%s", err.text);
    store_close(store);
    close(ready[0]);
    close(ready[1]);
    fixture_remove(dir);
}

static void readers_share_and_write_nothing(void **state)
{
    (void)state;
    char *dir = new_workspace();
    struct error why = {0};
    struct buf before, after;
    struct set_rows sets;
    read_all(dir, "rlaif.db", &before);
    struct store *one = store_open(dir, STORE_READONLY, NULL, &why);
    struct store *two = store_open(dir, STORE_READONLY, NULL, &why);
    assert_non_null(one);
    assert_non_null(two);
    assert_true(store_readonly(one));
    OK(store_sets(one, &sets, err));
    assert_int_equal(sets.n, 1);
    set_rows_release(&sets);
    assert_int_equal(store_set_setting(two, "a", "b", &why), -1);
    assert_non_null(strstr(why.text, "read-only workspace"));
    assert_int_equal(store_import_begin(two, "y", "", RATER_AI, "", NULL, &why), -1);
    assert_non_null(strstr(why.text, "read-only workspace"));
    assert_null(store_open(dir, 0, NULL, &why)); /* a writer waits for the readers */
    store_close(one);
    store_close(two);
    read_all(dir, "rlaif.db", &after);
    assert_memory_equal(before.data, after.data, before.len);
    buf_release(&before);
    buf_release(&after);
    fixture_remove(dir);
}

static void readonly_makes_nothing(void **state)
{
    (void)state;
    char *dir = fixture_dir();
    struct error err = {0};
    assert_null(store_open(dir, STORE_READONLY, NULL, &err));
    assert_non_null(strstr(err.text, "there is no workspace"));
    assert_int_equal(rmdir(dir), 0); /* still empty */
    free(dir);
}

/* As nobody, in a folder that belongs to root. */
static void a_folder_that_may_not_be_written(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    char *dir = new_workspace(), *empty = fixture_dir();
    struct error err = {0};
    for (int i = 0; i < 2; i++) {
        char *path = path_join(dir, i ? "rlaif.lock" : "rlaif.db");
        chmod(path, 0644);
        free(path);
    }
    chmod(dir, 0755);
    chmod(empty, 0755);
    assert_int_equal(seteuid(65534), 0);
    struct store *store = store_open(dir, 0, NULL, &err);
    bool readonly = store && store_readonly(store);
    struct error denied = {0};
    int rc = store ? store_set_setting(store, "a", "b", &denied) : 0;
    store_close(store);
    struct error none = {0};
    struct store *made = store_open(empty, 0, NULL, &none);
    assert_int_equal(seteuid(0), 0);
    if (!store)
        fail_msg("%s", err.text);
    assert_true(readonly);
    assert_int_equal(rc, -1);
    assert_non_null(strstr(denied.text, "read-only workspace"));
    assert_null(made);
    assert_non_null(strstr(none.text, "Permission denied"));
    fixture_remove(dir);
    fixture_remove(empty);
}

/* The reason stands at the end of the sentence, and must not be cut by a long path. */
static void a_long_path_keeps_the_reason(void **state)
{
    (void)state;
    char *dir = fixture_dir(), *deep = path_join(dir, "d");
    struct error why = {0};
    while (strlen(deep) < 380) {
        char *next = xasprintf("%s/%090d", deep, 7);
        free(deep);
        deep = next;
    }
    struct store *store = store_open(deep, 0, NULL, NULL);
    assert_non_null(store);
    store_close(store);
    store = store_open(deep, STORE_READONLY, NULL, NULL);
    assert_non_null(store);
    assert_int_equal(store_set_setting(store, "a", "b", &why), -1);
    assert_non_null(strstr(why.text, "007/rlaif.db: read-only workspace"));
    assert_null(store_open(deep, 0, NULL, &why));
    assert_non_null(strstr(why.text, "in use by"));
    store_close(store);
    while (strlen(deep) > strlen(dir)) {
        for (int i = 0; i < 2; i++) {
            char *path = path_join(deep, i ? "rlaif.lock" : "rlaif.db");
            unlink(path);
            free(path);
        }
        assert_int_equal(rmdir(deep), 0);
        *strrchr(deep, '/') = '\0';
    }
    free(deep);
    fixture_remove(dir);
}

static void a_newer_schema_is_refused_by_number(void **state)
{
    (void)state;
    char *dir = new_workspace();
    plain_sql(dir, "rlaif.db", "PRAGMA user_version=7");
    refused(dir, 0, "schema 7", "newer");
    refused(dir, STORE_READONLY, "schemas up to 2", "newer program");
    plain_sql(dir, "rlaif.db", "PRAGMA user_version=0");
    refused(dir, 0, "schema 0 does not exist", "nothing was changed");
    fixture_remove(dir);
}

static void what_is_not_ours_is_refused(void **state)
{
    (void)state;
    char *dir = fixture_dir();
    plain_sql(dir, "rlaif.db",
              "CREATE TABLE notes(text); INSERT INTO notes VALUES('mine')");
    refused(dir, 0, "belongs to another program", "0x00000000");
    plain_sql(dir, "rlaif.db", "PRAGMA application_id=252006673");
    refused(dir, 0, "belongs to another program", "0x0f055111");
    char text[200];
    memset(text, 'a', sizeof text);
    write_all(dir, "rlaif.db", text, sizeof text);
    refused(dir, 0, "not a workspace file", "another -w DIR");
    write_all(dir, "rlaif.db", "SQLite format 3", 16);
    refused(dir, 0, "ends inside its header", "nothing was changed");
    char *path = path_join(dir, "rlaif.db");
    struct error err = {0};
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_null(store_open(dir, 0, NULL, &err));
    assert_non_null(strstr(err.text, "not a regular file"));
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(store_open(dir, 0, NULL, &err));
    assert_non_null(strstr(err.text, "not a regular file"));
    free(path);
    fixture_remove(dir);
}

/* The right header, but a table of another shape, or a view where a table should be. */
static void other_tables_are_refused_by_name(void **state)
{
    (void)state;
    char *dir = new_workspace();
    plain_sql(dir, "rlaif.db", "DROP TABLE looks");
    refused(dir, 0, "damaged in table looks", "copy the folder first");
    plain_sql(dir, "rlaif.db", "CREATE VIEW looks AS SELECT 1 AS set_id");
    refused(dir, 0, "damaged in table looks", ".recover");
    fixture_remove(dir);
}

/* A thing that somebody added for a look of his own does not matter. */
static void an_index_more_is_no_reason(void **state)
{
    (void)state;
    char *dir = new_workspace();
    plain_sql(dir, "rlaif.db", "CREATE INDEX mine ON pairs(split)");
    struct store *store = store_open(dir, 0, NULL, NULL);
    assert_non_null(store);
    store_close(store);
    fixture_remove(dir);
}

/* A journal with half a change beside the file: taken back when writing is allowed. */
static void half_a_change_is_taken_back(void **state)
{
    (void)state;
    char *dir = new_workspace(), *copy = fixture_dir();
    char *path = path_join(dir, "rlaif.db");
    struct buf file, journal;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(
            db,
            "PRAGMA cache_size=2; BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
            " SELECT i+1 FROM n WHERE i<4000) INSERT INTO journal(at, line) SELECT"
            " i, hex(randomblob(200)) FROM n; UPDATE pairs SET a='lost'",
            NULL, NULL, NULL),
        SQLITE_OK);
    read_all(dir, "rlaif.db", &file);
    read_all(dir, "rlaif.db-journal", &journal);
    assert_true(journal.len > 512);
    sqlite3_close(db);
    write_all(copy, "rlaif.db", file.data, file.len);
    write_all(copy, "rlaif.db-journal", journal.data, journal.len);
    refused(copy, STORE_READONLY, "in the middle of a change", "takes the change back");
    struct store *store = store_open(copy, 0, NULL, NULL);
    assert_non_null(store);
    struct pair_list pairs;
    struct journal_rows rows;
    struct set_row set;
    OK(store_find_set(store, "x", &set, err));
    OK(store_load_pairs(store, set.id, &pairs, err));
    assert_string_equal(pairs.pairs[0].a, "Give it back, 0.");
    OK(store_journal(store, 100, &rows, err));
    assert_int_equal(rows.n, 1);
    set_row_release(&set);
    pair_list_release(&pairs);
    journal_rows_release(&rows);
    store_close(store);
    buf_release(&file);
    buf_release(&journal);
    free(path);
    fixture_remove(dir);
    fixture_remove(copy);
}

static void killed_jobs_are_marked(void **state)
{
    (void)state;
    char *dir = new_workspace();
    struct store *store = store_open(dir, 0, NULL, NULL);
    int64_t id;
    OK(store_job_started(store, "label", "label base", &id, err));
    store_close(store);
    store = store_open(dir, 0, NULL, NULL);
    store_close(store);
    char *path = path_join(dir, "rlaif.db");
    sqlite3 *db;
    sqlite3_stmt *stmt;
    sqlite3_open(path, &db);
    sqlite3_prepare_v2(db, "SELECT state FROM jobs", -1, &stmt, NULL);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "interrupted");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    free(path);
    fixture_remove(dir);
}

/* ---- damaged files: never a crash, always a sentence, unchanged when refused ---- */

static void read_everything(struct store *store, int *failed)
{
    struct error err = {0};
    struct set_rows sets = {0};
    struct prompt_rows prompts;
    struct journal_rows journal;
    int rc = store_sets(store, &sets, &err);
    for (size_t i = 0; rc == 0 && i < sets.n; i++) {
        struct pair_list pairs;
        struct label_list labels;
        struct labeler_rows who;
        if ((rc = store_load_pairs(store, sets.rows[i].id, &pairs, &err)) == 0)
            pair_list_release(&pairs);
        if (!rc && (rc = store_load_labels(store, sets.rows[i].id, -1, NULL, &labels,
                                           &err)) == 0)
            label_list_release(&labels);
        if (!rc && (rc = store_labelers(store, sets.rows[i].id, &who, &err)) == 0)
            labeler_rows_release(&who);
    }
    set_rows_release(&sets);
    if (!rc && (rc = store_prompts(store, &prompts, &err)) == 0)
        prompt_rows_release(&prompts);
    if (!rc && (rc = store_journal(store, 100, &journal, &err)) == 0)
        journal_rows_release(&journal);
    if (!rc)
        rc = store_set_setting(store, "a", "b", &err);
    if (rc) {
        ++*failed;
        assert_true(err.text[0]);
    }
}

static void open_damaged(const char *dir, const struct buf *bytes, int counts[3])
{
    struct error err = {0};
    write_all(dir, "rlaif.db", bytes->data, bytes->len);
    struct store *store = store_open(dir, 0, NULL, &err);
    if (store) {
        counts[0]++;
        read_everything(store, &counts[1]);
        store_close(store);
        return;
    }
    counts[2]++;
    struct buf after;
    assert_true(err.text[0]);
    read_all(dir, "rlaif.db", &after);
    assert_int_equal(after.len, bytes->len);
    assert_memory_equal(after.data, bytes->data, bytes->len);
    buf_release(&after);
}

static void cut_files(void **state)
{
    (void)state;
    char *from = new_workspace(), *dir = fixture_dir();
    struct buf whole;
    int counts[3] = {0};
    read_all(from, "rlaif.db", &whole);
    for (size_t len = 512; len < whole.len; len += 512) {
        struct buf cut = whole;
        cut.len = len;
        open_damaged(dir, &cut, counts);
    }
    assert_int_equal(counts[0], 0); /* every cut is seen at once */
    buf_release(&whole);
    fixture_remove(from);
    fixture_remove(dir);
}

/* Every bit of the header, and bits all over the file; RLAIF_FUZZ=N for more. */
static void flipped_bits(void **state)
{
    (void)state;
    char *from = new_workspace(), *dir = fixture_dir();
    const char *more = getenv("RLAIF_FUZZ");
    uint64_t runs = more ? strtoull(more, NULL, 10) : 600;
    struct rng_key key = rng_key(1, "flipped bits", "rlaif.db");
    struct buf whole;
    int counts[3] = {0};
    read_all(from, "rlaif.db", &whole);
    for (uint64_t i = 0; i < 800 / 4 + runs; i++) {
        uint64_t bit = i < 200 ? 4 * i + i % 4 : rng_below(key, i, 8 * whole.len);
        whole.data[bit / 8] ^= (char)(1 << bit % 8);
        open_damaged(dir, &whole, counts);
        whole.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    print_message("# flipped: %d opened (%d of them said so later), %d refused\n",
                  counts[0], counts[1], counts[2]);
    assert_true(counts[2] > 0);
    buf_release(&whole);
    fixture_remove(from);
    fixture_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_made_with_its_parents),
        cmocka_unit_test(leftovers_of_a_first_start_do_not_matter),
        cmocka_unit_test(a_second_open_says_who),
        cmocka_unit_test(the_lock_dies_with_its_process),
        cmocka_unit_test(readers_share_and_write_nothing),
        cmocka_unit_test(readonly_makes_nothing),
        cmocka_unit_test(a_folder_that_may_not_be_written),
        cmocka_unit_test(a_long_path_keeps_the_reason),
        cmocka_unit_test(a_newer_schema_is_refused_by_number),
        cmocka_unit_test(what_is_not_ours_is_refused),
        cmocka_unit_test(other_tables_are_refused_by_name),
        cmocka_unit_test(an_index_more_is_no_reason),
        cmocka_unit_test(half_a_change_is_taken_back),
        cmocka_unit_test(killed_jobs_are_marked),
        cmocka_unit_test(cut_files),
        cmocka_unit_test(flipped_bits),
    };
    return cmocka_run_group_tests_name("store_open", tests, NULL, NULL);
}
