/* The shell's own words, lines and scripts: the same in every front end. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/base/text.h"
#include "ui/front.h"

#define READ_DEPTH_MAX 8
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

static void talk(const struct sink *sink, const char *text)
{
    if (sink->talk)
        sink->talk(sink->ctx, text);
}

static int set_mode(struct front *front, const char *name, struct error *err)
{
    static const char *const names[] = {"text", "json", "jsonl", "tsv", "md"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            front->mode = (enum output_format)i;
            return 0;
        }
    return error_set(err, ERROR_USAGE, ".mode takes text, json, jsonl, tsv or md, not \"%.40s\"",
                     name);
}

static int set_readonly(struct front *front, const struct sink *sink, struct error *err)
{
    if (!front->wb)
        return 0;
    if (front->wb->readonly && store_readonly(front->wb->store))
        return error_set(err, ERROR_FAILED, "the workspace was opened read-only and stays so");
    front->wb->readonly = !front->wb->readonly;
    talk(sink, front->wb->readonly ? "read-only from now on" : "writing is allowed again");
    return 0;
}

static int want(struct front *front, enum front_end which, struct error *err)
{
    if (front->now == FRONT_BATCH)
        return error_set(err, ERROR_FAILED, "a script has no screen to switch");
    front->want = which;
    return 0;
}

static void say_help(const struct sink *sink)
{
    static const char *const lines[] = {
        ".help            this list; help lists the commands",
        ".read FILE       run a script",
        ".mode FORMAT     text, json, jsonl, tsv or md for lines that name no format",
        ".tui             the full-screen workbench (Ctrl-X t); q comes back",
        ".plain           plain lines on or off",
        ".readonly        refuse commands that write, or allow them again",
        ".debug           frames and bytes in the status line",
        ".quit            leave",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        talk(sink, lines[i]);
}

int shell_word(struct front *front, const struct sink *sink, const char *word, struct error *err)
{
    char name[16];
    size_t len;

    word += *word == '.';
    len = strcspn(word, " ");
    const char *rest = word + len + strspn(word + len, " ");
    if (len >= sizeof name)
        len = sizeof name - 1;
    memcpy(name, word, len);
    name[len] = '\0';
    if (strcmp(name, "help") == 0) {
        say_help(sink);
        return 0;
    }
    if (strcmp(name, "read") == 0) {
        if (!*rest)
            return error_set(err, ERROR_USAGE, ".read wants a file");
        int code = script_run(front, rest, sink, front->args->keep_going, err);
        return code == 0 ? 0 : -1;
    }
    if (strcmp(name, "mode") == 0)
        return set_mode(front, rest, err);
    if (strcmp(name, "tui") == 0)
        return want(front, FRONT_TUI, err);
    if (strcmp(name, "repl") == 0)
        return want(front, FRONT_REPL, err);
    if (strcmp(name, "readonly") == 0)
        return set_readonly(front, sink, err);
    if (strcmp(name, "plain") == 0) {
        front->plain = !front->plain;
        talk(sink, front->plain ? "plain lines" : "full line editing");
        return 0;
    }
    if (strcmp(name, "debug") == 0) {
        front->debug = !front->debug;
        talk(sink, front->debug ? "debug on" : "debug off");
        return 0;
    }
    if (strcmp(name, "quit") == 0) {
        front->done = true;
        if (front->wb)
            front->wb->quit = true;
        return 0;
    }
    error_set(err, ERROR_USAGE, "the shell knows no .%s", name);
    return error_hint(err, ".help lists its words");
}

/* ---- lines ---- */

bool front_mode_applies(const struct front *front, const struct call *call)
{
    return front->mode != OUTPUT_TEXT && !call->format_given && !call->to;
}

int front_run(struct front *front, const char *line, const struct sink *sink, bool keep_going)
{
    struct error err = {0};
    int code = command_run(front->wb, line, sink, keep_going, &err);
    if (front->wb && front->wb->quit)
        front->done = true;
    return code;
}

/* ---- scripts ---- */

/* One line without its newline; 1: the end. A NUL or a line of more than 1 MiB is an error. */
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
        return error_at_line(err, name, number, (int64_t)len + 1, "the line holds a NUL byte");
    while (len > 0 && strchr("\r\n", (*line)[len - 1]))
        (*line)[--len] = '\0';
    return 0;
}

int script_run(struct front *front, const char *path, const struct sink *sink, bool keep_going,
               struct error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *outer = front->file;
    long outer_line = front->line;
    char *line = NULL;
    size_t cap = 0;
    int code = 0;
    struct error own = {0};

    if (front->depth >= READ_DEPTH_MAX)
        return error_set(err, ERROR_FAILED, "%s: scripts read scripts more than %d deep", path,
                         READ_DEPTH_MAX) < 0 ? ERROR_FAILED : 0;
    FILE *in = is_stdin ? stdin : fopen(path, "re");
    if (!in) {
        error_errno(err, path, "cannot open");
        return ERROR_FAILED;
    }
    front->depth++;
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
        status = front_run(front, line, sink, keep_going);
        if (status != 0) {
            if (code == 0)
                code = status;
            if (err)
                error_at_line(err, front->file, front->line, 0, "the script stopped at this line");
            if (!keep_going || status == ERROR_CANCELLED)
                break;
        }
    }
    free(line);
    if (!is_stdin)
        fclose(in);
    front->depth--;
    front->file = outer;
    front->line = outer_line;
    return code;
}
