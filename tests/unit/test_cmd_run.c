/* Commands about runs, on runs that were put into the store as training would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/cmd/command.h"
#include "src/cmd/workbench.h"
#include "src/store/runs.h"
#include "tests/unit/run_fixture.h"

struct caught {
    struct buf data, talk;
};

static void on_data(void *ctx, const char *bytes, size_t len)
{
    struct caught *caught = ctx;
    buf_add(&caught->data, bytes, len);
}

static void on_talk(void *ctx, const char *line)
{
    struct caught *caught = ctx;
    buf_addf(&caught->talk, "%s\n", line);
}

struct fixture {
    struct workbench *wb;
    struct caught caught;
    struct error err;
    char *dir;
};

static int run(struct fixture *f, const char *line)
{
    struct sink sink = {.data = on_data, .talk = on_talk, .ctx = &f->caught};
    buf_clear(&f->caught.data);
    buf_clear(&f->caught.talk);
    f->err = (struct error){0};
    return command_run(f->wb, line, &sink, false, &f->err);
}

static void run_ok(struct fixture *f, const char *line)
{
    int code = run(f, line);
    if (code != 0)
        fail_msg("%s: exit %d: %s (%s)", line, code, f->err.text, f->err.hint);
}

static void assert_says(struct fixture *f, const char *part)
{
    if (!strstr(buf_str(&f->caught.data), part))
        fail_msg("wanted \"%s\" in:\n%s", part, buf_str(&f->caught.data));
}

static json_t *answer(struct fixture *f, const char *line)
{
    run_ok(f, line);
    json_t *value =
        json_parse(buf_str(&f->caught.data), f->caught.data.len, "answer", 1, NULL);
    assert_non_null(value);
    return value;
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    char name[] = "/tmp/rlaif-run-XXXXXX";
    struct workbench_options options = {.no_model = true};

    buf_init(&f->caught.data, 0);
    buf_init(&f->caught.talk, 0);
    f->dir = xstrdup(mkdtemp(name));
    options.dir = f->dir;
    f->wb = workbench_open(&options, &f->err);
    if (!f->wb)
        fail_msg("%s", f->err.text);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char *line = xasprintf("rm -rf '%s'", f->dir);
    workbench_close(f->wb);
    if (system(line) != 0)
        fail_msg("%s", line);
    free(line);
    buf_release(&f->caught.data);
    buf_release(&f->caught.talk);
    free(f->dir);
    free(f);
    return 0;
}

static void without_runs(void **state)
{
    struct fixture *f = *state;
    run_ok(f, "list runs");
    run_ok(f, "compare runs");
    assert_says(f, "no runs yet");
    assert_int_equal(run(f, "show run last"), 1);
    assert_non_null(strstr(f->err.text, "no run yet"));
    assert_int_equal(run(f, "plot rl-1"), 1);
}

static void runs_are_listed_and_shown(void **state)
{
    struct fixture *f = *state;
    run_fixture_add(f->wb->store);
    json_t *list = answer(f, "list runs as json");
    json_t *rows = json_object_get(list, "rows");
    assert_int_equal(json_array_size(rows), 4);
    json_t *rl = json_array_get(rows, 1);
    assert_string_equal(json_string_value(json_object_get(rl, "run")), "rl-1");
    assert_string_equal(json_string_value(json_object_get(rl, "parent")), "sft-1");
    assert_string_equal(json_string_value(json_object_get(rl, "metric")),
                        "objective/rlhf_reward");
    assert_int_equal(json_integer_value(json_object_get(rl, "step")), 200);
    json_decref(list);

    json_t *shown = answer(f, "show run rl-1 as json");
    assert_string_equal(json_string_value(json_object_get(shown, "command")), "show run");
    assert_string_equal(json_string_value(json_object_get(shown, "state")), "done");
    json_t *stage = json_array_get(json_object_get(shown, "stages"), 0);
    assert_string_equal(json_string_value(json_object_get(stage, "stage")), "rl");
    assert_int_equal(json_integer_value(json_object_get(stage, "updates")), 200);
    assert_true(json_number_value(json_object_get(stage, "kl")) == 10.0);
    json_t *event = json_array_get(json_object_get(shown, "events"), 0);
    assert_string_equal(json_string_value(json_object_get(event, "name")), "beta");
    json_decref(shown);
    run_ok(f, "show run rl-1");
    assert_says(f, "beta was .05");
    assert_says(f, "objective/kl");
}

/* The keys of contract.md 3. */
static void a_recipe_shows_its_stages(void **state)
{
    struct fixture *f = *state;
    run_fixture_add(f->wb->store);
    json_t *shown = answer(f, "show run last as json");
    assert_string_equal(json_string_value(json_object_get(shown, "run")), "recipe-1");
    assert_string_equal(json_string_value(json_object_get(shown, "recipe")), "pocket-rlaif");
    assert_int_equal(json_integer_value(json_object_get(shown, "seconds")), 812);
    assert_int_equal(json_integer_value(json_object_get(shown, "seed")), 1);
    json_t *stages = json_object_get(shown, "stages");
    assert_int_equal(json_array_size(stages), 3);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(stages, 0), "steps")), 100);
    assert_true(json_number_value(json_object_get(json_array_get(stages, 0), "loss")) > 0);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(stages, 1), "n")),
                     4000);
    json_t *duel = json_array_get(json_object_get(shown, "head_to_head"), 0);
    assert_true(json_number_value(json_object_get(duel, "win_rate")) == .86);
    json_decref(shown);
    run_ok(f, "show run last");
    assert_says(f, "win_rate 0.86");

    /* Its stages are newer than the recipe; the last thing that was run is still the recipe. */
    int64_t id;
    char config[] = "{\"stage_of\":\"recipe-1\"}";
    assert_int_equal(store_add_run(f->wb->store, "rl", 0, config, 1, &id, NULL, NULL), 0);
    run_ok(f, "show run last");
    assert_says(f, "recipe-1");
    run_ok(f, "show run rl-3");
    assert_says(f, "rl-3");
}

static void runs_are_compared(void **state)
{
    struct fixture *f = *state;
    run_fixture_add(f->wb->store);
    json_t *compared = answer(f, "compare runs as json");
    assert_int_equal(json_array_size(json_object_get(compared, "runs")), 3);
    json_decref(compared);
    compared = answer(f, "compare runs rl-1 rl-2 as json");
    json_t *differs = json_object_get(compared, "differs");
    assert_int_equal(json_array_size(differs), 2);
    assert_string_equal(json_string_value(json_array_get(differs, 0)), "beta");
    assert_string_equal(json_string_value(json_array_get(differs, 1)), "seed");
    json_t *first = json_array_get(json_object_get(compared, "runs"), 0);
    assert_true(json_number_value(json_object_get(json_object_get(first, "metrics"),
                                                  "objective/kl")) == 10.0);
    json_decref(compared);
    run_ok(f, "compare runs rl-1 rl-2");
    assert_says(f, "beta                                0.05         0.2\n");
    assert_int_equal(run(f, "compare runs rl-9"), 1);
}

static void plots_in_text_and_files(void **state)
{
    struct fixture *f = *state;
    struct buf bytes;
    run_fixture_add(f->wb->store);
    run_ok(f, "plot rl-1 objective/kl glyphs=ascii width=40 height=8");
    assert_says(f, "objective/kl\n");
    assert_says(f, "step");
    run_ok(f, "plot rl-1 rl-2 objective/kl glyphs=ascii smooth=.5 log=on");
    assert_says(f, "a rl-1");
    assert_says(f, "b rl-2");
    json_t *plot = answer(f, "plot rl-1 objective/kl objective/rlhf_reward as json");
    assert_int_equal(json_array_size(json_object_get(plot, "charts")), 2);
    json_decref(plot);
    run_ok(f, "plot rl-1"); /* the main figure */
    assert_says(f, "objective/rlhf_reward");

    char *file = path_join(f->dir, "kl.svg");
    char *line = xasprintf("plot rl-1 objective/kl objective/rlhf_reward to='%s'", file);
    run_ok(f, line);
    buf_init(&bytes, 0);
    assert_int_equal(file_read(file, 1 << 20, 0, &bytes, NULL), 0);
    assert_non_null(strstr(buf_str(&bytes), "<svg"));
    buf_release(&bytes);
    assert_int_equal(run(f, line), 1);
    assert_non_null(strstr(f->err.text, "exists already"));
    free(line);
    free(file);
    assert_int_equal(run(f, "plot rl-1 nothing"), 1);
    assert_int_equal(run(f, "plot rl-1 to=x.png"), 2);
    assert_int_equal(run(f, "plot rl-1 log=maybe"), 2);
    assert_int_equal(run(f, "plot rl-1 smooth=1"), 2);
}

static void runs_leave_as_files(void **state)
{
    struct fixture *f = *state;
    run_fixture_add(f->wb->store);
    for (const char *const *format = (const char *const[]){"csv", "tfevents", NULL}; *format;
         format++) {
        char *line = xasprintf("export run sft-1 format=%s to='%s/out' as json", *format, f->dir);
        json_t *done = answer(f, line);
        const char *file =
            json_string_value(json_array_get(json_object_get(done, "files"), 0));
        assert_non_null(file);
        assert_true(file_exists(file));
        json_decref(done);
        free(line);
    }
    assert_int_equal(run(f, "export run sft-1 format=png to=x"), 2);
    assert_non_null(strstr(f->err.hint, "csv, tfevents"));
    assert_int_equal(run(f, "export run sft-1 format=csv"), 2);
}

static void figures_are_explained_and_asserted(void **state)
{
    struct fixture *f = *state;
    run_fixture_add(f->wb->store);
    run_ok(f, "explain objective/kl");
    assert_says(f, "ln p - ln p_ref");
    run_ok(f, "explain agreement");
    run_ok(f, "list metrics");
    assert_says(f, "val/var_explained");
    assert_says(f, "same_position_rate");
    assert_int_equal(run(f, "explain objective/kx"), 2);
    assert_non_null(strstr(f->err.hint, "objective/kl"));
    run_ok(f, "assert objective/kl <= 10 run=rl-1");
    assert_int_equal(run(f, "assert objective/kl > 10 run=rl-1"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_are_listed_and_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_recipe_shows_its_stages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_are_compared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plots_in_text_and_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_leave_as_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(figures_are_explained_and_asserted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
