/*
 * A prompt being edited: five sections as text fields over the version they came from,
 * what the edit would send for a pair, and a probe that judges some pairs with it in the
 * background. The text is the person's until it is saved; a section that does not parse
 * stays as typed and says why. Main's thread.
 */
#ifndef RLAIF_UI_DRAFT_H
#define RLAIF_UI_DRAFT_H

#include "src/cmd/probe.h"
#include "src/cmd/prompts.h"
#include "src/label/render.h"
#include "ui/desk.h"
#include "ui/field.h"

enum section {
    SECTION_PREAMBLE,
    SECTION_EXEMPLARS,
    SECTION_SAMPLE,
    SECTION_COT,
    SECTION_ENDING,
    SECTIONS
};

struct draft_probe {
    int job; /* its number, 0: none runs */
    const struct pair *pairs[PROBE_PAIRS];
    size_t n, n_fresh;
    struct judged before[PROBE_PAIRS], after[PROBE_PAIRS];
    struct label_list rows[PROBE_PAIRS];
    bool known[PROBE_PAIRS]; /* after holds an answer, */
    bool fresh[PROBE_PAIRS]; /* and it is of the text that is asked with now */
    bool stale;              /* the text was changed since the probe began */
    double due;              /* when it shall start, 0: not at all */
    uint64_t serial;         /* messages of older probes have another one */
    char note[200];          /* why there is none */
    char labeler[80];
};

struct draft {
    struct workbench *wb;
    struct desk *desk;
    struct prompt_row row; /* the version it is a draft of; name NULL: none */
    struct prompt *base;
    struct prompt *prompt; /* with all edits; NULL: the text does not parse */
    struct error error;    /* then why */
    enum section bad;      /* and where */
    struct field fields[SECTIONS];
    bool cot_on;
    struct rendered rendered; /* as sent for the desk's pair; n_ranges 0: not rendered */
    char render_note[300];
    enum order order;
    size_t tokens, base_tokens; /* of the text as sent; 0 without a model */
    struct draft_probe probe;
};

extern const char *const section_names[SECTIONS]; /* "preamble", ... as tabs */
extern const char
    *const section_fields[SECTIONS]; /* "cot.ending": fields of the prompt */

void draft_init(struct draft *draft, struct workbench *wb, struct desk *desk);
void draft_release(struct draft *draft);
/* The workbench's prompt; texts that were changed and not saved stay, and with them their
 * version. */
int draft_load(struct draft *draft, struct error *err);
bool draft_changed(const struct draft *draft, enum section section);
bool draft_changed_any(const struct draft *draft);
/* After a key changed a section: parses, renders, stops the running probe, starts another
 * one in 300 ms. */
void draft_edited(struct draft *draft);
/* The text as sent for the pair that the desk shows now. */
void draft_render(struct draft *draft);
/* The command line that keeps the texts as the next version; false: nothing was changed.
 */
bool draft_save_line(const struct draft *draft, struct buf *out);

/* ---- the probe ---- */

#define DRAFT_PAUSE_SECONDS .3

void draft_probe_start(struct draft *draft);
void draft_probe_stop(struct draft *draft);
/* Stops it and forgets its pairs: they may not be there any more. */
void draft_probe_forget(struct draft *draft);
/* A message of any job: takes those of its own probe. True: something new is to be seen.
 */
bool draft_probe_message(struct draft *draft, const struct label_message *message);
int draft_probe_timeout(
    const struct draft *draft); /* ms until the next is due, -1: none */

#endif
