/* Screen 1 as it is drawn: the list, the pair, both orders. */
#include "config.h"

#include "ui/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"
#include "src/label/stats_position.h"

/* ---- list ---- */

static char choice_letter(enum choice choice)
{
    return choice == CHOICE_A     ? 'A'
           : choice == CHOICE_B   ? 'B'
           : choice == CHOICE_TIE ? '='
                                  : '-';
}

static char verdict_letter(enum verdict verdict)
{
    return verdict == VERDICT_A      ? 'A'
           : verdict == VERDICT_B    ? 'B'
           : verdict == VERDICT_HALF ? '='
                                     : '-';
}

static char slot_letter(enum slot slot)
{
    return slot == SLOT_1 ? '1' : slot == SLOT_2 ? '2' : slot == SLOT_TIE ? '=' : '-';
}

/* ".61", "1.0" or " --": three columns. */
static const char *share_text(double share, char out[8])
{
    snprintf(out, 8, isnan(share) ? " --" : "%.2f", share);
    if (out[0] == '0')
        memmove(out, out + 1, strlen(out));
    else if (!isnan(share))
        snprintf(out, 8, "%.1f", share);
    return out;
}

static bool is_flip(const struct judged *row)
{
    return row->slot[0] == row->slot[1] &&
           (row->slot[0] == SLOT_1 || row->slot[0] == SLOT_2);
}

static bool is_wrong(const struct judged *row)
{
    return (row->verdict == VERDICT_A && row->reference.choice == CHOICE_B) ||
           (row->verdict == VERDICT_B && row->reference.choice == CHOICE_A);
}

static void draw_row(const struct bench *bench, const struct draw *draw, struct rect area,
                     size_t i)
{
    const struct desk *desk = &bench->tui->desk;
    const struct pair *pair = &desk->set->list.pairs[desk->shown[i]];
    struct judged row = desk_judged(desk, pair);
    char share[8], text[100];
    double pull = judged_pull(&row);
    bool chosen = i == desk->cursor;
    int len;

    len = snprintf(text, sizeof text, "%c%4d  %c   %c  %s   %c  %c %s",
                   chosen ? '>' : ' ', pair->num, choice_letter(row.reference.choice),
                   verdict_letter(row.verdict), share_text(row.p_a, share),
                   slot_letter(row.slot[0]), slot_letter(row.slot[1]),
                   is_flip(&row)    ? "same"
                   : is_wrong(&row) ? "wrong"
                                    : "");
    if (area.w > 42 && !isnan(pull) && len > 0)
        snprintf(text + len, sizeof text - (size_t)len, "%*spull %+.2f",
                 33 - len > 0 ? 33 - len : 1, "", pull);
    enum role role = chosen ? ROLE_CHOSEN : is_wrong(&row) ? ROLE_BAD : ROLE_TEXT;
    if (chosen)
        draw_fill(draw, area.y, area.x, area.w, role);
    draw_str(draw, area.y, area.x, area.w, role, text);
}

static void draw_list(struct bench *bench, struct draw *draw, struct rect area)
{
    struct desk *desk = &bench->tui->desk;
    struct buf title;
    int height = area.h - 2;

    buf_init(&title, 0);
    if (bench->typing)
        buf_addf(&title, "%s %s_", bench->tagging ? "tag:" : "/",
                 field_text(&bench->field));
    else if (*desk->filter_text)
        buf_addf(&title, "/ %s - %zu", desk->filter_text, desk->n_shown);
    else
        buf_addf(&title, "%zu pairs", desk->n_shown);
    draw_rule(draw, area.y, area.x, area.w, buf_str(&title));
    buf_release(&title);
    if (bench->typing) {
        int at = 2 + (bench->tagging ? 5 : 2) +
                 shown_width(field_text(&bench->field), bench->field.cursor);
        draw_cursor(draw, area.y, area.x + (at < area.w - 2 ? at : area.w - 2));
    }
    draw_str(draw, area.y + 1, area.x, area.w, ROLE_DIM, "   id ref  ai P(A)  o1 o2");
    bench->list_rows = height > 0 ? height : 1;
    size_t rows = (size_t)bench->list_rows;
    if (desk->cursor < bench->top)
        bench->top = desk->cursor;
    if (desk->cursor >= bench->top + rows)
        bench->top = desk->cursor - rows + 1;
    if (bench->top + rows > desk->n_shown)
        bench->top = desk->n_shown > rows ? desk->n_shown - rows : 0;
    for (int y = 0; y < height && bench->top + (size_t)y < desk->n_shown; y++)
        draw_row(bench, draw, (struct rect){area.y + 2 + y, area.x, 1, area.w},
                 bench->top + (size_t)y);
    if (desk->n_shown == 0)
        draw_str(draw, area.y + 2, area.x + 1, area.w - 1, ROLE_DIM,
                 *desk->filter_text ? "no pair fits the filter"
                                    : "no pairs: :import pairs FILE");
}

/* ---- the pair ---- */

static void draw_response(const struct bench *bench, const struct draw *draw,
                          struct rect area, const struct pair *pair, bool is_a, int slot,
                          const struct judged *row)
{
    char title[100];
    enum choice mine = is_a ? CHOICE_A : CHOICE_B;
    const char *text = is_a ? pair->a : pair->b;
    const char *kind = rater_kind_name(row->reference.kind);

    (void)bench;
    snprintf(title, sizeof title,
             area.w < 34 ? "%d=%c %uw%s%s%s" : "[%d] %c, %u words%s%s%s", slot,
             is_a ? 'A' : 'B', is_a ? pair->words_a : pair->words_b,
             row->reference.choice == mine ? " <-" : "",
             row->reference.choice == mine ? kind : "",
             row->verdict == (is_a ? VERDICT_A : VERDICT_B) ? " <-ai" : "");
    draw_rule(draw, area.y, area.x, area.w, title);
    draw_wrapped(draw, (struct rect){area.y + 1, area.x, area.h - 1, area.w}, ROLE_TEXT,
                 text, strlen(text), 0);
}

/* "order 1-2 P(1)=.83 ########....  -> 1" */
static void draw_order(const struct draw *draw, struct rect area, const char *name,
                       double share, const char *outcome, enum role role)
{
    char text[8];
    int bar = area.w - 28;

    draw_format(draw, area.y, area.x, area.w, ROLE_TEXT, "%-9s %s %s", name,
                strcmp(name, "average") == 0 ? "P(A)" : "P(1)", share_text(share, text));
    if (bar > 30)
        bar = 30;
    if (bar > 3)
        draw_bar(draw, area.y, area.x + 19, bar, share, role);
    draw_format(draw, area.y, area.x + 20 + (bar > 3 ? bar : 0),
                area.w - 20 - (bar > 3 ? bar : 0), ROLE_TEXT, "-> %s", outcome);
}

static const char *slot_outcome(const struct judged *row, enum order order, char out[40])
{
    enum slot slot = row->slot[order];
    if (!row->asked[order])
        return "not asked";
    if (slot == SLOT_1 || slot == SLOT_2)
        snprintf(out, 40, "%d = %c", slot,
                 (slot == SLOT_1) == (order == ORDER_AB) ? 'A' : 'B');
    else
        snprintf(out, 40, "%s", slot == SLOT_TIE ? "tie" : "no label");
    return out;
}

static int draw_verdicts(const struct bench *bench, const struct draw *draw,
                         struct rect area, const struct judged *row)
{
    const struct desk *desk = &bench->tui->desk;
    char title[160], outcome[40];
    double pull = judged_pull(row) + 0.0;
    struct rect line = {area.y + 1, area.x, 1, area.w};

    snprintf(title, sizeof title, "%.60s by %.60s%s",
             desk->prompt_name ? desk->prompt_name : "no labels",
             desk->labeler ? desk->labeler : "nobody",
             desk->labeler && strncmp(desk->labeler, "sim", 3) == 0 ? " (simulated)"
                                                                    : "");
    draw_rule(draw, area.y, area.x, area.w, title);
    if (!row->asked[0] && !row->asked[1]) {
        draw_str(draw, line.y, area.x, area.w, ROLE_DIM, "not labelled");
        return 2;
    }
    if (row->pointwise) {
        draw_format(draw, line.y, area.x, area.w, ROLE_TEXT,
                    "score A %.3f  B %.3f  -> %s", row->score[0], row->score[1],
                    verdict_name(row->verdict) ? verdict_name(row->verdict) : "no label");
        return 2;
    }
    draw_order(draw, line, "order A-B", row->p_first[0],
               slot_outcome(row, ORDER_AB, outcome), ROLE_FIRST);
    line.y++;
    draw_order(draw, line, "order B-A", row->p_first[1],
               slot_outcome(row, ORDER_BA, outcome), ROLE_SECOND);
    line.y++;
    const char *verdict = row->verdict == VERDICT_A      ? "A"
                          : row->verdict == VERDICT_B    ? "B"
                          : row->verdict == VERDICT_HALF ? "half"
                                                         : "no label";
    draw_order(draw, line, "average", row->p_a, verdict,
               is_wrong(row) ? ROLE_BAD : ROLE_GOOD);
    line.y++;
    int x = area.x;
    if (is_flip(row))
        x += draw_str(draw, line.y, x, area.x + area.w - x, ROLE_WARN, "SAME POSITION  ");
    if (is_wrong(row))
        x += draw_str(draw, line.y, x, area.x + area.w - x, ROLE_BAD, "WRONG  ");
    if (!isnan(pull))
        x += draw_format(draw, line.y, x, area.x + area.w - x, ROLE_TEXT, "pull %+.2f  ",
                         pull);
    if (!isnan(row->margin))
        x += draw_format(draw, line.y, x, area.x + area.w - x, ROLE_TEXT, "margin %.2f  ",
                         row->margin);
    if (!isnan(row->outside))
        draw_format(draw, line.y, x, area.x + area.w - x, ROLE_TEXT, "outside %.2f",
                    row->outside);
    return 5;
}

static void add_top(struct buf *out, const struct label *label, const char *name)
{
    if (!label || label->n_top == 0)
        return;
    buf_addf(out, "top %s:", name);
    for (int i = 0; i < label->n_top && i < 6; i++)
        buf_addf(out, " \"%s\" %.2f", label->top[i].text, exp(label->top[i].logprob));
    buf_addc(out, '\n');
}

/* Tags, top tokens, errors, the rationale: as many lines as there is room for. */
static void draw_details(const struct bench *bench, const struct draw *draw,
                         struct rect area, const struct pair *pair)
{
    const struct desk *desk = &bench->tui->desk;
    const struct label *ab = desk_label(desk, pair, ORDER_AB);
    const struct label *ba = desk_label(desk, pair, ORDER_BA);
    const struct label *shown = bench->rationale == ORDER_AB ? ab : ba;
    struct buf text;

    buf_init(&text, 0);
    if (pair->n_tags > 0)
        buf_adds(&text, "tags:");
    for (size_t i = 0; i < pair->n_tags; i++)
        buf_addf(&text, "%s %s", i ? "," : "", pair->tags[i]);
    if (pair->n_tags > 0)
        buf_addc(&text, '\n');
    if (shown && shown->error)
        buf_addf(&text, "no label: %s\n", shown->error);
    if (shown && shown->cut_lines > 0)
        buf_addf(&text, "%d lines of the text were cut to fit\n", shown->cut_lines);
    if (shown && shown->rationale)
        buf_addf(&text, "rationale, order %s (r: the other): %s\n",
                 bench->rationale == ORDER_AB ? "A-B" : "B-A", shown->rationale);
    add_top(&text, ab, "A-B");
    add_top(&text, ba, "B-A");
    if (text.len > 0)
        draw_wrapped(draw, area, ROLE_TEXT, text.data, text.len - 1, 0);
    buf_release(&text);
}

static void draw_pair(struct bench *bench, const struct draw *draw, struct rect area)
{
    const struct desk *desk = &bench->tui->desk;
    const struct pair *pair = desk_pair(desk);
    char title[200];

    if (!pair) {
        draw_rule(draw, area.y, area.x, area.w, "no pair");
        return;
    }
    struct judged row = desk_judged(desk, pair);
    int verdicts = area.h >= 9 ? 5 : 0, details = area.h >= 16 ? (area.h - 12) / 3 : 0;
    int rest = area.h - verdicts - details;
    int context = rest * 2 / 5 < 2 ? (rest > 3 ? 2 : rest) : rest * 2 / 5,
        responses = rest - context;
    int half = (area.w - 1) / 2;

    snprintf(title, sizeof title, "#%d %.60s%s%.60s, %u words%s", pair->num,
             pair->title ? pair->title : "", pair->title && pair->group ? ", " : "",
             pair->group ? pair->group : "", pair->words_context,
             bench->pane == BENCH_PAIR ? "  [scroll]" : "");
    draw_rule(draw, area.y, area.x, area.w, title);
    struct rect text = {area.y + 1, area.x, context - 1, area.w};
    bench->text_height = text.h > 0 ? text.h : 1;
    bench->text_rows = draw_wrapped(draw, text, ROLE_TEXT, pair->context,
                                    strlen(pair->context), bench->scroll);
    struct rect left = {area.y + context, area.x, responses, half};
    struct rect right = {area.y + context, area.x + half + 1, responses,
                         area.w - half - 1};
    draw_response(bench, draw, left, pair, !bench->swapped, 1, &row);
    draw_response(bench, draw, right, pair, bench->swapped, 2, &row);
    draw_down(draw, left.y + 1, left.x + half, responses - 1);
    if (verdicts)
        draw_verdicts(bench, draw, (struct rect){area.y + rest, area.x, verdicts, area.w},
                      &row);
    if (details)
        draw_details(bench, draw,
                     (struct rect){area.y + rest + verdicts, area.x, details, area.w},
                     pair);
}

void bench_draw(void *view, struct draw *draw, struct rect area)
{
    struct bench *bench = view;

    if (area.w < 60) {
        /* Narrow: one pane at a time, Tab goes to the other. */
        if (bench->pane == BENCH_LIST)
            draw_list(bench, draw, area);
        else
            draw_pair(bench, draw, area);
        return;
    }
    int list = area.w >= 110 ? 45 : 34;
    draw_list(bench, draw, (struct rect){area.y, area.x, area.h, list});
    draw_down(draw, area.y, area.x + list, area.h);
    draw_pair(bench, draw,
              (struct rect){area.y, area.x + list + 1, area.h, area.w - list - 1});
}
