/*
 * The full screen: which view is on, overlays, the `:` line, the log line. Views and the
 * test driver see this. Main's thread.
 */
#ifndef RLAIF_UI_TUI_H
#define RLAIF_UI_TUI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ui/desk.h"
#include "ui/front.h"
#include "ui/keys.h"
#include "ui/view.h"

#define TUI_SCREENS 6

/* A box of lines above the view: answers, help, completions. */
struct overlay {
    bool on;
    bool filters; /* letters narrow the lines */
    char *title;
    char **lines; /* sanitised */
    size_t n_lines, cap;
    size_t top;
    char filter[40];
};

struct tui {
    struct front *front;
    struct workbench *wb;
    struct sink sink;
    struct draw draw;
    struct keys keys;
    struct desk desk;
    void *screen; /* curses' SCREEN, NULL: never on */
    bool on;
    int saved_stderr; /* standard error, while it goes to the log */
    void *views[TUI_SCREENS];
    int current;
    struct overlay overlay;
    bool running;      /* a command line runs: its answer is collected */
    struct buf answer; /* what it printed */
    bool quiet;        /* its answer is not shown */
    char *log;         /* the last command line */
    char message[400]; /* until the next key */
    bool message_bad;
    bool prefix;       /* Ctrl-X was pressed */
    bool command_line; /* the `:` line is open */
    bool dirty;
    double last_draw;
    uint64_t generation; /* of the workbench, as last seen */
    uint64_t labels;     /* label messages since then */
    double last_interrupt;
    long frames;
};

struct tui *tui_make(struct front *front);
void tui_free(struct tui *tui);
/* in and out NULL: the real terminal. The test driver gives files and a size. */
int tui_start(struct tui *tui, FILE *in, FILE *out, int rows, int columns,
              struct error *err);
void tui_stop(struct tui *tui);
void tui_resize(struct tui *tui, int rows, int columns);
void tui_key(struct tui *tui, const struct key *key);
void tui_paste(struct tui *tui, const char *text, size_t len);
/* What changed in the workbench; run after workbench_poll. */
void tui_notice(struct tui *tui);
void tui_frame(struct tui *tui);
/* ms until something is due, -1: nothing. */
int tui_timeout(struct tui *tui);
void tui_tick(struct tui *tui);

/* Between the files of the full screen. */
extern const struct key_row tui_keys[]; /* of every screen; ends with keys NULL */
const char *tui_screen_title(int number);
const struct view_ops *tui_view(const struct tui *tui); /* the one that is on */
void *tui_state(const struct tui *tui);                 /* and its own state */
void tui_draw_all(struct tui *tui);
void tui_repaint(struct tui *tui);                  /* every cell is sent again */
void tui_take_interrupts(struct tui *tui, bool on); /* Ctrl-C is a signal, not a key */
void tui_forget_screen(struct tui *tui);

/* ---- for views ---- */

/* Runs a command line; the log shows it. Its answer opens as an overlay unless quiet.
 * Returns the exit code. */
int tui_run(struct tui *tui, bool quiet, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* One line at the bottom until the next key. */
void tui_say(struct tui *tui, bool bad, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A word of a command line, quoted where it must be. */
void line_quote(struct buf *out, const char *word);
void tui_show_view(struct tui *tui, int number);
void tui_redraw(struct tui *tui);
/* Gives the terminal back for a while and takes it again: editor, pager, Ctrl-Z. */
void tui_suspend(struct tui *tui);
void tui_resume(struct tui *tui);

/* ---- overlays (overlay.c) ---- */

void overlay_open(struct tui *tui, const char *title, bool filters);
void overlay_add(struct tui *tui, const char *text,
                 size_t len); /* lines, sanitised here */
void overlay_close(struct tui *tui);
bool overlay_key(struct tui *tui, const struct key *key); /* true: taken */
void overlay_draw(struct tui *tui);
void overlay_help(struct tui *tui);

/* ---- the `:` line (cmdline.c) ---- */

void cmdline_open(struct tui *tui, const char *text);
void cmdline_close(struct tui *tui);
void cmdline_key(struct tui *tui, const struct key *key);
void cmdline_paste(struct tui *tui, const char *text, size_t len);
void cmdline_draw(struct tui *tui, int y);

#endif
