/* Judged rows in memory, beside workbench.h: for the files of this folder. */
#ifndef RLAIF_CMD_JUDGING_H
#define RLAIF_CMD_JUDGING_H

#include "src/cmd/workbench.h"

/* Takes committed rows into the judgings they belong to (copies them). */
void judging_take_rows(struct workbench *wb, const struct label_list *rows);
void judging_forget_set(struct workbench *wb, int64_t set_id);
void judging_free_all(struct workbench *wb);

#endif
