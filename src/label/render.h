/*
 * From a prompt and a pair to the text and the tokens that a labeler is asked with.
 * Template and texts of the pair are joined as plain text and encoded as plain text:
 * whatever a post says, it never becomes a control token. Pure functions; a struct
 * renderer may be read from any thread.
 *
 * Layout, completion style: preamble, exemplars, sample, ending. Sections stand as
 * written; one that does not end its line gets a newline, so that the next begins on its
 * own. Chat style: system; everything up to the ending is the user's turn (trailing
 * blanks off) and the ending opens the assistant's turn. An exemplar is the sample filled
 * with its texts, its rationale when cot is on, the ending and the right option, then an
 * empty line. Texts: context, title and group as they stand; responses without leading
 * and trailing blanks. An option follows the ending as it would in writing: "Better
 * summary:" is followed by " 1", "Preferred Summary=" by "1" (prompt_option_gap). Its
 * tokens are what the tokenizer makes of it there.
 */
#ifndef RLAIF_LABEL_RENDER_H
#define RLAIF_LABEL_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/lm.h"
#include "src/base/buf.h"
#include "src/base/error.h"
#include "src/data/pair.h"
#include "src/label/label.h"
#include "src/label/prompt.h"

/* What a byte range of the rendered text came from. */
enum render_part {
    PART_MARKER,
    PART_SYSTEM,
    PART_PREAMBLE,
    PART_EXEMPLAR,
    PART_SAMPLE,
    PART_CONTEXT,
    PART_FIRST,
    PART_SECOND,
    PART_TITLE,
    PART_GROUP,
    PART_COT_ENDING,
    PART_RATIONALE,
    PART_ENDING
};
const char *render_part_name(enum render_part part); /* "marker", "system", ... */

struct render_range {
    size_t begin, end;     /* bytes of text */
    enum render_part part; /* PART_EXEMPLAR covers the example's texts too */
    int exemplar;          /* 0-based; -1: not in an exemplar */
};

struct rendered {
    struct buf text; /* whole, as the model reads it; chat markers included when there is
                        a model */
    struct render_range *ranges; /* adjacent, in order, cover all of text */
    size_t n_ranges, ranges_cap;
    struct tokens tokens;        /* empty without a model */
    int cut_lines;               /* lines taken from the end of the context */
    size_t last_text, last_token; /* where the text that was encoded last begins: all of
                                     it, or the assistant's turn */
};
void rendered_release(struct rendered *rendered);

/* " " when the ending ends in a letter, a digit or one of : ; , . ? ! ) and no option
 * brings a blank of its own; else "". */
const char *prompt_option_gap(const struct prompt *prompt);

/* A prompt made ready for a model: its options as tokens. */
struct renderer {
    const struct prompt *prompt;      /* outlives the renderer */
    const struct model *model;        /* NULL: texts only */
    const char *chat_format;          /* NULL: the model's own */
    size_t context;                   /* tokens a prompt may have, room for the answer taken off */
    struct tokens ending;             /* the ending alone */
    struct tokens
        *options; /* n_options: what follows the ending, each at least one token */
    size_t n_options;
    bool exact; /* the ending's tokens stay the same with every option behind them */
};
/* Options that the tokenizer cannot tell apart are an error. Release frees what is in it. */
int renderer_init(struct renderer *renderer, const struct prompt *prompt, const struct model *model,
                  struct error *err);
void renderer_release(struct renderer *renderer);

/* What is to be rendered. rationale NULL with cot on: the first pass, which ends with
 * cot.ending. */
struct render_call {
    const struct pair *pair;
    enum order order;      /* pointwise: which response is {{first}} */
    const char *rationale; /* as generated, len bytes; used only when cot is on */
    size_t rationale_len;
    const struct rendered
        *first; /* second pass: what the first pass was, for the same cut; else NULL */
    bool no_context;       /* null test: context, title and group are empty */
};
/* Cuts whole lines from the end of the context until it fits; an error when even an empty
 * context does not. */
int render(const struct renderer *renderer, const struct render_call *call, struct rendered *out,
           struct error *err);
/* The options as they follow exactly this text: renderer->options, or (when the ending's
 * last token changes with the option behind it) found on the whole text, and then
 * out->tokens is shortened to what all have in common. */
int render_options(const struct renderer *renderer, struct rendered *rendered,
                   struct tokens *options, struct error *err);

/* Things that are allowed but probably not meant; calls say(ctx, sentence) for each. */
void prompt_lint(const struct prompt *prompt, const struct renderer *renderer,
                 const struct pair *const *pairs, size_t n_pairs,
                 void (*say)(void *ctx, const char *sentence), void *ctx);

/*
 * Whether a response looks as if it spoke to the labeler: control markers, the prompt's
 * own ending, an order what to prefer, characters that nobody sees. Such a pair is judged
 * like every other; why says what was found.
 */
bool pair_suspect(const struct pair *pair, const struct prompt *prompt, char *why, size_t why_size);

#endif
