/* Fills a new workspace. */
#include "src/cmd/builtin.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/data/import.h"
#include "src/label/prompt.h"

struct builtin_sink {
    struct store *store;
};

static int take_pairs(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    struct builtin_sink *sink = ctx;
    /* The whole set is for looking at: nothing of it is held back as a test. */
    for (size_t i = 0; i < n; i++)
        pairs[i].split = SPLIT_DEV;
    return store_import_add(sink->store, pairs, n, err);
}

static int add_pairs(struct workbench *wb, struct error *err)
{
    char *path = path_join(wb->builtin_dir, "pairs.jsonl");
    const char *files[] = {path};
    struct import_options options = {0};
    struct import_report report = {0};
    struct builtin_sink sink = {.store = wb->store};
    int64_t set_id;
    int status = store_import_begin(wb->store, "builtin", "rlaif_jsonl", RATER_GOLD, "built in",
                                    &set_id, err);
    if (status == 0) {
        status = import_pairs(files, 1, &options, take_pairs, &sink, &report, err);
        if (status == 0 && report.bad > 0) {
            if (err)
                *err = report.errors[0];
            status = -1;
        }
        struct error end;
        if (store_import_end(wb->store, status == 0, &end) < 0 && status == 0) {
            if (err)
                *err = end;
            status = -1;
        }
    }
    import_report_release(&report);
    free(path);
    return status;
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    /* summary-base is p1: it is the one that lessons and the report begin with. */
    int first = (strcmp(*y, "summary-base.yaml") == 0) - (strcmp(*x, "summary-base.yaml") == 0);
    return first ? first : strcmp(*x, *y);
}

static int add_prompt(struct workbench *wb, const char *file, struct error *err)
{
    char *path = path_join(wb->prompts_dir, file);
    struct prompt *prompt = prompt_read(path, err);
    int64_t id;
    int version, status = -1;

    if (prompt)
        status = store_add_prompt(wb->store, prompt->name, prompt->yaml, 0, "shipped", &id,
                                  &version, err);
    prompt_free(prompt);
    free(path);
    return status;
}

static int add_prompts(struct workbench *wb, struct error *err)
{
    DIR *dir = opendir(wb->prompts_dir);
    char **names = NULL;
    size_t n = 0, cap = 0;
    int status = 0;
    struct dirent *entry;

    if (!dir)
        return error_errno(err, wb->prompts_dir, "open");
    while ((entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);
        if (len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0) {
            names = array_grow(names, n, &cap, sizeof *names);
            names[n++] = xstrdup(entry->d_name);
        }
    }
    closedir(dir);
    if (n > 0)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        if (status == 0)
            status = add_prompt(wb, names[i], err);
        free(names[i]);
    }
    free(names);
    return status;
}

int builtin_fill(struct workbench *wb, struct error *err)
{
    struct set_row row;

    /* The pairs are there already when only the prompts could not be read the last time. */
    if (store_find_set(wb->store, "builtin", &row, NULL) == 0) {
        set_row_release(&row);
        return add_prompts(wb, err);
    }
    if (add_pairs(wb, err) < 0 || add_prompts(wb, err) < 0)
        return -1;
    return 0;
}
