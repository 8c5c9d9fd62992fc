/* Which pairs a command means. */
#include "src/cmd/scope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/cmd/filter.h"

/* Bits of the splits that are meant. */
static int parse_splits(const struct call *call, unsigned *out, bool *reads_test, struct error *err)
{
    const char *text = call_get(call, "split");
    enum split split;

    *out = 1u << SPLIT_TRAIN | 1u << SPLIT_DEV;
    *reads_test = false;
    if (!text)
        return 0;
    if (strcmp(text, "all") == 0) {
        *out |= 1u << SPLIT_TEST;
    } else if (split_parse(text, &split)) {
        *out = 1u << split;
    } else {
        return error_set(err, ERROR_USAGE,
                         "split must be train, dev, test or all, not \"%s\"", text);
    }
    *reads_test = *out & 1u << SPLIT_TEST;
    return 0;
}

static void describe(struct scope *scope, const struct call *call, long n)
{
    const char *split = call_get(call, "split");
    int len = snprintf(scope->text, sizeof scope->text, "%s",
                       !split                      ? "train and dev"
                       : strcmp(split, "all") == 0 ? "all splits"
                                                   : split);
    if (n > 0 && (size_t)len < sizeof scope->text)
        len += snprintf(scope->text + len, sizeof scope->text - (size_t)len, ", first %ld", n);
    if (call->where && (size_t)len < sizeof scope->text)
        snprintf(scope->text + len, sizeof scope->text - (size_t)len, ", where %.40s", call->where);
}

int scope_make(const struct call *call, struct set_index *set, const struct judging *judging,
               struct scope *out, struct error *err)
{
    unsigned splits;
    long n = 0;
    struct filter *filter = NULL;

    *out = (struct scope){.set = set};
    if (parse_splits(call, &splits, &out->reads_test, err) < 0 ||
        call_get_int(call, "n", 1, 100000000, &n, err) < 0)
        return -1;
    if (call->where) {
        filter = filter_compile(call->where, err);
        if (!filter)
            return -1;
    }
    out->pairs = xcalloc(set->list.n ? set->list.n : 1, sizeof *out->pairs);
    for (size_t k = 0; k < set->list.n; k++) {
        size_t i = set->order[k];
        const struct pair *pair = &set->list.pairs[i];
        if (!(splits & 1u << pair->split))
            continue;
        if (filter) {
            struct judged bare;
            if (!judging)
                judged_make(&bare, pair, NULL, 0, false);
            if (!filter_holds(filter, judging ? &judging->rows[i] : &bare))
                continue;
        }
        out->pairs[out->n++] = i;
        if (n > 0 && out->n == (size_t)n)
            break;
    }
    filter_free(filter);
    describe(out, call, n);
    return 0;
}

void scope_release(struct scope *scope)
{
    free(scope->pairs);
    *scope = (struct scope){0};
}

int scope_count_look(const struct call *call, const struct scope *scope, int64_t prompt_id,
                     const char *what, struct error *err)
{
    if (!scope->reads_test || call->wb->readonly)
        return 0;
    return store_add_look(call->wb->store, scope->set->row.id, call_get(call, "split"), prompt_id,
                          what, err);
}

static int by_index(const void *a, const void *b)
{
    const size_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

struct judged *scope_judged(const struct scope *scope, const struct judging *judging, size_t *n)
{
    struct judged *rows = xcalloc(scope->n ? scope->n : 1, sizeof *rows);
    size_t *sorted = xcalloc(scope->n ? scope->n : 1, sizeof *sorted);

    if (scope->n)
        memcpy(sorted, scope->pairs, scope->n * sizeof *sorted);
    qsort(sorted, scope->n, sizeof *sorted, by_index);
    *n = 0;
    for (size_t k = 0; k < scope->n; k++) {
        const struct judged *row = &judging->rows[sorted[k]];
        if (row->asked[0] || row->asked[1])
            rows[(*n)++] = *row;
    }
    free(sorted);
    return rows;
}
