/* Jobs by script: every step is let through by a gate, so nothing depends on time. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "src/base/mem.h"
#include "src/job/eta.h"
#include "src/job/job.h"

/* What a scripted job does, and how far it has come. */
struct script {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    int allowed; /* steps the test has let through */
    int reached; /* steps the job has begun to wait for */
    int steps;   /* of the whole job */
    int posts;   /* messages at its end */
    bool fail;
    bool deaf; /* does not look at its cancel token */
    bool freed;
    bool *freed_out;
};

static struct script *script_new(int steps)
{
    struct script *script = xcalloc(1, sizeof *script);
    pthread_mutex_init(&script->mutex, NULL);
    pthread_cond_init(&script->moved, NULL);
    script->steps = steps;
    return script;
}

static void script_free(void *arg)
{
    struct script *script = arg;
    if (script->freed_out)
        *script->freed_out = true;
    pthread_mutex_destroy(&script->mutex);
    pthread_cond_destroy(&script->moved);
    free(script);
}

static void script_allow(struct script *script, int steps)
{
    pthread_mutex_lock(&script->mutex);
    script->allowed += steps;
    pthread_cond_broadcast(&script->moved);
    pthread_mutex_unlock(&script->mutex);
}

/* Waits until the job waits for step n. */
static void script_await(struct script *script, int n)
{
    pthread_mutex_lock(&script->mutex);
    while (script->reached < n)
        pthread_cond_wait(&script->moved, &script->mutex);
    pthread_mutex_unlock(&script->mutex);
}

static int script_run(struct job *job, void *arg, struct error *err)
{
    struct script *script = arg;
    for (int i = 1; i <= script->steps; i++) {
        pthread_mutex_lock(&script->mutex);
        script->reached = i;
        pthread_cond_broadcast(&script->moved);
        while (script->allowed < i)
            pthread_cond_wait(&script->moved, &script->mutex);
        pthread_mutex_unlock(&script->mutex);
        if (!job_checkpoint(job) && !script->deaf)
            return error_set(err, ERROR_CANCELLED, "stopped at step %d", i);
        char note[32];
        snprintf(note, sizeof note, "step %d", i);
        job_progress(job, (uint64_t)i, (uint64_t)script->steps, note);
    }
    for (int i = 0; i < script->posts; i++) {
        int *message = xmalloc(sizeof *message);
        *message = i;
        job_post(job, message, free);
    }
    if (script->fail)
        return error_at_line(err, "posts.jsonl", 7, 3, "a bad row");
    return 0;
}

static int start_script(struct jobs *jobs, struct script *script, bool probe)
{
    struct job_work work = {.kind = probe ? "probe" : "label",
                            .probe = probe,
                            .run = script_run,
                            .free = script_free,
                            .arg = script};
    return jobs_start(jobs, &work, probe ? "probe base" : "label base");
}

static enum job_state state_of(struct jobs *jobs, int number)
{
    struct job_snapshot now;
    assert_true(jobs_snapshot(jobs, number, &now));
    return now.state;
}

/* What main saw, in order: "1:running 1:m0 1:done". */
struct log {
    char text[4096];
};

static void log_message(void *ctx, int number, void *message)
{
    struct log *log = ctx;
    size_t len = strlen(log->text);
    snprintf(log->text + len, sizeof log->text - len, "%d:m%d ", number, *(int *)message);
    free(message);
}

static void log_changed(void *ctx, const struct job_snapshot *now)
{
    struct log *log = ctx;
    size_t len = strlen(log->text);
    snprintf(log->text + len, sizeof log->text - len, "%d:%s ", now->number,
             job_state_name(now->state));
}

static struct jobs *jobs_logged(struct log *log)
{
    struct jobs *jobs = jobs_new();
    jobs_set_events(
        jobs,
        &(struct job_events){.message = log_message, .changed = log_changed, .ctx = log});
    return jobs;
}

/* Polls until the log has the word. */
static void await_log(struct jobs *jobs, const struct log *log, const char *word)
{
    while (!strstr(log->text, word)) {
        struct pollfd wake = {.fd = jobs_wake_fd(jobs), .events = POLLIN};
        assert_true(poll(&wake, 1, 20000) > 0);
        jobs_poll(jobs);
    }
}

static void a_job_runs_and_says_so(void **state)
{
    (void)state;
    struct log log = {0};
    struct jobs *jobs = jobs_logged(&log);
    struct script *script = script_new(3);
    struct job_snapshot now;
    bool freed = false;
    script->posts = 2;
    script->freed_out = &freed;
    assert_int_equal(jobs_last(jobs), 0);
    int number = start_script(jobs, script, false);
    assert_int_equal(number, 1);
    assert_int_equal(jobs_last(jobs), 1);
    script_await(script, 1);
    assert_true(jobs_active(jobs));
    script_allow(script, 1);
    script_await(script, 2);
    assert_true(jobs_snapshot(jobs, number, &now));
    assert_int_equal(now.state, JOB_RUNNING);
    assert_int_equal(now.done, 1);
    assert_int_equal(now.total, 3);
    assert_string_equal(now.note, "step 1");
    assert_string_equal(now.kind, "label");
    assert_string_equal(now.line, "label base");
    assert_true(now.seconds >= 0.0);
    script_allow(script, 2);
    assert_int_equal(jobs_wait(jobs, number, NULL, NULL), 0);
    assert_string_equal(log.text, "1:running 1:m0 1:m1 1:done ");
    assert_true(freed);
    assert_false(jobs_active(jobs));
    assert_true(jobs_snapshot(jobs, number, &now));
    assert_int_equal(now.state, JOB_DONE);
    assert_true(now.eta_low < 0.0 && now.eta_high < 0.0);
    assert_false(jobs_snapshot(jobs, 2, &now));
    jobs_free(jobs);
}

static void ordinary_jobs_take_turns_and_probes_do_not_wait(void **state)
{
    (void)state;
    struct log log = {0};
    struct jobs *jobs = jobs_logged(&log);
    struct script *first = script_new(1), *second = script_new(1), *probe = script_new(1);
    struct job_snapshot list[8];
    int a = start_script(jobs, first, false);
    int b = start_script(jobs, second, false);
    script_await(first, 1);
    int p = start_script(jobs, probe, true);
    script_await(probe, 1); /* it runs while the first still does */
    assert_int_equal(state_of(jobs, a), JOB_RUNNING);
    assert_int_equal(state_of(jobs, b), JOB_QUEUED);
    assert_int_equal(state_of(jobs, p), JOB_RUNNING);
    assert_int_equal(jobs_list(jobs, list, 8), 3);
    assert_int_equal(list[2].number, p);
    assert_int_equal(jobs_list(jobs, list, 2), 2);
    assert_int_equal(list[0].number, b);
    script_allow(probe, 1);
    assert_int_equal(jobs_wait(jobs, p, NULL, NULL), 0);
    script_allow(first, 1);
    script_await(second, 1);
    script_allow(second, 1);
    assert_int_equal(jobs_wait(jobs, b, NULL, NULL), 0);
    assert_true(strstr(log.text, "1:done") < strstr(log.text, "2:running"));
    jobs_free(jobs);
}

static void a_failing_job_keeps_its_error(void **state)
{
    (void)state;
    struct log log = {0};
    struct jobs *jobs = jobs_logged(&log);
    struct script *script = script_new(0);
    struct job_snapshot now;
    struct error err = {0};
    script->fail = true;
    int number = start_script(jobs, script, false);
    assert_int_equal(jobs_wait(jobs, number, NULL, &err), -1);
    assert_string_equal(err.text, "a bad row");
    assert_int_equal(err.line, 7);
    assert_true(jobs_snapshot(jobs, number, &now));
    assert_int_equal(now.state, JOB_FAILED);
    assert_string_equal(now.error.file, "posts.jsonl");
    assert_int_equal(now.error.column, 3);
    assert_string_equal(log.text, "1:running 1:failed ");
    jobs_free(jobs);
}

static void a_cancel_stops_the_running_and_the_waiting(void **state)
{
    (void)state;
    struct log log = {0};
    struct jobs *jobs = jobs_logged(&log);
    struct script *running = script_new(5), *waiting = script_new(5);
    struct error err = {0};
    bool freed = false;
    waiting->freed_out = &freed;
    int a = start_script(jobs, running, false);
    int b = start_script(jobs, waiting, false);
    script_await(running, 1);
    assert_int_equal(jobs_cancel(jobs, b, NULL), 0);
    assert_int_equal(jobs_wait(jobs, b, NULL, &err), -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    assert_true(freed);
    assert_int_equal(jobs_cancel(jobs, a, NULL), 0);
    assert_int_equal(state_of(jobs, a), JOB_CANCELLING);
    assert_int_equal(jobs_cancel(jobs, a, NULL), 0);
    script_allow(running, 1);
    assert_int_equal(jobs_wait(jobs, a, NULL, &err), -1);
    assert_int_equal(state_of(jobs, a), JOB_CANCELLED);
    assert_string_equal(log.text, "1:running 2:cancelled 1:cancelling 1:cancelled ");
    assert_int_equal(jobs_cancel(jobs, a, &err), -1);
    assert_string_equal(err.text, "job %1 has ended (cancelled)");
    assert_int_equal(jobs_cancel(jobs, 9, &err), -1);
    assert_string_equal(err.text, "there is no job %9");
    jobs_free(jobs);
}

/* Asked when the work was done already: what is done is done. */
static void a_cancel_that_comes_too_late(void **state)
{
    (void)state;
    struct log log = {0};
    struct jobs *jobs = jobs_logged(&log);
    struct script *script = script_new(1);
    script->deaf = true;
    int number = start_script(jobs, script, false);
    script_await(script, 1);
    assert_int_equal(jobs_cancel(jobs, number, NULL), 0);
    script_allow(script, 1);
    assert_int_equal(jobs_wait(jobs, number, NULL, NULL), 0);
    assert_int_equal(state_of(jobs, number), JOB_DONE);
    jobs_free(jobs);
}

static void a_pause_holds_at_the_checkpoint(void **state)
{
    (void)state;
    struct log log = {0};
    struct jobs *jobs = jobs_logged(&log);
    struct script *script = script_new(3);
    struct job_snapshot now;
    int number = start_script(jobs, script, false);
    script_await(script, 1);
    assert_int_equal(jobs_pause(jobs, number, true, NULL), 0);
    script_allow(script, 3);
    await_log(jobs, &log, "paused");
    assert_true(jobs_snapshot(jobs, number, &now));
    assert_int_equal(now.done, 0);
    double seconds = now.seconds;
    assert_true(jobs_snapshot(jobs, number, &now));
    assert_true(now.seconds == seconds); /* the clock stands */
    assert_int_equal(jobs_pause(jobs, number, false, NULL), 0);
    assert_int_equal(jobs_wait(jobs, number, NULL, NULL), 0);
    assert_string_equal(log.text, "1:running 1:paused 1:running 1:done ");
    struct error err = {0};
    assert_int_equal(jobs_pause(jobs, number, true, &err), -1);
    jobs_free(jobs);
}

static void a_paused_job_can_be_cancelled(void **state)
{
    (void)state;
    struct log log = {0};
    struct jobs *jobs = jobs_logged(&log);
    struct script *script = script_new(3);
    int number = start_script(jobs, script, false);
    script_await(script, 1);
    jobs_pause(jobs, number, true, NULL);
    script_allow(script, 3);
    await_log(jobs, &log, "paused");
    assert_int_equal(jobs_cancel(jobs, number, NULL), 0);
    assert_int_equal(jobs_wait(jobs, number, NULL, NULL), -1);
    assert_string_equal(log.text, "1:running 1:paused 1:cancelling 1:cancelled ");
    jobs_free(jobs);
}

static void many_messages_make_one_wake(void **state)
{
    (void)state;
    struct log log = {0};
    struct jobs *jobs = jobs_logged(&log);
    struct script *script = script_new(0);
    script->posts = 1000;
    /* Too many for the log: only the last words matter. */
    int number = start_script(jobs, script, true);
    struct job_snapshot now;
    do
        assert_true(jobs_snapshot(jobs, number, &now));
    while (now.state != JOB_DONE);
    struct pollfd wake = {.fd = jobs_wake_fd(jobs), .events = POLLIN};
    assert_int_equal(poll(&wake, 1, 0), 1);
    jobs_poll(jobs);
    assert_non_null(strstr(log.text, "1:m0 1:m1 1:m2 "));
    assert_int_equal(poll(&wake, 1, 0), 0);
    jobs_free(jobs);
}

static void waiting_can_be_interrupted(void **state)
{
    (void)state;
    struct log log = {0};
    struct jobs *jobs = jobs_logged(&log);
    struct script *script = script_new(1);
    struct cancel cancel = {0};
    struct error err = {0};
    int number = start_script(jobs, script, false);
    script_await(script, 1);
    cancel_ask(&cancel);
    assert_int_equal(jobs_wait(jobs, number, &cancel, &err), -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    assert_int_equal(state_of(jobs, number), JOB_RUNNING);
    script_allow(script, 1);
    assert_int_equal(jobs_wait(jobs, number, NULL, &err), 0);
    assert_int_equal(jobs_wait(jobs, 5, NULL, &err), -1);
    jobs_free(jobs);
}

/* Messages that nobody fetched and arguments are freed; the sanitizer sees leaks. */
static void free_cancels_and_joins(void **state)
{
    (void)state;
    struct jobs *jobs = jobs_new();
    struct script *done = script_new(0), *running = script_new(100);
    struct script *queued = script_new(1), *probe = script_new(100);
    bool freed[4] = {false};
    done->posts = 3;
    done->freed_out = &freed[0];
    running->freed_out = &freed[1];
    queued->freed_out = &freed[2];
    probe->freed_out = &freed[3];
    start_script(jobs, done, false);
    start_script(jobs, running, false);
    start_script(jobs, queued, false);
    start_script(jobs, probe, true);
    script_await(running, 1);
    script_allow(running, 100);
    script_allow(queued, 1); /* it may get its turn before the end */
    script_allow(probe, 100);
    jobs_free(jobs);
    for (int i = 0; i < 4; i++)
        assert_true(freed[i]);
}

/* A probe after every key: the list stays short, numbers go on. */
static void old_jobs_are_forgotten(void **state)
{
    (void)state;
    struct jobs *jobs = jobs_new();
    struct job_snapshot list[512];
    for (int i = 1; i <= 300; i++) {
        assert_int_equal(start_script(jobs, script_new(0), true), i);
        assert_int_equal(jobs_wait(jobs, i, NULL, NULL), 0);
    }
    size_t n = jobs_list(jobs, list, 512);
    assert_true(n >= 200 && n <= 202);
    assert_int_equal(list[n - 1].number, 300);
    assert_false(jobs_snapshot(jobs, 1, &list[0]));
    assert_true(jobs_snapshot(jobs, 299, &list[0]));
    jobs_free(jobs);
}

static void long_texts_are_cut_at_a_character(void **state)
{
    (void)state;
    struct jobs *jobs = jobs_new();
    struct job_snapshot now;
    char line[400];
    memset(line, 'x', sizeof line);
    memcpy(line + 254, "\xe2\x82\xac", 3); /* bytes 254..256, the limit is 255 */
    line[399] = '\0';
    struct script *script = script_new(0);
    struct job_work work = {.kind = "probe",
                            .probe = true,
                            .run = script_run,
                            .free = script_free,
                            .arg = script};
    int number = jobs_start(jobs, &work, line);
    assert_true(jobs_snapshot(jobs, number, &now));
    assert_int_equal(strlen(now.line), 254);
    jobs_free(jobs);
}

/* The range spans the truth for steady work, and for work that gets slower or faster. */
static void eta_is_a_range(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        double early, late; /* seconds a unit in the first 200 and from then on */
        uint64_t at;
        double left; /* true seconds for the rest of 1000 */
    } rows[] = {
        {"steady", 0.1, 0.1, 300, 70.0},
        {"cached rows first", 0.001, 0.1, 300, 70.0},
        {"slow start", 0.2, 0.1, 300, 70.0},
        {"fast", 0.001, 0.001, 500, 0.5},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct eta eta = {0};
        double seconds = 0.0, low = -1.0, high = -1.0;
        for (uint64_t i = 1; i <= rows[r].at; i++) {
            seconds += i <= 200 ? rows[r].early : rows[r].late;
            eta_add(&eta, seconds, i);
        }
        if (!eta_range(&eta, seconds, rows[r].at, 1000, &low, &high))
            fail_msg("%s: no range", rows[r].what);
        if (!(low <= rows[r].left && rows[r].left <= high && low > 0.0))
            fail_msg("%s: %g..%g", rows[r].what, low, high);
        assert_true(eta.n <= ETA_MARKS);
    }
}

static void eta_waits_for_a_warm_up(void **state)
{
    (void)state;
    struct eta eta = {0};
    double low, high;
    eta_add(&eta, 0.1, 10);
    assert_false(eta_range(&eta, 0.1, 10, 1000, &low, &high));
    assert_false(eta_range(&eta, 1.9, 10, 1000, &low, &high));
    assert_true(eta_range(&eta, 2.1, 10, 1000, &low, &high));
    assert_true(eta_range(&eta, 0.3, 60, 1000, &low, &high));
    assert_false(eta_range(&eta, 9.0, 0, 1000, &low, &high));
    assert_false(eta_range(&eta, 9.0, 10, 0, &low, &high));
    assert_false(eta_range(&eta, 9.0, 1000, 1000, &low, &high));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_and_says_so),
        cmocka_unit_test(ordinary_jobs_take_turns_and_probes_do_not_wait),
        cmocka_unit_test(a_failing_job_keeps_its_error),
        cmocka_unit_test(a_cancel_stops_the_running_and_the_waiting),
        cmocka_unit_test(a_cancel_that_comes_too_late),
        cmocka_unit_test(a_pause_holds_at_the_checkpoint),
        cmocka_unit_test(a_paused_job_can_be_cancelled),
        cmocka_unit_test(many_messages_make_one_wake),
        cmocka_unit_test(waiting_can_be_interrupted),
        cmocka_unit_test(free_cancels_and_joins),
        cmocka_unit_test(old_jobs_are_forgotten),
        cmocka_unit_test(long_texts_are_cut_at_a_character),
        cmocka_unit_test(eta_is_a_range),
        cmocka_unit_test(eta_waits_for_a_warm_up),
    };
    alarm(120); /* a hang is a failure */
    return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
