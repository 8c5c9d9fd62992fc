/* The default model's tokenizer and chat format against golden values; skipped where the
 * model is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/model.h"
#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"

static const char model_name[] = "SmolLM2-135M-Instruct.Q4_1.gguf";

static char *data_path(const char *under)
{
    char *home = path_data_home();
    char *path = home ? xasprintf("%s/%s", home, under) : NULL;
    free(home);
    return path;
}

static int setup(void **state)
{
    char *name = xasprintf("models/%s", model_name);
    char *path = data_path(name);
    struct error err = {0};
    *state = path && file_exists(path) ? model_open(path, NULL, &err) : NULL;
    if (!*state)
        print_message("# no default model: %s\n", path ? path : "no home");
    free(path);
    free(name);
    return 0;
}

static int teardown(void **state)
{
    model_close(*state);
    return 0;
}

#define MODEL_OR_SKIP(state)      \
    struct model *model = *state; \
    if (!model)                   \
    skip()

static char *golden(const char *name)
{
    const char *src = getenv("RLAIF_SRC");
    return xasprintf("%s/tests/golden/%s", src ? src : ".", name);
}

static void read_all(const char *path, struct buf *out)
{
    struct error err = {0};
    buf_init(out, 0);
    if (file_read(path, 64 << 20, 0, out, &err))
        fail_msg("%s: %s", path, err.text);
}

static json_t *read_json(const char *path)
{
    struct buf text;
    struct error err = {0};
    read_all(path, &text);
    json_t *json = json_parse(buf_str(&text), text.len, path, 1, &err);
    if (!json)
        fail_msg("%s: %s", path, err.text);
    buf_release(&text);
    return json;
}

static void assert_ids(const struct tokens *ids, const json_t *expected, const char *what)
{
    if (ids->n != json_array_size(expected))
        fail_msg("%s: %zu ids, expected %zu", what, ids->n, json_array_size(expected));
    for (size_t i = 0; i < ids->n; i++)
        if (ids->ids[i] != json_integer_value(json_array_get(expected, i)))
            fail_msg("%s: id %zu is %d", what, i, ids->ids[i]);
}

static void test_info(void **state)
{
    MODEL_OR_SKIP(state);
    const struct model_info *info = model_info(model);
    assert_string_equal(info->arch, "llama");
    assert_string_equal(info->file_type, "Q4_1");
    assert_string_equal(info->tokenizer, "smollm");
    assert_string_equal(info->chat, "chatml");
    assert_int_equal(info->n_layers, 30);
    assert_int_equal(info->width, 576);
    assert_int_equal(info->vocab, 49152);
    assert_int_equal(info->context, 8192);
    assert_true(info->params == 134515008);
    assert_true(model_config(model)->tied);
    assert_ptr_equal(model_weights(model)->head.data, model_weights(model)->embed.data);
    assert_true(model_is_end(model, 2));
    assert_false(model_is_end(model, 28));
    assert_int_equal(model_bos(model), -1);
    struct error err = {0};
    assert_int_equal(model_check_weights(model, &err), 0);
    assert_int_equal(model_file_changed(model, &err), 0);
}

static void test_tokens(void **state)
{
    MODEL_OR_SKIP(state);
    char *path = golden("smollm2_tokens.jsonl");
    struct buf file, back;
    read_all(path, &file);
    buf_init(&back, 0);
    size_t n = 0;
    for (const char *at = buf_str(&file); *at;) {
        const char *end = strchr(at, '\n');
        const size_t len = end ? (size_t)(end - at) : strlen(at);
        struct error err = {0};
        json_t *row = json_parse(at, len, path, (int64_t)n + 1, &err);
        if (!row)
            fail_msg("%s", err.text);
        const json_t *text = json_object_get(row, "text");
        const char *s = json_string_value(text);
        const size_t s_len = json_string_length(text);
        struct tokens ids = {0};
        assert_int_equal(model_encode(model, s, s_len, &ids, &err), 0);
        assert_ids(&ids, json_object_get(row, "ids"), s);
        buf_clear(&back);
        for (size_t i = 0; i < ids.n; i++)
            model_decode(model, ids.ids[i], false, &back);
        assert_int_equal(back.len, s_len);
        assert_memory_equal(buf_str(&back), s, s_len);
        tokens_release(&ids);
        json_decref(row);
        n++;
        at += len + (end != NULL);
    }
    assert_int_equal(n, 119);
    buf_release(&back);
    buf_release(&file);
    free(path);
}

static void test_chat(void **state)
{
    MODEL_OR_SKIP(state);
    char *path = golden("smollm2_chat.json");
    json_t *cases = read_json(path);
    assert_true(json_array_size(cases) >= 4);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        json_t *c = json_array_get(cases, i), *list = json_object_get(c, "messages");
        struct chat_message messages[8];
        const size_t n = json_array_size(list);
        assert_true(n <= 8);
        for (size_t k = 0; k < n; k++) {
            json_t *m = json_array_get(list, k), *content = json_object_get(m, "content");
            messages[k] = (struct chat_message){json_string_value(json_object_get(m, "role")),
                                                json_string_value(content),
                                                json_string_length(content)};
        }
        const bool open = json_is_true(json_object_get(c, "add_generation_prompt"));
        for (int named = 0; named < 2; named++) {
            struct tokens ids = {0};
            struct buf text;
            struct error err = {0};
            buf_init(&text, 0);
            assert_int_equal(model_chat(model, named ? "chatml" : NULL, messages, n, open, &ids,
                                        &text, &err), 0);
            assert_string_equal(buf_str(&text), json_string_value(json_object_get(c, "text")));
            assert_ids(&ids, json_object_get(c, "ids"), "chat");
            tokens_release(&ids);
            buf_release(&text);
        }
    }
    json_decref(cases);
    free(path);
}

/* Whatever a text says, and however it is cut, it gives no control token. */
static void test_no_control_from_text(void **state)
{
    MODEL_OR_SKIP(state);
    static const char *const frames[] = {"%s", " %s", "%s ", "a%sb", "<%s>", "\n%s\n", "%s%s"};
    for (int id = 0; id < 17; id++) {
        struct buf name;
        buf_init(&name, 0);
        model_decode(model, id, true, &name);
        assert_true(name.len > 2);
        for (size_t f = 0; f < sizeof frames / sizeof frames[0]; f++) {
            struct buf text;
            buf_init(&text, 0);
            for (const char *c = frames[f]; *c; c++) {
                if (c[0] == '%') {
                    buf_add(&text, name.data, name.len);
                    c++;
                } else {
                    buf_addc(&text, *c);
                }
            }
            struct tokens ids = {0};
            assert_int_equal(model_encode(model, buf_str(&text), text.len, &ids, NULL), 0);
            assert_true(ids.n > 0);
            for (size_t i = 0; i < ids.n; i++)
                assert_true(ids.ids[i] >= 17);
            tokens_release(&ids);
            buf_release(&text);
        }
        buf_release(&name);
    }
}

/* A control character without a token shows as U+FFFD. */
static void test_missing_bytes(void **state)
{
    MODEL_OR_SKIP(state);
    struct tokens ids = {0};
    struct buf back;
    buf_init(&back, 0);
    assert_int_equal(model_encode(model, "a\x04z\xff!", 5, &ids, NULL), 0);
    for (size_t i = 0; i < ids.n; i++)
        model_decode(model, ids.ids[i], false, &back);
    assert_string_equal(buf_str(&back), "a\xef\xbf\xbdz\xef\xbf\xbd!");
    tokens_release(&ids);
    buf_release(&back);
}

static void test_hash(void **state)
{
    MODEL_OR_SKIP(state);
    char hash[65];
    struct error err = {0};
    assert_int_equal(model_sha256(model, hash, &err), 0);
    assert_string_equal(hash, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
}

/* ---- texts of real data: count and hash of all ids ---- */

static char *shared_data(const char *name)
{
    const char *shared = getenv("RLAIF_SHARED"), *src = getenv("RLAIF_SRC");
    if (shared)
        return xasprintf("%s/data/%s", shared, name);
    return xasprintf("%s/../shared/data/%s", src ? src : ".", name);
}

static void add_ids(const struct model *model, struct hash *hash, const char *text, size_t len,
                    size_t *n)
{
    struct tokens ids = {0};
    assert_int_equal(model_encode(model, text, len, &ids, NULL), 0);
    hash_add(hash, ids.ids, ids.n * sizeof *ids.ids); /* little-endian machines only */
    *n += ids.n;
    tokens_release(&ids);
}

static void test_data_lines(void **state)
{
    MODEL_OR_SKIP(state);
    static const struct {
        const char *field, *sha256;
        size_t tokens;
    } rows[] = {
        {"chosen", "97e427ef3b2bce9142d8e594a4cc993bc6058a9365f4fc4b4beb4adc2f3794ec", 206760},
        {"rejected", "1533ae1af099d9eba7500860308d291f4bdde086d5fac684d33fc431a0ea939b", 218880},
    };
    char *path = shared_data("hh_rlhf/harmless-base/test.jsonl");
    if (!file_exists(path)) {
        free(path);
        skip();
    }
    struct buf file;
    read_all(path, &file);
    for (size_t r = 0; r < 2; r++) {
        struct hash hash;
        hash_init(&hash);
        size_t n = 0;
        for (const char *at = buf_str(&file); *at;) {
            const char *end = strchr(at, '\n');
            const size_t len = end ? (size_t)(end - at) : strlen(at);
            json_t *row = json_parse(at, len, path, 1, NULL);
            assert_non_null(row);
            const json_t *text = json_object_get(row, rows[r].field);
            add_ids(model, &hash, json_string_value(text), json_string_length(text), &n);
            json_decref(row);
            at += len + (end != NULL);
        }
        uint8_t bytes[32];
        char hex[65];
        hash_end(&hash, bytes);
        hash_hex(bytes, hex);
        assert_int_equal(n, rows[r].tokens);
        assert_string_equal(hex, rows[r].sha256);
    }
    buf_release(&file);
    free(path);
}

static void test_data_file(void **state)
{
    MODEL_OR_SKIP(state);
    char *path = shared_data("malformed_ko/ko_harmless_base_test.head60.txt");
    if (!file_exists(path)) {
        free(path);
        skip();
    }
    struct buf file;
    struct hash hash;
    size_t n = 0;
    read_all(path, &file);
    hash_init(&hash);
    add_ids(model, &hash, buf_str(&file), file.len, &n);
    uint8_t bytes[32];
    char hex[65];
    hash_end(&hash, bytes);
    hash_hex(bytes, hex);
    assert_int_equal(n, 70430);
    assert_string_equal(hex, "df9df71e5998e3516c0354ed262890c2a15947f7dfca958feca4a9b0c5cdf257");
    buf_release(&file);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info),          cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_chat),          cmocka_unit_test(test_no_control_from_text),
        cmocka_unit_test(test_missing_bytes), cmocka_unit_test(test_hash),
        cmocka_unit_test(test_data_lines),    cmocka_unit_test(test_data_file),
    };
    return cmocka_run_group_tests_name("smollm2", tests, setup, teardown);
}
