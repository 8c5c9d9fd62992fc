/* The compute pool. */
#include "tests/unit/base_fixture.h"

/* ---- pool ---- */

#define MOST_TILES 1000

struct operation {
    int threads;
    atomic_int seen[MOST_TILES];
    atomic_int busy[64]; /* by worker: two tiles at once would share scratch space */
    atomic_int wrong;
    uint64_t plain[MOST_TILES]; /* not atomic: pool_run itself must order it */
    uint64_t round;
    int work;
};

static void count_tile(void *arg, size_t index, int worker)
{
    struct operation *op = arg;
    struct rng_key key = {index, op->round};
    uint64_t sum = 0;

    if (worker < 0 || worker >= op->threads ||
        atomic_fetch_add(&op->busy[worker], 1) != 0)
        atomic_fetch_add(&op->wrong, 1);
    for (int i = 0; i < op->work; i++)
        sum += rng_bits(key, (uint64_t)i);
    op->plain[index] = op->round + (sum & 0);
    atomic_fetch_add(&op->seen[index], 1);
    atomic_fetch_sub(&op->busy[worker], 1);
}

static void run_and_check(struct pool *pool, enum pool_priority priority, size_t n,
                          struct operation *op)
{
    op->round++;
    for (size_t i = 0; i < n; i++)
        atomic_store_explicit(&op->seen[i], 0, memory_order_relaxed);
    pool_run(pool, priority, n, count_tile, op);
    for (size_t i = 0; i < n; i++)
        if (atomic_load_explicit(&op->seen[i], memory_order_relaxed) != 1 ||
            op->plain[i] != op->round)
            atomic_fetch_add(&op->wrong, 1);
}

static void test_pool_sizes(void **state)
{
    static const int threads[] = {-1, 0, 1, 2, 3, 8, 64, 1000};
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, MOST_TILES};

    (void)state;
    for (size_t t = 0; t < COUNT(threads); t++) {
        struct pool *pool = pool_new(threads[t]);
        struct operation op = {.threads = pool_threads(pool)};

        assert_int_equal(op.threads, threads[t] < 1    ? 1
                                     : threads[t] > 64 ? 64
                                                       : threads[t]);
        for (size_t s = 0; s < COUNT(sizes); s++)
            run_and_check(pool, POOL_BACKGROUND, sizes[s], &op);
        assert_int_equal(op.wrong, 0);
        pool_free(pool);
    }
    pool_free(NULL);
}

struct caller {
    struct pool *pool;
    int index;
    int rounds;
    int wrong;
};

static void *call_often(void *arg)
{
    struct caller *self = arg;
    struct rng_key key = rng_key(1, "test", "pool");
    struct operation op = {.threads = pool_threads(self->pool)};

    key = rng_sub(key, (uint64_t)self->index);
    for (int i = 0; i < self->rounds; i++) {
        uint64_t draw = 4 * (uint64_t)i;
        size_t n = rng_below(key, draw, 40);

        op.work = (int)rng_below(key, draw + 1, 300);
        run_and_check(self->pool, self->index % 3 == 0 ? POOL_PROBE : POOL_BACKGROUND, n,
                      &op);
        /* Now and then long enough for the pool's threads to fall asleep. */
        if (rng_below(key, draw + 2, 50) == 0) {
            struct timespec nap = {0, (long)rng_below(key, draw + 3, 200000)};

            nanosleep(&nap, NULL);
        }
    }
    self->wrong = op.wrong;
    return NULL;
}

static void stress(int n_threads, int n_callers, int rounds)
{
    struct pool *pool = pool_new(n_threads);
    struct caller callers[32];
    pthread_t ids[32];

    for (int i = 0; i < n_callers; i++) {
        callers[i] = (struct caller){pool, i, rounds, 0};
        assert_int_equal(pthread_create(&ids[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < n_callers; i++) {
        pthread_join(ids[i], NULL);
        assert_int_equal(callers[i].wrong, 0);
    }
    pool_free(pool);
}

static void test_pool_stress(void **state)
{
    (void)state;
    stress(2, 1, 3000);
    stress(2, 2, 2000);
    stress(4, 5, 600);
    stress(7, 3, 600);
    stress(3, 24, 150); /* more callers than slots */
}

/* A probe must not wait for the end of a long operation of another caller. */
struct overtaking {
    struct pool *pool;
    atomic_int begun, probe_done, left_when_probed;
    atomic_int finished;
};

static void slow_tile(void *arg, size_t index, int worker)
{
    struct overtaking *o = arg;
    struct timespec nap = {0, 1000000};

    (void)index;
    (void)worker;
    atomic_store(&o->begun, 1);
    nanosleep(&nap, NULL);
    atomic_fetch_add(&o->finished, 1);
}

static void *run_slow(void *arg)
{
    struct overtaking *o = arg;

    pool_run(o->pool, POOL_BACKGROUND, 400, slow_tile, o);
    return NULL;
}

static void by_pool_tile(void *arg, size_t index, int worker)
{
    struct timespec nap = {0, 2000000};

    (void)index;
    if (worker > 0)
        atomic_fetch_add((atomic_int *)arg, 1);
    nanosleep(&nap, NULL);
}

static void test_pool_priority(void **state)
{
    struct overtaking o = {.pool = pool_new(3)};
    atomic_int helped = 0;
    pthread_t id;

    (void)state;
    assert_int_equal(pthread_create(&id, NULL, run_slow, &o), 0);
    while (!atomic_load(&o.begun))
        sched_yield();
    pool_run(o.pool, POOL_PROBE, 20, by_pool_tile, &helped);
    /* The pool's threads left the training run for it, which was still going on. */
    assert_true(atomic_load(&helped) > 0);
    assert_true(atomic_load(&o.finished) < 400);
    pthread_join(id, NULL);
    assert_int_equal(o.finished, 400);
    pool_free(o.pool);
}

static void nested_tile(void *arg, size_t index, int worker)
{
    struct pool *pool = arg;
    struct operation op = {.threads = pool_threads(pool)};

    (void)index;
    (void)worker;
    for (int i = 0; i < 20; i++)
        run_and_check(pool, POOL_BACKGROUND, 8, &op);
    if (op.wrong)
        abort();
}

static void test_pool_nested(void **state)
{
    struct pool *pool = pool_new(4);

    (void)state;
    pool_run(pool, POOL_BACKGROUND, 6, nested_tile, pool);
    pool_free(pool);
}

static void denormal_tile(void *arg, size_t index, int worker)
{
    volatile float tiny = 1e-38f;
    atomic_int *bad = arg;
    struct timespec nap = {0, 100000};

    (void)index;
    tiny *= 0.1f;
    if (worker > 0 && tiny != 0)
        atomic_fetch_add(bad, 1);
    nanosleep(&nap, NULL);
}

static void test_pool_denormals(void **state)
{
    struct pool *pool = pool_new(3);
    atomic_int bad = 0;

    (void)state;
    pool_run(pool, POOL_BACKGROUND, 30, denormal_tile, &bad);
    assert_int_equal(bad, 0);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_sizes),
        cmocka_unit_test(test_pool_stress),
        cmocka_unit_test(test_pool_priority),
        cmocka_unit_test(test_pool_nested),
        cmocka_unit_test(test_pool_denormals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
