/* `ablate prompt`: drops one sentence of the preamble at a time over a probe. */
#ifndef RLAIF_CMD_ABLATE_H
#define RLAIF_CMD_ABLATE_H

#include "src/cmd/command.h"

int ablate_run(struct call *call, struct error *err);
void ablate_print(const json_t *answer, struct buf *out);

#endif
