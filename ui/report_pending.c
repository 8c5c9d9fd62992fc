/* Stands in for src/label/report.c until that file is there; goes with the commit that brings it. */
#include "config.h"

#include "src/label/report.h"

void report_write(const struct report_input *input, enum report_format format, struct buf *out)
{
    (void)input;
    (void)format;
    buf_adds(out, "not yet\n");
}

json_t *report_json(const struct report_input *input)
{
    (void)input;
    return json_pack("{ss}", "command", "show report");
}

void report_print(const json_t *answer, struct buf *out)
{
    (void)answer;
    buf_adds(out, "not yet\n");
}
