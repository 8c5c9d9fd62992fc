/*
 * The language model as the layers above see it: open a file, turn text into tokens, ask for
 * log-probs, generate. What the tensors look like, how they are multiplied and where the KV
 * lives is not known here (models/transformer.h, models/gguf.h).
 *
 * struct model is immutable after model_open and may be read from any thread. struct engine
 * (KV prefix cache, scratch) may be called from any thread; calls take turns by priority.
 */
#ifndef RLAIF_MODELS_LM_H
#define RLAIF_MODELS_LM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/cancel.h"
#include "src/base/error.h"
#include "src/base/pool.h"
#include "src/base/rng.h"

/* ---- the model file ---- */

struct model;

struct model_info {
    char name[128];      /* file name without its type and ending; may hold any bytes: sanitise */
    char title[128];     /* general.name, "" when there is none */
    char arch[32];       /* "llama", "qwen2", "qwen3" */
    char file_type[16];  /* the type of most weight bytes: "Q4_1", "F32" */
    char sha256[65];     /* hex, of the whole file; cached by path, size, inode and mtime */
    char chat[32];       /* recognised chat format, "" when unknown */
    char tokenizer[32];  /* "smollm", "llama-spm", ... */
    char path[1024];
    uint64_t params, file_bytes;
    int n_layers, width, n_heads, n_kv_heads, head_dim, ffn, vocab, context;
};

/* Maps the file and checks all of it that is used; errors name file and byte offset. cache_dir: where the
 * hash is remembered, NULL: nowhere. Does not pack weights: that is the engine's first use. */
struct model *model_open(const char *path, const char *cache_dir, struct error *err);
void model_close(struct model *model); /* NULL is fine */
const struct model_info *model_info(const struct model *model);
/* The hash may take a while for a large file that is not in the cache: not at open, but here. 0 / -1. */
int model_sha256(struct model *model, char out[65], struct error *err);
/* 0 while the file is the one that was opened; -1 and "FILE changed during use" when it was cut, written or replaced. */
int model_file_changed(const struct model *model, struct error *err);

/* ---- text and tokens ---- */

/* A growing list of token ids. */
struct tokens {
    int32_t *ids;
    size_t n, cap;
};
void tokens_add(struct tokens *list, int32_t id);
void tokens_release(struct tokens *list);

/* Appends the ids of plain text: never a control token, whatever the text says. Linear time. */
int model_encode(const struct model *model, const char *text, size_t len, struct tokens *out,
                 struct error *err);
/* Appends the bytes of one id; control tokens give nothing unless `special`. */
void model_decode(const struct model *model, int32_t id, bool special, struct buf *out);
bool model_is_end(const struct model *model, int32_t id); /* EOS, EOT: generation stops */
int32_t model_bos(const struct model *model);             /* -1: the model's texts begin without one */

struct chat_message {
    const char *role; /* "system", "user", "assistant" */
    const char *text;
    size_t len;
};
/* Appends the ids of a conversation in the format `format` (NULL: the model's own): the format's markers become
 * control tokens, the messages' text never does. open_assistant: ends where the assistant begins to speak.
 * text, when not NULL, gets the same conversation as text. Fails with the list of known formats when the model has none. */
int model_chat(const struct model *model, const char *format, const struct chat_message *messages,
               size_t n, bool open_assistant, struct tokens *out, struct buf *text,
               struct error *err);
/* NULL-terminated: "chatml", "llama-2", "llama-3", "gemma", "zephyr", "mistral". */
const char *const *chat_formats(void);

/* ---- the engine ---- */

struct engine;

enum engine_precision { ENGINE_F32, ENGINE_INT8 };

struct engine_options {
    enum engine_precision precision;
    uint64_t kv_limit; /* bytes of KV kept between calls; 0: a quarter of memory, at most 4 GiB */
    const char *cache_dir; /* where the kernel choice is remembered, NULL: nowhere */
};

struct engine *engine_new(struct model *model, struct pool *pool, const struct engine_options *options,
                          struct error *err);
void engine_free(struct engine *engine);

struct engine_info {
    char blis_version[32];
    char kernel[32];     /* BLIS's name of the micro-kernel's family: "haswell", "skx", "zen" */
    char chosen_by[16];  /* "timed", "cached", "environment" */
    char simd[16];       /* our own kernels: "avx2", "none" */
    char self_test[96];  /* "ok" or what differed */
    uint64_t weight_bytes, kv_bytes, kv_limit, scratch_bytes;
};
/* BLIS, kernel and SIMD path without any model: for --version. */
void engine_build_info(const char *cache_dir, struct engine_info *out);
void engine_get_info(struct engine *engine, struct engine_info *out);
/* The built-in tiny network alone, in batches, after prefixes, with 1, 2 and 4 threads: the same bits. < 50 ms. */
int engine_self_test(struct error *err);

struct token_run {
    const int32_t *ids;
    size_t n;
};
struct token_score {
    int32_t id;
    double logprob;
};
#define SCORE_TOP_MAX 32

/* One prompt to score. Prefixes that requests of one call, or earlier calls, share are computed once. */
struct score_request {
    struct token_run prompt;           /* at least one token */
    const struct token_run *options;   /* continuations; each one's log-prob is the sum over its tokens */
    size_t n_options;
    int n_top;                         /* this many best next tokens, at most SCORE_TOP_MAX */
    bool all;                          /* log-prob of prompt tokens from first_scored (>= 1) on, given those before */
    size_t first_scored;
};
struct score_result {
    double *option_logprobs;           /* n_options, the caller's */
    double *token_logprobs;            /* prompt.n - first_scored when `all`, the caller's; else NULL */
    double logsumexp;                  /* of the logits behind the prompt: logprob = logit - logsumexp */
    struct token_score top[SCORE_TOP_MAX];
    size_t computed, reused;           /* tokens run through the layers, tokens taken from KV or shared within the call */
};
/*
 * Scores n requests in packed batches without padding. The same bits alone, in any batch, after any cached
 * prefix, with any number of threads. Fails as a whole (cancelled, no memory, a prompt longer than the context).
 */
int engine_score(struct engine *engine, enum pool_priority priority, const struct score_request *requests,
                 struct score_result *results, size_t n, const struct cancel *cancel,
                 struct error *err);
/* Tokens of this prompt that engine_score would not compute now; for estimates. */
size_t engine_cached(struct engine *engine, struct token_run prompt);

struct sampling {
    double temperature; /* 0: greedy */
    int top_k;          /* 0: off */
    double top_p;       /* 1: off */
    int max_tokens;
    const char *const *stop; /* n_stop strings that end the text and are cut from it */
    size_t n_stop;
};
enum finish { FINISH_END, FINISH_STOP, FINISH_LENGTH, FINISH_CONTEXT };
struct generate_request {
    struct token_run prompt;
    struct rng_key key; /* the i-th token uses index i */
};
struct generate_result {
    struct tokens ids;  /* without prompt and end token; released by the caller */
    struct buf text;    /* bytes of ids, cut at a stop string; released by the caller */
    enum finish finish;
    double logprob;     /* sum over ids under the unmodified distribution */
    size_t computed, reused;
};
/* Decodes n sequences as one batch from their (shared) prompts. Same bits as one at a time. */
int engine_generate(struct engine *engine, enum pool_priority priority, const struct sampling *sampling,
                    const struct generate_request *requests, struct generate_result *results,
                    size_t n, const struct cancel *cancel, struct error *err);

/* Peak resident memory of the process in bytes, and the f32 rate that BLIS's micro-kernel alone reaches here (for benches). */
double engine_peak_gflops(struct engine *engine);

#endif
