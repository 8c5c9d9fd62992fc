/*
 * Commands: everything a user can say is one const row of command_table and one run function.
 * From the row come dispatch, usage errors, completion, help, the hint line, the `?` screen and
 * the man page's check. A key press, a REPL line, a script line all become one struct call,
 * run on the main thread. A command answers with one JSON object; its text form is made from
 * that object alone, so no front end can show anything else.
 */
#ifndef RLAIF_CMD_COMMAND_H
#define RLAIF_CMD_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "src/base/buf.h"
#include "src/base/error.h"

struct workbench;
struct call;

enum command_flags {
    COMMAND_WRITES = 1 << 0,  /* refused in a read-only workspace; journalled */
    COMMAND_WHERE = 1 << 1,   /* takes `where FILTER` */
    COMMAND_BY = 1 << 2,      /* takes `by KEY,..` */
    COMMAND_SILENT = 1 << 3,  /* no data with `as json` (label, wait) */
    COMMAND_SHELL = 1 << 4,   /* dot command of the shell itself, not journalled */
    COMMAND_MODEL = 1 << 5,   /* wants the open model */
    COMMAND_ANY_KEY = 1 << 6, /* keys are names that run looks up itself (set) */
    COMMAND_COMPARES = 1 << 7, /* > and < are its own words: no > FILE (assert) */
};

/* What completes a reference or a value. */
enum completes { COMPLETE_NONE, COMPLETE_FILE, COMPLETE_SET, COMPLETE_PAIR, COMPLETE_PROMPT,
                 COMPLETE_JOB, COMPLETE_METRIC, COMPLETE_COMMAND, COMPLETE_MODEL,
                 COMPLETE_RUN, COMPLETE_PLOT /* runs and their metrics */ };

/* A key=value that a command takes. A table ends with a row whose name is NULL. */
struct command_key {
    const char *name;
    const char *value;  /* "NAME", "N", "json|md" for usage and completion */
    const char *text;
    enum completes completes;
    bool required; /* shown without brackets; run itself says when it is missing */
};

struct command {
    const char *verb;
    const char *noun;          /* NULL: the verb alone */
    const char *refs;          /* usage of the references: "FILE..", "[PROMPT]" */
    int min_refs, max_refs;    /* max -1: any number */
    enum completes completes;  /* the references */
    const struct command_key *keys; /* NULL: none */
    unsigned flags;
    const char *text;          /* one line of help */
    const char *example;       /* a line that runs on the built-in set */
    const char *tui_keys;      /* "bench:r prompt:C-s", NULL: none */
    int (*run)(struct call *call, struct error *err);
    void (*print)(const json_t *answer, struct buf *out); /* text form; NULL: the generic one */
};
/* The rows of all files of this folder, in the order of help. A row stands in its file's
 * array and nowhere else. */
size_t command_count(void);
const struct command *command_at(size_t i);
/* Fills buf with "import pairs FILE.. [set=NAME] [where FILTER] [as FORMAT]". */
void command_usage(const struct command *command, struct buf *out);

enum output_format { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_TSV, OUTPUT_MD };

/* One parsed command. Strings are owned by the call. */
struct call {
    const struct command *command;
    struct workbench *wb;
    char **refs;
    size_t n_refs;
    struct call_pair { char *key, *value; } *pairs;
    size_t n_pairs;
    char *where, *by, *to; /* filter text, keys, file of `> FILE`; NULL: none */
    enum output_format format;
    bool format_given;
    char *line;            /* as typed, for the journal */
    json_t *answer;        /* set by run; one object */
    char *undo;            /* set by run: a line that takes it back; NULL: cannot be undone */
};
/* Value of a key, NULL when not given. */
const char *call_get(const struct call *call, const char *key);
/* Number of a key with a range; *out stays when the key is not given. */
int call_get_int(const struct call *call, const char *key, long min, long max, long *out,
                 struct error *err);
int call_get_real(const struct call *call, const char *key, double min, double max, double *out,
                  struct error *err);

/*
 * Parses one command from *text and moves *text behind it (and its `;`). 0; 1: nothing
 * left; -1: error with the column. Quotes '..' and ".." group, \ takes the next
 * character; # where a verb is due begins a comment to the end of the line.
 */
int call_parse(struct workbench *wb, const char **text, struct call *out, struct error *err);
void call_release(struct call *call);

/* Where answers and talk go: a front end. */
struct sink {
    void (*data)(void *ctx, const char *bytes, size_t len); /* a rendered answer, newline-ended */
    void (*talk)(
        void *ctx,
        const char *line); /* progress, warnings, job lines: one sanitised line */
    /* The error of a line that failed, one sanitised line; NULL: talk takes it. */
    void (*error)(void *ctx, const char *line);
    void (*answer)(void *ctx, const struct call *call,
                   const json_t *answer); /* may be NULL: TUI takes objects */
    /* Lets a person edit a file in $EDITOR and waits; NULL: this front end cannot. */
    int (*edit)(void *ctx, const char *path, struct error *err);
    /* Asked for by .tui, .plain and such: the shell's own business; NULL: this front end
     * has none. */
    int (*shell)(void *ctx, const char *word, struct error *err);
    void *ctx;
};
/* Runs every command of a line; an error stops the rest unless keep_going. Returns the
 * exit code; err has the first error. */
int command_run(struct workbench *wb, const char *line, const struct sink *sink, bool keep_going,
                struct error *err);
/* The error in the format the failing call asked for (JSON on data, text on talk). */
void command_report(const struct error *err, enum output_format format, const struct sink *sink);

/* The answer in a format: what `data` would get. */
void answer_render(const struct call *call, const json_t *answer,
                   enum output_format format, struct buf *out);

/* Completions of the word that ends at `point`: malloced list ended by NULL, each entry
 * "word" or "word\tgloss". */
char **command_complete(struct workbench *wb, const char *line, size_t point, size_t *word_start);
void command_complete_free(char **list);
/* The hint for a half-typed line: usage of the command so far; "" when there is none. */
void command_hint(struct workbench *wb, const char *line, struct buf *out);

#endif
