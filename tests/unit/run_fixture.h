/* Runs as training leaves them: SFT, two of RL and a recipe; for tests of commands and screens. */
#ifndef TESTS_RUN_FIXTURE_H
#define TESTS_RUN_FIXTURE_H

#include <assert.h>
#include <math.h>

#include "src/store/runs.h"

static inline void run_fixture_series(struct store *store, int64_t id, const char *name, int n,
                                      double from, double to)
{
    for (int step = 1; step <= n; step++) {
        struct metric_point point = {name, step, from + (to - from) * step / n};
        int rc = store_add_metrics(store, id, &point, 1, NULL);
        assert(rc == 0);
        (void)rc;
    }
}

static inline void run_fixture_add(struct store *store)
{
    static const char recipe[] =
        "{\"seconds\":812,\"stages\":[{\"stage\":\"sft\",\"run\":\"sft-1\"},"
        "{\"stage\":\"label\",\"n\":4000,\"agreement\":0.78},{\"stage\":\"rl\",\"run\":\"rl-1\"}],"
        "\"head_to_head\":[{\"a\":\"rl-1\",\"b\":\"sft-1\",\"judge\":\"gold\",\"n\":1000,"
        "\"win_rate\":0.86,\"ci\":[0.83,0.88],\"ties\":12,\"length_controlled\":0.81}]}";
    struct run_event set = {.step = 90, .kind = (char *)"set", .name = (char *)"beta",
                            .value = .1, .text = (char *)"beta was .05, is .1"};
    struct run_event alarm = {.step = 150, .kind = (char *)"alarm", .name = (char *)"length",
                              .value = NAN,
                              .text = (char *)"length is 1.25 times the start's while the win "
                                              "rate is flat"};
    struct run_sample sample = {.step = 200, .kind = (char *)"fixed",
                                .prompt = (char *)"My landlord raises the rent.",
                                .text = (char *)"Landlord raises rent. Can he?", .score = 1.42,
                                .kl = .5, .reward = 1.4, .length = 9};
    int64_t sft = 0, rl = 0, other = 0, whole = 0;
    int rc = store_add_run(store, "sft", 0, "{\"lr\":0.001}", 1, &sft, NULL, NULL) ||
             store_add_run(store, "rl", sft, "{\"beta\":0.05,\"lr\":0.0001}", 1, &rl, NULL, NULL) ||
             store_add_run(store, "rl", sft, "{\"beta\":0.2,\"lr\":0.0001}", 2, &other, NULL, NULL);
    run_fixture_series(store, sft, "loss", 100, 3, 1.5);
    run_fixture_series(store, rl, "objective/kl", 200, 0, 10);
    run_fixture_series(store, rl, "objective/rlhf_reward", 200, -1, 1.2);
    run_fixture_series(store, other, "objective/kl", 150, 0, 2);
    rc = rc || store_set_run_state(store, sft, "done", NULL, NULL) ||
         store_set_run_state(store, rl, "done", NULL, NULL) ||
         store_set_run_state(store, other, "running", NULL, NULL) ||
         store_add_event(store, rl, &set, NULL) || store_add_event(store, rl, &alarm, NULL) ||
         store_add_samples(store, rl, &sample, 1, NULL) ||
         /* The newest: what `last` means. */
         store_add_run(store, "recipe", 0, "{\"recipe\":\"pocket-rlaif\"}", 1, &whole, NULL,
                       NULL) ||
         store_set_run_result(store, whole, recipe, NULL) ||
         store_set_run_state(store, whole, "done", NULL, NULL);
    assert(rc == 0);
}

#endif
