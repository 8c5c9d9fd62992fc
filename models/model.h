/*
 * What a struct model holds, for the files of this folder that make it and for tests. Others
 * use models/lm.h (text) and models/weights.h (network). Immutable after model_open but for the
 * hash, which has its lock.
 *
 * A mapped file that is cut short while it is in use kills the process by SIGBUS at the next
 * read behind its new end. The front end's handler can name the file: it keeps the range of
 * model_range() and compares si_addr with it. Before that, model_file_changed() tells a job
 * that the file is no longer the one that was opened.
 */
#ifndef RLAIF_MODELS_MODEL_H
#define RLAIF_MODELS_MODEL_H

#include <pthread.h>
#include <sys/types.h>
#include <time.h>

#include "models/chat.h"
#include "models/gguf.h"
#include "models/lm.h"
#include "models/network.h"
#include "models/safetensors.h"
#include "models/tokenizer.h"

/* What identifies the file on the disk, as it was when it was opened. */
struct file_id {
    uint64_t size, inode, device;
    int64_t mtime_s, mtime_ns;
};

struct model {
    char *path; /* as given */
    char *data_path; /* the file with the weights: path itself, or one in that directory */
    int fd;     /* -1: made from memory */
    void *map;
    size_t map_size;
    struct file_id id;
    struct gguf gguf;
    struct safetensors st; /* of a directory; then gguf holds the tokenizer's keys only */
    void *keys;            /* their bytes */
    struct weight score;   /* a reward model's head; data NULL: none */
    struct network network;
    struct tokenizer *tokenizer;
    struct chat_style chat;
    struct model_info info;
    char *cache_dir; /* or NULL */
    pthread_mutex_t hash_lock; /* guards hash */
    char hash[65];
};

/* The same checks on bytes in memory, which must outlive the model; `name` is for
 * messages. For tests and fuzzing. */
struct model *model_from_memory(const void *data, size_t size, const char *name,
                                struct error *err);
/* The mapped range, for a SIGBUS handler; *size 0 when nothing is mapped. */
const void *model_range(const struct model *model, size_t *size);

/* models/model_hash.c: the remembered hash of a file, or "" in out. */
void hash_cache_get(const char *cache_dir, const char *path, const struct file_id *id,
                    char out[65]);
void hash_cache_put(const char *cache_dir, const char *path, const struct file_id *id,
                    const char hash[65]);

#endif
