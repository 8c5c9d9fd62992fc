/*
 * Operations last tens of microseconds and come thousands of times a second, so the path
 * of one operation takes no lock: it stands in a slot, threads join the slot and draw
 * tiles from a counter. Locks and condition variables are only for threads that have run
 * out of patience.
 *
 * A slot's life: claimed by a caller; `open` set to its priority; threads join by
 * counting themselves in `users` and then looking at `open` again; whoever draws the last
 * tile sets `open` to 0; the caller waits until `users` is 0 and only then gives the slot
 * back. A thread that saw `open` after it had joined is therefore waited for, and one
 * that saw it closed touches nothing of the operation. This argument needs the
 * sequentially consistent order of both accesses.
 */
#include "src/base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

#include "src/base/mem.h"

#define MAX_THREADS 64
#define SLOTS 16       /* operations at once; a further caller works alone */
#define SPIN_NS 50000  /* of waiting awake, longer than the gap between two operations */
#define SPIN_PAUSES 32 /* between two looks at the clock */
#define CACHE_LINE 64

/* Kept apart by cache lines: the counter is written for every tile, the rest is read. */
struct slot {
    _Alignas(CACHE_LINE) atomic_int claimed;
    atomic_int open;  /* priority + 1 while there are tiles to draw, else 0 */
    atomic_int users; /* threads of the pool inside; not the caller */
    atomic_int waiting;
    void (*tile)(void *arg, size_t index, int worker);
    void *arg;
    size_t n;
    enum pool_priority priority;
    _Alignas(CACHE_LINE) atomic_size_t next;
};

struct worker {
    struct pool *pool;
    int index;
    pthread_t thread;
};

struct pool {
    struct slot slots[SLOTS];
    _Alignas(CACHE_LINE) atomic_int open; /* slots with tiles to draw */
    atomic_int open_probes;               /* those of them that are urgent */
    atomic_int sleepers;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards nothing but going to sleep */
    pthread_cond_t work;
    pthread_cond_t done;
    int n_threads;
    struct worker workers[MAX_THREADS];
};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void pool_flush_denormals(void)
{
#if defined(__x86_64__) || (defined(__i386__) && defined(__SSE__))
    _mm_setcsr(_mm_getcsr() | 0x8040); /* FTZ and DAZ */
#elif defined(__aarch64__)
    uint64_t fpcr;

    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | UINT64_C(1) << 24));
#endif
}

/*
 * Draws tiles until there are none, or until something more urgent has come (threads
 * only).
 */
static void work_in(struct pool *pool, struct slot *slot, int worker)
{
    bool yields = worker > 0 && slot->priority == POOL_BACKGROUND;

    do {
        size_t i = atomic_fetch_add_explicit(&slot->next, 1, memory_order_relaxed);

        if (i >= slot->n)
            return;
        if (i == slot->n - 1) {
            atomic_store(&slot->open, 0);
            atomic_fetch_sub(&pool->open, 1);
            if (slot->priority == POOL_PROBE)
                atomic_fetch_sub(&pool->open_probes, 1);
        }
        slot->tile(slot->arg, i, worker);
    } while (!yields ||
             atomic_load_explicit(&pool->open_probes, memory_order_relaxed) == 0);
}

static void leave(struct pool *pool, struct slot *slot)
{
    if (atomic_fetch_sub(&slot->users, 1) != 1 || !atomic_load(&slot->waiting))
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->done);
    pthread_mutex_unlock(&pool->lock);
}

/*
 * Joins one operation of this priority, if there is one; *from: the slot to look at
 * first.
 */
static bool help_one(struct pool *pool, int priority, int worker, int *from)
{
    for (int i = 0; i < SLOTS; i++) {
        int s = (*from + i) % SLOTS;
        struct slot *slot = &pool->slots[s];
        bool joined;

        if (atomic_load_explicit(&slot->open, memory_order_relaxed) != priority + 1)
            continue;
        atomic_fetch_add(&slot->users, 1);
        joined = atomic_load(&slot->open) == priority + 1;
        if (joined)
            work_in(pool, slot, worker);
        leave(pool, slot);
        if (joined) {
            /* The next one first, so that callers of the same priority take turns. */
            *from = (s + 1) % SLOTS;
            return true;
        }
    }
    return false;
}

/* True when there is something to do or the end has come. */
static bool awake(struct pool *pool)
{
    return atomic_load(&pool->open) > 0 || atomic_load(&pool->stop);
}

static void wait_for_work(struct pool *pool)
{
    int64_t until = now_ns() + SPIN_NS;

    do {
        for (int i = 0; i < SPIN_PAUSES; i++) {
            if (atomic_load_explicit(&pool->open, memory_order_relaxed) > 0)
                return;
            relax();
        }
        /* On a busy machine the caller may be waiting for this very processor. */
        sched_yield();
    } while (now_ns() < until);
    /* Counted as asleep, then a last look: the caller does it the other way round. */
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    /* Once only: whoever was woken too late stays awake for the next operation. */
    if (!awake(pool))
        pthread_cond_wait(&pool->work, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *arg)
{
    struct worker *self = arg;
    struct pool *pool = self->pool;
    int from = self->index % SLOTS;

    pool_flush_denormals();
    while (!atomic_load(&pool->stop)) {
        if (help_one(pool, POOL_PROBE, self->index, &from))
            continue;
        if (help_one(pool, POOL_BACKGROUND, self->index, &from))
            continue;
        wait_for_work(pool);
    }
    return NULL;
}

static void start_workers(struct pool *pool, int n_threads)
{
    sigset_t all, old;

    /* Signals belong to the thread that reads the keyboard. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    while (pool->n_threads < n_threads) {
        struct worker *worker = &pool->workers[pool->n_threads];

        worker->pool = pool;
        worker->index = pool->n_threads;
        /* With fewer threads than asked for everything is slower, nothing is wrong. */
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
            break;
        pool->n_threads++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct pool *pool_new(int n_threads)
{
    struct pool *pool = mem_try(sizeof(*pool), "the threads", NULL);

    if (!pool)
        abort();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->n_threads = 1;
    start_workers(pool, n_threads > MAX_THREADS ? MAX_THREADS : n_threads);
    return pool;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i < pool->n_threads; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int pool_threads(const struct pool *pool)
{
    return pool->n_threads;
}

static struct slot *claim(struct pool *pool)
{
    for (int i = 0; i < SLOTS; i++) {
        int none = 0;

        if (atomic_load_explicit(&pool->slots[i].claimed, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&pool->slots[i].claimed, &none, 1))
            return &pool->slots[i];
    }
    return NULL;
}

static void wake(struct pool *pool, size_t tiles)
{
    int sleepers = atomic_load(&pool->sleepers);

    if (sleepers == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    if (tiles >= (size_t)sleepers)
        pthread_cond_broadcast(&pool->work);
    else
        for (size_t i = 0; i < tiles; i++)
            pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

/* All tiles are drawn; the last may still be worked on. */
static void wait_for_users(struct pool *pool, struct slot *slot)
{
    int64_t until = 0;

    for (;;) {
        for (int i = 0; i < SPIN_PAUSES; i++) {
            if (atomic_load(&slot->users) == 0)
                return;
            relax();
        }
        if (until == 0)
            until = now_ns() + SPIN_NS;
        else if (now_ns() > until)
            break;
    }
    pthread_mutex_lock(&pool->lock);
    atomic_store(&slot->waiting, 1);
    while (atomic_load(&slot->users) != 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    atomic_store(&slot->waiting, 0);
    pthread_mutex_unlock(&pool->lock);
}

void pool_run(struct pool *pool, enum pool_priority priority, size_t n,
              void (*tile)(void *arg, size_t index, int worker), void *arg)
{
    struct slot *slot = NULL;

    if (n > 1 && pool->n_threads > 1)
        slot = claim(pool);
    if (!slot) {
        for (size_t i = 0; i < n; i++)
            tile(arg, i, 0);
        return;
    }
    slot->tile = tile;
    slot->arg = arg;
    slot->n = n;
    slot->priority = priority;
    atomic_store_explicit(&slot->next, 0, memory_order_relaxed);
    /*
     * Counted before it is open, so that the one who draws the last tile counts down to
     * 0.
     */
    if (priority == POOL_PROBE)
        atomic_fetch_add(&pool->open_probes, 1);
    atomic_fetch_add(&pool->open, 1);
    atomic_store(&slot->open, (int)priority + 1);
    wake(pool, n - 1);
    work_in(pool, slot, 0);
    wait_for_users(pool, slot);
    atomic_store_explicit(&slot->claimed, 0, memory_order_release);
}
