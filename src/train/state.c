/* What a checkpoint holds of a stage, and early stopping, which is part of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/train/parts.h"

static const size_t type_bytes[] = {
    [STATE_F32] = sizeof(float),
    [STATE_F64] = sizeof(double),
    [STATE_I64] = sizeof(int64_t),
};

size_t state_part_bytes(const struct state_part *part)
{
    return part->count * type_bytes[part->type];
}

void train_state_add(struct train_state *state, const char *prefix, const char *name,
                     enum state_type type, size_t count, void *data)
{
    struct state_part *part;

    state->parts = array_grow(state->parts, state->n, &state->cap, sizeof(*part));
    part = &state->parts[state->n++];
    snprintf(part->name, sizeof(part->name), "%s%s", prefix, name);
    part->type = type;
    part->count = count;
    part->data = data;
}

void train_state_add_learner(struct train_state *state, const char *prefix,
                             struct learner *learner, struct optimiser *optimiser)
{
    enum state_type type = STATE_F32;
    char name[40];

    if (learner) {
        type = learner_options(learner)->real == BLAS_F64 ? STATE_F64 : STATE_F32;
        train_state_add(state, prefix, "weights", type, learner_params(learner)->count,
                        learner_weights(learner));
    }
    for (size_t i = 0; optimiser; i++) {
        const char *array;
        size_t count;
        void *data = optimiser_state(optimiser, i, &array, &count);

        if (!data)
            break;
        snprintf(name, sizeof(name), "optimiser.%s", array);
        train_state_add(state, prefix, name, type, count, data);
    }
}

const struct state_part *train_state_find(const struct train_state *state, const char *name)
{
    for (size_t i = 0; i < state->n; i++)
        if (strcmp(state->parts[i].name, name) == 0)
            return &state->parts[i];
    return NULL;
}

void train_state_release(struct train_state *state)
{
    free(state->parts);
    *state = (struct train_state){0};
}

/* ---- copies ---- */

void *train_state_copy(const struct train_state *state, struct error *err)
{
    size_t bytes = 0;
    char *copy, *to;

    for (size_t i = 0; i < state->n; i++)
        bytes += state_part_bytes(&state->parts[i]);
    copy = to = mem_try(bytes + 1, "a copy of the state", err);
    for (size_t i = 0; copy && i < state->n; i++) {
        memcpy(to, state->parts[i].data, state_part_bytes(&state->parts[i]));
        to += state_part_bytes(&state->parts[i]);
    }
    return copy;
}

void train_state_paste(const struct train_state *state, const void *copy)
{
    const char *from = copy;

    for (size_t i = 0; i < state->n; i++) {
        memcpy(state->parts[i].data, from, state_part_bytes(&state->parts[i]));
        from += state_part_bytes(&state->parts[i]);
    }
}

/* ---- plateau ---- */

bool train_plateau_see(struct train_plateau *plateau, int64_t step, double loss, double delta)
{
    bool first = plateau->seen == 0 || isnan(plateau->best);
    bool better = !isnan(loss) && (first || loss < plateau->best - delta);

    if (plateau->seen++ == 0)
        plateau->best = NAN;
    plateau->bad = better ? 0 : plateau->bad + 1;
    if (better) {
        plateau->best = loss;
        plateau->best_step = step;
    }
    return better;
}

void train_plateau_state(struct train_plateau *plateau, const char *prefix,
                         struct train_state *state)
{
    train_state_add(state, prefix, "best", STATE_F64, 1, &plateau->best);
    train_state_add(state, prefix, "best_step", STATE_I64, 1, &plateau->best_step);
    train_state_add(state, prefix, "bad", STATE_I64, 1, &plateau->bad);
    train_state_add(state, prefix, "seen", STATE_I64, 1, &plateau->seen);
}

/* ---- errors ---- */

int train_fail(struct error *err, const char *what, int64_t step)
{
    char text[sizeof(err->text)];

    if (!err || err->kind == ERROR_CANCELLED)
        return -1;
    snprintf(text, sizeof(text), "%s step %lld: %.400s", what, (long long)step, err->text);
    memcpy(err->text, text, sizeof(text));
    return -1;
}
