#include "src/job/job.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/job/eta.h"
#include "src/store/thread.h"

/* Ended jobs that are still listed; a probe after every key makes many. */
#define KEPT_MAX 200
/* Progress wakes main no oftener than this. */
#define WAKE_SECONDS 0.1

struct job {
    struct jobs *jobs;
    struct job_work work;
    pthread_t thread;
    struct cancel cancel;
    atomic_bool pause_asked;
    /* Under the mutex of jobs. */
    struct job_snapshot now; /* seconds and eta are filled when it is copied */
    double began, ended;     /* monotonic; 0: not yet */
    double paused_at;        /* while it is paused */
    double paused_seconds;
    struct eta eta;
    /* Main's alone: thread joined, arg freed. */
    bool reaped;
};

/* A message, or a state that is new. In the order in which they happened. */
struct event {
    int number;
    void *message;
    void (*free_message)(void *);
    struct job_snapshot *snapshot;
    bool last; /* the job has ended: nothing of it comes after this */
    struct event *next;
};

struct jobs {
    int wake_fd;
    /* Main's alone. */
    struct job_events events;
    int next_number;
    /* Under the mutex, which is never held during a call out. */
    pthread_mutex_t mutex;
    pthread_cond_t moved; /* a turn, a pause or a cancel may be over */
    struct job **list;    /* by number; main alone changes it */
    size_t n, cap;
    struct event *first, **last;
    bool wake_pending;
    double progress_woke;
};

const char *job_state_name(enum job_state state)
{
    static const char *const names[] = {"queued", "running", "paused",   "cancelling",
                                        "done",   "failed",  "cancelled"};
    return names[state];
}

static bool has_ended(const struct job *job)
{
    return job->now.state >= JOB_DONE;
}

/* ---- under the mutex ---- */

static struct job *find_job(struct jobs *jobs, int number)
{
    size_t low = 0, high = jobs->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (jobs->list[mid]->now.number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < jobs->n && jobs->list[low]->now.number == number ? jobs->list[low]
                                                                  : NULL;
}

/* Time at work: pauses are left out. */
static double worked_seconds(const struct job *job)
{
    if (job->began == 0.0)
        return 0.0;
    double until = job->paused_at != 0.0 ? job->paused_at
                   : job->ended != 0.0   ? job->ended
                                         : clock_seconds();
    return until - job->began - job->paused_seconds;
}

static void copy_snapshot(const struct job *job, struct job_snapshot *out)
{
    *out = job->now;
    out->seconds = worked_seconds(job);
    if (has_ended(job) || !eta_range(&job->eta, out->seconds, out->done, out->total,
                                     &out->eta_low, &out->eta_high))
        out->eta_low = out->eta_high = -1.0;
}

static void wake_main(struct jobs *jobs)
{
    if (jobs->wake_pending)
        return;
    uint64_t one = 1;
    jobs->wake_pending = true;
    /* Fails only when the counter is full, and then main is awake. */
    (void)!write(jobs->wake_fd, &one, sizeof one);
}

static void add_event(struct jobs *jobs, struct event *event)
{
    *jobs->last = event;
    jobs->last = &event->next;
    wake_main(jobs);
}

static void set_state(struct job *job, enum job_state state)
{
    struct event *event = xcalloc(1, sizeof *event);
    job->now.state = state;
    if (has_ended(job))
        job->ended = clock_seconds();
    event->number = job->now.number;
    event->snapshot = xmalloc(sizeof *event->snapshot);
    copy_snapshot(job, event->snapshot);
    event->last = has_ended(job);
    add_event(job->jobs, event);
    pthread_cond_broadcast(&job->jobs->moved);
}

/* Probes run at once; the others one at a time in the order they came. */
static bool has_turn(const struct job *job)
{
    const struct jobs *jobs = job->jobs;
    if (job->work.probe)
        return true;
    for (size_t i = 0; i < jobs->n && jobs->list[i] != job; i++)
        if (!jobs->list[i]->work.probe && !has_ended(jobs->list[i]))
            return false;
    return true;
}

/* ---- the job's thread ---- */

static enum job_state end_state(const struct job *job, int rc, const struct error *err)
{
    bool asked = cancel_asked(&job->cancel);
    if (rc && (err->kind == ERROR_CANCELLED || (asked && !err->text[0])))
        return JOB_CANCELLED;
    if (rc)
        return JOB_FAILED;
    /* It may have stopped early and called that a success. */
    bool all = job->now.total && job->now.done >= job->now.total;
    return asked && !all ? JOB_CANCELLED : JOB_DONE;
}

static void end_job(struct job *job, int rc, const struct error *err)
{
    enum job_state state = end_state(job, rc, err);
    if (state == JOB_FAILED) {
        job->now.error = *err;
        if (!err->text[0])
            error_set(&job->now.error, ERROR_FAILED, "the job failed without a reason");
    }
    set_state(job, state);
}

static void *job_main(void *arg)
{
    struct job *job = arg;
    struct jobs *jobs = job->jobs;
    struct error err = {.byte = -1};
    pthread_mutex_lock(&jobs->mutex);
    while (!has_turn(job) && !cancel_asked(&job->cancel))
        pthread_cond_wait(&jobs->moved, &jobs->mutex);
    if (cancel_asked(&job->cancel)) {
        set_state(job, JOB_CANCELLED);
        pthread_mutex_unlock(&jobs->mutex);
        return NULL;
    }
    job->began = clock_seconds();
    set_state(job, JOB_RUNNING);
    pthread_mutex_unlock(&jobs->mutex);

    int rc = job->work.run(job, job->work.arg, &err);

    pthread_mutex_lock(&jobs->mutex);
    end_job(job, rc, &err);
    pthread_mutex_unlock(&jobs->mutex);
    return NULL;
}

const struct cancel *job_cancel(const struct job *job)
{
    return &job->cancel;
}

bool job_checkpoint(struct job *job)
{
    if (!atomic_load_explicit(&job->pause_asked, memory_order_relaxed))
        return !cancel_asked(&job->cancel);
    struct jobs *jobs = job->jobs;
    pthread_mutex_lock(&jobs->mutex);
    if (atomic_load(&job->pause_asked) && !cancel_asked(&job->cancel)) {
        job->paused_at = clock_seconds();
        set_state(job, JOB_PAUSED);
        while (atomic_load(&job->pause_asked) && !cancel_asked(&job->cancel))
            pthread_cond_wait(&jobs->moved, &jobs->mutex);
        job->paused_seconds += clock_seconds() - job->paused_at;
        job->paused_at = 0.0;
        if (!cancel_asked(&job->cancel))
            set_state(job, JOB_RUNNING);
    }
    pthread_mutex_unlock(&jobs->mutex);
    return !cancel_asked(&job->cancel);
}

static void copy_text(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size);
    if (len == size) {
        /* Back to the start of the character that does not fit. */
        len = size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

void job_progress(struct job *job, uint64_t done, uint64_t total, const char *note)
{
    struct jobs *jobs = job->jobs;
    pthread_mutex_lock(&jobs->mutex);
    job->now.done = done;
    job->now.total = total;
    if (note)
        copy_text(job->now.note, sizeof job->now.note, note);
    eta_add(&job->eta, worked_seconds(job), done);
    double now = clock_seconds();
    if (now - jobs->progress_woke >= WAKE_SECONDS) {
        jobs->progress_woke = now;
        wake_main(jobs);
    }
    pthread_mutex_unlock(&jobs->mutex);
}

void job_post(struct job *job, void *message, void (*free_message)(void *))
{
    struct event *event = xcalloc(1, sizeof *event);
    event->number = job->now.number; /* set before the thread began */
    event->message = message;
    event->free_message = free_message;
    pthread_mutex_lock(&job->jobs->mutex);
    add_event(job->jobs, event);
    pthread_mutex_unlock(&job->jobs->mutex);
}

/* ---- main's thread ---- */

struct jobs *jobs_new(void)
{
    struct jobs *jobs = xcalloc(1, sizeof *jobs);
    /* -1 when there are no descriptors left: poll() takes it, and waits by time alone. */
    jobs->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&jobs->mutex, NULL);
    pthread_cond_init(&jobs->moved, NULL);
    jobs->last = &jobs->first;
    jobs->next_number = 1;
    return jobs;
}

/* Its thread has ended or is about to. */
static void reap_job(struct job *job)
{
    if (job->reaped)
        return;
    pthread_join(job->thread, NULL);
    if (job->work.free)
        job->work.free(job->work.arg);
    job->reaped = true;
}

static void free_event(struct event *event)
{
    if (event->message && event->free_message)
        event->free_message(event->message);
    free(event->snapshot);
    free(event);
}

static void ask_cancel(struct job *job)
{
    cancel_ask(&job->cancel);
    if (job->now.state == JOB_RUNNING || job->now.state == JOB_PAUSED)
        set_state(job, JOB_CANCELLING);
    pthread_cond_broadcast(&job->jobs->moved);
}

void jobs_free(struct jobs *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = 0; i < jobs->n; i++)
        if (!has_ended(jobs->list[i]))
            ask_cancel(jobs->list[i]);
    pthread_mutex_unlock(&jobs->mutex);
    for (size_t i = 0; i < jobs->n; i++)
        reap_job(jobs->list[i]);
    for (struct event *event = jobs->first, *next; event; event = next) {
        next = event->next;
        free_event(event);
    }
    for (size_t i = 0; i < jobs->n; i++)
        free(jobs->list[i]);
    free(jobs->list);
    pthread_mutex_destroy(&jobs->mutex);
    pthread_cond_destroy(&jobs->moved);
    if (jobs->wake_fd >= 0)
        close(jobs->wake_fd);
    free(jobs);
}

int jobs_wake_fd(const struct jobs *jobs)
{
    return jobs->wake_fd;
}

/* Under the mutex. The oldest that ended and were delivered make room. */
static void forget_old(struct jobs *jobs)
{
    size_t kept = 0, spare = jobs->n > KEPT_MAX ? jobs->n - KEPT_MAX : 0;
    for (size_t i = 0; i < jobs->n; i++) {
        if (spare && jobs->list[i]->reaped) {
            free(jobs->list[i]);
            spare--;
        } else {
            jobs->list[kept++] = jobs->list[i];
        }
    }
    jobs->n = kept;
}

int jobs_start(struct jobs *jobs, const struct job_work *work, const char *line)
{
    struct job *job = xcalloc(1, sizeof *job);
    int number = jobs->next_number++;
    job->jobs = jobs;
    job->work = *work;
    copy_text(job->now.kind, sizeof job->now.kind, work->kind);
    copy_text(job->now.line, sizeof job->now.line, line);
    job->now.number = number;
    job->now.error.byte = -1;
    pthread_mutex_lock(&jobs->mutex);
    forget_old(jobs);
    jobs->list = array_grow(jobs->list, jobs->n, &jobs->cap, sizeof *jobs->list);
    jobs->list[jobs->n++] = job;
    int rc = thread_start(&job->thread, job_main, job);
    if (rc) {
        error_set(&job->now.error, ERROR_FAILED, "cannot start a thread: %s",
                  strerror(rc));
        job->reaped = true;
        set_state(job, JOB_FAILED);
    }
    pthread_mutex_unlock(&jobs->mutex);
    if (rc && work->free)
        work->free(work->arg);
    return number;
}

size_t jobs_list(struct jobs *jobs, struct job_snapshot *out, size_t max)
{
    pthread_mutex_lock(&jobs->mutex);
    size_t n = jobs->n < max ? jobs->n : max;
    for (size_t i = 0; i < n; i++)
        copy_snapshot(jobs->list[jobs->n - n + i], &out[i]);
    pthread_mutex_unlock(&jobs->mutex);
    return n;
}

bool jobs_snapshot(struct jobs *jobs, int number, struct job_snapshot *out)
{
    pthread_mutex_lock(&jobs->mutex);
    const struct job *job = find_job(jobs, number);
    if (job)
        copy_snapshot(job, out);
    pthread_mutex_unlock(&jobs->mutex);
    return job != NULL;
}

int jobs_last(struct jobs *jobs)
{
    return jobs->next_number - 1;
}

static int error_no_job(int number, struct error *err)
{
    error_set(err, ERROR_FAILED, "there is no job %%%d", number);
    return error_hint(err, "`list jobs` shows all");
}

/* Under the mutex: the job, when it is there and has not ended. */
static struct job *live_job(struct jobs *jobs, int number, struct error *err)
{
    struct job *job = find_job(jobs, number);
    if (!job) {
        error_no_job(number, err);
        return NULL;
    }
    if (has_ended(job)) {
        error_set(err, ERROR_FAILED, "job %%%d has ended (%s)", number,
                  job_state_name(job->now.state));
        return NULL;
    }
    return job;
}

int jobs_cancel(struct jobs *jobs, int number, struct error *err)
{
    pthread_mutex_lock(&jobs->mutex);
    struct job *job = live_job(jobs, number, err);
    if (job)
        ask_cancel(job);
    pthread_mutex_unlock(&jobs->mutex);
    return job ? 0 : -1;
}

int jobs_pause(struct jobs *jobs, int number, bool pause, struct error *err)
{
    pthread_mutex_lock(&jobs->mutex);
    struct job *job = live_job(jobs, number, err);
    if (job) {
        atomic_store(&job->pause_asked, pause);
        pthread_cond_broadcast(&jobs->moved);
    }
    pthread_mutex_unlock(&jobs->mutex);
    return job ? 0 : -1;
}

bool jobs_active(struct jobs *jobs)
{
    bool active = false;
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = 0; i < jobs->n && !active; i++)
        active = !has_ended(jobs->list[i]);
    pthread_mutex_unlock(&jobs->mutex);
    return active;
}

void jobs_set_events(struct jobs *jobs, const struct job_events *events)
{
    jobs->events = events ? *events : (struct job_events){0};
}

static struct event *take_events(struct jobs *jobs)
{
    uint64_t count;
    pthread_mutex_lock(&jobs->mutex);
    struct event *first = jobs->first;
    jobs->first = NULL;
    jobs->last = &jobs->first;
    (void)!read(jobs->wake_fd, &count, sizeof count);
    jobs->wake_pending = false;
    pthread_mutex_unlock(&jobs->mutex);
    return first;
}

static void deliver_event(struct jobs *jobs, struct event *event)
{
    if (event->message && jobs->events.message) {
        void *message = event->message;
        event->message = NULL;
        jobs->events.message(jobs->events.ctx, event->number, message);
    }
    if (event->snapshot && jobs->events.changed)
        jobs->events.changed(jobs->events.ctx, event->snapshot);
    if (!event->last)
        return;
    pthread_mutex_lock(&jobs->mutex);
    struct job *job = find_job(jobs, event->number);
    pthread_mutex_unlock(&jobs->mutex);
    /* The list is changed on this thread only, so the job stays without the mutex. */
    if (job)
        reap_job(job);
}

void jobs_poll(struct jobs *jobs)
{
    struct event *event = take_events(jobs);
    while (event) {
        struct event *next = event->next;
        deliver_event(jobs, event);
        free_event(event);
        event = next;
    }
}

/* 1: goes on, 0: done, -1: failed or cancelled. */
static int look_at(struct jobs *jobs, int number, struct error *err)
{
    struct job_snapshot now;
    if (!jobs_snapshot(jobs, number, &now))
        return error_no_job(number, err);
    switch (now.state) {
    case JOB_DONE:
        return 0;
    case JOB_FAILED:
        *err = now.error;
        return -1;
    case JOB_CANCELLED:
        return error_set(err, ERROR_CANCELLED, "job %%%d was cancelled", number);
    default:
        return 1;
    }
}

int jobs_wait(struct jobs *jobs, int number, const struct cancel *cancel,
              struct error *err)
{
    struct error why = {.byte = -1};
    for (;;) {
        /* The look comes first: what an ended job has posted is then delivered here. */
        int state = look_at(jobs, number, &why);
        jobs_poll(jobs);
        if (state < 0 && err)
            *err = why;
        if (state <= 0)
            return state;
        if (cancel_asked(cancel)) {
            error_set(err, ERROR_CANCELLED, "waiting was interrupted; job %%%d goes on",
                      number);
            return error_hint(err, "`stop %%%d` stops it", number);
        }
        /* The token has no descriptor; a signal whose handler sets it ends the poll. */
        struct pollfd wake = {.fd = jobs->wake_fd, .events = POLLIN};
        poll(&wake, 1, 50);
    }
}
