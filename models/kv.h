/*
 * The prefix tree: pages of keys and values by the tokens before them. A node is one page of
 * at most KV_PAGE tokens; only full pages have children. A text that leaves a page half way
 * gets a page of its own with the common tokens' keys and values copied, so every text is a
 * chain of pages at fixed positions. What nobody holds is dropped, least recently used first,
 * when a new page would pass the limit; what is held stays, even past the limit.
 *
 * Not locked: the engine does that.
 */
#ifndef RLAIF_MODELS_KV_H
#define RLAIF_MODELS_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/ops.h"
#include "src/base/error.h"

struct kv_node {
    struct kv_node *parent, *child, *sibling; /* first child, next sibling */
    struct kv_node *newer, *older;            /* all nodes by last use */
    void *page;
    int n;     /* tokens */
    int valid; /* of them, those computed; the others are being computed by `plan` */
    int pins;
    uint64_t plan;
    int32_t ids[KV_PAGE];
    uint64_t rows_plan; /* rows below are of this plan */
    uint32_t rows[KV_PAGE]; /* 1 + row of the plan that computes the token, 0: none */
};

struct kv_tree {
    struct kv_node root; /* no tokens, no page */
    struct kv_node *newest, *oldest;
    size_t page_bytes;
    uint64_t bytes, limit;
};

void kv_init(struct kv_tree *tree, size_t page_bytes, uint64_t limit);
void kv_release(struct kv_tree *tree);
/* Drops everything; false, and nothing done, while somebody holds a page. */
bool kv_empty(struct kv_tree *tree);
/*
 * The child of `parent` that has most of the n tokens ids at its start; *matched of them (those
 * of other plans only as far as they are computed). NULL when none has the first.
 */
struct kv_node *kv_match(const struct kv_node *parent, const int32_t *ids, size_t n,
                         uint64_t plan, size_t *matched);
/* A new empty child with a zeroed page, pinned once. NULL: no memory. */
struct kv_node *kv_add(struct kv_tree *tree, struct kv_node *parent, struct error *err);
static inline void kv_pin(struct kv_node *node)
{
    node->pins++;
}
void kv_unpin(struct kv_tree *tree, struct kv_node *node); /* counts as a use */
/* Drops what is over the limit and not held. */
void kv_trim(struct kv_tree *tree);
/* A plan ended early: its tokens that were not computed are not there. */
void kv_forget(struct kv_tree *tree, uint64_t plan);
/* How many of the first tokens are in the tree. */
size_t kv_cached(const struct kv_tree *tree, const int32_t *ids, size_t n);

#endif
