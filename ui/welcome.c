/* The first lines. */
#include "config.h"

#include "ui/welcome.h"

#include <stdio.h>

static void say_model(struct workbench *wb)
{
    struct error err = {0};
    char line[900];

    struct model *model = workbench_model(wb, &err);
    if (model) {
        const struct model_info *info = model_info(model);
        workbench_say(wb, "model %s, %s, %.0f M parameters", info->name, info->file_type,
                      (double)info->params / 1e6);
        return;
    }
    error_format(&err, line, sizeof line);
    workbench_say(wb, "%s", line);
}

void welcome(struct front *front, const struct sink *sink)
{
    struct workbench *wb = front->wb;
    struct error err = {0};

    (void)sink;
    struct set_index *set = workbench_set(wb, NULL, &err);
    workbench_say(wb, "rlaif %s, workspace %s%s", PACKAGE_VERSION, wb->dir,
                  wb->readonly ? ", read-only" : "");
    say_model(wb);
    if (set)
        workbench_say(wb, "set %s: %zu pairs. First: %s", set->row.name, set->list.n,
                      wb->model ? "label summary-base n=16"
                                : "label summary-base labeler=sim:gap=1.6");
    workbench_say(
        wb, "then: show agreement; show bias; .tui for the full screen. Tab completes, "
            "help lists all");
}
