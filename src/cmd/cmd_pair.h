/* `show pair`: run and text form. */
#ifndef RLAIF_CMD_CMD_PAIR_H
#define RLAIF_CMD_CMD_PAIR_H

#include "src/cmd/command.h"

int run_show_pair(struct call *call, struct error *err);
void print_pair(const json_t *answer, struct buf *out);

#endif
