/*
 * How long a job will still take, as a range: the rates of the whole run, of its later
 * half and of the last stretch differ when rows come from the cache or grow longer; the
 * range spans them. Plain data, no clock of its own.
 */
#ifndef RLAIF_JOB_ETA_H
#define RLAIF_JOB_ETA_H

#include <stdbool.h>
#include <stdint.h>

#define ETA_MARKS 32

struct eta {
    struct eta_mark {
        double seconds;
        uint64_t done;
    } marks[ETA_MARKS]; /* about evenly spaced, the newest last */
    int n;
    double spacing;
};

/* `done` units after `seconds` of work; both never fall. */
void eta_add(struct eta *eta, double seconds, uint64_t done);
/*
 * False before the warm-up is over (2 s, or 5 % of the work and 0.2 s), and when nothing
 * is known to move.
 */
bool eta_range(const struct eta *eta, double seconds, uint64_t done, uint64_t total,
               double *low, double *high);

#endif
