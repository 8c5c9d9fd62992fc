/* The rows of each cmd_*.c: `const struct command_rows rows_x = COMMAND_ROWS(array);`
 * ends the file. */
#ifndef RLAIF_CMD_ROWS_H
#define RLAIF_CMD_ROWS_H

#include "src/cmd/command.h"

struct command_rows {
    const struct command *rows;
    size_t n;
};
#define COMMAND_ROWS(array) {array, sizeof(array) / sizeof *(array)}

extern const struct command_rows rows_data, rows_prompt, rows_label, rows_stats, rows_model,
    rows_job, rows_shell, rows_world, rows_run;

#endif
