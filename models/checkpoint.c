/*
 * A checkpoint's notes: "ckpt.version", "ckpt.generation", "ckpt.step", "ckpt.best", what it is of
 * ("ckpt.run", "ckpt.model", "ckpt.tokenizer", "ckpt.config"), "ckpt.part.NAME" with the part's
 * hash, the trainer's own, and last "ckpt.sha256" over all of these and the table of tensors. A
 * part's hash covers the generation too, so that a part of another moment is found out.
 */
#include "models/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/gguf.h"
#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"

#define VERSION "1"
#define PART "ckpt.part."
#define PREFIX "ckpt-"
#define SUFFIX ".safetensors"
#define SHOW_TEXT(text) SHOW(((struct gguf_string){(text), strlen(text)}))

void checkpoint_model_text(const struct tf_config *config, char *out, size_t out_size)
{
    const struct tf_config *c = config;
    struct buf text;
    buf_init(&text, 0);
    buf_addf(&text, "%s, %d layers, width %d, %d heads, %d kv heads, head width %d, ffn %d, "
             "vocabulary %d, context %d, rope base ", c->arch, c->n_layers, c->width, c->n_heads,
             c->n_kv_heads, c->head_dim, c->ffn, c->vocab, c->context);
    json_write_real(&text, c->rope_base);
    buf_adds(&text, ", norm eps ");
    json_write_real(&text, c->norm_eps);
    buf_adds(&text, c->tied ? ", tied head" : ", own head");
    snprintf(out, out_size, "%s", buf_str(&text));
    buf_release(&text);
}

void checkpoint_real(double value, char out[40])
{
    struct buf text;
    buf_init(&text, 0);
    if (isfinite(value))
        json_write_real(&text, value);
    else
        buf_adds(&text, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    snprintf(out, 40, "%s", buf_str(&text));
    buf_release(&text);
}

/* ---- hashes ---- */

static void hash_part(uint64_t generation, const char *name, const void *data, size_t bytes,
                      char out[65])
{
    struct hash hash;
    uint8_t sum[32];
    hash_init(&hash);
    hash_u64(&hash, generation);
    hash_field(&hash, name, strlen(name));
    hash_field(&hash, data, bytes);
    hash_end(&hash, sum);
    hash_hex(sum, out);
}

static void hash_tensor(struct hash *hash, const char *name, enum st_type type, uint32_t n_dims,
                        const uint64_t *dims)
{
    hash_field(hash, name, strlen(name));
    hash_u64(hash, type);
    hash_u64(hash, n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        hash_u64(hash, dims[i]);
}

static void hash_notes(struct hash *hash, const struct st_note *notes, size_t n)
{
    hash_u64(hash, n);
    for (size_t i = 0; i < n; i++) {
        hash_field(hash, notes[i].key, strlen(notes[i].key));
        hash_field(hash, notes[i].value, strlen(notes[i].value));
    }
}

/* ---- the directory ---- */

char *checkpoint_path(const char *dir, uint64_t generation)
{
    char name[64];
    snprintf(name, sizeof name, PREFIX "%08" PRIu64 SUFFIX, generation);
    return path_join(dir, name);
}

/* The generation in a name of ours; 0: another file. */
static uint64_t generation_of(const char *name)
{
    char again[64];
    uint64_t generation = 0;
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return 0;
    const char *at = name + strlen(PREFIX);
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(generation, 10, &generation) ||
            __builtin_add_overflow(generation, (uint64_t)(*at - '0'), &generation))
            return 0;
    snprintf(again, sizeof again, PREFIX "%08" PRIu64 SUFFIX, generation);
    return strcmp(name, again) == 0 ? generation : 0;
}

static int newest_first(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x > y ? -1 : x < y;
}

int checkpoint_list(const char *dir, struct checkpoint_list *out, struct error *err)
{
    size_t cap = 0;
    *out = (struct checkpoint_list){0};
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT ? 0 : error_errno(err, dir, "cannot read");
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
        const uint64_t generation = generation_of(entry->d_name);
        if (generation == 0)
            continue;
        out->generations = array_grow(out->generations, out->n, &cap, sizeof *out->generations);
        out->generations[out->n++] = generation;
    }
    closedir(d);
    if (out->n)
        qsort(out->generations, out->n, sizeof *out->generations, newest_first);
    return 0;
}

void checkpoint_list_release(struct checkpoint_list *list)
{
    free(list->generations);
    *list = (struct checkpoint_list){0};
}

/* By its notes alone, unchecked. */
static bool says_best(const char *dir, uint64_t generation)
{
    struct safetensors st;
    char *path = checkpoint_path(dir, generation);
    const bool readable = safetensors_open(&st, path, NULL) == 0;
    const char *best = readable ? safetensors_note(&st, "ckpt.best") : NULL;
    const bool says = best && strcmp(best, "1") == 0;
    if (readable)
        safetensors_release(&st);
    free(path);
    return says;
}

/* What a writer that was killed left behind; the directory has one writer, and that is us. */
static void remove_temporary(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *entry = d ? readdir(d) : NULL; entry; entry = readdir(d)) {
        const size_t len = strlen(entry->d_name);
        if (strncmp(entry->d_name, ".rlaif-", 7) != 0 ||
            strcmp(entry->d_name + len - 4, ".tmp") != 0)
            continue;
        char *path = path_join(dir, entry->d_name);
        (void)unlink(path);
        free(path);
    }
    if (d)
        closedir(d);
}

/* All but the last `keep` and the newest that was the best. What cannot be removed stays:
 * it only costs room. */
static void remove_old(const char *dir, unsigned keep)
{
    struct checkpoint_list list;
    bool best_seen = false;
    if (checkpoint_list(dir, &list, NULL))
        return;
    for (size_t i = 0; i < list.n; i++) {
        const bool is_best = !best_seen && says_best(dir, list.generations[i]);
        best_seen = best_seen || is_best;
        if (i < keep || is_best)
            continue;
        char *path = checkpoint_path(dir, list.generations[i]);
        (void)unlink(path);
        free(path);
    }
    checkpoint_list_release(&list);
}

/* ---- writing ---- */

struct note_list {
    struct st_note *notes; /* keys and values owned */
    size_t n, cap;
};

static void add_note(struct note_list *list, const char *key, const char *value)
{
    list->notes = array_grow(list->notes, list->n, &list->cap, sizeof *list->notes);
    list->notes[list->n++] = (struct st_note){xstrdup(key), xstrdup(value)};
}

static void add_number(struct note_list *list, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    add_note(list, key, text);
}

static void release_notes(struct note_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free((char *)list->notes[i].key);
        free((char *)list->notes[i].value);
    }
    free(list->notes);
}

static void make_notes(const struct checkpoint_put *what, uint64_t generation,
                       struct note_list *out)
{
    struct hash hash;
    uint8_t sum[32];
    char hex[65];
    add_note(out, "ckpt.version", VERSION);
    add_number(out, "ckpt.generation", generation);
    add_number(out, "ckpt.step", what->step);
    add_note(out, "ckpt.best", what->is_best ? "1" : "0");
    add_note(out, "ckpt.run", what->id.run);
    add_note(out, "ckpt.model", what->id.model);
    add_note(out, "ckpt.tokenizer", what->id.tokenizer);
    add_note(out, "ckpt.config", what->id.config);
    for (size_t i = 0; i < what->n_notes; i++)
        add_note(out, what->notes[i].key, what->notes[i].value);
    hash_init(&hash);
    for (size_t i = 0; i < what->n_parts; i++) {
        const struct st_put *p = &what->parts[i];
        uint64_t count = 1;
        for (uint32_t j = 0; j < p->n_dims; j++)
            count *= p->dims[j];
        char *key = xasprintf(PART "%s", p->name);
        hash_part(generation, p->name, p->data, (size_t)count * st_type_bytes(p->type), hex);
        add_note(out, key, hex);
        free(key);
        hash_tensor(&hash, p->name, p->type, p->n_dims, p->dims);
    }
    hash_notes(&hash, out->notes, out->n);
    hash_end(&hash, sum);
    hash_hex(sum, hex);
    add_note(out, "ckpt.sha256", hex);
}

int checkpoint_write(const char *dir, const struct checkpoint_put *what, uint64_t *generation,
                     struct error *err)
{
    struct checkpoint_list list;
    struct note_list notes = {0};
    if (file_make_dirs(dir, err) || checkpoint_list(dir, &list, err))
        return -1;
    remove_temporary(dir);
    const uint64_t number = list.n ? list.generations[0] + 1 : 1;
    checkpoint_list_release(&list);
    for (size_t i = 0; i < what->n_notes; i++)
        if (strncmp(what->notes[i].key, "ckpt.", 5) == 0)
            return error_set(err, ERROR_FAILED, "a checkpoint's note may not be named %s",
                             what->notes[i].key);
    make_notes(what, number, &notes);
    char *path = checkpoint_path(dir, number);
    const int status =
        safetensors_write(path, what->parts, what->n_parts, notes.notes, notes.n, err);
    free(path);
    release_notes(&notes);
    if (status)
        return -1;
    remove_old(dir, what->keep ? what->keep : 1);
    if (generation)
        *generation = number;
    return 0;
}

/* ---- reading ---- */

static int damaged(const struct safetensors *st, struct error *err, const char *what,
                   const char *found, const char *due)
{
    return error_at_byte(err, st->file, 8,
                         "%s is damaged: its SHA-256 is %.16s.., %.16s.. was written",
                         what, found, SHOW_TEXT(due));
}

static int check_version(const struct safetensors *st, struct error *err)
{
    const char *version = safetensors_note(st, "ckpt.version");
    if (!version)
        return error_at_byte(err, st->file, 8, "this is not a checkpoint: it has no ckpt.version");
    if (strcmp(version, VERSION) == 0)
        return 0;
    error_at_byte(err, st->file, 8,
                  "the checkpoint is of version %s, this program reads version %s",
                  SHOW_TEXT(version), VERSION);
    return error_hint(err, "resume it with the program that wrote it");
}

static int check_notes(const struct safetensors *st, struct error *err)
{
    const size_t n = st->n_notes;
    struct hash hash;
    uint8_t sum[32];
    char hex[65];
    if (n == 0 || strcmp(st->notes[n - 1].key, "ckpt.sha256") != 0)
        return error_at_byte(err, st->file, 8, "the checkpoint's last note is not ckpt.sha256");
    hash_init(&hash);
    for (size_t i = 0; i < st->n_tensors; i++) {
        const struct st_tensor *t = &st->tensors[i];
        hash_tensor(&hash, t->name, t->type, t->n_dims, t->dims);
    }
    hash_notes(&hash, st->notes, n - 1);
    hash_end(&hash, sum);
    hash_hex(sum, hex);
    if (strcmp(hex, st->notes[n - 1].value) != 0)
        return damaged(st, err, "the checkpoint's list of parts and notes", hex,
                       st->notes[n - 1].value);
    return 0;
}

static int check_parts(const struct safetensors *st, uint64_t generation, struct error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < st->n_notes; i++)
        n += strncmp(st->notes[i].key, PART, strlen(PART)) == 0;
    if (n != st->n_tensors)
        return error_at_byte(err, st->file, 8, "the checkpoint lists %zu parts, but holds %zu", n,
                             st->n_tensors);
    for (size_t i = 0; i < st->n_tensors; i++) {
        const struct st_tensor *t = &st->tensors[i];
        char *key = xasprintf(PART "%s", t->name), hex[65];
        char what[200];
        const char *due = safetensors_note(st, key);
        free(key);
        if (!due)
            return error_at_byte(err, st->file, (int64_t)t->at, "the part %s is not in the list",
                                 SHOW_TEXT(t->name));
        hash_part(generation, t->name, t->data, (size_t)t->bytes, hex);
        snprintf(what, sizeof what, "the part %s, or of another checkpoint than generation %" PRIu64
                 ",", SHOW_TEXT(t->name), generation);
        if (strcmp(hex, due) != 0) {
            damaged(st, err, what, hex, due);
            if (err)
                err->byte = (int64_t)t->data_at;
            return -1;
        }
    }
    return 0;
}

/* All that differs, in one sentence. */
static int check_id(const struct safetensors *st, const struct checkpoint_id *id,
                    struct error *err)
{
    const struct {
        const char *key, *name, *due;
    } rows[] = {
        {"ckpt.run", "run", id->run},
        {"ckpt.model", "model", id->model},
        {"ckpt.tokenizer", "tokenizer", id->tokenizer},
        {"ckpt.config", "configuration", id->config},
    };
    struct buf text;
    buf_init(&text, 4096);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *found = safetensors_note(st, rows[i].key);
        if (!rows[i].due || (found && strcmp(found, rows[i].due) == 0))
            continue;
        buf_addf(&text, "%s %s is '%s', not '%s'", text.len ? ";" : "", rows[i].name,
                 found ? SHOW_TEXT(found) : "", SHOW_TEXT(rows[i].due));
    }
    const int status =
        text.len ? error_at_byte(err, st->file, 8, "the checkpoint is of another run:%s",
                                 buf_str(&text)) : 0;
    buf_release(&text);
    return status;
}

static int note_u64(const struct safetensors *st, const char *key, uint64_t *out,
                    struct error *err)
{
    const char *text = safetensors_note(st, key), *at = text;
    bool fits = text && text[0] && (text[0] != '0' || !text[1]);
    *out = 0;
    for (; fits && *at; at++)
        fits = *at >= '0' && *at <= '9' && !__builtin_mul_overflow(*out, 10, out) &&
               !__builtin_add_overflow(*out, (uint64_t)(*at - '0'), out);
    if (fits)
        return 0;
    return error_at_byte(err, st->file, 8, "the checkpoint's note %s is %s, a whole number is due",
                         key, text ? SHOW_TEXT(text) : "missing");
}

int checkpoint_open(struct checkpoint *out, const char *path, const struct checkpoint_id *id,
                    struct error *err)
{
    *out = (struct checkpoint){0};
    struct safetensors *st = &out->file;
    if (safetensors_open(st, path, err))
        return -1;
    if (check_version(st, err) || check_notes(st, err) ||
        note_u64(st, "ckpt.generation", &out->generation, err) ||
        note_u64(st, "ckpt.step", &out->step, err) || check_parts(st, out->generation, err) ||
        (id && check_id(st, id, err))) {
        checkpoint_close(out);
        return -1;
    }
    const char *best = safetensors_note(st, "ckpt.best");
    out->is_best = best && strcmp(best, "1") == 0;
    return 0;
}

void checkpoint_close(struct checkpoint *ckpt)
{
    safetensors_release(&ckpt->file);
    *ckpt = (struct checkpoint){0};
}

int checkpoint_get(const struct checkpoint *ckpt, const char *part, enum st_type type,
                   size_t count, void *out, struct error *err)
{
    const struct st_tensor *t = safetensors_find(&ckpt->file, part);
    if (!t)
        return error_at_byte(err, ckpt->file.file, 8, "the checkpoint has no part %s", part);
    if (t->type != type || t->count != count)
        return error_at_byte(err, ckpt->file.file, (int64_t)t->at,
                             "the part %s holds %" PRIu64 " %s numbers, %zu %s are due", part,
                             t->count, st_type_name(t->type), count, st_type_name(type));
    if (t->bytes)
        memcpy(out, t->data, (size_t)t->bytes);
    return 0;
}

const char *checkpoint_note(const struct checkpoint *ckpt, const char *key)
{
    return safetensors_note(&ckpt->file, key);
}

int checkpoint_note_u64(const struct checkpoint *ckpt, const char *key, uint64_t *out,
                        struct error *err)
{
    return note_u64(&ckpt->file, key, out, err);
}

int checkpoint_note_real(const struct checkpoint *ckpt, const char *key, double *out,
                         struct error *err)
{
    const char *text = checkpoint_note(ckpt, key);
    if (text && (strcmp(text, "nan") == 0 || strcmp(text, "inf") == 0 ||
                 strcmp(text, "-inf") == 0)) {
        *out = text[0] == 'n' ? (double)NAN : text[0] == 'i' ? (double)INFINITY : -(double)INFINITY;
        return 0;
    }
    json_t *value = text ? json_parse(text, strlen(text), ckpt->file.file, 1, NULL) : NULL;
    const int status =
        json_is_number(value)
            ? 0
            : error_at_byte(err, ckpt->file.file, 8,
                            "the checkpoint's note %s is %s, a number is due", key,
                            text ? SHOW_TEXT(text) : "missing");
    if (!status)
        *out = json_number_value(value);
    json_decref(value);
    return status;
}

/* ---- the newest, the best ---- */

static int none(const char *dir, const char *what, struct error *err)
{
    return error_set(err, ERROR_FAILED, "%s holds no %scheckpoint", dir, what);
}

/* By number; what the file says of itself must be that number. */
static int open_generation(struct checkpoint *out, const char *dir, uint64_t generation,
                           const struct checkpoint_id *id, struct error *err)
{
    char *path = checkpoint_path(dir, generation);
    int status = checkpoint_open(out, path, id, err);
    if (!status && out->generation != generation) {
        status = error_at_byte(err, path, 8, "the file holds generation %" PRIu64
                               ", its name says %" PRIu64, out->generation, generation);
        checkpoint_close(out);
    }
    free(path);
    return status;
}

/* The newest whole one behind the first in the list goes into the hint. */
static uint64_t find_whole(const char *dir, const struct checkpoint_list *list,
                           const struct checkpoint_id *id, struct error *err)
{
    for (size_t i = 1; i < list->n; i++) {
        struct checkpoint older;
        if (open_generation(&older, dir, list->generations[i], id, NULL))
            continue;
        const uint64_t generation = older.generation;
        error_hint(err,
                   "generation %" PRIu64 " (step %" PRIu64
                   ") is whole and can be resumed from",
                   generation, older.step);
        checkpoint_close(&older);
        return generation;
    }
    error_hint(err, "no older checkpoint is whole");
    return 0;
}

int checkpoint_newest(struct checkpoint *out, const char *dir, const struct checkpoint_id *id,
                      uint64_t *fallback, struct error *err)
{
    struct checkpoint_list list;
    uint64_t other = 0;
    *out = (struct checkpoint){0};
    if (fallback)
        *fallback = 0;
    if (checkpoint_list(dir, &list, err))
        return -1;
    int status = list.n ? 0 : none(dir, "", err);
    if (list.n) {
        status = open_generation(out, dir, list.generations[0], id, err);
        if (status)
            other = find_whole(dir, &list, id, err);
        if (fallback)
            *fallback = other;
    }
    checkpoint_list_release(&list);
    return status;
}

int checkpoint_best(struct checkpoint *out, const char *dir, const struct checkpoint_id *id,
                    struct error *err)
{
    struct checkpoint_list list;
    *out = (struct checkpoint){0};
    if (checkpoint_list(dir, &list, err))
        return -1;
    size_t i = 0;
    while (i < list.n && !says_best(dir, list.generations[i]))
        i++;
    const int status = i == list.n ? none(dir, "best ", err)
                                   : open_generation(out, dir, list.generations[i], id, err);
    checkpoint_list_release(&list);
    return status;
}
