/*
 * Writing: a temporary file beside the target, sync, rename, directory synced.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/mem.h"

#define TEMP_TRIES 100

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The directory of a path, "." for a bare name; owned by the caller. */
static char *directory_of(const char *path)
{
    const char *base = path_base(path);

    if (base == path)
        return xstrdup(".");
    if (base == path + 1)
        return xstrdup("/");
    return xstrndup(path, (size_t)(base - path) - 1);
}

/*
 * A new file in `dir` with the mode 0644 less the umask. Not mkstemp: its 0600 could only
 * be widened by asking for the umask, which cannot be asked without changing it under the
 * feet of other threads. The name does not grow with the target's, which may be as long
 * as allowed.
 */
static int open_temp(const char *dir, char **temp)
{
    for (int i = 0; i < TEMP_TRIES; i++) {
        unsigned long long bits = 0;
        int fd;

        if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
            return -1;
        *temp = xasprintf("%s/.rlaif-%016llx.tmp", dir, bits);
        fd = open(*temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd >= 0)
            return fd;
        free(*temp);
        *temp = NULL;
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

/* A rename is only safe against a crash when its directory has reached the disk. */
static int sync_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = 0;

    if (fd < 0)
        return errno == EACCES ? 0 : -1;
    /* Some network file systems cannot sync directories and say EINVAL. */
    if (fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP)
        status = -1;
    close(fd);
    return status;
}

/* Refuses what a rename must not replace. mode: of the file there is, or -1. */
static int check_target(const char *path, int *mode, struct error *err)
{
    struct stat st;
    size_t len = strlen(path);

    *mode = -1;
    if (stat(path, &st) < 0) {
        if (errno != ENOENT)
            return error_errno(err, path, "cannot write");
        if (len == 0 || path[len - 1] == '/') {
            errno = len ? EISDIR : ENOENT;
            return error_errno(err, path, "cannot write");
        }
        return 0;
    }
    if (S_ISDIR(st.st_mode))
        return error_set(err, ERROR_FAILED, "cannot write %s: it is a directory", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_FAILED, "cannot write %s: not a regular file", path);
    *mode = (int)(st.st_mode & 0777);
    return 0;
}

int file_out_open(struct file_out *out, const char *path, struct error *err)
{
    struct stat st;

    *out = (struct file_out){.fd = -1};
    if (check_target(path, &out->mode, err) < 0)
        return -1;
    out->path = xstrdup(path);
    /* A link to a file stays a link: the file behind it is what gets replaced. */
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        out->target = realpath(path, NULL);
    if (!out->target)
        out->target = xstrdup(path);
    out->dir = directory_of(out->target);
    out->fd = open_temp(out->dir, &out->temp);
    if (out->fd >= 0)
        return 0;
    error_errno(err, path, "cannot write");
    file_out_drop(out);
    return -1;
}

int file_out_add(struct file_out *out, const void *bytes, size_t len, struct error *err)
{
    if (write_all(out->fd, bytes, len) == 0)
        return 0;
    return error_errno(err, out->path, "cannot write");
}

int file_out_close(struct file_out *out, struct error *err)
{
    int status = 0;

    /* After a failed sync nothing is known about the file: it is given up. */
    if ((out->mode >= 0 && fchmod(out->fd, (mode_t)out->mode) < 0) || fsync(out->fd) < 0)
        status = -1;
    if (status == 0) {
        int fd = out->fd;

        out->fd = -1;
        status = close(fd) < 0 || rename(out->temp, out->target) < 0 ? -1 : 0;
    }
    if (status == 0) {
        free(out->temp);
        out->temp = NULL;
        status = sync_directory(out->dir);
    }
    if (status < 0)
        error_errno(err, out->path, "cannot write");
    file_out_drop(out);
    return status;
}

void file_out_drop(struct file_out *out)
{
    if (out->fd >= 0)
        close(out->fd);
    if (out->temp)
        unlink(out->temp);
    free(out->temp);
    free(out->dir);
    free(out->target);
    free(out->path);
    *out = (struct file_out){.fd = -1};
}

int file_put(const char *path, const void *bytes, size_t len, struct error *err)
{
    struct file_out out;

    if (file_out_open(&out, path, err) < 0)
        return -1;
    if (file_out_add(&out, bytes, len, err) < 0) {
        file_out_drop(&out);
        return -1;
    }
    return file_out_close(&out, err);
}
