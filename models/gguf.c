#include "models/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/gguf_kind.h"
#include "models/quant.h"
#include "src/base/mem.h"
#include "src/base/reader.h"
#include "src/base/text.h"

/* Real files have some 30 keys and 300 tensors; a file of more than these is not a language
 * model, and what we keep for each of them stays small beside the smallest entry. */
enum { MAX_VALUES = 1 << 16, MAX_TENSORS = 1 << 16 };
enum { MAX_KEY = 65535, MAX_NAME = 63, MIN_ALIGNMENT = 8, MAX_ALIGNMENT = 65536 };
/* The smallest entries: key length, one byte, type, one byte; name length, one byte, dimension
 * count, one dimension, type, offset. */
enum { MIN_VALUE_BYTES = 8 + 1 + 4 + 1, MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8 };

static const struct {
    const char *name;
    size_t size; /* 0: not a number */
} types[GGUF_N_TYPES] = {
    [GGUF_U8] = {"u8", 1},   [GGUF_I8] = {"i8", 1},         [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2}, [GGUF_U32] = {"u32", 4},       [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4}, [GGUF_BOOL] = {"bool", 1},     [GGUF_STRING] = {"string", 0},
    [GGUF_ARRAY] = {"array", 0}, [GGUF_U64] = {"u64", 8},   [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

const char *gguf_type_name(uint32_t type)
{
    return type < GGUF_N_TYPES ? types[type].name : "unknown";
}

const char *gguf_show(struct gguf_string s, char out[GGUF_SHOW])
{
    struct buf text;
    buf_init(&text, 0);
    const size_t shown = s.len < 80 ? s.len : 80;
    text_sanitise(&text, s.data, shown, 0);
    size_t len = text.len;
    if (len > GGUF_SHOW - 4) /* an escape may be cut here: it is printable all the same */
        len = GGUF_SHOW - 4;
    while (len > 0 && len < text.len && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    snprintf(out, GGUF_SHOW, "%.*s%s", (int)len, buf_str(&text),
             len < text.len || shown < s.len ? "..." : "");
    buf_release(&text);
    return out;
}

/* ---- reading entries ---- */

static int read_string(struct reader *r, const char *what, struct gguf_string *out,
                       struct error *err)
{
    uint64_t len;
    const size_t at = r->pos;
    if (reader_u64(r, &len, what, err))
        return -1;
    if (len > reader_left(r))
        return error_at_byte(err, r->file, (int64_t)at,
                             "%s is %" PRIu64 " bytes long, but %zu bytes are left in the file",
                             what, len, reader_left(r));
    out->data = (const char *)r->data + r->pos;
    out->len = (size_t)len;
    r->pos += (size_t)len;
    return 0;
}

static int read_array(struct reader *r, struct gguf_value *v, struct error *err)
{
    uint32_t element;
    const size_t at = r->pos;
    if (reader_u32(r, &element, "an array's element type", err) ||
        reader_u64(r, &v->count, "an array's length", err))
        return -1;
    if (element >= GGUF_N_TYPES || element == GGUF_ARRAY)
        return error_at_byte(err, r->file, (int64_t)at,
                             "key %s is an array of type %" PRIu32
                             " (allowed: the numbers, bool and string; no arrays of arrays)",
                             SHOW(v->key), element);
    v->element = element;
    v->data_at = r->pos;
    const size_t smallest = element == GGUF_STRING ? 8 : types[element].size;
    if (v->count > reader_left(r) / smallest)
        return error_at_byte(err, r->file, (int64_t)at + 4,
                             "key %s: an array of %" PRIu64
                             " %s values is longer than the file (%zu bytes left)",
                             SHOW(v->key), v->count, types[element].name, reader_left(r));
    if (element != GGUF_STRING) {
        r->pos += (size_t)v->count * smallest;
        return 0;
    }
    for (uint64_t i = 0; i < v->count; i++) {
        struct gguf_string s;
        if (read_string(r, "a string of an array", &s, err))
            return error_hint(err, "element %" PRIu64 " of %s", i, SHOW(v->key));
    }
    return 0;
}

/* Keys and tensor names are shown to people and compared: text without control characters only. */
static bool is_text(struct gguf_string s)
{
    size_t bad = 0;
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.data[i] < 0x20 || s.data[i] == 0x7f)
            return false;
    return utf8_valid(s.data, s.len, &bad);
}

static int read_value(struct reader *r, struct gguf_value *v, struct error *err)
{
    v->at = r->pos;
    if (read_string(r, "a key", &v->key, err))
        return -1;
    if (v->key.len == 0 || v->key.len > MAX_KEY)
        return error_at_byte(err, r->file, (int64_t)v->at,
                             "a key is %zu bytes long (allowed 1..%d)", v->key.len, MAX_KEY);
    if (!is_text(v->key))
        return error_at_byte(err, r->file, (int64_t)v->at + 8,
                             "the key '%s' is not text (bad UTF-8 or control characters in it)",
                             SHOW(v->key));
    const size_t type_at = r->pos;
    uint32_t type;
    if (reader_u32(r, &type, "a value's type", err))
        return -1;
    if (type >= GGUF_N_TYPES)
        return error_at_byte(err, r->file, (int64_t)type_at,
                             "key %s has value type %" PRIu32 " (allowed 0..%d)", SHOW(v->key),
                             type, GGUF_N_TYPES - 1);
    v->type = type;
    v->data_at = r->pos;
    if (type == GGUF_ARRAY)
        return read_array(r, v, err);
    if (type == GGUF_STRING) {
        struct gguf_string s;
        return read_string(r, "a string value", &s, err);
    }
    const uint8_t *bytes;
    return reader_bytes(r, types[type].size, &bytes, "a value", err);
}

/* The sizes step by step: rows of whole blocks, bytes, the end in the file. */
static int tensor_bytes(struct reader *r, struct gguf_tensor *t, struct error *err)
{
    const struct weight_format *format = weight_format(t->type);
    if (!format) {
        error_at_byte(err, r->file, (int64_t)t->at,
                      "tensor %s has type %" PRIu32 ", which is not read", SHOW(t->name), t->type);
        return error_hint(err, "types read are F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, "
                               "Q4_K, Q5_K, Q6_K and IQ4_NL");
    }
    if (t->dims[0] % format->block)
        return error_at_byte(err, r->file, (int64_t)t->at,
                             "tensor %s: a row of %" PRIu64
                             " weights is not a multiple of %s's block of %zu",
                             SHOW(t->name), t->dims[0], format->name, format->block);
    size_t elements = 1, bytes;
    for (uint32_t i = 0; i < t->n_dims; i++)
        if (!size_mul(elements, (size_t)t->dims[i], &elements))
            goto too_big;
    if (!size_mul(elements / format->block, format->bytes, &bytes) || bytes > (size_t)INT64_MAX)
        goto too_big;
    t->bytes = bytes;
    return 0;
too_big:
    return error_at_byte(err, r->file, (int64_t)t->at,
                         "tensor %s: the tensor size does not fit (%" PRIu64 " x %" PRIu64
                         " x %" PRIu64 " x %" PRIu64 " %s weights)",
                         SHOW(t->name), t->dims[0], t->dims[1], t->dims[2], t->dims[3],
                         format->name);
}

static int read_tensor(struct reader *r, struct gguf_tensor *t, struct error *err)
{
    t->at = r->pos;
    if (read_string(r, "a tensor's name", &t->name, err))
        return -1;
    if (t->name.len == 0 || t->name.len > MAX_NAME)
        return error_at_byte(err, r->file, (int64_t)t->at,
                             "the tensor name '%s' is %zu bytes long (allowed 1..%d)",
                             SHOW(t->name), t->name.len, MAX_NAME);
    if (!is_text(t->name))
        return error_at_byte(err, r->file, (int64_t)t->at + 8,
                             "the tensor name '%s' is not text (bad UTF-8 or control characters "
                             "in it)", SHOW(t->name));
    if (reader_u32(r, &t->n_dims, "a tensor's number of dimensions", err))
        return -1;
    if (t->n_dims < 1 || t->n_dims > GGUF_MAX_DIMS)
        return error_at_byte(err, r->file, (int64_t)r->pos - 4,
                             "tensor %s has %" PRIu32 " dimensions (allowed 1..%d)",
                             SHOW(t->name), t->n_dims, GGUF_MAX_DIMS);
    for (uint32_t i = 0; i < GGUF_MAX_DIMS; i++)
        t->dims[i] = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        if (reader_u64(r, &t->dims[i], "a tensor's dimension", err))
            return -1;
        if (t->dims[i] > (uint64_t)INT64_MAX)
            return error_at_byte(err, r->file, (int64_t)r->pos - 8,
                                 "tensor %s: dimension %" PRIu32 " is negative (%" PRId64 ")",
                                 SHOW(t->name), i, (int64_t)t->dims[i]);
    }
    if (reader_u32(r, &t->type, "a tensor's type", err) ||
        reader_u64(r, &t->data_at, "a tensor's offset", err))
        return -1;
    return tensor_bytes(r, t, err);
}

/* ---- sorted indices ---- */

static int string_compare(struct gguf_string a, struct gguf_string b)
{
    const size_t n = a.len < b.len ? a.len : b.len;
    const int c = memcmp(a.data, b.data, n);
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

struct sort_item {
    struct gguf_string s;
    uint32_t index;
};

static int item_compare(const void *a, const void *b)
{
    const struct sort_item *x = a, *y = b;
    const int c = string_compare(x->s, y->s);
    return c ? c : (x->index > y->index) - (x->index < y->index);
}

/* The indices 0..n-1 in the order of their names; *twin is the later of two equal ones, or n. */
static uint32_t *sort_names(struct sort_item *items, size_t n, uint32_t *first, uint32_t *twin)
{
    if (n)
        qsort(items, n, sizeof *items, item_compare);
    uint32_t *sorted = xmalloc((n + 1) * sizeof *sorted);
    *twin = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = items[i].index;
        if (i > 0 && *twin == n && string_compare(items[i - 1].s, items[i].s) == 0) {
            *first = items[i - 1].index;
            *twin = items[i].index;
        }
    }
    free(items);
    return sorted;
}

static int sort_keys(struct gguf *g, struct error *err)
{
    struct sort_item *items = xmalloc((g->n_values + 1) * sizeof *items);
    for (size_t i = 0; i < g->n_values; i++)
        items[i] = (struct sort_item){g->values[i].key, (uint32_t)i};
    uint32_t first = 0, twin;
    g->by_key = sort_names(items, g->n_values, &first, &twin);
    if (twin == g->n_values)
        return 0;
    return error_at_byte(err, g->file, (int64_t)g->values[twin].at,
                         "the key %s stands twice (first at byte 0x%zx)",
                         SHOW(g->values[twin].key), g->values[first].at);
}

static int sort_tensors(struct gguf *g, struct error *err)
{
    struct sort_item *items = xmalloc((g->n_tensors + 1) * sizeof *items);
    for (size_t i = 0; i < g->n_tensors; i++)
        items[i] = (struct sort_item){g->tensors[i].name, (uint32_t)i};
    uint32_t first = 0, twin;
    g->by_name = sort_names(items, g->n_tensors, &first, &twin);
    if (twin == g->n_tensors)
        return 0;
    return error_at_byte(err, g->file, (int64_t)g->tensors[twin].at,
                         "the tensor %s stands twice (first at byte 0x%zx)",
                         SHOW(g->tensors[twin].name), g->tensors[first].at);
}

/* ---- ranges of the data ---- */

static int range_compare(const void *a, const void *b)
{
    const struct gguf_tensor *const *x = a, *const *y = b;
    if ((*x)->data_at != (*y)->data_at)
        return (*x)->data_at < (*y)->data_at ? -1 : 1;
    return ((*x)->bytes > (*y)->bytes) - ((*x)->bytes < (*y)->bytes);
}

/* Offsets in the file are relative to `start`: makes them absolute. */
static int place_tensor(const struct gguf *g, struct gguf_tensor *t, size_t start,
                        struct error *err)
{
    const uint64_t offset = t->data_at;
    if (offset % g->alignment)
        return error_at_byte(err, g->file, (int64_t)t->at,
                             "tensor %s: offset %" PRIu64 " is not a multiple of %" PRIu32
                             " (general.alignment)",
                             SHOW(t->name), offset, g->alignment);
    size_t begin, end;
    if (!size_add(start, (size_t)offset, &begin) || !size_add(begin, (size_t)t->bytes, &end))
        return error_at_byte(err, g->file, (int64_t)t->at,
                             "tensor %s: the tensor size does not fit (offset %" PRIu64
                             ", %" PRIu64 " bytes)",
                             SHOW(t->name), offset, t->bytes);
    if (end > g->size)
        return error_at_byte(err, g->file, (int64_t)t->at,
                             "tensor %s ends at byte %zu, but the file has %zu bytes (%zu missing)",
                             SHOW(t->name), end, g->size, end - g->size);
    t->data_at = begin;
    return 0;
}

static int check_ranges(struct gguf *g, size_t start, struct error *err)
{
    if (g->n_tensors == 0) {
        if (g->size > start)
            return error_at_byte(err, g->file, (int64_t)g->header_bytes,
                                 "%zu bytes stand behind the header, which lists no tensors",
                                 g->size - g->header_bytes);
        return 0;
    }
    const struct gguf_tensor **order = xmalloc(g->n_tensors * sizeof *order);
    for (size_t i = 0; i < g->n_tensors; i++)
        order[i] = &g->tensors[i];
    qsort(order, g->n_tensors, sizeof *order, range_compare);
    int status = 0;
    uint64_t end = start;
    const struct gguf_tensor *last = NULL;
    for (size_t i = 0; i < g->n_tensors && !status; i++) {
        const struct gguf_tensor *t = order[i];
        if (t->data_at < end)
            status = error_at_byte(err, g->file, (int64_t)t->at,
                                   "the data of tensor %s begins at byte %" PRIu64
                                   ", inside that of %s, which ends at byte %" PRIu64,
                                   SHOW(t->name), t->data_at,
                                   last ? SHOW(last->name) : "the header", end);
        else if (t->data_at - end >= g->alignment)
            status = error_at_byte(err, g->file, (int64_t)t->at,
                                   "a hole of %" PRIu64 " bytes stands before the data of tensor "
                                   "%s at byte %" PRIu64,
                                   t->data_at - end, SHOW(t->name), t->data_at);
        end = t->data_at + t->bytes;
        last = t;
    }
    if (!status && g->size - end >= g->alignment)
        status = error_at_byte(err, g->file, (int64_t)end,
                               "%zu bytes stand behind the last tensor, %s",
                               g->size - (size_t)end, SHOW(last->name));
    free(order);
    return status;
}

/* ---- the whole ---- */

static int read_alignment(struct gguf *g, struct error *err)
{
    g->alignment = 32;
    const struct gguf_value *v = gguf_find(g, "general.alignment");
    if (!v)
        return 0;
    if (v->type != GGUF_U32)
        return error_at_byte(err, g->file, (int64_t)v->at,
                             "general.alignment is of type %s (allowed: u32)",
                             gguf_type_name(v->type));
    const uint32_t a = load_u32(g->data + v->data_at);
    if (a < MIN_ALIGNMENT || a > MAX_ALIGNMENT || (a & (a - 1)))
        return error_at_byte(err, g->file, (int64_t)v->data_at,
                             "general.alignment is %" PRIu32 " (allowed: powers of two, %d..%d)",
                             a, MIN_ALIGNMENT, MAX_ALIGNMENT);
    g->alignment = a;
    return 0;
}

static int read_counts(struct gguf *g, struct reader *r, struct error *err)
{
    uint64_t n_tensors, n_values;
    if (reader_u64(r, &n_tensors, "the number of tensors", err) ||
        reader_u64(r, &n_values, "the number of keys", err))
        return -1;
    const size_t left = reader_left(r);
    if (n_tensors > left / MIN_TENSOR_BYTES || n_tensors > MAX_TENSORS)
        return error_at_byte(err, r->file, 8,
                             "the file claims %" PRIu64 " tensors, but %zu bytes left hold at "
                             "most %zu (allowed: %d)",
                             n_tensors, left, left / MIN_TENSOR_BYTES, MAX_TENSORS);
    if (n_values > left / MIN_VALUE_BYTES || n_values > MAX_VALUES)
        return error_at_byte(err, r->file, 16,
                             "the file claims %" PRIu64 " keys, but %zu bytes left hold at "
                             "most %zu (allowed: %d)",
                             n_values, left, left / MIN_VALUE_BYTES, MAX_VALUES);
    g->n_tensors = (size_t)n_tensors;
    g->n_values = (size_t)n_values;
    return 0;
}

/* A wrong count shows as nonsense in the entry behind: say which entry, and where the one before ended. */
static int entry_hint(struct error *err, const char *kind, size_t i, size_t n, size_t at,
                      const char *before)
{
    if (err && err->hint[0])
        return -1;
    if (!before[0])
        return error_hint(err, "%s 1 of %zu, at byte 0x%zx", kind, n, at);
    return error_hint(err, "%s %zu of %zu; %s before it ended at byte 0x%zx", kind, i + 1, n,
                      before, at);
}

static int read_entries(struct gguf *g, struct reader *r, struct error *err)
{
    g->values = xcalloc(g->n_values + 1, sizeof *g->values);
    g->tensors = xcalloc(g->n_tensors + 1, sizeof *g->tensors);
    for (size_t i = 0; i < g->n_values; i++) {
        const size_t at = r->pos;
        if (read_value(r, &g->values[i], err))
            return entry_hint(err, "key", i, g->n_values, at,
                              i ? SHOW(g->values[i - 1].key) : "");
    }
    if (sort_keys(g, err) || read_alignment(g, err))
        return -1;
    for (size_t i = 0; i < g->n_tensors; i++) {
        const size_t at = r->pos;
        if (read_tensor(r, &g->tensors[i], err))
            return entry_hint(err, "tensor", i, g->n_tensors, at,
                              i                ? SHOW(g->tensors[i - 1].name)
                              : g->n_values    ? SHOW(g->values[g->n_values - 1].key)
                                               : "");
    }
    g->header_bytes = r->pos;
    return sort_tensors(g, err);
}

static int parse(struct gguf *g, struct reader *r, struct error *err)
{
    if (gguf_kind_check(r->data, r->size, r->file, err))
        return -1;
    r->pos = 4;
    if (reader_u32(r, &g->version, "the version", err))
        return -1;
    if (g->version != 2 && g->version != 3) {
        const bool swapped = g->version && (g->version & 0xffff) == 0;
        return error_at_byte(err, r->file, 4, "GGUF version %" PRIu32 " is not read (allowed: 2, 3)%s",
                             g->version, swapped ? ": this is a big-endian file" : "");
    }
    if (read_counts(g, r, err) || read_entries(g, r, err))
        return -1;
    size_t start;
    if (!size_pad(r->pos, g->alignment, &start))
        return error_at_byte(err, r->file, (int64_t)r->pos, "the header size does not fit");
    for (size_t i = 0; i < g->n_tensors; i++)
        if (place_tensor(g, &g->tensors[i], start, err))
            return -1;
    return check_ranges(g, start, err);
}

int gguf_parse(struct gguf *out, const void *data, size_t size, const char *file,
               struct error *err)
{
    *out = (struct gguf){.file = file, .data = data, .size = size};
    struct reader r;
    reader_init(&r, data, size, file);
    if (parse(out, &r, err) == 0)
        return 0;
    gguf_release(out);
    return -1;
}

void gguf_release(struct gguf *gguf)
{
    free(gguf->values);
    free(gguf->tensors);
    free(gguf->by_key);
    free(gguf->by_name);
    *gguf = (struct gguf){0};
}
