/*
 * Model directories and GGUF files that we write: read back they are the same network to the bit,
 * the same vocabulary and the same log-probs; broken directories are refused by field or tensor.
 */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "models/engine.h"
#include "models/formula.h"
#include "models/gguf_write.h"
#include "models/hf.h"
#include "models/learn.h"
#include "models/quant.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"

static const char *const words[] = {"my", "sister", "broke", "the", "phone", ".", "what", "?"};

struct made {
    struct formula_net net;
    struct vocab vocab;
    float score[32];
    struct weight head;
    char *root, *dir, *gguf; /* dir and gguf stand in root */
};

static void made_init(struct made *made, const char *arch, bool own_head)
{
    const struct vocab_options options = {.size = 0};
    struct formula_shape shape = {.n_layers = 2, .width = 32, .n_heads = 4, .n_kv_heads = 2,
                                  .head_dim = 8, .ffn = 48, .context = 64, .rope_base = 12345.5,
                                  .norm_eps = 3e-6, .own_head = own_head,
                                  .biases = strcmp(arch, "qwen2") == 0,
                                  .head_norms = strcmp(arch, "qwen3") == 0};
    char name[] = "/tmp/rlaif-hf-XXXXXX";
    struct error err;
    assert_non_null(mkdtemp(name));
    *made = (struct made){.root = xstrdup(name), .dir = path_join(name, "pocket.v1"),
                          .gguf = path_join(name, "pocket.gguf")};
    if (vocab_from_words(&made->vocab, words, 8, &options, &err))
        fail_msg("%s", err.text);
    shape.vocab = (int)made->vocab.n_pieces;
    formula_init(&made->net, &shape, false);
    snprintf(made->net.config.arch, sizeof made->net.config.arch, "%s", arch);
    for (int i = 0; i < 32; i++)
        made->score[i] = (float)(i - 7) / 16;
    made->head = (struct weight){.format = weight_format(WEIGHT_F32),
                                 .data = (const uint8_t *)made->score, .rows = 1, .cols = 32,
                                 .row_bytes = sizeof made->score};
}

static char *in_dir(const struct made *made, const char *name)
{
    return path_join(made->dir, name);
}

static void made_release(struct made *made)
{
    static const char *const names[] = {"config.json", "model.safetensors", "tokenizer.json",
                                        "tokenizer_config.json", "generation_config.json",
                                        "model.safetensors.index.json", "chat_template.jinja"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = in_dir(made, names[i]);
        unlink(path);
        free(path);
    }
    rmdir(made->dir);
    unlink(made->gguf);
    char *kernel = path_join(made->root, "blis-kernel");
    unlink(kernel);
    free(kernel);
    assert_int_equal(rmdir(made->root), 0);
    free(made->root);
    free(made->dir);
    free(made->gguf);
    vocab_release(&made->vocab);
    formula_release(&made->net);
}

static void write_dir(const struct made *made, bool score)
{
    const struct st_note notes[] = {{"rlaif.run", "sft-1"}, {"rlaif.step", "200"}};
    const struct hf_export what = {.config = &made->net.config, .weights = &made->net.weights,
                                   .vocab = &made->vocab, .score = score ? &made->head : NULL,
                                   .notes = notes, .n_notes = 2};
    struct error err = {0};
    if (hf_write(made->dir, &what, &err))
        fail_msg("%s", err.text);
}

static void write_gguf(const struct made *made)
{
    const struct gguf_export what = {.config = &made->net.config, .weights = &made->net.weights,
                                     .vocab = &made->vocab, .name = "pocket"};
    struct error err = {0};
    if (gguf_write(made->gguf, &what, &err))
        fail_msg("%s", err.text);
}

static struct model *open_model(const char *path)
{
    struct error err = {0};
    struct model *m = model_open(path, NULL, &err);
    if (!m) {
        char line[1024];
        error_format(&err, line, sizeof line);
        fail_msg("%s", line);
    }
    return m;
}

/* ---- the same network ---- */

static void assert_same_weight(const char *name, const struct weight *a, const struct weight *b)
{
    if ((a->data == NULL) != (b->data == NULL))
        fail_msg("%s is in one network only", name);
    if (!a->data)
        return;
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->cols, b->cols);
    float *x = xmalloc(2 * a->cols * sizeof *x), *y = x + a->cols;
    for (size_t r = 0; r < a->rows; r++) {
        weight_row(a, r, x);
        weight_row(b, r, y);
        if (memcmp(x, y, a->cols * sizeof *x) != 0)
            fail_msg("%s differs in row %zu", name, r);
    }
    free(x);
}

static void assert_same_network(const struct made *made, const struct model *m)
{
    const struct tf_config *a = &made->net.config, *b = model_config(m);
    assert_string_equal(a->arch, b->arch);
    assert_int_equal(a->n_layers, b->n_layers);
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->n_heads, b->n_heads);
    assert_int_equal(a->n_kv_heads, b->n_kv_heads);
    assert_int_equal(a->head_dim, b->head_dim);
    assert_int_equal(a->ffn, b->ffn);
    assert_int_equal(a->vocab, b->vocab);
    assert_int_equal(a->context, b->context);
    assert_true((float)a->rope_base == (float)b->rope_base);
    assert_true((float)a->norm_eps == (float)b->norm_eps);
    assert_int_equal(a->tied, b->tied);
    for (size_t r = 0; r < tensor_table_len; r++) {
        const struct tensor_row *row = &tensor_table[r];
        for (int i = 0; i < (row->in_layer ? a->n_layers : 1); i++) {
            const uint8_t *x = row->in_layer ? (const uint8_t *)&made->net.weights.layers[i]
                                             : (const uint8_t *)&made->net.weights;
            const uint8_t *y = row->in_layer ? (const uint8_t *)&model_weights(m)->layers[i]
                                             : (const uint8_t *)model_weights(m);
            assert_same_weight(row->name,
                               (const struct weight *)(const void *)(x + row->offset),
                               (const struct weight *)(const void *)(y + row->offset));
        }
    }
}

static void assert_same_vocab(const struct made *made, const struct model *m)
{
    uint8_t want[32], got[32];
    struct vocab v;
    struct error err;
    assert_int_equal(model_vocab(m, &v, &err), 0);
    vocab_hash(&made->vocab, want);
    vocab_hash(&v, got);
    assert_memory_equal(want, got, 32);
    vocab_release(&v);
    assert_int_equal(model_bos(m), 0);
    assert_true(model_is_end(m, 1));
    assert_false(model_is_end(m, 2));
}

static const struct {
    const char *arch;
    bool own_head;
} kinds[] = {{"llama", false}, {"llama", true}, {"qwen2", false}, {"qwen3", true}};

static void a_directory_reads_back_to_the_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct made made;
        struct error err;
        char hash[65];
        made_init(&made, kinds[i].arch, kinds[i].own_head);
        write_dir(&made, false);
        struct model *m = open_model(made.dir);
        assert_same_network(&made, m);
        assert_same_vocab(&made, m);
        assert_null(model_score(m));
        assert_string_equal(model_note(m, "rlaif.run"), "sft-1");
        assert_string_equal(model_note(m, "format"), "pt");
        assert_null(model_note(m, "none"));
        assert_string_equal(model_info(m)->name, "pocket.v1");
        assert_string_equal(model_info(m)->file_type, "F32");
        assert_string_equal(model_info(m)->tokenizer, "words");
        assert_int_equal(model_check_weights(m, &err), 0);
        assert_int_equal(model_sha256(m, hash, &err), 0);
        assert_int_equal(strlen(hash), 64);
        assert_int_equal(model_file_changed(m, &err), 0);
        write_dir(&made, false); /* over itself, while it is open */
        assert_int_equal(model_file_changed(m, &err), -1);
        assert_same_network(&made, m);
        model_close(m);
        made_release(&made);
    }
}

static void a_gguf_export_reads_back_to_the_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct made made;
        made_init(&made, kinds[i].arch, kinds[i].own_head);
        write_gguf(&made);
        struct model *m = open_model(made.gguf);
        assert_same_network(&made, m);
        assert_same_vocab(&made, m);
        assert_string_equal(model_info(m)->title, "pocket");
        model_close(m);
        made_release(&made);
    }
}

/* ---- the same log-probs ---- */

static bool no_end(const void *arg, int32_t id)
{
    (void)arg;
    (void)id;
    return false;
}

static void no_text(const void *arg, int32_t id, struct buf *out)
{
    (void)arg;
    (void)id;
    (void)out;
}

static void score(struct engine *engine, double out[6])
{
    static const int32_t ids[] = {0, 259, 260, 261, 262, 263, 264};
    struct score_request request = {.prompt = {ids, 7}, .all = true, .first_scored = 1};
    struct score_result result = {.token_logprobs = out};
    struct error err = {0};
    assert_non_null(engine);
    if (engine_score(engine, POOL_PROBE, &request, &result, 1, NULL, &err))
        fail_msg("%s", err.text);
}

static void exports_give_the_same_logprobs(void **state)
{
    (void)state;
    struct made made;
    struct error err = {0};
    double direct[6], dir[6], gguf[6];
    made_init(&made, "llama", false);
    write_dir(&made, false);
    write_gguf(&made);
    const struct engine_options options = {.cache_dir = made.root}; /* one kernel for all */
    const struct engine_text text = {no_end, no_text, NULL};
    struct pool *pool = pool_new(1);
    struct model *models[2] = {open_model(made.dir), open_model(made.gguf)};
    struct engine *engines[3] = {engine_create(&made.net.config, &made.net.weights, text, pool,
                                               &options, &err),
                                 engine_new(models[0], pool, &options, &err),
                                 engine_new(models[1], pool, &options, &err)};
    score(engines[0], direct);
    score(engines[1], dir);
    score(engines[2], gguf);
    assert_true(direct[0] < 0 && direct[0] > -30);
    assert_memory_equal(direct, dir, sizeof dir);
    for (int i = 0; i < 6; i++) /* a GGUF file has the RoPE base and the epsilon as floats */
        assert_true(direct[i] - gguf[i] < 1e-5 && gguf[i] - direct[i] < 1e-5);
    for (int i = 0; i < 3; i++)
        engine_free(engines[i]);
    model_close(models[0]);
    model_close(models[1]);
    pool_free(pool);
    made_release(&made);
}

static void a_reward_model_keeps_its_head(void **state)
{
    (void)state;
    struct made made;
    struct error err;
    made_init(&made, "llama", true);
    write_dir(&made, true);
    char *path = in_dir(&made, "config.json");
    struct buf text;
    buf_init(&text, 0);
    assert_int_equal(file_read(path, 1 << 20, 0, &text, &err), 0);
    assert_non_null(strstr(text.data, "\"architectures\":[\"LlamaForSequenceClassification\"]"));
    assert_non_null(strstr(text.data, "\"num_labels\":1"));
    assert_non_null(strstr(text.data, "\"pad_token_id\":2"));
    assert_non_null(strstr(text.data, "\"eos_token_id\":1"));
    buf_release(&text);
    struct model *m = open_model(made.dir);
    assert_non_null(model_score(m));
    assert_same_weight("score", &made.head, model_score(m));
    assert_true(model_config(m)->tied); /* no head of its own is there */
    model_close(m);
    char *weights = in_dir(&made, "model.safetensors");
    struct safetensors st;
    assert_int_equal(safetensors_open(&st, weights, &err), 0);
    assert_null(safetensors_find(&st, "lm_head.weight"));
    assert_int_equal(safetensors_find(&st, "score.weight")->dims[0], 1);
    safetensors_release(&st);
    free(weights);
    free(path);
    made_release(&made);
}

/* A learner's flat buffer goes through a directory and into another learner: the same numbers. */
static void assert_learner_survives(bool scalar)
{
    struct made made;
    struct error err = {0};
    made_init(&made, "llama", false);
    const struct learner_options options = {.head = scalar ? LEARN_SCALAR : LEARN_LM,
                                            .cache_dir = made.root};
    struct pool *pool = pool_new(1);
    struct learner *a = learner_new(&made.net.config, &options, pool, &err);
    struct learner *b = learner_new(&made.net.config, &options, pool, &err);
    assert_non_null(a);
    assert_non_null(b);
    learner_init(a, 5, 0.1);
    const float *flat = learner_weights(a);
    const struct param *score = params_find(learner_params(a), "score.weight");
    assert_int_equal(score != NULL, scalar);
    if (scalar)
        made.head.data = (const uint8_t *)(flat + score->offset);
    const struct hf_export what = {.config = learner_config(a), .weights = learner_tf_weights(a),
                                   .vocab = &made.vocab, .score = scalar ? &made.head : NULL};
    if (hf_write(made.dir, &what, &err))
        fail_msg("%s", err.text);
    struct model *m = open_model(made.dir);
    if (learner_load(b, model_weights(m), 6, &err))
        fail_msg("%s", err.text);
    if (scalar)
        weight_row(model_score(m), 0, (float *)learner_weights(b) + score->offset);
    assert_memory_equal(flat, learner_weights(b), learner_params(a)->count * sizeof(float));
    model_close(m);
    learner_free(a);
    learner_free(b);
    pool_free(pool);
    made_release(&made);
}

static void a_learner_survives_a_directory(void **state)
{
    (void)state;
    assert_learner_survives(false);
    assert_learner_survives(true);
}

/* ---- broken directories ---- */

static json_t *load_json(const struct made *made, const char *name)
{
    char *path = in_dir(made, name);
    struct buf text;
    struct error err;
    buf_init(&text, 0);
    assert_int_equal(file_read(path, (size_t)1 << 24, 0, &text, &err), 0);
    json_t *value = json_parse(text.data, text.len, path, 1, &err);
    assert_non_null(value);
    buf_release(&text);
    free(path);
    return value;
}

static void put_text(const struct made *made, const char *name, const char *text)
{
    char *path = in_dir(made, name);
    struct error err;
    assert_int_equal(file_put(path, text, strlen(text), &err), 0);
    free(path);
}

static void assert_refused(const struct made *made, const char *what, const char *pattern)
{
    struct error err = {0};
    char line[1024];
    regex_t re;
    struct model *m = model_open(made->dir, NULL, &err);
    if (m)
        fail_msg("%s was not refused", what);
    error_format(&err, line, sizeof line);
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&re, line, 0, NULL, 0))
        fail_msg("%s: '%s' does not match '%s'", what, line, pattern);
    regfree(&re);
    for (const char *c = line; *c; c++)
        assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static const struct {
    const char *key, *value; /* value NULL: the key goes */
    const char *pattern;
} config_cases[] = {
    {"model_type", "\"gpt2\"",
     "config.json: model_type is \"gpt2\" \\(allowed: llama, qwen2, qwen3\\)"},
    {"model_type", NULL, "model_type is missing"},
    {"architectures", "[]", "architectures is \\[\\] "},
    {"architectures", "[\"GPT2LMHeadModel\"]", "allowed: \\[\"LlamaForCausalLM\"\\]"},
    {"hidden_size", "0", "hidden_size is 0 \\(allowed: a whole number, 1\\.\\.65536\\)"},
    {"hidden_size", "\"32\"", "hidden_size is \"32\""},
    {"hidden_size", "1e30", "hidden_size is 1e\\+?30"},
    {"hidden_size", NULL, "hidden_size is missing"},
    {"hidden_size", "36", "expected 267 x 36|expected 32 x 36|heads"},
    {"num_hidden_layers", "2147483647",
     "num_hidden_layers is 2147483647, but 20 tensors make at most 2 layers"},
    {"num_hidden_layers", "1",
     "the tensor model.layers.1.* is not part of a llama network of 1 layers"},
    {"num_attention_heads", "3", "does not divide num_attention_heads, 3"},
    {"num_key_value_heads", "3", "num_key_value_heads is 3, which does not divide"},
    {"num_key_value_heads", "4", "k_proj.weight is 16 x 32, expected 32 x 32"},
    {"head_dim", "7", "heads are 7 wide"},
    {"intermediate_size", "64", "gate_proj.weight is 48 x 32, expected 64 x 32"},
    {"vocab_size", "2", "embed_tokens.weight is 267 x 32, expected 2 x 32"},
    {"max_position_embeddings", "-1", "max_position_embeddings is -1"},
    {"hidden_act", "\"gelu\"", "hidden_act is \"gelu\" \\(allowed: silu\\)"},
    {"rms_norm_eps", NULL, "rms_norm_eps is missing"},
    {"rms_norm_eps", "0", "rms_norm_eps is 0 \\(allowed: a number"},
    {"rope_theta", "true", "rope_theta is true"},
    {"rope_scaling", "{\"rope_type\":\"yarn\"}",
     "rope_scaling is \"yarn\" \\(allowed: rope_type default\\)"},
    {"rope_parameters", "[1]", "rope_parameters is \\[1\\]"},
    {"attention_bias", "true", "attention_bias is true, which is not read"},
    {"quantization_config", "{\"bits\":4}",
     "quantization_config is \\{\"bits\":4\\}, which is not read"},
    {"partial_rotary_factor", "0.5", "partial_rotary_factor is 0.5"},
    {"tie_word_embeddings", "false", "the tensor lm_head.weight is missing"},
    {"tie_word_embeddings", "\"no\"", "tie_word_embeddings is \"no\""},
    {"bos_token_id", "9999",
     "bos_token_id is 9999 \\(allowed: a whole number, 0\\.\\.266\\)"},
    {"eos_token_id", "[1,-4]", "eos_token_id\\[1\\] is -4"},
    {"pad_token_id", "\"\\u001b[2J\"", "pad_token_id is \"..?u?001b|pad_token_id is"},
};

static void broken_configs_are_refused_by_field(void **state)
{
    (void)state;
    struct made made;
    made_init(&made, "llama", false);
    write_dir(&made, false);
    json_t *sound = load_json(&made, "config.json");
    for (size_t i = 0; i < sizeof config_cases / sizeof config_cases[0]; i++) {
        json_t *o = json_deep_copy(sound);
        struct buf text;
        if (config_cases[i].value)
            json_object_set_new(o, config_cases[i].key,
                                json_parse(config_cases[i].value, strlen(config_cases[i].value),
                                           "case", 1, NULL));
        else
            json_object_del(o, config_cases[i].key);
        buf_init(&text, 0);
        json_write(&text, o);
        put_text(&made, "config.json", text.data);
        buf_release(&text);
        json_decref(o);
        assert_refused(&made, config_cases[i].key, config_cases[i].pattern);
    }
    put_text(&made, "config.json", "{\"a\": }");
    assert_refused(&made, "cut", "config.json:1:");
    put_text(&made, "config.json", "[]");
    assert_refused(&made, "list", "the file is not a JSON object");
    json_decref(sound);
    made_release(&made);
}

static void broken_weights_are_refused_by_tensor(void **state)
{
    (void)state;
    struct made made;
    struct error err;
    made_init(&made, "llama", false);
    write_dir(&made, false);
    char *path = in_dir(&made, "model.safetensors");
    struct safetensors st;
    assert_int_equal(safetensors_open(&st, path, &err), 0);
    const size_t n = st.n_tensors;
    struct st_put puts[40];
    for (size_t i = 0; i < n; i++) {
        puts[i] = (struct st_put){.name = st.tensors[i].name, .type = st.tensors[i].type,
                                  .n_dims = st.tensors[i].n_dims, .data = st.tensors[i].data};
        memcpy(puts[i].dims, st.tensors[i].dims, sizeof puts[i].dims);
    }
    assert_int_equal(safetensors_write(path, puts, n - 1, NULL, 0, &err), 0);
    assert_refused(&made, "missing", "model.safetensors: byte 0x8: the tensor .* is missing");
    puts[n] = st_put_f32("model.layers.0.extra", made.score, 0, 4);
    assert_int_equal(safetensors_write(path, puts, n + 1, NULL, 0, &err), 0);
    assert_refused(&made, "extra", "the tensor model.layers.0.extra is not part of");
    /* A tied head that is not the embedding, as a trainer once wrote it. */
    puts[n] = st_put_weight("lm_head.weight", &made.net.weights.embed);
    assert_int_equal(safetensors_write(path, puts, n + 1, NULL, 0, &err), 0);
    struct model *m = open_model(made.dir);
    assert_same_network(&made, m);
    model_close(m);
    puts[n] = puts[0];
    puts[n].name = "lm_head.weight";
    float *other = xcalloc(267 * 32, sizeof *other);
    puts[n] = st_put_f32("lm_head.weight", other, 267, 32);
    assert_int_equal(safetensors_write(path, puts, n + 1, NULL, 0, &err), 0);
    assert_refused(&made, "tied", "lm_head.weight is not the embedding, but config.json says");
    puts[0].type = ST_I32;
    assert_int_equal(safetensors_write(path, puts, n, NULL, 0, &err), 0);
    assert_refused(&made, "type", "tensor .* has the type I32 \\(allowed: F32, F16, BF16\\)");
    assert_int_equal(truncate(path, 100), 0);
    assert_refused(&made, "cut", "model.safetensors: byte 0x");
    unlink(path);
    assert_refused(&made, "no weights", "model.safetensors: cannot open|No such file");
    safetensors_release(&st);
    free(other);
    free(path);
    made_release(&made);
}

static void an_index_cannot_lead_out_of_the_directory(void **state)
{
    static const struct {
        const char *json, *pattern;
    } cases[] = {
        {"{\"weight_map\":{\"a\":\"../../x\"}}",
         "weight_map\\['a'\\] is \"\\.\\./\\.\\./x\", which is no file name"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "which is no file name"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "which is no file name"},
        {"{\"weight_map\":{\"a\":7}}", "weight_map\\['a'\\] is 7, which is no file name"},
        {"{\"weight_map\":{\"a\":\"m1.safetensors\",\"b\":\"m2.safetensors\"}}",
         "the weights are in several files \\(m1.safetensors, m2.safetensors\\).*into "
         "one file"},
        {"{\"weight_map\":{\"a\":\"m1.safetensors\",\"a\":\"m1.safetensors\"}}",
         "duplicate object key"},
        {"{\"weight_map\":{\"a\":\"none.safetensors\"}}",
         "none.safetensors.*No such file"},
        {"{\"weight_map\":{}}", "weight_map is missing or empty"},
        {"[]", "not a JSON object"},
    };
    (void)state;
    struct made made;
    made_init(&made, "llama", false);
    write_dir(&made, false);
    char *path = in_dir(&made, "model.safetensors"), *other = in_dir(&made, "w.safetensors");
    assert_int_equal(rename(path, other), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_text(&made, "model.safetensors.index.json", cases[i].json);
        assert_refused(&made, cases[i].json, cases[i].pattern);
    }
    put_text(&made, "model.safetensors.index.json",
             "{\"weight_map\":{\"model.norm.weight\":\"w.safetensors\"}}");
    struct model *m = open_model(made.dir);
    assert_same_network(&made, m);
    model_close(m);
    unlink(other);
    free(other);
    free(path);
    made_release(&made);
}

static void more_rows_than_tokens_are_filled_up(void **state)
{
    (void)state;
    struct made made;
    made_init(&made, "llama", false);
    write_dir(&made, false);
    struct vocab v;
    const struct vocab_options options = {.size = 0};
    struct error err;
    struct buf json;
    assert_int_equal(vocab_from_words(&v, words, 6, &options, &err), 0);
    buf_init(&json, 0);
    assert_int_equal(vocab_write_json(&v, &json, &err), 0);
    put_text(&made, "tokenizer.json", json.data);
    struct model *m = open_model(made.dir);
    struct tokens ids = {0};
    assert_int_equal(model_encode(m, "my ?", 4, &ids, &err), 0);
    assert_int_equal(ids.n, 3); /* " ?" is spelled in bytes */
    tokens_release(&ids);
    model_close(m);
    vocab_release(&v);
    buf_release(&json);
    json_t *o = load_json(&made, "tokenizer.json");
    json_object_set_new(json_object_get(json_object_get(o, "model"), "vocab"), "more",
                        json_integer(265));
    json_object_set_new(json_object_get(json_object_get(o, "model"), "vocab"), "most",
                        json_integer(266));
    json_object_set_new(json_object_get(json_object_get(o, "model"), "vocab"), "last",
                        json_integer(267));
    buf_init(&json, 0);
    json_write(&json, o);
    put_text(&made, "tokenizer.json", json.data);
    assert_refused(&made, "tokens", "vocab_size is 267, but tokenizer.json has 268 tokens");
    buf_release(&json);
    json_decref(o);
    made_release(&made);
}

static void directories_of_other_things_are_left_alone(void **state)
{
    (void)state;
    struct made made;
    struct error err = {0};
    made_init(&made, "llama", false);
    const struct hf_export what = {.config = &made.net.config, .weights = &made.net.weights,
                                   .vocab = &made.vocab};
    write_dir(&made, false);
    char *other = in_dir(&made, "thesis.txt");
    assert_int_equal(file_put(other, "x", 1, &err), 0);
    assert_int_equal(hf_write(made.dir, &what, &err), -1);
    assert_non_null(strstr(err.text, "holds other files, such as thesis.txt"));
    assert_int_equal(unlink(other), 0);
    write_dir(&made, false);
    char *config = in_dir(&made, "config.json");
    unlink(config);
    assert_refused(&made, "empty", "not a regular file .*a directory with config.json");
    free(config);
    free(other);
    made_release(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_reads_back_to_the_bit),
        cmocka_unit_test(a_gguf_export_reads_back_to_the_bit),
        cmocka_unit_test(exports_give_the_same_logprobs),
        cmocka_unit_test(a_reward_model_keeps_its_head),
        cmocka_unit_test(a_learner_survives_a_directory),
        cmocka_unit_test(broken_configs_are_refused_by_field),
        cmocka_unit_test(broken_weights_are_refused_by_tensor),
        cmocka_unit_test(an_index_cannot_lead_out_of_the_directory),
        cmocka_unit_test(more_rows_than_tokens_are_filled_up),
        cmocka_unit_test(directories_of_other_things_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
