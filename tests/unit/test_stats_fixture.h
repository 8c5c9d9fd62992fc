/* Pairs, labels and judged rows for the tests of statistics. */
#ifndef TEST_STATS_FIXTURE_H
#define TEST_STATS_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "src/label/judged.h"
#include "src/label/sim.h"

struct fixture {
    struct pair_list pairs;
    struct label_list labels; /* pair_id: the pair's num */
    struct judged *rows;
    size_t n;
};
void fixture_init(struct fixture *fixture);
void fixture_release(struct fixture *fixture);
/* A pair with responses of that many characters; votes as letters a, b, t; num from 1. */
struct pair *fixture_pair(struct fixture *fixture, const char *context, size_t chars_a,
                          size_t chars_b, const char *votes, enum rater_kind kind);
/* A label row of the newest pair; NaN: no verdict could be read. */
void fixture_label(struct fixture *fixture, enum order order, double p_first);
/* A verdict without a probability, as imported. */
void fixture_slot(struct fixture *fixture, enum order order, enum slot slot);
/* Labels of every pair in both orders. */
void fixture_simulate(struct fixture *fixture, const char *labeler, uint64_t seed);
/* n pairs of one context each, human votes, lengths and votes drawn from the seed. */
void fixture_random(struct fixture *fixture, size_t n, uint64_t seed);
void fixture_judge(struct fixture *fixture, bool one_order);

/* $RLAIF_SRC/name as JSON; fails the test when it cannot be read. */
json_t *fixture_golden(const char *name);
/* "v1/bias/wilson/0": the number at that path; fails when there is none. NaN for null. */
double golden(const json_t *root, const char *path);

/* |x - value| <= 1e-12 max(1, |value|), both NaN, or the test fails and names `what`. */
void assert_near(double x, double value, const char *what);
/* 1e-9 relative, for p values. */
void assert_p(double x, double value, const char *what);
/* absolute */
void assert_within(double x, double value, double tolerance, const char *what);

#endif
