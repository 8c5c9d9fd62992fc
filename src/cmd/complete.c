/* Completion and the hint line, from the command table and what is in the workbench. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/command.h"
#include "src/cmd/workbench.h"
#include "src/label/metrics.h"
#include "src/store/run_metrics.h"
#include "src/store/runs.h"

struct list {
    char **items;
    size_t n, cap;
    const char *prefix;
};

/* Takes "word" or "word\tgloss" when the word begins with what is typed; doubles are left out. */
static void offer(struct list *list, const char *word, const char *gloss)
{
    struct buf item;
    size_t len = strlen(word);

    if (strncmp(word, list->prefix, strlen(list->prefix)) != 0)
        return;
    for (size_t i = 0; i < list->n; i++)
        if (strncmp(list->items[i], word, len) == 0 && strchr("\t", list->items[i][len]))
            return;
    buf_init(&item, 0);
    buf_adds(&item, word);
    if (gloss && *gloss) {
        buf_addc(&item, '\t');
        text_sanitise(&item, gloss, strlen(gloss), 0);
    }
    /* Room for the NULL at the end, always. */
    list->items = xrealloc(list->items, (list->n + 2) * sizeof *list->items);
    list->items[list->n++] = buf_take(&item);
    list->items[list->n] = NULL;
}

static void offer_files(struct list *list, const char *lead)
{
    const char *base = path_base(list->prefix + strlen(lead));
    size_t dir_len = (size_t)(base - list->prefix) - strlen(lead);
    char *dir_path = dir_len ? xstrndup(list->prefix + strlen(lead), dir_len) : xstrdup(".");
    DIR *dir = opendir(dir_path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) && list->n < 500) {
        struct stat st;
        if (entry->d_name[0] == '.' && base[0] != '.')
            continue;
        char *path = path_join(dir_path, entry->d_name);
        bool is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        char *word = xasprintf("%s%.*s%s%s", lead, (int)dir_len, list->prefix + strlen(lead),
                               entry->d_name, is_dir ? "/" : "");
        offer(list, word, NULL);
        free(word);
        free(path);
    }
    if (dir)
        closedir(dir);
    free(dir_path);
}

static void offer_sets(struct list *list, struct workbench *wb, const char *lead)
{
    struct set_rows sets = {0};
    if (store_sets(wb->store, &sets, NULL) == 0)
        for (size_t i = 0; i < sets.n; i++) {
            char *word = xasprintf("%s%s", lead, sets.rows[i].name);
            char *gloss = xasprintf("%lld pairs", (long long)sets.rows[i].n_pairs);
            offer(list, word, gloss);
            free(word);
            free(gloss);
        }
    set_rows_release(&sets);
}

static void offer_prompts(struct list *list, struct workbench *wb, const char *lead)
{
    struct prompt_rows prompts = {0};
    if (store_prompts(wb->store, &prompts, NULL) == 0)
        for (size_t i = 0; i < prompts.n; i++) {
            const struct prompt_row *row = &prompts.rows[i];
            char *name = xasprintf("%s%s", lead, row->name);
            char *version = xasprintf("%s%s@%d", lead, row->name, row->version);
            char *p = xasprintf("%sp%zu", lead, i + 1);
            char *gloss = xasprintf("%s@%d %s", row->name, row->version,
                                    row->note ? row->note : "");
            offer(list, name, NULL);
            /* Versions only when somebody is typing one, so that the list stays short. */
            if (strchr(list->prefix, '@'))
                offer(list, version, row->note);
            if (list->prefix[strlen(lead)] == 'p')
                offer(list, p, gloss);
            free(name);
            free(version);
            free(p);
            free(gloss);
        }
    prompt_rows_release(&prompts);
}

static void offer_jobs(struct list *list, struct workbench *wb)
{
    struct job_snapshot jobs[50];
    size_t n = jobs_list(wb->jobs, jobs, 50);
    offer(list, "last", "the newest job");
    for (size_t i = 0; i < n; i++) {
        char *word = xasprintf("%%%d", jobs[i].number);
        offer(list, word, jobs[i].line);
        free(word);
    }
}

static void offer_runs(struct list *list, struct workbench *wb)
{
    struct run_rows runs;
    if (store_runs(wb->store, &runs, NULL) < 0)
        return;
    offer(list, "last", "the newest run");
    for (size_t i = runs.n; i-- > 0;)
        offer(list, runs.rows[i].name, runs.rows[i].state);
    run_rows_release(&runs);
}

static void offer_run_metrics(struct list *list)
{
    for (const struct run_metric *m = run_metric_table; m->name; m++)
        offer(list, m->name, m->formula);
}

static void offer_kind(struct list *list, struct workbench *wb, enum completes kind,
                       const char *lead)
{
    switch (kind) {
    case COMPLETE_FILE:
    case COMPLETE_MODEL:
        offer_files(list, lead);
        break;
    case COMPLETE_SET:
        offer_sets(list, wb, lead);
        break;
    case COMPLETE_PROMPT:
        offer_prompts(list, wb, lead);
        break;
    case COMPLETE_JOB:
        offer_jobs(list, wb);
        break;
    case COMPLETE_METRIC:
        for (const struct metric *m = metric_table; m->name; m++)
            offer(list, m->name, m->formula);
        offer_run_metrics(list);
        break;
    case COMPLETE_PLOT:
        offer_runs(list, wb);
        offer_run_metrics(list);
        break;
    case COMPLETE_RUN:
        offer_runs(list, wb);
        break;
    case COMPLETE_COMMAND:
        for (size_t i = 0; i < command_count(); i++)
            offer(list, command_at(i)->verb, NULL);
        break;
    case COMPLETE_PAIR:
    case COMPLETE_NONE:
        break;
    }
}

/* "json|md" behind "format=": each word of a key's value. */
static void offer_values(struct list *list, struct workbench *wb, const struct command_key *key)
{
    char *lead = xasprintf("%s=", key->name);

    if (key->completes != COMPLETE_NONE) {
        offer_kind(list, wb, key->completes, lead);
    } else if (strchr(key->value, '|')) {
        char *values = xstrdup(key->value), *save = NULL;
        for (char *v = strtok_r(values, "|", &save); v; v = strtok_r(NULL, "|", &save)) {
            char *word = xasprintf("%s%s", lead, v);
            offer(list, word, key->text);
            free(word);
        }
        free(values);
    }
    free(lead);
}

static void offer_arguments(struct list *list, struct workbench *wb, const struct command *row)
{
    static const char *const formats[] = {"as json", "as jsonl", "as tsv", "as md"};
    const char *equals = strchr(list->prefix, '=');

    for (const struct command_key *k = row->keys; k && k->name; k++) {
        size_t len = strlen(k->name);
        if (equals && (size_t)(equals - list->prefix) == len &&
            strncmp(k->name, list->prefix, len) == 0) {
            offer_values(list, wb, k);
            return;
        }
    }
    if (row->max_refs != 0)
        offer_kind(list, wb, row->completes, "");
    for (const struct command_key *k = row->keys; k && k->name; k++) {
        char *word = xasprintf("%s=", k->name);
        offer(list, word, k->text);
        free(word);
    }
    if (row->flags & COMMAND_WHERE)
        offer(list, "where", "a filter: help filter");
    if (row->flags & COMMAND_BY)
        offer(list, "by", "group the table");
    for (size_t i = 0; i < sizeof formats / sizeof *formats && list->prefix[0] == 'a'; i++)
        offer(list, formats[i], NULL);
}

/* Where the command that holds `point` begins: behind the last `;`. */
static size_t command_start(const char *line, size_t point)
{
    size_t start = 0;
    char quote = 0;
    for (size_t i = 0; i < point && line[i]; i++) {
        if (quote)
            quote = line[i] == quote ? 0 : quote;
        else if (line[i] == '\'' || line[i] == '"')
            quote = line[i];
        else if (line[i] == ';')
            start = i + 1;
    }
    while (line[start] == ' ')
        start++;
    return start;
}

/* The row that the words of line[start..end) mean; *words counts the words that name it. */
static const struct command *row_of(const char *line, size_t start, size_t end, int *words)
{
    char *text = xstrndup(line + start, end > start ? end - start : 0), *save = NULL;
    char *verb = strtok_r(text, " \t", &save), *noun = verb ? strtok_r(NULL, " \t", &save) : NULL;
    const struct command *found = NULL;

    *words = 0;
    for (size_t i = 0; i < command_count() && verb; i++) {
        const struct command *row = command_at(i);
        if (strcmp(row->verb, verb) != 0)
            continue;
        if (row->noun && noun && strcmp(row->noun, noun) == 0) {
            found = row;
            *words = 2;
            break;
        }
        if (!row->noun) {
            found = row;
            *words = 1;
        }
    }
    free(text);
    return found;
}

static void offer_verbs(struct list *list)
{
    for (size_t i = 0; i < command_count(); i++)
        offer(list, command_at(i)->verb, command_at(i)->noun ? NULL : command_at(i)->text);
}

static void offer_nouns(struct list *list, const char *line, size_t start, size_t end)
{
    char *verb = xstrndup(line + start, end - start);
    verb[strcspn(verb, " \t")] = '\0';
    for (size_t i = 0; i < command_count(); i++)
        if (command_at(i)->noun && strcmp(command_at(i)->verb, verb) == 0)
            offer(list, command_at(i)->noun, command_at(i)->text);
    free(verb);
}

char **command_complete(struct workbench *wb, const char *line, size_t point, size_t *word_start)
{
    struct list list = {0};
    size_t start = command_start(line, point), word = point;
    int words;

    while (word > start && line[word - 1] != ' ' && line[word - 1] != '\t')
        word--;
    *word_start = word;
    char *prefix = xstrndup(line + word, point - word);
    list.prefix = prefix;
    if (word == start) {
        offer_verbs(&list);
    } else {
        const struct command *row = row_of(line, start, word, &words);
        bool second = strcspn(line + start, " \t") + 1 >= word - start;
        if (second)
            offer_nouns(&list, line, start, word);
        if (row && !(second && words == 2))
            offer_arguments(&list, wb, row);
    }
    free(prefix);
    return list.items;
}

void command_complete_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

void command_hint(struct workbench *wb, const char *line, struct buf *out)
{
    size_t len = strlen(line), start = command_start(line, len);
    int words;
    const struct command *row = row_of(line, start, len, &words);

    (void)wb;
    if (row)
        command_usage(row, out);
}
