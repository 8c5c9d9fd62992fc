/*
 * A labeler prompt: a YAML file (contract 6) as it was written, and what it says. A struct
 * prompt is made by prompt_parse and never changed afterwards (prompt_set makes another one), so
 * it may be read from any thread. The source text is kept: an edit replaces one value in it and
 * leaves every other byte, comments included, as it was.
 */
#ifndef RLAIF_LABEL_PROMPT_H
#define RLAIF_LABEL_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/error.h"

#define PROMPT_SIZE_MAX ((size_t)1 << 20)
#define PROMPT_OPTIONS_MAX 16 /* = LABEL_OPTIONS_MAX */
#define PROMPT_SHOTS_MAX 64

enum prompt_polarity { PROMPT_BETTER, PROMPT_WORSE };
enum prompt_style { PROMPT_COMPLETION, PROMPT_CHAT };

/* One solved example. Texts are owned by the list; NULL where the file has none. */
struct exemplar {
    char *id, *title, *group, *context, *a, *b, *rationale;
    int label;    /* 1 or 2: the option that is right; pointwise prompts 1..n_options */
    int64_t line; /* where it stands in its file */
};
struct exemplars {
    struct exemplar *rows;
    size_t n, cap;
};
void exemplars_release(struct exemplars *list);
/* One JSON object a line: {"id","title","context","a","b","rationale","label"}. Errors
 * name file:line. */
int exemplars_read(const char *path, struct exemplars *out, struct error *err);

struct prompt {
    char *file;       /* for messages; "" when it never was a file */
    char *yaml;       /* the source, as it came */
    size_t yaml_len;
    char *name, *task;
    int polarity;     /* enum prompt_polarity */
    int style;        /* enum prompt_style */
    char *system, *preamble, *sample, *ending;
    struct exemplars exemplars; /* as used: written out, or the first `shots` of the set */
    char *exemplar_set;         /* "builtin-exemplars"; NULL: written out or none */
    int64_t shots;              /* wanted from the set */
    bool cot_on;
    char *cot_ending;
    int64_t cot_max_tokens;
    char **cot_stop;
    size_t n_cot_stop;
    char **options;
    size_t n_options;
    int64_t samples, top_k;
    double temperature, top_p;
    bool pointwise; /* the sample shows one response only ({{first}}): a score, not a
                       choice */
    struct prompt_spans *spans; /* where each value stands in yaml */
};

/*
 * Reads a prompt. `file` is for messages ("FILE:LINE:COL: ..."). Refuses: more than 1
 * MiB, deeper than 64, anchors, aliases, tags, a second document, duplicate or unknown
 * keys (nearest known one in the hint), bad UTF-8 and NUL, values of the wrong type (says
 * how it was read and asks for quotes), unknown, misspelt, missing or doubled slots. An
 * exemplar set is only named: see prompt_load_exemplars.
 */
struct prompt *prompt_parse(const char *yaml, size_t len, const char *file, struct error *err);
/* The same for a file. */
struct prompt *prompt_read(const char *path, struct error *err);
void prompt_free(struct prompt *prompt); /* NULL is fine */

/* Fills exemplars from DIR/exemplars.jsonl ("builtin-exemplars") or DIR/NAME.jsonl when
 * the prompt names a set; does nothing otherwise. Must be called before rendering, by the
 * thread that parsed it. Fails when the set has fewer. */
int prompt_load_exemplars(struct prompt *prompt, const char *dir, struct error *err);

/*
 * The prompt with one field changed ("ending", "cot.max_tokens", "shots"): only the
 * value's bytes in the YAML are replaced, a missing key is added. The result was parsed
 * again and is what the new text says; NULL and the error when the value will not do.
 * Lists are given as YAML ("[\"1\", \"2\"]", or lines "- .."). Exemplars are copied when
 * the set is the same.
 */
struct prompt *prompt_set(const struct prompt *prompt, const char *field, const char *value,
                          struct error *err);
/* The same settings, texts and exemplars (yaml, file and comments may differ). */
bool prompt_equal(const struct prompt *a, const struct prompt *b);

/* The fields: one row each, the only list of them. A table ends with a row whose name is NULL. */
enum prompt_type {
    PROMPT_WORD,      /* one word: name, task */
    PROMPT_TEXT,      /* any text */
    PROMPT_INT,
    PROMPT_REAL,
    PROMPT_BOOL,
    PROMPT_CHOICE,    /* words separated by | */
    PROMPT_WORDS,     /* a list of strings */
    PROMPT_EXEMPLARS, /* a list of exemplars or {set:, shots:} */
};
struct prompt_field {
    const char *name;    /* "cot.ending": key in a mapping */
    enum prompt_type type;
    size_t offset;       /* in struct prompt */
    double min, max;     /* numbers; counts for lists */
    const char *choices;
    const char *value;   /* the default as text */
    const char *text;    /* one line of help */
};
extern const struct prompt_field prompt_fields[];
/* NULL and the nearest name in the hint when there is none. "shots" means "exemplars.shots". */
const struct prompt_field *prompt_field_find(const char *name, struct error *err);
/* The value as text: strings as they are, lists as YAML flow sequences. */
void prompt_get(const struct prompt *prompt, const struct prompt_field *field, struct buf *out);

/* The slots of a sample. */
enum prompt_slot {
    PROMPT_SLOT_CONTEXT,
    PROMPT_SLOT_FIRST,
    PROMPT_SLOT_SECOND,
    PROMPT_SLOT_TITLE,
    PROMPT_SLOT_GROUP,
    PROMPT_SLOTS
};
extern const char *const prompt_slot_names[PROMPT_SLOTS]; /* "context", ... */
/*
 * Walks a template: calls literal(ctx, bytes, len) for plain text (`\{{` is given as
 * `{{`) and slot(ctx, which) for slots, in order. What a slot is filled with is never
 * looked at. Fails at a slot nobody knows, with *at its offset.
 */
int prompt_walk(const char *text, size_t len,
                void (*literal)(void *ctx, const char *bytes, size_t len),
                void (*slot)(void *ctx, enum prompt_slot which), void *ctx, size_t *at,
                struct error *err);

#endif
