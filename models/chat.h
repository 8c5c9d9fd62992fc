/*
 * Chat formats: how a conversation is written for a model. Each is a row of one table; there is
 * no template engine, because a model file's template is a program from somebody else. A
 * model's own format is recognised from the markers that stand in its template.
 */
#ifndef RLAIF_MODELS_CHAT_H
#define RLAIF_MODELS_CHAT_H

#include "models/gguf.h"
#include "models/lm.h"
#include "models/tokenizer.h"

#define CHAT_MAX_MARKERS 8
enum chat_flags {
    CHAT_BOS = 1 << 0,          /* a conversation begins with BOS */
    CHAT_TRIM = 1 << 1,         /* white space around a message's text is cut */
    CHAT_FOLD_SYSTEM = 1 << 2,  /* the system message stands inside the first user message */
    CHAT_BOS_TURNS = 1 << 3,    /* each user message begins with BOS again */
};

/* A row. In the texts each marker becomes the control token of that text where the vocabulary has one, and
 * {eos} the model's own EOS. */
struct chat_format {
    const char *name;
    unsigned flags;
    const char *signs[4]; /* a template with all of these is of this format */
    const char *others;   /* but not with this: a format that looks alike; or NULL */
    const char *markers[CHAT_MAX_MARKERS];
    const char *system[2], *user[2], *assistant[2]; /* before and behind the message */
    const char *open;     /* where the assistant begins to speak */
};

/* What a model's template says beside its format. */
struct chat_style {
    const struct chat_format *format; /* NULL: not recognised */
    char *default_system;             /* stands first when no system message does; or NULL */
    const char *preamble;             /* stands in front of every system message, and alone without one; or NULL */
    bool bos;                         /* the template begins with BOS */
};

const struct chat_format *chat_format_find(const char *name);
/* From tokenizer.chat_template; a file without one, or with an unknown one, gives format NULL. -1: not a string. */
int chat_style_load(struct chat_style *out, const struct gguf *gguf, struct error *err);
void chat_style_release(struct chat_style *style);

/* See model_chat. */
int chat_encode(const struct tokenizer *t, const struct chat_style *style,
                const struct chat_format *format, const struct chat_message *messages, size_t n,
                bool open_assistant, struct tokens *out, struct buf *text, struct error *err);

#endif
