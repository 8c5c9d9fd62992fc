/*
 * Whose turn it is on an engine: one caller at a time, the more urgent first, among equals the
 * one who came first. Whoever waits is let go when its cancel token is set.
 */
#ifndef RLAIF_MODELS_TURN_H
#define RLAIF_MODELS_TURN_H

#include <pthread.h>
#include <stdbool.h>

#include "src/base/cancel.h"
#include "src/base/error.h"
#include "src/base/pool.h"

struct turn_waiter {
    struct turn_waiter *next;
    enum pool_priority priority;
};
struct turn {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool taken;
    struct turn_waiter *waiters; /* in the order they came */
    struct cancel *running;      /* stops what the holder computes, NULL: nothing to stop */
    enum pool_priority priority; /* of the holder, while something runs */
};

void turn_init(struct turn *turn);
void turn_release(struct turn *turn);
/* 0, or -1 when cancelled while it waited. */
int turn_take(struct turn *turn, enum pool_priority priority, const struct cancel *cancel,
              struct error *err);
void turn_give(struct turn *turn);
/* Somebody more urgent waits. */
bool turn_urgent(struct turn *turn, enum pool_priority priority);
/* The holder computes something that it can do again: `stop` is asked when somebody more urgent waits or comes. */
void turn_start(struct turn *turn, enum pool_priority priority, struct cancel *stop);
void turn_stop(struct turn *turn);

#endif
