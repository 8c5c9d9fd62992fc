/* model open|list|info, show tokens|logits|config. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "config.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/rows.h"
#include "src/cmd/workbench.h"

/* ---- model ---- */

static json_t *model_json(const struct model_info *info, const char *command)
{
    return json_pack(
        "{ss so so so so so so so so sI sI si si si si si si si si}", "command", command, "name",
        json_text0(info->name), "arch", json_text0(info->arch), "file_type",
        json_text0(info->file_type), "path", json_text0(info->path), "sha256",
        info->sha256[0] ? json_text0(info->sha256) : json_null(), "tokenizer",
        json_text0(info->tokenizer), "chat", info->chat[0] ? json_text0(info->chat) : json_null(),
        "title", json_text0(info->title),
        "params", (json_int_t)info->params, "file_bytes", (json_int_t)info->file_bytes, "layers",
        info->n_layers, "width", info->width, "heads", info->n_heads, "kv_heads", info->n_kv_heads,
        "head_width", info->head_dim, "ffn", info->ffn, "vocabulary", info->vocab, "context",
        info->context);
}

static int run_model_open(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;

    if (jobs_active(wb->jobs)) {
        error_set(err, ERROR_FAILED, "jobs are running with the open model");
        return error_hint(err, "stop last ends the newest, wait last waits for it");
    }
    /* The old one stays when the new one cannot be read. */
    struct model *model = model_open(call->refs[0], wb->cache_dir, err);
    if (!model)
        return -1;
    engine_free(wb->engine);
    model_close(wb->model);
    wb->engine = NULL;
    wb->model = model;
    free(wb->model_path);
    char *absolute = realpath(call->refs[0], NULL);
    wb->model_path = absolute ? absolute : xstrdup(call->refs[0]);
    if (!wb->readonly && store_set_setting(wb->store, "model", wb->model_path, err) < 0)
        return -1;
    call->answer = model_json(model_info(model), "model open");
    return 0;
}

static void print_model(const json_t *answer, struct buf *out)
{
    const char *name = json_string_value(json_object_get(answer, "name"));
    text_sanitise(out, name, strlen(name), 0);
    buf_addf(out,
             ": %s, %lld layers, width %lld, %.1f M weights as %s, vocabulary %lld, "
             "context %lld\n",
             json_string_value(json_object_get(answer, "arch")),
             json_integer_value(json_object_get(answer, "layers")),
             json_integer_value(json_object_get(answer, "width")),
             (double)json_integer_value(json_object_get(answer, "params")) / 1e6,
             json_string_value(json_object_get(answer, "file_type")),
             json_integer_value(json_object_get(answer, "vocabulary")),
             json_integer_value(json_object_get(answer, "context")));
}

static int run_model_info(struct call *call, struct error *err)
{
    char sha256[65];
    struct model *model = workbench_model(call->wb, err);
    if (!model || model_sha256(model, sha256, err) < 0)
        return -1;
    call->answer = model_json(model_info(model), "model info");
    json_object_set_new(call->answer, "sha256", json_string(sha256));
    return 0;
}

/* GGUF files in the models folder. */
static int run_model_list(struct call *call, struct error *err)
{
    char *data = path_data_home(), *dir_path = data ? path_join(data, "models") : NULL;
    DIR *dir = dir_path ? opendir(dir_path) : NULL;
    struct dirent *entry;
    json_t *rows = json_array();

    (void)err;
    while (dir && (entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);
        if (len < 6 || strcmp(entry->d_name + len - 5, ".gguf") != 0)
            continue;
        char *path = path_join(dir_path, entry->d_name);
        bool open = call->wb->model_path && strcmp(path, call->wb->model_path) == 0;
        json_array_append_new(rows, json_pack("{sb so so}", "open", open, "model",
                                              json_text0(entry->d_name), "path", json_text0(path)));
        free(path);
    }
    if (dir)
        closedir(dir);
    free(dir_path);
    free(data);
    call->answer = json_pack("{ss so}", "command",
                             call->command->verb[0] == 'l' ? "list models" : "model list",
                             "rows", rows);
    return 0;
}

/* ---- tokens and logits ---- */

#define TEXT_FILE_MAX ((size_t)16 << 20)

/* The text of file= or text=. */
static int read_text(const struct call *call, struct buf *out, struct error *err)
{
    const char *file = call_get(call, "file"), *text = call_get(call, "text");

    buf_init(out, TEXT_FILE_MAX);
    if ((file == NULL) == (text == NULL))
        return error_set(err, ERROR_USAGE, "show %s wants file=FILE or text='..'",
                         call->command->noun);
    if (file)
        return file_read(file, TEXT_FILE_MAX, 0, out, err);
    buf_adds(out, text);
    return 0;
}

static int encode(const struct call *call, struct model *model, struct tokens *tokens,
                  struct error *err)
{
    struct buf text;
    int status = read_text(call, &text, err);
    if (status == 0) {
        const char *bos = call_get(call, "bos");
        if (bos && strcmp(bos, "on") == 0 && model_bos(model) >= 0)
            tokens_add(tokens, model_bos(model));
        status = model_encode(model, buf_str(&text), text.len, tokens, err);
    }
    buf_release(&text);
    return status;
}

static int run_show_tokens(struct call *call, struct error *err)
{
    struct model *model = workbench_model(call->wb, err);
    struct tokens tokens = {0};

    if (!model || encode(call, model, &tokens, err) < 0) {
        tokens_release(&tokens);
        return -1;
    }
    json_t *ids = json_array(), *texts = json_array();
    for (size_t i = 0; i < tokens.n; i++) {
        struct buf text;
        buf_init(&text, 0);
        model_decode(model, tokens.ids[i], true, &text);
        json_array_append_new(ids, json_integer(tokens.ids[i]));
        json_array_append_new(texts, json_text(buf_str(&text), text.len));
        buf_release(&text);
    }
    call->answer = json_pack("{ss sI so so}", "command", "show tokens", "n", (json_int_t)tokens.n,
                             "ids", ids, "texts", texts);
    tokens_release(&tokens);
    return 0;
}

static void print_tokens(const json_t *answer, struct buf *out)
{
    json_t *ids = json_object_get(answer, "ids"), *texts = json_object_get(answer, "texts");
    buf_addf(out, "%lld tokens\n", json_integer_value(json_object_get(answer, "n")));
    for (size_t i = 0; i < json_array_size(ids); i++) {
        json_t *text = json_array_get(texts, i);
        buf_addf(out, "%7lld  \"", json_integer_value(json_array_get(ids, i)));
        text_sanitise(out, json_string_value(text), json_string_length(text), 0);
        buf_adds(out, "\"\n");
    }
}

static json_t *top_json(struct model *model, const struct score_result *result, int n)
{
    json_t *top = json_array();
    for (int i = 0; i < n; i++) {
        struct buf text;
        buf_init(&text, 0);
        model_decode(model, result->top[i].id, true, &text);
        json_array_append_new(
            top,
            json_pack("{si so so so}", "id", (int)result->top[i].id, "logit",
                      json_number_or_null(result->top[i].logprob + result->logsumexp),
                      "logprob", json_number_or_null(result->top[i].logprob), "text",
                      json_text(buf_str(&text), text.len)));
        buf_release(&text);
    }
    return top;
}

static int run_show_logits(struct call *call, struct error *err)
{
    struct engine *engine = workbench_engine(call->wb, err);
    struct tokens tokens = {0};
    long top = 10;
    int status = -1;

    if (!engine || call_get_int(call, "top", 1, SCORE_TOP_MAX, &top, err) < 0 ||
        encode(call, call->wb->model, &tokens, err) < 0)
        goto out;
    if (tokens.n == 0) {
        error_set(err, ERROR_DATA, "an empty text has no next token");
        goto out;
    }
    double *logprobs = xcalloc(tokens.n, sizeof *logprobs);
    struct score_request request = {.prompt = {tokens.ids, tokens.n}, .n_top = (int)top,
                                    .all = tokens.n > 1, .first_scored = 1};
    struct score_result result = {.token_logprobs = logprobs};
    status = engine_score(engine, POOL_PROBE, &request, &result, 1, &call->wb->interrupt, err);
    if (status == 0) {
        json_t *each = json_array();
        double sum = 0;
        for (size_t i = 0; i + 1 < tokens.n; i++) {
            json_array_append_new(each, json_number_or_null(logprobs[i]));
            sum += logprobs[i];
        }
        call->answer = json_pack("{ss sI so so so so sI sI}", "command", "show logits", "n",
                                 (json_int_t)tokens.n, "logsumexp",
                                 json_number_or_null(result.logsumexp), "top",
                                 top_json(call->wb->model, &result, (int)top), "sum_logprob",
                                 json_number_or_null(sum), "logprobs", each, "computed",
                                 (json_int_t)result.computed, "reused", (json_int_t)result.reused);
    }
    free(logprobs);
out:
    tokens_release(&tokens);
    return status;
}

static void print_logits(const json_t *answer, struct buf *out)
{
    json_t *token;
    size_t i;

    buf_addf(out, "%lld tokens, log-probability of the text behind its first token %.4f\n",
             json_integer_value(json_object_get(answer, "n")),
             json_number_value(json_object_get(answer, "sum_logprob")));
    json_array_foreach(json_object_get(answer, "top"), i, token) {
        json_t *text = json_object_get(token, "text");
        buf_addf(out, "%7lld  logit %8.4f  log-prob %8.4f  \"",
                 json_integer_value(json_object_get(token, "id")),
                 json_number_value(json_object_get(token, "logit")),
                 json_number_value(json_object_get(token, "logprob")));
        text_sanitise(out, json_string_value(text), json_string_length(text), 0);
        buf_adds(out, "\"\n");
    }
}

/* ---- config ---- */

static int run_show_config(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    struct engine_info info = {0};
    struct rusage usage = {0};
    struct error own = {0};
    json_t *model_part = json_null();

    (void)err;
    if (workbench_engine(wb, &own)) {
        char sha256[65];
        engine_get_info(wb->engine, &info);
        json_decref(model_part);
        model_part = model_json(model_info(wb->model), "model");
        json_object_del(model_part, "command");
        if (model_sha256(wb->model, sha256, NULL) == 0)
            json_object_set_new(model_part, "sha256", json_string(sha256));
    } else {
        engine_build_info(wb->cache_dir, &info);
    }
    getrusage(RUSAGE_SELF, &usage);
    call->answer = json_pack(
        "{ss ss so s{ss ss ss} si ss s{sI sI sI sI sI} ss ss s{so so so so so}}", "command",
        "show config", "version", PACKAGE_VERSION, "model", model_part, "blis", "version",
        info.blis_version, "kernel", info.kernel, "chosen_by", info.chosen_by, "threads",
        pool_threads(wb->pool), "precision",
        wb->engine_options.precision == ENGINE_INT8 ? "int8" : "f32", "memory", "weights",
        (json_int_t)info.weight_bytes, "kv", (json_int_t)info.kv_bytes, "kv_limit",
        (json_int_t)info.kv_limit, "scratch", (json_int_t)info.scratch_bytes, "peak",
        (json_int_t)usage.ru_maxrss * 1024, "simd", info.simd, "self_test",
        wb->engine ? info.self_test : "not run: there is no model", "paths", "workspace",
        json_text0(wb->dir), "store", json_text0(store_path(wb->store)), "prompts",
        json_text0(wb->prompts_dir), "cache", json_text0(wb->cache_dir), "model",
        json_text0(wb->model_path));
    if (!wb->engine)
        json_object_set_new(call->answer, "model_error", json_text0(own.text));
    return 0;
}

static const struct command_key text_keys[] = {
    {"file", "FILE", "the text", COMPLETE_FILE},
    {"text", "TEXT", "the text itself", COMPLETE_NONE},
    {"bos", "on|off", "begin with the model's BOS token; default off", COMPLETE_NONE},
    {0},
};
static const struct command_key logits_keys[] = {
    {"file", "FILE", "the text", COMPLETE_FILE},
    {"text", "TEXT", "the text itself", COMPLETE_NONE},
    {"bos", "on|off", "begin with the model's BOS token; default off", COMPLETE_NONE},
    {"top", "N", "this many best next tokens; default 10", COMPLETE_NONE},
    {0},
};

static const struct command table[] = {
    {.verb = "model",
     .noun = "open",
     .refs = "FILE",
     .min_refs = 1,
     .max_refs = 1,
     .completes = COMPLETE_MODEL,
     .text = "Take another GGUF file; the workspace remembers it",
     .example = "model open other.gguf",
     .run = run_model_open,
     .print = print_model},
    {.verb = "model",
     .noun = "info",
     .text = "The open model, with the hash of its file",
     .example = "model info",
     .run = run_model_info},
    {.verb = "model",
     .noun = "list",
     .text = "GGUF files in the models folder",
     .example = "model list",
     .run = run_model_list},
    {.verb = "list",
     .noun = "models",
     .text = "The same as model list",
     .example = "list models",
     .run = run_model_list},
    {.verb = "show",
     .noun = "tokens",
     .keys = text_keys,
     .text = "A text as the model's tokens",
     .example = "show tokens text='Better summary:'",
     .run = run_show_tokens,
     .print = print_tokens},
    {.verb = "show",
     .noun = "logits",
     .keys = logits_keys,
     .text = "The best next tokens behind a text, and the log-prob of each of its tokens",
     .example = "show logits text='Better summary:' top=5",
     .run = run_show_logits,
     .print = print_logits},
    {.verb = "show",
     .noun = "config",
     .text = "Version, model, kernels, memory, self-test, and where everything is",
     .example = "show config",
     .run = run_show_config},
};
const struct command_rows rows_model = COMMAND_ROWS(table);
