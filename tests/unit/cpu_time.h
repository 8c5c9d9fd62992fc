/* Limits of time that a busy machine does not break: the process's own CPU seconds, and more room under sanitizers. */
#ifndef RLAIF_TESTS_CPU_TIME_H
#define RLAIF_TESTS_CPU_TIME_H

#include <stdlib.h>
#include <time.h>

static inline double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* The limits tell linear from quadratic, not fast from slow. */
static inline double cpu_limit(double seconds)
{
    return getenv("RLAIF_QUICK") ? 20 * seconds : seconds;
}

#endif
