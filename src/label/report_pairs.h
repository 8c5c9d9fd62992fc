/*
 * The pairs of a report that are worth reading: where the labeler is surest and opposes the
 * reference (a wrong label of either side), and where the two orders pull hardest apart.
 */
#ifndef RLAIF_LABEL_REPORT_PAIRS_H
#define RLAIF_LABEL_REPORT_PAIRS_H

#include <jansson.h>

#include "src/label/report_page.h"

void report_pairs(struct page *page, const struct report_input *input);
/* [{"pair":"x#3","why":"opposed","p_a":.9,"reference":"b","verdict":"a","pull":.1}, ..] */
json_t *report_pairs_json(const struct report_input *input);

#endif
