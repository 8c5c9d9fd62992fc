/*
 * kill -9 at any time: a worker says ACK for what the store has acknowledged; the
 * harness, which never holds the store while a worker runs, kills it, opens the workspace
 * again and compares. TAP. RLAIF_KILLS=N for more than 300 kills at random times,
 * RLAIF_QUICK for 40.
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/rng.h"
#include "tests/unit/fault_vfs.h"
#include "tests/unit/store_fixture.h"

#define WRITERS 2
#define BATCH 4
/* Labels that one worker can reach: its numbers are round * SPAN + 1.. */
#define SPAN 100000
#define IMPORT_PAIRS 120

struct harness {
    char *dir;
    int64_t pair; /* of the labels */
    struct rng_key key;
    uint8_t *acked; /* by number of the label, for all rounds */
    uint64_t n_acked, n_unacked, n_imports;
    int bad; /* what was wrong, in the test at hand */
};

/* ---- TAP ---- */

static void say_line(bool ok, int number, const char *text)
{
    printf("%sok %d - %s\n", ok ? "" : "not ", number, text);
    fflush(stdout);
}

static void wrong(struct harness *h, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void wrong(struct harness *h, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("# ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    h->bad++;
}

/* ---- the worker ---- */

struct writer {
    struct store *store;
    int64_t pair;
    uint64_t next, last; /* numbers of its labels */
    int out;
};

static void say(int out, const char *word, uint64_t number)
{
    char line[48];
    int len = snprintf(line, sizeof line, "%s %" PRIu64 "\n", word, number);
    (void)!write(out, line, (size_t)len); /* whole: shorter than a pipe's unit */
}

static void *write_labels(void *arg)
{
    struct writer *writer = arg;
    struct label labels[BATCH];
    while (writer->next + BATCH <= writer->last) {
        for (uint64_t i = 0; i < BATCH; i++) {
            fixture_label(&labels[i], writer->pair, 0, "direct", writer->next + i);
            labels[i].tokens = (int64_t)(writer->next + i);
        }
        if (store_add_labels(writer->store, labels, BATCH, NULL))
            say(writer->out, "BAD", writer->next);
        for (uint64_t i = 0; i < BATCH; i++) {
            say(writer->out, "ACK", writer->next + i);
            label_release(&labels[i]);
        }
        writer->next += BATCH;
    }
    return NULL;
}

static int import_set(struct store *store, uint64_t number)
{
    char name[32];
    int64_t set;
    snprintf(name, sizeof name, "imp-%" PRIu64, number);
    return fixture_import(store, name, 0, IMPORT_PAIRS, &set, NULL);
}

/* Opens, says so, and writes until it is killed. */
static void run_worker(const struct harness *h, uint64_t round, int out, bool imports)
{
    struct error err = {0};
    struct store *store = store_open(h->dir, 0, NULL, &err);
    if (!store) {
        say(out, "BAD", round);
        fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
    say(out, "OPEN", round);
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    for (uint64_t i = 0; i < WRITERS; i++) {
        uint64_t first = round * SPAN + i * (SPAN / WRITERS);
        writers[i] =
            (struct writer){store, h->pair, first + 1, first + SPAN / WRITERS, out};
        if (!imports && pthread_create(&threads[i], NULL, write_labels, &writers[i]))
            _exit(1);
    }
    for (uint64_t i = 0; imports && i < 1000; i++) {
        if (import_set(store, round * 1000 + i))
            say(out, "BAD", i);
        say(out, "IMP", round * 1000 + i);
    }
    for (;;)
        pause();
}

static pid_t start_worker(struct harness *h, uint64_t round, int *in, bool imports)
{
    int ends[2];
    if (pipe(ends))
        exit(1);
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        exit(1);
    if (child == 0) {
        close(ends[0]);
        run_worker(h, round, ends[1], imports);
    }
    close(ends[1]);
    *in = ends[0];
    return child;
}

/*
 * Waits until the worker has said so many bytes: on a slow machine every kill would else
 * come before the opening.
 */
static void await_bytes(int in, int bytes)
{
    int there = 0;
    struct pollfd end = {.fd = in, .events = POLLIN};
    while (ioctl(in, FIONREAD, &there) == 0 && there < bytes) {
        if (poll(&end, 1, 1000) > 0 && end.revents & (POLLHUP | POLLERR))
            return;
        sched_yield();
    }
}

static void kill_after(pid_t child, uint64_t micros)
{
    struct timespec time = {0, (long)micros * 1000};
    nanosleep(&time, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* ---- what the harness heard, and what is there ---- */

struct heard {
    uint64_t labels[65536];
    uint64_t imports[256];
    size_t n_labels, n_imports;
    bool opened;
};

static void hear(struct harness *h, int in, struct heard *heard)
{
    FILE *stream = fdopen(in, "r");
    char word[8];
    uint64_t number;
    memset(heard, 0, sizeof *heard);
    while (fscanf(stream, "%7s %" SCNu64, word, &number) == 2) {
        if (strcmp(word, "ACK") == 0 && heard->n_labels < 65536)
            heard->labels[heard->n_labels++] = number;
        else if (strcmp(word, "IMP") == 0 && heard->n_imports < 256)
            heard->imports[heard->n_imports++] = number;
        else if (strcmp(word, "OPEN") == 0)
            heard->opened = true;
        else
            wrong(h, "the worker said %s %" PRIu64, word, number);
    }
    fclose(stream);
}

static struct store *open_again(struct harness *h)
{
    struct error err = {0};
    struct store *store = store_open(h->dir, 0, NULL, &err);
    if (!store)
        wrong(h, "cannot open again: %s", err.text);
    return store;
}

static void check_acked(struct harness *h, struct store *store, const struct heard *heard)
{
    uint8_t keys[64][32];
    struct label out[64];
    bool found[64];
    for (size_t from = 0; from < heard->n_labels; from += 64) {
        size_t n = heard->n_labels - from < 64 ? heard->n_labels - from : 64;
        for (size_t i = 0; i < n; i++)
            hash_bytes(&heard->labels[from + i], 8, keys[i]);
        if (store_find_labels(store, (const uint8_t(*)[32])keys, n, out, found, NULL))
            wrong(h, "labels cannot be read");
        for (size_t i = 0; i < n; i++) {
            if (!found[i])
                wrong(h, "label %" PRIu64 " was acknowledged and is lost",
                      heard->labels[from + i]);
            else
                label_release(&out[i]);
        }
    }
    for (size_t i = 0; i < heard->n_labels; i++) {
        h->n_acked += !h->acked[heard->labels[i]];
        h->acked[heard->labels[i]] = 1;
    }
}

/* All rows of the labelled set: none twice, none unknown, few that nobody was told of. */
static void check_all_labels(struct harness *h, struct store *store, uint64_t rounds)
{
    struct set_row set;
    struct label_list all;
    if (store_find_set(store, "x", &set, NULL) ||
        store_load_labels(store, set.id, -1, NULL, &all, NULL)) {
        wrong(h, "labels cannot be loaded");
        return;
    }
    uint8_t *seen = xcalloc(1, rounds * SPAN + 1);
    h->n_unacked = 0;
    for (size_t i = 0; i < all.n; i++) {
        uint64_t number = (uint64_t)all.labels[i].tokens;
        uint8_t key[32];
        hash_bytes(&number, 8, key);
        if (number > rounds * SPAN || memcmp(key, all.labels[i].key, 32))
            wrong(h, "label %" PRIu64 " is unknown", number);
        else if (seen[number]++)
            wrong(h, "label %" PRIu64 " is there twice", number);
        else
            h->n_unacked += !h->acked[number];
    }
    /* What a writer had in hand may be there: one batch each, two workers in some rounds.
     */
    if (h->n_unacked > 2 * rounds * WRITERS * BATCH)
        wrong(h, "%" PRIu64 " labels that nobody acknowledged", h->n_unacked);
    label_list_release(&all);
    set_row_release(&set);
    free(seen);
}

/* Every set of an import is whole, and those acknowledged are there. */
static void check_imports(struct harness *h, struct store *store,
                          const struct heard *heard)
{
    struct set_rows sets;
    uint64_t newest = 0;
    if (store_sets(store, &sets, NULL)) {
        wrong(h, "sets cannot be read");
        return;
    }
    for (size_t i = 0; i < sets.n; i++) {
        uint64_t number;
        if (sscanf(sets.rows[i].name, "imp-%" SCNu64, &number) != 1)
            continue;
        newest = number > newest ? number : newest;
        if (sets.rows[i].n_pairs != IMPORT_PAIRS)
            wrong(h, "%s has %" PRId64 " pairs", sets.rows[i].name, sets.rows[i].n_pairs);
    }
    /* They are made in order, so the newest tells of all. */
    if (heard->n_imports && newest < heard->imports[heard->n_imports - 1])
        wrong(h, "import %" PRIu64 " was acknowledged and is lost",
              heard->imports[heard->n_imports - 1]);
    h->n_imports = sets.n - 1;
    set_rows_release(&sets);
}

static void check_file(struct harness *h)
{
    static const char *const checks[] = {"PRAGMA integrity_check(5)",
                                         "PRAGMA foreign_key_check"};
    char *path = xasprintf("%s/rlaif.db", h->dir);
    sqlite3 *db;
    sqlite3_stmt *stmt;
    if (sqlite3_open(path, &db))
        wrong(h, "%s: %s", path, sqlite3_errmsg(db));
    for (int i = 0; i < 2; i++) {
        sqlite3_prepare_v2(db, checks[i], -1, &stmt, NULL);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(stmt, 0);
            if (!text || strcmp(text, "ok"))
                wrong(h, "%s: %s", checks[i], text ? text : "");
        }
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
    free(path);
}

/* ---- the tests ---- */

static void prepare(struct harness *h, uint64_t rounds)
{
    struct pair_list pairs;
    int64_t set;
    h->dir = fixture_dir();
    h->acked = xcalloc(1, (rounds + 1) * SPAN + 1);
    h->n_acked = h->n_unacked = h->n_imports = 0;
    h->bad = 0;
    struct store *store = open_again(h);
    if (!store || fixture_import(store, "x", 0, 1, &set, NULL) ||
        store_load_pairs(store, set, &pairs, NULL))
        exit(1);
    h->pair = pairs.pairs[0].id;
    pair_list_release(&pairs);
    store_close(store);
}

static void put_away(struct harness *h)
{
    fixture_remove(h->dir);
    free(h->acked);
}

/* Kills from before the lock is taken to the middle of the work; sometimes the next too.
 */
static bool kill_labelling(struct harness *h, uint64_t kills, char text[200])
{
    static struct heard heard, again;
    double start = clock_seconds();
    uint64_t opened = 0;
    prepare(h, kills);
    for (uint64_t round = 0; round < kills && !h->bad; round++) {
        int in;
        pid_t child = start_worker(h, round, &in, false);
        if (round % 2)
            await_bytes(in, 4);
        kill_after(child, rng_below(h->key, round, 12000));
        hear(h, in, &heard);
        opened += heard.opened;
        if (round % 8 == 7) {
            child = start_worker(h, round, &in, true);
            kill_after(child, rng_below(h->key, round, 4000));
            hear(h, in, &again);
        }
        struct store *store = open_again(h);
        if (!store)
            break;
        check_acked(h, store, &heard);
        if (round % 50 == 49 || round + 1 == kills)
            check_all_labels(h, store, round + 1);
        store_close(store);
        if (round % 20 == 19)
            check_file(h);
    }
    check_file(h);
    snprintf(text, 200,
             "%" PRIu64 " kills at random times (%" PRIu64 " of them after the opening):"
             " %" PRIu64 " acknowledged labels are there once, %" PRIu64
             " that were not, in %.1f s",
             kills, opened, h->n_acked, h->n_unacked, clock_seconds() - start);
    put_away(h);
    return !h->bad && h->n_acked > kills;
}

static bool kill_importing(struct harness *h, uint64_t kills, char text[200])
{
    static struct heard heard;
    uint64_t told = 0;
    prepare(h, 1);
    for (uint64_t round = 0; round < kills && !h->bad; round++) {
        int in;
        pid_t child = start_worker(h, round + 1, &in, true);
        if (round % 4) /* one word, two, or three */
            await_bytes(in, 10 * (int)(round % 4) - 6);
        kill_after(child, rng_below(h->key, 5000 + round, 20000));
        hear(h, in, &heard);
        told += heard.n_imports;
        struct store *store = open_again(h);
        if (!store)
            break;
        check_imports(h, store, &heard);
        store_close(store);
    }
    check_file(h);
    snprintf(text, 200,
             "%" PRIu64 " kills while importing: %" PRIu64 " sets are whole, %" PRIu64
             " of them acknowledged",
             kills, h->n_imports, told);
    put_away(h);
    return !h->bad && told > 0;
}

/* A first start that is killed leaves a folder in which the next one works. */
static bool kill_first_start(struct harness *h, uint64_t kills, char text[200])
{
    h->bad = 0;
    for (uint64_t round = 0; round < kills && !h->bad; round++) {
        h->dir = fixture_dir();
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            store_open(h->dir, 0, NULL, NULL);
            for (;;)
                pause();
        }
        kill_after(child, rng_below(h->key, 9000 + round, 6000));
        store_close(open_again(h));
        check_file(h);
        fixture_remove(h->dir);
    }
    snprintf(text, 200, "%" PRIu64 " kills at the first start: the next one works",
             kills);
    return !h->bad;
}

/* What a worker does that is killed at its n-th call. */
static void run_planned(const struct harness *h, int out, enum fault_kind kind, int n)
{
    struct label label;
    fault_arm(kind, n, false);
    struct store *store = store_open(h->dir, 0, NULL, NULL);
    fixture_label(&label, h->pair, 0, "direct", 1);
    label.tokens = 1;
    if (!store || store_add_labels(store, &label, 1, NULL))
        _exit(1);
    say(out, "ACK", 1);
    if (import_set(store, 1))
        _exit(1);
    say(out, "IMP", 1);
    store_close(store);
    _exit(0);
}

/* False: the worker got through. */
static bool kill_at_call(struct harness *h, enum fault_kind kind, int n)
{
    static struct heard heard;
    int ends[2], status;
    prepare(h, 1);
    if (pipe(ends))
        exit(1);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        run_planned(h, ends[1], kind, n);
    close(ends[1]);
    waitpid(child, &status, 0);
    hear(h, ends[0], &heard);
    struct store *store = open_again(h);
    if (store) {
        check_acked(h, store, &heard);
        check_imports(h, store, &heard);
        check_all_labels(h, store, 1);
        store_close(store);
    }
    check_file(h);
    if (WIFEXITED(status) && WEXITSTATUS(status))
        wrong(h, "the worker failed at call %d", n);
    put_away(h);
    return WIFSIGNALED(status);
}

static bool kill_at_calls(struct harness *h, enum fault_kind kind, char text[200])
{
    int n = 1;
    while (kill_at_call(h, kind, n) && !h->bad)
        n++;
    snprintf(text, 200, "killed %s each of %d writes, syncs and truncations",
             kind == FAULT_KILL_BEFORE ? "before" : "after", n - 1);
    return !h->bad && n > 10;
}

int main(void)
{
    const char *more = getenv("RLAIF_KILLS");
    uint64_t kills = more ? strtoull(more, NULL, 10) : getenv("RLAIF_QUICK") ? 40 : 300;
    struct harness h = {.key = rng_key(1, "kill", "store")};
    char text[200];
    int failed = 0;
    signal(SIGPIPE, SIG_IGN);
    fault_install();
    printf("1..5\n");
    for (int i = 1; i <= 5; i++) {
        bool ok = i == 1   ? kill_labelling(&h, kills, text)
                  : i == 2 ? kill_importing(&h, kills / 5, text)
                  : i == 3 ? kill_first_start(&h, kills / 6, text)
                  : i == 4 ? kill_at_calls(&h, FAULT_KILL_BEFORE, text)
                           : kill_at_calls(&h, FAULT_KILL_AFTER, text);
        say_line(ok, i, text);
        failed += !ok;
    }
    return failed ? 1 : 0;
}
