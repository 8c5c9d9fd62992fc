/*
 * Inside of the prompt files only: the tree behind a prompt, and the checks that need it.
 */
#ifndef RLAIF_LABEL_PROMPT_FIELDS_H
#define RLAIF_LABEL_PROMPT_FIELDS_H

#include "src/base/yaml_tree.h"
#include "src/label/prompt.h"

struct prompt_spans {
    struct yaml_value *root;
};

/* The value of a field in the source, NULL when it has its default. */
struct yaml_value *prompt_value(const struct prompt *prompt, const char *field,
                                struct yaml_value **key);
/* What must hold between fields: slots, number of options, exemplars. Sets pointwise. */
int prompt_check(struct prompt *prompt, struct error *err);

#endif
