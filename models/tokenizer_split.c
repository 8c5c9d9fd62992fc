/*
 * Pre-tokenizers: where words end. Each is published as a regular expression; here it is a
 * hand-written scan that tries the alternatives in their order, so that a run of a million
 * letters costs one pass and no stack. L, N: Unicode's letters and numbers, S: white space.
 */
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "models/tokenizer.h"
#include "src/base/text.h"

enum char_class { CLASS_NONE, CLASS_LETTER, CLASS_NUMBER, CLASS_SPACE, CLASS_OTHER };

struct letter {
    size_t len;
    uint32_t code;
    enum char_class class;
};

/* White_Space of Unicode, which is \s of the published expressions (unlike Python's, no U+001C..1F). */
static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static enum char_class class_of(uint32_t c)
{
    if (c < 0x80) {
        if ((c | 32) >= 'a' && (c | 32) <= 'z')
            return CLASS_LETTER;
        if (c >= '0' && c <= '9')
            return CLASS_NUMBER;
        return is_space(c) ? CLASS_SPACE : CLASS_OTHER;
    }
    if (is_space(c))
        return CLASS_SPACE;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return CLASS_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return CLASS_NUMBER;
    default:
        return CLASS_OTHER;
    }
}

/* The character at text[at]; a bad byte counts as a character of its own, class other. */
static struct letter letter_at(const char *text, size_t len, size_t at)
{
    if (at >= len)
        return (struct letter){0, 0, CLASS_NONE};
    const unsigned char first = (unsigned char)text[at];
    if (first < 0x80)
        return (struct letter){1, first, class_of(first)};
    struct letter l = {0, 0, CLASS_OTHER};
    l.len = utf8_decode(text + at, len - at, &l.code);
    if (l.len == 0)
        return (struct letter){1, 0xfffd, CLASS_OTHER};
    l.class = class_of(l.code);
    return l;
}

/* The end of the run of `class` that begins at `at`. */
static size_t run_end(const char *text, size_t len, size_t at, enum char_class class)
{
    for (struct letter l = letter_at(text, len, at); l.class == class;
         l = letter_at(text, len, at))
        at += l.len;
    return at;
}

/* 's 't 're 've 'm 'll 'd at text[0]; 0: none. */
static size_t contraction(const char *text, size_t len, bool any_case)
{
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (text[0] != '\'')
        return 0;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t n = strlen(endings[i]);
        size_t j = 0;
        while (j < n && 1 + j < len) {
            const char c = text[1 + j];
            const char folded = any_case && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
            if (folded != endings[i][j])
                break;
            j++;
        }
        if (j == n)
            return 1 + n;
    }
    /* The long s folds to s. */
    return any_case && len >= 3 && memcmp(text + 1, "\xc5\xbf", 2) == 0 ? 3 : 0;
}

/* \s+(?!\S)|\s+ at a blank: the run without its last character when a word follows. */
static size_t spaces(const char *text, size_t len)
{
    size_t at = 0, last = 0;
    for (struct letter l = letter_at(text, len, 0); l.class == CLASS_SPACE;
         l = letter_at(text, len, at)) {
        last = at;
        at += l.len;
    }
    return at < len && last > 0 ? last : at;
}

/* '(?:[sdmt]|ll|ve|re)| ?L+| ?N+| ?[^SLN]+|\s+(?!\S)|\s+ */
static size_t next_gpt2(const char *text, size_t len)
{
    const size_t ending = contraction(text, len, false);
    if (ending)
        return ending;
    struct letter l = letter_at(text, len, 0);
    size_t at = 0;
    if (text[0] == ' ') {
        l = letter_at(text, len, 1);
        at = 1;
    }
    if (l.class == CLASS_LETTER || l.class == CLASS_NUMBER || l.class == CLASS_OTHER)
        return run_end(text, len, at, l.class);
    return spaces(text, len);
}

/* Numbers are cut out one by one first; what is between is cut as GPT-2 does, each piece by itself. */
static size_t next_smollm(const char *text, size_t len)
{
    const struct letter l = letter_at(text, len, 0);
    if (l.class == CLASS_NUMBER)
        return l.len;
    size_t at = 0;
    const size_t ending = contraction(text, len, false);
    if (ending)
        return ending;
    if (text[0] == ' ')
        at = 1;
    const struct letter next = letter_at(text, len, at);
    if (next.class == CLASS_LETTER || next.class == CLASS_OTHER)
        return run_end(text, len, at, next.class);
    /* A number ends the piece as the end of the text does: the run of blanks before it stays whole. */
    const size_t end = run_end(text, len, 0, CLASS_SPACE);
    return letter_at(text, len, end).class == CLASS_NUMBER ? end : spaces(text, len);
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\nLN]?L+|N{1,numbers}| ?[^SLN]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static size_t next_llama3(const char *text, size_t len, int numbers)
{
    const size_t ending = contraction(text, len, true);
    if (ending)
        return ending;
    const struct letter l = letter_at(text, len, 0);
    if (l.class == CLASS_LETTER)
        return run_end(text, len, 0, CLASS_LETTER);
    const struct letter second = letter_at(text, len, l.len);
    if (l.class != CLASS_NUMBER && text[0] != '\r' && text[0] != '\n' &&
        second.class == CLASS_LETTER)
        return run_end(text, len, l.len, CLASS_LETTER);
    if (l.class == CLASS_NUMBER) {
        size_t at = l.len;
        for (int i = 1; i < numbers; i++) {
            const struct letter n = letter_at(text, len, at);
            if (n.class != CLASS_NUMBER)
                break;
            at += n.len;
        }
        return at;
    }
    if (l.class == CLASS_OTHER || (text[0] == ' ' && second.class == CLASS_OTHER)) {
        size_t at = run_end(text, len, l.class == CLASS_OTHER ? 0 : 1, CLASS_OTHER);
        while (at < len && (text[at] == '\r' || text[at] == '\n'))
            at++;
        return at;
    }
    size_t end = run_end(text, len, 0, CLASS_SPACE);
    while (end > 0 && text[end - 1] != '\r' && text[end - 1] != '\n')
        end--;
    return end > 0 ? end : spaces(text, len);
}

static size_t next_llama_bpe(const char *text, size_t len)
{
    return next_llama3(text, len, 3);
}

static size_t next_qwen2(const char *text, size_t len)
{
    return next_llama3(text, len, 1);
}

static const struct splitter splitters[] = {
    {"smollm", "", false, false, false, next_smollm},
    {"gpt-2", "default gpt2", false, false, false, next_gpt2},
    {"llama-bpe", "llama3 llama-v3", true, true, false, next_llama_bpe},
    {"qwen2", "deepseek-r1-qwen", false, false, false, next_qwen2},
    {"words", "", true, false, true, next_gpt2},
};
enum { N_SPLITTERS = sizeof splitters / sizeof splitters[0] };

static bool is_word_of(const char *words, struct gguf_string name)
{
    while (*words) {
        const size_t len = strcspn(words, " ");
        if (len == name.len && memcmp(words, name.data, len) == 0)
            return true;
        words += len + (words[len] == ' ');
    }
    return false;
}

const struct splitter *splitter_find(struct gguf_string name)
{
    for (size_t i = 0; i < N_SPLITTERS; i++)
        if (is_word_of(splitters[i].name, name) || is_word_of(splitters[i].aliases, name))
            return &splitters[i];
    return NULL;
}

void splitter_names(char *out, size_t out_size)
{
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < N_SPLITTERS && at < out_size; i++)
        at += (size_t)snprintf(out + at, out_size - at, "%s%s", i ? ", " : "", splitters[i].name);
}
