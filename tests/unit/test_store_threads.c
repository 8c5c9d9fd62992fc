/* Many threads at once: every row arrives once, what one thread is told others find. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/store_fixture.h"

#define THREADS 6
#define ROUNDS 40
#define BATCH 3

struct crew {
    struct store *store;
    int64_t pair;
    pthread_barrier_t start;
    atomic_int failures;
};

struct member {
    struct crew *crew;
    uint64_t first; /* number of its first label */
};

/* Adds labels and finds each batch again; every other thread adds the same numbers. */
static void *add_and_find(void *arg)
{
    struct member *member = arg;
    struct crew *crew = member->crew;
    pthread_barrier_wait(&crew->start);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct label labels[BATCH], out[BATCH];
        uint8_t keys[BATCH][32];
        bool found[BATCH];
        for (uint64_t i = 0; i < BATCH; i++) {
            fixture_label(&labels[i], crew->pair, 0, "direct",
                          member->first + round * BATCH + i);
            memcpy(keys[i], labels[i].key, 32);
        }
        if (store_add_labels(crew->store, labels, BATCH, NULL) ||
            store_find_labels(crew->store, (const uint8_t(*)[32])keys, BATCH, out, found,
                              NULL))
            atomic_fetch_add(&crew->failures, 1);
        for (int i = 0; i < BATCH; i++) {
            if (!found[i] || out[i].id != labels[i].id)
                atomic_fetch_add(&crew->failures, 1);
            if (found[i])
                label_release(&out[i]);
            label_release(&labels[i]);
        }
    }
    return NULL;
}

/* A call that fails beside others that do not. */
static void *add_bad(void *arg)
{
    struct member *member = arg;
    struct crew *crew = member->crew;
    pthread_barrier_wait(&crew->start);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct error why = {0};
        if (store_add_tag(crew->store, 4711, "odd", false, &why) == 0 || !why.text[0])
            atomic_fetch_add(&crew->failures, 1);
    }
    return NULL;
}

static struct store *open_with_pair(char *dir, int64_t *set, int64_t *pair)
{
    struct pair_list pairs;
    struct store *store = store_open(dir, 0, NULL, NULL);
    assert_non_null(store);
    OK(fixture_import(store, "x", 0, 1, set, err));
    OK(store_load_pairs(store, *set, &pairs, err));
    *pair = pairs.pairs[0].id;
    pair_list_release(&pairs);
    return store;
}

static void every_label_arrives_once(void **state)
{
    (void)state;
    char *dir = fixture_dir();
    struct crew crew = {.failures = 0};
    struct member members[THREADS + 1];
    pthread_t threads[THREADS + 1];
    struct label_list all;
    int64_t set;
    crew.store = open_with_pair(dir, &set, &crew.pair);
    pthread_barrier_init(&crew.start, NULL, THREADS + 1);
    for (int i = 0; i <= THREADS; i++) {
        /* Two threads share their numbers. */
        members[i] = (struct member){&crew, (uint64_t)(i / 2) * ROUNDS * BATCH};
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i < THREADS ? add_and_find : add_bad,
                                        &members[i]),
                         0);
    }
    for (int i = 0; i <= THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crew.failures), 0);
    OK(store_load_labels(crew.store, set, -1, NULL, &all, err));
    assert_int_equal(all.n, THREADS / 2 * ROUNDS * BATCH);
    label_list_release(&all);
    pthread_barrier_destroy(&crew.start);
    store_close(crew.store);
    fixture_remove(dir);
}

/* Others wait until an import has ended, and then they see all of it or nothing. */
static void *look_during_import(void *arg)
{
    struct member *member = arg;
    struct set_rows sets;
    pthread_barrier_wait(&member->crew->start);
    if (store_add_journal(member->crew->store, "list sets", NULL, NULL, NULL) ||
        store_sets(member->crew->store, &sets, NULL)) {
        atomic_fetch_add(&member->crew->failures, 1);
        return NULL;
    }
    for (size_t i = 0; i < sets.n; i++)
        if (strcmp(sets.rows[i].name, "big") == 0 && sets.rows[i].n_pairs != 200)
            atomic_fetch_add(&member->crew->failures, 1);
    member->first = sets.n;
    set_rows_release(&sets);
    return NULL;
}

static void import_with_others(bool keep)
{
    char *dir = fixture_dir();
    struct crew crew = {.failures = 0};
    struct member member = {&crew, 0};
    struct pair_list pairs;
    struct journal_rows rows;
    pthread_t thread;
    int64_t set;
    crew.store = open_with_pair(dir, &set, &crew.pair);
    pthread_barrier_init(&crew.start, NULL, 2);
    pair_list_init(&pairs);
    for (int i = 0; i < 200; i++)
        fixture_pair(&pairs, i);
    OK(store_import_begin(crew.store, "big", "own", RATER_HUMAN, "", &set, err));
    assert_int_equal(pthread_create(&thread, NULL, look_during_import, &member), 0);
    pthread_barrier_wait(&crew.start);
    for (size_t i = 0; i < pairs.n; i++)
        OK(store_import_add(crew.store, &pairs.pairs[i], 1, err));
    OK(store_import_end(crew.store, keep, err));
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&crew.failures), 0);
    assert_int_equal(member.first, keep ? 2 : 1);
    OK(store_journal(crew.store, 9, &rows, err));
    assert_int_equal(rows.n, 1); /* not lost with a dropped import */
    journal_rows_release(&rows);
    pair_list_release(&pairs);
    pthread_barrier_destroy(&crew.start);
    store_close(crew.store);
    fixture_remove(dir);
}

static void others_see_an_import_whole(void **state)
{
    (void)state;
    import_with_others(true);
}

static void others_do_not_see_a_dropped_import(void **state)
{
    (void)state;
    import_with_others(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_label_arrives_once),
        cmocka_unit_test(others_see_an_import_whole),
        cmocka_unit_test(others_do_not_see_a_dropped_import),
    };
    alarm(120); /* a hang is a failure */
    return cmocka_run_group_tests_name("store_threads", tests, NULL, NULL);
}
