/* import, use, list sets|pairs, tag, export pairs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/rows.h"
#include "src/cmd/scope.h"
#include "src/cmd/workbench.h"
#include "src/data/export.h"
#include "src/data/import.h"
#include "src/data/post.h"
#include "src/data/verdicts.h"

/* ---- import pairs ---- */

struct pair_sink {
    struct store *store;
    const char *set;
    int64_t set_id;
    const char *origin;
    const char *format;
    bool begun, keep; /* keep false: the same file was imported before, it is only counted */
    enum rater_kind kind;
    struct import_report *report;
};

static int take_pairs(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    struct pair_sink *sink = ctx;
    if (!sink->keep)
        return 0;
    if (!sink->begun) {
        if (store_import_begin(sink->store, sink->set, sink->report->format,
                               sink->report->rater_kind, sink->origin, &sink->set_id,
                               err) < 0)
            return -1;
        sink->begun = true;
    }
    return store_import_add(sink->store, pairs, n, err);
}

struct progress {
    struct workbench *wb;
    int last;
};

static void tell_progress(void *ctx, int64_t done, int64_t total)
{
    struct progress *progress = ctx;
    int tenth = total > 0 ? (int)(done * 10 / total) : 0;
    /* Small files are read before a line could be. */
    if (total > ((int64_t)8 << 20) && tenth > progress->last && tenth < 10) {
        progress->last = tenth;
        workbench_say(progress->wb, "importing: %d %%", tenth * 10);
    }
}

/* A name for "these bytes into this set", by which a second import of the same file is known. */
static char *import_mark(const struct call *call, const char *set, struct error *err)
{
    struct hash hash;
    uint8_t sum[32];
    char hex[65];

    hash_init(&hash);
    for (size_t i = 0; i < call->n_refs; i++) {
        if (file_sha256(call->refs[i], sum, err) < 0)
            return NULL;
        hash_field(&hash, sum, sizeof sum);
    }
    hash_end(&hash, sum);
    hash_hex(sum, hex);
    return xasprintf("import %s %.32s", set, hex);
}

static bool is_marked(struct workbench *wb, const char *mark)
{
    char *value = store_get_setting(wb->store, mark);
    bool marked = value != NULL;
    free(value);
    return marked;
}

/* The set's name, and whether these very files stand in it already. A default name that
 * is taken gets a number. */
static int choose_set(const struct call *call, char **name, char **mark, bool *known,
                      struct error *err)
{
    struct workbench *wb = call->wb;
    const char *given = call_get(call, "set");
    char *base = given ? xstrdup(given) : import_set_name(call->refs[0]);

    *name = xstrdup(base);
    for (int i = 2;; i++) {
        struct set_row row;
        *mark = import_mark(call, *name, err);
        if (!*mark) {
            free(base);
            return -1;
        }
        bool taken = store_find_set(wb->store, *name, &row, NULL) == 0;
        if (taken)
            set_row_release(&row);
        /* A set that was dropped leaves its mark behind. */
        *known = taken && is_marked(wb, *mark);
        if (*known || given || !taken)
            break;
        free(*name);
        free(*mark);
        *name = xasprintf("%s-%d", base, i);
    }
    free(base);
    return 0;
}

static void set_report(json_t *answer, const struct import_report *report)
{
    char first[900];
    json_object_set_new(answer, "format", json_text0(report->format));
    json_object_set_new(answer, "rows", json_integer(report->rows));
    json_object_set_new(answer, "imported", json_integer(report->imported));
    json_object_set_new(answer, "bad", json_integer(report->bad));
    json_object_set_new(answer, "ties", json_integer(report->ties));
    json_object_set_new(answer, "unlabelled", json_integer(report->unlabelled));
    json_object_set_new(answer, "no_majority", json_integer(report->no_majority));
    json_object_set_new(answer, "identical", json_integer(report->identical));
    json_object_set_new(answer, "blank", json_integer(report->blank));
    json_object_set_new(answer, "raters", json_integer(report->raters));
    json_object_set_new(answer, "rater_kind",
                        report->has_votes
                            ? json_text0(rater_kind_name(report->rater_kind))
                            : json_null());
    json_object_set_new(answer, "first_bad",
                        import_first_bad(report, first, sizeof first) ? json_text0(first)
                                                                      : json_null());
}

static void say_errors(struct workbench *wb, const struct import_report *report)
{
    for (size_t i = 0; i < report->n_errors && i < 5; i++) {
        char text[900];
        error_format(&report->errors[i], text, sizeof text);
        workbench_say(wb, "%s", text);
    }
    if (report->bad > 5)
        workbench_say(wb, "and %lld more bad records", (long long)report->bad - 5);
}

static char *join_refs(const struct call *call)
{
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < call->n_refs; i++)
        buf_addf(&out, "%s%s", i ? " " : "", call->refs[i]);
    return buf_take(&out);
}

static void fill_import_options(const struct call *call, struct import_options *options,
                                struct progress *progress)
{
    *options = (struct import_options){
        .format = call_get(call, "format"), .context = call_get(call, "context"),
        .a = call_get(call, "a"), .b = call_get(call, "b"), .choice = call_get(call, "choice"),
        .title = call_get(call, "title"), .group = call_get(call, "group"),
        .id = call_get(call, "id"), .kind = call_get(call, "kind"),
        .cancel = &call->wb->interrupt, .progress = tell_progress, .progress_ctx = progress,
    };
}

static int run_import_pairs(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    struct progress progress = {.wb = wb};
    struct import_options options;
    struct import_report report = {0};
    char *name = NULL, *mark = NULL, *origin = join_refs(call);
    bool known = false;
    int status = -1;

    fill_import_options(call, &options, &progress);
    if (call_get(call, "set") && check_set_name(call_get(call, "set"), err) < 0)
        goto out;
    if (choose_set(call, &name, &mark, &known, err) < 0)
        goto out;
    struct pair_sink sink = {.store = wb->store, .set = name, .origin = origin, .keep = !known,
                             .report = &report};
    status = import_pairs((const char *const *)call->refs, call->n_refs, &options,
                          take_pairs, &sink, &report, err);
    if (sink.begun) {
        struct error end;
        if (store_import_end(wb->store, status == 0, &end) < 0 && status == 0) {
            *err = end;
            status = -1;
        }
        workbench_forget_set(wb, sink.set_id);
    }
    say_errors(wb, &report);
    if (report.format) {
        json_t *answer = call->answer = json_object();
        json_object_set_new(answer, "command", json_string("import pairs"));
        json_object_set_new(answer, "file", json_text0(origin));
        json_object_set_new(answer, "set", status == 0 ? json_text0(name) : json_null());
        set_report(answer, &report);
    }
    if (status < 0)
        goto out;
    if (known)
        workbench_say(wb, "set %s holds this file already; nothing was added", name);
    else if (store_set_setting(wb->store, mark, "1", err) < 0)
        status = -1;
    if (status == 0)
        status = workbench_use_set(wb, name, err);
    if (!known)
        call->undo = xasprintf("drop set %s", name);
out:
    import_report_release(&report);
    free(name);
    free(mark);
    free(origin);
    return status;
}

static long long get_int(const json_t *answer, const char *key)
{
    return json_integer_value(json_object_get(answer, key));
}

static const char *get_text(const json_t *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer, key));
    return text ? text : "-";
}

static void add_clean(struct buf *out, const char *text, enum text_flags flags)
{
    text_sanitise(out, text, strlen(text), flags);
}

static void print_import(const json_t *answer, struct buf *out)
{
    static const struct {
        const char *key, *words;
    } parts[] = {{"bad", "bad records left out"},   {"ties", "ties"},
                 {"unlabelled", "without a choice"}, {"no_majority", "without a majority"},
                 {"identical", "with identical responses"}};
    buf_addf(out, "%lld of %lld records into set ", get_int(answer, "imported"),
             get_int(answer, "rows"));
    add_clean(out, get_text(answer, "set"), 0);
    buf_addf(out, " (%s", get_text(answer, "format"));
    if (get_int(answer, "raters") > 0)
        buf_addf(out, ", %lld %s rater%s a pair at most", get_int(answer, "raters"),
                 get_text(answer, "rater_kind"), get_int(answer, "raters") == 1 ? "" : "s");
    buf_addc(out, ')');
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (get_int(answer, parts[i].key) > 0)
            buf_addf(out, ", %lld %s", get_int(answer, parts[i].key), parts[i].words);
    buf_addc(out, '\n');
}

/* ---- import posts ---- */

struct post_sink {
    struct store *store;
    const char *set, *origin;
};

static int take_posts(void *ctx, const struct post *posts, size_t n, struct error *err)
{
    struct post_sink *sink = ctx;
    return store_add_posts(sink->store, sink->set, sink->origin, posts, n, err);
}

static int run_import_posts(struct call *call, struct error *err)
{
    struct progress progress = {.wb = call->wb};
    struct import_options options;
    struct import_report report = {0};
    char *name = call_get(call, "set") ? xstrdup(call_get(call, "set"))
                                       : import_set_name(call->refs[0]);
    char *origin = join_refs(call);
    struct post_sink sink = {.store = call->wb->store, .set = name, .origin = origin};
    int status;

    fill_import_options(call, &options, &progress);
    status = import_posts((const char *const *)call->refs, call->n_refs, &options,
                          take_posts, &sink, &report, err);
    say_errors(call->wb, &report);
    if (status == 0) {
        call->answer = json_pack("{ss so so so sI sI sI}", "command", "import posts", "file",
                                 json_text0(origin), "set", json_text0(name), "format",
                                 json_text0(report.format), "rows", (json_int_t)report.rows,
                                 "imported", (json_int_t)report.imported, "bad",
                                 (json_int_t)report.bad);
    }
    import_report_release(&report);
    free(name);
    free(origin);
    return status;
}

/* ---- import verdicts ---- */

struct key_slot {
    const char *key;
    const struct pair *pair;
};

struct verdict_sink {
    struct workbench *wb;
    struct set_index *set;
    const char *labeler;
    int64_t prompt_id;
    struct key_slot *keys; /* sorted by key */
    struct label_list labels;
    int64_t unmatched, stored;
};

static int by_key(const void *a, const void *b)
{
    const struct key_slot *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static void index_keys(struct verdict_sink *sink)
{
    size_t n = 0;
    sink->keys = xcalloc(sink->set->list.n ? sink->set->list.n : 1, sizeof *sink->keys);
    for (size_t i = 0; i < sink->set->list.n; i++)
        if (sink->set->list.pairs[i].key)
            sink->keys[n++] = (struct key_slot){sink->set->list.pairs[i].key,
                                                &sink->set->list.pairs[i]};
    qsort(sink->keys, n, sizeof *sink->keys, by_key);
    sink->set->row.n_pairs = (int64_t)sink->set->list.n;
}

static size_t n_keys(const struct verdict_sink *sink)
{
    size_t n = 0;
    for (size_t i = 0; i < sink->set->list.n; i++)
        n += sink->set->list.pairs[i].key != NULL;
    return n;
}

/* The same judge's answer on the same pair and order is the same row, however often it is
 * imported. */
static void verdict_key(const struct verdict_sink *sink, const struct pair *pair, int order,
                        uint8_t out[32])
{
    struct hash hash;
    hash_init(&hash);
    hash_field(&hash, "imported verdict", 16);
    hash_field(&hash, sink->labeler, strlen(sink->labeler));
    hash_u64(&hash, (uint64_t)pair->id);
    hash_u64(&hash, (uint64_t)sink->prompt_id);
    hash_u64(&hash, (uint64_t)order);
    hash_end(&hash, out);
}

static int flush_labels(struct verdict_sink *sink, struct error *err)
{
    int status = store_add_labels(sink->wb->store, sink->labels.labels, sink->labels.n, err);
    label_list_release(&sink->labels);
    sink->labels = (struct label_list){0};
    return status;
}

static int take_verdicts(void *ctx, const struct verdict_row *rows, size_t n, struct error *err)
{
    struct verdict_sink *sink = ctx;
    size_t keys = n_keys(sink);

    for (size_t i = 0; i < n; i++) {
        struct key_slot wanted = {.key = rows[i].key};
        struct key_slot *found = bsearch(&wanted, sink->keys, keys, sizeof *sink->keys, by_key);
        if (!found) {
            sink->unmatched++;
            continue;
        }
        struct label *label = label_list_add(&sink->labels);
        label->pair_id = found->pair->id;
        label->prompt_id = sink->prompt_id;
        label->labeler = xstrdup(sink->labeler);
        label->order = (enum order)rows[i].order;
        label->slot = (enum slot)rows[i].slot;
        label->p_first = rows[i].p_first;
        label->raw = rows[i].raw ? xstrdup(rows[i].raw) : NULL;
        if (label->slot == SLOT_NONE)
            label->error = xstrdup("the published answer could not be read");
        verdict_key(sink, found->pair, rows[i].order, label->key);
        sink->stored++;
    }
    return sink->labels.n >= 1000 ? flush_labels(sink, err) : 0;
}

static int run_import_verdicts(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    struct progress progress = {.wb = wb};
    struct import_options options;
    struct verdict_report report = {0};
    struct verdict_sink sink = {.wb = wb, .labeler = call_get(call, "labeler")};
    struct prompt_row prompt = {0};
    char *origin = NULL;
    int status = -1;

    if (!sink.labeler || !*sink.labeler)
        return error_set(err, ERROR_USAGE, "import verdicts wants labeler=NAME, the judge's name");
    sink.set = workbench_set(wb, call_get(call, "for"), err);
    if (!sink.set)
        return -1;
    if (call_get(call, "prompt")) {
        if (workbench_prompt(wb, call_get(call, "prompt"), &prompt, err) < 0)
            return -1;
        sink.prompt_id = prompt.id;
    }
    fill_import_options(call, &options, &progress);
    index_keys(&sink);
    status = import_verdicts((const char *const *)call->refs, call->n_refs, &options, take_verdicts,
                             &sink, &report, err);
    if (status == 0)
        status = flush_labels(&sink, err);
    say_errors(wb, &report.rows);
    if (status == 0 && sink.stored == 0) {
        status = error_set(err, ERROR_DATA, "none of the %lld verdicts belongs to a pair of set %s",
                           (long long)report.rows.imported, sink.set->row.name);
        error_hint(err, "for= must name the set that was imported from the same data");
    }
    if (status == 0) {
        char first[900];
        origin = join_refs(call);
        call->answer = json_pack(
            "{ss so so so so sI sI sI sI sI so}", "command", "import verdicts", "file",
            json_text0(origin), "set", json_text0(sink.set->row.name), "labeler",
            json_text0(sink.labeler), "format", json_text0(report.rows.format), "rows",
            (json_int_t)report.rows.rows, "imported", (json_int_t)report.rows.imported, "stored",
            (json_int_t)sink.stored, "unmatched", (json_int_t)sink.unmatched, "bad",
            (json_int_t)report.rows.bad, "first_bad",
            import_first_bad(&report.rows, first, sizeof first) ? json_text0(first) : json_null());
        free(origin);
    }
    int64_t set_id = sink.set->row.id;
    free(sink.keys);
    label_list_release(&sink.labels);
    verdict_report_release(&report);
    prompt_row_release(&prompt);
    workbench_forget_set(wb, set_id);
    return status;
}

/* ---- sets ---- */

static int run_use_set(struct call *call, struct error *err)
{
    struct set_row row;
    if (store_find_set(call->wb->store, call->refs[0], &row, err) < 0)
        return -1;
    call->undo = xasprintf("use set %s", call->wb->current_set);
    int status = workbench_use_set(call->wb, row.name, err);
    call->answer = json_pack("{ss so sI}", "command", "use set", "set", json_text0(row.name),
                             "pairs", (json_int_t)row.n_pairs);
    set_row_release(&row);
    return status;
}

static int run_drop_set(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    struct set_row row;
    if (store_find_set(wb->store, call->refs[0], &row, err) < 0)
        return -1;
    int64_t id = row.id;
    int status = store_drop_set(wb->store, id, err);
    set_row_release(&row);
    if (status < 0)
        return -1;
    workbench_forget_set(wb, id);
    if (strcmp(wb->current_set, call->refs[0]) == 0)
        status = workbench_use_set(wb, "builtin", err);
    call->answer = json_pack("{ss ss}", "command", "drop set", "set", call->refs[0]);
    return status;
}

static int run_list_sets(struct call *call, struct error *err)
{
    struct set_rows sets = {0};
    json_t *rows = json_array();

    if (store_sets(call->wb->store, &sets, err) < 0) {
        json_decref(rows);
        return -1;
    }
    for (size_t i = 0; i < sets.n; i++) {
        const struct set_row *row = &sets.rows[i];
        json_array_append_new(
            rows, json_pack("{sb so sI so ss so}", "current",
                            strcmp(row->name, call->wb->current_set) == 0, "set",
                            json_text0(row->name), "pairs", (json_int_t)row->n_pairs, "format",
                            json_text0(row->format), "raters", rater_kind_name(row->rater_kind),
                            "origin", json_text0(row->origin)));
    }
    set_rows_release(&sets);
    call->answer = json_pack("{ss so}", "command", "list sets", "rows", rows);
    return 0;
}

/* ---- pairs ---- */

static json_t *choice_json(enum choice choice)
{
    return choice == CHOICE_NONE ? json_null() : json_string(choice_name(choice));
}

static json_t *pair_line(const struct judged *row)
{
    const struct pair *pair = row->pair;
    const char *text = pair->title && *pair->title ? pair->title : pair->context;
    struct buf tags;
    size_t len = strlen(text);

    buf_init(&tags, 200);
    for (size_t i = 0; i < pair->n_tags; i++)
        buf_addf(&tags, "%s%s", i ? "," : "", pair->tags[i]);
    json_t *line = json_pack(
        "{so so so so sb so so si si so so}", "pair", json_integer(pair->num), "human",
        choice_json(row->reference.choice), "ai",
        verdict_name(row->verdict) ? json_string(verdict_name(row->verdict)) : json_null(), "p_a",
        json_number_or_null(row->p_a), "flip",
        row->slot[0] == row->slot[1] && (row->slot[0] == SLOT_1 || row->slot[0] == SLOT_2), "split",
        json_string(split_name(pair->split)), "group", json_text0(pair->group), "words_a",
        (int)pair->words_a, "words_b", (int)pair->words_b, "tags", json_text0(buf_str(&tags)),
        "post", json_text(text, text_fit(text, len, 60)));
    buf_release(&tags);
    return line;
}

static int run_list_pairs(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    struct set_index *set = workbench_set(wb, call_get(call, "set"), err);
    struct judging *judging = NULL;
    struct scope scope;
    int64_t prompt_id;
    char *labeler = NULL;

    if (!set)
        return -1;
    /* Without labels the list is of the pairs alone. */
    if (workbench_find_labels(wb, set, call_get(call, "prompt"),
                              call_get(call, "labeler"), &prompt_id, &labeler,
                              call_get(call, "prompt") ? err : NULL) == 0) {
        judging = workbench_judging(wb, set, prompt_id, labeler, err);
        free(labeler);
        if (!judging)
            return -1;
    } else if (call_get(call, "prompt")) {
        return -1;
    }
    if (scope_make(call, set, judging, &scope, err) < 0)
        return -1;
    json_t *rows = json_array();
    bool in_order = call_get(call, "n") == NULL;
    bool *wanted = xcalloc(set->list.n ? set->list.n : 1, sizeof *wanted);
    for (size_t k = 0; k < scope.n; k++)
        wanted[scope.pairs[k]] = true;
    for (size_t k = 0; k < (in_order ? set->list.n : scope.n); k++) {
        size_t i = in_order ? k : scope.pairs[k];
        struct judged bare;
        if (!wanted[i])
            continue;
        if (!judging)
            judged_make(&bare, &set->list.pairs[i], NULL, 0, false);
        json_array_append_new(rows, pair_line(judging ? &judging->rows[i] : &bare));
    }
    free(wanted);
    call->answer = json_pack("{ss so si so}", "command", "list pairs", "set",
                             json_text0(set->row.name), "n", (int)scope.n, "rows", rows);
    scope_release(&scope);
    return 0;
}

static int run_tag(struct call *call, struct error *err)
{
    struct set_index *set;
    const struct pair *pair = workbench_pair(call->wb, call->refs[0], &set, err);
    const char *what = call->refs[1];
    bool remove = strcmp(what, "rm") == 0;

    if (!pair)
        return -1;
    if (!remove && strcmp(what, "add") != 0)
        return error_set(err, ERROR_USAGE, "tag wants add or rm behind the pair, not \"%s\"", what);
    if (store_add_tag(call->wb->store, pair->id, call->refs[2], remove, err) < 0)
        return -1;
    call->undo = xasprintf("tag %s#%d %s %s", set->row.name, pair->num, remove ? "add" : "rm",
                           call->refs[2]);
    call->answer = json_pack("{ss so ss so}", "command", "tag", "pair", json_text0(call->refs[0]),
                             remove ? "removed" : "added", call->refs[2], "set",
                             json_text0(set->row.name));
    workbench_forget_set(call->wb, set->row.id);
    return 0;
}

/* ---- export pairs ---- */

static int run_export_pairs(struct call *call, struct error *err)
{
    struct set_index *set = workbench_set(call->wb, call_get(call, "set"), err);
    const char *format = call_get(call, "format"), *to = call_get(call, "to");
    bool csv = format && strcmp(format, "csv") == 0;
    bool guard = call_get(call, "guard") && strcmp(call_get(call, "guard"), "on") == 0;
    struct buf out;

    if (!set)
        return -1;
    if (format && !csv && strcmp(format, "jsonl") != 0)
        return error_set(err, ERROR_USAGE,
                         "export pairs writes format=jsonl or format=csv, not \"%s\"",
                         format);
    if (!to)
        return error_set(err, ERROR_USAGE, "export pairs wants to=FILE");
    if (file_exists(to)) {
        error_set(err, ERROR_FAILED, "%s exists already", to);
        return error_hint(err, "name another file or remove it first");
    }
    buf_init(&out, (size_t)4 << 30);
    if (csv)
        export_csv_head(&out, guard ? EXPORT_GUARD : 0);
    for (size_t i = 0; i < set->list.n; i++) {
        if (csv)
            export_pair_csv(&out, &set->list.pairs[i], guard ? EXPORT_GUARD : 0);
        else
            export_pair_jsonl(&out, &set->list.pairs[i]);
    }
    int status = out.full ? error_set(err, ERROR_FAILED, "the export is longer than 4 GiB")
                          : file_put(to, buf_str(&out), out.len, err);
    buf_release(&out);
    if (status == 0)
        call->answer = json_pack("{ss so si ss}", "command", "export pairs", "set",
                                 json_text0(set->row.name), "pairs", (int)set->list.n, "to", to);
    return status;
}

/* ---- the rows ---- */

static const struct command_key import_keys[] = {
    {"set", "NAME", "name of the set; default: the file's name", COMPLETE_NONE},
    {"format", "NAME", "default: recognised by content", COMPLETE_NONE},
    {"context", "COLUMN", "column of the context (CSV, TSV, JSONL)", COMPLETE_NONE},
    {"a", "COLUMN", "column of the first response", COMPLETE_NONE},
    {"b", "COLUMN", "column of the second response", COMPLETE_NONE},
    {"choice", "COLUMN", "column of the choice", COMPLETE_NONE},
    {"title", "COLUMN", "column of a title", COMPLETE_NONE},
    {"group", "COLUMN", "column of a group", COMPLETE_NONE},
    {"id", "COLUMN", "column of the row's own id", COMPLETE_NONE},
    {"kind", "human|ai|gold", "who chose; default: what the format says", COMPLETE_NONE},
    {0},
};
static const struct command_key verdict_keys[] = {
    {"for", "SET", "the set that the verdicts judge; default: the current one", COMPLETE_SET},
    {"labeler", "NAME", "name of the judge", COMPLETE_NONE, true},
    {"prompt", "PROMPT", "prompt version they belong to; default: none", COMPLETE_PROMPT},
    {"format", "NAME", "default: recognised by content", COMPLETE_NONE},
    {0},
};
static const struct command_key post_keys[] = {
    {"set", "NAME", "name of the set; default: the file's name", COMPLETE_NONE},
    {"format", "NAME", "default: recognised by content", COMPLETE_NONE},
    {0},
};
static const struct command_key list_pairs_keys[] = {
    SCOPE_KEYS,
    {"prompt", "PROMPT", "whose verdicts are shown; default: the newest", COMPLETE_PROMPT},
    {"labeler", "NAME", "whose verdicts are shown; default: the newest", COMPLETE_NONE},
    {0},
};
static const struct command_key export_keys[] = {
    {"to", "FILE", "where to", COMPLETE_FILE, true},
    {"format", "jsonl|csv", "default: jsonl, which imports again to the same rows", COMPLETE_NONE},
    {"set", "NAME", "default: the current set", COMPLETE_SET},
    {"guard", "on|off", "CSV: put ' before cells that a spreadsheet would run", COMPLETE_NONE},
    {0},
};

static const struct command table[] = {
    {.verb = "import", .noun = "pairs", .refs = "FILE..", .min_refs = 1, .max_refs = -1,
     .completes = COMPLETE_FILE, .keys = import_keys, .flags = COMMAND_WRITES,
     .text = "Read preference pairs from a published file; its format is recognised",
     .example = "import pairs comparisons.jsonl set=tldr", .run = run_import_pairs,
     .print = print_import},
    {.verb = "import", .noun = "verdicts", .refs = "FILE..", .min_refs = 1, .max_refs = -1,
     .completes = COMPLETE_FILE, .keys = verdict_keys, .flags = COMMAND_WRITES,
     .text = "Read a judge's published answers as labels of a named labeler",
     .example = "import verdicts result.json for=natural labeler=gpt4", .run = run_import_verdicts},
    {.verb = "import", .noun = "posts", .refs = "FILE..", .min_refs = 1, .max_refs = -1,
     .completes = COMPLETE_FILE, .keys = post_keys, .flags = COMMAND_WRITES,
     .text = "Read posts without responses, with reference summaries where the file has them",
     .example = "import posts tldr_filtered.jsonl", .run = run_import_posts},
    {.verb = "use", .noun = "set", .refs = "NAME", .min_refs = 1, .max_refs = 1,
     .completes = COMPLETE_SET, .flags = COMMAND_WRITES,
     .text = "Make a set the current one: what #17 and label mean", .example = "use set builtin",
     .run = run_use_set},
    {.verb = "drop", .noun = "set", .refs = "NAME", .min_refs = 1, .max_refs = 1,
     .completes = COMPLETE_SET, .flags = COMMAND_WRITES,
     .text = "Forget a set that has no labels (cannot be undone; import it again)",
     .example = "drop set tldr", .run = run_drop_set},
    {.verb = "list", .noun = "sets", .text = "The sets of this workspace", .example = "list sets",
     .run = run_list_sets},
    {.verb = "list", .noun = "pairs", .keys = list_pairs_keys, .flags = COMMAND_WHERE,
     .text = "Pairs with their choices and verdicts", .example = "list pairs where tag:too-long",
     .tui_keys = "bench:/", .run = run_list_pairs},
    {.verb = "tag", .refs = "PAIR add|rm TAG", .min_refs = 3, .max_refs = 3,
     .completes = COMPLETE_PAIR, .flags = COMMAND_WRITES,
     .text = "Put a tag on a pair, or take it off", .example = "tag #3 add unclear",
     .tui_keys = "bench:t", .run = run_tag},
    {.verb = "export", .noun = "pairs", .keys = export_keys,
     .text = "Write a set with its choices to a file", .example = "export pairs to=pairs.jsonl",
     .run = run_export_pairs},
};
const struct command_rows rows_data = COMMAND_ROWS(table);
