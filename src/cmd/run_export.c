/* Metrics of a run as files. */
#include "src/cmd/run_export.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/store/run_files.h"

static int write_file(const char *dir, const char *name, struct buf *bytes, int status,
                      json_t *files, struct error *err)
{
    char *path = path_join(dir, name);
    if (status == 0)
        status = file_put(path, buf_str(bytes), bytes->len, err);
    if (status == 0)
        json_array_append_new(files, json_text0(path));
    free(path);
    buf_release(bytes);
    return status;
}

static int write_csv(struct workbench *wb, const struct run_row *run, const char *dir,
                     json_t *files, struct error *err)
{
    struct buf bytes;
    buf_init(&bytes, (size_t)1 << 30);
    int status = run_csv(wb->store, run->id, &bytes, err);
    return write_file(dir, "metrics.csv", &bytes, status, files, err);
}

static int write_tfevents(struct workbench *wb, const struct run_row *run, const char *dir,
                          json_t *files, struct error *err)
{
    struct buf bytes;
    char *name = run_tfevents_name(run);
    buf_init(&bytes, (size_t)1 << 30);
    int status = run_tfevents(wb->store, run, &bytes, err);
    status = write_file(dir, name, &bytes, status, files, err);
    free(name);
    return status;
}

const struct run_exporter run_exporters[] = {
    {"csv", "metrics with a step column", write_csv},
    {"tfevents", "metrics for TensorBoard", write_tfevents},
    {NULL, NULL, NULL},
};

const struct run_exporter *run_exporter_find(const char *format, struct error *err)
{
    struct buf names;
    const struct run_exporter *row = run_exporters;
    while (row->format && strcmp(row->format, format) != 0)
        row++;
    if (row->format)
        return row;
    buf_init(&names, 0);
    for (row = run_exporters; row->format; row++)
        buf_addf(&names, "%s%s", row == run_exporters ? "" : ", ", row->format);
    error_set(err, ERROR_USAGE, "a run cannot be written as \"%s\"", format);
    error_hint(err, "format= is one of %s", buf_str(&names));
    buf_release(&names);
    return NULL;
}
