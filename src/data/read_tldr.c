/* Reddit posts and news with two summaries: OpenAI's comparisons, the CSV judged by
 * GPT-4. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/data/format.h"

/*
 * extra.confidence: 1 surely the first summary, 9 surely the second. Ours is the other
 * way round. One that contradicts the choice says nothing that could be relied on and is
 * left out.
 */
static double openai_confidence(const struct row *row, enum choice choice)
{
    const json_t *value = json_object_get(row_value(row, "extra"), "confidence");
    if (!json_is_number(value))
        return NAN;
    double c = json_number_value(value);
    bool fits = c >= 1 && c <= 9 && (choice == CHOICE_A ? c <= 5 : c >= 5);
    return fits ? 10 - c : NAN;
}

static int openai_context(const struct row *row, const json_t *info, struct pair *out,
                          struct error *err)
{
    const json_t *post = json_object_get(info, "post");
    const char *path = post ? "info.post" : "info.article";
    if (!post)
        post = json_object_get(info, "article");
    if (value_text(row, post, path, &out->context, err))
        return -1;
    const char *title = json_string_value(json_object_get(info, "title"));
    const char *group = json_string_value(json_object_get(info, "subreddit"));
    if (!group)
        group = json_string_value(json_object_get(info, "site"));
    if (title)
        out->title = xstrdup(title);
    if (group)
        out->group = xstrdup(group);
    return 0;
}

int read_openai(const struct row *row, const struct import_options *options,
                struct pair *out, struct error *err)
{
    static const struct side sides[] = {
        {SIDE_INT, 0, NULL, CHOICE_A}, {SIDE_INT, 1, NULL, CHOICE_B}, {0}};
    (void)options;
    json_t *info, *summaries;
    if (row_need(row, "info", &info, err) || row_need(row, "summaries", &summaries, err))
        return -1;
    if (!json_is_array(summaries) || json_array_size(summaries) != 2)
        return row_error(row, err, "not two summaries");
    if (openai_context(row, info, out, err) ||
        value_response(row, json_object_get(json_array_get(summaries, 0), "text"),
                       "summaries[0].text", &out->a, err) ||
        value_response(row, json_object_get(json_array_get(summaries, 1), "text"),
                       "summaries[1].text", &out->b, err))
        return -1;
    const char *worker = row_string_or_null(row, "worker");
    if (row_vote(row, "choice", sides, worker ? worker : "human", RATER_HUMAN, out, err))
        return -1;
    if (out->n_votes)
        out->votes[0].confidence = openai_confidence(row, out->votes[0].choice);
    const char *split = row_string_or_null(row, "split");
    if (split)
        out->split_given = split_parse(split, &out->split);
    return 0;
}

/* The part of text between its prefix and the next mark; moves *text behind the mark. */
static char *take_part(const char **text, const char *prefix, const char *mark)
{
    size_t len = strlen(prefix);
    if (strncmp(*text, prefix, len))
        return NULL;
    const char *end = strstr(*text + len, mark);
    if (!end)
        return NULL;
    char *part = xstrndup(*text + len, (size_t)(end - *text) - len);
    *text = end + strlen(mark);
    return part;
}

/*
 * "SUBREDDIT: r/X\n\nTITLE: T\n\nPOST: P\n\nTL;DR:" gives its parts, so that the pair is
 * the one of OpenAI's own files; any other text is the context as it stands.
 */
static void query_parts(const char *query, struct pair *out)
{
    static const char ending[] = "\n\nTL;DR:";
    const char *rest = query;
    char *group = take_part(&rest, "SUBREDDIT: ", "\n\nTITLE: ");
    char *title = group ? take_part(&rest, "", "\n\nPOST: ") : NULL;
    size_t len = strlen(rest), end = sizeof ending - 1;
    if (title && len >= end && !strcmp(rest + len - end, ending)) {
        out->context = xstrndup(rest, len - end);
        out->title = title;
        out->group = xstrdup(!strncmp(group, "r/", 2) ? group + 2 : group);
    } else {
        out->context = xstrdup(query);
        free(title);
    }
    free(group);
}

int read_tldr_csv(const struct row *row, const struct import_options *options,
                  struct pair *out, struct error *err)
{
    (void)options;
    const char *query, *preferred, *shuffled;
    if (row_text(row, "", &out->key, err) || row_string(row, "query", &query, err) ||
        row_response(row, "postprocessed_response", &out->a, err) ||
        row_response(row, "reference_responses", &out->b, err) ||
        row_string(row, "preferred", &preferred, err) ||
        row_string(row, "shuffled_index", &shuffled, err))
        return -1;
    query_parts(query, out);
    if (*preferred == 0)
        return 0; // never judged
    bool ours = !strcmp(preferred, "ours");
    if (!ours && strcmp(preferred, "reference"))
        return row_error(row, err, "unknown label (preferred must be ours or reference)");
    if (strcmp(shuffled, "0") && strcmp(shuffled, "1"))
        return row_error(row, err, "unknown shuffled_index (must be 0 or 1)");
    pair_add_vote(out, "gpt-4", RATER_AI, ours ? CHOICE_A : CHOICE_B, NAN);
    return 0;
}
