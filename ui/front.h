/*
 * What the front ends share: the workbench, the settings of the shell itself (.plain,
 * .debug), and which front end is wanted next. Main's thread only.
 */
#ifndef RLAIF_UI_FRONT_H
#define RLAIF_UI_FRONT_H

#include <stdbool.h>

#include "src/cmd/command.h"
#include "src/cmd/workbench.h"
#include "ui/args.h"

enum front_end { FRONT_BATCH, FRONT_REPL, FRONT_TUI };

struct front {
    struct workbench *wb;
    const struct args *args;
    struct cancel no_interrupt; /* what Ctrl-C sets when there is no workbench */
    bool plain;                 /* lines only, words instead of colours */
    bool color, utf8;
    bool debug;               /* .debug: frames and bytes in the status line */
    enum front_end now, want; /* the loop switches when they differ */
    bool done;                /* leave */
    int code;                 /* the exit code so far */
    const char *file;         /* script that runs, NULL: none */
    long line;
};

/* ---- lines, scripts, and the words that are the shell's: .tui .plain .debug (shell.c)
 * ---- */

/* `sink` is the front end's own. */
int shell_word(struct front *front, const struct sink *sink, const char *word,
               struct error *err);
/* Runs one line. A line that fails is reported on the sink; returns the exit code. */
int front_run(struct front *front, const char *line, const struct sink *sink,
              bool keep_going);
/* Runs a script; errors name FILE:LINE. "-" is standard input. Returns the exit code. */
int script_run(struct front *front, const char *path, const struct sink *sink,
               bool keep_going, struct error *err);

/* Writes all bytes to a descriptor; -1 with errno when it cannot. */
int write_all(int fd, const char *bytes, size_t len);

/* ---- children (child.c) ---- */

/* $VISUAL, $EDITOR or vi on a file; waits. The caller has given the terminal back before.
 */
int child_edit(const char *path, struct error *err);
/* Text through $PAGER (less when unset). -1 when there is no pager: print it then. */
int child_page(const char *text, size_t len);

/* ---- the front ends ---- */

/* -c, -f and standard input; returns the exit code. */
int batch_run(struct front *front);
/* REPL and TUI until the user leaves; returns the exit code. */
int loop_run(struct front *front);

#endif
