/*
 * A post: a context alone, with reference summaries where the file has them. Training
 * text and contexts to sample on; no comparison. Plain data, owned by its post_list.
 */
#ifndef RLAIF_DATA_POST_H
#define RLAIF_DATA_POST_H

#include <stddef.h>
#include <stdint.h>

#include "src/data/import.h"
#include "src/data/pair.h"

struct post {
    int64_t id;  /* in the store, 0: not there */
    char *key;   /* the file's own id, NULL: none */
    char *title; /* NULL: none */
    char *context;
    char *group; /* subreddit, NULL: none */
    char **summaries;
    size_t n_summaries;
    enum split split; /* of the context, as for pairs */
    int64_t origin_line;
};

struct post_list {
    struct post *posts;
    size_t n, cap;
};

struct post *post_list_add(struct post_list *list); /* zeroed; valid until the next add */
void post_list_clear(struct post_list *list);       /* empty, keeps the memory */
void post_list_release(struct post_list *list);

/*
 * Reads posts: OpenAI tldr_filtered JSONL, SciTLDR JSONL, or plain text with one post a
 * line. sink gets finished posts in chunks and copies what it keeps; -1 from it ends the
 * import. options->format names a format, else it is recognised by content. Errors, bad
 * rows and the report are as in import_pairs; report->imported counts posts.
 */
int import_posts(const char *const *files, size_t n_files,
                 const struct import_options *options,
                 int (*sink)(void *ctx, const struct post *posts, size_t n,
                             struct error *err),
                 void *ctx, struct import_report *report, struct error *err);

#endif
