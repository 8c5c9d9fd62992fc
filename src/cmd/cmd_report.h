/* `show report`, `export report`, `export labels`. */
#ifndef RLAIF_CMD_CMD_REPORT_H
#define RLAIF_CMD_CMD_REPORT_H

#include "src/cmd/command.h"

int run_show_report(struct call *call, struct error *err);
void print_report(const json_t *answer, struct buf *out);
int run_export_report(struct call *call, struct error *err);
int run_export_labels(struct call *call, struct error *err);

#endif
