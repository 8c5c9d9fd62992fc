#include "models/turn.h"

#include <stdint.h>
#include <time.h>

#define LOOK_NS 10000000 /* between two looks at the cancel token */

void turn_init(struct turn *turn)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&turn->lock, NULL);
    pthread_cond_init(&turn->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    turn->taken = false;
    turn->waiters = NULL;
    turn->running = NULL;
}

void turn_release(struct turn *turn)
{
    pthread_cond_destroy(&turn->changed);
    pthread_mutex_destroy(&turn->lock);
}

static const struct turn_waiter *next_waiter(const struct turn *turn)
{
    const struct turn_waiter *best = turn->waiters;

    for (const struct turn_waiter *w = best; w; w = w->next)
        if (w->priority > best->priority)
            best = w;
    return best;
}

/* Locked. A look at the clock now and then, for the one who cancels signals nobody. */
static void wait_a_little(struct turn *turn)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&turn->changed, &turn->lock, &until);
}

int turn_take(struct turn *turn, enum pool_priority priority, const struct cancel *cancel,
              struct error *err)
{
    struct turn_waiter self = {NULL, priority}, **at;
    bool mine = false;

    pthread_mutex_lock(&turn->lock);
    for (at = &turn->waiters; *at; at = &(*at)->next)
        ;
    *at = &self;
    if (turn->running && priority > turn->priority)
        cancel_ask(turn->running);
    while (!cancel_asked(cancel)) {
        mine = !turn->taken && next_waiter(turn) == &self;
        if (mine)
            break;
        wait_a_little(turn);
    }
    for (at = &turn->waiters; *at != &self; at = &(*at)->next)
        ;
    *at = self.next;
    if (mine)
        turn->taken = true;
    pthread_cond_broadcast(&turn->changed);
    pthread_mutex_unlock(&turn->lock);
    return mine ? 0 : error_set(err, ERROR_CANCELLED, "cancelled");
}

void turn_give(struct turn *turn)
{
    pthread_mutex_lock(&turn->lock);
    turn->taken = false;
    pthread_cond_broadcast(&turn->changed);
    pthread_mutex_unlock(&turn->lock);
}

bool turn_urgent(struct turn *turn, enum pool_priority priority)
{
    const struct turn_waiter *next;
    bool urgent;

    pthread_mutex_lock(&turn->lock);
    next = next_waiter(turn);
    urgent = next && next->priority > priority;
    pthread_mutex_unlock(&turn->lock);
    return urgent;
}

void turn_start(struct turn *turn, enum pool_priority priority, struct cancel *stop)
{
    const struct turn_waiter *next;

    pthread_mutex_lock(&turn->lock);
    next = next_waiter(turn);
    turn->running = stop;
    turn->priority = priority;
    if (next && next->priority > priority)
        cancel_ask(stop);
    pthread_mutex_unlock(&turn->lock);
}

void turn_stop(struct turn *turn)
{
    pthread_mutex_lock(&turn->lock);
    turn->running = NULL;
    pthread_mutex_unlock(&turn->lock);
}
