/* list jobs, wait, stop, pause, resume. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/cmd/rows.h"
#include "src/cmd/workbench.h"

#define JOBS_SHOWN 200

static json_t *job_json(const struct job_snapshot *job)
{
    return json_pack(
        "{so ss ss so sI sI so so so so}", "job", json_sprintf("%%%d", job->number),
        "kind", job->kind, "state", job_state_name(job->state), "line",
        json_text0(job->line), "done", (json_int_t)job->done, "total",
        (json_int_t)job->total, "seconds", json_number_or_null(job->seconds), "left_low",
        job->eta_low < 0 ? json_null() : json_number_or_null(job->eta_low), "left_high",
        job->eta_high < 0 ? json_null() : json_number_or_null(job->eta_high), "note",
        json_text0(job->state == JOB_FAILED ? job->error.text : job->note));
}

static int run_list_jobs(struct call *call, struct error *err)
{
    struct job_snapshot *jobs = calloc(JOBS_SHOWN, sizeof *jobs);
    size_t n = jobs_list(call->wb->jobs, jobs, JOBS_SHOWN);
    json_t *rows = json_array();

    (void)err;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(rows, job_json(&jobs[i]));
    free(jobs);
    call->answer = json_pack("{ss so}", "command", "list jobs", "rows", rows);
    return 0;
}

/* "%3", "3", "last" or nothing. 0: error. */
static int job_number(const struct call *call, struct error *err)
{
    const char *ref = call->n_refs ? call->refs[0] : "last";
    struct job_snapshot job;
    char *end;

    if (strcmp(ref, "last") == 0) {
        int last = jobs_last(call->wb->jobs);
        if (last == 0) {
            error_set(err, ERROR_FAILED, "no job was started yet");
            error_hint(err, "label summary-base starts one");
        }
        return last;
    }
    long number = strtol(ref[0] == '%' ? ref + 1 : ref, &end, 10);
    if (*end || number < 1 || number > 1000000 ||
        !jobs_snapshot(call->wb->jobs, (int)number, &job)) {
        error_set(err, ERROR_USAGE, "there is no job \"%s\"", ref);
        error_hint(err, "list jobs shows them; last is the newest");
        return 0;
    }
    return (int)number;
}

static bool has_ended(const struct job_snapshot *job)
{
    return job->state == JOB_DONE || job->state == JOB_FAILED || job->state == JOB_CANCELLED;
}

/* A line at every tenth of a job that takes longer than a few seconds. */
static void say_tenth(struct workbench *wb, const struct job_snapshot *job, int *last)
{
    int tenth = job->total > 0 ? (int)(job->done * 10 / job->total) : 0;

    if (tenth <= *last || tenth >= 10 || job->seconds < 3)
        return;
    *last = tenth;
    if (job->eta_high >= 0)
        workbench_say(wb, "%%%d: %d %%, %.0f to %.0f s left", job->number, tenth * 10, job->eta_low,
                      job->eta_high);
    else
        workbench_say(wb, "%%%d: %d %%", job->number, tenth * 10);
}

/* Lets the job's messages through until it has ended or Ctrl-C came. */
static void watch_job(struct workbench *wb, int number)
{
    struct job_snapshot job;
    int last = 0;

    while (jobs_snapshot(wb->jobs, number, &job) && !has_ended(&job) &&
           !cancel_asked(&wb->interrupt)) {
        struct pollfd fd = {.fd = jobs_wake_fd(wb->jobs), .events = POLLIN};
        poll(&fd, 1, 100);
        jobs_poll(wb->jobs);
        say_tenth(wb, &job, &last);
    }
}

static int run_wait(struct call *call, struct error *err)
{
    int number = job_number(call, err);
    struct job_snapshot job;

    if (number != 0)
        watch_job(call->wb, number);
    if (number == 0 || jobs_wait(call->wb->jobs, number, &call->wb->interrupt, err) < 0)
        return -1;
    if (!jobs_snapshot(call->wb->jobs, number, &job))
        return 0;
    if (job.state == JOB_FAILED) {
        if (err)
            *err = job.error;
        return -1;
    }
    if (job.state == JOB_CANCELLED)
        return error_set(err, ERROR_CANCELLED, "job %%%d was stopped", number);
    call->answer = job_json(&job);
    json_object_set_new(call->answer, "command", json_string("wait"));
    return 0;
}

static void print_nothing(const json_t *answer, struct buf *out)
{
    (void)answer;
    (void)out;
}

static int answer_job(struct call *call, int number)
{
    struct job_snapshot job;
    if (jobs_snapshot(call->wb->jobs, number, &job)) {
        call->answer = job_json(&job);
        json_object_set_new(call->answer, "command", json_string(call->command->verb));
    }
    return 0;
}

static void print_job(const json_t *answer, struct buf *out)
{
    buf_addf(out, "%s %s\n", json_string_value(json_object_get(answer, "job")),
             json_string_value(json_object_get(answer, "state")));
}

static int run_stop(struct call *call, struct error *err)
{
    int number = job_number(call, err);
    if (number == 0 || jobs_cancel(call->wb->jobs, number, err) < 0)
        return -1;
    return answer_job(call, number);
}

static int run_pause(struct call *call, struct error *err)
{
    int number = job_number(call, err);
    if (number == 0 || jobs_pause(call->wb->jobs, number, true, err) < 0)
        return -1;
    return answer_job(call, number);
}

static int run_resume(struct call *call, struct error *err)
{
    int number = job_number(call, err);
    if (number == 0 || jobs_pause(call->wb->jobs, number, false, err) < 0)
        return -1;
    return answer_job(call, number);
}

static const struct command table[] = {
    {.verb = "list", .noun = "jobs", .text = "Background jobs with progress and time left",
     .example = "list jobs", .run = run_list_jobs},
    {.verb = "wait", .refs = "[JOB]", .max_refs = 1, .completes = COMPLETE_JOB,
     .flags = COMMAND_SILENT, .text = "Wait until a job has ended (default: the newest)",
     .example = "wait last", .run = run_wait, .print = print_nothing},
    {.verb = "stop", .refs = "[JOB]", .max_refs = 1, .completes = COMPLETE_JOB,
     .text = "Stop a job; what it did is kept, and the same command goes on from there",
     .example = "stop last", .run = run_stop, .print = print_job},
    {.verb = "pause", .refs = "[JOB]", .max_refs = 1, .completes = COMPLETE_JOB,
     .text = "Let a job rest", .example = "pause last", .run = run_pause, .print = print_job},
    {.verb = "resume", .refs = "[JOB]", .max_refs = 1, .completes = COMPLETE_JOB,
     .text = "Let a paused job go on", .example = "resume last", .run = run_resume,
     .print = print_job},
};
const struct command_rows rows_job = COMMAND_ROWS(table);
