/* tokenizer.json, written: what the `tokenizers` library needs to give the same ids. */
#include <stdio.h>
#include <string.h>

#include "models/vocab_build.h"
#include "models/vocab_json.h"
#include "src/base/json.h"

/* The published expressions of the pre-tokenizers that the library has no name for. */
static const char llama3_words[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?"
                                   "\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                                   "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
static const char qwen2_words[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?"
                                  "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                                  "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const struct vocab_form vocab_forms[] = {
    {"gpt-2", NULL, false, false, true, false},
    {"words", NULL, false, true, true, true},
    {"smollm", NULL, true, false, true, false},
    {"llama-bpe", llama3_words, false, false, false, true},
    {"qwen2", qwen2_words, false, false, false, false},
};
const size_t n_vocab_forms = sizeof vocab_forms / sizeof vocab_forms[0];

static json_t *byte_level(const struct vocab_form *f)
{
    return json_pack("{s:s,s:b,s:b,s:b}", "type", "ByteLevel", "add_prefix_space", f->blank,
                     "trim_offsets", 1, "use_regex", f->byte_words);
}

static json_t *pre_tokenizer(const struct vocab_form *f)
{
    if (f->digits)
        return json_pack("{s:s,s:[{s:s,s:b},o]}", "type", "Sequence", "pretokenizers", "type",
                         "Digits", "individual_digits", 1, byte_level(f));
    if (f->words)
        return json_pack("{s:s,s:[{s:s,s:{s:s},s:s,s:b},o]}", "type", "Sequence", "pretokenizers",
                         "type", "Split", "pattern", "Regex", f->words, "behavior", "Isolated",
                         "invert", 0, byte_level(f));
    return byte_level(f);
}

static json_t *added_tokens(const struct vocab *v)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < v->n_pieces; i++) {
        const struct piece *p = &v->pieces[i];
        if (p->type != PIECE_CONTROL && p->type != PIECE_USER && p->type != PIECE_UNKNOWN)
            continue;
        json_array_append_new(
            list, json_pack("{s:i,s:s%,s:b,s:b,s:b,s:b,s:b}", "id", (int)i, "content", p->text,
                            (size_t)p->len, "single_word", 0, "lstrip", 0, "rstrip", 0,
                            "normalized", 0, "special", p->type != PIECE_USER));
    }
    return list;
}

static json_t *template_part(const char *type, const char *id)
{
    return json_pack("{s:{s:s,s:i}}", type, "id", id, "type_id", 0);
}

/* BOS before each text. */
static json_t *post_processor(const struct vocab *v)
{
    if (!v->add_bos || v->bos < 0)
        return json_null();
    const char *bos = v->pieces[v->bos].text;
    return json_pack("{s:s,s:[o,o],s:[o,o,o,o],s:{s:{s:s,s:[i],s:[s]}}}", "type",
                     "TemplateProcessing", "single", template_part("SpecialToken", bos),
                     template_part("Sequence", "A"), "pair", template_part("SpecialToken", bos),
                     template_part("Sequence", "A"), template_part("SpecialToken", bos),
                     template_part("Sequence", "B"), "special_tokens", bos, "id", bos, "ids",
                     (int)v->bos, "tokens", bos);
}

/* The library reads a vocabulary as a map: of two equal texts only one would stay. */
static int add_vocab(const struct vocab *v, json_t *model, struct error *err)
{
    json_t *map = json_object(), *merges = json_array();
    json_object_set_new(model, "vocab", map);
    json_object_set_new(model, "merges", merges);
    for (uint32_t i = 0; i < v->n_pieces; i++) {
        const struct piece *p = &v->pieces[i];
        if (json_object_getn(map, p->text, p->len))
            return error_set(
                err, ERROR_FAILED,
                "tokens %d and %u of the vocabulary have the same text",
                (int)json_integer_value(json_object_getn(map, p->text, p->len)),
                (unsigned)i);
        if (json_object_setn_new(map, p->text, p->len, json_integer(i)))
            return error_set(err, ERROR_FAILED, "token %u of the vocabulary is not UTF-8",
                             (unsigned)i);
    }
    for (size_t i = 0; i < v->n_merges; i++) {
        const struct piece *a = &v->pieces[v->merges[i].left], *b = &v->pieces[v->merges[i].right];
        json_array_append_new(merges, json_pack("[s%,s%]", a->text, (size_t)a->len, b->text,
                                                (size_t)b->len));
    }
    return 0;
}

int vocab_write_json(const struct vocab *vocab, struct buf *out, struct error *err)
{
    const struct vocab_form *form = NULL;
    for (size_t i = 0; i < n_vocab_forms; i++)
        if (strcmp(vocab_forms[i].pre, vocab->pre) == 0)
            form = &vocab_forms[i];
    if (!form)
        return error_set(err, ERROR_FAILED, "the pre-tokenizer '%s' cannot be written as JSON",
                         vocab->pre);
    json_t *model =
        json_pack("{s:s,s:n,s:n,s:n,s:n,s:b,s:b,s:b}", "type", "BPE", "dropout",
                  "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                  "fuse_unk", 0, "byte_fallback", 0, "ignore_merges", form->whole_words);
    int status = add_vocab(vocab, model, err);
    json_t *whole = json_pack("{s:s,s:n,s:n,s:o,s:n,s:o,s:o,s:{s:s,s:b,s:b,s:b},s:o}", "version",
                              "1.0", "truncation", "padding", "added_tokens", added_tokens(vocab),
                              "normalizer", "pre_tokenizer", pre_tokenizer(form), "post_processor",
                              post_processor(vocab), "decoder", "type", "ByteLevel",
                              "add_prefix_space", 1, "trim_offsets", 1, "use_regex", 1, "model",
                              model);
    if (!status && !whole)
        status = error_set(err, ERROR_FAILED, "the vocabulary cannot be written as JSON");
    if (!status)
        json_write(out, whole);
    json_decref(whole);
    if (!status && out->full)
        status = error_set(err, ERROR_FAILED, "the vocabulary is too long as JSON");
    return status;
}
