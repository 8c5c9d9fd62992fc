/*
 * Text through every pre-tokenizer: decode(encode(x)) is x, and no id that is not plain comes
 * out. The first byte chooses the pre-tokenizer, or SentencePiece on the same letters. To
 * search: as fuzz_gguf.c, with tests/unit/gguf_build.c beside it.
 */
#include <stdlib.h>
#include <string.h>

#include "models/model.h"
#include "src/base/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/gguf_build.h"

static const char *const kinds[] = {"smollm", "gpt-2", "llama-bpe", "qwen2", "spm"};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

/* The builder's vocabulary; for SentencePiece the letters' places hold the 256 byte tokens. */
static void make_spm(struct build *b)
{
    static char names[256][8];
    static const char *const merged[] = {
        "he",       "ll",           "hell", "hello", "\xe2\x96\x81hello", "aa", "aaaa",
        "aaaaaaaa", "\xe2\x96\x81", "the",  "in",    "\xe6\x97\xa5"};
    const char *tokens[BUILD_VOCAB] = {"<unk>", "<s>", "</s>"};
    int32_t types[BUILD_VOCAB] = {PIECE_UNKNOWN, PIECE_CONTROL, PIECE_CONTROL};
    float scores[BUILD_VOCAB] = {0};
    for (size_t i = 0; i < 256; i++) {
        static const char hex[] = "0123456789ABCDEF";
        const char name[8] = {'<', '0', 'x', hex[i / 16], hex[i % 16], '>', 0};
        memcpy(names[i], name, sizeof name);
        tokens[3 + i] = names[i];
        types[3 + i] = PIECE_BYTE;
    }
    for (size_t i = 0; i < 12; i++) {
        tokens[259 + i] = merged[i];
        types[259 + i] = PIECE_NORMAL;
        scores[259 + i] = -(float)i;
    }
    tokens[BUILD_VOCAB - 1] = "<tool>";
    types[BUILD_VOCAB - 1] = PIECE_USER;
    build_string(b, "tokenizer.ggml.model", "llama");
    build_bool(b, "tokenizer.ggml.add_space_prefix", false);
    build_strings(b, "tokenizer.ggml.tokens", tokens, BUILD_VOCAB);
    build_array4(b, "tokenizer.ggml.token_type", GGUF_I32, types, BUILD_VOCAB);
    build_array4(b, "tokenizer.ggml.scores", GGUF_F32, scores, BUILD_VOCAB);
}

static struct model *make_model(size_t kind)
{
    static struct build b;
    static struct buf bytes[N_KINDS];
    build_llama(&b);
    if (kind + 1 == N_KINDS)
        make_spm(&b);
    else
        build_string(&b, "tokenizer.ggml.pre", kinds[kind]);
    buf_init(&bytes[kind], 0);
    build_bytes(&b, &bytes[kind]);
    build_release(&b);
    struct model *m = model_from_memory(bytes[kind].data, bytes[kind].len, "fuzz.gguf", NULL);
    if (!m)
        abort();
    return m;
}

/* Made once for a process: the targets run millions of times. */
static const struct model *get_model(size_t kind)
{
    static struct model *models[N_KINDS];
    if (!models[kind])
        models[kind] = make_model(kind);
    return models[kind];
}

/* What SentencePiece's blank in a text comes back as. */
static void blanks(const char *text, size_t len, struct buf *out)
{
    for (size_t at = 0; at < len;) {
        if (len - at >= 3 && memcmp(text + at, "\xe2\x96\x81", 3) == 0) {
            buf_addc(out, ' ');
            at += 3;
        } else {
            buf_addc(out, text[at++]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const size_t kind = data[0] % N_KINDS;
    const struct model *m = get_model(kind);
    const char *text = (const char *)data + 1;
    struct tokens ids = {0};
    struct buf back, expected;
    buf_init(&back, 0);
    buf_init(&expected, 0);
    if (model_encode(m, text, size - 1, &ids, NULL))
        abort();
    for (size_t i = 0; i < ids.n; i++) {
        const uint8_t type = m->tokenizer->pieces[ids.ids[i]].type;
        if (type != PIECE_NORMAL && type != PIECE_BYTE)
            abort();
        model_decode(m, ids.ids[i], false, &back);
    }
    if (kind + 1 == N_KINDS)
        blanks(text, size - 1, &expected);
    else
        buf_add(&expected, text, size - 1);
    if (back.len != expected.len || memcmp(buf_str(&back), buf_str(&expected), back.len) != 0)
        abort();
    tokens_release(&ids);
    buf_release(&back);
    buf_release(&expected);
    return 0;
}
