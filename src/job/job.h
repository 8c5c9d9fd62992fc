/*
 * Background work: threads that run one job each, a queue, cancel, progress, and a
 * mailbox to the main thread with a coalesced wake. Knows no mathematics. Jobs and main
 * meet in three places only: the queue, the snapshot (copied under one mutex), the
 * mailbox.
 */
#ifndef RLAIF_JOB_JOB_H
#define RLAIF_JOB_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/cancel.h"
#include "src/base/error.h"

struct jobs;
struct job;

enum job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_PAUSED,
    JOB_CANCELLING,
    JOB_DONE,
    JOB_FAILED,
    JOB_CANCELLED
};
const char *job_state_name(enum job_state state);

struct job_snapshot {
    int number;     /* %5 */
    char kind[16];  /* "label", "probe" */
    char line[256]; /* the command that started it */
    enum job_state state;
    uint64_t done, total;
    double seconds;           /* at work; waiting and pauses are left out */
    double eta_low, eta_high; /* seconds left as a range; negative: not known yet */
    char note[200];           /* what it says of itself: "agree 51.2 % of 240" */
    struct error error;       /* when failed */
};

/*
 * What a job is: run is called on the job's own thread, which gets no signals; it looks
 * at job_cancel() and calls job_progress(). When cancelled it returns -1 with
 * ERROR_CANCELLED.
 */
struct job_work {
    const char *kind;
    bool probe; /* runs at once beside the queue; others wait their turn, one at a time */
    int (*run)(struct job *job, void *arg, struct error *err);
    void (*free)(void *arg); /* after run, on main's thread by jobs_poll; may be NULL */
    void *arg;
};

struct jobs *jobs_new(void);
/* Cancels everything, waits, frees. */
void jobs_free(struct jobs *jobs);
/*
 * Readable when there is something for jobs_poll; one wake for any number of messages.
 * Progress wakes too, at most 10 times a second, so that a status line moves.
 */
int jobs_wake_fd(const struct jobs *jobs);

/* From main. Returns the job's number; the work's arg is owned by the job from now on. */
int jobs_start(struct jobs *jobs, const struct job_work *work, const char *line);
/* The newest `max`, newest last. The oldest of more than 200 that ended are forgotten. */
size_t jobs_list(struct jobs *jobs, struct job_snapshot *out, size_t max);
bool jobs_snapshot(struct jobs *jobs, int number, struct job_snapshot *out);
int jobs_last(struct jobs *jobs); /* number of the newest, 0: none */
/* -1: no such job, or it has ended. A queued job never starts; a running one sees its
 * token. */
int jobs_cancel(struct jobs *jobs, int number, struct error *err);
/* Holds at the job's next checkpoint; a paused job keeps its place, so others still wait.
 */
int jobs_pause(struct jobs *jobs, int number, bool pause, struct error *err);
bool jobs_active(struct jobs *jobs);
/*
 * Blocks until the job has ended or `cancel` is set; events are delivered meanwhile
 * through jobs_poll's callbacks. -1: the job failed (its error), was cancelled, or
 * waiting was.
 */
int jobs_wait(struct jobs *jobs, int number, const struct cancel *cancel,
              struct error *err);

/* Delivers what was posted and what changed, on the caller's (main's) thread. changed: a
 * job's state is new. */
struct job_events {
    void (*message)(void *ctx, int number, void *message); /* owns message from now on */
    void (*changed)(void *ctx, const struct job_snapshot *snapshot);
    void *ctx;
};
void jobs_set_events(struct jobs *jobs, const struct job_events *events);
void jobs_poll(struct jobs *jobs);

/* From the job's thread. */
const struct cancel *job_cancel(const struct job *job);
/* Waits here while paused; false: cancelled. */
bool job_checkpoint(struct job *job);
void job_progress(struct job *job, uint64_t done, uint64_t total, const char *note);
/* Sends a malloced message to main; free_message is called for those never delivered. */
void job_post(struct job *job, void *message, void (*free_message)(void *));

#endif
