/* Watches one prompt file by inotify. Editors write beside and rename, so the folder is watched. */
#include "src/cmd/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/cmd/command.h"
#include "src/cmd/probe.h"
#include "src/cmd/prompts.h"

struct watch {
    char *path;
    int fd;
};

void watch_stop(struct workbench *wb)
{
    if (!wb->watch)
        return;
    close(wb->watch->fd);
    free(wb->watch->path);
    free(wb->watch);
    wb->watch = NULL;
}

int watch_fd(const struct workbench *wb)
{
    return wb->watch ? wb->watch->fd : -1;
}

/* Probes the file as it stands against the newest version of its name. */
static void probe_file(struct workbench *wb)
{
    struct error err = {0};
    struct prompt *prompt = prompt_read(wb->watch->path, &err);
    struct prompt_row before = {0};
    json_t *answer = NULL;

    if (prompt && prompt_load_exemplars(prompt, wb->builtin_dir, &err) == 0) {
        int64_t before_id = workbench_prompt(wb, prompt->name, &before, NULL) == 0 ? before.id : 0;
        answer = probe_answer(wb, prompt, 0, before_id, NULL, PROBE_PAIRS, &err);
    } else {
        prompt_free(prompt);
    }
    if (answer) {
        struct buf text;
        buf_init(&text, 0);
        probe_print(answer, &text);
        char *save = NULL;
        for (char *line = strtok_r(text.data, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
            workbench_say(wb, "%s", line);
        buf_release(&text);
        json_decref(answer);
    } else {
        char text[1200];
        error_format(&err, text, sizeof text);
        workbench_say(wb, "%s", text);
    }
    prompt_row_release(&before);
}

int watch_start(struct workbench *wb, const char *path, struct error *err)
{
    const char *base = path_base(path);
    char *dir = base == path ? xstrdup(".") : xstrndup(path, (size_t)(base - path));
    int fd = -1;

    if (!file_exists(path)) {
        error_set(err, ERROR_FAILED, "there is no file %s to watch", path);
        error_hint(err, "show prompt NAME > FILE writes one to begin with");
        goto fail;
    }
    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0 || inotify_add_watch(fd, dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
        error_errno(err, path, "watch");
        goto fail;
    }
    free(dir);
    watch_stop(wb);
    wb->watch = xcalloc(1, sizeof *wb->watch);
    wb->watch->path = xstrdup(path);
    wb->watch->fd = fd;
    probe_file(wb);
    return 0;
fail:
    if (fd >= 0)
        close(fd);
    free(dir);
    return -1;
}

void watch_poll(struct workbench *wb)
{
    char bytes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool ours = false;
    ssize_t n;

    while (wb->watch && (n = read(wb->watch->fd, bytes, sizeof bytes)) > 0)
        for (char *at = bytes; at < bytes + n;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            ours = ours || (event->len > 0 && strcmp(event->name, path_base(wb->watch->path)) == 0);
            at += sizeof *event + event->len;
        }
    if (ours)
        probe_file(wb);
}
