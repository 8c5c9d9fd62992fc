/* Inside the model directories' files: the names of each architecture there. Constant. */
#ifndef RLAIF_MODELS_HF_FORM_H
#define RLAIF_MODELS_HF_FORM_H

#include <stddef.h>

#include "models/model.h"
#include "src/base/error.h"

struct hf_form {
    const char *arch; /* our name, and model_type */
    const char *lm, *score; /* names of the classes */
};
extern const struct hf_form hf_forms[];
extern const size_t n_hf_forms;
const struct hf_form *hf_form_find(const char *arch);

/* Fills a new model from the directory m->path; whatever was filled, model_close releases. */
int hf_load(struct model *m, struct error *err);

#endif
