/*
 * Vocabularies against the `tokenizers` library (tests/golden/make_vocab.py): trained tokens and
 * merges, ids of texts, and tokenizer.json there and back; broken ones are refused by field.
 */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/vocab.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"

static json_t *golden(void)
{
    const char *src = getenv("RLAIF_SRC");
    char *path = xasprintf("%s/tests/golden/vocab.json", src ? src : ".");
    struct buf text;
    struct error err;
    buf_init(&text, 0);
    if (file_read(path, (size_t)1 << 20, 0, &text, &err))
        fail_msg("%s", err.text);
    json_t *root = json_parse(text.data, text.len, path, 1, &err);
    assert_non_null(root);
    buf_release(&text);
    free(path);
    return root;
}

static void assert_match(const char *id, const char *pattern, const char *text)
{
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
        fail_msg("%s: bad pattern %s", id, pattern);
    const int found = regexec(&re, text, 0, NULL, 0);
    regfree(&re);
    if (found)
        fail_msg("%s: '%s' does not match '%s'", id, text, pattern);
}

static void assert_tokens(const struct vocab *v, const json_t *tokens)
{
    assert_int_equal(v->n_pieces, json_array_size(tokens));
    for (uint32_t i = 0; i < v->n_pieces; i++) {
        const json_t *want = json_array_get(tokens, i);
        if (v->pieces[i].len != json_string_length(want) ||
            memcmp(v->pieces[i].text, json_string_value(want), v->pieces[i].len) != 0)
            fail_msg("token %u is '%.*s', expected '%s'", (unsigned)i, (int)v->pieces[i].len,
                     v->pieces[i].text, json_string_value(want));
    }
}

/* The ids of every text, none of them a control token's, and the text comes back from them. */
static void assert_encodes(const struct tokenizer *t, const json_t *list, bool blank)
{
    assert_true(json_array_size(list) > 8);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_object_get(json_array_get(list, i), "text");
        const json_t *ids = json_object_get(json_array_get(list, i), "ids");
        const char *s = json_string_value(text);
        const size_t len = json_string_length(text);
        struct tokens out = {0};
        struct buf back;
        struct error err;
        buf_init(&back, 0);
        if (tokenizer_encode(t, s, len, &out, &err))
            fail_msg("%s", err.text);
        if (out.n != json_array_size(ids))
            fail_msg("'%s': %zu ids, expected %zu", s, out.n, json_array_size(ids));
        for (size_t j = 0; j < out.n; j++) {
            if (out.ids[j] != json_integer_value(json_array_get(ids, j)))
                fail_msg("'%s': id %zu is %d, expected %d", s, j, out.ids[j],
                         (int)json_integer_value(json_array_get(ids, j)));
            assert_int_equal(t->pieces[out.ids[j]].type, PIECE_NORMAL);
            tokenizer_decode(t, out.ids[j], false, &back);
        }
        const size_t skip = blank && len > 0 && s[0] != ' ';
        assert_int_equal(back.len, len + skip);
        assert_memory_equal(buf_str(&back) + skip, s, len);
        buf_release(&back);
        tokens_release(&out);
    }
}

/* tokenizer.json and the tokenizer give the same vocabulary back. */
static void assert_survives(const struct vocab *v)
{
    struct buf json;
    struct vocab read, taken;
    struct error err;
    uint8_t want[32], got[32];
    buf_init(&json, 0);
    vocab_hash(v, want);
    if (vocab_write_json(v, &json, &err) ||
        vocab_read_json(&read, json.data, json.len, "tokenizer.json", &err))
        fail_msg("%s", err.text);
    vocab_hash(&read, got);
    assert_memory_equal(want, got, 32);
    struct tokenizer *t = vocab_tokenizer(&read, &err);
    assert_non_null(t);
    assert_int_equal(vocab_of_tokenizer(&taken, t, &err), 0);
    vocab_hash(&taken, got);
    assert_memory_equal(want, got, 32);
    tokenizer_free(t);
    vocab_release(&taken);
    vocab_release(&read);
    buf_release(&json);
}

static size_t get_texts(const json_t *list, struct vocab_text *out)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        out[i] = (struct vocab_text){json_string_value(json_array_get(list, i)),
                                     json_string_length(json_array_get(list, i))};
    return json_array_size(list);
}

static void training_gives_the_librarys_tokens_merges_and_ids(void **state)
{
    (void)state;
    json_t *root = golden(), *list = json_object_get(root, "bpe");
    struct vocab_text texts[32];
    const size_t n = get_texts(json_object_get(root, "corpus"), texts);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *want = json_array_get(list, i), *merges = json_object_get(want, "merges");
        const json_t *names = json_object_get(want, "control");
        const char *control[4] = {json_string_value(json_array_get(names, 0)), NULL};
        const struct vocab_options options = {
            .size = (uint32_t)json_integer_value(json_object_get(want, "size")),
            .min_count = (uint64_t)json_integer_value(json_object_get(want, "min_count")),
            .control = control,
        };
        struct vocab v;
        struct error err;
        if (vocab_train_bpe(&v, texts, n, &options, &err))
            fail_msg("%s", err.text);
        assert_tokens(&v, json_object_get(want, "tokens"));
        assert_int_equal(v.n_merges, json_array_size(merges));
        for (size_t j = 0; j < v.n_merges; j++) {
            const json_t *pair = json_array_get(merges, j);
            assert_string_equal(v.pieces[v.merges[j].left].text,
                                json_string_value(json_array_get(pair, 0)));
            assert_string_equal(v.pieces[v.merges[j].right].text,
                                json_string_value(json_array_get(pair, 1)));
        }
        struct tokenizer *t = vocab_tokenizer(&v, &err);
        assert_non_null(t);
        assert_int_equal(t->bos, 0);
        assert_int_equal(t->eos, 1);
        assert_int_equal(t->padding, 2);
        assert_true(t->add_bos);
        assert_encodes(t, json_object_get(want, "encoded"), false);
        assert_survives(&v);
        tokenizer_free(t);
        vocab_release(&v);
    }
    json_decref(root);
}

static void words_are_one_token_each_and_others_are_spelled(void **state)
{
    (void)state;
    json_t *root = golden(), *want = json_object_get(root, "words");
    const json_t *list = json_object_get(want, "words");
    const char *words[64];
    const size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++)
        words[i] = json_string_value(json_array_get(list, i));
    const struct vocab_options options = {.size = 0};
    struct vocab v;
    struct error err;
    if (vocab_from_words(&v, words, n, &options, &err))
        fail_msg("%s", err.text);
    assert_tokens(&v, json_object_get(want, "tokens"));
    struct tokenizer *t = vocab_tokenizer(&v, &err);
    assert_non_null(t);
    assert_encodes(t, json_object_get(want, "encoded"), true);
    assert_survives(&v);
    tokenizer_free(t);
    vocab_release(&v);
    json_decref(root);
}

/* A prompt and a response encoded one after the other are the whole text's ids. */
static void pieces_of_words_join(void **state)
{
    (void)state;
    static const char *const words[] = {"a", "good", "summary", ":", "my", "phone", "."};
    const struct vocab_options options = {.size = 0};
    struct vocab v;
    struct error err;
    assert_int_equal(vocab_from_words(&v, words, 7, &options, &err), 0);
    struct tokenizer *t = vocab_tokenizer(&v, &err);
    struct tokens whole = {0}, parts = {0};
    assert_int_equal(tokenizer_encode(t, "a good summary : my phone .", 27, &whole, &err), 0);
    assert_int_equal(tokenizer_encode(t, "a good summary :", 16, &parts, &err), 0);
    assert_int_equal(tokenizer_encode(t, "my phone .", 10, &parts, &err), 0);
    assert_int_equal(whole.n, 7);
    assert_int_equal(parts.n, 7);
    assert_memory_equal(whole.ids, parts.ids, 7 * sizeof(int32_t));
    tokens_release(&whole);
    tokens_release(&parts);
    tokenizer_free(t);
    vocab_release(&v);
}

static void words_that_are_cut_go_in_by_their_parts(void **state)
{
    (void)state;
    static const char *const words[] = {"can", "can't", "tl;dr"};
    const struct vocab_options options = {.size = 0};
    struct vocab v;
    struct error err;
    struct tokens ids = {0};
    assert_int_equal(vocab_from_words(&v, words, 3, &options, &err), 0);
    assert_int_equal(v.n_pieces, 259 + 4); /* can, 't, tl, dr; the mark is a byte */
    struct tokenizer *t = vocab_tokenizer(&v, &err);
    assert_int_equal(tokenizer_encode(t, "can can't tl;dr", 15, &ids, &err), 0);
    assert_int_equal(ids.n, 6);
    tokens_release(&ids);
    tokenizer_free(t);
    vocab_release(&v);
}

static void bad_words_and_options_are_named(void **state)
{
    static const struct {
        const char *words[2];
        uint32_t size;
        const char *control, *pattern;
    } cases[] = {
        {{"two words", "a"}, 0, NULL, "the word 'two words' has white space in it"},
        {{"a", "b\xff"}, 0, NULL, "a word of 2 bytes in the vocabulary \\(allowed: 1..200, UTF-8"},
        {{"", "a"}, 0, NULL, "a word of 0 bytes"},
        {{"a", "a"}, 0, NULL, "the word 'a' is in the vocabulary twice"},
        {{"a", "b"},
         260,
         NULL,
         "more than the 260 tokens of the vocabulary, from 'b' on"},
        {{"a", "b"},
         258,
         NULL,
         "258 tokens has no room for 3 control tokens and 256 bytes"},
        {{"a", "b"}, 0, "<eos>", "control token <eos> is there twice"},
        {{"a", "b"}, 0, "x", "control token x is a byte's letter"},
        {{"a", "b"}, 0, "", "name must be 1 to 64 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *control[] = {cases[i].control, NULL};
        const struct vocab_options options = {.size = cases[i].size, .control = control};
        struct vocab v;
        struct error err;
        assert_int_equal(vocab_from_words(&v, cases[i].words, 2, &options, &err), -1);
        assert_match("word", cases[i].pattern, err.text);
        vocab_release(&v);
    }
}

static void no_merge_makes_a_control_token(void **state)
{
    (void)state;
    static const char *const control[] = {"ab", NULL};
    const struct vocab_text text = {"ababababab abab cdcd", 20};
    const struct vocab_options options = {.size = 400, .control = control};
    struct vocab v;
    struct error err;
    struct tokens ids = {0};
    assert_int_equal(vocab_train_bpe(&v, &text, 1, &options, &err), 0);
    struct tokenizer *t = vocab_tokenizer(&v, &err);
    assert_int_equal(tokenizer_encode(t, "abab cd", 7, &ids, &err), 0);
    for (size_t i = 0; i < ids.n; i++)
        assert_int_equal(t->pieces[ids.ids[i]].type, PIECE_NORMAL);
    assert_int_equal(tokenizer_special(t, "ab", 2), 3);
    tokens_release(&ids);
    tokenizer_free(t);
    vocab_release(&v);
}

static void training_can_be_cancelled(void **state)
{
    (void)state;
    struct cancel cancel = {0};
    const struct vocab_text text = {"some words to count", 19};
    const struct vocab_options options = {.size = 400, .cancel = &cancel};
    struct vocab v;
    struct error err;
    cancel_ask(&cancel);
    assert_int_equal(vocab_train_bpe(&v, &text, 1, &options, &err), -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    vocab_release(&v);
}

/* ---- broken tokenizer.json ---- */

#define MODEL                                                                            \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a "  \
    "b\"]}"
#define PRE "\"pre_tokenizer\":{\"type\":\"ByteLevel\"}"

static void sound_small_files_are_read(void **state)
{
    static const char *const files[] = {
        "{" MODEL "," PRE "}",
        "{" MODEL "," PRE ",\"added_tokens\":[{\"id\":3,\"content\":\"<s>\",\"special\":"
                          "true}],\"normalizer\":null}",
        "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
        "\"Digits\",\"individual_digits\":true},"
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_"
        "regex\":true}]}," MODEL "}",
    };
    static const char *const pre[] = {"gpt-2", "gpt-2", "smollm"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct vocab v;
        struct error err;
        if (vocab_read_json(&v, files[i], strlen(files[i]), "t.json", &err))
            fail_msg("%s", err.text);
        assert_string_equal(v.pre, pre[i]);
        assert_int_equal(v.n_pieces, i == 1 ? 4 : 3);
        assert_int_equal(v.n_merges, 1);
        vocab_release(&v);
    }
}

static void broken_files_are_refused_by_field(void **state)
{
    static const struct {
        const char *json, *pattern;
    } cases[] = {
        {"[]", "^the file is not a JSON object"},
        {"{}", "^model is missing"},
        {"{\"model\":{\"type\":\"WordPiece\"}}",
         "^model.type is 'WordPiece' \\(allowed: BPE\\)"},
        {"{\"model\":{}}", "^model.type is 'missing'"},
        {"{\"model\":{\"type\":\"BPE\",\"dropout\":0.1}}", "^model.dropout is set"},
        {"{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true}}",
         "^model.byte_fallback is set"},
        {"{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\"}}",
         "^model.end_of_word_suffix is set"},
        {"{\"normalizer\":{\"type\":\"Lowercase\"}," MODEL "}",
         "^normalizer is one that is not read"},
        {"{" MODEL "}", "^pre_tokenizer cuts words"},
        {"{\"pre_tokenizer\":{\"type\":\"Whitespace\"}," MODEL "}",
         "^pre_tokenizer cuts words"},
        {"{" PRE ",\"model\":{\"type\":\"BPE\",\"merges\":[]}}",
         "^model.vocab is missing"},
        {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}",
         "^model.vocab has 0 tokens"},
        {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":\"0\"},\"merges\":[]}}",
         "^model.vocab\\['a'\\] is not a whole"},
        {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1},\"merges\":[]}}",
         "^model.vocab\\['a'\\] has the id 1, but there are 1 tokens"},
        {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}",
         "has the id -1"},
        {"{" PRE
         ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}",
         "^model.vocab\\['b'\\] has the id 0 of another token, 'a'"},
        {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"\":0},\"merges\":[]}}",
         "is 0 bytes long"},
        {"{" PRE
         ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\\u0000\":0},\"merges\":[]}}",
         "NUL byte"},
        {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}",
         "^model.merges is missing"},
        {"{" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}",
         "^model.merges\\[0\\] is not two tokens"},
        {"{" PRE
         ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\",3]]}}",
         "^model.merges\\[0\\] is not two tokens"},
        {"{" PRE
         ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a z\"]}}",
         "^model.merges\\[0\\] names an unknown token \\('a' and 'z'\\)"},
        {"{" PRE "," MODEL ",\"added_tokens\":{}}", "^added_tokens is not a list"},
        {"{" PRE "," MODEL ",\"added_tokens\":[{\"id\":3}]}",
         "^added_tokens\\[0\\] has no content"},
        {"{" PRE "," MODEL ",\"added_tokens\":[{\"id\":7,\"content\":\"<s>\"}]}",
         "^added_tokens\\[0\\] has the id 7, but there are 4"},
        {"{" PRE "," MODEL ",\"added_tokens\":[{\"id\":3,\"content\":\"ab\"}]}",
         "^added_tokens\\[0\\] equals the token 2 of model.vocab, 'ab'"},
        {"{" PRE "," MODEL
         ",\"added_tokens\":[{\"id\":0,\"content\":\"a\",\"special\":true}]}",
         "^added_tokens\\[0\\] equals plain text, 'a'"},
        {"{" PRE "," MODEL ",\"added_tokens\":[{\"id\":3,\"content\":\"\\u001b[2J\","
                           "\"special\":1},{\"id\":3,\"content\":\"x\\ty\"}]}",
         "^added_tokens\\[0\\] has the id 3|of another token"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vocab v;
        struct error err = {0};
        if (vocab_read_json(&v, cases[i].json, strlen(cases[i].json), "t.json", &err) == 0)
            fail_msg("%s was not refused", cases[i].json);
        assert_int_equal(err.kind, ERROR_DATA);
        assert_string_equal(err.file, "t.json");
        assert_match(cases[i].json, cases[i].pattern, err.text);
        for (const char *c = err.text; *c; c++)
            assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
        vocab_release(&v);
    }
}

static void a_token_of_a_million_bytes_is_refused(void **state)
{
    (void)state;
    struct buf json;
    struct vocab v;
    struct error err;
    buf_init(&json, 0);
    buf_adds(&json, "{" PRE ",\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{\"");
    buf_fill(&json, 'a', 1000000);
    buf_adds(&json, "\":0}}}");
    assert_int_equal(vocab_read_json(&v, json.data, json.len, "t.json", &err), -1);
    assert_match("tok-json", "is 1000000 bytes long.*allowed: 1..16384", err.text);
    buf_release(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_gives_the_librarys_tokens_merges_and_ids),
        cmocka_unit_test(words_are_one_token_each_and_others_are_spelled),
        cmocka_unit_test(pieces_of_words_join),
        cmocka_unit_test(words_that_are_cut_go_in_by_their_parts),
        cmocka_unit_test(bad_words_and_options_are_named),
        cmocka_unit_test(no_merge_makes_a_control_token),
        cmocka_unit_test(training_can_be_cancelled),
        cmocka_unit_test(sound_small_files_are_read),
        cmocka_unit_test(broken_files_are_refused_by_field),
        cmocka_unit_test(a_token_of_a_million_bytes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
