/* Lines and scripts without a person in front: data to standard output, talk to standard
 * error. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/watch.h"
#include "ui/front.h"
#include "ui/signals.h"

struct batch {
    struct front *front;
    struct sink sink;
    bool out_failed; /* standard output cannot be written */
    int out_errno;
    bool error_shown; /* the running line's error was said on standard error */
};

static void put(struct batch *batch, const char *bytes, size_t len)
{
    /* A record is whole or not there: written at once, nothing is kept back in a buffer.
     */
    if (batch->out_failed || write_all(STDOUT_FILENO, bytes, len) == 0)
        return;
    batch->out_failed = true;
    batch->out_errno = errno;
    if (batch->front->wb)
        cancel_ask(&batch->front->wb->interrupt);
}

static void on_data(void *ctx, const char *bytes, size_t len)
{
    put(ctx, bytes, len);
}

static void say(struct batch *batch, const char *place, const char *line)
{
    char *text = xasprintf("%s%s%s\n", place, *place ? ": " : "", line);
    /* In a transcript talk stands between the answers, in the order in which it came. */
    if (batch->front->args->echo)
        put(batch, text, strlen(text));
    else
        fputs(text, stderr);
    free(text);
}

static void on_talk(void *ctx, const char *line)
{
    say(ctx, "", line);
}

static void on_error(void *ctx, const char *line)
{
    struct batch *batch = ctx;
    char *place;

    batch->error_shown = true;
    /* A transcript has the line itself right above. */
    place = batch->front->file && !batch->front->args->echo
                ? xasprintf("%s:%ld", batch->front->file, batch->front->line)
                : xstrdup("rlaif");
    say(batch, place, line);
    free(place);
}

static int on_edit(void *ctx, const char *path, struct error *err)
{
    (void)ctx;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        error_set(err, ERROR_FAILED, "there is no terminal to edit in");
        return error_hint(err, "edit prompt NAME FIELD=VALUE changes a field");
    }
    return child_edit(path, err);
}

static int on_shell(void *ctx, const char *word, struct error *err)
{
    struct batch *batch = ctx;
    return shell_word(batch->front, &batch->sink, word, err);
}

/* ---- the end: running jobs are waited for ---- */

/* One line at every tenth, or after 30 s: enough for a log, little for a screen reader.
 */
static void say_progress(struct batch *batch, int *last_tenth, double *last_time)
{
    struct job_snapshot jobs[8];
    size_t n = jobs_list(batch->front->wb->jobs, jobs, 8);

    for (size_t i = 0; i < n; i++) {
        if (jobs[i].state != JOB_RUNNING || jobs[i].total == 0)
            continue;
        int tenth = (int)(10 * jobs[i].done / jobs[i].total);
        double now = clock_seconds();
        if (tenth == *last_tenth && now - *last_time < 30)
            continue;
        *last_tenth = tenth;
        *last_time = now;
        fprintf(stderr, "%%%d %s %llu/%llu %s\n", jobs[i].number, jobs[i].kind,
                (unsigned long long)jobs[i].done, (unsigned long long)jobs[i].total,
                jobs[i].note);
    }
}

/* True when a job ended other than well. */
static bool any_failed(struct jobs *jobs)
{
    struct job_snapshot list[64];
    size_t n = jobs_list(jobs, list, 64);
    for (size_t i = 0; i < n; i++)
        if (list[i].state == JOB_FAILED)
            return true;
    return false;
}

static int wait_jobs(struct batch *batch)
{
    struct workbench *wb = batch->front->wb;
    int tenth = 0;
    double time = clock_seconds();

    while (jobs_active(wb->jobs) && !cancel_asked(&wb->interrupt)) {
        struct pollfd fds[] = {{.fd = jobs_wake_fd(wb->jobs), .events = POLLIN},
                               {.fd = signals_fd(), .events = POLLIN}};
        poll(fds, 2, 1000);
        if (signals_take() & (SIGNAL_INT | SIGNAL_END))
            break;
        workbench_poll(wb);
        say_progress(batch, &tenth, &time);
    }
    workbench_poll(wb);
    if (jobs_active(wb->jobs))
        return ERROR_CANCELLED;
    return any_failed(wb->jobs) ? ERROR_FAILED : 0;
}

/* ---- run ---- */

static int run_step(struct batch *batch, const struct args_step *step)
{
    struct front *front = batch->front;
    bool keep_going = front->args->keep_going;
    struct error err = {0};
    int code;

    batch->error_shown = false;
    if (step->is_file) {
        code = script_run(front, step->text, &batch->sink, keep_going, &err);
    } else {
        code = front_run(front, step->text, &batch->sink, keep_going);
        return code;
    }
    if (code != 0 && !batch->error_shown) {
        /* The error went out as data, or the script itself cannot be read. */
        char line[1000];
        struct buf clean;
        buf_init(&clean, 0);
        error_format(&err, line, sizeof line);
        text_sanitise(&clean, line, strlen(line), 0);
        fprintf(stderr, "rlaif: %s\n", buf_str(&clean));
        buf_release(&clean);
    }
    return code;
}

int batch_run(struct front *front)
{
    struct batch batch = {.front = front};
    char dash[] = "-";
    const struct args_step script = {.is_file = true, .text = dash};
    const struct args *args = front->args;
    size_t n = args->n_steps ? args->n_steps : 1;
    int code = 0;

    batch.sink = (struct sink){.data = on_data,
                               .talk = on_talk,
                               .error = on_error,
                               .edit = on_edit,
                               .shell = on_shell,
                               .ctx = &batch};
    front->now = front->want = FRONT_BATCH;
    front->wb->front = &batch.sink;
    /* A command that does not hear the first Ctrl-C is ended by the second. */
    signals_force_after(2);
    for (size_t i = 0; i < n && !front->done; i++) {
        int step = run_step(&batch, args->n_steps ? &args->steps[i] : &script);
        if (code == 0)
            code = step;
        if (step != 0 && (!args->keep_going || step == ERROR_CANCELLED))
            break;
    }
    if (code == 0 || args->keep_going) {
        int ended = wait_jobs(&batch);
        if (code == 0)
            code = ended;
    }
    front->wb->front = NULL;
    if (batch.out_failed) {
        /* A reader that has enough closes the pipe: no word about it. */
        if (batch.out_errno != EPIPE)
            fprintf(stderr, "rlaif: cannot write to standard output: %s\n",
                    strerror(batch.out_errno));
        return signals_exit_code() ? signals_exit_code() : ERROR_FAILED;
    }
    if (signals_exit_code())
        return signals_exit_code();
    return cancel_asked(&front->wb->interrupt) ? ERROR_CANCELLED : code;
}
