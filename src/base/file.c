#include "src/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "src/base/hash.h"
#include "src/base/mem.h"

#define CHUNK 65536

static int too_large(const char *path, size_t max, struct error *err)
{
    return error_set(err, ERROR_DATA, "%s is larger than %zu bytes", path, max);
}

/* Opens a regular file. O_NONBLOCK, since a FIFO would otherwise wait for a writer. */
static int open_regular(const char *path, struct stat *st, struct error *err)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return error_errno(err, path, "cannot open");
    if (fstat(fd, st) < 0) {
        error_errno(err, path, "cannot look at");
        close(fd);
        return -1;
    }
    if (!S_ISREG(st->st_mode)) {
        close(fd);
        if (S_ISDIR(st->st_mode))
            return error_set(err, ERROR_DATA, "%s is a directory", path);
        return error_set(err, ERROR_DATA, "%s is not a regular file", path);
    }
    return fd;
}

/* Fills `bytes` as far as the file goes; the count, or -1. */
static ssize_t read_chunk(int fd, void *bytes, size_t size, const char *path,
                          struct error *err)
{
    size_t have = 0;

    while (have < size) {
        ssize_t n = read(fd, (char *)bytes + have, size - have);

        if (n == 0)
            break;
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return error_errno(err, path, "cannot read");
        }
        have += (size_t)n;
    }
    return (ssize_t)have;
}

/* Where the contents go, and how much of them is allowed. */
struct sink {
    const char *path;
    struct buf *out;
    size_t start; /* of the contents in out */
    size_t max;
};

static int sink_add(struct sink *sink, const void *bytes, size_t len, struct error *err)
{
    if (len > sink->max - (sink->out->len - sink->start))
        return too_large(sink->path, sink->max, err);
    buf_add(sink->out, bytes, len);
    if (sink->out->full)
        return too_large(sink->path, sink->max, err);
    return 0;
}

/* Plain contents, of which `have` bytes have been read already. */
static int read_plain(int fd, struct sink *sink, unsigned char *in, size_t have,
                      struct error *err)
{
    for (;;) {
        ssize_t n;

        if (sink_add(sink, in, have, err) < 0)
            return -1;
        if (have < CHUNK)
            return 0;
        n = read_chunk(fd, in, CHUNK, sink->path, err);
        if (n < 0)
            return -1;
        have = (size_t)n;
    }
}

struct gunzip {
    z_stream z;
    unsigned char *in;
    unsigned char *out;
    int64_t offset; /* of the first byte behind `in` in the file */
    bool ended;     /* between two members */
};

static int64_t gunzip_offset(const struct gunzip *g)
{
    return g->offset - (int64_t)g->z.avail_in;
}

/* Between members: zeros are padding (tapes, dd), anything else must be a member. */
static bool next_member(struct gunzip *g)
{
    while (g->z.avail_in && *g->z.next_in == 0) {
        g->z.next_in++;
        g->z.avail_in--;
    }
    if (g->z.avail_in == 0)
        return false;
    inflateReset(&g->z);
    g->ended = false;
    return true;
}

/* All of the input that has been read. */
static int gunzip_input(struct gunzip *g, struct sink *sink, struct error *err)
{
    int code;

    do {
        if (g->ended && !next_member(g))
            return 0;
        g->z.next_out = g->out;
        g->z.avail_out = CHUNK;
        code = inflate(&g->z, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return error_at_byte(err, sink->path, gunzip_offset(g),
                                 "the gzip data is damaged (%s)",
                                 g->z.msg ? g->z.msg : zError(code));
        if (sink_add(sink, g->out, CHUNK - g->z.avail_out, err) < 0)
            return -1;
        g->ended = code == Z_STREAM_END;
    } while (g->z.avail_in || (g->z.avail_out == 0 && !g->ended));
    return 0;
}

static int read_gzip(int fd, struct sink *sink, unsigned char *in, size_t have,
                     struct error *err)
{
    struct gunzip g = {.in = in};
    int status = -1;

    if (inflateInit2(&g.z, 15 + 16) != Z_OK)
        return error_set(err, ERROR_FAILED, "cannot start zlib for %s", sink->path);
    g.out = xmalloc(CHUNK);
    for (;;) {
        ssize_t n;

        g.offset += (int64_t)have;
        g.z.next_in = in;
        g.z.avail_in = (uInt)have;
        if (have && gunzip_input(&g, sink, err) < 0)
            break;
        if (have < CHUNK) {
            status = 0;
            break;
        }
        n = read_chunk(fd, in, CHUNK, sink->path, err);
        if (n < 0)
            break;
        have = (size_t)n;
    }
    if (status == 0 && !g.ended)
        status = error_at_byte(err, sink->path, g.offset, "the gzip data ends early");
    free(g.out);
    inflateEnd(&g.z);
    return status;
}

int file_read(const char *path, size_t max, enum file_flags flags, struct buf *out,
              struct error *err)
{
    struct sink sink = {.path = path, .out = out, .start = out->len, .max = max};
    struct stat st;
    unsigned char *in;
    ssize_t have;
    int status = -1;
    int fd = open_regular(path, &st, err);

    if (fd < 0)
        return -1;
    if (max > out->max - out->len)
        sink.max = out->max - out->len;
    in = xmalloc(CHUNK);
    have = read_chunk(fd, in, CHUNK, path, err);
    if (have < 0)
        ;
    else if ((flags & FILE_GUNZIP) && have >= 2 && in[0] == 0x1F && in[1] == 0x8B)
        status = read_gzip(fd, &sink, in, (size_t)have, err);
    else if (st.st_size > 0 && (uintmax_t)st.st_size > sink.max)
        status = too_large(path, sink.max, err);
    else
        status = read_plain(fd, &sink, in, (size_t)have, err);
    free(in);
    close(fd);
    if (status < 0 && out->data) {
        out->len = sink.start;
        out->data[out->len] = '\0';
    }
    return status;
}

bool file_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

static int make_dir(const char *path, struct error *err)
{
    struct stat st;
    int code;

    if (mkdir(path, 0700) == 0)
        return 0;
    code = errno;
    /* On read-only or foreign parents mkdir may fail with something else than EEXIST. */
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        code = ENOTDIR;
    }
    errno = code;
    return error_errno(err, path, "cannot make directory");
}

int file_make_dirs(const char *path, struct error *err)
{
    char *part = xstrdup(path);
    int status = 0;

    for (size_t i = 1; part[0] && part[i] && status == 0; i++) {
        if (part[i] != '/')
            continue;
        part[i] = '\0';
        status = make_dir(part, err);
        part[i] = '/';
    }
    if (status == 0)
        status = make_dir(part, err);
    free(part);
    return status;
}

int file_sha256(const char *path, uint8_t out[32], struct error *err)
{
    struct stat st;
    struct hash hash;
    unsigned char *in;
    ssize_t n;
    int fd = open_regular(path, &st, err);

    if (fd < 0)
        return -1;
    in = xmalloc(CHUNK);
    hash_init(&hash);
    while ((n = read_chunk(fd, in, CHUNK, path, err)) > 0)
        hash_add(&hash, in, (size_t)n);
    if (n == 0)
        hash_end(&hash, out);
    free(in);
    close(fd);
    return n < 0 ? -1 : 0;
}

char *path_join(const char *dir, const char *name)
{
    size_t len = strlen(dir);

    return xasprintf("%s%s%s", dir, len && dir[len - 1] != '/' ? "/" : "", name);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* A relative path in an XDG variable is to be ignored, says its specification. */
static char *xdg_home(const char *variable, const char *fallback)
{
    const char *value = getenv(variable);
    const char *home;

    if (value && value[0] == '/')
        return path_join(value, "rlaif");
    home = getenv("HOME");
    if (!home || !home[0])
        return NULL;
    return xasprintf("%s/%s/rlaif", home, fallback);
}

char *path_data_home(void)
{
    return xdg_home("XDG_DATA_HOME", ".local/share");
}

char *path_cache_home(void)
{
    return xdg_home("XDG_CACHE_HOME", ".cache");
}

char *path_config_home(void)
{
    return xdg_home("XDG_CONFIG_HOME", ".config");
}
