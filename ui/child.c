/* Programs that borrow the terminal: the editor and the pager. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "ui/front.h"
#include "ui/signals.h"

#define WORDS_MAX 32

/* Splits "emacs -nw" into words: quotes group, nothing is expanded, no shell ever sees
 * it. */
static size_t split_words(char *text, char **words)
{
    size_t n = 0;
    char *out = text, quote = 0;
    bool in_word = false;

    for (char *in = text; *in; in++) {
        if (!quote && (*in == ' ' || *in == '\t')) {
            if (in_word)
                *out++ = '\0';
            in_word = false;
            continue;
        }
        if (!in_word) {
            if (n == WORDS_MAX)
                break;
            words[n++] = out;
            in_word = true;
        }
        if (quote ? *in == quote : *in == '\'' || *in == '"')
            quote = quote ? 0 : *in;
        else
            *out++ = *in;
    }
    *out = '\0';
    return n;
}

/* Waits for a child; when it is stopped (Ctrl-Z) we stop too, and both go on together. */
static int wait_for(pid_t pid)
{
    int status;
    for (;;) {
        if (waitpid(pid, &status, WUNTRACED) < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        if (!WIFSTOPPED(status))
            return status;
        signals_stop_now();
        kill(pid, SIGCONT);
    }
}

/* argv: words then NULL. input: becomes standard input, -1: ours. */
static pid_t start(char *const *argv, int input)
{
    /* exec's failure comes back through a pipe that a success closes. */
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        signals_reset_in_child();
        if (input >= 0)
            dup2(input, STDIN_FILENO);
        execvp(argv[0], argv);
        int code = errno;
        ssize_t done = write(report[1], &code, sizeof code);
        (void)done;
        _exit(127);
    }
    close(report[1]);
    int code = 0;
    if (pid > 0 && read(report[0], &code, sizeof code) == sizeof code) {
        waitpid(pid, NULL, 0);
        errno = code;
        pid = -1;
    }
    close(report[0]);
    return pid;
}

int child_edit(const char *path, struct error *err)
{
    const char *name = getenv("VISUAL");
    char *words[WORDS_MAX + 2];
    int status = -1;

    if (!name || !*name)
        name = getenv("EDITOR");
    if (!name || !*name)
        name = "vi";
    char *text = xstrdup(name);
    size_t n = split_words(text, words);
    if (n == 0) {
        error_set(err, ERROR_FAILED, "EDITOR names no program");
        goto out;
    }
    words[n] = xstrdup(path);
    words[n + 1] = NULL;
    signals_lend(true);
    pid_t pid = start(words, -1);
    int ended = pid > 0 ? wait_for(pid) : -1;
    int failure = errno;
    signals_lend(false);
    free(words[n]);
    if (pid < 0) {
        error_set(err, ERROR_FAILED, "cannot start the editor %.100s: %s", words[0],
                  strerror(failure));
        error_hint(err, "set EDITOR to one that is installed");
    } else if (ended != 0) {
        error_set(err, ERROR_FAILED,
                  "the editor %.100s ended with an error; nothing is kept", words[0]);
    } else {
        status = 0;
    }
out:
    free(text);
    return status;
}

int child_page(const char *text, size_t len)
{
    const char *name = getenv("PAGER");
    char *words[WORDS_MAX + 2];
    int ends[2], status = -1;

    char *line = xstrdup(name && *name ? name : "less -FRX");
    size_t n = split_words(line, words);
    words[n] = NULL;
    if (n == 0 || pipe2(ends, O_CLOEXEC) < 0)
        goto out;
    signals_lend(true);
    pid_t pid = start(words, ends[0]);
    close(ends[0]);
    if (pid > 0) {
        /* A pager that is left early closes the pipe; that is no error. */
        write_all(ends[1], text, len);
        close(ends[1]);
        wait_for(pid);
        status = 0;
    } else {
        close(ends[1]);
    }
    signals_lend(false);
out:
    free(line);
    return status;
}
