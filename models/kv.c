#include "models/kv.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

void kv_init(struct kv_tree *tree, size_t page_bytes, uint64_t limit)
{
    memset(tree, 0, sizeof(*tree));
    tree->page_bytes = page_bytes;
    tree->limit = limit;
    tree->root.n = tree->root.valid = KV_PAGE;
}

static void list_take(struct kv_tree *tree, struct kv_node *node)
{
    if (node->newer)
        node->newer->older = node->older;
    else
        tree->newest = node->older;
    if (node->older)
        node->older->newer = node->newer;
    else
        tree->oldest = node->newer;
}

static void list_put(struct kv_tree *tree, struct kv_node *node)
{
    node->newer = NULL;
    node->older = tree->newest;
    if (tree->newest)
        tree->newest->newer = node;
    else
        tree->oldest = node;
    tree->newest = node;
}

static void drop(struct kv_tree *tree, struct kv_node *node)
{
    struct kv_node **at = &node->parent->child;

    while (*at != node)
        at = &(*at)->sibling;
    *at = node->sibling;
    list_take(tree, node);
    tree->bytes -= tree->page_bytes;
    free(node->page);
    free(node);
}

void kv_release(struct kv_tree *tree)
{
    struct kv_node *node = tree->newest;

    while (node) {
        struct kv_node *next = node->older;

        free(node->page);
        free(node);
        node = next;
    }
    memset(tree, 0, sizeof(*tree));
}

bool kv_empty(struct kv_tree *tree)
{
    size_t page_bytes = tree->page_bytes;
    uint64_t limit = tree->limit;

    for (const struct kv_node *node = tree->newest; node; node = node->older)
        if (node->pins > 0)
            return false;
    kv_release(tree);
    kv_init(tree, page_bytes, limit);
    return true;
}

static int available(const struct kv_node *node, uint64_t plan)
{
    return plan != 0 && node->plan == plan ? node->n : node->valid;
}

struct kv_node *kv_match(const struct kv_node *parent, const int32_t *ids, size_t n,
                         uint64_t plan, size_t *matched)
{
    struct kv_node *best = NULL;

    *matched = 0;
    for (struct kv_node *child = parent->child; child; child = child->sibling) {
        size_t have = (size_t)available(child, plan), m = 0;

        have = have < n ? have : n;
        while (m < have && child->ids[m] == ids[m])
            m++;
        if (m > *matched) {
            *matched = m;
            best = child;
        }
    }
    return best;
}

/* The least recently used leaf that nobody holds. Parents count as used after their children, so it is near the end. */
static bool evict(struct kv_tree *tree)
{
    for (struct kv_node *node = tree->oldest; node; node = node->newer)
        if (node->pins == 0 && !node->child) {
            drop(tree, node);
            return true;
        }
    return false;
}

void kv_trim(struct kv_tree *tree)
{
    while (tree->bytes > tree->limit && evict(tree))
        ;
}

struct kv_node *kv_add(struct kv_tree *tree, struct kv_node *parent, struct error *err)
{
    struct kv_node *node;
    void *page;

    while (tree->bytes + tree->page_bytes > tree->limit && evict(tree))
        ;
    page = mem_try(tree->page_bytes, "the keys and values of the prompts", err);
    if (!page)
        return NULL;
    node = xcalloc(1, sizeof(*node));
    node->page = page;
    node->pins = 1;
    node->parent = parent;
    node->sibling = parent->child;
    parent->child = node;
    tree->bytes += tree->page_bytes;
    list_put(tree, node);
    return node;
}

void kv_unpin(struct kv_tree *tree, struct kv_node *node)
{
    node->pins--;
    list_take(tree, node);
    list_put(tree, node);
}

void kv_forget(struct kv_tree *tree, uint64_t plan)
{
    bool again = true;

    for (struct kv_node *node = tree->newest; node; node = node->older)
        if (node->plan == plan && node->n > node->valid)
            node->n = node->valid;
    /* Children go before their parents, which may stand anywhere in the list. */
    while (again) {
        struct kv_node *next;

        again = false;
        for (struct kv_node *node = tree->newest; node; node = next) {
            next = node->older;
            if (node->n == 0 && node->pins == 0 && !node->child) {
                drop(tree, node);
                again = true;
            }
        }
    }
}

size_t kv_cached(const struct kv_tree *tree, const int32_t *ids, size_t n)
{
    const struct kv_node *node = &tree->root;
    size_t at = 0;

    while (at < n) {
        size_t m;

        node = kv_match(node, ids + at, n - at < KV_PAGE ? n - at : KV_PAGE, 0, &m);
        at += m;
        if (!node || m < KV_PAGE)
            break;
    }
    return at;
}
