/*
 * Writes, syncs and truncations that fail, one after the other until the scenario passes:
 * the old state or the new one every time, the cause named, and the store goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "tests/unit/fault_vfs.h"
#include "tests/unit/store_fixture.h"

/* What the workspace holds, in one line. */
static void describe(struct store *store, char out[256])
{
    struct set_rows sets;
    struct prompt_rows prompts;
    struct journal_rows journal;
    size_t len = 0;
    OK(store_sets(store, &sets, err));
    for (size_t i = 0; i < sets.n; i++) {
        struct pair_list pairs;
        struct label_list labels;
        OK(store_load_pairs(store, sets.rows[i].id, &pairs, err));
        OK(store_load_labels(store, sets.rows[i].id, -1, NULL, &labels, err));
        len += (size_t)snprintf(out + len, 256 - len, "%s:%zu+%zu ", sets.rows[i].name,
                                pairs.n, labels.n);
        pair_list_release(&pairs);
        label_list_release(&labels);
    }
    OK(store_prompts(store, &prompts, err));
    OK(store_journal(store, 100, &journal, err));
    snprintf(out + len, 256 - len, "p%zu j%zu", prompts.n, journal.n);
    set_rows_release(&sets);
    prompt_rows_release(&prompts);
    journal_rows_release(&journal);
}

static int64_t pair_of(struct store *store, const char *name, size_t i)
{
    struct set_row set;
    struct pair_list pairs;
    OK(store_find_set(store, name, &set, err));
    OK(store_load_pairs(store, set.id, &pairs, err));
    int64_t id = pairs.pairs[i].id;
    set_row_release(&set);
    pair_list_release(&pairs);
    return id;
}

/* ---- scenarios: each is one acknowledged change ---- */

static int add_labels(struct store *store, struct error *err)
{
    struct label labels[5];
    int64_t pair = pair_of(store, "x", 1);
    for (uint64_t i = 0; i < 5; i++)
        fixture_label(&labels[i], pair, 0, "direct", 100 + i);
    int rc = store_add_labels(store, labels, 5, err);
    for (int i = 0; i < 5; i++)
        label_release(&labels[i]);
    return rc;
}

static int import_new(struct store *store, struct error *err)
{
    int64_t set;
    return fixture_import(store, "new", 0, 300, &set, err);
}

static int import_more(struct store *store, struct error *err)
{
    int64_t set;
    return fixture_import(store, "x", 20, 30, &set, err);
}

static int add_prompt(struct store *store, struct error *err)
{
    return store_add_prompt(store, "base", "name: base\n", 0, NULL, NULL, NULL, err);
}

static int drop_set(struct store *store, struct error *err)
{
    struct set_row set;
    if (store_find_set(store, "y", &set, err))
        return -1;
    int rc = store_drop_set(store, set.id, err);
    set_row_release(&set);
    return rc;
}

static const struct scenario {
    const char *name;
    int (*run)(struct store *store, struct error *err);
    const char *before, *after;
} scenarios[] = {
    {"labels", add_labels, "x:20+1 y:9+0 p0 j0", "x:20+6 y:9+0 p0 j0"},
    {"import", import_new, "x:20+1 y:9+0 p0 j0", "x:20+1 y:9+0 new:300+0 p0 j0"},
    {"import more", import_more, "x:20+1 y:9+0 p0 j0", "x:50+1 y:9+0 p0 j0"},
    {"prompt", add_prompt, "x:20+1 y:9+0 p0 j0", "x:20+1 y:9+0 p1 j0"},
    {"drop", drop_set, "x:20+1 y:9+0 p0 j0", "x:20+1 p0 j0"},
};

static struct store *prepare(const char *dir)
{
    struct store *store = store_open(dir, 0, NULL, NULL);
    struct label label;
    int64_t set;
    assert_non_null(store);
    OK(fixture_import(store, "x", 0, 20, &set, err));
    OK(fixture_import(store, "y", 0, 9, &set, err));
    fixture_label(&label, pair_of(store, "x", 0), 0, "direct", 1);
    OK(store_add_labels(store, &label, 1, err));
    label_release(&label);
    return store;
}

static void check_message(const struct error *err, enum fault_kind kind)
{
    const char *word = kind == FAULT_FULL ? "no room to write" : "Input/output error";
    /* A sync or a truncate that fails for want of room says so, too. */
    if (!strstr(err->text, word) && !strstr(err->text, "No space left on device"))
        fail_msg("%s (%s)", err->text, err->hint);
    assert_non_null(strstr(err->text, "rlaif.db"));
    assert_non_null(strstr(err->hint, "everything acknowledged before is safe"));
}

static void check_sound(const char *dir)
{
    char *path = xasprintf("%s/rlaif.db", dir);
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &stmt, NULL);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    free(path);
}

/* One failure at call n. False: the scenario passed without reaching it. */
static bool fail_once(const struct scenario *scenario, enum fault_kind kind, int n,
                      bool stays)
{
    char *dir = fixture_dir();
    char state[256], again[256];
    struct error why = {0};
    struct store *store = prepare(dir);
    describe(store, state);
    assert_string_equal(state, scenario->before);
    fault_arm(kind, n, stays);
    int rc = scenario->run(store, &why);
    bool hit = fault_disarm();
    if (rc)
        check_message(&why, kind);
    describe(store, state);
    if (rc == 0)
        assert_string_equal(state, scenario->after);
    else if (strcmp(state, scenario->before) && strcmp(state, scenario->after))
        fail_msg("%s, call %d: %s", scenario->name, n, state);
    /* The store goes on, and so does the next process. */
    OK(store_set_setting(store, "after", "yes", err));
    store_close(store);
    check_sound(dir);
    store = store_open(dir, 0, NULL, NULL);
    assert_non_null(store);
    describe(store, again);
    assert_string_equal(again, state);
    char *value = store_get_setting(store, "after");
    assert_string_equal(value, "yes");
    free(value);
    store_close(store);
    fixture_remove(dir);
    assert_true(hit || rc == 0);
    return hit;
}

static void every_call_fails_in_turn(enum fault_kind kind, bool stays)
{
    int total = 0;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        int n = 1;
        while (fail_once(&scenarios[i], kind, n, stays))
            n++;
        assert_true(n > 5); /* the shim sees the writes */
        total += n - 1;
    }
    print_message("# %d failures\n", total);
}

static void full_once(void **state)
{
    (void)state;
    every_call_fails_in_turn(FAULT_FULL, false);
}

static void full_for_a_while(void **state)
{
    (void)state;
    every_call_fails_in_turn(FAULT_FULL, true);
}

static void io_error_once(void **state)
{
    (void)state;
    every_call_fails_in_turn(FAULT_EIO, false);
}

static void io_error_for_a_while(void **state)
{
    (void)state;
    every_call_fails_in_turn(FAULT_EIO, true);
}

/* A first start that fails leaves a folder in which the next one works. */
static void first_start(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        char *dir = fixture_dir();
        struct error why = {0};
        bool fresh = false;
        fault_arm(FAULT_FULL, n, true);
        struct store *store = store_open(dir, 0, NULL, &why);
        bool hit = fault_disarm();
        if (!store)
            check_message(&why, FAULT_FULL);
        store_close(store);
        store = store_open(dir, 0, &fresh, &why);
        if (!store)
            fail_msg("call %d: %s", n, why.text);
        store_close(store);
        fixture_remove(dir);
        if (!hit) {
            assert_true(n > 5);
            return;
        }
    }
}

/* ---- a disk that is really full ---- */

/* Adds labels with a lot of text until one is refused; the number of acknowledged ones.
 */
static uint64_t fill_up(struct store *store, struct error *err)
{
    int64_t pair = pair_of(store, "x", 0);
    for (uint64_t n = 0; n < 100000; n++) {
        struct label label;
        fixture_label(&label, pair, 0, "direct", 1000 + n);
        label.raw = xmalloc(9001);
        memset(label.raw, 'r', 9000);
        label.raw[9000] = '\0';
        int rc = store_add_labels(store, &label, 1, err);
        label_release(&label);
        if (rc)
            return n;
    }
    return UINT64_MAX;
}

/* `more` makes room; then everything acknowledged is there and the store goes on. */
static void check_after_full(struct store *store, uint64_t acknowledged,
                             const struct error *why, void (*more)(const char *dir),
                             const char *dir)
{
    struct set_row set;
    struct label_list labels;
    if (acknowledged == UINT64_MAX || acknowledged == 0)
        fail_msg("never full, or at once");
    if (!strstr(why->text, "no room to write") || !strstr(why->text, "needed") ||
        !strstr(why->text, "free") || !strstr(why->hint, "safe"))
        fail_msg("%s (%s)", why->text, why->hint);
    print_message("# %s (%s)\n", why->text, why->hint);
    OK(store_find_set(store, "x", &set, err));
    OK(store_load_labels(store, set.id, -1, NULL, &labels, err));
    assert_int_equal(labels.n, acknowledged + 1);
    label_list_release(&labels);
    set_row_release(&set);
    more(dir);
    OK(store_set_setting(store, "after", "yes", err));
}

static void remove_ballast(const char *dir)
{
    char *path = xasprintf("%s/ballast", dir);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void a_disk_of_one_mebibyte(void **state)
{
    (void)state;
    char *dir = fixture_dir();
    struct error why = {0};
    if (mount("tmpfs", dir, "tmpfs", 0, "size=1m") != 0) {
        fixture_remove(dir);
        skip();
    }
    struct store *store = prepare(dir);
    char *path = xasprintf("%s/ballast", dir);
    FILE *ballast = fopen(path, "wb");
    char zeros[4096] = {0};
    for (int i = 0; i < 48; i++)
        fwrite(zeros, 1, sizeof zeros, ballast);
    fclose(ballast);
    free(path);
    uint64_t n = fill_up(store, &why);
    check_after_full(store, n, &why, remove_ballast, dir);
    store_close(store);
    check_sound(dir);
    umount(dir);
    fixture_remove(dir);
}

static struct rlimit limit_before;

static void lift_limit(const char *dir)
{
    (void)dir;
    setrlimit(RLIMIT_FSIZE, &limit_before);
}

static void a_file_that_may_not_grow(void **state)
{
    (void)state;
    char *dir = fixture_dir();
    struct error why = {0};
    struct store *store = prepare(dir);
    struct stat st;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(stat(store_path(store), &st), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit_before), 0);
    struct rlimit limit = {(rlim_t)st.st_size + 200000, limit_before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    uint64_t n = fill_up(store, &why);
    check_after_full(store, n, &why, lift_limit, dir);
    store_close(store);
    check_sound(dir);
    fixture_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_once),
        cmocka_unit_test(full_for_a_while),
        cmocka_unit_test(io_error_once),
        cmocka_unit_test(io_error_for_a_while),
        cmocka_unit_test(first_start),
        cmocka_unit_test(a_disk_of_one_mebibyte),
        cmocka_unit_test(a_file_that_may_not_grow),
    };
    fault_install();
    return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
