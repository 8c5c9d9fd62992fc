/* News pairs: a record is one rater's vote, the records of one pair share two ids. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/data/format.h"

struct news {
    struct pair_list list; /* in order of first sight */
    json_t *places;        /* key -> place in the list */
};

static int news_vote(void *ctx, const struct row *row, struct error *err)
{
    static const struct side sides[] = {{SIDE_TRUE, 0, NULL, CHOICE_A},
                                        {SIDE_FALSE, 0, NULL, CHOICE_B},
                                        {SIDE_TEXT, 0, "Equally Good", CHOICE_TIE},
                                        {0}};
    struct news *news = ctx;
    struct pair pair;
    char *article = NULL, *writer = NULL;
    const char *rater = row_string_or_null(row, "evaluator_id");
    pair_init(&pair);
    int bad = row_id(row, "article_id", &article, err) ||
              row_id(row, "writer_id", &writer, err) ||
              row_text(row, "article_text", &pair.context, err) ||
              row_response(row, "writer_summary", &pair.a, err) ||
              row_response(row, "text-davinci-002_summary", &pair.b, err) ||
              row_vote(row, "overall_writer_better", sides, rater ? rater : "human",
                       RATER_HUMAN, &pair, err);
    if (!bad) {
        pair.key = xasprintf("%s/%s", article, writer);
        pair.origin_line = row->line;
        const json_t *place = json_object_get(news->places, pair.key);
        struct pair *old = place ? &news->list.pairs[json_integer_value(place)] : NULL;
        if (!old) {
            json_object_set_new(news->places, pair.key,
                                json_integer((json_int_t)news->list.n));
            *pair_list_add(&news->list) = pair;
            pair_init(&pair);
        } else if (strcmp(old->a, pair.a) || strcmp(old->b, pair.b)) {
            bad =
                row_error(row, err, "other texts under the same ids (first on line %lld)",
                          (long long)old->origin_line);
        } else if (pair.n_votes) {
            const struct vote *vote = &pair.votes[0];
            pair_add_vote(old, vote->rater, vote->kind, vote->choice, NAN);
        }
    }
    pair_release(&pair);
    free(article);
    free(writer);
    return bad ? -1 : 0;
}

int read_news_files(struct import *im, const char *const *files, size_t n,
                    struct error *err)
{
    int bad = 0;
    for (size_t i = 0; i < n && !bad; i++) {
        struct news news = {.places = json_object()};
        bad =
            rows_each(import_rows(im), files[i], ROWS_JSON, false, news_vote, &news, err);
        for (size_t k = 0; k < news.list.n && !bad; k++) {
            struct row row = {.file = files[i], .line = news.list.pairs[k].origin_line};
            bad = import_keep(im, &row, &news.list.pairs[k], err);
        }
        pair_list_release(&news.list);
        json_decref(news.places);
    }
    return bad;
}
