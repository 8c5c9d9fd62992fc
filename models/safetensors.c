/* Reading: the header by a scanner of our own, which knows the byte of everything and
 * cannot nest. */
#include "models/safetensors.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/gguf.h"
#include "models/quant.h"
#include "src/base/mem.h"
#include "src/base/text.h"

enum { MAX_NOTES = 100000, LENGTH_BYTES = 8 };

static const struct {
    const char *name;
    size_t bytes;
} types[ST_N_TYPES] = {
    [ST_BOOL] = {"BOOL", 1}, [ST_U8] = {"U8", 1},   [ST_I8] = {"I8", 1},
    [ST_I16] = {"I16", 2},   [ST_U16] = {"U16", 2}, [ST_F16] = {"F16", 2},
    [ST_BF16] = {"BF16", 2}, [ST_I32] = {"I32", 4}, [ST_U32] = {"U32", 4},
    [ST_F32] = {"F32", 4},   [ST_F64] = {"F64", 8}, [ST_I64] = {"I64", 8},
    [ST_U64] = {"U64", 8},
};

const char *st_type_name(enum st_type type)
{
    return types[type].name;
}

size_t st_type_bytes(enum st_type type)
{
    return types[type].bytes;
}

#define SHOW_NAME(text) SHOW(((struct gguf_string){(text), strlen(text)}))

/* ---- the scanner ---- */

struct scan {
    const char *text; /* the header */
    size_t len, pos;
    const char *file;
    char *out; /* where unescaped strings go: as long as the header at most */
    size_t n_tensors_cap, n_notes_cap;
    struct safetensors *st;
};

static int fail(const struct scan *s, size_t pos, struct error *err, const char *what)
{
    return error_at_byte(err, s->file, (int64_t)(LENGTH_BYTES + pos), "%s", what);
}

static void skip_blanks(struct scan *s)
{
    while (s->pos < s->len && strchr(" \t\r\n", s->text[s->pos]) && s->text[s->pos])
        s->pos++;
}

/* The next character that is not blank; 0 at the end (or a NUL, which is no JSON either). */
static char peek(struct scan *s)
{
    skip_blanks(s);
    return s->pos < s->len ? s->text[s->pos] : 0;
}

static int expect(struct scan *s, char c, const char *where, struct error *err)
{
    const char found = peek(s);
    if (found == c) {
        s->pos++;
        return 0;
    }
    char text[160];
    if (s->pos >= s->len)
        snprintf(text, sizeof text, "the header ends %s, where '%c' is due", where, c);
    else
        snprintf(text, sizeof text, "'%c' is due %s, not %s", c, where,
                 SHOW(((struct gguf_string){s->text + s->pos, 1})));
    return fail(s, s->pos, err, text);
}

/* Between two members: true when another one follows, false at the closing bracket. */
static int next_member(struct scan *s, char close, bool first, const char *where, bool *more,
                       struct error *err)
{
    const char c = peek(s);
    *more = c != close;
    if (!*more) {
        s->pos++;
        return 0;
    }
    return first ? 0 : expect(s, ',', where, err);
}

static int hex4(const struct scan *s, size_t at, uint32_t *out)
{
    *out = 0;
    for (size_t i = at; i < at + 4; i++) {
        if (i >= s->len)
            return -1;
        const char c = s->text[i], low = (char)(c | 32);
        if (c >= '0' && c <= '9')
            *out = *out * 16 + (uint32_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            *out = *out * 16 + (uint32_t)(low - 'a' + 10);
        else
            return -1;
    }
    return 0;
}

/* \uXXXX at pos (behind the u), a pair of surrogates together. */
static int read_unicode(struct scan *s, struct error *err)
{
    uint32_t code, low;
    if (hex4(s, s->pos, &code))
        return fail(s, s->pos, err, "\\u needs four hexadecimal digits");
    const size_t at = s->pos;
    s->pos += 4;
    if (code >= 0xD800 && code <= 0xDFFF) {
        if (code > 0xDBFF || s->pos + 6 > s->len || s->text[s->pos] != '\\' ||
            s->text[s->pos + 1] != 'u' || hex4(s, s->pos + 2, &low) || low < 0xDC00 ||
            low > 0xDFFF)
            return fail(s, at, err, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        s->pos += 6;
    }
    if (code == 0)
        return fail(s, at, err, "a NUL in a text (\\u0000)");
    s->out += utf8_encode(code, s->out);
    return 0;
}

static int read_escape(struct scan *s, struct error *err)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (s->pos >= s->len)
        return fail(s, s->pos, err, "the header ends inside a text");
    const char c = s->text[s->pos++];
    const char *found = c ? strchr(from, c) : NULL;
    if (c == 'u')
        return read_unicode(s, err);
    if (!found)
        return fail(s, s->pos - 1, err, "an escape that JSON does not have");
    *s->out++ = to[found - from];
    return 0;
}

/* A string; *out is NUL-terminated, in the arena. */
static int read_string(struct scan *s, const char *where, const char **out, struct error *err)
{
    if (expect(s, '"', where, err))
        return -1;
    *out = s->out;
    while (s->pos < s->len && s->text[s->pos] != '"') {
        const unsigned char c = (unsigned char)s->text[s->pos];
        if (c < 0x20)
            return fail(s, s->pos, err, "a control character in a text");
        s->pos++;
        if (c != '\\')
            *s->out++ = (char)c;
        else if (read_escape(s, err))
            return -1;
    }
    if (s->pos >= s->len)
        return fail(s, s->pos, err, "the header ends inside a text");
    s->pos++;
    *s->out++ = 0;
    return 0;
}

/* A whole number without sign, point and exponent. */
static int read_whole(struct scan *s, const char *tensor, const char *field, uint64_t *out,
                      struct error *err)
{
    const char c = peek(s);
    const size_t at = s->pos;
    bool fits = c >= '0' && c <= '9';
    *out = 0;
    while (fits && s->pos < s->len && s->text[s->pos] >= '0' && s->text[s->pos] <= '9') {
        const uint64_t digit = (uint64_t)(s->text[s->pos++] - '0');
        fits = !__builtin_mul_overflow(*out, 10, out) && !__builtin_add_overflow(*out, digit, out);
    }
    if (fits && (c != '0' || s->pos == at + 1) &&
        (s->pos >= s->len || !strchr(".eE", s->text[s->pos]) || !s->text[s->pos]))
        return 0;
    size_t shown = 0;
    while (shown < 40 && at + shown < s->len && !strchr(",] }\n", s->text[at + shown]))
        shown++;
    return error_at_byte(err, s->file, (int64_t)(LENGTH_BYTES + at),
                         "tensor %s: %s holds %s (allowed: whole numbers from 0 to 2^64 - 1)",
                         SHOW_NAME(tensor), field,
                         SHOW(((struct gguf_string){s->text + at, shown})));
}

/* ---- entries ---- */

static int read_notes(struct scan *s, struct error *err)
{
    struct safetensors *st = s->st;
    if (expect(s, '{', "behind \"__metadata__\":", err))
        return -1;
    for (bool more, first = true;; first = false) {
        struct st_note note;
        if (next_member(s, '}', first, "in __metadata__", &more, err))
            return -1;
        if (!more)
            return 0;
        if (st->n_notes == MAX_NOTES)
            return fail(s, s->pos, err, "more than 100000 keys in __metadata__");
        if (read_string(s, "as a key of __metadata__", &note.key, err) ||
            expect(s, ':', "behind a key of __metadata__", err) ||
            read_string(s, "as a value of __metadata__ (texts only)", &note.value, err))
            return -1;
        st->notes = array_grow(st->notes, st->n_notes, &s->n_notes_cap, sizeof *st->notes);
        st->notes[st->n_notes++] = note;
    }
}

static int read_type(struct scan *s, struct st_tensor *t, struct error *err)
{
    const char *name;
    const size_t at = (peek(s), s->pos);
    if (read_string(s, "as dtype", &name, err))
        return -1;
    for (int i = 0; i < ST_N_TYPES; i++)
        if (strcmp(types[i].name, name) == 0) {
            t->type = (enum st_type)i;
            return 0;
        }
    return error_at_byte(err, s->file, (int64_t)(LENGTH_BYTES + at),
                         "tensor %s has the type %s, which is not read", SHOW_NAME(t->name),
                         SHOW_NAME(name));
}

static int read_shape(struct scan *s, struct st_tensor *t, struct error *err)
{
    if (expect(s, '[', "behind \"shape\":", err))
        return -1;
    for (bool more, first = true;; first = false) {
        if (next_member(s, ']', first, "in a shape", &more, err))
            return -1;
        if (!more)
            return 0;
        if (t->n_dims == ST_MAX_DIMS)
            return error_at_byte(err, s->file, (int64_t)(LENGTH_BYTES + s->pos),
                                 "tensor %s has more than %d dimensions", SHOW_NAME(t->name),
                                 ST_MAX_DIMS);
        if (read_whole(s, t->name, "shape", &t->dims[t->n_dims], err))
            return -1;
        t->n_dims++;
    }
}

/* begin and end of the data; kept in data_at and bytes until all is known. */
static int read_range(struct scan *s, struct st_tensor *t, uint64_t range[2], struct error *err)
{
    if (expect(s, '[', "behind \"data_offsets\":", err) ||
        read_whole(s, t->name, "data_offsets", &range[0], err) ||
        expect(s, ',', "between the two data_offsets", err) ||
        read_whole(s, t->name, "data_offsets", &range[1], err) ||
        expect(s, ']', "behind the two data_offsets", err))
        return -1;
    return 0;
}

static int check_tensor(const struct scan *s, struct st_tensor *t, const uint64_t range[2],
                        struct error *err)
{
    const struct safetensors *st = s->st;
    const uint64_t room = st->size - st->header_bytes;
    uint64_t bytes = 1;
    bool fits = true;
    for (uint32_t i = 0; i < t->n_dims; i++)
        fits = !__builtin_mul_overflow(bytes, t->dims[i], &bytes) && fits;
    t->count = bytes;
    fits = !__builtin_mul_overflow(bytes, types[t->type].bytes, &bytes) && fits;
    if (!fits)
        return error_at_byte(err, st->file, (int64_t)t->at,
                             "tensor %s: the size of its shape does not fit into 64 bits",
                             SHOW_NAME(t->name));
    if (range[1] < range[0])
        return error_at_byte(err, st->file, (int64_t)t->at,
                             "tensor %s ends at %" PRIu64 ", before it begins at %" PRIu64,
                             SHOW_NAME(t->name), range[1], range[0]);
    if (range[1] > room) {
        error_at_byte(err, st->file, (int64_t)t->at,
                      "tensor %s ends at byte %" PRIu64 " of the data, but the file has %" PRIu64,
                      SHOW_NAME(t->name), range[1], room);
        return error_hint(err, "the file is cut: fetch or write it again");
    }
    if (range[1] - range[0] != bytes)
        return error_at_byte(err, st->file, (int64_t)t->at,
                             "tensor %s: shape x type is %" PRIu64
                             " bytes, but its data_offsets are %" PRIu64 " bytes apart",
                             SHOW_NAME(t->name), bytes, range[1] - range[0]);
    t->bytes = bytes;
    t->data_at = st->header_bytes + (size_t)range[0];
    t->data = st->data + t->data_at;
    return 0;
}

static int read_tensor(struct scan *s, const char *name, size_t at, struct error *err)
{
    static const char *const fields[] = {"dtype", "shape", "data_offsets"};
    struct safetensors *st = s->st;
    struct st_tensor t = {.name = name, .at = LENGTH_BYTES + at};
    uint64_t range[2] = {0, 0};
    unsigned seen = 0;
    if (st->n_tensors == ST_MAX_TENSORS)
        return fail(s, at, err, "more than 100000 tensors (allowed: 100000)");
    if (expect(s, '{', "behind a tensor's name", err))
        return -1;
    for (bool more, first = true;; first = false) {
        const char *key;
        unsigned field = 0;
        if (next_member(s, '}', first, "in a tensor's entry", &more, err))
            return -1;
        if (!more)
            break;
        const size_t key_at = (peek(s), s->pos);
        char *mark = s->out;
        if (read_string(s, "as a field of a tensor", &key, err))
            return -1;
        while (field < 3 && strcmp(key, fields[field]) != 0)
            field++;
        if (field == 3 || seen & 1u << field)
            return error_at_byte(err, s->file, (int64_t)(LENGTH_BYTES + key_at),
                                 "tensor %s: the field %s %s", SHOW_NAME(name), SHOW_NAME(key),
                                 field == 3 ? "is not known (allowed: dtype, shape, data_offsets)"
                                            : "stands here a second time");
        s->out = mark;
        seen |= 1u << field;
        if (expect(s, ':', "behind a field's name", err) ||
            (field == 0 ? read_type(s, &t, err)
             : field == 1 ? read_shape(s, &t, err) : read_range(s, &t, range, err)))
            return -1;
    }
    for (unsigned i = 0; i < 3; i++)
        if (!(seen & 1u << i))
            return error_at_byte(err, s->file, (int64_t)t.at, "tensor %s has no %s",
                                 SHOW_NAME(name), fields[i]);
    if (check_tensor(s, &t, range, err))
        return -1;
    st->tensors = array_grow(st->tensors, st->n_tensors, &s->n_tensors_cap, sizeof *st->tensors);
    st->tensors[st->n_tensors++] = t;
    return 0;
}

static int read_header(struct scan *s, struct error *err)
{
    bool notes = false;
    s->pos = 1; /* the brace was looked at */
    for (bool more, first = true;; first = false) {
        const char *name;
        if (next_member(s, '}', first, "between two tensors", &more, err))
            return -1;
        if (!more)
            break;
        const size_t at = (peek(s), s->pos);
        if (read_string(s, "as a tensor's name", &name, err) ||
            expect(s, ':', "behind a tensor's name", err))
            return -1;
        if (strcmp(name, "__metadata__") == 0) {
            if (notes)
                return fail(s, at, err, "__metadata__ stands here a second time");
            notes = true;
            if (read_notes(s, err))
                return -1;
        } else if (read_tensor(s, name, at, err)) {
            return -1;
        }
    }
    skip_blanks(s);
    if (s->pos < s->len)
        return fail(s, s->pos, err, "the header goes on behind its closing brace");
    return 0;
}

/* ---- the file as a whole ---- */

static int by_place(const void *a, const void *b)
{
    const struct st_tensor *x = a, *y = b;
    if (x->data_at != y->data_at)
        return x->data_at < y->data_at ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct st_tensor *const *)a)->name,
                  (*(const struct st_tensor *const *)b)->name);
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const struct st_note *const *)a)->key,
                  (*(const struct st_note *const *)b)->key);
}

static int check_names(struct safetensors *st, struct error *err)
{
    st->by_name = xmalloc((st->n_tensors + 1) * sizeof *st->by_name);
    for (size_t i = 0; i < st->n_tensors; i++)
        st->by_name[i] = &st->tensors[i];
    qsort(st->by_name, st->n_tensors, sizeof *st->by_name, by_name);
    for (size_t i = 1; i < st->n_tensors; i++) {
        const struct st_tensor *a = st->by_name[i - 1], *b = st->by_name[i];
        if (strcmp(a->name, b->name) == 0)
            return error_at_byte(err, st->file, (int64_t)(a->at > b->at ? a->at : b->at),
                                 "tensor %s stands here a second time (first at byte 0x%zx)",
                                 SHOW_NAME(a->name), a->at < b->at ? a->at : b->at);
    }
    const struct st_note **keys = xmalloc((st->n_notes + 1) * sizeof *keys);
    for (size_t i = 0; i < st->n_notes; i++)
        keys[i] = &st->notes[i];
    qsort(keys, st->n_notes, sizeof *keys, by_key);
    int status = 0;
    for (size_t i = 1; i < st->n_notes && !status; i++)
        if (strcmp(keys[i - 1]->key, keys[i]->key) == 0)
            status = error_at_byte(err, st->file, LENGTH_BYTES,
                                   "the key %s stands twice in __metadata__",
                                   SHOW_NAME(keys[i]->key));
    free(keys);
    return status;
}

/* In the order of their data, each tensor begins where the one before ends. */
static int check_ranges(const struct safetensors *st, struct error *err)
{
    const char *before = NULL;
    size_t end = st->header_bytes;
    for (size_t i = 0; i < st->n_tensors; i++) {
        const struct st_tensor *t = &st->tensors[i];
        const size_t base = st->header_bytes;
        if (t->data_at > end)
            return error_at_byte(err, st->file, (int64_t)end,
                                 "no tensor has the data from %zu to %zu, between %s and %s",
                                 end - base, t->data_at - base,
                                 before ? SHOW_NAME(before) : "the header", SHOW_NAME(t->name));
        if (t->data_at < end)
            return error_at_byte(
                err, st->file, (int64_t)t->data_at,
                "tensors %s (%zu..%zu) and %s (%zu..%zu) overlap", SHOW_NAME(before),
                st->tensors[i - 1].data_at - base, end - base, SHOW_NAME(t->name),
                t->data_at - base, t->data_at - base + (size_t)t->bytes);
        end = t->data_at + (size_t)t->bytes;
        before = t->name;
    }
    if (end == st->size)
        return 0;
    return error_at_byte(err, st->file, (int64_t)end, "%zu bytes stand behind the end of %s",
                         st->size - end, before ? SHOW_NAME(before) : "the header");
}

static int parse(struct safetensors *st, struct error *err)
{
    uint64_t len = 0;
    if (st->size < LENGTH_BYTES)
        return error_at_byte(err, st->file, 0,
                             "the file ends inside the header's length (needs 8 bytes, has %zu)",
                             st->size);
    memcpy(&len, st->data, sizeof len);
    if (len > ST_MAX_HEADER || len < 2 || len > st->size - LENGTH_BYTES) {
        error_at_byte(err, st->file, 0,
                      "the header is said to be %" PRIu64
                      " bytes long (allowed 2..%zu), and %zu bytes follow",
                      len, ST_MAX_HEADER, st->size - LENGTH_BYTES);
        return error_hint(err, "the file is cut, or not safetensors");
    }
    st->header_bytes = LENGTH_BYTES + (size_t)len;
    struct scan s = {.text = (const char *)st->data + LENGTH_BYTES, .len = (size_t)len,
                     .file = st->file, .st = st};
    size_t bad;
    if (s.text[0] != '{')
        return error_at_byte(err, st->file, LENGTH_BYTES, "the header begins with %s, not with {",
                             SHOW(((struct gguf_string){s.text, 1})));
    if (!utf8_valid(s.text, s.len, &bad))
        return fail(&s, bad, err, "the header is not UTF-8");
    st->text = mem_try(s.len + 1, "a safetensors header", err);
    if (!st->text)
        return -1;
    s.out = st->text;
    if (read_header(&s, err))
        return -1;
    if (st->n_tensors)
        qsort(st->tensors, st->n_tensors, sizeof *st->tensors, by_place);
    return check_names(st, err) || check_ranges(st, err) ? -1 : 0;
}

int safetensors_parse(struct safetensors *out, const void *data, size_t size, const char *file,
                      struct error *err)
{
    *out = (struct safetensors){.file = xstrdup(file), .data = data, .size = size, .fd = -1};
    if (parse(out, err) == 0)
        return 0;
    safetensors_release(out);
    return -1;
}

/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
static int map_file(struct safetensors *st, struct error *err)
{
    struct stat info;
    st->fd = open(st->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (st->fd < 0)
        return error_errno(err, st->file, "cannot open");
    if (fstat(st->fd, &info))
        return error_errno(err, st->file, "cannot look at");
    if (!S_ISREG(info.st_mode))
        return error_at_byte(err, st->file, -1, "not a regular file");
    st->size = (size_t)info.st_size;
    if (st->size == 0)
        return 0;
    st->map = mmap(NULL, st->size, PROT_READ, MAP_SHARED, st->fd, 0);
    if (st->map == MAP_FAILED) {
        st->map = NULL;
        return error_errno(err, st->file, "cannot map");
    }
    st->data = st->map;
    return 0;
}

int safetensors_open(struct safetensors *out, const char *path, struct error *err)
{
    *out = (struct safetensors){.file = xstrdup(path), .fd = -1};
    if (map_file(out, err) == 0 && parse(out, err) == 0)
        return 0;
    safetensors_release(out);
    return -1;
}

void safetensors_release(struct safetensors *st)
{
    if (st->map)
        munmap(st->map, st->size);
    if (st->file && st->fd >= 0) /* a zeroed one has neither */
        close(st->fd);
    free(st->file);
    free(st->tensors);
    free(st->notes);
    free(st->by_name);
    free(st->text);
    *st = (struct safetensors){.fd = -1};
}

/* ---- what is in it ---- */

const struct st_tensor *safetensors_find(const struct safetensors *st, const char *name)
{
    size_t low = 0, high = st->n_tensors;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const struct st_tensor *t = st->by_name[mid];
        const int order = strcmp(name, t->name);
        if (order == 0)
            return t;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

const char *safetensors_note(const struct safetensors *st, const char *key)
{
    for (size_t i = 0; i < st->n_notes; i++)
        if (strcmp(st->notes[i].key, key) == 0)
            return st->notes[i].value;
    return NULL;
}

static const struct weight_format *format_of(enum st_type type)
{
    return type == ST_F32    ? weight_format(WEIGHT_F32)
           : type == ST_F16  ? weight_format(WEIGHT_F16)
           : type == ST_BF16 ? weight_format(WEIGHT_BF16)
                             : NULL;
}

int safetensors_weight(const struct safetensors *st, const struct st_tensor *tensor,
                       struct weight *out, struct error *err)
{
    const struct weight_format *format = format_of(tensor->type);
    if (!format)
        return error_at_byte(err, st->file, (int64_t)tensor->at,
                             "tensor %s has the type %s (allowed: F32, F16, BF16)",
                             SHOW_NAME(tensor->name), st_type_name(tensor->type));
    if (tensor->n_dims < 1 || tensor->n_dims > 2)
        return error_at_byte(err, st->file, (int64_t)tensor->at,
                             "tensor %s has %" PRIu32 " dimensions (allowed: 1, 2)",
                             SHOW_NAME(tensor->name), tensor->n_dims);
    const bool matrix = tensor->n_dims == 2;
    *out = (struct weight){.format = format, .data = tensor->data,
                           .rows = matrix ? (size_t)tensor->dims[0] : 1,
                           .cols = (size_t)tensor->dims[matrix ? 1 : 0]};
    out->row_bytes = out->cols * format->bytes;
    return 0;
}

static size_t first_bad_f64(const struct st_tensor *t)
{
    for (size_t i = 0; i < t->count; i++) {
        double x;
        memcpy(&x, t->data + 8 * i, sizeof x);
        if (!isfinite(x))
            return i;
    }
    return (size_t)t->count;
}

int safetensors_check_finite(const struct safetensors *st, struct error *err)
{
    for (size_t i = 0; i < st->n_tensors; i++) {
        const struct st_tensor *t = &st->tensors[i];
        const struct weight_format *format = format_of(t->type);
        size_t first = (size_t)t->count;
        if (format && t->count > 0) {
            const struct weight row = {.format = format, .data = t->data, .rows = 1,
                                       .cols = (size_t)t->count, .row_bytes = (size_t)t->bytes};
            size_t at = 0;
            if (weight_bad(&row, &at))
                first = at;
        } else if (t->type == ST_F64) {
            first = first_bad_f64(t);
        }
        if (first < t->count) {
            error_at_byte(err, st->file, (int64_t)(t->data_at + first * st_type_bytes(t->type)),
                          "tensor %s is NaN or infinite at index %zu", SHOW_NAME(t->name), first);
            return error_hint(err, "the file is damaged, or its training went wrong");
        }
    }
    return 0;
}
