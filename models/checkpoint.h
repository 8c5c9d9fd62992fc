/*
 * Checkpoints of a run: one safetensors file each, so that no two parts can be of different
 * moments. It holds tensors (weights, moments, whatever the trainer names) and notes (step,
 * schedule, cursors, best so far), its generation number, and hashes of every part and of the
 * whole; reading checks all of them and trusts nothing, our own files included.
 *
 *   DIR/ckpt-00000012.safetensors     generation 12; DIR belongs to one run and one writer
 *
 * Writing: temporary file, sync, rename, directory synced; then old ones go, but for the last
 * `keep` and the best. A crash leaves the old set or the new one.
 */
#ifndef RLAIF_MODELS_CHECKPOINT_H
#define RLAIF_MODELS_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/safetensors.h"
#include "models/weights.h"
#include "src/base/error.h"

/* What the file must agree with to be loaded: anything else is another run's. Names and
 * values are shown in errors. */
struct checkpoint_id {
    const char *run;        /* "rl-4" */
    const char *model;      /* checkpoint_model_text */
    const char *tokenizer;  /* vocab_hash in hex */
    const char *config; /* the run's configuration as text: stages, shards, whatever must
                           not change; "" when free */
};
/* "llama, 3 layers, width 96, ..": equal for equal shapes. */
void checkpoint_model_text(const struct tf_config *config, char *out, size_t out_size);

struct checkpoint_put {
    struct checkpoint_id id;
    uint64_t step;
    const struct st_put *parts; /* F32, F64, I64, U64 or U8: "weights", "adam.m", "adam.v", .. */
    size_t n_parts;
    const struct st_note *notes; /* keys of the trainer's own; none begins with "ckpt." */
    size_t n_notes;
    bool is_best;   /* the best so far: stays when others go */
    unsigned keep;  /* how many of the newest stay, at least 1 */
};
/* *generation: its number, one more than the newest's. */
int checkpoint_write(const char *dir, const struct checkpoint_put *what, uint64_t *generation,
                     struct error *err);

struct checkpoint {
    struct safetensors file;
    uint64_t generation, step;
    bool is_best; /* when it was written */
};
/* Checks the hash of every part and of the notes, and that it agrees with `id` (NULL:
 * whatever it is of); the error says which part or what differs. On failure *out needs no
 * release. */
int checkpoint_open(struct checkpoint *out, const char *path, const struct checkpoint_id *id,
                    struct error *err);
void checkpoint_close(struct checkpoint *ckpt); /* zeroed is fine */
/* Copies a part of exactly this type and number of elements. */
int checkpoint_get(const struct checkpoint *ckpt, const char *part, enum st_type type,
                   size_t count, void *out, struct error *err);
const char *checkpoint_note(const struct checkpoint *ckpt, const char *key); /* NULL: none */
int checkpoint_note_u64(const struct checkpoint *ckpt, const char *key, uint64_t *out,
                        struct error *err);
/* A number written by checkpoint_real: the same bits come back. */
int checkpoint_note_real(const struct checkpoint *ckpt, const char *key, double *out,
                         struct error *err);
void checkpoint_real(double value, char out[40]);

/* The generations there are in a directory, newest first. A directory that is not there
 * has none. */
struct checkpoint_list {
    uint64_t *generations;
    size_t n;
};
int checkpoint_list(const char *dir, struct checkpoint_list *out, struct error *err);
void checkpoint_list_release(struct checkpoint_list *list);
char *checkpoint_path(const char *dir, uint64_t generation); /* owned by the caller */
/*
 * The newest. When it is damaged, the error says which part, and its hint names the
 * newest one before it that is whole; *fallback (may be NULL) is that one's generation,
 * 0: there is none. Nothing older is taken without being asked. No checkpoint at all: an
 * error, *fallback 0.
 */
int checkpoint_newest(struct checkpoint *out, const char *dir, const struct checkpoint_id *id,
                      uint64_t *fallback, struct error *err);
/* The one that was written as the best last; the same rules. */
int checkpoint_best(struct checkpoint *out, const char *dir, const struct checkpoint_id *id,
                    struct error *err);

#endif
