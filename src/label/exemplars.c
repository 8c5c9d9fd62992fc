/* Exemplar sets: JSON lines, one solved example each. */
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/label/prompt_fields.h"

#define EXEMPLAR_FILE_MAX ((size_t)16 << 20)

static void exemplar_free(struct exemplar *row)
{
    char *texts[] = {row->id, row->title, row->group, row->context, row->a, row->b, row->rationale};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
}

void exemplars_release(struct exemplars *list)
{
    for (size_t i = 0; i < list->n; i++)
        exemplar_free(&list->rows[i]);
    free(list->rows);
    memset(list, 0, sizeof *list);
}

static int read_row(const char *line, size_t len, const char *path, int64_t number,
                    struct exemplar *row, struct error *err)
{
    static const char *const names[] = {"id", "title", "group", "context", "a", "b", "rationale"};
    char **texts[] = {&row->id, &row->title, &row->group,    &row->context,
                      &row->a,  &row->b,     &row->rationale};
    json_t *object = json_parse(line, len, path, number, err);
    int rc = object ? 0 : -1;
    if (rc == 0 && !json_is_object(object))
        rc = error_at_line(err, path, number, 0, "an exemplar is a JSON object");
    for (size_t i = 0; rc == 0 && i < 7; i++) {
        const json_t *value = json_object_get(object, names[i]);
        if (!value || json_is_null(value))
            continue;
        if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
            rc = error_at_line(err, path, number, 0, "%s must be a text", names[i]);
        else
            *texts[i] = xstrdup(json_string_value(value));
    }
    if (rc == 0) {
        const json_t *label = json_object_get(object, "label");
        row->line = number;
        if (!json_is_integer(label) || json_integer_value(label) < 1 ||
            json_integer_value(label) > PROMPT_OPTIONS_MAX)
            rc = error_at_line(err, path, number, 0, "label must be 1 or 2");
        else
            row->label = (int)json_integer_value(label);
        if (rc == 0 && (!row->context || !row->a))
            rc = error_at_line(err, path, number, 0, "an exemplar needs context, a, b and label");
    }
    json_decref(object);
    return rc;
}

int exemplars_read(const char *path, struct exemplars *out, struct error *err)
{
    struct buf text;
    buf_init(&text, EXEMPLAR_FILE_MAX);
    memset(out, 0, sizeof *out);
    int rc = file_read(path, EXEMPLAR_FILE_MAX, FILE_GUNZIP, &text, err);
    const char *p = buf_str(&text), *end = p + text.len;
    for (int64_t number = 1; rc == 0 && p < end; number++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((eol ? eol : end) - p);
        size_t used = len;
        while (used && strchr(" \t\r", p[used - 1]))
            used--;
        if (used) {
            out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
            memset(&out->rows[out->n], 0, sizeof *out->rows);
            rc = read_row(p, used, path, number, &out->rows[out->n++], err);
        }
        p = eol ? eol + 1 : end;
    }
    buf_release(&text);
    if (rc)
        exemplars_release(out);
    return rc;
}

/* The first `shots` rows become the prompt's; the rest goes. */
static int take(struct prompt *p, struct exemplars *list, const char *path, struct error *err)
{
    if ((int64_t)list->n < p->shots) {
        error_at_line(err, path, 0, 0, "the set %s has %zu exemplars, %s wants %lld",
                      p->exemplar_set, list->n, p->name, (long long)p->shots);
        return error_hint(err, "set shots to at most %zu", list->n);
    }
    for (size_t i = 0; i < (size_t)p->shots; i++) {
        const struct exemplar *row = &list->rows[i];
        int most = p->pointwise ? (int)p->n_options : 2;
        if (p->cot_on && !row->rationale)
            return error_at_line(err, path, row->line, 0,
                                 "cot is on, but this exemplar has no rationale");
        if ((!row->b && !p->pointwise) || row->label > most)
            return error_at_line(err, path, row->line, 0,
                                 "an exemplar needs context, a, b and a label 1..%d",
                                 most);
    }
    for (size_t i = (size_t)p->shots; i < list->n; i++)
        exemplar_free(&list->rows[i]);
    list->n = (size_t)p->shots;
    exemplars_release(&p->exemplars);
    p->exemplars = *list;
    memset(list, 0, sizeof *list);
    return 0;
}

int prompt_load_exemplars(struct prompt *p, const char *dir, struct error *err)
{
    if (!p->exemplar_set || (int64_t)p->exemplars.n == p->shots)
        return 0;
    if (p->shots == 0) {
        exemplars_release(&p->exemplars);
        return 0;
    }
    const char *name = p->exemplar_set;
    if (strncmp(name, "builtin-", 8) == 0)
        name += 8;
    char *file = xasprintf("%s.jsonl", name), *path = path_join(dir, file);
    struct exemplars list = {0};
    int rc = exemplars_read(path, &list, err);
    if (rc == 0)
        rc = take(p, &list, path, err);
    exemplars_release(&list);
    free(file);
    free(path);
    return rc;
}
