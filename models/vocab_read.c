/* tokenizer.json, read: all that would give other ids than its author has is refused by field. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/gguf.h"
#include "models/vocab_build.h"
#include "models/vocab_json.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"

enum { MAX_PIECES = 1 << 22, MAX_PIECE = 16384 };

struct reading {
    struct vocab *v;
    const char *file;
    json_t *root, *model;
    struct vocab_index index;
};

static int fail(const struct reading *r, struct error *err, const char *field, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

static int fail(const struct reading *r, struct error *err, const char *field, const char *format,
                ...)
{
    struct buf text;
    va_list args;
    buf_init(&text, 4096);
    va_start(args, format);
    buf_vaddf(&text, format, args);
    va_end(args);
    error_at_line(err, r->file, 0, 0, "%s %s", field, buf_str(&text));
    buf_release(&text);
    return -1;
}

#define SHOW_JSON(s) SHOW(((struct gguf_string){json_string_value(s), json_string_length(s)}))

static bool is_off(const json_t *value)
{
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_number(value) && json_number_value(value) == 0);
}

static bool is_type(const json_t *object, const char *type)
{
    const json_t *value = json_object_get(object, "type");
    return json_is_string(value) && strcmp(json_string_value(value), type) == 0;
}

/* ---- the parts besides the vocabulary ---- */

static int read_normalizer(const struct reading *r, struct error *err)
{
    const json_t *n = json_object_get(r->root, "normalizer");
    /* NFC changes nothing in texts that are composed already, which nearly all are
     * (models/tokenizer.h). */
    if (!n || json_is_null(n) || is_type(n, "NFC"))
        return 0;
    if (is_type(n, "Sequence") && json_array_size(json_object_get(n, "normalizers")) == 0)
        return 0;
    return fail(r, err, "normalizer", "is one that is not read (allowed: null, NFC)");
}

static bool form_fits(const struct vocab_form *f, const json_t *byte_level, const json_t *split,
                      const json_t *digits)
{
    const json_t *regex = json_object_get(byte_level, "use_regex");
    const bool byte_words = !regex || json_is_true(regex);
    if (byte_words != f->byte_words || (digits != NULL) != f->digits ||
        (split != NULL) != (f->words != NULL) ||
        json_is_true(json_object_get(byte_level, "add_prefix_space")) != f->blank)
        return false;
    if (digits)
        return json_is_true(json_object_get(digits, "individual_digits"));
    if (!split)
        return true;
    const json_t *pattern = json_object_get(json_object_get(split, "pattern"), "Regex");
    const json_t *behavior = json_object_get(split, "behavior");
    return json_is_string(pattern) && strcmp(json_string_value(pattern), f->words) == 0 &&
           json_is_string(behavior) && strcmp(json_string_value(behavior), "Isolated") == 0 &&
           is_off(json_object_get(split, "invert"));
}

static int read_pre_tokenizer(const struct reading *r, struct error *err)
{
    const json_t *pre = json_object_get(r->root, "pre_tokenizer");
    const json_t *list = json_object_get(pre, "pretokenizers"), *split = NULL, *digits = NULL;
    const json_t *byte_level = is_type(pre, "ByteLevel") ? pre : NULL;
    const bool whole_words = json_is_true(json_object_get(r->model, "ignore_merges"));
    if (is_type(pre, "Sequence") && json_array_size(list) == 2) {
        const json_t *first = json_array_get(list, 0);
        split = is_type(first, "Split") ? first : NULL;
        digits = is_type(first, "Digits") ? first : NULL;
        if ((split || digits) && is_type(json_array_get(list, 1), "ByteLevel"))
            byte_level = json_array_get(list, 1);
    }
    for (size_t i = 0; byte_level && i < n_vocab_forms; i++)
        if (vocab_forms[i].whole_words == whole_words &&
            form_fits(&vocab_forms[i], byte_level, split, digits)) {
            snprintf(r->v->pre, sizeof r->v->pre, "%s", vocab_forms[i].pre);
            return 0;
        }
    return fail(r, err, "pre_tokenizer",
                "cuts words in a way that is not read (allowed: those of GPT-2, SmolLM2, "
                "Llama 3, Qwen2)");
}

static int read_model(const struct reading *r, struct error *err)
{
    static const char *const off[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                      "byte_fallback"};
    if (!json_is_object(r->model))
        return fail(r, err, "model", "is missing or not an object");
    if (!is_type(r->model, "BPE")) {
        const json_t *type = json_object_get(r->model, "type");
        return fail(r, err, "model.type", "is '%s' (allowed: BPE)",
                    json_is_string(type) ? SHOW_JSON(type) : "missing");
    }
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++)
        if (!is_off(json_object_get(r->model, off[i]))) {
            char field[64];
            snprintf(field, sizeof field, "model.%s", off[i]);
            return fail(r, err, field, "is set, which is not read (allowed: null)");
        }
    return 0;
}

/* ---- vocabulary ---- */

struct slot {
    const char *text;
    size_t len;
    enum piece_type type;
    bool taken;
};

static int take_slot(const struct reading *r, struct slot *slots, size_t n, const char *field,
                     json_int_t id, const char *text, size_t len, enum piece_type type,
                     struct error *err)
{
    if (id < 0 || (size_t)id >= n)
        return fail(r, err, field, "has the id %" JSON_INTEGER_FORMAT ", but there are %zu tokens",
                    id, n);
    if (len == 0 || len > MAX_PIECE || memchr(text, 0, len))
        return fail(r, err, field, "is %zu bytes long, or holds a NUL (allowed: 1..%d bytes)", len,
                    MAX_PIECE);
    struct slot *s = &slots[id];
    if (s->taken && (s->len != len || memcmp(s->text, text, len) != 0))
        return fail(r, err, field, "has the id %" JSON_INTEGER_FORMAT " of another token, '%s'", id,
                    SHOW(((struct gguf_string){s->text, s->len})));
    *s = (struct slot){text, len, type, true};
    return 0;
}

/* A byte's letter, which text must be able to give. */
static bool is_letter(const char *text, size_t len)
{
    uint32_t code;
    return utf8_decode(text, len, &code) == len && letter_to_byte(code) >= 0;
}

static int read_added(const struct reading *r, struct slot *slots, size_t n, const json_t *map,
                      struct error *err)
{
    const json_t *list = json_object_get(r->root, "added_tokens");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i), *text = json_object_get(entry, "content");
        const json_t *id = json_object_get(entry, "id");
        char field[64];
        snprintf(field, sizeof field, "added_tokens[%zu]", i);
        if (!json_is_string(text) || !json_is_integer(id))
            return fail(r, err, field, "has no content or no id");
        const json_t *plain =
            json_object_getn(map, json_string_value(text), json_string_length(text));
        if (plain && json_integer_value(plain) != json_integer_value(id))
            return fail(r, err, field,
                        "equals the token %" JSON_INTEGER_FORMAT " of model.vocab, '%s'",
                        json_integer_value(plain), SHOW_JSON(text));
        if (is_letter(json_string_value(text), json_string_length(text)))
            return fail(r, err, field, "equals plain text, '%s'", SHOW_JSON(text));
        if (take_slot(r, slots, n, field, json_integer_value(id), json_string_value(text),
                      json_string_length(text),
                      json_is_true(json_object_get(entry, "special")) ? PIECE_CONTROL : PIECE_USER,
                      err))
            return -1;
    }
    return 0;
}

static int fill_slots(struct reading *r, struct slot *slots, size_t n, json_t *map,
                      struct error *err)
{
    const char *text;
    size_t len;
    json_t *id;
    json_object_keylen_foreach(map, text, len, id) {
        char field[100];
        snprintf(field, sizeof field, "model.vocab['%.60s']",
                 SHOW(((struct gguf_string){text, len < 40 ? len : 40})));
        if (!json_is_integer(id))
            return fail(r, err, field, "is not a whole number");
        if (take_slot(r, slots, n, field, json_integer_value(id), text, len, PIECE_NORMAL, err))
            return -1;
    }
    if (read_added(r, slots, n, map, err))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!slots[i].taken)
            return fail(r, err, "model.vocab", "has no token with the id %zu", i);
        if (vocab_index_find(&r->index, r->v, slots[i].text, slots[i].len) >= 0)
            return fail(r, err, "model.vocab", "has the text of token %zu twice", i);
        vocab_add(r->v, &r->index, slots[i].text, slots[i].len, slots[i].type);
    }
    return 0;
}

/* As many tokens as there are different texts. */
static int read_vocab(struct reading *r, struct error *err)
{
    json_t *map = json_object_get(r->model, "vocab");
    const json_t *list = json_object_get(r->root, "added_tokens");
    if (!json_is_object(map))
        return fail(r, err, "model.vocab", "is missing or not an object");
    if (list && !json_is_array(list))
        return fail(r, err, "added_tokens", "is not a list");
    size_t n = json_object_size(map);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_object_get(json_array_get(list, i), "content");
        n += json_is_string(text) &&
             !json_object_getn(map, json_string_value(text), json_string_length(text));
    }
    if (n == 0 || n > MAX_PIECES)
        return fail(r, err, "model.vocab", "has %zu tokens (allowed: 1..%d)", n, MAX_PIECES);
    struct slot *slots = xcalloc(n, sizeof *slots);
    const int status = fill_slots(r, slots, n, map, err);
    free(slots);
    return status;
}

/* ["a","b"] or "a b" */
static bool split_merge(const json_t *value, struct gguf_string *left, struct gguf_string *right)
{
    if (json_is_array(value) && json_array_size(value) == 2) {
        const json_t *a = json_array_get(value, 0), *b = json_array_get(value, 1);
        *left = (struct gguf_string){json_string_value(a), json_string_length(a)};
        *right = (struct gguf_string){json_string_value(b), json_string_length(b)};
        return left->data && right->data;
    }
    const char *text = json_string_value(value);
    const char *blank = text && text[0] ? strchr(text + 1, ' ') : NULL;
    if (!blank)
        return false;
    *left = (struct gguf_string){text, (size_t)(blank - text)};
    *right = (struct gguf_string){blank + 1, json_string_length(value) - left->len - 1};
    return true;
}

static int read_merges(struct reading *r, struct error *err)
{
    const json_t *list = json_object_get(r->model, "merges");
    if (!json_is_array(list))
        return fail(r, err, "model.merges", "is missing or not a list");
    r->v->merges = xmalloc((json_array_size(list) + 1) * sizeof *r->v->merges);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct gguf_string a = {NULL, 0}, b = {NULL, 0};
        char field[64];
        snprintf(field, sizeof field, "model.merges[%zu]", i);
        if (!split_merge(json_array_get(list, i), &a, &b))
            return fail(r, err, field, "is not two tokens");
        const int32_t left = vocab_index_find(&r->index, r->v, a.data, a.len);
        const int32_t right = vocab_index_find(&r->index, r->v, b.data, b.len);
        if (left < 0 || right < 0)
            return fail(r, err, field, "names an unknown token ('%s' and '%s')", SHOW(a), SHOW(b));
        /* As in GGUF, where a blank stands between the two. */
        if (memchr(a.data, ' ', a.len) || memchr(b.data, ' ', b.len))
            return fail(r, err, field, "holds a blank");
        r->v->merges[r->v->n_merges++] = (struct vocab_merge){(uint32_t)left, (uint32_t)right};
    }
    return 0;
}

/* ---- control tokens ---- */

static const json_t *find_template(const json_t *post)
{
    if (is_type(post, "TemplateProcessing"))
        return post;
    const json_t *list = json_object_get(post, "processors");
    for (size_t i = 0; is_type(post, "Sequence") && i < json_array_size(list); i++)
        if (is_type(json_array_get(list, i), "TemplateProcessing"))
            return json_array_get(list, i);
    return NULL;
}

static void read_specials(struct reading *r)
{
    struct vocab *v = r->v;
    const json_t *first = json_array_get(
        json_object_get(find_template(json_object_get(r->root, "post_processor")), "single"), 0);
    const json_t *bos = json_object_get(json_object_get(first, "SpecialToken"), "id");
    v->bos = vocab_index_find(&r->index, v, "<bos>", 5);
    v->eos = vocab_index_find(&r->index, v, "<eos>", 5);
    v->pad = vocab_index_find(&r->index, v, "<pad>", 5);
    if (json_is_string(bos)) {
        const int32_t id =
            vocab_index_find(&r->index, v, json_string_value(bos), json_string_length(bos));
        v->add_bos = id >= 0;
        v->bos = id >= 0 ? id : v->bos;
    }
    int32_t *const ids[] = {&v->bos, &v->eos, &v->pad};
    for (int i = 0; i < 3; i++)
        if (*ids[i] >= 0 && v->pieces[*ids[i]].type != PIECE_CONTROL)
            *ids[i] = -1;
    v->add_bos = v->add_bos && v->bos >= 0;
}

int vocab_read_json(struct vocab *out, const char *text, size_t len, const char *file,
                    struct error *err)
{
    *out = (struct vocab){.bos = -1, .eos = -1, .pad = -1};
    struct reading r = {.v = out, .file = file};
    r.root = json_parse(text, len, file, 1, err);
    if (!r.root)
        return -1;
    r.model = json_object_get(r.root, "model");
    int status = json_is_object(r.root) ? 0 : fail(&r, err, "the file", "is not a JSON object");
    if (!status && (read_model(&r, err) || read_normalizer(&r, err) ||
                    read_pre_tokenizer(&r, err) || read_vocab(&r, err) || read_merges(&r, err)))
        status = -1;
    if (!status)
        read_specials(&r);
    vocab_index_release(&r.index);
    json_decref(r.root);
    if (status)
        vocab_release(out);
    return status;
}
