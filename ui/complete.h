/*
 * Completion for Readline from command_complete: words with a gloss. Main's thread;
 * Readline has one completion under way at a time.
 */
#ifndef RLAIF_UI_COMPLETE_H
#define RLAIF_UI_COMPLETE_H

#include <stddef.h>

#include "src/cmd/workbench.h"

/* Hooks it into Readline. show: prints the list above the line being edited, or in a box.
 */
void complete_init(struct workbench *wb,
                   void (*show)(void *ctx, char *const *lines, size_t n), void *ctx);

#endif
