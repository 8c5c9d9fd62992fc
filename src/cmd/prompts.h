/* Prompts of the store made ready for use, beside workbench.h: for the files of this
 * folder and the TUI. */
#ifndef RLAIF_CMD_PROMPTS_H
#define RLAIF_CMD_PROMPTS_H

#include "src/cmd/workbench.h"
#include "src/label/prompt.h"

/* The parsed prompt of a row, exemplars loaded. NULL: error with line and column of
 * "NAME@VERSION". */
struct prompt *prompt_load(struct workbench *wb, const struct prompt_row *row, struct error *err);
/* Stores a prompt as the next version of its name; row is filled (the same version when
 * nothing changed). */
int prompt_store(struct workbench *wb, const struct prompt *prompt, int64_t parent,
                 const char *note, struct prompt_row *row, struct error *err);
/* What `show`, `label` and `probe` take from now on when no prompt is named. */
void prompt_remember(struct workbench *wb, const struct prompt_row *row);
/* "A..B" into two rows. */
int prompt_range(struct workbench *wb, const char *text, struct prompt_row *from,
                 struct prompt_row *to, struct error *err);
/* Lines of two texts as a diff: "  same", "- old", "+ new". */
void text_diff(const char *from, const char *to, struct buf *out);

#endif
