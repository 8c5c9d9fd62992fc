/* Screen 1: the pairs, what people chose, what the labeler said in both orders. */
#include "config.h"

#include "ui/bench.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

/* ---- keys ---- */

static void move(struct bench *bench, long by)
{
    desk_move(&bench->tui->desk, by);
    bench->scroll = 0;
}

static void scroll(struct bench *bench, int by)
{
    int last = bench->text_rows - bench->text_height;
    bench->scroll += by;
    if (bench->scroll > last)
        bench->scroll = last;
    if (bench->scroll < 0)
        bench->scroll = 0;
}

static void step(void *view, int by)
{
    struct bench *bench = view;
    if (bench->pane == BENCH_PAIR)
        scroll(bench, by);
    else
        move(bench, by);
}

static void key_down(void *view)
{
    step(view, 1);
}

static void key_up(void *view)
{
    step(view, -1);
}

static void key_page_down(void *view)
{
    struct bench *bench = view;
    step(view, bench->pane == BENCH_PAIR ? bench->text_height : bench->list_rows);
}

static void key_page_up(void *view)
{
    struct bench *bench = view;
    step(view, -(bench->pane == BENCH_PAIR ? bench->text_height : bench->list_rows));
}

static void key_home(void *view)
{
    step(view, -100000000);
}

static void key_end(void *view)
{
    step(view, 100000000);
}

static void key_pane(void *view)
{
    struct bench *bench = view;
    bench->pane = bench->pane == BENCH_LIST ? BENCH_PAIR : BENCH_LIST;
}

static void key_swap(void *view)
{
    struct bench *bench = view;
    bench->swapped = !bench->swapped;
}

static void key_rationale(void *view)
{
    struct bench *bench = view;
    bench->rationale = bench->rationale == ORDER_AB ? ORDER_BA : ORDER_AB;
}

static void key_show(void *view)
{
    struct bench *bench = view;
    const struct desk *desk = &bench->tui->desk;
    const struct pair *pair = desk_pair(desk);
    if (!pair)
        return;
    if (desk->labeler && desk->prompt_id > 0)
        tui_run(bench->tui, false, "show pair #%d prompt=%s labeler=%s", pair->num,
                desk->prompt_name, desk->labeler);
    else
        tui_run(bench->tui, false, "show pair #%d", pair->num);
}

static void key_filter(void *view)
{
    struct bench *bench = view;
    const char *now = bench->tui->desk.filter_text;
    bench->typing = true;
    bench->tagging = false;
    bench->pane = BENCH_LIST;
    free(bench->old_filter);
    bench->old_filter = xstrdup(now);
    field_set(&bench->field, now, strlen(now));
}

static void key_tag(void *view)
{
    struct bench *bench = view;
    if (!desk_pair(&bench->tui->desk))
        return;
    bench->typing = bench->tagging = true;
    field_set(&bench->field, "", 0);
    tui_say(bench->tui, false,
            "a tag for #%d, -TAG takes one off; Enter keeps it, Esc leaves",
            desk_pair(&bench->tui->desk)->num);
}

/* The labeler that labelled what is shown, else the model, else the simulation, which
 * says so. */
static void key_label(void *view)
{
    struct bench *bench = view;
    struct tui *tui = bench->tui;
    const struct desk *desk = &tui->desk;
    const char *prompt = tui->wb->last_prompt ? tui->wb->last_prompt : "summary-base";

    if (desk->labeler && strncmp(desk->labeler, "sim:", 4) == 0)
        tui_run(tui, true, "label %s labeler=%s", prompt, desk->labeler);
    else if (!workbench_model(tui->wb, NULL))
        cmdline_open(tui, "label summary-base labeler=sim:gap=1.6,pos=.3,noise=.5");
    else
        tui_run(tui, true, "label %s", prompt);
}

static void key_edit(void *view)
{
    struct bench *bench = view;
    tui_show_view(bench->tui, 1);
}

static const struct key_row bench_keys[] = {
    {"j Down", "next pair, or scroll the text", true, key_down, "next"},
    {"k Up", "pair before, or scroll back", false, key_up, NULL},
    {"PgDn C-f", "a page on", false, key_page_down, NULL},
    {"PgUp C-b", "a page back", false, key_page_up, NULL},
    {"Home g", "first", false, key_home, NULL},
    {"End G", "last", false, key_end, NULL},
    {"Tab", "to the text and back to the list", true, key_pane, "pane"},
    {"x", "swap the sides on which the responses stand", true, key_swap, "swap"},
    {"/", "filter: disagree margin<.2 tag:too-long, as `help filter` says", true,
     key_filter, "filter"},
    {"Enter", "all that was said of this pair", false, key_show, NULL},
    {"t", "tag this pair", true, key_tag, "tag"},
    {"l", "label this set", true, key_label, "label"},
    {"e", "edit the prompt on the Prompt screen", true, key_edit, "edit prompt"},
    {"r", "rationale of the other order", false, key_rationale, NULL},
    {NULL, NULL, false, NULL, NULL},
};

/* ---- the filter's and the tag's field ---- */

static void end_typing(struct bench *bench, bool keep)
{
    struct tui *tui = bench->tui;
    struct error err = {0};
    const struct pair *pair = desk_pair(&tui->desk);
    const char *text = field_text(&bench->field);

    bench->typing = false;
    if (bench->tagging) {
        text += strspn(text, " ");
        if (keep && *text && pair) {
            struct buf tag;
            buf_init(&tag, 0);
            line_quote(&tag, text + (*text == '-'));
            tui_run(tui, true, "tag #%d %s %s", pair->num, *text == '-' ? "rm" : "add",
                    buf_str(&tag));
            buf_release(&tag);
        }
        return;
    }
    if (!keep)
        desk_filter(&tui->desk, bench->old_filter, &err);
    else if (desk_filter(&tui->desk, text, &err) < 0)
        tui_say(tui, true, "%s%s%s", err.text, err.hint[0] ? "; " : "", err.hint);
    bench->scroll = 0;
}

static bool bench_type(void *view, const struct key *key)
{
    struct bench *bench = view;
    struct field *field = &bench->field;
    struct tui *tui = bench->tui;

    if (!bench->typing)
        return false;
    if (key_in(key, "Enter")) {
        end_typing(bench, true);
        return true;
    }
    if (key_in(key, "Esc C-g")) {
        end_typing(bench, false);
        return true;
    }
    if (!field_key(field, key, 1000, 1))
        return !key_in(key, "F1");
    /* The list follows the filter as it is typed; a half-typed one changes nothing. */
    if (!bench->tagging)
        desk_filter(&tui->desk, field_text(field), NULL);
    return true;
}

static bool bench_typing(void *view)
{
    struct bench *bench = view;
    return bench->typing;
}

static bool bench_paste(void *view, const char *text, size_t len)
{
    struct bench *bench = view;
    if (!bench->typing)
        return false;
    field_insert(&bench->field, text, len, false);
    return true;
}

/* ---- the view ---- */

static void bench_status(void *view, struct buf *out)
{
    struct bench *bench = view;
    const struct desk *desk = &bench->tui->desk;

    buf_adds(out, desk->summary);
    if (desk->prompt_name)
        buf_addf(out, "  %s", desk->prompt_name);
    if (desk->labeler && strncmp(desk->labeler, "sim", 3) == 0)
        buf_adds(out, " (simulated)");
    if (desk->n_test > 0)
        buf_addf(out, "  %zu test pairs hidden", desk->n_test);
}

static void *bench_open(struct tui *tui)
{
    struct bench *bench = xcalloc(1, sizeof *bench);
    bench->tui = tui;
    field_init(&bench->field, true);
    bench->old_filter = xstrdup("");
    return bench;
}

static void bench_close(void *view)
{
    struct bench *bench = view;
    field_release(&bench->field);
    free(bench->old_filter);
    free(bench);
}

const struct view_ops view_bench = {
    .name = "bench",
    .title = "Bench",
    .keys = bench_keys,
    .open = bench_open,
    .close = bench_close,
    .draw = bench_draw,
    .type = bench_type,
    .typing = bench_typing,
    .paste = bench_paste,
    .status = bench_status,
};
