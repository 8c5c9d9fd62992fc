/*
 * Files: read whole with a limit, written whole or not at all.
 */
#ifndef RLAIF_BASE_FILE_H
#define RLAIF_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/error.h"

enum file_flags {
    FILE_GUNZIP = 1 << 0, /* gzip contents are read transparently */
};
/*
 * Appends a regular file of at most `max` bytes (after unzipping); the buffer's own
 * maximum holds too. Directories, FIFOs and devices are errors. After a failure out is as
 * it was before.
 */
int file_read(const char *path, size_t max, enum file_flags flags, struct buf *out,
              struct error *err);
/*
 * Temporary file beside it, sync, rename, directory synced: the old file or the new,
 * never neither. Keeps the mode of the old one, and a symbolic link to it.
 */
int file_put(const char *path, const void *bytes, size_t len, struct error *err);
/*
 * The same for what does not fit into memory at once: open, add.., close. Whatever happens
 * before file_out_close has succeeded, the old file stays; after a failure of file_out_add call
 * file_out_drop. file_out_close releases in any case.
 */
struct file_out {
    char *path, *target, *dir, *temp; /* as given; behind its links */
    int fd, mode;
};
int file_out_open(struct file_out *out, const char *path, struct error *err);
int file_out_add(struct file_out *out, const void *bytes, size_t len, struct error *err);
int file_out_close(struct file_out *out, struct error *err);
void file_out_drop(struct file_out *out); /* the temporary file goes */
bool file_exists(const char *path);
int file_make_dirs(const char *path, struct error *err); /* like mkdir -p, mode 0700 */
int file_sha256(const char *path, uint8_t out[32], struct error *err);

/* "DIR/name", owned by the caller. */
char *path_join(const char *dir, const char *name);
/* The part behind the last slash; points into path. */
const char *path_base(const char *path);
/*
 * $XDG_DATA_HOME/rlaif, $XDG_CACHE_HOME/rlaif, $XDG_CONFIG_HOME/rlaif with the usual
 * defaults; owned by the caller, NULL when neither the variable nor HOME is set.
 */
char *path_data_home(void);
char *path_cache_home(void);
char *path_config_home(void);

#endif
