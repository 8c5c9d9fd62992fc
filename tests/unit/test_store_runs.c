/* Runs in the store: names, states, series, samples, events, checkpoints, posts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>

#include "src/base/file.h"
#include "src/data/post.h"
#include "src/store/run_files.h"
#include "src/store/runs.h"
#include "tests/unit/store_fixture.h"

struct fixture {
    char *dir;
    struct store *store;
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    f->dir = fixture_dir();
    f->store = store_open(f->dir, 0, NULL, NULL);
    assert_non_null(f->store);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    fixture_remove(f->dir);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    struct error bad = {0};
    store_close(f->store);
    f->store = store_open(f->dir, 0, NULL, &bad);
    if (!f->store)
        fail_msg("%s", bad.text);
}

static int64_t new_run(struct fixture *f, const char *kind, int64_t parent, const char *name)
{
    int64_t id = 0;
    char *given = NULL;
    OK(store_add_run(f->store, kind, parent, "{\"seed\":1}", 1, &id, &given, err));
    assert_string_equal(given, name);
    free(given);
    return id;
}

static void names_count_within_their_kind(void **state)
{
    struct fixture *f = *state;
    struct run_rows runs;
    struct run_row row;
    int64_t id;
    struct error bad = {0};

    int64_t sft = new_run(f, "sft", 0, "sft-1");
    new_run(f, "rm", sft, "rm-1");
    new_run(f, "sft", 0, "sft-2");
    for (int i = 2; i <= 11; i++) {
        char name[16];
        snprintf(name, sizeof name, "rm-%d", i);
        new_run(f, "rm", 0, name);
    }
    OK(store_runs(f->store, &runs, err));
    assert_int_equal(runs.n, 13);
    assert_string_equal(runs.rows[1].name, "rm-1");
    assert_string_equal(runs.rows[1].parent, "sft-1");
    assert_null(runs.rows[0].parent);
    assert_string_equal(runs.rows[0].state, "queued");
    assert_true(runs.rows[0].started > 0 && runs.rows[0].ended == 0);
    run_rows_release(&runs);

    OK(store_find_run(f->store, "last", NULL, &row, err));
    assert_string_equal(row.name, "rm-11");
    run_row_release(&row);
    OK(store_find_run(f->store, "last", "sft", &row, err));
    assert_string_equal(row.name, "sft-2");
    run_row_release(&row);
    assert_int_equal(store_find_run(f->store, "sft-3", NULL, &row, &bad), -1);
    assert_non_null(strstr(bad.text, "no run \"sft-3\""));
    assert_non_null(strstr(bad.hint, "sft-"));
    assert_int_equal(store_find_run(f->store, "last", "rl", &row, &bad), -1);
    assert_non_null(strstr(bad.text, "no run yet of kind rl"));
    assert_int_equal(store_add_run(f->store, "a b", 0, NULL, 1, &id, NULL, &bad), -1);
    assert_int_equal(store_add_run(f->store, "rl", 999, NULL, 1, &id, NULL, &bad), -1);
}

static void states_and_results(void **state)
{
    struct fixture *f = *state;
    struct run_row row;
    struct error bad = {0};
    int64_t id = new_run(f, "rl", 0, "rl-1");
    int64_t other = new_run(f, "rl", 0, "rl-2");

    OK(store_set_run_state(f->store, id, "running", NULL, err));
    OK(store_set_run_state(f->store, id, "failed", "step 7: loss is no number", err));
    OK(store_set_run_result(f->store, id, "{\"seconds\":12}", err));
    OK(store_set_run_config(f->store, id, "{\"beta\":0.1}", err));
    OK(store_set_run_state(f->store, other, "running", NULL, err));
    assert_int_equal(store_set_run_state(f->store, id, "sleeping", NULL, &bad), -1);
    assert_int_equal(store_set_run_state(f->store, 77, "done", NULL, &bad), -1);
    assert_non_null(strstr(bad.text, "no such run"));
    reopen(f);
    OK(store_find_run(f->store, "rl-1", NULL, &row, err));
    assert_string_equal(row.state, "failed");
    assert_string_equal(row.error, "step 7: loss is no number");
    assert_string_equal(row.result, "{\"seconds\":12}");
    assert_string_equal(row.config, "{\"beta\":0.1}");
    assert_true(row.ended >= row.started);
    run_row_release(&row);
    /* As after kill -9: what was running is interrupted. */
    OK(store_find_run(f->store, "rl-2", NULL, &row, err));
    assert_string_equal(row.state, "interrupted");
    run_row_release(&row);
    /* It goes on: not ended any more. */
    OK(store_set_run_state(f->store, id, "running", NULL, err));
    OK(store_find_run(f->store, "rl-1", NULL, &row, err));
    assert_true(row.ended == 0 && !row.error);
    run_row_release(&row);
}

static void metrics_come_back_bit_for_bit(void **state)
{
    struct fixture *f = *state;
    struct series series;
    struct metric_lasts lasts;
    int64_t id = new_run(f, "sft", 0, "sft-1"), other = new_run(f, "sft", 0, "sft-2");
    const struct metric_point points[] = {
        {"loss", 2, 1.0 / 3.0}, {"loss", 1, 0.1 + 0.2}, {"lr", 1, 1e-300}, {"loss", 3, NAN},
        {"loss", 4, -0.0},
    };
    const struct metric_point again[] = {{"loss", 2, 5.5}, {"loss", 9, 6.5}};

    OK(store_add_metrics(f->store, id, points, 5, err));
    OK(store_add_metrics(f->store, other, points, 1, err));
    OK(store_add_metrics(f->store, id, again, 2, err));
    reopen(f);
    OK(store_load_series(f->store, id, "loss", -1, &series, err));
    assert_int_equal(series.n, 5);
    assert_int_equal(series.steps[0], 1);
    assert_true(series.values[0] == 0.1 + 0.2);
    assert_true(series.values[1] == 5.5); /* replaced, not doubled */
    assert_true(isnan(series.values[2]));
    assert_true(series.values[3] == 0);
    assert_int_equal(series.steps[4], 9);
    series_release(&series);
    OK(store_load_series(f->store, id, "loss", 4, &series, err));
    assert_int_equal(series.n, 1);
    series_release(&series);
    OK(store_load_series(f->store, id, "nothing", -1, &series, err));
    assert_int_equal(series.n, 0);
    OK(store_last_metrics(f->store, id, &lasts, err));
    assert_int_equal(lasts.n, 2);
    assert_string_equal(lasts.rows[0].name, "loss");
    assert_int_equal(lasts.rows[0].n, 5);
    assert_int_equal(lasts.rows[0].step, 9);
    assert_true(lasts.rows[0].value == 6.5);
    assert_true(lasts.rows[1].value == 1e-300);
    metric_lasts_release(&lasts);
    OK(store_load_series(f->store, other, "loss", -1, &series, err));
    assert_int_equal(series.n, 1);
    series_release(&series);
    struct error bad = {0};
    assert_int_equal(store_add_metrics(f->store, 99, points, 1, &bad), -1);
}

static void samples_and_events(void **state)
{
    struct fixture *f = *state;
    struct run_samples out;
    struct run_events events;
    int64_t id = new_run(f, "rl", 0, "rl-1");
    int32_t ids[] = {5, -1, 70000};
    float advantages[] = {0.25f, -1e-30f, 3.0f};
    struct run_sample rows[] = {
        {.step = 4, .text = (char *)"old", .score = NAN, .kl = NAN, .reward = NAN},
        {.step = 8,
         .kind = (char *)"fixed",
         .prompt = (char *)"Post:",
         .ids = ids,
         .n_ids = 3,
         .text = (char *)"a \xff b",
         .score = 1.5,
         .kl = 0.1,
         .reward = -2,
         .advantages = advantages,
         .length = 3,
         .seed = 9},
        {.step = 8, .text = (char *)"", .score = NAN, .kl = NAN, .reward = 0},
    };

    OK(store_add_samples(f->store, id, rows, 3, err));
    assert_true(rows[0].id && rows[1].id > rows[0].id);
    OK(store_load_samples(f->store, id, -1, NULL, 10, &out, err));
    assert_int_equal(out.n, 2);
    assert_string_equal(out.rows[0].kind, "fixed");
    assert_string_equal(out.rows[0].prompt, "Post:");
    assert_int_equal(out.rows[0].n_ids, 3);
    assert_memory_equal(out.rows[0].ids, ids, sizeof ids);
    assert_memory_equal(out.rows[0].advantages, advantages, sizeof advantages);
    assert_true(out.rows[0].score == 1.5 && out.rows[0].seed == 9 && out.rows[0].length == 3);
    assert_null(out.rows[1].ids);
    assert_true(isnan(out.rows[1].score) && out.rows[1].reward == 0);
    run_samples_release(&out);
    OK(store_load_samples(f->store, id, -1, "rollout", 1, &out, err));
    assert_int_equal(out.n, 1);
    assert_int_equal(out.rows[0].step, 8);
    run_samples_release(&out);
    OK(store_load_samples(f->store, id, 4, NULL, 10, &out, err));
    assert_int_equal(out.n, 1);
    assert_string_equal(out.rows[0].text, "old");
    run_samples_release(&out);

    struct run_event event = {.step = 5, .kind = (char *)"set", .name = (char *)"beta", .value = .1,
                              .text = (char *)"beta was .05"};
    struct run_event alarm = {.step = 6,
                              .at = 12,
                              .kind = (char *)"alarm",
                              .name = (char *)"kl",
                              .value = NAN,
                              .text = (char *)"KL 31 is over its limit of 25"};
    OK(store_add_event(f->store, id, &event, err));
    OK(store_add_event(f->store, id, &alarm, err));
    OK(store_load_events(f->store, id, &events, err));
    assert_int_equal(events.n, 2);
    assert_string_equal(events.rows[0].name, "beta");
    assert_true(events.rows[0].value == .1 && events.rows[0].at > 1000);
    assert_true(events.rows[1].at == 12 && isnan(events.rows[1].value));
    run_events_release(&events);
}

static void a_rewound_run_forgets_what_came_later(void **state)
{
    struct fixture *f = *state;
    struct checkpoint_rows checkpoints;
    struct series series;
    struct run_samples samples;
    int64_t id = new_run(f, "rm", 0, "rm-1");
    struct checkpoint_row row = {.step = 10, .file = (char *)"rm-1/10.ckpt", .bytes = 7};
    struct run_sample sample = {.step = 15, .text = (char *)"x"};

    memset(row.hash, 0xab, 32);
    OK(store_add_checkpoint(f->store, id, &row, err));
    row.step = 20;
    OK(store_add_checkpoint(f->store, id, &row, err));
    row.bytes = 8;
    OK(store_add_checkpoint(f->store, id, &row, err));
    OK(store_add_samples(f->store, id, &sample, 1, err));
    for (int i = 1; i <= 20; i++) {
        struct metric_point point = {"loss", i, i};
        OK(store_add_metrics(f->store, id, &point, 1, err));
    }
    OK(store_checkpoints(f->store, id, &checkpoints, err));
    assert_int_equal(checkpoints.n, 2);
    assert_int_equal(checkpoints.rows[1].bytes, 8);
    assert_int_equal(checkpoints.rows[0].hash[31], 0xab);
    assert_string_equal(checkpoints.rows[0].file, "rm-1/10.ckpt");
    assert_true(checkpoints.rows[0].created_at > 0);
    checkpoint_rows_release(&checkpoints);

    OK(store_rewind_run(f->store, id, 10, err));
    OK(store_load_series(f->store, id, "loss", -1, &series, err));
    assert_int_equal(series.n, 10);
    series_release(&series);
    OK(store_checkpoints(f->store, id, &checkpoints, err));
    assert_int_equal(checkpoints.n, 1);
    checkpoint_rows_release(&checkpoints);
    OK(store_load_samples(f->store, id, -1, NULL, 10, &samples, err));
    assert_int_equal(samples.n, 0);
    OK(store_drop_checkpoint(f->store, id, 10, err));
    OK(store_checkpoints(f->store, id, &checkpoints, err));
    assert_int_equal(checkpoints.n, 0);
}

static void posts_come_back_by_split(void **state)
{
    struct fixture *f = *state;
    char *summaries[] = {(char *)"first", (char *)"second"};
    struct post posts[] = {
        {.key = (char *)"k", .context = (char *)"one", .split = SPLIT_TRAIN, .summaries = summaries,
         .n_summaries = 2, .group = (char *)"advice", .origin_line = 3},
        {.context = (char *)"two", .split = SPLIT_TEST, .title = (char *)"T"},
        {.context = (char *)"three", .split = SPLIT_DEV, .summaries = summaries + 1,
         .n_summaries = 1},
    };
    struct set_row set;
    struct post_list list;

    OK(store_add_posts(f->store, "p", "x", posts, 3, err));
    OK(store_find_set(f->store, "p", &set, err));
    OK(store_load_posts(f->store, set.id, -1, &list, err));
    assert_int_equal(list.n, 3);
    assert_string_equal(list.posts[0].context, "one");
    assert_string_equal(list.posts[0].key, "k");
    assert_string_equal(list.posts[0].group, "advice");
    assert_int_equal(list.posts[0].n_summaries, 2);
    assert_string_equal(list.posts[0].summaries[1], "second");
    assert_true(list.posts[0].id && list.posts[1].id > list.posts[0].id);
    assert_int_equal(list.posts[0].origin_line, 3);
    assert_int_equal(list.posts[1].n_summaries, 0);
    assert_int_equal(list.posts[1].split, SPLIT_TEST);
    post_list_release(&list);
    OK(store_load_posts(f->store, set.id, SPLIT_DEV, &list, err));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.posts[0].summaries[0], "second");
    post_list_release(&list);
    set_row_release(&set);
}

static void assert_file(const char *dir, const char *name, const char *want)
{
    char *path = path_join(dir, name);
    struct buf bytes;
    buf_init(&bytes, 0);
    OK(file_read(path, 1 << 16, 0, &bytes, err));
    assert_string_equal(buf_str(&bytes), want);
    buf_release(&bytes);
    free(path);
}

/* The log's file grows as the store does, and begins again from the store after a rewind. */
static void a_log_follows_the_store(void **state)
{
    struct fixture *f = *state;
    struct run_row run;
    struct error bad = {0};
    int64_t id = new_run(f, "rm", 0, "rm-1");
    const struct metric_point first[] = {{"loss", 1, 0.1}, {"lr", 1, 1e-5}};
    const struct metric_point second[] = {{"loss", 2, NAN}};
    const struct metric_point third[] = {{"eval,\"x\"", 2, 3}};

    OK(store_find_run(f->store, "rm-1", NULL, &run, err));
    struct run_log *log = run_log_open(f->store, &run, f->dir, &bad);
    assert_non_null(log);
    assert_file(f->dir, "metrics.csv", "step\n");
    OK(store_add_metrics(f->store, id, first, 2, err));
    OK(run_log_add(log, first, 2, err));
    assert_file(f->dir, "metrics.csv", "step,loss,lr\n1,0.1,1e-05\n");
    OK(store_add_metrics(f->store, id, second, 1, err));
    OK(run_log_add(log, second, 1, err));
    assert_file(f->dir, "metrics.csv", "step,loss,lr\n1,0.1,1e-05\n2,nan,\n");
    OK(store_add_metrics(f->store, id, third, 1, err));
    OK(run_log_add(log, third, 1, err));
    assert_file(f->dir, "metrics.csv",
                "step,\"eval,\"\"x\"\"\",loss,lr\n1,,0.1,1e-05\n2,3,nan,\n");
    run_log_close(log);
    OK(store_rewind_run(f->store, id, 1, err));
    log = run_log_open(f->store, &run, f->dir, &bad);
    assert_non_null(log);
    assert_file(f->dir, "metrics.csv", "step,loss,lr\n1,0.1,1e-05\n");
    run_log_close(log);
    run_row_release(&run);
}

/* A file as schema 1 had it: what schema 2 added is taken away by plain SQL. */
static void a_workspace_of_schema_1_is_brought_up_to_date(void **state)
{
    struct fixture *f = *state;
    char *path = path_join(f->dir, "rlaif.db");
    sqlite3 *plain = NULL;
    struct error bad = {0};

    store_close(f->store);
    assert_int_equal(sqlite3_open(path, &plain), SQLITE_OK);
    assert_int_equal(sqlite3_exec(plain,
                                  "DROP TABLE events; ALTER TABLE runs DROP COLUMN result;"
                                  "ALTER TABLE samples DROP COLUMN advantages;"
                                  "ALTER TABLE samples DROP COLUMN prompt;"
                                  "ALTER TABLE samples DROP COLUMN kind;"
                                  "INSERT INTO settings VALUES('kept', 'yes');"
                                  "PRAGMA user_version=1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(plain);
    free(path);
    f->store = store_open(f->dir, STORE_READONLY, NULL, &bad);
    assert_null(f->store);
    assert_non_null(strstr(bad.text, "older schema 1"));
    f->store = store_open(f->dir, 0, NULL, &bad);
    if (!f->store)
        fail_msg("%s", bad.text);
    char *kept = store_get_setting(f->store, "kept");
    assert_string_equal(kept, "yes");
    free(kept);
    new_run(f, "sft", 0, "sft-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_count_within_their_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(states_and_results, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metrics_come_back_bit_for_bit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(samples_and_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rewound_run_forgets_what_came_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_log_follows_the_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(posts_come_back_by_split, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_workspace_of_schema_1_is_brought_up_to_date, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
