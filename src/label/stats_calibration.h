/* Calibration's inner parts, shared with the bootstrap of the ECE. Internal to the statistics. */
#ifndef RLAIF_LABEL_STATS_CALIBRATION_H
#define RLAIF_LABEL_STATS_CALIBRATION_H

#include "src/label/stats.h"

struct confident {
    double confidence, hit;
    size_t i;     /* the row */
    size_t place; /* its cluster, filled by the bootstrap */
};
/* Used rows whose probability is known, by confidence upward, equal ones in row order. malloced. */
struct confident *confident_sorted(const struct judged *rows, size_t n, size_t *count);
/* ECE with every row counted weight[place] times. */
double confident_ece(const struct confident *sorted, size_t n, const unsigned *weight, size_t bins);

#endif
