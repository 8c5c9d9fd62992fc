/*
 * A screen of the full-screen workbench is a struct of functions; adding one is a file
 * and a row in tui.c. Views draw from memory only and change things only by running
 * command lines, which the log line shows. Main's thread.
 */
#ifndef RLAIF_UI_VIEW_H
#define RLAIF_UI_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/draw.h"
#include "ui/keys.h"

struct tui;
struct label_message;

/* A key of a view. From the rows come dispatch, the hint line and the `?` screen. */
struct key_row {
    const char *keys; /* "j Down" */
    const char *text; /* "next pair" */
    bool hint;        /* stands in the hint line */
    void (*run)(void *view);
    const char *short_text; /* for the hint line; NULL: text */
};

struct view_ops {
    const char *name;               /* as in a command row's tui_keys: "bench" */
    const char *title;              /* "Bench" */
    const struct key_row *keys;     /* ends with a row whose keys is NULL */
    void *(*open)(struct tui *tui); /* once; the view lives until the end */
    void (*close)(void *view);
    void (*enter)(void *view); /* comes on the screen; may be NULL */
    void (*leave)(void *view); /* goes off it; may be NULL */
    void (*reloaded)(
        void *view); /* a command ran: pointers into the set are old; may be NULL */
    void (*draw)(void *view, struct draw *draw, struct rect area);
    /* A text field is open: it gets keys before the tables do. True: taken. NULL: no
     * fields. */
    bool (*type)(void *view, const struct key *key);
    bool (*typing)(
        void *view); /* a field is open: the hint line names no printable keys */
    bool (*paste)(void *view, const char *text, size_t len); /* false: no field is open */
    void (*status)(void *view, struct buf *out); /* second line of the screen */
    void (*label)(void *view,
                  const struct label_message *message); /* rows as they land */
    int (*timeout_ms)(void *view);                      /* until tick is due, -1: none */
    void (*tick)(void *view);
};

extern const struct view_ops view_bench, view_prompt, view_train;

#endif
