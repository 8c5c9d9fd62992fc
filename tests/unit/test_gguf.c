/*
 * Bad model files, one row each: what is broken, what the message says, and at which
 * entry of the file it points.
 */
#include <inttypes.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/cpu_time.h"
#include "models/model.h"
#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "tests/unit/gguf_build.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
static const char name[] = "small.gguf";

static void assert_match(const char *id, const char *pattern, const char *text)
{
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
        fail_msg("%s: bad pattern %s", id, pattern);
    if (regexec(&re, text, 0, NULL, 0))
        fail_msg("%s: '%s' does not match '%s'", id, text, pattern);
    regfree(&re);
}

/* Whatever the bytes hold, a message is printable. */
static void assert_printable(const char *id, const struct error *err)
{
    char line[1024];
    error_format(err, line, sizeof line);
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            fail_msg("%s: control character in '%s'", id, line);
}

/* ---- files that do not begin as GGUF does ---- */

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *id, *bytes;
        size_t len;
        const char *text;
    } rows[] = {
        {"gguf-empty", "", 0, "^the file is empty, not a GGUF model$"},
        {"gguf-short", "GGU", 3, "^the file has only 3 bytes \\('GGU'\\)"},
        {"gguf-magic", "\x01\x1b[31m\x9b", 7,
         "^the file begins with '.*\\^\\[\\[31m<9B>'"},
        {"html", "\n <!DOCTYPE HTML><html>", 23, "an HTML page"},
        {"html", "<html lang=en>", 14, "an HTML page"},
        {"lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:1", 56,
         "a Git LFS pointer"},
        {"safetensors", "\x05\0\0\0\0\0\0\0{\"a\":", 13, "a safetensors file"},
        {"big-endian", "FUGG\0\0\0\3", 8, "a big-endian GGUF file"},
        {"ggml", "lmgg\1\0\0\0", 8, "an old GGML file"},
        {"zip", "PK\3\4....", 8, "a zip archive"},
        {"gzip", "\x1f\x8b....", 6, "a gzip file"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        assert_null(model_from_memory(rows[i].bytes, rows[i].len, name, &err));
        assert_match(rows[i].id, rows[i].text, err.text);
        assert_string_equal(err.file, name);
        assert_int_equal(err.byte, 0);
        assert_int_equal(err.kind, ERROR_DATA);
        assert_printable(rows[i].id, &err);
    }
}

/* ---- one broken field each ---- */

enum op {
    VERSION,             /* value */
    MAGIC_COUNT_TENSORS, /* the count written is value */
    MAGIC_COUNT_VALUES,
    ADD_TENSORS, /* value more are claimed */
    ADD_VALUES,
    KEY_LEN,  /* of key `name` */
    KEY_TEXT, /* key `name` becomes `text` */
    VALUE_TYPE,
    PAYLOAD_U64, /* 8 bytes at offset 4 of the payload: an array's count */
    PAYLOAD_U32, /* 4 bytes at offset 0: an array's type */
    SET_U32,     /* key `name` is a u32 `value` */
    SET_F32,     /* the bits `value` */
    SET_STRING,  /* `text` */
    SET_U64,
    SHORTER,  /* an array of 4-byte elements loses its last one */
    SET_ITEM, /* the first element equal to `text` (up to |) of the list becomes what
                 stands behind | */
    NO_KEY,
    T_NAME_LEN,
    T_NAME,
    T_DIMS, /* number of dimensions */
    T_DIM0,
    T_DIM1,
    T_TYPE,
    T_OFFSET,
    NO_TENSOR,
    MORE_TENSOR, /* a 32 x 32 F32 matrix `name` */
    TRAILER,     /* value bytes behind the end */
};

struct bad {
    const char *id;
    enum op op;
    const char *name;
    uint64_t value;
    const char *replacement;
    const char *text;  /* pattern of the message */
    const char *where; /* "key NAME", "tensor NAME": the offset lies in that entry;
                          "0x..": exactly there; "end": the header's end */
};

#define TOKENS "tokenizer.ggml.tokens"
#define MERGES "tokenizer.ggml.merges"
#define TYPES "tokenizer.ggml.token_type"
#define Q0 "blk.0.attn_q.weight"
#define GATE "blk.1.ffn_gate.weight"
#define HEADS "llama.attention.head_count"
#define KV "llama.attention.head_count_kv"
#define BASE "llama.rope.freq_base"
#define EPS "llama.attention.layer_norm_rms_epsilon"
#define ALIGN "general.alignment"
#define BAD32 0x7fc00000u /* NaN */

static const struct bad bad[] = {
    {"gguf-version", VERSION, NULL, 0, NULL,
     "^GGUF version 0 is not read \\(allowed: 2, 3\\)$", "0x4"},
    {"gguf-version", VERSION, NULL, 1, NULL, "^GGUF version 1 is not read", "0x4"},
    {"gguf-version", VERSION, NULL, 4, NULL, "^GGUF version 4 is not read", "0x4"},
    {"gguf-version", VERSION, NULL, 0x03000000, NULL, "big-endian file$", "0x4"},
    {"gguf-count-huge", MAGIC_COUNT_TENSORS, NULL, UINT64_MAX, NULL,
     "^the file claims 18446744073709551615 tensors, but [0-9]+ bytes left hold at most",
     "0x8"},
    {"gguf-count-huge", MAGIC_COUNT_TENSORS, NULL, 1ull << 63, NULL,
     "claims 9223372036854775808 tensors", "0x8"},
    {"gguf-count-huge", MAGIC_COUNT_VALUES, NULL, UINT64_MAX, NULL,
     "claims 18446744073709551615 keys", "0x10"},
    {"gguf-count-huge", MAGIC_COUNT_VALUES, NULL, 1ull << 63, NULL,
     "claims 9223372036854775808 keys", "0x10"},
    {"gguf-count-off", ADD_TENSORS, NULL, 1, NULL, "^(a|the) tensor('s)? name", NULL},
    {"gguf-count-off", ADD_TENSORS, NULL, (uint64_t)-1, NULL,
     "^(a hole|tensor|[0-9]+ bytes stand behind)", NULL},
    {"gguf-count-off", ADD_VALUES, NULL, 1, NULL,
     "^a tensor's name is [0-9]+ bytes long, but", NULL},
    {"gguf-count-off", ADD_VALUES, NULL, (uint64_t)-1, NULL, "tensor", NULL},
    {"gguf-count-off", TRAILER, NULL, 32, NULL,
     "^32 bytes stand behind the last tensor, output_norm.weight$", NULL},
    {"gguf-keylen", KEY_LEN, HEADS, UINT64_MAX, NULL,
     "^a key is 18446744073709551615 bytes long, but [0-9]+ bytes are left",
     "key " HEADS},
    {"gguf-keylen", KEY_LEN, HEADS, 1 << 20, NULL, "^a key is 1048576 bytes long, but",
     "key " HEADS},
    {"gguf-keylen", KEY_LEN, HEADS, 0, NULL,
     "^a key is 0 bytes long \\(allowed 1..65535\\)$", "key " HEADS},
    {"gguf-key-bytes", KEY_TEXT, HEADS, 0, "\x1b[2Jx",
     "^the key '\\^\\[\\[2Jx' is not text", "key " HEADS},
    {"gguf-key-bytes", KEY_TEXT, HEADS, 0, "\xff\xfe", "^the key '<FF><FE>' is not text",
     "key " HEADS},
    {"gguf-key-bytes", KEY_LEN, HEADS, sizeof HEADS, NULL, "^the key .*is not text",
     "key " HEADS},
    {"gguf-keylen", KEY_LEN, HEADS, sizeof HEADS - 2, NULL, "has value type 1140 ", NULL},
    {"gguf-dupkey", KEY_TEXT, HEADS, 0, KV,
     "^the key llama.attention.head_count_kv stands twice \\(first at byte "
     "0x[0-9a-f]+\\)$",
     "key " KV},
    {"gguf-type", VALUE_TYPE, HEADS, 255, NULL,
     "^key " HEADS " has value type 255 \\(allowed 0..12\\)$", "key " HEADS},
    {"gguf-type", PAYLOAD_U32, TOKENS, GGUF_ARRAY, NULL,
     "^key " TOKENS " is an array of type 9 .*no arrays of arrays", "key " TOKENS},
    {"gguf-type", PAYLOAD_U32, TOKENS, 77, NULL, "^key " TOKENS " is an array of type 77",
     "key " TOKENS},
    {"gguf-array-wrap", PAYLOAD_U64, TYPES, 1ull << 62, NULL,
     "^key " TYPES ": an array of 4611686018427387904 i32 values is longer than the file",
     "key " TYPES},
    {"gguf-array-wrap", PAYLOAD_U64, TOKENS, 1ull << 40, NULL,
     "an array of 1099511627776 string values is longer than the file", "key " TOKENS},
    {"gguf-array-wrap", PAYLOAD_U64, TYPES, UINT64_MAX, NULL, "is longer than the file",
     "key " TYPES},
    {"gguf-array-off", PAYLOAD_U64, TOKENS, BUILD_VOCAB + 1, NULL,
     "^a key is 21474836489 bytes long, but", NULL},
    {"gguf-ndims", T_DIMS, Q0, 0, NULL,
     "^tensor " Q0 " has 0 dimensions \\(allowed 1..4\\)$", "tensor " Q0},
    {"gguf-ndims", T_DIMS, Q0, 5, NULL, "has 5 dimensions", "tensor " Q0},
    {"gguf-ndims", T_DIMS, Q0, UINT32_MAX, NULL, "has 4294967295 dimensions",
     "tensor " Q0},
    {"gguf-dim", T_DIM1, Q0, (uint64_t)-3, NULL,
     "^tensor " Q0 ": dimension 1 is negative \\(-3\\)$", "tensor " Q0},
    {"gguf-dim", T_DIM1, "blk.1.ffn_down.weight", 0, NULL,
     "^tensor blk.1.ffn_down.weight: dimension 1 is 0$", "tensor blk.1.ffn_down.weight"},
    {"gguf-dim", T_DIM0, "output_norm.weight", 0, NULL,
     "^tensor output_norm.weight: dimension 0 is 0$", "tensor output_norm.weight"},
    {"gguf-elems-wrap", T_DIM1, Q0, 1ull << 60, NULL,
     "^tensor " Q0 ": the tensor size does not fit", "tensor " Q0},
    {"gguf-bytes-wrap", T_DIM1, "blk.0.attn_v.weight", 1ull << 58, NULL,
     "the tensor size does not fit", "tensor blk.0.attn_v.weight"},
    {"gguf-pad-wrap", T_DIM0, "output_norm.weight", (1ull << 61) - 1, NULL,
     "ends at byte|the tensor size does not fit", "tensor output_norm.weight"},
    {"gguf-sum-wrap", T_OFFSET, Q0, (uint64_t)-32, NULL, "the tensor size does not fit",
     "tensor " Q0},
    {"gguf-quant", T_TYPE, Q0, 4, NULL, "^tensor " Q0 " has type 4, which is not read$",
     "tensor " Q0},
    {"gguf-quant", T_TYPE, Q0, UINT32_MAX, NULL, "has type 4294967295", "tensor " Q0},
    {"gguf-quant", T_DIM0, Q0, 33, NULL,
     "a row of 33 weights is not a multiple of Q4_1's block of 32", "tensor " Q0},
    {"gguf-quant", T_TYPE, Q0, WEIGHT_Q4_K, NULL,
     "a row of 32 weights is not a multiple of Q4_K's block of 256", "tensor " Q0},
    {"gguf-name", T_NAME, Q0, 0,
     "blk.0.a_name_that_is_longer_than_sixty_three_bytes_for_no_good_reason.weight",
     "^the tensor name 'blk.0.a_name.*' is 76 bytes long \\(allowed 1..63\\)$", "tensor"},
    {"gguf-name", T_NAME, Q0, 0, "blk.0.attn_k.weight",
     "^the tensor blk.0.attn_k.weight stands twice \\(first at byte 0x[0-9a-f]+\\)$",
     NULL},
    {"gguf-name", T_NAME, Q0, 0, "", "^the tensor name '' is 0 bytes long", "tensor"},
    {"gguf-name", T_NAME, Q0, 0, "\x1b]0;x\x07",
     "^the tensor name '\\^\\[\\]0;x\\^G' is not text", "tensor"},
    {"gguf-name", T_NAME_LEN, Q0, UINT64_MAX, NULL,
     "^a tensor's name is 18446744073709551615 bytes long, but", "tensor " Q0},
    {"gguf-offset", T_OFFSET, Q0, 4, NULL,
     "^tensor " Q0 ": offset 4 is not a multiple of 32", "tensor " Q0},
    {"gguf-offset", T_OFFSET, Q0, 0, NULL,
     "the data of tensor .* begins at byte [0-9]+, inside that of", NULL},
    {"gguf-offset", T_OFFSET, Q0, 1 << 20, NULL,
     "^tensor " Q0
     " ends at byte [0-9]+, but the file has [0-9]+ bytes \\([0-9]+ missing\\)$",
     "tensor " Q0},
    {"gguf-offset", T_OFFSET, "output_norm.weight", (1ull << 63), NULL,
     "ends at byte|does not fit", "tensor output_norm.weight"},
    {"gguf-align", SET_U32, ALIGN, 0, NULL,
     "^general.alignment is 0 \\(allowed: powers of two, 8..65536\\)$", "key " ALIGN},
    {"gguf-align", SET_U32, ALIGN, 3, NULL, "alignment is 3", "key " ALIGN},
    {"gguf-align", SET_U32, ALIGN, 4, NULL, "alignment is 4 ", "key " ALIGN},
    {"gguf-align", SET_U32, ALIGN, 48, NULL, "alignment is 48 ", "key " ALIGN},
    {"gguf-align", SET_U32, ALIGN, 131072, NULL, "alignment is 131072 ", "key " ALIGN},
    {"gguf-align", SET_U32, ALIGN, 1u << 31, NULL, "alignment is 2147483648",
     "key " ALIGN},
    {"gguf-align", SET_U64, ALIGN, 32, NULL,
     "^general.alignment is of type u64 \\(allowed: u32\\)$", "key " ALIGN},
    {"gguf-align", SET_STRING, ALIGN, 0, "32", "is of type string", "key " ALIGN},
    {"gguf-vocab-size", SHORTER, TYPES, 0, NULL,
     "^" TYPES " has 271 elements, but the vocabulary 272 tokens$", "key " TYPES},
    {"gguf-vocab-size", SET_U32, "llama.vocab_size", 300, NULL,
     "^llama.vocab_size is 300, but token_embd.weight has 272 rows$",
     "key llama.vocab_size"},
    {"gguf-vocab-size", T_DIM1, "token_embd.weight", BUILD_VOCAB - 1, NULL,
     "^the vocabulary has 272 tokens, but token_embd.weight has 271 rows$",
     "key " TOKENS},
    {"gguf-scores-int8", PAYLOAD_U32, TYPES, GGUF_U32, NULL,
     "^" TYPES " is of type array of u32 \\(allowed: array of i32\\)$", "key " TYPES},
    {"gguf-scores-int8", PAYLOAD_U32, TYPES, GGUF_F32, NULL,
     "array of f32 \\(allowed: array of i32", "key " TYPES},
    {"gguf-scores-int8", SET_U32, TOKENS, 1, NULL,
     "^" TOKENS " is of type u32 \\(allowed: array of string\\)$", "key " TOKENS},
    {"gguf-scores-int8", SET_STRING, MERGES, 0, "a b",
     "^" MERGES " is of type string \\(allowed: array of string\\)$", "key " MERGES},
    {"gguf-scores", SET_STRING, "tokenizer.ggml.model", 0, "llama",
     "^the key tokenizer.ggml.scores is missing$", "end"},
    {"gguf-merges", SET_ITEM, MERGES, 0, "a a|q zz",
     "^merge 5 \\('q zz'\\) names an unknown token$", "key " MERGES},
    {"gguf-merges", SET_ITEM, MERGES, 0, "a a|b b",
     "^merge 5 \\('b b'\\) makes an unknown token$", "key " MERGES},
    {"gguf-merges", SET_ITEM, MERGES, 0, "a a| a",
     "^merge 5 \\(' a'\\) is not two tokens", "key " MERGES},
    {"gguf-merges", SET_ITEM, MERGES, 0, "a a|a ",
     "^merge 5 \\('a '\\) has an empty side: it would make a token of itself$",
     "key " MERGES},
    {"gguf-merges", SET_ITEM, MERGES, 0, "a a| a a",
     "^merge 5 \\(' a a'\\) has an empty side", "key " MERGES},
    {"gguf-merges", SET_ITEM, MERGES, 0, "a a|aa",
     "^merge 5 \\('aa'\\) is not two tokens with a blank between$", "key " MERGES},
    {"gguf-merges", SET_ITEM, MERGES, 0, "a a|", "^merge 5 \\(''\\) is not two tokens",
     "key " MERGES},
    {"gguf-merges", NO_KEY, MERGES, 0, NULL, "^the key " MERGES " is missing$", "end"},
    {"gguf-special-id", SET_U32, "tokenizer.ggml.bos_token_id", 272, NULL,
     "^tokenizer.ggml.bos_token_id is 272, but the vocabulary has 272 tokens$",
     "key tokenizer.ggml.bos_token_id"},
    {"gguf-special-id", SET_U32, "tokenizer.ggml.eos_token_id", 1u << 31, NULL,
     "eos_token_id is 2147483648", "key tokenizer.ggml.eos_token_id"},
    {"gguf-special-id", SET_U32, "tokenizer.ggml.padding_token_id", 999, NULL,
     "padding_token_id is 999", "key tokenizer.ggml.padding_token_id"},
    {"gguf-special-id", SET_STRING, "tokenizer.ggml.eos_token_id", 0, "2",
     "is of type string \\(allowed: an integer\\)", "key tokenizer.ggml.eos_token_id"},
    {"gguf-tokenizer", SET_STRING, "tokenizer.ggml.model", 0, "bert",
     "^the tokenizer 'bert' is not read \\(allowed: gpt2, llama\\)$",
     "key tokenizer.ggml.model"},
    {"gguf-tokenizer", SET_STRING, "tokenizer.ggml.pre", 0, "no\x1bsuch",
     "^the pre-tokenizer 'no\\^\\[such' is not known \\(allowed: smollm, gpt-2, "
     "llama-bpe, qwen2, words\\)$",
     "key tokenizer.ggml.pre"},
    {"gguf-tokenizer", NO_KEY, "tokenizer.ggml.model", 0, NULL,
     "^the key tokenizer.ggml.model is missing$", "end"},
    {"gguf-tokenizer", NO_KEY, TOKENS, 0, NULL, "^the key " TOKENS " is missing$", "end"},
    {"gguf-template", SET_U32, "tokenizer.chat_template", 7, NULL,
     "is of type u32 \\(allowed: string\\)", "key tokenizer.chat_template"},
    {"gguf-heads", SET_U32, HEADS, 0, NULL, "^" HEADS " is 0 \\(allowed 1..4096\\)$",
     "key " HEADS},
    {"gguf-heads", SET_U32, HEADS, 3, NULL,
     "^" HEADS " is 3, which does not divide llama.embedding_length, 32$", "key " HEADS},
    {"gguf-heads", SET_U32, HEADS, 4, NULL,
     "^tensor blk.0.attn_k.weight is 32 x 16, expected 32 x 8$",
     "tensor blk.0.attn_k.weight"},
    {"gguf-heads", SET_U32, HEADS, UINT32_MAX, NULL, "is 4294967295 \\(allowed",
     "key " HEADS},
    {"gguf-heads", SET_U32, KV, 3, NULL,
     "^" KV " is 3, which does not divide " HEADS ", 2$", "key " KV},
    {"gguf-heads", SET_U32, KV, 0, NULL, "^" KV " is 0", "key " KV},
    {"gguf-heads", SET_STRING, HEADS, 0, "2",
     "is of type string \\(allowed: an integer\\)", "key " HEADS},
    {"gguf-heads", SET_U32, "llama.attention.key_length", 24, NULL,
     "^tensor " Q0 " is 32 x 32, expected 32 x 48$", "tensor " Q0},
    {"gguf-heads", SET_U32, "llama.rope.dimension_count", 8, NULL,
     "head widths differ or are odd \\(keys 16, values 16, RoPE 8", "key " HEADS},
    {"gguf-heads", SET_U32, "llama.attention.value_length", 32, NULL,
     "head widths differ", "key " HEADS},
    {"gguf-blocks", SET_U32, "llama.block_count", 1u << 31, NULL,
     "^llama.block_count is 2147483648 \\(allowed", "key llama.block_count"},
    {"gguf-blocks", SET_U32, "llama.block_count", INT32_MAX, NULL,
     "^llama.block_count is 2147483647, but the file's 20 tensors make at most 2 layers$",
     "key llama.block_count"},
    {"gguf-blocks", SET_U32, "llama.block_count", 3, NULL,
     "is 3, but the file's 20 tensors make at most 2 layers", "key llama.block_count"},
    {"gguf-blocks", SET_U32, "llama.block_count", 1, NULL,
     "^the tensor blk.1.attn_norm.weight is not part of a llama network of 1 layers$",
     "tensor blk.1.attn_norm.weight"},
    {"gguf-blocks", SET_U32, "llama.block_count", 0, NULL, "block_count is 0",
     "key llama.block_count"},
    {"gguf-rope-nan", SET_F32, BASE, BAD32, NULL,
     "^llama.rope.freq_base is -?nan \\(allowed 1..1e\\+12\\)$", "key " BASE},
    {"gguf-rope-nan", SET_F32, BASE, 0, NULL, "freq_base is 0 ", "key " BASE},
    {"gguf-rope-nan", SET_F32, BASE, 0x7e967699, NULL, "freq_base is 1e\\+38 ",
     "key " BASE},
    {"gguf-rope-nan", SET_F32, BASE, 0x7f800000, NULL, "freq_base is inf ", "key " BASE},
    {"gguf-rope-nan", SET_F32, EPS, 0, NULL, "^" EPS " is 0 ", "key " EPS},
    {"gguf-rope-nan", SET_F32, EPS, 0xb727c5ac, NULL, "epsilon is -1e-05 ", "key " EPS},
    {"gguf-rope-nan", SET_F32, EPS, BAD32, NULL, "epsilon is -?nan ", "key " EPS},
    {"gguf-rope-nan", SET_U32, EPS, 1, NULL, "is of type u32 \\(allowed: f32\\)",
     "key " EPS},
    {"gguf-rope-type", SET_STRING, "llama.rope.scaling.type", 0, "yarn",
     "^llama.rope.scaling.type is 'yarn' \\(allowed: none, linear",
     "key llama.rope.scaling.type"},
    {"gguf-rope-type", SET_F32, "llama.rope.scaling.factor", BAD32, NULL,
     "scaling.factor is -?nan", "key llama.rope.scaling.factor"},
    {"gguf-missing", NO_TENSOR, "blk.1.attn_v.weight", 0, NULL,
     "^llama.block_count is 2, but the file's 19 tensors make at most 2|^the tensor "
     "blk.1.attn_v.weight is missing \\(expected 32 x 16\\)$",
     "end"},
    {"gguf-missing", NO_TENSOR, "output_norm.weight", 0, NULL,
     "^the tensor output_norm.weight is missing", "end"},
    {"gguf-missing", NO_TENSOR, "token_embd.weight", 0, NULL,
     "^the tensor token_embd.weight is missing", "end"},
    {"gguf-missing", NO_KEY, "llama.embedding_length", 0, NULL,
     "^the key llama.embedding_length is missing$", "end"},
    {"gguf-missing", NO_KEY, "llama.block_count", 0, NULL,
     "^the key llama.block_count is missing$", "end"},
    {"gguf-missing", NO_KEY, "llama.context_length", 0, NULL,
     "^the key llama.context_length is missing$", "end"},
    {"gguf-missing", NO_KEY, HEADS, 0, NULL, "^the key " HEADS " is missing$", "end"},
    {"gguf-missing", NO_KEY, EPS, 0, NULL, "^the key " EPS " is missing$", "end"},
    {"gguf-missing", NO_KEY, "general.architecture", 0, NULL,
     "^the key general.architecture is missing$", "end"},
    {"gguf-shape", T_NAME, GATE, 0, "blk.1.ffn_down.weight", "stands twice", NULL},
    {"gguf-shape", SET_U32, "llama.feed_forward_length", 32, NULL,
     "^tensor blk.0.ffn_gate.weight is 32 x 64, expected 32 x 32$",
     "tensor blk.0.ffn_gate.weight"},
    {"gguf-shape", SET_U32, "llama.embedding_length", 64, NULL,
     "^tensor blk.0.attn_q.weight is 32 x 32, expected 64 x 64$", "tensor " Q0},
    {"gguf-shape", SET_U32, "llama.feed_forward_length", 0, NULL,
     "feed_forward_length is 0", "key llama.feed_forward_length"},
    {"gguf-extra", MORE_TENSOR, "blk.2.attn_q.weight", 0, NULL,
     "^the tensor blk.2.attn_q.weight is not part of a llama network of 2 layers$",
     "tensor blk.2.attn_q.weight"},
    {"gguf-extra", MORE_TENSOR, "blk.0.attn_q_norm.weight", 0, NULL,
     "^the tensor blk.0.attn_q_norm.weight is not part of a llama network",
     "tensor blk.0.attn_q_norm.weight"},
    {"gguf-extra", MORE_TENSOR, "output.weight", 0, NULL,
     "^tensor output.weight is 32 x 32, expected 32 x 272$", "tensor output.weight"},
    {"gguf-extra", MORE_TENSOR, "rope_freqs.weight", 0, NULL,
     "^rope_freqs.weight is 32 x 32 of type F32 \\(allowed: F32, 8 values\\)$",
     "tensor rope_freqs.weight"},
    {"gguf-extra", MORE_TENSOR, "blk.0.attn_q.bias", 0, NULL,
     "^tensor blk.0.attn_q.bias is 32 x 32, expected 32 x 1$",
     "tensor blk.0.attn_q.bias"},
    {"gguf-arch", SET_STRING, "general.architecture", 0, "mamba",
     "^the architecture 'mamba' is not read \\(allowed: llama, qwen2, qwen3\\)$",
     "key general.architecture"},
    {"gguf-arch", SET_U32, "general.architecture", 1, NULL,
     "is of type u32 \\(allowed: string\\)", "key general.architecture"},
    {"gguf-parts", SET_U32, "split.count", 3, NULL, "^this is one of 3 parts of a model$",
     "key split.count"},
    {"gguf-arch", SET_U32, "llama.expert_count", 8, NULL,
     "^llama.expert_count is 8: mixtures of experts are not read$",
     "key llama.expert_count"},
};

static void set_item(struct build *b, const char *key, const char *both)
{
    const char *bar = strchr(both, '|');
    const size_t old_len = (size_t)(bar - both);
    struct build_value *v = build_find(b, key);
    struct buf out;
    bool done = false;
    buf_init(&out, 0);
    buf_add(&out, v->payload.data, 12);
    for (size_t at = 12; at < v->payload.len;) {
        uint64_t len;
        memcpy(&len, v->payload.data + at, 8);
        const char *text = v->payload.data + at + 8;
        at += 8 + len;
        if (!done && len == old_len && memcmp(text, both, len) == 0) {
            text = bar + 1;
            len = strlen(text);
            done = true;
        }
        buf_add(&out, &len, 8);
        buf_add(&out, text, len);
    }
    assert_true(done);
    build_value(b, key, GGUF_ARRAY, out.data, out.len);
    buf_release(&out);
}

static void break_value(struct build *b, const struct bad *row)
{
    struct build_value *v = build_find(b, row->name);
    switch (row->op) {
    case KEY_LEN:
        v->key_len = row->value;
        break;
    case KEY_TEXT:
        snprintf(v->key, sizeof v->key, "%s", row->replacement);
        v->key_len = v->key_bytes = strlen(v->key);
        break;
    case VALUE_TYPE:
        v->type = (uint32_t)row->value;
        break;
    case PAYLOAD_U64:
        memcpy(v->payload.data + 4, &row->value, 8);
        break;
    case PAYLOAD_U32:
        memcpy(v->payload.data, &row->value, 4);
        break;
    case SET_U32:
        build_u32(b, row->name, (uint32_t)row->value);
        break;
    case SET_F32: {
        const uint32_t bits = (uint32_t)row->value;
        build_value(b, row->name, GGUF_F32, &bits, 4);
        break;
    }
    case SET_U64:
        build_value(b, row->name, GGUF_U64, &row->value, 8);
        break;
    case SET_STRING:
        build_string(b, row->name, row->replacement);
        break;
    case SHORTER: {
        uint64_t count;
        memcpy(&count, v->payload.data + 4, 8);
        count--;
        memcpy(v->payload.data + 4, &count, 8);
        v->payload.len -= 4;
        break;
    }
    case SET_ITEM:
        set_item(b, row->name, row->replacement);
        break;
    case NO_KEY:
        build_remove(b, row->name);
        break;
    default:
        break;
    }
}

static void break_tensor(struct build *b, const struct bad *row)
{
    struct build_tensor *t = build_tensor_find(b, row->name);
    switch (row->op) {
    case T_NAME_LEN:
        t->name_len = row->value;
        break;
    case T_NAME:
        snprintf(t->name, sizeof t->name, "%s", row->replacement);
        t->name_len = t->name_bytes = strlen(t->name);
        break;
    case T_DIMS:
        t->n_dims = (uint32_t)row->value;
        break;
    case T_DIM0:
    case T_DIM1: {
        uint64_t *dim = &t->dims[row->op == T_DIM1];
        if (row->value <
            *dim) /* the data shrinks too, so that it is the dimension that is found */
            t->bytes = t->bytes / *dim * row->value;
        *dim = row->value;
        break;
    }
    case T_TYPE:
        t->type = (uint32_t)row->value;
        break;
    case T_OFFSET:
        t->offset = row->value;
        break;
    case NO_TENSOR:
        build_remove_tensor(b, row->name);
        break;
    case MORE_TENSOR:
        build_tensor(b, row->name, WEIGHT_F32, 32, 32);
        break;
    default:
        break;
    }
}

/* Nothing happens when an earlier row took away what this one breaks. */
static void break_build(struct build *b, const struct bad *row)
{
    const bool makes = (row->op >= SET_U32 && row->op <= SET_U64) || row->op == MORE_TENSOR;
    switch (row->op) {
    case VERSION:
        b->version = (uint32_t)row->value;
        break;
    case MAGIC_COUNT_TENSORS:
        b->add_tensors = row->value - b->n_tensors;
        break;
    case MAGIC_COUNT_VALUES:
        b->add_values = row->value - b->n_values;
        break;
    case ADD_TENSORS:
        b->add_tensors = row->value;
        break;
    case ADD_VALUES:
        b->add_values = row->value;
        break;
    case TRAILER:
        break;
    default:
        if (row->op < T_NAME_LEN && (makes || build_find(b, row->name)))
            break_value(b, row);
        else if (row->op >= T_NAME_LEN && (makes || build_tensor_find(b, row->name)))
            break_tensor(b, row);
    }
}

static void break_file(struct build *b, const struct bad *row, struct buf *out)
{
    break_build(b, row);
    build_bytes(b, out);
    if (row->op == TRAILER)
        buf_fill(out, 'x', row->value);
}

static void check_where(const struct build *b, const struct bad *row,
                        const struct error *err)
{
    const int64_t header_end =
        (int64_t)(b->tensors[b->n_tensors - 1].at + 8 +
                  b->tensors[b->n_tensors - 1].name_bytes + 4 +
                  8 * (size_t)b->tensors[b->n_tensors - 1].n_dims + 12);
    if (!row->where || strcmp(row->where, "tensor") == 0)
        return;
    if (strcmp(row->where, "end") == 0) {
        assert_int_equal(err->byte, header_end);
        return;
    }
    if (row->where[0] == '0') {
        assert_int_equal(err->byte, strtol(row->where, NULL, 16));
        return;
    }
    int64_t from = -1, to = -1;
    for (size_t i = 0; i < b->n_values; i++) {
        const struct build_value *v = &b->values[i];
        if (strncmp(row->where, "key ", 4) == 0 && strcmp(row->where + 4, v->key) == 0) {
            from = (int64_t)v->at;
            to = from + 8 + (int64_t)v->key_bytes + 4 + (int64_t)v->payload.len;
            /* of two equal keys, and of a broken name, the entry is the last one found */
        }
    }
    for (size_t i = 0; i < b->n_tensors; i++) {
        const struct build_tensor *t = &b->tensors[i];
        if (strncmp(row->where, "tensor ", 7) == 0 &&
            strcmp(row->where + 7, t->name) == 0) {
            from = (int64_t)t->at;
            to = from + 8 + (int64_t)t->name_bytes + 4 + 32 + 12;
        }
    }
    if (from < 0 && row->op == KEY_TEXT)
        return; /* the key has another name now */
    if (err->byte < from || err->byte >= to)
        fail_msg("%s: byte 0x%" PRIx64 " is not in 0x%" PRIx64 "..0x%" PRIx64 " (%s)",
                 row->id, err->byte, from, to, err->text);
}

static void test_bad_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        static struct build b;
        struct buf bytes;
        struct error err = {0};
        build_llama(&b);
        buf_init(&bytes, 0);
        break_file(&b, &bad[i], &bytes);
        const double start = cpu_seconds();
        struct model *m = model_from_memory(bytes.data, bytes.len, name, &err);
        assert_true(cpu_seconds() - start < cpu_limit(1));
        if (m)
            fail_msg("%s (row %zu): the file opens; expected '%s'", bad[i].id, i,
                     bad[i].text);
        assert_match(bad[i].id, bad[i].text, err.text);
        assert_string_equal(err.file, name);
        assert_int_equal(err.kind, ERROR_DATA);
        assert_in_range(err.byte, 0, bytes.len);
        check_where(&b, &bad[i], &err);
        assert_printable(bad[i].id, &err);
        buf_release(&bytes);
        build_release(&b);
    }
}

/* Two to four rows at once: whatever is found first, it is a message about this file and
 * no crash. */
static void test_bad_mixtures(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 3000; round++) {
        static struct build b;
        const struct rng_key key = rng_sub(rng_key(3, "bad model files", ""), round);
        struct buf bytes;
        struct error err = {0};
        build_llama(&b);
        buf_init(&bytes, 0);
        for (uint64_t i = 0, n = 2 + rng_below(key, 0, 3); i < n; i++) {
            const struct bad *row = &bad[rng_below(key, 1 + i, COUNT(bad))];
            if (row->op != SET_ITEM && row->op != SHORTER) /* these want the list as it was */
                break_build(&b, row);
        }
        build_bytes(&b, &bytes);
        uint8_t *copy = xmalloc(bytes.len);
        memcpy(copy, bytes.data, bytes.len);
        struct model *m = model_from_memory(copy, bytes.len, name, &err);
        if (!m) {
            assert_true(err.text[0]);
            assert_string_equal(err.file, name);
            assert_in_range(err.byte, 0, bytes.len);
            assert_printable("mixture", &err);
        }
        model_close(m);
        free(copy);
        buf_release(&bytes);
        build_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_bad_mixtures),
    };
    return cmocka_run_group_tests_name("gguf", tests, NULL, NULL);
}
