/* The event loop. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "src/cmd/watch.h"
#include "ui/loop.h"
#include "ui/signals.h"
#include "ui/term.h"

enum { FD_TTY, FD_SIGNALS, FD_JOBS, FD_WATCH, N_FDS };

/* Puts the wanted front end on; falls back to the REPL when it cannot be. */
static int switch_to(struct front *front, struct end *ends)
{
    struct error err = {0};
    char line[1000];

    front->now = front->want;
    if (ends[front->now].ops->on(ends[front->now].end, &err) == 0)
        return 0;
    error_format(&err, line, sizeof line);
    fprintf(stderr, "rlaif: %s\n", line);
    if (front->now == FRONT_REPL)
        return -1;
    front->now = front->want = FRONT_REPL;
    return ends[FRONT_REPL].ops->on(ends[FRONT_REPL].end, &err);
}

static void wait_for_events(struct front *front, struct end *on, struct pollfd *fds)
{
    fds[FD_TTY] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    fds[FD_SIGNALS] = (struct pollfd){.fd = signals_fd(), .events = POLLIN};
    fds[FD_JOBS] = (struct pollfd){.fd = jobs_wake_fd(front->wb->jobs), .events = POLLIN};
    fds[FD_WATCH] = (struct pollfd){.fd = watch_fd(front->wb), .events = POLLIN};
    if (poll(fds, N_FDS, on->ops->timeout_ms(on->end)) < 0)
        for (int i = 0; i < N_FDS; i++)
            fds[i].revents = 0;
}

static void one_round(struct front *front, struct end *on)
{
    struct pollfd fds[N_FDS];

    wait_for_events(front, on, fds);
    unsigned bits = signals_take();
    /* A terminal that is gone stays readable for ever: leave, do not spin. */
    if (bits & SIGNAL_END || fds[FD_TTY].revents & (POLLHUP | POLLERR | POLLNVAL)) {
        front->done = true;
        return;
    }
    if (bits)
        on->ops->signals(on->end, bits);
    if (fds[FD_JOBS].revents & POLLIN)
        workbench_poll(front->wb);
    if (fds[FD_WATCH].revents & POLLIN)
        watch_poll(front->wb);
    if (fds[FD_TTY].revents & POLLIN)
        on->ops->input(on->end);
}

int loop_run(struct front *front)
{
    struct end ends[] = {[FRONT_REPL] = repl_new(front), [FRONT_TUI] = tui_new(front)};

    front->want = front->args->tui && !front->plain ? FRONT_TUI : FRONT_REPL;
    front->now = FRONT_BATCH;
    if (switch_to(front, ends) < 0)
        front->done = true;
    while (!front->done) {
        struct end *on = &ends[front->now];
        on->ops->round(on->end);
        one_round(front, on);
        if (front->want != front->now && !front->done) {
            on->ops->off(on->end);
            if (switch_to(front, ends) < 0)
                front->done = true;
        }
    }
    ends[front->now].ops->off(ends[front->now].end);
    ends[FRONT_TUI].ops->free(ends[FRONT_TUI].end);
    ends[FRONT_REPL].ops->free(ends[FRONT_REPL].end);
    front->wb->front = NULL;
    term_restore();
    return signals_exit_code() ? signals_exit_code() : front->code;
}
