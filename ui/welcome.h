/* What a person sees first: where, which model or how to get one, what to type. */
#ifndef RLAIF_UI_WELCOME_H
#define RLAIF_UI_WELCOME_H

#include "ui/front.h"

void welcome(struct front *front, const struct sink *sink);
/* Forgets a Ctrl-C that has been answered. */
static inline void cancel_clear(struct workbench *wb)
{
    atomic_store_explicit(&wb->interrupt.asked, false, memory_order_relaxed);
}

#endif
