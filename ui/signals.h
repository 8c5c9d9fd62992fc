/*
 * Signals, all taken by the main thread: a handler notes what came and writes a byte to a
 * pipe that the event loop polls. Ctrl-C sets the cancel token at once, since the command
 * that it is meant for is running on this very thread. A crash puts the terminal back
 * before it ends.
 */
#ifndef RLAIF_UI_SIGNALS_H
#define RLAIF_UI_SIGNALS_H

#include <stdbool.h>

#include "src/base/cancel.h"

enum signal_bits {
    SIGNAL_INT = 1 << 0,
    SIGNAL_END = 1 << 1, /* TERM or HUP: signals_exit_code says which */
    SIGNAL_RESIZE = 1 << 2,
    SIGNAL_STOP = 1 << 3, /* Ctrl-Z */
    SIGNAL_CONT = 1 << 4,
};

/* Before any thread is started: threads must not take signals that are main's. */
void signals_block(void);
/* Installs the handlers and lets signals come in. interrupt outlives the program's run.
 */
void signals_start(struct cancel *interrupt);
/* The token to cancel by Ctrl-C from now on; NULL: none. */
void signals_interrupts(struct cancel *interrupt);
int signals_fd(void);
/* What came since the last call. */
unsigned signals_take(void);
/* 130, 143 or 129 after SIGNAL_INT or SIGNAL_END; 0 when none came. */
int signals_exit_code(void);
/* Ends the program when this many Ctrl-C came without being taken: 0 never. */
void signals_force_after(int count);
/* Whether Ctrl-Z is a note for the loop (a line is being edited) or stops the process at
 * once. */
void signals_catch_stop(bool on);
/* Stops the whole process group, as Ctrl-Z does, and returns when it goes on. */
void signals_stop_now(void);
/* While a child has the terminal, Ctrl-C and Ctrl-Z are its business. */
void signals_lend(bool on);
/* In a child between fork and exec: all as a fresh process expects it. */
void signals_reset_in_child(void);

#endif
