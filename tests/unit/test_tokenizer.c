/* Tokenizers and chat formats on small vocabularies: values of independent programs,
 * hand-computed ones, properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/cpu_time.h"
#include "models/chat.h"
#include "models/model.h"
#include "models/tokenizer.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "tests/unit/gguf_build.h"

/* A tokenizer together with the file that its pieces point into. */
struct vocabulary {
    struct buf bytes;
    struct gguf gguf;
    struct tokenizer *t;
};

static void vocabulary_open(struct vocabulary *v, struct build *b, size_t n)
{
    struct error err = {0};
    buf_init(&v->bytes, 0);
    build_bytes(b, &v->bytes);
    if (gguf_parse(&v->gguf, v->bytes.data, v->bytes.len, "test", &err))
        fail_msg("%s", err.text);
    v->t = tokenizer_new(&v->gguf, (uint32_t)n, &err);
    if (!v->t)
        fail_msg("%s", err.text);
}

static void vocabulary_close(struct vocabulary *v)
{
    tokenizer_free(v->t);
    gguf_release(&v->gguf);
    buf_release(&v->bytes);
}

/* 1 MiB of one letter and of blanks, 192 KiB of other things. */
static void check_runs(const struct tokenizer *t)
{
    static const char *const units[] = {"a",   " ",  "\n",           "7",
                                        "!",   "'",  "\xe6\x97\xa5", "\xff",
                                        " \n", "a ", "\xe2\x80\x83", "'s"};
    enum { SIZE = 1 << 20 };
    char *text = xmalloc(SIZE);
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        const size_t len = strlen(units[u]), size = u < 2 ? SIZE : SIZE / 16 * 3;
        const size_t n = size / len * len;
        for (size_t i = 0; i < n; i += len)
            memcpy(text + i, units[u], len);
        struct tokens ids = {0};
        const double start = cpu_seconds();
        assert_int_equal(tokenizer_encode(t, text, n, &ids, NULL), 0);
        /* far above what it takes (0.3 s on one slow core), far below a square's hours */
        assert_true(cpu_seconds() - start < cpu_limit(20));
        assert_true(ids.n > 0);
        tokens_release(&ids);
    }
    free(text);
}

/* ---- independent values ---- */

static json_t *read_golden(void)
{
    const char *src = getenv("RLAIF_SRC"), *other = getenv("RLAIF_TOKENIZERS");
    char *path = other ? xstrdup(other)
                       : xasprintf("%s/tests/golden/tokenizers.json", src ? src : ".");
    struct buf text;
    struct error err = {0};
    buf_init(&text, 0);
    if (file_read(path, 64 << 20, 0, &text, &err))
        fail_msg("%s: %s", path, err.text);
    json_t *json = json_parse(buf_str(&text), text.len, path, 1, &err);
    if (!json)
        fail_msg("%s", err.text);
    buf_release(&text);
    free(path);
    return json;
}

static void add_strings(struct build *b, const char *key, const json_t *list)
{
    const size_t n = json_array_size(list);
    const char **values = xcalloc(n + 1, sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = json_string_value(json_array_get(list, i));
    build_strings(b, key, values, n);
    free(values);
}

static size_t add_types(struct build *b, const json_t *list)
{
    const size_t n = json_array_size(list);
    int32_t *types = xcalloc(n + 1, sizeof *types);
    for (size_t i = 0; i < n; i++)
        types[i] = (int32_t)json_integer_value(json_array_get(list, i));
    build_array4(b, "tokenizer.ggml.token_type", GGUF_I32, types, n);
    free(types);
    return n;
}

static void check_case(const struct tokenizer *t, const json_t *c, const char *lead,
                       const char *name)
{
    const json_t *text = json_array_get(c, 0), *ids = json_array_get(c, 1);
    const char *s = json_string_value(text);
    const size_t len = json_string_length(text);
    struct tokens got = {0};
    struct error err = {0};
    if (tokenizer_encode(t, s, len, &got, &err))
        fail_msg("%s: %s", name, err.text);
    bool equal = got.n == json_array_size(ids);
    for (size_t i = 0; equal && i < got.n; i++)
        equal = got.ids[i] == json_integer_value(json_array_get(ids, i));
    if (!equal) {
        struct buf line;
        buf_init(&line, 0);
        json_write(&line, c);
        buf_addf(&line, " but got");
        for (size_t i = 0; i < got.n; i++)
            buf_addf(&line, " %d", got.ids[i]);
        fail_msg("%s: %s", name, buf_str(&line));
    }
    struct buf back;
    buf_init(&back, 0);
    for (size_t i = 0; i < got.n; i++)
        tokenizer_decode(t, got.ids[i], false, &back);
    const size_t skip_len = len ? strlen(lead) : 0;
    assert_int_equal(back.len, len + skip_len);
    assert_memory_equal(buf_str(&back), lead, skip_len);
    assert_memory_equal(buf_str(&back) + skip_len, s, len);
    buf_release(&back);
    tokens_release(&got);
}

static void check_bpe(const char *splitter, bool bos)
{
    json_t *json = read_golden(), *bpe = json_object_get(json, "bpe");
    struct build b;
    build_init(&b);
    build_string(&b, "tokenizer.ggml.model", "gpt2");
    build_string(&b, "tokenizer.ggml.pre", splitter);
    add_strings(&b, "tokenizer.ggml.tokens", json_object_get(bpe, "tokens"));
    add_strings(&b, "tokenizer.ggml.merges", json_object_get(bpe, "merges"));
    const size_t n = add_types(&b, json_object_get(bpe, "types"));
    struct vocabulary v;
    vocabulary_open(&v, &b, n);
    assert_string_equal(v.t->name, splitter);
    assert_int_equal(v.t->add_bos, bos);
    json_t *cases = json_object_get(json_object_get(bpe, "cases"), splitter);
    assert_true(json_array_size(cases) >= 60);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(v.t, json_array_get(cases, i), "", splitter);
    vocabulary_close(&v);
    build_release(&b);
    json_decref(json);
}

static void test_smollm(void **state)
{
    (void)state;
    check_bpe("smollm", false);
}

static void test_gpt2(void **state)
{
    (void)state;
    check_bpe("gpt-2", false);
}

static void test_llama_bpe(void **state)
{
    (void)state;
    check_bpe("llama-bpe", true);
}

static void test_qwen2(void **state)
{
    (void)state;
    check_bpe("qwen2", false);
}

static void check_spm(const char *kind, bool prefix)
{
    json_t *json = read_golden(),
           *spm = json_object_get(json_object_get(json, "spm"), kind);
    struct build b;
    build_init(&b);
    build_string(&b, "tokenizer.ggml.model", "llama");
    build_bool(&b, "tokenizer.ggml.add_space_prefix", prefix);
    add_strings(&b, "tokenizer.ggml.tokens", json_object_get(spm, "tokens"));
    const size_t n = add_types(&b, json_object_get(spm, "types"));
    json_t *list = json_object_get(spm, "scores");
    float *scores = xcalloc(n, sizeof *scores);
    for (size_t i = 0; i < n; i++)
        scores[i] = (float)json_number_value(json_array_get(list, i));
    build_array4(&b, "tokenizer.ggml.scores", GGUF_F32, scores, n);
    free(scores);
    struct vocabulary v;
    vocabulary_open(&v, &b, n);
    assert_string_equal(v.t->name, "llama-spm");
    assert_true(v.t->add_bos);
    json_t *cases = json_object_get(spm, "cases");
    assert_true(json_array_size(cases) >= 60);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(v.t, json_array_get(cases, i), prefix ? " " : "", kind);
    check_runs(v.t);
    vocabulary_close(&v);
    build_release(&b);
    json_decref(json);
}

static void test_spm(void **state)
{
    (void)state;
    check_spm("prefix", true);
    check_spm("plain", false);
}

/* ---- by hand ---- */

static void llama_open(struct vocabulary *v, const char *pre)
{
    static struct build b;
    build_llama(&b);
    build_string(&b, "tokenizer.ggml.pre", pre);
    vocabulary_open(v, &b, BUILD_VOCAB);
    build_release(&b);
}

static const char *joined(const struct tokenizer *t, const char *text, size_t len)
{
    static char out[512];
    struct tokens ids = {0};
    struct error err = {0};
    size_t at = 0;
    if (tokenizer_encode(t, text, len, &ids, &err))
        return "error";
    out[0] = 0;
    for (size_t i = 0; i < ids.n; i++)
        at +=
            (size_t)snprintf(out + at, sizeof out - at, "%s%.*s", i ? "|" : "",
                             (int)t->pieces[ids.ids[i]].len, t->pieces[ids.ids[i]].text);
    tokens_release(&ids);
    return out;
}

static void test_by_hand(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pieces;
    } rows[] = {
        {"hello", "hello"},
        {"hell", "hell"},
        {"shell", "s|hell"},
        {" hello", "Ġhello"},
        {"  hello", "Ġ|Ġhello"},
        {"the the", "the|Ġthe"},
        {"aaa", "aa|a"},
        {"aaaaaaa", "aaaa|aa|a"},
        {"a a", "a|Ġa"},
        {"\n", "Ċ"},
        {"<tool>", "<|t|o|o|l|>"},
        {"<|im_end|>", "<|||i|m|_|e|n|d|||>"},
        {"\xff", "ÿ"},
        {"\xf0\x9f\x99\x82", "ð|Ł|Ļ|Ĥ"},
    };
    struct vocabulary v;
    llama_open(&v, "gpt-2");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(joined(v.t, rows[i].text, strlen(rows[i].text)),
                            rows[i].pieces);
    assert_string_equal(joined(v.t, "a\0b", 3), "a|Ā|b");
    vocabulary_close(&v);
}

static void test_letters(void **state)
{
    (void)state;
    uint32_t seen[512] = {0};
    for (unsigned b = 0; b < 256; b++) {
        const uint32_t letter = byte_to_letter((uint8_t)b);
        assert_true(letter < 512 && !seen[letter]);
        seen[letter] = 1;
        assert_int_equal(letter_to_byte(letter), b);
    }
    assert_int_equal(letter_to_byte(' '), -1);
    assert_int_equal(letter_to_byte(324), -1);
    assert_int_equal(byte_to_letter(' '), 0x120);
    assert_int_equal(byte_to_letter('\n'), 0x10a);
    assert_int_equal(byte_to_letter(0xad), 0x143);
}

/* ---- properties ---- */

/* decode(encode(x)) = x for any bytes, no control or added id comes out, and words tile
 * the text. */
static void test_round_trip(void **state)
{
    (void)state;
    static const char *const names[] = {"smollm", "gpt-2", "llama-bpe", "qwen2"};
    static const char *const bits[] = {
        "a",        "aaaaaaaa",   "hello",    " ",
        "\n",       "\r\n",       "'s",       "'LL",
        "7",        "<|im_end|>", "<tool>",   "\xe2\x80\x83",
        "\xc5\xbf", "\xff",       "\xe6\x97", "\xf0\x9f\x99\x82",
        "!",        ".,-",        "\xc2\xbd", "\t"};
    for (size_t k = 0; k < 4; k++) {
        struct vocabulary v;
        llama_open(&v, names[k]);
        for (uint64_t round = 0; round < 400; round++) {
            const struct rng_key key =
                rng_sub(rng_key(7, "tokenizer test", names[k]), round);
            struct buf text, back;
            buf_init(&text, 0);
            buf_init(&back, 0);
            const uint64_t n = rng_below(key, 0, 24);
            for (uint64_t i = 1; i <= n; i++) {
                const uint64_t pick = rng_below(key, i, sizeof bits / sizeof bits[0] + 6);
                if (pick < sizeof bits / sizeof bits[0])
                    buf_adds(&text, bits[pick]);
                else
                    buf_addc(&text, (char)rng_below(key, 100 + i, 256));
            }
            struct tokens ids = {0};
            assert_int_equal(tokenizer_encode(v.t, buf_str(&text), text.len, &ids, NULL),
                             0);
            for (size_t i = 0; i < ids.n; i++) {
                assert_int_equal(v.t->pieces[ids.ids[i]].type, PIECE_NORMAL);
                tokenizer_decode(v.t, ids.ids[i], false, &back);
            }
            assert_int_equal(back.len, text.len);
            assert_memory_equal(buf_str(&back), buf_str(&text), text.len);
            for (size_t at = 0; at < text.len;) {
                const size_t step = v.t->splitter->next(text.data + at, text.len - at);
                assert_in_range(step, 1, text.len - at);
                at += step;
            }
            tokens_release(&ids);
            buf_release(&text);
            buf_release(&back);
        }
        vocabulary_close(&v);
    }
}

/* Merging by the heap (long words) and in place (short ones) is the same thing. */
static void test_long_words(void **state)
{
    (void)state;
    struct vocabulary v;
    llama_open(&v, "gpt-2");
    char text[201];
    for (size_t n = 1; n <= 200; n++) {
        memset(text, 'a', n);
        struct tokens ids = {0};
        assert_int_equal(tokenizer_encode(v.t, text, n, &ids, NULL), 0);
        const size_t expected = n / 8 + (n % 8 >= 4) + (n % 4 >= 2) + n % 2;
        assert_int_equal(ids.n, expected);
        tokens_release(&ids);
    }
    vocabulary_close(&v);
}

/* No stack and no square of the length in any pre-tokenizer. */
static void test_runs(void **state)
{
    (void)state;
    static const char *const names[] = {"smollm", "gpt-2", "llama-bpe", "qwen2"};
    for (size_t k = 0; k < 4; k++) {
        struct vocabulary v;
        llama_open(&v, names[k]);
        check_runs(v.t);
        vocabulary_close(&v);
    }
}

/* ---- chat formats ---- */

static const struct {
    const char *name, *text, *template;
} chats[] = {
    {"chatml",
     "<|im_start|>system\nBe "
     "brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
     "Yes?<|im_end|>\n<|im_start|>user\nGo<|im_end|>\n<|im_start|>assistant\n",
     "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
     "'\n'}}"},
    {"llama-2",
     "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Yes? </s><s>[INST] Go [/INST]",
     "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }} <<SYS>>"},
    {"llama-3",
     "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
     "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>"
     "assistant"
     "<|end_header_id|>\n\nYes?<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nGo<|"
     "eot_id|>"
     "<|start_header_id|>assistant<|end_header_id|>\n\n",
     "'<|start_header_id|>' + role + '<|end_header_id|>' ... '<|eot_id|>'"},
    {"gemma",
     "<bos><start_of_turn>user\nBe "
     "brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nYes?<end_of_turn>\n"
     "<start_of_turn>user\nGo<end_of_turn>\n<start_of_turn>model\n",
     "{{ '<start_of_turn>' + role }} {{ '<end_of_turn>' }}"},
    {"zephyr",
     "<|system|>\nBe "
     "brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nYes?</s>\n<|user|>\nGo</"
     "s>\n<|assistant|>\n",
     "{{ '<|user|>' + content + eos_token }} {{ '<|assistant|>' }}"},
    {"mistral", "<s>[INST] Be brief.\n\nHi [/INST] Yes?</s>[INST] Go [/INST]",
     "{{ bos_token }}{{ '[INST] ' + content + ' [/INST]' }}"},
};
enum { N_CHATS = sizeof chats / sizeof chats[0] };

static const struct chat_message talk[] = {{"system", "Be brief.", 9},
                                           {"user", "Hi", 2},
                                           {"assistant", "Yes?", 4},
                                           {"user", "Go", 2}};

/* The vocabulary of build_llama with these in place of its three control tokens and the
 * added one. */
static void chat_open(struct vocabulary *v, struct chat_style *style,
                      const char *const control[3], const char *added,
                      const char *template)
{
    static struct build b;
    build_llama(&b);
    struct build_value *tokens = build_find(&b, "tokenizer.ggml.tokens");
    struct buf out;
    buf_init(&out, 0);
    buf_add(&out, tokens->payload.data, 12);
    size_t at = 12;
    for (size_t i = 0; i < BUILD_VOCAB; i++) {
        uint64_t len;
        memcpy(&len, tokens->payload.data + at, 8);
        const char *text = i < 3 ? control[i] : i + 1 == BUILD_VOCAB ? added : NULL;
        const uint64_t new_len = text ? strlen(text) : len;
        buf_add(&out, &new_len, 8);
        buf_add(&out, text ? text : tokens->payload.data + at + 8, new_len);
        at += 8 + len;
    }
    build_value(&b, "tokenizer.ggml.tokens", GGUF_ARRAY, out.data, out.len);
    build_u32(&b, "tokenizer.ggml.bos_token_id", 0);
    build_u32(&b, "tokenizer.ggml.eos_token_id", 1);
    build_string(&b, "tokenizer.chat_template", template);
    vocabulary_open(v, &b, BUILD_VOCAB);
    assert_int_equal(chat_style_load(style, &v->gguf, NULL), 0);
    buf_release(&out);
    build_release(&b);
}

static const char *const controls[N_CHATS][4] = {
    {"<|x|>", "<|im_end|>", "<|im_start|>", "<y>"},
    {"<s>", "</s>", "<unk>", "<y>"},
    {"<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"},
    {"<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"},
    {"<s>", "</s>", "<|user|>", "<y>"},
    {"<s>", "</s>", "[INST]", "[/INST]"},
};

static void test_chat_formats(void **state)
{
    (void)state;
    const char *const *names = chat_formats();
    for (size_t i = 0; i < N_CHATS; i++) {
        struct vocabulary v;
        struct chat_style style;
        assert_string_equal(names[i], chats[i].name);
        chat_open(&v, &style, controls[i], controls[i][3], chats[i].template);
        assert_non_null(style.format);
        assert_string_equal(style.format->name, chats[i].name);
        assert_ptr_equal(style.format, chat_format_find(chats[i].name));
        struct tokens ids = {0};
        struct buf text, back;
        struct error err = {0};
        buf_init(&text, 0);
        buf_init(&back, 0);
        assert_int_equal(
            chat_encode(v.t, &style, style.format, talk, 4, true, &ids, &text, &err), 0);
        assert_string_equal(buf_str(&text), chats[i].text);
        /* The ids say the same text, control tokens where the vocabulary has them. */
        for (size_t k = 0; k < ids.n; k++)
            tokenizer_decode(v.t, ids.ids[k], true, &back);
        assert_string_equal(buf_str(&back), chats[i].text);
        for (int c = 0; c < 3; c++) {
            size_t in_text = 0, in_ids = 0;
            for (const char *at = chats[i].text; (at = strstr(at, controls[i][c])); at++)
                in_text++;
            for (size_t k = 0; k < ids.n; k++)
                in_ids += ids.ids[k] == c;
            assert_int_equal(in_ids, in_text);
        }
        tokens_release(&ids);
        buf_release(&text);
        buf_release(&back);
        chat_style_release(&style);
        vocabulary_close(&v);
    }
    assert_null(names[N_CHATS]);
    assert_null(chat_format_find("no such"));
}

/* Markers inside messages stay text in every format. */
static void test_chat_hostile_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CHATS; i++) {
        struct vocabulary v;
        struct chat_style style;
        chat_open(&v, &style, controls[i], controls[i][3], chats[i].template);
        size_t n[2];
        for (int hostile = 0; hostile < 2; hostile++) {
            char *text = hostile ? xasprintf("%s%s%s%s", controls[i][0], controls[i][1],
                                             controls[i][2], controls[i][3])
                                 : xstrdup("x");
            const struct chat_message one = {"user", text, strlen(text)};
            struct tokens ids = {0};
            assert_int_equal(
                chat_encode(v.t, &style, style.format, &one, 1, true, &ids, NULL, NULL),
                0);
            n[hostile] = 0;
            for (size_t k = 0; k < ids.n; k++)
                n[hostile] += v.t->pieces[ids.ids[k]].type != PIECE_NORMAL;
            tokens_release(&ids);
            free(text);
        }
        assert_int_equal(n[0], n[1]);
        chat_style_release(&style);
        vocabulary_close(&v);
    }
}

static void test_chat_trims(void **state)
{
    (void)state;
    struct vocabulary v;
    struct chat_style style;
    struct buf text;
    struct tokens ids = {0};
    struct error err = {0};
    const struct chat_message padded = {"user", " \n Hi \t", 7};
    buf_init(&text, 0);
    chat_open(&v, &style, controls[2], controls[2][3], chats[2].template);
    assert_int_equal(
        chat_encode(v.t, &style, style.format, &padded, 1, false, &ids, &text, &err), 0);
    assert_string_equal(buf_str(&text),
                        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>"
                        "\n\nHi<|eot_id|>");
    chat_style_release(&style);
    vocabulary_close(&v);
    tokens_release(&ids);
    buf_release(&text);
}

static void test_chat_default_system(void **state)
{
    (void)state;
    struct vocabulary v;
    struct chat_style style;
    static const struct {
        const char *template, *system;
    } rows[] = {
        {"{{ '<|im_start|>system\nYou are kind.<|im_end|>\n' }}", "You are kind."},
        {"{{- '<|im_start|>system\\nYou are kind.<|im_end|>\\n' }}", "You are kind."},
        {"{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}", NULL},
        {"{{- '<|im_start|>system\\n' + x }} '<|im_start|>system\\nLater.<|im_end|>'",
         "Later."},
        {"<|im_start|>system\n<|im_end|>", NULL},
        {"<|im_start|>system\nno end <|im_end|", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        chat_open(&v, &style, controls[0], "<y>", rows[i].template);
        if (rows[i].system)
            assert_string_equal(style.default_system, rows[i].system);
        else
            assert_null(style.default_system);
        chat_style_release(&style);
        vocabulary_close(&v);
    }
}

/* BOS before ChatML where the template says so; Llama 3.1's dates with and without a
 * system message. */
static void test_chat_bos_and_dates(void **state)
{
    (void)state;
    struct vocabulary v;
    struct chat_style style;
    struct buf text;
    struct tokens ids = {0};
    struct error err = {0};
    buf_init(&text, 0);
    static const struct {
        size_t chat;
        const char *template;
        size_t from; /* of talk */
        const char *text;
    } special[] = {
        {0, "{{ bos_token }}<|im_start|><|im_end|>", 3,
         "<|x|><|im_start|>user\nGo<|im_end|>\n"},
        {0, "<|im_start|><|im_end|>", 3, "<|im_start|>user\nGo<|im_end|>\n"},
        {2,
         "<|start_header_id|><|eot_id|>Cutting Knowledge Date: December 2023 '26 Jul "
         "2024'",
         3,
         "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting "
         "Knowledge Date: "
         "December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|><|start_header_id|>user"
         "<|end_header_id|>\n\nGo<|eot_id|>"},
        {2,
         "<|start_header_id|><|eot_id|>Cutting Knowledge Date: December 2023 '26 Jul "
         "2024'",
         0,
         "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting "
         "Knowledge Date: "
         "December 2023\nToday Date: 26 Jul 2024\n\nBe "
         "brief.<|eot_id|><|start_header_id|>user"
         "<|end_header_id|>\n\nHi<|eot_id|>"},
    };
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        const size_t n = special[i].from ? 1 : 2;
        buf_clear(&text);
        chat_open(&v, &style, controls[special[i].chat], controls[special[i].chat][3],
                  special[i].template);
        assert_int_equal(chat_encode(v.t, &style, style.format, talk + special[i].from, n,
                                     false, &ids, &text, &err),
                         0);
        assert_string_equal(buf_str(&text), special[i].text);
        chat_style_release(&style);
        vocabulary_close(&v);
    }
    tokens_release(&ids);
    buf_release(&text);
}

/* Templates that look alike and are another format. */
static void test_chat_lookalikes(void **state)
{
    (void)state;
    struct vocabulary v;
    struct chat_style style;
    static const char *const others[] = {
        "'<|user|>\n' + content + '<|end|>\n' '<|assistant|>' + eos_token", /* Phi-3 */
        "[gMASK]<sop><|user|><|assistant|>", "[SYSTEM_PROMPT][INST][/INST]"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        chat_open(&v, &style, controls[0], "<y>", others[i]);
        assert_null(style.format);
        chat_style_release(&style);
        vocabulary_close(&v);
    }
}

/* A role that nobody knows, and a folded system message without a user. */
static void test_chat_roles(void **state)
{
    (void)state;
    struct vocabulary v;
    struct chat_style style;
    struct tokens ids = {0};
    struct error err = {0};
    const struct chat_message odd = {"tool", "x", 1}, lone = {"system", "x", 1};
    chat_open(&v, &style, controls[3], controls[3][3], chats[3].template);
    const size_t before = ids.n;
    assert_int_equal(
        chat_encode(v.t, &style, style.format, &odd, 1, true, &ids, NULL, &err), -1);
    assert_non_null(strstr(err.text, "allowed: system, user, assistant"));
    assert_int_equal(
        chat_encode(v.t, &style, style.format, &lone, 1, true, &ids, NULL, &err), -1);
    assert_int_equal(ids.n, before);
    chat_style_release(&style);
    vocabulary_close(&v);
    tokens_release(&ids);
}

/* A template that we do not know, or a monstrous one: the model opens and takes a named
 * format. */
static void test_chat_unknown_template(void **state)
{
    (void)state;
    char *deep = xmalloc(12001);
    memset(deep, '(', 6000);
    memset(deep + 6000, ')', 6000);
    deep[12000] = 0;
    const char *const templates[] = {deep,
                                     "{% for i in range(1e12) %}{{ i }}{% endfor %}", ""};
    for (size_t i = 0; i < 3; i++) {
        static struct build b;
        struct buf bytes;
        struct error err = {0};
        build_llama(&b);
        build_string(&b, "tokenizer.chat_template", templates[i]);
        buf_init(&bytes, 0);
        build_bytes(&b, &bytes);
        struct model *m = model_from_memory(bytes.data, bytes.len, "small.gguf", &err);
        assert_non_null(m);
        assert_string_equal(model_info(m)->chat, "");
        struct tokens ids = {0};
        assert_int_equal(model_chat(m, NULL, talk, 4, true, &ids, NULL, &err), -1);
        assert_string_equal(err.text, "small.gguf has no chat template that is known");
        assert_string_equal(
            err.hint, "name one of: chatml, llama-2, llama-3, gemma, zephyr, mistral");
        assert_int_equal(model_chat(m, "nope", talk, 4, true, &ids, NULL, &err), -1);
        assert_int_equal(ids.n, 0);
        assert_int_equal(model_chat(m, "chatml", talk, 4, true, &ids, NULL, &err), 0);
        assert_true(ids.n > 20 && ids.ids[0] == 1);
        tokens_release(&ids);
        model_close(m);
        buf_release(&bytes);
        build_release(&b);
    }
    free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smollm),
        cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_llama_bpe),
        cmocka_unit_test(test_qwen2),
        cmocka_unit_test(test_spm),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_chat_formats),
        cmocka_unit_test(test_chat_hostile_text),
        cmocka_unit_test(test_chat_trims),
        cmocka_unit_test(test_chat_default_system),
        cmocka_unit_test(test_chat_bos_and_dates),
        cmocka_unit_test(test_chat_lookalikes),
        cmocka_unit_test(test_chat_roles),
        cmocka_unit_test(test_chat_unknown_template),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
