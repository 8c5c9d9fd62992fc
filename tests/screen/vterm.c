/*
 * The bytes that rlaif sends, as a terminal understands them: libvterm's screen must show
 * what the program believes to have drawn (:save-display), for friendly text and for
 * hostile. TAP.
 */
#include "config.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vterm.h>

#include "src/base/buf.h"
#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/text.h"

#define LIMIT_SECONDS 60

struct terminal {
    int fd, rows, columns;
    pid_t pid;
    VTerm *vt;
    VTermScreen *screen;
    char dir[64];
    int n_saved;
    bool danger; /* a title or clipboard command came through */
};

static int n_tests, n_failed;

static void check(bool good, const char *what)
{
    n_tests++;
    n_failed += !good;
    printf("%s %d - %s\n", good ? "ok" : "not ok", n_tests, what);
}

static int on_property(VTermProp property, VTermValue *value, void *ctx)
{
    struct terminal *t = ctx;
    (void)value;
    if (property == VTERM_PROP_TITLE || property == VTERM_PROP_ICONNAME)
        t->danger = true;
    return 1;
}

static int on_bell(void *ctx)
{
    struct terminal *t = ctx;
    t->danger = true;
    return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_property,
                                               .bell = on_bell};

static void start(struct terminal *t, int rows, int columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows,
                           .ws_col = (unsigned short)columns};
    const char *build = getenv("RLAIF_BUILD");
    char *program = xasprintf("%s/rlaif", build ? build : ".");

    *t = (struct terminal){.rows = rows, .columns = columns};
    snprintf(t->dir, sizeof t->dir, "/tmp/rlaif-vterm-XXXXXX");
    if (!mkdtemp(t->dir))
        exit(1);
    t->vt = vterm_new(rows, columns);
    vterm_set_utf8(t->vt, 1);
    t->screen = vterm_obtain_screen(t->vt);
    vterm_screen_set_callbacks(t->screen, &callbacks, t);
    vterm_screen_enable_altscreen(t->screen, 1);
    vterm_screen_reset(t->screen, 1);
    t->pid = forkpty(&t->fd, NULL, NULL, &size);
    if (t->pid == 0) {
        setenv("TERM", "xterm-256color", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        setenv("XDG_DATA_HOME", t->dir, 1);
        setenv("XDG_CACHE_HOME", t->dir, 1);
        setenv("XDG_CONFIG_HOME", t->dir, 1);
        unsetenv("NO_COLOR");
        execl(program, "rlaif", "-w", t->dir, "--no-model", "--tui", (char *)NULL);
        _exit(127);
    }
    free(program);
}

static void row_text(struct terminal *t, int row, struct buf *out)
{
    size_t last = out->len;
    for (int x = 0; x < t->columns; x++) {
        VTermScreenCell cell;
        VTermPos at = {.row = row, .col = x};
        vterm_screen_get_cell(t->screen, at, &cell);
        if (cell.chars[0] == 0 || cell.chars[0] == (uint32_t)-1) {
            buf_addc(out, ' ');
            continue;
        }
        for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i]; i++) {
            char bytes[4];
            buf_add(out, bytes, utf8_encode(cell.chars[i], bytes));
        }
        if (cell.chars[0] != ' ')
            last = out->len;
        x += cell.width > 1 ? cell.width - 1 : 0;
    }
    if (out->data) {
        out->len = last;
        out->data[last] = '\0';
    }
}

static bool screen_has(struct terminal *t, const char *text)
{
    bool found = false;
    for (int y = 0; y < t->rows && !found; y++) {
        struct buf row;
        buf_init(&row, 0);
        row_text(t, y, &row);
        found = strstr(buf_str(&row), text) != NULL;
        buf_release(&row);
    }
    return found;
}

/* Feeds what comes until the screen shows a text. */
static bool wait_for(struct terminal *t, const char *text)
{
    time_t end = time(NULL) + LIMIT_SECONDS;
    while (!screen_has(t, text)) {
        struct pollfd fd = {.fd = t->fd, .events = POLLIN};
        char bytes[4096];
        if (time(NULL) > end || poll(&fd, 1, 1000) < 0)
            return false;
        if (!(fd.revents & (POLLIN | POLLHUP)))
            continue;
        ssize_t n = read(t->fd, bytes, sizeof bytes);
        if (n <= 0)
            return false;
        vterm_input_write(t->vt, bytes, (size_t)n);
    }
    return true;
}

static void send(struct terminal *t, const char *keys)
{
    ssize_t n = write(t->fd, keys, strlen(keys));
    (void)n;
}

/* All rows but the last, which says that the screen was saved. */
static void compare(struct terminal *t, const char *what)
{
    struct buf cells;
    bool same = false;
    char *path = xasprintf("%s/s%d", t->dir, ++t->n_saved),
         *line = xasprintf(":save-display %s\r", path);
    char *said = xasprintf("is in %s", path);

    buf_init(&cells, 0);
    send(t, "\033");
    send(t, line);
    if (wait_for(t, said) && file_read(path, 1 << 20, 0, &cells, NULL) == 0) {
        const char *at = buf_str(&cells);
        same = true;
        for (int y = 0; y + 1 < t->rows && same; y++) {
            struct buf row;
            size_t n = strcspn(at, "\n");
            buf_init(&row, 0);
            row_text(t, y, &row);
            same = row.len == n && memcmp(buf_str(&row), at, n) == 0;
            if (!same)
                printf("# row %d: terminal \"%s\", program \"%.*s\"\n", y, buf_str(&row),
                       (int)n, at);
            buf_release(&row);
            at += n + (at[n] == '\n');
        }
    }
    check(same, what);
    send(t, "\033");
    buf_release(&cells);
    free(path);
    free(line);
    free(said);
}

static void stop(struct terminal *t, const char *what)
{
    int status = 0;
    time_t end = time(NULL) + LIMIT_SECONDS;

    send(t, "q");
    wait_for(t, "> ");
    send(t, "\004");
    pid_t done;
    while ((done = waitpid(t->pid, &status, WNOHANG)) == 0 && time(NULL) < end) {
        struct pollfd fd = {.fd = t->fd, .events = POLLIN};
        char bytes[4096];
        if (poll(&fd, 1, 50) > 0 && read(t->fd, bytes, sizeof bytes) < 0)
            poll(NULL, 0, 10);
    }
    if (done == 0) {
        kill(t->pid, SIGKILL);
        waitpid(t->pid, &status, 0);
    }
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0, what);
    close(t->fd);
    vterm_free(t->vt);
    char *line = xasprintf("rm -rf '%s'", t->dir);
    if (system(line) != 0)
        printf("# %s stays\n", t->dir);
    free(line);
}

int main(void)
{
    struct terminal t;
    const char *source = getenv("RLAIF_SRC");
    char *import;

    if (!source)
        source = ".";
    start(&t, 24, 80);
    check(wait_for(&t, "keys"), "the full screen comes up");
    compare(&t, "Bench before anything is labelled");
    send(&t, ":label summary-base labeler=sim:gap=1.6,pos=.3,noise=.5\r");
    check(wait_for(&t, "done, "), "a set is labelled");
    compare(&t, "Bench with labels");
    send(&t, "jjjx/flip\r");
    wait_for(&t, "/ flip");
    compare(&t, "Bench moved, swapped and filtered");
    send(&t, "e");
    wait_for(&t, "as sent");
    send(&t, "word \xe4\xb8\x96 ");
    wait_for(&t, "probe 16/16");
    compare(&t, "Prompt behind an edit");
    send(&t, "\033");
    import = xasprintf(":import pairs %s/tests/screen/hostile.jsonl set=evil\r", source);
    send(&t, import);
    free(import);
    check(wait_for(&t, "set evil"), "a hostile set is imported");
    send(&t, "\033/\025\r");
    wait_for(&t, "owned");
    compare(&t, "Bench on hostile text");
    send(&t, "\r");
    wait_for(&t, "show pair");
    compare(&t, "an answer with hostile text");
    check(!t.danger, "no title was set, no bell rung");
    stop(&t, "the program leaves");
    printf("1..%d\n", n_tests);
    return n_failed > 0;
}
