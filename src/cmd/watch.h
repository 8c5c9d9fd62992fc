/* `watch prompt FILE`: a file is looked at whenever it is written, and probed. Main's thread. */
#ifndef RLAIF_CMD_WATCH_H
#define RLAIF_CMD_WATCH_H

#include "src/cmd/workbench.h"

int watch_start(struct workbench *wb, const char *path, struct error *err);
void watch_stop(struct workbench *wb); /* no watch is fine */
/* To be polled by the front end; -1: nothing is watched. When readable, call watch_poll. */
int watch_fd(const struct workbench *wb);
void watch_poll(struct workbench *wb);

#endif
