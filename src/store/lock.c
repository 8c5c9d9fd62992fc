/* For locks of the open file: a POSIX lock would be lost when any other descriptor of the
 * file is closed, and it would not keep out a second store in this process. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "src/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"

/* "14:05", with the date in front when it was not within the last 12 hours. */
static void format_since(int64_t ms, char out[32])
{
    time_t at = (time_t)(ms / 1000);
    struct tm tm;
    out[0] = '\0';
    if (!localtime_r(&at, &tm))
        return;
    int64_t age = clock_wall_ms() - ms;
    bool recent = age >= -3600000 && age < 12 * 3600000;
    if (!strftime(out, 32, recent ? "%H:%M" : "%Y-%m-%d %H:%M", &tm))
        out[0] = '\0';
}

static int error_in_use(const char *dir, int fd, struct error *err)
{
    char text[96] = "", since[32] = "";
    long pid = 0;
    int64_t ms = 0;
    size_t len = strlen(dir), most = 300; /* the sentence must keep its end */
    dir = len > most ? dir + len - most : dir;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n > 0 && sscanf(text, "pid %ld since %" SCNd64, &pid, &ms) == 2 && pid > 0)
        format_since(ms, since);
    if (since[0])
        error_set(err, ERROR_FAILED, "the workspace %s is in use by pid %ld since %s",
                  dir, pid, since);
    else /* a reader, or an owner between lock and pid */
        error_set(err, ERROR_FAILED, "the workspace %s is in use by another process",
                  dir);
    return error_hint(err, "close that one first, or open another workspace with -w DIR");
}

static bool write_forbidden(int number)
{
    return number == EACCES || number == EROFS || number == EPERM;
}

enum lock_result lock_take(struct lock *lock, const char *dir, bool shared,
                           struct error *err)
{
    char *path = path_join(dir, "rlaif.lock");
    enum lock_result result = LOCK_FAILED;
    *lock = (struct lock){.fd = -1, .shared = shared};
    int fd =
        open(path, shared ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        bool forbidden = write_forbidden(errno);
        if (shared) {
            result = LOCK_TAKEN; /* nobody has written here, or we cannot ask */
            goto out;
        }
        error_errno(err, path, "cannot open");
        error_hint(err, "look at the folder's permissions");
        result = forbidden ? LOCK_FORBIDDEN : LOCK_FAILED;
        goto out;
    }
    struct flock all = {.l_type = shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &all) < 0) {
        if (errno == EAGAIN || errno == EACCES)
            error_in_use(dir, fd, err);
        else
            error_errno(err, path, "cannot lock");
        close(fd);
        goto out;
    }
    if (!shared) {
        char text[96];
        int len = snprintf(text, sizeof text, "pid %ld since %" PRId64 "\n",
                           (long)getpid(), clock_wall_ms());
        /* Only a message for others hangs on it: a full disk must not keep anybody out.
         */
        if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) != len)
            (void)!ftruncate(fd, 0);
    }
    lock->fd = fd;
    result = LOCK_TAKEN;
out:
    free(path);
    return result;
}

void lock_release(struct lock *lock)
{
    if (lock->fd < 0)
        return;
    /* The file stays: removing it would let two processes lock two files of one name. */
    if (!lock->shared)
        (void)!ftruncate(lock->fd, 0);
    close(lock->fd);
    lock->fd = -1;
}
