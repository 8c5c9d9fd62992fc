/*
 * The file "model-hashes" in the cache folder: one line a model, "SHA256 SIZE INODE DEVICE
 * SECONDS NANOSECONDS PATH". It only saves time: a line that does not parse is as good as none,
 * and a line whose numbers differ from the file's says nothing about it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/model.h"
#include "src/base/file.h"
#include "src/base/mem.h"

#define CACHE_NAME "model-hashes"
enum { CACHE_MAX = 1 << 20, HASH_HEX = 64 };

static char *absolute(const char *path)
{
    char *real = realpath(path, NULL);
    return real ? real : xstrdup(path);
}

/* The line's text behind the hash: what must be equal for it to count. */
static char *line_tail(const char *path, const struct file_id *id)
{
    char *real = absolute(path);
    char *tail = xasprintf(" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %s",
                           id->size, id->inode, id->device, id->mtime_s, id->mtime_ns, real);
    free(real);
    return tail;
}

static bool is_hex(const char *s)
{
    return strspn(s, "0123456789abcdef") >= HASH_HEX && s[HASH_HEX] == ' ';
}

static void read_cache(const char *cache_dir, struct buf *out)
{
    char *name = path_join(cache_dir, CACHE_NAME);
    if (!file_exists(name) || file_read(name, CACHE_MAX, 0, out, NULL))
        buf_clear(out);
    free(name);
}

void hash_cache_get(const char *cache_dir, const char *path, const struct file_id *id,
                    char out[65])
{
    struct buf text;
    buf_init(&text, CACHE_MAX);
    read_cache(cache_dir, &text);
    char *tail = line_tail(path, id);
    out[0] = 0;
    for (const char *at = buf_str(&text); at && *at;) {
        const char *end = strchr(at, '\n');
        const size_t len = end ? (size_t)(end - at) : strlen(at);
        if (len == HASH_HEX + strlen(tail) && is_hex(at) &&
            memcmp(at + HASH_HEX, tail, strlen(tail)) == 0) {
            memcpy(out, at, HASH_HEX);
            out[HASH_HEX] = 0;
        }
        at = end ? end + 1 : NULL;
    }
    free(tail);
    buf_release(&text);
}

/* The new line, then those of other files. A failure to write costs only the time of hashing again. */
void hash_cache_put(const char *cache_dir, const char *path, const struct file_id *id,
                    const char hash[65])
{
    char *real = absolute(path);
    if (strchr(real, '\n')) {
        free(real);
        return;
    }
    struct buf old, new;
    buf_init(&old, CACHE_MAX);
    buf_init(&new, CACHE_MAX);
    read_cache(cache_dir, &old);
    char *tail = line_tail(path, id);
    buf_addf(&new, "%s%s\n", hash, tail);
    for (const char *at = buf_str(&old); at && *at;) {
        const char *end = strchr(at, '\n');
        if (!end)
            break;
        const size_t len = (size_t)(end - at), path_len = strlen(real);
        const bool same = len > path_len && at[len - path_len - 1] == ' ' &&
                          memcmp(at + len - path_len, real, path_len) == 0;
        if (!same && len > HASH_HEX && is_hex(at) && new.len + len < CACHE_MAX / 2)
            buf_add(&new, at, len + 1);
        at = end + 1;
    }
    char *name = path_join(cache_dir, CACHE_NAME);
    if (!new.full && file_make_dirs(cache_dir, NULL) == 0)
        (void)file_put(name, new.data, new.len, NULL);
    free(name);
    free(tail);
    free(real);
    buf_release(&old);
    buf_release(&new);
}
