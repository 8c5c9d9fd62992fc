/* What a labelling run would cost, from a sample of its pairs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/job/label_run_impl.h"

#define SAMPLE_PAIRS 64

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Rows of this prompt version by this labeler for pairs of the scope. */
static int count_found(const struct label_run_config *config, size_t most, size_t *found,
                       struct error *err)
{
    struct label_list rows = {0};
    *found = 0;
    if (!config->store || config->n == 0)
        return 0;
    if (store_load_labels(config->store, config->pairs[0]->set_id, config->prompt_id,
                          labeler_name(config->labeler), &rows, err))
        return -1;
    int64_t *ids = xcalloc(config->n + 1, sizeof *ids);
    for (size_t i = 0; i < config->n; i++)
        ids[i] = config->pairs[i]->id;
    qsort(ids, config->n, sizeof *ids, compare_ids);
    for (size_t i = 0; i < rows.n; i++)
        if (rows.labels[i].repeat < labeler_repeats(config->labeler) &&
            bsearch(&rows.labels[i].pair_id, ids, config->n, sizeof *ids, compare_ids))
            ++*found;
    free(ids);
    label_list_release(&rows);
    if (*found > most)
        *found = most; /* rows of another seed */
    return 0;
}

static size_t common(const struct tokens *a, const struct tokens *b)
{
    size_t k = 0;
    while (k < a->n && k < b->n && a->ids[k] == b->ids[k])
        k++;
    return k;
}

/* Tokens of the sample, and how many of them are in the engine or shared with the
 * question before. */
static int measure(const struct label_run_config *config, size_t *n_sampled,
                   double *tokens, double *shared, const struct cancel *cancel,
                   struct error *err)
{
    size_t step = config->n > SAMPLE_PAIRS ? config->n / SAMPLE_PAIRS : 1;
    struct question last = {0};
    bool have_last = false;
    int rc = 0;
    for (size_t i = 0; i < config->n && *n_sampled < SAMPLE_PAIRS && rc == 0; i += step) {
        for (int order = 0; order < 2 && rc == 0; order++) {
            struct question q;
            if (cancel_asked(cancel))
                rc = error_set(err, ERROR_CANCELLED, "stopped");
            else
                rc = labeler_prepare(config->labeler, config->pairs[i], (enum order)order,
                                     0, &q, err);
            if (rc)
                break;
            size_t kept = labeler_cached(config->labeler, &q);
            size_t same = have_last ? common(&last.rendered.tokens, &q.rendered.tokens) : 0;
            *tokens += (double)q.n_tokens;
            *shared += (double)(kept > same ? kept : same);
            question_release(&last);
            last = q;
            have_last = true;
        }
        ++*n_sampled;
    }
    question_release(&last);
    return rc;
}

int label_estimate(const struct label_run_config *config, struct label_estimate *out,
                   const struct cancel *cancel, struct error *err)
{
    const struct labeler_caps *caps = labeler_caps(config->labeler);
    size_t n_sampled = 0, repeats = (size_t)labeler_repeats(config->labeler);
    double tokens = 0, shared = 0;
    memset(out, 0, sizeof *out);
    out->seconds_low = out->seconds_high = -1;
    out->pairs = config->n;
    out->questions = config->n * questions_of(config->labeler);
    if (count_found(config, out->questions, &out->found, err) ||
        measure(config, &n_sampled, &tokens, &shared, cancel, err))
        return -1;
    out->calls = out->questions - out->found;
    if (n_sampled && tokens > 0) {
        double per_question = tokens / (2.0 * (double)n_sampled);
        double all = tokens * (double)repeats; /* samples of one order share the whole prompt */
        out->tokens = per_question * (double)out->calls;
        out->cached = (shared + tokens * (double)(repeats - 1)) / all;
    }
    out->generated = (double)(out->calls * caps->max_generated);
    if (!config->store)
        return 0;
    char *name = label_rate_name(config->labeler), *value = store_get_setting(config->store, name);
    double rate = value ? strtod(value, NULL) : 0;
    if (rate > 0) {
        /* Between nothing written and all that may be, with a margin for a busy machine. */
        double read = out->tokens * (1 - out->cached);
        out->seconds_low = 0.9 * read / rate;
        out->seconds_high = 1.3 * (read + out->generated) / rate;
    }
    free(name);
    free(value);
    return 0;
}

static void format_count(double n, char out[32])
{
    if (n >= 1e6)
        snprintf(out, 32, "%.1fM", n / 1e6);
    else if (n >= 1e4)
        snprintf(out, 32, "%.0fk", n / 1e3);
    else if (n >= 1e3)
        snprintf(out, 32, "%d,%03d", (int)n / 1000, (int)n % 1000);
    else
        snprintf(out, 32, "%.0f", n);
}

/* Both ends in one unit: "5 to 7 min". */
static void format_span(double low, double high, char *out, size_t size)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{3600, "h"}, {60, "min"}, {1, "s"}};
    size_t u = 0;
    while (u < 2 && high < 1.5 * units[u].seconds)
        u++;
    double a = low / units[u].seconds, b = high / units[u].seconds;
    if (b < 1)
        snprintf(out, size, "under 1 s");
    else if ((int)(a + 0.5) == (int)(b + 0.5))
        snprintf(out, size, "about %.0f %s", b, units[u].name);
    else
        snprintf(out, size, "about %.0f to %.0f %s", a, b, units[u].name);
}

void label_estimate_format(const struct label_estimate *e, char *out, size_t out_size)
{
    char calls[32], tokens[32], found[32], span[64] = "";
    format_count((double)e->calls, calls);
    format_count(e->tokens, tokens);
    format_count((double)e->found, found);
    if (e->calls && e->seconds_high >= 0)
        format_span(e->seconds_low, e->seconds_high, span, sizeof span);
    struct buf b;
    buf_init(&b, 0);
    buf_addf(&b, "%s call%s", calls, e->calls == 1 ? "" : "s");
    if (e->calls && e->tokens > 0)
        buf_addf(&b, ", %s tokens (%.0f %% shared)", tokens, 100 * e->cached);
    if (e->calls && e->generated > 0) {
        format_count(e->generated, tokens);
        buf_addf(&b, ", at most %s written", tokens);
    }
    if (span[0])
        buf_addf(&b, ", %s", span);
    else if (e->calls && e->tokens > 0)
        buf_adds(&b, ", time not known yet");
    if (e->found)
        buf_addf(&b, "; %s answered before", found);
    snprintf(out, out_size, "%s", buf_str(&b));
    buf_release(&b);
}
