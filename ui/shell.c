/* The shell's own words, lines and scripts: the same in every front end. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ui/front.h"

#define SCRIPT_LINE_MAX ((size_t)1 << 20)

int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* ---- words ---- */

static int want(struct front *front, enum front_end which, struct error *err)
{
    if (front->now == FRONT_BATCH)
        return error_set(err, ERROR_FAILED, "a script has no screen to switch");
    front->want = which;
    return 0;
}

int shell_word(struct front *front, const struct sink *sink, const char *word,
               struct error *err)
{
    if (strcmp(word, "tui") == 0)
        return want(front, FRONT_TUI, err);
    if (strcmp(word, "plain") == 0) {
        front->plain = !front->plain;
        front->color = !front->plain && front->args->color == 0;
        if (sink->talk)
            sink->talk(sink->ctx, front->plain ? "plain lines" : "full line editing");
        return front->plain && front->now == FRONT_TUI ? want(front, FRONT_REPL, err) : 0;
    }
    if (strcmp(word, "debug") == 0) {
        front->debug = !front->debug;
        return 0;
    }
    return error_set(err, ERROR_USAGE, "this front end knows no .%s", word);
}

/* ---- lines ---- */

int front_run(struct front *front, const char *line, const struct sink *sink,
              bool keep_going)
{
    struct error err = {0};
    int code = command_run(front->wb, line, sink, keep_going, &err);
    if (front->wb && front->wb->quit)
        front->done = true;
    return code;
}

/* ---- scripts ---- */

/* One line without its newline; 1: the end. A NUL or a line of more than 1 MiB is an
 * error. */
static int read_line(FILE *in, const char *name, long number, char **line, size_t *cap,
                     struct error *err)
{
    ssize_t n = getline(line, cap, in);
    if (n < 0)
        return ferror(in) ? error_errno(err, name, "cannot read") : 1;
    if ((size_t)n > SCRIPT_LINE_MAX)
        return error_at_line(err, name, number, 0, "the line is longer than 1 MiB");
    size_t len = strlen(*line);
    if (len != (size_t)n)
        return error_at_line(err, name, number, (int64_t)len + 1,
                             "the line holds a NUL byte");
    while (len > 0 && strchr("\r\n", (*line)[len - 1]))
        (*line)[--len] = '\0';
    return 0;
}

int script_run(struct front *front, const char *path, const struct sink *sink,
               bool keep_going, struct error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    char *line = NULL;
    size_t cap = 0;
    int code = 0;
    struct error own = {0};

    FILE *in = is_stdin ? stdin : fopen(path, "re");
    if (!in) {
        error_errno(err, path, "cannot open");
        return ERROR_FAILED;
    }
    front->file = is_stdin ? "stdin" : path;
    front->line = 0;
    while (!front->done) {
        front->line++;
        int status = read_line(in, front->file, front->line, &line, &cap, &own);
        if (status == 1)
            break;
        if (status < 0) {
            if (code == 0)
                code = ERROR_DATA;
            if (err)
                *err = own;
            break;
        }
        if (front->args->echo) {
            write_all(STDOUT_FILENO, "> ", 2);
            write_all(STDOUT_FILENO, line, strlen(line));
            write_all(STDOUT_FILENO, "\n", 1);
        }
        status = front_run(front, line, sink, keep_going);
        if (status != 0) {
            if (code == 0)
                code = status;
            if (err)
                error_at_line(err, front->file, front->line, 0,
                              "the script stopped at this line");
            if (!keep_going || status == ERROR_CANCELLED)
                break;
        }
    }
    free(line);
    if (!is_stdin)
        fclose(in);
    front->file = NULL;
    return code;
}
