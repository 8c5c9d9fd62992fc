/*
 * Model files as a whole: sound ones and their variants, cuts and flipped bits
 * everywhere, files that are no files, files that change, and how much memory reading
 * takes.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/cpu_time.h"
#include "models/model.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "tests/unit/gguf_build.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ALIGN "general.alignment"
#define TOKENS "tokenizer.ggml.tokens"
#define MERGES "tokenizer.ggml.merges"
#define TYPES "tokenizer.ggml.token_type"
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

/* A wrong count shows in a later entry; the hint says which, and where the one before
 * ended. */
static void test_entry_hint(void **state)
{
    (void)state;
    static struct build b;
    struct buf bytes;
    struct error err = {0};
    build_llama(&b);
    b.add_values = 1;
    buf_init(&bytes, 0);
    build_bytes(&b, &bytes);
    assert_null(model_from_memory(bytes.data, bytes.len, name, &err));
    char expected[128];
    /* The first tensor's name, dimensions (2: u16) and 2 bytes more pass for a key. */
    snprintf(expected, sizeof expected,
             "^tensor 1 of %zu; token_embd.weight before it ended at byte "
             "0x%zx$",
             b.n_tensors, b.tensors[0].at + 8 + strlen("token_embd.weight") + 4 + 2);
    assert_match("hint", expected, err.hint);
    buf_release(&bytes);
    build_release(&b);
}

/* A SentencePiece vocabulary on the same letters: its scores are checked before they are
 * read. */
static void test_bad_scores(void **state)
{
    (void)state;
    static const struct {
        uint32_t element;
        size_t n;
        bool nan;
        const char *text;
    } rows[] = {
        {GGUF_F32, BUILD_VOCAB, false, NULL},
        {GGUF_I32, BUILD_VOCAB, false,
         "^tokenizer.ggml.scores is of type array of i32 \\(allowed: array of f32\\)$"},
        {GGUF_F32, BUILD_VOCAB - 1, false,
         "^tokenizer.ggml.scores has 271 elements, but the vocabulary 272 tokens$"},
        {GGUF_F32, BUILD_VOCAB, true, "^the score of token 7 is NaN$"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        static struct build b;
        struct buf bytes;
        struct error err = {0};
        float scores[BUILD_VOCAB] = {0};
        scores[7] = rows[i].nan ? NAN : 0;
        build_llama(&b);
        build_string(&b, "tokenizer.ggml.model", "llama");
        build_array4(&b, "tokenizer.ggml.scores", rows[i].element, scores, rows[i].n);
        buf_init(&bytes, 0);
        build_bytes(&b, &bytes);
        struct model *m = model_from_memory(bytes.data, bytes.len, name, &err);
        assert_int_equal(m == NULL, rows[i].text != NULL);
        if (rows[i].text)
            assert_match("gguf-scores-int8", rows[i].text, err.text);
        model_close(m);
        buf_release(&bytes);
        build_release(&b);
    }
}

/* ---- sound files ---- */

static void test_sound_file(void **state)
{
    (void)state;
    static const uint32_t alignments[] = {8, 32, 64, 4096, 65536};
    for (size_t i = 0; i < COUNT(alignments); i++) {
        for (uint32_t version = 2; version <= 3; version++) {
            static struct build b;
            struct buf bytes;
            struct error err = {0};
            build_llama(&b);
            b.version = version;
            b.alignment = alignments[i];
            build_u32(&b, ALIGN, alignments[i]);
            buf_init(&bytes, 0);
            build_bytes(&b, &bytes);
            struct model *m = model_from_memory(bytes.data, bytes.len, name, &err);
            if (!m)
                fail_msg("%s", err.text);
            assert_string_equal(model_info(m)->name, "small");
            assert_string_equal(model_info(m)->chat, "chatml");
            assert_string_equal(model_info(m)->tokenizer, "gpt-2");
            assert_int_equal(model_check_weights(m, &err), 0);
            assert_true(model_is_end(m, 2) && model_is_end(m, 0) && !model_is_end(m, 1));
            model_close(m);
            buf_release(&bytes);
            build_release(&b);
        }
    }
}

/* Linear scaling, a sliding window and biases are taken as they are meant. */
static void test_variants(void **state)
{
    (void)state;
    static struct build b;
    struct buf bytes;
    struct error err = {0};
    build_llama(&b);
    build_string(&b, "llama.rope.scaling.type", "linear");
    build_f32(&b, "llama.rope.scaling.factor", 4);
    build_u32(&b, "llama.attention.sliding_window", 48);
    for (int i = 0; i < 2; i++) {
        char text[64];
        snprintf(text, sizeof text, "blk.%d.attn_q.bias", i);
        struct build_tensor *t = build_tensor(&b, text, WEIGHT_F32, 32, 1);
        for (size_t k = 0; k < 32; k++)
            ((float *)(void *)t->data)[k] = (float)k;
    }
    buf_init(&bytes, 0);
    build_bytes(&b, &bytes);
    struct model *m = model_from_memory(bytes.data, bytes.len, name, &err);
    if (!m)
        fail_msg("%s", err.text);
    assert_int_equal(model_config(m)->context, 48);
    for (int i = 0; i < 8; i++)
        assert_true(model_config(m)->rope_freqs[i] == 4);
    /* Head 1, first half, element 3 is the file's element 16 + 2 * 3; second half one
     * more. */
    float bias[32];
    weight_row(&model_weights(m)->layers[1].bq, 0, bias);
    assert_true(bias[0] == 0 && bias[1] == 2 && bias[8] == 1 && bias[9] == 3);
    assert_true(bias[16 + 3] == 16 + 6 && bias[16 + 8 + 3] == 16 + 7);
    assert_null(model_weights(m)->layers[0].bk.data);
    model_close(m);
    buf_release(&bytes);
    build_release(&b);

    /* A bias in one layer only is half a network. */
    build_llama(&b);
    build_tensor(&b, "blk.1.attn_q.bias", WEIGHT_F32, 32, 1);
    buf_init(&bytes, 0);
    build_bytes(&b, &bytes);
    assert_null(model_from_memory(bytes.data, bytes.len, name, &err));
    assert_string_equal(err.text, "the tensor blk.%d.attn_q.bias is in 1 of 2 layers");
    buf_release(&bytes);
    build_release(&b);
}

/* The same tensors under another architecture's name: what that one needs is asked for.
 */
static void test_needed_tensors(void **state)
{
    (void)state;
    static const struct {
        const char *arch, *text;
    } rows[] = {
        {"qwen2", "^the tensor blk.0.attn_q.bias is missing \\(expected 32 x 1\\)$"},
        {"qwen3",
         "^the tensor blk.0.attn_q_norm.weight is missing \\(expected 16 x 1\\)$"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        static struct build b;
        struct buf bytes;
        struct error err = {0};
        build_llama(&b);
        build_string(&b, "general.architecture", rows[i].arch);
        for (size_t k = 0; k < b.n_values; k++)
            if (strncmp(b.values[k].key, "llama", 5) == 0)
                memcpy(b.values[k].key, rows[i].arch, 5);
        buf_init(&bytes, 0);
        build_bytes(&b, &bytes);
        assert_null(model_from_memory(bytes.data, bytes.len, name, &err));
        assert_match(rows[i].arch, rows[i].text, err.text);
        buf_release(&bytes);
        build_release(&b);
    }
}

/* gguf-nan-scale */
static void test_nan_scale(void **state)
{
    (void)state;
    static struct build b;
    struct buf bytes;
    struct error err = {0};
    build_llama(&b);
    struct build_tensor *t = build_tensor_find(&b, "blk.1.attn_k.weight");
    t->data[18 * 3 + 1] = 0x7c; /* Q4_0: the scale of blocks 3 and 9 is infinite */
    t->data[18 * 9 + 1] = 0xfd;
    buf_init(&bytes, 0);
    build_bytes(&b, &bytes);
    struct model *m = model_from_memory(bytes.data, bytes.len, name, &err);
    assert_non_null(m);
    assert_int_equal(model_check_weights(m, &err), -1);
    assert_string_equal(err.text,
                        "tensor blk.1.attn_k.weight holds 64 weights that are NaN or "
                        "infinite, the first at index 96");
    assert_int_equal(err.byte, t->data_at);
    struct pool *pool = pool_new(1);
    const struct engine_options options = {0};
    struct error again = {0};
    assert_null(engine_new(m, pool, &options, &again));
    assert_string_equal(again.text, err.text);
    pool_free(pool);
    model_close(m);
    buf_release(&bytes);
    build_release(&b);
}

/* Any integer type serves that holds the value; nothing else does. */
static void test_accessors(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint32_t type;
        uint64_t bits;
        size_t size;
        int got;
        uint32_t value;
        const char *text;
    } rows[] = {
        {"a", GGUF_U8, 255, 1, 1, 255, NULL},
        {"b", GGUF_U16, 65535, 2, 1, 65535, NULL},
        {"c", GGUF_U32, UINT32_MAX, 4, 1, UINT32_MAX, NULL},
        {"d", GGUF_U64, 7, 8, 1, 7, NULL},
        {"e", GGUF_I8, 127, 1, 1, 127, NULL},
        {"f", GGUF_I16, 300, 2, 1, 300, NULL},
        {"g", GGUF_I32, INT32_MAX, 4, 1, INT32_MAX, NULL},
        {"h", GGUF_I64, 1ull << 31, 8, 1, 1u << 31, NULL},
        {"i", GGUF_I8, 0xff, 1, -1, 0, "^i is -1 \\(allowed 0..4294967295\\)$"},
        {"j", GGUF_I16, 0x8000, 2, -1, 0, "^j is -32768 "},
        {"k", GGUF_I32, 0xfffffffe, 4, -1, 0, "^k is -2 "},
        {"l", GGUF_I64, UINT64_MAX, 8, -1, 0, "^l is -1 "},
        {"m", GGUF_U64, 1ull << 32, 8, -1, 0, "^m is 4294967296 "},
        {"n", GGUF_F32, 0, 4, -1, 0, "^n is of type f32 \\(allowed: an integer\\)$"},
        {"o", GGUF_BOOL, 1, 1, -1, 0, "^o is of type bool "},
        {"p", GGUF_F64, 0x3ff8000000000000, 8, -1, 0, "^p is of type f64 "},
    };
    static struct build b;
    struct buf bytes;
    struct error err = {0};
    struct gguf g;
    build_init(&b);
    for (size_t i = 0; i < COUNT(rows); i++)
        build_value(&b, rows[i].key, rows[i].type, &rows[i].bits, rows[i].size);
    build_string(&b, "text", "some");
    buf_init(&bytes, 0);
    build_bytes(&b, &bytes);
    bytes.len =
        b.values[b.n_values - 1].at + 8 + 4 + 4 + 8 + 4; /* no padding without tensors */
    if (gguf_parse(&g, bytes.data, bytes.len, name, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t value = 0;
        assert_int_equal(gguf_get_u32(&g, rows[i].key, &value, &err), rows[i].got);
        assert_int_equal(value, rows[i].value);
        if (rows[i].text)
            assert_match(rows[i].key, rows[i].text, err.text);
        assert_string_equal(gguf_type_name(rows[i].type),
                            gguf_type_name(gguf_find(&g, rows[i].key)->type));
    }
    double real = 0;
    bool flag = false;
    struct gguf_string text;
    const struct gguf_value *array;
    assert_int_equal(gguf_get_f32(&g, "p", &real, &err), 1);
    assert_true(real == 1.5);
    assert_int_equal(gguf_get_f32(&g, "a", &real, &err), -1);
    assert_int_equal(gguf_get_bool(&g, "o", &flag, &err), 1);
    assert_true(flag);
    assert_int_equal(gguf_get_bool(&g, "a", &flag, &err), -1);
    assert_int_equal(gguf_get_string(&g, "text", &text, &err), 1);
    assert_true(text.len == 4 && memcmp(text.data, "some", 4) == 0);
    assert_int_equal(gguf_get_string(&g, "a", &text, &err), -1);
    assert_int_equal(gguf_get_array(&g, "text", GGUF_I32, &array, &err), -1);
    assert_string_equal(err.text, "text is of type string (allowed: array of i32)");
    assert_int_equal(gguf_get_string(&g, "no such", &text, &err), 0);
    assert_null(gguf_find(&g, "tex"));
    assert_null(gguf_find(&g, "texts"));
    assert_null(gguf_tensor(&g, "a"));
    assert_string_equal(gguf_type_name(99), "unknown");
    gguf_release(&g);
    buf_release(&bytes);
    build_release(&b);
}

/* ---- every cut, every bit of the header ---- */

/* The bytes are copied so that reading one byte too many is seen by the sanitizer. */
static struct model *open_copy(const uint8_t *data, size_t len, struct error *err,
                               uint8_t **copy)
{
    *copy = malloc(len ? len : 1);
    memcpy(*copy, data, len);
    return model_from_memory(*copy, len, name, err);
}

static void test_truncated(void **state)
{
    (void)state;
    static struct build b;
    struct buf bytes;
    build_llama(&b);
    buf_init(&bytes, 0);
    build_bytes(&b, &bytes);
    const size_t header = b.tensors[0].data_at;
    for (size_t len = 0; len < bytes.len; len += len < header ? 1 : 61) {
        struct error err = {0};
        uint8_t *copy;
        struct model *m = open_copy((const uint8_t *)bytes.data, len, &err, &copy);
        if (m)
            fail_msg("cut at %zu of %zu the file opens", len, bytes.len);
        assert_in_range(err.byte, 0, len);
        assert_true(err.text[0]);
        if (len >= header)
            assert_match("gguf-truncated",
                         "ends at byte [0-9]+, but the file has .* missing", err.text);
        free(copy);
    }
    buf_release(&bytes);
    build_release(&b);
}

static void test_flipped_bits(void **state)
{
    (void)state;
    static struct build b;
    struct buf bytes;
    build_llama(&b);
    buf_init(&bytes, 0);
    build_bytes(&b, &bytes);
    const size_t header = b.tensors[0].data_at;
    uint8_t *data = (uint8_t *)bytes.data;
    size_t opened = 0, refused = 0;
    for (size_t bit = 0; bit < 8 * header; bit++) {
        struct error err = {0};
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct model *m = model_from_memory(data, bytes.len, name, &err);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (m) {
            /* Then it must be usable, whatever its texts say. */
            struct tokens ids = {0};
            (void)model_encode(m, "hello 12 \xff", 10, &ids, NULL);
            tokens_release(&ids);
            opened++;
        } else {
            assert_true(err.text[0]);
            assert_in_range(err.byte, 0, bytes.len);
            assert_printable("flip", &err);
            refused++;
        }
        model_close(m);
    }
    assert_true(opened > 0 && refused > opened);
    buf_release(&bytes);
    build_release(&b);
}

/* ---- files on the disk ---- */

struct place {
    char dir[64];
    char *path;
};

static void place_make(struct place *p)
{
    snprintf(p->dir, sizeof p->dir, "/tmp/rlaif-gguf-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->path = path_join(p->dir, "model.gguf");
}

static void place_remove(struct place *p)
{
    unlink(p->path);
    free(p->path);
    assert_int_equal(rmdir(p->dir), 0);
}

static void write_model(const char *path)
{
    static struct build b;
    struct buf bytes;
    struct error err = {0};
    build_llama(&b);
    build_remove(&b, "general.name");
    buf_init(&bytes, 0);
    build_bytes(&b, &bytes);
    if (file_put(path, bytes.data, bytes.len, &err))
        fail_msg("%s", err.text);
    buf_release(&bytes);
    build_release(&b);
}

static void refuse(const char *path, const char *text)
{
    struct error err = {0};
    const double start = cpu_seconds();
    assert_null(model_open(path, NULL, &err));
    assert_true(cpu_seconds() - start < cpu_limit(1));
    assert_match(path, text, err.text);
}

static void test_file_kinds(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    refuse(p.dir, "^not a regular file$");
    refuse("/dev/zero", "^not a regular file$");
    refuse(p.path, "No such file");
    assert_int_equal(mkfifo(p.path, 0600), 0);
    refuse(p.path, "^not a regular file$");
    unlink(p.path);
    const int s = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", p.path);
    assert_int_equal(bind(s, (const struct sockaddr *)&address, sizeof address), 0);
    refuse(p.path, "^(not a regular file|cannot open.*)");
    close(s);
    unlink(p.path);
    write_model(p.path);
    if (geteuid() != 0) { /* root reads anything */
        chmod(p.path, 0);
        refuse(p.path, "Permission denied");
    }
    assert_int_equal(truncate(p.path, 0), 0);
    refuse(p.path, "the file is empty");
    place_remove(&p);
}

/* gguf-changing */
static void test_changed_file(void **state)
{
    (void)state;
    struct place p;
    struct error err = {0};
    place_make(&p);
    for (int how = 0; how < 4; how++) {
        write_model(p.path);
        struct model *m = model_open(p.path, NULL, &err);
        if (!m)
            fail_msg("%s", err.text);
        assert_string_equal(model_info(m)->name, "model");
        size_t size;
        struct stat st;
        assert_int_equal(stat(p.path, &st), 0);
        assert_non_null(model_range(m, &size));
        assert_int_equal(size, st.st_size);
        assert_int_equal(model_file_changed(m, &err), 0);
        if (how == 0) {
            assert_int_equal(truncate(p.path, st.st_size - 4096), 0);
        } else if (how == 1) {
            assert_int_equal(truncate(p.path, st.st_size + 1), 0);
        } else if (how == 2) {
            const struct timespec times[2] = {{1, 0}, {1, 0}};
            assert_int_equal(utimensat(AT_FDCWD, p.path, times, 0), 0);
        } else {
            write_model(p.path); /* renamed over it: the old bytes stay mapped */
        }
        static const char *const texts[] = {"it shrank", "it grew", "it was written",
                                            "another file has its name|it was written"};
        assert_int_equal(model_file_changed(m, &err), -1);
        assert_match("gguf-changing", "^the file changed during use: ", err.text);
        assert_match("gguf-changing", texts[how], err.text);
        assert_string_equal(err.file, p.path);
        model_close(m);
    }
    place_remove(&p);
}

static void test_hash_cache(void **state)
{
    (void)state;
    struct place p;
    struct error err = {0};
    char hash[65], again[65];
    place_make(&p);
    write_model(p.path);
    char *cache = path_join(p.dir, "cache"), *list = path_join(cache, "model-hashes");
    struct model *m = model_open(p.path, cache, &err);
    assert_non_null(m);
    assert_string_equal(model_info(m)->sha256, "");
    assert_int_equal(model_sha256(m, hash, &err), 0);
    uint8_t expected[32];
    assert_int_equal(file_sha256(p.path, expected, &err), 0);
    hash_hex(expected, again);
    assert_string_equal(hash, again);
    model_close(m);

    m = model_open(p.path, cache, &err);
    assert_string_equal(model_info(m)->sha256, hash);
    model_close(m);

    /* Another time stamp: the line says nothing about this file. */
    const struct timespec times[2] = {{5, 0}, {5, 0}};
    assert_int_equal(utimensat(AT_FDCWD, p.path, times, 0), 0);
    m = model_open(p.path, cache, &err);
    assert_string_equal(model_info(m)->sha256, "");
    assert_int_equal(model_sha256(m, again, &err), 0);
    assert_string_equal(again, hash);
    model_close(m);

    /* One line a file, and rubbish in the list is as good as nothing. */
    struct buf text;
    buf_init(&text, 0);
    assert_int_equal(file_read(list, 1 << 20, 0, &text, &err), 0);
    size_t lines = 0;
    for (const char *c = buf_str(&text); *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 1);
    static const char *const rubbish[] = {"", "\n\n\n", "abc", "\0\0", "zz 1 2 3\n"};
    for (size_t i = 0; i < COUNT(rubbish); i++) {
        assert_int_equal(file_put(list, rubbish[i], strlen(rubbish[i]), &err), 0);
        m = model_open(p.path, cache, &err);
        assert_string_equal(model_info(m)->sha256, "");
        assert_int_equal(model_sha256(m, again, &err), 0);
        model_close(m);
        m = model_open(p.path, cache, &err);
        assert_string_equal(model_info(m)->sha256, hash);
        model_close(m);
    }
    buf_release(&text);
    unlink(list);
    rmdir(cache);
    free(list);
    free(cache);
    place_remove(&p);
}

/* ---- work ---- */

/* Files made so that a careless reader would take the square of their size. */
static void test_no_squares(void **state)
{
    (void)state;
    enum { N = 60000 };
    static struct build b;
    struct buf bytes;
    struct error err = {0};
    build_llama(&b);
    /* Each merge makes a control token: looked up among N of them. */
    const char **tokens = xcalloc(2 * N, sizeof *tokens),
               **merges = xcalloc(N, sizeof *merges);
    char *texts = xcalloc(N, 32);
    int32_t *kinds = xcalloc(2 * N, sizeof *kinds);
    for (size_t i = 0; i < N; i++) {
        char *text = texts + 32 * i;
        snprintf(text, 32, "%05zu %05zu", i, i);
        merges[i] = text;
        snprintf(text + 12, 8, "%05zu", i);
        snprintf(text + 18, 14, "%05zu%05zu", i, i);
        tokens[i] = text + 12;
        tokens[N + i] = text + 18;
        kinds[i] = PIECE_NORMAL;
        kinds[N + i] = PIECE_CONTROL;
    }
    build_strings(&b, TOKENS, tokens, 2 * N);
    build_array4(&b, TYPES, GGUF_I32, kinds, 2 * N);
    build_strings(&b, MERGES, merges, N);
    build_remove_tensor(&b, "token_embd.weight");
    build_tensor(&b, "token_embd.weight", WEIGHT_Q4_0, 32, 2 * N);
    /* A template that begins a system message again and again, and ends it once, far
     * away. */
    struct buf template;
    buf_init(&template, 0);
    for (size_t i = 0; i < N; i++)
        buf_adds(&template, "<|im_start|>system\n");
    buf_adds(&template, "<|im_end|>");
    build_string(&b, "tokenizer.chat_template", buf_str(&template));
    buf_init(&bytes, 0);
    build_bytes(&b, &bytes);
    const double start = cpu_seconds();
    struct model *m = model_from_memory(bytes.data, bytes.len, name, &err);
    /* takes 20 ms; the square would be minutes */
    assert_true(cpu_seconds() - start < cpu_limit(5));
    if (!m)
        fail_msg("%s", err.text);
    model_close(m);
    buf_release(&template);
    buf_release(&bytes);
    build_release(&b);
    free(kinds);
    free(texts);
    free(merges);
    free(tokens);
}

/* ---- memory ---- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static long peak_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %ld kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

/* A header of short tokens, many keys or many tensors: the smallest entries for what we
 * keep of each. */
static void write_large(const char *path, int kind, size_t *header)
{
    static struct build b;
    struct buf bytes;
    build_llama(&b);
    enum { N = 400000 };
    char *texts = xcalloc(N, 8);
    const char **tokens = xcalloc(N, sizeof *tokens);
    for (size_t i = 0; i < N; i++) {
        tokens[i] = texts + 8 * i;
        snprintf(texts + 8 * i, 8, "%zx", i);
    }
    if (kind == 0)
        build_strings(&b, TOKENS, tokens, N);
    else
        build_strings(&b, MERGES, tokens, N);
    if (kind == 0) {
        build_remove(&b, TYPES);
        build_remove_tensor(&b, "token_embd.weight");
        build_tensor(&b, "token_embd.weight", WEIGHT_Q4_0, 32, N);
    }
    free(tokens);
    free(texts);
    buf_init(&bytes, 0);
    build_bytes(&b, &bytes);
    *header = b.tensors[0].data_at;
    assert_int_equal(file_put(path, bytes.data, bytes.len, NULL), 0);
    buf_release(&bytes);
    build_release(&b);
}

static void test_memory(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    for (int kind = 0; kind < 2; kind++) {
        size_t header;
        const pid_t writer = fork();
        if (writer == 0) { /* so that this process stays small */
            write_large(p.path, kind, &header);
            _exit(0);
        }
        int status;
        waitpid(writer, &status, 0);
        assert_int_equal(status, 0);
        struct stat st;
        assert_int_equal(stat(p.path, &st), 0);
        const pid_t child = fork();
        if (child == 0) {
            const long before = peak_kib();
            struct error err = {0};
            const double start = cpu_seconds();
            struct model *m = model_open(p.path, NULL, &err);
            const long used = peak_kib() - before;
            const bool slow = cpu_seconds() - start > cpu_limit(1);
            /* tokens: 8 + 5 bytes each at least; both kinds have more than 5 MB of header
             */
            _exit(m || slow || used > 4 * 5200 + 16 * 1024 ? 1 : 0);
        }
        waitpid(child, &status, 0);
        assert_int_equal(status, 0);
    }
    place_remove(&p);
}
#else
static void test_memory(void **state)
{
    (void)state;
    skip(); /* the sanitizer's own memory would be measured */
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_hint),     cmocka_unit_test(test_bad_scores),
        cmocka_unit_test(test_sound_file),     cmocka_unit_test(test_variants),
        cmocka_unit_test(test_needed_tensors), cmocka_unit_test(test_nan_scale),
        cmocka_unit_test(test_accessors),      cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped_bits),   cmocka_unit_test(test_file_kinds),
        cmocka_unit_test(test_changed_file),   cmocka_unit_test(test_hash_cache),
        cmocka_unit_test(test_no_squares),     cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("model file", tests, NULL, NULL);
}
