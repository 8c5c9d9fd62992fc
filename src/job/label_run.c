#include "src/job/label_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/job/label_run_impl.h"
#include "src/label/judged.h"

/* A call's length in seconds: progress is told after each, and a stopped run loses at most one. */
#define CALL_SECONDS 1.2
#define CALL_SECONDS_COT 6.0
#define RETRIES_MAX 3

struct run {
    const struct label_run_config *config;
    const struct label_run_events *events;
    const struct cancel *cancel;
    struct label_summary *sum;
    size_t per_pair;      /* questions */
    size_t window;        /* pairs in the next call */
    double computed, seconds; /* of the calls, for the rate */
};

/* One call: the questions of some pairs; rows[i] is the answer to questions[i]. */
struct window {
    const struct pair *const *pairs;
    size_t n_pairs, n;
    struct question *questions;
    struct label *rows;
    bool *have;          /* rows[i] is filled */
    bool *fresh;         /* and must be committed */
    size_t *twin;        /* an earlier question with the same key, else the question itself */
    bool any_asked;
};

struct placed {
    uint64_t cluster;
    size_t first, index;
};

static int by_cluster(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->cluster != y->cluster)
        return x->cluster < y->cluster ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int by_first(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

void label_run_order(const struct pair *const *pairs, size_t n, size_t *order)
{
    struct placed *list = xcalloc(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = (struct placed){pairs[i]->cluster, i, i};
    qsort(list, n, sizeof *list, by_cluster);
    for (size_t i = 1; i < n; i++)
        if (list[i].cluster == list[i - 1].cluster)
            list[i].first = list[i - 1].first;
    qsort(list, n, sizeof *list, by_first);
    for (size_t i = 0; i < n; i++)
        order[i] = list[i].index;
    free(list);
}

char *label_rate_name(const struct labeler *labeler)
{
    return xasprintf("rate %s%s", labeler_name(labeler),
                     labeler_caps(labeler)->generates ? " cot" : "");
}

/* ---- one window ---- */

static void window_release(struct window *w)
{
    for (size_t i = 0; i < w->n; i++) {
        question_release(&w->questions[i]);
        if (w->have[i])
            label_release(&w->rows[i]);
    }
    free(w->questions);
    free(w->rows);
    free(w->have);
    free(w->fresh);
    free(w->twin);
}

/* By a table over the keys, which are hashes already. */
static void find_twins(struct window *w)
{
    size_t size = 16;
    while (size < 2 * w->n)
        size *= 2;
    size_t *table = xcalloc(size, sizeof *table); /* index + 1 */
    for (size_t i = 0; i < w->n; i++) {
        const uint8_t *key = w->questions[i].key;
        size_t at;
        memcpy(&at, key, sizeof at);
        for (at &= size - 1; table[at]; at = (at + 1) & (size - 1))
            if (memcmp(w->questions[table[at] - 1].key, key, 32) == 0)
                break;
        if (!table[at])
            table[at] = i + 1;
        w->twin[i] = table[at] - 1;
    }
    free(table);
}

static int window_prepare(struct run *r, struct window *w, struct error *err)
{
    size_t n = w->n_pairs * r->per_pair;
    w->questions = xcalloc(n + 1, sizeof *w->questions);
    w->rows = xcalloc(n + 1, sizeof *w->rows);
    w->have = xcalloc(n + 1, sizeof *w->have);
    w->fresh = xcalloc(n + 1, sizeof *w->fresh);
    w->twin = xcalloc(n + 1, sizeof *w->twin);
    for (size_t i = 0; i < n; i++) {
        size_t k = i % r->per_pair;
        if (cancel_asked(r->cancel))
            return error_set(err, ERROR_CANCELLED, "stopped");
        if (labeler_prepare(r->config->labeler, w->pairs[i / r->per_pair],
                            (enum order)(k % 2), (int)(k / 2), &w->questions[i], err))
            return -1;
        w->n = i + 1;
    }
    find_twins(w);
    return 0;
}

/* The key of a copy for another pair or prompt version. */
static void alias_key(const uint8_t key[32], int64_t pair_id, int64_t prompt_id, uint8_t out[32])
{
    struct hash hash;
    hash_init(&hash);
    hash_field(&hash, "copy", 4);
    hash_add(&hash, key, 32);
    hash_u64(&hash, (uint64_t)pair_id);
    hash_u64(&hash, (uint64_t)prompt_id);
    hash_end(&hash, out);
}

static void make_copy(const struct run *r, struct label *row, const struct pair *pair,
                      const uint8_t key[32])
{
    memcpy(row->key, key, 32);
    row->id = 0;
    row->pair_id = pair->id;
    row->prompt_id = r->config->prompt_id;
    free(row->labeler);
    row->labeler = xstrdup(labeler_name(r->config->labeler));
    row->created_at = clock_wall_ms();
}

/* Pairs with the same texts: the answer to the first is copied for the others. */
static void copy_twins(const struct run *r, struct window *w)
{
    for (size_t i = 0; i < w->n; i++) {
        uint8_t key[32];
        size_t j = w->twin[i];
        if (w->have[i] || j == i)
            continue;
        label_copy(&w->rows[i], &w->rows[j]);
        alias_key(w->questions[i].key, w->questions[i].pair->id, r->config->prompt_id, key);
        make_copy(r, &w->rows[i], w->questions[i].pair, key);
        w->have[i] = w->fresh[i] = true;
    }
}

static int window_find(struct run *r, struct window *w, struct error *err)
{
    struct store *store = r->config->store;
    size_t n = w->n, n_alias = 0;
    if (!store)
        return 0;
    uint8_t(*keys)[32] = xcalloc(n + 1, sizeof *keys);
    uint8_t(*aliases)[32] = xcalloc(n + 1, sizeof *aliases);
    size_t *which = xcalloc(n + 1, sizeof *which);
    struct label *copies = xcalloc(n + 1, sizeof *copies);
    bool *found = xcalloc(n + 1, sizeof *found);
    for (size_t i = 0; i < n; i++)
        memcpy(keys[i], w->questions[i].key, 32);
    int rc = store_find_labels(store, (const uint8_t(*)[32])keys, n, w->rows, w->have, err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct label *row = &w->rows[i];
        int64_t pair_id = w->questions[i].pair->id;
        if (!w->have[i] || (row->pair_id == pair_id && row->prompt_id == r->config->prompt_id))
            continue;
        alias_key(row->key, pair_id, r->config->prompt_id, aliases[n_alias]);
        which[n_alias++] = i;
    }
    if (rc == 0 && n_alias)
        rc = store_find_labels(store, (const uint8_t(*)[32])aliases, n_alias, copies, found, err);
    for (size_t k = 0; k < n_alias && rc == 0; k++) {
        struct label *row = &w->rows[which[k]];
        if (found[k]) {
            label_release(row);
            *row = copies[k];
            continue;
        }
        make_copy(r, row, w->questions[which[k]].pair, aliases[k]);
        w->fresh[which[k]] = true;
    }
    free(keys);
    free(aliases);
    free(which);
    free(copies);
    free(found);
    return rc;
}

/* Takes answers as they come, in any order. */
static int collect_all(struct run *r, struct window *w, size_t n, struct error *err,
                       enum labeler_failure *failure)
{
    struct answer *answers = xcalloc(n, sizeof *answers);
    int rc = 0;
    for (size_t got = 0; got < n && rc == 0;) {
        int k = labeler_collect(r->config->labeler, answers, n - got, r->cancel, failure, err);
        if (k < 0)
            rc = -1;
        else if (k == 0)
            rc = error_set(err, ERROR_FAILED,
                           "the labeler left %zu questions without an answer", n - got);
        for (int i = 0; i < k; i++) {
            size_t at = (size_t)(answers[i].question - w->questions);
            w->rows[at] = answers[i].label;
            w->rows[at].prompt_id = r->config->prompt_id;
            w->have[at] = w->fresh[at] = true;
            r->sum->asked++;
            r->sum->tokens += (double)answers[i].label.tokens;
            r->sum->reused += (double)answers[i].label.reused;
            r->computed += (double)(answers[i].label.tokens - answers[i].label.reused);
        }
        got += k > 0 ? (size_t)k : 0;
    }
    free(answers);
    return rc;
}

static int window_ask(struct run *r, struct window *w, struct error *err)
{
    const struct question **list = xcalloc(w->n + 1, sizeof *list);
    int rc = 0;
    for (int attempt = 0;; attempt++) {
        enum labeler_failure failure = LABELER_OK;
        size_t n = 0;
        for (size_t i = 0; i < w->n; i++)
            if (!w->have[i] && w->twin[i] == i)
                list[n++] = &w->questions[i];
        if (n == 0)
            break;
        double t0 = clock_seconds();
        w->any_asked = true;
        rc = labeler_submit(r->config->labeler, list, n, err);
        if (rc == 0)
            rc = collect_all(r, w, n, err, &failure);
        r->seconds += clock_seconds() - t0;
        if (rc == 0)
            break;
        labeler_drop(r->config->labeler);
        if (failure != LABELER_RETRY || attempt == RETRIES_MAX)
            break;
        rc = 0;
    }
    free(list);
    return rc;
}

/* Fresh rows in one transaction; only then is anything told. */
static int window_commit(struct run *r, struct window *w, struct error *err)
{
    struct label *batch = xcalloc(w->n + 1, sizeof *batch);
    size_t n = 0;
    int rc = 0;
    for (size_t i = 0; i < w->n; i++)
        if (w->have[i] && w->fresh[i])
            batch[n++] = w->rows[i];
    if (r->config->store && n)
        rc = store_add_labels(r->config->store, batch, n, err);
    n = 0;
    for (size_t i = 0; i < w->n && rc == 0; i++)
        if (w->have[i] && w->fresh[i])
            w->rows[i].id = batch[n++].id;
    free(batch);
    return rc;
}

/* ---- what is told ---- */

static void count_pair(struct run *r, const struct pair *pair, const struct label *rows, size_t n)
{
    const struct label **list = xcalloc(n + 1, sizeof *list);
    struct judged judged;
    for (size_t i = 0; i < n; i++) {
        list[i] = &rows[i];
        r->sum->invalid += rows[i].error != NULL;
    }
    judged_make(&judged, pair, list, n, false);
    free(list);
    enum choice wanted = judged.reference.choice;
    r->sum->pairs++;
    if ((pair->flags & PAIR_IDENTICAL) || judged.verdict == VERDICT_NONE ||
        (wanted != CHOICE_A && wanted != CHOICE_B))
        return;
    r->sum->decided++;
    if (judged.verdict == VERDICT_HALF)
        r->sum->agreed_x2 += 1;
    else if ((judged.verdict == VERDICT_A) == (wanted == CHOICE_A))
        r->sum->agreed_x2 += 2;
}

static void tell(struct run *r, const struct window *w)
{
    const struct label_run_events *e = r->events;
    for (size_t p = 0; p < w->n_pairs; p++) {
        const struct label *rows = w->rows + p * r->per_pair;
        bool reused = true;
        for (size_t i = 0; i < r->per_pair; i++)
            if (w->fresh[p * r->per_pair + i])
                reused = false;
        count_pair(r, w->pairs[p], rows, r->per_pair);
        if (e && e->labels)
            e->labels(e->ctx, rows, r->per_pair, reused);
    }
    r->sum->done += w->n;
    if (e && e->progress) {
        char note[160] = "";
        const struct label_summary *s = r->sum;
        int len = 0;
        if (s->decided)
            len = snprintf(note, sizeof note, "agree %.1f %% of %zu",
                           50.0 * (double)s->agreed_x2 / (double)s->decided, s->decided);
        if (s->invalid)
            snprintf(note + len, sizeof note - (size_t)len, "%s%zu without a label",
                     len ? ", " : "", s->invalid);
        e->progress(e->ctx, s->done, s->questions, note);
    }
}

/* Pairs for the next call, from what the last ones took. */
static void choose_window(struct run *r, const struct window *last, double seconds)
{
    const struct labeler_caps *caps = labeler_caps(r->config->labeler);
    double want = caps->generates ? CALL_SECONDS_COT : CALL_SECONDS;
    size_t most = 2 * caps->batch / r->per_pair;
    if (most < 1)
        most = 1;
    if (r->config->probe) {
        r->window = 1;
        return;
    }
    if (!last)
        r->window = caps->generates ? 4 : 2;
    else if (!last->any_asked)
        r->window = 2 * r->window;
    else {
        double pairs = want * (double)last->n_pairs / (seconds > 1e-3 ? seconds : 1e-3);
        r->window = pairs < 1 ? 1 : pairs > 4.0 * (double)r->window ? 4 * r->window : (size_t)pairs;
    }
    if (r->window > most)
        r->window = most;
}

static int run_window(struct run *r, const struct pair *const *pairs, size_t n, struct error *err)
{
    struct window w = {.pairs = pairs, .n_pairs = n};
    double t0 = clock_seconds();
    int rc = window_prepare(r, &w, err);
    if (rc == 0)
        rc = window_find(r, &w, err);
    if (rc == 0)
        rc = window_ask(r, &w, err);
    if (rc == 0)
        copy_twins(r, &w);
    if (rc == 0)
        rc = window_commit(r, &w, err);
    if (rc == 0) {
        tell(r, &w);
        choose_window(r, &w, clock_seconds() - t0);
    }
    window_release(&w);
    return rc;
}

/* For the next estimate. A run too short to measure says nothing. */
static void keep_rate(const struct run *r)
{
    if (!r->config->store || store_readonly(r->config->store) || r->computed < 500 ||
        r->seconds < 0.2)
        return;
    char value[40], *name = label_rate_name(r->config->labeler);
    snprintf(value, sizeof value, "%.1f", r->computed / r->seconds);
    store_set_setting(r->config->store, name, value, NULL);
    free(name);
}

int label_run(const struct label_run_config *config, const struct label_run_events *events,
              const struct cancel *cancel, struct label_summary *out, struct error *err)
{
    struct run r = {.config = config, .events = events, .cancel = cancel, .sum = out,
                    .per_pair = questions_of(config->labeler)};
    double t0 = clock_seconds();
    memset(out, 0, sizeof *out);
    out->questions = config->n * r.per_pair;
    const struct pair **pairs = xcalloc(config->n + 1, sizeof *pairs);
    size_t *order = xcalloc(config->n + 1, sizeof *order);
    label_run_order(config->pairs, config->n, order);
    for (size_t i = 0; i < config->n; i++)
        pairs[i] = config->pairs[order[i]];
    choose_window(&r, NULL, 0);
    int rc = 0;
    if (events && events->estimate) {
        struct label_estimate estimate;
        rc = label_estimate(config, &estimate, cancel, err);
        if (rc == 0)
            events->estimate(events->ctx, &estimate);
    }
    for (size_t at = 0; at < config->n && rc == 0;) {
        size_t n = config->n - at < r.window ? config->n - at : r.window;
        if (cancel_asked(cancel) ||
            (events && events->checkpoint && !events->checkpoint(events->ctx))) {
            rc = error_set(err, ERROR_CANCELLED, "stopped");
            break;
        }
        rc = run_window(&r, pairs + at, n, err);
        at += n;
    }
    keep_rate(&r);
    out->found = out->done > out->asked ? out->done - out->asked : 0;
    out->seconds = clock_seconds() - t0;
    free(pairs);
    free(order);
    return rc;
}
