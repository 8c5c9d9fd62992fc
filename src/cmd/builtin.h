/* What a new workspace begins with: the built-in pairs and the shipped prompts. */
#ifndef RLAIF_CMD_BUILTIN_H
#define RLAIF_CMD_BUILTIN_H

#include "src/cmd/workbench.h"

int builtin_fill(struct workbench *wb, struct error *err);

#endif
