#include "src/data/post.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/data/rows.h"

#define CHUNK_POSTS 256

struct post *post_list_add(struct post_list *list)
{
    list->posts = array_grow(list->posts, list->n, &list->cap, sizeof *list->posts);
    struct post *post = &list->posts[list->n++];
    *post = (struct post){0};
    return post;
}

static void post_release(struct post *post)
{
    free(post->key);
    free(post->title);
    free(post->context);
    free(post->group);
    for (size_t i = 0; i < post->n_summaries; i++)
        free(post->summaries[i]);
    free(post->summaries);
}

void post_list_clear(struct post_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        post_release(&list->posts[i]);
    list->n = 0;
}

void post_list_release(struct post_list *list)
{
    post_list_clear(list);
    free(list->posts);
    *list = (struct post_list){0};
}

/* ---- formats ---- */

struct post_format {
    struct recogniser known;
    int (*read)(const struct row *row, struct post *out, struct error *err);
};

static void copy_names(const struct row *row, const char *group, struct post *out)
{
    const char *title = row_string_or_null(row, "title");
    if (title)
        out->title = xstrdup(title);
    group = group ? row_string_or_null(row, group) : NULL;
    if (group)
        out->group = xstrdup(group);
}

static int read_tldr(const struct row *row, struct post *out, struct error *err)
{
    copy_names(row, "subreddit", out);
    out->summaries = xcalloc(1, sizeof *out->summaries);
    if (row_id(row, "id", &out->key, err) || row_text(row, "post", &out->context, err))
        return -1;
    out->n_summaries = 1;
    return row_response(row, "summary", &out->summaries[0], err);
}

/* Sentences become one text: a blank between them unless one stands there. */
static int join_sentences(const struct row *row, const json_t *list, char **out,
                          struct error *err)
{
    struct buf text;
    buf_init(&text, RECORD_MAX);
    size_t i;
    json_t *sentence;
    json_array_foreach(list, i, sentence)
    {
        char *one;
        if (value_text(row, sentence, "source", &one, err)) {
            buf_release(&text);
            return -1;
        }
        if (text.len && !strchr(" \n\t", text.data[text.len - 1]))
            buf_addc(&text, ' ');
        buf_adds(&text, one);
        free(one);
    }
    *out = buf_take(&text);
    return 0;
}

static int read_scitldr(const struct row *row, struct post *out, struct error *err)
{
    json_t *source, *target;
    copy_names(row, NULL, out);
    if (row_id(row, "paper_id", &out->key, err) ||
        row_need(row, "source", &source, err) || row_need(row, "target", &target, err))
        return -1;
    if (!json_is_array(source) || !json_is_array(target))
        return row_error(row, err, "source and target must be lists of sentences");
    if (join_sentences(row, source, &out->context, err))
        return -1;
    size_t n = json_array_size(target);
    out->summaries = xcalloc(n + 1, sizeof *out->summaries);
    for (; out->n_summaries < n; out->n_summaries++) {
        if (value_response(row, json_array_get(target, out->n_summaries), "target",
                           &out->summaries[out->n_summaries], err))
            return -1;
    }
    return 0;
}

static int read_plain(const struct row *row, struct post *out, struct error *err)
{
    (void)err;
    out->context = xstrndup(row->text, row->text_len);
    return 0;
}

static const struct post_format post_formats[] = {
    {{"openai_posts", ROWS_JSON, {"id", "post", "summary"}, NULL}, read_tldr},
    {{"scitldr", ROWS_JSON, {"source", "target", "paper_id"}, NULL}, read_scitldr},
    {{"text", ROWS_TEXT, {NULL}, NULL}, read_plain},
};
#define N_POST_FORMATS (sizeof post_formats / sizeof *post_formats)

/* ---- the import ---- */

struct posts {
    struct rows rows;
    const struct post_format *format;
    int (*sink)(void *ctx, const struct post *posts, size_t n, struct error *err);
    void *ctx;
    struct post_list chunk;
};

static int flush(struct posts *p, struct error *err)
{
    int bad = p->chunk.n ? p->sink(p->ctx, p->chunk.posts, p->chunk.n, err) : 0;
    post_list_clear(&p->chunk);
    p->rows.stopped |= bad != 0;
    return bad ? -1 : 0;
}

static int take_post(void *ctx, const struct row *row, struct error *err)
{
    struct posts *p = ctx;
    struct post *post = post_list_add(&p->chunk);
    if (p->format->read(row, post, err)) {
        post_release(post);
        p->chunk.n--;
        return -1;
    }
    struct pair pair;
    pair_init(&pair);
    pair.context = post->context; // the split is a pair's
    pair_finish(&pair);
    post->split = pair.split;
    post->origin_line = row->line;
    p->rows.report->imported++;
    return p->chunk.n < CHUNK_POSTS ? 0 : flush(p, err);
}

static int find_format(struct posts *p, const char *file, struct error *err)
{
    const struct recognisers table = {&post_formats[0].known, N_POST_FORMATS,
                                      sizeof *post_formats, "posts"};
    size_t index;
    enum rows_as as;
    if (!p->rows.options->format && rows_sniff(file, &as, err))
        return -1;
    if (!p->rows.options->format && as != ROWS_JSON)
        index = N_POST_FORMATS - 1; // what is not JSON is text
    else if (rows_recognise(&p->rows, &table, file, &index, err))
        return -1;
    p->format = &post_formats[index];
    p->rows.report->format = p->format->known.name;
    return 0;
}

int import_posts(const char *const *files, size_t n_files,
                 const struct import_options *options,
                 int (*sink)(void *ctx, const struct post *posts, size_t n,
                             struct error *err),
                 void *ctx, struct import_report *report, struct error *err)
{
    struct posts p = {.sink = sink, .ctx = ctx};
    int bad = rows_begin(&p.rows, files, n_files, options, report, err);
    for (size_t i = 0; i < n_files && !bad; i++)
        bad = find_format(&p, files[i], err) ||
              rows_each(&p.rows, files[i], p.format->known.as, false, take_post, &p, err);
    bad = bad || flush(&p, err) || report_end(report, "posts", files[0], err);
    post_list_release(&p.chunk);
    return bad ? -1 : 0;
}
