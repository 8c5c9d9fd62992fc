#include "src/label/stats_null.h"

#include <math.h>

struct stats_null stats_null(const struct null_row *rows, size_t n, enum null_kind kind)
{
    struct stats_null out = { 0 };
    struct sum p = { 0, 0 }, uneven = { 0, 0 }, outside = { 0, 0 };
    size_t n_outside = 0;
    /* The same response in both slots, or nothing at all, reads the same in both orders. */
    int orders = kind == NULL_NO_CONTEXT ? 2 : 1;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].kind != kind)
            continue;
        out.n++;
        out.invalid += rows[i].invalid;
        for (int o = 0; o < orders && !rows[i].invalid; o++) {
            double x = rows[i].p_first[o];
            if (isnan(x))
                continue;
            out.calls++;
            out.decisive_calls += x != .5;
            out.first_picks += x > .5;
            sum_add(&p, x);
            sum_add(&uneven, fabs(2 * x - 1));
            if (!isnan(rows[i].outside[o])) {
                sum_add(&outside, rows[i].outside[o]);
                n_outside++;
            }
        }
    }
    out.first_pick_rate = stats_rate((double)out.first_picks, out.decisive_calls);
    out.wilson = stats_wilson(out.first_pick_rate, out.decisive_calls);
    out.first_pick_p = stats_binomial_p(out.first_picks, out.decisive_calls);
    out.p_first_mean = stats_rate(sum_value(&p), out.calls);
    out.unevenness = stats_rate(sum_value(&uneven), out.calls);
    out.outside = stats_rate(sum_value(&outside), n_outside);
    return out;
}
