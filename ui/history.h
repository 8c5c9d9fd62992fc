/*
 * The lines that were typed: one file in each workspace, without doubles, shared by REPL
 * and TUI through Readline's history list. Main's thread.
 */
#ifndef RLAIF_UI_HISTORY_H
#define RLAIF_UI_HISTORY_H

#include "src/cmd/workbench.h"

void history_open(const struct workbench *wb);
/* Moves an older equal line to the end. Blank lines are not kept. */
void history_take(const struct workbench *wb, const char *line);
void history_close(const struct workbench *wb);

#endif
