/*
 * The forms in which a run leaves the workspace: `export run NAME format=F to=DIR` looks F up here.
 * A new form is a function and a row of the table in run_export.c.
 */
#ifndef RLAIF_CMD_RUN_EXPORT_H
#define RLAIF_CMD_RUN_EXPORT_H

#include <jansson.h>

#include "src/cmd/workbench.h"
#include "src/store/runs.h"

struct run_exporter {
    const char *format; /* "csv" */
    const char *text;   /* one line */
    /* Writes into the folder `dir`, which exists, and appends the names of the files to `files`. */
    int (*write)(struct workbench *wb, const struct run_row *run, const char *dir, json_t *files,
                 struct error *err);
};
extern const struct run_exporter run_exporters[]; /* ends with a row whose format is NULL */
/* NULL and an error that names the forms there are. */
const struct run_exporter *run_exporter_find(const char *format, struct error *err);

#endif
