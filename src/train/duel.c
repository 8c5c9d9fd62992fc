/* Head-to-head: asking the judge, and what its verdicts amount to. */
#include "src/train/duel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/rng.h"

#define NEWTON_STEPS 100
#define SLOPE_MAX 1e6 /* beyond: the likelihood has no maximum */
#define Z975 1.959963984540054

/* ---- texts ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_mark(char c)
{
    return c == '.' || c == '!' || c == '?' || c == ',' || c == ';' || c == ':' || c == '-' ||
           c == '~' || c == '*' || c == '_';
}

size_t duel_strip(const char *text, size_t len)
{
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    while (len > 0 && is_mark(text[len - 1])) {
        size_t before = len - 1;

        while (before > 0 && is_blank(text[before - 1]))
            before--;
        if (before == 0 || !is_mark(text[before - 1]))
            break;
        len = before;
    }
    return len;
}

static double count_chars(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return (double)n;
}

void duel_set(struct duel_item *item, size_t prompt, const char *a, const char *b)
{
    *item = (struct duel_item){
        .prompt = prompt,
        .a = a,
        .b = b,
        .length_a = count_chars(a),
        .length_b = count_chars(b),
        .ab = NAN,
        .ba = NAN,
        .score = NAN,
    };
}

/* ---- judging ---- */

static double verdict(const struct duel_item *item, bool both)
{
    double p = both ? (item->ab + item->ba) / 2 : item->ab;

    return isnan(p) ? NAN : p > .5 ? 1 : p < .5 ? 0 : .5;
}

int duel_judge(struct duel_item *items, size_t n, duel_judge_fn *judge, void *arg, bool both,
               const struct cancel *cancel, struct error *err)
{
    size_t orders = both ? 2 : 1, n_asks = n * orders;
    struct duel_ask *asks = xcalloc(n_asks + 1, sizeof(*asks));
    double *p = xcalloc(n_asks + 1, sizeof(*p));
    int status;

    for (size_t i = 0; i < n_asks; i++) {
        const struct duel_item *item = &items[i / orders];
        bool swapped = i % orders == 1;

        asks[i] = (struct duel_ask){i / orders, swapped, swapped ? item->b : item->a,
                                    swapped ? item->a : item->b};
        p[i] = NAN;
    }
    status = judge(arg, asks, n_asks, p, cancel, err);
    for (size_t i = 0; status == 0 && i < n; i++) {
        items[i].ab = p[i * orders];
        items[i].ba = both ? 1 - p[i * orders + 1] : NAN;
        items[i].score = verdict(&items[i], both);
    }
    free(asks);
    free(p);
    return status;
}

/* ---- regression ---- */

static double logistic(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* log(1 + e^x) */
static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static double negative_likelihood(const double *x, const double *y, size_t n, double a, double b)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        double z = a + b * x[i];

        sum += softplus(z) - y[i] * z;
    }
    return sum;
}

/* One Newton step from (*a, *b), halved until the likelihood rises. Its length; negative:
 * no step. */
static double newton(const double *x, const double *y, size_t n, double *a, double *b)
{
    double ga = 0, gb = 0, haa = 0, hab = 0, hbb = 0, det, da, db, now;

    for (size_t i = 0; i < n; i++) {
        double p = logistic(*a + *b * x[i]), w = p * (1 - p), d = y[i] - p;

        ga += d;
        gb += d * x[i];
        haa += w;
        hab += w * x[i];
        hbb += w * x[i] * x[i];
    }
    det = haa * hbb - hab * hab;
    if (!(det > 1e-12 * haa * hbb) || !isfinite(det))
        return -1;
    da = (hbb * ga - hab * gb) / det;
    db = (haa * gb - hab * ga) / det;
    now = negative_likelihood(x, y, n, *a, *b);
    for (int i = 0; i < 40; i++, da /= 2, db /= 2) {
        if (negative_likelihood(x, y, n, *a + da, *b + db) <= now + 1e-12 * fabs(now)) {
            *a += da;
            *b += db;
            return fabs(da) + fabs(db);
        }
    }
    return 0;
}

bool logistic_fit(const double *x, const double *y, size_t n, double *intercept, double *slope)
{
    double mean = 0, spread = 0, a = 0, b = 0, step = 1;
    double *z = xmalloc((n + 1) * sizeof(*z));

    /* Standardised, so that Newton's matrix is well made for any unit of x. */
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        spread += (x[i] - mean) * (x[i] - mean) / (double)n;
    spread = sqrt(spread);
    for (size_t i = 0; i < n; i++)
        z[i] = (x[i] - mean) / spread;
    for (int i = 0; i < NEWTON_STEPS && step > 1e-13; i++)
        step = n > 1 && spread > 0 ? newton(z, y, n, &a, &b) : -1;
    free(z);
    *slope = b / spread;
    *intercept = a - *slope * mean;
    /* Separated data run away; where they do, probabilities of 1 to the last bit end the
     * steps first. */
    return step >= 0 && step <= 1e-9 * (1 + fabs(a) + fabs(b)) && fabs(b) < SLOPE_MAX;
}

/* ---- summary ---- */

static int compare_reals(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t low = (size_t)at;

    return low + 1 < n ? sorted[low] + (at - (double)low) * (sorted[low + 1] - sorted[low])
                       : sorted[n - 1];
}

static void bootstrap(const double *score, size_t n, uint64_t seed, size_t draws, double out[2])
{
    struct rng_key key = rng_key(seed, "duel bootstrap", "");
    double *means = xmalloc((draws + 1) * sizeof(*means));

    out[0] = out[1] = NAN;
    for (size_t d = 0; n && d < draws; d++) {
        struct rng_key draw = rng_sub(key, d);
        double sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += score[rng_below(draw, i, n)];
        means[d] = sum / (double)n;
    }
    if (n && draws) {
        qsort(means, draws, sizeof(*means), compare_reals);
        out[0] = quantile(means, draws, .025);
        out[1] = quantile(means, draws, .975);
    }
    free(means);
}

static void wilson(double p, double n, double out[2])
{
    double z2 = Z975 * Z975, middle = p + z2 / (2 * n);
    double half = Z975 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)), scale = 1 + z2 / n;

    out[0] = (middle - half) / scale;
    out[1] = (middle + half) / scale;
}

/* Rows with a length on both sides; false with equal ratios everywhere is no separation. */
static void control_length(const struct duel_item *items, size_t n, struct duel_summary *out)
{
    double *ratio = xmalloc((n + 1) * sizeof(*ratio)), *score = xmalloc((n + 1) * sizeof(*score));
    size_t rows = 0;
    bool varied = false;

    for (size_t i = 0; i < n; i++) {
        if (isnan(items[i].score) || !(items[i].length_b > 0))
            continue;
        ratio[rows] = items[i].length_a / items[i].length_b;
        score[rows] = items[i].score;
        varied |= ratio[rows] != ratio[0];
        rows++;
    }
    out->length_controlled = out->slope = out->intercept = NAN;
    if (logistic_fit(ratio, score, rows, &out->intercept, &out->slope))
        out->length_controlled = logistic(out->intercept + out->slope);
    else
        out->separated = varied;
    free(ratio);
    free(score);
}

void duel_summarise(const struct duel_item *items, size_t n, uint64_t seed, size_t draws,
                    struct duel_summary *out)
{
    double *score = xmalloc((n + 1) * sizeof(*score)), sum = 0;

    *out = (struct duel_summary){0};
    for (size_t i = 0; i < n; i++) {
        const struct duel_item *item = &items[i];

        if (isnan(item->score)) {
            out->failed++;
            continue;
        }
        score[out->n++] = item->score;
        sum += item->score;
        out->wins += item->score == 1;
        out->losses += item->score == 0;
        out->ties += item->score == .5;
        out->length_a += item->length_a;
        out->length_b += item->length_b;
        /* The slot is the same when what is said of a turns round with the order. */
        out->same_position += (item->ab > .5 && item->ba < .5) || (item->ab < .5 && item->ba > .5);
    }
    out->win_rate = out->n ? sum / (double)out->n : NAN;
    out->length_a /= out->n ? (double)out->n : 1;
    out->length_b /= out->n ? (double)out->n : 1;
    out->wilson[0] = out->wilson[1] = NAN;
    if (out->n)
        wilson(out->win_rate, (double)out->n, out->wilson);
    bootstrap(score, out->n, seed, draws, out->bootstrap);
    control_length(items, n, out);
    free(score);
}

/* ---- agreement of rankings ---- */

/* The midrank of each score, and the tie term sum of t^3 - t. */
static double midranks(const double *scores, size_t k, double *rank)
{
    double ties = 0;

    for (size_t i = 0; i < k; i++) {
        size_t below = 0, equal = 0;

        for (size_t j = 0; j < k; j++) {
            below += scores[j] < scores[i];
            equal += scores[j] == scores[i];
        }
        rank[i] = (double)below + ((double)equal + 1) / 2;
        ties += (double)(equal * equal) - 1; /* each of t members brings t^2 - 1 */
    }
    return ties;
}

double kendall_w(const double *scores, size_t m, size_t k)
{
    double *sum = xcalloc(k + 1, sizeof(*sum)), *rank = xcalloc(k + 1, sizeof(*rank));
    double ties = 0, mean = (double)m * ((double)k + 1) / 2, s = 0, most;

    for (size_t i = 0; i < m; i++) {
        ties += midranks(scores + i * k, k, rank);
        for (size_t j = 0; j < k; j++)
            sum[j] += rank[j];
    }
    for (size_t j = 0; j < k; j++)
        s += (sum[j] - mean) * (sum[j] - mean);
    most = (double)(m * m) * (double)(k * k * k - k) - (double)m * ties;
    free(sum);
    free(rank);
    return m < 2 || k < 2 || !(most > 0) ? NAN : 12 * s / most;
}
