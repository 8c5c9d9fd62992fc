/* Signal handlers and their pipe. */
#include "config.h"

#include "ui/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "ui/term.h"

/* Handlers have no argument to find their state by; nobody else reads these. */
static int pipe_ends[2] = {-1, -1};
static atomic_uint pending;
static _Atomic(struct cancel *) token;
static atomic_int interrupts, force_after, exit_code;
static volatile sig_atomic_t lent;

static const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT, SIGALRM};
#define N_OURS (sizeof ours / sizeof *ours)
static const int crashes[] = {SIGSEGV, SIGABRT, SIGFPE, SIGILL};
#define N_CRASHES (sizeof crashes / sizeof *crashes)

static void say(const char *text)
{
    ssize_t done = write(STDERR_FILENO, text, strlen(text));
    (void)done;
}

static void note(unsigned bit)
{
    int saved_errno = errno;
    char byte = 1;

    /* One byte for any number of notes: the pipe never fills. */
    if (atomic_fetch_or(&pending, bit) == 0 && pipe_ends[1] >= 0) {
        ssize_t done = write(pipe_ends[1], &byte, 1);
        (void)done;
    }
    errno = saved_errno;
}

static void interrupt(void)
{
    struct cancel *cancel = atomic_load(&token);
    if (cancel)
        cancel_ask(cancel);
}

static void on_signal(int number)
{
    int limit = atomic_load(&force_after);

    switch (number) {
    case SIGINT:
        if (lent)
            return;
        interrupt();
        if (limit > 0 && atomic_fetch_add(&interrupts, 1) + 1 >= limit) {
            term_emergency();
            _exit(130);
        }
        note(SIGNAL_INT);
        return;
    case SIGTERM:
    case SIGHUP: {
        /* A command that does not hear the token must not keep a closed terminal's
         * process. */
        struct itimerval soon = {.it_value = {1, 700000}};
        setitimer(ITIMER_REAL, &soon, NULL);
        atomic_store(&exit_code, 128 + number);
        interrupt();
        note(SIGNAL_END);
        return;
    }
    case SIGALRM:
        term_emergency();
        _exit(atomic_load(&exit_code));
    case SIGWINCH:
        note(SIGNAL_RESIZE);
        return;
    case SIGTSTP:
        if (!lent)
            note(SIGNAL_STOP);
        return;
    default:
        note(SIGNAL_CONT);
    }
}

/* A mapped file that shrank: the only way to be told is this signal. */
static void on_bus(int number)
{
    (void)number;
    term_emergency();
    say("rlaif: a mapped file was cut short while it was read (the model file, most "
        "likely); "
        "nothing stored is lost\n");
    _exit(3);
}

static void on_crash(int number)
{
    term_emergency();
    say("rlaif: the program broke; the workspace keeps everything that was "
        "acknowledged\n");
    signal(number, SIG_DFL);
    raise(number);
}

static void set_handler(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void signals_block(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < N_OURS; i++)
        sigaddset(&set, ours[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void unblock(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < N_OURS; i++)
        sigaddset(&set, ours[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void signals_start(struct cancel *cancel)
{
    if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) < 0)
        pipe_ends[0] = pipe_ends[1] = -1;
    atomic_store(&token, cancel);
    signal(SIGPIPE, SIG_IGN);
    set_handler(SIGINT, on_signal, SA_RESTART);
    set_handler(SIGTERM, on_signal, SA_RESTART);
    /* nohup stays nohup. */
    struct sigaction old;
    if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        set_handler(SIGHUP, on_signal, SA_RESTART);
    set_handler(SIGWINCH, on_signal, SA_RESTART);
    set_handler(SIGCONT, on_signal, SA_RESTART);
    set_handler(SIGALRM, on_signal, SA_RESTART);
    set_handler(SIGBUS, on_bus, 0);
    for (size_t i = 0; i < N_CRASHES; i++)
        /* A sanitizer's own handler says more than ours. */
        if (sigaction(crashes[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            set_handler(crashes[i], on_crash, (int)SA_RESETHAND);
    unblock();
}

void signals_interrupts(struct cancel *cancel)
{
    atomic_store(&token, cancel);
}

int signals_fd(void)
{
    return pipe_ends[0];
}

unsigned signals_take(void)
{
    char bytes[16];
    while (pipe_ends[0] >= 0 && read(pipe_ends[0], bytes, sizeof bytes) > 0)
        ;
    unsigned bits = atomic_exchange(&pending, 0);
    if (bits & SIGNAL_INT && atomic_load(&exit_code) == 0)
        atomic_store(&interrupts, 0);
    return bits;
}

int signals_exit_code(void)
{
    return atomic_load(&exit_code);
}

void signals_force_after(int count)
{
    atomic_store(&interrupts, 0);
    atomic_store(&force_after, count);
}

void signals_catch_stop(bool on)
{
    if (on)
        set_handler(SIGTSTP, on_signal, SA_RESTART);
    else
        signal(SIGTSTP, SIG_DFL);
}

void signals_stop_now(void)
{
    struct sigaction old;
    sigaction(SIGTSTP, NULL, &old);
    signal(SIGTSTP, SIG_DFL);
    /* The group, since a script that started us would else keep the terminal. */
    kill(0, SIGTSTP);
    sigaction(SIGTSTP, &old, NULL);
}

void signals_lend(bool on)
{
    lent = on;
    if (on)
        set_handler(SIGTSTP, on_signal, SA_RESTART);
}

void signals_reset_in_child(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            signal(number, SIG_DFL);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}
