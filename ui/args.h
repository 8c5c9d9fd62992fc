/*
 * The command line, the environment and the config file, in that order of weight. Read
 * once by main before anything is opened.
 */
#ifndef RLAIF_UI_ARGS_H
#define RLAIF_UI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/error.h"

/* `-c CMD` or `-f FILE`, run in the order in which they were given. */
struct args_step {
    bool is_file;
    char *text;
};

struct args {
    struct args_step *steps;
    size_t n_steps;
    bool keep_going, readonly, no_model, tui, version, help;
    bool echo; /* a script is written as a transcript: lines, answers and talk in one
                  stream */
    /* Also in the config file: */
    char *workspace, *model; /* "" when not given */
    int64_t threads;
    bool plain, ascii;
    int color; /* 0 auto, 1 never */
};

/* Fills out from $XDG_CONFIG_HOME/rlaif/config, the environment, argv. -1: a usage error,
 * or an error in the config file. */
int args_read(int argc, char **argv, struct args *out, struct error *err);
void args_release(struct args *args);
/* What --help prints. */
void args_usage(struct buf *out);

#endif
