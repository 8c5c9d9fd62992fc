/*
 * The shape of a new model as a small YAML file: pocket-xs, pocket-s, pocket-m, pocket-l, or one
 * of the person's own. Options by table, as everywhere.
 */
#ifndef RLAIF_MODELS_PRESET_H
#define RLAIF_MODELS_PRESET_H

#include <stdbool.h>
#include <stdint.h>

#include "models/weights.h"
#include "src/base/error.h"
#include "src/base/option.h"

enum preset_tokenizer { PRESET_WORDS, PRESET_BPE };
struct preset {
    char *name, *about;
    int64_t layers, width, heads, kv_heads;
    int64_t head_dim; /* 0: width / heads */
    int64_t ffn, vocab, context; /* vocab: of the tokenizer at most */
    double rope_base, norm_eps, init_std;
    bool tied;
    int tokenizer; /* enum preset_tokenizer */
};
extern const struct option preset_table[];

/* A file's text; errors with FILE:LINE:COL. On failure *out needs no release. */
int preset_parse(struct preset *out, const char *text, size_t len, const char *file,
                 struct error *err);
/* `name`: a path when it has a slash or ends in .yaml, else NAME.yaml in the first of
 * `dirs` (NULL-terminated) that has it; when none has it, the error lists what there is.
 */
int preset_open(struct preset *out, const char *name, const char *const *dirs, struct error *err);
void preset_release(struct preset *preset);
/* vocab: tokens of the vocabulary that was made. Fails when the fields do not fit together. */
int preset_config(const struct preset *preset, int vocab, struct tf_config *out,
                  struct error *err);
/* Numbers in the weights of this shape, without a scalar head. */
uint64_t preset_params(const struct tf_config *config);

#endif
