/* Prompts between store and use. */
#include "src/cmd/prompts.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"

struct prompt *prompt_load(struct workbench *wb, const struct prompt_row *row, struct error *err)
{
    char *name = xasprintf("%s@%d", row->name, row->version);
    struct prompt *prompt = prompt_parse(row->yaml, strlen(row->yaml), name, err);

    free(name);
    if (prompt && prompt_load_exemplars(prompt, wb->builtin_dir, err) < 0) {
        prompt_free(prompt);
        return NULL;
    }
    return prompt;
}

int prompt_store(struct workbench *wb, const struct prompt *prompt, int64_t parent,
                 const char *note, struct prompt_row *row, struct error *err)
{
    int64_t id;
    int version;

    if (wb->readonly)
        return error_set(err, ERROR_FAILED, "the workspace is read-only: no prompt can be kept");
    if (store_add_prompt(wb->store, prompt->name, prompt->yaml, parent, note, &id,
                         &version, err) < 0)
        return -1;
    char *ref = xasprintf("%s@%d", prompt->name, version);
    int status = workbench_prompt(wb, ref, row, err);
    free(ref);
    return status;
}

void prompt_remember(struct workbench *wb, const struct prompt_row *row)
{
    free(wb->last_prompt);
    wb->last_prompt = xasprintf("%s@%d", row->name, row->version);
    if (!wb->readonly)
        store_set_setting(wb->store, "prompt", wb->last_prompt, NULL);
}

int prompt_range(struct workbench *wb, const char *text, struct prompt_row *from,
                 struct prompt_row *to, struct error *err)
{
    const char *dots = strstr(text, "..");

    if (!dots || dots == text || !dots[2]) {
        error_set(err, ERROR_USAGE, "\"%s\" is not a range of prompts", text);
        return error_hint(err, "for example summary-base@1..summary-base@2 or p1..p2");
    }
    char *first = xstrndup(text, (size_t)(dots - text));
    int status = workbench_prompt(wb, first, from, err);
    free(first);
    if (status == 0 && workbench_prompt(wb, dots + 2, to, err) < 0) {
        prompt_row_release(from);
        status = -1;
    }
    return status;
}

/* ---- diff ---- */

struct lines {
    const char **starts;
    size_t *lens;
    size_t n;
};

#define DIFF_LINES_MAX 3000

static void split_lines(const char *text, struct lines *out)
{
    size_t cap = 0, cap_lens = 0;
    *out = (struct lines){0};
    while (*text && out->n < DIFF_LINES_MAX) {
        size_t len = strcspn(text, "\n");
        out->starts = array_grow(out->starts, out->n, &cap, sizeof *out->starts);
        out->lens = array_grow(out->lens, out->n, &cap_lens, sizeof *out->lens);
        out->starts[out->n] = text;
        out->lens[out->n++] = len;
        text += len + (text[len] == '\n');
    }
}

static bool same_line(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
    return a->lens[i] == b->lens[k] && memcmp(a->starts[i], b->starts[k], a->lens[i]) == 0;
}

static void add_line(struct buf *out, char mark, const struct lines *lines, size_t i)
{
    buf_addf(out, "%c ", mark);
    buf_add(out, lines->starts[i], lines->lens[i]);
    buf_addc(out, '\n');
}

/* Longest common subsequence: prompts are some dozen lines, the table is small. */
void text_diff(const char *from, const char *to, struct buf *out)
{
    struct lines a, b;
    split_lines(from, &a);
    split_lines(to, &b);
    size_t width = b.n + 1;
    uint16_t *common = xcalloc((a.n + 1) * width, sizeof *common);

    for (size_t i = a.n; i-- > 0;)
        for (size_t k = b.n; k-- > 0;) {
            uint16_t down = common[(i + 1) * width + k], right = common[i * width + k + 1];
            common[i * width + k] = same_line(&a, i, &b, k) ? common[(i + 1) * width + k + 1] + 1
                                    : down > right          ? down
                                                            : right;
        }
    size_t i = 0, k = 0;
    while (i < a.n || k < b.n) {
        if (i < a.n && k < b.n && same_line(&a, i, &b, k)) {
            add_line(out, ' ', &a, i);
            i++;
            k++;
        } else if (i < a.n &&
                   (k == b.n || common[(i + 1) * width + k] >= common[i * width + k + 1])) {
            add_line(out, '-', &a, i++);
        } else {
            add_line(out, '+', &b, k++);
        }
    }
    free(common);
    free(a.starts);
    free(a.lens);
    free(b.starts);
    free(b.lens);
}
