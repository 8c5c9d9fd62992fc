/* The command table: the rows of every cmd_*.c, in the order of help. A new file is named here. */
#include "src/cmd/command.h"
#include "src/cmd/rows.h"

static const struct command_rows *const groups[] = {
    &rows_data,  &rows_world, &rows_prompt, &rows_label,
    &rows_stats, &rows_model, &rows_run, &rows_job,    &rows_shell,
};

size_t command_count(void)
{
    size_t n = 0;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        n += groups[g]->n;
    return n;
}

const struct command *command_at(size_t i)
{
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        if (i < groups[g]->n)
            return &groups[g]->rows[i];
        i -= groups[g]->n;
    }
    return 0;
}
