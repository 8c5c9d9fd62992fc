/*
 * What one round of the engine computes: texts are laid into the prefix tree, and each token
 * that is not there yet, and each whose logits are asked for, becomes a row. Rows stand in an
 * order in which a token never comes before what it reads, so the list can be cut anywhere
 * into passes. A path is one text's chain of pages; its owner holds it until it is released.
 */
#ifndef RLAIF_MODELS_PLAN_H
#define RLAIF_MODELS_PLAN_H

#include "models/kv.h"

struct kv_path {
    struct kv_node **nodes;
    void **pages;   /* of the nodes */
    size_t n, cap, cap_pages;
    size_t tokens; /* in all pages */
};
void kv_path_release(struct kv_path *path, struct kv_tree *tree);

struct plan_row {
    int32_t id;
    bool store;    /* false: keys and values are there, only the output is asked for */
    bool wanted;
    struct kv_node *node;
    const struct kv_path *path;
    uint32_t position;
    uint32_t first_want; /* 1 + index of the last one added, 0: none */
};
/* Something to be read off the logits of a row. */
struct plan_want {
    uint32_t row;
    uint32_t next; /* 1 + index of another want of this row, 0: none */
    int kind;      /* the owner's */
    int32_t id;
    void *to;
    double value;
};
struct plan_copy {
    struct kv_node *from, *to;
    int n;
    size_t row; /* the first row that needs it */
};

struct plan {
    struct kv_tree *tree;
    uint64_t id; /* never 0 */
    struct plan_row *rows;
    struct plan_want *wants;
    struct plan_copy *copies;
    size_t n_rows, cap_rows, n_wants, cap_wants, n_copies, cap_copies;
};

void plan_init(struct plan *plan, struct kv_tree *tree, uint64_t id);
/* Forgets rows, wants and copies; tokens that were not computed leave the tree. Paths that are not
 * needed any more are released before it, so that nothing holds such tokens. */
void plan_clear(struct plan *plan);
void plan_release(struct plan *plan);

/*
 * Lays the text ids[0..n) into the tree, going on from what `path` holds of it already, and
 * plans what must be computed. wanted: ascending positions whose rows are written to rows.
 * Fails when there is no memory; the plan must then be cleared.
 */
int plan_text(struct plan *plan, struct kv_path *path, const int32_t *ids, size_t n,
              const size_t *wanted, size_t n_wanted, uint32_t *rows, struct error *err);
/* Asks for something of a row. */
void plan_want(struct plan *plan, uint32_t row, int kind, int32_t id, void *to);
/* Rows first .. end are computed: others may read them from now on. */
void plan_done(struct plan *plan, size_t first, size_t end);

#endif
