/* Completion for Readline. */
#include "config.h"

#include "ui/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/readline.h>

#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/command.h"
#include "ui/complete.h"

/* Readline's hooks have no argument; there is one line editor in the program. */
static struct workbench *workbench;
static void (*show_list)(void *ctx, char *const *lines, size_t n);
static void *show_ctx;
/* The list of the last Tab, for the glosses of the second. */
static char **last;

/* What all matches have in common, with what stands before the word itself. */
static char *common_prefix(char **words)
{
    size_t len = strlen(words[0]);
    for (size_t i = 1; words[i]; i++) {
        size_t k = 0;
        while (k < len && words[i][k] == words[0][k])
            k++;
        len = k;
    }
    return xstrndup(words[0], len);
}

/* Readline replaces from `start`; our word may begin later ("set=bu": at "bu"). */
static char **as_matches(char **list, size_t start, size_t word_start)
{
    size_t n = 0;
    while (list[n])
        n++;
    char **words = xcalloc(n + 2, sizeof *words);
    for (size_t i = 0; i < n; i++) {
        size_t before = word_start > start ? word_start - start : 0;
        words[i + 1] = xasprintf("%.*s%.*s", (int)before, rl_line_buffer + start,
                                 (int)strcspn(list[i], "\t"), list[i]);
    }
    words[0] = common_prefix(words + 1);
    if (n == 1) {
        free(words[1]);
        words[1] = NULL;
        size_t len = strlen(words[0]);
        rl_completion_append_character =
            len > 0 && strchr("=/#@.", words[0][len - 1]) ? '\0' : ' ';
    }
    return words;
}

static char **complete(const char *text, int start, int end)
{
    size_t word_start = (size_t)start;

    (void)text;
    rl_attempted_completion_over = 1;
    command_complete_free(last);
    last = command_complete(workbench, rl_line_buffer, (size_t)end, &word_start);
    if (!last || !last[0])
        return NULL;
    return as_matches(last, (size_t)start, word_start);
}

/* "word  gloss" for each match of the last list, and the usage of the command below. */
static void show_matches(char **matches, int n, int longest)
{
    size_t width = 0, count = 0, lines_n = 0;
    struct buf hint, usage;

    (void)matches;
    (void)n;
    (void)longest;
    while (last && last[count]) {
        size_t len = strcspn(last[count++], "\t");
        width = len > width && len < 40 ? len : width;
    }
    char **lines = xcalloc(count + 2, sizeof *lines);
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(last[i], "\t");
        struct buf line, clean;
        buf_init(&line, 0);
        buf_init(&clean, 0);
        buf_add(&line, last[i], len);
        if (last[i][len]) {
            if (len < width)
                buf_fill(&line, ' ', width - len);
            buf_addf(&line, "  %s", last[i] + len + 1);
        }
        text_sanitise(&clean, buf_str(&line), line.len, 0);
        lines[lines_n++] = xstrdup(buf_str(&clean));
        buf_release(&line);
        buf_release(&clean);
    }
    buf_init(&hint, 0);
    buf_init(&usage, 0);
    command_hint(workbench, rl_line_buffer, &hint);
    if (hint.len > 0) {
        buf_addf(&usage, "usage: %s", buf_str(&hint));
        lines[lines_n++] = buf_take(&usage);
    }
    show_list(show_ctx, lines, lines_n);
    for (size_t i = 0; i < lines_n; i++)
        free(lines[i]);
    free(lines);
    buf_release(&hint);
    buf_release(&usage);
}

void complete_init(struct workbench *wb,
                   void (*show)(void *ctx, char *const *lines, size_t n), void *ctx)
{
    workbench = wb;
    show_list = show;
    show_ctx = ctx;
    if (!wb) {
        command_complete_free(last);
        last = NULL;
        return;
    }
    rl_attempted_completion_function = complete;
    rl_completion_display_matches_hook = show_matches;
    rl_completer_word_break_characters = " \t;";
    rl_completer_quote_characters = NULL;
    rl_filename_completion_desired = 0;
    rl_sort_completion_matches = 0;
    rl_ignore_completion_duplicates = 0;
}
