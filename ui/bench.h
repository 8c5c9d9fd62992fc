/* The state of screen 1, shared by what draws it (bench_draw.c) and what its keys do
 * (view_bench.c). */
#ifndef RLAIF_UI_BENCH_H
#define RLAIF_UI_BENCH_H

#include "ui/field.h"
#include "ui/tui.h"

enum bench_pane { BENCH_LIST, BENCH_PAIR };

struct bench {
    struct tui *tui;
    enum bench_pane pane;
    size_t top;    /* first pair of the list that is shown */
    int list_rows; /* of the last frame: a page */
    int scroll;    /* of the context */
    int text_rows, text_height;
    bool swapped;         /* response B on the left */
    enum order rationale; /* of which order */
    bool typing;          /* the filter's or the tag's field is open */
    bool tagging;
    struct field field;
    char *old_filter; /* Esc brings it back */
};

void bench_draw(void *view, struct draw *draw, struct rect area);

#endif
