/* An answer as text, JSON, JSON lines, TSV or a Markdown table; all from the same object. */
#include "src/cmd/command.h"

#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"

/* A value as one cell: strings as they are, numbers short, lists and objects as JSON. */
static void add_cell(struct buf *out, const json_t *value)
{
    if (json_is_string(value))
        buf_add(out, json_string_value(value), json_string_length(value));
    else if (value && !json_is_null(value))
        json_write(out, value);
}

/* For people: four digits are enough. */
static void add_text_cell(struct buf *out, const json_t *value)
{
    if (json_is_real(value))
        buf_addf(out, "%.4g", json_real_value(value));
    else if (json_is_boolean(value))
        buf_adds(out, json_is_true(value) ? "yes" : "no");
    else if (json_is_string(value))
        text_sanitise(out, json_string_value(value), json_string_length(value), 0);
    else
        add_cell(out, value);
}

static json_t *answer_rows(const json_t *answer)
{
    json_t *rows = json_object_get(answer, "rows");
    return json_is_array(rows) ? rows : NULL;
}

static void render_tsv(const json_t *rows, struct buf *out)
{
    size_t i;
    json_t *row, *value;
    const char *key;

    json_array_foreach(rows, i, row) {
        if (i == 0) {
            const char *sep = "";
            json_object_foreach(row, key, value) {
                buf_addf(out, "%s%s", sep, key);
                sep = "\t";
            }
            buf_addc(out, '\n');
        }
        const char *sep = "";
        json_object_foreach(row, key, value) {
            struct buf cell;
            buf_init(&cell, 0);
            add_cell(&cell, value);
            buf_adds(out, sep);
            for (size_t k = 0; k < cell.len; k++) {
                char c = cell.data[k];
                if (c == '\t' || c == '\n' || c == '\r' || c == '\\')
                    buf_addf(out, "\\%c",
                             c == '\t'   ? 't'
                             : c == '\n' ? 'n'
                             : c == '\r' ? 'r'
                                         : '\\');
                else
                    buf_addc(out, c);
            }
            buf_release(&cell);
            sep = "\t";
        }
        buf_addc(out, '\n');
    }
}

static void add_md_cell(struct buf *out, const json_t *value)
{
    struct buf cell;
    buf_init(&cell, 0);
    add_text_cell(&cell, value);
    for (size_t k = 0; k < cell.len; k++) {
        if (cell.data[k] == '|')
            buf_addc(out, '\\');
        buf_addc(out, cell.data[k]);
    }
    buf_release(&cell);
}

static void render_md(const json_t *rows, struct buf *out)
{
    size_t i;
    json_t *row, *value;
    const char *key;

    json_array_foreach(rows, i, row) {
        if (i == 0) {
            json_object_foreach(row, key, value)
                buf_addf(out, "| %s ", key);
            buf_adds(out, "|\n");
            json_object_foreach(row, key, value)
                buf_adds(out, json_is_number(value) ? "| ---: " : "| --- ");
            buf_adds(out, "|\n");
        }
        json_object_foreach(row, key, value) {
            buf_adds(out, "| ");
            add_md_cell(out, value);
            buf_addc(out, ' ');
        }
        buf_adds(out, "|\n");
    }
}

#define COLUMNS_MAX 24
#define COLUMN_WIDTH_MAX 60

/* Columns as wide as their widest cell, numbers to the right. */
static void render_table(const json_t *rows, struct buf *out)
{
    int widths[COLUMNS_MAX] = {0};
    size_t i;
    json_t *row, *value;
    const char *key;

    for (int pass = 0; pass < 2; pass++) {
        json_array_foreach(rows, i, row) {
            for (int header = i == 0; header >= 0; header--) {
                int c = 0;
                json_object_foreach(row, key, value) {
                    struct buf cell;
                    if (c == COLUMNS_MAX)
                        break;
                    buf_init(&cell, 0);
                    if (header)
                        buf_adds(&cell, key);
                    else
                        add_text_cell(&cell, value);
                    size_t fit = text_fit(buf_str(&cell), cell.len, COLUMN_WIDTH_MAX);
                    int width = text_width(buf_str(&cell), fit);
                    if (pass == 0) {
                        if (width > widths[c])
                            widths[c] = width;
                    } else {
                        bool right = json_is_number(value);
                        size_t pad = (size_t)(widths[c] - width);
                        if (c > 0)
                            buf_adds(out, "  ");
                        if (right)
                            buf_fill(out, ' ', pad);
                        buf_add(out, buf_str(&cell), fit);
                        if (!right)
                            buf_fill(out, ' ', pad);
                    }
                    buf_release(&cell);
                    c++;
                }
                if (pass == 1) {
                    while (out->len > 0 && out->data[out->len - 1] == ' ')
                        out->data[--out->len] = '\0';
                    buf_addc(out, '\n');
                }
            }
        }
    }
}

/* The form of an answer without a print function of its own: its table, or its fields one
 * a line. */
static void render_text(const json_t *answer, struct buf *out)
{
    const char *key;
    json_t *value;
    json_t *rows = answer_rows(answer);

    if (rows) {
        render_table(rows, out);
        if (json_array_size(rows) == 0)
            buf_adds(out, "nothing\n");
        return;
    }
    json_object_foreach((json_t *)answer, key, value) {
        if (strcmp(key, "command") == 0)
            continue;
        buf_addf(out, "%s: ", key);
        add_text_cell(out, value);
        buf_addc(out, '\n');
    }
}

static void render_lines(const json_t *answer, struct buf *out)
{
    json_t *rows = answer_rows(answer), *row;
    size_t i;

    if (!rows) {
        json_write(out, answer);
        buf_addc(out, '\n');
        return;
    }
    json_array_foreach(rows, i, row) {
        json_write(out, row);
        buf_addc(out, '\n');
    }
}

void answer_render(const struct call *call, const json_t *answer, enum output_format format,
                   struct buf *out)
{
    json_t *rows = answer_rows(answer), *single = NULL;

    if (!rows && (format == OUTPUT_TSV || format == OUTPUT_MD)) {
        single = json_array();
        json_array_append(single, (json_t *)answer);
        rows = single;
    }
    switch (format) {
    case OUTPUT_JSON:
        json_write(out, answer);
        buf_addc(out, '\n');
        break;
    case OUTPUT_JSONL:
        render_lines(answer, out);
        break;
    case OUTPUT_TSV:
        render_tsv(rows, out);
        break;
    case OUTPUT_MD:
        render_md(rows, out);
        break;
    case OUTPUT_TEXT:
        if (call->command->print)
            call->command->print(answer, out);
        else
            render_text(answer, out);
        break;
    }
    json_decref(single);
}
