#include "src/label/label.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

void label_init(struct label *label)
{
    memset(label, 0, sizeof *label);
    for (int i = 0; i < LABEL_OPTIONS_MAX; i++)
        label->logprobs[i] = NAN;
    label->outside = label->p_first = NAN;
    label->score = label->score_sum = label->score_gain = NAN;
    label->slot = SLOT_NONE;
}

void label_release(struct label *label)
{
    free(label->labeler);
    free(label->rationale);
    free(label->raw);
    free(label->error);
    label->labeler = label->rationale = label->raw = label->error = NULL;
}

static char *copy_text(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

void label_copy(struct label *to, const struct label *from)
{
    *to = *from;
    to->labeler = copy_text(from->labeler);
    to->rationale = copy_text(from->rationale);
    to->raw = copy_text(from->raw);
    to->error = copy_text(from->error);
}

struct label *label_list_add(struct label_list *list)
{
    if (list->n == list->cap)
        list->labels = array_grow(list->labels, list->n, &list->cap, sizeof *list->labels);
    struct label *label = &list->labels[list->n++];
    label_init(label);
    return label;
}

void label_list_release(struct label_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        label_release(&list->labels[i]);
    free(list->labels);
    *list = (struct label_list){ NULL, 0, 0 };
}
