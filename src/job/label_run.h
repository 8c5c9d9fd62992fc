/*
 * A labelling run: the pairs of a scope, a labeler, the store. Asks what the store does not have
 * yet, commits every answer before anybody hears of it, goes on where it was stopped. label_run()
 * is the loop itself and may be called on any thread; label_run_start() makes a job of it.
 *
 * An answer that the store has under the same key for another pair or prompt version (the same text
 * in two sets, a version that differs in a comment) is not computed again: a copy of the row is
 * kept for this pair and version, its key made from the first one's.
 */
#ifndef RLAIF_JOB_LABEL_RUN_H
#define RLAIF_JOB_LABEL_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/cancel.h"
#include "src/base/error.h"
#include "src/data/pair.h"
#include "src/job/job.h"
#include "src/label/label.h"
#include "src/label/labeler.h"
#include "src/store/store.h"

/* What is to be done. label_run_start takes over labeler and copies pairs; label_run
 * borrows both. */
struct label_run_config {
    struct store *
        store; /* NULL: nothing is looked up or kept (null store of a probe on a draft) */
    struct labeler *labeler;
    const struct pair *const *pairs;  /* in scope order; the pairs themselves outlive the run */
    size_t n;
    int64_t prompt_id;                /* 0: no prompt (likelihood, sim) */
    bool probe;                       /* answers are told pair by pair, urgent */
    void *ctx;                        /* the caller's, copied into every message */
};

/* Before it starts: what it would cost. */
struct label_estimate {
    size_t pairs, questions;  /* of the scope */
    size_t found;             /* questions answered already */
    size_t calls;             /* questions to ask; x 2 passes with cot */
    double tokens; /* to be read for them, by sample of at most 64 pairs when the scope is
                      large */
    double cached; /* share of those tokens that need no computing (kept, or shared by
                      both orders) */
    double generated;         /* at most, cot */
    double seconds_low, seconds_high; /* from the rate last measured in this workspace;
                                         negative: not known */
};
/* May take a second for some hundred pairs: call it from a job, not from main. */
int label_estimate(const struct label_run_config *config, struct label_estimate *out,
                   const struct cancel *cancel, struct error *err);
/* "1,254 calls, 612k tokens (48 % shared), about 5 to 7 min; 20 answered before". */
void label_estimate_format(const struct label_estimate *estimate, char *out, size_t out_size);

/* What a run tells. Called on the run's thread. Members may be NULL. */
struct label_run_events {
    void (*estimate)(void *ctx, const struct label_estimate *estimate);
    /* Rows of one or more whole pairs, committed. reused: they were in the store. */
    void (*labels)(void *ctx, const struct label *labels, size_t n, bool reused);
    void (*progress)(void *ctx, uint64_t done, uint64_t total, const char *note);
    bool (*checkpoint)(void *ctx); /* waits while paused; false: stop */
    void *ctx;
};
struct label_summary {
    size_t pairs, questions; /* pairs done; questions of the scope */
    size_t done, asked;      /* questions answered, and asked of the labeler for it */
    size_t found, invalid;   /* answered before; rows that are no label */
    size_t decided, agreed_x2; /* pairs with a reference that were labelled; half verdicts
                                  count 1 of 2 */
    double tokens, reused, seconds;
};
/* 0 also when there was nothing to do; -1 with ERROR_CANCELLED when stopped (everything
 * so far is kept). */
int label_run(const struct label_run_config *config, const struct label_run_events *events,
              const struct cancel *cancel, struct label_summary *out, struct error *err);

/* What the job posts to main (job_post). Free with label_message_free. */
enum label_message_kind { LABEL_MESSAGE_ESTIMATE, LABEL_MESSAGE_ROWS, LABEL_MESSAGE_DONE };
#define LABEL_MESSAGE_MAGIC                                                              \
    0x4c41424c /* first member of the message, to tell it from other jobs' messages */
struct label_message {
    uint32_t magic;
    enum label_message_kind kind;
    void *ctx;                      /* config.ctx */
    bool probe;
    struct label_estimate estimate; /* ESTIMATE */
    struct label_list rows;         /* ROWS: whole pairs */
    bool reused;
    struct label_summary summary;   /* DONE */
};
void label_message_free(void *message);
/* Starts the job; returns its number. */
int label_run_start(struct jobs *jobs, const struct label_run_config *config, const char *line);

#endif
