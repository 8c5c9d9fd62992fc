/*
 * Reading the pocket world's texts: sentences of any bytes into facts. Part of
 * libworldgold.a; any thread.
 */
#ifndef RLAIF_DATA_WORLD_READ_H
#define RLAIF_DATA_WORLD_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "src/data/world.h"

struct world_token {
    const char *text;
    size_t len;
};
struct world_tokens {
    char *copy; /* in lower case */
    struct world_token *rows;
    size_t n, cap;
};
/* At ASCII white space; . and ? are tokens of their own wherever they stand. */
void world_tokens_make(const char *text, struct world_tokens *out);
void world_tokens_release(struct world_tokens *tokens);
/* '.' or '?', else 0. */
char world_token_mark(const struct world_token *token);

/*
 * One clause from tokens[at..end), end being a mark or the end of the text; *next is
 * behind it. Only a clause that a mark fit for its wording, "and", or a led consequence
 * follows is one.
 */
bool world_read_clause(const struct world_tokens *tokens, size_t at, size_t end,
                       size_t *next, struct world_fact *out);
/* End of the sentence that begins at `at`: its mark, or n. */
size_t world_sentence_end(const struct world_tokens *tokens, size_t at);

#endif
