/*
 * A cancel token: set from any thread, looked at in every layer of a network and between
 * calls.
 */
#ifndef RLAIF_BASE_CANCEL_H
#define RLAIF_BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct cancel {
    atomic_bool asked;
    const struct cancel *parent; /* what is asked there is asked here too; NULL: none */
};

static inline void cancel_ask(struct cancel *cancel)
{
    atomic_store_explicit(&cancel->asked, true, memory_order_relaxed);
}
/* NULL is a token that nobody sets. */
static inline bool cancel_asked(const struct cancel *cancel)
{
    for (; cancel; cancel = cancel->parent)
        if (atomic_load_explicit(&((struct cancel *)cancel)->asked, memory_order_relaxed))
            return true;
    return false;
}

#endif
