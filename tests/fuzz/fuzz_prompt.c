/*
 * Any bytes as a prompt: refused with a place, or read; and what was read can be edited
 * in place, field by field, and rendered. With a fuzzer:
 *   clang -fsanitize=fuzzer,address,undefined -I. $(pkg-config --cflags yaml-0.1 jansson)
 * \ tests/fuzz/fuzz_prompt.c build/liblabel.a build/libdata.a build/libmodels.a
 * build/libbase.a ...
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/label/render.h"
#include "tests/fuzz/fuzz.h"

#define CHECK(x) \
    do { \
        if (!(x)) \
            abort(); \
    } while (0)

/* Setting a field to what it is changes nothing that it says. */
static void edit_fields(const struct prompt *p)
{
    for (const struct prompt_field *row = prompt_fields; row->name; row++) {
        struct error err = {0};
        struct buf value;
        buf_init(&value, 0);
        prompt_get(p, row, &value);
        struct prompt *same = prompt_set(p, row->name, buf_str(&value), &err);
        CHECK(same || err.text[0]);
        if (row->type == PROMPT_TEXT && value.len < PROMPT_SIZE_MAX / 16)
            CHECK(same || p->yaml_len > PROMPT_SIZE_MAX / 2);
        if (same && strcmp(row->name, "exemplars.shots") != 0)
            CHECK(prompt_equal(p, same));
        prompt_free(same);
        buf_release(&value);
    }
}

static void render_one(const struct prompt *p)
{
    char context[] = "c {{first}}\n", a[] = " a ", b[] = "";
    struct pair pair = {.context = context, .a = a, .b = b};
    struct renderer renderer;
    struct rendered out;
    struct error err;
    CHECK(renderer_init(&renderer, p, NULL, &err) == 0);
    struct render_call call = {
        .pair = &pair, .order = ORDER_BA, .rationale = a, .rationale_len = 3};
    CHECK(render(&renderer, &call, &out, &err) == 0);
    size_t at = 0;
    for (size_t i = 0; i < out.n_ranges; i++) {
        CHECK(out.ranges[i].begin == at && out.ranges[i].end > at);
        at = out.ranges[i].end;
    }
    CHECK(at == out.text.len);
    rendered_release(&out);
    renderer_release(&renderer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct prompt *p = prompt_parse((const char *)data, size, "fuzz.yaml", &err);
    if (!p) {
        CHECK(err.text[0] && err.kind == ERROR_DATA);
        CHECK(err.line >= 0 && (size_t)err.line <= size + 1);
        return 0;
    }
    edit_fields(p);
    if (!p->exemplar_set)
        render_one(p);
    prompt_free(p);
    return 0;
}
