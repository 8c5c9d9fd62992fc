#include "src/data/world_read.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/data/world_gold.h"
#include "src/data/world_words.h"

/* ---- tokens ---- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_mark(char c)
{
    return c == '.' || c == '?';
}

void world_tokens_make(const char *text, struct world_tokens *out)
{
    *out = (struct world_tokens){.copy = xstrdup(text)};
    for (char *c = out->copy; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    for (const char *c = out->copy; *c;) {
        if (is_blank(*c)) {
            c++;
            continue;
        }
        const char *start = c++;
        while (!is_mark(*start) && *c && !is_blank(*c) && !is_mark(*c))
            c++;
        out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
        out->rows[out->n++] = (struct world_token){start, (size_t)(c - start)};
    }
}

void world_tokens_release(struct world_tokens *tokens)
{
    free(tokens->copy);
    free(tokens->rows);
    *tokens = (struct world_tokens){0};
}

char world_token_mark(const struct world_token *token)
{
    return token->len == 1 && is_mark(*token->text) ? *token->text : '\0';
}

size_t world_sentence_end(const struct world_tokens *tokens, size_t at)
{
    while (at < tokens->n && !world_token_mark(&tokens->rows[at]))
        at++;
    return at;
}

/* ---- clauses ---- */

/* Tokens that the words of `phrase` take at `at`, 0: it does not stand there. */
static size_t match_phrase(const struct world_tokens *tokens, size_t at, size_t end,
                           const char *phrase)
{
    size_t n = 0;
    while (*phrase) {
        size_t len = strcspn(phrase, " ");
        if (at + n >= end || tokens->rows[at + n].len != len ||
            memcmp(tokens->rows[at + n].text, phrase, len) != 0)
            return 0;
        n++;
        phrase += len + (phrase[len] == ' ');
    }
    return n;
}

/* The longest term of a slot's list at `at`. */
static size_t match_slot(const struct world_tokens *tokens, size_t at, size_t end,
                         enum world_slot slot, struct world_fact *fact)
{
    const struct world_list *list = world_slot_list(slot);
    size_t best = 0;
    for (int i = 0; i < list->n[WORLD_LARGE]; i++)
        for (int other = 0; other < 2; other++) {
            const char *phrase = other ? list->terms[i].other : list->terms[i].word;
            size_t n = phrase ? match_phrase(tokens, at, end, phrase) : 0;
            if (n > best) {
                best = n;
                fact->value[slot] = (int8_t)i;
                fact->other = (fact->other & ~(1U << slot)) | (unsigned)other << slot;
            }
        }
    return best;
}

/* Where a clause in this wording would end, 0: it is none. */
static size_t match_wording(const struct world_tokens *tokens, size_t at, size_t end,
                            const char *text, struct world_fact *fact)
{
    bool first = true;
    for (; *text; first = false) {
        size_t len = strcspn(text, " "), n;
        bool slotted = *text == '$' || *text == '?';
        enum world_slot slot = slotted ? world_slot_of(text[1]) : WORLD_SLOTS;
        if (slotted && fact->value[slot] >= 0)
            n = 0; /* a time said in front is not said again */
        else if (slotted)
            n = match_slot(tokens, at, end, slot, fact);
        else
            n = at < end && tokens->rows[at].len == len &&
                !memcmp(tokens->rows[at].text, text, len);
        if (n == 0 && *text != '?')
            return 0;
        if (n > 0 && first && slot == WORLD_TIME)
            fact->time_first = true;
        at += n;
        text += len + (text[len] == ' ');
    }
    return at;
}

/* What may stand behind a clause: its mark, or another clause in the same sentence. */
static bool may_follow(const struct world_tokens *tokens, size_t at, size_t end,
                       char mark)
{
    if (at == end)
        return at < tokens->n && world_token_mark(&tokens->rows[at]) == mark;
    return mark == '.' &&
           (match_phrase(tokens, at, end, "and") || match_phrase(tokens, at, end, "so"));
}

bool world_read_clause(const struct world_tokens *tokens, size_t at, size_t end,
                       size_t *next, struct world_fact *out)
{
    for (int kind = 0; kind < WORLD_KINDS; kind++) {
        const struct world_wordings *said = world_wordings((enum world_kind)kind);
        for (int i = 0; said->texts[i]; i++) {
            struct world_fact fact = world_fact((enum world_kind)kind);
            fact.wording = i;
            size_t to = match_wording(tokens, at, end, said->texts[i], &fact);
            if (to > at && may_follow(tokens, to, end, said->marks[i])) {
                *out = fact;
                *next = to;
                return true;
            }
        }
    }
    return false;
}

/* ---- posts ---- */

/* Relation or name, where another sentence than the problem tells it. */
static void complete_person(struct world_story *story, struct world_fact *problem)
{
    int8_t *r = &problem->value[WORLD_RELATION], *n = &problem->value[WORLD_NAME];
    for (size_t i = 0; i < story->n && (*r < 0 || *n < 0); i++) {
        const struct world_fact *fact = &story->facts[i];
        if (fact->kind != WORLD_PERSON)
            continue;
        if (*r < 0 && fact->value[WORLD_NAME] == *n)
            *r = fact->value[WORLD_RELATION];
        else if (*n < 0 && fact->value[WORLD_RELATION] == *r)
            *n = fact->value[WORLD_NAME];
    }
}

bool world_read(const char *context, struct world_story *out)
{
    struct world_tokens tokens;
    struct world_fact *problem = NULL;
    world_tokens_make(context, &tokens);
    out->n = 0;
    for (size_t at = 0, end; at < tokens.n && out->n < WORLD_FACTS; at = end + 1) {
        end = world_sentence_end(&tokens, at);
        size_t next = at;
        if (!world_read_clause(&tokens, at, end, &next, &out->facts[out->n]) ||
            next != end)
            continue;
        if (out->facts[out->n].kind == WORLD_PROBLEM && !problem)
            problem = &out->facts[out->n];
        out->n++;
    }
    if (problem)
        complete_person(out, problem);
    world_tokens_release(&tokens);
    return problem != NULL;
}
