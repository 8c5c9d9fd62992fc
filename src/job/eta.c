#include "src/job/eta.h"

#include <math.h>

void eta_add(struct eta *eta, double seconds, uint64_t done)
{
    if (eta->n > 0 && seconds < eta->marks[eta->n - 1].seconds + eta->spacing)
        return;
    if (eta->n == ETA_MARKS) {
        /* Keep every other one, and from now on mark half as often. */
        for (int i = 0; i < ETA_MARKS / 2; i++)
            eta->marks[i] = eta->marks[2 * i];
        eta->n = ETA_MARKS / 2;
        eta->spacing = 2.0 * (eta->spacing > 0 ? eta->spacing : 0.05);
    }
    eta->marks[eta->n++] = (struct eta_mark){seconds, done};
}

/* Units a second since mark i; 0 when nothing was done. */
static double rate_since(const struct eta *eta, int i, double seconds, uint64_t done)
{
    const struct eta_mark *mark = &eta->marks[i];
    if (done <= mark->done || seconds <= mark->seconds)
        return 0.0;
    return (double)(done - mark->done) / (seconds - mark->seconds);
}

bool eta_range(const struct eta *eta, double seconds, uint64_t done, uint64_t total,
               double *low, double *high)
{
    if (!done || done >= total || eta->n == 0)
        return false;
    double share = (double)done / (double)total;
    if (seconds < 2.0 && (share < 0.05 || seconds < 0.2))
        return false;
    double whole = (double)done / seconds;
    double half = rate_since(eta, eta->n / 2, seconds, done);
    double late = rate_since(eta, eta->n > 4 ? eta->n - 4 : 0, seconds, done);
    double fast = fmax(whole, fmax(half, late));
    double slow = whole;
    if (half > 0.0)
        slow = fmin(slow, half);
    if (late > 0.0)
        slow = fmin(slow, late);
    /* Few units say little: one standard error of a count on either side, 5 % at least.
     */
    double spread = fmax(0.05, 1.0 / sqrt((double)done));
    double left = (double)(total - done);
    *low = left / fast / (1.0 + spread);
    *high = left / slow * (1.0 + spread);
    return true;
}
