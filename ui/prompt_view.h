/* The state of screen 2, shared by what draws it (prompt_draw.c) and what its keys do
 * (view_prompt.c). */
#ifndef RLAIF_UI_PROMPT_VIEW_H
#define RLAIF_UI_PROMPT_VIEW_H

#include "ui/draft.h"
#include "ui/tui.h"

enum prompt_pane { PANE_EDIT, PANE_PROBE, PANE_SENT };

struct prompt_view {
    struct tui *tui;
    struct draft draft;
    enum section section;
    enum prompt_pane pane;
    bool on;         /* on the screen: only then the probe starts by itself */
    int width, page; /* of the editor, last frame */
    size_t probe_cursor;
    int sent_top;
    bool sent_follows; /* the text as sent is scrolled to the section being edited */
    char trouble[400]; /* why there is no prompt */
};

void prompt_draw(void *arg, struct draw *draw, struct rect area);
/* counts: by enum probe_change, of the answers to the text that is asked with now. */
void probe_counts(const struct draft_probe *probe, size_t counts[5], size_t *right,
                  size_t *same_slot);

#endif
