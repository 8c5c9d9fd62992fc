#include "models/plan.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

void kv_path_release(struct kv_path *path, struct kv_tree *tree)
{
    /* From the leaf up: what is shared by more texts counts as used later. */
    for (size_t i = path->n; i-- > 0;)
        kv_unpin(tree, path->nodes[i]);
    free(path->nodes);
    free(path->pages);
    memset(path, 0, sizeof(*path));
}

static void path_push(struct kv_path *path, struct kv_node *node)
{
    path->nodes = array_grow(path->nodes, path->n, &path->cap, sizeof(*path->nodes));
    path->pages = array_grow(path->pages, path->n, &path->cap_pages, sizeof(*path->pages));
    path->nodes[path->n] = node;
    path->pages[path->n++] = node->page;
}

void plan_init(struct plan *plan, struct kv_tree *tree, uint64_t id)
{
    memset(plan, 0, sizeof(*plan));
    plan->tree = tree;
    plan->id = id;
}

void plan_clear(struct plan *plan)
{
    bool open = false;

    for (size_t i = 0; i < plan->n_copies; i++)
        kv_unpin(plan->tree, plan->copies[i].from);
    for (size_t i = plan->n_rows; i-- > 0 && !open;)
        open = plan->rows[i].node->valid < plan->rows[i].node->n;
    if (open)
        kv_forget(plan->tree, plan->id);
    plan->n_rows = plan->n_wants = plan->n_copies = 0;
}

void plan_release(struct plan *plan)
{
    plan_clear(plan);
    free(plan->rows);
    free(plan->wants);
    free(plan->copies);
    memset(plan, 0, sizeof(*plan));
}

static uint32_t add_row(struct plan *plan, const struct kv_path *path, struct kv_node *node,
                        size_t position, bool store)
{
    size_t slot = position % KV_PAGE;

    plan->rows = array_grow(plan->rows, plan->n_rows, &plan->cap_rows, sizeof(*plan->rows));
    plan->rows[plan->n_rows++] = (struct plan_row){.id = node->ids[slot],
                                                   .store = store,
                                                   .node = node,
                                                   .path = path,
                                                   .position = (uint32_t)position};
    if (node->rows_plan != plan->id) {
        memset(node->rows, 0, sizeof(node->rows));
        node->rows_plan = plan->id;
    }
    node->rows[slot] = (uint32_t)plan->n_rows;
    return (uint32_t)plan->n_rows - 1;
}

/*
 * The page that holds ids[0..n) (at most KV_PAGE of them) behind `parent`, pinned; tokens from
 * *have on are new to it.
 */
static struct kv_node *take_page(struct plan *plan, struct kv_node *parent, const int32_t *ids,
                                 size_t n, size_t *have, struct error *err)
{
    struct kv_node *match = kv_match(parent, ids, n, plan->id, have), *node;

    if (match && (*have == n || *have == (size_t)match->n)) {
        kv_pin(match);
        return match;
    }
    if (match)
        kv_pin(match); /* the new page's room must not be made by dropping it */
    node = kv_add(plan->tree, parent, err);
    if (!node) {
        if (match)
            kv_unpin(plan->tree, match);
        return NULL;
    }
    if (match) {
        memcpy(node->ids, match->ids, *have * sizeof(*ids));
        node->n = (int)*have;
        node->plan = plan->id;
        plan->copies =
            array_grow(plan->copies, plan->n_copies, &plan->cap_copies, sizeof(*plan->copies));
        plan->copies[plan->n_copies++] =
            (struct plan_copy){match, node, (int)*have, plan->n_rows};
    }
    return node;
}

int plan_text(struct plan *plan, struct kv_path *path, const int32_t *ids, size_t n,
              const size_t *wanted, size_t n_wanted, uint32_t *rows, struct error *err)
{
    size_t w = 0;

    /* A page that was not full may have been taken further by somebody else meanwhile. */
    if (path->tokens % KV_PAGE != 0)
        kv_unpin(plan->tree, path->nodes[--path->n]);
    for (size_t at = path->n * KV_PAGE; at < n; at += KV_PAGE) {
        struct kv_node *parent = path->n ? path->nodes[path->n - 1] : &plan->tree->root, *node;
        size_t len = n - at < KV_PAGE ? n - at : KV_PAGE, have;

        node = take_page(plan, parent, ids + at, len, &have, err);
        if (!node) {
            path->tokens = path->n * KV_PAGE;
            return -1;
        }
        path_push(path, node);
        for (size_t i = 0; i < len; i++) {
            bool is_wanted = w < n_wanted && wanted[w] == at + i, fresh = i >= have;
            uint32_t row = 0;

            if (fresh) {
                node->ids[i] = ids[at + i];
                node->n = (int)i + 1;
                node->plan = plan->id;
                row = add_row(plan, path, node, at + i, true);
            } else if (is_wanted) {
                bool planned = node->rows_plan == plan->id && node->rows[i] != 0;

                row = planned ? node->rows[i] - 1 : add_row(plan, path, node, at + i, false);
            }
            if (is_wanted) {
                plan->rows[row].wanted = true;
                rows[w++] = row;
            }
        }
    }
    path->tokens = n;
    return 0;
}

void plan_want(struct plan *plan, uint32_t row, int kind, int32_t id, void *to)
{
    plan->wants = array_grow(plan->wants, plan->n_wants, &plan->cap_wants, sizeof(*plan->wants));
    plan->wants[plan->n_wants++] = (struct plan_want){
        .row = row, .next = plan->rows[row].first_want, .kind = kind, .id = id, .to = to};
    plan->rows[row].first_want = (uint32_t)plan->n_wants;
}

void plan_done(struct plan *plan, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        struct plan_row *row = &plan->rows[i];
        int slot = (int)(row->position % KV_PAGE);

        if (row->store && row->node->valid <= slot)
            row->node->valid = slot + 1;
    }
}
