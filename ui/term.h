/*
 * The terminal's state: saved at start, put back on every way out, crashes included.
 * Main's thread, but for term_emergency, which a signal handler may call on any thread.
 */
#ifndef RLAIF_UI_TERM_H
#define RLAIF_UI_TERM_H

#include <stdbool.h>

struct term_size {
    int rows, columns;
};

/* Remembers how the terminal is now; does nothing when standard input is none. */
void term_save(void);
/* Back to what term_save saw. */
void term_restore(void);
/* A full screen is on, or not any more: term_emergency ends it. After newterm. */
void term_screen(bool on);
/* Only functions that a signal handler may call. */
void term_emergency(void);
/* From the kernel; 24 x 80 when it does not know. */
struct term_size term_size(void);
/* Ctrl-S and Ctrl-Q become keys. */
void term_flow_off(void);
/* True when the locale's characters are UTF-8. */
bool term_is_utf8(void);
/* True when TERM names a terminal that can move its cursor, and all three streams allow
 * it. */
bool term_can_tui(void);
/* False on dumb and unknown terminals: Readline would do no better than plain lines. */
bool term_can_edit(void);

#endif
