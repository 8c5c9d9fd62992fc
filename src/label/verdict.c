/* From option log-probs or a text to a verdict or a score. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/label/labeler.h"

static bool begins_with(const struct tokens *whole, const struct tokens *head)
{
    return head->n < whole->n && memcmp(whole->ids, head->ids, head->n * sizeof *head->ids) == 0;
}

/* Probability of option i and not of a longer one that begins with it: the nearest longer
 * ones are taken off. */
static double own_mass(const double *logprobs, const struct tokens *options, size_t n, size_t i)
{
    double mass = exp(logprobs[i]);
    for (size_t j = 0; j < n; j++) {
        if (!begins_with(&options[j], &options[i]))
            continue;
        bool nearest = true;
        for (size_t k = 0; k < n; k++)
            if (begins_with(&options[k], &options[i]) && begins_with(&options[j], &options[k]))
                nearest = false;
        if (nearest)
            mass -= exp(logprobs[j]);
    }
    return mass > 0 ? mass : 0;
}

double score_expected(const double *logprobs, const struct tokens *options, size_t n,
                      double *outside)
{
    double sum = 0, score = 0;
    for (size_t i = 0; i < n; i++) {
        double mass = own_mass(logprobs, options, n, i);
        sum += mass;
        score += mass * (double)(i + 1);
    }
    if (outside)
        *outside = sum < 1 ? 1 - sum : 0;
    if (!(sum > 0) || n < 2)
        return NAN;
    return 2 * (score / sum - 1) / (double)(n - 1) - 1;
}

enum answer_kind verdict_parse(const char *text, size_t len, char *const *options,
                               size_t n, enum slot *slot, char *reason,
                               size_t reason_size)
{
    *slot = SLOT_NONE;
    while (len && strchr(" \t\r\n", *text)) {
        text++;
        len--;
    }
    while (len && strchr(" \t\r\n", text[len - 1]))
        len--;
    if (len == 0) {
        snprintf(reason, reason_size, "the answer is empty");
        return ANSWER_INVALID;
    }
    for (size_t i = 0; i < n; i++) {
        const char *option = options[i] + strspn(options[i], " \t\r\n");
        size_t olen = strlen(option);
        bool dot = len == olen + 1 && text[olen] == '.';
        if (olen && (len == olen || dot) && memcmp(text, option, olen) == 0) {
            *slot = i == 0 ? SLOT_1 : i == 1 ? SLOT_2 : SLOT_TIE;
            return i < 2 ? ANSWER_VERDICT : ANSWER_TIE;
        }
    }
    snprintf(reason, reason_size, "the answer is not one of the options alone");
    return ANSWER_INVALID;
}
