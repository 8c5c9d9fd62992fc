/*
 * `show report` and `export report`: everything a person would paste into a pull request about a
 * prompt, as Markdown or as one self-contained HTML page (no scripts, nothing loaded, everything
 * escaped). Pure: the caller fills report_input, nothing is read or asked. Same input, same bytes.
 */
#ifndef RLAIF_LABEL_REPORT_H
#define RLAIF_LABEL_REPORT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/label/judged.h"
#include "src/label/stats_null.h"
#include "src/label/stats_position.h"

/* All texts and arrays are borrowed. NULL and 0: not known, the line is left out. */
struct report_input {
    const char *program;       /* "rlaif 0.1.0" */
    const char *made_at;       /* "2025-03-01 12:00 UTC" */
    const char *set, *set_format, *set_origin, *scope; /* scope: "train and dev, first 500" */
    const char *prompt;        /* "summary-base@2" */
    const char *prompt_yaml;   /* the file, whole */
    const char *prompt_note, *prompt_parent;
    const char *labeler;       /* "model:SmolLM2-135M-Instruct" */
    const char *model_file, *model_sha256, *model_arch, *precision;
    const char *decoding;      /* "samples 1, temperature 0" */
    uint64_t seed;             /* of order, decoding and bootstrap */
    size_t draws;              /* 0: STATS_DRAWS_REPORT */
    int64_t test_looks;
    const struct judged *rows; /* this prompt and labeler, in set order */
    size_t n_rows;
    const struct judged *parent_rows; /* another version to compare with, NULL: none */
    size_t n_parent_rows;
    const char *parent_name;   /* its name, "summary-base@1" */
    const double *other_p;     /* see struct compare_options */
    size_t n_other_p;
    size_t versions_compared;
    const struct stats_null *null; /* NULL_KINDS of them; NULL: the null test was not run */
    const struct group_key *const *by; /* NULL: split, group, tag, length_difference, confidence */
    size_t n_by;
    size_t contested;          /* pairs shown; 0: 8 */
    /* Cost, when known. */
    int64_t tokens, reused;
    double seconds;
};

enum report_format { REPORT_MD, REPORT_HTML };
void report_write(const struct report_input *input, enum report_format format, struct buf *out);
/* The same facts as an object: {"command":"show report", "agreement":{..}, "bias":{..},
 * "compare":{..}, "contested":[..], "markdown":".."}; its text form is the value of
 * "markdown". */
json_t *report_json(const struct report_input *input);
void report_print(const json_t *answer, struct buf *out);

#endif
