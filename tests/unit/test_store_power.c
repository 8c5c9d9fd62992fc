/*
 * Power that fails: every write, truncation and sync of some changes is recorded, and
 * after each of them directory images are made as a disk might hold them: what was synced
 * is there, of the rest all, nothing, a part, or a last write that was cut. Every image
 * opens, with each change whole or absent, and with every change that was acknowledged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/base/buf.h"
#include "src/base/file.h"
#include "src/base/rng.h"
#include "tests/unit/fault_vfs.h"
#include "tests/unit/store_fixture.h"

#define CHANGES 4
#define VARIANTS 6

struct record {
    int file;
    enum fault_op op;
    uint8_t *bytes;
    size_t n, at;
    int changes; /* acknowledged before it */
};

/* Filled by the owner thread while the test thread waits for it. */
static struct {
    struct record *list;
    size_t n, cap;
    int changes;
} tape;

static void record(int file, enum fault_op op, const void *bytes, sqlite3_int64 n,
                   sqlite3_int64 at)
{
    tape.list = array_grow(tape.list, tape.n, &tape.cap, sizeof *tape.list);
    struct record *r = &tape.list[tape.n++];
    *r = (struct record){.file = file, .op = op, .n = (size_t)n, .at = (size_t)at};
    r->changes = tape.changes;
    if (n) {
        r->bytes = xmalloc((size_t)n);
        memcpy(r->bytes, bytes, (size_t)n);
    }
}

/* ---- images ---- */

struct image {
    uint8_t *bytes;
    size_t len;
};

static void apply(struct image files[2], const struct record *r, size_t n)
{
    struct image *file = &files[r->file];
    size_t end = r->op == FAULT_WRITE ? r->at + n : r->at;
    if (r->op == FAULT_SYNC)
        return;
    if (end > file->len) {
        file->bytes = xrealloc(file->bytes, end);
        memset(file->bytes + file->len, 0, end - file->len);
        file->len = end;
    }
    if (r->op == FAULT_TRUNCATE)
        file->len = end;
    else
        memcpy(file->bytes + r->at, r->bytes, n);
}

/* Is call i of the first n covered by a sync among them? */
static bool is_synced(size_t i, size_t n)
{
    for (size_t k = i + 1; k < n; k++)
        if (tape.list[k].op == FAULT_SYNC && tape.list[k].file == tape.list[i].file)
            return true;
    return false;
}

/* What a disk may hold after the first n calls. */
static void make_image(const struct buf *start, size_t n, int variant,
                       struct image files[2])
{
    struct rng_key key = rng_key((uint64_t)variant, "power", "store");
    files[0] = (struct image){xmalloc(start->len + 1), start->len};
    memcpy(files[0].bytes, start->data, start->len);
    files[1] = (struct image){xmalloc(1), 0};
    for (size_t i = 0; i < n; i++) {
        const struct record *r = &tape.list[i];
        size_t len = r->n;
        if (!is_synced(i, n)) {
            if (variant == 1 || (variant >= 3 && rng_below(key, n * 1000 + i, 2)))
                continue;
            if (variant == 2 && i + 1 == n)
                len = len > 512 ? 512 : len / 2;
        }
        apply(files, r, len);
    }
}

static void put_image(const char *dir, const struct image files[2])
{
    for (int i = 0; i < 2; i++) {
        char *path = path_join(dir, i ? "rlaif.db-journal" : "rlaif.db");
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(files[i].bytes, 1, files[i].len, file), files[i].len);
        fclose(file);
        free(path);
    }
}

/* ---- the changes, and how many of them are there ---- */

static int64_t first_pair(struct store *store)
{
    struct set_row set;
    struct pair_list pairs;
    OK(store_find_set(store, "x", &set, err));
    OK(store_load_pairs(store, set.id, &pairs, err));
    int64_t id = pairs.pairs[0].id;
    pair_list_release(&pairs);
    set_row_release(&set);
    return id;
}

static void change(struct store *store, int64_t pair, int number)
{
    struct label labels[3];
    int64_t set;
    switch (number) {
    case 0:
        for (uint64_t i = 0; i < 3; i++)
            fixture_label(&labels[i], pair, 0, "direct", i);
        OK(store_add_labels(store, labels, 3, err));
        for (int i = 0; i < 3; i++)
            label_release(&labels[i]);
        break;
    case 1:
        OK(store_add_prompt(store, "base", "name: base\n", 0, NULL, NULL, NULL, err));
        break;
    case 2:
        OK(fixture_import(store, "y", 0, 60, &set, err));
        break;
    case 3:
        OK(store_add_journal(store, "import pairs y", NULL, NULL, err));
        break;
    }
}

/* How many of the changes are whole; -1: one is half there, or a later without an
 * earlier. */
static int count_changes(struct store *store)
{
    struct set_rows sets;
    struct label_list labels;
    struct prompt_rows prompts;
    struct journal_rows journal;
    OK(store_sets(store, &sets, err));
    OK(store_load_labels(store, sets.rows[0].id, -1, NULL, &labels, err));
    OK(store_prompts(store, &prompts, err));
    OK(store_journal(store, 9, &journal, err));
    const size_t found[CHANGES] = {
        labels.n, prompts.n, sets.n > 1 ? (size_t)sets.rows[1].n_pairs : 0, journal.n};
    static const size_t whole[CHANGES] = {3, 1, 60, 1};
    int n = 0;
    while (n < CHANGES && found[n] == whole[n])
        n++;
    for (int i = n; i < CHANGES; i++)
        if (found[i])
            n = -1;
    if (n >= 0 && n <= 2 && sets.n != 1)
        n = -1;
    set_rows_release(&sets);
    label_list_release(&labels);
    prompt_rows_release(&prompts);
    journal_rows_release(&journal);
    return n;
}

static void check_image(const char *dir, size_t n, int variant, int acknowledged)
{
    struct error why = {0};
    struct store *store = store_open(dir, 0, NULL, &why);
    if (!store)
        fail_msg("after call %zu, image %d: %s", n, variant, why.text);
    int there = count_changes(store);
    /* The change at hand may have reached the disk before it was acknowledged. */
    if (there < acknowledged || there > acknowledged + 1)
        fail_msg("after call %zu, image %d: %d of %d changes", n, variant, there,
                 acknowledged);
    store_close(store);
}

static void every_image_opens(void **state)
{
    (void)state;
    char *dir = fixture_dir(), *copy = fixture_dir(), *path = path_join(dir, "rlaif.db");
    struct buf start;
    int64_t set;
    int images = 0;
    struct store *store = store_open(dir, 0, NULL, NULL);
    assert_non_null(store);
    OK(fixture_import(store, "x", 0, 5, &set, err));
    int64_t pair = first_pair(store);
    buf_init(&start, 0);
    store_close(store);
    OK(file_read(path, 64 << 20, 0, &start, err));
    store = store_open(dir, 0, NULL, NULL);
    assert_non_null(store);
    fault_record = record;
    for (tape.changes = 0; tape.changes < CHANGES; tape.changes++)
        change(store, pair, tape.changes);
    fault_record = NULL;
    store_close(store);
    assert_true(tape.n > 50);
    for (size_t n = 0; n <= tape.n; n++) {
        int acknowledged = n < tape.n ? tape.list[n].changes : CHANGES;
        for (int variant = 0; variant < VARIANTS; variant++, images++) {
            struct image files[2];
            make_image(&start, n, variant, files);
            put_image(copy, files);
            check_image(copy, n, variant, acknowledged);
            free(files[0].bytes);
            free(files[1].bytes);
        }
    }
    print_message("# %d images after %zu calls\n", images, tape.n);
    for (size_t i = 0; i < tape.n; i++)
        free(tape.list[i].bytes);
    free(tape.list);
    free(path);
    buf_release(&start);
    fixture_remove(dir);
    fixture_remove(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_image_opens)};
    fault_install();
    return cmocka_run_group_tests_name("store_power", tests, NULL, NULL);
}
