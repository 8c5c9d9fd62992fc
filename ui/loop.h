/*
 * The event loop of a person's session: one poll() on the terminal, the signal pipe, the
 * jobs' wake and the watched file. A front end is a struct of functions; one of them has
 * the terminal at a time. Main's thread.
 */
#ifndef RLAIF_UI_LOOP_H
#define RLAIF_UI_LOOP_H

#include "ui/front.h"

struct end_ops {
    /* Takes the terminal. -1: it cannot (and says why); the loop goes back to the REPL.
     */
    int (*on)(void *end, struct error *err);
    void (*off)(void *end);                    /* gives it back as it was */
    void (*input)(void *end);                  /* the terminal has bytes */
    void (*signals)(void *end, unsigned bits); /* all but SIGNAL_END */
    int (*timeout_ms)(void *end); /* until `round` wants to run again, -1: no time */
    void (*round)(void *end);     /* after each wake-up: draw what changed */
    void (*free)(void *end);
};

struct end {
    const struct end_ops *ops;
    void *end;
};

struct end repl_new(struct front *front);
struct end tui_new(struct front *front);

#endif
