/* Which format a file has: by name, or by the keys of its first record that parses. */
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/data/row_file.h"
#include "src/data/rows.h"

#define PEEK_RECORDS 1000

const struct recogniser *recogniser_at(const struct recognisers *table, size_t i)
{
    return (const struct recogniser *)((const char *)table->first + i * table->stride);
}

static bool has_keys(const struct row *row, const char *const *keys, size_t *n)
{
    for (*n = 0; *n < FORMAT_KEYS_MAX && keys[*n]; ++*n) {
        if (!row_has(row, keys[*n]))
            return false;
    }
    return true;
}

static size_t best_format(const struct recognisers *table, const struct row *row)
{
    size_t best = table->n, most = 0;
    for (size_t i = 0; i < table->n; i++) {
        const struct recogniser *r = recogniser_at(table, i);
        size_t n;
        if ((r->as == ROWS_JSON) != (row->object != NULL) ||
            !has_keys(row, r->keys, &n) || (r->check && !r->check(row)))
            continue;
        n = 2 * n + (r->check != NULL);
        if (n > most) {
            most = n;
            best = i;
        }
    }
    return best;
}

static void list_keys(const struct row *row, struct buf *out)
{
    const char *key;
    json_t *value;
    if (row->object) {
        json_object_foreach(row->object, key, value)
        {
            buf_adds(out, out->len ? ", " : "");
            text_sanitise(out, key, strlen(key), 0);
        }
    }
    for (size_t i = 0; row->head && i < row->head->n; i++) {
        buf_adds(out, out->len ? ", " : "");
        text_sanitise(out, row->head->cells[i], strlen(row->head->cells[i]), 0);
    }
}

static int unknown_format(const struct row_file *f, const struct row *row,
                          const struct recognisers *table, const struct error *first,
                          struct error *err)
{
    struct buf keys;
    if (!row && first->text[0])
        error_at_line(err, f->source.path, first->line, first->column,
                      "no format of %s is known by this file: %.300s", table->what,
                      first->text);
    else if (!row)
        return error_set(err, ERROR_DATA, "%s is empty", f->source.path);
    else {
        buf_init(&keys, 0);
        list_keys(row, &keys);
        error_at_line(err, f->source.path, row->line, 0,
                      "no format of %s is known by these %s: %.240s", table->what,
                      row->object ? "keys" : "columns", buf_str(&keys));
        buf_release(&keys);
    }
    struct buf names;
    buf_init(&names, 200);
    for (size_t i = 0; i < table->n; i++) {
        const char *name = recogniser_at(table, i)->name;
        if (!strstr(buf_str(&names), name))
            buf_addf(&names, "%s%s", names.len ? ", " : "", name);
    }
    error_hint(err, "%sknown: %s",
               strcmp(table->what, "pairs")
                   ? ""
                   : "name columns with context= a= b= [choice=]; ",
               buf_str(&names));
    buf_release(&names);
    return -1;
}

/* Reads records until one is known. */
static int peek(struct row_file *f, const struct recognisers *table, size_t *out,
                struct error *err)
{
    struct error first = {0};
    json_t *shown = NULL; // the first object, for the message
    int64_t shown_line = 0;
    int got = 0;
    if (f->as == ROWS_CSV) {
        f->row.line = 1;
        f->row.cells = &f->head;
        *out = best_format(table, &f->row);
        return *out < table->n ? 0 : unknown_format(f, &f->row, table, &first, err);
    }
    for (int i = 0; i < PEEK_RECORDS && (got = row_file_next(f, err)) > 0; i++) {
        if (f->record.bad) {
            if (!first.text[0])
                first = f->record.problem;
            continue;
        }
        *out = best_format(table, &f->row);
        if (*out < table->n) {
            json_decref(shown);
            return 0;
        }
        if (!shown) {
            shown = json_incref(f->row.object);
            shown_line = f->row.line;
        }
    }
    if (got >= 0) {
        struct row row = {.object = shown, .line = shown_line};
        got = unknown_format(f, shown ? &row : NULL, table, &first, err);
    }
    json_decref(shown);
    return got;
}

/* The row of that name, of two the one that reads files like this one. */
static int named_format(const struct recognisers *table, const char *name,
                        enum rows_as as, size_t *out, struct error *err)
{
    const char **names = xcalloc(table->n, sizeof *names);
    *out = table->n;
    for (size_t i = table->n; i-- > 0;) {
        const struct recogniser *r = recogniser_at(table, i);
        names[i] = r->name;
        bool fits =
            *out == table->n || r->as == as || recogniser_at(table, *out)->as != as;
        if (!strcmp(r->name, name) && fits)
            *out = i;
    }
    const char *near = text_nearest(name, names, table->n);
    free(names);
    if (*out < table->n)
        return 0;
    error_set(err, ERROR_USAGE, "no format \"%.60s\" of %s", name, table->what);
    return near ? error_hint(err, "did you mean %s?", near) : -1;
}

int rows_sniff(const char *file, enum rows_as *as, struct error *err)
{
    struct source source;
    if (source_open(&source, file, err))
        return -1;
    *as = source.shape == SOURCE_CSV ? ROWS_CSV : ROWS_JSON;
    source_close(&source);
    return 0;
}

int rows_recognise(const struct rows *rows, const struct recognisers *table,
                   const char *file, size_t *out, struct error *err)
{
    enum rows_as as;
    struct row_file f;
    if (rows_sniff(file, &as, err))
        return -1;
    if (rows->options->format)
        return named_format(table, rows->options->format, as, out, err);
    if (row_file_open(&f, file, as, err))
        return -1;
    int got = peek(&f, table, out, err);
    row_file_close(&f);
    return got;
}

int rows_recognise_all(const struct rows *rows, const struct recognisers *table,
                       const char *const *files, size_t n_files, size_t *out,
                       struct error *err)
{
    for (size_t i = 0; i < n_files; i++) {
        size_t index;
        if (rows_recognise(rows, table, files[i], &index, err))
            return -1;
        if (i == 0)
            *out = index;
        const char *is = recogniser_at(table, index)->name,
                   *was = recogniser_at(table, *out)->name;
        if (strcmp(is, was)) {
            error_set(err, ERROR_DATA, "%s is %s, but %s is %s", files[0], was, files[i],
                      is);
            return error_hint(err, "import them one after the other");
        }
    }
    return 0;
}

int rows_first(const char *file, void (*look)(void *ctx, const struct row *row),
               void *ctx, struct error *err)
{
    struct row_file f;
    enum rows_as as;
    if (rows_sniff(file, &as, err))
        return -1;
    if (as != ROWS_JSON)
        return 0;
    if (row_file_open(&f, file, as, err))
        return -1;
    int got;
    do {
        got = row_file_next(&f, err);
    } while (got > 0 && f.record.bad);
    if (got > 0)
        look(ctx, &f.row);
    row_file_close(&f);
    return got < 0 ? -1 : 0;
}

char *rows_beside(const char *file, const char *rest)
{
    char *dir = xstrndup(file, (size_t)(path_base(file) - file));
    char *path = xasprintf("%s%s", dir, rest);
    free(dir);
    if (file_exists(path))
        return path;
    free(path);
    return NULL;
}

int rows_keep_by_id(json_t *map, const struct row *row, const char *id, json_t *value,
                    struct error *err)
{
    if (json_object_get(map, id))
        return row_error(row, err, "the id \"%.60s\" stands twice", id);
    return json_object_set(map, id, value);
}
