/*
 * Starting a thread that gets no signals: those belong to main. Faults of the thread
 * itself stay open, so that the handler which restores the terminal still runs.
 */
#ifndef RLAIF_STORE_THREAD_H
#define RLAIF_STORE_THREAD_H

#include <pthread.h>
#include <signal.h>

/* 0 or an errno value, like pthread_create. */
static inline int thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    static const int faults[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                 SIGABRT, SIGTRAP, SIGSYS};
    sigset_t block, old;
    sigfillset(&block);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&block, faults[i]);
    pthread_sigmask(SIG_SETMASK, &block, &old);
    int rc = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

#endif
