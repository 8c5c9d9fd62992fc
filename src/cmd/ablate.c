/* Sentence ablation: what each sentence of a preamble does to the probe's verdicts. */
#include "src/cmd/ablate.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/probe.h"
#include "src/cmd/prompts.h"
#include "src/cmd/workbench.h"

#define SENTENCES_MAX 64

struct sentence {
    size_t begin, end;
};

/* A sentence ends behind . ! ? or : with a blank or newline after it, or with an empty line. */
static size_t split_sentences(const char *text, struct sentence *out)
{
    size_t n = 0, begin = 0, len = strlen(text);

    for (size_t i = 0; i < len && n < SENTENCES_MAX; i++) {
        bool stop = strchr(".!?:", text[i]) &&
                    (text[i + 1] == ' ' || text[i + 1] == '\n' || !text[i + 1]);
        bool empty_line = text[i] == '\n' && text[i + 1] == '\n';
        if (!stop && !empty_line && i + 1 < len)
            continue;
        size_t end = i + 1;
        while (text[end] == ' ' || text[end] == '\n')
            end++;
        if (strspn(text + begin, " \n") < end - begin)
            out[n++] = (struct sentence){begin, end};
        begin = end;
        i = end - 1;
    }
    return n;
}

struct ablation {
    struct call *call;
    struct prompt *base;
    const struct pair *pairs[PROBE_PAIRS_MAX];
    size_t n;
    struct judged *before, *after;
    const char *labeler;
    const char *set_name;
};

/* The probe without bytes begin..end of the preamble. */
static int probe_without(struct ablation *a, struct sentence cut, json_t *rows, struct error *err)
{
    struct buf text;
    const char *preamble = a->base->preamble;

    buf_init(&text, 0);
    buf_add(&text, preamble, cut.begin);
    buf_adds(&text, preamble + cut.end);
    struct prompt *prompt = prompt_set(a->base, "preamble", buf_str(&text), err);
    buf_release(&text);
    if (!prompt)
        return -1;
    if (prompt_load_exemplars(prompt, a->call->wb->builtin_dir, err) < 0) {
        prompt_free(prompt);
        return -1;
    }
    if (probe_run(a->call->wb, prompt, 0, a->labeler, a->pairs, a->n, a->after, err) < 0)
        return -1;
    json_t *probe = probe_json(a->before, a->after, a->n, a->set_name);
    json_array_append_new(
        rows, json_pack("{sO sO sO sO so}", "fixed", json_object_get(probe, "fixed"), "broke",
                        json_object_get(probe, "broke"), "right", json_object_get(probe, "right"),
                        "same_position", json_object_get(probe, "same_position"), "without",
                        json_text(preamble + cut.begin, cut.end - cut.begin)));
    json_decref(probe);
    return 0;
}

static int ablate(struct ablation *a, struct error *err)
{
    struct sentence sentences[SENTENCES_MAX];
    size_t n = split_sentences(a->base->preamble ? a->base->preamble : "", sentences);
    json_t *rows = json_array();
    struct prompt *copy = prompt_parse(a->base->yaml, a->base->yaml_len, a->base->file, err);

    if (!copy || prompt_load_exemplars(copy, a->call->wb->builtin_dir, err) < 0) {
        prompt_free(copy);
        json_decref(rows);
        return -1;
    }
    if (probe_run(a->call->wb, copy, 0, a->labeler, a->pairs, a->n, a->before, err) < 0) {
        json_decref(rows);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        workbench_say(a->call->wb, "sentence %zu of %zu", i + 1, n);
        if (probe_without(a, sentences[i], rows, err) < 0) {
            json_decref(rows);
            return -1;
        }
    }
    json_t *whole = probe_json(a->before, a->before, a->n, a->set_name);
    a->call->answer = json_pack("{ss so si sO so}", "command", "ablate prompt", "prompt",
                                json_text0(a->base->file), "n", (int)a->n, "right",
                                json_object_get(whole, "right"), "rows", rows);
    json_decref(whole);
    return 0;
}

int ablate_run(struct call *call, struct error *err)
{
    struct ablation a = {.call = call, .labeler = call_get(call, "labeler")};
    struct set_index *set = workbench_set(call->wb, call_get(call, "set"), err);
    struct prompt_row row;
    long n = PROBE_PAIRS;
    int status = -1;

    if (!set || call_get_int(call, "n", 1, PROBE_PAIRS_MAX, &n, err) < 0 ||
        workbench_prompt(call->wb, call->n_refs ? call->refs[0] : NULL, &row, err) < 0)
        return -1;
    a.set_name = set->row.name;
    a.base = prompt_load(call->wb, &row, err);
    if (a.base) {
        a.n = probe_pick(set, NULL, NULL, (size_t)n, a.pairs);
        a.before = xcalloc(a.n ? a.n : 1, sizeof *a.before);
        a.after = xcalloc(a.n ? a.n : 1, sizeof *a.after);
        status = a.n ? ablate(&a, err)
                     : error_set(err, ERROR_FAILED, "set %s has no pair with a clear choice",
                                 set->row.name);
    }
    free(a.before);
    free(a.after);
    prompt_free(a.base);
    prompt_row_release(&row);
    return status;
}

void ablate_print(const json_t *answer, struct buf *out)
{
    json_t *row;
    size_t i;

    buf_addf(out, "the whole prompt is right in %lld of %lld probed pairs; without one sentence:\n",
             json_integer_value(json_object_get(answer, "right")),
             json_integer_value(json_object_get(answer, "n")));
    json_array_foreach(json_object_get(answer, "rows"), i, row) {
        json_t *text = json_object_get(row, "without");
        struct buf clean;
        buf_init(&clean, 0);
        text_sanitise(&clean, json_string_value(text), json_string_length(text), TEXT_LINES);
        for (size_t k = 0; k < clean.len; k++)
            if (clean.data[k] == '\n')
                clean.data[k] = ' ';
        buf_addf(out, "  right %3lld  %lld fixed %lld broke  | ",
                 json_integer_value(json_object_get(row, "right")),
                 json_integer_value(json_object_get(row, "fixed")),
                 json_integer_value(json_object_get(row, "broke")));
        buf_add(out, buf_str(&clean), text_fit(buf_str(&clean), clean.len, 70));
        buf_addc(out, '\n');
        buf_release(&clean);
    }
}
