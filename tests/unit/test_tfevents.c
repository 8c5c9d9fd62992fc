/* Event files: the same bytes as TensorBoard's own writer makes (tests/golden/make_tfevents.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/store/run_metrics.h"
#include "src/store/tfevents.h"
#include "src/train/train.h"

/* RFC 3720 B.4, and the check value of the catalogue of CRCs. */
static void crc_of_the_standard(void **state)
{
    uint8_t bytes[32];
    (void)state;
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c(bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c(bytes, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc32c(bytes, 32), 0x46dd794e);
    assert_int_equal(crc32c("", 0), 0);
    assert_int_equal(crc32c_masked("", 0), 0xa282ead8);
}

static void bytes_of_tensorboard(void **state)
{
    const char *src = getenv("RLAIF_SRC");
    char *path = path_join(src ? src : ".", "tests/golden/tfevents.golden");
    struct tfevents_scalar first[] = {{"loss", 0.6931471805599453}, {"objective/kl", 0}};
    struct tfevents_scalar second[] = {{"loss", -1.5}};
    struct tfevents_scalar third[] = {{"objective/rlhf_reward", 1e30}, {"loss", INFINITY}};
    struct tfevents_scalar fourth[] = {{"eval_accuracy", .75}};
    struct buf golden, out;
    struct error err = {0};
    (void)state;

    buf_init(&golden, 0);
    buf_init(&out, 0);
    if (file_read(path, 1 << 16, 0, &golden, &err))
        fail_msg("%s", err.text);
    tfevents_begin(&out, 1700000000);
    tfevents_add(&out, 1700000000.5, 0, first, 2);
    tfevents_add(&out, 1700000001.25, 1, second, 1);
    tfevents_add(&out, 1700000002, 300, third, 2);
    tfevents_add(&out, 1700000003, 5000000000, fourth, 1);
    assert_int_equal(out.len, golden.len);
    assert_memory_equal(out.data, golden.data, out.len);
    buf_release(&out);
    buf_release(&golden);
    free(path);
}

/* Every row can be explained, and no name stands twice, here or among the figures of labels. */
static void the_table_of_metrics(void **state)
{
    size_t n = 0;
    (void)state;
    for (const struct run_metric *m = run_metric_table; m->name; m++, n++) {
        assert_ptr_equal(run_metric_find(m->name), m);
        assert_true(m->formula && *m->formula && m->unit && m->text && *m->text);
        assert_null(strchr(m->formula, '\n'));
        for (const struct metric *label = metric_table; label->name; label++)
            assert_string_not_equal(label->name, m->name);
        json_t *answer = run_metric_json(m);
        assert_string_equal(json_string_value(json_object_get(answer, "metric")), m->name);
        assert_non_null(json_object_get(answer, "better"));
        json_decref(answer);
    }
    assert_true(n > 50);
    assert_null(run_metric_find("agreement"));
}

/* What the stages measure has a row here, with the same direction and unit. */
static void every_figure_of_training_has_a_row(void **state)
{
    size_t n = 0;
    (void)state;
    for (const struct train_metric *m = train_metric_table; m->name; m++, n++) {
        const struct run_metric *row = run_metric_find(m->name);
        if (!row)
            fail_msg("%s has no row in run_metrics.c", m->name);
        assert_int_equal(row->better, m->better == BETTER_HIGH  ? BETTER_HIGHER
                                      : m->better == BETTER_LOW ? BETTER_LOWER
                                                                : BETTER_NEITHER);
        if (strcmp(m->unit, "nats") == 0 || strcmp(m->unit, "share") == 0)
            assert_string_equal(row->unit, m->unit);
    }
    assert_true(n > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_of_the_standard),
        cmocka_unit_test(bytes_of_tensorboard),
        cmocka_unit_test(the_table_of_metrics),
        cmocka_unit_test(every_figure_of_training_has_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
