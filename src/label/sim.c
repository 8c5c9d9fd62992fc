#include "src/label/sim.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/option.h"
#include "src/base/rng.h"
#include "src/label/stats_math.h"

/* Wide enough for any lesson, narrow enough that sums stay finite. */
#define WEIGHT_MAX 1000.0

static const struct option sim_options[] = {
    { "gap", OPTION_REAL, offsetof(struct sim, gap), -WEIGHT_MAX, WEIGHT_MAX, NULL, "1",
      "weight of the truth: how well it tells the better response" },
    { "pos", OPTION_REAL, offsetof(struct sim, pos), -WEIGHT_MAX, WEIGHT_MAX, NULL, "0",
      "log-odds for slot 1, whatever stands there; below 0 for slot 2" },
    { "len", OPTION_REAL, offsetof(struct sim, len), -WEIGHT_MAX, WEIGHT_MAX, NULL, "0",
      "weight of the log length ratio: above 0 likes the longer" },
    { "noise", OPTION_REAL, offsetof(struct sim, noise), 0, WEIGHT_MAX, NULL, "0",
      "standard deviation of the noise, drawn anew in each order" },
    { "taste", OPTION_REAL, offsetof(struct sim, taste), 0, WEIGHT_MAX, NULL, "0",
      "standard deviation of an opinion of its own, the same in both orders" },
    { NULL, OPTION_INT, 0, 0, 0, NULL, NULL, NULL },
};

/* Fitted to pairs of two authors of the pocket world; tests/unit/test_world_sim.c holds
 * them to it. */
static const struct {
    const char *name;
    struct sim sim;
} presets[] = {
    { "L", { .gap = 1.6, .pos = .7, .noise = .95, .taste = 1.8 } },
    { "S", { .gap = 1, .pos = -.55, .noise = .9, .taste = 1.5 } },
    { "XS", { .gap = .5, .pos = -1.7, .noise = .9, .taste = 1.8 } },
};
#define PRESETS (sizeof presets / sizeof *presets)

static int part_parse(const char *part, struct sim *out, struct error *err)
{
    char name[32], *end;
    const char *is = strchr(part, '=');
    const struct option *option = NULL;
    if (is != NULL && (size_t)(is - part) < sizeof name) {
        memcpy(name, part, (size_t)(is - part));
        name[is - part] = '\0';
        option = option_find(sim_options, name);
    }
    if (option == NULL) {
        error_set(err, ERROR_USAGE, "the simulated labeler knows no part \"%.60s\"", part);
        return error_hint(
            err, "parts are gap=, pos=, len=, noise= and taste=, separated by commas; "
                 "or L, S or XS in front");
    }
    double value = strtod(is + 1, &end);
    if (end == is + 1 || *end != '\0' || !isfinite(value))
        return error_set(err, ERROR_USAGE, "\"%.60s\" of the simulated labeler is not a number",
                         part);
    if (value < option->min || value > option->max)
        return error_set(err, ERROR_USAGE, "\"%.60s\" of the simulated labeler must be %g..%g",
                         part, option->min, option->max);
    *(double *)((char *)out + option->offset) = value;
    return 0;
}

int sim_parse(const char *name, struct sim *out, struct error *err)
{
    struct sim sim;
    options_init(sim_options, &sim);
    if (strncmp(name, "sim", 3) != 0 || (name[3] != '\0' && name[3] != ':')) {
        error_set(err, ERROR_USAGE, "\"%.60s\" is not the name of a simulated labeler", name);
        return error_hint(err, "it looks like sim:gap=1.6,pos=.3,len=0,noise=.5");
    }
    if (name[3] == ':' && name[4] != '\0') {
        char *copy = xstrdup(name + 4), *rest = copy;
        int failed = 0;
        size_t first = strcspn(rest, ",");
        for (size_t i = 0; i < PRESETS; i++)
            if (strlen(presets[i].name) == first && memcmp(rest, presets[i].name, first) == 0) {
                sim = presets[i].sim;
                rest += first + (rest[first] == ',');
                rest = *rest != '\0' ? rest : NULL;
                break;
            }
        while (!failed && rest != NULL)
            failed = part_parse(strsep(&rest, ","), &sim, err);
        free(copy);
        if (failed)
            return -1;
    }
    *out = sim;
    return 0;
}

const char *sim_preset(const struct sim *sim)
{
    for (size_t i = 0; i < PRESETS; i++) {
        const struct sim *p = &presets[i].sim;
        if (sim->gap == p->gap && sim->pos == p->pos && sim->len == p->len &&
            sim->noise == p->noise && sim->taste == p->taste)
            return presets[i].name;
    }
    return NULL;
}

void sim_name(const struct sim *sim, struct buf *out)
{
    buf_adds(out, "sim:");
    for (const struct option *option = sim_options; option->name != NULL; option++) {
        double value;
        memcpy(&value, (const char *)sim + option->offset, sizeof value);
        if (option->offset == offsetof(struct sim, taste) && value == 0)
            continue; /* as names were before there was taste */
        buf_addf(out, "%s%s=", option == sim_options ? "" : ",", option->name);
        if (value == (double)(long)value)
            buf_addf(out, "%ld", (long)value); /* 3, not 3.0 */
        else
            json_write_real(out, value);
    }
}

bool sim_truth(const struct pair *pair, double *gap)
{
    if (pair->flags & PAIR_IDENTICAL) {
        *gap = 0;
        return true;
    }
    if (!isnan(pair->gold_a) && !isnan(pair->gold_b)) {
        *gap = pair->gold_a - pair->gold_b;
        return true;
    }
    struct reference reference = pair_reference(pair);
    *gap = reference.gap;
    return reference.n_votes > 0;
}

static double log_length(uint32_t chars)
{
    return log(chars > 0 ? (double)chars : 1.0);
}

bool sim_logit(const struct sim *sim, const struct pair *pair, enum order order, uint64_t seed,
               int repeat, double *logit)
{
    double gap;
    if (!sim_truth(pair, &gap))
        return false;
    double sign = order == ORDER_AB ? 1 : -1;
    double longer = log_length(pair->chars_a) - log_length(pair->chars_b);
    *logit = sim->gap * gap * sign + sim->pos + sim->len * longer * sign;
    if (sim->noise != 0 || sim->taste != 0) {
        char id[64];
        /* By the pair itself, so that leaving out another pair changes nothing. */
        if (pair->id > 0)
            snprintf(id, sizeof id, "%" PRId64, pair->id);
        else
            snprintf(id, sizeof id, "%" PRId64 "#%d", pair->set_id, pair->num);
        struct rng_key key = rng_sub(rng_key(seed, "sim noise", id), (uint64_t)order);
        *logit += sim->noise * rng_normal(key, (uint64_t)repeat);
        if (sim->taste != 0 && !(pair->flags & PAIR_IDENTICAL))
            *logit += sim->taste * rng_normal(rng_key(seed, "sim taste", id), 0) * sign;
    }
    return true;
}

void sim_label(const struct sim *sim, const struct pair *pair, struct label *label)
{
    double logit;
    if (!sim_logit(sim, pair, label->order, label->seed, label->repeat, &logit)) {
        free(label->error);
        label->error = xstrdup("the pair has no reference and no gold score to simulate from");
        return;
    }
    label->n_options = 2;
    label->logprobs[0] = stats_log_sigmoid(logit);
    label->logprobs[1] = stats_log_sigmoid(-logit);
    label->outside = 0;
    label->p_first = stats_sigmoid(logit);
    label->slot = logit > 0 ? SLOT_1 : logit < 0 ? SLOT_2 : SLOT_TIE;
}
