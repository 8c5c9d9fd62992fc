/* Command line, environment, config file. */
#include "config.h"

#include "ui/args.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/option.h"
#include "src/base/text.h"

/* What the config file may say, as `name = value` lines. */
static const struct option config_options[] = {
    {"workspace", OPTION_TEXT, offsetof(struct args, workspace), 0, 0, NULL, "",
     "folder of the workspace"},
    {"model", OPTION_TEXT, offsetof(struct args, model), 0, 0, NULL, "", "GGUF file"},
    {"threads", OPTION_INT, offsetof(struct args, threads), 0, 64, NULL, "0",
     "threads that compute, 0: as many as cores"},
    {"plain", OPTION_BOOL, offsetof(struct args, plain), 0, 0, NULL, "false",
     "lines instead of cells, words instead of colours"},
    {"ascii", OPTION_BOOL, offsetof(struct args, ascii), 0, 0, NULL, "false",
     "no line characters"},
    {"color", OPTION_CHOICE, offsetof(struct args, color), 0, 0, "auto|never", "auto",
     "colours in the terminal"},
    {0},
};

/* ---- the options of the command line: one row each, for the parser, --help and the man
 * page ---- */

enum {
    OPT_READONLY = 256,
    OPT_PLAIN,
    OPT_TUI,
    OPT_MODEL,
    OPT_NO_MODEL,
    OPT_THREADS,
    OPT_ASCII,
    OPT_ECHO,
    OPT_VERSION,
    OPT_HELP
};

struct row {
    const char *name; /* NULL: the short form only */
    const char *value;
    int code; /* a letter, or OPT_ */
    const char *text;
};

static const struct row rows[] = {
    {"workspace", "DIR", 'w',
     "the workspace; a new folder gets the built-in pairs and prompts"},
    {NULL, "CMD", 'c', "run a line of commands and end; may be given several times"},
    {NULL, "FILE", 'f', "run a script and end; - is standard input"},
    {NULL, NULL, 'k', "keep going after a command that failed"},
    {"echo", NULL, OPT_ECHO,
     "a script as a transcript: each line, then what it said, on standard output"},
    {"readonly", NULL, OPT_READONLY, "change nothing in the workspace"},
    {"plain", NULL, OPT_PLAIN,
     "plain lines: no cursor movement, no colours, for screen readers"},
    {"tui", NULL, OPT_TUI, "begin with the full-screen workbench"},
    {"ascii", NULL, OPT_ASCII, "draw with ASCII characters only"},
    {"model", "FILE", OPT_MODEL, "open this GGUF file instead of the default model"},
    {"no-model", NULL, OPT_NO_MODEL, "open no model"},
    {"threads", "N", OPT_THREADS, "threads that compute, 0: as many as cores"},
    {"version", NULL, OPT_VERSION, "say version, BLIS kernel and SIMD path"},
    {"help", NULL, OPT_HELP, "say this"},
};
#define N_ROWS (sizeof rows / sizeof *rows)

void args_usage(struct buf *out)
{
    buf_adds(
        out,
        "usage: rlaif [-w DIR] [-k] [-c CMD].. [-f FILE].. [option..]\n"
        "Without -c and -f: a command line on a terminal, else a script is read from "
        "standard input.\n\n");
    for (size_t i = 0; i < N_ROWS; i++) {
        struct buf name;
        buf_init(&name, 0);
        if (rows[i].code < 256)
            buf_addf(&name, "-%c%s", rows[i].code, rows[i].name ? ", " : "");
        if (rows[i].name)
            buf_addf(&name, "--%s", rows[i].name);
        if (rows[i].value)
            buf_addf(&name, " %s", rows[i].value);
        buf_addf(out, "  %-21s %s\n", buf_str(&name), rows[i].text);
        buf_release(&name);
    }
    buf_adds(
        out,
        "\nexit status: 0 ok, 1 a command failed, 2 usage, 3 bad data, 4 an assert does "
        "not hold, 130 interrupted\n"
        "environment: RLAIF_WORKSPACE, NO_COLOR, ACCESSIBLE, VISUAL, EDITOR, PAGER, "
        "XDG_DATA_HOME, XDG_CONFIG_HOME\n"
        "config file: $XDG_CONFIG_HOME/rlaif/config, lines of name = value:\n");
    for (const struct option *o = config_options; o->name; o++)
        buf_addf(out, "  %-21s %s\n", o->name, o->text);
}

static void set_text(char **field, const char *value)
{
    free(*field);
    *field = xstrdup(value);
}

/* ---- config file ---- */

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]))
        text[--len] = '\0';
    return text;
}

static int read_config(struct args *args, struct error *err)
{
    char *home = path_config_home();
    char *path = home ? path_join(home, "config") : NULL;
    struct buf text;
    int status = 0;
    int64_t number = 0;

    free(home);
    buf_init(&text, 0);
    if (!path || !file_exists(path) ||
        (status = file_read(path, 1 << 16, 0, &text, err)) < 0)
        goto out;
    char *rest = text.data;
    while (rest && status == 0) {
        char *line = rest, *end = strchr(rest, '\n');
        number++;
        rest = end ? end + 1 : NULL;
        if (end)
            *end = '\0';
        line = trim(line);
        if (!*line || *line == '#')
            continue;
        char *equals = strchr(line, '=');
        struct error own = {0};
        if (!equals) {
            status = error_at_line(err, path, number, 1, "a line must be name = value");
            break;
        }
        *equals = '\0';
        if (option_set(config_options, args, trim(line), trim(equals + 1), &own) < 0) {
            status = error_at_line(err, path, number, 1, "%s", own.text);
            if (own.hint[0])
                error_hint(err, "%s", own.hint);
        }
    }
out:
    buf_release(&text);
    free(path);
    return status;
}

static void read_environment(struct args *args)
{
    const char *dir = getenv("RLAIF_WORKSPACE"), *no_color = getenv("NO_COLOR");
    const char *accessible = getenv("ACCESSIBLE");
    if (dir && *dir)
        set_text(&args->workspace, dir);
    if (no_color && *no_color)
        args->color = 1;
    if (accessible && *accessible && strcmp(accessible, "0") != 0)
        args->plain = true;
}

/* ---- command line ---- */

static void add_step(struct args *args, bool is_file, const char *text)
{
    args->steps = xrealloc(args->steps, (args->n_steps + 1) * sizeof *args->steps);
    args->steps[args->n_steps++] = (struct args_step){is_file, xstrdup(text)};
}

static int take(struct args *args, int code, const char *value, struct error *err)
{
    switch (code) {
    case 'w':
        set_text(&args->workspace, value);
        return 0;
    case 'c':
    case 'f':
        add_step(args, code == 'f', value);
        return 0;
    case 'k':
        args->keep_going = true;
        return 0;
    case OPT_READONLY:
        args->readonly = true;
        return 0;
    case OPT_PLAIN:
        args->plain = true;
        return 0;
    case OPT_TUI:
        args->tui = true;
        return 0;
    case OPT_ASCII:
        args->ascii = true;
        return 0;
    case OPT_MODEL:
        set_text(&args->model, value);
        return 0;
    case OPT_NO_MODEL:
        args->no_model = true;
        return 0;
    case OPT_THREADS:
        return option_set(config_options, args, "threads", value, err);
    case OPT_ECHO:
        args->echo = true;
        return 0;
    case OPT_VERSION:
        args->version = true;
        return 0;
    default:
        args->help = true;
        return 0;
    }
}

/* The sentence for a word that is no option, with the nearest name. */
static int unknown_option(const char *word, size_t len, struct error *err)
{
    const char *names[N_ROWS];
    size_t n = 0;
    char name[40];

    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].name)
            names[n++] = rows[i].name;
    error_set(err, ERROR_USAGE, "there is no option \"%.*s\"",
              (int)(len > 100 ? 100 : len), word);
    if (len > 2 && len - 2 < sizeof name) {
        memcpy(name, word + 2, len - 2);
        name[len - 2] = '\0';
        const char *near = text_nearest(name, names, n);
        if (near)
            return error_hint(err, "did you mean --%s? rlaif --help lists all", near);
    }
    return error_hint(err, "rlaif --help lists all");
}

static const struct row *find_row(const char *word, size_t len)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (word[1] == '-' ? rows[i].name && strlen(rows[i].name) == len - 2 &&
                                 strncmp(rows[i].name, word + 2, len - 2) == 0
                           : rows[i].code == word[1])
            return &rows[i];
    return NULL;
}

/*
 * One word of argv; *i is moved on when the next word is its value. By hand, since
 * getopt_long's struct option and ours have the same name.
 */
static int take_word(struct args *args, int argc, char **argv, int *i, struct error *err)
{
    const char *word = argv[*i];

    if (word[0] != '-' || !word[1]) {
        error_set(err, ERROR_USAGE, "\"%.200s\" is not an option", word);
        return error_hint(err, "rlaif -f FILE runs a script, rlaif -c CMD a command");
    }
    size_t len = word[1] == '-' ? strcspn(word, "=") : 2;
    const char *value = word[1] == '-' ? word[len] ? word + len + 1 : NULL
                        : word[2]      ? word + 2
                                       : NULL;
    const struct row *row = find_row(word, len);
    if (!row)
        return unknown_option(word, len, err);
    if (!row->value && value) {
        if (word[1] == '-')
            return error_set(err, ERROR_USAGE, "--%s takes no value", row->name);
        /* Letters in one word, "-kc CMD": the rest is a word of its own. */
        char *rest = xasprintf("-%s", value);
        char *words[3] = {rest, *i + 1 < argc ? argv[*i + 1] : NULL, NULL};
        int k = 0;
        int status = take(args, row->code, NULL, err);
        if (status == 0)
            status = take_word(args, words[1] ? 2 : 1, words, &k, err);
        *i += k;
        free(rest);
        return status;
    }
    if (row->value && !value) {
        if (*i + 1 >= argc)
            return error_set(err, ERROR_USAGE, "%.40s wants a value: %s", word,
                             row->value);
        value = argv[++*i];
    }
    return take(args, row->code, value, err);
}

int args_read(int argc, char **argv, struct args *out, struct error *err)
{
    *out = (struct args){0};
    options_init(config_options, out);
    if (read_config(out, err) < 0)
        return -1;
    read_environment(out);
    for (int i = 1; i < argc; i++)
        if (take_word(out, argc, argv, &i, err) < 0)
            return -1;
    return 0;
}

void args_release(struct args *args)
{
    options_release(config_options, args);
    for (size_t i = 0; i < args->n_steps; i++)
        free(args->steps[i].text);
    free(args->steps);
    *args = (struct args){0};
}
