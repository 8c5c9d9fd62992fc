/* The full-screen workbench. */
#include "config.h"

#include "ui/loop.h"

static int tui_on(void *end, struct error *err)
{
    (void)end;
    return error_set(err, ERROR_FAILED, "the full screen is not built yet");
}

static void tui_off(void *end)
{
    (void)end;
}

static const struct end_ops ops = {.on = tui_on, .off = tui_off, .free = tui_off};

struct end tui_new(struct front *front)
{
    return (struct end){&ops, front};
}
