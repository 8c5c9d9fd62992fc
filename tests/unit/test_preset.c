/* Presets: the shipped ones have the sizes they promise; broken ones are refused with
 * their line. */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/preset.h"
#include "src/base/file.h"
#include "src/base/mem.h"

static char *folder(void)
{
    const char *src = getenv("RLAIF_SRC");
    return path_join(src ? src : ".", "models");
}

static void assert_match(const char *what, const char *pattern, const char *text)
{
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
        fail_msg("bad pattern %s", pattern);
    const int found = regexec(&re, text, 0, NULL, 0);
    regfree(&re);
    if (found)
        fail_msg("%s: '%s' does not match '%s'", what, text, pattern);
}

static void shipped_presets_have_their_sizes(void **state)
{
    static const struct {
        const char *name;
        double millions, off;
        int tokenizer;
    } cases[] = {
        {"pocket-xs", 0.2, 0.01, PRESET_WORDS},
        {"pocket-s", 1, 0.1, PRESET_WORDS},
        {"pocket-m", 3, 0.1, PRESET_BPE},
        {"pocket-l", 6, 0.3, PRESET_BPE},
    };
    (void)state;
    char *dir = folder();
    const char *const dirs[] = {"/nonexistent", dir, NULL};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct preset p;
        struct tf_config c;
        struct error err;
        if (preset_open(&p, cases[i].name, dirs, &err))
            fail_msg("%s", err.text);
        assert_string_equal(p.name, cases[i].name);
        assert_true(p.about[0] != 0);
        assert_int_equal(p.tokenizer, cases[i].tokenizer);
        assert_int_equal(preset_config(&p, (int)p.vocab, &c, &err), 0);
        const double millions = (double)preset_params(&c) / 1e6;
        if (millions < cases[i].millions - cases[i].off ||
            millions > cases[i].millions + cases[i].off)
            fail_msg("%s has %.3f million parameters", cases[i].name, millions);
        assert_string_equal(c.arch, "llama");
        assert_true(c.tied);
        assert_int_equal(c.width, c.n_heads * c.head_dim);
        assert_int_equal(preset_config(&p, (int)p.vocab + 1, &c, &err), -1);
        preset_release(&p);
    }
    free(dir);
}

static void parameters_are_counted_by_hand_too(void **state)
{
    (void)state;
    static const char text[] = "layers: 2\nwidth: 16\nheads: 2\nkv_heads: 1\nffn: 24\nvocab: 300\n";
    struct preset p;
    struct tf_config c;
    struct error err;
    assert_int_equal(preset_parse(&p, text, sizeof text - 1, "t.yaml", &err), 0);
    assert_int_equal(preset_config(&p, 290, &c, &err), 0);
    /* Q and O, K and V, gate, up and down, two norms; embedding; the last norm. */
    const uint64_t layer = 2 * 16 * 16 + 2 * 8 * 16 + 3 * 16 * 24 + 2 * 16;
    assert_int_equal(preset_params(&c), 2 * layer + 290 * 16 + 16);
    c.tied = false;
    assert_int_equal(preset_params(&c), 2 * layer + 2 * 290 * 16 + 16);
    preset_release(&p);
}

static void broken_presets_are_refused_with_their_line(void **state)
{
    static const struct {
        const char *yaml, *pattern;
    } cases[] = {
        {"", "no preset found"},
        {"- 1\n", "p.yaml:1:1: a preset is a list of NAME: VALUE"},
        {"layers: 3\nwidht: 64\n", "p.yaml:2:1: .*widht.*width"},
        {"layers: 3\nwidth: wide\n", "p.yaml:2:8: width"},
        {"layers: 0\n", "p.yaml:1:9: layers .*1\\.\\.128"},
        {"layers: [3]\n", "p.yaml:1:9: layers is a list or a mapping"},
        {"layers: 3\nlayers: 4\n", "p.yaml:2:1: .*second time"},
        {"layers: &a 3\n", "p.yaml:1:9: anchors are not allowed"},
        {"heads: 3\nwidth: 64\nkv_heads: 3\n",
         "p.yaml:1:1: heads is 3, which does not divide width, 64"},
        {"heads: 4\nkv_heads: 3\n", "kv_heads is 3, which does not divide heads, 4"},
        {"head_dim: 7\n", "a head would be 7 wide"},
        {"tokenizer: spm\n", "p.yaml:1:12: tokenizer .*words or bpe"},
        {"norm_eps: nan\n", "p.yaml:1:11: norm_eps"},
        {"tied: maybe\n", "p.yaml:1:7: tied"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct preset p;
        struct error err = {0};
        char line[1024];
        if (preset_parse(&p, cases[i].yaml, strlen(cases[i].yaml), "p.yaml", &err) == 0)
            fail_msg("'%s' was not refused", cases[i].yaml);
        error_format(&err, line, sizeof line);
        assert_match(cases[i].yaml, cases[i].pattern, line);
        assert_int_equal(err.kind, ERROR_DATA);
    }
}

static void an_unknown_name_lists_what_there_is(void **state)
{
    (void)state;
    char *dir = folder();
    const char *const dirs[] = {dir, NULL};
    struct preset p;
    struct error err = {0};
    assert_int_equal(preset_open(&p, "pocket-xl", dirs, &err), -1);
    assert_string_equal(err.text, "there is no preset 'pocket-xl'");
    assert_match("names",
                 "presets: pocket-l, pocket-m, pocket-s, pocket-xs; or name a file",
                 err.hint);
    assert_int_equal(preset_open(&p, "/nonexistent/x.yaml", dirs, &err), -1);
    assert_match("file", "No such file", err.text);
    char *path = path_join(dir, "pocket-s.yaml");
    assert_int_equal(preset_open(&p, path, dirs, &err), 0);
    preset_release(&p);
    free(path);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_presets_have_their_sizes),
        cmocka_unit_test(parameters_are_counted_by_hand_too),
        cmocka_unit_test(broken_presets_are_refused_with_their_line),
        cmocka_unit_test(an_unknown_name_lists_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
