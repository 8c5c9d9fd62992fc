/* A workspace in a folder of its own, and rows to put into it, for the tests of the
 * store. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/store/store.h"

/* Fails the test with the error's words. Inside the call, `err` is the error. */
#define OK(call)                                                                         \
    do {                                                                                 \
        struct error ok_error = {0};                                                     \
        struct error *err = &ok_error;                                                   \
        if (call)                                                                        \
            fail_msg("%s: %s (%s)", #call, ok_error.text, ok_error.hint);                \
    } while (0)

/*
 * A new empty folder; free with fixture_remove. In memory where that is possible: a
 * killed process loses nothing there either, and a test that syncs a thousand times ends
 * soon.
 */
static inline char *fixture_dir(void)
{
    const char *base = getenv("TMPDIR");
    if (!base || !*base)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char *dir = xasprintf("%s/rlaif-store-XXXXXX", base);
    if (!mkdtemp(dir)) {
        perror(dir);
        exit(1);
    }
    return dir;
}

static inline void fixture_remove(char *dir)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        char *path = xasprintf("%s/%s", dir, entry->d_name);
        unlink(path);
        free(path);
    }
    if (folder)
        closedir(folder);
    rmdir(dir);
    free(dir);
}

/* Pair i with two votes and two tags; every field differs between pairs. */
static inline void fixture_pair(struct pair_list *list, int i)
{
    struct pair *pair = pair_list_add(list);
    pair->key = xasprintf("key-%d", i);
    pair->title = i % 3 ? xasprintf("Title %d", i) : NULL;
    pair->context =
        xasprintf("Post %d: my \xc3\xa4unt wants the cake back.\nWhat now?", i);
    pair->a = xasprintf("Give it back, %d.", i);
    pair->b = xasprintf("Keep the cake and the plate, %d.", i);
    pair->group = i % 2 ? xstrdup("advice") : NULL;
    pair->origin_line = 10 + i;
    pair->split_given = i % 4 == 0;
    pair->split = SPLIT_TEST;
    if (i % 5 == 0) {
        pair->gold_a = 0.1 * i;
        pair->gold_b = -1.0 / 3.0;
    }
    pair_add_vote(pair, "ann", RATER_HUMAN, i % 2 ? CHOICE_A : CHOICE_B,
                  i % 3 ? 7.5 : NAN);
    pair_add_vote(pair, "gpt-4", RATER_AI, CHOICE_TIE, NAN);
    pair->votes[1].soft = 0.25;
    pair_add_tag(pair, "zeta");
    pair_add_tag(pair, "alpha");
    pair_finish(pair);
}

static inline int fixture_import(struct store *store, const char *set, int from, int n,
                                 int64_t *set_id, struct error *err)
{
    struct pair_list list;
    pair_list_init(&list);
    for (int i = from; i < from + n; i++)
        fixture_pair(&list, i);
    int rc = store_import_begin(store, set, "own", RATER_HUMAN, "x.jsonl", set_id, err);
    if (rc == 0 && (rc = store_import_add(store, list.pairs, list.n, err)))
        store_import_end(store, false, NULL);
    else if (rc == 0)
        rc = store_import_end(store, true, err);
    pair_list_release(&list);
    return rc;
}

/* Label number n of a pair: key = SHA-256 of n. */
static inline void fixture_label(struct label *label, int64_t pair_id, int64_t prompt_id,
                                 const char *labeler, uint64_t n)
{
    label_init(label);
    label->pair_id = pair_id;
    label->prompt_id = prompt_id;
    label->labeler = xstrdup(labeler);
    label->order = n % 2 ? ORDER_BA : ORDER_AB;
    hash_bytes(&n, sizeof n, label->key);
    label->n_options = 2;
    label->logprobs[0] = -0.1 - (double)n / 3.0;
    label->logprobs[1] = -2.0;
    label->p_first = 1.0 / (1.0 + (double)n);
    label->slot = SLOT_1;
    label->tokens = 480;
}

#endif
