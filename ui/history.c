/* Typed lines. */
#include "config.h"

#include "ui/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>

#include "src/base/file.h"
#include "src/base/mem.h"

#define LINES_MAX 2000
#define LINE_BYTES_MAX 4000

static char *history_path(const struct workbench *wb)
{
    return path_join(wb->dir, "history");
}

void history_open(const struct workbench *wb)
{
    char *path = history_path(wb);

    using_history();
    stifle_history(LINES_MAX);
    read_history(path);
    free(path);
}

void history_take(const struct workbench *wb, const char *line)
{
    if (line[strspn(line, " \t\n")] == '\0' || strlen(line) > LINE_BYTES_MAX)
        return;
    /* A pasted text of several lines is one entry, and one line of the file. */
    char *flat = xstrdup(line);
    for (char *c = flat; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ';';
    for (int i = history_length - 1; i >= 0; i--) {
        HIST_ENTRY *entry = history_get(history_base + i);
        if (entry && strcmp(entry->line, flat) == 0)
            free_history_entry(remove_history(i));
    }
    add_history(flat);
    if (!wb->readonly) {
        char *path = history_path(wb);
        if (append_history(1, path) != 0)
            write_history(path);
        free(path);
    }
    free(flat);
}

void history_close(const struct workbench *wb)
{
    if (!wb->readonly) {
        char *path = history_path(wb);
        write_history(path);
        free(path);
    }
    clear_history();
}
