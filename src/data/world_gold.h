/*
 * The pocket world's gold score: reads a summary clause by clause against its post and
 * weighs what it finds. Any bytes have a score; nothing is known of how a text was made.
 * It rates and plots, no gradient or reward may come from it: libworldgold.a is linked by
 * the workbench, not by training. Pure; any thread.
 */
#ifndef RLAIF_DATA_WORLD_GOLD_H
#define RLAIF_DATA_WORLD_GOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "src/data/world.h"

enum world_axis {
    WORLD_COVERAGE,  /* +1.2 the problem, +.8 its consequence */
    WORLD_ASKED,     /* +.8 the question is kept */
    WORLD_ACCURACY,  /* -1 a clause with a wrong fact */
    WORLD_COHERENCE, /* -1 for every 8 words begun of a broken sentence, -.8 a repeated
                        clause */
    WORLD_LENGTH,    /* -.4 a detail, -.02 a word or mark */
    WORLD_AXES
};
const char *world_axis_name(
    enum world_axis axis); /* "coverage", "question", "accuracy", "coherence", "length" */
bool world_axis_parse(const char *name, enum world_axis *out);

struct world_score {
    double coverage, question, accuracy, coherence,
        length; /* the axes: they add up to total */
    double total;
    struct world_parts parts;
};
double world_score_axis(const struct world_score *score, enum world_axis axis);

/* Reads a post. False: it tells no problem that is known here, so that it is none of this
 * world's. */
bool world_read(const char *context, struct world_story *out);
/* Case, and whether a mark stands alone or at its word, do not matter; an empty text is
 * one broken sentence. */
void world_score_story(const struct world_story *story, const char *summary,
                       struct world_score *out);
/* Both at once; false, and *out zeroed, when the post is none of this world's. */
bool world_score_text(const char *context, const char *summary, struct world_score *out);

#endif
