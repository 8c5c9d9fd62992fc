/*
 * Checkpoints: what goes in comes out to the bit; old ones go, the best stays; a cut, a flipped
 * bit, a part of another moment, another model and a future version are refused by name, and the
 * one before is offered.
 */
#define _GNU_SOURCE /* memmem */
#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "models/checkpoint.h"
#include "src/base/file.h"
#include "src/base/mem.h"

static void assert_match(const char *pattern, const char *text)
{
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
        fail_msg("bad pattern %s", pattern);
    const int found = regexec(&re, text, 0, NULL, 0);
    regfree(&re);
    if (found)
        fail_msg("'%s' does not match '%s'", text, pattern);
}

static const struct checkpoint_id id = {"rl-4", "llama, 1 layers", "ab12", "shards 4"};

struct run {
    char *dir;
    float *weights, *m;
    double v[7];
    uint64_t cursor[2];
    size_t n;
    struct st_note notes[2];
};

static void run_init(struct run *run, size_t n)
{
    char name[] = "/tmp/rlaif-ckpt-XXXXXX";
    assert_non_null(mkdtemp(name));
    *run = (struct run){.dir = xstrdup(name), .n = n};
    run->weights = xmalloc(n * sizeof *run->weights);
    run->m = xmalloc(n * sizeof *run->m);
    for (size_t i = 0; i < n; i++) {
        run->weights[i] = (float)sin((double)i);
        run->m[i] = (float)cos((double)i);
    }
    for (int i = 0; i < 7; i++)
        run->v[i] = 1.0 / (i + 3);
    run->cursor[0] = UINT64_MAX;
    run->cursor[1] = 17;
    run->notes[0] = (struct st_note){"beta", "0.05"};
    run->notes[1] = (struct st_note){"schedule", "cosine"};
}

static void run_release(struct run *run)
{
    struct checkpoint_list list;
    assert_int_equal(checkpoint_list(run->dir, &list, NULL), 0);
    for (size_t i = 0; i < list.n; i++) {
        char *path = checkpoint_path(run->dir, list.generations[i]);
        unlink(path);
        free(path);
    }
    checkpoint_list_release(&list);
    assert_int_equal(rmdir(run->dir), 0); /* nothing else was left */
    free(run->dir);
    free(run->weights);
    free(run->m);
}

static uint64_t save(struct run *run, uint64_t step, bool is_best, unsigned keep)
{
    const struct st_put parts[] = {
        st_put_f32("weights", run->weights, 0, run->n),
        st_put_f32("adam.m", run->m, 0, run->n),
        {.name = "adam.v", .type = ST_F64, .n_dims = 1, .dims = {7}, .data = run->v},
        {.name = "cursor", .type = ST_U64, .n_dims = 1, .dims = {2}, .data = run->cursor},
    };
    const struct checkpoint_put put = {.id = id, .step = step, .parts = parts, .n_parts = 4,
                                       .notes = run->notes, .n_notes = 2, .is_best = is_best,
                                       .keep = keep};
    struct error err = {0};
    uint64_t generation = 0;
    if (checkpoint_write(run->dir, &put, &generation, &err))
        fail_msg("%s", err.text);
    return generation;
}

static void what_goes_in_comes_out_to_the_bit(void **state)
{
    (void)state;
    struct run run;
    struct checkpoint c;
    struct error err = {0};
    char beta[40];
    run_init(&run, 100);
    checkpoint_real(0.1 + 0.2, beta);
    run.notes[0].value = beta;
    assert_int_equal(save(&run, 480, false, 3), 1);
    if (checkpoint_newest(&c, run.dir, &id, NULL, &err))
        fail_msg("%s", err.text);
    float weights[100];
    double v[7], real;
    uint64_t cursor[2];
    assert_int_equal(c.step, 480);
    assert_int_equal(c.generation, 1);
    assert_false(c.is_best);
    assert_int_equal(checkpoint_get(&c, "weights", ST_F32, 100, weights, &err), 0);
    assert_memory_equal(weights, run.weights, sizeof weights);
    assert_int_equal(checkpoint_get(&c, "adam.v", ST_F64, 7, v, &err), 0);
    assert_memory_equal(v, run.v, sizeof v);
    assert_int_equal(checkpoint_get(&c, "cursor", ST_U64, 2, cursor, &err), 0);
    assert_memory_equal(cursor, run.cursor, sizeof cursor);
    assert_int_equal(checkpoint_note_real(&c, "beta", &real, &err), 0);
    assert_true(real == 0.1 + 0.2);
    assert_string_equal(checkpoint_note(&c, "schedule"), "cosine");
    assert_null(checkpoint_note(&c, "none"));
    assert_int_equal(checkpoint_note_u64(&c, "schedule", cursor, &err), -1);
    assert_match("note schedule is cosine, a whole number is due", err.text);
    assert_int_equal(checkpoint_get(&c, "weights", ST_F32, 99, weights, &err), -1);
    assert_match("the part weights holds 100 F32 numbers, 99 F32 are due", err.text);
    assert_int_equal(checkpoint_get(&c, "weights", ST_F64, 100, weights, &err), -1);
    assert_int_equal(checkpoint_get(&c, "adam.w", ST_F32, 1, weights, &err), -1);
    assert_match("has no part adam.w", err.text);
    checkpoint_close(&c);
    checkpoint_close(&c);
    run_release(&run);
}

static void reals_come_back(void **state)
{
    (void)state;
    const double values[] = {0, -0.0, 1, 0.1, 1e300, 5e-324, -1.0 / 3, INFINITY, -INFINITY, NAN};
    struct run run;
    run_init(&run, 4);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct checkpoint c;
        char text[40];
        double back;
        checkpoint_real(values[i], text);
        run.notes[0].value = text;
        (void)save(&run, i, false, 1);
        assert_int_equal(checkpoint_newest(&c, run.dir, &id, NULL, NULL), 0);
        assert_int_equal(checkpoint_note_real(&c, "beta", &back, NULL), 0);
        if (isnan(values[i]))
            assert_true(isnan(back));
        else
            assert_memory_equal(&back, &values[i], sizeof back);
        checkpoint_close(&c);
    }
    run_release(&run);
}

static void the_last_and_the_best_stay(void **state)
{
    (void)state;
    struct run run;
    struct checkpoint_list list;
    struct checkpoint c;
    struct error err = {0};
    run_init(&run, 8);
    assert_int_equal(checkpoint_best(&c, run.dir, &id, &err), -1);
    assert_match("holds no best checkpoint", err.text);
    for (uint64_t i = 1; i <= 9; i++)
        assert_int_equal(save(&run, 10 * i, i == 2 || i == 4, 2), i);
    assert_int_equal(checkpoint_list(run.dir, &list, &err), 0);
    assert_int_equal(list.n, 3);
    assert_int_equal(list.generations[0], 9);
    assert_int_equal(list.generations[1], 8);
    assert_int_equal(list.generations[2], 4);
    checkpoint_list_release(&list);
    assert_int_equal(checkpoint_best(&c, run.dir, &id, &err), 0);
    assert_int_equal(c.step, 40);
    assert_true(c.is_best);
    checkpoint_close(&c);
    run_release(&run);
}

static void an_empty_directory_has_no_checkpoint(void **state)
{
    (void)state;
    struct checkpoint c;
    struct error err = {0};
    uint64_t fallback = 5;
    assert_int_equal(checkpoint_newest(&c, "/nonexistent/run", &id, &fallback, &err), -1);
    assert_match("holds no checkpoint", err.text);
    assert_int_equal(fallback, 0);
}

static void read_file(const char *path, struct buf *out)
{
    struct error err;
    buf_init(out, 0);
    if (file_read(path, (size_t)1 << 26, 0, out, &err))
        fail_msg("%s", err.text);
}

/* Not file_put: thousands of syncs. */
static void overwrite(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void assert_refused(const struct run *run, const char *pattern, uint64_t fallback)
{
    struct checkpoint c;
    struct error err = {0};
    uint64_t other = 99;
    char line[1024];
    if (checkpoint_newest(&c, run->dir, &id, &other, &err) == 0)
        fail_msg("a damaged checkpoint was opened (%s)", pattern);
    error_format(&err, line, sizeof line);
    assert_match(pattern, line);
    assert_int_equal(other, fallback);
}

static void a_cut_is_refused_and_the_one_before_offered(void **state)
{
    (void)state;
    struct run run;
    struct buf whole;
    run_init(&run, 3000);
    (void)save(&run, 10, false, 3);
    (void)save(&run, 20, false, 3);
    char *path = checkpoint_path(run.dir, 2);
    read_file(path, &whole);
    for (size_t n = 0; n < whole.len; n += 4096) {
        overwrite(path, whole.data, n);
        assert_refused(&run, "ckpt-00000002.*generation 1 \\(step 10\\) is whole", 1);
    }
    overwrite(path, whole.data, whole.len - 1);
    assert_refused(&run, "tensor cursor ends at byte .*the file has|generation 1", 1);
    char *first = checkpoint_path(run.dir, 1);
    overwrite(first, whole.data, 0);
    assert_refused(&run, "no older checkpoint is whole", 0);
    buf_release(&whole);
    free(first);
    free(path);
    run_release(&run);
}

static void any_flipped_bit_is_found(void **state)
{
    (void)state;
    struct run run;
    struct buf file;
    run_init(&run, 24);
    (void)save(&run, 10, false, 1);
    char *path = checkpoint_path(run.dir, 1);
    read_file(path, &file);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    setvbuf(f, NULL, _IONBF, 0);
    for (size_t bit = 0; bit < 8 * file.len; bit++) {
        const int at = (int)(bit / 8), byte = (unsigned char)file.data[at];
        struct checkpoint c;
        struct error err = {0};
        fseek(f, at, SEEK_SET);
        fputc(byte ^ 1 << bit % 8, f);
        if (checkpoint_open(&c, path, &id, &err) == 0)
            fail_msg("bit %zu of byte %d was not missed", bit % 8, at);
        assert_true(err.text[0] && err.byte >= 0);
        fseek(f, at, SEEK_SET);
        fputc(byte, f);
    }
    struct checkpoint c;
    assert_int_equal(checkpoint_open(&c, path, &id, NULL), 0);
    checkpoint_close(&c);
    fclose(f);
    buf_release(&file);
    free(path);
    run_release(&run);
}

static void a_flipped_bit_names_its_part(void **state)
{
    (void)state;
    static const char *const parts[] = {"weights", "adam.m", "adam.v", "cursor"};
    struct run run;
    run_init(&run, 24);
    (void)save(&run, 10, false, 2);
    (void)save(&run, 20, false, 2);
    char *path = checkpoint_path(run.dir, 2);
    for (size_t i = 0; i < 4; i++) {
        struct checkpoint c;
        struct buf file;
        char pattern[200];
        assert_int_equal(checkpoint_open(&c, path, &id, NULL), 0);
        const size_t at = safetensors_find(&c.file, parts[i])->data_at;
        checkpoint_close(&c);
        read_file(path, &file);
        file.data[at] ^= 1;
        overwrite(path, file.data, file.len);
        snprintf(pattern, sizeof pattern, "byte 0x%zx: the part %s, .*is damaged: its SHA-256 is .*"
                 "generation 1 \\(step 10\\) is whole", at, parts[i]);
        assert_refused(&run, pattern, 1);
        file.data[at] ^= 1;
        overwrite(path, file.data, file.len);
        buf_release(&file);
    }
    free(path);
    run_release(&run);
}

/* Replaces the first `from` in a file by as long a text. */
static void replace_in(const char *path, const char *from, const char *to)
{
    struct buf file;
    read_file(path, &file);
    char *at = memmem(file.data, file.len, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    overwrite(path, file.data, file.len);
    buf_release(&file);
}

static void mixed_checkpoints_are_refused(void **state)
{
    (void)state;
    struct run run;
    struct buf old, new;
    struct checkpoint c;
    run_init(&run, 24);
    (void)save(&run, 10, false, 2);
    (void)save(&run, 20, false, 2);
    char *first = checkpoint_path(run.dir, 1), *second = checkpoint_path(run.dir, 2);
    assert_int_equal(checkpoint_open(&c, second, &id, NULL), 0);
    const struct st_tensor m = *safetensors_find(&c.file, "adam.m");
    checkpoint_close(&c);
    read_file(first, &old);
    read_file(second, &new);
    /* The whole file under another number. */
    overwrite(second, old.data, old.len);
    assert_refused(&run, "the file holds generation 1, its name says 2", 1);
    /* A part of another moment behind this one's header. */
    run.m[0] = 0.5f;
    memcpy(new.data + m.data_at, run.m, (size_t)m.bytes);
    overwrite(second, new.data, new.len);
    assert_refused(
        &run, "the part adam.m, or of another checkpoint than generation 2, is damaged",
        1);
    buf_release(&old);
    buf_release(&new);
    free(first);
    free(second);
    run_release(&run);
}

static void another_runs_checkpoint_says_what_differs(void **state)
{
    (void)state;
    struct run run;
    struct checkpoint c;
    struct error err = {0};
    run_init(&run, 8);
    (void)save(&run, 10, false, 2);
    const struct checkpoint_id other = {"rl-4", "llama, 2 layers", "ab12", "shards 8"};
    assert_int_equal(checkpoint_newest(&c, run.dir, &other, NULL, &err), -1);
    assert_match("is of another run: model is 'llama, 1 layers', not 'llama, 2 layers'; "
                 "configuration is 'shards 4', not 'shards 8'$", err.text);
    assert_int_equal(checkpoint_newest(&c, run.dir, NULL, NULL, &err), 0);
    checkpoint_close(&c);
    const struct checkpoint_id some = {NULL, "llama, 1 layers", NULL, NULL};
    assert_int_equal(checkpoint_newest(&c, run.dir, &some, NULL, &err), 0);
    checkpoint_close(&c);
    run_release(&run);
}

static void a_future_version_is_refused(void **state)
{
    (void)state;
    struct run run;
    run_init(&run, 8);
    (void)save(&run, 10, false, 2);
    char *path = checkpoint_path(run.dir, 1);
    replace_in(path, "\"ckpt.version\":\"1\"", "\"ckpt.version\":\"2\"");
    assert_refused(&run, "is of version 2, this program reads version 1", 0);
    replace_in(path, "\"ckpt.version\":\"2\"", "\"ckpt.xersion\":\"1\"");
    assert_refused(&run, "this is not a checkpoint", 0);
    free(path);
    run_release(&run);
}

static void nan_is_never_saved(void **state)
{
    (void)state;
    struct run run;
    struct checkpoint c;
    struct error err = {0};
    run_init(&run, 8);
    (void)save(&run, 10, false, 2);
    run.weights[3] = NAN;
    const struct st_put part = st_put_f32("weights", run.weights, 0, 8);
    const struct checkpoint_put put = {.id = id, .parts = &part, .n_parts = 1, .keep = 1};
    assert_int_equal(checkpoint_write(run.dir, &put, NULL, &err), -1);
    assert_match("tensor weights is NaN or infinite at index 3", err.text);
    assert_int_equal(checkpoint_newest(&c, run.dir, &id, NULL, &err), 0);
    assert_int_equal(c.generation, 1);
    checkpoint_close(&c);
    run_release(&run);
}

/* Writes for ever; says after each that it is safe. */
static void write_until_killed(struct run *run, int say)
{
    for (uint64_t step = 1;; step++) {
        (void)save(run, step, step % 7 == 0, 2);
        if (write(say, "x", 1) != 1)
            _exit(1);
    }
}

static void a_killed_writer_loses_nothing_that_it_said_was_safe(void **state)
{
    (void)state;
    struct run run;
    uint64_t safe = 0;
    run_init(&run, 20000);
    for (int kills = 0; kills < 40; kills++) {
        int pipes[2], status;
        char byte;
        assert_int_equal(pipe(pipes), 0);
        const pid_t child = fork();
        if (child == 0)
            write_until_killed(&run, pipes[1]);
        close(pipes[1]);
        for (int i = 0; i <= kills % 3; i++, safe++)
            assert_int_equal(read(pipes[0], &byte, 1), 1);
        for (volatile int wait = 0; wait < kills * 4000;
             wait++) /* into the next one, further each time */
            ;
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        while (read(pipes[0], &byte, 1) == 1)
            safe++;
        close(pipes[0]);
        struct checkpoint c;
        struct error err = {0};
        if (checkpoint_newest(&c, run.dir, &id, NULL, &err))
            fail_msg("%s", err.text);
        assert_true(c.generation == safe || c.generation == safe + 1);
        safe = c.generation; /* written, and killed before it was said */
        checkpoint_close(&c);
    }
    (void)save(&run, 1, false, 1); /* and clears away what the killed ones left:
                                      run_release finds an empty folder */
    run_release(&run);
}

static void other_files_are_left_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"ckpt-00000001.safetensors.bak", "ckpt-1.safetensors",
                                        "ckpt-000000001.safetensors", "ckpt-.safetensors",
                                        "ckpt-00000000.safetensors",
                                        "ckpt-99999999999999999999.safetensors", "notes"};
    struct run run;
    struct checkpoint_list list;
    run_init(&run, 8);
    for (size_t i = 0; i < 7; i++) {
        char *path = path_join(run.dir, names[i]);
        overwrite(path, "x", 1);
        free(path);
    }
    assert_int_equal(save(&run, 1, false, 1), 1);
    assert_int_equal(save(&run, 2, false, 1), 2);
    assert_int_equal(checkpoint_list(run.dir, &list, NULL), 0);
    assert_int_equal(list.n, 1);
    checkpoint_list_release(&list);
    for (size_t i = 0; i < 7; i++) {
        char *path = path_join(run.dir, names[i]);
        assert_int_equal(unlink(path), 0);
        free(path);
    }
    run_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_to_the_bit),
        cmocka_unit_test(reals_come_back),
        cmocka_unit_test(the_last_and_the_best_stay),
        cmocka_unit_test(an_empty_directory_has_no_checkpoint),
        cmocka_unit_test(a_cut_is_refused_and_the_one_before_offered),
        cmocka_unit_test(any_flipped_bit_is_found),
        cmocka_unit_test(a_flipped_bit_names_its_part),
        cmocka_unit_test(mixed_checkpoints_are_refused),
        cmocka_unit_test(another_runs_checkpoint_says_what_differs),
        cmocka_unit_test(a_future_version_is_refused),
        cmocka_unit_test(nan_is_never_saved),
        cmocka_unit_test(a_killed_writer_loses_nothing_that_it_said_was_safe),
        cmocka_unit_test(other_files_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
