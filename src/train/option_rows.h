/*
 * Rows of a stage's option table for the optimiser inside its options, so that a stage has one
 * table: what `help`, completion and `set` read. Names and meanings: models/optimiser.h. The
 * defaults are the stage's.
 */
#ifndef RLAIF_TRAIN_OPTION_ROWS_H
#define RLAIF_TRAIN_OPTION_ROWS_H

#include <math.h>
#include <stddef.h>

#include "src/base/option.h"

#define OPTIMISER_FIELD(type, field) offsetof(type, optimiser.field)
#define OPTIMISER_ROWS(type, lr_default, epsilon_default, schedule_default)                        \
    {"optimiser", OPTION_CHOICE, OPTIMISER_FIELD(type, kind), 0, 0, "adamw|adafactor", "adamw",    \
     "adamw, or adafactor (the paper's: a factored second moment, no first)"},                     \
        {"lr", OPTION_REAL, OPTIMISER_FIELD(type, lr), 0, 10, NULL, lr_default,                    \
         "learning rate at the top of the schedule"},                                              \
        {"beta1", OPTION_REAL, OPTIMISER_FIELD(type, beta1), 0, 1, NULL, "0.9",                    \
         "decay of the first moment"},                                                             \
        {"beta2", OPTION_REAL, OPTIMISER_FIELD(type, beta2), 0, 1, NULL, "0.999",                  \
         "decay of the second moment"},                                                            \
        {"epsilon", OPTION_REAL, OPTIMISER_FIELD(type, epsilon), 0, 1, NULL, epsilon_default,      \
         "added to the root of the second moment"},                                                \
        {"epsilon_form", OPTION_CHOICE, OPTIMISER_FIELD(type, epsilon_form), 0, 0,                 \
         "pytorch|tensorflow", "pytorch",                                                          \
         "epsilon behind the bias correction (pytorch) or before it (tensorflow)"},                \
        {"weight_decay", OPTION_REAL, OPTIMISER_FIELD(type, weight_decay), 0, 10, NULL, "0",       \
         "decoupled, on matrices and the embedding; norms and biases are left out"},               \
        {"clip_norm", OPTION_REAL, OPTIMISER_FIELD(type, clip_norm), 0, 1e9, NULL, "1",            \
         "longest gradient, over all tensors; 0: any length"},                                     \
        {"schedule", OPTION_CHOICE, OPTIMISER_FIELD(type, schedule), 0, 0,                         \
         "constant|linear|cosine", schedule_default, "how the rate falls behind the warm-up"},     \
        {"warmup", OPTION_INT, OPTIMISER_FIELD(type, warmup), 0, 1e9, NULL, "0",                   \
         "steps in which the rate rises from 0"},                                                  \
        {"lr_end", OPTION_REAL, OPTIMISER_FIELD(type, lr_end), 0, 1, NULL, "0",                    \
         "share of lr at the end of linear and cosine"}
#define OPTION_END                                                                                 \
    {NULL, OPTION_INT, 0, 0, 0, NULL, NULL, NULL}

#endif
